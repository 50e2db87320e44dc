#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/link_private.h"
#include "enforcer/projection.h"

#define CURSOR_TEXTS ((size_t)4 * CURSOR_NAME_MAX) /* name, file and sample of one */
#define NAME_ROOM    (CURSOR_NAME_MAX + 8)
#define HINT_AHEAD   8 /* events between asking memory for what was found of one and judging it */

/* ---- a batch is checked ---- */

static int compare_ids(const void *a, const void *b) {
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* No log stands twice in the table. */
static int check_once(const struct link *l, struct err *err) {
	uint32_t *ids = calloc(l->n, sizeof(*ids));
	bool twice = false;

	if (!ids)
		return err_set(err, ERR_SYSTEM, "link: out of memory");
	for (uint32_t i = 0; i < l->n; i++)
		ids[i] = l->at[i].id ? l->at[i].id : l->at[i].to.id;
	qsort(ids, l->n, sizeof(*ids), compare_ids);
	for (uint32_t i = 1; i < l->n; i++)
		twice = twice || ids[i] == ids[i - 1];
	free(ids);
	return twice ? err_set(err, ERR_INPUT, "batch: a log stands in it twice") : 0;
}

/* A number of the session's own that has got its cursor stands for that from then on. */
static int check_place(const struct link *l, struct place *p, struct err *err) {
	const struct conf *conf = l->e->conf;
	const struct cursor *to = &p->to;

	p->own = UINT32_MAX;
	p->early = -1;
	if (to->transient != (to->id == 0))
		return err_set(err, ERR_INPUT, "batch: only standard input has no number");
	if (to->id & CURSOR_NEW) {
		p->own = to->id & ~CURSOR_NEW;
		if (p->own >= LINK_LOGS_MAX)
			return err_set(err, ERR_INPUT, "batch: more than %u logs", LINK_LOGS_MAX);
		p->id = l->own[p->own];
		if (p->id == 0 && p->from != 0)
			return err_set(err, ERR_INPUT, "batch: a log that is new does not begin at its beginning");
	} else if (to->id > l->told) {
		return err_set(err, ERR_INPUT, "batch: cursor %u was never told", to->id);
	} else {
		p->id = to->id;
	}
	if (to->offset < p->from)
		return err_set(err, ERR_INPUT, "batch: an offset goes back");
	/* The configuration may have been read again since the analyzer started: the name tells which source is meant. */
	p->believed = to->source < conf->nsources && conf->sources[to->source].inventory &&
	              slice_is(to->name, conf->sources[to->source].path);
	return 0;
}

/* Everything in it but its events, before anything of it is applied; link_want checks those. */
static int check_batch(struct link *l, struct slice body, uint64_t *seq, struct err *err) {
	if (get_u64(&body, seq) < 0 || get_u32(&body, &l->n) < 0 || l->n == 0 || l->n > LINK_LOGS_MAX)
		return err_set(err, ERR_INPUT, "batch: malformed head");
	if (l->n > l->room) {
		struct place *more = realloc(l->at, l->n * sizeof(*more));

		if (!more)
			return err_set(err, ERR_SYSTEM, "link: out of memory");
		l->at = more;
		l->room = l->n;
	}
	memset(l->at, 0, l->n * sizeof(*l->at));
	for (uint32_t i = 0; i < l->n; i++) {
		if (get_u64(&body, &l->at[i].from) < 0)
			return err_set(err, ERR_INPUT, "batch: cut short");
		if (cursor_decode(&body, &l->at[i].to, err) < 0 || check_place(l, &l->at[i], err) < 0)
			return -1;
	}
	if (check_once(l, err) < 0)
		return -1;
	if (batch_read_head(&l->view, body, err) < 0)
		return -1;
	/* It comes again with the texts that it waited for. */
	if (l->want.asked)
		return 0;
	if (link_check_rows(l, err) < 0)
		return -1;
	memset(l->quiet, 0, l->view.nrows * sizeof(*l->quiet));
	return 0;
}

/* ---- where it stands in what was committed ---- */

enum standing_of_batch { BATCH_FRESH, BATCH_COVERED, BATCH_STALE };

struct strangers {
	const struct link *l;
	bool met;
};

/* Another analyzer may have brought a log that is new to this one, since this one was told what is known. */
static int meet(void *context, const struct cursor *c) {
	struct strangers *s = context;
	const struct link *l = s->l;

	if (c->id <= l->told)
		return 0;
	for (uint32_t i = 0; i < LINK_LOGS_MAX; i++)
		if (l->own[i] == c->id)
			return 0;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct cursor *to = &l->at[i].to;

		if (to->transient || l->at[i].id != 0)
			continue;
		if ((to->head_len == c->head_len && to->head_hash == c->head_hash) ||
		    (to->ino != 0 && to->ino == c->ino && to->dev == c->dev))
			s->met = true;
	}
	return 0;
}

