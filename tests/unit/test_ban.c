#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/judging.h"

#define SCANNER "198.51.100.66"
#define OFFICE  "203.0.113.7"

static const struct slice nothing = {NULL, 0};

static struct order order_at(int64_t time) {
	return (struct order){.time = time, .uid = 0, .reason = {"a test", 6}};
}

/* One event that bans its address for a day at once. */
static void scan(struct judging *g, const char *ip, enum proof proof, int64_t time) {
	judging_event(g, (struct event){.kind = EVENT_SIP_SCAN, .proof = proof, .ip = addr_of(ip), .time = time});
}

/* Enough for provisioning-scan, which escalates; its last event is at `time`. */
static void probe(struct judging *g, const char *ip, int64_t time) {
	for (unsigned i = 0; i < 10; i++)
		judging_event(g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
		                                .proof = PROOF_HANDSHAKE,
		                                .ip = addr_of(ip),
		                                .mac = mac_of(i),
		                                .time = time - 9 + i});
}

static const char *nth(unsigned n) {
	static char text[ADDR_TEXT];

	snprintf(text, sizeof text, "198.18.%u.%u", n / 250, n % 250 + 1);
	return text;
}

struct sum {
	const char *name;
	int64_t value;
};

static int find_sum(void *context, const char *name, int64_t value) {
	struct sum *sum = context;

	if (strcmp(name, sum->name) == 0)
		sum->value = value;
	return 0;
}

static int64_t sum_of(struct judging *g, const char *name) {
	struct sum sum = {name, 0};

	judging_restart(g); /* sums are read as they were committed */
	assert_int_equal(store_sums(g->store, find_sum, &sum, &g->err), 0);
	return sum.value;
}

static unsigned status_of(struct judging *g, const char *ip, int64_t time) {
	unsigned status;

	assert_int_equal(judge_ip(g->judge, addr_of(ip), time, &status, &g->err), 0);
	return status;
}

static void bans_escalate_while_the_last_one_is_remembered(void **state) {
	/* When the ban of 7 days ends, only it is remembered. */
	static const int64_t lasts[] = {HOUR, 4 * HOUR, DAY, 7 * DAY, 4 * HOUR, DAY};
	static const uint32_t levels[] = {0, 1, 2, 3, 1, 2};
	int64_t time = START;
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++) {
		struct ban ban;

		probe(&g, SCANNER, time);
		ban = ban_of(&g, SCANNER, time);
		if (ban.until - ban.start != lasts[i] || ban.level != levels[i])
			fail_msg("ban %zu lasts %lld", i, (long long)(ban.until - ban.start));
		assert_true(ban.start == time);
		time = ban.until + 9;
	}
	time += 7 * DAY + 1;
	probe(&g, SCANNER, time);
	assert_int_equal(ban_of(&g, SCANNER, time).level, 0);
	judging_end(&g);
}

static void a_ban_that_was_lifted_is_not_remembered(void **state) {
	struct order o = order_at(START + 60);
	struct judging g;
	uint64_t lifted;

	(void)state;
	judging_begin(&g, "");
	probe(&g, SCANNER, START);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), &lifted, &g.err), 0);
	assert_int_equal(lifted, 1);
	assert_false(is_banned(&g, SCANNER, START + 60));
	probe(&g, SCANNER, START + 120);
	assert_int_equal(ban_of(&g, SCANNER, START + 120).level, 0);
	judging_end(&g);
}

static void a_trigger_ignores_whom_it_has_banned(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	probe(&g, SCANNER, START);
	for (unsigned i = 1; i <= 50; i++)
		probe(&g, SCANNER, START + i * 60);
	assert_int_equal(recorded(&g, "banned", "provisioning-scan"), 1);
	assert_true(ban_of(&g, SCANNER, START).until == START + HOUR);
	/* What it did meanwhile does not count afterwards. */
	judging_event(&g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
	                                 .proof = PROOF_HANDSHAKE,
	                                 .ip = addr_of(SCANNER),
	                                 .mac = mac_of(99),
	                                 .time = START + HOUR});
	assert_false(is_banned(&g, SCANNER, START + HOUR));
	judging_end(&g);
}

