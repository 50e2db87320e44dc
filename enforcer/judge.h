/* judge: from events and commands to changes of the state. A pure function of (store, event): it reads no clock, file or socket; time is
 * the event's, countries and networks arrive inside it. Numbers of rules are those of the manual, provctl(8) "What events do".
 *
 * Phases behind this header: quiet.c (what nearly all events are), lock.c (what an event does to a device), trigger.c (counting, firing),
 * ban.c (bans, caps, who is never banned), judge_hook.c (what the hook is told), admin.c and inventory.c (commands), facts.c (what is known
 * of the asker, worked out at most once per event), standing.c and verdict.c (reading the state at a time). They share judge_private.h.
 */
#ifndef PROVCTL_JUDGE_H
#define PROVCTL_JUDGE_H

#include "common/conf.h"
#include "common/event.h"
#include "enforcer/store.h"

struct judge;

/* Borrows all three until judge_free. never (may be NULL) tells of addresses of this host; it is asked beside conf_never_overlaps. */
struct never {
	const char *(*why)(void *context, struct prefix p); /* what overlaps: "an address of this host"; NULL for nothing */
	void *context;
};
int judge_new(struct judge **out, struct store *store, const struct conf *conf, const struct never *never,
              struct err *err);
void judge_free(struct judge **judge);

/* Applies one event inside the store's open transaction. log is the name of its log, for the record. On -1 the transaction must be
 * rolled back and judge_forget called. */
int judge_event(struct judge *j, const struct event *e, struct slice log, struct err *err);

/* Whether an event is one of those that change nothing but when a phone was seen: 1 it was, and all is done that judge_event would have done;
 * 0 judge_event must see it. Does not look at its agent and line. look: nothing is done but looking. row is for those that have
 * the same vendor, model and version, all zero at first; found is for this event, what looking at it left there, or zero. */
struct quiet_row {
	uint32_t era, fits;
};
struct quiet_found {
	struct memo_entry *entry;
	uint32_t version;
	uint64_t digest;       /* of a registration, */
	uint32_t registration; /* and its number */
};
int judge_quiet(struct judge *j, const struct event *e, struct quiet_row *row, struct quiet_found *found, bool look,
                struct err *err);
/* judge_quiet will be asked to look at that event: memory is asked for what it needs, in one step, or for a registration in
 * so many, each with some time behind it. */
#define JUDGE_HINTS 3
void judge_hint(const struct judge *j, const struct event *e, struct quiet_found *found, int step);
/* The same where it was looked at. */
void judge_hint_found(const struct judge *j, const struct quiet_found *found);

/* Lets time alone work up to `time` (pending bans, forgetting); part of every event and command; harmless where time goes back. */
int judge_advance(struct judge *j, int64_t time, struct err *err);

/* Writes counters that changed into the store. Call before store_commit. */
int judge_flush(struct judge *j, struct err *err);
/* After store_rollback: drops everything held in memory. */
void judge_forget(struct judge *j);

/* Time of the newest applied event or command. */
int64_t judge_time(const struct judge *j);

/* What this judge did since judge_new, for the summary of a pass. */
struct judge_sums {
	uint64_t events[EVENT_KINDS];
	uint64_t learned, locked, opened, moved, exposed, held, suspected;
	uint64_t banned, extended, pending, spared, reported, late, ignored;
};
const struct judge_sums *judge_sums(const struct judge *j);

/* ---- reading the state at a time ---- */

/* The state with limits of time applied: a new device past its limit reads as locked/stale, a lapsed unlock as its former lock. */
struct standing {
	enum device_state state;
	enum reason reason;
	bool open;     /* served to anyone */
	int64_t until; /* end of open, TIME_NONE: no end */
	bool has_home; /* false for stale */
};
void device_standing(const struct device *d, const struct conf *conf, int64_t time, struct standing *out);
bool device_is_home(const struct device *d, const struct conf *conf, struct addr ip);

enum verdict { VERDICT_SERVED, VERDICT_REFUSED, VERDICT_FORGOTTEN };
/* What a generator answers for mac at ip at `time`; past times (before judge time) from the record. why: one line for people. */
int judge_verdict(struct judge *j, uint64_t mac, struct addr ip, int64_t time, enum verdict *out, struct buf *why,
                  struct err *err);

