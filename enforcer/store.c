#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* The folder may be entered by all, since the published files live in it by default; each file has its own mode. */
#define FOLDER_MODE 0751
#define FILE_MODE   0640

#define LOCK_POLL_MS 10

int64_t end_to_sql(int64_t time) {
	return time == TIME_NONE ? INT64_MAX : time;
}

int64_t end_of_sql(int64_t value) {
	return value == INT64_MAX ? TIME_NONE : value;
}

struct addr prefix_last(struct prefix p) {
	struct addr a = p.base;

	for (unsigned bit = p.bits; bit < 128; bit++)
		a.b[bit / 8] = (uint8_t)(a.b[bit / 8] | (0x80U >> (bit % 8)));
	return a;
}

void db_bind_prefix(struct query *q, struct prefix p) {
	db_bind_addr(q, p.base);
	db_bind(q, p.bits);
}

struct prefix db_prefix(const struct query *q, int column) {
	int64_t bits = db_int(q, column + 1);

	return (struct prefix){db_addr(q, column), (uint8_t)(bits < 0 || bits > 128 ? 128 : bits)};
}

void db_copy_text(const struct query *q, int column, char *out, size_t size) {
	(void)slice_copy(db_text(q, column), out, size);
}

/* ---- the lock: who has it is the one owner of the state ---- */

static void lock_holder(int fd, char *out, size_t size) {
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	uint64_t pid;

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && slice_number((struct slice){text, (size_t)n}, INT32_MAX, &pid))
		(void)snprintf(out, size, "process %llu", (unsigned long long)pid);
	else
		(void)snprintf(out, size, "another process");
}

/* Opens or creates a file of the state; SQLite would create it by the umask. What a command of root's creates in the folder of another user's
 * is given to that user, whose daemon could not open it else; only what is new, as an old one may be a link to anything. */
static int file_open(const char *folder, const char *path) {
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
	struct stat owner;
	int fd = open(path, flags | O_CREAT | O_EXCL, FILE_MODE);

	if (fd < 0)
		return errno == EEXIST ? open(path, flags) : -1;
	if (geteuid() == 0 && stat(folder, &owner) == 0 && owner.st_uid != 0)
		(void)!fchown(fd, owner.st_uid, owner.st_gid); /* it is root's then, and told so to whoever cannot open it */
	return fd;
}

int store_file_make(const char *folder, const char *path, struct err *err) {
	int fd = file_open(folder, path);

	if (fd < 0)
		return err_errno(err, "%s: cannot be written; run as its owner, on a writable file system", path);
	(void)close(fd);
	return 0;
}

int store_lock(struct store *s, int wait, bool *busy, struct err *err) {
	static const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};
	char path[STORE_PATH], holder[64], pid[32];
	int n;

	(void)snprintf(path, sizeof(path), "%s/lock", s->folder);
	s->lock = file_open(s->folder, path);
	if (s->lock < 0)
		return err_errno(err, "%s: cannot be written; run as the folder's owner, on a writable file system", path);
	for (int waited = 0; flock(s->lock, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, "%s: cannot be locked", path);
		if (waited >= wait) {
			if (busy)
				*busy = true;
			lock_holder(s->lock, holder, sizeof(holder));
			return err_set(err, ERR_SYSTEM, "%s: the state is in use by %s; wait for it to end, or stop it", s->folder,
			               holder);
		}
		(void)nanosleep(&pause, NULL);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(s->lock, 0) != 0 || pwrite(s->lock, pid, (size_t)n, 0) != n)
		return err_errno(err, "%s: cannot be written", path);
	return 0;
}

/* ---- opening ---- */

static int folder_make(const char *folder, struct err *err) {
	struct stat st;

	if (strlen(folder) + 64 > STORE_PATH)
		return err_set(err, ERR_INPUT, "state: the name of the folder is too long");
	if (mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST)
		return err_errno(err, "%s: the state's folder cannot be made", folder);
	if (stat(folder, &st) != 0)
		return err_errno(err, "%s", folder);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_SYSTEM, "%s: is no folder; set `state` to one", folder);
	return 0;
}

