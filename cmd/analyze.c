#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/event.h"
#include "common/timefmt.h"

#include "cmd/analyze.h"
#include "cmd/readable.h"

#define SHOW_EVERY  100 /* milliseconds */
#define RECORDS_MAX 1000000

static int64_t now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void analysis_init(struct analysis *a, struct command *c) {
	*a = (struct analysis){.c = c, .began = now_ms()};
}

void analysis_release(struct analysis *a) {
	js_free(&a->before);
	js_free(&a->after);
	for (size_t i = 0; i < a->nrecords; i++)
		js_free(&a->records[i]);
	free(a->records);
}

/* ---- gathering ---- */

/* 1234567 as 1,234,567. */
static void count_text(struct buf *b, int64_t n) {
	char digits[32];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n);

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			buf_byte(b, ',');
		buf_byte(b, digits[i]);
	}
}

static int64_t seconds_left(const struct analysis *a) {
	int64_t took = now_ms() - a->began;

	return a->sums.bytes > 0 ? took * a->sums.left / a->sums.bytes / 1000 : 0;
}

static void show_progress(struct analysis *a) {
	int64_t now = now_ms(), all = a->sums.bytes + a->sums.left, took = now - a->began;
	char left[TIME_TEXT];
	struct buf b;

	/* Before the first batch is through there is nothing to tell a rate or a rest by. */
	if (a->c->json || !isatty(STDERR_FILENO) || a->sums.bytes == 0 || now < a->shown + SHOW_EVERY)
		return;
	a->shown = now;
	a->line = true;
	duration_print(seconds_left(a), left);
	buf_init(&b, 256);
	buf_printf(&b, "\r%3lld%%  ", (long long)(all > 0 ? a->sums.bytes * 100 / all : 0));
	count_text(&b, a->sums.lines);
	buf_text(&b, " lines, ");
	count_text(&b, took > 0 ? a->sums.lines * 1000 / took : 0);
	buf_printf(&b, " a second, %s left\033[K", left);
	(void)fwrite(b.p, 1, b.n, stderr);
	(void)fflush(stderr);
	buf_release(&b);
}

void analysis_progress_end(struct analysis *a) {
	if (a->line)
		(void)fputs("\r\033[K", stderr);
	a->line = false;
}

void analysis_report(struct analysis *a, const struct json *report) {
	const struct json *progress = js_get(report, "progress");
	const struct json *sums = progress ? progress : js_get(report, "summary");

	a->sums.logs = js_number(sums, "logs", a->sums.logs);
	a->sums.lines = js_number(sums, "lines", a->sums.lines);
	a->sums.bytes = js_number(sums, "bytes", a->sums.bytes);
	a->sums.events = js_number(sums, "events", a->sums.events);
	a->sums.unreadable = js_number(sums, "unreadable", a->sums.unreadable);
	a->sums.skipped = js_number(sums, "skipped", a->sums.skipped);
	a->sums.lost = js_number(sums, "lost", a->sums.lost);
	a->sums.left = js_number(sums, "left", 0);
	if (progress)
		show_progress(a);
}

int analysis_summary(struct analysis *a, struct json *row, bool after, struct err *err) {
	struct json **to = after ? &a->after : &a->before;

	if (!js_get(row, "record")) {
		js_free(to);
		*to = row;
		return 0;
	}
	if (a->nrecords == a->room) {
		size_t room = a->room ? 2 * a->room : 64;
		struct json **more = a->nrecords < RECORDS_MAX ? reallocarray(a->records, room, sizeof(struct json *)) : NULL;

		if (!more) {
			js_free(&row);
			return err_set(err, ERR_SYSTEM, "the dry run changed more than can be shown");
		}
		a->records = more;
		a->room = room;
	}
	a->records[a->nrecords++] = row;
	return 0;
}

/* ---- showing ---- */

/* What this pass added to a member of the enforcer's summary. */
static int64_t added(const struct analysis *a, const char *group, const char *key) {
	return js_number(js_get(a->after, group), key, 0) - js_number(js_get(a->before, group), key, 0);
}

static bool is_dry(const struct analysis *a) {
	return a->c->client_flags & CLIENT_COPY;
}

static void list_start(struct buf *b) {
	if (b->n > 0)
		buf_text(b, ", ");
}

