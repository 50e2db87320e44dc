#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforcer/publish_private.h"

/* Where things are placed. lockstate.path is PLACE/NAME:
 *
 *   shards 1     PLACE/NAME       the file               PLACE/bans       the bans
 *   shards 256   PLACE/NAME/00 .. PLACE/NAME/ff          PLACE/NAME/bans
 *
 * so that `bans` stands in the folder that is handed to other machines either way. Where the layout becomes the other one, the new one is made whole under
 * ".NAME.tmp" and takes the name in one step (renameat2 with RENAME_EXCHANGE); then the old one is removed. A folder that holds
 * anything but our files is never removed.
 */
#define BANS        "bans"
#define PRINT       "publish.print"
#define FOLDER_MODE 0755
#define PATH_SIZE   4096

struct place {
	char path[PATH_SIZE]; /* the folder that holds NAME */
	char name[NEWFILE_NAME];
	int fd;
	struct newfile_access access;
};

/* ---- the place ---- */

static int find_group(const char *name, gid_t *group, struct err *err) {
	char room[16384];
	struct group entry, *found = NULL;
	int why;

	*group = (gid_t)-1;
	if (name[0] == '\0')
		return 0;
	why = getgrnam_r(name, &entry, room, sizeof(room), &found);
	if (!found && why != 0)
		return err_set(err, ERR_SYSTEM, "lockstate.group: %s: %s", name, strerror(why));
	if (!found)
		return err_set(err, ERR_INPUT, "lockstate.group: there is no group %s; make it, or set another", name);
	*group = entry.gr_gid;
	return 0;
}

static int split(const struct conf *conf, struct place *at, struct err *err) {
	const char *slash = strrchr(conf->lockstate.path, '/');
	const char *name = slash ? slash + 1 : conf->lockstate.path;
	size_t n = slash ? (size_t)(slash - conf->lockstate.path) : 0;
	char beside[NEWFILE_NAME];

	at->fd = -1;
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, BANS) == 0)
		return err_set(err, ERR_INPUT, "lockstate.path: %s: cannot be the name of a lock-state file",
		               conf->lockstate.path);
	if (n >= sizeof(at->path) || newfile_beside(name, beside, err) != 0)
		return err_set(err, ERR_INPUT, "lockstate.path: the name is too long");
	(void)snprintf(at->path, sizeof(at->path), "%.*s", (int)n, conf->lockstate.path);
	if (n == 0)
		(void)snprintf(at->path, sizeof(at->path), "%s", slash ? "/" : ".");
	(void)snprintf(at->name, sizeof(at->name), "%s", name);
	at->access.mode = (mode_t)conf->lockstate.mode & 0777;
	return 0;
}

static int open_place(const struct conf *conf, struct place *at, struct err *err) {
	if (split(conf, at, err) != 0 || find_group(conf->lockstate.group, &at->access.group, err) != 0)
		return -1;
	if (mkdir(at->path, FOLDER_MODE) != 0 && errno != EEXIST)
		return err_errno(err, "%s: the folder of lockstate.path cannot be made", at->path);
	at->fd = open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at->fd < 0)
		return err_errno(err, "%s: the folder of lockstate.path cannot be opened", at->path);
	return 0;
}

static void close_place(struct place *at) {
	if (at->fd >= 0)
		(void)close(at->fd);
	at->fd = -1;
}

static void shard_name(unsigned shard, char out[3]) {
	(void)snprintf(out, 3, "%02x", shard & 0xffU);
}

static mode_t kind_of(int folder, const char *name) {
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
}

static bool sharded(const struct conf *conf) {
	return conf->lockstate.shards == SHARDS;
}

/* ---- what is there: a print of all files, by which a later look sees whether they are as they were written ---- */

