#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

/* Each row: what is shown, a story that ends with the command, and device A after it. A step with =N must fail with that status. */
struct row {
	const char *title;
	const char *story;
	const char *after;
};

static const struct row rows[] = {
	/* unlock */
	{"unlock opens to any address for unlock_for", "0s served 203.0.113.7; 1h unlock",
     "open 1795438800 203.0.113.7 unlocked acct1"},
	{"unlock --for says how long", "0s served 203.0.113.7; 1h unlock for=2h",
     "open 1795359600 203.0.113.7 unlocked acct1"},
	{"unlock of an unknown MAC is a negative answer", "0s unlock =1", "unknown"},
	{"unlock of a removed device is one, too", "0s add; 1h remove; 2h unlock =1", "locked - - manual acct1"},
	{"a held device is refused", "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h unlock =3",
     "locked - 203.0.113.7 held acct1"},
	{"a held device is opened with --support",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h unlock support",
     "open 1795449600 203.0.113.7 unlocked acct1"},
	{"a custom device is refused", "0s served 203.0.113.7; 1h device.customised; 2h unlock =3",
     "locked - 203.0.113.7 provisioned acct1 custom"},
	{"a custom device is refused with --support, too",
     "0s served 203.0.113.7; 1h device.customised; 2h unlock support =3",
     "locked - 203.0.113.7 provisioned acct1 custom"},
	{"add --custom no brings a custom device back",
     "0s served 203.0.113.7; 1h device.customised; 2h add custom=no; 3h unlock",
     "open 1795446000 203.0.113.7 unlocked acct1"},
	{"an unlock never shortens what was open as new", "0s add; 1h unlock for=1h", "open 1795435200 - unlocked acct1"},
	{"an unlock of a stale device opens it", "0s add; 30h unlock", "open 1795543200 - unlocked acct1"},
	{"a second unlock sets another end", "0s served 203.0.113.7; 1h unlock; 2h unlock for=1h",
     "open 1795359600 203.0.113.7 unlocked acct1"},
	{"more than ten years is no unlock", "0s served 203.0.113.7; 1h unlock for=4000d =2",
     "locked - 203.0.113.7 provisioned acct1"},

	/* unlock --account */
	{"an account is opened until used", "0s served 203.0.113.7; 1h unlock-account",
     "open - 203.0.113.7 unlocked acct1"},
	{"an account is opened for 1h", "0s served 203.0.113.7; 1h unlock-account for=1h",
     "open 1795356000 203.0.113.7 unlocked acct1"},
	{"an account is opened for 40h", "0s served 203.0.113.7; 1h unlock-account for=40h",
     "open 1795496400 203.0.113.7 unlocked acct1"},
	{"an account is not opened for less than 1h", "0s served 203.0.113.7; 1h unlock-account for=59m =2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"an account is not opened for more than 40h", "0s served 203.0.113.7; 1h unlock-account for=41h =2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"an account skips what is held",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h unlock-account",
     "locked - 203.0.113.7 held acct1"},
	{"an account skips what is custom", "0s served 203.0.113.7; 1h device.customised; 2h unlock-account",
     "locked - 203.0.113.7 provisioned acct1 custom"},
	{"an account skips what is open already", "0s add; 1h unlock-account", "open 1795435200 - new acct1"},
	{"an account opens for longer what an unlock of its own would close sooner",
     "0s served 203.0.113.7; 1h unlock; 2h unlock-account", "open - 203.0.113.7 unlocked acct1"},
	{"an account shortens no unlock", "0s served 203.0.113.7; 1h unlock; 2h unlock-account for=1h",
     "open 1795438800 203.0.113.7 unlocked acct1"},
	{"an account that is open until used stays so",
     "0s served 203.0.113.7; 1h unlock-account; 2h unlock-account for=1h", "open - 203.0.113.7 unlocked acct1"},
	{"another account stays as it is",
     "0s served 203.0.113.7; 0s served 203.0.113.7 B account=acct2; "
     "1h unlock-account account=acct2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"an account that nobody belongs to is a negative answer", "0s unlock-account account=nobody =1", "unknown"},

	/* What an unlock that lapses restores. */
	{"a lock takes the strongest reason, that of before the unlock counting too",
     "0s served 203.0.113.7; 1m suspect 198.51.100.9; 1h unlock; 2h lock", "locked - 203.0.113.7 suspicious acct1"},

	/* lock */
	{"lock closes a new device", "0s add; 1h lock", "locked - - manual acct1"},
	{"lock closes an unlocked device and keeps its home", "0s served 203.0.113.7; 1h unlock; 2h lock",
     "locked - 203.0.113.7 manual acct1"},
	{"lock of a held device leaves it held",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h lock", "locked - 203.0.113.7 held acct1"},
	{"lock --no-home clears the home", "0s served 203.0.113.7; 1h lock no-home", "locked - - manual acct1"},
	{"lock of an unknown MAC is a negative answer", "0s lock =1", "unknown"},
	{"lock of a stale device closes it for good", "0s add; 30h lock", "locked - - manual acct1"},

	/* home */
	{"home add adds an address", "0s served 203.0.113.7; 1h home-add 198.51.100.4",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1"},
	{"home add locks a new device, as an import does", "0s add; 1h home-add 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1"},
	{"home remove takes one away", "0s served 203.0.113.7; 1h home-add 198.51.100.4; 2h home-remove 203.0.113.7",
     "locked - 198.51.100.4 provisioned acct1"},
	{"home remove takes a learned IPv6 home away as it is shown",
     "0s served 2001:db8:1:2::7; 1h home-remove 2001:db8:1:2::/64", "locked - - provisioned acct1"},
	{"home remove of what is no home is a negative answer", "0s served 203.0.113.7; 1h home-remove 198.51.100.4 =1",
     "locked - 203.0.113.7 provisioned acct1"},
	{"a home as wide as everything is refused", "0s served 203.0.113.7; 1h home-add 0.0.0.0/0 =2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"polls never evict a given home",
     "0s served 203.0.113.7; 1h home-add 192.0.2.1; 1d poll.served 198.51.100.1; 2d poll.served 198.51.100.2; "
     "3d poll.served 198.51.100.3; 4d poll.served 198.51.100.4",
     "locked - 203.0.113.7,192.0.2.1,198.51.100.2,198.51.100.3,198.51.100.4 provisioned acct1"},
	{"who asked from a home that is added is no longer moved",
     "0s served 203.0.113.7; 1h refused 198.51.100.4; 2h home-add 198.51.100.0/24",
     "locked - 203.0.113.7,198.51.100.0/24 provisioned acct1"},
	{"home add of a 17th given home is refused",
     "0s import "
     "homes=192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6,192.0.2.7,192.0.2.8,192.0.2.9,192.0.2.10,"
     "192.0.2.11,192.0.2.12,192.0.2.13,192.0.2.14,192.0.2.15,192.0.2.16; 1h home-add 192.0.2.17 =2",
     "locked - "
     "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6,192.0.2.7,192.0.2.8,192.0.2.9,192.0.2.10,192.0.2.11,"
     "192.0.2.12,192.0.2.13,192.0.2.14,192.0.2.15,192.0.2.16 provisioned acct1"},

	/* window */
	{"a window of 1 hour is taken",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=1h; 7199s served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1"},
	{"a window of 40 hours is taken",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=40h; 147599s served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1"},
	{"a window of 0 hours changes nothing",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=0s =2; "
     "2h refused 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4"},
	{"a window of 41 hours changes nothing",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=41h =2; "
     "2h refused 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4"},
	{"a window of a /24 is taken", "0s served 203.0.113.7; 1h window-open 198.51.100.0/24 for=1h",
     "locked - 203.0.113.7 provisioned acct1"},
	{"a window wider than a /24 is refused", "0s served 203.0.113.7; 1h window-open 198.51.0.0/23 for=1h =2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"a window of a /48 is taken", "0s served 203.0.113.7; 1h window-open 2001:db8:1::/48 for=1h",
     "locked - 203.0.113.7 provisioned acct1"},
	{"a window wider than a /48 is refused", "0s served 203.0.113.7; 1h window-open 2001:db8::/47 for=1h =2",
     "locked - 203.0.113.7 provisioned acct1"},
	{"a window of an unsound account is refused", "0s window-open 198.51.100.4 for=1h account=a/b =2", "unknown"},
	{"closing a window that is not open is a negative answer", "0s window-close 198.51.100.4 =1", "unknown"},

	/* network */
	{"a network as wide as everything is refused", "0s network-add ::/0 =2", "unknown"},
	{"a prefix that holds all of IPv4 is refused", "0s network-add ::/48 =2", "unknown"},
	{"removing what is no network is a negative answer", "0s network-remove 192.0.2.0/28 =1", "unknown"},

	/* clear-exposed */
	{"clear-exposed drops every home but the provisioned one",
     "0s served 203.0.113.7; 1h poll.served 198.51.100.4; 2h home-add 192.0.2.1; 3h served 198.51.100.9; "
     "4h clear-exposed",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.9"},
	{"clear-exposed drops the known secret path",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/; 3h served 198.51.100.9; 4h clear-exposed; "
     "5h poll.refused 198.51.100.4 folder=/own/",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4 198.51.100.9"},
	{"clear-exposed leaves a device that has only given homes at home",
     "0s import homes=203.0.113.7; 1h poll.served 198.51.100.4; 3h served 198.51.100.9; 4h clear-exposed",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.9"},
	{"clear-exposed of a device that is not exposed is a negative answer", "0s served 203.0.113.7; 1h clear-exposed =1",
     "locked - 203.0.113.7 provisioned acct1"},

	/* inventory */
	{"add makes a device new", "0s add", "open 1795435200 - new acct1"},
	{"add of a removed device makes it new", "0s served 203.0.113.7; 1h remove; 2h add", "open 1795442400 - new acct1"},
	{"import with homes makes it locked", "0s import homes=203.0.113.7,2001:db8:1::/48",
     "locked - 203.0.113.7,2001:db8:1::/48 provisioned acct1"},
	{"import without created is new as of its first import", "0s import; 5h import", "open 1795435200 - new acct1"},
	{"import with created counts from there", "1h import created=1h", "open 1795435200 - new acct1"},
	{"importing again changes no home that an event decided",
     "0s import homes=203.0.113.7; 1h window-open 198.51.100.4 for=9h; 2h served 198.51.100.4; "
     "3h import homes=203.0.113.7",
     "locked - 198.51.100.4 provisioned acct1"},
	{"importing again with another home, where no event decided, sets it",
     "0s import homes=203.0.113.7; 1h import homes=198.51.100.4", "locked - 198.51.100.4 provisioned acct1"},
	{"importing another home leaves a suspicion",
     "0s import homes=203.0.113.7; 1h suspect 198.51.100.9; 2h import homes=198.51.100.4",
     "locked - 198.51.100.4 suspicious acct1"},
	{"importing a home later locks a device that is still new", "0s import; 1h import homes=203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1"},
	{"import moves a device to another account", "0s served 203.0.113.7; 1h import account=acct2",
     "locked - 203.0.113.7 provisioned acct2"},
	{"import --adopt opens a stale device for its first served fetch", "0s import created=30d adopt",
     "open - - new acct1"},
	{"import --adopt leaves one that is new in time its limit", "0s import adopt", "open 1795435200 - new acct1"},
	{"import without --adopt leaves it stale", "0s import created=30d; 1h refused 203.0.113.7",
     "locked - - stale acct1"},
	{"remove lists it as locked", "0s served 203.0.113.7; 1h remove", "locked - - manual acct1"},
	{"remove of an unknown MAC is a negative answer", "0s remove =1", "unknown"},
	{"remove twice is a negative answer", "0s add; 1h remove; 2h remove =1", "locked - - manual acct1"},

	/* pause */
	{"resume of nothing is a negative answer", "0s resume =1", "unknown"},
};

static void each_command_does_what_its_row_says(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		char after[1024];

		world_open(&w);
		world_tell(&w, rows[i].story);
		world_device(&w, 'A', after, sizeof(after));
		if (strcmp(after, rows[i].after) != 0)
			fail_msg("%s: %s, not %s", rows[i].title, after, rows[i].after);
		world_close(&w);
	}
}

/* Each row: what is shown, a story, how long after EPOCH device A is looked at, and what it is then. */
struct standing_row {
	const char *title;
	const char *story;
	int64_t at;
	enum device_state state;
	enum reason reason;
	bool open;
};

static const struct standing_row standing_rows[] = {
	{"a new device is open within its limit", "0s add", DAY - 1, DEVICE_NEW, REASON_NEW, true},
	{"past its limit it reads as locked, stale", "0s add", DAY, DEVICE_LOCKED, REASON_STALE, false},
	{"one that is to be adopted stays open", "0s import created=30d adopt", 30 * DAY, DEVICE_NEW, REASON_NEW, true},
	{"an unlock is open until its end", "0s served 203.0.113.7; 1h unlock", 25 * HOUR - 1, DEVICE_UNLOCKED,
     REASON_UNLOCKED, true},
	{"an unlock is not open before its start", "0s served 203.0.113.7; 1h unlock", HOUR - 1, DEVICE_LOCKED,
     REASON_PROVISIONED, false},
	{"an unlock that lapses restores the reason before it", "0s served 203.0.113.7; 1m lock; 1h unlock", 25 * HOUR,
     DEVICE_LOCKED, REASON_MANUAL, false},
	{"held lapses to suspicious", "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h unlock support",
     28 * HOUR, DEVICE_LOCKED, REASON_SUSPICIOUS, false},
	{"a stale device that was unlocked lapses to stale", "0s add; 30h unlock for=1h", 31 * HOUR, DEVICE_LOCKED,
     REASON_STALE, false},
	{"an account-wide unlock does not end by time", "0s served 203.0.113.7; 1h unlock-account", 400 * DAY,
     DEVICE_UNLOCKED, REASON_UNLOCKED, true},
	{"a removed device is locked", "0s add; 1h remove", 2 * HOUR, DEVICE_LOCKED, REASON_MANUAL, false},
};

static struct device device_of(struct world *w, char device) {
	struct device d;
	struct err err;

	assert_int_equal(store_device(w->store, world_mac(device), &d, &err), 1);
	return d;
}

static void limits_of_time_are_read_without_a_write(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(standing_rows) / sizeof(standing_rows[0]); i++) {
		const struct standing_row *row = &standing_rows[i];
		struct standing standing;
		struct device d;
		struct world w;

		world_open(&w);
		world_tell(&w, row->story);
		d = device_of(&w, 'A');
		device_standing(&d, &w.conf, EPOCH + row->at, &standing);
		if (standing.state != row->state || standing.reason != row->reason || standing.open != row->open)
			fail_msg("%s: %s, %s", row->title, device_state_name(standing.state), reason_name(standing.reason));
		world_close(&w);
	}
}

static void an_unlock_says_that_its_home_is_banned(void **state) {
	struct world w;
	struct err err;
	struct order o = {.time = EPOCH + HOUR};
	struct unlock_result result;
	struct ban ban = {.kind = BAN_BAN, .start = EPOCH, .until = EPOCH + DAY};

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7");
	assert_int_equal(judge_unlock(w.judge, &o, world_mac('A'), 0, false, &result, &err), 0);
	assert_false(result.home_banned);
	assert_true(prefix_parse("203.0.113.7", 11, &ban.at));
	assert_int_equal(store_ban_put(w.store, &ban, &err), 0);
	assert_int_equal(judge_unlock(w.judge, &o, world_mac('A'), 0, false, &result, &err), 0);
	assert_true(result.home_banned);
	assert_true(addr_same(result.banned, ban.at.base));
	assert_int_equal(result.device.state, DEVICE_UNLOCKED);
	world_close(&w);
}

static void a_window_lifts_the_ban_of_its_address(void **state) {
	struct world w;
	struct err err;
	struct order o = {.time = EPOCH + HOUR};
	struct ban ban = {.kind = BAN_BAN, .start = EPOCH, .until = EPOCH + DAY};
	struct window opened;
	bool lifted;
	int found;

	(void)state;
	world_open(&w);
	assert_true(prefix_parse("203.0.113.7", 11, &ban.at));
	assert_int_equal(store_ban_put(w.store, &ban, &err), 0);
	assert_int_equal(judge_window_open(w.judge, &o, ban.at, "acct1", 4, &opened, &lifted, &err), 0);
	assert_true(lifted);
	assert_int_equal(opened.until, EPOCH + 5 * HOUR);
	found = store_ban_of(w.store, BAN_BAN, ban.at.base, EPOCH + HOUR, &ban, &err);
	assert_int_equal(found, 0);
	assert_int_equal(judge_window_open(w.judge, &o, ban.at, "acct1", 8, &opened, &lifted, &err), 0);
	assert_false(lifted);
	assert_int_equal(opened.until, EPOCH + 9 * HOUR);
	assert_int_equal(opened.start, EPOCH + HOUR);
	world_close(&w);
}

static int ban_name(void *context, const struct ban *ban, struct err *err) {
	char text[PREFIX_TEXT], *left = context;

	(void)err;
	prefix_print(ban->at, text);
	(void)snprintf(left + strlen(left), 256 - strlen(left), "%s ", text);
	return 0;
}

/* The bans that stand still, by what opened and stood around it. */
static void a_window_lifts_what_bans_its_addresses_and_nothing_beside(void **state) {
	static const struct {
		const char *window, *bans[6], *left;
	} stories[] = {
		{"203.0.113.7",
	     {"203.0.113.6", "203.0.113.7", "203.0.113.8", "203.0.113.0/24"},
	     "203.0.113.0/24 203.0.113.6 203.0.113.8 "},
		{"203.0.113.8/30",
	     {"203.0.113.7", "203.0.113.8", "203.0.113.8/31", "203.0.113.11", "203.0.113.12"},
	     "203.0.113.7 203.0.113.12 "},
		{"203.0.113.0/24",
	     {"203.0.112.255", "203.0.113.0/24", "203.0.113.255", "203.0.0.0/16"},
	     "203.0.0.0/16 203.0.112.255 "},
		{"2001:db8:0:7::7",
	     {"2001:db8:0:7::/64", "2001:db8:0:7::6", "2001:db8:0:7::7", "2001:db8:0:8::/64", "2001:db8::/48"},
	     "2001:db8::/48 2001:db8:0:7::6 2001:db8:0:8::/64 "},
		{"2001:db8:0:7::/64",
	     {"2001:db8:0:6::/64", "2001:db8:0:7::/64", "2001:db8:0:7::6", "2001:db8:0:7:ffff::/96", "203.0.113.7"},
	     "203.0.113.7 2001:db8:0:6::/64 "},
	};
	struct order o = {.time = EPOCH + HOUR};
	struct window opened;
	struct err err;
	bool lifted;

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct ban ban = {.kind = BAN_BAN, .start = EPOCH, .until = EPOCH + DAY};
		struct prefix at;
		struct world w;
		char left[256] = "";

		world_open(&w);
		for (unsigned k = 0; k < 6 && stories[i].bans[k]; k++) {
			ban.id = 0;
			assert_true(prefix_parse(stories[i].bans[k], strlen(stories[i].bans[k]), &ban.at));
			assert_int_equal(store_ban_put(w.store, &ban, &err), 0);
		}
		assert_true(prefix_parse(stories[i].window, strlen(stories[i].window), &at));
		assert_int_equal(judge_window_open(w.judge, &o, at, "acct1", 4, &opened, &lifted, &err), 0);
		assert_true(lifted);
		assert_int_equal(store_bans(w.store, o.time, false, ban_name, left, &err), 0);
		assert_string_equal(left, stories[i].left);
		world_close(&w);
	}
}

static int window_count(void *context, const struct window *w) {
	unsigned *n = context;

	(void)w;
	++*n;
	return 0;
}

static void opening_a_window_again_moves_its_end(void **state) {
	struct world w;
	struct err err;
	unsigned n = 0;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s window-open 198.51.100.4 for=2h; 1h window-open 198.51.100.4 for=4h");
	assert_int_equal(store_windows(w.store, EPOCH + HOUR, true, window_count, &n, &err), 0);
	assert_int_equal(n, 1);
	world_close(&w);
}

struct told {
	unsigned opened, held, custom, open_already;
};

static int tell(void *context, const struct device *d, const char *skipped) {
	struct told *told = context;

	(void)d;
	if (!skipped)
		told->opened++;
	else if (strcmp(skipped, "held") == 0)
		told->held++;
	else if (strcmp(skipped, "custom") == 0)
		told->custom++;
	else if (strcmp(skipped, "open already") == 0)
		told->open_already++;
	return 0;
}

static void a_preview_lists_what_it_would_open_and_changes_nothing(void **state) {
	struct world w;
	struct err err;
	struct order o = {.time = EPOCH + 5 * HOUR};
	struct told told = {0};
	char after[256];

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 0s served 203.0.113.7 B; 0s served 203.0.113.7 C; 4h add D");
	world_tell(&w, "1h unlock B for=1h; 3h suspect 198.51.100.9 B; 3h device.customised C; 4h add D");
	assert_int_equal(judge_unlock_account(w.judge, &o, "acct1", 0, true, tell, &told, &err), 0);
	assert_int_equal(told.opened, 1);
	assert_int_equal(told.held, 1);
	assert_int_equal(told.custom, 1);
	assert_int_equal(told.open_already, 1);
	world_device(&w, 'A', after, sizeof(after));
	assert_string_equal(after, "locked - 203.0.113.7 provisioned acct1");
	world_close(&w);
}

static void an_account_of_several_pages_is_opened_whole(void **state) {
	struct world w;
	struct err err;
	struct order o = {.time = EPOCH + HOUR};
	struct told told = {0};
	struct inventory_row row = {.account = "acct1"};
	enum inventory_change change;
	bool stale;

	(void)state;
	world_open(&w);
	row.homes.n = 1;
	assert_true(prefix_parse("203.0.113.7", 11, &row.homes.at[0].at));
	for (unsigned i = 0; i < 600; i++) {
		row.mac = world_mac('A') + i;
		assert_int_equal(judge_inventory(w.judge, &o, &row, false, true, &change, &stale, &err), 0);
		assert_int_equal(change, INVENTORY_ADDED);
	}
	assert_int_equal(judge_unlock_account(w.judge, &o, "acct1", 0, false, tell, &told, &err), 0);
	assert_int_equal(told.opened, 600);
	assert_int_equal(device_of(&w, 'A').state, DEVICE_UNLOCKED);
	world_close(&w);
}

static void importing_again_says_that_nothing_changed(void **state) {
	struct world w;
	struct err err;
	struct order o = {.time = EPOCH};
	struct device_user users[2] = {{"100", ""}, {"101", "pbx.example"}};
	struct inventory_row row = {
		.mac = world_mac('A'), .account = "acct1", .created = EPOCH - 30 * DAY, .has_users = true};
	enum inventory_change change;
	uint64_t mac;
	bool stale;

	(void)state;
	world_open(&w);
	row.users = users;
	row.nusers = 2;
	assert_int_equal(judge_inventory(w.judge, &o, &row, false, true, &change, &stale, &err), 0);
	assert_int_equal(change, INVENTORY_ADDED);
	assert_true(stale);
	o.time += DAY;
	assert_int_equal(judge_inventory(w.judge, &o, &row, false, true, &change, &stale, &err), 0);
	assert_int_equal(change, INVENTORY_SAME);
	row.nusers = 1; /* replaced as a set */
	assert_int_equal(judge_inventory(w.judge, &o, &row, false, true, &change, &stale, &err), 0);
	assert_int_equal(change, INVENTORY_CHANGED);
	assert_int_equal(store_device_of_user(w.store, slice_of("101"), slice_of("pbx.example"), &mac, &err), 0);
	assert_int_equal(mac, MAC_NONE);
	row.mac = 0;
	assert_int_equal(judge_inventory(w.judge, &o, &row, false, true, &change, &stale, &err), -1);
	assert_int_equal(err.class, ERR_INPUT);
	world_close(&w);
}

static void a_learned_device_that_is_imported_is_learned_no_more(void **state) {
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7");
	assert_true(device_of(&w, 'A').learned);
	world_tell(&w, "1h import");
	assert_false(device_of(&w, 'A').learned);
	world_close(&w);
}

static void max_devices_refuses_an_import(void **state) {
	struct world w;
	char after[64];

	(void)state;
	world_open(&w);
	w.conf.devices.max_devices = 1;
	world_tell(&w, "0s import B; 0s import =3; 0s import B");
	world_device(&w, 'A', after, sizeof(after));
	assert_string_equal(after, "unknown");
	world_close(&w);
}

static void a_pause_runs_from_its_order_to_its_end(void **state) {
	struct world w;
	struct err err;
	static const struct {
		int64_t at;
		bool bans, locks;
	} times[] = {{HOUR - 1, false, false}, {HOUR, true, true}, {3 * HOUR - 1, true, true}, {3 * HOUR, false, false}};

	(void)state;
	world_open(&w);
	world_tell(&w, "1h pause for=2h locks");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		bool bans, locks;

		assert_int_equal(judge_paused(w.judge, EPOCH + times[i].at, &bans, &locks, &err), 0);
		assert_int_equal(bans, times[i].bans);
		assert_int_equal(locks, times[i].locks);
	}
	world_close(&w);
}

struct seen {
	int64_t uid;
	char actor[32], reason[32], what[32];
};

static int see(void *context, const struct record *r, struct err *err) {
	struct seen *seen = context;

	(void)err;
	seen->uid = r->uid;
	(void)slice_copy(r->actor, seen->actor, sizeof(seen->actor));
	(void)slice_copy(r->reason, seen->reason, sizeof(seen->reason));
	(void)slice_copy(slice_of(r->what), seen->what, sizeof(seen->what));
	return 0;
}

static void each_command_records_who_and_why(void **state) {
	static const struct {
		const char *story, *what;
	} commands[] = {
		{"0s add", "created"},
		{"0s import", "imported"},
		{"0s add; 0s add account=b", "changed"},
		{"0s add; 0s remove", "removed"},
		{"0s add; 0s unlock", "unlocked"},
		{"0s served 192.0.2.1; 0s unlock-account", "unlocked"},
		{"0s add; 0s lock", "locked"},
		{"0s add; 0s home-add 192.0.2.1", "home-added"},
		{"0s add; 0s home-add 192.0.2.1; 0s home-remove 192.0.2.1", "home-dropped"},
		{"0s network-add 192.0.2.0/28", "network-added"},
		{"0s network-add 192.0.2.0/28; 0s network-remove 192.0.2.0/28", "network-removed"},
		{"0s window-open 192.0.2.1 for=1h", "window-opened"},
		{"0s window-open 192.0.2.1 for=1h; 0s window-close 192.0.2.1", "window-closed"},
		{"0s add; 0s pause", "paused"},
		{"0s add; 0s pause; 0s resume", "resumed"},
		{"0s served 192.0.2.1; 1s served 192.0.2.2; 2s clear-exposed", "cleared"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct record_filter filter = {.mac = MAC_NONE};
		struct seen seen = {0};
		struct err err;
		struct world w;

		world_open(&w);
		world_tell(&w, commands[i].story);
		assert_int_equal(store_records(w.store, &filter, see, &seen, &err), 0);
		assert_string_equal(seen.what, commands[i].what);
		assert_int_equal(seen.uid, 1000);
		assert_string_equal(seen.actor, "anna");
		assert_string_equal(seen.reason, "because");
		world_close(&w);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_does_what_its_row_says),
		cmocka_unit_test(limits_of_time_are_read_without_a_write),
		cmocka_unit_test(an_unlock_says_that_its_home_is_banned),
		cmocka_unit_test(a_window_lifts_the_ban_of_its_address),
		cmocka_unit_test(a_window_lifts_what_bans_its_addresses_and_nothing_beside),
		cmocka_unit_test(opening_a_window_again_moves_its_end),
		cmocka_unit_test(a_preview_lists_what_it_would_open_and_changes_nothing),
		cmocka_unit_test(an_account_of_several_pages_is_opened_whole),
		cmocka_unit_test(importing_again_says_that_nothing_changed),
		cmocka_unit_test(a_learned_device_that_is_imported_is_learned_no_more),
		cmocka_unit_test(max_devices_refuses_an_import),
		cmocka_unit_test(a_pause_runs_from_its_order_to_its_end),
		cmocka_unit_test(each_command_records_who_and_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
