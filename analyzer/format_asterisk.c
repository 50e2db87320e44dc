/* Asterisk's logs (main/logger.c): `[date] LEVEL[lwp][C-callid] file.c: message` in files, with `file.c:line function:` in verbose files and on the console,
 * there with colours, and `LEVEL[lwp][C-callid]: file.c:line in function: message` behind syslog's head. Verbose lines have no level. A JSON
 * log has the same as members of one object: {"hostname", "timestamp", "identifiers": {"lwp", "callid"}, "logmsg": {"location": {"filename",
 * "function", "line"}, "level", "message"}}.
 *
 * The values of a security event (res/res_security_log.c) are not escaped: a quote in a user name is a quote in the line. A key that
 * stands twice is therefore given to nobody, and there is no address where the words before it come twice, even within a value. */
#include <string.h>

#include "analyzer/format_private.h"

#define FILE_WORD_MAX 64
#define KEY_MAX       32

static bool is_upper(struct slice s) {
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 'A' || s.p[i] > 'Z')
			return false;
	return s.n > 0;
}

/* "[...]" whose inside is a stamp, or empty. */
static bool date_take(const struct time_context *tc, struct slice *s, struct slice *stamp) {
	struct slice at = *s;
	const char *end;

	if (!slice_skip(&at, '['))
		return false;
	end = memchr(at.p, ']', at.n < FILE_WORD_MAX ? at.n : FILE_WORD_MAX);
	if (!end)
		return false;
	*stamp = slice_take(&at, (size_t)(end - at.p));
	(void)slice_skip(&at, ']');
	if (stamp->n > 0 && !stamp_is_last(tc, *stamp) && stamp_length(*stamp) == 0 &&
	    slice_take_digits(&(struct slice){stamp->p, stamp->n}).n == 0)
		return false;
	*s = at;
	return true;
}

/* LEVEL[lwp][C-0000001d], as far as it stands there. */
static bool level_take(struct slice *s, struct line_fields *out) {
	struct slice at = *s;
	struct slice level, call;

	slice_skip_colours(&at);
	slice_skip_blanks(&at);
	slice_skip_colours(&at);
	level = slice_take_letters(&at);
	slice_skip_colours(&at);
	if (!is_upper(level) || !slice_skip(&at, '[') || slice_take_digits(&at).n == 0 || !slice_skip(&at, ']'))
		return false;
	out->at[FIELD_LEVEL] = level;
	if (slice_starts(at, "[C-")) {
		const char *end = memchr(at.p, ']', at.n < KEY_MAX ? at.n : KEY_MAX);

		if (!end)
			return false;
		call = slice_take(&at, (size_t)(end + 1 - at.p));
		out->at[FIELD_CALL] = (struct slice){call.p + 1, call.n - 2};
	}
	(void)slice_skip(&at, ':');
	*s = at;
	return true;
}

/* file.c: | file.c:123 in function: | file.c:123 function: | Ext. s: | : : : */
static bool place_take(struct slice *s, struct line_fields *out) {
	struct slice at = *s;
	struct slice rest;
	size_t n = 0;

	slice_skip_blanks(&at);
	slice_skip_colours(&at);
	while (n < at.n && n < FILE_WORD_MAX && at.p[n] != ':' && at.p[n] != '"' && at.p[n] != '\'' && at.p[n] != '\033')
		n++;
	out->at[FIELD_FILE] = slice_take(&at, n);
	slice_skip_colours(&at);
	if (!slice_skip(&at, ':'))
		return false;
	slice_skip_colours(&at);
	if (slice_take_digits(&at).n > 0) {
		slice_skip_colours(&at);
		slice_skip_blanks(&at);
		slice_skip_colours(&at);
		if (slice_starts(at, "in "))
			(void)slice_take(&at, 3);
		n = 0;
		while (n < at.n && n < FILE_WORD_MAX && at.p[n] != ':' && at.p[n] != ' ' && at.p[n] != '\033')
			n++;
		rest = at;
		out->at[FIELD_FUNCTION] = slice_take(&rest, n);
		slice_skip_colours(&rest);
		if (!slice_skip(&rest, ':'))
			return false;
		at = rest;
	} else if (out->at[FIELD_FILE].n == 0) {
		/* Nothing but the marks of an empty line and function. */
		slice_skip_blanks(&at);
		(void)slice_skip(&at, ':');
		slice_skip_blanks(&at);
		(void)slice_skip(&at, ':');
	}
	slice_skip_blanks(&at);
	*s = at;
	return true;
}

/* IPV4/UDP/192.0.2.1/5060, the transport may be missing. */
static bool address_split(struct slice value, struct line_fields *out) {
	struct slice part[5];
	struct addr ip;
	size_t n = 0;

	while (n < 5) {
		const char *slash = value.n ? memchr(value.p, '/', value.n) : NULL;

		part[n++] = slice_take(&value, slash ? (size_t)(slash - value.p) : value.n);
		if (!slice_skip(&value, '/'))
			break;
	}
	if (n < 3 || n > 4 || (!slice_is(part[0], "IPV4") && !slice_is(part[0], "IPV6")) ||
	    !addr_parse(part[n - 2].p, part[n - 2].n, &ip))
		return false;
	out->at[FIELD_IP] = part[n - 2];
	if (n == 4)
		out->at[FIELD_TRANSPORT] = part[1];
	return true;
}

