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
#define CALL_MAX      32

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

/* What stands in front of a message. */
enum part { PART_STAMP, PART_LEVEL, PART_CALL, PART_FILE, PART_FUNCTION };

/* LEVEL[lwp][C-0000001d], as far as it stands there. */
static bool level_take(struct slice *s, struct slice *parts) {
	struct slice at = *s;
	struct slice level, call;

	slice_skip_colours(&at);
	slice_skip_blanks(&at);
	slice_skip_colours(&at);
	level = slice_take_letters(&at);
	slice_skip_colours(&at);
	if (!is_upper(level) || !slice_skip(&at, '[') || slice_take_digits(&at).n == 0 || !slice_skip(&at, ']'))
		return false;
	parts[PART_LEVEL] = level;
	if (slice_starts(at, "[C-")) {
		const char *end = memchr(at.p, ']', at.n < CALL_MAX ? at.n : CALL_MAX);

		if (!end)
			return false;
		call = slice_take(&at, (size_t)(end + 1 - at.p));
		parts[PART_CALL] = (struct slice){call.p + 1, call.n - 2};
	}
	(void)slice_skip(&at, ':');
	*s = at;
	return true;
}

/* file.c: | file.c:123 in function: | file.c:123 function: | Ext. s: | : : : */
static bool place_take(struct slice *s, struct slice *parts) {
	struct slice at = *s;
	struct slice rest;
	size_t n = 0;

	slice_skip_blanks(&at);
	slice_skip_colours(&at);
	while (n < at.n && n < FILE_WORD_MAX && at.p[n] != ':' && at.p[n] != '"' && at.p[n] != '\'' && at.p[n] != '\033')
		n++;
	parts[PART_FILE] = slice_take(&at, n);
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
		parts[PART_FUNCTION] = slice_take(&rest, n);
		slice_skip_colours(&rest);
		if (!slice_skip(&rest, ':'))
			return false;
		at = rest;
	} else if (parts[PART_FILE].n == 0) {
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
	out->at[FIELD_IP] = out->parsed = part[n - 2];
	out->ip = ip;
	if (n == 4)
		out->at[FIELD_TRANSPORT] = part[1];
	return true;
}

static const char *quote_find(struct slice s) {
	for (; s.n >= BLOCK; (void)slice_take(&s, BLOCK)) {
		unsigned quotes = block_bits((block)(block_load(s.p) == '"'));

		if (quotes)
			return s.p + __builtin_ctz(quotes);
	}
	return s.n ? memchr(s.p, '"', s.n) : NULL;
}

/* The key that s begins with, as the memo has it; NULL for none. */
static inline const struct key_memo *key_at(const struct field_names *names, struct key_memo *memo, struct slice s) {
	return key_is(memo, s) || key_read(names, s, memo) ? memo : NULL;
}

/* The words before an address, with the quote: within a value, too. */
static inline bool ends_as_address(const char *begin, const char *quote) {
	static const char words[] = ADDRESS_KEY "=";
	const size_t n = sizeof(words) - 1;

	return quote[-1] == '=' && (size_t)(quote - begin) >= n && memcmp(quote - n, words, n) == 0;
}

/* The first key of a security event tells which it is: where no rule asks for that, or for what else stands before, the rest is left alone. It is told at once
 * where the keys begin as they did before. */
static void security_defer(const struct field_names *names, struct slice message, struct line_fields *out) {
	const struct key_memo *keys = names_memo(names)->keys;
	struct slice rest = message;
	const char *quote;

	out->deferred = message;
	out->early = -1;
	/* A JSON log may have a key of that name too. */
	if (!key_is(&keys[0], message) || keys[0].field < 0 || out->at[keys[0].field].p)
		return;
	(void)slice_take(&rest, keys[0].n + 2U);
	quote = quote_find(rest);
	if (!quote)
		return;
	out->early_text = slice_take(&rest, (size_t)(quote - rest.p));
	(void)slice_take(&rest, 1);
	if (slice_skip(&rest, ',') && key_is(&keys[1], rest))
		out->early = keys[0].field;
}

