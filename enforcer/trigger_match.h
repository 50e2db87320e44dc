/* trigger_match: whether an event counts for a trigger, and as what. Shared by trigger.c and trigger_match.c alone. */
#ifndef PROVCTL_TRIGGER_MATCH_H
#define PROVCTL_TRIGGER_MATCH_H

#include "enforcer/counter.h"
#include "enforcer/judge_private.h"

/* What a trigger counts an event by. */
struct subject {
	uint64_t key[2];
	struct prefix at; /* bits 0: not by address */
	uint64_t mac;
	uint16_t contributor; /* of a net */
};

/* kinds: bit 1 << event_kind */
static inline bool event_is_of(const struct event *e, uint32_t kinds) {
	return kinds >> e->kind & 1;
}
/* The address (the /64) of a net that a contributor is. */
struct prefix contributor_address(struct prefix net, uint16_t contributor);

/* The address or net that the trigger counts the event by; of no bits where it counts by none. */
struct prefix trigger_at(const struct event *e, const struct trigger *t);
/* False where the event lacks something that the trigger counts by, or has no proof and the trigger counts by net. */
bool trigger_subject(const struct judge *j, const struct facts *f, const struct trigger *t, struct subject *out);
/* Those conditions that need neither the state nor the agent. */
bool trigger_matches_bare(const struct event *e, const struct trigger *t);
/* All conditions but the kind. */
int trigger_matches(struct judge *j, struct facts *f, const struct trigger *t, bool *matches, struct err *err);
/* What is counted. False where the event has nothing of the sort. */
bool trigger_entry(const struct judge *j, struct facts *f, const struct trigger *t, const struct subject *s,
                   struct counter_entry *out);
/* The MAC or user that the event names, as a counter_entry has it; 0 for none. */
uint32_t trigger_who(const struct judge *j, struct facts *f);

#endif
