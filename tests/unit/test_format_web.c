/* Balancers' access logs, TFTP servers, error logs, and the access logs of other projects' tests: the peer's address, the time, the status and what was asked for. */
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

#define CORPUS "/../shared/corpora/"
#define HEAD   "Nov 22 10:00:00 lb haproxy[14389]: "
#define TFTP   "Nov 22 10:00:00 pbx dnsmasq-tftp[7]: "
#define NGINX  "2026/11/22 10:00:00 [error] 31#32: *17 "
#define AT     "203.0.113.7, server: prov.example.net, request: "
#define HTTPD  "[Sun Nov 22 10:00:00.123456 2026] "

/* "-" for what must not be there; ip NULL: the line is not read. */
static const struct row {
	const char *format, *ip, *status, *file, *user, *agent, *forwarded, *line;
} rows[] = {
	/* HAProxy */
	{"haproxy", "203.0.113.7", "200", "001565abcdef.cfg", "-", "-", "-",
     HEAD
     "203.0.113.7:33317 [22/Nov/2026:10:00:00.655] http-in~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "
     "\"GET /p/001565abcdef.cfg?x=1 HTTP/1.1\""},
	{"haproxy", "203.0.113.7", "403", "a.cfg", "-", "Yealink SIP-T46S", "-",
     "<134>" HEAD
     "203.0.113.7:33317 [22/Nov/2026:10:00:00.655] http-in http-in/<NOSRV> 10/-1/-1/-1/109 403 +2750 - - PR-- "
     "1/1/0/0/+3 0/0 {Yealink SIP-T46S} {} \"GET /a.cfg HTTP/1.1\" 0/0000000000000000/0/0/1 prov/TLSv1.3/X"},
	{"haproxy", "192.0.2.1", "200", "a.cfg", "-", "ua #1", "198.51.100.1, 203.0.113.9",
     "192.0.2.1:4000 [22/Nov/2026:10:00:00.655] in s/s 1/0/1/1/3 200 5 - - ---- 1/1/1/1/0 0/0 "
     "{ua #231|198.51.100.1, 203.0.113.9|prov.example.net} \"GET /a.cfg HTTP/1.1\""},
	/* The port is behind the last colon, and looks like a part of the address. */
	{"haproxy", "2001:db8::1", "200", "a", "-", "-", "-",
     HEAD
     "2001:db8::1:8080 [22/Nov/2026:10:00:00.655] in s/s 1/0/1/1/3 200 5 - - ---- 1/1/1/1/0 0/0 \"GET /a HTTP/1.1\""},
	/* What a client writes of a quote, a brace, a bar. */
	{"haproxy", "203.0.113.7", "404", "x\" 200 5 {", "-", "}|8.8.8.8", "-",
     HEAD "203.0.113.7:1 [22/Nov/2026:10:00:00.6] in s/s 1/0/1/1/3 404 5 - - ---- 1/1/1/1/0 0/0 {#7D#7C8.8.8.8} "
          "\"GET /x#22 200 5 { HTTP/1.1\""},
	{"haproxy", "203.0.113.7", "-", "-", "-", "-", "-",
     HEAD
     "203.0.113.7:1 [22/Nov/2026:10:00:00.6] in in/<NOSRV> -1/-1/-1/-1/3 -1 0 - - CR-- 1/1/1/1/0 0/0 \"<BADREQ>\""},
	{"haproxy", "203.0.113.7", "-", "-", "-", "-", "-",
     HEAD "203.0.113.7:1 [22/Nov/2026:10:00:00.6] in/1: SSL handshake failure"},
	{"haproxy", "-", "-", "-", "-", "-", "-", HEAD "Server static/srv1 is DOWN, reason: Layer4 timeout."},
	{"haproxy", "203.0.113.7", "200", "a.cfg", "-", "ua", "198.51.100.1",
     HEAD "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a.cfg HTTP/1.1\" 200 2750 \"\" \"\" 33317 655 \"in\" "
          "\"s\" \"s1\" "
          "10 0 30 69 109 ---- 1 1 1 1 0 0 0 \"-\" \"-\" \"ua\" \"198.51.100.1\""},
	{"haproxy", "203.0.113.7", "200", "a.cfg", "-", "-", "-",
     "203.0.113.7 - - [22/Nov/2026:12:00:00 +0200] \"GET /a.cfg HTTP/1.1\" 200 2750 \"\" \"\" 33317 655 \"in\" \"s\" "
     "\"s1\" "
     "10 0 30 69 109 ---- 1 1 1 1 0 0 0 \"-\" \"-\""},
	{"haproxy", NULL, NULL, NULL, NULL, NULL, NULL,
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /a.cfg HTTP/1.1\" 200 2750 \"-\" \"ua\""},
	{"haproxy", NULL, NULL, NULL, NULL, NULL, NULL,
     "Nov 22 10:00:00 lb sshd[1]: 203.0.113.7:1 [22/Nov/2026:10:00:00.6] in s/s 1/0/1/1/3 200 5 - - ---- 1/1/1/1/0 0/0 "
     "\"GET /a HTTP/1.1\""},
	/* option tcplog: no request. */
	{"haproxy", NULL, NULL, NULL, NULL, NULL, NULL,
     HEAD "203.0.113.7:33313 [22/Nov/2026:10:00:00.655] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0"},

	/* TFTP */
	{"tftp", "203.0.113.7", "200", "SEP000C29ED3D88.cnf.xml", "-", "-", "-",
     TFTP "sent /srv/tftp/SEP000C29ED3D88.cnf.xml to 203.0.113.7"},
	{"tftp", "2001:db8::7", "404", "a%2fb?c", "-", "-", "-",
     "<30>1 2026-11-22T10:00:00Z pbx dnsmasq-tftp 7 - - file /srv/x/a%2fb?c not found for 2001:db8::7"},
	{"tftp", "203.0.113.7", "404", "a.cfg not found for 198.51.100.1", "-", "-", "-",
     TFTP "file /srv/a.cfg not found for 198.51.100.1 not found for 203.0.113.7"},
	{"tftp", "203.0.113.7", "200", "a.cfg to 198.51.100.1", "-", "-", "-",
     TFTP "sent /srv/a.cfg to 198.51.100.1 to 203.0.113.7"},
	{"tftp", "-", "-", "-", "-", "-", "-", TFTP "failed sending /srv/a.cfg to 203.0.113.7"},
	{"tftp", "-", "-", "-", "-", "-", "-", TFTP "sent /srv/a.cfg to "},
	{"tftp", "-", "-", "-", "-", "-", "-", TFTP "error 0 sent /srv/a.cfg to 198.51.100.1 received from 203.0.113.7"},
	{"tftp", "-", "-", "-", "-", "-", "-", "Nov 22 10:00:00 pbx in.tftpd[7]: RRQ from 203.0.113.7 filename a.cfg"},
	{"tftp", "-", "-", "-", "-", "-", "-", "Nov 22 10:00:00 pbx in.tftpd[7]: sent a.cfg to 203.0.113.7"},
	{"tftp", "-", "-", "-", "-", "-", "-", "Nov 22 10:00:00 pbx atftpd[7]: Serving a.cfg to 203.0.113.7:4711"},
	{"tftp", NULL, NULL, NULL, NULL, NULL, NULL, "Nov 22 10:00:00 pbx sshd[7]: sent /srv/a.cfg to 203.0.113.7"},

	/* Traefik's common format: a quote in a query stands as it came, the router's name is no forwarded address. */
	{"combined", "203.0.113.7", "200", "001565abcdef.cfg", "-", "ua", "-",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg?\" HTTP/1.1\" 200 414 \"-\" \"ua\" 500 "
     "\"test@docker\" \"http://172.17.0.3:80\" 0ms"},
	{"combined", "203.0.113.7", "200", "001565abcdef.cfg", "-", "ua", "-",
     "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg?\"-\"x\" HTTP/1.1\" 200 414 \"-\" \"ua\" "
     "500 "
     "\"198.51.100.1\" \"-\" 0ms"},
	{"combined", NULL, NULL, NULL, NULL, NULL, NULL,
     "198.51.100.1, 203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 414 \"-\" \"-\" 5 \"-\" \"-\" "
     "0ms"},
	/* Its JSON: ClientHost is what X-Forwarded-For says, where there is one. */
	{"json", "192.0.2.1:4711", "200", "001565abcdef.cfg", "bob", "ua", "198.51.100.1",
     "{\"ClientAddr\":\"192.0.2.1:4711\",\"ClientHost\":\"198.51.100.1\",\"ClientPort\":\"4711\",\"ClientUsername\":"
     "\"bob\","
     "\"DownstreamStatus\":200,\"RequestMethod\":\"GET\",\"RequestPath\":\"/001565abcdef.cfg?x\",\"StartUTC\":"
     "\"2026-11-22T10:00:00.123456789Z\",\"request_User-Agent\":\"ua\",\"level\":\"info\",\"msg\":\"\",\"time\":"
     "\"2026-11-22T11:00:00+01:00\"}"},
	/* Caddy, now and before 2.5. */
	{"json", "203.0.113.7", "200", "a.cfg", "bob", "ua", "198.51.100.1",
     "{\"level\":\"info\",\"ts\":1795341600.75,\"logger\":\"http.log.access.log0\",\"request\":{\"remote_ip\":\"203.0."
     "113.7\","
     "\"remote_port\":\"4711\",\"client_ip\":\"198.51.100.2\",\"method\":\"GET\",\"host\":\"p\",\"uri\":\"/"
     "a.cfg\",\"headers\":"
     "{\"X-Forwarded-For\":[\"198.51.100.1\"],\"User-Agent\":[\"ua\"]}},\"user_id\":\"bob\",\"size\":5,\"status\":"
     "200}"},
	{"json", "203.0.113.7:4711", "404", "a.cfg", "-", "-", "-",
     "{\"ts\":1795341600,\"request\":{\"remote_addr\":\"203.0.113.7:4711\",\"method\":\"GET\",\"uri\":\"/a.cfg\"},"
     "\"common_log\":\"8.8.8.8 - - [x] \\\"GET\",\"user_id\":\"\",\"status\":404}"},

	/* nginx's error log */
	{"nginx_error", "203.0.113.7", "403", "001565abcdef.cfg", "-", "-", "-",
     NGINX "access forbidden by rule, client: " AT "\"GET /001565abcdef.cfg HTTP/1.1\", host: \"prov.example.net\""},
	{"nginx_error", "203.0.113.7", "401", "a.cfg", "bob", "-", "-",
     NGINX "user \"bob\" was not found in \"/etc/h\", client: " AT
           "\"GET /a.cfg HTTP/1.1\", host: \"p\", referrer: \"r\""},
	{"nginx_error", "2001:db8::1", "401", "a.cfg", "b \" c", "-", "-",
     NGINX "user \"b \" c\": password mismatch, client: 2001:db8::1, server: _, request: \"GET /a.cfg HTTP/2.0\", "
           "host: \"p\""},
	{"nginx_error", "203.0.113.7", "401", "a.cfg", "-", "-", "-",
     "2026/11/22 10:00:00 [info] 3#3: *1 no user/password was provided for basic authentication, client: " AT
     "\"GET /a.cfg HTTP/1.1\", host: \"p\""},
	{"nginx_error", "203.0.113.7", "403", "a.cfg", "-", "-", "-",
     NGINX "open() \"/srv/a.cfg\" failed (13: Permission denied), client: " AT "\"GET /a.cfg HTTP/1.1\", host: \"p\""},
	{"nginx_error", "203.0.113.7", "-", "a.cfg", "-", "-", "-",
     NGINX "open() \"/srv/a.cfg\" failed (2: No such file or directory), client: " AT
           "\"GET /a.cfg HTTP/1.1\", host: \"p\""},
	{"nginx_error", "-", "-", "-", "-", "-", "-", "2026/11/22 10:00:00 [notice] 31#31: signal process started"},
	/* Whose words come twice tells nothing. */
	{"nginx_error", "-", "-", "-", "-", "-", "-",
     NGINX
     "user \"x\": password mismatch, client: 198.51.100.1, server: s, request: \"GET /a.cfg HTTP/1.1\", host: \"p\"\": "
     "password mismatch, client: " AT "\"GET /b HTTP/1.1\", host: \"p\""},
	{"nginx_error", "-", "-", "-", "-", "-", "-",
     NGINX "access forbidden by rule, client: " AT
           "\"GET /a.cfg HTTP/1.1\", host: \"p\", referrer: \"x, client: 198.51.100.1\""},
	{"nginx_error", "203.0.113.7", "-", "-", "-", "-", "-",
     NGINX "access forbidden by rule, client: " AT "\"GET /a.cfg\", host: \"x HTTP/1.1\", host: \"p\""},
	{"nginx_error", NULL, NULL, NULL, NULL, NULL, NULL,
     "2026-11-22 10:00:00 [error] 31#32: *17 access forbidden by rule"},

	/* Apache's */
	{"apache_error", "203.0.113.7:50229", "403", "001565abcdef.cfg", "-", "-", "-",
     HTTPD
     "[authz_core:error] [pid 10:tid 14] [client 203.0.113.7:50229] AH01630: client denied by server configuration: "
     "/srv/prov/001565abcdef.cfg, referer: http://x/0004f2aabbcc.cfg"},
	{"apache_error", "203.0.113.7:1", "403", "a.cfg", "-", "-", "-",
     "Nov 22 10:00:00 srv httpd[2]: [authz_core:error] [pid 2] [client 203.0.113.7:1] AH01630: client denied by server "
     "configuration: /srv/a.cfg"},
	{"apache_error", NULL, NULL, NULL, NULL, NULL, NULL,
     "Nov 22 10:00:00 srv sshd[2]: [authz_core:error] [client 203.0.113.7:1] client denied by server configuration: "
     "/srv/a.cfg"},
	{"nginx_error", "203.0.113.7", "403", "a.cfg", "-", "-", "-",
     "<187>Nov 22 10:00:03 srv nginx: " NGINX "access forbidden by rule, client: " AT
     "\"GET /a.cfg HTTP/1.1\", host: \"p\""},
	{"apache_error", "203.0.113.7", "403", "a.cfg", "-", "-", "-",
     "[Sun Nov 22 10:00:00 2026] [error] [client 203.0.113.7] client denied by server configuration: /srv/a.cfg"},
	{"apache_error", "[2001:db8::1]:50229", "401", "a.cfg", "bob", "-", "-",
     HTTPD "[auth_basic:error] [pid 10] [client [2001:db8::1]:50229] AH01618: user bob not found: /a.cfg"},
	{"apache_error", "203.0.113.7:1", "401", "a.cfg", "bob", "-", "-",
     HTTPD
     "[auth_basic:error] [pid 10] [client 203.0.113.7:1] AH01617: user bob: authentication failure for \"/a.cfg\": "
     "Password Mismatch"},
	{"apache_error", "203.0.113.7:1", "401", "a.cfg", "bob", "-", "-",
     HTTPD "[auth_digest:error] [pid 10] [client 203.0.113.7:1] AH01790: user `bob' in realm `r' not found: /a.cfg"},
	{"apache_error", "203.0.113.7:1", "401", "a.cfg", "bob", "-", "-",
     HTTPD "[auth_digest:error] [pid 10] [client 203.0.113.7:1] AH01792: user bob: password mismatch: /a.cfg"},
	{"apache_error", "203.0.113.7:1", "403", "a.cfg", "-", "-", "-",
     HTTPD "[core:error] [pid 10] (13)Permission denied: [client 203.0.113.7:1] AH00132: file permissions deny server "
           "access: "
           "/srv/a.cfg"},
	{"apache_error", "203.0.113.7:1", "403", "a.cfg", "-", "-", "-",
     HTTPD "[core:error] [pid 10] (13)Permission denied: [client 203.0.113.7:1] AH00035: access to /a.cfg denied "
           "(filesystem path "
           "'/srv/a.cfg') because search permissions are missing on a component of the path"},
	{"apache_error", "203.0.113.7:1", "-", "-", "-", "-", "-",
     HTTPD "[ssl:info] [pid 10] (70014)End of file found: [client 203.0.113.7:1] AH02006: SSL handshake stopped"},
	{"apache_error", "-", "-", "-", "-", "-", "-", HTTPD "[mpm_event:notice] [pid 10] AH00489: Apache configured"},
	/* A name that holds the words, a referer that does. */
	{"apache_error", "203.0.113.7:1", "-", "-", "-", "-", "-",
     HTTPD
     "[auth_basic:error] [pid 10] [client 203.0.113.7:1] AH01618: user x not found: /0004f2aabbcc.cfg not found: /b"},
	{"apache_error", "203.0.113.7:1", "-", "-", "-", "-", "-",
     HTTPD "[auth_basic:error] [pid 10] [client 203.0.113.7:1] AH01618: user x not found: /b, referer: not found: "
           "/0004f2aabbcc.cfg"},
	{"apache_error", "203.0.113.7:1", "-", "-", "-", "-", "-",
     HTTPD "[x:error] [pid 10] [client 203.0.113.7:1] AH01630: [client 198.51.100.1:1] client denied by server "
           "configuration: /a.cfg"},
	{"apache_error", NULL, NULL, NULL, NULL, NULL, NULL, "[2026-11-22 10:00:00] [error] [client 203.0.113.7:1] x"},
};

