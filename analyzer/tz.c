#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "analyzer/tz.h"

#define TZ_FOLDER      "/usr/share/zoneinfo"
#define TZ_FILE_MAX    (256 * 1024) /* the largest in the database is under 8 KiB */
#define TZ_CHANGES_MAX 4096
#define TZ_TYPES_MAX   256
#define TZ_RULE_MAX    128

/* When a year's summer time begins or ends, as POSIX writes it. */
struct turn {
	enum { TURN_JULIAN, TURN_DAY, TURN_WEEKDAY } form;
	int day;         /* of the year; TURN_JULIAN: 1 to 365 without leap days; TURN_WEEKDAY: 0 is Sunday */
	int month, week; /* TURN_WEEKDAY; week 5 is the last */
	int32_t at;      /* seconds of that day by the clock before the turn */
};

struct tz {
	size_t nchanges;
	int64_t *changes; /* ascending */
	int32_t *offsets; /* from each change on */
	int32_t before;   /* before the first change */
	bool has_rule;    /* the footer: for moments after the last change */
	bool has_summer;
	int32_t standard, summer;
	struct turn begin, end;
};

static int64_t be(const unsigned char *p, size_t n) {
	uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return (int64_t)value;
}

static bool number(const char **p, int max, int *out) {
	int value = 0;
	const char *at = *p;

	while (*at >= '0' && *at <= '9') {
		value = value * 10 + (*at++ - '0');
		if (value > max)
			return false;
	}
	if (at == *p)
		return false;
	*p = at;
	*out = value;
	return true;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool clock_of(const char **p, int32_t *out) {
	int sign = 1;
	int part[3] = {0, 0, 0};

	if (**p == '+' || **p == '-')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!number(p, 167, &part[0]))
		return false;
	for (int i = 1; i < 3 && **p == ':'; i++) {
		(*p)++;
		if (!number(p, 59, &part[i]))
			return false;
	}
	*out = sign * (part[0] * HOUR + part[1] * MINUTE + part[2]);
	return true;
}

static bool skip_name(const char **p) {
	const char *start = *p;

	if (**p == '<') {
		while (**p && **p != '>')
			(*p)++;
		return *(*p)++ == '>';
	}
	while ((**p >= 'a' && **p <= 'z') || (**p >= 'A' && **p <= 'Z'))
		(*p)++;
	return *p - start >= 3;
}

static bool turn_of(const char **p, struct turn *t) {
	*t = (struct turn){.form = TURN_DAY, .at = 2 * HOUR};
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		(*p)++;
		t->form = TURN_WEEKDAY;
		if (!number(p, 12, &t->month) || t->month < 1 || *(*p)++ != '.' || !number(p, 5, &t->week) || t->week < 1 ||
		    *(*p)++ != '.' || !number(p, 6, &t->day))
			return false;
	} else {
		if (**p == 'J') {
			(*p)++;
			t->form = TURN_JULIAN;
		}
		if (!number(p, 365, &t->day) || (t->form == TURN_JULIAN && t->day < 1))
			return false;
	}
	if (**p == '/') {
		(*p)++;
		return clock_of(p, &t->at);
	}
	return true;
}

/* A POSIX TZ string. Its offsets count west of UTC, ours east. */
static bool rule_of(struct tz *tz, const char *text) {
	const char *p = text;
	struct tz rule = {.has_rule = true};

	if (!skip_name(&p) || !clock_of(&p, &rule.standard))
		return false;
	rule.standard = -rule.standard;
	if (*p) {
		rule.has_summer = true;
		rule.summer = rule.standard + HOUR;
		if (!skip_name(&p))
			return false;
		if (*p && *p != ',') {
			if (!clock_of(&p, &rule.summer))
				return false;
			rule.summer = -rule.summer;
		}
		if (!turn_of(&p, &rule.begin) || !turn_of(&p, &rule.end) || *p)
			return false;
	}
	tz->has_rule = true;
	tz->has_summer = rule.has_summer;
	tz->standard = rule.standard;
	tz->summer = rule.summer;
	tz->begin = rule.begin;
	tz->end = rule.end;
	return true;
}

/* The moment of a turn, by the clock before it. */
static int64_t turn_moment(const struct turn *t, int64_t year, int32_t offset) {
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int64_t day = days_from_civil(year, 1, 1);

	if (t->form == TURN_DAY)
		day += t->day;
	else if (t->form == TURN_JULIAN)
		day += t->day - 1 + (leap && t->day >= 60);
	else {
		int64_t first = days_from_civil(year, (unsigned)t->month, 1);
		int64_t next =
			t->month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, (unsigned)t->month + 1, 1);

		/* 1970-01-01 was a Thursday. */
		day = first + (t->day - (first + 4) % 7 + 7) % 7 + (t->week - 1) * 7;
		while (day >= next)
			day -= 7;
	}
	return day * DAY + t->at - offset;
}

static int32_t rule_offset(const struct tz *tz, int64_t time) {
	int64_t year = civil_of(time + tz->standard).year;
	int64_t begin, end;

	if (!tz->has_summer)
		return tz->standard;
	begin = turn_moment(&tz->begin, year, tz->standard);
	end = turn_moment(&tz->end, year, tz->summer);
	if (begin < end)
		return time >= begin && time < end ? tz->summer : tz->standard;
	return time >= begin || time < end ? tz->summer : tz->standard;
}

