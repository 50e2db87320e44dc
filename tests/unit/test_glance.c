/* A look at many devices tells what their rows tell, whatever became of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/storing.h"

#define MACS 3000 /* of some thirty strips */

static uint64_t state_of_random;

static unsigned below(unsigned n) {
	state_of_random = state_of_random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(state_of_random >> 33) % n;
}

static uint64_t mac_at(unsigned i) {
	return 0x001565000000 + (uint64_t)i * 977;
}

/* ---- what they tell is the same ---- */

static void is_that_device(const struct glance *g, const struct device *d) {
	uint32_t homes = device_is_calm(d) ? d->homes.n : 0;

	assert_int_equal(g->mac, d->mac);
	assert_true(g->seen >= d->seen);
	assert_true(slice_is(g->words.vendor, d->vendor) && slice_is(g->words.model, d->model) &&
	            slice_is(g->words.version, d->version));
	assert_int_equal(g->homes.n, homes);
	if (homes == 0)
		return;
	assert_int_equal(g->changed, d->changed);
	assert_int_equal(g->folder, d->folder);
	for (uint32_t i = 0; i < homes; i++) {
		const struct home *a = &g->homes.at[i], *b = &d->homes.at[i];

		assert_true(prefix_same(a->at, b->at));
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->backed, b->backed);
		if (a->kind == HOME_POLL)
			assert_int_equal(a->used, b->used);
	}
}

struct walk {
	struct device *at;
	unsigned n, met;
	uint64_t first; /* of the neighbours that were met last */
};

static int take_device(void *context, const struct device *d, struct err *ignored) {
	struct walk *w = context;

	(void)ignored;
	w->at[w->n++] = *d;
	return 0;
}

static bool are_others(void *context, uint64_t first) {
	struct walk *w = context;
	bool others = w->met == 0 || first != w->first;

	w->first = first;
	return others;
}

static void meet_device(void *context, const struct glance *g) {
	struct walk *w = context;

	assert_true(w->met < w->n);
	is_that_device(g, &w->at[w->met++]);
}

static void all_are_those_of_the_rows(void) {
	const struct device_filter all = {.shard = -1, .removed = true};
	struct walk walk = {.at = calloc(MACS, sizeof(struct device))};
	const struct neighbours others = {are_others, meet_device, &walk};

	assert_non_null(walk.at);
	OK(store_glances_flush(store, &err));
	shelf_clear(&store->shelf);
	OK(store_devices(store, &all, take_device, &walk, &err));
	for (unsigned i = 0; i < walk.n; i++) {
		unsigned before = walk.met;
		struct glance g;

		assert_int_equal(store_glance(store, walk.at[i].mac, &others, &g, &err), 1);
		is_that_device(&g, &walk.at[i]);
		assert_true(walk.met > i);
		assert_true(walk.met == before || before == i);
	}
	assert_int_equal(walk.met, walk.n);
	free(walk.at);
}

static void one_is_that_of_its_row(uint64_t mac) {
	struct device d;
	struct glance g;
	int found = store_glance(store, mac, NULL, &g, &err);

	assert_int_equal(found, store_device(store, mac, &d, &err));
	if (found)
		is_that_device(&g, &d);
}

/* ---- what becomes of them ---- */

static struct device any_device(uint64_t mac) {
	static const char *const vendors[] = {"", "Yealink", "Snom", "a vendor of whose name there are many letters in it"};
	static const char *const at[] = {"203.0.113.7", "2001:db8::7", "198.51.100.0/24", "2001:db8:7::/48", "0.0.0.0/1"};
	struct device d = device(mac, "acct1", (enum device_state)below(DEVICE_HELD + 1));

	d.changed = below(4) ? NOW - below(DAY) : TIME_NONE;
	d.removed = below(12) ? TIME_NONE : NOW;
	d.folder = below(4) ? 0 : below(1000) + 1;
	d.seen = below(3) ? NOW - below(9 * DAY) : 0;
	(void)snprintf(d.vendor, sizeof(d.vendor), "%s", vendors[below(4)]);
	(void)snprintf(d.model, sizeof(d.model), "T%u", below(3));
	(void)snprintf(d.version, sizeof(d.version), "66.86.0.%u", below(below(5) ? 3 : 90));
	for (unsigned n = below(20) ? below(3) : DEVICE_HOMES_MAX; n > 0; n--) {
		unsigned which = below(5);

		add_home(&d, at[which], which < 2 ? (enum home_kind)below(3) : HOME_GIVEN, below(2), NOW - below(DAY));
	}
	return d;
}

static void change_one(void) {
	uint64_t mac = mac_at(below(MACS));
	struct device d = any_device(mac);

	if (below(10) == 0)
		OK(store_device_delete(store, mac, &err));
	else
		OK(store_device_put(store, &d, &err));
	one_is_that_of_its_row(mac);
	one_is_that_of_its_row(mac_at(below(MACS)));
}

