/* counter: how often each trigger saw what it counts by, in a fixed number of slots. Memory is set by the constants below and not by
 * traffic: no more than about 20 MiB when every slot is taken, nothing before the first hit.
 *
 * There are two pools, so that forged packets (unproven) cannot push out the count of an attacker whose address is proven. In a full
 * pool a new slot takes the place of one whose window has passed; else, where networks (/24, /48) have more than COUNTER_SHARE of the pool
 * each, of one of the largest; else of the one with the lowest count, among those the one that was touched longest ago. So a spray of single
 * hits pushes out single hits, and who has addresses without number in one network, or is never banned, pushes out his own.
 *
 * A window slides by the times of the hits: what is counted lies less than `within` before the newest hit of the slot. A hit
 * that comes late is sorted in by its own time; one that is older than the window is not counted.
 *
 * What happens depends on the order of calls alone: slots that were encoded, decoded and settled behave as before.
 */
#ifndef PROVCTL_COUNTER_H
#define PROVCTL_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"

#define COUNTER_SLOTS   16384  /* of one pool */
#define COUNTER_ENTRIES 262144 /* of one pool, 32 bytes each */
#define COUNTER_BYTES   65536  /* no row has more */

#define COUNTER_SHARE 64 /* one in so many slots, or entries, of a full pool is left to a network */

enum counter_pool { COUNTER_UNPROVEN, COUNTER_PROVEN, COUNTER_POOLS };

/* One thing counted: an event, or a distinct value. */
struct counter_entry {
	uint64_t value; /* digest of what is told apart; 0 where events are counted */
	uint64_t fold;  /* digest of what makes lines one; 0: no folding */
	int64_t time;
	uint32_t who;         /* digest of the MAC or user that it names, 0 for none */
	uint16_t contributor; /* which address of a net, see trigger.c */
	uint8_t copies;       /* lines folded into this one, itself included */
};

struct counter_link {
	uint32_t prev, next;
};

/* Read by trigger.c, changed by the functions below alone. */
struct counter {
	uint64_t key[2]; /* digests of the trigger and what it counts by */
	uint64_t touched;
	int64_t newest;                /* time of the newest hit ever */
	int64_t quiet;                 /* before this time nothing is reported again */
	struct prefix at;              /* the address or net it counts by; bits 0: none */
	uint64_t mac;                  /* the device it counts by, or MAC_NONE */
	struct counter_entry *entries; /* oldest first */
	uint16_t n, room;
	uint16_t trigger; /* index in the configuration */
	uint16_t crowd;   /* of its network */
	uint8_t pool;
	bool dirty;
	bool own;                    /* stored in a row of its own */
	uint32_t chain;              /* next of equal index bits of the key */
	struct counter_link link[3]; /* among those of equal count, of equal trigger, and of one crowd */
};

struct counters;

/* Borrows the triggers and the key, DIGEST_KEY bytes. */
int counters_new(struct counters **out, const struct trigger *triggers, uint32_t ntriggers, const uint8_t *key,
                 struct err *err);
void counters_free(struct counters **counters);
/* Drops every slot, as after a rollback, and reads as never loaded. */
void counters_clear(struct counters *c);

/* The network of an address: its /24 or /48. */
struct prefix counter_net(struct addr ip);

struct counter_hit {
	enum counter_pool pool;
	uint32_t trigger;
	uint64_t key[2];
	struct prefix at;
	uint64_t mac;
	int64_t now;                /* state time: whose window has passed is judged by it */
	struct counter_entry entry; /* copies is set by counter_add */
};

enum counter_result {
	COUNTER_COUNTED, /* one more, or a distinct value again */
	COUNTER_IGNORED, /* folded into another, or older than the window */
	COUNTER_REACHED  /* the limit is reached: the caller fires, then calls counter_empty */
};
/* *out is valid until the next call. -1 when memory is out. */
int counter_add(struct counters *c, const struct counter_hit *hit, struct counter **out, enum counter_result *result,
                struct err *err);
/* The trigger has a slot: a look that costs nothing. */
bool counters_have(const struct counters *c, uint32_t trigger);
/* May a slot that counts by `at` have an entry of `who`? A yes may be wrong. */
bool counters_name(const struct counters *c, struct prefix at, uint32_t who);
/* NULL where there is none. */
struct counter *counter_find(struct counters *c, enum counter_pool which, const uint64_t key[2]);
/* Takes out the entries that drop() names. A slot that is left empty and has nothing to keep quiet about is given back: false. */
bool counter_sift(struct counters *c, struct counter *slot,
                  bool (*drop)(void *context, const struct counter_entry *entry), void *context);
/* After firing: forgets the entries; before `quiet` (TIME_NONE: none) nothing is reported again. */
void counter_empty(struct counters *c, struct counter *slot, int64_t quiet);
void counter_drop(struct counters *c, struct counter *slot);
/* Calls each() for all slots; it may drop the one it is given. Stops at the first non-zero and returns it. */
int counters_each(struct counters *c, int (*each)(void *context, struct counter *slot), void *context);

/* Storing, by rows: of several slots, or of a large one. */
bool counters_loaded(const struct counters *c);
/* Reads one row back. What is not sound, or belongs to a trigger that is gone or counts something else now, is forgotten: it becomes a
 * dirty empty slot. -1 only when memory is out. */
int counters_decode(struct counters *c, uint32_t number, struct slice bytes, struct err *err);
/* After the last counters_decode: puts the slots in order; touched: as counters_touched told at the last flush. */
int counters_settle(struct counters *c, uint64_t touched, struct err *err);
uint64_t counters_touched(const struct counters *c);
/* Something is to be flushed. */
bool counters_changed(const struct counters *c);
/* Hands out each row that changed since the last call; empty for one that is gone. Stops at the first non-zero and returns it. */
int counters_flush(struct counters *c, int (*put)(void *context, uint32_t number, struct slice bytes, struct err *err),
                   void *context, struct err *err);

#endif
