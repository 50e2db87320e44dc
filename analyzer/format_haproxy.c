/* What HAProxy logs of HTTP requests (its configuration manual, 8.2.3 and 8.2.4: option httplog, httpslog, and httplog clf), behind the head of a
 * syslog line or without:
 *
 *     ip:port [time] frontend backend/server 10/0/30/69/109 status bytes cookie cookie ---- 1/1/1/1/0 0/0 {captured|captured} {captured} "request"
 *     ip - - [time] "request" status bytes "" "" port ... (twenty in all) "captured" "captured"
 *
 * It writes a quote, a "#", what is not printable and, in headers, "{", "|" and "}" as #XX: each of them ends a field for sure. The first
 * captured request header is taken as the agent, the second as the forwarded address. Of an IPv6 address the port is behind the last colon. */
#include <string.h>

#include "analyzer/format_private.h"

#define CLF_WORDS 20 /* between the two empty texts and the captured headers */

static int hex(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* As it was before #XX; p NULL where scratch is full. */
static struct slice decoded(struct slice s, struct line_fields *out) {
	char *to;
	size_t n = 0;

	if (s.n == 0 || !memchr(s.p, '#', s.n))
		return s;
	to = scratch_take(out, s.n);
	for (size_t i = 0; to && i < s.n; i++) {
		int high = s.p[i] == '#' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex(s.p[i + 2]);

		if (low >= 0) {
			to[n++] = (char)(high << 4 | low);
			i += 2;
		} else
			to[n++] = s.p[i];
	}
	return (struct slice){to, n};
}

/* What stands between two marks at the start of *s, without them. */
static bool between_take(struct slice *s, char open, char close, struct slice *out) {
	struct slice at = *s;
	const char *end;

	if (!slice_skip(&at, open))
		return false;
	end = at.n ? memchr(at.p, close, at.n) : NULL;
	if (!end)
		return false;
	*out = slice_take(&at, (size_t)(end - at.p));
	(void)slice_skip(&at, close);
	*s = at;
	return true;
}

static void set_unless_empty(struct slice value, struct slice *field) {
	if (value.n > 0 && !slice_is(value, "-"))
		*field = value;
}

static bool status_take(struct slice *s, struct line_fields *out) {
	struct slice word = slice_word(s);
	struct slice digits = word;

	if (slice_is(word, "-1"))
		return true;
	if (word.n != 3 || slice_take_digits(&digits).n != 3)
		return false;
	out->at[FIELD_STATUS] = word;
	return true;
}

static bool bytes_take(struct slice *s, struct line_fields *out) {
	struct slice word = slice_word(s);
	struct slice digits;

	(void)slice_skip(&word, '+'); /* logged when only the headers were there: option logasap */
	digits = word;
	if (word.n == 0 || slice_take_digits(&digits).n != word.n)
		return false;
	out->at[FIELD_BYTES] = word;
	return true;
}

static bool request_take(struct slice *s, struct line_fields *out) {
	struct slice request;

	if (!between_take(s, '"', '"', &request))
		return false;
	request = decoded(request, out);
	if (request.n > 0)
		(void)request_split(request, out);
	return true;
}

static bool is_address(struct slice s) {
	struct addr ip;

	return addr_parse_endpoint(s.p, s.n, &ip);
}

/* a/b/c: n of them at least. */
static bool slashed_skip(struct slice *s, size_t n) {
	struct slice word = slice_word(s);
	size_t parts = 1;

	for (size_t i = 0; i < word.n; i++)
		parts += word.p[i] == '/';
	return word.n > 0 && parts >= n;
}

static bool captures_take(struct slice *s, struct line_fields *out) {
	struct slice captured, agent;
	const char *bar;

	if (s->n == 0 || s->p[0] != '{')
		return true;
	if (!between_take(s, '{', '}', &captured) || !slice_skip(s, ' '))
		return false;
	bar = captured.n ? memchr(captured.p, '|', captured.n) : NULL;
	agent = slice_take(&captured, bar ? (size_t)(bar - captured.p) : captured.n);
	set_unless_empty(decoded(agent, out), &out->at[FIELD_AGENT]);
	if (slice_skip(&captured, '|')) {
		bar = captured.n ? memchr(captured.p, '|', captured.n) : NULL;
		set_unless_empty(slice_take(&captured, bar ? (size_t)(bar - captured.p) : captured.n),
		                 &out->at[FIELD_FORWARDED]);
	}
	/* Those of the answer. */
	return s->n == 0 || s->p[0] != '{' || (between_take(s, '{', '}', &captured) && slice_skip(s, ' '));
}

static bool plain_split(struct slice s, struct time_context *tc, struct line_fields *out) {
	struct slice peer = slice_word(&s);
	struct slice time, word;
	const char *colon = peer.n ? memrchr(peer.p, ':', peer.n) : NULL;

	if (!colon)
		return false;
	peer.n = (size_t)(colon - peer.p);
	if (!is_address(peer) || !between_take(&s, '[', ']', &time) || !slice_skip(&s, ' ') || !stamp_set(tc, time, out))
		return false;
	out->at[FIELD_IP] = peer;
	/* "frontend/bind: SSL handshake failure" asks for nothing. */
	word = slice_word(&s);
	if (word.n > 0 && word.p[word.n - 1] == ':') {
		out->at[FIELD_MESSAGE] = s;
		return true;
	}
	if (!slashed_skip(&s, 2) || !slashed_skip(&s, 4) || !status_take(&s, out) || !bytes_take(&s, out))
		return false;
	(void)slice_word(&s);
	(void)slice_word(&s);
	word = slice_word(&s);
	return word.n == 4 && slashed_skip(&s, 5) && slashed_skip(&s, 2) && captures_take(&s, out) && request_take(&s, out);
}

static bool clf_split(struct slice s, struct time_context *tc, struct line_fields *out) {
	struct slice peer = slice_word(&s);
	struct slice time, value;

	if (!is_address(peer) || !slice_starts(s, "- - "))
		return false;
	(void)slice_take(&s, 4);
	if (!between_take(&s, '[', ']', &time) || !slice_skip(&s, ' ') || !stamp_set(tc, time, out) ||
	    !request_take(&s, out) || !slice_skip(&s, ' ') || !status_take(&s, out) || !bytes_take(&s, out) ||
	    !slice_starts(s, "\"\" \"\" "))
		return false;
	out->at[FIELD_IP] = peer;
	(void)slice_take(&s, 6);
	for (unsigned i = 0; i < CLF_WORDS; i++) {
		if (s.n == 0)
			return false;
		if (!between_take(&s, '"', '"', &value))
			(void)slice_word(&s);
		else
			(void)slice_skip(&s, ' ');
	}
	if (between_take(&s, '"', '"', &value)) {
		set_unless_empty(decoded(value, out), &out->at[FIELD_AGENT]);
		if (slice_skip(&s, ' ') && between_take(&s, '"', '"', &value))
			set_unless_empty(value, &out->at[FIELD_FORWARDED]);
	}
	return true;
}

bool haproxy_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                   struct line_fields *out) {
	struct slice s = line;
	struct syslog_head head;

	(void)f;
	(void)names;
	if (!syslog_head_take(&s, &head))
		return plain_split(line, tc, out) || clf_split(line, tc, out);
	if (!head.program.p || !slice_starts(head.program, "haproxy"))
		return false;
	out->at[FIELD_PROGRAM] = head.program;
	out->at[FIELD_PID] = head.pid;
	if (plain_split(s, tc, out) || clf_split(s, tc, out))
		return true;
	/* What it tells of itself: "Server www/a is DOWN". */
	line = s;
	if (is_address(slice_word(&s)) || !stamp_set(tc, head.stamp, out))
		return false;
	out->at[FIELD_MESSAGE] = line;
	return true;
}
