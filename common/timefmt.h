/* timefmt: times and durations as people write them. A time is seconds since the epoch, UTC, as int64_t; a duration is
 * seconds. TIME_NONE stands for "no end" or "never". */
#ifndef PROVCTL_TIMEFMT_H
#define PROVCTL_TIMEFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define TIME_NONE 0
#define TIME_TEXT 32

#define MINUTE 60
#define HOUR   3600
#define DAY    86400

/* The present, from the system's clock. Where the environment has PROVCTL_CLOCK=@SECONDS (and the program runs without raised
 * privileges), that is the present: for replaying old logs and for tests. */
int64_t clock_now(void);

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. month 1 to 12. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
/* The reverse: seconds since the epoch into UTC fields. */
struct civil {
	int64_t year;
	unsigned month, day, hour, minute, second;
};
struct civil civil_of(int64_t time);
/* Seconds since the epoch, or false where a field is out of its range (second 60 is taken as 59). */
bool civil_to_time(const struct civil *c, int64_t *out);

/* RFC 3339 in UTC: 2026-11-22T10:00:00Z. */
void time_print(int64_t time, char out[TIME_TEXT]);
/* RFC 3339 with "T" or a blank, any offset or Z, fractions dropped; or "@SECONDS". */
bool time_parse(struct slice text, int64_t *out);

/* Two units at most: 23h59m, 7d, 45s, 0s; 25h is 1d1h. */
void duration_print(int64_t seconds, char out[TIME_TEXT]);
/* A number and one of s, m, h, d, repeated from the largest unit down: 90s, 1h30m. A bare number is refused. At most 100 years. */
bool duration_parse(struct slice text, int64_t *out);

#endif