static void another_trigger_lengthens_a_ban(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	probe(&g, SCANNER, START);
	scan(&g, SCANNER, PROOF_HANDSHAKE, START + 60);
	assert_true(ban_of(&g, SCANNER, START).until == START + 60 + DAY);
	assert_int_equal(recorded(&g, "extended", "sip-scan"), 1);
	assert_int_equal(judge_sums(g.judge)->extended, 1);
	judging_end(&g);
}

static void a_ban_that_is_over_is_recorded(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {bans_per_minute: 1}\n");
	scan(&g, nth(0), PROOF_HANDSHAKE, START + 10 * DAY);
	for (unsigned i = 1; i < 4; i++) /* read late: they cost no part of the cap */
		scan(&g, nth(i), PROOF_HANDSHAKE, START);
	assert_int_equal(recorded(&g, "banned", "sip-scan"), 4);
	assert_int_equal(recorded(&g, "pending", NULL), 0);
	assert_true(ban_of(&g, nth(1), START).until == START + DAY);
	assert_false(is_banned(&g, nth(1), START + 10 * DAY));
	judging_end(&g);
}

static void bans_past_the_cap_wait_and_the_oldest_goes_first(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {bans_per_minute: 3, max_pending: 4}\n");
	for (unsigned i = 0; i < 9; i++)
		scan(&g, nth(i), PROOF_HANDSHAKE, START + i);
	for (unsigned i = 0; i < 9; i++) {
		unsigned expected = i < 3 ? IP_BANNED : i < 7 ? IP_PENDING : 0;

		if (status_of(&g, nth(i), START + 9) != expected)
			fail_msg("address %u has status %u", i, status_of(&g, nth(i), START + 9));
	}
	assert_int_equal(sum_of(&g, "bans.dropped"), 2);
	assert_int_equal(recorded(&g, "pending", "sip-scan"), 4);
	assert_int_equal(recorded(&g, "reported", "sip-scan"), 1); /* two were dropped, told once */

	judging_restart(&g);
	assert_int_equal(judge_advance(g.judge, START + 60, &g.err), 0);
	for (unsigned i = 3; i < 7; i++)
		assert_int_equal(status_of(&g, nth(i), START + 60), i < 6 ? IP_BANNED : IP_PENDING);
	/* Those that waited used up this minute. */
	scan(&g, nth(20), PROOF_HANDSHAKE, START + 70);
	assert_int_equal(status_of(&g, nth(20), START + 70), IP_PENDING);
	assert_int_equal(judge_advance(g.judge, START + 120, &g.err), 0);
	assert_int_equal(status_of(&g, nth(6), START + 120), IP_BANNED);
	assert_int_equal(status_of(&g, nth(20), START + 120), IP_BANNED);
	assert_int_equal(recorded(&g, "banned", "sip-scan"), 8);
	judging_end(&g);
}

static void what_waited_past_its_end_is_no_ban(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {bans_per_minute: 1}\n");
	scan(&g, nth(0), PROOF_HANDSHAKE, START);
	scan(&g, nth(1), PROOF_HANDSHAKE, START);
	assert_int_equal(status_of(&g, nth(1), START), IP_PENDING);
	assert_int_equal(judge_advance(g.judge, START + DAY, &g.err), 0);
	assert_int_equal(status_of(&g, nth(1), START + DAY), 0);
	assert_int_equal(recorded(&g, "banned", NULL), 1);
	judging_end(&g);
}

static void unproven_bans_have_a_cap_of_their_own(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {unproven_bans_per_minute: 2, bans_per_minute: 1}\n");
	for (unsigned i = 0; i < 10; i++)
		scan(&g, nth(i), PROOF_NONE, START);
	assert_int_equal(recorded(&g, "banned", "sip-scan"), 2);
	assert_int_equal(recorded(&g, "pending", NULL), 0);
	assert_int_equal(sum_of(&g, "bans.dropped"), 8);
	scan(&g, nth(50), PROOF_HANDSHAKE, START);
	assert_int_equal(status_of(&g, nth(50), START), IP_BANNED);
	scan(&g, nth(51), PROOF_NONE, START + 60);
	assert_int_equal(status_of(&g, nth(51), START + 60), IP_BANNED);
	judging_end(&g);
}

