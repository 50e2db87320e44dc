#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/journal.h"
#include "analyzer/source_private.h"
#include "common/timefmt.h"

void head_feed(struct head *h, uint64_t offset, const char *p, size_t n) {
	size_t from;

	if (offset > h->got || offset + n <= h->got)
		return;
	from = (size_t)(h->got - offset);
	for (size_t i = from; i < n && h->got < CURSOR_HEAD; i++) {
		h->run = hash_bytes(h->run, p + i, 1);
		h->got++;
		if ((h->got & (h->got - 1)) == 0)
			h->at[__builtin_ctz(h->got)] = h->run;
	}
}

static unsigned power_of(uint32_t length) {
	return 31 - (unsigned)__builtin_clz(length);
}

/* The length by which a log of which `offset` bytes were read is known, 0 for none, and the hash. */
static uint32_t head_of(const struct head *h, uint64_t offset, uint64_t *hash) {
	uint64_t part = offset / 4 > SOURCE_SURE ? offset / 4 : offset < SOURCE_SURE ? offset : SOURCE_SURE;
	uint32_t length = part < h->got ? (uint32_t)part : h->got;
	unsigned power;

	*hash = 0;
	if (length == 0)
		return 0;
	power = power_of(length);
	*hash = h->at[power];
	return 1U << power;
}

bool head_is(const struct head *h, uint32_t length, uint64_t hash) {
	return length > 0 && length <= h->got && (length & (length - 1)) == 0 && h->at[power_of(length)] == hash;
}

bool head_same(const struct head *a, const struct head *b) {
	uint32_t length = a->got < b->got ? a->got : b->got;

	return length > 0 && a->at[power_of(length)] == b->at[power_of(length)];
}

struct source *source_new(struct source_set *set, const char *path, uint32_t conf) {
	struct source *s = calloc(1, sizeof(*s));
	char base[NAME_MAX + 1];

	if (!s)
		return NULL;
	rotation_base(path_name(path), base, &s->rank);
	s->path = strdup(path);
	s->root = strdup(base);
	if (!s->path || !s->root) {
		free(s->path);
		free(s->root);
		free(s);
		return NULL;
	}
	s->set = set;
	s->conf = conf;
	s->cursor = CURSOR_NONE;
	s->fd = -1;
	s->parked = true;
	return s;
}

static void reader_close(struct source *s);

void source_free(struct source **s) {
	if (!*s)
		return;
	reader_close(*s);
	journal_close(&(*s)->journal);
	free((*s)->path);
	free((*s)->root);
	free(*s);
	*s = NULL;
}

