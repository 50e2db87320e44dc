#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define PAGE 256 /* bans that store_bans holds at a time */

#define BAN_COLUMNS                                                                                                    \
	"b.id, b.kind, b.base, b.bits, b.cause, b.start, b.until, b.level, b.proven, b.pending, b.lifted, b.installed,"    \
	" b.packets, b.bytes, b.comment"

static const char *const kind_names[] = {"ban", "block", "allow"};

const char *ban_kind_name(enum ban_kind kind) {
	return kind_names[kind];
}

static enum ban_kind ban_kind_of(int64_t kind) {
	return kind == BAN_BLOCK ? BAN_BLOCK : kind == BAN_ALLOW ? BAN_ALLOW : BAN_BAN;
}

static void read_ban(const struct query *q, struct ban *b) {
	memset(b, 0, sizeof(*b));
	b->id = db_int(q, 0);
	b->kind = ban_kind_of(db_int(q, 1));
	b->at = db_prefix(q, 2);
	db_copy_text(q, 4, b->trigger, sizeof(b->trigger));
	b->start = db_int(q, 5);
	b->until = end_of_sql(db_int(q, 6));
	b->level = (uint32_t)db_int(q, 7);
	b->proven = db_int(q, 8) != 0;
	b->pending = db_int(q, 9) != 0;
	b->lifted = db_int(q, 10);
	b->installed = db_int(q, 11);
	b->packets = (uint64_t)db_int(q, 12);
	b->bytes = (uint64_t)db_int(q, 13);
	db_copy_text(q, 14, b->comment, sizeof(b->comment));
}

/* One ban or none: 1, 0, -1. */
static int one_ban(struct query *q, struct ban *out, struct err *err) {
	int step = db_step(q, err);

	if (step == 1)
		read_ban(q, out);
	db_end(q);
	return step;
}

/* ---- what changed ---- */

static int compare_prefixes(const void *a, const void *b) {
	const struct prefix *p = a, *q = b;
	int order = addr_compare(p->base, q->base);

	return order != 0 ? order : p->bits - q->bits;
}

void store_ban_changed(struct store *s, struct prefix at) {
	uint32_t room = s->changes.room ? s->changes.room * 2 : 256;
	struct prefix *p;

	store_mark(s, PART_BANS);
	if (s->changes.all)
		return;
	if (s->changes.n == s->changes.room) {
		p = s->changes.n < BAN_CHANGES_MAX ? realloc(s->changes.at, room * sizeof(*p)) : NULL;
		if (!p) {
			s->changes.all = true;
			return;
		}
		s->changes.at = p;
		s->changes.room = room;
	}
	s->changes.at[s->changes.n++] = at;
}

int store_ban_changes(struct store *s, bool *all, int (*each)(void *context, struct prefix at), void *context,
                      struct err *err) {
	uint32_t n = s->changes.n;
	int done = 0;

	(void)err;
	*all = s->changes.all;
	if (!*all && n > 0) {
		qsort(s->changes.at, n, sizeof(*s->changes.at), compare_prefixes);
		for (uint32_t i = 0; i < n && done == 0; i++)
			if (i == 0 || !prefix_same(s->changes.at[i - 1], s->changes.at[i]))
				done = each(context, s->changes.at[i]);
	}
	s->changes.n = s->changes.committed = 0;
	/* Where the caller broke off it does not know the rest. */
	s->changes.all = s->changes.all_committed = done != 0;
	return done;
}

/* ---- how many ---- */

static bool is_counted(const struct store *s, const struct ban *b) {
	return b->kind == BAN_BAN && b->lifted == TIME_NONE && end_to_sql(b->until) > s->counts.time;
}

static void count(struct store *s, const struct ban *b, int64_t more) {
	if (!s->counts.known || !is_counted(s, b))
		return;
	if (b->pending)
		s->counts.pending += more;
	else
		s->counts.bans += more;
}

