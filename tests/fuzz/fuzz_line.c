/* Lines of logs in every format, through the shipped rules. The first byte chooses the format; the rest is lines. Whatever an event holds, the
 * enforcer's decoder takes it, and its evidence is fit for a terminal. From 128 on they are an access log's, and what is recalled of them is what
 * would be found out. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/recall.h"
#include "analyzer/rule.h"

#include "tests/fuzz/fuzz.h"

static struct conf *conf;
static struct rules *rules;

static void setup(void) {
	const char *top = getenv("top_srcdir");
	static char text[4096];
	struct err err;
	int n = snprintf(text, sizeof(text),
	                 "rules: [%s%s/rules]\ntrusted_proxies: [192.0.2.0/24]\nurls: {secret: ['/s/[0-9a-z]+/'], account: "
	                 "'/(?<account>[a-z]+)/'}\n",
	                 top && top[0] == '/' ? "" : "/proc/self/cwd/", top ? top : ".");

	fuzz_want(conf_load(&conf, fuzz_file(0, (const uint8_t *)text, (size_t)n), NULL, &err) == 0, err.text);
	fuzz_want(rules_load(&rules, conf, NULL, &err) == 0, err.text);
}

static void event_check(struct line_context *ctx, struct event *e) {
	struct buf b;
	struct slice in;
	struct event back;
	struct err err;

	if (e->raw)
		e->line = evidence_of(&ctx->evidence, e->line, e->folder);
	e->raw = false;
	buf_init(&b, 1U << 16);
	event_encode(&b, e);
	in = (struct slice){b.p, b.n};
	fuzz_want(event_decode(&in, &back, &err) == 0, "the enforcer takes what the analyzer makes");
	fuzz_want(in.n == 0 && back.time == e->time && addr_same(back.ip, e->ip) && back.mac == e->mac,
	          "and reads the same");
	for (size_t i = 0; i < e->line.n; i++)
		fuzz_want((unsigned char)e->line.p[i] >= 0x20 && e->line.p[i] != 0x7f, "no control byte in the evidence");
	buf_release(&b);
}

static struct slice line_next(struct slice *text) {
	const char *end = memchr(text->p, '\n', text->n);
	struct slice line = {text->p, end ? (size_t)(end - text->p) : text->n};

	text->p += line.n + (end != NULL);
	text->n -= line.n + (end != NULL);
	return line;
}

static void line_encode(struct buf *out, struct line_context *ctx, struct slice line) {
	struct event e;
	enum outcome outcome = rules_event(ctx, line, &e);

	buf_clear(out);
	buf_byte(out, (char)outcome);
	if (outcome != OUTCOME_EVENT)
		return;
	if (e.raw)
		e.line = evidence_of(&ctx->evidence, e.line, e.folder);
	e.raw = false;
	event_encode(out, &e);
}

/* Begins with nothing, so that what is found once is found again; a line is recalled when it comes for the third time. */
static void recall_check(struct slice text) {
	static struct line_context plain, recalling;
	const struct format *combined = format_find(slice_of("combined"));
	struct buf expected, is;
	struct err err;

	if (!plain.rules)
		fuzz_want(line_context_init(&plain, conf, rules, NULL, combined, "Europe/Berlin", "acct1", &err) == 0 &&
		              line_context_init(&recalling, conf, rules, NULL, combined, "Europe/Berlin", "acct1", &err) == 0,
		          "contexts");
	fuzz_want(recall_new(&recalling.recall, &recalling, &err) == 0 && recalling.recall, "a memory");
	buf_init(&expected, 1U << 16);
	buf_init(&is, 1U << 16);
	for (unsigned round = 0; round < 3; round++)
		for (struct slice rest = text; rest.n > 0;) {
			struct slice line = line_next(&rest);

			line_encode(&expected, &plain, line);
			line_encode(&is, &recalling, line);
			fuzz_want(slice_same((struct slice){is.p, is.n}, (struct slice){expected.p, expected.n}),
			          "what is recalled is what would be found out");
		}
	buf_release(&expected);
	buf_release(&is);
	recall_free(&recalling.recall);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct line_context contexts[16];
	struct slice text = {(const char *)data + 1, size - 1};
	struct line_context *ctx;
	unsigned formats = 0;
	struct err err;
	struct buf out;

	if (!conf)
		setup();
	if (size < 2)
		return 0;
	if (data[0] >= 128) {
		recall_check(text);
		return 0;
	}
	while (format_names()[formats])
		formats++;
	ctx = &contexts[data[0] % formats];
	if (!ctx->rules)
		fuzz_want(line_context_init(ctx, conf, rules, NULL, format_find(slice_of(format_names()[data[0] % formats])),
		                            "Europe/Berlin", NULL, &err) == 0,
		          "a context");
	ctx->inventory = true;
	while (text.n > 0) {
		struct event e;

		if (rules_event(ctx, line_next(&text), &e) == OUTCOME_EVENT)
			event_check(ctx, &e);
	}
	if (size < 512) {
		buf_init(&out, 1U << 22);
		fuzz_want(rules_explain(ctx, (struct slice){(const char *)data + 1, size - 1}, &out, &err) == 0,
		          "explain answers");
		buf_release(&out);
	}
	return 0;
}
