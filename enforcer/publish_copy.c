#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mac.h"
#include "enforcer/publish_private.h"

#define CHANGED_MAX (32U << 20) /* bytes of lines that changed: with more of them the former file is of no use */
#define CHUNK       (256U << 10)
#define KEY         (sizeof("device ") - 1 + MAC_TEXT - 1) /* a line begins with it, and lines are in its order */

/* ---- what changed ---- */

struct changed {
	struct publication *p;
	struct buf line, text; /* of text each line ends in a line break */
	struct changed_line {
		size_t at, n;
	} * lines;
	size_t n, room;
	bool many;
};

static int add_changed(void *context, const struct device *d, struct err *err) {
	struct changed *c = context;

	if (publish_device(c->p, d, &c->line, err) != 0)
		return -1;
	buf_byte(&c->line, '\n');
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct changed_line *lines = reallocarray(c->lines, room, sizeof(*lines));

		if (!lines)
			return err_set(err, ERR_SYSTEM, "out of memory for %zu lines", room);
		c->lines = lines;
		c->room = room;
	}
	c->many = CHANGED_MAX - c->text.n < c->line.n;
	if (c->many)
		return 1;
	c->lines[c->n++] = (struct changed_line){c->text.n, c->line.n};
	buf_add(&c->text, c->line.p, c->line.n);
	return c->text.failed ? err_set(err, ERR_SYSTEM, "out of memory for %zu lines", c->n) : 0;
}

static int compare_keys(const void *a, const void *b, void *text) {
	const struct changed_line *x = a, *y = b;

	return memcmp((const char *)text + x->at, (const char *)text + y->at, KEY);
}

static void release_changed(struct changed *c) {
	buf_release(&c->line);
	buf_release(&c->text);
	free(c->lines);
}

/* ---- the former file ---- */

struct former {
	int fd;
	struct buf in;
	size_t at; /* where the next line begins */
	bool end;
};

/* 1 the next line with its line break, borrowed until the next call; 0 at the end, or where it is no whole line; -1. */
static int next_line(struct former *r, struct slice *line, struct err *err) {
	for (;;) {
		const char *from = r->in.p ? r->in.p + r->at : NULL;
		const char *end = from ? memchr(from, '\n', r->in.n - r->at) : NULL;
		ssize_t n;
		char *to;

		if (end) {
			*line = (struct slice){from, (size_t)(end - from) + 1};
			r->at += line->n;
			return 1;
		}
		if (r->end || r->in.n - r->at > PUBLISH_LINE)
			return 0;
		buf_consume(&r->in, r->at);
		r->at = 0;
		to = buf_reserve(&r->in, CHUNK);
		if (!to)
			return err_set(err, ERR_SYSTEM, "out of memory");
		n = read(r->fd, to, CHUNK);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "the former lock-state file");
		r->end = n == 0;
		r->in.n += n > 0 ? (size_t)n : 0;
	}
}

static bool begins(struct slice line, const char *with) {
	size_t n = strlen(with);

	return line.n >= n && memcmp(line.p, with, n) == 0;
}

/* ---- one of both ---- */

struct copying {
	struct newfile *f;
	struct changed *changed;
	struct former former;
	size_t next;            /* of what changed */
	uint64_t written, seen; /* device lines; and lines of the former file that its end counts */
	char last[KEY];         /* of the former file */
};

static int put_changed(struct copying *c, struct err *err) {
	const struct changed_line *l = &c->changed->lines[c->next++];

	c->written++;
	return newfile_add(c->f, (struct slice){c->changed->text.p + l->at, l->n}, err);
}

/* A device's line of the former file: what changed before it goes first, and what changed of it instead. 1; 0: out of order; -1. */
static int put_former(struct copying *c, struct slice line, struct err *err) {
	const struct changed *changed = c->changed;
	int order = 1;

	if (line.n <= KEY || memcmp(line.p, c->last, KEY) <= 0)
		return 0;
	memcpy(c->last, line.p, KEY);
	while (c->next < changed->n && (order = memcmp(changed->text.p + changed->lines[c->next].at, line.p, KEY)) <= 0) {
		if (put_changed(c, err) != 0)
			return -1;
		if (order == 0)
			return 1;
	}
	c->written++;
	return newfile_add(c->f, line, err) != 0 ? -1 : 1;
}

/* Up to the former file's end, which must fit. */
static int copy_lines(struct copying *c, struct err *err) {
	struct slice line = {0};
	uint64_t count;
	int more;

	while ((more = next_line(&c->former, &line, err)) == 1) {
		c->seen++;
		if (begins(line, "device "))
			more = put_former(c, line, err);
		else if (begins(line, "end "))
			return slice_number((struct slice){line.p + 4, line.n - 5}, UINT64_MAX, &count) && count == c->seen - 1 &&
			       next_line(&c->former, &line, err) == 0;
		else if (begins(line, "default "))
			c->seen--;
		else if (!begins(line, "window ") && !begins(line, "network "))
			return 0;
		if (more != 1)
			break;
	}
	return more;
}

int publish_lockstate_copy(struct publication *p, struct newfile *f, int shard, int former, struct err *err) {
	struct changed changed = {.p = p};
	struct copying c = {.f = f, .changed = &changed, .former = {.fd = former}};
	struct slice head = {0};
	int done = -1;

	buf_init(&changed.line, PUBLISH_LINE);
	buf_init(&changed.text, CHANGED_MAX);
	buf_init(&c.former.in, CHUNK + 2 * PUBLISH_LINE);
	if (store_devices_unpublished(p->s, shard, add_changed, &changed, err) < 0)
		goto end;
	done = 0;
	if (changed.many || next_line(&c.former, &head, err) != 1 || !begins(head, "provctl-lockstate 1 "))
		goto end;
	if (shard < 0 && changed.n > 0)
		qsort_r(changed.lines, changed.n, sizeof(*changed.lines), compare_keys, changed.text.p);
	done = publish_head(p, f, shard, err) != 0 ? -1 : copy_lines(&c, err);
	while (done == 1 && c.next < changed.n)
		done = put_changed(&c, err) != 0 ? -1 : 1;
	if (done == 1 && publish_tail(p, f, c.written, err) != 0)
		done = -1;
end:
	buf_release(&c.former.in);
	release_changed(&changed);
	return done;
}
