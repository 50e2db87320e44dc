/* provctl explain: why a device, an address or a log line is taken as it is. */
#include <string.h>

#include "analyzer/rule.h"
#include "common/mac.h"

#include "cmd/command.h"
#include "cmd/program.h"

#define SHOWN_MAX 4096 /* columns of a line */

static const struct option_row options[] = {
	{"line", "TEXT", "a line of a log", 0},
	{"format", "F", "its format (default: the first that can read it)", 0},
	{0},
};

static const char *reason_text(const char *reason) {
	static const struct {
		const char *reason, *text;
	} texts[] = {
		{"new", "nobody fetched its configuration yet: the first who does gives it its home"},
		{"unlocked", "an admin opened it"},
		{"provisioned", "its configuration was fetched: it is served at its home alone"},
		{"stale", "nobody fetched its configuration in time after it was created"},
		{"reused", "a phone with its user had registered already: it is not a new phone"},
		{"manual", "an admin locked it"},
		{"account", "another device of its account was exposed or held"},
		{"suspicious", "somebody who is no phone fetched it, or it was attacked"},
		{"held", "it was attacked after an unlock or an exposure; only support opens it"},
	};

	for (size_t i = 0; reason && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].reason, reason) == 0)
			return texts[i].text;
	return "";
}

static void show_evidence(const struct json *record) {
	const char *log = js_text(record, "log");
	struct buf b;

	if (!log || !log[0])
		return;
	buf_init(&b, 64U << 10);
	member_text(&b, record, "log");
	buf_printf(&b, ", offset %lld", (long long)js_number(record, "offset", 0));
	buf_byte(&b, '\0');
	show_line("log", b.failed ? "" : b.p);
	buf_clear(&b);
	member_line(&b, record, "evidence");
	buf_byte(&b, '\0');
	show_line("line", b.failed ? "" : b.p);
	buf_release(&b);
}

/* The record that tells why, with its evidence. */
static void show_because(const struct json *because) {
	static const struct line_row lines[] = {
		{"since", "time"}, {"what", "what"},   {"rule", "rule"},       {"detail", "detail"},
		{"by uid", "uid"}, {"actor", "actor"}, {"said why", "reason"}, {0},
	};
	if (!because || js_is_null(because))
		return;
	show_lines(because, lines);
	show_evidence(because);
}

static void show_counting(const struct json *counting) {
	for (size_t i = 0; i < js_length(counting); i++) {
		const struct json *counter = js_at(counting, i);
		struct buf b;

		buf_init(&b, 4096);
		member_text(&b, counter, "trigger");
		buf_printf(&b, ", %lld of %lld%s, since ", (long long)js_number(counter, "count", 0),
		           (long long)js_number(counter, "limit", 0), js_true(counter, "proven") ? "" : " without proof");
		member_text(&b, counter, "first");
		buf_byte(&b, '\0');
		show_line("counting", b.failed ? "" : b.p);
		buf_release(&b);
	}
}

static void show_end(const struct json *row) {
	static const struct line_row lines[] = {{"time left", "left"}, {0}};

	show_lines(row, lines);
	show_because(js_get(row, "because"));
	show_counting(js_get(row, "counting"));
	if (js_text(row, "command"))
		show_line("to change it", js_text(row, "command"));
}

static int show_device(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)c;
	(void)context;
	(void)err;
	show_device_lines(row);
	if (!js_text(row, "removed"))
		show_line("why", reason_text(js_text(row, "reason")));
	show_end(row);
	if (js_text(row, "exposed")) {
		char text[64];

		show_line("exposure", js_text(row, "exposed"));
		show_evidence(js_get(row, "exposure"));
		(void)snprintf(text, sizeof(text), "provctl clear-exposed %s", js_text(row, "mac"));
		show_line("new password", text);
	}
	return 0;
}

static int show_address(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)err;
	(void)context;
	show_address_lines(c, row);
	show_end(row);
	return 0;
}

