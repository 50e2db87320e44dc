#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/event.h"
#include "common/js.h"

#include "enforcer/control.h"
#include "enforcer/enforcer.h"

#include "cmd/client.h"

#define PATIENCE       30000       /* milliseconds for an enforcer to be found, or to be become */
#define FRAME_MAX      (64U << 20) /* of an answer */
#define ANSWER_MAX     (16U << 20) /* held in memory; what is longer goes through a file */
#define STDERR_MAX     4096        /* of a child */
#define CHILD_PATIENCE 1000        /* milliseconds from the end of its connection to its own */

struct client {
	int fd;     /* commands */
	int events; /* -1 without */
	int errors; /* the child's standard error, -1 without a child */
	pid_t child;
	struct buf in;
	size_t at; /* where the next frame begins in it */
};

static int64_t now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fd(int *fd) {
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- frames ---- */

/* 1 a frame, its body borrowed until the next call; 0 the other side has ended; -1 it broke, or took longer than till (0: no limit). */
static int read_frame(struct client *c, int64_t till, char *tag, struct slice *body, size_t *whole, struct err *err) {
	for (;;) {
		struct slice in = {c->in.n > c->at ? c->in.p + c->at : NULL, c->in.n - c->at};
		struct pollfd wait = {.fd = c->fd, .events = POLLIN};
		uint32_t n = 0;
		uint8_t t;
		int64_t left = till ? till - now_ms() : -1;
		ssize_t got;
		char *to;

		if (get_u32(&in, &n) == 0 && get_u8(&in, &t) == 0) {
			if (n > FRAME_MAX)
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

/* 1: it will answer; 0: it ended before it looked at us. */
static int greeted(struct client *c, int64_t till, struct err *err) {
	struct slice body;
	size_t whole;
	char tag;
	int got = read_frame(c, till, &tag, &body, &whole, err);

	if (got <= 0)
		return got;
	if (tag != 'h')
		return err_set(err, ERR_SYSTEM, "what listens for commands is no enforcer of this release");
	c->at += whole;
	return 1;
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

/* ---- finding one that runs ---- */

/* The connected socket; -1 with *nobody where nobody listens, *closed where we may not. */
static int connect_to(const char *state, const char *name, bool *nobody, bool *closed, struct err *err) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;
	int result;

	*nobody = *closed = false;
	if (folder < 0) {
		*nobody = errno == ENOENT;
		return err_errno(err, "%s", state);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		(void)err_errno(err, "socket");
		goto fail;
	}
	/* By way of the folder's descriptor, as an address holds 107 bytes only. */
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", folder, name);
	do
		result = connect(fd, (const struct sockaddr *)&at, sizeof(at));
	while (result < 0 && errno == EINTR);
	if (result < 0) {
		*nobody = errno == ENOENT || errno == ECONNREFUSED;
		*closed = errno == EACCES;
		(void)err_errno(err, "%s/%s", state, name);
		if (*closed)
			(void)err_prefix(err, "no permission to give commands: run it as root, or as a member of the group of %s",
			                 state);
		goto fail;
	}
	(void)close(folder);
	return fd;
fail:
	if (fd >= 0)
		(void)close(fd);
	(void)close(folder);
	return -1;
}

/* ---- becoming one ---- */

int client_program(const char *name, char *out, size_t size, struct err *err) {
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	/* Nobody may choose the program of somebody with more privileges: only our own path and those compiled in are looked at. */
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			*slash = '\0';
			if ((size_t)snprintf(out, size, "%s/%s", self, name) < size && access(out, X_OK) == 0)
				return 0;
		}
	}
	if ((size_t)snprintf(out, size, "%s/%s", PROVCTL_LIBEXECDIR, name) < size && access(out, X_OK) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, "%s: not found beside provctl nor in %s: is provctl installed completely?", name,
	               PROVCTL_LIBEXECDIR);
}

struct child {
	char program[4096];
	const char *conf_file;
	unsigned flags;
	int control, events, errors; /* its ends; events -1 without */
};

static void be_child(const struct child *c) {
	char control[16], events[16];
	const char *argv[12];
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;
	int n = 0;

	(void)snprintf(control, sizeof(control), "%d", c->control);
	(void)snprintf(events, sizeof(events), "%d", c->events);
	argv[n++] = "prov-enforcer";
	argv[n++] = "--once";
	if (c->flags & CLIENT_COPY)
		argv[n++] = "--dry-run";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = "--control-fd";
	argv[n++] = control;
	if (c->events >= 0) {
		argv[n++] = "--events-fd";
		argv[n++] = events;
	}
	argv[n] = NULL;
	/* A full pipe must not stop it: what does not fit is lost. */
	(void)fcntl(c->errors, F_SETFL, O_WRONLY | O_NONBLOCK);
	if (c->flags & CLIENT_STAY)
		(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Nor may it hold a pipe open that somebody waits for the end of: it can outlive us. */
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
	    dup2(c->errors, STDERR_FILENO) < 0 || fcntl(c->control, F_SETFD, 0) < 0 ||
	    (c->events >= 0 && fcntl(c->events, F_SETFD, 0) < 0))
		_exit(ERR_SYSTEM);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execv(c->program, (char *const *)(uintptr_t)argv);
	_exit(ERR_SYSTEM);
}

static int become(struct client *c, const char *conf_file, unsigned flags, struct err *err) {
	struct child child = {.conf_file = conf_file, .flags = flags, .control = -1, .events = -1, .errors = -1};
	int control[2] = {-1, -1}, events[2] = {-1, -1}, errors[2] = {-1, -1};
	int result = -1;

	if (client_program("prov-enforcer", child.program, sizeof(child.program), err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
	    ((flags & CLIENT_EVENTS) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events) < 0) ||
	    pipe2(errors, O_CLOEXEC) < 0) {
		(void)err_errno(err, "prov-enforcer");
		goto out;
	}
	child.control = control[1];
	child.events = events[1];
	child.errors = errors[1];
	c->child = fork();
	if (c->child < 0) {
		(void)err_errno(err, "prov-enforcer");
		c->child = 0;
		goto out;
	}
	if (c->child == 0)
		be_child(&child);
	c->fd = control[0];
	c->events = events[0];
	c->errors = errors[0];
	control[0] = events[0] = errors[0] = -1;
	result = 0;
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&control[i]);
		close_fd(&events[i]);
		close_fd(&errors[i]);
	}
	return result;
}

