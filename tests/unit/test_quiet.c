#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforcer/store_private.h"
#include "tests/unit/judging.h"

/* What triggers make of events that are looked up is in here; what rules make of them, in test_replay. */

#define PHONES 6

static unsigned below(uint64_t *random, unsigned n) {
	*random = *random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*random >> 33) % n;
}

/* The last is of no device. */
static const char *const users[PHONES + 1] = {"100", "101", "102", "103", "104", "105", "106"};

static struct event any_event(uint64_t *random, int64_t *time) {
	static const enum event_kind kinds[] = {
		EVENT_PROVISION_SERVED,       EVENT_PROVISION_SERVED,  EVENT_POLL_SERVED,       EVENT_POLL_SERVED,
		EVENT_PROVISION_UNAUTHORISED, EVENT_POLL_UNAUTHORISED, EVENT_PROVISION_REFUSED, EVENT_SIP_REGISTERED,
		EVENT_SIP_REGISTERED,         EVENT_SIP_AUTH_FAILED};
	unsigned phone = below(random, PHONES + 1), at_home = below(random, 8);
	struct event e = {
		.kind = kinds[below(random, sizeof(kinds) / sizeof(kinds[0]))],
		.proof = below(random, 20) ? PROOF_HANDSHAKE : PROOF_NONE,
		.imposter = below(random, 20) ? TRI_UNKNOWN : TRI_YES,
		.mac = mac_of(phone),
		.country = {'D', below(random, 4) ? 'E' : 'K'},
		.agent = slice_of(below(random, 10) ? "phone" : "curl"),
	};
	char ip[ADDR_TEXT];

	*time += below(random, 4);
	e.time = *time;
	(void)snprintf(ip, sizeof(ip), "203.0.113.%u", at_home ? phone : below(random, PHONES));
	e.ip = addr_of(ip);
	if (e.kind >= EVENT_SIP_REGISTERED) {
		e.mac = MAC_NONE;
		e.user = slice_of(users[phone]);
	}
	return e;
}

static void dump_registered(struct judging *g, struct buf *out) {
	for (unsigned i = 0; i < PHONES; i++) {
		char ip[ADDR_TEXT];
		struct addr at;
		int64_t time;

		assert_int_equal(store_registered_device(g->store, mac_of(i), &at, &time, &g->err), 0);
		addr_print(at, ip);
		buf_printf(out, "registered %s %lld\n", ip, (long long)time);
	}
}

static int dump_record(void *context, const struct record *r, struct err *err) {
	(void)err;
	buf_printf(context, "%lld %s %llx %.*s %.*s\n", (long long)r->time, r->what, (unsigned long long)r->mac,
	           (int)r->rule.n, r->rule.p, (int)r->line.n, r->line.p);
	return 0;
}

static int dump_counter(void *context, uint32_t slot, struct slice bytes) {
	buf_printf(context, "%u ", slot);
	buf_add(context, bytes.p, bytes.n);
	return 0;
}

static int any_device(void *context, const struct device *d, const char *skipped) {
	(void)context;
	(void)d;
	(void)skipped;
	return 0;
}

/* Users change hands, accounts are unlocked, and the program begins anew, between two events. */
static void something_else(struct judging *g, unsigned i, int64_t time) {
	const struct order order = {.time = time};

	if (i == 1000) {
		assert_int_equal(store_users_put(g->store, mac_of(2), NULL, 0, &g->err), 0);
		judging_user(g, mac_of(0), users[PHONES]);
	}
	if (i % 700 == 699)
		assert_int_equal(judge_unlock_account(g->judge, &order, "acct1", HOUR, false, any_device, NULL, &g->err), 0);
	if (i % 1100 == 1099)
		judging_restart(g);
}