static void show_text(const char *label, struct buf *b) {
	buf_byte(b, '\0');
	if (b->n > 1 && !b->failed)
		show_line(label, b->p);
	buf_clear(b);
}

/* A phrase with its number in it, where that is not 0: "%" stands for it, and "#" for the s of many. */
static void list_phrase(struct buf *b, int64_t n, const char *phrase) {
	if (n == 0)
		return;
	list_start(b);
	for (const char *p = phrase; *p; p++) {
		if (*p == '%')
			count_text(b, n);
		else if (*p != '#')
			buf_byte(b, *p);
		else if (n != 1)
			buf_byte(b, 's');
	}
}

struct phrase {
	const char *key, *done, *would;
};

static const struct phrase devices[] = {
	{"learned", "% learned", "% would be learned"},
	{"locked", "% locked", "% would be locked"},
	{"held", "% held", "% would be held"},
	{"moved", "% asked for from elsewhere (`provctl list --moved`)", "% asked for from elsewhere"},
	{"exposed", "% exposed (`provctl list --exposed`)", "% would be exposed"},
	{"suspected", "% suspected", "% would be suspected"},
};

static const struct phrase addresses[] = {
	{"banned", "% banned (`provctl bans`)", "% would be banned"},
	{"extended", "% ban# lengthened", "% ban# would be lengthened"},
	{"pending", "% ban# waiting for the cap", "% ban# would wait for the cap"},
	{"spared", "% spared", "% would be spared"},
	{"reported", "% reported (`provctl log`)", "% would be reported"},
};

static void show_phrases(const struct analysis *a, const char *label, const struct phrase *rows, size_t n,
                         struct buf *b) {
	for (size_t i = 0; i < n; i++)
		list_phrase(b, added(a, "did", rows[i].key), is_dry(a) ? rows[i].would : rows[i].done);
	show_text(label, b);
}

static void show_read(const struct analysis *a, struct buf *b) {
	int64_t took = now_ms() - a->began;

	list_phrase(b, a->sums.lines, "% line#");
	if (a->sums.lines == 0)
		buf_text(b, "nothing new");
	list_phrase(b, a->sums.logs, "% log#");
	list_start(b);
	buf_printf(b, "%lld.%lld s", (long long)(took / 1000), (long long)(took % 1000 / 100));
	show_text("read", b);
	for (int i = 0; i < EVENT_KINDS; i++) {
		int64_t n = added(a, "events", event_kind_name((enum event_kind)i));

		if (n == 0)
			continue;
		list_start(b);
		count_text(b, n);
		buf_printf(b, " %s", event_kind_name((enum event_kind)i));
	}
	show_text("events", b);
}

static void show_unread(const struct analysis *a, struct buf *b) {
	list_phrase(b, a->sums.unreadable,
	            a->sums.unreadable == a->sums.lines ? "% line#, which is all: is the format right?"
	                                                : "% line# (`provctl status --json` has a sample of each log)");
	show_text("unreadable", b);
	list_phrase(b, a->sums.skipped, "% line#, too long or out of bounds");
	show_text("skipped", b);
	list_phrase(b, a->sums.lost, "% byte# gone before they were read");
	show_text("lost", b);
}

static void show_problems(const struct analysis *a, struct buf *b) {
	const struct json *problems = js_get(a->after, "problems");

	for (size_t i = 0; i < js_length(problems); i++) {
		readable_problem(a->c->conf, js_at(problems, i), b);
		show_text("problem", b);
	}
	if (js_text(a->after, "mode") && strcmp(js_text(a->after, "mode"), "watch") == 0)
		show_line("mode", "watch: nobody is refused or banned");
}

/* What a person wants to know of a dry run; notes and repetitions are in --json. */
static bool is_worth_a_line(const char *what) {
	static const char *const words[] = {"locked",   "held",    "suspected", "exposed", "banned",
	                                    "extended", "pending", "spared",    "reported"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], what) == 0)
			return true;
	return false;
}

static int show_records(const struct analysis *a, struct err *err) {
	static const struct table_column columns[] = {{"TIME", 20}, {"WOULD BE", 10}, {"MAC", 12}, {"ADDRESS", 18},
	                                              {"BY", 20},   {"DETAIL", 0},    {0}};
	static const char *const keys[] = {"time", "what", "mac", "ip", "rule", "detail"};
	struct listing l = {.columns = columns, .keys = keys};
	int result = 0;

	for (size_t i = 0; i < a->nrecords && result == 0; i++) {
		const struct json *record = js_get(a->records[i], "record");

		if (js_text(record, "what") && is_worth_a_line(js_text(record, "what")))
			result = listing_row(a->c, &l, record, err);
	}
	if (l.table && result == 0)
		result = table_end(&l.table, err);
	table_free(&l.table);
	return result;
}

