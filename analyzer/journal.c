#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/journal.h"

#ifdef PROVCTL_SYSTEMD

#include <systemd/sd-journal.h>

#include "analyzer/source.h"
#include "common/event.h"
#include "common/timefmt.h"

#define WORD_MAX 64 /* of host and program in a line */

struct journal {
	sd_journal *sd;
	const struct conf_journal *conf;
	bool bare;
	struct buf line;
};

bool journal_available(void) {
	return true;
}

void journal_prepare(void) {
	/* Since systemd 256 what unpacks an entry, or checks a seal, is loaded with the first that needs it. What is not there is not needed. */
	static const char *const libraries[] = {"libzstd.so.1", "liblz4.so.1", "liblzma.so.5", "libgcrypt.so.20"};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		(void)dlopen(libraries[i], RTLD_NOW);
}

static int fail(int error, struct err *err) {
	return err_set(err, ERR_SYSTEM, "the journal cannot be read: %s", strerror(-error));
}

/* As journalctl: of one field any of its values, of each field one. */
static int matches_add(struct journal *j, struct err *err) {
	for (uint32_t i = 0; i < j->conf->nmatch; i++) {
		int r = sd_journal_add_match(j->sd, j->conf->match[i], strlen(j->conf->match[i]));

		if (r < 0)
			return err_set(err, ERR_INPUT, "match %s: %s", j->conf->match[i], strerror(-r));
	}
	return 0;
}

int journal_open(struct journal **out, const struct conf_journal *conf, bool bare, struct err *err) {
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_set(err, ERR_SYSTEM, "journal: out of memory");
	j->conf = conf;
	j->bare = bare;
	buf_init(&j->line, LINE_MAX_BYTES);
	r = conf->directory ? sd_journal_open_directory(&j->sd, conf->directory, 0)
	                    : sd_journal_open(&j->sd, SD_JOURNAL_LOCAL_ONLY);
	if (r < 0) {
		(void)err_set(err, ERR_SYSTEM, "%s: %s", conf->directory ? conf->directory : "the journal", strerror(-r));
		goto fail;
	}
	/* So much of a compressed field is unpacked at most. */
	r = sd_journal_set_data_threshold(j->sd, LINE_MAX_BYTES + 64);
	if (r < 0) {
		(void)fail(r, err);
		goto fail;
	}
	if (matches_add(j, err) < 0)
		goto fail;
	*out = j;
	return 0;
fail:
	journal_close(&j);
	return -1;
}

void journal_close(struct journal **j) {
	if (!*j)
		return;
	sd_journal_close((*j)->sd);
	buf_release(&(*j)->line);
	free(*j);
	*j = NULL;
}

/* The number of an entry, and of the sequence that it belongs to, as systemd.journal-fields(7) and `journalctl --show-cursor` write them: s=ID;i=HEX;... */
static bool mark_split(const char *mark, struct slice *sequence, uint64_t *number) {
	const char *end = strstr(mark, ";i=");
	char *behind;

	if (strncmp(mark, "s=", 2) != 0 || !end)
		return false;
	*sequence = (struct slice){mark + 2, (size_t)(end - mark - 2)};
	*number = strtoull(end + 3, &behind, 16);
	return behind != end + 3;
}

/* How many entries behind the one of the mark are gone, by the oldest that is there, whoever wrote it. Leaves the journal without matches. */
static int count_lost(struct journal *j, const char *mark, uint64_t *lost, struct err *err) {
	char oldest[CURSOR_MARK_MAX + 1];
	struct slice was, is;
	uint64_t before, first;
	int r;

	sd_journal_flush_matches(j->sd);
	r = sd_journal_seek_head(j->sd);
	if (r >= 0)
		r = sd_journal_next(j->sd);
	if (r < 0)
		return fail(r, err);
	if (r == 0)
		return 0;
	if (journal_mark(j, oldest, err) < 0)
		return -1;
	if (mark_split(mark, &was, &before) && mark_split(oldest, &is, &first) && slice_same(was, is) && first > before + 1)
		*lost = first - before - 1;
	return 0;
}

int journal_seek(struct journal *j, struct slice mark, bool *gone, uint64_t *lost, struct err *err) {
	char text[CURSOR_MARK_MAX + 1];
	int r;

	*gone = false;
	*lost = 0;
	if (mark.n == 0) {
		r = sd_journal_seek_head(j->sd);
		return r < 0 ? fail(r, err) : 0;
	}
	if (!slice_copy(mark, text, sizeof(text)))
		return err_set(err, ERR_INPUT, "the journal's mark is too long");
	r = sd_journal_seek_cursor(j->sd, text);
	if (r >= 0)
		r = sd_journal_next(j->sd);
	if (r > 0)
		r = sd_journal_test_cursor(j->sd, text);
	if (r < 0)
		return fail(r, err);
	if (r > 0)
		return 0;
	*gone = true;
	if (count_lost(j, text, lost, err) < 0 || matches_add(j, err) < 0)
		return -1;
	r = sd_journal_seek_cursor(j->sd, text);
	return r < 0 ? fail(r, err) : 0;
}

