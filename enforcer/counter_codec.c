#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "enforcer/counter_private.h"

#define ENCODING    1
#define LAST_SECOND (1ULL << 40) /* no stored time lies beyond */

/* A batch writes few rows: slots of few entries stand together, by the page; one of many has a row of its own, so that a page stays
 * small. Rows of the numbers of slots are the latter, those behind them pages. */
#define PAGE_SLOTS   16U
#define PAGE_ENTRIES 12U
#define PAGES        (COUNTER_POOLS * COUNTER_SLOTS / PAGE_SLOTS)
#define PAGE_FIRST   (COUNTER_POOLS * COUNTER_SLOTS)

#define ENTRY_BYTES 31U
#define SLOT_BYTES  (76U + EVENT_WORD_MAX) /* without entries */

static_assert(COUNTER_SLOTS % PAGE_SLOTS == 0 && PAGES % 64 == 0, "a page is of one pool, and a bit");
static_assert(SLOT_BYTES + TRIGGER_LIMIT_MAX * ENTRY_BYTES <= COUNTER_BYTES, "what counter.h says of bytes");
static_assert(PAGE_SLOTS * (3 + SLOT_BYTES + PAGE_ENTRIES * ENTRY_BYTES) <= COUNTER_BYTES,
              "what counter.h says of bytes");

/* What a trigger counts: slots of another meaning are of no use to it. */
static uint32_t shape_of(const struct trigger *t) {
	return t->by | (uint32_t)t->count << 8 | (uint32_t)t->mac << 16;
}

/* ---- writing ---- little-endian, as get_u64 and the like read it. */

static char *write_u16(char *to, uint16_t v) {
	v = htole16(v);
	return (char *)memcpy(to, &v, sizeof v) + sizeof v;
}

static char *write_u32(char *to, uint32_t v) {
	v = htole32(v);
	return (char *)memcpy(to, &v, sizeof v) + sizeof v;
}

static char *write_u64(char *to, uint64_t v) {
	v = htole64(v);
	return (char *)memcpy(to, &v, sizeof v) + sizeof v;
}

static char *entry_write(char *to, const struct counter_entry *e) {
	to = write_u64(to, e->value);
	to = write_u64(to, e->fold);
	to = write_u64(to, (uint64_t)e->time);
	to = write_u32(to, e->who);
	to = write_u16(to, e->contributor);
	*to++ = (char)e->copies;
	return to;
}

/* Into a buffer that has room for it. */
static char *slot_write(char *to, const struct counters *c, const struct counter *slot) {
	const struct trigger *t = &c->triggers[slot->trigger];
	size_t id = strnlen(t->id, EVENT_WORD_MAX);

	*to++ = ENCODING;
	to = write_u16(to, (uint16_t)id);
	to = (char *)memcpy(to, t->id, id) + id;
	to = write_u32(to, shape_of(t));
	to = write_u64(to, slot->key[0]);
	to = write_u64(to, slot->key[1]);
	to = write_u64(to, slot->touched);
	to = write_u64(to, (uint64_t)slot->newest);
	to = write_u64(to, (uint64_t)slot->quiet);
	*to++ = (char)slot->at.bits;
	to = (char *)memcpy(to, slot->at.base.b, sizeof slot->at.base.b) + sizeof slot->at.base.b;
	to = write_u64(to, slot->mac);
	to = write_u16(to, slot->room);
	to = write_u16(to, slot->n);
	for (uint16_t i = 0; i < slot->n; i++)
		to = entry_write(to, &slot->entries[i]);
	return to;
}

static void slot_encode(const struct counters *c, const struct counter *slot, struct buf *out) {
	char *to = buf_reserve(out, SLOT_BYTES + slot->n * ENTRY_BYTES);

	if (to)
		out->n = (size_t)(slot_write(to, c, slot) - out->p);
}

static bool is_large(const struct counter *slot) {
	return slot->n > PAGE_ENTRIES;
}

/* Of each slot that it holds: its place, the bytes behind them, these. */
static void page_encode(const struct counters *c, uint32_t page, struct buf *out) {
	const struct pool *pool = c->pools[page * PAGE_SLOTS / COUNTER_SLOTS];
	uint32_t first = page * PAGE_SLOTS % COUNTER_SLOTS;

	for (uint32_t i = 0; i < PAGE_SLOTS; i++) {
		const struct counter *slot = &pool->slots[first + i];
		char *to, *end;

		if (!pool_has(pool, first + i) || is_large(slot))
			continue;
		to = buf_reserve(out, 3 + SLOT_BYTES + PAGE_ENTRIES * ENTRY_BYTES);
		if (!to)
			return;
		end = slot_write(to + 3, c, slot);
		*to = (char)i;
		(void)write_u16(to + 1, (uint16_t)(end - to - 3));
		out->n = (size_t)(end - out->p);
	}
}

