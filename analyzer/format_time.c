#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "analyzer/format_private.h"
#include "analyzer/tz.h"

#define STAMP_MAX  64
#define YEARS_BACK 8              /* 29 February comes every eighth year around 2100 */
#define JITTER     5              /* seconds by which lines of one log may be out of order */
#define EPOCH_MS   100000000000LL /* a number from here on counts milliseconds */

struct time_context {
	struct tz *tz;
	int64_t anchor;
	int64_t highest; /* of all stamps so far */
	/* The stamp decoded last, without its fraction: most lines share the second of the one before. */
	char last[STAMP_MAX];
	size_t last_n;
	bool last_whole; /* it had no fraction; else where that stood, with how many digits behind which mark */
	size_t last_point, last_digits;
	char last_mark;
	int64_t last_time;
};

int time_context_new(struct time_context **out, const char *zone, struct err *err) {
	struct time_context *tc = calloc(1, sizeof(*tc));

	if (!tc)
		return err_errno(err, "time zone");
	if (tz_open(&tc->tz, zone, err)) {
		free(tc);
		return -1;
	}
	*out = tc;
	return 0;
}

void time_context_free(struct time_context **tc) {
	if (!*tc)
		return;
	tz_free(&(*tc)->tz);
	free(*tc);
	*tc = NULL;
}

void time_context_anchor(struct time_context *tc, int64_t file_time) {
	if (tc->anchor != file_time)
		tc->last_n = 0;
	tc->anchor = file_time;
}

void time_context_resume(struct time_context *tc, int64_t highest) {
	tc->highest = highest;
	tc->last_n = 0;
}

int64_t time_context_highest(const struct time_context *tc) {
	return tc->highest;
}

bool stamp_is_last(const struct time_context *tc, struct slice text) {
	return text.n > 0 && text.n == tc->last_n && tc->last_whole && memcmp(text.p, tc->last, text.n) == 0;
}

size_t stamp_again(const struct time_context *tc, struct slice text, int64_t *out) {
	if (!tc->last_whole || text.n < tc->last_n || memcmp(text.p, tc->last, tc->last_n) != 0)
		return 0;
	*out = tc->last_time;
	return tc->last_n;
}

static bool digit(char c) {
	return c >= '0' && c <= '9';
}

/* A number of exactly n digits. */
static bool digits_take(struct slice *s, size_t n, unsigned *out) {
	unsigned value = 0;

	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!digit(s->p[i]))
			return false;
		value = value * 10 + (unsigned)(s->p[i] - '0');
	}
	(void)slice_take(s, n);
	*out = value;
	return true;
}

static bool month_take(struct slice *s, unsigned *month) {
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (s->n < 3)
		return false;
	for (unsigned m = 0; m < 12; m++)
		if (memcmp(s->p, names + 3 * m, 3) == 0) {
			(void)slice_take(s, 3);
			*month = m + 1;
			return true;
		}
	return false;
}

/* A day of one or two digits, padded with a blank or not. */
static bool day_take(struct slice *s, unsigned *day) {
	slice_skip_blanks(s);
	return s->n >= 2 && digit(s->p[0]) && digit(s->p[1]) ? digits_take(s, 2, day) : digits_take(s, 1, day);
}

/* hh:mm:ss and a fraction. */
static bool clock_take(struct slice *s, struct civil *c) {
	if (!digits_take(s, 2, &c->hour) || !slice_skip(s, ':') || !digits_take(s, 2, &c->minute) || !slice_skip(s, ':') ||
	    !digits_take(s, 2, &c->second))
		return false;
	if (s->n >= 2 && (s->p[0] == '.' || s->p[0] == ',') && digit(s->p[1])) {
		(void)slice_take(s, 1);
		(void)slice_take_digits(s);
	}
	return true;
}

enum zone { ZONE_LOG, ZONE_GIVEN };

