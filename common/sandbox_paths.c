/* Landlock, by its system calls: the C library has none for it. Its constants are those of linux/landlock.h of any release; what an older kernel
 * does not know is left out by its number of the interface. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox_private.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define ASK_VERSION  1U /* flag of landlock_create_ruleset */
#define RULE_BENEATH 1

enum {
	ACCESS_EXECUTE = 1 << 0,
	ACCESS_WRITE_FILE = 1 << 1,
	ACCESS_READ_FILE = 1 << 2,
	ACCESS_READ_DIR = 1 << 3,
	ACCESS_REMOVE_DIR = 1 << 4,
	ACCESS_REMOVE_FILE = 1 << 5,
	ACCESS_MAKE_DIR = 1 << 7,
	ACCESS_MAKE_REG = 1 << 8,
	ACCESS_MAKE_SOCK = 1 << 9,
	ACCESS_REFER = 1 << 13,
	ACCESS_TRUNCATE = 1 << 14
};

#define READ_FILE  ACCESS_READ_FILE
#define READ_DIR   (ACCESS_READ_FILE | ACCESS_READ_DIR)
#define WRITE_FILE (ACCESS_READ_FILE | ACCESS_WRITE_FILE | ACCESS_TRUNCATE)
#define WRITE_DIR                                                                                                      \
	(WRITE_FILE | ACCESS_READ_DIR | ACCESS_REMOVE_DIR | ACCESS_REMOVE_FILE | ACCESS_MAKE_DIR | ACCESS_MAKE_REG |       \
	 ACCESS_MAKE_SOCK | ACCESS_REFER)

struct ruleset {
	uint64_t files, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static int version(void) {
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
}

const char *sandbox_landlock(void) {
	if (version() > 0)
		return NULL;
	return errno == EOPNOTSUPP ? "it is switched off on this machine" : "this kernel has none";
}

/* All that the kernel can forbid: rights by its number of the interface. */
static struct ruleset all(int version) {
	struct ruleset r = {.files = (1U << 13) - 1};

	if (version >= 2)
		r.files |= ACCESS_REFER;
	if (version >= 3)
		r.files |= ACCESS_TRUNCATE;
	if (version >= 4)
		r.net = 3; /* TCP: bind, connect */
	if (version >= 5)
		r.files |= 1U << 15; /* ioctl of devices */
	if (version >= 6)
		r.scoped = 2; /* signals to whom is outside */
	return r;
}

static int allow(int ruleset, const char *path, uint64_t on_file, uint64_t on_folder, uint64_t handled,
                 struct err *err) {
	struct beneath rule = {.parent = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int result = -1;

	if (rule.parent < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : err_errno(err, "Landlock: %s", path);
	if (fstat(rule.parent, &st) < 0)
		goto out;
	rule.allowed = (S_ISDIR(st.st_mode) ? on_folder : on_file) & handled;
	result = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_BENEATH, &rule, 0);
out:
	if (result < 0)
		(void)err_errno(err, "Landlock: %s", path);
	(void)close(rule.parent);
	return result;
}

static int allow_all(int ruleset, const struct sandbox_profile *p, uint64_t handled, struct err *err) {
	/* Our own descriptors are reopened by name; and what every C program may want. */
	static const char *const everybody[] = {"/proc/self/fd", "/dev/null", "/dev/urandom", NULL};
	static const char *const sanitizers[] = {"/proc", "/lib", "/lib64", "/usr/lib", NULL};
#if SANDBOX_COUNTED
	static const char *const counters[] = {PROVCTL_COVERAGE, NULL};
#else
	static const char *const counters[] = {NULL};
#endif
	const struct {
		const char *const *paths;
		uint64_t on_file, on_folder;
	} lists[] = {{everybody, READ_FILE, READ_DIR},
	             {p->readable, READ_FILE, READ_DIR},
	             {p->writable, WRITE_FILE, WRITE_DIR},
	             {SANDBOX_SANITIZED ? sanitizers : NULL, READ_FILE, READ_DIR},
	             {counters, WRITE_FILE, WRITE_DIR}};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const char *const *path = lists[i].paths; path && *path; path++)
			if (allow(ruleset, *path, lists[i].on_file, lists[i].on_folder, handled, err) < 0)
				return -1;
	return 0;
}

int sandbox_paths(const struct sandbox_profile *p, struct err *err) {
	int v = version(), ruleset, result = -1;
	struct ruleset r;

	/* It is there or it is not; any other failure is one. */
	if (v <= 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_errno(err, "Landlock");
	r = all(v);
	/* An older kernel takes a longer struct as long as what it does not know is 0. */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (ruleset < 0)
		return err_errno(err, "Landlock");
	if (allow_all(ruleset, p, r.files, err) == 0) {
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
		if (result < 0)
			(void)err_errno(err, "Landlock");
	}
	(void)close(ruleset);
	return result;
}
