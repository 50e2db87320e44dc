/* From a match to an event. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/format_private.h"
#include "analyzer/rule_private.h"

int line_context_init(struct line_context *ctx, const struct conf *conf, struct rules *rules, struct geo *geo,
                      const struct format *format, const char *zone, const char *account, struct err *err) {
	struct line_context made = {.conf = conf, .rules = rules, .geo = geo, .format = format, .account = account};

	if (time_context_new(&made.time, zone, err))
		return -1;
	made.fields = malloc(sizeof(*made.fields));
	made.alike = calloc(rules->nrules + 1, sizeof(*made.alike));
	if (!made.fields || !made.alike) {
		line_context_release(&made);
		return err_errno(err, "fields of a line");
	}
	buf_init(&made.evidence, 4 * EVENT_LINE_MAX);
	*ctx = made;
	return 0;
}

void line_context_release(struct line_context *ctx) {
	time_context_free(&ctx->time);
	free(ctx->fields);
	ctx->fields = NULL;
	free(ctx->alike);
	ctx->alike = NULL;
	buf_release(&ctx->evidence);
}

int rules_own_format(struct rules *rules, const char *pattern, struct format **out, struct err *err) {
	return format_own_new(out, pattern, rules->names, err);
}

struct slice slice_cut(struct slice s, size_t max) {
	/* A character that the cut would split goes whole. */
	if (s.n > max) {
		s.n = max;
		while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	return s;
}

/* The rightmost address of a list that is no trusted proxy of ours: what stands left of it anybody may have written. */
static bool forwarded_address(const struct conf *conf, struct slice list, struct addr *out) {
	while (list.n > 0) {
		const char *comma = memrchr(list.p, ',', list.n);
		size_t start = comma ? (size_t)(comma + 1 - list.p) : 0;
		struct slice item = {list.p + start, list.n - start};
		const char *semicolon;

		list.n = comma ? start - 1 : 0;
		slice_skip_blanks(&item);
		/* Forwarded: for="[2001:db8::1]:4711";proto=https (RFC 7239) */
		if (item.n > 4 && slice_same_nocase((struct slice){item.p, 4}, slice_of("for="))) {
			(void)slice_take(&item, 4);
			semicolon = memchr(item.p, ';', item.n);
			if (semicolon)
				item.n = (size_t)(semicolon - item.p);
		}
		(void)slice_skip(&item, '"');
		while (item.n > 0 && (item.p[item.n - 1] == ' ' || item.p[item.n - 1] == '"'))
			item.n--;
		if (!addr_parse_endpoint(item.p, item.n, out))
			return false;
		if (!conf_is_proxy(conf, *out))
			return true;
	}
	return false;
}

static bool address_of(const struct line_context *ctx, struct line_fields *fields, struct addr *out) {
	struct addr ip;

	if (!endpoint_read(fields, fields->at[FIELD_IP], &ip))
		return false;
	if (conf_is_proxy(ctx->conf, ip) && !forwarded_address(ctx->conf, fields->at[FIELD_FORWARDED], &ip))
		return false;
	*out = ip;
	return true;
}

static enum proof proof_of(const struct line_context *ctx, const struct rule *rule, const struct line_fields *fields) {
	static const char *const connected[] = {"TCP", "TLS", "WS", "WSS"};
	struct slice transport = fields->at[FIELD_TRANSPORT];

	if (format_is_unproven(ctx->format))
		return PROOF_NONE;
	if (rule->proof.given && rule->proof.field < 0)
		return rule->proof.always;
	if (rule->proof.given) {
		for (uint32_t i = 0; i < rule->proof.n; i++)
			if (slice_same_nocase(fields->at[rule->proof.field], rule->proof.by[i].text))
				return rule->proof.by[i].proof;
		return PROOF_NONE;
	}
	/* A request that a web server logs came over an established connection. */
	if (rule->act == RULE_PROVISION || fields->at[FIELD_METHOD].p)
		return PROOF_HANDSHAKE;
	for (size_t i = 0; i < sizeof(connected) / sizeof(connected[0]); i++)
		if (slice_same_nocase(transport, slice_of(connected[i])))
			return PROOF_HANDSHAKE;
	return PROOF_NONE;
}

/* The device's account where the source names none: by host and path. */
static struct slice account_of(const struct line_context *ctx, struct line_fields *fields) {
	const struct pattern *p = ctx->rules->account;
	struct slice host = fields->at[FIELD_HOST];
	struct slice path = fields->at[FIELD_PATH];
	struct slice whole;
	char *to;

