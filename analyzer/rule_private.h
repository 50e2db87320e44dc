/* rule_private: the compiled form of rules and phones, shared by the phases that build it (rule_load.c, rule_load_phone.c) and run it (rule_match.c,
 * rule_event.c, phone.c, samples.c, explain.c).
 *
 * All text borrows the YAML documents, which the struct rules keeps. A rule's conditions stand in the order in which they are tried:
 * lists before patterns. Groups of patterns become fields only when every condition holds, so that a rule that
 * fails half-way leaves nothing behind. */
#ifndef PROVCTL_RULE_PRIVATE_H
#define PROVCTL_RULE_PRIVATE_H

#include "common/target.h"
#include "common/yamldoc.h"

#include "analyzer/gate.h"
#include "analyzer/pcre.h"
#include "analyzer/rule.h"
#include "analyzer/sieve.h"

#define RULES_MAX      2048
#define PHONES_MAX     512
#define IMPOSTERS_MAX  256
#define RULE_FILES_MAX 512
#define CONDITIONS_MAX 16
#define SETS_MAX       16
#define PROOFS_MAX     16
#define PIECES_MAX     6
#define PHONE_TEXT_MAX 512 /* of an agent or file name that may be a phone's; longer ones are none's and cost nothing */
#define FORMAT_KINDS   12  /* slots: the formats of format_names(), then "own" */

struct condition {
	const struct yamldoc_node *node;
	int field;
	struct shape *shape;     /* see condition_shape */
	struct pattern *pattern; /* or NULL: a list */
	int *groups;             /* field of each of its groups */
	uint32_t nvalues;
	struct value {
		struct slice text;
		bool range; /* of numbers, first to last */
		uint64_t first, last;
	} * values;
};

enum rule_act { RULE_NOTHING, RULE_PROVISION, RULE_KIND };

struct rule {
	struct slice id;
	uint32_t number;
	const struct yamldoc_node *node;
	unsigned formats;             /* bit 1 << slot */
	unsigned first_format;        /* slot of the one named first: what its samples are, unless they say */
	const struct format *message; /* second format, or NULL */
	uint32_t nconditions;
	struct condition *conditions;
	enum rule_act act;
	enum event_kind kind; /* RULE_KIND */
	struct {
		bool given;
		int field; /* -1: `always` */
		enum proof always;
		uint32_t n;
		struct {
			struct slice text;
			enum proof proof;
		} by[PROOFS_MAX];
	} proof;
	int once; /* field, -1 none */
	uint32_t nsets;
	struct {
		int field;
		struct slice text;
	} sets[SETS_MAX];
	bool phone; /* where neither path nor query names a device, the agent may */
	const struct yamldoc_node *samples;
};

/* A pattern for agents or paths, and where in it the model, the version and the MAC stand. */
struct phone_pattern {
	struct pattern *pattern;
	struct slice text;
	struct shape shape;
	int model, version, mac; /* groups, -1 none */
	uint32_t npieces;        /* the model is put together from these, where there are any */
	struct {
		struct slice text;
		int group; /* -1: text */
		bool upper;
	} pieces[PIECES_MAX];
};

struct phone {
	struct slice vendor, maker; /* vendors of one maker do not contradict each other */
	const struct yamldoc_node *node;
	uint32_t nagents, npaths, nouis;
	struct phone_pattern *agents;
	struct phone_pattern *paths;
	uint32_t *ouis; /* 24 bits */
	const struct yamldoc_node *samples;
};

/* Who could have sent an agent, or asked for a file: the patterns in order, and which of them a text could match. */
struct phone_clue {
	const struct phone *phone;
	const struct phone_pattern *with;
};
#define CLUES_MAX 4096
struct phone_clues {
	uint32_t n;
	struct phone_clue *at;
	struct gate *gate;
};
struct phone_oui {
	uint32_t oui;
	const struct phone *phone;
};

struct imposter {
	struct pattern *pattern;
	struct slice text;
	const struct yamldoc_node *node;
	const struct yamldoc_node *samples;
};

