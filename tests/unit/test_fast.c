/* What is done quickly for nearly every line gives what the plain way gives, for any line: each fast path beside the plain one, over the rules' own
 * samples, what a seeded hand makes of them, and noise. PROVCTL_SEED=N tells the seed, which is printed. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"

#define ROUNDS 20000

static uint64_t state;

static uint32_t number(uint32_t below) {
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % below;
}

static const char *const lines[] = {
	"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /p/001565abcdef.cfg HTTP/1.1\" 200 5123 \"-\" \"Yealink "
	"SIP-T46S 66.86.0.15 "
	"00:15:65:ab:cd:ef\"",
	"www.example.org:443 2001:db8::7 - user name [22/Nov/2026:10:00:00 +0000] \"GET /p/?mac=001565abcdef&pass=word&x=1 "
	"HTTP/1.1\" 401 - "
	"\"http://a:b@c/\" \"a;token=b\" \"192.0.2.1, 203.0.113.9\"",
	"[2026-11-22 10:00:00] SECURITY[100] res_security_log.c: "
	"SecurityEvent=\"InvalidAccountID\",EventTV=\"2026-11-22T10:00:00.000+0000\",Severity=\"Error\",Service=\"PJSIP\","
	"EventVersion=\"1\","
	"AccountID=\"100\",SessionID=\"s1\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/203.0.113.7/"
	"5060\"",
	"{\"time\":\"2026-11-22T10:00:00Z\",\"request\":\"GET /s3cret/cfg001565abcdef.xml?a=1\\u0026key=2 "
	"HTTP/1.1\",\"status\":200}",
};

/* A line, or noise, with some bytes or words of it put elsewhere. */
static size_t line_make(char *to, size_t max) {
	static const char *const words[] = {"/s3cret/", "//u:p@",  "?pin=1",   "&key=",    ";auth=x", "\\u0026pwd=z", "\"",
	                                    "\\",       "\x1b[0m", "\xc3\xa9", "\xc2\x80", "\xff",    "\0",           " ",
	                                    "/",        "[",       "] \"",     "=",        "%70ass=", "001565abcdef"};
	const char *line = lines[number(sizeof(lines) / sizeof(lines[0]))];
	size_t n = number(8) ? strlen(line) : number((uint32_t)max);

	for (size_t i = 0; i < n; i++)
		to[i] = i < strlen(line) ? line[i] : (char)(number(4) ? 'a' + (int)number(26) : (int)number(256));
	for (uint32_t changes = number(4); changes > 0 && n > 0; changes--) {
		const char *word = words[number(sizeof(words) / sizeof(words[0]))];
		size_t length = *word ? strlen(word) : 1;
		size_t at = number((uint32_t)n);

		if (number(4) == 0) {
			n = at;
		} else if (n + length <= max) {
			memmove(to + at + length, to + at, n - at);
			memcpy(to + at, word, length);
			n += length;
		}
	}
	return n;
}

/* ---- evidence, byte by byte ---- */

#define RAW_MAX  2048
#define WORD_MAX 64
#define BLANK    "***"

struct raw {
	size_t n;
	char p[RAW_MAX];
};

static void raw_add(struct raw *raw, const char *p, size_t n) {
	if (n > RAW_MAX - raw->n)
		n = RAW_MAX - raw->n;
	memcpy(raw->p + raw->n, p, n);
	raw->n += n;
}

