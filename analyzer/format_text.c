#include <string.h>

#include "analyzer/block.h"
#include "analyzer/format_private.h"

#define HEAD_WORD_MAX 255 /* of a host or program name in a syslog line */

void slice_skip_blanks(struct slice *s) {
	while (slice_skip(s, ' '))
		;
}

struct slice slice_take_digits(struct slice *s) {
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	return slice_take(s, n);
}

struct slice slice_take_letters(struct slice *s) {
	size_t n = 0;

	for (; s->n - n >= BLOCK; n += BLOCK) {
		unsigned letters = block_bits((block)((block_load(s->p + n) | 0x20) - 'a' < 26));

		if (letters != (1U << BLOCK) - 1)
			return slice_take(s, n + (unsigned)__builtin_ctz(~letters));
	}
	while (n < s->n && (unsigned)(s->p[n] | 0x20) - 'a' < 26)
		n++;
	return slice_take(s, n);
}

const char *slice_find(struct slice s, const char *text) {
	size_t n = strlen(text);

	while (s.n >= n) {
		const char *at = memchr(s.p, text[0], s.n - n + 1);

		if (!at || memcmp(at, text, n) == 0)
			return at;
		s.n -= (size_t)(at + 1 - s.p);
		s.p = at + 1;
	}
	return NULL;
}

void slice_skip_colours(struct slice *s) {
	while (s->n >= 3 && s->p[0] == '\033' && s->p[1] == '[') {
		size_t n = 2;

		while (n < s->n && ((s->p[n] >= '0' && s->p[n] <= '9') || s->p[n] == ';'))
			n++;
		if (n == s->n || s->p[n] != 'm')
			return;
		(void)slice_take(s, n + 1);
	}
}

/* program[pid]: or program: at the start of *s, with the blank behind it. */
static bool program_take(struct slice *s, struct syslog_head *head) {
	struct slice at = *s;
	size_t n = 0;
	const char *slash;

	while (n < at.n && n <= HEAD_WORD_MAX && at.p[n] != '[' && at.p[n] != ':' && at.p[n] != ' ')
		n++;
	if (n == 0 || n == at.n || at.p[n] == ' ')
		return false;
	head->program = slice_take(&at, n);
	if (slice_skip(&at, '[')) {
		head->pid = slice_take_digits(&at);
		if (head->pid.n == 0 || !slice_skip(&at, ']'))
			return false;
		(void)slice_skip(&at, ':');
	} else if (!slice_skip(&at, ':'))
		return false;
	if (at.n > 0 && at.p[0] != ' ')
		return false;
	/* /usr/sbin/kamailio is kamailio. */
	slash = memrchr(head->program.p, '/', head->program.n);
	if (slash)
		(void)slice_take(&head->program, (size_t)(slash + 1 - head->program.p));
	slice_skip_blanks(&at);
	*s = at;
	return head->program.n > 0;
}

/* Behind "<pri>1 ": stamp host program pid message-id structured-data, RFC 5424. */
static bool head_5424(struct slice *s, struct syslog_head *head) {
	head->stamp = slice_word(s);
	head->host = slice_word(s);
	head->program = slice_word(s);
	head->pid = slice_word(s);
	(void)slice_word(s);
	if (slice_skip(s, '-')) {
		(void)slice_skip(s, ' ');
		return true;
	}
	while (slice_skip(s, '[')) {
		bool quoted = false;

		while (s->n > 0 && (quoted || s->p[0] != ']')) {
			if (quoted && s->p[0] == '\\' && s->n > 1)
				(void)slice_take(s, 1);
			else if (s->p[0] == '"')
				quoted = !quoted;
			(void)slice_take(s, 1);
		}
		if (!slice_skip(s, ']'))
			return false;
	}
	(void)slice_skip(s, ' ');
	return true;
}

