/* Whether what becomes of a request is the same whatever stands where it is marked. Gates and sieves, which see the same bytes, only leave out what does not match. */
#include <string.h>

#include "analyzer/recall.h"
#include "analyzer/rule_private.h"

#define STEPS_MAX 16384

/* The bytes that may stand at each place of a text. */
struct view {
	size_t n;
	bool marked; /* somewhere */
	struct byte_set at[REQUEST_MAX];
};

static void set_add(struct byte_set *set, unsigned first, unsigned last) {
	for (unsigned b = first; b <= last; b++)
		set->bits[b / 64] |= 1ULL << b % 64;
}

/* False: the text does not stand in the request. */
static bool view_make(const struct request *request, struct slice text, struct view *out) {
	const char *masked;

	out->n = text.n;
	out->marked = false;
	if (text.n == 0)
		return true;
	if (text.p < request->text.p || text.p + text.n > request->text.p + request->text.n)
		return false;
	masked = request->masked + (text.p - request->text.p);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char byte = (unsigned char)masked[i];

		out->at[i] = (struct byte_set){{0}};
		if (byte >= MARKS) {
			set_add(&out->at[i], byte, byte);
			continue;
		}
		out->marked = true;
		set_add(&out->at[i], '0', '9');
		if (byte & MARK_LOWER)
			set_add(&out->at[i], 'a', 'f');
		if (byte & MARK_UPPER)
			set_add(&out->at[i], 'A', 'F');
	}
	return true;
}

/* Most patterns are done with after a byte or two. */
static bool shape_meets(const struct shape *shape, const struct view *view) {
	for (size_t i = 0; i < GATE_DEPTH; i++) {
		uint64_t some = 0;

		if (i == view->n)
			return shape->ends >> i & 1;
		for (unsigned w = 0; w < 4; w++)
			some |= shape->at[i].bits[w] & view->at[i].bits[w];
		if (!some)
			return false;
	}
	return true;
}

static bool is_blind(const struct pattern *p, struct slice text, const struct shape *shape, const struct view *view) {
	return !view->marked || !shape_meets(shape, view) ||
	       pattern_is_blind(text, pattern_is_anchored(p), view->at, view->n);
}

/* What a group takes out of a secret folder may be a MAC with some digits, and none with others. */
static bool takes_of_folder(const struct condition *c, struct slice subject, const struct request *request) {
	const char *folder = request->text.p + request->folder_at;

	if (request->folder_n == 0 || pattern_match(c->pattern, subject, NULL) != PATTERN_YES)
		return false;
	for (uint32_t g = 0; g < pattern_groups(c->pattern); g++) {
		struct slice taken = pattern_group(c->pattern, g, subject);

		if (taken.n > 0 && taken.p < folder + request->folder_n && taken.p + taken.n > folder)
			return true;
	}
	return false;
}

static bool condition_is_blind(struct condition *c, struct slice subject, const struct request *request,
                               struct view *view) {
	const struct shape *shape;

	if (!subject.p)
		return true;
	if (!view_make(request, subject, view))
		return false;
	if (!view->marked)
		return true;
	shape = condition_shape(c);
	if (!shape || !shape_meets(shape, view))
		return shape != NULL;
	/* One that takes many steps may take too many with other digits. */
	return c->pattern && pattern_steps(c->pattern, subject, STEPS_MAX) < STEPS_MAX &&
	       is_blind(c->pattern, c->node->text, shape, view) && !takes_of_folder(c, subject, request);
}

static bool clues_are_blind(const struct phone_clues *clues, const struct view *view) {
	for (uint32_t i = 0; i < clues->n; i++)
		if (!is_blind(clues->at[i].with->pattern, clues->at[i].with->text, &clues->at[i].with->shape, view))
			return false;
	return true;
}

/* No part of the request but the marked ones can be read as a MAC: what is compared with those would not be. */
static bool has_no_other_mac(const struct request *q) {
	static const size_t lengths[] = {12, 14, 17, 27}; /* of all spellings, see mac_parse */
	uint64_t mac;

	for (size_t i = 0; i < q->text.n; i++)
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			size_t n = lengths[l];
			bool file = q->file_at > 0 && i + 6 == q->file_at && n == 12;
			bool agent = q->agent_at > 0 && i + 3 * q->agent_step == q->agent_at && n == (q->agent_step == 3 ? 17 : 12);

			bool folder = i >= q->folder_at && i + n <= (size_t)q->folder_at + q->folder_n;

			if (i + n <= q->text.n && !file && !agent && !folder && mac_parse(q->text.p + i, n, &mac))
				return false;
		}
	return true;
}

/* Whether a secret folder it is, is asked of what stands before the last slash. */
static bool folder_is_blind(const struct line_context *ctx, const struct request *q, struct slice path,
                            struct view *view) {
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
	struct slice folder = {path.p, slash ? (size_t)(slash + 1 - path.p) : 0};
	struct shape any;

	shape_any(&any);
	if (!view_make(q, folder, view))
		return false;
	for (uint32_t i = 0; i < ctx->rules->nsecret; i++)
		if (pattern_steps(ctx->rules->secret[i], folder, STEPS_MAX) == STEPS_MAX ||
		    !is_blind(ctx->rules->secret[i], slice_of(ctx->conf->urls.secret[i]), &any, view))
			return false;
	return true;
}

bool request_is_blind(struct line_context *ctx, const struct request *request, bool event) {
	const struct rules *rules = ctx->rules;
	const struct line_fields *fields = ctx->fields;
	unsigned slot = format_slot(ctx->format);
	struct view view;
	struct shape any;

	/* Fields as they are before a rule sets some. */
	if ((event && !has_no_other_mac(request)) ||
	    !format_split(ctx->format, rules->names, ctx->time, request->line, ctx->fields) ||
	    !folder_is_blind(ctx, request, fields->at[FIELD_PATH], &view))
		return false;
	for (uint32_t i = 0; i < rules->nby[slot]; i++)
		for (uint32_t c = 0; c < rules->by[slot][i]->nconditions; c++) {
			struct condition *condition = &rules->by[slot][i]->conditions[c];

			if (!condition_is_blind(condition, fields->at[condition->field], request, &view))
				return false;
		}
	if (!view_make(request, fields->at[FIELD_AGENT], &view) || !clues_are_blind(&rules->agents, &view))
		return false;
	shape_any(&any);
	for (uint32_t i = 0; i < rules->nimposters; i++)
		if (!is_blind(rules->imposters[i].pattern, rules->imposters[i].text, &any, &view))
			return false;
	return view_make(request, fields->at[FIELD_FILE], &view) && clues_are_blind(&rules->paths, &view);
}
