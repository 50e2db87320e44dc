/* What the store keeps of registrations: the newest of each, exactly, whatever ends the program; and no more than there is room for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/storing.h"

#define HOME  "203.0.113.7"
#define OTHER "2001:db8:1:2::5"

static void put(const char *user, const char *realm, uint64_t mac, const char *ip, int64_t time) {
	OK(store_registered_put(store, slice_of(user), slice_of(realm), mac, address(ip), time, &err));
}

/* Of a device: ip NULL where it has not registered. */
static void expect(const char *what, uint64_t mac, const char *ip, int64_t time) {
	struct addr got, none = {{0}};
	int64_t when;

	OK(store_registered_device(store, mac, &got, &when, &err));
	if (when != (ip ? time : TIME_NONE) || !addr_same(got, ip ? address(ip) : none))
		fail_msg("%s: device %llu at %lld", what, (unsigned long long)mac, (long long)(when - NOW));
}

static int64_t number(const char *sql) {
	struct query *q = db_query(store->db, sql, &err);
	int64_t value;

	assert_int_equal(db_step(q, &err), 1);
	value = db_int(q, 0);
	db_end(q);
	return value;
}

static void the_newest_registration_of_a_device_is_told(void **state) {
	static const struct {
		const char *what, *user, *realm;
		uint64_t mac;
		const char *ip;
		int64_t after;      /* NOW */
		const char *at;     /* where device 7 registered last */
		int64_t last, rows; /* when, after NOW; how many rows there are */
	} rows[] = {
		/* what, user, realm, mac, ip, after, at, last, rows */
		{"the first", "100", "r", 7, HOME, 0, HOME, 0, 1},
		{"again", "100", "r", 7, HOME, 60, HOME, 60, 1},
		{"one that comes late", "100", "r", 7, HOME, 30, HOME, 60, 1},
		{"from another address", "100", "r", 7, OTHER, 90, OTHER, 90, 2},
		{"from the first again", "100", "r", 7, HOME, 120, HOME, 120, 2},
		{"and from the other", "100", "r", 7, OTHER, 150, OTHER, 150, 2},
		{"two addresses in one second: the lower one", "100", "r", 7, HOME, 150, HOME, 150, 2},
		{"another realm", "100", "s", 7, HOME, 180, HOME, 180, 3},
		{"user and realm are kept apart", "10", "0s", 7, HOME, 181, HOME, 181, 4},
		{"another user", "101", "r", 7, OTHER, 210, OTHER, 210, 5},
		{"the user is another device's now", "101", "r", 8, OTHER, 240, HOME, 181, 5},
		{"and this one's again", "101", "r", 7, OTHER, 241, OTHER, 241, 5},
		{"and nobody's", "101", "r", MAC_NONE, OTHER, 242, HOME, 181, 5},
	};

	(void)state;
	expect("before all", 7, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(rows[i].user, rows[i].realm, rows[i].mac, rows[i].ip, NOW + rows[i].after);
		expect(rows[i].what, 7, rows[i].at, NOW + rows[i].last);
		assert_int_equal(number("SELECT count(*) FROM registration"), rows[i].rows);
	}
	expect("whose user it was", 8, NULL, 0);
	assert_int_equal(store_registered_at(store, address(OTHER), NOW + 242 + DAY - 1, &err), 1);
	assert_int_equal(store_registered_at(store, address(OTHER), NOW + 242 + DAY, &err), 0);
}

static void a_rollback_takes_back_what_was_not_committed(void **state) {
	(void)state;
	put("100", "", 7, HOME, NOW);
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	put("100", "", 7, HOME, NOW + 60);
	put("100", "", 7, OTHER, NOW + 61);
	put("101", "", 8, HOME, NOW + 62);
	expect("before", 7, OTHER, NOW + 61);
	store_rollback(store);
	OK(store_begin(store, &err));
	expect("after", 7, HOME, NOW);
	expect("after", 8, NULL, 0);
	put("101", "", 8, HOME, NOW + 63);
	expect("anew", 8, HOME, NOW + 63);
}

#define REGISTERED 6000 /* in seven blobs */

static int64_t times[REGISTERED];

static void put_one(unsigned i, int64_t time) {
	char user[16];

	(void)snprintf(user, sizeof(user), "%u", i);
	put(user, "", i + 1, i % 3 ? HOME : OTHER, time);
	times[i] = time > times[i] ? time : times[i];
}

static void expect_times(const char *what, unsigned step) {
	for (unsigned i = 0; i < REGISTERED; i += step)
		expect(what, i + 1, i % 3 ? HOME : OTHER, times[i]);
}

