/* Lines that other projects keep to test theirs, where they lie beside this tree: each SIP line gives the event, address and time that it should, and
 * where this project judges otherwise than they do the line is named here, with the reason. None of their web lines asks for a
 * phone's configuration, so that none makes an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "bench.h"

#define CORPUS "/../shared/corpora/"

static FILE *corpus_open(const char *name) {
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s" CORPUS "%s", top(), name);
	file = fopen(path, "r");
	if (!file) {
		print_message("corpora: %s is not here\n", name);
		skip();
	}
	return file;
}

static char *chomp(char *line) {
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* What a line of a SIP server is to us, by words in it (with a star, by those on both sides of it); the first that is found counts. */
static const struct {
	const char *words, *kind;
} kinds[] = {
	{"SIP auth challenge", "none"},
	{"Falling back to Digest auth", "none"},
	{"SecurityEvent=\"ChallengeResponseFailed\"*AccountID=\"<unknown>\"", "sip.unknown_user"},
	{"SecurityEvent=\"ChallengeResponseFailed\"", "sip.auth_failed"},
	{"SecurityEvent=\"InvalidPassword\"", "sip.auth_failed"},
	{"SecurityEvent=\"InvalidAccountID\"", "sip.unknown_user"},
	{"SecurityEvent=\"FailedACL\"", "sip.refused"},
	{"Wrong password", "sip.auth_failed"},
	{"Username/auth name mismatch", "sip.auth_failed"},
	{"failed to authenticate as", "sip.auth_failed"},
	{"failed MD5 authentication", "sip.auth_failed"},
	{"SIP auth failure", "sip.auth_failed"},
	{"No matching peer found", "sip.unknown_user"},
	{"No registration for peer", "sip.unknown_user"},
	{"extension not found in context", "sip.unknown_user"},
	{"Can't find user", "sip.unknown_user"},
	{"Device does not match ACL", "sip.refused"},
	{"Peer is not supposed to register", "sip.refused"},
	{"ACL error", "sip.refused"},
	{"Not a local domain", "sip.refused"},
	{"Rejecting unknown SIP connection", "sip.refused"},
	{"Rejected by register acl", "sip.refused"},
	{"hacking attempt detected", "sip.scan"},
};

static const char *kind_of(const char *line) {
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *star = strchr(kinds[i].words, '*');
		size_t n = star ? (size_t)(star - kinds[i].words) : strlen(kinds[i].words);

		if (memmem(line, strlen(line), kinds[i].words, n) && (!star || strstr(line, star + 1)))
			return kinds[i].kind;
	}
	fail_msg("nobody has said what this line is: %s", line);
	return NULL;
}

/* Lines that they count and we do not. */
static const struct {
	const char *words, *reason;
} differ[] = {
	{"SIP auth challenge", "each phone is challenged; a normal challenge is no failure and makes no event"},
};

static bool differs(const char *line) {
	for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++)
		if (strstr(line, differ[i].words)) {
			print_message("%s: %s\n", differ[i].words, differ[i].reason);
			return true;
		}
	return false;
}

/* The line's event is of the kind that it should be, from that address, at that time (without its zone). */
static void line_tried(struct bench *b, const char *line, const char *ip, const char *time) {
	const char *kind = kind_of(line);
	char want[128], at[TIME_TEXT];
	const char *came;
	struct event e;

	came = told(b, line, &e);
	if (strcmp(kind, "none") == 0) {
		assert_string_equal(came, "none");
		return;
	}
	(void)snprintf(want, sizeof(want), "%s %s", kind, ip);
	if (strcmp(came, want) != 0)
		fail_msg("%s: wanted %s, came %s", line, want, came);
	time_print(e.time, at);
	if (strlen(time) < 19 || strncmp(at, time, 19) != 0)
		fail_msg("%s: wanted %s, came %s", line, time, at);
}

/* ---- expectations in comments: # failJSON: {"time": "...", "match": true, "host": "..."} ---- */

/* The text of a key in such a comment; empty where it has none. */
static void value_of(const char *comment, const char *key, char out[64]) {
	char name[16];
	const char *p;

	(void)snprintf(name, sizeof(name), "\"%s\": \"", key);
	p = strstr(comment, name);
	if (!p || sscanf(p + strlen(name), "%63[^\"]", out) != 1)
		out[0] = '\0';
}

