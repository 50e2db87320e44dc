#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/verb.h"

#define IMPORT_USERS_MAX 64 /* SIP users of one device */

struct import {
	struct request *r;
	struct order order;
	bool adopt, has_users;
	uint64_t added, changed, same, pruned, stale;
	struct device_user *users; /* IMPORT_USERS_MAX */
};

static int row_users(const struct json *list, struct import *im, struct inventory_row *row, struct err *err) {
	row->has_users = im->has_users;
	row->users = im->users;
	if (js_length(list) > IMPORT_USERS_MAX)
		return err_set(err, ERR_INPUT, "users: more than %d", IMPORT_USERS_MAX);
	for (size_t i = 0; i < js_length(list); i++) {
		struct device_user *u = &im->users[row->nusers];
		struct slice user = slice_of(js_text(js_at(list, i), "user"));
		struct slice realm = slice_of(js_text(js_at(list, i), "realm"));

		if (user.n == 0 || !slice_copy(user, u->user, sizeof(u->user)) ||
		    !slice_copy(realm, u->realm, sizeof(u->realm)))
			return err_set(err, ERR_INPUT, "users: not 1 to %d bytes", EVENT_USER_MAX);
		row->nusers++;
	}
	return 0;
}

static int row_homes(const struct json *list, const struct request *r, struct inventory_row *row, struct err *err) {
	if (js_length(list) > DEVICE_HOMES_MAX)
		return err_set(err, ERR_INPUT, "home: more than %d", DEVICE_HOMES_MAX);
	for (size_t i = 0; i < js_length(list); i++) {
		struct home *h = &row->homes.at[row->homes.n];
		struct slice text = slice_of(js_string(js_at(list, i)));

		*h = (struct home){.kind = HOME_GIVEN, .backed = true, .added = r->now, .used = r->now};
		if (!prefix_parse(text.p ? text.p : "", text.n, &h->at))
			return err_set(err, ERR_INPUT, "home: neither an address nor a prefix without host bits");
		row->homes.n++;
	}
	return 0;
}

static int import_row(struct import *im, const struct json *args, uint64_t *mac, struct err *err) {
	struct inventory_row row = {.custom = TRI_UNKNOWN};
	struct request one = *im->r;
	const char *account;
	enum inventory_change change;
	bool stale = false;

	one.args = args;
	if (arg_mac(&one, &row.mac, err) < 0 || arg_account(&one, &account, err) < 0 ||
	    row_homes(js_get(args, "home"), im->r, &row, err) < 0 || row_users(js_get(args, "users"), im, &row, err) < 0)
		return -1;
	if (account)
		(void)slice_copy(slice_of(account), row.account, sizeof(row.account));
	row.created = js_number(args, "created", TIME_NONE);
	if (row.created < 0)
		return err_set(err, ERR_INPUT, "created: before 1970");
	if (js_get(args, "custom"))
		row.custom = js_true(args, "custom") ? TRI_YES : TRI_NO;
	if (judge_inventory(im->r->judge, &im->order, &row, im->adopt, true, &change, &stale, err) < 0)
		return err_prefix(err, "%s", js_text(args, "mac"));
	im->added += change == INVENTORY_ADDED;
	im->changed += change == INVENTORY_CHANGED;
	im->same += change == INVENTORY_SAME;
	im->stale += stale;
	*mac = row.mac;
	return 0;
}

struct pruning {
	const uint64_t *keep; /* ascending */
	size_t nkeep, at;
	uint64_t last;
	uint64_t *gone; /* to be removed: the listing must not change while it is read */
	size_t ngone, room;
};

static int prune_each(void *context, const struct device *d, struct err *err) {
	struct pruning *p = context;

	if (d->mac > p->last)
		return 1;
	while (p->at < p->nkeep && p->keep[p->at] < d->mac)
		p->at++;
	if (d->learned || (p->at < p->nkeep && p->keep[p->at] == d->mac))
		return 0;
	if (p->ngone == p->room) {
		size_t room = p->room ? p->room * 2 : 1024;
		uint64_t *gone = realloc(p->gone, room * sizeof(*gone));

		if (!gone)
			return err_set(err, ERR_SYSTEM, "out of memory");
		p->gone = gone;
		p->room = room;
	}
	p->gone[p->ngone++] = d->mac;
	return 0;
}

