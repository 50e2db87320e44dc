#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

#include "portal/replica.h"
#include "portal/verdict_token.h"

#define FILE_MAX (64U << 10)
#define WORDS    4

struct entry {
	struct token_hash hash;
	int64_t until; /* INT64_MAX: no end */
};

struct verdict_tokens {
	struct replica file;
	bool looked;
	bool whole;
	size_t n;
	struct entry at[TOKEN_VERDICTS_MAX];
};

static int digit(char c) {
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_read(struct slice hex, struct token_hash *out) {
	if (hex.n != 2 * TOKEN_HASH)
		return false;
	for (size_t i = 0; i < TOKEN_HASH; i++) {
		int high = digit(hex.p[2 * i]), low = digit(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->b[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* The words of the next line; 0 where there is no whole one left. */
static size_t words_take(struct slice *text, struct slice words[WORDS]) {
	const char *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	struct slice line = {text->p, end ? (size_t)(end - text->p) : 0};
	size_t n = 0;

	if (!end)
		return 0;
	*text = (struct slice){end + 1, text->n - line.n - 1};
	while (n < WORDS) {
		const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;

		words[n++] = (struct slice){line.p, blank ? (size_t)(blank - line.p) : line.n};
		if (!blank)
			return n;
		line = (struct slice){blank + 1, line.n - words[n - 1].n - 1};
	}
	return 0;
}

static bool check(struct verdict_tokens *t) {
	struct slice text = {t->file.text.p, t->file.text.n};
	size_t heading = strlen(TOKEN_HEADING);
	struct slice word[WORDS];
	uint64_t number;

	t->n = 0;
	/* There is none as long as none was made. */
	if (!t->file.there)
		return t->file.error == ENOENT;
	if (text.n <= heading || memcmp(text.p, TOKEN_HEADING "\n", heading + 1) != 0)
		return false;
	text = (struct slice){text.p + heading + 1, text.n - heading - 1};
	for (;;) {
		size_t n = words_take(&text, word);
		struct entry *e = &t->at[t->n];

		if (n == 2 && slice_is(word[0], "end"))
			return slice_number(word[1], TOKEN_VERDICTS_MAX, &number) && number == t->n && text.n == 0;
		if (n != WORDS || !slice_is(word[0], "verdict") || t->n == TOKEN_VERDICTS_MAX || !hash_read(word[2], &e->hash))
			return false;
		e->until = INT64_MAX;
		if (!slice_is(word[3], "-")) {
			if (!slice_number(word[3], INT64_MAX, &number))
				return false;
			e->until = (int64_t)number;
		}
		t->n++;
	}
}

enum token_answer verdict_token(struct verdict_tokens *t, struct slice text, int64_t now) {
	char id[TOKEN_ID + 1];
	struct token_hash hash;
	bool good = false;

	if (replica_look(&t->file) || !t->looked)
		t->whole = check(t);
	t->looked = true;
	if (!t->whole)
		return TOKEN_UNAVAILABLE;
	if (!token_parse(text, id))
		return TOKEN_BAD;
	token_hash(text, &hash);
	/* All are compared: the time tells nothing. */
	for (size_t i = 0; i < t->n; i++)
		good |= token_same(&t->at[i].hash, &hash) && now < t->at[i].until;
	return good ? TOKEN_GOOD : TOKEN_BAD;
}

int verdict_tokens_new(struct verdict_tokens **out, const char *state, struct err *err) {
	struct verdict_tokens *t = calloc(1, sizeof(*t));
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/" TOKEN_FOLDER "/" TOKEN_FILE, state);

	if (t && n > 0 && (size_t)n < sizeof(path) && replica_init(&t->file, path, FILE_MAX) == 0) {
		*out = t;
		return 0;
	}
	free(t);
	return err_set(err, ERR_SYSTEM, "out of memory");
}

void verdict_tokens_free(struct verdict_tokens **t) {
	if (*t)
		replica_release(&(*t)->file);
	free(*t);
	*t = NULL;
}
