/* option: the options of a command line, by tables of rows. Options and words may be mixed; "--" ends the options; "--name=value",
 * "--name value", "-c value" and "-cvalue" are taken. What is parsed borrows argv, whose words are moved to its front. */
#ifndef PROVCTL_OPTION_H
#define PROVCTL_OPTION_H

#include <stdbool.h>
#include <stdio.h>

#include "common/err.h"

struct option_row {
	const char *name;     /* without the dashes; NULL ends a table */
	const char *argument; /* what the help calls its value; NULL: a switch */
	const char *help;
	char letter; /* short form, 0 for none */
};

#define OPTIONS_MAX 16 /* rows of a table */

struct options {
	const struct option_row *tables[2]; /* the verb's, and those of every verb */
	const char *values[2][OPTIONS_MAX]; /* NULL: not given; a switch has "" */
	char **words;
	int nwords;
};

/* own may be NULL. With until_word, stops at the first word: it and all that follows are the words. Faults are ERR_INPUT with the nearest known name. */
int options_parse(struct options *out, const struct option_row *own, const struct option_row *common, bool until_word,
                  int argc, char **argv, struct err *err);
/* NULL where it was not given. The name must stand in one of the tables. */
const char *options_value(const struct options *o, const char *name);
bool options_given(const struct options *o, const char *name);
void options_help(const struct option_row *rows, FILE *out);

#endif
