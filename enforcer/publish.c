#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforcer/publish_private.h"
#include "enforcer/stream.h"

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
	if (split(conf, at, err) != 0 ||
	    newfile_group("lockstate.group", conf->lockstate.group, &at->access.group, err) != 0)
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

enum { FILE_BANS = SHARDS, FILES }; /* the only lock-state file is file 0 */

struct prints {
	uint64_t of[FILES]; /* 0: missing */
};

static uint64_t print_file(unsigned file, int folder, const char *name) {
	struct stat st;
	struct {
		uint64_t file, ino, size, second, nano, mode, group;
	} seen = {.file = file};
	uint64_t print;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return 0;
	seen.ino = st.st_ino;
	seen.size = (uint64_t)st.st_size;
	seen.second = (uint64_t)st.st_mtim.tv_sec;
	seen.nano = (uint64_t)st.st_mtim.tv_nsec;
	seen.mode = st.st_mode;
	seen.group = st.st_gid;
	print = hash_bytes(0, &seen, sizeof(seen));
	return print ? print : 1;
}

/* The print of each file of a layout; `only` (may be NULL): of these alone. folder: of the shards, -1: there is none. */
static void print_files(struct prints *p, const struct place *at, const struct conf *conf, int folder,
                        const bool only[FILES]) {
	bool shards = sharded(conf);
	char name[3];

	for (unsigned i = 0; i < (shards ? SHARDS : 1); i++) {
		shard_name(i, name);
		if (!only || only[i])
			p->of[i] = shards && folder < 0 ? 0 : print_file(i, shards ? folder : at->fd, shards ? name : at->name);
	}
	if (!only || only[FILE_BANS])
		p->of[FILE_BANS] = shards && folder < 0 ? 0 : print_file(FILE_BANS, shards ? folder : at->fd, BANS);
}

/* 0: something is missing. */
static int64_t print_of(const struct prints *p, const struct conf *conf) {
	uint64_t print = hash_bytes(0, conf->lockstate.path, strlen(conf->lockstate.path));
	bool there = p->of[FILE_BANS] != 0;

	for (unsigned i = 0; i < (sharded(conf) ? SHARDS : 1); i++) {
		print ^= p->of[i];
		there = there && p->of[i] != 0;
	}
	print = (print ^ p->of[FILE_BANS]) & INT64_MAX;
	return !there ? 0 : print ? (int64_t)print : 1;
}

