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
	buf_init(&f->texts, PENDING_MAX);
	buf_init(&f->sample, EVENT_LINE_MAX);
	buf_init(&f->again, AGAIN_MAX);
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
	buf_release(&f->texts);
	buf_release(&f->sample);
	buf_release(&f->again);
}

void feed_cursor(const struct feed *f, struct cursor *out) {
	bool pending = f->state == FEED_PENDING;

	if (f->told)
		source_stand_at(f->source, pending ? &f->told->front : &f->told->behind);
	if (pending && f->retold) {
		*out = f->mark;
	} else {
		*out = f->read;
		out->lines -= pending;
		out->events -= pending;
		out->skipped += source_skipped(f->source);
		out->high_time = pending ? f->before : f->high;
		source_place(f->source, pending, out);
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
	struct err err;

	if (rest.n == 0 || event_decode(&rest, &f->event, &err) < 0)
		return false;
	f->again_taken = f->again.n - rest.n;
	f->mark = f->acked;
	source_place(f->source, false, &f->mark);
	f->mark.head_len = f->mark.tail_len = 0;
	f->mark.offset = f->event.offset;
	f->acked_high = f->event.time > f->acked_high ? f->event.time : f->acked_high;
	f->mark.high_time = f->key = f->acked_high;
	f->retold = true;
	f->state = FEED_PENDING;
	return true;
}

size_t event_texts_size(const struct event *e) {
	return e->user.n + e->realm.n + e->account.n + e->agent.n + e->folder.n + e->vendor.n + e->model.n + e->version.n +
	       e->rule.n + e->line.n;
}

char *event_texts_move(struct event *e, char *to) {
	struct slice *const texts[] = {&e->line,   &e->user,  &e->realm,   &e->account, &e->folder,
	                               &e->vendor, &e->model, &e->version, &e->rule,    &e->agent};
	uintptr_t line = (uintptr_t)e->line.p, agent = (uintptr_t)e->agent.p;
	bool within = e->agent.n > 0 && agent >= line && agent + e->agent.n <= line + e->line.n;
	size_t n = sizeof(texts) / sizeof(texts[0]) - within;

	for (size_t i = 0; i < n; i++) {
		if (texts[i]->n > 0)
			memcpy(to, texts[i]->p, texts[i]->n);
		texts[i]->p = to;
		to += texts[i]->n;
	}
	/* Mostly it is a part of the line, and stays one. */
	if (within)
		e->agent.p = e->line.p + (agent - line);
	return to;
}

int feed_keep(struct feed *f, struct err *err) {
	char *to;

	/* What a worker told stays where it is. */
	if (f->told)
		return 0;
	buf_clear(&f->texts);
	to = buf_reserve(&f->texts, event_texts_size(&f->event));
	if (!to)
		return err_set(err, ERR_SYSTEM, "pass: out of memory");
	(void)event_texts_move(&f->event, to);
	return 0;
}

/* Takes the event of a line as pending. False: it is none that the enforcer would take. */
static bool feed_take(struct feed *f, uint64_t offset, int64_t before) {
	struct err err;

	f->event.offset = offset;
	if (!event_is_sound(&f->event, &err))
		return false;
	f->before = before;
	f->key = f->high;
	f->retold = false;
	f->state = FEED_PENDING;
	return true;
}

static int64_t later(int64_t a, int64_t b) {
	return a > b || b > LAST_SECOND ? a : b;
}

int feed_read(struct feed *f, struct err *err) {
	struct line_context *context = &f->setting->context;
	int result = 0;

	f->state = FEED_READING;
	f->touched = true;
	if (feed_again(f))
		return 0;
	context->time = f->time;
	for (unsigned i = 0; i < FEED_STEP && f->read.lines < f->until && f->state == FEED_READING; i++) {
		int64_t before = f->high;
		uint64_t offset;
		struct slice line;
		int got = source_line(f->source, &line, &offset, err);

		if (got <= 0) {
			result = got;
			f->state = FEED_DONE;
			break;
		}
		switch (rules_event(context, line, &f->event)) {
		case OUTCOME_EVENT:
			f->high = later(later(f->high, f->event.time), time_context_highest(f->time));
			if (feed_take(f, offset, before))
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
	return result;
}
