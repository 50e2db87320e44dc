/* digest: a keyed hash (SipHash-2-4, Aumasson and Bernstein 2012) for whatever comes from outside and is kept as a number: without
 * the key nobody can make two values meet. The key is the state's own (store_key). */
#ifndef PROVCTL_DIGEST_H
#define PROVCTL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_KEY 16

uint64_t digest_bytes(const uint8_t key[DIGEST_KEY], const void *p, size_t n);
/* The digests of the first n bytes, and of the first m, which are no fewer: what both begin with is gone through once. */
void digest_twice(const uint8_t key[DIGEST_KEY], const void *p, size_t n, size_t m, uint64_t out[2]);

#endif
