#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/source.h"

/* ---- a world: a folder of logs, and the cursors that an enforcer would keep ---- */

#define CURSORS 4096

struct world {
	char folder[64];
	struct conf conf;
	struct conf_source sources[4];
	struct cursor cursors[CURSORS];
	uint32_t ncursors;
	struct buf read;    /* first words of the lines of the last pass, each with a blank before */
	struct buf notices; /* problems of the last pass */
	uint64_t skipped, lost;
	bool follow;
	bool reverse; /* sources are read last first, a line each in turn */
};

static struct world w;

static int set_up(void **state) {
	(void)state;
	memset(&w, 0, sizeof(w));
	strcpy(w.folder, "/tmp/test_source.XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	buf_init(&w.read, 1U << 20);
	buf_init(&w.notices, 1U << 16);
	return 0;
}

static void run(const char *format, ...) {
	char command[1024], line[1200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	(void)snprintf(line, sizeof(line), "cd %s && %s", w.folder, command);
	assert_int_equal(system(line), 0);
}

static int tear_down(void **state) {
	(void)state;
	run("chmod -R u+rwx . && rm -rf %s", w.folder);
	for (uint32_t i = 0; i < w.ncursors; i++) {
		free((char *)w.cursors[i].name.p);
		free((char *)w.cursors[i].file.p);
	}
	for (uint32_t i = 0; i < w.conf.nsources; i++)
		free(w.sources[i].path);
	buf_release(&w.read);
	buf_release(&w.notices);
	return 0;
}

static void source(const char *path) {
	assert_true(asprintf(&w.sources[w.conf.nsources++].path, "%s/%s", w.folder, path) > 0);
	w.conf.sources = w.sources;
}

/* "a1-3 b1" to each(a1), each(a2), each(a3), each(b1). */
static void expand(const char *spec, void (*each)(void *context, const char *word), void *context) {
	while (*spec) {
		char name[16], word[32];
		int from, to, n = 0;

		assert_int_equal(sscanf(spec, " %15[a-z]%d%n", name, &from, &n), 2);
		spec += n;
		to = from;
		if (*spec == '-') {
			to = (int)strtol(spec + 1, (char **)&spec, 10);
		}
		for (; from <= to; from++) {
			(void)snprintf(word, sizeof(word), "%s%d", name, from);
			each(context, word);
		}
		while (*spec == ' ')
			spec++;
	}
}

static void write_line(void *context, const char *word) {
	assert_true(fprintf(context, "%-8s 22/Nov/2026:10:00:00 +0000 GET /001565abcdef.cfg\n", word) == 58);
}

static void put(const char *path, const char *mode, const char *spec) {
	char whole[PATH_MAX];
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", w.folder, path);
	f = fopen(whole, mode);
	assert_non_null(f);
	expand(spec, write_line, f);
	assert_int_equal(fclose(f), 0);
}

static void put_bytes(const char *path, const char *mode, const char *bytes, size_t n) {
	char whole[PATH_MAX];
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", w.folder, path);
	f = fopen(whole, mode);
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void say(void *context, struct slice name, struct slice problem) {
	(void)context;
	(void)name;
	if (problem.n > 0) {
		buf_add(&w.notices, problem.p, problem.n);
		buf_byte(&w.notices, '\n');
	}
}

static struct slice copied(struct slice s) {
	char *p = strndup(s.n ? s.p : "", s.n);

	assert_non_null(p);
	return (struct slice){p, s.n};
}

static void keep_cursor(struct source *s) {
	struct cursor start, now;
	struct cursor *at;

	source_start(s, &start);
	now = start;
	source_place(s, false, &now);
	if (now.offset == start.offset && !source_moved(s))
		return;
	if (now.id == 0) {
		assert_true(w.ncursors < CURSORS);
		at = &w.cursors[w.ncursors++];
		now.id = w.ncursors;
	} else {
		at = &w.cursors[now.id - 1];
	}
	w.lost += now.lost - start.lost;
	now.name = copied(now.name);
	now.file = copied(now.file);
	free((char *)at->name.p);
	free((char *)at->file.p);
	*at = now;
}

static bool read_one(struct source *s, struct buf *out) {
	struct slice line;
	struct err err;
	uint64_t offset;
	int got = source_line(s, &line, &offset, &err);

	if (got < 0)
		say(NULL, slice_of(""), slice_of(err.text));
	if (got <= 0)
		return false;
	size_t n = 0;

	while (n < line.n && line.p[n] != ' ')
		n++;
	buf_byte(out, ' ');
	buf_escaped(out, (struct slice){line.p, n}, 64);
	return true;
}

/* One pass; max: lines of each log, then the pass is cut off. */
static void pass_of(uint32_t max) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct err err;

	buf_clear(&w.read);
	buf_clear(&w.notices);
	w.skipped = w.lost = 0;
	if (source_set_open(&set, &w.conf, w.sources, w.conf.nsources, w.cursors, w.ncursors, w.follow, notice, &err) < 0)
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < source_set_count(set); i++) {
		struct source *s = source_set_at(set, i);

		for (uint32_t n = 0; n < max && read_one(s, &w.read); n++)
			;
		w.skipped += source_skipped(s);
	}
	for (uint32_t i = 0; i < source_set_count(set); i++)
		keep_cursor(source_set_at(set, i));
	source_set_close(&set);
	buf_byte(&w.read, '\0');
	buf_byte(&w.notices, '\0');
}

static void add_word(void *context, const char *word) {
	buf_byte(context, ' ');
	buf_text(context, word);
}

static void expect(const char *spec) {
	struct buf b;

	buf_init(&b, 1U << 20);
	expand(spec, add_word, &b);
	buf_byte(&b, '\0');
	assert_string_equal(w.read.p, b.p);
	buf_release(&b);
}

static void reads(const char *spec) {
	pass_of(UINT32_MAX);
	expect(spec);
}

static void told(const char *part) {
	if (!strstr(w.notices.p, part))
		fail_msg("notices are \"%s\", without \"%s\"", w.notices.p, part);
}

static void told_nothing(void) {
	assert_string_equal(w.notices.p, "");
}

/* ---- lines ---- */

static void test_growth(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-3");
	reads("a1-3");
	reads("");
	put("log", "a", "a4-5");
	reads("a4-5");
	told_nothing();
	assert_int_equal(w.ncursors, 1);
}

static void test_unfinished(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1");
	put_bytes("log", "a", "b1 half", 7);
	reads("a1");
	reads("");
	put_bytes("log", "a", " whole\n", 7);
	reads("b1");
}

static void test_bad_lines(void **state) {
	static const struct {
		const char *label;
		size_t length;
		char fill, middle;
		bool taken;
	} rows[] = {
		{"longest line", LINE_MAX_BYTES - 3, 'x', 'x', true},
		{"a byte too long", LINE_MAX_BYTES - 2, 'x', 'x', false},
		{"longer than the buffer", 200000, 'x', 'x', false},
		{"1 MB", 1 << 20, 'x', 'x', false},
		{"a NUL", 40, 'x', '\0', false},
		{"a NUL in a long one", 1 << 20, 'x', '\0', false},
		{"all NUL", 300000, '\0', '\0', false},
		{"not UTF-8", 40, '\xff', '\xfe', true},
	};

	(void)state;
	source("log");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = malloc(rows[i].length);

		print_message("# %s\n", rows[i].label);
		memset(line, rows[i].fill, rows[i].length);
		line[rows[i].length / 2] = rows[i].middle;
		put("log", i ? "a" : "w", "a1");
		put_bytes("log", "a", "l1 ", 3);
		put_bytes("log", "a", line, rows[i].length);
		reads("a1");
		put_bytes("log", "a", "\n", 1);
		put("log", "a", "a2");
		reads(rows[i].taken ? "l1 a2" : "a2");
		assert_int_equal(w.skipped, rows[i].taken ? 0 : 1);
		reads("");
		assert_int_equal(w.cursors[0].offset, (uint64_t)w.cursors[0].size);
		free(line);
	}
}

