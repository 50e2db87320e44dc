/* The inventory's CSV. */
#include <stdlib.h>
#include <string.h>

#include "cmd/csv.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *text = malloc(size + 1);
	struct csv_record record;
	struct csv csv;
	uint32_t column;
	const char *why;
	size_t total = 0;
	int got;

	fuzz_want(text != NULL, "memory");
	memcpy(text, data, size);
	csv_init(&csv, text, size);
	while ((got = csv_next(&csv, &record, &column, &why)) != 0) {
		fuzz_want(got == 1 || (why && why[0] && column > 0), "a fault has a place and a reason");
		for (unsigned i = 0; got == 1 && i < record.n; i++)
			total += strlen(record.field[i]);
	}
	fuzz_want(total <= size, "fields lie within the text");
	free(text);
	return 0;
}