static uint64_t print_file(uint64_t print, int folder, const char *name, bool *there) {
	struct stat st;
	struct {
		uint64_t ino, size, second, nano, mode, group;
	} seen = {0};

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
		*there = false;
		return print;
	}
	seen.ino = st.st_ino;
	seen.size = (uint64_t)st.st_size;
	seen.second = (uint64_t)st.st_mtim.tv_sec;
	seen.nano = (uint64_t)st.st_mtim.tv_nsec;
	seen.mode = st.st_mode;
	seen.group = st.st_gid;
	return hash_bytes(print, &seen, sizeof(seen));
}

/* 0: something is missing. */
static int64_t print_of(const struct place *at, const struct conf *conf) {
	uint64_t print = hash_bytes(0, conf->lockstate.path, strlen(conf->lockstate.path));
	bool there = true;
	char name[3];
	int folder;

	if (!sharded(conf)) {
		print = print_file(print, at->fd, at->name, &there);
		print = print_file(print, at->fd, BANS, &there);
	} else {
		folder = openat(at->fd, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder < 0)
			return 0;
		for (unsigned i = 0; i < SHARDS; i++) {
			shard_name(i, name);
			print = print_file(print, folder, name, &there);
		}
		print = print_file(print, folder, BANS, &there);
		(void)close(folder);
	}
	print &= INT64_MAX;
	return !there ? 0 : print ? (int64_t)print : 1;
}