static int ask_number(struct db *db, const char *sql, int64_t *value, struct err *err) {
	struct query *q = db_query(db, sql, err);
	int step = db_step(q, err);

	if (step >= 0)
		*value = step == 1 ? db_int(q, 0) : 0;
	db_end(q);
	return step < 0 ? -1 : 0;
}

/* Before pages had sums there were files of older schemas; a file of today's without them was changed by somebody else. */
static int store_seal(struct db *db, const char *path, int64_t schema, struct err *err) {
	bool sealed;

	if (!path || schema == 0)
		return 0;
	if (db_is_sealed(db, &sealed, err) != 0)
		return -1;
	if (sealed)
		return 0;
	if (schema >= STORE_SEALED)
		return err_set(
			err, ERR_SYSTEM,
			"%s: the state is corrupt: its pages have no sums; `provctl recover` brings back the last backup", path);
	return db_script(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", err);
}

int store_identify(struct db *db, const char *path, int64_t *schema, struct err *err) {
	int64_t application, tables;

	if (ask_number(db, "PRAGMA application_id", &application, err) != 0 ||
	    ask_number(db, "PRAGMA user_version", schema, err) != 0 ||
	    ask_number(db, "SELECT count(*) FROM sqlite_master", &tables, err) != 0)
		return -1;
	if (application != STORE_APPLICATION && (application != 0 || *schema != 0 || tables != 0))
		return err_set(err, ERR_SYSTEM, "%s: is not a state of provctl; set `state` to another folder", path);
	if (*schema > STORE_SCHEMA)
		return err_set(err, ERR_SYSTEM,
		               "%s: was made by a newer provctl (schema %lld, this one knows %d); upgrade provctl, or set "
		               "`state` to another folder",
		               path, (long long)*schema, STORE_SCHEMA);
	if (*schema < 0 || (*schema == 0 && tables != 0))
		return err_set(err, ERR_SYSTEM,
		               "%s: the state is corrupt: it has no schema; `provctl recover` brings back the last backup",
		               path);
	return 0;
}

int store_sync(const char *path, int flags, struct err *err) {
	int fd = open(path, flags | O_CLOEXEC);
	int done = fd < 0 ? -1 : fsync(fd);

	if (done != 0)
		err_errno(err, "%s: cannot be synced", path);
	if (fd >= 0)
		(void)close(fd);
	return done;
}

static int copy_aside(struct db *db, const char *folder, int64_t schema, struct err *err) {
	char path[STORE_PATH], beside[STORE_PATH + 8];
	struct db *copy = NULL;
	int done = -1;

	(void)snprintf(path, sizeof(path), "%s/" STORE_ASIDE, folder, (int)schema);
	(void)snprintf(beside, sizeof(beside), "%s.tmp", path);
	if (unlink(beside) != 0 && errno != ENOENT)
		return err_errno(err, "%s: cannot be removed", beside);
	if (store_file_make(folder, beside, err) != 0 || db_open(&copy, beside, DB_WRITE, err) != 0 ||
	    db_copy(db, copy, err) != 0)
		goto end;
	db_close(&copy);
	if (store_sync(beside, O_RDONLY, err) != 0)
		goto end;
	if (rename(beside, path) != 0) {
		err_errno(err, "%s: cannot be renamed", beside);
		goto end;
	}
	done = store_sync(folder, O_RDONLY | O_DIRECTORY, err);
end:
	db_close(&copy);
	if (done != 0)
		(void)unlink(beside);
	return done;
}

int store_migrate(struct db *db, const char *folder, const char *const *steps, int target, struct err *err) {
	struct err ignored;
	char sql[128];
	int64_t schema;

	if (ask_number(db, "PRAGMA user_version", &schema, err) != 0)
		return -1;
	if (schema >= target)
		return 0;
	if (schema > 0 && folder && copy_aside(db, folder, schema, err) != 0)
		return err_prefix(err, "copying the state aside before its schema is raised");
	if (db_script(db, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	for (int64_t i = schema; i < target; i++)
		if (db_script(db, steps[i], err) != 0)
			goto fail;
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", STORE_APPLICATION,
	               target);
	if (db_script(db, sql, err) != 0)
		goto fail;
	return 0;
fail:
	if (db_in_transaction(db))
		(void)db_script(db, "ROLLBACK", &ignored);
	return err_prefix(err, "raising the schema from %lld to %d", (long long)schema, target);
}

static int load_key(struct store *s, struct err *err) {
	struct query *q = db_query(s->db, "SELECT key FROM secret", err);
	int step = db_step(q, err);
	struct slice key;

	if (step == 1) {
		key = db_text(q, 0);
		if (key.n == sizeof(s->key))
			memcpy(s->key, key.p, key.n);
		else
			step = err_set(err, ERR_SYSTEM,
			               "the state is corrupt: its secret is cut; `provctl recover` brings back the last backup");
	}
	db_end(q);
	if (step != 0)
		return step < 0 ? -1 : 0;
	if (getrandom(s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key))
		return err_errno(err, "no random bytes");
	q = db_query(s->db, "INSERT INTO secret (key) VALUES (?)", err);
	db_bind_bytes(q, s->key, sizeof(s->key));
	return db_run(q, err);
}

static int load_parts(struct store *s, struct err *err) {
	struct query *q = db_query(s->db, "SELECT id, marked, changed FROM part", err);
	int step;

	memset(s->parts, 0, sizeof(s->parts));
	while ((step = db_step(q, err)) == 1) {
		int64_t id = db_int(q, 0);

		if (id >= 0 && id < PARTS)
			s->parts[id] = (struct part){
				.marked = db_int(q, 1) != 0, .whole = db_int(q, 1) == PART_WHOLE, .changed = db_int(q, 2)};
	}
	db_end(q);
	return step;
}

static int save_parts(struct store *s, struct err *err) {
	static const char sql[] = "INSERT OR REPLACE INTO part (id, marked, changed) VALUES (?, ?, ?)";

	for (unsigned i = 0; i < PARTS; i++) {
		struct query *q;

		if (!s->parts[i].dirty)
			continue;
		q = db_query(s->db, sql, err);
		db_bind(q, i);
		db_bind(q, s->parts[i].whole ? PART_WHOLE : s->parts[i].marked);
		db_bind(q, s->parts[i].changed);
		if (db_run(q, err) != 0)
			return -1;
		s->parts[i].dirty = false;
	}
	return 0;
}

static int load(struct store *s, struct err *err) {
	if (tallies_load(&s->numbers, s->db, "SELECT name, value FROM number", err) != 0 ||
	    tallies_load(&s->sums, s->db, "SELECT name, value FROM sum", err) != 0 || load_parts(s, err) != 0)
		return -1;
	s->loaded = true;
	return 0;
}

static int open_own(struct store *s, const char *path, struct err *err) {
	int64_t schema = 0;
	struct query *q;
	int step;

	if (path && store_file_make(s->folder, path, err) != 0)
		return -1;
	if (db_open(&s->db, path, DB_WRITE, err) != 0 || store_identify(s->db, path ? path : "memory", &schema, err) != 0)
		return -1;
	if (path) {
		q = db_query(s->db, "PRAGMA journal_mode = WAL", err);
		step = db_step(q, err);
		if (step == 1 && !slice_is(db_text(q, 0), "wal"))
			step = err_set(err, ERR_SYSTEM, "%s: this file system cannot hold the state: no shared memory", path);
		db_end(q);
		if (step < 0 ||
		    db_script(
				s->db,
				"PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 8192",
				err) != 0)
			return -1;
	}
	if (store_seal(s->db, path, schema, err) != 0)
		return -1;
	return store_migrate(s->db, s->folder, store_steps, STORE_SCHEMA, err);
}

/* Reads what is there into memory. An older schema is raised in the copy alone. */
static int open_copy(struct store *s, const char *path, struct err *err) {
	struct db *from = NULL;
	int64_t schema;
	int done = -1;

	if (db_open(&s->db, NULL, DB_WRITE, err) != 0)
		return -1;
	if (access(path, F_OK) == 0) {
		if (db_open(&from, path, DB_READ, err) != 0 || store_identify(from, path, &schema, err) != 0 ||
		    db_copy(from, s->db, err) != 0)
			goto end;
	}
	done = store_migrate(s->db, NULL, store_steps, STORE_SCHEMA, err);
end:
	db_close(&from);
	return done;
}

int store_open(struct store **out, const char *folder, enum store_mode mode, int wait, bool *busy, struct err *err) {
	struct store *s = calloc(1, sizeof(*s));
	char path[STORE_PATH];

	if (busy)
		*busy = false;
	if (s)
		s->lock = -1;
	if (!s || shelf_init(&s->shelf) != 0 || !(s->memo = memo_new()) || (folder && !(s->folder = strdup(folder)))) {
		err_set(err, ERR_SYSTEM, "out of memory");
		goto fail;
	}
	s->changes.all = s->changes.all_committed = true;
	s->waiting.start = INT64_MIN;
	buf_init(&s->code, 8192);
	buf_init(&s->line_old, 4096);
	buf_init(&s->line_new, 4096);
	store_glances_init(&s->glances);
	if (folder && mode == STORE_OWN && (folder_make(folder, err) != 0 || store_lock(s, wait, busy, err) != 0))
		goto fail;
	if (folder)
		(void)snprintf(path, sizeof(path), "%s/" STORE_FILE, folder);
	if (folder && mode == STORE_COPY ? open_copy(s, path, err) : open_own(s, folder ? path : NULL, err))
		goto fail;
	if (load_key(s, err) != 0 || load(s, err) != 0 || store_standing_make(s, err) != 0 ||
	    store_glances_make(s, err) != 0)
		goto fail;
	*out = s;
	return 0;
fail:
	store_close(&s);
	return -1;
}

void store_close(struct store **store) {
	struct store *s = *store;

	if (!s)
		return;
	store_backup_cancel(s);
	db_close(&s->db);
	shelf_release(&s->shelf);
	memo_free(&s->memo);
	store_hints_forget(s);
	store_dwellings_forget(s);
	store_told_clear(s);
	store_owners_forget(s);
	store_registered_forget(s);
	buf_release(&s->code);
	buf_release(&s->line_old);
	buf_release(&s->line_new);
	store_glances_release(&s->glances);
	free(s->changes.at);
	free(s->folder);
	/* Last: nobody else may have the state while the database is being closed. */
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s);
	*store = NULL;
}

int store_bytes(struct store *s, int64_t *bytes, struct err *err) {
	int64_t pages, size;

	if (ask_number(s->db, "PRAGMA page_count", &pages, err) != 0 ||
	    ask_number(s->db, "PRAGMA page_size", &size, err) != 0)
		return -1;
	*bytes = pages * size;
	return 0;
}

const uint8_t *store_key(const struct store *s) {
	return s->key;
}

void store_set_conf(struct store *s, const struct conf *conf) {
	s->conf = conf;
	memo_clear(s->memo);
}

struct memo *store_memo(struct store *s) {
	return s->memo;
}

/* ---- transactions ---- */

int store_begin(struct store *s, struct err *err) {
	if (!s->loaded && load(s, err) != 0)
		return -1;
	for (unsigned i = 0; i < PARTS; i++)
		s->parts[i].touched = false;
	return db_run(db_query(s->db, "BEGIN IMMEDIATE", err), err);
}

int store_look(struct store *s, struct err *err) {
	return db_run(db_query(s->db, "BEGIN", err), err);
}

void store_looked(struct store *s) {
	struct err ignored; /* nothing was written */

	(void)db_run(db_query(s->db, "COMMIT", &ignored), &ignored);
}

int store_commit(struct store *s, struct err *err) {
	if (store_glances_flush(s, err) != 0 ||
	    tallies_save(&s->numbers, s->db, "INSERT OR REPLACE INTO number (name, value) VALUES (?, ?)", err) != 0 ||
	    tallies_save(&s->sums, s->db, "INSERT OR REPLACE INTO sum (name, value) VALUES (?, ?)", err) != 0 ||
	    save_parts(s, err) != 0 || store_registered_save(s, err) != 0)
		return -1;
	if (db_run(db_query(s->db, "COMMIT", err), err) != 0)
		return -1;
	store_dwellings_end(s, false);
	store_hints_end(s, false);
	s->changes.committed = s->changes.n;
	s->changes.all_committed = s->changes.all;
	return 0;
}

void store_rollback(struct store *s) {
	struct err ignored;

	/* A full disk may have ended the transaction already. */
	if (db_in_transaction(s->db))
		(void)db_run(db_query(s->db, "ROLLBACK", &ignored), &ignored);
	shelf_clear(&s->shelf);
	memo_clear(s->memo);
	store_glances_forget(&s->glances);
	store_told_clear(s);
	store_owners_forget(s);
	store_registered_forget(s);
	store_places_forget(s);
	store_dwellings_end(s, true);
	store_hints_end(s, true);
	s->counts.known = false;
	s->hooks.known = false;
	s->others.known = false;
	s->waiting.start = INT64_MIN;
	s->changes.n = s->changes.committed;
	s->changes.all = s->changes.all_committed;
	s->loaded = false;
	(void)load(s, &ignored); /* else store_begin tries again and says why not */
}

int store_bulk(struct store *s, bool on, struct err *err) {
	/* What is written again and again goes to its place once in 128 MiB of log. */
	static const char begin[] = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 32768";
	static const char end[] = "PRAGMA cache_size = -16384; PRAGMA shrink_memory; PRAGMA wal_autocheckpoint = 8192";

	if (s->bulk == on)
		return 0;
	s->bulk = on;
	return db_script(s->db, on ? begin : end, err);
}

void store_set_time(struct store *s, int64_t time) {
	struct tally *tally = tally_find(&s->numbers, "time", true);

	assert(tally);
	if (time <= tally->value)
		return;
	tally->value = time;
	tally->dirty = s->numbers.dirty = true;
}

int64_t store_time(const struct store *s) {
	int64_t time;
	struct err ignored;

	(void)store_number((struct store *)(uintptr_t)s, "time", &time, &ignored);
	return time;
}

/* ---- what projections must still write ---- */

void store_mark(struct store *s, unsigned part) {
	struct part *p = &s->parts[part];
	int64_t time = store_time(s);

	p->touched = true;
	if (p->marked && p->changed >= time)
		return;
	p->marked = true;
	p->dirty = true;
	if (p->changed < time)
		p->changed = time;
}

void store_mark_whole(struct store *s, unsigned shard) {
	store_mark(s, shard);
	s->parts[shard].whole = s->parts[shard].dirty = true;
}

int64_t store_lines_changed(const struct store *s, int shard) {
	int64_t newest = s->parts[PART_COMMON].changed;

	for (int i = shard < 0 ? 0 : shard; i < (shard < 0 ? SHARDS : shard + 1); i++)
		if (s->parts[i].changed > newest)
			newest = s->parts[i].changed;
	return newest;
}

int64_t store_bans_changed(const struct store *s) {
	return s->parts[PART_BANS].changed;
}

int store_unpublished(struct store *s, struct unpublished *out, struct err *err) {
	if (!s->loaded && load(s, err) != 0)
		return -1;
	for (unsigned i = 0; i < SHARDS; i++) {
		out->shard[i] = s->parts[i].marked;
		out->whole[i] = s->parts[i].whole;
	}
	out->common = s->parts[PART_COMMON].marked;
	out->bans = s->parts[PART_BANS].marked;
	return 0;
}

int store_mark_unpublished(struct store *s, const struct unpublished *more, struct err *err) {
	(void)err;
	for (unsigned i = 0; i < SHARDS; i++)
		if (more->shard[i])
			store_mark_whole(s, i);
	if (more->common)
		store_mark(s, PART_COMMON);
	if (more->bans)
		store_mark(s, PART_BANS);
	return 0;
}

void store_touched(const struct store *s, struct unpublished *out) {
	*out = (struct unpublished){.common = s->parts[PART_COMMON].touched, .bans = s->parts[PART_BANS].touched};
	for (unsigned i = 0; i < SHARDS; i++)
		out->shard[i] = s->parts[i].touched;
}
