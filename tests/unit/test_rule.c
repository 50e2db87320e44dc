/* Lines to events: status, proof, claims, addresses behind proxies, evidence; faults of rule files; what ships. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/js.h"

#include "bench.h"

/* ---- what ships ---- */

static void say(void *context, const char *text) {
	(void)context;
	print_message("%s\n", text);
}

static void every_shipped_rule_does_what_its_samples_say(void **state) {
	struct conf_faults faults = {.report = say};
	struct conf *conf = shipped("");
	struct rules *rules = loaded(conf);
	unsigned passed, failed;
	struct err err;

	(void)state;
	assert_int_equal(rules_test(rules, conf, &faults, &passed, &failed, &err), 0);
	assert_int_equal(failed, 0);
	assert_true(passed > 200);
	rules_free(&rules);
	conf_free(&conf);
}

/* ---- events ---- */

#define HEAD "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "
#define USER "203.0.113.7 - bob [22/Nov/2026:10:00:00 +0000] "
#define TAIL " 5 \"-\" \"-\""

static void status_and_claim_decide_the_kind(void **state) {
	static const struct {
		const char *more, *line, *want;
	} rows[] = {
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 200" TAIL, "provision.served 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 206" TAIL, "provision.served 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 304" TAIL, "none"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 403" TAIL, "provision.refused 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 401" TAIL, "provision.unauthorised 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 404" TAIL, "provision.unknown 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 410" TAIL, "provision.unknown 203.0.113.7"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 302" TAIL, "none"},
		{"", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 503" TAIL, "none"},
		{"", USER "\"GET /001565abcdef.cfg HTTP/1.1\" 200" TAIL, "provision.served 203.0.113.7"},
		{"urls: {authenticated: poll}\n", USER "\"GET /001565abcdef.cfg HTTP/1.1\" 200" TAIL,
	     "poll.served 203.0.113.7"},
		{"urls: {authenticated: poll}\n", USER "\"GET /001565abcdef.cfg HTTP/1.1\" 304" TAIL,
	     "poll.served 203.0.113.7"},
		{"urls: {authenticated: poll}\n", USER "\"GET /001565abcdef.cfg HTTP/1.1\" 401" TAIL,
	     "provision.unauthorised 203.0.113.7"},
		{"urls: {authenticated: poll}\n", HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 200" TAIL,
	     "provision.served 203.0.113.7"},
		{"urls: {secret: ['^/[0-9a-f]{12}/']}\n", HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg HTTP/1.1\" 200" TAIL,
	     "poll.served 203.0.113.7"},
		{"urls: {secret: ['^/[0-9a-f]{12}/']}\n", HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg HTTP/1.1\" 304" TAIL,
	     "poll.served 203.0.113.7"},
		{"urls: {secret: ['^/[0-9a-f]{12}/']}\n", HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg HTTP/1.1\" 403" TAIL,
	     "poll.refused 203.0.113.7"},
		{"urls: {secret: ['^/[0-9a-f]{12}/']}\n", HEAD "\"GET /p/001565abcdef.cfg HTTP/1.1\" 200" TAIL,
	     "provision.served 203.0.113.7"},
		{"urls: {secret: ['^/[0-9a-f]{12}/']}\n", HEAD "\"GET /05ba94c0fe6f/ac438d0d3c39/ HTTP/1.1\" 200" TAIL, "none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		struct event e;
		const char *came;

		bench_set(&b, shipped(rows[i].more), "combined", NULL);
		came = told(&b, rows[i].line, &e);
		if (strcmp(came, rows[i].want) != 0)
			fail_msg("%s%s: wanted %s, came %s", rows[i].more, rows[i].line, rows[i].want, came);
		bench_release(&b);
	}
}

static void a_certificate_that_names_the_device_makes_a_poll(void **state) {
	struct bench b;
	struct event e;

	(void)state;
	bench_set(&b, shipped("urls: {certificate: poll}\n"), "json", NULL);
	assert_string_equal(told(&b,
	                         "{\"time\":1795341600,\"ip\":\"203.0.113.7\",\"method\":\"GET\",\"path\":\"/"
	                         "001565abcdef.cfg\",\"status\":200,\"ssl_client_s_dn\":\"CN=001565ABCDEF,O=x\"}",
	                         &e),
	                    "poll.served 203.0.113.7");
	assert_string_equal(told(&b,
	                         "{\"time\":1795341600,\"ip\":\"203.0.113.7\",\"method\":\"GET\",\"path\":\"/"
	                         "001565abcdef.cfg\",\"status\":200,\"ssl_client_s_dn\":\"CN=001565ABCDE0\"}",
	                         &e),
	                    "provision.served 203.0.113.7");
	bench_release(&b);
}

static void behind_a_trusted_proxy_the_rightmost_stranger_counts(void **state) {
	static const char *const more = "trusted_proxies: [192.0.2.0/28]\n";
	static const struct {
		const char *peer, *forwarded, *want;
	} rows[] = {
		{"192.0.2.1", "198.51.100.9", "provision.served 198.51.100.9"},
		{"192.0.2.1", "8.8.8.8, 198.51.100.9", "provision.served 198.51.100.9"},
		{"192.0.2.1", "8.8.8.8, 198.51.100.9, 192.0.2.2", "provision.served 198.51.100.9"},
		{"192.0.2.1", "198.51.100.9:4711", "provision.served 198.51.100.9"},
		{"192.0.2.1", "[2001:db8::9]:4711", "provision.served 2001:db8::9"},
		{"192.0.2.1", "for=198.51.100.9;proto=https", "provision.served 198.51.100.9"},
		{"192.0.2.1", "8.8.8.8, unknown", "none"},
		{"192.0.2.1", "8.8.8.8,", "none"},
		{"192.0.2.1", "192.0.2.2", "none"},
		{"192.0.2.1", "-", "none"},
		{"203.0.113.7", "8.8.8.8", "provision.served 203.0.113.7"},
		{"::ffff:192.0.2.1", "198.51.100.9", "provision.served 198.51.100.9"},
	};
	struct bench b;
	struct event e;

	(void)state;
	bench_set(&b, shipped(more), "combined", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[512];
		const char *came;

		(void)snprintf(
			line, sizeof(line),
			"%s - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"-\" \"%s\"",
			rows[i].peer, rows[i].forwarded);
		came = told(&b, line, &e);
		if (strcmp(came, rows[i].want) != 0)
			fail_msg("%s by %s: wanted %s, came %s", rows[i].forwarded, rows[i].peer, rows[i].want, came);
	}
	bench_release(&b);
}

static void an_account_comes_from_the_source_or_the_url(void **state) {
	const char *line = HEAD "\"GET /acct7/001565abcdef.cfg HTTP/1.1\" 200" TAIL;
	struct bench b;
	struct event e;

	(void)state;
	bench_set(&b, shipped("urls: {account: '^/(?<account>[^/]+)/'}\n"), "combined", NULL);
	assert_string_equal(told(&b, line, &e), "provision.served 203.0.113.7");
	assert_true(slice_is(e.account, "acct7"));
	assert_string_equal(told(&b, HEAD "\"GET /a%20b/001565abcdef.cfg HTTP/1.1\" 200" TAIL, &e),
	                    "provision.served 203.0.113.7");
	assert_true(slice_is(e.account, ""));
	bench_release(&b);
	bench_set(&b, shipped("urls: {account: '^/(?<account>[^/]+)/'}\n"), "combined", "given");
	assert_string_equal(told(&b, line, &e), "provision.served 203.0.113.7");
	assert_true(slice_is(e.account, "given"));
	bench_release(&b);
}

static void evidence_holds_no_secret_and_no_control_byte(void **state) {
	static const struct {
		const char *line, *in, *out;
	} rows[] = {
		{HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg?a=1&passWord=geheim&b=2 HTTP/1.1\" 200 5 "
	          "\"http://u:pw@h/05ba94c0fe6f/x\" \"-\"",
	     "&b=2", "geheim"},
		{HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"-\"", "/***/001565abcdef.cfg",
	     "05ba94c0fe6f"},
		{HEAD "\"GET /05ba94c0fe6f/001565abcdef.cfg HTTP/1.1\" 200 5 \"http://u:pw@h/05ba94c0fe6f/x\" \"-\"",
	     "http://***@h/***/x", "05ba94c0fe6f"},
		{HEAD "\"GET /p?mac=001565abcdef&p%61ss=geheim HTTP/1.1\" 200 5 \"-\" \"-\"", "p%61ss=***", "geheim"},
		{HEAD "\"GET /p?mac=001565abcdef&token=geheim\" 200 5 \"-\" \"-\"", "token=***\"", "geheim"},
		{HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"\033[31mred\"", "\\x1b[31mred", "\033"},
	};
	struct bench b;
	struct event e;

	(void)state;
	bench_set(&b, shipped("urls: {secret: ['^/[0-9a-f]{12}/']}\n"), "combined", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)told(&b, rows[i].line, &e);
		if (!memmem(e.line.p, e.line.n, rows[i].in, strlen(rows[i].in)) ||
		    memmem(e.line.p, e.line.n, rows[i].out, strlen(rows[i].out)))
			fail_msg("evidence: %.*s", (int)e.line.n, e.line.p);
	}
	assert_true(e.folder.n == 0);
	bench_release(&b);
}

static void fields_and_evidence_are_cut_to_their_maxima(void **state) {
	static char line[8192];
	struct bench b;
	struct event e;
	size_t n;

	(void)state;
	bench_set(&b, shipped(""), "combined", NULL);
	n = (size_t)snprintf(line, sizeof(line), HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"");
	memset(line + n, '\001', 5000);
	memcpy(line + n + 5000, "\"", 2);
	assert_string_equal(told(&b, line, &e), "provision.served 203.0.113.7");
	assert_int_equal(e.agent.n, EVENT_AGENT_MAX);
	assert_true(e.line.n <= EVENT_LINE_MAX && e.line.n > EVENT_LINE_MAX - 8);
	assert_memory_equal(e.line.p + e.line.n - 7, "\\x01...", 7);
	bench_release(&b);
}

#define CALL                                                                                                           \
	"[2026-11-22 10:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:100@h>' failed for " \
	"'203.0.113.7:5066' (callid: %s) - Failed to authenticate"

static void one_call_has_one_hash(void **state) {
	uint64_t first;
	struct bench b;
	struct event e;
	char text[512];

	(void)state;
	bench_set(&b, shipped(""), "asterisk", NULL);
	(void)snprintf(text, sizeof(text), CALL, "one");
	(void)told(&b, text, &e);
	first = e.once;
	assert_true(first != 0);
	(void)told(&b, text, &e);
	assert_true(e.once == first);
	(void)snprintf(text, sizeof(text), CALL, "two");
	(void)told(&b, text, &e);
	assert_true(e.once != first);
	bench_release(&b);
}

#define SECURITY                                                                                                       \
	"[2026-11-22 10:00:00] SECURITY[1] res_security_log.c: "                                                           \
	"SecurityEvent=\"%s\",EventTV=\"2026-11-22T10:00:00.209+0000\","                                                   \
	"Severity=\"Error\",Service=\"PJSIP\",EventVersion=\"1\",AccountID=\"100\",SessionID=\"one\",LocalAddress="        \
	"\"IPV4/UDP/192.0.2.2/5060\",RemoteAddress=\"IPV4/UDP/203.0.113.7/5066\"%s"

/* What PJSIP logs of one REGISTER with a wrong password: in two families, in any order. */
static void the_lines_of_one_failure_share_its_hash(void **state) {
	static const struct {
		const char *event, *tail; /* or a whole line */
		enum event_kind kind;
	} rows[] = {
		{NULL,
	     "[2026-11-22 10:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:100@h>' failed "
	     "for "
	     "'203.0.113.7:5066' (callid: one) - No matching endpoint found",
	     EVENT_SIP_UNKNOWN_USER},
		{"InvalidAccountID", "", EVENT_SIP_UNKNOWN_USER},
		{NULL,
	     "[2026-11-22 10:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:100@h>' failed "
	     "for "
	     "'203.0.113.7:5066' (callid: one) - Failed to authenticate",
	     EVENT_SIP_AUTH_FAILED},
		{"ChallengeResponseFailed", ",Challenge=\"1/e\",Response=\"3b\",ExpectedResponse=\"\"", EVENT_SIP_AUTH_FAILED},
	};
	uint64_t once = 0;
	struct bench b;

	(void)state;
	bench_set(&b, shipped(""), "asterisk", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		struct event e;

		if (rows[i].event)
			(void)snprintf(text, sizeof(text), SECURITY, rows[i].event, rows[i].tail);
		else
			(void)snprintf(text, sizeof(text), "%s", rows[i].tail);
		assert_string_not_equal(told(&b, text, &e), "none");
		assert_int_equal(e.kind, rows[i].kind);
		assert_true(slice_is(e.user, "100"));
		assert_int_equal(e.proof, PROOF_NONE);
		assert_true(e.once != 0 && (once == 0 || e.once == once));
		once = e.once;
	}
	bench_release(&b);
}

static void explain_answers_in_json_whatever_the_line(void **state) {
	static const char *const lines[] = {HEAD "\"GET /001565abcdef.cfg HTTP/1.1\" 200" TAIL,
	                                    HEAD "\"GET / HTTP/1.1\" 200" TAIL, "nonsense", "",
	                                    HEAD "\"GET /\xff\"\"\" HTTP/1.1\" 200 5 \"-\" \"\xff\x01\""};
	struct bench b;

	(void)state;
	bench_set(&b, shipped(""), "combined", NULL);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct buf out;
		struct json *json;
		struct err err;

		buf_init(&out, 1 << 20);
		assert_int_equal(rules_explain(&b.ctx, slice_of(lines[i]), &out, &err), 0);
		assert_int_equal(js_parse((struct slice){out.p, out.n}, &json, &err), 0);
		assert_true(js_is_array(js_get(json, "rules")));
		assert_true(js_is_object(js_get(json, "fields")));
		assert_int_equal(js_is_object(js_get(json, "event")), i == 0);
		if (i == 0)
			assert_string_equal(js_text(js_get(json, "phone"), "vendor"), "Yealink");
		js_free(&json);
		buf_release(&out);
	}
	bench_release(&b);
}

