#include <stdlib.h>
#include <string.h>

#include "analyzer/pass_private.h"

#define BATCH_BYTES  (LINK_FRAME_MAX / 2)
#define BATCH_KEPT   ((size_t)1 << 20) /* bytes kept of its lines: three such batches are most of this program's memory */
#define CURSOR_FIXED 160               /* bytes of an encoded cursor and of its `from`, without texts */
#define LISTEN_EVERY 256               /* events between two looks at what the enforcer says */

int batches_init(struct run *r, struct err *err) {
	bool memory = true;

	for (uint32_t i = 0; i < BATCHES; i++) {
		struct batch *b = &r->batches[i];

		buf_init(&b->frame, LINK_FRAME_MAX + LINK_HEADER);
		buf_init(&b->kept, 2 * BATCH_KEPT);
		b->kept_at = malloc(LINK_EVENTS_MAX * sizeof(*b->kept_at));
		memory = memory && b->kept_at;
	}
	batch_writer_init(&r->writer);
	buf_init(&r->texts, LINK_FRAME_MAX + LINK_HEADER);
	buf_init(&r->evidence, (size_t)4 * EVENT_LINE_MAX);
	return memory ? 0 : err_set(err, ERR_SYSTEM, "pass: out of memory");
}

void batches_release(struct run *r) {
	for (uint32_t i = 0; i < BATCHES; i++) {
		buf_release(&r->batches[i].frame);
		buf_release(&r->batches[i].kept);
		free(r->batches[i].kept_at);
		free(r->batches[i].slots);
	}
	batch_writer_release(&r->writer);
	buf_release(&r->texts);
	buf_release(&r->evidence);
}

static struct batch *batch_at_hand(struct run *r) {
	return &r->batches[(r->first + r->unanswered) % BATCHES];
}

bool batch_has_events(struct run *r) {
	return batch_at_hand(r)->nevents > 0;
}

static void batch_empty(struct batch *b) {
	buf_clear(&b->frame);
	buf_clear(&b->kept);
	b->nevents = b->nslots = 0;
	b->size = 0;
	b->sums = (struct pass_sums){0};
	b->has_input = false;
}

int batch_reset(struct run *r, struct err *err) {
	r->first = r->unanswered = 0;
	r->most_unanswered = UNANSWERED_MAX;
	r->pace = PACE_FIRST;
	batch_writer_clear(&r->writer);
	for (uint32_t i = 0; i < BATCHES; i++) {
		uint32_t *slots = realloc(r->batches[i].slots, (r->nfeeds + 1) * sizeof(*slots));

		if (!slots)
			return err_set(err, ERR_SYSTEM, "pass: out of memory");
		r->batches[i].slots = slots;
		batch_empty(&r->batches[i]);
	}
	return 0;
}

/* ---- texts that are kept until the batch is answered ---- */

struct kept {
	uint16_t line, agent, folder; /* lengths */
	uint16_t agent_at;            /* in the line, or AGENT_BEHIND where it stands behind it */
	bool raw;
};

#define AGENT_BEHIND UINT16_MAX

/* Where the next one goes. */
static char *text_put(char *to, struct slice text, size_t n) {
	if (n > 0)
		memcpy(to, text.p, n);
	return to + n;
}

static void keep_texts(struct batch *b, const struct event *e) {
	struct kept k = {(uint16_t)e->line.n, (uint16_t)e->agent.n, (uint16_t)e->folder.n, AGENT_BEHIND, e->raw};
	uintptr_t line = (uintptr_t)e->line.p, agent = (uintptr_t)e->agent.p;
	size_t behind;
	char *to;

	if (e->agent.n == 0 || (agent >= line && agent + e->agent.n <= line + e->line.n))
		k.agent_at = (uint16_t)(e->agent.n ? agent - line : 0);
	behind = k.agent_at == AGENT_BEHIND ? e->agent.n : 0;
	b->kept_at[b->nevents] = (uint32_t)b->kept.n;
	to = buf_reserve(&b->kept, sizeof(k) + e->line.n + e->folder.n + behind);
	if (!to)
		return;
	memcpy(to, &k, sizeof(k));
	to = text_put(to + sizeof(k), e->line, e->line.n);
	to = text_put(to, e->folder, e->folder.n);
	to = text_put(to, e->agent, behind);
	b->kept.n = (size_t)(to - b->kept.p);
}

/* The evidence lives until the next call. */
static void kept_texts(struct run *r, const struct batch *b, uint32_t number, struct slice *line, struct slice *agent) {
	const char *at = b->kept.p + b->kept_at[number];
	struct kept k;

	memcpy(&k, at, sizeof(k));
	at += sizeof(k);
	*line = (struct slice){at, k.line};
	*agent = (struct slice){k.agent_at == AGENT_BEHIND ? at + k.line + k.folder : at + k.agent_at, k.agent};
	if (k.raw)
		*line = evidence_of(&r->evidence, *line, (struct slice){at + k.line, k.folder});
}

