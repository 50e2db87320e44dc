/* Lines to fields: every format, its variants, what an attacker writes into it, and lines that are none of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "analyzer/format_private.h"
#include "analyzer/pcre.h"

#define FIELDS_OF_ROW 8

struct row {
	const char *format, *line;
	bool read;
	struct {
		const char *name, *value; /* value NULL: not there */
	} fields[FIELDS_OF_ROW];
};

static const struct row rows[] = {
	/* combined */
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a/b.cfg?x=1 HTTP/1.1\" 200 512 \"-\" \"ua\"",
     true,
     {{"ip", "203.0.113.7"},
      {"method", "GET"},
      {"path", "/a/b.cfg"},
      {"file", "b.cfg"},
      {"query", "x=1"},
      {"status", "200"},
      {"agent", "ua"},
      {"user", NULL}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 304 -",
     true,
     {{"status", "304"}, {"bytes", NULL}, {"agent", NULL}, {"file", ""}}},
	{"combined",
     "2001:db8::1 - bob [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/2.0\" 200 5 \"http://r/\" \"ua\" \"198.51.100.1, "
     "192.0.2.1\"",
     true,
     {{"ip", "2001:db8::1"}, {"user", "bob"}, {"referer", "http://r/"}, {"forwarded", "198.51.100.1, 192.0.2.1"}}},
	{"combined",
     "pbx.example.net:443 203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\" \"-\"",
     true,
     {{"ip", "203.0.113.7"}, {"host", "pbx.example.net"}, {"forwarded", NULL}, {"agent", "-"}}},
	{"combined",
     "198.51.100.9 203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"",
     true,
     {{"ip", "203.0.113.7"}, {"host", "198.51.100.9"}}},
	{"combined",
     "198.51.100.9 203.0.113.7 - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"",
     false,
     {{0}}},
	{"combined",
     "203.0.113.7 - x [1] \\x22GET /evil HTTP/1.1\\x22 y [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 401 5 \"-\" "
     "\"-\"",
     true,
     {{"path", "/a"}, {"status", "401"}, {"user", "x [1] \\x22GET /evil HTTP/1.1\\x22 y"}}},
	{"combined",
     "203.0.113.7 - \"\" [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 401 5 \"-\" \"-\"",
     true,
     {{"user", NULL}, {"path", "/a"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a\\\" 200 1 \\\"-\\\" HTTP/1.1\" 404 5 \"-\" \"u\\\" "
     "\\\"8.8.8.8\"",
     true,
     {{"path", "/a\\\" 200 1 \\\"-\\\""}, {"status", "404"}, {"agent", "u\\\" \\\"8.8.8.8"}, {"forwarded", NULL}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / SEP000C29ED3D88.cnf.xml HTTP/1.1\" 200 5 \"-\" \"-\"",
     true,
     {{"file", "SEP000C29ED3D88.cnf.xml"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /x HTTP/1.0 HTTP/1.1\" 200 5 \"-\" \"-\"",
     true,
     {{"path", "/x HTTP/1.0"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a.cfg\" 200 5 \"-\" \"-\"",
     true,
     {{"method", "GET"}, {"file", "a.cfg"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"\\x16\\x03\" 400 5 \"-\" \"-\"",
     true,
     {{"method", NULL}, {"path", NULL}, {"status", "400"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"\" 400 0 \"-\" \"-\"",
     true,
     {{"method", NULL}, {"status", "400"}}},
	{"combined", "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"-\" 408 0 \"-\" \"-\"", true, {{"method", NULL}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET https://h:8/p/a%2fb%41.cfg#f?q HTTP/1.1\" 200 5 \"-\" \"-\"",
     true,
     {{"host", "h:8"}, {"path", "/p/a%2fb%41.cfg"}, {"file", "bA.cfg"}, {"query", NULL}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a%zz%4 HTTP/1.1\" 200 5 \"-\" \"-\"",
     true,
     {{"file", "a%zz%4"}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" - - \"-\" \"-\" 3 \"r@d\" \"http://x\" 0ms",
     true,
     {{"status", NULL}, {"forwarded", NULL}}},
	{"combined",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"unfinished",
     true,
     {{"agent", NULL}}},
	{"combined", "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5\r", true, {{"bytes", "5"}}},
	{"combined", "host - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5", false, {{0}}},
	{"combined", "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1", false, {{0}}},
	{"combined", "203.0.113.7 - - [22/Nov/2026:10:00:00] \"GET /a HTTP/1.1\" 20 5", false, {{0}}},
	{"combined", "203.0.113.7 - - [99/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5", false, {{0}}},
	{"combined", "[22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5", false, {{0}}},
	{"combined", "2026/11/22 10:00:00 [error] 31#31: *46 \"/x\" is not found, client: 203.0.113.7", false, {{0}}},
	{"combined", "", false, {{0}}},
	/* asterisk */
	{"asterisk",
     "[2026-11-22 10:00:00] NOTICE[1638] chan_sip.c: Registration failed",
     true,
     {{"level", "NOTICE"},
      {"file", "chan_sip.c"},
      {"message", "Registration failed"},
      {"call", NULL},
      {"function", NULL}}},
	{"asterisk",
     "[Nov 22 10:00:00] NOTICE[12049][C-00000fa9]: res.c:2337 new_invite: Call",
     true,
     {{"call", "C-00000fa9"}, {"file", "res.c"}, {"function", "new_invite"}, {"message", "Call"}}},
	{"asterisk",
     "Nov 22 10:00:00 pbx asterisk[32229]: NOTICE[32257]: chan_sip.c:23417 in handle: Reg",
     true,
     {{"function", "handle"}, {"message", "Reg"}, {"program", "asterisk"}, {"pid", "32229"}, {"host", "pbx"}}},
	{"asterisk",
     "2026-11-22T10:00:00.1+00:00 pbx asterisk[32229] [Nov 22 03:00:00] NOTICE[32257]: chan_sip.c: Reg",
     true,
     {{"message", "Reg"}}},
	{"asterisk", "[2026-11-22 10:00:00]NOTICE[1]  chan_sip.c:  two", true, {{"message", "two"}}},
	{"asterisk", "[2026-11-22 10:00:00] NOTICE[1]: : : : empty", true, {{"file", ""}, {"message", "empty"}}},
	{"asterisk",
     "[2026-11-22 10:00:00] \033[1;33mNOTICE\033[0m[1638]: \033[1;37mchan_sip.c\033[0m:\033[1;37m23417\033[0m "
     "\033[1;37mhandle\033[0m: M \033[0m",
     true,
     {{"level", "NOTICE"}, {"file", "chan_sip.c"}, {"function", "handle"}, {"message", "M \033[0m"}}},
	{"asterisk",
     "[2026-11-22 10:00:00] WARNING[6756][C-0000001d] Ext. s: \"Rejecting\"",
     true,
     {{"file", "Ext. s"}, {"message", "\"Rejecting\""}}},
	{"asterisk",
     "[2026-11-22 10:00:00]     -- Executing [s@x:1]",
     true,
     {{"level", NULL}, {"message", "-- Executing [s@x:1]"}}},
	{"asterisk",
     "[2026-11-22 10:00:00] SECURITY[1] r.c: "
     "SecurityEvent=\"A\",Severity=\"Error\",AccountID=\"a\\\",X=\\\"b\",RemoteAddress=\"IPV4/UDP/203.0.113.7/"
     "5060\",Response=\"\"",
     true,
     {{"SecurityEvent", "A"},
      {"AccountID", "a\\\",X=\\\"b"},
      {"ip", "203.0.113.7"},
      {"transport", "UDP"},
      {"user", "a\\\",X=\\\"b"}}},
	{"asterisk",
     "[2026-11-22 10:00:00] SECURITY[1] r.c: SecurityEvent=\"A\",RemoteAddress=\"IPV4/203.0.113.7/5060\"",
     true,
     {{"ip", "203.0.113.7"}, {"transport", NULL}}},
	{"asterisk",
     "[2026-11-22 10:00:00] SECURITY[1] r.c: "
     "SecurityEvent=\"A\",AccountID=\"x\",RemoteAddress=\"IPV4/UDP/198.51.100.1/1\",RemoteAddress=\"IPV4/UDP/"
     "203.0.113.7/5060\"",
     true,
     {{"ip", NULL}, {"RemoteAddress", NULL}, {"user", NULL}, {"SecurityEvent", "A"}}},
	{"asterisk",
     "[2026-11-22 10:00:00] SECURITY[1] r.c: "
     "SecurityEvent=\"A\",RemoteAddress=\"IPV4/UDP/203.0.113.7/5060\",Response=\"cut",
     true,
     {{"ip", NULL}}},
	{"asterisk",
     "[2026-11-22 10:00:00] SECURITY[1] r.c: SecurityEvent=\"A\",RemoteAddress=\"IPV4/UDP/203.0.113.7/5060/x/y\"",
     true,
     {{"ip", NULL}}},
	{"asterisk", "Nov 22 10:00:00 pbx sshd[1]: NOTICE[1]: chan_sip.c: x", false, {{0}}},
	{"asterisk", "NOTICE[1638] chan_sip.c: no time", false, {{0}}},
	{"asterisk", "INVITE sip:100@203.0.113.7 SIP/2.0", false, {{0}}},
	{"asterisk", "[x", false, {{0}}},
	/* freeswitch */
	{"freeswitch",
     "2026-11-22 10:00:00.767815 [WARNING] sofia_reg.c:1478 SIP auth",
     true,
     {{"level", "WARNING"}, {"file", "sofia_reg.c"}, {"message", "SIP auth"}, {"uuid", NULL}}},
	{"freeswitch",
     "5bb8e0f0-6b1c-4a7e-9d3c-0f3e2a1b4c5d 2026-11-22 10:00:00.767815 96.80% [ERR] a.c:1 m",
     true,
     {{"uuid", "5bb8e0f0-6b1c-4a7e-9d3c-0f3e2a1b4c5d"}, {"level", "ERR"}, {"message", "m"}}},
	{"freeswitch",
     "11-22 10:00:00.026292 [WARN] [SOFIA] [sofia_reg.c:4130] Can't find",
     true,
     {{"level", "WARN"}, {"file", "sofia_reg.c"}, {"message", "Can't find"}}},
	{"freeswitch",
     "Nov 22 10:00:00 pbx freeswitch[9]: 5bb8e0f0-6b1c-4a7e-9d3c-0f3e2a1b4c5d 2026-11-22 10:00:00.1 [INFO] a.c:1 m",
     true,
     {{"program", "freeswitch"}, {"host", "pbx"}, {"message", "m"}}},
	{"freeswitch",
     "2026-11-22 10:00:00.150982 pbx freeswitch[9]: 2026-11-22 03:00:00.1 [INFO] a.c:1 m",
     true,
     {{"message", "m"}}},
	{"freeswitch", "\033[31m2026-11-22 10:00:00.767815 [ERR] a.c:1 m\033[0m", true, {{"message", "m"}}},
	{"freeswitch", "You must define a domain called 'x' in your directory", false, {{0}}},
	{"freeswitch", "5bb8e0f0-6b1c-4a7e-9d3c-0f3e2a1b4c5d and you must", false, {{0}}},
	{"freeswitch", "2026-11-22 10:00:00.767815 [WARNING] no place", false, {{0}}},
	{"freeswitch", "2026-11-22 10:00:00.767815", false, {{0}}},
	/* syslog */
	{"syslog",
     "Nov 22 10:00:00 sbc /usr/sbin/kamailio[12]: ERROR: x",
     true,
     {{"host", "sbc"}, {"program", "kamailio"}, {"pid", "12"}, {"message", "ERROR: x"}}},
	{"syslog",
     "<134>Nov 22 10:00:00 sbc opensips: x: y",
     true,
     {{"program", "opensips"}, {"pid", NULL}, {"message", "x: y"}}},
	{"syslog", "2026-11-22T11:00:00.123456+01:00 sbc a[1]: m", true, {{"program", "a"}, {"message", "m"}}},
	{"syslog",
     "<134>1 2026-11-22T10:00:00.003Z sbc kamailio 12 ID [a@1 k=\"]\\\"\" l=\"2\"][b] m n",
     true,
     {{"host", "sbc"}, {"program", "kamailio"}, {"pid", "12"}, {"message", "m n"}}},
	{"syslog", "<134>1 2026-11-22T10:00:00.003Z sbc kamailio - - - \xef\xbb\xbfm", true, {{"message", "m"}}},
	{"syslog", "Nov 22 10:00:00 kamailio[12]: m", true, {{"host", NULL}, {"program", "kamailio"}, {"message", "m"}}},
	{"syslog",
     "Nov 22 10:00:00 sbc last message repeated 2 times",
     true,
     {{"program", NULL}, {"message", "last message repeated 2 times"}}},
	{"syslog", "<x>Nov 22 10:00:00 sbc a: m", false, {{0}}},
	{"syslog", "<134>1 - sbc a - - - m", false, {{0}}},
	{"syslog", "<134>1 2026-11-22T10:00:00Z sbc a - - [x", false, {{0}}},
	{"syslog", "nothing of that kind", false, {{0}}},
	/* json */
	{"json",
     "{\"time\":\"2026-11-22T10:00:00Z\",\"remote_addr\":\"203.0.113.7\",\"request\":\"GET /a.cfg "
     "HTTP/1.1\",\"status\":\"200\",\"own\":\"x\\u00e9\\n\",\"remote_user\":\"-\"}",
     true,
     {{"ip", "203.0.113.7"}, {"file", "a.cfg"}, {"status", "200"}, {"own", "x\xc3\xa9\n"}, {"user", NULL}}},
	{"json",
     "{\"ts\":1795341600.5,\"request\":{\"remote_ip\":\"203.0.113.7\",\"client_ip\":\"198.51.100.1\",\"method\":"
     "\"GET\",\"uri\":\"/a\",\"headers\":{\"X-Forwarded-For\":[\"8.8.8.8\",\"192.0.2.9\"]}},\"status\":404}",
     true,
     {{"ip", "203.0.113.7"}, {"path", "/a"}, {"forwarded", "192.0.2.9"}, {"status", "404"}}},
	{"json",
     " { \"msec\" : 1795341600750 , \"outer\" : { \"inner\" : [1, {\"x\":2}] } } ",
     true,
     {{"outer.inner", "[1, {\"x\":2}]"}, {"outer", "{ \"inner\" : [1, {\"x\":2}] }"}}},
	{"json",
     "{\"time\":\"2026-11-22T10:00:00Z\",\"own\":\"\\ud83d\\ude00\\ud83d\"}",
     true,
     {{"own", "\xf0\x9f\x98\x80\xef\xbf\xbd"}}},
	{"json",
     "{\"time\":\"2026-11-22T10:00:00Z\",\"ip\":\"203.0.113.7\",\"remote_addr\":\"198.51.100.1\"}",
     true,
     {{"ip", "203.0.113.7"}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",\"ip\":null}", true, {{"ip", NULL}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",\"ip\":\"203.0.113.7\",\"ip\":\"198.51.100.1\"}", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",\"own\":\"a\",\"own\":\"b\"}", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",\"own\":\"\\u0000\"}", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",\"own\":\"\\x22\"}", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\"} x", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\"", false, {{0}}},
	{"json", "{\"time\":\"2026-11-22T10:00:00Z\",}", false, {{0}}},
	{"json", "{\"ip\":\"203.0.113.7\"}", false, {{0}}},
	{"json", "[]", false, {{0}}},
	{"json", "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],\"time\":1795341600}", false, {{0}}},
};

static struct field_names *names;
static struct time_context *tc;
static struct line_fields *fields;

static int set_up(void **state) {
	static const char *const asked[] = {"SecurityEvent", "AccountID", "RemoteAddress", "own", "outer", "outer.inner"};
	struct err err;

	(void)state;
	names = field_names_new();
	fields = malloc(sizeof(*fields));
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(field_number(names, slice_of(asked[i])) >= FIELDS_FIXED);
	assert_int_equal(time_context_new(&tc, "UTC", &err), 0);
	time_context_anchor(tc, 1795341600);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	time_context_free(&tc);
	free(fields);
	field_names_free(&names);
	return 0;
}

static void lines_are_split_as_their_writers_meant(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Exactly as long as it is, so that reading on is seen. */
		size_t n = strlen(rows[i].line);
		char *line = malloc(n + 1);
		bool read;

		memcpy(line, rows[i].line, n);
		line = realloc(line, n ? n : 1);
		read = format_split(format_find(slice_of(rows[i].format)), names, tc, (struct slice){line, n}, fields);
		if (read != rows[i].read)
			fail_msg("%s: %s: %s", rows[i].format, rows[i].line, read ? "was read" : "was not read");
		if (read && (!fields->has_time || fields->time != 1795341600))
			fail_msg("%s: %s: time %lld", rows[i].format, rows[i].line, (long long)fields->time);
		for (int f = 0; read && f < FIELDS_OF_ROW && rows[i].fields[f].name; f++) {
			struct slice came = fields->at[field_find(names, slice_of(rows[i].fields[f].name))];
			const char *want = rows[i].fields[f].value;

			if ((came.p != NULL) != (want != NULL) || (want && !slice_is(came, want)))
				fail_msg("%s: %s: %s: wanted %s, came %.*s", rows[i].format, rows[i].line, rows[i].fields[f].name,
				         want ? want : "nothing", (int)came.n, came.p ? came.p : "");
		}
		free(line);
	}
}

/* No prefix and no changed byte of a line may make a splitter read where it must not. */
static void cut_and_changed_lines_are_read_or_refused_in_bounds(void **state) {
	static const char bytes[] = "\"[]\\ :%{}\033\xff";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct format *f = format_find(slice_of(rows[i].format));
		size_t n = strlen(rows[i].line);

		for (size_t cut = 0; cut <= n; cut++) {
			char *line = malloc(cut + 1);

			memcpy(line, rows[i].line, cut);
			line = realloc(line, cut ? cut : 1);
			(void)format_split(f, names, tc, (struct slice){line, cut}, fields);
			if (cut > 0)
				for (size_t b = 0; b < sizeof(bytes) - 1; b += 3) {
					line[cut - 1] = bytes[(b + i) % (sizeof(bytes) - 1)];
					(void)format_split(f, names, tc, (struct slice){line, cut}, fields);
				}
			free(line);
		}
	}
}

static void a_json_line_larger_than_scratch_is_refused(void **state) {
	static const char head[] = "{\"time\":1795341600,\"own\":\"\\n";
	size_t n = 40000;
	char *line = malloc(n);

	(void)state;
	memset(line, 'x', n);
	memcpy(line, head, sizeof(head) - 1);
	memcpy(line + n - 2, "\"}", 2);
	assert_false(format_split(format_find(slice_of("json")), names, tc, (struct slice){line, n}, fields));
	free(line);
}

static void own_patterns_give_their_groups(void **state) {
	struct format *f;
	struct err err;

	(void)state;
	assert_int_equal(format_own_new(&f,
	                                "^(?<time>\\S+) (?<ip>\\S+) \"(?<request>[^\"]*)\" (?<status>\\d+) (?<mine>.*)$",
	                                names, &err),
	                 0);
	assert_true(format_split(f, names, tc, slice_of("2026-11-22T10:00:00Z 203.0.113.7 \"GET /p/a.cfg HTTP/1.1\" 200 -"),
	                         fields));
	assert_true(slice_is(fields->at[FIELD_FILE], "a.cfg"));
	assert_null(fields->at[field_find(names, slice_of("mine"))].p);
	assert_false(format_split(f, names, tc, slice_of("soon 203.0.113.7 \"GET /p HTTP/1.1\" 200 -"), fields));
	assert_false(format_split(f, names, tc, slice_of("x"), fields));
	assert_string_equal(format_name(f), "own");
	format_own_free(&f);
	assert_int_equal(format_own_new(&f, "(?<ip>.*)", names, &err), -1);
	assert_non_null(strstr(err.text, "time"));
	assert_int_equal(format_own_new(&f, "(?<time>.*", names, &err), -1);
	assert_non_null(strstr(err.text, "byte"));
}

static void the_required_literal_is_the_longest_that_every_match_holds(void **state) {
	static const struct {
		const char *pattern, *want;
	} literals[] = {
		{"^IP (?<ip>[0-9.]+) Rejected by acl$", " Rejected by acl"},
		{"abc|abcd", ""},
		{"(?:abc|abd)xy", "xy"},
		{"(?i)abc", ""},
		{"a(?i:bcd)e", ""},
		{"abcd?e", "abc"},
		{"ab*cde", "cde"},
		{"abc{2}de", "ab"},
		{"abc+de", "abc"},
		{"a\\.cfg$", "a.cfg"},
		{"a\\dbcd", "bcd"},
		{"\\Qa\\E", ""},
		{"a\\x41", ""},
		{"[abc]de[^]x]f", "de"},
		{"[[:alpha:]]de", "de"},
		{"(?#c)abc", ""},
		{"(*LIMIT_MATCH=1)abc", ""},
		{"(a(b)c)+def(?=ghij)", "def"},
		{"", ""},
		{"(", ""},
		{"[", ""},
		{"\\", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		char out[PATTERN_TEXT_MAX];
		size_t n = pattern_literal(slice_of(literals[i].pattern), out);

		if (!slice_is((struct slice){out, n}, literals[i].want))
			fail_msg("%s: wanted \"%s\", came \"%.*s\"", literals[i].pattern, literals[i].want, (int)n, out);
	}
}

static void a_pattern_that_costs_too_much_is_stopped(void **state) {
	struct pattern *p;
	struct err err;
	char subject[64];

	(void)state;
	memset(subject, 'a', sizeof(subject));
	assert_int_equal(pattern_new(&p, slice_of("^(?:a+)+[^a]$"), &err), 0);
	assert_int_equal(pattern_match(p, (struct slice){subject, sizeof(subject)}, NULL), PATTERN_LIMIT);
	pattern_free(&p);
	assert_null(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split_as_their_writers_meant),
		cmocka_unit_test(cut_and_changed_lines_are_read_or_refused_in_bounds),
		cmocka_unit_test(a_json_line_larger_than_scratch_is_refused),
		cmocka_unit_test(own_patterns_give_their_groups),
		cmocka_unit_test(the_required_literal_is_the_longest_that_every_match_holds),
		cmocka_unit_test(a_pattern_that_costs_too_much_is_stopped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
