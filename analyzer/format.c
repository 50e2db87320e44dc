#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/format_private.h"

#define NAME_MAX_BYTES 64
#define SLOTS          1024 /* a power of two, well above names and spellings */

/* In the order of enum field. */
static const char *const fixed_names[FIELDS_FIXED] = {
	"ip",          "time",      "user",      "method", "path",   "file",     "query",   "status",  "bytes",   "referer",
	"agent",       "host",      "forwarded", "level",  "call",   "function", "message", "uuid",    "program", "pid",
	"certificate", "transport", "mac",       "realm",  "vendor", "model",    "version", "account", "line",
};

/* The keys that JSON logs have for fixed fields: what nginx and Apache administrators write after their servers' variables,
 * Caddy's access log (caddyserver.com/docs/logging), Traefik's (doc.traefik.io, access logs), HAProxy's and Asterisk's. For one field the
 * first here wins. FIELDS_FIXED stands for the request line, FIELD_PATH for the whole target. */
static const struct spelling {
	const char *key;
	int fixed;
} spellings[] = {
	{"time", FIELD_TIME},
	{"timestamp", FIELD_TIME},
	{"@timestamp", FIELD_TIME},
	{"ts", FIELD_TIME},
	{"time_iso8601", FIELD_TIME},
	{"time_local", FIELD_TIME},
	{"msec", FIELD_TIME},
	{"StartUTC", FIELD_TIME},
	{"ip", FIELD_IP},
	{"remote_addr", FIELD_IP},
	{"remote_ip", FIELD_IP},
	{"request.remote_ip", FIELD_IP},
	{"ClientAddr", FIELD_IP},
	{"request.remote_addr", FIELD_IP},
	{"clientip", FIELD_IP},
	{"client_ip", FIELD_IP},
	{"user", FIELD_USER},
	{"remote_user", FIELD_USER},
	{"user_id", FIELD_USER},
	{"ClientUsername", FIELD_USER},
	{"method", FIELD_METHOD},
	{"request_method", FIELD_METHOD},
	{"request.method", FIELD_METHOD},
	{"RequestMethod", FIELD_METHOD},
	{"path", FIELD_PATH},
	{"request_uri", FIELD_PATH},
	{"request.uri", FIELD_PATH},
	{"RequestPath", FIELD_PATH},
	{"uri", FIELD_PATH},
	{"url", FIELD_PATH},
	{"request", FIELDS_FIXED},
	{"status", FIELD_STATUS},
	{"DownstreamStatus", FIELD_STATUS},
	{"status_code", FIELD_STATUS},
	{"bytes", FIELD_BYTES},
	{"body_bytes_sent", FIELD_BYTES},
	{"bytes_sent", FIELD_BYTES},
	{"size", FIELD_BYTES},
	{"DownstreamContentSize", FIELD_BYTES},
	{"referer", FIELD_REFERER},
	{"http_referer", FIELD_REFERER},
	{"request.headers.Referer", FIELD_REFERER},
	{"request_Referer", FIELD_REFERER},
	{"agent", FIELD_AGENT},
	{"http_user_agent", FIELD_AGENT},
	{"user_agent", FIELD_AGENT},
	{"request.headers.User-Agent", FIELD_AGENT},
	{"request_User-Agent", FIELD_AGENT},
	{"host", FIELD_HOST},
	{"http_host", FIELD_HOST},
	{"request.host", FIELD_HOST},
	{"RequestHost", FIELD_HOST},
	{"server_name", FIELD_HOST},
	{"forwarded", FIELD_FORWARDED},
	{"http_x_forwarded_for", FIELD_FORWARDED},
	{"x_forwarded_for", FIELD_FORWARDED},
	{"request.headers.X-Forwarded-For", FIELD_FORWARDED},
	{"request_X-Forwarded-For", FIELD_FORWARDED},
	{"ClientHost", FIELD_FORWARDED}, /* what the client claims, where it claims something */
	{"certificate", FIELD_CERTIFICATE},
	{"ssl_client_s_dn", FIELD_CERTIFICATE},
	{"request.tls.client_subject", FIELD_CERTIFICATE},
	{"level", FIELD_LEVEL},
	{"message", FIELD_MESSAGE},
	{"msg", FIELD_MESSAGE},
	{"logmsg.message", FIELD_MESSAGE},
	{"logmsg.level", FIELD_LEVEL},
	{"logmsg.location.filename", FIELD_FILE},
	{"logmsg.location.function", FIELD_FUNCTION},
	{"identifiers.callid", FIELD_CALL},
};