/* Seconds east of UTC at a moment. */
static int32_t tz_offset(const struct tz *tz, int64_t time) {
	size_t low = 0;
	size_t high = tz->nchanges;

	if (tz->has_rule && (tz->nchanges == 0 || time >= tz->changes[tz->nchanges - 1]))
		return rule_offset(tz, time);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tz->changes[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? tz->before : tz->offsets[low - 1];
}

int tz_moments(const struct tz *tz, int64_t wall, int64_t *first, int64_t *second) {
	/* No zone is more than a day from UTC, and none turns twice within two days. */
	int32_t before = tz_offset(tz, wall - DAY);
	int32_t after = tz_offset(tz, wall + DAY);
	bool holds_before = tz_offset(tz, wall - before) == before;
	bool holds_after = tz_offset(tz, wall - after) == after;

	*first = wall - (holds_before || !holds_after ? before : after);
	*second = *first;
	if (before == after || !holds_before || !holds_after)
		return holds_before || holds_after;
	*second = wall - after;
	return 2;
}

/* One data block of a TZif file: header at p. Returns its length, 0 where it is not sound. width: bytes of a time. */
static size_t block_read(struct tz *tz, const unsigned char *p, size_t n, size_t width, bool keep) {
	size_t isut, isstd, leaps, changes, types, names, length;
	const unsigned char *indices, *infos;

	if (n < 44 || memcmp(p, "TZif", 4) != 0)
		return 0;
	isut = (size_t)be(p + 20, 4);
	isstd = (size_t)be(p + 24, 4);
	leaps = (size_t)be(p + 28, 4);
	changes = (size_t)be(p + 32, 4);
	types = (size_t)be(p + 36, 4);
	names = (size_t)be(p + 40, 4);
	if (isut > TZ_TYPES_MAX || isstd > TZ_TYPES_MAX || leaps > TZ_CHANGES_MAX || changes > TZ_CHANGES_MAX ||
	    types > TZ_TYPES_MAX || types == 0 || names > TZ_FILE_MAX)
		return 0;
	length = 44 + changes * (width + 1) + types * 6 + names + leaps * (width + 4) + isstd + isut;
	if (length > n)
		return 0;
	if (!keep)
		return length;
	indices = p + 44 + changes * width;
	infos = indices + changes;
	for (size_t i = 0; i < changes; i++)
		if (indices[i] >= types)
			return 0;
	tz->changes = calloc(changes + 1, sizeof(*tz->changes));
	tz->offsets = calloc(changes + 1, sizeof(*tz->offsets));
	if (!tz->changes || !tz->offsets)
		return 0;
	for (size_t i = 0; i < changes; i++) {
		tz->changes[i] = be(p + 44 + i * width, width);
		tz->offsets[i] = (int32_t)be(infos + indices[i] * 6, 4);
		if ((i > 0 && tz->changes[i] <= tz->changes[i - 1]) || tz->offsets[i] < -DAY || tz->offsets[i] > DAY)
			return 0;
	}
	tz->nchanges = changes;
	tz->before = (int32_t)be(infos, 4);
	return length;
}

static bool file_read(struct tz *tz, const unsigned char *p, size_t n) {
	size_t first = block_read(tz, p, n, 4, n > 4 && p[4] == 0);
	size_t second;
	char rule[TZ_RULE_MAX];
	const unsigned char *end;

	if (first == 0 || p[4] == 0)
		return first != 0;
	second = block_read(tz, p + first, n - first, 8, true);
	if (second == 0)
		return false;
	p += first + second;
	n -= first + second;
	if (n < 2 || p[0] != '\n' || !(end = memchr(p + 1, '\n', n - 1)))
		return false;
	if (end == p + 1)
		return true;
	if ((size_t)(end - p - 1) >= sizeof(rule))
		return false;
	memcpy(rule, p + 1, (size_t)(end - p - 1));
	rule[end - p - 1] = '\0';
	return rule_of(tz, rule);
}

static bool name_is_sound(const char *name) {
	return *name && *name != '/' && *name != '.' && strlen(name) < 128 && !strstr(name, "..");
}

/* 1 read, 0 no such file, -1 not a sound one. */
static int path_read(struct tz *tz, const char *path) {
	unsigned char *bytes = malloc(TZ_FILE_MAX);
	FILE *file = fopen(path, "rbe");
	int found = 0;

	if (file && bytes) {
		size_t n = fread(bytes, 1, TZ_FILE_MAX, file);

		found = n > 0 && n < TZ_FILE_MAX && file_read(tz, bytes, n) ? 1 : -1;
	}
	if (file)
		(void)fclose(file);
	free(bytes);
	return found;
}

int tz_open(struct tz **out, const char *name, struct err *err) {
	struct tz *tz = calloc(1, sizeof(*tz));
	const char *given = name ? name : getenv("TZ");
	char path[256];
	int found;

	if (!tz)
		return err_errno(err, "time zone");
	if (given && *given == ':')
		given++;
	if (!given || !*given)
		found = path_read(tz, "/etc/localtime");
	else if (!name_is_sound(given))
		found = -1;
	else {
		(void)snprintf(path, sizeof(path), TZ_FOLDER "/%s", given);
		found = path_read(tz, path);
		if (found == 0 && (!name || strcmp(name, "UTC") == 0))
			found = strcmp(given, "UTC") == 0 || rule_of(tz, given) ? 1 : -1;
	}
	if (found < 0 || (found == 0 && name)) {
		tz_free(&tz);
		return err_set(err, ERR_INPUT, "time zone %s: %s", given ? given : "/etc/localtime",
		               found == 0 ? "not in " TZ_FOLDER " (is tzdata installed?)" : "not a sound zone");
	}
	*out = tz;
	return 0;
}

void tz_free(struct tz **tz) {
	if (!*tz)
		return;
	free((*tz)->changes);
	free((*tz)->offsets);
	free(*tz);
	*tz = NULL;
}
