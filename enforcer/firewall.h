/* firewall: the bans in the kernel, by nftables through libnftnl and libmnl. A projection: told what is to be, it makes it so, and keeps
 * nothing that the state does not have. The table (`table inet NAME`) is ours whole: one hash set with timeouts and counters
 * per prefix length in use, and one chain at prerouting before conntrack.
 *
 * All calls are synchronous; a failure leaves the kernel as it was (one transaction each) and says why.
 */
#ifndef PROVCTL_FIREWALL_H
#define PROVCTL_FIREWALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/err.h"

struct firewall;

/* In the order in which the chain asks. */
enum firewall_list { FIREWALL_NEVER, FIREWALL_ALLOW, FIREWALL_BLOCK, FIREWALL_WINDOW, FIREWALL_BAN, FIREWALL_LISTS };

struct firewall_entry {
	enum firewall_list list;
	struct prefix at;
	int64_t left;            /* seconds until it ends, 0: no end */
	uint64_t packets, bytes; /* counted so far: continued */
};

/* Opens the netlink socket. Needs CAP_NET_ADMIN in the present network namespace. */
int firewall_open(struct firewall **out, const struct conf *conf, struct err *err);
void firewall_close(struct firewall **fw);

/* Who keeps the table, which is said in its comment: this machine's enforcer, unless set. The table of another keeper is left alone. */
#define FIREWALL_ENFORCER "provctl"
#define FIREWALL_APPLY    "provctl apply"
void firewall_set_keeper(struct firewall *fw, const char *keeper);

/* All of the configuration that shapes the table, hashed on from seed. */
uint64_t firewall_shape(const struct conf *conf, uint64_t seed);

/* next() gives one entry after the other: 1, 0 at the end, -1 failed. Replaces the whole table in one transaction and
 * stamps it with `generation`. */
int firewall_replace(struct firewall *fw, uint64_t generation,
                     int (*next)(void *context, struct firewall_entry *entry, struct err *err), void *context,
                     struct err *err);
/* Adds, extends (deletes and adds) or, where gone is set, removes entries, in one transaction. Where the kernel has not what is assumed
 * (table missing, set missing), -1 with *replace set: firewall_replace is due. */
struct firewall_change {
	struct firewall_entry entry;
	bool gone;
};
int firewall_change(struct firewall *fw, uint64_t generation, const struct firewall_change *changes, uint32_t n,
                    bool *replace, struct err *err);
/* 1: the table is there and carries this generation; 0: not so. */
int firewall_is_current(struct firewall *fw, uint64_t generation, struct err *err);
/* Every element as the kernel has it, with its counters. 1; 0 where there is no table; -1. */
int firewall_each(struct firewall *fw, int (*each)(void *context, const struct firewall_entry *entry, struct err *err),
                  void *context, struct err *err);
/* Removes the table. */
int firewall_remove(struct firewall *fw, struct err *err);

#endif
