/* Nobody moves an address or a MAC by what he writes: in every sample of every shipped rule, what a client wrote is replaced by forged
 * addresses and MACs, quotes, brackets, line breaks, terminal escapes, pieces of other lines and whole ones.
 * PROVCTL_SEED and PROVCTL_LINES choose other lines and more of them; the seed is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/forge.h"
#include "analyzer/format_private.h"

#define LINES_LEAST 10000
#define SAMPLES_MAX 8192
#define WORDS_MAX   3000
#define FORGED_IP   "198.18.6.66"
#define FORGED_IP6  "2001:db8:6666::66"
#define FORGED_MAC  "0004f2660066"

static uint64_t random_state;

/* xorshift64*: the same lines for the same seed, everywhere. */
static uint32_t dice(uint32_t sides) {
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 2685821657736338717ULL) >> 33) % sides;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- rules ---- */

struct shop {
	struct conf *conf;
	struct rules *rules;
	size_t n;
	struct {
		const struct rule *rule;
		const struct yamldoc_node *node;
		struct slice line;
	} samples[SAMPLES_MAX];
};

/* A configuration in the file; `rules` names a folder or a file. */
static struct conf *configured(const char *rules, const char *more) {
	char path[] = "/tmp/test_forgery.XXXXXX";
	int fd = mkstemp(path);
	struct conf *conf = NULL;
	struct err err;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "rules: [%s]\n%s", rules, more) > 0);
	assert_int_equal(close(fd), 0);
	if (conf_load(&conf, path, NULL, &err))
		fail_msg("%s", err.text);
	(void)unlink(path);
	return conf;
}

static void shop_open(struct shop *shop, struct conf *conf) {
	struct err err;

	shop->conf = conf;
	shop->n = 0;
	if (rules_load(&shop->rules, conf, NULL, &err))
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < shop->rules->nrules; i++) {
		const struct rule *rule = shop->rules->rules[i];

		for (const struct yamldoc_node *s = rule->samples->first; s; s = s->next) {
			assert_true(shop->n < SAMPLES_MAX);
			shop->samples[shop->n].rule = rule;
			shop->samples[shop->n].line = yamldoc_get(s, "line")->text;
			shop->samples[shop->n++].node = s;
		}
	}
}

static void shop_close(struct shop *shop) {
	rules_free(&shop->rules);
	conf_free(&shop->conf);
}

static struct conf *shipped(const char *more) {
	const char *top = getenv("top_srcdir");
	char folder[512];

	(void)snprintf(folder, sizeof(folder), "%s/rules", top ? top : ".");
	return configured(folder, more);
}

/* ---- words ---- */

static const char *forged_address(void) {
	static const char *const spellings[] = {
		FORGED_IP,
		FORGED_IP6,
		"[" FORGED_IP6 "]",
		FORGED_IP ":5060",
		"[" FORGED_IP "]",
		"::ffff:" FORGED_IP,
		"IPV4/TLS/" FORGED_IP "/5061",
		"IPV4/UDP/" FORGED_IP "/5060",
	};

	return spellings[dice(sizeof(spellings) / sizeof(spellings[0]))];
}

static const char *forged_mac(void) {
	static const char *const spellings[] = {
		FORGED_MAC,          "0004F2660066",   "00:04:f2:66:00:66",
		"00-04-F2-66-00-66", "0004.f266.0066", "00%3A04%3Af2%3A66%3A00%3A66",
	};

	return spellings[dice(sizeof(spellings) / sizeof(spellings[0]))];
}

static bool is_hexlike(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.' ||
	       c == '-' || c == '_';
}

/* text with every address and every MAC in it forged. */
static void add_forged(struct buf *out, struct slice text) {
	while (text.n > 0) {
		struct slice word = {text.p, 0};
		struct addr ip;
		uint64_t mac;

		while (word.n < text.n && is_hexlike(text.p[word.n]))
			word.n++;
		if (word.n > 6 && addr_parse_endpoint(word.p, word.n, &ip))
			buf_text(out, dice(2) ? FORGED_IP : FORGED_IP6);
		else if (word.n > 6 && mac_parse(word.p, word.n, &mac))
			buf_text(out, forged_mac());
		else {
			word.n += word.n < text.n;
			buf_add(out, word.p, word.n);
		}
		(void)slice_take(&text, word.n);
	}
}

