#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "portal/listen.h"

#define BACKLOG     1024
#define GIVEN_FIRST 3 /* SD_LISTEN_FDS_START */
#define SOCKET_MODE 0660

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un path;
};

static socklen_t address_of(const struct conf_listen *c, bool v6, union address *out) {
	*out = (union address){0};
	if (c->path) {
		out->path.sun_family = AF_UNIX;
		(void)snprintf(out->path.sun_path, sizeof(out->path.sun_path), "%s", c->path);
		return sizeof(out->path);
	}
	if (v6) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(c->port);
		memcpy(&out->v6.sin6_addr, c->ip.b, sizeof(c->ip.b));
		return sizeof(out->v6);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons(c->port);
	memcpy(&out->v4.sin_addr, c->ip.b + 12, 4);
	return sizeof(out->v4);
}

/* A socket that nobody listens at any more is in the way of the next. */
static void remove_stale(const union address *at, socklen_t size) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, &at->any, size) < 0 && errno == ECONNREFUSED)
		(void)unlink(at->path.sun_path);
	(void)close(fd);
}

static int listen_at(struct listeners *l, const struct conf_listen *c, bool v6, struct err *err) {
	static const int yes = 1, no = 0;
	union address at;
	socklen_t size = address_of(c, v6, &at);
	int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_errno(err, "%s", c->text);
	if (c->path)
		remove_stale(&at, size);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (v6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, c->everywhere == LISTEN_ALL ? &no : &yes, sizeof(no));
	if (bind(fd, &at.any, size) < 0 || (c->path && chmod(c->path, SOCKET_MODE) < 0) || listen(fd, BACKLOG) < 0) {
		(void)err_errno(err, "%s", c->text);
		(void)close(fd);
		return -1;
	}
	l->fd[l->n++] = fd;
	return 0;
}

static int listen_one(struct listeners *l, const struct conf_listen *c, struct err *err) {
	bool v6 = !c->path && (c->everywhere == LISTEN_ALL || (c->everywhere == LISTEN_ADDRESS && !addr_is_v4(c->ip)));

	if (listen_at(l, c, v6, err) == 0)
		return 0;
	/* A kernel without IPv6 still has all of IPv4. */
	return v6 && c->everywhere == LISTEN_ALL && errno == EAFNOSUPPORT ? listen_at(l, c, false, err) : -1;
}

/* How many sockets the service manager gives; 0: none. */
static unsigned given(void) {
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t n, of;
	bool ours = pid && fds && slice_number(slice_of(pid), INT32_MAX, &of) && (pid_t)of == getpid() &&
	            slice_number(slice_of(fds), LISTEN_MAX, &n);

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return ours ? (unsigned)n : 0;
}

static int take_given(struct listeners *l, unsigned n, struct err *err) {
	for (int fd = GIVEN_FIRST; fd < GIVEN_FIRST + (int)n; fd++) {
		int listening = 0;
		socklen_t size = sizeof(listening);
		int flags = fcntl(fd, F_GETFL);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
			return err_set(err, ERR_INPUT, "LISTEN_FDS: descriptor %d does not listen", fd);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return err_errno(err, "LISTEN_FDS: descriptor %d", fd);
		l->fd[l->n++] = fd;
	}
	return 0;
}

int listen_all(struct listeners *l, const struct conf *conf, struct err *err) {
	unsigned n = given();

	*l = (struct listeners){0};
	if (n > 0)
		return take_given(l, n, err);
	for (uint32_t i = 0; i < conf->portal.nlisten; i++)
		if (listen_one(l, &conf->portal.listen[i], err) < 0)
			return -1;
	return 0;
}

void listen_end(struct listeners *l) {
	for (unsigned i = 0; i < l->n; i++)
		(void)close(l->fd[i]);
	l->n = 0;
}

int listen_accept(int listener, struct addr *peer) {
	union address at = {0};
	socklen_t size = sizeof(at);
	char text[ADDR_TEXT];
	int fd = accept4(listener, &at.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	*peer = (struct addr){{0}};
	if (fd < 0 || at.any.sa_family == AF_UNIX)
		return fd;
	if (inet_ntop(at.any.sa_family,
	              at.any.sa_family == AF_INET ? (const void *)&at.v4.sin_addr : (const void *)&at.v6.sin6_addr, text,
	              sizeof(text)) == NULL ||
	    !addr_parse(text, strlen(text), peer)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
