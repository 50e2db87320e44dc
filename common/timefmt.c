#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/timefmt.h"

int64_t clock_now(void) {
	const char *fixed = secure_getenv("PROVCTL_CLOCK");
	int64_t now;
	struct timespec ts;

	if (fixed && fixed[0] == '@' && time_parse(slice_of(fixed), &now))
		return now;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/* Howard Hinnant's "chrono-compatible low-level date algorithms": years start in March, so that the leap day is last. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil civil_of(int64_t time) {
	int64_t days = time / DAY - (time % DAY < 0);
	int64_t rest = time - days * DAY;
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);

	return (struct civil){
		.year = yoe + era * 400 + (month <= 2),
		.month = month,
		.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
		.hour = (unsigned)(rest / HOUR),
		.minute = (unsigned)(rest % HOUR / MINUTE),
		.second = (unsigned)(rest % MINUTE),
	};
}

bool civil_to_time(const struct civil *c, int64_t *out) {
	static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	if (c->month < 1 || c->month > 12 || c->day < 1 || c->hour > 23 || c->minute > 59 || c->second > 60 ||
	    c->year < 1970 || c->year > 9999 || c->day > lengths[c->month - 1] + (unsigned)(leap && c->month == 2))
		return false;
	*out = days_from_civil(c->year, c->month, c->day) * DAY + c->hour * HOUR + c->minute * MINUTE +
	       (c->second == 60 ? 59 : c->second);
	return true;
}

void time_print(int64_t time, char out[TIME_TEXT]) {
	struct civil c = civil_of(time);

	(void)snprintf(out, TIME_TEXT, "%04lld-%02u-%02uT%02u:%02u:%02uZ", (long long)c.year, c.month, c.day, c.hour,
	               c.minute, c.second);
}

static bool digits(const char *p, size_t n, unsigned *out) {
	uint64_t value;

	if (!slice_number((struct slice){p, n}, 9999, &value))
		return false;
	*out = (unsigned)value;
	return true;
}

bool time_parse(struct slice text, int64_t *out) {
	struct civil c;
	unsigned year, hours, minutes;
	size_t i = 19;
	uint64_t seconds;
	int64_t time;

	if (text.n > 1 && text.p[0] == '@') {
		if (!slice_number((struct slice){text.p + 1, text.n - 1}, 253402300799, &seconds))
			return false;
		*out = (int64_t)seconds;
		return true;
	}
	if (text.n < 20 || text.p[4] != '-' || text.p[7] != '-' || (text.p[10] != 'T' && text.p[10] != ' ') ||
	    text.p[13] != ':' || text.p[16] != ':' || !digits(text.p, 4, &year) || !digits(text.p + 5, 2, &c.month) ||
	    !digits(text.p + 8, 2, &c.day) || !digits(text.p + 11, 2, &c.hour) || !digits(text.p + 14, 2, &c.minute) ||
	    !digits(text.p + 17, 2, &c.second))
		return false;
	c.year = year;
	if (!civil_to_time(&c, &time))
		return false;
	if (text.p[i] == '.')
		for (i++; i < text.n && text.p[i] >= '0' && text.p[i] <= '9';)
			i++;
	if (i + 1 == text.n && text.p[i] == 'Z') {
		*out = time;
		return true;
	}
	if (text.n - i != 6 || (text.p[i] != '+' && text.p[i] != '-') || text.p[i + 3] != ':' ||
	    !digits(text.p + i + 1, 2, &hours) || !digits(text.p + i + 4, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	time += (text.p[i] == '+' ? -1 : 1) * (int64_t)(hours * HOUR + minutes * MINUTE);
	*out = time;
	return true;
}

static const struct {
	char letter;
	int64_t seconds;
} units[] = {{'d', DAY}, {'h', HOUR}, {'m', MINUTE}, {'s', 1}};

#define UNITS (sizeof(units) / sizeof(units[0]))

void duration_print(int64_t seconds, char out[TIME_TEXT]) {
	size_t u = 0;
	int n;

	if (seconds < 0)
		seconds = 0;
	while (u + 1 < UNITS && seconds < units[u].seconds)
		u++;
	n = snprintf(out, TIME_TEXT, "%lld%c", (long long)(seconds / units[u].seconds), units[u].letter);
	seconds %= units[u].seconds;
	if (u + 1 < UNITS && seconds >= units[u + 1].seconds)
		(void)snprintf(out + n, TIME_TEXT - (size_t)n, "%lld%c", (long long)(seconds / units[u + 1].seconds),
		               units[u + 1].letter);
}

bool duration_parse(struct slice text, int64_t *out) {
	const int64_t longest = 100LL * 365 * DAY;
	int64_t total = 0;
	size_t i = 0;
	size_t u = 0;

	if (text.n == 0)
		return false;
	while (i < text.n) {
		size_t start = i;
		uint64_t value;

		while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
			i++;
		if (i == text.n || !slice_number((struct slice){text.p + start, i - start}, (uint64_t)longest, &value))
			return false;
		while (u < UNITS && units[u].letter != text.p[i])
			u++;
		if (u == UNITS || (int64_t)value > (longest - total) / units[u].seconds)
			return false;
		total += (int64_t)value * units[u].seconds;
		u++;
		i++;
	}
	*out = total;
	return true;
}
