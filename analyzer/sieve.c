#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/block.h"
#include "analyzer/gate_private.h"
#include "analyzer/sieve.h"

#define PLACES_MAX 65535
#define STATES_MAX 256
#define LISTS_MAX  16384 /* places of all states beside the first */
#define HEADS      1024  /* a power of two */
#define ALONE                                                                                                          \
	32 /* bytes that are looked at although one entry alone is undecided: most patterns are done with by then */
#define CREDIT     4096 /* steps from state to state that may be found out at once, and */
#define CREDIT_FOR 1    /* for each text */
#define BYTES      256
#define KNOWN      32 /* short texts, which come again: a power of two */
#define KNOWN_MAX  24 /* bytes of one */
#define BEGINNINGS 4  /* of long ones, which come again, too */

enum { UNKNOWN, START };

/* A node of the graphs; a NODE_REST is where its entry takes whatever follows. */
struct place {
	uint8_t kind;
	uint16_t set, a, b, entry;
};

struct state {
	uint32_t list; /* where its places stand */
	uint32_t n;
	uint16_t next; /* of the same hash */
	bool done;     /* nobody is undecided */
	bool alone;    /* one entry is at most */
};

/* Of each state: what takes whatever follows, what could match still, what matches a text that ends there. */
enum { SET_REST, SET_STOP, SET_END, SETS };

/* A text, and which sets are its. */
struct known {
	uint8_t n; /* 0: none */
	uint16_t sets;
	char text[KNOWN_MAX];
};

/* How a long text began that was not looked at further, and which sets are its. */
struct beginning {
	uint8_t n; /* 0: none */
	uint16_t sets;
	char text[ALONE];
};

struct sieve {
	uint32_t words;
	uint64_t *absent; /* those that need no text */
	uint64_t *any;    /* those that take any */
	struct graph *graph;
	uint32_t nplaces, room;
	struct place *places;
	uint32_t nbegins;
	uint16_t *begins; /* by entry, some of each */
	uint32_t nsets, sets_room;
	struct byte_set *sets;
	uint32_t nclasses; /* of bytes that no place tells apart */
	uint8_t class_of[BYTES], byte_of[BYTES];
	/* What is found out. */
	uint32_t credit;
	uint32_t nstates, nlists;
	bool full; /* all is to be forgotten */
	struct state states[STATES_MAX];
	uint16_t heads[HEADS];
	uint16_t *lists;
	uint64_t *state_sets;
	int32_t *
		moves; /* by state and class: UNKNOWN, or where the moves of the next state begin, negative where that is done */
	struct known known[KNOWN];
	struct beginning beginnings[BEGINNINGS];
	uint32_t oldest; /* of those */
	/* While one is found out. */
	uint64_t *seen;  /* places */
	uint64_t *rest;  /* entries */
	uint16_t *found; /* places */
};

int sieve_new(struct sieve **out, uint32_t n, struct err *err) {
	struct sieve *s = calloc(1, sizeof(*s));

	if (!s)
		return err_errno(err, "rules");
	s->words = GATE_WORDS(n);
	s->absent = calloc(s->words + 1, sizeof(*s->absent));
	s->any = calloc(s->words + 1, sizeof(*s->any));
	s->graph = malloc(sizeof(*s->graph));
	if (!s->absent || !s->any || !s->graph) {
		sieve_free(&s);
		return err_errno(err, "rules");
	}
	*out = s;
	return 0;
}

void sieve_free(struct sieve **sieve) {
	struct sieve *s = *sieve;

	if (!s)
		return;
	free(s->absent);
	free(s->any);
	free(s->graph);
	free(s->places);
	free(s->begins);
	free(s->sets);
	free(s->lists);
	free(s->state_sets);
	free(s->moves);
	free(s->seen);
	free(s->rest);
	free(s->found);
	free(s);
	*sieve = NULL;
}

/* ---- what is added ---- */

void sieve_add_any(struct sieve *s, uint32_t entry, bool absent) {
	s->any[entry / 64] |= 1ULL << entry % 64;
	if (absent)
		s->absent[entry / 64] |= 1ULL << entry % 64;
}

static int set_number(struct sieve *s, const struct byte_set *set, uint16_t *out, struct err *err) {
	uint32_t i = s->nsets;

	while (i > 0 && memcmp(&s->sets[i - 1], set, sizeof(*set)) != 0)
		i--;
	if (i == 0) {
		if (s->nsets == s->sets_room) {
			uint32_t room = 2 * s->sets_room + 64;
			struct byte_set *more = realloc(s->sets, room * sizeof(*more));

			if (!more)
				return err_errno(err, "rules");
			s->sets = more;
			s->sets_room = room;
		}
		s->sets[s->nsets++] = *set;
		i = s->nsets;
	}
	*out = (uint16_t)(i - 1);
	return 0;
}

