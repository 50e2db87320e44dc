/* recall: what a request of an access log became when its like came before. Phones ask for the same again and again, and those of one make differ in
 * nothing but the lower half of their MAC: what rules and phones tell of them is looked up instead of found out anew.
 *
 * It is exactly as if it were found out. An event depends on the bytes of its line from the request on, on the address and on the time, and on
 * nothing before (recall_new refuses rules of which that is not true); address and time are read from each line. Of the request the digits of a MAC's lower half, in the file's name
 * and in the agent, the digits of a secret folder, the number of bytes, host and user may differ (recall_request.c), after it was proven (recall_proof.c) that no pattern sees them, and tried that the event is the
 * same but for the MAC. All else is known by a hash with a key of the process alone, under which any two requests are alike with a probability of 2^-128, so that nobody can
 * find two that are taken for one. The memory is bounded, what was seen last stays in it, and proofs are rationed.
 */
#ifndef PROVCTL_RECALL_H
#define PROVCTL_RECALL_H

#include "analyzer/rule.h"

struct recall;

/* For lines of ctx, which must stay as it is. *out is NULL where the format or the rules are such that nothing can be recalled. */
int recall_new(struct recall **out, const struct line_context *ctx, struct err *err);
void recall_free(struct recall **recall);

#define REQUEST_MAX  1024 /* bytes; longer ones are not looked up */
#define REQUEST_ROOM (REQUEST_MAX + 80)
#define HEAD_MAX     128 /* bytes of an address or a stamp */
#define REQUEST_HEAD 384 /* and of all in front of the request */

/* What all requests have in common. */
struct request_kind {
	bool bytes;   /* their number may differ: no rule asks for it */
	bool heads;   /* so may host and user in front of the request */
	bool folders; /* so may secret ones */
	uint64_t key[REQUEST_MAX / sizeof(uint64_t) + 2];
};

struct request_key {
	uint64_t sums[4];
	size_t n;  /* bytes of the request */
	bool user; /* the line names one */
};

/* A line that can be looked up. */
struct request {
	struct slice line, text; /* without a CR; from the request on */
	struct slice user;       /* as an event has it */
	struct addr ip;
	int64_t time;
	/* Where the lower halves of the file's MAC and of the agent's begin in text, 0 for none; their numbers. */
	uint16_t file_at, agent_at;
	uint8_t agent_step; /* from one pair of the agent's digits to the next: 3 where they are separated */
	uint32_t file_low, agent_low;
	uint16_t folder_at, folder_n; /* a folder of hex digits, of which any may be another; n 0: none */
	bool folder_upper;
	struct request_key key;
	char masked[REQUEST_ROOM]; /* the text, with a mark for each byte that may differ, and blanks behind it */
};

/* The marks are bytes that stand in no line that can be looked up. */
enum { MARK_LOWER = 1, MARK_UPPER = 2, MARK_OTHER = 4 /* the agent's is not the file's */, MARK_BYTES = 8, MARKS = 16 };

/* recall_request.c. False: not such a line. Its time is decoded as format_split would. */
bool request_read(const struct request_kind *kind, struct line_context *ctx, struct slice line, struct request *out);

/* As request_read, for lines that r was made for. */
bool recall_read(const struct recall *r, struct line_context *ctx, struct slice line, struct request *out);
/* True: *outcome, and *e where that is an event, as rules_event has them. */
bool recall_find(struct recall *r, const struct line_context *ctx, const struct request *q, enum outcome *outcome,
                 struct event *e);
/* What became of the request now. `decide` finds it out for a line that differs where a request may; *e may be void behind it, and is made anew. */
void recall_keep(struct recall *r, struct line_context *ctx, const struct request *q, enum outcome outcome,
                 struct event *e, enum outcome (*decide)(struct line_context *ctx, struct slice line, struct event *e));

/* recall_proof.c: no rule, phone or imposter sees the bytes of the request that are marked. event: it makes one, for which MACs are compared. */
bool request_is_blind(struct line_context *ctx, const struct request *request, bool event);

#endif
