#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/yamldoc.h"

static struct yamldoc *parse(const char *text) {
	struct yamldoc *doc = NULL;
	struct err err = {0};

	if (yamldoc_parse(&doc, "f", slice_of(text), &err) != 0)
		fail_msg("%s", err.text);
	return doc;
}

static void assert_refused(struct slice text, const char *expected) {
	struct yamldoc *doc = NULL;
	struct err err = {0};

	assert_int_equal(yamldoc_parse(&doc, "f", text, &err), -1);
	assert_null(doc);
	assert_int_equal(err.class, ERR_INPUT);
	assert_string_equal(err.text, expected);
}

static void a_tree_tells_kinds_texts_keys_and_places(void **state) {
	struct yamldoc *doc = parse("# head\na: 1\nb: [x, \"y\"]\nc:\n  d: {e: f}\n");
	const struct yamldoc_node *root;
	const struct yamldoc_node *n;

	(void)state;
	root = yamldoc_root(doc);
	assert_int_equal(root->kind, YAMLDOC_MAPPING);
	assert_int_equal(root->count, 3);
	n = root->first;
	assert_string_equal(n->key.p, "a");
	assert_string_equal(n->text.p, "1");
	assert_false(n->quoted);
	assert_int_equal(n->line, 2);
	assert_int_equal(n->column, 4);
	assert_int_equal(n->key_column, 1);
	n = n->next;
	assert_int_equal(n->kind, YAMLDOC_SEQUENCE);
	assert_int_equal(n->count, 2);
	assert_string_equal(n->first->text.p, "x");
	assert_null(n->first->key.p);
	assert_true(n->first->next->quoted);
	assert_null(n->first->next->next);
	n = yamldoc_get(yamldoc_get(root, "c"), "d");
	assert_string_equal(yamldoc_get(n, "e")->text.p, "f");
	assert_int_equal(yamldoc_get(n, "e")->line, 5);
	assert_null(yamldoc_get(n, "f"));
	assert_null(n->next);
	yamldoc_free(&doc);
	assert_null(doc);
}

static void an_empty_file_is_a_document_without_root(void **state) {
	static const char *const texts[] = {"", "\n", "# only a comment\n", "\xef\xbb\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct yamldoc *doc = parse(texts[i]);

		assert_null(yamldoc_root(doc));
		yamldoc_free(&doc);
	}
}

static void what_is_no_plain_data_is_refused_with_its_place(void **state) {
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"a: &x 1\n", "f:1:4: anchor: not allowed here, write the value out where it is needed"},
		{"a: 1\nb: *x\n", "f:2:4: alias: not allowed here, write the value out where it is needed"},
		{"&k a: 1\n", "f:1:1: anchor: not allowed here, write the value out where it is needed"},
		{"a: !!str 1\n", "f:1:4: tag: not allowed here, types are known by the key"},
		{"a: ! 1\n", "f:1:4: tag: not allowed here, types are known by the key"},
		{"a: !x [1]\n", "f:1:4: tag: not allowed here, types are known by the key"},
		{"a: &m {b: 1}\n", "f:1:4: anchor: not allowed here, write the value out where it is needed"},
		{"a: 1\n---\nb: 1\n", "f:2:1: file: more than one document, only one is read"},
		{"a: 1\n...\n---\n", "f:3:1: file: more than one document, only one is read"},
		{"%YAML 1.1\n---\na: 1\n", "f:1:1: directive: not allowed here, no line may start with %"},
		{"a: 1\n...\n\xe2\x80\xa8%TAG ! x\n", "f:3:2: directive: not allowed here, no line may start with %"},
		{"a: 1\nb: 2\na: 3\n", "f:3:1: a: given twice, first in line 1"},
		{"x:\n  y: {k: 1,\n  'k': 2}\n", "f:3:3: x.y.k: given twice, first in line 2"},
		{"? [a]\n: 1\n", "f:1:3: key: must be a word, not a list or a mapping"},
		{"{{a: 1}: 2}\n", "f:1:2: key: must be a word, not a list or a mapping"},
		{"a: \"\\0\"\n", "f:1:4: text: must not hold a NUL"},
		{"\"\\0\": 1\n", "f:1:1: text: must not hold a NUL"},
		{"a: [1\n", "f:2:1: not valid YAML: did not find expected ',' or ']'"},
		{"a: b: c\n", "f:1:5: not valid YAML: mapping values are not allowed in this context"},
		{"a:\n\t- b\n", "f:2:1: not valid YAML: found character that cannot start any token"},
		{"a: \"\xff\"\n", "f:1:5: not valid YAML: invalid leading UTF-8 octet"},
		{"\xc3\xa4: 1\nb: \"\xc0\xaf\"\n", "f:2:5: not valid YAML: invalid length of a UTF-8 sequence"},
		{"a: \x01\n", "f:1:4: not valid YAML: control characters are not allowed"},
		{"\xff\xfe"
	     "a",
	     "f:1:1: not valid YAML: invalid leading UTF-8 octet"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(slice_of(rows[i].text), rows[i].expected);
	assert_refused((struct slice){"a: \0b", 5}, "f:1:4: not valid YAML: control characters are not allowed");
}

