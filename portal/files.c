#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal/files.h"
#include "portal/replica.h"

#define PATH_SIZE 4096

struct file {
	char name[FILES_NAME_MAX];
	struct http_ready *answer;
};

struct files {
	struct http_ready *openapi;
	unsigned n;
	struct file at[FILES_MAX];
};

/* What no suffix here names is no file of a page. */
static const char *type_of(const char *name) {
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".json", "application/json"},
		{".svg", "image/svg+xml"},
	};
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && suffix > name && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(suffix, types[i].suffix) == 0)
			return types[i].type;
	return NULL;
}

static int read_one(struct http_ready **out, const char *folder, const char *name, const char *type, bool page,
                    struct err *err) {
	struct http_answer a = {.status = 200, .type = type, .page = page};
	struct replica file = {0};
	char path[PATH_SIZE];
	int result = -1;
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, ERR_INPUT, "%s: the path is too long", folder);
	if (replica_init(&file, path, FILES_BYTES) < 0) {
		(void)err_set(err, ERR_SYSTEM, "out of memory");
		goto out;
	}
	(void)replica_look(&file);
	if (!file.there) {
		(void)err_set(err, file.error == ENOENT ? ERR_INPUT : ERR_SYSTEM, "%s: %s", path, strerror(file.error));
		goto out;
	}
	a.body = file.text;
	file.text = (struct buf){0};
	result = http_ready_new(out, &a, err);
out:
	replica_release(&file);
	return result;
}

static struct file *named(struct files *f, const char *name) {
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->at[i].name, name) == 0)
			return &f->at[i];
	return NULL;
}

static int add(struct files *f, const char *folder, const char *name, bool replacing, struct err *err) {
	const char *type = type_of(name);
	struct file *file = named(f, name);
	struct http_ready *answer = NULL;

	if (!type || strlen(name) >= FILES_NAME_MAX)
		return 0;
	if (replacing && !file && strcmp(name, "logo.svg") != 0)
		return err_set(err, ERR_INPUT, "%s/%s: the page has no file of that name", folder, name);
	if (!file && f->n == FILES_MAX)
		return err_set(err, ERR_INPUT, "%s: more than %d files", folder, FILES_MAX);
	if (read_one(&answer, folder, name, type, true, err) < 0)
		return -1;
	if (!file) {
		file = &f->at[f->n++];
		(void)slice_copy(slice_of(name), file->name, sizeof(file->name));
	}
	http_ready_free(&file->answer);
	file->answer = answer;
	return 0;
}

static int add_folder(struct files *f, const char *folder, bool replacing, struct err *err) {
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int result = 0;

	if (!dir)
		return err_errno(err, "%s", folder);
	while (result == 0 && (errno = 0, entry = readdir(dir)))
		result = add(f, folder, entry->d_name, replacing, err);
	if (result == 0 && errno != 0)
		result = err_errno(err, "%s", folder);
	(void)closedir(dir);
	return result;
}

int files_read(struct files **out, const char *data, const char *brand, struct err *err) {
	struct files *f = calloc(1, sizeof(*f));
	char folder[PATH_SIZE];
	int n = snprintf(folder, sizeof(folder), "%s/page", data);

	if (!f)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (n < 0 || (size_t)n >= sizeof(folder))
		(void)err_set(err, ERR_INPUT, "%s: the path is too long", data);
	else if (read_one(&f->openapi, data, "openapi.json", "application/json", false, err) == 0 &&
	         add_folder(f, folder, false, err) == 0 && (!brand[0] || add_folder(f, brand, true, err) == 0)) {
		*out = f;
		return 0;
	}
	files_free(&f);
	return -1;
}

void files_free(struct files **f) {
	if (!*f)
		return;
	http_ready_free(&(*f)->openapi);
	for (unsigned i = 0; i < (*f)->n; i++)
		http_ready_free(&(*f)->at[i].answer);
	free(*f);
	*f = NULL;
}

struct http_ready *files_page(const struct files *f, struct slice name) {
	for (unsigned i = 0; i < f->n; i++)
		if (slice_is(name, f->at[i].name))
			return f->at[i].answer;
	return NULL;
}

struct http_ready *files_openapi(const struct files *f) {
	return f->openapi;
}
