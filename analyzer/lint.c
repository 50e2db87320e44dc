/* `check`'s warnings: what is no fault, but a rule's writer should know. Found by trying: a rule's own samples say what it is for. */
#include <string.h>

#include "analyzer/forge.h"
#include "analyzer/format_private.h"

#define STEPS_WORRY 32768 /* of a match limit of 400,000, for a field that may be many times longer */
#define STEPS_MAX   (16 * STEPS_WORRY)
#define INPUT_MAX   2048 /* of a field that an attacker fills */
#define AGENT_MAX   1024
#define SUBJECTS    2 /* samples that each pattern is tried with */
#define SHOWN_MAX   120
#define FORGED_MAC  "0004f2660066"

struct lint {
	struct rules *rules;
	const struct conf *conf;
	struct conf_faults *warnings;
	struct buf line, words, forged, shown;
};

static void warn(struct lint *l, const struct yamldoc_node *at, struct slice id, const char *what,
                 struct slice example) {
	struct err err;

	buf_clear(&l->shown);
	buf_escaped(&l->shown, example, SHOWN_MAX);
	(void)yamldoc_fault(at, &err, "%.*s: %s%s%.*s", (int)id.n, id.p, what, l->shown.n ? ": " : "", (int)l->shown.n,
	                    l->shown.p ? l->shown.p : "");
	conf_fault(l->warnings, err.text);
}

/* ---- never matches, shadowed ---- */

/* The first rule that takes the line, and whether this one would. */
static const struct rule *taker(struct line_context *ctx, const struct rule *rule, struct slice line, bool *own) {
	const struct rule *first = NULL;
	struct rule *const *rules;
	struct line_fields *fields;
	uint32_t n;
	int field;

	*own = false;
	if (!format_split(ctx->format, ctx->rules->names, ctx->time, line, ctx->fields))
		return NULL;
	n = rules_candidates(ctx, &rules);
	for (uint32_t i = 0; i < n && !*own; i++) {
		if (rule_match(ctx, rules[i], &fields, &field) != REACH_MATCHED)
			continue;
		*own = rules[i] == rule;
		if (!first)
			first = rules[i];
	}
	return first;
}

static int lint_order(struct lint *l, const struct rule *rule, struct err *err) {
	bool any = false;
	bool shadowed = false;

	for (const struct yamldoc_node *s = rule->samples->first; s; s = s->next) {
		struct sample sample;
		const struct rule *first;
		bool own;

		if (sample_open(&sample, l->rules, l->conf, rule, s, err))
			return -1;
		first = taker(&sample.ctx, rule, sample.line->text, &own);
		any = any || own;
		if (own && first != rule && !shadowed &&
		    (rule->act == RULE_NOTHING || sample.expect->kind == YAMLDOC_MAPPING)) {
			warn(l, sample.line, rule->id, "is shadowed by an earlier rule, which takes this sample", first->id);
			shadowed = true;
		}
		line_context_release(&sample.ctx);
	}
	if (!any)
		warn(l, rule->node, rule->id, "can never match, as far as its samples tell: it takes none of them",
		     (struct slice){0});
	return 0;
}

/* ---- not anchored ---- */

/* What a client could write at the span so that its own address is read; false when there are no more ways. */
static bool forgery(struct buf *words, unsigned way, struct slice line, const struct forge_span *span,
                    struct slice message, struct slice ip, const char *other) {
	size_t end = span->at + span->n;
	struct slice tail = {line.p + end, line.n - end};
	struct slice head = {line.p, span->at};

	buf_clear(words);
	switch (way) {
	case 0: /* the rest of the line */
		buf_byte(words, 'x');
		forge_address(words, tail, ip, other);
		return true;
	case 1: /* the beginning */
		if (head.p + head.n > message.p && head.p < message.p)
			head = (struct slice){message.p, (size_t)(head.p + head.n - message.p)};
		forge_address(words, head, ip, other);
		buf_byte(words, 'x');
		return true;
	case 2: /* all of the message */
		forge_address(words, message, ip, other);
		return true;
	case 3: /* and more behind it */
		forge_address(words, message, ip, other);
		buf_text(words, " x ");
		forge_address(words, message, ip, other);
		buf_text(words, " x");
		return true;
	case 4: /* a whole line */
		forge_address(words, line, ip, other);
		return true;
	default:
		return false;
	}
}

/* The message that the span stands in, as far as the line goes. */
static struct slice message_of(struct slice line, size_t at, struct slice field) {
	if (field.p && field.p >= line.p && field.p + field.n <= line.p + line.n && (size_t)(field.p - line.p) <= at)
		return field;
	return line;
}

