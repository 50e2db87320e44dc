/* FreeSWITCH's log (src/switch_log.c, mod_logfile, mod_syslog): `[uuid ]stamp [idle% ][LEVEL] file.c:line message`, on a console with colours,
 * from syslog behind a second stamp, and the layout of old versions: `stamp [LEVEL] [MODULE] [file.c:line] message`. */
#include <string.h>

#include "analyzer/format_private.h"

#define UUID_LENGTH 36
#define FILE_MAX    64

static bool uuid_take(struct slice *s, struct slice *uuid) {
	if (s->n <= UUID_LENGTH || s->p[UUID_LENGTH] != ' ')
		return false;
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		char c = s->p[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	*uuid = slice_take(s, UUID_LENGTH);
	(void)slice_skip(s, ' ');
	return true;
}

/* "[word]" and the blank behind it. */
static bool bracket_take(struct slice *s, struct slice *word) {
	struct slice at = *s;
	const char *end;

	if (!slice_skip(&at, '['))
		return false;
	end = memchr(at.p, ']', at.n < FILE_MAX ? at.n : FILE_MAX);
	if (!end)
		return false;
	*word = slice_take(&at, (size_t)(end - at.p));
	(void)slice_skip(&at, ']');
	(void)slice_skip(&at, ' ');
	*s = at;
	return true;
}

/* file.c:123 */
static bool place_is(struct slice word) {
	const char *colon = word.n ? memrchr(word.p, ':', word.n) : NULL;
	struct slice digits;

	if (!colon || colon == word.p || word.n > FILE_MAX)
		return false;
	digits = (struct slice){colon + 1, word.n - (size_t)(colon + 1 - word.p)};
	return digits.n > 0 && slice_take_digits(&(struct slice){digits.p, digits.n}).n == digits.n;
}

static bool own_head(struct slice *line, struct slice *stamp, struct line_fields *out) {
	struct slice s = *line;
	struct slice uuid = {0};
	struct slice level, word, rest;
	size_t n;

	slice_skip_colours(&s);
	(void)uuid_take(&s, &uuid);
	slice_skip_colours(&s);
	n = stamp_length(s);
	if (n == 0)
		return false;
	*stamp = slice_take(&s, n);
	if (!slice_skip(&s, ' '))
		return false;
	rest = s;
	word = slice_word(&rest);
	if (word.n > 1 && word.p[word.n - 1] == '%' && word.p[0] >= '0' && word.p[0] <= '9')
		s = rest;
	slice_skip_colours(&s);
	if (!bracket_take(&s, &level) || level.n == 0 || slice_take_letters(&(struct slice){level.p, level.n}).n != level.n)
		return false;
	rest = s;
	if (bracket_take(&rest, &word)) {
		/* [SOFIA] [sofia_reg.c:4130] */
		if (!place_is(word) && !bracket_take(&rest, &word))
			return false;
	} else
		word = slice_word(&rest);
	if (!place_is(word))
		return false;
	word.n = (size_t)((const char *)memrchr(word.p, ':', word.n) - word.p);
	out->at[FIELD_UUID] = uuid;
	out->at[FIELD_LEVEL] = level;
	out->at[FIELD_FILE] = word;
	out->at[FIELD_MESSAGE] = rest;
	*line = rest;
	return true;
}

bool freeswitch_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                      struct slice line, struct line_fields *out) {
	struct syslog_head head;
	struct slice stamp;

	(void)names;
	/* Switching colours off again ends a console's line. */
	if (line.n >= 4 && memcmp(line.p + line.n - 4, "\033[0m", 4) == 0)
		line.n -= 4;
	if (own_head(&line, &stamp, out))
		return stamp_set(tc, stamp, out);
	if (!syslog_head_take(&line, &head) || !head.program.p || !slice_starts(head.program, f->program) ||
	    !own_head(&line, &stamp, out))
		return false;
	out->at[FIELD_HOST] = head.host;
	out->at[FIELD_PROGRAM] = head.program;
	out->at[FIELD_PID] = head.pid;
	/* Syslog's stamp is in the zone of the log's own host; only where it has no year does FreeSWITCH know better. */
	return stamp_set(tc, head.stamp.p[0] >= '0' && head.stamp.p[0] <= '9' ? head.stamp : stamp, out);
}
