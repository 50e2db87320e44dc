/* worker: processes that read some of a pass's logs beside it, and tell it what they found.
 *
 * A worker parts from the analyzer when the rules are compiled, so that their memory is shared, and before it is confined: it closes the same doors
 * behind itself, and neither can start another process afterwards. It has no link to the enforcer. Logs are lent to it, each with a lane
 * (lane.h) through which it tells the log's events in their order; which of them goes first is the pass's to say. Whoever has to wait says so
 * in shared memory and is woken by a message.
 *
 * A worker ends when the other end of its socket is closed. One that ends before that is noticed, and its logs are read again by the
 * pass itself (RUN_ANEW of pass_private.h).
 */
#ifndef PROVCTL_WORKER_H
#define PROVCTL_WORKER_H

#include "analyzer/lane.h"
#include "analyzer/source.h"

#define WORKERS_MAX  CONF_WORKERS_MAX
#define WORKER_LANES 4 /* logs that are lent to one worker at a time */

struct worker_shared {
	_Atomic uint32_t pass_waits, worker_waits;
	struct lane lanes[WORKER_LANES];
};

struct worker {
	int fd; /* -1: it is gone */
	struct worker_shared *shared;
	unsigned number; /* from 1 */
	unsigned lent;
};

struct workers {
	unsigned n;
	char problem[128]; /* why there are fewer than were wanted, or empty */
	struct worker at[WORKERS_MAX];
};

/* As many as there are cores for beside this process and the enforcer; 0 where two cores are all. */
unsigned workers_for_cores(void);

/* False: n workers were started, or as many as could be. True: this is one of them, at[0], and w->n is 1. They are nobody's children to wait for
 * where SIGCHLD is ignored. */
bool workers_start(struct workers *w, unsigned n);
/* Workers end then by themselves. */
void workers_end(struct workers *w);
/* What a person should know: that some could not be started, or ended too early. "" where all is well. */
const char *workers_problem(const struct workers *w);

/* ---- the pass ---- */

/* False: it is not lent, the worker is gone or the log's path too long. Formats are told apart by name only to be compared. */
bool worker_lend(struct worker *w, unsigned lane, const char *format, const struct source *s);
/* Some milliseconds, or until it told something; where something stands in the lane of `end` there is no wait. False: it is gone, and nothing stands
 * there. */
bool worker_wait(struct worker *w, const struct lane_end *end, int ms);
/* Nothing more is wanted of it, which is told as a problem; it ends by itself. */
void worker_drop(struct worker *w);
/* A lane has more room than it had. */
void worker_rouse(struct worker *w, const struct lane *lane);
/* All its logs are let go, and its lanes can be lent anew; or it is gone. */
void worker_halt(struct worker *w);

/* ---- the worker ---- */

enum worker_order { WORKER_GO_ON, WORKER_LEND, WORKER_HALT, WORKER_END };
struct worker_lend {
	unsigned lane;
	const char *format;
	const char *source; /* see source_unpack */
};
/* What is to be done; *lend borrows until the next call. wait: there is nothing to do before an order comes, or room in one of the
 * lanes `open`. */
enum worker_order worker_listen(struct worker *w, bool wait, unsigned open, struct worker_lend *lend);
/* A record was put. */
void worker_told(struct worker *w);
/* After WORKER_HALT: it was done. */
void worker_halted(struct worker *w);

#endif
