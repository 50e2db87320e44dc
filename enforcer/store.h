/* store: the state, in SQLite, owned by one enforcer. It is all that the judge knows: the judge asks and changes it through the functions
 * below and nothing else, so that the same calls on a store in memory (path NULL) are a what-if.
 *
 * Order of calls: store_open takes the lock (one owner), checks or migrates the schema, then store_begin; any number of the
 * typed functions of this header; store_commit or store_rollback. Reads outside a transaction are allowed. Everything read is a
 * copy; nothing that is returned must be freed. Every function that can fail returns -1 with err set (ERR_SYSTEM: the transaction must be
 * rolled back); "not there" is an answer (0), not an error.
 *
 * Files: db.c is the one wrapper of sqlite3.h; store.c opens, migrates, commits; store_device.c, store_home.c, store_place.c, store_ban.c,
 * store_record.c, store_registered.c, store_source.c, store_hook.c, store_token.c hold the statements of each subject; store_schema.c the tables;
 * store_device_code.c how a device stands in its row; store_glance.c, store_glance_code.c what of many devices is read at once, and store_seen.c
 * when they were seen; store_shelf.c, store_hint.c and store_tally.c what is held in memory. Lists call each() within a read: it may ask anything,
 * and change anything but what is listed (devices, bans and early events may be changed, too).
 */
#ifndef PROVCTL_STORE_H
#define PROVCTL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/event.h"
#include "common/timefmt.h"
#include "common/token.h"
#include "enforcer/memo.h"

struct store;

#define STORE_SCHEMA 12 /* PRAGMA user_version; application_id is "pvct" */

enum store_mode {
	STORE_OWN, /* takes the lock; creates what is missing; migrates an older schema after copying it aside */
	STORE_COPY /* reads the state of `folder` as it is now into memory, no lock: dry runs */
};

/* folder NULL: an empty state in memory. busy (may be NULL) is set when somebody else holds the lock: then -1 with ERR_SYSTEM.
 * wait is for how long, in milliseconds, to wait for the lock. */
int store_open(struct store **out, const char *folder, enum store_mode mode, int wait, bool *busy, struct err *err);
void store_close(struct store **store);

int store_begin(struct store *s, struct err *err);
int store_commit(struct store *s, struct err *err);
/* Also drops everything cached; the judge's caches are void then (judge_forget). */
void store_rollback(struct store *s);

/* While very much is changed, rows are held in up to STORE_BULK bytes more of memory: their places are all over the indexes. Not within a
 * transaction. */
#define STORE_BULK (48U << 20)
int store_bulk(struct store *s, bool on, struct err *err);

/* Around many questions outside a transaction: one read lock for all of them. */
int store_look(struct store *s, struct err *err);
void store_looked(struct store *s);

/* State time: that of the newest applied event or command. judge_advance sets it (it never goes back); changes of published lines are stamped with
 * it, which gives the time in a file's first line. Kept as the number "time". */
void store_set_time(struct store *s, int64_t time);
int64_t store_time(const struct store *s);

/* Of the database, in bytes. */
int store_bytes(struct store *s, int64_t *bytes, struct err *err);

/* Small named numbers (state time, rate buckets, ...). 0 where the name is not there. */
int store_number(struct store *s, const char *name, int64_t *value, struct err *err);
int store_set_number(struct store *s, const char *name, int64_t value, struct err *err);
/* A number of each account: what rule 12 closed there. They are rows and not named numbers, of which there are few. 0 where there is none. */
int store_cascade(struct store *s, const char *account, int64_t *value, struct err *err);
int store_set_cascade(struct store *s, const char *account, int64_t value, struct err *err);
/* The secret of this state, made at its creation: 16 bytes for the digests of secret folders. */
const uint8_t *store_key(const struct store *s);

/* ---- devices ---- */

enum device_state { DEVICE_NEW, DEVICE_LOCKED, DEVICE_UNLOCKED, DEVICE_HELD };

