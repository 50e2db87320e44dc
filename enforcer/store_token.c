#include <string.h>

#include "enforcer/store_private.h"

static const char *const role_names[ROLES] = {"operator", "support", "account", "user", "verdict", "metrics"};

const char *token_role_name(enum token_role role) {
	return role_names[role];
}

bool token_role_parse(const char *name, enum token_role *out) {
	for (int i = 0; i < ROLES; i++)
		if (strcmp(name, role_names[i]) == 0) {
			*out = (enum token_role)i;
			return true;
		}
	return false;
}

/* ---- tokens ---- */

#define TOKEN_COLUMNS "id, role, account, hash, created, until, used, comment"

static int one_number(struct query *q, int64_t *out, struct err *err) {
	int step = db_step(q, err);

	if (step == 1)
		*out = db_int(q, 0);
	db_end(q);
	return step == 1 ? 0 : -1;
}

static int put_macs(struct store *s, const struct token *t, struct err *err) {
	static const char sql[] = "INSERT OR IGNORE INTO token_mac (id, mac) VALUES (?, ?)";

	for (uint32_t i = 0; i < t->nmacs; i++) {
		struct query *q = db_query(s->db, sql, err);

		db_bind_text(q, slice_of(t->id));
		db_bind(q, (int64_t)t->macs[i]);
		if (db_run(q, err) != 0)
			return -1;
	}
	return 0;
}

int store_token_add(struct store *s, const struct token *t, struct err *err) {
	static const char sql[] = "INSERT INTO token (" TOKEN_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
	struct query *q;
	int64_t n;

	if (one_number(db_query(s->db, "SELECT count(*) FROM token", err), &n, err) != 0)
		return -1;
	if (n >= TOKENS_MAX)
		return err_set(err, ERR_POLICY, "there are %d tokens already; revoke some", TOKENS_MAX);
	q = db_query(s->db, sql, err);
	db_bind_text(q, slice_of(t->id));
	db_bind(q, t->role);
	db_bind_text(q, slice_of(t->account));
	db_bind_bytes(q, t->hash.b, sizeof(t->hash.b));
	db_bind(q, t->created);
	db_bind(q, t->until);
	db_bind(q, t->used);
	db_bind_text(q, slice_of(t->comment));
	return db_run(q, err) != 0 ? -1 : put_macs(s, t, err);
}

/* A row that cannot be read is nobody's token. */
static bool read_token(const struct query *q, struct token *t) {
	struct slice hash = db_text(q, 3);
	int64_t role = db_int(q, 1);

	memset(t, 0, sizeof(*t));
	if (hash.n != sizeof(t->hash.b) || role < 0 || role >= ROLES)
		return false;
	db_copy_text(q, 0, t->id, sizeof(t->id));
	t->role = (enum token_role)role;
	db_copy_text(q, 2, t->account, sizeof(t->account));
	memcpy(t->hash.b, hash.p, hash.n);
	t->created = db_int(q, 4);
	t->until = db_int(q, 5);
	t->used = db_int(q, 6);
	db_copy_text(q, 7, t->comment, sizeof(t->comment));
	return true;
}

static int read_macs(struct store *s, struct token *t, struct err *err) {
	struct query *q = db_query(s->db, "SELECT mac FROM token_mac WHERE id = ? ORDER BY mac", err);
	int step;

	db_bind_text(q, slice_of(t->id));
	while ((step = db_step(q, err)) == 1 && t->nmacs < TOKEN_MACS_MAX)
		t->macs[t->nmacs++] = (uint64_t)db_int(q, 0);
	db_end(q);
	return step < 0 ? -1 : 0;
}

int store_token(struct store *s, const char *id, struct token *out, struct err *err) {
	struct query *q = db_query(s->db, "SELECT " TOKEN_COLUMNS " FROM token WHERE id = ?", err);
	int step;

	db_bind_text(q, slice_of(id));
	step = db_step(q, err);
	if (step == 1 && !read_token(q, out))
		step = 0;
	db_end(q);
	if (step == 1 && read_macs(s, out, err) != 0)
		return -1;
	return step;
}