static int count_between(struct store *s, bool pending, int64_t after, int64_t upto, int64_t *n, struct err *err) {
	static const char sql[] =
		"SELECT count(*) FROM ban WHERE kind = 0 AND lifted = 0 AND pending = ? AND until > ? AND until <= ?";
	struct query *q = db_query(s->db, sql, err);
	int step;

	db_bind(q, pending);
	db_bind(q, after);
	db_bind(q, upto);
	step = db_step(q, err);
	if (step == 1)
		*n = db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

/* Asked for at every ban that fires: counted once, then kept up by what is put and by what ends between two times. */
int store_ban_counts(struct store *s, int64_t time, int64_t *bans, int64_t *pending, struct err *err) {
	int64_t between[2];
	bool back = s->counts.known && time < s->counts.time;
	int64_t from = back ? time : s->counts.time;
	int64_t to = back ? s->counts.time : time;

	if (!s->counts.known) {
		if (count_between(s, false, time, INT64_MAX, &s->counts.bans, err) != 0 ||
		    count_between(s, true, time, INT64_MAX, &s->counts.pending, err) != 0)
			return -1;
	} else if (from < to) {
		if (count_between(s, false, from, to, &between[0], err) != 0 ||
		    count_between(s, true, from, to, &between[1], err) != 0)
			return -1;
		s->counts.bans += back ? between[0] : -between[0];
		s->counts.pending += back ? between[1] : -between[1];
	}
	s->counts.known = true;
	s->counts.time = time;
	*bans = s->counts.bans;
	*pending = s->counts.pending;
	return 0;
}

/* ---- writing ---- */

static int old_ban(struct store *s, int64_t id, struct ban *out, struct err *err) {
	static const char sql[] = "SELECT " BAN_COLUMNS " FROM ban b WHERE b.id = ?";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, id);
	return one_ban(q, out, err);
}

static bool same_effect(const struct ban *a, const struct ban *b) {
	return a->kind == b->kind && prefix_same(a->at, b->at) && a->until == b->until && a->pending == b->pending &&
	       a->lifted == b->lifted;
}

int store_ban_put(struct store *s, struct ban *b, struct err *err) {
	static const char add[] = "INSERT INTO ban (kind, base, bits, cause, start, until, level, proven, pending, lifted,"
							  " installed, packets, bytes, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	static const char change[] =
		"UPDATE ban SET kind = ?, base = ?, bits = ?, cause = ?, start = ?, until = ?, level = ?, proven = ?,"
		" pending = ?, lifted = ?, installed = ?, packets = ?, bytes = ?, comment = ? WHERE id = ?";
	struct query *q;
	struct ban old = {.id = 0};
	int found = b->id == 0 ? 0 : old_ban(s, b->id, &old, err);

	if (found < 0)
		return -1;
	if (b->id != 0 && found == 0)
		return err_set(err, ERR_NEGATIVE, "ban %lld is not there any more", (long long)b->id);
	q = db_query(s->db, b->id == 0 ? add : change, err);
	db_bind(q, b->kind);
	db_bind_prefix(q, b->at);
	db_bind_text(q, slice_of(b->trigger));
	db_bind(q, b->start);
	db_bind(q, end_to_sql(b->until));
	db_bind(q, b->level);
	db_bind(q, b->proven);
	db_bind(q, b->pending);
	db_bind(q, b->lifted);
	db_bind(q, b->installed);
	db_bind(q, (int64_t)b->packets);
	db_bind(q, (int64_t)b->bytes);
	db_bind_text(q, slice_of(b->comment));
	if (b->id != 0)
		db_bind(q, b->id);
	if (db_run(q, err) != 0)
		return -1;
	if (b->id == 0)
		b->id = db_last_id(s->db);
	if (found == 1)
		count(s, &old, -1);
	count(s, b, 1);
	if (b->kind == BAN_BAN)
		store_hint(s, b->at, b->until);
	else
		s->others.some = true;
	store_told_forget(s, b->at);
	if (found == 1)
		store_told_forget(s, old.at);
	if (b->pending && b->start < s->waiting.start)
		s->waiting.start = b->start;
	if (found == 0 || !same_effect(&old, b)) {
		store_ban_changed(s, b->at);
		if (found == 1 && !prefix_same(old.at, b->at))
			store_ban_changed(s, old.at);
	}
	return 0;
}

