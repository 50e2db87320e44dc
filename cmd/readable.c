#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cmd/command.h"
#include "cmd/readable.h"

#define GROUPS_MAX 256

struct reader {
	uid_t uid;
	gid_t groups[GROUPS_MAX];
	int ngroups;
};

static void join(struct reader *r, const char *name) {
	const struct group *group = getgrnam(name);

	if (group && r->ngroups < GROUPS_MAX)
		r->groups[r->ngroups++] = group->gr_gid;
}

/* False: there is no such user, or he reads everything. */
static bool reader_find(struct reader *r, const char *name) {
	const struct passwd *entry = getpwnam(name);

	if (!entry || entry->pw_uid == 0)
		return false;
	r->uid = entry->pw_uid;
	r->ngroups = GROUPS_MAX - 2;
	if (getgrouplist(name, entry->pw_gid, r->groups, &r->ngroups) < 0)
		return false;
	/* As confine_analyzer.c and the unit have it. */
	join(r, "adm");
	join(r, "systemd-journal");
	return true;
}

static bool in_group(const struct reader *r, gid_t gid) {
	for (int i = 0; i < r->ngroups; i++)
		if (r->groups[i] == gid)
			return true;
	return false;
}

static bool has_list(const char *path) {
	return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Folders are gone through, and the last one listed; the file is read. */
static bool may(const struct reader *r, const struct stat *st) {
	mode_t wanted = S_ISDIR(st->st_mode) ? S_IXOTH : S_IROTH;

	if (st->st_uid == r->uid)
		return st->st_mode & (wanted << 6);
	return st->st_mode & (in_group(r, st->st_gid) ? wanted << 3 : wanted);
}

/* The first part of the path that is closed to the reader, in part; false where there is none, or nothing can be told. */
static bool closed_at(const struct reader *r, const char *path, char part[PATH_MAX], struct stat *st) {
	size_t n = strlen(path);

	if (path[0] != '/' || n >= PATH_MAX)
		return false;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (stat(part, st) < 0)
			return false;
		if (!may(r, st))
			return !has_list(part);
	}
	return false;
}

bool readable_not(const struct conf *conf, const char *path, char out[READABLE_TEXT]) {
	const char *user = conf->users.analyzer;
	char part[PATH_MAX], again[PATH_MAX];
	const struct group *group;
	struct stat st, other;
	struct reader r;

	if (!reader_find(&r, user) || !closed_at(&r, path, part, &st))
		return false;
	/* Would its group do? Never root's: that opens more than logs. */
	group = st.st_gid != 0 && r.ngroups < GROUPS_MAX ? getgrgid(st.st_gid) : NULL;
	if (group)
		r.groups[r.ngroups++] = st.st_gid;
	if (group && !closed_at(&r, path, again, &other)) {
		(void)snprintf(out, READABLE_TEXT, "%s may not read it: `usermod -aG %s %s` lets it", user, group->gr_name,
		               user);
		return true;
	}
	/* Rotation makes new files: the folder passes the right on. */
	if (!S_ISDIR(st.st_mode))
		*strrchr(part, '/') = '\0';
	(void)snprintf(out, READABLE_TEXT, "%s may not read it: `setfacl -R -m u:%s:rX -m d:u:%s:rX %.*s` lets it", user,
	               user, user, PATH_MAX / 2, part[0] ? part : "/");
	return true;
}

void readable_problem(const struct conf *conf, const struct json *problem, struct buf *b) {
	const char *about = js_text(problem, "about"), *text = js_text(problem, "problem");
	char advice[READABLE_TEXT];
	size_t n = about ? strlen(about) : 0;

	if (about && !(text && strncmp(text, about, n) == 0 && text[n] == ' ')) {
		member_text(b, problem, "about");
		buf_text(b, ": ");
	}
	member_text(b, problem, "problem");
	if (about && readable_not(conf, about, advice))
		buf_printf(b, "; %s", advice);
}
