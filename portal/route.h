/* route: which requests there are, and what the enforcer is asked for each: one table, which openapi.json describes for others. Whatever a request says
 * is read here, word by word and each by its kind, into a request of the enforcer's; a word that no row names is refused.
 */
#ifndef PROVCTL_ROUTE_H
#define PROVCTL_ROUTE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"

#include "portal/http.h"

enum place { IN_PATH, IN_QUERY, IN_BODY };

enum kind {
	KIND_MAC,
	KIND_ACCOUNT,
	KIND_ACCOUNT_OR_ANY, /* "*" is any_account */
	KIND_PREFIX,
	KIND_STATE,
	KIND_TEXT,
	KIND_TRUE, /* narrows by true alone */
	KIND_BOOL,
	KIND_LIMIT,
	KIND_DURATION, /* "24h" to seconds */
	KIND_HOURS,    /* "4h" to 4 */
	KIND_TIME      /* RFC 3339 to seconds */
};

struct word {
	const char *name;
	enum place place;
	enum kind kind;
	const char *as; /* in the request */
	bool needed;    /* those of the path are */
};

/* How the enforcer's rows become an answer. */
enum shape {
	SHAPE_OBJECT,
	SHAPE_DEVICE, /* an object with a version; If-Match is heeded where it is changed */
	SHAPE_ITEMS,  /* a list; its last row may tell what follows */
	SHAPE_TEXT    /* the text in an object */
};

/* Who answers. */
enum whose {
	WHOSE_TOKEN,   /* the enforcer, to who has a token */
	WHOSE_SELF,    /* the enforcer, to anybody about their own address */
	WHOSE_VERDICT, /* the lock-state file */
	WHOSE_FILE     /* a file of the page, or the description of the API */
};

struct route {
	const char *method;
	const char *path; /* {name} stands for one segment */
	enum whose whose;
	enum shape shape;
	bool changes;
	const char *verb;  /* of the enforcer's */
	const char *fixed; /* further members of the request, as JSON; NULL: none */
	const struct word *words;
	const char
		*unknown; /* what is told where there is none: the same whether there is none or it is not the caller's */
};

#define ROUTE_SEGMENTS 8
#define ROUTE_SEGMENT  256 /* bytes of one, decoded */
#define ROUTE_QUERY    2048
#define ROUTE_METHODS  64

struct route_match {
	const struct route *route;   /* NULL: no such method here */
	char methods[ROUTE_METHODS]; /* for Allow; "": no such path */
	unsigned nsegments;
	char segment[ROUTE_SEGMENTS][ROUTE_SEGMENT]; /* decoded */
	struct slice query;
};
/* HEAD is looked for as GET. */
void route_find(const char *method, struct slice target, struct route_match *out);

/* The request of the enforcer's into out: a JSON object that is not ended, so that the caller adds who asks. -1 with what is wrong (ERR_INPUT), or
 * ERR_NEGATIVE for a body that is no JSON by its type. */
int route_request(const struct route_match *m, const struct http_request *q, struct buf *out, struct err *err);

/* All, for the test of openapi.json; ends with a row without method. */
extern const struct route routes[];

#endif
