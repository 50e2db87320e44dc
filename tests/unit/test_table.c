#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/table.h"

static const struct table_column columns[] = {{"MAC", 12}, {"HOME", 8}, {"NOTE", 0}, {0}};

/* Writes the rows as a table for a terminal of that width (0: none). */
static char *table_of(unsigned width, const char *const (*rows)[3], size_t n) {
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct table *t = NULL;
	struct err err;

	assert_non_null(file);
	assert_int_equal(table_new(&t, columns, file, width, &err), 0);
	for (size_t i = 0; i < n; i++) {
		struct slice cells[3] = {slice_of(rows[i][0]), slice_of(rows[i][1]), slice_of(rows[i][2])};

		assert_int_equal(table_row(t, cells, &err), 0);
	}
	assert_int_equal(table_end(&t, &err), 0);
	assert_null(t);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void a_table_is_whole_in_a_pipe_and_fits_a_terminal(void **state) {
	static const char *const rows[][3] = {
		{"001565abcdef", "203.0.113.7", "x"},
		{"001565abcdf0", "", "a long note that is not cut in a pipe"},
	};
	static const struct {
		unsigned width;
		const char *text;
	} cases[] = {
		{0, "MAC           HOME      NOTE\n"
	        "001565abcdef  203.0.113.7  x\n"
	        "001565abcdf0  -         a long note that is not cut in a pipe\n"},
		{200, "MAC           HOME         NOTE\n"
	          "001565abcdef  203.0.113.7  x\n"
	          "001565abcdf0  -            a long note that is not cut in a pipe\n"},
		{48, "MAC           HOME         NOTE\n"
	         "001565abcdef  203.0.113.7  x\n"
	         "001565abcdf0  -            a long note that is …\n"},
		/* No column becomes narrower than a MAC: the last ones are left out then, and named. */
		{38, "MAC           HOME\n"
	         "001565abcdef  203.0.113.7\n"
	         "001565abcdf0  -\n"
	         "(too narrow for NOTE: a wider terminal or --json shows all)\n"},
		{10, "MAC\n"
	         "001565abcdef\n"
	         "001565abcdf0\n"
	         "(too narrow for HOME, NOTE: a wider terminal or --json shows all)\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = table_of(cases[i].width, rows, sizeof(rows) / sizeof(rows[0]));

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void titles_are_written_without_a_row(void **state) {
	char *text = table_of(0, NULL, 0);

	(void)state;
	assert_string_equal(text, "MAC           HOME      NOTE\n");
	free(text);
}

static void a_cell_cannot_steer_the_terminal(void **state) {
	static const char *const rows[][3] = {{"\033[2J", "a\nb", "\xc3\xa4\xff"}};
	char *text = table_of(0, rows, 1);

	(void)state;
	assert_string_equal(text, "MAC           HOME      NOTE\n\\x1b[2J       a\\x0ab    \xc3\xa4\\xff\n");
	free(text);
}

static void text_beyond_ascii_is_cut_between_characters(void **state) {
	static const char *const rows[][3] = {
		{"1", "2",
	     "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"}};
	char *text = table_of(23, rows, 1);

	(void)state;
	assert_string_equal(
		text, "MAC  HOME  NOTE\n1    2     \xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3"
			  "\xbc\xc3\xa4\xc3\xb6\xe2\x80\xa6\n");
	free(text);
}

static void rows_behind_the_first_page_keep_its_widths(void **state) {
	static const char *rows[150][3];
	char *text, *last;

	(void)state;
	for (size_t i = 0; i < 150; i++) {
		rows[i][0] = i < 140 ? "short" : "wider-than-that";
		rows[i][1] = "b";
		rows[i][2] = "c";
	}
	text = table_of(80, (const char *const(*)[3])rows, 150);
	last = strrchr(text, 'w');
	assert_non_null(last);
	assert_null(strstr(text, "wider-than-that"));
	assert_string_equal(last, "wide…  b     c\n");
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_whole_in_a_pipe_and_fits_a_terminal),
		cmocka_unit_test(titles_are_written_without_a_row),
		cmocka_unit_test(a_cell_cannot_steer_the_terminal),
		cmocka_unit_test(text_beyond_ascii_is_cut_between_characters),
		cmocka_unit_test(rows_behind_the_first_page_keep_its_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
