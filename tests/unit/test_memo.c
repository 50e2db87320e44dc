#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforcer/memo.h"

static struct memo_entry entry_of(uint64_t mac, uint64_t place) {
	return (struct memo_entry){.mac = mac << MEMO_MAC_BITS | 1, .place = place, .until = UINT32_MAX, .seen = 5};
}

static void what_is_put_is_found_until_it_is_dropped(void **state) {
	enum { MANY = 200000 };
	struct memo *m = memo_new();

	(void)state;
	for (uint64_t mac = 1; mac <= MANY; mac++)
		for (uint64_t place = 1; place <= 1 + mac % 2; place++) {
			struct memo_entry e = entry_of(mac, place);

			memo_put(m, &e);
		}
	assert_int_equal(memo_count(m), MANY + MANY / 2);
	for (uint64_t mac = 1; mac <= MANY; mac += 3)
		memo_drop(m, mac);
	for (uint64_t mac = 1; mac <= MANY; mac++) {
		bool dropped = mac % 3 == 1;

		if ((memo_find(m, mac, 1) == NULL) != dropped || (memo_find(m, mac, 2) != NULL) != (!dropped && mac % 2))
			fail_msg("device %llu", (unsigned long long)mac);
		assert_null(memo_find(m, mac, 3));
	}
	memo_clear(m);
	assert_int_equal(memo_count(m), 0);
	assert_true(memo_has_room(m));
	assert_null(memo_find(m, 2, 1));
	memo_free(&m);
}

static void it_holds_no_more_than_it_may(void **state) {
	struct memo *m = memo_new();
	unsigned found = 0;

	(void)state;
	for (uint64_t mac = 1; mac <= 2 * (uint64_t)MEMO_SLOTS; mac++) {
		struct memo_entry e = entry_of(mac, 1);

		memo_put(m, &e);
		assert_non_null(memo_find(m, mac, 1));
	}
	assert_true(memo_count(m) <= MEMO_SLOTS);
	assert_false(memo_has_room(m));
	for (uint64_t mac = 1; mac <= 2 * (uint64_t)MEMO_SLOTS; mac++)
		found += memo_find(m, mac, 1) != NULL;
	assert_int_equal(found, memo_count(m));
	memo_free(&m);
}

static void all_places_of_a_device_are_seen_at_once(void **state) {
	struct memo *m = memo_new();
	struct memo_entry e = entry_of(7, 1);

	(void)state;
	memo_put(m, &e);
	e.place = 2;
	memo_put(m, &e);
	memo_find(m, 7, 2)->seen = 11;
	assert_int_equal(memo_seen(m, 7), 11);
	assert_int_equal(memo_seen(m, 8), 0);
	memo_free(&m);
}

static void what_is_there_stays_where_many_are_filled_in(void **state) {
	enum { MANY = 3000 };
	struct memo_entry *entries = calloc(MANY, sizeof(*entries)), there = entry_of(7, 1);
	struct memo *m = memo_new();

	(void)state;
	assert_non_null(entries);
	there.seen = 11;
	memo_put(m, &there);
	for (uint32_t i = 0; i < MANY; i++)
		entries[i] = entry_of(1 + i / 2, 1 + i % 2);
	memo_fill(m, entries, MANY);
	memo_fill(m, entries, MANY);
	assert_int_equal(memo_count(m), MANY);
	assert_int_equal(memo_find(m, 7, 1)->seen, 11);
	assert_int_equal(memo_find(m, 7, 2)->seen, 5);
	assert_int_equal(memo_find(m, MANY / 2, 2)->seen, 5);
	free(entries);
	memo_free(&m);
}

static void words_have_numbers_and_an_empty_one_says_nothing(void **state) {
	const struct memo_words t46 = {slice_of("Yealink"), slice_of("T46S"), slice_of("66.86")};
	static const struct {
		const char *what, *vendor, *model, *version;
		bool fits;
	} rows[] = {
		/* what, vendor, model, version, nothing new in it */
		{"the same", "Yealink", "T46S", "66.86", true}, {"nothing", "", "", "", true},
		{"a vendor alone", "Yealink", "", "", true},    {"another version", "Yealink", "T46S", "66.87", false},
		{"a version alone", "", "", "66.87", false},    {"parts moved", "YealinkT46S", "", "66.86", false},
	};
	struct memo *m = memo_new();
	uint32_t number, era;

	(void)state;
	number = memo_words_put(m, &t46);
	assert_true(number > 0);
	assert_int_equal(memo_words_put(m, &t46), number);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct memo_words said = {slice_of(rows[i].vendor), slice_of(rows[i].model), slice_of(rows[i].version)};

		if (memo_words_fit(m, &said, number) != rows[i].fits)
			fail_msg("%s", rows[i].what);
	}
	/* More than there are numbers: all begins anew, and is told. */
	era = memo_era(m);
	for (uint32_t i = 0; i <= MEMO_WORDS; i++) {
		const struct memo_words words = {slice_of("x"), slice_of("y"), {(const char *)&i, sizeof(i)}};

		assert_true(memo_words_put(m, &words) > 0);
	}
	assert_true(memo_era(m) > era);
	memo_free(&m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found_until_it_is_dropped),
		cmocka_unit_test(it_holds_no_more_than_it_may),
		cmocka_unit_test(all_places_of_a_device_are_seen_at_once),
		cmocka_unit_test(what_is_there_stays_where_many_are_filled_in),
		cmocka_unit_test(words_have_numbers_and_an_empty_one_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
