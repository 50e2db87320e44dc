#include "analyzer/forge.h"

#include <string.h>

#include "analyzer/format_private.h"

#define PROBE           'z' /* no digit of an address or a MAC */
#define LINE_MAX_FORGED 4096

static bool is_within(struct slice part, struct slice whole) {
	return part.p && part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

bool forge_takes(struct line_context *ctx, const struct rule *rule, struct slice line, struct line_fields **fields) {
	struct rule *const *unused;
	int field;

	if (!format_split(ctx->format, ctx->rules->names, ctx->time, line, ctx->fields) || !ctx->fields->has_time)
		return false;
	(void)rules_candidates(ctx, &unused);
	return rule_match(ctx, rule, fields, &field) == REACH_MATCHED;
}

static void span_add(struct forge_span *spans, size_t *n, struct forge_span span) {
	if (*n < FORGE_SPANS_MAX)
		spans[(*n)++] = span;
}

/* Marks the spans where a group of the rule took what stood there. */
static void name_spans(const struct rule *rule, const struct line_fields *fields, struct slice line,
                       struct forge_span *spans, size_t n) {
	for (uint32_t c = 0; c < rule->nconditions; c++) {
		const struct condition *condition = &rule->conditions[c];

		for (uint32_t g = 0; condition->pattern && g < pattern_groups(condition->pattern); g++) {
			struct slice at = fields->at[condition->groups[g]];

			if (condition->groups[g] == FIELD_TRANSPORT || !is_within(at, line))
				continue;
			for (size_t i = 0; i < n; i++)
				if (at.p <= line.p + spans[i].at + spans[i].n && at.p + at.n >= line.p + spans[i].at)
					spans[i].named = true;
		}
	}
}

static size_t web_spans(const struct rule *rule, const struct line_fields *fields, struct slice line,
                        struct forge_span *spans) {
	static const struct {
		int field;
		enum forge_place place;
	} words[] = {
		{FIELD_USER, FORGE_TEXT}, {FIELD_REFERER, FORGE_TEXT}, {FIELD_AGENT, FORGE_TEXT}, {FIELD_HOST, FORGE_WORD}};
	struct slice path = fields->at[FIELD_PATH];
	struct slice query = fields->at[FIELD_QUERY];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct slice at = fields->at[words[i].field];

		if (is_within(at, line))
			span_add(spans, &n,
			         (struct forge_span){.at = (size_t)(at.p - line.p),
			                             .n = at.n,
			                             .place = words[i].place,
			                             .named = true,
			                             .device = rule->phone && words[i].field == FIELD_AGENT});
	}
	if (is_within(path, line) && path.n > 0 && path.p[0] == '/')
		span_add(spans, &n, (struct forge_span){.at = (size_t)(path.p + 1 - line.p), .place = FORGE_FOLDER});
	if (is_within(query, line))
		span_add(spans, &n, (struct forge_span){.at = (size_t)(query.p + query.n - line.p), .place = FORGE_PARAMETER});
	return n;
}

/* Whether place i of the line belongs to the word that the server wrote round the address: "IPV4/UDP/192.0.2.1/5060", "(TCP:[2001:db8::1]:5060)". */
static bool is_peer(struct slice line, struct slice ip, size_t i) {
	size_t begin = (size_t)(ip.p - line.p);
	size_t end = begin + ip.n;
	static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/:.[]";

	while (begin > 0 && memchr(word, line.p[begin - 1], sizeof(word) - 1))
		begin--;
	while (end < line.n && memchr(word, line.p[end], sizeof(word) - 1))
		end++;
	return i >= begin && i <= end;
}

/* Runs of places of the message where one letter more changes nothing for the rule. */
static size_t message_spans(struct line_context *ctx, const struct rule *rule, struct slice line, struct slice message,
                            struct slice ip, struct slice device, struct forge_span *spans) {
	size_t begin = (size_t)(message.p - line.p);
	char longer[LINE_MAX_FORGED];
	size_t n = 0;
	bool open = false;

	if (line.n + 1 > sizeof(longer))
		return 0;
	for (size_t i = begin; i <= begin + message.n; i++) {
		struct line_fields *fields;

		if (is_peer(line, ip, i)) {
			open = false;
			continue;
		}
		memcpy(longer, line.p, i);
		longer[i] = PROBE;
		memcpy(longer + i + 1, line.p + i, line.n - i);
		if (!forge_takes(ctx, rule, (struct slice){longer, line.n + 1}, &fields) ||
		    !slice_same(fields->at[FIELD_IP], ip)) {
			open = false;
			continue;
		}
		if (!open)
			span_add(spans, &n, (struct forge_span){.at = i, .place = FORGE_TEXT});
		else
			spans[n - 1].n = i - spans[n - 1].at;
		open = n < FORGE_SPANS_MAX;
		if (!open)
			break;
	}
	for (size_t i = 0; i < n; i++)
		spans[i].device = is_within(device, (struct slice){line.p + spans[i].at, spans[i].n});
	return n;
}

/* Where the line holds a message that JSON writers have escaped; empty where it does not. */
static struct slice json_message(struct slice line, struct slice message) {
	char raw[LINE_MAX_FORGED];
	size_t n = 0;
	const char *at;