static void at_max_bans_the_unproven_gives_way_to_the_proven(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {max_bans: 3}\n");
	scan(&g, nth(0), PROOF_NONE, START);
	scan(&g, nth(1), PROOF_HANDSHAKE, START + 1);
	scan(&g, nth(2), PROOF_NONE, START + 2);
	scan(&g, nth(3), PROOF_NONE, START + 3); /* no room for one more of those */
	assert_int_equal(status_of(&g, nth(3), START + 3), 0);
	scan(&g, nth(4), PROOF_HANDSHAKE, START + 4);
	scan(&g, nth(5), PROOF_HANDSHAKE, START + 5);
	assert_int_equal(status_of(&g, nth(0), START + 5), 0);
	assert_int_equal(status_of(&g, nth(2), START + 5), 0);
	assert_int_equal(status_of(&g, nth(1), START + 5) & status_of(&g, nth(4), START + 5) &
	                     status_of(&g, nth(5), START + 5),
	                 IP_BANNED);
	scan(&g, nth(6), PROOF_HANDSHAKE, START + 6);
	assert_int_equal(status_of(&g, nth(6), START + 6), IP_PENDING);
	assert_int_equal(judge_advance(g.judge, START + 120, &g.err), 0);
	assert_int_equal(status_of(&g, nth(6), START + 120), IP_PENDING);
	assert_int_equal(judge_advance(g.judge, START + 1 + DAY, &g.err), 0); /* the first has ended */
	assert_int_equal(status_of(&g, nth(6), START + 1 + DAY), IP_BANNED);
	judging_end(&g);
}

static void whom_no_trigger_bans(void **state) {
	static const struct {
		const char *label, *conf, *ip;
		enum ban_kind kind; /* BAN_ALLOW: allowed before */
		bool window;
	} rows[] = {
		{"firewall.never", "firewall: {never: [198.51.100.64/28]}\n", SCANNER, BAN_BAN, false},
		{"a peer", "firewall: {peers: [198.51.100.66]}\n", SCANNER, BAN_BAN, false},
		{"a trusted proxy", "trusted_proxies: [198.51.100.66]\n", SCANNER, BAN_BAN, false},
		{"loopback", "", "127.0.0.9", BAN_BAN, false},
		{"link-local", "", "fe80::1", BAN_BAN, false},
		{"who is allowed", "", SCANNER, BAN_ALLOW, false},
		{"who has an open window", "", SCANNER, BAN_BAN, true},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct order o = order_at(START - 60);
		struct judging g;

		judging_begin(&g, rows[r].conf);
		if (rows[r].kind == BAN_ALLOW)
			assert_int_equal(judge_ban(g.judge, &o, BAN_ALLOW, prefix_of_text(rows[r].ip), TIME_NONE, nothing, &g.err),
			                 0);
		if (rows[r].window)
			assert_int_equal(store_window_put(g.store,
			                                  &(struct window){.at = prefix_of_text(SCANNER),
			                                                   .account = "a",
			                                                   .start = START - 60,
			                                                   .until = START + HOUR},
			                                  &g.err),
			                 0);
		probe(&g, rows[r].ip, START);
		scan(&g, rows[r].ip, PROOF_HANDSHAKE, START + 1);
		if (is_banned(&g, rows[r].ip, START + 1) || recorded(&g, "spared", NULL) != 2)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

static void a_window_spares_nobody_before_it_opens(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	assert_int_equal(
		store_window_put(
			g.store,
			&(struct window){.at = prefix_of_text(SCANNER), .account = "a", .start = START + 60, .until = START + HOUR},
			&g.err),
		0);
	scan(&g, SCANNER, PROOF_HANDSHAKE, START); /* read late */
	assert_true(is_banned(&g, SCANNER, START));
	judging_end(&g);
}

static void orders_are_refused_with_a_reason(void **state) {
	static const struct {
		enum ban_kind kind;
		const char *at;
		int64_t lasts;
		enum err_class class;
		const char *why;
	} rows[] = {
		{BAN_BAN, "127.0.0.1", HOUR, ERR_POLICY, "never banned"},
		{BAN_BLOCK, "203.0.113.0/24", TIME_NONE, ERR_POLICY, "never banned"},
		{BAN_BAN, "203.0.113.9", HOUR, ERR_POLICY, "never banned"},
		{BAN_BAN, "0.0.0.0/0", HOUR, ERR_POLICY, "never banned"},
		{BAN_BAN, SCANNER, TIME_NONE, ERR_INPUT, "needs an end"},
		{BAN_BAN, SCANNER, -5, ERR_INPUT, "duration"},
		{BAN_BLOCK, SCANNER, INT64_MAX, ERR_INPUT, "duration"},
	};
	struct order o = order_at(START);
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {never: [203.0.113.9]}\n");
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct err err = {.text = ""};

		if (judge_ban(g.judge, &o, rows[r].kind, prefix_of_text(rows[r].at), rows[r].lasts, nothing, &err) != -1 ||
		    err.class != rows[r].class || !strstr(err.text, rows[r].why))
			fail_msg("row %zu: %s", r, err.text);
	}
	assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), HOUR, slice_of("two\nlines"), &g.err),
	                 -1);
	assert_int_equal(recorded(&g, NULL, NULL), 0);
	/* Allowing what is never banned anyway harms nobody. */
	assert_int_equal(judge_ban(g.judge, &o, BAN_ALLOW, prefix_of_text("203.0.113.9"), TIME_NONE, nothing, &g.err), 0);
	judging_end(&g);
}

