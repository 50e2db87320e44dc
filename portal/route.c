#include <string.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/js.h"
#include "common/mac.h"
#include "common/target.h"
#include "common/timefmt.h"

#include "portal/route.h"

#define LIMIT_MAX  500
#define REASON_MAX 256

/* ---- finding ---- */

static struct slice segment_take(struct slice *path) {
	struct slice s = {path->p + 1, path->n - 1};
	const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;

	if (slash)
		s.n = (size_t)(slash - s.p);
	*path = (struct slice){s.p + s.n, path->n - 1 - s.n};
	return s;
}

/* Both begin with a slash. A name stands for a segment that is not empty. */
static bool fits(const char *pattern, struct slice path) {
	struct slice rest = slice_of(pattern);

	while (rest.n > 0 && path.n > 0) {
		struct slice wanted = segment_take(&rest), given = segment_take(&path);

		if (wanted.n > 0 && wanted.p[0] == '{' ? given.n == 0 : !slice_same(wanted, given))
			return false;
	}
	return rest.n == 0 && path.n == 0;
}

/* The segments that a pattern names. False: one is too long or holds what no name here holds. */
static bool segments(const char *pattern, struct slice path, struct route_match *out) {
	struct slice rest = slice_of(pattern);

	while (rest.n > 0) {
		struct slice wanted = segment_take(&rest), given = segment_take(&path);
		struct slice decoded;
		char *to;

		if (wanted.n == 0 || wanted.p[0] != '{')
			continue;
		if (given.n >= ROUTE_SEGMENT || out->nsegments == ROUTE_SEGMENTS)
			return false;
		to = out->segment[out->nsegments];
		decoded = percent_decode(given, to);
		memmove(to, decoded.p, decoded.n);
		to[decoded.n] = '\0';
		if (strlen(to) != decoded.n)
			return false;
		out->nsegments++;
	}
	return true;
}

static void method_add(char methods[ROUTE_METHODS], const char *method) {
	const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
	size_t n = strlen(methods);

	(void)snprintf(methods + n, ROUTE_METHODS - n, "%s%s", n > 0 ? ", " : "", more);
}

void route_find(const char *method, struct slice target, struct route_match *out) {
	struct target t;

	target_split(target, &t);
	out->route = NULL;
	out->methods[0] = '\0';
	out->nsegments = 0;
	out->query = t.query;
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	if (t.path.n == 0 || t.path.p[0] != '/')
		return;
	for (const struct route *r = routes; r->method; r++) {
		if (!fits(r->path, t.path))
			continue;
		if (strcmp(r->method, method) == 0) {
			out->route = r;
			if (segments(r->path, t.path, out))
				return;
			break;
		}
		/* Of one method there may be another row for the same path, less exact. */
		if (!strstr(out->methods, r->method))
			method_add(out->methods, r->method);
	}
	if (out->route) {
		out->route = NULL;
		out->methods[0] = '\0';
	} else if (out->methods[0]) {
		method_add(out->methods, "OPTIONS");
	}
}

/* ---- its words ---- */

struct reading {
	const struct route *route;
	struct buf *out;
	unsigned seen; /* bit of each word */
	struct err *err;
};

static int wrong(struct reading *r, const struct word *w, const char *why) {
	return err_set(r->err, ERR_INPUT, "%s: %s", w->name, why);
}

static int put_duration(struct reading *r, const struct word *w, struct slice text) {
	int64_t seconds;

	if (!duration_parse(text, &seconds) || seconds < 1)
		return wrong(r, w, "not a duration such as 15m, 24h or 7d");
	if (w->kind == KIND_HOURS && seconds % HOUR != 0)
		return wrong(r, w, "not whole hours");
	js_put_number(r->out, w->as, w->kind == KIND_HOURS ? seconds / HOUR : seconds);
	return 0;
}

