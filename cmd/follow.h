/* follow: `provctl analyze --follow`: sees to it that an analyzer follows the logs and an enforcer takes what it finds, whichever of them dies, and
 * that rules are read anew at SIGHUP.
 *
 * The enforcer is one that runs, or becomes our child as for any command. One that ran is waited for, for FOREIGN_PATIENCE, when it ends: its
 * service manager will start it again. At SIGHUP a new analyzer reads configuration and rules. If it can use them the former one is ended at the end of
 * its batch, and the new one goes on from the cursors; else it says why, on standard error and to the enforcer for `status`, and the former one
 * goes on. A child enforcer is told to read its configuration too; one that runs by itself has a SIGHUP of its own.
 */
#ifndef PROVCTL_FOLLOW_H
#define PROVCTL_FOLLOW_H

#include "cmd/command.h"

/* Until SIGTERM or SIGINT. The exit status, or -1 where it could not begin. */
int follow(struct command *c, struct err *err);

#endif
