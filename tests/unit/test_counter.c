#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mac.h"
#include "common/timefmt.h"
#include "enforcer/counter.h"
#include "enforcer/digest.h"

#define START 1795000020

enum { EVENTS, DISTINCT, MANY, SHORT };

static struct trigger triggers[] = {
	[EVENTS] = {.id = "events", .count = COUNT_EVENTS, .limit = 3, .within = 600},
	[DISTINCT] = {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 3, .within = 600},
	[MANY] = {.id = "many", .count = COUNT_EVENTS, .limit = TRIGGER_LIMIT_MAX, .within = DAY},
	[SHORT] = {.id = "short", .count = COUNT_EVENTS, .limit = 50, .within = 60},
};

static struct err err;
static const uint8_t secret[DIGEST_KEY] = "a state's secret";

/* Bytes on the heap that the libraries under test hold. */
static size_t held;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __real_free(void *p);
void __wrap_free(void *p);

static void *counted(void *p) {
	held += p ? malloc_usable_size(p) : 0;
	return p;
}

void *__wrap_malloc(size_t n) {
	return counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size) {
	return counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n) {
	size_t had = p ? malloc_usable_size(p) : 0;
	void *to = __real_realloc(p, n);

	if (to)
		held -= had;
	return counted(to);
}

void __wrap_free(void *p) {
	held -= p ? malloc_usable_size(p) : 0;
	__real_free(p);
}

static struct counters *fresh(void) {
	struct counters *c = NULL;

	assert_int_equal(counters_new(&c, triggers, sizeof triggers / sizeof triggers[0], secret, &err), 0);
	return c;
}

/* Spread over the chains as digests are. */
static uint64_t spread(uint64_t key) {
	return (key + 1) * 0x9e3779b97f4a7c15;
}

struct hit {
	enum counter_pool pool;
	uint32_t trigger;
	uint64_t key, value, fold;
	int64_t time;
};

/* The n'th host of an IPv4 network, or /64 of an IPv6 one; no network: no address. */
static struct prefix host(const char *net, uint64_t n) {
	struct prefix p = {.bits = 0};

	if (!net)
		return p;
	assert_true(prefix_parse(net, strlen(net), &p));
	for (int i = addr_is_v4(p.base) ? 15 : 7; n > 0; i--, n >>= 8)
		p.base.b[i] = (uint8_t)(p.base.b[i] + n);
	return prefix_of(p.base, addr_is_v4(p.base) ? 128 : 64);
}

static enum counter_result hit_at(struct counters *c, struct hit h, struct prefix at, struct counter **slot) {
	struct counter_hit full = {
		.pool = h.pool,
		.trigger = h.trigger,
		.key = {spread(h.key), h.key},
		.at = at,
		.mac = h.key,
		.now = h.time,
		.entry = {.value = h.value, .fold = h.fold, .time = h.time, .who = 1},
	};
	enum counter_result result;
	struct counter *unused;

	assert_int_equal(counter_add(c, &full, slot ? slot : &unused, &result, &err), 0);
	return result;
}

static enum counter_result hit(struct counters *c, struct hit h, struct counter **slot) {
	return hit_at(c, h, host(NULL, 0), slot);
}

static struct counter *find(struct counters *c, enum counter_pool pool, uint64_t key) {
	return counter_find(c, pool, (uint64_t[2]){spread(key), key});
}

static unsigned count(struct counters *c, enum counter_pool pool, uint64_t key) {
	const struct counter *slot = find(c, pool, key);

	return slot ? slot->n : 0;
}

