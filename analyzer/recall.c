#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "analyzer/format_private.h"
#include "analyzer/recall.h"
#include "analyzer/rule_private.h"

#define BUCKETS   2048 /* of two; a power of two */
#define OUTLINES  512  /* events that differ in more than device, time and address */
#define HEAD_MAX  128  /* bytes in front of the request */
#define CREDIT    64   /* proofs at once, and */
#define LINES_FOR 1024 /* lines for one more: nobody can make us prove all day */

/* What an entry holds instead of the number of an outline, which begin at 1. */
enum { WHAT_NONE = 0xfffd, WHAT_ONCE, WHAT_NEVER };

enum from { FROM_OUTLINE, FROM_FILE, FROM_AGENT };

/* An event without what differs from request to request of one kind. A text is where it stands in the request, or the rules', or made. */
struct outline {
	struct event event;
	uint16_t at[3]; /* agent, model, version; 0: not in the request, which begins with a quote */
	enum from from; /* whence the lower half of the MAC comes */
	bool made;      /* the model is this: */
	char model[EVENT_WORD_MAX];
};

struct entry {
	uint64_t hash[2];
	uint16_t what; /* 0: there is none */
};

struct recall {
	uint64_t key[2];
	bool bytes; /* no rule asks for the number of bytes */
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
	if (!r || getrandom(r->key, sizeof(r->key), 0) != (ssize_t)sizeof(r->key)) {
		free(r);
		return err_errno(err, "rules");
	}
	r->credit = CREDIT;
	r->bytes = true;
	for (uint32_t i = 0; i < ctx->rules->nby[slot]; i++)
		r->bytes = r->bytes && !rule_sees(ctx->rules->by[slot][i], FIELD_BYTES);
	*out = r;
	return 0;
}

void recall_free(struct recall **recall) {
	free(*recall);
	*recall = NULL;
}

/* ---- SipHash-1-3 with 128 bits ---- */

static inline uint64_t rotated(uint64_t v, unsigned bits) {
	return v << bits | v >> (64 - bits);
}

static inline void sip_round(uint64_t v[4]) {
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotated(v[1], 13) ^ v[0];
	v[3] = rotated(v[3], 16) ^ v[2];
	v[0] = rotated(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotated(v[1], 17) ^ v[2];
	v[3] = rotated(v[3], 21) ^ v[0];
	v[2] = rotated(v[2], 32);
}

static void sip_hash(const uint64_t key[2], struct slice s, uint64_t out[2]) {
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL ^ 0xee,
	                 key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL};
	uint64_t last = (uint64_t)s.n << 56;
	uint64_t word;

	for (; s.n >= sizeof(word); s.p += sizeof(word), s.n -= sizeof(word)) {
		memcpy(&word, s.p, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < s.n; i++)
		last |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xee;
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < 3; i++)
			sip_round(v);
		out[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
		v[1] ^= 0xdd;
	}
}

/* ---- requests ---- */

/* Six hex digits, `step` bytes from one pair to the next, of one case: marked, and their number. False: not such. */
static inline bool low_read(struct request *q, size_t at, size_t step, uint32_t *low) {
	const char *p = q->text.p + at;
	unsigned kinds = 0; /* of digits, by bits 5 and 6: 0-9, A-F, a-f */
	uint32_t value = 0;
	int sound = 0;
	char mark;

	/* Without an upper half the lower decides whether it is a MAC at all. */
	if (step == 2 ? memcmp(p - 6, "000000", 6) == 0 : memcmp(p - 9, "00:00:00", 8) == 0)
		return false;
	for (size_t i = 0; i < 6; i++) {
		unsigned char c = (unsigned char)p[i / 2 * step + i % 2];
		int digit = hex_value[c];

		sound |= digit;
		kinds |= 1U << (c >> 5 & 3);
		value = value << 4 | ((unsigned)digit & 15);
	}
	if (sound < 0 || (kinds & 12) == 12)
		return false;
	mark = (char)((kinds & 4 ? MARK_UPPER : MARK_LOWER) | (q->file_at > 0 && value != q->file_low ? MARK_OTHER : 0));
	for (size_t i = 0; i < 6; i++)
		q->masked[at + i / 2 * step + i % 2] = mark;
	*low = value;
	return true;
}

static bool is_hex(char c) {
	return hex_value[(unsigned char)c] >= 0;
}

