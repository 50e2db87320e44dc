#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "common/conf_private.h"

#define WITHIN_MAX (7LL * DAY)
#define BAN_MAX    (365LL * DAY)

enum key { ID, OFF, ON, BY, COUNT, MAC, LIMIT, WITHIN, RESET, WHEN, DO, FOR };
enum when_key { KNOWN, IMPOSTER, HOME, ABROAD, ALONE, PROOF, COUNTRY, ASN, AGENT };
enum do_key { BAN, SUSPECT, REPORT };

const char *const conf_trigger_keys[] = {"id",     "off",   "on",   "by", "count", "mac", "limit",
                                         "within", "reset", "when", "do", "for",   NULL};
const char *const conf_trigger_when_keys[] = {"known", "imposter", "home", "abroad", "alone",
                                              "proof", "country",  "asn",  "agent",  NULL};
const char *const conf_trigger_do_keys[] = {"ban", "suspect", "report", NULL};

/* In the order of their enums and bits. */
const char *const conf_trigger_by[] = {"ip", "net", "device", "user", "account", NULL};
const char *const conf_trigger_counts[] = {"events", "distinct mac", "distinct user", NULL};
const char *const conf_trigger_macs[] = {"any", "unknown", "foreign", NULL};

#define KIND(kind) (1U << (kind))
#define WEB                                                                                                            \
	(KIND(EVENT_PROVISION_SERVED) | KIND(EVENT_PROVISION_REFUSED) | KIND(EVENT_PROVISION_UNAUTHORISED) |               \
	 KIND(EVENT_PROVISION_UNKNOWN) | KIND(EVENT_POLL_SERVED) | KIND(EVENT_POLL_REFUSED) |                              \
	 KIND(EVENT_POLL_UNAUTHORISED) | KIND(EVENT_POLL_UNKNOWN))
#define SIP                                                                                                            \
	(KIND(EVENT_SIP_REGISTERED) | KIND(EVENT_SIP_AUTH_FAILED) | KIND(EVENT_SIP_UNKNOWN_USER) |                         \
	 KIND(EVENT_SIP_REFUSED) | KIND(EVENT_SIP_SCAN) | KIND(EVENT_SIP_MALFORMED) | KIND(EVENT_SIP_FLOOD))

/* Of the enum's start, and the portal's: device.* events are orders of the inventory, and nobody's attempts. */
_Static_assert((int)EVENT_DEVICE_CREATED == 15 && (int)EVENT_KINDS == 19, "events that can be counted come first");
#define KINDS_COUNTED EVENT_DEVICE_CREATED

static void trigger_release(struct trigger *t) {
	for (uint32_t i = 0; i < t->nagents; i++)
		free(t->agents[i]);
	free(t->agents);
	free(t->asns);
	free(t->countries);
	free(t->file);
}

void conf_triggers_release(struct conf *conf) {
	for (uint32_t i = 0; i < conf->ntriggers; i++)
		trigger_release(&conf->triggers[i]);
	free(conf->triggers);
	for (uint32_t i = 0; i < conf->ntriggers_off; i++)
		free(conf->triggers_off[i]);
	free(conf->triggers_off);
}

/* ---- values; a word alone stands for a list of one ---- */

static const struct yamldoc_node *first_item(const struct yamldoc_node *n) {
	return n->kind == YAMLDOC_SEQUENCE ? n->first : n;
}

static const struct yamldoc_node *next_item(const struct yamldoc_node *list, const struct yamldoc_node *item) {
	return list->kind == YAMLDOC_SEQUENCE ? item->next : NULL;
}

/* NULL with the fault where it is empty or too long. */
static void *room_for(const struct yamldoc_node *n, size_t size, struct err *err) {
	size_t count = n->kind == YAMLDOC_SEQUENCE ? n->count : 1;
	void *room = NULL;

	if (count == 0)
		yamldoc_fault(n, err, "must not be empty");
	else if (count > TRIGGER_LIST_MAX)
		yamldoc_fault(n, err, "too many, at most %d", TRIGGER_LIST_MAX);
	else if (!(room = calloc(count, size)))
		err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
	return room;
}