static void the_digest_is_siphash(void **state) {
	/* By how many bytes. */
	static const uint64_t of[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	                              0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	                              0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	                              0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5};
	uint8_t key[16], bytes[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	memcpy(bytes, key, sizeof bytes);
	/* The vectors of the authors' paper and reference code. */
	for (size_t n = 0; n < sizeof of / sizeof *of; n++)
		assert_true(digest_bytes(key, bytes, n) == of[n]);
}

static void two_digests_at_once_are_those_of_each(void **state) {
	uint8_t key[16], bytes[40];
	uint64_t both[2];

	(void)state;
	memset(key, 7, sizeof key);
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(200 - i);
	for (size_t n = 0; n <= sizeof bytes; n++)
		for (size_t m = n; m <= sizeof bytes; m++) {
			digest_twice(key, bytes, n, m, both);
			assert_true(both[0] == digest_bytes(key, bytes, n) && both[1] == digest_bytes(key, bytes, m));
		}
}

static void a_sequence_of_hits_counts_as_it_should(void **state) {
	static const struct {
		const char *label;
		uint32_t trigger;
		struct {
			int64_t at;
			uint64_t value, fold;
			enum counter_result result;
		} hits[7];
		uint32_t n, left;
	} rows[] = {
		{"the limit is reached by the third",
	     EVENTS,
	     {{0, 0, 0, COUNTER_COUNTED}, {1, 0, 0, COUNTER_COUNTED}, {2, 0, 0, COUNTER_REACHED}},
	     3,
	     3},
		{"one less does not reach it", EVENTS, {{0, 0, 0, COUNTER_COUNTED}, {1, 0, 0, COUNTER_COUNTED}}, 2, 2},
		{"what is as old as the window is out",
	     EVENTS,
	     {{0, 0, 0, COUNTER_COUNTED}, {599, 0, 0, COUNTER_COUNTED}, {600, 0, 0, COUNTER_COUNTED}},
	     3,
	     2},
		{"what is a second younger is in",
	     EVENTS,
	     {{0, 0, 0, COUNTER_COUNTED}, {598, 0, 0, COUNTER_COUNTED}, {599, 0, 0, COUNTER_REACHED}},
	     3,
	     3},
		{"a late hit counts by its own time",
	     EVENTS,
	     {{300, 0, 0, COUNTER_COUNTED}, {0, 0, 0, COUNTER_COUNTED}, {650, 0, 0, COUNTER_COUNTED}},
	     3,
	     2},
		{"a hit before the window does not count",
	     EVENTS,
	     {{600, 0, 0, COUNTER_COUNTED}, {0, 0, 0, COUNTER_IGNORED}, {601, 0, 0, COUNTER_COUNTED}},
	     3,
	     2},
		{"a value counts once",
	     DISTINCT,
	     {{0, 7, 0, COUNTER_COUNTED},
	      {1, 7, 0, COUNTER_COUNTED},
	      {2, 7, 0, COUNTER_COUNTED},
	      {3, 8, 0, COUNTER_COUNTED}},
	     4,
	     2},
		{"the third distinct value reaches the limit",
	     DISTINCT,
	     {{0, 7, 0, COUNTER_COUNTED}, {1, 8, 0, COUNTER_COUNTED}, {2, 9, 0, COUNTER_REACHED}},
	     3,
	     3},
		{"a value seen again is as young as its last",
	     DISTINCT,
	     {{0, 7, 0, COUNTER_COUNTED},
	      {300, 8, 0, COUNTER_COUNTED},
	      {590, 7, 0, COUNTER_COUNTED},
	      {700, 9, 0, COUNTER_REACHED}},
	     4,
	     3},
		{"a value seen late keeps its newest time",
	     DISTINCT,
	     {{500, 7, 0, COUNTER_COUNTED}, {400, 7, 0, COUNTER_COUNTED}, {1050, 8, 0, COUNTER_COUNTED}},
	     3,
	     2},
		{"four lines of one failure are one",
	     EVENTS,
	     {{0, 0, 5, COUNTER_COUNTED},
	      {0, 0, 5, COUNTER_IGNORED},
	      {1, 0, 5, COUNTER_IGNORED},
	      {2, 0, 5, COUNTER_IGNORED}},
	     4,
	     1},
		{"the fifth starts anew",
	     EVENTS,
	     {{0, 0, 5, COUNTER_COUNTED},
	      {0, 0, 5, COUNTER_IGNORED},
	      {0, 0, 5, COUNTER_IGNORED},
	      {0, 0, 5, COUNTER_IGNORED},
	      {0, 0, 5, COUNTER_COUNTED},
	      {0, 0, 5, COUNTER_IGNORED}},
	     6,
	     2},
		{"more than 2 s behind the first starts anew",
	     EVENTS,
	     {{0, 0, 5, COUNTER_COUNTED}, {2, 0, 5, COUNTER_IGNORED}, {3, 0, 5, COUNTER_COUNTED}},
	     3,
	     2},
		{"lines of different failures are not one",
	     EVENTS,
	     {{0, 0, 5, COUNTER_COUNTED}, {0, 0, 6, COUNTER_COUNTED}, {0, 0, 5, COUNTER_IGNORED}},
	     3,
	     2},
		{"without a field to fold by each line counts",
	     EVENTS,
	     {{0, 0, 0, COUNTER_COUNTED}, {0, 0, 0, COUNTER_COUNTED}},
	     2,
	     2},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct counters *c = fresh();

		for (uint32_t i = 0; i < rows[r].n; i++) {
			struct hit h = {COUNTER_PROVEN,        rows[r].trigger,      1,
			                rows[r].hits[i].value, rows[r].hits[i].fold, START + rows[r].hits[i].at};

			if (hit(c, h, NULL) != rows[r].hits[i].result)
				fail_msg("%s: hit %u", rows[r].label, i);
		}
		if (count(c, COUNTER_PROVEN, 1) != rows[r].left)
			fail_msg("%s: %u left", rows[r].label, count(c, COUNTER_PROVEN, 1));
		counters_free(&c);
	}
}

static void proven_and_unproven_hits_are_counted_apart(void **state) {
	struct counters *c = fresh();

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 0, START}, NULL), COUNTER_COUNTED);
		assert_int_equal(hit(c, (struct hit){COUNTER_UNPROVEN, EVENTS, 1, 0, 0, START}, NULL), COUNTER_COUNTED);
	}
	assert_int_equal(hit(c, (struct hit){COUNTER_UNPROVEN, EVENTS, 1, 0, 0, START}, NULL), COUNTER_REACHED);
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 2);
	counters_free(&c);
}

