#include <assert.h>
#include <string.h>

#include "common/yamldoc.h"

#include "cmd/option.h"

static int unknown_option(const struct options *o, const char *word, const char *name, struct err *err) {
	const char *names[2 * OPTIONS_MAX + 1];
	const char *near;
	size_t n = 0;

	for (int t = 0; t < 2; t++)
		for (const struct option_row *row = o->tables[t]; row && row->name; row++)
			names[n++] = row->name;
	names[n] = NULL;
	near = yamldoc_nearest(name, names);
	if (near)
		return err_set(err, ERR_INPUT, "%s: no such option; did you mean --%s?", word, near);
	return err_set(err, ERR_INPUT, "%s: no such option", word);
}

/* Finds by long name (n bytes of it) or by letter. */
static const struct option_row *row_find(struct options *o, const char *name, size_t n, char letter,
                                         const char ***value) {
	for (int t = 0; t < 2; t++) {
		for (const struct option_row *row = o->tables[t]; row && row->name; row++) {
			assert(row - o->tables[t] < OPTIONS_MAX);
			if (letter ? row->letter == letter : strlen(row->name) == n && strncmp(row->name, name, n) == 0) {
				*value = &o->values[t][row - o->tables[t]];
				return row;
			}
		}
	}
	return NULL;
}

/* One option at argv[*i]; *i moves on over a value of its own. */
static int option_parse(struct options *o, int argc, char **argv, int *i, struct err *err) {
	char *word = argv[*i];
	bool is_long = word[1] == '-';
	const char *name = is_long ? word + 2 : word + 1;
	size_t n = strcspn(name, "=");
	const char *inside = NULL; /* a value within the same word */
	const struct option_row *row;
	const char **value;

	if (is_long) {
		row = row_find(o, name, n, 0, &value);
		inside = name[n] == '=' ? name + n + 1 : NULL;
	} else {
		row = row_find(o, "", 0, name[0], &value);
		inside = name[1] ? name + 1 : NULL;
	}
	if (!row)
		return unknown_option(o, word, name, err);
	if (!row->argument) {
		if (inside)
			return err_set(err, ERR_INPUT, "%s: takes no value", word);
		*value = "";
		return 0;
	}
	if (!inside) {
		if (*i + 1 >= argc)
			return err_set(err, ERR_INPUT, "%s: %s is missing", word, row->argument);
		inside = argv[++*i];
	}
	*value = inside;
	return 0;
}

int options_parse(struct options *out, const struct option_row *own, const struct option_row *common, bool until_word,
                  int argc, char **argv, struct err *err) {
	struct options o = {.tables = {own, common}, .words = argv};
	bool ended = false;

	for (int i = 0; i < argc; i++) {
		bool is_option = !ended && argv[i][0] == '-' && argv[i][1] != '\0';

		if (is_option && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (is_option) {
			if (option_parse(&o, argc, argv, &i, err) < 0)
				return -1;
		} else {
			o.words[o.nwords++] = argv[i];
			ended = ended || until_word;
			if (until_word) {
				while (++i < argc)
					o.words[o.nwords++] = argv[i];
			}
		}
	}
	*out = o;
	return 0;
}

const char *options_value(const struct options *o, const char *name) {
	const char **value;

	/* row_find writes nothing through its first argument. */
	return row_find((struct options *)(uintptr_t)o, name, strlen(name), 0, &value) ? *value : NULL;
}

bool options_given(const struct options *o, const char *name) {
	return options_value(o, name) != NULL;
}

void options_help(const struct option_row *rows, FILE *out) {
	for (const struct option_row *row = rows; row && row->name; row++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%s --%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
		               row->letter ? "," : " ", row->name, row->argument ? " " : "",
		               row->argument ? row->argument : "");
		(void)fprintf(out, "  %-26s %s\n", left, row->help);
	}
}
