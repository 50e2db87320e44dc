#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/js.h"
#include "enforcer/hook.h"
#include "tests/unit/world.h"

#include "tests/unit/storing.h"

/* ---- the queue ---- */

static void put(bool about_device, const char *document) {
	OK(store_hook_add(store, about_device, slice_of(document), &err));
}

static struct hook_entry first(struct buf *text) {
	struct hook_entry entry;

	assert_int_equal(store_hook_first(store, &entry, text, &err), 1);
	return entry;
}

static void counts_are(int64_t waiting, int64_t aside, int64_t lost) {
	struct hook_counts counts;

	OK(store_hook_counts(store, &counts, &err));
	assert_int_equal(counts.waiting, waiting);
	assert_int_equal(counts.aside, aside);
	assert_int_equal(counts.lost, lost);
}

static void documents_leave_in_the_order_in_which_they_came(void **state) {
	struct hook_entry entry;
	struct buf text;

	(void)state;
	buf_init(&text, 1024);
	assert_int_equal(store_hook_first(store, &entry, &text, &err), 0);
	put(true, "{1}");
	put(false, "{2}");
	counts_are(2, 0, 0);
	entry = first(&text);
	assert_true(entry.id == 1 && entry.device && entry.tries == 0 && slice_is(entry.document, "{1}"));
	OK(store_hook_failed(store, &entry, slice_of("because"), false, &err));
	entry = first(&text);
	assert_true(entry.id == 1 && entry.tries == 1);
	OK(store_hook_done(store, &entry, &err));
	entry = first(&text);
	assert_true(entry.id == 2 && !entry.device);
	OK(store_hook_done(store, &entry, &err));
	counts_are(0, 0, 0);
	put(true, "{3}");
	assert_int_equal(first(&text).id, 3); /* never 1 again, though the queue was empty */
	buf_release(&text);
}

static void what_is_set_aside_lets_the_next_pass_and_can_come_back(void **state) {
	struct hook_entry entry;
	struct buf text;
	char problem[64];

	(void)state;
	buf_init(&text, 1024);
	put(true, "{1}");
	put(true, "{2}");
	entry = first(&text);
	assert_int_equal(store_hook_problem(store, problem, sizeof(problem), &err), 0);
	OK(store_hook_failed(store, &entry, slice_of("because"), true, &err));
	counts_are(1, 1, 0);
	assert_int_equal(store_hook_problem(store, problem, sizeof(problem), &err), 1);
	assert_string_equal(problem, "because");
	assert_int_equal(first(&text).id, 2);
	OK(store_hook_retry(store, &err));
	counts_are(2, 0, 0);
	entry = first(&text);
	assert_true(entry.id == 1 && entry.tries == 0);
	OK(store_hook_clear(store, &err));
	counts_are(0, 0, 0);
	buf_release(&text);
}

static void a_full_queue_keeps_the_oldest_and_counts_the_rest(void **state) {
	struct hook_entry entry;
	struct buf text;

	(void)state;
	buf_init(&text, 1024);
	for (int i = 0; i < HOOK_ADDRESSES_MAX + 5; i++)
		put(false, "{}");
	counts_are(HOOK_ADDRESSES_MAX, 0, 5);
	/* Devices are not kept out by addresses. */
	for (int i = 0; i < HOOK_WAITING_MAX - HOOK_ADDRESSES_MAX; i++)
		put(true, "{}");
	counts_are(HOOK_WAITING_MAX, 0, 5);
	put(true, "{}");
	counts_are(HOOK_WAITING_MAX, 0, 6);
	entry = first(&text);
	assert_int_equal(entry.id, 1);
	OK(store_hook_done(store, &entry, &err));
	put(true, "{}");
	counts_are(HOOK_WAITING_MAX, 0, 6);
	OK(store_hook_told_lost(store, &err));
	counts_are(HOOK_WAITING_MAX, 0, 0);
	buf_release(&text);
}

static void of_those_set_aside_the_newest_are_kept(void **state) {
	struct hook_entry entry;
	struct buf text;

	(void)state;
	buf_init(&text, 1024);
	for (int i = 0; i < HOOK_ASIDE_MAX + 3; i++) {
		put(true, "{}");
		entry = first(&text);
		OK(store_hook_failed(store, &entry, slice_of("no"), true, &err));
	}
	counts_are(0, HOOK_ASIDE_MAX, 3);
	OK(store_hook_retry(store, &err));
	assert_int_equal(first(&text).id, 4);
	buf_release(&text);
}

static void a_rollback_takes_back_what_was_queued(void **state) {
	(void)state;
	put(true, "{1}");
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	put(true, "{2}");
	counts_are(2, 0, 0);
	store_rollback(store);
	counts_are(1, 0, 0);
	OK(store_begin(store, &err));
}

static void the_queue_is_added_to_a_state_of_the_second_schema(void **state) {
	struct query *q;
	struct db *db;

	(void)state;
	OK(db_open(&db, NULL, DB_WRITE, &err));
	OK(store_migrate(db, NULL, store_steps, 2, &err));
	OK(db_script(db, "INSERT INTO device (mac, account, removed, published, seen, data) VALUES (7, '-', 0, 0, 0, x'')",
	             &err));
	OK(store_migrate(db, NULL, store_steps, STORE_SCHEMA, &err));
	q = db_query(db, "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM hook)", &err);
	assert_int_equal(db_step(q, &err), 1);
	assert_int_equal(db_int(q, 0), 1);
	assert_int_equal(db_int(q, 1), 0);
	db_end(q);
	db_close(&db);
}

/* ---- what the judge puts into it ---- */

struct story_row {
	const char *title, *story;
	const char *told; /* "what mac|ip" of each document, separated by "; " */
};

