#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* What a row takes beside its texts, indexes included: the sum of sizes is near the file's. */
#define ROW_SIZE 200

#define TRIM_ROWS  1000 /* dropped at a time until the rest fits, */
#define TRIM_SHARE 2048 /* and no more than are too many if each is as large as this */

#define RECORD_COLUMNS                                                                                                 \
	"id, time, what, mac, base, bits, account, rule, detail, line, uid, actor, reason, log, \"offset\", evidence"

int store_record_add(struct store *s, const struct record *r, struct err *err) {
	static const char sql[] =
		"INSERT INTO record (time, what, mac, base, bits, account, rule, detail, line, uid, actor,"
		" reason, log, \"offset\", evidence, size)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	int64_t size = (int64_t)(ROW_SIZE + strlen(r->what) + r->account.n + r->rule.n + r->detail.n + r->line.n +
	                         r->actor.n + r->reason.n + r->log.n + r->evidence.n);
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, r->time);
	db_bind_text(q, slice_of(r->what));
	db_bind(q, (int64_t)r->mac);
	db_bind_prefix(q, r->ip);
	db_bind_text(q, r->account);
	db_bind_text(q, r->rule);
	db_bind_text(q, r->detail);
	db_bind_text(q, r->line);
	db_bind(q, r->uid);
	db_bind_text(q, r->actor);
	db_bind_text(q, r->reason);
	db_bind_text(q, r->log);
	db_bind(q, (int64_t)r->offset);
	db_bind_text(q, r->evidence);
	db_bind(q, size);
	if (db_run(q, err) != 0)
		return -1;
	return store_add(&s->numbers, "record.bytes", size, err);
}

/* The rows that a filter lets through, as what follows FROM; parameters ?1 MAC, ?2 and ?3 the prefix's range, ?4 its bits, ?5 since. */
#define OF_ALL "record WHERE ?1 + ?4 >= 0 AND ?2 <= ?3 AND time >= ?5"
#define OF_MAC "record INDEXED BY record_mac WHERE mac = ?1 AND mac <> 0 AND ?4 >= 0 AND ?2 <= ?3 AND time >= ?5"
#define OF_IP                                                                                                          \
	"record WHERE id IN (SELECT id FROM record INDEXED BY record_ip WHERE base BETWEEN ?2 AND ?3 AND bits <> 0"        \
	" UNION SELECT p.id FROM l CROSS JOIN record p INDEXED BY record_prefix ON p.bits = l.bits"                        \
	" AND p.base = masked(?2, l.bits) WHERE p.bits > 0 AND p.bits < 128 AND l.bits < ?4)"                              \
	" AND (?1 = 0 OR mac = ?1) AND time >= ?5"
#define LENGTHS SQL_LENGTHS("record", "bits > 0 AND bits < 128")

struct filter_sql {
	const char *rows;  /* in time order from (time ?5, id ?6) on */
	const char *bound; /* the row of the newest ?6 that is the oldest */
};

#define FORWARD " AND (time > ?5 OR id >= ?6) ORDER BY time, id"
#define BACK    " ORDER BY time DESC, id DESC LIMIT 1 OFFSET ?6"

static const struct filter_sql of_all = {"SELECT " RECORD_COLUMNS " FROM " OF_ALL FORWARD,
                                         "SELECT time, id FROM " OF_ALL BACK};
static const struct filter_sql of_mac = {"SELECT " RECORD_COLUMNS " FROM " OF_MAC FORWARD,
                                         "SELECT time, id FROM " OF_MAC BACK};
static const struct filter_sql of_ip = {LENGTHS "SELECT " RECORD_COLUMNS " FROM " OF_IP FORWARD,
                                        LENGTHS "SELECT time, id FROM " OF_IP BACK};

#define BEFORE " AND (time, id) < (?6, ?7) ORDER BY time DESC, id DESC"
static const char back_of_all[] = "SELECT " RECORD_COLUMNS " FROM " OF_ALL BEFORE;
static const char back_of_mac[] = "SELECT " RECORD_COLUMNS " FROM " OF_MAC BEFORE;
static const char back_of_ip[] = LENGTHS "SELECT " RECORD_COLUMNS " FROM " OF_IP BEFORE;

static struct query *filtered(struct store *s, const char *sql, const struct record_filter *f, int64_t since,
                              int64_t last, struct err *err) {
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, (int64_t)f->mac);
	db_bind_addr(q, f->ip.base);
	db_bind_addr(q, prefix_last(f->ip));
	db_bind(q, f->ip.bits);
	db_bind(q, since);
	db_bind(q, last);
	return q;
}