static void fail2ban_lines(const char *name, const char *format, unsigned wanted) {
	FILE *file = corpus_open(name);
	unsigned events = 0;
	char line[4096], host[64] = "", time[64] = "";
	bool expected = false;
	struct bench b;

	bench_set(&b, shipped(""), format, NULL);
	/* The day that their stamps without a year are read on: 2005-08-14. */
	time_context_anchor(b.ctx.time, 1124013600);
	while (fgets(line, sizeof(line), file)) {
		chomp(line);
		if (strncmp(line, "# failJSON", 10) == 0) {
			expected = strstr(line, "\"match\": true") != NULL;
			value_of(line, "host", host);
			value_of(line, "time", time);
			continue;
		}
		if (line[0] == '#' || line[0] == '\0')
			continue;
		line_tried(&b, line, host, time);
		/* What they count is what we count, but for the lines that are named above. */
		assert_int_equal(strcmp(kind_of(line), "none") != 0, expected && !differs(line));
		events += strcmp(kind_of(line), "none") != 0;
	}
	assert_int_equal(events, wanted);
	bench_release(&b);
	assert_int_equal(fclose(file), 0);
}

static void asterisk_lines_of_fail2ban(void **state) {
	(void)state;
	fail2ban_lines("fail2ban/asterisk", "asterisk", 26);
}

static void freeswitch_lines_of_fail2ban(void **state) {
	(void)state;
	fail2ban_lines("fail2ban/freeswitch", "freeswitch", 9);
}

/* ---- logs with one address each ---- */

/* The line's own stamp: those without a year are of the winter of 2021. */
static void stamp_of(const char *line, char out[TIME_TEXT]) {
	struct tm tm = {0};

	if (strptime(line, "[%b %d %H:%M:%S", &tm))
		tm.tm_year = tm.tm_mon > 5 ? 121 : 122;
	else
		assert_non_null(strptime(line, "%Y-%m-%d %H:%M:%S", &tm));
	time_print(timegm(&tm), out);
}

/* Where a file of assertions says which address a line has, it is this one. */
static void assertions_agree(const char *folder_name, const char *ip) {
	static const char key[] = "Evt.Meta[\"source_ip\"] == \"";
	char path[128], line[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "crowdsec/%s/parser.assert", folder_name);
	file = corpus_open(path);
	while (fgets(line, sizeof(line), file)) {
		const char *value = strstr(line, key);
		char found[64];

		if (value && sscanf(value + sizeof(key) - 1, "%63[^\"]", found) == 1)
			assert_string_equal(found, ip);
	}
	assert_int_equal(fclose(file), 0);
}

static void sip_lines_of_crowdsec(void **state) {
	static const struct {
		const char *folder, *name, *format, *ip;
		unsigned lines;
	} files[] = {
		{"asterisk-logs", "asterisk-logs.log", "asterisk", "172.17.0.1", 4},
		{"asterisk-bf", "asterisk-bf.log", "asterisk", "172.17.0.1", 6},
		{"asterisk-user-enum", "asterisk-user-enum.log", "asterisk", "172.17.0.1", 6},
		{"freeswitch", "freeswitch.log", "freeswitch", "1.2.3.4", 5},
		{"freeswitch-bf", "freeswitch.log", "freeswitch", "1.2.3.4", 6},
		{"freeswitch-acl-reject", "freeswitch.log", "freeswitch", "1.2.3.4", 16},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[128], line[4096], stamp[TIME_TEXT];
		unsigned lines = 0;
		struct bench b;
		FILE *file;

		(void)snprintf(path, sizeof(path), "crowdsec/%s/%s", files[i].folder, files[i].name);
		file = corpus_open(path);
		assertions_agree(files[i].folder, files[i].ip);
		bench_set(&b, shipped(""), files[i].format, NULL);
		/* 2022-03-07 */
		time_context_anchor(b.ctx.time, 1646611200);
		while (fgets(line, sizeof(line), file)) {
			if (!*chomp(line))
				continue;
			stamp_of(line, stamp);
			line_tried(&b, line, files[i].ip, stamp);
			lines++;
		}
		assert_int_equal(lines, files[i].lines);
		bench_release(&b);
		assert_int_equal(fclose(file), 0);
	}
}

