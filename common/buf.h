/* buf: bytes that grow, and slices that borrow.
 *
 * A struct slice points into memory that somebody else owns (a line, a frame) and dies with it; it need not end in NUL.
 * A struct buf owns its bytes up to a maximum given at buf_init. Appending past the maximum, or when memory is
 * out, sets `failed` and drops the bytes; a caller that appends many times checks `failed` once at the end.
 */
#ifndef PROVCTL_BUF_H
#define PROVCTL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p; /* may be NULL only where n is 0 */
	size_t n;
};

/* Of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_of(const char *text) {
	return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_same(struct slice a, struct slice b) {
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice s, const char *text) {
	return slice_same(s, slice_of(text));
}

bool slice_same_nocase(struct slice a, struct slice b); /* ASCII */
/* Copies into a NUL-terminated buffer, cut to size - 1 bytes. False when it was cut. */
bool slice_copy(struct slice s, char *out, size_t size);
/* Reads all of s as a decimal number of at most max. */
bool slice_number(struct slice s, uint64_t max, uint64_t *out);

/* FNV-1a, 64 bits, continued from seed (0 to start). Not keyed: never where an attacker gains by a collision. */
uint64_t hash_bytes(uint64_t seed, const void *p, size_t n);

struct buf {
	char *p;
	size_t n;    /* bytes in use */
	size_t room; /* bytes allocated */
	size_t max;  /* never more than this */
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empty, and not failed; memory is kept */
/* Makes room for n more bytes and returns where they go (the caller then adds n to b->n), or NULL. */
char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_text(struct buf *b, const char *text);
void buf_byte(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The length of the valid UTF-8 sequence (RFC 3629) at the start of the n >= 1 bytes at p, or 0. */
size_t utf8_length(const unsigned char *p, size_t n);

/* Appends s for a person's terminal or a log: control characters (of C1 too) and bytes that are not valid UTF-8 become
 * \xNN, a backslash becomes \\. At most max bytes of s are taken; a cut is marked by "...". */
void buf_escaped(struct buf *b, struct slice s, size_t max);

#endif
