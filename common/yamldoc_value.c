#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"
#include "common/yamldoc.h"

const struct yamldoc_node *yamldoc_get(const struct yamldoc_node *map, const char *key) {
	if (map->kind != YAMLDOC_MAPPING)
		return NULL;
	for (const struct yamldoc_node *m = map->first; m; m = m->next) {
		if (slice_is(m->key, key))
			return m;
	}
	return NULL;
}

bool yamldoc_is_null(const struct yamldoc_node *n) {
	return n->kind == YAMLDOC_SCALAR && !n->quoted &&
	       (n->text.n == 0 || slice_is(n->text, "~") || slice_is(n->text, "null"));
}

/* ---- faults ---- */

/* Words of a file that end up in a message: escaped, and cut to what helps a person. */
#define WORD_MAX 64

static void put_word(struct buf *b, struct slice word) {
	buf_escaped(b, word, WORD_MAX);
}

static void put_path(struct buf *b, const struct yamldoc_node *n) {
	const struct yamldoc_node *way[YAMLDOC_DEPTH_MAX + 1];
	size_t length = 0;
	const char *dot = "";

	for (; n && length < sizeof(way) / sizeof(way[0]); n = n->parent) {
		if (n->key.p)
			way[length++] = n;
	}
	if (length == 0)
		buf_text(b, "file");
	while (length > 0) {
		buf_text(b, dot);
		put_word(b, way[--length]->key);
		dot = ".";
	}
}

#define WHY_MAX 512

static void fault(const struct yamldoc_node *n, unsigned line, unsigned column, struct err *err, const char *why) {
	struct buf path;

	buf_init(&path, 512);
	put_path(&path, n);
	err_set(err, ERR_INPUT, "%s:%u:%u: %.*s%s%s", n->file, line, column, (int)path.n, path.p ? path.p : "",
	        path.n ? ": " : "", why);
	buf_release(&path);
}

int yamldoc_fault(const struct yamldoc_node *n, struct err *err, const char *why, ...) {
	char text[WHY_MAX];
	va_list args;

	va_start(args, why);
	(void)vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	fault(n, n->line, n->column, err, text);
	return -1;
}

int yamldoc_cause(const struct yamldoc_node *n, struct err *err, const struct err *cause) {
	fault(n, n->line, n->column, err, cause->text);
	err->class = cause->class;
	return -1;
}

int yamldoc_key_fault(const struct yamldoc_node *member, struct err *err, const char *why, ...) {
	char text[WHY_MAX];
	va_list args;

	va_start(args, why);
	(void)vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	fault(member, member->key_line, member->key_column, err, text);
	return -1;
}

/* A fault about a scalar's text: "WORD" before the reason. */
static int word_fault(const struct yamldoc_node *n, struct err *err, const char *why) {
	struct buf word;

	buf_init(&word, 512);
	put_word(&word, n->text);
	yamldoc_fault(n, err, "\"%.*s\" %s", (int)word.n, word.p ? word.p : "", why);
	buf_release(&word);
	return -1;
}

/* ---- values ---- */

static int scalar(const struct yamldoc_node *n, struct err *err, const char *wanted) {
	if (n->kind == YAMLDOC_SCALAR)
		return yamldoc_is_null(n) ? yamldoc_fault(n, err, "has no value, must be %s", wanted) : 0;
	return yamldoc_fault(n, err, "is a %s, must be %s", n->kind == YAMLDOC_MAPPING ? "mapping" : "list", wanted);
}

int yamldoc_mapping(const struct yamldoc_node *n, struct err *err) {
	return n->kind == YAMLDOC_MAPPING ? 0 : yamldoc_fault(n, err, "must be a mapping (key: value)");
}

int yamldoc_sequence(const struct yamldoc_node *n, struct err *err) {
	return n->kind == YAMLDOC_SEQUENCE ? 0 : yamldoc_fault(n, err, "must be a list");
}

int yamldoc_text(const struct yamldoc_node *n, const char **out, struct err *err) {
	if (scalar(n, err, "text") != 0)
		return -1;
	*out = n->text.p;
	return 0;
}

int yamldoc_bool(const struct yamldoc_node *n, bool *out, struct err *err) {
	bool yes;

	if (scalar(n, err, "true or false") != 0)
		return -1;
	yes = slice_is(n->text, "true");
	if (n->quoted || (!yes && !slice_is(n->text, "false")))
		return word_fault(n, err,
		                  n->quoted ? "is text, must be true or false without quotes" : "must be true or false");
	*out = yes;
	return 0;
}

static int range_fault(const struct yamldoc_node *n, struct err *err, const char *min, const char *max) {
	char why[128];

	(void)snprintf(why, sizeof(why), "is out of range, %s to %s", min, max);
	return word_fault(n, err, why);
}

int yamldoc_integer(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err) {
	char low[24];
	char high[24];
	uint64_t value;
	bool digits = n->text.n > 0;

	if (scalar(n, err, "a whole number") != 0)
		return -1;
	for (size_t i = n->text.p[0] == '-'; i < n->text.n; i++)
		digits = digits && n->text.p[i] >= '0' && n->text.p[i] <= '9';
	if (n->quoted)
		return word_fault(n, err, "is text, must be a whole number without quotes");
	if (!digits || slice_is(n->text, "-"))
		return word_fault(n, err, "must be a whole number");
	if (n->text.p[0] == '0' && n->text.n > 1)
		return word_fault(n, err, "must be a whole number without leading zeros");
	if (!slice_number(n->text, (uint64_t)max, &value) || (int64_t)value < min) {
		(void)snprintf(low, sizeof(low), "%lld", (long long)min);
		(void)snprintf(high, sizeof(high), "%lld", (long long)max);
		return range_fault(n, err, low, high);
	}
	*out = (int64_t)value;
	return 0;
}