static void read_record(const struct query *q, struct record *r, char *what, size_t size) {
	db_copy_text(q, 2, what, size);
	*r = (struct record){.id = db_int(q, 0),
	                     .time = db_int(q, 1),
	                     .what = what,
	                     .mac = (uint64_t)db_int(q, 3),
	                     .ip = db_prefix(q, 4),
	                     .account = db_text(q, 6),
	                     .rule = db_text(q, 7),
	                     .detail = db_text(q, 8),
	                     .line = db_text(q, 9),
	                     .uid = db_int(q, 10),
	                     .actor = db_text(q, 11),
	                     .reason = db_text(q, 12),
	                     .log = db_text(q, 13),
	                     .offset = (uint64_t)db_int(q, 14),
	                     .evidence = db_text(q, 15)};
}

int store_records(struct store *s, const struct record_filter *f,
                  int (*each)(void *context, const struct record *r, struct err *err), void *context, struct err *err) {
	const struct filter_sql *sql = f->ip.bits > 0 ? &of_ip : f->mac != MAC_NONE ? &of_mac : &of_all;
	int64_t since = f->since, first = 0;
	struct record r;
	struct query *q;
	char what[64];
	int step;

	if (f->limit > 0) {
		q = filtered(s, sql->bound, f, f->since, f->limit - 1, err);
		step = db_step(q, err);
		if (step == 1) {
			since = db_int(q, 0);
			first = db_int(q, 1);
		}
		db_end(q);
		if (step < 0)
			return -1;
	}
	q = filtered(s, sql->rows, f, since, first, err);
	while ((step = db_step(q, err)) == 1) {
		read_record(q, &r, what, sizeof(what));
		step = each(context, &r, err);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_records_back(struct store *s, const struct record_filter *f, int64_t time, int64_t id,
                       int (*each)(void *context, const struct record *r, struct err *err), void *context,
                       struct err *err) {
	const char *sql = f->ip.bits > 0 ? back_of_ip : f->mac != MAC_NONE ? back_of_mac : back_of_all;
	struct query *q = filtered(s, sql, f, f->since, time, err);
	struct record r;
	char what[64];
	int step;

	db_bind(q, id);
	while ((step = db_step(q, err)) == 1) {
		read_record(q, &r, what, sizeof(what));
		step = each(context, &r, err);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_record_line(struct store *s, uint64_t mac, int64_t time, char *line, size_t size, int64_t *begins,
                      struct err *err) {
	static const char newest[] =
		"SELECT line FROM record INDEXED BY record_mac WHERE mac = ? AND mac <> 0 AND time <= ?"
		" AND line <> '' ORDER BY time DESC, id DESC LIMIT 1";
	static const char oldest[] = "SELECT min(time) FROM record";
	struct query *q = db_query(s->db, newest, err);
	int found;

	db_bind(q, (int64_t)mac);
	db_bind(q, time);
	found = db_step(q, err);
	if (found == 1)
		db_copy_text(q, 0, line, size);
	db_end(q);
	if (found != 0)
		return found;
	q = db_query(s->db, oldest, err);
	found = db_step(q, err);
	if (found == 1)
		*begins = db_int(q, 0);
	db_end(q);
	return found < 0 ? -1 : 0;
}

static int drop(struct store *s, const char *sum, const char *delete, int64_t upto, struct err *err) {
	struct query *q = db_query(s->db, sum, err);
	int64_t size = 0;
	int step;

	db_bind(q, upto);
	step = db_step(q, err);
	if (step == 1)
		size = db_int(q, 0);
	db_end(q);
	if (step < 0)
		return -1;
	q = db_query(s->db, delete, err);
	db_bind(q, upto);
	if (db_run(q, err) != 0)
		return -1;
	return store_add(&s->numbers, "record.bytes", -size, err);
}

int store_record_trim(struct store *s, int64_t before, int64_t max, struct err *err) {
	static const char old_size[] = "SELECT sum(size) FROM record WHERE time < ?";
	static const char old[] = "DELETE FROM record WHERE time < ?";
	static const char first_size[] = "SELECT sum(size) FROM (SELECT size FROM record ORDER BY time, id LIMIT ?)";
	static const char first[] = "DELETE FROM record WHERE id IN (SELECT id FROM record ORDER BY time, id LIMIT ?)";
	int64_t bytes;

	if (drop(s, old_size, old, before, err) != 0)
		return -1;
	for (;;) {
		int64_t rows;

		if (store_number(s, "record.bytes", &bytes, err) != 0)
			return -1;
		if (bytes <= max)
			return 0;
		rows = (bytes - max) / TRIM_SHARE + 1;
		if (rows > TRIM_ROWS)
			rows = TRIM_ROWS;
		if (drop(s, first_size, first, rows, err) != 0)
			return -1;
		if (db_changes(s->db) == 0) /* empty: the sum was wrong */
			return store_set_number(s, "record.bytes", 0, err);
	}
}
