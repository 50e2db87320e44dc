/* What the store answers about places, bans, the record and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/storing.h"

/* ---- places ---- */

static int count_networks(void *context, const struct network *n) {
	(void)n;
	++*(unsigned *)context;
	return 0;
}

static void networks_hold_addresses_until_they_are_removed(void **state) {
	struct network n = {.at = network("192.0.2.0/28"), .account = "a", .added = NOW};
	unsigned count = 0;

	(void)state;
	OK(store_network_put(store, &n, &err));
	assert_int_equal(store_network_has(store, "a", address("192.0.2.15"), &err), 1);
	assert_int_equal(store_network_has(store, NULL, address("192.0.2.15"), &err), 1);
	assert_int_equal(store_network_has(store, "b", address("192.0.2.15"), &err), 0);
	assert_int_equal(store_network_has(store, "a", address("192.0.2.16"), &err), 0);
	n.removed = NOW + 1;
	OK(store_network_put(store, &n, &err));
	assert_int_equal(store_network_has(store, "a", address("192.0.2.15"), &err), 0);
	OK(store_networks(store, "a", false, count_networks, &count, &err));
	assert_int_equal(count, 0);
	OK(store_networks(store, "a", true, count_networks, &count, &err));
	assert_int_equal(count, 1);
}

static void windows_hold_addresses_while_they_are_open(void **state) {
	struct window w = {.at = network("192.0.2.9"), .account = "a", .start = NOW, .until = NOW + HOUR};
	struct window any = {.at = network("2001:db8::/48"), .account = "*", .start = NOW, .until = NOW + HOUR};
	struct unpublished u;
	struct addr at = address("192.0.2.9");

	(void)state;
	OK(store_window_put(store, &w, &err));
	OK(store_window_put(store, &any, &err));
	assert_int_equal(store_window_has(store, "a", at, NOW, &err), 1);
	assert_int_equal(store_window_has(store, "b", at, NOW, &err), 0);
	assert_int_equal(store_window_has(store, NULL, at, NOW, &err), 1);
	assert_int_equal(store_window_has(store, "a", at, NOW - 1, &err), 0);
	assert_int_equal(store_window_has(store, "a", at, NOW + HOUR, &err), 0);
	assert_int_equal(store_window_has(store, "b", address("2001:db8:0:5::1"), NOW, &err), 1);
	w.until = NOW + 1;
	OK(store_window_put(store, &w, &err));
	assert_int_equal(store_window_has(store, "a", at, NOW + 1, &err), 0);
	OK(store_unpublished(store, &u, &err));
	assert_true(u.common && u.bans);
}

/* Who asks first is told no, from what is held in memory of tables that are empty. */
static void expect_places(bool network_there, bool window_open, unsigned at_home, unsigned within) {
	struct addr at = address("192.0.2.9");
	struct residents r;

	assert_int_equal(store_network_has(store, "a", at, &err), network_there);
	assert_int_equal(store_window_has(store, "a", at, NOW, &err), window_open);
	OK(store_residents(store, &conf, at, NOW, &r, &err));
	assert_int_equal(r.devices, at_home);
	OK(store_residents_within(store, network("192.0.2.8/30"), NOW, &r, &err));
	assert_int_equal(r.devices, within);
}

static void what_was_not_there_is_found_once_it_is_and_not_after_a_rollback(void **state) {
	struct network n = {.at = network("192.0.2.0/28"), .account = "a", .added = NOW};
	struct window w = {.at = network("192.0.2.9"), .account = "a", .start = NOW, .until = NOW + HOUR};
	struct device given = device(1, "a", DEVICE_LOCKED), near = device(2, "a", DEVICE_LOCKED);

	(void)state;
	add_home(&given, "192.0.2.0/24", HOME_GIVEN, false, NOW);
	add_home(&near, "192.0.2.10", HOME_PROVISIONED, true, NOW);
	expect_places(false, false, 0, 0);
	OK(store_device_put(store, &near, &err));
	expect_places(false, false, 0, 1);
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	OK(store_device_put(store, &given, &err));
	expect_places(false, false, 1, 2);
	OK(store_network_put(store, &n, &err));
	expect_places(true, false, 1, 2);
	OK(store_window_put(store, &w, &err));
	expect_places(true, true, 1, 2);
	store_rollback(store);
	w.id = 0;
	OK(store_begin(store, &err));
	expect_places(false, false, 0, 1);
	OK(store_window_put(store, &w, &err));
	OK(store_network_put(store, &n, &err));
	OK(store_device_put(store, &given, &err));
	expect_places(true, true, 1, 2);
}