/* From weakest to strongest (domain of `locked` and `held`); the first two are of open devices. */
enum reason {
	REASON_NEW,
	REASON_UNLOCKED,
	REASON_PROVISIONED,
	REASON_STALE,
	REASON_REUSED,
	REASON_MANUAL,
	REASON_ACCOUNT,
	REASON_SUSPICIOUS,
	REASON_HELD,
	REASONS
};
const char *reason_name(enum reason reason); /* "provisioned" */
const char *device_state_name(enum device_state state);

enum home_kind {
	HOME_PROVISIONED, /* the one it was last provisioned from; at most one */
	HOME_POLL,        /* added by a poll, a registration that is followed, or asn; at most 3 */
	HOME_GIVEN        /* by an admin or import: never evicted, may be a prefix */
};

#define DEVICE_LEARNED_HOMES 4
#define DEVICE_HOMES_MAX     20
#define DEVICE_MOVED_MAX     3

struct home {
	struct prefix at; /* full address (bits 128), or the prefix that was given */
	enum home_kind kind;
	bool backed; /* by a poll, a registration or an import */
	int64_t added, used;
	char country[2]; /* as the event told, else two NUL */
	uint32_t asn;
};

struct homes {
	uint32_t n;
	struct home at[DEVICE_HOMES_MAX];
};

struct moved { /* somebody asked from elsewhere */
	struct addr ip;
	int64_t first, last;
	uint32_t count;
	bool served;
};

struct device {
	uint64_t mac;
	char account[EVENT_ACCOUNT_MAX + 1]; /* "-" for none */
	enum device_state state;
	enum reason reason;        /* of the lock; of an open device: REASON_NEW or REASON_UNLOCKED */
	enum reason lapsed_reason; /* what an unlock that lapses restores; a held device's is REASON_SUSPICIOUS */
	int64_t created;
	int64_t
		changed; /* last change of state or home by an event or a command; TIME_NONE never. Late events are older than this */
	int64_t unlock_start; /* of the last unlock, TIME_NONE never: rule 11 looks 7d back */
	int64_t unlock_end;   /* end of the present unlock; TIME_NONE: until used */
	bool unlock_account;  /* the present unlock was account-wide */
	bool learned;         /* not from import, add or an inventory */
	bool adopt;           /* import --adopt: the first served fetch sets the home however late */
	bool custom;          /* its config was replaced by a custom one */
	int64_t removed;      /* TIME_NONE: present; else since when it is listed as removed */
	int64_t exposed;      /* since when, TIME_NONE: not */
	struct addr exposed_to;
	bool exposed_race; /* label: race, else ignored; no part of what replays reproduce */
	uint64_t folder;   /* keyed digest of the secret folder it polls through, 0 none */
	struct homes homes;
	uint32_t nmoved;
	struct moved moved[DEVICE_MOVED_MAX]; /* latest first */
	uint64_t moved_count;
	char vendor[EVENT_WORD_MAX + 1], model[EVENT_WORD_MAX + 1], version[EVENT_WORD_MAX + 1]; /* as last told */
	int64_t seen;      /* last served fetch, for `show`; written behind: no part of what replays reproduce */
	int64_t published; /* when its present line was renamed into place, by the enforcer's clock; 0 not yet */
	/* State and home before the last change, for late events. */
	struct {
		enum device_state state;
		enum reason reason;
		int64_t unlock_start, unlock_end;
		struct homes homes;
	} before;
};

/* 1 found, 0 not, -1 failed. A removed device is found, with `removed` set. */
int store_device(struct store *s, uint64_t mac, struct device *out, struct err *err);
/* Inserts or replaces, homes too. The store compares with what it has: only where the device's line in the lock-state file becomes another is
 * its shard marked for publishing and `published` set to 0. */
int store_device_put(struct store *s, const struct device *d, struct err *err);
int store_device_delete(struct store *s, uint64_t mac, struct err *err);
int64_t store_device_count(struct store *s); /* not removed ones */

