/* throttle: what each address did of late: failures and requests without a token in the present minute, and requests that wait for the enforcer. A fixed
 * number of addresses is known; of those that nothing waits for, the one that was quiet for the longest gives way.
 */
#ifndef PROVCTL_THROTTLE_H
#define PROVCTL_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define THROTTLE_ADDRESSES 1024
#define THROTTLE_FAILURES  10 /* wrong tokens a minute */
#define THROTTLE_SELF      60 /* requests without a token that the enforcer must answer, a minute */
#define THROTTLE_WAITING   16 /* requests at a time */

struct throttle;

struct throttle *throttle_new(void); /* NULL: no memory */
void throttle_free(struct throttle **t);

/* Addresses as caller_counted has them; none: that of nobody, who is counted as one. now: any clock, in milliseconds. */
/* Seconds after which a request with a token is looked at again; 0: now. */
unsigned throttle_wrong(struct throttle *t, struct addr ip, int64_t now);
void throttle_failed(struct throttle *t, struct addr ip, int64_t now);
/* The same for one without a token, which is counted where it may pass. */
unsigned throttle_self(struct throttle *t, struct addr ip, int64_t now);
/* A request is to wait for the enforcer: false where too many of this address do. Each that may is ended by throttle_done. */
bool throttle_wait(struct throttle *t, struct addr ip, int64_t now);
void throttle_done(struct throttle *t, struct addr ip);

#endif
