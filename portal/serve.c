#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/js.h"
#include "common/token.h"

#include "portal/caller.h"
#include "portal/portal.h"
#include "portal/problem.h"
#include "portal/reply.h"

#define TOKEN_TOLD  128 /* bytes of whatever is given as a token that are handed on */
#define METRICS_MAX 4096

/* A request that waits for the enforcer. */
struct waiting {
	struct portal *portal;
	struct exchange *x; /* NULL: nobody waits for the answer */
	const struct route *route;
	struct addr counted;
};

void portal_problem(struct exchange *x, unsigned status, const char *detail) {
	struct http_answer a;

	problem_answer(&a, status, detail);
	http_answer(x, &a);
}

static void too_many(struct portal *p, struct exchange *x, unsigned seconds, const char *why) {
	struct http_answer a;

	problem_answer(&a, 429, why);
	a.retry = seconds;
	p->throttled++;
	http_answer(x, &a);
}

struct slice portal_token(struct slice authorization) {
	static const char scheme[] = "Bearer ";
	size_t n = strlen(scheme);

	if (authorization.n < n || !slice_same_nocase((struct slice){authorization.p, n}, slice_of(scheme)))
		return (struct slice){0};
	return (struct slice){authorization.p + n, authorization.n - n};
}

bool portal_may_try(struct portal *p, struct exchange *x, struct addr counted) {
	unsigned wait = throttle_wrong(p->throttle, counted, http_clock());

	if (wait > 0)
		too_many(p, x, wait, "too many tokens from your address were not good");
	return wait == 0;
}

static void put_token(struct buf *b, struct slice token, struct addr peer) {
	char text[ADDR_TEXT];

	js_put_text(b, "token", (struct slice){token.p, token.n < TOKEN_TOLD ? token.n : TOKEN_TOLD});
	if (!addr_is_none(peer)) {
		addr_print(peer, text);
		js_put_string(b, "peer", text);
	}
}

void portal_bad_token(struct portal *p, struct addr counted, struct addr peer, struct slice tell) {
	struct waiting *w = tell.p ? calloc(1, sizeof(*w)) : NULL;
	struct buf b;

	throttle_failed(p->throttle, counted, http_clock());
	if (!w)
		return;
	*w = (struct waiting){.portal = p, .counted = counted};
	buf_init(&b, UPSTREAM_REQUEST);
	js_begin(&b, '{');
	js_put_string(&b, "verb", "session");
	put_token(&b, tell, peer);
	js_end(&b, '}');
	if (b.failed || !upstream_ask(p->upstream, (struct slice){b.p, b.n}, w))
		free(w);
	buf_release(&b);
}

/* ---- what the enforcer answers ---- */

static void put_metrics(const struct portal *p, struct buf *b) {
	static const char *const answers[] = {"served", "refused", "unavailable"};

	buf_text(b, "# HELP provctl_http_connections Open connections of the portal.\n"
	            "# TYPE provctl_http_connections gauge\n");
	buf_printf(b, "provctl_http_connections %u\n", http_connections(p->http));
	buf_text(b, "# HELP provctl_http_responses_total The portal's answers by class of status.\n"
	            "# TYPE provctl_http_responses_total counter\n");
	for (unsigned hundred = 2; hundred <= 5; hundred++)
		buf_printf(b, "provctl_http_responses_total{status=\"%uxx\"} %llu\n", hundred,
		           (unsigned long long)http_answered(p->http, hundred));
	buf_text(b, "# HELP provctl_http_throttled_total Requests of addresses that asked too often.\n"
	            "# TYPE provctl_http_throttled_total counter\n");
	buf_printf(b, "provctl_http_throttled_total %llu\n", (unsigned long long)p->throttled);
	buf_text(b, "# HELP provctl_http_verdicts_total Verdicts by what was answered.\n"
	            "# TYPE provctl_http_verdicts_total counter\n");
	for (unsigned i = 0; i < VERDICT_READIES; i++)
		buf_printf(b, "provctl_http_verdicts_total{answer=\"%s\"} %llu\n", answers[i],
		           (unsigned long long)p->verdict_counts[i]);
}

static void answered(void *context, void *who, const struct upstream_answer *answer) {
	struct portal *p = context;
	struct waiting *w = who;
	struct http_answer a;
	struct buf metrics;
	const char *failure;

	if (w->x) {
		buf_init(&metrics, METRICS_MAX);
		if (w->route->shape == SHAPE_TEXT)
			put_metrics(p, &metrics);
		throttle_done(p->throttle, w->counted);
		if (reply_is_unauthorised(answer))
			throttle_failed(p->throttle, w->counted, http_clock());
		failure = reply_answer(&a, w->route, answer, (struct slice){metrics.p, metrics.n});
		if (failure)
			p->say(failure);
		buf_release(&metrics);
		http_answer(w->x, &a);
	}
	free(w);
}

/* ---- requests ---- */

static void ask(struct portal *p, struct exchange *x, const struct route *route, struct slice request,
                struct addr counted) {
	struct waiting *w;

	if (!throttle_wait(p->throttle, counted, http_clock())) {
		too_many(p, x, 1, "too many requests from your address at once");
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w)
		*w = (struct waiting){.portal = p, .x = x, .route = route, .counted = counted};
	if (!w || http_is_owing(p->http) || !upstream_ask(p->upstream, request, w)) {
		free(w);
		throttle_done(p->throttle, counted);
		portal_problem(x, 503, "too many requests wait; nothing was changed, try again");
		return;
	}
	http_wait(x);
}

