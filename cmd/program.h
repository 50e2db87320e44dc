/* program: one of our own programs run to its end, for what it prints. */
#ifndef PROVCTL_PROGRAM_H
#define PROVCTL_PROGRAM_H

#include "common/buf.h"
#include "common/err.h"

#define PROGRAM_ANSWER_MAX (1U << 20)

/* Runs it with argv (argv[0] its name, NULL at the end); what it prints is added to out. Where it does not end with 0: -1, with what it complained of
 * and with its exit status as the class. */
int program_run(const char *name, const char *const *argv, struct buf *out, struct err *err);

/* Takes a line off the start of *text, without its end. */
struct slice program_line(struct slice *text);

#endif
