#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/source_private.h"

#define CHANGE_UNSURE INT64_MIN
#define CHANGE_TICK   20000000 /* nanoseconds; the kernel's longest tick is 10 ms */

bool path_is_glob(const char *path) {
	return strpbrk(path, "*?[") != NULL;
}

const char *path_name(const char *path) {
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *kind_name(mode_t mode) {
	if (S_ISDIR(mode))
		return "a folder; name the files in it, such as FOLDER/*.log";
	if (S_ISFIFO(mode))
		return "a FIFO; let the server write a file, or pipe it to `provctl analyze -`";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static int read_start(const struct source *s, int fd, char *start, size_t n, struct gz **stream, struct err *err) {
	size_t have = 0;
	ssize_t got = 1;

	if (s->gz && gz_open(stream, fd, err) < 0)
		return -1;
	while (have < n && got > 0) {
		got = s->gz ? gz_read(*stream, start + have, n - have, err) : pread(fd, start + have, n - have, (off_t)have);
		have += got > 0 ? (size_t)got : 0;
	}
	if (got < 0 && !s->gz)
		return err_errno(err, "cannot be read");
	/* Of a .gz that is corrupt or cut short what comes before that is sound; source_line will meet the fault. */
	return (int)have;
}

int64_t change_of(const struct stat *st) {
	int64_t changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* The kernel stamps files with a clock that stands still between its ticks. One that was set back makes no file younger. */
	return llabs((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - changed) < CHANGE_TICK ? CHANGE_UNSURE : changed;
}

int64_t folder_change(const struct source *s) {
	int folder = (int)(path_name(s->path) - s->path);
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%.*s.", folder, s->path) >= PATH_MAX || stat(path, &st) < 0)
		return CHANGE_UNSURE;
	return change_of(&st);
}

bool change_differs(int64_t a, int64_t b) {
	return a != b || a == CHANGE_UNSURE;
}

int source_probe(struct source *s, char *problem, size_t size) {
	unsigned char magic[GZ_HEADER];
	char start[CURSOR_HEAD];
	struct gz *stream = NULL;
	struct stat st;
	struct err err;
	ssize_t got;
	int n;
	int result = 0;
	int fd;

	s->folder_changed = folder_change(s);
	fd = open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	problem[0] = '\0';
	if (fd < 0) {
		/* A socket cannot be opened at all (ENXIO). */
		if (errno == ENOENT)
			(void)snprintf(problem, size, "%s is not there (yet)", s->path);
		else if (errno == ENXIO)
			(void)snprintf(problem, size, "%s is no log but a socket or a device", s->path);
		else if (errno == EACCES)
			(void)snprintf(problem, size,
			               "%s cannot be read: %s; uid %u needs to read it and to pass through its folders", s->path,
			               strerror(errno), (unsigned)geteuid());
		else
			(void)snprintf(problem, size, "%s cannot be read: %s", s->path, strerror(errno));
		return 0;
	}
	if (fstat(fd, &st) < 0) {
		(void)snprintf(problem, size, "%s cannot be read: %s", s->path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(problem, size, "%s is no log but %s", s->path, kind_name(st.st_mode));
		goto out;
	}
	s->dev = (uint64_t)st.st_dev;
	s->ino = (uint64_t)st.st_ino;
	s->size = (uint64_t)st.st_size;
	s->file_time = (int64_t)st.st_mtime;
	s->changed = change_of(&st);
	got = pread(fd, magic, sizeof(magic), 0);
	s->gz = got > 0 && gz_is(magic, (size_t)got);
	n = read_start(s, fd, start, sizeof(start), &stream, &err);
	if (n < 0) {
		(void)snprintf(problem, size, "%s %s", s->path, err.text);
		goto out;
	}
	/* What was written since fstat is for the next pass. */
	if (!s->gz && (uint64_t)n > s->size)
		n = (int)s->size;
	head_feed(&s->head, 0, start, (size_t)n);
	if (s->gz) {
		s->gz_length = gz_length(fd, s->size);
		s->size = gz_whole(stream) && n < CURSOR_HEAD ? (uint64_t)n : SIZE_UNKNOWN;
		s->file_time = gz_time(magic) ? gz_time(magic) : s->file_time;
	}
	result = 1;
out:
	gz_close(&stream);
	(void)close(fd);
	return result;
}

int source_read_start(const char *path, char *to, size_t *n, struct err *err) {
	char problem[sizeof(err->text)];
	struct gz *stream = NULL;
	int result = -1;
	int fd, got;
	struct source *s = source_new(NULL, path, 0);

	if (!s)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	if (source_probe(s, problem, sizeof(problem)) == 0) {
		struct stat st;
		bool ours = stat(path, &st) < 0 ? errno != ENOENT && errno != ENOTDIR : S_ISREG(st.st_mode);

		(void)err_set(err, ours ? ERR_SYSTEM : ERR_INPUT, "%s", problem);
		goto out;
	}
	fd = source_open_file(s, err);
	if (fd < 0)
		goto out;
	got = read_start(s, fd, to, *n, &stream, err);
	if (got >= 0) {
		*n = (size_t)got;
		result = 0;
	}
	gz_close(&stream);
	(void)close(fd);
out:
	source_free(&s);
	return result;
}

/* The groups of digits at the end of name, each behind one of ".-_": their length in all, and the number that they make. */
static size_t trailing_number(const char *name, size_t n, size_t *digits, int64_t *number) {
	int64_t scale = 1;
	size_t end = n;

	*digits = 0;
	*number = 0;
	for (;;) {
		size_t i = end;

		while (i > 0 && isdigit((unsigned char)name[i - 1]))
			i--;
		if (i == end || i < 2 || !strchr(".-_", name[i - 1]))
			return n - end;
		for (size_t k = end; k > i && *digits < 17; k--, (*digits)++) {
			*number += scale * (name[k - 1] - '0');
			scale *= 10;
		}
		end = i - 1;
	}
}

#define DATE_DIGITS 6 /* so many are a date, fewer a number */

void rotation_base(const char *name, char *base, int64_t *rank) {
	size_t n = strnlen(name, NAME_MAX);
	size_t digits, cut;
	int64_t number;
	const char *dot;

	if (n > 3 && memcmp(name + n - 3, ".gz", 3) == 0)
		n -= 3;
	cut = trailing_number(name, n, &digits, &number);
	if (cut > 0) {
		memcpy(base, name, n - cut);
		base[n - cut] = '\0';
		*rank = digits >= DATE_DIGITS ? number : RANK_LIVE - 1 - number;
		return;
	}
	dot = memrchr(name, '.', n);
	cut = dot ? trailing_number(name, (size_t)(dot - name), &digits, &number) : 0;
	if (cut > 0 && (digits >= DATE_DIGITS || dot[-(ptrdiff_t)cut] == '.')) {
		size_t stem = (size_t)(dot - name) - cut;

		memcpy(base, name, stem);
		memcpy(base + stem, dot, n - (size_t)(dot - name));
		base[n - cut] = '\0';
		*rank = digits >= DATE_DIGITS ? number : RANK_LIVE - 1 - number;
		return;
	}
	memcpy(base, name, n);
	base[n] = '\0';
	/* access.log.gz beside access.log is older than it, and younger than any that has a number. */
	*rank = name[n] ? RANK_LIVE - 1 : RANK_LIVE;
}
