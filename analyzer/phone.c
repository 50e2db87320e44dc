/* What agent and path tell of the asker. The path's word is only a file name that anyone may ask for; the agent's is only a claim: both
 * matter where they contradict each other. */
#include <string.h>

#include "analyzer/format_private.h"
#include "analyzer/rule_private.h"

static bool is_hex(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

uint64_t mac_in_file(struct slice file) {
	for (size_t i = 0; i < file.n; i++) {
		size_t run = 0;
		size_t length = 12;
		uint64_t mac;

		while (i + run < file.n && is_hex(file.p[i + run]))
			run++;
		if (run == 0)
			continue;
		if (run == 2)
			length = 17;
		else if (run == 4)
			length = 14;
		/* The spelled forms end where no digit follows, as the bare one does by being a whole run. */
		if ((run == 12 || run == 2 || run == 4) && file.n - i >= length &&
		    (file.n - i == length || !is_hex(file.p[i + length])) && mac_parse(file.p + i, length, &mac) &&
		    /* y0000000000NN names a model of Yealink's. */
		    !(i > 0 && (file.p[i - 1] == 'y' || file.p[i - 1] == 'Y') && mac <= 0xff))
			return mac;
		i += run - 1;
	}
	return MAC_NONE;
}

uint64_t mac_in_query(struct slice query, struct line_fields *fields) {
	uint64_t found = MAC_NONE;

	while (query.n > 0) {
		const char *end = memchr(query.p, '&', query.n);
		struct slice pair = slice_take(&query, end ? (size_t)(end - query.p) : query.n);
		const char *equal = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
		struct slice name, value;
		uint64_t mac;

		(void)slice_skip(&query, '&');
		if (!equal)
			continue;
		name = percent_decoded(slice_take(&pair, (size_t)(equal - pair.p)), fields);
		(void)slice_skip(&pair, '=');
		value = percent_decoded(pair, fields);
		/* Of several the last counts, as for PHP. */
		if (slice_same_nocase(name, slice_of("mac")) && mac_parse(value.p, value.n, &mac))
			found = mac;
	}
	return found;
}

static struct slice group_named(const struct pattern *p, const char *name, struct slice subject) {
	for (uint32_t i = 0; i < pattern_groups(p); i++)
		if (strcmp(pattern_group_name(p, i), name) == 0)
			return pattern_group(p, i, subject);
	return (struct slice){0};
}

static void take_groups(const struct pattern *p, struct slice subject, struct asker *out, uint64_t *mac) {
	struct slice model = group_named(p, "model", subject);
	struct slice version = group_named(p, "version", subject);
	struct slice text = group_named(p, "mac", subject);

	if (model.n > 0 && out->model.n == 0)
		out->model = model;
	if (version.n > 0 && out->version.n == 0)
		out->version = version;
	if (text.n > 0 && *mac == MAC_NONE)
		(void)mac_parse(text.p, text.n, mac);
}

/* The first entry one of whose patterns matches. */
static const struct phone *phone_by_agent(const struct rules *rules, struct slice agent, const struct pattern **with) {
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (uint32_t p = 0; p < rules->phones[i].nagents; p++)
			if (pattern_match(rules->phones[i].agents[p], agent, NULL) == PATTERN_YES) {
				*with = rules->phones[i].agents[p];
				return &rules->phones[i];
			}
	return NULL;
}

/* The first entry of that maker, or of any where maker is empty. */
static const struct phone *phone_by_path(const struct rules *rules, struct slice file, struct slice maker,
                                         const struct pattern **with) {
	for (uint32_t i = 0; i < rules->nphones; i++) {
		if (maker.n > 0 && !slice_same(rules->phones[i].maker, maker))
			continue;
		for (uint32_t p = 0; p < rules->phones[i].npaths; p++)
			if (pattern_match(rules->phones[i].paths[p], file, NULL) == PATTERN_YES) {
				*with = rules->phones[i].paths[p];
				return &rules->phones[i];
			}
	}
	return NULL;
}

static const struct phone *phone_by_oui(const struct rules *rules, uint64_t mac) {
	if (mac == MAC_NONE)
		return NULL;
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (uint32_t o = 0; o < rules->phones[i].nouis; o++)
			if (rules->phones[i].ouis[o] == mac >> 24)
				return &rules->phones[i];
	return NULL;
}

static bool is_imposter(const struct rules *rules, struct slice agent) {
	for (uint32_t i = 0; i < rules->nimposters; i++)
		if (pattern_match(rules->imposters[i].pattern, agent, NULL) == PATTERN_YES)
			return true;
	return false;
}

void phone_tell(const struct rules *rules, struct slice agent, struct slice file, uint64_t path_mac,
                struct asker *out) {
	const struct pattern *agent_pattern = NULL;
	const struct pattern *path_pattern = NULL;
	const struct phone *by_agent = NULL;
	const struct phone *by_path = NULL;
	const struct phone *by_oui;

	*out = (struct asker){.mac = path_mac};
	if (agent.n > 0)
		by_agent = phone_by_agent(rules, agent, &agent_pattern);
	if (by_agent) {
		take_groups(agent_pattern, agent, out, &out->agent_mac);
		if (file.n > 0)
			by_path = phone_by_path(rules, file, by_agent->maker, &path_pattern);
	}
	if (!by_path && file.n > 0)
		by_path = phone_by_path(rules, file, (struct slice){0}, &path_pattern);
	if (by_path)
		take_groups(path_pattern, file, out, &out->mac);
	by_oui = phone_by_oui(rules, out->mac);
	out->known = by_agent != NULL;
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
