#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* How many devices stand how, kept up with each change of one, so that nobody need look at all of them. What ends by time alone, and what is
 * told by name, has a row (kind, time, mac); the rest are named numbers. */
enum kind {
	KIND_NEW,            /* time: created. Those that adopt never end, and have none */
	KIND_UNLOCKED,       /* until when, the last time there is for no end */
	KIND_UNLOCKED_STALE, /* the same, of those that are stale then */
	KIND_UNLOCKED_LONG,  /* by an account-wide unlock without end: since when. A second row */
	KIND_EXPOSED         /* time 0: by MAC */
};

#define ROWS_MAX 3 /* of a device */
#define MADE     "standing.made"

static const char *const names[] = {"standing.new",   "standing.unlocked", "standing.held",
                                    "standing.stale", "standing.custom",   "standing.moved"};
enum { COUNT_NEW, COUNT_UNLOCKED, COUNT_HELD, COUNT_STALE, COUNT_CUSTOM, COUNT_MOVED, COUNTS };

struct facts {
	bool counted[COUNTS];
	unsigned n;
	struct row {
		enum kind kind;
		int64_t time;
	} rows[ROWS_MAX];
};

static struct facts facts_of(const struct device *d) {
	struct facts f = {.n = 0};

	if (!d || d->removed != TIME_NONE)
		return f;
	f.counted[COUNT_NEW] = d->state == DEVICE_NEW;
	f.counted[COUNT_UNLOCKED] = d->state == DEVICE_UNLOCKED;
	f.counted[COUNT_HELD] = d->state == DEVICE_HELD;
	f.counted[COUNT_STALE] = d->state == DEVICE_LOCKED && d->reason == REASON_STALE;
	f.counted[COUNT_CUSTOM] = d->custom;
	f.counted[COUNT_MOVED] = d->nmoved > 0;
	if (d->state == DEVICE_NEW && !d->adopt)
		f.rows[f.n++] = (struct row){KIND_NEW, d->created};
	if (d->state == DEVICE_UNLOCKED)
		f.rows[f.n++] = (struct row){d->lapsed_reason == REASON_STALE ? KIND_UNLOCKED_STALE : KIND_UNLOCKED,
		                             end_to_sql(d->unlock_end)};
	if (d->state == DEVICE_UNLOCKED && d->unlock_account && d->unlock_end == TIME_NONE)
		f.rows[f.n++] = (struct row){KIND_UNLOCKED_LONG, d->unlock_start};
	if (d->exposed != TIME_NONE)
		f.rows[f.n++] = (struct row){KIND_EXPOSED, 0};
	return f;
}

static bool has_row(const struct facts *f, struct row row) {
	for (unsigned i = 0; i < f->n; i++)
		if (f->rows[i].kind == row.kind && f->rows[i].time == row.time)
			return true;
	return false;
}

static int put_row(struct store *s, const char *sql, struct row row, uint64_t mac, struct err *err) {
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, row.kind);
	db_bind(q, row.time);
	db_bind(q, (int64_t)mac);
	return db_run(q, err);
}

int store_standing_put(struct store *s, uint64_t mac, const struct device *old, const struct device *new,
                       struct err *err) {
	static const char add[] = "INSERT OR IGNORE INTO standing (kind, time, mac) VALUES (?, ?, ?)";
	static const char drop[] = "DELETE FROM standing WHERE kind = ? AND time = ? AND mac = ?";
	struct facts was = facts_of(old), is = facts_of(new);

	for (unsigned i = 0; i < COUNTS; i++)
		if (is.counted[i] != was.counted[i] && store_add(&s->numbers, names[i], is.counted[i] ? 1 : -1, err) != 0)
			return -1;
	for (unsigned i = 0; i < was.n; i++)
		if (!has_row(&is, was.rows[i]) && put_row(s, drop, was.rows[i], mac, err) != 0)
			return -1;
	for (unsigned i = 0; i < is.n; i++)
		if (!has_row(&was, is.rows[i]) && put_row(s, add, is.rows[i], mac, err) != 0)
			return -1;
	return 0;
}

static int make_one(void *context, const struct device *d, struct err *err) {
	return store_standing_put(context, d->mac, NULL, d, err);
}

int store_standing_make(struct store *s, struct err *err) {
	const struct device_filter all = {.shard = -1};
	int64_t made;

	if (store_number(s, MADE, &made, err) != 0)
		return -1;
	if (made != 0)
		return 0;
	if (store_begin(s, err) != 0)
		return -1;
	if (store_devices(s, &all, make_one, s, err) == 0 && store_set_number(s, MADE, 1, err) == 0 &&
	    store_commit(s, err) == 0)
		return 0;
	store_rollback(s);
	return err_prefix(err, "counting the devices");
}

/* ---- asking ---- */

static int count_upto(struct store *s, enum kind kind, int64_t upto, int64_t *n, struct err *err) {
	struct query *q = db_query(s->db, "SELECT count(*) FROM standing WHERE kind = ? AND time <= ?", err);
	int step;

	db_bind(q, kind);
	db_bind(q, upto);
	step = db_step(q, err);
	if (step == 1)
		*n = db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

static int name_upto(struct store *s, enum kind kind, int64_t upto, struct device_named *out, struct err *err) {
	static const char sql[] = "SELECT mac FROM standing WHERE kind = ? AND time <= ? ORDER BY time, mac LIMIT ?";
	struct query *q;
	unsigned n = 0;
	int step;

	if (count_upto(s, kind, upto, &out->n, err) != 0)
		return -1;
	q = db_query(s->db, sql, err);
	db_bind(q, kind);
	db_bind(q, upto);
	db_bind(q, DEVICE_NAMED);
	while ((step = db_step(q, err)) == 1)
		out->first[n++] = (uint64_t)db_int(q, 0);
	db_end(q);
	return step;
}

int store_device_sums(struct store *s, int64_t time, int64_t long_open, struct device_sums *out, struct err *err) {
	struct device_sums sums = {.devices = store_device_count(s)};
	int64_t counts[COUNTS], late, lapsed, lapsed_stale;

	for (unsigned i = 0; i < COUNTS; i++)
		if (store_number(s, names[i], &counts[i], err) != 0)
			return -1;
	if (count_upto(s, KIND_NEW, time - s->conf->devices.new_for, &late, err) != 0 ||
	    count_upto(s, KIND_UNLOCKED, time, &lapsed, err) != 0 ||
	    count_upto(s, KIND_UNLOCKED_STALE, time, &lapsed_stale, err) != 0 ||
	    name_upto(s, KIND_UNLOCKED_LONG, time - long_open - 1, &sums.long_open, err) != 0 ||
	    name_upto(s, KIND_EXPOSED, 0, &sums.exposed, err) != 0)
		return -1;
	sums.by_state[DEVICE_NEW] = counts[COUNT_NEW] - late;
	sums.by_state[DEVICE_UNLOCKED] = counts[COUNT_UNLOCKED] - lapsed - lapsed_stale;
	sums.by_state[DEVICE_HELD] = counts[COUNT_HELD];
	sums.by_state[DEVICE_LOCKED] =
		sums.devices - sums.by_state[DEVICE_NEW] - sums.by_state[DEVICE_UNLOCKED] - sums.by_state[DEVICE_HELD];
	sums.stale = counts[COUNT_STALE] + late + lapsed_stale;
	sums.custom = counts[COUNT_CUSTOM];
	sums.moved = counts[COUNT_MOVED];
	*out = sums;
	return 0;
}
