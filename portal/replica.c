#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "portal/replica.h"

int replica_init(struct replica *r, const char *path, size_t max) {
	*r = (struct replica){.path = strdup(path), .max = max, .error = ENOENT};
	buf_init(&r->text, max + 1);
	return r->path ? 0 : -1;
}

void replica_release(struct replica *r) {
	free(r->path);
	buf_release(&r->text);
	*r = (struct replica){0};
}

static bool same_time(struct timespec a, struct timespec b) {
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A number of an inode may be given anew: its times are not. */
static bool same_file(const struct stat *a, const struct stat *b) {
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

/* 0, or why not. */
static int read_all(struct replica *r, int fd) {
	struct stat st;

	if (fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > r->max)
		return EFBIG;
	buf_clear(&r->text);
	for (;;) {
		char *to = buf_reserve(&r->text, (size_t)st.st_size - r->text.n + 1);
		ssize_t n = to ? read(fd, to, (size_t)st.st_size - r->text.n + 1) : -1;

		if (n < 0 && to && errno == EINTR)
			continue;
		if (n < 0)
			return to ? errno : ENOMEM;
		if (n == 0)
			break;
		r->text.n += (size_t)n;
		if (r->text.n > (size_t)st.st_size)
			return EAGAIN; /* it grows under us: not ours to judge yet */
	}
	r->seen = st;
	return 0;
}

bool replica_look(struct replica *r) {
	bool was = r->there;
	int error = r->error;
	struct stat st;
	int fd = -1;

	if (stat(r->path, &st) == 0) {
		if (was && same_file(&st, &r->seen))
			return false;
		fd = open(r->path, O_RDONLY | O_CLOEXEC);
	}
	r->error = fd < 0 ? errno : read_all(r, fd);
	r->there = r->error == 0;
	if (fd >= 0)
		(void)close(fd);
	if (!r->there)
		buf_clear(&r->text);
	return was || r->there || r->error != error;
}
