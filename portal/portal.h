/* portal: all that prov-portal has while it serves. serve.c takes each request to who answers it: the enforcer (upstream), the lock-state file
 * (verdict.c), or a file of the page. Nothing is decided here: who may what is the enforcer's to say.
 */
#ifndef PROVCTL_PORTAL_H
#define PROVCTL_PORTAL_H

#include "common/conf.h"
#include "common/err.h"

#include "portal/files.h"
#include "portal/http.h"
#include "portal/lockfile.h"
#include "portal/route.h"
#include "portal/throttle.h"
#include "portal/upstream.h"
#include "portal/verdict_token.h"

/* Answers to verdicts that are always the same. */
enum verdict_ready { VERDICT_SERVE, VERDICT_REFUSE, VERDICT_UNAVAILABLE, VERDICT_READIES };

struct portal {
	const struct conf *conf;
	struct http *http;
	struct upstream *upstream;
	struct throttle *throttle;
	struct files *files;
	struct lockfile *lockfile;
	struct verdict_tokens *tokens;
	struct http_ready *verdicts[VERDICT_READIES];
	uint64_t verdict_counts[VERDICT_READIES];
	uint64_t throttled;            /* requests answered 429 by ourselves */
	void (*say)(const char *text); /* what the operator should know */
};

/* data: as files_read. say: for standard error. */
int portal_init(struct portal *p, const struct conf *conf, const char *data, void (*say)(const char *text),
                struct err *err);
void portal_release(struct portal *p);

/* The token of an Authorization header; p NULL where it has none. */
struct slice portal_token(struct slice authorization);
/* False: it was answered that this address must wait. */
bool portal_may_try(struct portal *p, struct exchange *x, struct addr counted);
/* A token was not good. Where nobody else looked at it, the enforcer is told: it judges such failures. */
void portal_bad_token(struct portal *p, struct addr counted, struct addr peer, struct slice tell);
void portal_problem(struct exchange *x, unsigned status, const char *detail);

/* verdict.c */
int verdict_init(struct portal *p, struct err *err);
void verdict_release(struct portal *p);
void verdict_serve(struct portal *p, struct exchange *x, const struct http_request *q, struct slice query,
                   struct addr caller);

#endif
