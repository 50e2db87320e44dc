#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sandbox.h"

#include "cmd/adopt.h"
#include "cmd/confine.h"
#include "cmd/confine_private.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id" /* the firewall's table is known by it */

static gid_t group_of(const struct conf *conf, char *name, size_t size) {
	const struct passwd *analyzer = getpwnam(conf->users.analyzer);
	const struct group *group = analyzer && analyzer->pw_uid != 0 ? getgrgid(analyzer->pw_gid) : NULL;

	name[0] = '\0';
	if (!group)
		return 0;
	(void)snprintf(name, size, "%s", group->gr_name);
	return group->gr_gid;
}

int confine_enforcer_user(const struct conf *conf, bool make, gid_t *link_group, struct err *err) {
	const struct passwd *user = getpwnam(conf->users.enforcer);
	uid_t uid = user ? user->pw_uid : (uid_t)-1;
	gid_t gid = user ? user->pw_gid : (gid_t)-1;
	char link_name[64];
	const char *const groups[] = {link_name, conf->lockstate.group, conf->portal.group, NULL};

	*link_group = group_of(conf, link_name, sizeof(link_name));
	if (geteuid() == 0 && user && adopt_state(conf, uid, gid, make, err) < 0)
		return -1;
	return sandbox_become(conf->users.enforcer, "users.enforcer", SANDBOX_NET_ADMIN, groups, err);
}

/* The folder of what is published; where somebody has to make room for it first, the one that it will stand in. */
static void add_published(struct paths *writable, const char *path) {
	char folder[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder))
		return;
	*strrchr(folder, '/') = '\0';
	if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode))
		paths_add_folder(writable, path);
	else if (folder[0])
		paths_add_folder(writable, folder);
}

int confine_enforcer(const struct conf *conf, struct err *err) {
	struct paths readable = {0}, writable = {0};
	int result = -1;

	paths_add_folders(&readable, conf->file);
	for (uint32_t i = 0; i < conf->nrules; i++)
		paths_add(&readable, conf->rules[i], strlen(conf->rules[i]));
	paths_add(&readable, BOOT_ID, strlen(BOOT_ID));
	/* Resolvers and groups: both files are replaced when they change. */
	paths_add(&readable, "/etc", 4);
	paths_add_folders(&readable, "/etc/resolv.conf");
	paths_add(&readable, "/usr/lib/group", 14);
	paths_add(&writable, conf->state, strlen(conf->state));
	add_published(&writable, conf->lockstate.path);
	if (paths_check(&readable, err) == 0 && paths_check(&writable, err) == 0) {
		const struct sandbox_profile profile = {.calls =
		                                            SANDBOX_READ | SANDBOX_WRITE | SANDBOX_ACCEPT | SANDBOX_NETLINK,
		                                        .more = "pipe2 wait4",
		                                        .readable = (const char *const *)readable.at,
		                                        .writable = (const char *const *)writable.at};

		result = sandbox_enter(&profile, err);
	}
	paths_release(&readable);
	paths_release(&writable);
	return result;
}

int confine_apply(const char *published, const char *const *maps, unsigned nmaps, struct err *err) {
	struct paths readable = {0}, writable = {0};
	int result = -1;

	paths_add(&readable, published, strlen(published));
	for (unsigned i = 0; i < nmaps; i++)
		if (maps[i])
			paths_add_folders(&writable, maps[i]);
	if (paths_check(&readable, err) == 0 && paths_check(&writable, err) == 0 &&
	    sandbox_become(NULL, NULL, SANDBOX_NET_ADMIN | SANDBOX_READ_ALL | (writable.n > 0 ? SANDBOX_WRITE_ALL : 0),
	                   NULL, err) == 0) {
		const struct sandbox_profile profile = {.calls = SANDBOX_READ | SANDBOX_NETLINK |
		                                                 (writable.n > 0 ? SANDBOX_WRITE : 0),
		                                        .readable = (const char *const *)readable.at,
		                                        .writable = (const char *const *)writable.at};

		result = sandbox_enter(&profile, err);
	}
	paths_release(&readable);
	paths_release(&writable);
	return result;
}
