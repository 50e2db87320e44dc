/* What a disk gives back otherwise than it was written is noticed, and never taken for data. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforcer/page.h"
#include "tests/unit/storing.h"

#define TABLES 64

static char folder[64], path[128];

/* ---- sums ---- */

static void page_sums(void **state) {
	static const struct {
		const char *label;
		size_t size;
		unsigned fill;
		unsigned char sum[PAGE_SUM];
	} rows[] = {
		{"zeroes have the sum of zeroes, as a hole in the file reads", 512, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
	};
	unsigned char page[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(page, (int)rows[i].fill, sizeof(page));
		page_seal(page, rows[i].size);
		if (memcmp(page + rows[i].size - PAGE_SUM, rows[i].sum, PAGE_SUM) != 0)
			fail_msg("%s", rows[i].label);
	}
	for (size_t size = PAGE_MIN; size <= sizeof(page); size *= 2) {
		for (size_t i = 0; i < size; i++)
			page[i] = (unsigned char)(i * 131 >> 3);
		page_seal(page, size);
		assert_true(page_is_sound(page, size));
		for (size_t i = 0; i < size; i += 1 + i / 64) {
			page[i] ^= 0x10;
			assert_false(page_is_sound(page, size));
			page[i] ^= 0x10;
		}
		assert_true(page_is_sound(page, size));
	}
}

/* ---- a state of which each byte in turn is changed ---- */

static int begin_folder(void **state) {
	struct record r = {.time = NOW, .what = "locked", .rule = slice_of("rule 2"), .uid = -1};
	(void)state;

	(void)snprintf(folder, sizeof(folder), "/tmp/test_page.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/state.db", folder);
	OK(store_open(&store, folder, STORE_OWN, 0, NULL, &err));
	memset(&conf, 0, sizeof(conf));
	conf.devices.same_network.bits4 = 128;
	store_set_conf(store, &conf);
	OK(store_begin(store, &err));
	store_set_time(store, NOW);
	for (uint64_t i = 0; i < 20; i++) {
		struct device d = {
			.mac = 0x001565000000 + i, .state = DEVICE_LOCKED, .reason = REASON_PROVISIONED, .created = NOW};

		(void)snprintf(d.account, sizeof(d.account), "acct%u", (unsigned)(i % 3));
		add_home(&d, "203.0.113.7", HOME_PROVISIONED, true, NOW);
		OK(store_device_put(store, &d, &err));
		r.mac = d.mac;
		OK(store_record_add(store, &r, &err));
	}
	OK(store_commit(store, &err));
	store_close(&store);
	return 0;
}

static int end_folder(void **state) {
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return 0;
}

static int column_hash(uint64_t *hash, struct slice bytes) {
	for (size_t i = 0; i < bytes.n; i++)
		*hash = (*hash ^ (unsigned char)bytes.p[i]) * 0x100000001b3ULL;
	*hash = *hash * 31 + bytes.n;
	return 0;
}

/* All rows of all tables, by their indexes too. -1 where it is said to be corrupt; anything else said is a failure. */
static int read_all(uint64_t *hash) {
	static char sql[TABLES][128];
	struct store *s = NULL;
	struct query *q;
	struct db *db = NULL;
	unsigned n = 0;
	int step;

	*hash = 0xcbf29ce484222325ULL;
	if (store_open(&s, folder, STORE_OWN, 0, NULL, &err) != 0)
		return -1;
	store_close(&s);
	if (db_open(&db, path, DB_READ, &err) != 0)
		return -1;
	q = db_query(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &err);
	while ((step = db_step(q, &err)) == 1 && n < TABLES) {
		struct slice name = db_text(q, 0);

		(void)snprintf(sql[n++], sizeof(sql[0]), "SELECT * FROM \"%.*s\"", (int)name.n, name.p);
	}
	db_end(q);
	for (unsigned i = 0; i < n && step == 0; i++) {
		q = db_query(db, sql[i], &err);
		while ((step = db_step(q, &err)) == 1)
			for (int column = 0; column < 17; column++)
				(void)column_hash(hash, db_text(q, column));
		db_end(q);
	}
	if (step == 0) {
		q = db_query(db, "PRAGMA integrity_check", &err);
		step = db_step(q, &err);
		if (step == 1 && slice_is(db_text(q, 0), "ok"))
			step = 0;
		db_end(q);
	}
	db_close(&db);
	return step == 0 ? 0 : -1;
}

static void write_file(const unsigned char *bytes, size_t n) {
	FILE *file = fopen(path, "w");
	char beside[160];

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(beside, sizeof(beside), "%s-wal", path);
	(void)unlink(beside);
	(void)snprintf(beside, sizeof(beside), "%s-shm", path);
	(void)unlink(beside);
}

/* FAULTS=all: every byte. Else some hundred, of each page some. */
static void every_byte(void **state) {
	const char *all = getenv("FAULTS");
	static unsigned char bytes[1 << 20];
	FILE *file = fopen(path, "r");
	size_t n, step, unread = 0, changed = 0;
	uint64_t whole, hash;

	(void)state;
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	assert_true(n > 4096 && n < sizeof(bytes));
	OK(read_all(&whole));
	step = all && strcmp(all, "all") == 0 ? 1 : 577;
	for (size_t i = 0; i < n; i += i < 100 ? 1 : step) {
		bytes[i] ^= (unsigned char)(1U << i % 8);
		write_file(bytes, n);
		changed++;
		if (read_all(&hash) == 0) {
			unread++; /* nobody looked there: harmless */
			if (hash != whole)
				fail_msg("byte %zu was changed, and the state was read as another", i);
		} else if (!strstr(err.text, "corrupt") && !strstr(err.text, "not a state")) {
			fail_msg("byte %zu was changed: %s", i, err.text);
		}
		bytes[i] ^= (unsigned char)(1U << i % 8);
	}
	/* Pages that are free are not read, and those alone. */
	if (unread * 10 > changed)
		fail_msg("%zu of %zu changes were not noticed", unread, changed);
	write_file(bytes, n);
	OK(read_all(&hash));
	assert_true(hash == whole);
}

/* ---- the log that is written ahead ---- */

#define ROWS   300 /* of a page each: more than is held in memory */
#define ROUNDS 40

/* What row i holds begins with values[i]. */
static bool is_row(struct db *db, unsigned i, uint32_t value) {
	struct query *q = db_query(db, "SELECT substr(data, 1, 8) FROM t WHERE id = ?", &err);
	char text[16];
	bool same;

	(void)snprintf(text, sizeof(text), "%08x", value);
	db_bind(q, i);
	same = db_step(q, &err) == 1 && slice_is(db_text(q, 0), text);
	db_end(q);
	return same;
}

static void put_row(struct db *db, unsigned i, uint32_t value) {
	struct query *q =
		db_query(db, "INSERT OR REPLACE INTO t (id, data) VALUES (?1, printf('%08x', ?2) || zeroblob(3900))", &err);

	db_bind(q, i);
	db_bind(q, value);
	OK(db_run(q, &err));
}

/* Some rows in each transaction, every third of which is taken back. half: the last one is not at its end. */
static void write_rounds(struct db *db, bool half, uint32_t values[ROWS]) {
	uint32_t before[ROWS];
	uint64_t random = 9;

	for (unsigned round = 0; round < ROUNDS + (unsigned)half; round++) {
		memcpy(before, values, sizeof(before));
		OK(db_script(db, "BEGIN IMMEDIATE", &err));
		for (unsigned k = round % 4 == 1 ? 3 : 200; k > 0; k--) {
			unsigned i;

			random = random * 6364136223846793005U + 1442695040888963407U;
			i = (unsigned)(random >> 40) % ROWS;
			values[i] = (uint32_t)(random >> 32);
			put_row(db, i, values[i]);
			i = (unsigned)(random >> 33) % ROWS;
			assert_true(values[i] == 0 || is_row(db, i, values[i]));
		}
		if (round == ROUNDS || round % 3 == 2)
			memcpy(values, before, sizeof(before));
		if (round < ROUNDS)
			OK(db_script(db, round % 3 == 2 ? "ROLLBACK" : "COMMIT", &err));
	}
}

static void are_whole_after_a_kill(bool half) {
	static const char settings[] = "PRAGMA synchronous = FULL; PRAGMA cache_size = 10; PRAGMA wal_autocheckpoint = 500;"
								   "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, data BLOB)";
	uint32_t *values = mmap(NULL, ROWS * sizeof(*values), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct db *db = NULL;
	int status;
	pid_t child;

	assert_true(values != MAP_FAILED);
	(void)snprintf(path, sizeof(path), "%s/log-%d.db", folder, half);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		OK(db_open(&db, path, DB_WRITE, &err));
		OK(db_run(db_query(db, "PRAGMA journal_mode = WAL", &err), &err));
		OK(db_script(db, settings, &err));
		write_rounds(db, half, values);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	OK(db_open(&db, path, DB_WRITE, &err));
	OK(db_check(db, &err));
	for (unsigned i = 0; i < ROWS; i++)
		if (values[i] != 0 && !is_row(db, i, values[i]))
			fail_msg("row %u", i);
	db_close(&db);
	(void)munmap(values, ROWS * sizeof(*values));
}

static void a_transaction_reads_what_it_wrote_and_is_whole_after_a_kill(void **state) {
	(void)state;
	are_whole_after_a_kill(false);
	are_whole_after_a_kill(true);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_sums),
		cmocka_unit_test_setup_teardown(every_byte, begin_folder, end_folder),
		cmocka_unit_test_setup_teardown(a_transaction_reads_what_it_wrote_and_is_whole_after_a_kill, begin_folder,
	                                    end_folder),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
