/* A request and its answer. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/event.h"

#include "enforcer/control.h"

#include "cmd/client_private.h"
#include "cmd/program.h"

#define ANSWER_MAX     (16U << 20) /* held in memory; what is longer goes through a file */
#define CHILD_PATIENCE 1000        /* milliseconds from the end of its connection to its own */

int client_read_frame(struct client *c, int64_t till, char *tag, struct slice *body, size_t *whole, struct err *err) {
	for (;;) {
		struct slice in = {c->in.n > c->at ? c->in.p + c->at : NULL, c->in.n - c->at};
		struct pollfd wait = {.fd = c->fd, .events = POLLIN};
		uint32_t n = 0;
		uint8_t t;
		int64_t left = till ? till - client_now() : -1;
		ssize_t got;
		char *to;

		if (get_u32(&in, &n) == 0 && get_u8(&in, &t) == 0) {
			if (n > CLIENT_FRAME_MAX)
				return err_set(err, ERR_SYSTEM, "the enforcer's answer is malformed");
			if (in.n >= n) {
				*tag = (char)t;
				*body = (struct slice){in.p, n};
				*whole = CONTROL_HEADER + n;
				return 1;
			}
		}
		if (till && left <= 0)
			return err_set(err, ERR_SYSTEM, "the enforcer does not answer");
		if (poll(&wait, 1, till ? (int)left : -1) <= 0)
			continue;
		buf_consume(&c->in, c->at);
		c->at = 0;
		to = buf_reserve(&c->in, 65536);
		if (!to)
			return err_set(err, ERR_SYSTEM, "out of memory");
		got = recv(c->fd, to, 65536, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return 0;
		if (got < 0 && errno != EINTR)
			return err_errno(err, "the enforcer");
		c->in.n += got > 0 ? (size_t)got : 0;
	}
}

static int write_all(struct client *c, const void *bytes, size_t n, struct err *err) {
	const char *p = bytes;

	while (n > 0) {
		ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return err_errno(err, "the enforcer");
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* The answer is taken whole before any of it is handed on: the enforcer serves one at a time, and a pager must not make all others wait. */
struct answer {
	struct buf frames; /* as read */
	FILE *file;        /* NULL as long as it fits */
};

static int answer_add(struct answer *a, const char *bytes, size_t n, struct err *err) {
	if (!a->file && a->frames.n + n <= ANSWER_MAX) {
		buf_add(&a->frames, bytes, n);
		if (!a->frames.failed)
			return 0;
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	if (!a->file) {
		a->file = tmpfile();
		if (!a->file || fwrite(a->frames.p, 1, a->frames.n, a->file) != a->frames.n)
			return err_errno(err, "a temporary file for a long answer");
		buf_clear(&a->frames);
	}
	return fwrite(bytes, 1, n, a->file) == n ? 0 : err_errno(err, "a temporary file for a long answer");
}

static int hand_on(const struct client_reader *reader, char tag, struct slice body, struct err *err) {
	if (tag == 'r' && reader && reader->row)
		return reader->row(reader->context, body, err);
	return 0;
}

static int hand_on_all(struct slice in, const struct client_reader *reader, struct err *err) {
	uint32_t n;
	uint8_t tag;

	while (get_u32(&in, &n) == 0 && get_u8(&in, &tag) == 0 && n <= in.n) {
		if (hand_on(reader, (char)tag, (struct slice){in.p, n}, err) < 0)
			return -1;
		in.p += n;
		in.n -= n;
	}
	return 0;
}

static int hand_on_file(FILE *file, const struct client_reader *reader, struct err *err) {
	struct buf frame;
	int result = 0;

	if (fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0)
		return err_errno(err, "a temporary file for a long answer");
	buf_init(&frame, CLIENT_FRAME_MAX);
	while (result == 0) {
		char head[CONTROL_HEADER];
		struct slice in = {head, sizeof(head)};
		uint32_t n;
		char *to;

		if (fread(head, 1, sizeof(head), file) != sizeof(head))
			break;
		(void)get_u32(&in, &n);
		buf_clear(&frame);
		to = buf_reserve(&frame, n);
		if (!to || fread(to, 1, n, file) != n)
			result = err_set(err, ERR_SYSTEM, "a temporary file for a long answer: cut short");
		else
			result = hand_on(reader, head[4], (struct slice){to, n}, err);
	}
	if (result == 0 && ferror(file))
		result = err_errno(err, "a temporary file for a long answer");
	buf_release(&frame);
	return result;
}

static int take_end(struct slice body, int *exit, struct err *err) {
	struct json *end;
	const char *error;
	int64_t status;

	if (program_json(body, "the enforcer's answer", &end, err) < 0)
		return -1;
	error = js_text(end, "error");
	status = js_number(end, "exit", ERR_SYSTEM);
	if (status < 0 || status > ERR_FORGOTTEN)
		status = ERR_SYSTEM;
	if (error)
		(void)err_set(err, status == 0 ? ERR_SYSTEM : (enum err_class)status, "%s", error);
	else
		*exit = (int)status;
	js_free(&end);
	return error ? -1 : 0;
}

static int lost(struct client *c, struct err *err) {
	char words[512] = "", ended[CLIENT_SIGNAL_TEXT];
	int status;

	if (c->errors >= 0)
		client_last_words(c, words, sizeof(words));
	/* Its connection ends with it, a moment before it can be waited for. */
	for (int i = 0; c->child > 0 && i < CHILD_PATIENCE; i++) {
		static const struct timespec moment = {.tv_nsec = 1000000};

		if (waitpid(c->child, &status, WNOHANG) == c->child) {
			c->child = 0;
			if (WIFSIGNALED(status)) {
				client_signal(WTERMSIG(status), ended);
				(void)snprintf(words, sizeof(words), "by %s", ended);
			}
			break;
		}
		(void)nanosleep(&moment, NULL);
	}
	return err_set(err, ERR_SYSTEM,
	               "the enforcer ended before it answered%s%s; whether it was done shows `provctl log`",
	               words[0] ? ": " : "", words);
}

/* Reads up to the end frame, and hands on all before it. */
static int take_answer(struct client *c, struct answer *a, const struct client_reader *reader, int *exit,
                       struct err *err) {
	struct err ended;
	struct slice body = {0};
	size_t whole = 0;
	char tag = 0;
	int end = 0, handed;

	while (tag != 'e') {
		int got = client_read_frame(c, 0, &tag, &body, &whole, err);

		if (got <= 0)
			return got < 0 ? -1 : lost(c, err);
		if (tag == 'e')
			end = take_end(body, exit, &ended);
		else if (answer_add(a, c->in.p + c->at, whole, err) < 0)
			return -1;
		c->at += whole;
	}
	handed = a->file ? hand_on_file(a->file, reader, err)
	                 : hand_on_all((struct slice){a->frames.p, a->frames.n}, reader, err);
	if (end < 0)
		*err = ended;
	return end < 0 ? -1 : handed;
}

int client_request(struct client *c, struct slice request, const struct client_reader *reader, int *exit,
                   struct err *err) {
	struct answer answer = {0};
	struct buf frame;
	int result = -1;

	if (request.n > CONTROL_REQUEST_MAX)
		return err_set(err, ERR_INPUT, "the request is longer than %u bytes", CONTROL_REQUEST_MAX);
	buf_init(&answer.frames, ANSWER_MAX);
	buf_init(&frame, CONTROL_REQUEST_MAX + CONTROL_HEADER);
	put_u32(&frame, (uint32_t)request.n);
	put_u8(&frame, 'q');
	buf_add(&frame, request.p, request.n);
	if (frame.failed)
		(void)err_set(err, ERR_SYSTEM, "out of memory");
	else if (write_all(c, frame.p, frame.n, err) == 0)
		result = take_answer(c, &answer, reader, exit, err);
	if (answer.file)
		(void)fclose(answer.file);
	buf_release(&frame);
	buf_release(&answer.frames);
	return result;
}
