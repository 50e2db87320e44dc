#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/sandbox_private.h"

static int limit(int what, uint64_t most, const char *name, struct err *err) {
	struct rlimit now;

	if (most == 0)
		return 0;
	if (getrlimit((__rlimit_resource_t)what, &now) < 0)
		return err_errno(err, "limit of %s", name);
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	now.rlim_cur = now.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &now) < 0 ? err_errno(err, "limit of %s", name) : 0;
}

int sandbox_limits(const struct sandbox_profile *p, struct err *err) {
	if (limit(RLIMIT_NOFILE, p->files, "descriptors", err) < 0)
		return -1;
	/* The shadow memory of a sanitizer is larger than any limit; and its leak check traces. */
	if (SANDBOX_SANITIZED)
		return 0;
	if (limit(RLIMIT_DATA, p->memory, "memory", err) < 0)
		return -1;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? err_errno(err, "cannot forbid others to look in") : 0;
}
