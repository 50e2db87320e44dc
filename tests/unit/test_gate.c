/* A gate keeps out nothing that matches: patterns of its own by hand, and of a seeded hand that knows PCRE2's language. PROVCTL_SEED=N chooses others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/gate.h"
#include "analyzer/pcre.h"
#include "analyzer/sieve.h"

static void shapes_take_what_can_match(void **state) {
	/* clang-format off */
	static const struct { const char *pattern, *text; bool takes; } rows[] = {
		/* pattern                           text                 takes */
		{"^abc",                             "abcd",              true},
		{"^abc",                             "ab",                false},
		{"^abc",                             "aBcd",              false},
		{"^abc$",                            "abcd",              false},
		{"^abc\\z",                          "abc",               true},
		{"^(?i:ab)c",                        "aBc",               true},
		{"^(?i:ab)c",                        "aBC",               false},
		{"^(?i)ab",                          "AB",                true},
		{"^(?:(?i)a|b)c",                    "Bc",                true},
		{"^(?:ab|cd)$",                      "cd",                true},
		{"^(?:ab|cd)$",                      "ce",                false},
		{"^a?b",                             "b",                 true},
		{"^a*b$",                            "aaab",              true},
		{"^a*b$",                            "c",                 false},
		{"^[0-9]+$",                         "12345678901234567", true},
		{"^[0-9]+$",                         "1234567890123456x", true}, /* beyond what is looked at */
		{"^[0-9]+$",                         "123x",              false},
		{"^(?<m>[0-9a-f]{12})\\.cfg$",       "001565abcdef.cfg",  true},
		{"^(?<m>[0-9a-f]{12})\\.cfg$",       "001565abcdef.xml",  false},
		{"^(?<m>[0-9a-f]{12})\\.cfg$",       "y0000000000.cfg",   false},
		{"^x{3}$",                           "xx",                false},
		{"^x{2,3}$",                         "xxx",               true},
		{"^x{2,}$",                          "x",                 false},
		{"^x{20}",                           "xxxxxxxxxxxxxxxx",  true},
		{"^(?:[a-c]\\.){2}$",                "a.c.",              true},
		{"^(?:[a-c]\\.){2}$",                "a.c",               false},
		{"^(?=b)[a-c]",                      "b",                 true},
		{"^(?!b)[a-c]",                      "d",                 false},
		{"^(?<q>['\"])x\\k<q>",              "'x\"",              true},
		{"^[^]a]",                           "]",                 false},
		{"^[]a]",                            "]",                 true},
		{"^[a\\-c]",                         "b",                 false},
		{"^[^\\W]",                          "-",                 false},
		{"^[^\\w-]",                         "-",                 false},
		{"^[\\d-x]",                         "-",                 true},
		{"^\\D\\S\\W",                       "a1-",               true},
		{"^\\D\\S\\W",                       "1",                 false},
		{"^[[:digit:]]",                     "x",                 true}, /* not known: all */
		{"^(?|a|b)c",                        "bc",                true},
		{"^(?>a+)b",                         "ab",                true},
		{"^a++b$",                           "ab",                true},
		{"^\\Qa.b\\E",                       "zzz",               true}, /* not known: all */
		{"^$",                               "",                  true},
		{"^$",                               "a",                 false},
		{"^.?$",                             "",                  true},
		{"^\\.",                             "x",                 false},
		{"^\\n",                             "\n",                true},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape s;

		shape_of_pattern(&s, slice_of(rows[i].pattern));
		if (shape_takes(&s, slice_of(rows[i].text)) != rows[i].takes)
			fail_msg("%s: %s", rows[i].pattern, rows[i].text);
	}
}

static uint64_t seed;

