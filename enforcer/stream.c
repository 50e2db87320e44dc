#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "enforcer/stream.h"

#define READ_STEP (256U << 10) /* of one peer before the next has its turn */

int64_t monotonic_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int stream_init(struct stream *s, int fd, size_t in_max, size_t out_max, struct err *err) {
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		err_errno(err, "descriptor %d", fd);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	*s = (struct stream){.fd = fd};
	buf_init(&s->in, in_max);
	buf_init(&s->out, out_max);
	return 0;
}

void stream_release(struct stream *s) {
	(void)close(s->fd);
	buf_release(&s->in);
	buf_release(&s->out);
	*s = (struct stream){.fd = -1};
}

int stream_read(struct stream *s) {
	size_t step = s->in.max - s->in.n < READ_STEP ? s->in.max - s->in.n : READ_STEP;
	char *to;
	ssize_t n;

	if (step == 0 || s->closed)
		return 0;
	to = buf_reserve(&s->in, step);
	if (!to)
		return -1;
	n = recv(s->fd, to, step, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0) {
		s->closed = true;
		return 0;
	}
	s->in.n += (size_t)n;
	s->in_since = monotonic_ms();
	return 0;
}

int stream_write(struct stream *s) {
	while (s->out.n > 0 && !s->out.failed) {
		ssize_t n = send(s->fd, s->out.p, s->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0) {
			if (s->out_since == 0)
				s->out_since = monotonic_ms();
			return 0;
		}
		buf_consume(&s->out, (size_t)n);
		s->out_since = s->out.n > 0 ? monotonic_ms() : 0;
	}
	return s->out.failed ? -1 : 0;
}

int stream_drain(struct stream *s, int64_t *left) {
	while (s->out.n > 0) {
		struct pollfd wait = {.fd = s->fd, .events = POLLOUT};
		int64_t begin = monotonic_ms(), patience;

		if (stream_write(s) < 0)
			return -1;
		if (s->out.n == 0)
			break;
		patience = s->out_since + STREAM_DRAIN - begin;
		if (patience > *left)
			patience = *left;
		if (patience <= 0 || (poll(&wait, 1, (int)patience) < 0 && errno != EINTR))
			return -1;
		*left -= monotonic_ms() - begin;
	}
	return s->out.failed ? -1 : 0;
}

void stream_taken(struct stream *s, size_t n) {
	buf_consume(&s->in, n);
	s->in_since = s->in.n > 0 ? monotonic_ms() : 0;
}

short stream_events(const struct stream *s) {
	bool room = !s->closed && s->in.n < s->in.max;

	return (short)((room ? POLLIN : 0) | (s->out.n > 0 ? POLLOUT : 0));
}

int64_t stream_deadline(const struct stream *s) {
	int64_t in = s->in_since ? s->in_since + STREAM_STUCK : 0;
	int64_t out = s->out_since ? s->out_since + STREAM_STUCK : 0;

	return in && (!out || in < out) ? in : out;
}
