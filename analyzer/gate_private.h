/* gate_private: a pattern as a graph of byte sets, which gate_graph.c makes of it, and in which gate_shape.c and gate_blind.c look at what it can match. Whatever is not
 * known is taken for more than it is: a look-around or a boundary holds everywhere, behind a back reference anything may stand. */
#ifndef PROVCTL_GATE_PRIVATE_H
#define PROVCTL_GATE_PRIVATE_H

#include <string.h>

#include "analyzer/gate.h"

#define NODES_MAX 4096

enum kind {
	NODE_SET,   /* a byte of `set`, then `a` */
	NODE_SPLIT, /* `a` or `b` */
	NODE_GO,    /* `a` */
	NODE_END,   /* the text ends here */
	NODE_REST   /* anything */
};

struct node {
	enum kind kind;
	unsigned a, b;
	struct byte_set set;
};

struct graph {
	struct slice left; /* of the pattern */
	bool nocase;
	bool unknown; /* something that this reader does not know */
	bool vague;   /* something that it takes for more than it is */
	bool commits; /* something that is not taken back where what follows fails */
	unsigned nested;
	unsigned n;
	struct node nodes[NODES_MAX];
};

static inline void set_add(struct byte_set *set, unsigned first, unsigned last) {
	for (unsigned b = first; b <= last && b < 256; b++)
		set->bits[b / 64] |= 1ULL << b % 64;
}

/* What can be reached from a node without a byte, into `out`, itself first; what `seen` has is left out, and noted there else. How many. */
unsigned graph_reach(const struct graph *g, unsigned node, bool *seen, unsigned out[NODES_MAX]);

/* Where the graph begins in *begin. False: the pattern is not known. */
bool graph_read(struct graph *g, struct slice pattern, unsigned *begin);

#endif