static void orders_ban_block_and_allow_with_and_without_end(void **state) {
	struct order o = order_at(START), later = order_at(START + 60);
	struct judging g;
	struct ban ban;

	(void)state;
	judging_begin(&g, "");
	assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), HOUR, slice_of("knocks"), &g.err), 0);
	ban = ban_of(&g, SCANNER, START);
	assert_true(ban.start == START && ban.until == START + HOUR && ban.proven);
	assert_string_equal(ban.comment, "knocks");
	/* Ordered again it is the same ban, with its end anew. */
	assert_int_equal(judge_ban(g.judge, &later, BAN_BAN, prefix_of_text(SCANNER), 10 * 60, nothing, &g.err), 0);
	assert_true(ban_of(&g, SCANNER, START).id == ban.id);
	assert_true(ban_of(&g, SCANNER, START).until == START + 60 + 600);
	assert_string_equal(ban_of(&g, SCANNER, START).comment, "knocks");

	assert_int_equal(judge_ban(g.judge, &o, BAN_BLOCK, prefix_of_text("198.51.100.0/24"), TIME_NONE, nothing, &g.err),
	                 0);
	assert_int_equal(judge_ban(g.judge, &o, BAN_ALLOW, prefix_of_text(SCANNER), HOUR, nothing, &g.err), 0);
	assert_int_equal(status_of(&g, SCANNER, START + 61), IP_ALLOWED | IP_BLOCKED | IP_BANNED);
	assert_int_equal(status_of(&g, SCANNER, START + HOUR), IP_BLOCKED);
	assert_int_equal(status_of(&g, "198.51.100.1", START + 1000 * DAY), IP_BLOCKED);
	assert_int_equal(status_of(&g, "198.51.101.1", START), 0);
	assert_int_equal(status_of(&g, "127.0.0.1", START), IP_NEVER);
	assert_int_equal(recorded(&g, "banned", NULL), 2);
	assert_int_equal(recorded(&g, "blocked", NULL), 1);
	assert_int_equal(recorded(&g, "allowed", NULL), 1);
	judging_end(&g);
}

static void an_order_is_exempt_from_the_caps(void **state) {
	struct order o = order_at(START);
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {bans_per_minute: 1, max_bans: 1}\n");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of(addr_of(nth(i)), 128), HOUR, nothing, &g.err), 0);
		assert_int_equal(status_of(&g, nth(i), START), IP_BANNED);
	}
	judging_end(&g);
}

static void lifting_is_of_exactly_that_prefix_and_kind(void **state) {
	struct order o = order_at(START + 60);
	struct judging g;
	uint64_t lifted;

	(void)state;
	judging_begin(&g, "");
	probe(&g, SCANNER, START);
	scan(&g, SCANNER, PROOF_HANDSHAKE, START);
	assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of_text("198.51.100.0/24"), HOUR, nothing, &g.err), 0);
	assert_int_equal(judge_ban(g.judge, &o, BAN_BLOCK, prefix_of_text(SCANNER), TIME_NONE, nothing, &g.err), 0);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text("198.51.100.67"), &lifted, &g.err), 0);
	assert_int_equal(lifted, 0);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), &lifted, &g.err), 0);
	assert_int_equal(lifted, 2); /* of either trigger */
	assert_int_equal(status_of(&g, SCANNER, START + 60), IP_BANNED | IP_BLOCKED);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BLOCK, prefix_of_text(SCANNER), &lifted, &g.err), 0);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text("198.51.100.0/24"), &lifted, &g.err), 0);
	assert_int_equal(status_of(&g, SCANNER, START + 60), 0);
	assert_int_equal(recorded(&g, "unbanned", NULL), 4);
	judging_end(&g);
}

