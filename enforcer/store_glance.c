/* What a look at devices needs, many of them in a row: a strip holds neighbours by MAC, up to a page of the file, and repeats of each what a fetch
 * from home asks for; and it alone knows when they were seen. It goes with the devices' rows in one transaction: what changes is gathered, and
 * goes to its strips when the transaction ends.
 *
 * A strip begins at the MAC in its row's key, the first one at 0, and ends where the next one begins. Strips are split and never joined. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define STRIP_SPLIT 2600 /* of one that became too long: there is room in its parts */
#define STRIP_FULL  3600 /* of many that come at once */
#define LATE_MAX    16384
#define LATE_BYTES  ((size_t)16 << 20)
#define MADE        "glance.made"
#define PART_MACS   256

static_assert(2 + 3 * (2 + EVENT_WORD_MAX) + STRIP_MOST <= STRIP_SPLIT, "each part holds at least one device");

/* ---- what changes ---- */

void store_glances_init(struct glances *g) {
	buf_init(&g->texts, LATE_BYTES);
	buf_init(&g->old, STRIP_BYTES);
	buf_init(&g->new, STRIP_BYTES);
}

void store_glances_release(struct glances *g) {
	buf_release(&g->texts);
	buf_release(&g->old);
	buf_release(&g->new);
	free(g->late);
	free(g->all);
}

void store_glances_forget(struct glances *g) {
	buf_clear(&g->texts);
	g->n = 0;
	memset(g->maybe, 0, sizeof(g->maybe));
}

static unsigned maybe_bit(uint64_t mac) {
	return (unsigned)((mac * 0x9e3779b97f4a7c15ULL) >> 47) % GLANCES_MAYBE;
}

static bool is_late(const struct glances *g, uint64_t mac) {
	unsigned bit = maybe_bit(mac);

	return (g->maybe[bit / 64] >> bit % 64 & 1) != 0;
}

/* d NULL: it is no more. */
static int change(struct store *s, uint64_t mac, const struct device *d, struct err *err) {
	struct glances *g = &s->glances;
	unsigned bit = maybe_bit(mac);

	if (g->n == LATE_MAX && store_glances_flush(s, err) < 0)
		return -1;
	if (!g->late && !(g->late = malloc(LATE_MAX * sizeof(*g->late))))
		return err_set(err, ERR_SYSTEM, "out of memory");
	g->late[g->n++] = (struct glance_change){mac, (uint32_t)g->texts.n};
	g->maybe[bit / 64] |= (uint64_t)1 << bit % 64;
	buf_clear(&g->new);
	if (d) {
		put_text(&g->new, slice_of(d->vendor));
		put_text(&g->new, slice_of(d->model));
		put_text(&g->new, slice_of(d->version));
	}
	put_text(&g->texts, (struct slice){g->new.p, g->new.n});
	buf_clear(&g->new);
	if (d)
		glance_encode(d, &g->new);
	put_text(&g->texts, (struct slice){g->new.p, g->new.n});
	return g->texts.failed ? err_set(err, ERR_SYSTEM, "out of memory") : 0;
}

int store_glance_put(struct store *s, const struct device *d, struct err *err) {
	return change(s, d->mac, d, err);
}

int store_glance_drop(struct store *s, uint64_t mac, struct err *err) {
	return change(s, mac, NULL, err);
}

static int corrupt(struct err *err) {
	return err_set(
		err, ERR_SYSTEM,
		"the state is corrupt: a row of `glance` cannot be read; `provctl recover` brings back the last backup");
}

/* The strip that a MAC is in, or would be, and where the next one begins. */
static int strip_of(struct store *s, uint64_t mac, uint64_t *first, uint64_t *next, struct err *err) {
	struct glances *g = &s->glances;
	struct query *q =
		db_query(s->db, "SELECT first, data FROM glance WHERE first <= ? ORDER BY first DESC LIMIT 1", err);
	int step;

	db_bind(q, (int64_t)mac);
	step = db_step(q, err);
	buf_clear(&g->old);
	if (step == 1) {
		*first = (uint64_t)db_int(q, 0);
		buf_add(&g->old, db_text(q, 1).p, db_text(q, 1).n);
	}
	if (step == 0 || (step == 1 && g->old.failed))
		step = corrupt(err);
	db_end(q);
	if (step < 0 || !next)
		return step < 0 ? -1 : 0;
	q = db_query(s->db, "SELECT first FROM glance WHERE first > ? ORDER BY first LIMIT 1", err);
	db_bind(q, (int64_t)mac);
	step = db_step(q, err);
	*next = step == 1 ? (uint64_t)db_int(q, 0) : UINT64_MAX;
	db_end(q);
	return step < 0 ? -1 : 0;
}