int yamldoc_duration(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err) {
	char low[TIME_TEXT];
	char high[TIME_TEXT];
	int64_t value;

	if (scalar(n, err, "a duration such as 90s, 15m, 24h or 7d") != 0)
		return -1;
	if (!duration_parse(n->text, &value))
		return word_fault(n, err, "must be a duration such as 90s, 15m, 24h or 7d");
	if (value < min || value > max) {
		duration_print(min, low);
		duration_print(max, high);
		return range_fault(n, err, low, high);
	}
	*out = value;
	return 0;
}

static const char size_letters[] = "KMGT";

void yamldoc_size_print(int64_t bytes, char out[YAMLDOC_SIZE_TEXT]) {
	size_t unit = 0;

	while (bytes > 0 && bytes % 1024 == 0 && unit < sizeof(size_letters) - 1) {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(out, YAMLDOC_SIZE_TEXT, "%lld%.1s", (long long)bytes, unit > 0 ? size_letters + unit - 1 : "");
}

int yamldoc_size(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err) {
	char low[YAMLDOC_SIZE_TEXT];
	char high[YAMLDOC_SIZE_TEXT];
	struct slice digits = n->text;
	const char *letter;
	unsigned shift = 0;
	uint64_t value;

	if (scalar(n, err, "a size such as 500M or 1G") != 0)
		return -1;
	letter = n->text.n > 1 ? strchr(size_letters, n->text.p[n->text.n - 1]) : NULL;
	if (letter) {
		digits.n--;
		shift = 10 * (unsigned)(letter - size_letters + 1);
	}
	if (!slice_number(digits, (uint64_t)INT64_MAX, &value))
		return word_fault(n, err, "must be a size such as 500M or 1G");
	if (value > (uint64_t)max >> shift || (int64_t)(value << shift) < min) {
		yamldoc_size_print(min, low);
		yamldoc_size_print(max, high);
		return range_fault(n, err, low, high);
	}
	*out = (int64_t)(value << shift);
	return 0;
}

/* "a, b or c", as far as it fits. */
static void put_names(struct buf *b, const char *const *names) {
	for (size_t i = 0; names[i]; i++) {
		if (i > 0)
			buf_text(b, names[i + 1] ? ", " : " or ");
		buf_text(b, names[i]);
	}
}

static bool name_index(struct slice word, const char *const *names, unsigned *out) {
	for (unsigned i = 0; names[i]; i++) {
		if (slice_is(word, names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

int yamldoc_choice(const struct yamldoc_node *n, const char *const *names, unsigned *out, struct err *err) {
	char why[512];
	struct buf list;
	const char *near;
	int rc = -1;

	buf_init(&list, 384);
	put_names(&list, names);
	(void)snprintf(why, sizeof(why), "one of %.*s", (int)list.n, list.p ? list.p : "");
	if (scalar(n, err, why) != 0)
		goto done;
	if (name_index(n->text, names, out)) {
		rc = 0;
		goto done;
	}
	near = yamldoc_nearest(n->text.p, names);
	if (near)
		(void)snprintf(why, sizeof(why), "is not known, did you mean %s?", near);
	else
		(void)snprintf(why, sizeof(why), "is not known, must be %.*s", (int)list.n, list.p ? list.p : "");
	word_fault(n, err, why);
done:
	buf_release(&list);
	return rc;
}

int yamldoc_key(const struct yamldoc_node *member, const char *const *names, unsigned *out, struct err *err) {
	const char *near;

	if (name_index(member->key, names, out))
		return 0;
	near = yamldoc_nearest(member->key.p, names);
	if (near)
		return yamldoc_key_fault(member, err, "unknown key, did you mean %s?", near);
	return yamldoc_key_fault(member, err, "unknown key");
}

/* ---- nearest name ---- */

#define NEAREST_MAX 48 /* longer words are near to nothing */

static unsigned least(unsigned a, unsigned b) {
	return a < b ? a : b;
}

/* Edits from a to b: a letter put in, left out, changed, or swapped with its neighbour. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb) {
	unsigned row[3][NEAREST_MAX + 1];
	unsigned *before = row[0];
	unsigned *last = row[1];
	unsigned *now = row[2];

	for (unsigned j = 0; j <= nb; j++)
		last[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *spare = before;

		now[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

const char *yamldoc_nearest(const char *word, const char *const *names) {
	size_t n = strlen(word);
	const char *nearest = NULL;
	unsigned best = 0;

	if (n == 0 || n > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; names[i]; i++) {
		size_t length = strlen(names[i]);
		unsigned edits;

		if (length > NEAREST_MAX)
			continue;
		edits = distance(word, n, names[i], length);
		/* Past a third of the letters the guess would be noise. */
		if ((size_t)edits * 3 <= (length > n ? length : n) + 1 && (!nearest || edits < best)) {
			nearest = names[i];
			best = edits;
		}
	}
	return nearest;
}
