/* The list of bans, as a machine reads it that only enforces. */
#include "enforcer/banlist.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct banlist list;
	struct err err;

	if (banlist_parse(&list, (struct slice){(const char *)data, size}, "bans", &err) < 0) {
		fuzz_want(err.class == ERR_INPUT && err.text[0], "what is refused is told why");
		return 0;
	}
	fuzz_want(data[size - 1] == '\n', "a whole list ends in a line break");
	for (uint32_t i = 0; i < list.n; i++) {
		fuzz_want(list.entries[i].until >= 0, "a ban has an end, or none");
		fuzz_want(i == 0 || !prefix_same(list.entries[i - 1].at, list.entries[i].at), "a prefix stands once");
	}
	banlist_release(&list);
	return 0;
}
