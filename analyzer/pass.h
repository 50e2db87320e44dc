/* pass: reads all sources once (or follows them), merges their events and sends them to the enforcer.
 *
 * Events of several logs are merged by (highest time seen so far in the log, order of the configuration, offset). Batches go over
 * the link of event.h; at most two are unanswered. After LINK_STALE everything is opened anew from the cursors that come with it.
 */
#ifndef PROVCTL_PASS_H
#define PROVCTL_PASS_H

#include <stdbool.h>

#include "analyzer/rule.h"
#include "analyzer/source.h"

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
	/* Called about every 100 ms and at the end: for a progress line. May be NULL. */
	void (*progress)(void *context, const struct pass_sums *sums, uint64_t left);
	void *context;
	struct pass_sums sums; /* out */
	uint32_t batch_max;    /* events of one batch; 0: LINK_EVENTS_MAX. Tests make it small */
};

/* 0: all read and committed. -1: the link broke or the enforcer refused; what was committed stays. */
int pass_run(struct pass *p, struct err *err);

#endif
