/* A state that fails at one question: the command or the event that asked fails whole, and can be given again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "enforcer/enforcer.h"
#include "enforcer/store.h"

#include "tests/unit/asking.h"
#include "tests/unit/failing.h"
#include "tests/unit/place.h"

#define NOW   ((int64_t)1795341600) /* 2026-11-22T10:00:00Z */
#define STEPS 400                   /* more than anything asks */

struct bench {
	struct place *place;
	struct enforcer *e;
	struct control *control;
	int fd;
	char rows[ASKING_ROWS], end[ASKING_END]; /* of the last answer */
};

static void say(void *context, const char *text) {
	(void)context;
	(void)text;
}

static void ask(struct bench *b, const char *body) {
	(void)control_ask(b->control, body, b->rows, b->end);
}

/* All that a command or an event can change, as the verbs show it. The caller frees. */
static char *look(struct bench *b) {
	static const char *const verbs[] = {"\"list\"",
	                                    "\"bans\",\"all\":true",
	                                    "\"window\",\"do\":\"list\"",
	                                    "\"network\",\"do\":\"list\"",
	                                    "\"token\",\"do\":\"list\"",
	                                    "\"log\""};
	struct buf all;
	char body[128];

	buf_init(&all, 8U << 20);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		(void)snprintf(body, sizeof(body), "{\"verb\":%s}", verbs[i]);
		ask(b, body);
		if (!strstr(b->end, "\"exit\":0"))
			fail_msg("%s: %s", body, b->end);
		buf_text(&all, b->rows);
	}
	buf_byte(&all, '\0');
	assert_false(all.failed);
	return all.p;
}

static void is_unchanged(struct bench *b, const char *before, const char *what, unsigned n) {
	char *after = look(b);

	if (strcmp(before, after) != 0)
		fail_msg("%s: failed at question %u, and yet something changed", what, n);
	free(after);
}

#define MAC(n) "\"mac\":\"00156500000" #n "\""

/* Each finds what those before it did. */
static const struct {
	const char *members;
	int exit;
} orders[] = {
	{"\"verb\":\"import\",\"adopt\":true,\"users\":true,\"rows\":[{" MAC(
		 1) ",\"account\":\"acct1\",\"home\":[\"203.0.113.1\"]},{" MAC(2) ",\"account\":\"acct1\",\"users\":[{\"user\":"
                                                                          "\"u2\",\"realm\":\"r\"}]},"
                                                                          "{" MAC(3) ",\"account\":\"acct2\","
                                                                                     "\"created\":1793491200}]",
     0},
	{"\"verb\":\"add\"," MAC(4) ",\"account\":\"acct2\"", 0},
	{"\"verb\":\"add\"," MAC(5) ",\"custom\":true", 0},
	{"\"verb\":\"network\",\"do\":\"add\",\"network\":\"192.0.2.0/28\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"network\",\"do\":\"list\"", 0},
	{"\"verb\":\"ban\",\"ip\":\"198.51.100.7\",\"for\":3600,\"comment\":\"of a test\"", 0},
	{"\"verb\":\"ban\",\"ip\":\"198.51.100.0/24\",\"for\":7200", 0},
	{"\"verb\":\"block\",\"ip\":\"198.51.100.8\"", 0},
	{"\"verb\":\"allow\",\"ip\":\"198.51.100.9\"", 0},
	{"\"verb\":\"bans\",\"all\":true", 0},
	{"\"verb\":\"ip\",\"ip\":\"198.51.100.7\"", 0},
	{"\"verb\":\"explain\",\"ip\":\"198.51.100.7\"", 0},
	{"\"verb\":\"explain\"," MAC(1), 0},
	{"\"verb\":\"show\"," MAC(1), 0},
	{"\"verb\":\"verdict\",\"ip\":\"203.0.113.1\"," MAC(1), 0},
	{"\"verb\":\"list\",\"registered\":true", 0},
	{"\"verb\":\"list\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"unlock\",\"for\":3600,\"reason\":\"moved\"," MAC(1), 0},
	{"\"verb\":\"unlock\",\"preview\":true,\"account\":\"acct1\"", 0},
	{"\"verb\":\"unlock\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"lock\"," MAC(1), 0},
	{"\"verb\":\"home\",\"do\":\"list\"," MAC(1), 0},
	{"\"verb\":\"home\",\"do\":\"add\",\"home\":\"203.0.113.9\"," MAC(1), 0},
	{"\"verb\":\"home\",\"do\":\"remove\",\"home\":\"203.0.113.9\"," MAC(1), 0},
	{"\"verb\":\"clear-exposed\"," MAC(1), 1},
	{"\"verb\":\"window\",\"do\":\"open\",\"window\":\"198.51.100.7\",\"account\":\"acct1\",\"hours\":4", 0},
	{"\"verb\":\"window\",\"do\":\"list\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"window\",\"do\":\"close\",\"window\":\"198.51.100.7\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"token\",\"do\":\"add\",\"role\":\"user\",\"macs\":[\"001565000001\"]", 0},
	{"\"verb\":\"token\",\"do\":\"list\"", 0},
	{"\"verb\":\"status\"", 0},
	{"\"verb\":\"metrics\"", 0},
	{"\"verb\":\"log\"," MAC(1), 0},
	{"\"verb\":\"log\",\"ip\":\"198.51.100.7\"", 0},
	{"\"verb\":\"unban\",\"ip\":\"198.51.100.0/24\"", 0},
	{"\"verb\":\"unban\",\"all\":true", 0},
	{"\"verb\":\"block\",\"ip\":\"198.51.100.8\",\"remove\":true", 0},
	{"\"verb\":\"allow\",\"ip\":\"198.51.100.9\",\"remove\":true", 0},
	{"\"verb\":\"pause\",\"for\":3600,\"locks\":true", 0},
	{"\"verb\":\"resume\"", 0},
	{"\"verb\":\"network\",\"do\":\"remove\",\"network\":\"192.0.2.0/28\",\"account\":\"acct1\"", 0},
	{"\"verb\":\"remove\"," MAC(4), 0},
	{"\"verb\":\"import\",\"rows\":[{" MAC(1) ",\"account\":\"acct1\"}],\"macs\":[\"001565000001\"],\"prune\":{"
                                              "\"first\":\"001565000000\",\"last\":\"0015650000ff\"}",
     0},
};

