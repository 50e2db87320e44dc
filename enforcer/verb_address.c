#include <string.h>

#include "common/timefmt.h"

#include "enforcer/projection.h"
#include "enforcer/verb.h"

static int comment_of(const struct request *r, struct slice *comment, struct err *err) {
	*comment = slice_of(js_text(r->args, "comment"));
	if (comment->n >= sizeof(((struct ban *)0)->comment))
		return err_set(err, ERR_INPUT, "comment: longer than %zu bytes", sizeof(((struct ban *)0)->comment) - 1);
	return 0;
}

/* What goes before a ban at its first address now, NULL for nothing. */
static int ban_held_back(struct request *r, const struct ban *ban, const char **by, struct err *err) {
	struct ban allow;
	bool bans, locks;
	int allowed, window;

	if (judge_paused(r->judge, r->now, &bans, &locks, err) < 0)
		return -1;
	allowed = store_ban_of(r->store, BAN_ALLOW, ban->at.base, r->now, &allow, err);
	window = store_window_has(r->store, NULL, ban->at.base, r->now, err);
	if (allowed < 0 || window < 0)
		return -1;
	*by = r->conf->mode == MODE_WATCH ? "watch" : bans ? "pause" : allowed ? "allow" : window ? "window" : NULL;
	return 0;
}

static int ban_answer(struct request *r, enum ban_kind kind, struct prefix at, struct err *err) {
	const char *held_back = NULL;
	struct ban ban;
	struct buf *b;
	int found = store_ban(r->store, kind, at, "", r->now, &ban, err);

	if (found <= 0)
		return found;
	if (kind == BAN_BAN && ban_held_back(r, &ban, &held_back, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	row_ban(r, b, &ban);
	if (kind == BAN_BAN)
		js_put_string(b, "held_back", held_back);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

static void lifted_row(struct request *r, const struct prefix *at, uint64_t lifted) {
	struct buf *b = control_row(r);

	js_begin(b, '{');
	if (at)
		row_prefix(b, "ip", *at);
	js_put_number(b, "lifted", (int64_t)lifted);
	js_end(b, '}');
	control_row_end(r);
}

/* ip (address or prefix), for, comment; remove: takes a block or an allow away again. */
static int order_ban(struct request *r, enum ban_kind kind, struct err *err) {
	struct order o = control_order(r);
	struct prefix at;
	struct slice comment;
	int64_t lasts;
	uint64_t lifted;
	char text[PREFIX_TEXT];

	if (arg_prefix(r, "ip", &at, err) < 0 || arg_lasts(r, TIME_NONE, &lasts, err) < 0 ||
	    comment_of(r, &comment, err) < 0)
		return -1;
	if (!js_true(r->args, "remove")) {
		if (judge_ban(r->judge, &o, kind, at, lasts, comment, err) < 0)
			return -1;
		return ban_answer(r, kind, at, err);
	}
	if (judge_unban(r->judge, &o, kind, at, &lifted, err) < 0)
		return -1;
	prefix_print(at, text);
	if (lifted == 0)
		return err_set(err, ERR_NEGATIVE, "%s: no %s of exactly that address or prefix; `provctl bans` lists them",
		               text, ban_kind_name(kind));
	lifted_row(r, &at, lifted);
	return 0;
}

/* ip, for (needed), comment */
int verb_ban(struct request *r, struct err *err) {
	if (!js_get(r->args, "for"))
		return err_set(err, ERR_INPUT, "for: missing; what has no end is a block");
	return order_ban(r, BAN_BAN, err);
}

/* ip, for, comment, remove */
int verb_block(struct request *r, struct err *err) {
	return order_ban(r, BAN_BLOCK, err);
}

/* ip, for, comment, remove */
int verb_allow(struct request *r, struct err *err) {
	return order_ban(r, BAN_ALLOW, err);
}

/* ip: lifts the bans and the block of exactly that address or prefix. all: every ban; blocks stay. */
int verb_unban(struct request *r, struct err *err) {
	struct order o = control_order(r);
	struct prefix at;
	struct ban holds;
	uint64_t bans = 0, blocks = 0;
	char text[PREFIX_TEXT], held[PREFIX_TEXT];

	if (js_true(r->args, "all")) {
		if (judge_unban_all(r->judge, &o, &bans, err) < 0)
			return -1;
		lifted_row(r, NULL, bans);
		return 0;
	}
	if (arg_prefix(r, "ip", &at, err) < 0 || judge_unban(r->judge, &o, BAN_BAN, at, &bans, err) < 0 ||
	    judge_unban(r->judge, &o, BAN_BLOCK, at, &blocks, err) < 0)
		return -1;
	if (bans + blocks > 0) {
		lifted_row(r, &at, bans + blocks);
		return 0;
	}
	prefix_print(at, text);
	for (enum ban_kind kind = BAN_BAN; kind <= BAN_BLOCK; kind++) {
		int found = store_ban_of(r->store, kind, at.base, r->now, &holds, err);

		if (found < 0)
			return -1;
		if (found && holds.at.bits <= at.bits) {
			prefix_print(holds.at, held);
			return err_set(err, ERR_NEGATIVE, "%s: is held by the %s of %s; `provctl unban %s` lifts that", text,
			               ban_kind_name(kind), held, held);
		}
	}
	return err_set(err, ERR_NEGATIVE, "%s: not banned", text);
}

static int ban_each(void *context, const struct ban *ban, struct err *err) {
	struct request *r = context;
	struct buf *b = control_row(r);

	js_begin(b, '{');
	row_ban(r, b, ban);
	js_end(b, '}');
	control_row_end(r);
	return verb_page(r, err);
}

/* all: those that are over too, newest first. */
int verb_bans(struct request *r, struct err *err) {
	projection_counts(r->enforcer);
	return store_bans(r->store, r->now, js_true(r->args, "all"), ban_each, r, err);
}

/* ip */
int verb_ip(struct request *r, struct err *err) {
	struct address a;
	struct buf *b;

	if (arg_ip(r, &a.ip, err) < 0 || address_gather(r, &a, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	row_address(r, b, &a);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}
