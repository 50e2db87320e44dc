/* provctl ban, block, allow, unban, bans, ip: addresses. */
#include <string.h>

#include "cmd/command.h"
#include "cmd/session.h"

static const struct option_row ban_options[] = {
	{"for", "T", "for so long: 90s, 15m, 24h, 7d", 0},
	{"comment", "TEXT", "a word for those who read `provctl bans`", 0},
	{"force", NULL, "even where your own ssh session comes from", 0},
	{0},
};

static const struct option_row block_options[] = {
	{"for", "T", "for so long, not without end", 0},
	{"comment", "TEXT", "a word for those who read `provctl bans`", 0},
	{"remove", NULL, "take it away again", 0},
	{"force", NULL, "even where your own ssh session comes from", 0},
	{0},
};

static const struct option_row allow_options[] = {
	{"for", "T", "for so long, not without end", 0},
	{"comment", "TEXT", "a word for those who read `provctl bans`", 0},
	{"remove", NULL, "take it away again", 0},
	{0},
};

/* "198.51.100.0/24: banned until 2026-11-23T10:00:00Z (24h), web.scan" */
static void ban_text(struct buf *b, const struct command *c, const struct json *row) {
	member_text(b, row, "ip");
	buf_text(b, ": ");
	member_text(b, row, "status");
	buf_byte(b, ' ');
	until_text(b, c, js_text(row, "until"));
	if (js_text(row, "trigger")) {
		buf_text(b, ", trigger ");
		member_text(b, row, "trigger");
	}
}

/* A ban that drops nothing yet is no success to be silent about. */
static void warn_held_back(const struct json *row) {
	static const struct {
		const char *by, *why;
	} rows[] = {
		{"watch", "mode is watch"},
		{"pause", "bans are paused; `provctl resume` ends that"},
		{"allow", "it is allowed; `provctl allow --remove` ends that"},
		{"window", "a window is open there; `provctl window list` has it"},
	};
	const char *by = js_text(row, "held_back");

	for (size_t i = 0; by && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(by, rows[i].by) == 0)
			command_warn("%s: recorded, but nothing is dropped: %s", js_text(row, "ip"), rows[i].why);
}

static int show_ban(struct command *c, void *context, const struct json *row, struct err *err) {
	struct buf b;

	(void)context;
	(void)err;
	buf_init(&b, 4096);
	if (js_text(row, "status")) {
		ban_text(&b, c, row);
	} else {
		member_text(&b, row, "ip");
		buf_printf(&b, ": %lld lifted", (long long)js_number(row, "lifted", 0));
	}
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	warn_held_back(row);
	buf_release(&b);
	return 0;
}

static int run_ban(struct command *c, struct err *err) {
	bool remove = c->verb != &verb_ban && options_given(&c->options, "remove");
	const char *comment = options_value(&c->options, "comment");
	struct addr session;
	struct buf b;
	struct prefix at;

	if (word_prefix(c->options.words[0], &at, err) < 0)
		return -1;
	if (c->verb == &verb_ban && !options_given(&c->options, "for"))
		return err_set(err, ERR_INPUT, "ban: --for is missing; what has no end is `provctl block`");
	request_begin(&b, c, c->verb->name);
	put_prefix(&b, "ip", at);
	if (put_duration(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	if (comment)
		js_put_string(&b, "comment", comment);
	if (remove)
		js_put_bool(&b, "remove", true);
	if (c->verb != &verb_allow && options_given(&c->options, "force"))
		js_put_bool(&b, "force", true);
	if (c->verb != &verb_allow && session_peer(&session))
		put_prefix(&b, "session", prefix_of(session, 128));
	return command_ask(c, &b, show_ban, NULL, err);
}

const struct verb verb_ban = {
	.name = "ban",
	.usage = "IP|PREFIX --for T [--comment TEXT] [--force]",
	.summary = "drop an address for a while",
	.text = "The firewall drops what the address sends to firewall.ports. Some addresses are never banned\n"
			"(exit 3): this host's own, its gateways and resolvers, trusted proxies, firewall.never; and the one\n"
			"that your ssh session comes from, unless --force.",
	.options = ban_options,
	.example = "provctl ban 198.51.100.4 --for 24h --comment 'ticket 4711'",
	.words_min = 1,
	.words_max = 1,
	.run = run_ban,
};

const struct verb verb_block = {
	.name = "block",
	.usage = "IP|PREFIX [--for T] [--comment TEXT] [--remove] [--force]",
	.summary = "drop an address until an admin lifts it",
	.text = "A ban without end, or with the one that --for gives. `provctl unban` or --remove lifts it.",
	.options = block_options,
	.example = "provctl block 198.51.100.0/24 --comment 'nobody of ours'",
	.words_min = 1,
	.words_max = 1,
	.run = run_ban,
};

const struct verb verb_allow = {
	.name = "allow",
	.usage = "IP|PREFIX [--for T] [--comment TEXT] [--remove]",
	.summary = "never ban an address, whatever it does",
	.text = "Without end, or with the one that --for gives. --remove takes it away again.",
	.options = allow_options,
	.example = "provctl allow 203.0.113.9 --comment 'monitoring'",
	.words_min = 1,
	.words_max = 1,
	.run = run_ban,
};

static const struct option_row unban_options[] = {
	{"all", NULL, "every ban; blocks stay", 0},
	{0},
};

static int show_lifted(struct command *c, void *context, const struct json *row, struct err *err) {
	if (js_text(row, "ip"))
		return show_ban(c, context, row, err);
	(void)printf("%lld lifted\n", (long long)js_number(row, "lifted", 0));
	return 0;
}

static int run_unban(struct command *c, struct err *err) {
	bool all = options_given(&c->options, "all");
	struct buf b;
	struct prefix at;

	if (all == (c->options.nwords == 1))
		return err_set(err, ERR_INPUT, "unban: either an address or --all");
	if (!all && word_prefix(c->options.words[0], &at, err) < 0)
		return -1;
	request_begin(&b, c, "unban");
	if (all)
		js_put_bool(&b, "all", true);
	else
		put_prefix(&b, "ip", at);
	return command_ask(c, &b, show_lifted, NULL, err);
}

const struct verb verb_unban = {
	.name = "unban",
	.usage = "IP|PREFIX | --all",
	.summary = "lift the bans and the block of an address, or all bans",
	.text = "A ban that was lifted by hand is not remembered: the next one begins at the shortest time.",
	.options = unban_options,
	.example = "provctl unban 203.0.113.9 --reason 'wrong password in a new phone'",
	.words_max = 1,
	.run = run_unban,
};

static const struct option_row bans_options[] = {
	{"all", NULL, "those that are over too, the newest first", 0},
	{0},
};

static bool bans_cell(struct buf *b, const struct json *row, const char *key) {
	if (strcmp(key, "trigger") != 0 || js_text(row, "trigger"))
		return false;
	buf_text(b, "(by hand)");
	return true;
}

static int run_bans(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"ADDRESS", 20}, {"STATUS", 7},  {"UNTIL", 20},  {"BY", 22},
	                                              {"START", 20},   {"PACKETS", 7}, {"COMMENT", 0}, {0}};
	static const char *const keys[] = {"ip", "status", "until", "trigger", "start", "packets", "comment"};
	struct listing l = {
		.columns = columns, .keys = keys, .cell = bans_cell, .plain = true, .none = {"trigger", "(by hand)"}};
	struct buf b;

	request_begin(&b, c, "bans");
	if (options_given(&c->options, "all"))
		js_put_bool(&b, "all", true);
	return command_list(c, &b, &l, err);
}