static void a_command_that_the_state_fails_on_is_refused_whole_and_can_be_given_again(void **state) {
	struct bench *b = *state;
	unsigned total = 0;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		char *before = look(b), body[1024], wanted[16];
		unsigned n = 1;

		(void)snprintf(body, sizeof(body), "{%s}", orders[i].members);
		for (;; n++) {
			assert_true(n < STEPS);
			fail_from_now(n);
			ask(b, body);
			if (!has_failed())
				break;
			/* It answers though not all can be told. */
			if (strstr(body, "\"status\"") && strstr(b->end, "\"exit\":0"))
				continue;
			if (!strstr(b->end, "\"exit\":4,\"error\":") || !strstr(b->end, FAILING))
				fail_msg("%s: at question %u: %s", body, n, b->end);
			is_unchanged(b, before, body, n);
		}
		(void)snprintf(wanted, sizeof(wanted), "\"exit\":%d", orders[i].exit);
		if (!strstr(b->end, wanted))
			fail_msg("%s: %s", body, b->end);
		total += n - 1;
		free(before);
	}
	assert_true(total > 500);
}

/* As a session does with the events of a batch. */
static int judge_one(struct bench *b, const struct event *v, struct err *err) {
	if (store_begin(b->e->store, err) == 0) {
		if (judge_event(b->e->judge, v, slice_of("/log"), err) == 0)
			return enforcer_commit(b->e, err);
		enforcer_rollback(b->e);
	}
	return -1;
}

