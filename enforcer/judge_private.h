/* judge_private: what the phases of the judge share. Nobody outside judge.c, lock.c, admin.c, facts.c, trigger.c and ban.c includes it.
 *
 * One event goes: judge_advance to its time; facts_gather (the state before the event); lock_event; trigger_event. Rules and triggers
 * both see the facts as they were before the event.
 */
#ifndef PROVCTL_JUDGE_PRIVATE_H
#define PROVCTL_JUDGE_PRIVATE_H

#include "enforcer/judge.h"

struct counters; /* counter.h */

struct judge {
	struct store *store;
	const struct conf *conf;
	const struct never *never;
	struct counters *counters;
	int64_t now;      /* state time */
	struct slice log; /* name of the log of the event at hand */
	struct judge_sums sums;
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
	/* Worked out when asked for, by facts_residents and facts_known. */
	bool residents_done, known_done;
	struct residents residents;
	bool registered, known;
};

int facts_gather(struct judge *j, const struct event *e, struct facts *f, struct err *err);
int facts_residents(struct judge *j, struct facts *f, struct err *err);
/* Sets f->known and f->registered: in a counted home or a network, or a proven registration within 24h. */
int facts_known(struct judge *j, struct facts *f, struct err *err);
/* The same for any address. */
int address_known(struct judge *j, struct addr ip, int64_t time, bool *known, struct err *err);

/* lock.c: rules 1 to 14. */
int lock_event(struct judge *j, struct facts *f, struct err *err);
/* Rule 11, ordered by a trigger. */
int lock_suspect(struct judge *j, uint64_t mac, const struct event *e, const char *trigger, struct err *err);

/* trigger.c: counting and firing. */
int trigger_init(struct judge *j, struct err *err);
void trigger_release(struct judge *j);
int trigger_event(struct judge *j, struct facts *f, struct err *err);
/* An unlock empties the device's suspicion counters. */
int trigger_device_cleared(struct judge *j, uint64_t mac, struct err *err);
int trigger_flush(struct judge *j, struct err *err);
void trigger_forget(struct judge *j);

/* ban.c. */
bool ban_is_never(const struct judge *j, struct prefix p);
/* A trigger fired for `at`. Decides by domain.md 7 (never, allow, peers, spare_homes, three accounts, caps, escalation) and records; what happened comes
 * back. one_device: all counted events name one MAC or one user. */
enum ban_outcome { BAN_DONE, BAN_EXTENDED, BAN_PENDING, BAN_SPARED, BAN_REFUSED };
int ban_fire(struct judge *j, const struct trigger *t, struct prefix at, struct facts *f, bool one_device,
             enum ban_outcome *outcome, struct err *err);
/* Is the address under an automatic or manual ban of this trigger (NULL any) at time? */
int ban_holds(struct judge *j, struct addr ip, const char *trigger, int64_t time, bool *holds, struct err *err);
/* A window lifts the bans of what it holds. */
int ban_lift_within(struct judge *j, struct prefix at, const struct order *o, bool *lifted, struct err *err);
/* Promotes pending bans as the caps allow at time. */
int ban_advance(struct judge *j, int64_t time, struct err *err);

/* judge.c: adds to the record. f gives time and evidence where an event caused it (o NULL), o where a command did (f NULL). d (may be NULL)
 * gives MAC, account and line. `what` is one of the words in record_words[] of judge.c, a public table for the manual: learned, locked,
 * opened, unlocked, relocked, moved, exposed, held, suspected, home-added, home-dropped, stale, created, removed, customised, cascaded,
 * banned, extended, pending, spared, reported, unbanned, blocked, allowed, window-opened, window-closed, network-added, network-removed,
 * imported, cleared, paused, resumed. */
int judge_record(struct judge *j, const struct facts *f, const struct order *o, const char *what,
                 const struct device *d, const struct prefix *ip, const char *rule, struct err *err, const char *detail,
                 ...) __attribute__((format(printf, 9, 10)));

#endif
