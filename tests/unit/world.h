/* world: a judge on a state in memory, told by short stories. A story is steps separated by ";", each
 *
 *     TIME VERB [WORD...]
 *
 * TIME is how long after EPOCH ("0s", "90m", "8d"). Words: an address or prefix; a device "A" to "Z" (A where none is named); and
 * imposter, phone, unproven, says=VERSION, asn=N, country=CC, folder=TEXT, user=NAME, for=DURATION, account=NAME, support, no-home, any, locks, adopt,
 * homes=A,B, created=DURATION (before the step), =N (the step fails with this exit status).
 *
 * Events: served refused unauthorised unknown (provisions), poll.served ... (as event_kind_name), sip..., device....
 * Commands: unlock, unlock-account, lock, home-add, home-remove, network-add, network-remove, window-open, window-close, clear-exposed,
 * add, import, remove, pause, resume. Others: suspect (a trigger's order), published (the file was written), watch, enforce.
 */
#ifndef PROVCTL_TEST_WORLD_H
#define PROVCTL_TEST_WORLD_H

#include "common/conf.h"
#include "common/timefmt.h"
#include "enforcer/judge_private.h"

#define EPOCH 1795348800 /* 2026-11-22T12:00:00Z */

struct world {
	struct conf conf;
	struct store *store;
	struct judge *judge;
	uint64_t offset; /* of the next event */
	/* What must not matter: */
	unsigned restarts; /* a new judge after so many steps, 0 never */
	unsigned batch;    /* so many steps in one transaction; 0 one */
	unsigned steps;
	bool quiet;      /* judge_quiet is asked first */
	unsigned hushed; /* how many events it dealt with */
};

void world_open(struct world *w);
void world_close(struct world *w);
void world_tell(struct world *w, const char *story);
/* Ends a batch that is not full. */
void world_commit(struct world *w);
uint64_t world_mac(char device);
/* The device's line, then what else is of note: "exposed ADDRESS", "moved ADDRESS ADDRESS", "custom", or "unknown". */
void world_device(struct world *w, char device, char *out, size_t size);
/* Everything that replays must reproduce, as text. The caller frees. */
char *world_dump(struct world *w);

#endif
