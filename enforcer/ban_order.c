#include <string.h>

#include "common/mac.h"
#include "common/timefmt.h"
#include "enforcer/judge_private.h"

#define LONGEST (100 * 366LL * DAY)
#define PAGE    64

static const char *const kind_words[] = {[BAN_BAN] = "banned", [BAN_BLOCK] = "blocked", [BAN_ALLOW] = "allowed"};

static bool comment_is_sound(struct slice comment) {
	for (size_t i = 0; i < comment.n; i++)
		if ((unsigned char)comment.p[i] < 0x20 || comment.p[i] == 0x7f)
			return false;
	return comment.n < sizeof((struct ban *)NULL)->comment;
}

static int ban_check(const struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, int64_t lasts,
                     struct slice comment, struct err *err) {
	char text[PREFIX_TEXT];
	const char *why;

	prefix_print(at, text);
	if (kind == BAN_BAN && lasts == TIME_NONE)
		return err_set(err, ERR_INPUT, "%s: a ban needs an end: give a duration, or use block", text);
	if (lasts < 0 || lasts > LONGEST)
		return err_set(err, ERR_INPUT, "%s: a duration lies between 1s and 100 years", text);
	if (!comment_is_sound(comment))
		return err_set(err, ERR_INPUT, "%s: a comment has at most %zu bytes and no control characters", text,
		               sizeof((struct ban *)NULL)->comment - 1);
	why = kind == BAN_ALLOW ? NULL : judge_never(j, at);
	if (why)
		return err_set(err, ERR_POLICY, "%s: never banned: %s%s", text, at.bits == 128 ? "it is " : "it holds ", why);
	if (kind != BAN_ALLOW && !o->force && !addr_is_none(o->session) && prefix_has(at, o->session))
		return err_set(err, ERR_POLICY,
		               "%s: your own session comes from there, and would end: --force bans it all the same", text);
	return 0;
}

int judge_ban(struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, int64_t lasts,
              struct slice comment, struct err *err) {
	char until[TIME_TEXT] = "without end";
	struct ban ban;
	int found;

	if (ban_check(j, o, kind, at, lasts, comment, err) < 0 || judge_advance(j, o->time, err) < 0)
		return -1;
	found = store_ban(j->store, kind, at, "", o->time, &ban, err);
	if (found < 0)
		return -1;
	if (found == 0)
		ban = (struct ban){.kind = kind, .at = at, .start = o->time};
	ban.proven = true; /* an order never gives way to a cap */
	ban.until = lasts == TIME_NONE ? TIME_NONE : o->time + lasts;
	if (comment.n > 0)
		slice_copy(comment, ban.comment, sizeof ban.comment);
	if (store_ban_put(j->store, &ban, err) < 0)
		return -1;
	if (ban.until != TIME_NONE)
		time_print(ban.until, until);
	return judge_record(j, NULL, o, kind_words[kind], NULL, &at, "", err, "%s%s%s%s", ban.until ? "until " : "", until,
	                    ban.comment[0] ? ": " : "", ban.comment);
}

static int ban_lift(struct judge *j, const struct order *o, struct ban *ban, const char *why, struct err *err) {
	ban->lifted = o->time;
	if (store_ban_put(j->store, ban, err) < 0)
		return -1;
	return judge_record(j, NULL, o, "unbanned", NULL, &ban->at, ban->trigger, err, "%s lifted%s",
	                    ban_kind_name(ban->kind), why);
}

static int lift_exact(struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, uint64_t *lifted,
                      struct err *err) {
	struct ban ban;
	int found;

	*lifted = 0;
	while ((found = store_ban(j->store, kind, at, NULL, o->time, &ban, err)) == 1) {
		if (ban_lift(j, o, &ban, "", err) < 0)
			return -1;
		++*lifted;
	}
	/* Whoever was let out is not to be banned again for what he did before. */
	return found < 0 ? -1 : kind == BAN_BAN ? trigger_address_cleared(j, at, err) : 0;
}

int judge_unban(struct judge *j, const struct order *o, enum ban_kind kind, struct prefix at, uint64_t *lifted,
                struct err *err) {
	uint64_t n;

	if (judge_advance(j, o->time, err) < 0 || lift_exact(j, o, kind, at, &n, err) < 0)
		return -1;
	/* The ban of an IPv6 address is that of its /64. */
	if (n == 0 && kind == BAN_BAN && at.bits == 128 && !addr_is_v4(at.base) &&
	    lift_exact(j, o, kind, address_of(at.base), &n, err) < 0)
		return -1;
	*lifted = n;
	return 0;
}