static void a_registration_is_known_for_a_day(void **state) {
	struct addr ip = address("2001:db8:1:2::5"), got;
	struct slice user = slice_of("100"), realm = slice_of("r");
	int64_t time;

	(void)state;
	OK(store_registered_put(store, user, realm, 7, ip, NOW, &err));
	OK(store_registered_put(store, user, realm, 7, ip, NOW - 5, &err)); /* late */
	assert_int_equal(store_registered_at(store, address("2001:db8:1:2::6"), NOW + DAY - 1, &err), 1);
	assert_int_equal(store_registered_at(store, address("2001:db8:1:3::6"), NOW, &err), 0);
	assert_int_equal(store_registered_at(store, ip, NOW + DAY, &err), 0);
	assert_int_equal(store_registered_within(store, network("2001:db8::/32"), NOW, &err), 1);
	OK(store_registered_device(store, 7, &got, &time, &err));
	assert_true(time == NOW && addr_same(got, ip));
	OK(store_registered_put(store, slice_of("101"), realm, 8, address("192.0.2.1"), NOW + DAY + HOUR, &err));
	OK(store_registered_device(store, 7, &got, &time, &err));
	assert_true(time == TIME_NONE && addr_is_none(got));
}

/* ---- bans ---- */

static struct ban put_ban(const char *at, const char *trigger, int64_t begin_at, int64_t until) {
	struct ban b = {.kind = BAN_BAN, .at = network(at), .start = begin_at, .until = until, .proven = true};

	(void)snprintf(b.trigger, sizeof(b.trigger), "%s", trigger);
	OK(store_ban_put(store, &b, &err));
	return b;
}

static void the_ban_that_holds_an_address_is_found_whatever_its_length(void **state) {
	struct ban b, allow = {.kind = BAN_ALLOW, .at = network("198.51.100.0/24")};

	(void)state;
	(void)put_ban("198.51.100.7", "a", NOW, NOW + 10);
	(void)put_ban("198.51.100.0/24", "b", NOW, NOW + 20);
	OK(store_ban_put(store, &allow, &err));
	assert_int_equal(store_ban_of(store, BAN_BAN, address("198.51.100.7"), NOW, &b, &err), 1);
	assert_string_equal(b.trigger, "b");
	assert_int_equal(store_ban_of(store, BAN_BAN, address("198.51.100.7"), NOW + 20, &b, &err), 0);
	assert_int_equal(store_ban_of(store, BAN_BAN, address("198.51.101.7"), NOW, &b, &err), 0);
	assert_int_equal(store_ban_of(store, BAN_ALLOW, address("198.51.100.9"), NOW + 100 * DAY, &b, &err), 1);
	assert_int_equal(b.until, TIME_NONE);
	assert_int_equal(store_ban(store, BAN_BAN, network("198.51.100.7"), NULL, NOW, &b, &err), 1);
	assert_string_equal(b.trigger, "a");
	assert_int_equal(store_ban(store, BAN_BAN, network("198.51.100.7"), "b", NOW, &b, &err), 0);
	assert_int_equal(store_ban(store, BAN_BAN, network("198.51.100.7"), "a", NOW + 10, &b, &err), 0);
}

static int see_trigger(void *context, const struct ban *b) {
	strcat(context, b->trigger);
	return 0;
}

static void of_several_bans_of_a_prefix_the_one_in_force_stands_and_all_are_told(void **state) {
	struct ban pending = {.kind = BAN_BAN,
	                      .at = network("198.51.100.7"),
	                      .trigger = "p",
	                      .start = NOW,
	                      .until = NOW + 90,
	                      .pending = true};
	struct ban lifted = pending, b;
	char seen[16] = "";

	(void)state;
	(void)put_ban("198.51.100.7", "a", NOW, NOW + 10);
	(void)put_ban("198.51.100.7", "b", NOW, NOW + 20);
	(void)put_ban("198.51.100.7", "c", NOW - 50, NOW - 1);
	(void)put_ban("198.51.100.0/24", "d", NOW, NOW + 20);
	OK(store_ban_put(store, &pending, &err));
	lifted.pending = false;
	lifted.lifted = NOW;
	OK(store_ban_put(store, &lifted, &err));
	assert_int_equal(store_ban(store, BAN_BAN, network("198.51.100.7"), NULL, NOW, &b, &err), 1);
	assert_string_equal(b.trigger, "b");
	OK(store_bans_at(store, network("198.51.100.7"), NOW, see_trigger, seen, &err));
	assert_string_equal(seen, "abp");
}