static struct slice piece_of(struct slice text) {
	size_t at = text.n ? dice((uint32_t)text.n) : 0;

	return (struct slice){text.p + at, text.n - at ? 1 + dice((uint32_t)(text.n - at)) : 0};
}

static void words_make(struct buf *words, const struct shop *shop, struct slice line, const struct forge_span *span) {
	static const char *const bits[] = {
		"'",
		"\"",
		"''",
		"\\",
		"\\\"",
		"]",
		"[",
		")",
		"(",
		"<",
		">",
		" ",
		"  ",
		"\t",
		"\r",
		"\n",
		"\r\n",
		"\033[0m",
		"\033]0;x\a",
		"\033[2J",
		"\302\233",
		"\377",
		"%0d%0a",
		"%00",
		"%22",
		"%27",
		"%2F",
		"../",
		"@",
		",",
		";",
		"=",
		"&",
		"?",
		"#",
		"{",
		"}",
		"|",
		" - ",
		" from ",
		"' failed for '",
		"] from ip ",
		" src=",
		"RemoteAddress=\"",
		"\",X=\"",
		"mac=",
		"&mac=",
		"?mac=",
		" HTTP/1.1\" 200 5 \"-\" \"",
		"] \"",
		" - - [22/Nov/2026:10:00:00 +0000] \"GET /" FORGED_MAC ".cfg HTTP/1.1\" 200 5 \"-\" \"-\"",
	};
	unsigned n = 1 + dice(6);

	buf_clear(words);
	while (n-- > 0 && words->n < WORDS_MAX) {
		struct slice other = shop->samples[dice((uint32_t)shop->n)].line;
		size_t tail = span->at + span->n;

		switch (dice(10)) {
		case 0:
		case 1:
			buf_text(words, forged_address());
			break;
		case 2:
			buf_text(words, forged_mac());
			break;
		case 3: /* what stands behind, told before it comes */
			add_forged(words, (struct slice){line.p + tail, line.n - tail});
			break;
		case 4:
			add_forged(words, (struct slice){line.p, span->at});
			break;
		case 5:
			add_forged(words, line);
			break;
		case 6:
			add_forged(words, other);
			break;
		case 7:
			add_forged(words, piece_of(other));
			break;
		case 8:
			add_forged(words, piece_of(line));
			break;
		default:
			buf_text(words, bits[dice(sizeof(bits) / sizeof(bits[0]))]);
			break;
		}
	}
	if (words->n > WORDS_MAX)
		words->n = WORDS_MAX;
}

/* ---- what must hold ---- */

struct tally {
	unsigned lines, events, moved;
	unsigned by[FORMAT_KINDS]; /* lines by format */
};

static bool has_control(struct slice s) {
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < s.n && ((unsigned char)s.p[i + 1] & 0xe0) == 0x80))
			return true;
	}
	return false;
}

/* What is wrong with what was made of a forged line, NULL for nothing. */
static const char *wrong(struct line_context *ctx, const struct event *e, const struct event *truth,
                         const struct forge_span *span) {
	if (!addr_same(e->ip, truth->ip))
		return "another address";
	if (!span->device && e->mac != truth->mac)
		return "another MAC";
	if (e->time != truth->time)
		return "another time";
	if (span->named && e->proof > truth->proof)
		return "more proof";
	return has_control(evidence_of(&ctx->evidence, e->line, e->folder)) ? "a control byte in the evidence" : NULL;
}

static void line_try(struct line_context *ctx, struct slice line, const struct event *truth,
                     const struct forge_span *span, struct tally *t, const char *sample) {
	struct event e;
	const char *what;

	t->lines++;
	t->by[format_slot(ctx->format)]++;
	if (rules_event(ctx, line, &e) != OUTCOME_EVENT)
		return;
	t->events++;
	what = wrong(ctx, &e, truth, span);
	if (!what)
		return;
	if (t->moved++ < 20)
		(void)printf("# %s, by rule %.*s, of the sample\n#   %s\n#   %.*s\n", what, (int)e.rule.n, e.rule.p, sample,
		             (int)line.n, line.p);
}

