/* verdict: may this device be served to this address? For a web server that asks before it serves, with a token of the role verdict: whatever else it
 * hands on to the portal comes from the same address, so that the address alone cannot be the proof. */
#include <string.h>

#include "common/mac.h"
#include "common/target.h"
#include "common/timefmt.h"

#include "portal/caller.h"
#include "portal/portal.h"
#include "portal/problem.h"

#define URI_MAX  HTTP_POOL
#define MACS_MAX 8 /* that one URI names */

int verdict_init(struct portal *p, struct err *err) {
	struct http_answer serve = {.status = 204}, refuse, unavailable;

	problem_answer(&refuse, 403, "this device is not served to that address");
	problem_answer(&unavailable, 503, "there is no whole lock-state file");
	if (http_ready_new(&p->verdicts[VERDICT_SERVE], &serve, err) < 0)
		goto fail;
	if (http_ready_new(&p->verdicts[VERDICT_REFUSE], &refuse, err) < 0)
		goto fail;
	return http_ready_new(&p->verdicts[VERDICT_UNAVAILABLE], &unavailable, err);
fail:
	buf_release(&unavailable.body);
	return -1;
}

void verdict_release(struct portal *p) {
	for (unsigned i = 0; i < VERDICT_READIES; i++)
		http_ready_free(&p->verdicts[i]);
}

/* What is asked: the devices that the request names, and the address. */
struct question {
	unsigned nmacs;
	uint64_t mac[MACS_MAX];
	struct addr ip;
};

/* False: too many. */
static bool add(struct question *q, uint64_t mac) {
	if (mac == MAC_NONE)
		return true;
	if (q->nmacs == MACS_MAX)
		return false;
	q->mac[q->nmacs++] = mac;
	return true;
}

/* The device of the file's name, and that of each `mac=`: who reads the request on its way to the file may look at either, so all are asked for. */
static bool of_uri(struct question *q, struct slice uri) {
	char to[URI_MAX];
	struct slice name, value;
	struct target t;

	if (uri.n > sizeof(to))
		return false;
	target_split(uri, &t);
	if (!add(q, mac_in_file(target_file(t.path, to))))
		return false;
	while (query_take(&t.query, &name, &value))
		if (!add(q, mac_in_parameter(name, value, to)))
			return false;
	return true;
}

/* NULL, or what is wrong. */
static const char *of_query(struct question *q, struct slice query) {
	char to[ROUTE_QUERY];
	struct slice name, value;
	uint64_t mac = MAC_NONE;

	if (query.n > sizeof(to))
		return "the query is too long";
	while (query_take(&query, &name, &value)) {
		bool is_mac = slice_is(name, "mac");

		if (!value.p || (!is_mac && !slice_is(name, "ip")) || (is_mac ? mac != MAC_NONE : !addr_is_none(q->ip)))
			return "mac and ip are asked for, once each";
		value = percent_decode(value, to);
		if (is_mac ? !mac_parse(value.p, value.n, &mac) : !addr_parse(value.p, value.n, &q->ip))
			return is_mac ? "mac: not the MAC of a device" : "ip: not an address";
	}
	if (mac == MAC_NONE || addr_is_none(q->ip))
		return "mac and ip are needed, both in the query";
	(void)add(q, mac);
	return NULL;
}

/* The query alone, or the headers alone: a web server that sets the one hands on whatever its client said in the other. */
static const char *question_of(struct question *q, const struct http_request *request, struct slice query) {
	if (query.n > 0)
		return of_query(q, query);
	if (!request->original_uri.p || !request->real_ip.p)
		return "mac and ip are needed, or the headers X-Original-URI and X-Real-IP";
	if (!addr_parse(request->real_ip.p, request->real_ip.n, &q->ip))
		return "X-Real-IP: not an address";
	return of_uri(q, request->original_uri) ? NULL : "X-Original-URI: names too many devices";
}

static enum verdict_ready verdict_of(struct portal *p, const struct question *q, int64_t now) {
	for (unsigned i = 0; i < q->nmacs; i++)
		switch (lockfile_verdict(p->lockfile, q->mac[i], q->ip, now)) {
		case ANSWER_SERVE:
			break;
		case ANSWER_REFUSE:
			return VERDICT_REFUSE;
		case ANSWER_UNAVAILABLE:
			return VERDICT_UNAVAILABLE;
		}
	return VERDICT_SERVE;
}

/* False: it is answered. */
static bool is_asked_by_right(struct portal *p, struct exchange *x, const struct http_request *q, struct addr caller,
                              int64_t now) {
	struct slice token = portal_token(q->authorization);
	struct addr counted = caller_counted(caller);

	/* A good one is heard whatever others at its address tried: nobody shuts out a web server, or a phone whose address he shares. */
	switch (verdict_token(p->tokens, token, now)) {
	case TOKEN_GOOD:
		return true;
	case TOKEN_UNAVAILABLE:
		portal_problem(x, 503, "the tokens cannot be read");
		return false;
	case TOKEN_BAD:
		break;
	}
	if (!portal_may_try(p, x, counted))
		return false;
	if (token.p)
		portal_bad_token(p, counted, caller, token);
	portal_problem(x, 401, "a verdict token is needed: Authorization: Bearer pvt_...");
	return false;
}

void verdict_serve(struct portal *p, struct exchange *x, const struct http_request *q, struct slice query,
                   struct addr caller) {
	struct question question = {0};
	int64_t now = clock_now();
	enum verdict_ready verdict;
	const char *why;

	if (!is_asked_by_right(p, x, q, caller, now))
		return;
	why = question_of(&question, q, query);
	if (why) {
		portal_problem(x, 400, why);
		return;
	}
	verdict = verdict_of(p, &question, now);
	p->verdict_counts[verdict]++;
	http_answer_ready(x, p->verdicts[verdict]);
}
