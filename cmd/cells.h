/* cells: the members of a row as text for a table, read from the row's bytes as they came, without a document being made of it: a list of
 * a hundred thousand rows is read in a fraction of a second. Only what rows of lists are made of is read: texts without escapes,
 * numbers, words, and arrays of such texts. All else is left to js.h.
 */
#ifndef PROVCTL_CELLS_H
#define PROVCTL_CELLS_H

#include <stdbool.h>

#include "common/buf.h"

/* The members of these keys, in their order: a text as it stands in the row, of an array those that it holds joined by ", " (in own), a
 * number; "yes", "no"; empty for null, an empty array and what is not there. nkeys at most CELLS_MAX. False: not such a row. */
#define CELLS_MAX 12
bool cells_read(struct slice row, const char *const *keys, unsigned nkeys, struct slice *cells, struct buf *own);

#endif