/* A line may have 64 KiB, and patterns that look at it again and again have a limit. */
static void a_long_name_hides_nobody(void **state) {
	static const struct {
		const char *format, *before, *behind, *want;
	} rows[] = {
		{"freeswitch",
	     "2026-11-22 10:00:00.767815 [WARNING] sofia_reg.c:1478 SIP auth failure (REGISTER) on sofia profile "
	     "'internal' for [",
	     "@x] from ip 203.0.113.7", "sip.auth_failed 203.0.113.7"},
		{"freeswitch", "2026-11-22 10:00:00.767815 [WARNING] sofia_reg.c:2889 Can't find user [",
	     "@x] from 203.0.113.7", "sip.unknown_user 203.0.113.7"},
		{"asterisk", "[2026-11-22 10:00:00] NOTICE[1] chan_sip.c: Registration from '\"",
	     "\" <sip:1@h>' failed for '203.0.113.7:5066' - Wrong password", "sip.auth_failed 203.0.113.7"},
		{"asterisk", "[2026-11-22 10:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '\"",
	     "\" <sip:1@h>' failed for '203.0.113.7:5066' (callid: a) - No matching endpoint found",
	     "sip.unknown_user 203.0.113.7"},
		{"syslog",
	     "Nov 22 10:00:00 sbc kamailio[1]: ALERT: {1 1 INVITE x} <script>: ALERT: pike blocking INVITE from sip:",
	     "@h (IP:203.0.113.7:5060)", "sip.flood 203.0.113.7"},
		{"syslog", "Nov 22 10:00:00 sbc kamailio[1]: NOTICE: {1 1 REGISTER ",
	     "} <script>: provctl: auth_failed src=203.0.113.7 proto=udp user=1 realm=x callid=x",
	     "sip.auth_failed 203.0.113.7"},
		{"syslog",
	     "Nov 22 10:00:00 sbc kamailio[1]: NOTICE: {1 1 REGISTER x} <script>: provctl: auth_failed src=203.0.113.7 "
	     "proto=udp "
	     "user=",
	     " realm=x callid=x", "sip.auth_failed 203.0.113.7"},
		{"syslog",
	     "Nov 22 10:00:00 sbc kamailio[1]: WARNING: {1 1 REGISTER x} <script>: x|end|3 errounous authorization "
	     "response for ",
	     "@x 203.0.113.7:5060", "sip.auth_failed 203.0.113.7"},
	};
	static const char fills[] = "a'<@(]}";
	static char line[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].before);
		struct bench b;
		struct event e;

		bench_set(&b, shipped(""), rows[i].format, NULL);
		for (size_t f = 0; f < sizeof(fills) - 1; f++) {
			memcpy(line, rows[i].before, n);
			memset(line + n, fills[f], 60000);
			memcpy(line + n + 60000, rows[i].behind, strlen(rows[i].behind) + 1);
			assert_string_equal(told(&b, line, &e), rows[i].want);
		}
		bench_release(&b);
	}
}

