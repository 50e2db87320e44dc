#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "analyzer/worker.h"

/* Where they were not, the C library would keep locks for them, in each process its own. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "processes share what is atomic");

#define FORMAT_MAX 64
#define LOST       "one of the processes that read logs beside each other ended too early: one alone read what was left"
#define HALT_WAITS 30000 /* milliseconds for which a worker may read on before it hears */

/* Messages, in either direction but LEND. */
enum { WAKE = 'w', HALT = 'h', LEND = 'l' };

struct message {
	char what;
	unsigned lane;
	char format[FORMAT_MAX];
	_Alignas(16) char source[PATH_MAX + 2048];
};

unsigned workers_for_cores(void) {
	cpu_set_t cores;
	int n;

	if (sched_getaffinity(0, sizeof(cores), &cores) < 0)
		return 0;
	n = CPU_COUNT(&cores);
	return n < 3 ? 0 : n - 1 < WORKERS_MAX ? (unsigned)n - 1 : WORKERS_MAX;
}

void worker_drop(struct worker *w) {
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
}

void workers_end(struct workers *w) {
	for (unsigned i = 0; i < w->n; i++) {
		worker_drop(&w->at[i]);
		(void)munmap(w->at[i].shared, sizeof(*w->at[i].shared));
	}
	w->n = 0;
}

/* In the new process: of all workers there is this one, at the other end. Signals are for the pass, which ends its workers. */
static bool begin(struct workers *w, struct worker mine) {
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	workers_end(w);
	w->at[0] = mine;
	w->n = 1;
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGTERM, &ignore, NULL);
	return true;
}

/* As fork: this side of the worker is in *out. -1: there is none, and nothing is left of it. */
static pid_t worker_start(struct worker *out) {
	int fds[2];
	pid_t pid;

	/* What is never touched takes no memory. */
	out->shared = mmap(NULL, sizeof(*out->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (out->shared == MAP_FAILED)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		goto fail;
	pid = fork();
	if (pid < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		goto fail;
	}
	out->fd = fds[pid == 0];
	(void)close(fds[pid != 0]);
	return pid;
fail:
	(void)munmap(out->shared, sizeof(*out->shared));
	return -1;
}

bool workers_start(struct workers *w, unsigned n) {
	*w = (struct workers){0};
	while (w->n < n && w->n < WORKERS_MAX) {
		struct worker made = {.number = w->n + 1};
		pid_t pid = worker_start(&made);

		if (pid == 0)
			return begin(w, made);
		if (pid < 0) {
			(void)snprintf(w->problem, sizeof(w->problem),
			               "%u of %u processes to read logs beside each other could be started: %s", w->n, n,
			               strerror(errno));
			break;
		}
		w->at[w->n++] = made;
	}
	return false;
}

const char *workers_problem(const struct workers *w) {
	for (unsigned i = 0; i < w->n; i++)
		if (w->at[i].fd < 0)
			return LOST;
	return w->problem;
}

/* ---- waiting for each other ---- */

/* A message more than there is room for is not needed: there are others that wake. False: there is nobody. */
static bool say(struct worker *w, const void *message, size_t n) {
	return send(w->fd, message, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == ENOBUFS;
}

static void wake(struct worker *w, _Atomic uint32_t *waits) {
	const char what = WAKE;

	/* The other side says that it waits, and then looks once more: one of both sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(waits, memory_order_relaxed) && atomic_exchange(waits, 0))
		(void)say(w, &what, 1);
}

/* Takes messages while there are any. What the last one said; 0 none; -1: the other side is gone. */
static int hear(struct worker *w) {
	char what = 0;
	ssize_t n;

	while ((n = recv(w->fd, &what, 1, MSG_DONTWAIT)) > 0 && what != HALT)
		;
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ? -1 : what;
}

static bool lane_is_empty(const struct lane_end *end) {
	return atomic_load_explicit(&end->lane->written, memory_order_acquire) == end->next;
}

bool worker_wait(struct worker *w, const struct lane_end *end, int ms) {
	struct pollfd fd = {.fd = w->fd, .events = POLLIN};

	if (w->fd < 0)
		return false;
	worker_rouse(w, end->lane);
	atomic_store(&w->shared->pass_waits, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (lane_is_empty(end) && poll(&fd, 1, ms) > 0 && hear(w) < 0)
		worker_drop(w);
	atomic_store(&w->shared->pass_waits, 0);
	return w->fd >= 0 || !lane_is_empty(end);
}

void worker_rouse(struct worker *w, const struct lane *lane) {
	if (w->fd >= 0 && lane_has_room(lane))
		wake(w, &w->shared->worker_waits);
}

void worker_told(struct worker *w) {
	wake(w, &w->shared->pass_waits);
}

/* ---- lending ---- */

bool worker_lend(struct worker *w, unsigned lane, const char *format, const struct source *s) {
	struct message m = {.what = LEND, .lane = lane};
	size_t n = source_pack(s, m.source, sizeof(m.source)), length = strlen(format);

	if (w->fd < 0 || n == 0 || length >= sizeof(m.format))
		return false;
	memcpy(m.format, format, length);
	if (send(w->fd, &m, offsetof(struct message, source) + n, MSG_NOSIGNAL) >= 0)
		return true;
	worker_drop(w);
	return false;
}

void worker_halt(struct worker *w) {
	struct pollfd fd = {.fd = w->fd, .events = POLLIN};
	const char what = HALT;
	int heard = 0;

	if (w->fd < 0 || w->lent == 0)
		return;
	w->lent = 0;
	if (send(w->fd, &what, 1, MSG_NOSIGNAL) < 0)
		heard = -1;
	while (heard != HALT && heard >= 0)
		heard = poll(&fd, 1, HALT_WAITS) == 0 ? -1 : hear(w);
	if (heard < 0)
		worker_drop(w);
}

void worker_halted(struct worker *w) {
	const char what = HALT;

	(void)say(w, &what, 1);
}

static bool has_room(const struct worker *w, unsigned open) {
	for (unsigned i = 0; i < WORKER_LANES; i++)
		if (open >> i & 1 && lane_has_room(&w->shared->lanes[i]))
			return true;
	return false;
}

enum worker_order worker_listen(struct worker *w, bool wait, unsigned open, struct worker_lend *lend) {
	static struct message m;
	ssize_t n;

	if (wait) {
		atomic_store(&w->shared->worker_waits, 1);
		atomic_thread_fence(memory_order_seq_cst);
		wait = !has_room(w, open);
	}
	do
		n = recv(w->fd, &m, sizeof(m), wait ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	atomic_store(&w->shared->worker_waits, 0);
	if (n < 0)
		return errno == EAGAIN ? WORKER_GO_ON : WORKER_END;
	if (n == 0)
		return WORKER_END;
	*lend = (struct worker_lend){m.lane, m.format, m.source};
	return m.what == LEND ? WORKER_LEND : m.what == HALT ? WORKER_HALT : WORKER_GO_ON;
}
