#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/judging.h"

#define SCANNER "198.51.100.66"
#define OFFICE  "203.0.113.7"

enum vary { VARY_NOTHING, VARY_MAC, VARY_USER };

/* n events a second apart, each with a MAC or user of its own where told so. */
static void volley(struct judging *g, struct event e, enum vary vary, unsigned n) {
	char user[32];

	for (unsigned i = 0; i < n; i++, e.time++) {
		if (vary == VARY_MAC)
			e.mac = mac_of(0x1000 + i);
		if (vary == VARY_USER) {
			snprintf(user, sizeof user, "user%u", i);
			e.user = slice_of(user);
		}
		judging_event(g, e);
	}
}

static void office(struct judging *g, const char *account, const char *home, unsigned first, unsigned n) {
	for (unsigned i = 0; i < n; i++)
		judging_device(g, mac_of(first + i), account, home);
}

static void each_trigger_fires_at_its_limit_and_not_before(void **state) {
	static const struct {
		const char *id;
		enum event_kind kind;
		enum proof proof;
		enum tri imposter;
		enum vary vary;
		const char *from;
		unsigned limit;
		const char *what;
		int64_t lasts; /* of the ban */
	} rows[] = {
		{"provisioning-scan", EVENT_PROVISION_UNKNOWN, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_MAC, SCANNER, 10, "banned",
	     HOUR},
		{"provisioning-scan", EVENT_POLL_REFUSED, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_MAC, SCANNER, 10, "banned", HOUR},
		{"provisioning-hammer", EVENT_PROVISION_UNKNOWN, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 20,
	     "banned", HOUR},
		{"password-guessing", EVENT_POLL_UNAUTHORISED, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 30,
	     "banned", HOUR},
		{"imposter", EVENT_PROVISION_SERVED, PROOF_HANDSHAKE, TRI_YES, VARY_MAC, SCANNER, 3, "banned", HOUR},
		{"imposter-known", EVENT_PROVISION_REFUSED, PROOF_HANDSHAKE, TRI_YES, VARY_MAC, OFFICE, 3, "reported", 0},
		{"sip-brute-force", EVENT_SIP_AUTH_FAILED, PROOF_NONCE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 20, "banned", HOUR},
		{"sip-brute-force", EVENT_SIP_AUTH_FAILED, PROOF_NONE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 20, "banned", HOUR},
		{"sip-brute-force-users", EVENT_SIP_AUTH_FAILED, PROOF_NONCE, TRI_UNKNOWN, VARY_USER, SCANNER, 10, "banned",
	     HOUR},
		{"sip-brute-force-users", EVENT_SIP_AUTH_FAILED, PROOF_NONCE, TRI_UNKNOWN, VARY_USER, OFFICE, 10, "banned",
	     HOUR},
		{"sip-brute-force-user", EVENT_SIP_AUTH_FAILED, PROOF_NONCE, TRI_UNKNOWN, VARY_NOTHING, OFFICE, 100, "banned",
	     HOUR},
		{"sip-brute-force-known", EVENT_SIP_AUTH_FAILED, PROOF_NONCE, TRI_UNKNOWN, VARY_NOTHING, OFFICE, 20, "reported",
	     0},
		{"sip-enumeration", EVENT_SIP_UNKNOWN_USER, PROOF_NONE, TRI_UNKNOWN, VARY_USER, SCANNER, 5, "banned", HOUR},
		{"sip-scan", EVENT_SIP_SCAN, PROOF_NONE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 1, "banned", DAY},
		{"sip-scan-known", EVENT_SIP_SCAN, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_NOTHING, OFFICE, 1, "reported", 0},
		{"sip-flood", EVENT_SIP_FLOOD, PROOF_NONE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 3, "banned", HOUR},
		{"sip-flood-known", EVENT_SIP_FLOOD, PROOF_NONE, TRI_UNKNOWN, VARY_NOTHING, OFFICE, 3, "reported", 0},
		{"portal-guessing", EVENT_PORTAL_AUTH_FAILED, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_NOTHING, SCANNER, 10, "banned",
	     HOUR},
		{"portal-guessing-known", EVENT_PORTAL_AUTH_FAILED, PROOF_HANDSHAKE, TRI_UNKNOWN, VARY_NOTHING, OFFICE, 10,
	     "reported", 0},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
		for (unsigned short_by = 0; short_by < 2; short_by++) {
			/* Of a MAC that no device has another trigger would think worse first. */
			uint64_t mac = strcmp(rows[r].id, "password-guessing") == 0 ? mac_of(1) : mac_of(0x999);
			struct event e = {
				.kind = rows[r].kind,
				.proof = rows[r].proof,
				.imposter = rows[r].imposter,
				.ip = addr_of(rows[r].from),
				.mac = rows[r].kind < EVENT_SIP_REGISTERED ? mac : MAC_NONE,
				.user = slice_of("1000"),
				.time = START,
			};
			unsigned n = rows[r].limit - short_by;
			struct judging g;

			judging_begin(&g, "");
			judging_device(&g, mac_of(1), "acct1", OFFICE);
			volley(&g, e, rows[r].vary, n);
			if (recorded(&g, rows[r].what, rows[r].id) != !short_by)
				fail_msg("row %zu, %s: %u of %s after %u events", r, rows[r].id, recorded(&g, rows[r].what, rows[r].id),
				         rows[r].what, n);
			/* The ban runs from the event that fired it. */
			if (!short_by && rows[r].lasts > 0 &&
			    ban_of(&g, rows[r].from, START).until != START + n - 1 + rows[r].lasts)
				fail_msg("row %zu, %s: wrong end", r, rows[r].id);
			judging_end(&g);
		}
}

static void windows_slide(void **state) {
	struct event e = {.kind = EVENT_PROVISION_UNKNOWN, .proof = PROOF_HANDSHAKE, .ip = addr_of(SCANNER), .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	volley(&g, e, VARY_MAC, 9);
	e.time = START + HOUR; /* the first of nine is an hour old */
	e.mac = mac_of(0x2000);
	judging_event(&g, e);
	assert_false(is_banned(&g, SCANNER, e.time));
	e.mac = mac_of(0x2001);
	judging_event(&g, e);
	assert_true(is_banned(&g, SCANNER, e.time));
	judging_end(&g);
}

static void a_count_survives_a_restart(void **state) {
	struct event e = {.kind = EVENT_PROVISION_UNKNOWN, .proof = PROOF_HANDSHAKE, .ip = addr_of(SCANNER), .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	volley(&g, e, VARY_MAC, 9);
	judging_restart(&g);
	e.mac = mac_of(0x2000);
	e.time = START + 20;
	judging_event(&g, e);
	assert_true(is_banned(&g, SCANNER, e.time));
	judging_end(&g);
}

static void an_office_of_60_phones_that_reboots_bans_nobody(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	office(&g, "acct1", OFFICE, 0, 60);
	for (unsigned i = 0; i < 60; i++) {
		/* The password is asked for first, vendor files are missing, then the config is served. */
		static const enum event_kind kinds[] = {EVENT_PROVISION_UNAUTHORISED, EVENT_PROVISION_UNKNOWN,
		                                        EVENT_PROVISION_UNKNOWN, EVENT_PROVISION_SERVED, EVENT_POLL_SERVED};

		for (unsigned k = 0; k < 5; k++)
			judging_event(&g, (struct event){.kind = kinds[k],
			                                 .proof = PROOF_HANDSHAKE,
			                                 .ip = addr_of(OFFICE),
			                                 .mac = mac_of(i),
			                                 .time = START + i / 10});
	}
	assert_int_equal(recorded(&g, "banned", NULL) + recorded(&g, "reported", NULL), 0);
	judging_end(&g);
}

static void an_office_of_30_phones_that_moved_bans_nobody(void **state) {
	static const struct {
		const char *label;
		bool home, own;
	} rows[] = {
		{"one home", true, false},
		{"no home, one account", false, false},
		{"each in an address of its own of one /64", true, true},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct judging g;

		judging_begin(&g, "");
		for (unsigned i = 0; i < 30; i++) {
			char home[ADDR_TEXT];

			snprintf(home, sizeof home, rows[r].own ? "2001:db8:9:9::%x" : OFFICE, i + 1);
			judging_device(&g, mac_of(i), "acct1", rows[r].home ? home : NULL);
		}
		for (unsigned round = 0; round < 20; round++)
			for (unsigned i = 0; i < 30; i++)
				judging_event(&g, (struct event){.kind = EVENT_PROVISION_REFUSED,
				                                 .proof = PROOF_HANDSHAKE,
				                                 .ip = addr_of(SCANNER),
				                                 .mac = mac_of(i),
				                                 .time = START + round * 30 + i});
		if (is_banned(&g, SCANNER, START + 600) || recorded(&g, "banned", NULL) > 0)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

static void known_macs_of_ten_homes_are_a_scan(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 10; i++) {
		char home[ADDR_TEXT];

		snprintf(home, sizeof home, "203.0.113.%u", i + 1);
		office(&g, "acct1", home, i * 3, 3);
	}
	for (unsigned i = 0; i < 30; i++) {
		struct event e = {.kind = EVENT_PROVISION_REFUSED,
		                  .proof = PROOF_HANDSHAKE,
		                  .ip = addr_of(SCANNER),
		                  .mac = mac_of(i),
		                  .time = START + i};

		assert_false(is_banned(&g, SCANNER, e.time));
		judging_event(&g, e);
		if (i == 27)
			break;
	}
	assert_true(is_banned(&g, SCANNER, START + 28)); /* the first of the tenth home */
	judging_end(&g);
}

static void what_says_nothing_of_a_scan_does_not_count(void **state) {
	static const struct {
		const char *label;
		enum event_kind kind;
		const char *from;
		const char *home;
	} rows[] = {
		{"a missing file of a device that exists", EVENT_PROVISION_UNKNOWN, SCANNER, "203.0.113.%u"},
		{"a refusal at home", EVENT_PROVISION_REFUSED, OFFICE, OFFICE},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct judging g;

		judging_begin(&g, "");
		for (unsigned i = 0; i < 30; i++) {
			char home[ADDR_TEXT];

			snprintf(home, sizeof home, i % 2 ? OFFICE : "203.0.113.%u", i + 10);
			judging_device(&g, mac_of(i), "acct1", r == 0 ? home : OFFICE);
		}
		for (unsigned i = 0; i < 30; i++)
			judging_event(&g, (struct event){.kind = rows[r].kind,
			                                 .proof = PROOF_HANDSHAKE,
			                                 .ip = addr_of(rows[r].from),
			                                 .mac = mac_of(i),
			                                 .time = START + i});
		if (recorded(&g, "banned", NULL) > 0)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

static void one_stale_password_in_an_office_is_reported(void **state) {
	struct event web = {.kind = EVENT_PROVISION_UNAUTHORISED,
	                    .proof = PROOF_HANDSHAKE,
	                    .ip = addr_of(OFFICE),
	                    .mac = mac_of(1),
	                    .time = START};
	struct event sip = {.kind = EVENT_SIP_AUTH_FAILED,
	                    .proof = PROOF_NONCE,
	                    .ip = addr_of(OFFICE),
	                    .user = slice_of("1001"),
	                    .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	office(&g, "acct1", OFFICE, 0, 50);
	judging_user(&g, mac_of(1), "1001");
	judging_events(&g, web, 60);
	judging_events(&g, sip, 250);
	assert_false(is_banned(&g, OFFICE, START + 300));
	assert_int_equal(recorded(&g, "spared", "password-guessing"), 1);
	assert_int_equal(recorded(&g, "spared", "sip-brute-force-user"), 1);
	assert_int_equal(recorded(&g, "reported", "sip-brute-force-known"), 1);
	assert_int_equal(recorded(&g, "suspected", NULL), 0); /* at home */
	judging_end(&g);
}

static void a_report_is_made_once_within_its_window(void **state) {
	struct event e = {.kind = EVENT_SIP_SCAN, .proof = PROOF_HANDSHAKE, .ip = addr_of(OFFICE), .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", OFFICE);
	judging_events(&g, e, 600);
	assert_int_equal(recorded(&g, "reported", "sip-scan-known"), 1);
	e.time = START + 600;
	judging_event(&g, e);
	assert_int_equal(recorded(&g, "reported", "sip-scan-known"), 2);
	judging_end(&g);
}

static void a_success_starts_the_count_of_its_own_anew(void **state) {
	struct event failed = {.kind = EVENT_SIP_AUTH_FAILED,
	                       .proof = PROOF_NONCE,
	                       .ip = addr_of(SCANNER),
	                       .user = slice_of("1001"),
	                       .time = START};
	struct event web = {.kind = EVENT_PROVISION_UNAUTHORISED,
	                    .proof = PROOF_HANDSHAKE,
	                    .ip = addr_of(SCANNER),
	                    .mac = mac_of(1),
	                    .time = START};
	struct event registered = failed, served = web;
	struct judging g;

	(void)state;
	registered.kind = EVENT_SIP_REGISTERED;
	served.kind = EVENT_PROVISION_SERVED;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", SCANNER);
	/* A user's registration clears that user's failures ... */
	judging_events(&g, failed, 99);
	registered.time = served.time = failed.time = web.time = START + 100;
	judging_event(&g, registered);
	judging_events(&g, failed, 99);
	assert_int_equal(recorded(&g, "banned", NULL), 0);
	/* ... another's does not, and a forged one neither. */
	registered.time = failed.time = START + 200;
	registered.user = slice_of("1002");
	judging_event(&g, registered);
	registered.user = slice_of("1001");
	registered.proof = PROOF_NONE;
	judging_event(&g, registered);
	judging_event(&g, failed);
	assert_int_equal(recorded(&g, "banned", "sip-brute-force-user"), 1);
	judging_end(&g);

	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", OFFICE);
	judging_events(&g, web, 29);
	served.time = web.time = START + 130;
	judging_event(&g, served);
	judging_events(&g, web, 29);
	assert_int_equal(recorded(&g, "banned", NULL), 0);
	web.time += 29;
	judging_event(&g, web);
	assert_int_equal(recorded(&g, "banned", "password-guessing"), 1);
	judging_end(&g);
}

static void lines_of_one_failure_are_folded(void **state) {
	struct event e = {.kind = EVENT_SIP_AUTH_FAILED,
	                  .proof = PROOF_NONCE,
	                  .ip = addr_of(SCANNER),
	                  .user = slice_of("1001"),
	                  .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 19; i++, e.time += 3) {
		e.once = 1000 + i;
		for (unsigned line = 0; line < 4; line++)
			judging_event(&g, e);
	}
	assert_false(is_banned(&g, SCANNER, e.time));
	e.once = 5;
	judging_event(&g, e);
	assert_true(is_banned(&g, SCANNER, e.time));
	judging_end(&g);

	/* Twenty failures at once are twenty. */
	judging_begin(&g, "");
	for (e.once = 1; e.once <= 20; e.once++)
		judging_event(&g, e);
	assert_true(is_banned(&g, SCANNER, e.time));
	judging_end(&g);

	/* A constant Call-ID hides nothing. */
	judging_begin(&g, "");
	e.time = START;
	for (unsigned i = 0; i < 77; i++)
		judging_event(&g, e);
	assert_true(is_banned(&g, SCANNER, START));
	judging_end(&g);
}

static void forged_events_cannot_top_up_a_true_count(void **state) {
	struct event e = {.kind = EVENT_SIP_AUTH_FAILED,
	                  .proof = PROOF_NONCE,
	                  .ip = addr_of(SCANNER),
	                  .user = slice_of("1001"),
	                  .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	judging_events(&g, e, 19);
	e.proof = PROOF_NONE;
	judging_events(&g, e, 19);
	assert_false(is_banned(&g, SCANNER, START));
	judging_end(&g);
}

static void forged_packets_cut_off_no_customer_and_no_trunk(void **state) {
	static const char *const victims[] = {OFFICE, "203.0.113.50", "203.0.113.60", "192.0.2.10", "203.0.113.70"};
	static const enum event_kind kinds[] = {EVENT_SIP_AUTH_FAILED, EVENT_SIP_UNKNOWN_USER, EVENT_SIP_SCAN,
	                                        EVENT_SIP_FLOOD};
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {peers: [203.0.113.50]}\n");
	judging_device(&g, mac_of(1), "acct1", OFFICE);
	judging_user(&g, mac_of(1), "user0");
	judging_event(&g, (struct event){.kind = EVENT_SIP_REGISTERED,
	                                 .proof = PROOF_NONCE,
	                                 .ip = addr_of("203.0.113.60"),
	                                 .user = slice_of("77"),
	                                 .time = START - HOUR});
	judging_event(&g, (struct event){.kind = EVENT_PROVISION_SERVED,
	                                 .proof = PROOF_HANDSHAKE,
	                                 .ip = addr_of("203.0.113.70"),
	                                 .mac = mac_of(77),
	                                 .time = START - HOUR});
	assert_int_equal(
		store_network_put(
			g.store, &(struct network){.at = prefix_of_text("192.0.2.0/28"), .account = "acct1", .added = START - DAY},
			&g.err),
		0);
	for (unsigned v = 0; v < 5; v++)
		for (unsigned k = 0; k < 4; k++)
			volley(&g, (struct event){.kind = kinds[k], .proof = PROOF_NONE, .ip = addr_of(victims[v]), .time = START},
			       VARY_USER, 150);
	for (unsigned v = 0; v < 5; v++)
		if (is_banned(&g, victims[v], START))
			fail_msg("%s was cut off", victims[v]);
	assert_int_equal(recorded(&g, "suspected", NULL), 0);
	assert_int_equal(recorded(&g, "banned", NULL), 0);
	assert_true(recorded(&g, "spared", NULL) > 0);
	judging_end(&g);
}

static void a_trunk_is_not_banned_for_proven_failures_either(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "firewall: {peers: [203.0.113.0/24]}\n");
	volley(
		&g,
		(struct event){.kind = EVENT_SIP_AUTH_FAILED, .proof = PROOF_HANDSHAKE, .ip = addr_of(OFFICE), .time = START},
		VARY_USER, 30);
	assert_false(is_banned(&g, OFFICE, START));
	assert_int_equal(recorded(&g, "spared", "sip-brute-force-users"), 1);
	judging_end(&g);
}

static void an_ipv6_scanner_is_counted_and_banned_by_its_64(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 10; i++) {
		char ip[ADDR_TEXT];

		snprintf(ip, sizeof ip, "2001:db8:1:2::%x", i + 1);
		judging_event(&g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
		                                 .proof = PROOF_HANDSHAKE,
		                                 .ip = addr_of(ip),
		                                 .mac = mac_of(i),
		                                 .time = START + i});
	}
	assert_true(is_banned(&g, "2001:db8:1:2:ffff::1", START + 10));
	assert_false(is_banned(&g, "2001:db8:1:3::1", START + 10));
	judging_end(&g);
}

static void a_known_address_with_one_bad_phone_is_spared_only_as_one_device(void **state) {
	static const struct {
		const char *label;
		unsigned devices, accounts;
		enum vary vary;
		bool banned;
	} rows[] = {
		{"two devices live there", 2, 1, VARY_NOTHING, true},
		{"three devices live there", 3, 1, VARY_NOTHING, false},
		{"three live there, but many users fail", 3, 1, VARY_USER, true},
		{"two accounts live there, many users fail", 4, 2, VARY_USER, true},
		{"three accounts live there", 3, 3, VARY_USER, false},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct event e = {.kind = EVENT_SIP_AUTH_FAILED,
		                  .proof = PROOF_NONCE,
		                  .ip = addr_of(OFFICE),
		                  .user = slice_of("1"),
		                  .time = START};
		struct judging g;

		judging_begin(&g, "");
		for (unsigned i = 0; i < rows[r].devices; i++) {
			char account[16];

			snprintf(account, sizeof account, "acct%u", i % rows[r].accounts);
			judging_device(&g, mac_of(i), account, OFFICE);
		}
		volley(&g, e, rows[r].vary, 100);
		if (is_banned(&g, OFFICE, START + 100) != rows[r].banned ||
		    (recorded(&g, "spared", NULL) > 0) == rows[r].banned)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

static void nobody_buys_immunity_by_fetching(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 5; i++)
		judging_event(&g, (struct event){.kind = EVENT_PROVISION_SERVED,
		                                 .proof = PROOF_HANDSHAKE,
		                                 .ip = addr_of(SCANNER),
		                                 .mac = mac_of(i),
		                                 .time = START});
	judging_events(&g,
	               (struct event){.kind = EVENT_SIP_AUTH_FAILED,
	                              .proof = PROOF_NONCE,
	                              .ip = addr_of(SCANNER),
	                              .user = slice_of("1"),
	                              .time = START + 1},
	               20);
	assert_true(is_banned(&g, SCANNER, START + 30));
	judging_end(&g);
}

static void an_attack_on_a_device_makes_it_suspicious(void **state) {
	struct event e = {.kind = EVENT_SIP_AUTH_FAILED, .proof = PROOF_NONCE, .user = slice_of("1001"), .time = START};
	struct device d;
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	judging_device(&g, mac_of(1), "acct1", OFFICE);
	judging_user(&g, mac_of(1), "1001");
	for (unsigned i = 0; i < 29; i++, e.time++) { /* from many addresses */
		char ip[ADDR_TEXT];

		snprintf(ip, sizeof ip, "198.51.100.%u", i + 1);
		e.ip = addr_of(ip);
		judging_event(&g, e);
	}
	e.proof = PROOF_NONE;
	judging_event(&g, e);
	e.proof = PROOF_NONCE;
	e.ip = addr_of(OFFICE); /* at home it is the phone's own fault */
	judging_event(&g, e);
	assert_int_equal(recorded(&g, "reported", "device-attack"), 0);
	e.ip = addr_of(SCANNER);
	judging_event(&g, e);
	assert_int_equal(recorded(&g, "reported", "device-attack"), 1);
	assert_int_equal(store_device(g.store, mac_of(1), &d, &g.err), 1);
	assert_int_equal(d.state, DEVICE_LOCKED);
	assert_int_equal(d.reason, REASON_SUSPICIOUS);
	assert_true(device_is_home(&d, g.conf, addr_of(OFFICE)));
	judging_end(&g);
}

static void a_registration_from_another_country_is_reported(void **state) {
	static const struct {
		const char *label;
		char country[3];
		enum proof proof;
		const char *user;
		unsigned reports;
	} rows[] = {
		{"another country", "FR", PROOF_NONCE, "1001", 1},  {"the home's country", "DE", PROOF_NONCE, "1001", 0},
		{"an unknown country", "", PROOF_NONCE, "1001", 0}, {"without proof", "FR", PROOF_NONE, "1001", 0},
		{"nobody's user", "FR", PROOF_NONCE, "1002", 0},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct event e = {.kind = EVENT_SIP_REGISTERED,
		                  .proof = rows[r].proof,
		                  .ip = addr_of(SCANNER),
		                  .user = slice_of(rows[r].user),
		                  .time = START};
		struct judging g;

		memcpy(e.country, rows[r].country, sizeof e.country);
		judging_begin(&g, "");
		judging_device(&g, mac_of(1), "acct1", OFFICE);
		judging_user(&g, mac_of(1), "1001");
		judging_events(&g, e, 20);
		if (recorded(&g, "reported", "foreign-registration") != rows[r].reports)
			fail_msg("%s", rows[r].label);
		judging_end(&g);
	}
}

/* 12 distinct unknown MACs from the addresses .first to .first + 3. */
static void scan_from_net(struct judging *g, const char *net, unsigned first, enum proof proof) {
	for (unsigned i = 0; i < 12; i++) {
		char ip[ADDR_TEXT];

		snprintf(ip, sizeof ip, "%s%u", net, first + i % 4);
		judging_event(g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
		                                .proof = proof,
		                                .ip = addr_of(ip),
		                                .mac = mac_of(0x500 + i),
		                                .time = START + i});
	}
}

static void a_distributed_scan_bans_the_prefix(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	scan_from_net(&g, "198.51.100.", 10, PROOF_HANDSHAKE);
	assert_int_equal(recorded(&g, "banned", "distributed-scan"), 1);
	assert_true(is_banned(&g, "198.51.100.200", START + 20));
	assert_false(is_banned(&g, "198.51.101.10", START + 20));
	judging_end(&g);

	judging_begin(&g, "");
	for (unsigned i = 0; i < 10; i++) {
		char ip[ADDR_TEXT];

		snprintf(ip, sizeof ip, "2001:db8:7:%x::1", i);
		judging_event(&g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
		                                 .proof = PROOF_HANDSHAKE,
		                                 .ip = addr_of(ip),
		                                 .mac = mac_of(i),
		                                 .time = START});
	}
	assert_true(is_banned(&g, "2001:db8:7:ffff::1", START));
	judging_end(&g);
}

static void a_distributed_scan_without_proof_bans_nobody(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	scan_from_net(&g, "198.51.100.", 10, PROOF_NONE);
	assert_int_equal(recorded(&g, "banned", NULL), 0);
	judging_end(&g);
}

static void where_somebody_lives_only_unknown_contributors_are_banned(void **state) {
	static const struct {
		const char *label, *conf, *home, *network, *window, *registered;
	} rows[] = {
		{"a home", "", "198.51.100.10", NULL, NULL, NULL},
		{"a home that did not ask", "", "198.51.100.99", NULL, NULL, NULL},
		{"a network", "", NULL, "198.51.100.10", NULL, NULL},
		{"a window", "", NULL, NULL, "198.51.100.77", NULL},
		{"a registration", "", NULL, NULL, NULL, "198.51.100.10"},
		{"a peer", "firewall: {peers: [198.51.100.10]}\n", NULL, NULL, NULL, NULL},
		{"a never-address", "firewall: {never: [198.51.100.10]}\n", NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		bool spared = rows[r].conf[0] || (rows[r].home && strcmp(rows[r].home, "198.51.100.10") == 0) ||
		              rows[r].network || rows[r].registered;
		struct judging g;

		judging_begin(&g, rows[r].conf);
		if (rows[r].home)
			judging_device(&g, mac_of(1), "acct1", rows[r].home);
		if (rows[r].network)
			assert_int_equal(
				store_network_put(
					g.store,
					&(struct network){.at = prefix_of_text(rows[r].network), .account = "acct1", .added = START - DAY},
					&g.err),
				0);
		if (rows[r].window)
			assert_int_equal(store_window_put(g.store,
			                                  &(struct window){.at = prefix_of_text(rows[r].window),
			                                                   .account = "acct1",
			                                                   .start = START - 60,
			                                                   .until = START + DAY},
			                                  &g.err),
			                 0);
		if (rows[r].registered)
			judging_event(&g, (struct event){.kind = EVENT_SIP_REGISTERED,
			                                 .proof = PROOF_NONCE,
			                                 .ip = addr_of(rows[r].registered),
			                                 .user = slice_of("77"),
			                                 .time = START - HOUR});
		scan_from_net(&g, "198.51.100.", 10, PROOF_HANDSHAKE);
		if (is_banned(&g, "198.51.100.10", START + 20) == spared)
			fail_msg("%s: .10", rows[r].label);
		if (!is_banned(&g, "198.51.100.11", START + 20) || !is_banned(&g, "198.51.100.13", START + 20))
			fail_msg("%s: the scanners", rows[r].label);
		if (is_banned(&g, "198.51.100.200", START + 20))
			fail_msg("%s: the prefix", rows[r].label);
		judging_end(&g);
	}
}

static void one_scanner_does_not_ban_its_neighbours(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	volley(&g,
	       (struct event){
			   .kind = EVENT_PROVISION_UNKNOWN, .proof = PROOF_HANDSHAKE, .ip = addr_of(SCANNER), .time = START},
	       VARY_MAC, 40);
	assert_true(is_banned(&g, SCANNER, START + 40));
	assert_int_equal(recorded(&g, "banned", "distributed-scan"), 0);
	assert_false(is_banned(&g, "198.51.100.67", START + 40));
	/* What it asked for before its ban is no part of what its neighbours do. */
	for (unsigned i = 0; i < 9; i++)
		judging_event(&g, (struct event){.kind = EVENT_PROVISION_UNKNOWN,
		                                 .proof = PROOF_HANDSHAKE,
		                                 .ip = addr_of(i % 2 ? "198.51.100.67" : "198.51.100.68"),
		                                 .mac = mac_of(0x3000 + i),
		                                 .time = START + 50});
	assert_int_equal(recorded(&g, "banned", "distributed-scan"), 0);
	judging_end(&g);
}

static void what_was_done_under_a_ban_is_no_part_of_a_distributed_scan(void **state) {
	struct order o = {.time = START - 60};
	struct event e = {.kind = EVENT_PROVISION_UNKNOWN, .proof = PROOF_HANDSHAKE, .ip = addr_of(SCANNER), .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	assert_int_equal(judge_ban(g.judge, &o, BAN_BAN, prefix_of_text(SCANNER), 120, (struct slice){NULL, 0}, &g.err), 0);
	volley(&g, e, VARY_MAC, 9);
	e.time = START + 300; /* the ban is over */
	for (unsigned i = 0; i < 4; i++) {
		e.mac = mac_of(0x3000 + i);
		e.ip = addr_of(i % 2 ? "198.51.100.67" : "198.51.100.68");
		judging_event(&g, e);
	}
	assert_int_equal(recorded(&g, "banned", "distributed-scan"), 0);
	judging_end(&g);
}

static void conditions_narrow_a_trigger(void **state) {
	static const struct {
		const char *when;
		struct event e;
		bool fires;
	} rows[] = {
		{"country: [CN]", {.country = {'C', 'N'}}, true},
		{"country: [CN]", {.country = {'D', 'E'}}, false},
		{"country: [CN]", {.country = {0, 0}}, false},
		{"asn: [64500]", {.asn = 64500}, true},
		{"asn: [64500]", {.asn = 64501}, false},
		{"agent: [friendly]", {.agent = {"a FRIENDLY-scanner", 18}}, true},
		{"agent: [friendly]", {.agent = {"friendl", 7}}, false},
		{"proof: [handshake]", {.proof = PROOF_HANDSHAKE}, true},
		{"proof: [handshake]", {.proof = PROOF_NONCE}, false},
		{"imposter: false", {.imposter = TRI_NO}, true},
		{"imposter: false", {.imposter = TRI_UNKNOWN}, false},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct event e = rows[r].e;
		char conf[256];
		struct judging g;

		snprintf(conf, sizeof conf,
		         "triggers:\n  - {id: own, on: sip.refused, by: ip, count: events, limit: 1, within: 10m, when: {%s}, "
		         "do: report}\n",
		         rows[r].when);
		judging_begin(&g, conf);
		e.kind = EVENT_SIP_REFUSED;
		e.ip = addr_of(SCANNER);
		e.time = START;
		judging_event(&g, e);
		if (recorded(&g, "reported", "own") != rows[r].fires)
			fail_msg("row %zu: %s", r, rows[r].when);
		judging_end(&g);
	}
}

static void what_nobody_proved_makes_no_device_suspicious(void **state) {
	struct event e = {.kind = EVENT_SIP_REFUSED, .ip = addr_of(SCANNER), .user = slice_of("1001"), .time = START};
	struct judging g;

	(void)state;
	judging_begin(&g, "triggers:\n  - {id: own, on: sip.refused, by: device, count: events, limit: 2, within: 10m, "
	                  "do: {suspect: true}}\n");
	judging_device(&g, mac_of(1), "acct1", OFFICE);
	judging_user(&g, mac_of(1), "1001");
	judging_events(&g, e, 10);
	assert_int_equal(recorded(&g, "suspected", NULL), 0);
	e.proof = PROOF_NONCE;
	e.time = START + 10;
	judging_events(&g, e, 2);
	assert_int_equal(recorded(&g, "suspected", NULL), 1);
	judging_end(&g);
}

static void a_refusal_in_a_network_of_the_account_is_no_guess(void **state) {
	struct judging g;

	(void)state;
	judging_begin(&g, "");
	for (unsigned i = 0; i < 20; i++) {
		char home[ADDR_TEXT];

		snprintf(home, sizeof home, "203.0.113.%u", i + 10);
		judging_device(&g, mac_of(i), "acct1", home);
	}
	assert_int_equal(
		store_network_put(
			g.store,
			&(struct network){.at = prefix_of_text("198.51.100.64/28"), .account = "acct1", .added = START - DAY},
			&g.err),
		0);
	for (unsigned i = 0; i < 20; i++)
		judging_event(&g, (struct event){.kind = EVENT_PROVISION_REFUSED,
		                                 .proof = PROOF_HANDSHAKE,
		                                 .ip = addr_of(SCANNER),
		                                 .mac = mac_of(i),
		                                 .time = START + i});
	assert_int_equal(recorded(&g, "banned", NULL), 0);
	judging_end(&g);
}

struct seen {
	const char *trigger;
	struct counting found;
};

static int see(void *context, const struct counting *c) {
	struct seen *seen = context;

	if (strcmp(c->trigger, seen->trigger) == 0)
		seen->found = *c;
	return 0;
}

static void what_is_being_counted_can_be_seen(void **state) {
	struct seen scan = {.trigger = "provisioning-scan"}, old = {.trigger = "provisioning-scan"};
	struct judging g;
	unsigned status;

	(void)state;
	judging_begin(&g, "");
	volley(&g,
	       (struct event){
			   .kind = EVENT_PROVISION_UNKNOWN, .proof = PROOF_HANDSHAKE, .ip = addr_of(SCANNER), .time = START},
	       VARY_MAC, 4);
	assert_int_equal(judge_counting(g.judge, addr_of(SCANNER), MAC_NONE, START + 10, see, &scan, &g.err), 0);
	assert_int_equal(scan.found.count, 4);
	assert_int_equal(scan.found.limit, 10);
	assert_true(scan.found.proven && scan.found.first == START && scan.found.last == START + 3);
	assert_int_equal(judge_counting(g.judge, addr_of(SCANNER), MAC_NONE, START + 2 * HOUR, see, &old, &g.err), 0);
	assert_int_equal(old.found.count, 0);
	assert_int_equal(judge_ip(g.judge, addr_of(SCANNER), START + 10, &status, &g.err), 0);
	assert_int_equal(status, IP_FAILED);
	judging_end(&g);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_trigger_fires_at_its_limit_and_not_before),
		cmocka_unit_test(windows_slide),
		cmocka_unit_test(a_count_survives_a_restart),
		cmocka_unit_test(an_office_of_60_phones_that_reboots_bans_nobody),
		cmocka_unit_test(an_office_of_30_phones_that_moved_bans_nobody),
		cmocka_unit_test(known_macs_of_ten_homes_are_a_scan),
		cmocka_unit_test(what_says_nothing_of_a_scan_does_not_count),
		cmocka_unit_test(one_stale_password_in_an_office_is_reported),
		cmocka_unit_test(a_report_is_made_once_within_its_window),
		cmocka_unit_test(a_success_starts_the_count_of_its_own_anew),
		cmocka_unit_test(lines_of_one_failure_are_folded),
		cmocka_unit_test(forged_events_cannot_top_up_a_true_count),
		cmocka_unit_test(forged_packets_cut_off_no_customer_and_no_trunk),
		cmocka_unit_test(a_trunk_is_not_banned_for_proven_failures_either),
		cmocka_unit_test(an_ipv6_scanner_is_counted_and_banned_by_its_64),
		cmocka_unit_test(a_known_address_with_one_bad_phone_is_spared_only_as_one_device),
		cmocka_unit_test(nobody_buys_immunity_by_fetching),
		cmocka_unit_test(an_attack_on_a_device_makes_it_suspicious),
		cmocka_unit_test(a_registration_from_another_country_is_reported),
		cmocka_unit_test(a_distributed_scan_bans_the_prefix),
		cmocka_unit_test(a_distributed_scan_without_proof_bans_nobody),
		cmocka_unit_test(where_somebody_lives_only_unknown_contributors_are_banned),
		cmocka_unit_test(one_scanner_does_not_ban_its_neighbours),
		cmocka_unit_test(what_was_done_under_a_ban_is_no_part_of_a_distributed_scan),
		cmocka_unit_test(what_nobody_proved_makes_no_device_suspicious),
		cmocka_unit_test(a_refusal_in_a_network_of_the_account_is_no_guess),
		cmocka_unit_test(conditions_narrow_a_trigger),
		cmocka_unit_test(what_is_being_counted_can_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