static void a_spray_of_single_hits_pushes_out_no_attacker(void **state) {
	struct counters *c = fresh();

	(void)state;
	for (int i = 0; i < 2; i++) {
		hit(c, (struct hit){COUNTER_PROVEN, SHORT, 1, 0, 0, START}, NULL);
		hit(c, (struct hit){COUNTER_UNPROVEN, SHORT, 1, 0, 0, START}, NULL);
	}
	hit(c, (struct hit){COUNTER_PROVEN, MANY, 2, 0, 0, START}, NULL);
	for (uint64_t i = 0; i < 10 * COUNTER_SLOTS; i++)
		hit(c, (struct hit){COUNTER_UNPROVEN, EVENTS, 1000 + i, 0, 0, START + 1}, NULL);
	assert_int_equal(count(c, COUNTER_UNPROVEN, 1), 2);
	assert_int_equal(count(c, COUNTER_PROVEN, 2), 1); /* forged packets do not even push out a single proven hit */
	for (uint64_t i = 0; i < 10 * COUNTER_SLOTS; i++)
		hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1000 + i, 0, 0, START + 1}, NULL);
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 2);
	assert_int_equal(count(c, COUNTER_PROVEN, 2), 0); /* of equal counts the one untouched longest goes */
	counters_free(&c);
}

/* An attacker fails, then very many others: more than a pool has slots for. */
static void networks_share_a_full_pool(void **state) {
	static const struct {
		const char *label, *attacker, *others;
		uint64_t step;       /* from one of the others to the next: hosts, or /64s */
		int hits, by_others; /* of the attacker, before them; of each of them */
		uint32_t trigger;
		unsigned left;
	} rows[] = {
		{"a /48 that fails from each /64", "192.0.2.7", "2001:db8::", 1, 1, 1, EVENTS, 1},
		{"and counts higher than he does", "192.0.2.7", "2001:db8::", 1, 2, 3, SHORT, 2},
		{"and is of his own provider", "2001:db8:7777::", "2001:db8::", 1, 1, 2, SHORT, 1},
		{"each 100th /64 of 60 of them", "192.0.2.7", "2001:db8::", 100, 1, 1, EVENTS, 1},
		{"his own /48: the lowest goes", "2001:db8:0:ffff::", "2001:db8::", 1, 2, 1, SHORT, 2},
		{"many networks of few: the lowest goes", "192.0.2.7", "10.0.0.0", 32, 2, 1, SHORT, 2},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct counters *c = fresh();

		for (int i = 0; i < rows[r].hits; i++)
			hit_at(c, (struct hit){COUNTER_PROVEN, rows[r].trigger, 1, 0, 0, START}, host(rows[r].attacker, 0), NULL);
		for (uint64_t n = 0; n < 40000; n++)
			for (int i = 0; i < rows[r].by_others; i++)
				hit_at(c, (struct hit){COUNTER_PROVEN, rows[r].trigger, 1000 + n, 0, 0, START + 1},
				       host(rows[r].others, n * rows[r].step), NULL);
		if (count(c, COUNTER_PROVEN, 1) != rows[r].left)
			fail_msg("%s: %u left", rows[r].label, count(c, COUNTER_PROVEN, 1));
		counters_free(&c);
	}
}

