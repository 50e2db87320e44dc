#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/js.h"
#include "common/timefmt.h"

#include "enforcer/hook.h"
#include "enforcer/starter.h"
#include "enforcer/stream.h"

#define RETRY_FIRST  1000 /* milliseconds */
#define RETRY_LAST   60000
#define DOCUMENT_MAX (512U << 10)
#define OUTPUT_KEPT  200          /* bytes of what it printed last that `status` shows */
#define OUTPUT_TAKEN (256U << 10) /* bytes read in one step: more waits in the pipe, and the program with it */

struct hook {
	struct buf text; /* the document at hand, as the queue has it */
	struct hook_entry entry;
	struct starter *starter; /* NULL: nothing is ever told */
	bool runs;
	int output;  /* what it prints; -1 once it closed that */
	int failure; /* the reason, an errno, where it could not be started */
	bool late;   /* was killed for taking too long */
	int64_t deadline, next;
	int64_t wait; /* the last was a failure: for how long the next try is put off */
	char printed[OUTPUT_KEPT];
	size_t nprinted;
	char problem[1024];
	int64_t since;   /* of the problem */
	int64_t lingers; /* until when */
};

int hook_new(struct hook **out, const char *conf_file, const char *program, struct err *err) {
	struct hook *h = calloc(1, sizeof(*h));

	if (!h)
		return err_errno(err, "hook");
	if (program && starter_new(&h->starter, conf_file, program, err) < 0) {
		free(h);
		return -1;
	}
	buf_init(&h->text, DOCUMENT_MAX);
	h->output = h->failure = -1;
	*out = h;
	return 0;
}

static void shut(int *fd) {
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void hook_free(struct hook **hook) {
	struct hook *h = *hook;

	if (!h)
		return;
	starter_free(&h->starter);
	shut(&h->output);
	shut(&h->failure);
	buf_release(&h->text);
	free(h);
	*hook = NULL;
}

void hook_reload(const struct hook *h) {
	if (h->starter)
		starter_reload(h->starter);
}

/* ---- one run ---- */

/* An enforcer that a command became would end before the program does: passes and daemons tell. */
static bool is_for_one_command(const struct enforcer *e) {
	return e->options.once && !e->fed;
}

static bool may_run(const struct enforcer *e) {
	struct err ignored;
	bool bans, locks;

	/* Watching and a pause of the locks are for days on which the judge is not to be believed: what waits goes on waiting. */
	return e->hook->starter && !is_for_one_command(e) && e->conf->hook[0] && e->conf->mode == MODE_ENFORCE &&
	       judge_paused(e->judge, clock_now(), &bans, &locks, &ignored) == 0 && !locks;
}

static void put_off(struct enforcer *e, const char *problem) {
	struct hook *h = e->hook;

	if (!h->problem[0])
		h->since = clock_now();
	(void)slice_copy(slice_of(problem), h->problem, sizeof(h->problem));
	h->wait = h->wait == 0 ? RETRY_FIRST : h->wait * 2 > RETRY_LAST ? RETRY_LAST : h->wait * 2;
	h->next = monotonic_ms() + h->wait;
}

/* The document with its number and try, as a file in memory: nobody has to feed a pipe. */
static int open_document(const struct hook *h, struct err *err) {
	struct slice rest = h->entry.document;
	struct buf b;
	int fd = -1;

	if (rest.n < 2 || rest.p[0] != '{')
		return err_set(err, ERR_SYSTEM, "hook: a document of the queue is none");
	buf_init(&b, DOCUMENT_MAX);
	js_begin(&b, '{');
	js_put_number(&b, "id", h->entry.id);
	js_put_number(&b, "try", (int64_t)h->entry.tries + 1);
	buf_byte(&b, ',');
	buf_add(&b, rest.p + 1, rest.n - 1);
	buf_byte(&b, '\n');
	if (b.failed)
		(void)err_set(err, ERR_SYSTEM, "hook: out of memory");
	else
		fd = memfd_create("provctl-hook", MFD_CLOEXEC);
	if (!b.failed && (fd < 0 || write(fd, b.p, b.n) != (ssize_t)b.n || lseek(fd, 0, SEEK_SET) != 0)) {
		(void)err_errno(err, "hook: the document");
		shut(&fd);
	}
	buf_release(&b);
	return fd;
}

static int start(struct enforcer *e, struct err *err) {
	struct hook *h = e->hook;
	int output[2] = {-1, -1}, failure[2] = {-1, -1}, in = open_document(h, err), result = -1;

	if (in < 0)
		return -1;
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(failure, O_CLOEXEC) < 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(failure[0], F_SETFL, O_NONBLOCK) < 0) {
		(void)err_errno(err, "hook: no pipe");
		goto end;
	}
	if (starter_run(h->starter, in, output[1], failure[1], err) < 0)
		goto end;
	h->runs = true;
	h->output = output[0];
	h->failure = failure[0];
	output[0] = failure[0] = -1;
	h->late = false;
	h->nprinted = 0;
	h->next = monotonic_ms() + HOOK_GAP;
	h->deadline = monotonic_ms() + HOOK_TIME;
	result = 0;
end:
	shut(&in);
	shut(&output[0]);
	shut(&output[1]);
	shut(&failure[0]);
	shut(&failure[1]);
	return result;
}