/* Text of `count` copies of `piece` between head and tail. */
static struct slice repeated(struct buf *b, const char *head, const char *piece, size_t count, const char *tail) {
	buf_init(b, 64U << 20);
	buf_text(b, head);
	for (size_t i = 0; i < count; i++)
		buf_text(b, piece);
	buf_text(b, tail);
	assert_false(b->failed);
	return (struct slice){b->p, b->n};
}

static void what_is_too_much_is_refused_before_it_costs_much(void **state) {
	static const struct {
		const char *head, *piece;
		size_t count;
		const char *tail, *expected;
	} rows[] = {
		{"", "[", 33, "", "f:1:33: file: more than 32 levels deep"},
		{"", "[", 4000000, "", "f:1:33: file: more than 32 levels deep"},
		{"", "- ", 2000000, "", "f:1:65: file: more than 32 levels deep"},
		{"", "- a\n", 200000, "", "f:200000:3: file: too many values, at most 200000"},
		{"", "x", 10000000, "", "f:1:1: file: too large, at most 4 MiB"},
		{"", "%TAG !a! b\n", 300000, "", "f:1:1: directive: not allowed here, no line may start with %"},
	};
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b;
		struct slice text = repeated(&b, rows[i].head, rows[i].piece, rows[i].count, rows[i].tail);

		assert_refused(text, rows[i].expected);
		buf_release(&b);
	}
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

static void exactly_the_maxima_are_taken(void **state) {
	struct buf b;
	struct slice text;
	struct yamldoc *doc = NULL;
	struct err err;
	char keys[YAMLDOC_MEMBERS_MAX + 1][8];

	(void)state;
	text = repeated(&b, "", "[", YAMLDOC_DEPTH_MAX, "");
	for (unsigned i = 0; i < YAMLDOC_DEPTH_MAX; i++)
		buf_byte(&b, ']');
	text = (struct slice){b.p, b.n};
	assert_int_equal(yamldoc_parse(&doc, "f", text, &err), 0);
	yamldoc_free(&doc);
	buf_release(&b);

	text = repeated(&b, "", "- a\n", YAMLDOC_NODES_MAX - 1, "");
	assert_int_equal(yamldoc_parse(&doc, "f", text, &err), 0);
	assert_int_equal(yamldoc_root(doc)->count, YAMLDOC_NODES_MAX - 1);
	yamldoc_free(&doc);
	buf_release(&b);

	text = repeated(&b, "#", "x", YAMLDOC_BYTES_MAX - 1, "");
	assert_int_equal(yamldoc_parse(&doc, "f", text, &err), 0);
	yamldoc_free(&doc);
	buf_release(&b);

	buf_init(&b, 65536);
	for (unsigned i = 0; i <= YAMLDOC_MEMBERS_MAX; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "k%u", i);
		buf_printf(&b, "%s: 1\n", keys[i]);
		if (i + 1 == YAMLDOC_MEMBERS_MAX) {
			assert_int_equal(yamldoc_parse(&doc, "f", (struct slice){b.p, b.n}, &err), 0);
			yamldoc_free(&doc);
		}
	}
	assert_refused((struct slice){b.p, b.n}, "f:1025:1: mapping: too many keys, at most 1024");
	buf_release(&b);
}

static void what_is_no_regular_file_is_refused_at_once(void **state) {
	char folder[] = "/tmp/provctl-yamldoc-XXXXXX";
	char path[64];
	struct yamldoc *doc = NULL;
	struct err err;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(yamldoc_read(&doc, folder, &err), -1);
	assert_non_null(strstr(err.text, ":1:1: cannot be read: it is a folder"));
	assert_int_equal(err.class, ERR_INPUT);

	(void)snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(yamldoc_read(&doc, path, &err), -1);
	assert_non_null(strstr(err.text, "/f:1:1: cannot be read: No such file or directory"));
	assert_int_equal(err.class, ERR_INPUT);

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(yamldoc_read(&doc, path, &err), -1);
	assert_non_null(strstr(err.text, "/f:1:1: cannot be read: it is no regular file"));
	assert_int_equal(unlink(path), 0);

	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), 10 << 20), 0);
	(void)fclose(f);
	assert_int_equal(yamldoc_read(&doc, path, &err), -1);
	assert_non_null(strstr(err.text, "/f:1:1: file: too large, at most 4 MiB"));

	f = fopen(path, "w");
	fputs("a: [1, 2]\n", f);
	(void)fclose(f);
	assert_int_equal(yamldoc_read(&doc, path, &err), 0);
	assert_int_equal(yamldoc_get(yamldoc_root(doc), "a")->count, 2);
	yamldoc_free(&doc);
	assert_int_equal(yamldoc_read_with(&doc, path, "a:", &err), 0);
	assert_int_equal(yamldoc_get(yamldoc_root(doc), "a")->count, 2);
	yamldoc_free(&doc);
	assert_int_equal(yamldoc_read_with(&doc, path, "b:", &err), 0);
	assert_null(yamldoc_root(doc));
	yamldoc_free(&doc);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);

	assert_int_equal(yamldoc_read(&doc, "/dev/zero", &err), -1);
	assert_null(doc);
}