static bool is_moved(struct line_context *ctx, const struct rule *rule, struct slice line, const struct event *truth,
                     const struct forge_span *span) {
	struct line_fields *fields;
	struct event e;

	return forge_takes(ctx, rule, line, &fields) && rules_event(ctx, line, &e) == OUTCOME_EVENT &&
	       (!addr_same(e.ip, truth->ip) || (!span->device && truth->mac != MAC_NONE && e.mac != truth->mac) ||
	        (span->named && e.proof > truth->proof));
}

static bool lint_forged(struct lint *l, struct sample *sample, const struct rule *rule) {
	struct forge_span spans[FORGE_SPANS_MAX];
	struct slice line = sample->line->text;
	struct slice ip, message, device;
	struct line_fields *fields;
	struct event truth;
	const char *other;
	size_t n;

	if (rules_event(&sample->ctx, line, &truth) != OUTCOME_EVENT || !slice_same(truth.rule, rule->id) ||
	    addr_is_none(truth.ip))
		return false;
	if (!forge_takes(&sample->ctx, rule, line, &fields))
		return false;
	message = fields->at[FIELD_MESSAGE];
	device = fields->at[FIELD_MAC];
	other = addr_is_v4(truth.ip) ? "198.51.100.254" : "2001:db8::bad";
	n = forge_spans(&sample->ctx, rule, line, spans, &ip);
	for (size_t s = 0; s < n; s++)
		for (unsigned way = 0;
		     forgery(&l->words, way, line, &spans[s], message_of(line, spans[s].at, message), ip, other); way++)
			for (int writer = 0; writer < FORGE_WRITERS; writer++) {
				if (!forge_writes(&sample->ctx, &spans[s], (enum forge_writer)writer))
					continue;
				buf_clear(&l->forged);
				forge_address(&l->forged, (struct slice){l->words.p, l->words.n}, device, FORGED_MAC);
				buf_clear(&l->line);
				forge_line(&l->line, line, &spans[s], true, (struct slice){l->forged.p, l->forged.n},
				           (enum forge_writer)writer);
				if (!is_moved(&sample->ctx, rule, (struct slice){l->line.p, l->line.n}, &truth, &spans[s]))
					continue;
				warn(l, sample->line, rule->id,
				     "is not anchored: a client's words in this sample would be taken for the server's",
				     (struct slice){l->line.p, l->line.n});
				return true;
			}
	return false;
}

static int lint_anchors(struct lint *l, const struct rule *rule, struct err *err) {
	bool found = false;

	for (const struct yamldoc_node *s = rule->samples->first; s && !found; s = s->next) {
		struct sample sample;

		if (sample_open(&sample, l->rules, l->conf, rule, s, err))
			return -1;
		found = sample.expect->kind == YAMLDOC_MAPPING && lint_forged(l, &sample, rule);
		line_context_release(&sample.ctx);
	}
	return 0;
}

/* ---- backtracks ---- */

