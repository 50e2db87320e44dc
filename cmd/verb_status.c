/* provctl status: is all well? */
#include <string.h>

#include "cmd/command.h"
#include "cmd/readable.h"

static void show_counts(const struct json *row) {
	static const char *const states[] = {"new", "locked", "unlocked", "held"};
	static const char *const notes[] = {"stale", "moved", "exposed", "custom"};
	const struct json *devices = js_get(row, "devices");
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "%lld", (long long)js_number(devices, "all", 0));
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		buf_printf(&b, "%s %lld %s", i == 0 ? ":" : ",", (long long)js_number(devices, states[i], 0), states[i]);
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (js_number(devices, notes[i], 0) > 0)
			buf_printf(&b, "; %lld %s", (long long)js_number(devices, notes[i], 0), notes[i]);
	buf_byte(&b, '\0');
	show_line("devices", b.failed ? "" : b.p);
	buf_clear(&b);
	buf_printf(&b, "%lld in force, %lld pending; %lld leaks", (long long)js_number(row, "bans", 0),
	           (long long)js_number(row, "pending", 0), (long long)js_number(row, "leaks", 0));
	if (js_number(row, "drift", 0) > 0)
		buf_printf(&b, "; made anew %lld times after others changed it", (long long)js_number(row, "drift", 0));
	buf_byte(&b, '\0');
	show_line("bans", b.failed ? "" : b.p);
	buf_release(&b);
}

/* Worth a word, and nobody's to do. */
static void show_sandbox(const char *landlock) {
	char text[256];

	if (!landlock)
		return;
	(void)snprintf(text, sizeof(text), "without Landlock, as %s: owners and modes alone keep files closed", landlock);
	show_line("sandbox", text);
}

static int show_sources(const struct json *sources, struct err *err) {
	static const struct table_column columns[] = {{"SOURCE", 36}, {"LAG", 8},         {"LAST EVENT", 20}, {"LINES", 10},
	                                              {"EVENTS", 10}, {"UNREADABLE", 10}, {"SKIPPED", 7},     {0}};
	static const char *const keys[] = {"file", "lag", "time", "lines", "events", "unreadable", "skipped"};
	struct listing l = {.columns = columns, .keys = keys};
	int result = 0;

	if (js_length(sources) == 0)
		return 0;
	(void)printf("\n");
	for (size_t i = 0; result == 0 && i < js_length(sources); i++)
		result = listing_row(NULL, &l, js_at(sources, i), err);
	if (result == 0)
		result = table_end(&l.table, err);
	table_free(&l.table);
	return result;
}

static void show_samples(const struct json *sources) {
	struct buf b;

	buf_init(&b, 1U << 20);
	for (size_t i = 0; i < js_length(sources); i++) {
		const char *sample = js_text(js_at(sources, i), "sample");

		if (!sample || !sample[0])
			continue;
		buf_clear(&b);
		member_text(&b, js_at(sources, i), "file");
		buf_text(&b, ": unreadable, for example: ");
		member_line(&b, js_at(sources, i), "sample");
		(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	}
	buf_release(&b);
}

static void show_problems(const struct conf *conf, const struct json *problems) {
	struct buf b;

	if (js_length(problems) == 0) {
		(void)printf("\nnothing needs a person\n");
		return;
	}
	(void)printf("\nneeds a person:\n");
	buf_init(&b, 1U << 20);
	for (size_t i = 0; i < js_length(problems); i++) {
		const struct json *problem = js_at(problems, i);

		buf_clear(&b);
		readable_problem(conf, problem, &b);
		if (js_text(problem, "since")) {
			buf_text(&b, " (since ");
			member_text(&b, problem, "since");
			buf_byte(&b, ')');
		}
		(void)printf("  %.*s\n", (int)b.n, b.p ? b.p : "");
	}
	buf_release(&b);
}

static int show_status(struct command *c, void *context, const struct json *row, struct err *err) {
	static const struct line_row lines[] = {{"state time", "time"}, {0}};

	(void)context;
	show_line("mode", strcmp(js_text(row, "mode") ? js_text(row, "mode") : "", "watch") == 0
	                      ? "watch: everything is decided and recorded, nothing is banned or locked"
	                      : "enforce");
	show_lines(row, lines);
	show_counts(row);
	show_sandbox(js_text(row, "landlock"));
	if (show_sources(js_get(row, "sources"), err) < 0)
		return -1;
	show_samples(js_get(row, "sources"));
	show_problems(c->conf, js_get(row, "problems"));
	return 0;
}

static int show_metrics(struct command *c, void *context, const struct json *row, struct err *err) {
	const char *text = js_text(row, "text");

	(void)c;
	(void)context;
	if (!text)
		return err_set(err, ERR_SYSTEM, "the enforcer's answer has no text");
	(void)fputs(text, stdout);
	return 0;
}

static const struct option_row options[] = {
	{"prometheus", NULL, "print metrics in the text format of Prometheus", 0},
	{0},
};

static int run(struct command *c, struct err *err) {
	struct buf b;

	if (options_given(&c->options, "prometheus")) {
		request_begin(&b, c, "metrics");
		return command_ask(c, &b, show_metrics, NULL, err);
	}
	request_begin(&b, c, "status");
	return command_ask(c, &b, show_status, NULL, err);
}

const struct verb verb_status = {
	.name = "status",
	.usage = "",
	.summary = "show sources and their lag, counts, and what needs a person",
	.text = "Exit 1 if anything needs a person. LAG is in bytes that are yet to be read.",
	.options = options,
	.example = "provctl status || provctl status | mail -s provctl admin@example.net",
	.words_max = 0,
	.run = run,
};
