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
/* Adds, extends (deletes and adds) or, where gone is set, removes entries, in one transaction. What the kernel counted of those that it had
 * goes on, and stands in the entries afterwards. Where the kernel has not what is assumed (table missing, set missing), -1 with *replace set:
 * firewall_replace is due. What fails because others are at work is tried again a few times. */
struct firewall_change {
	struct firewall_entry entry;
	bool gone;
	bool had; /* out: the kernel had it */
};
int firewall_change(struct firewall *fw, uint64_t generation, struct firewall_change *changes, uint32_t n,
                    bool *replace, struct err *err);

/* 1: the table is there and carries this generation; 0: not so. */
int firewall_is_current(struct firewall *fw, uint64_t generation, struct err *err);
/* Every element as the kernel has it, with its counters, in the order of firewall_compare; the caller frees *out. 1; 0 where there is
 * no table; -1. A hundred thousand take about a second. */
int firewall_read(struct firewall *fw, struct firewall_entry **out, size_t *n, struct err *err);
/* What the kernel counted of these, into them where it is more than they have; half the cost of firewall_read. What is not there stays as it is. */
int firewall_count(struct firewall *fw, struct firewall_entry *entries, size_t n, struct err *err);
/* One of them. 1, 0, -1. */
int firewall_look(struct firewall *fw, enum firewall_list list, struct prefix at, struct firewall_entry *out,
                  struct err *err);
/* By list, address and length. */
int firewall_compare(const struct firewall_entry *a, const struct firewall_entry *b);

/* ---- has anybody else changed the table? ---- while this is open the kernel tells; across two lives of it what was noted does. */

/* Readable where there is something to hear. */
int firewall_fd(const struct firewall *fw);
enum firewall_heard {
	FIREWALL_UNTOUCHED,
	FIREWALL_TOUCHED, /* by somebody else */
	FIREWALL_UNSURE   /* perhaps: not all was heard; firewall_check tells */
};
/* Says so until the table is made anew or checked. */
enum firewall_heard firewall_hear(struct firewall *fw);

/* What to keep until the next firewall_open. */
struct firewall_noted {
	uint32_t number; /* of the kernel's rule set, 0 not known: as long as it is the same, nobody changed anything */
	uint64_t digest; /* of the table without its elements, 0 not known */
};
struct firewall_noted firewall_note(struct firewall *fw);

enum firewall_standing {
	FIREWALL_GONE,     /* no table */
	FIREWALL_STALE,    /* not of this generation */
	FIREWALL_ALTERED,  /* its chains, rules or sets are not those that were made */
	FIREWALL_ELEMENTS, /* they are; of the elements it is not known: compare them (firewall_read) */
	FIREWALL_CURRENT
};
/* noted NULL: as this process knows it. Cheap: the elements are not read. What others change from then on is heard. */
int firewall_check(struct firewall *fw, uint64_t generation, const struct firewall_noted *noted,
                   enum firewall_standing *out, struct err *err);

#endif
