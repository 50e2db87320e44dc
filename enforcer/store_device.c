#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* `seen` is written behind: a poll that changes nothing else costs a row at most this often. It is lost with the process up to then. */
#define SEEN_BEHIND DAY

#define PAGE 64 /* devices that store_devices holds at a time */

static const char *const reason_names[REASONS] = {
	"new", "unlocked", "provisioned", "stale", "reused", "manual", "account", "suspicious", "held",
};

static const char *const state_names[] = {"new", "locked", "unlocked", "held"};

const char *reason_name(enum reason reason) {
	return reason_names[reason];
}

const char *device_state_name(enum device_state state) {
	return state_names[state];
}

/* ---- the line ---- */

static void put_home(const struct homes *homes, const struct conf *conf, struct buf *out) {
	struct prefix put[DEVICE_HOMES_MAX];
	char text[PREFIX_TEXT];
	uint32_t n = 0, k;

	for (uint32_t i = 0; i < homes->n; i++) {
		const struct home *h = &homes->at[i];
		struct prefix p = h->kind == HOME_GIVEN ? h->at : conf_home_of(conf, h->at.base);

		for (k = 0; k < n && !prefix_same(put[k], p); k++)
			;
		if (k < n)
			continue;
		if (n > 0)
			buf_byte(out, ',');
		put[n++] = p;
		prefix_print(p, text);
		buf_text(out, text);
	}
	if (n == 0)
		buf_byte(out, '-');
}

void device_line(const struct device *d, const struct conf *conf, struct buf *out) {
	const char *reason = reason_names[d->reason];
	int64_t until = TIME_NONE;
	bool open = d->removed == TIME_NONE && (d->state == DEVICE_NEW || d->state == DEVICE_UNLOCKED);

	if (d->removed != TIME_NONE) {
		buf_text(out, "locked - - manual ");
		buf_text(out, d->account);
		return;
	}
	if (d->state == DEVICE_NEW) {
		until = d->adopt ? TIME_NONE : d->created + conf->devices.new_for;
		reason = reason_names[REASON_NEW];
	} else if (d->state == DEVICE_UNLOCKED) {
		until = d->unlock_end;
		reason = reason_names[REASON_UNLOCKED];
	} else if (d->state == DEVICE_HELD) {
		reason = reason_names[REASON_HELD];
	}
	if (open && until != TIME_NONE)
		buf_printf(out, "open %lld ", (long long)until);
	else
		buf_text(out, open ? "open - " : "locked - ");
	put_home(&d->homes, conf, out);
	buf_byte(out, ' ');
	buf_text(out, reason);
	buf_byte(out, ' ');
	buf_text(out, d->account);
}

/* ---- reading ---- */

static int corrupt(uint64_t mac, struct err *err) {
	char text[MAC_TEXT];

	mac_print(mac, text);
	return err_set(err, ERR_SYSTEM,
	               "the state is corrupt: device %s cannot be read; `provctl recover` brings back the last backup",
	               text);
}

/* 1 with *out on the shelf (or, where memory is short, NULL), and the device; 0: no such row. */
static int find(struct store *s, uint64_t mac, struct shelved **out, struct device *d, struct err *err) {
	static const char sql[] = "SELECT published, seen, data FROM device WHERE mac = ?";
	struct shelved *on = shelf_get(&s->shelf, mac);
	struct query *q;
	int step;

	if (on && on->n == 0)
		return 0;
	if (on) {
		if (device_decode(mac, (struct slice){on->bytes, on->n}, d) != 0)
			return corrupt(mac, err);
		d->published = on->published;
		d->seen = on->seen;
		*out = on;
		return 1;
	}
	q = db_query(s->db, sql, err);
	db_bind(q, (int64_t)mac);
	step = db_step(q, err);
	if (step == 1 && device_decode(mac, db_text(q, 2), d) != 0)
		step = corrupt(mac, err);
	if (step == 0)
		(void)shelf_put(&s->shelf, mac, (struct slice){0}); /* asked for again at once, and then perhaps made */
	if (step == 1) {
		d->published = db_int(q, 0);
		d->seen = db_int(q, 1);
		on = shelf_put(&s->shelf, mac, db_text(q, 2));
		if (on) {
			on->published = d->published;
			on->seen = on->seen_stored = d->seen;
		}
		*out = on;
	}
	db_end(q);
	return step;
}

