#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/admin_private.h"
#include "enforcer/lock_private.h"

#define WINDOW_HOURS_MAX 40
#define ACCOUNT_FOR_MAX  (40 * (int64_t)HOUR)
#define UNLOCK_FOR_MAX   (3660 * (int64_t)DAY)

int admin_device(struct judge *j, const struct order *o, uint64_t mac, struct device *d, struct err *err) {
	char text[MAC_TEXT];
	int found;

	if (judge_advance(j, o->time, err) < 0)
		return -1;
	found = store_device(j->store, mac, d, err);
	if (found < 0)
		return -1;
	if (found == 1 && d->removed == TIME_NONE)
		return 0;
	mac_print(mac, text);
	return err_set(err, ERR_NEGATIVE, "%s: no device has this MAC", text);
}

int admin_store(struct judge *j, const struct order *o, const struct device *d, const char *what, const char *detail,
                struct err *err) {
	if (store_device_put(j->store, d, err) < 0)
		return -1;
	return judge_record(j, NULL, o, what, d, NULL, "", err, "%s", detail);
}

int admin_prefix(struct prefix at, unsigned bits4, unsigned bits6, struct err *err) {
	static const struct prefix all_v4 = {{{[10] = 0xff, [11] = 0xff}}, 96};
	bool is_v4 = at.bits >= 96 && addr_is_v4(at.base);
	bool is_both = at.bits < 96 && prefix_overlaps(at, all_v4); /* ::/48 would hold all of IPv4 */
	char text[PREFIX_TEXT];

	if (!is_both && prefix_length(at) >= (is_v4 ? bits4 : bits6))
		return 0;
	prefix_print(at, text);
	return err_set(err, ERR_INPUT, "%s: too wide, at least /%u is wanted", text, is_v4 ? bits4 : bits6);
}

int admin_account(const char *account, struct err *err) {
	if (account_is_sound(slice_of(account)))
		return 0;
	return err_set(err, ERR_INPUT, "account: 1 to 64 of A-Z a-z 0-9 . _ @ - are taken");
}

/* ---- unlock and lock ---- */

/* An unlock never shortens what was open as a new device. */
static int64_t unlock_until(const struct standing *standing, int64_t until) {
	if (standing->state != DEVICE_NEW || until == TIME_NONE)
		return until;
	return standing->until == TIME_NONE || standing->until > until ? standing->until : until;
}

/* until TIME_NONE: until used. */
static int device_unlock(struct judge *j, const struct order *o, struct device *d, int64_t until, bool whole_account,
                         struct err *err) {
	struct standing standing;
	char text[TIME_TEXT] = "it is used";

	device_standing(d, j->conf, o->time, &standing);
	device_changing(d, o->time);
	if (standing.state == DEVICE_HELD)
		d->lapsed_reason = REASON_SUSPICIOUS;
	else if (standing.state == DEVICE_NEW)
		d->lapsed_reason = REASON_STALE;
	else if (standing.state == DEVICE_LOCKED)
		d->lapsed_reason = standing.reason;
	d->state = DEVICE_UNLOCKED;
	d->reason = REASON_UNLOCKED;
	d->unlock_start = o->time;
	d->unlock_end = unlock_until(&standing, until);
	d->unlock_account = whole_account;
	if (d->unlock_end != TIME_NONE)
		time_print(d->unlock_end, text);
	if (store_device_put(j->store, d, err) < 0 || trigger_device_cleared(j, d->mac, err) < 0)
		return -1;
	j->sums.opened++;
	return judge_record(j, NULL, o, "unlocked", d, NULL, "", err, "open until %s", text);
}

static int unlock_refusal(const struct device *d, const struct standing *standing, bool support, struct err *err) {
	char text[MAC_TEXT];

	mac_print(d->mac, text);
	if (d->custom)
		return err_set(err, ERR_POLICY,
		               "%s: its config file was replaced by a custom one, which an unlock cannot open; "
		               "`provctl add %s --custom no` brings it back",
		               text, text);
	if (standing->state == DEVICE_HELD && !support)
		return err_set(err, ERR_POLICY,
		               "%s: held, because its credentials were attacked after an unlock or exposure; "
		               "once that is understood, `provctl unlock %s --support` opens it",
		               text, text);
	return 0;
}