static void only_an_inventory_tells_of_devices(void **state) {
	static const char *const line =
		"{\"time\":1795341600,\"what\":\"created\",\"mac\":\"001565abcdef\",\"account\":\"acct1\"}";
	struct bench b;
	struct event e;

	(void)state;
	file_write("r/a.yaml",
	           "rules:\n  - id: a\n    format: json\n    where: {what: [created]}\n    event: device.created\n"
	           "    samples: [{line: x, expect: none}]\n");
	bench_set(&b, configured("rules: [r]\n"), "json", NULL);
	assert_string_equal(told(&b, line, &e), "none");
	b.ctx.inventory = true;
	assert_string_equal(told(&b, line, &e), "device.created ::");
	assert_true(e.mac == 0x001565abcdef);
	assert_true(slice_is(e.account, "acct1"));
	bench_release(&b);
	file_remove("r/a.yaml");
}

/* ---- rule files ---- */

#define GOOD                                                                                                           \
	"rules:\n  - id: a\n    format: combined\n    where: {file: '^x(?<mac>.{12})$'}\n    event: provision\n    "       \
	"samples:\n"                                                                                                       \
	"      - line: '" HEAD2 "'\n        expect: none\n"
#define HEAD2 "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\""

static void faults_of_rules_are_told_by_file_and_line(void **state) {
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"rulez: []\n", "a.yaml:1:1: rulez"},
		{"rules: {}\n", "a.yaml:1:8: rules"},
		{"rules: [x]\n", "a.yaml:1:9"},
		{"rules:\n  - id: a\n    fromat: combined\n", "did you mean format"},
		{"rules:\n  - id: a\n    format: combind\n", "combined"},
		{"rules:\n  - id: 'a b'\n", "A-Za-z0-9"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: '(x'}\n",
	     "a.yaml:4:19: rules.where.file: pattern: missing closing parenthesis at byte 3"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: x}\n    event: provision\n", "no samples"},
		{"rules:\n  - id: a\n    format: combined\n    where: {status: ['5-x']}\n    event: provision\n", "range"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: []}\n    event: provision\n", "empty list"},
		{"rules:\n  - id: a\n    format: combined\n    event: provision\n    samples: [{line: x, expect: none}]\n",
	     "needs `where`"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: x}\n    set: {ip: 1.2.3.4}\n", "cannot be set"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: x}\n    event: sip.skan\n", "sip.scan"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: x}\n    event: portal.auth_failed\n",
	     "is not known"},
		{"rules:\n  - id: a\n    format: combined\n    where: {file: x}\n    proof: certain\n", "proof"},
		{GOOD "  - id: a\n    format: combined\n    where: {file: x}\n    event: provision\n    samples: [{line: x, "
	          "expect: none}]\n",
	     "twice"},
		{"phones:\n  - vendor: X\n    samples: [{agent: x, expect: none}]\n", "needs `agent`"},
		{"phones:\n  - agent: X\n    samples: [{agent: x, expect: none}]\n", "needs `vendor`"},
		{"phones:\n  - vendor: X\n    oui: [00156]\n", "six hex digits"},
		{"imposters:\n  - agent: '['\n    samples: [x]\n", "pattern"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf conf = {0};
		char path[256];
		char *folders[] = {path};
		struct rules *rules = NULL;
		struct err err;
		struct conf *base = configured("rules: [r]\n");

		(void)snprintf(path, sizeof(path), "%s/r", folder);
		file_write("r/a.yaml", rows[i].text);
		conf = *base;
		conf.rules = folders;
		conf.nrules = 1;
		assert_int_equal(rules_load(&rules, &conf, NULL, &err), -1);
		assert_null(rules);
		if (!strstr(err.text, rows[i].want))
			fail_msg("%s: wanted \"%s\", came \"%s\"", rows[i].text, rows[i].want, err.text);
		file_remove("r/a.yaml");
		conf_free(&base);
	}
}

