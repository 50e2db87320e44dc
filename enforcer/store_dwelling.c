/* May anybody live at an address? Under an attack nearly every one is nobody's, and each event asks: a filter in memory tells it without a look into
 * the rows. Two bits for each address that has a home or a registration: a wrong yes costs a query, and a wrong no does not exist: what
 * is dropped leaves its bits, until so many were added that the filter is made anew. */
#include <stdlib.h>
#include <string.h>

#include "enforcer/store_private.h"

#define BITS_LEAST ((uint64_t)1 << 20)
#define BITS_MOST  ((uint64_t)1 << 24) /* 2 MiB: one yes of 70 is wrong among a million */
#define BITS_EACH  16
#define ASK_LEAST  64 /* questions before it may be worth reading all homes */
#define ASK_SHARE  16 /* and it is, at one for so many devices */

struct dwellings {
	uint64_t bits;    /* a power of two */
	uint64_t n, most; /* addresses that set a bit; at so many it is made anew */
	uint64_t words[]; /* of bits */
};

/* An IPv6 address stands for its /64. As chosen by the secret of the state. */
static void bits_of(const struct store *s, struct addr ip, uint64_t out[2]) {
	uint64_t key[2], hash, last;

	memcpy(key, s->key, sizeof(key));
	memcpy(&hash, ip.b, sizeof(hash));
	memcpy(&last, ip.b + sizeof(hash), sizeof(last));
	if (!addr_is_v4(ip))
		last = 0;
	hash = (hash ^ key[0]) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ hash >> 32 ^ last ^ key[1]) * 0xd6e8feb86659fd93ULL;
	hash = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15ULL;
	out[0] = (hash >> 32) & (s->dwellings.at->bits - 1);
	out[1] = (hash ^ hash >> 37) & (s->dwellings.at->bits - 1);
}

static bool has(const struct dwellings *d, uint64_t bit) {
	return d->words[bit / 64] >> (bit % 64) & 1;
}

static void add(struct store *s, struct addr ip) {
	struct dwellings *d = s->dwellings.at;
	uint64_t bits[2];

	bits_of(s, ip, bits);
	d->n += !has(d, bits[0]) || !has(d, bits[1]);
	for (int i = 0; i < 2; i++)
		d->words[bits[i] / 64] |= 1ULL << (bits[i] % 64);
}

void store_dwellings_forget(struct store *s) {
	free(s->dwellings.at);
	s->dwellings.at = NULL;
	s->dwellings.asked = 0;
}

void store_dwell(struct store *s, struct addr ip) {
	if (!s->dwellings.at)
		return;
	add(s, ip);
	if (s->dwellings.at->n > s->dwellings.at->most)
		store_dwellings_forget(s);
}

void store_dwellings_end(struct store *s, bool rolled_back) {
	/* What was read in a transaction lacks what it had dropped. */
	if (rolled_back && s->dwellings.uncommitted)
		store_dwellings_forget(s);
	s->dwellings.uncommitted = false;
}

static int load(struct store *s, struct err *err) {
	uint64_t bits = BITS_LEAST, wanted = (uint64_t)store_device_count(s) * BITS_EACH;
	struct dwellings *d;
	struct query *q;
	int step;

	while (bits < wanted && bits < BITS_MOST)
		bits *= 2;
	d = calloc(1, sizeof(*d) + bits / 8);
	if (!d)
		return err_set(err, ERR_SYSTEM, "out of memory");
	d->bits = bits;
	s->dwellings.at = d;
	q = db_query(s->db, "SELECT base FROM home UNION ALL SELECT base FROM registration", err);
	while ((step = db_step(q, err)) == 1)
		add(s, db_addr(q, 0));
	db_end(q);
	if (step < 0)
		store_dwellings_forget(s);
	else
		d->most = 2 * d->n + bits / BITS_EACH;
	s->dwellings.uncommitted = db_in_transaction(s->db);
	return step;
}

int store_may_dwell(struct store *s, struct prefix p, struct err *err) {
	uint64_t bits[2];

	if (p.bits < (addr_is_v4(p.base) ? 128 : 64))
		return 1;
	if (!s->dwellings.at) {
		if (++s->dwellings.asked < ASK_LEAST || s->dwellings.asked < (uint64_t)store_device_count(s) / ASK_SHARE)
			return 1;
		if (load(s, err) < 0)
			return -1;
	}
	bits_of(s, p.base, bits);
	return has(s->dwellings.at, bits[0]) && has(s->dwellings.at, bits[1]);
}