/* Z, +hh:mm, +hhmm or +hh, behind a blank or not; nothing: the log's zone. */
static bool zone_take(struct slice *s, enum zone *zone, int64_t *east) {
	struct slice at = *s;
	unsigned hours, minutes = 0;
	bool west;

	*zone = ZONE_LOG;
	slice_skip_blanks(&at);
	if (at.n == 0)
		return true;
	*zone = ZONE_GIVEN;
	*east = 0;
	*s = at;
	if (slice_skip(s, 'Z'))
		return true;
	west = s->p[0] == '-';
	if (!slice_skip(s, '+') && !slice_skip(s, '-'))
		return false;
	if (!digits_take(s, 2, &hours) || hours > 23)
		return false;
	(void)slice_skip(s, ':');
	if (s->n > 0 && (!digits_take(s, 2, &minutes) || minutes > 59))
		return false;
	*east = (west ? -1 : 1) * (int64_t)(hours * HOUR + minutes * MINUTE);
	return true;
}

/* In the double hour of autumn the reading is taken that does not go back behind what the log has told so far. */
static int64_t wall_to_time(const struct time_context *tc, int64_t wall) {
	int64_t first, second;

	if (tz_moments(tc->tz, wall, &first, &second) == 2 && first < tc->highest - JITTER &&
	    second >= tc->highest - JITTER)
		return second;
	return first;
}

/* The nearest past one to the file's own time, with a day of slack. */
static bool yearless_to_time(const struct time_context *tc, struct civil *c, int64_t *out) {
	int64_t anchor = tc->anchor ? tc->anchor : clock_now();
	int64_t newest = civil_of(anchor).year + 1;
	int64_t wall;

	for (c->year = newest; c->year > newest - YEARS_BACK - 2; c->year--) {
		if (!civil_to_time(c, &wall))
			continue;
		*out = wall_to_time(tc, wall);
		if (*out <= anchor + DAY)
			return true;
	}
	return false;
}

static bool number_decode(struct slice s, int64_t *out) {
	struct slice whole = slice_take_digits(&s);
	uint64_t value;

	if (!slice_number(whole, INT64_MAX, &value))
		return false;
	if (s.n > 0 && (!slice_skip(&s, '.') || slice_take_digits(&s).n == 0 || s.n > 0))
		return false;
	if (value >= EPOCH_MS)
		value /= 1000;
	if (value >= EPOCH_MS) /* a year beyond 5138 is no time of a log */
		return false;
	*out = (int64_t)value;
	return true;
}

static bool stamp_parse(const struct time_context *tc, struct slice s, int64_t *out) {
	struct civil c = {0};
	enum zone zone = ZONE_LOG;
	int64_t east = 0;
	int64_t wall;
	unsigned year = 0;
	bool has_year = true;

	if (s.n >= 5 && digit(s.p[0]) && (s.p[4] == '-' || s.p[4] == '/')) {
		char between = s.p[4];

		if (!digits_take(&s, 4, &year) || !slice_skip(&s, between) || !digits_take(&s, 2, &c.month) ||
		    !slice_skip(&s, between) || !digits_take(&s, 2, &c.day) || (!slice_skip(&s, 'T') && !slice_skip(&s, ' ')) ||
		    !clock_take(&s, &c) || !zone_take(&s, &zone, &east))
			return false;
	} else if (s.n >= 3 && digit(s.p[0]) && s.p[2] == '/') {
		if (!digits_take(&s, 2, &c.day) || !slice_skip(&s, '/') || !month_take(&s, &c.month) || !slice_skip(&s, '/') ||
		    !digits_take(&s, 4, &year) || !slice_skip(&s, ':') || !clock_take(&s, &c) || !zone_take(&s, &zone, &east))
			return false;
	} else if (s.n >= 3 && digit(s.p[0]) && s.p[2] == '-') {
		has_year = false;
		if (!digits_take(&s, 2, &c.month) || !slice_skip(&s, '-') || !digits_take(&s, 2, &c.day) ||
		    !slice_skip(&s, ' ') || !clock_take(&s, &c))
			return false;
	} else if (s.n > 0 && digit(s.p[0])) {
		return number_decode(s, out);
	} else {
		has_year = false;
		if (!month_take(&s, &c.month) || !slice_skip(&s, ' ') || !day_take(&s, &c.day) || !slice_skip(&s, ' '))
			return false;
		if (s.n > 5 && digit(s.p[3]) && s.p[4] == ' ') {
			has_year = true;
			if (!digits_take(&s, 4, &year) || !slice_skip(&s, ' '))
				return false;
		}
		if (!clock_take(&s, &c))
			return false;
	}
	if (s.n > 0)
		return false;
	if (!has_year)
		return yearless_to_time(tc, &c, out);
	c.year = year;
	if (!civil_to_time(&c, &wall))
		return false;
	*out = zone == ZONE_GIVEN ? wall - east : wall_to_time(tc, wall);
	return true;
}