/* The first twelve hex digits, no more and no fewer, in the last segment of the path, which ends at `end`. */
static void file_mark(struct request *q, size_t begin, size_t end) {
	const char *text = q->text.p;
	size_t run = 0;

	for (size_t i = begin; i < end; i++) {
		if (text[i] == '%' || text[i] == '?' || text[i] == '#')
			return;
		if (text[i] == '/')
			begin = i + 1;
	}
	for (size_t i = begin; i <= end; i++) {
		if (i < end && is_hex(text[i])) {
			run++;
			continue;
		}
		if (run == 12) {
			uint32_t low = 0;

			if (low_read(q, i - 6, 2, &low)) {
				q->file_at = (uint16_t)(i - 6);
				q->file_low = low;
			}
			return;
		}
		run = 0;
	}
}

/* The first MAC behind `begin`: spelled with colons, else of twelve digits, no more and no fewer. */
static void agent_mark(struct request *q, size_t begin) {
	struct slice rest = {q->text.p + begin, q->text.n - begin};
	const char *colon;

	while (rest.n > 17 && (colon = memchr(rest.p + 2, ':', rest.n - 2)) != NULL) {
		const char *p = colon - 2;
		const char *end = q->text.p + q->text.n;
		bool sound = end - p > 17 && !is_hex(p[17]) && p[17] != ':' && !is_hex(p[-1]);

		for (size_t i = 0; sound && i < 17; i++)
			sound = i % 3 == 2 ? p[i] == ':' : is_hex(p[i]);
		if (sound) {
			size_t at = (size_t)(p - q->text.p) + 9;

			if (low_read(q, at, 3, &q->agent_low)) {
				q->agent_at = (uint16_t)at;
				q->agent_spelled = true;
			}
			return;
		}
		rest.n -= (size_t)(colon - 1 - rest.p);
		rest.p = colon - 1;
	}
	for (size_t i = begin, run = 0; i < q->text.n; i++) {
		if (is_hex(q->text.p[i])) {
			run++;
			continue;
		}
		if (run == 12) {
			if (low_read(q, i - 6, 2, &q->agent_low))
				q->agent_at = (uint16_t)(i - 6);
			return;
		}
		run = 0;
	}
}

/* Marks what may differ in a request such as `"GET /p/001565abcdef.cfg HTTP/1.1" 200 5123 "-" "Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"`. */
static void request_mark(const struct recall *r, struct request *q) {
	struct slice rest = q->text;
	const char *begin, *end, *quote;
	size_t at;

	begin = memchr(rest.p, ' ', rest.n);
	end = begin ? memchr(begin + 1, ' ', rest.n - (size_t)(begin + 1 - rest.p)) : NULL;
	quote = end ? memchr(end, '"', rest.n - (size_t)(end - rest.p)) : NULL;
	/* The path is what is between the first two blanks only where no quote and no backslash is in front of the third. */
	if (!quote || memchr(rest.p + 1, '"', (size_t)(end - rest.p)) || memchr(rest.p, '\\', (size_t)(quote - rest.p)))
		return;
	file_mark(q, (size_t)(begin + 1 - rest.p), (size_t)(end - rest.p));
	/* " 200 5123 */
	at = (size_t)(quote - rest.p) + 6;
	if (at >= rest.n || quote[1] != ' ' || quote[5] != ' ')
		return;
	for (; at < rest.n && rest.p[at] >= '0' && rest.p[at] <= '9'; at++)
		if (r->bytes)
			q->masked[at] = MARK_BYTES;
	if (at < rest.n && rest.p[at] == ' ')
		agent_mark(q, at);
}

static bool has_marks(struct slice s) {
	const uint64_t each = UINT64_MAX / 255;
	uint64_t below = 0;
	uint64_t word;

	for (; s.n >= sizeof(word); s.p += sizeof(word), s.n -= sizeof(word)) {
		memcpy(&word, s.p, sizeof(word));
		below |= (word - each * MARKS) & ~word;
	}
	for (size_t i = 0; i < s.n; i++)
		below |= (unsigned char)s.p[i] < MARKS ? each * 128 : 0;
	return below & each * 128;
}

