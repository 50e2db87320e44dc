/* failing: the n'th question to the state fails, once. For tests that are linked with --wrap of what is wrapped here. Included behind cmocka.h. */
#ifndef PROVCTL_TESTS_FAILING_H
#define PROVCTL_TESTS_FAILING_H

#include "enforcer/db.h"
#include "enforcer/store.h"

#define FAILING "this page cannot be read"

static unsigned fail_at; /* from 1; 0: none */
static bool failed;

int __real_db_step(struct query *q, struct err *err);
int __wrap_db_step(struct query *q, struct err *err);
int __real_db_run(struct query *q, struct err *err);
int __wrap_db_run(struct query *q, struct err *err);

static bool fails_now(struct err *err) {
	if (fail_at == 0 || --fail_at > 0)
		return false;
	failed = true;
	(void)err_set(err, ERR_SYSTEM, FAILING);
	return true;
}

int __wrap_db_step(struct query *q, struct err *err) {
	return fails_now(err) ? -1 : __real_db_step(q, err);
}

int __wrap_db_run(struct query *q, struct err *err) {
	if (!fails_now(err))
		return __real_db_run(q, err);
	db_end(q);
	return -1;
}

/* What ends a transaction that wrote nothing SQLite does whatever the disk does. */
void __real_store_rollback(struct store *s);
void __wrap_store_rollback(struct store *s);
void __real_store_looked(struct store *s);
void __wrap_store_looked(struct store *s);

static void without_failure(void (*call)(struct store *s), struct store *s) {
	unsigned later = fail_at;

	fail_at = 0;
	call(s);
	fail_at = later;
}

void __wrap_store_rollback(struct store *s) {
	without_failure(__real_store_rollback, s);
}

void __wrap_store_looked(struct store *s) {
	without_failure(__real_store_looked, s);
}

static inline void fail_from_now(unsigned n) {
	fail_at = n;
	failed = false;
}

/* Ends it. Did one fail? */
static inline bool has_failed(void) {
	fail_at = 0;
	return failed;
}

#endif
