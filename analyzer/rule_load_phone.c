/* From YAML to what phones and imposters call themselves. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/rule_private.h"

#define PATTERNS_MAX 64
#define OUIS_MAX     512

static int group_of(const struct pattern *p, struct slice name) {
	for (uint32_t i = 0; i < pattern_groups(p); i++)
		if (slice_is(name, pattern_group_name(p, i)))
			return (int)i;
	return -1;
}

/* A model put together: text and <groups>; of a <GROUP> in capitals, its text in capitals. */
static int pieces_read(const struct yamldoc_node *node, struct phone_pattern *p, struct err *err) {
	struct slice rest = node->text;
	const char *text;

	if (yamldoc_text(node, &text, err))
		return -1;
	while (rest.n > 0) {
		const char *open = memchr(rest.p, '<', rest.n);
		const char *end = open == rest.p ? memchr(rest.p, '>', rest.n) : open ? open : rest.p + rest.n;
		char name[EVENT_WORD_MAX];
		struct slice piece;

		if (!end || p->npieces == PIECES_MAX)
			return yamldoc_fault(node, err, "takes text and up to %d <groups>", PIECES_MAX);
		piece = (struct slice){rest.p, (size_t)(end - rest.p)};
		p->pieces[p->npieces].group = -1;
		p->pieces[p->npieces].text = piece;
		if (open == rest.p) {
			piece = (struct slice){piece.p + 1, piece.n - 1};
			(void)slice_copy(piece, name, sizeof(name));
			for (char *c = name; *c; c++) {
				p->pieces[p->npieces].upper |= *c >= 'A' && *c <= 'Z';
				*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
			}
			p->pieces[p->npieces].group = group_of(p->pattern, slice_of(name));
			if (p->pieces[p->npieces].group < 0)
				return yamldoc_fault(node, err, "the pattern has no group `%s`", name);
			end++;
		}
		p->npieces++;
		rest = (struct slice){end, rest.n - (size_t)(end - rest.p)};
	}
	return 0;
}

/* A pattern, or {match: a pattern, model: what is made of its groups}. */
static int phone_pattern_read(const struct yamldoc_node *node, struct phone_pattern *p, struct err *err) {
	static const char *const keys[] = {"match", "model", NULL};
	const struct yamldoc_node *match = node;
	const struct yamldoc_node *model = NULL;
	unsigned key;

	if (node->kind == YAMLDOC_MAPPING) {
		for (const struct yamldoc_node *m = node->first; m; m = m->next)
			if (yamldoc_key(m, keys, &key, err))
				return -1;
		match = yamldoc_get(node, "match");
		model = yamldoc_get(node, "model");
		if (!match || !model)
			return yamldoc_fault(node, err, "needs `match` and `model`");
	}
	if (pattern_read(match, &p->pattern, err))
		return -1;
	p->text = match->text;
	pattern_shape(p->pattern, p->text, &p->shape);
	p->model = group_of(p->pattern, slice_of("model"));
	p->version = group_of(p->pattern, slice_of("version"));
	p->mac = group_of(p->pattern, slice_of("mac"));
	return model ? pieces_read(model, p, err) : 0;
}

/* One pattern, or a list of them. */
static int patterns_read(const struct yamldoc_node *node, struct phone_pattern **out, uint32_t *n, struct err *err) {
	const struct yamldoc_node *first = node->kind == YAMLDOC_SEQUENCE ? node->first : node;
	size_t count = node->kind == YAMLDOC_SEQUENCE ? node->count : 1;

	if (count == 0 || count > PATTERNS_MAX)
		return yamldoc_fault(node, err, "takes a pattern, or a list of up to %d", PATTERNS_MAX);
	*out = calloc(count, sizeof(**out));
	if (!*out)
		return err_errno(err, "rules");
	for (size_t i = 0; i < count; i++, first = first->next) {
		(*n)++;
		if (phone_pattern_read(first, &(*out)[i], err))
			return -1;
	}
	return 0;
}

static int ouis_read(const struct yamldoc_node *node, struct phone *phone, struct err *err) {
	uint64_t mac;
	const char *text;

	if (yamldoc_sequence(node, err))
		return -1;
	if (node->count == 0 || node->count > OUIS_MAX)
		return yamldoc_fault(node, err, "takes 1 to %d prefixes", OUIS_MAX);
	phone->ouis = calloc(node->count, sizeof(*phone->ouis));
	if (!phone->ouis)
		return err_errno(err, "rules");
	for (const struct yamldoc_node *i = node->first; i; i = i->next) {
		char whole[MAC_TEXT];

		if (yamldoc_text(i, &text, err))
			return -1;
		/* Made whole with a last half that is not zero, so that mac_parse says whether it is sound. */
		if (i->text.n != 6)
			return yamldoc_fault(i, err, "not six hex digits");
		(void)slice_copy(i->text, whole, sizeof(whole));
		for (int d = 6; d < 12; d++)
			whole[d] = '1';
		whole[12] = '\0';
		if (!mac_parse(whole, 12, &mac))
			return yamldoc_fault(i, err, "not six hex digits of a maker");
		phone->ouis[phone->nouis++] = (uint32_t)(mac >> 24);
	}
	return 0;
}

