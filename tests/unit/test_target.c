/* What a request's target names: the path and the query in all spellings, and the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mac.h"
#include "common/target.h"

static void a_target_is_split_as_servers_do(void **state) {
	static const struct {
		const char *text, *host, *path, *query, *file;
	} rows[] = {
		/* text                         host        path              query    file */
		{"/a/b.cfg", NULL, "/a/b.cfg", NULL, "b.cfg"},
		{"/a/b.cfg?x=1", NULL, "/a/b.cfg", "x=1", "b.cfg"},
		{"/a/b.cfg?", NULL, "/a/b.cfg", "", "b.cfg"},
		{"/a/b.cfg#x", NULL, "/a/b.cfg", NULL, "b.cfg"},
		{"/a?b?c", NULL, "/a", "b?c", "a"},
		{"/a/", NULL, "/a/", NULL, ""},
		{"", NULL, "", NULL, ""},
		{"/a%2Fb.cfg", NULL, "/a%2Fb.cfg", NULL, "b.cfg"},
		{"/%62%2Ecfg%20", NULL, "/%62%2Ecfg%20", NULL, "b.cfg"},
		{"/%6", NULL, "/%6", NULL, "%6"},
		{"/%zz%", NULL, "/%zz%", NULL, "%zz%"},
		{"/%2541", NULL, "/%2541", NULL, "%41"},
		{"http://h.example/a?b", "h.example", "/a", "b", "a"},
		{"https://h.example", "h.example", "", NULL, ""},
		{"b.cfg", NULL, "b.cfg", NULL, "b.cfg"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target t;
		char to[64];

		target_split(slice_of(rows[i].text), &t);
		assert_true(rows[i].host ? slice_is(t.host, rows[i].host) : !t.host.p);
		assert_true(slice_is(t.path, rows[i].path));
		assert_true(rows[i].query ? slice_is(t.query, rows[i].query) : !t.query.p);
		assert_true(slice_is(target_file(t.path, to), rows[i].file));
	}
}

static void a_file_names_a_device_by_twelve_digits_and_no_more(void **state) {
	static const struct {
		const char *file;
		uint64_t mac;
	} rows[] = {
		{"001565abcdef.cfg", 0x001565abcdef},
		{"001565ABCDEF", 0x001565abcdef},
		{"00-15-65-AB-CD-EF.xml", 0x001565abcdef},
		{"SEP001565ABCDEF.cnf.xml", 0x001565abcdef},
		{"0015.65ab.cdef.cfg", 0x001565abcdef},
		{"001565abcdef0.cfg", MAC_NONE},
		{"00-15-65-AB-CD-EF0.xml", MAC_NONE},
		{"0015.65ab.cdef0.cfg", MAC_NONE},
		{"y000000000028.cfg", MAC_NONE},
		{"000000000000.cfg", MAC_NONE},
		{"firmware.rom", MAC_NONE},
		{"", MAC_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mac_in_file(slice_of(rows[i].file)), rows[i].mac);
}

static void a_query_is_taken_pair_by_pair(void **state) {
	struct slice query =
		slice_of("mac=001565abcdef&x&=y&MAC=00%3A15%3A65%3AAB%3ACD%3AF0&m%61c=001565abcdf1&mac&&mac=1");
	static const uint64_t macs[] = {0x001565abcdef, 0, 0, 0x001565abcdf0, 0x001565abcdf1, 0, 0, 0};
	struct slice name, value;
	size_t n = 0;
	char to[64];

	(void)state;
	while (query_take(&query, &name, &value)) {
		assert_true(n < sizeof(macs) / sizeof(macs[0]));
		assert_int_equal(mac_in_parameter(name, value, to), macs[n++]);
	}
	assert_int_equal(n, 8);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_split_as_servers_do),
		cmocka_unit_test(a_file_names_a_device_by_twelve_digits_and_no_more),
		cmocka_unit_test(a_query_is_taken_pair_by_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
