#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mac.h"

#include "portal/lockfile.h"
#include "portal/replica.h"

#define FILE_MAX (1U << 30)
#define WORDS    7
#define DEVICE   "device "
#define HEADING  "provctl-lockstate 1 "

/* A window or a network. */
struct place {
	struct slice account; /* "*": any */
	struct prefix at;
	int64_t until; /* of a window */
	bool window;
};

struct shard {
	struct replica file;
	bool looked; /* at least once */
	bool whole;
	bool fallback_open;
	struct slice devices; /* the lines of devices */
	struct place *places; /* sorted by account */
	size_t nplaces;
};

struct lockfile {
	char *path;
	unsigned nshards;
	struct shard *shards[256]; /* NULL until asked for */
};

/* ---- a line ---- */

/* Its words at single blanks; 0: too many. */
static size_t words_of(struct slice line, struct slice words[WORDS]) {
	size_t n = 0;

	while (n < WORDS) {
		const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;

		words[n] = (struct slice){line.p, blank ? (size_t)(blank - line.p) : line.n};
		if (!blank)
			return n + 1;
		line = (struct slice){blank + 1, line.n - words[n].n - 1};
		n++;
	}
	return 0;
}

static bool number(struct slice word, int64_t *out) {
	uint64_t n;

	if (!slice_number(word, INT64_MAX, &n))
		return false;
	*out = (int64_t)n;
	return true;
}

/* Takes the next line; false where no whole one is left. */
static bool line_take(struct slice *text, struct slice *line) {
	const char *end = text->n ? memchr(text->p, '\n', text->n) : NULL;

	if (!end)
		return false;
	*line = (struct slice){text->p, (size_t)(end - text->p)};
	*text = (struct slice){end + 1, text->n - line->n - 1};
	return true;
}

static bool begins(struct slice line, const char *with) {
	size_t n = strlen(with);

	return line.n >= n && memcmp(line.p, with, n) == 0;
}

/* ---- checking a file that is new ---- */

/* The lines of devices stand first and are sorted: else they could not be searched. *n counts them. */
static bool take_devices(struct slice *text, struct slice *devices, size_t *n) {
	const size_t mac_at = strlen(DEVICE), mac_end = mac_at + MAC_TEXT - 1;
	struct slice rest = *text, line, last = {0};

	*devices = (struct slice){text->p, 0};
	while (line_take(&rest, &line) && begins(line, DEVICE)) {
		if (line.n <= mac_end || (last.p && memcmp(last.p + mac_at, line.p + mac_at, MAC_TEXT - 1) >= 0))
			return false;
		last = line;
		devices->n = (size_t)(rest.p - devices->p);
		*text = rest;
		(*n)++;
	}
	return true;
}

static bool place_read(struct slice line, struct place *out) {
	struct slice word[WORDS];
	size_t n = words_of(line, word);

	out->window = n == 4 && slice_is(word[0], "window");
	if (!out->window && !(n == 3 && slice_is(word[0], "network")))
		return false;
	out->account = word[n - 1];
	return prefix_parse(word[1].p, word[1].n, &out->at) && (!out->window || number(word[2], &out->until));
}

static bool take_places(struct slice *text, struct shard *s) {
	struct slice rest = *text, line;
	size_t n = 0;

	while (line_take(&rest, &line) && (begins(line, "window ") || begins(line, "network ")))
		n++;
	s->places = n > 0 ? calloc(n, sizeof(*s->places)) : NULL;
	if (n > 0 && !s->places)
		return false;
	while (s->nplaces < n) {
		(void)line_take(text, &line);
		if (!place_read(line, &s->places[s->nplaces]))
			return false;
		s->nplaces++;
	}
	return true;
}