static void lifting_an_ipv6_address_lifts_the_ban_of_its_64(void **state) {
	struct order o = order_at(START + 60);
	struct judging g;
	uint64_t lifted;

	(void)state;
	judging_begin(&g, "");
	scan(&g, "2001:db8:1:2::5", PROOF_HANDSHAKE, START);
	assert_true(is_banned(&g, "2001:db8:1:2::99", START));
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text("2001:db8:1:2::5"), &lifted, &g.err), 0);
	assert_int_equal(lifted, 1);
	assert_false(is_banned(&g, "2001:db8:1:2::99", START + 60));
	judging_end(&g);
}

static void who_was_let_out_starts_at_nought(void **state) {
	struct order o = order_at(START + 1);
	struct judging g;
	uint64_t lifted;

	(void)state;
	judging_begin(&g, "");
	probe(&g, SCANNER, START); /* also counts for provisioning-hammer */
	assert_int_equal(status_of(&g, SCANNER, START + 1), IP_BANNED | IP_FAILED);
	assert_int_equal(judge_unban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), &lifted, &g.err), 0);
	assert_int_equal(status_of(&g, SCANNER, START + 1), 0);
	judging_end(&g);
}

static void all_bans_are_lifted_and_nothing_else(void **state) {
	struct order o = order_at(START + 60);
	struct judging g;
	uint64_t lifted;

	(void)state;
	judging_begin(&g, "firewall: {bans_per_minute: 100}\n");
	for (unsigned i = 0; i < 150; i++) /* fifty of them pending */
		scan(&g, nth(i), PROOF_HANDSHAKE, START);
	assert_int_equal(judge_ban(g.judge, &o, BAN_BLOCK, prefix_of_text(SCANNER), TIME_NONE, nothing, &g.err), 0);
	assert_int_equal(judge_ban(g.judge, &o, BAN_ALLOW, prefix_of_text(OFFICE), TIME_NONE, nothing, &g.err), 0);
	probe(&g, nth(150), START);
	assert_int_equal(judge_unban_all(g.judge, &o, &lifted, &g.err), 0);
	assert_int_equal(lifted, 151);
	for (unsigned i = 0; i <= 150; i++)
		assert_int_equal(status_of(&g, nth(i), START + 60), 0);
	assert_int_equal(status_of(&g, SCANNER, START + 60), IP_BLOCKED);
	assert_int_equal(status_of(&g, OFFICE, START + 60), IP_ALLOWED);
	judging_end(&g);
}

static void a_window_lifts_the_bans_of_its_address(void **state) {
	static const struct {
		const char *label, *window, *banned;
		bool lifted;
	} rows[] = {
		{"the address", SCANNER, SCANNER, true},
		{"an address within", "198.51.100.0/24", SCANNER, true},
		{"the net around it", SCANNER, "198.51.100.0/24", false},
		{"another address", SCANNER, "198.51.100.67", false},
		{"the /64 of an IPv6 address", "2001:db8:1:2::5", "2001:db8:1:2::/64", true},
		{"the /48 of an IPv6 address", "2001:db8:1:2::5", "2001:db8:1::/48", false},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct order o = order_at(START);
		struct window window;
		struct judging g;
		struct ban ban;
		bool lifted;

		judging_begin(&g, "");
		assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of_text(rows[r].banned), HOUR, nothing, &g.err), 0);
		assert_int_equal(
			judge_window_open(g.judge, &o, prefix_of_text(rows[r].window), "acct1", 2, &window, &lifted, &g.err), 0);
		if (lifted != rows[r].lifted ||
		    store_ban(g.store, BAN_BAN, prefix_of_text(rows[r].banned), NULL, START, &ban, &g.err) == rows[r].lifted)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

