/* yamldoc: one YAML file as a tree of nodes; the one wrapper of libyaml. Used for the configuration and for rule files.
 *
 * Only plain data is taken: one document of mappings, sequences and scalars. Directives ("%"), anchors, aliases (a few bytes of them can unfold to
 * gigabytes), tags, further documents, keys that are no scalar, keys given twice, invalid UTF-8, and anything past the maxima below are
 * refused. Every fault reads "FILE:LINE:COLUMN: what: why", lines and columns from 1; of one file the first is told.
 *
 * A node and all it points to belong to the document and die with yamldoc_free. Nodes are read by their members:
 *   for (const struct yamldoc_node *m = map->first; m; m = m->next)  ... m->key.p, and m itself is the value
 *   for (const struct yamldoc_node *i = list->first; i; i = i->next) ... i is the item
 * An empty value ("key:") is a plain scalar of no bytes; see yamldoc_is_null.
 */
#ifndef PROVCTL_YAMLDOC_H
#define PROVCTL_YAMLDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define YAMLDOC_BYTES_MAX   (4U << 20) /* of one file */
#define YAMLDOC_NODES_MAX   200000
#define YAMLDOC_DEPTH_MAX   32
#define YAMLDOC_MEMBERS_MAX 1024 /* of one mapping: each new key is compared with those before */

enum yamldoc_kind { YAMLDOC_SCALAR, YAMLDOC_SEQUENCE, YAMLDOC_MAPPING };

struct yamldoc;

struct yamldoc_node {
	enum yamldoc_kind kind;
	bool quoted;           /* a scalar in quotes, or a block scalar: text, whatever it looks like */
	unsigned line, column; /* of the value */
	struct slice text;     /* a scalar's; NUL-terminated and without NUL inside; p is never NULL */
	struct slice key;      /* of a mapping's member, as text; else empty with p NULL */
	unsigned key_line, key_column;
	size_t count; /* items or members */
	const struct yamldoc_node *first, *next, *parent;
	const char *file;
};

/* Reads a regular file. *out holds a document even where the file is empty. */
int yamldoc_read(struct yamldoc **out, const char *path, struct err *err);
/* The same for a reader who wants but one key: a file whose text does not hold the word is not parsed, and reads as an empty one. */
int yamldoc_read_with(struct yamldoc **out, const char *path, const char *word, struct err *err);
/* The same from memory; name stands for the file in messages. */
int yamldoc_parse(struct yamldoc **out, const char *name, struct slice text, struct err *err);
void yamldoc_free(struct yamldoc **doc);
/* NULL where the file is empty or holds only comments. */
const struct yamldoc_node *yamldoc_root(const struct yamldoc *doc);

/* The member of a mapping, or NULL. */
const struct yamldoc_node *yamldoc_get(const struct yamldoc_node *map, const char *key);
/* A plain scalar that is empty, "~" or "null". */
bool yamldoc_is_null(const struct yamldoc_node *n);

/* ---- faults; all return -1, class ERR_INPUT ----
 * "FILE:LINE:COLUMN: a.b.c: why", where a.b.c are the keys that lead to the node (none for items of a sequence). */
int yamldoc_fault(const struct yamldoc_node *n, struct err *err, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a reason that was found elsewhere, whose class stays: a lack of memory is nobody's input. `cause` is not `err`. */
int yamldoc_cause(const struct yamldoc_node *n, struct err *err, const struct err *cause);
/* The same at the place of the member's key. */
int yamldoc_key_fault(const struct yamldoc_node *member, struct err *err, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- reading values; -1 with the fault where the node is of another kind or out of range ---- */
int yamldoc_mapping(const struct yamldoc_node *n, struct err *err);
int yamldoc_sequence(const struct yamldoc_node *n, struct err *err);
/* A scalar that is not null; quoted or not ("" in quotes is text). */
int yamldoc_text(const struct yamldoc_node *n, const char **out, struct err *err);
int yamldoc_bool(const struct yamldoc_node *n, bool *out, struct err *err); /* true or false, plain */
/* Decimal, plain, no leading zeros; min is not below 0. */
int yamldoc_integer(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err);
/* As timefmt.h; seconds. */
int yamldoc_duration(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err);
/* Bytes: a whole number, or one with K, M, G or T (powers of 1024). */
int yamldoc_size(const struct yamldoc_node *n, int64_t min, int64_t max, int64_t *out, struct err *err);
/* One of names (NULL-terminated): its index. */
int yamldoc_choice(const struct yamldoc_node *n, const char *const *names, unsigned *out, struct err *err);
/* The member's key is one of names (NULL-terminated): its index. Else "unknown key, did you mean Y?". */
int yamldoc_key(const struct yamldoc_node *member, const char *const *names, unsigned *out, struct err *err);

/* The name nearest to word by edit distance, or NULL where none is near. names is NULL-terminated. */
const char *yamldoc_nearest(const char *word, const char *const *names);
/* Prints bytes as yamldoc_size reads them: 1G, 1536M, 1000. */
#define YAMLDOC_SIZE_TEXT 24
void yamldoc_size_print(int64_t bytes, char out[YAMLDOC_SIZE_TEXT]);

#endif
