/* pcre: the one wrapper of pcre2.h. Patterns work on bytes, never on UTF-8; only named groups capture; "$" is the very end. They are
 * compiled once, to machine code where the system allows it; a match that exceeds its limits ends as PATTERN_LIMIT. */
#ifndef PROVCTL_PCRE_H
#define PROVCTL_PCRE_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define PATTERN_TEXT_MAX   2048
#define PATTERN_GROUPS_MAX 32

struct pattern;

/* err tells what and at which byte of the pattern. */
int pattern_new(struct pattern **out, struct slice text, struct err *err);
void pattern_free(struct pattern **pattern);

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_LIMIT };

/* In a long subject the literal that the pattern requires is tried first. no_literal: in any; set where that is what was missing (may be NULL). */
enum pattern_result pattern_match(const struct pattern *p, struct slice subject, bool *no_literal);

/* As pattern_match, for one without named groups: what it matched last is known. Nothing is told of where. */
enum pattern_result pattern_holds(const struct pattern *p, struct slice subject);

/* Named groups, 0 to count - 1. The value is that of the last match: it borrows the subject, and has p NULL where the group took no part. */
uint32_t pattern_groups(const struct pattern *p);
const char *pattern_group_name(const struct pattern *p, uint32_t i);
struct slice pattern_group(const struct pattern *p, uint32_t i, struct slice subject);

/* The whole of the last match, as pattern_group. */
struct slice pattern_whole(const struct pattern *p, struct slice subject);

/* All its matches begin at the subject's first byte. */
bool pattern_is_anchored(const struct pattern *p);

/* The longest run of bytes that every match must contain, as far as a look at the pattern tells; empty where it tells nothing. Written to
 * out, which has room for PATTERN_TEXT_MAX bytes. */
size_t pattern_literal(struct slice text, char *out);

/* For whoever writes patterns; slow. The steps that a match on the subject takes, rounded up to limit/64, limit/32 ..., or limit where it
 * takes more; 0 where the literal is missing. */
uint32_t pattern_steps(const struct pattern *p, struct slice subject, uint32_t limit);
/* The length of the longest part of the subject that the pattern could still be made to match if other text stood behind it, and
 * where it begins. */
size_t pattern_fits(const struct pattern *p, struct slice subject, size_t *begin);

#endif
