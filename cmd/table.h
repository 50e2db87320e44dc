/* table: rows of text for a person. On a terminal the first rows decide the widths, and what does not fit is cut with an ellipsis, or
 * the last columns are left out and named at the end;
 * elsewhere (a pipe, a file) each row is written at once, whole, with columns of fixed usual widths that a long cell pushes aside.
 * Two blanks between columns, no colours, no blanks at the end of a line. Cells are escaped for the terminal. */
#ifndef PROVCTL_TABLE_H
#define PROVCTL_TABLE_H

#include <stdio.h>

#include "common/buf.h"
#include "common/err.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_MAX    4096

struct table_column {
	const char *title; /* NULL ends the list */
	unsigned width;    /* usual, where there is no terminal */
};

struct table;

/* width: of the terminal, 0 where there is none. out and columns are borrowed. */
int table_new(struct table **out, const struct table_column *columns, FILE *file, unsigned width, struct err *err);
/* One cell for each column; an empty one is shown as "-". */
int table_row(struct table *t, const struct slice *cells, struct err *err);
/* Writes what still waits, and the titles even if there was no row. Ends the table. */
int table_end(struct table **t, struct err *err);
void table_free(struct table **t);

/* Of the terminal that the stream is, 0 where it is none. */
unsigned terminal_width(FILE *stream);

#endif
