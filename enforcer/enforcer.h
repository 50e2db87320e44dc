/* enforcer: the one owner of the state. It waits for events (link.h) and commands (control.h), one batch or one command at a
 * time, each in a transaction of its own, and keeps the files and the firewall as the state says (projection.h).
 *
 * Order of calls: enforcer_open takes the lock, opens the state and binds the sockets; enforcer_run serves until told to
 * end; enforcer_close. One thread; nothing here runs but in answer to a frame, a signal or a time that was waited for.
 */
#ifndef PROVCTL_ENFORCER_H
#define PROVCTL_ENFORCER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/conf.h"
#include "common/err.h"
#include "enforcer/census.h"
#include "enforcer/judge.h"
#include "enforcer/meter.h"
#include "enforcer/store.h"

#define ENFORCER_CONTROL_SOCKET "control.sock" /* in the folder of the state */
#define ENFORCER_EVENTS_SOCKET  "events.sock"
#define ENFORCER_PORTAL_SOCKET  "portal.sock"
#define ENFORCER_BUSY           75 /* exit status of prov-enforcer where somebody else owns the state (EX_TEMPFAIL) */

enum enforcer_news { ENFORCER_READY, ENFORCER_RELOADING, ENFORCER_ALIVE, ENFORCER_STOPPING };

struct enforcer_options {
	const char *conf_file; /* read again at SIGHUP; NULL: the default */
	bool once;             /* ends when the given descriptors are closed and no client is connected */
	bool dry_run;          /* a copy of the state in memory: no lock, no sockets, no projection */
	int control_fd;        /* a connected client, or -1; owned from enforcer_open on, even where that fails */
	int events_fd;
	gid_t link_group;     /* may reach the event link beside our own user; 0: none */
	const char *landlock; /* why files are not guarded by it, for `status`; NULL where they are */
	void (*say)(void *context, const char *text); /* problems, as lines for standard error */
	/* How it is, for the service manager. May be NULL. Alive is told every `beat` milliseconds (0: never), by the loop that serves. */
	void (*tell)(void *context, enum enforcer_news news);
	int64_t beat;
	void *context;
};

struct projection; /* projection.h */
struct host;       /* host.h */
struct hook;       /* hook.h */
struct server;     /* enforcer.c */

struct backup_standing { /* backup.c */
	bool working, failed, known;
	int64_t made;  /* of the newest, once it is known; TIME_NONE: there is none */
	int64_t since; /* when it failed */
};

/* Open for the verbs to read. */
struct enforcer {
	struct conf *conf;
	struct store *store;
	struct judge *judge;
	struct projection *projection;
	struct host *host; /* NULL where its addresses could not be read: host_problem says why */
	struct never never;
	char host_problem[1024];
	int64_t host_problem_since;
	struct hook *hook;
	struct server *server;
	struct enforcer_options options;
	int64_t started;       /* clock_now() */
	int64_t last_record;   /* id of the newest record at the start; only of a dry run */
	uint64_t cursors_made; /* by all sessions since the start */
	bool fed;              /* an analyzer came: it is more than one command */
	bool early;            /* events may be kept aside until their time comes */
	struct backup_standing backup;
	struct judge_sums former; /* of judges before the present one: a reload makes a new judge */
	struct {
		int64_t uid, until;   /* monotonic_ms */
	} slow;                   /* of control.c: who made all wait and did not read */
	char state_problem[1024]; /* "" or why what analyzers bring cannot be kept */
	int64_t state_problem_since;
	char reload_problem[1024]; /* "" or why the configuration in force is not the one in the file */
	int64_t reload_time;       /* when that was found */
	struct meter meter;
	struct census census;
	struct { /* of portal.c: what is capped in the present minute */
		int64_t minute;
		uint32_t failures, lifts;
	} portal;
};

/* Takes conf, even on failure. busy is set where another enforcer holds the state. */
int enforcer_open(struct enforcer **out, struct conf *conf, const struct enforcer_options *options, bool *busy,
                  struct err *err);
/* Serves. 0 when it was told to end; -1 when it cannot go on. */
int enforcer_run(struct enforcer *e, struct err *err);
/* Writes projections that are still due, too. */
void enforcer_close(struct enforcer **e);

/* Calls each() for every standing problem of the enforcer's own, for `status`: what is "firewall", "lockstate", "portal", "configuration", "host" or
 * "hook". */
void enforcer_problems(const struct enforcer *e,
                       void (*each)(void *context, const char *what, const char *text, int64_t since), void *context);

/* The host's addresses are read anew. */
void enforcer_read_host(struct enforcer *e);

/* What all judges since the start did. */
void enforcer_sums(const struct enforcer *e, struct judge_sums *out);

/* Judges the early events whose time has come, in a transaction of its own. */
int enforcer_take_due(struct enforcer *e, struct err *err);
/* Ends a transaction: writes the counters, notes that the firewall is behind, commits. On failure it is rolled back and the judge's
 * memory dropped. */
int enforcer_commit(struct enforcer *e, struct err *err);
void enforcer_rollback(struct enforcer *e);

#endif