static void what_was_counted_is_kept_by_the_ban_that_stands_and_never_falls(void **state) {
	struct prefix at = network("198.51.100.7");
	struct ban first, second, b;

	(void)state;
	first = put_ban("198.51.100.7", "a", NOW, NOW + 10);
	second = put_ban("198.51.100.7", "b", NOW, NOW + 20);
	OK(store_ban_count(store, BAN_BAN, at, NOW, 7, 700, &err));
	OK(store_ban_count(store, BAN_BAN, at, NOW, 5, 500, &err));
	OK(store_ban_count(store, BAN_BLOCK, at, NOW, 99, 9900, &err));
	assert_int_equal(store_ban(store, BAN_BAN, at, "b", NOW, &b, &err), 1);
	assert_int_equal(b.packets, 7);
	assert_int_equal(b.bytes, 700);
	second.packets = 7;
	second.lifted = NOW;
	OK(store_ban_put(store, &second, &err));
	OK(store_ban_count(store, BAN_BAN, at, NOW, 8, 800, &err));
	assert_int_equal(store_ban(store, BAN_BAN, at, "a", NOW, &b, &err), 1);
	assert_int_equal(b.id, first.id);
	assert_int_equal(b.packets, 8);
	/* Past its end the one that stood last. */
	OK(store_ban_count(store, BAN_BAN, at, NOW + 60, 9, 900, &err));
	assert_int_equal(store_ban(store, BAN_BAN, at, "a", NOW, &b, &err), 1);
	assert_int_equal(b.packets, 8);
}

/* What is in memory of bans was read while it had been ended. */
static void a_ban_that_was_ended_is_found_after_a_rollback(void **state) {
	struct ban b = put_ban("198.51.100.7", "a", NOW, NOW + 100), found;

	(void)state;
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	b.until = NOW;
	OK(store_ban_put(store, &b, &err));
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(store_ban_of(store, BAN_BAN, address("198.51.100.7"), NOW + 1, &found, &err), 0);
		assert_int_equal(store_ban(store, BAN_BAN, b.at, NULL, NOW + 1, &found, &err), 0);
	}
	store_rollback(store);
	OK(store_begin(store, &err));
	assert_int_equal(store_ban_of(store, BAN_BAN, address("198.51.100.7"), NOW + 1, &found, &err), 1);
	assert_int_equal(store_ban(store, BAN_BAN, b.at, NULL, NOW + 1, &found, &err), 1);
}

static void the_level_counts_remembered_bans_that_were_not_lifted(void **state) {
	struct prefix at = network("198.51.100.7");
	struct ban b;
	uint32_t level;

	(void)state;
	(void)put_ban("198.51.100.7", "a", NOW - 30 * DAY, NOW - 20 * DAY);
	(void)put_ban("198.51.100.7", "a", NOW - 3 * DAY, NOW - 2 * DAY);
	(void)put_ban("198.51.100.7", "b", NOW - 3 * DAY, NOW - 2 * DAY);
	b = put_ban("198.51.100.7", "a", NOW, NOW + HOUR);
	OK(store_ban_level(store, "a", at, NOW - 7 * DAY, &level, &err));
	assert_int_equal(level, 2);
	b.lifted = NOW + 1;
	OK(store_ban_put(store, &b, &err));
	OK(store_ban_level(store, "a", at, NOW - 7 * DAY, &level, &err));
	assert_int_equal(level, 1);
	OK(store_ban_forget(store, NOW - 7 * DAY, &err));
	OK(store_ban_level(store, "a", at, 0, &level, &err));
	assert_int_equal(level, 1);
}

