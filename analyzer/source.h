/* source: the bytes of one log, by line, from where the enforcer's cursor says; and the finding of logs: globs, rotation, what a log is
 * known by. Knows nothing of formats. zlib is wrapped in gz.c.
 *
 * A line is handed out without its line break. The last line of a file that has no line break waits: it is not handed out until it is
 * whole, but for a rotated or compressed log, whose last line is as whole as it will ever be.
 */
#ifndef PROVCTL_SOURCE_H
#define PROVCTL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/event.h"

#define LINE_MAX_BYTES 65536 /* longer lines are skipped whole and counted, in bounded memory */

struct source; /* one log being read */

/* The logs to be read in this pass: expands globs, looks for rotated predecessors of logs whose cursor has a rest to be read (name.1, name-DATE,
 * name.1.gz ...), matches what is found with the cursors by content. Problems (no permission, a folder, a FIFO, one log reached
 * by two sources) go to notice(); they never end the pass. Sources come in the order of the configuration, rotated ones before
 * their successors. */
struct source_set;
struct source_notice {
	void (*say)(void *context, struct slice name, struct slice problem);
	void *context;
};
int source_set_open(struct source_set **out, const struct conf *conf, const struct conf_source *sources,
                    uint32_t nsources, const struct cursor *cursors, uint32_t ncursors, struct source_notice notice,
                    struct err *err);
void source_set_close(struct source_set **set);
uint32_t source_set_count(const struct source_set *set);
struct source *source_set_at(struct source_set *set, uint32_t i);

/* 1: a line; 0: nothing more for now; -1: cannot be read any further (err; reported, others go on). *offset is that of the line's first byte.
 * The line borrows the source's buffer until the next call. */
int source_line(struct source *s, struct slice *line, uint64_t *offset, struct err *err);
/* The cursor behind the last line handed out: what a batch commits. Texts borrow the source. */
void source_cursor(const struct source *s, struct cursor *out);
uint32_t source_conf(const struct source *s);     /* index into the configured sources */
int64_t source_file_time(const struct source *s); /* anchor of years */
uint64_t source_left(const struct source *s);     /* bytes yet to be read, as far as known: for progress */
/* Lines skipped because they were too long or held a NUL, since opening. */
uint64_t source_skipped(const struct source *s);

#endif
