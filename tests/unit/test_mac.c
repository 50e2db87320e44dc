#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mac.h"

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} rows[] = {
	{"001565abcdef", "001565abcdef"},
	{"001565ABCDEF", "001565abcdef"},
	{"00:15:65:ab:cd:ef", "001565abcdef"},
	{"00-15-65-AB-CD-EF", "001565abcdef"},
	{"00_15_65_ab_cd_ef", "001565abcdef"},
	{"00.15.65.ab.cd.ef", "001565abcdef"},
	{"0015.65ab.cdef", "001565abcdef"},
	{"00%3A15%3A65%3Aab%3Acd%3Aef", "001565abcdef"},
	{"00%3a15%3a65%3aab%3acd%3aef", "001565abcdef"},
	{"", NULL},
	{"001565abcde", NULL},
	{"001565abcdef0", NULL},
	{"001565abcdeg", NULL},
	{"00:15:65:ab:cd", NULL},
	{"00:15:65:ab:cd:ef:", NULL},
	{":00:15:65:ab:cd:ef", NULL},
	{"00:15-65:ab:cd:ef", NULL},
	{"00:15:65:abcd:ef", NULL},
	{"0015-65ab-cdef", NULL},
	{"0015:65ab:cdef", NULL},
	{"001565-abcdef", NULL},
	{"000000000000", NULL},
	{"ffffffffffff", NULL},
	{"010203040506", NULL},
	{"00%3A15:65%3Aab%3Acd%3Aef", NULL},
};

static void every_spelling_of_a_phone_is_read_and_nothing_else(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[MAC_TEXT];
		uint64_t mac = 42;
		bool read = mac_parse(rows[i].text, strlen(rows[i].text), &mac);

		if (read != (rows[i].want != NULL))
			fail_msg("row %zu: %s", i, rows[i].text);
		if (read) {
			mac_print(mac, text);
			assert_string_equal(text, rows[i].want);
		} else {
			assert_int_equal(mac, 42);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_spelling_of_a_phone_is_read_and_nothing_else)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