int store_ban_installed(struct store *s, int64_t id, int64_t time, struct err *err) {
	struct query *q = db_query(s->db, "UPDATE ban SET installed = ? WHERE id = ?", err);

	store_told_clear(s);
	db_bind(q, time);
	db_bind(q, id);
	return db_run(q, err);
}

/* What ended before a time counts in no sum of later times; the counts are kept for times that may be earlier. */
int store_ban_forget(struct store *s, int64_t before, struct err *err) {
	static const char ended[] = "DELETE FROM ban WHERE until < ?";
	static const char lifted[] = "DELETE FROM ban WHERE lifted <> 0 AND lifted < ?";
	const char *const both[] = {ended, lifted};

	for (unsigned i = 0; i < 2; i++) {
		struct query *q = db_query(s->db, both[i], err);

		db_bind(q, before);
		if (db_run(q, err) != 0)
			return -1;
	}
	if (s->counts.time < before)
		s->counts.known = false;
	return 0;
}

/* ---- reading ---- */

/* Those in force before those that are pending, then what ends last, then what was made first. */
static bool is_before(const struct ban *a, const struct ban *b) {
	if (a->pending != b->pending)
		return b->pending;
	if (a->until != b->until)
		return end_to_sql(a->until) > end_to_sql(b->until);
	return a->id < b->id;
}

static int ask_ban(struct store *s, enum ban_kind kind, struct prefix at, const char *trigger, int64_t time,
                   struct ban *out, struct err *err) {
	/* A prefix has few: they are compared here, as SQLite would make a table of its own to sort them. */
	static const char sql[] =
		"SELECT " BAN_COLUMNS " FROM ban b INDEXED BY ban_at WHERE b.kind = ? AND b.base = ? AND b.bits = ?"
		" AND b.until > ? AND b.lifted = 0";
	struct query *q = db_query(s->db, sql, err);
	bool found = false;
	struct ban b;
	int step;

	db_bind(q, kind);
	db_bind_prefix(q, at);
	db_bind(q, time);
	while ((step = db_step(q, err)) == 1) {
		if (trigger && !slice_is(db_text(q, 4), trigger))
			continue;
		read_ban(q, &b);
		if (!found || is_before(&b, out))
			*out = b;
		found = true;
	}
	db_end(q);
	return step < 0 ? -1 : found;
}

int store_ban(struct store *s, enum ban_kind kind, struct prefix at, const char *trigger, int64_t time, struct ban *out,
              struct err *err) {
	int found = kind == BAN_BAN ? store_may_ban(s, at, time, err) : 1;
	struct ban b;

	if (found <= 0)
		return found;
	if (kind != BAN_BAN || !store_told(s, at, trigger, time, &found, &b)) {
		found = ask_ban(s, kind, at, trigger, time, &b, err);
		if (found >= 0 && kind == BAN_BAN)
			store_tell(s, at, trigger, time, found, &b);
	}
	if (found == 1)
		*out = b;
	return found;
}