int store_device(struct store *s, uint64_t mac, struct device *out, struct err *err) {
	uint32_t seen = memo_seen(s->memo, mac);
	struct shelved *on;
	struct device d;
	int found = find(s, mac, &on, &d, err);

	if (found == 1) {
		*out = d;
		if (out->seen < seen)
			out->seen = seen;
	}
	return found;
}

int64_t store_device_count(struct store *s) {
	const struct tally *tally = tally_find(&s->numbers, "devices", false);

	return tally ? tally->value : 0;
}

/* What follows in a page, by the index that the filter asks for. */
static struct query *page_query(struct store *s, const struct device_filter *f, uint64_t from, struct err *err) {
#define SELECT_PAGE "SELECT mac, published, seen, data FROM device WHERE mac >= ?1 AND (removed = 0 OR ?2) "
	static const char all[] = SELECT_PAGE "ORDER BY mac LIMIT ?3";
	static const char of_account[] = SELECT_PAGE "AND account = ?4 ORDER BY mac LIMIT ?3";
	static const char of_shard[] = SELECT_PAGE "AND mac & 255 = ?4 ORDER BY mac LIMIT ?3";
	struct query *q = db_query(s->db, f->account ? of_account : f->shard >= 0 ? of_shard : all, err);

	db_bind(q, (int64_t)from);
	db_bind(q, f->removed);
	db_bind(q, PAGE);
	if (f->account)
		db_bind_text(q, slice_of(f->account));
	else if (f->shard >= 0)
		db_bind(q, f->shard);
	return q;
}

/* Fills a page; the rows are not put on the shelf, so that a listing does not empty it. */
static int read_page(struct store *s, struct query *q, struct device *page, unsigned *n, struct err *err) {
	const struct shelved *on;
	int step;

	*n = 0;
	while ((step = db_step(q, err)) == 1) {
		struct device *d = &page[*n];
		uint64_t mac = (uint64_t)db_int(q, 0);

		if (device_decode(mac, db_text(q, 3), d) != 0) {
			step = corrupt(mac, err);
			break;
		}
		on = shelf_get(&s->shelf, mac);
		d->published = db_int(q, 1);
		d->seen = on ? on->seen : db_int(q, 2);
		if (d->seen < memo_seen(s->memo, mac))
			d->seen = memo_seen(s->memo, mac);
		++*n;
	}
	db_end(q);
	return step;
}

int store_devices(struct store *s, const struct device_filter *filter,
                  int (*each)(void *context, const struct device *d, struct err *err), void *context, struct err *err) {
	struct device *page = malloc(PAGE * sizeof(*page));
	uint64_t from = filter->from;
	unsigned n = 0;
	int done = 0;

	if (!page)
		return err_set(err, ERR_SYSTEM, "out of memory");
	do {
		done = read_page(s, page_query(s, filter, from, err), page, &n, err);
		for (unsigned i = 0; i < n && done == 0; i++)
			if (!filter->account || filter->shard < 0 || (int)(page[i].mac & 0xff) == filter->shard)
				done = each(context, &page[i], err);
		if (n > 0)
			from = page[n - 1].mac + 1;
	} while (done == 0 && n == PAGE);
	free(page);
	return done;
}

/* Paged by shard and MAC: the index that holds the few of them is in that order. */
static struct query *unpublished_query(struct store *s, unsigned shard, uint64_t from, struct err *err) {
	static const char sql[] = "SELECT mac, published, seen, data FROM device INDEXED BY device_unpublished"
							  " WHERE mac & 255 = ? AND published = 0 AND mac >= ? ORDER BY mac LIMIT ?";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, shard);
	db_bind(q, (int64_t)from);
	db_bind(q, PAGE);
	return q;
}

int store_devices_unpublished(struct store *s, int shard,
                              int (*each)(void *context, const struct device *d, struct err *err), void *context,
                              struct err *err) {
	struct device *page = malloc(PAGE * sizeof(*page));
	int done = 0;

	if (!page)
		return err_set(err, ERR_SYSTEM, "out of memory");
	for (int i = shard < 0 ? 0 : shard; i < (shard < 0 ? SHARDS : shard + 1) && done == 0; i++) {
		uint64_t from = 0;
		unsigned n;

		do {
			done = read_page(s, unpublished_query(s, (unsigned)i, from, err), page, &n, err);
			for (unsigned k = 0; k < n && done == 0; k++)
				done = each(context, &page[k], err);
			if (n > 0)
				from = page[n - 1].mac + 1;
		} while (done == 0 && n == PAGE);
	}
	free(page);
	return done;
}