/* It has a count for each user, and each nearly as high as there is. */
static void an_address_that_is_never_banned_blinds_no_trigger(void **state) {
	struct counters *c = fresh();

	(void)state;
	hit_at(c, (struct hit){COUNTER_PROVEN, SHORT, 1, 0, 0, START}, host("192.0.2.7", 0), NULL);
	for (uint64_t user = 0; user < COUNTER_ENTRIES / 40; user++)
		for (int i = 0; i < 49; i++)
			hit_at(c, (struct hit){COUNTER_PROVEN, SHORT, 1000 + user, 0, 0, START + 1}, host("198.51.100.1", 0), NULL);
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 1);
	counters_free(&c);
}

static void what_lies_outside_its_window_goes_first(void **state) {
	struct counters *c = fresh();

	(void)state;
	for (int i = 0; i < 40; i++)
		hit(c, (struct hit){COUNTER_PROVEN, SHORT, 1, 0, 0, START}, NULL);
	for (uint64_t i = 0; i < COUNTER_SLOTS - 1; i++)
		hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1000 + i, 0, 0, START + 60}, NULL);
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 40);
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 2, 0, 0, START + 60}, NULL);
	assert_null(find(c, COUNTER_PROVEN, 1));
	assert_int_equal(count(c, COUNTER_PROVEN, 1000), 1);
	counters_free(&c);
}

static void memory_has_a_bound_that_traffic_does_not_move(void **state) {
	size_t before = held;
	struct counters *c = fresh();

	(void)state;
	assert_true(held - before < 4096);
	/* More slots of more entries than there is room for, in both pools. */
	for (int pool = 0; pool < COUNTER_POOLS; pool++)
		for (uint64_t key = 0; key < COUNTER_SLOTS + 100; key++)
			for (int i = 0; i < 40; i++)
				hit(c, (struct hit){(enum counter_pool)pool, MANY, key, 0, 0, START + i}, NULL);
	for (int i = 0; i < TRIGGER_LIMIT_MAX - 1; i++)
		assert_int_equal(hit(c, (struct hit){COUNTER_PROVEN, MANY, 99999, 0, 0, START + 50}, NULL), COUNTER_COUNTED);
	assert_int_equal(count(c, COUNTER_PROVEN, 99999), TRIGGER_LIMIT_MAX - 1);
	assert_true(held - before > 16 << 20);
	assert_true(held - before <= 24 << 20);
	counters_free(&c);
	assert_int_equal(held, before);
}

#define WHO_MANY 200000

static uint32_t who_of(uint64_t i) {
	return (uint32_t)(spread(i) >> 32);
}

static struct prefix place_of(uint64_t i) {
	return i % 10 == 0 ? host(NULL, 0) : host(i % 2 ? "203.0.113.0/24" : "2001:db8::/32", i % 100);
}

static void name(struct counters *c, uint64_t i) {
	struct counter_hit h = {
		.trigger = SHORT, .key = {spread(i % 100), i % 100}, .at = place_of(i), .now = START + (int64_t)i};
	enum counter_result result;
	struct counter *slot;

	h.entry = (struct counter_entry){.time = h.now, .who = who_of(i)};
	assert_int_equal(counter_add(c, &h, &slot, &result, &err), 0);
}

static int each_is_named(void *context, struct counter *slot) {
	for (uint32_t i = 0; i < slot->n; i++)
		assert_true(counters_name(context, slot->at, slot->entries[i].who));
	return 0;
}

static void who_has_an_entry_is_named_where_he_has_it_and_few_others_are(void **state) {
	struct counters *c = fresh();
	unsigned others = 0;

	(void)state;
	assert_false(counters_name(c, place_of(7), 7));
	for (uint64_t i = 0; i < WHO_MANY; i++) {
		name(c, i);
		assert_true(counters_name(c, place_of(i), who_of(i)));
		if (i % 10000 == 0)
			assert_int_equal(counters_each(c, each_is_named, c), 0);
	}
	assert_int_equal(counters_each(c, each_is_named, c), 0);
	for (uint64_t i = WHO_MANY; i < WHO_MANY + 1000; i++)
		others += counters_name(c, place_of(i), who_of(i)) + counters_name(c, place_of(0), who_of(i - 1));
	assert_true(others < 500);
	counters_clear(c);
	assert_false(counters_name(c, place_of(WHO_MANY - 1), who_of(WHO_MANY - 1)));
	counters_free(&c);
}

static bool has_value(void *context, const struct counter_entry *entry) {
	return entry->value == *(uint64_t *)context;
}

