/* analyzer: prov-analyzer as a child: how it is started, and what it says.
 *
 * It writes JSON on its report, one object a line: {"progress": the sums so far, and "left", bytes yet to be read}, {"summary": the sums} at the end;
 * {"ready": true} before it begins, for which it waits to be told; and, where it follows, {"begins": true} when the enforcer has answered it, and {"alive": true}.
 */
#ifndef PROVCTL_ANALYZER_H
#define PROVCTL_ANALYZER_H

#include "cmd/command.h"

#define ANALYZER_WORDS 4096

struct analyzer {
	pid_t pid; /* 0: there is none */
	int report;
	int errors;                 /* its standard error; -1: it has ours */
	int go;                     /* -1: it was told to begin */
	struct buf line;            /* of the report, not whole yet */
	char words[ANALYZER_WORDS]; /* what it said on standard error, the end of it */
	size_t nwords;
};

struct analyzer_wants {
	bool follow;  /* it ends when it is told to, and has our standard error */
	int64_t beat; /* milliseconds between two {"alive"}; 0 none */
};

/* It reads its configuration and rules, and waits for analyzer_go. The link stays the caller's; -1: it comes with the go, so that the child
 * can be made ready while the enforcer is. A child that cannot be executed ends with ERR_SYSTEM. */
int analyzer_start(struct analyzer *a, const struct command *c, int link, struct analyzer_wants wants, struct err *err);
void analyzer_go(struct analyzer *a, int link);
/* It is not wanted any more, whether it was told to go or not; its end is still to be waited for. */
void analyzer_dismiss(struct analyzer *a);
/* Reads what there is of its report, once; calls take() for each line. 1: goes on; 0: the report has ended, and is closed (-1 from then on). */
int analyzer_read(struct analyzer *a, void (*take)(void *context, const struct json *report), void *context,
                  struct err *err);
/* Reads what there is on its standard error. 0: that has ended, and is closed. */
int analyzer_hear(struct analyzer *a);
/* Lets go of all but the process. */
void analyzer_close(struct analyzer *a);

#endif
