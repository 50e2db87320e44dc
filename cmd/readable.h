/* readable: may the analyzer's user read a log, and which command makes it so? As far as owners, groups and modes tell; where an access list stands
 * nothing is said.
 */
#ifndef PROVCTL_READABLE_H
#define PROVCTL_READABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"

#define READABLE_TEXT 2304

/* True: it may not, and out says so, with the command. */
bool readable_not(const struct conf *conf, const char *path, char out[READABLE_TEXT]);

#endif