int journal_mark(struct journal *j, char *out, struct err *err) {
	char *text;
	int r = sd_journal_get_cursor(j->sd, &text);
	bool fits;

	if (r < 0)
		return fail(r, err);
	fits = slice_copy(slice_of(text), out, CURSOR_MARK_MAX + 1);
	free(text);
	return fits ? 0 : err_set(err, ERR_SYSTEM, "the journal's mark is too long");
}

/* A field's value; borrows until the next one is asked for. False: it is not there, or cannot be read. */
static bool field(struct journal *j, const char *name, struct slice *out) {
	size_t prefix = strlen(name) + 1;
	const void *data;
	size_t n;

	if (sd_journal_get_data(j->sd, name, &data, &n) < 0 || n < prefix)
		return false;
	*out = (struct slice){(const char *)data + prefix, n - prefix};
	return true;
}

static bool is_control(char c) {
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A word of the line's head: nothing in it may look like the end of it. */
static void add_word(struct buf *b, struct slice word) {
	for (size_t i = 0; i < word.n && i < WORD_MAX; i++) {
		char c = word.p[i];

		buf_byte(b, is_control(c) || c == ' ' || c == '[' || c == ']' || c == ':' ? '_' : c);
	}
}

static void add_escaped(struct buf *b, struct slice s) {
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (!is_control(s.p[i]))
			continue;
		buf_add(b, s.p + from, i - from);
		buf_printf(b, "#%03o", (unsigned char)s.p[i]);
		from = i + 1;
	}
	buf_add(b, s.p + from, s.n - from);
}

static bool is_number(struct slice s) {
	uint64_t number;

	return slice_number(s, UINT32_MAX, &number);
}

static int add_head(struct journal *j, struct err *err) {
	struct buf *b = &j->line;
	struct slice value;
	char time[TIME_TEXT];
	uint64_t microseconds;
	int r = sd_journal_get_realtime_usec(j->sd, &microseconds);

	if (r < 0)
		return fail(r, err);
	time_print((int64_t)(microseconds / 1000000), time);
	buf_printf(b, "%s ", time);
	add_word(b, field(j, "_HOSTNAME", &value) && value.n > 0 ? value : slice_of("-"));
	buf_byte(b, ' ');
	add_word(b, (field(j, "SYSLOG_IDENTIFIER", &value) && value.n > 0) || (field(j, "_COMM", &value) && value.n > 0)
	                ? value
	                : slice_of("-"));
	if ((field(j, "_PID", &value) && is_number(value)) || (field(j, "SYSLOG_PID", &value) && is_number(value))) {
		buf_byte(b, '[');
		buf_add(b, value.p, value.n);
		buf_byte(b, ']');
	}
	buf_text(b, ": ");
	return 0;
}

int journal_next(struct journal *j, struct slice *line, struct err *err) {
	struct slice message;
	int r = sd_journal_next(j->sd);

	if (r < 0)
		return fail(r, err);
	if (r == 0)
		return 0;
	*line = (struct slice){0};
	buf_clear(&j->line);
	if (!j->bare && add_head(j, err) < 0)
		return -1;
	if (!field(j, "MESSAGE", &message) || message.n > LINE_MAX_BYTES)
		return 1;
	/* A line break at its very end is how some programs end a message. */
	if (message.n > 0 && message.p[message.n - 1] == '\n')
		message.n--;
	add_escaped(&j->line, message);
	if (!j->line.failed && j->line.n > 0)
		*line = (struct slice){j->line.p, j->line.n};
	return 1;
}

int journal_fd(struct journal *j, int *fd, struct err *err) {
	int r = sd_journal_get_fd(j->sd);

	if (r < 0)
		return fail(r, err);
	*fd = r;
	return 0;
}

int journal_refresh(struct journal *j, struct err *err) {
	int r = sd_journal_process(j->sd);

	return r < 0 ? fail(r, err) : 0;
}

#else

bool journal_available(void) {
	return false;
}

void journal_prepare(void) {
}

int journal_open(struct journal **out, const struct conf_journal *conf, bool bare, struct err *err) {
	(void)out;
	(void)conf;
	(void)bare;
	return err_set(err, ERR_INPUT, "this provctl was built without libsystemd: it cannot read journals");
}

void journal_close(struct journal **j) {
	(void)j;
}

int journal_seek(struct journal *j, struct slice mark, bool *gone, uint64_t *lost, struct err *err) {
	(void)j;
	(void)mark;
	(void)gone;
	(void)lost;
	return err_set(err, ERR_INPUT, "no journal is open");
}

int journal_next(struct journal *j, struct slice *line, struct err *err) {
	(void)j;
	(void)line;
	return err_set(err, ERR_INPUT, "no journal is open");
}

int journal_mark(struct journal *j, char *out, struct err *err) {
	(void)j;
	(void)out;
	return err_set(err, ERR_INPUT, "no journal is open");
}

int journal_fd(struct journal *j, int *fd, struct err *err) {
	(void)j;
	(void)fd;
	return err_set(err, ERR_INPUT, "no journal is open");
}

int journal_refresh(struct journal *j, struct err *err) {
	(void)j;
	return err_set(err, ERR_INPUT, "no journal is open");
}

#endif
