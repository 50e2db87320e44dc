#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/pcre.h"

/* What one match may cost. A rule's pattern on an honest field needs a few hundred steps; one that looks at each byte of the longest line
 * a few times must still end, or an attacker would hide behind a long name. */
#define MATCH_LIMIT 400000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT  1024 /* KiB */

/* Bytes of a subject in which the literal is looked for first; an anchored pattern is done at once with a text that begins otherwise. */
#define LITERAL_FROM          96
#define LITERAL_FROM_ANCHORED 512

#define HELD_MAX 23 /* bytes */

struct group {
	char name[33]; /* PCRE2's names have 32 bytes at most */
	uint32_t number;
};

/* A short text that matched: a program's name is mostly the same again. */
struct held {
	uint8_t n; /* 0: none yet */
	char text[HELD_MAX];
};

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	uint32_t ngroups;
	struct group groups[PATTERN_GROUPS_MAX];
	bool anchored;
	bool compiled; /* to machine code */
	size_t literal_n;
	size_t literal_rare; /* where in it the byte stands that is searched for */
	char *literal;
	struct held *held;
};

/* The length of the escape at p ("\." or "\x2e"), and the byte that it stands for, or -1 for a class or an assertion. 0 where this scanner does not
 * know it. */
static size_t escape_length(struct slice s, int *byte) {
	*byte = -1;
	if (s.n < 2)
		return 0;
	if (s.p[1] >= '!' && s.p[1] <= '~' &&
	    !((s.p[1] >= '0' && s.p[1] <= '9') || (s.p[1] >= 'A' && s.p[1] <= 'Z') || (s.p[1] >= 'a' && s.p[1] <= 'z')))
		*byte = (unsigned char)s.p[1];
	else if (!memchr("dDwWsSbBAzZhHvVR", s.p[1], 16))
		return 0;
	return 2;
}

/* The length of a [class], 0 where it does not end. */
static size_t class_length(struct slice s) {
	size_t i = 1;

	if (i < s.n && s.p[i] == '^')
		i++;
	if (i < s.n && s.p[i] == ']')
		i++;
	while (i < s.n && s.p[i] != ']') {
		if (s.p[i] == '\\') {
			/* \Q hides a bracket. */
			if (i + 1 < s.n && (s.p[i + 1] == 'Q' || s.p[i + 1] == 'E'))
				return 0;
			i++;
		} else if (s.p[i] == '[' && i + 1 < s.n && s.p[i + 1] == ':') {
			const char *end = memmem(s.p + i + 2, s.n - i - 2, ":]", 2);

			if (end)
				i = (size_t)(end + 1 - s.p);
		}
		i++;
	}
	return i < s.n ? i + 1 : 0;
}

/* The length of a (group) with all that is in it, 0 where this scanner does not know it: options such as (?i) change what literals mean. */
static size_t group_length(struct slice s) {
	size_t depth = 0;
	size_t i = 0;

	while (i < s.n) {
		struct slice at = {s.p + i, s.n - i};
		size_t n = 1;
		int byte;

		if (at.p[0] == '\\')
			n = escape_length(at, &byte);
		else if (at.p[0] == '[')
			n = class_length(at);
		else if (at.p[0] == '(') {
			depth++;
			if (at.n > 1 && at.p[1] == '*')
				n = 0;
			else if (at.n > 2 && at.p[1] == '?')
				n = memchr(":<=!>P'", at.p[2], 7) ? 2 : 0;
		} else if (at.p[0] == ')' && --depth == 0)
			return i + 1;
		if (n == 0)
			return 0;
		i += n;
	}
	return 0;
}

size_t pattern_literal(struct slice text, char *out) {
	char run[PATTERN_TEXT_MAX];
	size_t run_n = 0;
	size_t best = 0;
	size_t i = 0;

	if (text.n > PATTERN_TEXT_MAX)
		return 0;
	while (i <= text.n) {
		struct slice at = {text.p + i, text.n - i};
		size_t n = 1;
		int byte = -1;
		bool optional = false;

		if (at.n > 0) {
			if (at.p[0] == '|')
				return 0;
			if (at.p[0] == '\\')
				n = escape_length(at, &byte);
			else if (at.p[0] == '[')
				n = class_length(at);
			else if (at.p[0] == '(')
				n = group_length(at);
			else if (!memchr("^$.*+?{})", at.p[0], 9))
				byte = (unsigned char)at.p[0];
			if (n == 0)
				return 0;
			optional = at.n > n && memchr("?*{", at.p[n], 3);
		}
		if (byte >= 0 && !optional)
			run[run_n++] = (char)byte;
		if (byte < 0 || optional || (at.n > n && at.p[n] == '+')) {
			if (run_n > best) {
				best = run_n;
				memcpy(out, run, run_n);
			}
			run_n = 0;
		}
		i += n;
		/* The numbers in {3} are no literals. */
		if (i < text.n && text.p[i] == '{') {
			const char *end = memchr(text.p + i, '}', text.n - i);

			if (end)
				i = (size_t)(end + 1 - text.p);
		}
	}
	return best;
}

