/* Whether a pattern does the same with every text that has certain bytes at certain places. */
#include <stdlib.h>

#include "analyzer/gate_private.h"

#define MAP_MAX 1048576 /* places of the text times nodes */

static inline bool set_meets(const struct byte_set *a, const struct byte_set *b) {
	return (a->bits[0] & b->bits[0]) | (a->bits[1] & b->bits[1]) | (a->bits[2] & b->bits[2]) |
	       (a->bits[3] & b->bits[3]);
}

static inline bool set_holds(const struct byte_set *a, const struct byte_set *b) {
	return !((~a->bits[0] & b->bits[0]) | (~a->bits[1] & b->bits[1]) | (~a->bits[2] & b->bits[2]) |
	         (~a->bits[3] & b->bits[3]));
}

/* The nodes that take no byte. */
struct jumps {
	unsigned n;
	unsigned at[NODES_MAX];
};

static void jumps_find(const struct graph *g, struct jumps *out) {
	out->n = 0;
	for (unsigned i = 0; i < g->n; i++)
		if (g->nodes[i].kind == NODE_GO || g->nodes[i].kind == NODE_SPLIT)
			out->at[out->n++] = i;
}

/* Whether the pattern's end can be reached from each node at one place of the text; next: the same for the place behind, NULL at the end. */
static void ends_find(const struct graph *g, const struct jumps *jumps, const struct byte_set *byte, const bool *next,
                      bool *can) {
	bool changed = true;

	for (unsigned i = 0; i < g->n; i++) {
		const struct node *at = &g->nodes[i];

		can[i] = at->kind == NODE_REST || (at->kind == NODE_END && !next) ||
		         (at->kind == NODE_SET && next && next[at->a] && set_meets(&at->set, byte));
	}
	while (changed) {
		changed = false;
		for (unsigned i = jumps->n; i-- > 0;) {
			const struct node *at = &g->nodes[jumps->at[i]];
			bool *its = &can[jumps->at[i]];

			if (!*its && (can[at->a] || (at->kind == NODE_SPLIT && can[at->b]))) {
				*its = true;
				changed = true;
			}
		}
	}
}

/* What can be reached from a node without a byte, and with the byte at this place. True: some bytes that may stand there lead on towards the end, others not. */
static bool step_from(const struct graph *g, unsigned node, const struct byte_set *byte, const bool *can, bool *seen,
                      bool *next) {
	unsigned reached[NODES_MAX];
	unsigned n = graph_reach(g, node, seen, reached);
	bool differs = false;

	for (unsigned k = 0; k < n; k++) {
		const struct node *at = &g->nodes[reached[k]];

		if (at->kind != NODE_SET || !set_meets(&at->set, byte))
			continue;
		next[at->a] = true;
		differs = differs || (!set_holds(&at->set, byte) && (can[at->a] || g->commits));
	}
	return differs;
}

bool pattern_is_blind(struct slice pattern, bool anchored, const struct byte_set *text, size_t n) {
	struct graph g;
	struct jumps jumps;
	bool now[NODES_MAX], next[NODES_MAX], seen[NODES_MAX];
	bool matches = false, differs = false;
	unsigned begin;
	bool *can; /* by place and node */

	if (!graph_read(&g, pattern, &begin) || (n + 1) * g.n > MAP_MAX)
		return false;
	can = malloc((n + 1) * g.n);
	if (!can)
		return false;
	jumps_find(&g, &jumps);
	for (size_t place = n + 1; place-- > 0;) {
		ends_find(&g, &jumps, place < n ? &text[place] : NULL, place < n ? can + (place + 1) * g.n : NULL,
		          can + place * g.n);
		matches = matches || (can[place * g.n + begin] && (place == 0 || !anchored));
	}
	memset(now, 0, g.n);
	now[begin] = true;
	for (size_t place = 0; place < n && matches && !differs; place++) {
		memset(next, 0, g.n);
		memset(seen, 0, g.n);
		for (unsigned i = 0; i < g.n; i++)
			if (now[i] && !seen[i])
				differs = step_from(&g, i, &text[place], can + (place + 1) * g.n, seen, next) || differs;
		memcpy(now, next, g.n);
		now[begin] = now[begin] || !anchored;
	}
	free(can);
	return !matches || (!differs && !g.vague);
}
