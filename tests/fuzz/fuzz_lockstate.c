/* The lock-state file as generators read it in C. */
#include "common/lockstate.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const addresses[] = {"203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7", "x"};
	const char *path = fuzz_file(0, data, size);

	for (int i = 0; i < 4; i++) {
		enum lockstate_answer answer = lockstate_verdict(path, "001565abcdef", addresses[i], 1795341600);

		fuzz_want(answer == LOCKSTATE_SERVE || answer == LOCKSTATE_REFUSE || answer == LOCKSTATE_UNAVAILABLE,
		          "one of three answers");
	}
	return 0;
}