/* One forged line of a span. */
static void span_try(const struct shop *shop, struct line_context *ctx, struct slice line,
                     const struct forge_span *span, const struct event *truth, struct buf *words, struct buf *out,
                     struct tally *t) {
	enum forge_writer writer = (enum forge_writer)dice(FORGE_WRITERS);

	while (!forge_writes(ctx, span, writer))
		writer = (enum forge_writer)dice(FORGE_WRITERS);
	words_make(words, shop, line, span);
	buf_clear(out);
	forge_line(out, line, span, dice(2), (struct slice){words->p, words->n}, writer);
	assert_false(out->failed);
	line_try(ctx, (struct slice){out->p, out->n}, truth, span, t, line.p);
}

/* What the sample becomes, unchanged; its slices borrow only what lives as long as the rules. */
static bool truth_of(struct sample *sample, const struct rule *rule, struct event *truth) {
	if (sample->expect->kind != YAMLDOC_MAPPING ||
	    rules_event(&sample->ctx, sample->line->text, truth) != OUTCOME_EVENT || !slice_same(truth->rule, rule->id))
		return false;
	return !addr_is_none(truth->ip);
}

static void shop_try(const struct shop *shop, unsigned rounds, struct tally *t) {
	struct buf words, out;

	buf_init(&words, 1U << 20);
	buf_init(&out, 1U << 20);
	for (size_t i = 0; i < shop->n; i++) {
		const struct rule *rule = shop->samples[i].rule;
		struct forge_span spans[FORGE_SPANS_MAX];
		struct sample sample;
		struct event truth;
		char longer[EVENT_LINE_MAX];
		struct slice ip, line;
		struct err err;
		size_t n;

		if (sample_open(&sample, shop->rules, shop->conf, rule, shop->samples[i].node, &err))
			fail_msg("%s", err.text);
		if (truth_of(&sample, rule, &truth)) {
			n = forge_spans(&sample.ctx, rule, sample.line->text, spans, &ip);
			line = sample.line->text;
			/* Where nothing of the line is a client's, words come behind it: no rule is spared. */
			if (n == 0) {
				(void)snprintf(longer, sizeof(longer), "%s ", line.p);
				line = slice_of(longer);
				spans[n++] = (struct forge_span){.at = line.n, .place = FORGE_TEXT};
			}
			for (size_t s = 0; s < n; s++)
				for (unsigned r = 0; r < rounds; r++)
					span_try(shop, &sample.ctx, line, &spans[s], &truth, &words, &out, t);
		}
		line_context_release(&sample.ctx);
	}
	buf_release(&out);
	buf_release(&words);
}

static void no_forged_line_moves_an_address_or_a_mac(void **state) {
	static struct shop shop;
	uint64_t seed = setting("PROVCTL_SEED", 20261122);
	uint64_t least = setting("PROVCTL_LINES", LINES_LEAST);
	struct tally t = {0};

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	random_state = 2 * seed + 1;
	shop_open(&shop, shipped(""));
	do
		shop_try(&shop, 4, &t);
	while (t.lines < least);
	print_message("# %u forged lines of %u rules: %u events, %u moved\n", t.lines, rules_count(shop.rules), t.events,
	              t.moved);
	assert_int_equal(t.moved, 0);
	for (const char *const *name = format_names(); *name; name++) {
		print_message("# %u in the format %s\n", t.by[format_slot(format_find(slice_of(*name)))], *name);
		assert_true(t.by[format_slot(format_find(slice_of(*name)))] > 0);
	}
	/* Many must still be events, or this would prove nothing. */
	assert_true(t.events > t.lines / 5);
	shop_close(&shop);
}

