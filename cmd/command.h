/* command: what every verb of provctl is given, and how it asks the enforcer and shows the answer. A verb is a row of the table in
 * provctl.c: its name, usage, options, help and function, all in its own cmd/verb_*.c.
 *
 * A verb's function returns the exit status, or -1 with err set, whose class then is the exit status. It prints results on standard
 * output and warnings by command_warn; the error itself is printed by main.
 */
#ifndef PROVCTL_COMMAND_H
#define PROVCTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/js.h"
#include "cmd/client.h"
#include "cmd/option.h"
#include "cmd/table.h"

struct command;

struct verb {
	const char *name;
	const char *usage;                /* what follows the name */
	const char *summary;              /* one line, for the list of verbs */
	const char *text;                 /* what a newcomer must know, lines of at most 78 characters */
	const struct option_row *options; /* its own; may be NULL */
	const char *example;
	int words_min, words_max; /* words_max -1: any number */
	int (*run)(struct command *c, struct err *err);
};

extern const struct verb verb_add, verb_allow, verb_analyze, verb_apply, verb_ban, verb_bans, verb_block, verb_check,
	verb_clear_exposed, verb_explain, verb_home, verb_import, verb_ip, verb_list, verb_lock, verb_log, verb_network,
	verb_pause, verb_recover, verb_remove, verb_resume, verb_show, verb_status, verb_sync, verb_test, verb_token,
	verb_unban, verb_unlock, verb_verdict, verb_window;

struct command {
	const struct verb *verb;
	struct options options;
	const char *conf_file; /* as given by -c, NULL for the default */
	const char *actor, *reason;
	bool json;
	struct conf *conf;     /* NULL until command_conf */
	struct client *client; /* NULL until the first request */
	unsigned client_flags; /* for client_open */
	int64_t now;
};

/* Loads the configuration, once. */
int command_conf(struct command *c, struct err *err);
/* Connects, once. */
int command_connect(struct command *c, struct err *err);
void command_release(struct command *c);

/* On standard error: "provctl: ..." */
void command_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts a request: {"verb": name, actor, reason; the caller adds members and the closing bracket. */
void request_begin(struct buf *b, const struct command *c, const char *verb);

/* Sends a request (which it closes by its bracket, and releases) and shows its rows: as they are with --json, else each by show(), which may be
 * NULL. Returns the exit status, or -1. */
typedef int (*show_row)(struct command *c, void *context, const struct json *row, struct err *err);
int command_ask(struct command *c, struct buf *request, show_row show, void *context, struct err *err);

/* Words and option values, checked before the enforcer is asked: -1 is bad usage. */
int word_mac(const char *text, uint64_t *mac, struct err *err);
int word_prefix(const char *text, struct prefix *at, struct err *err);
int word_ip(const char *text, struct addr *ip, struct err *err);
int put_account(struct buf *b, const struct command *c, struct err *err);  /* --account, where given */
int put_duration(struct buf *b, const struct command *c, struct err *err); /* --for as "for", where given */
void put_mac(struct buf *b, uint64_t mac);
void put_prefix(struct buf *b, const char *key, struct prefix at);

/* A member as text for people, escaped: arrays joined by ", ", "-" for null, none and "". Appends to b. */
void member_text(struct buf *b, const struct json *row, const char *key);

/* Of a line of a log, which was escaped when it was read: its backslashes stay single, and still nothing steers the terminal. */
void member_line(struct buf *b, const struct json *row, const char *key);

/* A list of rows as a table whose columns are members, streamed. */
struct listing {
	const struct table_column *columns;
	const char *const *keys;
	/* May be NULL. Gives the cell of a key that is no plain member; false: take the member. */
	bool (*cell)(struct buf *b, const struct json *row, const char *key);
	/* cell is for what cells.h cannot read; what that leaves empty is shown as `none`, if given, in the column of that key. */
	bool plain;
	struct {
		const char *key, *text;
	} none;
	struct table *table;
	struct buf own; /* of the rows that cells.h reads */
};
int listing_row(struct command *c, void *listing, const struct json *row, struct err *err);
/* command_ask with listing_row, and the end of the table. */
int command_list(struct command *c, struct buf *request, struct listing *l, struct err *err);

/* One document as lines "label:  value". key NULL ends; empty members are left out. */
struct line_row {
	const char *label, *key;
};
void show_lines(const struct json *row, const struct line_row *lines);
/* "label:  text", aligned with those; an empty label goes on with the one above; text is escaped by the caller. */
void show_line(const char *label, const char *text);

/* Of `show` and `ip`: what `explain` begins with too. */
void show_device_lines(const struct json *row);
void show_address_lines(const struct command *c, const struct json *row);

/* "until 2026-11-23T10:00:00Z (23h59m)", or "without end". */
void until_text(struct buf *b, const struct command *c, const char *until);

#endif
