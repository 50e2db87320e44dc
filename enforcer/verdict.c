#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/judge_private.h"

/* A verdict is read off the device's line as a generator reads it, so that both always agree; for the past the line is that of the record. */
#define LINE_ROOM ((size_t)4096)

struct verdict_line {
	bool listed;
	bool open;
	int64_t until; /* TIME_NONE: no end */
	struct slice home, reason, account;
};

/* An unlisted MAC has no account: only windows for any hold it. */
static const struct verdict_line line_unlisted;

static struct slice line_word(struct slice *rest) {
	const char *blank = rest->n > 0 ? memchr(rest->p, ' ', rest->n) : NULL;
	size_t n = blank ? (size_t)(blank - rest->p) : rest->n;
	struct slice word = {rest->p, n};

	n += blank != NULL;
	rest->p += n;
	rest->n -= n;
	return word;
}

static int line_read(struct slice text, struct verdict_line *line, struct err *err) {
	struct slice rest = text, state = line_word(&rest), until = line_word(&rest);
	uint64_t number = 0;

	*line = line_unlisted;
	if (slice_is(text, RECORD_UNLISTED))
		return 0;
	*line = (struct verdict_line){.listed = true, .open = slice_is(state, "open")};
	line->home = line_word(&rest);
	line->reason = line_word(&rest);
	line->account = rest;
	if (rest.n == 0 || (!slice_is(until, "-") && !slice_number(until, INT64_MAX, &number)))
		return err_set(err, ERR_SYSTEM, "the state is corrupt: \"%.*s\" is no device's line", (int)text.n, text.p);
	line->until = (int64_t)number;
	return 0;
}

static bool line_is_home(const struct verdict_line *line, struct addr ip) {
	struct slice rest = line->home;

	while (rest.n > 0) {
		const char *comma = memchr(rest.p, ',', rest.n);
		size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
		struct prefix p;

		if (prefix_parse(rest.p, n, &p) && prefix_has(p, ip))
			return true;
		n += comma != NULL;
		rest.p += n;
		rest.n -= n;
	}
	return false;
}

/* The networks and windows that were in force at the time. */
struct verdict_places {
	const struct verdict_line *line;
	struct addr ip;
	int64_t time;
	bool network, window;
};

static int network_each(void *context, const struct network *n) {
	struct verdict_places *p = context;

	p->network = p->network || (n->added <= p->time && (n->removed == TIME_NONE || p->time < n->removed) &&
	                            prefix_has(n->at, p->ip) && slice_is(p->line->account, n->account));
	return 0;
}

static int window_each(void *context, const struct window *w) {
	struct verdict_places *p = context;

	p->window = p->window || (w->start <= p->time && p->time < w->until && prefix_has(w->at, p->ip) &&
	                          (strcmp(w->account, "*") == 0 || slice_is(p->line->account, w->account)));
	return 0;
}

/* The 30 lines that a generator has. */
static int line_answer(struct judge *j, const struct verdict_line *line, struct addr ip, int64_t time,
                       enum verdict *out, struct buf *why, struct err *err) {
	struct verdict_places places = {.line = line, .ip = ip, .time = time};
	char until[TIME_TEXT];

	if (store_networks(j->store, NULL, true, network_each, &places, err) < 0 ||
	    store_windows(j->store, time, true, window_each, &places, err) < 0)
		return -1;
	*out = VERDICT_SERVED;
	if (line->open && line->until == TIME_NONE) {
		buf_printf(why, "open without end (%.*s)", (int)line->reason.n, line->reason.p);
	} else if (line->open && time < line->until) {
		time_print(line->until, until);
		buf_printf(why, "open until %s (%.*s)", until, (int)line->reason.n, line->reason.p);
	} else if (line_is_home(line, ip)) {
		buf_text(why, "its home");
	} else if (places.network) {
		buf_printf(why, "a network of account %.*s", (int)line->account.n, line->account.p);
	} else if (places.window && !slice_is(line->reason, "held")) {
		buf_text(why, "a window is open for this address");
	} else if (!line->listed && j->conf->devices.unlisted_open) {
		buf_text(why, "not listed, and devices.unlisted is open");
	} else {
		*out = VERDICT_REFUSED;
		if (!line->listed)
			buf_text(why, "not listed, and devices.unlisted is locked");
		else if (line->open)
			buf_printf(why, "no longer open (%.*s), and not its home (%.*s)", (int)line->reason.n, line->reason.p,
			           (int)line->home.n, line->home.p);
		else
			buf_printf(why, "locked (%.*s), and not its home (%.*s)", (int)line->reason.n, line->reason.p,
			           (int)line->home.n, line->home.p);
	}
	return 0;
}