bool request_read(const struct recall *r, struct line_context *ctx, struct slice line, struct request *out) {
	static const char between[] = " - - [";
	const char *blank, *end;
	struct slice rest;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	out->line = line;
	blank = line.n ? memchr(line.p, ' ', line.n < HEAD_MAX ? line.n : HEAD_MAX) : NULL;
	if (!blank)
		return false;
	rest = (struct slice){blank, line.n - (size_t)(blank - line.p)};
	if (!slice_starts(rest, between) || !addr_parse_endpoint(line.p, (size_t)(blank - line.p), &out->ip) ||
	    conf_is_proxy(ctx->conf, out->ip))
		return false;
	(void)slice_take(&rest, sizeof(between) - 1);
	end = rest.n ? memchr(rest.p, ']', rest.n < HEAD_MAX ? rest.n : HEAD_MAX) : NULL;
	if (!end || rest.n - (size_t)(end - rest.p) < 4)
		return false;
	out->text = (struct slice){end + 2, rest.n - (size_t)(end - rest.p) - 2};
	if (out->text.n > REQUEST_MAX || end[1] != ' ' || end[2] != '"' ||
	    !stamp_decode(ctx->time, (struct slice){rest.p, (size_t)(end - rest.p)}, &out->time))
		return false;
	if (has_marks(out->text))
		return false;
	memcpy(out->masked, out->text.p, out->text.n);
	out->file_at = out->agent_at = 0;
	out->agent_spelled = false;
	out->file_low = out->agent_low = 0;
	request_mark(r, out);
	sip_hash(r->key, (struct slice){out->masked, out->text.n}, out->hash);
	return true;
}

/* The bucket, the entry in front where there is one. */
static struct entry *entry_find(struct recall *r, const struct request *q, bool *found) {
	struct entry *bucket = r->entries[q->hash[0] & (BUCKETS - 1)];

	*found = true;
	for (unsigned i = 0; i < 2; i++)
		if (bucket[i].what && bucket[i].hash[0] == q->hash[0] && bucket[i].hash[1] == q->hash[1]) {
			struct entry first = bucket[i];

			bucket[i] = bucket[0];
			bucket[0] = first;
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
	if (o->from != FROM_OUTLINE)
		e->mac |= o->from == FROM_FILE ? q->file_low : q->agent_low;
	e->time = q->time;
	e->ip = q->ip;
	e->line = q->line;
	text_place(&e->agent, q, o->at[0]);
	text_place(&e->model, q, o->at[1]);
	text_place(&e->version, q, o->at[2]);
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
	    e->user.n > 0 || e->realm.n > 0 || e->folder.n > 0 || e->once)
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
	       text_note(ctx, q, &o->event.version, &o->at[2]) && text_note(ctx, q, &o->event.vendor, &vendor) &&
	       vendor == 0 && text_note(ctx, q, &o->event.account, &account) && account == 0;
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

/* Another digit wherever a MAC is marked, the same for the same. What is upper case stays so. */
static void low_change(const struct request *q, char *line, size_t at, size_t step, uint32_t *low) {
	bool upper = q->masked[at] & MARK_UPPER;

	*low = 0;
	for (size_t i = 0; i < 6; i++) {
		char *c = line + (q->text.p - q->line.p) + at + i / 2 * step + i % 2;

		*c = next_digit(*c);
		if (upper && *c >= 'a')
			*c = (char)(*c & ~0x20);
		*low = *low << 4 | ((unsigned)hex_value[(unsigned char)*c] & 15);
	}
}

/* Whether the event is the same but for the MAC where another MAC stands. */
static bool is_tried(struct line_context *ctx, const struct request *q, enum outcome outcome, const struct outline *o,
                     enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e)) {
	char line[3 * HEAD_MAX + REQUEST_MAX];
	struct request other = *q;
	struct outline its;
	struct event e;

	assert(q->line.n <= sizeof(line));
	memcpy(line, q->line.p, q->line.n);
	if (q->file_at > 0)
		low_change(q, line, q->file_at, 2, &other.file_low);
	if (q->agent_at > 0)
		low_change(q, line, q->agent_at, q->agent_spelled ? 3 : 2, &other.agent_low);
	other.line.p = line;
	other.text.p = line + (q->text.p - q->line.p);
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

void recall_keep(struct recall *r, struct line_context *ctx, const struct request *q, enum outcome outcome,
                 struct event *e,
                 enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e)) {
	bool known;
	struct entry *bucket = entry_find(r, q, &known);
	struct outline o;
	uint16_t what = WHAT_NEVER;

	if ((outcome != OUTCOME_EVENT && outcome != OUTCOME_NONE) || (known && bucket[0].what == WHAT_NEVER))
		return;
	if (outcome == OUTCOME_NONE || outline_make(ctx, q, e, &o)) {
		if (q->file_at == 0 && q->agent_at == 0)
			what = outcome == OUTCOME_NONE ? WHAT_NONE : outline_number(r, &o);
		else if (!known || r->credit == 0)
			what = WHAT_ONCE;
		else {
			what = what_proven(r, ctx, q, outcome, &o, decide);
			/* Proving has used what the event borrows. */
			(void)decide(ctx, q->line, e);
		}
	}
	if (!known)
		bucket[1] = bucket[0];
	bucket[0] = (struct entry){{q->hash[0], q->hash[1]}, what};
}
