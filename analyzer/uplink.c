#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "analyzer/uplink.h"

#define RECEIVE 65536
/* Names and samples of LINK_LOGS_MAX cursors. */
#define TEXTS_MAX ((size_t)LINK_LOGS_MAX * 4096)

void uplink_init(struct uplink *u, int fd) {
	*u = (struct uplink){.fd = fd};
	buf_init(&u->in, (size_t)2 * (LINK_FRAME_MAX + LINK_HEADER));
	buf_init(&u->texts, TEXTS_MAX);
}

void uplink_release(struct uplink *u) {
	buf_release(&u->in);
	buf_release(&u->texts);
	free(u->cursors);
	u->cursors = NULL;
}

static int send_built(struct uplink *u, struct buf *b, struct err *err) {
	int result =
		b->failed ? err_set(err, ERR_SYSTEM, "link: out of memory") : uplink_send(u, (struct slice){b->p, b->n}, err);

	buf_release(b);
	return result;
}

int uplink_hello(struct uplink *u, struct err *err) {
	struct buf b;
	size_t begin;

	buf_init(&b, 64);
	begin = frame_begin(&b, LINK_HELLO);
	put_u32(&b, LINK_VERSION);
	frame_end(&b, begin);
	return send_built(u, &b, err);
}

int uplink_notice(struct uplink *u, struct slice name, struct slice problem, struct err *err) {
	struct slice shorter = {name.p, name.n < CURSOR_NAME_MAX ? name.n : CURSOR_NAME_MAX};
	struct slice text = {problem.p, problem.n < CURSOR_NAME_MAX ? problem.n : CURSOR_NAME_MAX};
	struct buf b;
	size_t begin;

	buf_init(&b, 2 * CURSOR_NAME_MAX + 64);
	begin = frame_begin(&b, LINK_NOTICE);
	put_text(&b, shorter);
	put_text(&b, text);
	frame_end(&b, begin);
	return send_built(u, &b, err);
}

int uplink_done(struct uplink *u, struct err *err) {
	struct buf b;
	size_t begin;

	buf_init(&b, 64);
	begin = frame_begin(&b, LINK_DONE);
	frame_end(&b, begin);
	return send_built(u, &b, err);
}

/* Drops the frame that was given last, then looks for a whole one: 1, its body valid until the next call; 0: there is none yet. */
static int receive(struct uplink *u, bool wait, enum link_type *type, struct slice *body, struct err *err) {
	if (u->taken > 0)
		buf_consume(&u->in, u->taken);
	u->taken = 0;
	for (;;) {
		struct slice in = {u->in.p, u->in.n};
		int taken = frame_take(&in, type, body, err);
		ssize_t n;
		char *to;

		if (taken < 0)
			return -1;
		if (taken > 0) {
			u->taken = u->in.n - in.n;
			return 1;
		}
		to = buf_reserve(&u->in, RECEIVE);
		if (!to)
			return err_set(err, ERR_SYSTEM, "link: out of memory");
		do
			n = recv(u->fd, to, RECEIVE, wait ? 0 : MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0 && !wait && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_errno(err, "link to the enforcer");
		if (n == 0)
			return err_set(err, ERR_SYSTEM, "link: the enforcer closed it");
		u->in.n += (size_t)n;
	}
}

static int refused(struct slice body, struct err *err) {
	struct buf text;

	buf_init(&text, 4096);
	buf_escaped(&text, body, 900);
	(void)err_set(err, ERR_SYSTEM, "the enforcer refused: %.*s", (int)text.n, text.n ? text.p : "");
	buf_release(&text);
	return -1;
}

/* Who was refused while he wrote learns why from what was answered before the end. */
static int broken(struct uplink *u, struct err *err) {
	bool reset = false;
	int got;

	(void)err_errno(err, "link to the enforcer");
	do {
		enum link_type type;
		struct slice body;
		struct err ignored;

		got = receive(u, false, &type, &body, &ignored);
		if (got > 0 && type == LINK_REFUSED)
			return refused(body, err);
		/* The first is that not all was read, over there. */
		if (got < 0 && !reset) {
			reset = true;
			got = 1;
		}
	} while (got > 0);
	return -1;
}

int uplink_send(struct uplink *u, struct slice frames, struct err *err) {
	while (frames.n > 0) {
		ssize_t n = send(u->fd, frames.p, frames.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return broken(u, err);
		frames.p += n;
		frames.n -= (size_t)n;
	}
	return 0;
}

/* Slices of cursors are made when all texts are there: until then texts may move. */
static int cursors_decode(struct uplink *u, struct err *err) {
	struct slice in = {u->texts.p, u->texts.n};

	while (in.n > 0) {
		if (u->ncursors == u->room) {
			uint32_t room = u->room ? 2 * u->room : 64;
			struct cursor *cursors = realloc(u->cursors, room * sizeof(*cursors));

			if (!cursors)
				return err_set(err, ERR_SYSTEM, "link: out of memory");
			u->cursors = cursors;
			u->room = room;
		}
		if (cursor_decode(&in, &u->cursors[u->ncursors], err) < 0)
			return err_prefix(err, "link");
		u->ncursors++;
	}
	return 0;
}

int uplink_cursors(struct uplink *u, struct err *err) {
	uint64_t told = 0;

	buf_clear(&u->texts);
	u->ncursors = 0;
	for (;;) {
		enum link_type type;
		struct slice body;
		uint32_t count;

		if (receive(u, true, &type, &body, err) < 0)
			return -1;
		switch (type) {
		case LINK_CURSORS:
			if (get_u32(&body, &count) < 0)
				return err_set(err, ERR_INPUT, "link: malformed cursors");
			told += count;
			buf_add(&u->texts, body.p, body.n);
			if (u->texts.failed)
				return err_set(err, ERR_SYSTEM, "link: too many cursors");
			break;
		case LINK_READY:
			if (cursors_decode(u, err) < 0)
				return -1;
			return told == u->ncursors ? 0 : err_set(err, ERR_INPUT, "link: malformed cursors");
		case LINK_REFUSED:
			return refused(body, err);
		default:
			return err_set(err, ERR_INPUT, "link: a frame of type %u where cursors are due", (unsigned)type);
		}
	}
}

int uplink_hear(struct uplink *u, bool wait, struct uplink_answer *answer, struct err *err) {
	struct slice body = {0};
	int got = receive(u, wait, &answer->type, &body, err);

	if (got <= 0)
		return got;
	if (answer->type == LINK_REFUSED)
		return refused(body, err);
	if ((answer->type != LINK_ACK && answer->type != LINK_STALE && answer->type != LINK_WANT) ||
	    get_u64(&body, &answer->seq) < 0 || (answer->type == LINK_ACK && get_u32(&body, &answer->took) < 0))
		return err_set(err, ERR_INPUT, "link: a frame of type %u where an answer is due", (unsigned)answer->type);
	answer->wanted = body;
	return 1;
}

int uplink_answer(struct uplink *u, enum link_type *type, uint64_t *seq, struct err *err) {
	struct uplink_answer answer;

	if (uplink_hear(u, true, &answer, err) < 0)
		return -1;
	if (answer.type == LINK_WANT)
		return err_set(err, ERR_INPUT, "link: events are wanted of no batch");
	*type = answer.type;
	*seq = answer.seq;
	return 0;
}
