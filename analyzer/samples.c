/* `provctl test`: what rules, phones and imposters say of themselves is tried. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"

#include "analyzer/rule_private.h"

#define TEXT_MAX 256 /* of a value in a message */

struct run {
	struct rules *rules;
	const struct conf *conf;
	struct conf_faults *faults;
	struct err first;
	unsigned passed, failed;
};

static void tell(struct run *run, int result, const struct err *err) {
	if (result == 0) {
		run->passed++;
		return;
	}
	if (run->failed++ == 0)
		run->first = *err;
	if (run->faults) {
		run->faults->count++;
		if (run->faults->report)
			run->faults->report(run->faults->context, err->text);
	}
}

static const char *tri_text(enum tri t) {
	return t == TRI_YES ? "true" : t == TRI_NO ? "false" : "unknown";
}

/* The event's (or asker's) value as the sample writes it. */
static void word(char out[TEXT_MAX], struct slice s) {
	(void)slice_copy(s, out, TEXT_MAX);
}

enum {
	E_EVENT,
	E_MAC,
	E_IP,
	E_TIME,
	E_USER,
	E_REALM,
	E_ACCOUNT,
	E_AGENT,
	E_FOLDER,
	E_VENDOR,
	E_MODEL,
	E_VERSION,
	E_PROOF,
	E_IMPOSTER,
	E_STATUS,
	E_RULE,
	E_DIFFERS
};

static const char *const expect_keys[] = {
	"event", "mac",     "ip",    "time",     "user",   "realm", "account",           "agent", "folder", "vendor",
	"model", "version", "proof", "imposter", "status", "rule",  "agent_mac_differs", NULL};

static void event_value(const struct event *e, unsigned key, char out[TEXT_MAX]) {
	switch (key) {
	case E_EVENT:
		word(out, slice_of(event_kind_name(e->kind)));
		break;
	case E_MAC:
		out[0] = '\0';
		if (e->mac != MAC_NONE)
			mac_print(e->mac, out);
		break;
	case E_IP:
		out[0] = '\0';
		if (!addr_is_none(e->ip))
			addr_print(e->ip, out);
		break;
	case E_TIME:
		time_print(e->time, out);
		break;
	case E_USER:
		word(out, e->user);
		break;
	case E_REALM:
		word(out, e->realm);
		break;
	case E_ACCOUNT:
		word(out, e->account);
		break;
	case E_AGENT:
		word(out, e->agent);
		break;
	case E_FOLDER:
		word(out, e->folder);
		break;
	case E_VENDOR:
		word(out, e->vendor);
		break;
	case E_MODEL:
		word(out, e->model);
		break;
	case E_VERSION:
		word(out, e->version);
		break;
	case E_PROOF:
		word(out, slice_of(proof_name(e->proof)));
		break;
	case E_IMPOSTER:
		word(out, slice_of(tri_text(e->imposter)));
		break;
	case E_STATUS:
		(void)snprintf(out, TEXT_MAX, "%u", e->status);
		break;
	case E_RULE:
		word(out, e->rule);
		break;
	default:
		word(out, slice_of(e->agent_mac_differs ? "true" : "false"));
		break;
	}
}

static int event_compare(const struct yamldoc_node *expect, const struct event *e, struct err *err) {
	for (const struct yamldoc_node *m = expect->first; m; m = m->next) {
		char came[TEXT_MAX];
		const char *text;
		unsigned key;

		if (yamldoc_key(m, expect_keys, &key, err) || yamldoc_text(m, &text, err))
			return -1;
		event_value(e, key, came);
		if (strcmp(came, text) != 0)
			return yamldoc_fault(m, err, "expected \"%s\", came \"%s\"", text, came);
	}
	return 0;
}

/* A stamp without a year is read as one of the expected time's. */
static int64_t anchor_of(const struct yamldoc_node *expect) {
	const struct yamldoc_node *time = yamldoc_get(expect, "time");
	int64_t at;

	return time && time->kind == YAMLDOC_SCALAR && time_parse(time->text, &at) ? at : clock_now();
}