int store_bans_at(struct store *s, struct prefix at, int64_t time, int (*each)(void *context, const struct ban *b),
                  void *context, struct err *err) {
	static const char sql[] = "SELECT " BAN_COLUMNS " FROM ban b INDEXED BY ban_order WHERE b.base = ? AND b.bits = ?"
							  " AND b.until > ? AND b.lifted = 0 ORDER BY b.id";
	struct query *q = db_query(s->db, sql, err);
	struct ban b;
	int step;

	db_bind_prefix(q, at);
	db_bind(q, time);
	while ((step = db_step(q, err)) == 1) {
		read_ban(q, &b);
		step = each(context, &b);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_ban_count(struct store *s, enum ban_kind kind, struct prefix at, int64_t time, uint64_t packets,
                    uint64_t bytes, struct err *err) {
	static const char sql[] =
		"UPDATE ban SET packets = ?1, bytes = ?2 WHERE packets < ?1 AND id = (SELECT id FROM ban WHERE kind = ?3"
		" AND base = ?4 AND bits = ?5 AND pending = 0 ORDER BY lifted = 0 AND until > ?6 DESC, until DESC, id LIMIT 1)";
	struct query *q = db_query(s->db, sql, err);

	store_told_forget(s, at);
	db_bind(q, (int64_t)packets);
	db_bind(q, (int64_t)bytes);
	db_bind(q, kind);
	db_bind_prefix(q, at);
	db_bind(q, time);
	return db_run(q, err);
}

/* Most sites neither block nor allow anybody: 1 where somebody may be, 0, -1. */
static int may_be_other(struct store *s, struct err *err) {
	struct query *q;
	int step;

	if (s->others.known)
		return s->others.some;
	q = db_query(s->db, "SELECT EXISTS (SELECT 1 FROM ban WHERE kind > 0)", err);
	step = db_step(q, err);
	if (step == 1) {
		s->others.some = db_int(q, 0) != 0;
		s->others.known = true;
	}
	db_end(q);
	return step == 1 ? s->others.some : -1;
}

int store_ban_of(struct store *s, enum ban_kind kind, struct addr ip, int64_t time, struct ban *out, struct err *err) {
	static const char sql[] =
		SQL_LENGTHS("ban", "kind = ?1") "SELECT " BAN_COLUMNS " FROM l CROSS JOIN ban b ON b.kind = ?1"
										" AND b.bits = l.bits AND b.base = masked(?2, l.bits)"
										" WHERE b.until > ?3 AND b.lifted = 0"
										" ORDER BY b.pending, b.until DESC, b.id LIMIT 1";
	int may = kind == BAN_BAN ? store_may_ban_of(s, ip, time, err) : may_be_other(s, err);
	struct query *q;

	if (may <= 0)
		return may;
	q = db_query(s->db, sql, err);
	db_bind(q, kind);
	db_bind_addr(q, ip);
	db_bind(q, time);
	return one_ban(q, out, err);
}

/* Pending bans that ended stand at the head of the index for days: where the last search began to find, the next one starts. */
int store_bans_pending(struct store *s, int64_t time, uint32_t max, struct ban *out, uint32_t *n, struct err *err) {
	static const char sql[] = "SELECT " BAN_COLUMNS " FROM ban b INDEXED BY ban_pending WHERE b.kind = 0"
							  " AND b.lifted = 0 AND b.pending = 1 AND b.start >= ?1 AND b.until > ?2"
							  " ORDER BY b.start, b.id LIMIT ?3";
	struct query *q = db_query(s->db, sql, err);
	uint32_t found = 0;
	int step;

	db_bind(q, time >= s->waiting.time ? s->waiting.start : INT64_MIN);
	db_bind(q, time);
	db_bind(q, max);
	while ((step = db_step(q, err)) == 1)
		read_ban(q, &out[found++]);
	db_end(q);
	if (step != 0)
		return -1;
	if (max > 0) {
		s->waiting.time = time;
		s->waiting.start = found > 0 ? out[0].start : INT64_MAX;
	}
	*n = found;
	return 0;
}

int store_ban_unproven(struct store *s, int64_t time, struct ban *out, struct err *err) {
	static const char sql[] = "SELECT " BAN_COLUMNS " FROM ban b INDEXED BY ban_unproven WHERE b.kind = 0"
							  " AND b.lifted = 0 AND b.pending = 0 AND b.proven = 0 AND b.until > ?"
							  " ORDER BY b.until, b.id LIMIT 1";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, time);
	return one_ban(q, out, err);
}

int store_ban_any(struct store *s, enum ban_kind kind, int64_t time, struct err *err) {
	static const char sql[] = "SELECT 1 FROM ban INDEXED BY ban_until WHERE kind = ? AND lifted = 0"
							  " AND pending IN (0, 1) AND until > ? LIMIT 1";
	struct query *q = db_query(s->db, sql, err);
	int step;

	db_bind(q, kind);
	db_bind(q, time);
	step = db_step(q, err);
	db_end(q);
	return step;
}

int store_ban_level(struct store *s, const char *trigger, struct prefix at, int64_t since, uint32_t *level,
                    struct err *err) {
	static const char sql[] = "SELECT count(*) FROM ban WHERE kind = 0 AND base = ? AND bits = ? AND cause = ?"
							  " AND until >= ? AND lifted = 0";
	struct query *q = db_query(s->db, sql, err);
	int step;

	db_bind_prefix(q, at);
	db_bind_text(q, slice_of(trigger));
	db_bind(q, since);
	step = db_step(q, err);
	if (step == 1)
		*level = (uint32_t)db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

int store_bans_brief(struct store *s, int64_t time, int (*each)(void *context, const struct ban *b, struct err *err),
                     void *context, struct err *err) {
	static const char sql[] =
		"SELECT id, kind, base, bits, start, until, pending, installed, packets, bytes FROM ban INDEXED BY ban_until"
		" WHERE kind IN (0, 1, 2) AND lifted = 0 AND pending IN (0, 1) AND until > ?";
	struct query *q = db_query(s->db, sql, err);
	struct ban b = {.id = 0};
	int step;

	db_bind(q, time);
	while ((step = db_step(q, err)) == 1) {
		b.id = db_int(q, 0);
		b.kind = ban_kind_of(db_int(q, 1));
		b.at = db_prefix(q, 2);
		b.start = db_int(q, 4);
		b.until = end_of_sql(db_int(q, 5));
		b.pending = db_int(q, 6) != 0;
		b.installed = db_int(q, 7);
		b.packets = (uint64_t)db_int(q, 8);
		b.bytes = (uint64_t)db_int(q, 9);
		step = each(context, &b, err);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

/* The next page behind `last` (its id 0: from the start). */
static int read_page(struct store *s, int64_t time, bool past, const struct ban *last, struct ban *page, unsigned *n,
                     struct err *err) {
	static const char live[] = "SELECT " BAN_COLUMNS " FROM ban b INDEXED BY ban_order"
							   " WHERE (b.base, b.bits, b.id) > (?1, ?2, ?3) AND b.until > ?4 AND b.lifted = 0"
							   " ORDER BY b.base, b.bits, b.id LIMIT ?5";
	static const char all[] = "SELECT " BAN_COLUMNS " FROM ban b WHERE b.id < ?1 ORDER BY b.id DESC LIMIT ?2";
	struct query *q = db_query(s->db, past ? all : live, err);
	int step;

	if (past) {
		db_bind(q, last->id == 0 ? INT64_MAX : last->id);
	} else {
		db_bind_prefix(q, last->at);
		db_bind(q, last->id);
		db_bind(q, time);
	}
	db_bind(q, PAGE);
	*n = 0;
	while ((step = db_step(q, err)) == 1)
		read_ban(q, &page[(*n)++]);
	db_end(q);
	return step;
}

int store_bans(struct store *s, int64_t time, bool past,
               int (*each)(void *context, const struct ban *b, struct err *err), void *context, struct err *err) {
	return store_bans_from(s, time, past, &(struct ban){.id = 0}, each, context, err);
}

int store_bans_from(struct store *s, int64_t time, bool past, const struct ban *from,
                    int (*each)(void *context, const struct ban *b, struct err *err), void *context, struct err *err) {
	struct ban *page = malloc(PAGE * sizeof(*page));
	struct ban last = *from;
	unsigned n = 0;
	int done = 0;

	if (!page)
		return err_set(err, ERR_SYSTEM, "out of memory");
	do {
		done = read_page(s, time, past, &last, page, &n, err);
		for (unsigned i = 0; i < n && done == 0; i++)
			done = each(context, &page[i], err);
		if (n > 0)
			last = page[n - 1];
	} while (done == 0 && n == PAGE);
	free(page);
	return done;
}