static uint32_t number(uint32_t below) {
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

/* A pattern that is mostly sound, over few letters, so that texts match now and then. */
static void pattern_make(struct buf *out, unsigned nested) {
	static const char *const atoms[] = {"a",    "b",     "A",           "[ab]",   "[^a]",  "[a-c]",  ".",      "\\d",
	                                    "\\w",  "\\W",   "-",           "[^\\w]", "\\s",   "[\\d-]", "\\b",    "1",
	                                    "[]a]", "[^]b]", "[[:alpha:]]", "\\x61",  "(?=a)", "(?!b)",  "(?<=a)", "\\.",
	                                    "[a-]", "\\A",   "\\N",         "[\\D]",  "(?i)",  "\\Z"};
	static const char *const groups[] = {"(?:", "(", "(?i:", "(?>", "(?-i:", "(?|"};
	static const char *const counts[] = {"?",    "*",    "+",   "{2}", "{1,3}", "{0,2}",
	                                     "{2,}", "{17}", "{0}", "??",  "+?",    "*+"};

	for (uint32_t parts = number(4); parts > 0; parts--) {
		if (nested < 3 && number(3) == 0) {
			buf_text(out, groups[number(sizeof(groups) / sizeof(groups[0]))]);
			pattern_make(out, nested + 1);
			if (number(2)) {
				buf_byte(out, '|');
				pattern_make(out, nested + 1);
			}
			buf_byte(out, ')');
		} else
			buf_text(out, atoms[number(sizeof(atoms) / sizeof(atoms[0]))]);
		if (number(3) == 0)
			buf_text(out, counts[number(sizeof(counts) / sizeof(counts[0]))]);
	}
}

static void what_a_pattern_matches_its_shape_takes(void **state) {
	static const char letters[] = "aaabbAB1-c.\n ]";
	unsigned compiled = 0, matched = 0, kept_out = 0;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (unsigned round = 0; round < 20000; round++) {
		struct pattern *p = NULL;
		struct shape s;
		struct err err;

		buf_clear(&b);
		buf_text(&b, "^");
		pattern_make(&b, 0);
		if (number(2))
			buf_text(&b, "$");
		if (pattern_new(&p, (struct slice){b.p, b.n}, &err) < 0)
			continue;
		compiled++;
		shape_of_pattern(&s, (struct slice){b.p, b.n});
		for (unsigned t = 0; t < 20 && pattern_is_anchored(p); t++) {
			char text[24];
			size_t n = number(sizeof(text));
			bool takes;

			for (size_t i = 0; i < n; i++)
				text[i] = letters[number(sizeof(letters) - 1)];
			takes = shape_takes(&s, (struct slice){text, n});
			kept_out += !takes;
			if (pattern_match(p, (struct slice){text, n}, NULL) != PATTERN_YES)
				continue;
			matched++;
			if (!takes)
				fail_msg("%.*s: '%.*s' matches and is kept out", (int)b.n, b.p, (int)n, text);
		}
		pattern_free(&p);
	}
	buf_release(&b);
	assert_true(compiled > 5000 && matched > 10000 && kept_out > 10000);
}

/* Hex digits at the places of a text where a blind pattern does not see them. */
static void a_blind_pattern_does_the_same_whatever_digits_stand_there(void **state) {
	static const char letters[] = "aab-c.1:", digits[] = "0123456789abcdef";
	unsigned blind = 0, matched = 0;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (unsigned round = 0; round < 20000; round++) {
		struct pattern *p = NULL;
		struct err err;

		buf_clear(&b);
		buf_text(&b, number(4) ? "^" : "");
		pattern_make(&b, 0);
		buf_text(&b, number(2) ? "[0-9a-fA-F]{1,3}" : "[0-9a-f]*");
		pattern_make(&b, 1);
		if (number(2))
			buf_text(&b, "$");
		/* PCRE2 10.42 finds no match of ((?i)c\w|)[0-9a-f]*\w$ in "cc", unless told (*NO_START_OPT). */
		if (memmem(b.p, b.n, "((?", 3) || pattern_new(&p, (struct slice){b.p, b.n}, &err) < 0)
			continue;
		for (unsigned t = 0; t < 6; t++) {
			struct byte_set sets[12] = {{{0}}};
			size_t n = 1 + number(12), at = number((uint32_t)n), marks = 1 + number(3);
			char text[12];
			struct slice first = {0};
			enum pattern_result result = PATTERN_NO;

			for (size_t i = 0; i < n; i++) {
				bool marked = i >= at && i < at + marks;

				text[i] = letters[number(sizeof(letters) - 1)];
				for (size_t d = 0; d < sizeof(digits) - 1; d++)
					if (marked || text[i] == digits[d])
						sets[i].bits[digits[d] / 64] |= 1ULL << digits[d] % 64;
				if (!marked)
					sets[i] = (struct byte_set){{0}};
				if (!marked)
					sets[i].bits[text[i] / 64] = 1ULL << text[i] % 64;
			}
			if (!pattern_is_blind((struct slice){b.p, b.n}, pattern_is_anchored(p), sets, n))
				continue;
			blind++;
			for (unsigned fill = 0; fill < 12; fill++) {
				enum pattern_result now;
				struct slice whole = {0};

				for (size_t i = at; i < n && i < at + marks; i++)
					text[i] = digits[number(16)];
				now = pattern_match(p, (struct slice){text, n}, NULL);
				if (now == PATTERN_LIMIT)
					break; /* how many steps it takes is not told */
				if (now == PATTERN_YES)
					whole = pattern_whole(p, (struct slice){text, n});
				matched += now == PATTERN_YES;
				if (fill > 0 && (now != result || whole.p != first.p || whole.n != first.n))
					fail_msg("%.*s: %.*s is another matter", (int)b.n, b.p, (int)n, text);
				result = now;
				first = whole;
			}
		}
		pattern_free(&p);
	}
	buf_release(&b);
	assert_true(blind > 5000 && matched > 5000);
}

/* However many texts there are: the first is one's, and the last another's. */
static void a_sieve_of_very_many_texts_keeps_out_none_of_them(void **state) {
	enum { TEXTS = 20000 }; /* three places each */
	struct sieve *sieve;
	struct err err;

	(void)state;
	assert_int_equal(sieve_new(&sieve, 2, &err), 0);
	for (unsigned i = 0; i < TEXTS; i++) {
		char text[2] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26)};

		assert_int_equal(sieve_add_text(sieve, i / (TEXTS - 1), (struct slice){text, 2}, &err), 0);
	}
	assert_int_equal(sieve_close(sieve, &err), 0);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 676; i++) {
			char text[2] = {(char)('a' + i % 26), (char)('a' + i / 26)};
			uint64_t set[1] = {3};

			sieve_narrow(sieve, (struct slice){text, 2}, set);
			assert_true(set[0] & 1);
		}
	sieve_free(&sieve);
}

