/* What the state promises: one owner, nothing half done, clear refusals, and the answers that the judge builds on. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define NOW ((int64_t)1795400000)

struct fixture {
	char folder[64];
	struct conf conf;
	struct store *store;
	struct err err;
};

static void conf_default(struct conf *conf) {
	memset(conf, 0, sizeof(*conf));
	conf->devices.same_network.bits4 = 128;
	conf->devices.same_network.bits6 = 64;
	conf->devices.new_for = DAY;
}

static int start(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	conf_default(&f->conf);
	*state = f;
	return 0;
}

static void open_store(struct fixture *f) {
	if (store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err) != 0)
		fail_msg("%s", f->err.text);
	store_set_conf(f->store, &f->conf);
}

static int start_open(void **state) {
	(void)start(state);
	open_store(*state);
	return 0;
}

static int stop(void **state) {
	struct fixture *f = *state;
	char command[128];

	store_close(&f->store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

#define OK(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s", #call, f->err.text);                                                                    \
	} while (0)

static struct prefix network(const char *text) {
	struct prefix p;

	assert_true(prefix_parse(text, strlen(text), &p));
	return p;
}

static struct device device(uint64_t mac, const char *account, const char *home) {
	struct device d = {.mac = mac, .state = DEVICE_LOCKED, .reason = REASON_PROVISIONED, .created = NOW - DAY};

	(void)snprintf(d.account, sizeof(d.account), "%s", account);
	if (home) {
		d.homes.n = 1;
		d.homes.at[0] = (struct home){.at = network(home), .kind = HOME_PROVISIONED, .backed = true, .added = NOW};
		d.homes.at[0].kind = strchr(home, '/') ? HOME_GIVEN : HOME_PROVISIONED;
	}
	return d;
}

static void put_device(struct fixture *f, const struct device *d) {
	OK(store_begin(f->store, &f->err));
	OK(store_device_put(f->store, d, &f->err));
	OK(store_commit(f->store, &f->err));
}

static bool has_device(struct fixture *f, uint64_t mac) {
	struct device d;
	int found = store_device(f->store, mac, &d, &f->err);

	assert_true(found >= 0);
	return found == 1;
}

static void path_of(const struct fixture *f, const char *name, char out[128]) {
	(void)snprintf(out, 128, "%s/%s", f->folder, name);
}

static void run_sql(struct fixture *f, const char *sql) {
	struct db *db;
	char path[128];

	path_of(f, "state.db", path);
	OK(db_open(&db, path, DB_WRITE, &f->err));
	OK(db_script(db, sql, &f->err));
	db_close(&db);
}

/* ---- one owner, nothing half done ---- */

