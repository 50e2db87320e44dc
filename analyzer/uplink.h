/* uplink: the analyzer's end of the event link (common/event.h): frames out and in over a blocking socket that is borrowed, and the cursors that
 * the enforcer tells. A signal that is caught does not break a transfer.
 */
#ifndef PROVCTL_UPLINK_H
#define PROVCTL_UPLINK_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/event.h"

struct uplink {
	int fd;
	struct buf in;    /* what was received and not dropped yet */
	size_t taken;     /* of it: the frame that was given last */
	struct buf texts; /* of the cursors: the bodies of LINK_CURSORS */
	struct cursor *cursors;
	uint32_t ncursors, room;
};

void uplink_init(struct uplink *u, int fd);
void uplink_release(struct uplink *u);

int uplink_hello(struct uplink *u, struct err *err);
/* Reads cursors up to LINK_READY; those of before, and what borrows them, are void. */
int uplink_cursors(struct uplink *u, struct err *err);
int uplink_notice(struct uplink *u, struct slice name, struct slice problem, struct err *err);
int uplink_done(struct uplink *u, struct err *err);
/* Whole frames, from frame_begin to frame_end. */
int uplink_send(struct uplink *u, struct slice frames, struct err *err);

/* What the enforcer says to a batch: LINK_ACK, LINK_STALE, or LINK_WANT with the numbers of events (u32 each) that borrow until the next call. */
struct uplink_answer {
	enum link_type type;
	uint64_t seq;
	uint32_t took; /* LINK_ACK: microseconds, of the events of that batch */
	struct slice wanted;
};
/* 1: there is one; 0: none yet, where it was not to be waited for. -1: the link broke, or LINK_REFUSED with the enforcer's reason. */
int uplink_hear(struct uplink *u, bool wait, struct uplink_answer *answer, struct err *err);
/* Waits for the next one, which must be LINK_ACK or LINK_STALE. */
int uplink_answer(struct uplink *u, enum link_type *type, uint64_t *seq, struct err *err);

#endif