static int phone_member(const struct yamldoc_node *m, struct phone *phone, struct err *err) {
	static const char *const keys[] = {"vendor", "maker", "agent", "path", "oui", "samples", NULL};
	enum { VENDOR, MAKER, AGENT, PATH, OUI, SAMPLES } key;
	unsigned choice;
	const char *text;

	if (yamldoc_key(m, keys, &choice, err))
		return -1;
	key = choice;
	switch (key) {
	case VENDOR:
	case MAKER:
		if (yamldoc_text(m, &text, err))
			return -1;
		if (m->text.n == 0 || m->text.n > EVENT_WORD_MAX)
			return yamldoc_fault(m, err, "takes 1 to %d bytes", EVENT_WORD_MAX);
		*(key == VENDOR ? &phone->vendor : &phone->maker) = m->text;
		return 0;
	case AGENT:
		return patterns_read(m, &phone->agents, &phone->nagents, err);
	case PATH:
		return patterns_read(m, &phone->paths, &phone->npaths, err);
	case OUI:
		return ouis_read(m, phone, err);
	case SAMPLES:
		break;
	}
	return 0;
}

int phone_read(struct rules *rules, const struct yamldoc_node *node, struct err *err) {
	struct phone *phone = &rules->phones[rules->nphones];

	if (yamldoc_mapping(node, err))
		return -1;
	if (rules->nphones == PHONES_MAX)
		return yamldoc_fault(node, err, "more than %d entries of phones", PHONES_MAX);
	/* Counted at once: what a faulty entry has taken is given back with the rest. */
	rules->nphones++;
	phone->node = node;
	for (const struct yamldoc_node *m = node->first; m; m = m->next)
		if (phone_member(m, phone, err))
			return -1;
	if (phone->vendor.n == 0)
		return yamldoc_fault(node, err, "a phone needs `vendor`");
	if (phone->maker.n == 0)
		phone->maker = phone->vendor;
	if (phone->nagents + phone->npaths + phone->nouis == 0)
		return yamldoc_fault(node, err, "a phone needs `agent`, `path` or `oui`");
	phone->samples = samples_read(node, err);
	return phone->samples ? 0 : -1;
}

int imposter_read(struct rules *rules, const struct yamldoc_node *node, struct err *err) {
	static const char *const keys[] = {"agent", "samples", NULL};
	struct imposter *imposter = &rules->imposters[rules->nimposters];
	const struct yamldoc_node *agent;
	unsigned key;

	if (yamldoc_mapping(node, err))
		return -1;
	for (const struct yamldoc_node *m = node->first; m; m = m->next)
		if (yamldoc_key(m, keys, &key, err))
			return -1;
	if (rules->nimposters == IMPOSTERS_MAX)
		return yamldoc_fault(node, err, "more than %d imposters", IMPOSTERS_MAX);
	agent = yamldoc_get(node, "agent");
	if (!agent)
		return yamldoc_fault(node, err, "an imposter needs `agent`");
	imposter->node = node;
	imposter->text = agent->text;
	imposter->samples = samples_read(node, err);
	if (!imposter->samples || pattern_read(agent, &imposter->pattern, err))
		return -1;
	rules->nimposters++;
	return 0;
}

static int clues_build(struct rules *rules, bool paths, struct phone_clues *clues, struct err *err) {
	uint32_t all = 0;

	for (uint32_t i = 0; i < rules->nphones; i++)
		all += paths ? rules->phones[i].npaths : rules->phones[i].nagents;
	if (all > CLUES_MAX)
		return err_set(err, ERR_INPUT, "rules: more than %d patterns of phones' agents or paths", CLUES_MAX);
	clues->at = calloc((size_t)all + 1, sizeof(*clues->at));
	if (!clues->at)
		return err_errno(err, "rules");
	if (gate_new(&clues->gate, all, err))
		return -1;
	for (uint32_t i = 0; i < rules->nphones; i++) {
		const struct phone *phone = &rules->phones[i];
		const struct phone_pattern *patterns = paths ? phone->paths : phone->agents;

		for (uint32_t k = 0; k < (paths ? phone->npaths : phone->nagents); k++) {
			gate_add(clues->gate, clues->n, &patterns[k].shape);
			clues->at[clues->n++] = (struct phone_clue){phone, &patterns[k]};
		}
	}
	return gate_close(clues->gate, err);
}

static void clues_free(struct phone_clues *clues) {
	free(clues->at);
	gate_free(&clues->gate);
}

/* Of two phones with one OUI the first comes first. */
static int oui_order(const void *a, const void *b) {
	const struct phone_oui *left = a;
	const struct phone_oui *right = b;

	if (left->oui != right->oui)
		return left->oui < right->oui ? -1 : 1;
	return (left->phone > right->phone) - (left->phone < right->phone);
}

int phones_index(struct rules *rules, struct err *err) {
	uint32_t all = 0;

	for (uint32_t i = 0; i < rules->nphones; i++)
		all += rules->phones[i].nouis;
	rules->ouis = calloc((size_t)all + 1, sizeof(*rules->ouis));
	if (!rules->ouis)
		return err_errno(err, "rules");
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (uint32_t o = 0; o < rules->phones[i].nouis; o++)
			rules->ouis[rules->nouis++] = (struct phone_oui){rules->phones[i].ouis[o], &rules->phones[i]};
	qsort(rules->ouis, rules->nouis, sizeof(*rules->ouis), oui_order);
	return clues_build(rules, false, &rules->agents, err) || clues_build(rules, true, &rules->paths, err) ? -1 : 0;
}

static void patterns_free(struct phone_pattern *patterns, uint32_t n) {
	for (uint32_t i = 0; i < n; i++)
		pattern_free(&patterns[i].pattern);
	free(patterns);
}

void phones_free(struct rules *rules) {
	for (uint32_t i = 0; i < rules->nphones; i++) {
		patterns_free(rules->phones[i].agents, rules->phones[i].nagents);
		patterns_free(rules->phones[i].paths, rules->phones[i].npaths);
		free(rules->phones[i].ouis);
	}
	clues_free(&rules->agents);
	clues_free(&rules->paths);
	free(rules->ouis);
	for (uint32_t i = 0; i < rules->nimposters; i++)
		pattern_free(&rules->imposters[i].pattern);
}
