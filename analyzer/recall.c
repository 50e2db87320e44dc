#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "analyzer/recall.h"
#include "analyzer/rule_private.h"

#define BUCKETS   2048 /* of two; a power of two */
#define OUTLINES  512  /* events that differ in more than device, time and address */
#define WHOLE_MAX 256  /* ... beside which one that needs no proof is kept: anybody can make many of those */
#define CREDIT    64   /* proofs at once, and */
#define LINES_FOR 1024 /* lines for one more: nobody can make us prove all day */

/* What an entry holds instead of the number of an outline, which begin at 1. */
enum { WHAT_NONE = 0xfffd, WHAT_ONCE, WHAT_NEVER };

static_assert(REQUEST_HEAD + REQUEST_MAX <= EVIDENCE_RAW_MAX, "whatever stands in front of it, the line is kept raw");

enum from { FROM_OUTLINE, FROM_FILE, FROM_AGENT };

/* An event without what differs from request to request of one kind. A text is where it stands in the request, or the rules', or made. */
struct outline {
	struct event event;
	uint16_t at[4]; /* agent, model, version, folder; 0: not in the request, which begins with a quote */
	bool user;      /* the line's */
	enum from from; /* whence the lower half of the MAC comes */
	bool made;      /* the model is this: */
	char model[EVENT_WORD_MAX];
};

struct entry {
	struct request_key key;
	uint64_t alike; /* of its events, 0 where their words differ */
	uint16_t what;  /* 0: there is none */
};

struct recall {
	struct request_kind kind;
	uint32_t credit, lines;
	uint32_t noutlines;
	struct outline outlines[OUTLINES];
	struct entry entries[BUCKETS][2]; /* the one that was asked for last comes first */
};

static bool field_is_apart(int field) {
	return field == FIELD_IP || field == FIELD_TIME || field == FIELD_LINE;
}

/* Whether what the rule makes of a line depends on its request alone. */
static bool rule_is_of_request(const struct rule *rule) {
	for (uint32_t i = 0; i < rule->nconditions; i++) {
		const struct condition *c = &rule->conditions[i];

		if (field_is_apart(c->field))
			return false;
		for (uint32_t g = 0; c->pattern && g < pattern_groups(c->pattern); g++)
			if (field_is_apart(c->groups[g]))
				return false;
	}
	for (uint32_t i = 0; i < rule->nsets; i++)
		if (field_is_apart(rule->sets[i].field))
			return false;
	return !rule->message && !(rule->proof.given && rule->proof.field >= 0) && rule->once < 0;
}

static bool rule_sees(const struct rule *rule, int field) {
	for (uint32_t i = 0; i < rule->nconditions; i++)
		if (rule->conditions[i].field == field)
			return true;
	return false;
}