static void counts(int64_t time, int64_t bans, int64_t pending) {
	int64_t b, p;

	OK(store_ban_counts(store, time, &b, &p, &err));
	if (b != bans || p != pending)
		fail_msg("at %+lld: %lld and %lld", (long long)(time - NOW), (long long)b, (long long)p);
}

static void counts_of_bans_follow_puts_and_time_both_ways(void **state) {
	struct ban b, wait, out[4];
	uint32_t n;

	(void)state;
	counts(NOW, 0, 0);
	(void)put_ban("198.51.100.1", "a", NOW, NOW + 10);
	b = put_ban("198.51.100.2", "a", NOW, NOW + 20);
	wait = b;
	wait.id = 0;
	wait.at = network("198.51.100.3");
	wait.pending = true;
	OK(store_ban_put(store, &wait, &err));
	counts(NOW, 2, 1);
	counts(NOW + 10, 1, 1);
	counts(NOW + 20, 0, 0);
	OK(store_bans_pending(store, NOW + 20, 4, out, &n, &err));
	assert_int_equal(n, 0);
	counts(NOW + 5, 2, 1);
	OK(store_bans_pending(store, NOW + 5, 4, out, &n, &err));
	assert_int_equal(n, 1);
	wait.pending = false;
	wait.proven = false;
	OK(store_ban_put(store, &wait, &err));
	counts(NOW + 5, 3, 0);
	assert_int_equal(store_ban_unproven(store, NOW + 5, &out[0], &err), 1);
	assert_true(out[0].id == wait.id);
	b.lifted = NOW + 5;
	OK(store_ban_put(store, &b, &err));
	counts(NOW + 5, 2, 0);
	OK(store_ban_forget(store, NOW + 15, &err));
	counts(NOW + 5, 1, 0);
}

static void pending_bans_come_in_the_order_in_which_they_were_made(void **state) {
	struct ban b = {.kind = BAN_BAN, .until = NOW + HOUR, .pending = true}, out[2];
	uint32_t n;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char at[32];

		(void)snprintf(at, sizeof(at), "198.51.100.%u", 9 - i);
		b.id = 0;
		b.at = network(at);
		b.start = NOW + (i + 1) % 3;
		OK(store_ban_put(store, &b, &err));
	}
	OK(store_bans_pending(store, NOW, 2, out, &n, &err));
	assert_int_equal(n, 2);
	assert_true(out[0].start == NOW && out[1].start == NOW + 1);
	b.id = 0;
	b.start = NOW - 1; /* earlier than where the last search began to find */
	OK(store_ban_put(store, &b, &err));
	OK(store_bans_pending(store, NOW, 2, out, &n, &err));
	assert_true(out[0].start == NOW - 1);
}

static int note_ban(void *context, const struct ban *b, struct err *e) {
	char at[PREFIX_TEXT];

	(void)e;
	prefix_print(b->at, at);
	buf_text(context, at);
	buf_byte(context, ' ');
	return 0;
}

static unsigned changes_seen;

static int note_change(void *context, struct prefix at) {
	(void)context;
	(void)at;
	changes_seen++;
	return 0;
}

static void bans_are_listed_by_prefix_or_newest_first(void **state) {
	struct buf out;

	(void)state;
	(void)put_ban("203.0.113.9", "a", NOW, NOW + 10);
	(void)put_ban("198.51.100.0/24", "a", NOW, NOW + 10);
	(void)put_ban("198.51.100.7", "a", NOW - 10, NOW - 5);
	buf_init(&out, 65536);
	OK(store_bans(store, NOW, false, note_ban, &out, &err));
	assert_memory_equal(out.p, "198.51.100.0/24 203.0.113.9 ", 28);
	buf_clear(&out);
	OK(store_bans(store, NOW, true, note_ban, &out, &err));
	assert_memory_equal(out.p, "198.51.100.7 198.51.100.0/24 203.0.113.9 ", 41);
	buf_clear(&out);
	OK(store_bans_brief(store, NOW, note_ban, &out, &err));
	assert_int_equal(out.n, 28);
	buf_clear(&out);
	assert_int_equal(store_ban_any(store, BAN_BAN, NOW + 9, &err), 1);
	assert_int_equal(store_ban_any(store, BAN_BAN, NOW + 10, &err), 0);
	assert_int_equal(store_ban_any(store, BAN_BLOCK, NOW, &err), 0);
	for (unsigned i = 0; i < 600; i++) {
		struct ban b = {.kind = BAN_BLOCK, .at = prefix_of(address("10.0.0.0"), 128)};

		b.at.base.b[14] = (uint8_t)(i >> 8);
		b.at.base.b[15] = (uint8_t)i;
		OK(store_ban_put(store, &b, &err));
	}
	changes_seen = 0;
	OK(store_bans(store, NOW, false, note_ban, &out, &err));
	for (size_t i = 0; i < out.n; i++)
		changes_seen += out.p[i] == ' ';
	assert_int_equal(changes_seen, 602);
	buf_release(&out);
}