/* In the order of the formats' table: the first that reads the line and makes an event of it, else the first that reads it. */
static int format_for(struct line_context *ctx, struct slice line, const struct format **out, struct err *err) {
	const struct format *reads = NULL;

	for (const char *const *name = format_names(); *name; name++) {
		struct event e;
		enum outcome outcome;

		ctx->format = format_find(slice_of(*name));
		outcome = rules_event(ctx, line, &e);
		if (outcome == OUTCOME_EVENT) {
			*out = ctx->format;
			return 0;
		}
		if (outcome != OUTCOME_UNREADABLE && !reads)
			reads = ctx->format;
	}
	if (!reads)
		return err_set(err, ERR_NEGATIVE, "explain: no format reads this line; --format names one");
	*out = reads;
	return 0;
}

static void show_members(const char *label, const struct json *object) {
	const struct json *value;
	const char *key;
	void *iter = NULL;

	while (js_next(object, &iter, &key, &value)) {
		struct buf b;

		buf_init(&b, 64U << 10);
		buf_escaped(&b, slice_of(key), 64);
		buf_text(&b, " = ");
		member_text(&b, object, key);
		buf_byte(&b, '\0');
		show_line(label, b.failed ? "" : b.p);
		buf_release(&b);
		label = "";
	}
}

static void show_rules(const struct json *rules) {
	for (size_t i = 0; i < js_length(rules); i++) {
		struct buf b;

		buf_init(&b, 64U << 10);
		member_text(&b, js_at(rules, i), "rule");
		buf_text(&b, ": ");
		member_text(&b, js_at(rules, i), "result");
		if (js_text(js_at(rules, i), "field")) {
			buf_text(&b, ", field ");
			member_text(&b, js_at(rules, i), "field");
		}
		buf_byte(&b, '\0');
		show_line(i == 0 ? "rules" : "", b.failed ? "" : b.p);
		buf_release(&b);
	}
}

/* The column in which byte i of the line is shown: what cannot be shown takes more than one, some characters are of several bytes. */
static size_t column(struct slice line, size_t i) {
	struct buf b;
	size_t n = 0;

	buf_init(&b, 1U << 20);
	buf_escaped(&b, (struct slice){line.p, i < line.n ? i : line.n}, line.n);
	for (size_t k = 0; k < b.n; k++)
		n += ((unsigned char)b.p[k] & 0xc0) != 0x80;
	buf_release(&b);
	return n;
}

static void row_set(struct buf *row, size_t at, char c) {
	while (row->n <= at && !row->failed)
		buf_byte(row, ' ');
	if (!row->failed)
		row->p[at] = c;
}

/* The line, and under it what each rule found in it; '!' where it stopped. */
static void show_marks(struct slice line, const struct json *rules) {
	struct buf row;

	buf_init(&row, 1U << 20);
	buf_escaped(&row, line, SHOWN_MAX);
	buf_byte(&row, '\0');
	show_line("line", row.failed ? "" : row.p);
	for (size_t i = 0; i < js_length(rules); i++) {
		const struct json *rule = js_at(rules, i);
		const struct json *marks = js_get(rule, "marks");
		int64_t stopped = js_number(rule, "stopped", -1);

		buf_clear(&row);
		for (size_t m = 0; m < js_length(marks); m++) {
			int64_t at = js_number(js_at(marks, m), "at", 0);
			size_t end = column(line, (size_t)(at + js_number(js_at(marks, m), "n", 0)));

			for (size_t k = column(line, (size_t)at); k < end && k < SHOWN_MAX; k++)
				row_set(&row, k, '^');
		}
		if (row.n == 0)
			continue;
		if (stopped >= 0 && stopped < SHOWN_MAX)
			row_set(&row, column(line, (size_t)stopped), '!');
		buf_text(&row, "  ");
		member_text(&row, rule, "rule");
		buf_byte(&row, '\0');
		show_line("", row.failed ? "" : row.p);
	}
	buf_release(&row);
}

