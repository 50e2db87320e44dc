#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "enforcer/enforcer.h"

#include "cmd/client_private.h"

#define PATIENCE 30000 /* milliseconds for an enforcer to be found, or to be become */

int64_t client_now(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void client_close_fd(int *fd) {
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

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

/* 1: it will answer; 0: it ended before it looked at us. */
static int greeted(struct client *c, int64_t till, struct err *err) {
	struct slice body;
	size_t whole;
	char tag;
	int got = client_read_frame(c, till, &tag, &body, &whole, err);

	if (got <= 0)
		return got;
	if (tag != 'h')
		return err_set(err, ERR_SYSTEM, "what listens for commands is no enforcer of this release");
	c->at += whole;
	return 1;
}

/* Who may not give commands may still bring events: that an enforcer listens for them is all that such a client knows. */
static int reach_link(struct client *c, const char *state, struct err *err) {
	bool nobody, closed;

	c->events = connect_to(state, ENFORCER_EVENTS_SOCKET, &nobody, &closed, err);
	if (c->events < 0)
		return nobody ? 0 : -1;
	client_close_fd(&c->events);
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
	int64_t till = client_now() + PATIENCE;
	long pause = 10;
	int result = 0;

	if (!c)
		return err_errno(err, "client");
	*c = (struct client){.fd = -1, .events = -1, .errors = -1};
	buf_init(&c->in, CLIENT_FRAME_MAX + 2 * 65536);
	while (result == 0) {
		if (!(flags & CLIENT_COPY))
			result = reach(c, conf->state, flags, till, err);
		if (result == 0 && (flags & CLIENT_REACH)) {
			result = err_set(err, ERR_SYSTEM, "%s: no enforcer answers", conf->state);
		} else if (result == 0) {
			client_let_go(c);
			result = client_become(c, conf_file, flags, err) < 0 ? -1 : greeted(c, till, err);
			if (result == 0)
				result = client_refused(c, err);
		}
		if (result == 0 && client_now() >= till)
			result = err_set(err, ERR_SYSTEM, "%s: another enforcer holds the state and does not answer", conf->state);
		if (result == 0) {
			struct timespec rest = {.tv_nsec = pause * 1000000L};

			client_let_go(c);
			(void)nanosleep(&rest, NULL);
			pause = pause < 160 ? pause * 2 : pause;
		}
	}
	if (result < 0) {
		if (c->child > 0)
			(void)kill(c->child, SIGTERM);
		client_let_go(c);
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
	client_close_fd(&c->events);
	/* It ends when we leave, unless others came to it meanwhile: then it says that it stays, and is nobody's child any more. */
	if (c->child > 0 && c->fd >= 0) {
		(void)shutdown(c->fd, SHUT_WR);
		while (tag != 's' && client_read_frame(c, 0, &tag, &body, &whole, &ignored) > 0)
			c->at += whole;
		if (tag == 's')
			c->child = 0;
	}
	client_let_go(c);
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
	client_close_fd(&c->events);
}