static void entries_are_taken_out_and_what_is_left_empty_goes(void **state) {
	struct counters *c = fresh();
	uint64_t value = 7;

	(void)state;
	hit(c, (struct hit){COUNTER_PROVEN, DISTINCT, 1, 7, 0, START}, NULL);
	hit(c, (struct hit){COUNTER_PROVEN, DISTINCT, 1, 8, 0, START}, NULL);
	assert_true(counter_sift(c, find(c, COUNTER_PROVEN, 1), has_value, &value));
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 1);
	value = 8;
	assert_false(counter_sift(c, find(c, COUNTER_PROVEN, 1), has_value, &value));
	assert_null(find(c, COUNTER_PROVEN, 1));

	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 0, START}, NULL);
	counter_empty(c, find(c, COUNTER_PROVEN, 1), START + 600);
	assert_non_null(find(c, COUNTER_PROVEN, 1)); /* it knows what was told */
	assert_true(find(c, COUNTER_PROVEN, 1)->quiet == START + 600);
	counter_empty(c, find(c, COUNTER_PROVEN, 1), TIME_NONE);
	assert_null(find(c, COUNTER_PROVEN, 1));
	counters_free(&c);
}

/* ---- storing ---- */

struct row {
	uint32_t number;
	size_t n;
	char *bytes;
};

struct rows {
	struct row *at;
	uint32_t n;
};

static int keep_row(void *context, uint32_t number, struct slice bytes, struct err *e) {
	struct rows *rows = context;
	uint32_t i = 0;

	(void)e;
	while (i < rows->n && rows->at[i].number != number)
		i++;
	if (i == rows->n) {
		rows->at = realloc(rows->at, ++rows->n * sizeof *rows->at);
		rows->at[i] = (struct row){.number = number};
	}
	free(rows->at[i].bytes);
	rows->at[i].n = bytes.n;
	rows->at[i].bytes = malloc(bytes.n + 1);
	if (bytes.n > 0)
		memcpy(rows->at[i].bytes, bytes.p, bytes.n);
	return 0;
}

static void rows_free(struct rows *rows) {
	for (uint32_t i = 0; i < rows->n; i++)
		free(rows->at[i].bytes);
	free(rows->at);
	*rows = (struct rows){NULL, 0};
}

static void reload(struct counters *c, const struct rows *rows, uint64_t touched) {
	counters_clear(c);
	assert_false(counters_loaded(c));
	for (uint32_t i = 0; i < rows->n; i++)
		if (rows->at[i].n > 0)
			assert_int_equal(
				counters_decode(c, rows->at[i].number, (struct slice){rows->at[i].bytes, rows->at[i].n}, &err), 0);
	assert_int_equal(counters_settle(c, touched, &err), 0);
	assert_true(counters_loaded(c));
}

static void what_was_stored_counts_on(void **state) {
	struct counters *c = fresh();
	struct rows rows = {NULL, 0};
	struct counter *slot;

	(void)state;
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 5, START}, NULL);
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 6, START + 1}, NULL);
	hit(c, (struct hit){COUNTER_UNPROVEN, DISTINCT, 2, 7, 0, START}, NULL);
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 3, 0, 0, START}, NULL);
	counter_empty(c, find(c, COUNTER_PROVEN, 3), START + 99);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_int_equal(rows.n, 2); /* a page of each pool */
	assert_false(counters_changed(c));

	reload(c, &rows, counters_touched(c));
	assert_false(counters_changed(c));
	slot = find(c, COUNTER_PROVEN, 1);
	assert_non_null(slot);
	assert_int_equal(slot->n, 2);
	assert_true(counters_name(c, slot->at, 1));
	assert_true(slot->entries[1].time == START + 1 && slot->entries[1].fold == 6 && slot->entries[1].who == 1);
	assert_true(find(c, COUNTER_PROVEN, 3)->quiet == START + 99);
	assert_int_equal(hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 6, START + 2}, NULL), COUNTER_IGNORED);
	assert_int_equal(hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 7, START + 2}, &slot), COUNTER_REACHED);
	counter_empty(c, slot, TIME_NONE);
	assert_int_equal(hit(c, (struct hit){COUNTER_UNPROVEN, DISTINCT, 2, 7, 0, START}, NULL), COUNTER_COUNTED);
	assert_int_equal(count(c, COUNTER_UNPROVEN, 2), 1);

	/* A slot that is gone is stored as nothing. */
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_int_equal(rows.n, 2);
	reload(c, &rows, counters_touched(c));
	assert_null(find(c, COUNTER_PROVEN, 1));
	rows_free(&rows);
	counters_free(&c);
}

