#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/sandbox.h"

#include "enforcer/starter.h"

enum { ASK_RUN = 'r', ASK_KILL = 'k', ASK_RELOAD = 'c' };
enum { IN, OUT, FAILURE, DESCRIPTORS };

struct starter {
	int socket;
	pid_t pid;
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
};

/* ---- the program ---- */

static void reset_signals(void) {
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input, output and error, and the descriptor that tells of a failure, which exec closes. Ours may stand at these numbers. */
static int place_descriptors(const int fds[DESCRIPTORS]) {
	enum { TELLS = STDERR_FILENO + 1, ABOVE };
	int in = fcntl(fds[IN], F_DUPFD, ABOVE), out = fcntl(fds[OUT], F_DUPFD, ABOVE);
	int failure = fcntl(fds[FAILURE], F_DUPFD, ABOVE);

	if (in < 0 || out < 0 || failure < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0 || dup3(failure, TELLS, O_CLOEXEC) < 0)
		return -1;
	return close_range(ABOVE, ~0U, 0) < 0 ? -1 : TELLS;
}

static _Noreturn void become(const char *program, pid_t parent, const int fds[DESCRIPTORS]) {
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path, NULL};
	char *const arguments[] = {(char *)(uintptr_t)program, NULL};
	int placed = place_descriptors(fds), error;

	reset_signals();
	(void)umask(077);
	if (placed >= 0 && setpgid(0, 0) == 0 && chdir("/") == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
	    getppid() == parent)
		(void)execve(program, arguments, environment);
	error = errno;
	(void)!write(placed >= 0 ? placed : fds[FAILURE], &error, sizeof(error));
	_exit(127);
}

/* ---- the starter's own process ---- */

struct own {
	int socket;
	const char *conf_file;
	char *program;
	pid_t pid;   /* 0: none runs */
	int process; /* its pidfd */
};

static void tell_end(const struct own *o, int status) {
	(void)!send(o->socket, &status, sizeof(status), MSG_NOSIGNAL);
}

/* The group while its leader is not reaped yet: the number cannot be another's. */
static int end_group(struct own *o) {
	int status = 0;

	(void)kill(-o->pid, SIGKILL);
	while (waitpid(o->pid, &status, 0) < 0 && errno == EINTR)
		;
	o->pid = 0;
	(void)close(o->process);
	o->process = -1;
	return status;
}

static int start(struct own *o, const int fds[DESCRIPTORS]) {
	pid_t self = getpid(), pid;

	if (o->pid > 0 || !o->program[0]) {
		errno = o->pid > 0 ? EBUSY : ENOENT;
		return -1;
	}
	pid = fork();
	if (pid == 0)
		become(o->program, self, fds);
	if (pid < 0)
		return -1;
	(void)setpgid(pid, pid); /* whoever of the two comes first */
	o->pid = pid;
	o->process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (o->process >= 0)
		return 0;
	(void)end_group(o);
	return -1;
}

static void run(struct own *o, const int fds[DESCRIPTORS]) {
	int error;

	if (start(o, fds) == 0)
		return;
	error = errno;
	(void)!write(fds[FAILURE], &error, sizeof(error));
	tell_end(o, 127 << 8);
}

/* As the enforcer does it: what cannot be read leaves the former in force. */
static void reload(struct own *o) {
	struct conf *conf = NULL;
	struct err ignored;
	char *program;

	if (conf_load(&conf, o->conf_file, NULL, &ignored) < 0)
		return;
	program = strdup(conf->hook);
	conf_free(&conf);
	if (!program)
		return;
	free(o->program);
	o->program = program;
}

/* False: the enforcer has ended. */
static bool take(struct own *o) {
	union control control = {0};
	char ask = 0;
	struct iovec to = {&ask, 1};
	struct msghdr message = {
		.msg_iov = &to, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(o->socket, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *given = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	int fds[DESCRIPTORS];

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (given && given->cmsg_type == SCM_RIGHTS) {
		size_t ngiven = (given->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		memcpy(fds, CMSG_DATA(given), ngiven * sizeof(int));
		if (ask == ASK_RUN && ngiven == DESCRIPTORS)
			run(o, fds);
		for (size_t i = 0; i < ngiven; i++)
			(void)close(fds[i]);
	}
	if (ask == ASK_KILL && o->pid > 0)
		(void)kill(-o->pid, SIGKILL);
	if (ask == ASK_RELOAD)
		reload(o);
	return true;
}

static void serve(struct own *o) {
	for (;;) {
		struct pollfd fds[] = {{.fd = o->socket, .events = POLLIN}, {.fd = o->process, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			tell_end(o, end_group(o));
		if (fds[0].revents && !take(o))
			break;
	}
	if (o->pid > 0)
		(void)end_group(o);
}

/* Nothing of the enforcer's stays: not the lock on the state, not a pipe that somebody waits for the end of. */
static int let_go(int socket) {
	int nothing = open("/dev/null", O_RDWR);

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
	    dup2(nothing, STDERR_FILENO) < 0)
		return -1;
	if (dup2(socket, STDERR_FILENO + 1) < 0 || fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return close_range(STDERR_FILENO + 2, ~0U, 0) < 0 ? -1 : STDERR_FILENO + 1;
}

static _Noreturn void be_starter(int socket, const char *conf_file, const char *program) {
	struct own o = {.socket = let_go(socket), .conf_file = conf_file, .program = strdup(program), .process = -1};
	struct err ignored;

	/* Its end is that of the enforcer, whatever a terminal or a manager of services tells all of a group. */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, i == SIGCHLD ? SIG_DFL : SIG_IGN);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_NAME, "prov-hook", 0, 0, 0);
	if (o.socket >= 0 && o.program && sandbox_become(NULL, NULL, 0, NULL, &ignored) == 0)
		serve(&o);
	_exit(0);
}

/* ---- the enforcer's side ---- */

int starter_new(struct starter **out, const char *conf_file, const char *program, struct err *err) {
	struct starter *s = calloc(1, sizeof(*s));
	int pair[2];

	if (!s)
		return err_errno(err, "hook");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)err_errno(err, "hook");
		free(s);
		return -1;
	}
	s->socket = pair[0];
	s->pid = fork();
	if (s->pid == 0)
		be_starter(pair[1], conf_file, program);
	(void)close(pair[1]);
	if (s->pid < 0) {
		(void)err_errno(err, "hook: no process");
		(void)close(s->socket);
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void starter_free(struct starter **starter) {
	struct starter *s = *starter;

	if (!s)
		return;
	(void)close(s->socket);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(s);
	*starter = NULL;
}

int starter_fd(const struct starter *s) {
	return s->socket;
}

int starter_ended(const struct starter *s, int *status) {
	int found;
	ssize_t n = recv(s->socket, &found, sizeof(found), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof(found))
		return -1;
	*status = found;
	return 1;
}

int starter_run(const struct starter *s, int in, int out, int failure, struct err *err) {
	const int fds[DESCRIPTORS] = {[IN] = in, [OUT] = out, [FAILURE] = failure};
	union control control = {
		.header = {.cmsg_len = CMSG_LEN(sizeof(fds)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	char ask = ASK_RUN;
	struct iovec from = {&ask, 1};
	struct msghdr message = {
		.msg_iov = &from, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	return sendmsg(s->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1
	           ? 0
	           : err_errno(err, "the process that starts hooks is gone: restart prov-enforcer");
}

static void ask(const struct starter *s, char what) {
	(void)!send(s->socket, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void starter_kill(const struct starter *s) {
	ask(s, ASK_KILL);
}

void starter_reload(const struct starter *s) {
	ask(s, ASK_RELOAD);
}