struct slot {
	char name[NAME_MAX_BYTES + 1];
	uint8_t n; /* 0: the slot is free */
	struct field_key key;
};

struct field_names {
	int count; /* fields */
	unsigned used;
	const char *by_number[FIELDS_MAX];
	struct slot slots[SLOTS];
	struct line_memo *memo;
};

/* By its ends and its length, which is looked up for each key of a line: names are those of the rules, and few. */
static unsigned name_hash(struct slice name) {
	uint64_t begin = 0, end = 0;

	if (name.n >= sizeof(end)) {
		memcpy(&begin, name.p, sizeof(begin));
		memcpy(&end, name.p + name.n - sizeof(end), sizeof(end));
	} else {
		for (size_t i = 0; i < name.n; i++)
			begin = begin << 8 | (unsigned char)name.p[i];
	}
	begin = (begin ^ name.n) * 0x9e3779b97f4a7c15ULL ^ end;
	return (unsigned)(begin * 0xff51afd7ed558ccdULL >> 54);
}

static unsigned slot_find(const struct field_names *names, struct slice name) {
	unsigned i = name_hash(name) & (SLOTS - 1);

	while (names->slots[i].n && (names->slots[i].n != name.n || memcmp(names->slots[i].name, name.p, name.n) != 0))
		i = (i + 1) & (SLOTS - 1);
	return i;
}

/* The slot of a name, taken where it is new. NULL where the name or the table is too long. */
static struct slot *slot_take(struct field_names *names, struct slice name) {
	struct slot *slot;

	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		return NULL;
	slot = &names->slots[slot_find(names, name)];
	if (slot->n)
		return slot;
	if (names->used >= SLOTS / 2)
		return NULL;
	names->used++;
	memcpy(slot->name, name.p, name.n);
	slot->n = (uint8_t)name.n;
	slot->key = (struct field_key){.field = -1, .fixed = -1};
	return slot;
}

int field_number(struct field_names *names, struct slice name) {
	struct slot *slot = slot_take(names, name);

	if (!slot)
		return -1;
	if (slot->key.field < 0 && names->count < FIELDS_MAX) {
		slot->key.field = names->count++;
		/* What was a key that nobody asks for may be this one. */
		memset(names->memo->keys, 0, sizeof(names->memo->keys));
		names->by_number[slot->key.field] = slot->name;
	}
	return slot->key.field;
}

struct field_names *field_names_new(void) {
	struct field_names *names = calloc(1, sizeof(*names));

	if (!names || !(names->memo = calloc(1, sizeof(*names->memo)))) {
		field_names_free(&names);
		return NULL;
	}
	for (int i = 0; i < FIELDS_FIXED; i++)
		(void)field_number(names, slice_of(fixed_names[i]));
	for (unsigned i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		struct slot *slot = slot_take(names, slice_of(spellings[i].key));

		slot->key.fixed = spellings[i].fixed;
		slot->key.rank = i;
	}
	return names;
}

void field_names_free(struct field_names **names) {
	if (*names)
		free((*names)->memo);
	free(*names);
	*names = NULL;
}

struct field_key field_key(const struct field_names *names, struct slice name) {
	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		return (struct field_key){.field = -1, .fixed = -1};
	const struct slot *slot = &names->slots[slot_find(names, name)];

	return slot->n ? slot->key : (struct field_key){.field = -1, .fixed = -1};
}

struct line_memo *names_memo(const struct field_names *names) {
	return names->memo;
}

