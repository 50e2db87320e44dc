#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

bool slice_same_nocase(struct slice a, struct slice b) {
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool slice_copy(struct slice s, char *out, size_t size) {
	size_t n = s.n < size ? s.n : size - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
	return n == s.n;
}

bool slice_number(struct slice s, uint64_t max, uint64_t *out) {
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

uint64_t hash_bytes(uint64_t seed, const void *p, size_t n) {
	const unsigned char *byte = p;
	uint64_t hash = seed ? seed : 14695981039346656037ULL;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ byte[i]) * 1099511628211ULL;
	return hash;
}

void buf_init(struct buf *b, size_t max) {
	*b = (struct buf){.max = max};
}

void buf_release(struct buf *b) {
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b) {
	b->n = 0;
	b->failed = false;
}

char *buf_reserve(struct buf *b, size_t n) {
	if (n > b->max || b->n > b->max - n) {
		b->failed = true;
		return NULL;
	}
	if (b->room - b->n < n) {
		size_t room = b->room ? b->room : 256;

		while (room < b->n + n)
			room = room > b->max / 2 ? b->max : room * 2;
		char *p = realloc(b->p, room);

		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->room = room;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n) {
	char *to;

	if (n == 0)
		return;
	to = buf_reserve(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->n += n;
}

void buf_text(struct buf *b, const char *text) {
	buf_add(b, text, strlen(text));
}

void buf_byte(struct buf *b, char c) {
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...) {
	va_list args;
	va_list again;
	int n;
	char *to;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	if (to) {
		(void)vsnprintf(to, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

void buf_consume(struct buf *b, size_t n) {
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

size_t utf8_length(const unsigned char *p, size_t n) {
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf && n >= 2 && (p[1] & 0xc0) == 0x80)
		return 2;
	if ((p[0] & 0xf0) == 0xe0 && n >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4 && n >= 4 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
	    (p[3] & 0xc0) == 0x80) {
		if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

void buf_escaped(struct buf *b, struct slice s, size_t max) {
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = s.n < max ? s.n : max;

	for (size_t i = 0; i < n;) {
		size_t plain = i;

		while (plain < n && p[plain] >= 0x20 && p[plain] < 0x7f && p[plain] != '\\')
			plain++;
		buf_add(b, p + i, plain - i);
		i = plain;
		if (i == n)
			break;

		size_t length = utf8_length(p + i, n - i);
		bool c1 = length == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0; /* U+0080 to U+009F: terminals act on them */

		if (length == 0 || c1 || p[i] < 0x20 || p[i] == 0x7f) {
			buf_printf(b, "\\x%02x", p[i]);
			i++;
		} else if (p[i] == '\\') {
			buf_text(b, "\\\\");
			i++;
		} else {
			buf_add(b, p + i, length);
			i += length;
		}
	}
	if (n < s.n)
		buf_text(b, "...");
}