static int outcome_check(struct line_context *ctx, const struct rule *rule, const struct yamldoc_node *line,
                         const struct yamldoc_node *expect, struct err *err) {
	struct event e;
	enum outcome outcome = rules_event(ctx, line->text, &e);
	bool none = expect->kind == YAMLDOC_SCALAR;

	if (none && !slice_is(expect->text, "none"))
		return yamldoc_fault(expect, err, "takes `none` or what the event must say");
	if (!none && yamldoc_mapping(expect, err))
		return -1;
	if (outcome == OUTCOME_LIMIT)
		return yamldoc_fault(line, err, "a pattern hit its match limit");
	if (none)
		return outcome != OUTCOME_EVENT ? 0
		                                : yamldoc_fault(line, err, "expected no event, came %s by rule %.*s",
		                                                event_kind_name(e.kind), (int)e.rule.n, e.rule.p);
	if (outcome == OUTCOME_UNREADABLE)
		return yamldoc_fault(line, err, "the format %s cannot read this line", format_name(ctx->format));
	if (outcome == OUTCOME_NONE)
		return yamldoc_fault(line, err, "expected an event, came none");
	if (!slice_same(e.rule, rule->id))
		return yamldoc_fault(line, err, "another rule took it: %.*s", (int)e.rule.n, e.rule.p);
	return event_compare(expect, &e, err);
}

int sample_open(struct sample *out, struct rules *rules, const struct conf *conf, const struct rule *rule,
                const struct yamldoc_node *sample, struct err *err) {
	static const char *const keys[] = {"line", "expect", "format", "timezone", NULL};
	const struct yamldoc_node *line, *expect, *format, *zone;
	const struct format *f =
		format_names()[rule->first_format] ? format_find(slice_of(format_names()[rule->first_format])) : NULL;
	struct err why;
	unsigned key;

	if (yamldoc_mapping(sample, err))
		return -1;
	for (const struct yamldoc_node *m = sample->first; m; m = m->next) {
		const char *text;

		if (yamldoc_key(m, keys, &key, err) || (key != 1 && yamldoc_text(m, &text, err)))
			return -1;
	}
	line = yamldoc_get(sample, "line");
	expect = yamldoc_get(sample, "expect");
	format = yamldoc_get(sample, "format");
	zone = yamldoc_get(sample, "timezone");
	if (!line || !expect)
		return yamldoc_fault(sample, err, "a sample needs `line` and `expect`");
	if (format && format_named(&f, format->text, &why) < 0)
		return yamldoc_cause(format, err, &why);
	if (!f)
		return yamldoc_fault(sample, err, "a sample of a rule for `own` formats needs `format`");
	if (line_context_init(&out->ctx, conf, rules, NULL, f, zone ? zone->text.p : "UTC", NULL, &why))
		return yamldoc_cause(zone ? zone : sample, err, &why);
	out->ctx.inventory = true;
	out->line = line;
	out->expect = expect;
	if (expect->kind == YAMLDOC_MAPPING)
		time_context_anchor(out->ctx.time, anchor_of(expect));
	return 0;
}

static int sample_run(struct run *run, const struct rule *rule, const struct yamldoc_node *node, struct err *err) {
	struct sample sample = {0};
	int result;

	if (sample_open(&sample, run->rules, run->conf, rule, node, err))
		return -1;
	assert(sample.line && sample.expect);
	result = outcome_check(&sample.ctx, rule, sample.line, sample.expect, err);
	line_context_release(&sample.ctx);
	return result;
}

static int told_compare(const struct yamldoc_node *expect, const char *came, const char *key, struct err *err) {
	const struct yamldoc_node *m = yamldoc_get(expect, key);
	const char *text;

	if (!m)
		return 0;
	if (yamldoc_text(m, &text, err))
		return -1;
	return strcmp(came, text) == 0 ? 0 : yamldoc_fault(m, err, "expected \"%s\", came \"%s\"", text, came);
}

