#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timefmt.h"
#include "common/token.h"

#include "enforcer/newfile.h"
#include "enforcer/publish_tokens.h"

#define LINE_MAX_BYTES 128
#define TEXT_MAX       ((size_t)TOKENS_MAX * LINE_MAX_BYTES)

struct tokens {
	struct buf text;
	int64_t now;
	unsigned n;
};

static int add_token(void *context, const struct token *t, struct err *err) {
	struct tokens *tokens = context;
	char hex[TOKEN_HEX];

	(void)err;
	if (t->role != ROLE_VERDICT || (t->until != TIME_NONE && t->until <= tokens->now))
		return 0;
	token_print(&t->hash, hex);
	buf_printf(&tokens->text, "verdict %s %s ", t->id, hex);
	if (t->until == TIME_NONE)
		buf_text(&tokens->text, "-\n");
	else
		buf_printf(&tokens->text, "%lld\n", (long long)t->until);
	tokens->n++;
	return 0;
}

/* Is that what the file holds, and may its readers read it? */
static bool is_current(int folder, const struct newfile_access *access, const struct buf *text) {
	int fd = openat(folder, TOKEN_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	struct buf had;
	char *room;
	bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)text->n &&
	            (st.st_mode & 07777) == access->mode && (access->group == (gid_t)-1 || st.st_gid == access->group);

	buf_init(&had, TEXT_MAX);
	room = same ? buf_reserve(&had, text->n) : NULL;
	same = room && pread(fd, room, text->n, 0) == (ssize_t)text->n && memcmp(room, text->p, text->n) == 0;
	buf_release(&had);
	if (fd >= 0)
		(void)close(fd);
	return same;
}

static int write_file(int folder, const char *path, const struct newfile_access *access, const struct buf *text,
                      struct err *err) {
	struct newfile f;

	if (newfile_begin(&f, folder, path, TOKEN_FILE, err) < 0)
		return -1;
	if (newfile_add(&f, (struct slice){text->p, text->n}, err) < 0) {
		newfile_drop(&f);
		return -1;
	}
	if (newfile_end(&f, access, false, err) < 0)
		return -1;
	return fsync(folder) == 0 ? 0 : err_errno(err, "%s: cannot be synced", path);
}

static int permit_folder(int folder, const char *path, gid_t group, struct err *err) {
	struct newfile_access access = {0750, group};
	struct stat st;

	if (fstat(folder, &st) != 0)
		return err_errno(err, "%s", path);
	if ((st.st_mode & 07777) == access.mode && (group == (gid_t)-1 || st.st_gid == group))
		return 0;
	return newfile_permit(folder, &access, path, ".", err);
}

static int write_folder(const char *path, gid_t group, const struct buf *text, struct err *err) {
	struct newfile_access access = {0640, group};
	int result, folder;

	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return err_errno(err, "%s: cannot be made", path);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return err_errno(err, "%s: cannot be opened", path);
	result = permit_folder(folder, path, group, err);
	if (result == 0 && !is_current(folder, &access, text))
		result = write_file(folder, path, &access, text, err);
	(void)close(folder);
	return result;
}

int publish_tokens(struct store *s, const struct conf *conf, int64_t now, struct err *err) {
	struct tokens tokens = {.now = now};
	char path[4096];
	gid_t group;
	int result = -1;

	(void)snprintf(path, sizeof(path), "%s/" TOKEN_FOLDER, conf->state);
	buf_init(&tokens.text, TEXT_MAX);
	buf_text(&tokens.text, TOKEN_HEADING "\n");
	if (newfile_group("portal.group", conf->portal.group, &group, err) < 0 ||
	    store_tokens(s, add_token, &tokens, err) < 0)
		goto out;
	buf_printf(&tokens.text, "end %u\n", tokens.n);
	if (tokens.text.failed)
		(void)err_set(err, ERR_SYSTEM, "%s: out of memory", path);
	else
		result = write_folder(path, group, &tokens.text, err);
out:
	buf_release(&tokens.text);
	return result;
}
