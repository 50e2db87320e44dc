#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/counter_private.h"
#include "enforcer/digest.h"

#define NET4_BITS 120 /* an IPv4 /24 */
#define NET6_BITS 48

int counters_new(struct counters **out, const struct trigger *triggers, uint32_t ntriggers, const uint8_t *key,
                 struct err *err) {
	struct counters *c = calloc(1, sizeof *c);

	if (!c)
		return err_errno(err, "cannot count");
	c->triggers = triggers;
	c->ntriggers = ntriggers;
	c->key = key;
	*out = c;
	return 0;
}

bool pool_has(const struct pool *pool, uint32_t i) {
	return pool->taken[i / 64] >> (i % 64) & 1;
}

static void pool_free(struct pool *pool) {
	if (!pool)
		return;
	for (uint32_t i = 0; i < COUNTER_SLOTS; i++)
		if (pool_has(pool, i))
			free(pool->slots[i].entries);
	free(pool->slots);
	free(pool->chains);
	free(pool->peers);
	free(pool);
}

void counters_clear(struct counters *c) {
	for (int i = 0; i < COUNTER_POOLS; i++) {
		pool_free(c->pools[i]);
		c->pools[i] = NULL;
	}
	free(c->dirty);
	free(c->names);
	c->dirty = NULL;
	c->names = NULL;
	c->ndirty = c->named = 0;
	c->touched = 0;
	c->loaded = false;
}

void counters_free(struct counters **counters) {
	if (!*counters)
		return;
	counters_clear(*counters);
	free(*counters);
	*counters = NULL;
}

bool counters_loaded(const struct counters *c) {
	return c->loaded;
}

bool counters_changed(const struct counters *c) {
	return c->ndirty > 0;
}

uint64_t counters_touched(const struct counters *c) {
	return c->touched;
}

struct pool *pool_of(struct counters *c, enum counter_pool which, struct err *err) {
	struct pool *pool;

	if ((!c->dirty && !(c->dirty = malloc((size_t)COUNTER_POOLS * COUNTER_SLOTS * sizeof *c->dirty))) ||
	    (!c->names && !(c->names = calloc(NAMES / 64, sizeof *c->names)))) {
		err_errno(err, "cannot count");
		return NULL;
	}
	if (c->pools[which])
		return c->pools[which];
	pool = calloc(1, sizeof *pool);
	if (pool) {
		pool->slots = calloc(COUNTER_SLOTS, sizeof *pool->slots);
		pool->chains = malloc(COUNTER_SLOTS * sizeof *pool->chains);
		pool->peers = malloc((c->ntriggers + 1) * sizeof *pool->peers);
	}
	if (!pool || !pool->slots || !pool->chains || !pool->peers) {
		err_errno(err, "cannot count");
		pool_free(pool);
		return NULL;
	}
	memset(pool->chains, 0xff, COUNTER_SLOTS * sizeof *pool->chains);
	for (uint32_t i = 0; i < c->ntriggers; i++)
		pool->peers[i] = (struct list){NOWHERE, NOWHERE};
	for (uint32_t i = 0; i < RANKS; i++)
		pool->ranks[i] = (struct list){NOWHERE, NOWHERE};
	for (uint32_t i = 0; i < CROWDS; i++)
		pool->crowds[i] = (struct list){NOWHERE, NOWHERE};
	c->pools[which] = pool;
	return pool;
}

enum { BY_RANK, BY_TRIGGER, BY_CROWD }; /* which of a slot's links */

static uint32_t index_of(const struct pool *pool, const struct counter *slot) {
	return (uint32_t)(slot - pool->slots);
}

static void list_append(struct pool *pool, struct list *list, int by, uint32_t i) {
	pool->slots[i].link[by] = (struct counter_link){list->last, NOWHERE};
	if (list->last == NOWHERE)
		list->first = i;
	else
		pool->slots[list->last].link[by].next = i;
	list->last = i;
}