/* Statuses of an address at a time: bits, in the order in which `provctl ip` prints them. */
enum { IP_NEVER = 1, IP_ALLOWED = 2, IP_BLOCKED = 4, IP_BANNED = 8, IP_PENDING = 16, IP_FAILED = 32, IP_KNOWN = 64 };
int judge_ip(struct judge *j, struct addr ip, int64_t time, unsigned *status, struct err *err);
/* The ban or block in force that drops what the address sends, a block before a ban: 1, 0, -1. */
int judge_dropped(struct judge *j, struct addr ip, int64_t time, struct ban *out, struct err *err);
/* Why it is never banned, in words; NULL where it can be. */
const char *judge_never(const struct judge *j, struct prefix p);
/* The counters that hold something of an address, device or user: for explain. */
struct counting {
	const char *trigger;
	uint32_t count, limit;
	int64_t first, last;
	bool proven;
};
int judge_counting(struct judge *j, struct addr ip, uint64_t mac, int64_t time,
                   int (*each)(void *context, const struct counting *c), void *context, struct err *err);

/* ---- commands (admin.c) ---- all inside a transaction; each records who and why. Refusals are ERR_POLICY, bad values
 * ERR_INPUT, unknown MAC ERR_NEGATIVE. */
struct order {
	int64_t time;
	int64_t uid;
	struct slice actor, reason;
	struct addr session; /* where the one who orders it comes from, none for none: not banned by hand unless forced */
	bool force;
};

struct unlock_result {
	struct device device; /* after */
	bool home_banned;     /* an address of its (old) home, or one that asked from elsewhere last, is banned now */
	struct addr banned;
	struct prefix banned_by; /* the ban or block that holds it */
};
/* lasts: seconds, 0 for the configured unlock_for. */
int judge_unlock(struct judge *j, const struct order *o, uint64_t mac, int64_t lasts, bool support,
                 struct unlock_result *result, struct err *err);
/* For each device of the account: each() is told what happens to it: opened, or why it is skipped ("held", "custom", "open already").
 * preview: changes nothing. lasts 0: until used. */
int judge_unlock_account(struct judge *j, const struct order *o, const char *account, int64_t lasts, bool preview,
                         int (*each)(void *context, const struct device *d, const char *skipped), void *context,
                         struct err *err);
int judge_lock(struct judge *j, const struct order *o, uint64_t mac, bool no_home, struct err *err);
int judge_home(struct judge *j, const struct order *o, uint64_t mac, struct prefix at, bool add, struct err *err);
int judge_network(struct judge *j, const struct order *o, struct prefix at, const char *account, bool add,
                  struct err *err);
/* hours 1 to 40; account "*" for any. ban_lifted tells that a ban of the address was lifted for it. */
int judge_window_open(struct judge *j, const struct order *o, struct prefix at, const char *account, int64_t hours,
                      struct window *opened, bool *ban_lifted, struct err *err);
int judge_window_close(struct judge *j, const struct order *o, struct prefix at, const char *account, struct err *err);
int judge_clear_exposed(struct judge *j, const struct order *o, uint64_t mac, struct err *err);

/* lasts TIME_NONE: no end, only for block and allow. */
int judge_ban(struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, int64_t lasts,
              struct slice comment, struct err *err);
/* Lifts bans and blocks and allows of exactly that prefix (kind), or all bans. lifted: how many. */
int judge_unban(struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, uint64_t *lifted,
                struct err *err);
/* The address itself lifts the bans that hold it alone: they end now, and are remembered. */
int judge_lift_own(struct judge *j, const struct order *o, struct addr ip, uint64_t *lifted, struct err *err);
int judge_unban_all(struct judge *j, const struct order *o, uint64_t *lifted, struct err *err);

/* One device of the inventory. `add MAC`: row with only mac (and account, custom). */
struct inventory_row {
	uint64_t mac;
	char account[EVENT_ACCOUNT_MAX + 1]; /* "" not given */
	int64_t created;                     /* TIME_NONE not given */
	struct homes homes;                  /* n 0: not given */
	enum tri custom;
	const struct device_user *users;
	uint32_t nusers;
	bool has_users; /* the CSV has a user column: replace the set */
};
enum inventory_change { INVENTORY_SAME, INVENTORY_ADDED, INVENTORY_CHANGED };
int judge_inventory(struct judge *j, const struct order *o, const struct inventory_row *row, bool adopt, bool import,
                    enum inventory_change *change, bool *stale, struct err *err);
int judge_remove(struct judge *j, const struct order *o, uint64_t mac, struct err *err);
/* pause/resume: the last one is kept in the state as numbers "pause.*", former ones of the locks as rows. lasts 0: 1h. */
int judge_pause(struct judge *j, const struct order *o, int64_t lasts, bool locks, struct err *err);
int judge_resume(struct judge *j, const struct order *o, struct err *err);
/* Is it paused at time; locks too? */
int judge_paused(struct judge *j, int64_t time, bool *bans, bool *locks, struct err *err);

#endif
