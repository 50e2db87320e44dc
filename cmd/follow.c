#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/analyzer.h"
#include "cmd/follow.h"
#include "cmd/notify.h"

#define RETRY_FIRST      100 /* milliseconds */
#define RETRY_LAST       30000
#define RETRY_PATIENT    1000  /* the longest while an enforcer may come back */
#define RETRY_SOON       1000  /* ... for an analyzer that had begun */
#define STEADY           10000 /* a program that ran for so long starts its retries anew */
#define FOREIGN_PATIENCE 10000 /* ... in which an enforcer that is not ours may come back */
#define READY_PATIENCE   60000 /* ... in which a new analyzer must have read its rules */

/* When something that ended is started again. */
struct retry {
	int64_t at, wait, began;
};

struct follower {
	struct command *c;
	struct notify *notify;
	int signals;
	bool terminal; /* standard input was one when we began */

	struct client *client;
	struct retry enforcer;
	bool foreign;        /* the enforcer that we have, or had last, runs by itself */
	int64_t lost;        /* when it was lost */
	char complaint[512]; /* why none is to be had, as it was told last */

	struct analyzer now, next; /* next: has been started to take over */
	struct retry analyzer;
	bool began;    /* `now` was told to begin */
	bool relieved; /* `next` has read its rules, and waits for the end of `now` */
	int64_t next_since;
	bool reload; /* is asked for */
	bool sound;  /* rules were read once */
	bool ready;  /* the service manager was told */
	bool stopping;
	int status; /* of an end because of rules that cannot be read */
};

static int64_t now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void retry_began(struct retry *r) {
	r->began = now_ms();
}

static void retry_later(struct retry *r, int64_t last) {
	int64_t now = now_ms();

	if (r->began && now > r->began + STEADY)
		r->wait = 0;
	r->wait = r->wait == 0 ? RETRY_FIRST : r->wait * 2 < last ? r->wait * 2 : last;
	r->at = now + r->wait;
	r->began = 0;
}

static void tell_ready(struct follower *f) {
	f->ready = true;
	notify_tell(f->notify, "READY=1\nSTATUS=following the logs");
}

/* ---- the enforcer ---- */

/* Somebody else's enforcer may come back. */
static bool is_patient(const struct follower *f) {
	return f->foreign && now_ms() < f->lost + FOREIGN_PATIENCE;
}

static void enforcer_seek(struct follower *f, unsigned flags, struct err *err) {
	if (is_patient(f))
		flags |= CLIENT_REACH;
	if (client_open(&f->client, f->c->conf_file, f->c->conf, flags, err) < 0)
		return;
	f->foreign = client_child(f->client) == 0;
	f->complaint[0] = '\0';
	retry_began(&f->enforcer);
}

static void enforcer_try(struct follower *f) {
	struct err err;

	if (f->client || now_ms() < f->enforcer.at)
		return;
	enforcer_seek(f, CLIENT_STAY, &err);
	if (f->client)
		return;
	retry_later(&f->enforcer, is_patient(f) ? RETRY_PATIENT : RETRY_LAST);
	if (strcmp(f->complaint, err.text) != 0)
		command_warn("%s; trying again", err.text);
	(void)slice_copy(slice_of(err.text), f->complaint, sizeof(f->complaint));
}

static void enforcer_lost(struct follower *f) {
	client_close(&f->client);
	f->lost = now_ms();
	retry_later(&f->enforcer, is_patient(f) ? RETRY_PATIENT : RETRY_LAST);
	/* The first look is at once: a connection that rests may have had to give way. */
	f->enforcer.at = 0;
}

/* What a child enforcer says belongs to what we say. */
static void enforcer_hear(struct follower *f) {
	char bytes[4096];
	ssize_t n;

	(void)fcntl(client_errors(f->client), F_SETFL, O_NONBLOCK);
	n = read(client_errors(f->client), bytes, sizeof(bytes));
	if (n > 0 && write(STDERR_FILENO, bytes, (size_t)n) < 0)
		f->complaint[0] = '\0';
}

/* ---- analyzers ---- */

static int start(struct follower *f, struct analyzer *a, struct err *err) {
	struct analyzer_wants wants = {.follow = true, .beat = notify_beat(f->notify)};
	int link, result;

	if (client_link(f->c->conf, &link, err) < 0)
		return -1;
	result = analyzer_start(a, f->c, link, wants, err);
	(void)close(link);
	return result;
}

static void analyzer_try(struct follower *f) {
	struct err err;

	if (f->now.pid || f->next.pid || !f->client || f->stopping || now_ms() < f->analyzer.at)
		return;
	f->began = false;
	if (start(f, &f->now, &err) < 0) {
		retry_later(&f->analyzer, RETRY_LAST);
		command_warn("%s; trying again", err.text);
		return;
	}
	retry_began(&f->analyzer);
}