static void a_later_rule_of_the_same_id_replaces_the_former(void **state) {
	struct bench b;
	struct event e;

	(void)state;
	file_write("r/a.yaml", GOOD);
	file_write("r/b.yaml", "rules:\n  - id: a\n    format: [combined]\n    where: {status: [200, 300-399], file: "
	                       "'^z$'}\n    event: sip.scan\n"
	                       "    set: {user: me}\n    proof: none\n    samples: [{line: x, expect: none}]\n");
	bench_set(&b, configured("rules: [r]\n"), "combined", NULL);
	assert_int_equal(rules_count(b.rules), 1);
	assert_string_equal(told(&b, HEAD "\"GET /z HTTP/1.1\" 302" TAIL, &e), "sip.scan 203.0.113.7");
	assert_true(slice_is(e.user, "me"));
	assert_int_equal(e.proof, PROOF_NONE);
	assert_string_equal(told(&b, HEAD "\"GET /z HTTP/1.1\" 400" TAIL, &e), "none");
	bench_release(&b);
	file_remove("r/a.yaml");
	file_remove("r/b.yaml");
}

#define MANY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What one rule, which asks the file for that pattern, makes of a file. */
static void file_told(const char *pattern, const char *line, const char *wanted) {
	char text[512];
	struct bench b;
	struct event e;

	(void)snprintf(text, sizeof(text),
	               "rules:\n  - id: a\n    format: combined\n    where: {file: '%s'}\n    event: provision\n"
	               "    samples: [{line: x, expect: none}]\n",
	               pattern);
	file_write("r/a.yaml", text);
	bench_set(&b, configured("rules: [r]\n"), "combined", NULL);
	assert_string_equal(told(&b, line, &e), wanted);
	bench_release(&b);
	file_remove("r/a.yaml");
}

