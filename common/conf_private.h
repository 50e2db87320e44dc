/* conf_private: what the files of conf share. conf_table.c has the rows; conf_value.c and conf_list.c the types that rows
 * are made of;
 * conf_journal.c is the type of journals, conf_listen.c that of places to listen at;
 * conf_trigger.c reads triggers; conf_print.c prints; conf.c loads and ends a configuration.
 *
 * A row's default is written as in the file and read by the same function, so that there is one way for a value to come about.
 */
#ifndef PROVCTL_CONF_PRIVATE_H
#define PROVCTL_CONF_PRIVATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/yamldoc.h"

#define CONF_SOURCES_MAX    1024
#define CONF_TRIGGERS_MAX   256
#define CONF_PREFIXES_MAX   4096
#define CONF_PORTS_MAX      256
#define CONF_LISTENS_MAX    16
#define CONF_FOLDERS_MAX    16
#define CONF_PATTERNS_MAX   64
#define CONF_RULE_FILES_MAX 4096
#define CONF_RULE_DEPTH_MAX 8 /* of subfolders; links to folders are not followed */
#define CONF_PATH_MAX       1024
#define CONF_PATTERN_MAX    2048
#define CONF_WORD_MAX       64

struct conf_reader {
	struct conf *conf;
	char *folder; /* absolute: where relative paths start */
	struct conf_faults *faults;
	struct err *err;                     /* gets the first fault */
	unsigned count;                      /* faults so far */
	const struct yamldoc_node *triggers; /* the configuration's own; merged behind those of the rule files */
};

struct conf_row;

struct conf_type {
	const char *word; /* for the manual's reader: "duration" */
	/* Reads n into base + row->offset. A list complains of each of its items by itself and returns 0. */
	int (*read)(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
	            struct err *err);
	void (*print)(const struct conf_row *row, const void *base, FILE *out);
	void (*release)(const struct conf_row *row, void *base); /* NULL: nothing is owned */
};

struct conf_row {
	const char *name; /* "firewall.bans_per_minute" */
	const struct conf_type *type;
	size_t offset;        /* of the field in its struct */
	const char *standard; /* the default as YAML; NULL: none */
	int64_t min, max;     /* of numbers; of a list max is that of its items */
	const char *unit;     /* "" for none */
	const char *const *choices;
	size_t count; /* of a list: offset of the number of its items */
	const char *description;
};

/* Both end in a row without name. Rows of one group stand together. */
extern const struct conf_row conf_rows[];
extern const struct conf_row conf_source_rows[]; /* of one item of `sources`: offsets in struct conf_source */
#define CONF_ROWS_MAX 64

/* Keys of a trigger, and of its `when` and `do`; NULL-terminated. */
extern const char *const conf_trigger_keys[];
extern const char *const conf_trigger_when_keys[];
extern const char *const conf_trigger_do_keys[];

/* Its words, in the order of the enums; conf_trigger_by in that of the bits. */
extern const char *const conf_trigger_by[];
extern const char *const conf_trigger_counts[];
extern const char *const conf_trigger_macs[];
#define CONF_PROOFS_ALL ((1U << PROOFS) - 1)

extern const struct conf_type conf_type_bool, conf_type_choice, conf_type_switch, conf_type_number_choice,
	conf_type_count, conf_type_number, conf_type_duration, conf_type_size, conf_type_port, conf_type_length4,
	conf_type_length6, conf_type_mode, conf_type_text, conf_type_pattern, conf_type_path, conf_type_word,
	conf_type_group, conf_type_user, conf_type_table, conf_type_zone, conf_type_account, conf_type_paths,
	conf_type_patterns, conf_type_prefixes, conf_type_proxies, conf_type_journal, conf_type_ports, conf_type_all_ports,
	conf_type_sources, conf_type_triggers, conf_type_listens, conf_type_header;

/* The field of a row, and the number of a list's items. */
#define CONF_FIELD(type, row, base)    ((type *)(void *)((char *)(base) + (row)->offset))
#define CONF_FIELD_IN(type, row, base) ((type const *)(const void *)((const char *)(base) + (row)->offset))
#define CONF_COUNT(row, base)          ((uint32_t *)(void *)((char *)(base) + (row)->count))
#define CONF_COUNT_IN(row, base)       (*(const uint32_t *)(const void *)((const char *)(base) + (row)->count))

/* Tells a fault and counts it. */
void conf_complain(struct conf_reader *r, const struct err *fault);
/* Text without bytes that would break a line or a terminal, at most max bytes, copied; to be freed. NULL with the fault. */
char *conf_read_text(const struct yamldoc_node *n, size_t max, struct err *err);
/* False where it holds controls, line breaks or noncharacters: a terminal acts on them, or YAML would not give them back. */
bool conf_is_printable(struct slice s);
/* Relative paths start at the folder of the configuration file; an empty one stays empty where it may be. To be freed; NULL with the fault. */
char *conf_read_path(struct conf_reader *r, const struct yamldoc_node *n, bool may_be_empty, struct err *err);
void conf_print_text(const char *text, FILE *out);    /* in double quotes */
void conf_print_duration(int64_t seconds, FILE *out); /* to the second, unlike duration_print */

/* conf_journal.c: the name of a journal, to be freed. */
int conf_journal_name(const struct conf_journal *journal, const struct yamldoc_node *n, char **out, struct err *err);

/* conf_trigger.c: adds the triggers of one list to those in force. */
void conf_triggers_add(struct conf_reader *r, const struct yamldoc_node *list);
void conf_triggers_release(struct conf *conf);

#endif
