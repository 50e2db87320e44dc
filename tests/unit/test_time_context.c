/* Stamps to moments: shapes, zones, the double hour, the gap, years that are not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "analyzer/format_private.h"
#include "analyzer/tz.h"

static int64_t at(const char *text) {
	int64_t time;

	assert_true(time_parse(slice_of(text), &time));
	return time;
}

static struct time_context *context(const char *zone, const char *anchor) {
	struct time_context *tc;
	struct err err;

	assert_int_equal(time_context_new(&tc, zone, &err), 0);
	if (anchor)
		time_context_anchor(tc, at(anchor));
	return tc;
}

static void stamps_are_read_in_every_shape(void **state) {
	static const struct {
		const char *stamp, *zone, *want; /* want NULL: no stamp */
	} rows[] = {
		{"22/Nov/2026:10:00:00 +0000", "UTC", "2026-11-22T10:00:00Z"},
		{"22/Nov/2026:10:00:00 +0130", "UTC", "2026-11-22T08:30:00Z"},
		{"22/Nov/2026:10:00:00 -0500", "UTC", "2026-11-22T15:00:00Z"},
		{"2026-11-22T10:00:00Z", "Europe/Berlin", "2026-11-22T10:00:00Z"},
		{"2026-11-22T10:00:00.123456+01:00", "UTC", "2026-11-22T09:00:00Z"},
		{"2026-11-22T10:00:00,123+0100", "UTC", "2026-11-22T09:00:00Z"},
		{"2026-11-22 10:00:00", "Europe/Berlin", "2026-11-22T09:00:00Z"},
		{"2026-07-22 10:00:00.767815", "Europe/Berlin", "2026-07-22T08:00:00Z"},
		{"2026/11/22 10:00:00", "UTC", "2026-11-22T10:00:00Z"},
		{"Nov 22 10:00:00", "UTC", "2026-11-22T10:00:00Z"},
		{"Nov  2 10:00:00", "UTC", "2026-11-02T10:00:00Z"},
		{"Nov 2 10:00:00.5", "UTC", "2026-11-02T10:00:00Z"},
		{"Nov 22 2025 10:00:00", "UTC", "2025-11-22T10:00:00Z"},
		{"11-22 10:00:00.026292", "UTC", "2026-11-22T10:00:00Z"},
		{"1795341600", "UTC", "2026-11-22T10:00:00Z"},
		{"1795341600.75", "UTC", "2026-11-22T10:00:00Z"},
		{"1795341600750", "UTC", "2026-11-22T10:00:00Z"},
		{"2026-12-31 23:59:60", "UTC", "2026-12-31T23:59:59Z"},
		{"2026-07-22 10:00:00", "Pacific/Kiritimati", "2026-07-21T20:00:00Z"},
		{"2026-07-22 10:00:00", "Asia/Kathmandu", "2026-07-22T04:15:00Z"},
		{"2050-07-22 10:00:00", "America/New_York", "2050-07-22T14:00:00Z"},
		{"2050-01-22 10:00:00", "America/New_York", "2050-01-22T15:00:00Z"},
		{"2050-01-22 10:00:00", "Australia/Sydney", "2050-01-21T23:00:00Z"},
		{"2026-02-30 10:00:00", "UTC", NULL},
		{"2026-11-22 24:00:00", "UTC", NULL},
		{"22/Nov/2026:10:00:00 +2500", "UTC", NULL},
		{"22/Nov/2026:10:00:00 x", "UTC", NULL},
		{"2026-11-22T10:00:00+01:00x", "UTC", NULL},
		{"Nob 22 10:00:00", "UTC", NULL},
		{"99999999999999999999", "UTC", NULL},
		{"99999999999999", "UTC", "5138-11-16T09:46:39Z"},
		{"9999999999999999", "UTC", NULL},
		{"", "UTC", NULL},
		{"0", "UTC", NULL},
		{"-", "UTC", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct time_context *tc = context(rows[i].zone, "2026-11-23T00:00:00Z");
		int64_t time = 0;
		bool read = stamp_decode(tc, slice_of(rows[i].stamp), &time);

		if (read != (rows[i].want != NULL) || (read && time != at(rows[i].want))) {
			char came[TIME_TEXT];

			time_print(time, came);
			fail_msg("\"%s\" in %s: wanted %s, came %s", rows[i].stamp, rows[i].zone,
			         rows[i].want ? rows[i].want : "none", read ? came : "none");
		}
		time_context_free(&tc);
	}
}

