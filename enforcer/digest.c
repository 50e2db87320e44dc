#include <endian.h>
#include <string.h>

#include "enforcer/digest.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t word_at(const uint8_t *p) {
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

static uint64_t rotated(uint64_t v, unsigned by) {
	return v << by | v >> (64 - by);
}

static inline void mix(struct sip *s) {
	s->v0 += s->v1;
	s->v1 = rotated(s->v1, 13) ^ s->v0;
	s->v0 = rotated(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotated(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotated(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotated(s->v1, 17) ^ s->v2;
	s->v2 = rotated(s->v2, 32);
}

static inline void absorb_word(struct sip *s, uint64_t word) {
	s->v3 ^= word;
	mix(s);
	mix(s);
	s->v0 ^= word;
}

static struct sip begin(const uint8_t key[DIGEST_KEY]) {
	uint64_t k0 = word_at(key), k1 = word_at(key + 8);

	return (struct sip){k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
	                    k1 ^ 0x7465646279746573};
}

/* The whole words of p from the word `from` on. */
static struct sip absorb(struct sip s, const uint8_t *p, size_t from, size_t n) {
	for (size_t i = from; i < n / 8; i++)
		absorb_word(&s, word_at(p + 8 * i));
	return s;
}

/* The last word: what is left of the n bytes, and how many they were. */
static uint64_t finish(struct sip s, const uint8_t *p, size_t n) {
	uint64_t word = (uint64_t)n << 56;

	if (n >= 8 && n % 8 > 0)
		word |= word_at(p + n - 8) >> (-n % 8 * 8);
	for (size_t i = 0; n < 8 && i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	absorb_word(&s, word);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t digest_bytes(const uint8_t key[DIGEST_KEY], const void *p, size_t n) {
	return finish(absorb(begin(key), p, 0, n), p, n);
}

void digest_twice(const uint8_t key[DIGEST_KEY], const void *p, size_t n, size_t m, uint64_t out[2]) {
	struct sip s = absorb(begin(key), p, 0, n);

	out[0] = finish(s, p, n);
	out[1] = finish(absorb(s, p, n / 8, m), p, m);
}