static int strip_write(struct store *s, uint64_t first, const struct buf *bytes, struct err *err) {
	struct query *q = db_query(s->db, "INSERT OR REPLACE INTO glance (first, data) VALUES (?, ?)", err);

	db_bind(q, (int64_t)first);
	db_bind_bytes(q, bytes->p, bytes->n);
	return db_run(q, err);
}

/* g->all in the place of the strip that begins at first. */
static int strips_write(struct store *s, uint64_t first, uint32_t n, struct err *err) {
	struct glances *g = &s->glances;
	uint32_t i = strip_put(&g->new, g->all, n, STRIP_BYTES);
	size_t limit = n > 2 * i ? STRIP_FULL : STRIP_SPLIT;

	if (i < n)
		i = strip_put(&g->new, g->all, n, limit);
	while (!g->new.failed) {
		if (strip_write(s, first, &g->new, err) < 0)
			return -1;
		if (i == n)
			return 0;
		first = g->all[i].mac;
		i += strip_put(&g->new, g->all + i, n - i, limit);
	}
	return err_set(err, ERR_SYSTEM, "out of memory");
}

static int room_for(struct glances *g, size_t n, struct err *err) {
	struct neighbour *more;

	if (n <= g->room)
		return 0;
	more = realloc(g->all, n * sizeof(*more));
	if (!more)
		return err_set(err, ERR_SYSTEM, "out of memory");
	g->all = more;
	g->room = n;
	return 0;
}

/* Into *out; false: it is no more. */
static bool changed(struct glances *g, const struct glance_change *c, const struct neighbour *old,
                    struct neighbour *out) {
	struct slice in = {g->texts.p + c->at, g->texts.n - c->at};

	(void)get_text(&in, UINT16_MAX, &out->texts);
	(void)get_text(&in, UINT16_MAX, &out->bytes);
	if (out->bytes.n == 0)
		return false;
	out->mac = c->mac;
	if (old && glance_seen(old->bytes.p) > glance_seen(out->bytes.p))
		glance_set_seen(g->texts.p + (out->bytes.p - g->texts.p), glance_seen(old->bytes.p));
	return true;
}

/* Makes those of the changes that belong into the strip of the first; *done: how many. */
static int change_strip(struct store *s, const struct glance_change *changes, uint32_t n, uint32_t *done,
                        struct err *err) {
	struct glances *g = &s->glances;
	struct neighbour old;
	struct strip strip;
	uint64_t first = 0, next = 0;
	uint32_t i = 0, k = 0;
	int left;

	if (strip_of(s, changes->mac, &first, &next, err) < 0 || room_for(g, g->old.n / STRIP_LEAST + n, err) < 0)
		return -1;
	if (strip_begin(&strip, (struct slice){g->old.p, g->old.n}) < 0)
		return corrupt(err);
	left = strip_next(&strip, &old);
	for (;;) {
		bool is = i < n && changes[i].mac < next;

		if (left < 0)
			return corrupt(err);
		if (left == 0 && !is)
			break;
		if (left == 1 && (!is || old.mac < changes[i].mac)) {
			g->all[k++] = old;
			left = strip_next(&strip, &old);
			continue;
		}
		while (i + 1 < n && changes[i + 1].mac == changes[i].mac)
			i++; /* the last one holds */
		if (left == 1 && old.mac == changes[i].mac) {
			k += changed(g, &changes[i], &old, &g->all[k]);
			left = strip_next(&strip, &old);
		} else {
			k += changed(g, &changes[i], NULL, &g->all[k]);
		}
		i++;
	}
	*done = i;
	return strips_write(s, first, k, err);
}

