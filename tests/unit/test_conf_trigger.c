#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "tests/unit/place.h"

static void each_fault_of_a_trigger_is_told(void **state) {
	/* What stands in the braces of the one trigger, id aside. */
	static const struct {
		const char *text, *fault;
	} rows[] = {
		{"by: ip, limit: 1, within: 1h, do: report", "triggers: on is missing"},
		{"on: sip.scan, limit: 1, within: 1h, do: report", "triggers: by is missing"},
		{"on: sip.scan, by: ip, within: 1h, do: report", "triggers: limit is missing"},
		{"on: sip.scan, by: ip, limit: 1, do: report", "triggers: within is missing"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h", "triggers: do is missing: ban, suspect or report"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h, do: {report: false}",
	     "triggers: do is missing: ban, suspect or report"},
		{"on: sip.scam", "triggers.on: \"sip.scam\" is not known, did you mean sip.scan?"},
		{"on: []", "triggers.on: must not be empty"},
		{"by: adress", "triggers.by: \"adress\" is not known, must be ip, net, device, user or account"},
		{"limit: 1001", "triggers.limit: \"1001\" is out of range, 1 to 1000"},
		{"limit: 0", "triggers.limit: \"0\" is out of range, 1 to 1000"},
		{"within: 8d", "triggers.within: \"8d\" is out of range, 1s to 7d"},
		{"within: 0s", "triggers.within: \"0s\" is out of range, 1s to 7d"},
		{"count: distinct macs", "triggers.count: \"distinct macs\" is not known, did you mean distinct mac?"},
		{"mac: strange", "triggers.mac: \"strange\" is not known, must be any, unknown or foreign"},
		{"witihn: 1h", "triggers.witihn: unknown key, did you mean within?"},
		{"when: {knwon: true}", "triggers.when.knwon: unknown key, did you mean known?"},
		{"when: {known: 1}", "triggers.when.known: \"1\" must be true or false"},
		{"when: {proof: [handshak]}", "triggers.when.proof: \"handshak\" is not known, did you mean handshake?"},
		{"when: {country: de}", "triggers.when.country: must be a country's two capital letters, such as DE"},
		{"when: {asn: 0}", "triggers.when.asn: \"0\" is out of range, 1 to 4294967295"},
		{"when: {agent: ['']}", "triggers.when.agent: must not be empty"},
		{"do: {ban: []}", "triggers.do.ban: must be 1 to 8 durations"},
		{"do: {ban: 366d}", "triggers.do.ban: \"366d\" is out of range, 1s to 365d"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h, do: ban",
	     "triggers: for is missing: how long it bans, such as 1h or [1h, 4h, 24h]"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h, do: report, for: 1h",
	     "triggers: for is the time of a ban, which do does not name"},
		{"do: {ban: 1h}, for: 2h", "triggers.for: the times of a ban are given twice"},
		{"on: sip.scan, by: user, limit: 1, within: 1h, do: {ban: 1h}", "triggers: a ban needs ip or net in by"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h, do: suspect", "triggers: suspect needs device in by"},
		{"on: sip.scan, by: [ip, net], limit: 1, within: 1h, do: report", "triggers: by: either ip or net"},
		{"on: sip.scan, by: ip, count: distinct mac, limit: 1, within: 1h, do: report",
	     "triggers: distinct mac counts provision and poll events only"},
		{"on: poll.served, by: ip, count: distinct user, limit: 1, within: 1h, do: report",
	     "triggers: distinct user counts sip events only"},
		{"on: sip.scan, by: ip, mac: foreign, limit: 1, within: 1h, do: report",
	     "triggers: mac is for provision and poll events only"},
		{"on: sip.scan, by: ip, limit: 1, within: 1h, do: report, when: {alone: false}",
	     "triggers: alone needs net in by"},
		{"on: sip.scan, reset: sip.scan, by: ip, limit: 1, within: 1h, do: report",
	     "triggers: an event is in both on and reset"},
		{"on: device.created",
	     "triggers.on: \"device.created\" is not known, must be provision.served, provision.refused, "
	     "provision.unauthorised, provision.unknown, poll.served, poll.refused, poll.unauthorised, poll.unknown, "
	     "sip.registered, sip.auth_failed, sip.unknown_user, sip.refused, sip.scan, sip.malformed, sip.flood or "
	     "portal.auth_failed"},
		{"off: true, limit: 1", "triggers: off: true stands beside id alone"},
		{"off: true", "triggers: there is no trigger t"},
	};
	struct place *p = *state;
	struct told told;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		(void)snprintf(text, sizeof(text), "triggers: [{id: t, %s}]\n", rows[i].text);
		assert_null(place_load(p, text, &told));
		assert_int_equal(told.n, 1);
		assert_non_null(strstr(told.text[0], "/c.yaml:2:"));
		assert_string_equal(strstr(told.text[0], "triggers"), rows[i].fault);
	}
	assert_null(place_load(p, "triggers: [{on: sip.scan, by: ip, limit: 1, within: 1h, do: report}]\n", &told));
	assert_non_null(strstr(told.text[0], ":2:12: triggers: id is missing"));
	assert_null(place_load(p, "triggers: [{id: A, off: true}]\n", &told));
	assert_non_null(strstr(told.text[0], ":2:17: triggers.id: must be a name of a-z, 0-9, -, _ and ., at most 64"));
}

