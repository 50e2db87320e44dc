#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_private.h"

void conf_fault(struct conf_faults *faults, const char *text) {
	if (!faults)
		return;
	faults->count++;
	if (faults->report)
		faults->report(faults->context, text);
}

void conf_complain(struct conf_reader *r, const struct err *fault) {
	if (r->count++ == 0)
		*r->err = *fault;
	conf_fault(r->faults, fault->text);
}

/* ---- the file ---- */

/* The part of a row's name behind the group, up to its next dot; 0 where the row is not of that group. The group "" holds all. */
static size_t part_of(const char *name, const char *group, const char **part) {
	size_t n = strlen(group);

	if (strncmp(name, group, n) != 0 || (n > 0 && name[n] != '.'))
		return 0;
	*part = n > 0 ? name + n + 1 : name;
	return strcspn(*part, ".");
}

/* Names are as long as the longest row's; a longer key is none of them. */
#define NAME_MAX_ROW 64

/* What may stand in a group: for a key that is none of it. */
static void unknown_key(struct conf_reader *r, const struct yamldoc_node *m, const char *group) {
	char words[CONF_ROWS_MAX][NAME_MAX_ROW];
	const char *names[CONF_ROWS_MAX + 1] = {0};
	struct err why;
	unsigned which;
	size_t count = 0;

	for (const struct conf_row *row = conf_rows; row->name; row++) {
		const char *part;
		size_t n = part_of(row->name, group, &part);

		if (n == 0 || (count > 0 && strlen(words[count - 1]) == n && memcmp(words[count - 1], part, n) == 0))
			continue;
		(void)slice_copy((struct slice){part, n}, words[count], NAME_MAX_ROW);
		names[count] = words[count];
		count++;
	}
	if (yamldoc_key(m, names, &which, &why) != 0)
		conf_complain(r, &why);
}

static void read_group(struct conf_reader *r, const struct yamldoc_node *map, const char *group) {
	struct err why;

	if (yamldoc_mapping(map, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *m = map->first; m; m = m->next) {
		char name[NAME_MAX_ROW];
		const struct conf_row *row = NULL;
		const char *part;
		bool is_group = false;
		int n = snprintf(name, sizeof(name), "%s%s%s", group, *group ? "." : "", m->key.p);

		for (size_t i = 0; n < (int)sizeof(name) && conf_rows[i].name; i++) {
			if (strcmp(conf_rows[i].name, name) == 0)
				row = &conf_rows[i];
			else
				is_group = is_group || part_of(conf_rows[i].name, name, &part) > 0;
		}
		if (m->key.n == 0 || memchr(m->key.p, '.', m->key.n) || (!row && !is_group)) {
			unknown_key(r, m, group);
		} else if (is_group && (!row || m->kind == YAMLDOC_MAPPING)) {
			read_group(r, m, name);
		} else {
			r->conf->places[row - conf_rows] = (struct conf_place){m->line, m->column};
			if (row->type->read(r, row, m, r->conf, &why) != 0)
				conf_complain(r, &why);
		}
	}
}

/* A default is read as if it stood in a file. */
static int read_default(struct conf_reader *r, const struct conf_row *row, struct err *err) {
	struct yamldoc *doc;
	int rc;

	if (yamldoc_parse(&doc, row->name, slice_of(row->standard), err) != 0)
		return -1;
	rc = row->type->read(r, row, yamldoc_root(doc), r->conf, err);
	yamldoc_free(&doc);
	return rc;
}

static void read_defaults(struct conf_reader *r) {
	struct err why;

	for (size_t i = 0; conf_rows[i].name; i++) {
		if (r->conf->places[i].line > 0 || !conf_rows[i].standard || conf_rows[i].type == &conf_type_triggers)
			continue;
		if (read_default(r, &conf_rows[i], &why) != 0)
			conf_complain(r, &why);
	}
}

/* The absolute folder of a file: relative paths in it start there. */
static char *folder_of(const char *file) {
	const char *slash = strrchr(file, '/');
	char *name = slash ? strndup(file, slash > file ? (size_t)(slash - file) : 1) : strdup(".");
	char *folder = name ? realpath(name, NULL) : NULL;

	free(name);
	return folder;
}

struct conf_place conf_place_of(const struct conf *conf, const char *name) {
	for (size_t i = 0; conf->places && conf_rows[i].name; i++) {
		if (strcmp(conf_rows[i].name, name) == 0)
			return conf->places[i];
	}
	return (struct conf_place){0};
}

/* ---- rule files ---- */

struct file_list {
	char **paths;
	size_t n;
};

static void file_list_release(struct file_list *list) {
	for (size_t i = 0; i < list->n; i++)
		free(list->paths[i]);
	free(list->paths);
}

static int folder_fault(struct err *err, const struct conf *conf, const char *folder) {
	struct conf_place at = conf_place_of(conf, "rules");
	enum err_class class = err_class_of(errno);
	const char *why = strerror(errno);

	if (at.line == 0)
		return err_set(err, class, "%s:1:1: rules: %s: %s (a default; name the folders of rules with rules: [...])",
		               conf->file, folder, why);
	return err_set(err, class, "%s:%u:%u: rules: %s: %s", conf->file, at.line, at.column, folder, why);
}

static int list_add(struct file_list *list, const char *path, struct err *err) {
	if (list->n == CONF_RULE_FILES_MAX)
		return err_set(err, ERR_INPUT, "%s:1:1: rules: more than %d files", path, CONF_RULE_FILES_MAX);
	list->paths[list->n] = strdup(path);
	if (!list->paths[list->n])
		return err_set(err, ERR_SYSTEM, "%s: out of memory", path);
	list->n++;
	return 0;
}

static bool is_yaml(const char *name) {
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

/* Adds what a folder holds, in any order. Names that start with a dot are editors' and not ours. */
static int list_folder(struct file_list *list, const struct conf *conf, const char *folder, unsigned depth,
                       struct err *err) {
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int rc = -1;

	if (!dir && errno == ENOTDIR && depth == 0)
		return list_add(list, folder, err); /* a single file, as `provctl test FILE` gives */
	if (!dir)
		return folder_fault(err, conf, folder);
	while (errno = 0, (entry = readdir(dir))) {
		char path[2 * CONF_PATH_MAX];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path)) {
			err_set(err, ERR_INPUT, "%s:1:1: rules: too long a name in it", folder);
			goto done;
		}
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			if (depth == CONF_RULE_DEPTH_MAX) {
				err_set(err, ERR_INPUT, "%s:1:1: rules: folders more than %d deep", path, CONF_RULE_DEPTH_MAX);
				goto done;
			}
			if (list_folder(list, conf, path, depth + 1, err) != 0)
				goto done;
		} else if (is_yaml(entry->d_name) && list_add(list, path, err) != 0) {
			goto done;
		}
	}
	rc = errno ? folder_fault(err, conf, folder) : 0;
