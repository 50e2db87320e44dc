/* What is recalled of a request is what would be found out: lines of all phones that the rules know, with MACs of any kind and hostile changes, by a context that
 * recalls and by one that does not. PROVCTL_SEED=N chooses others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/recall.h"
#include "bench.h"

static uint64_t state;

static uint32_t number(uint32_t below) {
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % below;
}

/* What came of a line, as bytes. */
static void encode(struct buf *out, struct line_context *ctx, enum outcome outcome, struct event *e) {
	buf_clear(out);
	buf_byte(out, (char)outcome);
	if (outcome != OUTCOME_EVENT)
		return;
	e->line = evidence_of(&ctx->evidence, e->line, e->folder);
	e->raw = false;
	event_encode(out, e);
}

/* Of the words of the first event of each number. */
static uint64_t words[ALIKE_MAX];

struct pair {
	struct bench plain;
	struct line_context recalling;
	struct recall *recall;
	struct buf expected, is;
	unsigned lines, events, recalled, headed, secret; /* the last two of those recalled */
};

/* Nothing is kept any more, and as many proofs may be made as at first. */
static void pair_forget(struct pair *p) {
	struct err err;

	recall_free(&p->recall);
	assert_int_equal(recall_new(&p->recall, &p->recalling, &err), 0);
	p->recalling.recall = p->recall;
}

static void pair_open(struct pair *p, struct conf *conf, const char *account) {
	struct err err;

	*p = (struct pair){0};
	memset(words, 0, sizeof(words));
	bench_set(&p->plain, conf, "combined", account);
	assert_int_equal(
		line_context_init(&p->recalling, conf, p->plain.rules, NULL, p->plain.ctx.format, "UTC", account, &err), 0);
	pair_forget(p);
	buf_init(&p->expected, 1U << 16);
	buf_init(&p->is, 1U << 16);
}

static void pair_close(struct pair *p) {
	buf_release(&p->expected);
	buf_release(&p->is);
	recall_free(&p->recall);
	line_context_release(&p->recalling);
	bench_release(&p->plain);
}

static void pair_try(struct pair *p, struct slice line) {
	struct request request;
	enum outcome outcome;
	struct event e;

	p->lines++;
	encode(&p->expected, &p->plain.ctx, rules_event(&p->plain.ctx, line, &e), &e);
	p->events += p->expected.n > 1;
	if (p->recall && recall_read(p->recall, &p->recalling, line, &request) &&
	    recall_find(p->recall, &p->recalling, &request, &outcome, &e)) {
		p->recalled++;
		p->headed += request.user.n > 0;
		p->secret += outcome == OUTCOME_EVENT && e.folder.n > 0;
	}
	outcome = rules_event(&p->recalling, line, &e);
	encode(&p->is, &p->recalling, outcome, &e);
	if (outcome == OUTCOME_EVENT)
		alike_check(words, &e);
	if (!slice_same((struct slice){p->expected.p, p->expected.n}, (struct slice){p->is.p, p->is.n}))
		fail_msg("%.*s", (int)line.n, line.p);
}

/* The text with the MACs in it (of 12 digits, or spelled with colons or hyphens) replaced by another, mostly. */
static void write_text(struct buf *out, struct slice text, uint64_t mac, bool upper) {
	static const char digits[2][17] = {"0123456789abcdef", "0123456789ABCDEF"};
	size_t i = 0;

	while (i < text.n) {
		char between = text.n - i >= 17 ? text.p[i + 2] : '\0';
		size_t length = between == ':' || between == '-' ? 17 : 12;
		size_t step = length == 17 ? 3 : 2;
		uint64_t there;

		if (text.n - i < length || !mac_parse(text.p + i, length, &there)) {
			buf_byte(out, text.p[i++]);
			continue;
		}
		for (size_t d = 0; d < 12; d++) {
			if (d > 0 && d % 2 == 0 && step == 3)
				buf_byte(out, between);
			buf_byte(out, digits[upper][mac >> (44 - 4 * d) & 15]);
		}
		i += length;
	}
}

/* Of a phone's OUI mostly, few and many digits, seldom one of those that are none. */
static uint64_t mac_make(const struct phone *phone) {
	uint64_t upper = phone->nouis > 0 && number(8) ? phone->ouis[number(phone->nouis)]
	                 : number(8)                   ? 0x001565
	                                               : number(0x1000000);
	uint64_t lower = number(4) ? number(0x1000000) : number(4);

	return upper << 24 | lower;
}

static const struct yamldoc_node *sample_of(const struct phone *phone, const char *key) {
	const struct yamldoc_node *found = NULL;
	uint32_t n = 0;

	for (const struct yamldoc_node *s = phone->samples->first; s; s = s->next)
		if (yamldoc_get(s, key) && number(++n) == 0)
			found = yamldoc_get(s, key);
	return found;
}

