#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/pass_private.h"
#include "common/timefmt.h"

#define FLUSH_EVERY 200 /* milliseconds */
#define SHOW_EVERY  100
#define TICK_EVENTS 256     /* events between two looks at the clock */
#define FAULT_NAME  "rules" /* of the notice about an analyzer that could not be started */
#define STALE_MAX   1000    /* another analyzer that always is quicker gets somewhere, so this ends long before */

int64_t milliseconds(void) {
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void run_notice(struct run *r, struct slice name, struct slice problem) {
	struct err err;

	/* Where the link is broken the next batch will tell. */
	(void)uplink_notice(&r->up, name, problem, &err);
	if (r->p->notice)
		r->p->notice(r->p->context, name, problem);
}

static void set_notice(void *context, struct slice name, struct slice problem) {
	run_notice(context, name, problem);
}

/* ---- settings ---- */

static bool text_same(const char *a, const char *b) {
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool setting_serves(const struct setting *s, const struct conf_source *conf) {
	assert(s->conf);
	return text_same(s->conf->format, conf->format) && text_same(s->conf->pattern, conf->pattern) &&
	       text_same(s->conf->timezone, conf->timezone) && text_same(s->conf->account, conf->account) &&
	       s->conf->inventory == conf->inventory;
}

static void setting_release(struct setting *s) {
	line_context_release(&s->context);
	format_own_free(&s->own);
	recall_free(&s->recall);
}

static int setting_init(struct setting *s, const struct pass *p, const struct conf_source *conf, struct err *err) {
	const struct format *format;

	*s = (struct setting){.conf = conf};
	if (conf->pattern) {
		if (rules_own_format(p->rules, conf->pattern, &s->own, err) < 0)
			return err_prefix(err, "source %s", conf->path);
		format = s->own;
	} else {
		if (format_named(&format, slice_of(conf->format), err) < 0)
			return err_prefix(err, "source %s", conf->path);
	}
	if (line_context_init(&s->context, p->conf, p->rules, p->geo, format, conf->timezone, conf->account, err) < 0) {
		format_own_free(&s->own);
		return err_prefix(err, "source %s", conf->path);
	}
	s->context.inventory = conf->inventory;
	s->time = s->context.time;
	if (recall_new(&s->recall, &s->context, err) < 0) {
		setting_release(s);
		return -1;
	}
	s->context.recall = s->recall;
	return 0;
}

int settings_init(struct run *r, struct err *err) {
	r->settings = calloc(r->p->nsources + 1, sizeof(*r->settings));
	r->setting_of = calloc(r->p->nsources + 1, sizeof(*r->setting_of));
	if (!r->settings || !r->setting_of)
		return err_set(err, ERR_SYSTEM, "pass: out of memory");
	for (uint32_t i = 0; i < r->p->nsources; i++) {
		uint32_t k = 0;

		while (k < r->nsettings && !setting_serves(&r->settings[k], &r->p->sources[i]))
			k++;
		if (k == r->nsettings) {
			if (setting_init(&r->settings[k], r->p, &r->p->sources[i], err) < 0)
				return -1;
			r->nsettings++;
		}
		r->setting_of[i] = k;
	}
	return 0;
}

void settings_release(struct run *r) {
	for (uint32_t i = 0; i < r->nsettings; i++)
		setting_release(&r->settings[i]);
	free(r->settings);
	free(r->setting_of);
}

/* ---- a session: from the cursors that the enforcer told to the end, or to LINK_STALE ---- */

static int input_open(struct run *r, struct err *err) {
	uint32_t conf = 0;

	while (conf < r->p->nsources && strcmp(r->p->sources[conf].path, "-") != 0)
		conf++;
	if (!r->p->standard_input || conf == r->p->nsources)
		return 0;
	if (source_input_new(&r->input, conf, r->p->peeked, r->p->wake, err) < 0)
		return -1;
	if (feed_init(&r->input_feed, r, r->input, 0, err) < 0) {
		feed_release(&r->input_feed);
		return -1;
	}
	r->input_known = true;
	return 0;
}

static void session_close(struct run *r) {
	if (r->input_known && r->nfeeds > 0)
		r->input_feed = r->feeds[--r->nfeeds];
	for (uint32_t i = 0; i < r->nfeeds; i++)
		feed_release(&r->feeds[i]);
	free(r->feeds);
	free(r->heap);
	r->feeds = NULL;
	r->heap = NULL;
	r->nfeeds = r->nheap = 0;
	source_set_close(&r->set);
}

static int feeds_open(struct run *r, uint32_t logs, struct err *err) {
	uint32_t input_conf = r->input_known ? source_conf(r->input) : UINT32_MAX;
	uint32_t fresh = 0, order = 0;

	for (uint32_t i = 0; i < logs; i++) {
		struct source *source = source_set_at(r->set, i);
		const char *name = r->p->sources[source_conf(source)].path;
		struct cursor start;

		source_start(source, &start);
		if (start.id == 0 && fresh++ >= LINK_LOGS_MAX) {
			run_notice(r, slice_of(name), slice_of("too many new logs for one pass: the rest is for the next"));
			continue;
		}
		if (source_conf(source) > input_conf && r->input_feed.order == 0)
			r->input_feed.order = ++order;
		if (feed_init(&r->feeds[r->nfeeds++], r, source, ++order, err) < 0)
			return -1;
	}
	if (r->input_feed.order == 0)
		r->input_feed.order = ++order;
	return 0;
}

static int session_open(struct run *r, struct err *err) {
	struct source_notice notice = {set_notice, r};
	int64_t began = milliseconds();
	uint32_t logs;
	int result;

	workers_halt(r);
	if (r->watch && follow_places(r, err) < 0)
		return -1;
	if (source_set_open(&r->set, r->p->conf, r->p->sources, r->p->nsources, r->up.cursors, r->up.ncursors, r->p->follow,
	                    notice, err) < 0)
		return -1;
	logs = source_set_count(r->set);
	r->feeds = calloc(logs + 1, sizeof(*r->feeds));
	r->heap = calloc(logs + 1, sizeof(*r->heap));
	if (!r->feeds || !r->heap)
		return err_set(err, ERR_SYSTEM, "pass: out of memory");
	r->next_id = 0;
	r->input_feed.order = 0;
	result = feeds_open(r, logs, err);
	/* Always the last one: batch_hear looks for it there. */
	if (r->input_known)
		r->feeds[r->nfeeds++] = r->input_feed;
	r->p->sums.logs = r->nfeeds;
	if (result == 0 && r->watch)
		result = follow_logs(r, err);
	else if (result == 0)
		workers_lend(r);
	r->opened = milliseconds();
	r->opening = r->opened - began;
	return result < 0 ? -1 : batch_reset(r, err);
}

/* ---- the merge ---- */

static bool feed_before(const struct feed *a, const struct feed *b) {
	if (a->key != b->key)
		return a->key < b->key;
	if (a->order != b->order)
		return a->order < b->order;
	return a->event.offset < b->event.offset;
}

/* The heap holds feeds with a pending event, the one that goes first at its top. */
static void heap_down(struct run *r, uint32_t i) {
	for (;;) {
		uint32_t first = i;

		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < r->nheap; child++)
			if (feed_before(&r->feeds[r->heap[child]], &r->feeds[r->heap[first]]))
				first = child;
		if (first == i)
			return;
		uint32_t feed = r->heap[i];

		r->heap[i] = r->heap[first];
		r->heap[first] = feed;
		i = first;
	}
}

bool run_stopped(const struct run *r) {
	return r->p->stop && *r->p->stop;
}

static void show(struct run *r) {
	uint64_t left = 0;

	if (!r->p->progress)
		return;
	for (uint32_t i = 0; i < r->nfeeds; i++)
		left += source_left(r->feeds[i].source);
	r->p->progress(r->p->context, &r->p->sums, left);
}

void run_show(struct run *r) {
	int64_t now = milliseconds();

	follow_beat(r);
	if (now - r->shown < SHOW_EVERY)
		return;
	r->shown = now;
	show(r);
	if (r->p->geo)
		geo_refresh(r->p->geo);
}

/* What is due by the clock. */
static int tick(struct run *r, struct err *err) {
	int64_t now = milliseconds();

	run_show(r);
	if (now - r->flushed < FLUSH_EVERY)
		return 0;
	return batch_flush(r, err);
}

/* Reads until the log has an event or ends, or its turn does. */
static int feed_advance(struct run *r, struct feed *f, struct err *err) {
	f->state = FEED_READING;
	while (f->state == FEED_READING && f->read.lines < f->until) {
		int result = f->worker ? feed_hear(r, f, err) : feed_read(f, err);

		if (result < 0)
			run_notice(r, slice_of(r->p->sources[source_conf(f->source)].path), slice_of(err->text));
		if (result > 0)
			return result;
		if (f->state != FEED_READING)
			break;
		result = tick(r, err);
		if (result != 0)
			return result;
		if (run_stopped(r))
			return 0;
	}
	f->due = f->behind = f->state != FEED_DONE;
	return 0;
}

/* The feeds that are due, each with its first event. */
static int round_begin(struct run *r, bool behind, uint64_t turn, struct err *err) {
	r->nheap = 0;
	for (uint32_t i = 0; i < r->nfeeds && !run_stopped(r); i++) {
		struct feed *f = &r->feeds[i];
		int result;

		if (!f->due || f->behind != behind)
			continue;
		f->until = turn < UINT64_MAX - f->read.lines ? f->read.lines + turn : UINT64_MAX;
		result = feed_advance(r, f, err);
		if (result != 0)
			return result;
		if (f->state != FEED_PENDING)
			continue;
		if (feed_keep(f, err) < 0)
			return -1;
		r->heap[r->nheap++] = i;
	}
	for (uint32_t i = r->nheap / 2; i-- > 0;)
		heap_down(r, i);
	return 0;
}

int run_round(struct run *r, bool behind, uint64_t turn, struct err *err) {
	uint32_t since_tick = 0;
	int result = round_begin(r, behind, turn, err);

	while (result == 0 && r->nheap > 0 && !run_stopped(r)) {
		struct feed *f = &r->feeds[r->heap[0]];

		result = batch_add(r, f, &f->event, err);
		if (result == 0)
			result = feed_advance(r, f, err);
		if (result == 0 && ++since_tick == TICK_EVENTS) {
			since_tick = 0;
			result = tick(r, err);
		}
		if (f->state != FEED_PENDING)
			r->heap[0] = r->heap[--r->nheap];
		heap_down(r, 0);
		/* Where this log's next event is the next of all, as in most logs that are long, it goes from the line into the batch. */
		if (result == 0 && f->state == FEED_PENDING && f != &r->feeds[r->heap[0]])
			result = feed_keep(f, err);
	}
	return result;
}

static int session_merge(struct run *r, struct err *err) {
	int result = run_round(r, false, UINT64_MAX, err);

	if (result == 0)
		result = batch_flush(r, err);
	if (result == 0 || result == RUN_ANEW) {
		int settled = batch_settle(r, err);

		result = settled == 0 ? result : settled;
	}
	return result;
}

static int session_run(struct run *r, struct err *err) {
	int result = session_open(r, err);

	if (result == 0)
		result = r->p->follow ? run_follow(r, err) : session_merge(r, err);
	if (result == 0)
		show(r);
	if (result > 0 && r->input_known)
		batch_recall(r, &r->feeds[r->nfeeds - 1]);
	session_close(r);
	return result;
}

static void tell_geo(struct run *r) {
	if (r->p->geo)
		run_notice(r, slice_of("geoip"), slice_of(geo_problem(r->p->geo)));
}

static void tell_workers(struct run *r) {
	if (r->p->workers)
		run_notice(r, slice_of("workers"), slice_of(workers_problem(r->p->workers)));
}

static int end(struct run *r, struct err *err) {
	enum link_type type;
	uint64_t seq;

	tell_geo(r);
	tell_workers(r);
	if (uplink_done(&r->up, err) < 0 || uplink_answer(&r->up, &type, &seq, err) < 0)
		return -1;
	return type == LINK_ACK ? 0 : err_set(err, ERR_INPUT, "link: the end of the pass was not taken");
}

int pass_check(struct pass *p, struct err *err) {
	struct run r = {.p = p};
	int result = settings_init(&r, err);

	settings_release(&r);
	return result;
}

int pass_tell_fault(int link, const char *fault, struct err *err) {
	struct uplink up;
	int result;

	uplink_init(&up, link);
	result = uplink_hello(&up, err);
	if (result == 0)
		result = uplink_notice(&up, slice_of(FAULT_NAME), slice_of(fault), err);
	/* Answered when both were dealt with: until then the link must stay. */
	if (result == 0)
		result = uplink_cursors(&up, err);
	if (result == 0)
		result = uplink_done(&up, err);
	if (result == 0) {
		enum link_type type;
		uint64_t seq;

		result = uplink_answer(&up, &type, &seq, err);
	}
	uplink_release(&up);
	return result;
}

int pass_run(struct pass *p, struct err *err) {
	struct run r = {.p = p};
	unsigned in_vain = 0;
	uint64_t lines = 0;
	int result = -1;

	p->sums = (struct pass_sums){0};
	uplink_init(&r.up, p->link);
	r.flushed = r.shown = r.alive = milliseconds();
	if ((p->follow && watch_new(&r.watch, err) < 0) || batches_init(&r, err) < 0 || settings_init(&r, err) < 0 ||
	    (p->ready && p->ready(p->context, err) < 0) || input_open(&r, err) < 0 || uplink_hello(&r.up, err) < 0 ||
	    uplink_cursors(&r.up, err) < 0)
		goto out;
	if (p->follow) {
		run_notice(&r, slice_of(FAULT_NAME), slice_of(""));
		tell_geo(&r);
		tell_workers(&r);
		if (p->begins)
			p->begins(p->context);
	}
	while ((result = session_run(&r, err)) > 0) {
		bool stale = result == RUN_STALE;

		result = -1;
		in_vain = p->sums.lines > lines ? 0 : in_vain + stale;
		lines = p->sums.lines;
		if (stale && (++p->sums.stale, in_vain > STALE_MAX)) {
			(void)err_set(err, ERR_SYSTEM, "other analyzers are always quicker: let one run at a time");
			goto out;
		}
		/* After LINK_STALE the cursors come by themselves; else a second greeting asks for them. */
		if (!stale && uplink_hello(&r.up, err) < 0)
			goto out;
		if (uplink_cursors(&r.up, err) < 0)
			goto out;
		if (stale && uplink_hello(&r.up, err) < 0)
			goto out;
	}
	if (result == 0)
		result = end(&r, err);
out:
	if (r.input_known)
		feed_release(&r.input_feed);
	source_free(&r.input);
	watch_free(&r.watch);
	free(r.fds);
	free(r.fd_feeds);
	settings_release(&r);
	batches_release(&r);
	uplink_release(&r.up);
	return result;
}
