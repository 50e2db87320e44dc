#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/db.h"
#include "enforcer/page.h"

#define QUERIES 256 /* slots for statements; a power of two, well above what the store has */

struct query {
	struct db *db;
	sqlite3_stmt *at;
	const char *sql;
	int bound;
	int bad;   /* first failure while binding, SQLITE_OK without */
	bool busy; /* between db_query and db_end */
	bool once; /* prepared beside one that is busy: ends with its use */
};

struct db {
	sqlite3 *sqlite;
	char *path;
	struct query queries[QUERIES];
	unsigned nqueries;
};

/* ---- the files: each page with its sum, and the log by many pages ---- */

#define LOG_TOGETHER 131072 /* bytes */

/* SQLite's own file system, but for the database file itself: its pages are sealed as they are written, and checked as they are read; and for the
 * log that is written ahead, which has sums of SQLite's: what it writes page by page goes to the system together, before anything else is done
 * with the log. With synchronous=FULL it is synced at each commit, before another connection may look at what was written. */
struct sealed_file {
	sqlite3_file base;
	bool sealed; /* as the first page read or written says; a file of old is not */
	struct {
		char *bytes; /* LOG_TOGETHER, NULL until the first of them */
		int n;
		sqlite3_int64 offset;
	} late; /* of the log: not written yet */
			/* SQLite's own file follows. */
};

static sqlite3_vfs *system_files;

static sqlite3_file *real(sqlite3_file *file) {
	return (sqlite3_file *)((struct sealed_file *)(void *)file + 1);
}

static bool is_page(int n) {
	return n >= PAGE_MIN && (n & (n - 1)) == 0;
}

static int sealed_close(sqlite3_file *file) {
	return real(file)->pMethods->xClose(real(file));
}

static int sealed_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset) {
	struct sealed_file *f = (struct sealed_file *)(void *)file;
	int code = real(file)->pMethods->xRead(real(file), p, n, offset);

	if (code != SQLITE_OK)
		return code;
	if (offset == 0 && n >= 100)
		f->sealed = page_tells_sealed(p);
	return f->sealed && is_page(n) && !page_is_sound(p, (size_t)n) ? SQLITE_IOERR_DATA : SQLITE_OK;
}

static int sealed_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset) {
	struct sealed_file *f = (struct sealed_file *)(void *)file;

	if (offset == 0 && n >= 100)
		f->sealed = page_tells_sealed(p);
	/* The end of the page is reserved for nothing else, in SQLite's memory too. */
	if (f->sealed && is_page(n))
		page_seal((unsigned char *)(uintptr_t)p, (size_t)n);
	return real(file)->pMethods->xWrite(real(file), p, n, offset);
}