enum reading { BOOL, INTEGER, DURATION, SIZE, CHOICE, TEXT, LIST, MAP };

static const char *const colours[] = {"red", "green", "blue", NULL};

static int read_as(enum reading as, const struct yamldoc_node *n, int64_t *out, struct err *err) {
	const char *text;
	unsigned which;
	bool yes;
	int rc = -1;

	switch (as) {
	case BOOL:
		rc = yamldoc_bool(n, &yes, err);
		*out = rc == 0 ? yes : -1;
		return rc;
	case INTEGER:
		return yamldoc_integer(n, 10, 1000, out, err);
	case DURATION:
		return yamldoc_duration(n, 60, 7 * 86400, out, err);
	case SIZE:
		return yamldoc_size(n, 1024, 1LL << 40, out, err);
	case CHOICE:
		rc = yamldoc_choice(n, colours, &which, err);
		*out = rc == 0 ? (int64_t)which : -1;
		return rc;
	case TEXT:
		rc = yamldoc_text(n, &text, err);
		*out = rc == 0 ? (int64_t)strlen(text) : -1;
		return rc;
	case LIST:
		return yamldoc_sequence(n, err);
	case MAP:
		return yamldoc_mapping(n, err);
	}
	return rc;
}

static void values_are_read_or_refused_by_type(void **state) {
	static const struct {
		enum reading as;
		const char *text; /* of the value */
		int64_t value;
		const char *fault; /* NULL: taken */
	} rows[] = {
		{BOOL, "true", 1, NULL},
		{BOOL, "false", 0, NULL},
		{BOOL, "yes", 0, "\"yes\" must be true or false"},
		{BOOL, "'true'", 0, "\"true\" is text, must be true or false without quotes"},
		{BOOL, "", 0, "has no value, must be true or false"},
		{BOOL, "[true]", 0, "is a list, must be true or false"},
		{INTEGER, "10", 10, NULL},
		{INTEGER, "1000", 1000, NULL},
		{INTEGER, "9", 0, "\"9\" is out of range, 10 to 1000"},
		{INTEGER, "1001", 0, "\"1001\" is out of range, 10 to 1000"},
		{INTEGER, "-20", 0, "\"-20\" is out of range, 10 to 1000"},
		{INTEGER, "99999999999999999999", 0, "\"99999999999999999999\" is out of range, 10 to 1000"},
		{INTEGER, "\"20\"", 0, "\"20\" is text, must be a whole number without quotes"},
		{INTEGER, "020", 0, "\"020\" must be a whole number without leading zeros"},
		{INTEGER, "2e1", 0, "\"2e1\" must be a whole number"},
		{INTEGER, "0x20", 0, "\"0x20\" must be a whole number"},
		{INTEGER, "~", 0, "has no value, must be a whole number"},
		{INTEGER, "{a: 1}", 0, "is a mapping, must be a whole number"},
		{DURATION, "60s", 60, NULL},
		{DURATION, "\"1h30m\"", 5400, NULL},
		{DURATION, "7d", 7 * 86400, NULL},
		{DURATION, "8d", 0, "\"8d\" is out of range, 1m to 7d"},
		{DURATION, "60", 0, "\"60\" must be a duration such as 90s, 15m, 24h or 7d"},
		{SIZE, "1K", 1024, NULL},
		{SIZE, "1G", 1 << 30, NULL},
		{SIZE, "4096", 4096, NULL},
		{SIZE, "1T", 1LL << 40, NULL},
		{SIZE, "2T", 0, "\"2T\" is out of range, 1K to 1T"},
		{SIZE, "99999999999999999T", 0, "\"99999999999999999T\" is out of range, 1K to 1T"},
		{SIZE, "1GB", 0, "\"1GB\" must be a size such as 500M or 1G"},
		{SIZE, "K", 0, "\"K\" must be a size such as 500M or 1G"},
		{CHOICE, "green", 1, NULL},
		{CHOICE, "gren", 0, "\"gren\" is not known, did you mean green?"},
		{CHOICE, "purple", 0, "\"purple\" is not known, must be red, green or blue"},
		{CHOICE, "null", 0, "has no value, must be one of red, green or blue"},
		{TEXT, "\"\"", 0, NULL},
		{TEXT, "'null'", 4, NULL},
		{TEXT, "null", 0, "has no value, must be text"},
		{LIST, "[]", 0, NULL},
		{LIST, "a", 0, "must be a list"},
		{MAP, "{}", 0, NULL},
		{MAP, "[]", 0, "must be a mapping (key: value)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];
		char expected[256];
		struct yamldoc *doc;
		struct err err = {0};
		int64_t value = 0;

		(void)snprintf(text, sizeof(text), "a:\n  b: %s\n", rows[i].text);
		doc = parse(text);
		if (rows[i].fault) {
			(void)snprintf(expected, sizeof(expected), "f:2:%d: a.b: %s", rows[i].text[0] ? 6 : 5, rows[i].fault);
			assert_int_equal(read_as(rows[i].as, yamldoc_get(yamldoc_get(yamldoc_root(doc), "a"), "b"), &value, &err),
			                 -1);
			assert_string_equal(err.text, expected);
		} else {
			assert_int_equal(read_as(rows[i].as, yamldoc_get(yamldoc_get(yamldoc_root(doc), "a"), "b"), &value, &err),
			                 0);
			assert_int_equal(value, rows[i].value);
		}
		yamldoc_free(&doc);
	}
}

static void an_unknown_key_is_told_with_the_nearest_name(void **state) {
	static const char *const names[] = {"bans_per_minute", "max_bans", "ports", "on", NULL};
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{"bans_per_minuet", "bans_per_minute"},
		{"ban_per_minute", "bans_per_minute"},
		{"bans-per-minute", "bans_per_minute"},
		{"max_ban", "max_bans"},
		{"prots", "ports"},
		{"no", "on"},
		{"x", NULL},
		{"", NULL},
		{"something_else", NULL},
		{"a_word_that_is_longer_than_any_name_that_there_could_be", NULL},
	};
	struct yamldoc *doc = parse("prots: 1\n\"a\\e[31m\": 2\n");
	const struct yamldoc_node *m = yamldoc_root(doc)->first;
	struct err err;
	unsigned which;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *nearest = yamldoc_nearest(rows[i].word, names);

		if (rows[i].nearest) {
			assert_non_null(nearest);
			assert_string_equal(nearest, rows[i].nearest);
		} else {
			assert_null(nearest);
		}
	}
	assert_int_equal(yamldoc_key(m, names, &which, &err), -1);
	assert_string_equal(err.text, "f:1:1: prots: unknown key, did you mean ports?");
	m = m->next;
	assert_int_equal(yamldoc_key(m, names, &which, &err), -1);
	assert_non_null(strstr(err.text, ": a\\x1b[31m: unknown key"));
	yamldoc_free(&doc);
	doc = parse("max_bans: 1\n");
	assert_int_equal(yamldoc_key(yamldoc_root(doc)->first, names, &which, &err), 0);
	assert_int_equal(which, 1);
	yamldoc_free(&doc);
}