struct rules {
	struct field_names *names;
	uint32_t ndocs;
	struct yamldoc *docs[RULE_FILES_MAX];
	uint32_t nrules;
	struct rule *rules[RULES_MAX];
	uint32_t nphones;
	struct phone phones[PHONES_MAX];
	struct phone_clues agents, paths;
	uint32_t nouis;
	struct phone_oui *ouis;     /* sorted */
	char model[EVENT_WORD_MAX]; /* of the line's asker, where it had to be put together */
	uint32_t nimposters;
	struct imposter imposters[IMPOSTERS_MAX];
	/* By format, in order. */
	uint32_t nby[FORMAT_KINDS];
	struct rule **by[FORMAT_KINDS];
	struct dispatch *dispatch[FORMAT_KINDS];
	/* urls.secret and urls.account of the configuration. */
	uint32_t nsecret;
	struct pattern **secret;
	struct pattern *account;
	/* A line's fields with those of its message by a second format. */
	struct line_fields *second[FORMAT_KINDS];
	enum second { SECOND_UNTRIED, SECOND_READ, SECOND_NOT } tried[FORMAT_KINDS];
	uint64_t nalike; /* numbers given for `alike` of an event */
};

/* ---- loading ---- */
int phone_read(struct rules *rules, const struct yamldoc_node *node, struct err *err);
int imposter_read(struct rules *rules, const struct yamldoc_node *node, struct err *err);
/* When all phones are read: the clues, and the OUIs. */
int phones_index(struct rules *rules, struct err *err);
void phones_free(struct rules *rules);
/* A scalar as a pattern. */
int pattern_read(const struct yamldoc_node *node, struct pattern **out, struct err *err);
void pattern_shape(const struct pattern *p, struct slice text, struct shape *out);
/* Of what it takes; made when it is asked for first, which is seldom. NULL where memory is out. */
const struct shape *condition_shape(struct condition *c);
/* The member `samples`: a list that is not empty; NULL with the fault otherwise. */
const struct yamldoc_node *samples_read(const struct yamldoc_node *owner, struct err *err);

/* ---- matching ---- */
enum reach {
	REACH_MATCHED,
	REACH_MESSAGE, /* the second format does not read the message */
	REACH_LITERAL, /* `field` lacks what the pattern requires */
	REACH_FIELD,   /* `field` does not match */
	REACH_LIMIT    /* the pattern for `field` hit its match limit */
};
/* The line's fields, or those with its message split by the rule's second format: once per line and format. NULL where that
 * cannot read it. */
struct line_fields *rule_fields(struct line_context *ctx, const struct rule *rule);
/* rule_dispatch.c: of the n rules of a slot, in order, those that a line has a chance to match. Freed by dispatch_free even where this failed. */
int dispatch_new(struct dispatch **out, struct rule **rules, uint32_t n, unsigned slot, struct err *err);
void dispatch_free(struct dispatch **dispatch);
struct candidates {
	uint64_t set[GATE_WORDS(RULES_MAX)];
	uint32_t narrowed; /* the parts of the rules whose fields were looked at */
};
void dispatch_begin(const struct dispatch *d, struct line_context *ctx, struct candidates *c);
/* NULL at the end. */
const struct rule *dispatch_next(const struct dispatch *d, struct line_context *ctx, struct candidates *c);
bool condition_holds(const struct condition *c, struct slice subject);
/* On REACH_MATCHED *fields are the line's, with groups and constants of the rule set. field may be NULL: nobody wants to know which one it was, nor whether a
 * literal was missing. */
enum reach rule_match(struct line_context *ctx, const struct rule *rule, struct line_fields **out, int *field);
/* The rules of the line's format. Resets what is kept of the line before. */
uint32_t rules_candidates(struct line_context *ctx, struct rule *const **out);

/* ---- a match to an event ---- */
struct asker { /* what agent and path tell */
	struct slice vendor, model, version;
	uint64_t mac; /* of the path if it names one, else of the agent */
	uint64_t agent_mac;
	bool known; /* the agent is a phone's */
	enum tri imposter;
};
/* What it tells borrows agent, file and rules, until the next call. */
void phone_tell(struct rules *rules, struct slice agent, struct slice file, uint64_t path_mac, struct asker *out);
/* Of `mac=`, in any case and percent-encoded or not; MAC_NONE for none. Scratch memory of fields is used. */
uint64_t mac_in_query(struct slice query, struct line_fields *fields);
/* At most max bytes, and no part of a character. */
struct slice slice_cut(struct slice s, size_t max);
/* False: the match makes no event. */
bool event_make(struct line_context *ctx, const struct rule *rule, struct line_fields *fields, struct slice line,
                struct event *e);
/* ---- samples ---- */
struct sample {
	const struct yamldoc_node *line, *expect; /* a mapping where an event is expected */
	struct line_context ctx;                  /* as the sample wants to be read; released by the caller */
};
int sample_open(struct sample *out, struct rules *rules, const struct conf *conf, const struct rule *rule,
                const struct yamldoc_node *sample, struct err *err);

#endif
