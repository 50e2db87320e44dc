#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/digest.h"
#include "enforcer/enforcer.h"
#include "enforcer/portal_right.h"
#include "enforcer/projection.h"
#include "enforcer/verb.h"

bool caller_is_narrow(const struct caller *c) {
	return (c->role & (MAY(ROLE_OPERATOR) | MAY(ROLE_SUPPORT))) == 0;
}

static bool token_names(const struct token *t, uint64_t mac) {
	for (uint32_t i = 0; i < t->nmacs; i++)
		if (t->macs[i] == mac)
			return true;
	return false;
}

int caller_owns(struct request *r, uint64_t mac, struct err *err) {
	const struct caller *c = r->caller;
	struct device d;
	int found;

	if (!caller_is_narrow(c))
		return 1;
	if (c->role == MAY(ROLE_ACCOUNT))
		return store_account_has(r->store, c->token.account, mac, err);
	if (!token_names(&c->token, mac))
		return 0;
	found = store_device(r->store, mac, &d, err);
	return found == 1 ? d.removed == TIME_NONE : found;
}

/* ---- failures ---- */

/* One more of what is capped by the minute? */
static bool within_minute(struct request *r, uint32_t *count, uint32_t most) {
	struct enforcer *e = r->enforcer;

	if (e->portal.minute != r->now / MINUTE) {
		e->portal.minute = r->now / MINUTE;
		e->portal.failures = e->portal.lifts = 0;
	}
	return (*count)++ < most;
}

bool portal_may_lift(struct request *r) {
	return within_minute(r, &r->enforcer->portal.lifts, PORTAL_LIFTS);
}

void portal_lifted(struct request *r) {
	r->enforcer->meter.lifts++;
}

static int judge_failure(struct request *r, const struct event *v, struct err *err) {
	if (store_begin(r->store, err) < 0)
		return -1;
	if (store_sum_add(r->store, "events.portal.auth_failed", 1, err) < 0 ||
	    judge_event(r->judge, v, slice_of("portal"), err) < 0) {
		enforcer_rollback(r->enforcer);
		return -1;
	}
	return enforcer_commit(r->enforcer, err);
}

/* Somebody showed a wrong token. Who is banned already tells nothing new, and takes no place from others. */
static void failure(struct request *r, const char *id) {
	struct event v = {
		.kind = EVENT_PORTAL_AUTH_FAILED,
		.proof = PROOF_HANDSHAKE,
		.time = r->now,
		.ip = r->caller->ip,
		.mac = MAC_NONE,
		.rule = slice_of("portal"),
	};
	struct enforcer *e = r->enforcer;
	char line[64] = "not a token";
	struct err ignored; /* it stays a failure, and is not counted by address */
	struct ban ban;

	e->meter.portal_failures++;
	if (addr_is_none(v.ip) || store_ban_of(r->store, BAN_BAN, v.ip, r->now, &ban, &ignored) != 0 ||
	    !within_minute(r, &e->portal.failures, PORTAL_FAILURES))
		return;
	if (id[0])
		(void)snprintf(line, sizeof(line), "token %s", id);
	v.line = slice_of(line);
	if (judge_failure(r, &v, &ignored) == 0)
		(void)projection_follow(e, false, &ignored);
}

/* ---- who asks ---- */

static int unauthorised(struct request *r, struct err *err) {
	r->caller->code = "unauthorised";
	return err_set(err, ERR_POLICY, "unauthorised: the token is not known, or was revoked, or is over");
}

/* Once in a while: a page that is open asks every few seconds. */
static void note_use(struct request *r) {
	const struct token *t = &r->caller->token;
	struct err ignored;

	if (t->used != TIME_NONE && r->now - t->used < TOKEN_USED_EVERY && r->now >= t->used)
		return;
	if (store_begin(r->store, &ignored) < 0)
		return;
	if (store_token_used(r->store, t->id, r->now, &ignored) < 0 || store_commit(r->store, &ignored) < 0)
		enforcer_rollback(r->enforcer);
}

static int check_token(struct request *r, const char *text, struct err *err) {
	struct caller *c = r->caller;
	struct token_hash hash;
	char id[TOKEN_ID + 1] = "";
	int found = 0;

	if (token_parse(slice_of(text), id))
		found = store_token(r->store, id, &c->token, err);
	if (found < 0)
		return -1;
	token_hash(slice_of(text), &hash);
	/* A token that is not known is all zero, which no hash is. */
	if (!token_same(&hash, &c->token.hash)) {
		failure(r, id);
		return unauthorised(r, err);
	}
	if (c->token.until != TIME_NONE && r->now >= c->token.until)
		return unauthorised(r, err);
	c->role = MAY(c->token.role);
	(void)snprintf(c->actor, sizeof(c->actor), "token %s%s%s%s", c->token.id, c->token.comment[0] ? " (" : "",
	               c->token.comment, c->token.comment[0] ? ")" : "");
	note_use(r);
	return 0;
}

