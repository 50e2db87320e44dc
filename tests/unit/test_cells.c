/* The members of a row as cells: the same that a document of it gives, or a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/cells.h"

static const char *const keys[] = {"mac", "home", "until", "n"};

/* "A|B|C|D" of the row's members, "refused" where it is not such a row. */
static const char *cells_of(const char *row) {
	static char text[512];
	struct slice cells[4];
	struct buf own;
	bool read;

	buf_init(&own, 4096);
	read = cells_read(slice_of(row), keys, 4, cells, &own);
	text[0] = '\0';
	for (unsigned i = 0; i < 4 && read; i++) {
		if (cells[i].n > 0)
			strncat(text, cells[i].p, cells[i].n);
		strcat(text, i < 3 ? "|" : "");
	}
	buf_release(&own);
	return read ? text : "refused";
}

static void members_are_read_as_they_stand(void **state) {
	static const struct {
		const char *row, *cells;
	} rows[] = {
		{"{\"mac\":\"001565abcdef\",\"home\":[\"192.0.2.1\"],\"until\":null,\"n\":17}", "001565abcdef|192.0.2.1||17"},
		{"{\"n\":-3,\"until\":\"later\",\"other\":{},\"mac\":\"a\"}", "refused"},
		{"{\"n\":-3,\"until\":\"later\",\"other\":[],\"mac\":\"a\"}", "a||later|-3"},
		{"{\"home\":[\"192.0.2.1\",\"2001:db8::/64\",\"\"],\"n\":true,\"until\":false}",
	     "|192.0.2.1, 2001:db8::/64, |no|yes"},
		{"{\"mac\":\"\\u0041\"}", "refused"},
		{"{\"mac\":\"a\\\"\"}", "refused"},
		{"{\"mac\":\"\xc3\xa9\"}", "\xc3\xa9|||"},
		{"{\"mac\":\"[{,:\"}", "[{,:|||"},
		{"{\"home\":[[\"a\"]]}", "refused"},
		{"{\"home\":[{\"ip\":\"192.0.2.1\"}]}", "refused"},
		{"{\"home\":[\"a\",]}", "refused"},
		{"{\"home\":[\"a\"", "refused"},
		{"{\"home\":[", "refused"},
		{"{\"n\":1.5}", "refused"},
		{"{\"n\":nil}", "refused"},
		{"{\"n\":-}", "refused"},
		{"{\"n\"}", "refused"},
		{"{\"n\":1", "refused"},
		{"{\"n\":1}x", "refused"},
		{"{\"n", "refused"},
		{"[\"n\"]", "refused"},
		{"{", "refused"},
		{"", "refused"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(cells_of(rows[i].row), rows[i].cells) != 0)
			fail_msg("%s: %s", rows[i].row, cells_of(rows[i].row));
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(members_are_read_as_they_stand)};

	return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
