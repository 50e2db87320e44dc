#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timefmt.h"

#include "enforcer/banlist.h"

#define NAME     "bans"
#define FILE_MAX (64U << 20)
#define WORDS    3

struct reading {
	const char *path;
	struct slice rest;
	unsigned line;
	struct banlist *list;
	size_t room;
};

static int fault(const struct reading *r, struct err *err, const char *why) {
	return err_set(err, ERR_INPUT, "%s:%u: %s; nothing was changed", r->path, r->line, why);
}

/* The next line, which must end in LF; false at the end. */
static bool next_line(struct reading *r, struct slice *line) {
	const char *end = r->rest.n > 0 ? memchr(r->rest.p, '\n', r->rest.n) : NULL;

	if (!end)
		return false;
	*line = (struct slice){r->rest.p, (size_t)(end - r->rest.p)};
	r->rest.n -= line->n + 1;
	r->rest.p = end + 1;
	r->line++;
	return true;
}

/* Words by single blanks; the number of them, WORDS + 1 for more. */
static unsigned split(struct slice line, struct slice word[WORDS]) {
	unsigned n = 0;

	for (;;) {
		const char *blank = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
		size_t length = blank ? (size_t)(blank - line.p) : line.n;

		if (n == WORDS)
			return WORDS + 1;
		word[n++] = (struct slice){line.p, length};
		if (!blank)
			return n;
		line.p += length + 1;
		line.n -= length + 1;
	}
}

static int add(struct reading *r, struct slice at, struct slice until, struct err *err) {
	struct banlist *l = r->list;
	struct banlist_entry e = {.until = TIME_NONE};
	uint64_t time;

	if (!prefix_parse(at.p, at.n, &e.at))
		return fault(r, err, "not a prefix");
	if (!slice_is(until, "-")) {
		if (!slice_number(until, INT64_MAX, &time) || time == 0)
			return fault(r, err, "not a time");
		e.until = (int64_t)time;
	}
	if (l->n == r->room) {
		size_t room = r->room ? r->room * 2 : 64;
		void *more = reallocarray(l->entries, room, sizeof(*l->entries));

		if (!more)
			return err_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
		l->entries = more;
		r->room = room;
	}
	l->entries[l->n++] = e;
	return 0;
}

static int parse_head(struct reading *r, struct err *err) {
	struct slice line, word[WORDS];

	if (!next_line(r, &line) || split(line, word) != WORDS || !slice_is(word[0], "provctl-bans"))
		return err_set(err, ERR_INPUT, "%s: not a list of bans; nothing was changed", r->path);
	if (!slice_is(word[1], "1"))
		return fault(r, err, "of a version that this provctl does not know");
	return time_parse(word[2], &r->list->time) ? 0 : fault(r, err, "not a time");
}

static int parse(struct reading *r, struct err *err) {
	struct slice line, word[WORDS];
	uint64_t count;

	if (parse_head(r, err) < 0)
		return -1;
	while (next_line(r, &line)) {
		unsigned n = split(line, word);

		if (n == 3 && slice_is(word[0], "ban")) {
			if (add(r, word[1], word[2], err) < 0)
				return -1;
		} else if (n == 2 && slice_is(word[0], "end") && slice_number(word[1], UINT32_MAX, &count) &&
		           count == r->list->n && r->rest.n == 0) {
			return 0;
		} else {
			return fault(r, err, slice_is(word[0], "end") ? "not whole" : "not understood");
		}
	}
	return err_set(err, ERR_INPUT, "%s: not whole: its last line is missing; nothing was changed", r->path);
}

static int compare(const void *a, const void *b) {
	const struct banlist_entry *x = a, *y = b;
	int order = addr_compare(x->at.base, y->at.base);

	if (order != 0)
		return order;
	if (x->at.bits != y->at.bits)
		return x->at.bits < y->at.bits ? -1 : 1;
	if (x->until == y->until)
		return 0;
	return x->until == TIME_NONE || (y->until != TIME_NONE && x->until > y->until) ? -1 : 1;
}

static void keep_one_each(struct banlist *l) {
	uint32_t kept = 0;

	if (l->n > 0)
		qsort(l->entries, l->n, sizeof(*l->entries), compare);
	for (uint32_t i = 0; i < l->n; i++)
		if (kept == 0 || !prefix_same(l->entries[kept - 1].at, l->entries[i].at))
			l->entries[kept++] = l->entries[i];
	l->n = kept;
}

int banlist_parse(struct banlist *out, struct slice text, const char *path, struct err *err) {
	struct banlist list = {0};
	struct reading r = {.path = path, .rest = text, .list = &list};

	if (parse(&r, err) < 0) {
		banlist_release(&list);
		return -1;
	}
	keep_one_each(&list);
	list.mark = hash_bytes(0, text.p, text.n);
	*out = list;
	return 0;
}

/* ---- the file ---- */

static int read_all(int fd, const char *path, struct buf *out, struct err *err) {
	for (;;) {
		char *to = buf_reserve(out, 65536);
		ssize_t got = to ? read(fd, to, 65536) : -1;

		if (!to)
			return err_set(err, ERR_INPUT, "%s: too long, or out of memory; nothing was changed", path);
		if (got < 0 && errno != EINTR)
			return err_errno(err, "%s", path);
		if (got == 0)
			return 0;
		out->n += got > 0 ? (size_t)got : 0;
	}
}

int banlist_read(struct banlist *out, const char *folder, struct err *err) {
	char path[4096];
	struct stat st;
	struct buf text;
	int fd = -1, result = -1;

	if ((size_t)snprintf(path, sizeof(path), "%s/" NAME, folder) >= sizeof(path))
		return err_set(err, ERR_INPUT, "%.64s...: the name is too long", folder);
	buf_init(&text, FILE_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)err_errno(err, "%s", path);
		err->class = errno == ENOENT || errno == ENOTDIR ? ERR_INPUT : ERR_SYSTEM;
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)err_set(err, ERR_INPUT, "%s: not a file", path);
		goto out;
	}
	if (read_all(fd, path, &text, err) < 0 || banlist_parse(out, (struct slice){text.p, text.n}, path, err) < 0)
		goto out;
	/* The moment at which it was written is nothing that those who get themselves banned can choose. */
	out->mark = hash_bytes(out->mark, &st.st_mtim, sizeof(st.st_mtim));
	result = 0;
out:
	buf_release(&text);
	if (fd >= 0)
		(void)close(fd);
	return result;
}

void banlist_release(struct banlist *list) {
	free(list->entries);
	*list = (struct banlist){0};
}