static int read_bits(const struct yamldoc_node *n, const char *const *names, uint32_t *out, struct err *err) {
	uint32_t bits = 0;

	for (const struct yamldoc_node *i = first_item(n); i; i = next_item(n, i)) {
		unsigned which;

		if (yamldoc_choice(i, names, &which, err) != 0)
			return -1;
		bits |= 1U << which;
	}
	if (bits == 0)
		return yamldoc_fault(n, err, "must not be empty");
	*out = bits;
	return 0;
}

static int read_kinds(const struct yamldoc_node *n, uint32_t *out, struct err *err) {
	const char *names[KINDS_COUNTED + 2] = {0};
	uint32_t bits;

	for (unsigned kind = 0; kind < KINDS_COUNTED; kind++)
		names[kind] = event_kind_name((enum event_kind)kind);
	names[KINDS_COUNTED] = event_kind_name(EVENT_PORTAL_AUTH_FAILED);
	if (read_bits(n, names, &bits, err) < 0)
		return -1;
	*out = bits & KIND(KINDS_COUNTED) ? (bits ^ KIND(KINDS_COUNTED)) | KIND(EVENT_PORTAL_AUTH_FAILED) : bits;
	return 0;
}

static int read_proofs(const struct yamldoc_node *n, unsigned *out, struct err *err) {
	const char *names[PROOFS + 1] = {0};

	for (unsigned proof = 0; proof < PROOFS; proof++)
		names[proof] = proof_name((enum proof)proof);
	return read_bits(n, names, out, err);
}

static int read_tri(const struct yamldoc_node *n, enum tri *out, struct err *err) {
	bool yes;

	if (yamldoc_bool(n, &yes, err) != 0)
		return -1;
	*out = yes ? TRI_YES : TRI_NO;
	return 0;
}

static int read_countries(const struct yamldoc_node *n, struct trigger *t, struct err *err) {
	t->countries = room_for(n, sizeof(*t->countries), err);
	if (!t->countries)
		return -1;
	for (const struct yamldoc_node *i = first_item(n); i; i = next_item(n, i)) {
		const char *text;

		if (yamldoc_text(i, &text, err) != 0)
			return -1;
		if (i->text.n != 2 || text[0] < 'A' || text[0] > 'Z' || text[1] < 'A' || text[1] > 'Z')
			return yamldoc_fault(i, err, "must be a country's two capital letters, such as DE");
		memcpy(t->countries[t->ncountries++], text, 2);
	}
	return 0;
}

static int read_asns(const struct yamldoc_node *n, struct trigger *t, struct err *err) {
	t->asns = room_for(n, sizeof(*t->asns), err);
	if (!t->asns)
		return -1;
	for (const struct yamldoc_node *i = first_item(n); i; i = next_item(n, i)) {
		int64_t number;

		if (yamldoc_integer(i, 1, UINT32_MAX, &number, err) != 0)
			return -1;
		t->asns[t->nasns++] = (uint32_t)number;
	}
	return 0;
}

static int read_agents(const struct yamldoc_node *n, struct trigger *t, struct err *err) {
	t->agents = room_for(n, sizeof(*t->agents), err);
	if (!t->agents)
		return -1;
	for (const struct yamldoc_node *i = first_item(n); i; i = next_item(n, i)) {
		if (i->kind == YAMLDOC_SCALAR && i->quoted && i->text.n == 0)
			return yamldoc_fault(i, err, "must not be empty");
		t->agents[t->nagents] = conf_read_text(i, EVENT_AGENT_MAX, err);
		if (!t->agents[t->nagents])
			return -1;
		t->nagents++;
	}
	return 0;
}