static bool key_make(struct request_kind *kind) {
	char *to = (char *)kind->key;

	/* More than 256 bytes at once may come in pieces. */
	for (size_t n = 0; n < sizeof(kind->key);) {
		ssize_t got = getrandom(to + n, sizeof(kind->key) - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return true;
}

int recall_new(struct recall **out, const struct line_context *ctx, struct err *err) {
	unsigned slot = format_slot(ctx->format);
	struct recall *r;

	*out = NULL;
	if (slot != format_slot(format_find(slice_of("combined"))))
		return 0;
	for (uint32_t i = 0; i < ctx->rules->nby[slot]; i++)
		if (!rule_is_of_request(ctx->rules->by[slot][i]))
			return 0;
	/* A pattern that sees host and path is not among those of which is proven that they see no more. */
	if (ctx->rules->account && !ctx->account)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r || !key_make(&r->kind)) {
		free(r);
		return err_errno(err, "rules");
	}
	r->credit = CREDIT;
	r->kind.bytes = r->kind.heads = true;
	r->kind.folders = ctx->rules->nsecret > 0;
	for (uint32_t i = 0; i < ctx->rules->nby[slot]; i++) {
		const struct rule *rule = ctx->rules->by[slot][i];

		r->kind.bytes = r->kind.bytes && !rule_sees(rule, FIELD_BYTES);
		r->kind.heads = r->kind.heads && !rule_sees(rule, FIELD_HOST) && !rule_sees(rule, FIELD_USER);
	}
	*out = r;
	return 0;
}

void recall_free(struct recall **recall) {
	free(*recall);
	*recall = NULL;
}

bool recall_read(const struct recall *r, struct line_context *ctx, struct slice line, struct request *out) {
	return request_read(&r->kind, ctx, line, out);
}

static bool key_same(const struct request_key *a, const struct request_key *b) {
	return a->n == b->n && a->user == b->user && a->sums[0] == b->sums[0] && a->sums[1] == b->sums[1] &&
	       a->sums[2] == b->sums[2] && a->sums[3] == b->sums[3];
}

/* The bucket, the entry in front where there is one. */
static struct entry *entry_find(struct recall *r, const struct request *q, bool *found) {
	struct entry *bucket = r->entries[q->key.sums[1] & (BUCKETS - 1)];

	*found = true;
	for (unsigned i = 0; i < 2; i++)
		if (bucket[i].what && key_same(&bucket[i].key, &q->key)) {
			if (i > 0) {
				struct entry first = bucket[i];

				bucket[i] = bucket[0];
				bucket[0] = first;
			}
			return bucket;
		}
	*found = false;
	return bucket;
}

static void text_place(struct slice *text, const struct request *q, uint16_t at) {
	if (at > 0)
		text->p = q->text.p + at;
}

bool recall_find(struct recall *r, const struct line_context *ctx, const struct request *q, enum outcome *outcome,
                 struct event *e) {
	const struct outline *o;
	const struct entry *entry;
	bool found;

	if (++r->lines == LINES_FOR) {
		r->lines = 0;
		r->credit += r->credit < CREDIT;
	}
	entry = entry_find(r, q, &found);
	if (!found || entry->what == WHAT_ONCE || entry->what == WHAT_NEVER)
		return false;
	*outcome = entry->what == WHAT_NONE ? OUTCOME_NONE : OUTCOME_EVENT;
	if (entry->what == WHAT_NONE)
		return true;
	o = &r->outlines[entry->what - 1];
	*e = o->event;
	e->alike = entry->alike;
	if (o->from != FROM_OUTLINE)
		e->mac |= o->from == FROM_FILE ? q->file_low : q->agent_low;
	e->time = q->time;
	e->ip = q->ip;
	e->line = q->line;
	text_place(&e->agent, q, o->at[0]);
	text_place(&e->model, q, o->at[1]);
	text_place(&e->version, q, o->at[2]);
	text_place(&e->folder, q, o->at[3]);
	if (o->user)
		e->user = q->user;
	if (o->made)
		e->model.p = o->model;
	geo_find(ctx->geo, e->ip, e->country, &e->asn);
	return true;
}

/* ---- what is kept ---- */

static bool is_within(struct slice s, const void *p, size_t n) {
	return s.n > 0 && s.p >= (const char *)p && s.p + s.n <= (const char *)p + n;
}

/* Notes where a text stands in the request. False: it does not, and dies with the line. */
static bool text_note(const struct line_context *ctx, const struct request *q, struct slice *text, uint16_t *at) {
	*at = 0;
	if (text->n == 0)
		text->p = NULL;
	if (is_within(*text, q->text.p, q->text.n)) {
		*at = (uint16_t)(text->p - q->text.p);
		text->p = NULL;
		return *at > 0;
	}
	return !is_within(*text, q->line.p, q->line.n) && !is_within(*text, ctx->fields, sizeof(*ctx->fields)) &&
	       !is_within(*text, ctx->rules->model, sizeof(ctx->rules->model));
}

/* False: this event cannot be made anew from its request alone. */
static bool outline_make(const struct line_context *ctx, const struct request *q, const struct event *e,
                         struct outline *o) {
	uint16_t vendor, account;

	if (!e->raw || e->line.p != q->line.p || e->line.n != q->line.n || e->time != q->time || !addr_same(e->ip, q->ip) ||
	    e->realm.n > 0 || e->once || (e->user.n > 0 && (e->user.p != q->user.p || e->user.n != q->user.n)))
		return false;
	/* Compared byte by byte: what is between the members is zero. */
	memset(o, 0, sizeof(*o));
	o->event.kind = e->kind;
	o->event.proof = e->proof;
	o->event.imposter = e->imposter;
	o->event.status = e->status;
	o->event.agent_mac_differs = e->agent_mac_differs;
	o->event.raw = e->raw;
	o->event.account = e->account;
	o->event.agent = e->agent;
	o->event.folder = e->folder;
	o->user = e->user.n > 0;
	o->event.vendor = e->vendor;
	o->event.model = e->model;
	o->event.version = e->version;
	o->event.rule = e->rule;
	o->event.mac = e->mac;
	if (q->file_at > 0 && (e->mac & 0xffffff) == q->file_low)
		o->from = FROM_FILE;
	else if (q->agent_at > 0 && (e->mac & 0xffffff) == q->agent_low)
		o->from = FROM_AGENT;
	if (o->from != FROM_OUTLINE)
		o->event.mac &= ~0xffffffULL;
	if (is_within(e->model, ctx->rules->model, sizeof(ctx->rules->model))) {
		memcpy(o->model, e->model.p, e->model.n);
		o->event.model.p = NULL;
		o->made = true;
	}
	return text_note(ctx, q, &o->event.agent, &o->at[0]) && text_note(ctx, q, &o->event.model, &o->at[1]) &&
	       text_note(ctx, q, &o->event.version, &o->at[2]) && text_note(ctx, q, &o->event.folder, &o->at[3]) &&
	       text_note(ctx, q, &o->event.vendor, &vendor) && vendor == 0 &&
	       text_note(ctx, q, &o->event.account, &account) && account == 0;
}

/* The number of the outline, from 1. When there are too many, all that was kept is forgotten. */
static uint16_t outline_number(struct recall *r, const struct outline *o) {
	for (uint32_t i = r->noutlines; i-- > 0;)
		if (memcmp(&r->outlines[i], o, sizeof(*o)) == 0)
			return (uint16_t)(i + 1);
	if (r->noutlines == OUTLINES) {
		r->noutlines = 0;
		memset(r->entries, 0, sizeof(r->entries));
	}
	r->outlines[r->noutlines++] = *o;
	return (uint16_t)r->noutlines;
}

static char next_digit(char c) {
	static const char lower[] = "0123456789abcdef0", upper[] = "0123456789ABCDEF0";
	int digit = hex_value[(unsigned char)c];

	return c >= 'A' && c <= 'F' ? upper[digit + 1] : lower[digit + 1];
}

static void digit_change(char *c, bool upper) {
	*c = next_digit(*c);
	if (upper && *c >= 'a')
		*c = (char)(*c & ~0x20);
}

/* Another digit wherever a MAC is marked, the same for the same. What is upper case stays so. */
static void low_change(const struct request *q, char *text, size_t at, size_t step, uint32_t *low) {
	*low = 0;
	for (size_t i = 0; i < 6; i++) {
		char *c = text + at + i / 2 * step + i % 2;

		digit_change(c, q->masked[at] & MARK_UPPER);
		*low = *low << 4 | ((unsigned)hex_value[(unsigned char)*c] & 15);
	}
}

/* Whether the event is the same but for the MAC where another MAC stands. */
static bool is_tried(struct line_context *ctx, const struct request *q, enum outcome outcome, const struct outline *o,
                     enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e)) {
	char line[REQUEST_HEAD + REQUEST_MAX];
	char *text = line + (q->text.p - q->line.p);
	struct request other = *q;
	struct outline its;
	struct event e;

	assert(q->line.n <= sizeof(line));
	memcpy(line, q->line.p, q->line.n);
	if (q->file_at > 0)
		low_change(q, text, q->file_at, 2, &other.file_low);
	if (q->agent_at > 0)
		low_change(q, text, q->agent_at, q->agent_step, &other.agent_low);
	for (size_t i = 0; i < q->folder_n; i++)
		digit_change(text + q->folder_at + i, q->folder_upper);
	other.line.p = line;
	other.text.p = text;
	if (q->user.n > 0)
		other.user.p = line + (q->user.p - q->line.p);
	if (decide(ctx, other.line, &e) != outcome)
		return false;
	return outcome == OUTCOME_NONE || (outline_make(ctx, &other, &e, &its) && memcmp(&its, o, sizeof(its)) == 0);
}

