/* lockfile: the lock-state file as a generator reads it (provctl-lockstate(5)), but held in memory: checked once when it was replaced, then asked by
 * binary search. Both forms are known, the one file and the folder of 256 shards, which are read as they are needed.
 */
#ifndef PROVCTL_LOCKFILE_H
#define PROVCTL_LOCKFILE_H

#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

struct lockfile;

int lockfile_new(struct lockfile **out, const char *path, unsigned shards, struct err *err);
void lockfile_free(struct lockfile **l);

enum answer { ANSWER_SERVE, ANSWER_REFUSE, ANSWER_UNAVAILABLE /* no file, or not whole */ };
enum answer lockfile_verdict(struct lockfile *l, uint64_t mac, struct addr ip, int64_t now);

#endif
