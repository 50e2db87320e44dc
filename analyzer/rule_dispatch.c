/* Which rules a line is tried on: of those for its format the few that its fields leave a chance, in order. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/rule_private.h"

/* Rules of one format that look at the same fields: the line's own, or those of its message by a second format. */
struct part {
	const struct format *message; /* NULL: the line's own */
	uint64_t *has;
	uint32_t nfields, nearly; /* the first of them are known before format_finish */
	struct {
		int field;
		struct sieve *sieve; /* NULL until a line needs it */
	} * fields;
};

struct dispatch {
	uint32_t n, words, nparts;
	struct rule **rules;
	uint64_t *all;
	uint8_t *part_of; /* by rule */
	struct part parts[FORMAT_KINDS];
};

static const struct condition *condition_on(const struct rule *rule, int field) {
	for (uint32_t i = 0; i < rule->nconditions; i++)
		if (rule->conditions[i].field == field)
			return &rule->conditions[i];
	return NULL;
}

static int condition_add(struct sieve *sieve, uint32_t entry, const struct condition *c, struct err *err) {
	bool any = c->pattern && !pattern_is_anchored(c->pattern);

	for (uint32_t i = 0; i < c->nvalues; i++)
		any = any || c->values[i].range;
	if (any) {
		sieve_add_any(sieve, entry, false);
		return 0;
	}
	if (c->pattern)
		return sieve_add_pattern(sieve, entry, c->node->text, err);
	for (uint32_t i = 0; i < c->nvalues; i++)
		if (sieve_add_text(sieve, entry, c->values[i].text, err))
			return -1;
	return 0;
}

static int sieve_build(const struct dispatch *d, const struct part *part, int field, struct sieve **out) {
	struct sieve *sieve;
	struct err err;

	if (sieve_new(&sieve, d->n, &err))
		return -1;
	for (uint32_t i = 0; i < d->n; i++) {
		const struct condition *c = &d->parts[d->part_of[i]] == part ? condition_on(d->rules[i], field) : NULL;

		if (!c)
			sieve_add_any(sieve, i, true);
		else if (condition_add(sieve, i, c, &err))
			goto fail;
	}
	if (sieve_close(sieve, &err))
		goto fail;
	*out = sieve;
	return 0;
fail:
	sieve_free(&sieve);
	return -1;
}

/* Where there is no memory for it, all rules stay. */
static void field_narrow(const struct dispatch *d, const struct part *part, uint32_t at, struct slice text,
                         uint64_t *set) {
	if (part->fields[at].sieve || !sieve_build(d, part, part->fields[at].field, &part->fields[at].sieve))
		sieve_narrow(part->fields[at].sieve, text, set);
}

static int part_build(const struct dispatch *d, struct part *part, struct err *err) {
	uint32_t used[FIELDS_MAX] = {0}; /* by how many rules */
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n; i++)
		for (uint32_t c = 0; &d->parts[d->part_of[i]] == part && c < d->rules[i]->nconditions; c++)
			n += used[d->rules[i]->conditions[c].field]++ == 0;
	part->fields = calloc(n + 1, sizeof(*part->fields));
	if (!part->fields)
		return err_errno(err, "rules");
	/* What most rules ask for leaves the fewest. */
	for (int early = 1; early >= 0; early--) {
		int most;

		do {
			most = -1;
			for (int field = 0; field < FIELDS_MAX; field++)
				if (used[field] > 0 && field_is_early(field) == early && (most < 0 || used[field] > used[most]))
					most = field;
			if (most >= 0) {
				used[most] = 0;
				part->fields[part->nfields++].field = most;
			}
		} while (most >= 0);
		part->nearly = early ? part->nfields : part->nearly;
	}
	return 0;
}

