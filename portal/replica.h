/* replica: a copy in memory of a file that somebody else replaces as a whole. Read, not mapped: who cuts the file short while it is looked at
 * must not end this program.
 */
#ifndef PROVCTL_REPLICA_H
#define PROVCTL_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/buf.h"

struct replica {
	char *path;
	size_t max; /* bytes; a longer file is as one that cannot be read */
	bool there;
	int error; /* why it is not, as errno */
	struct stat seen;
	struct buf text;
};

int replica_init(struct replica *r, const char *path, size_t max); /* -1: no memory */
void replica_release(struct replica *r);
/* Looks whether the file is another one than before: one system call where it is not. True where the copy changed, in text or in `there`. */
bool replica_look(struct replica *r);

#endif
