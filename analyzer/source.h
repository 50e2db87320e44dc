/* source: the bytes of one log, by line, from where the enforcer's cursor says; and the finding of logs: globs, rotation, what a log is
 * known by. A journal is a log whose entries are lines. zlib is wrapped in gz.c, libsystemd in journal.c.
 *
 * A line is handed out without its line feed; a carriage return before it is left to the format. The last line of a file that has no line
 * feed waits: it is not handed out until it is whole, but for a rotated log whose successor is there, a .gz that is not cut short, and standard
 * input, whose last line is as whole as it will ever be. Of a file that grows meanwhile, a pass reads what was there when it was opened.
 *
 * Which log is which is told by content (see CURSOR_HEAD). With the log's beginning known:
 *   the bytes before the cursor are the same   it is that log, whatever its name and inode: read on behind the cursor
 *   it is shorter than the cursor              an earlier copy of that log. Beside the log itself: not read. In its place (a restored backup): what
 *                                              it holds was counted; what will be written behind that is read, as a log of its own
 *   the bytes before the cursor differ         a restored backup that was written on: read behind the cursor's place. What was written before
 *                                              that place cannot be told from what was counted: no line is counted twice
 *   neither (another beginning)                another log, read from its start
 * The second and third need SOURCE_SURE bytes of common beginning, and the same path (a part of a log that is given elsewhere: four times as many); shorter
 * ones (a banner) make another log. A log that from its beginning to its end is the beginning of another is a copy: the longer one is
 * read.
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

#define SOURCE_SURE 256 /* bytes of common beginning by which two logs are one log's, even where the rest differs */

/* The logs to be read in this pass: expands globs, looks for rotated predecessors of logs whose cursor is at none of the files found (name.1,
 * name-DATE, name.1.gz, stem-DATE.ext), matches what is found with the cursors. A source of path "-" is left out: see source_input_new. A rotated
 * file that no cursor knows is an old archive and not read, but where it stands between a known one and the present log.
 *
 * Problems (no permission, a folder, a FIFO, one log reached by two sources) never end the pass: notice() is called once for each source with the
 * path as name and the problem, or with an empty text where there is none. Sources come in the order of the configuration, rotated ones
 * before their successors. sources and cursors, with their texts, must outlive the set.
 *
 * follow: the logs will be read on as they grow (source_again), rotated ones too: servers write to them until they are told. Logs then stay open,
 * and the last line of a rotated log waits while the log was written to in the last ROTATED_QUIET seconds. */
#define ROTATED_QUIET 10
struct source_set;
struct source_notice {
	void (*say)(void *context, struct slice name, struct slice problem);
	void *context;
};
int source_set_open(struct source_set **out, const struct conf *conf, const struct conf_source *sources,
                    uint32_t nsources, const struct cursor *cursors, uint32_t ncursors, bool follow,
                    struct source_notice notice, struct err *err);
void source_set_close(struct source_set **set);
/* The paths of the sources lead to other files than when the set was opened, or to files that can be read now. */
bool source_set_differs(const struct source_set *set);
uint32_t source_set_count(const struct source_set *set);
struct source *source_set_at(struct source_set *set, uint32_t i);

/* Waits until standard input can be read. False: it is to be read no further, because `wake` can be read (-1: is none) or a signal came. A signal
 * whose handler makes `wake` readable is not missed, whether it comes before the wait or in it. */
bool source_input_wait(int wake);
/* Standard input, from the bytes of it that were read already (borrowed) on. Of no set; ends when the input does, or as source_input_wait tells. */
int source_input_new(struct source **out, uint32_t conf, struct slice peeked, int wake, struct err *err);
void source_free(struct source **s);

/* The first bytes of a log's content, decompressed; *n in: room, out: how many. -1: it cannot be opened, with a class that
 * tells whose fault it is: ERR_INPUT (missing, a folder, a FIFO ...), ERR_SYSTEM (no permission ...). */
int source_read_start(const char *path, char *to, size_t *n, struct err *err);

/* 1: a line; 0: nothing more for now; -1: cannot be read any further (err; reported, others go on). *offset is that of the line's first byte.
 * The line borrows a buffer until the next call for any source of the set: long unused ones are closed. */
int source_line(struct source *s, struct slice *line, uint64_t *offset, struct err *err);
/* Looks at a log of a followed set again: 1 there is more than was seen, 0 nothing new, -1 it is not what it was (cut, written anew, replaced,
 * gone), it was empty and may have been copied since, or a rotated log's last line may be taken: the set must be opened anew, from the cursors. */
int source_again(struct source *s);
/* Of a journal that is followed: can be read when there is more; -1 of all others, which watch.h is for. */
int source_fd(const struct source *s);
const char *source_path(const struct source *s);
/* The cursor as it was when reading began; id 0 of a log that is new (its offset is where it is read from). */
void source_start(const struct source *s, struct cursor *out);
/* Sets what tells the place in *io: offset, head, tail, hints, texts (borrow the source) and size; sums and high_time are the caller's. Of
 * the place behind the last line handed out, or in front of it (only until the next source_line). */
void source_place(const struct source *s, bool in_front, struct cursor *io);
/* Its cursor is to be committed though no line may come: bytes are lost, or a restored backup was found. */
bool source_moved(const struct source *s);
uint32_t source_conf(const struct source *s);     /* index into the configured sources */
int64_t source_file_time(const struct source *s); /* anchor of years */
uint64_t source_left(const struct source *s);     /* bytes yet to be read, as far as known: for progress */
/* Lines skipped because they were too long or held a NUL, since opening. */
uint64_t source_skipped(const struct source *s);

/* ---- a log that another process reads, one that parted from this one (worker.h) ---- */

/* About how many bytes there are to read of a log of which nothing was read yet; 0 where it cannot be read elsewhere: a journal, standard input, a log
 * whose beginning is shorter than CURSOR_HEAD. */
uint64_t source_share(const struct source *s);
/* What the other process needs of it: how long that is, or 0 where it does not fit. */
size_t source_pack(const struct source *s, char *to, size_t room);
/* There: a set for such logs, NULL where memory is out; and one of them in it. */
struct source_set *source_set_new(const struct conf *conf, const struct conf_source *sources, uint32_t nsources);
int source_unpack(struct source_set *set, const char *packed, struct source **out, struct err *err);

/* How far it was read there: behind the last line handed out, or in front of it. Once told here, source_place and source_skipped tell of that place. */
struct source_stand {
	uint64_t at, size, skipped;
	uint32_t tail_length;
	char tail[CURSOR_TAIL];
};
void source_stand(const struct source *s, bool in_front, struct source_stand *out);
void source_stand_at(struct source *s, const struct source_stand *stand);

#endif
