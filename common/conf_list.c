#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_private.h"

/* Room for the items of a list. *to stays NULL for an empty one. */
static int list_room(const struct conf_row *row, const struct yamldoc_node *n, size_t size, void **to,
                     struct err *err) {
	if (yamldoc_sequence(n, err) != 0)
		return -1;
	if (n->count > (size_t)row->max) {
		yamldoc_fault(n, err, "too many, at most %lld", (long long)row->max);
		return -1;
	}
	if (n->count == 0)
		return 0;
	*to = calloc(n->count, size);
	if (!*to) {
		err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
		return -1;
	}
	return 0;
}

static int read_texts(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      bool paths, struct err *err) {
	char ***list = CONF_FIELD(char **, row, base);
	void *room = NULL;
	struct err why;

	if (list_room(row, n, sizeof(char *), &room, err) != 0)
		return -1;
	*list = room;
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		char *text = NULL;

		if (!paths && i->kind == YAMLDOC_SCALAR && i->quoted && i->text.n == 0)
			yamldoc_fault(i, &why, "must not be empty");
		else
			text = paths ? conf_read_path(r, i, false, &why) : conf_read_text(i, CONF_PATTERN_MAX, &why);
		if (text)
			(*list)[(*CONF_COUNT(row, base))++] = text;
		else
			conf_complain(r, &why);
	}
	return 0;
}

static int read_paths(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      struct err *err) {
	return read_texts(r, row, n, base, true, err);
}

static int read_patterns(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                         struct err *err) {
	return read_texts(r, row, n, base, false, err);
}

static void print_texts(const struct conf_row *row, const void *base, FILE *out) {
	char *const *list = *CONF_FIELD_IN(char **, row, base);

	fputc('[', out);
	for (uint32_t i = 0; i < CONF_COUNT_IN(row, base); i++) {
		fputs(i > 0 ? ", " : "", out);
		conf_print_text(list[i], out);
	}
	fputc(']', out);
}

static void release_texts(const struct conf_row *row, void *base) {
	char **list = *CONF_FIELD(char **, row, base);

	for (uint32_t i = 0; i < *CONF_COUNT(row, base); i++)
		free(list[i]);
	free(list);
}

static void release_list(const struct conf_row *row, void *base) {
	free(*CONF_FIELD(void *, row, base));
}

static int read_prefix(const struct yamldoc_node *n, bool everyone, struct prefix *out, struct err *err) {
	const char *text;
	struct prefix p;

	if (yamldoc_text(n, &text, err) != 0)
		return -1;
	if (n->text.n >= PREFIX_TEXT || !prefix_parse(text, n->text.n, &p))
		return yamldoc_fault(n, err, "\"%.50s\" must be an address or a prefix without host bits, such as 192.0.2.0/24",
		                     conf_is_printable(n->text) ? text : "...");
	if (!everyone && prefix_length(p) == 0)
		return yamldoc_fault(n, err, "%s would trust everyone", text);
	*out = p;
	return 0;
}

static int read_prefix_list(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                            bool everyone, struct err *err) {
	struct prefix **list = CONF_FIELD(struct prefix *, row, base);
	void *room = NULL;
	struct err why;

	if (list_room(row, n, sizeof(struct prefix), &room, err) != 0)
		return -1;
	*list = room;
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		if (read_prefix(i, everyone, &(*list)[*CONF_COUNT(row, base)], &why) != 0)
			conf_complain(r, &why);
		else
			(*CONF_COUNT(row, base))++;
	}
	return 0;
}

static int read_prefixes(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                         struct err *err) {
	return read_prefix_list(r, row, n, base, true, err);
}

/* Who may speak for others. */
static int read_proxies(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	return read_prefix_list(r, row, n, base, false, err);
}

static void print_prefixes(const struct conf_row *row, const void *base, FILE *out) {
	const struct prefix *list = *CONF_FIELD_IN(struct prefix *, row, base);
	char text[PREFIX_TEXT];

	fputc('[', out);
	for (uint32_t i = 0; i < CONF_COUNT_IN(row, base); i++) {
		prefix_print(list[i], text);
		(void)fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
	}
	fputc(']', out);
}

/* A port, or "first-last". */
static int read_range(const struct yamldoc_node *n, struct port_range *out, struct err *err) {
	const char *text;
	const char *dash;
	uint64_t first;
	uint64_t last;

	if (yamldoc_text(n, &text, err) != 0)
		return -1;
	dash = strchr(text, '-');
	if (!slice_number((struct slice){text, dash ? (size_t)(dash - text) : n->text.n}, 65535, &first) ||
	    !slice_number(slice_of(dash ? dash + 1 : text), 65535, &last) || first == 0 || first > last)
		return yamldoc_fault(n, err, "must be a port, 1 to 65535, or a range such as \"5060-5091\"");
	*out = (struct port_range){(uint16_t)first, (uint16_t)last};
	return 0;
}