/* The last line of what the child said, without its name. "" where it said nothing. */
static void last_words(struct client *c, char *out, size_t size) {
	char text[STDERR_MAX + 1];
	size_t n = 0;
	char *line;

	(void)fcntl(c->errors, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t got = read(c->errors, text + n, STDERR_MAX - n);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n == STDERR_MAX) {
			memmove(text, text + STDERR_MAX / 2, STDERR_MAX / 2);
			n = STDERR_MAX / 2;
		}
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (strncmp(line, "prov-enforcer: ", 15) == 0)
		line += 15;
	(void)slice_copy(slice_of(line), out, size);
}

void client_signal(int number, char out[CLIENT_SIGNAL_TEXT]) {
	if (number == SIGSYS)
		(void)snprintf(out, CLIENT_SIGNAL_TEXT,
		               "the kernel for a system call that its sandbox forbids (`journalctl -k --grep type=1326` tells "
		               "which); look into it before anything else");
	else
		(void)snprintf(out, CLIENT_SIGNAL_TEXT, "signal %d", number);
}

/* Ends what is left of an attempt, and waits for the child. Its exit status, or -1 where there was none or a signal ended it. */
static int let_go(struct client *c) {
	int status = -1;

	close_fd(&c->fd);
	close_fd(&c->events);
	if (c->child > 0)
		while (waitpid(c->child, &status, 0) < 0 && errno == EINTR)
			;
	c->child = 0;
	close_fd(&c->errors);
	buf_clear(&c->in);
	c->at = 0;
	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The child ended before it greeted: busy, or it cannot. */
static int refused(struct client *c, struct err *err) {
	char words[512];
	int status;

	close_fd(&c->fd);
	close_fd(&c->events);
	while (waitpid(c->child, &status, 0) < 0 && errno == EINTR)
		;
	c->child = 0;
	last_words(c, words, sizeof(words));
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENFORCER_BUSY)
		return 0;
	if (WIFSIGNALED(status)) {
		client_signal(WTERMSIG(status), words);
		return err_set(err, ERR_SYSTEM, "prov-enforcer was ended by %s", words);
	}
	return err_set(err, WIFEXITED(status) && WEXITSTATUS(status) == ERR_INPUT ? ERR_INPUT : ERR_SYSTEM, "%s",
	               words[0] ? words : "prov-enforcer could not be started");
}

