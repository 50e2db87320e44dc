#include <string.h>

#include "common/timefmt.h"
#include "enforcer/admin_private.h"
#include "enforcer/home.h"

int device_remove(struct judge *j, struct device *d, int64_t time, struct err *err) {
	device_changing(d, time);
	d->state = DEVICE_LOCKED;
	d->reason = REASON_MANUAL;
	d->removed = time;
	d->unlock_end = TIME_NONE;
	d->exposed = TIME_NONE;
	d->folder = 0;
	d->nmoved = 0;
	d->moved_count = 0;
	memset(d->moved, 0, sizeof(d->moved));
	memset(&d->homes, 0, sizeof(d->homes));
	if (store_users_put(j->store, d->mac, NULL, 0, err) < 0)
		return -1;
	return store_device_put(j->store, d, err);
}

int judge_remove(struct judge *j, const struct order *o, uint64_t mac, struct err *err) {
	struct device d;

	if (admin_device(j, o, mac, &d, err) < 0 || device_remove(j, &d, o->time, err) < 0)
		return -1;
	return judge_record(j, NULL, o, "removed", &d, NULL, "", err, "%s", "listed as locked for 30d more");
}

static int row_check(const struct inventory_row *row, struct err *err) {
	if (row->mac == MAC_NONE || row->mac >> 48 || (row->mac >> 40 & 1))
		return err_set(err, ERR_INPUT, "mac: this is no device's");
	if (row->account[0] != '\0' && admin_account(row->account, err) < 0)
		return -1;
	if (row->homes.n > HOME_GIVEN_MAX)
		return err_set(err, ERR_INPUT, "home: at most %d are taken", HOME_GIVEN_MAX);
	for (uint32_t i = 0; i < row->homes.n; i++)
		if (admin_prefix(row->homes.at[i].at, ADMIN_BITS4, ADMIN_BITS6, err) < 0)
			return -1;
	return 0;
}

struct users_look {
	const struct inventory_row *row;
	uint32_t n, same;
};

static int users_look_each(void *context, const struct device_user *user) {
	struct users_look *l = context;

	l->n++;
	for (uint32_t i = 0; i < l->row->nusers; i++)
		if (strcmp(l->row->users[i].user, user->user) == 0 && strcmp(l->row->users[i].realm, user->realm) == 0) {
			l->same++;
			break;
		}
	return 0;
}

/* 1 where the users were others. fresh: the device has none. */
static int row_users(struct judge *j, const struct inventory_row *row, bool fresh, struct err *err) {
	struct users_look look = {.row = row};

	if (!row->has_users)
		return 0;
	if (fresh)
		return store_users_add(j->store, row->mac, row->users, row->nusers, err) < 0 ? -1 : row->nusers > 0;
	if (store_users(j->store, row->mac, users_look_each, &look, err) < 0)
		return -1;
	if (look.n == row->nusers && look.same == row->nusers)
		return 0;
	return store_users_put(j->store, row->mac, row->users, row->nusers, err) < 0 ? -1 : 1;
}

static struct homes row_homes(const struct inventory_row *row, int64_t time) {
	struct homes homes = {0};

	for (uint32_t i = 0; i < row->homes.n; i++) {
		struct home home = {.at = row->homes.at[i].at, .kind = HOME_GIVEN, .backed = true, .added = time, .used = time};

		(void)home_add_given(&homes, &home); /* row_check counted them */
	}
	return homes;
}

/* What the row says of a device that no event and no command decided anything about. */
static bool row_undecided(struct device *d, const struct inventory_row *row, int64_t time) {
	struct homes homes = row_homes(row, time);
	bool changed = false;

	if (d->changed != TIME_NONE || d->exposed != TIME_NONE)
		return false;
	if (d->state == DEVICE_NEW && row->created != TIME_NONE && row->created != d->created) {
		d->created = row->created;
		changed = true;
	}
	if (homes.n > 0 && !homes_same(&homes, &d->homes)) {
		d->homes = homes;
		if (d->state == DEVICE_NEW)
			d->reason = REASON_PROVISIONED;
		d->state = DEVICE_LOCKED;
		changed = true;
	}
	return changed;
}

static bool row_facts(struct device *d, const struct inventory_row *row) {
	bool changed = false, custom = row->custom == TRI_YES;

	if (row->account[0] != '\0' && strcmp(row->account, d->account) != 0) {
		(void)slice_copy(slice_of(row->account), d->account, sizeof(d->account));
		changed = true;
	}
	if (row->custom != TRI_UNKNOWN && custom != d->custom) {
		d->custom = custom;
		changed = true;
	}
	if (d->learned) {
		d->learned = false; /* it stands in the inventory now */
		changed = true;
	}
	return changed;
}

/* A device that comes back after it was removed keeps its account where the row names none. */
static struct device device_fresh(const struct inventory_row *row, const struct device *removed, int64_t time) {
	struct device d = {.mac = row->mac, .state = DEVICE_NEW, .reason = REASON_NEW};
	const char *former = removed ? removed->account : ACCOUNT_NONE;

	d.created = row->created != TIME_NONE ? row->created : time;
	(void)slice_copy(slice_of(row->account[0] != '\0' ? row->account : former), d.account, sizeof(d.account));
	return d;
}

static const char *inventory_word(bool import, enum inventory_change change) {
	if (import)
		return "imported";
	return change == INVENTORY_ADDED ? "created" : "changed";
}

int judge_inventory(struct judge *j, const struct order *o, const struct inventory_row *row, bool adopt, bool import,
                    enum inventory_change *change, bool *stale, struct err *err) {
	enum inventory_change what = INVENTORY_SAME;
	struct device d;
	bool late, changed;
	int found, users;

	if (row_check(row, err) < 0 || judge_advance(j, o->time, err) < 0)
		return -1;
	found = store_device(j->store, row->mac, &d, err);
	if (found < 0)
		return -1;
	if (found == 0 || d.removed != TIME_NONE) {
		if (store_device_count(j->store) >= j->conf->devices.max_devices)
			return err_set(err, ERR_POLICY, "devices.max_devices: %lld devices are there already",
			               (long long)j->conf->devices.max_devices);
		d = device_fresh(row, found == 1 ? &d : NULL, o->time);
		what = INVENTORY_ADDED;
	}
	changed = row_facts(&d, row);
	changed = row_undecided(&d, row, o->time) || changed;
	late = d.state == DEVICE_NEW && o->time >= d.created + j->conf->devices.new_for;
	if (late && adopt && !d.adopt)
		changed = d.adopt = true;
	users = row_users(j, row, found == 0, err);
	if (users < 0)
		return -1;
	if (what == INVENTORY_SAME && (changed || users == 1))
		what = INVENTORY_CHANGED;
	if (what != INVENTORY_SAME &&
	    admin_store(j, o, &d, inventory_word(import, what), import ? "by import" : "by hand", err) < 0)
		return -1;
	*change = what;
	*stale = late;
	return 0;
}