/* All that came of a story: record, counters, sums. */
static void run(const char *extra, uint64_t random, bool quiet, struct buf *out, unsigned *hushed) {
	const struct record_filter all = {0};
	enum { BATCH = 12 };
	struct quiet_found found[BATCH];
	struct event batch[BATCH];
	int64_t time = START;
	struct judging g;

	judging_begin(&g, extra);
	memset(g.store->key, 7, sizeof(g.store->key));
	for (unsigned i = 0; i < PHONES; i++) {
		char home[ADDR_TEXT];

		(void)snprintf(home, sizeof(home), "203.0.113.%u", i);
		judging_device(&g, mac_of(i), i % 2 ? "acct1" : "acct2", home);
		judging_user(&g, mac_of(i), users[i]);
	}
	*hushed = 0;
	/* As the link does it: a batch is looked at, then judged. */
	for (unsigned i = 0; i < 3000; i++) {
		struct event *e = &batch[i % BATCH];
		struct quiet_row row = {0};
		int done;

		for (unsigned k = 0; i % BATCH == 0 && k < BATCH; k++) {
			batch[k] = any_event(&random, &time);
			found[k] = (struct quiet_found){0};
			if (quiet)
				assert_true(judge_quiet(g.judge, &batch[k], &row, &found[k], true, &g.err) >= 0);
		}
		row = (struct quiet_row){0};
		done = quiet ? judge_quiet(g.judge, e, &row, &found[i % BATCH], false, &g.err) : 0;
		assert_true(done >= 0);
		*hushed += done > 0;
		if (done == 0)
			judging_event(&g, *e);
		something_else(&g, i, time);
	}
	assert_int_equal(judge_flush(g.judge, &g.err), 0);
	assert_int_equal(store_records(g.store, &all, dump_record, out, &g.err), 0);
	assert_int_equal(store_counters_load(g.store, dump_counter, out, &g.err), 0);
	dump_registered(&g, out);
	buf_add(out, judge_sums(g.judge), sizeof(struct judge_sums));
	assert_false(out->failed);
	judging_end(&g);
}

static void triggers_count_the_same_whether_events_are_looked_up_or_judged(void **state) {
	static const struct {
		const char *what, *extra;
		unsigned least; /* events that are looked up */
	} rows[] = {
		/* what, triggers beside the shipped ones, events that are looked up at least */
		{"the shipped triggers", "", 1000},
		{"a success by account",
	     "triggers: [{id: x, on: provision.unauthorised, by: account, count: events, limit: 50, within: 10m,"
	     " reset: [provision.served], do: report}]\n",
	     500},
		{"fetches from a country",
	     "triggers: [{id: x, on: provision.served, by: ip, count: events, limit: 5, within: 10m,"
	     " when: {country: DK}, do: report}]\n",
	     500},
		{"fetches with an agent",
	     "triggers: [{id: x, on: [provision.served, poll.served], by: ip, count: events, limit: 5, within: 10m,"
	     " when: {agent: curl}, do: report}]\n",
	     0},
		{"registrations",
	     "triggers: [{id: x, on: sip.registered, by: user, count: events, limit: 5, within: 10m, do: report}]\n", 500},
		{"fetches from outside",
	     "triggers: [{id: x, on: provision.served, by: device, count: events, limit: 3, within: 10m,"
	     " when: {home: false}, do: report}]\n",
	     1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint64_t random = 1; random <= 4; random++) {
			struct buf slow, quick;
			unsigned hushed;

			buf_init(&slow, 16U << 20);
			buf_init(&quick, 16U << 20);
			run(rows[i].extra, random, false, &slow, &hushed);
			run(rows[i].extra, random, true, &quick, &hushed);
			if (!slice_same((struct slice){slow.p, slow.n}, (struct slice){quick.p, quick.n}))
				fail_msg("%s: not the same", rows[i].what);
			if (hushed < rows[i].least)
				fail_msg("%s: only %u were looked up", rows[i].what, hushed);
			buf_release(&slow);
			buf_release(&quick);
		}
}

static void looking_changes_nothing(void **state) {
	struct judging g;
	struct event e = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(1), .time = START};
	struct quiet_row row = {0};
	struct quiet_found found = {0};
	struct device before, after;

	(void)state;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", "203.0.113.1");
	e.ip = addr_of("203.0.113.1");
	assert_int_equal(store_device(g.store, mac_of(1), &before, &g.err), 1);
	assert_int_equal(judge_quiet(g.judge, &e, &row, &found, true, &g.err), 1);
	assert_int_equal(store_device(g.store, mac_of(1), &after, &g.err), 1);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(judge_sums(g.judge)->events[EVENT_PROVISION_SERVED], 0);
	assert_int_equal(judge_quiet(g.judge, &e, &row, &found, false, &g.err), 1);
	assert_int_equal(store_device(g.store, mac_of(1), &after, &g.err), 1);
	assert_int_equal(after.seen, START);
	judging_end(&g);
}