static struct field_names *names;
static struct time_context *tc;
static struct line_fields *fields;

static int start(void **state) {
	struct err err;

	(void)state;
	names = field_names_new();
	fields = malloc(sizeof(*fields));
	return names && fields && time_context_new(&tc, "UTC", &err) == 0 ? 0 : -1;
}

static int stop(void **state) {
	(void)state;
	time_context_free(&tc);
	free(fields);
	field_names_free(&names);
	return 0;
}

static bool split(const char *format, const char *text, size_t n) {
	return format_split(format_find(slice_of(format)), names, tc, (struct slice){text, n}, fields);
}

static void check_field(const struct row *row, int field, const char *wanted) {
	struct slice came = fields->at[field];

	if (strcmp(wanted, "-") == 0 ? came.p != NULL : !slice_is(came, wanted))
		fail_msg("%s: %s: wanted %s, came %.*s", row->line, field_name(names, field), wanted, (int)came.n,
		         came.p ? came.p : "");
}

static void a_line_tells_the_peer_and_what_was_asked_for(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		/* Exactly as long as it is, so that reading on is seen. */
		size_t n = strlen(row->line);
		char *line = malloc(n);
		bool read;

		memcpy(line, row->line, n);
		time_context_anchor(tc, 1795341600);
		read = split(row->format, line, n);
		if (read != (row->ip != NULL))
			fail_msg("%s: %s", row->line, read ? "was read" : "was not read");
		if (read) {
			if (!fields->has_time || fields->time != 1795341600)
				fail_msg("%s: time %lld", row->line, (long long)fields->time);
			check_field(row, FIELD_IP, row->ip);
			check_field(row, FIELD_STATUS, row->status);
			check_field(row, FIELD_FILE, row->file);
			check_field(row, FIELD_USER, row->user);
			check_field(row, FIELD_AGENT, row->agent);
			check_field(row, FIELD_FORWARDED, row->forwarded);
		}
		free(line);
	}
}