/* How many devices stand how at `time`, without a look at all of them. */
#define DEVICE_NAMED 5 /* of so many the MAC is told too */
struct device_named {
	int64_t n;
	uint64_t first[DEVICE_NAMED];
};
struct device_sums {
	int64_t devices, by_state[DEVICE_HELD + 1]; /* as device_standing has it */
	int64_t stale, custom, moved;
	struct device_named exposed; /* in the order of their MACs */
	struct device_named
		long_open; /* by an account-wide unlock without end, for longer than asked for; the longest first */
};
int store_device_sums(struct store *s, int64_t time, int64_t long_open, struct device_sums *out, struct err *err);

/* Calls each() for devices in MAC order, read in pages so that writers are not held up; stops at the first non-zero and returns it. */
struct device_filter {
	const char *account; /* NULL any */
	uint64_t from;       /* first MAC */
	int shard;           /* last byte of the MAC, -1 any */
	bool removed;        /* removed ones too */
};
int store_devices(struct store *s, const struct device_filter *filter,
                  int (*each)(void *context, const struct device *d, struct err *err), void *context, struct err *err);

/* Locked, unlocked or held, and not removed: fetches from its homes change nothing. */
bool device_is_calm(const struct device *d);

/* What a fetch from home asks for, of many devices in few bytes; no homes: it is not calm, or has none. Of a home: where it is, of what kind, whether it is
 * backed, and when one of kind HOME_POLL was used. What is borrowed ends with the call, or with the next one. */
struct glance {
	uint64_t mac;
	int64_t changed, seen;
	uint64_t folder;
	struct memo_words words;
	unsigned same; /* neighbours with the same number have the same words */
	struct homes homes;
};
/* Some hundred neighbours by MAC that are read as one: wanted() is told which MAC they begin with, and each() gets all of them in order, but those that
 * were changed in this transaction. Neither may ask or change anything. */
struct neighbours {
	bool (*wanted)(void *context, uint64_t first);
	void (*each)(void *context, const struct glance *g);
	void *context;
};
/* 1 found, 0 not, -1. Quicker than store_device where the device was not asked for lately; where that is so `others` (may be NULL) is asked. */
int store_glance(struct store *s, uint64_t mac, const struct neighbours *others, struct glance *out, struct err *err);

/* What the judge keeps in mind of devices at home (memo.h), here because it is void when the rows change: of a device that is put or deleted,
 * and of all after a rollback or store_set_conf. */
struct memo *store_memo(struct store *s);
/* Writes down when devices were seen, where that is a day behind the memo. In a transaction. */
int store_seen(struct store *s, struct err *err);
/* Raises *seen to what was written down; store_device gives what the memo or the row has. */
int store_seen_at(struct store *s, uint64_t mac, int64_t *seen, struct err *err);

/* MACs, in order and at most max, of the devices on which time has work to do: a home of kind HOME_POLL that was last used before
 * `unused`, or removed before `removed`. */
int store_devices_due(struct store *s, int64_t unused, int64_t removed, uint64_t *macs, uint32_t max, uint32_t *n,
                      struct err *err);

/* The users of a device, replaced as a set. */
struct device_user {
	char user[EVENT_USER_MAX + 1];
	char realm[EVENT_REALM_MAX + 1]; /* "" any */
};
int store_users_put(struct store *s, uint64_t mac, const struct device_user *users, uint32_t n, struct err *err);
/* The same for a device that has none. */
int store_users_add(struct store *s, uint64_t mac, const struct device_user *users, uint32_t n, struct err *err);
int store_users(struct store *s, uint64_t mac, int (*each)(void *context, const struct device_user *user),
                void *context, struct err *err);
/* By user and realm; without a realm (in the event or in the inventory) only if the user is unique. MAC_NONE for none. Removed devices have no users. */
int store_device_of_user(struct store *s, struct slice user, struct slice realm, uint64_t *mac, struct err *err);
/* While it stays the same, so does what store_device_of_user says. Never 0. */
uint32_t store_users_version(const struct store *s);

/* What lives at an address: devices of which it is (masked as conf says) a home, not removed. "Counted" leaves out homes younger than
 * 24h before `time` that nothing backs. */
