/* provctl lock, home, clear-exposed, add, remove: one device each. */
#include <string.h>

#include "cmd/command.h"

/* "001565abcdef: locked (provisioned), home 203.0.113.7" */
static int show_device(struct command *c, void *context, const struct json *row, struct err *err) {
	const char *change = js_text(row, "change");
	struct buf b;

	(void)context;
	buf_init(&b, 64U << 10);
	member_text(&b, row, "mac");
	buf_text(&b, ": ");
	if (change && strcmp(change, "changed") != 0)
		buf_printf(&b, "%s: ", strcmp(change, "added") == 0 ? "added" : "nothing to change");
	member_text(&b, row, "state");
	buf_text(&b, " (");
	member_text(&b, row, "reason");
	buf_byte(&b, ')');
	if (js_text(row, "until")) {
		buf_byte(&b, ' ');
		until_text(&b, c, js_text(row, "until"));
	}
	if (js_length(js_get(row, "home")) > 0) {
		buf_text(&b, ", home ");
		member_text(&b, row, "home");
	} else {
		buf_text(&b, ", no home");
	}
	if (js_true(row, "custom"))
		buf_text(&b, ", custom");
	buf_byte(&b, '\n');
	if (b.failed) {
		buf_release(&b);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	(void)fwrite(b.p, 1, b.n, stdout);
	buf_release(&b);
	return 0;
}

/* The verbs whose one word is a MAC and that need no more. */
static int run_plain(struct command *c, struct err *err) {
	struct buf b;
	uint64_t mac;

	if (word_mac(c->options.words[0], &mac, err) < 0)
		return -1;
	request_begin(&b, c, c->verb->name);
	put_mac(&b, mac);
	return command_ask(c, &b, show_device, NULL, err);
}

static int run_lock(struct command *c, struct err *err) {
	struct buf b;
	uint64_t mac;

	if (word_mac(c->options.words[0], &mac, err) < 0)
		return -1;
	request_begin(&b, c, "lock");
	put_mac(&b, mac);
	js_put_bool(&b, "no_home", options_given(&c->options, "no-home"));
	return command_ask(c, &b, show_device, NULL, err);
}

static const struct option_row lock_options[] = {
	{"no-home", NULL, "forget its home too: nobody is served until an unlock", 0},
	{0},
};

const struct verb verb_lock = {
	.name = "lock",
	.usage = "MAC [--no-home]",
	.summary = "close a device: it is served at its home and nowhere else",
	.text = "Ends every open state of the device and keeps its home.",
	.options = lock_options,
	.example = "provctl lock 001565abcdef",
	.words_min = 1,
	.words_max = 1,
	.run = run_lock,
};

static int list_homes(struct command *c, uint64_t mac, struct err *err) {
	static const struct table_column columns[] = {{"HOME", 24}, {"KIND", 11}, {"ADDED", 20}, {"USED", 20}, {0}};
	static const char *const keys[] = {"home", "kind", "added", "used"};
	struct listing l = {.columns = columns, .keys = keys};
	struct buf b;

	request_begin(&b, c, "home");
	js_put_string(&b, "do", "list");
	put_mac(&b, mac);
	return command_list(c, &b, &l, err);
}

static int run_home(struct command *c, struct err *err) {
	char **words = c->options.words;
	struct buf b;
	struct prefix at;
	uint64_t mac;

	if (strcmp(words[0], "list") == 0 && c->options.nwords == 2)
		return word_mac(words[1], &mac, err) < 0 ? -1 : list_homes(c, mac, err);
	if ((strcmp(words[0], "add") != 0 && strcmp(words[0], "remove") != 0) || c->options.nwords != 3)
		return err_set(err, ERR_INPUT, "home: usage: provctl home %s", c->verb->usage);
	if (word_mac(words[1], &mac, err) < 0 || word_prefix(words[2], &at, err) < 0)
		return -1;
	request_begin(&b, c, "home");
	js_put_string(&b, "do", words[0]);
	put_mac(&b, mac);
	put_prefix(&b, "home", at);
	return command_ask(c, &b, show_device, NULL, err);
}

const struct verb verb_home = {
	.name = "home",
	.usage = "add|remove MAC IP|PREFIX, or list MAC",
	.summary = "change or list the addresses that a locked device is served from",
	.text = "A home that is given here is kept until it is removed here; polls add others by themselves.",
	.example = "provctl home add 001565abcdef 203.0.113.7",
	.words_min = 2,
	.words_max = 3,
	.run = run_home,
};

const struct verb verb_clear_exposed = {
	.name = "clear-exposed",
	.usage = "MAC",
	.summary = "say that the credentials of an exposed device were changed",
	.text = "For after the SIP password was changed: ends the exposure, and drops every home but the one\n"
			"that the device was provisioned from, and the secret path it was known by.",
	.example = "provctl clear-exposed 001565abcdef --reason 'new SIP password'",
	.words_min = 1,
	.words_max = 1,
	.run = run_plain,
};

static const struct option_row add_options[] = {
	{"account", "NAME", "the account it belongs to", 0},
	{"custom", "yes|no", "whether its configuration was replaced by a custom one", 0},
	{0},
};

static int run_add(struct command *c, struct err *err) {
	const char *custom = options_value(&c->options, "custom");
	struct buf b;
	uint64_t mac;

	if (word_mac(c->options.words[0], &mac, err) < 0)
		return -1;
	if (custom && strcmp(custom, "yes") != 0 && strcmp(custom, "no") != 0)
		return err_set(err, ERR_INPUT, "--custom %s: yes or no", custom);
	request_begin(&b, c, "add");
	put_mac(&b, mac);
	if (put_account(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	if (custom)
		js_put_bool(&b, "custom", strcmp(custom, "yes") == 0);
	return command_ask(c, &b, show_device, NULL, err);
}

const struct verb verb_add = {
	.name = "add",
	.usage = "MAC [--account NAME] [--custom yes|no]",
	.summary = "put a device into the inventory, or change what is said of it",
	.text = "A device that was not known, or was removed, becomes new: it is open to anyone until its\n"
			"first fetch, for at most devices.new_for.",
	.options = add_options,
	.example = "provctl add 001565abcdef --account acct1",
	.words_min = 1,
	.words_max = 1,
	.run = run_add,
};

const struct verb verb_remove = {
	.name = "remove",
	.usage = "MAC",
	.summary = "take a device out of the inventory",
	.text = "It stays listed as locked, without a home, for 30 days; `provctl add` makes it new again.",
	.example = "provctl remove 001565abcdef",
	.words_min = 1,
	.words_max = 1,
	.run = run_plain,
};
