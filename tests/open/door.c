/* An open door, for tools that watch a program from inside and know no seccomp, such as valgrind: linked in the place of common/sandbox_calls.c,
 * sandbox_paths.c and sandbox_limits.c into the programs of tests/open, which are built for the tests alone. */
#include "common/sandbox_private.h"

int sandbox_limits(const struct sandbox_profile *p, struct err *err) {
	(void)p;
	(void)err;
	return 0;
}

int sandbox_paths(const struct sandbox_profile *p, struct err *err) {
	(void)p;
	(void)err;
	return 0;
}

int sandbox_calls(const struct sandbox_profile *p, struct err *err) {
	(void)p;
	(void)err;
	return 0;
}

int sandbox_seal(struct err *err) {
	(void)err;
	return 0;
}

const char *sandbox_landlock(void) {
	return "this is a test";
}
