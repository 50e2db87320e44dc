#include <stdlib.h>
#include <string.h>

#include "analyzer/source_private.h"

enum relation {
	RELATION_NONE,
	RELATION_SHORT,    /* begins alike, ends before the cursor */
	RELATION_DIVERGED, /* begins alike, differs before the cursor */
	RELATION_SAME
};

struct match_pair {
	uint32_t log, cursor;
	enum relation relation;
	unsigned hints;
	uint64_t offset;
	char tail[CURSOR_TAIL];
};

enum { HINT_PLAIN = 1, HINT_FILE = 2, HINT_INODE = 4 };

int match_init(struct match *m, struct source_set *set, const struct cursor *cursors, uint32_t ncursors,
               struct err *err) {
	*m = (struct match){.set = set, .cursors = cursors, .ncursors = ncursors};
	m->owner = malloc((ncursors + 1) * sizeof(*m->owner));
	m->sure_cursor = calloc(ncursors + 1, sizeof(*m->sure_cursor));
	if (!m->owner || !m->sure_cursor)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	for (uint32_t i = 0; i < ncursors; i++)
		m->owner[i] = CURSOR_NONE;
	return 0;
}

void match_release(struct match *m) {
	free(m->owner);
	free(m->sure);
	free(m->sure_cursor);
	free(m->pairs);
}

static enum relation relation_of(struct source *s, const struct cursor *c, char tail[CURSOR_TAIL]) {
	struct err err;

	if (c->transient || c->offset == 0 || !head_is(&s->head, c->head_len, c->head_hash))
		return RELATION_NONE;
	/* Read to its end before it was compressed, or before: no need to decompress it only to see that. */
	if (s->size == SIZE_UNKNOWN && s->gz_length == (uint32_t)c->offset) {
		memset(tail, 0, CURSOR_TAIL);
		return RELATION_SAME;
	}
	if (s->size < c->offset)
		return RELATION_SHORT;
	if (source_peek(s, c->offset - c->tail_len, tail, c->tail_len, &err) < 0)
		return s->gz ? RELATION_SHORT : RELATION_NONE;
	return hash_bytes(0, tail, c->tail_len) == c->tail_hash ? RELATION_SAME : RELATION_DIVERGED;
}

static bool is_its_file(const struct source *s, const struct cursor *c) {
	return s->dev == c->dev && s->ino == c->ino;
}

static int pair_add(struct match *m, const struct match_pair *pair, struct err *err) {
	if (m->npairs == m->room) {
		uint32_t room = m->room ? 2 * m->room : 64;
		struct match_pair *pairs = realloc(m->pairs, room * sizeof(*pairs));

		if (!pairs)
			return err_set(err, ERR_SYSTEM, "source: out of memory");
		m->pairs = pairs;
		m->room = room;
	}
	m->pairs[m->npairs++] = *pair;
	return 0;
}

/* Compares log i with cursor k. */
static int relate(struct match *m, uint32_t i, uint32_t k, struct err *err) {
	struct source *s = m->set->at[i];
	const struct cursor *c = &m->cursors[k];
	struct match_pair pair = {.log = i, .cursor = k, .offset = c->offset};

	pair.relation = relation_of(s, c, pair.tail);
	if (pair.relation == RELATION_NONE)
		return 0;
	pair.hints = (is_its_file(s, c) ? (unsigned)HINT_INODE : 0) |
	             (slice_is(c->file, s->path) ? (unsigned)HINT_FILE : 0) | (s->gz ? 0 : (unsigned)HINT_PLAIN);
	if (pair.relation == RELATION_SAME && is_its_file(s, c))
		m->sure[i] = m->sure_cursor[k] = true;
	return pair_add(m, &pair, err);
}

int match_relate(struct match *m, uint32_t from, struct err *err) {
	bool *sure = reallocarray(m->sure, m->set->n + 1, sizeof(*sure));

	if (!sure)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	m->sure = sure;
	memset(sure + from, 0, (m->set->n - from) * sizeof(*sure));
	for (uint32_t i = from; i < m->set->n; i++)
		for (uint32_t k = 0; k < m->ncursors; k++)
			if (is_its_file(m->set->at[i], &m->cursors[k]) && relate(m, i, k, err) < 0)
				return -1;
	/* Where both have found each other there is nothing to look for: a thousand logs may begin alike. */
	for (uint32_t i = from; i < m->set->n; i++)
		for (uint32_t k = 0; k < m->ncursors; k++)
			if (!is_its_file(m->set->at[i], &m->cursors[k]) && !(sure[i] && m->sure_cursor[k]) &&
			    relate(m, i, k, err) < 0)
				return -1;
	return 0;
}

/* The one that was read furthest first: a log that was known when it was short may be known again since. */
static int pair_compare(const void *a, const void *b) {
	const struct match_pair *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset > y->offset ? -1 : 1;
	if (x->hints != y->hints)
		return x->hints > y->hints ? -1 : 1;
	if (x->log != y->log)
		return x->log < y->log ? -1 : 1;
	return x->cursor < y->cursor ? -1 : x->cursor > y->cursor;
}

