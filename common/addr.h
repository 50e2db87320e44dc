/* addr: IP addresses and prefixes. Both families are 16 bytes; IPv4 is kept as ::ffff:a.b.c.d, so that one
 * comparison and one table serve both. IPv4-mapped input and NAT64 (64:ff9b::/96, RFC 6052) become IPv4; a zone
 * ("%eth0") is dropped. All plain data, nothing to free. */
#ifndef PROVCTL_ADDR_H
#define PROVCTL_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr {
	uint8_t b[16];
};

static inline bool addr_same(struct addr a, struct addr b) {
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* An all-zero address stands for "none". */
static inline bool addr_is_none(struct addr a) {
	return addr_same(a, (struct addr){{0}});
}

static inline bool addr_is_v4(struct addr a) {
	return memcmp(a.b, (const uint8_t[12]){[10] = 0xff, 0xff}, 12) == 0;
}

int addr_compare(struct addr a, struct addr b); /* as memcmp */

#define ADDR_TEXT   46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT 50 /* with "/128" */

/* Reads all n bytes as an address, without brackets and port. "none" (::) is refused. */
bool addr_parse(const char *text, size_t n, struct addr *out);
/* As addr_parse, but takes "[v6]", "[v6]:port", "v4:port", and a bare address too. */
bool addr_parse_endpoint(const char *text, size_t n, struct addr *out);
/* The length of the IPv4 address that text begins with, 0 where there is none: four numbers without leading zeros, as inet_pton takes them. */
size_t addr_parse_v4(const char *text, size_t n, struct addr *out);
void addr_print(struct addr a, char out[ADDR_TEXT]);

/* The first `bits` of 128 kept, the rest zero. For IPv4 add 96 to the prefix length a user writes. */
struct addr addr_masked(struct addr a, unsigned bits);

struct prefix {
	struct addr base; /* masked */
	uint8_t bits;     /* 0 to 128 of the 16 bytes; an IPv4 /24 is 120 */
};

/* "address" or "address/length"; host bits must be zero. */
bool prefix_parse(const char *text, size_t n, struct prefix *out);
/* A bare address prints without a length. */
void prefix_print(struct prefix p, char out[PREFIX_TEXT]);
struct prefix prefix_of(struct addr a, unsigned bits); /* masks */
bool prefix_has(struct prefix p, struct addr a);
bool prefix_overlaps(struct prefix a, struct prefix b);
bool prefix_same(struct prefix a, struct prefix b);
/* The length as a user writes it: 0 to 32 for IPv4, 0 to 128 for IPv6. */
unsigned prefix_length(struct prefix p);

#endif