static void a_second_owner_is_refused_and_told_who_has_it(void **state) {
	struct fixture *f = *state;
	int ready[2], status;
	char byte, holder[32];
	bool busy = false;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *own;

		_Exit(store_open(&own, f->folder, STORE_OWN, 0, NULL, &f->err) != 0 || write(ready[1], "x", 1) != 1 ||
		      pause() != -1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(store_open(&f->store, f->folder, STORE_OWN, 50, &busy, &f->err), -1);
	assert_true(busy);
	assert_int_equal(f->err.class, ERR_SYSTEM);
	(void)snprintf(holder, sizeof(holder), "process %d;", (int)child);
	assert_non_null(strstr(f->err.text, holder));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	open_store(f);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void a_waiting_owner_gets_the_state_when_it_is_let_go(void **state) {
	struct fixture *f = *state;
	int ready[2], status;
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *own;
		int done = store_open(&own, f->folder, STORE_OWN, 0, NULL, &f->err);

		if (write(ready[1], "x", 1) != 1)
			done = 1;
		(void)usleep(100000);
		_Exit(done);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	OK(store_open(&f->store, f->folder, STORE_OWN, 5000, NULL, &f->err));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void a_process_that_dies_in_a_transaction_leaves_nothing_of_it(void **state) {
	struct fixture *f = *state;
	struct device first = device(0x001565000001, "a", "192.0.2.1"), second = device(0x001565000002, "a", "192.0.2.2");
	int64_t number;
	int status;
	pid_t child;

	open_store(f);
	put_device(f, &first);
	store_close(&f->store);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		open_store(f);
		OK(store_begin(f->store, &f->err));
		OK(store_device_put(f->store, &second, &f->err));
		OK(store_set_number(f->store, "x", 7, &f->err));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_store(f);
	assert_true(has_device(f, first.mac));
	assert_false(has_device(f, second.mac));
	OK(store_number(f->store, "x", &number, &f->err));
	assert_int_equal(number, 0);
	assert_int_equal(store_device_count(f->store), 1);
}

static void a_rollback_drops_what_is_held_in_memory_too(void **state) {
	struct fixture *f = *state;
	struct device d = device(0x001565000001, "a", "192.0.2.1");
	struct ban b = {.kind = BAN_BAN, .at = network("198.51.100.7"), .start = NOW, .until = NOW + HOUR};
	struct unpublished u;
	int64_t value, bans, pending;
	struct device got;

	put_device(f, &d);
	OK(store_ban_counts(f->store, NOW, &bans, &pending, &f->err));
	OK(store_begin(f->store, &f->err));
	OK(store_published(f->store, &(struct unpublished){.shard[1] = true}, NOW, &f->err));
	OK(store_commit(f->store, &f->err));
	OK(store_begin(f->store, &f->err));
	(void)snprintf(d.account, sizeof(d.account), "b");
	OK(store_device_put(f->store, &d, &f->err));
	OK(store_ban_put(f->store, &b, &f->err));
	OK(store_set_number(f->store, "x", 7, &f->err));
	OK(store_sum_add(f->store, "lines", 7, &f->err));
	store_rollback(f->store);
	assert_int_equal(store_device(f->store, d.mac, &got, &f->err), 1);
	assert_string_equal(got.account, "a");
	OK(store_number(f->store, "x", &value, &f->err));
	assert_int_equal(value, 0);
	OK(store_ban_counts(f->store, NOW, &bans, &pending, &f->err));
	assert_int_equal(bans, 0);
	OK(store_unpublished(f->store, &u, &f->err));
	assert_false(u.shard[1]);
	assert_false(u.bans);
}

static void what_was_committed_is_there_after_reopening(void **state) {
	struct fixture *f = *state;
	struct unpublished u;
	uint8_t key[16];
	int64_t value;

	OK(store_begin(f->store, &f->err));
	store_set_time(f->store, NOW);
	store_set_time(f->store, NOW - 5);
	OK(store_set_number(f->store, "x", -7, &f->err));
	OK(store_mark_unpublished(f->store, &(struct unpublished){.shard[0xef] = true, .bans = true}, &f->err));
	OK(store_commit(f->store, &f->err));
	memcpy(key, store_key(f->store), sizeof(key));
	store_close(&f->store);
	open_store(f);
	OK(store_number(f->store, "x", &value, &f->err));
	assert_int_equal(value, -7);
	assert_int_equal(store_time(f->store), NOW);
	assert_memory_equal(key, store_key(f->store), sizeof(key));
	OK(store_unpublished(f->store, &u, &f->err));
	assert_true(u.shard[0xef] && u.bans && !u.common && !u.shard[0]);
	assert_int_equal(store_lines_changed(f->store, 0xef), NOW);
	assert_int_equal(store_lines_changed(f->store, 0xee), 0);
	assert_int_equal(store_lines_changed(f->store, -1), NOW);
}

static void a_copy_sees_the_state_and_changes_nothing(void **state) {
	struct fixture *f = *state;
	struct device d = device(0x001565000001, "a", "192.0.2.1");
	struct store *copy;

	put_device(f, &d);
	OK(store_open(&copy, f->folder, STORE_COPY, 0, NULL, &f->err));
	store_set_conf(copy, &f->conf);
	assert_int_equal(store_device_count(copy), 1);
	assert_memory_equal(store_key(copy), store_key(f->store), 16);
	OK(store_begin(copy, &f->err));
	OK(store_device_delete(copy, d.mac, &f->err));
	OK(store_commit(copy, &f->err));
	store_close(&copy);
	assert_true(has_device(f, d.mac));
}

static void a_copy_of_no_state_is_empty(void **state) {
	struct fixture *f = *state;
	char path[128];

	OK(store_open(&f->store, f->folder, STORE_COPY, 0, NULL, &f->err));
	assert_int_equal(store_device_count(f->store), 0);
	path_of(f, "state.db", path);
	assert_int_equal(access(path, F_OK), -1);
}

/* ---- clear refusals ---- */

static void refused(struct fixture *f, const char *because) {
	assert_int_equal(store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err), -1);
	assert_null(f->store);
	assert_int_equal(f->err.class, ERR_SYSTEM);
	if (!strstr(f->err.text, because))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, because);
}

static void a_foreign_or_unknown_database_is_refused_and_left_alone(void **state) {
	static const struct {
		const char *sql, *because;
	} rows[] = {
		{"CREATE TABLE t (x)", "is not a state of provctl"},
		{"PRAGMA application_id = 5", "is not a state of provctl"},
		{"PRAGMA user_version = 1", "is not a state of provctl"},
		{"PRAGMA application_id = 0x70766374; PRAGMA user_version = 99", "was made by a newer provctl"},
		{"PRAGMA application_id = 0x70766374; PRAGMA user_version = 99", "upgrade provctl"},
		{"PRAGMA application_id = 0x70766374; CREATE TABLE t (x)", "corrupt"},
	};
	struct fixture *f = *state;
	struct stat before, after;
	char path[128];

	path_of(f, "state.db", path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)unlink(path);
		run_sql(f, rows[i].sql);
		assert_int_equal(stat(path, &before), 0);
		refused(f, rows[i].because);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
		assert_int_equal(before.st_size, after.st_size);
	}
}

