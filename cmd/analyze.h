/* analyze: what a pass came to, gathered while it runs and shown at its end: the analyzer's report, the enforcer's summary before and
 * after, and the line that tells how far it is.
 */
#ifndef PROVCTL_ANALYZE_H
#define PROVCTL_ANALYZE_H

#include "cmd/command.h"

struct analysis {
	struct command *c;
	int64_t began, shown; /* milliseconds */
	bool line;            /* a progress line stands on the terminal */
	struct {
		int64_t logs, lines, bytes, events, unreadable, skipped, lost, left;
	} sums;
	struct json *before, *after; /* the enforcer's summary */
	struct json **records;       /* of a dry run */
	size_t nrecords, room;
};

void analysis_init(struct analysis *a, struct command *c);
void analysis_release(struct analysis *a);
/* A line of the analyzer's report. */
void analysis_report(struct analysis *a, const struct json *report);
/* A row of the verb `summary`. Takes it. */
int analysis_summary(struct analysis *a, struct json *row, bool after, struct err *err);
/* Erases the progress line. */
void analysis_progress_end(struct analysis *a);
/* Prints all, and gives the exit status. */
int analysis_print(struct analysis *a);

#endif
