#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/link_private.h"
#include "enforcer/memo.h"
#include "enforcer/projection.h"

/* A batch that waits for texts, one behind it, the texts, and room for notices. */
#define IN_MAX    (4 * (size_t)(LINK_FRAME_MAX + LINK_HEADER))
#define OUT_MAX   (32U << 20) /* the cursors of LINK_LOGS_MAX logs, each at its largest */
#define NAME_ROOM (CURSOR_NAME_MAX + 8)

int link_new(struct link **out, struct enforcer *e, int fd, struct err *err) {
	struct link *l = calloc(1, sizeof(*l));
	struct stream s;

	if (stream_init(&s, fd, IN_MAX, OUT_MAX, err) < 0) {
		free(l);
		return -1;
	}
	if (!l) {
		stream_release(&s);
		return err_set(err, ERR_SYSTEM, "link: out of memory");
	}
	l->e = e;
	l->s = s;
	l->own = calloc(LINK_LOGS_MAX, sizeof(*l->own));
	l->quiet = calloc(LINK_EVENTS_MAX, sizeof(*l->quiet));
	l->found = calloc(LINK_EVENTS_MAX, sizeof(*l->found));
	l->want.at = calloc(LINK_EVENTS_MAX, sizeof(*l->want.at));
	buf_init(&l->want.texts, (size_t)LINK_EVENTS_MAX * BATCH_TEXTS);
	if (!l->own || !l->quiet || !l->found || !l->want.at) {
		link_free(&l);
		return err_set(err, ERR_SYSTEM, "link: out of memory");
	}
	*out = l;
	return 0;
}

void link_free(struct link **l) {
	if (!*l)
		return;
	stream_release(&(*l)->s);
	free((*l)->own);
	free((*l)->at);
	free((*l)->quiet);
	free((*l)->found);
	free((*l)->want.at);
	buf_release(&(*l)->want.texts);
	batch_view_release(&(*l)->view);
	free(*l);
	*l = NULL;
}

struct stream *link_stream(struct link *l) {
	return &l->s;
}

bool link_greeted(const struct link *l) {
	return l->greeted;
}

/* Ends a session that cannot be served, telling why. */
static void link_refuse(struct link *l, const char *why) {
	size_t begin = frame_begin(&l->s.out, LINK_REFUSED);

	buf_text(&l->s.out, why);
	frame_end(&l->s.out, begin);
}

void link_answer(struct link *l, enum link_type type, uint64_t seq) {
	size_t begin = frame_begin(&l->s.out, type);

	put_u64(&l->s.out, seq);
	frame_end(&l->s.out, begin);
}

void link_acknowledge(struct link *l) {
	size_t begin = frame_begin(&l->s.out, LINK_ACK);

	put_u64(&l->s.out, l->seq);
	put_u32(&l->s.out, l->took < 0 ? 0 : l->took > UINT32_MAX ? UINT32_MAX : (uint32_t)l->took);
	frame_end(&l->s.out, begin);
	l->took = 0;
}

/* ---- cursors ---- */

struct telling {
	struct link *l;
	struct buf part; /* encoded cursors of one frame */
	uint32_t n;
};

static void tell_part(struct telling *t) {
	struct buf *out = &t->l->s.out;
	size_t begin = frame_begin(out, LINK_CURSORS);

	put_u32(out, t->n);
	buf_add(out, t->part.p, t->part.n);
	frame_end(out, begin);
	buf_clear(&t->part);
	t->n = 0;
}

static int tell_cursor(void *context, const struct cursor *c) {
	struct telling *t = context;

	if (t->part.n > LINK_FRAME_MAX / 2)
		tell_part(t);
	cursor_encode(&t->part, c);
	t->n++;
	t->l->cursors++;
	if (c->id > t->l->told)
		t->l->told = c->id;
	return t->part.failed ? -1 : 0;
}

