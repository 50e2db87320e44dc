/* From a pattern to its shape: in its graph one goes as many steps as a gate is deep, or for one text as many as that has bytes. */
#include "analyzer/gate_private.h"

/* All that can be reached from a node without a byte, of which the bytes lead on to `next`. */
static void reach(const struct graph *g, unsigned node, unsigned place, struct shape *s, bool *seen, bool *next) {
	unsigned reached[NODES_MAX];
	unsigned n = graph_reach(g, node, seen, reached);

	for (unsigned k = 0; k < n; k++) {
		const struct node *at = &g->nodes[reached[k]];

		if (at->kind == NODE_SET) {
			for (unsigned w = 0; w < 4; w++)
				s->at[place].bits[w] |= at->set.bits[w];
			next[at->a] = true;
		} else if (at->kind == NODE_END)
			s->ends |= 1U << place;
		else if (at->kind == NODE_REST) {
			for (unsigned i = place; i < GATE_DEPTH; i++) {
				set_add(&s->at[i], 0, 255);
				s->ends |= 1U << i;
			}
		}
	}
}

void shape_of_pattern(struct shape *s, struct slice pattern) {
	struct graph g;
	bool now[NODES_MAX], next[NODES_MAX], seen[NODES_MAX];
	unsigned begin;

	if (!graph_read(&g, pattern, &begin)) {
		shape_any(s);
		return;
	}
	shape_none(s);
	memset(now, 0, g.n);
	now[begin] = true;
	for (unsigned place = 0; place < GATE_DEPTH; place++) {
		memset(next, 0, g.n);
		memset(seen, 0, g.n);
		for (unsigned i = 0; i < g.n; i++)
			if (now[i] && !seen[i])
				reach(&g, i, place, s, seen, next);
		memcpy(now, next, g.n);
	}
}

static bool set_has(const struct byte_set *set, unsigned char byte) {
	return set->bits[byte / 64] >> byte % 64 & 1;
}

/* Follows a node without a byte, and with this one, or to the end where it is negative. True: whatever follows, it matches. */
static bool follow(const struct graph *g, unsigned node, int byte, bool *seen, bool *next) {
	unsigned reached[NODES_MAX];
	unsigned n = graph_reach(g, node, seen, reached);

	for (unsigned k = 0; k < n; k++) {
		const struct node *at = &g->nodes[reached[k]];

		if (at->kind == NODE_REST || (at->kind == NODE_END && byte < 0))
			return true;
		if (at->kind == NODE_SET && byte >= 0 && set_has(&at->set, (unsigned char)byte))
			next[at->a] = true;
	}
	return false;
}

bool pattern_could_match(struct slice pattern, struct slice text) {
	struct graph g;
	bool now[NODES_MAX], next[NODES_MAX], seen[NODES_MAX];
	bool could = false;
	unsigned begin;

	if (!graph_read(&g, pattern, &begin))
		return true;
	memset(now, 0, g.n);
	now[begin] = true;
	for (size_t place = 0; place <= text.n && !could; place++) {
		if (place == TEXT_DEPTH && place < text.n)
			return memchr(now, 1, g.n) != NULL;
		memset(next, 0, g.n);
		memset(seen, 0, g.n);
		for (unsigned i = 0; i < g.n && !could; i++)
			if (now[i] && !seen[i])
				could = follow(&g, i, place < text.n ? (unsigned char)text.p[place] : -1, seen, next);
		memcpy(now, next, g.n);
	}
	return could;
}