/* No prefix and no changed byte of a line may make a splitter read where it must not. */
static void cut_and_changed_lines_stay_in_bounds(void **state) {
	static const char bytes[] = "\"[]{}|#:,\\ \377";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].line);

		for (size_t cut = 1; cut <= n; cut++) {
			char *line = malloc(cut);

			memcpy(line, rows[i].line, cut);
			(void)split(rows[i].format, line, cut);
			line[cut - 1] = bytes[(cut + i) % (sizeof(bytes) - 1)];
			(void)split(rows[i].format, line, cut);
			free(line);
		}
	}
}

/* ---- other projects' lines, where they are ---- */

static FILE *corpus_open(const char *name) {
	const char *top = getenv("top_srcdir");
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s" CORPUS "%s", top ? top : ".", name);
	file = fopen(path, "r");
	if (!file)
		skip();
	return file;
}

static char *chomp(char *line) {
	line[strcspn(line, "\n")] = '\0';
	return line;
}

#define WANTED_MAX 64

struct wanted {
	char ip[64], path[256], status[8], time[32];
};

/* results["s01-parse"]["..."][3].Evt.Meta["source_ip"] == "192.0.2.1" */
static void wanted_read(const char *name, struct wanted wanted[WANTED_MAX]) {
	static const struct {
		const char *key;
		size_t offset, size;
	} keys[] = {{".Evt.Meta[\"source_ip\"] == \"", offsetof(struct wanted, ip), 64},
	            {".Evt.Meta[\"http_path\"] == \"", offsetof(struct wanted, path), 256},
	            {".Evt.Meta[\"http_status\"] == \"", offsetof(struct wanted, status), 8},
	            {".Evt.Meta[\"timestamp\"] == \"", offsetof(struct wanted, time), 32}};
	FILE *file = corpus_open(name);
	char line[8192];

	memset(wanted, 0, WANTED_MAX * sizeof(wanted[0]));
	while (fgets(line, sizeof(line), file))
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			char *at = strstr(chomp(line), keys[k].key);
			unsigned long i;

			if (strncmp(line, "results[\"s0", 11) != 0 || !at)
				continue;
			while (at > line && at[-1] != '[')
				at--;
			i = strtoul(at, NULL, 10);
			assert_true(i < WANTED_MAX);
			at = strstr(at, keys[k].key) + strlen(keys[k].key);
			(void)slice_copy((struct slice){at, strlen(at) - 1}, (char *)&wanted[i] + keys[k].offset, keys[k].size);
		}
	assert_int_equal(fclose(file), 0);
}

