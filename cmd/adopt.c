#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/adopt.h"

#define STATE_MODE   0751 /* generators go through it to what is published */
#define PUBLISH_MODE 0755
#define DEPTH_MAX    3 /* publish/lockstate/ff */

struct owner {
	uid_t uid;
	gid_t gid;
};

static int adopt_below(int folder, const char *path, struct owner to, unsigned depth, struct err *err);

/* By its descriptor, and no link: what is given away must be what was looked at. A second name may stand where another may write. */
static int adopt_one(int folder, const char *path, const char *name, struct owner to, unsigned depth, struct err *err) {
	int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), below = -1, result = 0;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "%s/%s", path, name);
	if (fstat(fd, &st) < 0) {
		result = err_errno(err, "%s/%s", path, name);
	} else if (st.st_uid == 0 && S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		result = below < 0 ? err_errno(err, "%s/%s", path, name) : adopt_below(below, path, to, depth + 1, err);
	} else if (st.st_uid != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		goto out;
	}
	if (result == 0 && fchownat(fd, "", to.uid, S_ISDIR(st.st_mode) ? to.gid : (gid_t)-1, AT_EMPTY_PATH) < 0)
		result = err_errno(err, "%s/%s: cannot be given to its user", path, name);
out:
	(void)close(fd);
	return result;
}

/* Takes folder. */
static int adopt_below(int folder, const char *path, struct owner to, unsigned depth, struct err *err) {
	DIR *dir = fdopendir(folder);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		(void)err_errno(err, "%s", path);
		(void)close(folder);
		return -1;
	}
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = adopt_one(folder, path, entry->d_name, to, depth, err);
	(void)closedir(dir);
	return result;
}

static int tell_foreign(const char *path, uid_t owner, const char *user, struct err *err) {
	const struct passwd *entry = getpwuid(owner);
	char number[16];

	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)owner);
	return err_set(
		err, ERR_SYSTEM,
		"state: %s belongs to %s, and prov-enforcer runs as %s: `chown -R %s: %s`, or set users.enforcer: %s", path,
		entry ? entry->pw_name : number, user, user, path, entry ? entry->pw_name : "its user");
}

static int adopt_folder(const char *path, mode_t mode, const char *user, struct owner to, bool make, struct err *err) {
	int folder, below, result;
	struct stat st;

	if (make && mkdir(path, mode) == 0 && chown(path, to.uid, to.gid) < 0)
		return err_errno(err, "%s: cannot be given to its user", path);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return 0; /* told by who needs it */
	if (fstat(folder, &st) < 0)
		result = err_errno(err, "%s", path);
	else if (st.st_uid == to.uid)
		result = 0;
	else if (st.st_uid != 0)
		result = tell_foreign(path, st.st_uid, user, err);
	else {
		below = fcntl(folder, F_DUPFD_CLOEXEC, 0);
		result = below < 0 ? err_errno(err, "%s", path) : adopt_below(below, path, to, 0, err);
		/* Last: a kill on the way leaves all of it to the next. */
		if (result == 0 && fchown(folder, to.uid, to.gid) < 0)
			result = err_errno(err, "%s: cannot be given to its user", path);
	}
	(void)close(folder);
	return result;
}

int adopt_state(const struct conf *conf, uid_t uid, gid_t gid, bool make, struct err *err) {
	const struct owner to = {uid, gid};
	const char *slash = strrchr(conf->lockstate.path, '/');
	char publish[4096];

	if (adopt_folder(conf->state, STATE_MODE, conf->users.enforcer, to, make, err) < 0)
		return -1;
	if (!make || !slash || slash == conf->lockstate.path)
		return 0;
	/* Elsewhere it may be anybody's, and hold more than ours: only what is missing is made. */
	if ((size_t)snprintf(publish, sizeof(publish), "%.*s", (int)(slash - conf->lockstate.path), conf->lockstate.path) <
	        sizeof(publish) &&
	    mkdir(publish, PUBLISH_MODE) == 0 && chown(publish, uid, gid) < 0)
		return err_errno(err, "%s: cannot be given to its user", publish);
	return 0;
}