static int phone_sample_run(struct run *run, const struct phone *phone, const struct yamldoc_node *sample,
                            struct err *err) {
	static const char *const keys[] = {"agent", "path", "expect", NULL};
	static const char *const told_keys[] = {"vendor", "model", "version", "mac", "imposter", NULL};
	const struct yamldoc_node *agent, *path, *expect;
	struct slice file = {0};
	struct asker asker;
	char came[TEXT_MAX];
	unsigned key;

	if (yamldoc_mapping(sample, err))
		return -1;
	for (const struct yamldoc_node *m = sample->first; m; m = m->next) {
		const char *text;

		if (yamldoc_key(m, keys, &key, err) || (key != 2 && yamldoc_text(m, &text, err)))
			return -1;
	}
	agent = yamldoc_get(sample, "agent");
	path = yamldoc_get(sample, "path");
	expect = yamldoc_get(sample, "expect");
	if ((!agent && !path) || !expect)
		return yamldoc_fault(sample, err, "a sample needs `agent` or `path`, and `expect`");
	if (path) {
		const char *slash = strrchr(path->text.p, '/');

		file = slice_of(slash ? slash + 1 : path->text.p);
	}
	phone_tell(run->rules, agent ? agent->text : (struct slice){0}, file, mac_in_file(file), &asker);
	if (expect->kind == YAMLDOC_SCALAR) {
		if (!slice_is(expect->text, "none"))
			return yamldoc_fault(expect, err, "takes `none` or what agent and path tell");
		return slice_same(asker.vendor, phone->vendor)
		           ? yamldoc_fault(sample, err, "expected not to be taken for %s", phone->vendor.p)
		           : 0;
	}
	if (yamldoc_mapping(expect, err))
		return -1;
	for (const struct yamldoc_node *m = expect->first; m; m = m->next)
		if (yamldoc_key(m, told_keys, &key, err))
			return -1;
	word(came, asker.vendor);
	if (!slice_same(asker.vendor, phone->vendor))
		return yamldoc_fault(sample, err, "expected vendor %s, came \"%s\"", phone->vendor.p, came);
	if (told_compare(expect, came, "vendor", err))
		return -1;
	word(came, asker.model);
	if (told_compare(expect, came, "model", err))
		return -1;
	word(came, asker.version);
	if (told_compare(expect, came, "version", err))
		return -1;
	came[0] = '\0';
	if (asker.mac != MAC_NONE)
		mac_print(asker.mac, came);
	if (told_compare(expect, came, "mac", err))
		return -1;
	return told_compare(expect, tri_text(asker.imposter), "imposter", err);
}

static int imposter_sample_run(struct run *run, const struct yamldoc_node *sample, struct err *err) {
	struct asker asker;
	const char *text;

	if (yamldoc_text(sample, &text, err))
		return -1;
	phone_tell(run->rules, sample->text, (struct slice){0}, MAC_NONE, &asker);
	return asker.imposter == TRI_YES ? 0 : yamldoc_fault(sample, err, "not taken for an imposter's agent");
}

int rules_test(struct rules *rules, const struct conf *conf, struct conf_faults *faults, unsigned *passed,
               unsigned *failed, struct err *err) {
	struct run run = {.rules = rules, .conf = conf, .faults = faults};
	struct err why;

	for (uint32_t i = 0; i < rules->nrules; i++)
		for (const struct yamldoc_node *s = rules->rules[i]->samples->first; s; s = s->next)
			tell(&run, sample_run(&run, rules->rules[i], s, &why), &why);
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (const struct yamldoc_node *s = rules->phones[i].samples->first; s; s = s->next)
			tell(&run, phone_sample_run(&run, &rules->phones[i], s, &why), &why);
	for (uint32_t i = 0; i < rules->nimposters; i++)
		for (const struct yamldoc_node *s = rules->imposters[i].samples->first; s; s = s->next)
			tell(&run, imposter_sample_run(&run, s, &why), &why);
	*passed = run.passed;
	*failed = run.failed;
	if (run.failed == 0)
		return 0;
	*err = run.first;
	return -1;
}