static void test_carriage_return(void **state) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct slice line;
	struct err err;
	uint64_t offset;

	(void)state;
	source("log");
	put_bytes("log", "w", "one\r\n\r\ntwo\n", 11);
	assert_int_equal(source_set_open(&set, &w.conf, w.sources, 1, NULL, 0, false, notice, &err), 0);
	assert_int_equal(source_line(source_set_at(set, 0), &line, &offset, &err), 1);
	assert_true(slice_is(line, "one\r") && offset == 0);
	assert_int_equal(source_line(source_set_at(set, 0), &line, &offset, &err), 1);
	assert_true(slice_is(line, "\r") && offset == 5);
	assert_int_equal(source_line(source_set_at(set, 0), &line, &offset, &err), 1);
	assert_true(slice_is(line, "two") && offset == 7);
	assert_int_equal(source_line(source_set_at(set, 0), &line, &offset, &err), 0);
	source_set_close(&set);
}

static void test_resume_everywhere(void **state) {
	(void)state;
	for (uint32_t step = 1; step < 9; step++) {
		struct buf all;

		w.conf.nsources = 0;
		w.ncursors = 0;
		source("log");
		put("log", "w", "a1-150");
		buf_init(&all, 1U << 16);
		for (uint32_t n = 0; n < 150; n += step) {
			pass_of(step);
			buf_add(&all, w.read.p, w.read.n - 1);
		}
		buf_byte(&all, '\0');
		reads("");
		buf_clear(&w.read);
		buf_add(&w.read, all.p, all.n);
		expect("a1-150");
		buf_release(&all);
		free(w.sources[0].path);
		free((char *)w.cursors[0].name.p);
		free((char *)w.cursors[0].file.p);
		memset(w.cursors, 0, sizeof(w.cursors[0]));
		w.ncursors = w.conf.nsources = 0;
	}
}

