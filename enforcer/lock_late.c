#include "common/timefmt.h"
#include "enforcer/lock_private.h"

/* The device as it was before its last change. */
static struct device device_before(const struct device *d) {
	struct device b = *d;

	b.state = d->before.state;
	b.reason = d->before.reason;
	b.unlock_start = d->before.unlock_start;
	b.unlock_end = d->before.unlock_end;
	b.homes = d->before.homes;
	return b;
}

/* A fetch that was honest when it was made may be the only sign of where the phone lives. */
static int late_home(struct hand *h, struct err *err) {
	struct prefix ip = {h->e->ip, 128};
	bool backed = h->e->kind == EVENT_POLL_SERVED && !h->f->first_folder;
	struct home home = home_of_event(h->e, HOME_PROVISIONED, backed);

	home_set(&h->d.homes, &home);
	h->dirty = true;
	return judge_record(h->j, h->f, NULL, "home-added", &h->d, &ip, "late", err,
	                    "an older fetch, from when the device was open");
}

static int late_foreign(struct hand *h, struct err *err) {
	bool moved_in = device_is_home(&h->d, h->j->conf, h->e->ip); /* and is a stranger no more */

	if (!moved_in && hand_note_moved(h, err) < 0)
		return -1;
	if (!hand_is_served(h) || h->j->conf->mode == MODE_WATCH)
		return 0;
	return hand_expose(h, "late", err);
}

/* Whether the place was good at the time of the event: home, network, or a window. */
static int late_place(struct hand *h, const struct device *before, bool *home, bool *window, struct err *err) {
	int network, open;

	network = store_network_has(h->j->store, h->d.account, h->e->ip, err);
	if (network < 0)
		return -1;
	open = store_window_has(h->j->store, h->d.account, h->e->ip, h->e->time, err);
	if (open < 0)
		return -1;
	*home = network == 1 || device_is_home(before, h->j->conf, h->e->ip);
	*window = open == 1 && before->state != DEVICE_HELD;
	return 0;
}

static bool late_may_expose(const struct hand *h) {
	return h->e->kind == EVENT_PROVISION_SERVED || h->e->kind == EVENT_PROVISION_REFUSED;
}

int lock_late(struct hand *h, struct err *err) {
	struct device before = device_before(&h->d);
	struct standing standing;
	bool home, window, open;

	h->j->sums.late++;
	if (late_place(h, &before, &home, &window, err) < 0)
		return -1;
	device_standing(&before, h->j->conf, h->e->time, &standing);
	open = standing.open || window;
	if (home && hand_is_served(h))
		hand_use_home(h, false);
	if (hand_is_served(h) && open && h->d.homes.n == 0 && h->e->imposter != TRI_YES)
		return late_home(h, err);
	if (home || !late_may_expose(h))
		return 0;
	if (hand_is_served(h) && h->e->imposter == TRI_YES && standing.open)
		return hand_expose(h, "late", err);
	return open ? 0 : late_foreign(h, err);
}
