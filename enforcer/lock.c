#include <string.h>

#include "common/timefmt.h"
#include "enforcer/lock_private.h"

bool hand_is_served(const struct hand *h) {
	return h->e->kind == EVENT_PROVISION_SERVED || h->e->kind == EVENT_POLL_SERVED;
}

static bool is_imposter(const struct hand *h) {
	return h->e->imposter == TRI_YES;
}

static bool is_stale_new(const struct hand *h) {
	return h->d.state == DEVICE_NEW && h->standing.state == DEVICE_LOCKED;
}

/* Rule 3; too late for the home of its own. While all is only watched, everybody is served and nobody knew the limit: as rule 2. */
static int fetch_stale(struct hand *h, struct err *err) {
	bool served = hand_is_served(h);

	if (h->j->conf->mode == MODE_WATCH)
		return served ? hand_settle(h, REASON_PROVISIONED, "rule 3", err) : 0;
	if (hand_lock(h, DEVICE_LOCKED, REASON_STALE, "stale", "rule 3", err) < 0)
		return -1;
	return served ? hand_expose(h, "rule 3", err) : 0;
}

static bool is_same_provider(const struct hand *h) {
	if (!h->j->conf->devices.same_network.asn || h->e->asn == 0 || h->e->imposter != TRI_NO)
		return false;
	if (hand_is_served(h) || h->standing.state != DEVICE_LOCKED)
		return false;
	for (uint32_t i = 0; i < h->d.homes.n; i++)
		if (h->d.homes.at[i].asn == h->e->asn)
			return true;
	return false;
}

/* Rule 5: asked from elsewhere while the lock stands. */
static int fetch_foreign(struct hand *h, struct err *err) {
	int added = 0;

	if (is_same_provider(h))
		added = hand_add_home(h, false, "rule 5", "the same autonomous system as its home", err);
	if (added != 0)
		return added < 0 ? -1 : 0;
	if (hand_note_moved(h, err) < 0)
		return -1;
	if (!hand_is_served(h) || h->j->conf->mode == MODE_WATCH)
		return 0;
	return hand_expose(h, "rule 5", err);
}

/* Rule 4: at home nothing changes, but a new device finds its home in a network of its account. */
static int fetch_home(struct hand *h, struct err *err) {
	if (!hand_is_served(h))
		return 0;
	if (h->standing.state == DEVICE_NEW)
		return hand_settle(h, REASON_PROVISIONED, "rule 4", err);
	hand_use_home(h, h->e->kind == EVENT_POLL_SERVED && !h->f->first_folder);
	return 0;
}

/* The first that applies wins, in the order 4, 8, 7, 6, 3, 2, 5. */
static int fetch_provision(struct hand *h, struct err *err) {
	bool served = hand_is_served(h);
	bool is_open = h->standing.open; /* new in time, or unlocked */

	if (h->is_home || h->in_network)
		return fetch_home(h, err);
	if (served && is_imposter(h) && is_open) {
		if (hand_lock(h, DEVICE_LOCKED, REASON_SUSPICIOUS, "locked", "rule 8", err) < 0)
			return -1;
		return hand_expose(h, "rule 8", err);
	}
	if (served && h->in_window && h->standing.state != DEVICE_HELD)
		return hand_settle(h, REASON_PROVISIONED, "rule 7", err);
	if (served && h->standing.state == DEVICE_UNLOCKED)
		return hand_settle(h, REASON_PROVISIONED, "rule 6", err);
	if (is_stale_new(h))
		return fetch_stale(h, err);
	if (served && h->standing.state == DEVICE_NEW)
		return hand_settle(h, REASON_PROVISIONED, "rule 2", err);
	return is_open ? 0 : fetch_foreign(h, err);
}

/* Rule 9, and registrations that are followed. */
static int follow(struct hand *h, const char *rule, const char *why, struct err *err) {
	if (h->standing.state == DEVICE_HELD || is_imposter(h))
		return 0;
	return hand_add_home(h, true, rule, why, err) < 0 ? -1 : 0;
}

static int fetch_poll(struct hand *h, struct err *err) {
	if (h->is_home || h->in_network)
		return fetch_home(h, err);
	if (h->standing.state == DEVICE_NEW)
		return hand_settle(h, REASON_PROVISIONED, "rule 9", err);
	return h->j->conf->devices.follow_polls ? follow(h, "rule 9", "a poll", err) : 0;
}

static int fetch_poll_refused(struct hand *h, struct err *err) {
	if (h->is_home || h->in_network || !is_same_provider(h))
		return 0;
	return hand_add_home(h, false, "rule 9", "the same autonomous system as its home", err) < 0 ? -1 : 0;
}