/* Its successor, if any, begins where it ended. */
static void promote(struct follower *f) {
	f->now = f->next;
	f->next = (struct analyzer){.report = -1, .errors = -1, .go = -1};
	f->relieved = false;
	f->began = true;
	retry_began(&f->analyzer);
	analyzer_go(&f->now, -1);
}

static void now_ended(struct follower *f, int status) {
	char ended[CLIENT_SIGNAL_TEXT];

	analyzer_close(&f->now);
	f->now.pid = 0;
	if (f->stopping)
		return;
	if (f->relieved) {
		promote(f);
		return;
	}
	if (!f->sound && WIFEXITED(status) && WEXITSTATUS(status) == ERR_INPUT) {
		/* It said why. */
		f->status = ERR_INPUT;
		f->stopping = true;
		return;
	}
	if (WIFSIGNALED(status)) {
		client_signal(WTERMSIG(status), ended);
		command_warn("prov-analyzer was ended by %s; what it had read is kept", ended);
	}
	/* One that had begun does its work in the next life too: nobody waits long for it. */
	retry_later(&f->analyzer, f->began ? RETRY_SOON : RETRY_LAST);
}

static void next_ended(struct follower *f) {
	bool relieved = f->relieved;

	analyzer_close(&f->next);
	f->next.pid = 0;
	f->relieved = false;
	if (f->stopping)
		return;
	if (!relieved)
		command_warn("reload: the former rules and sources stay in force");
	if (f->now.pid && f->ready)
		tell_ready(f);
}

static void reap(struct follower *f) {
	int status;

	if (f->next.pid && waitpid(f->next.pid, &status, WNOHANG) == f->next.pid)
		next_ended(f);
	if (f->now.pid && waitpid(f->now.pid, &status, WNOHANG) == f->now.pid)
		now_ended(f, status);
}

/* ---- reading rules anew ---- */

static void reload_try(struct follower *f) {
	struct err err;

	if (!f->reload || f->stopping || f->next.pid)
		return;
	/* One that is yet to be started, or has not begun, reads what is there now. */
	if (!f->now.pid) {
		f->reload = false;
		return;
	}
	if (!f->began || !f->client)
		return;
	f->reload = false;
	notify_reloading(f->notify);
	if (start(f, &f->next, &err) < 0) {
		command_warn("reload: %s: the former rules and sources stay in force", err.text);
		if (f->ready)
			tell_ready(f);
		return;
	}
	f->next_since = now_ms();
}

/* The next analyzer could read configuration and rules. */
static void take_over(struct follower *f) {
	struct conf *conf = NULL;
	struct err err;

	if (conf_load(&conf, f->c->conf_file, NULL, &err) == 0 && strcmp(conf->state, f->c->conf->state) != 0)
		(void)err_set(&err, ERR_INPUT, "state: %s needs a restart", conf->state);
	else if (conf) {
		conf_free(&f->c->conf);
		f->c->conf = conf;
		f->relieved = true;
		if (f->client && client_child(f->client) > 0)
			(void)kill(client_child(f->client), SIGHUP);
		if (f->now.pid)
			(void)kill(f->now.pid, SIGTERM);
		else
			promote(f);
		return;
	}
	conf_free(&conf);
	command_warn("reload: %s", err.text);
	analyzer_dismiss(&f->next);
}

/* ---- what analyzers report ---- */

static void take_progress(struct follower *f, const struct json *sums) {
	notify_tell(f->notify, "STATUS=following: logs %lld, lines %lld, events %lld, bytes behind %lld",
	            (long long)js_number(sums, "logs", 0), (long long)js_number(sums, "lines", 0),
	            (long long)js_number(sums, "events", 0), (long long)js_number(sums, "left", 0));
}

static void take_now(void *context, const struct json *report) {
	struct follower *f = context;

	if (js_get(report, "ready")) {
		analyzer_go(&f->now, -1);
		f->began = f->sound = true;
	} else if (js_get(report, "begins")) {
		tell_ready(f);
	} else if (js_get(report, "alive")) {
		notify_tell(f->notify, "WATCHDOG=1");
	} else if (js_get(report, "progress")) {
		take_progress(f, js_get(report, "progress"));
	}
}

static void take_next(void *context, const struct json *report) {
	struct follower *f = context;

	if (js_get(report, "ready"))
		take_over(f);
}

static void analyzer_report(struct follower *f, struct analyzer *a) {
	struct err err;

	if (analyzer_read(a, a == &f->now ? take_now : take_next, f, &err) >= 0)
		return;
	command_warn("%s", err.text);
	(void)kill(a->pid, SIGKILL);
}

/* ---- signals, and the loop ---- */