/* ---- the web ---- */

/* Bots, logins and errors of other sites: bans of web scanners are not this project's, which judges fetches of phones'
 * configurations alone. No format of ours makes an event of any of them. */
static void no_web_line_asks_for_a_configuration(void **state) {
	static const char *const files[] = {
		"crowdsec/apache2-logs/apache2-logs.log",
		"crowdsec/apache2-malformed/apache2-logs.log",
		"crowdsec/caddy-logs/caddy-logs.log",
		"crowdsec/nginx-bad-user-agent/nginx-bad-user-agent.log",
		"crowdsec/nginx-http-generic-bf/nginx-http-generic-bf.log",
		"crowdsec/nginx_http-logs/nginx_http-logs.log",
		"crowdsec/nginx_req_limit_exceeded/nginx_req_limit_exceeded.log",
		"crowdsec/traefik_clf/traefik_clf.log",
		"fail2ban/apache-auth",
		"fail2ban/apache-badbots",
		"fail2ban/apache-botsearch",
		"fail2ban/apache-noscript",
		"fail2ban/murmur",
		"fail2ban/nginx-bad-request",
		"fail2ban/nginx-botsearch",
		"fail2ban/nginx-forbidden",
		"fail2ban/nginx-http-auth",
		"fail2ban/openhab",
		"fail2ban/squid",
	};

	(void)state;
	(void)fclose(corpus_open(files[0]));
	for (const char *const *format = format_names(); *format; format++) {
		struct bench b;

		bench_set(&b, shipped(""), *format, NULL);
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			FILE *file = corpus_open(files[i]);
			char line[8192];
			struct event e;

			while (fgets(line, sizeof(line), file)) {
				const char *came = told(&b, chomp(line), &e);

				if (strcmp(came, "none") != 0 && strcmp(came, "unreadable") != 0)
					fail_msg("%s: %s as %s: %s", files[i], line, *format, came);
			}
			assert_int_equal(fclose(file), 0);
		}
		bench_release(&b);
	}
}

/* That they make no event is no merit where they cannot be read: access logs are, whatever else stands in the same file. */
static void access_lines_are_read(void **state) {
	static const struct {
		const char *name, *format;
		unsigned lines;
	} files[] = {
		{"crowdsec/apache2-logs/apache2-logs.log", "combined", 7},
		{"crowdsec/apache2-malformed/apache2-logs.log", "combined", 11},
		{"crowdsec/caddy-logs/caddy-logs.log", "json", 11},
		{"crowdsec/nginx-bad-user-agent/nginx-bad-user-agent.log", "combined", 3},
		{"crowdsec/nginx-http-generic-bf/nginx-http-generic-bf.log", "combined", 6},
		{"crowdsec/nginx_http-logs/nginx_http-logs.log", "combined", 8},
		{"crowdsec/traefik_clf/traefik_clf.log", "combined", 7},
		{"fail2ban/apache-badbots", "combined", 4},
		{"fail2ban/nginx-bad-request", "combined", 8},
		{"fail2ban/nginx-botsearch", "combined", 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = corpus_open(files[i].name);
		unsigned lines = 0;
		char line[8192];
		struct bench b;
		struct event e;

		bench_set(&b, shipped(""), files[i].format, NULL);
		while (fgets(line, sizeof(line), file)) {
			const char *came = told(&b, chomp(line), &e);

			lines += strcmp(came, "none") == 0;
		}
		if (lines != files[i].lines)
			fail_msg("%s: %u lines are read, not %u", files[i].name, lines, files[i].lines);
		bench_release(&b);
		assert_int_equal(fclose(file), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asterisk_lines_of_fail2ban), cmocka_unit_test(freeswitch_lines_of_fail2ban),
		cmocka_unit_test(sip_lines_of_crowdsec),      cmocka_unit_test(no_web_line_asks_for_a_configuration),
		cmocka_unit_test(access_lines_are_read),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
