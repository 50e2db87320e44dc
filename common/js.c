#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/js.h"
#include "common/timefmt.h"

/* struct json is jansson's json_t under a name of ours; it is never defined. */
static const json_t *theirs(const struct json *j) {
	return (const json_t *)(const void *)j;
}

static const struct json *ours(const json_t *j) {
	return (const struct json *)(const void *)j;
}

#define DEPTH_MAX 32

/* Depth is bounded before jansson recurses; brackets inside strings do not count. */
static bool too_deep(struct slice text) {
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

/* The library takes many a word for which it finds no memory for a fault of the text: here it is seen which it was. */
static bool starved;

static void *allocate(size_t n) {
	void *p = malloc(n);

	starved = starved || !p;
	return p;
}

int js_parse(struct slice text, struct json **out, struct err *err) {
	json_error_t why;
	json_t *j;

	if (too_deep(text))
		return err_set(err, ERR_INPUT, "JSON: more than %d levels deep", DEPTH_MAX);
	starved = false;
	json_set_alloc_funcs(allocate, free);
	j = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!j && starved)
		return err_set(err, ERR_SYSTEM, "JSON: out of memory");
	if (!j)
		return err_set(err, ERR_INPUT, "JSON: %d:%d: %s", why.line, why.column, why.text);
	*out = (struct json *)(void *)j;
	return 0;
}

void js_free(struct json **j) {
	if (*j)
		json_decref((json_t *)(void *)*j);
	*j = NULL;
}

const struct json *js_get(const struct json *j, const char *key) {
	return j ? ours(json_object_get(theirs(j), key)) : NULL;
}

const char *js_text(const struct json *j, const char *key) {
	return js_string(js_get(j, key));
}

int64_t js_number(const struct json *j, const char *key, int64_t otherwise) {
	const struct json *member = js_get(j, key);

	return js_is_number(member) ? js_integer(member) : otherwise;
}

bool js_true(const struct json *j, const char *key) {
	return js_is_true(js_get(j, key));
}

size_t js_length(const struct json *j) {
	return j ? json_array_size(theirs(j)) : 0;
}

const struct json *js_at(const struct json *j, size_t i) {
	return j ? ours(json_array_get(theirs(j), i)) : NULL;
}

bool js_is_text(const struct json *j) {
	return j && json_is_string(theirs(j));
}

bool js_is_number(const struct json *j) {
	return j && json_is_integer(theirs(j));
}

bool js_is_object(const struct json *j) {
	return j && json_typeof(theirs(j)) == JSON_OBJECT;
}

bool js_is_array(const struct json *j) {
	return j && json_typeof(theirs(j)) == JSON_ARRAY;
}

bool js_is_null(const struct json *j) {
	return j && json_typeof(theirs(j)) == JSON_NULL;
}

bool js_is_true(const struct json *j) {
	return j && json_typeof(theirs(j)) == JSON_TRUE;
}

bool js_is_bool(const struct json *j) {
	return j && json_is_boolean(theirs(j));
}

const char *js_string(const struct json *j) {
	return js_is_text(j) ? json_string_value(theirs(j)) : NULL;
}

int64_t js_integer(const struct json *j) {
	return j ? json_integer_value(theirs(j)) : 0;
}

bool js_next(const struct json *j, void **iter, const char **key, const struct json **value) {
	json_t *object = (json_t *)(void *)(uintptr_t)j;

	if (!j || json_typeof(object) != JSON_OBJECT)
		return false;
	*iter = *iter ? json_object_iter_next(object, *iter) : json_object_iter(object);
	if (!*iter)
		return false;
	*key = json_object_iter_key(*iter);
	*value = ours(json_object_iter_value(*iter));
	return true;
}

static void separate(struct buf *b) {
	if (b->n > 0 && !strchr("{[:\n", b->p[b->n - 1]))
		buf_byte(b, ',');
}

void js_begin(struct buf *b, char bracket) {
	separate(b);
	buf_byte(b, bracket);
}

void js_end(struct buf *b, char bracket) {
	buf_byte(b, bracket);
}

static void put_quoted(struct buf *b, struct slice text) {
	const unsigned char *p = (const unsigned char *)text.p;

	buf_byte(b, '"');
	for (size_t i = 0; i < text.n;) {
		size_t plain = i, length;

		while (plain < text.n && p[plain] >= 0x20 && p[plain] < 0x7f && p[plain] != '"' && p[plain] != '\\')
			plain++;
		buf_add(b, p + i, plain - i);
		i = plain;
		if (i == text.n)
			break;
		length = utf8_length(p + i, text.n - i);

		if (length == 0) {
			buf_text(b, "\\ufffd");
			i++;
			continue;
		}
		if (p[i] == '"' || p[i] == '\\')
			buf_printf(b, "\\%c", p[i]);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			buf_printf(b, "\\u%04x", p[i]);
		else
			buf_add(b, p + i, length);
		i += length;
	}
	buf_byte(b, '"');
}

void js_key(struct buf *b, const char *key) {
	separate(b);
	put_quoted(b, slice_of(key));
	buf_byte(b, ':');
}

void js_item(struct buf *b, struct slice text) {
	separate(b);
	put_quoted(b, text);
}

void js_put_text(struct buf *b, const char *key, struct slice text) {
	js_key(b, key);
	put_quoted(b, text);
}

void js_put_string(struct buf *b, const char *key, const char *text) {
	js_key(b, key);
	if (text)
		put_quoted(b, slice_of(text));
	else
		buf_text(b, "null");
}

void js_put_number(struct buf *b, const char *key, int64_t number) {
	js_key(b, key);
	buf_printf(b, "%lld", (long long)number);
}

void js_put_bool(struct buf *b, const char *key, bool value) {
	js_key(b, key);
	buf_text(b, value ? "true" : "false");
}

void js_put_time(struct buf *b, const char *key, int64_t time) {
	char text[TIME_TEXT];

	if (time != TIME_NONE)
		time_print(time, text);
	js_put_string(b, key, time == TIME_NONE ? NULL : text);
}