/* Takes the graph at hand. False, with nothing taken, where there is no room for it. */
static int graph_add(struct sieve *s, uint32_t entry, unsigned begin, struct err *err) {
	const struct graph *g = s->graph;
	uint32_t base = s->nplaces;

	if (base + g->n > s->room) {
		uint32_t room = 2 * (base + g->n);
		struct place *places = realloc(s->places, room * sizeof(*places));

		if (!places)
			return err_errno(err, "rules");
		s->places = places;
		s->room = room;
	}
	if (s->nbegins % 64 == 0) {
		uint16_t *begins = realloc(s->begins, (s->nbegins + 64) * sizeof(*begins));

		if (!begins)
			return err_errno(err, "rules");
		s->begins = begins;
	}
	for (unsigned i = 0; i < g->n; i++) {
		const struct node *node = &g->nodes[i];
		struct place *place = &s->places[base + i];

		*place = (struct place){.kind = (uint8_t)node->kind,
		                        .a = (uint16_t)(base + node->a),
		                        .b = (uint16_t)(base + node->b),
		                        .entry = (uint16_t)entry};
		if (node->kind == NODE_SET && set_number(s, &node->set, &place->set, err))
			return -1;
	}
	s->nplaces += g->n;
	s->begins[s->nbegins++] = (uint16_t)(base + begin);
	return 0;
}

static bool has_room(const struct sieve *s, size_t n) {
	return s->nplaces + n <= PLACES_MAX;
}

int sieve_add_pattern(struct sieve *s, uint32_t entry, struct slice pattern, struct err *err) {
	unsigned begin;

	if (graph_read(s->graph, pattern, &begin) && has_room(s, s->graph->n))
		return graph_add(s, entry, begin, err);
	sieve_add_any(s, entry, false);
	return 0;
}

int sieve_add_text(struct sieve *s, uint32_t entry, struct slice text, struct err *err) {
	struct graph *g = s->graph;

	if (text.n >= NODES_MAX || !has_room(s, text.n + 1)) {
		sieve_add_any(s, entry, false);
		return 0;
	}
	for (g->n = 0; g->n < text.n; g->n++) {
		unsigned char byte = (unsigned char)text.p[g->n];

		g->nodes[g->n] = (struct node){.kind = NODE_SET, .a = g->n + 1};
		set_add(&g->nodes[g->n].set, byte, byte);
	}
	g->nodes[g->n++] = (struct node){.kind = NODE_END};
	return graph_add(s, entry, 0, err);
}

/* Bytes are of one class where each set has all or none of them. */
static void classes_find(struct sieve *s) {
	s->nclasses = 1;
	memset(s->class_of, 0, sizeof(s->class_of));
	for (uint32_t i = 0; i < s->nsets; i++) {
		int to[2][BYTES]; /* the new class of each, in the set or not */
		uint32_t n = 0;

		memset(to, 0xff, sizeof(to));
		for (unsigned b = 0; b < BYTES; b++) {
			int *its = &to[s->sets[i].bits[b / 64] >> b % 64 & 1][s->class_of[b]];

			if (*its < 0)
				*its = (int)n++;
			s->class_of[b] = (uint8_t)*its;
		}
		s->nclasses = n;
	}
	for (unsigned b = 0; b < BYTES; b++)
		s->byte_of[s->class_of[b]] = (uint8_t)b;
}

/* ---- states ---- */

/* All that can be reached from a place without a byte; what takes whatever follows into `rest`. */
static void reach(struct sieve *s, uint16_t from) {
	uint32_t n = 0;

	/* Each place waits once at most. */
	if (s->seen[from / 64] >> from % 64 & 1)
		return;
	s->seen[from / 64] |= 1ULL << from % 64;
	s->found[n++] = from;
	while (n > 0) {
		const struct place *at = &s->places[s->found[--n]];
		const uint16_t to[2] = {at->a, at->b};
		unsigned count = at->kind == NODE_GO ? 1 : at->kind == NODE_SPLIT ? 2 : 0;

		for (unsigned i = 0; i < count; i++)
			if (!(s->seen[to[i] / 64] >> to[i] % 64 & 1)) {
				s->seen[to[i] / 64] |= 1ULL << to[i] % 64;
				s->found[n++] = to[i];
			}
		if (at->kind == NODE_REST)
			s->rest[at->entry / 64] |= 1ULL << at->entry % 64;
	}
}

static bool takes_rest(const struct sieve *s, const struct place *at) {
	return s->rest[at->entry / 64] >> at->entry % 64 & 1;
}

