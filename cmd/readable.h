/* readable: may the analyzer's user read a log, and which command makes it so? As far as owners, groups and modes tell; where an access list stands
 * nothing is said.
 */
#ifndef PROVCTL_READABLE_H
#define PROVCTL_READABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/js.h"

#define READABLE_TEXT 2304

/* True: it may not, and out says so, with the command. */
bool readable_not(const struct conf *conf, const char *path, char out[READABLE_TEXT]);
/* Appends a problem {about, problem} of the enforcer's as status and analyze tell it: what it is about once, and the command. */
void readable_problem(const struct conf *conf, const struct json *problem, struct buf *b);

#endif
