/* block: 16 bytes looked at together, by vector instructions where the machine has them. Comparisons of blocks give 0xff for each byte of which they are true. */
#ifndef PROVCTL_BLOCK_H
#define PROVCTL_BLOCK_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK 16

typedef unsigned char block __attribute__((vector_size(BLOCK)));

static inline block block_load(const char *p) {
	block b;

	memcpy(&b, p, BLOCK);
	return b;
}

/* A bit for each byte of what a comparison gave, the first byte's the lowest. */
static inline unsigned block_bits(block is) {
#ifdef __SSE2__
	return (unsigned)_mm_movemask_epi8((__m128i)is);
#else
	uint64_t halves[2];

	/* Each byte's own bit of the eight is taken to the top byte. */
	memcpy(halves, &is, BLOCK);
	for (int i = 0; i < 2; i++)
		halves[i] = (le64toh(halves[i]) & 0x8040201008040201ULL) * 0x0101010101010101ULL >> 56;
	return (unsigned)(halves[0] | halves[1] << 8);
#endif
}

#endif
