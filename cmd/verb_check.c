/* provctl check, test: the configuration and the rules, without the enforcer. */
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/journal.h"
#include "analyzer/rule.h"

#include "cmd/command.h"
#include "cmd/readable.h"

static void report_fault(void *context, const char *text) {
	(void)context;
	command_warn("%s", text);
}

static void report_warning(void *context, const char *text) {
	(void)context;
	command_warn("warning: %s", text);
}

/* What the analyzer's user cannot read, of what is there now. */
static void warn_closed(const struct conf *conf, const struct conf_source *source) {
	char advice[READABLE_TEXT];
	glob_t found = {0};
	bool told = false;

	if (glob(source->path, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc && !told; i++) {
			told = readable_not(conf, found.gl_pathv[i], advice);
			if (told)
				command_warn("warning: %s: %s", found.gl_pathv[i], advice);
		}
	globfree(&found);
}

/* Whom root's programs cannot become. */
static void warn_user(const char *setting, const char *name) {
	if (geteuid() == 0 && !getpwnam(name))
		command_warn("warning: %s: there is no user %s here for root's programs to become: `systemd-sysusers` or "
		             "`useradd --system %s` makes it",
		             setting, name, name);
}

/* What weakens the promise of the lock, but is no fault. */
static void warn_weak(const struct conf *conf) {
	if (!conf->devices.learn)
		command_warn("warning: devices.unknown: ignore: a MAC that is not imported is never locked");
	if (conf->mode == MODE_WATCH)
		command_warn("warning: mode: watch: nothing is banned, and every device is published as open");
	if (conf->nsources == 0)
		command_warn("warning: no sources: only what `provctl analyze FILE` is given is read");
	warn_user("users.enforcer", conf->users.enforcer);
	warn_user("users.analyzer", conf->users.analyzer);
	if (conf->lockstate.group[0] && !getgrnam(conf->lockstate.group))
		command_warn("warning: lockstate.group: there is no group %s here: the lock-state file cannot be written",
		             conf->lockstate.group);
	if (conf->portal.group[0] && !getgrnam(conf->portal.group))
		command_warn("warning: portal.group: there is no group %s here: the portal cannot reach the enforcer",
		             conf->portal.group);
	if (conf->hook[0] && access(conf->hook, X_OK) < 0)
		command_warn("warning: hook: %s cannot be run here: nobody is told", conf->hook);
	for (uint32_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];
		struct journal *journal = NULL;
		struct stat st;
		struct err err;

		if (source->journal && journal_open(&journal, source->journal, false, &err) < 0)
			command_warn("warning: %s: its source on line %u gives nothing: %s", source->path, source->line, err.text);
		journal_close(&journal);
		if (!source->journal && !strpbrk(source->path, "*?[") && stat(source->path, &st) < 0)
			command_warn("warning: %s: cannot be seen (yet?): its source on line %u gives nothing", source->path,
			             source->line);
		else if (!source->journal)
			warn_closed(conf, source);
	}
}

/* A fetch whose address nothing proves teaches no device and gives no home. */
static void warn_unproven(const struct conf_source *source, const struct rules *rules, const struct format *format) {
	struct slice id = rules_unproven(rules, format);

	if (id.n > 0)
		command_warn("warning: %s: fetches that rule %.*s finds there prove no address: they lock no device",
		             source->path, (int)id.n, id.p);
}

/* Opens what a pass would open for each source: its format or pattern, and its time zone. Counts faults. */
static unsigned check_sources(const struct conf *conf, struct rules *rules, struct geo *geo) {
	unsigned faults = 0;

	for (uint32_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];
		struct line_context ctx = {0};
		struct format *own = NULL;
		const struct format *format = NULL;
		struct err err;
		bool sound = true;

		if (source->journal && !journal_available()) {
			command_warn("%s:%u:%u: sources.journal: this provctl was built without libsystemd", conf->file,
			             source->line, source->column);
			faults++;
			continue;
		}
		if (source->pattern)
			sound = rules_own_format(rules, source->pattern, &own, &err) == 0;
		else
			sound = format_named(&format, slice_of(source->format), &err) == 0;
		if (sound) {
			sound = line_context_init(&ctx, conf, rules, geo, own ? own : format, source->timezone, source->account,
			                          &err) == 0;
			if (sound) {
				line_context_release(&ctx);
				warn_unproven(source, rules, own ? own : format);
			}
		}
		if (!sound) {
			command_warn("%s:%u:%u: sources: %s", conf->file, source->line, source->column, err.text);
			faults++;
		}
		format_own_free(&own);
	}
	return faults;
}

static const struct option_row check_options[] = {
	{"print", NULL, "print the configuration in force, each value with where it came from", 0},
	{0},
};

