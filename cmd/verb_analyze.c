/* provctl analyze: one pass, or following (follow.h). The enforcer is reached or become; prov-analyzer, as a child, reads the logs and talks to it; this program
 * shows how far they are, and in the end what came of it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "common/timefmt.h"

#include "cmd/analyze.h"
#include "cmd/analyzer.h"
#include "cmd/follow.h"
#include "cmd/program.h"

static const struct option_row analyze_options[] = {
	{"follow", NULL, "go on with what the logs get; SIGHUP reads the rules again", 0},
	{"dry-run", NULL, "change nothing: show what would be locked and banned", 0},
	{"format", "F", "the format of the FILEs", 0},
	{"year-at", "T", "a time near the end of the FILEs, for stamps without a year", 0},
	{"timezone", "Z", "the time zone of the FILEs, such as Europe/Berlin", 0},
	{0},
};

static void take_report(void *context, const struct json *report) {
	analysis_report(context, report);
}

/* Reads until both pipes end. */
static int read_all(struct analyzer *a, struct analysis *out, struct err *err) {
	while (a->report >= 0 || a->errors >= 0) {
		struct pollfd fds[2] = {{.fd = a->report, .events = POLLIN}, {.fd = a->errors, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (a->report >= 0 && fds[0].revents && analyzer_read(a, take_report, out, err) < 0)
			return -1;
		if (a->errors >= 0 && fds[1].revents)
			(void)analyzer_hear(a);
	}
	return 0;
}

/* The last line, cut off what it said before, which is passed on. */
static const char *last_words(struct analyzer *a, bool failed) {
	static const char name[] = "provctl: ";
	char *last = a->words;
	char *line;

	while (a->nwords > 0 && a->words[a->nwords - 1] == '\n')
		a->nwords--;
	a->words[a->nwords] = '\0';
	for (char *p = a->words; p && *p; p = line) {
		char *end = strchr(p, '\n');

		if (end)
			*end = '\0';
		line = end ? end + 1 : NULL;
		last = strncmp(p, name, sizeof(name) - 1) == 0 ? p + sizeof(name) - 1 : p;
		if (line || !failed)
			command_warn("%s", last);
	}
	return last;
}

static int analyzer_end(struct analyzer *a, int result, struct err *err) {
	char ended[CLIENT_SIGNAL_TEXT];
	const char *words;
	int status;

	if (result < 0)
		analyzer_dismiss(a);
	while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
		;
	analyzer_close(a);
	words = last_words(a, WIFEXITED(status) && WEXITSTATUS(status) != 0);
	if (result < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return result;
	if (WIFSIGNALED(status)) {
		client_signal(WTERMSIG(status), ended);
		return err_set(err, ERR_SYSTEM, "prov-analyzer was ended by %s; what it had read is kept, run it again", ended);
	}
	return err_set(err, WEXITSTATUS(status) == ERR_INPUT ? ERR_INPUT : ERR_SYSTEM, "%s",
	               words[0] ? words : "prov-analyzer could not be started");
}

/* ---- the verb ---- */

struct rows {
	struct analysis *out;
	bool after;
};

static int take_row(void *context, struct slice text, struct err *err) {
	struct rows *rows = context;
	struct json *row;

	if (program_json(text, "the enforcer's answer", &row, err) < 0)
		return -1;
	return analysis_summary(rows->out, row, rows->after, err);
}

static int ask_summary(struct command *c, struct analysis *out, bool after, struct err *err) {
	struct rows rows = {out, after};
	struct client_reader reader = {.row = take_row, .context = &rows};
	int exit = 0;

	return client_request(c->client, slice_of("{\"verb\":\"summary\"}"), &reader, &exit, err);
}

static int run_analyze(struct command *c, struct err *err) {
	struct analyzer a = {0};
	struct analysis out;
	struct err failed;
	int result = -1, read = -1;
	const char *year_at = options_value(&c->options, "year-at");
	int64_t time;

	if (year_at && !time_parse(slice_of(year_at), &time))
		return err_set(err, ERR_INPUT, "--year-at %s: not a time such as 2026-11-22T10:00:00Z", year_at);
	if (options_given(&c->options, "follow"))
		return follow(c, err);
	c->client_flags = CLIENT_EVENTS | (options_given(&c->options, "dry-run") ? CLIENT_COPY : 0);
	analysis_init(&out, c);
	/* Both programs get ready at once: of a pass over little that is most of its time. */
	if (analyzer_start(&a, c, -1, (struct analyzer_wants){0}, err) < 0)
		goto out;
	if (command_connect(c, err) < 0 || ask_summary(c, &out, false, err) < 0) {
		(void)analyzer_end(&a, -1, &failed);
		goto out;
	}
	analyzer_go(&a, client_events(c->client));
	/* The enforcer sees the end of the link as soon as the analyzer's end is gone. */
	client_events_done(c->client);
	read = read_all(&a, &out, &failed);
	analysis_progress_end(&out);
	read = analyzer_end(&a, read, &failed);
	if (read < 0 && out.sums.lines == 0) {
		*err = failed;
		goto out;
	}
	/* What was read before a failure is committed, and is shown. */
	if (ask_summary(c, &out, true, err) < 0) {
		if (read < 0)
			*err = failed;
		goto out;
	}
	result = analysis_print(&out);
	if (read < 0) {
		*err = failed;
		result = -1;
	}
out:
	analysis_release(&out);
	return result;
}

const struct verb verb_analyze = {
	.name = "analyze",
	.usage = "[--follow | --dry-run] [--format F] [--year-at T] [--timezone Z] [FILE...]",
	.summary = "read what the logs have new, lock phones and ban addresses",
	.text = "One pass over the configured sources, from where the last one stopped: for cron.\n"
			"FILEs are read instead of them; - is standard input. Each log is counted once,\n"
			"however often it is named or read, but for standard input.\n"
			"With --follow it goes on as the logs grow, until SIGTERM or ^C.\n"
			"With --dry-run nothing is changed, and what would be is shown.",
	.options = analyze_options,
	.example = "provctl analyze /var/log/nginx/access.log",
	.words_min = 0,
	.words_max = -1,
	.run = run_analyze,
};
