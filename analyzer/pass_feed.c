#include <string.h>

#include "analyzer/pass_private.h"
#include "common/timefmt.h"

#define FEED_STEP   4096                     /* lines */
#define SAMPLE_MAX  (EVENT_LINE_MAX / 4 - 4) /* every byte of it may become four */
#define LAST_SECOND 253402300799LL           /* of year 9999: the link takes no later one */

int feed_init(struct feed *f, struct run *r, struct source *source, uint32_t order, struct err *err) {
	const struct conf_source *conf = &r->p->sources[source_conf(source)];

	*f = (struct feed){.source = source,
	                   .setting = &r->settings[r->setting_of[source_conf(source)]],
	                   .order = order,
	                   .slot = SLOT_NONE,
	                   .input = source == r->input};
	buf_init(&f->pending, PENDING_MAX);
	buf_init(&f->sample, EVENT_LINE_MAX);
	buf_init(&f->again, (size_t)BATCHES * LINK_FRAME_MAX);
	if (time_context_new(&f->time, conf->timezone, err) < 0)
		return -1;
	time_context_anchor(f->time, !f->input ? source_file_time(source) : r->p->year_at ? r->p->year_at : clock_now());
	source_start(source, &f->read);
	f->id = f->read.id;
	f->from = f->id ? f->read.offset : 0;
	f->sent = f->read;
	f->high = f->read.high_time;
	if (f->high != TIME_NONE)
		time_context_resume(f->time, f->high);
	f->due = true;
	/* Bytes that are lost are told even where no line is read. */
	f->touched = source_moved(source);
	return 0;
}

void feed_release(struct feed *f) {
	time_context_free(&f->time);
	buf_release(&f->pending);
	buf_release(&f->sample);
	buf_release(&f->again);
}

void feed_cursor(const struct feed *f, struct cursor *out) {
	if (f->state == FEED_PENDING) {
		*out = f->mark;
	} else {
		*out = f->read;
		out->skipped += source_skipped(f->source);
		out->high_time = f->high;
		source_place(f->source, false, out);
	}
	out->id = f->id;
	if (f->sampled)
		out->sample = (struct slice){f->sample.p, f->sample.n};
}

static void feed_sample(struct feed *f, struct slice line) {
	if (f->sampled)
		return;
	buf_clear(&f->sample);
	buf_escaped(&f->sample, line, SAMPLE_MAX);
	f->sampled = !f->sample.failed;
}

/* The next event that standard input told before the link went stale. */
static bool feed_again(struct feed *f) {
	struct slice rest = {f->again.p + f->again_taken, f->again.n - f->again_taken};
	struct slice event = rest;
	struct event e;
	struct err err;

	if (rest.n == 0 || event_decode(&rest, &e, &err) < 0)
		return false;
	event.n -= rest.n;
	f->again_taken += event.n;
	f->mark = f->acked;
	source_place(f->source, false, &f->mark);
	f->mark.head_len = f->mark.tail_len = 0;
	f->mark.offset = f->offset = e.offset;
	f->acked_high = e.time > f->acked_high ? e.time : f->acked_high;
	f->mark.high_time = f->key = f->acked_high;
	buf_clear(&f->pending);
	buf_add(&f->pending, event.p, event.n);
	f->state = FEED_PENDING;
	return true;
}

/* Takes the event of a line as pending. False: it is none that the enforcer would take. */
static bool feed_take(struct feed *f, struct event *e, uint64_t offset, int64_t high) {
	struct slice bytes;
	struct event checked;
	struct err err;

	e->cursor = 0;
	e->offset = offset;
	buf_clear(&f->pending);
	event_encode(&f->pending, e);
	bytes = (struct slice){f->pending.p, f->pending.n};
	if (f->pending.failed || event_decode(&bytes, &checked, &err) < 0)
		return false;
	f->mark = f->read;
	f->mark.skipped += source_skipped(f->source);
	f->mark.high_time = high;
	source_place(f->source, true, &f->mark);
	f->offset = offset;
	f->key = f->high;
	f->state = FEED_PENDING;
	return true;
}

static int64_t later(int64_t a, int64_t b) {
	return a > b || b > LAST_SECOND ? a : b;
}

void feed_read(struct run *r, struct feed *f) {
	struct line_context *context = &f->setting->context;

	f->state = FEED_READING;
	f->touched = true;
	if (feed_again(f))
		return;
	context->time = f->time;
	for (unsigned i = 0; i < FEED_STEP && f->read.lines < f->until && f->state == FEED_READING; i++) {
		int64_t high = f->high;
		uint64_t offset;
		struct slice line;
		struct event e;
		struct err err;
		int got = source_line(f->source, &line, &offset, &err);

		if (got < 0)
			run_notice(r, slice_of(r->p->sources[source_conf(f->source)].path), slice_of(err.text));
		if (got <= 0) {
			f->state = FEED_DONE;
			break;
		}
		switch (rules_event(context, line, &e)) {
		case OUTCOME_EVENT:
			f->high = later(later(f->high, e.time), time_context_highest(f->time));
			if (feed_take(f, &e, offset, high))
				f->read.events++;
			else
				f->read.skipped++;
			break;
		case OUTCOME_NONE:
			f->high = later(f->high, time_context_highest(f->time));
			break;
		case OUTCOME_UNREADABLE:
			f->read.unreadable++;
			feed_sample(f, line);
			break;
		case OUTCOME_LIMIT:
			f->high = later(f->high, time_context_highest(f->time));
			f->read.skipped++;
			break;
		}
		f->read.lines++;
	}
	context->time = f->setting->time;
}
