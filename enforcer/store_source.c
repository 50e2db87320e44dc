#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define EVENT_BYTES_MAX  8192        /* one encoded event */
#define CURSOR_BYTES_MAX (8U << 10)  /* one encoded cursor */
#define TAKE_BYTES_MAX   (64U << 20) /* events taken at once */
#define COUNTER_MAX      (1U << 20)  /* bytes of a counter */

/* ---- counters ---- */

int store_counters_load(struct store *s, int (*each)(void *context, uint32_t row, struct slice bytes), void *context,
                        struct err *err) {
	struct query *q = db_query(s->db, "SELECT slot, bytes FROM counter ORDER BY slot", err);
	int step;

	while ((step = db_step(q, err)) == 1) {
		step = each(context, (uint32_t)db_int(q, 0), db_text(q, 1));
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_counter_put(struct store *s, uint32_t row, struct slice bytes, struct err *err) {
	static const char put[] = "INSERT OR REPLACE INTO counter (slot, bytes) VALUES (?, ?)";
	static const char delete[] = "DELETE FROM counter WHERE slot = ?";
	struct query *q;

	if (bytes.n > COUNTER_MAX)
		return err_set(err, ERR_SYSTEM, "counter %u: %zu bytes are too many", row, bytes.n);
	q = db_query(s->db, bytes.n ? put : delete, err);
	db_bind(q, row);
	if (bytes.n)
		db_bind_bytes(q, bytes.p, bytes.n);
	return db_run(q, err);
}

/* ---- cursors ---- as the link encodes them. */

static int read_cursor(const struct query *q, struct slice bytes, struct cursor *c, struct err *err) {
	if (cursor_decode(&bytes, c, err) != 0 || bytes.n != 0)
		return err_set(
			err, ERR_SYSTEM,
			"the state is corrupt: cursor %lld cannot be read; `provctl recover` brings back the last backup",
			(long long)db_int(q, 0));
	c->id = (uint32_t)db_int(q, 0);
	return 0;
}

int store_cursors(struct store *s, int (*each)(void *context, const struct cursor *c), void *context, struct err *err) {
	struct query *q = db_query(s->db, "SELECT id, data FROM cursor ORDER BY id", err);
	struct cursor c;
	int step;

	while ((step = db_step(q, err)) == 1) {
		step = read_cursor(q, db_text(q, 1), &c, err) != 0 ? -1 : each(context, &c);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_cursor(struct store *s, uint32_t id, struct cursor *out, struct buf *texts, struct err *err) {
	struct query *q = db_query(s->db, "SELECT id, data FROM cursor WHERE id = ?", err);
	struct slice bytes;
	int step;

	db_bind(q, id);
	step = db_step(q, err);
	if (step == 1) {
		bytes = db_text(q, 1);
		buf_clear(texts);
		buf_add(texts, bytes.p, bytes.n);
		if (texts->failed)
			step = err_set(err, ERR_SYSTEM, "out of memory");
		else if (read_cursor(q, (struct slice){texts->p, texts->n}, out, err) != 0)
			step = -1;
	}
	db_end(q);
	return step;
}

int store_cursor_put(struct store *s, struct cursor *c, struct err *err) {
	static const char add[] = "INSERT INTO cursor (data) VALUES (?1)";
	static const char change[] = "INSERT OR REPLACE INTO cursor (data, id) VALUES (?1, ?2)";
	struct query *q;
	struct buf data;
	int done = -1;

	buf_init(&data, CURSOR_BYTES_MAX);
	cursor_encode(&data, c);
	if (data.failed) {
		err_set(err, ERR_SYSTEM, "out of memory");
		goto end;
	}
	q = db_query(s->db, c->id == 0 ? add : change, err);
	db_bind_bytes(q, data.p, data.n);
	if (c->id != 0)
		db_bind(q, c->id);
	done = db_run(q, err);
	if (done == 0 && c->id == 0)
		c->id = (uint32_t)db_last_id(s->db);
end:
	buf_release(&data);
	return done;
}

int store_cursor_forget(struct store *s, uint32_t id, struct err *err) {
	struct query *q = db_query(s->db, "DELETE FROM cursor WHERE id = ?", err);

	db_bind(q, id);
	return db_run(q, err);
}

/* ---- notices ---- */

int store_notice_put(struct store *s, struct slice name, struct slice text, int64_t time, struct err *err) {
	static const char put[] = "INSERT OR REPLACE INTO notice (name, text, time) VALUES (?1, ?2, ?3)";
	static const char delete[] = "DELETE FROM notice WHERE name = ?1";
	struct query *q = db_query(s->db, text.n ? put : delete, err);

	db_bind_text(q, name);
	if (text.n) {
		db_bind_text(q, text);
		db_bind(q, time);
	}
	return db_run(q, err);
}

int store_notices(struct store *s, int (*each)(void *context, struct slice name, struct slice text, int64_t time),
                  void *context, struct err *err) {
	struct query *q = db_query(s->db, "SELECT name, text, time FROM notice ORDER BY name", err);
	int step;

	while ((step = db_step(q, err)) == 1) {
		step = each(context, db_text(q, 0), db_text(q, 1), db_int(q, 2));
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

/* ---- early events ---- */

int store_early_put(struct store *s, uint32_t cursor, int64_t time, struct slice event, struct err *err) {
	struct query *q;

	if (event.n > EVENT_BYTES_MAX)
		return err_set(err, ERR_SYSTEM, "an event of %zu bytes is too long", event.n);
	q = db_query(s->db, "INSERT INTO early (cursor, time, event) VALUES (?, ?, ?)", err);
	db_bind(q, cursor);
	db_bind(q, time);
	db_bind_bytes(q, event.p, event.n);
	return db_run(q, err);
}

int store_early_count(struct store *s, uint32_t cursor, int64_t *count, struct err *err) {
	struct query *q = db_query(s->db, "SELECT count(*) FROM early WHERE cursor = ?", err);
	int step;

	db_bind(q, cursor);
	step = db_step(q, err);
	if (step == 1)
		*count = db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

/* Copies those that are due and deletes them, so that each() may put others. */
static int early_read(struct store *s, int64_t due, uint32_t max, struct buf *taken, struct err *err) {
	static const char sql[] = "SELECT id, event FROM early WHERE time <= ? ORDER BY id LIMIT ?";
	static const char delete[] = "DELETE FROM early WHERE id = ?";
	struct query *q = db_query(s->db, sql, err);
	struct query *gone;
	int step;

	db_bind(q, due);
	db_bind(q, max);
	while ((step = db_step(q, err)) == 1) {
		put_u64(taken, (uint64_t)db_int(q, 0));
		put_text(taken, db_text(q, 1));
	}
	db_end(q);
	if (step == 0 && taken->failed)
		step = err_set(err, ERR_SYSTEM, "out of memory");
	for (struct slice in = {taken->p, taken->n}; step == 0 && in.n > 0;) {
		struct slice event;
		uint64_t id;

		if (get_u64(&in, &id) != 0 || get_text(&in, EVENT_BYTES_MAX, &event) != 0)
			return err_set(err, ERR_SYSTEM, "the state is corrupt: an early event cannot be read");
		gone = db_query(s->db, delete, err);
		db_bind(gone, (int64_t)id);
		step = db_run(gone, err);
	}
	return step;
}

int store_early_take(struct store *s, int64_t due, uint32_t max,
                     int (*each)(void *context, struct slice event, struct err *err), void *context, struct err *err) {
	struct buf taken;
	int done;

	buf_init(&taken, TAKE_BYTES_MAX);
	done = early_read(s, due, max, &taken, err);
	for (struct slice in = {taken.p, taken.n}; done == 0 && in.n > 0;) {
		struct slice event;
		uint64_t id;

		if (get_u64(&in, &id) != 0 || get_text(&in, EVENT_BYTES_MAX, &event) != 0)
			break; /* early_read has read them so */
		done = each(context, event, err);
	}
	buf_release(&taken);
	return done;
}