static int put_bool(struct reading *r, const struct word *w, struct slice text) {
	bool yes = slice_is(text, "true");

	if (!yes && (w->kind == KIND_TRUE || !slice_is(text, "false")))
		return wrong(r, w, w->kind == KIND_TRUE ? "only true narrows the list" : "neither true nor false");
	js_put_bool(r->out, w->as, yes);
	return 0;
}

static int put_state(struct reading *r, const struct word *w, struct slice text) {
	static const char *const states[] = {"new", "locked", "unlocked", "held"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (slice_is(text, states[i])) {
			js_put_text(r->out, w->as, text);
			return 0;
		}
	return wrong(r, w, "none of new, locked, unlocked and held");
}

static int put_address(struct reading *r, const struct word *w, struct slice text) {
	char out[PREFIX_TEXT];
	struct prefix at;

	if (!prefix_parse(text.p, text.n, &at))
		return wrong(r, w, "neither an address nor a prefix without host bits");
	prefix_print(at, out);
	js_put_string(r->out, w->as, out);
	return 0;
}

static int put_mac(struct reading *r, const struct word *w, struct slice text) {
	char out[MAC_TEXT];
	uint64_t mac;

	if (!mac_parse(text.p, text.n, &mac))
		return wrong(r, w, "not the MAC of a device");
	mac_print(mac, out);
	js_put_string(r->out, w->as, out);
	return 0;
}

static int put_word(struct reading *r, const struct word *w, struct slice text) {
	unsigned bit = 1U << (w - r->route->words);
	uint64_t number;
	int64_t time;

	if (r->seen & bit)
		return wrong(r, w, "given twice");
	r->seen |= bit;
	switch (w->kind) {
	case KIND_MAC:
		return put_mac(r, w, text);
	case KIND_ACCOUNT_OR_ANY:
		if (slice_is(text, "*")) {
			js_put_bool(r->out, "any_account", true);
			return 0;
		}
		/* fallthrough */
	case KIND_ACCOUNT:
		if (!account_is_sound(text))
			return wrong(r, w, "not 1 to 64 of A-Za-z0-9._@-");
		js_put_text(r->out, w->as, text);
		return 0;
	case KIND_PREFIX:
		return put_address(r, w, text);
	case KIND_STATE:
		return put_state(r, w, text);
	case KIND_TEXT:
		if (text.n > REASON_MAX)
			return wrong(r, w, "longer than 256 bytes");
		if (memchr(text.p, '\0', text.n))
			return wrong(r, w, "not text: there is a zero in it");
		js_put_text(r->out, w->as, text);
		return 0;
	case KIND_TRUE:
	case KIND_BOOL:
		return put_bool(r, w, text);
	case KIND_LIMIT:
		if (!slice_number(text, LIMIT_MAX, &number) || number == 0)
			return wrong(r, w, "not from 1 to 500");
		js_put_number(r->out, w->as, (int64_t)number);
		return 0;
	case KIND_DURATION:
	case KIND_HOURS:
		return put_duration(r, w, text);
	case KIND_TIME:
		if (!time_parse(text, &time))
			return wrong(r, w, "not a time such as 2026-11-22T10:00:00Z");
		js_put_number(r->out, w->as, time);
		return 0;
	}
	return -1;
}

static const struct word *word_named(const struct route *route, enum place place, struct slice name) {
	for (const struct word *w = route->words; w->name; w++)
		if (w->place == place && slice_is(name, w->name))
			return w;
	return NULL;
}

static int read_path(struct reading *r, const struct route_match *m) {
	unsigned n = 0;

	for (const struct word *w = r->route->words; w->name; w++)
		if (w->place == IN_PATH && put_word(r, w, slice_of(m->segment[n++])) < 0)
			return -1;
	return 0;
}

/* As a form sends it: a plus is a blank. */
static struct slice form_decode(struct slice s, char *to) {
	struct slice decoded;
	char *plus;

	memcpy(to, s.p, s.n);
	for (plus = memchr(to, '+', s.n); plus; plus = memchr(to, '+', s.n))
		*plus = ' ';
	decoded = percent_decode((struct slice){to, s.n}, to);
	return decoded;
}

static int read_query(struct reading *r, struct slice query) {
	char names[ROUTE_QUERY], values[ROUTE_QUERY];
	struct slice name, value;

	if (query.n > ROUTE_QUERY)
		return err_set(r->err, ERR_INPUT, "the query is too long");
	while (query_take(&query, &name, &value)) {
		const struct word *w;

		if (name.n == 0 && !value.p)
			continue;
		w = word_named(r->route, IN_QUERY, form_decode(name, names));
		if (!w)
			return err_set(r->err, ERR_INPUT, "the query has a word that means nothing here");
		if (put_word(r, w, value.p ? form_decode(value, values) : (struct slice){"", 0}) < 0)
			return -1;
	}
	return 0;
}

static int body_word(struct reading *r, const char *key, const struct json *value) {
	const struct word *w = word_named(r->route, IN_BODY, slice_of(key));
	const char *text = js_string(value);

	if (!w)
		return err_set(r->err, ERR_INPUT, "the body has a member that means nothing here");
	if (js_is_null(value))
		return 0;
	if (w->kind == KIND_BOOL) {
		if (!js_is_bool(value))
			return wrong(r, w, "neither true nor false");
		return put_word(r, w, slice_of(js_is_true(value) ? "true" : "false"));
	}
	if (!text)
		return wrong(r, w, "not text");
	return put_word(r, w, slice_of(text));
}

static bool is_json(struct slice type) {
	static const char json[] = "application/json";
	size_t n = strlen(json);

	return type.n >= n && slice_same_nocase((struct slice){type.p, n}, slice_of(json)) &&
	       (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

static int read_body(struct reading *r, const struct http_request *q) {
	const struct json *value;
	struct json *body;
	const char *key;
	void *iter = NULL;
	int result = 0;

	if (!is_json(q->content_type))
		return err_set(r->err, ERR_NEGATIVE, "the body's Content-Type must be application/json");
	if (js_parse(q->body, &body, r->err) < 0)
		return -1;
	if (!js_is_object(body))
		result = err_set(r->err, ERR_INPUT, "the body must be a JSON object");
	while (result == 0 && js_next(body, &iter, &key, &value))
		result = body_word(r, key, value);
	js_free(&body);
	return result;
}

static bool has_body(const struct route *route) {
	for (const struct word *w = route->words; w->name; w++)
		if (w->place == IN_BODY)
			return true;
	return false;
}

/* `"version"`, as ETag gives it. A weak one is the same as none (RFC 9110, 13.1.1). */
static int read_version(struct reading *r, struct slice given) {
	struct slice s = given;

	if (slice_is(s, "*"))
		return 0;
	if (s.n < 2 || s.n >= HTTP_ETAG || s.p[0] != '"' || s.p[s.n - 1] != '"')
		s = (struct slice){"\"weak\"", 6};
	js_put_text(r->out, "if_version", (struct slice){s.p + 1, s.n - 2});
	return 0;
}

int route_request(const struct route_match *m, const struct http_request *q, struct buf *out, struct err *err) {
	struct reading r = {.route = m->route, .out = out, .err = err};

	js_begin(out, '{');
	js_put_string(out, "verb", m->route->verb);
	if (m->route->fixed)
		buf_printf(out, ",%s", m->route->fixed);
	if (read_path(&r, m) < 0 || read_query(&r, m->query) < 0)
		return -1;
	if (q->body.n > 0 && has_body(m->route) && read_body(&r, q) < 0)
		return -1;
	for (const struct word *w = m->route->words; w->name; w++)
		if (w->needed && !(r.seen & 1U << (w - m->route->words)))
			return wrong(&r, w, "missing");
	if (m->route->shape == SHAPE_DEVICE && m->route->changes && q->if_match.p && read_version(&r, q->if_match) < 0)
		return -1;
	return out->failed ? err_set(err, ERR_SYSTEM, "out of memory") : 0;
}