/* What stands in front of the request. */
static void write_head(struct buf *out) {
	static const char *const hosts[] = {"", "", "", "", "a.example ", "b.example:443 ", "- "};
	static const char *const users[] = {"-", "-", "-", "-", "100", "anna b", "\"\"", "001565abcdef", "x\xc3\xa9"};

	buf_text(out, hosts[number(sizeof(hosts) / sizeof(hosts[0]))]);
	buf_printf(out, number(20) ? "203.0.%u.%u" : "2001:db8::%u:%u", number(256), number(256));
	buf_printf(out, " - %s [22/Nov/2026:10:00:%02u +0000] ", users[number(sizeof(users) / sizeof(users[0]))],
	           number(60));
}

/* Folders: secret ones, and others that have many digits. */
static void write_folders(struct buf *out) {
	unsigned long long digits = number(4) ? (unsigned long long)number(1U << 31) << 32 | number(1U << 31) : number(100);

	switch (number(8)) {
	case 0:
		buf_printf(out, "/t/%016llx/", digits);
		break;
	case 1:
		buf_printf(out, "/t/%016llX/", digits);
		break;
	case 2:
		buf_printf(out, "/u/%016llx/", digits);
		break;
	case 3:
		buf_printf(out, "/s3cret/%024llx/", digits);
		break;
	default:
		buf_text(out, "/p/");
	}
}

static void line_make(struct buf *out, const struct phone *phone, const struct yamldoc_node *agent,
                      const struct yamldoc_node *path, const char *suffix) {
	static const char *const statuses[] = {"200", "200", "200", "404", "403", "401", "304", "500", "-"};
	uint64_t mac = mac_make(phone);
	bool upper = number(4) == 0;

	buf_clear(out);
	write_head(out);
	buf_printf(out, "\"%s ", number(20) ? "GET" : "HEAD");
	if (path && number(4))
		write_text(out, path->text, mac, upper);
	else {
		write_folders(out);
		write_text(out, slice_of("001565abcdef"), mac, upper);
		buf_text(out, suffix);
	}
	buf_printf(out, " HTTP/1.1\" %s %u \"-\" \"", statuses[number(4) ? 0 : number(9)],
	           number(4) ? 1000 + number(9000) : number(100000));
	if (agent)
		write_text(out, agent->text, number(8) ? mac : mac_make(phone), number(8) ? upper : !upper);
	buf_text(out, "\"");
}

static void every_phone_is_recalled_as_it_would_be_found_out(void **unused) {
	static const char *const suffixes[] = {".cfg",       ".xml",     "",       ".cfg?mac=001565abcdef",
	                                       "-local.cfg", ".cfg?x=1", "/x.cfg", "%2ecfg"};
	struct pair p;
	struct buf b;

	(void)unused;
	buf_init(&b, 8192);
	pair_open(&p, shipped("urls: {secret: ['^/s3cret/', '^/t/[0-9a-f]{16}/$', '^/u/.*7']}\n"), "acct1");
	assert_non_null(p.recall);
	for (uint32_t i = 0; i < p.plain.rules->nphones; i++) {
		const struct phone *phone = &p.plain.rules->phones[i];

		pair_forget(&p);
		for (unsigned kind = 0; kind < 4; kind++) {
			const struct yamldoc_node *agent = sample_of(phone, "agent");
			const struct yamldoc_node *path = sample_of(phone, "path");
			const char *suffix = suffixes[number(4) ? 0 : number(sizeof(suffixes) / sizeof(suffixes[0]))];

			for (unsigned n = 0; n < 80; n++) {
				line_make(&b, phone, agent, path, suffix);
				if (number(6) == 0)
					b.p[number((uint32_t)b.n)] = (char)(number(4) ? ' ' + (int)number(95) : (int)number(256));
				pair_try(&p, (struct slice){b.p, b.n});
			}
		}
	}
	print_message("# %u lines, %u events, %u recalled, %u with a user, %u with a secret folder\n", p.lines, p.events,
	              p.recalled, p.headed, p.secret);
	assert_true(p.events > p.lines / 2 && p.recalled > p.lines / 4);
	assert_true(p.headed > p.lines / 32 && p.secret > 20);
	pair_close(&p);
	buf_release(&b);
}

