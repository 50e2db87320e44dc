/* The verb `token`: who may use the portal. Not to be had through the portal itself: a stolen token makes no others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/enforcer.h"
#include "enforcer/projection.h"
#include "enforcer/verb.h"

void row_token(struct buf *b, const struct token *t) {
	js_put_string(b, "id", t->id);
	js_put_string(b, "role", token_role_name(t->role));
	js_put_string(b, "account", t->account[0] ? t->account : NULL);
	js_key(b, "macs");
	js_begin(b, '[');
	for (uint32_t i = 0; i < t->nmacs; i++) {
		char text[MAC_TEXT];

		mac_print(t->macs[i], text);
		js_item(b, slice_of(text));
	}
	js_end(b, ']');
}

static void token_members(struct request *r, struct buf *b, const struct token *t) {
	row_token(b, t);
	js_put_time(b, "created", t->created);
	js_put_time(b, "until", t->until);
	js_put_bool(b, "over", t->until != TIME_NONE && t->until <= r->now);
	js_put_time(b, "used", t->used);
	js_put_string(b, "comment", t->comment);
}

static int record(struct request *r, const char *what, const struct token *t, struct err *err) {
	struct order o = control_order(r);
	char detail[EVENT_ACCOUNT_MAX + TOKEN_COMMENT + 64];
	struct record record = {
		.time = o.time,
		.what = what,
		.account = slice_of(t->account),
		.uid = o.uid,
		.actor = o.actor,
		.reason = o.reason,
	};

	(void)snprintf(detail, sizeof(detail), "token %s, %s%s%s%s", t->id, token_role_name(t->role),
	               t->comment[0] ? " (" : "", t->comment, t->comment[0] ? ")" : "");
	record.detail = slice_of(detail);
	return store_record_add(r->store, &record, err);
}

static int compare_macs(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int read_macs(const struct json *list, struct token *t, struct err *err) {
	if (js_length(list) > TOKEN_MACS_MAX)
		return err_set(err, ERR_INPUT, "macs: more than %d", TOKEN_MACS_MAX);
	for (size_t i = 0; i < js_length(list); i++) {
		const char *text = js_string(js_at(list, i));

		if (!text || !mac_parse(text, strlen(text), &t->macs[t->nmacs]))
			return err_set(err, ERR_INPUT, "macs: not the MAC of a device");
		t->nmacs++;
	}
	qsort(t->macs, t->nmacs, sizeof(t->macs[0]), compare_macs);
	return 0;
}

static bool is_clean(const char *text) {
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static int read_token(const struct request *r, struct token *t, struct err *err) {
	const char *role = js_text(r->args, "role"), *comment = js_text(r->args, "comment"), *account;
	int64_t lasts;

	if (!role || !token_role_parse(role, &t->role))
		return err_set(err, ERR_INPUT, "role: none of operator, support, account, user, verdict and metrics");
	if (arg_account(r, &account, err) < 0 || arg_lasts(r, 0, &lasts, err) < 0 ||
	    read_macs(js_get(r->args, "macs"), t, err) < 0)
		return -1;
	if ((t->role == ROLE_ACCOUNT) != (account != NULL) || (account && strcmp(account, ACCOUNT_NONE) == 0))
		return err_set(err, ERR_INPUT, "account: to be given with role account, and with no other");
	if ((t->role == ROLE_USER) != (t->nmacs > 0))
		return err_set(err, ERR_INPUT, "mac: to be given with role user, and with no other");
	if (comment && (strlen(comment) >= sizeof(t->comment) || !is_clean(comment)))
		return err_set(err, ERR_INPUT, "comment: at most %zu bytes and no control characters", sizeof(t->comment) - 1);
	(void)slice_copy(slice_of(account), t->account, sizeof(t->account));
	(void)slice_copy(slice_of(comment), t->comment, sizeof(t->comment));
	t->created = r->now;
	t->until = lasts ? r->now + lasts : TIME_NONE;
	return 0;
}

/* A new one, whose id nobody has. */
static int make(struct request *r, struct token *t, char text[TOKEN_LENGTH + 1], struct err *err) {
	struct token taken;
	int found;

	do {
		if (token_make(text, err) < 0)
			return -1;
		(void)token_parse(slice_of(text), t->id);
		found = store_token(r->store, t->id, &taken, err);
	} while (found == 1);
	token_hash(slice_of(text), &t->hash);
	return found;
}

/* Of those that the portal looks through there are so many: with one more it could read none. */
static int check_room(struct request *r, enum token_role role, struct err *err) {
	int64_t counts[ROLES];

	if (role != ROLE_VERDICT)
		return 0;
	if (store_token_counts(r->store, counts, err) < 0)
		return -1;
	return counts[role] < TOKEN_VERDICTS_MAX
	           ? 0
	           : err_set(err, ERR_POLICY, "there are %d verdict tokens already; revoke some", TOKEN_VERDICTS_MAX);
}

static int add(struct request *r, struct err *err) {
	char text[TOKEN_LENGTH + 1];
	struct token t = {.nmacs = 0};
	struct buf *b;

	if (read_token(r, &t, err) < 0 || check_room(r, t.role, err) < 0 || make(r, &t, text, err) < 0 ||
	    store_token_add(r->store, &t, err) < 0 || record(r, "token-added", &t, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	js_put_string(b, "token", text);
	token_members(r, b, &t);
	js_end(b, '}');
	control_row_end(r);
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int revoke(struct request *r, struct err *err) {
	const char *id = js_text(r->args, "id");
	struct token t;
	struct buf *b;
	int found;

	if (!id || !token_id_is_sound(slice_of(id)))
		return err_set(err, ERR_INPUT, "id: 8 of a-z and 2-7, as `provctl token list` shows it");
	found = store_token(r->store, id, &t, err);
	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_NEGATIVE, "%s: no token has this id; `provctl token list` shows them", id);
	if (store_token_revoke(r->store, id, err) < 0 || record(r, "token-revoked", &t, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	token_members(r, b, &t);
	js_put_bool(b, "revoked", true);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

static int list_each(void *context, const struct token *t, struct err *err) {
	struct request *r = context;
	struct buf *b = control_row(r);

	js_begin(b, '{');
	token_members(r, b, t);
	js_end(b, '}');
	control_row_end(r);
	return verb_page(r, err);
}

/* do: add (role, account, macs, for, comment), list, revoke (id). The row of a new one has `token`: its text is not kept and not shown again. */
int verb_token(struct request *r, struct err *err) {
	const char *what = js_text(r->args, "do");

	if (what && strcmp(what, "list") == 0)
		return store_tokens(r->store, list_each, r, err);
	if (!what || (strcmp(what, "add") != 0 && strcmp(what, "revoke") != 0))
		return err_set(err, ERR_INPUT, "token: add, list or revoke");
	projection_tokens_changed(r->enforcer);
	return strcmp(what, "add") == 0 ? add(r, err) : revoke(r, err);
}
