#include <stdlib.h>
#include <string.h>

#include "analyzer/pass_private.h"

#define BATCH_BYTES  (LINK_FRAME_MAX / 2)
#define CURSOR_FIXED 160 /* bytes of an encoded cursor and of its `from`, without texts */
#define UNANSWERED   2
#define EVENT_MOST   2048 /* bytes of an encoded event */

int batches_init(struct run *r, struct err *err) {
	for (uint32_t i = 0; i < BATCHES; i++)
		buf_init(&r->batches[i].events, LINK_FRAME_MAX);
	buf_init(&r->frame, LINK_FRAME_MAX + LINK_HEADER);
	buf_init(&r->evidence, (size_t)4 * EVENT_LINE_MAX);
	return buf_reserve(&r->frame, LINK_HEADER) ? 0 : err_set(err, ERR_SYSTEM, "pass: out of memory");
}

void batches_release(struct run *r) {
	for (uint32_t i = 0; i < BATCHES; i++) {
		buf_release(&r->batches[i].events);
		free(r->batches[i].slots);
	}
	buf_release(&r->frame);
	buf_release(&r->evidence);
}

struct batch *batch_at_hand(struct run *r) {
	return &r->batches[(r->first + r->unanswered) % BATCHES];
}

bool batch_has_events(struct run *r) {
	return batch_at_hand(r)->nevents > 0;
}

static void batch_empty(struct batch *b) {
	buf_clear(&b->events);
	b->nevents = b->nslots = 0;
	b->size = 0;
	b->sums = (struct pass_sums){0};
	b->has_input = false;
}

int batch_reset(struct run *r, struct err *err) {
	r->first = r->unanswered = 0;
	for (uint32_t i = 0; i < BATCHES; i++) {
		uint32_t *slots = realloc(r->batches[i].slots, (r->nfeeds + 1) * sizeof(*slots));

		if (!slots)
			return err_set(err, ERR_SYSTEM, "pass: out of memory");
		r->batches[i].slots = slots;
		batch_empty(&r->batches[i]);
	}
	return 0;
}

/* 0: an answer was heard; RUN_STALE; -1. */
static int batch_answer(struct run *r, struct err *err) {
	struct batch *b = &r->batches[r->first];
	struct pass_sums *sums = &r->p->sums;
	enum link_type type;
	uint64_t seq;

	if (uplink_answer(&r->up, &type, &seq, err) < 0)
		return -1;
	if (type == LINK_STALE)
		return RUN_STALE;
	if (seq != b->seq)
		return err_set(err, ERR_INPUT, "link: batch %llu was answered where %llu was due", (unsigned long long)seq,
		               (unsigned long long)b->seq);
	sums->lines += b->sums.lines;
	sums->bytes += b->sums.bytes;
	sums->events += b->sums.events;
	sums->unreadable += b->sums.unreadable;
	sums->skipped += b->sums.skipped;
	sums->lost += b->sums.lost;
	if (b->has_input) {
		r->feeds[r->nfeeds - 1].acked = b->input;
		r->feeds[r->nfeeds - 1].acked_high = b->input.high_time;
	}
	batch_empty(b);
	r->first = (r->first + 1) % BATCHES;
	r->unanswered--;
	return 0;
}

int batch_settle(struct run *r, struct err *err) {
	int result = 0;

	while (result == 0 && r->unanswered > 0)
		result = batch_answer(r, err);
	return result;
}

static size_t cursor_size(const struct cursor *c) {
	return CURSOR_FIXED + c->name.n + c->file.n + c->mark.n + EVENT_LINE_MAX;
}

static void batch_slot(struct batch *b, struct run *r, struct feed *f, size_t size) {
	f->slot = b->nslots;
	b->slots[b->nslots++] = (uint32_t)(f - r->feeds);
	b->size += size;
}

static void batch_sums(struct batch *b, const struct cursor *from, const struct cursor *to) {
	b->sums.lines += to->lines - from->lines;
	b->sums.bytes += to->offset - from->offset;
	b->sums.events += to->events - from->events;
	b->sums.unreadable += to->unreadable - from->unreadable;
	b->sums.skipped += to->skipped - from->skipped;
	/* A journal counts entries, and its notice tells of them. */
	b->sums.lost += to->mark.n > 0 ? 0 : to->lost - from->lost;
}

/* Takes the cursors of the batch into the frame. */
static void batch_cursors(struct run *r, struct batch *b) {
	for (uint32_t i = 0; i < b->nslots; i++) {
		struct feed *f = &r->feeds[b->slots[i]];
		struct cursor to;

		if (f->id == 0 && !f->input)
			f->id = CURSOR_NEW | r->next_id++;
		feed_cursor(f, &to);
		put_u64(&r->frame, f->from);
		cursor_encode(&r->frame, &to);
		batch_sums(b, &f->sent, &to);
		if (f->input) {
			b->has_input = true;
			b->input_slot = i;
			b->input = to;
			/* Its texts die with the next sample. */
			b->input.name = b->input.file = b->input.sample = b->input.mark = (struct slice){0};
		}
		f->sent = to;
		f->from = to.offset;
		f->slot = SLOT_NONE;
		f->touched = f->sampled = false;
	}
}

