#include <string.h>

#include "cmd/cells.h"

struct reading {
	const char *p, *end;
};

static bool take(struct reading *r, char c) {
	bool is = r->p < r->end && *r->p == c;

	r->p += is;
	return is;
}

/* A text without escapes. */
static bool take_text(struct reading *r, struct slice *out) {
	const char *from;

	if (!take(r, '"'))
		return false;
	from = r->p;
	while (r->p < r->end && *r->p != '"' && *r->p != '\\')
		r->p++;
	*out = (struct slice){from, (size_t)(r->p - from)};
	return take(r, '"');
}

static bool take_word(struct reading *r, const char *word, struct slice *out, const char *as) {
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	*out = slice_of(as);
	return true;
}

static bool take_number(struct reading *r, struct slice *out) {
	const char *from = r->p, *digits;

	(void)take(r, '-');
	digits = r->p;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	*out = (struct slice){from, (size_t)(r->p - from)};
	return r->p > digits;
}

/* One text stands for itself; own must have the room for all that a row holds, as cells point into it. */
static bool take_array(struct reading *r, struct slice *out, struct buf *own) {
	size_t from = own->n;
	struct slice text = {0};
	unsigned n = 0;

	if (!take(r, '['))
		return false;
	*out = (struct slice){0};
	if (take(r, ']'))
		return true;
	do {
		if (n > 0)
			buf_text(own, ", ");
		if (!take_text(r, &text))
			return false;
		buf_add(own, text.p, text.n);
		n++;
	} while (take(r, ','));
	*out = n == 1 ? text : (struct slice){own->p + from, own->n - from};
	return take(r, ']') && !own->failed;
}

static bool take_value(struct reading *r, struct slice *out, struct buf *own) {
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '"':
		return take_text(r, out);
	case '[':
		return take_array(r, out, own);
	case 'n':
		return take_word(r, "null", out, "");
	case 't':
		return take_word(r, "true", out, "yes");
	case 'f':
		return take_word(r, "false", out, "no");
	default:
		return take_number(r, out);
	}
}

bool cells_read(struct slice row, const char *const *keys, unsigned nkeys, struct slice *cells, struct buf *own) {
	struct reading r = {row.p, row.p + row.n};
	struct slice key, value;
	unsigned next = 0;

	buf_clear(own);
	if (!buf_reserve(own, 2 * row.n) || !take(&r, '{'))
		return false;
	memset(cells, 0, nkeys * sizeof(*cells));
	do {
		if (!take_text(&r, &key) || !take(&r, ':') || !take_value(&r, &value, own))
			return false;
		/* Keys are asked for nearly in the order in which they stand. */
		for (unsigned i = 0; i < nkeys; i++) {
			unsigned k = next + i < nkeys ? next + i : next + i - nkeys;

			if (!slice_is(key, keys[k]))
				continue;
			cells[k] = value;
			next = k + 1 < nkeys ? k + 1 : 0;
			break;
		}
	} while (take(&r, ','));
	return take(&r, '}') && r.p == r.end;
}
