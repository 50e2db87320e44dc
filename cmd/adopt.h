/* adopt: gives the folder of the state to the user that the enforcer becomes, where root has it: what root's commands left there before there was such a user,
 * and what is yet to be made. A folder of anybody else is left alone, and told.
 */
#ifndef PROVCTL_ADOPT_H
#define PROVCTL_ADOPT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/conf.h"
#include "common/err.h"

/* As root. make: the folders are made where they are missing. */
int adopt_state(const struct conf *conf, uid_t uid, gid_t gid, bool make, struct err *err);

#endif
