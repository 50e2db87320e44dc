#include <stdlib.h>
#include <string.h>

#include "analyzer/gate.h"

#define COLUMNS 257 /* by byte, and one for a text that ends there */
#define END     256

struct gate {
	uint32_t words;
	uint64_t *absent; /* those that need no text */
	uint64_t *any;    /* [place][word]: those that take any byte there, and the end */
	uint64_t *open;   /* until it is closed: [place][column][word] */
	uint64_t *rows;   /* each set that there is once */
	uint32_t nrows;
	bool told[GATE_DEPTH];             /* until it is closed: some entry takes only some bytes there */
	uint32_t row[GATE_DEPTH][COLUMNS]; /* where its set begins in rows */
};

static bool set_has(const struct byte_set *set, unsigned byte) {
	return set->bits[byte / 64] >> byte % 64 & 1;
}

void shape_none(struct shape *s) {
	*s = (struct shape){0};
}

void shape_any(struct shape *s) {
	memset(s, 0xff, sizeof(*s));
}

void shape_add_text(struct shape *s, struct slice text) {
	for (size_t i = 0; i < GATE_DEPTH; i++) {
		unsigned char byte;

		if (i == text.n) {
			s->ends |= 1U << i;
			return;
		}
		byte = (unsigned char)text.p[i];
		s->at[i].bits[byte / 64] |= 1ULL << byte % 64;
	}
}

bool shape_takes(const struct shape *s, struct slice text) {
	for (size_t i = 0; i < GATE_DEPTH; i++) {
		if (i == text.n)
			return s->ends >> i & 1;
		if (!set_has(&s->at[i], (unsigned char)text.p[i]))
			return false;
	}
	return true;
}

int gate_new(struct gate **out, uint32_t n, struct err *err) {
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return err_errno(err, "rules");
	g->words = GATE_WORDS(n);
	g->absent = calloc(g->words + 1, sizeof(*g->absent));
	g->any = calloc((size_t)GATE_DEPTH * g->words + 1, sizeof(*g->any));
	g->open = calloc((size_t)GATE_DEPTH * COLUMNS * g->words + 1, sizeof(*g->open));
	if (!g->absent || !g->any || !g->open) {
		gate_free(&g);
		return err_errno(err, "rules");
	}
	*out = g;
	return 0;
}

void gate_free(struct gate **gate) {
	struct gate *g = *gate;

	if (!g)
		return;
	free(g->absent);
	free(g->any);
	free(g->open);
	free(g->rows);
	free(g);
	*gate = NULL;
}

static uint64_t *open_at(struct gate *g, size_t place, unsigned column) {
	return g->open + (place * COLUMNS + column) * g->words;
}

void gate_add(struct gate *g, uint32_t entry, const struct shape *s) {
	uint64_t bit = 1ULL << entry % 64;

	for (size_t i = 0; i < GATE_DEPTH; i++) {
		bool ends = s->ends >> i & 1;

		if (ends && (s->at[i].bits[0] & s->at[i].bits[1] & s->at[i].bits[2] & s->at[i].bits[3]) == UINT64_MAX) {
			g->any[i * g->words + entry / 64] |= bit;
			continue;
		}
		g->told[i] = true;
		if (ends)
			open_at(g, i, END)[entry / 64] |= bit;
		for (unsigned w = 0; w < 4; w++)
			for (uint64_t left = s->at[i].bits[w]; left; left &= left - 1)
				open_at(g, i, w * 64 + (unsigned)__builtin_ctzll(left))[entry / 64] |= bit;
	}
}

void gate_add_all(struct gate *g, uint32_t entry) {
	struct shape any;

	shape_any(&any);
	gate_add(g, entry, &any);
	g->absent[entry / 64] |= 1ULL << entry % 64;
}

/* Where the row is among those from `from` on, added where it is new. */
static uint32_t row_find(struct gate *g, uint32_t from, uint32_t likely, const uint64_t *row) {
	size_t size = g->words * sizeof(*row);

	if (likely < g->nrows && memcmp(g->open + (size_t)likely * g->words, row, size) == 0)
		return likely;
	while (from < g->nrows && memcmp(g->open + (size_t)from * g->words, row, size) != 0)
		from++;
	/* There are never more rows than columns so far: what is written over was read. */
	if (from == g->nrows)
		memmove(g->open + (size_t)g->nrows++ * g->words, row, size);
	return from;
}

int gate_close(struct gate *g, struct err *err) {
	uint64_t *fewer;

	for (size_t i = 0; i < GATE_DEPTH; i++) {
		uint32_t from = g->nrows;
		uint32_t row = UINT32_MAX;

		for (unsigned column = 0; column < COLUMNS; column++) {
			/* Where nobody takes only some bytes all columns are as the first. */
			if (column == 0 || g->told[i]) {
				uint64_t *at = open_at(g, i, column);

				for (uint32_t w = 0; w < g->words; w++)
					at[w] |= g->any[i * g->words + w];
				row = row_find(g, from, row, at);
			}
			g->row[i][column] = row * g->words;
		}
	}
	fewer = realloc(g->open, (size_t)g->nrows * g->words * sizeof(*fewer) + 1);
	if (!fewer)
		return err_errno(err, "rules");
	g->rows = fewer;
	g->open = NULL;
	return 0;
}

void gate_narrow(const struct gate *g, struct slice text, uint64_t *set) {
	size_t n = text.n < GATE_DEPTH ? text.n : GATE_DEPTH;
	uint32_t first = 0, last = g->words; /* the words of the set that are not empty yet */
	const uint64_t *rows;
	size_t i = 0;
	uint64_t left = 0;

	/* Those that need no text take any: often no other is left. */
	for (uint32_t w = 0; w < g->words; w++)
		left |= set[w] & ~g->absent[w];
	if (!left)
		return;
	if (!text.p) {
		for (uint32_t w = 0; w < g->words; w++)
			set[w] &= g->absent[w];
		return;
	}
	for (; i < n && last - first > 1; i++) {
		rows = g->rows + g->row[i][(unsigned char)text.p[i]];
		for (uint32_t w = first; w < last; w++)
			set[w] &= rows[w];
		while (first < last && !set[first])
			first++;
		while (last > first && !set[last - 1])
			last--;
	}
	if (last - first > 1) {
		for (uint32_t w = first; n < GATE_DEPTH && w < last; w++)
			set[w] &= g->rows[g->row[n][END] + w];
		return;
	}
	if (first == last)
		return;
	/* Mostly one word is left after a byte or two. */
	rows = g->rows + first;
	for (left = set[first]; i < n && left; i++)
		left &= rows[g->row[i][(unsigned char)text.p[i]]];
	if (n < GATE_DEPTH)
		left &= rows[g->row[n][END]];
	set[first] = left;
}
