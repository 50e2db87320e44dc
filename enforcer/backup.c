#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/timefmt.h"
#include "enforcer/backup.h"

#define TRY_AGAIN HOUR /* after one that failed */

/* Seconds; 0 where it is due or at work. */
static int64_t left(struct enforcer *e) {
	struct backup_standing *b = &e->backup;
	int64_t now = clock_now(), due;
	struct err ignored;

	if (b->working)
		return 0;
	if (b->failed && b->since + TRY_AGAIN > now)
		return b->since + TRY_AGAIN - now;
	b->known = b->known || store_backup_time(e->store, &b->made, &ignored) >= 0;
	if (!b->known || b->made == TIME_NONE)
		return 0;
	due = b->made + e->conf->backup.every;
	/* A clock that was ahead when the last one was made must not put off the next. */
	return due <= now || b->made > now ? 0 : due - now;
}

int64_t backup_wait(struct enforcer *e) {
	int64_t seconds;

	if (e->options.dry_run || e->conf->backup.every == 0 || (e->options.once && !e->fed))
		return -1;
	seconds = left(e);
	return seconds > DAY ? DAY * 1000 : seconds * 1000;
}

/* Kept in the state, for `status`: an enforcer of one pass is gone when somebody asks. */
static int note(struct enforcer *e, const char *problem, struct err *err) {
	if (store_begin(e->store, err) < 0)
		return -1;
	if (store_notice_put(e->store, slice_of("backup"), slice_of(problem), clock_now(), err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	return enforcer_commit(e, err);
}

void backup_tick(struct enforcer *e) {
	struct backup_standing *b = &e->backup;
	struct err err, later;
	int step = store_backup_step(e->store, &err);

	b->working = step == 0;
	if (step == 0)
		return;
	if (step < 0)
		e->options.say(e->options.context, err.text);
	if (note(e, step < 0 ? err.text : "", &later) < 0)
		e->options.say(e->options.context, later.text);
	b->failed = step < 0;
	b->known = false;
	b->since = clock_now();
}

bool backup_lingers(struct enforcer *e) {
	return e->options.once && backup_wait(e) == 0;
}
