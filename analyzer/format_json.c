/* JSON, one object a line: each top-level key is a field, a nested object's members are "outer.inner". Values are unescaped into scratch
 * memory; of a list of texts the last counts (of several X-Forwarded-For headers that is where proxies append), any other value is
 * kept as it is written. Only what a rule asks for or what is a known spelling of a fixed field is kept. */
#include <string.h>

#include "analyzer/format_private.h"

#define DEPTH_MAX      16
#define NAMED_MAX      4 /* levels of members that have names of their own */
#define PATH_MAX_BYTES 64

struct reader {
	const struct field_names *names;
	struct line_fields *out;
	struct slice s;
	unsigned rank[FIELDS_FIXED + 1]; /* of the spelling that each fixed field was read from, plus one */
	struct slice request, target;
	bool twice; /* a key that matters came twice: which one an attacker wrote is unknown */
};

static void skip_space(struct reader *r) {
	while (r->s.n > 0 && (r->s.p[0] == ' ' || r->s.p[0] == '\t'))
		(void)slice_take(&r->s, 1);
}

/* A string's bytes as written, without its quotes. */
static bool raw_string(struct reader *r, struct slice *raw, bool *escaped) {
	size_t n = 1;

	*escaped = false;
	if (r->s.n == 0 || r->s.p[0] != '"')
		return false;
	while (n < r->s.n && r->s.p[n] != '"') {
		if ((unsigned char)r->s.p[n] < 0x20)
			return false;
		if (r->s.p[n] == '\\') {
			*escaped = true;
			n++;
		}
		n++;
	}
	if (n >= r->s.n)
		return false;
	*raw = (struct slice){r->s.p + 1, n - 1};
	(void)slice_take(&r->s, n + 1);
	return true;
}

