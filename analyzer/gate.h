/* gate: which of many patterns a text could match, told by its first bytes and by where it ends, so that of some hundred patterns the one or two run that
 * have a chance. A gate keeps out nothing that matches; what it lets in is still to be tried.
 *
 * gate_graph.c reads a pattern (a subset of PCRE2's language; anything else may match all), gate_shape.c tells its shape and what it could match, gate_blind.c what it does not see, and gate.c holds
 * the shapes of many as one table: for each place and byte the set of those that may have that byte there.
 */
#ifndef PROVCTL_GATE_H
#define PROVCTL_GATE_H

#include "common/buf.h"
#include "common/err.h"

#define GATE_DEPTH 16 /* bytes that are looked at: a MAC, and some of what stands behind it */

struct byte_set {
	uint64_t bits[4];
};

/* The bytes that may stand at each of the first places of a text, and the lengths below GATE_DEPTH that it may have. */
struct shape {
	struct byte_set at[GATE_DEPTH];
	uint32_t ends; /* 1 << length */
};

/* Of no text, to be widened. */
void shape_none(struct shape *s);
void shape_any(struct shape *s);
/* Widened by one text, or by all that begin like what is in `other`. */
void shape_add_text(struct shape *s, struct slice text);
/* Of all that a pattern matches whose matches all begin at the text's first byte (pattern_is_anchored). */
void shape_of_pattern(struct shape *s, struct slice pattern);
bool shape_takes(const struct shape *s, struct slice text);

#define TEXT_DEPTH 4096 /* bytes that are looked at by what looks further than a shape does */

/* False: such a pattern does not match the text. Slow. */
bool pattern_could_match(struct slice pattern, struct slice text);

/* Whether the pattern does the same with every text of n bytes that has one of text[i] at each place i: that none matches, or that all match at the same
 * places, since no byte that it looks at on its way is in some of its sets and not in others. text[i] is one byte, or the hex digits of one case. False where
 * this cannot be told. */
bool pattern_is_blind(struct slice pattern, bool anchored, const struct byte_set *text, size_t n);

struct gate;
/* For n entries, of which each takes nothing until it is told. */
int gate_new(struct gate **out, uint32_t n, struct err *err);
void gate_free(struct gate **gate);
void gate_add(struct gate *g, uint32_t entry, const struct shape *s);
/* It takes any text, and none. */
void gate_add_all(struct gate *g, uint32_t entry);
/* When all is added, before the first gate_narrow. */
int gate_close(struct gate *g, struct err *err);
/* Clears in set (GATE_WORDS of the entries) those that cannot match the text; p NULL: there is none. */
#define GATE_WORDS(n) (((n) + 63) / 64)
void gate_narrow(const struct gate *g, struct slice text, uint64_t *set);

#endif