static int read_times(const struct yamldoc_node *n, struct trigger *t, struct err *err) {
	if (t->ntimes > 0)
		return yamldoc_fault(n, err, "the times of a ban are given twice");
	if (n->kind == YAMLDOC_SEQUENCE && (n->count == 0 || n->count > TRIGGER_TIMES_MAX))
		return yamldoc_fault(n, err, "must be 1 to %d durations", TRIGGER_TIMES_MAX);
	for (const struct yamldoc_node *i = first_item(n); i; i = next_item(n, i)) {
		if (yamldoc_duration(i, 1, BAN_MAX, &t->times[t->ntimes], err) != 0)
			return -1;
		t->ntimes++;
	}
	return 0;
}

static int read_when(const struct yamldoc_node *m, unsigned key, struct trigger *t, struct err *err) {
	switch ((enum when_key)key) {
	case KNOWN:
		return read_tri(m, &t->known, err);
	case IMPOSTER:
		return read_tri(m, &t->imposter, err);
	case HOME:
		return read_tri(m, &t->at_home, err);
	case ABROAD:
		return read_tri(m, &t->abroad, err);
	case ALONE:
		return read_tri(m, &t->alone, err);
	case PROOF:
		return read_proofs(m, &t->proofs, err);
	case COUNTRY:
		return read_countries(m, t, err);
	case ASN:
		return read_asns(m, t, err);
	case AGENT:
		return read_agents(m, t, err);
	}
	return -1;
}

static int read_act(const struct yamldoc_node *m, unsigned key, struct trigger *t, struct err *err) {
	bool yes;

	if (key == BAN) {
		t->act |= DO_BAN;
		return read_times(m, t, err);
	}
	if (yamldoc_bool(m, &yes, err) != 0)
		return -1;
	if (yes)
		t->act |= key == SUSPECT ? DO_SUSPECT : DO_REPORT;
	return 0;
}

