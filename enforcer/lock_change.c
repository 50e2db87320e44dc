#include <string.h>

#include "common/timefmt.h"
#include "enforcer/lock_private.h"

enum reason reason_raised(const struct device *d, const struct standing *standing, enum reason reason) {
	enum reason former = standing->reason;

	if (standing->state == DEVICE_UNLOCKED)
		former = d->lapsed_reason;
	return former > reason && standing->state != DEVICE_NEW ? former : reason;
}

static void moved_take_out(struct device *d, uint32_t i) {
	memmove(&d->moved[i], &d->moved[i + 1], (d->nmoved - i - 1) * sizeof(d->moved[0]));
	d->nmoved--;
	memset(&d->moved[d->nmoved], 0, sizeof(d->moved[0]));
}

void device_moved_drop(struct device *d, uint32_t i) {
	moved_take_out(d, i);
	if (d->nmoved == 0)
		d->moved_count = 0;
}

/* Who lives here now did not ask from elsewhere. */
static void moved_forget(struct hand *h) {
	for (uint32_t i = h->d.nmoved; i-- > 0;)
		if (device_is_home(&h->d, h->j->conf, h->d.moved[i].ip))
			device_moved_drop(&h->d, i);
}

int hand_settle(struct hand *h, enum reason reason, const char *rule, struct err *err) {
	struct prefix ip = {h->e->ip, 128};
	bool backed = h->e->kind == EVENT_SIP_REGISTERED || (h->e->kind == EVENT_POLL_SERVED && !h->f->first_folder);
	struct home home = home_of_event(h->e, HOME_PROVISIONED, backed);

	device_changing(&h->d, h->e->time);
	h->d.state = DEVICE_LOCKED;
	h->d.reason = reason;
	h->d.unlock_end = TIME_NONE;
	h->d.unlock_account = false;
	home_set(&h->d.homes, &home);
	moved_forget(h);
	h->dirty = true;
	h->j->sums.locked++;
	return judge_record(h->j, h->f, NULL, "locked", &h->d, &ip, rule, err, "%s", "this address is its home now");
}

int hand_lock(struct hand *h, enum device_state state, enum reason reason, const char *what, const char *rule,
              struct err *err) {
	struct prefix ip = {h->e->ip, 128};

	reason = reason_raised(&h->d, &h->standing, reason);
	if (h->d.state == state && h->d.reason == reason)
		return 0;
	/* Only a stronger reason for the same lock is no change of state: late events are still judged by what was before it. */
	if (h->d.state != state)
		device_changing(&h->d, h->e->time);
	h->d.state = state;
	h->d.reason = reason;
	h->d.unlock_end = TIME_NONE;
	h->d.unlock_account = false;
	h->dirty = true;
	if (h->standing.open)
		h->j->sums.locked++;
	if (reason == REASON_SUSPICIOUS)
		h->j->sums.suspected++;
	return judge_record(h->j, h->f, NULL, what, &h->d, &ip, rule, err, "%s", reason_name(reason));
}

/* The label tells a generator that does not obey from one that had no time to: a line counts from 2 s after it was renamed into place. */
static bool is_race(const struct hand *h) {
	return h->d.published == 0 || h->e->time - h->d.published <= 2;
}

int hand_expose(struct hand *h, const char *rule, struct err *err) {
	struct prefix ip = {h->e->ip, 128};
	bool bans, locks;

	if (h->d.exposed != TIME_NONE)
		return 0;
	if (judge_paused(h->j, h->e->time, &bans, &locks, err) < 0)
		return -1;
	if (locks)
		return 0; /* the published file held it open to all */
	h->d.exposed = h->e->time;
	h->d.exposed_to = h->e->ip;
	h->d.exposed_race = is_race(h);
	h->dirty = true;
	h->cascades = true;
	h->j->sums.exposed++;
	return judge_record(h->j, h->f, NULL, "exposed", &h->d, &ip, rule, err, "served while locked to another address");
}