static int stand(struct link *l, enum standing_of_batch *out, struct err *err) {
	struct strangers strangers = {.l = l};
	bool fresh = true, covered = true, anew = false;
	struct buf texts;
	int result = 0;

	buf_init(&texts, CURSOR_TEXTS);
	for (uint32_t i = 0; i < l->n && result == 0; i++) {
		struct place *p = &l->at[i];
		struct cursor c;
		int found;

		if (p->to.transient) {
			covered = false;
			continue;
		}
		if (p->id == 0) {
			covered = false;
			anew = true;
			continue;
		}
		buf_clear(&texts);
		found = store_cursor(l->e->store, p->id, &c, &texts, err);
		if (found < 0)
			result = -1;
		if (found <= 0) {
			fresh = covered = false;
			continue;
		}
		p->stored = c.offset;
		p->lines = c.lines;
		fresh = fresh && p->from == c.offset;
		covered = covered && p->to.offset <= c.offset;
	}
	if (result == 0 && fresh && anew && l->made != l->e->cursors_made)
		result = store_cursors(l->e->store, meet, &strangers, err);
	buf_release(&texts);
	if (result != 0)
		return -1;
	*out = strangers.met ? BATCH_STALE : fresh ? BATCH_FRESH : covered ? BATCH_COVERED : BATCH_STALE;
	return 0;
}

/* ---- a batch is applied ---- */

struct oldest {
	const struct link *l;
	uint32_t id, newest;
	int64_t high_time;
};

static int find_oldest(void *context, const struct cursor *c) {
	struct oldest *o = context;

	if (c->id > o->newest)
		o->newest = c->id;
	for (uint32_t i = 0; i < o->l->n; i++)
		if (o->l->at[i].id == c->id)
			return 0;
	if (o->id == 0 || c->high_time < o->high_time) {
		o->id = c->id;
		o->high_time = c->high_time;
	}
	return 0;
}

/* Cursors are bounded: rotation leaves one behind for each file. The one that has been silent for longest goes; never the newest, so
 * that its number is not given again. */
static int make_room(struct link *l, struct err *err) {
	struct oldest o = {.l = l};

	if (l->cursors < LINK_LOGS_MAX) {
		l->cursors++;
		return 0;
	}
	if (store_cursors(l->e->store, find_oldest, &o, err) != 0)
		return -1;
	return o.id == 0 || o.id == o.newest ? 0 : store_cursor_forget(l->e->store, o.id, err);
}

static struct slice log_name(const struct place *p) {
	return p->to.file.n > 0 ? p->to.file : p->to.name;
}

static int put_aside(struct link *l, struct place *p, const struct event *v, int64_t now, uint64_t *dropped,
                     struct err *err) {
	struct event kept = *v;
	struct buf bytes;
	int result;

	if (p->early < 0 && store_early_count(l->e->store, p->id, &p->early, err) < 0)
		return -1;
	if (v->time - now > p->ahead)
		p->ahead = v->time - now;
	p->newly++;
	if (p->early >= LINK_EARLY_MAX) {
		(*dropped)++;
		return 0;
	}
	p->early++;
	kept.cursor = p->id;
	buf_init(&bytes, LINK_FRAME_MAX);
	event_encode(&bytes, &kept);
	result = bytes.failed ? err_set(err, ERR_SYSTEM, "link: out of memory")
	                      : store_early_put(l->e->store, p->id, v->time, (struct slice){bytes.p, bytes.n}, err);
	buf_release(&bytes);
	return result;
}

struct batch_sums {
	uint64_t events[EVENT_KINDS];
	uint64_t lines, early, dropped, leaks, unbelieved;
	uint32_t rows[LINK_EVENTS_MAX];
	int64_t lag; /* of the last so many events */
	uint64_t nlag;
};

