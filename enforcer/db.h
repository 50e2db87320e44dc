/* db: the one wrapper of SQLite. A struct db is an open database; a struct query is one of its statements at work.
 *
 * db_query finds or prepares the statement of a text; the address of the text is its name, so every call site gives a string that lives
 * as long as the db. Then the parameters are bound in their order, db_step is called until it gives no more rows,
 * and db_end makes the statement ready for its next use. A statement that is at work already is prepared a second time for that use,
 * so that callbacks may ask the same question again. What db_text gives lives until the next db_step.
 *
 * Every page of a file carries a sum (page.h): what a disk gave back otherwise than it was written is a failure, never data.
 *
 * Failures are ERR_SYSTEM and say what to do where that is known: disk full, no permission, read-only, corrupt.
 */
#ifndef PROVCTL_DB_H
#define PROVCTL_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/err.h"

struct db;
struct query;

enum db_mode { DB_WRITE, DB_READ };

/* path NULL: in memory. In DB_WRITE the file is created where it is missing. */
int db_open(struct db **out, const char *path, enum db_mode mode, struct err *err);
void db_close(struct db **db);

/* Runs statements that give no rows, separated by semicolons. */
int db_script(struct db *db, const char *sql, struct err *err);
/* Replaces the content of `to` by that of `from`. */
int db_copy(struct db *from, struct db *to, struct err *err);
/* The same by and by, while `from` is used: each step copies so many pages, outside a transaction. 1: all is copied; 0: there is more; -1. */
struct db_copying;
int db_copy_begin(struct db_copying **out, struct db *from, struct db *to, struct err *err);
int db_copy_step(struct db_copying *c, int pages, struct err *err);
int db_copy_end(struct db_copying **c, struct err *err);
/* Reads every page, and how they hang together. */
int db_check(struct db *db, struct err *err);
/* Files made before pages had sums have none until db_script runs VACUUM and a checkpoint. */
int db_is_sealed(struct db *db, bool *sealed, struct err *err);
bool db_in_transaction(const struct db *db);

/* NULL where it failed. */
struct query *db_query(struct db *db, const char *sql, struct err *err);
/* Each binds the next parameter, and does nothing where q is NULL. */
void db_bind(struct query *q, int64_t value);
void db_bind_text(struct query *q, struct slice text);
void db_bind_bytes(struct query *q, const void *p, size_t n);
void db_bind_addr(struct query *q, struct addr a);
/* 1: a row; 0: no more; -1: failed. q may be NULL: -1, with err as db_query left it. */
int db_step(struct query *q, struct err *err);
void db_end(struct query *q); /* NULL-safe */
/* Steps to the end and ends. */
int db_run(struct query *q, struct err *err);

/* Columns of the present row, from 0. */
int64_t db_int(const struct query *q, int column);
struct slice db_text(const struct query *q, int column); /* text or bytes */
struct addr db_addr(const struct query *q, int column);  /* none where it is not one */

int64_t db_last_id(const struct db *db);
int64_t db_changes(const struct db *db); /* rows that the last statement changed */

/* SQL may call masked(ADDRESS, BITS): the address with all but its first bits zero. */

#endif
