/* sieve: which of many patterns a whole text could match, told by one look at each of its bytes, however many patterns there are and however alike they begin. As a gate
 * it keeps out nothing that matches; what it lets through is still to be tried.
 *
 * The patterns' graphs (gate_graph.c) are walked side by side. The places in them to which some text has led are a state; states and what leads from one to another are found
 * out when a text first comes there, and kept. Their number is bounded: where there are too many all are forgotten. To find out is rationed: a text for which too much is
 * new is looked at no further, and whatever could match it so far is let through. A text is also left alone when it is for one pattern alone to
 * decide. */
#ifndef PROVCTL_SIEVE_H
#define PROVCTL_SIEVE_H

#include "common/buf.h"
#include "common/err.h"

#include "analyzer/gate.h"

struct sieve;

/* For n entries, of which each takes nothing until it is told. */
int sieve_new(struct sieve **out, uint32_t n, struct err *err);
void sieve_free(struct sieve **sieve);
/* All that such a pattern matches, whose matches all begin at the text's first byte (pattern_is_anchored). */
int sieve_add_pattern(struct sieve *s, uint32_t entry, struct slice pattern, struct err *err);
int sieve_add_text(struct sieve *s, uint32_t entry, struct slice text, struct err *err);
/* Any text; absent: and none. */
void sieve_add_any(struct sieve *s, uint32_t entry, bool absent);
/* When all is added, before the first sieve_narrow. */
int sieve_close(struct sieve *s, struct err *err);
/* Clears in set (GATE_WORDS of the entries) those that cannot match the text; p NULL: there is none. */
void sieve_narrow(struct sieve *s, struct slice text, uint64_t *set);

#endif
