/* sandbox_private: what the phases of sandbox share: sandbox.c (who we are), sandbox_limits.c, sandbox_paths.c (Landlock)
 * and sandbox_calls.c (seccomp). */
#ifndef PROVCTL_SANDBOX_PRIVATE_H
#define PROVCTL_SANDBOX_PRIVATE_H

#include "common/sandbox.h"

/* Builds that watch themselves need more than those that ship: the leak check of AddressSanitizer traces its own process, and a program built for coverage
 * writes what it counted at its end. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
#if defined(PROVCTL_COVERAGE)
#define SANDBOX_COUNTED 1
#else
#define SANDBOX_COUNTED 0
#endif

/* The profile's limits, and no look into our memory for others. */
int sandbox_limits(const struct sandbox_profile *p, struct err *err);
/* Restricts to the profile's paths, or does nothing where the kernel has no Landlock. No new privileges are set already. */
int sandbox_paths(const struct sandbox_profile *p, struct err *err);
/* Restricts to the profile's system calls. */
int sandbox_calls(const struct sandbox_profile *p, struct err *err);

#endif