static void an_empty_database_of_ours_becomes_a_state(void **state) {
	struct fixture *f = *state;

	run_sql(f, "PRAGMA application_id = 0x70766374");
	open_store(f);
	assert_false(has_device(f, 1));
}

static void scribble(struct fixture *f, long from, long to) {
	char path[128];
	FILE *file;
	long size;

	path_of(f, "state.db", path);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	assert_int_equal(fseek(file, from, SEEK_SET), 0);
	for (long at = from; at < to && at < size; at++)
		assert_int_not_equal(fputc(0xa5, file), EOF);
	assert_int_equal(fclose(file), 0);
}

static void a_corrupt_header_is_named(void **state) {
	struct fixture *f = *state;

	store_close(&f->store);
	scribble(f, 0, 100);
	refused(f, "corrupt");
}

static void a_corrupt_page_is_named_when_it_is_read(void **state) {
	struct fixture *f = *state;
	struct device d = device(0, "a", "192.0.2.1");
	int found = 0;

	OK(store_begin(f->store, &f->err));
	for (d.mac = 0x001565000000; d.mac < 0x001565000000 + 2000; d.mac++)
		OK(store_device_put(f->store, &d, &f->err));
	OK(store_commit(f->store, &f->err));
	store_close(&f->store);
	scribble(f, 40L * 4096, 1L << 30);
	if (store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err) == 0)
		for (d.mac = 0x001565000000; d.mac < 0x001565000000 + 2000 && found >= 0; d.mac++)
			found = store_device(f->store, d.mac, &d, &f->err);
	else
		found = -1;
	assert_int_equal(found, -1);
	assert_non_null(strstr(f->err.text, "corrupt"));
}

static void a_folder_that_cannot_be_written_is_named(void **state) {
	struct fixture *f = *state;
	int status;
	pid_t child = fork();

	/* Permissions do not hold root back: as nobody. */
	assert_true(child >= 0);
	if (child == 0) {
		if (chmod(f->folder, 0555) != 0 || (getuid() == 0 && setuid(65534) != 0))
			_Exit(1);
		if (store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err) == 0)
			_Exit(2);
		_Exit(strstr(f->err.text, f->folder) && strstr(f->err.text, "Permission denied") ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)snprintf(f->folder, sizeof(f->folder), "%s", "/dev/null");
	refused(f, "no folder");
	(void)snprintf(f->folder, sizeof(f->folder), "%s", "/nonexistent/state");
	refused(f, "cannot be made");
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_store.none");
}

#define DISK "size=512k"
enum { DISK_DONE, DISK_BAD, DISK_NOT_PERMITTED = 77 };

/* In a mount namespace of its own: fills the disk in a transaction, rolls back, and goes on after space was made. */
static int fill_disk(struct fixture *f) {
	struct device d = device(0, "a", "192.0.2.1");
	struct record r = {.time = NOW, .what = "locked", .detail = slice_of("x")};
	char filler[128], bytes[4096] = "";
	int fd, failed = 0;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", f->folder, "tmpfs", 0, DISK) != 0)
		return DISK_NOT_PERMITTED;
	if (store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err) != 0)
		return DISK_BAD;
	store_set_conf(f->store, &f->conf);
	d.mac = 1;
	put_device(f, &d);
	path_of(f, "filler", filler);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (fd >= 0 && write(fd, bytes, sizeof(bytes)) == sizeof(bytes))
		;
	(void)close(fd);
	OK(store_begin(f->store, &f->err));
	for (d.mac = 2; d.mac < 3000 && failed == 0; d.mac++)
		failed = store_device_put(f->store, &d, &f->err) != 0 || store_record_add(f->store, &r, &f->err) != 0;
	if (failed == 0)
		failed = store_commit(f->store, &f->err);
	if (failed == 0 || f->err.class != ERR_SYSTEM || !strstr(f->err.text, "disk is full"))
		return DISK_BAD;
	store_rollback(f->store);
	if (unlink(filler) != 0 || !has_device(f, 1) || has_device(f, 2) || store_device_count(f->store) != 1)
		return DISK_BAD;
	d.mac = 5;
	put_device(f, &d);
	return has_device(f, 5) ? DISK_DONE : DISK_BAD;
}

