#include <string.h>
#include <strings.h>

#include "common/mac.h"
#include "enforcer/digest.h"
#include "enforcer/trigger_match.h"

#define IP6_BITS 64

/* What their agents say of themselves names no device. */
#define SIP_EVENTS ((2U << EVENT_SIP_FLOOD) - (1U << EVENT_SIP_REGISTERED))

/* Bytes to be digested, each part with its length, so that no two lists of parts are the same bytes. */
struct parts {
	size_t n;
	uint8_t b[1024];
};

static void parts_add(struct parts *parts, const void *p, size_t n) {
	if (n > sizeof parts->b - parts->n - 2)
		n = sizeof parts->b - parts->n - 2;
	parts->b[parts->n++] = (uint8_t)n;
	parts->b[parts->n++] = (uint8_t)(n >> 8);
	if (n > 0)
		memcpy(parts->b + parts->n, p, n);
	parts->n += n;
}

static void parts_add_text(struct parts *parts, const char *text) {
	parts_add(parts, text, strlen(text));
}

static void parts_add_prefix(struct parts *parts, struct prefix p) {
	parts_add(parts, p.base.b, sizeof p.base.b);
	parts_add(parts, &p.bits, sizeof p.bits);
}

static void parts_add_mac(struct parts *parts, uint64_t mac) {
	char text[MAC_TEXT];

	mac_print(mac, text);
	parts_add_text(parts, text);
}

static void parts_add_user(struct parts *parts, const struct event *e) {
	parts_add(parts, e->user.p, e->user.n);
	parts_add(parts, e->realm.p, e->realm.n);
}

static uint64_t parts_digest(const struct judge *j, const struct parts *parts) {
	return digest_bytes(store_key(j->store), parts->b, parts->n);
}

/* ---- what the event is about ---- */

struct prefix address_of(struct addr ip) {
	return addr_is_v4(ip) ? (struct prefix){ip, 128} : prefix_of(ip, IP6_BITS);
}

static uint16_t contributor_of(struct addr ip) {
	return (uint16_t)(addr_is_v4(ip) ? ip.b[15] : ip.b[6] << 8 | ip.b[7]);
}

struct prefix contributor_address(struct prefix net, uint16_t contributor) {
	struct addr ip = net.base;

	if (addr_is_v4(ip)) {
		ip.b[15] = (uint8_t)contributor;
	} else {
		ip.b[6] = (uint8_t)(contributor >> 8);
		ip.b[7] = (uint8_t)contributor;
	}
	return address_of(ip);
}

/* The MAC that the event is about: of a SIP event that of the device that its user is. */
static uint64_t subject_mac(const struct facts *f) {
	if (f->has_device)
		return f->device.mac;
	return event_is_of(f->e, SIP_EVENTS) ? MAC_NONE : f->e->mac;
}

static struct slice account_of(const struct facts *f) {
	if (f->has_device || f->removed)
		return slice_of(f->device.account);
	return f->e->account;
}

/* Nearly every trigger counts by it. */
static uint64_t subject_digest(const struct judge *j, struct facts *f) {
	struct parts parts;

	if (f->subject)
		return f->subject;
	parts.n = 0;
	parts_add_mac(&parts, subject_mac(f));
	f->subject = parts_digest(j, &parts);
	return f->subject;
}

static uint64_t user_digest(const struct judge *j, struct facts *f) {
	struct parts parts;

	if (f->user)
		return f->user;
	parts.n = 0;
	parts_add_user(&parts, f->e);
	f->user = parts_digest(j, &parts);
	return f->user;
}

uint32_t trigger_who(const struct judge *j, struct facts *f) {
	if (f->who)
		return f->who;
	if (subject_mac(f) != MAC_NONE)
		f->who = (uint32_t)subject_digest(j, f);
	else if (f->e->user.n > 0)
		f->who = (uint32_t)user_digest(j, f);
	else
		return 0;
	if (!f->who)
		f->who = 1;
	return f->who;
}

