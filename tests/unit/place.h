/* place: a folder of each test's own with a configuration in it, for the tests of conf. */
#ifndef PROVCTL_TESTS_PLACE_H
#define PROVCTL_TESTS_PLACE_H

#include "common/conf.h"

#define FAULTS_MAX 16

struct place {
	char folder[64];
	char rules[80]; /* an empty folder in it */
	char file[80];  /* the configuration, not there yet */
};

/* What was reported, in order. */
struct told {
	char text[FAULTS_MAX][1024];
	unsigned n;
};

/* Setup and teardown of a test whose state is a struct place. */
int place_new(void **state);
int place_remove(void **state);
void place_write(const char *path, const char *text);

/* As report of struct conf_faults. */
void told_add(void *told, const char *text);

/* Loads text as configuration; a line `rules: [rules]` stands before it. NULL where there were faults. */
struct conf *place_load(const struct place *p, const char *text, struct told *told);
/* The test fails where there are faults. */
struct conf *place_load_sound(const struct place *p, const char *text);

#endif
