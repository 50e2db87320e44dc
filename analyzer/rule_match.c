/* From fields to the first rule that matches. */
#include <string.h>

#include "analyzer/recall.h"
#include "analyzer/rule_private.h"

uint32_t rules_candidates(struct line_context *ctx, struct rule *const **out) {
	unsigned slot = format_slot(ctx->format);

	memset(ctx->rules->tried, 0, sizeof(ctx->rules->tried));
	*out = ctx->rules->by[slot];
	return ctx->rules->nby[slot];
}

struct line_fields *rule_fields(struct line_context *ctx, const struct rule *rule) {
	struct rules *rules = ctx->rules;
	struct line_fields *second;
	unsigned slot;

	if (!rule->message || rule->message == ctx->format)
		return ctx->fields;
	slot = format_slot(rule->message);
	second = rules->second[slot];
	if (rules->tried[slot] == SECOND_UNTRIED) {
		memcpy(second->at, ctx->fields->at, (size_t)field_count(rules->names) * sizeof(second->at[0]));
		second->has_time = ctx->fields->has_time;
		second->time = ctx->fields->time;
		second->scratch_used = 0;
		second->parsed = second->deferred = (struct slice){0};
		rules->tried[slot] =
			format_split_message(rule->message, rules->names, ctx->time, second) ? SECOND_READ : SECOND_NOT;
	}
	return rules->tried[slot] == SECOND_READ ? second : NULL;
}

static inline bool list_holds(const struct condition *c, struct slice value) {
	uint64_t number;

	for (uint32_t i = 0; i < c->nvalues; i++) {
		const struct value *v = &c->values[i];

		if (v->range ? slice_number(value, UINT32_MAX, &number) && number >= v->first && number <= v->last
		             : slice_same(value, v->text))
			return true;
	}
	return false;
}

bool condition_holds(const struct condition *c, struct slice subject) {
	return c->pattern ? pattern_match(c->pattern, subject, NULL) == PATTERN_YES : list_holds(c, subject);
}

/* No line is dropped for a pattern's limit where the rule cannot match anyway: such a one may have been left out before it was tried. */
static bool can_match(const struct rule *rule, const struct line_fields *fields, int *field) {
	for (uint32_t i = 0; i < rule->nconditions; i++) {
		const struct condition *c = &rule->conditions[i];
		struct slice subject = fields->at[c->field];

		if (!subject.p || !(c->pattern ? !pattern_is_anchored(c->pattern) || pattern_could_match(c->node->text, subject)
		                               : list_holds(c, subject))) {
			if (field)
				*field = c->field;
			return false;
		}
	}
	return true;
}

enum reach rule_match(struct line_context *ctx, const struct rule *rule, struct line_fields **out, int *field) {
	struct line_fields *fields = rule_fields(ctx, rule);
	struct slice subjects[CONDITIONS_MAX];

	if (!fields)
		return REACH_MESSAGE;
	for (uint32_t i = 0; i < rule->nconditions; i++) {
		const struct condition *c = &rule->conditions[i];
		bool no_literal = false;

		if (field)
			*field = c->field;
		subjects[i] = fields->at[c->field];
		if (!subjects[i].p)
			return REACH_FIELD;
		if (!c->pattern) {
			if (!list_holds(c, subjects[i]))
				return REACH_FIELD;
			continue;
		}
		switch (field || pattern_groups(c->pattern) > 0
		            ? pattern_match(c->pattern, subjects[i], field ? &no_literal : NULL)
		            : pattern_holds(c->pattern, subjects[i])) {
		case PATTERN_YES:
			break;
		case PATTERN_NO:
			return no_literal ? REACH_LITERAL : REACH_FIELD;
		case PATTERN_LIMIT:
			return can_match(rule, fields, field) ? REACH_LIMIT : REACH_FIELD;
		}
	}
	for (uint32_t i = 0; i < rule->nconditions; i++) {
		const struct condition *c = &rule->conditions[i];

		for (uint32_t g = 0; c->pattern && g < pattern_groups(c->pattern); g++) {
			struct slice value = pattern_group(c->pattern, g, subjects[i]);

			if (value.p)
				fields->at[c->groups[g]] = value;
		}
	}
	for (uint32_t i = 0; i < rule->nsets; i++)
		fields->at[rule->sets[i].field] = rule->sets[i].text;
	*out = fields;
	return REACH_MATCHED;
}

static enum outcome line_decide(struct line_context *ctx, struct slice line, struct event *e) {
	const struct dispatch *d = ctx->rules->dispatch[format_slot(ctx->format)];
	struct candidates candidates;
	const struct rule *rule;

	if (!format_begin(ctx->format, ctx->rules->names, ctx->time, line, ctx->fields) || !ctx->fields->has_time)
		return OUTCOME_UNREADABLE;
	memset(ctx->rules->tried, 0, sizeof(ctx->rules->tried));
	dispatch_begin(d, ctx, &candidates);
	while ((rule = dispatch_next(d, ctx, &candidates)) != NULL) {
		struct line_fields *fields;
		enum reach reach = rule_match(ctx, rule, &fields, NULL);

		if (reach == REACH_LIMIT)
			return OUTCOME_LIMIT;
		if (reach == REACH_MATCHED)
			return event_make(ctx, rule, fields, ctx->fields->at[FIELD_LINE], e) ? OUTCOME_EVENT : OUTCOME_NONE;
	}
	return OUTCOME_NONE;
}

enum outcome rules_event(struct line_context *ctx, struct slice line, struct event *e) {
	struct request request;
	enum outcome outcome;

	if (!ctx->recall || !recall_read(ctx->recall, ctx, line, &request))
		return line_decide(ctx, line, e);
	if (recall_find(ctx->recall, ctx, &request, &outcome, e))
		return outcome;
	outcome = line_decide(ctx, line, e);
	recall_keep(ctx->recall, ctx, &request, outcome, e, line_decide);
	return outcome;
}