struct residents {
	uint32_t devices; /* any age */
	uint32_t counted;
	uint32_t accounts; /* distinct accounts of the counted, "-" is none */
};
int store_residents(struct store *s, const struct conf *conf, struct addr ip, int64_t time, struct residents *out,
                    struct err *err);
/* Which devices: the first of them by MAC, at most max. */
int store_residents_named(struct store *s, const struct conf *conf, struct addr ip, uint64_t *macs, uint32_t max,
                          uint32_t *n, struct err *err);
/* The same for any address within a prefix. */
int store_residents_within(struct store *s, struct prefix p, int64_t time, struct residents *out, struct err *err);

/* Networks: prefixes that are home to all devices of an account. Rows are kept when removed, for verdicts about the past. */
struct network {
	struct prefix at;
	char account[EVENT_ACCOUNT_MAX + 1];
	int64_t added, removed; /* TIME_NONE: in force */
};
int store_network_put(struct store *s, const struct network *n, struct err *err); /* key: at, account, added */
/* account NULL: all; only those in force unless past. */
int store_networks(struct store *s, const char *account, bool past, int (*each)(void *context, const struct network *n),
                   void *context, struct err *err);
/* 1 where a network of the account (NULL: of any) in force holds ip. */
int store_network_has(struct store *s, const char *account, struct addr ip, struct err *err);

/* Windows. */
struct window {
	int64_t id; /* 0 to insert */
	struct prefix at;
	char account[EVENT_ACCOUNT_MAX + 1]; /* "*" for any */
	int64_t start, until;                /* closing sets until */
};
int store_window_put(struct store *s, struct window *w, struct err *err);
/* Those with until > time; past: all that are kept. */
int store_windows(struct store *s, int64_t time, bool past, int (*each)(void *context, const struct window *w),
                  void *context, struct err *err);
/* 1 where a window open at `time` holds ip and is for the account ("*" is for all; account NULL: of any). */
int store_window_has(struct store *s, const char *account, struct addr ip, int64_t time, struct err *err);

/* Pauses of the locks that are over; until > start. The last one is in the numbers "pause.*". has: 1 where one held at `time`. */
int store_pause_put(struct store *s, int64_t start, int64_t until, struct err *err);
int store_pause_has(struct store *s, int64_t time, struct err *err);

/* Registrations: the newest proven one per user, realm and address, kept 24h to 25h of state time, bounded (the oldest go first). */
int store_registered_put(struct store *s, struct slice user, struct slice realm, uint64_t mac, struct addr ip,
                         int64_t time, struct err *err);
/* What is in memory of one. Its number stays the same while it is kept. */
struct registration {
	uint64_t digest; /* of user, realm and address */
	uint64_t mac;    /* whose it was */
	uint32_t time;   /* of the last one; 0: there is none of that number */
	uint32_t next;   /* of its chain, 0 the end */
	uint32_t users;  /* store_users_version when its user was of `mac`, 0 not known */
	uint32_t who;    /* the judge's, 0 where `mac` is another than before */
};
uint64_t store_registered_digest(const struct store *s, struct slice user, struct slice realm, struct addr ip);
/* 1 with *out, valid until one is put or a rollback; 0; -1. *number: 0, or the one that it had before. */
int store_registration(struct store *s, uint64_t digest, uint32_t *number, struct registration **out, struct err *err);
/* Asks memory for it, in three steps; the last one tells whose it may be, or MAC_NONE. And where its number is known. */
uint64_t store_registration_hint(const struct store *s, uint64_t digest, int step);
void store_registration_hint_at(const struct store *s, uint32_t number);
/* As store_registered_put, where its user is of r->mac. */
void store_registration_renew(struct store *s, struct registration *r, int64_t time);
/* 1 where a registration from ip (IPv6: its /64) lies within 24h before time. */
int store_registered_at(struct store *s, struct addr ip, int64_t time, struct err *err);
int store_registered_within(struct store *s, struct prefix p, int64_t time, struct err *err);
/* The newest registration of a device, TIME_NONE and no address for none. */
int store_registered_device(struct store *s, uint64_t mac, struct addr *ip, int64_t *time, struct err *err);

/* ---- addresses ---- */

