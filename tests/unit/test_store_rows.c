/* What the store answers, subject by subject. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define NOW ((int64_t)1795400000)

static struct conf conf;
static struct store *store;
static struct err err;

#define OK(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s", #call, err.text);                                                                       \
	} while (0)

/* Each test is one transaction on a state in memory. */
static int begin(void **state) {
	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.devices.same_network.bits4 = 128;
	conf.devices.same_network.bits6 = 64;
	conf.devices.new_for = DAY;
	OK(store_open(&store, NULL, STORE_OWN, 0, NULL, &err));
	store_set_conf(store, &conf);
	OK(store_begin(store, &err));
	store_set_time(store, NOW);
	return 0;
}

static int end(void **state) {
	(void)state;
	OK(store_commit(store, &err));
	store_close(&store);
	return 0;
}

static struct addr address(const char *text) {
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static struct prefix network(const char *text) {
	struct prefix p;

	assert_true(prefix_parse(text, strlen(text), &p));
	return p;
}

static void add_home(struct device *d, const char *at, enum home_kind kind, bool backed, int64_t added) {
	d->homes.at[d->homes.n++] =
		(struct home){.at = network(at), .kind = kind, .backed = backed, .added = added, .used = added};
}

static struct device device(uint64_t mac, const char *account, enum device_state state) {
	struct device d = {.mac = mac, .state = state, .reason = REASON_PROVISIONED, .created = NOW};

