#include <assert.h>
#include <endian.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

/* How neighbours stand in a strip (store_glance.c): the version of this layout; how many phones' words it has, and these, three texts each; then of each
 * device MAC (6 bytes), which words, when it was seen (4), the length of the rest (2), and the rest: how many homes, and where it has any, since when it
 * stands like that (4), the folder that it polls through (8), and the homes. */
#define STRIP_VERSION 1
#define MAC_BYTES     6
#define WORDS_AT      6
#define SEEN_AT       7
#define LENGTH_AT     11
#define HEAD          13
#define HAS_FOLDER    0x20 /* beside the number of homes */

enum { HOME_BACKED = 4, HOME_V4 = 8, HOME_FULL = 16 }; /* beside the kind */

/* ---- one device ---- */

bool device_is_calm(const struct device *d) {
	return d->removed == TIME_NONE && d->state != DEVICE_NEW;
}

uint32_t glance_time(int64_t time) {
	return time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : (uint32_t)time;
}

static void put_home(struct buf *out, const struct home *h) {
	bool v4 = h->at.bits >= 96 && addr_is_v4(h->at.base), full = h->at.bits == 128;

	put_u8(out,
	       (uint8_t)((unsigned)h->kind | (h->backed ? HOME_BACKED : 0) | (v4 ? HOME_V4 : 0) | (full ? HOME_FULL : 0)));
	if (!full)
		put_u8(out, h->at.bits);
	buf_add(out, h->at.base.b + (v4 ? 12 : 0), v4 ? 4 : sizeof(h->at.base.b));
	if (h->kind == HOME_POLL)
		put_u32(out, glance_time(h->used));
}

void glance_encode(const struct device *d, struct buf *out) {
	uint32_t n = device_is_calm(d) && d->changed < UINT32_MAX ? d->homes.n : 0;
	size_t begin = out->n;
	uint16_t length;

	put_u32(out, (uint32_t)d->mac);
	put_u16(out, (uint16_t)(d->mac >> 32));
	put_u8(out, 0);
	put_u32(out, glance_time(d->seen));
	put_u16(out, 0);
	put_u8(out, (uint8_t)(n | (n > 0 && d->folder != 0 ? HAS_FOLDER : 0)));
	if (n > 0) {
		put_u32(out, glance_time(d->changed));
		if (d->folder != 0)
			put_u64(out, d->folder);
		for (uint32_t i = 0; i < n; i++)
			put_home(out, &d->homes.at[i]);
	}
	if (out->failed)
		return;
	length = htole16((uint16_t)(out->n - begin - HEAD));
	memcpy(out->p + begin + LENGTH_AT, &length, sizeof(length));
}

void glance_set_seen(char *bytes, uint32_t seen) {
	seen = htole32(seen);
	memcpy(bytes + SEEN_AT, &seen, sizeof(seen));
}

