#include <string.h>

#include "common/timefmt.h"

#include "enforcer/census.h"
#include "enforcer/enforcer.h"
#include "enforcer/stream.h"

#define SLICE       2000   /* devices or bans: some milliseconds */
#define SLICE_EVERY 100    /* milliseconds */
#define FRESH       15000  /* milliseconds for which a count stands, where it does not fit into a slice */
#define ASKED       900000 /* milliseconds after which nobody is thought to ask again */

struct slice_of_count {
	struct enforcer *e;
	struct census *c;
	int64_t now;
	unsigned n, most;
};

static int count_device(void *context, const struct device *d, struct err *err) {
	struct slice_of_count *s = context;
	struct counts *to = &s->c->next;
	struct standing standing;

	(void)err;
	if (s->n == s->most) {
		s->c->mac = d->mac;
		return 1;
	}
	s->n++;
	device_standing(d, s->e->conf, s->now, &standing);
	if (!standing.open)
		to->reasons[standing.reason]++;
	return 0;
}

static void count_trigger(struct counts *to, const char *trigger) {
	unsigned i = 0;

	while (i < to->ntriggers && strcmp(to->triggers[i].trigger, trigger) != 0)
		i++;
	if (i == CENSUS_TRIGGERS) {
		to->other++;
		return;
	}
	if (i == to->ntriggers) {
		(void)slice_copy(slice_of(trigger), to->triggers[i].trigger, sizeof(to->triggers[i].trigger));
		to->ntriggers++;
	}
	to->triggers[i].bans++;
}

static int count_ban(void *context, const struct ban *ban, struct err *err) {
	struct slice_of_count *s = context;
	struct counts *to = &s->c->next;

	(void)err;
	if (s->n == s->most)
		return 1;
	s->n++;
	s->c->ban = *ban;
	to->blocks += ban->kind == BAN_BLOCK;
	to->allows += ban->kind == BAN_ALLOW;
	if (ban->kind == BAN_BAN && !ban->pending)
		count_trigger(to, ban->trigger);
	return 0;
}

static void begin(struct census *c) {
	memset(&c->next, 0, sizeof(c->next));
	c->at = CENSUS_DEVICES;
	c->mac = 0;
	c->ban = (struct ban){.id = 0};
}

/* One slice, or with most UINT32_MAX all that is left. */
static int go_on(struct enforcer *e, uint32_t most, struct err *err) {
	struct census *c = &e->census;
	struct slice_of_count s = {.e = e, .c = c, .now = clock_now(), .most = most};
	struct device_filter filter = {.shard = -1, .from = c->mac};
	int stop = 0;

	if (c->at == CENSUS_DEVICES) {
		stop = store_devices(e->store, &filter, count_device, &s, err);
		if (stop == 0)
			c->at = CENSUS_BANS;
	}
	if (stop == 0 && c->at == CENSUS_BANS)
		stop = store_bans_from(e->store, s.now, false, &c->ban, count_ban, &s, err);
	c->slice = monotonic_ms() + SLICE_EVERY;
	if (stop < 0)
		c->at = CENSUS_IDLE;
	if (stop != 0)
		return stop;
	c->at = CENSUS_IDLE;
	c->last = c->next;
	c->done = true;
	c->ended = monotonic_ms();
	return 0;
}

int census_ask(struct enforcer *e, const struct counts **out, struct err *err) {
	struct census *c = &e->census;
	int64_t bans, pending;
	bool all;

	c->asked = monotonic_ms();
	if (store_ban_counts(e->store, clock_now(), &bans, &pending, err) < 0)
		return -1;
	all = e->options.once || e->options.dry_run || store_device_count(e->store) + bans + pending <= SLICE;
	if (all) {
		c->asked = 0; /* and so it is the next time */
		begin(c);
		if (go_on(e, UINT32_MAX, err) < 0)
			return -1;
	}
	*out = c->done ? &c->last : NULL;
	return 0;
}

int census_wait(const struct enforcer *e) {
	const struct census *c = &e->census;
	int64_t now = monotonic_ms(), at = c->slice;

	if (c->asked == 0 || now - c->asked > ASKED)
		return -1;
	if (c->at == CENSUS_IDLE && c->done && at < c->ended + FRESH)
		at = c->ended + FRESH;
	return at > now ? (int)(at - now) : 0;
}

void census_tick(struct enforcer *e) {
	struct err ignored; /* it is begun anew */

	if (e->census.at == CENSUS_IDLE)
		begin(&e->census);
	(void)go_on(e, SLICE, &ignored);
}
