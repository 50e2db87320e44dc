#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

/* Each row: a setting, a story under it, and device A after it. */
struct setting_row {
	const char *title;
	void (*set)(struct conf *conf);
	const char *story;
	const char *after;
};

static void set_ignore(struct conf *conf) {
	conf->devices.learn = false;
}
static void set_full(struct conf *conf) {
	conf->devices.max_devices = 1;
}
static void set_no_polls(struct conf *conf) {
	conf->devices.follow_polls = false;
}
static void set_registrations(struct conf *conf) {
	conf->devices.follow_registrations = true;
}
static void set_asn(struct conf *conf) {
	conf->devices.same_network.asn = true;
}
static void set_wide(struct conf *conf) {
	conf->devices.same_network.bits4 = 120;
}
static void set_no_cascade(struct conf *conf) {
	conf->devices.cascade = false;
}

static const struct setting_row setting_rows[] = {
	{"unknown: ignore only counts", set_ignore, "0s served 203.0.113.7", "unknown"},
	{"at max_devices new MACs are only counted", set_full, "0s served 203.0.113.7 B; 1h served 203.0.113.7", "unknown"},
	{"at max_devices the inventory's are, too", set_full, "0s served 203.0.113.7 B; 1h device.created", "unknown"},
	{"follow_polls: false adds no home", set_no_polls, "0s served 203.0.113.7; 1h poll.served 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1"},
	{"follow_registrations adds the address of a proven registration", set_registrations,
     "0s add; 1h served 203.0.113.7; 2h sip.registered 198.51.100.4",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1"},
	{"follow_registrations believes no address without proof", set_registrations,
     "0s add; 1h served 203.0.113.7; 2h sip.registered 198.51.100.4 unproven",
     "locked - 203.0.113.7 provisioned acct1"},
	{"follow_registrations leaves a held device", set_registrations,
     "0s add; 1h served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h sip.registered 198.51.100.4",
     "locked - 203.0.113.7 held acct1"},
	{"same_network ipv4: 24 compares masked", set_wide, "0s served 203.0.113.7; 1h served 203.0.113.99",
     "locked - 203.0.113.0/24 provisioned acct1"},
	{"asn: true lets a refused phone of the home's provider in", set_asn,
     "0s served 203.0.113.7 asn=64500; 1h refused 198.51.100.4 asn=64500 phone",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1"},
	{"asn: true wants a known phone agent", set_asn,
     "0s served 203.0.113.7 asn=64500; 1h refused 198.51.100.4 asn=64500",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4"},
	{"asn: true wants the same provider", set_asn,
     "0s served 203.0.113.7 asn=64500; 1h refused 198.51.100.4 asn=64501 phone",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4"},
	{"asn: true does not open a held device", set_asn,
     "0s served 203.0.113.7 asn=64500; 1h unlock for=1h; 3h suspect 198.51.100.9; "
     "4h refused 198.51.100.4 asn=64500 phone",
     "locked - 203.0.113.7 held acct1 moved 198.51.100.4"},
	{"asn: true pushes out no home that a poll proved", set_asn,
     "0s served 203.0.113.7 asn=64500; 1d poll.served 198.51.100.1; 2d poll.served 198.51.100.2; "
     "3d poll.served 198.51.100.3; 4d refused 198.51.100.4 asn=64500 phone",
     "locked - 203.0.113.7,198.51.100.1,198.51.100.2,198.51.100.3 provisioned acct1 moved 198.51.100.4"},
	{"account_cascade: none closes nothing", set_no_cascade,
     "0s add; 0s served 203.0.113.7 B; 1h served 198.51.100.4 B", "open 1795435200 - new acct1"},
};

static void settings_change_what_their_rows_say(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(setting_rows) / sizeof(setting_rows[0]); i++) {
		struct world w;
		char after[1024];

		world_open(&w);
		setting_rows[i].set(&w.conf);
		world_tell(&w, setting_rows[i].story);
		world_device(&w, 'A', after, sizeof(after));
		if (strcmp(after, setting_rows[i].after) != 0)
			fail_msg("%s: %s, not %s", setting_rows[i].title, after, setting_rows[i].after);
		world_close(&w);
	}
}

static struct device device_of(struct world *w, char device) {
	struct device d;
	struct err err;

	assert_int_equal(store_device(w->store, world_mac(device), &d, &err), 1);
	return d;
}

struct counted {
	const char *what;
	unsigned n;
};

static int count_record(void *context, const struct record *r, struct err *err) {
	struct counted *c = context;

	(void)err;
	c->n += strcmp(r->what, c->what) == 0;
	return 0;
}

static unsigned records_of(struct world *w, const char *what) {
	struct record_filter filter = {.mac = MAC_NONE};
	struct counted c = {.what = what};
	struct err err;

	assert_int_equal(store_records(w->store, &filter, count_record, &c, &err), 0);
	return c.n;
}

static void a_second_new_network_in_a_day_is_reported(void **state) {
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 1h poll.served 198.51.100.1; 26h poll.served 198.51.100.2");
	assert_int_equal(records_of(&w, "reported"), 0);
	world_tell(&w, "49h poll.served 198.51.100.3");
	assert_int_equal(records_of(&w, "reported"), 1);
	world_close(&w);
}

static void what_backs_a_home_is_a_poll_a_registration_or_an_import(void **state) {
	static const struct {
		const char *story;
		bool backed;
	} backings[] = {
		{"0s served 203.0.113.7; 1h served 203.0.113.7", false},
		{"0s served 203.0.113.7; 1h poll.served 203.0.113.7", true},
		{"0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/new/", false}, /* anybody can invent one */
		{"0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/s/; 2h poll.served 203.0.113.7 folder=/s/", true},
		{"0s add; 0s served 203.0.113.7; 1h sip.registered 203.0.113.7", true},
		{"0s add; 0s served 203.0.113.7; 1h sip.registered 203.0.113.7 unproven", false},
		{"0s import homes=203.0.113.7", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(backings) / sizeof(backings[0]); i++) {
		struct world w;

		world_open(&w);
		world_tell(&w, backings[i].story);
		if (device_of(&w, 'A').homes.at[0].backed != backings[i].backed)
			fail_msg("%s", backings[i].story);
		world_close(&w);
	}
}

static void a_poll_from_home_changes_nothing_but_hourly_the_use_of_a_polled_home(void **state) {
	struct world w;
	struct device before, after;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 1h poll.served 203.0.113.7; 1h poll.served 198.51.100.4");
	before = device_of(&w, 'A');
	world_tell(&w, "90m poll.served 198.51.100.4; 100m poll.served 203.0.113.7; 9h poll.served 203.0.113.7");
	after = device_of(&w, 'A');
	after.seen = before.seen;
	assert_memory_equal(&before.homes, &after.homes, sizeof(before.homes));
	assert_int_equal(before.changed, after.changed);
	world_tell(&w, "10h poll.served 198.51.100.4");
	assert_int_equal(device_of(&w, 'A').homes.at[1].used, EPOCH + 10 * HOUR);
	world_close(&w);
}

/* Each row: what is shown, a story, an address, how long after EPOCH, and whether it is known then. */
struct known_row {
	const char *title;
	const char *story;
	const char *ip;
	int64_t at;
	bool known;
};

static const struct known_row known_rows[] = {
	{"a stranger is unknown", "0s served 203.0.113.7", "198.51.100.4", HOUR, false},
	{"a home that was only fetched from is unknown for 24h", "0s served 203.0.113.7", "203.0.113.7", DAY - 1, false},
	{"a home of 24h is known", "0s served 203.0.113.7", "203.0.113.7", DAY, true},
	{"a home that a poll backs is known", "0s served 203.0.113.7; 1m poll.served 203.0.113.7", "203.0.113.7", HOUR,
     true},
	{"a home of the inventory is known", "0s import homes=203.0.113.0/28", "203.0.113.7", 0, true},
	{"an address in any account's network is known", "0s network-add 203.0.113.0/28 account=other", "203.0.113.7", 0,
     true},
	{"an address that registered within 24h is known", "0s add; 1h sip.registered 203.0.113.7 user=someone",
     "203.0.113.7", 24 * HOUR, true},
	{"a registration of more than 24h ago counts no more", "0s add; 1h sip.registered 203.0.113.7 user=someone",
     "203.0.113.7", 26 * HOUR, false},
	{"a registration without proof does not count", "0s add; 1h sip.registered 203.0.113.7 user=someone unproven",
     "203.0.113.7", 2 * HOUR, false},
	{"a registration makes its /64 known", "0s add; 1h sip.registered 2001:db8::1 user=someone", "2001:db8::2",
     2 * HOUR, true},
	{"a removed device's home is unknown", "0s import homes=203.0.113.7; 1h remove", "203.0.113.7", 2 * HOUR, false},
};

static void who_is_known_is_as_the_rows_say(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(known_rows) / sizeof(known_rows[0]); i++) {
		const struct known_row *row = &known_rows[i];
		struct world w;
		struct err err;
		struct addr ip;
		bool known;

		world_open(&w);
		world_tell(&w, row->story);
		assert_true(addr_parse(row->ip, strlen(row->ip), &ip));
		assert_int_equal(address_known(w.judge, ip, EPOCH + row->at, &known, &err), 0);
		if (known != row->known)
			fail_msg("%s", row->title);
		world_close(&w);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_change_what_their_rows_say),
		cmocka_unit_test(a_second_new_network_in_a_day_is_reported),
		cmocka_unit_test(who_is_known_is_as_the_rows_say),
		cmocka_unit_test(what_backs_a_home_is_a_poll_a_registration_or_an_import),
		cmocka_unit_test(a_poll_from_home_changes_nothing_but_hourly_the_use_of_a_polled_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