static void a_pattern_past_its_limit_drops_the_line(void **state) {
	(void)state;
	file_told("^(?:a+)+(?=b)", HEAD "\"GET /" MANY MANY " HTTP/1.1\" 200" TAIL, "limit");
	/* Some million steps, which PCRE2 by itself would take. */
	file_told("^(?:a+)+(?=b)", HEAD "\"GET /aaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\" 200" TAIL, "limit");
	file_told("^(?:a+)+(?=b)", HEAD "\"GET /aab HTTP/1.1\" 200" TAIL, "none");
	/* What could not match whatever the steps drops nothing. */
	file_told("^(?:a+)+[^a]$", HEAD "\"GET /" MANY MANY " HTTP/1.1\" 200" TAIL, "none");
	/* Nor does one that lacks what the pattern cannot do without, even where nothing else of it is understood. */
	file_told("^(?:[[:alpha:]]+ ?)*(?:\\w+ ?)*LITERAL", HEAD "\"GET /" MANY MANY "=L HTTP/1.1\" 200" TAIL, "none");
}

static void a_rule_that_fails_half_way_leaves_nothing_behind(void **state) {
	struct bench b;
	struct event e;

	(void)state;
	file_write("r/a.yaml", "rules:\n"
	                       "  - id: a\n    format: combined\n    where: {path: '^/(?<user>\\w+)/', agent: '^never$'}\n "
	                       "   event: sip.scan\n    samples: [{line: x, expect: none}]\n"
	                       "  - id: b\n    format: combined\n    where: {file: '^z$'}\n    event: sip.scan\n    "
	                       "samples: [{line: x, expect: none}]\n");
	bench_set(&b, configured("rules: [r]\n"), "combined", NULL);
	assert_string_equal(told(&b, HEAD "\"GET /left/z HTTP/1.1\" 200" TAIL, &e), "sip.scan 203.0.113.7");
	assert_true(slice_is(e.rule, "b"));
	assert_int_equal(e.user.n, 0);
	bench_release(&b);
	file_remove("r/a.yaml");
}