int judge_dropped(struct judge *j, struct addr ip, int64_t time, struct ban *out, struct err *err) {
	static const enum ban_kind kinds[] = {BAN_ALLOW, BAN_BLOCK, BAN_BAN};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int found = store_ban_of(j->store, kinds[i], ip, time, out, err);

		if (found < 0)
			return -1;
		if (found == 1 && !out->pending)
			return kinds[i] != BAN_ALLOW;
	}
	return 0;
}

static int address_banned(struct judge *j, struct addr ip, int64_t time, struct unlock_result *r, struct err *err) {
	struct ban ban;
	int found;

	if (r->home_banned)
		return 0;
	found = judge_dropped(j, ip, time, &ban, err);
	if (found < 0)
		return -1;
	if (found == 1) {
		r->home_banned = true;
		r->banned = ip;
		r->banned_by = ban.at;
	}
	return 0;
}

int judge_unlock(struct judge *j, const struct order *o, uint64_t mac, int64_t lasts, bool support,
                 struct unlock_result *result, struct err *err) {
	struct unlock_result r = {0};
	struct standing standing;

	if (lasts < 0 || lasts > UNLOCK_FOR_MAX)
		return err_set(err, ERR_INPUT, "unlock: more than no time and at most ten years");
	if (admin_device(j, o, mac, &r.device, err) < 0)
		return -1;
	device_standing(&r.device, j->conf, o->time, &standing);
	if (unlock_refusal(&r.device, &standing, support, err) < 0)
		return -1;
	for (uint32_t i = 0; i < r.device.homes.n; i++)
		if (address_banned(j, r.device.homes.at[i].at.base, o->time, &r, err) < 0)
			return -1;
	for (uint32_t i = 0; i < r.device.nmoved; i++)
		if (address_banned(j, r.device.moved[i].ip, o->time, &r, err) < 0)
			return -1;
	lasts = lasts ? lasts : j->conf->devices.unlock_for;
	if (device_unlock(j, o, &r.device, o->time + lasts, false, err) < 0)
		return -1;
	*result = r;
	return 0;
}

/* One page of the account's MACs: what is opened is written between two pages, never under a listing. */
#define ACCOUNT_PAGE 256
struct account_page {
	uint64_t macs[ACCOUNT_PAGE];
	uint32_t n;
};

static int account_page_each(void *context, const struct device *d, struct err *err) {
	struct account_page *p = context;

	(void)err;
	p->macs[p->n++] = d->mac;
	return p->n == ACCOUNT_PAGE;
}

/* An unlock of its own that would end sooner does not keep a device out. */
static const char *unlock_skips(const struct device *d, const struct standing *standing, int64_t until) {
	if (standing->state == DEVICE_HELD)
		return "held";
	if (d->custom)
		return "custom";
	if (standing->state == DEVICE_UNLOCKED && d->unlock_end != TIME_NONE &&
	    (until == TIME_NONE || d->unlock_end < until))
		return NULL;
	return standing->open ? "open already" : NULL;
}

struct account_unlock {
	struct judge *j;
	const struct order *o;
	int64_t until;
	bool preview;
	int (*each)(void *context, const struct device *d, const char *skipped);
	void *context;
};

static int account_unlock_one(const struct account_unlock *u, uint64_t mac, struct err *err) {
	struct device d;
	struct standing standing;
	const char *skipped;

	if (store_device(u->j->store, mac, &d, err) < 0)
		return -1;
	device_standing(&d, u->j->conf, u->o->time, &standing);
	skipped = unlock_skips(&d, &standing, u->until);
	if (!skipped && !u->preview && device_unlock(u->j, u->o, &d, u->until, true, err) < 0)
		return -1;
	return u->each(u->context, &d, skipped) != 0;
}