static void who_goes_first_does_not_depend_on_a_restart(void **state) {
	struct counters *c = fresh();
	struct rows rows = {NULL, 0};

	(void)state;
	for (uint64_t key = 0; key < 64; key++)
		hit(c, (struct hit){COUNTER_PROVEN, MANY, key, 0, 0, START}, NULL);
	for (uint64_t key = 0; key < 64; key += 2) /* touched later, and no higher for it */
		counter_empty(c, find(c, COUNTER_PROVEN, key), START + 9);
	for (uint64_t key = 0; key < 64; key += 2)
		hit(c, (struct hit){COUNTER_PROVEN, MANY, key, 0, 0, START}, NULL);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	reload(c, &rows, counters_touched(c));
	for (uint64_t i = 0; i < COUNTER_SLOTS - 32; i++)
		hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1000 + i, 0, 0, START}, NULL);
	for (uint64_t key = 0; key < 64; key++)
		assert_int_equal(count(c, COUNTER_PROVEN, key), key % 2 == 0);
	rows_free(&rows);
	counters_free(&c);
}

static void which_network_gives_way_does_not_depend_on_a_restart(void **state) {
	struct counters *c[] = {fresh(), fresh()};
	struct rows rows = {NULL, 0};

	(void)state;
	for (uint64_t n = 0; n < 20000; n++) {
		for (int i = 0; i < 2; i++)
			hit_at(c[i], (struct hit){COUNTER_PROVEN, MANY, n, 0, 0, START}, host("2001:db8::", n * 199), NULL);
		if (n != 15000)
			continue;
		assert_int_equal(counters_flush(c[0], keep_row, &rows, &err), 0);
		reload(c[0], &rows, counters_touched(c[0]));
	}
	for (uint64_t n = 0; n < 20000; n++)
		assert_int_equal(count(c[0], COUNTER_PROVEN, n), count(c[1], COUNTER_PROVEN, n));
	rows_free(&rows);
	counters_free(&c[0]);
	counters_free(&c[1]);
}

static void a_changed_configuration_is_survived(void **state) {
	static const struct {
		const char *label;
		struct trigger changed;
		unsigned left;
	} rows[] = {
		{"the same", {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 4, .within = 600}, 3},
		{"gone", {.id = "another", .count = COUNT_DISTINCT_MAC, .limit = 4, .within = 600}, 0},
		{"a lower limit keeps the newest",
	     {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 2, .within = 600},
	     1},
		{"a limit of one", {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 1, .within = 600}, 0},
		{"a higher limit", {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 900, .within = 600}, 3},
		{"it counts something else", {.id = "distinct", .count = COUNT_DISTINCT_USER, .limit = 4, .within = 600}, 0},
		{"it counts by something else",
	     {.id = "distinct", .by = BY_NET, .count = COUNT_DISTINCT_MAC, .limit = 4, .within = 600},
	     0},
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct trigger before = {.id = "distinct", .count = COUNT_DISTINCT_MAC, .limit = 4, .within = 600};
		struct counters *c, *after;
		struct rows stored = {NULL, 0};
		enum counter_result result;

		assert_int_equal(counters_new(&c, &before, 1, secret, &err), 0);
		assert_int_equal(counters_new(&after, &rows[r].changed, 1, secret, &err), 0);
		for (uint64_t i = 0; i < 3; i++)
			hit(c, (struct hit){COUNTER_PROVEN, 0, 1, i, 0, START + (int64_t)i}, NULL);
		assert_int_equal(counters_flush(c, keep_row, &stored, &err), 0);
		reload(after, &stored, counters_touched(c));
		if (count(after, COUNTER_PROVEN, 1) != rows[r].left)
			fail_msg("%s: %u left", rows[r].label, count(after, COUNTER_PROVEN, 1));
		/* And it counts on. */
		result = hit(after, (struct hit){COUNTER_PROVEN, 0, 1, 77, 0, START + 4}, NULL);
		if ((result == COUNTER_REACHED) != (rows[r].left + 1 >= rows[r].changed.limit))
			fail_msg("%s: result %d", rows[r].label, result);
		rows_free(&stored);
		counters_free(&c);
		counters_free(&after);
	}
}

static const struct row *row_of(const struct rows *rows, uint32_t number) {
	for (uint32_t i = 0; i < rows->n; i++)
		if (rows->at[i].number == number && rows->at[i].n > 0)
			return &rows->at[i];
	return NULL;
}

#define SLOT_ROW (COUNTER_PROVEN * COUNTER_SLOTS) /* of the first slot of the pool */
#define PAGE_ROW (COUNTER_POOLS * COUNTER_SLOTS + SLOT_ROW / 16)

