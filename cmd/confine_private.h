/* confine_private: lists of paths, of which confine_enforcer.c and confine_analyzer.c make their profiles. */
#ifndef PROVCTL_CONFINE_PRIVATE_H
#define PROVCTL_CONFINE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct paths {
	char **at; /* NULL-terminated, NULL while it is empty */
	size_t n;
	bool failed; /* out of memory */
};

void paths_add(struct paths *p, const char *path, size_t n);
/* The folder of a file; a file that stands in the root itself is meant alone. */
void paths_add_folder(struct paths *p, const char *path);
/* The same and, where the file is a link, the folder of what it points to. */
void paths_add_folders(struct paths *p, const char *path);
int paths_check(const struct paths *p, struct err *err);
void paths_release(struct paths *p);

#endif