	if (ctx->account)
		return slice_of(ctx->account);
	if (!p || !path.p || !(to = scratch_take(fields, host.n + path.n)))
		return (struct slice){0};
	if (host.n > 0)
		memcpy(to, host.p, host.n);
	memcpy(to + host.n, path.p, path.n);
	whole = (struct slice){to, host.n + path.n};
	if (pattern_match(p, whole, NULL) != PATTERN_YES)
		return (struct slice){0};
	for (uint32_t i = 0; i < pattern_groups(p); i++) {
		struct slice name = pattern_group(p, i, whole);

		if (strcmp(pattern_group_name(p, i), "account") == 0 && account_is_sound(name))
			return name;
	}
	return (struct slice){0};
}

/* The folder part of the path, where the configuration calls it a secret one. One that is too long to be kept is none. */
static struct slice secret_folder(const struct rules *rules, struct slice path) {
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
	struct slice folder = {path.p, slash ? (size_t)(slash + 1 - path.p) : 0};

	if (folder.n == 0 || folder.n > EVENT_FOLDER_MAX)
		return (struct slice){0};
	for (uint32_t i = 0; i < rules->nsecret; i++)
		if (pattern_match(rules->secret[i], folder, NULL) == PATTERN_YES)
			return folder;
	return (struct slice){0};
}

/* A certificate's subject (CN=001565abcdef,O=...) names the device. */
static bool certificate_names(struct slice subject, uint64_t mac) {
	return subject.n > 0 && mac_in_file(subject) == mac;
}

enum answer { ANSWER_SERVED, ANSWER_UNCHANGED, ANSWER_REFUSED, ANSWER_UNAUTHORISED, ANSWER_UNKNOWN, ANSWER_OTHER };

static enum answer answer_of(uint64_t status) {
	switch (status) {
	case 200:
	case 206:
		return ANSWER_SERVED;
	case 304:
		return ANSWER_UNCHANGED;
	case 403:
		return ANSWER_REFUSED;
	case 401:
		return ANSWER_UNAUTHORISED;
	case 404:
	case 410:
		return ANSWER_UNKNOWN;
	default:
		return ANSWER_OTHER;
	}
}

/* False where status and claim make no event: an unchanged file is served only to one who holds it already, which is what a poll claims; to
 * anyone else a 304 told nothing. */
static bool provision_kind(enum answer answer, bool poll, enum event_kind *kind) {
	static const enum event_kind kinds[2][4] = {
		{EVENT_PROVISION_SERVED, EVENT_PROVISION_REFUSED, EVENT_PROVISION_UNAUTHORISED, EVENT_PROVISION_UNKNOWN},
		{EVENT_POLL_SERVED, EVENT_POLL_REFUSED, EVENT_POLL_UNAUTHORISED, EVENT_POLL_UNKNOWN},
	};

	switch (answer) {
	case ANSWER_SERVED:
		*kind = kinds[poll][0];
		return true;
	case ANSWER_UNCHANGED:
		*kind = EVENT_POLL_SERVED;
		return poll;
	case ANSWER_REFUSED:
		*kind = kinds[poll][1];
		return true;
	case ANSWER_UNAUTHORISED:
		*kind = kinds[poll][2];
		return true;
	case ANSWER_UNKNOWN:
		*kind = kinds[poll][3];
		return true;
	case ANSWER_OTHER:
		break;
	}
	return false;
}

static bool provision_fill(struct line_context *ctx, const struct rule *rule, struct line_fields *fields,
                           struct slice folder, const struct asker *asker, struct event *e) {
	const struct conf *conf = ctx->conf;
	enum answer answer;
	uint64_t status;
	bool served, poll;

	if (!slice_is(fields->at[FIELD_METHOD], "GET") || !slice_number(fields->at[FIELD_STATUS], 999, &status))
		return false;
	if (e->mac == MAC_NONE && rule->phone)
		e->mac = asker->agent_mac;
	if (e->mac == MAC_NONE)
		return false;
	answer = answer_of(status);
	served = answer == ANSWER_SERVED || answer == ANSWER_UNCHANGED;
	poll = folder.n > 0 || (conf->urls.authenticated == CLAIM_POLL && served && fields->at[FIELD_USER].n > 0) ||
	       (conf->urls.certificate == CLAIM_POLL && certificate_names(fields->at[FIELD_CERTIFICATE], e->mac));
	if (!provision_kind(answer, poll, &e->kind))
		return false;
	e->status = (uint16_t)status;
	e->folder = folder;
	return true;
}