done:
	(void)closedir(dir);
	return rc;
}

static int compare_paths(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int conf_rule_files(const struct conf *conf, int (*each)(void *context, const char *path, struct err *err),
                    void *context, struct err *err) {
	bool by_default = conf_place_of(conf, "rules").line == 0;
	int rc = 0;

	for (uint32_t f = 0; f < conf->nrules && rc == 0; f++) {
		struct file_list list = {.paths = calloc(CONF_RULE_FILES_MAX, sizeof(char *))};

		if (!list.paths)
			return err_set(err, ERR_SYSTEM, "rules: out of memory");
		/* The local folder is there only where somebody made it. */
		if (!by_default || f + 1 < conf->nrules || access(conf->rules[f], F_OK) == 0 || errno != ENOENT)
			rc = list_folder(&list, conf, conf->rules[f], 0, err);
		if (rc == 0 && list.n > 0)
			qsort(list.paths, list.n, sizeof(char *), compare_paths);
		for (size_t i = 0; i < list.n && rc == 0; i++)
			rc = each(context, list.paths[i], err);
		file_list_release(&list);
	}
	return rc;
}

/* The triggers of one rule file; its `rules` are the analyzer's, and so are the faults of a file without triggers: parsing all that ship takes
 * milliseconds, of each command and each pass. All faults are told, so this never stops. */
static int read_rule_file(void *context, const char *path, struct err *err) {
	static const char *const keys[] = {"rules", "triggers", "phones", "imposters", NULL};
	struct conf_reader *r = context;
	struct yamldoc *doc;
	struct err why;

	(void)err;
	if (yamldoc_read_with(&doc, path, "triggers", &why) != 0) {
		conf_complain(r, &why);
		return 0;
	}
	if (yamldoc_root(doc) && yamldoc_mapping(yamldoc_root(doc), &why) != 0) {
		conf_complain(r, &why);
	} else if (yamldoc_root(doc)) {
		for (const struct yamldoc_node *m = yamldoc_root(doc)->first; m; m = m->next) {
			unsigned key;

			if (yamldoc_key(m, keys, &key, &why) != 0)
				conf_complain(r, &why);
			else if (key == 1)
				conf_triggers_add(r, m);
		}
	}
	yamldoc_free(&doc);
	return 0;
}

/* ---- life ---- */

static size_t row_count(void) {
	size_t n = 0;

	while (conf_rows[n].name)
		n++;
	return n;
}

static struct conf *conf_new(const char *file) {
	struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->file = strdup(file);
	conf->places = calloc(row_count() + 1, sizeof(*conf->places));
	conf->triggers = calloc(CONF_TRIGGERS_MAX, sizeof(*conf->triggers));
	conf->triggers_off = calloc(CONF_TRIGGERS_MAX, sizeof(*conf->triggers_off));
	if (!conf->file || !conf->places || !conf->triggers || !conf->triggers_off)
		conf_free(&conf);
	return conf;
}

void conf_free(struct conf **conf) {
	if (!*conf)
		return;
	for (const struct conf_row *row = conf_rows; row->name; row++) {
		if (row->type->release)
			row->type->release(row, *conf);
	}
	free((*conf)->places);
	free((*conf)->file);
	free(*conf);
	*conf = NULL;
}

int conf_load(struct conf **out, const char *file, struct conf_faults *faults, struct err *err) {
	const char *path = file ? file : CONF_DEFAULT_FILE;
	struct conf_reader r = {.conf = conf_new(path), .faults = faults, .err = err};
	struct yamldoc *doc = NULL;
	struct err why;
	int rc = -1;

	if (!r.conf) {
		err_set(&why, ERR_SYSTEM, "%s: out of memory", path);
		conf_complain(&r, &why);
		goto done;
	}
	if ((file || access(path, F_OK) == 0 || errno != ENOENT) && yamldoc_read(&doc, path, &why) != 0) {
		conf_complain(&r, &why);
		goto done;
	}
	r.folder = doc ? folder_of(path) : strdup("/");
	if (!r.folder) {
		err_errno(&why, "%s:1:1: its folder", path);
		conf_complain(&r, &why);
		goto done;
	}
	if (doc && yamldoc_root(doc))
		read_group(&r, yamldoc_root(doc), "");
	read_defaults(&r);
	if (conf_rule_files(r.conf, read_rule_file, &r, &why) != 0)
		conf_complain(&r, &why);
	if (r.triggers)
		conf_triggers_add(&r, r.triggers);
	if (r.count > 0)
		goto done;
	*out = r.conf;
	r.conf = NULL;
	rc = 0;
done:
	yamldoc_free(&doc);
	free(r.folder);
	conf_free(&r.conf);
	return rc;
}

/* ---- questions ---- */

static bool any_overlaps(const struct prefix *list, uint32_t n, struct prefix p) {
	for (uint32_t i = 0; i < n; i++) {
		if (prefix_overlaps(list[i], p))
			return true;
	}
	return false;
}

static struct prefix whole(struct addr ip) {
	return prefix_of(ip, 128);
}

/* Loopback (RFC 1122, RFC 4291) and link-local (RFC 3927, RFC 4291); IPv4 as the 16 bytes have it. */
static const struct prefix always[] = {
	{{{[10] = 0xff, [11] = 0xff, [12] = 127}}, 104},
	{{{[15] = 1}}, 128},
	{{{[10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254}}, 112},
	{{{[0] = 0xfe, [1] = 0x80}}, 10},
};

const char *conf_never_why(const struct conf *conf, struct prefix p) {
	if (any_overlaps(always, sizeof(always) / sizeof(always[0]), p))
		return "loopback or link-local";
	if (any_overlaps(conf->firewall.never, conf->firewall.nnever, p))
		return "one of firewall.never";
	return any_overlaps(conf->trusted_proxies, conf->ntrusted_proxies, p) ? "a trusted proxy" : NULL;
}

bool conf_never_overlaps(const struct conf *conf, struct prefix p) {
	return conf_never_why(conf, p) != NULL;
}

bool conf_never_at(const struct conf *conf, uint32_t i, struct prefix *out) {
	const struct {
		const struct prefix *list;
		uint32_t n;
	} lists[] = {
		{always, sizeof(always) / sizeof(always[0])},
		{conf->firewall.never, conf->firewall.nnever},
		{conf->trusted_proxies, conf->ntrusted_proxies},
	};

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		if (i < lists[l].n) {
			*out = lists[l].list[i];
			return true;
		}
		i -= lists[l].n;
	}
	return false;
}

bool conf_is_proxy(const struct conf *conf, struct addr ip) {
	return conf->ntrusted_proxies > 0 && any_overlaps(conf->trusted_proxies, conf->ntrusted_proxies, whole(ip));
}

struct prefix conf_home_of(const struct conf *conf, struct addr ip) {
	return prefix_of(ip, addr_is_v4(ip) ? conf->devices.same_network.bits4 : conf->devices.same_network.bits6);
}
