/* backup: when the online backup of the state is made: each conf->backup.every, by the clock, some pages at a time between batches and
 * commands. What it is made of, and `provctl recover`, are in store.h.
 */
#ifndef PROVCTL_BACKUP_H
#define PROVCTL_BACKUP_H

#include "enforcer/enforcer.h"

/* Milliseconds until backup_tick is due; -1: never. */
int64_t backup_wait(struct enforcer *e);
void backup_tick(struct enforcer *e);
/* Is one at work, or due, that an enforcer of one pass is to make before it ends? */
bool backup_lingers(struct enforcer *e);

#endif