static int account_order(struct slice a, struct slice b) {
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int place_order(const void *a, const void *b) {
	return account_order(((const struct place *)a)->account, ((const struct place *)b)->account);
}

static bool check(struct shard *s) {
	struct slice text = {s->file.text.p, s->file.text.n};
	struct slice line, word[WORDS];
	size_t counted = 0;
	int64_t ended;

	free(s->places);
	s->places = NULL;
	s->nplaces = 0;
	if (!s->file.there || !line_take(&text, &line) || !begins(line, HEADING) ||
	    !take_devices(&text, &s->devices, &counted) || !take_places(&text, s))
		return false;
	if (!line_take(&text, &line) || words_of(line, word) != 2 || !slice_is(word[0], "default"))
		return false;
	s->fallback_open = slice_is(word[1], "open");
	if ((!s->fallback_open && !slice_is(word[1], "locked")) || !line_take(&text, &line) || text.n > 0)
		return false;
	if (words_of(line, word) != 2 || !slice_is(word[0], "end") || !number(word[1], &ended) ||
	    (uint64_t)ended != counted + s->nplaces)
		return false;
	if (s->nplaces > 1)
		qsort(s->places, s->nplaces, sizeof(*s->places), place_order);
	return true;
}

/* ---- asking ---- */

/* The device's line without its LF; p NULL where it has none. */
static struct slice device_line(struct slice devices, const char mac[MAC_TEXT]) {
	while (devices.n > 0) {
		size_t middle = devices.n / 2;
		const char *before = memrchr(devices.p, '\n', middle);
		size_t at = before ? (size_t)(before + 1 - devices.p) : 0;
		const char *end = memchr(devices.p + at, '\n', devices.n - at);
		int order = memcmp(mac, devices.p + at + strlen(DEVICE), MAC_TEXT - 1);

		if (order == 0)
			return (struct slice){devices.p + at, (size_t)(end - devices.p) - at};
		if (order < 0)
			devices.n = at;
		else
			devices = (struct slice){end + 1, devices.n - (size_t)(end + 1 - devices.p)};
	}
	return (struct slice){0};
}

static bool home_has(struct slice home, struct addr ip) {
	while (home.n > 0) {
		const char *comma = memchr(home.p, ',', home.n);
		size_t n = comma ? (size_t)(comma - home.p) : home.n;
		struct prefix at;

		if (prefix_parse(home.p, n, &at) && prefix_has(at, ip))
			return true;
		n += comma != NULL;
		home = (struct slice){home.p + n, home.n - n};
	}
	return false;
}

static bool place_has(const struct shard *s, struct slice account, bool windows, struct addr ip, int64_t now) {
	size_t low = 0, high = s->nplaces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (account_order(s->places[middle].account, account) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->nplaces && slice_same(s->places[low].account, account); low++) {
		const struct place *p = &s->places[low];

		if ((p->window ? windows && now < p->until : true) && prefix_has(p->at, ip))
			return true;
	}
	return false;
}

static struct shard *shard_of(struct lockfile *l, uint64_t mac) {
	unsigned which = l->nshards > 1 ? (unsigned)(mac & 0xff) : 0;
	struct shard *s = l->shards[which];
	char path[4096];
	int n;

	if (s)
		return s;
	n = l->nshards > 1 ? snprintf(path, sizeof(path), "%s/%02x", l->path, which)
	                   : snprintf(path, sizeof(path), "%s", l->path);
	s = calloc(1, sizeof(*s));
	if (!s || n < 0 || (size_t)n >= sizeof(path) || replica_init(&s->file, path, FILE_MAX) < 0) {
		free(s);
		return NULL;
	}
	l->shards[which] = s;
	return s;
}

enum answer lockfile_verdict(struct lockfile *l, uint64_t mac, struct addr ip, int64_t now) {
	static const struct slice any = {"*", 1};
	struct shard *s = shard_of(l, mac);
	struct slice line, word[WORDS];
	char text[MAC_TEXT];
	int64_t until;
	bool open;

	if (!s)
		return ANSWER_UNAVAILABLE;
	if (replica_look(&s->file) || !s->looked)
		s->whole = check(s);
	s->looked = true;
	if (!s->whole)
		return ANSWER_UNAVAILABLE;
	mac_print(mac, text);
	line = device_line(s->devices, text);
	if (!line.p)
		return s->fallback_open || place_has(s, any, true, ip, now) ? ANSWER_SERVE : ANSWER_REFUSE;
	if (words_of(line, word) != WORDS)
		return ANSWER_UNAVAILABLE;
	open = slice_is(word[2], "open") && (slice_is(word[3], "-") || (number(word[3], &until) && now < until));
	if (open || home_has(word[4], ip) || place_has(s, word[6], !slice_is(word[5], "held"), ip, now))
		return ANSWER_SERVE;
	return !slice_is(word[5], "held") && place_has(s, any, true, ip, now) ? ANSWER_SERVE : ANSWER_REFUSE;
}

int lockfile_new(struct lockfile **out, const char *path, unsigned shards, struct err *err) {
	struct lockfile *l = calloc(1, sizeof(*l));

	if (!l || !(l->path = strdup(path))) {
		free(l);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	l->nshards = shards;
	*out = l;
	return 0;
}

void lockfile_free(struct lockfile **l) {
	if (!*l)
		return;
	for (size_t i = 0; i < sizeof((*l)->shards) / sizeof((*l)->shards[0]); i++) {
		struct shard *s = (*l)->shards[i];

		if (!s)
			continue;
		replica_release(&s->file);
		free(s->places);
		free(s);
	}
	free((*l)->path);
	free(*l);
	*l = NULL;
}