/* Where in a literal the byte stands that is the least likely in a log: capitals and marks before small letters, those before digits and what separates words. */
static size_t rare_byte(struct slice literal) {
	static const char common[] = " :.-/=\"'[]()<>,_";
	size_t best = 0;
	int rank = -1;

	for (size_t i = 0; i < literal.n; i++) {
		char c = literal.p[i];
		int its = memchr(common, c, sizeof(common) - 1) || (c >= '0' && c <= '9') ? 0 : c >= 'a' && c <= 'z' ? 1 : 2;

		if (its > rank) {
			rank = its;
			best = i;
		}
	}
	return best;
}

#define OPTIONS (PCRE2_NO_AUTO_CAPTURE | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C)

static int groups_read(struct pattern *p, struct err *err) {
	uint32_t count = 0;
	uint32_t size = 0;
	PCRE2_SPTR table = NULL;

	(void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	if (count > PATTERN_GROUPS_MAX)
		return err_set(err, ERR_INPUT, "pattern: more than %d named groups", PATTERN_GROUPS_MAX);
	for (uint32_t i = 0; i < count; i++, table += size) {
		p->groups[i].number = (uint32_t)(table[0] << 8 | table[1]);
		(void)slice_copy(slice_of((const char *)table + 2), p->groups[i].name, sizeof(p->groups[i].name));
	}
	p->ngroups = count;
	return 0;
}

int pattern_new(struct pattern **out, struct slice text, struct err *err) {
	struct pattern *p = calloc(1, sizeof(*p));
	uint32_t options = 0;
	char literal[PATTERN_TEXT_MAX];
	PCRE2_UCHAR message[256];
	PCRE2_SIZE at;
	int code;

	if (!p)
		return err_errno(err, "pattern");
	if (text.n > PATTERN_TEXT_MAX) {
		(void)err_set(err, ERR_INPUT, "pattern: longer than %d bytes", PATTERN_TEXT_MAX);
		goto fail;
	}
	p->code = pcre2_compile((PCRE2_SPTR)(text.n ? text.p : ""), text.n, OPTIONS, &code, &at, NULL);
	if (!p->code) {
		(void)pcre2_get_error_message(code, message, sizeof(message));
		(void)err_set(err, code == PCRE2_ERROR_HEAP_FAILED ? ERR_SYSTEM : ERR_INPUT, "pattern: %s at byte %zu",
		              (const char *)message, (size_t)at + 1);
		goto fail;
	}
	if (groups_read(p, err))
		goto fail;
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_ALLOPTIONS, &options);
	p->anchored = options & PCRE2_ANCHORED;
	p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->context = pcre2_match_context_create(NULL);
	p->literal_n = pattern_literal(text, literal);
	p->literal = malloc(p->literal_n + 1);
	p->held = calloc(1, sizeof(*p->held));
	if (!p->data || !p->context || !p->literal || !p->held) {
		(void)err_errno(err, "pattern");
		goto fail;
	}
	memcpy(p->literal, literal, p->literal_n);
	p->literal_rare = rare_byte((struct slice){literal, p->literal_n});
	(void)pcre2_set_match_limit(p->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(p->context, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(p->context, HEAP_LIMIT);
	/* Where no executable memory may be made the interpreter does the same, slower. The machine code runs on PCRE2's own
	 * stack of 32 KiB, which bounds it too. */
	p->compiled = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
	*out = p;
	return 0;
fail:
	pattern_free(&p);
	return -1;
}

void pattern_free(struct pattern **pattern) {
	struct pattern *p = *pattern;

	if (!p)
		return;
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p->literal);
	free(p->held);
	free(p);
	*pattern = NULL;
}

bool pattern_is_anchored(const struct pattern *p) {
	return p->anchored;
}

static bool has_literal(const struct pattern *p, struct slice subject) {
	const char *at, *end;

	if (p->literal_n == 0)
		return true;
	if (subject.n < p->literal_n)
		return false;
	/* All places where that byte may stand. */
	at = subject.p + p->literal_rare;
	end = at + (subject.n - p->literal_n) + 1;
	for (; (at = memchr(at, p->literal[p->literal_rare], (size_t)(end - at))) != NULL; at++)
		if (memcmp(at - p->literal_rare, p->literal, p->literal_n) == 0)
			return true;
	return false;
}

enum pattern_result pattern_match(const struct pattern *p, struct slice subject, bool *no_literal) {
	PCRE2_SPTR text = (PCRE2_SPTR)(subject.n ? subject.p : "");
	int code;

	/* A short subject is matched as quickly as it is searched. */
	if ((no_literal || subject.n > (p->anchored ? LITERAL_FROM_ANCHORED : LITERAL_FROM)) && !has_literal(p, subject)) {
		if (no_literal)
			*no_literal = true;
		return PATTERN_NO;
	}
	code = p->compiled ? pcre2_jit_match(p->code, text, subject.n, 0, 0, p->data, p->context)
	                   : pcre2_match(p->code, text, subject.n, 0, 0, p->data, p->context);
	if (code >= 0)
		return PATTERN_YES;
	/* What lacks it does not match, however many steps it takes to find that out. */
	return code == PCRE2_ERROR_NOMATCH || !has_literal(p, subject) ? PATTERN_NO : PATTERN_LIMIT;
}

enum pattern_result pattern_holds(const struct pattern *p, struct slice subject) {
	struct held *held = p->held;
	enum pattern_result result;

	if (subject.n > 0 && subject.n == held->n && memcmp(held->text, subject.p, subject.n) == 0)
		return PATTERN_YES;
	result = pattern_match(p, subject, NULL);
	if (result == PATTERN_YES && subject.n > 0 && subject.n <= HELD_MAX) {
		held->n = (uint8_t)subject.n;
		memcpy(held->text, subject.p, subject.n);
	}
	return result;
}

uint32_t pattern_groups(const struct pattern *p) {
	return p->ngroups;
}

const char *pattern_group_name(const struct pattern *p, uint32_t i) {
	return p->groups[i].name;
}

static struct slice matched(const struct pattern *p, uint32_t number, struct slice subject) {
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->data) + 2 * (size_t)number;

	/* A look-behind or \K can turn the two round. */
	if (at[0] == PCRE2_UNSET || at[1] < at[0] || at[1] > subject.n || !subject.p)
		return (struct slice){0};
	return (struct slice){subject.p + at[0], at[1] - at[0]};
}