static int read_ports(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      struct err *err) {
	struct port_range **list = CONF_FIELD(struct port_range *, row, base);
	void *room = NULL;
	struct err why;

	if (list_room(row, n, sizeof(struct port_range), &room, err) != 0)
		return -1;
	*list = room;
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		if (read_range(i, &(*list)[*CONF_COUNT(row, base)], &why) != 0)
			conf_complain(r, &why);
		else
			(*CONF_COUNT(row, base))++;
	}
	return 0;
}

static void print_ports(const struct conf_row *row, const void *base, FILE *out) {
	const struct port_range *list = *CONF_FIELD_IN(struct port_range *, row, base);

	fputc('[', out);
	for (uint32_t i = 0; i < CONF_COUNT_IN(row, base); i++) {
		fputs(i > 0 ? ", " : "", out);
		if (list[i].first == list[i].last)
			(void)fprintf(out, "%u", list[i].first);
		else
			(void)fprintf(out, "\"%u-%u\"", list[i].first, list[i].last);
	}
	fputc(']', out);
}

/* `ports: all` instead of the two lists. */
static int read_all_ports(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                          struct err *err) {
	(void)r;
	if (n->kind != YAMLDOC_SCALAR || !slice_is(n->text, "all"))
		return yamldoc_fault(n, err, "must be all, or a mapping of tcp and udp");
	*CONF_FIELD(bool, row, base) = true;
	return 0;
}

static void print_all_ports(const struct conf_row *row, const void *base, FILE *out) {
	(void)row;
	(void)base;
	fputs("all", out);
}

/* ---- sources and triggers ---- */

static void read_source(struct conf_reader *r, const struct yamldoc_node *n, struct conf_source *source) {
	const char *names[CONF_ROWS_MAX + 1] = {0};
	struct err why;

	for (size_t i = 0; conf_source_rows[i].name; i++)
		names[i] = strrchr(conf_source_rows[i].name, '.') + 1;
	source->line = n->line;
	source->column = n->column;
	if (yamldoc_mapping(n, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *m = n->first; m; m = m->next) {
		unsigned which;

		if (yamldoc_key(m, names, &which, &why) != 0 ||
		    conf_source_rows[which].type->read(r, &conf_source_rows[which], m, source, &why) != 0)
			conf_complain(r, &why);
	}
	if (!yamldoc_get(n, "path") == !yamldoc_get(n, "journal")) {
		yamldoc_fault(n, &why, "one of path and journal is needed, and only one");
		conf_complain(r, &why);
	} else if (source->journal && conf_journal_name(source->journal, n, &source->path, &why) != 0) {
		conf_complain(r, &why);
	}
	if (!yamldoc_get(n, "format") == !yamldoc_get(n, "pattern")) {
		yamldoc_fault(n, &why, "one of format and pattern is needed, and only one");
		conf_complain(r, &why);
	}
}

static int read_sources(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	struct conf_source **list = CONF_FIELD(struct conf_source *, row, base);
	void *room = NULL;
	struct err why;

	if (list_room(row, n, sizeof(struct conf_source), &room, err) != 0)
		return -1;
	*list = room;
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		struct conf_source *source;

		assert(room);
		source = &(*list)[(*CONF_COUNT(row, base))++];
		read_source(r, i, source);
		/* Read twice, each line would count twice. */
		for (const struct conf_source *s = *list; source->path && s < source; s++) {
			if (s->path && strcmp(s->path, source->path) == 0) {
				yamldoc_fault(i, &why, "%s is a source already, in line %u", s->path, s->line);
				conf_complain(r, &why);
				break;
			}
		}
	}
	return 0;
}

static void release_sources(const struct conf_row *row, void *base) {
	struct conf_source *list = *CONF_FIELD(struct conf_source *, row, base);

	for (uint32_t i = 0; i < *CONF_COUNT(row, base); i++) {
		for (const struct conf_row *of = conf_source_rows; of->name; of++) {
			if (of->type->release)
				of->type->release(of, &list[i]);
		}
	}
	free(list);
}

static int read_triggers(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                         struct err *err) {
	(void)row;
	(void)base;
	if (yamldoc_sequence(n, err) != 0)
		return -1;
	r->triggers = n;
	return 0;
}

static void release_triggers(const struct conf_row *row, void *base) {
	(void)row;
	conf_triggers_release(base);
}

const struct conf_type conf_type_paths = {"list of paths", read_paths, print_texts, release_texts};
const struct conf_type conf_type_patterns = {"list of patterns", read_patterns, print_texts, release_texts};
const struct conf_type conf_type_prefixes = {"list of addresses", read_prefixes, print_prefixes, release_list};
const struct conf_type conf_type_proxies = {"list of addresses", read_proxies, print_prefixes, release_list};
const struct conf_type conf_type_ports = {"list of ports", read_ports, print_ports, release_list};
const struct conf_type conf_type_all_ports = {"all", read_all_ports, print_all_ports, NULL};
const struct conf_type conf_type_sources = {"list", read_sources, NULL, release_sources};
const struct conf_type conf_type_triggers = {"list", read_triggers, NULL, release_triggers};