/* The places that were reached and matter, in order, into `found`. */
static uint32_t reached(struct sieve *s) {
	uint32_t n = 0;

	for (uint32_t w = 0; w <= s->nplaces / 64; w++)
		for (uint64_t left = s->seen[w]; left; left &= left - 1) {
			uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
			const struct place *at = &s->places[i];

			if ((at->kind == NODE_SET || at->kind == NODE_END) && !takes_rest(s, at))
				s->found[n++] = (uint16_t)i;
		}
	return n;
}

static uint64_t *sets_of(const struct sieve *s, uint32_t state) {
	return s->state_sets + (size_t)state * SETS * s->words;
}

static void state_fill(struct sieve *s, uint32_t number, uint32_t n) {
	struct state *state = &s->states[number];
	uint64_t *sets = sets_of(s, number);
	uint32_t undecided = 0;

	for (unsigned i = 0; i < SETS; i++)
		memcpy(sets + i * s->words, s->rest, s->words * sizeof(*sets));
	for (uint32_t i = 0; i < n; i++) {
		const struct place *at = &s->places[s->found[i]];
		uint64_t bit = 1ULL << at->entry % 64;
		uint64_t *stop = &sets[SET_STOP * s->words + at->entry / 64];

		undecided += !(*stop & bit);
		*stop |= bit;
		if (at->kind == NODE_END)
			sets[SET_END * s->words + at->entry / 64] |= bit;
	}
	memcpy(s->lists + s->nlists, s->found, n * sizeof(*s->found));
	state->list = s->nlists;
	state->n = n;
	state->done = undecided == 0;
	state->alone = undecided <= 1;
	s->nlists += n;
}

/* The state of the n places found and of `rest`, made where it is new. UNKNOWN where there are too many. */
static uint16_t state_number(struct sieve *s, uint32_t n) {
	uint64_t hash = n;
	uint16_t *head;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ s->found[i]) * 0x9e3779b97f4a7c15ULL;
	for (uint32_t w = 0; w < s->words; w++)
		hash = (hash ^ s->rest[w]) * 0x9e3779b97f4a7c15ULL;
	head = &s->heads[hash >> 32 & (HEADS - 1)];
	for (uint16_t i = *head; i != UNKNOWN; i = s->states[i].next)
		if (s->states[i].n == n && memcmp(s->lists + s->states[i].list, s->found, n * sizeof(*s->found)) == 0 &&
		    memcmp(sets_of(s, i), s->rest, s->words * sizeof(*s->rest)) == 0)
			return i;
	if (s->nstates == STATES_MAX || s->nlists + n > LISTS_MAX + s->nplaces) {
		s->full = true;
		return UNKNOWN;
	}
	state_fill(s, s->nstates, n);
	s->states[s->nstates].next = *head;
	*head = (uint16_t)s->nstates;
	return (uint16_t)s->nstates++;
}

static void start(struct sieve *s) {
	memset(s->heads, 0, sizeof(s->heads));
	memset(s->known, 0, sizeof(s->known));
	memset(s->beginnings, 0, sizeof(s->beginnings));
	memset(s->moves, 0, (size_t)s->nstates * s->nclasses * sizeof(*s->moves));
	s->nstates = START;
	s->nlists = 0;
	s->full = false;
	memset(s->seen, 0, (s->nplaces / 64 + 1) * sizeof(*s->seen));
	memcpy(s->rest, s->any, s->words * sizeof(*s->rest));
	for (uint32_t i = 0; i < s->nbegins; i++)
		reach(s, s->begins[i]);
	(void)state_number(s, reached(s));
}

/* What the byte leads to, found out for its whole class. UNKNOWN where that is too much. */
static int32_t step(struct sieve *s, uint32_t from, unsigned class) {
	const struct state *state = &s->states[from];
	unsigned byte = s->byte_of[class];
	uint16_t to;
	int32_t move;

	if (s->credit == 0 || s->full)
		return UNKNOWN;
	s->credit--;
	memset(s->seen, 0, (s->nplaces / 64 + 1) * sizeof(*s->seen));
	memcpy(s->rest, sets_of(s, from), s->words * sizeof(*s->rest));
	for (uint32_t i = 0; i < state->n; i++) {
		const struct place *at = &s->places[s->lists[state->list + i]];

		if (at->kind == NODE_SET && s->sets[at->set].bits[byte / 64] >> byte % 64 & 1)
			reach(s, at->a);
	}
	to = state_number(s, reached(s));
	if (to == UNKNOWN)
		return UNKNOWN;
	move = (int32_t)(to * s->nclasses);
	s->moves[from * s->nclasses + class] = s->states[to].done ? -move : move;
	return s->moves[from * s->nclasses + class];
}

