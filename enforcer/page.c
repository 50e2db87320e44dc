#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "enforcer/page.h"

#define RESERVED_AT 20

static void sum(const unsigned char *page, size_t n, unsigned char out[PAGE_SUM]) {
	uint32_t words[2], sums[2] = {0, 0};

	for (size_t i = 0; i < n; i += sizeof(words)) {
		memcpy(words, page + i, sizeof(words));
		sums[0] += le32toh(words[0]) + sums[1];
		sums[1] += le32toh(words[1]) + sums[0];
	}
	sums[0] = htole32(sums[0]);
	sums[1] = htole32(sums[1]);
	memcpy(out, sums, PAGE_SUM);
}

void page_seal(unsigned char *page, size_t n) {
	assert(n >= PAGE_MIN && n % PAGE_SUM == 0);
	sum(page, n - PAGE_SUM, page + n - PAGE_SUM);
}

bool page_is_sound(const unsigned char *page, size_t n) {
	unsigned char now[PAGE_SUM];

	assert(n >= PAGE_MIN && n % PAGE_SUM == 0);
	sum(page, n - PAGE_SUM, now);
	return memcmp(now, page + n - PAGE_SUM, PAGE_SUM) == 0;
}

bool page_tells_sealed(const unsigned char *head) {
	return memcmp(head, "SQLite format 3", 16) == 0 && head[RESERVED_AT] == PAGE_SUM;
}
