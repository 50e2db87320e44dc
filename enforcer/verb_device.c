#include <string.h>

#include "enforcer/verb.h"

static int device_answer(struct request *r, uint64_t mac, const char *change, struct err *err) {
	struct device d;
	struct buf *b;

	if (verb_device(r, mac, true, &d, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	row_device(r, b, &d);
	row_version(r, b, &d);
	if (change)
		js_put_string(b, "change", change);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

struct opening {
	struct request *r;
	struct err *err;
	bool failed; /* err is set */
};

static int account_row(void *context, const struct device *d, const char *skipped) {
	struct opening *o = context;
	struct buf *b = control_row(o->r);

	js_begin(b, '{');
	row_device(o->r, b, d);
	js_put_string(b, "skipped", skipped);
	js_end(b, '}');
	control_row_end(o->r);
	o->failed = verb_page(o->r, o->err) < 0;
	return o->failed ? -1 : 0;
}

static int unlock_account(struct request *r, const char *account, struct err *err) {
	struct order o = control_order(r);
	struct opening opening = {.r = r, .err = err};
	int64_t lasts;

	if (arg_lasts(r, 0, &lasts, err) < 0)
		return -1;
	if (judge_unlock_account(r->judge, &o, account, lasts, js_true(r->args, "preview"), account_row, &opening, err) < 0)
		return -1;
	return opening.failed ? -1 : 0;
}

/* mac, for, support: one device, answered by its row, home_banned and banned_by. account, for, preview: all of an account, a row each
 * with skipped (null or why). */
int verb_unlock(struct request *r, struct err *err) {
	struct order o = control_order(r);
	struct unlock_result result;
	const char *account;
	uint64_t mac;
	int64_t lasts;
	struct buf *b;

	if (arg_account(r, &account, err) < 0)
		return -1;
	if (account)
		return unlock_account(r, account, err);
	if (arg_mac(r, &mac, err) < 0 || arg_lasts(r, 0, &lasts, err) < 0)
		return -1;
	if (judge_unlock(r->judge, &o, mac, lasts, js_true(r->args, "support"), &result, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	row_device(r, b, &result.device);
	row_version(r, b, &result.device);
	row_addr(b, "home_banned", result.home_banned ? result.banned : (struct addr){{0}});
	row_prefix_of(b, "banned_by", result.home_banned ? &result.banned_by : NULL);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

/* mac, no_home */
int verb_lock(struct request *r, struct err *err) {
	struct order o = control_order(r);
	uint64_t mac;

	if (arg_mac(r, &mac, err) < 0 || judge_lock(r->judge, &o, mac, js_true(r->args, "no_home"), err) < 0)
		return -1;
	return device_answer(r, mac, NULL, err);
}

static int homes_list(struct request *r, uint64_t mac, struct err *err) {
	static const char *const kinds[] = {
		[HOME_PROVISIONED] = "provisioned", [HOME_POLL] = "poll", [HOME_GIVEN] = "given"};
	struct device d;

	if (verb_device(r, mac, false, &d, err) < 0)
		return -1;
	for (uint32_t i = 0; i < d.homes.n; i++) {
		const struct home *h = &d.homes.at[i];
		struct buf *b = control_row(r);

		js_begin(b, '{');
		row_mac(b, "mac", mac);
		row_prefix(b, "home", h->at);
		js_put_string(b, "kind", kinds[h->kind]);
		js_put_bool(b, "backed", h->backed);
		js_put_time(b, "added", h->added);
		js_put_time(b, "used", h->used);
		js_put_text(b, "country", (struct slice){h->country, h->country[0] ? 2 : 0});
		js_put_number(b, "asn", h->asn);
		js_end(b, '}');
		control_row_end(r);
	}
	return 0;
}

/* mac, do: add, remove (home) or list */
int verb_home(struct request *r, struct err *err) {
	const char *what = js_text(r->args, "do");
	struct order o = control_order(r);
	struct prefix at;
	uint64_t mac;
	bool add = what && strcmp(what, "add") == 0;

	if (arg_mac(r, &mac, err) < 0)
		return -1;
	if (what && strcmp(what, "list") == 0)
		return homes_list(r, mac, err);
	if (!add && (!what || strcmp(what, "remove") != 0))
		return err_set(err, ERR_INPUT, "home: add, remove or list");
	if (arg_prefix(r, "home", &at, err) < 0 || judge_home(r->judge, &o, mac, at, add, err) < 0)
		return -1;
	return device_answer(r, mac, NULL, err);
}

/* mac */
int verb_clear_exposed(struct request *r, struct err *err) {
	struct order o = control_order(r);
	uint64_t mac;

	if (arg_mac(r, &mac, err) < 0 || judge_clear_exposed(r->judge, &o, mac, err) < 0)
		return -1;
	return device_answer(r, mac, NULL, err);
}

/* mac, account, custom (true or false) */
int verb_add(struct request *r, struct err *err) {
	static const char *const changes[] = {
		[INVENTORY_SAME] = "same", [INVENTORY_ADDED] = "added", [INVENTORY_CHANGED] = "changed"};
	struct order o = control_order(r);
	struct inventory_row row = {.custom = TRI_UNKNOWN};
	enum inventory_change change;
	const char *account;
	bool stale;

	if (arg_mac(r, &row.mac, err) < 0 || arg_account(r, &account, err) < 0)
		return -1;
	if (account)
		(void)slice_copy(slice_of(account), row.account, sizeof(row.account));
	if (js_get(r->args, "custom"))
		row.custom = js_true(r->args, "custom") ? TRI_YES : TRI_NO;
	if (judge_inventory(r->judge, &o, &row, false, false, &change, &stale, err) < 0)
		return -1;
	return device_answer(r, row.mac, changes[change], err);
}

/* mac */
int verb_remove(struct request *r, struct err *err) {
	struct order o = control_order(r);
	uint64_t mac;

	if (arg_mac(r, &mac, err) < 0 || judge_remove(r->judge, &o, mac, err) < 0)
		return -1;
	return device_answer(r, mac, NULL, err);
}