bool syslog_head_take(struct slice *line, struct syslog_head *head) {
	struct slice s = *line;
	struct syslog_head found = {0};
	size_t n;

	if (slice_skip(&s, '<')) {
		if (slice_take_digits(&s).n == 0 || !slice_skip(&s, '>'))
			return false;
		if (slice_starts(s, "1 ")) {
			(void)slice_take(&s, 2);
			if (!head_5424(&s, &found) || found.stamp.n == 0)
				return false;
			/* Some senders put a byte order mark before UTF-8 text. */
			if (slice_starts(s, "\xef\xbb\xbf"))
				(void)slice_take(&s, 3);
			*head = found;
			*line = s;
			return true;
		}
	}
	n = stamp_length(s);
	if (n == 0 || n == s.n)
		return false;
	found.stamp = slice_take(&s, n);
	if (!slice_skip(&s, ' '))
		return false;
	slice_skip_blanks(&s);
	if (!program_take(&s, &found)) {
		struct slice rest = s;

		found.host = slice_word(&rest);
		if (found.host.n == 0 || found.host.n > HEAD_WORD_MAX)
			return false;
		slice_skip_blanks(&rest);
		s = rest;
		found.program = found.pid = (struct slice){0};
		(void)program_take(&s, &found);
		if (s.p == rest.p)
			found.program = found.pid = (struct slice){0};
	}
	*head = found;
	*line = s;
	return true;
}

bool endpoint_read(struct line_fields *fields, struct slice text, struct addr *ip) {
	/* No address is shorter. */
	if (text.n < 2)
		return false;
	if (text.p != fields->parsed.p || text.n != fields->parsed.n) {
		if (!addr_parse_endpoint(text.p, text.n, &fields->ip))
			return false;
		fields->parsed = text;
	}
	*ip = fields->ip;
	return true;
}

char *scratch_take(struct line_fields *out, size_t n) {
	char *p = out->scratch + out->scratch_used;

	if (n > SCRATCH_MAX - out->scratch_used)
		return NULL;
	out->scratch_used += n;
	return p;
}

char *scratch_to_decode(struct line_fields *out, struct slice s) {
	return scratch_take(out, s.n > 0 && memchr(s.p, '%', s.n) ? s.n : 0);
}

void target_fields(struct slice text, struct line_fields *out) {
	struct target target;
	const char *slash;
	char *to;

	target_split(text, &target);
	if (target.host.p)
		out->at[FIELD_HOST] = target.host;
	if (target.query.p)
		out->at[FIELD_QUERY] = target.query;
	out->at[FIELD_PATH] = target.path;
	slash = target.path.n ? memrchr(target.path.p, '/', target.path.n) : NULL;
	if (slash)
		(void)slice_take(&target.path, (size_t)(slash - target.path.p));
	to = scratch_to_decode(out, target.path);
	if (to && target.path.p)
		out->at[FIELD_FILE] = target_file(target.path, to);
}

bool request_split(struct slice request, struct line_fields *out) {
	static const char version[] = " HTTP/";
	struct slice rest = request;
	struct slice method = {request.p, 0};
	struct slice target;
	size_t n;

	while (method.n < rest.n && rest.p[method.n] >= 'A' && rest.p[method.n] <= 'Z')
		method.n++;
	(void)slice_take(&rest, method.n);
	if (method.n == 0 || !slice_skip(&rest, ' '))
		return false;
	/* The version stands behind the last " HTTP/": a target may hold blanks, and an attacker's may hold this too. */
	for (n = rest.n > sizeof(version) - 1 ? rest.n - (sizeof(version) - 1) : 0; n > 0; n--)
		if (rest.p[n] == ' ' && memcmp(rest.p + n, version, sizeof(version) - 1) == 0)
			break;
	target = (struct slice){rest.p, n};
	if (n == 0) {
		/* HTTP/0.9 has no version, and servers still answer it. */
		if (rest.n == 0 || rest.p[0] != '/' || memchr(rest.p, ' ', rest.n))
			return false;
		target = rest;
	}
	out->at[FIELD_METHOD] = method;
	target_fields(target, out);
	return true;
}
