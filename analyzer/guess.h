/* guess: the format of a log that nobody named: the only one that reads each of its first lines. */
#ifndef PROVCTL_GUESS_H
#define PROVCTL_GUESS_H

#include "analyzer/format.h"

#define GUESS_LINES 10

/* start: the first bytes of the log; a last line without a line feed counts only where it is the only one. The name
 * of the format; a log without lines has any (the first). -1 with ERR_INPUT where none reads them, or several do, naming them. */
int format_guess(const char **out, struct slice start, const struct field_names *names, struct err *err);

#endif
