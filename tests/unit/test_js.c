#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/js.h"

static void what_is_written_is_read_again(void **state) {
	struct json *j;
	struct buf b;
	struct err err;
	void *iter = NULL;
	const char *key;
	const struct json *value;
	int members = 0;

	(void)state;
	buf_init(&b, 4096);
	js_begin(&b, '{');
	js_put_text(&b, "mac", slice_of("001565abcdef"));
	js_put_text(&b, "agent", (struct slice){"a\"\\\n\x01\xff\xc3\xbc", 8});
	js_key(&b, "home");
	js_begin(&b, '[');
	js_item(&b, slice_of("203.0.113.7"));
	js_begin(&b, '{');
	js_end(&b, '}');
	js_end(&b, ']');
	js_put_number(&b, "until", 1795341600);
	js_put_bool(&b, "held", true);
	js_put_time(&b, "time", 1795341600);
	js_put_time(&b, "never", 0);
	js_end(&b, '}');
	assert_true(slice_is((struct slice){b.p, b.n},
	                     "{\"mac\":\"001565abcdef\",\"agent\":\"a\\\"\\\\\\u000a\\u0001\\ufffd\xc3\xbc\",\"home\":["
	                     "\"203.0.113.7\",{}],"
	                     "\"until\":1795341600,\"held\":true,\"time\":\"2026-11-22T10:00:00Z\",\"never\":null}"));
	assert_int_equal(js_parse((struct slice){b.p, b.n}, &j, &err), 0);
	assert_string_equal(js_text(j, "mac"), "001565abcdef");
	assert_int_equal(js_number(j, "until", 0), 1795341600);
	assert_int_equal(js_number(j, "mac", 7), 7);
	assert_true(js_true(j, "held"));
	assert_null(js_text(j, "nothing"));
	assert_int_equal(js_length(js_get(j, "home")), 2);
	assert_string_equal(js_string(js_at(js_get(j, "home"), 0)), "203.0.113.7");
	while (js_next(j, &iter, &key, &value))
		members++;
	assert_int_equal(members, 7);
	js_free(&j);
	assert_null(j);
	buf_release(&b);
}

static const char *const bad[] = {
	"",
	"{",
	"{\"a\":1,\"a\":2}",
	"{\"a\":}",
	"nul",
	"{\"a\":1} x",
	"\"\xff\"",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static void bad_documents_are_refused_with_a_reason(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *j = NULL;
		struct err err = {0};

		assert_int_equal(js_parse(slice_of(bad[i]), &j, &err), -1);
		assert_null(j);
		assert_int_equal(err.class, ERR_INPUT);
		assert_true(strlen(err.text) > 5);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(bad_documents_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
