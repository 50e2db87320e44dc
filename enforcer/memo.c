#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/event.h"
#include "enforcer/memo.h"

#define SLOTS_FIRST 1024U
#define PROBES      256U /* slots that an entry may lie behind its own: whoever chooses MACs does not make this slow */
#define FILL_AHEAD  16   /* entries between asking memory for one's slot and looking at it */
#define LARGE_PAGE  ((size_t)2 << 20)
#define LARGE       (4 * LARGE_PAGE) /* a table of so many bytes and more is in such pages */
#define WORDS_SLOTS 65536U
#define WORDS_BYTES ((size_t)4 << 20)

struct memo {
	struct memo_entry *slots;
	void *memory; /* that the slots are in */
	uint32_t nslots, n;
	uint32_t era, version;
	struct buf texts; /* of all words: three texts each, as put_text writes them */
	uint32_t *at;     /* by number: where they stand in texts */
	uint16_t *words;  /* by hash: number, 0 free */
	uint32_t nwords;
};

static int slots_new(struct memo *m, uint32_t nslots) {
	/* Past the last own slot there is room for what was pushed on: no chain wraps around. */
	size_t size = (nslots + PROBES) * sizeof(struct memo_entry);
	bool large = size >= LARGE;
	char *memory = calloc(1, size + (large ? LARGE_PAGE : 0)); /* so much is zero as it comes, and touched nowhere */

	if (!memory)
		return -1;
	m->memory = memory;
	/* Look-ups are all over it: of small pages the processor would have to look for each page, too. */
	if (large) {
		memory += LARGE_PAGE - (uintptr_t)memory % LARGE_PAGE;
		(void)madvise(memory, size, MADV_HUGEPAGE);
	}
	m->slots = (struct memo_entry *)(void *)memory;
	m->nslots = nslots;
	m->n = 0;
	return 0;
}

struct memo *memo_new(void) {
	struct memo *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	buf_init(&m->texts, WORDS_BYTES);
	m->era = 1;
	m->at = calloc(MEMO_WORDS + 1, sizeof(*m->at));
	m->words = calloc(WORDS_SLOTS, sizeof(*m->words));
	if (!m->at || !m->words || slots_new(m, SLOTS_FIRST) < 0)
		memo_free(&m);
	return m;
}

void memo_free(struct memo **m) {
	if (!*m)
		return;
	free((*m)->memory);
	free((*m)->at);
	free((*m)->words);
	buf_release(&(*m)->texts);
	free(*m);
	*m = NULL;
}

void memo_clear(struct memo *m) {
	if (m->n > 0)
		memset(m->slots, 0, (m->nslots + PROBES) * sizeof(*m->slots));
	if (m->nwords > 0)
		memset(m->words, 0, WORDS_SLOTS * sizeof(*m->words));
	buf_clear(&m->texts);
	m->n = m->nwords = 0;
	m->era++;
	m->version++;
}

/* ---- entries ---- open addressing: an entry lies in the first free slot behind its own. */

static uint32_t own_slot(const struct memo *m, uint64_t mac) {
	uint64_t h = mac * 0x9e3779b97f4a7c15ULL;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
	return (uint32_t)((h >> 32) * m->nslots >> 32);
}

void memo_hint(const struct memo *m, uint64_t mac) {
	__builtin_prefetch(&m->slots[own_slot(m, mac)]);
}

struct memo_entry *memo_find(struct memo *m, uint64_t mac, uint64_t place) {
	struct memo_entry *e = &m->slots[own_slot(m, mac)];

	for (uint32_t i = 0; i < PROBES && e[i].mac != 0; i++)
		if (memo_mac(&e[i]) == mac && e[i].place == place)
			return &e[i];
	return NULL;
}

/* instead: of the one that is there, which stays otherwise. */
static void place_entry(struct memo *m, const struct memo_entry *entry, bool instead) {
	struct memo_entry *e = &m->slots[own_slot(m, memo_mac(entry))];
	bool full = m->n >= m->nslots / 4 * 3;

	for (uint32_t i = 0; i < PROBES; i++) {
		if (memo_mac(&e[i]) == memo_mac(entry) && e[i].place == entry->place) {
			if (!instead)
				return;
			e[i] = *entry;
			m->version++;
			return;
		}
		if (e[i].mac != 0)
			continue;
		if (full && i > 0)
			break;
		e[i] = *entry;
		m->n++;
		return;
	}
	/* No room: in the place of who lies in its slot. A chain may be broken by no free slot, so others are still found. */
	*e = *entry;
	m->version++;
}

static void grow(struct memo *m, uint32_t more) {
	struct memo old = *m;

	if (slots_new(m, more) < 0)
		return; /* then those that are there give way */
	for (uint32_t i = 0; i < old.nslots + PROBES; i++)
		if (old.slots[i].mac != 0)
			place_entry(m, &old.slots[i], true);
	free(old.memory);
	m->version++;
}

static void make_room(struct memo *m, uint32_t more) {
	while (m->n + more > m->nslots / 4 * 3 && m->nslots < MEMO_SLOTS) {
		uint32_t before = m->nslots;

		grow(m, m->nslots < MEMO_SLOTS / 2 ? m->nslots * 2 : MEMO_SLOTS);
		if (m->nslots == before)
			break;
	}
}

