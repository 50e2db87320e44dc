#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* What a question for one row answers: 1 where there is one. */
static int exists(struct query *q, struct err *err) {
	int step = db_step(q, err);

	db_end(q);
	return step;
}

/* ---- what may be there at all ---- most sites have no network, no open window, and no home that is a prefix. */

void store_places_forget(struct store *s) {
	s->places.known = false;
}

int store_places(struct store *s, struct err *err) {
	static const char sql[] = "SELECT EXISTS (SELECT 1 FROM home WHERE bits < 128),"
							  " EXISTS (SELECT 1 FROM network WHERE removed = 0),"
							  " (SELECT max(until) FROM \"window\")";
	struct query *q;
	int step;

	if (s->places.known)
		return 0;
	q = db_query(s->db, sql, err);
	step = db_step(q, err);
	if (step == 1) {
		s->places.wide_homes = db_int(q, 0) != 0;
		s->places.networks = db_int(q, 1) != 0;
		s->places.windows_end = db_int(q, 2);
		s->places.known = true;
	}
	db_end(q);
	return step == 1 ? 0 : -1;
}

/* ---- networks ---- */

int store_network_put(struct store *s, const struct network *n, struct err *err) {
	static const char sql[] =
		"INSERT OR REPLACE INTO network (base, bits, account, added, removed) VALUES (?, ?, ?, ?, ?)";
	struct query *q = db_query(s->db, sql, err);

	store_places_forget(s);
	db_bind_prefix(q, n->at);
	db_bind_text(q, slice_of(n->account));
	db_bind(q, n->added);
	db_bind(q, n->removed);
	if (db_run(q, err) != 0)
		return -1;
	store_mark(s, PART_COMMON);
	return 0;
}

int store_networks(struct store *s, const char *account, bool past, int (*each)(void *context, const struct network *n),
                   void *context, struct err *err) {
#define SELECT_NETWORK "SELECT base, bits, account, added, removed FROM network WHERE (removed = 0 OR ?1)"
	static const char all[] = SELECT_NETWORK " ORDER BY base, bits, account, added";
	static const char of_account[] = SELECT_NETWORK " AND account = ?2 ORDER BY base, bits, account, added";
	struct query *q = db_query(s->db, account ? of_account : all, err);
	struct network n;
	int step;

	db_bind(q, past);
	if (account)
		db_bind_text(q, slice_of(account));
	while ((step = db_step(q, err)) == 1) {
		n.at = db_prefix(q, 0);
		db_copy_text(q, 2, n.account, sizeof(n.account));
		n.added = db_int(q, 3);
		n.removed = db_int(q, 4);
		step = each(context, &n);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_network_has(struct store *s, const char *account, struct addr ip, struct err *err) {
	static const char sql[] = SQL_LENGTHS("network", "1") "SELECT 1 FROM l CROSS JOIN network n ON n.bits = l.bits"
														  " AND n.base = masked(?1, l.bits) WHERE n.removed = 0"
														  " AND (?2 = '' OR n.account = ?2) LIMIT 1";
	struct query *q;

	if (store_places(s, err) < 0)
		return -1;
	if (!s->places.networks)
		return 0;
	q = db_query(s->db, sql, err);
	db_bind_addr(q, ip);
	db_bind_text(q, slice_of(account));
	return exists(q, err);
}

/* ---- windows ---- */

int store_window_put(struct store *s, struct window *w, struct err *err) {
	static const char add[] = "INSERT INTO \"window\" (base, bits, account, start, until) VALUES (?, ?, ?, ?, ?)";
	static const char change[] = "UPDATE \"window\" SET base = ?, bits = ?, account = ?, start = ?, until = ?"
								 " WHERE id = ?";
	struct query *q = db_query(s->db, w->id == 0 ? add : change, err);

	store_places_forget(s);
	db_bind_prefix(q, w->at);
	db_bind_text(q, slice_of(w->account));
	db_bind(q, w->start);
	db_bind(q, w->until);
	if (w->id != 0)
		db_bind(q, w->id);
	if (db_run(q, err) != 0)
		return -1;
	if (w->id == 0)
		w->id = db_last_id(s->db);
	store_mark(s, PART_COMMON);
	store_ban_changed(s, w->at); /* the firewall lets a window's address through */
	return 0;
}

int store_windows(struct store *s, int64_t time, bool past, int (*each)(void *context, const struct window *w),
                  void *context, struct err *err) {
#define SELECT_WINDOW "SELECT id, base, bits, account, start, until FROM \"window\""
	static const char all[] = SELECT_WINDOW " ORDER BY id";
	static const char open[] = SELECT_WINDOW " WHERE until > ? ORDER BY id";
	struct query *q;
	struct window w;
	int step;

	if (store_places(s, err) < 0)
		return -1;
	if (!past && s->places.windows_end <= time)
		return 0;
	q = db_query(s->db, past ? all : open, err);
	if (!past)
		db_bind(q, time);
	while ((step = db_step(q, err)) == 1) {
		w.id = db_int(q, 0);
		w.at = db_prefix(q, 1);
		db_copy_text(q, 3, w.account, sizeof(w.account));
		w.start = db_int(q, 4);
		w.until = db_int(q, 5);
		step = each(context, &w);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_window_has(struct store *s, const char *account, struct addr ip, int64_t time, struct err *err) {
	static const char sql[] =
		SQL_LENGTHS("\"window\"", "1") "SELECT 1 FROM l CROSS JOIN \"window\" w ON w.bits = l.bits"
									   " AND w.base = masked(?1, l.bits) WHERE w.start <= ?2 AND w.until > ?2"
									   " AND (?3 = '' OR w.account IN ('*', ?3)) LIMIT 1";
	struct query *q;

	if (store_places(s, err) < 0)
		return -1;
	if (s->places.windows_end <= time)
		return 0;
	q = db_query(s->db, sql, err);
	db_bind_addr(q, ip);
	db_bind(q, time);
	db_bind_text(q, slice_of(account));
	return exists(q, err);
}

/* ---- pauses ---- */

int store_pause_put(struct store *s, int64_t start, int64_t until, struct err *err) {
	struct query *q = db_query(s->db, "INSERT OR REPLACE INTO pause (start, until) VALUES (?, ?)", err);

	db_bind(q, start);
	db_bind(q, until);
	return db_run(q, err);
}

int store_pause_has(struct store *s, int64_t time, struct err *err) {
	static const char sql[] = "SELECT 1 FROM (SELECT until FROM pause WHERE start <= ?1 ORDER BY start DESC LIMIT 1)"
							  " WHERE ?1 < until";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, time);
	return exists(q, err);
}
