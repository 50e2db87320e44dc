/* provctl token: who may use the portal. */
#include <string.h>

#include "common/token.h"

#include "cmd/command.h"

static const struct option_row options[] = {
	{"role", "ROLE", "operator, support, account, user, verdict or metrics", 0},
	{"account", "NAME", "the account of a token of role account", 0},
	{"mac", "MAC", "a device of a token of role user; several by commas, or as words", 0},
	{"for", "T", "for so long; without it until it is revoked", 0},
	{"comment", "TEXT", "whose it is: shown in lists and the record", 0},
	{0},
};

static int show_added(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)c;
	(void)context;
	(void)err;
	(void)printf("%s\n", js_text(row, "token"));
	command_warn("token %s: keep it safe, it is not shown again", js_text(row, "id"));
	return 0;
}

static int show_revoked(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)c;
	(void)context;
	(void)err;
	(void)printf("%s: revoked\n", js_text(row, "id"));
	return 0;
}

/* "MAC,MAC". */
static int put_macs_of(struct buf *b, const char *list, struct err *err) {
	char text[256];

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ",");
		char clean[MAC_TEXT];
		uint64_t mac;

		(void)slice_copy((struct slice){at, n}, text, sizeof(text));
		if (word_mac(text, &mac, err) < 0)
			return -1;
		mac_print(mac, clean);
		js_item(b, slice_of(clean));
		at += n + (at[n] == ',');
	}
	return 0;
}

static int put_macs(struct buf *b, const struct command *c, struct err *err) {
	const char *list = options_value(&c->options, "mac");

	if (!list && c->options.nwords == 1)
		return 0;
	js_key(b, "macs");
	js_begin(b, '[');
	if (list && put_macs_of(b, list, err) < 0)
		return -1;
	for (int i = 1; i < c->options.nwords; i++)
		if (put_macs_of(b, c->options.words[i], err) < 0)
			return -1;
	js_end(b, ']');
	return 0;
}

static int add(struct command *c, struct err *err) {
	const char *role = options_value(&c->options, "role"), *comment = options_value(&c->options, "comment");
	struct buf b;

	if (!role)
		return err_set(err, ERR_INPUT,
		               "token add: --role is missing: operator, support, account, user, verdict or metrics");
	request_begin(&b, c, "token");
	js_put_string(&b, "do", "add");
	js_put_string(&b, "role", role);
	if (comment)
		js_put_string(&b, "comment", comment);
	if (put_account(&b, c, err) < 0 || put_duration(&b, c, err) < 0 || put_macs(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	return command_ask(c, &b, show_added, NULL, err);
}

static bool whose(struct buf *b, const struct json *row, const char *key) {
	if (strcmp(key, "whose") != 0)
		return false;
	member_text(b, row, js_text(row, "account") ? "account" : "macs");
	return true;
}

static int list(struct command *c, struct err *err) {
	static const struct table_column columns[] = {
		{"ID", 8}, {"ROLE", 8}, {"WHOSE", 24}, {"UNTIL", 20}, {"USED", 20}, {"COMMENT", 24}, {0}};
	static const char *const keys[] = {"id", "role", "whose", "until", "used", "comment"};
	struct listing l = {.columns = columns, .keys = keys, .cell = whose};
	struct buf b;

	request_begin(&b, c, "token");
	js_put_string(&b, "do", "list");
	return command_list(c, &b, &l, err);
}

static int revoke(struct command *c, const char *id, struct err *err) {
	struct buf b;

	if (!token_id_is_sound(slice_of(id)))
		return err_set(err, ERR_INPUT, "%s: not the id of a token; `provctl token list` shows them", id);
	request_begin(&b, c, "token");
	js_put_string(&b, "do", "revoke");
	js_put_string(&b, "id", id);
	return command_ask(c, &b, show_revoked, NULL, err);
}

static int run(struct command *c, struct err *err) {
	const char *what = c->options.words[0];

	if (strcmp(what, "add") == 0)
		return add(c, err);
	if (strcmp(what, "list") == 0 && c->options.nwords == 1)
		return list(c, err);
	if (strcmp(what, "revoke") == 0 && c->options.nwords == 2)
		return revoke(c, c->options.words[1], err);
	return err_set(err, ERR_INPUT, "token: usage: provctl token %s", c->verb->usage);
}

const struct verb verb_token = {
	.name = "token",
	.usage = "add --role ROLE [--account NAME] [--mac MAC] [--for T], list, or revoke ID",
	.summary = "make, list or revoke the tokens of the portal",
	.text = "operator may all; support reads all, unlocks (held devices too), locks, opens windows and\n"
			"lifts bans; account sees, locks and unlocks the devices of one account; user sees and unlocks\n"
			"the devices that it names; verdict asks whether a device is served at an address; metrics reads\n"
			"metrics. The token is printed once and not kept: show it to the portal as a Bearer token. An end\n"
			"by revoke holds at once.",
	.options = options,
	.example = "provctl token add --role account --account acct1 --for 30d --comment 'Ann of acct1'",
	.words_min = 1,
	.words_max = -1,
	.run = run,
};