void match_assign(struct match *m) {
	for (uint32_t i = 0; i < m->ncursors; i++)
		m->owner[i] = CURSOR_NONE;
	for (uint32_t i = 0; i < m->set->n; i++) {
		struct source *s = m->set->at[i];

		s->cursor = CURSOR_NONE;
		s->known = (struct cursor){0};
		s->at = s->before = 0;
		s->tail_length = 0;
	}
	if (m->npairs > 0)
		qsort(m->pairs, m->npairs, sizeof(*m->pairs), pair_compare);
	for (uint32_t i = 0; i < m->npairs; i++) {
		const struct match_pair *pair = &m->pairs[i];
		const struct cursor *c = &m->cursors[pair->cursor];
		struct source *s = m->set->at[pair->log];

		if (pair->relation != RELATION_SAME || s->cursor != CURSOR_NONE || m->owner[pair->cursor] != CURSOR_NONE)
			continue;
		s->cursor = pair->cursor;
		m->owner[pair->cursor] = pair->log;
		s->known = *c;
		s->at = s->before = c->offset;
		memcpy(s->tail, pair->tail, c->tail_len);
		s->tail_length = c->tail_len;
	}
}

/* What begins as a known log is that, or a copy that is being made of it: it is looked at again when it is whole. */
static bool is_related(const struct match *m, uint32_t log) {
	for (uint32_t i = 0; i < m->npairs; i++)
		if (m->pairs[i].log == log)
			return true;
	return false;
}

/* A rotated log holds all of what a cursor knows but its end, and nobody has that any more: it was copied, and what was written behind the copy was
 * read before the log was cut. */
static void copies_know(struct match *m) {
	for (uint32_t i = 0; i < m->npairs; i++) {
		const struct match_pair *pair = &m->pairs[i];
		const struct cursor *c = &m->cursors[pair->cursor];
		struct source *s = m->set->at[pair->log];

		if (pair->relation == RELATION_SHORT && s->searched && m->owner[pair->cursor] == CURSOR_NONE &&
		    c->head_len >= SOURCE_SURE && slice_is(c->name, m->set->confs[s->conf].path))
			s->copied = true;
	}
}

/* A rotated log that no cursor knows is younger than one of the same source that a cursor knows: it was written and rotated while nobody
 * read, or was not to be seen in the moment in which it was compressed. */
static bool in_gap(const struct match *m, uint32_t log) {
	const struct source_set *set = m->set;
	const struct source *s = set->at[log];

	for (uint32_t i = 0; s->group != 0 && i < set->n; i++) {
		const struct source *other = set->at[i];

		if (other->group == s->group && other->rank < s->rank &&
		    (other->copied || (other->cursor != CURSOR_NONE && slice_is(other->known.name, set->confs[s->conf].path))))
			return !is_related(m, log);
	}
	return false;
}

enum copy { COPY_NONE, COPY_FIRST, COPY_SECOND }; /* which one is the copy: the shorter, in doubt the second */

static enum copy copy_of(struct source *a, struct source *b) {
	char x[CURSOR_TAIL], y[CURSOR_TAIL];
	bool first_shorter = a->size < b->size;
	struct source *shorter = first_shorter ? a : b;
	struct source *longer = first_shorter ? b : a;
	struct err err;
	size_t n;

	if (!head_same(&a->head, &b->head))
		return COPY_NONE;
	if (shorter->size == SIZE_UNKNOWN)
		return COPY_SECOND;
	n = shorter->size < CURSOR_TAIL ? (size_t)shorter->size : CURSOR_TAIL;
	if (source_peek(shorter, shorter->size - n, x, n, &err) < 0)
		return COPY_NONE;
	if (source_peek(longer, shorter->size - n, y, n, &err) < 0) {
		/* A .gz that is still being written from the log beside it. */
		if (!longer->gz)
			return COPY_NONE;
		first_shorter = !first_shorter;
	} else if (memcmp(x, y, n) != 0) {
		return COPY_NONE;
	} else if (longer->size == SIZE_UNKNOWN && longer->gz_length == (uint32_t)shorter->size) {
		first_shorter = !first_shorter;
	}
	return first_shorter ? COPY_FIRST : COPY_SECOND;
}

static void copy_settle(struct match *m, uint32_t copy, uint32_t original) {
	struct source *c = m->set->at[copy], *o = m->set->at[original];

	c->gone = true;
	if (c->cursor != CURSOR_NONE && o->cursor == CURSOR_NONE) {
		o->cursor = c->cursor;
		o->known = c->known;
		o->at = o->before = c->at;
		memcpy(o->tail, c->tail, sizeof(o->tail));
		o->tail_length = c->tail_length;
		m->owner[o->cursor] = original;
		c->cursor = CURSOR_NONE;
	}
	if (c->conf != o->conf && !c->searched && !o->searched)
		source_problem(m->set, c->conf, "%s holds the same log as %s of another source: it is read once, there",
		               c->path, o->path);
}

