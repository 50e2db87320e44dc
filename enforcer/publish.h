/* publish: the lock-state file and the list of bans, written from the state for generators and other machines. A projection.
 *
 * Every file is written beside itself (".NAME.tmp"), synced, renamed into place, and its folder synced. A write that fails leaves the old file,
 * which is still obeyed, and is tried again at the next call.
 */
#ifndef PROVCTL_PUBLISH_H
#define PROVCTL_PUBLISH_H

#include "common/conf.h"
#include "common/err.h"
#include "enforcer/judge.h"
#include "enforcer/store.h"

/* What to write of that which store_unpublished names. Files of a state with many devices are many: a part may be left for another call. */
struct publish_order {
	bool all;                       /* everything, whether it changed or not, and from the state alone */
	const struct unpublished *only; /* no more than that of it (`whole` is not looked at); NULL: all of it */
	int64_t till;                   /* monotonic_ms at which to break off between two shards, 0: never */
	int64_t now;                    /* the enforcer's clock */
};
struct published {
	unsigned files,
		copied; /* written; so many of them from the lines that stood in the former file, and what changed since */
	bool left;  /* something is due still */
};

/* Writes it and marks it published. Where a file is missing or not as it was written last, everything is written. out may be NULL. */
int publish(struct store *s, struct judge *j, const struct conf *conf, const struct publish_order *order,
            struct published *out, struct err *err);

/* Quick look (stat only) whether the files that should be there are there as last written. */
bool publish_is_current(struct store *s, const struct conf *conf);

#endif