static void a_slot_of_many_entries_has_a_row_of_its_own(void **state) {
	struct counters *c = fresh();
	struct rows rows = {NULL, 0};

	(void)state;
	hit(c, (struct hit){COUNTER_PROVEN, MANY, 1, 0, 0, START}, NULL);
	hit(c, (struct hit){COUNTER_PROVEN, MANY, 2, 0, 0, START}, NULL);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(row_of(&rows, PAGE_ROW) && !row_of(&rows, SLOT_ROW));
	for (int i = 1; i < 40; i++)
		hit(c, (struct hit){COUNTER_PROVEN, MANY, 1, 0, 0, START + i}, NULL);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(row_of(&rows, PAGE_ROW) && row_of(&rows, SLOT_ROW));
	assert_true(row_of(&rows, SLOT_ROW)->n > row_of(&rows, PAGE_ROW)->n);
	reload(c, &rows, counters_touched(c));
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 40);
	assert_int_equal(count(c, COUNTER_PROVEN, 2), 1);
	/* And none any more when it has few. */
	counter_empty(c, find(c, COUNTER_PROVEN, 1), START + 99);
	counter_drop(c, find(c, COUNTER_PROVEN, 2));
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(row_of(&rows, PAGE_ROW) && !row_of(&rows, SLOT_ROW));
	reload(c, &rows, counters_touched(c));
	assert_true(find(c, COUNTER_PROVEN, 1)->quiet == START + 99);
	counter_drop(c, find(c, COUNTER_PROVEN, 1));
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(!row_of(&rows, PAGE_ROW) && !row_of(&rows, SLOT_ROW));
	rows_free(&rows);
	counters_free(&c);
}

/* As all slots were stored before there were pages. */
static void a_slot_of_few_entries_is_read_from_a_row_of_its_own_and_put_into_its_page(void **state) {
	struct counters *c = fresh();
	struct rows rows = {NULL, 0};
	const struct row *page;

	(void)state;
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 0, START}, NULL);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	page = row_of(&rows, PAGE_ROW);
	assert_int_equal(page->bytes[0], 0);
	/* Behind its place in the page, and its length. */
	keep_row(&rows, SLOT_ROW, (struct slice){page->bytes + 3, page->n - 3}, &err);
	keep_row(&rows, PAGE_ROW, (struct slice){NULL, 0}, &err);
	reload(c, &rows, counters_touched(c));
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 1);
	assert_false(counters_changed(c));
	hit(c, (struct hit){COUNTER_PROVEN, EVENTS, 1, 0, 0, START}, NULL);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(row_of(&rows, PAGE_ROW) && !row_of(&rows, SLOT_ROW));
	reload(c, &rows, counters_touched(c));
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 2);
	/* Where it stands twice the one read last is forgotten. */
	page = row_of(&rows, PAGE_ROW);
	keep_row(&rows, SLOT_ROW, (struct slice){page->bytes + 3, page->n - 3}, &err);
	reload(c, &rows, counters_touched(c));
	assert_int_equal(count(c, COUNTER_PROVEN, 1), 2);
	assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
	assert_true(row_of(&rows, PAGE_ROW) && !row_of(&rows, SLOT_ROW));
	rows_free(&rows);
	counters_free(&c);
}

static int is_the_same(void *context, struct counter *slot) {
	const struct counter *other = counter_find(context, slot->pool, slot->key);

	assert_non_null(other);
	assert_true(other->touched == slot->touched && other->newest == slot->newest && other->quiet == slot->quiet);
	assert_true(other->n == slot->n && other->room == slot->room && other->trigger == slot->trigger);
	for (uint32_t i = 0; i < slot->n; i++) /* without what pads them */
		assert_memory_equal(&other->entries[i], &slot->entries[i], offsetof(struct counter_entry, copies) + 1);
	return 0;
}

static void what_is_stored_and_read_again_at_any_time_is_what_is_held(void **state) {
	struct counters *held_on = fresh(), *put_down = fresh();
	struct rows rows = {NULL, 0};
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		struct counters *const both[] = {held_on, put_down};

		seed = seed * 1103515245 + 12345;
		for (int k = 0; k < 2; k++) {
			struct hit h = {seed >> 30 & 1, seed >> 29 & 1 ? MANY : DISTINCT, seed >> 8 & 63, seed >> 16 & 3, 0,
			                START + i / 10};
			struct counter *slot = find(both[k], h.pool, h.key);
			enum counter_result result;

			if (slot && (seed >> 20 & 31) == 0) {
				counter_empty(both[k], slot, seed >> 28 & 1 ? START + i : TIME_NONE);
				continue;
			}
			/* What a key counts stays what it is. */
			if (slot)
				h.trigger = slot->trigger;
			result = hit(both[k], h, &slot);
			if (result == COUNTER_REACHED)
				counter_empty(both[k], slot, TIME_NONE);
		}
		if ((seed >> 10 & 127) != 0)
			continue;
		assert_int_equal(counters_flush(put_down, keep_row, &rows, &err), 0);
		reload(put_down, &rows, counters_touched(put_down));
		counters_each(held_on, is_the_same, put_down);
		counters_each(put_down, is_the_same, held_on);
	}
	rows_free(&rows);
	counters_free(&held_on);
	counters_free(&put_down);
}

