#include <string.h>

#include "common/timefmt.h"

#include "enforcer/portal.h"
#include "enforcer/projection.h"
#include "enforcer/verb.h"

int arg_mac(const struct request *r, uint64_t *mac, struct err *err) {
	const char *text = js_text(r->args, "mac");

	if (!text)
		return err_set(err, ERR_INPUT, "mac: missing");
	if (!mac_parse(text, strlen(text), mac))
		return err_set(err, ERR_INPUT, "mac: not the MAC of a device");
	return 0;
}

int arg_prefix(const struct request *r, const char *key, struct prefix *at, struct err *err) {
	const char *text = js_text(r->args, key);

	if (!text)
		return err_set(err, ERR_INPUT, "%s: missing", key);
	if (!prefix_parse(text, strlen(text), at))
		return err_set(err, ERR_INPUT, "%s: neither an address nor a prefix without host bits", key);
	return 0;
}

int arg_ip(const struct request *r, struct addr *ip, struct err *err) {
	const char *text = js_text(r->args, "ip");

	if (!text)
		return err_set(err, ERR_INPUT, "ip: missing");
	if (!addr_parse(text, strlen(text), ip))
		return err_set(err, ERR_INPUT, "ip: not an address");
	return 0;
}

int arg_account(const struct request *r, const char **account, struct err *err) {
	const char *text = js_text(r->args, "account");

	if (text && !account_is_sound(slice_of(text)))
		return err_set(err, ERR_INPUT, "account: not 1 to %d of A-Za-z0-9._@-", EVENT_ACCOUNT_MAX);
	*account = text;
	return 0;
}

int arg_lasts(const struct request *r, int64_t otherwise, int64_t *lasts, struct err *err) {
	const struct json *given = js_get(r->args, "for");

	if (!given) {
		*lasts = otherwise;
		return 0;
	}
	if (!js_is_number(given) || js_integer(given) < 1 || js_integer(given) > 100LL * 365 * DAY)
		return err_set(err, ERR_INPUT, "for: not from 1s to 100 years");
	*lasts = js_integer(given);
	return 0;
}

int verb_device(struct request *r, uint64_t mac, bool removed, struct device *d, struct err *err) {
	int found = store_device(r->store, mac, d, err);
	char text[MAC_TEXT];

	if (found < 0)
		return -1;
	mac_print(mac, text);
	if (!found)
		return err_set(err, ERR_NEGATIVE, "%s: no such device; `provctl add %s` makes it", text, text);
	if (d->removed != TIME_NONE && !removed)
		return err_set(err, ERR_NEGATIVE, "%s: was removed; `provctl add %s` makes it new", text, text);
	return 0;
}

int verb_page(struct request *r, struct err *err) {
	return r->out->n >= CONTROL_FLUSH ? control_flush(r, err) : 0;
}

void row_prefix(struct buf *b, const char *key, struct prefix p) {
	char text[PREFIX_TEXT];

	prefix_print(p, text);
	js_put_string(b, key, text);
}

void row_prefix_of(struct buf *b, const char *key, const struct prefix *p) {
	if (p)
		row_prefix(b, key, *p);
	else
		js_put_string(b, key, NULL);
}

void row_addr(struct buf *b, const char *key, struct addr ip) {
	char text[ADDR_TEXT];

	if (!addr_is_none(ip))
		addr_print(ip, text);
	js_put_string(b, key, addr_is_none(ip) ? NULL : text);
}

void row_mac(struct buf *b, const char *key, uint64_t mac) {
	char text[MAC_TEXT];

	if (mac != MAC_NONE)
		mac_print(mac, text);
	js_put_string(b, key, mac == MAC_NONE ? NULL : text);
}