int link_tell(struct link *l, struct err *err) {
	struct telling t = {.l = l};
	size_t begin;
	int result;

	l->told = 0;
	l->cursors = 0;
	l->made = l->e->cursors_made;
	buf_init(&t.part, LINK_FRAME_MAX - 4);
	result = store_cursors(l->e->store, tell_cursor, &t, err);
	if (result == 0 && t.n > 0)
		tell_part(&t);
	if (result == 0) {
		begin = frame_begin(&l->s.out, LINK_READY);
		frame_end(&l->s.out, begin);
	}
	if (result > 0 || (result == 0 && t.part.failed))
		result = err_set(err, ERR_SYSTEM, "link: out of memory");
	buf_release(&t.part);
	return result;
}

static int hello(struct link *l, struct slice body, struct err *err) {
	uint32_t version;

	if (get_u32(&body, &version) < 0 || body.n > 0)
		return err_set(err, ERR_INPUT, "link: malformed greeting");
	if (version != LINK_VERSION)
		return err_set(err, ERR_INPUT,
		               "link: the analyzer speaks version %u, this enforcer %u: install one release of both", version,
		               LINK_VERSION);
	l->greeted = true;
	/* Whoever greets begins anew: with the cursors that are told now, and with numbers of its own that mean nothing yet. */
	memset(l->own, 0, LINK_LOGS_MAX * sizeof(*l->own));
	if (l->stale) {
		l->stale = false;
		return 0;
	}
	if (enforcer_take_due(l->e, err) < 0)
		return -1;
	return link_tell(l, err);
}

/* ---- notices, and the end of a pass ---- */

struct notices {
	uint32_t n;
	bool known;         /* the one looked for is among them */
	struct slice name;  /* looked for */
	int64_t before;     /* older than that is over */
	struct buf expired; /* names, as put_text */
};

static int count_notice(void *context, struct slice name, struct slice text, int64_t time) {
	struct notices *n = context;

	(void)text;
	(void)time;
	n->n++;
	n->known = n->known || slice_same(name, n->name);
	return 0;
}

static int notice(struct link *l, struct slice body, struct err *err) {
	struct notices known = {0};
	struct slice name, text;
	struct buf clean;
	int result;

	if (get_text(&body, CURSOR_NAME_MAX, &name) < 0 || get_text(&body, CURSOR_NAME_MAX, &text) < 0 || body.n > 0)
		return err_set(err, ERR_INPUT, "link: malformed notice");
	known.name = name;
	if (store_notices(l->e->store, count_notice, &known, err) != 0)
		return -1;
	if (!known.known && (text.n == 0 || known.n >= LINK_LOGS_MAX))
		return 0;
	if (store_begin(l->e->store, err) < 0)
		return -1;
	buf_init(&clean, (size_t)4 * CURSOR_NAME_MAX + 8);
	buf_escaped(&clean, text, CURSOR_NAME_MAX);
	result = store_notice_put(l->e->store, name, (struct slice){clean.p, clean.n}, clock_now(), err);
	buf_release(&clean);
	if (result < 0) {
		enforcer_rollback(l->e);
		return -1;
	}
	return enforcer_commit(l->e, err);
}

static int find_expired(void *context, struct slice name, struct slice text, int64_t time) {
	struct notices *n = context;
	bool ours = (name.n > 5 && memcmp(name.p, "leak ", 5) == 0) || (name.n > 6 && memcmp(name.p, "early ", 6) == 0);

	(void)text;
	if (ours && time < n->before)
		put_text(&n->expired, name);
	return 0;
}

/* A day without another leak or early event solves the one before. */
static int expire_notices(struct link *l, struct err *err) {
	int64_t now = clock_now();
	struct notices old = {.before = now - DAY};
	struct slice in, name;
	int result;

	buf_init(&old.expired, LINK_LOGS_MAX * NAME_ROOM);
	result = store_notices(l->e->store, find_expired, &old, err);
	if (result != 0 || old.expired.n == 0)
		goto out;
	result = store_begin(l->e->store, err);
	if (result < 0)
		goto out;
	in = (struct slice){old.expired.p, old.expired.n};
	while (result == 0 && get_text(&in, NAME_ROOM, &name) == 0)
		result = store_notice_put(l->e->store, name, slice_of(""), now, err);
	if (result < 0)
		enforcer_rollback(l->e);
	else
		result = enforcer_commit(l->e, err);
out:
	buf_release(&old.expired);
	return result;
}

