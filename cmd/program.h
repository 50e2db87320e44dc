/* program: one of our own programs run to its end, for what it prints; and what any of them says, read. */
#ifndef PROVCTL_PROGRAM_H
#define PROVCTL_PROGRAM_H

#include "common/buf.h"
#include "common/err.h"
#include "common/js.h"

#define PROGRAM_ANSWER_MAX (1U << 20)

/* Runs it with argv (argv[0] its name, NULL at the end); what it prints is added to out. Where it does not end with 0: -1, with what it complained of
 * and with its exit status as the class. */
int program_run(const char *name, const char *const *argv, struct buf *out, struct err *err);

/* Takes a line off the start of *text, without its end. */
struct slice program_line(struct slice *text);

/* js_parse, of what a program of ours said (`what` names it in err). It is never bad input of the user's: -1 is always ERR_SYSTEM. */
int program_json(struct slice text, const char *what, struct json **out, struct err *err);

#endif