static uint32_t read_u32(const char *p) {
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint32_t glance_seen(const char *bytes) {
	return read_u32(bytes + SEEN_AT);
}

/* Where it ends, or NULL where it is none. All are read when a pass begins, so that each byte is looked at once. */
static const char *read_home(const char *p, const char *end, struct home *h) {
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	unsigned head, n;

	if (p == end)
		return NULL;
	head = (uint8_t)*p++;
	n = head & HOME_V4 ? 4 : sizeof(h->at.base.b);
	if ((head & 3) > HOME_GIVEN ||
	    (size_t)(end - p) < (head & HOME_FULL ? 0U : 1U) + n + ((head & 3) == HOME_POLL ? sizeof(uint32_t) : 0))
		return NULL;
	h->at.bits = head & HOME_FULL ? 128 : (uint8_t)*p++;
	if (h->at.bits > 128)
		return NULL;
	if (head & HOME_V4) {
		memcpy(h->at.base.b, v4, sizeof(v4));
		memcpy(h->at.base.b + sizeof(v4), p, 4);
	} else {
		memcpy(h->at.base.b, p, sizeof(h->at.base.b));
	}
	p += n;
	h->kind = (enum home_kind)(head & 3);
	h->backed = (head & HOME_BACKED) != 0;
	h->used = 0;
	if (h->kind == HOME_POLL) {
		h->used = read_u32(p);
		p += sizeof(uint32_t);
	}
	return p;
}

int glance_decode(struct slice bytes, struct glance *g) {
	const char *p = bytes.p + HEAD + 1, *end = bytes.p + bytes.n;
	unsigned head = (uint8_t)bytes.p[HEAD], n = head & (HAS_FOLDER - 1);
	uint64_t folder;

	if (n > DEVICE_HOMES_MAX)
		return -1;
	g->seen = glance_seen(bytes.p);
	g->changed = 0;
	g->folder = 0;
	g->homes.n = n;
	if (n > 0) {
		if ((size_t)(end - p) < sizeof(uint32_t) + (head & HAS_FOLDER ? sizeof(folder) : 0))
			return -1;
		g->changed = read_u32(p);
		p += sizeof(uint32_t);
		if (head & HAS_FOLDER) {
			memcpy(&folder, p, sizeof(folder));
			g->folder = le64toh(folder);
			p += sizeof(folder);
		}
	}
	for (unsigned i = 0; i < n && p; i++)
		p = read_home(p, end, &g->homes.at[i]);
	return p == end ? 0 : -1;
}

/* ---- a strip ---- */

int strip_begin(struct strip *strip, struct slice data) {
	uint8_t version;

	strip->in = data;
	if (get_u8(&strip->in, &version) < 0 || version != STRIP_VERSION || get_u8(&strip->in, &strip->nwords) < 0)
		return -1;
	for (unsigned i = 0; i < strip->nwords; i++) {
		struct memo_words *w = &strip->words[i];
		const char *begin = strip->in.p;

		if (get_text(&strip->in, EVENT_WORD_MAX, &w->vendor) < 0 ||
		    get_text(&strip->in, EVENT_WORD_MAX, &w->model) < 0 ||
		    get_text(&strip->in, EVENT_WORD_MAX, &w->version) < 0)
			return -1;
		strip->texts[i] = (struct slice){begin, (size_t)(strip->in.p - begin)};
	}
	return 0;
}

int strip_next(struct strip *strip, struct neighbour *out) {
	const char *p = strip->in.p;
	uint64_t mac = 0;
	uint16_t rest;
	size_t n;

	if (strip->in.n == 0)
		return 0;
	if (strip->in.n < STRIP_LEAST)
		return -1;
	memcpy(&mac, p, MAC_BYTES);
	memcpy(&rest, p + LENGTH_AT, sizeof(rest));
	n = HEAD + (size_t)le16toh(rest);
	if (n < STRIP_LEAST || n > STRIP_MOST || n > strip->in.n || (uint8_t)p[WORDS_AT] >= strip->nwords)
		return -1;
	out->mac = le64toh(mac);
	out->words = (uint8_t)p[WORDS_AT];
	out->texts = strip->texts[out->words];
	out->bytes = (struct slice){p, n};
	strip->in = (struct slice){p + n, strip->in.n - n};
	return 1;
}

uint32_t strip_put(struct buf *out, const struct neighbour *at, uint32_t n, size_t limit) {
	char bytes[STRIP_BYTES];
	struct slice texts[STRIP_WORDS];
	size_t length = 0, head = 2;
	unsigned nwords = 0, w;
	uint32_t i;

	assert(limit <= STRIP_BYTES);
	for (i = 0; i < n; i++) {
		for (w = 0; w < nwords && !slice_same(texts[w], at[i].texts); w++)
			;
		if (head + length + at[i].bytes.n + (w < nwords ? 0 : at[i].texts.n) > limit || w == STRIP_WORDS)
			break;
		if (w == nwords) {
			texts[nwords++] = at[i].texts;
			head += at[i].texts.n;
		}
		memcpy(bytes + length, at[i].bytes.p, at[i].bytes.n);
		bytes[length + WORDS_AT] = (char)w;
		length += at[i].bytes.n;
	}
	buf_clear(out);
	put_u8(out, STRIP_VERSION);
	put_u8(out, (uint8_t)nwords);
	for (w = 0; w < nwords; w++)
		buf_add(out, texts[w].p, texts[w].n);
	buf_add(out, bytes, length);
	return i;
}
