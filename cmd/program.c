#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/client.h"
#include "cmd/program.h"

#define ERRORS_MAX 65536

struct child {
	pid_t pid;
	int out, errors; /* what it prints */
};

static int start(const char *name, const char *const *argv, struct child *child, struct err *err) {
	char program[4096];
	int out[2], errors[2];

	if (client_program(name, program, sizeof(program), err) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, "%s", name);
	if (pipe2(errors, O_CLOEXEC) < 0) {
		(void)err_errno(err, "%s", name);
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
		(void)err_errno(err, "%s", name);
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

/* What it complains of is a line or two, which fit into a pipe: they can be read one after the other. */
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

struct slice program_line(struct slice *text) {
	const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	struct slice line = {text->p, end ? (size_t)(end - text->p) : text->n};
	size_t taken = line.n + (end ? 1 : 0);

	text->p += taken;
	text->n -= taken;
	return line;
}

int program_json(struct slice text, const char *what, struct json **out, struct err *err) {
	if (js_parse(text, out, err) == 0)
		return 0;
	err->class = ERR_SYSTEM;
	return err_prefix(err, "%s", what);
}

/* What it complained of, as our own words. */
static int complaint(const char *name, struct slice text, int status, struct err *err) {
	int class = WIFEXITED(status) ? WEXITSTATUS(status) : ERR_SYSTEM;
	struct slice line = program_line(&text);
	char prefix[64];
	size_t n = (size_t)snprintf(prefix, sizeof(prefix), "%s: ", name);

	if (line.n >= n && memcmp(line.p, prefix, n) == 0)
		line = (struct slice){line.p + n, line.n - n};
	if (class < ERR_NEGATIVE || class > ERR_FORGOTTEN)
		class = ERR_SYSTEM;
	if (line.n == 0)
		return err_set(err, ERR_SYSTEM, "%s ended before it was done", name);
	return err_set(err, (enum err_class) class, "%.*s", (int)line.n, line.p);
}

int program_run(const char *name, const char *const *argv, struct buf *out, struct err *err) {
	struct child child = {.out = -1, .errors = -1};
	struct buf errors;
	int status = -1, result = 0;

	if (start(name, argv, &child, err) < 0)
		return -1;
	buf_init(&errors, ERRORS_MAX);
	read_all(child.out, out);
	read_all(child.errors, &errors);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		result = complaint(name, (struct slice){errors.p, errors.n}, status, err);
	else if (out->failed)
		result = err_set(err, ERR_SYSTEM, "%s: its answer is too long", name);
	buf_release(&errors);
	return result;
}
