#include <string.h>

#include "enforcer/verb.h"

static void network_row(struct request *r, struct prefix at, const char *account, int64_t added, bool in_force) {
	struct buf *b = control_row(r);

	js_begin(b, '{');
	row_prefix(b, "network", at);
	js_put_string(b, "account", account);
	js_put_time(b, "added", added);
	js_put_bool(b, "in_force", in_force);
	js_end(b, '}');
	control_row_end(r);
}

struct listing {
	struct request *r;
	struct err *err;
	const char *account; /* of windows: NULL any */
	bool failed;         /* err is set */
};

static int network_each(void *context, const struct network *n) {
	struct listing *l = context;

	network_row(l->r, n->at, n->account, n->added, true);
	l->failed = verb_page(l->r, l->err) < 0;
	return l->failed ? -1 : 0;
}

/* do: add or remove (network, account), list (account or none) */
int verb_network(struct request *r, struct err *err) {
	const char *what = js_text(r->args, "do");
	struct order o = control_order(r);
	struct listing listing = {.r = r, .err = err};
	struct prefix at;
	const char *account;
	bool add = what && strcmp(what, "add") == 0;

	if (arg_account(r, &account, err) < 0)
		return -1;
	if (what && strcmp(what, "list") == 0) {
		if (store_networks(r->store, account, false, network_each, &listing, err) < 0)
			return -1;
		return listing.failed ? -1 : 0;
	}
	if (!add && (!what || strcmp(what, "remove") != 0))
		return err_set(err, ERR_INPUT, "network: add, remove or list");
	if (!account)
		return err_set(err, ERR_INPUT, "account: missing");
	if (arg_prefix(r, "network", &at, err) < 0 || judge_network(r->judge, &o, at, account, add, err) < 0)
		return -1;
	network_row(r, at, account, r->now, add);
	return 0;
}

/* ban: what drops the address still, NULL for none. */
static void window_row(struct request *r, const struct window *w, bool ban_lifted, const struct ban *ban) {
	struct buf *b = control_row(r);

	js_begin(b, '{');
	row_prefix(b, "window", w->at);
	js_put_string(b, "account", w->account);
	js_put_time(b, "start", w->start);
	js_put_time(b, "until", w->until);
	js_put_bool(b, "open", w->until > r->now);
	js_put_bool(b, "ban_lifted", ban_lifted);
	row_prefix_of(b, "banned_by", ban && ban->kind == BAN_BAN ? &ban->at : NULL);
	row_prefix_of(b, "blocked_by", ban && ban->kind == BAN_BLOCK ? &ban->at : NULL);
	js_end(b, '}');
	control_row_end(r);
}

static int window_each(void *context, const struct window *w) {
	struct listing *l = context;

	if (l->account && strcmp(l->account, w->account) != 0)
		return 0;
	window_row(l->r, w, false, NULL);
	l->failed = verb_page(l->r, l->err) < 0;
	return l->failed ? -1 : 0;
}

/* "account", or "*" where any_account is true. */
static int window_account(const struct request *r, const char **account, struct err *err) {
	if (arg_account(r, account, err) < 0)
		return -1;
	if (js_true(r->args, "any_account")) {
		if (*account)
			return err_set(err, ERR_INPUT, "account: either one account or any");
		*account = "*";
	}
	if (!*account)
		return err_set(err, ERR_INPUT, "account: missing");
	return 0;
}

/* do: open (window, account or any_account, hours), close (window, account or any_account), list (account or none) */
int verb_window(struct request *r, struct err *err) {
	const char *what = js_text(r->args, "do");
	struct order o = control_order(r);
	struct listing listing = {.r = r, .err = err};
	struct window w = {.start = r->now, .until = r->now};
	const char *account;
	bool ban_lifted = false;
	struct ban ban;
	int dropped = 0;

	if (what && strcmp(what, "list") == 0) {
		if (arg_account(r, &listing.account, err) < 0 ||
		    store_windows(r->store, r->now, false, window_each, &listing, err) < 0)
			return -1;
		return listing.failed ? -1 : 0;
	}
	if (!what || (strcmp(what, "open") != 0 && strcmp(what, "close") != 0))
		return err_set(err, ERR_INPUT, "window: open, list or close");
	if (arg_prefix(r, "window", &w.at, err) < 0 || window_account(r, &account, err) < 0)
		return -1;
	if (strcmp(what, "open") == 0) {
		if (judge_window_open(r->judge, &o, w.at, account, js_number(r->args, "hours", 0), &w, &ban_lifted, err) < 0)
			return -1;
		dropped = judge_dropped(r->judge, w.at.base, r->now, &ban, err);
		if (dropped < 0)
			return -1;
	} else {
		(void)slice_copy(slice_of(account), w.account, sizeof(w.account));
		if (judge_window_close(r->judge, &o, w.at, account, err) < 0)
			return -1;
	}
	window_row(r, &w, ban_lifted, dropped ? &ban : NULL);
	return 0;
}
