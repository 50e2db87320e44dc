/* What the store answers about devices, their users and who lives where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "enforcer/judge.h"
#include "tests/unit/storing.h"

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
	d.seen = NOW + DAY - 1;
	OK(store_device_put(store, &d, &err));
	assert_int_equal(seen_of_row(1), NOW);
	assert_int_equal(store_device(store, 1, &got, &err), 1);
	assert_int_equal(got.seen, NOW + DAY - 1);
	d.seen = NOW + DAY;
	OK(store_device_put(store, &d, &err));
	assert_int_equal(seen_of_row(1), NOW + DAY);
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

#define USERS 5000 /* more than are read at once */

static uint64_t whose(unsigned user, const char *realm) {
	char name[16];
	uint64_t mac;

	(void)snprintf(name, sizeof(name), "%05u", user);
	OK(store_device_of_user(store, slice_of(name), slice_of(realm), &mac, &err));
	return mac;
}

static void users_are_whose_they_are_however_many_are_asked_for(void **state) {
	static const char *const realms[] = {"", "one.example", "two.example", "three.example"};
	static uint64_t answers[USERS + 1][4];
	unsigned all = 0, told = 0;
	uint64_t random = 3;

	(void)state;
	for (unsigned i = 0; i < USERS; i++) {
		/* One row of no realm, or of one; or some more, of this device and of others. */
		struct device_user users[3] = {{.realm = ""}, {.realm = "one.example"}, {.realm = "two.example"}};
		unsigned first = i % 7 == 3, n = i % 11 == 5 ? 2 : 1;

		for (unsigned k = 0; k < 3; k++)
			(void)snprintf(users[k].user, sizeof(users[k].user), "%05u", i);
		OK(store_users_put(store, i + 1, users + first, n, &err));
		if (i % 13 == 7)
			OK(store_users_put(store, USERS + i + 1, users + i % 3, 1, &err));
	}
	for (unsigned i = 0; i <= USERS; i++)
		for (unsigned k = 0; k < 4; k++) {
			if (i % 50 == 0)
				store_owners_forget(store); /* before it is worth reading all */
			answers[i][k] = whose(i, realms[k]);
		}
	store_owners_forget(store);
	for (unsigned n = 0; n < 4 * USERS; n++) {
		unsigned i, k;

		random = random * 6364136223846793005U + 1442695040888963407U;
		i = (unsigned)(random >> 40) % (USERS + 1);
		k = (unsigned)(random >> 33) % 4;
		if (whose(i, realms[k]) != answers[i][k])
			fail_msg("user %u, realm %s: %llu", i, realms[k], (unsigned long long)answers[i][k]);
	}
	/* They need no look into the rows any more, but where there are several. */
	OK(db_script(store->db, "DELETE FROM user", &err));
	for (unsigned i = 0; i < USERS; i++)
		if (i % 7 != 3 && i % 11 != 5 && i % 13 != 7) {
			all++;
			told += whose(i, "four.example") == i + 1;
		}
	assert_true(told > all / 100 * 99); /* some gave way to what was asked since */
	store_owners_forget(store);
	assert_int_equal(whose(0, ""), MAC_NONE);
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

/* ---- how they stand ---- */

struct walk {
	int64_t time;
	struct device_sums sums;
};

static int walk_each(void *context, const struct device *d, struct err *e) {
	struct walk *w = context;
	struct standing standing;

	(void)e;
	device_standing(d, &conf, w->time, &standing);
	w->sums.devices++;
	w->sums.by_state[standing.state]++;
	w->sums.stale += standing.state == DEVICE_LOCKED && standing.reason == REASON_STALE;
	w->sums.custom += d->custom;
	w->sums.moved += d->nmoved > 0;
	if (d->exposed != TIME_NONE && w->sums.exposed.n++ < DEVICE_NAMED)
		w->sums.exposed.first[w->sums.exposed.n - 1] = d->mac;
	w->sums.long_open.n += standing.state == DEVICE_UNLOCKED && d->unlock_account && d->unlock_end == TIME_NONE &&
	                       d->unlock_start + DAY < w->time;
	return 0;
}

static void sums_are_those_of_a_walk(void) {
	static const int64_t times[] = {NOW, NOW + 1, NOW + HOUR, NOW + DAY - 1, NOW + DAY, NOW + 2 * DAY, NOW + 9 * DAY};
	const struct device_filter all = {.shard = -1};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct walk w = {.time = times[i]};
		struct device_sums sums;

		OK(store_devices(store, &all, walk_each, &w, &err));
		OK(store_device_sums(store, times[i], DAY, &sums, &err));
		memcpy(w.sums.long_open.first, sums.long_open.first, sizeof(sums.long_open.first));
		assert_memory_equal(&sums, &w.sums, sizeof(sums));
	}
}

static void what_stands_how_is_counted_without_a_walk(void **state) {
	static const enum reason reasons[] = {REASON_PROVISIONED, REASON_STALE, REASON_MANUAL};
	struct query *q;
	unsigned random = 3;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct device d = device(0x001565000000 + (i * 7) % 97, "a", (enum device_state)(i * 5 / 3 % 4));

		random = random * 1103515245 + 12345;
		d.reason = reasons[random >> 8 & 1];
		d.lapsed_reason = reasons[(random >> 9) % 3];
		d.created = NOW - (random >> 11) % (2 * DAY);
		d.adopt = random >> 12 & 1;
		d.custom = random >> 13 & 1;
		d.nmoved = random >> 14 & 1;
		d.exposed = (random >> 15 & 7) == 0 ? NOW : TIME_NONE;
		d.removed = (random >> 18 & 15) == 0 ? NOW : TIME_NONE;
		d.unlock_start = NOW - (random >> 7) % HOUR;
		d.unlock_account = random >> 22 & 1;
		d.unlock_end = random >> 23 & 1 ? NOW + (random >> 5) % DAY : TIME_NONE;
		if ((random >> 24 & 15) == 0)
			OK(store_device_delete(store, d.mac, &err));
		else
			OK(store_device_put(store, &d, &err));
		if (i % 500 == 99)
			sums_are_those_of_a_walk();
	}
	/* A state of an older schema has none of it. */
	OK(store_commit(store, &err));
	q = db_query(store->db, "DELETE FROM standing", &err);
	OK(db_run(q, &err));
	q = db_query(store->db, "DELETE FROM number WHERE name LIKE 'standing.%'", &err);
	OK(db_run(q, &err));
	store_rollback(store);
	OK(store_standing_make(store, &err));
	OK(store_begin(store, &err));
	sums_are_those_of_a_walk();
}

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
		CASE(users_are_whose_they_are_however_many_are_asked_for),
		CASE(residents_are_counted_by_mask_prefix_age_and_account),
		CASE(what_stands_how_is_counted_without_a_walk),
	};

	return cmocka_run_group_tests_name("store devices", tests, NULL, NULL);
}
