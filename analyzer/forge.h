/* forge: what a client could make of a line by the words that it sends. For a line that a rule takes, the places where
 * a client's words stand are found, and other words are put there as the program that logs would write them.
 * For the warnings of `check` (lint.c) and for tests; nothing here runs while logs are read.
 *
 * Web servers: user, folders, a query's parameter, referer, agent, host. Any other line: wherever the rule still takes the message with
 * one more letter in it, which is more than a client can reach: what a rule does not look at may be anybody's.
 */
#ifndef PROVCTL_FORGE_H
#define PROVCTL_FORGE_H

#include "analyzer/rule_private.h"

#define FORGE_SPANS_MAX 48

enum forge_place {
	FORGE_TEXT,     /* anything */
	FORGE_WORD,     /* a host's name: no blanks */
	FORGE_FOLDER,   /* a further folder of the path */
	FORGE_PARAMETER /* a further parameter of the query */
};

enum forge_writer {
	FORGE_RAW,   /* Asterisk, FreeSWITCH: as it came; a header's line break is a blank */
	FORGE_OCTAL, /* rsyslog: control bytes as #012 */
	FORGE_NGINX, /* \x22 */
	FORGE_APACHE,
	FORGE_HASH, /* HAProxy: #22 */
	FORGE_JSON,
	FORGE_WRITERS
};

struct forge_span {
	size_t at, n; /* of the line */
	enum forge_place place;
	bool device; /* a device named here is the one that was asked for */
	bool json;   /* a part of a text in JSON */
	bool named;  /* the rule takes what stands here as a field: certainly a client's */
};

/* Whether the rule's conditions hold, whatever rules stand before it. */
bool forge_takes(struct line_context *ctx, const struct rule *rule, struct slice line, struct line_fields **fields);
/* The spans of a line that the rule takes in ctx; the address as it stands in the line is told as *ip. 0 where the rule does
 * not take it. */
size_t forge_spans(struct line_context *ctx, const struct rule *rule, struct slice line,
                   struct forge_span spans[FORGE_SPANS_MAX], struct slice *ip);
/* Whether what stands in the span is written that way in the context's format. */
bool forge_writes(const struct line_context *ctx, const struct forge_span *span, enum forge_writer writer);
/* The line with words in the place of the span, or behind what stands there. */
void forge_line(struct buf *out, struct slice line, const struct forge_span *span, bool behind, struct slice words,
                enum forge_writer writer);
/* text with every address or MAC that is written as `ip` as `other`. */
void forge_address(struct buf *out, struct slice text, struct slice ip, const char *other);

#endif