static void a_stamp_without_a_year_is_the_nearest_past_one(void **state) {
	static const struct {
		const char *stamp, *anchor, *want;
	} rows[] = {
		{"Dec 31 23:59:59", "2026-01-01T00:00:10Z", "2025-12-31T23:59:59Z"},
		{"Jan  1 00:00:05", "2026-01-01T00:00:10Z", "2026-01-01T00:00:05Z"},
		{"Jan  1 00:00:05", "2025-12-31T23:59:58Z", "2026-01-01T00:00:05Z"}, /* a clock that is ahead */
		{"Jan  3 00:00:05", "2025-12-31T23:59:58Z", "2025-01-03T00:00:05Z"},
		{"Nov 23 12:00:00", "2026-11-22T13:00:00Z", "2026-11-23T12:00:00Z"},
		{"Nov 24 12:00:00", "2026-11-22T13:00:00Z", "2025-11-24T12:00:00Z"},
		{"Feb 29 10:00:00", "2026-11-22T13:00:00Z", "2024-02-29T10:00:00Z"},
		{"Feb 29 10:00:00", "2024-02-28T13:00:00Z", "2024-02-29T10:00:00Z"},
		{"Feb 29 10:00:00", "2024-02-27T13:00:00Z", "2020-02-29T10:00:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct time_context *tc = context("UTC", rows[i].anchor);
		int64_t time;

		assert_true(stamp_decode(tc, slice_of(rows[i].stamp), &time));
		assert_int_equal(time, at(rows[i].want));
		time_context_free(&tc);
	}
}

/* Berlin's clocks went from 03:00 back to 02:00 on 2026-10-25, at 01:00 UTC. */
static void the_double_hour_does_not_go_back(void **state) {
	static const struct {
		const char *stamp, *want;
	} rows[] = {
		{"2026-10-25 02:30:00", "2026-10-25T00:30:00Z"}, {"2026-10-25 02:59:59", "2026-10-25T00:59:59Z"},
		{"2026-10-25 02:59:57", "2026-10-25T00:59:57Z"}, /* lines of several threads */
		{"2026-10-25 02:00:00", "2026-10-25T01:00:00Z"}, {"2026-10-25 02:30:00", "2026-10-25T01:30:00Z"},
		{"2026-10-25 03:00:00", "2026-10-25T02:00:00Z"}, {"2026-10-25 02:30:00", "2026-10-25T00:30:00Z"},
	};
	struct time_context *tc = context("Europe/Berlin", NULL);
	int64_t time;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(stamp_decode(tc, slice_of(rows[i].stamp), &time));
		assert_int_equal(time, at(rows[i].want));
	}
	time_context_free(&tc);
}

static void a_log_read_on_resolves_the_double_hour_as_if_never_left(void **state) {
	struct time_context *tc = context("Europe/Berlin", NULL);
	int64_t time;

	(void)state;
	time_context_resume(tc, at("2026-10-25T00:59:59Z"));
	assert_true(stamp_decode(tc, slice_of("2026-10-25 02:10:00"), &time));
	assert_int_equal(time, at("2026-10-25T01:10:00Z"));
	assert_int_equal(time_context_highest(tc), time);
	time_context_free(&tc);
}

static void a_reading_within_the_gap_counts_from_before_it(void **state) {
	struct time_context *tc = context("Europe/Berlin", NULL);
	int64_t time;

	(void)state;
	assert_true(stamp_decode(tc, slice_of("2026-03-29 02:30:00"), &time));
	assert_int_equal(time, at("2026-03-29T01:30:00Z"));
	time_context_free(&tc);
}

static void a_stamp_seen_before_is_read_the_same(void **state) {
	struct time_context *tc = context("UTC", NULL);
	int64_t first, second, third;

	(void)state;
	assert_true(stamp_decode(tc, slice_of("2026-11-22T10:00:00.1+01:00"), &first));
	assert_true(stamp_decode(tc, slice_of("2026-11-22T10:00:00.999+01:00"), &second));
	assert_true(stamp_decode(tc, slice_of("2026-11-22T10:00:00.1+02:00"), &third));
	assert_int_equal(first, second);
	assert_int_equal(third, first - HOUR);
	time_context_free(&tc);
}

static void unknown_zones_are_refused(void **state) {
	static const char *const names[] = {"Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "", "Europe"};
	struct time_context *tc = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (*names[i])
			assert_int_equal(time_context_new(&tc, names[i], &err), -1);
		assert_null(tc);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_are_read_in_every_shape),
		cmocka_unit_test(a_stamp_without_a_year_is_the_nearest_past_one),
		cmocka_unit_test(the_double_hour_does_not_go_back),
		cmocka_unit_test(a_log_read_on_resolves_the_double_hour_as_if_never_left),
		cmocka_unit_test(a_reading_within_the_gap_counts_from_before_it),
		cmocka_unit_test(a_stamp_seen_before_is_read_the_same),
		cmocka_unit_test(unknown_zones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