void row_device(struct request *r, struct buf *b, const struct device *d) {
	struct standing standing;

	device_standing(d, r->conf, r->now, &standing);
	row_mac(b, "mac", d->mac);
	js_put_string(b, "account", d->account);
	js_put_string(b, "state", d->removed != TIME_NONE ? "removed" : device_state_name(standing.state));
	js_put_string(b, "reason", reason_name(standing.reason));
	js_put_time(b, "until", standing.open ? standing.until : TIME_NONE);
	js_key(b, "home");
	js_begin(b, '[');
	for (uint32_t i = 0; standing.has_home && i < d->homes.n; i++) {
		char text[PREFIX_TEXT];

		prefix_print(d->homes.at[i].at, text);
		js_item(b, slice_of(text));
	}
	js_end(b, ']');
	js_put_bool(b, "custom", d->custom);
	js_put_time(b, "exposed", d->exposed);
	js_key(b, "moved");
	js_begin(b, '[');
	for (uint32_t i = 0; i < d->nmoved; i++) {
		const struct moved *m = &d->moved[i];

		js_begin(b, '{');
		row_addr(b, "ip", m->ip);
		js_put_number(b, "count", m->count);
		js_put_time(b, "first", m->first);
		js_put_time(b, "last", m->last);
		js_put_bool(b, "served", m->served);
		js_end(b, '}');
	}
	js_end(b, ']');
}

void row_version(struct request *r, struct buf *b, const struct device *d) {
	char version[DEVICE_VERSION];

	if (!r->caller)
		return;
	device_version(r, d, version);
	js_put_string(b, "device_version", version);
}

static const char *ban_status(const struct ban *ban, int64_t now) {
	if (ban->lifted != TIME_NONE)
		return "lifted";
	if (ban->until != TIME_NONE && ban->until <= now)
		return "over";
	switch (ban->kind) {
	case BAN_ALLOW:
		return "allowed";
	case BAN_BLOCK:
		return "blocked";
	case BAN_BAN:
		break;
	}
	return ban->pending ? "pending" : "banned";
}

void row_ban(struct request *r, struct buf *b, const struct ban *ban) {
	row_prefix(b, "ip", ban->at);
	js_put_string(b, "status", ban_status(ban, r->now));
	js_put_string(b, "kind", ban_kind_name(ban->kind));
	js_put_string(b, "trigger", ban->trigger[0] ? ban->trigger : NULL);
	js_put_time(b, "start", ban->start);
	js_put_time(b, "until", ban->until);
	js_put_number(b, "level", ban->level);
	js_put_bool(b, "proven", ban->proven);
	js_put_time(b, "lifted", ban->lifted);
	js_put_number(b, "packets", (int64_t)ban->packets);
	js_put_number(b, "bytes", (int64_t)ban->bytes);
	js_put_string(b, "comment", ban->comment);
}

void row_record(const struct request *r, struct buf *b, const struct record *record) {
	bool whole = !r->caller || !caller_is_narrow(r->caller);
	bool has_ip = !addr_is_none(record->ip.base) || record->ip.bits > 0;

	js_put_time(b, "time", record->time);
	js_put_string(b, "what", record->what);
	row_mac(b, "mac", record->mac);
	if (has_ip)
		row_prefix(b, "ip", record->ip);
	else
		js_put_string(b, "ip", NULL);
	js_put_text(b, "account", record->account);
	js_put_text(b, "rule", record->rule);
	js_put_text(b, "detail", record->detail);
	if (whole)
		js_put_text(b, "line", record->line);
	else
		js_put_string(b, "line", NULL);
	if (whole && record->uid >= 0)
		js_put_number(b, "uid", record->uid);
	else
		js_put_string(b, "uid", NULL);
	js_put_text(b, "actor", record->actor);
	js_put_text(b, "reason", record->reason);
	if (whole) {
		js_put_text(b, "log", record->log);
		js_put_number(b, "offset", (int64_t)record->offset);
		js_put_text(b, "evidence", record->evidence);
	} else {
		js_put_string(b, "log", NULL);
		js_put_string(b, "offset", NULL);
		js_put_string(b, "evidence", NULL);
	}
}

/* The statuses of judge_ip as an array of words. */
static void row_statuses(struct buf *b, const char *key, unsigned status) {
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{IP_NEVER, "never"},     {IP_ALLOWED, "allowed"}, {IP_BLOCKED, "blocked"}, {IP_BANNED, "banned"},
		{IP_PENDING, "pending"}, {IP_FAILED, "failed"},   {IP_KNOWN, "known"},
	};

	js_key(b, key);
	js_begin(b, '[');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (status & words[i].bit)
			js_item(b, slice_of(words[i].word));
	js_end(b, ']');
}

