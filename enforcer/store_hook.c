#include "enforcer/store_private.h"

#define LOST "hook.lost" /* a number of the state */

static int count(struct store *s, struct err *err) {
	static const char sql[] = "SELECT aside, device, count(*) FROM hook GROUP BY aside, device";
	struct query *q;
	int step;

	if (s->hooks.known)
		return 0;
	s->hooks.waiting = s->hooks.addresses = s->hooks.aside = 0;
	q = db_query(s->db, sql, err);
	while ((step = db_step(q, err)) == 1) {
		int64_t n = db_int(q, 2);

		if (db_int(q, 0)) {
			s->hooks.aside += n;
			continue;
		}
		s->hooks.waiting += n;
		s->hooks.addresses += db_int(q, 1) ? 0 : n;
	}
	db_end(q);
	s->hooks.known = step == 0;
	return step;
}

int store_hook_counts(struct store *s, struct hook_counts *out, struct err *err) {
	int64_t lost;

	if (count(s, err) != 0 || store_number(s, LOST, &lost, err) != 0)
		return -1;
	*out = (struct hook_counts){.waiting = s->hooks.waiting, .aside = s->hooks.aside, .lost = lost};
	return 0;
}

static int lose(struct store *s, int64_t n, struct err *err) {
	if (store_sum_add(s, LOST, n, err) != 0)
		return -1;
	return store_add(&s->numbers, LOST, n, err);
}

int store_hook_add(struct store *s, bool device, struct slice document, struct err *err) {
	static const char sql[] = "INSERT INTO hook (device, tries, aside, problem, document) VALUES (?, 0, 0, '', ?)";
	struct query *q;

	if (count(s, err) != 0)
		return -1;
	if (s->hooks.waiting >= HOOK_WAITING_MAX || (!device && s->hooks.addresses >= HOOK_ADDRESSES_MAX))
		return lose(s, 1, err);
	q = db_query(s->db, sql, err);
	db_bind(q, device);
	db_bind_text(q, document);
	if (db_run(q, err) != 0)
		return -1;
	s->hooks.waiting++;
	s->hooks.addresses += !device;
	return 0;
}

int store_hook_first(struct store *s, struct hook_entry *out, struct buf *text, struct err *err) {
	static const char sql[] = "SELECT id, device, tries, document FROM hook WHERE aside = 0 ORDER BY id LIMIT 1";
	struct query *q;
	int step;

	/* Asked after every batch: usually nothing waits, and that is known. */
	if (count(s, err) != 0)
		return -1;
	if (s->hooks.waiting == 0)
		return 0;
	q = db_query(s->db, sql, err);
	step = db_step(q, err);
	if (step == 1) {
		struct slice document = db_text(q, 3);

		buf_clear(text);
		buf_add(text, document.p, document.n);
		*out = (struct hook_entry){
			.id = db_int(q, 0), .device = db_int(q, 1) != 0, .tries = (uint32_t)db_int(q, 2), {text->p, text->n}};
		if (text->failed)
			step = err_set(err, ERR_SYSTEM, "hook: out of memory");
	}
	db_end(q);
	return step;
}

static void taken(struct store *s, const struct hook_entry *e) {
	s->hooks.waiting--;
	s->hooks.addresses -= !e->device;
}

int store_hook_done(struct store *s, const struct hook_entry *e, struct err *err) {
	struct query *q = db_query(s->db, "DELETE FROM hook WHERE id = ? AND aside = 0", err);

	db_bind(q, e->id);
	if (count(s, err) != 0 || db_run(q, err) != 0)
		return -1;
	if (db_changes(s->db) > 0)
		taken(s, e);
	return 0;
}

int store_hook_failed(struct store *s, const struct hook_entry *e, struct slice problem, bool aside, struct err *err) {
	static const char sql[] = "UPDATE hook SET tries = tries + 1, aside = ?, problem = ? WHERE id = ? AND aside = 0";
	static const char oldest[] =
		"DELETE FROM hook WHERE id = (SELECT id FROM hook WHERE aside = 1 ORDER BY id LIMIT 1)";
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, aside);
	db_bind_text(q, problem);
	db_bind(q, e->id);
	if (count(s, err) != 0 || db_run(q, err) != 0)
		return -1;
	if (!aside || db_changes(s->db) == 0)
		return 0;
	taken(s, e);
	s->hooks.aside++;
	if (s->hooks.aside <= HOOK_ASIDE_MAX)
		return 0;
	if (db_run(db_query(s->db, oldest, err), err) != 0)
		return -1;
	s->hooks.aside--;
	return lose(s, 1, err);
}

int store_hook_retry(struct store *s, struct err *err) {
	if (db_run(db_query(s->db, "UPDATE hook SET aside = 0, tries = 0 WHERE aside = 1", err), err) != 0)
		return -1;
	s->hooks.known = false;
	return 0;
}

int store_hook_clear(struct store *s, struct err *err) {
	if (db_run(db_query(s->db, "DELETE FROM hook", err), err) != 0)
		return -1;
	s->hooks.known = false;
	return store_set_number(s, LOST, 0, err);
}

int store_hook_problem(struct store *s, char *out, size_t size, struct err *err) {
	struct query *q = db_query(s->db, "SELECT problem FROM hook WHERE aside = 1 ORDER BY id DESC LIMIT 1", err);
	int step = db_step(q, err);

	if (step == 1)
		db_copy_text(q, 0, out, size);
	db_end(q);
	return step;
}

int store_hook_told_lost(struct store *s, struct err *err) {
	return store_set_number(s, LOST, 0, err);
}
