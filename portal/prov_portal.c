/* prov-portal: the HTTP side of provctl: a page and an API, and verdicts for web servers. In the foreground; without any privilege. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "common/token.h"

#include "portal/caller.h"
#include "portal/listen.h"
#include "portal/portal.h"

#define ACCEPT_MAX  64   /* connections of one socket, until others have their turn */
#define SWEEP_EVERY 1000 /* milliseconds */
#define MEMORY_MAX  (1ULL << 30)
#define PATH_SIZE   4096

static int usage(FILE *out, int status) {
	(void)fprintf(out, "Usage: prov-portal [-c FILE] [-n] [--data DIR]\n"
	                   "\n"
	                   "  -c, --config FILE  read this configuration, not " CONF_DEFAULT_FILE "\n"
	                   "  -n                 check the configuration and the page, and end\n"
	                   "      --data DIR     the page and the description of the API, not " PROVCTL_DATADIR "\n"
	                   "      --version      print the version and end\n"
	                   "\n"
	                   "SIGTERM ends it.\n"
	                   "Manual: prov-portal(8).\n");
	return status;
}

static int fail(const struct err *err) {
	(void)fprintf(stderr, "prov-portal: %s\n", err->text);
	return (int)err->class;
}

static void say(const char *text) {
	(void)fprintf(stderr, "prov-portal: %s\n", text);
}

/* ---- the loop ---- */

enum { WAIT_SIGNAL, WAIT_HTTP, WAIT_UPSTREAM, WAIT_LISTEN };

static void accept_some(struct portal *p, int listener) {
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct addr peer;
		int fd = listen_accept(listener, &peer);

		if (fd < 0)
			return;
		http_take(p->http, fd, peer, addr_is_none(peer) || caller_is_proxy(p->conf, peer));
	}
}

static int64_t sooner(int64_t a, int64_t b) {
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int serve(struct portal *p, const struct listeners *l, int signals, struct err *err) {
	struct pollfd wait[WAIT_LISTEN + LISTEN_MAX];
	int64_t sweep_at = http_clock() + SWEEP_EVERY;

	wait[WAIT_SIGNAL] = (struct pollfd){.fd = signals, .events = POLLIN};
	wait[WAIT_HTTP] = (struct pollfd){.fd = http_fd(p->http), .events = POLLIN};
	for (unsigned i = 0; i < l->n; i++)
		wait[WAIT_LISTEN + i] = (struct pollfd){.fd = l->fd[i], .events = POLLIN};
	for (;;) {
		int64_t now = http_clock();
		int64_t timeout = sooner(sooner(http_timeout(p->http), upstream_timeout(p->upstream, now)),
		                         sweep_at > now ? sweep_at - now : 0);

		wait[WAIT_UPSTREAM] = upstream_wait(p->upstream);
		if (poll(wait, WAIT_LISTEN + l->n, (int)timeout) < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (wait[WAIT_SIGNAL].revents)
			return 0;
		now = http_clock();
		if (wait[WAIT_UPSTREAM].revents || upstream_timeout(p->upstream, now) == 0)
			upstream_run(p->upstream, now);
		for (unsigned i = 0; i < l->n; i++)
			if (wait[WAIT_LISTEN + i].revents)
				accept_some(p, l->fd[i]);
		http_run(p->http);
		if (now >= sweep_at) {
			http_sweep(p->http, now);
			sweep_at = now + SWEEP_EVERY;
		}
	}
}

/* ---- confinement ---- */

/* So many descriptors as it may have connections. */
static int raise_files(struct err *err) {
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_errno(err, "RLIMIT_NOFILE");
	if (limit.rlim_max < HTTP_FILES)
		return err_set(err, ERR_SYSTEM, "RLIMIT_NOFILE: %d descriptors are needed, and only %llu may be had",
		               HTTP_FILES, (unsigned long long)limit.rlim_max);
	return 0;
}

/* The files that are read while it serves stand in these folders, which must be there before the doors are closed. */
static int close_doors(const struct conf *conf, struct err *err) {
	char lockstate[PATH_SIZE], tokens[PATH_SIZE];
	const char *readable[] = {lockstate, tokens, NULL};
	struct sandbox_profile profile = {.calls = SANDBOX_READ | SANDBOX_ACCEPT | SANDBOX_CONNECT,
	                                  .readable = readable,
	                                  .memory = MEMORY_MAX,
	                                  .files = HTTP_FILES};

	(void)snprintf(lockstate, sizeof(lockstate), "%s", conf->lockstate.path);
	(void)snprintf(tokens, sizeof(tokens), "%s/" TOKEN_FOLDER, conf->state);
	readable[0] = dirname(lockstate);
	for (size_t i = 0; readable[i]; i++)
		if (access(readable[i], X_OK) < 0)
			return err_errno(err, "%s (prov-enforcer makes it)", readable[i]);
	return sandbox_enter(&profile, err);
}

int main(int argc, char **argv) {
	enum { OPT_DATA = 256, OPT_HELP, OPT_VERSION };
	static const struct option rows[] = {
		{"config", required_argument, NULL, 'c'},
		{"data", required_argument, NULL, OPT_DATA},
		{"help", no_argument, NULL, OPT_HELP},
		{"version", no_argument, NULL, OPT_VERSION},
		{0},
	};
	const char *conf_file = NULL, *data = PROVCTL_DATADIR;
	struct listeners listeners = {0};
	struct portal portal = {0};
	struct conf *conf = NULL;
	struct err err;
	sigset_t ends;
	bool check = false;
	int signals = -1, status = 0, c;

	while ((c = getopt_long(argc, argv, "c:n", rows, NULL)) != -1) {
		switch (c) {
		case 'c':
			conf_file = optarg;
			break;
		case 'n':
			check = true;
			break;
		case OPT_DATA:
			data = optarg;
			break;
		case OPT_HELP:
			return usage(stdout, 0);
		case OPT_VERSION:
			(void)printf("prov-portal %s\n", PACKAGE_VERSION);
			return 0;
		default:
			return usage(stderr, ERR_INPUT);
		}
	}
	if (optind < argc)
		return usage(stderr, ERR_INPUT);
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (conf_load(&conf, conf_file, NULL, &err) < 0)
		return fail(&err);
	signals = signalfd(-1, &ends, SFD_CLOEXEC);
	if (!check && (raise_files(&err) < 0 ||
	               sandbox_become(conf->users.portal, "users.portal", 0,
	                              (const char *const[]){conf->portal.group, conf->lockstate.group, NULL}, &err) < 0))
		status = fail(&err);
	else if (portal_init(&portal, conf, data, say, &err) < 0)
		status = fail(&err);
	else if (check)
		(void)puts("configuration OK");
	else if (listen_all(&listeners, conf, &err) < 0 || close_doors(conf, &err) < 0 ||
	         serve(&portal, &listeners, signals, &err) < 0)
		status = fail(&err);
	listen_end(&listeners);
	portal_release(&portal);
	conf_free(&conf);
	return status;
}