enum ban_kind { BAN_BAN, BAN_BLOCK, BAN_ALLOW };
const char *ban_kind_name(enum ban_kind kind); /* "ban" */

struct ban {
	int64_t id; /* 0 to insert */
	enum ban_kind kind;
	struct prefix at;
	char trigger[EVENT_WORD_MAX + 1]; /* "" by an admin */
	int64_t start, until;             /* until TIME_NONE: no end (block, allow) */
	uint32_t level;                   /* 0 the first of its times */
	bool proven;
	bool pending;   /* waits for the cap */
	int64_t lifted; /* TIME_NONE: not; ended by hand (is not remembered then) */
	int64_t
		installed; /* when it was in the kernel first, by the enforcer's clock; 0 not yet; no part of what replays reproduce */
	uint64_t packets, bytes; /* counted by the kernel */
	char comment[128];
};
int store_ban_put(struct store *s, struct ban *b, struct err *err);
/* The ban of that trigger ("" by an admin; NULL any) of exactly that prefix that is in force or pending at `time` and ends last, those in
 * force before those that are pending: 1, 0, -1. */
int store_ban(struct store *s, enum ban_kind kind, struct prefix at, const char *trigger, int64_t time, struct ban *out,
              struct err *err);
/* The one that holds the address (any prefix length) and ends last; those in force before those that are pending. */
int store_ban_of(struct store *s, enum ban_kind kind, struct addr ip, int64_t time, struct ban *out, struct err *err);
/* All of exactly that prefix, of every kind, that are in force or pending at `time`. Within each() nothing may be asked or changed. Stops at the
 * first non-zero and returns it. */
int store_bans_at(struct store *s, struct prefix at, int64_t time, int (*each)(void *context, const struct ban *b),
                  void *context, struct err *err);
/* What the kernel counted, for the one of exactly that prefix that stands (ends last), or else stood last; counts never fall. */
int store_ban_count(struct store *s, enum ban_kind kind, struct prefix at, int64_t time, uint64_t packets,
                    uint64_t bytes, struct err *err);
/* How many bans of that trigger and prefix ended (or will end) at or after `since` and were not lifted. */
int store_ban_level(struct store *s, const char *trigger, struct prefix at, int64_t since, uint32_t *level,
                    struct err *err);
/* Those in force or pending at `time` (start <= or > time alike), ordered by prefix; past: all that are kept, newest first. */
int store_bans(struct store *s, int64_t time, bool past,
               int (*each)(void *context, const struct ban *b, struct err *err), void *context, struct err *err);
/* The same behind one of them, of which only the id and the prefix are looked at; it may be gone. */
int store_bans_from(struct store *s, int64_t time, bool past, const struct ban *from,
                    int (*each)(void *context, const struct ban *b, struct err *err), void *context, struct err *err);
/* In force or pending bans (kind BAN_BAN) at time. */
int store_ban_counts(struct store *s, int64_t time, int64_t *bans, int64_t *pending, struct err *err);
/* The bans (kind BAN_BAN) pending at `time` that were made first (by start, then id): at most max of them into out. */
int store_bans_pending(struct store *s, int64_t time, uint32_t max, struct ban *out, uint32_t *n, struct err *err);
/* The unproven ban (kind BAN_BAN) in force at `time` that ends first: 1, 0, -1. By an index: the judge asks under attack. */
int store_ban_unproven(struct store *s, int64_t time, struct ban *out, struct err *err);
/* Is anything of that kind in force or pending at `time`? 1, 0, -1. */
int store_ban_any(struct store *s, enum ban_kind kind, int64_t time, struct err *err);
/* All in force or pending at `time` as store_bans tells them, but in no order and without trigger and comment, at half the cost. Within each()
 * nothing may be changed. */
int store_bans_brief(struct store *s, int64_t time, int (*each)(void *context, const struct ban *b, struct err *err),
                     void *context, struct err *err);
/* That the kernel has it since `time`. */
int store_ban_installed(struct store *s, int64_t id, int64_t time, struct err *err);
/* Forgets bans that ended before `before`. */
int store_ban_forget(struct store *s, int64_t before, struct err *err);