int judge_unlock_account(struct judge *j, const struct order *o, const char *account, int64_t lasts, bool preview,
                         int (*each)(void *context, const struct device *d, const char *skipped), void *context,
                         struct err *err) {
	struct account_unlock u = {j, o, lasts ? o->time + lasts : TIME_NONE, preview, each, context};
	struct device_filter filter = {.account = account, .shard = -1};
	struct account_page page;
	bool any = false;
	int stop = 0;

	if (lasts != 0 && (lasts < HOUR || lasts > ACCOUNT_FOR_MAX))
		return err_set(err, ERR_INPUT, "unlock: an account is opened for 1h to 40h, or until used");
	if (admin_account(account, err) < 0 || (!preview && judge_advance(j, o->time, err) < 0))
		return -1;
	do {
		page.n = 0;
		if (store_devices(j->store, &filter, account_page_each, &page, err) < 0)
			return -1;
		any = any || page.n > 0;
		for (uint32_t i = 0; i < page.n && stop == 0; i++)
			stop = account_unlock_one(&u, page.macs[i], err);
		if (page.n > 0)
			filter.from = page.macs[page.n - 1] + 1;
	} while (stop == 0 && page.n == ACCOUNT_PAGE);
	if (!any)
		return err_set(err, ERR_NEGATIVE, "%s: no device belongs to this account", account);
	return stop < 0 ? -1 : 0;
}

int judge_lock(struct judge *j, const struct order *o, uint64_t mac, bool no_home, struct err *err) {
	struct device d;
	struct standing standing;
	bool clears;

	if (admin_device(j, o, mac, &d, err) < 0)
		return -1;
	device_standing(&d, j->conf, o->time, &standing);
	clears = no_home && d.homes.n > 0;
	if ((d.state != DEVICE_LOCKED && d.state != DEVICE_HELD) || clears)
		device_changing(&d, o->time);
	if (clears)
		memset(&d.homes, 0, sizeof(d.homes));
	if (standing.state != DEVICE_HELD) {
		d.reason = reason_raised(&d, &standing, REASON_MANUAL);
		d.state = DEVICE_LOCKED;
	}
	d.unlock_end = TIME_NONE;
	d.unlock_account = false;
	j->sums.locked += standing.open;
	return admin_store(j, o, &d, "locked", no_home ? "without home" : "home stays", err);
}

/* ---- home, network, window ---- */

static int home_add(struct judge *j, const struct order *o, struct device *d, struct prefix at, struct err *err) {
	struct home home = {.at = at, .kind = HOME_GIVEN, .backed = true, .added = o->time, .used = o->time};
	char text[MAC_TEXT];

	device_changing(d, o->time);
	if (!home_add_given(&d->homes, &home)) {
		mac_print(d->mac, text);
		return err_set(err, ERR_INPUT, "%s: has %d given homes already; a network of its account holds any number",
		               text, HOME_GIVEN_MAX);
	}
	/* As with an inventory's home: who has one is locked to it. */
	if (d->state == DEVICE_NEW) {
		d->state = DEVICE_LOCKED;
		d->reason = REASON_PROVISIONED;
		j->sums.locked++;
	}
	for (uint32_t i = d->nmoved; i-- > 0;)
		if (prefix_has(at, d->moved[i].ip))
			device_moved_drop(d, i);
	return 0;
}

static int home_take_away(struct judge *j, const struct order *o, struct device *d, struct prefix at, struct err *err) {
	char mac[MAC_TEXT], text[PREFIX_TEXT];

	device_changing(d, o->time);
	if (home_remove(&d->homes, j->conf, at))
		return 0;
	mac_print(d->mac, mac);
	prefix_print(at, text);
	return err_set(err, ERR_NEGATIVE, "%s: %s is not its home; `provctl show %s` lists them", mac, text, mac);
}

int judge_home(struct judge *j, const struct order *o, uint64_t mac, struct prefix at, bool add, struct err *err) {
	struct device d;

	if (admin_prefix(at, ADMIN_BITS4, ADMIN_BITS6, err) < 0 || admin_device(j, o, mac, &d, err) < 0)
		return -1;
	if ((add ? home_add(j, o, &d, at, err) : home_take_away(j, o, &d, at, err)) < 0)
		return -1;
	if (store_device_put(j->store, &d, err) < 0)
		return -1;
	return judge_record(j, NULL, o, add ? "home-added" : "home-dropped", &d, &at, "", err, "%s", "by hand");
}

struct network_look {
	struct prefix at;
	bool found;
	struct network network;
};

static int network_look_each(void *context, const struct network *n) {
	struct network_look *l = context;

	if (!prefix_same(n->at, l->at))
		return 0;
	l->found = true;
	l->network = *n;
	return 1;
}

