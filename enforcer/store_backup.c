/* The online backup, and what is made of it when the state is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define BACKUP_PAGES 64                                            /* copied at once: half a millisecond */
#define BACKUP_SYNC  8                                             /* such parts, that reach the disk at once */
#define MAKING       "backup.db.tmp"                               /* not whole yet */
#define REBUILDING   "recover.tmp"                                 /* a folder */
static const char *const backups[] = {"backup.db", "backup.1.db"}; /* the newest first */

struct backup {
	struct db *to;
	struct db_copying *copying;
	unsigned parts; /* that are not synced */
};

static void path_in(char out[STORE_PATH], const char *folder, const char *name) {
	(void)snprintf(out, STORE_PATH, "%.*s/%s", STORE_PATH - 64, folder, name);
}

/* ---- making ---- */

int store_backup_time(const struct store *s, int64_t *time, struct err *err) {
	char path[STORE_PATH];
	struct stat st;

	*time = TIME_NONE;
	if (!s->folder)
		return 0;
	path_in(path, s->folder, backups[0]);
	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_errno(err, "%s", path);
	*time = st.st_mtime;
	return 1;
}

void store_backup_cancel(struct store *s) {
	char path[STORE_PATH];
	struct err ignored;

	if (!s->backup)
		return;
	if (s->backup->copying)
		(void)db_copy_end(&s->backup->copying, &ignored);
	db_close(&s->backup->to);
	free(s->backup);
	s->backup = NULL;
	path_in(path, s->folder, MAKING);
	(void)unlink(path);
}

/* It needs no protection while it is made: it is synced whole, and until then it has another name. */
static int begin(struct store *s, struct err *err) {
	char path[STORE_PATH];

	s->backup = calloc(1, sizeof(*s->backup));
	if (!s->backup)
		return err_set(err, ERR_SYSTEM, "backup: out of memory");
	path_in(path, s->folder, MAKING);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be removed", path);
	if (store_file_make(s->folder, path, err) != 0 || db_open(&s->backup->to, path, DB_WRITE, err) != 0)
		return -1;
	if (db_script(s->backup->to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024",
	              err) != 0)
		return -1;
	return db_copy_begin(&s->backup->copying, s->db, s->backup->to, err);
}