/* Rules that see digits, lengths, sizes, other MACs: what they tell apart is told apart. */
static void rules_that_look_closer_are_recalled_as_closely(void **unused) {
	static const char *const wheres[] = {
		"file: '^(?<mac>0015650[0-4][0-9a-f]{4})\\.cfg$'",
		"file: '^(?<mac>001565[0-9a-f]{4}[02468ace][0-9a-f])\\.cfg$'",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', agent: '[a-f]{2}$'}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', agent: '(?<d>[0-9a-f])\\k<d>'}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', agent: '(?=.*7)x?'}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', bytes: [100-5000]}",
		"file: [001565000001.cfg, 001565000002.cfg]",
		"{file: '^(?<model>[0-9a-f]{12})\\.cfg$'}",
		"{file: '^[0-9a-f]{12}\\.cfg$', agent: '(?<mac>[0-9a-f]{12})$'}",
		"{file: '^[0-9a-f]{12}\\.cfg$', line: '5'}",
		"{path: '^/p/(?<account>[0-9a-f]{7})'}",
		"{agent: '(?<version>[0-9a-f]{4})$'}",
		"{agent: '(?<!7)$'}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', user: '^[a-z]'}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', host: [a.example]}",
		"{file: '^(?<mac>[0-9a-f]{12})\\.cfg$', path: '^/t/[0-7]'}",
		"{path: '^/t/....(?<mac>[0-9a-f]{12})/'}",
		"{path: '^/t/(?<user>[0-9a-f]{6})', file: '^(?<mac>[0-9a-f]{12})\\.cfg$'}",
		"{file: '\\b(?<mac>[0-9a-f]{12})\\b', agent: '^(?:[^7]|7[^0])*$'}",
	};
	struct buf b;
	char text[1024];

	(void)unused;
	buf_init(&b, 8192);
	for (size_t i = 0; i < sizeof(wheres) / sizeof(wheres[0]); i++) {
		bool flow = wheres[i][0] == '{';
		struct pair p;

		(void)snprintf(
			text, sizeof(text),
			"rules:\n  - id: x\n    format: combined\n    where: %s%s%s\n    event: provision\n    phone: true\n"
			"    samples: [{line: x, expect: none}]\n",
			flow ? "" : "{", wheres[i], flow ? "" : "}");
		file_write("r/a.yaml", text);
		(void)snprintf(text, sizeof(text),
		               "rules: [%s/rules/phones, %s/r]\nurls: {secret: ['^/t/[0-9a-f]{16}/', '^/u/.*7']}\n", top(),
		               folder);
		pair_open(&p, configured(text), NULL);
		for (unsigned n = 0; n < 1000; n++) {
			uint64_t mac = 0x001565000000 | (number(4) ? number(0x1000000) : number(8));

			buf_clear(&b);
			write_head(&b);
			buf_text(&b, "\"GET ");
			/* Digits that are no MAC's come first, and become none with others in their places. */
			if (n < 64)
				buf_printf(&b, "/t/%016x/", n / 32);
			else
				write_folders(&b);
			buf_printf(&b, "%012llx.cfg HTTP/1.1\" 200 %u \"-\" \"Yealink SIP-T46S 66.86.0.15 %012llx\"",
			           (unsigned long long)mac, 4998 + number(5),
			           (unsigned long long)(number(4) ? mac : 0x001565000000 | number(8)));
			pair_try(&p, (struct slice){b.p, b.n});
		}
		pair_close(&p);
		file_remove("r/a.yaml");
	}
	buf_release(&b);
}

/* What a rule knows of a user is more than what an event does. */
static void a_user_of_whom_an_event_says_nothing_is_one_yet(void **unused) {
	char nobody[EVENT_USER_MAX + 2];
	const char *const users[] = {nobody, "-"};
	struct buf b;

	(void)unused;
	memset(nobody, 0x80, sizeof(nobody) - 1);
	nobody[sizeof(nobody) - 1] = '\0';
	buf_init(&b, 8192);
	for (unsigned first = 0; first < 2; first++) {
		struct pair p;

		pair_open(&p, shipped("urls: {authenticated: poll}\n"), "acct1");
		for (unsigned n = 0; n < 8; n++) {
			buf_clear(&b);
			buf_printf(
				&b,
				"203.0.113.7 - %s [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 5123 \"-\" "
				"\"Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef\"",
				users[(n / 4 + first) % 2]);
			pair_try(&p, (struct slice){b.p, b.n});
		}
		assert_true(p.events == 8 && p.recalled > 0);
		pair_close(&p);
	}
	buf_release(&b);
}

static void write_poll(struct buf *out, const char *path, unsigned lower) {
	buf_clear(out);
	buf_printf(out, "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /%s001565%06x", path, lower);
	buf_printf(out, "%s HTTP/1.1\" 200 5123 \"-\" \"Yealink SIP-T46S 66.86.0.15\"", path[0] ? "" : ".cfg");
}

/* A MAC in a query is none of those that may differ: each is an event of its own. */
static void requests_that_are_all_others_push_out_none_that_are_alike(void **unused) {
	struct pair p;
	struct buf b;

	(void)unused;
	buf_init(&b, 8192);
	pair_open(&p, shipped(""), "acct1");
	for (unsigned n = 0; n < 1000; n++) {
		unsigned before;

		for (unsigned twice = 0; twice < 2; twice++) {
			write_poll(&b, "cfg.php?mac=", n);
			pair_try(&p, (struct slice){b.p, b.n});
		}
		before = p.recalled;
		write_poll(&b, "", n);
		pair_try(&p, (struct slice){b.p, b.n});
		/* Looked at twice, it was kept. */
		assert_int_equal(p.recalled, before + (n >= 2));
	}
	assert_int_equal(p.events, p.lines);
	pair_close(&p);
	buf_release(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_phone_is_recalled_as_it_would_be_found_out),
		cmocka_unit_test(rules_that_look_closer_are_recalled_as_closely),
		cmocka_unit_test(a_user_of_whom_an_event_says_nothing_is_one_yet),
		cmocka_unit_test(requests_that_are_all_others_push_out_none_that_are_alike),
	};
	const char *seed = getenv("PROVCTL_SEED");

	state = seed ? strtoull(seed, NULL, 10) : 1;
	print_message("# PROVCTL_SEED=%llu\n", (unsigned long long)state);
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
