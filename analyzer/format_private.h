/* format_private: what the splitters share. A splitter fills fields of a struct line_fields that format_split has cleared (or, for a
 * message within a line, that still holds the line's), and says whether the line is of its format. */
#ifndef PROVCTL_FORMAT_PRIVATE_H
#define PROVCTL_FORMAT_PRIVATE_H

#include <string.h>

#include "common/target.h"

#include "analyzer/block.h"
#include "analyzer/format.h"

struct pattern;

struct format {
	const char *name;
	const char *like;    /* rules for that format are for this one too, or NULL */
	bool head;           /* reads the head of a syslog line */
	bool unproven;       /* a client can write whole lines of such a log, or stands behind no connection */
	const char *program; /* the syslog program whose messages are of this format, or NULL for any */
	bool (*split)(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
	              struct line_fields *out);
	void (*finish)(const struct field_names *names, struct line_fields *io); /* or NULL: it puts nothing off */
	/* format_own.c only */
	struct pattern *pattern;
	int *groups; /* field of each group */
};

bool combined_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                    struct line_fields *out);
/* What stands in front of the request, into time, address, host and user; *line begins with the request then. False: not such a line. */
bool combined_head(struct time_context *tc, struct line_fields *out, struct slice *line);
bool asterisk_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                    struct line_fields *out);
void asterisk_finish(const struct field_names *names, struct line_fields *io);
bool freeswitch_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                      struct slice line, struct line_fields *out);
bool syslog_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out);
bool haproxy_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                   struct line_fields *out);
bool tftp_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                struct line_fields *out);
bool nginx_error_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                       struct slice line, struct line_fields *out);
bool apache_error_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                        struct slice line, struct line_fields *out);
bool json_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                struct line_fields *out);

/* ---- times (format_time.c) ---- */

/* Reads all of text as one of: 22/Nov/2026:10:00:00 +0100; 2026-11-22 10:00:00 with "T", "/", a fraction and a zone or without; Nov 22 10:00:00;
 * Nov 22 2026 10:00:00; 11-22 10:00:00; seconds or milliseconds since the epoch. Without a zone it is that of the log. */
bool stamp_decode(struct time_context *tc, struct slice text, int64_t *out);
/* It is, byte by byte, the stamp that was decoded last. */
bool stamp_is_last(const struct time_context *tc, struct slice text);
/* The length of the stamp that was decoded last, where text begins with it byte by byte; 0 where it does not. */
size_t stamp_again(const struct time_context *tc, struct slice text, int64_t *out);
/* As stamp_decode for a field, setting the line's time. */
bool stamp_set(struct time_context *tc, struct slice text, struct line_fields *out);
/* The length of the date and time that text begins with ("2026-11-22T10:00:00.123+01:00", "Nov  2 10:00:00", "11-22 10:00:00.1"), 0 for none.
 * Looks at the shape only. */
size_t stamp_length(struct slice text);

/* ---- text ---- */

/* Cuts the first n bytes off *s. */
static inline struct slice slice_take(struct slice *s, size_t n) {
	struct slice head = {s->p, n};

	s->p += n;
	s->n -= n;
	return head;
}

/* The next byte, where it is c. */
static inline bool slice_skip(struct slice *s, char c) {
	if (s->n == 0 || s->p[0] != c)
		return false;
	(void)slice_take(s, 1);
	return true;
}

/* Up to a blank, and the blank; empty at the end. */
static inline struct slice slice_word(struct slice *s) {
	const char *blank = s->n ? memchr(s->p, ' ', s->n) : NULL;
	struct slice word = slice_take(s, blank ? (size_t)(blank - s->p) : s->n);

	(void)slice_skip(s, ' ');
	return word;
}

static inline bool slice_starts(struct slice s, const char *text) {
	size_t n = strlen(text);

	return s.n >= n && memcmp(s.p, text, n) == 0;
}

