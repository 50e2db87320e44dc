#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} addresses[] = {
	{"203.0.113.7", "203.0.113.7"},
	{"::ffff:203.0.113.7", "203.0.113.7"},
	{"64:ff9b::203.0.113.7", "203.0.113.7"},
	{"2001:DB8::1", "2001:db8::1"},
	{"fe80::1%eth0", "fe80::1"},
	{"0.0.0.0", "0.0.0.0"},
	{"::1", "::1"},
	{"::", NULL},
	{"", NULL},
	{"203.0.113", NULL},
	{"203.0.113.7 ", NULL},
	{"203.0.113.256", NULL},
	{"203.0.113.07", NULL},
	{"203.0.113.7%eth0", NULL},
	{"[::1]", NULL},
	{"2001:db8::1::2", NULL},
	{"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
};

static void addresses_are_read_in_one_form_each(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char text[ADDR_TEXT] = "";
		struct addr a;
		bool read = addr_parse(addresses[i].text, strlen(addresses[i].text), &a);

		if (read)
			addr_print(a, text);
		if (read != (addresses[i].want != NULL) || (read && strcmp(text, addresses[i].want) != 0))
			fail_msg("%s gave %s", addresses[i].text, text);
	}
}

static void a_nul_inside_an_address_is_no_end_of_it(void **state) {
	struct addr a;

	(void)state;
	assert_false(addr_parse("1.2.3.4\0x", 9, &a));
}

static const struct {
	const char *text;
	const char *want;
} endpoints[] = {
	{"203.0.113.7", "203.0.113.7"},        {"203.0.113.7:5060", "203.0.113.7"}, {"[2001:db8::1]", "2001:db8::1"},
	{"[2001:db8::1]:5060", "2001:db8::1"}, {"2001:db8::1", "2001:db8::1"},      {"203.0.113.7:", NULL},
	{"203.0.113.7:65536", NULL},           {"203.0.113.7:50x", NULL},           {"[2001:db8::1", NULL},
	{"[2001:db8::1]5060", NULL},           {"[203.0.113.7]:1", "203.0.113.7"},  {"host:5060", NULL},
};

static void an_endpoint_loses_its_port(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		char text[ADDR_TEXT] = "";
		struct addr a;
		bool read = addr_parse_endpoint(endpoints[i].text, strlen(endpoints[i].text), &a);

		if (read)
			addr_print(a, text);
		if (read != (endpoints[i].want != NULL) || (read && strcmp(text, endpoints[i].want) != 0))
			fail_msg("%s gave %s", endpoints[i].text, text);
	}
}

static const struct {
	const char *text;
	const char *want;
	unsigned length;
} prefixes[] = {
	{"203.0.113.0/24", "203.0.113.0/24", 24},
	{"203.0.113.7", "203.0.113.7", 32},
	{"203.0.113.7/32", "203.0.113.7", 32},
	{"2001:db8::/32", "2001:db8::/32", 32},
	{"0.0.0.0/0", "0.0.0.0/0", 0},
	{"::/0", "::/0", 0},
	{"2001:db8::1/128", "2001:db8::1", 128},
	{"203.0.113.7/24", NULL, 0},
	{"203.0.113.0/33", NULL, 0},
	{"203.0.113.0/", NULL, 0},
	{"203.0.113.0/-1", NULL, 0},
	{"2001:db8::1/64", NULL, 0},
	{"::", NULL, 0},
	{"/24", NULL, 0},
};

static void a_prefix_has_no_host_bits(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		char text[PREFIX_TEXT] = "";
		struct prefix p;
		bool read = prefix_parse(prefixes[i].text, strlen(prefixes[i].text), &p);

		if (read)
			prefix_print(p, text);
		if (read != (prefixes[i].want != NULL) ||
		    (read && (strcmp(text, prefixes[i].want) != 0 || prefix_length(p) != prefixes[i].length)))
			fail_msg("%s gave %s", prefixes[i].text, text);
	}
}

static const struct {
	const char *prefix, *other;
	bool overlap;
} overlaps[] = {
	{"203.0.113.0/24", "203.0.113.7", true},       {"203.0.113.7", "203.0.113.0/24", true},
	{"203.0.113.0/25", "203.0.113.128/25", false}, {"0.0.0.0/0", "203.0.113.7", true},
	{"0.0.0.0/0", "2001:db8::1", false},           {"2001:db8::/32", "2001:db8:1::/48", true},
};

static void prefixes_overlap_where_one_holds_the_other(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(overlaps) / sizeof(overlaps[0]); i++) {
		struct prefix a, b;

		assert_true(prefix_parse(overlaps[i].prefix, strlen(overlaps[i].prefix), &a));
		assert_true(prefix_parse(overlaps[i].other, strlen(overlaps[i].other), &b));
		if (prefix_overlaps(a, b) != overlaps[i].overlap)
			fail_msg("%s and %s", overlaps[i].prefix, overlaps[i].other);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_in_one_form_each),
		cmocka_unit_test(a_nul_inside_an_address_is_no_end_of_it),
		cmocka_unit_test(an_endpoint_loses_its_port),
		cmocka_unit_test(a_prefix_has_no_host_bits),
		cmocka_unit_test(prefixes_overlap_where_one_holds_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
