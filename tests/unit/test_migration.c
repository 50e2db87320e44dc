/* A state that a provctl of an older schema made (state-8.sql holds its rows): all of it is there for the one of today, whoever opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforcer/store_private.h"
#include "tests/unit/judging.h"

#define MADE ((int64_t)1795435200) /* its newest event */
#define OLD  8

static struct judging g;
static char folder[64];

#define OK(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s", #call, g.err.text);                                                                     \
	} while (0)

static void path_of(char out[128], const char *name) {
	(void)snprintf(out, 128, "%s/%s", folder, name);
}

/* The old state under that name. */
static void make(const char *name) {
	const char *source = getenv("top_srcdir");
	char path[256], text[32768];
	struct db *db;
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/tests/unit/state-8.sql", source ? source : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	assert_true(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	(void)fclose(file);
	path_of(path, name);
	OK(db_open(&db, path, DB_WRITE, &g.err));
	OK(store_migrate(db, NULL, store_steps, OLD, &g.err));
	OK(db_script(db, "BEGIN", &g.err));
	OK(db_script(db, text, &g.err));
	OK(db_script(db, "COMMIT", &g.err));
	db_close(&db);
}

static void reopen(enum store_mode mode) {
	judge_free(&g.judge);
	store_close(&g.store);
	OK(store_open(&g.store, folder, mode, 0, NULL, &g.err));
	OK(judge_new(&g.judge, g.store, g.conf, NULL, &g.err));
	OK(store_begin(g.store, &g.err));
}

static int start(void **state) {
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test_migration.XXXXXX");
	assert_non_null(mkdtemp(folder));
	judging_begin(&g, "");
	return 0;
}

static int stop(void **state) {
	char command[128];

	(void)state;
	judging_end(&g);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void expect_device(unsigned n, const char *home, bool backed, const char *user, int64_t registered) {
	struct device_user who = {.realm = ""};
	uint64_t mac;
	struct device d;
	struct glance look;
	struct residents residents;
	struct addr ip;
	int64_t seen, time;

	assert_int_equal(store_device(g.store, mac_of(n), &d, &g.err), 1);
	assert_int_equal(d.homes.n, 1);
	assert_true(addr_same(d.homes.at[0].at.base, addr_of(home)));
	assert_int_equal(d.homes.at[0].backed, backed);
	assert_string_equal(d.model, "T46S");
	seen = d.seen;
	OK(store_seen_at(g.store, mac_of(n), &seen, &g.err));
	assert_int_equal(seen, MADE);
	shelf_clear(&g.store->shelf);
	assert_int_equal(store_glance(g.store, mac_of(n), NULL, &look, &g.err), 1);
	assert_int_equal(look.seen, MADE);
	assert_true(slice_is(look.words.model, "T46S"));
	OK(store_residents(g.store, g.conf, addr_of(home), MADE, &residents, &g.err));
	assert_int_equal(residents.devices, 1);
	OK(store_registered_device(g.store, mac_of(n), &ip, &time, &g.err));
	assert_int_equal(time, registered);
	if (!user)
		return;
	(void)snprintf(who.user, sizeof(who.user), "%s", user);
	OK(store_device_of_user(g.store, slice_of(who.user), slice_of(""), &mac, &g.err));
	assert_int_equal(mac, mac_of(n));
	assert_true(addr_same(ip, addr_of(home)));
}

static void expect_all(void) {
	struct token t;
	struct ban ban;

	assert_int_equal(store_time(g.store), MADE);
	assert_int_equal(store_device_count(g.store), 3);
	expect_device(1, "203.0.113.1", true, "101", MADE);
	expect_device(2, "203.0.113.2", true, "102", MADE);
	expect_device(3, "203.0.113.3", false, NULL, TIME_NONE);
	assert_int_equal(store_registered_at(g.store, addr_of("198.51.100.99"), MADE + DAY - 1, &g.err), 1);
	assert_int_equal(store_registered_at(g.store, addr_of("198.51.100.99"), MADE + DAY, &g.err), 0);
	assert_true(is_banned(&g, "198.51.100.8", MADE));
	assert_int_equal(store_ban_of(g.store, BAN_BLOCK, addr_of("192.0.2.66"), MADE, &ban, &g.err), 1);
	assert_int_equal(store_ban_of(g.store, BAN_ALLOW, addr_of("192.0.2.77"), MADE, &ban, &g.err), 1);
	assert_int_equal(store_token(g.store, "fsi4mftr", &t, &g.err), 1);
	assert_string_equal(t.comment, "front desk");
}

/* Counts go on where they stood: each is an event behind its ban. */
static void expect_counts(void) {
	struct event scan = {.kind = EVENT_PROVISION_UNKNOWN,
	                     .proof = PROOF_HANDSHAKE,
	                     .mac = mac_of(0x1000),
	                     .ip = addr_of("198.51.100.7"),
	                     .time = MADE + 1};
	struct event guess = {.kind = EVENT_SIP_AUTH_FAILED,
	                      .proof = PROOF_HANDSHAKE,
	                      .user = slice_of("333"),
	                      .ip = addr_of("198.51.100.10"),
	                      .time = MADE + 1};

	assert_false(is_banned(&g, "198.51.100.7", MADE));
	judging_event(&g, scan); /* the tenth MAC */
	assert_true(is_banned(&g, "198.51.100.7", MADE + 1));
	judging_events(&g, guess, 5); /* it had 14 of 20 */
	assert_false(is_banned(&g, "198.51.100.10", MADE + 10));
	judging_restart(&g);
	guess.time += 5;
	judging_event(&g, guess);
	assert_true(is_banned(&g, "198.51.100.10", MADE + 10));
}

static void all_of_an_older_state_is_there(void **state) {
	char path[128];

	(void)state;
	make("state.db");
	for (int opened = 0; opened < 3; opened++) {
		reopen(opened ? STORE_OWN : STORE_COPY);
		expect_all();
		if (opened)
			judging_restart(&g); /* committed */
	}
	expect_counts();
	path_of(path, "state.db.schema-8.bak");
	assert_int_equal(access(path, F_OK), 0);
}

static int tell_command(void *context, const struct record *command, struct err *err) {
	(void)context;
	(void)command;
	(void)err;
	return 0;
}

static int tell_token(void *context, const struct token *t, bool revoked, struct err *err) {
	(void)context;
	(void)err;
	assert_string_equal(t->id, "fsi4mftr");
	assert_false(revoked);
	return 0;
}

static void an_older_backup_is_recovered_and_nothing_is_left_beside_it(void **state) {
	const struct recovery_listener listener = {tell_command, tell_token, NULL};
	struct recovery r;
	char path[128];
	bool busy;
	FILE *file;

	(void)state;
	make("backup.db");
	path_of(path, "state.db");
	file = fopen(path, "w");
	assert_true(file && fputs("no state", file) >= 0 && fclose(file) == 0);
	OK(store_recover(&r, folder, false, MADE, &busy, &listener, &g.err));
	assert_false(r.sound);
	path_of(path, "recover.tmp");
	assert_int_equal(access(path, F_OK), -1);
	reopen(STORE_OWN);
	expect_all();
	expect_counts();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_an_older_state_is_there, start, stop),
		cmocka_unit_test_setup_teardown(an_older_backup_is_recovered_and_nothing_is_left_beside_it, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