static void times_are_exact_however_they_are_written(void **state) {
	int64_t before[sizeof(times) / sizeof(*times)], former = 0, most = 0;
	unsigned emptied = 0;
	uint64_t random = 5;

	(void)state;
	for (unsigned i = 0; i < REGISTERED; i++)
		put_one(i, NOW);
	OK(store_commit(store, &err));
	for (unsigned batch = 1; batch < 600; batch++) {
		bool lost = batch % 7 == 6;
		int64_t rows;

		memcpy(before, times, sizeof(times));
		OK(store_begin(store, &err));
		for (unsigned k = batch == 50 ? REGISTERED : 1 + batch % 40; k > 0; k--) {
			random = random * 6364136223846793005U + 1442695040888963407U;
			put_one((unsigned)(random >> 33) % REGISTERED, NOW + batch + (int64_t)(random >> 60) - 8);
		}
		if (lost) {
			store_rollback(store);
			memcpy(times, before, sizeof(times));
			continue;
		}
		OK(store_commit(store, &err));
		rows = number("SELECT count(*) FROM renewal");
		emptied += rows < former;
		most = rows > most ? rows : most;
		former = rows;
		if (batch % 5 == 0)
			store_registered_forget(store); /* what is asked next reads the rows */
		if (batch % 50 == 0)
			expect_times("in between", 97);
	}
	OK(store_begin(store, &err));
	store_registered_forget(store);
	expect_times("at the end", 1);
	assert_int_equal(most, 255);
	assert_int_equal(emptied, 2);
}

/* ---- on a disk ---- */

static char folder[64];

