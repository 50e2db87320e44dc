/* What a request becomes for the enforcer: each word by its kind, and nothing that no row names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/js.h"

#include "portal/route.h"

static void a_path_is_a_row_or_nothing(void **state) {
	static const struct {
		const char *method, *target, *verb, *methods;
	} rows[] = {
		/* method   target                verb     methods */
		{"GET", "/v1/devices", "list", ""},
		{"HEAD", "/v1/devices", "list", ""},
		{"GET", "http://h/v1/devices?x", "list", ""},
		{"GET", "/v1/devices/001565abcdef", "show", ""},
		{"GET", "/v1/devices/%30%301565abcdef", "show", ""},
		{"POST", "/v1/windows", "window", ""},
		{"DELETE", "/v1/windows", NULL, "GET, HEAD, POST, OPTIONS"},
		{"OPTIONS", "/v1/addresses/1.2.3.4/ban", NULL, "PUT, DELETE, OPTIONS"},
		{"get", "/v1/devices", NULL, "GET, HEAD, OPTIONS"},
		{"TRACE", "/", NULL, "GET, HEAD, OPTIONS"},
		{"GET", "/v1/devices/", NULL, ""},
		{"GET", "/v1//devices", NULL, ""},
		{"GET", "/v1/./devices", NULL, ""},
		{"GET", "/v1/x/../devices", NULL, ""},
		{"GET", "/V1/devices", NULL, ""},
		{"GET", "/v1%2Fdevices", NULL, NULL}, /* a file's name */
		{"GET", "/v1/devices/a/b", NULL, ""},
		{"GET", "/v1/devices/a%00b", NULL, ""},
		{"GET", "*", NULL, ""},
		{"GET", "v1/devices", NULL, ""},
		{"GET", "", NULL, ""},
	};
	struct route_match m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		route_find(rows[i].method, slice_of(rows[i].target), &m);
		if (!rows[i].methods) {
			assert_true(m.route && m.route->whose == WHOSE_FILE);
			continue;
		}
		if (!m.route != !rows[i].verb || (m.route && strcmp(m.route->verb, rows[i].verb) != 0) ||
		    (!m.route && strcmp(m.methods, rows[i].methods) != 0))
			fail_msg("%s %s: %s", rows[i].method, rows[i].target, m.methods);
	}
}

#define DEVICE "/v1/devices/001565abcdef"

static void words_are_read_by_their_kind(void **state) {
	static const struct {
		const char *method, *target, *if_match, *body, *request;
	} rows[] = {
		{"GET",
	     "/v1/devices?account=a.b&state=held&exposed=true&registered=false&q=a+b%2B&limit=5&after=00:15:65:AB:CD:EF",
	     NULL, NULL,
	     "{\"verb\":\"list\",\"account\":\"a.b\",\"state\":\"held\",\"exposed\":true,\"registered\":false,\"q\":\"a "
	     "b+\","
	     "\"limit\":5,\"after\":\"001565abcdef\""},
		{"GET", "/v1/exposed", NULL, NULL, "{\"verb\":\"list\",\"exposed\":true"},
		{"GET", "/v1/devices/00-15-65-AB-CD-EF", "\"v\"", NULL, "{\"verb\":\"show\",\"mac\":\"001565abcdef\""},
		{"POST", DEVICE "/unlock", "\"v1\"", "{\"for\":\"24h\",\"reason\":\"a \\\"b\",\"support\":true}",
	     "{\"verb\":\"unlock\",\"mac\":\"001565abcdef\",\"for\":86400,\"reason\":\"a \\\"b\",\"support\":true,"
	     "\"if_version\":\"v1\""},
		{"POST", DEVICE "/unlock", "*", "", "{\"verb\":\"unlock\",\"mac\":\"001565abcdef\""},
		{"POST", DEVICE "/unlock", NULL, "{\"for\":null}", "{\"verb\":\"unlock\",\"mac\":\"001565abcdef\""},
		{"POST", DEVICE "/lock", "W/\"v1\"", "{}",
	     "{\"verb\":\"lock\",\"mac\":\"001565abcdef\",\"if_version\":\"weak\""},
		{"POST", "/v1/windows", NULL, "{\"window\":\"203.0.113.9\",\"account\":\"a\",\"for\":\"1d\"}",
	     "{\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.9\",\"account\":\"a\",\"hours\":24"},
		{"DELETE", "/v1/windows/*/192.0.2.0%2F28", NULL, NULL,
	     "{\"verb\":\"window\",\"do\":\"close\",\"any_account\":true,\"window\":\"192.0.2.0/28\""},
		{"DELETE", "/v1/addresses/::ffff:203.0.113.9/allow", NULL, "ignored",
	     "{\"verb\":\"allow\",\"remove\":true,\"ip\":\"203.0.113.9\""},
		{"GET", "/v1/record?since=2026-11-22T10:00:00Z&ip=203.0.113.0/24&before=x-1", NULL, NULL,
	     "{\"verb\":\"log\",\"since\":1795341600,\"ip\":\"203.0.113.0/24\",\"before\":\"x-1\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_request q = {.content_type = slice_of("application/json; charset=utf-8"),
		                         .if_match = slice_of(rows[i].if_match),
		                         .body = slice_of(rows[i].body)};
		struct route_match m;
		struct buf out;
		struct err err = {0};

		buf_init(&out, 4096);
		route_find(rows[i].method, slice_of(rows[i].target), &m);
		assert_non_null(m.route);
		if (route_request(&m, &q, &out, &err) < 0)
			fail_msg("%s: %s", rows[i].target, err.text);
		buf_byte(&out, '\0');
		assert_string_equal(out.p, rows[i].request);
		buf_release(&out);
	}
}