/* Most events of a batch have the stamp of the one before. */
static void note_lag(struct link *l, struct batch_sums *sums, int64_t lag, uint64_t n) {
	if (lag != sums->lag || n == 0) {
		meter_add(&l->e->meter, METER_LAG, sums->lag, sums->nlag);
		sums->lag = lag;
		sums->nlag = 0;
	}
	sums->nlag += n;
}

/* 1; 0: its texts are needed, and are not there; -1. */
static int apply_event(struct link *l, const struct batch_walk *w, int64_t now, struct batch_sums *sums,
                       struct err *err) {
	const struct event *v = &w->e;
	struct place *p = &l->at[v->cursor];
	bool leak = false, early = v->time > now + LINK_AHEAD;
	int quiet;

	sums->events[v->kind]++;
	sums->rows[w->row]++;
	note_lag(l, sums, now - v->time, 1);
	if (v->kind >= EVENT_DEVICE_CREATED && !p->believed) {
		sums->unbelieved++;
		return 1;
	}
	if (early) {
		sums->early++;
		return w->with_texts ? (put_aside(l, p, v, now, &sums->dropped, err) < 0 ? -1 : 1) : 0;
	}
	if (projection_leak(l->e, v, &leak, err) < 0)
		return -1;
	if (leak) {
		sums->leaks++;
		p->leaks++;
		p->leaked = v->ip;
	}
	quiet = judge_quiet(l->e->judge, v, &l->quiet[w->row], &l->found[w->next - 1], false, err);
	if (quiet != 0)
		return quiet;
	if (!w->with_texts)
		return 0;
	return judge_event(l->e->judge, v, log_name(p), err) < 0 ? -1 : 1;
}

static int apply_cursors(struct link *l, struct batch_sums *sums, struct err *err) {
	for (uint32_t i = 0; i < l->n; i++) {
		struct place *p = &l->at[i];
		uint64_t before = p->to.transient ? l->inputs : p->lines;

		sums->lines += p->to.lines > before ? p->to.lines - before : 0;
		if (p->to.transient)
			continue;
		if (p->id == 0 && make_room(l, err) < 0)
			return -1;
		p->to.id = p->id;
		if (store_cursor_put(l->e->store, &p->to, err) < 0)
			return -1;
		p->id = p->to.id;
	}
	return 0;
}

static int add_sum(struct store *store, const char *name, uint64_t more, struct err *err) {
	return more == 0 ? 0 : store_sum_add(store, name, (int64_t)more, err);
}

static int apply_sums(struct link *l, const struct batch_sums *sums, struct err *err) {
	struct store *store = l->e->store;

	for (int i = 0; i < EVENT_KINDS; i++) {
		char name[64] = "events.";

		(void)slice_copy(slice_of(event_kind_name((enum event_kind)i)), name + 7, sizeof(name) - 7);
		if (add_sum(store, name, sums->events[i], err) < 0)
			return -1;
	}
	if (add_sum(store, "lines", sums->lines, err) < 0 || add_sum(store, "early", sums->early, err) < 0 ||
	    add_sum(store, "early.dropped", sums->dropped, err) < 0 || add_sum(store, "leaks", sums->leaks, err) < 0)
		return -1;
	return add_sum(store, "events.unbelieved", sums->unbelieved, err);
}

/* What a person should look at, kept under a name of its own beside the analyzer's notices. */
static int put_notice(struct store *store, const char *what, const struct place *p, const char *text, int64_t now,
                      struct err *err) {
	struct buf b;
	int result;

	buf_init(&b, NAME_ROOM);
	buf_printf(&b, "%s ", what);
	buf_add(&b, log_name(p).p, log_name(p).n);
	result = b.failed ? err_set(err, ERR_SYSTEM, "link: out of memory")
	                  : store_notice_put(store, (struct slice){b.p, b.n}, slice_of(text), now, err);
	buf_release(&b);
	return result;
}