static int show_explained(const struct command *c, struct slice line, struct slice text, struct err *err) {
	static const struct line_row lines[] = {{"format", "format"}, {"problem", "problem"}, {0}};
	struct json *j = NULL;

	if (c->json) {
		(void)printf("%.*s\n", (int)text.n, text.p);
		return 0;
	}
	if (program_json(text, "what explains the line", &j, err) < 0)
		return -1;
	show_lines(j, lines);
	show_members("fields", js_get(j, "fields"));
	show_members("phone", js_get(j, "phone"));
	show_rules(js_get(j, "rules"));
	if (js_length(js_get(j, "rules")) > 0)
		show_marks(line, js_get(j, "rules"));
	if (js_is_object(js_get(j, "event")))
		show_members("event", js_get(j, "event"));
	else
		show_line("event", "none");
	js_free(&j);
	return 0;
}

static int explain_line(struct command *c, const char *text, struct err *err) {
	const char *name = options_value(&c->options, "format");
	const struct format *format = NULL;
	struct slice line = slice_of(text);
	struct rules *rules = NULL;
	struct geo *geo = NULL;
	struct line_context ctx = {0};
	struct buf out;
	bool ready = false;
	int result = -1;

	buf_init(&out, 4U << 20);
	if (name && format_named(&format, slice_of(name), err) < 0)
		return err_prefix(err, "--format");
	if (command_conf(c, err) < 0 || rules_load(&rules, c->conf, NULL, err) < 0 || geo_open(&geo, c->conf, err) < 0)
		goto out;
	if (line_context_init(&ctx, c->conf, rules, geo, format ? format : format_find(slice_of(format_names()[0])), NULL,
	                      NULL, err) < 0)
		goto out;
	ready = true;
	time_context_anchor(ctx.time, c->now);
	if (!format) {
		if (format_for(&ctx, line, &format, err) < 0)
			goto out;
		ctx.format = format;
	}
	if (rules_explain(&ctx, line, &out, err) < 0)
		goto out;
	result = out.failed ? err_set(err, ERR_SYSTEM, "out of memory")
	                    : show_explained(c, line, (struct slice){out.p, out.n}, err);
out:
	if (ready)
		line_context_release(&ctx);
	geo_close(&geo);
	rules_free(&rules);
	buf_release(&out);
	return result;
}

static int run(struct command *c, struct err *err) {
	const char *line = options_value(&c->options, "line");
	const char *word = c->options.nwords > 0 ? c->options.words[0] : NULL;
	struct buf b;
	struct addr ip;
	uint64_t mac;

	if ((line != NULL) == (word != NULL))
		return err_set(err, ERR_INPUT, "explain: one of MAC, IP and --line");
	if (line)
		return explain_line(c, line, err);
	if (options_given(&c->options, "format"))
		return err_set(err, ERR_INPUT, "explain: --format goes with --line");
	request_begin(&b, c, "explain");
	if (mac_parse(word, strlen(word), &mac)) {
		put_mac(&b, mac);
		return command_ask(c, &b, show_device, NULL, err);
	}
	if (addr_parse(word, strlen(word), &ip)) {
		put_prefix(&b, "ip", prefix_of(ip, 128));
		return command_ask(c, &b, show_address, NULL, err);
	}
	buf_release(&b);
	return err_set(err, ERR_INPUT, "explain: %s: neither a MAC nor an address", word);
}

const struct verb verb_explain = {
	.name = "explain",
	.usage = "MAC | IP | --line TEXT [--format F]",
	.summary = "tell why a device, an address or a log line is taken as it is",
	.text = "For a device or an address: its state, what caused it with the line of the log that shows it,\n"
			"the time that is left, and the command that changes it. For a line: the format, its fields,\n"
			"every rule and how far it got, and the event.",
	.options = options,
	.example = "provctl explain 001565abcdef",
	.words_max = 1,
	.run = run,
};