typedef int put_row(void *context, uint32_t number, struct slice bytes, struct err *err);

static int row_put(struct buf *bytes, uint32_t number, put_row *put, void *context, struct err *err) {
	int result = bytes->failed ? err_errno(err, "cannot store a counter")
	                           : put(context, number, (struct slice){bytes->p, bytes->n}, err);

	buf_clear(bytes);
	return result;
}

int counters_flush(struct counters *c, put_row *put, void *context, struct err *err) {
	uint64_t pages[PAGES / 64] = {0};
	struct buf bytes;
	int result = 0;

	buf_init(&bytes, COUNTER_BYTES);
	for (uint32_t k = 0; k < c->ndirty && result == 0; k++) {
		uint32_t number = c->dirty[k], page = number / PAGE_SLOTS;
		struct pool *pool = c->pools[number / COUNTER_SLOTS];
		struct counter *slot = &pool->slots[number % COUNTER_SLOTS];
		bool large = pool_has(pool, number % COUNTER_SLOTS) && is_large(slot);

		if (!large || !slot->own)
			pages[page / 64] |= 1ULL << (page % 64);
		if (large)
			slot_encode(c, slot, &bytes);
		if (large || slot->own)
			result = row_put(&bytes, number, put, context, err);
		slot->own = large;
	}
	for (uint32_t word = 0; word < PAGES / 64; word++)
		for (uint64_t bits = pages[word]; bits != 0 && result == 0; bits &= bits - 1) {
			uint32_t page = word * 64 + (uint32_t)__builtin_ctzll(bits);

			page_encode(c, page, &bytes);
			result = row_put(&bytes, PAGE_FIRST + page, put, context, err);
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

/* ---- reading ---- */

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

/* own: it stands in a row of its own. */
static int slot_read(struct counters *c, uint32_t number, bool own, struct slice bytes, struct err *err) {
	struct counter_entry entries[TRIGGER_LIMIT_MAX];
	struct counter read = {.pool = (uint8_t)(number / COUNTER_SLOTS)};
	struct counter *slot;
	struct pool *pool;
	uint32_t i = number % COUNTER_SLOTS, limit;
	uint16_t keep;
	bool sound = slot_decode(c, &bytes, &read);

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
	if (!sound || bytes.n > 0 || pool->room + read.room > COUNTER_ENTRIES || pool_has(pool, i) ||
	    counter_find(c, read.pool, read.key)) {
		slot->pool = read.pool;
		slot->own = slot->own || own;
		slot_mark(c, slot);
		return 0;
	}
	assert(read.room > 0);
	read.entries = malloc(read.room * sizeof *read.entries);
	if (!read.entries)
		return err_errno(err, "cannot count");
	memcpy(read.entries, &entries[read.n - keep], keep * sizeof *read.entries);
	read.n = keep;
	read.crowd = crowd_of(c, read.at);
	read.dirty = slot->dirty;
	read.own = slot->own || own;
	pool->room += read.room;
	*slot = read;
	slot_take(pool, i);
	for (uint32_t k = 0; k < keep; k++)
		who_name(c, slot, slot->entries[k].who);
	return 0;
}

static int page_read(struct counters *c, uint32_t page, struct slice in, struct err *err) {
	while (in.n > 0) {
		uint32_t number = page * PAGE_SLOTS;
		struct slice bytes = {in.p, 0};
		uint8_t place = 0;

		/* Bytes that cannot be told apart are those of the first: the page is written anew without them. */
		if (get_u8(&in, &place) < 0 || place >= PAGE_SLOTS || get_text(&in, COUNTER_BYTES, &bytes) < 0)
			in.n = place = 0;
		if (slot_read(c, number + place, false, bytes, err) < 0)
			return -1;
	}
	return 0;
}

int counters_decode(struct counters *c, uint32_t number, struct slice bytes, struct err *err) {
	if (number < COUNTER_POOLS * COUNTER_SLOTS)
		return slot_read(c, number, true, bytes, err);
	return number - PAGE_FIRST < PAGES ? page_read(c, number - PAGE_FIRST, bytes, err) : 0;
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