/* What is known of the new home lies where that of the old one lay. */
static void a_home_that_was_left_since_it_was_looked_at_is_none(void **state) {
	const struct order order = {.time = START};
	struct judging g;
	struct event old = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(1), .time = START + 2};
	struct event new = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(1), .time = START + 1};
	struct quiet_row row = {0};
	struct quiet_found before = {0}, after = {0};

	(void)state;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", "203.0.113.1");
	old.ip = addr_of("203.0.113.1");
	new.ip = addr_of("203.0.113.2");
	assert_int_equal(judge_quiet(g.judge, &old, &row, &before, true, &g.err), 1);
	assert_int_equal(judge_unlock_account(g.judge, &order, "acct1", HOUR, false, any_device, NULL, &g.err), 0);
	judging_event(&g, new);
	row = (struct quiet_row){0};
	assert_int_equal(judge_quiet(g.judge, &new, &row, &after, false, &g.err), 1);
	assert_int_equal(judge_quiet(g.judge, &old, &row, &before, false, &g.err), 0);
	judging_end(&g);
}

/* The same of a registration: a poll backs the new home, so that one from there would change nothing. */
/* A device whose user has registered from its home. */
static struct event registered_at_home(struct judging *g) {
	struct event e = {.kind = EVENT_SIP_REGISTERED, .proof = PROOF_HANDSHAKE, .time = START + 3};

	judging_begin(g, "");
	judging_device(g, mac_of(1), "acct1", "203.0.113.1");
	judging_user(g, mac_of(1), "101");
	e.user = slice_of("101");
	e.ip = addr_of("203.0.113.1");
	return e;
}

static void a_registration_from_a_home_that_was_left_since_is_judged(void **state) {
	const struct order order = {.time = START};
	struct judging g;
	struct event old = registered_at_home(&g);
	struct event new = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(1), .time = START + 1};
	struct quiet_row row = {0};
	struct quiet_found before = {0}, after = {0};

	(void)state;
	new.ip = addr_of("203.0.113.2");
	assert_int_equal(judge_quiet(g.judge, &old, &row, &before, true, &g.err), 1);
	assert_int_equal(judge_unlock_account(g.judge, &order, "acct1", HOUR, false, any_device, NULL, &g.err), 0);
	judging_event(&g, new);
	new.kind = EVENT_POLL_SERVED;
	new.time++;
	judging_event(&g, new);
	assert_int_equal(judge_quiet(g.judge, &new, &row, &after, false, &g.err), 1);
	assert_int_equal(judge_quiet(g.judge, &old, &row, &before, false, &g.err), 0);
	judging_end(&g);
}

static void a_registration_of_a_user_who_has_become_anothers_since_is_judged(void **state) {
	struct judging g;
	struct event e = registered_at_home(&g);
	struct quiet_row row = {0};
	struct quiet_found before = {0};

	(void)state;
	judging_device(&g, mac_of(2), "acct2", "203.0.113.2");
	assert_int_equal(judge_quiet(g.judge, &e, &row, &before, true, &g.err), 1);
	assert_int_equal(store_users_put(g.store, mac_of(1), NULL, 0, &g.err), 0);
	judging_user(&g, mac_of(2), "101");
	assert_int_equal(judge_quiet(g.judge, &e, &row, &before, false, &g.err), 0);
	judging_end(&g);
}

/* The last /64 of all is how it is noted that neighbours were read. */
static void nobody_is_at_home_in_the_last_network(void **state) {
	struct judging g;
	struct event e = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(1), .time = START + 3};
	struct quiet_row row = {0};
	struct quiet_found found = {0};

	(void)state;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", "ffff:ffff:ffff:ffff::1");
	e.ip = addr_of("ffff:ffff:ffff:ffff::1");
	assert_int_equal(judge_quiet(g.judge, &e, &row, &found, true, &g.err), 0);
	judging_end(&g);
}

static void nothing_is_in_memory(struct judging *g) {
	judging_restart(g);
	store_rollback(g->store);
	assert_int_equal(store_begin(g->store, &g->err), 0);
}

static int look_at_home(struct judging *g, unsigned n, const char *vendor) {
	struct event e = {.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .mac = mac_of(n), .time = START};
	struct quiet_row row = {0};
	struct quiet_found found = {0};

	e.ip = addr_of("203.0.113.1");
	e.vendor = slice_of(vendor);
	return judge_quiet(g->judge, &e, &row, &found, true, &g->err);
}