const struct verb verb_bans = {
	.name = "bans",
	.usage = "[--all]",
	.summary = "list what is banned, blocked, allowed or pending",
	.text = "PACKETS counts what the firewall dropped. A ban that is pending waits for\n"
			"firewall.bans_per_minute.",
	.options = bans_options,
	.example = "provctl bans --json | jq -r 'select(.status == \"banned\").ip'",
	.words_max = 0,
	.run = run_bans,
};

/* Which devices live there, of many the first alone. */
static void show_macs(const struct json *row) {
	size_t named = js_length(js_get(row, "macs"));
	int64_t more = js_number(row, "devices", 0) - (int64_t)named;
	struct buf b;

	if (named == 0)
		return;
	buf_init(&b, 4096);
	member_text(&b, row, "macs");
	if (more > 0)
		buf_printf(&b, " and %lld more", (long long)more);
	buf_byte(&b, '\0');
	show_line("macs", b.failed ? "" : b.p);
	buf_release(&b);
}

void show_address_lines(const struct command *c, const struct json *row) {
	static const struct line_row lines[] = {{"address", "ip"},      {"status", "status"},     {"never banned", "never"},
	                                        {"devices", "devices"}, {"accounts", "accounts"}, {0}};
	const struct json *bans = js_get(row, "bans");

	show_lines(row, lines);
	show_macs(row);
	for (size_t i = 0; i < js_length(bans); i++) {
		struct buf b;

		buf_init(&b, 4096);
		ban_text(&b, c, js_at(bans, i));
		buf_byte(&b, '\0');
		show_line(js_text(js_at(bans, i), "kind"), b.failed ? "" : b.p);
		buf_release(&b);
	}
}

static int show_ip(struct command *c, void *context, const struct json *row, struct err *err) {
	(void)context;
	(void)err;
	show_address_lines(c, row);
	return 0;
}

static int run_ip(struct command *c, struct err *err) {
	struct buf b;
	struct addr ip;

	if (word_ip(c->options.words[0], &ip, err) < 0)
		return -1;
	request_begin(&b, c, "ip");
	put_prefix(&b, "ip", prefix_of(ip, 128));
	return command_ask(c, &b, show_ip, NULL, err);
}

const struct verb verb_ip = {
	.name = "ip",
	.usage = "IP",
	.summary = "show what is known of an address",
	.text = "Statuses: never (it cannot be banned), allowed, blocked, banned, pending, failed (failures that\n"
			"count), known (it is the home of a device, in a network, or had a registration within 24h).",
	.example = "provctl ip 203.0.113.9",
	.words_min = 1,
	.words_max = 1,
	.run = run_ip,
};
