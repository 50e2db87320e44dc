#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/pass_private.h"

#define HEAR_FOR    100 /* milliseconds without a word: the clock is looked at then */
#define WORK_EVENTS 256 /* of one log, before another has its turn */
#define ALIKE_SHIFT 56  /* numbers of one worker differ from all others' */
#define PROBLEM_MAX sizeof(((struct err *)0)->text)

_Static_assert(sizeof(struct told) + PENDING_MAX + EVENT_LINE_MAX + PROBLEM_MAX <= LANE_RECORD_MAX,
               "what is told fits");

/* ---- the pass ---- */

void workers_halt(struct run *r) {
	struct workers *all = r->p->workers;

	/* Where one was lost nothing is lent again. */
	for (unsigned i = 0; all && !r->alone && i < all->n; i++)
		worker_halt(&all->at[i]);
}

/* The longest first. */
static int longer_first(const void *a, const void *b) {
	uint64_t x = source_share((*(struct feed *const *)a)->source), y = source_share((*(struct feed *const *)b)->source);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Whose logs are the shortest together, and that has a lane; NULL for none. */
static struct worker *least_busy(struct workers *all, const uint64_t *busy) {
	struct worker *least = NULL;

	for (unsigned i = 0; i < all->n; i++) {
		struct worker *w = &all->at[i];

		if (w->fd >= 0 && w->lent < WORKER_LANES && (!least || busy[i] < busy[least - all->at]))
			least = w;
	}
	return least;
}

static void feed_lend(struct run *r, struct feed *f, struct worker *w) {
	const char *format = r->p->sources[source_conf(f->source)].format;
	unsigned lane = w->lent;

	/* Before the worker knows of it: what another log left there is dropped. */
	lane_end_init(&f->lane, &w->shared->lanes[lane]);
	if (!worker_lend(w, lane, format ? format : "", f->source))
		return;
	w->lent++;
	f->worker = w;
}

void workers_lend(struct run *r) {
	struct workers *all = r->p->workers;
	uint64_t least = r->p->share_min ? r->p->share_min : SHARE_MIN;
	uint64_t busy[WORKERS_MAX] = {0};
	struct feed **long_ones;
	uint32_t n = 0;

	if (!all || all->n == 0 || r->alone)
		return;
	long_ones = calloc(r->nfeeds + 1, sizeof(struct feed *));
	for (uint32_t i = 0; long_ones && i < r->nfeeds; i++)
		if (source_share(r->feeds[i].source) >= least)
			long_ones[n++] = &r->feeds[i];
	/* One alone is read as fast by this process. */
	if (n > 1)
		qsort(long_ones, n, sizeof(struct feed *), longer_first);
	for (uint32_t i = 0; n > 1 && i < n; i++) {
		struct worker *w = least_busy(all, busy);

		if (!w)
			break;
		busy[w - all->at] += source_share(long_ones[i]->source);
		feed_lend(r, long_ones[i], w);
	}
	free(long_ones);
}

static void feed_told(struct feed *f, const struct told *t) {
	f->told = t;
	f->touched = true;
	f->state = t->state;
	f->high = t->high;
	f->before = t->before;
	f->read.lines = t->lines;
	f->read.events = t->events;
	f->read.unreadable = t->unreadable;
	f->read.skipped = t->skipped;
	if (t->sample.n > 0 && !f->sampled) {
		buf_clear(&f->sample);
		buf_add(&f->sample, t->sample.p, t->sample.n);
		f->sampled = !f->sample.failed;
	}
	if (t->state != FEED_PENDING)
		return;
	f->event = t->event;
	f->key = t->high;
	f->retold = false;
}

int feed_hear(struct run *r, struct feed *f, struct err *err) {
	const void *record;
	size_t n;
	int taken = lane_take(&f->lane, &record, &n);

	f->state = FEED_READING;
	if (taken == 0) {
		if (worker_wait(f->worker, &f->lane, HEAR_FOR))
			return 0;
		taken = -1;
	}
	if (taken < 0 || n < sizeof(struct told)) {
		worker_drop(f->worker);
		r->alone = true;
		return RUN_ANEW;
	}
	feed_told(f, record);
	worker_rouse(f->worker, f->lane.lane);
	return f->told->problem.n > 0 ? err_set(err, ERR_SYSTEM, "%.*s", (int)f->told->problem.n, f->told->problem.p) : 0;
}

/* ---- a worker ---- */

struct work {
	struct run run;
	struct worker *worker;
	struct source_set *set;
	struct feed feeds[WORKER_LANES];
	unsigned lent, open; /* lanes, by bit: with a log, and with one that is not at its end */
};

static int work_begin(struct work *w, struct err *err) {
	const struct pass *p = w->run.p;

	w->set = source_set_new(p->conf, p->sources, p->nsources);
	return w->set ? 0 : err_set(err, ERR_SYSTEM, "worker: out of memory");
}

static void work_end(struct work *w) {
	for (unsigned i = 0; i < WORKER_LANES; i++)
		if (w->lent >> i & 1)
			feed_release(&w->feeds[i]);
	w->lent = w->open = 0;
	source_set_close(&w->set);
}

static int work_take(struct work *w, const struct worker_lend *lend, struct err *err) {
	struct source *source;
	const char *format;

	if (lend->lane >= WORKER_LANES || w->lent >> lend->lane & 1)
		return err_set(err, ERR_SYSTEM, "worker: a log for no lane");
	if (source_unpack(w->set, lend->source, &source, err) < 0)
		return -1;
	/* A FILE's format is guessed from how it begins, which may have changed between two looks at it. */
	format = w->run.p->sources[source_conf(source)].format;
	if (strcmp(format ? format : "", lend->format) != 0)
		return err_set(err, ERR_SYSTEM, "%s: was replaced while it was looked at", source_path(source));
	w->lent |= 1U << lend->lane;
	w->open |= 1U << lend->lane;
	return feed_init(&w->feeds[lend->lane], &w->run, source, 0, err);
}

/* Tells where the log stands, and its event. */
static void work_tell(struct work *w, unsigned lane, struct slice problem) {
	struct feed *f = &w->feeds[lane];
	struct lane *to = &w->worker->shared->lanes[lane];
	struct told *t = lane_room(to);
	char *texts;

	assert(t);
	texts = (char *)(t + 1);
	t->state = f->state;
	t->high = f->high;
	t->before = f->before;
	t->lines = f->read.lines;
	t->events = f->read.events;
	t->unreadable = f->read.unreadable;
	t->skipped = f->read.skipped;
	source_stand(f->source, false, &t->behind);
	if (f->state == FEED_PENDING) {
		source_stand(f->source, true, &t->front);
		t->event = f->event;
		assert(event_texts_size(&t->event) <= PENDING_MAX);
		texts = event_texts_move(&t->event, texts);
		if (t->event.alike)
			t->event.alike |= (uint64_t)w->worker->number << ALIKE_SHIFT;
	}
	t->sample = (struct slice){texts, f->sampled ? f->sample.n : 0};
	if (f->sampled)
		memcpy(texts, f->sample.p, f->sample.n);
	texts += t->sample.n;
	f->sampled = false;
	t->problem = (struct slice){texts, problem.n};
	if (problem.n > 0)
		memcpy(texts, problem.p, problem.n);
	texts += problem.n;
	lane_put(to, (size_t)(texts - (char *)t));
	worker_told(w->worker);
}

/* Reads on, as far as there is room. False: there was none. */
static bool work_on(struct work *w, unsigned lane) {
	struct lane *to = &w->worker->shared->lanes[lane];
	struct feed *f = &w->feeds[lane];
	unsigned events = 0;

	if (!lane_room(to))
		return false;
	f->until = UINT64_MAX;
	do {
		struct err err;
		int result = feed_read(f, &err);

		/* Where it merely got on, nobody needs to know who has not even taken what was told before. */
		if (f->state != FEED_READING || lane_is_taken(to))
			work_tell(w, lane, result < 0 ? slice_of(err.text) : (struct slice){0});
	} while (f->state == FEED_PENDING && ++events < WORK_EVENTS && lane_room(to));
	if (f->state == FEED_DONE)
		w->open &= ~(1U << lane);
	return true;
}

static int work(struct work *w, struct err *err) {
	bool idle = true;

	for (;;) {
		struct worker_lend lend;
		int result = 0;

		switch (worker_listen(w->worker, idle, w->open, &lend)) {
		case WORKER_GO_ON:
			break;
		case WORKER_LEND:
			result = work_take(w, &lend, err);
			break;
		case WORKER_HALT:
			work_end(w);
			worker_halted(w->worker);
			result = work_begin(w, err);
			break;
		case WORKER_END:
			return 0;
		}
		if (result < 0)
			return -1;
		idle = true;
		for (unsigned i = 0; i < WORKER_LANES; i++)
			if (w->open >> i & 1 && work_on(w, i))
				idle = false;
		if (w->run.p->geo)
			geo_refresh(w->run.p->geo);
	}
}

int pass_work(struct pass *p, struct err *err) {
	struct work w = {.run = {.p = p}, .worker = &p->workers->at[0]};
	int result = 0;

	/* What fails of these fails in the pass too, which says so. */
	if (settings_init(&w.run, err) == 0 && (!p->ready || p->ready(p->context, err) == 0))
		result = work_begin(&w, err) < 0 ? -1 : work(&w, err);
	work_end(&w);
	settings_release(&w.run);
	return result;
}