int field_find(const struct field_names *names, struct slice name) {
	return field_key(names, name).field;
}

const char *field_name(const struct field_names *names, int field) {
	return field >= 0 && field < names->count ? names->by_number[field] : NULL;
}

int field_count(const struct field_names *names) {
	return names->count;
}

static const struct format formats[] = {
	{.name = "combined", .split = combined_split},
	{.name = "asterisk", .head = true, .program = "asterisk", .split = asterisk_split, .finish = asterisk_finish},
	{.name = "freeswitch", .head = true, .program = "freeswitch", .split = freeswitch_split},
	{.name = "syslog", .head = true, .split = syslog_split},
	{.name = "json", .split = json_split},
	{.name = "haproxy", .like = "combined", .head = true, .split = haproxy_split},
	{.name = "tftp", .like = "combined", .head = true, .unproven = true, .split = tftp_split},
	{.name = "nginx_error", .like = "combined", .head = true, .unproven = true, .split = nginx_error_split},
	{.name = "apache_error", .like = "combined", .head = true, .split = apache_error_split},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct format *format_find(struct slice name) {
	for (size_t i = 0; i < FORMATS; i++)
		if (slice_is(name, formats[i].name))
			return &formats[i];
	return NULL;
}

int format_named(const struct format **out, struct slice name, struct err *err) {
	const struct format *found = format_find(name);

	if (!found) {
		(void)err_set(err, ERR_INPUT, "unknown format %.*s; there are", (int)(name.n < 64 ? name.n : 64), name.p);
		for (size_t i = 0; i < FORMATS; i++) {
			size_t used = strlen(err->text);

			(void)snprintf(err->text + used, sizeof(err->text) - used, "%s %s", i ? "," : "", formats[i].name);
		}
		return -1;
	}
	*out = found;
	return 0;
}

const char *const *format_names(void) {
	static const char *const names[] = {"combined", "asterisk", "freeswitch",  "syslog",       "json",
	                                    "haproxy",  "tftp",     "nginx_error", "apache_error", NULL};

	_Static_assert(sizeof(names) / sizeof(names[0]) == FORMATS + 1, "every format is named");
	return names;
}

const struct format *format_like(const struct format *f) {
	return f->like ? format_find(slice_of(f->like)) : NULL;
}

bool format_is_unproven(const struct format *f) {
	return f->unproven;
}

bool format_reads_head(const struct format *f) {
	return f->head;
}

unsigned format_slot(const struct format *f) {
	return f >= formats && f < formats + FORMATS ? (unsigned)(f - formats) : FORMATS;
}

const char *format_name(const struct format *f) {
	return f->name;
}

bool format_begin(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out) {
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	memset(out->at, 0, (size_t)names->count * sizeof(out->at[0]));
	out->has_time = false;
	out->scratch_used = 0;
	out->parsed = out->deferred = (struct slice){0};
	if (line.n == 0 || !f->split(f, names, tc, line, out))
		return false;
	out->at[FIELD_LINE] = line;
	return true;
}

void format_finish(const struct format *f, const struct field_names *names, struct line_fields *io) {
	if (!io->deferred.p)
		return;
	f->finish(names, io);
	io->deferred = (struct slice){0};
}

bool format_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out) {
	if (!format_begin(f, names, tc, line, out))
		return false;
	format_finish(f, names, out);
	return true;
}

bool format_takes_message(const struct format *f, const struct line_fields *fields) {
	struct slice program = fields->at[FIELD_PROGRAM];

	/* Another program's line may begin with what an attacker wrote. */
	return fields->at[FIELD_MESSAGE].n > 0 &&
	       (!f->program || (program.n > 0 && program.p[0] == f->program[0] && slice_starts(program, f->program)));
}

bool format_split_message(const struct format *f, const struct field_names *names, struct time_context *tc,
                          struct line_fields *io) {
	io->deferred = (struct slice){0};
	if (!format_takes_message(f, io) || !f->split(f, names, tc, io->at[FIELD_MESSAGE], io))
		return false;
	format_finish(f, names, io);
	return true;
}
