#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench.h"

const char *top(void) {
	const char *dir = getenv("top_srcdir");

	return dir ? dir : ".";
}

/* ---- a configuration of the test's own ---- */

char folder[] = "/tmp/provctl-bench.XXXXXX";

int folder_make(void **state) {
	char sub[256];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(sub, sizeof(sub), "%s/r", folder);
	return mkdir(sub, 0700);
}

void file_write(const char *name, const char *text) {
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void file_remove(const char *name) {
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)unlink(path);
}

int folder_remove(void **state) {
	static const char *const names[] = {"c.yaml", "r/a.yaml", "r/b.yaml"};
	char sub[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		file_remove(names[i]);
	(void)snprintf(sub, sizeof(sub), "%s/r", folder);
	(void)rmdir(sub);
	return rmdir(folder);
}

struct conf *configured(const char *text) {
	char path[256];
	struct conf *conf;
	struct err err;

	file_write("c.yaml", text);
	(void)snprintf(path, sizeof(path), "%s/c.yaml", folder);
	if (conf_load(&conf, path, NULL, &err))
		fail_msg("%s", err.text);
	return conf;
}

/* The shipped rules with more settings. */
struct conf *shipped(const char *more) {
	char text[1024];

	(void)snprintf(text, sizeof(text), "rules: [%s/rules]\n%s", top(), more);
	return configured(text);
}

struct rules *loaded(const struct conf *conf) {
	struct rules *rules;
	struct err err;

	if (rules_load(&rules, conf, NULL, &err))
		fail_msg("%s", err.text);
	return rules;
}

void bench_set(struct bench *b, struct conf *conf, const char *format, const char *account) {
	struct err err;

	b->conf = conf;
	b->rules = loaded(conf);
	assert_int_equal(
		line_context_init(&b->ctx, b->conf, b->rules, NULL, format_find(slice_of(format)), "UTC", account, &err), 0);
	time_context_anchor(b->ctx.time, 1795341600);
}

void bench_release(struct bench *b) {
	line_context_release(&b->ctx);
	rules_free(&b->rules);
	conf_free(&b->conf);
}

/* "KIND ip" of what a line becomes; "none", "unreadable" or "limit". */
const char *told(struct bench *b, const char *line, struct event *e) {
	static char text[128];
	char ip[ADDR_TEXT];

	switch (rules_event(&b->ctx, slice_of(line), e)) {
	case OUTCOME_NONE:
		return "none";
	case OUTCOME_UNREADABLE:
		return "unreadable";
	case OUTCOME_LIMIT:
		return "limit";
	case OUTCOME_EVENT:
		break;
	}
	if (e->raw)
		e->line = evidence_of(&b->ctx.evidence, e->line, e->folder);
	addr_print(e->ip, ip);
	(void)snprintf(text, sizeof(text), "%s %s", event_kind_name(e->kind), ip);
	return text;
}

void alike_check(uint64_t words[ALIKE_MAX], const struct event *e) {
	const struct slice each[] = {e->account, e->vendor, e->model, e->version, e->rule};
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		hash = hash_bytes(hash ^ each[i].n, each[i].p, each[i].n);
	assert_true(e->alike < ALIKE_MAX);
	if (e->alike > 0 && words[e->alike] == 0)
		words[e->alike] = hash;
	if (e->alike > 0 && words[e->alike] != hash)
		fail_msg("%.*s", (int)e->line.n, e->line.p);
}
