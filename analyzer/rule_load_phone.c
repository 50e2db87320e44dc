/* From YAML to what phones and imposters call themselves. */
#include <stdlib.h>

#include "analyzer/rule_private.h"

#define PATTERNS_MAX 64
#define OUIS_MAX     512

/* One pattern, or a list of them. */
static int patterns_read(const struct yamldoc_node *node, struct pattern ***out, uint32_t *n, struct err *err) {
	const struct yamldoc_node *first = node->kind == YAMLDOC_SEQUENCE ? node->first : node;
	size_t count = node->kind == YAMLDOC_SEQUENCE ? node->count : 1;

	if (node->kind == YAMLDOC_MAPPING || count == 0 || count > PATTERNS_MAX)
		return yamldoc_fault(node, err, "takes a pattern, or a list of up to %d", PATTERNS_MAX);
	*out = calloc(count, sizeof(**out));
	if (!*out)
		return err_errno(err, "rules");
	for (size_t i = 0; i < count; i++, first = first->next) {
		if (pattern_read(first, &(*out)[i], err))
			return -1;
		(*n)++;
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
	imposter->samples = samples_read(node, err);
	if (!imposter->samples || pattern_read(agent, &imposter->pattern, err))
		return -1;
	rules->nimposters++;
	return 0;
}

static void patterns_free(struct pattern **patterns, uint32_t n) {
	for (uint32_t i = 0; i < n; i++)
		pattern_free(&patterns[i]);
	free(patterns);
}

void phones_free(struct rules *rules) {
	for (uint32_t i = 0; i < rules->nphones; i++) {
		patterns_free(rules->phones[i].agents, rules->phones[i].nagents);
		patterns_free(rules->phones[i].paths, rules->phones[i].npaths);
		free(rules->phones[i].ouis);
	}
	for (uint32_t i = 0; i < rules->nimposters; i++)
		pattern_free(&rules->imposters[i].pattern);
}