/* ---- rotation ---- */

static void test_rename(void **state) {
	static const char *const names[] = {"log.1",          "log-20261122", "log.0",
	                                    "log.2026-11-22", "log.old",      "log-20261122-1700000000"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)tear_down(state);
		(void)set_up(state);
		print_message("# %s\n", names[i]);
		source("log");
		put("log", "w", "a1-5");
		reads("a1-5");
		put("log", "a", "a6-7");
		run("mv log %s", names[i]);
		put("log", "w", "b1-2");
		reads("a6-7 b1-2");
		/* A server writes to the renamed file until it is told. */
		put(names[i], "a", "a8");
		put("log", "a", "b3");
		reads("a8 b3");
		reads("");
		told_nothing();
	}
}

static void test_date_in_the_middle(void **state) {
	(void)state;
	source("provisioning.log");
	put("provisioning.log", "w", "a1-5");
	reads("a1-5");
	put("provisioning.log", "a", "a6");
	run("mv provisioning.log provisioning-20261122.log");
	put("provisioning.log", "w", "b1");
	reads("a6 b1");
	reads("");
}

static void test_gone_for_a_while(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-5");
	reads("a1-5");
	put("log", "a", "a6");
	run("mv log log.1");
	reads("a6");
	told("not there (yet)");
	put("log", "w", "b1");
	reads("b1");
	told_nothing();
	run("mv log elsewhere");
	reads("");
	run("mv elsewhere log");
	put("log", "a", "b2");
	reads("b2");
}

static void test_rotated_and_compressed(void **state) {
	(void)state;
	for (int size = 5; size <= 500; size += 495) {
		char spec[32];

		(void)tear_down(state);
		(void)set_up(state);
		source("log");
		(void)snprintf(spec, sizeof(spec), "a1-%d", size);
		put("log", "w", spec);
		reads(spec);
		put("log", "a", "b1-2");
		run("mv log log.1 && gzip log.1");
		put("log", "w", "c1");
		reads("b1-2 c1");
		reads("");
		run("mv log.1.gz log.2.gz");
		run("mv log log.1");
		put("log", "w", "d1");
		reads("d1");
		reads("");
		told_nothing();
	}
}

static void test_twice_while_nobody_read(void **state) {
	(void)state;
	source("log");
	put("log.1", "w", "o1-9"); /* an old archive, from before the first pass */
	put("log", "w", "a1-5");
	reads("a1-5");
	put("log", "a", "a6");
	run("mv log.1 log.4; mv log log.3");
	put("log.2", "w", "b1-2");
	run("gzip log.2");
	put("log.1", "w", "c1");
	put("log", "w", "d1");
	reads("a6 b1-2 c1 d1");
	reads("");
	assert_int_equal(w.lost, 0);
}

static void test_old_archives(void **state) {
	(void)state;
	source("log");
	put("log.1", "w", "o1");
	put("log-20261121", "w", "p1");
	put("log", "w", "a1");
	reads("a1");
	run("mv log.1 log.2");
	run("mv log log.1");
	put("log", "w", "b1");
	reads("b1");
	reads("");
}

static void test_rotated_last_line(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1");
	put_bytes("log", "a", "b1 cut off", 10);
	reads("a1");
	run("mv log log.1");
	put("log", "w", "c1");
	reads("b1 c1");
	reads("");
	/* Its end comes after all: it was counted. */
	put_bytes("log.1", "a", " here\n", 6);
	put("log.1", "a", "b2");
	reads("b2");
}

