#include <stdbool.h>

#include "enforcer/digest.h"

static uint64_t word_of(const uint8_t *p, size_t n) {
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static uint64_t rotated(uint64_t v, unsigned by) {
	return v << by | v >> (64 - by);
}

static void mix(uint64_t v[4], unsigned rounds) {
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[0] = rotated(v[0], 32);
		v[2] += v[3];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

uint64_t digest_bytes(const uint8_t key[DIGEST_KEY], const void *p, size_t n) {
	const uint8_t *at = p;
	uint64_t k0 = word_of(key, 8), k1 = word_of(key + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
	                 k1 ^ 0x7465646279746573};

	for (size_t left = n;; left -= 8, at += 8) {
		bool last = left < 8;
		uint64_t word = last ? word_of(at, left) | (uint64_t)n << 56 : word_of(at, 8);

		v[3] ^= word;
		mix(v, 2);
		v[0] ^= word;
		if (last)
			break;
	}
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