static void changes_of_bans_are_told_once_and_only_real_ones(void **state) {
	struct ban b;
	bool all;

	(void)state;
	OK(store_ban_changes(store, &all, note_change, NULL, &err));
	assert_true(all); /* nothing is known after opening */
	b = put_ban("203.0.113.9", "a", NOW, NOW + 10);
	b.until = NOW + 20;
	OK(store_ban_put(store, &b, &err));
	changes_seen = 0;
	OK(store_ban_changes(store, &all, note_change, NULL, &err));
	assert_false(all);
	assert_int_equal(changes_seen, 1);
	clear_marks(NOW);
	b.packets = 7;
	b.installed = NOW;
	OK(store_ban_put(store, &b, &err));
	changes_seen = 0;
	OK(store_ban_changes(store, &all, note_change, NULL, &err));
	assert_int_equal(changes_seen, 0);
	for (unsigned i = 0; i <= BAN_CHANGES_MAX; i++)
		store_ban_changed(store, b.at);
	OK(store_ban_changes(store, &all, note_change, NULL, &err));
	assert_true(all);
}

/* ---- the record ---- */

static int note_record(void *context, const struct record *r, struct err *e) {
	(void)e;
	buf_add(context, r->what, strlen(r->what));
	buf_byte(context, ' ');
	return 0;
}

static void add_record(const char *what, int64_t time, uint64_t mac, const char *ip, const char *line) {
	struct record r = {.time = time, .what = what, .mac = mac, .uid = -1, .line = slice_of(line)};

	if (ip)
		r.ip = network(ip);
	OK(store_record_add(store, &r, &err));
}

static void the_record_is_filtered_in_the_order_of_time(void **state) {
	static const struct {
		const char *title;
		uint64_t mac;
		const char *ip;
		int64_t since, limit;
		const char *want;
	} rows[] = {
		{"all", 0, NULL, 0, 0, "early banned locked moved held "},
		{"the newest two", 0, NULL, 0, 2, "moved held "},
		{"the newest of more than there are", 0, NULL, 0, 9, "early banned locked moved held "},
		{"since", 0, NULL, NOW + 2, 0, "locked moved held "},
		{"since, the newest", 0, NULL, NOW + 2, 1, "held "},
		{"a device", 1, NULL, 0, 0, "locked moved "},
		{"a device, the newest", 1, NULL, 0, 1, "moved "},
		{"an address, with prefixes that hold it", 0, "198.51.100.7", 0, 0, "banned locked "},
		{"a prefix, with addresses in it", 0, "198.51.100.0/24", 0, 0, "banned locked moved "},
		{"a prefix, the newest", 0, "198.51.100.0/24", 0, 2, "locked moved "},
		{"a device at an address", 1, "198.51.100.7", 0, 0, "locked "},
		{"nothing", 9, NULL, 0, 0, ""},
	};

	(void)state;
	add_record("locked", NOW + 2, 1, "198.51.100.7", "locked - 198.51.100.7 provisioned a");
	add_record("moved", NOW + 2, 1, "198.51.100.8", "");
	add_record("banned", NOW + 1, 0, "198.51.100.0/24", "");
	add_record("held", NOW + 3, 2, NULL, "x");
	add_record("early", NOW, 0, NULL, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct record_filter f = {.mac = rows[i].mac, .since = rows[i].since, .limit = rows[i].limit};
		struct buf out;

		if (rows[i].ip)
			f.ip = network(rows[i].ip);
		buf_init(&out, 4096);
		OK(store_records(store, &f, note_record, &out, &err));
		buf_byte(&out, '\0');
		if (strcmp(out.p, rows[i].want) != 0)
			fail_msg("%s: \"%s\" is not \"%s\"", rows[i].title, out.p, rows[i].want);
		buf_release(&out);
	}
}

