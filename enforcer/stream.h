/* stream: one connected peer of the enforcer: a socket that is never waited for, with bounded buffers for what came in and what is
 * to go out, and the times by which a peer that is stuck in the middle of something is given up.
 *
 * A peer may rest between frames as long as it likes. It may not begin a frame and leave it unfinished, nor leave its answers
 * unread, for longer than STREAM_STUCK.
 */
#ifndef PROVCTL_STREAM_H
#define PROVCTL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define STREAM_STUCK 30000 /* milliseconds */
#define STREAM_DRAIN 5000  /* the same where all others wait for it: stream_drain */
#define STREAM_WAIT  30000 /* ... in all, for one answer: who takes a byte now and then is no better */

struct stream {
	int fd;
	struct buf in, out;
	bool closed;       /* the peer sends no more */
	int64_t in_since;  /* when the last byte of what is in `in` came, 0: it is empty */
	int64_t out_since; /* when something of `out` went last, 0: it is empty */
};

/* Takes fd, even on failure, and makes it CLOEXEC and non-blocking. */
int stream_init(struct stream *s, int fd, size_t in_max, size_t out_max, struct err *err);
void stream_release(struct stream *s);

/* Reads what is there, up to a bound that leaves others their turn. -1 where the connection broke. */
int stream_read(struct stream *s);
/* Sends what the socket takes. -1 where the connection broke, or `out` had overflowed. */
int stream_write(struct stream *s);
/* Sends all, waiting at most STREAM_DRAIN for a peer that reads nothing, and at most *left milliseconds, of which it takes what it waited. -1 where the peer
 * must be given up. */
int stream_drain(struct stream *s, int64_t *left);
/* Drops the first n bytes of `in`: a frame was dealt with, and a frame behind it has its own time. */
void stream_taken(struct stream *s, size_t n);

/* The poll(2) events that it waits for, and when it is given up (monotonic_ms, 0: never). */
short stream_events(const struct stream *s);
int64_t stream_deadline(const struct stream *s);

int64_t monotonic_ms(void);

#endif
