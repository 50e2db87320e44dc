/* provctl apply: the bans of a folder that an enforcer elsewhere publishes, on this machine. prov-enforcer does it, which alone speaks to
 * the firewall; no state is opened. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/command.h"

#define ANSWER_MAX 65536 /* of each of its outputs */
#define ARGUMENTS  10

static const struct option_row apply_options[] = {
	{"nginx", "FILE", "write them to FILE, for a `geo` block of nginx to include", 0},
	{"haproxy", "FILE", "write them to FILE, for an ACL of HAProxy (-f FILE)", 0},
	{0},
};

struct child {
	pid_t pid;
	int out, errors; /* what it prints */
};

static void fill_arguments(const struct command *c, const char *argv[ARGUMENTS]) {
	const char *const names[] = {"nginx", "haproxy"}, *const options[] = {"--nginx", "--haproxy"};
	int n = 0;

	argv[n++] = "prov-enforcer";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = "--apply";
	argv[n++] = c->options.words[0];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!options_given(&c->options, names[i]))
			continue;
		argv[n++] = options[i];
		argv[n++] = options_value(&c->options, names[i]);
	}
	argv[n] = NULL;
}

static int start(const struct command *c, struct child *child, struct err *err) {
	const char *argv[ARGUMENTS];
	char program[4096];
	int out[2], errors[2];

	if (client_program("prov-enforcer", program, sizeof(program), err) < 0)
		return -1;
	fill_arguments(c, argv);
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, "prov-enforcer");
	if (pipe2(errors, O_CLOEXEC) < 0) {
		(void)err_errno(err, "prov-enforcer");
		(void)close(out[0]);
		(void)close(out[1]);
		return -1;
	}
	child->pid = fork();
	if (child->pid == 0) {
		if (dup2(out[1], STDOUT_FILENO) >= 0 && dup2(errors[1], STDERR_FILENO) >= 0)
			(void)execv(program, (char *const *)(uintptr_t)argv);
		_exit(ERR_SYSTEM);
	}
	if (child->pid < 0)
		(void)err_errno(err, "prov-enforcer");
	(void)close(out[1]);
	(void)close(errors[1]);
	child->out = out[0];
	child->errors = errors[0];
	if (child->pid > 0)
		return 0;
	(void)close(out[0]);
	(void)close(errors[0]);
	return -1;
}

/* It says a line or two on each, which fit into a pipe: they can be read one after the other. */
static void read_all(int fd, struct buf *b) {
	for (;;) {
		char *to = buf_reserve(b, 4096);
		ssize_t got = to ? read(fd, to, 4096) : 0;

		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		b->n += got > 0 ? (size_t)got : 0;
	}
	(void)close(fd);
}

static struct slice next_line(struct slice *text) {
	const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	struct slice line = {text->p, end ? (size_t)(end - text->p) : text->n};
	size_t taken = line.n + (end ? 1 : 0);

	text->p += taken;
	text->n -= taken;
	return line;
}

static int show(const struct command *c, struct slice text, struct err *err) {
	struct json *row = NULL;
	struct buf b;

	if (c->json) {
		(void)printf("%.*s\n", (int)text.n, text.p);
		return 0;
	}
	if (js_parse(text, &row, err) < 0)
		return -1;
	buf_init(&b, ANSWER_MAX);
	member_text(&b, row, "place");
	buf_printf(&b, ": %lld %s", (long long)js_number(row, "bans", 0), js_number(row, "bans", 0) == 1 ? "ban" : "bans");
	if (js_text(row, "time")) {
		buf_text(&b, ", as of ");
		member_text(&b, row, "time");
	}
	if (!js_true(row, "changed"))
		buf_text(&b, "; nothing to change");
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
	js_free(&row);
	return 0;
}

static int show_all(const struct command *c, struct slice text, struct err *err) {
	while (text.n > 0)
		if (show(c, next_line(&text), err) < 0)
			return -1;
	return 0;
}

/* What it complained of, as our own words. */
static int complaint(struct slice text, int status, struct err *err) {
	static const char name[] = "prov-enforcer: ";
	int class = WIFEXITED(status) ? WEXITSTATUS(status) : ERR_SYSTEM;
	struct slice line = next_line(&text);

	if (line.n >= sizeof(name) - 1 && memcmp(line.p, name, sizeof(name) - 1) == 0)
		line = (struct slice){line.p + sizeof(name) - 1, line.n - (sizeof(name) - 1)};
	if (class < ERR_NEGATIVE || class > ERR_FORGOTTEN)
		class = ERR_SYSTEM;
	if (line.n == 0)
		return err_set(err, ERR_SYSTEM, "prov-enforcer ended before it was done");
	return err_set(err, (enum err_class) class, "%.*s", (int)line.n, line.p);
}

static int run_apply(struct command *c, struct err *err) {
	struct child child = {.out = -1, .errors = -1};
	struct buf out, errors;
	int status = -1, result;

	/* Faults of the configuration are told here, each with its place. */
	if (command_conf(c, err) < 0 || start(c, &child, err) < 0)
		return -1;
	buf_init(&out, ANSWER_MAX);
	buf_init(&errors, ANSWER_MAX);
	read_all(child.out, &out);
	read_all(child.errors, &errors);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	result = show_all(c, (struct slice){out.p, out.n}, err);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		result = complaint((struct slice){errors.p, errors.n}, status, err);
	buf_release(&out);
	buf_release(&errors);
	return result;
}

const struct verb verb_apply = {
	.name = "apply",
	.usage = "DIR [--nginx FILE] [--haproxy FILE]",
	.summary = "install the bans that an enforcer elsewhere publishes on this machine",
	.text = "DIR is a copy of the folder that holds its lock-state file. Its bans are installed whole or\n"
			"not at all, in nftables; each ends at its time, and firewall.never of this machine holds.\n"
			"Behind a balancer, where no packet shows whose it is, --nginx and --haproxy write a file for\n"
			"the web server or the balancer instead. Where nothing is to change nothing is touched.",
	.options = apply_options,
	.example = "provctl apply /var/lib/provctl/publish",
	.words_min = 1,
	.words_max = 1,
	.run = run_apply,
};