/* What is to be kept of a request with a MAC that came before. */
static uint16_t what_proven(struct recall *r, struct line_context *ctx, const struct request *q, enum outcome outcome,
                            const struct outline *o,
                            enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e)) {
	r->credit--;
	if (!request_is_blind(ctx, q, outcome == OUTCOME_EVENT) || !is_tried(ctx, q, outcome, o, decide))
		return WHAT_NEVER;
	return outcome == OUTCOME_NONE ? WHAT_NONE : outline_number(r, o);
}

/* Whether the text differs from request to request of one kind. */
static bool text_varies(const struct request *q, struct slice text, uint16_t at) {
	for (size_t i = 0; at > 0 && i < text.n; i++)
		if ((unsigned char)q->masked[at + i] < MARKS)
			return true;
	return false;
}

void recall_keep(struct recall *r, struct line_context *ctx, const struct request *q, enum outcome outcome,
                 struct event *e,
                 enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e)) {
	bool known;
	struct entry *bucket = entry_find(r, q, &known);
	struct outline o;
	uint16_t what = WHAT_NEVER;
	uint64_t alike = 0;

	if ((outcome != OUTCOME_EVENT && outcome != OUTCOME_NONE) || (known && bucket[0].what == WHAT_NEVER))
		return;
	if (outcome == OUTCOME_NONE || outline_make(ctx, q, e, &o)) {
		bool whole = q->file_at == 0 && q->agent_at == 0 && q->folder_n == 0;

		if (whole && outcome == OUTCOME_NONE)
			what = WHAT_NONE;
		else if (!known || (whole ? r->noutlines >= WHOLE_MAX : r->credit == 0))
			what = WHAT_ONCE;
		else if (whole)
			what = outline_number(r, &o);
		else {
			what = what_proven(r, ctx, q, outcome, &o, decide);
			/* Proving has used what the event borrows. */
			(void)decide(ctx, q->line, e);
		}
	}
	if (what < WHAT_NONE && !text_varies(q, o.event.model, o.at[1]) && !text_varies(q, o.event.version, o.at[2]))
		alike = ++ctx->rules->nalike;
	if (!known)
		bucket[1] = bucket[0];
	bucket[0] = (struct entry){q->key, alike, what};
}