int store_tokens(struct store *s, int (*each)(void *context, const struct token *t, struct err *err), void *context,
                 struct err *err) {
	struct query *q = db_query(s->db, "SELECT " TOKEN_COLUMNS " FROM token ORDER BY id", err);
	struct token t;
	int step;

	while ((step = db_step(q, err)) == 1) {
		if (!read_token(q, &t))
			continue;
		step = read_macs(s, &t, err);
		if (step == 0)
			step = each(context, &t, err);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

int store_token_used(struct store *s, const char *id, int64_t time, struct err *err) {
	struct query *q = db_query(s->db, "UPDATE token SET used = ? WHERE id = ?", err);

	db_bind(q, time);
	db_bind_text(q, slice_of(id));
	return db_run(q, err);
}

int store_token_revoke(struct store *s, const char *id, struct err *err) {
	struct query *q = db_query(s->db, "DELETE FROM token_mac WHERE id = ?", err);

	db_bind_text(q, slice_of(id));
	if (db_run(q, err) != 0)
		return -1;
	q = db_query(s->db, "DELETE FROM token WHERE id = ?", err);
	db_bind_text(q, slice_of(id));
	if (db_run(q, err) != 0)
		return -1;
	return db_changes(s->db) > 0;
}

int store_token_counts(struct store *s, int64_t counts[ROLES], struct err *err) {
	struct query *q = db_query(s->db, "SELECT role, count(*) FROM token GROUP BY role", err);
	int step;

	memset(counts, 0, ROLES * sizeof(*counts));
	while ((step = db_step(q, err)) == 1)
		if (db_int(q, 0) >= 0 && db_int(q, 0) < ROLES)
			counts[db_int(q, 0)] = db_int(q, 1);
	db_end(q);
	return step;
}

int store_account_has(struct store *s, const char *account, uint64_t mac, struct err *err) {
	static const char sql[] = "SELECT count(*) FROM device WHERE mac = ? AND account = ? AND removed = 0";
	struct query *q = db_query(s->db, sql, err);
	int64_t n;

	db_bind(q, (int64_t)mac);
	db_bind_text(q, slice_of(account));
	return one_number(q, &n, err) != 0 ? -1 : n > 0;
}

/* ---- lifts ---- */

int store_lifts(struct store *s, struct addr ip, int64_t day, uint32_t *lifts, struct err *err) {
	struct query *q = db_query(s->db, "SELECT lifts FROM lift WHERE base = ? AND day = ?", err);
	int step;

	db_bind_addr(q, ip);
	db_bind(q, day);
	step = db_step(q, err);
	if (step >= 0)
		*lifts = step == 1 ? (uint32_t)db_int(q, 0) : 0;
	db_end(q);
	return step < 0 ? -1 : 0;
}

int store_lift_add(struct store *s, struct addr ip, int64_t day, uint32_t most, struct err *err) {
	static const char forget[] = "DELETE FROM lift WHERE day < ?";
	static const char put[] = "INSERT OR REPLACE INTO lift (base, day, lifts) VALUES (?, ?, ?)";
	struct query *q = db_query(s->db, forget, err);
	uint32_t lifts;
	int64_t n;

	db_bind(q, day);
	if (db_run(q, err) != 0 || store_lifts(s, ip, day, &lifts, err) != 0)
		return -1;
	if (lifts >= most)
		return 0;
	if (lifts == 0 && one_number(db_query(s->db, "SELECT count(*) FROM lift", err), &n, err) != 0)
		return -1;
	if (lifts == 0 && n >= LIFTS_MAX)
		return 0;
	q = db_query(s->db, put, err);
	db_bind_addr(q, ip);
	db_bind(q, day);
	db_bind(q, lifts + 1);
	return db_run(q, err) != 0 ? -1 : 1;
}