static void test_glob_of_rotations(void **state) {
	(void)state;
	source("log*");
	put("log.2", "w", "a1-3");
	run("gzip log.2");
	put("log.1", "w", "b1-3");
	put("log", "w", "c1-3");
	reads("a1-3 b1-3 c1-3");
	run("mv log.2.gz log.3.gz; mv log.1 log.2; gzip log.2; mv log log.1");
	put("log.1", "a", "c4");
	put("log", "w", "d1");
	reads("c4 d1");
	run("cp -p log.1 log.bak");
	reads("");
	told_nothing();
}

static void test_copytruncate(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-5");
	reads("a1-5");
	put("log", "a", "a6-7");
	run("cp log log.1 && truncate -s 0 log");
	reads("a6-7");
	put("log", "a", "b1-2");
	reads("b1-2");
	run("cp log log.2 && truncate -s 0 log");
	put("log", "a", "c1");
	reads("c1");
	reads("");
	assert_int_equal(w.lost, 0);
	told_nothing();
}

static void test_lost(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-5");
	put_bytes("log", "a", "b1 never whole", 14);
	reads("a1-5");
	put("log", "w", "c1");
	reads("c1");
	assert_int_equal(w.lost, 14);
	told("14 bytes");
	reads("");
	assert_int_equal(w.lost, 0);
	told_nothing();
}

/* A buffer of it is read by then, and what stands behind that is another log's. */
static void test_cut_while_read(void **state) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct source *s;
	struct err err;

	(void)state;
	source("log");
	put("log", "w", "a1-9000");
	if (source_set_open(&set, &w.conf, w.sources, w.conf.nsources, w.cursors, w.ncursors, false, notice, &err) < 0)
		fail_msg("%s", err.text);
	s = source_set_at(set, 0);
	assert_true(read_one(s, &w.read));
	put("log", "w", "b1-9001");
	while (read_one(s, &w.read))
		;
	buf_byte(&w.read, '\0');
	assert_non_null(strstr(w.read.p, " a2 "));
	assert_null(strchr(w.read.p, 'b'));
	buf_byte(&w.notices, '\0');
	told("was cut while it was read");
	source_set_close(&set);
}

/* As where its inode is soon another file's. */
static void test_another_by_its_inode(void **state) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct err err;

	(void)state;
	source("log");
	put("log", "w", "a1-5");
	if (source_set_open(&set, &w.conf, w.sources, w.conf.nsources, w.cursors, w.ncursors, false, notice, &err) < 0)
		fail_msg("%s", err.text);
	put("log", "w", "b1-9");
	assert_int_equal(source_again(source_set_at(set, 0)), -1);
	assert_false(read_one(source_set_at(set, 0), &w.read));
	buf_byte(&w.notices, '\0');
	told("was cut while it was read");
	source_set_close(&set);
	reads("b1-9");
}

static void test_outgrown(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-5");
	reads("a1-5");
	put("log", "w", "b1-200");
	reads("b1-200");
	put("log", "w", "c1-300");
	reads("c1-300");
	reads("");
}

static void test_restored(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-40");
	reads("a1-40");
	put("log", "w", "a1-30");
	reads("");
	told("restored backup");
	reads("");
	put("log", "a", "b1-2");
	reads("b1-2");
	/* The backup of a backup, whole again. */
	put("log", "w", "a1-41");
	reads("a41");
	reads("");
}

static void test_restored_and_written_on(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-40");
	reads("a1-40");
	put("log", "w", "a1-30 b1-20");
	reads("b11-20");
	told("restored backup");
	reads("");
}

static void test_part_of_a_log(void **state) {
	(void)state;
	source("log");
	put("log", "w", "a1-200");
	reads("a1-200");
	run("mv log elsewhere && head -100 elsewhere > part && rm elsewhere");
	source("part");
	reads("");
	told("part begins as a log that was read");
	put("part", "a", "b1");
	reads("b1");
}

/* ---- which log is which ---- */

static void test_daily_logs_with_a_header(void **state) {
	(void)state;
	source("log-*");
	put("log-20261121", "w", "h1-9 a1-9");
	reads("h1-9 a1-9");
	run("rm log-20261121");
	put("log-20261122", "w", "h1-9 b1-2");
	reads("h1-9 b1-2");
	told_nothing();
	run("rm log-20261122");
	put("log-20261123", "w", "h1-9 c1-9");
	reads("h1-9 c1-9");
}