/* ---- counters ---- the trigger counters live in counter.h; the store only keeps their bytes, committed with all else. */
int store_counters_load(struct store *s, int (*each)(void *context, uint32_t row, struct slice bytes), void *context,
                        struct err *err);
int store_counter_put(struct store *s, uint32_t row, struct slice bytes, struct err *err); /* empty bytes: delete */

/* ---- the record ---- every change: what, when, who, why. */
struct record {
	int64_t id;       /* 0 to insert */
	int64_t time;     /* of the event or command */
	const char *what; /* "locked", "unlocked", "moved", "exposed", "banned", "reported", ...: see judge.h */
	uint64_t mac;     /* MAC_NONE without */
	struct prefix ip; /* bits 0 and no base: without */
	struct slice account;
	struct slice rule;   /* rule or trigger, or "" */
	struct slice detail; /* for people: one line */
	struct slice line; /* device line of the lock-state file after the change ("open 1795478400 - new acct1"), or "" */
	int64_t uid;       /* who ordered it; -1: an event did */
	struct slice actor, reason;
	struct slice log; /* evidence: name of the log, offset and the line, or "" */
	uint64_t offset;
	struct slice evidence;
};
int store_record_add(struct store *s, const struct record *r, struct err *err);
struct record_filter {
	uint64_t mac;     /* MAC_NONE any */
	struct prefix ip; /* bits 0: any */
	int64_t since;
	int64_t limit; /* newest so many, 0 all */
};
/* In time order (then in order of insertion). */
int store_records(struct store *s, const struct record_filter *f,
                  int (*each)(void *context, const struct record *r, struct err *err), void *context, struct err *err);
/* Newest first, those before (time, id) alone; INT64_MAX for both: all. `limit` is not looked at: each() ends it. */
int store_records_back(struct store *s, const struct record_filter *f, int64_t time, int64_t id,
                       int (*each)(void *context, const struct record *r, struct err *err), void *context,
                       struct err *err);
/* The newest record of that device with a line and time <= `time`: 1 with line (copied), 0 with *begins set to the time of the oldest record kept, -1. */
int store_record_line(struct store *s, uint64_t mac, int64_t time, char *line, size_t size, int64_t *begins,
                      struct err *err);
/* Drops what is older than keep before `now`, then the oldest until under max bytes. */
int store_record_trim(struct store *s, int64_t before, int64_t max, struct err *err);

/* ---- the online backup ---- FOLDER/backup.db and the one before it, backup.1.db; each whole, synced and renamed into place. */
/* Copies some pages, of a new backup where none is at work. Not within a transaction. 1: it is made; 0: call again; -1: given up. */
int store_backup_step(struct store *s, struct err *err);
void store_backup_cancel(struct store *s);
/* When the newest was made, by the clock: 1; 0 with TIME_NONE where there is none; -1. */
int store_backup_time(const struct store *s, int64_t *time, struct err *err);

/* What became of a state that may be damaged. */
struct recovery {
	bool sound;         /* it is whole: nothing was to be done */
	char problem[1024]; /* why it is not */
	char backup[4096];  /* the newest backup that is whole */
	int64_t time;       /* when that was made */
	char aside[4096];   /* where the damaged state is now */
};
struct token;
/* Who is told what a recovery loses. -1 ends it. */
struct recovery_listener {
	/* A command that was given since the backup, as far as the damaged record tells: it must be given again. */
	int (*command)(void *context, const struct record *command, struct err *err);
	/* A token of the backup that was revoked since, and stays so; or, where the damaged state cannot be read there, one that may have been. */
	int (*token)(void *context, const struct token *t, bool revoked, struct err *err);
	void *context;
};
/* Puts the newest backup that is whole in the place of a damaged state; all of it is published again, and logs are read again. preview: changes
 * nothing. busy: an enforcer has the state. */
int store_recover(struct recovery *r, const char *folder, bool preview, int64_t now, bool *busy,
                  const struct recovery_listener *listener, struct err *err);