	(void)snprintf(d.account, sizeof(d.account), "%s", account);
	return d;
}

static void clear_marks(int64_t now) {
	struct unpublished all;

	memset(&all, true, sizeof(all));
	OK(store_published(store, &all, now, &err));
}

static bool is_marked(unsigned shard) {
	struct unpublished u;

	OK(store_unpublished(store, &u, &err));
	return u.shard[shard];
}

/* ---- devices ---- */

static void a_device_reads_back_as_it_was_put_from_memory_and_from_its_row(void **state) {
	struct device d = device(0x001565abcdef, "acct1", DEVICE_UNLOCKED), got;

	(void)state;
	for (unsigned i = 0; i < DEVICE_HOMES_MAX; i++) {
		char at[32];

		(void)snprintf(at, sizeof(at), "2001:db8:%x::7", i);
		add_home(&d, at, (enum home_kind)(i % 3), i % 2 == 0, NOW + i);
		d.homes.at[i].country[0] = 'D';
		d.homes.at[i].country[1] = (char)('A' + i);
		d.homes.at[i].asn = 0xfffffff0U + i % 8;
	}
	d.before.homes = d.homes;
	d.before.homes.n = 3;
	d.before.state = DEVICE_HELD;
	d.before.reason = REASON_HELD;
	d.before.unlock_start = 5;
	d.before.unlock_end = 6;
	d.lapsed_reason = REASON_SUSPICIOUS;
	d.changed = -1;
	d.unlock_start = 1;
	d.unlock_end = 2;
	d.exposed = 3;
	d.exposed_to = address("192.0.2.7");
	d.unlock_account = d.custom = d.exposed_race = true;
	d.folder = UINT64_MAX;
	d.nmoved = DEVICE_MOVED_MAX;
	for (unsigned i = 0; i < DEVICE_MOVED_MAX; i++)
		d.moved[i] = (struct moved){address("198.51.100.7"), NOW, NOW + i, i, i == 1};
	d.moved_count = 77;
	memset(d.vendor, 'v', EVENT_WORD_MAX);
	memset(d.version, '1', EVENT_WORD_MAX);
	d.seen = 9;
	OK(store_device_put(store, &d, &err));
	for (int from_row = 0; from_row < 2; from_row++) {
		struct buf want, is;

		assert_int_equal(store_device(store, d.mac, &got, &err), 1);
		buf_init(&want, 8192);
		buf_init(&is, 8192);
		device_encode(&d, &want);
		device_encode(&got, &is);
		assert_int_equal(want.n, is.n);
		assert_memory_equal(want.p, is.p, want.n);
		assert_int_equal(got.seen, 9);
		assert_string_equal(got.account, "acct1");
		assert_string_equal(got.vendor, d.vendor);
		assert_int_equal(got.homes.n, DEVICE_HOMES_MAX);
		assert_true(prefix_same(got.homes.at[19].at, d.homes.at[19].at));
		assert_int_equal(got.moved[1].served, true);
		assert_true(got.custom && got.unlock_account && got.exposed_race && !got.learned && !got.adopt);
		buf_release(&want);
		buf_release(&is);
		shelf_clear(&store->shelf);
	}
	assert_int_equal(store_device(store, 1, &got, &err), 0);
}

static void no_cut_of_a_devices_bytes_is_a_device(void **state) {
	struct device d = device(1, "acct1", DEVICE_LOCKED), got;
	struct buf bytes;

	(void)state;
	add_home(&d, "192.0.2.1", HOME_POLL, true, NOW);
	d.nmoved = 1;
	buf_init(&bytes, 8192);
	device_encode(&d, &bytes);
	assert_int_equal(device_decode(1, (struct slice){bytes.p, bytes.n}, &got), 0);
	for (size_t n = 0; n < bytes.n; n++)
		assert_int_equal(device_decode(1, (struct slice){bytes.p, n}, &got), -1);
	for (size_t i = 0; i < bytes.n; i++) {
		char was = bytes.p[i];

		bytes.p[i] = (char)0xff; /* must not read past anything, whatever it says */
		(void)device_decode(1, (struct slice){bytes.p, bytes.n}, &got);
		bytes.p[i] = was;
	}
	buf_release(&bytes);
}

static void the_line_is_that_of_the_manual(void **state) {
	static const struct {
		const char *title, *line;
		enum device_state state;
		enum reason reason;
		int64_t unlock_end;
		bool adopt, removed;
		const char *homes[4]; /* a prefix is a given one */
	} rows[] = {
		{"new", "open 1795486400 - new acct1", DEVICE_NEW, REASON_NEW, 0, false, false, {0}},
		{"new, to be adopted", "open - - new acct1", DEVICE_NEW, REASON_NEW, 0, true, false, {0}},
		{"locked",
	     "locked - 203.0.113.7 provisioned acct1",
	     DEVICE_LOCKED,
	     REASON_PROVISIONED,
	     0,
	     false,
	     false,
	     {"203.0.113.7"}},
		{"locked, IPv6 is masked",
	     "locked - 203.0.113.7,2001:db8:1:2::/64 manual acct1",
	     DEVICE_LOCKED,
	     REASON_MANUAL,
	     0,
	     false,
	     false,
	     {"203.0.113.7", "2001:db8:1:2::5", "2001:db8:1:2::6"}},
		{"locked, given as given",
	     "locked - 2001:db8::/32,192.0.2.0/28 account acct1",
	     DEVICE_LOCKED,
	     REASON_ACCOUNT,
	     0,
	     false,
	     false,
	     {"2001:db8::/32", "192.0.2.0/28", "192.0.2.0/28"}},
		{"stale", "locked - - stale acct1", DEVICE_LOCKED, REASON_STALE, 0, false, false, {0}},
		{"unlocked",
	     "open 1795478400 198.51.100.4 unlocked acct1",
	     DEVICE_UNLOCKED,
	     REASON_UNLOCKED,
	     1795478400,
	     false,
	     false,
	     {"198.51.100.4"}},
		{"unlocked without end",
	     "open - 198.51.100.4 unlocked acct1",
	     DEVICE_UNLOCKED,
	     REASON_UNLOCKED,
	     0,
	     false,
	     false,
	     {"198.51.100.4"}},
		{"held", "locked - 203.0.113.9 held acct1", DEVICE_HELD, REASON_HELD, 0, false, false, {"203.0.113.9"}},
		{"removed", "locked - - manual acct1", DEVICE_UNLOCKED, REASON_UNLOCKED, 0, false, true, {"203.0.113.9"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct device d = device(1, "acct1", rows[i].state);
		struct buf line;

		d.reason = rows[i].reason;
		d.unlock_end = rows[i].unlock_end;
		d.adopt = rows[i].adopt;
		d.removed = rows[i].removed ? NOW : TIME_NONE;
		for (unsigned k = 0; k < 4 && rows[i].homes[k]; k++)
			add_home(&d, rows[i].homes[k], strchr(rows[i].homes[k], '/') ? HOME_GIVEN : HOME_POLL, true, NOW);
		buf_init(&line, 4096);
		device_line(&d, &conf, &line);
		buf_byte(&line, '\0');
		if (strcmp(line.p, rows[i].line) != 0)
			fail_msg("%s: \"%s\" is not \"%s\"", rows[i].title, line.p, rows[i].line);
		buf_release(&line);
	}
}

static void only_another_line_marks_the_shard_and_is_unpublished(void **state) {
	struct device d = device(0x0015650000aa, "acct1", DEVICE_LOCKED), got;

	(void)state;
	add_home(&d, "2001:db8:1:2::5", HOME_PROVISIONED, true, NOW);
	OK(store_device_put(store, &d, &err));
	assert_true(is_marked(0xaa));
	clear_marks(NOW + 1);
	assert_int_equal(store_device(store, d.mac, &d, &err), 1);
	assert_int_equal(d.published, NOW + 1);

	store_set_time(store, NOW + 10);
	d.seen = NOW;
	d.moved_count++;
	d.homes.at[0].used = NOW + 7;
	d.homes.at[0].at.base = address("2001:db8:1:2::6"); /* the same network */
	OK(store_device_put(store, &d, &err));
	assert_false(is_marked(0xaa));
	assert_int_equal(store_device(store, d.mac, &got, &err), 1);
	assert_int_equal(got.published, NOW + 1);
	assert_int_equal(got.moved_count, 1);
	assert_int_equal(store_lines_changed(store, 0xaa), NOW);

	d.reason = REASON_MANUAL;
	OK(store_device_put(store, &d, &err));
	assert_true(is_marked(0xaa));
	assert_false(is_marked(0xab));
	shelf_clear(&store->shelf);
	assert_int_equal(store_device(store, d.mac, &got, &err), 1);
	assert_int_equal(got.published, 0);
	assert_int_equal(store_lines_changed(store, 0xaa), NOW + 10);
}

static int64_t seen_of_row(uint64_t mac) {
	struct query *q = db_query(store->db, "SELECT seen FROM device WHERE mac = ?", &err);
	int64_t seen;

	db_bind(q, (int64_t)mac);
	assert_int_equal(db_step(q, &err), 1);
	seen = db_int(q, 0);
	db_end(q);
	return seen;
}

static void a_poll_that_changes_nothing_is_written_once_an_hour(void **state) {
	struct device d = device(1, "acct1", DEVICE_LOCKED), got;

	(void)state;
	d.seen = NOW;
	OK(store_device_put(store, &d, &err));
	d.seen = NOW + HOUR - 1;
	OK(store_device_put(store, &d, &err));
	assert_int_equal(seen_of_row(1), NOW);
	assert_int_equal(store_device(store, 1, &got, &err), 1);
	assert_int_equal(got.seen, NOW + HOUR - 1);
	d.seen = NOW + HOUR;
	OK(store_device_put(store, &d, &err));
	assert_int_equal(seen_of_row(1), NOW + HOUR);
}

static int collect(void *context, const struct device *d, struct err *e) {
	struct buf *out = context;

	(void)e;
	buf_printf(out, "%llx ", (unsigned long long)d->mac);
	return d->mac == 0x300 ? 9 : 0;
}

static void devices_are_listed_in_order_by_account_and_shard(void **state) {
	static const struct {
		const char *title;
		struct device_filter filter;
		unsigned n;
		int result;
	} rows[] = {
		{"all that are present", {NULL, 0, -1, false}, 299, 0},
		{"removed ones too", {NULL, 0, -1, true}, 300, 0},
		{"from a MAC on", {NULL, 0x1201, -1, false}, 43, 0},
		{"an account", {"b", 0, -1, false}, 100, 0},
		{"a shard", {NULL, 0, 0x07, false}, 2, 0},
		{"a shard of an account", {"b", 0, 0x07, false}, 1, 0},
		{"no such account", {"c", 0, -1, true}, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct device d = device(0x1100 + i, i % 3 == 2 ? "b" : "a", DEVICE_LOCKED);

		d.removed = i == 0 ? NOW : TIME_NONE;
		OK(store_device_put(store, &d, &err));
	}
	assert_int_equal(store_device_count(store), 299);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned n = 0;
		struct buf out;

		buf_init(&out, 65536);
		assert_int_equal(store_devices(store, &rows[i].filter, collect, &out, &err), rows[i].result);
		for (size_t k = 0; k < out.n; k++)
			n += out.p[k] == ' ';
		if (n != rows[i].n)
			fail_msg("%s: %u, not %u", rows[i].title, n, rows[i].n);
		buf_release(&out);
	}
}

static void a_listing_stops_where_it_is_told(void **state) {
	struct device_filter all = {.shard = -1};
	struct device d = device(0x300, "a", DEVICE_LOCKED);
	struct buf out;

	(void)state;
	OK(store_device_put(store, &d, &err));
	buf_init(&out, 100);
	assert_int_equal(store_devices(store, &all, collect, &out, &err), 9);
	buf_release(&out);
}

static void more_devices_than_the_shelf_holds_are_all_read(void **state) {
	struct device d = device(0, "a", DEVICE_LOCKED), got;

	(void)state;
	for (d.mac = 1; d.mac <= 70000; d.mac += 7)
		OK(store_device_put(store, &d, &err));
	for (d.mac = 1; d.mac <= 70000; d.mac += 7)
		assert_int_equal(store_device(store, d.mac, &got, &err), 1);
	/* One set, more than its ways. */
	for (unsigned i = 0; i < SHELF_WAYS + 3; i++)
		assert_non_null(shelf_put(&store->shelf, 5, slice_of("x")));
	shelf_drop(&store->shelf, 5);
	assert_null(shelf_get(&store->shelf, 5));
}

static void time_has_work_to_do_on_disused_homes_and_removed_devices(void **state) {
	struct device d = device(1, "a", DEVICE_LOCKED);
	uint64_t macs[8];
	uint32_t n;

	(void)state;
	add_home(&d, "192.0.2.1", HOME_PROVISIONED, true, NOW - 90 * DAY);
	OK(store_device_put(store, &d, &err));
	add_home(&d, "192.0.2.2", HOME_POLL, true, NOW - 40 * DAY);
	d.mac = 2;
	OK(store_device_put(store, &d, &err));
	d.mac = 3;
	d.homes.at[1].used = NOW;
	OK(store_device_put(store, &d, &err));
	d.mac = 4;
	d.removed = NOW - 31 * DAY;
	OK(store_device_put(store, &d, &err));
	OK(store_devices_due(store, NOW - 30 * DAY, NOW - 30 * DAY, macs, 8, &n, &err));
	assert_int_equal(n, 2);
	assert_true(macs[0] == 2 && macs[1] == 4);
	OK(store_devices_due(store, NOW - 30 * DAY, NOW - 30 * DAY, macs, 1, &n, &err));
	assert_int_equal(n, 1);
}

/* ---- users and residents ---- */

static void a_user_names_a_device_only_where_it_is_certain(void **state) {
	static const struct {
		const char *title, *user, *realm;
		uint64_t mac;
	} rows[] = {
		{"user and realm", "100", "one.example", 1},
		{"the same user of another realm", "100", "two.example", 2},
		{"a user of two devices, no realm told", "100", "", 0},
		{"an unknown realm", "100", "three.example", 0},
		{"a unique user, no realm told", "101", "", 1},
		{"a unique user, another realm told", "101", "two.example", 0},
		{"a unique user without realm, a realm told", "102", "two.example", 2},
		{"two devices with one user and realm", "103", "one.example", 0},
		{"two devices with one user, one without realm", "104", "x", 0},
		{"nobody", "999", "", 0},
	};
	static const struct device_user first[] = {
		{"100", "one.example"}, {"101", "one.example"}, {"103", "one.example"}, {"104", ""}};
	static const struct device_user second[] = {
		{"100", "two.example"}, {"102", ""}, {"103", "one.example"}, {"104", "two.example"}};
	struct device d = device(1, "a", DEVICE_LOCKED);
	uint64_t mac;

	(void)state;
	OK(store_device_put(store, &d, &err));
	OK(store_users_put(store, 1, second, 4, &err)); /* replaced as a set */
	OK(store_users_put(store, 1, first, 4, &err));
	OK(store_users_put(store, 2, second, 4, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		OK(store_device_of_user(store, slice_of(rows[i].user), slice_of(rows[i].realm), &mac, &err));
		if (mac != rows[i].mac)
			fail_msg("%s: %llu", rows[i].title, (unsigned long long)mac);
	}
	d.removed = NOW;
	OK(store_device_put(store, &d, &err));
	OK(store_device_of_user(store, slice_of("101"), slice_of(""), &mac, &err));
	assert_int_equal(mac, MAC_NONE);
}

static void residents_are_counted_by_mask_prefix_age_and_account(void **state) {
	static const struct {
		const char *title, *at;
		unsigned bits4, devices, counted, accounts;
	} rows[] = {
		{"two phones and one yet to be believed", "203.0.113.7", 128, 3, 2, 1},
		{"the next address", "203.0.113.8", 128, 0, 0, 0},
		{"the next address, where a /24 is one network", "203.0.113.8", 120, 3, 2, 1},
		{"the same /64", "2001:db8:1:2::99", 128, 1, 1, 1},
		{"another /64", "2001:db8:1:3::99", 128, 0, 0, 0},
		{"in a given prefix", "192.0.2.5", 128, 2, 2, 2},
		{"in a given prefix in another", "192.0.2.20", 128, 1, 1, 1},
		{"a given address, and its network is no home", "198.51.100.9", 120, 0, 0, 0},
		{"a given address itself", "198.51.100.8", 120, 1, 1, 0},
	};
	struct residents r;
	struct device d;

	(void)state;
	for (uint64_t mac = 1; mac <= 9; mac++) {
		d = device(mac, "a", DEVICE_LOCKED);
		if (mac <= 2)
			add_home(&d, "203.0.113.7", HOME_PROVISIONED, mac == 1, NOW - (mac == 2 ? DAY : 0));
		else if (mac == 3)
			add_home(&d, "203.0.113.7", HOME_PROVISIONED, false, NOW - DAY + 1);
		else if (mac == 4)
			add_home(&d, "2001:db8:1:2::1", HOME_PROVISIONED, true, NOW);
		else if (mac == 5)
			add_home(&d, "192.0.2.0/24", HOME_GIVEN, false, NOW);
		else if (mac == 6)
			add_home(&d, "192.0.2.0/28", HOME_GIVEN, false, NOW);
		else if (mac == 7)
			add_home(&d, "198.51.100.8", HOME_GIVEN, false, NOW);
		else
			add_home(&d, "203.0.113.7", HOME_PROVISIONED, true, NOW - DAY);
		if (mac == 6)
			(void)snprintf(d.account, sizeof(d.account), "b");
		if (mac == 7)
			(void)snprintf(d.account, sizeof(d.account), "-");
		OK(store_device_put(store, &d, &err));
	}
	/* The last two are gone, one for good. */
	d.removed = NOW;
	OK(store_device_put(store, &d, &err));
	OK(store_device_delete(store, 8, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		conf.devices.same_network.bits4 = rows[i].bits4;
		OK(store_residents(store, &conf, address(rows[i].at), NOW, &r, &err));
		if (r.devices != rows[i].devices || r.counted != rows[i].counted || r.accounts != rows[i].accounts)
			fail_msg("%s: %u devices, %u counted, %u accounts", rows[i].title, r.devices, r.counted, r.accounts);
	}
	OK(store_residents_within(store, network("203.0.113.0/24"), NOW, &r, &err));
	assert_true(r.devices == 3 && r.counted == 2);
	OK(store_residents_within(store, network("192.0.2.4/30"), NOW, &r, &err));
	assert_true(r.devices == 2 && r.accounts == 2);
	OK(store_residents_within(store, network("192.0.0.0/16"), NOW, &r, &err));
	assert_int_equal(r.devices, 2);
	OK(store_residents_within(store, network("2001:db8::/32"), NOW, &r, &err));
	assert_int_equal(r.devices, 1);
}

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
	OK(store_registered_put(store, slice_of("101"), realm, 8, address("192.0.2.1"), NOW + DAY + 1, &err));
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
	struct cursor c = {.offset = 1ULL << 40, .high_time = NOW, .size = -1, .name = slice_of("/var/log/*.log")}, got;
	struct buf texts;

	(void)state;
	OK(store_cursor_put(store, &c, &err));
	assert_int_not_equal(c.id, 0);
	c.offset++;
	OK(store_cursor_put(store, &c, &err));
	buf_init(&texts, 8192);
	assert_int_equal(store_cursor(store, c.id, &got, &texts, &err), 1);
	assert_true(got.id == c.id && got.offset == c.offset && got.size == -1);
	assert_true(slice_is(got.name, "/var/log/*.log"));
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

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(a_device_reads_back_as_it_was_put_from_memory_and_from_its_row),
		CASE(no_cut_of_a_devices_bytes_is_a_device),
		CASE(the_line_is_that_of_the_manual),
		CASE(only_another_line_marks_the_shard_and_is_unpublished),
		CASE(a_poll_that_changes_nothing_is_written_once_an_hour),
		CASE(devices_are_listed_in_order_by_account_and_shard),
		CASE(a_listing_stops_where_it_is_told),
		CASE(more_devices_than_the_shelf_holds_are_all_read),
		CASE(time_has_work_to_do_on_disused_homes_and_removed_devices),
		CASE(a_user_names_a_device_only_where_it_is_certain),
		CASE(residents_are_counted_by_mask_prefix_age_and_account),
		CASE(networks_hold_addresses_until_they_are_removed),
		CASE(windows_hold_addresses_while_they_are_open),
		CASE(a_registration_is_known_for_a_day),
		CASE(the_ban_that_holds_an_address_is_found_whatever_its_length),
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
