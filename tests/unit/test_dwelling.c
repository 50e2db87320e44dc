/* Who lives at an address is answered as the rows have it, however it is known that nobody does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/storing.h"

#define DEVICES   40
#define ADDRESSES 64
#define NOBODYS   ADDRESSES

/* Where each device lives, and from which addresses a registration came, as it should be. */
struct model {
	unsigned home[DEVICES];
	bool registered[ADDRESSES];
};

static uint32_t seed;

static uint32_t any(uint32_t below) {
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

/* Every other one is of IPv6, where one in two asks from another address of the /64. */
static struct addr address_of(unsigned number, bool other) {
	char text[ADDR_TEXT];

	(void)snprintf(text, sizeof(text), number % 2 ? "2001:db8:0:%x::%x" : "203.0.113.%u", number, other ? 7 : 1);
	return address(text);
}

static void move(struct model *m, unsigned device, unsigned to) {
	struct device d = {
		.mac = 0x001565000000 + device, .state = DEVICE_LOCKED, .reason = REASON_PROVISIONED, .created = 1};
	struct addr ip = address_of(to, false);

	m->home[device] = to;
	d.account[0] = '-';
	if (to != NOBODYS) {
		d.homes.n = 1;
		d.homes.at[0] = (struct home){.at = {ip, 128}, .kind = HOME_PROVISIONED, .added = 1, .used = 1};
	}
	OK(store_device_put(store, &d, &err));
}

static void enroll(struct model *m, unsigned from) {
	m->registered[from] = true;
	OK(store_registered_put(store, slice_of("200"), slice_of(""), MAC_NONE, address_of(from, false), NOW, &err));
}

static void ask(const struct model *m) {
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct addr ip = address_of(i, any(2) && i % 2);
		struct residents residents;
		unsigned n = 0;

		for (unsigned device = 0; device < DEVICES; device++)
			n += m->home[device] == i;
		OK(store_residents(store, &conf, ip, NOW, &residents, &err));
		assert_int_equal(residents.devices, n);
		assert_int_equal(store_registered_at(store, ip, NOW, &err), m->registered[i]);
	}
}

static void what_lives_where_is_told_as_it_was_put_and_rolled_back(void **state) {
	struct model now = {.registered = {false}}, committed;
	unsigned filtered = 0;

	(void)state;
	seed = 1;
	for (unsigned device = 0; device < DEVICES; device++)
		move(&now, device, NOBODYS);
	for (unsigned round = 0; round < 300; round++) {
		OK(store_commit(store, &err));
		OK(store_begin(store, &err));
		committed = now;
		/* Read anew now and then, also between what is changed. */
		if (any(4) == 0)
			store_dwellings_forget(store);
		for (uint32_t i = any(6); i > 0; i--)
			move(&now, any(DEVICES), any(3) ? any(ADDRESSES) : NOBODYS);
		if (any(2))
			ask(&now);
		if (any(8) == 0)
			enroll(&now, any(ADDRESSES));
		ask(&now);
		filtered += store->dwellings.at != NULL;
		if (any(3) == 0) {
			store_rollback(store);
			now = committed;
			OK(store_begin(store, &err));
			ask(&now);
		}
	}
	assert_true(filtered > 200);
}

static void an_address_that_is_nobodys_costs_no_query_and_what_is_added_is_seen(void **state) {
	struct model m = {.registered = {false}};
	const struct prefix at = {address_of(2, false), 128}, wide = network("203.0.113.0/24");

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_true(store_may_dwell(store, at, &err) >= 0);
	assert_int_equal(store_may_dwell(store, at, &err), 0);
	assert_int_equal(store_may_dwell(store, wide, &err), 1);
	move(&m, 0, 2);
	assert_int_equal(store_may_dwell(store, at, &err), 1);
	/* So many that it is made anew. */
	for (uint32_t i = 0; i < 1U << 20 && store->dwellings.at; i++) {
		struct addr ip = address_of(0, false);

		memcpy(ip.b + 12, &i, sizeof(i));
		store_dwell(store, ip);
	}
	assert_null(store->dwellings.at);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(store_may_dwell(store, at, &err), 1);
	assert_int_equal(store_may_dwell(store, (struct prefix){address_of(4, false), 128}, &err), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(what_lives_where_is_told_as_it_was_put_and_rolled_back),
		CASE(an_address_that_is_nobodys_costs_no_query_and_what_is_added_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