int address_gather(struct request *r, struct address *a, struct err *err) {
	static const enum ban_kind kinds[] = {BAN_ALLOW, BAN_BLOCK, BAN_BAN};

	a->nbans = 0;
	a->never = judge_never(r->judge, prefix_of(a->ip, 128));
	if (judge_ip(r->judge, a->ip, r->now, &a->status, err) < 0 ||
	    store_residents(r->store, r->conf, a->ip, r->now, &a->residents, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int found = store_ban_of(r->store, kinds[i], a->ip, r->now, &a->bans[a->nbans], err);

		if (found < 0)
			return -1;
		if (found > 0)
			projection_look(r->enforcer, &a->bans[a->nbans++]);
	}
	return 0;
}

void row_address(struct request *r, struct buf *b, const struct address *a) {
	row_addr(b, "ip", a->ip);
	row_statuses(b, "status", a->status);
	js_put_string(b, "never", a->never);
	js_put_number(b, "devices", a->residents.devices);
	js_put_number(b, "accounts", a->residents.accounts);
	js_key(b, "bans");
	js_begin(b, '[');
	for (unsigned i = 0; i < a->nbans; i++) {
		js_begin(b, '{');
		row_ban(r, b, &a->bans[i]);
		js_end(b, '}');
	}
	js_end(b, ']');
}

static int user_each(void *context, const struct device_user *user) {
	struct buf *b = context;

	js_begin(b, '{');
	js_put_string(b, "user", user->user);
	js_put_string(b, "realm", user->realm);
	js_end(b, '}');
	return 0;
}

int details_gather(struct request *r, uint64_t mac, bool removed, struct details *d, struct err *err) {
	buf_init(&d->users, 1U << 20);
	d->registered = TIME_NONE;
	if (verb_device(r, mac, removed, &d->device, err) < 0)
		return -1;
	js_begin(&d->users, '[');
	if (store_seen_at(r->store, mac, &d->device.seen, err) < 0 ||
	    store_users(r->store, mac, user_each, &d->users, err) < 0 ||
	    store_registered_device(r->store, mac, &d->registered_at, &d->registered, err) < 0)
		return -1;
	js_end(&d->users, ']');
	return d->users.failed ? err_set(err, ERR_SYSTEM, "out of memory") : 0;
}

void details_release(struct details *d) {
	buf_release(&d->users);
}

static const char *text_or_null(const char *text) {
	return text[0] ? text : NULL;
}

void row_details(struct request *r, struct buf *b, const struct details *details) {
	const struct device *d = &details->device;
	char version[DEVICE_VERSION];

	row_device(r, b, d);
	js_put_time(b, "created", d->created);
	js_put_time(b, "changed", d->changed);
	js_put_time(b, "seen", d->seen);
	js_put_time(b, "unlocked", d->unlock_start);
	js_put_time(b, "removed", d->removed);
	js_put_bool(b, "learned", d->learned);
	js_put_bool(b, "adopt", d->adopt);
	row_addr(b, "exposed_to", d->exposed != TIME_NONE ? d->exposed_to : (struct addr){{0}});
	js_put_string(b, "exposed_as", d->exposed == TIME_NONE ? NULL : d->exposed_race ? "race" : "ignored");
	js_put_number(b, "moved_count", (int64_t)d->moved_count);
	js_put_bool(b, "secret_path", d->folder != 0);
	device_version(r, d, version);
	js_put_string(b, "device_version", version);
	js_put_string(b, "vendor", text_or_null(d->vendor));
	js_put_string(b, "model", text_or_null(d->model));
	js_put_string(b, "version", text_or_null(d->version));
	js_key(b, "users");
	buf_add(b, details->users.p, details->users.n);
	js_put_time(b, "registered", details->registered);
	row_addr(b, "registered_at", details->registered_at);
}