void slice_skip_blanks(struct slice *s); /* any number */
struct slice slice_take_digits(struct slice *s);
struct slice slice_take_letters(struct slice *s); /* ASCII letters */
/* Where text stands in s, or NULL: quick where its first byte is rare. */
const char *slice_find(struct slice s, const char *text);
void slice_skip_colours(struct slice *s); /* terminal colour sequences: ESC [ digits and ; m */

/* The head of a syslog line: [<pri>]stamp [host] program[pid]: and what stands behind. What is missing has p NULL. */
struct syslog_head {
	struct slice stamp, host, program, pid;
};
bool syslog_head_take(struct slice *line, struct syslog_head *head);

/* A request's target into host, path, file and query. */
void target_fields(struct slice text, struct line_fields *out);
/* "GET /x HTTP/1.1" into method and target's fields; false where it is no such line. */
bool request_split(struct slice request, struct line_fields *out);

/* As addr_parse_endpoint, keeping what was read for whoever reads the same text of the line again. */
bool endpoint_read(struct line_fields *fields, struct slice text, struct addr *ip);

/* n bytes of scratch memory of the line, NULL where there are not as many. */
char *scratch_take(struct line_fields *out, size_t n);
/* Scratch memory for percent_decode: none is taken where there is nothing to decode. */
char *scratch_to_decode(struct line_fields *out, struct slice s);

/* ---- what was the same in a line before (format_memo.c) ---- */

#define HEAD_PARTS     5
#define HEAD_AGAIN_MAX 128 /* bytes */
#define KEYS_AGAIN     16
#define KEY_MAX        32 /* bytes of the name of a security event's key */

/* What stood in front of a message, and what was found in it. */
struct head_memo {
	uint8_t n;                /* 0: nothing is kept */
	uint8_t fraction, behind; /* from here to there its stamp has digits, which may be others */
	struct {
		uint8_t at, n;
		bool there;
	} parts[HEAD_PARTS];
	char text[HEAD_AGAIN_MAX];
};

/* The keys of a security event, in their order. */
struct key_memo {
	uint8_t n; /* of its name; 0: nothing is kept */
	int16_t field;
	bool is_account, is_address;
	bool ends_as_address;   /* its name ends as that of the address */
	char text[KEY_MAX + 2]; /* Key=" */
};

struct line_memo {
	struct head_memo asterisk, syslog;
	struct key_memo keys[KEYS_AGAIN];
};

#define ADDRESS_KEY "RemoteAddress"

struct line_memo *names_memo(const struct field_names *names);
/* Whether *line begins with the head that is kept, but for a fraction of its second; which is cut off then, and its parts told, the stamp first. Those that are not
 * there have p NULL. */
bool head_again(const struct head_memo *memo, struct slice *line, struct slice parts[HEAD_PARTS]);
/* Keeps what is in front of `message`, which goes on to the line's end: only if it ends in a blank, and does not tell by what is behind that where it ends and
 * what its parts are. */
void head_keep(struct head_memo *memo, struct slice line, struct slice message, const struct slice parts[HEAD_PARTS]);
/* Whether s begins with this key (Key="). */
static inline bool key_is(const struct key_memo *key, struct slice s) {
	size_t n = key->n + 2U;

	if (key->n == 0 || s.n < n)
		return false;
	if (n > BLOCK || s.n < BLOCK)
		return memcmp(s.p, key->text, n) == 0;
	return (~block_bits((block)(block_load(s.p) == block_load(key->text))) & ((1U << n) - 1)) == 0;
}

/* The key that s begins with, into *out. False: it begins with none. */
bool key_read(const struct field_names *names, struct slice s, struct key_memo *out);

/* ---- JSON keys ---- */

/* A key's own field (-1 where nobody asked for it), and the fixed field that it is another spelling of (-1), with its rank among such: the
 * lowest is believed. */
struct field_key {
	int field;
	int fixed;
	unsigned rank;
};
struct field_key field_key(const struct field_names *names, struct slice name);

#endif