	for (size_t i = 0; i < message.n && n + 2 <= sizeof(raw); i++) {
		if (message.p[i] == '"' || message.p[i] == '\\')
			raw[n++] = '\\';
		raw[n++] = message.p[i];
	}
	at = n > 0 ? memmem(line.p, line.n, raw, n) : NULL;
	return at ? (struct slice){at, n} : (struct slice){0};
}

size_t forge_spans(struct line_context *ctx, const struct rule *rule, struct slice line,
                   struct forge_span spans[FORGE_SPANS_MAX], struct slice *ip) {
	struct slice message, device;
	struct line_fields *fields;
	struct line_fields taken;
	const char *at;
	bool json;
	size_t n;

	if (!forge_takes(ctx, rule, line, &fields))
		return 0;
	*ip = fields->at[FIELD_IP];
	message = fields->at[FIELD_MESSAGE];
	device = fields->at[FIELD_MAC];
	if (is_within(*ip, line) && is_within(fields->at[FIELD_PATH], line))
		return web_spans(rule, fields, line, spans);
	json = message.n > 0 && !is_within(message, line);
	if (json) {
		message = json_message(line, message);
		at = message.n && ip->n ? memmem(message.p, message.n, ip->p, ip->n) : NULL;
		*ip = (struct slice){at, at ? ip->n : 0};
	}
	if (!is_within(message, line) || !is_within(*ip, line))
		return 0;
	/* Looking for spans reads other lines. */
	memcpy(&taken, fields, sizeof(taken));
	n = message_spans(ctx, rule, line, message, *ip, device, spans);
	name_spans(rule, &taken, line, spans, n);
	for (size_t i = 0; i < n; i++)
		spans[i].json = json;
	return n;
}

bool forge_writes(const struct line_context *ctx, const struct forge_span *span, enum forge_writer writer) {
	const char *format = format_name(ctx->format);
	bool web = strcmp(format, "combined") == 0 || strcmp(format, "own") == 0;

	if (span->json || strcmp(format, "json") == 0)
		return writer == FORGE_JSON;
	if (strcmp(format, "haproxy") == 0)
		return writer == FORGE_HASH;
	if (strcmp(format, "syslog") == 0)
		return writer == FORGE_RAW || writer == FORGE_OCTAL;
	if (strcmp(format, "apache_error") == 0)
		return writer == FORGE_APACHE;
	return web ? writer == FORGE_NGINX || writer == FORGE_APACHE : writer == FORGE_RAW;
}

/* One byte as the log has it. */
static void put_byte(struct buf *out, unsigned char c, enum forge_writer writer) {
	bool control = c < 0x20 || c == 0x7f;

	switch (writer) {
	case FORGE_RAW:
		buf_byte(out, c == '\n' || c == '\r' || c == '\0' ? ' ' : (char)c);
		return;
	case FORGE_OCTAL:
		if (control)
			buf_printf(out, "#%03o", c);
		else
			buf_byte(out, (char)c);
		return;
	case FORGE_NGINX:
		if (control || c > 0x7f || c == '"' || c == '\\')
			buf_printf(out, "\\x%02X", c);
		else
			buf_byte(out, (char)c);
		return;
	case FORGE_APACHE:
		if (c == '\n')
			buf_text(out, "\\n");
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (control || c > 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_byte(out, (char)c);
		return;
	case FORGE_HASH:
		if (control || c > 0x7f || strchr("\"#{|}", c))
			buf_printf(out, "#%02X", c);
		else
			buf_byte(out, (char)c);
		return;
	case FORGE_JSON:
	case FORGE_WRITERS:
		if (control || c > 0x7f)
			buf_printf(out, "\\u%04x", c ? c : ' ');
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_byte(out, (char)c);
		return;
	}
}

void forge_line(struct buf *out, struct slice line, const struct forge_span *span, bool behind, struct slice words,
                enum forge_writer writer) {
	size_t tail = span->at + span->n;

	buf_add(out, line.p, behind ? tail : span->at);
	if (span->place == FORGE_PARAMETER)
		buf_text(out, "&x=");
	for (size_t i = 0; i < words.n; i++) {
		unsigned char c = (unsigned char)words.p[i];
		bool version = slice_starts((struct slice){words.p + i, words.n - i}, " HTTP");

		/* What would make another request of it: asking for something else is no forgery. */
		if ((span->place == FORGE_FOLDER && (c == '?' || c == '#' || c == '/' || version)) ||
		    (span->place == FORGE_PARAMETER && c == '&'))
			buf_printf(out, "%%%02X", c);
		else if (span->place != FORGE_WORD || (c > ' ' && c < 0x7f && !strchr("\"'\\/", c)))
			put_byte(out, c, writer);
	}
	if (span->place == FORGE_FOLDER)
		buf_byte(out, '/');
	buf_add(out, line.p + tail, line.n - tail);
}

void forge_address(struct buf *out, struct slice text, struct slice ip, const char *other) {
	while (text.n > 0) {
		const char *at = ip.n ? memmem(text.p, text.n, ip.p, ip.n) : NULL;

		buf_add(out, text.p, at ? (size_t)(at - text.p) : text.n);
		if (!at)
			return;
		buf_text(out, other);
		(void)slice_take(&text, (size_t)(at - text.p) + ip.n);
	}
}
