#include <string.h>

#include "common/timefmt.h"
#include "enforcer/lock_private.h"

#define CASCADE_HOURLY 20

/* The open devices of an account, in MAC order: no more are gathered than may be closed, and one to know that there are more. */
struct cascade {
	const struct conf *conf;
	int64_t time;
	uint64_t origin;
	uint32_t n, max;
	uint64_t macs[CASCADE_HOURLY + 1];
};

static int cascade_each(void *context, const struct device *d, struct err *err) {
	struct cascade *c = context;
	struct standing standing;

	(void)err;
	device_standing(d, c->conf, c->time, &standing);
	if (d->mac == c->origin || !standing.open || c->time < d->changed || c->time < d->created)
		return 0;
	c->macs[c->n++] = d->mac;
	return c->n > c->max;
}

static int cascade_close(struct judge *j, const struct facts *f, uint64_t mac, struct err *err) {
	struct device d;
	struct standing standing;

	if (store_device(j->store, mac, &d, err) < 0)
		return -1;
	device_standing(&d, j->conf, f->e->time, &standing);
	device_changing(&d, f->e->time);
	d.reason = reason_raised(&d, &standing, REASON_ACCOUNT);
	d.state = DEVICE_LOCKED;
	d.unlock_end = TIME_NONE;
	d.unlock_account = false;
	if (store_device_put(j->store, &d, err) < 0)
		return -1;
	j->sums.locked++;
	return judge_record(j, f, NULL, "cascaded", &d, NULL, "rule 12", err, "%s", reason_name(d.reason));
}

/* How many were closed in the hour of the event, in one number: hour * 32 + count. An older hour counts on the newest one seen. */
static uint32_t cascade_used(int64_t bucket, int64_t hour) {
	return bucket / 32 >= hour ? (uint32_t)(bucket % 32) : 0;
}

int lock_cascade(struct judge *j, const struct facts *f, const struct device *origin, struct err *err) {
	struct device_filter filter = {.account = origin->account, .shard = -1};
	struct cascade c = {.conf = j->conf, .time = f->e->time, .origin = origin->mac};
	int64_t bucket, hour = f->e->time / HOUR;
	bool bans, locks;
	uint32_t used, n;

	if (!j->conf->devices.cascade || strcmp(origin->account, ACCOUNT_NONE) == 0)
		return 0;
	if (judge_paused(j, f->e->time, &bans, &locks, err) < 0 ||
	    store_cascade(j->store, origin->account, &bucket, err) < 0)
		return -1;
	if (locks)
		return 0;
	used = cascade_used(bucket, hour);
	c.max = CASCADE_HOURLY - used;
	if (store_devices(j->store, &filter, cascade_each, &c, err) < 0)
		return -1;
	n = c.n < c.max ? c.n : c.max;
	for (uint32_t i = 0; i < n; i++)
		if (cascade_close(j, f, c.macs[i], err) < 0)
			return -1;
	if (bucket / 32 > hour)
		hour = bucket / 32;
	if (n > 0 && store_set_cascade(j->store, origin->account, hour * 32 + used + n, err) < 0)
		return -1;
	if (c.n <= c.max)
		return 0;
	j->sums.reported++;
	return judge_record(j, f, NULL, "reported", origin, NULL, "rule 12", err,
	                    "more open devices of the account are left as they are: %d an hour are closed", CASCADE_HOURLY);
}
