/* What is asked over and over while somebody fails, held in memory: until when a prefix may be banned, and what was answered lately.
 *
 * Nearly every address that fails is not banned, and is asked about by each trigger that counts it. Two cells of a
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
	uint64_t hash, last;

	memcpy(&hash, at.base.b, sizeof(hash));
	memcpy(&last, at.base.b + sizeof(hash), sizeof(last));
	for (unsigned i = 0; i < 2; i++) {
		uint64_t key;

		memcpy(&key, s->key + i * sizeof(key), sizeof(key));
		hash = (hash ^ key) * 0x9e3779b97f4a7c15ULL;
		hash = (hash ^ hash >> 32 ^ (i ? at.bits : last)) * 0xd6e8feb86659fd93ULL;
		hash ^= hash >> 29;
	}
	out[0] = (uint32_t)(hash >> 32) % HINT_CELLS;
	out[1] = (uint32_t)hash % HINT_CELLS;
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

void store_hints_end(struct store *s, bool rolled_back) {
	/* What was read in a transaction lacks what it had ended. */
	if (rolled_back && s->hints.uncommitted)
		store_hints_forget(s);
	s->hints.uncommitted = false;
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
	s->hints.uncommitted = db_in_transaction(s->db);
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

/* ---- what was answered lately ---- an answer holds from its time on until the ban that it tells ends: what else there was ends sooner. */

#define TOLD_SETS 256
#define TOLD_WAYS 8

struct answer {
	struct prefix at;
	char trigger[EVENT_WORD_MAX + 1];
	bool any;     /* of any trigger */
	int64_t from; /* TIME_NONE: there is none here */
	int found;
	struct ban ban;
};

struct told {
	struct answer sets[TOLD_SETS][TOLD_WAYS];
	unsigned next; /* way that is used next */
};

static struct answer *set_of(const struct store *s, struct prefix at) {
	uint32_t cells[2];

	cells_of(s, at, cells);
	return s->told->sets[cells[0] % TOLD_SETS];
}

static struct answer *answer_of(const struct store *s, struct prefix at, const char *trigger) {
	struct answer *set = set_of(s, at);

	for (unsigned i = 0; i < TOLD_WAYS; i++)
		if (set[i].from != TIME_NONE && prefix_same(set[i].at, at) && set[i].any == !trigger &&
		    strcmp(set[i].trigger, trigger ? trigger : "") == 0)
			return &set[i];
	return NULL;
}

bool store_told(const struct store *s, struct prefix at, const char *trigger, int64_t time, int *found,
                struct ban *out) {
	const struct answer *a = s->told ? answer_of(s, at, trigger) : NULL;

	if (!a || time < a->from || (a->found && end_to_sql(a->ban.until) <= time))
		return false;
	*found = a->found;
	if (a->found)
		*out = a->ban;
	return true;
}

void store_tell(struct store *s, struct prefix at, const char *trigger, int64_t time, int found,
                const struct ban *ban) {
	struct answer *a;

	/* Where memory is out it is asked again. */
	if (time == TIME_NONE || (!s->told && !(s->told = calloc(1, sizeof(*s->told)))))
		return;
	a = answer_of(s, at, trigger);
	if (!a)
		a = &set_of(s, at)[s->told->next++ % TOLD_WAYS];
	*a = (struct answer){.at = at, .any = !trigger, .from = time, .found = found};
	(void)slice_copy(slice_of(trigger), a->trigger, sizeof(a->trigger));
	if (found)
		a->ban = *ban;
}

void store_told_forget(struct store *s, struct prefix at) {
	struct answer *set = s->told ? set_of(s, at) : NULL;

	for (unsigned i = 0; set && i < TOLD_WAYS; i++)
		if (prefix_same(set[i].at, at))
			set[i].from = TIME_NONE;
}

void store_told_clear(struct store *s) {
	free(s->told);
	s->told = NULL;
}