static void a_devices_line_is_found_at_a_past_time(void **state) {
	int64_t begins = 0;
	char line[64];

	(void)state;
	add_record("learned", NOW, 1, NULL, "first");
	add_record("locked", NOW + 10, 1, NULL, "second");
	add_record("moved", NOW + 20, 1, NULL, "");
	assert_int_equal(store_record_line(store, 1, NOW + 30, line, sizeof(line), &begins, &err), 1);
	assert_string_equal(line, "second");
	assert_int_equal(store_record_line(store, 1, NOW + 9, line, sizeof(line), &begins, &err), 1);
	assert_string_equal(line, "first");
	assert_int_equal(store_record_line(store, 1, NOW - 1, line, sizeof(line), &begins, &err), 0);
	assert_int_equal(begins, NOW);
}

static unsigned records_kept(void) {
	struct record_filter all = {.since = 0};
	struct buf out;
	unsigned n = 0;

	buf_init(&out, 1 << 20);
	OK(store_records(store, &all, note_record, &out, &err));
	for (size_t i = 0; i < out.n; i++)
		n += out.p[i] == ' ';
	buf_release(&out);
	return n;
}

static void the_record_is_trimmed_by_age_and_by_bytes(void **state) {
	int64_t bytes;

	(void)state;
	for (int i = 0; i < 4000; i++)
		add_record("x", NOW + i, 1, NULL, "");
	OK(store_record_trim(store, NOW + 10, INT64_MAX, &err));
	assert_int_equal(records_kept(), 3990);
	OK(store_number(store, "record.bytes", &bytes, &err));
	OK(store_record_trim(store, 0, bytes / 2, &err));
	assert_in_range(records_kept(), 1980, 1995);
	OK(store_record_trim(store, 0, 0, &err));
	assert_int_equal(records_kept(), 0);
	OK(store_number(store, "record.bytes", &bytes, &err));
	assert_int_equal(bytes, 0);
}

/* ---- logs, counters, sums ---- */

static int note_early(void *context, struct slice event, struct err *e) {
	struct buf *out = context;

	buf_add(out, event.p, event.n);
	/* What is put while others are handed on must not be lost. */
	return slice_is(event, "b") ? store_early_put(store, 1, NOW, slice_of("d"), e) : 0;
}

static void early_events_come_when_due_in_their_order(void **state) {
	struct buf out;
	int64_t n;

	(void)state;
	OK(store_early_put(store, 1, NOW + 5, slice_of("b"), &err));
	OK(store_early_put(store, 2, NOW + 1, slice_of("a"), &err));
	OK(store_early_put(store, 1, NOW + 9, slice_of("c"), &err));
	OK(store_early_count(store, 1, &n, &err));
	assert_int_equal(n, 2);
	buf_init(&out, 100);
	OK(store_early_take(store, NOW + 5, 9, note_early, &out, &err));
	OK(store_early_take(store, NOW + 5, 9, note_early, &out, &err));
	OK(store_early_take(store, NOW + 5, 9, note_early, &out, &err));
	assert_int_equal(out.n, 3);
	assert_memory_equal(out.p, "bad", 3);
	OK(store_early_count(store, 1, &n, &err));
	assert_int_equal(n, 1);
	buf_release(&out);
}

static void a_cursor_reads_back_as_it_was_put(void **state) {
	struct cursor c = {.offset = 1ULL << 40,
	                   .high_time = NOW,
	                   .size = -1,
	                   .name = slice_of("journal:A=b"),
	                   .mark = slice_of("s=1;i=2")},
				  got;
	struct buf texts;

	(void)state;
	OK(store_cursor_put(store, &c, &err));
	assert_int_not_equal(c.id, 0);
	c.offset++;
	OK(store_cursor_put(store, &c, &err));
	buf_init(&texts, 8192);
	assert_int_equal(store_cursor(store, c.id, &got, &texts, &err), 1);
	assert_true(got.id == c.id && got.offset == c.offset && got.size == -1);
	assert_true(slice_is(got.name, "journal:A=b") && slice_is(got.mark, "s=1;i=2"));
	OK(store_cursor_forget(store, c.id, &err));
	assert_int_equal(store_cursor(store, c.id, &got, &texts, &err), 0);
	buf_release(&texts);
}