/* The text without its fraction, which stood at *point, into key. 0 where it is too long to be a stamp. */
static size_t stamp_key(struct slice text, char key[STAMP_MAX], size_t *point) {
	size_t i = 0;
	size_t n = 0;

	if (text.n >= STAMP_MAX)
		return 0;
	while (i < text.n && text.p[i] != '.' && text.p[i] != ',')
		i++;
	memcpy(key, text.p, i);
	n = *point = i;
	if (i < text.n)
		for (i++; i < text.n && digit(text.p[i]);)
			i++;
	if (i < text.n)
		memcpy(key + n, text.p + i, text.n - i);
	return n + text.n - i;
}

/* It differs from the stamp decoded last in the digits of the fraction alone. */
static bool stamp_is_near(const struct time_context *tc, struct slice text) {
	size_t behind = tc->last_point + 1 + tc->last_digits;

	if (tc->last_n == 0 || tc->last_whole || tc->last_digits == 0 || text.n != tc->last_n + 1 + tc->last_digits ||
	    text.p[tc->last_point] != tc->last_mark || memcmp(text.p, tc->last, tc->last_point) != 0 ||
	    memcmp(text.p + behind, tc->last + tc->last_point, text.n - behind) != 0)
		return false;
	for (size_t i = tc->last_point + 1; i < behind; i++)
		if (!digit(text.p[i]))
			return false;
	return true;
}

bool stamp_decode(struct time_context *tc, struct slice text, int64_t *out) {
	char key[STAMP_MAX];
	int64_t time = TIME_NONE;
	size_t n, point;

	if (stamp_is_last(tc, text) || stamp_is_near(tc, text)) {
		*out = tc->last_time;
		return true;
	}
	n = stamp_key(text, key, &point);
	if (n == 0)
		return false;
	if (!stamp_parse(tc, text, &time) || time <= TIME_NONE)
		return false;
	memcpy(tc->last, key, n);
	tc->last_n = n;
	tc->last_whole = n == text.n;
	if (!tc->last_whole) {
		tc->last_point = point;
		tc->last_mark = text.p[point];
		tc->last_digits = text.n - n - 1;
	}
	tc->last_time = time;
	if (time > tc->highest)
		tc->highest = time;
	*out = time;
	return true;
}

bool stamp_set(struct time_context *tc, struct slice text, struct line_fields *out) {
	if (!stamp_decode(tc, text, &out->time))
		return false;
	out->has_time = true;
	out->at[FIELD_TIME] = text;
	return true;
}

size_t stamp_length(struct slice text) {
	struct slice s = text;
	struct civil c;
	unsigned number;

	if (s.n >= 10 && digit(s.p[0]) && s.p[4] == '-') {
		if (!digits_take(&s, 4, &number) || !slice_skip(&s, '-') || !digits_take(&s, 2, &number) ||
		    !slice_skip(&s, '-') || !digits_take(&s, 2, &number) || (!slice_skip(&s, 'T') && !slice_skip(&s, ' ')) ||
		    !clock_take(&s, &c))
			return 0;
		if (slice_skip(&s, 'Z'))
			return text.n - s.n;
		if (s.n >= 5 && (s.p[0] == '+' || s.p[0] == '-')) {
			size_t n = 1;

			while (n < s.n && n < 6 && (digit(s.p[n]) || s.p[n] == ':'))
				n++;
			(void)slice_take(&s, n);
		}
		return text.n - s.n;
	}
	if (s.n >= 6 && digit(s.p[0]) && s.p[2] == '-')
		return digits_take(&s, 2, &number) && slice_skip(&s, '-') && digits_take(&s, 2, &number) &&
		               slice_skip(&s, ' ') && clock_take(&s, &c)
		           ? text.n - s.n
		           : 0;
	if (!month_take(&s, &number) || !slice_skip(&s, ' ') || !day_take(&s, &number) || !slice_skip(&s, ' '))
		return 0;
	if (s.n > 5 && digit(s.p[3]) && s.p[4] == ' ')
		(void)slice_take(&s, 5);
	return clock_take(&s, &c) ? text.n - s.n : 0;
}