int store_devices_due(struct store *s, int64_t unused, int64_t removed, uint64_t *macs, uint32_t max, uint32_t *n,
                      struct err *err) {
	static const char sql[] = "SELECT mac FROM home INDEXED BY home_used WHERE used <> 0 AND used < ?1"
							  " UNION SELECT mac FROM device INDEXED BY device_removed WHERE removed <> 0 AND removed "
							  "< ?2 ORDER BY mac LIMIT ?3";
	struct query *q = db_query(s->db, sql, err);
	uint32_t found = 0;
	int step;

	db_bind(q, unused);
	db_bind(q, removed);
	db_bind(q, max);
	while ((step = db_step(q, err)) == 1)
		macs[found++] = (uint64_t)db_int(q, 0);
	db_end(q);
	if (step == 0)
		*n = found;
	return step;
}

/* ---- writing ---- */

static bool same_homes(const struct homes *a, const struct homes *b) {
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!prefix_same(a->at[i].at, b->at[i].at) || a->at[i].kind != b->at[i].kind ||
		    a->at[i].backed != b->at[i].backed || a->at[i].added != b->at[i].added ||
		    (a->at[i].kind == HOME_POLL && a->at[i].used != b->at[i].used))
			return false;
	return true;
}

static int drop_homes_of(struct store *s, const struct device *old, struct err *err) {
	static const char sql[] = "DELETE FROM home WHERE base = ? AND bits = ? AND mac = ?";

	for (uint32_t i = 0; i < old->homes.n; i++) {
		struct query *q = db_query(s->db, sql, err);

		db_bind_prefix(q, old->homes.at[i].at);
		db_bind(q, (int64_t)old->mac);
		if (db_run(q, err) != 0)
			return -1;
	}
	return 0;
}

static int put_homes_of(struct store *s, const struct device *old, const struct device *d, struct err *err) {
	static const char add[] =
		"INSERT OR IGNORE INTO home (base, bits, mac, given, backed, added, used) VALUES (?, ?, ?, ?, ?, ?, ?)";
	struct query *q;

	if (drop_homes_of(s, old, err) != 0)
		return -1;
	for (uint32_t i = 0; i < d->homes.n && d->removed == TIME_NONE; i++) {
		const struct home *h = &d->homes.at[i];

		if (h->at.bits < 128)
			store_places_forget(s);
		store_dwell(s, h->at.base);
		q = db_query(s->db, add, err);
		db_bind_prefix(q, h->at);
		db_bind(q, (int64_t)d->mac);
		db_bind(q, h->kind == HOME_GIVEN);
		db_bind(q, h->backed || h->kind == HOME_GIVEN);
		db_bind(q, h->added);
		db_bind(q, h->kind == HOME_POLL ? (h->used ? h->used : 1) : 0);
		if (db_run(q, err) != 0)
			return -1;
	}
	return 0;
}

static int put_row(struct store *s, const struct device *d, int64_t published, struct err *err) {
	static const char sql[] =
		"INSERT INTO device (mac, account, removed, published, seen, data) VALUES (?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (mac) DO UPDATE SET account = excluded.account, removed = excluded.removed,"
		" published = excluded.published, seen = excluded.seen, data = excluded.data";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, (int64_t)d->mac);
	db_bind_text(q, slice_of(d->account));
	db_bind(q, d->removed);
	db_bind(q, published);
	db_bind(q, d->seen);
	db_bind_bytes(q, s->code.p, s->code.n);
	return db_run(q, err);
}

static int put_seen(struct store *s, const struct device *d, struct shelved *on, int64_t published, struct err *err) {
	static const char sql[] = "UPDATE device SET seen = ?, published = ? WHERE mac = ?";
	struct query *q;

	if (on && on->published == published && d->seen - on->seen_stored < SEEN_BEHIND &&
	    on->seen_stored - d->seen < SEEN_BEHIND) {
		on->seen = d->seen;
		return 0;
	}
	q = db_query(s->db, sql, err);
	db_bind(q, d->seen);
	db_bind(q, published);
	db_bind(q, (int64_t)d->mac);
	if (db_run(q, err) != 0)
		return -1;
	if (on) {
		on->seen = on->seen_stored = d->seen;
		on->published = published;
	}
	return 0;
}

static bool same_line(struct store *s, const struct device *old, const struct device *d) {
	buf_clear(&s->line_old);
	buf_clear(&s->line_new);
	device_line(old, s->conf, &s->line_old);
	device_line(d, s->conf, &s->line_new);
	return slice_same((struct slice){s->line_old.p, s->line_old.n}, (struct slice){s->line_new.p, s->line_new.n});
}

