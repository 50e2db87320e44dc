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
#include "common/js.h"
#include "common/sandbox.h"
#include "common/timefmt.h"

#include "enforcer/apply.h"
#include "enforcer/enforcer.h"

#include "cmd/confine.h"
#include "cmd/notify.h"
#include "cmd/recover.h"

static struct notify *manager; /* of services, where one started us */

static void tell_manager(void *context, enum enforcer_news news) {
	(void)context;
	switch (news) {
	case ENFORCER_READY:
		notify_tell(manager, "READY=1");
		break;
	case ENFORCER_RELOADING:
		notify_reloading(manager);
		break;
	case ENFORCER_ALIVE:
		notify_tell(manager, "WATCHDOG=1");
		break;
	case ENFORCER_STOPPING:
		notify_tell(manager, "STOPPING=1");
		break;
	}
}

static void say(void *context, const char *text) {
	(void)context;
	(void)fprintf(stderr, "prov-enforcer: %s\n", text);
}

static int usage(FILE *out, int status) {
	(void)fprintf(out, "Usage: prov-enforcer [-c FILE] [-n] [--once] [--dry-run] [--control-fd N] [--events-fd N]\n"
	                   "       prov-enforcer [-c FILE] --apply DIR [--nginx FILE] [--haproxy FILE]\n"
	                   "       prov-enforcer [-c FILE] --recover[=preview]\n"
	                   "\n"
	                   "  -c, --config FILE  read this configuration, not " CONF_DEFAULT_FILE "\n"
	                   "  -n                 check the configuration and end\n"
	                   "      --once         end when who started it is gone and nobody is connected\n"
	                   "      --dry-run      work on a copy of the state in memory; nothing is written\n"
	                   "      --control-fd N an inherited connection for commands\n"
	                   "      --events-fd N  an inherited connection for events\n"
	                   "      --apply DIR    install the bans of a published folder, and end\n"
	                   "      --nginx FILE, --haproxy FILE  not in the firewall but in such a map\n"
	                   "      --recover      put the last whole backup in the place of a damaged state, and end\n"
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

/* ---- the bans of a published folder ---- */

struct apply_options {
	const char *folder, *nginx, *haproxy;
};

/* For provctl, which shows it. */
static int tell(const char *place, const struct banlist *list, const struct applied *applied, struct err *err) {
	struct buf b;
	int result = 0;

	buf_init(&b, 65536);
	js_begin(&b, '{');
	js_put_string(&b, "place", place);
	js_put_number(&b, "bans", applied->bans);
	js_put_time(&b, "time", list->time);
	js_put_bool(&b, "changed", applied->changed);
	js_end(&b, '}');
	buf_byte(&b, '\n');
	if (b.failed || fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0)
		result = err_errno(err, "standard output");
	buf_release(&b);
	return result;
}

static int apply(const struct conf *conf, const struct apply_options *o, struct err *err) {
	const struct {
		enum apply_map map;
		const char *path;
	} maps[] = {{APPLY_NGINX, o->nginx}, {APPLY_HAPROXY, o->haproxy}};
	struct applied applied;
	struct banlist list;
	int64_t now = clock_now();
	char table[256];
	const char *const written[] = {o->nginx, o->haproxy};
	int result = 0;

	if (confine_apply(o->folder, written, 2, err) < 0 || banlist_read(&list, o->folder, err) < 0)
		return -1;
	if (!o->nginx && !o->haproxy) {
		(void)snprintf(table, sizeof(table), "table inet %s", conf->firewall.table);
		result = apply_firewall(&applied, conf, &list, now, err);
		if (result == 0)
			result = tell(table, &list, &applied, err);
	}
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && result == 0; i++) {
		if (!maps[i].path)
			continue;
		result = apply_map(&applied, conf, &list, now, maps[i].map, maps[i].path, err);
		if (result == 0)
			result = tell(maps[i].path, &list, &applied, err);
	}
	banlist_release(&list);
	return result;
}

int main(int argc, char **argv) {
	enum {
		OPT_ONCE = 256,
		OPT_DRY_RUN,
		OPT_CONTROL_FD,
		OPT_EVENTS_FD,
		OPT_APPLY,
		OPT_NGINX,
		OPT_HAPROXY,
		OPT_RECOVER,
		OPT_HELP,
		OPT_VERSION
	};
	static const struct option rows[] = {
		{"config", required_argument, NULL, 'c'},
		{"once", no_argument, NULL, OPT_ONCE},
		{"dry-run", no_argument, NULL, OPT_DRY_RUN},
		{"control-fd", required_argument, NULL, OPT_CONTROL_FD},
		{"events-fd", required_argument, NULL, OPT_EVENTS_FD},
		{"apply", required_argument, NULL, OPT_APPLY},
		{"nginx", required_argument, NULL, OPT_NGINX},
		{"haproxy", required_argument, NULL, OPT_HAPROXY},
		{"recover", optional_argument, NULL, OPT_RECOVER},
		{"help", no_argument, NULL, OPT_HELP},
		{"version", no_argument, NULL, OPT_VERSION},
		{0},
	};
	struct enforcer_options options = {.control_fd = -1, .events_fd = -1, .say = say, .tell = tell_manager};
	struct apply_options applying = {0};
	bool check = false, busy = false, said = false, recovering = false, preview = false;
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
		case OPT_APPLY:
			applying.folder = optarg;
			break;
		case OPT_NGINX:
			applying.nginx = optarg;
			break;
		case OPT_HAPROXY:
			applying.haproxy = optarg;
			break;
		case OPT_RECOVER:
			recovering = true;
			preview = optarg && strcmp(optarg, "preview") == 0;
			if (optarg && !preview)
				return usage(stderr, ERR_INPUT);
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
	if (optind < argc || (!applying.folder && (applying.nginx || applying.haproxy)))
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
	if (applying.folder) {
		status = apply(conf, &applying, &err) < 0 ? (int)err.class : 0;
		if (status != 0)
			say(NULL, err.text);
		conf_free(&conf);
		return status;
	}
	if (confine_enforcer_user(conf, !options.dry_run, &options.link_group, &err) < 0) {
		say(NULL, err.text);
		conf_free(&conf);
		return ERR_SYSTEM;
	}
	if (recovering) {
		status = confine_enforcer(conf, &err) < 0 || recover(conf, preview, &busy, &err) < 0 ? (int)err.class : 0;
		if (status != 0)
			say(NULL, err.text);
		conf_free(&conf);
		return status;
	}
	manager = notify_new();
	options.beat = notify_beat(manager);
	options.landlock = sandbox_landlock();
	if (enforcer_open(&e, conf, &options, &busy, &err) < 0) {
		say(NULL, err.text);
		return busy ? ENFORCER_BUSY : (int)err.class;
	}
	if (confine_enforcer(e->conf, &err) < 0 || enforcer_run(e, &err) < 0) {
		say(NULL, err.text);
		status = (int)err.class;
	}
	enforcer_close(&e);
	notify_free(&manager);
	return status;
}