static void where_many_are_missing_their_neighbours_are_read_with_them(void **state) {
	enum { MANY = 5000 };
	unsigned alone = 0;
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < MANY; i++)
		judging_device(&g, mac_of(i), "acct1", "203.0.113.1");
	nothing_is_in_memory(&g);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(look_at_home(&g, MANY - 1 - i, ""), 1);
		alone += memo_count(store_memo(g.store)) == i + 1;
	}
	assert_in_range(alone, 32, 200);
	assert_in_range(memo_count(store_memo(g.store)), MANY, MANY + MANY / 50);
	judging_end(&g);
}

static void put_words(struct memo *memo, uint32_t n) {
	for (uint32_t i = 0; i < n; i++) {
		const struct memo_words words = {.version = {(const char *)&i, sizeof(i)}};

		assert_true(memo_words_put(memo, &words) > 0);
	}
}

static void neighbours_have_their_words_though_numbers_begin_anew_among_them(void **state) {
	enum { MANY = 90, NOBODY = 1000 };
	static const char *const vendors[] = {"Yealink", "Snom", "Polycom"};
	struct memo *memo;
	struct judging g;
	uint32_t era;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < MANY; i++) {
		struct device d;

		judging_device(&g, mac_of(i), "acct1", "203.0.113.1");
		assert_int_equal(store_device(g.store, mac_of(i), &d, &g.err), 1);
		(void)snprintf(d.vendor, sizeof(d.vendor), "%s", vendors[i * 3 / MANY]);
		assert_int_equal(store_device_put(g.store, &d, &g.err), 0);
	}
	nothing_is_in_memory(&g);
	memo = store_memo(g.store);
	for (unsigned i = 0; i < NOBODY; i++) /* so much is missing */
		assert_int_equal(look_at_home(&g, NOBODY + i, ""), 0);
	memo_clear(memo);
	put_words(memo, MEMO_WORDS - 1);
	era = memo_era(memo);
	assert_int_equal(look_at_home(&g, MANY - 1, vendors[2]), 1);
	assert_true(memo_era(memo) > era);
	put_words(memo, MEMO_WORDS - 3); /* numbers of before stand for others now */
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned k = 0; k < 3; k++)
			if (look_at_home(&g, i, vendors[k]) != (k == i * 3 / MANY))
				fail_msg("device %u, %s", i, vendors[k]);
	judging_end(&g);
}

static void when_a_phone_was_seen_is_written_down_a_day_later(void **state) {
	static const struct {
		const char *what;
		int64_t after, kept; /* seen so long after START; what is written then */
	} rows[] = {
		/* what, after, kept */
		{"at once, as nothing is there", 0, 0},
		{"within the day", DAY - MINUTE, 0},
		{"a day later", DAY, DAY},
		{"long after", 9 * DAY, 9 * DAY},
	};
	struct judging g;
	struct quiet_row row = {0};
	struct quiet_found found = {0};

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 3; i++)
		judging_device(&g, mac_of(i), "acct1", "203.0.113.1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned phone = 3; phone-- > 0;) {
			struct event e = {.kind = EVENT_PROVISION_SERVED,
			                  .proof = PROOF_HANDSHAKE,
			                  .mac = mac_of(phone),
			                  .time = START + rows[i].after};
			int64_t seen = 0;

			e.ip = addr_of("203.0.113.1");
			found.entry = NULL;
			assert_int_equal(judge_quiet(g.judge, &e, &row, &found, false, &g.err), 1);
			assert_int_equal(store_seen(g.store, &g.err), 0);
			assert_int_equal(store_seen_at(g.store, mac_of(phone), &seen, &g.err), 0);
			if (seen != START + rows[i].kept)
				fail_msg("%s: %lld", rows[i].what, (long long)(seen - START));
			seen = 0;
			assert_int_equal(store_seen_at(g.store, mac_of(3), &seen, &g.err), 0);
			assert_int_equal(seen, 0);
		}
	judging_end(&g);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(triggers_count_the_same_whether_events_are_looked_up_or_judged),
		cmocka_unit_test(looking_changes_nothing),
		cmocka_unit_test(a_home_that_was_left_since_it_was_looked_at_is_none),
		cmocka_unit_test(a_registration_from_a_home_that_was_left_since_is_judged),
		cmocka_unit_test(a_registration_of_a_user_who_has_become_anothers_since_is_judged),
		cmocka_unit_test(nobody_is_at_home_in_the_last_network),
		cmocka_unit_test(when_a_phone_was_seen_is_written_down_a_day_later),
		cmocka_unit_test(where_many_are_missing_their_neighbours_are_read_with_them),
		cmocka_unit_test(neighbours_have_their_words_though_numbers_begin_anew_among_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