static void test_equal_beginnings(void **state) {
	(void)state;
	source("one");
	source("two");
	put_bytes("one", "w", "banner\n", 7);
	put_bytes("two", "w", "banner\n", 7);
	pass_of(UINT32_MAX);
	assert_string_equal(w.read.p, " banner");
	put("one", "a", "a1-2");
	put("two", "a", "b1-2");
	pass_of(UINT32_MAX);
	/* Of two logs that were one the other's banner is its own line. */
	assert_string_equal(w.read.p, " a1 a2 banner b1 b2");
	told_nothing();
	put("one", "a", "a3");
	put("two", "a", "b3");
	reads("a3 b3");
}

static void test_banner_after_rotation(void **state) {
	(void)state;
	source("log");
	put_bytes("log", "w", "banner\n", 7);
	pass_of(UINT32_MAX);
	put("log", "a", "a1");
	run("mv log log.1");
	put_bytes("log", "w", "banner\n", 7);
	put("log", "a", "b1");
	pass_of(UINT32_MAX);
	assert_string_equal(w.read.p, " a1 banner b1");
	reads("");
}

static void test_one_log_twice(void **state) {
	static const struct {
		const char *label, *command, *problem;
	} rows[] = {
		{"symlink", "ln -s one two", "same file"},
		{"hard link", "ln one two", "same file"},
		{"copy", "cp one two", "same log"},
		{"older copy", "head -3 one > two", "same log"},
		{"compressed copy", "gzip -c one > two", "same log"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)tear_down(state);
		(void)set_up(state);
		print_message("# %s\n", rows[i].label);
		source("one");
		source("two");
		put("one", "w", "a1-5");
		run("%s", rows[i].command);
		reads("a1-5");
		told(rows[i].problem);
		told("two");
		told("one");
		put("one", "a", "a6");
		reads("a6");
		told(rows[i].problem);
		reads("");
	}
}

static void test_moved_to_another_name(void **state) {
	(void)state;
	source("*.log");
	put("one.log", "w", "a1-5");
	reads("a1-5");
	run("mv one.log two.log");
	put("two.log", "a", "a6");
	reads("a6");
	assert_int_equal(w.ncursors, 1);
}

/* ---- what is no log ---- */

static void test_no_logs(void **state) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	source("folder");
	source("fifo");
	source("socket");
	source("missing");
	run("mkdir folder && mkfifo fifo");
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/socket", w.folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	reads("");
	told("folder is no log but a folder");
	told("fifo is no log but a FIFO");
	told("socket is no log");
	told("missing is not there (yet)");
	(void)close(fd);
}

static void test_device_and_empty(void **state) {
	(void)state;
	source("null");
	source("empty");
	source("nothing-*");
	run("ln -s /dev/null null && : > empty");
	reads("");
	told("null is no log but a device");
	assert_null(strstr(w.notices.p, "empty"));
	assert_null(strstr(w.notices.p, "nothing"));
	assert_int_equal(w.ncursors, 0);
}

static void test_no_permission(void **state) {
	(void)state;
	source("log");
	source("other");
	put("log", "w", "a1");
	put("other", "w", "b1");
	run("chmod 0 log");
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	run("true");
	reads("");
	assert_int_equal(seteuid(getuid()), 0);
	told("log cannot be read");
}

/* ---- .gz ---- */

static void test_gz(void **state) {
	(void)state;
	source("log.gz");
	put("x", "w", "a1-3000");
	put("y", "w", "b1-3");
	put_bytes("y", "a", "c1 without an end", 17);
	run("gzip -c x > log.gz && gzip -c y >> log.gz");
	reads("a1-3000 b1-3 c1");
	reads("");
	told_nothing();
}

static void test_gz_in_parts(void **state) {
	(void)state;
	source("log.gz");
	put("x", "w", "a1-900");
	run("gzip -c x > log.gz");
	pass_of(400);
	expect("a1-400");
	reads("a401-900");
	reads("");
}

static void test_gz_cut_short(void **state) {
	struct buf all;

	(void)state;
	source("log.gz");
	put("x", "w", "a1-3000");
	run("gzip -c x > whole.gz && head -c 6000 whole.gz > log.gz");
	buf_init(&all, 1U << 20);
	pass_of(UINT32_MAX);
	assert_true(w.read.n > 20);
	buf_add(&all, w.read.p, w.read.n - 1);
	reads("");
	run("cp whole.gz log.gz");
	pass_of(UINT32_MAX);
	buf_add(&all, w.read.p, w.read.n);
	buf_clear(&w.read);
	buf_add(&w.read, all.p, all.n);
	expect("a1-3000");
	buf_release(&all);
}