static void what_no_row_names_is_refused_with_the_word(void **state) {
	static const struct {
		const char *method, *target, *type, *body, *why;
	} rows[] = {
		{"GET", "/v1/devices?limit=0", NULL, NULL, "limit: not from 1 to 500"},
		{"GET", "/v1/devices?limit=501", NULL, NULL, "limit: not from 1 to 500"},
		{"GET", "/v1/devices?limit=1&limit=2", NULL, NULL, "limit: given twice"},
		{"GET", "/v1/devices?limit", NULL, NULL, "limit: not from 1 to 500"},
		{"GET", "/v1/devices?moved=false", NULL, NULL, "moved: only true narrows the list"},
		{"GET", "/v1/devices?registered=1", NULL, NULL, "registered: neither true nor false"},
		{"GET", "/v1/devices?state=open", NULL, NULL, "state: none of new, locked, unlocked and held"},
		{"GET", "/v1/devices?token=x", NULL, NULL, "the query has a word that means nothing here"},
		{"GET", "/v1/devices?q=a%00b", NULL, NULL, "q: not text: there is a zero in it"},
		{"GET", "/v1/devices?account=a%22", NULL, NULL, "account: not 1 to 64 of A-Za-z0-9._@-"},
		{"GET", "/v1/devices/001565abcdeg", NULL, NULL, "mac: not the MAC of a device"},
		{"GET", "/v1/devices/000000000000", NULL, NULL, "mac: not the MAC of a device"},
		{"GET", "/v1/addresses/203.0.113.9%2F24", NULL, NULL,
	     "prefix: neither an address nor a prefix without host bits"},
		{"GET", "/v1/record?since=yesterday", NULL, NULL, "since: not a time such as 2026-11-22T10:00:00Z"},
		{"GET", "/v1/me?ip=203.0.113.7", NULL, NULL, "the query has a word that means nothing here"},
		{"POST", DEVICE "/unlock", "application/json", "[]", "the body must be a JSON object"},
		{"POST", DEVICE "/unlock", "application/json", "{\"ip\":\"1.2.3.4\"}",
	     "the body has a member that means nothing here"},
		{"POST", DEVICE "/unlock", "application/json", "{\"mac\":\"001565abcdf0\"}",
	     "the body has a member that means nothing here"},
		{"POST", DEVICE "/unlock", "application/json", "{\"for\":3600}", "for: not text"},
		{"POST", DEVICE "/unlock", "application/json", "{\"for\":\"0s\"}",
	     "for: not a duration such as 15m, 24h or 7d"},
		{"POST", DEVICE "/unlock", "application/json", "{\"support\":\"true\"}", "support: neither true nor false"},
		{"POST", DEVICE "/unlock", "text/plain", "{}", "the body's Content-Type must be application/json"},
		{"POST", DEVICE "/unlock", "application/jsonp", "{}", "the body's Content-Type must be application/json"},
		{"POST", DEVICE "/unlock", NULL, "{}", "the body's Content-Type must be application/json"},
		{"POST", "/v1/windows", NULL, NULL, "window: missing"},
		{"POST", "/v1/windows", "application/json", "{\"window\":\"1.2.3.4\",\"for\":\"90m\"}", "for: not whole hours"},
		{"PUT", "/v1/addresses/1.2.3.4/ban", NULL, NULL, "for: missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_request q = {.content_type = slice_of(rows[i].type), .body = slice_of(rows[i].body)};
		struct route_match m;
		struct buf out;
		struct err err = {0};

		buf_init(&out, 4096);
		route_find(rows[i].method, slice_of(rows[i].target), &m);
		assert_non_null(m.route);
		assert_int_equal(route_request(&m, &q, &out, &err), -1);
		assert_string_equal(err.text, rows[i].why);
		buf_release(&out);
	}
}

/* The document's paths and methods, and those of the table, are the same set. */
static void openapi_json_names_each_route_and_no_other(void **state) {
	const char *top = getenv("top_srcdir");
	const struct json *paths, *methods, *operation;
	const char *path, *method;
	void *at = NULL;
	struct json *doc;
	struct err err;
	char file[512];
	struct buf text;
	size_t named = 0, rows = 0;
	FILE *f;

	(void)state;
	assert_non_null(top);
	(void)snprintf(file, sizeof(file), "%s/portal/openapi.json", top);
	f = fopen(file, "r");
	assert_non_null(f);
	buf_init(&text, 1 << 20);
	text.n = fread(buf_reserve(&text, 1 << 20), 1, 1 << 20, f);
	(void)fclose(f);
	if (js_parse((struct slice){text.p, text.n}, &doc, &err) < 0)
		fail_msg("%s", err.text);
	paths = js_get(doc, "paths");
	while (js_next(paths, &at, &path, &methods)) {
		void *of = NULL;

		while (js_next(methods, &of, &method, &operation))
			named++;
	}
	for (const struct route *r = routes; r->method; r++) {
		char small[16] = "";

		for (size_t i = 0; r->method[i]; i++)
			small[i] = (char)(r->method[i] | 0x20);
		if (!js_get(js_get(paths, r->path), small))
			fail_msg("%s %s is not described", r->method, r->path);
		rows++;
	}
	assert_int_equal(named, rows);
	js_free(&doc);
	buf_release(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_a_row_or_nothing),
		cmocka_unit_test(words_are_read_by_their_kind),
		cmocka_unit_test(what_no_row_names_is_refused_with_the_word),
		cmocka_unit_test(openapi_json_names_each_route_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
