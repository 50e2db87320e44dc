/* What an address may ask for itself, without a token: whether it is banned, and an end of that.
 *
 * Only bans of the address alone are lifted: of the single address, or for IPv6 of its /64. A ban of a wider prefix is about others, too, and a
 * block is a person's decision. A ban that was lifted so ends now and stays remembered, so that an attacker who lifts his own is banned for longer
 * each time, as if he had waited; what counts towards other triggers stays counted. */
#include "common/timefmt.h"

#include "enforcer/portal.h"
#include "enforcer/verb.h"

struct self {
	struct addr ip, counted; /* counted: as lifts are, IPv6 by /64 */
	struct ban ban;          /* what drops it */
	bool dropped;            /* by a ban or a block, now */
	bool shared;             /* by a ban of a prefix that is not its own alone */
	uint32_t lifts;
};

/* Of exactly what judge_lift_own ends. */
static bool is_own(const struct self *s) {
	return s->ban.at.bits == 128 || (s->ban.at.bits == 64 && !addr_is_v4(s->ip));
}

static int gather(struct request *r, struct self *s, struct err *err) {
	int dropped, window;
	bool bans, locks;

	*s = (struct self){.ip = r->caller->ip};
	s->counted = addr_masked(s->ip, addr_is_v4(s->ip) ? 128 : 64);
	dropped = judge_dropped(r->judge, s->ip, r->now, &s->ban, err);
	window = store_window_has(r->store, NULL, s->ip, r->now, err);
	if (dropped < 0 || window < 0 || judge_paused(r->judge, r->now, &bans, &locks, err) < 0 ||
	    store_lifts(r->store, s->counted, r->now / DAY, &s->lifts, err) < 0)
		return -1;
	s->dropped = dropped == 1 && !bans && r->conf->mode != MODE_WATCH && (s->ban.kind == BAN_BLOCK || !window) &&
	             !judge_never(r->judge, prefix_of(s->ip, 128));
	s->shared = s->dropped && s->ban.kind == BAN_BAN && !is_own(s);
	return 0;
}

static void self_row(struct request *r, const struct self *s, int64_t lifted) {
	bool banned = s->dropped && s->ban.kind == BAN_BAN;
	struct buf *b = control_row(r);

	js_begin(b, '{');
	row_addr(b, "ip", s->ip);
	js_put_bool(b, "banned", banned);
	js_put_time(b, "until", banned ? s->ban.until : TIME_NONE);
	js_key(b, "seconds");
	if (banned)
		buf_printf(b, "%lld", (long long)(s->ban.until - r->now));
	else
		buf_text(b, "null");
	js_put_string(b, "trigger", banned && s->ban.trigger[0] ? s->ban.trigger : NULL);
	js_put_bool(b, "shared", s->shared);
	js_put_bool(b, "blocked", s->dropped && s->ban.kind == BAN_BLOCK);
	js_put_number(b, "lifts_left",
	              s->lifts < r->conf->portal.lifts_per_day ? r->conf->portal.lifts_per_day - s->lifts : 0);
	if (lifted >= 0)
		js_put_number(b, "lifted", lifted);
	js_end(b, '}');
	control_row_end(r);
}

/* No arguments. */
int verb_me(struct request *r, struct err *err) {
	struct self s;

	if (gather(r, &s, err) < 0)
		return -1;
	self_row(r, &s, -1);
	return 0;
}

static int limited(struct request *r, const char *why, struct err *err) {
	r->caller->code = "limited";
	return err_set(err, ERR_POLICY, "%s", why);
}

/* reason. What cannot be is told before anything is changed; a failure behind that is rolled back whole. */
int verb_me_unban(struct request *r, struct err *err) {
	struct order o = control_order(r);
	struct self s;
	uint64_t lifted;
	int counted;

	if (gather(r, &s, err) < 0)
		return -1;
	if (s.dropped && s.ban.kind == BAN_BLOCK)
		return err_set(err, ERR_POLICY, "this address is blocked: only the provider can lift that");
	if (judge_lift_own(r->judge, &o, s.ip, &lifted, err) < 0)
		return -1;
	if (lifted == 0)
		return s.shared ? err_set(err, ERR_POLICY,
		                          "this address is banned with others around it: only the provider can lift that")
		                : err_set(err, ERR_NEGATIVE, "this address is not banned");
	counted = store_lift_add(r->store, s.counted, r->now / DAY, r->conf->portal.lifts_per_day, err);
	if (counted < 0)
		return -1;
	if (counted == 0)
		return limited(r, "this address has lifted its bans too often today", err);
	if (!portal_may_lift(r))
		return limited(r, "too many addresses lift their bans now: try again in a minute", err);
	if (gather(r, &s, err) < 0)
		return -1;
	portal_lifted(r);
	self_row(r, &s, (int64_t)lifted);
	return 0;
}
