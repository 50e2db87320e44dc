/* judge_private: what the phases of the judge share. Nobody outside judge.c, quiet.c, lock.c, admin.c, facts.c, trigger.c and ban.c includes it.
 *
 * One event goes: judge_advance to its time; facts_gather (the state before the event); lock_event; trigger_event. Rules and triggers
 * both see the facts as they were before the event.
 */
#ifndef PROVCTL_JUDGE_PRIVATE_H
#define PROVCTL_JUDGE_PRIVATE_H

#include "enforcer/judge.h"

struct counters; /* counter.h */

/* A trigger that has to do with what a phone does at home, and the kinds of events that it looks at for that. */
struct quiet_trigger {
	uint32_t kinds;
	uint16_t trigger;
};

struct judge {
	struct store *store;
	const struct conf *conf;
	const struct never *never;
	struct counters *counters;
	int64_t now;      /* state time */
	struct slice log; /* name of the log of the event at hand */
	struct judge_sums sums;
	struct judge_sums flushed; /* as of the last judge_flush: what a rollback goes back to */
	struct {
		struct quiet_trigger *stirred, *resets; /* that a fetch from home can count for, or that take it as a success */
		uint32_t nstirred, nresets;
		uint32_t by_account; /* kinds that some of the latter count by account */
		uint64_t missed;     /* devices that were not in mind */
	} quiet;
};

struct facts {
	const struct event *e;
	bool has_device; /* known and not removed */
	bool removed;    /* known and removed */
	struct device device;
	struct standing standing; /* at e->time */
	bool is_home;             /* e->ip is one of its homes */
	bool in_network;          /* ... or in a network of its account */
	bool in_window;           /* a window open at e->time for its account holds e->ip */
	uint64_t folder;          /* digest of the claimed secret folder, 0 none */
	bool first_folder;        /* a poll only because the device had no secret folder yet: it backs nothing */
	/* Worked out when asked for, by facts_known. */
	bool known_done, known;
	/* Digests, 0 until they were asked for: of the MAC that it is about, of its user, of what makes lines one. */
	uint64_t subject, user, fold;
	uint32_t who; /* as trigger_who tells, 0 until it was asked */
};

int facts_gather(struct judge *j, const struct event *e, struct facts *f, struct err *err);
/* Sets f->known: in a counted home or a network, or a proven registration within 24h. */
int facts_known(struct judge *j, struct facts *f, struct err *err);
/* The same for any address. */
int address_known(struct judge *j, struct addr ip, int64_t time, bool *known, struct err *err);

/* The digest of a secret folder, never 0. */
uint64_t facts_folder(const struct judge *j, struct slice folder);
/* Which kind the event truly is: a claimed secret folder is believed only where this device has it, or has none and asks from home. */
enum event_kind facts_claim(const struct judge *j, struct facts *f);

/* lock.c: rules 1 to 14. */
int lock_event(struct judge *j, struct facts *f, struct err *err);
/* Rule 11, ordered by a trigger. */
int lock_suspect(struct judge *j, uint64_t mac, const struct event *e, const char *trigger, struct err *err);
/* Rule 12, where the device of f became exposed or held. */
int lock_cascade(struct judge *j, const struct facts *f, const struct device *origin, struct err *err);
/* What is left of a removed device: locked, nobody's home, without users. */
int device_remove(struct judge *j, struct device *d, int64_t time, struct err *err);

/* trigger.c: counting and firing. */
int trigger_init(struct judge *j, struct err *err);
void trigger_release(struct judge *j);
int trigger_event(struct judge *j, struct facts *f, struct err *err);
/* A proven fetch, by no imposter, that a device was served at home, or a proven registration from there or of nobody's user: may it count for any
 * trigger, as far as can be told without its agent? */
bool trigger_is_stirred(const struct judge *j, const struct event *e);
/* If not: what is to be done then. mac: of the device, or MAC_NONE. who (may be NULL): 0, or what this left there for the same device or user. */
int trigger_quiet(struct judge *j, const struct event *e, uint64_t mac, uint32_t *who, struct err *err);
/* An unlock empties the device's suspicion counters. */
int trigger_device_cleared(struct judge *j, uint64_t mac, struct err *err);
int trigger_flush(struct judge *j, struct err *err);
void trigger_forget(struct judge *j);

/* "10 distinct MACs within 1h": what a trigger waits for. */
#define TRIGGER_TEXT 96
void trigger_text(const struct trigger *t, char out[TRIGGER_TEXT]);
/* Lifting bans by hand empties the counters of what lies within. */
int trigger_address_cleared(struct judge *j, struct prefix at, struct err *err);

/* By ip is by the address, and by the /64 for IPv6. */
struct prefix address_of(struct addr ip);

/* ban.c; orders of an admin, and what is told of an address, are in ban_order.c. */
/* A home, a network, a registration, an open window, a peer or a never-address lies within. */
int ban_is_inhabited(struct judge *j, struct prefix p, int64_t time, bool *inhabited, struct err *err);
/* A trigger fired for `at`. Decides by domain.md 7 (never, allow, peers, spare_homes, three accounts, caps, escalation) and records; what happened comes
 * back. one_device: all counted events name one MAC or one user. told: that the address is spared is in the record already. */
enum ban_outcome {
	BAN_DONE,
	BAN_EXTENDED, /* a ban of the address was running */
	BAN_PENDING,  /* waits for bans_per_minute, or for room */
	BAN_SPARED,   /* never banned automatically */
	BAN_REFUSED   /* past every cap: dropped and counted */
};
int ban_fire(struct judge *j, const struct trigger *t, struct prefix at, struct facts *f, bool one_device, bool told,
             enum ban_outcome *outcome, struct err *err);
/* A window lifts the bans of what it holds. */
int ban_lift_within(struct judge *j, struct prefix at, const struct order *o, bool *lifted, struct err *err);
/* Promotes pending bans as the caps allow at time. */
int ban_advance(struct judge *j, int64_t time, struct err *err);

/* In the place of a device's line: it has none any more. */
#define RECORD_UNLISTED "-"

/* judge.c: adds to the record. f gives time and evidence where an event caused it (o NULL), o where a command did (f NULL); both NULL: state time
 * did. d (may be NULL) gives MAC, account and line. `what` is one of record_words there. */
int judge_record(struct judge *j, const struct facts *f, const struct order *o, const char *what,
                 const struct device *d, const struct prefix *ip, const char *rule, struct err *err, const char *detail,
                 ...) __attribute__((format(printf, 9, 10)));

/* judge_hook.c: what of the record the hook is told, too; d is the device of r, or NULL. */
int judge_hook(struct judge *j, const struct record *r, const struct device *d, struct err *err);

#endif
