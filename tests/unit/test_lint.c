/* What `check` warns of in rules: each warning has a rule that deserves it and one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/rule.h"

static char told[8192];

static void tell(void *context, const char *text) {
	size_t used = strlen(told);

	(void)context;
	(void)snprintf(told + used, sizeof(told) - used, "%s\n", text);
}

/* The warnings for the rules in a file or folder; 0 where there were none. */
static unsigned linted(const char *rules_path) {
	char path[] = "/tmp/test_lint.XXXXXX";
	int fd = mkstemp(path);
	struct conf_faults warnings = {.report = tell};
	struct conf *conf = NULL;
	struct rules *rules = NULL;
	struct err err;

	told[0] = '\0';
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "rules: [%s]\n", rules_path) > 0);
	assert_int_equal(close(fd), 0);
	if (conf_load(&conf, path, NULL, &err) || rules_load(&rules, conf, NULL, &err) ||
	    rules_lint(rules, conf, &warnings, &err))
		fail_msg("%s", err.text);
	rules_free(&rules);
	conf_free(&conf);
	(void)unlink(path);
	return warnings.count;
}

static unsigned linted_text(const char *text) {
	char path[] = "/tmp/test_lint.XXXXXX.yaml";
	int fd = mkstemps(path, 5);
	unsigned n;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "rules:\n%s", text) > 0);
	assert_int_equal(close(fd), 0);
	n = linted(path);
	(void)unlink(path);
	return n;
}

#define SYSLOG(id, pattern, sample)                                                                                    \
	"  - id: " id "\n    format: syslog\n    where: {message: '" pattern "'}\n    event: sip.auth_failed\n"            \
	"    samples:\n      - {line: 'Nov 22 10:00:00 h p[1]: " sample                                                    \
	"', expect: {event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}\n"
#define WEB(id, where, line)                                                                                           \
	"  - id: " id "\n    format: combined\n    where: " where "\n    event: provision\n    samples:\n      - {line: '" \
	"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] " line "', expect: {event: provision.served}}\n"

static void each_warning_is_given_where_it_is_due(void **state) {
	static const struct {
		const char *rules, *warning; /* a part of it, or NULL */
	} rows[] = {
		/* a client's words */
		{SYSLOG("a", "^Wrong password for ''[^'']*'' from (?<ip>[0-9.]+)$",
	            "Wrong password for ''x'' from 203.0.113.7"),
	     NULL},
		{SYSLOG("a", "^Wrong password for ''.*'' from (?<ip>[0-9.]+)$", "Wrong password for ''x'' from 203.0.113.7"),
	     NULL},
		{SYSLOG("a", "^Wrong password for ''.*'' from (?<ip>[0-9.]+)",
	            "Wrong password for ''x'' from 203.0.113.7 port 5"),
	     "a: is not anchored"},
		{SYSLOG("a", "^Wrong password for ''.*?'' from (?<ip>[0-9.]+)", "Wrong password for ''x'' from 203.0.113.7"),
	     "a: is not anchored"},
		{SYSLOG("a", "Wrong password from (?<ip>[0-9.]+) for ''.*''$",
	            "auth: Wrong password from 203.0.113.7 for ''x''"),
	     "a: is not anchored"},
		{SYSLOG("a", "^auth: Wrong password from (?<ip>[0-9.]+) for ''.*''$",
	            "auth: Wrong password from 203.0.113.7 for ''x''"),
	     NULL},
		{WEB("a", "{method: [GET], file: '^(?<mac>[0-9a-f]{12})\\.cfg$'}",
	         "\"GET /001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"-\""),
	     NULL},
		{WEB("a", "{method: [GET], line: 'id=(?<mac>[0-9a-f]{12})'}",
	         "\"GET /x.cfg?id=001565abcdef HTTP/1.1\" 200 5 \"-\" \"-\""),
	     "a: is not anchored"},
		/* order */
		{SYSLOG("a", "^Wrong (?<what>pass|user) from (?<ip>[0-9.]+)$", "Wrong user from 203.0.113.7")
	         SYSLOG("b", "^Wrong pass from (?<ip>[0-9.]+)$", "Wrong pass from 203.0.113.7"),
	     "b: is shadowed by an earlier rule, which takes this sample: a"},
		{SYSLOG("b", "^Wrong pass from (?<ip>[0-9.]+)$", "Wrong pass from 203.0.113.7")
	         SYSLOG("a", "^Wrong (?<what>pass|user) from (?<ip>[0-9.]+)$", "Wrong user from 203.0.113.7"),
	     NULL},
		/* never */
		{SYSLOG("a", "^Wrong pass from (?<ip>[0-9.]+)$", "Wrong password from 203.0.113.7"), "a: can never match"},
		{"  - id: a\n    format: syslog\n    where: {agent: x}\n    event: sip.scan\n    samples: [{line: 'Nov 22 "
	     "10:00:00 h "
	     "p: x', expect: none}]\n",
	     "a: can never match"},
		{"  - id: a\n    format: syslog\n    where: {message: x}\n    event: none\n    samples: [{line: 'Nov 22 "
	     "10:00:00 h "
	     "p: x', expect: none}]\n",
	     NULL},
		/* steps */
		{SYSLOG("a", "^Wrong [a-z ]+ from (?<ip>[0-9.]+)$", "Wrong pass from 203.0.113.7"), NULL},
		{SYSLOG("a", "^Wrong (?:[a-z]+ ?)+: (?<ip>[0-9.]+)$", "Wrong pass: 203.0.113.7"), "a: backtracks: more than"},
		{SYSLOG("a", "^Wrong (?<user>.*).*pass: (?<ip>[0-9.]+)$", "Wrong x pass: 203.0.113.7"),
	     "a: backtracks: more than"},
		{"phones:\n  - vendor: X\n    agent: '^X (?:[a-z]+ ?)+$'\n    samples: [{agent: X box, expect: {vendor: X}}]\n",
	     "X: backtracks: more than"},
		{"phones:\n  - vendor: X\n    path: '^x[a-z]*[a-z]*[a-z]*[.]cfg$'\n    samples: [{path: /p/xbox.cfg, expect: "
	     "{vendor: X}}]\n",
	     "X: backtracks: more than"},
		{"phones:\n  - vendor: X\n    agent: '^X [a-z ]+$'\n    samples: [{agent: X box, expect: {vendor: X}}]\n",
	     NULL},
		{"imposters:\n  - agent: '^x(?:[a-z]+ ?)+/'\n    samples: [xbox/1]\n", "agent: backtracks: more than"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n = linted_text(rows[i].rules);

		if (rows[i].warning ? n == 0 || !strstr(told, rows[i].warning) : n > 0)
			fail_msg("row %zu: wanted %s, told:\n%s\n%s", i, rows[i].warning ? rows[i].warning : "nothing", told,
			         rows[i].rules);
	}
}

static void shipped_rules_raise_no_warning(void **state) {
	const char *top = getenv("top_srcdir");
	char folder[512];

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/rules", top ? top : ".");
	if (linted(folder) > 0)
		fail_msg("%s", told);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_warning_is_given_where_it_is_due),
		cmocka_unit_test(shipped_rules_raise_no_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
