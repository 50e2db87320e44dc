#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/event.h"
#include "common/js.h"

#include "portal/http.h"
#include "portal/upstream.h"

#define HEADER   5 /* u32 length, u8 tag */
#define PIECE    65536
#define TURN_MAX 16 /* pieces that are read before others have their turn */

struct asking {
	struct buf frame;
	void *who;
	int64_t till;
	bool given_up; /* it was asked, and nobody waits for the answer any more */
};

struct upstream {
	struct sockaddr_un at;
	void (*done)(void *context, void *who, const struct upstream_answer *answer);
	void *context;
	int fd;
	bool greeted;
	size_t sent; /* of the first one's frame */
	struct buf in;
	size_t read; /* frames of `in` that belong to the answer */
	unsigned n;
	struct asking waiting[UPSTREAM_WAITING];
};

int upstream_new(struct upstream **out, const char *state,
                 void (*done)(void *context, void *who, const struct upstream_answer *answer), void *context,
                 struct err *err) {
	struct upstream *u = calloc(1, sizeof(*u));
	int n;

	if (!u)
		return err_set(err, ERR_SYSTEM, "out of memory");
	u->at.sun_family = AF_UNIX;
	n = snprintf(u->at.sun_path, sizeof(u->at.sun_path), "%s/" UPSTREAM_SOCKET, state);
	if (n < 0 || (size_t)n >= sizeof(u->at.sun_path)) {
		free(u);
		return err_set(err, ERR_INPUT, "%s: the path is too long for a socket in it", state);
	}
	u->fd = -1;
	u->done = done;
	u->context = context;
	buf_init(&u->in, UPSTREAM_ANSWER + 2 * PIECE);
	*out = u;
	return 0;
}

/* The i-th of those who wait has its answer. */
static void answer(struct upstream *u, unsigned i, const struct upstream_answer *a) {
	struct asking gone = u->waiting[i];

	memmove(&u->waiting[i], &u->waiting[i + 1], (u->n - i - 1) * sizeof(u->waiting[0]));
	u->n--;
	buf_release(&gone.frame);
	if (!gone.given_up)
		u->done(u->context, gone.who, a);
}

static void give_up(struct upstream *u) {
	const struct upstream_answer unasked = {.outcome = UPSTREAM_UNASKED}, unknown = {.outcome = UPSTREAM_UNKNOWN};

	if (u->fd >= 0)
		(void)close(u->fd);
	u->fd = -1;
	u->greeted = false;
	buf_release(&u->in);
	buf_init(&u->in, UPSTREAM_ANSWER + 2 * PIECE);
	u->read = 0;
	while (u->n > 0) {
		answer(u, 0, u->sent > 0 ? &unknown : &unasked);
		u->sent = 0;
	}
}

void upstream_free(struct upstream **u) {
	if (!*u)
		return;
	give_up(*u);
	buf_release(&(*u)->in);
	free(*u);
	*u = NULL;
}

bool upstream_ask(struct upstream *u, struct slice request, void *who) {
	struct asking *a = &u->waiting[u->n];

	if (u->n == UPSTREAM_WAITING || request.n > UPSTREAM_REQUEST)
		return false;
	*a = (struct asking){.who = who, .till = http_clock() + UPSTREAM_PATIENCE};
	buf_init(&a->frame, UPSTREAM_REQUEST + HEADER);
	put_u32(&a->frame, (uint32_t)request.n);
	put_u8(&a->frame, 'q');
	buf_add(&a->frame, request.p, request.n);
	if (a->frame.failed) {
		buf_release(&a->frame);
		return false;
	}
	u->n++;
	return true;
}

/* ---- the answer ---- */

static bool frame_at(struct slice *in, char *tag, struct slice *body) {
	struct slice rest = *in;
	uint32_t n;
	uint8_t t;

	if (get_u32(&rest, &n) < 0 || get_u8(&rest, &t) < 0 || rest.n < n)
		return false;
	*tag = (char)t;
	*body = (struct slice){rest.p, n};
	*in = (struct slice){rest.p + n, rest.n - n};
	return true;
}

bool upstream_row(struct slice *rows, struct slice *row) {
	char tag;

	while (frame_at(rows, &tag, row))
		if (tag == 'r')
			return true;
	return false;
}