int store_device_put(struct store *s, const struct device *d, struct err *err) {
	struct shelved *on = NULL;
	struct device old = {.mac = d->mac};
	bool changed;
	int64_t present = d->removed == TIME_NONE;
	int found = find(s, d->mac, &on, &old, err);

	assert(s->conf && account_is_sound(slice_of(d->account)));
	assert(d->homes.n <= DEVICE_HOMES_MAX && d->before.homes.n <= DEVICE_HOMES_MAX && d->nmoved <= DEVICE_MOVED_MAX);
	if (found < 0)
		return -1;
	buf_clear(&s->code);
	device_encode(d, &s->code);
	if (s->code.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (found == 1) {
		struct buf before;
		bool same;

		if (on) {
			same = slice_same((struct slice){on->bytes, on->n}, (struct slice){s->code.p, s->code.n});
		} else {
			buf_init(&before, s->code.max);
			device_encode(&old, &before);
			same = slice_same((struct slice){before.p, before.n}, (struct slice){s->code.p, s->code.n});
			buf_release(&before);
		}
		if (same)
			return put_seen(s, d, on, d->published, err);
		present -= old.removed == TIME_NONE;
	}
	changed = found == 0 || !same_line(s, &old, d);
	memo_drop(s->memo, d->mac);
	if (put_row(s, d, changed ? 0 : d->published, err) != 0 || store_add(&s->numbers, "devices", present, err) != 0 ||
	    store_standing_put(s, d->mac, found == 1 ? &old : NULL, d, err) != 0 || store_glance_put(s, d, err) != 0)
		return -1;
	if ((found == 0 || old.removed != d->removed || !same_homes(&old.homes, &d->homes)) &&
	    put_homes_of(s, &old, d, err) != 0)
		return -1;
	if (d->removed != TIME_NONE && found == 1 && store_users_put(s, d->mac, NULL, 0, err) != 0)
		return -1;
	on = shelf_put(&s->shelf, d->mac, (struct slice){s->code.p, s->code.n});
	if (on) {
		on->seen = on->seen_stored = d->seen;
		on->published = changed ? 0 : d->published;
	}
	if (changed)
		store_mark(s, (unsigned)(d->mac & 0xff));
	return 0;
}

int store_device_delete(struct store *s, uint64_t mac, struct err *err) {
	static const char sql[] = "DELETE FROM device WHERE mac = ?";
	struct shelved *on;
	struct device d;
	struct query *q;
	int found = find(s, mac, &on, &d, err);

	if (found != 1)
		return found;
	if (store_add(&s->numbers, "devices", d.removed == TIME_NONE ? -1 : 0, err) != 0)
		return -1;
	if (store_standing_put(s, mac, &d, NULL, err) != 0 || store_glance_drop(s, mac, err) != 0)
		return -1;
	if (drop_homes_of(s, &d, err) != 0 || store_users_put(s, mac, NULL, 0, err) != 0)
		return -1;
	q = db_query(s->db, sql, err);
	db_bind(q, (int64_t)mac);
	if (db_run(q, err) != 0)
		return -1;
	shelf_drop(&s->shelf, mac);
	memo_drop(s->memo, mac);
	store_mark_whole(s, (unsigned)(mac & 0xff));
	return 0;
}

static int put_published(struct store *s, unsigned shard, int64_t now, struct err *err) {
	static const char sql[] = "UPDATE device SET published = ? WHERE mac & 255 = ? AND published = 0";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, now);
	db_bind(q, shard);
	return db_run(q, err);
}

int store_published(struct store *s, const struct unpublished *done, int64_t now, struct err *err) {
	bool common = done->common && s->parts[PART_COMMON].marked;

	for (unsigned i = 0; i < PARTS; i++) {
		bool is = i < SHARDS ? done->shard[i] : i == PART_COMMON ? done->common : done->bans;

		if (is && s->parts[i].marked) {
			s->parts[i].marked = s->parts[i].whole = false;
			s->parts[i].dirty = true;
		}
		if (!is && i < SHARDS && common && !s->parts[i].marked)
			s->parts[i].marked = s->parts[i].dirty = true;
		if (is && i < SHARDS && now != 0 && put_published(s, i, now, err) != 0)
			return -1;
	}
	if (now != 0)
		shelf_published(&s->shelf, done->shard, now);
	return 0;
}