static void a_full_disk_loses_the_transaction_and_nothing_else(void **state) {
	struct fixture *f = *state;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_Exit(fill_disk(f));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == DISK_NOT_PERMITTED)
		skip();
	assert_int_equal(status, 0);
}

/* ---- schemas ---- */

static void an_older_schema_is_raised_step_by_step_with_a_copy_kept(void **state) {
	static const char *const steps[] = {"CREATE TABLE a (x); INSERT INTO a VALUES (7)", "CREATE TABLE b (x)",
	                                    "INSERT INTO b SELECT x FROM a; DROP TABLE a"};
	struct fixture *f = *state;
	struct db *db, *copy;
	char path[128];
	struct query *q;

	path_of(f, "state.db", path);
	OK(db_open(&db, path, DB_WRITE, &f->err));
	OK(store_migrate(db, f->folder, steps, 1, &f->err));
	OK(store_migrate(db, f->folder, steps, 3, &f->err));
	OK(store_migrate(db, f->folder, steps, 3, &f->err));
	q = db_query(db, "SELECT x FROM b", &f->err);
	assert_int_equal(db_step(q, &f->err), 1);
	assert_int_equal(db_int(q, 0), 7);
	db_end(q);
	db_close(&db);
	path_of(f, "state.db.schema-1.bak", path);
	OK(db_open(&copy, path, DB_READ, &f->err));
	q = db_query(copy, "SELECT x FROM a", &f->err);
	assert_int_equal(db_step(q, &f->err), 1);
	assert_int_equal(db_int(q, 0), 7);
	db_end(q);
	db_close(&copy);
	path_of(f, "state.db.schema-0.bak", path);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_step_that_fails_leaves_the_older_schema(void **state) {
	static const char *const steps[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO nothing VALUES (1)"};
	struct fixture *f = *state;
	struct query *q;
	struct db *db;

	OK(db_open(&db, NULL, DB_WRITE, &f->err));
	OK(store_migrate(db, NULL, steps, 1, &f->err));
	assert_int_equal(store_migrate(db, NULL, steps, 2, &f->err), -1);
	assert_non_null(strstr(f->err.text, "from 1 to 2"));
	q = db_query(db, "PRAGMA user_version", &f->err);
	assert_int_equal(db_step(q, &f->err), 1);
	assert_int_equal(db_int(q, 0), 1);
	db_end(q);
	q = db_query(db, "SELECT 1 FROM sqlite_master WHERE name = 'b'", &f->err);
	assert_int_equal(db_step(q, &f->err), 0);
	db_end(q);
	db_close(&db);
}

static void cursors_of_the_first_schema_are_read_without_a_mark(void **state) {
	struct cursor c = {.tail_hash = 0xff00ff00ff00ff00, .offset = 77, .name = slice_of("/log/a")}, got;
	struct fixture *f = *state;
	struct buf bytes, texts;
	struct query *q;
	struct db *db;
	char path[128];

	path_of(f, "state.db", path);
	OK(db_open(&db, path, DB_WRITE, &f->err));
	OK(store_migrate(db, f->folder, store_steps, 1, &f->err));
	buf_init(&bytes, 1024);
	cursor_encode(&bytes, &c);
	q = db_query(db, "INSERT INTO cursor (id, data) VALUES (1, ?)", &f->err);
	db_bind_bytes(q, bytes.p, bytes.n - 2);
	OK(db_run(q, &f->err));
	db_close(&db);
	OK(store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err));
	buf_init(&texts, 8192);
	assert_int_equal(store_cursor(f->store, 1, &got, &texts, &f->err), 1);
	assert_true(got.offset == 77 && got.tail_hash == c.tail_hash && slice_is(got.name, "/log/a") && got.mark.n == 0);
	buf_release(&texts);
	buf_release(&bytes);
}

static void what_accounts_had_closed_is_kept_when_the_schema_is_raised(void **state) {
	struct fixture *f = *state;
	struct db *db;
	int64_t value;
	char path[128];

	path_of(f, "state.db", path);
	OK(db_open(&db, path, DB_WRITE, &f->err));
	OK(store_migrate(db, f->folder, store_steps, 3, &f->err));
	OK(db_script(db, "INSERT INTO number VALUES ('cascade.acct.1', 77), ('time', 5)", &f->err));
	db_close(&db);
	OK(store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err));
	OK(store_cascade(f->store, "acct.1", &value, &f->err));
	assert_int_equal(value, 77);
	OK(store_cascade(f->store, "acct.2", &value, &f->err));
	assert_int_equal(value, 0);
	OK(store_number(f->store, "cascade.acct.1", &value, &f->err));
	assert_int_equal(value, 0);
	assert_int_equal(store_time(f->store), 5);
}

