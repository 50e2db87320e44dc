#include <stdio.h>
#include <stdlib.h>

#include "common/mac.h"
#include "common/timefmt.h"
#include "enforcer/trigger_match.h"

#define TOUCHED "counters.touched"

#define QUIET (1U << EVENT_PROVISION_SERVED | 1U << EVENT_POLL_SERVED | 1U << EVENT_SIP_REGISTERED)

/* Those that have to do with what a phone does at home. An imposter's registration is not told apart: it counts as any. */
static void find_quiet(struct judge *j) {
	for (uint32_t i = 0; i < j->conf->ntriggers; i++) {
		const struct trigger *t = &j->conf->triggers[i];

		if (t->on & QUIET && (t->imposter != TRI_YES || t->on >> EVENT_SIP_REGISTERED & 1) &&
		    t->proofs & ~(1U << PROOF_NONE) && t->mac == TRIGGER_MAC_ANY && t->at_home != TRI_NO &&
		    t->abroad != TRI_YES)
			j->quiet.stirred[j->quiet.nstirred++] = (struct quiet_trigger){t->on, (uint16_t)i};
		if (t->reset & QUIET)
			j->quiet.resets[j->quiet.nresets++] = (struct quiet_trigger){t->reset, (uint16_t)i};
		/* Whose account it is stands in the row. */
		if (t->reset & QUIET && t->by & BY_ACCOUNT)
			j->quiet.by_account |= t->reset;
	}
}