/* A pass of cron's is over: nobody will remember when phones were seen. */
static int write_seen(struct link *l, struct err *err) {
	if (memo_count(store_memo(l->e->store)) == 0)
		return 0;
	if (store_begin(l->e->store, err) < 0)
		return -1;
	if (store_seen(l->e->store, err) < 0) {
		enforcer_rollback(l->e);
		return -1;
	}
	return enforcer_commit(l->e, err);
}

static int done(struct link *l, struct slice body, struct err *err) {
	struct err ignored;

	if (body.n > 0)
		return err_set(err, ERR_INPUT, "link: malformed end of a pass");
	if (enforcer_take_due(l->e, err) < 0 || expire_notices(l, err) < 0 || write_seen(l, err) < 0)
		return -1;
	l->e->state_problem[0] = '\0';
	(void)projection_follow(l->e, true, &ignored);
	link_acknowledge(l);
	return 0;
}

/* 1 dealt with; 0 it must come again; -1 the session is over. */
static int handle(struct link *l, enum link_type type, struct slice body, struct err *err) {
	int result;

	if (type != LINK_HELLO && !l->greeted)
		return err_set(err, ERR_INPUT, "link: a frame of type %u before the greeting", (unsigned)type);
	switch (type) {
	case LINK_HELLO:
		result = hello(l, body, err);
		break;
	case LINK_BATCH:
		return l->stale ? 1 : link_batch(l, body, err);
	case LINK_NOTICE:
		result = notice(l, body, err);
		break;
	case LINK_DONE:
		result = l->stale ? 0 : done(l, body, err);
		break;
	default:
		return err_set(err, ERR_INPUT, "link: a frame of type %u is not the analyzer's", (unsigned)type);
	}
	return result < 0 ? -1 : 1;
}

/* Texts that a batch waits for come behind all that was sent before the analyzer knew. */
static int find_texts(struct link *l, struct err *err) {
	struct slice in = {l->s.in.p, l->s.in.n}, body;
	enum link_type type = LINK_BATCH;
	size_t begin = 0, length;
	int taken;

	while ((taken = frame_take(&in, &type, &body, err)) > 0 && type != LINK_TEXTS)
		begin = l->s.in.n - in.n;
	if (taken <= 0)
		return taken;
	if (link_texts(l, body, err) < 0)
		return -1;
	length = l->s.in.n - in.n - begin;
	memmove(l->s.in.p + begin, in.p, in.n);
	l->s.in.n -= length;
	return 1;
}

static int step(struct link *l, struct err *err) {
	struct slice in = {l->s.in.p, l->s.in.n};
	enum link_type type;
	struct slice body;
	int result;

	if (link_wants(l))
		return find_texts(l, err);
	result = frame_take(&in, &type, &body, err);
	if (result > 0)
		result = handle(l, type, body, err);
	if (result > 0)
		stream_taken(&l->s, l->s.in.n - in.n);
	return result;
}

/* The analyzer tries again, and tells only who started it. */
static void note_failure(struct enforcer *e, const struct err *err) {
	if (!e->state_problem[0])
		e->state_problem_since = clock_now();
	(void)slice_copy(slice_of(err->text), e->state_problem, sizeof(e->state_problem));
}

int link_step(struct link *l) {
	struct err err;
	int result = l->s.in.n == 0 ? 0 : step(l, &err);

	if (result < 0) {
		l->e->options.say(l->e->options.context, err.text);
		if (err.class == ERR_SYSTEM)
			note_failure(l->e, &err);
		link_refuse(l, err.text);
	}
	return result;
}
