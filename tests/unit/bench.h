/* bench: a configuration and rules on which lines are tried. */
#ifndef PROVCTL_TEST_BENCH_H
#define PROVCTL_TEST_BENCH_H

#include "analyzer/format_private.h"
#include "analyzer/rule_private.h"

const char *top(void); /* of the source tree */

/* A folder of the test's own, with a folder r in it for rules: group setup and teardown. */
extern char folder[];
int folder_make(void **state);
int folder_remove(void **state);
void file_write(const char *name, const char *text);
void file_remove(const char *name);

struct conf *configured(const char *text);
struct conf *shipped(const char *more); /* the shipped rules with more settings */
struct rules *loaded(const struct conf *conf);

struct bench {
	struct conf *conf;
	struct rules *rules;
	struct line_context ctx;
};
void bench_set(struct bench *b, struct conf *conf, const char *format, const char *account);
void bench_release(struct bench *b);

/* "KIND ip" of what a line becomes; "none", "unreadable" or "limit". */
const char *told(struct bench *b, const char *line, struct event *e);

/* Events of equal numbers say the same of all that stands once in a batch. words: zeros at first. */
#define ALIKE_MAX 65536
void alike_check(uint64_t words[ALIKE_MAX], const struct event *e);

#endif