int dispatch_new(struct dispatch **out, struct rule **rules, uint32_t n, unsigned slot, struct err *err) {
	struct dispatch *d = calloc(1, sizeof(*d));

	if (!d)
		return err_errno(err, "rules");
	*out = d;
	d->rules = rules;
	d->n = n;
	d->words = GATE_WORDS(n);
	d->nparts = 1;
	d->all = calloc(d->words + 1, sizeof(*d->all));
	d->part_of = calloc(n + 1, 1);
	if (!d->all || !d->part_of)
		return err_errno(err, "rules");
	for (uint32_t i = 0; i < n; i++) {
		const struct format *message =
			rules[i]->message && format_slot(rules[i]->message) != slot ? rules[i]->message : NULL;
		uint32_t p = 0;

		while (p < d->nparts && d->parts[p].message != message)
			p++;
		d->nparts = p < d->nparts ? d->nparts : p + 1;
		d->parts[p].message = message;
		d->part_of[i] = (uint8_t)p;
		d->all[i / 64] |= 1ULL << i % 64;
	}
	for (uint32_t p = 0; p < d->nparts; p++) {
		d->parts[p].has = calloc(d->words + 1, sizeof(*d->parts[p].has));
		if (!d->parts[p].has)
			return err_errno(err, "rules");
		for (uint32_t i = 0; i < n; i++)
			if (d->part_of[i] == p)
				d->parts[p].has[i / 64] |= 1ULL << i % 64;
		if (part_build(d, &d->parts[p], err))
			return -1;
	}
	return 0;
}

void dispatch_free(struct dispatch **dispatch) {
	struct dispatch *d = *dispatch;

	if (!d)
		return;
	for (uint32_t p = 0; p < d->nparts; p++) {
		for (uint32_t i = 0; i < d->parts[p].nfields; i++)
			sieve_free(&d->parts[p].fields[i].sieve);
		free(d->parts[p].fields);
		free(d->parts[p].has);
	}
	free(d->all);
	free(d->part_of);
	free(d);
	*dispatch = NULL;
}

/* More than one is left, so that it is worth while to ask which. */
static bool are_many(const struct dispatch *d, const uint64_t *set) {
	uint64_t any = 0;

	for (uint32_t w = 0; w < d->words; w++) {
		if (any && set[w])
			return true;
		any |= set[w];
	}
	return any & (any - 1);
}

static bool is_empty(const struct dispatch *d, const uint64_t *set) {
	uint64_t any = 0;

	for (uint32_t w = 0; w < d->words; w++)
		any |= set[w];
	return any == 0;
}

/* By the fields from first to last - 1. */
static void part_narrow(const struct dispatch *d, const struct part *part, uint32_t first, uint32_t last,
                        const struct line_fields *fields, uint64_t *set) {
	for (uint32_t i = first; i < last && are_many(d, set); i++)
		field_narrow(d, part, i, fields->at[part->fields[i].field], set);
}

static void part_drop(const struct dispatch *d, const struct part *part, uint64_t *set) {
	for (uint32_t w = 0; w < d->words; w++)
		set[w] &= ~part->has[w];
}

void dispatch_begin(const struct dispatch *d, struct line_context *ctx, struct candidates *c) {
	const struct part *part = &d->parts[0];
	struct line_fields *fields = ctx->fields;
	bool deferred = fields->deferred.p;

	memcpy(c->set, d->all, d->words * sizeof(*c->set));
	c->narrowed = 1;
	for (uint32_t i = part->nearly; deferred && i < part->nfields; i++)
		if (part->fields[i].field == fields->early)
			field_narrow(d, part, i, fields->early_text, c->set);
	for (uint32_t p = 1; p < d->nparts; p++)
		if (!format_takes_message(d->parts[p].message, fields))
			part_drop(d, &d->parts[p], c->set);
	part_narrow(d, part, 0, part->nearly, fields, c->set);
	if (is_empty(d, c->set))
		return;
	format_finish(ctx->format, ctx->rules->names, fields);
	part_narrow(d, part, part->nearly, part->nfields, fields, c->set);
}

const struct rule *dispatch_next(const struct dispatch *d, struct line_context *ctx, struct candidates *c) {
	for (uint32_t w = 0; w < d->words; w++) {
		while (c->set[w]) {
			uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(c->set[w]);
			const struct part *part = &d->parts[d->part_of[i]];
			const struct line_fields *fields;

			/* A second format reads the message when the first of its rules is due: it may tell another time. */
			if (c->narrowed >> d->part_of[i] & 1) {
				c->set[w] &= c->set[w] - 1;
				return d->rules[i];
			}
			c->narrowed |= 1U << d->part_of[i];
			fields = rule_fields(ctx, d->rules[i]);
			if (fields)
				part_narrow(d, part, 0, part->nfields, fields, c->set);
			else
				part_drop(d, part, c->set);
		}
	}
	return NULL;
}
