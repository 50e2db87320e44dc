#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforcer/newfile.h"

#define FLUSH_AT (64U << 10)

int newfile_group(const char *setting, const char *name, gid_t *group, struct err *err) {
	/* The files themselves: what else the C library may ask is a library or a socket, and both are behind the closed door. */
	static const char *const files[] = {"/etc/group", "/usr/lib/group"};
	char room[16384];
	bool found = name[0] == '\0';

	if (found)
		*group = (gid_t)-1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !found; i++) {
		FILE *f = fopen(files[i], "re");
		struct group entry, *next;

		while (f && !found && fgetgrent_r(f, &entry, room, sizeof(room), &next) == 0) {
			found = strcmp(entry.gr_name, name) == 0;
			if (found)
				*group = entry.gr_gid;
		}
		if (f)
			(void)fclose(f);
	}
	return found ? 0 : err_set(err, ERR_INPUT, "%s: there is no group %s; make it, or set another", setting, name);
}

int newfile_beside(const char *name, char out[NEWFILE_NAME], struct err *err) {
	if (strlen(name) + sizeof("..tmp") > NEWFILE_NAME)
		return err_set(err, ERR_INPUT, "%s: the name is too long", name);
	(void)snprintf(out, NEWFILE_NAME, ".%.240s.tmp", name);
	return 0;
}

int newfile_begin(struct newfile *f, int folder, const char *path, const char *name, struct err *err) {
	char beside[NEWFILE_NAME];

	if (newfile_beside(name, beside, err) != 0)
		return -1;
	/* What a kill left behind. A link that somebody put there goes, too; what it points to stays. */
	if (unlinkat(folder, beside, 0) != 0 && errno != ENOENT)
		return err_errno(err, "%s/%s: a leftover cannot be removed", path, beside);
	*f = (struct newfile){.folder = folder, .path = path};
	f->fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_errno(err, "%s/%s: cannot be made; run as the folder's owner, on a writable file system", path,
		                 beside);
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	memcpy(f->beside, beside, sizeof(f->beside));
	buf_init(&f->out, FLUSH_AT);
	return 0;
}

static int failed(const struct newfile *f, struct err *err) {
	return err_errno(err, "%s/%s: cannot be written", f->path, f->name);
}

static int flush(struct newfile *f, struct err *err) {
	size_t done = 0;

	while (done < f->out.n) {
		ssize_t n = write(f->fd, f->out.p + done, f->out.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(f, err);
		done += (size_t)n;
	}
	buf_clear(&f->out);
	return 0;
}

int newfile_again(struct newfile *f, struct err *err) {
	buf_clear(&f->out);
	return ftruncate(f->fd, 0) != 0 || lseek(f->fd, 0, SEEK_SET) != 0 ? failed(f, err) : 0;
}

int newfile_add(struct newfile *f, struct slice text, struct err *err) {
	while (text.n > 0) {
		size_t n = text.n < FLUSH_AT - f->out.n ? text.n : FLUSH_AT - f->out.n;

		buf_add(&f->out, text.p, n);
		if (f->out.failed)
			return err_set(err, ERR_SYSTEM, "%s/%s: out of memory", f->path, f->name);
		if (f->out.n == FLUSH_AT && flush(f, err) != 0)
			return -1;
		text.p += n;
		text.n -= n;
	}
	return 0;
}

int newfile_text(struct newfile *f, const char *text, struct err *err) {
	return newfile_add(f, slice_of(text), err);
}

int newfile_permit(int fd, const struct newfile_access *access, const char *path, const char *name, struct err *err) {
	/* The group first: changing it clears bits of the mode. */
	if (access->group != (gid_t)-1 && fchown(fd, (uid_t)-1, access->group) != 0)
		return err_errno(err, "%s/%s: cannot be given to its group; run as root, or set a group of this user", path,
		                 name);
	if (fchmod(fd, access->mode) != 0)
		return err_errno(err, "%s/%s: cannot be given its mode", path, name);
	return 0;
}

int newfile_end(struct newfile *f, const struct newfile_access *access, bool keep, struct err *err) {
	if (flush(f, err) != 0 || newfile_permit(f->fd, access, f->path, f->name, err) != 0)
		goto fail;
	if (fsync(f->fd) != 0 || (!keep && renameat(f->folder, f->beside, f->folder, f->name) != 0)) {
		failed(f, err);
		goto fail;
	}
	(void)close(f->fd);
	f->fd = -1;
	buf_release(&f->out);
	return 0;
fail:
	newfile_drop(f);
	return -1;
}

void newfile_drop(struct newfile *f) {
	if (f->fd >= 0) {
		(void)close(f->fd);
		(void)unlinkat(f->folder, f->beside, 0);
	}
	f->fd = -1;
	buf_release(&f->out);
}
