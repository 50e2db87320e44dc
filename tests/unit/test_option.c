#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/option.h"

static const struct option_row own[] = {
	{"for", "T", "so long", 0},
	{"yes", NULL, "do not ask", 'y'},
	{0},
};
static const struct option_row common[] = {
	{"config", "FILE", "the configuration", 'c'},
	{"json", NULL, "JSON", 0},
	{0},
};

#define WORDS_MAX 8

/* Parses a copy of the words, as options_parse moves them. */
static int parse(const char *const *words, bool until_word, struct options *o, struct err *err) {
	static char text[WORDS_MAX][32];
	static char *argv[WORDS_MAX];
	int argc = 0;

	for (; words[argc]; argc++) {
		(void)strncpy(text[argc], words[argc], sizeof(text[argc]) - 1);
		argv[argc] = text[argc];
	}
	return options_parse(o, own, common, until_word, argc, argv, err);
}

static void options_and_words_may_be_mixed_in_every_spelling(void **state) {
	static const struct {
		const char *words[WORDS_MAX];
		const char *lasts, *config; /* NULL: not given */
		bool yes, json;
		const char *left; /* the words, joined by blanks */
	} rows[] = {
		/* words                              for    config yes    json   left */
		{{"a", "b", NULL}, NULL, NULL, false, false, "a b"},
		{{"--for", "1h", "a", NULL}, "1h", NULL, false, false, "a"},
		{{"a", "--for=1h", "b", NULL}, "1h", NULL, false, false, "a b"},
		{{"a", "--for=", NULL}, "", NULL, false, false, "a"},
		{{"-c", "x", "--json", "a", NULL}, NULL, "x", false, true, "a"},
		{{"-cx", "a", "-y", NULL}, NULL, "x", true, false, "a"},
		{{"--config", "x", "--config=z", NULL}, NULL, "z", false, false, ""},
		{{"--", "--for", "-y", NULL}, NULL, NULL, false, false, "--for -y"},
		{{"-", "--yes", NULL}, NULL, NULL, true, false, "-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o;
		struct err err;
		char left[256] = "";

		assert_int_equal(parse(rows[i].words, false, &o, &err), 0);
		for (int w = 0; w < o.nwords; w++) {
			(void)strcat(left, w > 0 ? " " : "");
			(void)strcat(left, o.words[w]);
		}
		assert_string_equal(left, rows[i].left);
		assert_int_equal(options_given(&o, "yes"), rows[i].yes);
		assert_int_equal(options_given(&o, "json"), rows[i].json);
		assert_int_equal(options_given(&o, "for"), rows[i].lasts != NULL);
		if (rows[i].lasts)
			assert_string_equal(options_value(&o, "for"), rows[i].lasts);
		assert_int_equal(options_given(&o, "config"), rows[i].config != NULL);
		if (rows[i].config)
			assert_string_equal(options_value(&o, "config"), rows[i].config);
	}
}

static void options_after_the_verb_are_left_for_it(void **state) {
	static const char *const words[] = {"--json", "unlock", "--for", "-y", NULL};
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(words, true, &o, &err), 0);
	assert_int_equal(o.nwords, 3);
	assert_string_equal(o.words[0], "unlock");
	assert_string_equal(o.words[1], "--for");
	assert_string_equal(o.words[2], "-y");
	assert_false(options_given(&o, "for"));
	assert_false(options_given(&o, "yes"));
}

static void what_is_no_option_is_refused_with_the_nearest_name(void **state) {
	static const struct {
		const char *words[WORDS_MAX];
		const char *why;
	} rows[] = {
		{{"--fo", NULL}, "--fo: no such option; did you mean --for?"},
		{{"--jsn", NULL}, "--jsn: no such option; did you mean --json?"},
		{{"--entirely-else", NULL}, "--entirely-else: no such option"},
		{{"-x", NULL}, "-x: no such option"},
		{{"--for", NULL}, "--for: T is missing"},
		{{"-c", NULL}, "-c: FILE is missing"},
		{{"--yes=no", NULL}, "--yes=no: takes no value"},
		{{"-yes", NULL}, "-yes: takes no value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o = {.nwords = 77};
		struct err err;

		assert_int_equal(parse(rows[i].words, false, &o, &err), -1);
		assert_string_equal(err.text, rows[i].why);
		assert_int_equal(err.class, ERR_INPUT);
		assert_int_equal(o.nwords, 77);
	}
}

static void help_lists_each_row(void **state) {
	char text[512] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(file);
	options_help(own, file);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "      --for T                so long\n  -y, --yes                  do not ask\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_may_be_mixed_in_every_spelling),
		cmocka_unit_test(options_after_the_verb_are_left_for_it),
		cmocka_unit_test(what_is_no_option_is_refused_with_the_nearest_name),
		cmocka_unit_test(help_lists_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