static void again(void) {
	OK(store_begin(store, &err));
}

static void a_look_tells_what_the_rows_tell(void **state) {
	(void)state;
	state_of_random = 1;
	for (unsigned i = 0; i < 9000; i++) {
		change_one();
		if (i % 700 == 0)
			shelf_clear(&store->shelf); /* as more devices would */
		if (i % 3000 == 1000)
			all_are_those_of_the_rows();
		if (i % 1000 == 500) {
			OK(store_commit(store, &err));
			all_are_those_of_the_rows();
			again();
		}
		if (i % 2500 == 2400) {
			store_rollback(store);
			again();
		}
	}
	all_are_those_of_the_rows();
}

static void what_was_changed_in_the_transaction_is_not_among_neighbours(void **state) {
	struct walk walk = {.at = calloc(10, sizeof(struct device))};
	const struct neighbours others = {are_others, meet_device, &walk};
	struct device d;
	struct glance g;

	(void)state;
	assert_non_null(walk.at);
	for (unsigned i = 0; i < 10; i++) {
		d = device(mac_at(i), "acct1", DEVICE_LOCKED);
		OK(store_device_put(store, &d, &err));
		if (i != 4)
			walk.at[walk.n++] = d;
	}
	OK(store_glances_flush(store, &err));
	d = device(mac_at(4), "acct2", DEVICE_UNLOCKED);
	OK(store_device_put(store, &d, &err));
	shelf_clear(&store->shelf);
	assert_int_equal(store_glance(store, mac_at(4), &others, &g, &err), 1);
	assert_int_equal(walk.met, 0); /* it is not asked for in its strip */
	assert_int_equal(store_glance(store, mac_at(7), &others, &g, &err), 1);
	assert_int_equal(walk.met, 9);
	free(walk.at);
}

/* ---- when they were seen ---- */

static void only_the_newest_sighting_is_kept_and_no_change_loses_it(void **state) {
	struct sighting seen[] = {
		{mac_at(0) - 1, 9}, {mac_at(1), 7}, {mac_at(1) + 1, 9}, {mac_at(700), 6}, {mac_at(MACS), 9}};
	static const struct {
		const char *what;
		unsigned mac;
		int64_t seen;
	} rows[] = {
		/* what, mac, seen */
		{"raised", 1, 7},
		{"newer already", 700, NOW},
		{"not seen", 2, 5},
	};

	(void)state;
	for (unsigned i = 0; i < MACS; i++) {
		struct device d = device(mac_at(i), "acct1", DEVICE_LOCKED);

		d.seen = i == 700 ? NOW : 5;
		OK(store_device_put(store, &d, &err));
	}
	OK(store_glances_see(store, seen, sizeof(seen) / sizeof(seen[0]), &err));
	for (unsigned changed = 0; changed < 2; changed++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			int64_t is = 0;

			OK(store_seen_at(store, mac_at(rows[i].mac), &is, &err));
			if (is != rows[i].seen)
				fail_msg("%s: %lld", rows[i].what, (long long)is);
		}
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct device d = device(mac_at(rows[i].mac), "acct2", DEVICE_UNLOCKED);

			d.seen = 5;
			OK(store_device_put(store, &d, &err));
		}
		OK(store_glances_flush(store, &err));
	}
	all_are_those_of_the_rows();
}

/* ---- a state of an older schema ---- */

static void a_state_without_it_gets_it_and_what_was_seen_is_kept(void **state) {
	/* 256 MACs in a row: two of them were seen. */
	static const unsigned char old[] = {0x00, 0x00, 0x00, 0x65, 0x15, 0x00, 7, 0, 0, 0,
	                                    0x02, 0x00, 0x00, 0x65, 0x15, 0x00, 9, 0, 0, 0};
	struct query *q;
	int64_t seen = 0;

	(void)state;
	state_of_random = 2;
	for (unsigned i = 0; i < MACS; i++)
		change_one();
	OK(store_device_delete(store, mac_at(0), &err));
	for (unsigned i = 0; i < 3; i++) {
		struct device d = device(0x001565000000 + i, "acct1", DEVICE_LOCKED);

		OK(store_device_put(store, &d, &err));
	}
	OK(store_commit(store, &err));
	OK(db_script(store->db,
	             "DELETE FROM glance; INSERT INTO glance VALUES (0, x'0100');"
	             "CREATE TABLE seen (part INTEGER PRIMARY KEY, data BLOB NOT NULL)",
	             &err));
	q = db_query(store->db, "INSERT INTO seen VALUES (?, ?)", &err);
	db_bind(q, 0x0015650000);
	db_bind_bytes(q, old, sizeof(old));
	OK(db_run(q, &err));
	q = db_query(store->db, "DELETE FROM number WHERE name = 'glance.made'", &err);
	OK(db_run(q, &err));
	store_rollback(store);
	OK(store_glances_make(store, &err));
	OK(store_glances_make(store, &err)); /* once */
	again();
	all_are_those_of_the_rows();
	for (unsigned i = 0; i < 3; i++) {
		static const int64_t want[] = {7, 0, 9};

		seen = 0;
		OK(store_seen_at(store, 0x001565000000 + i, &seen, &err));
		assert_int_equal(seen, want[i]);
	}
}