/* A mixture of all that counts, escalates, waits and is dropped. */
static void replay(struct judging *g, unsigned restart_every) {
	uint32_t seed = 7;

	judging_begin(g, "firewall: {bans_per_minute: 2, max_pending: 3, unproven_bans_per_minute: 1, max_bans: 6, peers: "
	                 "[198.18.0.5]}\n");
	judging_device(g, mac_of(1), "acct1", nth(3));
	for (unsigned i = 0; i < 3000; i++) {
		static const enum event_kind kinds[] = {EVENT_PROVISION_UNKNOWN,      EVENT_SIP_AUTH_FAILED,
		                                        EVENT_SIP_UNKNOWN_USER,       EVENT_SIP_FLOOD,
		                                        EVENT_PROVISION_UNAUTHORISED, EVENT_SIP_REGISTERED};
		struct event e = {.time = START + i / 2};
		char user[16];

		seed = seed * 1103515245 + 12345;
		e.kind = kinds[(seed >> 8) % 6];
		e.proof = (seed >> 12) % 4 ? PROOF_HANDSHAKE : PROOF_NONE;
		e.ip = addr_of(nth((seed >> 16) % 24));
		e.time -= (seed >> 20) % 30;
		e.once = (seed >> 24) % 3;
		if (e.kind < EVENT_SIP_REGISTERED)
			e.mac = mac_of((seed >> 10) % 40);
		snprintf(user, sizeof user, "u%u", (seed >> 14) % 12);
		e.user = slice_of(user);
		judging_event(g, e);
		if (restart_every && i % restart_every == 0)
			judging_restart(g);
	}
}

static void restarts_change_nothing(void **state) {
	static const char *const words[] = {"banned", "extended", "pending", "spared", "reported", "unbanned", NULL};
	struct judging once, often;

	(void)state;
	replay(&once, 0);
	replay(&often, 7);
	for (const char *const *word = words; *word; word++) {
		unsigned n = recorded(&once, *word, NULL);

		if (n != recorded(&often, *word, NULL))
			fail_msg("%u %s, and %u with restarts", n, *word, recorded(&often, *word, NULL));
		if (n == 0 && strcmp(*word, "unbanned") != 0)
			fail_msg("the replay is too tame: nothing is %s", *word);
	}
	for (unsigned i = 0; i < 24; i++)
		for (int64_t time = START; time < START + 2 * DAY; time += 977)
			assert_int_equal(is_banned(&once, nth(i), time), is_banned(&often, nth(i), time));
	assert_int_equal(sum_of(&once, "bans.dropped"), sum_of(&often, "bans.dropped"));
	judging_end(&once);
	judging_end(&often);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_escalate_while_the_last_one_is_remembered),
		cmocka_unit_test(a_ban_that_was_lifted_is_not_remembered),
		cmocka_unit_test(a_trigger_ignores_whom_it_has_banned),
		cmocka_unit_test(another_trigger_lengthens_a_ban),
		cmocka_unit_test(a_ban_that_is_over_is_recorded),
		cmocka_unit_test(bans_past_the_cap_wait_and_the_oldest_goes_first),
		cmocka_unit_test(what_waited_past_its_end_is_no_ban),
		cmocka_unit_test(unproven_bans_have_a_cap_of_their_own),
		cmocka_unit_test(at_max_bans_the_unproven_gives_way_to_the_proven),
		cmocka_unit_test(whom_no_trigger_bans),
		cmocka_unit_test(a_window_spares_nobody_before_it_opens),
		cmocka_unit_test(orders_are_refused_with_a_reason),
		cmocka_unit_test(orders_ban_block_and_allow_with_and_without_end),
		cmocka_unit_test(an_order_is_exempt_from_the_caps),
		cmocka_unit_test(lifting_is_of_exactly_that_prefix_and_kind),
		cmocka_unit_test(lifting_an_ipv6_address_lifts_the_ban_of_its_64),
		cmocka_unit_test(who_was_let_out_starts_at_nought),
		cmocka_unit_test(all_bans_are_lifted_and_nothing_else),
		cmocka_unit_test(a_window_lifts_the_bans_of_its_address),
		cmocka_unit_test(restarts_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
