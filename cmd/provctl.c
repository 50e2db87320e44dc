/* provctl: the command line. It finds the verb, parses its options by its table, runs it, and turns what went wrong into one
 * line on standard error and an exit status: 0 done, 1 a negative answer, 2 bad usage or input, 3 refused by policy, 4 the system failed,
 * 5 not known any more. */
#include <string.h>

#include "common/timefmt.h"
#include "common/yamldoc.h"

#include "cmd/command.h"

static const struct verb *const verbs[] = {
	&verb_analyze, &verb_status,        &verb_explain, &verb_list,    &verb_show,  &verb_unlock,
	&verb_lock,    &verb_home,          &verb_window,  &verb_network, &verb_add,   &verb_remove,
	&verb_import,  &verb_clear_exposed, &verb_ip,      &verb_bans,    &verb_ban,   &verb_unban,
	&verb_block,   &verb_allow,         &verb_log,     &verb_verdict, &verb_pause, &verb_resume,
	&verb_sync,    &verb_recover,       &verb_apply,   &verb_check,   &verb_test,  &verb_token,
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct option_row common_options[] = {
	{"config", "FILE", "read this configuration, not " CONF_DEFAULT_FILE, 'c'},
	{"json", NULL, "print JSON: one document, or one object a line for lists", 0},
	{"actor", "NAME", "record on whose behalf this is done", 0},
	{"reason", "TEXT", "record why this is done", 0},
	{"help", NULL, "print this help and end", 'h'},
	{"version", NULL, "print the version and end", 0},
	{0},
};

static void print_usage(void) {
	(void)printf("provctl protects VoIP phone provisioning: it locks phones and bans addresses by what the\n"
	             "server logs say.\n\nUsage: provctl [-c FILE] VERB [OPTION...] [WORD...]\n\nVerbs:\n");
	for (size_t i = 0; i < VERBS; i++)
		(void)printf("  %-14s %s\n", verbs[i]->name, verbs[i]->summary);
	(void)printf("\nOptions of every verb:\n");
	options_help(common_options, stdout);
	(void)printf("\n`provctl VERB --help` tells more. Manual: provctl(8).\n");
}

static void print_verb_help(const struct verb *verb) {
	(void)printf("Usage: provctl %s%s%s\n\n%s\n", verb->name, verb->usage[0] ? " " : "", verb->usage, verb->text);
	if (verb->options) {
		(void)printf("\nOptions:\n");
		options_help(verb->options, stdout);
	}
	(void)printf("\nOptions of every verb:\n");
	options_help(common_options, stdout);
	(void)printf("\nExample:\n  %s\n", verb->example);
}

static int verb_find(const char *name, const struct verb **out, struct err *err) {
	const char *names[VERBS + 1];
	const char *near;

	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i]->name, name) == 0) {
			*out = verbs[i];
			return 0;
		}
		names[i] = verbs[i]->name;
	}
	names[VERBS] = NULL;
	near = yamldoc_nearest(name, names);
	if (near)
		return err_set(err, ERR_INPUT, "%s: no such verb; did you mean %s?", name, near);
	return err_set(err, ERR_INPUT, "%s: no such verb; `provctl --help` lists them", name);
}

/* Options that stand before the verb count unless they are given behind it too. */
static const char *either(const struct options *after, const struct options *before, const char *name) {
	const char *value = options_value(after, name);

	return value ? value : options_value(before, name);
}

static int check_words(const struct verb *verb, int n, struct err *err) {
	if (n < verb->words_min)
		return err_set(err, ERR_INPUT, "%s: too few words; usage: provctl %s%s%s", verb->name, verb->name,
		               verb->usage[0] ? " " : "", verb->usage);
	if (verb->words_max >= 0 && n > verb->words_max)
		return err_set(err, ERR_INPUT, "%s: too many words; usage: provctl %s%s%s", verb->name, verb->name,
		               verb->usage[0] ? " " : "", verb->usage);
	return 0;
}

static int run(int argc, char **argv, struct err *err) {
	struct command c = {.now = clock_now()};
	struct options before;
	int exit = -1;

	if (options_parse(&before, NULL, common_options, true, argc, argv, err) < 0)
		return -1;
	if (options_given(&before, "version")) {
		(void)printf("provctl %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (before.nwords == 0 && options_given(&before, "help")) {
		print_usage();
		return 0;
	}
	if (before.nwords == 0)
		return err_set(err, ERR_INPUT, "a verb is missing; `provctl --help` lists them");
	if (verb_find(before.words[0], &c.verb, err) < 0)
		return -1;
	if (options_parse(&c.options, c.verb->options, common_options, false, before.nwords - 1, before.words + 1, err) < 0)
		return err_prefix(err, "%s", c.verb->name);
	if (either(&c.options, &before, "help")) {
		print_verb_help(c.verb);
		return 0;
	}
	c.conf_file = either(&c.options, &before, "config");
	c.json = either(&c.options, &before, "json") != NULL;
	c.actor = either(&c.options, &before, "actor");
	c.reason = either(&c.options, &before, "reason");
	if (check_words(c.verb, c.options.nwords, err) == 0)
		exit = c.verb->run(&c, err);
	command_release(&c);
	return exit;
}

int main(int argc, char **argv) {
	struct err err;
	int exit = run(argc - 1, argv + 1, &err);

	if (exit < 0) {
		command_warn("%s", err.text);
		exit = (int)err.class;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)err_errno(&err, "standard output");
		command_warn("%s", err.text);
		exit = ERR_SYSTEM;
	}
	return exit;
}
