#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/guess.h"

#define COMBINED                                                                                                       \
	"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 5123 \"-\" \"Yealink\"\n"
#define ASTERISK "[2026-11-22 10:00:00] NOTICE[1234] chan_sip.c: Registration from '<sip:1@example.net>' failed\n"
#define JSON     "{\"time\":\"2026-11-22T10:00:00Z\",\"ip\":\"203.0.113.7\"}\n"

#define JSON_OF_ASTERISK                                                                                               \
	"{\"hostname\":\"p\",\"timestamp\":\"2026-11-22 "                                                                  \
	"10:00:00\",\"identifiers\":{\"lwp\":1,\"callid\":\"\"},\"logmsg\":{"                                              \
	"\"location\":{\"filename\":\"x.c\",\"function\":\"f\",\"line\":1},\"level\":\"NOTICE\",\"message\":\"x\"}}\n"

static void test_guess(void **state) {
	static const struct {
		const char *label, *start, *format, *reason;
	} rows[] = {
		{"combined", COMBINED COMBINED, "combined", NULL},
		{"asterisk", ASTERISK ASTERISK, "asterisk", NULL},
		{"json", JSON JSON JSON, "json", NULL},
		{"nginx's errors", "2026/11/22 10:00:00 [error] 31#32: *17 x\n", "nginx_error", NULL},
		{"Apache's errors", "[Sun Nov 22 10:00:00.1 2026] [core:error] [pid 1] x\n", "apache_error", NULL},
		{"HAProxy's requests",
	     "203.0.113.7:1 [22/Nov/2026:10:00:00.6] in s/s 1/0/1/1/3 200 5 - - ---- 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"\n",
	     "haproxy", NULL},
		{"one line without an end", "{\"time\":\"2026-11-22T10:00:00Z\"}", "json", NULL},
		{"a last line that is cut", COMBINED "203.0.113.7 - - [22/No", "combined", NULL},
		{"another kind from line 11 on",
	     COMBINED COMBINED COMBINED COMBINED COMBINED COMBINED COMBINED COMBINED COMBINED COMBINED "what\n", "combined",
	     NULL},
		{"Asterisk's, which is JSON as well", JSON_OF_ASTERISK, NULL, "asterisk, json"},
		{"nothing at all", "", "combined", NULL},
		{"no format's", "what is that\n", NULL, "no format reads its first lines"},
		{"two kinds", COMBINED "what is that\n", NULL, "combined, asterisk"},
	};
	struct field_names *names = field_names_new();

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *format = NULL;
		struct err err;

		print_message("# %s\n", rows[i].label);
		if (format_guess(&format, slice_of(rows[i].start), names, &err) == 0) {
			assert_non_null(rows[i].format);
			assert_string_equal(format, rows[i].format);
		} else {
			assert_null(rows[i].format);
			assert_non_null(strstr(err.text, rows[i].reason));
			assert_int_equal(err.class, ERR_INPUT);
		}
	}
	field_names_free(&names);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		{"the format of a log is the only one that reads its first lines", test_guess, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