/* ---- logs ---- */
int store_cursors(struct store *s, int (*each)(void *context, const struct cursor *c), void *context, struct err *err);
int store_cursor(struct store *s, uint32_t id, struct cursor *out, struct buf *texts,
                 struct err *err);                                        /* 1, 0, -1; texts holds what it borrows */
int store_cursor_put(struct store *s, struct cursor *c, struct err *err); /* id 0: inserts and sets it */
int store_cursor_forget(struct store *s, uint32_t id, struct err *err);
/* Problems of sources, for `status`. Empty text: solved. */
int store_notice_put(struct store *s, struct slice name, struct slice text, int64_t time, struct err *err);
int store_notices(struct store *s, int (*each)(void *context, struct slice name, struct slice text, int64_t time),
                  void *context, struct err *err);
/* Events from ahead of the clock, encoded as event.h does (its cursor field is a cursor id here). */
int store_early_put(struct store *s, uint32_t cursor, int64_t time, struct slice event, struct err *err);
int store_early_count(struct store *s, uint32_t cursor, int64_t *count, struct err *err);
/* Takes those with time <= due out of the store, in order of insertion, at most max, and hands each on. */
int store_early_take(struct store *s, int64_t due, uint32_t max,
                     int (*each)(void *context, struct slice event, struct err *err), void *context, struct err *err);

/* Sums that `status` shows, by name: "events.provision.served", "lines", "leaks", ... */
int store_sum_add(struct store *s, const char *name, int64_t more, struct err *err);
int store_sums(struct store *s, int (*each)(void *context, const char *name, int64_t value), void *context,
               struct err *err);

/* ---- what the hook is still to be told ---- a queue, committed with the change that caused it. It is no part of what replays
 * reproduce. What finds no room is counted, as "lost" and for good in the sum "hook.lost": the oldest are kept. */
#define HOOK_WAITING_MAX 10000
#define HOOK_ADDRESSES_MAX                                                                                             \
	1000                    /* of them, others than of devices: whoever has many addresses must not keep devices out */
#define HOOK_ASIDE_MAX 1000 /* set aside; here the oldest go */

struct hook_entry {
	int64_t id;  /* never used twice */
	bool device; /* it tells of a change of a device */
	uint32_t tries;
	struct slice document; /* a JSON object */
};
struct hook_counts {
	int64_t waiting, aside;
	int64_t lost; /* not told of yet */
};
int store_hook_counts(struct store *s, struct hook_counts *out, struct err *err);
int store_hook_add(struct store *s, bool device, struct slice document, struct err *err);
/* The oldest that waits: 1 with text holding what it borrows, 0, -1. */
int store_hook_first(struct store *s, struct hook_entry *out, struct buf *text, struct err *err);
int store_hook_done(struct store *s, const struct hook_entry *e, struct err *err);
/* One more try of it failed. aside: it waits no longer. */
int store_hook_failed(struct store *s, const struct hook_entry *e, struct slice problem, bool aside, struct err *err);
/* All that were set aside wait again, in their order. */
int store_hook_retry(struct store *s, struct err *err);
int store_hook_clear(struct store *s, struct err *err);
/* Why the last that was set aside failed: 1, 0, -1. */
int store_hook_problem(struct store *s, char *out, size_t size, struct err *err);
int store_hook_told_lost(struct store *s, struct err *err);

/* ---- the portal ---- who may use it (common/token.h), and what addresses did for themselves. No part of what replays reproduce. */
enum token_role { ROLE_OPERATOR, ROLE_SUPPORT, ROLE_ACCOUNT, ROLE_USER, ROLE_VERDICT, ROLE_METRICS, ROLES };
const char *token_role_name(enum token_role role); /* "operator" */
bool token_role_parse(const char *name, enum token_role *out);

#define TOKENS_MAX       100000
#define TOKEN_MACS_MAX   64   /* devices that one token of a user is for */
#define TOKEN_COMMENT    64   /* bytes, with the NUL */
#define TOKEN_USED_EVERY HOUR /* a use is noted no more often */