static int apply_notices(struct link *l, int64_t now, struct err *err) {
	for (uint32_t i = 0; i < l->n; i++) {
		const struct place *p = &l->at[i];
		char text[256], ahead[TIME_TEXT], ip[ADDR_TEXT];

		if (p->newly > 0) {
			duration_print(p->ahead, ahead);
			(void)snprintf(
				text, sizeof(text),
				"events up to %s ahead of this machine's clock: check the time zone of the source and both clocks",
				ahead);
			if (put_notice(l->e->store, "early", p, text, now, err) < 0)
				return -1;
		}
		if (p->leaks > 0) {
			addr_print(p->leaked, ip);
			(void)snprintf(text, sizeof(text),
			               "%s still comes through though it is banned: a proxy in front, or a port that "
			               "firewall.ports leaves out?",
			               ip);
			if (put_notice(l->e->store, "leak", p, text, now, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int apply_events(struct link *l, int64_t now, struct batch_sums *sums, struct err *err) {
	struct batch_walk w;
	int done = 1;

	link_walk(l, &w);
	while (done > 0 && batch_next(&w)) {
		if (w.next + HINT_AHEAD < l->view.n)
			judge_hint_found(l->e->judge, &l->found[w.next + HINT_AHEAD]);
		done = apply_event(l, &w, now, sums, err);
	}
	return done;
}

static void applied(struct link *l) {
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->at[i].own != UINT32_MAX && l->own[l->at[i].own] == 0) {
			l->own[l->at[i].own] = l->at[i].id;
			l->made++;
			l->e->cursors_made++;
		}
		l->e->early = l->e->early || l->at[i].newly > 0;
		if (l->at[i].to.transient)
			l->inputs = l->at[i].to.lines;
	}
}

static void apply_meter(struct link *l, struct batch_sums *sums) {
	note_lag(l, sums, 0, 0);
	for (uint32_t i = 0; i < l->view.nrows; i++)
		meter_rule(&l->e->meter, l->view.rows[i].rule, sums->rows[i]);
}

/* What was done since it was looked at last: what more events make longer. */
static void note_took(struct link *l) {
	int64_t now = meter_clock();

	l->took += now - l->began;
	l->began = now;
}

/* 1; 0: nothing is applied, since texts that are not there are needed; -1 */
static int apply(struct link *l, struct err *err) {
	const struct meter_histogram lags = l->e->meter.of[METER_LAG];
	struct batch_sums sums = {0};
	int64_t now = clock_now();
	int done;

	if (store_begin(l->e->store, err) < 0)
		return -1;
	done = apply_cursors(l, &sums, err);
	if (done == 0)
		done = apply_events(l, now, &sums, err);
	if (done > 0 && (apply_sums(l, &sums, err) < 0 || apply_notices(l, now, err) < 0))
		done = -1;
	note_took(l);
	if (done <= 0)
		enforcer_rollback(l->e);
	else if (enforcer_commit(l->e, err) < 0)
		done = -1;
	if (done <= 0) {
		l->e->meter.of[METER_LAG] = lags;
		return done;
	}
	l->e->state_problem[0] = '\0';
	applied(l);
	apply_meter(l, &sums);
	return 1;
}

static int want(struct link *l, uint64_t seq, struct err *err) {
	int wanted;

	if (store_look(l->e->store, err) < 0)
		return -1;
	wanted = link_want(l, seq, err);
	store_looked(l->e->store);
	return wanted;
}

/* As link_batch, of one that builds on what is committed. */
static int take(struct link *l, uint64_t seq, struct err *err) {
	int done;

	/* Where texts were wanted those are there, and most likely enough. */
	if (!l->want.asked) {
		int wanted = want(l, seq, err);

		if (wanted != 0)
			return wanted < 0 ? -1 : 0;
	}
	done = apply(l, err);
	if (done != 0)
		return done;
	link_want_all(l);
	return link_want(l, seq, err) < 0 ? -1 : 0;
}

int link_batch(struct link *l, struct slice body, struct err *err) {
	enum standing_of_batch standing;
	struct err ignored;
	uint64_t seq;
	int taken;

	l->began = meter_clock();
	if (check_batch(l, body, &seq, err) < 0 || stand(l, &standing, err) < 0)
		return -1;
	if (standing == BATCH_STALE) {
		link_want_nothing(l);
		link_answer(l, LINK_STALE, seq);
		l->took = 0;
		l->stale = true;
		return link_tell(l, err) < 0 ? -1 : 1;
	}
	taken = standing == BATCH_FRESH ? take(l, seq, err) : 1;
	if (taken <= 0) {
		note_took(l);
		return taken;
	}
	link_want_nothing(l);
	l->seq = seq;
	link_acknowledge(l);
	/* What could not be written stays due, and is a problem for `status`. */
	if (standing == BATCH_FRESH)
		(void)projection_follow(l->e, false, &ignored);
	return 1;
}