static int begin_folder(void **state) {
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test_registered.XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int end_folder(void **state) {
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void open_folder(void) {
	OK(store_open(&store, folder, STORE_OWN, 0, NULL, &err));
	store_set_conf(store, &conf);
	OK(store_begin(store, &err));
}

static void close_folder(void) {
	OK(store_commit(store, &err));
	store_close(&store);
}

static void is_killed(void (*work)(void)) {
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		open_folder();
		work();
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void register_again(void) {
	put("100", "", 7, HOME, NOW);
	put("100", "", 7, OTHER, NOW + 1);
	put("101", "", 8, HOME, NOW + 2);
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	put("100", "", 7, HOME, NOW + HOUR);
	put("101", "", 9, HOME, NOW + HOUR); /* whose user it is now */
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	put("100", "", 7, OTHER, NOW + 2 * HOUR); /* this is lost, with the cursor of its log */
	put("102", "", 8, HOME, NOW + 2 * HOUR);
}

static void what_was_committed_is_exact_after_a_kill(void **state) {
	(void)state;
	is_killed(register_again);
	open_folder();
	expect("renewed", 7, HOME, NOW + HOUR);
	expect("given away", 8, NULL, 0);
	expect("taken over", 9, HOME, NOW + HOUR);
	assert_int_equal(store_registered_at(store, address(HOME), NOW + HOUR + DAY - 1, &err), 1);
	assert_int_equal(store_registered_at(store, address(HOME), NOW + HOUR + DAY, &err), 0);
	/* They are found again, and not added. */
	put("100", "", 7, HOME, NOW + 3 * HOUR);
	put("100", "", 7, OTHER, NOW + 3 * HOUR + 1);
	expect("once more", 7, OTHER, NOW + 3 * HOUR + 1);
	assert_int_equal(number("SELECT count(*) FROM registration"), 3);
	close_folder();
}

#define BEFORE 9 /* the schema that had one table with all of them */

static void make_old(const char *sql) {
	char path[128];
	struct db *db;

	(void)snprintf(path, sizeof(path), "%s/state.db", folder);
	OK(db_open(&db, path, DB_WRITE, &err));
	OK(store_migrate(db, folder, store_steps, BEFORE, &err));
	OK(db_script(db, sql, &err));
	db_close(&db);
}

static void registrations_of_an_older_schema_are_kept(void **state) {
	(void)state;
	make_old("INSERT INTO registered (user, realm, base, mac, time) VALUES"
	         " ('100', 'r', x'00000000000000000000ffffcb007107', 7, 1795400000),"
	         " ('100', 'r', x'20010db8000100020000000000000005', 7, 1795400001),"
	         " ('101', '', x'00000000000000000000ffffcb007107', 8, 1795400002)");
	for (int opened = 0; opened < 2; opened++) {
		open_folder();
		expect("as it was", 7, OTHER, NOW + 1);
		expect("as it was", 8, HOME, NOW + 2);
		close_folder();
	}
	open_folder();
	put("100", "r", 7, HOME, NOW + HOUR);
	close_folder();
	open_folder();
	expect("renewed", 7, HOME, NOW + HOUR);
	expect("not renewed", 8, HOME, NOW + 2);
	assert_int_equal(number("SELECT count(*) FROM registration"), 3);
	close_folder();
}

#define MANY 200000

static void beyond_their_number_the_oldest_registrations_go(void **state) {
	(void)state;
	/* Each a second after the one before. */
	make_old("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)"
	         " INSERT INTO registered (user, realm, base, mac, time)"
	         " SELECT printf('%06d', i), '', x'00000000000000000000ffffcb007107', i + 1, 1795400000 + i FROM n");
	open_folder();
	OK(store_set_number(store, "registrations.hour", NOW + DAY * 4, &err)); /* of this hour nothing more expires */
	put("000000", "", 1, HOME, NOW + MANY);
	expect("the oldest is the newest now", 1, HOME, NOW + MANY);
	assert_int_equal(number("SELECT count(*) FROM registration"), MANY);
	put("more", "", MANY + 1, HOME, NOW + MANY + 1);
	assert_int_equal(number("SELECT count(*) FROM registration"), MANY - MANY / 16);
	expect("the first to go", 2, NULL, 0);
	expect("the last to go", MANY / 16 + 2, NULL, 0);
	expect("the first to stay", MANY / 16 + 3, HOME, NOW + MANY / 16 + 2);
	expect("it was newer", 1, HOME, NOW + MANY);
	expect("the one too many", MANY + 1, HOME, NOW + MANY + 1);
	for (unsigned i = 0; i < 10; i++)
		put("next", "", MANY + 2 + i, i % 2 ? HOME : OTHER, NOW + MANY + 2 + i);
	assert_int_equal(number("SELECT max(id) FROM registration"), MANY + 1); /* numbers are used again */
	close_folder();
	open_folder();
	assert_int_equal(number("SELECT count(*) FROM registration"), MANY - MANY / 16 + 2);
	expect("after opening", MANY + 11, HOME, NOW + MANY + 11);
	expect("after opening", 3, NULL, 0);
	close_folder();
}

static void blobs_that_do_not_fit_each_other_are_told(void **state) {
	static const struct {
		const char *what, *sql;
		int result;
	} rows[] = {
		/* what, sql, result */
		{"as it was", "SELECT 1", 1},
		{"owners cut short", "UPDATE registrant SET owners = x'00'", -1},
		{"no owners", "DELETE FROM registrant", -1},
		{"a time of no owner", "INSERT OR REPLACE INTO renewed VALUES (3, x'01000000')", -1},
		{"a renewal of no owner", "INSERT INTO renewal VALUES (1, x'8813000001000000')", -1},
		{"renewals cut short", "INSERT INTO renewal VALUES (1, x'010000000100')", 1},
		{"a renewal that cannot be", "INSERT INTO renewal VALUES (-1, x'0000000001000000')", 1},
		{"a time for number 0", "UPDATE renewed SET times = x'01' || substr(times, 2)", -1},
		{"a part that cannot be", "INSERT INTO renewed VALUES (100000, x'01000000')", 1},
		{"times cut short: the first ones hold", "UPDATE renewed SET times = x'00'", 1},
		{"a user who is too long, of an older schema",
	     "DELETE FROM renewed; DELETE FROM registrant; UPDATE registration SET user = printf('%0129d', 0)", 0},
		{"a realm that is too long, of an older schema",
	     "DELETE FROM renewed; DELETE FROM registrant; UPDATE registration SET realm = printf('%0129d', 0)", 0},
		{"a row of no time: its number is free", "INSERT INTO registration VALUES (2, '200', '', zeroblob(16), 10, 1)",
	     1},
	};

	(void)state;
	put("100", "", 7, HOME, NOW);
	OK(store_commit(store, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int result;

		OK(store_begin(store, &err));
		store_registered_forget(store);
		OK(db_script(store->db, rows[i].sql, &err));
		result = store_registered_at(store, address(HOME), NOW, &err);
		if (result != rows[i].result || (result < 0 && !strstr(err.text, "recover")))
			fail_msg("%s: %d", rows[i].what, result);
		if (result >= 0) {
			put("101", "", 8, OTHER, NOW + 1);
			expect(rows[i].what, 8, OTHER, NOW + 1);
			put("101", "", 8, OTHER, NOW + 2 * DAY); /* by then the other one goes */
			put("102", "", 9, OTHER, NOW + 2 * DAY);
			expect(rows[i].what, 7, NULL, 0);
		}
		store_rollback(store);
	}
	OK(store_begin(store, &err));
}

int main(void) {
#define FOLDER(test) cmocka_unit_test_setup_teardown(test, begin_folder, end_folder)
	const struct CMUnitTest tests[] = {
		CASE(the_newest_registration_of_a_device_is_told),       CASE(a_rollback_takes_back_what_was_not_committed),
		CASE(times_are_exact_however_they_are_written),          CASE(blobs_that_do_not_fit_each_other_are_told),
		FOLDER(what_was_committed_is_exact_after_a_kill),        FOLDER(registrations_of_an_older_schema_are_kept),
		FOLDER(beyond_their_number_the_oldest_registrations_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
