/* YAML: a document, the same as a configuration, and the same as rules. Each is taken, or refused with a fault that has a place. */
#include <string.h>

#include "common/yamldoc.h"

#include "analyzer/rule.h"

#include "tests/fuzz/fuzz.h"

static void walk(const struct yamldoc_node *node) {
	struct err err;
	int64_t number;

	fuzz_want(node->text.n == 0 || strlen(node->text.p) == node->text.n, "no NUL in a scalar");
	(void)yamldoc_integer(node, 0, 100, &number, &err);
	(void)yamldoc_duration(node, 0, 100, &number, &err);
	(void)yamldoc_size(node, 0, 100, &number, &err);
	for (const struct yamldoc_node *n = node->first; n; n = n->next)
		walk(n);
}

/* A configuration may name any folder: such a one is not followed. */
static int names_rules(struct slice text) {
	return text.n > 0 && (memmem(text.p, text.n, "rules", 5) || memchr(text.p, '\\', text.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = {(const char *)data, size};
	struct yamldoc *doc = NULL;
	struct rules *rules = NULL;
	struct conf *conf = NULL;
	char own[256];
	struct err err;
	int n;

	if (yamldoc_parse(&doc, "fuzz", text, &err) == 0 && yamldoc_root(doc))
		walk(yamldoc_root(doc));
	yamldoc_free(&doc);
	if (!names_rules(text)) {
		if (conf_load(&conf, fuzz_file(0, data, size), NULL, &err) == 0)
			conf_free(&conf);
		return 0;
	}
	n = snprintf(own, sizeof(own), "rules: [%s]\n", fuzz_file(0, data, size));
	fuzz_want(n > 0, "a configuration");
	if (conf_load(&conf, fuzz_file(1, (const uint8_t *)own, (size_t)n), NULL, &err) == 0) {
		if (rules_load(&rules, conf, NULL, &err) == 0) {
			unsigned passed, failed;

			(void)rules_test(rules, conf, NULL, &passed, &failed, &err);
			rules_free(&rules);
		}
		conf_free(&conf);
	}
	return 0;
}