/* Behind a proxy: what the client wrote stands left of what the proxy appended. */
static void no_forged_header_moves_an_address_behind_a_proxy(void **state) {
	static struct shop shop;
	static const char *const lines[][2] = {
		{"combined",
	     "192.0.2.10 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 5 \"-\" \"-\" \"%s, "
	     "203.0.113.7\""},
		{"json",
	     "{\"time\":\"2026-11-22T10:00:00Z\",\"remote_addr\":\"192.0.2.10\",\"request_method\":\"GET\",\"request_uri\":"
	     "\"/001565abcdef.cfg\",\"status\":200,\"http_x_forwarded_for\":\"%s, 203.0.113.7\"}"},
	};
	struct tally t = {0};
	struct buf words, out;
	struct err err;

	(void)state;
	random_state = 2 * setting("PROVCTL_SEED", 20261122) + 1;
	buf_init(&words, 1U << 20);
	buf_init(&out, 1U << 20);
	shop_open(&shop, shipped("trusted_proxies: [192.0.2.0/24]\n"));
	for (size_t i = 0; i < 2; i++) {
		const char *hole = strstr(lines[i][1], "%s");
		struct slice line = slice_of(lines[i][1]);
		struct forge_span span = {.at = (size_t)(hole - line.p), .n = 2};
		struct line_context ctx;
		struct event truth = {.time = 1795341600, .mac = 0x001565abcdef, .proof = PROOF_HANDSHAKE};

		assert_true(addr_parse("203.0.113.7", 11, &truth.ip));
		assert_int_equal(
			line_context_init(&ctx, shop.conf, shop.rules, NULL, format_find(slice_of(lines[i][0])), "UTC", NULL, &err),
			0);
		for (unsigned r = 0; r < 1000; r++)
			span_try(&shop, &ctx, line, &span, &truth, &words, &out, &t);
		line_context_release(&ctx);
	}
	assert_int_equal(t.moved, 0);
	assert_int_equal(t.events, t.lines);
	shop_close(&shop);
	buf_release(&out);
	buf_release(&words);
}

/* In the samples of shipped rules an address of 198.51.100.0/24 is a forger's. */
static void every_shipped_rule_has_a_sample_of_forged_words(void **state) {
	static struct shop shop;
	const struct rule *rule = NULL;
	bool forged = true;

	(void)state;
	shop_open(&shop, shipped(""));
	for (size_t i = 0; i <= shop.n; i++) {
		if (i == shop.n || shop.samples[i].rule != rule) {
			if (!forged)
				fail_msg("rule %s has no sample with an address of 198.51.100.0/24 in a client's words", rule->id.p);
			forged = false;
		}
		if (i == shop.n)
			break;
		rule = shop.samples[i].rule;
		forged = forged || strstr(shop.samples[i].line.p, "198.51.100.");
	}
	shop_close(&shop);
}

/* That the generator finds what there is to find. */
static void a_rule_that_is_not_anchored_is_found_out(void **state) {
	static const char *const patterns[] = {
		"Wrong password for ''.*?'' from (?<ip>[0-9.]+)",
		"^Wrong password for ''.*?'' from (?<ip>[0-9.]+)",
		"Wrong password for ''[^'']*'' from (?<ip>[0-9.]+)$",
		"^.*?for ''.*?'' from (?<ip>[0-9.]+)",
	};
	static struct shop shop;
	char path[] = "/tmp/test_forgery.XXXXXX.yaml";
	int fd = mkstemps(path, 5);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		FILE *f = fopen(path, "w");
		struct tally t = {0};
		/* The third is sound. */
		bool sound = i == 2;

		assert_non_null(f);
		(void)fprintf(
			f,
			"rules:\n  - id: a\n    format: syslog\n    where: {message: '%s'}\n    event: sip.auth_failed\n"
			"    samples: [{line: \"Nov 22 10:00:00 h p[1]: Wrong password for 'x' from 203.0.113.7\", expect: "
			"{event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}]\n",
			patterns[i]);
		assert_int_equal(fclose(f), 0);
		random_state = 1;
		shop_open(&shop, configured(path, ""));
		shop_try(&shop, 1000, &t);
		if (sound ? t.moved != 0 : t.moved == 0)
			fail_msg("pattern %zu: %u moved", i, t.moved);
		shop_close(&shop);
	}
	(void)unlink(path);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_forged_line_moves_an_address_or_a_mac),
		cmocka_unit_test(no_forged_header_moves_an_address_behind_a_proxy),
		cmocka_unit_test(every_shipped_rule_has_a_sample_of_forged_words),
		cmocka_unit_test(a_rule_that_is_not_anchored_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