int sieve_close(struct sieve *s, struct err *err) {
	size_t words = s->nplaces / 64 + 1;

	free(s->graph);
	s->graph = NULL;
	classes_find(s);
	/* What no text leads to costs no memory. */
	s->lists = malloc((LISTS_MAX + s->nplaces) * sizeof(*s->lists));
	s->state_sets = malloc((size_t)STATES_MAX * SETS * s->words * sizeof(*s->state_sets) + 1);
	s->moves = calloc(STATES_MAX, s->nclasses * sizeof(*s->moves));
	s->seen = malloc(words * sizeof(*s->seen));
	s->rest = malloc(s->words * sizeof(*s->rest) + 1);
	s->found = malloc(s->nplaces * sizeof(*s->found) + 1);
	if (!s->lists || !s->state_sets || !s->moves || !s->seen || !s->rest || !s->found)
		return err_errno(err, "rules");
	s->credit = CREDIT;
	s->nstates = START;
	start(s);
	return 0;
}

/* Where the text is kept, or is to be; NULL for one that is not kept. */
static struct known *known_at(struct sieve *s, struct slice text) {
	if (text.n == 0 || text.n > KNOWN_MAX)
		return NULL;
	return &s->known[(text.n * 5 + (unsigned char)text.p[0] + (unsigned char)text.p[text.n - 1] * 3) & (KNOWN - 1)];
}

static_assert(ALONE == 2 * BLOCK, "a beginning is compared by two blocks");

static bool begins_with(struct slice text, const struct beginning *b) {
	uint64_t same = block_bits((block)(block_load(text.p) == block_load(b->text))) |
	                (uint64_t)block_bits((block)(block_load(text.p + BLOCK) == block_load(b->text + BLOCK))) << BLOCK;

	return b->n > 0 && (~same & ((1ULL << b->n) - 1)) == 0;
}

/* The number of the sets of a text, and how many bytes tell it; 0 where there was too much to find out. */
static uint32_t look(struct sieve *s, struct slice text, size_t *told) {
	const unsigned char *at = (const unsigned char *)text.p;
	size_t n = text.n < TEXT_DEPTH ? text.n : TEXT_DEPTH;
	int32_t row = (int32_t)(START * s->nclasses);
	bool whole = true;
	uint32_t state;
	size_t i = 0;

	while (i < n) {
		unsigned class = s->class_of[at[i]];
		int32_t move = s->moves[(uint32_t)row + class];

		if (move == UNKNOWN && (move = step(s, (uint32_t)row / s->nclasses, class)) == UNKNOWN) {
			whole = false;
			break;
		}
		i++;
		row = move < 0 ? -move : move;
		if (move < 0 || (i >= ALONE && s->states[(uint32_t)row / s->nclasses].alone))
			break;
	}
	*told = whole ? i : 0;
	state = (uint32_t)row / s->nclasses;
	return state * SETS + (i == text.n ? SET_END : SET_STOP);
}

/* As look, for texts that come again. */
static uint32_t look_again(struct sieve *s, struct slice text) {
	struct known *known = known_at(s, text);
	uint32_t number;
	size_t told;

	if (known && known->n == text.n && memcmp(known->text, text.p, text.n) == 0)
		return known->sets;
	for (unsigned i = 0; text.n > ALONE && i < BEGINNINGS; i++)
		if (begins_with(text, &s->beginnings[i]))
			return s->beginnings[i].sets;
	if (s->full)
		start(s);
	s->credit += s->credit < CREDIT ? CREDIT_FOR : 0;
	number = look(s, text, &told);
	if (known && told > 0) {
		known->n = (uint8_t)text.n;
		known->sets = (uint16_t)number;
		memcpy(known->text, text.p, text.n);
	} else if (told > 0 && told <= ALONE && text.n > ALONE) {
		struct beginning *b = &s->beginnings[s->oldest++ % BEGINNINGS];

		b->n = (uint8_t)told;
		b->sets = (uint16_t)number;
		memcpy(b->text, text.p, ALONE);
	}
	return number;
}

void sieve_narrow(struct sieve *s, struct slice text, uint64_t *set) {
	const uint64_t *sets;
	uint64_t left = 0;

	/* Those that need no text take any: often no other is left. */
	for (uint32_t w = 0; w < s->words; w++)
		left |= set[w] & ~s->absent[w];
	if (!left)
		return;
	sets = text.p ? s->state_sets + (size_t)look_again(s, text) * s->words : s->absent;
	for (uint32_t w = 0; w < s->words; w++)
		set[w] &= sets[w];
}
