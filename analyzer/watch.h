/* watch: what happens to logs that are followed, and where logs may appear, told by inotify. The one wrapper of sys/inotify.h.
 *
 * What is watched is named anew from time to time: watch_begin, watch_place and watch_log for all that counts, watch_end; what was named before
 * and is not again is let go, and nothing that happens to the rest meanwhile is missed. Places are named before they are looked at, logs before
 * they are read.
 */
#ifndef PROVCTL_WATCH_H
#define PROVCTL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct watch;

int watch_new(struct watch **out, struct err *err);
void watch_free(struct watch **w);
/* To be polled for reading. */
int watch_fd(const struct watch *w);

int watch_begin(struct watch *w, struct err *err);
/* A path or glob: the folders on the way to it, as far as they are there, for what is made, moved or deleted by such a name. */
int watch_place(struct watch *w, const char *path, struct err *err);
/* A log that is there, under the caller's number; where its path is a symbolic link also the folder that it leads to. */
int watch_log(struct watch *w, const char *path, uint32_t number, struct err *err);
void watch_end(struct watch *w);

/* Something could not be watched (no permission, no room): it must be looked at by the clock. */
bool watch_is_blind(const struct watch *w);

/* Takes what happened, without waiting: log() for each log that was written to or cut, *places where logs came or went, or may have.
 * -1: it broke. */
int watch_take(struct watch *w, void (*log)(void *context, uint32_t number), void *context, bool *places,
               struct err *err);

#endif
