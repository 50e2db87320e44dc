/* lane: records from one process to another through memory that both share: a ring with one writer and one reader, without locks.
 *
 * A record stands in one piece where it was written, at the same address in both processes where the lane was mapped before they parted. The reader
 * holds the record that it took last until it takes the next one: only then is its room written anew.
 *
 * The writer is believed as far as the reader believes itself: both are one program. What it says of lengths is checked all the same.
 */
#ifndef PROVCTL_LANE_H
#define PROVCTL_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANE_SIZE       131072
#define LANE_RECORD_MAX 16384 /* bytes of one record; two of them always fit */
#define LANE_ALIGN      64    /* of a record's first byte */

/* Begins as zeroes. Places count all bytes ever written; each side has a line of the cache for what it changes. */
struct lane {
	_Alignas(64) _Atomic uint64_t written;
	uint64_t last;                       /* the writer's: where the record begins that was put last */
	_Alignas(64) _Atomic uint64_t taken; /* up to here the room is free again */
	_Alignas(64) char bytes[LANE_SIZE];
};

/* ---- the writer ---- */

/* Room for a record of up to LANE_RECORD_MAX bytes, or NULL while there is none. */
void *lane_room(struct lane *lane);
/* The record at lane_room is n bytes long, and can be taken. */
void lane_put(struct lane *lane, size_t n);
/* So much is free that it is worth going on writing. */
bool lane_has_room(const struct lane *lane);
/* The reader took all that was put. */
bool lane_is_taken(const struct lane *lane);

/* ---- the reader ---- */

struct lane_end {
	struct lane *lane;
	uint64_t next; /* behind the record that was taken last */
};

/* For a lane that nobody writes to: all that is in it is dropped. */
void lane_end_init(struct lane_end *end, struct lane *lane);
/* 1: *record and *n are the next one; the one before may not be touched any more. 0: there is none yet, and the one before stays. -1: what
 * is there is no record. */
int lane_take(struct lane_end *end, const void **record, size_t *n);

#endif