static int open_folder(const struct place *at, const char *name) {
	return openat(at->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int64_t look(struct prints *p, const struct place *at, const struct conf *conf) {
	int folder = sharded(conf) ? open_folder(at, at->name) : -1;

	print_files(p, at, conf, folder, NULL);
	if (folder >= 0)
		(void)close(folder);
	return print_of(p, conf);
}

bool publish_is_current(struct store *s, const struct conf *conf) {
	struct place at = {.fd = -1};
	struct prints prints;
	struct err ignored;
	int64_t print = 0, now = 0;

	if (split(conf, &at, &ignored) == 0 && (at.fd = open(at.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		now = look(&prints, &at, conf);
	close_place(&at);
	return now != 0 && store_number(s, PRINT, &print, &ignored) == 0 && print == now;
}

/* ---- writing ---- */

struct writing {
	struct publication *p;
	struct place at;
	struct prints prints;
	bool trusted; /* the files are as they were written, so that their lines can be taken over */
	int64_t till;
	struct unpublished did;
	bool wrote[FILES];
	struct published sum;
};

static int sync_folder(int folder, const char *path, struct err *err) {
	return fsync(folder) == 0 ? 0 : err_errno(err, "%s: cannot be synced", path);
}

/* From the lines of the former file where they can be trusted: 1 done; 0 not, and nothing is left of it; -1. */
static int copy_shard(struct writing *w, struct newfile *f, int shard, struct err *err) {
	int former = w->trusted ? openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	int copied;

	if (former < 0)
		return 0;
	copied = publish_lockstate_copy(w->p, f, shard, former, err);
	(void)close(former);
	if (copied == 0 && newfile_again(f, err) != 0)
		return -1;
	w->sum.copied += copied == 1;
	return copied;
}

/* shard -1: the only file. keep: it does not take its name yet. */
static int write_shard(struct writing *w, int folder, const char *name, int shard, const struct unpublished *u,
                       bool keep, struct err *err) {
	unsigned file = shard < 0 ? 0 : (unsigned)shard;
	bool whole = w->p->conf->mode == MODE_WATCH;
	struct newfile f;
	int copied = 0;

	for (unsigned i = shard < 0 ? 0 : file; i < (shard < 0 ? SHARDS : file + 1); i++)
		whole = whole || u->whole[i];
	if (newfile_begin(&f, folder, w->at.path, name, err) != 0)
		return -1;
	if (!whole)
		copied = copy_shard(w, &f, shard, err);
	if (copied < 0 || (copied == 0 && publish_lockstate(w->p, &f, shard, err) != 0)) {
		newfile_drop(&f);
		return -1;
	}
	if (newfile_end(&f, &w->at.access, keep, err) != 0)
		return -1;
	for (unsigned i = shard < 0 ? 0 : file; i < (shard < 0 ? SHARDS : file + 1); i++)
		w->did.shard[i] = true;
	w->wrote[file] = true;
	w->sum.files++;
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
	w->did.bans = w->wrote[FILE_BANS] = true;
	w->sum.files++;
	return 0;
}

static bool is_late(const struct writing *w) {
	return w->till != 0 && w->sum.files > 0 && monotonic_ms() >= w->till;
}

/* What is left of shards for another time stays marked: by themselves, where it is what is common that changed. */
static int write_shards(struct writing *w, int folder, const struct unpublished *u, struct err *err) {
	char name[3];

	if (u->bans && write_bans(w, folder, err) != 0)
		return -1;
	w->did.common = u->common;
	for (unsigned i = 0; i < SHARDS; i++) {
		if (!u->shard[i] && !u->common)
			continue;
		if (is_late(w)) {
			w->sum.left = true;
			break;
		}
		shard_name(i, name);
		if (write_shard(w, folder, name, (int)i, u, false, err) != 0)
			return -1;
	}
	return sync_folder(folder, w->at.path, err);
}

/* ---- from one layout to the other ---- */

/* Calls unlink for each of our files of a folder; without `remove` only looks whether all that it holds is ours. */
static int clear_folder(const struct place *at, const char *name, bool remove, struct err *err) {
	int folder = open_folder(at, name);
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
	folder = open_folder(&w->at, beside);
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

static int become_file(struct writing *w, const struct unpublished *all, struct err *err) {
	char beside[NEWFILE_NAME];

	if (clear_folder(&w->at, w->at.name, false, err) != 0 || newfile_beside(w->at.name, beside, err) != 0 ||
	    write_shard(w, w->at.fd, w->at.name, -1, all, true, err) != 0)
		return -1;
	return take_name(&w->at, beside, err);
}

/* ---- the whole ---- */

static int note(struct writing *w, struct err *err) {
	const struct conf *conf = w->p->conf;
	struct store *s = w->p->s;
	bool lines = conf->mode != MODE_WATCH && !w->p->locks;
	int folder = sharded(conf) ? open_folder(&w->at, w->at.name) : -1;
	int done = -1;

	print_files(&w->prints, &w->at, conf, folder, w->wrote);
	if (folder >= 0)
		(void)close(folder);
	if (store_begin(s, err) != 0)
		return -1;
	if (store_published(s, &w->did, lines ? w->p->now : 0, err) == 0 &&
	    store_set_number(s, PRINT, print_of(&w->prints, conf), err) == 0)
		done = store_commit(s, err);
	if (done != 0)
		store_rollback(s);
	return done;
}

static int write_folder(struct writing *w, const struct unpublished *u, struct err *err) {
	int folder = open_folder(&w->at, w->at.name);
	struct err ignored;
	int done;

	if (folder < 0)
		return err_errno(err, "%s/%s: cannot be opened", w->at.path, w->at.name);
	done = write_shards(w, folder, u, err);
	/* The files that were written before the one that failed need not be written again. */
	if (done != 0 && w->sum.files > 0 && sync_folder(folder, w->at.path, &ignored) == 0)
		(void)note(w, &ignored);
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
	w->did.common = u->common;
	if (become && become_file(w, u, err) != 0)
		return -1;
	if (!become && lines && write_shard(w, w->at.fd, w->at.name, -1, u, false, err) != 0)
		return -1;
	if (u->bans && write_bans(w, w->at.fd, err) != 0)
		return -1;
	return sync_folder(w->at.fd, w->at.path, err);
}

static bool is_due(const struct unpublished *u) {
	bool due = u->common || u->bans;

	for (unsigned i = 0; i < SHARDS; i++)
		due = due || u->shard[i];
	return due;
}

/* What is due of what is ordered. */
static void narrow(struct unpublished *u, const struct unpublished *only) {
	u->common = u->common && only->common;
	u->bans = u->bans && only->bans;
	for (unsigned i = 0; i < SHARDS; i++)
		u->shard[i] = u->shard[i] && only->shard[i];
}

static bool same_due(const struct unpublished *a, const struct unpublished *b) {
	return a->common == b->common && a->bans == b->bans && memcmp(a->shard, b->shard, sizeof(a->shard)) == 0;
}

/* The place, and what must be written there: what was altered by others, or is another layout's, is made whole. */
static int see_place(struct writing *w, bool all, struct unpublished *u, mode_t *kind, struct err *err) {
	const struct conf *conf = w->p->conf;
	int64_t print = 0, now;

	*kind = kind_of(w->at.fd, w->at.name);
	if (*kind == S_IFLNK && unlinkat(w->at.fd, w->at.name, 0) == 0)
		*kind = 0; /* a name of ours is no link */
	if (*kind != 0 && *kind != S_IFREG && *kind != S_IFDIR)
		return err_set(err, ERR_INPUT, "lockstate.path: %s: is neither a file nor a folder", conf->lockstate.path);
	now = look(&w->prints, &w->at, conf);
	if (store_number(w->p->s, PRINT, &print, err) != 0)
		return -1;
	w->trusted = !all && now != 0 && now == print && *kind == (sharded(conf) ? S_IFDIR : S_IFREG);
	if (w->trusted)
		return 0;
	memset(u, true, sizeof(*u));
	w->till = 0;
	w->sum.left = false;
	return 0;
}

int publish(struct store *s, struct judge *j, const struct conf *conf, const struct publish_order *order,
            struct published *out, struct err *err) {
	struct publication p = {.s = NULL};
	struct writing w = {.p = &p, .at = {.fd = -1}, .till = order->till};
	struct unpublished u, due;
	mode_t kind;
	int done = -1;

	if (out)
		*out = (struct published){0};
	if (store_unpublished(s, &due, err) != 0)
		return -1;
	u = due;
	if (order->only)
		narrow(&u, order->only);
	w.sum.left = !same_due(&u, &due);
	if (!order->all && !is_due(&u) && (order->only || publish_is_current(s, conf))) {
		done = 0;
		goto out;
	}
	if (open_place(conf, &w.at, err) != 0 || publication_init(&p, s, conf, judge_time(j), order->now, err) != 0 ||
	    see_place(&w, order->all, &u, &kind, err) != 0)
		goto out;
	if (sharded(conf) ? kind == S_IFDIR ? write_folder(&w, &u, err) : become_folder(&w, &u, err)
	                  : write_file(&w, &u, kind == S_IFDIR, err))
		goto out;
	done = note(&w, err);
out:
	if (done == 0 && out)
		*out = w.sum;
	publication_release(&p);
	close_place(&w.at);
	return done;
}