struct token {
	char id[TOKEN_ID + 1];
	enum token_role role;
	char account[EVENT_ACCOUNT_MAX + 1]; /* of ROLE_ACCOUNT, else "" */
	struct token_hash hash;
	int64_t created;
	int64_t until; /* TIME_NONE: no end */
	int64_t used;  /* coarsely, TIME_NONE: never */
	char comment[TOKEN_COMMENT];
	uint32_t nmacs; /* of ROLE_USER, ascending */
	uint64_t macs[TOKEN_MACS_MAX];
};
/* Its id is one that no token has. Refused (ERR_POLICY) where there are TOKENS_MAX. */
int store_token_add(struct store *s, const struct token *t, struct err *err);
int store_token(struct store *s, const char *id, struct token *out, struct err *err); /* 1, 0, -1 */
int store_token_used(struct store *s, const char *id, int64_t time, struct err *err);
int store_token_revoke(struct store *s, const char *id, struct err *err); /* 1 it was there, 0, -1 */
/* In order of their ids. */
int store_tokens(struct store *s, int (*each)(void *context, const struct token *t, struct err *err), void *context,
                 struct err *err);
int store_token_counts(struct store *s, int64_t counts[ROLES], struct err *err);

/* 1 where the account has such a device, removed ones left out; else 0, by the same look-up whether it exists or not. */
int store_account_has(struct store *s, const char *account, uint64_t mac, struct err *err);

/* How often the address lifted its own ban on a day (days since the epoch); former days are forgotten as later ones come. 1 where one more
 * was counted, 0 where it had `most` already, or LIFTS_MAX addresses lifted theirs today. */
#define LIFTS_MAX 200000
int store_lifts(struct store *s, struct addr ip, int64_t day, uint32_t *lifts, struct err *err);
int store_lift_add(struct store *s, struct addr ip, int64_t day, uint32_t most, struct err *err);

/* ---- what projections must still write ---- committed with the change that caused it, so that a kill forgets nothing. */
#define SHARDS 256
struct unpublished {
	bool shard[SHARDS]; /* by last byte of the MAC */
	bool whole
		[SHARDS]; /* of these: the lines that stand in the file do not help, but for those of devices that changed */
	bool common;  /* windows, networks: every file */
	bool bans;    /* the published list of bans, and the firewall */
};
int store_unpublished(struct store *s, struct unpublished *out, struct err *err);
/* A shard that is marked so is marked whole. */
int store_mark_unpublished(struct store *s, const struct unpublished *more, struct err *err);
/* What was marked since store_begin, be it marked before or not: what the transaction at hand, or the last one, changed. */
void store_touched(const struct store *s, struct unpublished *out);
/* The devices of a shard (-1: of all) whose lines store_published was not told of, removed ones too; by shard, then MAC. */
int store_devices_unpublished(struct store *s, int shard,
                              int (*each)(void *context, const struct device *d, struct err *err), void *context,
                              struct err *err);
/* After the rename, in a transaction of its own that the caller opens: clears, and sets `published` of devices in those shards whose line was
 * not published yet to `now` (0: leaves it, since their lines do not stand in the file). Where `common` is cleared, shards that are not among those
 * done are marked instead. */
int store_published(struct store *s, const struct unpublished *done, int64_t now, struct err *err);
/* State time of the newest change to what stands in a shard's file (-1: in any), and to the list of bans; 0 without one. */
int64_t store_lines_changed(const struct store *s, int shard);
int64_t store_bans_changed(const struct store *s);
/* Bans changed since the last call (for incremental work in the firewall), newest state each; overflow (more than 65536, or after
 * opening) is told by *all: then everything must be rewritten. */
int store_ban_changes(struct store *s, bool *all, int (*each)(void *context, struct prefix at), void *context,
                      struct err *err);

/* The text of a device in the lock-state file behind "device MAC ". A function of the row alone: a limit that has passed stands as it is. */
void device_line(const struct device *d, const struct conf *conf, struct buf *out);

/* The conf that store_device_put compares lines with. Must be set before the first put. */
void store_set_conf(struct store *s, const struct conf *conf);

#endif
