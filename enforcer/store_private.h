/* store_private: what the parts of the store share. Nobody outside store*.c and their tests includes it.
 *
 * All rows are in SQLite. Beside them stand, and are void after a rollback: the shelf (devices read or written lately, encoded), what of changed
 * devices is not in its strip yet (store_glance.c), when registrations were made, whose users are, the tallies (small named numbers and sums,
 * written at commit), the parts of what is published (a mark and the state time of the newest change of each), what was answered of bans, and
 * how many are in force. Filters of bans and dwellings stay, but where they were read in the transaction that is rolled back.
 */
#ifndef PROVCTL_STORE_PRIVATE_H
#define PROVCTL_STORE_PRIVATE_H

#include "enforcer/db.h"
#include "enforcer/memo.h"
#include "enforcer/store.h"

#define STORE_APPLICATION 0x70766374 /* "pvct" */

/* ---- store_tally.c ---- named numbers, in memory and in a table (name, value). */
#define TALLY_NAME_MAX 63
#define TALLY_SLOTS    1024
#define TALLY_MAX      512

struct tally {
	char name[TALLY_NAME_MAX + 1]; /* "" for a free slot */
	int64_t value;
	bool dirty;
};

struct tallies {
	struct tally at[TALLY_SLOTS];
	unsigned n;
	bool dirty;
};

/* NULL where it is not there and make is not set, where the name is too long, or where there are too many. */
struct tally *tally_find(struct tallies *t, const char *name, bool make);
int tallies_load(struct tallies *t, struct db *db, const char *sql, struct err *err);
int tallies_save(struct tallies *t, struct db *db, const char *sql, struct err *err);

/* ---- store_shelf.c ---- encoded devices, a bounded number, those used least lately go first; of no bytes: there is no such device. */
#define SHELF_SETS 2048
#define SHELF_WAYS 8

struct shelved {
	uint64_t mac;
	int64_t seen, seen_stored, published;
	size_t n;
	char bytes[];
};

struct shelf {
	struct shelved *(*sets)[SHELF_WAYS]; /* of each set the one used last first */
};

int shelf_init(struct shelf *shelf);
void shelf_release(struct shelf *shelf);
void shelf_clear(struct shelf *shelf);
struct shelved *shelf_get(struct shelf *shelf, uint64_t mac);
/* NULL when memory is out: it is not kept then. */
struct shelved *shelf_put(struct shelf *shelf, uint64_t mac, struct slice bytes);
void shelf_drop(struct shelf *shelf, uint64_t mac);
/* All of these shards that were not published are. */
void shelf_published(struct shelf *shelf, const bool shards[SHARDS], int64_t now);

/* ---- store_device_code.c ---- */
void device_encode(const struct device *d, struct buf *out);
/* Fills all but seen and published. -1 where the bytes are no device. */
int device_decode(uint64_t mac, struct slice bytes, struct device *d);

/* ---- store_glance.c, store_glance_code.c ---- what a look at devices needs, in strips of neighbours by MAC. */
#define STRIP_BYTES 3900 /* SQLite keeps so much in one page */
#define STRIP_WORDS 255
#define STRIP_LEAST 14                           /* bytes of one device, */
#define STRIP_MOST  (26 + DEVICE_HOMES_MAX * 22) /* at most: homes that are IPv6 prefixes, a secret folder */

struct neighbour {
	uint64_t mac;
	unsigned words;     /* number in its strip */
	struct slice texts; /* of its words, as they stand there */
	struct slice bytes; /* all else */
};

struct strip {
	struct slice in; /* what is left of it */
	uint8_t nwords;
	struct slice texts[STRIP_WORDS];
	struct memo_words words[STRIP_WORDS];
};

uint32_t glance_time(int64_t time); /* in 32 bits, as near as they can tell */
void glance_encode(const struct device *d, struct buf *out);
/* Fills all but mac and words. -1 where it is none. */
int glance_decode(struct slice bytes, struct glance *g);
uint32_t glance_seen(const char *bytes);
void glance_set_seen(char *bytes, uint32_t seen);
int strip_begin(struct strip *strip, struct slice data);
int strip_next(struct strip *strip, struct neighbour *out); /* 1, 0 at the end, -1 */
/* Writes a strip of as many of n neighbours as it may hold, and tells how many: at least one. */
uint32_t strip_put(struct buf *out, const struct neighbour *at, uint32_t n, size_t limit);

