/* format: from a line to named fields. Hand-written splitters, one file each (format_combined.c, format_asterisk.c, format_freeswitch.c,
 * format_syslog.c, format_json.c, format_haproxy.c, format_error.c, format_tftp.c, format_own.c); format_memo.c knows what was the same in the line before; format.c holds the table of formats and of field names, and what they share: times.
 *
 * Fields borrow the line, or the scratch memory of the struct line_fields where they had to be unescaped; both die with the next
 * line. Nothing is allocated per line. A line that a format cannot read is told so, never guessed at.
 */
#ifndef PROVCTL_FORMAT_H
#define PROVCTL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/err.h"

/* Field names are interned when formats and rules are loaded: a small number each. Names known to every format
 * have fixed numbers; a rule's or an own pattern's other names, JSON keys and keys of security events get the next ones. */
enum field {
	FIELD_IP,
	FIELD_TIME,
	FIELD_USER,
	FIELD_METHOD,
	FIELD_PATH,
	FIELD_FILE,
	FIELD_QUERY,
	FIELD_STATUS,
	FIELD_BYTES,
	FIELD_REFERER,
	FIELD_AGENT,
	FIELD_HOST,
	FIELD_FORWARDED,
	FIELD_LEVEL,
	FIELD_CALL,
	FIELD_FUNCTION,
	FIELD_MESSAGE,
	FIELD_UUID,
	FIELD_PROGRAM,
	FIELD_PID,
	FIELD_CERTIFICATE,
	FIELD_TRANSPORT,
	FIELD_MAC,
	FIELD_REALM,
	FIELD_VENDOR,
	FIELD_MODEL,
	FIELD_VERSION,
	FIELD_ACCOUNT,
	FIELD_LINE, /* the whole line */
	FIELDS_FIXED
};
#define FIELDS_MAX 192

struct field_names; /* the interning table; one per rule set */
struct field_names *field_names_new(void);
void field_names_free(struct field_names **names);
/* The number of a name, added where it is new; -1 where the table is full or the name is longer than 64. */
int field_number(struct field_names *names, struct slice name);
/* -1 where nobody has asked for that name: such a field need not be kept. */
int field_find(const struct field_names *names, struct slice name);
const char *field_name(const struct field_names *names, int field);
int field_count(const struct field_names *names);

#define SCRATCH_MAX 16384

struct line_fields {
	struct slice at[FIELDS_MAX]; /* p NULL: not there */
	bool has_time;
	int64_t time; /* UTC */
	/* Fields of a part of the line that no rule may ask for: see format_begin. */
	struct slice deferred;
	int early; /* one of them that is known already, and is this or none; and its text */
	struct slice early_text;
	struct slice parsed; /* what `ip` was read from: of a field that was read already */
	struct addr ip;
	size_t scratch_used;
	char scratch[SCRATCH_MAX];
};

/* What the times of one log need: its zone, the year for stamps without one, and what was decoded last. */
struct time_context;
/* zone: IANA name or NULL for the system's. Fails where the zone is unknown. */
int time_context_new(struct time_context **out, const char *zone, struct err *err);
void time_context_free(struct time_context **tc);
/* The file's own time (mtime, or that inside a .gz): a stamp without a year is the nearest one not after it (a day of slack for
 * clocks). Also --year-at. */
void time_context_anchor(struct time_context *tc, int64_t file_time);
/* The highest time decoded so far, which the double hour is judged by: to be kept with the cursor and given back when a log is read on. */
void time_context_resume(struct time_context *tc, int64_t highest);
int64_t time_context_highest(const struct time_context *tc);
/* Wall-clock fields of the zone to UTC. In the double hour when summer time ends, the reading is taken that does not go back behind the
 * highest time decoded before, a few seconds of disorder allowed (the first, if that fits neither); in the gap of spring, the offset before the gap. */

struct format;
/* By name: combined, asterisk, freeswitch, ..., NULL for an unknown one. */
const struct format *format_find(struct slice name);
/* The same for a name that a person gave: an unknown one is ERR_INPUT, and the error names those that there are. */
int format_named(const struct format **out, struct slice name, struct err *err);
/* The names in the order of the table, NULL-terminated: for messages. */
const char *const *format_names(void);
const char *format_name(const struct format *f);
/* Its place among format_names(); behind the last for a format of the operator's own. */
unsigned format_slot(const struct format *f);
/* The format whose rules are for this one too, or NULL. */
const struct format *format_like(const struct format *f);
/* Whether nothing in such a log proves an address. */
bool format_is_unproven(const struct format *f);
/* Whether it reads the head of a syslog line; others read what a program wrote by itself. */
bool format_reads_head(const struct format *f);
/* A format made of a PCRE2 pattern with named groups; a group `time` is needed. Each fault with what and where in the pattern. */
int format_own_new(struct format **out, const char *pattern, struct field_names *names, struct err *err);
void format_own_free(struct format **f);

/* Splits one line (without its line break; a CR before it is dropped too). False: not of this format; fields are undefined. */
bool format_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out);
/* As format_split, but what costs much and few rules ask for may be put off: where out->deferred.p is set, only
 * those of field_is_early, and out->early, are known until format_finish. */
bool format_begin(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out);
void format_finish(const struct format *f, const struct field_names *names, struct line_fields *io);
/* Whether a field is known before format_finish. */
static inline bool field_is_early(int field) {
	return field < FIELDS_FIXED && field != FIELD_IP && field != FIELD_USER && field != FIELD_TRANSPORT;
}
/* False: format_split_message would not, as the message is another program's. */
bool format_takes_message(const struct format *f, const struct line_fields *fields);
/* For a rule that names a second format for the message of a first: fields of the second are added; its time wins where it has one. */
bool format_split_message(const struct format *f, const struct field_names *names, struct time_context *tc,
                          struct line_fields *io);

#endif