static void a_fault_names_the_keys_that_lead_to_it(void **state) {
	struct yamldoc *doc = parse("a:\n  - b: [1, x]\n");
	const struct yamldoc_node *item = yamldoc_get(yamldoc_get(yamldoc_root(doc), "a")->first, "b")->first->next;
	struct err err;

	(void)state;
	yamldoc_fault(item, &err, "bad %d", 7);
	assert_string_equal(err.text, "f:2:12: a.b: bad 7");
	yamldoc_key_fault(item->parent, &err, "bad");
	assert_string_equal(err.text, "f:2:5: a.b: bad");
	yamldoc_fault(yamldoc_root(doc), &err, "bad");
	assert_string_equal(err.text, "f:1:1: file: bad");
	yamldoc_free(&doc);
}

static void sizes_print_as_they_are_read(void **state) {
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {{0, "0"}, {1000, "1000"}, {1024, "1K"}, {1536 << 10, "1536K"}, {1 << 30, "1G"}, {1LL << 50, "1024T"}};
	char text[YAMLDOC_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		yamldoc_size_print(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_tells_kinds_texts_keys_and_places),
		cmocka_unit_test(an_empty_file_is_a_document_without_root),
		cmocka_unit_test(what_is_no_plain_data_is_refused_with_its_place),
		cmocka_unit_test(what_is_too_much_is_refused_before_it_costs_much),
		cmocka_unit_test(exactly_the_maxima_are_taken),
		cmocka_unit_test(what_is_no_regular_file_is_refused_at_once),
		cmocka_unit_test(values_are_read_or_refused_by_type),
		cmocka_unit_test(an_unknown_key_is_told_with_the_nearest_name),
		cmocka_unit_test(a_fault_names_the_keys_that_lead_to_it),
		cmocka_unit_test(sizes_print_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