static void test_gz_corrupt(void **state) {
	(void)state;
	source("log.gz");
	source("log");
	put("x", "w", "a1-3000");
	put("log", "w", "b1");
	run("gzip -c x > log.gz && printf '\\377\\377\\377\\377\\377\\377\\377\\377' | "
	    "dd of=log.gz bs=1 seek=6000 conv=notrunc 2>/dev/null");
	pass_of(UINT32_MAX);
	told("log.gz");
	told("corrupt");
	assert_non_null(strstr(w.read.p, " a1 a2 "));
	assert_non_null(strstr(w.read.p, " b1"));
	reads("");
	run("head -c 12 log.gz > broken.gz && mv broken.gz log.gz");
	reads("");
	run("printf '\\037\\213\\010garbage garbage garbage' > log.gz");
	reads("");
}

/* ---- many ---- */

static unsigned open_descriptors(void) {
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static void test_a_thousand(void **state) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct err err;
	unsigned before = open_descriptors(), most = 0, lines = 0;
	bool more = true;

	(void)state;
	source("log-*");
	run("for i in $(seq 1000); do for k in 1 2 3; do echo \"w$i-$k of log $i\"; done > log-x$i; done");
	assert_int_equal(source_set_open(&set, &w.conf, w.sources, 1, NULL, 0, false, notice, &err), 0);
	assert_int_equal(source_set_count(set), 1000);
	while (more) {
		more = false;
		for (uint32_t i = 0; i < 1000; i++) {
			bool one = read_one(source_set_at(set, i), &w.read);

			lines += one;
			more = more || one;
			if (i % 100 == 0 && open_descriptors() > most)
				most = open_descriptors();
		}
	}
	assert_int_equal(lines, 3000);
	assert_true(most - before <= 200);
	for (uint32_t i = 0; i < 1000; i++)
		keep_cursor(source_set_at(set, i));
	source_set_close(&set);
	assert_int_equal(open_descriptors(), before);
	reads("");
	run("mv log-x7 log-x7.1 && echo new7 line > log-x7 && echo w7-4 of 7 >> log-x7.1");
	pass_of(UINT32_MAX);
	assert_string_equal(w.read.p, " w7-4 new7");
}

/* ---- followed ---- */

static struct source_set *open_followed(void) {
	struct source_notice notice = {say, NULL};
	struct source_set *set;
	struct err err;

	if (source_set_open(&set, &w.conf, w.sources, w.conf.nsources, w.cursors, w.ncursors, true, notice, &err) < 0)
		fail_msg("%s", err.text);
	return set;
}

static void read_all(struct source *s, const char *expected) {
	buf_clear(&w.read);
	while (read_one(s, &w.read))
		;
	buf_byte(&w.read, '\0');
	expect(expected);
}