/* Rule 10, and what a registration says of a home. */
static int registered(struct hand *h, struct err *err) {
	if (h->standing.state == DEVICE_NEW)
		return hand_settle(h, REASON_REUSED, "rule 10", err);
	if (h->is_home || h->in_network) {
		hand_use_home(h, true);
		return 0;
	}
	if (!h->j->conf->devices.follow_registrations)
		return 0;
	return follow(h, "registration", "a registration", err);
}

static int hand_apply(struct hand *h, struct err *err) {
	if (h->d.changed != TIME_NONE && h->e->time < h->d.changed)
		return lock_late(h, err);
	switch (h->e->kind) {
	case EVENT_PROVISION_SERVED:
	case EVENT_PROVISION_REFUSED:
		return fetch_provision(h, err);
	case EVENT_POLL_SERVED:
		return fetch_poll(h, err);
	case EVENT_POLL_REFUSED:
		return fetch_poll_refused(h, err);
	case EVENT_SIP_REGISTERED:
		return registered(h, err);
	default:
		return 0;
	}
}

static void word_take(struct hand *h, struct slice word, char *out, size_t size) {
	char text[EVENT_WORD_MAX + 1];

	(void)slice_copy(word, text, sizeof(text));
	if (word.n == 0 || strcmp(text, out) == 0)
		return;
	(void)slice_copy(word, out, size);
	h->dirty = true;
}

/* What a phone that is served at home says of itself and of its secret folder. A browser in the office is no phone. */
static void hand_learn_phone(struct hand *h) {
	if (!hand_is_served(h) || is_imposter(h) || h->e->time < h->d.changed)
		return;
	if (!device_is_home(&h->d, h->j->conf, h->e->ip))
		return;
	word_take(h, h->e->vendor, h->d.vendor, sizeof(h->d.vendor));
	word_take(h, h->e->model, h->d.model, sizeof(h->d.model));
	word_take(h, h->e->version, h->d.version, sizeof(h->d.version));
	if (h->e->time >= h->d.seen + MINUTE) {
		h->d.seen = h->e->time;
		h->dirty = true;
	}
}

static void hand_learn_folder(struct hand *h) {
	if (h->f->folder == 0 || h->f->folder == h->d.folder || !hand_is_served(h) || is_imposter(h))
		return;
	if (h->e->time < h->d.changed || (!h->is_home && !h->in_network))
		return;
	h->d.folder = h->f->folder;
	h->dirty = true;
}

static int only_count(struct judge *j, const char *sum, struct err *err) {
	j->sums.ignored++;
	return store_sum_add(j->store, sum, 1, err);
}

/* Rule 1. A new MAC becomes a device, on which the other rules then work. */
static int learn(struct hand *h, bool *learned, struct err *err) {
	const struct conf *conf = h->j->conf;
	const struct event *e = h->e;
	int network, window;

	*learned = false;
	if (!conf->devices.learn)
		return only_count(h->j, "devices.ignored", err);
	if (store_device_count(h->j->store) >= conf->devices.max_devices)
		return only_count(h->j, "devices.over", err);
	h->d =
		(struct device){.mac = e->mac, .state = DEVICE_NEW, .reason = REASON_NEW, .created = e->time, .learned = true};
	(void)slice_copy(account_is_sound(e->account) ? e->account : slice_of(ACCOUNT_NONE), h->d.account,
	                 sizeof(h->d.account));
	device_standing(&h->d, conf, e->time, &h->standing);
	network = store_network_has(h->j->store, h->d.account, e->ip, err);
	if (network < 0)
		return -1;
	window = store_window_has(h->j->store, h->d.account, e->ip, e->time, err);
	if (window < 0)
		return -1;
	h->in_network = network == 1;
	h->in_window = window == 1;
	h->dirty = true;
	h->j->sums.learned++;
	*learned = true;
	return judge_record(h->j, h->f, NULL, "learned", &h->d, &(struct prefix){e->ip, 128}, "rule 1", err, "%s", "");
}

/* Rule 14. */
static int inventory_created(struct judge *j, const struct facts *f, struct err *err) {
	const struct event *e = f->e;
	struct device d = {.mac = e->mac, .state = DEVICE_NEW, .reason = REASON_NEW, .created = e->time};

	if (f->has_device || (f->removed && e->time < f->device.removed))
		return 0;
	if (store_device_count(j->store) >= j->conf->devices.max_devices)
		return only_count(j, "devices.over", err);
	(void)slice_copy(account_is_sound(e->account) ? e->account : slice_of(ACCOUNT_NONE), d.account, sizeof(d.account));
	if (store_device_put(j->store, &d, err) < 0)
		return -1;
	return judge_record(j, f, NULL, "created", &d, NULL, "rule 14", err, "%s", "by the inventory");
}