static int sealed_truncate(sqlite3_file *file, sqlite3_int64 size) {
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int sealed_sync(sqlite3_file *file, int flags) {
	return real(file)->pMethods->xSync(real(file), flags);
}

static int sealed_size(sqlite3_file *file, sqlite3_int64 *size) {
	return real(file)->pMethods->xFileSize(real(file), size);
}

static int sealed_lock(sqlite3_file *file, int level) {
	return real(file)->pMethods->xLock(real(file), level);
}

static int sealed_unlock(sqlite3_file *file, int level) {
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int sealed_is_reserved(sqlite3_file *file, int *out) {
	return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int sealed_control(sqlite3_file *file, int what, void *argument) {
	return real(file)->pMethods->xFileControl(real(file), what, argument);
}

static int sealed_sector(sqlite3_file *file) {
	return real(file)->pMethods->xSectorSize(real(file));
}

static int sealed_traits(sqlite3_file *file) {
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int sealed_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
	return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int sealed_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void sealed_shm_barrier(sqlite3_file *file) {
	real(file)->pMethods->xShmBarrier(real(file));
}

static int sealed_shm_unmap(sqlite3_file *file, int erase) {
	return real(file)->pMethods->xShmUnmap(real(file), erase);
}

/* Version 2: nothing is mapped into memory, past the checks. */
static const sqlite3_io_methods sealed_methods = {
	.iVersion = 2,
	.xClose = sealed_close,
	.xRead = sealed_read,
	.xWrite = sealed_write,
	.xTruncate = sealed_truncate,
	.xSync = sealed_sync,
	.xFileSize = sealed_size,
	.xLock = sealed_lock,
	.xUnlock = sealed_unlock,
	.xCheckReservedLock = sealed_is_reserved,
	.xFileControl = sealed_control,
	.xSectorSize = sealed_sector,
	.xDeviceCharacteristics = sealed_traits,
	.xShmMap = sealed_shm_map,
	.xShmLock = sealed_shm_lock,
	.xShmBarrier = sealed_shm_barrier,
	.xShmUnmap = sealed_shm_unmap,
};

static int log_flush(sqlite3_file *file) {
	struct sealed_file *f = (struct sealed_file *)(void *)file;
	int n = f->late.n;

	f->late.n = 0;
	return n == 0 ? SQLITE_OK : real(file)->pMethods->xWrite(real(file), f->late.bytes, n, f->late.offset);
}

static int log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset) {
	struct sealed_file *f = (struct sealed_file *)(void *)file;
	int code = SQLITE_OK;

	if (f->late.n + n > LOG_TOGETHER || f->late.offset + f->late.n != offset)
		code = log_flush(file);
	if (code != SQLITE_OK)
		return code;
	if (!f->late.bytes)
		f->late.bytes = malloc(LOG_TOGETHER);
	if (!f->late.bytes || n > LOG_TOGETHER)
		return real(file)->pMethods->xWrite(real(file), p, n, offset);
	if (f->late.n == 0)
		f->late.offset = offset;
	memcpy(f->late.bytes + f->late.n, p, (size_t)n);
	f->late.n += n;
	return SQLITE_OK;
}

static int log_close(sqlite3_file *file) {
	int code = log_flush(file), closed = sealed_close(file);

	free(((struct sealed_file *)(void *)file)->late.bytes);
	return code != SQLITE_OK ? code : closed;
}

static int log_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset) {
	int code = log_flush(file);

	return code != SQLITE_OK ? code : real(file)->pMethods->xRead(real(file), p, n, offset);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
	int code = log_flush(file);

	return code != SQLITE_OK ? code : sealed_truncate(file, size);
}

static int log_sync(sqlite3_file *file, int flags) {
	int code = log_flush(file);

	return code != SQLITE_OK ? code : sealed_sync(file, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
	int code = log_flush(file);

	return code != SQLITE_OK ? code : sealed_size(file, size);
}

static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = sealed_lock,
	.xUnlock = sealed_unlock,
	.xCheckReservedLock = sealed_is_reserved,
	.xFileControl = sealed_control,
	.xSectorSize = sealed_sector,
	.xDeviceCharacteristics = sealed_traits,
};

static int sealed_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *got) {
	int code;

	(void)vfs;
	if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return system_files->xOpen(system_files, name, file, flags, got);
	memset(file, 0, sizeof(struct sealed_file));
	code = system_files->xOpen(system_files, name, real(file), flags, got);
	if (real(file)->pMethods)
		file->pMethods = flags & SQLITE_OPEN_MAIN_DB ? &sealed_methods : &log_methods;
	return code;
}

/* Once; NULL where there is no memory. All but opening is the system's. */
static const char *sealed_files(void) {
	static sqlite3_vfs own;

	if (own.zName)
		return own.zName;
	/* One thread, whose memory nobody asks about: locks and statistics of each allocation are for nothing. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	system_files = sqlite3_vfs_find(NULL);
	if (!system_files)
		return NULL;
	own = *system_files;
	own.pNext = NULL;
	own.zName = "sealed";
	own.szOsFile = (int)sizeof(struct sealed_file) + system_files->szOsFile;
	own.xOpen = sealed_open;
	if (sqlite3_vfs_register(&own, 0) != SQLITE_OK)
		own.zName = NULL;
	return own.zName;
}

/* ---- the connection ---- */

static int corrupt(const char *path, const char *why, struct err *err) {
	return err_set(err, ERR_SYSTEM, "%s: the state is corrupt: %s; `provctl recover` brings back the last backup", path,
	               why);
}

static int failed(const struct db *db, int code, struct err *err) {
	const char *path = db->path ? db->path : "memory";
	const char *why = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return corrupt(path, why, err);
	case SQLITE_FULL:
		return err_set(err, ERR_SYSTEM, "%s: the disk is full; free some space and try again", path);
	case SQLITE_READONLY:
		return err_set(err, ERR_SYSTEM, "%s: cannot be written (%s); run as its owner, on a writable file system", path,
		               why);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return err_set(err, ERR_SYSTEM, "%s: cannot be opened: %s; run as its owner", path,
		               db->sqlite && sqlite3_system_errno(db->sqlite) != 0 ? strerror(sqlite3_system_errno(db->sqlite))
		                                                                   : why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_SYSTEM, "%s: another program holds it: %s; end that program", path, why);
	default:
		break;
	}
	if (code == SQLITE_IOERR_DATA)
		return corrupt(path, "a page is not what was written", err);
	if (db->sqlite && sqlite3_system_errno(db->sqlite) == ENOSPC)
		return err_set(err, ERR_SYSTEM, "%s: the disk is full; free some space and try again", path);
	return err_set(err, ERR_SYSTEM, "%s: %s", path, why);
}

static void sql_masked(sqlite3_context *context, int n, sqlite3_value **values) {
	struct addr a;
	sqlite3_int64 bits = sqlite3_value_int64(values[1]);

	(void)n;
	if (sqlite3_value_bytes(values[0]) != (int)sizeof(a.b) || bits < 0 || bits > 128 ||
	    sqlite3_value_type(values[1]) == SQLITE_NULL) {
		sqlite3_result_null(context);
		return;
	}
	memcpy(a.b, sqlite3_value_blob(values[0]), sizeof(a.b));
	a = addr_masked(a, (unsigned)bits);
	sqlite3_result_blob(context, a.b, sizeof(a.b), SQLITE_TRANSIENT);
}

/* Settings of the connection, not of the file. The schema of a foreign file must not run code of ours: defensive and untrusted. */
static int settle(struct db *db, struct err *err) {
	int reserved = PAGE_SUM;
	int code;

	(void)sqlite3_extended_result_codes(db->sqlite, 1);
	(void)sqlite3_busy_timeout(db->sqlite, 5000);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Plans do not depend on what is bound: a statement would be parsed again at nearly every use of a partial index. */
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	(void)sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
	code = sqlite3_create_function_v2(db->sqlite, "masked", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_masked,
	                                  NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return failed(db, code, err);
	return db_script(
		db,
		"PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;",
		err);
}

int db_open(struct db **out, const char *path, enum db_mode mode, struct err *err) {
	struct db *db = calloc(1, sizeof(*db));
	int flags = mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	const char *files = sealed_files();
	int code;

	if (!db)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (!files || (path && !(db->path = strdup(path)))) {
		free(db);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	code = sqlite3_open_v2(path ? path : ":memory:", &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, path ? files : NULL);
	if (code != SQLITE_OK) {
		failed(db, code, err);
		goto fail;
	}
	if (settle(db, err) != 0)
		goto fail;
	*out = db;
	return 0;
fail:
	db_close(&db);
	return -1;
}

void db_close(struct db **db) {
	struct db *d = *db;

	if (!d)
		return;
	for (unsigned i = 0; i < QUERIES; i++)
		(void)sqlite3_finalize(d->queries[i].at);
	(void)sqlite3_close_v2(d->sqlite);
	free(d->path);
	free(d);
	*db = NULL;
}

int db_script(struct db *db, const char *sql, struct err *err) {
	int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(db, code, err);
}

struct db_copying {
	struct db *from, *to;
	sqlite3_backup *at;
};

int db_copy_begin(struct db_copying **out, struct db *from, struct db *to, struct err *err) {
	struct db_copying *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(err, ERR_SYSTEM, "out of memory");
	*c = (struct db_copying){from, to, sqlite3_backup_init(to->sqlite, "main", from->sqlite, "main")};
	if (!c->at) {
		free(c);
		return failed(to, sqlite3_errcode(to->sqlite), err);
	}
	*out = c;
	return 0;
}

int db_copy_step(struct db_copying *c, int pages, struct err *err) {
	int code = sqlite3_backup_step(c->at, pages);
	bool is_other = (code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_CANTOPEN;

	if (code == SQLITE_OK || code == SQLITE_DONE)
		return code == SQLITE_DONE;
	return failed(is_other ? c->to : c->from, code, err);
}

int db_copy_end(struct db_copying **c, struct err *err) {
	struct db_copying *old = *c;
	int code = old ? sqlite3_backup_finish(old->at) : SQLITE_OK;

	if (code != SQLITE_OK)
		failed(old->to, code, err);
	free(old);
	*c = NULL;
	return code == SQLITE_OK ? 0 : -1;
}

int db_copy(struct db *from, struct db *to, struct err *err) {
	struct db_copying *c = NULL;
	struct err later;
	int step;

	if (db_copy_begin(&c, from, to, err) != 0)
		return -1;
	assert(c);
	do
		step = db_copy_step(c, -1, err);
	while (step == 0);
	return db_copy_end(&c, step < 0 ? &later : err) != 0 || step < 0 ? -1 : 0;
}

int db_check(struct db *db, struct err *err) {
	struct query *q = db_query(db, "PRAGMA integrity_check(1)", err);
	int step = db_step(q, err);
	char why[256], *last;

	if (step == 1 && !slice_is(db_text(q, 0), "ok")) {
		(void)slice_copy(db_text(q, 0), why, sizeof(why));
		last = strrchr(why, '\n'); /* a heading comes first */
		step = corrupt(db->path ? db->path : "memory", last ? last + 1 : why, err);
	}
	db_end(q);
	return step < 0 ? -1 : 0;
}

int db_is_sealed(struct db *db, bool *sealed, struct err *err) {
	sqlite3_file *file = NULL;
	unsigned char head[100];
	int code = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &file);

	*sealed = true; /* what is in memory, or empty */
	if (code == SQLITE_OK && file && file->pMethods) {
		code = real(file)->pMethods->xRead(real(file), head, (int)sizeof(head), 0);
		if (code == SQLITE_OK)
			*sealed = page_tells_sealed(head);
	}
	return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ ? 0 : failed(db, code, err);
}

bool db_in_transaction(const struct db *db) {
	return sqlite3_get_autocommit(db->sqlite) == 0;
}

static struct query *find_slot(struct db *db, const char *sql) {
	unsigned i = (unsigned)(((uintptr_t)sql * 0x9e3779b97f4a7c15ULL) >> 56) % QUERIES;

	while (db->queries[i].sql && db->queries[i].sql != sql)
		i = (i + 1) % QUERIES;
	return &db->queries[i];
}

struct query *db_query(struct db *db, const char *sql, struct err *err) {
	struct query *q = find_slot(db, sql);
	int code;

	if (q->busy) {
		q = calloc(1, sizeof(*q));
		if (!q) {
			err_set(err, ERR_SYSTEM, "out of memory");
			return NULL;
		}
		q->once = true;
	}
	if (!q->at) {
		code = sqlite3_prepare_v3(db->sqlite, sql, -1, q->once ? 0 : SQLITE_PREPARE_PERSISTENT, &q->at, NULL);
		if (code != SQLITE_OK) {
			failed(db, code, err);
			if (q->once)
				free(q);
			return NULL;
		}
		if (!q->once) {
			assert(db->nqueries < QUERIES / 2);
			db->nqueries++;
		}
		q->db = db;
		q->sql = sql;
	}
	q->busy = true;
	q->bound = 0;
	q->bad = SQLITE_OK;
	return q;
}

static void bound(struct query *q, int code) {
	if (code != SQLITE_OK && q->bad == SQLITE_OK)
		q->bad = code;
}

void db_bind(struct query *q, int64_t value) {
	if (q)
		bound(q, sqlite3_bind_int64(q->at, ++q->bound, value));
}

void db_bind_text(struct query *q, struct slice text) {
	if (q)
		bound(q, sqlite3_bind_text64(q->at, ++q->bound, text.n ? text.p : "", text.n, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void db_bind_bytes(struct query *q, const void *p, size_t n) {
	if (q)
		bound(q, sqlite3_bind_blob64(q->at, ++q->bound, n ? p : "", n, SQLITE_TRANSIENT));
}

void db_bind_addr(struct query *q, struct addr a) {
	db_bind_bytes(q, a.b, sizeof(a.b));
}

int db_step(struct query *q, struct err *err) {
	int code;

	if (!q)
		return -1;
	assert(q->bound == sqlite3_bind_parameter_count(q->at));
	code = q->bad != SQLITE_OK ? q->bad : sqlite3_step(q->at);
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : failed(q->db, code, err);
}

void db_end(struct query *q) {
	if (!q)
		return;
	if (q->once) {
		(void)sqlite3_finalize(q->at);
		free(q);
		return;
	}
	(void)sqlite3_reset(q->at);
	(void)sqlite3_clear_bindings(q->at);
	q->busy = false;
}

int db_run(struct query *q, struct err *err) {
	int step;

	do
		step = db_step(q, err);
	while (step == 1);
	db_end(q);
	return step;
}

int64_t db_int(const struct query *q, int column) {
	return sqlite3_column_int64(q->at, column);
}

struct slice db_text(const struct query *q, int column) {
	const char *p = sqlite3_column_blob(q->at, column);
	int n = sqlite3_column_bytes(q->at, column);

	return (struct slice){p, p && n > 0 ? (size_t)n : 0};
}

struct addr db_addr(const struct query *q, int column) {
	struct slice bytes = db_text(q, column);
	struct addr a = {{0}};

	if (bytes.n == sizeof(a.b))
		memcpy(a.b, bytes.p, sizeof(a.b));
	return a;
}

int64_t db_last_id(const struct db *db) {
	return sqlite3_last_insert_rowid(db->sqlite);
}

int64_t db_changes(const struct db *db) {
	return sqlite3_changes(db->sqlite);
}
