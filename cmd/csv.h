/* csv: a whole CSV file (RFC 4180: quoted fields with doubled quotes, CR LF or LF) in memory, one record after the other. Fields are
 * ended by NUL and unquoted in place: they borrow the text, which is changed. */
#ifndef PROVCTL_CSV_H
#define PROVCTL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_COLUMNS_MAX 16

struct csv {
	char *p, *end;
	uint32_t line;       /* of what is read next */
	char delimited_last; /* what ended the last field */
};

struct csv_record {
	uint32_t line; /* where it begins */
	unsigned n;
	char *field[CSV_COLUMNS_MAX];
	uint32_t column[CSV_COLUMNS_MAX]; /* where the field begins, in bytes from 1 */
};

/* text[n] must be writable: it becomes NUL. A byte order mark is skipped. */
void csv_init(struct csv *csv, char *text, size_t n);
/* 1: a record; 0: the end; -1: a fault, told as *why at *column of record->line; reading goes on with the next line. Empty lines
 * are skipped. */
int csv_next(struct csv *csv, struct csv_record *record, uint32_t *column, const char **why);

#endif
