#include <string.h>

#include "common/js.h"
#include "common/mac.h"
#include "common/timefmt.h"
#include "enforcer/judge_private.h"

#define DOCUMENT_MAX (256U << 10) /* more than users and evidence take when every byte is escaped */
#define USERS_MAX    64           /* a device has one user a line; more than any phone has lines are not named */

/* What an operator wants to be told at once. Commands are not among it: who gave one knows. */
static bool is_told(const struct record *r, const struct device *d) {
	static const char *const words[] = {"held", "exposed", "suspected", "banned", "pending", "spared", "reported"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(r->what, words[i]) == 0)
			return true;
	return d && d->reason == REASON_SUSPICIOUS && strcmp(r->what, "locked") == 0;
}

static void put_prefix(struct buf *b, const char *key, struct prefix p) {
	char text[PREFIX_TEXT];
	bool none = addr_is_none(p.base) && p.bits == 0;

	if (!none)
		prefix_print(p, text);
	js_put_string(b, key, none ? NULL : text);
}

static void put_device(struct judge *j, struct buf *b, const struct device *d, int64_t time) {
	struct standing standing;
	char mac[MAC_TEXT], text[PREFIX_TEXT];

	device_standing(d, j->conf, time, &standing);
	mac_print(d->mac, mac);
	js_put_string(b, "mac", mac);
	js_put_string(b, "account", d->account);
	js_put_string(b, "state", device_state_name(standing.state));
	js_put_string(b, "reason", reason_name(standing.reason));
	js_key(b, "home");
	js_begin(b, '[');
	for (uint32_t i = 0; i < d->homes.n; i++) {
		prefix_print(d->homes.at[i].at, text);
		js_item(b, slice_of(text));
	}
	js_end(b, ']');
	js_put_time(b, "exposed", d->exposed);
	put_prefix(b, "exposed_to", (struct prefix){d->exposed_to, d->exposed == TIME_NONE ? 0 : 128});
}

struct users {
	struct buf *b;
	unsigned n;
};

static int user_each(void *context, const struct device_user *user) {
	struct users *u = context;

	js_begin(u->b, '{');
	js_put_string(u->b, "user", user->user);
	js_put_string(u->b, "realm", user->realm[0] ? user->realm : NULL);
	js_end(u->b, '}');
	return ++u->n == USERS_MAX;
}

static int put_users(struct judge *j, struct buf *b, uint64_t mac, struct err *err) {
	struct users u = {.b = b};

	js_key(b, "users");
	js_begin(b, '[');
	if (store_users(j->store, mac, user_each, &u, err) < 0)
		return -1;
	js_end(b, ']');
	return 0;
}

/* A ban's end and level; it stands in the store already. */
static int put_ban(struct judge *j, struct buf *b, const struct record *r, struct err *err) {
	struct ban ban;
	int found = store_ban(j->store, BAN_BAN, r->ip, NULL, r->time, &ban, err);

	if (found <= 0)
		return found;
	js_put_time(b, "until", ban.until);
	js_put_number(b, "level", ban.level);
	js_put_bool(b, "proven", ban.proven);
	return 0;
}

static int put_document(struct judge *j, struct buf *b, const struct record *r, const struct device *d,
                        struct err *err) {
	js_begin(b, '{');
	js_put_time(b, "time", r->time);
	js_put_string(b, "what", r->what);
	js_put_text(b, "rule", r->rule);
	js_put_text(b, "detail", r->detail);
	put_prefix(b, "ip", r->ip);
	if (d) {
		put_device(j, b, d, r->time);
		if (put_users(j, b, d->mac, err) < 0)
			return -1;
		/* Rule 13 */
		js_put_bool(b, "disable_sip", strcmp(r->what, "held") == 0);
	} else if (put_ban(j, b, r, err) < 0) {
		return -1;
	}
	js_put_text(b, "log", r->log);
	js_put_number(b, "offset", (int64_t)r->offset);
	js_put_text(b, "evidence", r->evidence);
	js_end(b, '}');
	return b->failed ? err_set(err, ERR_SYSTEM, "hook: out of memory") : 0;
}

int judge_hook(struct judge *j, const struct record *r, const struct device *d, struct err *err) {
	bool bans, locks;
	struct buf b;
	int result;

	if (!j->conf->hook || !j->conf->hook[0] || j->conf->mode == MODE_WATCH || !is_told(r, d))
		return 0;
	if (judge_paused(j, r->time, &bans, &locks, err) < 0)
		return -1;
	if (locks)
		return 0;
	buf_init(&b, DOCUMENT_MAX);
	result = put_document(j, &b, r, d, err);
	if (result == 0)
		result = store_hook_add(j->store, d && strcmp(r->what, "reported") != 0, (struct slice){b.p, b.n}, err);
	buf_release(&b);
	return result;
}