static void list_remove(struct pool *pool, struct list *list, int by, uint32_t i) {
	struct counter_link link = pool->slots[i].link[by];

	if (link.prev == NOWHERE)
		list->first = link.next;
	else
		pool->slots[link.prev].link[by].next = link.next;
	if (link.next == NOWHERE)
		list->last = link.prev;
	else
		pool->slots[link.next].link[by].prev = link.prev;
}

void slot_enlist(struct pool *pool, uint32_t i) {
	struct counter *slot = &pool->slots[i];

	list_append(pool, &pool->ranks[slot->n], BY_RANK, i);
	pool->ranked[slot->n / 64] |= 1ULL << (slot->n % 64);
	list_append(pool, &pool->peers[slot->trigger], BY_TRIGGER, i);
	if (slot->crowd != CROWDS)
		list_append(pool, &pool->crowds[slot->crowd], BY_CROWD, i);
}

static void slot_delist(struct pool *pool, uint32_t i) {
	struct counter *slot = &pool->slots[i];

	list_remove(pool, &pool->ranks[slot->n], BY_RANK, i);
	if (pool->ranks[slot->n].first == NOWHERE)
		pool->ranked[slot->n / 64] &= ~(1ULL << (slot->n % 64));
	list_remove(pool, &pool->peers[slot->trigger], BY_TRIGGER, i);
	if (slot->crowd != CROWDS)
		list_remove(pool, &pool->crowds[slot->crowd], BY_CROWD, i);
}

struct prefix counter_net(struct addr ip) {
	return prefix_of(ip, addr_is_v4(ip) ? NET4_BITS : NET6_BITS);
}

/* By the secret of the state: nobody chooses with whom he shares a crowd. */
uint16_t crowd_of(const struct counters *c, struct prefix at) {
	struct prefix net = counter_net(at.base);

	return at.bits == 0 ? CROWDS : (uint16_t)(digest_bytes(c->key, net.base.b, sizeof net.base.b) % CROWDS);
}

static uint32_t slot_weight(uint32_t room) {
	return room > CROWD_SLOT ? room : CROWD_SLOT;
}

static void crowd_weigh(struct pool *pool, uint16_t crowd, uint32_t less, uint32_t more) {
	uint32_t before, after;

	if (crowd == CROWDS)
		return;
	before = pool->weights[crowd];
	after = before - less + more;
	pool->weights[crowd] = after;
	pool->ncrowded = pool->ncrowded - (before > CROWD_SHARE) + (after > CROWD_SHARE);
}

void slot_mark(struct counters *c, struct counter *slot) {
	if (!slot->dirty) {
		slot->dirty = true;
		c->dirty[c->ndirty++] = slot->pool * COUNTER_SLOTS + index_of(c->pools[slot->pool], slot);
	}
}

/* After slot_delist and the change: back into the lists, as the one touched last. */
static void slot_touch(struct counters *c, struct counter *slot) {
	struct pool *pool = c->pools[slot->pool];

	slot->touched = ++c->touched;
	slot_enlist(pool, index_of(pool, slot));
	slot_mark(c, slot);
}

static uint32_t *chain_of(const struct pool *pool, const uint64_t key[2]) {
	return &pool->chains[key[0] & (COUNTER_SLOTS - 1)];
}

void slot_take(struct pool *pool, uint32_t i) {
	uint32_t *chain = chain_of(pool, pool->slots[i].key);

	pool->slots[i].chain = *chain;
	*chain = i;
	pool->taken[i / 64] |= 1ULL << (i % 64);
	pool->used++;
	crowd_weigh(pool, pool->slots[i].crowd, 0, slot_weight(pool->slots[i].room));
}

