/* `explain --line`: each step that a line takes, as JSON. */
#include <string.h>

#include "common/js.h"
#include "common/timefmt.h"

#include "analyzer/rule_private.h"

#define FITS_MAX 1024 /* bytes of a field in which is looked for where a pattern stopped */

static void put_mac(struct buf *out, const char *key, uint64_t mac) {
	char text[MAC_TEXT];

	mac_print(mac, text);
	js_put_string(out, key, mac == MAC_NONE ? NULL : text);
}

static void put_present(struct buf *out, const char *key, struct slice text) {
	if (text.n > 0)
		js_put_text(out, key, text);
}

static void put_event(struct buf *out, const struct event *e) {
	char ip[ADDR_TEXT];

	js_key(out, "event");
	js_begin(out, '{');
	js_put_string(out, "event", event_kind_name(e->kind));
	js_put_time(out, "time", e->time);
	addr_print(e->ip, ip);
	js_put_string(out, "ip", addr_is_none(e->ip) ? NULL : ip);
	put_mac(out, "mac", e->mac);
	js_put_string(out, "proof", proof_name(e->proof));
	if (e->imposter == TRI_UNKNOWN)
		js_put_string(out, "imposter", "unknown");
	else
		js_put_bool(out, "imposter", e->imposter == TRI_YES);
	if (e->agent_mac_differs)
		js_put_bool(out, "agent_mac_differs", true);
	if (e->status)
		js_put_number(out, "status", e->status);
	put_present(out, "user", e->user);
	put_present(out, "realm", e->realm);
	put_present(out, "account", e->account);
	put_present(out, "agent", e->agent);
	put_present(out, "vendor", e->vendor);
	put_present(out, "model", e->model);
	put_present(out, "version", e->version);
	if (e->country[0])
		js_put_text(out, "country", (struct slice){e->country, 2});
	if (e->asn)
		js_put_number(out, "asn", e->asn);
	js_put_text(out, "rule", e->rule);
	js_put_text(out, "line", e->line);
	js_end(out, '}');
}

static void put_fields(struct line_context *ctx, struct buf *out) {
	const struct field_names *names = ctx->rules->names;

	js_key(out, "fields");
	js_begin(out, '{');
	for (int i = 0; i < field_count(names); i++) {
		if (i == FIELD_TIME && ctx->fields->has_time)
			js_put_time(out, "time", ctx->fields->time);
		else if (i != FIELD_LINE && ctx->fields->at[i].p)
			js_put_text(out, field_name(names, i), ctx->fields->at[i]);
	}
	js_end(out, '}');
}

/* What agent and path tell, event or not. */
static void put_phone(struct line_context *ctx, struct buf *out) {
	struct slice file = ctx->fields->at[FIELD_FILE];
	/* Asterisk and FreeSWITCH have a field of that name too: their source file's. */
	bool web = ctx->fields->at[FIELD_PATH].p != NULL;
	uint64_t mac = web ? mac_in_file(file) : MAC_NONE;
	struct asker asker;

	if (web && mac == MAC_NONE)
		mac = mac_in_query(ctx->fields->at[FIELD_QUERY], ctx->fields);
	phone_tell(ctx->rules, ctx->fields->at[FIELD_AGENT], web ? file : (struct slice){0}, mac, &asker);
	js_key(out, "phone");
	if (asker.vendor.n == 0 && asker.mac == MAC_NONE) {
		buf_text(out, "null");
		return;
	}
	js_begin(out, '{');
	if (asker.vendor.n > 0)
		js_put_text(out, "vendor", asker.vendor);
	else
		js_put_string(out, "vendor", NULL);
	if (asker.model.n > 0)
		js_put_text(out, "model", asker.model);
	else
		js_put_string(out, "model", NULL);
	if (asker.version.n > 0)
		js_put_text(out, "version", asker.version);
	else
		js_put_string(out, "version", NULL);
	put_mac(out, "mac", asker.mac);
	js_end(out, '}');
}

/* Where part stands in the line, if it is a part of it and not of what was decoded from it. */
static bool place_of(const struct line_context *ctx, struct slice part, int64_t *at) {
	struct slice line = ctx->fields->at[FIELD_LINE];

	if (!part.p || part.p < line.p || part.p + part.n > line.p + line.n)
		return false;
	*at = part.p - line.p;
	return true;
}

static void put_mark(struct line_context *ctx, struct slice part, struct buf *out) {
	int64_t at;

	if (part.n == 0 || !place_of(ctx, part, &at))
		return;
	js_begin(out, '{');
	js_put_number(out, "at", at);
	js_put_number(out, "n", (int64_t)part.n);
	js_end(out, '}');
}

