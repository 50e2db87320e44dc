/* projection_private: what projection.c (when, and what follows a failure) and projection_firewall.c (what the kernel must hold) share.
 */
#ifndef PROVCTL_PROJECTION_PRIVATE_H
#define PROVCTL_PROJECTION_PRIVATE_H

#include "enforcer/firewall.h"
#include "enforcer/projection.h"

/* Numbers of the state. */
#define PROJECTION_GENERATION "firewall.generation"
#define PROJECTION_SINCE      "firewall.since"  /* since when the bans have been in the kernel without a gap */
#define PROJECTION_DIGEST     "firewall.digest" /* of the kernel's table, as it was made last (firewall.h) */
#define PROJECTION_NUMBER     "firewall.number" /* of the kernel's rule set, when an enforcer left it */
#define PROJECTION_PLACE      "firewall.place"  /* where that was: a digest of boot and network namespace */

/* One of the projections. */
struct half {
	bool due;
	int64_t at; /* when it is tried again, monotonic_ms; 0: nothing failed */
	int64_t wait;
	char text[1024];
	int64_t since;
};

struct projection {
	struct firewall *fw; /* NULL until it could be opened */
	struct half firewall, files, tokens;
	bool tokens_asked;           /* the transaction at hand changes tokens */
	bool replace;                /* the kernel's table is not known to be what it should */
	bool asked;                  /* the transaction that was committed last changed what the firewall must hold */
	bool bans_off;               /* as the table was made last: watched or paused */
	bool all;                    /* every file, whether its part changed or not */
	int64_t files_next;          /* when they may be written next for batches, monotonic_ms */
	int64_t bans_next;           /* the same of the list of bans */
	int64_t files_wake;          /* when the next of both is due */
	int64_t files_spent;         /* milliseconds on what of them is not all written yet */
	int64_t pause_until;         /* 0: none; then the bans come back */
	bool installed_known;        /* what follows is known */
	int64_t installed_min;       /* the first moment at which a ban was in the kernel, INT64_MAX: none */
	int64_t since;               /* no leak before it */
	bool made;                   /* the table was made anew, which is not noted yet */
	bool hurry;                  /* what is banned may come through */
	int64_t drift;               /* changes by others that are not noted yet */
	struct firewall_noted noted; /* of the table, while no socket is open */
	bool has_noted;
	int64_t repaired;   /* when the table was made anew for them last, monotonic_ms */
	int64_t counted;    /* when counters were read last, monotonic_ms; 0 never */
	int64_t count_cost; /* milliseconds that it took */
};

/* What all that shapes the table comes to, in the 32 bits that the kernel keeps for us. */
int projection_stamp(struct enforcer *e, uint64_t *out, struct err *err);
/* The table as the state says; then notes which bans are installed. */
int projection_replace(struct enforcer *e, struct err *err);
/* The prefixes whose bans changed; where that cannot be, the whole table. On failure `replace` is set. */
int projection_change(struct enforcer *e, struct err *err);

/* Reads what the kernel counted. same (may be NULL): whether it holds what it must; where it does not, by others' doing, it is drift. */
int projection_count(struct enforcer *e, bool *same, struct err *err);

#endif
