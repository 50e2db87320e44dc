/* Access logs as Apache httpd and nginx write them: `[host[:port] ]ip ident user [time] "request" status bytes`, then
 * ` "referer" "agent"`, then ` "forwarded"`, and whatever else. Both servers escape quotes and backslashes in what a client
 * sent (\x22, \"), so that a quote ends a field for sure. Traefik's common format has its own words behind the agent. */
#include <string.h>

#include "analyzer/format_private.h"

/* Behind a quote: what stands before the next one that no backslash hides. */
static const char *quote_find(struct slice s) {
	const char *quote = s.n ? memchr(s.p, '"', s.n) : NULL;
	size_t n = 0;

	if (!quote || !memchr(s.p, '\\', (size_t)(quote - s.p)))
		return quote;
	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' && n + 1 < s.n ? 2 : 1;
	return n < s.n ? s.p + n : NULL;
}

/* A quoted field at the start of *s, as it is written, without its quotes. */
static bool quoted_take(struct slice *s, struct slice *out) {
	struct slice at = *s;
	const char *quote;

	if (!slice_skip(&at, '"') || !(quote = quote_find(at)))
		return false;
	*out = slice_take(&at, (size_t)(quote - at.p));
	(void)slice_skip(&at, '"');
	*s = at;
	return true;
}

static bool is_status(struct slice word) {
	struct slice digits = word;

	return slice_is(word, "-") || (word.n == 3 && slice_take_digits(&digits).n == 3);
}

/* The quoted request at the start of *s, and the blank behind it. It ends at the first quote behind which a status stands: Traefik writes a quote in
 * a query as it came, and without this a client could make its requests unreadable. It cannot write a status there, for no blank stands in a target. */
static bool request_take(struct slice *s, struct slice *out) {
	struct slice at = *s;
	const char *quote;

	(void)slice_take(&at, 1);
	while ((quote = quote_find(at)) != NULL) {
		at.n -= (size_t)(quote + 1 - at.p);
		at.p = quote + 1;
		if (at.n > 0 && at.p[0] == ' ') {
			struct slice behind = {at.p + 1, at.n - 1};

			if (is_status(slice_word(&(struct slice){behind.p, behind.n}))) {
				*out = (struct slice){s->p + 1, (size_t)(quote - s->p) - 1};
				*s = behind;
				return true;
			}
		}
	}
	return false;
}

static void set_unless_dash(struct slice value, struct slice *field) {
	if (!slice_is(value, "-"))
		*field = value;
}

static bool is_address(struct line_fields *fields, struct slice s) {
	struct addr ip;

	return endpoint_read(fields, s, &ip);
}

/* What stands before the time: [host] ip ident user. A user may hold blanks; the others cannot. */
static bool head_split(struct slice head, struct line_fields *out) {
	struct slice rest = head;
	struct slice first = slice_word(&rest);
	struct slice second = slice_word(&rest);
	const char *colon;

	if (is_address(out, second)) {
		/* A host, or in the plain form what an ident server said? With fewer than four fields this cannot be known. */
		if (!memchr(rest.p, ' ', rest.n))
			return false;
		/* Traefik writes what a client says of those before it in place of the address, a list as it came. */
		if (memchr(first.p, ',', first.n))
			return false;
		colon = memchr(first.p, ':', first.n);
		if (colon && first.p[0] != '[')
			first.n = (size_t)(colon - first.p);
		set_unless_dash(first, &out->at[FIELD_HOST]);
		out->at[FIELD_IP] = second;
		(void)slice_word(&rest);
	} else if (is_address(out, first))
		out->at[FIELD_IP] = first;
	else
		return false;
	if (rest.n > 0 && !slice_is(rest, "\"\""))
		set_unless_dash(rest, &out->at[FIELD_USER]);
	return true;
}

bool combined_head(struct time_context *tc, struct line_fields *out, struct slice *line) {
	/* No client can write a bare quote, so the first `] "` is where the request begins. */
	const char *end = slice_find(*line, "] \"");
	const char *begin = end ? memrchr(line->p, '[', (size_t)(end - line->p)) : NULL;

	if (!begin || begin - line->p < 2 || begin[-1] != ' ' ||
	    !stamp_set(tc, (struct slice){begin + 1, (size_t)(end - begin - 1)}, out) ||
	    !head_split((struct slice){line->p, (size_t)(begin - 1 - line->p)}, out))
		return false;
	(void)slice_take(line, (size_t)(end + 2 - line->p));
	return true;
}

bool combined_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                    struct line_fields *out) {
	struct slice rest = line;
	struct slice value;

	(void)f;
	(void)names;
	if (!combined_head(tc, out, &rest))
		return false;
	if (!request_take(&rest, &value))
		return false;
	(void)request_split(value, out);
	value = slice_word(&rest);
	set_unless_dash(value, &out->at[FIELD_STATUS]);
	value = slice_word(&rest);
	if (value.n == 0 || (!slice_is(value, "-") && slice_take_digits(&(struct slice){value.p, value.n}).n != value.n))
		return false;
	set_unless_dash(value, &out->at[FIELD_BYTES]);
	if (!quoted_take(&rest, &value))
		return true;
	set_unless_dash(value, &out->at[FIELD_REFERER]);
	if (!slice_skip(&rest, ' ') || !quoted_take(&rest, &value))
		return true;
	out->at[FIELD_AGENT] = value;
	if (slice_skip(&rest, ' ') && quoted_take(&rest, &value))
		set_unless_dash(value, &out->at[FIELD_FORWARDED]);
	return true;
}