/* The parts of the line that the conditions hold for, in the order in which they were tried, and where the first failed. subjects: the
 * fields as they were before. */
static void put_marks(struct line_context *ctx, const struct rule *rule, const struct slice *subjects,
                      struct buf *out) {
	int64_t stopped = -1;

	js_key(out, "marks");
	js_begin(out, '[');
	for (uint32_t i = 0; i < rule->nconditions && stopped < 0; i++) {
		const struct condition *c = &rule->conditions[i];
		struct slice subject = subjects[i];
		size_t begin = 0;
		size_t n;

		if (!subject.p)
			break;
		if (condition_holds(c, subject)) {
			put_mark(ctx, c->pattern ? pattern_whole(c->pattern, subject) : subject, out);
			continue;
		}
		if (subject.n > FITS_MAX)
			subject.n = FITS_MAX;
		n = c->pattern ? pattern_fits(c->pattern, subject, &begin) : 0;
		put_mark(ctx, (struct slice){subject.p + begin, n}, out);
		if (!place_of(ctx, (struct slice){subject.p + begin + n, 0}, &stopped))
			break;
	}
	js_end(out, ']');
	if (stopped >= 0)
		js_put_number(out, "stopped", stopped);
}

static void put_reach(struct line_context *ctx, const struct rule *rule, enum reach reach, int field,
                      const struct slice *subjects, struct buf *out) {
	const char *name = field_name(ctx->rules->names, field);

	js_begin(out, '{');
	js_put_text(out, "rule", rule->id);
	switch (reach) {
	case REACH_MATCHED:
		js_put_string(out, "result", "matched");
		break;
	case REACH_MESSAGE:
		js_put_string(out, "result", "message is of another format");
		break;
	case REACH_LITERAL:
		js_put_string(out, "result", "no literal");
		js_put_string(out, "field", name);
		break;
	case REACH_FIELD:
		js_put_string(out, "result", "no match");
		js_put_string(out, "field", name);
		break;
	case REACH_LIMIT:
		js_put_string(out, "result", "match limit");
		js_put_string(out, "field", name);
		break;
	}
	if (reach != REACH_MESSAGE)
		put_marks(ctx, rule, subjects, out);
	js_end(out, '}');
}

int rules_explain(struct line_context *ctx, struct slice line, struct buf *out, struct err *err) {
	bool read = format_split(ctx->format, ctx->rules->names, ctx->time, line, ctx->fields) && ctx->fields->has_time;
	bool decided = false;
	bool made = false;
	struct event e;

	/* The line is explained as one of a source that is believed. */
	ctx->inventory = true;
	js_begin(out, '{');
	js_put_string(out, "format", read ? format_name(ctx->format) : NULL);
	if (!read) {
		js_put_string(out, "problem", "the line is not of this format, or its time cannot be read");
		js_key(out, "fields");
		buf_text(out, "{}");
		js_key(out, "phone");
		buf_text(out, "null");
		js_key(out, "rules");
		buf_text(out, "[]");
	} else {
		struct rule *const *rules;
		uint32_t n = rules_candidates(ctx, &rules);

		put_fields(ctx, out);
		put_phone(ctx, out);
		js_key(out, "rules");
		js_begin(out, '[');
		for (uint32_t i = 0; i < n && !decided; i++) {
			struct line_fields *fields = NULL;
			struct slice subjects[CONDITIONS_MAX] = {{0}};
			struct line_fields *before = rule_fields(ctx, rules[i]);
			int field = -1;
			enum reach reach;

			for (uint32_t c = 0; before && c < rules[i]->nconditions; c++)
				subjects[c] = before->at[rules[i]->conditions[c].field];
			reach = rule_match(ctx, rules[i], &fields, &field);
			put_reach(ctx, rules[i], reach, field, subjects, out);
			decided = reach == REACH_MATCHED || reach == REACH_LIMIT;
			if (reach == REACH_MATCHED)
				made = event_make(ctx, rules[i], fields, ctx->fields->at[FIELD_LINE], &e);
		}
		js_end(out, ']');
	}
	if (made) {
		if (e.raw)
			e.line = evidence_of(&ctx->evidence, e.line, e.folder);
		put_event(out, &e);
	} else {
		js_key(out, "event");
		buf_text(out, "null");
	}
	js_end(out, '}');
	return out->failed ? err_set(err, ERR_SYSTEM, "explain: the answer is too long") : 0;
}