static int inventory_event(struct judge *j, struct facts *f, struct err *err) {
	struct device d = f->device;

	if (f->e->kind == EVENT_DEVICE_CREATED)
		return inventory_created(j, f, err);
	if (!f->has_device)
		return 0;
	if (f->e->kind == EVENT_DEVICE_DELETED) {
		if (f->e->time < d.changed || f->e->time < d.created)
			return 0;
		if (device_remove(j, &d, f->e->time, err) < 0)
			return -1;
		return judge_record(j, f, NULL, "removed", &d, NULL, "rule 14", err, "%s", "by the inventory");
	}
	if (d.custom)
		return 0;
	d.custom = true;
	if (store_device_put(j->store, &d, err) < 0)
		return -1;
	return judge_record(j, f, NULL, "customised", &d, NULL, "rule 14", err, "%s", "by the inventory");
}

static void hand_take(struct hand *h, struct judge *j, const struct facts *f) {
	memset(h, 0, sizeof(*h));
	h->j = j;
	h->f = f;
	h->e = f->e;
	h->d = f->device;
	h->standing = f->standing;
	h->is_home = f->is_home;
	h->in_network = f->in_network;
	h->in_window = f->in_window;
}

static int hand_store(struct hand *h, struct err *err) {
	if (h->dirty && store_device_put(h->j->store, &h->d, err) < 0)
		return -1;
	return h->cascades ? lock_cascade(h->j, h->f, &h->d, err) : 0;
}

/* Rules 1 to 10, for a fetch or a registration with a proven address. */
static int device_event(struct judge *j, const struct facts *f, struct err *err) {
	struct hand h;
	bool learned;

	hand_take(&h, j, f);
	if (!f->has_device) {
		if (learn(&h, &learned, err) < 0)
			return -1;
		if (!learned)
			return 0;
	}
	hand_learn_folder(&h);
	if (hand_apply(&h, err) < 0)
		return -1;
	hand_learn_phone(&h);
	return hand_store(&h, err);
}

int lock_event(struct judge *j, struct facts *f, struct err *err) {
	enum event_kind kind = f->e->kind;
	bool is_fetch = kind <= EVENT_POLL_UNKNOWN;
	bool is_served = kind == EVENT_PROVISION_SERVED || kind == EVENT_POLL_SERVED;

	if (kind == EVENT_PORTAL_AUTH_FAILED)
		return 0;
	if (kind >= EVENT_DEVICE_CREATED)
		return inventory_event(j, f, err);
	if (f->e->proof == PROOF_NONE)
		return 0;
	if (f->removed)
		return is_fetch ? only_count(j, "devices.removed", err) : 0;
	if (f->has_device ? !is_fetch && kind != EVENT_SIP_REGISTERED : !is_served)
		return 0;
	return device_event(j, f, err);
}

/* Rule 11. What an unlock or an exposure preceded is held, for somebody who knows the phone's secret is at work. */
int lock_suspect(struct judge *j, uint64_t mac, const struct event *e, const char *trigger, struct err *err) {
	struct facts f;
	struct event own = *e;
	struct hand h;
	bool again;
	int found;

	memset(&f, 0, sizeof(f));
	f.e = &own;
	found = store_device(j->store, mac, &f.device, err);
	if (found <= 0)
		return found;
	if (f.device.removed != TIME_NONE || e->proof == PROOF_NONE)
		return 0;
	if (f.device.changed != TIME_NONE && e->time < f.device.changed) {
		j->sums.late++;
		return 0;
	}
	device_standing(&f.device, j->conf, e->time, &f.standing);
	if (f.standing.state == DEVICE_HELD)
		return 0;
	hand_take(&h, j, &f);
	again = !h.standing.open && h.d.unlock_start != TIME_NONE && e->time - h.d.unlock_start < 7 * (int64_t)DAY;
	if (again || h.d.exposed != TIME_NONE) {
		if (hand_lock(&h, DEVICE_HELD, REASON_HELD, "held", trigger, err) < 0)
			return -1;
		h.cascades = true;
		j->sums.held++;
	} else if (hand_lock(&h, DEVICE_LOCKED, REASON_SUSPICIOUS, "suspected", trigger, err) < 0) {
		return -1;
	}
	return hand_store(&h, err);
}