static int line_present(struct judge *j, uint64_t mac, struct buf *text, struct verdict_line *line, struct err *err) {
	struct device d;
	int found = store_device(j->store, mac, &d, err);

	*line = line_unlisted;
	if (found <= 0)
		return found;
	device_line(&d, j->conf, text);
	return text->failed ? err_set(err, ERR_SYSTEM, "out of memory")
	                    : line_read((struct slice){text->p, text->n}, line, err);
}

/* Both end the reading of records at the first one with a line after the time asked for. */
struct later_look {
	int64_t time;
	bool found, first; /* first: it came to be by that record */
};

static int later_each(void *context, const struct record *r, struct err *err) {
	static const char *const births[] = {"learned", "created", "imported"};
	struct later_look *l = context;

	(void)err;
	if (r->time <= l->time || r->line.n == 0)
		return 0;
	l->found = true;
	for (size_t i = 0; i < sizeof(births) / sizeof(births[0]); i++)
		l->first = l->first || strcmp(r->what, births[i]) == 0;
	return 1;
}

/* The line as it was. known false: from before the record begins. */
static int line_past(struct judge *j, uint64_t mac, int64_t time, struct buf *text, struct verdict_line *line,
                     bool *known, struct err *err) {
	struct record_filter filter = {.mac = mac, .since = time};
	struct later_look later = {.time = time};
	int64_t begins = TIME_NONE;
	char *room = buf_reserve(text, LINE_ROOM);
	int found;

	if (!room)
		return err_set(err, ERR_SYSTEM, "out of memory");
	found = store_record_line(j->store, mac, time, room, LINE_ROOM, &begins, err);
	if (found < 0)
		return -1;
	*known = found == 1 || (begins != TIME_NONE && begins <= time);
	if (found == 1)
		return line_read(slice_of(room), line, err);
	*line = line_unlisted;
	if (!*known)
		return 0;
	if (store_records(j->store, &filter, later_each, &later, err) < 0)
		return -1;
	if (!later.found)
		return line_present(j, mac, text, line, err); /* unchanged since before the record begins, or never there */
	*known = later.first;
	return 0;
}

/* While all is only watched, or paused, the published file holds everybody open. What the mode was is not kept. */
static int open_to_all(struct judge *j, int64_t time, bool *all, struct buf *why, struct err *err) {
	bool bans, locks;

	if (judge_paused(j, time, &bans, &locks, err) < 0)
		return -1;
	*all = locks || (time >= j->now && j->conf->mode == MODE_WATCH);
	if (*all)
		buf_text(why, locks ? "every lock is paused" : "mode is watch: nothing is locked");
	return 0;
}

int judge_verdict(struct judge *j, uint64_t mac, struct addr ip, int64_t time, enum verdict *out, struct buf *why,
                  struct err *err) {
	struct verdict_line line;
	struct buf text;
	bool known = true, all = false;
	int result = -1;

	buf_init(&text, 2 * LINE_ROOM);
	if (time < j->now) {
		if (line_past(j, mac, time, &text, &line, &known, err) < 0 ||
		    (known && open_to_all(j, time, &all, why, err) < 0))
			goto out;
	} else if (open_to_all(j, time, &all, why, err) < 0 || line_present(j, mac, &text, &line, err) < 0) {
		goto out;
	}
	result = 0;
	if (!known) {
		*out = VERDICT_FORGOTTEN;
		buf_text(why, "before the record begins");
	} else if (all) {
		*out = VERDICT_SERVED;
	} else {
		result = line_answer(j, &line, ip, time, out, why, err);
	}
out:
	buf_release(&text);
	return result;
}