static const struct story_row stories[] = {
	{"a lock at the first fetch is nobody's news", "0s served 203.0.113.7", ""},
	{"moved is none either", "0s served 203.0.113.7; 1h refused 198.51.100.4", ""},
	{"exposed is told", "0s served 203.0.113.7; 1h served 198.51.100.4", "exposed 001565abcd00"},
	{"once for each exposure", "0s served 203.0.113.7; 1h served 198.51.100.4; 2h served 198.51.100.5",
     "exposed 001565abcd00"},
	{"rule 8: the lock and the exposure are told", "0s add; 1h served 198.51.100.4 imposter",
     "locked 001565abcd00; exposed 001565abcd00"},
	{"rule 11: suspicion is told", "0s add; 1h suspect 198.51.100.9", "suspected 001565abcd00"},
	{"rule 13: held is told with disable_sip", "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9",
     "held 001565abcd00 disable_sip"},
	{"a lock by an admin is none", "0s add; 1h lock", ""},
	{"watching tells nothing", "0s watch; 0s served 203.0.113.7; 1h served 198.51.100.4; 2h suspect 198.51.100.9", ""},
	{"nor does a pause of the locks",
     "0s served 203.0.113.7; 1h unlock for=1h; 2h pause locks for=3h; 3h suspect 198.51.100.9", ""},
	{"a pause of bans alone is no reason for silence",
     "0s served 203.0.113.7; 1h unlock for=1h; 2h pause for=3h; 3h suspect 198.51.100.9",
     "held 001565abcd00 disable_sip"},
};

static void take_told(struct world *w, char *out, size_t size) {
	struct hook_entry entry;
	struct buf text;

	buf_init(&text, 1U << 20);
	OK(store_begin(w->store, &err));
	out[0] = '\0';
	while (store_hook_first(w->store, &entry, &text, &err) == 1) {
		struct json *document = NULL;
		const char *mac;

		OK(js_parse(entry.document, &document, &err));
		mac = js_text(document, "mac");
		(void)snprintf(out + strlen(out), size - strlen(out), "%s%s %s%s", out[0] ? "; " : "",
		               js_text(document, "what"), mac ? mac : js_text(document, "ip"),
		               js_true(document, "disable_sip") ? " disable_sip" : "");
		js_free(&document);
		OK(store_hook_done(w->store, &entry, &err));
	}
	OK(store_commit(w->store, &err));
	buf_release(&text);
}

static void the_hook_is_told_what_needs_a_person(void **state) {
	static char program[] = "/bin/true";
	char told[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct world w;

		world_open(&w);
		w.conf.hook = program;
		world_tell(&w, stories[i].story);
		take_told(&w, told, sizeof(told));
		if (strcmp(told, stories[i].told) != 0)
			fail_msg("%s: told \"%s\", wanted \"%s\"", stories[i].title, told, stories[i].told);
		w.conf.hook = NULL;
		world_close(&w);
	}
}

/* ---- the program ---- */

static void say_nothing(void *context, const char *text) {
	(void)context;
	(void)text;
}

static void what_was_lost_is_told_of_when_there_is_room(void **state) {
	static char program[] = "/bin/true";
	struct world w;
	struct enforcer e = {.options = {.say = say_nothing, .control_fd = -1, .events_fd = -1}};
	static const char overflow[] = "\"what\":\"overflow\",\"lost\":7";
	struct hook_counts counts;
	struct hook_entry entry;
	struct pollfd fds[HOOK_POLLS];
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	world_open(&w);
	w.conf.hook = program;
	e.conf = &w.conf;
	e.store = w.store;
	e.judge = w.judge;
	OK(hook_new(&e.hook, NULL, program, &err));
	OK(store_begin(w.store, &err));
	for (int i = 0; i < HOOK_ADDRESSES_MAX + 7; i++)
		OK(store_hook_add(w.store, false, slice_of("{\"what\":\"banned\"}"), &err));
	/* Half of them are gone but one. */
	for (int i = 0; i < HOOK_ADDRESSES_MAX / 2; i++) {
		assert_int_equal(store_hook_first(w.store, &entry, &text, &err), 1);
		OK(store_hook_done(w.store, &entry, &err));
	}
	OK(store_commit(w.store, &err));
	for (int i = 0; i < 100; i++) {
		OK(store_hook_counts(w.store, &counts, &err));
		if (counts.lost == 0)
			break;
		hook_poll(e.hook, fds);
		(void)poll(fds, HOOK_POLLS, (int)hook_wait(&e));
		hook_step(&e);
	}
	assert_int_equal(counts.lost, 0);
	assert_int_equal(counts.waiting, HOOK_ADDRESSES_MAX / 2);
	hook_free(&e.hook);
	assert_null(e.hook);
	OK(store_begin(w.store, &err));
	while (store_hook_first(w.store, &entry, &text, &err) == 1 && counts.waiting-- > 1)
		OK(store_hook_done(w.store, &entry, &err));
	assert_non_null(memmem(entry.document.p, entry.document.n, overflow, sizeof(overflow) - 1));
	OK(store_commit(w.store, &err));
	w.conf.hook = NULL;
	world_close(&w);
	buf_release(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(documents_leave_in_the_order_in_which_they_came),
		CASE(what_is_set_aside_lets_the_next_pass_and_can_come_back),
		CASE(a_full_queue_keeps_the_oldest_and_counts_the_rest),
		CASE(of_those_set_aside_the_newest_are_kept),
		CASE(a_rollback_takes_back_what_was_queued),
		CASE(the_queue_is_added_to_a_state_of_the_second_schema),
		cmocka_unit_test(the_hook_is_told_what_needs_a_person),
		cmocka_unit_test(what_was_lost_is_told_of_when_there_is_room),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
