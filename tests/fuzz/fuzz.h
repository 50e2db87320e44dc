/* fuzz: what every target here is: one function that takes any bytes. Linked with libFuzzer (`make fuzz SECONDS=60`) it looks for bytes that
 * break it; linked with replay.c it reads the seeds, which is a test like any other. A broken invariant ends it by abort(). */
#ifndef PROVCTL_FUZZ_H
#define PROVCTL_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of these bytes in memory: its path. There are two files, 0 and 1; each is good until the next call for it. */
const char *fuzz_file(int which, const uint8_t *data, size_t size);
/* Ends the program, telling what did not hold. */
void fuzz_want(int holds, const char *what);

#endif
