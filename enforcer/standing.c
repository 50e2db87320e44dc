#include "common/timefmt.h"
#include "enforcer/home.h"
#include "enforcer/judge.h"

static void standing_new(const struct device *d, const struct conf *conf, int64_t time, struct standing *out) {
	out->until = d->adopt ? TIME_NONE : d->created + conf->devices.new_for;
	out->open = d->adopt || time < out->until;
	if (!out->open) {
		out->state = DEVICE_LOCKED;
		out->reason = REASON_STALE;
		out->until = TIME_NONE;
		out->has_home = false;
	}
}

/* Before its start and after its end an unlock is the lock that was there before it. */
static void standing_unlocked(const struct device *d, int64_t time, struct standing *out) {
	out->until = d->unlock_end;
	out->open = time >= d->unlock_start && (d->unlock_end == TIME_NONE || time < d->unlock_end);
	if (!out->open) {
		out->state = DEVICE_LOCKED;
		out->reason = d->lapsed_reason;
		out->until = TIME_NONE;
	}
}

void device_standing(const struct device *d, const struct conf *conf, int64_t time, struct standing *out) {
	*out = (struct standing){.state = d->state, .reason = d->reason, .until = TIME_NONE, .has_home = d->homes.n > 0};
	if (d->removed != TIME_NONE)
		*out = (struct standing){.state = DEVICE_LOCKED, .reason = REASON_MANUAL, .until = TIME_NONE};
	else if (d->state == DEVICE_NEW)
		standing_new(d, conf, time, out);
	else if (d->state == DEVICE_UNLOCKED)
		standing_unlocked(d, time, out);
}

bool device_is_home(const struct device *d, const struct conf *conf, struct addr ip) {
	return home_find(&d->homes, conf, ip) >= 0;
}