static void copies_settle(struct match *m) {
	struct source_set *set = m->set;

	for (uint32_t i = 0; i < set->n; i++)
		for (uint32_t k = 0; k < set->n && set->at[i]->cursor == CURSOR_NONE && !set->at[i]->gone; k++) {
			enum copy copy;

			/* Two unknown ones are looked at once. */
			if (k == i || set->at[k]->gone || (k < i && set->at[k]->cursor == CURSOR_NONE))
				continue;
			copy = k < i ? copy_of(set->at[k], set->at[i]) : copy_of(set->at[i], set->at[k]);
			if (copy == COPY_NONE)
				continue;
			/* Of equals the known one stays. */
			if ((set->at[i]->size == set->at[k]->size && set->at[k]->cursor != CURSOR_NONE) ||
			    (copy == COPY_FIRST) == (i < k))
				copy_settle(m, i, k);
			else
				copy_settle(m, k, i);
		}
}

/* Elsewhere a beginning must be longer to be believed: logs of one kind may have a header in common. */
static bool begins_surely(const struct source *s, const struct cursor *c, enum relation relation) {
	if (slice_is(c->file, s->path))
		return c->head_len >= SOURCE_SURE;
	return relation == RELATION_SHORT && c->head_len >= 4 * SOURCE_SURE;
}

/* A log that begins as one that nobody has any more: a restored backup. */
static int restored_settle(struct match *m, struct err *err) {
	for (uint32_t i = 0; i < m->npairs; i++) {
		const struct match_pair *pair = &m->pairs[i];
		const struct cursor *c = &m->cursors[pair->cursor];
		struct source *s = m->set->at[pair->log];
		size_t n;

		if (pair->relation == RELATION_SAME || s->cursor != CURSOR_NONE || s->gone || s->at > 0 || s->gz ||
		    m->owner[pair->cursor] != CURSOR_NONE || !begins_surely(s, c, pair->relation))
			continue;
		s->at = s->before = pair->relation == RELATION_SHORT ? s->size : c->offset;
		n = s->at < CURSOR_TAIL ? (size_t)s->at : CURSOR_TAIL;
		if (source_peek(s, s->at - n, s->tail, n, err) < 0)
			return -1;
		s->tail_length = n;
		s->known.offset = s->at;
		s->known.high_time = c->high_time;
		s->moved = true;
		source_problem(m->set, s->conf,
		               "%s begins as a log that was read up to byte %llu, but is %s: a restored backup? Only what is "
		               "written behind "
		               "byte %llu is read",
		               s->path, (unsigned long long)c->offset,
		               pair->relation == RELATION_SHORT ? "shorter" : "another there", (unsigned long long)s->at);
		m->owner[pair->cursor] = i;
	}
	return 0;
}

/* The rest of a log that was seen but not read, whose file now holds another log, and that is nowhere else. */
static int lost_settle(struct match *m, struct err *err) {
	uint32_t found = m->set->n;

	for (uint32_t k = 0; k < m->ncursors; k++) {
		const struct cursor *c = &m->cursors[k];

		if (m->owner[k] != CURSOR_NONE || c->transient || c->size < 0 || (uint64_t)c->size <= c->offset)
			continue;
		for (uint32_t i = 0; i < found; i++) {
			const struct source *s = m->set->at[i];
			struct source *lost;

			if (s->gone || s->searched || !slice_is(c->file, s->path) ||
			    !slice_is(c->name, m->set->confs[s->conf].path))
				continue;
			source_problem(m->set, s->conf, "%llu bytes of %s were cut off before they were read",
			               (unsigned long long)c->size - c->offset, s->path);
			lost = source_new(m->set, s->path, s->conf);
			if (!lost)
				return err_set(err, ERR_SYSTEM, "source: out of memory");
			lost->lost = lost->moved = true;
			lost->cursor = k;
			lost->known = *c;
			lost->rank = s->rank;
			if (source_set_add(m->set, lost, err) < 0)
				return -1;
			break;
		}
	}
	return 0;
}

int match_settle(struct match *m, struct err *err) {
	struct source_set *set = m->set;

	copies_know(m);
	for (uint32_t i = 0; i < set->n; i++) {
		struct source *s = set->at[i];

		s->gone = s->searched && s->cursor == CURSOR_NONE && !in_gap(m, i);
	}
	copies_settle(m);
	if (restored_settle(m, err) < 0 || lost_settle(m, err) < 0)
		return -1;
	for (uint32_t i = 0; i < set->n; i++) {
		struct source *s = set->at[i];

		/* See relation_of: nothing is left of it. */
		if (s->cursor != CURSOR_NONE && !s->lost && s->size == SIZE_UNKNOWN && s->gz_length == (uint32_t)s->at)
			s->size = s->at;
		s->gone = s->gone || (s->searched && s->at >= s->size && (!set->follow || s->gz));
	}
	return 0;
}
