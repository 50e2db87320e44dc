#include <stdlib.h>
#include <string.h>

#include "cmd/confine_private.h"

void paths_add(struct paths *p, const char *path, size_t n) {
	char **more = p->failed ? NULL : reallocarray(p->at, p->n + 2, sizeof(*more));

	if (more) {
		p->at = more;
		p->at[p->n] = strndup(path, n);
		p->at[p->n + 1] = NULL;
	}
	p->failed = !more || !p->at[p->n++];
}

void paths_release(struct paths *p) {
	for (size_t i = 0; i < p->n; i++)
		free(p->at[i]);
	free(p->at);
}

int paths_check(const struct paths *p, struct err *err) {
	return p->failed ? err_set(err, ERR_SYSTEM, "out of memory") : 0;
}

void paths_add_folder(struct paths *p, const char *path) {
	const char *slash = strrchr(path, '/');

	if (!slash)
		paths_add(p, ".", 1);
	else
		paths_add(p, path, slash > path ? (size_t)(slash - path) : strlen(path));
}

void paths_add_folders(struct paths *p, const char *path) {
	char *real = realpath(path, NULL);

	paths_add_folder(p, path);
	if (real && strcmp(real, path) != 0)
		paths_add_folder(p, real);
	free(real);
}
