/* What the phases of source share. source.c reads lines; source_path.c tells what a path is, and how rotated logs are named;
 * source_match.c decides which log is which by content; source_search.c looks for rotated ones; source_journal.c has journals; source_set.c puts it together.
 *
 * A log's beginning is known by the hash of its first 2^k bytes: of a small log by a quarter of what was read of it, at least SOURCE_SURE, so
 * that a backup restored over it, shorter than what was read, is still recognised.
 */
#ifndef PROVCTL_SOURCE_PRIVATE_H
#define PROVCTL_SOURCE_PRIVATE_H

#include <sys/stat.h>

#include "analyzer/gz.h"
#include "analyzer/source.h"

/* Logs that are open at one time: descriptors and buffers are bounded, however many logs there are. */
#define READERS_MAX 64
/* Few logs get large buffers. Any buffer grows to BUFFER_MAX where a line needs it. */
#define BUFFER_MAX   131072
#define BUFFER_SMALL 32768
#define BUFFER_FEW   32 /* logs */

#define HEADS 13 /* 2^0 to 2^12 */

struct head {
	uint64_t run; /* of the first `got` bytes */
	uint32_t got;
	uint64_t at[HEADS]; /* of the first 2^k */
};

/* More of the log, from `offset`; what is known already or would leave a gap is passed over. */
void head_feed(struct head *h, uint64_t offset, const char *p, size_t n);
/* Both begin alike, as far as the shorter one goes (down to a power of two); false where one is empty. */
bool head_same(const struct head *a, const struct head *b);
bool head_is(const struct head *h, uint32_t length, uint64_t hash);

#define SIZE_UNKNOWN UINT64_MAX

struct source {
	struct source_set *set;
	char *path;
	char *root; /* name of the log of which it is a rotation, or its own */
	uint32_t conf;
	uint64_t dev, ino;
	int64_t file_time;
	int64_t changed, folder_changed; /* change_of it and folder_change, before it was seen */
	uint64_t size;                   /* content; SIZE_UNKNOWN of a .gz that was not read to its end */
	bool gz;
	uint32_t gz_length; /* as gz_length tells */
	bool input;         /* standard input */
	int wake;           /* of standard input: see source_input_wait */
	bool rotated;       /* its successor is there: the last line is whole */
	bool searched;      /* found beside a source, not named by it */
	uint32_t group;     /* logs and rotations of one name in one folder, where a search was needed; 0 none */
	int64_t rank;       /* order among the rotations of one log, oldest first; RANK_LIVE the log itself */

	/* What it was found to be. */
	uint32_t cursor; /* index, or CURSOR_NONE */
	bool gone;       /* not read: a copy, or an old archive */
	bool copied;     /* ... which holds what was read of its log before that was cut, but for its end */
	bool lost;       /* no file: only tells that the rest of the cursor's log is lost */
	struct cursor known;
	struct head head;

	/* Where it is read. `at` is behind the last line handed out, `before` in front of it. */
	uint64_t at, before;
	char tail[CURSOR_TAIL]; /* what stands before `at`, while the buffer does not hold it */
	size_t tail_length;
	bool parked;             /* `tail` holds it */
	char front[CURSOR_TAIL]; /* what stands before `before`, once the buffer was given back */
	size_t front_length;
	bool discard;  /* inside a line that is dropped */
	bool resync;   /* ... because reading began in its middle: it was counted already */
	bool ended;    /* cannot be read any further in this pass */
	bool cut;      /* ... because its file is another's, or was cut: all logs are to be looked for anew */
	bool moved;    /* the cursor is to be sent, lines or not */
	uint64_t used; /* when it was read last: the longest unused reader is closed first */
	uint64_t skipped;

	/* A journal: no file, and none of what is below. */
	struct journal *journal;
	int journal_fd; /* where it is followed */
	uint64_t gap;   /* entries behind the known place that are gone */
	char mark[CURSOR_MARK_MAX + 1], mark_before[CURSOR_MARK_MAX + 1];