/* Builds the request and asks. token p NULL: the caller speaks for their own address. */
static void serve_enforcer(struct portal *p, struct exchange *x, const struct route_match *m,
                           const struct http_request *q, struct slice token, struct addr caller) {
	char text[ADDR_TEXT];
	struct buf b;
	struct err err;

	buf_init(&b, UPSTREAM_REQUEST);
	if (route_request(m, q, &b, &err) < 0) {
		portal_problem(x, err.class == ERR_NEGATIVE ? 415 : err.class == ERR_INPUT ? 400 : 503, err.text);
	} else {
		if (token.p) {
			put_token(&b, token, caller);
		} else {
			addr_print(caller, text);
			js_put_string(&b, "self", text);
		}
		js_end(&b, '}');
		if (b.failed)
			portal_problem(x, 400, "the request is too long");
		else
			ask(p, x, m->route, (struct slice){b.p, b.n}, caller_counted(caller));
	}
	buf_release(&b);
}

static void serve_token(struct portal *p, struct exchange *x, const struct route_match *m, const struct http_request *q,
                        struct addr caller) {
	struct slice token = portal_token(q->authorization);

	/* Behind a web server that tells no address one would shut out all others. */
	if (!token.p)
		portal_problem(x, 401, "a token is needed: Authorization: Bearer pvt_...");
	else if (addr_is_none(caller) || portal_may_try(p, x, caller_counted(caller)))
		serve_enforcer(p, x, m, q, token, caller);
}

static void serve_self(struct portal *p, struct exchange *x, const struct route_match *m, const struct http_request *q,
                       struct addr caller) {
	unsigned wait;

	if (addr_is_none(caller)) {
		portal_problem(x, 400, "your address is not known: the web server before this one does not tell it");
		return;
	}
	wait = throttle_self(p->throttle, caller_counted(caller), http_clock());
	if (wait > 0)
		too_many(p, x, wait, "too many requests from your address");
	else
		serve_enforcer(p, x, m, q, (struct slice){0}, caller);
}

static void serve_file(struct portal *p, struct exchange *x, const struct route_match *m) {
	struct http_ready *file;

	if (strncmp(m->route->path, "/v1/", 4) == 0)
		file = files_openapi(p->files);
	else
		file = files_page(p->files, m->nsegments > 0 ? slice_of(m->segment[0]) : slice_of("page.html"));
	if (file)
		http_answer_ready(x, file);
	else
		portal_problem(x, 404, "there is no such page");
}

static void serve_methods(struct exchange *x, const struct route_match *m, bool asked) {
	struct http_answer a = {.status = 204};

	if (!asked)
		problem_answer(&a, 405, "this method is none of those of Allow");
	a.allow = m->methods;
	http_answer(x, &a);
}

static void serve(void *context, struct exchange *x, const struct http_request *q) {
	static const struct addr none;
	struct portal *p = context;
	struct addr caller = {{0}};
	struct route_match m;

	route_find(q->method, q->target, &m);
	if (!m.route) {
		if (m.methods[0])
			serve_methods(x, &m, strcmp(q->method, "OPTIONS") == 0);
		else
			portal_problem(x, 404, "there is nothing here");
		return;
	}
	(void)caller_address(p->conf, q->peer, q->proxy, q->forwarded, &caller);
	switch (m.route->whose) {
	case WHOSE_TOKEN:
		serve_token(p, x, &m, q, caller);
		break;
	case WHOSE_SELF:
		serve_self(p, x, &m, q, caller);
		break;
	case WHOSE_VERDICT:
		/* A web server asks for itself: whom its request came from is the client's word where it does not say otherwise. */
		verdict_serve(p, x, q, m.query, q->proxy ? none : q->peer);
		break;
	case WHOSE_FILE:
		serve_file(p, x, &m);
		break;
	}
}

static void refuse(void *context, struct exchange *x, unsigned status, const char *why) {
	(void)context;
	portal_problem(x, status, why);
}

/* ---- life ---- */

int portal_init(struct portal *p, const struct conf *conf, const char *data, void (*say)(const char *text),
                struct err *err) {
	const struct http_options options = {
		.forwarded = conf->portal.forwarded, .serve = serve, .refuse = refuse, .context = p};

	*p = (struct portal){.conf = conf, .say = say};
	p->throttle = throttle_new();
	if (!p->throttle)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (files_read(&p->files, data, conf->portal.brand, err) < 0 ||
	    lockfile_new(&p->lockfile, conf->lockstate.path, conf->lockstate.shards, err) < 0 ||
	    verdict_tokens_new(&p->tokens, conf->state, err) < 0 || verdict_init(p, err) < 0 ||
	    upstream_new(&p->upstream, conf->state, answered, p, err) < 0 || http_new(&p->http, &options, err) < 0)
		return -1;
	return 0;
}

void portal_release(struct portal *p) {
	/* Who still waits is answered before the connections end. */
	upstream_free(&p->upstream);
	if (p->http)
		http_run(p->http);
	http_free(&p->http);
	verdict_release(p);
	verdict_tokens_free(&p->tokens);
	lockfile_free(&p->lockfile);
	files_free(&p->files);
	throttle_free(&p->throttle);
}
