/* rule: from fields to one event. Rules are YAML (provctl-rules(5)), read in the order of conf_rule_files; a later rule of the same id
 * replaces the former in its place. Patterns are PCRE2 with JIT and match limits (pcre.c, the one wrapper of pcre2.h);
 * a pattern runs only where a look at its field leaves it a chance (sieve.h).
 *
 * Files: rule_load.c (YAML to rules), rule_dispatch.c (of all rules those that a line has a chance to match), rule_match.c (fields to a match), rule_event.c (a match to an event: kind by status, proof,
 * imposter, forwarded address, MAC, poll claim), evidence.c (the line without secrets), phone.c (what agent and path tell of the asker),
 * explain.c (`explain --line`), samples.c (`provctl test`), lint.c and forge.c (what `check` warns of).
 */
#ifndef PROVCTL_RULE_H
#define PROVCTL_RULE_H

#include <stdio.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/event.h"

#include "analyzer/format.h"
#include "analyzer/geo.h"

struct rules;

/* Reads all rule files of the configuration. Each fault is reported as file:line:column: what: why (faults may be NULL); -1 where there
 * was one. Warnings (a rule without samples is a fault; see `check`) go through the same reporter. */
int rules_load(struct rules **out, const struct conf *conf, struct conf_faults *faults, struct err *err);
void rules_free(struct rules **rules);
const struct field_names *rules_names(const struct rules *rules);
unsigned rules_count(const struct rules *rules);
/* A source's own format (format_own_new) whose groups are fields that these rules know. Freed by format_own_free, before the rules. */
int rules_own_format(struct rules *rules, const char *pattern, struct format **out, struct err *err);

enum outcome {
	OUTCOME_EVENT,
	OUTCOME_NONE,       /* read, and no rule makes an event of it */
	OUTCOME_UNREADABLE, /* not of this format, or its time cannot be read */
	OUTCOME_LIMIT       /* a pattern hit its match limit: the line is dropped and counted */
};

/* One line of a log whose format is f. ctx carries what belongs to the log. On OUTCOME_EVENT *e is filled but for cursor and offset; its slices
 * borrow the line and the context, until the next call; its line is not evidence yet where it is raw. */
struct line_context {
	const struct conf *conf;
	struct rules *rules;
	struct geo *geo; /* may be NULL */
	const struct format *format;
	struct time_context *time;
	const char *account;   /* of the source, or NULL */
	bool inventory;        /* the source's device.* events are believed; false after line_context_init */
	struct recall *recall; /* borrowed: see recall.h. NULL after line_context_init */
	uint64_t *alike;       /* by rule: the number of its events that say nothing of a phone; 0 until there is one */
	struct line_fields *fields;
	struct buf evidence; /* buf_init(.., 4 * EVENT_LINE_MAX) */
};
int line_context_init(struct line_context *ctx, const struct conf *conf, struct rules *rules, struct geo *geo,
                      const struct format *format, const char *zone, const char *account, struct err *err);
void line_context_release(struct line_context *ctx);
enum outcome rules_event(struct line_context *ctx, struct slice line, struct event *e);

/* The longest line that an event carries as it is, to be made evidence when that is asked for; a longer one's is made at once. */
#define EVIDENCE_RAW_MAX 2048
/* The line fit to be shown: secrets blanked, escaped, cut to EVENT_LINE_MAX. folder: a secret folder in it, or empty. It is the line itself, or in out
 * (buf_init(.., 4 * EVENT_LINE_MAX)) until that is used again. */
struct slice evidence_of(struct buf *out, struct slice line, struct slice folder);

/* `explain --line`: the same, telling each step. Writes JSON as domain.md 9 says into out: format, fields, phone, rules (id, and how
 * far each got: "matched", "no literal", the field that did not match, ...), event. */
int rules_explain(struct line_context *ctx, struct slice line, struct buf *out, struct err *err);

/* `provctl test`: runs the samples of all rules; each failure is reported with file:line:column, what was expected and what came. */
int rules_test(struct rules *rules, const struct conf *conf, struct conf_faults *faults, unsigned *passed,
               unsigned *failed, struct err *err);

/* What `check` warns of, found by trying the rules' own samples: rules that never match, that an earlier one shadows, that a client's words can
 * lead to another address or MAC, and patterns that backtrack. Each is reported with file:line:column. -1 only where this could not be done. */
int rules_lint(struct rules *rules, const struct conf *conf, struct conf_faults *warnings, struct err *err);
/* A rule for this format that makes provisions whose address nothing proves; empty for none. */
struct slice rules_unproven(const struct rules *rules, const struct format *f);

#endif