bool source_input_wait(int wake) {
	/* -1 is left out by poll. */
	struct pollfd fds[] = {{.fd = wake, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

	/* Where the kernel has no memory to wait with, the read waits. */
	return poll(fds, 2, -1) < 0 ? errno != EINTR : fds[0].revents == 0;
}

int source_input_new(struct source **out, uint32_t conf, struct slice peeked, int wake, struct err *err) {
	struct source *s = source_new(NULL, "-", conf);

	if (!s)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	s->input = true;
	s->size = SIZE_UNKNOWN;
	s->peeked = peeked;
	s->wake = wake;
	*out = s;
	return 0;
}

/* Keeps in s->tail what the buffer holds before the next line. */
static void park(struct source *s) {
	size_t n = s->next < CURSOR_TAIL ? s->next : CURSOR_TAIL;

	if (s->parked)
		return;
	memcpy(s->tail, s->buffer + s->next - n, n);
	s->tail_length = n;
	s->parked = true;
}

static void reader_close(struct source *s) {
	if (!s->buffer)
		return;
	park(s);
	s->front_length = s->line < CURSOR_TAIL ? s->line : CURSOR_TAIL;
	memcpy(s->front, s->buffer + s->line - s->front_length, s->front_length);
	s->discard = false;
	gz_close(&s->stream);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	free(s->buffer);
	s->buffer = NULL;
	if (s->set)
		s->set->open--;
}

static bool begins_with(const struct head *h, const char *start, size_t n) {
	struct head now = {0};

	if (n < h->got)
		return false;
	head_feed(&now, 0, start, h->got);
	return now.run == h->run;
}

/* An inode that was let go is soon another file's: what begins otherwise is another log, or one that was cut. A .gz is never written again. Asked
 * behind a read: what is asked before may have changed until then. */
static bool is_that_log(const struct source *s, int fd) {
	char start[CURSOR_HEAD];
	ssize_t n;

	if (s->gz || s->head.got == 0)
		return true;
	n = pread(fd, start, s->head.got, 0);
	return n >= 0 && begins_with(&s->head, start, (size_t)n);
}

int source_open_file(const struct source *s, struct err *err) {
	/* Without O_NONBLOCK the open of a FIFO would wait for a writer. */
	int fd = open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_errno(err, "%s: cannot be opened", s->path);
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_dev != s->dev || (uint64_t)st.st_ino != s->ino) {
		(void)close(fd);
		return err_set(err, ERR_SYSTEM, "%s: was replaced while it was read; its rest is for the next pass", s->path);
	}
	return fd;
}

static ssize_t reader_read(struct source *s, char *to, size_t n, uint64_t offset, struct err *err) {
	ssize_t got;

	if (s->stream)
		return gz_read(s->stream, to, n, err);
	if (s->input) {
		if (s->peeked.n > 0) {
			got = (ssize_t)(s->peeked.n < n ? s->peeked.n : n);
			memcpy(to, s->peeked.p, (size_t)got);
			s->peeked.p += got;
			s->peeked.n -= (size_t)got;
			return got;
		}
		/* Signals are caught only to end the pass. */
		if (!source_input_wait(s->wake))
			return 0;
		got = read(STDIN_FILENO, to, n);
		return got < 0 && errno == EINTR ? 0 : got < 0 ? err_errno(err, "standard input") : got;
	}
	if (offset >= s->size)
		return 0;
	if (n > s->size - offset)
		n = (size_t)(s->size - offset);
	do
		got = pread(s->fd, to, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_errno(err, "cannot be read") : got;
}

/* Reads on behind what the buffer holds. The last bytes of that are read once more, and of a log's beginning it is seen whether it is the one that is
 * known: a log that was cut, and is longer again than it was, would be taken for what it was else. */
static ssize_t reader_read_on(struct source *s, struct err *err) {
	size_t again = s->fd < 0 || s->stream ? 0 : s->end < CURSOR_TAIL ? s->end : CURSOR_TAIL;
	uint64_t offset = s->base + s->end - again;
	char *to = s->buffer + s->end - again;
	char then[CURSOR_TAIL];
	ssize_t got;

	memcpy(then, to, again);
	got = reader_read(s, to, s->room - s->end + again, offset, err);
	if (got >= (ssize_t)again && memcmp(then, to, again) == 0 &&
	    (offset > 0 || s->stream || begins_with(&s->head, to, (size_t)got)))
		return got - (ssize_t)again;
	memcpy(to, then, again);
	if (got < 0 || (got == 0 && s->base + s->end >= s->size))
		return got;
	s->cut = true;
	return err_set(err, ERR_SYSTEM, "was cut while it was read; its rest is for the next pass");
}

/* Decompresses up to an offset. 0, or -1 where the content ends before. */
static int stream_skip(struct gz *stream, uint64_t offset, char *scratch, size_t room, struct err *err) {
	while (offset > 0) {
		ssize_t got = gz_read(stream, scratch, offset < room ? (size_t)offset : room, err);

		if (got < 0)
			return -1;
		if (got == 0)
			return err_set(err, ERR_INPUT, "the compressed data ends too early");
		offset -= (uint64_t)got;
	}
	return 0;
}

int source_peek(struct source *s, uint64_t offset, char *to, size_t n, struct err *err) {
	char scratch[16384];
	struct gz *stream = NULL;
	size_t have = 0;
	ssize_t got = 1;
	int result = -1;
	int fd = source_open_file(s, err);

	if (fd < 0)
		return -1;
	if (s->gz && (gz_open(&stream, fd, err) < 0 || stream_skip(stream, offset, scratch, sizeof(scratch), err) < 0))
		goto out;
	while (have < n && got > 0) {
		got =
			stream ? gz_read(stream, to + have, n - have, err) : pread(fd, to + have, n - have, (off_t)(offset + have));
		have += got > 0 ? (size_t)got : 0;
	}
	if (have == n && !is_that_log(s, fd))
		(void)err_set(err, ERR_SYSTEM, "%s: was replaced while it was read", s->path);
	else if (have == n)
		result = 0;
	else if (got == 0)
		(void)err_set(err, ERR_INPUT, "%s: ends too early", s->path);
out:
	gz_close(&stream);
	(void)close(fd);
	return result;
}

/* ---- a log that is followed ---- */

/* What stands before the place up to which lines were handed out, as it was read. */
static bool same_before(struct source *s) {
	size_t n = s->parked ? s->tail_length : s->next < CURSOR_TAIL ? s->next : CURSOR_TAIL;
	const char *then = s->parked ? s->tail : s->buffer + s->next - n;
	char now[CURSOR_TAIL];
	struct err ignored;

	if (s->fd >= 0)
		return pread(s->fd, now, n, (off_t)(s->at - n)) == (ssize_t)n && memcmp(now, then, n) == 0;
	return source_peek(s, s->at - n, now, n, &ignored) == 0 && memcmp(now, then, n) == 0;
}

/* By nothing that was in it an empty log is known. What it holds now may be a copy that is being made of a log that is read; or it was written, copied
 * and cut more than once, and may be empty again: the logs beside it tell, where something happened to its folder. */
static bool empty_is_known(struct source *s, const struct stat *st) {
	size_t n = st->st_size < CURSOR_HEAD ? (size_t)st->st_size : CURSOR_HEAD;
	char start[CURSOR_HEAD];
	struct err ignored;

	if (!change_differs(change_of(st), s->changed))
		return true;
	if (s->rank != RANK_LIVE || source_peek(s, 0, start, n, &ignored) < 0)
		return false;
	head_feed(&s->head, 0, start, n);
	/* Behind that: what is copied and cut from now on shows. */
	return !change_differs(folder_change(s), s->folder_changed);
}

int source_again(struct source *s) {
	struct stat st;
	bool grown;

	if (s->cut)
		return -1;
	if (s->input || s->lost || s->gz || s->ended)
		return 0;
	if (s->journal)
		return source_journal_again(s);
	if (s->fd >= 0 ? fstat(s->fd, &st) < 0 : stat(s->path, &st) < 0)
		return -1;
	if ((uint64_t)st.st_dev != s->dev || (uint64_t)st.st_ino != s->ino || (uint64_t)st.st_size < s->size)
		return -1;
	if (s->head.got == 0 && !empty_is_known(s, &st))
		return -1;
	grown = (uint64_t)st.st_size > s->size;
	/* A log that was cut, and is as long as it was, or longer, again. */
	if (!same_before(s))
		return -1;
	s->size = (uint64_t)st.st_size;
	if (s->rank != RANK_LIVE && !s->rotated && s->size > s->at && s->buffer && !s->discard &&
	    (int64_t)st.st_mtime + ROTATED_QUIET < clock_now())
		return -1;
	return grown;
}

int source_fd(const struct source *s) {
	return s->journal && !s->ended ? s->journal_fd : -1;
}

const char *source_path(const struct source *s) {
	return s->path;
}

static void reader_close_oldest(struct source_set *set, const struct source *but) {
	struct source *oldest = NULL;

	for (uint32_t i = 0; i < set->n; i++)
		if (set->at[i]->buffer && set->at[i] != but && (!oldest || set->at[i]->used < oldest->used))
			oldest = set->at[i];
	if (oldest)
		reader_close(oldest);
}

static int reader_open(struct source *s, struct err *err) {
	size_t room = s->set ? s->set->buffer_size : BUFFER_MAX;
	struct gz *stream = NULL;
	char *buffer = NULL;
	int fd = -1;

	if (s->set && s->set->open >= READERS_MAX)
		reader_close_oldest(s->set, s);
	buffer = malloc(room);
	if (!buffer)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	if (!s->input && (fd = source_open_file(s, err)) < 0)
		goto fail;
	if (s->gz && (gz_open(&stream, fd, err) < 0 || stream_skip(stream, s->at, buffer, room, err) < 0))
		goto fail;
	memcpy(buffer, s->tail, s->tail_length);
	s->buffer = buffer;
	s->room = room;
	s->stream = stream;
	s->fd = fd;
	s->line = s->next = s->scan = s->end = s->tail_length;
	s->base = s->at - s->tail_length;
	s->nul = false;
	s->parked = false;
	s->discard = s->resync = s->tail_length > 0 && s->tail[s->tail_length - 1] != '\n';
	if (s->discard)
		park(s);
	if (s->set)
		s->set->open++;
	return 0;
fail:
	gz_close(&stream);
	if (fd >= 0)
		(void)close(fd);
	free(buffer);
	return -1;
}

/* Makes room behind `end`. A line that grows past the limit is dropped from here on, all but a tail's length. */
static int buffer_make_room(struct source *s, struct err *err) {
	size_t done, keep;
	char *larger;

	if (!s->discard && s->end - s->next > LINE_MAX_BYTES) {
		park(s);
		s->discard = true;
	}
	done = s->discard ? s->end : s->next;
	keep = done > CURSOR_TAIL ? done - CURSOR_TAIL : 0;
	/* Moving is worth it only where little is left, or nothing else helps. */
	if (keep > 0 && s->end > s->room / 2) {
		memmove(s->buffer, s->buffer + keep, s->end - keep);
		s->base += keep;
		s->end -= keep;
		s->scan = s->scan > keep ? s->scan - keep : 0;
		s->next = s->next > keep ? s->next - keep : 0;
		s->line = s->next;
	}
	if (s->end < s->room)
		return 0;
	larger = realloc(s->buffer, BUFFER_MAX);
	if (!larger)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	s->buffer = larger;
	s->room = BUFFER_MAX;
	return 0;
}

/* The place moves behind a line; whether it is handed out or dropped. */
static void line_end(struct source *s, size_t after) {
	s->before = s->at;
	s->at = s->base + after;
	s->line = s->next;
	s->next = s->scan = after;
	s->parked = false;
	s->discard = s->resync = false;
}

/* Ends a line at `after`, `feed` bytes of which are its line feed. True: it is handed out. */
static bool line_take(struct source *s, size_t after, size_t feed, struct slice *line, uint64_t *offset) {
	bool resync = s->resync;
	bool dropped = s->discard;

	line_end(s, after);
	if (!dropped) {
		*line = (struct slice){s->buffer + s->line, after - feed - s->line};
		*offset = s->before;
		if (line->n <= LINE_MAX_BYTES && !(s->nul && memchr(line->p, '\0', line->n)))
			return true;
	}
	if (!resync)
		s->skipped++;
	return false;
}

/* 1: there is more in the buffer; 0: not now; -1 failed. */
static int buffer_fill(struct source *s, struct err *err) {
	uint64_t offset;
	ssize_t got;

	if (buffer_make_room(s, err) < 0)
		return -1;
	offset = s->base + s->end;
	got = reader_read_on(s, err);
	if (got <= 0)
		return (int)got;
	head_feed(&s->head, offset, s->buffer + s->end, (size_t)got);
	if (s->next == s->end)
		s->nul = false;
	s->nul = s->nul || memchr(s->buffer + s->end, '\0', (size_t)got);
	s->end += (size_t)got;
	return 1;
}

int source_line(struct source *s, struct slice *line, uint64_t *offset, struct err *err) {
	int more;

	if (s->journal && !s->ended)
		return source_journal_line(s, line, offset, err);
	if (s->ended || s->lost || (!s->buffer && !s->input && s->at >= s->size))
		return 0;
	if (s->set)
		s->used = ++s->set->clock;
	if (!s->buffer && reader_open(s, err) < 0) {
		s->ended = s->cut = true;
		return err_prefix(err, "%s", path_name(s->path));
	}
	assert(s->buffer);
	do {
		char *feed;

		while ((feed = memchr(s->buffer + s->scan, '\n', s->end - s->scan)) != NULL)
			if (line_take(s, (size_t)(feed - s->buffer) + 1, 1, line, offset))
				return 1;
		s->scan = s->end;
		more = buffer_fill(s, err);
	} while (more > 0);
	if (more < 0) {
		s->ended = true;
		reader_close(s);
		return err_prefix(err, "%s", s->path);
	}
	if (s->input || s->rotated || (s->stream && gz_whole(s->stream))) {
		uint64_t end = s->base + s->end;

		if (s->at < end && line_take(s, s->end, 0, line, offset))
			return 1;
	}
	if (s->stream)
		s->size = s->base + s->end;
	s->ended = s->stream || s->input;
	if (s->ended || !s->set || !s->set->follow)
		reader_close(s);
	return 0;
}

/* What stands before a place whose bytes the buffer holds, or that is parked. */
static struct slice tail_before(const struct source *s, bool in_front) {
	const char *end;
	size_t n;

	if (s->parked && !in_front)
		return (struct slice){s->tail, s->tail_length};
	if (!s->buffer)
		return (struct slice){s->front, s->front_length};
	end = s->buffer + (in_front ? s->line : s->next);
	n = (size_t)(end - s->buffer) < CURSOR_TAIL ? (size_t)(end - s->buffer) : CURSOR_TAIL;
	return (struct slice){end - n, n};
}

void source_place(const struct source *s, bool in_front, struct cursor *io) {
	const struct conf_source *conf;

	if (s->lost) {
		uint32_t id = io->id;

		*io = s->known;
		io->id = id;
		io->lost += (uint64_t)io->size - io->offset;
		io->size = (int64_t)io->offset;
		return;
	}
	if (s->journal) {
		source_journal_place(s, in_front, io);
	} else {
		struct slice tail = tail_before(s, in_front);

		io->offset = in_front ? s->before : s->at;
		io->tail_len = (uint32_t)tail.n;
		io->tail_hash = hash_bytes(0, tail.p, tail.n);
		io->head_len = head_of(&s->head, io->offset, &io->head_hash);
		io->dev = s->dev;
		io->ino = s->ino;
		io->size = s->size == SIZE_UNKNOWN ? -1 : (int64_t)s->size;
		io->file = slice_of(s->path);
	}
	io->transient = s->input;
	if (s->input) {
		io->source = UINT16_MAX;
		io->name = slice_of(s->path);
		return;
	}
	conf = &s->set->confs[s->conf];
	io->source = s->set->configured ? (uint16_t)s->conf : UINT16_MAX;
	/* A known log that is given as FILE stays its source's. */
	if (s->set->configured || io->name.n == 0)
		io->name = slice_of(conf->path);
}

void source_start(const struct source *s, struct cursor *out) {
	*out = s->known;
}

bool source_moved(const struct source *s) {
	return s->moved;
}

uint32_t source_conf(const struct source *s) {
	return s->conf;
}

int64_t source_file_time(const struct source *s) {
	return s->file_time;
}

uint64_t source_left(const struct source *s) {
	return s->size == SIZE_UNKNOWN || s->size < s->at || s->ended ? 0 : s->size - s->at;
}

uint64_t source_skipped(const struct source *s) {
	return s->skipped;
}

/* ---- a log that another process reads ---- */

uint64_t source_share(const struct source *s) {
	uint64_t size = s->gz ? s->gz_length : s->size;

	if (!s->set || s->journal || s->lost || s->ended || s->buffer || s->head.got < CURSOR_HEAD || size == SIZE_UNKNOWN)
		return 0;
	return size > s->at ? size - s->at : 0;
}

size_t source_pack(const struct source *s, char *to, size_t room) {
	size_t n = sizeof(*s) + strlen(s->path) + 1;

	if (n > room)
		return 0;
	memcpy(to, s, sizeof(*s));
	memcpy(to + sizeof(*s), s->path, n - sizeof(*s));
	return n;
}

int source_unpack(struct source_set *set, const char *packed, struct source **out, struct err *err) {
	struct source told, *s;

	memcpy(&told, packed, sizeof(told));
	s = source_new(set, packed + sizeof(told), told.conf);
	if (!s)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	told.set = set;
	told.path = s->path;
	told.root = s->root;
	/* The enforcer's, and they are told by who asked for this. */
	told.known.name = told.known.file = told.known.sample = told.known.mark = (struct slice){0};
	*s = told;
	*out = s;
	return source_set_add(set, s, err);
}

void source_stand(const struct source *s, bool in_front, struct source_stand *out) {
	struct slice tail = tail_before(s, in_front);

	out->at = in_front ? s->before : s->at;
	out->size = s->size;
	out->skipped = s->skipped;
	out->tail_length = (uint32_t)tail.n;
	memcpy(out->tail, tail.p, tail.n);
}

void source_stand_at(struct source *s, const struct source_stand *stand) {
	s->at = s->before = stand->at;
	s->size = stand->size;
	s->skipped = stand->skipped;
	s->tail_length = s->front_length = stand->tail_length;
	memcpy(s->tail, stand->tail, stand->tail_length);
	memcpy(s->front, stand->tail, stand->tail_length);
	s->parked = true;
}
