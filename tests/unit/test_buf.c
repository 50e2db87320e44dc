#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void a_buffer_never_grows_past_its_maximum(void **state) {
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_text(&b, "12345");
	buf_text(&b, "67890");
	assert_false(b.failed);
	buf_byte(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.n, 10);
	buf_clear(&b);
	assert_false(b.failed);
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_release(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state) {
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_printf(&b, "%s-%d", "abc", 42);
	buf_consume(&b, 4);
	assert_true(slice_is((struct slice){b.p, b.n}, "42"));
	buf_consume(&b, 100);
	assert_int_equal(b.n, 0);
	buf_release(&b);
}

static const struct {
	const char *text;
	size_t n, max;
	const char *want;
} escapes[] = {
	{"plain", 5, 99, "plain"},
	{"a\nb\r\0c", 6, 99, "a\\x0ab\\x0d\\x00c"},
	{"\x1b[31mred", 8, 99, "\\x1b[31mred"},
	{"back\\slash", 10, 99, "back\\\\slash"},
	{"gr\xc3\xbcn", 5, 99, "gr\xc3\xbcn"},
	{"\xc3", 1, 99, "\\xc3"},
	{"\xc0\x80", 2, 99, "\\xc0\\x80"},
	{"\xc2\x9b", 2, 99, "\\xc2\\x9b"},
	{"\xed\xa0\x80", 3, 99, "\\xed\\xa0\\x80"},
	{"\xf4\x90\x80\x80", 4, 99, "\\xf4\\x90\\x80\\x80"},
	{"\x7f", 1, 99, "\\x7f"},
	{"abcdef", 6, 3, "abc..."},
};

static void nothing_that_a_terminal_acts_on_gets_through(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_escaped(&b, (struct slice){escapes[i].text, escapes[i].n}, escapes[i].max);
		if (!slice_is((struct slice){b.p, b.n}, escapes[i].want))
			fail_msg("row %zu gave %.*s", i, (int)b.n, b.p);
		buf_release(&b);
	}
}

static const struct {
	const char *text;
	uint64_t max;
	bool read;
} numbers[] = {
	{"0", 10, true},
	{"10", 10, true},
	{"11", 10, false},
	{"", 10, false},
	{"-1", 10, false},
	{"1x", 10, false},
	{"5", 3, false},
	{"18446744073709551615", UINT64_MAX, true},
	{"18446744073709551616", UINT64_MAX, false},
};

static void numbers_stop_at_their_maximum(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t value = 7;

		if (slice_number(slice_of(numbers[i].text), numbers[i].max, &value) != numbers[i].read)
			fail_msg("%s", numbers[i].text);
	}
}

static void a_copy_is_cut_and_says_so(void **state) {
	char out[4];

	(void)state;
	assert_true(slice_copy(slice_of("abc"), out, sizeof(out)));
	assert_false(slice_copy(slice_of("abcd"), out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_true(slice_copy((struct slice){NULL, 0}, out, sizeof(out)));
	assert_string_equal(out, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_never_grows_past_its_maximum),
		cmocka_unit_test(consuming_moves_the_rest_to_the_front),
		cmocka_unit_test(nothing_that_a_terminal_acts_on_gets_through),
		cmocka_unit_test(numbers_stop_at_their_maximum),
		cmocka_unit_test(a_copy_is_cut_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
