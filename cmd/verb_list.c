/* provctl list, show: the inventory. */
#include <string.h>

#include "cmd/command.h"

static const struct option_row options[] = {
	{"account", "NAME", "of this account", 0},
	{"state", "STATE", "new, locked, unlocked or held", 0},
	{"exposed", NULL, "whose configuration was served to a stranger", 0},
	{"moved", NULL, "that somebody asked for from elsewhere", 0},
	{"registered", NULL, "whose user registered within 24 hours", 0},
	{0},
};

static bool moved_cell(struct buf *b, const struct json *row) {
	const struct json *moved = js_get(row, "moved");

	for (size_t i = 0; i < js_length(moved); i++)
		buf_printf(b, "%s%s", i > 0 ? ", " : "", js_text(js_at(moved, i), "ip"));
	return true;
}

static bool list_cell(struct buf *b, const struct json *row, const char *key) {
	return strcmp(key, "moved") == 0 && moved_cell(b, row);
}

static int run_list(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"MAC", 12},     {"STATE", 8},  {"REASON", 11},
	                                              {"ACCOUNT", 16}, {"UNTIL", 20}, {"HOME", 20},
	                                              {"EXPOSED", 20}, {"MOVED", 0},  {0}};
	static const char *const keys[] = {"mac", "state", "reason", "account", "until", "home", "exposed", "moved"};
	static const char *const switches[] = {"exposed", "moved", "registered"};
	const char *state = options_value(&c->options, "state");
	struct listing l = {.columns = columns, .keys = keys, .cell = list_cell, .plain = true};
	struct buf b;

	request_begin(&b, c, "list");
	if (put_account(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	if (state)
		js_put_string(&b, "state", state);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (options_given(&c->options, switches[i]))
			js_put_bool(&b, switches[i], true);
	return command_list(c, &b, &l, err);
}

const struct verb verb_list = {
	.name = "list",
	.usage = "[--account NAME] [--state STATE] [--exposed] [--moved] [--registered]",
	.summary = "list devices",
	.text = "One line a device, in the order of their MACs. Each option narrows the list.",
	.options = options,
	.example = "provctl list --moved --account acct1",
	.words_max = 0,
	.run = run_list,
};

static void show_users(const struct json *users) {
	for (size_t i = 0; i < js_length(users); i++) {
		const char *realm = js_text(js_at(users, i), "realm");
		struct buf b;

		buf_init(&b, 4096);
		member_text(&b, js_at(users, i), "user");
		if (realm && realm[0]) {
			buf_byte(&b, '@');
			member_text(&b, js_at(users, i), "realm");
		}
		buf_byte(&b, '\0');
		show_line("user", b.failed ? "" : b.p);
		buf_release(&b);
	}
}

static void show_moved(const struct json *moved) {
	for (size_t i = 0; i < js_length(moved); i++) {
		const struct json *m = js_at(moved, i);
		char text[256];

		(void)snprintf(text, sizeof(text), "%s, %lld time%s since %s, last %s%s", js_text(m, "ip"),
		               (long long)js_number(m, "count", 0), js_number(m, "count", 0) == 1 ? "" : "s",
		               js_text(m, "first"), js_text(m, "last"), js_true(m, "served") ? ", served" : "");
		show_line("moved", text);
	}
}

void show_device_lines(const struct json *row) {
	static const struct line_row lines[] = {
		{"device", "mac"},
		{"account", "account"},
		{"state", "state"},
		{"reason", "reason"},
		{"until", "until"},
		{"home", "home"},
		{"created", "created"},
		{"changed", "changed"},
		{"seen", "seen"},
		{"removed", "removed"},
		{"vendor", "vendor"},
		{"model", "model"},
		{"version", "version"},
		{"exposed", "exposed"},
		{"exposed to", "exposed_to"},
		{"registered", "registered"},
		{"from", "registered_at"},
		{0},
	};

	show_lines(row, lines);
	if (js_true(row, "custom"))
		show_line("custom", "yes: its configuration was replaced, an unlock cannot work");
	if (js_true(row, "learned"))
		show_line("learned", "yes: from a log, it is not in the inventory");
	show_users(js_get(row, "users"));
	show_moved(js_get(row, "moved"));
}

static int show_row_of(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)c;
	(void)context;
	(void)err;
	show_device_lines(row);
	return 0;
}

static int run_show(struct command *c, struct err *err) {
	struct buf b;
	uint64_t mac;

	if (word_mac(c->options.words[0], &mac, err) < 0)
		return -1;
	request_begin(&b, c, "show");
	put_mac(&b, mac);
	return command_ask(c, &b, show_row_of, NULL, err);
}

const struct verb verb_show = {
	.name = "show",
	.usage = "MAC",
	.summary = "show all that is known of a device",
	.text = "`provctl explain` tells why it is so.",
	.example = "provctl show 00-15-65-AB-CD-EF",
	.words_min = 1,
	.words_max = 1,
	.run = run_show,
};