/* Everybody can ask from anywhere as often as they like: past the first few, ever fewer strangers reach the record. */
static bool moved_is_worth_recording(uint64_t count) {
	return count <= 16 || (count & (count - 1)) == 0;
}

int hand_note_moved(struct hand *h, struct err *err) {
	struct prefix ip = {h->e->ip, 128};
	struct moved m = {.ip = h->e->ip, .first = h->e->time, .last = h->e->time};
	bool known = false;

	for (uint32_t i = 0; i < h->d.nmoved && !known; i++)
		if (prefix_same(conf_home_of(h->j->conf, h->d.moved[i].ip), conf_home_of(h->j->conf, m.ip))) {
			m = h->d.moved[i];
			moved_take_out(&h->d, i);
			known = true;
		}
	if (h->d.nmoved == DEVICE_MOVED_MAX)
		h->d.nmoved--;
	memmove(&h->d.moved[1], &h->d.moved[0], h->d.nmoved * sizeof(m));
	m.first = h->e->time < m.first ? h->e->time : m.first;
	m.last = h->e->time > m.last ? h->e->time : m.last;
	m.count++;
	m.served = m.served || hand_is_served(h);
	h->d.moved[0] = m;
	h->d.nmoved++;
	h->d.moved_count++;
	h->dirty = true;
	if (known || !moved_is_worth_recording(h->d.moved_count))
		return 0;
	h->j->sums.moved++;
	return judge_record(h->j, h->f, NULL, "moved", &h->d, &ip, "rule 5", err, "asked from elsewhere, %s",
	                    hand_is_served(h) ? "served" : "refused");
}

void hand_use_home(struct hand *h, bool backed) {
	int i = home_find(&h->d.homes, h->j->conf, h->e->ip);
	struct home *home;

	if (i < 0)
		return;
	home = &h->d.homes.at[i];
	if (backed && !home->backed) {
		home->backed = true;
		h->dirty = true;
	}
	/* Only polled homes drop out by disuse or give way to others. To the hour: a poll from home is nearly every line, and writes
	 * nothing. */
	if (home->kind == HOME_POLL && h->e->time >= home->used + HOUR) {
		home->used = h->e->time;
		h->dirty = true;
	}
}

/* A phone moves once in a while; whoever polls from two new networks a day shares its secret, or is two. */
static int report_second(struct hand *h, struct err *err) {
	struct prefix ip = {h->e->ip, 128};
	bool second = false;

	for (uint32_t i = 0; i < h->d.homes.n; i++)
		second = second || (h->d.homes.at[i].kind == HOME_POLL && h->e->time - h->d.homes.at[i].added < DAY);
	if (!second)
		return 0;
	h->j->sums.reported++;
	return judge_record(h->j, h->f, NULL, "reported", &h->d, &ip, "rule 9", err, "a second new network within a day");
}

int hand_add_home(struct hand *h, bool backed, const char *rule, const char *why, struct err *err) {
	struct prefix ip = {h->e->ip, 128}, dropped;
	struct home home = home_of_event(h->e, HOME_POLL, backed);
	struct homes homes = h->d.homes;
	char text[PREFIX_TEXT] = "none";

	if (!home_add_polled(&homes, &home, &dropped))
		return 0;
	if (report_second(h, err) < 0)
		return -1;
	device_changing(&h->d, h->e->time);
	if (h->d.state == DEVICE_NEW) { /* past its limit: now there is something to be locked to */
		h->d.state = DEVICE_LOCKED;
		h->d.reason = REASON_STALE;
	}
	h->d.homes = homes;
	moved_forget(h);
	h->dirty = true;
	if (dropped.bits != 0)
		prefix_print(dropped, text);
	if (judge_record(h->j, h->f, NULL, "home-added", &h->d, &ip, rule, err, "%s; dropped for it: %s", why, text) < 0)
		return -1;
	return 1;
}