/* The one before stays until the new one has its name. */
static int place(struct store *s, struct err *err) {
	const struct timespec times[2] = {{.tv_sec = clock_now()}, {.tv_sec = clock_now()}};
	char path[STORE_PATH], newest[STORE_PATH], former[STORE_PATH];

	if (db_copy_end(&s->backup->copying, err) != 0)
		return -1;
	db_close(&s->backup->to);
	path_in(path, s->folder, MAKING);
	path_in(newest, s->folder, backups[0]);
	path_in(former, s->folder, backups[1]);
	/* Its age is by the clock that asks for it. */
	if (utimensat(AT_FDCWD, path, times, 0) != 0)
		return err_errno(err, "%s", path);
	if (store_sync(path, O_RDONLY, err) != 0)
		return -1;
	if (rename(newest, former) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be renamed", newest);
	if (rename(path, newest) != 0)
		return err_errno(err, "%s: cannot be renamed", path);
	return store_sync(s->folder, O_RDONLY | O_DIRECTORY, err);
}

/* Else all of it would be synced at its end, in which nobody is served. */
static int sync_part(struct store *s, struct err *err) {
	char path[STORE_PATH];

	if (++s->backup->parts < BACKUP_SYNC)
		return 0;
	s->backup->parts = 0;
	path_in(path, s->folder, MAKING);
	return store_sync(path, O_RDONLY, err);
}

int store_backup_step(struct store *s, struct err *err) {
	int step = s->backup ? 0 : begin(s, err);

	if (step == 0)
		step = db_copy_step(s->backup->copying, BACKUP_PAGES, err);
	if (step == 0 && sync_part(s, err) != 0)
		step = -1;
	if (step == 1 && place(s, err) != 0)
		step = -1;
	if (step != 0)
		store_backup_cancel(s);
	return step < 0 ? err_prefix(err, "the backup of the state") : step;
}

/* ---- recovering ---- */

/* Reading a file leaves an index and an empty log beside it. A log that holds something belongs to the file. */
static void clean_beside(const char *path) {
	char beside[STORE_PATH + 8];
	struct stat st;

	(void)snprintf(beside, sizeof(beside), "%s-wal", path);
	if (stat(beside, &st) == 0 && (st.st_size > 0 || unlink(beside) != 0))
		return;
	(void)snprintf(beside, sizeof(beside), "%s-shm", path);
	(void)unlink(beside);
}

/* Whole in itself: all pages are what was written, and hang together. */
static int check(const char *path, struct err *err) {
	struct db *db = NULL;
	int64_t schema;
	int result = -1;

	if (access(path, F_OK) != 0)
		return err_errno(err, "%s", path);
	if (db_open(&db, path, DB_READ, err) == 0 && store_identify(db, path, &schema, err) == 0)
		result = schema == 0 ? err_set(err, ERR_SYSTEM, "%s: is empty", path) : db_check(db, err);
	db_close(&db);
	clean_beside(path);
	return result;
}

static int find_backup(const char *folder, struct recovery *r, struct err *err) {
	struct err why;
	struct stat st;

	for (size_t i = 0; i < sizeof(backups) / sizeof(backups[0]); i++) {
		path_in(r->backup, folder, backups[i]);
		if (check(r->backup, &why) != 0 || stat(r->backup, &st) != 0)
			continue;
		r->time = st.st_mtime;
		return 0;
	}
	return err_set(
		err, ERR_SYSTEM,
		"%s: there is no backup that is whole; move %s away to start anew: what logs there are is read again "
		"from their beginnings, the inventory is to be imported again",
		folder, STORE_FILE);
}

/* Commands that the record of the damaged state still tells, and that of the backup does not. As far as it can be read: what is
 * behind a damaged page is lost. Of tokens that were revoked is told by themselves. */
static int tell_commands(struct db *backup, struct db *damaged, const struct recovery_listener *to, struct err *err) {
	struct query *q = db_query(backup, "SELECT max(id) FROM record", err);
	struct err ignored;
	int64_t last;
	int result = 0;

	if (db_step(q, err) < 0) {
		db_end(q);
		return -1;
	}
	last = db_int(q, 0);
	db_end(q);
	if (!damaged)
		return 0;
	q = db_query(damaged,
	             "SELECT id, time, what, mac, base, bits, account, detail, uid, actor, reason FROM record"
	             " WHERE id > ? AND uid >= 0 AND what <> 'token-revoked' ORDER BY id",
	             &ignored);
	db_bind(q, last);
	while (result == 0 && db_step(q, &ignored) == 1) {
		char what[32];
		struct record command = {.id = db_int(q, 0),
		                         .time = db_int(q, 1),
		                         .what = what,
		                         .mac = (uint64_t)db_int(q, 3),
		                         .ip = db_prefix(q, 4),
		                         .account = db_text(q, 6),
		                         .detail = db_text(q, 7),
		                         .uid = db_int(q, 8),
		                         .actor = db_text(q, 9),
		                         .reason = db_text(q, 10)};

		db_copy_text(q, 2, what, sizeof(what));
		result = to->command(to->context, &command, err);
	}
	db_end(q);
	return result;
}

/* 1: it has the token; 0: it has it no more; -1: that cannot be read. */
static int has_token(struct db *damaged, const char *id) {
	static const char sql[] = "SELECT 1 FROM token WHERE id = ?";
	struct err ignored;
	struct query *q = damaged ? db_query(damaged, sql, &ignored) : NULL;
	int step;

	db_bind_text(q, slice_of(id));
	step = db_step(q, &ignored);
	db_end(q);
	return step;
}

/* The ids of those that were revoked, each with its NUL, go to gone. */
static int tell_tokens(struct db *backup, struct db *damaged, const struct recovery_listener *to, struct buf *gone,
                       struct err *err) {
	struct err ignored;
	/* That of an older release has none. */
	struct query *q = db_query(backup, "SELECT id, role, account FROM token ORDER BY id", &ignored);
	int result = 0;

	while (result == 0 && db_step(q, &ignored) == 1) {
		struct token t = {.nmacs = 0};
		int64_t role = db_int(q, 1);
		int has;

		db_copy_text(q, 0, t.id, sizeof(t.id));
		db_copy_text(q, 2, t.account, sizeof(t.account));
		has = role < 0 || role >= ROLES ? 1 : has_token(damaged, t.id);
		t.role = (enum token_role)role;
		if (has == 0)
			buf_add(gone, t.id, sizeof(t.id));
		if (has != 1)
			result = to->token(to->context, &t, has == 0, err);
	}
	db_end(q);
	return gone->failed ? err_set(err, ERR_SYSTEM, "recover: out of memory") : result;
}

static int tell_lost(const char *path, const struct recovery *r, const struct recovery_listener *to, struct buf *gone,
                     struct err *err) {
	struct db *backup = NULL, *damaged = NULL;
	struct err ignored;
	int result = -1;

	if (db_open(&backup, r->backup, DB_READ, err) != 0)
		return -1;
	if (db_open(&damaged, path, DB_READ, &ignored) != 0)
		damaged = NULL;
	if (tell_commands(backup, damaged, to, err) == 0)
		result = tell_tokens(backup, damaged, to, gone, err);
	db_close(&damaged);
	db_close(&backup);
	clean_beside(path);
	clean_beside(r->backup);
	return result;
}

/* A backup must not bring back who was shut out. */
static int revoke_again(struct store *s, const struct buf *gone, struct err *err) {
	for (size_t at = 0; at < gone->n; at += TOKEN_ID + 1)
		if (store_token_revoke(s, gone->p + at, err) < 0)
			return -1;
	return 0;
}

/* What is published may be newer than the backup: all of it is to be written again. */
static int mark_all(struct store *s, const struct recovery *r, const struct buf *gone, int64_t now, struct err *err) {
	char detail[256], time[TIME_TEXT];
	struct record record = {
		.time = now, .what = "recovered", .mac = MAC_NONE, .rule = slice_of(""), .uid = (int64_t)geteuid()};

	time_print(r->time, time);
	(void)snprintf(detail, sizeof(detail),
	               "the state as it was backed up at %s; the damaged one is " STORE_FILE "%.64s", time,
	               strrchr(r->aside, '.'));
	record.detail = slice_of(detail);
	if (store_begin(s, err) != 0)
		return -1;
	for (unsigned i = 0; i < SHARDS; i++)
		store_mark_whole(s, i);
	store_mark(s, PART_COMMON);
	store_mark(s, PART_BANS);
	if (revoke_again(s, gone, err) == 0 && store_record_add(s, &record, err) == 0 && store_commit(s, err) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

/* In a folder of its own, as a state like any other. */
static int rebuild(const char *folder, const struct recovery *r, const struct buf *gone, int64_t now, struct err *err) {
	char rebuilding[STORE_PATH], path[STORE_PATH];
	struct db *from = NULL, *to = NULL;
	struct store *s = NULL;
	int result = -1;

	path_in(rebuilding, folder, REBUILDING);
	path_in(path, rebuilding, STORE_FILE);
	if (mkdir(rebuilding, 0700) != 0 && errno != EEXIST)
		return err_errno(err, "%s: cannot be made", rebuilding);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be removed", path);
	if (store_file_make(folder, path, err) != 0 || db_open(&from, r->backup, DB_READ, err) != 0 ||
	    db_open(&to, path, DB_WRITE, err) != 0 || db_copy(from, to, err) != 0)
		goto end;
	db_close(&to);
	if (store_open(&s, rebuilding, STORE_OWN, 0, NULL, err) != 0 || mark_all(s, r, gone, now, err) != 0)
		goto end;
	store_close(&s);
	result = store_sync(path, O_RDONLY, err);
end:
	store_close(&s);
	db_close(&to);
	db_close(&from);
	clean_beside(r->backup);
	return result;
}

static void clean_up(const char *folder) {
	static const char *const names[] = {STORE_FILE, STORE_FILE "-wal", STORE_FILE "-shm", "lock"};
	char rebuilding[STORE_PATH], path[STORE_PATH], name[40];

	path_in(rebuilding, folder, REBUILDING);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(path, rebuilding, names[i]);
		(void)unlink(path);
	}
	/* Of a backup of an older schema, which is itself what was copied. */
	for (int schema = 1; schema < STORE_SCHEMA; schema++) {
		(void)snprintf(name, sizeof(name), STORE_ASIDE, schema);
		path_in(path, rebuilding, name);
		(void)unlink(path);
	}
	(void)rmdir(rebuilding);
}

/* A recovery that was killed may have begun. */
static bool is_same_file(const char *a, const char *b) {
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* At each moment there is a state, damaged or rebuilt: an enforcer that found none would begin a new one. The log that is written ahead goes first,
 * as it would be read into whatever stands beside it. */
static int exchange(const char *folder, const struct recovery *r, struct err *err) {
	char path[STORE_PATH], rebuilding[STORE_PATH], rebuilt[STORE_PATH], beside[STORE_PATH + 8], aside[STORE_PATH + 8];

	path_in(path, folder, STORE_FILE);
	path_in(rebuilding, folder, REBUILDING);
	path_in(rebuilt, rebuilding, STORE_FILE);
	if (link(path, r->aside) != 0 && errno != ENOENT && !(errno == EEXIST && is_same_file(path, r->aside)))
		return err_errno(err, "%s: cannot be linked to %s", path, r->aside);
	(void)snprintf(beside, sizeof(beside), "%s-wal", path);
	(void)snprintf(aside, sizeof(aside), "%s-wal", r->aside);
	if (rename(beside, aside) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be renamed", beside);
	(void)snprintf(beside, sizeof(beside), "%s-shm", path);
	if (unlink(beside) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be removed", beside);
	if (rename(rebuilt, path) != 0)
		return err_errno(err, "%s: cannot be renamed", rebuilt);
	return store_sync(folder, O_RDONLY | O_DIRECTORY, err);
}

int store_recover(struct recovery *r, const char *folder, bool preview, int64_t now, bool *busy,
                  const struct recovery_listener *listener, struct err *err) {
	struct store owner = {.lock = -1, .folder = (char *)(uintptr_t)folder};
	struct err why = {0};
	char time[TIME_TEXT], path[STORE_PATH];
	struct buf gone;
	int result = -1;

	buf_init(&gone, (size_t)TOKENS_MAX * (TOKEN_ID + 1));
	memset(r, 0, sizeof(*r));
	path_in(path, folder, STORE_FILE);
	if (store_lock(&owner, 0, busy, err) != 0)
		goto end;
	r->sound = check(path, &why) == 0;
	(void)snprintf(r->problem, sizeof(r->problem), "%s", r->sound ? "" : why.text);
	result = r->sound ? 0 : find_backup(folder, r, err);
	if (result != 0 || r->sound)
		goto end;
	time_print(now, time);
	(void)snprintf(r->aside, sizeof(r->aside), "%.*s.%s", STORE_PATH - 64, path, time);
	result = tell_lost(path, r, listener, &gone, err);
	if (result == 0 && !preview) {
		result = rebuild(folder, r, &gone, now, err);
		if (result == 0)
			result = exchange(folder, r, err);
		clean_up(folder);
	}
end:
	if (owner.lock >= 0)
		(void)close(owner.lock);
	buf_release(&gone);
	return result;
}
