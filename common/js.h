/* js: JSON; the one wrapper of jansson, for reading; and a writer that appends to a buf.
 *
 * A struct json is a parsed document or a part of one; parts borrow from the document, which js_free ends.
 */
#ifndef PROVCTL_JS_H
#define PROVCTL_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct json;

/* Parses all of text, one document; duplicate keys and depth over 32 are refused. */
int js_parse(struct slice text, struct json **out, struct err *err);
void js_free(struct json **j);

/* Of an object: the member, or NULL where j is NULL, no object, or has none. */
const struct json *js_get(const struct json *j, const char *key);
/* The member as text: a string's bytes, or NULL where it is missing or no string. */
const char *js_text(const struct json *j, const char *key);
int64_t js_number(const struct json *j, const char *key, int64_t otherwise); /* integers only */
bool js_true(const struct json *j, const char *key);
/* Of an array. */
size_t js_length(const struct json *j);
const struct json *js_at(const struct json *j, size_t i);
/* Of a value itself. */
bool js_is_text(const struct json *j);
bool js_is_number(const struct json *j);
bool js_is_object(const struct json *j);
bool js_is_array(const struct json *j);
bool js_is_null(const struct json *j);
bool js_is_true(const struct json *j);
bool js_is_bool(const struct json *j);
const char *js_string(const struct json *j); /* NULL where it is no string */
int64_t js_integer(const struct json *j);    /* 0 where it is none */
/* Object members in their order: starts with *iter NULL; false at the end. */
bool js_next(const struct json *j, void **iter, const char **key, const struct json **value);

/* Writing. Commas are placed by looking at the byte before: begin/end and members may be called in any sensible order:
 *   js_begin(b, '{'); js_put_text(b, "mac", s); js_key(b, "home"); js_begin(b, '['); js_item(b, s); js_end(b, ']');
 *   js_end(b, '}');
 * Text that is not UTF-8 is written with U+FFFD for each bad byte, so that the output is always JSON. */
void js_begin(struct buf *b, char bracket);
void js_end(struct buf *b, char bracket);
void js_key(struct buf *b, const char *key);
void js_item(struct buf *b, struct slice text); /* a string as array item, or as value behind js_key */
void js_put_text(struct buf *b, const char *key, struct slice text);
void js_put_string(struct buf *b, const char *key, const char *text); /* NULL writes null */
void js_put_number(struct buf *b, const char *key, int64_t number);
void js_put_bool(struct buf *b, const char *key, bool value);
void js_put_time(struct buf *b, const char *key, int64_t time); /* RFC 3339; TIME_NONE writes null */

#endif