static void put_records(struct buf *b, const struct analysis *a) {
	static const char *const texts[] = {"time", "what", "mac", "ip", "account", "rule", "detail", "log", "evidence"};

	js_key(b, "records");
	js_begin(b, '[');
	for (size_t i = 0; i < a->nrecords; i++) {
		const struct json *record = js_get(a->records[i], "record");

		js_begin(b, '{');
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
			js_put_string(b, texts[j], js_text(record, texts[j]));
		js_put_number(b, "offset", js_number(record, "offset", 0));
		js_end(b, '}');
		/* Long lists go out in parts. */
		if (b->n > 65536) {
			(void)fwrite(b->p, 1, b->n - 1, stdout);
			b->p[0] = b->p[b->n - 1];
			b->n = 1;
		}
	}
	js_end(b, ']');
}

static void print_json(const struct analysis *a) {
	const struct json *problems = js_get(a->after, "problems"), *value;
	struct buf b;
	const char *key;
	void *iter = NULL;

	buf_init(&b, 64U << 20);
	js_begin(&b, '{');
	js_put_bool(&b, "dry_run", is_dry(a));
	js_put_string(&b, "mode", js_text(a->after, "mode"));
	js_put_number(&b, "logs", a->sums.logs);
	js_put_number(&b, "lines", a->sums.lines);
	js_put_number(&b, "bytes", a->sums.bytes);
	js_put_number(&b, "unreadable", a->sums.unreadable);
	js_put_number(&b, "skipped", a->sums.skipped);
	js_put_number(&b, "lost", a->sums.lost);
	js_key(&b, "events");
	js_begin(&b, '{');
	while (js_next(js_get(a->after, "events"), &iter, &key, &value))
		js_put_number(&b, key, added(a, "events", key));
	js_end(&b, '}');
	iter = NULL;
	while (js_next(js_get(a->after, "did"), &iter, &key, &value))
		js_put_number(&b, key, added(a, "did", key));
	js_key(&b, "problems");
	js_begin(&b, '[');
	for (size_t i = 0; i < js_length(problems); i++) {
		js_begin(&b, '{');
		js_put_string(&b, "about", js_text(js_at(problems, i), "about"));
		js_put_string(&b, "problem", js_text(js_at(problems, i), "problem"));
		js_put_string(&b, "since", js_text(js_at(problems, i), "since"));
		js_end(&b, '}');
	}
	js_end(&b, ']');
	if (is_dry(a))
		put_records(&b, a);
	js_end(&b, '}');
	buf_byte(&b, '\n');
	(void)fwrite(b.p, 1, b.n, stdout);
	buf_release(&b);
}

/* Decided, but not in force: the file or the firewall could not be written. Problems of sources are no failure of the pass. */
static bool is_behind(const struct analysis *a) {
	const struct json *problems = js_get(a->after, "problems");

	for (size_t i = 0; i < js_length(problems); i++) {
		const char *about = js_text(js_at(problems, i), "about");

		if (about && (strcmp(about, "firewall") == 0 || strcmp(about, "lockstate") == 0))
			return true;
	}
	return false;
}

int analysis_print(struct analysis *a) {
	struct err err;
	struct buf b;

	if (a->c->json) {
		print_json(a);
		return is_behind(a) ? ERR_SYSTEM : 0;
	}
	buf_init(&b, 8192);
	show_read(a, &b);
	show_phrases(a, "devices", devices, sizeof(devices) / sizeof(devices[0]), &b);
	show_phrases(a, "addresses", addresses, sizeof(addresses) / sizeof(addresses[0]), &b);
	show_unread(a, &b);
	show_problems(a, &b);
	if (is_dry(a)) {
		show_line("dry run", "nothing was changed");
		if (show_records(a, &err) < 0)
			command_warn("%s", err.text);
	}
	buf_release(&b);
	if (!is_behind(a))
		return 0;
	command_warn("what was decided is kept, but not all of it is in force yet: see the problems above");
	return ERR_SYSTEM;
}