void counter_drop(struct counters *c, struct counter *slot) {
	struct pool *pool = c->pools[slot->pool];
	uint32_t i = index_of(pool, slot), *chain = chain_of(pool, slot->key);

	slot_delist(pool, i);
	while (*chain != i)
		chain = &pool->slots[*chain].chain;
	*chain = slot->chain;
	pool->taken[i / 64] &= ~(1ULL << (i % 64));
	if (i / 64 < pool->full)
		pool->full = i / 64;
	pool->used--;
	pool->room -= slot->room;
	crowd_weigh(pool, slot->crowd, slot_weight(slot->room), 0);
	free(slot->entries);
	slot_mark(c, slot);
	*slot = (struct counter){.pool = slot->pool, .dirty = slot->dirty, .own = slot->own};
}

/* Of the largest crowd that has more than its share. */
static struct counter *crowd_victim(struct pool *pool, const struct counter *but) {
	struct counter *victim = NULL;
	uint32_t largest = 0, looked = 0;

	if (pool->ncrowded == 0)
		return NULL;
	for (uint32_t i = 1; i < CROWDS; i++)
		if (pool->weights[i] > pool->weights[largest])
			largest = i;
	for (uint32_t i = pool->crowds[largest].first; i != NOWHERE && looked < CROWD_LOOK; looked++) {
		struct counter *slot = &pool->slots[i];

		if (slot != but && (!victim || slot->n < victim->n))
			victim = slot;
		i = slot->link[BY_CROWD].next;
	}
	return victim;
}

/* Makes room in a full pool; `but` is spared. */
static void pool_evict(struct counters *c, struct pool *pool, const struct counter *but, int64_t now) {
	struct counter *crowded;

	for (uint32_t i = 0; i < c->ntriggers; i++) {
		struct counter *slot = pool->peers[i].first == NOWHERE ? NULL : &pool->slots[pool->peers[i].first];

		if (slot && slot != but && now - slot->newest >= c->triggers[i].within) {
			counter_drop(c, slot);
			return;
		}
	}
	crowded = crowd_victim(pool, but);
	if (crowded) {
		counter_drop(c, crowded);
		return;
	}
	for (uint32_t word = 0; word < RANKS / 64 + 1; word++)
		for (uint64_t bits = pool->ranked[word]; bits != 0; bits &= bits - 1) {
			uint32_t i = pool->ranks[word * 64 + (uint32_t)__builtin_ctzll(bits)].first;

			if (but && &pool->slots[i] == but)
				i = but->link[BY_RANK].next;
			if (i != NOWHERE) {
				counter_drop(c, &pool->slots[i]);
				return;
			}
		}
}

struct counter *counter_find(struct counters *c, enum counter_pool which, const uint64_t key[2]) {
	struct pool *pool = c->pools[which];

	if (!pool)
		return NULL;
	for (uint32_t i = *chain_of(pool, key); i != NOWHERE; i = pool->slots[i].chain)
		if (pool->slots[i].key[0] == key[0] && pool->slots[i].key[1] == key[1])
			return &pool->slots[i];
	return NULL;
}

bool counters_have(const struct counters *c, uint32_t trigger) {
	for (int i = 0; i < COUNTER_POOLS; i++)
		if (c->pools[i] && c->pools[i]->peers[trigger].first != NOWHERE)
			return true;
	return false;
}

static uint32_t name_of(struct prefix at, uint32_t who) {
	uint64_t words[2], h;

	memcpy(words, at.base.b, sizeof words);
	h = (words[0] ^ who) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ h >> 32 ^ words[1]) * 0xd6e8feb86659fd93ULL;
	return (uint32_t)(h >> 32) % NAMES;
}

static void name_set(struct counters *c, uint32_t name) {
	c->names[name / 64] |= 1ULL << (name % 64);
}

/* Those that are gone are told no more. */
static void name_all(struct counters *c) {
	memset(c->names, 0, NAMES / 8);
	for (int p = 0; p < COUNTER_POOLS; p++)
		for (uint32_t i = 0; c->pools[p] && i < COUNTER_SLOTS; i++) {
			const struct counter *slot = &c->pools[p]->slots[i];

			for (uint32_t k = 0; pool_has(c->pools[p], i) && k < slot->n; k++)
				name_set(c, name_of(slot->at, slot->entries[k].who));
		}
	c->named = 0;
}