/* Each member of a mapping by its key; every fault is told. */
static void read_members(struct conf_reader *r, const struct yamldoc_node *n, const char *const *keys,
                         int (*read)(const struct yamldoc_node *m, unsigned key, struct trigger *t, struct err *err),
                         struct trigger *t) {
	struct err why;

	if (yamldoc_mapping(n, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *m = n->first; m; m = m->next) {
		unsigned key;

		if (yamldoc_key(m, keys, &key, &why) != 0 || read(m, key, t, &why) != 0)
			conf_complain(r, &why);
	}
}

/* `do: report`, `do: ban` with `for` beside it, or a mapping. */
static void read_do(struct conf_reader *r, const struct yamldoc_node *n, struct trigger *t) {
	static const char *const plain[] = {"suspect", "report", "ban", NULL};
	uint32_t bits = 0;
	struct err why;

	if (n->kind == YAMLDOC_MAPPING)
		read_members(r, n, conf_trigger_do_keys, read_act, t);
	else if (read_bits(n, plain, &bits, &why) != 0)
		conf_complain(r, &why);
	else
		t->act = (bits & 1 ? DO_SUSPECT : 0U) | (bits & 2 ? DO_REPORT : 0U) | (bits & 4 ? DO_BAN : 0U);
}

static int read_id(const struct yamldoc_node *n, char out[EVENT_WORD_MAX + 1], struct err *err) {
	const char *text;

	if (yamldoc_text(n, &text, err) != 0)
		return -1;
	if (n->text.n == 0 || n->text.n > EVENT_WORD_MAX ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n->text.n || text[0] < 'a')
		return yamldoc_fault(n, err, "must be a name of a-z, 0-9, -, _ and ., at most %d", EVENT_WORD_MAX);
	memcpy(out, text, n->text.n + 1);
	return 0;
}

static int read_member(struct conf_reader *r, const struct yamldoc_node *m, unsigned key, struct trigger *t, bool *off,
                       struct err *err) {
	unsigned which;
	int64_t number;

	switch ((enum key)key) {
	case ID:
		return read_id(m, t->id, err);
	case OFF:
		return yamldoc_bool(m, off, err);
	case ON:
		return read_kinds(m, &t->on, err);
	case BY:
		return read_bits(m, conf_trigger_by, &t->by, err);
	case COUNT:
		if (yamldoc_choice(m, conf_trigger_counts, &which, err) != 0)
			return -1;
		t->count = (enum trigger_count)which;
		return 0;
	case MAC:
		if (yamldoc_choice(m, conf_trigger_macs, &which, err) != 0)
			return -1;
		t->mac = (enum trigger_mac)which;
		return 0;
	case LIMIT:
		if (yamldoc_integer(m, 1, TRIGGER_LIMIT_MAX, &number, err) != 0)
			return -1;
		t->limit = (uint32_t)number;
		return 0;
	case WITHIN:
		return yamldoc_duration(m, 1, WITHIN_MAX, &t->within, err);
	case RESET:
		return read_kinds(m, &t->reset, err);
	case WHEN:
		read_members(r, m, conf_trigger_when_keys, read_when, t);
		return 0;
	case DO:
		read_do(r, m, t);
		return 0;
	case FOR:
		return read_times(m, t, err);
	}
	return -1;
}

/* ---- what makes no sense together ---- */

static void check(struct conf_reader *r, const struct yamldoc_node *n, const struct trigger *t) {
	const struct {
		bool wrong;
		const char *why;
	} checks[] = {
		{!t->on, "on is missing"},
		{!t->by, "by is missing"},
		{!t->limit, "limit is missing"},
		{!t->within, "within is missing"},
		{!t->act, "do is missing: ban, suspect or report"},
		{(t->act & DO_BAN) && !t->ntimes, "for is missing: how long it bans, such as 1h or [1h, 4h, 24h]"},
		{t->act && !(t->act & DO_BAN) && t->ntimes, "for is the time of a ban, which do does not name"},
		{(t->by & BY_IP) && (t->by & BY_NET), "by: either ip or net"},
		{(t->act & DO_BAN) && !(t->by & (BY_IP | BY_NET)), "a ban needs ip or net in by"},
		{(t->act & DO_SUSPECT) && !(t->by & BY_DEVICE), "suspect needs device in by"},
		{t->count == COUNT_DISTINCT_MAC && (t->on & ~WEB), "distinct mac counts provision and poll events only"},
		{t->count == COUNT_DISTINCT_USER && (t->on & ~SIP), "distinct user counts sip events only"},
		{t->mac != TRIGGER_MAC_ANY && (t->on & ~WEB), "mac is for provision and poll events only"},
		{t->alone != TRI_UNKNOWN && !(t->by & BY_NET), "alone needs net in by"},
		{(t->on & t->reset) != 0, "an event is in both on and reset"},
	};
	struct err why;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].wrong) {
			yamldoc_fault(n, &why, "%s", checks[i].why);
			conf_complain(r, &why);
		}
	}
}

/* ---- the triggers in force ---- */

static struct trigger *find(const struct conf *conf, const char *id) {
	for (uint32_t i = 0; i < conf->ntriggers; i++) {
		if (strcmp(conf->triggers[i].id, id) == 0)
			return &conf->triggers[i];
	}
	return NULL;
}

static char **find_off(const struct conf *conf, const char *id) {
	for (uint32_t i = 0; i < conf->ntriggers_off; i++) {
		if (strcmp(conf->triggers_off[i], id) == 0)
			return &conf->triggers_off[i];
	}
	return NULL;
}