static int texts_send(struct run *r, size_t begin, struct err *err) {
	frame_end(&r->texts, begin);
	if (r->texts.failed)
		return err_set(err, ERR_SYSTEM, "pass: out of memory");
	return uplink_send(&r->up, (struct slice){r->texts.p, r->texts.n}, err);
}

static size_t texts_begin(struct run *r, uint64_t seq) {
	size_t begin;

	buf_clear(&r->texts);
	begin = frame_begin(&r->texts, LINK_TEXTS);
	put_u64(&r->texts, seq);
	return begin;
}

/* LINK_WANT */
static int batch_tell(struct run *r, const struct uplink_answer *answer, struct err *err) {
	const struct batch *b = &r->batches[r->first];
	struct slice wanted = answer->wanted;
	size_t begin = texts_begin(r, answer->seq);
	uint32_t number, next = 0;

	if (r->unanswered == 0 || b->seq != answer->seq || wanted.n == 0)
		return err_set(err, ERR_INPUT, "link: events are wanted of batch %llu, which is not the one that is due",
		               (unsigned long long)answer->seq);
	while (get_u32(&wanted, &number) == 0) {
		struct slice line, agent;

		if (number < next || number >= b->nevents || b->kept_at[number] == KEPT_NOT)
			return err_set(err, ERR_INPUT, "link: event %u of batch %llu cannot be wanted", number,
			               (unsigned long long)answer->seq);
		next = number + 1;
		kept_texts(r, b, number, &line, &agent);
		batch_text_put(&r->texts, line, agent);
		if (r->texts.n > LINK_FRAME_MAX / 2) {
			if (texts_send(r, begin, err) < 0)
				return -1;
			begin = texts_begin(r, answer->seq);
		}
	}
	return texts_send(r, begin, err);
}

/* A batch that took too long makes the next ones smaller; one alone, that had to wait for something else, not by more than half. */
static void keep_pace(struct run *r, uint64_t lines, uint32_t took) {
	uint64_t pace = took == 0 ? UINT64_MAX : lines * (uint64_t)r->pace_aim / took;

	if (lines < PACE_MIN)
		return;
	if (pace > 2 * r->pace)
		pace = 2 * r->pace;
	if (pace < r->pace / 2)
		pace = r->pace / 2;
	r->pace = pace < PACE_MIN ? PACE_MIN : pace > PACE_MAX ? PACE_MAX : pace;
}

enum { HEARD_NOTHING, HEARD_ANSWER, HEARD_STALE };

/* One answer, or -1. */
static int batch_hear(struct run *r, bool wait, struct err *err) {
	struct batch *b = &r->batches[r->first];
	struct pass_sums *sums = &r->p->sums;
	struct uplink_answer answer;
	int heard = uplink_hear(&r->up, wait, &answer, err);

	if (heard <= 0)
		return heard;
	if (answer.type == LINK_STALE)
		return HEARD_STALE;
	if (answer.type == LINK_WANT)
		return batch_tell(r, &answer, err) < 0 ? -1 : HEARD_ANSWER;
	if (r->unanswered == 0 || answer.seq != b->seq)
		return err_set(err, ERR_INPUT, "link: batch %llu was answered where %llu was due",
		               (unsigned long long)answer.seq, (unsigned long long)b->seq);
	r->heard = milliseconds();
	keep_pace(r, b->sums.lines, answer.took);
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
	return HEARD_ANSWER;
}

/* Waits until no more than `left` are unanswered: 0, RUN_STALE, -1. */
static int batch_wait(struct run *r, uint32_t left, struct err *err) {
	int heard = HEARD_ANSWER;

	while (heard == HEARD_ANSWER && r->unanswered > left)
		heard = batch_hear(r, true, err);
	return heard < 0 ? -1 : heard == HEARD_STALE ? RUN_STALE : 0;
}

int batch_settle(struct run *r, struct err *err) {
	return batch_wait(r, 0, err);
}

int batch_listen(struct run *r, struct err *err) {
	int heard = HEARD_ANSWER;

	while (heard == HEARD_ANSWER && r->unanswered > 0)
		heard = batch_hear(r, false, err);
	return heard < 0 ? -1 : heard == HEARD_STALE ? RUN_STALE : 0;
}