static bool name_has(const struct counters *c, uint32_t name) {
	return c->names[name / 64] >> (name % 64) & 1;
}

bool counters_name(const struct counters *c, struct prefix at, uint32_t who) {
	return c->names && name_has(c, name_of(at, who));
}

void who_name(struct counters *c, const struct counter *slot, uint32_t who) {
	uint32_t name = name_of(slot->at, who);

	if (name_has(c, name))
		return;
	if (++c->named == NAMES / 8)
		name_all(c);
	name_set(c, name);
}

static uint32_t free_slot(struct pool *pool) {
	/* The lowest, so that where a slot lies depends on nothing but what is taken. */
	while (pool->taken[pool->full] == UINT64_MAX)
		pool->full++;
	return pool->full * 64 + (uint32_t)__builtin_ctzll(~pool->taken[pool->full]);
}

/* Room for one more entry, up to the trigger's limit. */
static int slot_grow(struct counters *c, struct pool *pool, struct counter *slot, int64_t now, struct err *err) {
	uint32_t limit = c->triggers[slot->trigger].limit, room = slot->room ? slot->room * 2U : 2, more;
	struct counter_entry *entries;

	if (slot->n < slot->room)
		return 0;
	assert(slot->room < limit); /* whoever is told that the limit is reached empties the slot */
	if (room > limit)
		room = limit;
	more = room - slot->room;
	while (pool->room + more > COUNTER_ENTRIES)
		pool_evict(c, pool, slot, now);
	entries = realloc(slot->entries, room * sizeof *entries);
	if (!entries)
		return err_errno(err, "cannot count");
	memset(entries + slot->room, 0, more * sizeof *entries);
	slot->entries = entries;
	if (pool_has(pool, index_of(pool, slot)))
		crowd_weigh(pool, slot->crowd, slot_weight(slot->room), slot_weight(room));
	slot->room = (uint16_t)room;
	pool->room += more;
	return 0;
}

static struct counter *slot_new(struct counters *c, struct pool *pool, const struct counter_hit *hit, struct err *err) {
	struct counter *slot;
	bool dirty, own;
	uint32_t i;

	if (pool->used == COUNTER_SLOTS)
		pool_evict(c, pool, NULL, hit->now);
	i = free_slot(pool);
	slot = &pool->slots[i];
	dirty = slot->dirty;
	own = slot->own;
	*slot = (struct counter){
		.key = {hit->key[0], hit->key[1]},
		.newest = hit->entry.time,
		.at = hit->at,
		.mac = hit->mac,
		.trigger = (uint16_t)hit->trigger,
		.crowd = crowd_of(c, hit->at),
		.pool = (uint8_t)hit->pool,
		.dirty = dirty,
		.own = own,
	};
	if (slot_grow(c, pool, slot, hit->now, err) < 0)
		return NULL;
	slot_take(pool, i);
	slot_enlist(pool, i);
	return slot;
}

/* ---- the entries of a slot ---- */

static void entry_remove(struct counter *slot, uint32_t i) {
	slot->n--;
	memmove(&slot->entries[i], &slot->entries[i + 1], (slot->n - i) * sizeof *slot->entries);
}

static void entry_insert(struct counter *slot, const struct counter_entry *entry) {
	uint32_t i = slot->n;

	while (i > 0 && slot->entries[i - 1].time > entry->time)
		i--;
	memmove(&slot->entries[i + 1], &slot->entries[i], (slot->n - i) * sizeof *slot->entries);
	slot->entries[i] = *entry;
	slot->entries[i].copies = 1;
	slot->n++;
}

