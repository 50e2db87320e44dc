/* provctl log, verdict, sync, pause, resume: the record and the whole. */
#include <string.h>

#include "common/mac.h"
#include "common/timefmt.h"

#include "cmd/command.h"

static const struct option_row log_options[] = {
	{"since", "T", "from so long ago (24h, 7d), or from a time on", 0},
	{0},
};

static bool log_cell(struct buf *b, const struct json *row, const char *key) {
	const char *reason = js_text(row, "reason"), *actor = js_text(row, "actor");

	if (strcmp(key, "who") == 0) {
		if (actor && actor[0])
			buf_text(b, actor);
		else if (js_is_number(js_get(row, "uid")))
			buf_printf(b, "uid %lld", (long long)js_number(row, "uid", 0));
		else
			buf_text(b, js_text(row, "rule") ? js_text(row, "rule") : "");
		return true;
	}
	if (strcmp(key, "detail") != 0 || !reason || !reason[0])
		return false;
	buf_printf(b, "%s (%s)", js_text(row, "detail") ? js_text(row, "detail") : "", reason);
	return true;
}

static int put_since(struct buf *b, const struct command *c, struct err *err) {
	const char *text = options_value(&c->options, "since");
	int64_t seconds;

	if (!text)
		return 0;
	if (duration_parse(slice_of(text), &seconds))
		seconds = c->now - seconds;
	else if (!time_parse(slice_of(text), &seconds))
		return err_set(err, ERR_INPUT,
		               "--since %s: neither a duration such as 24h nor a time such as "
		               "2026-11-22T10:00:00Z",
		               text);
	js_put_number(b, "since", seconds > 0 ? seconds : 0);
	return 0;
}

static int run_log(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"TIME", 20}, {"WHAT", 15},  {"MAC", 12}, {"ADDRESS", 20},
	                                              {"BY", 20},   {"DETAIL", 0}, {0}};
	static const char *const keys[] = {"time", "what", "mac", "ip", "who", "detail"};
	const char *word = c->options.nwords > 0 ? c->options.words[0] : NULL;
	struct listing l = {.columns = columns, .keys = keys, .cell = log_cell};
	struct buf b;
	struct prefix at;
	uint64_t mac;

	request_begin(&b, c, "log");
	if (put_since(&b, c, err) < 0)
		goto failed;
	if (word && mac_parse(word, strlen(word), &mac)) {
		put_mac(&b, mac);
	} else if (word && prefix_parse(word, strlen(word), &at)) {
		put_prefix(&b, "ip", at);
	} else if (word) {
		(void)err_set(err, ERR_INPUT, "log: %s: neither a MAC nor an address", word);
		goto failed;
	}
	return command_list(c, &b, &l, err);
failed:
	buf_release(&b);
	return -1;
}

const struct verb verb_log = {
	.name = "log",
	.usage = "[MAC|IP] [--since T]",
	.summary = "print the record: every change, who, when and why",
	.text = "The newest is last. --json gives the evidence too: log, offset and line.",
	.options = log_options,
	.example = "provctl log 001565abcdef --since 7d",
	.words_max = 1,
	.run = run_log,
};

static const struct option_row verdict_options[] = {
	{"at", "TIME", "at that time: 2026-11-22T10:00:00Z or @SECONDS (now)", 0},
	{0},
};

static int show_verdict(struct command *c, void *context, const struct json *row, struct err *err) {
	struct buf b;

	(void)c;
	(void)context;
	(void)err;
	buf_init(&b, 16384);
	member_text(&b, row, "verdict");
	buf_text(&b, ": ");
	member_text(&b, row, "why");
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
	return 0;
}

static int run_verdict(struct command *c, struct err *err) {
	const char *at = options_value(&c->options, "at");
	struct buf b;
	struct addr ip;
	uint64_t mac;
	int64_t time = c->now;

	if (word_mac(c->options.words[0], &mac, err) < 0 || word_ip(c->options.words[1], &ip, err) < 0)
		return -1;
	if (at && !time_parse(slice_of(at), &time))
		return err_set(err, ERR_INPUT, "--at %s: not a time such as 2026-11-22T10:00:00Z", at);
	request_begin(&b, c, "verdict");
	put_mac(&b, mac);
	put_prefix(&b, "ip", prefix_of(ip, 128));
	if (at)
		js_put_number(&b, "time", time);
	return command_ask(c, &b, show_verdict, NULL, err);
}

const struct verb verb_verdict = {
	.name = "verdict",
	.usage = "MAC IP [--at TIME]",
	.summary = "what a generator answers an address that asks for a device",
	.text = "Exit 0: served, 1: refused, 5: before the record begins. A time ahead is answered as if\n"
			"nothing more happened.",
	.options = verdict_options,
	.example = "provctl verdict 001565abcdef 203.0.113.7 --at 2026-11-22T10:00:00Z",
	.words_min = 2,
	.words_max = 2,
	.run = run_verdict,
};

static int show_sync(struct command *c, void *context, const struct json *row, struct err *err) {
	static const struct line_row lines[] = {{"lock state", "lockstate"}, {"table", "firewall"}, {0}};

	(void)c;
	(void)context;
	(void)err;
	show_lines(row, lines);
	return 0;
}

static int run_sync(struct command *c, struct err *err) {
	struct buf b;

	request_begin(&b, c, "sync");
	return command_ask(c, &b, show_sync, NULL, err);
}

const struct verb verb_sync = {
	.name = "sync",
	.usage = "",
	.summary = "make the lock-state file and the firewall agree with the state",
	.text = "Writes both anew, whatever they hold. Needed only after somebody else changed them.",
	.example = "provctl sync",
	.words_max = 0,
	.run = run_sync,
};

static int show_pause(struct command *c, void *context, const struct json *row, struct err *err) {
	struct buf b;

	(void)context;
	(void)err;
	if (!js_true(row, "paused")) {
		(void)printf("not paused: bans and locks are in force\n");
		return 0;
	}
	buf_init(&b, 4096);
	buf_text(&b, js_true(row, "locks") ? "paused: no address is banned and no device is locked "
	                                   : "paused: no address is banned ");
	until_text(&b, c, js_text(row, "until"));
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
	return 0;
}

static const struct option_row pause_options[] = {
	{"for", "T", "for so long (1h)", 0},
	{"locks", NULL, "publish every device as open, too", 0},
	{0},
};

static int run_pause(struct command *c, struct err *err) {
	struct buf b;

	request_begin(&b, c, c->verb->name);
	if (c->verb == &verb_pause) {
		if (put_duration(&b, c, err) < 0) {
			buf_release(&b);
			return -1;
		}
		js_put_bool(&b, "locks", options_given(&c->options, "locks"));
	}
	return command_ask(c, &b, show_pause, NULL, err);
}

const struct verb verb_pause = {
	.name = "pause",
	.usage = "[--for T] [--locks]",
	.summary = "lift every ban for a while",
	.text = "For the day when honest phones are refused by mistake. Nothing is forgotten: it ends by\n"
			"itself or with `provctl resume`.",
	.options = pause_options,
	.example = "provctl pause --for 30m --locks --reason 'phones refused after the move'",
	.words_max = 0,
	.run = run_pause,
};

const struct verb verb_resume = {
	.name = "resume",
	.usage = "",
	.summary = "end a pause",
	.text = "Bans and locks are in force again at once.",
	.example = "provctl resume",
	.words_max = 0,
	.run = run_pause,
};
