/* journal: a systemd journal as lines, by libsystemd (sd-journal(3)). journal.c is its one wrapper; a build without it has the same
 * functions, and journal_open says so.
 *
 * An entry makes one line, as rsyslog would write it: `TIME HOST PROGRAM[PID]: MESSAGE`, with the time that journald received it (UTC); or, bare,
 * MESSAGE alone. Control bytes of what a program said become #ooo, three octal digits, so that no entry can make two lines. Host, program and PID are
 * _HOSTNAME, SYSLOG_IDENTIFIER (else _COMM) and _PID (else SYSLOG_PID).
 */
#ifndef PROVCTL_JOURNAL_H
#define PROVCTL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"

struct journal;

bool journal_available(void);
/* Loads what libsystemd may load later: before the sandbox, behind which no library can be. */
void journal_prepare(void);
/* conf must outlive it. */
int journal_open(struct journal **out, const struct conf_journal *conf, bool bare, struct err *err);
void journal_close(struct journal **j);

/* Goes behind the entry of a mark that journal_next gave; to the first entry where the mark is empty. *gone: that entry is no longer there; what comes
 * next is the first one behind its place. *lost is then how many entries behind it are gone too, at most (those of other programs
 * included), as far as the journal's numbers tell. */
int journal_seek(struct journal *j, struct slice mark, bool *gone, uint64_t *lost, struct err *err);

/* 1: an entry; 0: nothing more for now; -1: the journal cannot be read. The line borrows until the next call; p NULL: the entry has no message, or one
 * that is longer than LINE_MAX_BYTES or cannot be read. */
int journal_next(struct journal *j, struct slice *line, struct err *err);
/* The mark of the entry that journal_next gave last; room for CURSOR_MARK_MAX + 1. */
int journal_mark(struct journal *j, char *out, struct err *err);

/* Of a journal that is followed, called before its end is reached: a descriptor that can be read when there is news. */
int journal_fd(struct journal *j, int *fd, struct err *err);
/* Takes the news, so that journal_next sees what is new. */
int journal_refresh(struct journal *j, struct err *err);

#endif