/* ---- a batch is made ---- */

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
		put_u64(&b->frame, f->from);
		cursor_encode(&b->frame, &to);
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
		if (b->size + batch_writer_size(&r->writer) + cursor_size(&to) > LINK_FRAME_MAX - 64 ||
		    b->nslots == LINK_LOGS_MAX)
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
			break;
		result = batch_wait(r, r->most_unanswered - 1, err);
		if (result != 0)
			return result;
		begin = frame_begin(&b->frame, LINK_BATCH);
		b->seq = ++r->seq;
		put_u64(&b->frame, b->seq);
		put_u32(&b->frame, b->nslots);
		batch_cursors(r, b);
		b->events = b->frame.n;
		batch_writer_put(&r->writer, &b->frame);
		frame_end(&b->frame, begin);
		if (b->frame.failed || r->writer.failed || b->kept.failed)
			return err_set(err, ERR_SYSTEM, "pass: out of memory");
		batch_writer_clear(&r->writer);
		if (uplink_send(&r->up, (struct slice){b->frame.p, b->frame.n}, err) < 0)
			return -1;
		r->unanswered++;
	}
	/* What comes next has all its time before it goes, however few events it is. */
	r->flushed = milliseconds();
	return 0;
}

/* Nearly all of these say that all is well: their texts are told when they are wanted. */
static bool is_kept(const struct event *e) {
	return e->kind == EVENT_PROVISION_SERVED || e->kind == EVENT_POLL_SERVED || e->kind == EVENT_SIP_REGISTERED;
}

static bool batch_is_full(const struct run *r, const struct batch *b, size_t more) {
	uint32_t max = r->p->batch_max ? r->p->batch_max : LINK_EVENTS_MAX;

	return b->nevents >= max || b->nslots == LINK_LOGS_MAX || b->kept.n > BATCH_KEPT ||
	       batch_writer_size(&r->writer) + b->size + more > BATCH_BYTES;
}

int batch_add(struct run *r, struct feed *f, struct event *e, struct err *err) {
	struct batch *b = batch_at_hand(r);
	size_t more = batch_event_size(e);
	struct cursor at;
	int result = (b->nevents + 1) % LISTEN_EVERY == 0 ? batch_listen(r, err) : 0;

	if (result != 0)
		return result;
	if (f->slot == SLOT_NONE) {
		feed_cursor(f, &at);
		more += cursor_size(&at);
	}
	if (batch_is_full(r, b, more)) {
		result = batch_flush(r, err);
		if (result != 0)
			return result;
		b = batch_at_hand(r);
	}
	if (f->slot == SLOT_NONE) {
		feed_cursor(f, &at);
		batch_slot(b, r, f, cursor_size(&at));
	}
	e->cursor = f->slot;
	if (is_kept(e)) {
		keep_texts(b, e);
	} else {
		b->kept_at[b->nevents] = KEPT_NOT;
		if (e->raw)
			e->line = evidence_of(&r->evidence, e->line, e->folder);
		e->raw = false;
	}
	batch_writer_add(&r->writer, e, !is_kept(e));
	b->nevents++;
	return 0;
}

/* ---- standard input is told again ---- */

/* What it said in a batch, whole. */
static void recall(struct run *r, const struct batch *b, struct slice events, uint32_t slot, struct buf *out) {
	struct batch_view view = {0};
	struct batch_walk walk;
	struct err err;

	if (batch_read(&view, events, &err) == 0) {
		batch_walk_begin(&walk, &view);
		while (batch_next(&walk)) {
			uint32_t number = walk.next - 1;

			if (walk.e.cursor != slot)
				continue;
			walk.e.cursor = 0;
			if (b->kept_at[number] != KEPT_NOT)
				kept_texts(r, b, number, &walk.e.line, &walk.e.agent);
			event_encode(out, &walk.e);
		}
	}
	batch_view_release(&view);
}

void batch_recall(struct run *r, struct feed *input) {
	struct buf again, at_hand;
	struct event e = input->event;

	buf_init(&again, input->again.max);
	buf_init(&at_hand, LINK_FRAME_MAX);
	for (uint32_t i = 0; i < r->unanswered; i++) {
		const struct batch *b = &r->batches[(r->first + i) % BATCHES];

		if (b->has_input)
			recall(r, b, (struct slice){b->frame.p + b->events, b->frame.n - b->events}, b->input_slot, &again);
	}
	if (input->slot != SLOT_NONE) {
		batch_writer_put(&r->writer, &at_hand);
		recall(r, batch_at_hand(r), (struct slice){at_hand.p, at_hand.n}, input->slot, &again);
	}
	if (input->state == FEED_PENDING) {
		e.cursor = 0;
		e.line = e.raw ? evidence_of(&r->evidence, e.line, e.folder) : e.line;
		event_encode(&again, &e);
	}
	buf_release(&at_hand);
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
	input->behind = false;
}
