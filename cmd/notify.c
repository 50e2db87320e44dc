#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"

#include "cmd/notify.h"

#define TEXT_MAX 2048

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t length;
	int64_t beat;
};

/* A path, or with "@" a name of the abstract namespace, which has no end but its length. */
static int address_of(struct notify *n, const char *name) {
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(n->to.sun_path))
		return -1;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, name, length);
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	n->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
	return 0;
}

static int64_t beat_of(const char *period, const char *pid) {
	uint64_t microseconds, whose;

	if (!period || !slice_number(slice_of(period), INT64_MAX, &microseconds) || microseconds == 0)
		return 0;
	if (pid && (!slice_number(slice_of(pid), INT_MAX, &whose) || (pid_t)whose != getpid()))
		return 0;
	return microseconds < 2000 ? 1 : (int64_t)(microseconds / 2000);
}

struct notify *notify_new(void) {
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify *n = name ? calloc(1, sizeof(*n)) : NULL;

	if (n) {
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		n->beat = beat_of(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
		if (n->fd < 0 || address_of(n, name) < 0)
			notify_free(&n);
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return n;
}

void notify_free(struct notify **n) {
	if (!*n)
		return;
	if ((*n)->fd >= 0)
		(void)close((*n)->fd);
	free(*n);
	*n = NULL;
}

void notify_tell(const struct notify *n, const char *format, ...) {
	char text[TEXT_MAX];
	va_list args;
	int length;

	if (!n)
		return;
	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length > 0)
		(void)sendto(n->fd, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1,
		             MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&n->to, n->length);
}

void notify_reloading(const struct notify *n) {
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify_tell(n, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

int64_t notify_beat(const struct notify *n) {
	return n ? n->beat : 0;
}
