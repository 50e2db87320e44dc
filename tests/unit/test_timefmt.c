#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "common/timefmt.h"

static const struct {
	const char *text;
	int64_t want; /* -1: refused */
} times[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"2026-11-22T10:00:00Z", 1795341600},
	{"2026-11-22T11:00:00+01:00", 1795341600},
	{"2026-11-22 04:30:00-05:30", 1795341600},
	{"2026-11-22T10:00:00.123456Z", 1795341600},
	{"2024-02-29T00:00:00Z", 1709164800},
	{"2016-12-31T23:59:60Z", 1483228799},
	{"@1795341600", 1795341600},
	{"2026-02-29T00:00:00Z", -1},
	{"2026-13-01T00:00:00Z", -1},
	{"2026-00-01T00:00:00Z", -1},
	{"2026-11-22T24:00:00Z", -1},
	{"2026-11-22T10:00:00", -1},
	{"2026-11-22T10:00:00+0100", -1},
	{"2026-11-22T10:00:00+24:00", -1},
	{"2026-11-22T10:00:00Zx", -1},
	{"+026-11-22T10:00:00Z", -1},
	{"@", -1},
	{"@99999999999999999999", -1},
	{"", -1},
};

static void times_are_read_in_any_zone_and_only_whole(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t time = -1;
		bool read = time_parse(slice_of(times[i].text), &time);

		if (read != (times[i].want >= 0) || time != times[i].want)
			fail_msg("%s gave %lld", times[i].text, (long long)time);
	}
}

static void civil_fields_agree_with_the_c_library(void **state) {
	(void)state;
	for (int64_t t = 0; t < 253402300799; t += 86399 * 137) {
		time_t c = t;
		struct tm tm;
		struct civil civil = civil_of(t);
		int64_t back;

		assert_non_null(gmtime_r(&c, &tm));
		assert_int_equal(civil.year, tm.tm_year + 1900);
		assert_int_equal(civil.month, tm.tm_mon + 1);
		assert_int_equal(civil.day, tm.tm_mday);
		assert_int_equal(civil.hour * 3600 + civil.minute * 60 + civil.second,
		                 tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
		assert_true(civil_to_time(&civil, &back));
		assert_int_equal(back, t);
	}
}

static const struct {
	const char *text;
	int64_t want;
	const char *printed;
} durations[] = {
	{"90s", 90, "1m30s"},     {"15m", 900, "15m"}, {"24h", 86400, "1d"},        {"7d", 604800, "7d"},
	{"1h30m", 5400, "1h30m"}, {"0s", 0, "0s"},     {"86340s", 86340, "23h59m"}, {"90", -1, NULL},
	{"", -1, NULL},           {"1m1h", -1, NULL},  {"1.5h", -1, NULL},          {"-1h", -1, NULL},
	{"h", -1, NULL},          {"1w", -1, NULL},    {"99999999999d", -1, NULL},  {"36501d", -1, NULL},
	{"1h1h", -1, NULL},       {"1d 2h", -1, NULL},
};

static void durations_are_read_and_printed_in_two_units(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		char text[TIME_TEXT] = "";
		int64_t seconds = -1;
		bool read = duration_parse(slice_of(durations[i].text), &seconds);

		if (read)
			duration_print(seconds, text);
		if (seconds != durations[i].want || (read && strcmp(text, durations[i].printed) != 0))
			fail_msg("%s gave %lld, %s", durations[i].text, (long long)seconds, text);
	}
}

static void the_clock_can_be_set_for_a_replay(void **state) {
	(void)state;
	assert_int_equal(setenv("PROVCTL_CLOCK", "@1795341600", 1), 0);
	assert_int_equal(clock_now(), 1795341600);
	assert_int_equal(setenv("PROVCTL_CLOCK", "1795341600", 1), 0);
	assert_int_not_equal(clock_now(), 1795341600);
	assert_int_equal(unsetenv("PROVCTL_CLOCK"), 0);
	assert_true(llabs(clock_now() - (int64_t)time(NULL)) <= 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_in_any_zone_and_only_whole),
		cmocka_unit_test(civil_fields_agree_with_the_c_library),
		cmocka_unit_test(durations_are_read_and_printed_in_two_units),
		cmocka_unit_test(the_clock_can_be_set_for_a_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