static bool address_is(struct slice text, const char *wanted) {
	struct addr came, want;

	return addr_parse_endpoint(text.p, text.n, &came) && addr_parse(wanted, strlen(wanted), &want) &&
	       memcmp(&came, &want, sizeof(came)) == 0;
}

/* Where a trusted proxy of Caddy's stands in front, its client_ip is what that proxy said; we want who was connected. */
static void peer_of_caddy(const char *line, char ip[64]) {
	const char *at = strstr(line, "\"remote_ip\":\"");

	if (at)
		(void)slice_copy((struct slice){at + 13, strcspn(at + 13, "\"")}, ip, 64);
}

static void lines_of_crowdsec_tell_what_its_tests_expect(void **state) {
	static const struct {
		const char *folder, *log, *access, *error;
	} files[] = {
		{"caddy-logs", "caddy-logs", "json", "json"},
		{"traefik_clf", "traefik_clf", "combined", "combined"},
		{"apache2-logs", "apache2-logs", "combined", "apache_error"},
		{"apache2-malformed", "apache2-logs", "combined", "apache_error"},
		{"nginx_http-logs", "nginx_http-logs", "combined", "nginx_error"},
		{"nginx_req_limit_exceeded", "nginx_req_limit_exceeded", "combined", "nginx_error"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
		struct wanted wanted[WANTED_MAX];
		char name[256], line[8192];
		unsigned compared = 0;
		FILE *file;

		(void)snprintf(name, sizeof(name), "crowdsec/%s/parser.assert", files[k].folder);
		wanted_read(name, wanted);
		(void)snprintf(name, sizeof(name), "crowdsec/%s/%s.log", files[k].folder, files[k].log);
		file = corpus_open(name);
		for (unsigned i = 0; fgets(line, sizeof(line), file) && i < WANTED_MAX; i++) {
			struct wanted *want = &wanted[i];
			int64_t time;
			size_t n;

			if (!*chomp(line) || !want->ip[0])
				continue;
			peer_of_caddy(line, want->ip);
			n = strlen(line);
			if (!split(files[k].access, line, n) && !split(files[k].error, line, n))
				fail_msg("%s: %s: was not read", name, line);
			if (!address_is(fields->at[FIELD_IP], want->ip))
				fail_msg("%s: %s: wanted %s", name, line, want->ip);
			if (want->time[0] && (!time_parse(slice_of(want->time), &time) || fields->time != time))
				fail_msg("%s: %s: wanted %s", name, line, want->time);
			if (want->status[0] && want->status[0] != '-' && !slice_is(fields->at[FIELD_STATUS], want->status))
				fail_msg("%s: %s: wanted status %s", name, line, want->status);
			/* Of a handshake on the wrong port they make a path, and of a request without a version. */
			want->path[strcspn(want->path, "?")] = '\0';
			if (want->path[0] == '/' && want->path[1] != '/' && !slice_is(fields->at[FIELD_PATH], want->path))
				fail_msg("%s: %s: wanted %s", name, line, want->path);
			compared++;
		}
		assert_true(compared >= 5);
		assert_int_equal(fclose(file), 0);
	}
}

/* Lines that fail2ban takes and we do not, with the reason. */
static bool is_refused(const char *line) {
	static const char *const parts[] = {
		"localhost:8443\"\": was not found in", /* a forged address: the words come twice, and tell nothing */
		"host nginx[",                          /* as a journal prints it, without a time */
		"httpd/backend1[",                      /* a syslog name of somebody's own */
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(line, parts[i]))
			return true;
	return false;
}

static void error_lines_of_fail2ban_name_their_hosts(void **state) {
	static const struct {
		const char *name, *format;
	} files[] = {
		{"fail2ban/apache-auth", "apache_error"},
		{"fail2ban/apache-noscript", "apache_error"},
		{"fail2ban/nginx-http-auth", "nginx_error"},
		{"fail2ban/nginx-forbidden", "nginx_error"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
		FILE *file = corpus_open(files[k].name);
		char line[8192], time[24] = "", host[64] = "";
		unsigned compared = 0;
		int64_t want;

		while (fgets(line, sizeof(line), file)) {
			const char *at;

			(void)chomp(line);
			if (strncmp(line, "# failJSON", 10) == 0) {
				at = strstr(line, "\"match\": true") ? strstr(line, "\"host\": \"") : NULL;
				(void)snprintf(host, sizeof(host), "%.*s", at ? (int)strcspn(at + 9, "\"") : 0, at ? at + 9 : "");
				at = strstr(line, "\"time\": \"");
				(void)snprintf(time, sizeof(time), "%.19sZ", at ? at + 9 : "");
				continue;
			}
			if (line[0] == '#' || line[0] == '\0' || !host[0] || is_refused(line))
				continue;
			if (!split(files[k].format, line, strlen(line)) && !split("combined", line, strlen(line)))
				fail_msg("%s: %s: was not read", files[k].name, line);
			if (!address_is(fields->at[FIELD_IP], host))
				fail_msg("%s: %s: wanted %s, came %.*s", files[k].name, line, host, (int)fields->at[FIELD_IP].n,
				         fields->at[FIELD_IP].p ? fields->at[FIELD_IP].p : "");
			/* Stamps without a year are of another one there. A zone of their own is theirs alone. */
			if (!strstr(line, " +0") && strncmp(time, "2005", 4) != 0 &&
			    (!time_parse(slice_of(time), &want) || fields->time != want))
				fail_msg("%s: %s: wanted %s", files[k].name, line, time);
			compared++;
			host[0] = '\0';
		}
		assert_true(compared >= 2);
		assert_int_equal(fclose(file), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_the_peer_and_what_was_asked_for),
		cmocka_unit_test(cut_and_changed_lines_stay_in_bounds),
		cmocka_unit_test(lines_of_crowdsec_tell_what_its_tests_expect),
		cmocka_unit_test(error_lines_of_fail2ban_name_their_hosts),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