static void bytes_that_are_not_sound_are_forgotten(void **state) {
	static const struct {
		uint64_t entries;
		uint32_t number, gone; /* of the row; how many are written without it */
	} shapes[] = {{2, PAGE_ROW, 1}, {30, SLOT_ROW, 2}};

	(void)state;
	for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
		struct counters *c = fresh(), *victim = fresh();
		struct rows rows = {NULL, 0}, gone = {NULL, 0};
		const struct row *row;
		uint32_t seed = 1;

		for (uint64_t i = 0; i < shapes[s].entries; i++)
			hit(c, (struct hit){COUNTER_PROVEN, MANY, 1, i, 0, START}, NULL);
		assert_int_equal(counters_flush(c, keep_row, &rows, &err), 0);
		row = row_of(&rows, shapes[s].number);
		assert_non_null(row);
		for (size_t n = 1; n < row->n; n++) {
			counters_clear(victim);
			assert_int_equal(counters_decode(victim, row->number, (struct slice){row->bytes, n}, &err), 0);
			assert_int_equal(counters_settle(victim, 0, &err), 0);
			assert_null(find(victim, COUNTER_PROVEN, 1));
			assert_true(counters_changed(victim)); /* so that it leaves the store too */
		}
		assert_int_equal(counters_flush(victim, keep_row, &gone, &err), 0);
		assert_int_equal(gone.n, shapes[s].gone);
		for (uint32_t i = 0; i < gone.n; i++)
			assert_int_equal(gone.at[i].n, 0);
		for (int round = 0; round < 2000; round++) {
			char bytes[4096];

			assert_true(row->n <= sizeof bytes);
			memcpy(bytes, row->bytes, row->n);
			for (int k = 0; k < 3; k++) {
				seed = seed * 1103515245 + 12345;
				bytes[(seed >> 8) % row->n] = (char)(seed >> 24);
			}
			counters_clear(victim);
			assert_int_equal(
				counters_decode(victim, round % 2 ? row->number : seed >> 4, (struct slice){bytes, row->n}, &err), 0);
			assert_int_equal(counters_settle(victim, 0, &err), 0);
			hit(victim, (struct hit){COUNTER_PROVEN, DISTINCT, 1, 9, 0, START}, NULL);
			assert_int_equal(counters_flush(victim, keep_row, &gone, &err), 0);
		}
		rows_free(&rows);
		rows_free(&gone);
		counters_free(&c);
		counters_free(&victim);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_siphash),
		cmocka_unit_test(two_digests_at_once_are_those_of_each),
		cmocka_unit_test(a_sequence_of_hits_counts_as_it_should),
		cmocka_unit_test(proven_and_unproven_hits_are_counted_apart),
		cmocka_unit_test(a_spray_of_single_hits_pushes_out_no_attacker),
		cmocka_unit_test(networks_share_a_full_pool),
		cmocka_unit_test(an_address_that_is_never_banned_blinds_no_trigger),
		cmocka_unit_test(what_lies_outside_its_window_goes_first),
		cmocka_unit_test(memory_has_a_bound_that_traffic_does_not_move),
		cmocka_unit_test(who_has_an_entry_is_named_where_he_has_it_and_few_others_are),
		cmocka_unit_test(entries_are_taken_out_and_what_is_left_empty_goes),
		cmocka_unit_test(what_was_stored_counts_on),
		cmocka_unit_test(who_goes_first_does_not_depend_on_a_restart),
		cmocka_unit_test(which_network_gives_way_does_not_depend_on_a_restart),
		cmocka_unit_test(a_changed_configuration_is_survived),
		cmocka_unit_test(a_slot_of_many_entries_has_a_row_of_its_own),
		cmocka_unit_test(a_slot_of_few_entries_is_read_from_a_row_of_its_own_and_put_into_its_page),
		cmocka_unit_test(what_is_stored_and_read_again_at_any_time_is_what_is_held),
		cmocka_unit_test(bytes_that_are_not_sound_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
