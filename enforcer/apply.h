/* apply: makes a published list of bans true on a machine that decides nothing itself: in its firewall, or in a file that its web
 * server or balancer reads. What firewall.never, trusted_proxies and the host's own talk hold is left out wherever it is done.
 *
 * Each call replaces what the former one made, in one step, and only where it is to be another; a failure leaves it as it was.
 */
#ifndef PROVCTL_APPLY_H
#define PROVCTL_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "enforcer/banlist.h"

struct applied {
	uint32_t bans; /* in force */
	bool changed;
};

/* Into `table inet NAME` of the configuration, whose bans end in the kernel, at their times; this machine's own addresses, gateways and
 * resolvers go before them. The table that an enforcer of this machine keeps
 * is refused (ERR_POLICY), and so is `firewall.backend: none`. */
int apply_firewall(struct applied *out, const struct conf *conf, const struct banlist *list, int64_t now,
                   struct err *err);

/* nginx: lines "PREFIX 1;" to be included by a `geo` block; HAProxy: one prefix a line, for `-f` of an ACL. Such files know no times: a
 * ban that is over leaves at the next call. */
enum apply_map { APPLY_NGINX, APPLY_HAPROXY };
int apply_map(struct applied *out, const struct conf *conf, const struct banlist *list, int64_t now, enum apply_map map,
              const char *path, struct err *err);

#endif
