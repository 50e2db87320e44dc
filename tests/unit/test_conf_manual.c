/* provctl.yaml(5) documents each setting of the table, with its default, range and words, and none besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/conf_private.h"

#include "tests/unit/place.h"

static char *manual(void) {
	const char *top = getenv("top_srcdir");
	char path[512];
	char *text;
	FILE *f;
	size_t n;

	assert_non_null(top);
	(void)snprintf(path, sizeof(path), "%s/man/provctl.yaml.5", top);
	f = fopen(path, "r");
	assert_non_null(f);
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	n = fread(text, 1, (1 << 20) - 1, f);
	assert_true(n > 0 && feof(f));
	(void)fclose(f);
	return text;
}

/* As mdoc has it: quotes are \(dq; and the manual tells of the folders of a packaged build. */
static void as_in_manual(const char *standard, char out[512]) {
	static const struct {
		const char *ours, *theirs;
	} words[] = {{"\"", "\\(dq"},
	             {PROVCTL_DATADIR "/rules", "/usr/share/provctl/rules"},
	             {PROVCTL_SYSCONFDIR "/rules", "/etc/provctl/rules"}};
	size_t n = 0;

	while (*standard) {
		size_t w = 0;

		while (w < 3 && strncmp(standard, words[w].ours, strlen(words[w].ours)) != 0)
			w++;
		if (w == 3) {
			out[n++] = *standard++;
			continue;
		}
		n += (size_t)snprintf(out + n, 512 - n, "%s", words[w].theirs);
		standard += strlen(words[w].ours);
	}
	out[n] = '\0';
}

/* The entry of a name: from its .It to the next. Exactly one is there. */
static void entry_of(const char *man, const char *name, char *out, size_t size) {
	char head[96];
	const char *at;
	const char *end;

	(void)snprintf(head, sizeof(head), "\n.It Ic %s\n", name);
	at = strstr(man, head);
	if (!at) {
		fail_msg("the manual says nothing of %s", name);
		return;
	}
	assert_null(strstr(at + 1, head));
	end = strstr(at + 1, "\n.It ");
	if (!end || (strstr(at, "\n.El") && strstr(at, "\n.El") < end))
		end = strstr(at, "\n.El");
	assert_non_null(end);
	assert_true((size_t)(end - at) < size);
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
}

static void check_row(const char *man, const struct conf_row *row) {
	char entry[4096];
	char standard[512];
	char expected[600];

	entry_of(man, row->name, entry, sizeof(entry));
	if (row->standard) {
		as_in_manual(row->standard, standard);
		(void)snprintf(expected, sizeof(expected), "The default is\n.Ql %s .", standard);
		if (!strstr(entry, expected))
			fail_msg("the manual has another default of %s than %s", row->name, row->standard);
	}
	if (row->type == &conf_type_count || row->type == &conf_type_number || row->type == &conf_type_port ||
	    row->type == &conf_type_length4 || row->type == &conf_type_length6) {
		(void)snprintf(expected, sizeof(expected), "\n.Pq %lld to %lld", (long long)row->min, (long long)row->max);
		if (!strstr(entry, expected))
			fail_msg("the manual has another range of %s than%s", row->name, expected + 4);
	}
	for (size_t i = 0; row->choices && row->choices[i]; i++) {
		(void)snprintf(expected, sizeof(expected), "\n.Cm %s", row->choices[i]);
		if (!strstr(entry, expected))
			fail_msg("the manual does not tell of %s: %s", row->name, row->choices[i]);
	}
}

static void the_manual_documents_every_setting_and_nothing_else(void **state) {
	static const struct {
		const char *group;
		const char *const *keys;
	} groups[] = {{"triggers", conf_trigger_keys},
	              {"triggers.when", conf_trigger_when_keys},
	              {"triggers.do", conf_trigger_do_keys}};
	char *man = manual();
	char entry[4096];
	char name[96];
	size_t count = 0;
	size_t entries = 0;

	(void)state;
	for (const struct conf_row *row = conf_rows; row->name; row++, count++)
		check_row(man, row);
	for (const struct conf_row *row = conf_source_rows; row->name; row++, count++)
		check_row(man, row);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (size_t i = 0; groups[g].keys[i]; i++, count++) {
			(void)snprintf(name, sizeof(name), "%s.%s", groups[g].group, groups[g].keys[i]);
			entry_of(man, name, entry, sizeof(entry));
		}
	}
	for (const char *at = man; (at = strstr(at, "\n.It Ic ")); at++)
		entries++;
	assert_int_equal(entries, count);
	free(man);
}

static void the_examples_of_the_manual_are_sound(void **state) {
	const struct place *p = *state;
	const char *top = getenv("top_srcdir");
	char *man = manual();
	const char *at = strstr(man, "\n.Sh EXAMPLES");
	unsigned count = 0;

	assert_non_null(at);
	while ((at = strstr(at, "\n.Bd -literal"))) {
		const char *end = strstr(at, "\n.Ed");
		struct conf *conf = NULL;
		struct err err = {0};
		char text[4096];

		at = strchr(at + 1, '\n');
		(void)snprintf(text, sizeof(text), "rules: [\"%s/rules\"]%.*s\n", top, (int)(end - at), at);
		place_write(p->file, text);
		if (conf_load(&conf, p->file, NULL, &err) != 0)
			fail_msg("%s", err.text);
		conf_free(&conf);
		count++;
	}
	assert_int_equal(count, 3);
	free(man);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_documents_every_setting_and_nothing_else),
		cmocka_unit_test_setup_teardown(the_examples_of_the_manual_are_sound, place_new, place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
