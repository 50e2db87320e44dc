/* prov-enforcer: owns the state, and makes the lock-state file and the firewall what it says. In the foreground; provctl starts it for
 * one command where none runs. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf.h"

#include "enforcer/enforcer.h"

static void say(void *context, const char *text) {
	(void)context;
	(void)fprintf(stderr, "prov-enforcer: %s\n", text);
}

static int usage(FILE *out, int status) {
	(void)fprintf(out, "Usage: prov-enforcer [-c FILE] [-n] [--once] [--dry-run] [--control-fd N] [--events-fd N]\n"
	                   "\n"
	                   "  -c, --config FILE  read this configuration, not " CONF_DEFAULT_FILE "\n"
	                   "  -n                 check the configuration and end\n"
	                   "      --once         end when who started it is gone and nobody is connected\n"
	                   "      --dry-run      work on a copy of the state in memory; nothing is written\n"
	                   "      --control-fd N an inherited connection for commands\n"
	                   "      --events-fd N  an inherited connection for events\n"
	                   "      --version      print the version and end\n"
	                   "\n"
	                   "SIGHUP reads the configuration again; SIGTERM ends it after the batch or command at hand.\n"
	                   "Manual: provctl(8).\n");
	return status;
}

static bool descriptor(const char *text, int *fd) {
	uint64_t n;

	if (!slice_number(slice_of(text), 65535, &n) || n < 3) {
		(void)fprintf(stderr, "prov-enforcer: %s: not a descriptor\n", text);
		return false;
	}
	*fd = (int)n;
	return true;
}

static void report(void *context, const char *text) {
	bool *said = context;

	*said = true;
	(void)fprintf(stderr, "prov-enforcer: %s\n", text);
}

int main(int argc, char **argv) {
	enum { OPT_ONCE = 256, OPT_DRY_RUN, OPT_CONTROL_FD, OPT_EVENTS_FD, OPT_HELP, OPT_VERSION };
	static const struct option rows[] = {
		{"config", required_argument, NULL, 'c'},
		{"once", no_argument, NULL, OPT_ONCE},
		{"dry-run", no_argument, NULL, OPT_DRY_RUN},
		{"control-fd", required_argument, NULL, OPT_CONTROL_FD},
		{"events-fd", required_argument, NULL, OPT_EVENTS_FD},
		{"help", no_argument, NULL, OPT_HELP},
		{"version", no_argument, NULL, OPT_VERSION},
		{0},
	};
	struct enforcer_options options = {.control_fd = -1, .events_fd = -1, .say = say};
	bool check = false, busy = false, said = false;
	struct conf_faults faults = {.report = report, .context = &said};
	struct enforcer *e = NULL;
	struct conf *conf = NULL;
	struct err err;
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "c:n", rows, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.conf_file = optarg;
			break;
		case 'n':
			check = true;
			break;
		case OPT_ONCE:
			options.once = true;
			break;
		case OPT_DRY_RUN:
			options.dry_run = true;
			break;
		case OPT_CONTROL_FD:
			if (!descriptor(optarg, &options.control_fd))
				return ERR_INPUT;
			break;
		case OPT_EVENTS_FD:
			if (!descriptor(optarg, &options.events_fd))
				return ERR_INPUT;
			break;
		case OPT_HELP:
			return usage(stdout, 0);
		case OPT_VERSION:
			(void)printf("prov-enforcer %s\n", PACKAGE_VERSION);
			return 0;
		default:
			return usage(stderr, ERR_INPUT);
		}
	}
	if (optind < argc)
		return usage(stderr, ERR_INPUT);
	/* Who reads our complaints may be gone before we are. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (conf_load(&conf, options.conf_file, &faults, &err) < 0) {
		if (!said)
			say(NULL, err.text);
		return (int)err.class;
	}
	if (check) {
		conf_free(&conf);
		(void)printf("configuration OK\n");
		return 0;
	}
	if (enforcer_open(&e, conf, &options, &busy, &err) < 0) {
		say(NULL, err.text);
		return busy ? ENFORCER_BUSY : (int)err.class;
	}
	if (enforcer_run(e, &err) < 0) {
		say(NULL, err.text);
		status = (int)err.class;
	}
	enforcer_close(&e);
	return status;
}
