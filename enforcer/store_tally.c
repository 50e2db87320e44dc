#include <stdlib.h>
#include <string.h>

#include "enforcer/store_private.h"

struct tally *tally_find(struct tallies *t, const char *name, bool make) {
	size_t n = strlen(name);
	size_t i = hash_bytes(0, name, n) % TALLY_SLOTS;

	if (n == 0 || n > TALLY_NAME_MAX)
		return NULL;
	while (t->at[i].name[0] != '\0') {
		if (strcmp(t->at[i].name, name) == 0)
			return &t->at[i];
		i = (i + 1) % TALLY_SLOTS;
	}
	if (!make || t->n == TALLY_MAX)
		return NULL;
	t->n++;
	memcpy(t->at[i].name, name, n + 1);
	return &t->at[i];
}

int tallies_load(struct tallies *t, struct db *db, const char *sql, struct err *err) {
	struct query *q = db_query(db, sql, err);
	char name[TALLY_NAME_MAX + 1];
	struct tally *tally;
	int step;

	memset(t, 0, sizeof(*t));
	while ((step = db_step(q, err)) == 1) {
		db_copy_text(q, 0, name, sizeof(name));
		tally = tally_find(t, name, true);
		if (tally)
			tally->value = db_int(q, 1);
	}
	db_end(q);
	return step;
}

int tallies_save(struct tallies *t, struct db *db, const char *sql, struct err *err) {
	if (!t->dirty)
		return 0;
	for (unsigned i = 0; i < TALLY_SLOTS; i++) {
		if (!t->at[i].dirty)
			continue;
		struct query *q = db_query(db, sql, err);

		db_bind_text(q, slice_of(t->at[i].name));
		db_bind(q, t->at[i].value);
		if (db_run(q, err) != 0)
			return -1;
		t->at[i].dirty = false;
	}
	t->dirty = false;
	return 0;
}

int store_add(struct tallies *t, const char *name, int64_t more, struct err *err) {
	struct tally *tally = tally_find(t, name, true);

	if (!tally)
		return err_set(err, ERR_SYSTEM, "state: no room for a number named %.64s", name);
	if (more != 0) {
		tally->value += more;
		tally->dirty = true;
		t->dirty = true;
	}
	return 0;
}

int store_number(struct store *s, const char *name, int64_t *value, struct err *err) {
	const struct tally *tally = tally_find(&s->numbers, name, false);

	(void)err;
	*value = tally ? tally->value : 0;
	return 0;
}

int store_set_number(struct store *s, const char *name, int64_t value, struct err *err) {
	const struct tally *tally = tally_find(&s->numbers, name, false);

	return store_add(&s->numbers, name, value - (tally ? tally->value : 0), err);
}

int store_cascade(struct store *s, const char *account, int64_t *value, struct err *err) {
	struct query *q = db_query(s->db, "SELECT value FROM cascade WHERE account = ?", err);
	int step;

	db_bind_text(q, slice_of(account));
	step = db_step(q, err);
	if (step >= 0)
		*value = step == 1 ? db_int(q, 0) : 0;
	db_end(q);
	return step < 0 ? -1 : 0;
}

int store_set_cascade(struct store *s, const char *account, int64_t value, struct err *err) {
	struct query *q = db_query(s->db, "INSERT OR REPLACE INTO cascade (account, value) VALUES (?, ?)", err);

	db_bind_text(q, slice_of(account));
	db_bind(q, value);
	return db_run(q, err);
}

int store_sum_add(struct store *s, const char *name, int64_t more, struct err *err) {
	return store_add(&s->sums, name, more, err);
}

static int compare_tallies(const void *a, const void *b) {
	return strcmp((*(const struct tally *const *)a)->name, (*(const struct tally *const *)b)->name);
}

int store_sums(struct store *s, int (*each)(void *context, const char *name, int64_t value), void *context,
               struct err *err) {
	const struct tally *sorted[TALLY_MAX];
	unsigned n = 0;
	int done = 0;

	(void)err;
	for (unsigned i = 0; i < TALLY_SLOTS; i++)
		if (s->sums.at[i].name[0] != '\0')
			sorted[n++] = &s->sums.at[i];
	qsort(sorted, n, sizeof(const struct tally *), compare_tallies);
	for (unsigned i = 0; i < n && done == 0; i++)
		done = each(context, sorted[i]->name, sorted[i]->value);
	return done;
}
