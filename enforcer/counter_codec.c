#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "enforcer/counter_private.h"

#define ENCODING    1
#define LAST_SECOND (1ULL << 40) /* no stored time lies beyond */

/* What a trigger counts: slots of another meaning are of no use to it. */
static uint32_t shape_of(const struct trigger *t) {
	return t->by | (uint32_t)t->count << 8 | (uint32_t)t->mac << 16;
}

static void slot_encode(const struct counters *c, const struct counter *slot, struct buf *out) {
	const struct trigger *t = &c->triggers[slot->trigger];

	put_u8(out, ENCODING);
	put_text(out, slice_of(t->id));
	put_u32(out, shape_of(t));
	put_u64(out, slot->key[0]);
	put_u64(out, slot->key[1]);
	put_u64(out, slot->touched);
	put_u64(out, (uint64_t)slot->newest);
	put_u64(out, (uint64_t)slot->quiet);
	put_u8(out, slot->at.bits);
	buf_add(out, slot->at.base.b, sizeof slot->at.base.b);
	put_u64(out, slot->mac);
	put_u16(out, slot->room);
	put_u16(out, slot->n);
	for (uint16_t i = 0; i < slot->n; i++) {
		const struct counter_entry *e = &slot->entries[i];

		put_u64(out, e->value);
		put_u64(out, e->fold);
		put_u64(out, (uint64_t)e->time);
		put_u32(out, e->who);
		put_u16(out, e->contributor);
		put_u8(out, e->copies);
	}
}

int counters_flush(struct counters *c, int (*put)(void *context, uint32_t number, struct slice bytes, struct err *err),
                   void *context, struct err *err) {
	struct buf bytes;
	int result = 0;

	buf_init(&bytes, COUNTER_BYTES);
	for (uint32_t k = 0; k < c->ndirty && result == 0; k++) {
		uint32_t number = c->dirty[k], i = number % COUNTER_SLOTS;
		struct pool *pool = c->pools[number / COUNTER_SLOTS];

		buf_clear(&bytes);
		if (pool_has(pool, i))
			slot_encode(c, &pool->slots[i], &bytes);
		if (bytes.failed)
			result = err_errno(err, "cannot store a counter");
		else
			result = put(context, number, (struct slice){bytes.p, bytes.n}, err);
	}
	/* Where it failed the transaction is rolled back, and counters_clear follows. */
	if (result == 0) {
		for (uint32_t k = 0; k < c->ndirty; k++)
			c->pools[c->dirty[k] / COUNTER_SLOTS]->slots[c->dirty[k] % COUNTER_SLOTS].dirty = false;
		c->ndirty = 0;
	}
	buf_release(&bytes);
	return result;
}

static bool prefix_decode(struct slice *in, struct prefix *out) {
	uint8_t bits;

	if (get_u8(in, &bits) < 0 || bits > 128 || in->n < sizeof out->base.b)
		return false;
	out->bits = bits;
	memcpy(out->base.b, in->p, sizeof out->base.b);
	in->p += sizeof out->base.b;
	in->n -= sizeof out->base.b;
	return true;
}

static bool entry_decode(struct slice *in, struct counter_entry *e) {
	uint64_t time;

	if (get_u64(in, &e->value) < 0 || get_u64(in, &e->fold) < 0 || get_u64(in, &time) < 0 || get_u32(in, &e->who) < 0 ||
	    get_u16(in, &e->contributor) < 0 || get_u8(in, &e->copies) < 0)
		return false;
	e->time = (int64_t)time;
	return time <= LAST_SECOND && e->copies >= 1 && e->copies <= FOLD_COPIES;
}

