/* host: the addresses on which this machine depends, and which nothing may ban: its own, its gateways' and its resolvers'. They are
 * asked of the kernel (rtnetlink) and of /etc/resolv.conf at the start, and again when the kernel tells that addresses or routes changed.
 * Loopback and link-local ones are left out: they are never banned anyway.
 */
#ifndef PROVCTL_HOST_H
#define PROVCTL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

#define HOST_MAX 1024 /* addresses; of a machine with more, gateways are left out */

#define HOST_RESOLVERS "/etc/resolv.conf"

struct host;

int host_open(struct host **out, const char *resolvers, struct err *err); /* resolvers: a file as resolv.conf(5) */
void host_close(struct host **host);

/* Readable where something changed: host_hear then takes it in. */
int host_fd(const struct host *h);
void host_hear(struct host *h);
/* Milliseconds until host_read is due after that, -1 for never: changes come in flocks. */
int host_wait(const struct host *h);
/* Reads all anew. 1 where it is not what it was, 0, -1 (it stays what it was, and is due again in a while). */
int host_read(struct host *h, struct err *err);

/* The i-th, in order of addresses; false past the last. */
bool host_at(const struct host *h, uint32_t i, struct addr *out);
/* What of the host's lies in p: "an address of this host", NULL for nothing. */
const char *host_why(const struct host *h, struct prefix p);

#endif
