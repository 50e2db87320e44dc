#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "common/yamldoc.h"

/* Nodes and texts live in blocks that are only freed together. */
#define BLOCK_SIZE 65536

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

struct yamldoc {
	struct block *blocks;
	const char *file;
	struct yamldoc_node *root;
	size_t nodes;
};

static void *doc_alloc(struct yamldoc *doc, size_t n) {
	struct block *b = doc->blocks;
	void *at;

	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!b || b->size - b->used < n) {
		size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;

		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		*b = (struct block){.next = doc->blocks, .size = size};
		doc->blocks = b;
	}
	at = b->bytes + b->used;
	b->used += n;
	return at;
}

static const char *doc_copy(struct yamldoc *doc, const void *p, size_t n) {
	char *copy = doc_alloc(doc, n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

void yamldoc_free(struct yamldoc **doc) {
	if (!*doc)
		return;
	for (struct block *b = (*doc)->blocks; b;) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
	free(*doc);
	*doc = NULL;
}

const struct yamldoc_node *yamldoc_root(const struct yamldoc *doc) {
	return doc->root;
}

/* ---- building the tree from libyaml's events ---- */

struct builder {
	struct yamldoc *doc;
	yaml_parser_t parser;
	struct slice input;
	struct yamldoc_node *open;                        /* the mapping or sequence that is being filled */
	struct yamldoc_node *last[YAMLDOC_DEPTH_MAX + 1]; /* by depth: its last child */
	unsigned depth;
	/* A mapping's key that waits for its value. */
	bool has_key;
	struct slice key;
	unsigned key_line, key_column;
};

static int out_of_memory(struct err *err, const char *file) {
	return err_set(err, ERR_SYSTEM, "%s:1:1: cannot be read: out of memory", file);
}

static int fault_at(const struct builder *b, yaml_mark_t mark, struct err *err, const char *why) {
	return err_set(err, ERR_INPUT, "%s:%zu:%zu: %s", b->doc->file, mark.line + 1, mark.column + 1, why);
}

/* libyaml tells where its reader failed only as an offset in bytes. */
static yaml_mark_t mark_of_offset(struct slice input, size_t offset) {
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < input.n; i++) {
		if (input.p[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)input.p[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int parser_fault(const struct builder *b, struct err *err) {
	const yaml_parser_t *p = &b->parser;
	char why[256];

	if (p->error == YAML_MEMORY_ERROR)
		return out_of_memory(err, b->doc->file);
	(void)snprintf(why, sizeof(why), "not valid YAML: %s", p->problem ? p->problem : "unknown error");
	return fault_at(b, p->error == YAML_READER_ERROR ? mark_of_offset(b->input, p->problem_offset) : p->problem_mark,
	                err, why);
}

static int add_key(struct builder *b, const yaml_event_t *event, struct err *err) {
	struct slice key = {(const char *)event->data.scalar.value, event->data.scalar.length};

	if (event->type != YAML_SCALAR_EVENT)
		return fault_at(b, event->start_mark, err, "key: must be a word, not a list or a mapping");
	if (b->open->count == YAMLDOC_MEMBERS_MAX)
		return fault_at(b, event->start_mark, err, "mapping: too many keys, at most 1024");
	for (const struct yamldoc_node *m = b->open->first; m; m = m->next) {
		if (slice_same(m->key, key)) {
			struct yamldoc_node again = *m;

			again.key_line = (unsigned)event->start_mark.line + 1;
			again.key_column = (unsigned)event->start_mark.column + 1;
			return yamldoc_key_fault(&again, err, "given twice, first in line %u", m->key_line);
		}
	}
	b->key.p = doc_copy(b->doc, key.p, key.n);
	if (!b->key.p)
		return out_of_memory(err, b->doc->file);
	b->key.n = key.n;
	b->key_line = (unsigned)event->start_mark.line + 1;
	b->key_column = (unsigned)event->start_mark.column + 1;
	b->has_key = true;
	return 0;
}

static int add_node(struct builder *b, const yaml_event_t *event, enum yamldoc_kind kind, struct err *err) {
	struct yamldoc_node *n;

	if (++b->doc->nodes > YAMLDOC_NODES_MAX)
		return fault_at(b, event->start_mark, err, "file: too many values, at most 200000");
	n = doc_alloc(b->doc, sizeof(*n));
	if (!n)
		return out_of_memory(err, b->doc->file);
	*n = (struct yamldoc_node){
		.kind = kind,
		.line = (unsigned)event->start_mark.line + 1,
		.column = (unsigned)event->start_mark.column + 1,
		.parent = b->open,
		.file = b->doc->file,
	};
	if (kind == YAMLDOC_SCALAR) {
		n->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		n->text.n = event->data.scalar.length;
		n->text.p = doc_copy(b->doc, event->data.scalar.value, n->text.n);
		if (!n->text.p)
			return out_of_memory(err, b->doc->file);
	}
	if (b->has_key) {
		n->key = b->key;
		n->key_line = b->key_line;
		n->key_column = b->key_column;
		b->has_key = false;
	}
	if (!b->open) {
		b->doc->root = n;
	} else {
		if (b->last[b->depth])
			b->last[b->depth]->next = n;
		else
			b->open->first = n;
		b->last[b->depth] = n;
		b->open->count++;
	}
	if (kind != YAMLDOC_SCALAR) {
		if (b->depth == YAMLDOC_DEPTH_MAX)
			return fault_at(b, event->start_mark, err, "file: more than 32 levels deep");
		b->open = n;
		b->last[++b->depth] = NULL;
	}
	return 0;
}

static int close_node(struct builder *b) {
	b->open = (struct yamldoc_node *)(uintptr_t)b->open->parent;
	b->depth--;
	return 0;
}

static int add_value(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag,
                     enum yamldoc_kind kind, struct err *err) {
	if (anchor)
		return fault_at(b, event->start_mark, err, "anchor: not allowed here, write the value out where it is needed");
	if (tag)
		return fault_at(b, event->start_mark, err, "tag: not allowed here, types are known by the key");
	if (kind == YAMLDOC_SCALAR && memchr(event->data.scalar.value, '\0', event->data.scalar.length))
		return fault_at(b, event->start_mark, err, "text: must not hold a NUL");
	if (b->open && b->open->kind == YAMLDOC_MAPPING && !b->has_key)
		return add_key(b, event, err);
	return add_node(b, event, kind, err);
}

/* Takes one event; *end is set at the end of the stream. */
static int take_event(struct builder *b, const yaml_event_t *event, bool *end, struct err *err) {
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return add_value(b, event, event->data.scalar.anchor, event->data.scalar.tag, YAMLDOC_SCALAR, err);
	case YAML_SEQUENCE_START_EVENT:
		return add_value(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag, YAMLDOC_SEQUENCE,
		                 err);
	case YAML_MAPPING_START_EVENT:
		return add_value(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag, YAMLDOC_MAPPING,
		                 err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_node(b);
	case YAML_ALIAS_EVENT:
		return fault_at(b, event->start_mark, err, "alias: not allowed here, write the value out where it is needed");
	case YAML_DOCUMENT_START_EVENT:
		if (b->doc->root)
			return fault_at(b, event->start_mark, err, "file: more than one document, only one is read");
		return 0;
	case YAML_STREAM_END_EVENT:
		*end = true;
		return 0;
	default:
		return 0;
	}
}

/* Is i where libyaml takes a line to start: behind a break in any of YAML 1.1's spellings, or a byte order mark? */
static bool starts_line(struct slice text, size_t i) {
	static const char *const before[] = {"\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf"};

	if (i == 0)
		return true;
	for (size_t k = 0; k < sizeof(before) / sizeof(before[0]); k++) {
		size_t n = strlen(before[k]);

		if (i >= n && memcmp(text.p + i - n, before[k], n) == 0)
			return true;
	}
	return false;
}

/* Directives serve nothing here, and libyaml compares each with all before it: a file of them would take minutes. */
static int refuse_directives(const struct builder *b, struct err *err) {
	struct slice text = b->input;

	for (const char *at = text.p; (at = memchr(at, '%', text.n - (size_t)(at - text.p))); at++) {
		size_t i = (size_t)(at - text.p);

		if (starts_line(text, i))
			return fault_at(b, mark_of_offset(text, i), err, "directive: not allowed here, no line may start with %");
	}
	return 0;
}

int yamldoc_parse(struct yamldoc **out, const char *name, struct slice text, struct err *err) {
	struct builder b = {.input = text};
	bool end = false;
	int rc = -1;

	if (text.n > YAMLDOC_BYTES_MAX)
		return err_set(err, ERR_INPUT, "%s:1:1: file: too large, at most %u MiB", name, YAMLDOC_BYTES_MAX >> 20);
	b.doc = calloc(1, sizeof(*b.doc));
	if (!b.doc)
		return out_of_memory(err, name);
	b.doc->file = doc_copy(b.doc, name, strlen(name));
	if (!b.doc->file || !yaml_parser_initialize(&b.parser)) {
		out_of_memory(err, name);
		goto no_parser;
	}
	if (text.n > 0 && refuse_directives(&b, err) != 0)
		goto done;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
	while (!end) {
		yaml_event_t event;
		int taken;

		if (!yaml_parser_parse(&b.parser, &event)) {
			parser_fault(&b, err);
			goto done;
		}
		taken = take_event(&b, &event, &end, err);
		yaml_event_delete(&event);
		if (taken != 0)
			goto done;
	}
	*out = b.doc;
	b.doc = NULL;
	rc = 0;
done:
	yaml_parser_delete(&b.parser);
no_parser:
	yamldoc_free(&b.doc);
	return rc;
}

/* ---- reading the file ---- */

static int read_fault(struct err *err, const char *path, int why) {
	return err_set(err, err_class_of(why), "%s:1:1: cannot be read: %s", path, strerror(why));
}

int yamldoc_read_with(struct yamldoc **out, const char *path, const char *word, struct err *err) {
	struct buf text;
	struct stat st;
	int rc = -1;
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return read_fault(err, path, errno);
	buf_init(&text, YAMLDOC_BYTES_MAX + 1);
	if (fstat(fd, &st) != 0) {
		read_fault(err, path, errno);
		goto done;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_INPUT, "%s:1:1: cannot be read: %s", path,
		        S_ISDIR(st.st_mode) ? "it is a folder" : "it is no regular file");
		goto done;
	}
	if (st.st_size > YAMLDOC_BYTES_MAX) {
		err_set(err, ERR_INPUT, "%s:1:1: file: too large, at most %u MiB", path, YAMLDOC_BYTES_MAX >> 20);
		goto done;
	}
	for (;;) {
		size_t room = text.max - text.n < BLOCK_SIZE ? text.max - text.n : BLOCK_SIZE;
		char *to = room > 0 ? buf_reserve(&text, room) : NULL;
		ssize_t n;

		if (!to) {
			if (text.failed)
				out_of_memory(err, path);
			else
				err_set(err, ERR_INPUT, "%s:1:1: file: too large, at most %u MiB", path, YAMLDOC_BYTES_MAX >> 20);
			goto done;
		}
		n = read(fd, to, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			read_fault(err, path, errno);
			goto done;
		}
		if (n == 0)
			break;
		text.n += (size_t)n;
	}
	if (word && (text.n == 0 || !memmem(text.p, text.n, word, strlen(word))))
		text.n = 0;
	rc = yamldoc_parse(out, path, (struct slice){text.p, text.n}, err);
done:
	buf_release(&text);
	(void)close(fd);
	return rc;
}

int yamldoc_read(struct yamldoc **out, const char *path, struct err *err) {
	return yamldoc_read_with(out, path, NULL, err);
}
