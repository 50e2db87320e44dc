/* provctl recover: the last backup that is whole in the place of a damaged state. prov-enforcer does it, which alone reads the state. */
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/program.h"

static const struct option_row options[] = {
	{"yes", NULL, "do not ask", 'y'},
	{0},
};

static void fill(const struct command *c, bool preview, const char *argv[5]) {
	int n = 0;

	argv[n++] = "prov-enforcer";
	if (c->conf_file) {
		argv[n++] = "-c";
		argv[n++] = c->conf_file;
	}
	argv[n++] = preview ? "--recover=preview" : "--recover";
	argv[n] = NULL;
}

static void show_command(const struct json *row) {
	struct buf b;

	buf_init(&b, 4096);
	member_text(&b, row, "time");
	for (size_t i = 0; i < 5; i++) {
		static const char *const keys[] = {"what", "mac", "ip", "account", "detail"};
		const char *value = js_text(row, keys[i]);

		if (!value || value[0] == '\0')
			continue;
		buf_byte(&b, ' ');
		member_text(&b, row, keys[i]);
	}
	buf_byte(&b, '\0');
	show_line("given since", b.failed ? "" : b.p);
	buf_release(&b);
}

static void show_token(const struct json *row) {
	const char *id = js_text(row, "token");
	bool revoked = js_true(row, "revoked");
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "token %s, ", id);
	member_text(&b, row, "role");
	if (js_text(row, "account")) {
		buf_text(&b, " of ");
		member_text(&b, row, "account");
	}
	if (revoked)
		buf_text(&b, ": it stays revoked");
	else
		buf_printf(&b, ": whether it was revoked cannot be read; if it was: `provctl token revoke %s`", id);
	buf_byte(&b, '\0');
	show_line(revoked ? "revoked" : "perhaps back", b.failed ? "" : b.p);
	buf_release(&b);
}

static const struct line_row lines[] = {
	{"state", "state"}, {"damaged", "problem"}, {"backup", "backup"}, {"made", "time"}, {"set aside", "aside"}, {0},
};

/* The first row is of the state, the others of tokens that the backup still has, and of commands that it does not know. */
static int show(const struct command *c, struct slice text, bool *sound, struct err *err) {
	bool first = true;

	while (text.n > 0) {
		struct slice line = program_line(&text);
		struct json *row = NULL;

		if (program_json(line, "prov-enforcer", &row, err) < 0)
			return -1;
		if (first)
			*sound = js_true(row, "sound");
		if (c->json)
			(void)printf("%.*s\n", (int)line.n, line.p);
		else if (!first && js_text(row, "token"))
			show_token(row);
		else if (!first)
			show_command(row);
		else if (!*sound)
			show_lines(row, lines);
		first = false;
		js_free(&row);
	}
	return 0;
}

static int run_once(const struct command *c, bool preview, bool *sound, struct err *err) {
	const char *argv[5];
	struct buf out;
	int result;

	fill(c, preview, argv);
	buf_init(&out, PROGRAM_ANSWER_MAX);
	result = program_run("prov-enforcer", argv, &out, err);
	if (result == 0)
		result = show(c, (struct slice){out.p, out.n}, sound, err);
	buf_release(&out);
	return result;
}

static bool confirmed(void) {
	char answer[16];

	(void)fflush(stdout);
	(void)fprintf(stderr, "Put this backup in the place of the damaged state? [y/N] ");
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* 1: go on; 0: there is nothing to do. */
static int ask(const struct command *c, struct err *err) {
	bool sound = false;

	if (c->json)
		return err_set(err, ERR_INPUT, "recover: --json does not ask: give --yes");
	if (run_once(c, true, &sound, err) < 0)
		return -1;
	if (sound)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_INPUT, "recover: nothing was changed: there is no terminal to ask on; --yes does it");
	return confirmed() ? 1 : err_set(err, ERR_NEGATIVE, "recover: nothing was changed");
}

static int run_recover(struct command *c, struct err *err) {
	bool sound = true;
	int go;

	if (command_conf(c, err) < 0)
		return -1;
	go = options_given(&c->options, "yes") ? 1 : ask(c, err);
	if (go < 0 || (go > 0 && run_once(c, false, &sound, err) < 0))
		return -1;
	if (!c->json)
		(void)printf(sound
		                 ? "the state is whole: there is nothing to recover\n"
		                 : "recovered; the next `provctl analyze` reads the logs again from where the backup stood\n");
	return 0;
}

const struct verb verb_recover = {
	.name = "recover",
	.usage = "[--yes]",
	.summary = "put the last whole backup in the place of a damaged state",
	.text = "Does nothing to a state that is whole. The enforcer must not run. The damaged state is set\n"
			"aside, not removed. What logs told since the backup was made is read again, exactly once;\n"
			"commands given since are listed, as far as the damaged record tells, to be given again.\n"
			"Tokens revoked since stay revoked; those of which that cannot be read are listed.",
	.options = options,
	.example = "provctl recover",
	.words_min = 0,
	.words_max = 0,
	.run = run_recover,
};
