#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/analyzer.h"
#include "cmd/program.h"

#define REPORT_MAX 65536

static void close_fd(int *fd) {
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- the child ---- */

struct child {
	char program[4096];
	const struct command *c;
	struct analyzer_wants wants;
	int link, report, errors, go; /* link and errors may be -1 */
	pid_t parent;
};

#define NUMBERS 4

struct arguments {
	const char **at;
	size_t n;
	char numbers[NUMBERS][24];
	size_t nnumbers;
};

static void add(struct arguments *a, const char *option, const char *value) {
	a->at[a->n++] = option;
	if (value)
		a->at[a->n++] = value;
}

static void add_number(struct arguments *a, const char *option, int64_t number) {
	char *text = a->numbers[a->nnumbers++];

	(void)snprintf(text, sizeof(a->numbers[0]), "%lld", (long long)number);
	add(a, option, text);
}

/* True: standard input is one of the FILEs. */
static bool arguments_of(struct arguments *a, const struct child *child) {
	static const char *const passed[][2] = {
		{"format", "--format"}, {"year-at", "--year-at"}, {"timezone", "--timezone"}};
	const struct options *o = &child->c->options;
	bool input = false;

	add(a, "prov-analyzer", NULL);
	if (child->c->conf_file)
		add(a, "-c", child->c->conf_file);
	if (child->link >= 0)
		add_number(a, "--link-fd", child->link);
	add_number(a, "--report-fd", child->report);
	if (child->wants.follow)
		add(a, "--follow", NULL);
	add_number(a, "--go-fd", child->go);
	if (child->wants.beat > 0)
		add_number(a, "--beat", child->wants.beat);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (options_value(o, passed[i][0]))
			add(a, passed[i][1], options_value(o, passed[i][0]));
	add(a, "--", NULL);
	for (int i = 0; i < o->nwords; i++) {
		add(a, o->words[i], NULL);
		input = input || strcmp(o->words[i], "-") == 0;
	}
	return input;
}

static bool keep(int fd) {
	return fd < 0 || fcntl(fd, F_SETFD, 0) == 0;
}

static void be_analyzer(const struct child *child) {
	struct arguments a = {.at = calloc((size_t)child->c->options.nwords + 24, sizeof(*a.at))};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;
	bool input;

	if (!a.at || nothing < 0)
		_exit(ERR_SYSTEM);
	input = arguments_of(&a, child);
	/* It must not go on without who shows its results; its parent may have died already. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != child->parent)
		_exit(ERR_SYSTEM);
	/* What the terminal's ^C means is told by us. */
	if (child->wants.follow)
		(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || (!input && dup2(nothing, STDIN_FILENO) < 0) ||
	    dup2(nothing, STDOUT_FILENO) < 0 || (child->errors >= 0 && dup2(child->errors, STDERR_FILENO) < 0) ||
	    !keep(child->link) || !keep(child->report) || !keep(child->go))
		_exit(ERR_SYSTEM);
	(void)execv(child->program, (char *const *)(uintptr_t)a.at);
	_exit(ERR_SYSTEM);
}

int analyzer_start(struct analyzer *a, const struct command *c, int link, struct analyzer_wants wants,
                   struct err *err) {
	int report[2] = {-1, -1}, errors[2] = {-1, -1}, go[2] = {-1, -1};
	struct child child = {.c = c, .wants = wants, .link = link, .parent = getpid()};
	int result = -1;

	if (client_program("prov-analyzer", child.program, sizeof(child.program), err) < 0)
		return -1;
	*a = (struct analyzer){.report = -1, .errors = -1, .go = -1};
	if (pipe2(report, O_CLOEXEC) < 0 || (!wants.follow && pipe2(errors, O_CLOEXEC) < 0) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) < 0) {
		(void)err_errno(err, "prov-analyzer");
		goto out;
	}
	child.report = report[1];
	child.errors = errors[1];
	child.go = go[0];
	a->pid = fork();
	if (a->pid < 0) {
		(void)err_errno(err, "prov-analyzer");
		a->pid = 0;
		goto out;
	}
	if (a->pid == 0)
		be_analyzer(&child);
	a->report = report[0];
	a->errors = errors[0];
	a->go = go[1];
	report[0] = errors[0] = go[1] = -1;
	buf_init(&a->line, (size_t)2 * REPORT_MAX);
	result = 0;
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&report[i]);
		close_fd(&errors[i]);
		close_fd(&go[i]);
	}
	return result;
}

void analyzer_close(struct analyzer *a) {
	close_fd(&a->report);
	close_fd(&a->errors);
	close_fd(&a->go);
	buf_release(&a->line);
}

/* ---- what it says ---- */

void analyzer_go(struct analyzer *a, int link) {
	struct iovec byte = {.iov_base = (char[]){'g'}, .iov_len = 1};
	struct msghdr go = {.msg_iov = &byte, .msg_iovlen = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} with = {0};

	if (link >= 0) {
		go.msg_control = with.bytes;
		go.msg_controllen = sizeof(with.bytes);
		*CMSG_FIRSTHDR(&go) =
			(struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&go)), &link, sizeof(link));
	}
	/* Where it is gone already its end tells. */
	if (a->go >= 0)
		(void)sendmsg(a->go, &go, MSG_NOSIGNAL);
	close_fd(&a->go);
}

void analyzer_dismiss(struct analyzer *a) {
	/* A signal alone might come in the moment before it waits. */
	close_fd(&a->go);
	(void)kill(a->pid, SIGTERM);
}

static int take_lines(struct analyzer *a, void (*take)(void *context, const struct json *report), void *context,
                      struct err *err) {
	char *end;

	while (a->line.n > 0 && (end = memchr(a->line.p, '\n', a->line.n)) != NULL) {
		size_t n = (size_t)(end - a->line.p);
		struct json *report;

		if (program_json((struct slice){a->line.p, n}, "prov-analyzer's report", &report, err) < 0)
			return -1;
		take(context, report);
		js_free(&report);
		buf_consume(&a->line, n + 1);
	}
	return a->line.n > REPORT_MAX ? err_set(err, ERR_SYSTEM, "prov-analyzer's report is malformed") : 0;
}

int analyzer_read(struct analyzer *a, void (*take)(void *context, const struct json *report), void *context,
                  struct err *err) {
	char bytes[4096];
	ssize_t n = read(a->report, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0) {
		close_fd(&a->report);
		return 0;
	}
	buf_add(&a->line, bytes, (size_t)n);
	return take_lines(a, take, context, err) < 0 ? -1 : 1;
}

int analyzer_hear(struct analyzer *a) {
	char bytes[4096];
	ssize_t n = read(a->errors, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0) {
		close_fd(&a->errors);
		return 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (a->nwords == sizeof(a->words) - 1) {
			memmove(a->words, a->words + a->nwords / 2, a->nwords - a->nwords / 2);
			a->nwords -= a->nwords / 2;
		}
		a->words[a->nwords++] = bytes[i];
	}
	return 1;
}