static int hex(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether a parameter's name sounds like a credential's; percent-encoding hides nothing. */
static bool is_credential(struct slice name) {
	static const char *const parts[] = {"pass", "pwd", "token", "secret", "key", "auth", "sig", "pin", "cred", "hash"};
	char lower[WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < sizeof(lower); i++) {
		char c = name.p[i];

		if (c == '%' && i + 2 < name.n && hex(name.p[i + 1]) >= 0 && hex(name.p[i + 2]) >= 0) {
			c = (char)(hex(name.p[i + 1]) << 4 | hex(name.p[i + 2]));
			i += 2;
		}
		lower[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (memmem(lower, n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

/* The length of what separates parameters at s: ?, &, ;, or & as JSON writers escape it. */
static size_t separator(struct slice s) {
	if (s.p[0] == '?' || s.p[0] == '&' || s.p[0] == ';')
		return 1;
	return s.n >= 6 && memcmp(s.p, "\\u0026", 6) == 0 ? 6 : 0;
}

/* The bytes of s up to the end of a name or value. */
static size_t word_length(struct slice s, bool name) {
	size_t n = 0;

	while (n < s.n && !strchr(" \"'#<>\\", s.p[n]) && s.p[n] && separator((struct slice){s.p + n, s.n - n}) == 0 &&
	       !(name && s.p[n] == '='))
		n++;
	return n;
}

/* NAME=VALUE at s, behind a separator: the lengths of both. */
static bool parameter(struct slice s, size_t *name, size_t *value) {
	*name = word_length(s, true);
	if (*name == 0 || *name >= s.n || s.p[*name] != '=')
		return false;
	*value = word_length((struct slice){s.p + *name + 1, s.n - *name - 1}, false);
	return true;
}

/* The length of "user:password@" at s, behind "//". */
static size_t userinfo_length(struct slice s) {
	size_t n = 0;

	while (n < s.n && !strchr(" \"/?#@", s.p[n]) && s.p[n])
		n++;
	return n < s.n && s.p[n] == '@' ? n : 0;
}

static void redact(struct raw *raw, struct slice line, struct slice secret) {
	size_t i = 0;

	while (i < line.n && raw->n < RAW_MAX) {
		struct slice at = {line.p + i, line.n - i};
		size_t mark = separator(at);
		size_t name, value;

		if (secret.n > 1 && at.n >= secret.n && memcmp(at.p, secret.p, secret.n) == 0) {
			raw_add(raw, "/" BLANK "/", sizeof("/" BLANK "/") - 1);
			i += secret.n;
		} else if (mark > 0 && parameter((struct slice){at.p + mark, at.n - mark}, &name, &value) &&
		           is_credential((struct slice){at.p + mark, name})) {
			raw_add(raw, at.p, mark + name + 1);
			raw_add(raw, BLANK, sizeof(BLANK) - 1);
			i += mark + name + 1 + value;
		} else if (at.n > 2 && at.p[0] == '/' && at.p[1] == '/' &&
		           (name = userinfo_length((struct slice){at.p + 2, at.n - 2})) > 0) {
			raw_add(raw, "//" BLANK, sizeof("//" BLANK) - 1);
			i += 2 + name;
		} else {
			raw_add(raw, at.p, 1);
			i++;
		}
	}
}

/* Cuts escaped text to max bytes, never inside an escape or a character. */
static void cut(struct buf *b, size_t max) {
	size_t i = 0;

	if (b->n <= max)
		return;
	while (i < b->n) {
		size_t n = 1;

		if (b->p[i] == '\\')
			n = i + 1 < b->n && b->p[i + 1] == 'x' ? 4 : 2;
		else
			while (i + n < b->n && ((unsigned char)b->p[i + n] & 0xc0) == 0x80)
				n++;
		if (i + n > max - 3)
			break;
		i += n;
	}
	b->n = i;
	buf_text(b, "...");
}

static void evidence_is_the_same_as_byte_by_byte(void **unused) {
	struct buf out, expected;
	char line[4096];

	(void)unused;
	buf_init(&out, (size_t)4 * EVENT_LINE_MAX);
	buf_init(&expected, (size_t)4 * EVENT_LINE_MAX);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct slice at = {line, line_make(line, sizeof(line))};
		struct slice secret = number(4) ? (struct slice){0} : slice_of("/s3cret/");
		struct raw raw = {.n = 0};
		struct slice is;

		if (secret.n > 0 && !memmem(at.p, at.n, secret.p, secret.n))
			raw_add(&raw, "(hidden: a secret folder)", sizeof("(hidden: a secret folder)") - 1);
		else
			redact(&raw, at, secret);
		buf_clear(&expected);
		buf_escaped(&expected, (struct slice){raw.p, raw.n}, EVENT_LINE_MAX);
		cut(&expected, EVENT_LINE_MAX);
		is = evidence_of(&out, at, secret);
		if (!slice_same(is, (struct slice){expected.p, expected.n}))
			fail_msg("%.*s: %.*s", (int)expected.n, expected.p, (int)is.n, is.p);
	}
	buf_release(&out);
	buf_release(&expected);
}

/* ---- addresses, by inet_pton ---- */

static bool addr_plain(const char *text, size_t n, struct addr *out) {
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
	const char *zone = memchr(text, '%', n);
	const char *colon = memchr(text, ':', n);
	char copy[64] = "";

	if (colon && zone > colon)
		n = (size_t)(zone - text);
	if (n == 0 || n >= INET6_ADDRSTRLEN || memchr(text, '\0', n))
		return false;
	memcpy(copy, text, n);
	memset(out->b, 0, 10);
	memset(out->b + 10, 0xff, 2);
	if (inet_pton(AF_INET, copy, out->b + 12) == 1)
		return true;
	if (inet_pton(AF_INET6, copy, out->b) != 1)
		return false;
	if (memcmp(out->b, nat64, sizeof(nat64)) == 0)
		memset(memset(out->b, 0, 10) + 10, 0xff, 2);
	return !addr_is_none(*out);
}

static void an_address_is_read_as_inet_pton_reads_it(void **unused) {
	static const char *const starts[] = {"203.0.113.7", "255.255.255.255", "0.0.0.0",        "1.2.3.4.",
	                                     "01.2.3.4",    "2001:db8::7",     "::ffff:1.2.3.4", "64:ff9b::c000:201"};
	static const char odd[] = "0123456789.:%[]a\xff";

	(void)unused;
	for (unsigned round = 0; round < 10 * ROUNDS; round++) {
		struct addr is = {{0}}, expected = {{0}};
		char text[64];
		size_t n, v4;
		bool sound;

		(void)snprintf(text, sizeof(text), "%s", starts[number(sizeof(starts) / sizeof(starts[0]))]);
		n = strlen(text);
		for (uint32_t changes = number(4); changes > 0; changes--)
			text[number((uint32_t)n)] = odd[number(sizeof(odd))];
		n -= number(4) ? 0 : number((uint32_t)n);
		sound = addr_plain(text, n, &expected);
		if (addr_parse(text, n, &is) != sound || (sound && !addr_same(is, expected)))
			fail_msg("%.*s", (int)n, text);
		v4 = addr_parse_v4(text, n, &is);
		if (v4 > 0 ? !addr_plain(text, v4, &expected) || !addr_same(is, expected)
		           : sound && addr_is_v4(expected) && !memchr(text, ':', n))
			fail_msg("%.*s of %.*s", (int)v4, text, (int)n, text);
		if (!memchr(text, ':', n) && text[0] != '[' && addr_parse_endpoint(text, n, &is) != sound)
			fail_msg("%.*s as endpoint", (int)n, text);
	}
}

/* ---- rules, each in its order ---- */

static enum outcome event_plain(struct line_context *ctx, struct slice line, struct event *e) {
	struct rule *const *rules;
	uint32_t n;

	if (!format_split(ctx->format, ctx->rules->names, ctx->time, line, ctx->fields) || !ctx->fields->has_time)
		return OUTCOME_UNREADABLE;
	n = rules_candidates(ctx, &rules);
	for (uint32_t i = 0; i < n; i++) {
		struct line_fields *fields;
		int field;
		enum reach reach = rule_match(ctx, rules[i], &fields, &field);

		if (reach == REACH_LIMIT)
			return OUTCOME_LIMIT;
		if (reach == REACH_MATCHED)
			return event_make(ctx, rules[i], fields, ctx->fields->at[FIELD_LINE], e) ? OUTCOME_EVENT : OUTCOME_NONE;
	}
	return OUTCOME_NONE;
}

/* What came of a line, as bytes. */
static void encode(struct buf *out, struct line_context *ctx, enum outcome outcome, struct event *e) {
	buf_clear(out);
	buf_byte(out, (char)outcome);
	if (outcome != OUTCOME_EVENT)
		return;
	if (e->raw)
		e->line = evidence_of(&ctx->evidence, e->line, e->folder);
	e->raw = false;
	event_encode(out, e);
}

static uint64_t words[ALIKE_MAX];

static void rules_try(struct bench *b, struct slice line, struct buf *plain, struct buf *fast, unsigned *events) {
	struct event e;
	enum outcome outcome;

	encode(plain, &b->ctx, event_plain(&b->ctx, line, &e), &e);
	outcome = rules_event(&b->ctx, line, &e);
	encode(fast, &b->ctx, outcome, &e);
	if (outcome == OUTCOME_EVENT)
		alike_check(words, &e);
	*events += plain->n > 1;
	if (!slice_same((struct slice){plain->p, plain->n}, (struct slice){fast->p, fast->n}))
		fail_msg("%s: %.*s", format_name(b->ctx.format), (int)line.n, line.p);
}

/* A sample of any rule. */
static struct slice sample_some(const struct rules *rules) {
	const struct yamldoc_node *samples = rules->rules[number(rules->nrules)]->samples;
	const struct yamldoc_node *s = samples->first;

	for (uint32_t skip = number((uint32_t)samples->count); skip > 0; skip--)
		s = s->next;
	return yamldoc_get(s, "line")->text;
}

/* One line's beginning and another's end. */
static struct slice splice(char *to, size_t max, struct slice a, struct slice b) {
	size_t n = number((uint32_t)(a.n < max / 2 ? a.n : max / 2) + 1);
	size_t left = number((uint32_t)(b.n < max / 2 ? b.n : max / 2) + 1);

	memcpy(to, a.p, n);
	memcpy(to + n, b.p + b.n - left, left);
	return (struct slice){to, n + left};
}

/* In every format, for the second formats of messages too. */
static void a_line_becomes_what_trying_all_rules_in_their_order_makes_of_it(void **unused) {
	struct buf plain, fast;
	struct bench b;
	char line[4096];
	unsigned events = 0;

	(void)unused;
	buf_init(&plain, 1U << 16);
	buf_init(&fast, 1U << 16);
	bench_set(&b, shipped("urls: {secret: ['^/s3cret/']}\n"), "combined", NULL);
	for (uint32_t r = 0; r < b.rules->nrules; r++)
		for (const struct yamldoc_node *s = b.rules->rules[r]->samples->first; s; s = s->next) {
			struct slice sample = yamldoc_get(s, "line")->text;

			for (const char *const *name = format_names(); *name; name++) {
				b.ctx.format = format_find(slice_of(*name));
				rules_try(&b, sample, &plain, &fast, &events);
				for (unsigned change = 0; change < 16 && sample.n < sizeof(line); change++) {
					memcpy(line, sample.p, sample.n);
					line[number((uint32_t)sample.n)] = (char)(number(4) ? ' ' + (int)number(95) : (int)number(256));
					rules_try(&b, (struct slice){line, sample.n - (number(8) ? 0 : number((uint32_t)sample.n))}, &plain,
					          &fast, &events);
				}
				for (unsigned change = 0; change < 8; change++)
					rules_try(&b, splice(line, sizeof(line), sample, sample_some(b.rules)), &plain, &fast, &events);
			}
		}
	assert_true(events > 1000);
	bench_release(&b);
	buf_release(&plain);
	buf_release(&fast);
}

/* ---- lines split as what is kept of those before allows ---- */

struct splitting {
	struct field_names *names;
	struct time_context *time;
	struct line_fields *fields;
};

static void splitting_open(struct splitting *s) {
	static const char *const keys[] = {"SecurityEvent", "AccountID", "SessionID", "Challenge", "UsingPassword"};
	struct err err;

	s->names = field_names_new();
	s->fields = malloc(sizeof(*s->fields));
	assert_true(s->names && s->fields);
	assert_int_equal(time_context_new(&s->time, "UTC", &err), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_true(field_number(s->names, slice_of(keys[i])) >= FIELDS_FIXED);
}

static void splitting_close(struct splitting *s) {
	field_names_free(&s->names);
	time_context_free(&s->time);
	free(s->fields);
}

/* `plain` has nothing kept. */
static bool split_try(const struct format *f, struct splitting *plain, struct splitting *fast, struct slice line) {
	bool read;

	memset(names_memo(plain->names), 0, sizeof(struct line_memo));
	time_context_resume(plain->time, time_context_highest(plain->time));
	read = format_split(f, plain->names, plain->time, line, plain->fields);
	if (format_split(f, fast->names, fast->time, line, fast->fields) != read)
		fail_msg("%s: %.*s", format_name(f), (int)line.n, line.p);
	if (!read)
		return false;
	for (int i = 0; i < field_count(plain->names); i++) {
		struct slice is = fast->fields->at[i], expected = plain->fields->at[i];

		if (!slice_same(is, expected) || !is.p != !expected.p)
			fail_msg("%s of %.*s: '%.*s'", field_name(plain->names, i), (int)line.n, line.p, (int)is.n, is.p);
	}
	assert_true(fast->fields->has_time == plain->fields->has_time && fast->fields->time == plain->fields->time);
	return true;
}

/* A byte of it is another, or is there no more, or once more, mostly in its head. */
static size_t line_change(char *to, struct slice line) {
	static const char bytes[] = " :[]<{\"',=01aC-/.\033\xef";
	size_t n = line.n, at = number((uint32_t)(number(4) && n > 64 ? 64 : n));
	uint32_t way = number(8);

	memcpy(to, line.p, n);
	if (way < 5) {
		to[at] = bytes[number(sizeof(bytes) - 1)];
		return n;
	}
	if (way == 5) {
		memmove(to + at, line.p + at + 1, n - at - 1);
		return n - 1;
	}
	to[at + 1] = bytes[number(sizeof(bytes) - 1)];
	memmove(to + at + 1 + (way == 7), line.p + at + (way == 6), n - at - (way == 6));
	return n + (way == 7);
}

static void a_line_is_split_as_if_none_had_come_before(void **unused) {
	static const char *const samples[] = {
		"[2026-11-22 10:00:00] SECURITY[1310] res_security_log.c: SecurityEvent=\"SuccessfulAuth\",EventTV=\"x\","
		"Severity=\"Informational\",AccountID=\"100\",SessionID=\"a\",RemoteAddress=\"IPV4/UDP/203.0.113.7/5060\","
		"UsingPassword=\"1\"",
		"[2026-11-22 10:00:00] SECURITY[1310] res_security_log.c: SecurityEvent=\"InvalidAccountID\",AccountID=\"a\","
		"RemoteAddress=\"IPV6/TLS/2001:db8::7/5061\",SessionID=\"\",AccountID=\"b\",Challenge=\"\"",
		"[2026-11-22 10:00:00] NOTICE[1310][C-0000001d] chan_sip.c:12 in handle: Call from 'x' to extension '1'",
		"[2026-11-22 10:00:00] NOTICE[1310]: chan_sip.c: 12 calls",
		"[2026-11-22 10:00:00] VERBOSE[1310] : : : calls",
		"[2026-11-22 10:00:00] no level",
		"2026-11-22T10:00:00+00:00 sbc kamailio[1234]: NOTICE: <script>: provctl: registered",
		"2026-11-22T10:00:00.123456+00:00 sbc kamailio[1234]: NOTICE: <script>: provctl: registered",
		"2026-11-22T10:00:00.654321+00:00 sbc kamailio[1234]: NOTICE: <script>: provctl: registered",
		"2026-11-22 10:00:00,12 kamailio: x",
		"[2026-11-22 10:00:00.123] NOTICE[1310] chan_sip.c: x",
		"[2026-11-22 10:00:00.456] NOTICE[1310] chan_sip.c: x",
		"[1795341600.151] NOTICE[1310] chan_sip.c: x",
		"Nov 22 10:00:00 sbc /usr/sbin/kamailio: NOTICE: x",
		"Nov 22 10:00:00 kamailio[1]: x: y",
		"Nov 22 10:00:00 sbc NOTICE x",
		"<134>1 2026-11-22T10:00:00.5Z sbc kamailio 1234 - - \xef\xbb\xbfWARNING: x",
		"<134>Nov 22 10:00:00 sbc asterisk[100]: NOTICE[1]: chan_sip.c:1 in f: x",
	};
	static const char *const formats[] = {"asterisk", "syslog"};
	struct splitting plain, fast;
	unsigned read = 0;

	(void)unused;
	splitting_open(&plain);
	splitting_open(&fast);
	for (unsigned round = 0; round < 5 * ROUNDS; round++) {
		const struct format *f = format_find(slice_of(formats[number(2)]));
		struct slice sample = slice_of(samples[number(sizeof(samples) / sizeof(samples[0]))]);
		char line[1024];

		read += split_try(f, &plain, &fast, sample);
		for (unsigned changes = number(3); changes > 0; changes--)
			read += split_try(f, &plain, &fast, (struct slice){line, line_change(line, sample)});
	}
	assert_true(read > ROUNDS);
	splitting_close(&plain);
	splitting_close(&fast);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_becomes_what_trying_all_rules_in_their_order_makes_of_it),
		cmocka_unit_test(a_line_is_split_as_if_none_had_come_before),
		cmocka_unit_test(an_address_is_read_as_inet_pton_reads_it),
		cmocka_unit_test(evidence_is_the_same_as_byte_by_byte),
	};
	const char *seed = getenv("PROVCTL_SEED");

	state = seed ? strtoull(seed, NULL, 10) : 1;
	print_message("# PROVCTL_SEED=%llu\n", (unsigned long long)state);
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
