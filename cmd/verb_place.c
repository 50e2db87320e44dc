/* provctl window, network: addresses that are open to, or home to, the devices of an account. */
#include <string.h>

#include "common/timefmt.h"

#include "cmd/command.h"

static const struct option_row window_options[] = {
	{"account", "NAME", "for the devices of this account", 0},
	{"any-account", NULL, "for every device", 0},
	{"for", "T", "for so long: 1h to 40h, whole hours", 0},
	{0},
};

static int show_window(struct command *c, void *context, const struct json *row, struct err *err) {
	const char *account = js_text(row, "account");
	struct buf b;

	(void)context;
	(void)err;
	buf_init(&b, 4096);
	member_text(&b, row, "window");
	buf_text(&b, js_true(row, "open") ? ": open to " : ": closed to ");
	if (account && strcmp(account, "*") != 0) {
		buf_text(&b, "every device of account ");
		member_text(&b, row, "account");
	} else {
		buf_text(&b, "every device of any account");
	}
	if (js_true(row, "open")) {
		buf_byte(&b, ' ');
		until_text(&b, c, js_text(row, "until"));
	}
	if (js_true(row, "ban_lifted"))
		buf_text(&b, "; its ban was lifted");
	if (js_text(row, "banned_by"))
		buf_printf(&b, "; the ban of %s does not hold there meanwhile", js_text(row, "banned_by"));
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	if (js_text(row, "blocked_by"))
		command_warn("%s: is blocked, which goes before a window: it gets no answer; `provctl unban %s` lifts that",
		             js_text(row, "window"), js_text(row, "blocked_by"));
	buf_release(&b);
	return 0;
}

static int put_hours(struct buf *b, const struct command *c, struct err *err) {
	const char *text = options_value(&c->options, "for");
	int64_t seconds;

	if (!text)
		return err_set(err, ERR_INPUT, "window open: --for is missing: 1h to 40h");
	if (!duration_parse(slice_of(text), &seconds) || seconds % HOUR != 0 || seconds < HOUR || seconds > 40 * HOUR)
		return err_set(err, ERR_INPUT, "--for %s: not 1h to 40h, in whole hours", text);
	js_put_number(b, "hours", seconds / HOUR);
	return 0;
}

static int list_windows(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"WINDOW", 24}, {"ACCOUNT", 16}, {"START", 20}, {"UNTIL", 20}, {0}};
	static const char *const keys[] = {"window", "account", "start", "until"};
	struct listing l = {.columns = columns, .keys = keys};
	struct buf b;

	request_begin(&b, c, "window");
	js_put_string(&b, "do", "list");
	return command_list(c, &b, &l, err);
}

static int run_window(struct command *c, struct err *err) {
	const char *what = c->options.words[0];
	bool open = strcmp(what, "open") == 0;
	bool any = options_given(&c->options, "any-account");
	struct buf b;
	struct prefix at;

	if (strcmp(what, "list") == 0 && c->options.nwords == 1)
		return list_windows(c, err);
	if ((!open && strcmp(what, "close") != 0) || c->options.nwords != 2)
		return err_set(err, ERR_INPUT, "window: usage: provctl window %s", c->verb->usage);
	if (any == options_given(&c->options, "account"))
		return err_set(err, ERR_INPUT, "window %s: either --account or --any-account", what);
	if (word_prefix(c->options.words[1], &at, err) < 0)
		return -1;
	request_begin(&b, c, "window");
	js_put_string(&b, "do", what);
	put_prefix(&b, "window", at);
	if (any)
		js_put_bool(&b, "any_account", true);
	if (put_account(&b, c, err) < 0 || (open && put_hours(&b, c, err) < 0)) {
		buf_release(&b);
		return -1;
	}
	return command_ask(c, &b, show_window, NULL, err);
}

const struct verb verb_window = {
	.name = "window",
	.usage = "open|close IP|PREFIX --account NAME|--any-account [--for T], or list",
	.summary = "open one address to every device of an account for 1 to 40 hours",
	.text = "For a site where many phones are set up at once. A device that is fetched from the address\n"
			"while the window is open is locked to it. The window lifts the address's ban and keeps it\n"
			"from being banned while it is open. A prefix is at least a /24 or /48. Held devices stay closed.",
	.options = window_options,
	.example = "provctl window open 203.0.113.9 --account acct1 --for 4h",
	.words_min = 1,
	.words_max = 2,
	.run = run_window,
};

static const struct option_row network_options[] = {
	{"account", "NAME", "the account", 0},
	{0},
};

static int show_network(struct command *c, void *context, const struct json *row, struct err *err) {
	struct buf b;

	(void)c;
	(void)context;
	(void)err;
	buf_init(&b, 4096);
	member_text(&b, row, "network");
	buf_text(&b, js_true(row, "in_force") ? ": home to all devices of account " : ": no longer a network of account ");
	member_text(&b, row, "account");
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
	return 0;
}

static int run_network(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"NETWORK", 24}, {"ACCOUNT", 16}, {"ADDED", 20}, {0}};
	static const char *const keys[] = {"network", "account", "added"};
	const char *what = c->options.words[0];
	bool list = strcmp(what, "list") == 0;
	struct listing l = {.columns = columns, .keys = keys};
	struct buf b;
	struct prefix at;

	if ((!list && strcmp(what, "add") != 0 && strcmp(what, "remove") != 0) || c->options.nwords != (list ? 1 : 2))
		return err_set(err, ERR_INPUT, "network: usage: provctl network %s", c->verb->usage);
	if (!list && !options_given(&c->options, "account"))
		return err_set(err, ERR_INPUT, "network %s: --account is missing", what);
	if (!list && word_prefix(c->options.words[1], &at, err) < 0)
		return -1;
	request_begin(&b, c, "network");
	js_put_string(&b, "do", what);
	if (put_account(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	if (list)
		return command_list(c, &b, &l, err);
	put_prefix(&b, "network", at);
	return command_ask(c, &b, show_network, NULL, err);
}

const struct verb verb_network = {
	.name = "network",
	.usage = "add|remove PREFIX --account NAME, or list [--account NAME]",
	.summary = "prefixes that always are home to the devices of an account",
	.text = "For an office, or a second line of it: every device of the account is served from there.",
	.options = network_options,
	.example = "provctl network add 192.0.2.0/28 --account acct1",
	.words_min = 1,
	.words_max = 2,
	.run = run_network,
};