/* Removes what lies between the two MACs and was neither kept nor learned. */
static int prune(struct import *im, const struct json *range, const uint64_t *keep, size_t nkeep, struct err *err) {
	struct pruning p = {.keep = keep, .nkeep = nkeep};
	struct device_filter filter = {.shard = -1};
	const char *first = js_text(range, "first"), *last = js_text(range, "last");
	int result = -1;

	if (!first || !last || !mac_parse(first, strlen(first), &filter.from) || !mac_parse(last, strlen(last), &p.last))
		return err_set(err, ERR_INPUT, "prune: first and last are missing");
	if (store_devices(im->r->store, &filter, prune_each, &p, err) < 0)
		goto out;
	for (size_t i = 0; i < p.ngone; i++)
		if (judge_remove(im->r->judge, &im->order, p.gone[i], err) < 0)
			goto out;
	im->pruned += p.ngone;
	result = 0;
out:
	free(p.gone);
	return result;
}

/* rows: objects of mac, account, created (seconds), home (array), custom, users (array of user, realm); MACs ascending. users: whether the
 * users are to be replaced. adopt. more. prune: {first, last}: devices between these MACs that no row names are removed, but for learned ones. */
int verb_import(struct request *r, struct err *err) {
	struct import im = {.r = r, .order = control_order(r)};
	const struct json *rows = js_get(r->args, "rows");
	const struct json *range = js_get(r->args, "prune");
	size_t n = js_length(rows);
	uint64_t *macs = NULL;
	struct buf *b;
	int result = -1;

	im.adopt = js_true(r->args, "adopt");
	im.has_users = js_true(r->args, "users");
	macs = calloc(n + 1, sizeof(*macs));
	im.users = calloc(IMPORT_USERS_MAX, sizeof(*im.users));
	if (!macs || !im.users) {
		(void)err_set(err, ERR_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (import_row(&im, js_at(rows, i), &macs[i], err) < 0)
			goto out;
		if (i > 0 && macs[i] <= macs[i - 1]) {
			(void)err_set(err, ERR_INPUT, "rows: MACs do not ascend");
			goto out;
		}
	}
	if (range && prune(&im, range, macs, n, err) < 0)
		goto out;
	b = control_row(r);
	js_begin(b, '{');
	js_put_number(b, "added", (int64_t)im.added);
	js_put_number(b, "changed", (int64_t)im.changed);
	js_put_number(b, "same", (int64_t)im.same);
	js_put_number(b, "pruned", (int64_t)im.pruned);
	js_put_number(b, "stale", (int64_t)im.stale);
	js_end(b, '}');
	control_row_end(r);
	result = 0;
out:
	free(im.users);
	free(macs);
	return result;
}

struct listing {
	struct request *r;
	const char *state; /* NULL any */
	bool exposed, moved, registered;
};

static int list_each(void *context, const struct device *d, struct err *err) {
	struct listing *l = context;
	struct standing standing;
	struct addr at = {{0}};
	int64_t registered = TIME_NONE;
	struct buf *b;

	device_standing(d, l->r->conf, l->r->now, &standing);
	if ((l->exposed && d->exposed == TIME_NONE) || (l->moved && d->nmoved == 0) ||
	    (l->state && strcmp(l->state, device_state_name(standing.state)) != 0))
		return 0;
	if (l->registered) {
		if (store_registered_device(l->r->store, d->mac, &at, &registered, err) < 0)
			return -1;
		if (registered == TIME_NONE)
			return 0;
	}
	b = control_row(l->r);
	js_begin(b, '{');
	row_device(l->r, b, d);
	if (l->registered) {
		js_put_time(b, "registered", registered);
		row_addr(b, "registered_at", at);
	}
	js_end(b, '}');
	control_row_end(l->r);
	return verb_page(l->r, err);
}

/* account, state, exposed, moved, registered: each narrows the list. */
int verb_list(struct request *r, struct err *err) {
	struct device_filter filter = {.shard = -1};
	struct listing l = {.r = r, .state = js_text(r->args, "state")};
	enum device_state state = DEVICE_NEW;

	if (arg_account(r, &filter.account, err) < 0)
		return -1;
	while (l.state && state <= DEVICE_HELD && strcmp(l.state, device_state_name(state)) != 0)
		state++;
	if (state > DEVICE_HELD)
		return err_set(err, ERR_INPUT, "state: new, locked, unlocked or held");
	l.exposed = js_true(r->args, "exposed");
	l.moved = js_true(r->args, "moved");
	l.registered = js_true(r->args, "registered");
	return store_devices(r->store, &filter, list_each, &l, err);
}

/* mac */
int verb_show(struct request *r, struct err *err) {
	struct details details = {.registered = TIME_NONE};
	uint64_t mac;
	struct buf *b;
	int result = -1;

	if (arg_mac(r, &mac, err) < 0 || details_gather(r, mac, true, &details, err) < 0)
		goto out;
	b = control_row(r);
	js_begin(b, '{');
	row_details(r, b, &details);
	js_end(b, '}');
	control_row_end(r);
	result = 0;
out:
	details_release(&details);
	return result;
}