static void what_is_dead_already_could_not_match_however_long_it_is(void **state) {
	static char text[3 * TEXT_DEPTH];
	struct slice pattern = slice_of("^/never/");

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	assert_false(pattern_could_match(pattern, (struct slice){text, TEXT_DEPTH}));
	assert_false(pattern_could_match(pattern, (struct slice){text, sizeof(text)}));
	assert_true(pattern_could_match(slice_of("^/x*$"), (struct slice){text, TEXT_DEPTH}));
	assert_false(pattern_could_match(slice_of("^/x*y$"), (struct slice){text, TEXT_DEPTH}));
	assert_true(
		pattern_could_match(slice_of("^/x*y$"), (struct slice){text, sizeof(text)})); /* beyond what is looked at */
}

static void a_gate_narrows_as_the_shapes_of_its_entries_do(void **state) {
	static const char *const patterns[] = {"^a", "^[ab]+$", "^$", "^.{3}$", "^b?c", "^(?:ab|ba)", "^[^a]{2}"};
	static const char letters[] = "abc";
	enum { ENTRIES = 150 };
	struct shape shapes[ENTRIES];
	struct gate *gate = NULL;
	struct err err;

	(void)state;
	assert_int_equal(gate_new(&gate, ENTRIES, &err), 0);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (i % 10 == 9) {
			shape_none(&shapes[i]);
			for (uint32_t texts = number(4); texts > 0; texts--)
				shape_add_text(&shapes[i], slice_of("abcabcabcabcabcabcabc" + number(20)));
		} else
			shape_of_pattern(&shapes[i], slice_of(patterns[number(sizeof(patterns) / sizeof(patterns[0]))]));
		if (i % 10 == 5)
			gate_add_all(gate, i);
		else
			gate_add(gate, i, &shapes[i]);
	}
	assert_int_equal(gate_close(gate, &err), 0);
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t set[GATE_WORDS(ENTRIES)];
		char text[24];
		struct slice at = {text, number(sizeof(text))};

		for (size_t i = 0; i < at.n; i++)
			text[i] = letters[number(3)];
		if (number(10) == 0)
			at = (struct slice){0};
		memset(set, 0xff, sizeof(set));
		gate_narrow(gate, at, set);
		for (uint32_t i = 0; i < ENTRIES; i++)
			assert_int_equal(set[i / 64] >> i % 64 & 1, i % 10 == 5 || (at.p && shape_takes(&shapes[i], at)));
		/* What is none of its entries goes too. */
		for (uint32_t i = ENTRIES; i < 64 * GATE_WORDS(ENTRIES); i++)
			assert_int_equal(set[i / 64] >> i % 64 & 1, 0);
	}
	gate_free(&gate);
}

