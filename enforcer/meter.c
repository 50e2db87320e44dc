#include <string.h>
#include <time.h>

#include "enforcer/meter.h"

#define MS 1000
#define S  1000000
#define SHORT                                                                                                          \
	{                                                                                                                  \
		S, {                                                                                                           \
			250, MS / 2, MS, 2500, 5 * MS, 10 * MS, 25 * MS, 100 * MS, 250 * MS, S, 5 * S, 30 * S                      \
		}                                                                                                              \
	}

const struct meter_scale meter_scales[METERS] = {
	[METER_LAG] = {1, {0, 1, 2, 3, 5, 10, 30, 60, 300, 1800, 3600, 86400}},
	[METER_COMMAND] = SHORT,
	[METER_PUBLISH] = SHORT,
	[METER_NETLINK] = SHORT,
};

/* The hash is not keyed, but ids are those of the configured rules: a compromised analyzer can at most fill the table. */
static struct meter_rule *find(struct meter *m, struct slice id) {
	size_t i = hash_bytes(0, id.p, id.n) % METER_RULES;

	while (m->rules[i].id[0] != '\0') {
		if (slice_is(id, m->rules[i].id))
			return &m->rules[i];
		i = (i + 1) % METER_RULES;
	}
	if (m->nrules == METER_RULES - 1) /* one stays free: a search ends there */
		return NULL;
	m->nrules++;
	(void)slice_copy(id, m->rules[i].id, sizeof(m->rules[i].id));
	return &m->rules[i];
}

void meter_rule(struct meter *m, struct slice id, uint64_t n) {
	struct meter_rule *rule;

	if (id.n > EVENT_WORD_MAX)
		id.n = EVENT_WORD_MAX;
	if (id.n > 0)
		id.n = strnlen(id.p, id.n);
	rule = id.n > 0 ? find(m, id) : NULL;
	if (rule)
		rule->events += n;
	else
		m->other += n;
}

void meter_add(struct meter *m, enum meter_of of, int64_t took, uint64_t n) {
	struct meter_histogram *h = &m->of[of];
	unsigned i = 0;

	if (took < 0)
		took = 0;
	while (i < METER_BOUNDS && took > meter_scales[of].bounds[i])
		i++;
	h->buckets[i] += n;
	h->n += n;
	h->sum += took * (int64_t)n;
}

int64_t meter_clock(void) {
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * S + at.tv_nsec / 1000;
}
