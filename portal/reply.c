#include <stdio.h>
#include <string.h>

#include "common/js.h"

#include "portal/problem.h"
#include "portal/reply.h"

#define BODY_MAX (UPSTREAM_ANSWER + (1U << 20))
#define NEXT     "{\"next\":"
#define LOST     "the server did not answer in time: whether it was done shows the device, or the record"
#define AWAY     "the server cannot decide now; nothing was changed, try again"

static bool code_is(const struct upstream_answer *from, const char *code) {
	return from->code && strcmp(from->code, code) == 0;
}

bool reply_is_unauthorised(const struct upstream_answer *from) {
	return from->outcome == UPSTREAM_ANSWERED && code_is(from, "unauthorised");
}

/* What the system's own failures say is for its operator. */
static const char *refusal(struct http_answer *a, const struct route *route, const struct upstream_answer *from) {
	static const struct {
		const char *code;
		unsigned status;
		const char *detail; /* NULL: the enforcer's words */
	} rows[] = {
		{"unauthorised", 401, "there is no token, or it is not good"},
		{"forbidden", 403, NULL},
		{"unknown", 404, NULL},
		{"changed", 412, "it was changed meanwhile; read it anew"},
		{"limited", 429, NULL},
		{"refused", 409, NULL},
		{"input", 400, NULL},
		{"forgotten", 404, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *detail = rows[i].detail ? rows[i].detail : from->error;

		if (!code_is(from, rows[i].code))
			continue;
		if (rows[i].status == 404 && route->unknown)
			detail = route->unknown;
		problem_answer(a, rows[i].status, detail);
		return NULL;
	}
	problem_answer(a, 500, "the server failed; its log says why");
	return from->error;
}

/* Of a row {"next":...} what follows; p NULL for any other row. */
static struct slice next_of(struct slice row) {
	size_t n = strlen(NEXT);

	if (row.n <= n || memcmp(row.p, NEXT, n) != 0)
		return (struct slice){0};
	return (struct slice){row.p + n, row.n - n - 1};
}

static void items(struct buf *b, struct slice rows) {
	struct slice row, next = {"null", 4};

	js_begin(b, '{');
	js_key(b, "items");
	js_begin(b, '[');
	while (upstream_row(&rows, &row)) {
		struct slice follows = next_of(row);

		if (follows.p) {
			next = follows;
			continue;
		}
		if (b->n > 0 && b->p[b->n - 1] != '[')
			buf_byte(b, ',');
		buf_add(b, row.p, row.n);
	}
	js_end(b, ']');
	js_key(b, "next");
	buf_add(b, next.p, next.n);
	js_end(b, '}');
}

static void tag(struct http_answer *a, struct slice row) {
	struct json *j = NULL;
	struct err err;
	const char *version = js_parse(row, &j, &err) == 0 ? js_text(j, "device_version") : NULL;

	if (version && strlen(version) + 3 <= sizeof(a->etag))
		(void)snprintf(a->etag, sizeof(a->etag), "\"%s\"", version);
	js_free(&j);
}

static void text(struct http_answer *a, struct slice row, struct slice more) {
	struct json *j = NULL;
	struct err err;
	const char *words = js_parse(row, &j, &err) == 0 ? js_text(j, "text") : NULL;

	a->type = "text/plain; version=0.0.4; charset=utf-8";
	buf_text(&a->body, words ? words : "");
	buf_add(&a->body, more.p, more.n);
	js_free(&j);
}

const char *reply_answer(struct http_answer *a, const struct route *route, const struct upstream_answer *from,
                         struct slice more) {
	struct slice rows = from->rows, row;

	if (from->outcome != UPSTREAM_ANSWERED) {
		/* What only reads is as if it had not been asked. */
		if (from->outcome == UPSTREAM_UNKNOWN && route->changes)
			problem_answer(a, 504, LOST);
		else
			problem_answer(a, 503, AWAY);
		return NULL;
	}
	if (from->error)
		return refusal(a, route, from);
	*a = (struct http_answer){.status = 200, .type = "application/json"};
	buf_init(&a->body, BODY_MAX);
	if (route->shape == SHAPE_ITEMS) {
		items(&a->body, rows);
	} else if (!upstream_row(&rows, &row)) {
		buf_text(&a->body, "{}");
	} else if (route->shape == SHAPE_TEXT) {
		text(a, row, more);
	} else {
		buf_add(&a->body, row.p, row.n);
		if (route->shape == SHAPE_DEVICE)
			tag(a, row);
	}
	if (a->body.failed) {
		buf_release(&a->body);
		problem_answer(a, 503, "out of memory");
	}
	return NULL;
}