static void an_event_that_the_state_fails_on_changes_nothing_and_is_judged_when_it_comes_again(void **state) {
	static const struct {
		enum event_kind kind;
		uint64_t mac;
		const char *ip, *user;
		enum tri imposter;
	} events[] = {
		{EVENT_PROVISION_SERVED, 0x001565000001, "203.0.113.1", "", TRI_UNKNOWN},  /* learned, locked */
		{EVENT_PROVISION_SERVED, 0x001565000001, "198.51.100.1", "", TRI_UNKNOWN}, /* exposed */
		{EVENT_POLL_SERVED, 0x001565000001, "203.0.113.2", "", TRI_UNKNOWN},       /* followed */
		{EVENT_PROVISION_SERVED, 0x001565000002, "203.0.113.1", "", TRI_UNKNOWN},
		{EVENT_SIP_REGISTERED, MAC_NONE, "203.0.113.1", "u1", TRI_UNKNOWN},
		{EVENT_PROVISION_UNKNOWN, 0x0004f2000001, "198.51.100.7", "", TRI_UNKNOWN}, /* scans */
		{EVENT_PROVISION_UNKNOWN, 0x0004f2000002, "198.51.100.7", "", TRI_UNKNOWN},
		{EVENT_PROVISION_UNKNOWN, 0x0004f2000003, "198.51.100.7", "", TRI_UNKNOWN}, /* banned */
		{EVENT_SIP_AUTH_FAILED, MAC_NONE, "198.51.100.9", "u1", TRI_UNKNOWN},
		{EVENT_SIP_AUTH_FAILED, MAC_NONE, "198.51.100.9", "u1", TRI_UNKNOWN},  /* suspected */
		{EVENT_PROVISION_SERVED, 0x001565000003, "198.51.100.3", "", TRI_YES}, /* an imposter */
		{EVENT_DEVICE_CREATED, 0x001565000004, "203.0.113.4", "", TRI_UNKNOWN},
		{EVENT_DEVICE_CUSTOMISED, 0x001565000004, "203.0.113.4", "", TRI_UNKNOWN},
		{EVENT_DEVICE_DELETED, 0x001565000004, "203.0.113.4", "", TRI_UNKNOWN},
	};
	struct bench *b = *state;
	unsigned total = 0;

	ask(b, "{\"verb\":\"import\",\"rows\":[{" MAC(
			   2) ",\"account\":\"acct1\",\"users\":[{\"user\":\"u1\",\"realm\":\"r\"}]},"
	              "{" MAC(5) ",\"account\":\"acct1\"}]}");
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char *before = look(b);
		struct event v = {.kind = events[i].kind,
		                  .proof = PROOF_HANDSHAKE,
		                  .offset = i * 100,
		                  .time = NOW - 1000 + (int64_t)i,
		                  .mac = events[i].mac,
		                  .status = 200,
		                  .imposter = events[i].imposter,
		                  .user = slice_of(events[i].user),
		                  .realm = slice_of(events[i].user[0] ? "r" : ""),
		                  .rule = slice_of("a.rule"),
		                  .line = slice_of("a line")};
		struct err err;

		assert_true(addr_parse(events[i].ip, strlen(events[i].ip), &v.ip));
		for (unsigned n = 1;; n++) {
			int result;

			assert_true(n < STEPS);
			fail_from_now(n);
			result = judge_one(b, &v, &err);
			if (!has_failed()) {
				assert_int_equal(result, 0);
				total += n - 1;
				break;
			}
			assert_int_equal(result, -1);
			assert_non_null(strstr(err.text, FAILING));
			is_unchanged(b, before, event_kind_name(v.kind), n);
		}
		free(before);
	}
	assert_true(total > 100);
	ask(b, "{\"verb\":\"list\"}");
	if (!strstr(b->rows, "\"mac\":\"001565000001\",\"account\":\"-\",\"state\":\"locked\""))
		fail_msg("%s", b->rows);
	ask(b, "{\"verb\":\"bans\"}");
	assert_non_null(strstr(b->rows, "198.51.100.7"));
}

static int setup(void **state) {
	struct enforcer_options options = {.dry_run = true, .control_fd = -1, .events_fd = -1, .say = say};
	struct bench *b = calloc(1, sizeof(*b));
	struct err err;
	int pair[2];
	char clock[32];
	bool busy;

	assert_non_null(b);
	assert_int_equal(place_new((void **)&b->place), 0);
	(void)snprintf(clock, sizeof(clock), "@%lld", (long long)NOW);
	assert_int_equal(setenv("PROVCTL_CLOCK", clock, 1), 0);
	if (enforcer_open(&b->e,
	                  place_load_sound(b->place, "state: nowhere\nfirewall: {backend: none}\ntriggers:\n"
	                                             "  - {id: scan, on: provision.unknown, by: ip, count: distinct mac, "
	                                             "limit: 3, within: 1h, do: {ban: 1h}}\n"
	                                             "  - {id: net, on: provision.unknown, by: net, count: distinct mac, "
	                                             "limit: 9, within: 1h, do: {ban: 1h}}\n"
	                                             "  - {id: guess, on: sip.auth_failed, by: device, count: events, "
	                                             "limit: 2, within: 1h, do: [suspect, report]}\n"),
	                  &options, &busy, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(control_new(&b->control, b->e, pair[0], false, &err), 0);
	b->fd = pair[1];
	*state = b;
	return 0;
}

static int teardown(void **state) {
	struct bench *b = *state;
	void *place = b->place;

	control_free(&b->control);
	(void)close(b->fd);
	enforcer_close(&b->e);
	(void)place_remove(&place);
	free(b);
	return 0;
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_command_that_the_state_fails_on_is_refused_whole_and_can_be_given_again),
		CASE(an_event_that_the_state_fails_on_changes_nothing_and_is_judged_when_it_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