struct glance_change {
	uint64_t mac;
	uint32_t at; /* where its words and its bytes stand in `texts`; those of one that is no more are empty */
};

#define GLANCES_MAYBE (1U << 17)

struct glances {
	struct glance_change *late; /* not in their strips yet */
	uint32_t n;
	struct buf texts;
	uint64_t maybe[GLANCES_MAYBE / 64]; /* which MACs may be late */
	struct buf old, new;
	struct neighbour *all; /* of the strip at work */
	size_t room;
	struct device row;
};

struct sighting {
	uint64_t mac;
	uint32_t seen;
};

void store_glances_init(struct glances *g);
void store_glances_release(struct glances *g);
void store_glances_forget(struct glances *g); /* what is late */
int store_glance_put(struct store *s, const struct device *d, struct err *err);
int store_glance_drop(struct store *s, uint64_t mac, struct err *err);
/* Before a commit, and before what is late may be asked for. */
int store_glances_flush(struct store *s, struct err *err);
/* Raises when devices were seen, which are in order by MAC. */
int store_glances_see(struct store *s, const struct sighting *seen, uint32_t n, struct err *err);
/* Once for a state of an older schema. */
int store_glances_make(struct store *s, struct err *err);

/* ---- store.c ---- */

#define STORE_FILE  "state.db"
#define STORE_ASIDE STORE_FILE ".schema-%d.bak" /* as it was before its schema was raised */
#define STORE_PATH  4096

/* Takes the lock of the folder s->folder, waiting so many milliseconds for it. */
int store_lock(struct store *s, int wait, bool *busy, struct err *err);
/* Makes a file of the state's in that folder, its owner's. */
int store_file_make(const char *folder, const char *path, struct err *err);
int store_sync(const char *path, int flags, struct err *err);
/* Is it ours, and of a schema that we know? Changes nothing. *schema 0: it is empty. */
int store_identify(struct db *db, const char *path, int64_t *schema, struct err *err);

/* What publishing writes: shards, then these. */
enum { PART_COMMON = SHARDS, PART_BANS, PARTS };
#define PART_WHOLE 2 /* what stands for 1 in a row where the mark is for the whole shard */

struct part {
	bool marked, whole, dirty;
	bool touched;    /* marked since the transaction began */
	int64_t changed; /* state time of the newest change */
};

#define BAN_CHANGES_MAX 65536

struct backup; /* store_backup.c */

struct store {
	struct db *db;
	struct backup *backup; /* at work, or NULL */
	char *folder;          /* NULL in memory */
	int lock;              /* -1 without */
	const struct conf *conf;
	uint8_t key[16];
	bool bulk;   /* store_bulk */
	bool loaded; /* what is held in memory agrees with the rows */
	struct tallies numbers, sums;
	struct part parts[PARTS];
	struct shelf shelf;
	struct memo *memo;
	struct glances glances;
	struct buf code, line_old, line_new;
	struct { /* how many bans are in force or pending at a time; see store_ban_counts */
		bool known;
		int64_t time, bans, pending;
	} counts;
	struct { /* how many rows the hook's queue has */
		bool known;
		int64_t waiting, addresses, aside;
	} hooks;
	struct { /* at `time` and later no pending ban in force started before `start` */
		int64_t time, start;
	} waiting;
	struct {              /* store_hint.c */
		struct hints *at; /* NULL until it was asked for often */
		unsigned asked;
		bool uncommitted; /* it was read in the transaction at hand */
	} hints;
	struct { /* store_place.c: what may be there at all; a wrong yes costs a query */
		bool known, wide_homes, networks;
		int64_t windows_end; /* when the last window closes */
	} places;
	struct told *told;                   /* NULL until there is an answer */
	struct registrations *registrations; /* store_registered.c; NULL until one was asked for */
	struct owners *owners; /* store_home.c: whose users are, as found lately; NULL until one was asked for */
	uint32_t users_version;
	struct {                  /* store_dwelling.c */
		struct dwellings *at; /* NULL until it was asked for often */
		uint64_t asked;
		bool uncommitted; /* it was read in the transaction at hand */
	} dwellings;
	struct { /* blocks and allows; a wrong yes costs a query */
		bool known, some;
	} others;
	struct { /* bans changed since store_ban_changes was called last */
		struct prefix *at;
		uint32_t n, committed, room;
		bool all, all_committed;
	} changes;
};

