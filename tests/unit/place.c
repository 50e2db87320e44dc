#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/place.h"

void told_add(void *context, const char *text) {
	struct told *told = context;

	assert_true(told->n < FAULTS_MAX);
	(void)snprintf(told->text[told->n++], sizeof(told->text[0]), "%s", text);
}

void place_write(const char *path, const char *text) {
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

int place_new(void **state) {
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->folder, "/tmp/provctl-conf-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->rules, sizeof(p->rules), "%s/rules", p->folder);
	(void)snprintf(p->file, sizeof(p->file), "%s/c.yaml", p->folder);
	assert_int_equal(mkdir(p->rules, 0700), 0);
	*state = p;
	return 0;
}

int place_remove(void **state) {
	struct place *p = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", p->folder);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

/* Loads text as configuration; `rules: [rules]` stands before it. */
struct conf *place_load(const struct place *p, const char *text, struct told *told) {
	struct conf_faults faults = {told_add, told, 0};
	struct conf *conf = NULL;
	struct err err = {0};
	FILE *f = fopen(p->file, "w");
	int rc;

	assert_non_null(f);
	(void)fprintf(f, "rules: [rules]\n%s", text);
	assert_int_equal(fclose(f), 0);
	told->n = 0;
	rc = conf_load(&conf, p->file, &faults, &err);
	assert_int_equal(faults.count, told->n);
	assert_int_equal(rc, told->n > 0 ? -1 : 0);
	assert_true((rc == 0) == (conf != NULL));
	if (rc != 0)
		assert_string_equal(err.text, told->text[0]);
	return conf;
}

struct conf *place_load_sound(const struct place *p, const char *text) {
	static struct told told;
	struct conf *conf = place_load(p, text, &told);

	if (!conf)
		fail_msg("%s", told.text[0]);
	return conf;
}