static void end(struct follower *f) {
	int how = f->stopping ? SIGKILL : SIGTERM;

	if (!f->stopping)
		notify_tell(f->notify, "STOPPING=1");
	f->stopping = true;
	if (f->now.pid)
		(void)kill(f->now.pid, how);
	if (f->next.pid)
		analyzer_dismiss(&f->next);
	if (f->next.pid && how != SIGTERM)
		(void)kill(f->next.pid, how);
}

static void take_signal(struct follower *f) {
	struct signalfd_siginfo info;

	if (read(f->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGHUP:
		/* A terminal that was closed says the same; nobody is left who could end us then. */
		if (f->terminal && !isatty(STDIN_FILENO))
			end(f);
		else
			f->reload = true;
		break;
	case SIGCHLD:
		reap(f);
		break;
	default:
		end(f);
	}
}

static void sooner(int64_t *at, int64_t other) {
	*at = *at < 0 || other < *at ? other : *at;
}

/* Milliseconds until something is to be tried; -1 never. */
static int how_long(const struct follower *f) {
	int64_t at = -1, left;

	if (f->stopping)
		return -1;
	if (!f->client)
		sooner(&at, f->enforcer.at);
	else if (!f->now.pid && !f->next.pid)
		sooner(&at, f->analyzer.at);
	if (f->next.pid && !f->relieved)
		sooner(&at, f->next_since + READY_PATIENCE);
	if (at < 0)
		return -1;
	left = at - now_ms();
	return left > 0 ? (int)left : 0;
}

static int step(struct follower *f, struct err *err) {
	struct pollfd fds[5] = {{.fd = f->signals, .events = POLLIN},
	                        {.fd = f->now.pid ? f->now.report : -1, .events = POLLIN},
	                        {.fd = f->next.pid ? f->next.report : -1, .events = POLLIN},
	                        {.fd = f->client ? client_fd(f->client) : -1, .events = POLLIN},
	                        {.fd = f->client ? client_errors(f->client) : -1, .events = POLLIN}};

	if (poll(fds, 5, how_long(f)) < 0)
		return errno == EINTR ? 0 : err_errno(err, "poll");
	/* Reports first: what an analyzer said before it ended is to be known when its end is. */
	if (fds[1].revents)
		analyzer_report(f, &f->now);
	else if (fds[2].revents)
		analyzer_report(f, &f->next);
	if (fds[4].revents & POLLIN)
		enforcer_hear(f);
	if (fds[0].revents)
		take_signal(f);
	if (fds[3].revents && f->client)
		enforcer_lost(f);
	if (f->next.pid && !f->relieved && now_ms() >= f->next_since + READY_PATIENCE)
		(void)kill(f->next.pid, SIGKILL);
	if (f->stopping)
		return 0;
	enforcer_try(f);
	analyzer_try(f);
	reload_try(f);
	return 0;
}

static int watch_signals(struct follower *f, sigset_t *former, struct err *err) {
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, former) < 0)
		return err_errno(err, "signals");
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? err_errno(err, "signals") : 0;
}

static int check_usage(const struct command *c, struct err *err) {
	if (options_given(&c->options, "dry-run"))
		return err_set(err, ERR_INPUT, "--dry-run shows what one pass would do: it cannot --follow");
	for (int i = 0; i < c->options.nwords; i++)
		if (strcmp(c->options.words[i], "-") == 0)
			return err_set(err, ERR_INPUT, "standard input is read to its end: it cannot be followed");
	return 0;
}

int follow(struct command *c, struct err *err) {
	struct follower f = {.c = c,
	                     .signals = -1,
	                     .terminal = isatty(STDIN_FILENO),
	                     .now = {.report = -1, .errors = -1, .go = -1},
	                     .next = {.report = -1, .errors = -1, .go = -1}};
	sigset_t former;
	int result = -1;

	if (check_usage(c, err) < 0 || command_conf(c, err) < 0 || watch_signals(&f, &former, err) < 0)
		return -1;
	/* Whoever reads what we say may be gone before we are. */
	(void)signal(SIGPIPE, SIG_IGN);
	f.notify = notify_new();
	enforcer_seek(&f, CLIENT_STAY, err);
	if (!f.client)
		goto out;
	while (!f.stopping || f.now.pid || f.next.pid)
		if (step(&f, err) < 0)
			goto out;
	result = f.status;
out:
	if (f.now.pid || f.next.pid) {
		end(&f);
		for (struct analyzer *a = &f.now; a; a = a == &f.now ? &f.next : NULL)
			if (a->pid)
				(void)waitpid(a->pid, NULL, 0);
	}
	analyzer_close(&f.now);
	analyzer_close(&f.next);
	client_close(&f.client);
	notify_free(&f.notify);
	if (f.signals >= 0)
		(void)close(f.signals);
	(void)sigprocmask(SIG_SETMASK, &former, NULL);
	return result;
}
