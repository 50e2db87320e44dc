/* Becoming an enforcer for one command: the child, its start and its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforcer/enforcer.h"

#include "cmd/client_private.h"

#define STDERR_MAX 4096 /* of a child */

int client_program(const char *name, char *out, size_t size, struct err *err) {
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	/* Nobody may choose the program of somebody with more privileges: only our own path and those compiled in are looked at. */
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			*slash = '\0';
			if ((size_t)snprintf(out, size, "%s/%s", self, name) < size && access(out, X_OK) == 0)
				return 0;
		}
	}
	if ((size_t)snprintf(out, size, "%s/%s", PROVCTL_LIBEXECDIR, name) < size && access(out, X_OK) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, "%s: not found beside provctl nor in %s: is provctl installed completely?", name,
	               PROVCTL_LIBEXECDIR);
}

struct child {
	char program[4096];
	const char *conf_file;
	unsigned flags;
	int control, events, errors; /* its ends; events -1 without */
};

static void be_child(const struct child *c) {
	char control[16], events[16];
	const char *argv[12];
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;
	int n = 0;

	(void)snprintf(control, sizeof(control), "%d", c->control);
	(void)snprintf(events, sizeof(events), "%d", c->events);
	argv[n++] = "prov-enforcer";
	argv[n++] = "--once";
	if (c->flags & CLIENT_COPY)
		argv[n++] = "--dry-run";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = "--control-fd";
	argv[n++] = control;
	if (c->events >= 0) {
		argv[n++] = "--events-fd";
		argv[n++] = events;
	}
	argv[n] = NULL;
	/* A full pipe must not stop it: what does not fit is lost. */
	(void)fcntl(c->errors, F_SETFL, O_WRONLY | O_NONBLOCK);
	if (c->flags & CLIENT_STAY)
		(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Nor may it hold a pipe open that somebody waits for the end of: it can outlive us. */
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
	    dup2(c->errors, STDERR_FILENO) < 0 || fcntl(c->control, F_SETFD, 0) < 0 ||
	    (c->events >= 0 && fcntl(c->events, F_SETFD, 0) < 0))
		_exit(ERR_SYSTEM);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execv(c->program, (char *const *)(uintptr_t)argv);
	_exit(ERR_SYSTEM);
}

int client_become(struct client *c, const char *conf_file, unsigned flags, struct err *err) {
	struct child child = {.conf_file = conf_file, .flags = flags, .control = -1, .events = -1, .errors = -1};
	int control[2] = {-1, -1}, events[2] = {-1, -1}, errors[2] = {-1, -1};
	int result = -1;

	if (client_program("prov-enforcer", child.program, sizeof(child.program), err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
	    ((flags & CLIENT_EVENTS) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events) < 0) ||
	    pipe2(errors, O_CLOEXEC) < 0) {
		(void)err_errno(err, "prov-enforcer");
		goto out;
	}
	child.control = control[1];
	child.events = events[1];
	child.errors = errors[1];
	c->child = fork();
	if (c->child < 0) {
		(void)err_errno(err, "prov-enforcer");
		c->child = 0;
		goto out;
	}
	if (c->child == 0)
		be_child(&child);
	c->fd = control[0];
	c->events = events[0];
	c->errors = errors[0];
	control[0] = events[0] = errors[0] = -1;
	result = 0;
out:
	for (int i = 0; i < 2; i++) {
		client_close_fd(&control[i]);
		client_close_fd(&events[i]);
		client_close_fd(&errors[i]);
	}
	return result;
}

void client_last_words(struct client *c, char *out, size_t size) {
	char text[STDERR_MAX + 1];
	size_t n = 0;
	char *line;

	(void)fcntl(c->errors, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t got = read(c->errors, text + n, STDERR_MAX - n);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n == STDERR_MAX) {
			memmove(text, text + STDERR_MAX / 2, STDERR_MAX / 2);
			n = STDERR_MAX / 2;
		}
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (strncmp(line, "prov-enforcer: ", 15) == 0)
		line += 15;
	(void)slice_copy(slice_of(line), out, size);
}

void client_signal(int number, char out[CLIENT_SIGNAL_TEXT]) {
	if (number == SIGSYS)
		(void)snprintf(out, CLIENT_SIGNAL_TEXT,
		               "the kernel for a system call that its sandbox forbids (`journalctl -k --grep type=1326` tells "
		               "which); look into it before anything else");
	else
		(void)snprintf(out, CLIENT_SIGNAL_TEXT, "signal %d", number);
}

void client_let_go(struct client *c) {
	client_close_fd(&c->fd);
	client_close_fd(&c->events);
	if (c->child > 0)
		while (waitpid(c->child, NULL, 0) < 0 && errno == EINTR)
			;
	c->child = 0;
	client_close_fd(&c->errors);
	buf_clear(&c->in);
	c->at = 0;
}

int client_refused(struct client *c, struct err *err) {
	char words[512];
	int status;

	client_close_fd(&c->fd);
	client_close_fd(&c->events);
	while (waitpid(c->child, &status, 0) < 0 && errno == EINTR)
		;
	c->child = 0;
	client_last_words(c, words, sizeof(words));
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENFORCER_BUSY)
		return 0;
	if (WIFSIGNALED(status)) {
		client_signal(WTERMSIG(status), words);
		return err_set(err, ERR_SYSTEM, "prov-enforcer was ended by %s", words);
	}
	return err_set(err, WIFEXITED(status) && WEXITSTATUS(status) == ERR_INPUT ? ERR_INPUT : ERR_SYSTEM, "%s",
	               words[0] ? words : "prov-enforcer could not be started");
}
