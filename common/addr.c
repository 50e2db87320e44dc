#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};

int addr_compare(struct addr a, struct addr b) {
	return memcmp(a.b, b.b, sizeof(a.b));
}

static inline unsigned digit_of(const char *p) {
	return (unsigned)(unsigned char)*p - '0';
}

/* A number up to 255 without leading zeros: what is behind it, or NULL. */
static inline const char *octet_parse(const char *p, const char *end, uint8_t *out) {
	unsigned value = p < end ? digit_of(p) : 10;
	unsigned next;

	if (value > 9)
		return NULL;
	*out = (uint8_t)value;
	if (++p == end || (next = digit_of(p)) > 9)
		return p;
	if (value == 0)
		return NULL;
	*out = (uint8_t)(value = value * 10 + next);
	if (++p == end || (next = digit_of(p)) > 9)
		return p;
	*out = (uint8_t)(value = value * 10 + next);
	return value <= 255 ? p + 1 : NULL;
}

/* Nearly every line has one. */
size_t addr_parse_v4(const char *text, size_t n, struct addr *out) {
	const char *end = text + n;
	const char *p = text;
	struct addr a;

	memcpy(a.b, v4_mapped, sizeof(v4_mapped));
	for (int i = 0; i < 4; i++) {
		if (i > 0 && (p == end || *p++ != '.'))
			return 0;
		if (!(p = octet_parse(p, end, &a.b[12 + i])))
			return 0;
	}
	*out = a;
	return (size_t)(p - text);
}

static bool v4_parse(const char *text, size_t n, struct addr *out) {
	struct addr a;

	if (n == 0 || addr_parse_v4(text, n, &a) != n)
		return false;
	*out = a;
	return true;
}

/* inet_pton takes what we want and nothing more, but wants a NUL. */
static bool parse(const char *text, size_t n, struct addr *out) {
	char copy[INET6_ADDRSTRLEN];
	struct addr a;
	const char *zone;

	if (v4_parse(text, n, out))
		return true;
	if (n == 0 || !memchr(text, ':', n))
		return false;

	zone = memchr(text, '%', n);
	if (zone && zone > text)
		n = (size_t)(zone - text);
	if (n >= sizeof(copy) || memchr(text, '\0', n))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (inet_pton(AF_INET6, copy, a.b) != 1)
		return false;
	if (memcmp(a.b, nat64, sizeof(nat64)) == 0)
		memcpy(a.b, v4_mapped, sizeof(v4_mapped));
	*out = a;
	return true;
}

bool addr_parse(const char *text, size_t n, struct addr *out) {
	struct addr a;

	if (!parse(text, n, &a) || addr_is_none(a))
		return false;
	*out = a;
	return true;
}

static bool is_port(struct slice s) {
	uint64_t port;

	return slice_number(s, 65535, &port);
}

bool addr_parse_endpoint(const char *text, size_t n, struct addr *out) {
	const char *mark;
	size_t left;

	if (v4_parse(text, n, out))
		return true;
	if (n > 0 && text[0] == '[') {
		mark = memchr(text, ']', n);
		if (!mark)
			return false;
		left = n - (size_t)(mark + 1 - text);
		if (left > 0 && (mark[1] != ':' || !is_port((struct slice){mark + 2, left - 1})))
			return false;
		return addr_parse(text + 1, (size_t)(mark - text - 1), out);
	}
	mark = n > 0 ? memchr(text, ':', n) : NULL;
	if (!mark)
		return addr_parse(text, n, out);
	left = n - (size_t)(mark + 1 - text);
	if (left > 0 && memchr(mark + 1, ':', left))
		return addr_parse(text, n, out); /* bare IPv6 */
	return is_port((struct slice){mark + 1, left}) && addr_parse(text, (size_t)(mark - text), out);
}

/* Lists are long, and inet_ntop asks printf for each byte. */
static void v4_print(const uint8_t b[4], char *out) {
	for (int i = 0; i < 4; i++) {
		if (b[i] >= 100)
			*out++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*out++ = (char)('0' + b[i] / 10 % 10);
		*out++ = (char)('0' + b[i] % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
}

void addr_print(struct addr a, char out[ADDR_TEXT]) {
	if (addr_is_v4(a))
		v4_print(a.b + 12, out);
	else
		(void)inet_ntop(AF_INET6, a.b, out, ADDR_TEXT);
}

struct addr addr_masked(struct addr a, unsigned bits) {
	size_t whole = bits / 8;

	if (whole < sizeof(a.b)) {
		a.b[whole] &= (uint8_t)(0xff << (8 - bits % 8));
		memset(a.b + whole + 1, 0, sizeof(a.b) - whole - 1);
	}
	return a;
}

bool prefix_parse(const char *text, size_t n, struct prefix *out) {
	const char *slash = n > 0 ? memchr(text, '/', n) : NULL;
	size_t address = slash ? (size_t)(slash - text) : n;
	struct prefix p;
	uint64_t length;
	unsigned shift;

	if (!parse(text, address, &p.base))
		return false;
	shift = addr_is_v4(p.base) ? 96 : 0;
	length = 128 - shift;
	if (slash && !slice_number((struct slice){slash + 1, n - address - 1}, 128 - shift, &length))
		return false;
	p.bits = (uint8_t)(length + shift);
	if (!addr_same(addr_masked(p.base, p.bits), p.base) || (!slash && addr_is_none(p.base)))
		return false;
	*out = p;
	return true;
}

void prefix_print(struct prefix p, char out[PREFIX_TEXT]) {
	size_t n;

	addr_print(p.base, out);
	if (p.bits == 128)
		return;
	n = strlen(out);
	(void)snprintf(out + n, PREFIX_TEXT - n, "/%u", prefix_length(p));
}

struct prefix prefix_of(struct addr a, unsigned bits) {
	return (struct prefix){addr_masked(a, bits), (uint8_t)bits};
}

bool prefix_has(struct prefix p, struct addr a) {
	return addr_same(addr_masked(a, p.bits), p.base);
}

bool prefix_overlaps(struct prefix a, struct prefix b) {
	return a.bits < b.bits ? prefix_has(a, b.base) : prefix_has(b, a.base);
}

bool prefix_same(struct prefix a, struct prefix b) {
	return a.bits == b.bits && addr_same(a.base, b.base);
}

unsigned prefix_length(struct prefix p) {
	return p.bits >= 96 && addr_is_v4(p.base) ? p.bits - 96U : p.bits;
}
