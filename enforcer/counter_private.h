/* counter_private: the pools, shared by counter.c (counting, eviction) and counter_codec.c (storing) alone.
 *
 * A pool is an array of slots. Each taken slot is in four chains: by key, by rank (its count), by trigger and by crowd; the latter three are
 * ordered by when the slot was touched, so that whom to evict is found without a search. A crowd is the networks of one digest; what counts
 * by no address is in none.
 */
#ifndef PROVCTL_COUNTER_PRIVATE_H
#define PROVCTL_COUNTER_PRIVATE_H

#include <assert.h>

#include "enforcer/counter.h"

#define NOWHERE UINT32_MAX
#define RANKS   (TRIGGER_LIMIT_MAX + 1)
#define CROWDS  4096
/* What a slot takes of its crowd's share: as many entries as there are for each, or as it has. */
#define CROWD_SLOT  (COUNTER_ENTRIES / COUNTER_SLOTS)
#define CROWD_SHARE (COUNTER_ENTRIES / COUNTER_SHARE)
#define CROWD_LOOK  64 /* so many of a crowd are looked at for the lowest count */
#define NAMES       (1U << 19)
/* Lines of one failure: so many, within so many seconds of the first. */
#define FOLD_COPIES  4
#define FOLD_SECONDS 2

static_assert(COUNTER_SLOTS % 64 == 0, "slots are found by words of a bitmap");
static_assert((COUNTER_SLOTS & (COUNTER_SLOTS - 1)) == 0, "chains are found by the low bits of a key");
static_assert(sizeof(struct counter_entry) == 32, "what counter.h says of memory");

struct list {
	uint32_t first, last;
};

struct pool {
	struct counter *slots;
	uint32_t *chains;           /* by the low bits of the key */
	struct list *peers;         /* by trigger, longest untouched first */
	struct list ranks[RANKS];   /* by count, longest untouched first */
	struct list crowds[CROWDS]; /* longest untouched first */
	uint32_t weights[CROWDS];
	uint32_t ncrowded;               /* that have more than their share */
	uint64_t ranked[RANKS / 64 + 1]; /* which ranks hold any */
	uint64_t taken[COUNTER_SLOTS / 64];
	uint32_t full; /* so many words of `taken` at its start have no free slot */
	uint32_t used;
	uint32_t room; /* entries allocated, of all slots */
};

struct counters {
	const struct trigger *triggers;
	uint32_t ntriggers;
	const uint8_t *key;
	struct pool *pools[COUNTER_POOLS]; /* NULL until the first hit */
	uint64_t touched;
	bool loaded;
	uint32_t *dirty; /* numbers of slots to write, each once */
	uint32_t ndirty;
	uint64_t *names; /* a bit for whoever has an entry somewhere, and some for who had one; NULL until the first hit */
	uint32_t named;  /* bits set since they were told anew */
};

/* Makes the pool at its first use. NULL when memory is out. */
struct pool *pool_of(struct counters *c, enum counter_pool which, struct err *err);
bool pool_has(const struct pool *pool, uint32_t i);
uint16_t crowd_of(const struct counters *c, struct prefix at);
/* Marks slot i, whose key is set, as taken; slot_enlist then ranks it as the one touched last. */
void slot_take(struct pool *pool, uint32_t i);
void slot_enlist(struct pool *pool, uint32_t i);
void slot_mark(struct counters *c, struct counter *slot);
/* An entry is put in a slot. */
void who_name(struct counters *c, const struct counter *slot, uint32_t who);

#endif