static bool take_end(struct upstream *u, struct slice body) {
	struct upstream_answer a = {.outcome = UPSTREAM_ANSWERED, .rows = {u->in.p, u->read}};
	struct json *end;
	struct err err;

	if (u->n == 0 || u->sent < u->waiting[0].frame.n || js_parse(body, &end, &err) < 0)
		return false;
	a.exit = (int)js_number(end, "exit", ERR_SYSTEM);
	a.error = js_text(end, "error");
	a.code = js_text(end, "code");
	u->sent = 0;
	answer(u, 0, &a);
	js_free(&end);
	return true;
}

/* False: this is no enforcer of ours. */
static bool take_frames(struct upstream *u) {
	for (;;) {
		struct slice in = {u->in.p + u->read, u->in.n - u->read};
		struct slice body, whole = in;
		char tag;

		if (in.n >= HEADER) {
			uint32_t n;

			(void)get_u32(&whole, &n);
			if (n > UPSTREAM_ANSWER)
				return false;
		}
		if (in.n == 0 || !frame_at(&in, &tag, &body))
			return u->in.n < UPSTREAM_ANSWER;
		if (!u->greeted) {
			if (tag != 'h')
				return false;
			u->greeted = true;
			buf_consume(&u->in, HEADER + body.n);
		} else if (tag == 'e') {
			if (!take_end(u, body))
				return false;
			buf_consume(&u->in, (size_t)(in.p - u->in.p));
			u->read = 0;
		} else {
			u->read = (size_t)(in.p - u->in.p);
		}
	}
}

/* ---- the connection ---- */

static bool connect_up(struct upstream *u) {
	u->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return u->fd >= 0 && connect(u->fd, (const struct sockaddr *)&u->at, sizeof(u->at)) == 0;
}

static bool read_up(struct upstream *u) {
	for (int turn = 0; turn < TURN_MAX; turn++) {
		char *to = buf_reserve(&u->in, PIECE);
		ssize_t n = to ? recv(u->fd, to, PIECE, 0) : 0;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		u->in.n += (size_t)n;
		if (!take_frames(u))
			return false;
	}
	return true;
}

static bool write_up(struct upstream *u) {
	while (u->greeted && u->n > 0 && u->sent < u->waiting[0].frame.n) {
		const struct buf *frame = &u->waiting[0].frame;
		ssize_t n = send(u->fd, frame->p + u->sent, frame->n - u->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			return false;
		u->sent += (size_t)n;
	}
	return true;
}

struct pollfd upstream_wait(const struct upstream *u) {
	bool sending = u->greeted && u->n > 0 && u->sent < u->waiting[0].frame.n;

	return (struct pollfd){.fd = u->fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0))};
}

int64_t upstream_timeout(const struct upstream *u, int64_t now) {
	int64_t till = INT64_MAX;

	if (u->n > 0 && u->fd < 0)
		return 0;
	for (unsigned i = 0; i < u->n; i++)
		till = u->waiting[i].till < till ? u->waiting[i].till : till;
	return u->n == 0 ? -1 : till > now ? till - now : 0;
}

/* Whose time is over. False: the enforcer is stuck. */
static bool expire(struct upstream *u, int64_t now) {
	const struct upstream_answer unasked = {.outcome = UPSTREAM_UNASKED}, unknown = {.outcome = UPSTREAM_UNKNOWN};

	for (unsigned i = u->n; i-- > 0;) {
		struct asking *a = &u->waiting[i];

		if (a->till > now)
			continue;
		if (i > 0 || u->sent == 0) {
			answer(u, i, &unasked);
		} else if (!a->given_up) {
			a->given_up = true;
			a->till = now + UPSTREAM_LOST;
			u->done(u->context, a->who, &unknown);
		} else {
			return false;
		}
	}
	return true;
}

void upstream_run(struct upstream *u, int64_t now) {
	bool good = expire(u, now);

	if (good && u->fd < 0 && u->n > 0)
		good = connect_up(u);
	if (u->fd >= 0 && (!good || !read_up(u) || !write_up(u)))
		good = false;
	if (!good)
		give_up(u);
}