/* By MAC, and in the order in which they came. */
static int compare(const void *a, const void *b) {
	const struct glance_change *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

int store_glances_flush(struct store *s, struct err *err) {
	struct glances *g = &s->glances;

	if (g->n == 0)
		return 0;
	qsort(g->late, g->n, sizeof(*g->late), compare);
	for (uint32_t i = 0, n = 0; i < g->n; i += n)
		if (change_strip(s, g->late + i, g->n - i, &n, err) < 0)
			return -1;
	store_glances_forget(g);
	return 0;
}

int store_glances_see(struct store *s, const struct sighting *seen, uint32_t n, struct err *err) {
	struct glances *g = &s->glances;
	struct neighbour one;
	struct strip strip;
	uint64_t first = 0;

	if (store_glances_flush(s, err) < 0)
		return -1;
	for (uint32_t i = 0; i < n;) {
		uint32_t from = i;
		bool newer = false;
		int left;

		if (strip_of(s, seen[i].mac, &first, NULL, err) < 0)
			return -1;
		left = strip_begin(&strip, (struct slice){g->old.p, g->old.n}) < 0 ? -1 : strip_next(&strip, &one);
		for (; left > 0 && i < n; left = strip_next(&strip, &one)) {
			for (; i < n && seen[i].mac < one.mac; i++)
				;
			if (i == n || seen[i].mac != one.mac)
				continue;
			if (seen[i].seen > glance_seen(one.bytes.p)) {
				glance_set_seen(g->old.p + (one.bytes.p - g->old.p), seen[i].seen);
				newer = true;
			}
			i++;
		}
		if (left < 0)
			return corrupt(err);
		if (newer && strip_write(s, first, &g->old, err) < 0)
			return -1;
		i += i == from; /* of nobody: it is behind all of its strip */
	}
	return 0;
}

/* ---- reading ---- */

static void of_strip(const struct strip *strip, const struct neighbour *n, struct glance *out) {
	out->mac = n->mac;
	out->words = strip->words[n->words];
	out->same = n->words;
}

/* From its row: it was changed, or asked for, lately. */
static int of_row(struct store *s, uint64_t mac, struct glance *out, struct err *err) {
	struct device *d = &s->glances.row;
	int found = store_device(s, mac, d, err);

	if (found == 1) {
		out->mac = mac;
		out->changed = glance_time(d->changed);
		out->seen = d->seen;
		out->folder = d->folder;
		out->words = (struct memo_words){slice_of(d->vendor), slice_of(d->model), slice_of(d->version)};
		out->homes = d->homes;
		if (!device_is_calm(d))
			out->homes.n = 0;
	}
	return found;
}

static int of_strips(struct store *s, uint64_t mac, const struct neighbours *others, struct glance *out,
                     struct err *err) {
	struct neighbour n;
	struct strip strip;
	struct glance g;
	uint64_t first;
	bool all;
	int step, found = 0;

	if (strip_of(s, mac, &first, NULL, err) < 0)
		return -1;
	if (strip_begin(&strip, (struct slice){s->glances.old.p, s->glances.old.n}) < 0)
		return corrupt(err);
	all = others && others->wanted(others->context, first);
	while ((step = strip_next(&strip, &n)) == 1 && (all || n.mac <= mac)) {
		if (!all && n.mac != mac)
			continue;
		if (glance_decode(n.bytes, &g) < 0)
			return corrupt(err);
		of_strip(&strip, &n, &g);
		if (n.mac == mac) {
			*out = g;
			found = 1;
		}
		if (all && !is_late(&s->glances, n.mac))
			others->each(others->context, &g);
	}
	return step < 0 ? corrupt(err) : found;
}

int store_glance(struct store *s, uint64_t mac, const struct neighbours *others, struct glance *out, struct err *err) {
	int found;

	if (is_late(&s->glances, mac) || shelf_get(&s->shelf, mac))
		return of_row(s, mac, out, err);
	found = of_strips(s, mac, others, out, err);
	if (found == 0)
		(void)shelf_put(&s->shelf, mac, (struct slice){0}); /* asked for again at once, and then perhaps made */
	return found;
}

int store_seen_at(struct store *s, uint64_t mac, int64_t *seen, struct err *err) {
	struct glance g = {0};
	int found = of_strips(s, mac, NULL, &g, err);

	if (found == 1 && *seen < g.seen)
		*seen = g.seen;
	return found < 0 ? -1 : 0;
}

/* ---- for a state of an older schema ---- which had when devices were seen in rows for 256 MACs each: MAC (6 bytes) and time (4), in order. */

static int make_one(void *context, const struct device *d, struct err *err) {
	return store_glance_put(context, d, err);
}

static int make_seen(struct store *s, struct err *err) {
	struct sighting seen[PART_MACS];
	struct query *q = db_query(s->db, "SELECT data FROM seen ORDER BY part", err);
	int step;

	while ((step = db_step(q, err)) == 1) {
		struct slice in = db_text(q, 0);
		uint32_t n = 0, low;
		uint16_t high;

		while (n < PART_MACS && get_u32(&in, &low) == 0 && get_u16(&in, &high) == 0 && get_u32(&in, &seen[n].seen) == 0)
			seen[n++].mac = (uint64_t)high << 32 | low;
		if (store_glances_see(s, seen, n, err) < 0) {
			step = -1;
			break;
		}
	}
	db_end(q);
	return step;
}

int store_glances_make(struct store *s, struct err *err) {
	const struct device_filter all = {.shard = -1, .removed = true};
	int64_t made;

	if (store_number(s, MADE, &made, err) < 0)
		return -1;
	if (made != 0)
		return 0;
	if (store_begin(s, err) < 0)
		return -1;
	if (store_devices(s, &all, make_one, s, err) == 0 && make_seen(s, err) == 0 &&
	    db_script(s->db, "DROP TABLE seen", err) == 0 && store_set_number(s, MADE, 1, err) == 0 &&
	    store_commit(s, err) == 0)
		return 0;
	store_rollback(s);
	return err_prefix(err, "reading the devices for a look at many");
}
