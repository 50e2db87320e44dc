#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/batch.h"

#define PART_MAX   ((size_t)64 << 20) /* of a part that is written: who writes flushes long before */
#define HEAD       20
#define ROW_PROBES 16

enum {
	FLAG_IMPOSTER = 2,
	FLAG_DIFFERS = 4,
	FLAG_EXTRAS = 5,
	FLAG_TEXTS = 6,
	FLAGS = 7
}; /* shifts; the proof is at 0 */

/* A record is six words, little-endian. */
enum { WORD_MAC, WORD_IP, WORD_PLACE = 3, WORD_TIME, WORD_ASN, WORDS };

#define MAC_BITS  48
#define TIME_BITS 40

static_assert(WORDS * sizeof(uint64_t) == BATCH_RECORD, "a record is as large as told");

/* ---- writing ---- */

void batch_writer_init(struct batch_writer *w) {
	memset(w, 0, sizeof(*w));
	buf_init(&w->rows, PART_MAX);
	buf_init(&w->records, (size_t)LINK_EVENTS_MAX * BATCH_RECORD);
	buf_init(&w->extras, PART_MAX);
	buf_init(&w->texts, PART_MAX);
}

void batch_writer_release(struct batch_writer *w) {
	buf_release(&w->rows);
	buf_release(&w->records);
	buf_release(&w->extras);
	buf_release(&w->texts);
	free(w->row_at);
	w->row_at = NULL;
}

void batch_writer_clear(struct batch_writer *w) {
	buf_clear(&w->rows);
	buf_clear(&w->records);
	buf_clear(&w->extras);
	buf_clear(&w->texts);
	if (w->nrows > 0) {
		memset(w->slots, 0, sizeof(w->slots));
		memset(w->alike, 0, sizeof(w->alike));
	}
	w->n = w->nrows = 0;
	w->failed = false;
}