	/* Open only while it is being read. The content's bytes base to base + end are in buffer. */
	int fd;
	struct gz *stream;
	char *buffer;
	size_t room, line, next, scan, end;
	uint64_t base;
	bool nul;            /* the buffer may hold a NUL */
	struct slice peeked; /* of standard input */
};

#define CURSOR_NONE UINT32_MAX
#define RANK_LIVE   INT64_MAX

struct source_set {
	const struct conf_source *confs;
	uint32_t nconfs;
	bool configured; /* the sources are those of the configuration, not FILEs */
	bool follow;
	uint64_t places;      /* what the paths led to: see source_set_differs */
	struct buf *problems; /* one per configured source */
	struct source **at;
	uint32_t n, room;
	uint32_t open; /* readers */
	uint64_t clock;
	size_t buffer_size;
};

/* source.c */
struct source *source_new(struct source_set *set, const char *path, uint32_t conf);
void source_free(struct source **s);
/* Up to n bytes of content from offset. Opens, reads and closes; for a .gz decompresses all before. -1: fewer can be read, or another file is there. */
int source_peek(struct source *s, uint64_t offset, char *to, size_t n, struct err *err);
int source_open_file(const struct source *s, struct err *err);

/* source_path.c */
/* Tells what stands at s->path: 1 a log; 0 none, `problem` says why (empty: silently); the head is read. */
int source_probe(struct source *s, char *problem, size_t size);
bool path_is_glob(const char *path);
/* When a file was last written to or cut, and when a name last came into a log's folder or left it: nanoseconds since the epoch, or CHANGE_UNSURE,
 * where that is so short a while ago that what happens next may bear the same time, or cannot be told. */
int64_t change_of(const struct stat *st);
int64_t folder_change(const struct source *s);
bool change_differs(int64_t a, int64_t b);
/* The name of the log of which `name` is a rotation, and its rank: access.log of access.log.2.gz, access.log-20261122;
 * provisioning.log of provisioning-20261122.log. A name that is no rotation is its own. NAME_MAX + 1 bytes. */
void rotation_base(const char *name, char *base, int64_t *rank);
const char *path_name(const char *path); /* behind the last slash */

/* source_match.c: match_relate and match_assign for the logs found; again for those that a search added; then match_settle. */
struct match {
	struct source_set *set;
	const struct cursor *cursors;
	uint32_t ncursors;
	uint32_t *owner; /* index of the log that has the cursor, or CURSOR_NONE */
	bool *sure;      /* by log: it is, by its inode and its content, what a cursor knows */
	bool *sure_cursor;
	struct match_pair *pairs;
	uint32_t npairs, room;
};
int match_init(struct match *m, struct source_set *set, const struct cursor *cursors, uint32_t ncursors,
               struct err *err);
void match_release(struct match *m);
/* Compares the logs from index `from` on with all cursors. */
int match_relate(struct match *m, uint32_t from, struct err *err);
/* Gives each log the cursor that fits it best, from scratch. */
void match_assign(struct match *m);
/* Decides which logs are not read, where the others begin, and what is lost. */
int match_settle(struct match *m, struct err *err);

/* source_search.c: rotated logs beside the sources, for cursors whose log is not where it was. */
int source_search(struct match *m, struct err *err);

/* source_journal.c: adds the configured journals to the logs. */
int source_journals(struct source_set *set, const struct cursor *cursors, uint32_t ncursors, struct err *err);
int source_journal_again(struct source *s);
int source_journal_line(struct source *s, struct slice *line, uint64_t *offset, struct err *err);
void source_journal_place(const struct source *s, bool in_front, struct cursor *io);

/* source_set.c */
int source_set_add(struct source_set *set, struct source *s, struct err *err); /* takes s, even on failure */
void source_problem(struct source_set *set, uint32_t conf, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