static int read_address(const struct json *args, const char *key, struct addr *ip, struct err *err) {
	const char *text = js_text(args, key);

	if (text && addr_parse(text, strlen(text), ip))
		return 0;
	return err_set(err, ERR_INPUT, "%s: not an address", key);
}

static int who(struct request *r, struct err *err) {
	struct caller *c = r->caller;
	const char *token = js_text(r->args, "token");

	if (js_get(r->args, "self")) {
		if (js_get(r->args, "token"))
			return err_set(err, ERR_INPUT, "self: either an address for itself, or a token");
		c->role = MAY_SELF;
		(void)snprintf(c->actor, sizeof(c->actor), "self-service");
		return read_address(r->args, "self", &c->ip, err);
	}
	if (js_get(r->args, "peer") && read_address(r->args, "peer", &c->ip, err) < 0)
		return -1;
	/* Who shows nothing guesses nothing. */
	return token && token[0] ? check_token(r, token, err) : unauthorised(r, err);
}

/* ---- what they may ---- */

void device_version(const struct request *r, const struct device *d, char out[DEVICE_VERSION]) {
	struct standing standing;
	struct buf b;

	device_standing(d, r->conf, r->now, &standing);
	buf_init(&b, 8192);
	device_line(d, r->conf, &b);
	buf_printf(&b, " %d %d %d %lld %lld %lld %lld %d", standing.state, standing.reason, standing.open,
	           (long long)d->changed, (long long)d->unlock_start, (long long)d->exposed, (long long)d->removed,
	           d->custom);
	(void)snprintf(out, DEVICE_VERSION, "%016llx",
	               (unsigned long long)digest_bytes(store_key(r->store), b.p ? b.p : "", b.n));
	buf_release(&b);
}

/* Nothing comes between this look and the change: one request is dealt with at a time. */
static int check_version(struct request *r, struct err *err) {
	const char *wanted = js_text(r->args, "if_version");
	char version[DEVICE_VERSION] = "";
	struct device d;
	uint64_t mac;
	int found;

	if (!js_get(r->args, "if_version"))
		return 0;
	if (arg_mac(r, &mac, err) < 0)
		return -1;
	found = store_device(r->store, mac, &d, err);
	if (found < 0)
		return -1;
	if (found == 1)
		device_version(r, &d, version);
	if (wanted && strcmp(wanted, version) == 0)
		return 0;
	r->caller->code = "changed";
	return err_set(err, ERR_POLICY, "changed meanwhile: look at it again");
}

/* Whoever names a device by its account, too, means no other's. */
static int check_account_of(struct request *r, struct err *err) {
	const char *account = js_text(r->args, "account_of");
	uint64_t mac;
	int has;

	if (!js_get(r->args, "account_of"))
		return 0;
	if (arg_mac(r, &mac, err) < 0)
		return -1;
	has = account ? store_account_has(r->store, account, mac, err) : 0;
	if (has < 0)
		return -1;
	return has ? 0 : err_set(err, ERR_NEGATIVE, "there is no such device of that account");
}

int portal_run(struct request *r, struct err *err) {
	const struct right *right;
	struct control_verb verb;
	struct json *args = NULL;
	int result = -1;

	r->enforcer->meter.portal_requests++;
	if (who(r, err) < 0)
		return -1;
	right = right_find(r);
	if (!right) {
		r->caller->code = "forbidden";
		(void)err_set(err, ERR_POLICY, "this token may not ask for that");
	} else if (right_arguments(right, r, &args, err) == 0) {
		r->args = args;
		verb = right_verb(right);
		if (right_check(right, r, err) == 0 && check_account_of(r, err) == 0 && check_version(r, err) == 0)
			result = control_perform(r, &verb, err);
		js_free(&args);
		r->args = NULL;
	}
	r->enforcer->meter.portal_refusals += r->caller->code && strcmp(r->caller->code, "forbidden") == 0;
	return result;
}

const char *portal_code(const struct request *r, bool failed, const struct err *err) {
	if (!failed)
		return r->exit == 0 ? NULL : r->exit == ERR_FORGOTTEN ? "forgotten" : "negative";
	if (r->caller->code)
		return r->caller->code;
	switch (err->class) {
	case ERR_NEGATIVE:
		return "unknown";
	case ERR_INPUT:
		return "input";
	case ERR_POLICY:
		return "refused";
	case ERR_FORGOTTEN:
		return "forgotten";
	case ERR_SYSTEM:
		break;
	}
	return "failed";
}