/* A value ends with a quote before `,Key="`, or as the line's last byte. */
void asterisk_finish(const struct field_names *names, struct line_fields *io) {
	struct key_memo *keys = names_memo(names)->keys;
	const char *begin = io->deferred.p;
	struct slice rest = io->deferred;
	const struct key_memo *key = key_at(names, &keys[0], rest);
	uint64_t twice[(FIELDS_MAX + 63) / 64] = {0};
	struct slice address = {0};
	struct slice account = {0};
	unsigned addresses = 0, accounts = 0;

	for (size_t i = 1; key; i++) {
		struct slice at = {rest.p + key->n + 2, rest.n - key->n - 2};
		struct slice value = {at.p, 0};
		const struct key_memo *next = NULL;
		const char *quote;

		rest = at;
		addresses += key->ends_as_address;
		while ((quote = quote_find(at)) != NULL) {
			addresses += ends_as_address(begin, quote);
			at = (struct slice){quote + 1, at.n - (size_t)(quote + 1 - at.p)};
			if (at.n == 0)
				break;
			if (at.p[0] == ',' &&
			    (next = key_at(names, &keys[i % KEYS_AGAIN], (struct slice){at.p + 1, at.n - 1})) != NULL)
				break;
		}
		if (!quote)
			break;
		rest = next ? (struct slice){at.p + 1, at.n - 1} : at;
		value.n = (size_t)(quote - value.p);
		if (key->is_address)
			address = value;
		if (key->is_account && ++accounts)
			account = value;
		if (key->field >= FIELDS_FIXED) {
			if (io->at[key->field].p)
				twice[key->field / 64] |= 1ULL << key->field % 64;
			io->at[key->field] = value;
		}
		key = next;
	}
	for (unsigned word = 0; word < sizeof(twice) / sizeof(twice[0]); word++)
		for (uint64_t left = twice[word]; left; left &= left - 1)
			io->at[64 * word + (unsigned)__builtin_ctzll(left)] = (struct slice){0};
	if (rest.n > 0 || addresses != 1 || !address.p || !address_split(address, io))
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

/* The parts are fields where they are there. */
static void parts_set(const struct slice *parts, struct line_fields *out) {
	static const int fields[] = {[PART_LEVEL] = FIELD_LEVEL,
	                             [PART_CALL] = FIELD_CALL,
	                             [PART_FILE] = FIELD_FILE,
	                             [PART_FUNCTION] = FIELD_FUNCTION};

	for (size_t i = PART_LEVEL; i < HEAD_PARTS; i++)
		if (parts[i].p)
			out->at[fields[i]] = parts[i];
}

/* In front of the message; *line is that, then. A head that may be kept as it is ends with the place. */
static bool front_take(const struct field_names *names, const struct time_context *tc, struct slice *line,
                       struct slice *parts) {
	struct head_memo *memo = &names_memo(names)->asterisk;
	struct slice whole = *line;
	bool dated = date_take(tc, line, &parts[PART_STAMP]) && parts[PART_STAMP].n > 0;
	bool placed = level_take(line, parts);

	if (placed ? !place_take(line, parts) : !dated)
		return false;
	slice_skip_blanks(line);
	if (dated && placed && parts[PART_FILE].n > 0)
		head_keep(memo, whole, *line, parts);
	return true;
}

bool asterisk_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                    struct line_fields *out) {
	struct slice parts[HEAD_PARTS] = {{0}};
	struct syslog_head head = {0};
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
		if (!head_again(&names_memo(names)->asterisk, &line, parts) && !front_take(names, tc, &line, parts))
			return false;
		parts_set(parts, out);
		dated = parts[PART_STAMP].n > 0;
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
		parts[PART_STAMP] = head.stamp;
	/* A message within a line that has told its time needs none of its own. */
	return parts[PART_STAMP].n > 0 ? stamp_set(tc, parts[PART_STAMP], out) : out->has_time;
}