#define SIEVED 100

/* An anchored pattern that can be compiled, to be freed. */
static struct pattern *pattern_some(struct buf *text) {
	struct pattern *p = NULL;
	struct err err;

	while (!p) {
		buf_clear(text);
		buf_text(text, "^");
		pattern_make(text, 0);
		if (number(2))
			buf_text(text, "$");
		if (pattern_new(&p, (struct slice){text->p, text->n}, &err) == 0 && !pattern_is_anchored(p))
			pattern_free(&p);
	}
	return p;
}

/* Every tenth entry is a text, and one beside those takes whatever there is. */
static void what_a_pattern_matches_a_sieve_of_many_lets_through(void **state) {
	static const char letters[] = "aaabbAB1-c.\n ]";
	unsigned matched = 0, kept_out = 0, let_through = 0;

	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		struct pattern *patterns[SIEVED] = {NULL};
		struct buf texts[SIEVED];
		char text[48] = "";
		struct sieve *sieve;
		struct err err;

		assert_int_equal(sieve_new(&sieve, SIEVED + 1, &err), 0);
		sieve_add_any(sieve, SIEVED, true);
		for (uint32_t i = 0; i < SIEVED; i++) {
			buf_init(&texts[i], 4096);
			if (i % 10 == 9) {
				buf_printf(&texts[i], "%.*s", (int)number(4), "aab" + number(3));
				assert_int_equal(sieve_add_text(sieve, i, (struct slice){texts[i].p, texts[i].n}, &err), 0);
				continue;
			}
			patterns[i] = pattern_some(&texts[i]);
			assert_int_equal(sieve_add_pattern(sieve, i, (struct slice){texts[i].p, texts[i].n}, &err), 0);
		}
		assert_int_equal(sieve_close(sieve, &err), 0);
		for (unsigned t = 0; t < 1500; t++) {
			uint64_t set[GATE_WORDS(SIEVED + 1)];
			struct slice at = {text, number(sizeof(text))};

			/* Many begin as the one before. */
			for (size_t i = number(2) ? number(sizeof(text)) : 0; i < sizeof(text); i++)
				text[i] = letters[number(sizeof(letters) - 1)];
			if (number(100) == 0)
				at = (struct slice){0};
			memset(set, 0xff, sizeof(set));
			sieve_narrow(sieve, at, set);
			for (uint32_t i = 0; i < SIEVED; i++) {
				bool in = set[i / 64] >> i % 64 & 1;
				struct slice its = {texts[i].p, texts[i].n};

				kept_out += !in;
				if (!at.p)
					assert_false(in);
				else if (!patterns[i])
					assert_true(in || !slice_same(at, its));
				else if (pattern_match(patterns[i], at, NULL) == PATTERN_YES) {
					matched++;
					if (!in || (number(16) == 0 && !pattern_could_match(its, at)))
						fail_msg("%.*s: '%.*s' matches and is kept out", (int)its.n, its.p, (int)at.n, text);
				} else if (!in && number(16) == 0 && pattern_could_match(its, at))
					fail_msg("%.*s: '%.*s' is kept out and could match", (int)its.n, its.p, (int)at.n, text);
				else
					let_through += in;
			}
			assert_true(set[SIEVED / 64] >> SIEVED % 64 & 1);
		}
		for (uint32_t i = 0; i < SIEVED; i++) {
			pattern_free(&patterns[i]);
			buf_release(&texts[i]);
		}
		sieve_free(&sieve);
	}
	print_message("# %u matched, %u kept out, %u let through\n", matched, kept_out, let_through);
	assert_true(matched > 10000 && kept_out > let_through);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_take_what_can_match),
		cmocka_unit_test(what_a_pattern_matches_its_shape_takes),
		cmocka_unit_test(a_blind_pattern_does_the_same_whatever_digits_stand_there),
		cmocka_unit_test(a_sieve_of_very_many_texts_keeps_out_none_of_them),
		cmocka_unit_test(what_is_dead_already_could_not_match_however_long_it_is),
		cmocka_unit_test(a_gate_narrows_as_the_shapes_of_its_entries_do),
		cmocka_unit_test(what_a_pattern_matches_a_sieve_of_many_lets_through),
	};
	const char *given = getenv("PROVCTL_SEED");

	seed = given ? strtoull(given, NULL, 10) : 1;
	print_message("# PROVCTL_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
