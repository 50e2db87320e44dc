/* recall: what a request of an access log became when its like came before. Phones ask for the same again and again, and those of one make differ in
 * nothing but the lower half of their MAC: what rules and phones tell of them is looked up instead of found out anew.
 *
 * It is exactly as if it were found out. An event depends on the bytes of its line from the request on, on the address and on the time, and on
 * nothing before (recall_new refuses rules of which that is not true); address and time are read from each line. Of the request the digits of a MAC's lower half, in the file's name
 * and in the agent, and the number of bytes may differ, after it was proven (recall_proof.c) that no pattern sees them, and tried that the event is the
 * same but for the MAC. All else is known by a keyed hash of 128 bits (SipHash, Aumasson and Bernstein 2012, with a key of the process), so that nobody can
 * find two requests that are taken for one. The memory is bounded, what was seen last stays in it, and proofs are rationed.
 */
#ifndef PROVCTL_RECALL_H
#define PROVCTL_RECALL_H

#include "analyzer/rule.h"

struct recall;

/* For lines of ctx, which must stay as it is. *out is NULL where the format or the rules are such that nothing can be recalled. */
int recall_new(struct recall **out, const struct line_context *ctx, struct err *err);
void recall_free(struct recall **recall);

#define REQUEST_MAX 1024 /* bytes; longer ones are not looked up */

/* A line that can be looked up. */
struct request {
	struct slice line, text; /* without a CR; from the request on */
	struct addr ip;
	int64_t time;
	/* Where the lower halves of the file's MAC and of the agent's begin in text, 0 for none; their numbers. */
	uint16_t file_at, agent_at;
	bool agent_spelled; /* with a colon between each two digits */
	uint32_t file_low, agent_low;
	char masked[REQUEST_MAX]; /* the text, with a mark for each byte that may differ */
	uint64_t hash[2];
};

/* The marks are bytes that stand in no line that can be looked up. */
enum { MARK_LOWER = 1, MARK_UPPER = 2, MARK_OTHER = 4 /* the agent's is not the file's */, MARK_BYTES = 8, MARKS = 16 };

/* False: not such a line. Its time is decoded as format_split would. */
bool request_read(const struct recall *r, struct line_context *ctx, struct slice line, struct request *out);
/* True: *outcome, and *e where that is an event, as rules_event has them. */
bool recall_find(struct recall *r, const struct line_context *ctx, const struct request *q, enum outcome *outcome,
                 struct event *e);
/* What became of the request now. `decide` finds it out for a line that differs where a request may; *e may be void behind it, and is made anew. */
void recall_keep(struct recall *r, struct line_context *ctx, const struct request *q, enum outcome outcome,
                 struct event *e, enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e));

/* recall_proof.c: no rule, phone or imposter sees the bytes of the request that are marked. event: it makes one, for which MACs are compared. */
bool request_is_blind(struct line_context *ctx, const struct request *request, bool event);

#endif