/* ---- the public calls ---- */

/* Who may not give commands may still bring events: that an enforcer listens for them is all that such a client knows. */
static int reach_link(struct client *c, const char *state, struct err *err) {
	bool nobody, closed;

	c->events = connect_to(state, ENFORCER_EVENTS_SOCKET, &nobody, &closed, err);
	if (c->events < 0)
		return nobody ? 0 : -1;
	close_fd(&c->events);
	return 1;
}

/* 1 reached, 0 try again, -1 no use. */
static int reach(struct client *c, const char *state, unsigned flags, int64_t till, struct err *err) {
	bool nobody, closed;
	int result;

	c->fd = connect_to(state, ENFORCER_CONTROL_SOCKET, &nobody, &closed, err);
	if (c->fd < 0 && closed && (flags & CLIENT_STAY))
		return reach_link(c, state, err);
	if (c->fd < 0)
		return nobody ? 0 : -1;
	result = greeted(c, till, err);
	if (result > 0 && (flags & CLIENT_EVENTS)) {
		c->events = connect_to(state, ENFORCER_EVENTS_SOCKET, &nobody, &closed, err);
		result = c->events >= 0 ? 1 : nobody ? 0 : -1;
	}
	return result;
}

int client_open(struct client **out, const char *conf_file, const struct conf *conf, unsigned flags, struct err *err) {
	struct client *c = calloc(1, sizeof(*c));
	int64_t till = now_ms() + PATIENCE;
	long pause = 10;
	int result = 0;

	if (!c)
		return err_errno(err, "client");
	*c = (struct client){.fd = -1, .events = -1, .errors = -1};
	buf_init(&c->in, FRAME_MAX + 2 * 65536);
	while (result == 0) {
		if (!(flags & CLIENT_COPY))
			result = reach(c, conf->state, flags, till, err);
		if (result == 0 && (flags & CLIENT_REACH)) {
			result = err_set(err, ERR_SYSTEM, "%s: no enforcer answers", conf->state);
		} else if (result == 0) {
			(void)let_go(c);
			result = become(c, conf_file, flags, err) < 0 ? -1 : greeted(c, till, err);
			if (result == 0)
				result = refused(c, err);
		}
		if (result == 0 && now_ms() >= till)
			result = err_set(err, ERR_SYSTEM, "%s: another enforcer holds the state and does not answer", conf->state);
		if (result == 0) {
			struct timespec rest = {.tv_nsec = pause * 1000000L};

			(void)let_go(c);
			(void)nanosleep(&rest, NULL);
			pause = pause < 160 ? pause * 2 : pause;
		}
	}
	if (result < 0) {
		if (c->child > 0)
			(void)kill(c->child, SIGTERM);
		(void)let_go(c);
		buf_release(&c->in);
		free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void client_close(struct client **client) {
	struct client *c = *client;
	struct err ignored;
	struct slice body;
	size_t whole;
	char tag = 0;

	if (!c)
		return;
	close_fd(&c->events);
	/* It ends when we leave, unless others came to it meanwhile: then it says that it stays, and is nobody's child any more. */
	if (c->child > 0 && c->fd >= 0) {
		(void)shutdown(c->fd, SHUT_WR);
		while (tag != 's' && read_frame(c, 0, &tag, &body, &whole, &ignored) > 0)
			c->at += whole;
		if (tag == 's')
			c->child = 0;
	}
	(void)let_go(c);
	buf_release(&c->in);
	free(c);
	*client = NULL;
}

int client_link(const struct conf *conf, int *fd, struct err *err) {
	bool nobody, closed;

	*fd = connect_to(conf->state, ENFORCER_EVENTS_SOCKET, &nobody, &closed, err);
	return *fd < 0 ? -1 : 0;
}

int client_fd(const struct client *c) {
	return c->fd;
}

pid_t client_child(const struct client *c) {
	return c->child;
}

int client_errors(const struct client *c) {
	return c->errors;
}

int client_events(const struct client *c) {
	return c->events;
}

void client_events_done(struct client *c) {
	close_fd(&c->events);
}

/* ---- a request ---- */

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
	buf_init(&frame, FRAME_MAX);
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

	if (js_parse(body, &end, err) < 0)
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
		last_words(c, words, sizeof(words));
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
		int got = read_frame(c, 0, &tag, &body, &whole, err);

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
