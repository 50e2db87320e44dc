/* link: the enforcer's end of the event link (common/event.h): one session with one analyzer, whose every word is checked before the
 * first of it is applied. A batch is applied whole, in one transaction with the cursors that it moves, or not at all.
 */
#ifndef PROVCTL_LINK_H
#define PROVCTL_LINK_H

#include "enforcer/enforcer.h"
#include "enforcer/stream.h"

struct link;

#define LINK_AHEAD     60    /* seconds that an event may be ahead of the clock */
#define LINK_EARLY_MAX 10000 /* events kept aside for one log */

/* Takes fd, even on failure. */
int link_new(struct link **out, struct enforcer *e, int fd, struct err *err);
void link_free(struct link **l);
struct stream *link_stream(struct link *l);

/* Deals with one whole frame where there is one: 1 dealt with one, 0 there was none, -1 the session is over. A failure of ours goes
 * to the analyzer and to the enforcer's say(). */
int link_step(struct link *l);
/* Has it said who it is? Who has not by STREAM_STUCK after link_new is given up. */
bool link_greeted(const struct link *l);

#endif