/* The end of what it prints is kept: there stands what went wrong. */
static void keep_printed(struct hook *h, const char *p, size_t n) {
	size_t keep;

	if (n > sizeof(h->printed)) {
		p += n - sizeof(h->printed);
		n = sizeof(h->printed);
	}
	keep = h->nprinted + n > sizeof(h->printed) ? sizeof(h->printed) - n : h->nprinted;
	memmove(h->printed, h->printed + h->nprinted - keep, keep);
	memcpy(h->printed + keep, p, n);
	h->nprinted = keep + n;
}

static void read_output(struct hook *h) {
	char bytes[4096];
	ssize_t n = 1;

	for (size_t taken = 0; h->output >= 0 && taken < OUTPUT_TAKEN; taken += (size_t)n) {
		n = read(h->output, bytes, sizeof(bytes));
		if (n < 0)
			return;
		if (n == 0)
			shut(&h->output);
		keep_printed(h, bytes, (size_t)n);
	}
}

/* Why it failed, or "" where it did not. */
static void outcome(const struct hook *h, const char *program, int status, char *out, size_t size) {
	struct buf printed;
	char why[64];

	out[0] = '\0';
	if (h->late)
		(void)snprintf(why, sizeof(why), "took more than %d s", HOOK_TIME / 1000);
	else if (WIFSIGNALED(status))
		(void)snprintf(why, sizeof(why), "was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		(void)snprintf(why, sizeof(why), "ended with status %d", WEXITSTATUS(status));
	else
		return;
	buf_init(&printed, sizeof(h->printed) * 4 + 16);
	buf_escaped(&printed, (struct slice){h->printed, h->nprinted}, sizeof(h->printed));
	buf_byte(&printed, '\0');
	(void)snprintf(out, size, "%s: %s%s%s", program, why, h->nprinted > 0 ? ": " : "", printed.failed ? "" : printed.p);
	buf_release(&printed);
}

/* What found no room is told of once there is some again. */
static int tell_lost(struct store *s, struct err *err) {
	struct hook_counts counts;
	struct buf b;
	int result;

	if (store_hook_counts(s, &counts, err) < 0)
		return -1;
	if (counts.lost == 0 || counts.waiting >= HOOK_ADDRESSES_MAX / 2)
		return 0;
	buf_init(&b, 1024);
	js_begin(&b, '{');
	js_put_time(&b, "time", store_time(s));
	js_put_string(&b, "what", "overflow");
	js_put_number(&b, "lost", counts.lost);
	js_put_string(&b, "detail", "so many documents found no room; the record has what they would have told");
	js_end(&b, '}');
	result = b.failed ? err_set(err, ERR_SYSTEM, "hook: out of memory")
	                  : store_hook_add(s, false, (struct slice){b.p, b.n}, err);
	buf_release(&b);
	return result < 0 ? -1 : store_hook_told_lost(s, err);
}

/* In a transaction of its own. */
static int settle(struct enforcer *e, int (*change)(struct enforcer *e, const char *problem, struct err *err),
                  const char *problem, struct err *err) {
	if (store_begin(e->store, err) < 0)
		return -1;
	if (change(e, problem, err) < 0 || tell_lost(e->store, err) < 0 || store_commit(e->store, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	return 0;
}

static int note_end(struct enforcer *e, const char *problem, struct err *err) {
	const struct hook_entry *entry = &e->hook->entry;

	if (!problem[0])
		return store_hook_done(e->store, entry, err);
	return store_hook_failed(e->store, entry, slice_of(problem), entry->tries + 1 >= HOOK_TRIES, err);
}

static void finish(struct enforcer *e, int status) {
	struct hook *h = e->hook;
	char problem[sizeof(h->problem)];
	struct err err;
	int error = 0;

	h->runs = false;
	read_output(h);
	if (read(h->failure, &error, sizeof(error)) != (ssize_t)sizeof(error))
		error = 0;
	shut(&h->output);
	shut(&h->failure);
	if (error != 0) {
		/* No fault of the document: it is not given up for it. */
		(void)snprintf(problem, sizeof(problem), "%s: cannot be started: %s", e->conf->hook, strerror(error));
		put_off(e, problem);
		return;
	}
	outcome(h, e->conf->hook, status, problem, sizeof(problem));
	if (settle(e, note_end, problem, &err) < 0) {
		put_off(e, err.text);
	} else if (!problem[0]) {
		h->problem[0] = '\0';
		h->wait = 0;
	} else if (h->entry.tries + 1 >= HOOK_TRIES) {
		e->options.say(e->options.context, problem);
		h->wait = 0; /* the next document may fare better */
		h->problem[0] = '\0';
	} else {
		put_off(e, problem);
	}
}

/* ---- the loop's calls ---- */

void hook_poll(const struct hook *h, struct pollfd *fds) {
	fds[0] = (struct pollfd){.fd = h->runs ? starter_fd(h->starter) : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = h->output, .events = POLLIN};
}

int64_t hook_wait(struct enforcer *e) {
	const struct hook *h = e->hook;
	struct hook_counts counts;
	struct err ignored;
	int64_t at = h->deadline, now = monotonic_ms();

	if (h->runs && h->late)
		return -1;
	if (!h->runs) {
		if (!may_run(e) || store_hook_counts(e->store, &counts, &ignored) < 0 || counts.waiting == 0)
			return -1;
		at = h->next;
	}
	return at > now ? at - now : 0;
}

static int clear(struct enforcer *e, const char *problem, struct err *err) {
	(void)problem;
	return store_hook_clear(e->store, err);
}

/* Without a hook nobody is to be told, nor years later by another one. */
static int forget(struct enforcer *e, struct err *err) {
	struct hook_counts counts;

	if (store_hook_counts(e->store, &counts, err) < 0)
		return -1;
	return counts.waiting + counts.aside + counts.lost > 0 ? settle(e, clear, NULL, err) : 0;
}

void hook_step(struct enforcer *e) {
	struct hook *h = e->hook;
	struct err err;
	int found, status = 0;

	if (h->runs) {
		read_output(h);
		found = starter_ended(h->starter, &status);
		if (found != 0) {
			finish(e, found > 0 ? status : SIGKILL);
		} else if (!h->late && monotonic_ms() >= h->deadline) {
			h->late = true;
			starter_kill(h->starter);
		}
	}
	if (h->runs || e->options.dry_run || monotonic_ms() < h->next)
		return;
	if (!e->conf->hook[0] && forget(e, &err) < 0)
		put_off(e, err.text);
	if (!may_run(e))
		return;
	found = store_hook_first(e->store, &h->entry, &h->text, &err);
	if (found < 0 || (found > 0 && start(e, &err) < 0))
		put_off(e, err.text);
}

bool hook_lingers(struct enforcer *e) {
	struct hook *h = e->hook;
	struct hook_counts counts;
	struct err ignored;

	if (h->lingers == 0)
		h->lingers = monotonic_ms() + HOOK_LINGERS;
	if (h->runs)
		return true;
	return h->wait == 0 && monotonic_ms() < h->lingers && may_run(e) &&
	       store_hook_counts(e->store, &counts, &ignored) == 0 && counts.waiting > 0;
}

static int retry(struct enforcer *e, const char *problem, struct err *err) {
	(void)problem;
	return store_hook_retry(e->store, err);
}

int hook_retry(struct enforcer *e, struct err *err) {
	struct hook_counts counts;

	if (store_hook_counts(e->store, &counts, err) < 0 || (counts.aside > 0 && settle(e, retry, NULL, err) < 0))
		return -1;
	e->hook->wait = 0;
	e->hook->next = 0;
	return 0;
}

void hook_problems(const struct enforcer *e,
                   void (*each)(void *context, const char *what, const char *text, int64_t since), void *context) {
	const struct hook *h = e->hook;
	struct hook_counts counts;
	char text[sizeof(h->problem) + 128], last[sizeof(h->problem)] = "";
	struct err ignored;

	if (store_hook_counts(e->store, &counts, &ignored) < 0)
		return;
	if (h->problem[0]) {
		(void)snprintf(text, sizeof(text), "%s; %lld to be told", h->problem, (long long)counts.waiting);
		each(context, "hook", text, h->since);
	}
	if (counts.aside > 0 && store_hook_problem(e->store, last, sizeof(last), &ignored) >= 0) {
		(void)snprintf(text, sizeof(text),
		               "%lld set aside after %d tries; `provctl sync` tries them again; the last: %s",
		               (long long)counts.aside, HOOK_TRIES, last);
		each(context, "hook", text, TIME_NONE);
	}
	if (counts.lost > 0) {
		(void)snprintf(text, sizeof(text), "%lld found no room in its queue and are in the record alone",
		               (long long)counts.lost);
		each(context, "hook", text, TIME_NONE);
	}
}