bool publish_is_current(struct store *s, const struct conf *conf) {
	struct place at = {.fd = -1};
	struct err ignored;
	int64_t print = 0, now = 0;

	if (split(conf, &at, &ignored) == 0 && (at.fd = open(at.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		now = print_of(&at, conf);
	close_place(&at);
	return now != 0 && store_number(s, PRINT, &print, &ignored) == 0 && print == now;
}

/* ---- writing ---- */

struct writing {
	struct publication *p;
	struct place at;
	unsigned files;
};

static int sync_folder(int folder, const char *path, struct err *err) {
	return fsync(folder) == 0 ? 0 : err_errno(err, "%s: cannot be synced", path);
}

static int write_shard(struct writing *w, int folder, const char *name, int shard, bool keep, struct err *err) {
	struct newfile f;

	if (newfile_begin(&f, folder, w->at.path, name, err) != 0)
		return -1;
	if (publish_lockstate(w->p, &f, shard, err) != 0) {
		newfile_drop(&f);
		return -1;
	}
	if (newfile_end(&f, &w->at.access, keep, err) != 0)
		return -1;
	w->files++;
	return 0;
}

static int write_bans(struct writing *w, int folder, struct err *err) {
	struct newfile f;

	if (newfile_begin(&f, folder, w->at.path, BANS, err) != 0)
		return -1;
	if (publish_bans(w->p, &f, err) != 0) {
		newfile_drop(&f);
		return -1;
	}
	if (newfile_end(&f, &w->at.access, false, err) != 0)
		return -1;
	w->files++;
	return 0;
}

static int write_shards(struct writing *w, int folder, const struct unpublished *u, struct err *err) {
	char name[3];

	for (unsigned i = 0; i < SHARDS; i++) {
		shard_name(i, name);
		if ((u->shard[i] || u->common) && write_shard(w, folder, name, (int)i, false, err) != 0)
			return -1;
	}
	if (u->bans && write_bans(w, folder, err) != 0)
		return -1;
	return sync_folder(folder, w->at.path, err);
}

/* ---- from one layout to the other ---- */

/* Calls unlink for each of our files of a folder; without `remove` only looks whether all that it holds is ours. */
static int clear_folder(const struct place *at, const char *name, bool remove, struct err *err) {
	int folder = openat(at->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = folder < 0 ? NULL : fdopendir(folder);
	struct dirent *entry;
	int done = -1;

	if (!listing) {
		err_errno(err, "%s/%s: cannot be read", at->path, name);
		if (folder >= 0)
			(void)close(folder);
		return -1;
	}
	while ((errno = 0, entry = readdir(listing)) != NULL) {
		const char *file = entry->d_name[0] == '.' && entry->d_name[1] != '\0' ? entry->d_name + 1 : entry->d_name;
		size_t n = strcspn(file, ".");
		bool ours = strcmp(file + n, "") == 0 || (file > entry->d_name && strcmp(file + n, ".tmp") == 0);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!ours || !((n == 2 && strspn(file, "0123456789abcdef") >= 2) || (n == 4 && strncmp(file, BANS, 4) == 0))) {
			err_set(err, ERR_SYSTEM,
			        "%s/%s: holds %.64s, which is not provctl's; move it away, or set another lockstate.path", at->path,
			        name, entry->d_name);
			goto end;
		}
		if (remove && unlinkat(folder, entry->d_name, 0) != 0) {
			err_errno(err, "%s/%s/%.64s: cannot be removed", at->path, name, entry->d_name);
			goto end;
		}
	}
	done = errno == 0 ? 0 : err_errno(err, "%s/%s: cannot be read", at->path, name);
end:
	(void)closedir(listing);
	return done;
}

static int remove_any(const struct place *at, const char *name, struct err *err) {
	mode_t kind = kind_of(at->fd, name);

	if (kind == 0)
		return 0;
	if (kind == S_IFDIR && clear_folder(at, name, true, err) != 0)
		return -1;
	if (unlinkat(at->fd, name, kind == S_IFDIR ? AT_REMOVEDIR : 0) != 0)
		return err_errno(err, "%s/%s: cannot be removed", at->path, name);
	return 0;
}

/* What stands under the name beside takes the name; what had it is removed. */
static int take_name(const struct place *at, const char *beside, struct err *err) {
	if (kind_of(at->fd, at->name) == 0) {
		if (renameat(at->fd, beside, at->fd, at->name) != 0)
			return err_errno(err, "%s/%s: cannot be renamed", at->path, beside);
		return sync_folder(at->fd, at->path, err);
	}
	if (renameat2(at->fd, beside, at->fd, at->name, RENAME_EXCHANGE) != 0)
		return err_errno(err, "%s/%s: cannot take the place of the other layout; remove that by hand", at->path,
		                 at->name);
	/* The new one must be there for good before the old one goes. */
	return sync_folder(at->fd, at->path, err) != 0 ? -1 : remove_any(at, beside, err);
}

static int become_folder(struct writing *w, const struct unpublished *all, struct err *err) {
	struct newfile_access access = w->at.access;
	char beside[NEWFILE_NAME];
	int folder = -1, done = -1;

	/* Who may read a file may enter its folder. */
	access.mode |= (access.mode & 0444) >> 2;
	if (newfile_beside(w->at.name, beside, err) != 0 || remove_any(&w->at, beside, err) != 0)
		return -1;
	if (mkdirat(w->at.fd, beside, 0700) != 0)
		return err_errno(err, "%s/%s: cannot be made", w->at.path, beside);
	folder = openat(w->at.fd, beside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0) {
		err_errno(err, "%s/%s: cannot be opened", w->at.path, beside);
		goto end;
	}
	if (write_shards(w, folder, all, err) != 0 || newfile_permit(folder, &access, w->at.path, beside, err) != 0 ||
	    take_name(&w->at, beside, err) != 0)
		goto end;
	/* The bans of the former layout would be taken for the present ones. */
	if (kind_of(w->at.fd, BANS) == S_IFREG && unlinkat(w->at.fd, BANS, 0) != 0) {
		err_errno(err, "%s/" BANS ": cannot be removed", w->at.path);
		goto end;
	}
	done = 0;
end:
	if (folder >= 0)
		(void)close(folder);
	return done;
}

static int become_file(struct writing *w, struct err *err) {
	char beside[NEWFILE_NAME];

	if (clear_folder(&w->at, w->at.name, false, err) != 0 || newfile_beside(w->at.name, beside, err) != 0 ||
	    write_shard(w, w->at.fd, w->at.name, -1, true, err) != 0)
		return -1;
	return take_name(&w->at, beside, err);
}

/* ---- the whole ---- */

static int write_folder(struct writing *w, const struct unpublished *u, struct err *err) {
	int folder = openat(w->at.fd, w->at.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int done;

	if (folder < 0)
		return err_errno(err, "%s/%s: cannot be opened", w->at.path, w->at.name);
	done = write_shards(w, folder, u, err);
	(void)close(folder);
	return done;
}

static int write_file(struct writing *w, const struct unpublished *u, bool become, struct err *err) {
	char beside[NEWFILE_NAME];
	bool lines = u->common;

	/* A folder that was to take the name when the process died. */
	if (newfile_beside(w->at.name, beside, err) != 0 ||
	    (kind_of(w->at.fd, beside) == S_IFDIR && remove_any(&w->at, beside, err) != 0))
		return -1;
	for (unsigned i = 0; i < SHARDS; i++)
		lines = lines || u->shard[i];
	if (become && become_file(w, err) != 0)
		return -1;
	if (!become && lines && write_shard(w, w->at.fd, w->at.name, -1, false, err) != 0)
		return -1;
	if (u->bans && write_bans(w, w->at.fd, err) != 0)
		return -1;
	return sync_folder(w->at.fd, w->at.path, err);
}

static int note(struct writing *w, const struct unpublished *u, struct err *err) {
	struct store *s = w->p->s;
	bool lines = w->p->conf->mode != MODE_WATCH && !w->p->locks;

	if (store_begin(s, err) != 0)
		return -1;
	if (store_published(s, u, lines ? w->p->now : 0, err) != 0 ||
	    store_set_number(s, PRINT, print_of(&w->at, w->p->conf), err) != 0 || store_commit(s, err) != 0) {
		store_rollback(s);
		return -1;
	}
	return 0;
}

static bool is_due(const struct unpublished *u) {
	bool due = u->common || u->bans;

	for (unsigned i = 0; i < SHARDS; i++)
		due = due || u->shard[i];
	return due;
}

int publish(struct store *s, struct judge *j, const struct conf *conf, bool all, int64_t now, unsigned *files,
            struct err *err) {
	struct publication p = {.s = NULL};
	struct writing w = {.p = &p, .at = {.fd = -1}};
	struct unpublished u;
	mode_t kind, other = sharded(conf) ? S_IFREG : S_IFDIR;
	int done = -1;

	if (files)
		*files = 0;
	if (store_unpublished(s, &u, err) != 0)
		return -1;
	if (!all && !is_due(&u) && publish_is_current(s, conf))
		return 0;
	if (open_place(conf, &w.at, err) != 0 || publication_init(&p, s, conf, judge_time(j), now, err) != 0)
		goto end;
	kind = kind_of(w.at.fd, w.at.name);
	if (kind == S_IFLNK && unlinkat(w.at.fd, w.at.name, 0) == 0)
		kind = 0; /* a name of ours is no link */
	if (all || kind == 0 || kind == other || print_of(&w.at, conf) == 0) {
		memset(u.shard, true, sizeof(u.shard));
		u.common = u.bans = true;
	}
	if (kind != 0 && kind != S_IFREG && kind != S_IFDIR) {
		err_set(err, ERR_INPUT, "lockstate.path: %s: is neither a file nor a folder", conf->lockstate.path);
		goto end;
	}
	if (sharded(conf) ? kind == S_IFDIR ? write_folder(&w, &u, err) : become_folder(&w, &u, err)
	                  : write_file(&w, &u, kind == S_IFDIR, err))
		goto end;
	if (note(&w, &u, err) != 0)
		goto end;
	if (files)
		*files = w.files;
	done = 0;
end:
	publication_release(&p);
	close_place(&w.at);
	return done;
}
