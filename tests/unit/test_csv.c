#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/csv.h"

#define TEXT_MAX 256

/* Reads all of text and writes it down: fields in <>, records "line:", faults "!line:column". */
static void read_all(const char *text, size_t n, char *out, size_t size) {
	char *copy = malloc(n + 1);
	struct csv csv;
	struct csv_record record;
	uint32_t column;
	const char *why;
	size_t used = 0;
	int got;

	assert_non_null(copy);
	memcpy(copy, text, n);
	csv_init(&csv, copy, n);
	out[0] = '\0';
	while ((got = csv_next(&csv, &record, &column, &why)) != 0) {
		if (got < 0) {
			assert_non_null(why);
			used += (size_t)snprintf(out + used, size - used, "!%u:%u", record.line, column);
			continue;
		}
		used += (size_t)snprintf(out + used, size - used, "%u:", record.line);
		for (unsigned i = 0; i < record.n; i++)
			used += (size_t)snprintf(out + used, size - used, "<%s>", record.field[i]);
		assert_true(used < size);
	}
	free(copy);
}

static void fields_are_unquoted_and_faults_have_a_place(void **state) {
	static const struct {
		const char *text, *what;
	} rows[] = {
		{"", ""},
		{"a", "1:<a>"},
		{"a,b\nc,d\n", "1:<a><b>2:<c><d>"},
		{"a,b\r\nc,d\r\n", "1:<a><b>2:<c><d>"},
		{"a,\n,b", "1:<a><>2:<><b>"},
		{"\n\r\na\n\n", "3:<a>"},
		{"\xef\xbb\xbfmac,x", "1:<mac><x>"},
		{"\"a,b\",c", "1:<a,b><c>"},
		{"\"say \"\"hi\"\"\"\n", "1:<say \"hi\">"},
		{"\"\",\"\"\r\n", "1:<><>"},
		{"\"a\"\r\nb", "1:<a>2:<b>"},
		{"a b, c ", "1:<a b>< c >"},
		/* faults: the next line is read again */
		{"x,\"a\nb\n", "!1:32:<b>"},
		{"\"open", "!1:1"},
		{"a,b\"c\nd", "!1:32:<d>"},
		{"\"a\"b\nc", "!1:12:<c>"},
		{"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\nb", "!1:402:<b>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[TEXT_MAX];

		read_all(rows[i].text, strlen(rows[i].text), out, sizeof(out));
		assert_string_equal(out, rows[i].what);
	}
}

static void a_nul_byte_is_a_fault(void **state) {
	char out[TEXT_MAX];

	(void)state;
	read_all("a\0b,c\nd", 7, out, sizeof(out));
	assert_string_equal(out, "!1:12:<d>");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_unquoted_and_faults_have_a_place),
		cmocka_unit_test(a_nul_byte_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