/* Marks a part for publishing, and stamps it with the state time. */
void store_mark(struct store *s, unsigned part);
void store_mark_whole(struct store *s, unsigned shard);
/* The firewall and the list of bans must look at this prefix again. */
void store_ban_changed(struct store *s, struct prefix at);

/* ---- store_hint.c ---- may a prefix have a ban (BAN_BAN) that ends after `time`, or one of those that hold the address? 1 maybe, 0 no, -1. */
int store_may_ban(struct store *s, struct prefix at, int64_t time, struct err *err);
int store_may_ban_of(struct store *s, struct addr ip, int64_t time, struct err *err);
void store_hint(struct store *s, struct prefix at, int64_t until);
/* A transaction has ended. */
void store_hints_end(struct store *s, bool rolled_back);
void store_hints_forget(struct store *s);
/* What store_ban answered for BAN_BAN lately: true with *found, and out where that is 1. Void for a prefix when its bans change. */
bool store_told(const struct store *s, struct prefix at, const char *trigger, int64_t time, int *found,
                struct ban *out);
void store_tell(struct store *s, struct prefix at, const char *trigger, int64_t time, int found, const struct ban *ban);
void store_told_forget(struct store *s, struct prefix at);
void store_told_clear(struct store *s);

/* steps[i] makes schema i + 1 of schema i. Where there is something to lose the database is copied aside first. */
int store_migrate(struct db *db, const char *folder, const char *const *steps, int target, struct err *err);
extern const char *const store_steps[STORE_SCHEMA];
#define STORE_SEALED 7 /* from this schema on every page of the file has its sum */

/* ---- store_standing.c ---- */
/* Follows a change of a device; old or new may be NULL. */
int store_standing_put(struct store *s, uint64_t mac, const struct device *old, const struct device *new,
                       struct err *err);
/* Once for a state of an older schema. */
int store_standing_make(struct store *s, struct err *err);

/* ---- store_dwelling.c ---- may a home, but for those that are prefixes, or a registration lie within p? 1 maybe, 0 no, -1. */
int store_may_dwell(struct store *s, struct prefix p, struct err *err);
/* A home or a registration was added. */
void store_dwell(struct store *s, struct addr ip);
/* A transaction has ended. */
void store_dwellings_end(struct store *s, bool rolled_back);
void store_dwellings_forget(struct store *s);

/* ---- store_home.c ---- */
void store_owners_forget(struct store *s);

/* ---- store_registered.c ---- writes down when those of the transaction registered. */
int store_registered_save(struct store *s, struct err *err);
void store_registered_forget(struct store *s);

/* ---- store_place.c ---- sees to it that `places` is known. */
int store_places(struct store *s, struct err *err);
void store_places_forget(struct store *s);

/* Adds to a number without looking at it. */
int store_add(struct tallies *t, const char *name, int64_t more, struct err *err);

/* A time without end as the last there is, so that SQL needs one comparison only. */
int64_t end_to_sql(int64_t time);
int64_t end_of_sql(int64_t value);

/* The last address of a prefix. */
struct addr prefix_last(struct prefix p);
void db_bind_prefix(struct query *q, struct prefix p); /* base, bits */
struct prefix db_prefix(const struct query *q, int column);
/* Copies a column into a NUL-terminated array. */
void db_copy_text(const struct query *q, int column, char *out, size_t size);

/* SQL: the prefix lengths that stand in a table as l(bits), each found by one look into an index on (..., bits): min() would read on. */
#define SQL_NEXT_LENGTH(table, where) "(SELECT bits FROM " table " WHERE " where " ORDER BY bits LIMIT 1)"
#define SQL_LENGTHS(table, where)                                                                                      \
	"WITH RECURSIVE l(bits) AS (SELECT " SQL_NEXT_LENGTH(table, where) " UNION ALL SELECT " SQL_NEXT_LENGTH(           \
		table, where " AND bits > l.bits") " FROM l WHERE l.bits IS NOT NULL) "

#endif
