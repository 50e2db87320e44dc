#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "analyzer/watch.h"

/* IN_ATTRIB: a log becomes readable, or loses its name. */
#define FOLDER_MASK                                                                                                    \
	(IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define LOG_MASK (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

/* A name that counts in a watched folder, or a log: then name is NULL. */
struct watched {
	int wd;
	uint32_t number;
	char *name; /* may be a pattern */
};

struct watched_list {
	struct watched *at;
	size_t n, room;
};

struct watch {
	int fd;
	struct watched_list now, former; /* by wd, but while they are being named */
	bool blind;
};

static void list_release(struct watched_list *l) {
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].name);
	free(l->at);
	*l = (struct watched_list){0};
}

/* Takes name. */
static int list_add(struct watched_list *l, struct watched one, struct err *err) {
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct watched *at = reallocarray(l->at, room, sizeof(*at));

		if (!at) {
			free(one.name);
			return err_set(err, ERR_SYSTEM, "watch: out of memory");
		}
		l->at = at;
		l->room = room;
	}
	l->at[l->n++] = one;
	return 0;
}

static int by_wd(const void *a, const void *b) {
	const struct watched *x = a, *y = b;

	if (x->wd != y->wd)
		return x->wd < y->wd ? -1 : 1;
	return !x->name || !y->name ? !x->name - !y->name : strcmp(x->name, y->name);
}

/* The first with that wd, or where it would stand. */
static size_t list_find(const struct watched_list *l, int wd) {
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->at[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int watch_new(struct watch **out, struct err *err) {
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(err, ERR_SYSTEM, "watch: out of memory");
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		(void)err_errno(err, "inotify");
		free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void watch_free(struct watch **w) {
	if (!*w)
		return;
	list_release(&(*w)->now);
	list_release(&(*w)->former);
	(void)close((*w)->fd);
	free(*w);
	*w = NULL;
}

int watch_fd(const struct watch *w) {
	return w->fd;
}

bool watch_is_blind(const struct watch *w) {
	return w->blind;
}

/* ---- naming ---- */

int watch_begin(struct watch *w, struct err *err) {
	/* Naming that was broken off: what it named stays watched until the next is complete. */
	for (size_t i = 0; i < w->now.n; i++) {
		struct watched one = w->now.at[i];

		w->now.at[i].name = NULL;
		if (list_add(&w->former, one, err) < 0)
			return -1;
	}
	list_release(&w->now);
	w->blind = false;
	return 0;
}

/* *watched is set where the folder is watched now. */
static int name_watched(struct watch *w, const char *folder, const char *name, size_t n, bool *watched,
                        struct err *err) {
	int wd = inotify_add_watch(w->fd, folder, FOLDER_MASK);
	char *copy;

	if (wd < 0) {
		w->blind = w->blind || (errno != ENOENT && errno != ENOTDIR);
		return 0;
	}
	*watched = true;
	copy = strndup(name, n);
	if (!copy)
		return err_set(err, ERR_SYSTEM, "watch: out of memory");
	return list_add(&w->now, (struct watched){wd, 0, copy}, err);
}

static bool is_pattern(const char *text, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (strchr("*?[", text[i]))
			return true;
	return false;
}

int watch_place(struct watch *w, const char *path, struct err *err) {
	const char *end = path + strlen(path);
	bool below = false;
	int result = 0;

	/* From the last folder upwards. One that is there tells itself that it goes, and what is above it is left alone: /tmp is busy. */
	for (const char *slash; result == 0 && (slash = memrchr(path, '/', (size_t)(end - path))) != NULL; end = slash) {
		const char *name = slash + 1;
		size_t n = (size_t)(end - name), length = slash == path ? 1 : (size_t)(slash - path);
		char folder[PATH_MAX];
		glob_t found = {0};

		if (n == 0 || (below && !is_pattern(name, n)))
			continue;
		if (length >= sizeof(folder)) {
			w->blind = true;
			break;
		}
		memcpy(folder, path, length);
		folder[length] = '\0';
		below = false;
		if (!is_pattern(folder, length)) {
			result = name_watched(w, folder, name, n, &below, err);
			continue;
		}
		if (glob(folder, 0, NULL, &found) == 0)
			for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
				result = name_watched(w, found.gl_pathv[i], name, n, &below, err);
		globfree(&found);
	}
	return result;
}

int watch_log(struct watch *w, const char *path, uint32_t number, struct err *err) {
	int wd = inotify_add_watch(w->fd, path, LOG_MASK);
	char *real, *slash;
	bool watched;
	int result = 0;

	if (wd < 0)
		w->blind = w->blind || errno != ENOENT;
	else
		result = list_add(&w->now, (struct watched){wd, number, NULL}, err);
	real = result == 0 ? realpath(path, NULL) : NULL;
	slash = real ? strrchr(real, '/') : NULL;
	if (slash && strcmp(real, path) != 0) {
		*slash = '\0';
		result = name_watched(w, slash == real ? "/" : real, slash + 1, strlen(slash + 1), &watched, err);
	}
	free(real);
	return result;
}

void watch_end(struct watch *w) {
	struct watched_list *l = &w->now;
	size_t n = 0;

	if (l->n > 0)
		qsort(l->at, l->n, sizeof(*l->at), by_wd);
	for (size_t i = 0; i < l->n; i++) {
		/* A thousand paths have most of their folders in common. */
		if (n > 0 && l->at[i].name && by_wd(&l->at[n - 1], &l->at[i]) == 0)
			free(l->at[i].name);
		else
			l->at[n++] = l->at[i];
	}
	l->n = n;
	for (size_t i = 0; i < w->former.n; i++) {
		int wd = w->former.at[i].wd;
		size_t at = list_find(l, wd);

		if (at == l->n || l->at[at].wd != wd)
			(void)inotify_rm_watch(w->fd, wd);
	}
	list_release(&w->former);
}

/* ---- what happened ---- */

static bool name_counts(const struct watched *one, const char *name) {
	return one->name && (strcmp(one->name, name) == 0 || fnmatch(one->name, name, 0) == 0);
}

static void take_one(const struct watch *w, const struct inotify_event *event,
                     void (*log)(void *context, uint32_t number), void *context, bool *places) {
	const struct watched_list *l = &w->now;
	uint32_t gone = IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT;

	for (size_t i = list_find(l, event->wd); i < l->n && l->at[i].wd == event->wd; i++) {
		const struct watched *one = &l->at[i];

		if (!one->name && (event->mask & IN_MODIFY))
			log(context, one->number);
		if (event->mask & gone || (!one->name && (event->mask & IN_ATTRIB)) ||
		    (!*places && event->len > 0 && name_counts(one, event->name)))
			*places = true;
	}
}

int watch_take(struct watch *w, void (*log)(void *context, uint32_t number), void *context, bool *places,
               struct err *err) {
	_Alignas(struct inotify_event) char bytes[16384];

	*places = false;
	for (;;) {
		ssize_t n = read(w->fd, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : err_errno(err, "inotify");
		for (size_t at = 0; at < (size_t)n;) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)(bytes + at);

			if (event->mask & IN_Q_OVERFLOW) {
				*places = true;
				for (size_t i = 0; i < w->now.n; i++)
					if (!w->now.at[i].name)
						log(context, w->now.at[i].number);
			}
			take_one(w, event, log, context, places);
			at += sizeof(*event) + event->len;
		}
	}
}
