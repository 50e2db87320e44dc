#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/source_private.h"
#include "common/timefmt.h"

/* How much later than the last event of a log that was rotated its writer may still add lines to it, by the time of the log: servers go on
 * writing to the renamed file until they are told. */
#define SEARCH_SLACK HOUR

struct place {
	char folder[PATH_MAX];
	char base[NAME_MAX + 1];
};

static bool place_of(struct slice path, struct place *out) {
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
	char name[NAME_MAX + 1];
	int64_t rank;

	if (!slash || (size_t)(slash - path.p) >= sizeof(out->folder) ||
	    !slice_copy((struct slice){slash + 1, path.n - (size_t)(slash + 1 - path.p)}, name, sizeof(name)))
		return false;
	(void)slice_copy((struct slice){path.p, (size_t)(slash - path.p)}, out->folder, sizeof(out->folder));
	rotation_base(name, out->base, &rank);
	return true;
}

static bool place_has(const struct place *p, const struct source *s) {
	size_t n = strlen(p->folder);

	return strcmp(s->root, p->base) == 0 && strncmp(s->path, p->folder, n) == 0 &&
	       path_name(s->path) == s->path + n + 1;
}

/* Whether the log of cursor k of source `conf` is to be searched for: it is not where it was, and it may have a rest. */
static bool is_wanted(const struct match *m, uint32_t k, const struct place *p) {
	const struct cursor *c = &m->cursors[k];

	if (m->owner[k] != CURSOR_NONE) {
		const struct source *s = m->set->at[m->owner[k]];

		/* Only by its inode a small log is surely the one, and not another that begins alike. */
		return c->offset < SOURCE_SURE && (s->dev != c->dev || s->ino != c->ino);
	}
	if (c->size > 0 && (uint64_t)c->size > c->offset)
		return true;
	for (uint32_t i = 0; i < m->set->n; i++) {
		const struct source *s = m->set->at[i];

		if (s->rank == RANK_LIVE && s->cursor != CURSOR_NONE && place_has(p, s))
			return s->known.high_time - c->high_time <= SEARCH_SLACK;
	}
	return true;
}

static bool is_found(const struct source_set *set, const struct source *s) {
	for (uint32_t i = 0; i < set->n; i++)
		if (set->at[i]->dev == s->dev && set->at[i]->ino == s->ino)
			return true;
	return false;
}

/* access.log.1 and the like, and what else begins with the name: access.log.old. */
static bool is_rotation(const char *name, const char *base) {
	size_t n = strlen(base);
	char other[NAME_MAX + 1];
	int64_t rank;

	if (strcmp(name, base) == 0)
		return false;
	rotation_base(name, other, &rank);
	return strcmp(other, base) == 0 || (strncmp(name, base, n) == 0 && strchr(".-_", name[n]));
}

/* A name that only begins like the log's tells no age: it goes first, and stands in no gap. */
static int search_add(struct source_set *set, struct source *s, const struct place *p, uint32_t group,
                      struct err *err) {
	if (strcmp(s->root, p->base) == 0) {
		s->group = group;
	} else {
		char *base = strdup(p->base);

		if (!base) {
			source_free(&s);
			return err_set(err, ERR_SYSTEM, "source: out of memory");
		}
		free(s->root);
		s->root = base;
		s->rank = INT64_MIN;
	}
	return source_set_add(set, s, err);
}

static int place_search(struct source_set *set, const struct place *p, uint32_t conf, uint32_t group, struct err *err) {
	DIR *folder = opendir(p->folder[0] ? p->folder : "/");
	struct dirent *entry;
	int result = 0;

	if (!folder)
		return 0;
	for (uint32_t i = 0; i < set->n; i++)
		if (place_has(p, set->at[i]))
			set->at[i]->group = group;
	while (result == 0 && (entry = readdir(folder)) != NULL) {
		char path[PATH_MAX], problem[2];
		struct source *s;
		int n;

		if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) || !is_rotation(entry->d_name, p->base))
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", p->folder, entry->d_name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		s = source_new(set, path, conf);
		if (!s) {
			result = err_set(err, ERR_SYSTEM, "source: out of memory");
		} else if (source_probe(s, problem, sizeof(problem)) == 0 || is_found(set, s)) {
			source_free(&s);
		} else {
			s->searched = true;
			result = search_add(set, s, p, group, err);
		}
	}
	(void)closedir(folder);
	return result;
}

int source_search(struct match *m, struct err *err) {
	struct place *places = NULL;
	uint32_t n = 0, room = 0;
	int result = -1;

	for (uint32_t k = 0; k < m->ncursors; k++) {
		const struct cursor *c = &m->cursors[k];
		struct place p;
		struct slice path;
		uint32_t conf = 0, i = 0;

		while (conf < m->set->nconfs && !slice_is(c->name, m->set->confs[conf].path))
			conf++;
		if (c->transient || conf == m->set->nconfs)
			continue;
		/* Rotations are named after the source; after the file that was read last where the source is a glob. */
		path = path_is_glob(m->set->confs[conf].path) ? c->file : slice_of(m->set->confs[conf].path);
		if (!place_of(path, &p) || !is_wanted(m, k, &p))
			continue;
		while (i < n && (strcmp(places[i].base, p.base) != 0 || strcmp(places[i].folder, p.folder) != 0))
			i++;
		if (i < n)
			continue;
		if (n == room) {
			struct place *more = realloc(places, (room + 16) * sizeof(*places));

			if (!more) {
				(void)err_set(err, ERR_SYSTEM, "source: out of memory");
				goto out;
			}
			places = more;
			room += 16;
		}
		places[n++] = p;
		if (place_search(m->set, &p, conf, n, err) < 0)
			goto out;
	}
	result = 0;
out:
	free(places);
	return result;
}
