/* The events of a batch: where they lie, and which of them cannot be judged without the texts that the analyzer still has. */
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/link_private.h"

#define TOGETHER 16 /* events of which memory is asked for what they need before the first is looked at */

static bool is_clean(struct slice text) {
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return true;
}

static int check_evidence(struct slice line, struct err *err) {
	return is_clean(line) ? 0 : err_set(err, ERR_INPUT, "batch: control bytes in the evidence");
}

static int check_event(const struct link *l, const struct event *v, struct err *err) {
	if (v->cursor >= l->n)
		return err_set(err, ERR_INPUT, "batch: an event of log %u of %u", v->cursor, l->n);
	if (v->offset < l->at[v->cursor].from || v->offset >= l->at[v->cursor].to.offset)
		return err_set(err, ERR_INPUT, "batch: an event from outside the part that was read");
	return check_evidence(v->line, err);
}

int link_check_rows(const struct link *l, struct err *err) {
	for (uint32_t i = 0; i < l->view.nrows; i++)
		if (!is_clean(l->view.rows[i].rule))
			return err_set(err, ERR_INPUT, "batch: control bytes in the name of a rule");
	return 0;
}

void link_walk(const struct link *l, struct batch_walk *w) {
	batch_walk_begin(w, &l->view);
	batch_walk_wanted(w, l->want.at, l->want.got, (struct slice){l->want.texts.p, l->want.texts.n});
}

#define STIRRED_BITS 65536

/* MACs, and users that register, of which something may change within the batch: a bit for each hash, so that too many are told rather than too
 * few. */
struct stirred {
	uint64_t bits[STIRRED_BITS / 64];
};

static uint64_t *stirred_word(struct stirred *s, const struct event *v, uint64_t *bit) {
	uint64_t who = v->kind == EVENT_SIP_REGISTERED ? hash_bytes(0, v->user.p, v->user.n) : v->mac;
	uint64_t hash = who * 0x9e3779b97f4a7c15ULL >> 48;

	/* A SIP event that is not quiet needs its texts, but says nothing of others that name no MAC. */
	*bit = who == MAC_NONE ? 0 : 1ULL << (hash % 64);
	return &s->bits[hash / 64];
}

/* What is asked for in vain only counts. */
static bool may_change(enum event_kind kind) {
	return kind != EVENT_PROVISION_UNAUTHORISED && kind != EVENT_PROVISION_UNKNOWN && kind != EVENT_POLL_UNAUTHORISED &&
	       kind != EVENT_POLL_UNKNOWN;
}

struct looked {
	struct event e;
	struct quiet_found *found;
	uint32_t number, row;
	bool with_texts;
};

/* Is its evidence needed, as far as can be told before the events in front of it are judged? */
static int is_wanted(struct link *l, const struct looked *at, int64_t now, struct stirred *stirred, struct err *err) {
	uint64_t bit, *word = stirred_word(stirred, &at->e, &bit);
	int quiet = 0;

	if (!l->want.all && !(*word & bit) && at->e.time <= now + LINK_AHEAD)
		quiet = judge_quiet(l->e->judge, &at->e, &l->quiet[at->row], at->found, true, err);
	if (quiet == 0 && may_change(at->e.kind))
		*word |= bit;
	return quiet < 0 ? -1 : quiet == 0 && !at->with_texts;
}

/* The next ones, at most TOGETHER: how many, *there 0 behind the last; -1. */
static int look(struct link *l, struct batch_walk *w, struct looked at[TOGETHER], int *there, struct err *err) {
	int n = 0, steps = 1;

	while (n < TOGETHER && (*there = batch_next_checked(w, err)) > 0) {
		struct looked *one = &at[n++];

		if (check_event(l, &w->e, err) < 0)
			return -1;
		one->e = w->e;
		one->number = w->next - 1;
		one->row = w->row;
		one->with_texts = w->with_texts;
		one->found = &l->found[one->number];
		*one->found = (struct quiet_found){0};
		if (one->e.kind == EVENT_SIP_REGISTERED)
			steps = JUDGE_HINTS;
	}
	for (int step = 0; step < steps; step++)
		for (int i = 0; i < n; i++)
			judge_hint(l->e->judge, &at[i].e, at[i].found, step);
	return *there < 0 ? -1 : n;
}

void link_want_nothing(struct link *l) {
	l->want.asked = l->want.all = false;
	l->want.n = l->want.got = 0;
	buf_clear(&l->want.texts);
}

void link_want_all(struct link *l) {
	link_want_nothing(l);
	l->want.all = true;
}

static void ask(struct link *l, uint64_t seq) {
	size_t begin = frame_begin(&l->s.out, LINK_WANT);

	put_u64(&l->s.out, seq);
	for (uint32_t i = 0; i < l->want.n; i++)
		put_u32(&l->s.out, l->want.at[i]);
	frame_end(&l->s.out, begin);
	l->want.asked = true;
	l->want.seq = seq;
}

int link_want(struct link *l, uint64_t seq, struct err *err) {
	struct stirred stirred = {{0}};
	struct looked at[TOGETHER];
	int64_t now = clock_now();
	struct batch_walk w;
	int there = 1, looked;
	uint32_t n = 0;

	link_walk(l, &w);
	while (there > 0) {
		looked = look(l, &w, at, &there, err);
		if (looked < 0)
			return -1;
		for (int i = 0; i < looked; i++) {
			int wanted = is_wanted(l, &at[i], now, &stirred, err);

			if (wanted < 0)
				return -1;
			if (wanted)
				l->want.at[n++] = at[i].number;
		}
	}
	if (n == 0)
		return 0;
	l->want.n = n;
	ask(l, seq);
	return 1;
}

bool link_wants(const struct link *l) {
	return l->want.asked && l->want.got < l->want.n;
}

int link_texts(struct link *l, struct slice body, struct err *err) {
	struct slice rest, line, agent;
	uint64_t seq;
	int64_t n;

	if (get_u64(&body, &seq) < 0 || seq != l->want.seq)
		return err_set(err, ERR_INPUT, "batch: texts that nobody wanted");
	n = batch_texts_check(body, l->want.n - l->want.got, err);
	if (n < 0)
		return -1;
	rest = body;
	while (get_text(&rest, EVENT_LINE_MAX, &line) == 0 && get_text(&rest, EVENT_AGENT_MAX, &agent) == 0)
		if (check_evidence(line, err) < 0)
			return -1;
	buf_add(&l->want.texts, body.p, body.n);
	if (l->want.texts.failed)
		return err_set(err, ERR_SYSTEM, "link: out of memory");
	l->want.got += (uint32_t)n;
	return n > 0 ? 0 : err_set(err, ERR_INPUT, "batch: no texts where some are wanted");
}