static void samples_that_are_wrong_fail(void **state) {
	static const char *const texts[] = {"expect: {event: provision.served}",
	                                    "expect: {event: provision.refused, mac: 001565abcdee}",
	                                    "expect: none",
	                                    "expect: {event: provision.refused, ip: 1.2.3.4}",
	                                    "expect: nothing",
	                                    "expct: none"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned passed, failed;
		struct conf *conf;
		struct rules *rules;
		struct err err;
		char text[1024];

		(void)snprintf(text, sizeof(text),
		               "rules:\n  - id: a\n    format: combined\n    where: {file: '^x(?<mac>.{12})$'}\n    event: "
		               "provision\n    samples:\n"
		               "      - line: '" HEAD "\"GET /x001565abcdef HTTP/1.1\" 403" TAIL "'\n        %s\n",
		               texts[i]);
		file_write("r/a.yaml", text);
		conf = configured("rules: [r]\n");
		rules = loaded(conf);
		assert_int_equal(rules_test(rules, conf, NULL, &passed, &failed, &err), -1);
		assert_int_equal(failed, 1);
		assert_non_null(strstr(err.text, "a.yaml:"));
		rules_free(&rules);
		conf_free(&conf);
		file_remove("r/a.yaml");
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shipped_rule_does_what_its_samples_say),
		cmocka_unit_test(status_and_claim_decide_the_kind),
		cmocka_unit_test(a_certificate_that_names_the_device_makes_a_poll),
		cmocka_unit_test(behind_a_trusted_proxy_the_rightmost_stranger_counts),
		cmocka_unit_test(an_account_comes_from_the_source_or_the_url),
		cmocka_unit_test(evidence_holds_no_secret_and_no_control_byte),
		cmocka_unit_test(fields_and_evidence_are_cut_to_their_maxima),
		cmocka_unit_test(one_call_has_one_hash),
		cmocka_unit_test(the_lines_of_one_failure_share_its_hash),
		cmocka_unit_test(explain_answers_in_json_whatever_the_line),
		cmocka_unit_test(a_long_name_hides_nobody),
		cmocka_unit_test(only_an_inventory_tells_of_devices),
		cmocka_unit_test(faults_of_rules_are_told_by_file_and_line),
		cmocka_unit_test(a_later_rule_of_the_same_id_replaces_the_former),
		cmocka_unit_test(a_pattern_past_its_limit_drops_the_line),
		cmocka_unit_test(a_rule_that_fails_half_way_leaves_nothing_behind),
		cmocka_unit_test(samples_that_are_wrong_fail),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