int trigger_init(struct judge *j, struct err *err) {
	if (counters_new(&j->counters, j->conf->triggers, j->conf->ntriggers, store_key(j->store), err) < 0)
		return -1;
	j->quiet.stirred = calloc(j->conf->ntriggers + 1, sizeof(*j->quiet.stirred));
	j->quiet.resets = calloc(j->conf->ntriggers + 1, sizeof(*j->quiet.resets));
	if (!j->quiet.stirred || !j->quiet.resets) {
		trigger_release(j);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	find_quiet(j);
	return 0;
}

void trigger_release(struct judge *j) {
	free(j->quiet.stirred);
	free(j->quiet.resets);
	counters_free(&j->counters);
}

void trigger_forget(struct judge *j) {
	counters_clear(j->counters);
}

void trigger_text(const struct trigger *t, char out[TRIGGER_TEXT]) {
	static const char *const counted[][2] = {
		[COUNT_EVENTS] = {"event", "events"},
		[COUNT_DISTINCT_MAC] = {"distinct MAC", "distinct MACs"},
		[COUNT_DISTINCT_USER] = {"distinct user", "distinct users"},
	};
	char within[TIME_TEXT];

	duration_print(t->within, within);
	snprintf(out, TRIGGER_TEXT, "%u %s within %s", t->limit, counted[t->count][t->limit > 1], within);
}

/* ---- loading and storing: at the first event that could count, so that a pass over nothing new stays cheap ---- */

struct loading {
	struct counters *counters;
	struct err *err;
};

static int load_row(void *context, uint32_t row, struct slice bytes) {
	struct loading *loading = context;

	return counters_decode(loading->counters, row, bytes, loading->err);
}

static int trigger_load(struct judge *j, struct err *err) {
	struct loading loading = {j->counters, err};
	int64_t touched;

	if (counters_loaded(j->counters))
		return 0;
	if (store_number(j->store, TOUCHED, &touched, err) < 0 ||
	    store_counters_load(j->store, load_row, &loading, err) < 0 ||
	    counters_settle(j->counters, (uint64_t)touched, err) < 0) {
		counters_clear(j->counters);
		return -1;
	}
	return 0;
}

static int store_row(void *context, uint32_t number, struct slice bytes, struct err *err) {
	const struct judge *j = context;

	return store_counter_put(j->store, number, bytes, err);
}

int trigger_flush(struct judge *j, struct err *err) {
	if (!counters_changed(j->counters))
		return 0;
	if (counters_flush(j->counters, store_row, j, err) < 0)
		return -1;
	return store_set_number(j->store, TOUCHED, (int64_t)counters_touched(j->counters), err);
}

/* ---- firing ---- */

static bool entries_name_one(const struct counter *slot) {
	for (uint32_t i = 0; i < slot->n; i++)
		if (slot->entries[i].who == 0 || slot->entries[i].who != slot->entries[0].who)
			return false;
	return true;
}

struct contributors {
	uint16_t at[TRIGGER_LIMIT_MAX];
	uint32_t n;
};

static bool contributors_have(const struct contributors *c, uint16_t contributor) {
	for (uint32_t i = 0; i < c->n; i++)
		if (c->at[i] == contributor)
			return true;
	return false;
}

static bool is_contributed_by(void *context, const struct counter_entry *entry) {
	return contributors_have(context, entry->contributor);
}

/* The first entry that is asked about is the oldest. */
static bool is_first(void *context, const struct counter_entry *entry) {
	bool *asked = context, first = !*asked;

	(void)entry;
	*asked = true;
	return first;
}

/* Sorts the contributors into those that a ban of their own holds, and those at large. */
static int contributors_sort(struct judge *j, const struct counter *slot, int64_t time, struct contributors *held,
                             struct contributors *large, struct err *err) {
	held->n = large->n = 0;
	for (uint32_t i = 0; i < slot->n; i++) {
		uint16_t contributor = slot->entries[i].contributor;
		struct contributors *into;
		struct ban ban;
		int found;

		if (contributors_have(held, contributor) || contributors_have(large, contributor))
			continue;
		found = store_ban(j->store, BAN_BAN, contributor_address(slot->at, contributor), NULL, time, &ban, err);
		if (found < 0)
			return -1;
		into = found ? held : large;
		into->at[into->n++] = contributor;
	}
	return 0;
}

/* Somebody lives in the net: only those who asked, and are unknown, are banned. */
static int ban_contributors(struct judge *j, const struct trigger *t, const struct counter *slot, struct facts *f,
                            const struct contributors *contributors, bool told, enum ban_outcome *outcome,
                            struct err *err) {
	*outcome = BAN_SPARED;
	for (uint32_t i = 0; i < contributors->n; i++) {
		struct prefix at = contributor_address(slot->at, contributors->at[i]);
		enum ban_outcome one;
		bool known;

		if (address_known(j, at.base, f->e->time, &known, err) < 0)
			return -1;
		if (known)
			continue;
		if (ban_fire(j, t, at, f, false, told, &one, err) < 0)
			return -1;
		if (one != BAN_SPARED)
			*outcome = one;
	}
	return 0;
}

/* Not yet, where too few addresses stand behind the count: then it is left below the limit. */
static int fire_net(struct judge *j, const struct trigger *t, struct counter *slot, struct facts *f, bool told,
                    bool *fired, enum ban_outcome *outcome, struct err *err) {
	struct contributors held, large;
	bool asked = false, inhabited;

	*fired = false;
	if (contributors_sort(j, slot, f->e->time, &held, &large, err) < 0)
		return -1;
	if (held.n > 0 && (!counter_sift(j->counters, slot, is_contributed_by, &held) || slot->n < t->limit))
		return 0;
	if (t->alone == TRI_NO && large.n < 2) {
		counter_sift(j->counters, slot, is_first, &asked);
		return 0;
	}
	*fired = true;
	if (ban_is_inhabited(j, slot->at, f->e->time, &inhabited, err) < 0)
		return -1;
	if (inhabited)
		return ban_contributors(j, t, slot, f, &large, told, outcome, err);
	return ban_fire(j, t, slot->at, f, entries_name_one(slot), told, outcome, err);
}

static int report(struct judge *j, const struct trigger *t, const struct counter *slot, struct facts *f,
                  struct err *err) {
	char text[TRIGGER_TEXT];
	struct prefix at = slot->at.bits > 0 || addr_is_none(f->e->ip) ? slot->at : address_of(f->e->ip);
	struct device device;
	int found = 0;

	/* As lock_event left it: f has it as it was before. */
	if (f->has_device && (found = store_device(j->store, f->device.mac, &device, err)) < 0)
		return -1;
	trigger_text(t, text);
	j->sums.reported++;
	return judge_record(j, f, NULL, "reported", found ? &device : NULL, &at, t->id, err, "%s%s", text,
	                    t->known == TRI_YES ? " from a known address" : "");
}

/* The limit is reached. What the record was told of is not told again within the trigger's window. */
static int trigger_fire(struct judge *j, const struct trigger *t, struct counter *slot, struct facts *f,
                        struct err *err) {
	int64_t time = f->e->time, quiet = slot->quiet;
	bool told = time < quiet, tell = false, fired = true;
	enum ban_outcome outcome = BAN_DONE;

	if (t->act & DO_BAN) {
		if (t->by & BY_NET) {
			if (fire_net(j, t, slot, f, told, &fired, &outcome, err) < 0)
				return -1;
			if (!fired)
				return 0;
		} else if (ban_fire(j, t, slot->at, f, entries_name_one(slot), told, &outcome, err) < 0) {
			return -1;
		}
		tell = outcome == BAN_SPARED;
	}
	if (t->act & DO_SUSPECT && f->has_device && lock_suspect(j, f->device.mac, f->e, t->id, err) < 0)
		return -1;
	if (t->act & DO_REPORT) {
		if (!told && report(j, t, slot, f, err) < 0)
			return -1;
		tell = true;
	}
	if (tell && !told)
		quiet = time + t->within;
	counter_empty(j->counters, slot, tell || told ? quiet : TIME_NONE);
	return 0;
}

/* ---- counting ---- */

/* Until the end of its ban a trigger ignores the address; and by net it ignores who is banned on his own account. */
static int is_ignored(struct judge *j, const struct trigger *t, const struct subject *s, const struct event *e,
                      bool *ignored, struct err *err) {
	struct ban ban;
	int found = 0;

	if (t->act & DO_BAN)
		found = store_ban(j->store, BAN_BAN, s->at, t->id, e->time, &ban, err);
	if (found == 0 && t->by & BY_NET)
		found = store_ban(j->store, BAN_BAN, address_of(e->ip), NULL, e->time, &ban, err);
	*ignored = found == 1;
	return found < 0 ? -1 : 0;
}

static int trigger_count(struct judge *j, uint32_t index, struct facts *f, struct err *err) {
	const struct trigger *t = &j->conf->triggers[index];
	struct counter_hit hit = {.trigger = index, .now = j->now};
	enum counter_result result;
	struct counter *slot;
	struct subject s;
	bool yes;

	if (trigger_matches(j, f, t, &yes, err) < 0)
		return -1;
	if (!yes || !trigger_subject(j, f, t, &s) || !trigger_entry(j, f, t, &s, &hit.entry))
		return 0;
	if (is_ignored(j, t, &s, f->e, &yes, err) < 0)
		return -1;
	if (yes)
		return 0;
	hit.pool = f->e->proof == PROOF_NONE ? COUNTER_UNPROVEN : COUNTER_PROVEN;
	hit.key[0] = s.key[0];
	hit.key[1] = s.key[1];
	hit.at = s.at;
	hit.mac = s.mac;
	if (trigger_load(j, err) < 0 || counter_add(j->counters, &hit, &slot, &result, err) < 0)
		return -1;
	return result == COUNTER_REACHED ? trigger_fire(j, t, slot, f, err) : 0;
}

static bool is_by(void *context, const struct counter_entry *entry) {
	const uint32_t *who = context;

	return entry->who == *who;
}

/* A success of a device or user takes its failures out of the count, and only its own: an attacker with one good password
 * would clear himself otherwise. A forged success clears forged failures alone. */
static int trigger_reset(struct judge *j, uint32_t index, struct facts *f, struct err *err) {
	const struct trigger *t = &j->conf->triggers[index];
	struct subject s;
	uint32_t who;

	if (trigger_load(j, err) < 0)
		return -1;
	/* Nearly every poll comes by here, and every registration. */
	if (!counters_have(j->counters, index))
		return 0;
	who = trigger_who(j, f);
	if (!counters_name(j->counters, trigger_at(f->e, t), who) || !trigger_subject(j, f, t, &s))
		return 0;
	for (int pool = 0; pool < COUNTER_POOLS && who != 0; pool++) {
		struct counter *slot = counter_find(j->counters, pool, s.key);

		if (slot && (pool == COUNTER_UNPROVEN || f->e->proof != PROOF_NONE))
			counter_sift(j->counters, slot, is_by, &who);
	}
	return 0;
}

int trigger_event(struct judge *j, struct facts *f, struct err *err) {
	for (uint32_t i = 0; i < j->conf->ntriggers; i++) {
		const struct trigger *t = &j->conf->triggers[i];

		if (event_is_of(f->e, t->reset) && trigger_reset(j, i, f, err) < 0)
			return -1;
		if (event_is_of(f->e, t->on) && trigger_count(j, i, f, err) < 0)
			return -1;
	}
	return 0;
}

bool trigger_is_stirred(const struct judge *j, const struct event *e) {
	for (uint32_t i = 0; i < j->quiet.nstirred; i++) {
		const struct quiet_trigger *t = &j->quiet.stirred[i];

		if (event_is_of(e, t->kinds) && trigger_matches_bare(e, &j->conf->triggers[t->trigger]))
			return true;
	}
	if (!event_is_of(e, j->quiet.by_account))
		return false;
	for (uint32_t i = 0; i < j->quiet.nresets; i++) {
		const struct quiet_trigger *t = &j->quiet.resets[i];

		if (event_is_of(e, t->kinds) && j->conf->triggers[t->trigger].by & BY_ACCOUNT &&
		    (!counters_loaded(j->counters) || counters_have(j->counters, t->trigger)))
			return true;
	}
	return false;
}

/* Those from the first on that has any counts. Apart, for what it takes of the stack. */
static int resets_quiet(struct judge *j, const struct event *e, uint64_t mac, uint32_t *who, uint32_t first,
                        struct err *err) {
	struct facts f;
	bool named;

	/* All that a reset looks at. */
	f.e = e;
	f.has_device = mac != MAC_NONE;
	f.removed = false;
	f.device.mac = mac;
	f.subject = f.user = 0;
	f.who = who ? *who : 0;
	named = counters_name(j->counters, address_of(e->ip), trigger_who(j, &f));
	if (who)
		*who = f.who;
	for (uint32_t i = first; i < j->quiet.nresets; i++) {
		const struct quiet_trigger *t = &j->quiet.resets[i];
		bool by_ip = (j->conf->triggers[t->trigger].by & (BY_IP | BY_NET)) == BY_IP;

		if (event_is_of(e, t->kinds) && (named || !by_ip) && trigger_reset(j, t->trigger, &f, err) < 0)
			return -1;
	}
	return 0;
}

int trigger_quiet(struct judge *j, const struct event *e, uint64_t mac, uint32_t *who, struct err *err) {
	for (uint32_t i = 0; i < j->quiet.nresets; i++) {
		if (!event_is_of(e, j->quiet.resets[i].kinds))
			continue;
		if (trigger_load(j, err) < 0)
			return -1;
		if (counters_have(j->counters, j->quiet.resets[i].trigger))
			return resets_quiet(j, e, mac, who, i, err);
	}
	return 0;
}

/* ---- what an admin clears and sees ---- */

struct clearing {
	struct judge *judge;
	uint64_t mac;
	struct prefix at;
};

struct netting {
	struct prefix net, at;
};

static bool is_net(const struct conf *conf, const struct counter *slot) {
	return conf->triggers[slot->trigger].by & BY_NET;
}

static int clear_device(void *context, struct counter *slot) {
	const struct clearing *clearing = context;

	if (slot->mac == clearing->mac && clearing->judge->conf->triggers[slot->trigger].act & DO_SUSPECT)
		counter_drop(clearing->judge->counters, slot);
	return 0;
}

int trigger_device_cleared(struct judge *j, uint64_t mac, struct err *err) {
	struct clearing clearing = {.judge = j, .mac = mac};

	if (trigger_load(j, err) < 0)
		return -1;
	return counters_each(j->counters, clear_device, &clearing);
}

static bool is_within(void *context, const struct counter_entry *entry) {
	const struct netting *netting = context;

	return prefix_has(netting->at, contributor_address(netting->net, entry->contributor).base);
}

static int clear_address(void *context, struct counter *slot) {
	const struct clearing *clearing = context;
	struct netting netting = {slot->at, clearing->at};

	if (slot->at.bits == 0 || !prefix_overlaps(slot->at, clearing->at))
		return 0;
	if (slot->at.bits >= clearing->at.bits)
		counter_drop(clearing->judge->counters, slot);
	else if (is_net(clearing->judge->conf, slot))
		counter_sift(clearing->judge->counters, slot, is_within, &netting);
	return 0;
}

int trigger_address_cleared(struct judge *j, struct prefix at, struct err *err) {
	struct clearing clearing = {.judge = j, .at = at};

	if (trigger_load(j, err) < 0)
		return -1;
	return counters_each(j->counters, clear_address, &clearing);
}

struct listing {
	const struct conf *conf;
	struct addr ip;
	uint64_t mac;
	int64_t time;
	int (*each)(void *context, const struct counting *c);
	void *context;
};

static int list_slot(void *context, struct counter *slot) {
	const struct listing *l = context;
	const struct trigger *t = &l->conf->triggers[slot->trigger];
	struct counting c = {.trigger = t->id, .limit = t->limit, .proven = slot->pool == COUNTER_PROVEN};
	bool here = !addr_is_none(l->ip) && slot->at.bits > 0 && prefix_has(slot->at, l->ip);
	/* In the count of a net an address has its part only where it contributed. */
	bool wanted = (here && !is_net(l->conf, slot)) || (l->mac != MAC_NONE && slot->mac == l->mac);

	for (uint32_t i = 0; i < slot->n; i++) {
		int64_t time = slot->entries[i].time;

		if (time <= l->time - t->within || time > l->time)
			continue;
		wanted = wanted || (here && prefix_has(contributor_address(slot->at, slot->entries[i].contributor), l->ip));
		if (c.count++ == 0)
			c.first = time;
		c.last = time;
	}
	return wanted && c.count > 0 ? l->each(l->context, &c) : 0;
}

int judge_counting(struct judge *j, struct addr ip, uint64_t mac, int64_t time,
                   int (*each)(void *context, const struct counting *c), void *context, struct err *err) {
	struct listing listing = {j->conf, ip, mac, time, each, context};

	if (trigger_load(j, err) < 0)
		return -1;
	return counters_each(j->counters, list_slot, &listing);
}
