#include <assert.h>

#include "analyzer/lane.h"

/* Before each record; where `size` is 0 the rest of the ring is left out, for the record did not fit there. */
struct header {
	_Alignas(LANE_ALIGN) uint64_t size; /* with this header, a multiple of LANE_ALIGN */
	uint64_t bytes;                     /* of the record itself */
};

#define HEADER sizeof(struct header)

static uint64_t size_of(size_t n) {
	return (HEADER + n + LANE_ALIGN - 1) / LANE_ALIGN * LANE_ALIGN;
}

static struct header *header_at(struct lane *lane, uint64_t place) {
	return (struct header *)(void *)(lane->bytes + place % LANE_SIZE);
}

/* Bytes to the ring's end. */
static uint64_t to_end(uint64_t place) {
	return LANE_SIZE - place % LANE_SIZE;
}

static uint64_t space(const struct lane *lane) {
	return LANE_SIZE - (atomic_load_explicit(&lane->written, memory_order_relaxed) -
	                    atomic_load_explicit(&lane->taken, memory_order_acquire));
}

/* Where the next record begins: behind what is written, or at the ring's start where it could be too long. */
static uint64_t record_begins(uint64_t written) {
	return to_end(written) < size_of(LANE_RECORD_MAX) ? written + to_end(written) : written;
}

void *lane_room(struct lane *lane) {
	uint64_t written = atomic_load_explicit(&lane->written, memory_order_relaxed);
	uint64_t begin = record_begins(written);

	if (begin - written + size_of(LANE_RECORD_MAX) > space(lane))
		return NULL;
	return (char *)header_at(lane, begin) + HEADER;
}

void lane_put(struct lane *lane, size_t n) {
	uint64_t written = atomic_load_explicit(&lane->written, memory_order_relaxed);
	uint64_t begin = record_begins(written);

	assert(n <= LANE_RECORD_MAX);
	if (begin != written)
		header_at(lane, written)->size = 0;
	*header_at(lane, begin) = (struct header){.size = size_of(n), .bytes = n};
	lane->last = begin;
	atomic_store_explicit(&lane->written, begin + size_of(n), memory_order_release);
}

bool lane_has_room(const struct lane *lane) {
	return space(lane) > LANE_SIZE / 2;
}

bool lane_is_taken(const struct lane *lane) {
	return atomic_load_explicit(&lane->taken, memory_order_acquire) >= lane->last;
}

void lane_end_init(struct lane_end *end, struct lane *lane) {
	*end = (struct lane_end){.lane = lane};
	end->next = atomic_load_explicit(&lane->written, memory_order_acquire);
	atomic_store_explicit(&lane->taken, end->next, memory_order_release);
}

int lane_take(struct lane_end *end, const void **record, size_t *n) {
	uint64_t written = atomic_load_explicit(&end->lane->written, memory_order_acquire);
	const struct header *header;

	if (end->next == written)
		return 0;
	header = header_at(end->lane, end->next);
	if (header->size == 0) {
		end->next += to_end(end->next);
		header = header_at(end->lane, end->next);
	}
	if (end->next >= written || written - end->next > LANE_SIZE || header->bytes > LANE_RECORD_MAX ||
	    header->size != size_of(header->bytes) || header->size > to_end(end->next))
		return -1;
	*record = (const char *)header + HEADER;
	*n = header->bytes;
	/* Up to this one, which is held. */
	atomic_store_explicit(&end->lane->taken, end->next, memory_order_release);
	end->next += header->size;
	return 1;
}