static void later_triggers_replace_add_and_take_out(void **state) {
	struct place *p = *state;
	struct told told;
	struct conf *conf;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/a.yaml", p->rules);
	place_write(path, "rules: []\ntriggers:\n"
	                  "- {id: one, on: sip.scan, by: ip, limit: 1, within: 1h, do: report}\n"
	                  "- {id: two, on: sip.scan, by: ip, limit: 1, within: 1h, do: report}\n"
	                  "- {id: three, on: sip.scan, by: ip, limit: 1, within: 1h, do: report}\n");
	(void)snprintf(path, sizeof(path), "%s/b.yaml", p->rules);
	place_write(path, "triggers: [{id: one, on: sip.scan, by: ip, limit: 2, within: 1h, do: report}]\n");
	conf = place_load_sound(p, "triggers:\n"
	                           "- {id: two, off: true}\n"
	                           "- {id: four, on: sip.flood, by: ip, limit: 4, within: 1h, do: report}\n"
	                           "- {id: three, on: sip.scan, by: ip, limit: 3, within: 1h, do: report}\n");
	assert_int_equal(conf->ntriggers, 3);
	assert_string_equal(conf->triggers[0].id, "one");
	assert_int_equal(conf->triggers[0].limit, 2);
	assert_string_equal(conf->triggers[0].file, path);
	assert_string_equal(conf->triggers[1].id, "three");
	assert_int_equal(conf->triggers[1].limit, 3);
	assert_string_equal(conf->triggers[2].id, "four");
	conf_free(&conf);
	assert_null(place_load(p, "triggers: [{id: tow, off: true}]\n", &told));
	assert_non_null(strstr(told.text[0], ":2:12: triggers: there is no trigger tow, did you mean two?"));
	assert_null(place_load(p, "triggers: [{id: two, off: true}, {id: two, off: true}]\n", &told));
	assert_non_null(strstr(told.text[0], ":2:39: triggers.id: given twice, first in line 2"));
}

static void a_ban_may_have_its_time_beside_it(void **state) {
	struct place *p = *state;
	struct conf *conf;

	conf = place_load_sound(
		p, "triggers:\n"
		   "- {id: one, on: sip.scan, by: ip, limit: 1, within: 1h, do: ban, for: 1h}\n"
		   "- {id: two, on: sip.scan, by: ip, limit: 1, within: 1h, for: [1h, 2h], do: [ban, report]}\n");
	assert_int_equal(conf->ntriggers, 2);
	assert_int_equal(conf->triggers[0].act, DO_BAN);
	assert_int_equal(conf->triggers[0].ntimes, 1);
	assert_int_equal(conf->triggers[0].times[0], HOUR);
	assert_int_equal(conf->triggers[1].act, DO_BAN | DO_REPORT);
	assert_int_equal(conf->triggers[1].ntimes, 2);
	assert_int_equal(conf->triggers[1].times[1], 2 * HOUR);
	conf_free(&conf);
}

#define K(kind) (1U << EVENT_##kind)
#define WEB_BAD (K(PROVISION_REFUSED) | K(PROVISION_UNKNOWN) | K(POLL_REFUSED) | K(POLL_UNKNOWN))
#define WEB_401 (K(PROVISION_UNAUTHORISED) | K(POLL_UNAUTHORISED))
#define WEB_200 (K(PROVISION_SERVED) | K(POLL_SERVED))
#define PROVEN  (1U << PROOF_HANDSHAKE | 1U << PROOF_NONCE)
#define ALL     (PROVEN | 1U << PROOF_NONE)

