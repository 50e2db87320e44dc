/* netlink: what hears of and asks about the kernel's own state: nft_watch.c (who changed the rule set) and host.c (addresses and routes).
 * A socket is a plain descriptor, closed by close().
 */
#ifndef PROVCTL_NETLINK_H
#define PROVCTL_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/netlink.h>

#include "common/err.h"

/* A bound socket of a protocol (NETLINK_ROUTE ...) that does not block; -1. */
int netlink_open(int protocol, struct err *err);
/* Joins or leaves a group of notifications. */
int netlink_group(int fd, unsigned group, bool join, struct err *err);

typedef void (*netlink_each)(void *context, const struct nlmsghdr *message);
/* Hands on what has been queued, without waiting. -1: something was lost on the way, so that all must be asked anew. */
int netlink_hear(int fd, netlink_each each, void *context);
/* Sends a question that asks for a dump and hands on its answers. 1; 0: what is asked about changed meanwhile, ask again; -1. */
int netlink_dump(int fd, struct nlmsghdr *question, netlink_each each, void *context, struct err *err);

/* An attribute of a message whose attributes begin `skip` bytes into its payload. NULL where it has none of that type. */
const void *netlink_attribute(const struct nlmsghdr *message, size_t skip, unsigned type, size_t *n);
/* The same in a run of attributes. */
const void *netlink_attribute_in(const void *attributes, size_t size, unsigned type, size_t *n);

#endif