/* Takes a trigger out and remembers that, so that what conf_print writes takes it out again. */
static int turn_off(struct conf *conf, const struct yamldoc_node *n, const char *id, struct err *err) {
	const char *names[CONF_TRIGGERS_MAX + 1] = {0};
	struct trigger *t = find(conf, id);
	const char *near;

	if (!t && find_off(conf, id))
		return 0;
	if (!t) {
		for (uint32_t i = 0; i < conf->ntriggers; i++)
			names[i] = conf->triggers[i].id;
		near = yamldoc_nearest(id, names);
		return yamldoc_fault(n, err, "there is no trigger %s%s%s%s", id, near ? ", did you mean " : "",
		                     near ? near : "", near ? "?" : "");
	}
	if (conf->ntriggers_off == CONF_TRIGGERS_MAX)
		return yamldoc_fault(n, err, "too many, at most %d", CONF_TRIGGERS_MAX);
	conf->triggers_off[conf->ntriggers_off] = strdup(id);
	if (!conf->triggers_off[conf->ntriggers_off])
		return err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
	conf->ntriggers_off++;
	trigger_release(t);
	conf->ntriggers--;
	memmove(t, t + 1, (size_t)(conf->triggers + conf->ntriggers - t) * sizeof(*t));
	return 0;
}

/* Takes *t over. */
static int put(struct conf *conf, const struct yamldoc_node *n, struct trigger *t, struct err *err) {
	struct trigger *former = find(conf, t->id);
	char **off = find_off(conf, t->id);

	if (former) {
		trigger_release(former);
		*former = *t;
		return 0;
	}
	if (conf->ntriggers == CONF_TRIGGERS_MAX) {
		trigger_release(t);
		return yamldoc_fault(n, err, "too many, at most %d", CONF_TRIGGERS_MAX);
	}
	if (off) {
		free(*off);
		*off = conf->triggers_off[--conf->ntriggers_off];
	}
	conf->triggers[conf->ntriggers++] = *t;
	return 0;
}

static void add(struct conf_reader *r, const struct yamldoc_node *n) {
	struct trigger t = {.proofs = CONF_PROOFS_ALL, .line = n->line};
	unsigned before = r->count;
	bool off = false;
	struct err why;

	if (yamldoc_mapping(n, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *m = n->first; m; m = m->next) {
		unsigned key;

		if (yamldoc_key(m, conf_trigger_keys, &key, &why) != 0 || read_member(r, m, key, &t, &off, &why) != 0)
			conf_complain(r, &why);
	}
	if (!yamldoc_get(n, "id")) {
		yamldoc_fault(n, &why, "id is missing");
		conf_complain(r, &why);
	}
	if (off && n->count > 2) {
		yamldoc_fault(n, &why, "off: true stands beside id alone");
		conf_complain(r, &why);
	}
	t.file = strdup(n->file);
	if (!t.file) {
		err_set(&why, ERR_SYSTEM, "%s: out of memory", n->file);
		conf_complain(r, &why);
	}
	/* Only a trigger without faults so far is looked at as a whole: what is wrong in it is told once. */
	if (!off && r->count == before)
		check(r, n, &t);
	if (off || r->count > before) {
		trigger_release(&t);
		if (r->count == before && turn_off(r->conf, n, t.id, &why) != 0)
			conf_complain(r, &why);
		return;
	}
	if (put(r->conf, n, &t, &why) != 0)
		conf_complain(r, &why);
}

void conf_triggers_add(struct conf_reader *r, const struct yamldoc_node *list) {
	struct err why;

	if (yamldoc_sequence(list, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	if (list->count > CONF_TRIGGERS_MAX) {
		yamldoc_fault(list, &why, "too many, at most %d", CONF_TRIGGERS_MAX);
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *n = list->first; n; n = n->next) {
		const struct yamldoc_node *id = yamldoc_get(n, "id");
		bool twice = false;

		for (const struct yamldoc_node *o = list->first; id && o != n && !twice; o = o->next) {
			const struct yamldoc_node *other = yamldoc_get(o, "id");

			twice = other && other->kind == YAMLDOC_SCALAR && id->kind == YAMLDOC_SCALAR &&
			        slice_same(other->text, id->text);
			if (twice) {
				yamldoc_fault(id, &why, "given twice, first in line %u", other->line);
				conf_complain(r, &why);
			}
		}
		if (!twice)
			add(r, n);
	}
}