static void the_shipped_triggers_are_those_of_the_manual(void **state) {
	static const struct {
		const char *id;
		uint32_t on;
		unsigned by;
		enum trigger_count count;
		enum trigger_mac mac;
		uint32_t limit;
		int64_t within;
		uint32_t reset;
		enum tri known, imposter, home, abroad, alone;
		unsigned proofs, act;
		int64_t times[4];
	} rows[] = {
		/* clang-format off */
		{"provisioning-scan", WEB_BAD, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_FOREIGN, 10, HOUR, 0, 0, 0, 0, 0, 0, ALL,
		 DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"provisioning-hammer", WEB_BAD, BY_IP, COUNT_EVENTS, TRIGGER_MAC_UNKNOWN, 20, 60, 0, 0, 0, 0, 0, 0,
		 ALL, DO_BAN, {HOUR}},
		{"password-guessing", WEB_401, BY_IP | BY_DEVICE, COUNT_EVENTS, TRIGGER_MAC_ANY, 30, 600, WEB_200, 0, 0, 0, 0,
		 0, ALL, DO_BAN, {HOUR}},
		{"imposter", WEB_BAD | WEB_401 | WEB_200, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_ANY, 3, HOUR, 0, TRI_NO,
		 TRI_YES, 0, 0, 0, ALL, DO_BAN, {HOUR}},
		{"imposter-known", WEB_BAD | WEB_401 | WEB_200, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_ANY, 3, HOUR, 0, TRI_YES,
		 TRI_YES, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"distributed-scan", WEB_BAD, BY_NET, COUNT_DISTINCT_MAC, TRIGGER_MAC_UNKNOWN, 10, HOUR, 0, 0, 0, 0, 0, TRI_NO,
		 ALL, DO_BAN, {HOUR}},
		{"sip-brute-force", K(SIP_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 20, 600, K(SIP_REGISTERED), TRI_NO, 0, 0, 0, 0,
		 ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-users", K(SIP_AUTH_FAILED), BY_IP, COUNT_DISTINCT_USER, 0, 10, 600, K(SIP_REGISTERED), 0, 0,
		 0, 0, 0, ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-user", K(SIP_AUTH_FAILED), BY_IP | BY_USER, COUNT_EVENTS, 0, 100, 600, K(SIP_REGISTERED), 0,
		 0, 0, 0, 0, ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-known", K(SIP_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 20, 600, K(SIP_REGISTERED), TRI_YES, 0, 0,
		 0, 0, ALL, DO_REPORT, {0}},
		{"sip-enumeration", K(SIP_UNKNOWN_USER), BY_IP, COUNT_DISTINCT_USER, 0, 5, 600, 0, 0, 0, 0, 0, 0, ALL, DO_BAN,
		 {HOUR}},
		{"sip-scan", K(SIP_SCAN), BY_IP, COUNT_EVENTS, 0, 1, 600, 0, TRI_NO, 0, 0, 0, 0, ALL, DO_BAN, {DAY}},
		{"sip-scan-known", K(SIP_SCAN), BY_IP, COUNT_EVENTS, 0, 1, 600, 0, TRI_YES, 0, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"sip-flood", K(SIP_FLOOD), BY_IP, COUNT_EVENTS, 0, 3, 600, 0, TRI_NO, 0, 0, 0, 0, ALL, DO_BAN, {HOUR}},
		{"sip-flood-known", K(SIP_FLOOD), BY_IP, COUNT_EVENTS, 0, 3, 600, 0, TRI_YES, 0, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"portal-guessing", K(PORTAL_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 10, 600, 0, TRI_NO, 0, 0, 0, 0, ALL, DO_BAN,
		 {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"portal-guessing-known", K(PORTAL_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 10, 600, 0, TRI_YES, 0, 0, 0, 0, ALL,
		 DO_REPORT, {0}},
		{"device-attack", K(SIP_AUTH_FAILED), BY_DEVICE, COUNT_EVENTS, 0, 30, 600, 0, 0, 0, TRI_NO, 0, 0, PROVEN,
		 DO_SUSPECT | DO_REPORT, {0}},
		{"foreign-registration", K(SIP_REGISTERED), BY_IP | BY_USER, COUNT_EVENTS, 0, 1, DAY, 0, 0, 0, 0, TRI_YES, 0,
		 PROVEN, DO_REPORT, {0}},
		/* clang-format on */
	};
	const struct place *p = *state;
	const char *top = getenv("top_srcdir");
	struct conf *conf = NULL;
	struct err err = {0};
	char text[512];

	assert_non_null(top);
	(void)snprintf(text, sizeof(text), "rules: [\"%s/rules\"]\n", top);
	place_write(p->file, text);
	if (conf_load(&conf, p->file, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(conf->ntriggers, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct trigger *t = &conf->triggers[i];
		uint32_t ntimes = 0;

		assert_string_equal(t->id, rows[i].id);
		assert_int_equal(t->on, rows[i].on);
		assert_int_equal(t->by, rows[i].by);
		assert_int_equal(t->count, rows[i].count);
		assert_int_equal(t->mac, rows[i].mac);
		assert_int_equal(t->limit, rows[i].limit);
		assert_int_equal(t->within, rows[i].within);
		assert_int_equal(t->reset, rows[i].reset);
		assert_int_equal(t->known, rows[i].known);
		assert_int_equal(t->imposter, rows[i].imposter);
		assert_int_equal(t->at_home, rows[i].home);
		assert_int_equal(t->abroad, rows[i].abroad);
		assert_int_equal(t->alone, rows[i].alone);
		assert_int_equal(t->proofs, rows[i].proofs);
		assert_int_equal(t->act, rows[i].act);
		while (ntimes < 4 && rows[i].times[ntimes] > 0) {
			assert_int_equal(t->times[ntimes], rows[i].times[ntimes]);
			ntimes++;
		}
		assert_int_equal(t->ntimes, ntimes);
	}
	conf_free(&conf);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_fault_of_a_trigger_is_told, place_new, place_remove),
		cmocka_unit_test_setup_teardown(later_triggers_replace_add_and_take_out, place_new, place_remove),
		cmocka_unit_test_setup_teardown(a_ban_may_have_its_time_beside_it, place_new, place_remove),
		cmocka_unit_test_setup_teardown(the_shipped_triggers_are_those_of_the_manual, place_new, place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
