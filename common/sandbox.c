#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox_private.h"

#define GROUPS_MAX 256
#define ENTRY_SIZE 16384 /* of a user or a group, with its members */
#define CAPS_MAX   64

/* ---- the user and his groups ---- */

struct user {
	uid_t uid;
	gid_t groups[GROUPS_MAX];
	int ngroups;
};

static int user_find(struct user *u, const char *name, const char *setting, struct err *err) {
	char room[ENTRY_SIZE];
	struct passwd entry, *found = NULL;
	int why = getpwnam_r(name, &entry, room, sizeof(room), &found);

	if (!found && why != 0)
		return err_set(err, ERR_SYSTEM, "user %s: %s", name, strerror(why));
	if (!found)
		return err_set(
			err, ERR_SYSTEM,
			"user %s does not exist: `systemd-sysusers` or `useradd --system %s` makes it; or set %s to another "
			"one, such as root",
			name, name, setting);
	u->uid = entry.pw_uid;
	u->ngroups = GROUPS_MAX;
	if (getgrouplist(name, entry.pw_gid, u->groups, &u->ngroups) < 0)
		return err_set(err, ERR_SYSTEM, "user %s: is in more than %d groups", name, GROUPS_MAX);
	return 0;
}

static int user_join(struct user *u, const char *name, struct err *err) {
	char room[ENTRY_SIZE];
	struct group entry, *found = NULL;
	int why = getgrnam_r(name, &entry, room, sizeof(room), &found);

	if (!found)
		return why == 0 ? 0 : err_set(err, ERR_SYSTEM, "group %s: %s", name, strerror(why));
	for (int i = 0; i < u->ngroups; i++)
		if (u->groups[i] == entry.gr_gid)
			return 0;
	if (u->ngroups == GROUPS_MAX)
		return err_set(err, ERR_SYSTEM, "group %s: more than %d groups", name, GROUPS_MAX);
	u->groups[u->ngroups++] = entry.gr_gid;
	return 0;
}

static int user_become(const struct user *u, const char *name, struct err *err) {
	gid_t gid = u->groups[0]; /* getgrouplist puts the user's own first */

	/* Capabilities outlive the change of the user only so; which of them is decided below. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups((size_t)u->ngroups, u->groups) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
		return err_errno(err, "cannot become user %s", name);
	return 0;
}

/* ---- capabilities ---- */

static uint64_t capabilities_of(unsigned keep) {
	uint64_t set = 0;

	if (keep & SANDBOX_NET_ADMIN)
		set |= 1ULL << CAP_NET_ADMIN;
	if (keep & SANDBOX_READ_ALL)
		set |= 1ULL << CAP_DAC_READ_SEARCH;
	if (keep & SANDBOX_WRITE_ALL)
		set |= 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_CHOWN | 1ULL << CAP_FOWNER;
	return set;
}

/* Before root is given up, behind which nobody may. Who is not root may not change it either, and gets none back: no new privileges are given. */
static int bounds_drop(uint64_t keep, struct err *err) {
	for (unsigned long i = 0; i < CAPS_MAX; i++)
		if (!(keep >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM)
			return err_errno(err, "capabilities");
	return 0;
}

static int capabilities_drop(uint64_t keep, struct err *err) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capget, &header, have) < 0)
		return err_errno(err, "capabilities");
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		have[i].permitted &= (uint32_t)(keep >> (32 * i));
		have[i].effective = have[i].permitted;
		have[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, have) < 0 ? err_errno(err, "capabilities cannot be given up") : 0;
}

/* The kernel forgets it with every change of the user, and the parent may have died before it is told again. */
static int keep_parent(int signal, pid_t parent, struct err *err) {
	if (signal == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0)
		return err_errno(err, "parent-death signal");
	return getppid() == parent ? 0 : err_set(err, ERR_SYSTEM, "whoever started this is gone");
}

int sandbox_become(const char *user, const char *setting, unsigned keep, const char *const *groups, struct err *err) {
	static const struct rlimit none = {0, 0};
	struct user *u = calloc(1, sizeof(*u));
	pid_t parent = getppid();
	int signal = 0, result = -1;

	if (!u)
		return err_errno(err, "user");
	if (prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) < 0) {
		(void)err_errno(err, "parent-death signal");
		goto out;
	}
	if (bounds_drop(capabilities_of(keep), err) < 0)
		goto out;
	if (user && geteuid() == 0) {
		if (user_find(u, user, setting, err) < 0)
			goto out;
		for (; groups && *groups; groups++)
			if (user_join(u, *groups, err) < 0)
				goto out;
		if (user_become(u, user, err) < 0)
			goto out;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		(void)err_errno(err, "no new privileges");
		goto out;
	}
	if (capabilities_drop(capabilities_of(keep), err) < 0 || keep_parent(signal, parent, err) < 0)
		goto out;
	/* What stands in memory are addresses, names and secret paths. */
	if (setrlimit(RLIMIT_CORE, &none) < 0) {
		(void)err_errno(err, "no core dumps");
		goto out;
	}
	result = 0;
out:
	free(u);
	return result;
}

int sandbox_enter(const struct sandbox_profile *p, struct err *err) {
	return sandbox_limits(p, err) < 0 || sandbox_paths(p, err) < 0 || sandbox_calls(p, err) < 0 ? -1 : 0;
}