struct prefix trigger_at(const struct event *e, const struct trigger *t) {
	if (t->by & BY_NET)
		return counter_net(e->ip);
	return t->by & BY_IP ? address_of(e->ip) : (struct prefix){.bits = 0};
}

bool trigger_subject(const struct judge *j, const struct facts *f, const struct trigger *t, struct subject *out) {
	const struct event *e = f->e;
	struct subject s = {.mac = MAC_NONE};
	struct parts parts;
	size_t first;

	parts.n = 0;
	parts_add_text(&parts, t->id);
	if (t->by & (BY_IP | BY_NET)) {
		if (addr_is_none(e->ip) || (t->by & BY_NET && e->proof == PROOF_NONE))
			return false;
		s.at = trigger_at(e, t);
		s.contributor = t->by & BY_NET ? contributor_of(e->ip) : 0;
		parts_add_prefix(&parts, s.at);
	}
	if (t->by & BY_DEVICE) {
		s.mac = subject_mac(f);
		if (s.mac == MAC_NONE)
			return false;
		parts_add_mac(&parts, s.mac);
	}
	if (t->by & BY_USER) {
		if (e->user.n == 0)
			return false;
		parts_add_user(&parts, e);
	}
	if (t->by & BY_ACCOUNT) {
		struct slice account = account_of(f);

		if (account.n == 0 || slice_is(account, ACCOUNT_NONE))
			return false;
		parts_add(&parts, account.p, account.n);
	}
	first = parts.n;
	parts_add_text(&parts, "second half");
	digest_twice(store_key(j->store), parts.b, first, parts.n, s.key);
	*out = s;
	return true;
}

/* ---- conditions ---- */

static bool agent_has(struct slice agent, const char *word) {
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= agent.n; i++)
		if (strncasecmp(agent.p + i, word, n) == 0)
			return true;
	return false;
}

bool trigger_matches_bare(const struct event *e, const struct trigger *t) {
	bool found;

	if (!(t->proofs >> e->proof & 1) || (t->imposter != TRI_UNKNOWN && e->imposter != t->imposter))
		return false;
	/* What nobody proved changes no device. */
	if (t->act & DO_SUSPECT && e->proof == PROOF_NONE)
		return false;
	found = t->ncountries == 0;
	for (uint32_t i = 0; !found && i < t->ncountries; i++)
		found = memcmp(e->country, t->countries[i], sizeof e->country) == 0;
	if (!found)
		return false;
	found = t->nasns == 0;
	for (uint32_t i = 0; !found && i < t->nasns; i++)
		found = e->asn != 0 && e->asn == t->asns[i];
	return found;
}

static bool matches_agent(const struct event *e, const struct trigger *t) {
	bool found = t->nagents == 0;

	for (uint32_t i = 0; !found && i < t->nagents; i++)
		found = agent_has(e->agent, t->agents[i]);
	return found;
}

static bool is_refused(const struct event *e) {
	return e->kind == EVENT_PROVISION_REFUSED || e->kind == EVENT_POLL_REFUSED;
}

static bool matches_mac(const struct facts *f, const struct trigger *t) {
	bool exists = f->has_device || f->removed;

	if (t->mac == TRIGGER_MAC_ANY)
		return true;
	if (subject_mac(f) == MAC_NONE)
		return false;
	if (!exists)
		return true;
	return t->mac == TRIGGER_MAC_FOREIGN && is_refused(f->e) && !f->is_home && !f->in_network;
}

/* Both countries must be known, and none of the device's homes be in the asker's. */
static enum tri facts_abroad(const struct facts *f) {
	const char *country = f->e->country;
	enum tri abroad = TRI_UNKNOWN;

	if (!f->has_device || country[0] == '\0')
		return TRI_UNKNOWN;
	if (f->is_home || f->in_network)
		return TRI_NO;
	for (uint32_t i = 0; i < f->device.homes.n; i++) {
		const char *home = f->device.homes.at[i].country;

		if (home[0] == '\0')
			continue;
		if (memcmp(home, country, 2) == 0)
			return TRI_NO;
		abroad = TRI_YES;
	}
	return abroad;
}