/* Key=" at p: the length of the key, or 0. */
static size_t key_length(struct slice s) {
	struct slice at = s;
	size_t n = slice_take_letters(&at).n;

	return n > 0 && n <= KEY_MAX && slice_starts(at, "=\"") ? n : 0;
}

/* Up to the quote that ends a value: one before `,Key="`, or the line's last byte. *next: the length of that key. */
static bool value_take(struct slice *s, struct slice *value, size_t *next) {
	struct slice at = *s;

	while (at.n > 0) {
		const char *quote = memchr(at.p, '"', at.n);
		struct slice behind;

		if (!quote)
			return false;
		behind = (struct slice){quote + 1, at.n - (size_t)(quote + 1 - at.p)};
		*next = behind.n > 0 && behind.p[0] == ',' ? key_length((struct slice){behind.p + 1, behind.n - 1}) : 0;
		if (behind.n == 0 || *next > 0) {
			*value = (struct slice){s->p, (size_t)(quote - s->p)};
			(void)slice_skip(&behind, ',');
			*s = behind;
			return true;
		}
		at = behind;
	}
	return false;
}

static bool comes_once(struct slice s, const char *words) {
	size_t n = strlen(words);
	const char *at = slice_find(s, words);

	return at && !slice_find((struct slice){at + n, s.n - (size_t)(at + n - s.p)}, words);
}

/* The first key of a security event tells which it is: where no rule asks for that, or for what else stands before, the rest is left alone. */
static const char event_key[] = "SecurityEvent";

static void security_defer(const struct field_names *names, struct slice message, struct line_fields *out) {
	struct slice rest = {message.p + sizeof(event_key) + 1, message.n - sizeof(event_key) - 1};
	size_t next;

	if (!value_take(&rest, &out->early_text, &next))
		out->early_text = (struct slice){0};
	out->early = field_find(names, (struct slice){message.p, sizeof(event_key) - 1});
	/* A JSON log may have a key of that name too. */
	if (out->early >= 0 && out->at[out->early].p)
		out->early = -1;
	out->deferred = message;
}

void asterisk_finish(const struct field_names *names, struct line_fields *io) {
	uint64_t twice[(FIELDS_MAX + 63) / 64] = {0};
	struct slice message = io->deferred;
	struct slice address = {0};
	struct slice account = {0};
	bool single = comes_once(message, "RemoteAddress=\"");
	unsigned accounts = 0;
	size_t next = key_length(message);

	while (next > 0) {
		struct slice key = slice_take(&message, next);
		struct slice value;
		int field = field_find(names, key);

		(void)slice_take(&message, 2);
		if (!value_take(&message, &value, &next))
			break;
		if (slice_is(key, "RemoteAddress"))
			address = value;
		if (slice_is(key, "AccountID") && ++accounts)
			account = value;
		if (field < FIELDS_FIXED)
			continue;
		if (io->at[field].p)
			twice[field / 64] |= 1ULL << field % 64;
		io->at[field] = value;
	}
	for (unsigned w = 0; w < sizeof(twice) / sizeof(twice[0]); w++)
		for (uint64_t left = twice[w]; left; left &= left - 1)
			io->at[64 * w + (unsigned)__builtin_ctzll(left)] = (struct slice){0};
	if (message.n > 0 || !single || !address.p || !address_split(address, io))
		return;
	if (accounts == 1)
		io->at[FIELD_USER] = account;
}

/* The JSON form: its message is only that, whatever it begins with. */
static bool json_take(const struct format *f, const struct field_names *names, struct time_context *tc,
                      struct slice *line, struct line_fields *out) {
	if (!json_split(f, names, tc, *line, out) || !out->at[FIELD_LEVEL].p || !out->at[FIELD_FILE].p ||
	    !out->at[FIELD_FUNCTION].p || !out->at[FIELD_MESSAGE].p)
		return false;
	*line = out->at[FIELD_MESSAGE];
	return true;
}

bool asterisk_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                    struct line_fields *out) {
	struct syslog_head head = {0};
	struct slice stamp = {0};
	bool dated;

	slice_skip_colours(&line);
	if (line.n > 0 && line.p[0] != '[' && syslog_head_take(&line, &head) &&
	    (!head.program.p || !slice_starts(head.program, f->program)))
		return false;
	if (line.n > 0 && line.p[0] == '{') {
		dated = json_take(f, names, tc, &line, out);
		if (!dated)
			return false;
	} else {
		dated = date_take(tc, &line, &stamp) && stamp.n > 0;
		if (level_take(&line, out)) {
			if (!place_take(&line, out))
				return false;
		} else if (!dated)
			return false;
		slice_skip_blanks(&line);
	}
	out->at[FIELD_MESSAGE] = line;
	if (head.stamp.p) {
		out->at[FIELD_HOST] = head.host;
		out->at[FIELD_PROGRAM] = head.program;
		out->at[FIELD_PID] = head.pid;
	}
	if (slice_starts(line, "SecurityEvent=\""))
		security_defer(names, line, out);
	/* As in format_freeswitch.c: syslog's stamp is the better one where it has a year. */
	if (head.stamp.p && (!dated || (head.stamp.p[0] >= '0' && head.stamp.p[0] <= '9')))
		stamp = head.stamp;
	/* A message within a line that has told its time needs none of its own. */
	return stamp.n > 0 ? stamp_set(tc, stamp, out) : out->has_time;
}
