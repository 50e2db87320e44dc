#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(int which, const uint8_t *data, size_t size) {
	static char paths[2][64];
	static int fds[2] = {-1, -1};
	char *path = paths[which];
	int fd = fds[which];

	if (fd < 0)
		fds[which] = fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_want(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "a file in memory");
	(void)snprintf(path, sizeof(paths[which]), "/proc/self/fd/%d", fd);
	return path;
}

void fuzz_want(int holds, const char *what) {
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

#ifndef PROVCTL_FUZZ
#define SEED_MAX (1U << 20)

/* Every file named is one input. */
int main(int argc, char **argv) {
	static uint8_t data[SEED_MAX];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		size_t n;

		fuzz_want(file != NULL, argv[i]);
		n = fread(data, 1, sizeof(data), file);
		(void)fclose(file);
		(void)LLVMFuzzerTestOneInput(data, n);
	}
	(void)printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
#endif