static void print_json(const struct conf *conf, unsigned rules) {
	struct buf b;

	buf_init(&b, 1U << 20);
	js_begin(&b, '{');
	js_put_bool(&b, "ok", true);
	js_put_string(&b, "file", conf->file);
	js_put_number(&b, "sources", conf->nsources);
	js_put_number(&b, "triggers", conf->ntriggers);
	js_put_number(&b, "rules", rules);
	js_end(&b, '}');
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
}

static int run_check(struct command *c, struct err *err) {
	struct conf_faults faults = {.report = report_fault};
	struct conf_faults warnings = {.report = report_warning};
	struct rules *rules = NULL;
	struct geo *geo = NULL;
	int result;

	if (conf_load(&c->conf, c->conf_file, &faults, err) < 0)
		return faults.count > 0 ? (int)err->class : -1;
	result = rules_load(&rules, c->conf, &faults, err);
	if (result < 0) {
		result = faults.count > 0 ? (int)err->class : -1;
		goto out;
	}
	result = geo_open(&geo, c->conf, err);
	if (result < 0)
		goto out;
	if (check_sources(c->conf, rules, geo) > 0) {
		result = ERR_INPUT;
		goto out;
	}
	if (rules_lint(rules, c->conf, &warnings, err) < 0) {
		result = -1;
		goto out;
	}
	if (geo_problem(geo)[0])
		command_warn("warning: %s", geo_problem(geo));
	if (options_given(&c->options, "print"))
		conf_print(c->conf, stdout);
	warn_weak(c->conf);
	if (c->json && !options_given(&c->options, "print"))
		print_json(c->conf, rules_count(rules));
	else if (!options_given(&c->options, "print"))
		(void)printf("configuration OK: %u source%s, %u triggers, %u rules\n", c->conf->nsources,
		             c->conf->nsources == 1 ? "" : "s", c->conf->ntriggers, rules_count(rules));
out:
	geo_close(&geo);
	rules_free(&rules);
	return result;
}

const struct verb verb_check = {
	.name = "check",
	.usage = "[--print]",
	.summary = "read the configuration and every rule, and tell every fault",
	.text = "Each fault is told with file:line:column; exit 2 on any. Warns of what weakens the lock, and of\n"
			"rules that never match, are shadowed, trust a client's words or backtrack.",
	.options = check_options,
	.example = "provctl -c ./provctl.yaml check",
	.words_max = 0,
	.run = run_check,
};

/* The configuration whose rule folders are the files given instead. */
static int conf_of_files(struct command *c, struct err *err) {
	for (uint32_t i = 0; i < c->conf->nrules; i++)
		free(c->conf->rules[i]);
	free(c->conf->rules);
	c->conf->nrules = 0;
	c->conf->rules = calloc((size_t)c->options.nwords, sizeof(*c->conf->rules));
	if (!c->conf->rules)
		return err_set(err, ERR_SYSTEM, "out of memory");
	for (int i = 0; i < c->options.nwords; i++) {
		if (access(c->options.words[i], R_OK) < 0) {
			(void)err_errno(err, "test: %s", c->options.words[i]);
			err->class = ERR_INPUT;
			return -1;
		}
		c->conf->rules[i] = strdup(c->options.words[i]);
		if (!c->conf->rules[i])
			return err_set(err, ERR_SYSTEM, "out of memory");
		c->conf->nrules++;
	}
	return 0;
}

static int run_test(struct command *c, struct err *err) {
	struct conf_faults faults = {.report = report_fault};
	struct rules *rules = NULL;
	unsigned passed = 0, failed = 0;
	int result = -1;

	if (command_conf(c, err) < 0 || (c->options.nwords > 0 && conf_of_files(c, err) < 0))
		return -1;
	if (rules_load(&rules, c->conf, &faults, err) < 0) {
		result = faults.count > 0 ? (int)err->class : -1;
		goto out;
	}
	if (rules_test(rules, c->conf, &faults, &passed, &failed, err) < 0 && failed == 0)
		goto out;
	if (c->json)
		(void)printf("{\"rules\":%u,\"passed\":%u,\"failed\":%u}\n", rules_count(rules), passed, failed);
	else
		(void)printf("%u rules: %u passed, %u failed\n", rules_count(rules), passed, failed);
	result = failed > 0 ? ERR_NEGATIVE : 0;
out:
	rules_free(&rules);
	return result;
}

const struct verb verb_test = {
	.name = "test",
	.usage = "[FILE...]",
	.summary = "run the samples that the rules carry",
	.text = "Each sample that gives another event than it says is told with file:line:column; exit 1 then.\n"
			"Rules come from the folders of the configuration, or from the files or folders given.",
	.example = "provctl test /etc/provctl/rules/mine.yaml",
	.words_max = -1,
	.run = run_test,
};
