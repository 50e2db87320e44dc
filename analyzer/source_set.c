#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/source_private.h"
#include "common/timefmt.h"

#define PROBLEM_MAX 1024

void source_problem(struct source_set *set, uint32_t conf, const char *format, ...) {
	struct buf *b = &set->problems[conf];
	char text[PROBLEM_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* What does not fit is left out: the first problems are told whole. */
	if (b->n + strlen(text) + 2 > b->max)
		return;
	if (b->n > 0)
		buf_text(b, "; ");
	buf_text(b, text);
}

int source_set_add(struct source_set *set, struct source *s, struct err *err) {
	if (set->n == set->room) {
		uint32_t room = set->room ? 2 * set->room : 16;
		struct source **at = realloc(set->at, room * sizeof(struct source *));

		if (!at) {
			source_free(&s);
			return err_set(err, ERR_SYSTEM, "source: out of memory");
		}
		set->at = at;
		set->room = room;
	}
	set->at[set->n++] = s;
	return 0;
}

/* One path of a source; named: the configuration names it, so that its absence is worth telling. */
static int path_add(struct source_set *set, const char *path, uint32_t conf, bool named, struct err *err) {
	char problem[PROBLEM_MAX];
	struct source *s = source_new(set, path, conf);

	if (!s)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	if (source_probe(s, problem, sizeof(problem)) == 0) {
		/* A file that vanished since the folder was read is no problem. */
		if (problem[0] && (named || access(path, F_OK) == 0))
			source_problem(set, conf, "%s", problem);
		source_free(&s);
		return 0;
	}
	for (uint32_t i = 0; i < set->n; i++) {
		struct source *other = set->at[i];

		if (other->dev != s->dev || other->ino != s->ino)
			continue;
		if (other->conf != conf)
			source_problem(set, conf, "%s is the same file as %s of another source: it is read once, there", path,
			               other->path);
		source_free(&s);
		return 0;
	}
	return source_set_add(set, s, err);
}

static int conf_expand(struct source_set *set, uint32_t conf, struct err *err) {
	const char *path = set->confs[conf].path;
	glob_t found = {0};
	int result = 0;

	if (set->confs[conf].journal || strcmp(path, "-") == 0)
		return 0;
	if (!path_is_glob(path) || access(path, F_OK) == 0)
		return path_add(set, path, conf, true, err);
	switch (glob(path, 0, NULL, &found)) {
	case 0:
		for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
			result = path_add(set, found.gl_pathv[i], conf, false, err);
		break;
	case GLOB_NOSPACE:
		result = err_set(err, ERR_SYSTEM, "source: out of memory");
		break;
	default:
		break;
	}
	globfree(&found);
	return result;
}

/* ---- what the paths lead to ---- */

static uint64_t place_hash(uint64_t hash, const char *path) {
	struct {
		uint64_t dev, ino, readable;
	} what = {0};
	struct stat st;

	if (stat(path, &st) == 0) {
		what.dev = (uint64_t)st.st_dev;
		what.ino = (uint64_t)st.st_ino;
		what.readable = eaccess(path, R_OK) == 0;
	}
	return hash_bytes(hash_bytes(hash, path, strlen(path) + 1), &what, sizeof(what));
}

static uint64_t places_hash(const struct source_set *set) {
	uint64_t hash = 0;

	for (uint32_t i = 0; i < set->nconfs; i++) {
		const char *path = set->confs[i].path;
		glob_t found = {0};

		if (!path_is_glob(path) || access(path, F_OK) == 0)
			hash = place_hash(hash, path);
		else if (glob(path, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				hash = place_hash(hash, found.gl_pathv[k]);
		globfree(&found);
	}
	return hash;
}

bool source_set_differs(const struct source_set *set) {
	return places_hash(set) != set->places;
}

/* The order of the configuration; names; of one log the oldest first. */
static int source_compare(const void *a, const void *b) {
	const struct source *x = *(struct source *const *)a, *y = *(struct source *const *)b;
	const char *nx = path_name(x->path), *ny = path_name(y->path);
	size_t fx = (size_t)(nx - x->path), fy = (size_t)(ny - y->path);
	int order;

	if (x->conf != y->conf)
		return x->conf < y->conf ? -1 : 1;
	order = memcmp(x->path, y->path, fx < fy ? fx : fy);
	if (order != 0 || fx != fy)
		return order ? order : fx < fy ? -1 : 1;
	order = strcmp(x->root, y->root);
	if (order != 0)
		return order;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	order = strcmp(nx, ny);
	return order ? order : (int)y->lost - (int)x->lost;
}

static void set_finish(struct source_set *set) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		struct source *s = set->at[i];
		int folder = (int)(path_name(s->path) - s->path);
		char path[PATH_MAX];

		if (s->gone) {
			source_free(&s);
			continue;
		}
		set->at[n++] = s;
		if (s->rank != RANK_LIVE && snprintf(path, sizeof(path), "%.*s%s", folder, s->path, s->root) < PATH_MAX)
			s->rotated = access(path, F_OK) == 0 && (!set->follow || s->file_time + ROTATED_QUIET < clock_now());
	}
	set->n = n;
	if (n > 0)
		qsort(set->at, n, sizeof(struct source *), source_compare);
	set->buffer_size = n <= BUFFER_FEW ? BUFFER_MAX : BUFFER_SMALL;
}

struct source_set *source_set_new(const struct conf *conf, const struct conf_source *sources, uint32_t nsources) {
	struct source_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->confs = sources;
	set->nconfs = nsources;
	set->configured = sources == conf->sources;
	set->buffer_size = BUFFER_MAX;
	set->problems = calloc(nsources + 1, sizeof(*set->problems));
	if (!set->problems) {
		free(set);
		return NULL;
	}
	for (uint32_t i = 0; i < nsources; i++)
		buf_init(&set->problems[i], PROBLEM_MAX);
	return set;
}

int source_set_open(struct source_set **out, const struct conf *conf, const struct conf_source *sources,
                    uint32_t nsources, const struct cursor *cursors, uint32_t ncursors, bool follow,
                    struct source_notice notice, struct err *err) {
	struct source_set *set = source_set_new(conf, sources, nsources);
	struct match match = {0};
	uint32_t found;
	int result = -1;

	if (!set)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	set->follow = follow;
	/* Before they are looked at, so that what changes meanwhile shows. */
	set->places = follow ? places_hash(set) : 0;
	if (match_init(&match, set, cursors, ncursors, err) < 0)
		goto out;
	for (uint32_t i = 0; i < nsources; i++)
		if (conf_expand(set, i, err) < 0)
			goto out;
	found = set->n;
	if (match_relate(&match, 0, err) < 0)
		goto out;
	match_assign(&match);
	if (source_search(&match, err) < 0 || match_relate(&match, found, err) < 0)
		goto out;
	match_assign(&match);
	if (match_settle(&match, err) < 0 || source_journals(set, cursors, ncursors, err) < 0)
		goto out;
	set_finish(set);
	for (uint32_t i = 0; i < nsources; i++)
		if (strcmp(sources[i].path, "-") != 0)
			notice.say(notice.context, slice_of(sources[i].path),
			           (struct slice){set->problems[i].p, set->problems[i].n});
	*out = set;
	set = NULL;
	result = 0;
out:
	match_release(&match);
	source_set_close(&set);
	return result;
}

void source_set_close(struct source_set **set) {
	if (!*set)
		return;
	for (uint32_t i = 0; i < (*set)->n; i++)
		source_free(&(*set)->at[i]);
	if ((*set)->problems)
		for (uint32_t i = 0; i < (*set)->nconfs; i++)
			buf_release(&(*set)->problems[i]);
	free((*set)->problems);
	free((*set)->at);
	free(*set);
	*set = NULL;
}

uint32_t source_set_count(const struct source_set *set) {
	return set->n;
}

struct source *source_set_at(struct source_set *set, uint32_t i) {
	return set->at[i];
}
