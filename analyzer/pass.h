/* pass: reads what the sources have new, merges their events and sends them to the enforcer.
 *
 * Events of several logs are merged by (highest time seen so far in the log, order of the configuration, offset). Batches go over
 * the link of event.h; at most two are unanswered. After LINK_STALE everything is opened anew from the cursors that come with it; what was
 * read of standard input is kept and sent again.
 *
 * A pass that follows waits at the end of the logs for more (watch.h), and begins anew from the cursors where logs were rotated, came or went.
 * It reads in rounds: each log that has more gives some lines, and what a round gives is merged. So what is there together is ordered as by a pass
 * that does not follow, and a line that comes alone is sent at once. Logs whose turn ended before they did are behind, and have rounds of their own, as
 * large as the enforcer takes some milliseconds for: what comes in others meanwhile goes in front, and one batch is unanswered then.
 *
 * A batch's cursors stand in front of the first line whose event it does not hold, so that whatever is killed when, and however the events
 * are cut into batches, every line is read exactly once and in the same order.
 */
#ifndef PROVCTL_PASS_H
#define PROVCTL_PASS_H

#include <signal.h>
#include <stdbool.h>

#include "analyzer/rule.h"
#include "analyzer/source.h"
#include "analyzer/worker.h"

/* Of what was committed. */
struct pass_sums {
	uint64_t logs, lines, bytes, events, unreadable, skipped, lost, stale;
};

struct pass {
	const struct conf *conf;
	struct rules *rules;
	struct geo *geo;
	const struct conf_source *sources; /* configured, or made of FILEs */
	uint32_t nsources;
	int link;            /* socket to the enforcer */
	bool standard_input; /* one of the sources is "-" */
	struct slice peeked; /* of standard input, read already */
	int64_t year_at;     /* anchor of stamps without a year in standard input, TIME_NONE: now */
	/* Called about every 100 ms and at the end: for a progress line. May be NULL. */
	void (*progress)(void *context, const struct pass_sums *sums, uint64_t left);
	/* A source's problem, which is sent to the enforcer too. May be NULL. */
	void (*notice)(void *context, struct slice name, struct slice problem);
	/* Called once, when every pattern is compiled and before the first byte of a log or of the enforcer is read: from then on no executable memory is
	 * needed. May be NULL. */
	int (*ready)(void *context, struct err *err);
	void *context;
	const volatile sig_atomic_t *stop; /* not 0: ends after the batch at hand. May be NULL */
	bool follow;
	int wake;                     /* can be read when *stop was set: ends a wait for logs or standard input; -1 none */
	int64_t beat;                 /* of a pass that follows: milliseconds between two alive(); 0 none */
	void (*alive)(void *context); /* it goes on, and the enforcer answers. May be NULL */
	/* Of a pass that follows: called once, when the enforcer has told from where the logs are read on. May be NULL. */
	void (*begins)(void *context);
	/* Who reads the longest logs of a pass that does not follow; may be NULL. Events, their order and cursors are the same with any number of them. */
	struct workers *workers;
	struct pass_sums sums; /* out */
	uint32_t batch_max;    /* events of one batch; 0: LINK_EVENTS_MAX. Tests make it small */
	uint64_t share_min;    /* bytes of a log that is lent to a worker; 0: SHARE_MIN. The same */
};

#define SHARE_MIN (1ULL << 20)

/* Tells the enforcer why an analyzer that was to follow cannot be started: for `status`, until one can. link is fresh, and of no use afterwards. */
int pass_tell_fault(int link, const char *fault, struct err *err);

/* The formats, patterns and zones of the sources are such that can be read; needs conf, rules and sources alone. */
int pass_check(struct pass *p, struct err *err);

/* 0: all read and committed, or stopped. -1: the link broke or the enforcer refused; what was committed stays. */
int pass_run(struct pass *p, struct err *err);

/* What a worker does, at[0] of p->workers, until the pass ends; with the same conf, rules, geo and sources, and ready(). -1 where it ends before. */
int pass_work(struct pass *p, struct err *err);

#endif