struct slice pattern_group(const struct pattern *p, uint32_t i, struct slice subject) {
	return matched(p, p->groups[i].number, subject);
}

struct slice pattern_whole(const struct pattern *p, struct slice subject) {
	return matched(p, 0, subject);
}

uint32_t pattern_steps(const struct pattern *p, struct slice subject, uint32_t limit) {
	int code;

	if (!has_literal(p, subject))
		return 0;
	/* The interpreter counts steps; the machine code only now and then. */
	for (uint32_t steps = limit / 64; steps < limit; steps *= 2) {
		(void)pcre2_set_match_limit(p->context, steps);
		(void)pcre2_set_depth_limit(p->context, UINT32_MAX);
		code = pcre2_match(p->code, (PCRE2_SPTR)(subject.n ? subject.p : ""), subject.n, 0, PCRE2_NO_JIT, p->data,
		                   p->context);
		(void)pcre2_set_match_limit(p->context, MATCH_LIMIT);
		(void)pcre2_set_depth_limit(p->context, DEPTH_LIMIT);
		if (code >= 0 || code == PCRE2_ERROR_NOMATCH)
			return steps;
	}
	return limit;
}

size_t pattern_fits(const struct pattern *p, struct slice subject, size_t *begin) {
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->data);
	size_t best = 0;

	*begin = 0;
	for (size_t n = 1; n <= subject.n; n++) {
		int code =
			pcre2_match(p->code, (PCRE2_SPTR)subject.p, n, 0, PCRE2_NO_JIT | PCRE2_PARTIAL_HARD, p->data, p->context);

		if (code < 0 && code != PCRE2_ERROR_PARTIAL && code != PCRE2_ERROR_NOMATCH)
			break;
		if ((code >= 0 || code == PCRE2_ERROR_PARTIAL) && at[1] <= n && at[1] - at[0] > best && at[1] > at[0]) {
			best = at[1] - at[0];
			*begin = at[0];
		}
	}
	return best;
}
