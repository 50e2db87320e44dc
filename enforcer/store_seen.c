/* When devices were seen last. The memo knows it to the minute; what is a day behind is written here, of many devices at once and few bytes each: the
 * rows of all that are at home stay as they are. Nothing of it is needed to go on, so what a kill takes is lost. */
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define PART_BITS  8
#define PART_MACS  (1U << PART_BITS)
#define SEEN_BYTES 10 /* of one device: MAC, time */
#define MAC_BYTES  6
#define FIRST_ROOM 1024

struct sighting {
	uint64_t mac;
	uint32_t seen;
};

struct sightings {
	struct sighting *at;
	uint32_t n, room;
};

static int gather(void *context, struct memo_entry *e) {
	struct sightings *all = context;

	if ((int64_t)e->seen < (int64_t)e->stored + DAY)
		return 0;
	if (all->n == all->room) {
		uint32_t room = all->room ? 2 * all->room : FIRST_ROOM;
		struct sighting *more = realloc(all->at, room * sizeof(*more));

		if (!more)
			return 1; /* the rest another time */
		all->at = more;
		all->room = room;
	}
	all->at[all->n++] = (struct sighting){e->mac >> MEMO_MAC_BITS, e->seen};
	e->stored = e->seen;
	return 0;
}

/* By MAC, the newest of one first. */
static int compare(const void *a, const void *b) {
	const struct sighting *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->seen > y->seen ? -1 : x->seen < y->seen;
}

static bool get_sighting(struct slice *in, struct sighting *out) {
	uint64_t mac = 0;
	uint32_t seen;

	if (in->n < SEEN_BYTES)
		return false;
	for (unsigned i = 0; i < MAC_BYTES; i++)
		mac |= (uint64_t)(unsigned char)in->p[i] << (8 * i);
	in->p += MAC_BYTES;
	in->n -= MAC_BYTES;
	(void)get_u32(in, &seen); /* there are as many bytes */
	*out = (struct sighting){mac, seen};
	return true;
}

static void put_sighting(struct buf *out, const struct sighting *s) {
	unsigned char mac[MAC_BYTES];

	for (unsigned i = 0; i < MAC_BYTES; i++)
		mac[i] = (unsigned char)(s->mac >> (8 * i));
	buf_add(out, mac, sizeof(mac));
	put_u32(out, s->seen);
}

static struct query *part_query(struct store *s, uint64_t mac, struct err *err) {
	struct query *q = db_query(s->db, "SELECT data FROM seen WHERE part = ?", err);

	db_bind(q, (int64_t)(mac >> PART_BITS));
	return q;
}

/* What is there and what is new of one part, both in order. */
static void merge(struct slice old, const struct sighting *new, uint32_t n, struct buf *out) {
	struct sighting o = {0};
	bool left = get_sighting(&old, &o);

	for (uint32_t i = 0; i < n; i++) {
		for (; left && o.mac < new[i].mac; left = get_sighting(&old, &o))
			put_sighting(out, &o);
		if (left && o.mac == new[i].mac)
			left = get_sighting(&old, &o);
		if (i == 0 || new[i].mac != new[i - 1].mac)
			put_sighting(out, &new[i]);
	}
	for (; left; left = get_sighting(&old, &o))
		put_sighting(out, &o);
}

static int put_part(struct store *s, const struct sighting *new, uint32_t n, struct err *err) {
	struct query *q = part_query(s, new->mac, err);
	int step = db_step(q, err);

	buf_clear(&s->code);
	if (step >= 0)
		merge(step == 1 ? db_text(q, 0) : (struct slice){0}, new, n, &s->code);
	db_end(q);
	if (step < 0)
		return -1;
	if (s->code.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	q = db_query(s->db, "INSERT OR REPLACE INTO seen (part, data) VALUES (?, ?)", err);
	db_bind(q, (int64_t)(new->mac >> PART_BITS));
	db_bind_bytes(q, s->code.p, s->code.n);
	return db_run(q, err);
}

int store_seen(struct store *s, struct err *err) {
	struct sightings all = {0};
	int done = 0;

	(void)memo_each(s->memo, gather, &all);
	if (all.n > 0)
		qsort(all.at, all.n, sizeof(*all.at), compare);
	for (uint32_t i = 0, n; i < all.n && done == 0; i += n) {
		for (n = 1; i + n < all.n && all.at[i + n].mac >> PART_BITS == all.at[i].mac >> PART_BITS; n++)
			;
		done = put_part(s, &all.at[i], n, err);
	}
	free(all.at);
	return done;
}

int store_seen_at(struct store *s, uint64_t mac, int64_t *seen, struct err *err) {
	struct query *q = part_query(s, mac, err);
	struct sighting one;
	int step = db_step(q, err);

	if (step == 1)
		for (struct slice in = db_text(q, 0); get_sighting(&in, &one);)
			if (one.mac == mac && *seen < (int64_t)one.seen)
				*seen = one.seen;
	db_end(q);
	return step < 0 ? -1 : 0;
}