static bool is_letter(char c) {
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

enum tail { TAIL_NONE, TAIL_WHOLE, TAIL_BROKEN, TAILS };

/* The steps for the subject up to `at`, then its n bytes there again and again, and then nothing more, or its end with a byte that fits nowhere
 * behind or before it. */
static uint32_t steps_of(struct lint *l, const struct pattern *p, struct slice subject, size_t at, size_t n,
                         enum tail tail, size_t max) {
	struct slice end = {subject.p + at + n, tail == TAIL_NONE ? 0 : subject.n - at - n};

	buf_clear(&l->line);
	buf_add(&l->line, subject.p, at);
	while (l->line.n + n + end.n < max)
		buf_add(&l->line, subject.p + at, n);
	if (tail == TAIL_BROKEN)
		buf_byte(&l->line, '\x01');
	buf_add(&l->line, end.p, end.n);
	if (tail != TAIL_BROKEN)
		buf_byte(&l->line, '\x01');
	return pattern_steps(p, (struct slice){l->line.p, l->line.n}, STEPS_MAX);
}

/* Whether some word of the subject, repeated, makes the pattern take too many steps. */
static bool lint_pattern(struct lint *l, const struct yamldoc_node *at, struct slice id, const struct pattern *p,
                         struct slice subject, size_t max) {
	size_t word = 0;

	if (subject.n > max / 2)
		return false;
	for (size_t i = 1; i <= subject.n; i++) {
		bool ends = i == subject.n || !is_letter(subject.p[i]) || !is_letter(subject.p[i - 1]);
		uint32_t steps = 0;
		size_t n = i - word;

		if (!ends)
			continue;
		for (int way = 0; way < 2 * TAILS && steps <= STEPS_WORRY; way++) {
			/* The word, or all from it to the end. */
			n = way < TAILS ? i - word : subject.n - word;
			steps = steps_of(l, p, subject, word, n, (enum tail)(way % TAILS), max);
		}
		if (steps > STEPS_WORRY) {
			char what[160];

			(void)snprintf(what, sizeof(what),
			               "backtracks: %s%u steps on %zu bytes (a match may take 400000) that repeat",
			               steps >= STEPS_MAX ? "more than " : "up to ", steps, l->line.n);
			warn(l, at, id, what, (struct slice){subject.p + word, n});
			return true;
		}
		word = i;
	}
	return false;
}

static int lint_steps(struct lint *l, const struct rule *rule, struct err *err) {
	bool found[CONDITIONS_MAX] = {false};
	unsigned tried[CONDITIONS_MAX] = {0};

	for (const struct yamldoc_node *s = rule->samples->first; s; s = s->next) {
		struct slice subjects[CONDITIONS_MAX] = {{0}};
		struct line_fields *fields;
		struct sample sample;
		struct rule *const *unused;
		int field;

		if (sample_open(&sample, l->rules, l->conf, rule, s, err))
			return -1;
		if (format_split(sample.ctx.format, l->rules->names, sample.ctx.time, sample.line->text, sample.ctx.fields)) {
			(void)rules_candidates(&sample.ctx, &unused);
			/* The fields before the groups of the rule become some. */
			if (rule_match(&sample.ctx, rule, &fields, &field) == REACH_MATCHED)
				for (uint32_t c = 0; c < rule->nconditions; c++)
					subjects[c] = fields->at[rule->conditions[c].field];
		}
		for (uint32_t c = 0; c < rule->nconditions; c++)
			if (rule->conditions[c].pattern && subjects[c].n > 0 && !found[c] && tried[c]++ < SUBJECTS)
				found[c] = lint_pattern(l, rule->node, rule->id, rule->conditions[c].pattern, subjects[c], INPUT_MAX);
		line_context_release(&sample.ctx);
	}
	return 0;
}

/* The patterns that a sample's text is matched by; each is tried with the first such text. */
static void lint_phone_patterns(struct lint *l, const struct phone *phone, const struct phone_pattern *patterns,
                                uint32_t n, const char *key) {
	for (uint32_t i = 0; i < n; i++)
		for (const struct yamldoc_node *s = phone->samples->first; s; s = s->next) {
			const struct yamldoc_node *node = s->kind == YAMLDOC_MAPPING ? yamldoc_get(s, key) : NULL;
			struct slice text = node && node->kind == YAMLDOC_SCALAR ? node->text : (struct slice){0};

			/* Of a path the last part is looked at. */
			while (key[0] == 'p' && text.n > 0 && memchr(text.p, '/', text.n))
				(void)slice_take(&text, 1);
			if (text.n == 0 || pattern_match(patterns[i].pattern, text, NULL) != PATTERN_YES)
				continue;
			(void)lint_pattern(l, phone->node, phone->vendor, patterns[i].pattern, text, AGENT_MAX);
			break;
		}
}

int rules_lint(struct rules *rules, const struct conf *conf, struct conf_faults *warnings, struct err *err) {
	struct lint l = {.rules = rules, .conf = conf, .warnings = warnings};
	int result = 0;

	buf_init(&l.line, 1U << 20);
	buf_init(&l.words, 1U << 20);
	buf_init(&l.forged, 1U << 20);
	buf_init(&l.shown, 4096);
	for (uint32_t i = 0; i < rules->nrules && result == 0; i++) {
		const struct rule *rule = rules->rules[i];

		if (lint_order(&l, rule, err) || lint_anchors(&l, rule, err) || lint_steps(&l, rule, err))
			result = -1;
	}
	for (uint32_t i = 0; i < rules->nphones; i++) {
		const struct phone *phone = &rules->phones[i];

		lint_phone_patterns(&l, phone, phone->agents, phone->nagents, "agent");
		lint_phone_patterns(&l, phone, phone->paths, phone->npaths, "path");
	}
	for (uint32_t i = 0; i < rules->nimposters; i++)
		for (const struct yamldoc_node *s = rules->imposters[i].samples->first; s; s = s->next)
			if (s->kind == YAMLDOC_SCALAR && lint_pattern(&l, rules->imposters[i].node, slice_of("agent"),
			                                              rules->imposters[i].pattern, s->text, AGENT_MAX))
				break;
	buf_release(&l.shown);
	buf_release(&l.forged);
	buf_release(&l.words);
	buf_release(&l.line);
	return result;
}

struct slice rules_unproven(const struct rules *rules, const struct format *f) {
	unsigned slot = format_slot(f);

	for (uint32_t i = 0; i < rules->nby[slot]; i++) {
		const struct rule *rule = rules->by[slot][i];

		if (rule->act == RULE_PROVISION &&
		    (format_is_unproven(f) || (rule->proof.given && rule->proof.field < 0 && rule->proof.always == PROOF_NONE)))
			return rule->id;
	}
	return (struct slice){0};
}