/* Cursors that moved without an event, as many as there is room for. True: there are more. */
static bool batch_moved(struct run *r, struct batch *b) {
	for (uint32_t i = 0; i < r->nfeeds; i++) {
		struct feed *f = &r->feeds[i];
		struct cursor to;

		if (!f->touched || f->slot != SLOT_NONE)
			continue;
		feed_cursor(f, &to);
		if (to.offset == f->sent.offset && to.lost == f->sent.lost && !(f->id == 0 && source_moved(f->source))) {
			f->touched = false;
			continue;
		}
		if (b->size + b->events.n + cursor_size(&to) > LINK_FRAME_MAX - 64 || b->nslots == LINK_LOGS_MAX)
			return true;
		batch_slot(b, r, f, cursor_size(&to));
	}
	return false;
}

int batch_flush(struct run *r, struct err *err) {
	bool more = true;

	while (more) {
		struct batch *b = batch_at_hand(r);
		size_t begin;
		int result;

		more = batch_moved(r, b);
		if (b->nslots == 0)
			return 0;
		while (r->unanswered == UNANSWERED) {
			result = batch_answer(r, err);
			if (result != 0)
				return result;
		}
		buf_clear(&r->frame);
		begin = frame_begin(&r->frame, LINK_BATCH);
		b->seq = ++r->seq;
		put_u64(&r->frame, b->seq);
		put_u32(&r->frame, b->nslots);
		batch_cursors(r, b);
		put_u32(&r->frame, b->nevents);
		buf_add(&r->frame, b->events.p, b->events.n);
		frame_end(&r->frame, begin);
		if (r->frame.failed)
			return err_set(err, ERR_SYSTEM, "pass: out of memory");
		if (uplink_send(&r->up, (struct slice){r->frame.p, r->frame.n}, err) < 0)
			return -1;
		r->unanswered++;
	}
	return 0;
}

/* e as it goes over the link. */
static void batch_encode(struct run *r, struct buf *out, const struct event *e, uint32_t cursor) {
	struct event sent = *e;

	sent.cursor = cursor;
	sent.line = e->raw ? evidence_of(&r->evidence, e->line, e->folder) : e->line;
	sent.raw = false;
	event_encode(out, &sent);
}

int batch_add(struct run *r, struct feed *f, const struct event *e, struct err *err) {
	uint32_t max = r->p->batch_max ? r->p->batch_max : LINK_EVENTS_MAX;
	struct batch *b = batch_at_hand(r);
	struct cursor at = {0};
	size_t more = EVENT_MOST;

	if (f->slot == SLOT_NONE) {
		feed_cursor(f, &at);
		more += cursor_size(&at);
	}
	if (b->nevents >= max || b->nslots == LINK_LOGS_MAX || b->events.n + b->size + more > BATCH_BYTES) {
		int result = batch_flush(r, err);

		if (result != 0)
			return result;
		b = batch_at_hand(r);
	}
	if (f->slot == SLOT_NONE)
		batch_slot(b, r, f, cursor_size(&at));
	batch_encode(r, &b->events, e, f->slot);
	b->nevents++;
	return b->events.failed ? err_set(err, ERR_SYSTEM, "pass: out of memory") : 0;
}

static void recall(const struct batch *b, uint32_t slot, struct buf *out) {
	struct slice in = {b->events.p, b->events.n};
	struct event e;
	struct err err;

	while (in.n > 0 && event_decode(&in, &e, &err) == 0)
		if (e.cursor == slot) {
			e.cursor = 0;
			event_encode(out, &e);
		}
}

void batch_recall(struct run *r, struct feed *input) {
	struct buf again;

	buf_init(&again, input->again.max);
	for (uint32_t i = 0; i < r->unanswered; i++) {
		const struct batch *b = &r->batches[(r->first + i) % BATCHES];

		if (b->has_input)
			recall(b, b->input_slot, &again);
	}
	if (input->slot != SLOT_NONE)
		recall(batch_at_hand(r), input->slot, &again);
	if (input->state == FEED_PENDING)
		batch_encode(r, &again, &input->event, 0);
	buf_add(&again, input->again.p + input->again_taken, input->again.n - input->again_taken);
	buf_release(&input->again);
	input->again = again;
	input->again_taken = 0;
	input->sent = input->acked;
	input->from = input->acked.offset;
	input->slot = SLOT_NONE;
	input->state = FEED_READING;
	input->touched = false;
	input->due = true;
}
