/* upstream: the portal's way to the enforcer, by its socket portal.sock in the folder of the state, in the frames of enforcer/control.h. One connection,
 * made when something is to be asked; one request at a time, so that of whatever was not asked it is certain that it was not done.
 */
#ifndef PROVCTL_UPSTREAM_H
#define PROVCTL_UPSTREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define UPSTREAM_SOCKET   "portal.sock"
#define UPSTREAM_WAITING  64          /* requests */
#define UPSTREAM_REQUEST  (64U << 10) /* bytes */
#define UPSTREAM_ANSWER   (8U << 20)  /* bytes */
#define UPSTREAM_PATIENCE 10000       /* milliseconds for an answer */
#define UPSTREAM_LOST     60000       /* for one that nobody waits for any more, before the connection is given up */

enum upstream_outcome {
	UPSTREAM_ANSWERED,
	UPSTREAM_UNASKED, /* it was not asked: nothing was done */
	UPSTREAM_UNKNOWN  /* it was, and did not answer */
};

/* The answer to one request; all of it dies with the call. */
struct upstream_answer {
	enum upstream_outcome outcome;
	int exit;
	const char *error; /* NULL: none */
	const char *code;  /* NULL: none */
	struct slice rows; /* for upstream_row */
};
/* Takes the next row, one JSON object, off rows. False at the end. */
bool upstream_row(struct slice *rows, struct slice *row);

struct upstream;

/* done() is called once for each request, from upstream_run or upstream_free. */
int upstream_new(struct upstream **out, const char *state,
                 void (*done)(void *context, void *who, const struct upstream_answer *answer), void *context,
                 struct err *err);
void upstream_free(struct upstream **u);

/* request: JSON, copied. False: too many wait, or there is no memory; then done() is not called. */
bool upstream_ask(struct upstream *u, struct slice request, void *who);

/* What to wait for; fd -1: nothing. */
struct pollfd upstream_wait(const struct upstream *u);
/* Milliseconds until upstream_run is to be called in any case; -1: none. */
int64_t upstream_timeout(const struct upstream *u, int64_t now);
void upstream_run(struct upstream *u, int64_t now);

#endif