/* Everything but the entries. */
static bool slot_decode(const struct counters *c, struct slice *in, struct counter *slot) {
	uint64_t newest, quiet;
	uint32_t shape, i = 0;
	uint8_t encoding;
	struct slice id;

	if (get_u8(in, &encoding) < 0 || encoding != ENCODING || get_text(in, EVENT_WORD_MAX, &id) < 0 ||
	    get_u32(in, &shape) < 0 || get_u64(in, &slot->key[0]) < 0 || get_u64(in, &slot->key[1]) < 0 ||
	    get_u64(in, &slot->touched) < 0 || get_u64(in, &newest) < 0 || get_u64(in, &quiet) < 0 ||
	    !prefix_decode(in, &slot->at) || get_u64(in, &slot->mac) < 0 || get_u16(in, &slot->room) < 0 ||
	    get_u16(in, &slot->n) < 0)
		return false;
	while (i < c->ntriggers && !slice_is(id, c->triggers[i].id))
		i++;
	slot->newest = (int64_t)newest;
	slot->quiet = (int64_t)quiet;
	slot->trigger = (uint16_t)i;
	return i < c->ntriggers && shape == shape_of(&c->triggers[i]) && slot->n <= slot->room && slot->room >= 1 &&
	       slot->room <= TRIGGER_LIMIT_MAX && newest <= LAST_SECOND && quiet <= LAST_SECOND;
}

int counters_decode(struct counters *c, uint32_t number, struct slice bytes, struct err *err) {
	struct counter_entry entries[TRIGGER_LIMIT_MAX];
	struct counter read = {.pool = (uint8_t)(number / COUNTER_SLOTS % COUNTER_POOLS)};
	struct counter *slot;
	struct pool *pool;
	uint32_t i = number % COUNTER_SLOTS, limit;
	uint16_t keep;
	bool sound = number < COUNTER_POOLS * COUNTER_SLOTS && slot_decode(c, &bytes, &read);

	pool = pool_of(c, read.pool, err);
	if (!pool)
		return -1;
	for (uint32_t k = 0; sound && k < read.n; k++)
		sound = entry_decode(&bytes, &entries[k]) && (k == 0 || entries[k].time >= entries[k - 1].time);
	slot = &pool->slots[i];
	limit = sound ? c->triggers[read.trigger].limit : 1;
	read.room = (uint16_t)(read.room < limit ? read.room : limit);
	/* Where the limit was lowered the newest stay: the next hit reaches it. */
	keep = read.n < limit ? read.n : (uint16_t)(limit - 1);
	if (!sound || bytes.n > 0 || pool->room + read.room > COUNTER_ENTRIES || counter_find(c, read.pool, read.key)) {
		slot->pool = read.pool;
		slot_mark(c, slot);
		return 0;
	}
	assert(read.room > 0);
	read.entries = malloc(read.room * sizeof *read.entries);
	if (!read.entries)
		return err_errno(err, "cannot count");
	memcpy(read.entries, &entries[read.n - keep], keep * sizeof *read.entries);
	read.n = keep;
	pool->room += read.room;
	*slot = read;
	slot_take(pool, i);
	return 0;
}

static int older_first(const void *a, const void *b, void *context) {
	const struct counter *slots = context, *x = &slots[*(const uint32_t *)a], *y = &slots[*(const uint32_t *)b];

	return x->touched < y->touched ? -1 : x->touched > y->touched;
}

int counters_settle(struct counters *c, uint64_t touched, struct err *err) {
	uint32_t *order = malloc(COUNTER_SLOTS * sizeof *order);

	if (!order)
		return err_errno(err, "cannot count");
	for (int p = 0; p < COUNTER_POOLS; p++) {
		struct pool *pool = c->pools[p];
		uint32_t n = 0;

		for (uint32_t i = 0; pool && i < COUNTER_SLOTS; i++)
			if (pool_has(pool, i))
				order[n++] = i;
		if (n > 0)
			qsort_r(order, n, sizeof *order, older_first, pool->slots);
		for (uint32_t k = 0; k < n; k++)
			slot_enlist(pool, order[k]);
	}
	free(order);
	c->touched = touched;
	c->loaded = true;
	return 0;
}
