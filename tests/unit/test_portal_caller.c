/* Whose request it is: nobody speaks for another address but a trusted proxy, by one header, and only its own word counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "portal/caller.h"
#include "portal/throttle.h"

static struct addr ip(const char *text) {
	struct addr a = {{0}};

	if (text)
		assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void the_address_is_the_peers_or_what_a_trusted_proxy_says_of_it(void **state) {
	static struct prefix proxies[2], portals[1];
	struct conf conf = {.trusted_proxies = proxies,
	                    .ntrusted_proxies = 2,
	                    .portal = {.trusted_proxies = portals, .ntrusted_proxies = 1}};
	static const struct {
		const char *peer; /* NULL: a Unix socket */
		const char *forwarded;
		const char *caller; /* NULL: not known */
	} rows[] = {
		/* peer            forwarded                                   caller */
		{"203.0.113.7", NULL, "203.0.113.7"},
		{"203.0.113.7", "198.51.100.1", "203.0.113.7"},
		{"203.0.113.7", "203.0.113.8, 192.0.2.1", "203.0.113.7"},
		{"2001:db8::7", "::1", "2001:db8::7"},
		{"192.0.2.1", "203.0.113.7", "203.0.113.7"},
		{"192.0.2.1", "  203.0.113.7\t", "203.0.113.7"},
		{"192.0.2.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		{"192.0.2.1", "198.51.100.1,203.0.113.7,192.0.2.1", "203.0.113.7"},
		{"192.0.2.1", "198.51.100.1,203.0.113.7,10.1.2.3,192.0.2.1", "203.0.113.7"},
		{"192.0.2.1", "203.0.113.7:4711", "203.0.113.7"},
		{"192.0.2.1", "[2001:db8::7]:4711", "2001:db8::7"},
		{"192.0.2.1", "2001:db8::7", "2001:db8::7"},
		{"192.0.2.1", "::ffff:203.0.113.7", "203.0.113.7"},
		{"192.0.2.1", "::ffff:192.0.2.1", NULL},
		{"192.0.2.1", NULL, NULL},
		{"192.0.2.1", "", NULL},
		{"192.0.2.1", ",", NULL},
		{"192.0.2.1", "203.0.113.7,", NULL},
		{"192.0.2.1", "unknown", NULL},
		{"192.0.2.1", "203.0.113.7, unknown", NULL},
		{"192.0.2.1", "203.0.113.7 198.51.100.1", NULL},
		{"192.0.2.1", "for=203.0.113.7", NULL},
		{"192.0.2.1", "203.0.113.7/32", NULL},
		{"192.0.2.1", "0.0.0.7.1", NULL},
		{"192.0.2.1", "::", NULL},
		{"10.9.9.9", "203.0.113.7", "203.0.113.7"},
		{NULL, "203.0.113.7", "203.0.113.7"},
		{NULL, "203.0.113.7, 192.0.2.1", "203.0.113.7"},
		{NULL, NULL, NULL},
	};

	(void)state;
	assert_true(prefix_parse("192.0.2.1", 9, &proxies[0]) && prefix_parse("2001:db8:f::/48", 15, &proxies[1]) &&
	            prefix_parse("10.0.0.0/8", 10, &portals[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr peer = ip(rows[i].peer), got = {{0}};
		bool proxy = !rows[i].peer || caller_is_proxy(&conf, peer);
		bool known = caller_address(&conf, peer, proxy, slice_of(rows[i].forwarded), &got);

		if (known != (rows[i].caller != NULL) || (known && !addr_same(got, ip(rows[i].caller))))
			fail_msg("row %zu: %s, %s", i, rows[i].peer, rows[i].forwarded);
	}
}

static void an_ipv6_address_counts_as_its_64(void **state) {
	(void)state;
	assert_true(addr_same(caller_counted(ip("2001:db8::1:2:3:4")), caller_counted(ip("2001:db8::7"))));
	assert_false(addr_same(caller_counted(ip("2001:db8:0:1::7")), caller_counted(ip("2001:db8::7"))));
	assert_false(addr_same(caller_counted(ip("203.0.113.7")), caller_counted(ip("203.0.113.8"))));
}

static void failures_close_an_address_for_the_rest_of_its_minute_and_no_other(void **state) {
	struct throttle *t = throttle_new();
	int64_t now = 1000000;

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < THROTTLE_FAILURES; i++) {
		assert_int_equal(throttle_wrong(t, ip("203.0.113.7"), now), 0);
		throttle_failed(t, ip("203.0.113.7"), now);
	}
	assert_int_equal(throttle_wrong(t, ip("203.0.113.7"), now), 60);
	assert_int_equal(throttle_wrong(t, ip("203.0.113.7"), now + 59999), 1);
	assert_int_equal(throttle_wrong(t, ip("203.0.113.7"), now + 60000), 0);
	assert_int_equal(throttle_wrong(t, ip("203.0.113.8"), now), 0);
	for (int i = 0; i < THROTTLE_SELF; i++)
		assert_int_equal(throttle_self(t, ip("203.0.113.8"), now), 0);
	assert_int_equal(throttle_self(t, ip("203.0.113.8"), now), 60);
	throttle_free(&t);
}

static void who_waits_is_never_forgotten_for_others(void **state) {
	struct throttle *t = throttle_new();

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < THROTTLE_WAITING; i++)
		assert_true(throttle_wait(t, ip("203.0.113.7"), 0));
	assert_false(throttle_wait(t, ip("203.0.113.7"), 0));
	for (int i = 0; i < 3 * THROTTLE_ADDRESSES; i++) {
		struct addr other = ip("2001:db8::");

		other.b[6] = (uint8_t)(i >> 8);
		other.b[7] = (uint8_t)i;
		throttle_failed(t, other, 1 + i);
	}
	assert_false(throttle_wait(t, ip("203.0.113.7"), 5));
	for (int i = 0; i < THROTTLE_WAITING; i++)
		throttle_done(t, ip("203.0.113.7"));
	assert_true(throttle_wait(t, ip("203.0.113.7"), 6));
	throttle_free(&t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_is_the_peers_or_what_a_trusted_proxy_says_of_it),
		cmocka_unit_test(an_ipv6_address_counts_as_its_64),
		cmocka_unit_test(failures_close_an_address_for_the_rest_of_its_minute_and_no_other),
		cmocka_unit_test(who_waits_is_never_forgotten_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