static int is_the_counter(void *context, uint32_t row, struct slice bytes) {
	assert_int_equal(row, 77);
	assert_true(slice_is(bytes, "slot"));
	++*(unsigned *)context;
	return 0;
}

static void counters_of_the_eighth_schema_are_kept(void **state) {
	struct fixture *f = *state;
	unsigned n = 0;
	struct db *db;
	char path[128];

	path_of(f, "state.db", path);
	OK(db_open(&db, path, DB_WRITE, &f->err));
	OK(store_migrate(db, f->folder, store_steps, 8, &f->err));
	OK(db_script(db, "INSERT INTO counter VALUES (77, CAST('slot' AS BLOB))", &f->err));
	db_close(&db);
	OK(store_open(&f->store, f->folder, STORE_OWN, 0, NULL, &f->err));
	OK(store_counters_load(f->store, is_the_counter, &n, &f->err));
	assert_int_equal(n, 1);
	path_of(f, "state.db.schema-8.bak", path);
	assert_int_equal(access(path, F_OK), 0);
}

static void every_table_of_a_new_state_is_there(void **state) {
	struct fixture *f = *state;
	struct query *q = db_query(f->store->db, "PRAGMA integrity_check", &f->err);

	assert_int_equal(db_step(q, &f->err), 1);
	assert_true(slice_is(db_text(q, 0), "ok"));
	db_end(q);
	q = db_query(f->store->db, "PRAGMA journal_mode", &f->err);
	assert_int_equal(db_step(q, &f->err), 1);
	assert_true(slice_is(db_text(q, 0), "wal"));
	db_end(q);
	q = db_query(f->store->db, "PRAGMA synchronous", &f->err);
	assert_int_equal(db_step(q, &f->err), 1);
	assert_int_equal(db_int(q, 0), 2);
	db_end(q);
}

#define CASE(test)      cmocka_unit_test_setup_teardown(test, start, stop)
#define CASE_OPEN(test) cmocka_unit_test_setup_teardown(test, start_open, stop)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(a_second_owner_is_refused_and_told_who_has_it),
		CASE(a_waiting_owner_gets_the_state_when_it_is_let_go),
		CASE(a_process_that_dies_in_a_transaction_leaves_nothing_of_it),
		CASE_OPEN(a_rollback_drops_what_is_held_in_memory_too),
		CASE_OPEN(what_was_committed_is_there_after_reopening),
		CASE_OPEN(a_copy_sees_the_state_and_changes_nothing),
		CASE(a_copy_of_no_state_is_empty),
		CASE(a_foreign_or_unknown_database_is_refused_and_left_alone),
		CASE(an_empty_database_of_ours_becomes_a_state),
		CASE_OPEN(a_corrupt_header_is_named),
		CASE_OPEN(a_corrupt_page_is_named_when_it_is_read),
		CASE(a_folder_that_cannot_be_written_is_named),
		CASE(a_full_disk_loses_the_transaction_and_nothing_else),
		CASE(an_older_schema_is_raised_step_by_step_with_a_copy_kept),
		CASE(a_step_that_fails_leaves_the_older_schema),
		CASE(cursors_of_the_first_schema_are_read_without_a_mark),
		CASE(what_accounts_had_closed_is_kept_when_the_schema_is_raised),
		CASE(counters_of_the_eighth_schema_are_kept),
		CASE_OPEN(every_table_of_a_new_state_is_there),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