static uint64_t mac_of(struct line_fields *fields) {
	struct slice text = fields->at[FIELD_MAC];
	uint64_t mac = MAC_NONE;

	if (text.n > 0 && mac_parse(text.p, text.n, &mac))
		return mac;
	mac = mac_in_file(fields->at[FIELD_FILE]);
	return mac != MAC_NONE ? mac : mac_in_query(fields->at[FIELD_QUERY], fields);
}

static struct slice either(struct slice first, struct slice otherwise) {
	return first.n > 0 ? first : otherwise;
}

/* All that events of the rule say alike, if nothing else: the account is the source's, or there is none. */
static uint64_t number_of(struct line_context *ctx, const struct rule *rule, const struct event *e) {
	bool account = ctx->account ? e->account.p == ctx->account : e->account.n == 0;

	if (!account || e->vendor.n > 0 || e->model.n > 0 || e->version.n > 0)
		return 0;
	if (ctx->alike[rule->number] == 0)
		ctx->alike[rule->number] = ++ctx->rules->nalike;
	return ctx->alike[rule->number];
}

bool event_make(struct line_context *ctx, const struct rule *rule, struct line_fields *fields, struct slice line,
                struct event *e) {
	bool device = rule->act == RULE_KIND && rule->kind >= EVENT_DEVICE_CREATED;
	bool web = rule->act == RULE_PROVISION;
	struct slice folder = secret_folder(ctx->rules, fields->at[FIELD_PATH]);
	struct event made = {.kind = rule->kind, .time = fields->time};
	struct asker asker = {0};
	struct slice once;
	uint64_t mac = MAC_NONE;

	if (rule->act == RULE_NOTHING || !fields->has_time || (device && !ctx->inventory))
		return false;
	if (!address_of(ctx, fields, &made.ip) && !device)
		return false;
	if (web)
		made.mac = mac_of(fields);
	else if (fields->at[FIELD_MAC].n > 0 && mac_parse(fields->at[FIELD_MAC].p, fields->at[FIELD_MAC].n, &mac))
		made.mac = mac;
	if (device && made.mac == MAC_NONE)
		return false;
	if (web || fields->at[FIELD_AGENT].n > 0)
		phone_tell(ctx->rules, fields->at[FIELD_AGENT], web ? fields->at[FIELD_FILE] : (struct slice){0}, made.mac,
		           &asker);
	if (web && !provision_fill(ctx, rule, fields, folder, &asker, &made))
		return false;
	made.imposter = asker.imposter;
	made.agent_mac_differs = asker.agent_mac != MAC_NONE && made.mac != MAC_NONE && asker.agent_mac != made.mac;
	made.proof = proof_of(ctx, rule, fields);
	once = rule->once >= 0 ? fields->at[rule->once] : (struct slice){0};
	if (once.n > 0)
		made.once = hash_bytes(0, once.p, once.n) | 1;
	geo_find(ctx->geo, made.ip, made.country, &made.asn);
	made.user = slice_cut(fields->at[FIELD_USER], EVENT_USER_MAX);
	made.realm = slice_cut(fields->at[FIELD_REALM], EVENT_REALM_MAX);
	made.account = account_of(ctx, fields);
	if (device && account_is_sound(fields->at[FIELD_ACCOUNT]))
		made.account = fields->at[FIELD_ACCOUNT];
	made.agent = slice_cut(fields->at[FIELD_AGENT], EVENT_AGENT_MAX);
	made.vendor = slice_cut(either(fields->at[FIELD_VENDOR], asker.vendor), EVENT_WORD_MAX);
	made.model = slice_cut(either(fields->at[FIELD_MODEL], asker.model), EVENT_WORD_MAX);
	made.version = slice_cut(either(fields->at[FIELD_VERSION], asker.version), EVENT_WORD_MAX);
	made.rule = rule->id;
	made.alike = number_of(ctx, rule, &made);
	/* Secrets may begin anywhere in a longer one. */
	made.raw = line.n <= EVIDENCE_RAW_MAX;
	made.line = made.raw ? line : evidence_of(&ctx->evidence, line, folder);
	*e = made;
	return true;
}