static void test_followed(void **state) {
	static const struct {
		const char *title, *before, *does;
		int again;
		const char *reads;
		bool differs;
	} rows[] = {
		{"nothing", "a1-2", "true", 0, "", false},
		{"grows", "a1-2", "echo b1 >> log", 1, "b1", false},
		{"half a line", "a1-2", "printf b1 >> log", 1, "", false},
		{"renamed", "a1-2", "mv log log.1", 0, "", true},
		{"renamed and written on", "a1-2", "mv log log.1; echo b1 >> log.1", 1, "b1", true},
		{"renamed, a new one there", "a1-2", "mv log log.1; echo b1 > log", 0, "", true},
		{"deleted and written on", "a1-2", "exec 9>>log; rm log; echo b1 >&9", 1, "b1", true},
		{"cut", "a1-2", ": > log", -1, "", false},
		{"copied, cut, outgrown", "a1-2", "cp log log.1; : > log; for i in $(seq 20); do echo b$i line; done >> log",
	     -1, "", false},
		{"copied, cut, as long as before", "a1-2", "cp log log.1; sed s/a/b/g log.1 > x; cat x > log; rm x", -1, "",
	     false},
		{"no permission any more", "a1-2", "chmod 0 log", 0, "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct source_set *set;
		struct source *s;

		if (geteuid() == 0 && strncmp(rows[i].does, "chmod", 5) == 0)
			continue;
		source("log");
		put("log", "w", rows[i].before);
		set = open_followed();
		s = source_set_at(set, 0);
		read_all(s, rows[i].before);
		run("%s", rows[i].does);
		if (source_again(s) != rows[i].again || source_set_differs(set) != rows[i].differs)
			fail_msg("%s: again %d, differs %d", rows[i].title, source_again(s), source_set_differs(set));
		if (rows[i].again > 0)
			read_all(s, rows[i].reads);
		source_set_close(&set);
		run("rm -f log log.1");
		free(w.sources[--w.conf.nsources].path);
	}
}

static void test_followed_rotated(void **state) {
	struct source_set *set;

	(void)state;
	source("log");
	put("log", "w", "a1-3");
	reads("a1-3");
	run("mv log log.1; echo c1 > log");
	set = open_followed();
	assert_int_equal(source_set_count(set), 2);
	read_all(source_set_at(set, 1), "c1");
	/* Its writer was not told yet. */
	run("printf 'b1 half' >> log.1");
	assert_int_equal(source_again(source_set_at(set, 0)), 1);
	read_all(source_set_at(set, 0), "");
	assert_int_equal(source_again(source_set_at(set, 0)), 0);
	run("echo ' whole' >> log.1");
	assert_int_equal(source_again(source_set_at(set, 0)), 1);
	read_all(source_set_at(set, 0), "b1");
	run("printf 'b2 last' >> log.1; touch -d '1 minute ago' log.1");
	assert_int_equal(source_again(source_set_at(set, 0)), -1);
	keep_cursor(source_set_at(set, 0));
	keep_cursor(source_set_at(set, 1));
	source_set_close(&set);
	set = open_followed();
	read_all(source_set_at(set, 0), "b2");
	source_set_close(&set);
}

static void test_followed_empty(void **state) {
	struct source_set *set;
	struct source *live;
	struct slice line;
	uint64_t offset;
	struct err err;

	(void)state;
	source("log");
	put("log", "w", "a1-3");
	reads("a1-3");
	run("cp log log-20261101; : > log");
	set = open_followed();
	assert_int_equal(source_set_count(set), 2);
	/* Twice written, once copied and cut, before anybody looks. */
	run("echo b1 > log; cp log log-20261102; : > log; echo c1 > log");
	assert_int_equal(source_again(source_set_at(set, 1)), -1);
	source_set_close(&set);
	reads("b1 c1");
	/* A copy that nothing was written to yet when it was seen. */
	run(": > log-20261103");
	(void)usleep(50000);
	set = open_followed();
	assert_int_equal(source_set_count(set), 4);
	run("cat log > log-20261103");
	assert_int_equal(source_again(source_set_at(set, 2)), -1);
	assert_int_equal(source_again(source_set_at(set, 3)), 0);
	source_set_close(&set);
	reads("");
	/* Empty at each look, and full in between. */
	run(": > log");
	(void)usleep(50000);
	set = open_followed();
	live = source_set_at(set, source_set_count(set) - 1);
	assert_string_equal(strrchr(source_path(live), '/'), "/log");
	assert_int_equal(source_again(live), 0);
	run("echo d1 > log; cp log log-20261104; : > log");
	assert_int_equal(source_again(live), -1);
	source_set_close(&set);
	reads("d1");
	/* Nothing was made beside it: it is what it was. */
	(void)usleep(50000);
	set = open_followed();
	live = source_set_at(set, source_set_count(set) - 1);
	run("echo e1 > log");
	assert_int_equal(source_again(live), 1);
	/* ... until it is read. */
	run("cp log log-20261105; echo f1 > log");
	assert_int_equal(source_line(live, &line, &offset, &err), -1);
	assert_int_equal(source_again(live), -1);
	source_set_close(&set);
	reads("e1 f1");
}

/* What is written behind a copy is read, and cut: no log beside it ends as what was read, and yet what comes after is not lost. */
static void test_read_behind_copy(void **state) {
	(void)state;
	source("log");
	put("log-20261031", "w", "o1-9");
	put("log", "w", "a1-20");
	run("cp log log-20261101");
	put("log", "a", "b1-2");
	reads("a1-20 b1-2");
	put("log", "w", "c1-9");
	run("cp log log-20261102");
	put("log", "w", "d1-9");
	reads("c1-9 d1-9");
	reads("");
	put("log", "a", "d10");
	reads("d10");
}

static int64_t nanoseconds(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Where a log was cut just before it was seen empty, what happened to it next may bear the same time. */
static void test_followed_just_cut(void **state) {
	struct source_set *set;
	int64_t cut, took;

	(void)state;
	source("log");
	put("log", "w", "a1");
	reads("a1");
	for (unsigned i = 0;; i++) {
		char beside[32];
		int again;

		assert_true(i < 1000);
		(void)snprintf(beside, sizeof(beside), "beside%u", i);
		cut = nanoseconds();
		put(beside, "w", "");
		put("log", "w", "");
		set = open_followed();
		took = nanoseconds() - cut;
		again = source_again(source_set_at(set, 0));
		source_set_close(&set);
		if (took < 10000000) {
			assert_int_equal(again, -1);
			break;
		}
	}
	/* A while ago it is not looked for again. */
	(void)usleep(50000);
	set = open_followed();
	assert_int_equal(source_again(source_set_at(set, 0)), 0);
	source_set_close(&set);
}

static void test_followed_glob(void **state) {
	struct source_set *set;

	(void)state;
	source("log-*");
	put("log-a", "w", "a1");
	set = open_followed();
	assert_false(source_set_differs(set));
	run("echo x > other");
	assert_false(source_set_differs(set));
	run("echo x > log-b");
	assert_true(source_set_differs(set));
	source_set_close(&set);
}

#define TEST(title, function)                                                                                          \
	{ title, function, set_up, tear_down, NULL }

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST("a log that grows is read on", test_growth),
		TEST("the last line waits until it is whole", test_unfinished),
		TEST("lines too long or with a NUL are skipped whole and counted", test_bad_lines),
		TEST("a carriage return stays with its line", test_carriage_return),
		TEST("from every cursor a log is read on without a gap", test_resume_everywhere),
		TEST("a renamed log is read to its end before its successor", test_rename),
		TEST("a date before the extension is a rotation", test_date_in_the_middle),
		TEST("a log may be gone for a while", test_gone_for_a_while),
		TEST("a rotated and compressed log is read to its end", test_rotated_and_compressed),
		TEST("logs rotated while nobody read are read in order", test_twice_while_nobody_read),
		TEST("old archives beside a log are not read", test_old_archives),
		TEST("the last line of a rotated log is whole", test_rotated_last_line),
		TEST("a glob over rotations counts nothing twice", test_glob_of_rotations),
		TEST("copytruncate: the copy has the rest, the log starts anew", test_copytruncate),
		TEST("bytes cut off before they were read are counted as lost", test_lost),
		TEST("what a log holds behind a cut is not read as if it were its own", test_cut_while_read),
		TEST("another log that has the inode of the one that was found is not read as if it were that",
	         test_another_by_its_inode),
		TEST("a truncated log that outgrew its offset is another log", test_outgrown),
		TEST("a restored backup counts nothing twice, and what follows is read", test_restored),
		TEST("a restored backup that was written on counts nothing twice", test_restored_and_written_on),
		TEST("a part of a log that is known is not read again", test_part_of_a_log),
		TEST("a header that daily logs have in common hides nothing", test_daily_logs_with_a_header),
		TEST("logs that begin alike are not confused", test_equal_beginnings),
		TEST("a banner does not hide the rest of a rotated log", test_banner_after_rotation),
		TEST("one log reached by two sources is read once, and told", test_one_log_twice),
		TEST("a log that was moved within a glob is the same", test_moved_to_another_name),
		TEST("folders, FIFOs, sockets and missing files are told", test_no_logs),
		TEST("a device is told, an empty log and an empty glob are not", test_device_and_empty),
		TEST("a log that is followed tells growth from another log", test_followed),
		TEST("a rotated log is followed too, its last line in time", test_followed_rotated),
		TEST("a log that was empty when it was seen is known by nothing", test_followed_empty),
		TEST("what was read behind a copy hides no later one", test_read_behind_copy),
		TEST("a log that was cut just before it was seen is looked at twice", test_followed_just_cut),
		TEST("a new file in a glob shows", test_followed_glob),
		TEST("a log without permission is told, and others go on", test_no_permission),
		TEST("a .gz of several members is read, its last line too", test_gz),
		TEST("a .gz is read on where it was left", test_gz_in_parts),
		TEST("a .gz that is still being written waits", test_gz_cut_short),
		TEST("of a corrupt .gz what is sound is read, once", test_gz_corrupt),
		TEST("a thousand logs are read with few descriptors", test_a_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
