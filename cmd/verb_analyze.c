/* provctl analyze: one pass. The enforcer is reached or become; prov-analyzer, as a child, reads the logs and talks to it; this program
 * shows how far they are, and in the end what came of it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/timefmt.h"

#include "cmd/analyze.h"
#include "cmd/command.h"

static const struct option_row analyze_options[] = {
	{"dry-run", NULL, "change nothing: show what would be locked and banned", 0},
	{"format", "F", "the format of the FILEs", 0},
	{"year-at", "T", "a time near the end of the FILEs, for stamps without a year", 0},
	{"timezone", "Z", "the time zone of the FILEs, such as Europe/Berlin", 0},
	{0},
};

#define REPORT_MAX 65536
#define WORDS_MAX  4096

/* prov-analyzer [-c FILE] --link-fd N --report-fd N [--format F] [--year-at T] [--timezone Z] [-- FILE...]
 *
 * On the report's descriptor it writes JSON, one object a line: {"progress": the sums so far, and "left", bytes yet to be read}, and at
 * the end {"summary": the sums}. Standard error has what is wrong with a FILE, a line each, and last why it failed.
 */
struct analyzer {
	pid_t pid;
	int report, errors;
	struct buf line;       /* of the report, not whole yet */
	char words[WORDS_MAX]; /* what it said on standard error, the end of it */
	size_t nwords;
};

/* ---- the child ---- */

static void be_analyzer(const char *program, const struct command *c, int link, int report, int errors, pid_t parent) {
	static const char *const passed[] = {"format", "year-at", "timezone"};
	const char **argv = calloc((size_t)c->options.nwords + 20, sizeof(*argv));
	char link_text[16], report_text[16];
	bool input = false;
	size_t n = 0;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (!argv || nothing < 0)
		_exit(ERR_SYSTEM);
	(void)snprintf(link_text, sizeof(link_text), "%d", link);
	(void)snprintf(report_text, sizeof(report_text), "%d", report);
	argv[n++] = "prov-analyzer";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = "--link-fd";
	argv[n++] = link_text;
	argv[n++] = "--report-fd";
	argv[n++] = report_text;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		const char *value = options_value(&c->options, passed[i]);

		if (!value)
			continue;
		argv[n++] = i == 0 ? "--format" : i == 1 ? "--year-at" : "--timezone";
		argv[n++] = value;
	}
	argv[n++] = "--";
	for (int i = 0; i < c->options.nwords; i++) {
		argv[n++] = c->options.words[i];
		input = input || strcmp(c->options.words[i], "-") == 0;
	}
	/* It must not go on without who shows its results; its parent may have died already. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(ERR_SYSTEM);
	if ((!input && dup2(nothing, STDIN_FILENO) < 0) || dup2(nothing, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0 || fcntl(link, F_SETFD, 0) < 0 || fcntl(report, F_SETFD, 0) < 0)
		_exit(ERR_SYSTEM);
	(void)execv(program, (char *const *)(uintptr_t)argv);
	_exit(ERR_SYSTEM);
}

static int analyzer_start(struct analyzer *a, struct command *c, struct err *err) {
	int report[2] = {-1, -1}, errors[2] = {-1, -1};
	char program[4096];
	pid_t parent = getpid();

	if (client_program("prov-analyzer", program, sizeof(program), err) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0 || (a->pid = fork()) < 0) {
		(void)err_errno(err, "prov-analyzer");
		for (int i = 0; i < 2; i++) {
			if (report[i] >= 0)
				(void)close(report[i]);
			if (errors[i] >= 0)
				(void)close(errors[i]);
		}
		return -1;
	}
	if (a->pid == 0)
		be_analyzer(program, c, client_events(c->client), report[1], errors[1], parent);
	(void)close(report[1]);
	(void)close(errors[1]);
	a->report = report[0];
	a->errors = errors[0];
	buf_init(&a->line, (size_t)2 * REPORT_MAX);
	/* The enforcer sees the end of the link as soon as the analyzer's end is gone. */
	client_events_done(c->client);
	return 0;
}

