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

/* Writes what store_unpublished names (all: everything, whether it changed or not, and whatever is missing or not ours on disk) and marks it
 * published. now: the enforcer's clock. files: how many were written (may be NULL). */
int publish(struct store *s, struct judge *j, const struct conf *conf, bool all, int64_t now, unsigned *files,
            struct err *err);

/* Quick look (stat only) whether the files that should be there are there as last written. */
bool publish_is_current(struct store *s, const struct conf *conf);

#endif
