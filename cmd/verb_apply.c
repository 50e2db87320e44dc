/* provctl apply: the bans of a folder that an enforcer elsewhere publishes, on this machine. prov-enforcer does it, which alone speaks to
 * the firewall; no state is opened. */
#include "cmd/command.h"
#include "cmd/program.h"

#define ARGUMENTS 10

static const struct option_row apply_options[] = {
	{"nginx", "FILE", "write them to FILE, for a `geo` block of nginx to include", 0},
	{"haproxy", "FILE", "write them to FILE, for an ACL of HAProxy (-f FILE)", 0},
	{0},
};

static void fill_arguments(const struct command *c, const char *argv[ARGUMENTS]) {
	const char *const names[] = {"nginx", "haproxy"}, *const options[] = {"--nginx", "--haproxy"};
	int n = 0;

	argv[n++] = "prov-enforcer";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = "--apply";
	argv[n++] = c->options.words[0];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!options_given(&c->options, names[i]))
			continue;
		argv[n++] = options[i];
		argv[n++] = options_value(&c->options, names[i]);
	}
	argv[n] = NULL;
}

static int show(const struct command *c, struct slice text, struct err *err) {
	struct json *row = NULL;
	struct buf b;

	if (c->json) {
		(void)printf("%.*s\n", (int)text.n, text.p);
		return 0;
	}
	if (program_json(text, "prov-enforcer", &row, err) < 0)
		return -1;
	buf_init(&b, 4096);
	member_text(&b, row, "place");
	buf_printf(&b, ": %lld %s", (long long)js_number(row, "bans", 0), js_number(row, "bans", 0) == 1 ? "ban" : "bans");
	if (js_text(row, "time")) {
		buf_text(&b, ", as of ");
		member_text(&b, row, "time");
	}
	if (!js_true(row, "changed"))
		buf_text(&b, "; nothing to change");
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
	js_free(&row);
	return 0;
}

static int show_all(const struct command *c, struct slice text, struct err *err) {
	while (text.n > 0)
		if (show(c, program_line(&text), err) < 0)
			return -1;
	return 0;
}

static int run_apply(struct command *c, struct err *err) {
	const char *argv[ARGUMENTS];
	struct err ignored;
	struct buf out;
	int status, result;

	/* Faults of the configuration are told here, each with its place. */
	if (command_conf(c, err) < 0)
		return -1;
	fill_arguments(c, argv);
	buf_init(&out, PROGRAM_ANSWER_MAX);
	status = program_run("prov-enforcer", argv, &out, err);
	/* Some of it may be done where it failed. */
	result = show_all(c, (struct slice){out.p, out.n}, status < 0 ? &ignored : err);
	buf_release(&out);
	return status < 0 ? -1 : result;
}

const struct verb verb_apply = {
	.name = "apply",
	.usage = "DIR [--nginx FILE] [--haproxy FILE]",
	.summary = "install the bans that an enforcer elsewhere publishes on this machine",
	.text = "DIR is a copy of the folder that holds its lock-state file. Its bans are installed whole or\n"
			"not at all, in nftables; each ends at its time, and firewall.never of this machine holds.\n"
			"Behind a balancer, where no packet shows whose it is, --nginx and --haproxy write a file for\n"
			"the web server or the balancer instead. Where nothing is to change nothing is touched.",
	.options = apply_options,
	.example = "provctl apply /var/lib/provctl/publish",
	.words_min = 1,
	.words_max = 1,
	.run = run_apply,
};