/* ---- what it reports ---- */

static int take_lines(struct analyzer *a, struct analysis *out, struct err *err) {
	char *end;

	while (a->line.n > 0 && (end = memchr(a->line.p, '\n', a->line.n)) != NULL) {
		size_t n = (size_t)(end - a->line.p);
		struct json *report;

		if (js_parse((struct slice){a->line.p, n}, &report, err) < 0)
			return err_prefix(err, "prov-analyzer's report");
		analysis_report(out, report);
		js_free(&report);
		buf_consume(&a->line, n + 1);
	}
	return a->line.n > REPORT_MAX ? err_set(err, ERR_SYSTEM, "prov-analyzer's report is malformed") : 0;
}

static void keep_words(struct analyzer *a, const char *bytes, size_t n) {
	for (size_t i = 0; i < n; i++) {
		if (a->nwords == sizeof(a->words) - 1) {
			memmove(a->words, a->words + a->nwords / 2, a->nwords - a->nwords / 2);
			a->nwords -= a->nwords / 2;
		}
		a->words[a->nwords++] = bytes[i];
	}
}

/* Reads until both pipes end. */
static int analyzer_follow(struct analyzer *a, struct analysis *out, struct err *err) {
	struct pollfd fds[2] = {{.fd = a->report, .events = POLLIN}, {.fd = a->errors, .events = POLLIN}};

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_errno(err, "poll");
		for (int i = 0; i < 2; i++) {
			char bytes[4096];
			ssize_t n;

			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			n = read(fds[i].fd, bytes, sizeof(bytes));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0) {
				fds[i].fd = -1;
				continue;
			}
			if (i == 1) {
				keep_words(a, bytes, (size_t)n);
				continue;
			}
			buf_add(&a->line, bytes, (size_t)n);
			if (take_lines(a, out, err) < 0)
				return -1;
		}
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
	const char *words;
	int status;

	if (result < 0)
		(void)kill(a->pid, SIGTERM);
	while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(a->report);
	(void)close(a->errors);
	buf_release(&a->line);
	words = last_words(a, WIFEXITED(status) && WEXITSTATUS(status) != 0);
	if (result < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return result;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_SYSTEM, "prov-analyzer was ended by signal %d; what it had read is kept, run it again",
		               WTERMSIG(status));
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

	if (js_parse(text, &row, err) < 0)
		return err_prefix(err, "the enforcer's answer");
	return analysis_summary(rows->out, row, rows->after, err);
}

static int ask_summary(struct command *c, struct analysis *out, bool after, struct err *err) {
	struct rows rows = {out, after};
	struct client_reader reader = {.row = take_row, .context = &rows};
	int exit = 0;

	return client_request(c->client, slice_of("{\"verb\":\"summary\"}"), &reader, &exit, err);
}

static int run_analyze(struct command *c, struct err *err) {
	struct analyzer a = {.pid = -1};
	struct analysis out;
	struct err failed;
	int result = -1, read = -1;

	c->client_flags = CLIENT_EVENTS | (options_given(&c->options, "dry-run") ? CLIENT_COPY : 0);
	analysis_init(&out, c);
	if (command_connect(c, err) < 0 || ask_summary(c, &out, false, err) < 0 || analyzer_start(&a, c, err) < 0)
		goto out;
	read = analyzer_follow(&a, &out, &failed);
	analysis_progress_end(&out);
	read = analyzer_end(&a, read, &failed);
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
	.usage = "[--dry-run] [--format F] [--year-at T] [--timezone Z] [FILE...]",
	.summary = "read what the logs have new, lock phones and ban addresses",
	.text = "One pass over the configured sources, from where the last one stopped: for cron.\n"
			"FILEs are read instead of them; - is standard input. Each log is counted once,\n"
			"however often it is named or read, but for standard input.\n"
			"With --dry-run nothing is changed, and what would be is shown.",
	.options = analyze_options,
	.example = "provctl analyze /var/log/nginx/access.log",
	.words_min = 0,
	.words_max = -1,
	.run = run_analyze,
};