static int note_sum(void *context, const char *name, int64_t value) {
	buf_add(context, name, strlen(name));
	buf_byte(context, (char)('0' + value));
	return 0;
}

static void sums_add_up_within_and_across_transactions(void **state) {
	struct buf out;

	(void)state;
	OK(store_sum_add(store, "lines", 2, &err));
	OK(store_commit(store, &err));
	OK(store_begin(store, &err));
	OK(store_sum_add(store, "lines", 3, &err));
	OK(store_sum_add(store, "leaks", 1, &err));
	buf_init(&out, 100);
	OK(store_sums(store, note_sum, &out, &err));
	assert_int_equal(out.n, 12);
	assert_memory_equal(out.p, "leaks1lines5", 12);
	buf_release(&out);
}

static void names_of_numbers_are_bounded(void **state) {
	char name[128];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[TALLY_NAME_MAX + 1] = '\0';
	assert_int_equal(store_set_number(store, name, 1, &err), -1);
	name[TALLY_NAME_MAX] = '\0';
	OK(store_set_number(store, name, 1, &err));
	for (unsigned i = 0; i < TALLY_MAX + 5; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		if (store_sum_add(store, name, 1, &err) != 0) {
			assert_int_equal(i, TALLY_MAX);
			return;
		}
	}
	fail_msg("there is no bound");
}

static int note_counter(void *context, uint32_t slot, struct slice bytes) {
	assert_int_equal(slot, 7);
	assert_true(slice_is(bytes, "new"));
	++*(unsigned *)context;
	return 0;
}

static int note_notice(void *context, struct slice name, struct slice text, int64_t time) {
	assert_true(slice_is(name, "log") && slice_is(text, "missing") && time == NOW);
	++*(unsigned *)context;
	return 0;
}

static void counters_and_notices_are_replaced_and_deleted_by_nothing(void **state) {
	unsigned n = 0;

	(void)state;
	OK(store_counter_put(store, 7, slice_of("old"), &err));
	OK(store_counter_put(store, 7, slice_of("new"), &err));
	OK(store_counter_put(store, 8, slice_of("x"), &err));
	OK(store_counter_put(store, 8, slice_of(""), &err));
	OK(store_counters_load(store, note_counter, &n, &err));
	assert_int_equal(n, 1);
	OK(store_notice_put(store, slice_of("log"), slice_of("missing"), NOW, &err));
	OK(store_notice_put(store, slice_of("other"), slice_of("x"), NOW, &err));
	OK(store_notice_put(store, slice_of("other"), slice_of(""), NOW, &err));
	OK(store_notices(store, note_notice, &n, &err));
	assert_int_equal(n, 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(networks_hold_addresses_until_they_are_removed),
		CASE(windows_hold_addresses_while_they_are_open),
		CASE(what_was_not_there_is_found_once_it_is_and_not_after_a_rollback),
		CASE(a_registration_is_known_for_a_day),
		CASE(the_ban_that_holds_an_address_is_found_whatever_its_length),
		CASE(of_several_bans_of_a_prefix_the_one_in_force_stands_and_all_are_told),
		CASE(what_was_counted_is_kept_by_the_ban_that_stands_and_never_falls),
		CASE(a_ban_that_was_ended_is_found_after_a_rollback),
		CASE(the_level_counts_remembered_bans_that_were_not_lifted),
		CASE(counts_of_bans_follow_puts_and_time_both_ways),
		CASE(pending_bans_come_in_the_order_in_which_they_were_made),
		CASE(bans_are_listed_by_prefix_or_newest_first),
		CASE(changes_of_bans_are_told_once_and_only_real_ones),
		CASE(the_record_is_filtered_in_the_order_of_time),
		CASE(a_devices_line_is_found_at_a_past_time),
		CASE(the_record_is_trimmed_by_age_and_by_bytes),
		CASE(early_events_come_when_due_in_their_order),
		CASE(a_cursor_reads_back_as_it_was_put),
		CASE(sums_add_up_within_and_across_transactions),
		CASE(names_of_numbers_are_bounded),
		CASE(counters_and_notices_are_replaced_and_deleted_by_nothing),
	};

	return cmocka_run_group_tests_name("store rows", tests, NULL, NULL);
}