static bool hex4(struct slice s, size_t at, unsigned *out) {
	unsigned value = 0;

	if (s.n < at + 4)
		return false;
	for (size_t i = at; i < at + 4; i++) {
		char c = s.p[i];
		char low = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned)(c - '0');
		else if (low >= 'a' && low <= 'f')
			value = value << 4 | (unsigned)(low - 'a' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

static size_t utf8_put(char *to, unsigned c) {
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* No escape is shorter than what it stands for. NUL is refused: no field may hold one. */
static bool unescape(struct reader *r, struct slice raw, struct slice *value) {
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char *p = scratch_take(r->out, raw.n);
	size_t n = 0;

	if (!p)
		return false;
	for (size_t i = 0; i < raw.n; i++) {
		const char *at;
		unsigned c, low;

		if (raw.p[i] != '\\') {
			p[n++] = raw.p[i];
			continue;
		}
		if (++i >= raw.n)
			return false;
		if (raw.p[i] != 'u') {
			at = memchr(from, raw.p[i], sizeof(from) - 1);
			if (!at)
				return false;
			p[n++] = to[at - from];
			continue;
		}
		if (!hex4(raw, i + 1, &c) || c == 0)
			return false;
		i += 4;
		if (c >= 0xd800 && c < 0xdc00 && raw.n > i + 2 && raw.p[i + 1] == '\\' && raw.p[i + 2] == 'u' &&
		    hex4(raw, i + 3, &low) && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 6;
		} else if (c >= 0xd800 && c < 0xe000)
			c = 0xfffd;
		n += utf8_put(p + n, c);
	}
	*value = (struct slice){p, n};
	return true;
}

static void keep(struct reader *r, struct field_key key, struct slice value) {
	struct slice *at;
	unsigned rank = key.rank + 1;

	if (key.field >= FIELDS_FIXED) {
		at = &r->out->at[key.field];
		if (at->p)
			r->twice = true;
		*at = value;
	}
	if (key.fixed < 0 && key.field >= 0 && key.field < FIELDS_FIXED) {
		/* A fixed field's own name that is no spelling in the table: "mac", "realm" ... */
		key.fixed = key.field;
		rank = 1;
	}
	if (key.fixed < 0)
		return;
	if (r->rank[key.fixed] == rank)
		r->twice = true;
	if (r->rank[key.fixed] && r->rank[key.fixed] < rank)
		return;
	r->rank[key.fixed] = rank;
	if (key.fixed == FIELDS_FIXED)
		r->request = value;
	else if (key.fixed == FIELD_PATH)
		r->target = value;
	else
		r->out->at[key.fixed] = value;
}

static bool value_read(struct reader *r, char *path, size_t path_n, unsigned depth);

/* The members of an object, or the items of a list; a list's items are read without a name. */
static bool members_read(struct reader *r, char *path, size_t path_n, unsigned depth) {
	bool object = r->s.p[0] == '{';
	char end = object ? '}' : ']';

	if (depth >= DEPTH_MAX)
		return false;
	(void)slice_take(&r->s, 1);
	skip_space(r);
	if (slice_skip(&r->s, end))
		return true;
	for (;;) {
		size_t n = 0;

		if (object) {
			struct slice name;
			bool escaped;

			skip_space(r);
			if (!raw_string(r, &name, &escaped))
				return false;
			skip_space(r);
			if (!slice_skip(&r->s, ':'))
				return false;
			/* A name with escapes, too long or too deep is nobody's field. */
			if (!escaped && depth < NAMED_MAX && (depth == 0 || path_n > 0) &&
			    path_n + (path_n > 0) + name.n <= PATH_MAX_BYTES) {
				if (path_n > 0)
					path[path_n] = '.';
				n = path_n + (path_n > 0);
				memcpy(path + n, name.p, name.n);
				n += name.n;
			}
		}
		if (!value_read(r, path, n, depth + 1))
			return false;
		skip_space(r);
		if (slice_skip(&r->s, end))
			return true;
		if (!slice_skip(&r->s, ','))
			return false;
	}
}

/* ["a", "b"] as its last text; false where it is another kind of list. */
static bool list_text(struct reader *r, struct slice list, struct slice *value) {
	struct reader inner = {.s = list, .out = r->out};
	struct slice raw = {0};
	bool escaped = false;

	(void)slice_take(&inner.s, 1);
	do {
		skip_space(&inner);
		if (!raw_string(&inner, &raw, &escaped))
			return false;
		skip_space(&inner);
	} while (slice_skip(&inner.s, ','));
	if (!slice_skip(&inner.s, ']'))
		return false;
	*value = raw;
	return !escaped || unescape(r, raw, value);
}

static bool value_read(struct reader *r, char *path, size_t path_n, unsigned depth) {
	struct field_key key = field_key(r->names, (struct slice){path, path_n});
	bool kept = key.field >= 0 || key.fixed >= 0;
	struct slice begin, value;
	bool escaped;

	skip_space(r);
	begin = r->s;
	if (r->s.n == 0)
		return false;
	if (r->s.p[0] == '"') {
		if (!raw_string(r, &value, &escaped) || (kept && escaped && !unescape(r, value, &value)))
			return false;
	} else if (r->s.p[0] == '{' || r->s.p[0] == '[') {
		if (!members_read(r, path, path_n, depth))
			return false;
		value = (struct slice){begin.p, (size_t)(r->s.p - begin.p)};
		if (begin.p[0] == '[')
			(void)(kept && list_text(r, value, &value));
		else if (key.fixed >= 0)
			return true; /* {"request": {...}} is no request line */
	} else {
		size_t n = 0;

		while (n < r->s.n && ((r->s.p[n] >= '0' && r->s.p[n] <= '9') || (r->s.p[n] >= 'a' && r->s.p[n] <= 'z') ||
		                      r->s.p[n] == '-' || r->s.p[n] == '+' || r->s.p[n] == '.' || r->s.p[n] == 'E'))
			n++;
		if (n == 0)
			return false;
		value = slice_take(&r->s, n);
		if (slice_is(value, "null"))
			return true;
	}
	if (kept)
		keep(r, key, value);
	return true;
}

bool json_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                struct line_fields *out) {
	struct reader r = {.names = names, .out = out, .s = line};
	char path[PATH_MAX_BYTES];
	static const int dashed[] = {FIELD_USER, FIELD_REFERER, FIELD_FORWARDED, FIELD_CERTIFICATE, FIELD_STATUS};

	(void)f;
	skip_space(&r);
	if (r.s.n == 0 || r.s.p[0] != '{' || !members_read(&r, path, 0, 0))
		return false;
	skip_space(&r);
	if (r.s.n > 0 || r.twice)
		return false;
	/* nginx and Apache write "-" or nothing for what is not there. */
	for (size_t i = 0; i < sizeof(dashed) / sizeof(dashed[0]); i++)
		if (slice_is(out->at[dashed[i]], "-") || out->at[dashed[i]].n == 0)
			out->at[dashed[i]] = (struct slice){0};
	if (r.target.p)
		target_fields(r.target, out);
	else if (r.request.p)
		(void)request_split(r.request, out);
	return out->at[FIELD_TIME].p && stamp_set(tc, out->at[FIELD_TIME], out);
}
