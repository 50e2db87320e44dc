/* newfile: a file that is written beside its name and takes the name when it is whole and on the disk, so that a reader sees the old one or the
 * new one and nothing between, whatever dies when.
 *
 * newfile_begin, any number of newfile_add, newfile_end; or newfile_drop at any time. The folder is synced by the caller, once for all
 * files that took their names in it.
 */
#ifndef PROVCTL_NEWFILE_H
#define PROVCTL_NEWFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"

#define NEWFILE_NAME 256

struct newfile {
	int folder; /* borrowed */
	int fd;
	char name[NEWFILE_NAME], beside[NEWFILE_NAME];
	const char *path; /* of the folder, for messages; borrowed */
	struct buf out;
};

/* Who may read it: permission bits, and a group ((gid_t)-1 keeps the process's). */
struct newfile_access {
	mode_t mode;
	gid_t group;
};

/* The group of that name, (gid_t)-1 for "". setting: which one names it, for messages. */
int newfile_group(const char *setting, const char *name, gid_t *group, struct err *err);

/* The name under which a name is prepared: ".NAME.tmp". */
int newfile_beside(const char *name, char out[NEWFILE_NAME], struct err *err);
int newfile_begin(struct newfile *f, int folder, const char *path, const char *name, struct err *err);
/* As it was begun: what was added is gone. On -1 it must be dropped. */
int newfile_again(struct newfile *f, struct err *err);
int newfile_add(struct newfile *f, struct slice text, struct err *err);
int newfile_text(struct newfile *f, const char *text, struct err *err);
/* keep: it keeps its name beside, for a caller that exchanges it itself. On -1 it is dropped. */
int newfile_end(struct newfile *f, const struct newfile_access *access, bool keep, struct err *err);
void newfile_drop(struct newfile *f);

/* Gives an open file or folder its mode and group. */
int newfile_permit(int fd, const struct newfile_access *access, const char *path, const char *name, struct err *err);

#endif