static int places_changed(struct judge *j, struct err *err) {
	struct unpublished places = {.common = true, .bans = true}; /* windows stand in the firewall, too */

	return store_mark_unpublished(j->store, &places, err);
}

int judge_network(struct judge *j, const struct order *o, struct prefix at, const char *account, bool add,
                  struct err *err) {
	struct network_look look = {.at = at};
	char text[PREFIX_TEXT];

	prefix_print(at, text);
	if (admin_prefix(at, ADMIN_BITS4, ADMIN_BITS6, err) < 0 || admin_account(account, err) < 0 ||
	    judge_advance(j, o->time, err) < 0 ||
	    store_networks(j->store, account, false, network_look_each, &look, err) < 0)
		return -1;
	if (add && look.found)
		return 0;
	if (!add && !look.found)
		return err_set(err, ERR_NEGATIVE, "%s: is no network of account %s", text, account);
	if (add) {
		look.network = (struct network){.at = at, .added = o->time, .removed = TIME_NONE};
		(void)slice_copy(slice_of(account), look.network.account, sizeof(look.network.account));
	} else {
		look.network.removed = o->time > look.network.added ? o->time : look.network.added;
	}
	if (store_network_put(j->store, &look.network, err) < 0 || places_changed(j, err) < 0)
		return -1;
	return judge_record(j, NULL, o, add ? "network-added" : "network-removed", NULL, &at, "", err, "account %s",
	                    account);
}

struct window_look {
	struct prefix at;
	const char *account; /* NULL any */
	int64_t time;
	bool found;
	struct window window;
};

static int window_look_each(void *context, const struct window *w) {
	struct window_look *l = context;

	if (!prefix_same(w->at, l->at) || (l->account && strcmp(w->account, l->account) != 0))
		return 0;
	l->found = true;
	l->window = *w;
	return 1;
}

int judge_window_open(struct judge *j, const struct order *o, struct prefix at, const char *account, int64_t hours,
                      struct window *opened, bool *ban_lifted, struct err *err) {
	struct window_look look = {.at = at, .account = account};
	struct window w = {.at = at, .start = o->time};
	bool lifted = false;
	char until[TIME_TEXT];

	if (hours < 1 || hours > WINDOW_HOURS_MAX)
		return err_set(err, ERR_INPUT, "window: opens for 1 to %d hours; nothing changed", WINDOW_HOURS_MAX);
	if (admin_prefix(at, 24, 48, err) < 0 || (strcmp(account, "*") != 0 && admin_account(account, err) < 0))
		return -1;
	if (judge_advance(j, o->time, err) < 0 || store_windows(j->store, o->time, false, window_look_each, &look, err) < 0)
		return -1;
	if (look.found)
		w = look.window; /* the same window goes on, with another end */
	(void)slice_copy(slice_of(account), w.account, sizeof(w.account));
	w.until = o->time + hours * HOUR;
	time_print(w.until, until);
	if (store_window_put(j->store, &w, err) < 0 || places_changed(j, err) < 0 ||
	    judge_record(j, NULL, o, "window-opened", NULL, &at, "", err, "account %s, until %s", account, until) < 0 ||
	    ban_lift_within(j, at, o, &lifted, err) < 0)
		return -1;
	*opened = w;
	*ban_lifted = lifted;
	return 0;
}

int judge_window_close(struct judge *j, const struct order *o, struct prefix at, const char *account, struct err *err) {
	struct window_look look;
	char text[PREFIX_TEXT];
	bool any = false;

	if (judge_advance(j, o->time, err) < 0)
		return -1;
	do {
		look = (struct window_look){.at = at, .account = account};
		if (store_windows(j->store, o->time, false, window_look_each, &look, err) < 0)
			return -1;
		if (!look.found)
			break;
		any = true;
		look.window.until = o->time;
		if (store_window_put(j->store, &look.window, err) < 0 ||
		    judge_record(j, NULL, o, "window-closed", NULL, &at, "", err, "account %s", look.window.account) < 0)
			return -1;
	} while (true);
	if (any)
		return places_changed(j, err);
	prefix_print(at, text);
	return err_set(err, ERR_NEGATIVE, "%s: no window is open for it", text);
}

/* ---- clear-exposed, pause ---- */

static bool home_is_not_provisioned(const void *context, const struct home *home) {
	(void)context;
	return home->kind != HOME_PROVISIONED;
}

