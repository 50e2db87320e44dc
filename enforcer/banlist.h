/* banlist: the list of bans that an enforcer publishes (the file `bans` of its folder, provctl-lockstate(5)), as a machine reads it that
 * enforces and does not decide. It is taken whole or not at all, and an old one as well as a new one: its times end by themselves.
 *
 * banlist_read or banlist_parse, banlist_release. Plain data.
 */
#ifndef PROVCTL_BANLIST_H
#define PROVCTL_BANLIST_H

#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/err.h"

struct banlist_entry {
	struct prefix at;
	int64_t until; /* TIME_NONE: no end */
};

struct banlist {
	struct banlist_entry *entries; /* in the order of their prefixes, each once, with what ends last */
	uint32_t n;
	int64_t time;  /* of the newest change that the list knows */
	uint64_t mark; /* differs where the list is another */
};

/* ERR_INPUT where the file is missing, not whole, or not understood. */
int banlist_read(struct banlist *out, const char *folder, struct err *err);
/* The bytes of such a file; path is for messages. */
int banlist_parse(struct banlist *out, struct slice text, const char *path, struct err *err);
void banlist_release(struct banlist *list);

#endif