void memo_put(struct memo *m, const struct memo_entry *entry) {
	make_room(m, 1);
	place_entry(m, entry, true);
}

void memo_fill(struct memo *m, const struct memo_entry *entries, uint32_t n) {
	make_room(m, n);
	/* Not by memo_hint: that changes nothing, so that the compiler would leave out the call. */
	for (uint32_t i = 0; i < n + FILL_AHEAD; i++) {
		if (i < n)
			__builtin_prefetch(&m->slots[own_slot(m, memo_mac(&entries[i]))]);
		if (i >= FILL_AHEAD)
			place_entry(m, &entries[i - FILL_AHEAD], false);
	}
}

bool memo_has_room(const struct memo *m) {
	return m->n < MEMO_SLOTS / 4 * 3;
}

void memo_expect(struct memo *m, uint64_t entries) {
	uint64_t slots = entries / 2 * 3;

	if (slots <= m->nslots)
		return;
	if (slots < (uint64_t)m->nslots * 2)
		slots = (uint64_t)m->nslots * 2;
	if (slots > MEMO_SLOTS)
		slots = MEMO_SLOTS;
	if (slots > m->nslots)
		grow(m, (uint32_t)slots);
}

/* Closes the gap at slot i: what lies behind it moves up where its own slot lets it. */
static void take_out(struct memo *m, uint32_t i) {
	uint32_t end = m->nslots + PROBES, hole = i;

	for (uint32_t k = i + 1; k < end && m->slots[k].mac != 0; k++)
		if (own_slot(m, memo_mac(&m->slots[k])) <= hole) {
			m->slots[hole] = m->slots[k];
			hole = k;
		}
	m->slots[hole] = (struct memo_entry){0};
	m->n--;
	m->version++;
}

void memo_drop(struct memo *m, uint64_t mac) {
	uint32_t own = own_slot(m, mac), i = own;

	while (i < own + PROBES && m->slots[i].mac != 0)
		if (memo_mac(&m->slots[i]) == mac)
			take_out(m, i);
		else
			i++;
}

uint32_t memo_version(const struct memo *m) {
	return m->version;
}

uint32_t memo_count(const struct memo *m) {
	return m->n;
}

uint32_t memo_seen(const struct memo *m, uint64_t mac) {
	const struct memo_entry *e = &m->slots[own_slot(m, mac)];
	uint32_t seen = 0;

	for (uint32_t i = 0; i < PROBES && e[i].mac != 0; i++)
		if (memo_mac(&e[i]) == mac && e[i].seen > seen)
			seen = e[i].seen;
	return seen;
}

int memo_each(struct memo *m, int (*each)(void *context, struct memo_entry *entry), void *context) {
	for (uint32_t i = 0; i < m->nslots + PROBES; i++)
		if (m->slots[i].mac != 0) {
			int stop = each(context, &m->slots[i]);

			if (stop)
				return stop;
		}
	return 0;
}

/* ---- words ---- */

uint32_t memo_era(const struct memo *m) {
	return m->era;
}

static struct memo_words words_at(const struct memo *m, uint32_t number) {
	struct slice in = {m->texts.p + m->at[number], m->texts.n - m->at[number]};
	struct memo_words w = {0};

	(void)!get_text(&in, EVENT_WORD_MAX, &w.vendor);
	(void)!get_text(&in, EVENT_WORD_MAX, &w.model);
	(void)!get_text(&in, EVENT_WORD_MAX, &w.version);
	return w;
}

static uint32_t words_slot(const struct memo *m, const struct memo_words *words) {
	uint64_t h = hash_bytes(0, words->version.p, words->version.n);
	uint32_t i;

	h = hash_bytes(hash_bytes(h + 1, words->model.p, words->model.n) + 1, words->vendor.p, words->vendor.n);
	for (i = (uint32_t)(h >> 24) % WORDS_SLOTS; m->words[i] != 0; i = (i + 1) % WORDS_SLOTS) {
		struct memo_words there = words_at(m, m->words[i]);

		if (slice_same(there.version, words->version) && slice_same(there.model, words->model) &&
		    slice_same(there.vendor, words->vendor))
			break;
	}
	return i;
}

uint32_t memo_words_put(struct memo *m, const struct memo_words *words) {
	uint32_t i = words_slot(m, words);

	if (m->words[i] != 0)
		return m->words[i];
	if (m->nwords == MEMO_WORDS) {
		memo_clear(m);
		i = words_slot(m, words);
	}
	m->at[m->nwords + 1] = (uint32_t)m->texts.n;
	put_text(&m->texts, words->vendor);
	put_text(&m->texts, words->model);
	put_text(&m->texts, words->version);
	if (m->texts.failed) {
		memo_clear(m);
		return 0;
	}
	m->words[i] = (uint16_t)++m->nwords;
	return m->nwords;
}

static bool word_fits(struct slice said, struct slice has) {
	return said.n == 0 || slice_same(said, has);
}

bool memo_words_fit(const struct memo *m, const struct memo_words *said, uint32_t has) {
	struct memo_words w = words_at(m, has);

	return word_fits(said->vendor, w.vendor) && word_fits(said->model, w.model) && word_fits(said->version, w.version);
}
