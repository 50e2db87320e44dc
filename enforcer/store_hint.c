/* Until when a prefix may be banned: nearly every address that fails is not, and is asked about by each trigger that counts it. Two cells of a
 * table tell it, by hash, each the latest end of all bans that fall into it. So a wrong yes costs a query, and a wrong no does not
 * exist: what is lifted or forgotten leaves its cells as they are. */
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define HINT_CELLS (1U << 20)
#define HINT_AFTER 64               /* questions before it may be worth reading all bans */
#define HINT_SHARE 16               /* and it is, at one for so many bans */
#define HINT_MOST  (HINT_CELLS / 2) /* bans, before it is made anew without those that are gone */

struct hints {
	uint32_t until[HINT_CELLS];
	uint64_t lengths[3]; /* of the prefixes: a bit each */
	uint32_t n;
};

/* As chosen by the secret of the state. */
static void cells_of(const struct store *s, struct prefix at, uint32_t out[2]) {
	uint64_t seed, first, last, hash;

	memcpy(&seed, s->key, sizeof(seed));
	memcpy(&first, at.base.b, sizeof(first));
	memcpy(&last, at.base.b + sizeof(first), sizeof(last));
	first = (first ^ seed) * 0x9e3779b97f4a7c15ULL;
	last = (last ^ at.bits ^ first >> 31) * 0xd6e8feb86659fd93ULL;
	hash = last ^ first;
	out[0] = (uint32_t)(hash >> 40) % HINT_CELLS;
	out[1] = (uint32_t)(hash >> 16) % HINT_CELLS;
}

static void add(struct store *s, struct prefix at, int64_t until) {
	uint32_t cells[2], end = until < 0 || until >= UINT32_MAX || until == TIME_NONE ? UINT32_MAX : (uint32_t)until;

	cells_of(s, at, cells);
	for (int i = 0; i < 2; i++)
		if (s->hints.at->until[cells[i]] < end)
			s->hints.at->until[cells[i]] = end;
	s->hints.at->lengths[at.bits / 64] |= 1ULL << (at.bits % 64);
	s->hints.at->n++;
}

void store_hint(struct store *s, struct prefix at, int64_t until) {
	if (!s->hints.at)
		return;
	if (s->hints.at->n >= HINT_MOST)
		store_hints_forget(s);
	else
		add(s, at, until);
}

void store_hints_forget(struct store *s) {
	free(s->hints.at);
	s->hints.at = NULL;
	s->hints.asked = 0;
}

static int load(struct store *s, struct err *err) {
	struct query *q = db_query(s->db, "SELECT base, bits, until FROM ban WHERE kind = 0", err);
	int step;

	s->hints.at = calloc(1, sizeof(*s->hints.at));
	if (!s->hints.at) {
		db_end(q);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	while ((step = db_step(q, err)) == 1)
		add(s, db_prefix(q, 0), end_of_sql(db_int(q, 2)));
	db_end(q);
	if (step < 0)
		store_hints_forget(s);
	return step;
}

static bool may(const struct store *s, struct prefix at, int64_t time) {
	uint32_t cells[2];

	cells_of(s, at, cells);
	return s->hints.at->until[cells[0]] > time && s->hints.at->until[cells[1]] > time;
}

static int how_many(struct store *s, int64_t *most, struct err *err) {
	struct query *q = db_query(s->db, "SELECT max(id) FROM ban", err);
	int step = db_step(q, err);

	if (step == 1)
		*most = db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

/* 1 it is there; 0 not yet. */
static int ready(struct store *s, struct err *err) {
	int64_t most;

	if (s->hints.at)
		return 1;
	if (++s->hints.asked % HINT_AFTER != 0)
		return 0;
	if (how_many(s, &most, err) < 0)
		return -1;
	if (s->hints.asked < most / HINT_SHARE)
		return 0;
	return load(s, err) < 0 ? -1 : 1;
}

int store_may_ban(struct store *s, struct prefix at, int64_t time, struct err *err) {
	int there = time >= UINT32_MAX ? 0 : ready(s, err);

	return there <= 0 ? there < 0 ? -1 : 1 : may(s, at, time);
}

int store_may_ban_of(struct store *s, struct addr ip, int64_t time, struct err *err) {
	int there = time >= UINT32_MAX ? 0 : ready(s, err);

	if (there <= 0)
		return there < 0 ? -1 : 1;
	for (unsigned word = 0; word < 3; word++)
		for (uint64_t bits = s->hints.at->lengths[word]; bits != 0; bits &= bits - 1)
			if (may(s, prefix_of(ip, word * 64 + (unsigned)__builtin_ctzll(bits)), time))
				return 1;
	return 0;
}
