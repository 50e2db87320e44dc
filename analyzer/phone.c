/* What agent and path tell of the asker. The path's word is only a file name that anyone may ask for; the agent's is only a claim: both
 * matter where they contradict each other. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/format_private.h"
#include "analyzer/rule_private.h"

uint64_t mac_in_query(struct slice query, struct line_fields *fields) {
	uint64_t found = MAC_NONE;
	struct slice name, value;

	while (query_take(&query, &name, &value)) {
		struct slice pair = {name.p, value.p ? (size_t)(value.p + value.n - name.p) : name.n};
		char *to = scratch_to_decode(fields, pair);
		uint64_t mac = to ? mac_in_parameter(name, value, to) : MAC_NONE;

		/* Of several the last counts, as for PHP. */
		if (mac != MAC_NONE)
			found = mac;
	}
	return found;
}

static struct slice group_at(const struct phone_pattern *p, int group, struct slice subject) {
	static const struct slice none;

	return group < 0 ? none : pattern_group(p->pattern, (uint32_t)group, subject);
}

/* The model as the pattern's pieces say, cut where there is no more room. */
static struct slice model_made(const struct phone_pattern *p, struct slice subject, char out[EVENT_WORD_MAX]) {
	size_t n = 0;

	for (uint32_t i = 0; i < p->npieces; i++) {
		struct slice piece = p->pieces[i].group < 0 ? p->pieces[i].text : group_at(p, p->pieces[i].group, subject);

		for (size_t c = 0; c < piece.n && n < EVENT_WORD_MAX; c++, n++) {
			out[n] = piece.p[c];
			if (p->pieces[i].upper && out[n] >= 'a' && out[n] <= 'z')
				out[n] = (char)(out[n] & ~0x20);
		}
	}
	return (struct slice){out, n};
}

/* Right after p matched. */
static void take_groups(struct rules *rules, const struct phone_pattern *p, struct slice subject, struct asker *out,
                        uint64_t *mac) {
	struct slice version = group_at(p, p->version, subject);
	struct slice text = group_at(p, p->mac, subject);

	if (out->model.n == 0)
		out->model = p->npieces > 0 ? model_made(p, subject, rules->model) : group_at(p, p->model, subject);
	if (version.n > 0 && out->version.n == 0)
		out->version = version;
	if (text.n > 0 && *mac == MAC_NONE)
		(void)mac_parse(text.p, text.n, mac);
}

static const struct phone_clue *clue_first(const struct phone_clues *clues, const uint64_t *set, struct slice subject,
                                           const struct phone *like) {
	for (uint32_t w = 0; w < GATE_WORDS(clues->n); w++)
		for (uint64_t left = set[w]; left; left &= left - 1) {
			const struct phone_clue *clue = &clues->at[w * 64 + (uint32_t)__builtin_ctzll(left)];

			if ((!like || slice_same(clue->phone->maker, like->maker)) &&
			    pattern_match(clue->with->pattern, subject, NULL) == PATTERN_YES)
				return clue;
		}
	return NULL;
}

/* The first clue of that maker whose pattern matches; where there is none, or no maker, the first at all. Several makers' phones may ask for
 * files of the same name. */
static const struct phone_clue *clue_find(const struct phone_clues *clues, struct slice subject,
                                          const struct phone *like) {
	uint64_t set[GATE_WORDS(CLUES_MAX)];
	const struct phone_clue *found;

	memset(set, 0xff, GATE_WORDS(clues->n) * sizeof(set[0]));
	gate_narrow(clues->gate, subject, set);
	found = like ? clue_first(clues, set, subject, like) : NULL;
	return found ? found : clue_first(clues, set, subject, NULL);
}

static int oui_compare(const void *key, const void *entry) {
	uint32_t oui = *(const uint32_t *)key;
	uint32_t other = ((const struct phone_oui *)entry)->oui;

	return (oui > other) - (oui < other);
}

static const struct phone *phone_by_oui(const struct rules *rules, uint64_t mac) {
	uint32_t oui = (uint32_t)(mac >> 24);
	const struct phone_oui *found;

	if (mac == MAC_NONE)
		return NULL;
	found = bsearch(&oui, rules->ouis, rules->nouis, sizeof(*rules->ouis), oui_compare);
	while (found && found > rules->ouis && found[-1].oui == oui)
		found--;
	return found ? found->phone : NULL;
}

static bool is_imposter(const struct rules *rules, struct slice agent) {
	agent.n = agent.n > PHONE_TEXT_MAX ? PHONE_TEXT_MAX : agent.n;
	for (uint32_t i = 0; i < rules->nimposters; i++)
		if (pattern_match(rules->imposters[i].pattern, agent, NULL) == PATTERN_YES)
			return true;
	return false;
}

void phone_tell(struct rules *rules, struct slice agent, struct slice file, uint64_t path_mac, struct asker *out) {
	const struct phone_clue *clue =
		agent.n > 0 && agent.n <= PHONE_TEXT_MAX ? clue_find(&rules->agents, agent, NULL) : NULL;
	const struct phone *by_agent = clue ? clue->phone : NULL;
	const struct phone *by_path;
	const struct phone *by_oui;

	*out = (struct asker){.mac = path_mac, .known = by_agent != NULL};
	if (clue)
		take_groups(rules, clue->with, agent, out, &out->agent_mac);
	clue = NULL;
	if (file.n > 0 && file.n <= PHONE_TEXT_MAX)
		clue = clue_find(&rules->paths, file, by_agent ? by_agent : phone_by_oui(rules, path_mac));
	by_path = clue ? clue->phone : NULL;
	if (clue)
		take_groups(rules, clue->with, file, out, &out->mac);
	by_oui = phone_by_oui(rules, out->mac);
	out->vendor = by_agent ? by_agent->vendor : by_path ? by_path->vendor : by_oui ? by_oui->vendor : out->vendor;
	if (by_agent) {
		bool other_mac = out->mac != MAC_NONE && out->agent_mac != MAC_NONE && out->mac != out->agent_mac;
		bool other_maker = (by_path && !slice_same(by_path->maker, by_agent->maker)) ||
		                   (by_oui && !slice_same(by_oui->maker, by_agent->maker));

		out->imposter = other_mac || other_maker ? TRI_YES : TRI_NO;
	} else if (agent.n > 0 && is_imposter(rules, agent))
		out->imposter = TRI_YES;
	if (out->mac == MAC_NONE)
		out->mac = out->agent_mac;
}
