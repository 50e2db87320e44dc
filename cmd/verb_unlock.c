/* provctl unlock: opens devices to any address for a limited time. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"

static const struct option_row options[] = {
	{"account", "NAME", "all devices of this account, until each is used", 0},
	{"for", "T", "for so long (24h; with --account 1h to 40h bound it)", 0},
	{"support", NULL, "open a held device too", 0},
	{"yes", NULL, "do not ask before opening an account", 'y'},
	{0},
};

static int show_opened(struct command *c, void *context, const struct json *row, struct err *err) {
	const char *banned = js_text(row, "home_banned");
	struct buf b;

	(void)context;
	(void)err;
	buf_init(&b, 4096);
	until_text(&b, c, js_text(row, "until"));
	buf_byte(&b, '\0');
	(void)printf("%s: unlocked %s: anyone who knows the MAC may fetch its configuration;\n"
	             "the first fetch from outside its old home makes that address its home\n",
	             js_text(row, "mac"), b.failed ? "" : b.p);
	if (banned)
		command_warn(
			"%s: %s, its home or where it asked from last, is banned and gets no answer; `provctl unban %s` lifts that",
			js_text(row, "mac"), banned, js_text(row, "banned_by"));
	buf_release(&b);
	return 0;
}

/* Each on its own: what fails is told, the others are opened; the highest exit status counts. */
static int unlock_devices(struct command *c, struct err *err) {
	int highest = 0;
	uint64_t mac;

	for (int i = 0; i < c->options.nwords; i++)
		if (word_mac(c->options.words[i], &mac, err) < 0)
			return -1;
	for (int i = 0; i < c->options.nwords; i++) {
		struct buf b;
		int exit;

		(void)word_mac(c->options.words[i], &mac, err);
		request_begin(&b, c, "unlock");
		put_mac(&b, mac);
		js_put_bool(&b, "support", options_given(&c->options, "support"));
		if (put_duration(&b, c, err) < 0) {
			buf_release(&b);
			return -1;
		}
		exit = command_ask(c, &b, show_opened, NULL, err);
		if (exit < 0) {
			exit = (int)err->class;
			command_warn("%s", err->text);
		}
		highest = exit > highest ? exit : highest;
	}
	return highest;
}

struct plan {
	struct listing listing;
	uint64_t opens, skipped;
	bool preview;
};

static bool plan_cell(struct buf *b, const struct json *row, const char *key) {
	const char *skipped = js_text(row, "skipped");

	if (strcmp(key, "skipped") != 0)
		return false;
	if (skipped)
		buf_printf(b, "skipped: %s", skipped);
	else
		buf_text(b, "yes");
	return true;
}

static int plan_row(struct command *c, void *context, const struct json *row, struct err *err) {
	struct plan *plan = context;

	if (js_text(row, "skipped"))
		plan->skipped++;
	else
		plan->opens++;
	return listing_row(c, &plan->listing, row, err);
}

/* One request for the account; a preview changes nothing. */
static int account_request(struct command *c, struct plan *plan, struct err *err) {
	struct buf b;
	int exit;

	request_begin(&b, c, "unlock");
	js_put_bool(&b, "preview", plan->preview);
	if (put_account(&b, c, err) < 0 || put_duration(&b, c, err) < 0) {
		buf_release(&b);
		return -1;
	}
	exit = command_ask(c, &b, plan_row, plan, err);
	if (exit >= 0 && plan->listing.table && table_end(&plan->listing.table, err) < 0)
		exit = -1;
	table_free(&plan->listing.table);
	return exit;
}

static bool confirmed(uint64_t n, const char *account) {
	char answer[16];

	(void)fflush(stdout);
	(void)fprintf(stderr, "Open %llu device%s of account %s to any address? [y/N] ", (unsigned long long)n,
	              n == 1 ? "" : "s", account);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int print_plan(const struct plan *plan) {
	(void)printf("%llu opened, %llu skipped\n", (unsigned long long)plan->opens, (unsigned long long)plan->skipped);
	if (plan->opens > 0)
		(void)printf(
			"anyone who knows a MAC may fetch its configuration until the first fetch from outside its old home\n");
	return 0;
}

static int unlock_account(struct command *c, struct err *err) {
	static const struct table_column columns[] = {{"MAC", 12}, {"STATE", 8}, {"HOME", 20}, {"UNLOCK", 0}, {0}};
	static const char *const keys[] = {"mac", "state", "home", "skipped"};
	const char *account = options_value(&c->options, "account");
	bool yes = options_given(&c->options, "yes");
	struct plan plan = {.listing = {.columns = columns, .keys = keys, .cell = plan_cell}};
	int exit;

	if (!yes && c->json)
		return err_set(err, ERR_INPUT, "unlock: --json does not ask: --account wants --yes");
	if (!yes) {
		plan.preview = true;
		exit = account_request(c, &plan, err);
		if (exit != 0)
			return exit;
		if (plan.opens == 0)
			return print_plan(&plan);
		if (!isatty(STDIN_FILENO))
			return err_set(err, ERR_INPUT,
			               "unlock: nothing was changed: there is no terminal to ask on; --yes opens them");
		if (!confirmed(plan.opens, account))
			return err_set(err, ERR_NEGATIVE, "unlock: nothing was changed");
		plan = (struct plan){.listing = {.columns = columns, .keys = keys, .cell = plan_cell}};
	}
	exit = account_request(c, &plan, err);
	if (exit != 0 || c->json)
		return exit;
	return print_plan(&plan);
}

static int run(struct command *c, struct err *err) {
	bool account = options_given(&c->options, "account");

	if (account == (c->options.nwords > 0))
		return err_set(err, ERR_INPUT, "unlock: either MACs or --account");
	if (account && options_given(&c->options, "support"))
		return err_set(err, ERR_INPUT, "unlock: --support opens one device at a time, never an account");
	return account ? unlock_account(c, err) : unlock_devices(c, err);
}

const struct verb verb_unlock = {
	.name = "unlock",
	.usage = "MAC... [--for T] [--support] | --account NAME [--for T] [--yes]",
	.summary = "open a device, or all of an account, to any address for a while",
	.text = "Opens each device to any address for 24 hours: for a phone that moved or was replaced.\n"
			"The first fetch from outside its old home locks it to that address. A device that is\n"
			"held, or whose configuration was replaced by a custom one, is refused (exit 3).\n"
			"With --account each device stays open until it is used; held and custom ones are skipped.",
	.options = options,
	.example = "provctl unlock 00:15:65:ab:cd:ef --for 2h --reason 'moved to the new office'",
	.words_max = -1,
	.run = run,
};