static int end_exact(struct judge *j, const struct order *o, struct prefix at, uint64_t *ended, struct err *err) {
	struct ban ban;
	int found;

	while ((found = store_ban(j->store, BAN_BAN, at, NULL, o->time, &ban, err)) == 1) {
		ban.until = o->time;
		if (store_ban_put(j->store, &ban, err) < 0 ||
		    judge_record(j, NULL, o, "unbanned", NULL, &ban.at, ban.trigger, err, "%s",
		                 "ban ended by the address itself; it is remembered") < 0)
			return -1;
		++*ended;
	}
	return found;
}

int judge_lift_own(struct judge *j, const struct order *o, struct addr ip, uint64_t *lifted, struct err *err) {
	struct prefix alone = prefix_of(ip, 128), own = address_of(ip);
	uint64_t n = 0;

	if (judge_advance(j, o->time, err) < 0 || end_exact(j, o, alone, &n, err) < 0 ||
	    (own.bits != alone.bits && end_exact(j, o, own, &n, err) < 0))
		return -1;
	*lifted = n;
	return 0;
}

/* Bans are collected in pages and lifted between: nothing changes while the store reads. */
struct lifting {
	struct prefix at;     /* bits 0: all */
	struct prefix around; /* in which its bans are: the /64 of a single IPv6 address */
	struct ban page[PAGE];
	uint32_t n;
};

/* Of the address, not of a net around it: that others are banned in it does not concern the window, which comes before bans. */
static bool is_ban_of(const struct ban *ban, struct prefix at) {
	return at.bits == 0 || prefix_same(ban->at, at) || (ban->at.bits > at.bits && prefix_has(at, ban->at.base)) ||
	       (ban->at.bits < at.bits && prefix_same(ban->at, address_of(at.base)));
}

static int collect(void *context, const struct ban *ban, struct err *err) {
	struct lifting *l = context;

	(void)err;
	if (!prefix_has(l->around, ban->at.base))
		return 1;
	if (ban->kind == BAN_BAN && is_ban_of(ban, l->at))
		l->page[l->n++] = *ban;
	return l->n == PAGE;
}

static int lift_all(struct judge *j, const struct order *o, struct prefix at, const char *why, uint64_t *lifted,
                    struct err *err) {
	struct prefix own = address_of(at.base);
	struct lifting l = {.at = at, .around = own.bits < at.bits ? own : at};
	/* They come in the order of their bases: none of many thousand others is looked at. */
	const struct ban from = {.at = {.base = l.around.base}};
	uint64_t n = 0;

	do {
		l.n = 0;
		if (store_bans_from(j->store, o->time, false, &from, collect, &l, err) < 0)
			return -1;
		for (uint32_t i = 0; i < l.n; i++)
			if (ban_lift(j, o, &l.page[i], why, err) < 0)
				return -1;
		n += l.n;
	} while (l.n == PAGE);
	*lifted = n;
	return n == 0 ? 0 : trigger_address_cleared(j, at.bits == 128 ? address_of(at.base) : at, err);
}

int judge_unban_all(struct judge *j, const struct order *o, uint64_t *lifted, struct err *err) {
	if (judge_advance(j, o->time, err) < 0)
		return -1;
	return lift_all(j, o, (struct prefix){.bits = 0}, "", lifted, err);
}

int ban_lift_within(struct judge *j, struct prefix at, const struct order *o, bool *lifted, struct err *err) {
	uint64_t n;

	if (lift_all(j, o, at, " by a window", &n, err) < 0)
		return -1;
	*lifted = n > 0;
	return 0;
}

static int any_counting(void *context, const struct counting *c) {
	(void)context;
	(void)c;
	return 1;
}

int judge_ip(struct judge *j, struct addr ip, int64_t time, unsigned *status, struct err *err) {
	struct ban ban;
	unsigned bits = 0;
	bool known;
	int allowed = store_ban_of(j->store, BAN_ALLOW, ip, time, &ban, err), blocked, banned, failed;

	if (allowed < 0)
		return -1;
	blocked = store_ban_of(j->store, BAN_BLOCK, ip, time, &ban, err);
	if (blocked < 0)
		return -1;
	banned = store_ban_of(j->store, BAN_BAN, ip, time, &ban, err);
	if (banned < 0)
		return -1;
	failed = judge_counting(j, ip, MAC_NONE, time, any_counting, NULL, err);
	if (failed < 0 || address_known(j, ip, time, &known, err) < 0)
		return -1;
	if (judge_never(j, prefix_of(ip, 128)))
		bits |= IP_NEVER;
	if (allowed)
		bits |= IP_ALLOWED;
	if (blocked)
		bits |= IP_BLOCKED;
	if (banned)
		bits |= ban.pending ? IP_PENDING : IP_BANNED;
	if (failed)
		bits |= IP_FAILED;
	if (known)
		bits |= IP_KNOWN;
	*status = bits;
	return 0;
}