/* The line is another one of a failure that is counted already. */
static bool entry_fold(struct counter *slot, const struct counter_entry *entry) {
	if (entry->fold == 0)
		return false;
	for (uint32_t i = slot->n; i-- > 0 && slot->entries[i].time >= entry->time - FOLD_SECONDS;) {
		struct counter_entry *e = &slot->entries[i];

		if (e->fold == entry->fold && e->copies < FOLD_COPIES && e->time <= entry->time + FOLD_SECONDS) {
			e->copies++;
			return true;
		}
	}
	return false;
}

/* A distinct value that is counted already: its newest time stands. */
static bool entry_renew(struct counter *slot, const struct counter_entry *entry) {
	for (uint32_t i = 0; i < slot->n; i++)
		if (slot->entries[i].value == entry->value) {
			struct counter_entry newer = slot->entries[i].time > entry->time ? slot->entries[i] : *entry;

			entry_remove(slot, i);
			entry_insert(slot, &newer);
			return true;
		}
	return false;
}

int counter_add(struct counters *c, const struct counter_hit *hit, struct counter **out, enum counter_result *result,
                struct err *err) {
	const struct trigger *t = &c->triggers[hit->trigger];
	struct pool *pool = pool_of(c, hit->pool, err);
	struct counter *slot;
	uint32_t passed = 0;
	int64_t newest;

	if (!pool)
		return -1;
	slot = counter_find(c, hit->pool, hit->key);
	if (!slot && !(slot = slot_new(c, pool, hit, err)))
		return -1;
	*out = slot;
	newest = hit->entry.time > slot->newest ? hit->entry.time : slot->newest;
	*result = COUNTER_IGNORED;
	if (hit->entry.time <= newest - t->within)
		return 0;
	if (t->count == COUNT_EVENTS && entry_fold(slot, &hit->entry)) {
		slot_mark(c, slot);
		return 0;
	}
	while (passed < slot->n && slot->entries[passed].time <= newest - t->within)
		passed++;
	/* Before anything moves: when memory is out the slot is as it was. */
	if (passed == 0 && slot_grow(c, pool, slot, hit->now, err) < 0)
		return -1;
	slot_delist(pool, index_of(pool, slot));
	slot->newest = newest;
	memmove(slot->entries, slot->entries + passed, (slot->n - passed) * sizeof *slot->entries);
	slot->n = (uint16_t)(slot->n - passed);
	if (t->count == COUNT_EVENTS || !entry_renew(slot, &hit->entry))
		entry_insert(slot, &hit->entry);
	who_name(c, slot, hit->entry.who);
	*result = slot->n >= t->limit ? COUNTER_REACHED : COUNTER_COUNTED;
	slot_touch(c, slot);
	return 0;
}

bool counter_sift(struct counters *c, struct counter *slot,
                  bool (*drop)(void *context, const struct counter_entry *entry), void *context) {
	struct pool *pool = c->pools[slot->pool];
	uint16_t n = 0;

	slot_delist(pool, index_of(pool, slot));
	for (uint16_t i = 0; i < slot->n; i++)
		if (!drop(context, &slot->entries[i]))
			slot->entries[n++] = slot->entries[i];
	slot->n = n;
	slot_touch(c, slot);
	if (n > 0 || slot->quiet != TIME_NONE)
		return true;
	counter_drop(c, slot);
	return false;
}

void counter_empty(struct counters *c, struct counter *slot, int64_t quiet) {
	slot_delist(c->pools[slot->pool], index_of(c->pools[slot->pool], slot));
	slot->n = 0;
	slot->quiet = quiet;
	slot_touch(c, slot);
	if (quiet == TIME_NONE)
		counter_drop(c, slot);
}

int counters_each(struct counters *c, int (*each)(void *context, struct counter *slot), void *context) {
	for (int p = 0; p < COUNTER_POOLS; p++)
		for (uint32_t i = 0; c->pools[p] && i < COUNTER_SLOTS; i++)
			if (pool_has(c->pools[p], i)) {
				int stop = each(context, &c->pools[p]->slots[i]);

				if (stop)
					return stop;
			}
	return 0;
}