static uint64_t mixed(uint64_t hash, struct slice s) {
	uint64_t tail = 0;

	/* Its end tells versions apart, its length most else; who collides is compared and found another. */
	if (s.n >= sizeof(tail))
		memcpy(&tail, s.p + s.n - sizeof(tail), sizeof(tail));
	else if (s.n > 0)
		memcpy(&tail, s.p, s.n);
	hash = (hash ^ tail ^ s.n) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static bool text_at(const char **at, struct slice s) {
	size_t n = (size_t)(unsigned char)(*at)[0] | (size_t)(unsigned char)(*at)[1] << 8;

	if (n != s.n || (n > 0 && memcmp(*at + 2, s.p, n) != 0))
		return false;
	*at += 2 + n;
	return true;
}

static bool row_is(const struct batch_writer *w, uint32_t row, const struct event *e) {
	const char *at = w->rows.p + w->row_at[row];

	return text_at(&at, e->version) && text_at(&at, e->model) && text_at(&at, e->vendor) && text_at(&at, e->rule) &&
	       text_at(&at, e->account);
}

static uint16_t row_add(struct batch_writer *w, const struct event *e) {
	if (w->nrows == w->room) {
		uint32_t room = w->room ? 2 * w->room : 64;
		uint32_t *row_at = realloc(w->row_at, room * sizeof(*row_at));

		if (!row_at) {
			w->failed = true;
			return 0;
		}
		w->row_at = row_at;
		w->room = room;
	}
	w->row_at[w->nrows] = (uint32_t)w->rows.n;
	put_text(&w->rows, e->version);
	put_text(&w->rows, e->model);
	put_text(&w->rows, e->vendor);
	put_text(&w->rows, e->rule);
	put_text(&w->rows, e->account);
	return (uint16_t)w->nrows++;
}

static uint16_t row_find(struct batch_writer *w, uint16_t likely, const struct event *e) {
	uint64_t hash = mixed(mixed(mixed(mixed(mixed(0, e->version), e->model), e->vendor), e->rule), e->account) >> 40;
	uint16_t *slot = NULL;

	/* Rows may be there in part then, or not at all. */
	if (w->failed)
		return 0;
	if (likely < w->nrows && row_is(w, likely, e))
		return likely;
	for (uint64_t i = 0; i < ROW_PROBES; i++) {
		slot = &w->slots[(hash + i) % BATCH_ROW_SLOTS];
		if (*slot == 0 || row_is(w, *slot - 1U, e))
			break;
	}
	/* Where all are others' the last of them goes: at worst a row stands twice. */
	if (*slot == 0 || !row_is(w, *slot - 1U, e))
		*slot = (uint16_t)(row_add(w, e) + 1);
	return w->failed ? 0 : (uint16_t)(*slot - 1);
}

static uint16_t row_of(struct batch_writer *w, const struct event *e) {
	/* The highest bits tell whose number it is, where several processes give numbers. */
	uint64_t slot = (e->alike ^ e->alike >> 49) % BATCH_ALIKE;

	if (e->alike == 0 || w->alike[slot].number != e->alike) {
		w->alike[slot].row = row_find(w, w->alike[slot].row, e);
		w->alike[slot].number = e->alike;
	}
	return w->alike[slot].row;
}

void batch_text_put(struct buf *out, struct slice line, struct slice agent) {
	put_text(out, line);
	put_text(out, agent);
}

void batch_writer_add(struct batch_writer *w, const struct event *e, bool with_texts) {
	bool extras = e->once != 0 || e->user.n > 0 || e->realm.n > 0 || e->folder.n > 0;
	uint64_t flags = (uint64_t)e->proof | (uint64_t)e->imposter << FLAG_IMPOSTER |
	                 (uint64_t)e->agent_mac_differs << FLAG_DIFFERS | (uint64_t)extras << FLAG_EXTRAS |
	                 (uint64_t)with_texts << FLAG_TEXTS;
	uint64_t record[WORDS];
	char *to;

	assert(w->n < LINK_EVENTS_MAX && e->offset <= LINK_OFFSET_MAX && e->cursor < LINK_LOGS_MAX);
	record[WORD_MAC] = htole64(e->mac | (uint64_t)e->kind << MAC_BITS | flags << (MAC_BITS + 8));
	memcpy(&record[WORD_IP], e->ip.b, sizeof(e->ip.b));
	record[WORD_PLACE] = htole64(e->offset | (uint64_t)e->cursor << MAC_BITS);
	record[WORD_TIME] = htole64((uint64_t)e->time | (uint64_t)e->status << MAC_BITS);
	record[WORD_ASN] = htole64((uint64_t)e->asn | (uint64_t)(unsigned char)e->country[0] << 32 |
	                           (uint64_t)(unsigned char)e->country[1] << 40 | (uint64_t)row_of(w, e) << MAC_BITS);
	to = buf_reserve(&w->records, sizeof(record));
	if (to) {
		memcpy(to, record, sizeof(record));
		w->records.n += sizeof(record);
	}
	if (extras) {
		put_u64(&w->extras, e->once);
		put_text(&w->extras, e->user);
		put_text(&w->extras, e->realm);
		put_text(&w->extras, e->folder);
	}
	if (with_texts)
		batch_text_put(&w->texts, e->line, e->agent);
	w->n++;
	w->failed = w->failed || w->rows.failed || w->records.failed || w->extras.failed || w->texts.failed;
}

size_t batch_writer_size(const struct batch_writer *w) {
	return HEAD + w->rows.n + w->records.n + w->extras.n + w->texts.n;
}

size_t batch_event_size(const struct event *e) {
	return BATCH_RECORD + BATCH_TEXTS + 32 + e->version.n + e->model.n + e->vendor.n + e->rule.n + e->account.n +
	       e->user.n + e->realm.n + e->folder.n;
}

void batch_writer_put(const struct batch_writer *w, struct buf *out) {
	put_u32(out, w->n);
	put_u32(out, w->nrows);
	put_u32(out, (uint32_t)w->rows.n);
	put_u32(out, (uint32_t)w->extras.n);
	put_u32(out, (uint32_t)w->texts.n);
	buf_add(out, w->rows.p, w->rows.n);
	buf_add(out, w->records.p, w->records.n);
	buf_add(out, w->extras.p, w->extras.n);
	buf_add(out, w->texts.p, w->texts.n);
}

/* ---- reading ---- */

void batch_view_release(struct batch_view *v) {
	free(v->rows);
	*v = (struct batch_view){0};
}

static int rows_read(struct batch_view *v, struct slice in, struct err *err) {
	if (v->nrows > v->room) {
		struct batch_row *rows = realloc(v->rows, v->nrows * sizeof(*rows));

		if (!rows)
			return err_set(err, ERR_SYSTEM, "batch: out of memory");
		v->rows = rows;
		v->room = v->nrows;
	}
	for (uint32_t i = 0; i < v->nrows; i++) {
		struct batch_row *r = &v->rows[i];

		if (get_text(&in, EVENT_WORD_MAX, &r->version) < 0 || get_text(&in, EVENT_WORD_MAX, &r->model) < 0 ||
		    get_text(&in, EVENT_WORD_MAX, &r->vendor) < 0 || get_text(&in, EVENT_WORD_MAX, &r->rule) < 0 ||
		    get_text(&in, EVENT_ACCOUNT_MAX, &r->account) < 0)
			return err_set(err, ERR_INPUT, "batch: a row is cut short, or a text of it too long");
	}
	return in.n == 0 ? 0 : err_set(err, ERR_INPUT, "batch: more rows than told");
}

static int texts_get(struct slice *in, struct event *e) {
	return get_text(in, EVENT_LINE_MAX, &e->line) < 0 || get_text(in, EVENT_AGENT_MAX, &e->agent) < 0 ? -1 : 0;
}

static int extras_get(struct slice *in, struct event *e) {
	return get_u64(in, &e->once) < 0 || get_text(in, EVENT_USER_MAX, &e->user) < 0 ||
	               get_text(in, EVENT_REALM_MAX, &e->realm) < 0 || get_text(in, EVENT_FOLDER_MAX, &e->folder) < 0
	           ? -1
	           : 0;
}

static void row_take(struct batch_walk *w, uint32_t row) {
	const struct batch_row *r = &w->v->rows[row];

	w->row = row;
	w->e.vendor = r->vendor;
	w->e.model = r->model;
	w->e.version = r->version;
	w->e.rule = r->rule;
	w->e.account = r->account;
}

void batch_walk_begin(struct batch_walk *w, const struct batch_view *v) {
	*w = (struct batch_walk){.v = v, .extras = v->extras, .texts = v->texts, .row = UINT32_MAX};
}

void batch_walk_wanted(struct batch_walk *w, const uint32_t *wanted, uint32_t n, struct slice texts) {
	w->wanted = wanted;
	w->nwanted = n;
	w->wanted_texts = texts;
}

static uint64_t word_at(const char *record, unsigned word) {
	uint64_t v;

	memcpy(&v, record + word * sizeof(v), sizeof(v));
	return le64toh(v);
}

/* One record, whose flags come back; -1 where it names what is not there. */
static int record_get(struct batch_walk *w) {
	const char *record = w->v->records.p + (size_t)w->next * BATCH_RECORD;
	uint64_t mac = word_at(record, WORD_MAC), place = word_at(record, WORD_PLACE), time = word_at(record, WORD_TIME),
			 asn = word_at(record, WORD_ASN);
	unsigned flags = (unsigned)(mac >> (MAC_BITS + 8));
	uint32_t row = (uint32_t)(asn >> MAC_BITS);
	struct event *e = &w->e;

	memcpy(e->ip.b, record + WORD_IP * sizeof(uint64_t), sizeof(e->ip.b));
	e->mac = mac & ((1ULL << MAC_BITS) - 1);
	e->kind = (enum event_kind)(mac >> MAC_BITS & 0xff);
	e->proof = (enum proof)(flags & 3);
	e->imposter = (enum tri)(flags >> FLAG_IMPOSTER & 3);
	e->agent_mac_differs = flags >> FLAG_DIFFERS & 1;
	e->offset = place & ((1ULL << MAC_BITS) - 1);
	e->cursor = (uint32_t)(place >> MAC_BITS);
	e->time = (int64_t)(time & ((1ULL << TIME_BITS) - 1));
	e->status = (uint16_t)(time >> MAC_BITS);
	e->asn = (uint32_t)asn;
	e->country[0] = (char)(asn >> 32);
	e->country[1] = (char)(asn >> 40);
	if (row != w->row) {
		if (row >= w->v->nrows)
			return -1;
		row_take(w, row);
	}
	return flags >> FLAGS || (time >> TIME_BITS & 0xff) ? -1 : (int)flags;
}

/* 1: there is one; 0: no more; -1: not sound. */
static int step(struct batch_walk *w) {
	struct event *e = &w->e;
	int flags;

	if (w->next == w->v->n)
		return 0;
	flags = record_get(w);
	if (flags < 0)
		return -1;
	if (flags >> FLAG_EXTRAS & 1) {
		if (extras_get(&w->extras, e) < 0)
			return -1;
	} else {
		e->once = 0;
		e->user.n = e->realm.n = e->folder.n = 0;
	}
	w->with_texts = flags >> FLAG_TEXTS & 1;
	e->line.n = e->agent.n = 0;
	if (w->with_texts && texts_get(&w->texts, e) < 0)
		return -1;
	if (w->nwanted > 0 && *w->wanted == w->next) {
		if (texts_get(&w->wanted_texts, e) < 0)
			return -1;
		w->wanted++;
		w->nwanted--;
		w->with_texts = true;
	}
	w->next++;
	return 1;
}

bool batch_next(struct batch_walk *w) {
	int there = step(w);

	assert(there >= 0); /* batch_read and batch_texts_check have seen it all */
	return there > 0;
}

int batch_next_checked(struct batch_walk *w, struct err *err) {
	int there = step(w);

	if (there > 0)
		return event_is_sound(&w->e, err) ? 1 : -1;
	if (there < 0 || w->extras.n > 0 || w->texts.n > 0)
		return err_set(err, ERR_INPUT, "batch: a record is malformed, or its texts are");
	return 0;
}

static struct slice part(struct slice *in, size_t n) {
	struct slice taken = {in->p, n};

	in->p += n;
	in->n -= n;
	return taken;
}

int batch_read_head(struct batch_view *v, struct slice in, struct err *err) {
	uint32_t rows, extras, texts;
	struct slice head;

	if (get_u32(&in, &v->n) < 0 || get_u32(&in, &v->nrows) < 0 || get_u32(&in, &rows) < 0 ||
	    get_u32(&in, &extras) < 0 || get_u32(&in, &texts) < 0)
		return err_set(err, ERR_INPUT, "batch: cut short");
	if (v->n > LINK_EVENTS_MAX || v->nrows > v->n ||
	    in.n != (uint64_t)rows + extras + texts + (uint64_t)v->n * BATCH_RECORD)
		return err_set(err, ERR_INPUT, "batch: its parts are not as long as told");
	head = part(&in, rows);
	v->records = part(&in, (size_t)v->n * BATCH_RECORD);
	v->extras = part(&in, extras);
	v->texts = in;
	return rows_read(v, head, err);
}

int batch_read(struct batch_view *v, struct slice in, struct err *err) {
	struct batch_walk w;
	int there;

	if (batch_read_head(v, in, err) < 0)
		return -1;
	batch_walk_begin(&w, v);
	while ((there = batch_next_checked(&w, err)) > 0)
		continue;
	return there;
}

int64_t batch_texts_check(struct slice in, uint32_t max, struct err *err) {
	int64_t n = 0;
	struct event e;

	while (in.n > 0 && n < max && texts_get(&in, &e) == 0)
		n++;
	return in.n == 0 ? n : err_set(err, ERR_INPUT, "batch: texts that nobody wanted, or malformed");
}
