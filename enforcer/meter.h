/* meter: what the enforcer counts of itself since it started, for `metrics`. Plain data inside struct enforcer, all zero at the start; no part of
 * the state. Bounded: rules are counted by id in METER_RULES slots, and what finds no slot under "other".
 */
#ifndef PROVCTL_METER_H
#define PROVCTL_METER_H

#include <stdint.h>

#include "common/buf.h"
#include "common/event.h"

#define METER_RULES  256
#define METER_BOUNDS 12 /* of a histogram; one bucket more is for all above */

enum meter_of {
	METER_LAG,     /* from the stamp of a line, which is a whole second, to its decision: seconds */
	METER_COMMAND, /* a request on either command socket: microseconds */
	METER_PUBLISH, /* the published files, where any was written: microseconds */
	METER_NETLINK, /* a transaction of the kernel's table: microseconds */
	METERS
};
struct meter_scale {
	int64_t unit;                 /* how many of what is counted make a second */
	int64_t bounds[METER_BOUNDS]; /* of buckets, inclusive, ascending */
};
extern const struct meter_scale meter_scales[METERS];

struct meter_rule {
	char id[EVENT_WORD_MAX + 1]; /* "" for a free slot */
	uint64_t events;
};

struct meter {
	struct meter_rule rules[METER_RULES]; /* by the hash of their id */
	unsigned nrules;
	uint64_t other; /* events of rules without a slot */
	struct meter_histogram {
		uint64_t buckets[METER_BOUNDS + 1];
		uint64_t n;
		int64_t sum;
	} of[METERS];
	uint64_t portal_requests, portal_failures,
		portal_refusals; /* whole requests; of them wrong tokens, and what a role may not */
	uint64_t lifts;      /* bans that addresses lifted themselves */
};

/* n events of lines that this rule matched. The id is any bytes; NUL and what is too long ends it. */
void meter_rule(struct meter *m, struct slice id, uint64_t n);
/* n of them took that long; less than nothing (a clock that is behind) counts as nothing. */
void meter_add(struct meter *m, enum meter_of of, int64_t took, uint64_t n);

/* For durations: microseconds of a clock that only goes on. */
int64_t meter_clock(void);

#endif