static bool home_is_polled(const void *context, const struct home *home) {
	(void)context;
	return home->kind == HOME_POLL;
}

static bool has_provisioned_home(const struct device *d) {
	for (uint32_t i = 0; i < d->homes.n; i++)
		if (d->homes.at[i].kind == HOME_PROVISIONED)
			return true;
	return false;
}

int judge_clear_exposed(struct judge *j, const struct order *o, uint64_t mac, struct err *err) {
	struct device d;
	char text[MAC_TEXT];

	if (admin_device(j, o, mac, &d, err) < 0)
		return -1;
	if (d.exposed == TIME_NONE) {
		mac_print(mac, text);
		return err_set(err, ERR_NEGATIVE, "%s: is not exposed", text);
	}
	device_changing(&d, o->time);
	/* Without a provisioned home the given ones are all that it is served from: dropping them would cut it off. */
	(void)home_drop(&d.homes, has_provisioned_home(&d) ? home_is_not_provisioned : home_is_polled, NULL);
	d.exposed = TIME_NONE;
	d.exposed_to = (struct addr){0};
	d.exposed_race = false;
	d.folder = 0;
	return admin_store(j, o, &d, "cleared", "no longer exposed; polled homes and the secret path are forgotten", err);
}

static int all_changed(struct judge *j, struct err *err) {
	struct unpublished all = {.common = true, .bans = true};

	memset(all.shard, true, sizeof(all.shard));
	return store_mark_unpublished(j->store, &all, err);
}

/* A pause of the locks that a new one replaces is kept: what generators answered then is asked later. */
static int pause_keep(struct judge *j, int64_t now, struct err *err) {
	int64_t start, until, locks;

	if (store_number(j->store, "pause.start", &start, err) < 0 ||
	    store_number(j->store, "pause.until", &until, err) < 0 ||
	    store_number(j->store, "pause.locks", &locks, err) < 0)
		return -1;
	until = until < now ? until : now;
	return locks != 0 && start < until ? store_pause_put(j->store, start, until, err) : 0;
}

int judge_pause(struct judge *j, const struct order *o, int64_t lasts, bool locks, struct err *err) {
	int64_t until = o->time + (lasts ? lasts : HOUR);
	char text[TIME_TEXT];

	if (lasts < 0 || lasts > UNLOCK_FOR_MAX)
		return err_set(err, ERR_INPUT, "pause: more than no time and at most ten years");
	if (judge_advance(j, o->time, err) < 0 || pause_keep(j, o->time, err) < 0 ||
	    store_set_number(j->store, "pause.start", o->time, err) < 0 ||
	    store_set_number(j->store, "pause.until", until, err) < 0 ||
	    store_set_number(j->store, "pause.locks", locks, err) < 0 || all_changed(j, err) < 0)
		return -1;
	time_print(until, text);
	return judge_record(j, NULL, o, "paused", NULL, NULL, "", err, "no bans%s until %s", locks ? " and no locks" : "",
	                    text);
}

int judge_resume(struct judge *j, const struct order *o, struct err *err) {
	int64_t until;

	if (judge_advance(j, o->time, err) < 0 || store_number(j->store, "pause.until", &until, err) < 0)
		return -1;
	if (until <= o->time)
		return err_set(err, ERR_NEGATIVE, "resume: nothing is paused");
	if (store_set_number(j->store, "pause.until", o->time, err) < 0 || all_changed(j, err) < 0)
		return -1;
	return judge_record(j, NULL, o, "resumed", NULL, NULL, "", err, "%s", "bans and locks are in force");
}

int judge_paused(struct judge *j, int64_t time, bool *bans, bool *locks, struct err *err) {
	int64_t start, until, with_locks;
	int former;

	if (store_number(j->store, "pause.until", &until, err) < 0)
		return -1;
	*bans = *locks = false;
	if (time >= until)
		return 0;
	if (store_number(j->store, "pause.start", &start, err) < 0 ||
	    store_number(j->store, "pause.locks", &with_locks, err) < 0)
		return -1;
	if (time < start) {
		former = store_pause_has(j->store, time, err);
		*locks = former == 1;
		return former < 0 ? -1 : 0;
	}
	*bans = true;
	*locks = with_locks != 0;
	return 0;
}
