/* The line as evidence: bounded, fit for a terminal, and without what would let its reader in. */
#include <string.h>

#include "analyzer/block.h"
#include "analyzer/rule_private.h"

#define RAW_MAX  EVIDENCE_RAW_MAX
#define WORD_MAX 64
#define BLANK    "***"

struct raw {
	size_t n;
	char p[RAW_MAX];
};

static void raw_add(struct raw *raw, const char *p, size_t n) {
	if (n > RAW_MAX - raw->n)
		n = RAW_MAX - raw->n;
	memcpy(raw->p + raw->n, p, n);
	raw->n += n;
}

static int hex(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether a parameter's name sounds like a credential's; percent-encoding hides nothing. */
static bool is_credential(struct slice name) {
	static const char *const parts[] = {"pass", "pwd", "token", "secret", "key", "auth", "sig", "pin", "cred", "hash"};
	char lower[WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < sizeof(lower); i++) {
		char c = name.p[i];

		if (c == '%' && i + 2 < name.n && hex(name.p[i + 1]) >= 0 && hex(name.p[i + 2]) >= 0) {
			c = (char)(hex(name.p[i + 1]) << 4 | hex(name.p[i + 2]));
			i += 2;
		}
		lower[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (memmem(lower, n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

/* What a byte can be the start or the end of. */
enum { BEGINS = 1, ENDS_WORD = 2, ENDS_NAME = 4, ENDS_USER = 8 };
static const unsigned char bytes[256] = {
	['\0'] = ENDS_WORD | ENDS_USER,
	[' '] = ENDS_WORD | ENDS_USER,
	['"'] = ENDS_WORD | ENDS_USER,
	['#'] = ENDS_WORD | ENDS_USER,
	['?'] = BEGINS | ENDS_USER,
	['/'] = BEGINS | ENDS_USER,
	['\\'] = BEGINS | ENDS_WORD,
	['&'] = BEGINS,
	[';'] = BEGINS,
	['\''] = ENDS_WORD,
	['<'] = ENDS_WORD,
	['>'] = ENDS_WORD,
	['='] = ENDS_NAME,
	['@'] = ENDS_USER,
};

static bool byte_is(char c, unsigned what) {
	return bytes[(unsigned char)c] & what;
}

/* The length of what separates parameters at s: ?, &, ;, or & as JSON writers escape it. */
static size_t separator(struct slice s) {
	if (s.p[0] == '?' || s.p[0] == '&' || s.p[0] == ';')
		return 1;
	return s.n >= 6 && s.p[0] == '\\' && memcmp(s.p, "\\u0026", 6) == 0 ? 6 : 0;
}

/* The bytes of s up to the end of a name or value. */
static size_t word_length(struct slice s, bool name) {
	size_t n = 0;

	while (n < s.n && !byte_is(s.p[n], name ? ENDS_WORD | ENDS_NAME : ENDS_WORD) &&
	       !(byte_is(s.p[n], BEGINS) && separator((struct slice){s.p + n, s.n - n}) > 0))
		n++;
	return n;
}

/* NAME=VALUE at s, behind a separator: the lengths of both. */
static bool parameter(struct slice s, size_t *name, size_t *value) {
	*name = word_length(s, true);
	if (*name == 0 || *name >= s.n || s.p[*name] != '=')
		return false;
	*value = word_length((struct slice){s.p + *name + 1, s.n - *name - 1}, false);
	return true;
}

/* The length of "user:password@" at s, behind "//". */
static size_t userinfo_length(struct slice s) {
	size_t n = 0;

	while (n < s.n && !byte_is(s.p[n], ENDS_USER))
		n++;
	return n < s.n && s.p[n] == '@' ? n : 0;
}

static void redact(struct raw *raw, struct slice line, struct slice folder) {
	size_t i = 0;

	while (i < line.n && raw->n < RAW_MAX) {
		struct slice at = {line.p + i, line.n - i};
		size_t mark = separator(at);
		size_t name, value;

		if (folder.n > 1 && at.n >= folder.n && memcmp(at.p, folder.p, folder.n) == 0) {
			raw_add(raw, "/" BLANK "/", sizeof("/" BLANK "/") - 1);
			i += folder.n;
		} else if (mark > 0 && parameter((struct slice){at.p + mark, at.n - mark}, &name, &value) &&
		           is_credential((struct slice){at.p + mark, name})) {
			raw_add(raw, at.p, mark + name + 1);
			raw_add(raw, BLANK, sizeof(BLANK) - 1);
			i += mark + name + 1 + value;
		} else if (at.n > 2 && at.p[0] == '/' && at.p[1] == '/' &&
		           (name = userinfo_length((struct slice){at.p + 2, at.n - 2})) > 0) {
			raw_add(raw, "//" BLANK, sizeof("//" BLANK) - 1);
			i += 2 + name;
		} else {
			size_t n = 1;

			while (n < at.n && !byte_is(at.p[n], BEGINS) && !(folder.n > 1 && at.p[n] == folder.p[0]))
				n++;
			raw_add(raw, at.p, n);
			i += n;
		}
	}
}

/* Whether neither a byte at p to p + BLOCK nor two of them side by side, the one behind included, need another look. */
static bool block_is_plain(const char *p) {
	block at = block_load(p), behind = block_load(p + 1);

	return block_bits((block)((at - 0x20 > 0x7e - 0x20) | (at == '\\') | (at == '?') | (at == '&') | (at == ';') |
	                          ((at == '/') & (behind == '/')))) == 0;
}

/* Nothing in the line is to be escaped, blanked or cut, as in nearly every one. */
static bool line_is_plain(struct slice line) {
	size_t last = line.n - 1; /* has none behind it */

	if (line.n <= BLOCK || line.n > EVENT_LINE_MAX)
		return false;
	for (size_t i = 0; i + BLOCK < last; i += BLOCK)
		if (!block_is_plain(line.p + i))
			return false;
	return block_is_plain(line.p + last - BLOCK) && line.p[last] >= 0x20 && line.p[last] < 0x7f &&
	       !byte_is(line.p[last], BEGINS);
}

/* Cuts escaped text to max bytes, never inside an escape or a character. */
static void cut(struct buf *b, size_t max) {
	size_t i = 0;

	if (b->n <= max)
		return;
	while (i < b->n) {
		size_t n = 1;

		if (b->p[i] == '\\')
			n = i + 1 < b->n && b->p[i + 1] == 'x' ? 4 : 2;
		else
			while (i + n < b->n && ((unsigned char)b->p[i + n] & 0xc0) == 0x80)
				n++;
		if (i + n > max - 3)
			break;
		i += n;
	}
	b->n = i;
	buf_text(b, "...");
}

struct slice evidence_of(struct buf *out, struct slice line, struct slice folder) {
	struct raw raw;

	if (folder.n <= 1 && line_is_plain(line))
		return line;
	raw.n = 0;
	/* A folder that the line spells otherwise (escaped) could not be found in it: then nothing is shown. */
	if (folder.n > 1 && !memmem(line.p, line.n, folder.p, folder.n))
		raw_add(&raw, "(hidden: a secret folder)", sizeof("(hidden: a secret folder)") - 1);
	else
		redact(&raw, line, folder);
	buf_clear(out);
	buf_escaped(out, (struct slice){raw.p, raw.n}, EVENT_LINE_MAX);
	cut(out, EVENT_LINE_MAX);
	return (struct slice){out->p, out->n};
}
