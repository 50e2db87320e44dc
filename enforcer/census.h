/* census: how many devices are locked for which reason, and how many bans are of which trigger, for `metrics`. Counting a million devices takes seconds in which nobody
 * else would be served: it is done in slices between other work, while somebody asks now and then, and what was counted last is told. A state that
 * fits into one slice is counted when it is asked for.
 */
#ifndef PROVCTL_CENSUS_H
#define PROVCTL_CENSUS_H

#include "enforcer/store.h"

#define CENSUS_TRIGGERS 128

struct enforcer;

struct census_ban {
	char trigger[EVENT_WORD_MAX + 1]; /* "" by hand */
	int64_t bans;
};

struct counts {
	int64_t reasons[REASONS];      /* of locks */
	int64_t blocks, allows, other; /* other: bans of triggers beyond CENSUS_TRIGGERS */
	unsigned ntriggers;
	struct census_ban triggers[CENSUS_TRIGGERS];
};

struct census {
	bool done;                /* `last` is one */
	struct counts last, next; /* next: as far as it is counted */
	enum { CENSUS_IDLE, CENSUS_DEVICES, CENSUS_BANS } at;
	uint64_t mac;                /* to go on from */
	struct ban ban;              /* to go on behind */
	int64_t asked, ended, slice; /* monotonic_ms; slice: when the next may be counted */
};

/* Somebody wants it now: NULL where it is not counted yet. An enforcer of one command counts all at once. */
int census_ask(struct enforcer *e, const struct counts **out, struct err *err);
/* Milliseconds until there is a slice to count, -1 for none. */
int census_wait(const struct enforcer *e);
void census_tick(struct enforcer *e);

#endif
