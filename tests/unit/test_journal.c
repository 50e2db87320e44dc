/* Journals as logs: what an entry becomes, where reading goes on, and that what is gone is told. The journals are written by systemd-journal-remote from the
 * export format (systemd.io/JOURNAL_EXPORT_FORMATS); without it, or built without libsystemd, the tests are skipped. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/journal.h"
#include "analyzer/source.h"

#define START 1795341600LL /* 2026-11-22T10:00:00Z */

struct fixture {
	char folder[64], file[96], other[96];
	struct conf_journal journal;
	char *match[2];
	struct conf_source source;
	struct conf conf;
	struct cursor cursor;
	char mark[CURSOR_MARK_MAX + 1];
	struct source_set *set;
	char problem[256];
	bool follow;
	int64_t next; /* of the entries written so far */
};

static struct err err;

static const char *writer(void) {
	static const char *const places[] = {"/usr/lib/systemd/systemd-journal-remote",
	                                     "/lib/systemd/systemd-journal-remote"};

	for (size_t i = 0; i < 2; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int start(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_journal.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->file, sizeof(f->file), "%s/a.journal", f->folder);
	(void)snprintf(f->other, sizeof(f->other), "%s/b.journal", f->folder);
	f->journal = (struct conf_journal){.match = f->match, .directory = f->folder};
	f->source =
		(struct conf_source){.path = (char *)"journal:test", .journal = &f->journal, .format = (char *)"syslog"};
	f->conf = (struct conf){.sources = &f->source, .nsources = 1};
	*state = f;
	return 0;
}

static int stop(void **state) {
	struct fixture *f = *state;
	char command[128];

	source_set_close(&f->set);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct fixture *ready(void **state) {
	if (!journal_available() || !writer())
		skip();
	return *state;
}

/* ---- writing ---- */

static FILE *entries_begin(const char *file) {
	char command[256];
	FILE *out;

	(void)snprintf(command, sizeof(command), "%s -o %s - >/dev/null 2>&1", writer(), file);
	out = popen(command, "w");
	assert_non_null(out);
	return out;
}

static void entry_field(FILE *out, const char *name, const void *value, size_t n) {
	unsigned char length[8];

	for (size_t i = 0; i < 8; i++)
		length[i] = (unsigned char)((uint64_t)n >> (8 * i));
	(void)fprintf(out, "%s\n", name);
	(void)fwrite(length, 1, 8, out);
	(void)fwrite(value, 1, n, out);
	(void)fputc('\n', out);
}

/* NULL as message: none. */
static void entry(struct fixture *f, FILE *out, const char *program, const void *message, size_t n) {
	int64_t at = f->next++;

	(void)fprintf(out, "__REALTIME_TIMESTAMP=%lld000000\n__MONOTONIC_TIMESTAMP=%lld\n", (long long)(START + at),
	              (long long)at + 1);
	(void)fprintf(out, "_BOOT_ID=11111111111111111111111111111111\n_HOSTNAME=pbx\n_PID=12\n");
	entry_field(out, "SYSLOG_IDENTIFIER", program, strlen(program));
	if (message)
		entry_field(out, "MESSAGE", message, n);
	(void)fputc('\n', out);
}

static void write_numbered(struct fixture *f, const char *file, int n) {
	FILE *out = entries_begin(file);

	for (int i = 0; i < n; i++) {
		char message[32];

		(void)snprintf(message, sizeof(message), "entry %lld", (long long)f->next);
		entry(f, out, "in.tftpd", message, strlen(message));
	}
	assert_int_equal(pclose(out), 0);
}

/* ---- reading ---- */

static void note(void *context, struct slice name, struct slice problem) {
	struct fixture *f = context;

	(void)name;
	(void)slice_copy(problem, f->problem, sizeof(f->problem));
}

static struct source *open_at_cursor(struct fixture *f) {
	struct source_notice notice = {note, f};
	uint32_t n = f->cursor.id ? 1 : 0;

	source_set_close(&f->set);
	f->cursor.mark = slice_of(f->mark);
	if (source_set_open(&f->set, &f->conf, f->conf.sources, 1, &f->cursor, n, f->follow, notice, &err) != 0)
		fail_msg("%s", err.text);
	return source_set_count(f->set) ? source_set_at(f->set, 0) : NULL;
}

static void commit(struct fixture *f, const struct source *s, bool in_front) {
	struct cursor to;

	source_start(s, &to);
	source_place(s, in_front, &to);
	assert_true(slice_copy(to.mark, f->mark, sizeof(f->mark)));
	f->cursor = to;
	f->cursor.id = 1;
}

static void reads(struct source *s, const char *expected) {
	struct slice line;
	uint64_t offset;
	int got = source_line(s, &line, &offset, &err);

	if (!expected) {
		assert_int_equal(got, 0);
		return;
	}
	assert_int_equal(got, 1);
	if (!slice_is(line, expected))
		fail_msg("wanted: %s\ngot: %.*s", expected, (int)line.n, line.p);
}

static void an_entry_is_a_line_of_syslog_and_each_is_read_once(void **state) {
	struct fixture *f = ready(state);
	struct source *s;

	write_numbered(f, f->file, 3);
	s = open_at_cursor(f);
	assert_non_null(s);
	assert_string_equal(f->problem, "");
	reads(s, "2026-11-22T10:00:00Z pbx in.tftpd[12]: entry 0");
	commit(f, s, false);
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: entry 1");
	/* Killed here: what was not committed is read again, at the same place. */
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: entry 1");
	reads(s, "2026-11-22T10:00:02Z pbx in.tftpd[12]: entry 2");
	/* The place in front of the third is that behind the second. */
	commit(f, s, true);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:02Z pbx in.tftpd[12]: entry 2");
	reads(s, NULL);
	commit(f, s, false);
	assert_int_equal(f->cursor.offset, 3 * (strlen("2026-11-22T10:00:00Z pbx in.tftpd[12]: entry 0") + 1));
	assert_int_equal(f->cursor.lost, 0);
	s = open_at_cursor(f);
	reads(s, NULL);
	write_numbered(f, f->file, 1);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:03Z pbx in.tftpd[12]: entry 3");
	reads(s, NULL);
	assert_string_equal(f->problem, "");
}

static void a_journal_that_is_followed_tells_what_is_new(void **state) {
	struct fixture *f = ready(state);
	struct source *s;
	struct pollfd wait = {.events = POLLIN};

	write_numbered(f, f->file, 1);
	f->follow = true;
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:00Z pbx in.tftpd[12]: entry 0");
	reads(s, NULL);
	while (wait.fd = source_fd(s), poll(&wait, 1, 0) > 0) {
		assert_int_equal(source_again(s), 1);
		reads(s, NULL);
	}
	write_numbered(f, f->file, 1);
	assert_int_equal(poll(&wait, 1, 5000), 1);
	assert_int_equal(source_again(s), 1);
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: entry 1");
	reads(s, NULL);
}

static void only_what_matches_is_read(void **state) {
	struct fixture *f = ready(state);
	FILE *out = entries_begin(f->file);
	struct source *s;

	entry(f, out, "sshd", "a", 1);
	entry(f, out, "in.tftpd", "b", 1);
	entry(f, out, "atftpd", "c", 1);
	assert_int_equal(pclose(out), 0);
	f->match[0] = (char *)"SYSLOG_IDENTIFIER=atftpd";
	f->match[1] = (char *)"SYSLOG_IDENTIFIER=in.tftpd";
	f->journal.nmatch = 2;
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: b");
	reads(s, "2026-11-22T10:00:02Z pbx atftpd[12]: c");
	reads(s, NULL);
}

static void no_entry_makes_two_lines_or_a_head_of_its_own(void **state) {
	static const char fake[] = "RRQ\nNov 22 10:00:00 pbx in.tftpd[1]: x\r\0\033[31m\x7f";
	struct fixture *f = ready(state);
	FILE *out = entries_begin(f->file);
	struct source *s;

	entry(f, out, "in.tftpd", fake, sizeof(fake) - 1);
	entry(f, out, "a b[7]: c\n", "x\n", 2);
	assert_int_equal(pclose(out), 0);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:00Z pbx in.tftpd[12]: RRQ#012Nov 22 10:00:00 pbx in.tftpd[1]: x#015#000#033[31m#177");
	reads(s, "2026-11-22T10:00:01Z pbx a_b_7___c_[12]: x");
	reads(s, NULL);
}

static void what_is_too_long_or_says_nothing_is_skipped_and_counted(void **state) {
	struct fixture *f = ready(state);
	size_t n = 4U << 20;
	char *large = malloc(n);
	struct source *s;
	FILE *out;

	assert_non_null(large);
	memset(large, 'x', n);
	out = entries_begin(f->file);
	entry(f, out, "a", "1", 1);
	entry(f, out, "a", NULL, 0);
	entry(f, out, "a", large, n);
	/* Escaped it would be too long. */
	memset(large, '\001', n);
	entry(f, out, "a", large, LINE_MAX_BYTES / 3);
	entry(f, out, "a", "2", 1);
	assert_int_equal(pclose(out), 0);
	free(large);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:00Z pbx a[12]: 1");
	reads(s, "2026-11-22T10:00:04Z pbx a[12]: 2");
	reads(s, NULL);
	assert_int_equal(source_skipped(s), 3);
	commit(f, s, false);
	assert_int_equal(f->cursor.offset, 2 * (strlen("2026-11-22T10:00:00Z pbx a[12]: 1") + 1) + 3);
}

static void formats_of_programs_themselves_get_the_message_alone(void **state) {
	struct fixture *f = ready(state);
	struct source *s;

	f->source.format = (char *)"json";
	write_numbered(f, f->file, 1);
	s = open_at_cursor(f);
	reads(s, "entry 0");
}

/* ---- what is gone ---- */

static char *load(const char *file, size_t *n) {
	FILE *in = fopen(file, "rb");
	char *all = malloc(64U << 20);

	assert_non_null(in);
	assert_non_null(all);
	*n = fread(all, 1, 64U << 20, in);
	(void)fclose(in);
	return all;
}

/* As if the writer had written `more` entries before: numbers stand behind the header's byte 160, and in each entry before its time. The sequence
 * becomes that of the other file (bytes 72 to 87; systemd.io/JOURNAL_FILE_FORMAT). */
static void renumber(const char *file, char *sequence, uint64_t more, int64_t first, int n) {
	size_t size;
	char *all = load(file, &size);
	FILE *out;

	memcpy(all + 72, sequence, 16);
	for (size_t at = 160; at <= 168; at += 8) {
		uint64_t number;

		memcpy(&number, all + at, 8);
		number += more;
		memcpy(all + at, &number, 8);
	}
	for (int i = 0; i < n; i++) {
		int64_t time = (START + first + i) * 1000000;
		char *from = all + 208, *at;

		while ((at = memmem(from, size - (size_t)(from - all), &time, 8)) != NULL) {
			uint64_t number;

			from = at + 8;
			memcpy(&number, at - 8, 8);
			if (number != (uint64_t)i + 1)
				continue;
			number += more;
			memcpy(at - 8, &number, 8);
		}
	}
	out = fopen(file, "r+b");
	assert_non_null(out);
	assert_int_equal(fwrite(all, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
	free(all);
}

static void entries_that_were_removed_before_they_were_read_are_told(void **state) {
	struct fixture *f = ready(state);
	struct source *s;
	char *old;
	size_t n;

	write_numbered(f, f->file, 3);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:00Z pbx in.tftpd[12]: entry 0");
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: entry 1");
	commit(f, s, false);
	/* Entries 3 to 9 never are seen; 10 and 11 are in the next file. */
	f->next = 10;
	write_numbered(f, f->other, 2);
	old = load(f->file, &n);
	renumber(f->other, old + 72, 10, 10, 2);
	free(old);
	source_set_close(&f->set);
	assert_int_equal(unlink(f->file), 0);
	s = open_at_cursor(f);
	assert_string_equal(f->problem, "up to 8 entries were removed from the journal before they were read");
	/* Nothing is said of it in a cursor that stands where it stood. */
	commit(f, s, false);
	assert_int_equal(f->cursor.lost, 0);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:10Z pbx in.tftpd[12]: entry 10");
	commit(f, s, true);
	assert_int_equal(f->cursor.lost, 0);
	commit(f, s, false);
	assert_int_equal(f->cursor.lost, 8);
	s = open_at_cursor(f);
	assert_string_equal(f->problem, "");
	reads(s, "2026-11-22T10:00:11Z pbx in.tftpd[12]: entry 11");
	reads(s, NULL);
	commit(f, s, false);
	assert_int_equal(f->cursor.lost, 8);
}

static void another_journal_is_read_on_from_the_time_of_the_former(void **state) {
	struct fixture *f = ready(state);
	struct source *s;

	write_numbered(f, f->file, 2);
	s = open_at_cursor(f);
	reads(s, "2026-11-22T10:00:00Z pbx in.tftpd[12]: entry 0");
	reads(s, "2026-11-22T10:00:01Z pbx in.tftpd[12]: entry 1");
	commit(f, s, false);
	write_numbered(f, f->other, 1);
	source_set_close(&f->set);
	assert_int_equal(unlink(f->file), 0);
	s = open_at_cursor(f);
	assert_string_equal(f->problem,
	                    "the entry that was read last is no longer in the journal: read on behind its place");
	reads(s, "2026-11-22T10:00:02Z pbx in.tftpd[12]: entry 2");
	reads(s, NULL);
}

static void a_journal_that_cannot_be_opened_is_a_problem_of_its_source_alone(void **state) {
	struct fixture *f = *state;
	char missing[96];

	(void)snprintf(missing, sizeof(missing), "%s/missing", f->folder);
	f->journal.directory = missing;
	assert_null(open_at_cursor(f));
	if (journal_available())
		assert_non_null(strstr(f->problem, "missing: No such file or directory"));
	else
		assert_non_null(strstr(f->problem, "built without libsystemd"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(an_entry_is_a_line_of_syslog_and_each_is_read_once),
		CASE(a_journal_that_is_followed_tells_what_is_new),
		CASE(only_what_matches_is_read),
		CASE(no_entry_makes_two_lines_or_a_head_of_its_own),
		CASE(what_is_too_long_or_says_nothing_is_skipped_and_counted),
		CASE(formats_of_programs_themselves_get_the_message_alone),
		CASE(entries_that_were_removed_before_they_were_read_are_told),
		CASE(another_journal_is_read_on_from_the_time_of_the_former),
		CASE(a_journal_that_cannot_be_opened_is_a_problem_of_its_source_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