int trigger_matches(struct judge *j, struct facts *f, const struct trigger *t, bool *matches, struct err *err) {
	*matches = false;
	if (!trigger_matches_bare(f->e, t) || !matches_agent(f->e, t) || !matches_mac(f, t))
		return 0;
	if (t->at_home != TRI_UNKNOWN && (!f->has_device || (f->is_home || f->in_network) != (t->at_home == TRI_YES)))
		return 0;
	if (t->abroad != TRI_UNKNOWN && facts_abroad(f) != t->abroad)
		return 0;
	if (t->known != TRI_UNKNOWN) {
		if (addr_is_none(f->e->ip))
			return 0;
		if (facts_known(j, f, err) < 0)
			return -1;
		if (f->known != (t->known == TRI_YES))
			return 0;
	}
	*matches = true;
	return 0;
}

/* ---- what is counted ---- */

/* Homes as they are compared, whatever their order. */
static uint64_t homes_digest(const struct judge *j, const struct homes *homes) {
	struct prefix at[DEVICE_HOMES_MAX];
	struct parts parts;
	uint32_t n = 0;

	for (uint32_t i = 0; i < homes->n; i++) {
		const struct home *home = &homes->at[i];
		struct prefix p = home->kind == HOME_GIVEN ? home->at : conf_home_of(j->conf, home->at.base);
		uint32_t k = n;

		while (k > 0 && memcmp(&at[k - 1], &p, sizeof p) > 0)
			k--;
		if (k > 0 && prefix_same(at[k - 1], p))
			continue;
		memmove(&at[k + 1], &at[k], (n - k) * sizeof p);
		at[k] = p;
		n++;
	}
	parts.n = 0;
	parts_add_text(&parts, "homes");
	for (uint32_t i = 0; i < n; i++)
		parts_add_prefix(&parts, at[i]);
	return parts_digest(j, &parts);
}

/* Devices that share a home are one office that asks from elsewhere, and not as many guesses. */
static uint64_t mac_digest(const struct judge *j, struct facts *f, const struct trigger *t) {
	struct parts parts;

	if (t->mac != TRIGGER_MAC_FOREIGN || (!f->has_device && !f->removed))
		return subject_digest(j, f);
	if (f->has_device && f->device.homes.n > 0)
		return homes_digest(j, &f->device.homes);
	parts.n = 0;
	parts_add_text(&parts, "account");
	parts_add_text(&parts, f->device.account);
	return parts_digest(j, &parts);
}

/* Of what makes lines one. */
static uint64_t fold_digest(const struct judge *j, struct facts *f) {
	const struct event *e = f->e;
	uint8_t kind = (uint8_t)e->kind, proof = (uint8_t)e->proof;
	struct parts parts;

	if (f->fold)
		return f->fold;
	parts.n = 0;
	parts_add(&parts, j->log.p, j->log.n);
	parts_add(&parts, e->ip.b, sizeof e->ip.b);
	parts_add(&parts, &e->once, sizeof e->once);
	parts_add(&parts, &kind, sizeof kind);
	parts_add(&parts, &proof, sizeof proof);
	f->fold = parts_digest(j, &parts);
	return f->fold;
}

bool trigger_entry(const struct judge *j, struct facts *f, const struct trigger *t, const struct subject *s,
                   struct counter_entry *out) {
	const struct event *e = f->e;
	struct counter_entry entry = {.time = e->time, .who = trigger_who(j, f), .contributor = s->contributor};

	switch (t->count) {
	case COUNT_EVENTS:
		break;
	case COUNT_DISTINCT_MAC:
		if (subject_mac(f) == MAC_NONE)
			return false;
		entry.value = mac_digest(j, f, t);
		break;
	case COUNT_DISTINCT_USER:
		if (e->user.n == 0)
			return false;
		entry.value = user_digest(j, f);
		break;
	}
	if (e->once != 0)
		entry.fold = fold_digest(j, f);
	*out = entry;
	return true;
}