/* ---- what is no strip ---- */

static bool all(void *context, uint64_t first) {
	(void)context;
	(void)first;
	return true;
}

static void ignore(void *context, const struct glance *g) {
	(void)context;
	(void)g;
}

static void no_cut_of_a_strip_is_one(void **state) {
	const struct neighbours others = {all, ignore, NULL};
	struct device d = device(mac_at(7), "acct1", DEVICE_LOCKED);
	struct glance g;
	struct query *q;
	struct buf whole;

	(void)state;
	add_home(&d, "203.0.113.7", HOME_POLL, true, NOW);
	d.folder = 1;
	OK(store_device_put(store, &d, &err));
	OK(store_glances_flush(store, &err));
	buf_init(&whole, STRIP_BYTES);
	q = db_query(store->db, "SELECT data FROM glance", &err);
	assert_int_equal(db_step(q, &err), 1);
	buf_add(&whole, db_text(q, 0).p, db_text(q, 0).n);
	db_end(q);
	for (size_t n = 0; n < whole.n; n++) {
		if (n == 2 + 3 * 2) /* the words alone: nobody is in it */
			continue;
		q = db_query(store->db, "UPDATE glance SET data = ?", &err);
		db_bind_bytes(q, whole.p, n);
		OK(db_run(q, &err));
		shelf_clear(&store->shelf);
		if (store_glance(store, d.mac, NULL, &g, &err) != -1 || store_glance(store, d.mac, &others, &g, &err) != -1)
			fail_msg("%zu bytes of %zu", n, whole.n);
		assert_non_null(strstr(err.text, "recover"));
	}
	buf_release(&whole);
}

/* Of a device that is longer than one can be, so that no strip could hold it beside another. */
static void a_device_that_is_too_long_is_none(void **state) {
	static const unsigned char head[] = {1, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x0d};
	struct device d = device(mac_at(7), "acct1", DEVICE_LOCKED);
	struct query *q;
	struct buf strip;

	(void)state;
	buf_init(&strip, STRIP_BYTES);
	buf_add(&strip, (const char *)head, sizeof(head));
	for (unsigned i = 0; i < 0x0d00; i++)
		buf_byte(&strip, 0);
	q = db_query(store->db, "UPDATE glance SET data = ?", &err);
	db_bind_bytes(q, strip.p, strip.n);
	OK(db_run(q, &err));
	buf_release(&strip);
	d.homes.n = 0;
	for (unsigned i = 0; i < DEVICE_HOMES_MAX; i++)
		add_home(&d, "2001:db8:1:2::/64", HOME_POLL, true, NOW);
	OK(store_glance_put(store, &d, &err));
	d.mac++;
	OK(store_glance_put(store, &d, &err));
	assert_int_equal(store_glances_flush(store, &err), -1);
	assert_non_null(strstr(err.text, "recover"));
	store_rollback(store);
	OK(store_begin(store, &err));
}

static void the_longest_device_that_there_can_be_is_kept(void **state) {
	struct device d = device(mac_at(7), "acct1", DEVICE_LOCKED);
	struct glance g;

	(void)state;
	memset(d.vendor, 'v', EVENT_WORD_MAX);
	memset(d.model, 'm', EVENT_WORD_MAX);
	memset(d.version, 'x', EVENT_WORD_MAX);
	d.folder = 1;
	for (unsigned i = 0; i < DEVICE_HOMES_MAX; i++) {
		char at[32];

		(void)snprintf(at, sizeof(at), "2001:db8:1:%x::/64", i);
		add_home(&d, at, HOME_POLL, true, NOW);
	}
	OK(store_device_put(store, &d, &err));
	OK(store_glances_flush(store, &err));
	shelf_clear(&store->shelf);
	assert_int_equal(store_glance(store, d.mac, NULL, &g, &err), 1);
	assert_int_equal(g.homes.n, DEVICE_HOMES_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(a_look_tells_what_the_rows_tell),
		CASE(what_was_changed_in_the_transaction_is_not_among_neighbours),
		CASE(only_the_newest_sighting_is_kept_and_no_change_loses_it),
		CASE(a_state_without_it_gets_it_and_what_was_seen_is_kept),
		CASE(no_cut_of_a_strip_is_one),
		CASE(a_device_that_is_too_long_is_none),
		CASE(the_longest_device_that_there_can_be_is_kept),
	};

	return cmocka_run_group_tests_name("glance", tests, NULL, NULL);
}
