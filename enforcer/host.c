#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "enforcer/host.h"
#include "enforcer/netlink.h"
#include "enforcer/stream.h"

#define SETTLE   200   /* milliseconds */
#define RETRY    10000 /* milliseconds */
#define ATTEMPTS 4
#define LINE_MAX 1024

enum role { OWN, RESOLVER, GATEWAY };

static const char *const roles[] = {
	[OWN] = "an address of this host", [RESOLVER] = "a resolver of this host", [GATEWAY] = "a gateway of this host"};

struct member {
	struct addr ip;
	enum role role;
};

struct list {
	uint32_t n;
	struct member at[HOST_MAX];
};

struct host {
	int fd; /* joined to the groups that tell of changes */
	char *resolvers;
	int64_t due; /* monotonic_ms, 0 not */
	struct list list;
};

/* ---- gathering ---- */

static bool is_everybodys(struct addr a) {
	bool v4 = addr_is_v4(a);

	return addr_is_none(a) || (v4 && (a.b[12] == 0 || a.b[12] == 127 || (a.b[12] == 169 && a.b[13] == 254))) ||
	       (!v4 && a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80) || addr_same(a, (struct addr){{[15] = 1}});
}

static void add(struct list *l, struct addr ip, enum role role) {
	if (is_everybodys(ip) || l->n == HOST_MAX)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		if (addr_same(l->at[i].ip, ip))
			return;
	l->at[l->n++] = (struct member){ip, role};
}

static void add_bytes(struct list *l, const void *p, size_t n, enum role role) {
	struct addr ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	if (!p || (n != 4 && n != 16))
		return;
	memcpy(ip.b + sizeof(ip.b) - n, p, n);
	add(l, ip, role);
}

static void see_address(void *context, const struct nlmsghdr *message) {
	static const size_t skip = (sizeof(struct ifaddrmsg) + 3) & ~(size_t)3;
	size_t n;
	const void *p;

	if (message->nlmsg_type != RTM_NEWADDR)
		return;
	p = netlink_attribute(message, skip, IFA_LOCAL, &n); /* of a point-to-point link IFA_ADDRESS is the other side's */
	if (!p)
		p = netlink_attribute(message, skip, IFA_ADDRESS, &n);
	add_bytes(context, p, n, OWN);
}

static void see_via(struct list *l, const void *attributes, size_t size) {
	size_t n;
	const char *p = netlink_attribute_in(attributes, size, RTA_GATEWAY, &n);

	if (p)
		add_bytes(l, p, n, GATEWAY);
	p = netlink_attribute_in(attributes, size, RTA_VIA, &n); /* struct rtvia: the family, then the address */
	if (p && n > sizeof(struct rtvia))
		add_bytes(l, p + sizeof(struct rtvia), n - sizeof(struct rtvia), GATEWAY);
}

static void see_route(void *context, const struct nlmsghdr *message) {
	static const size_t skip = (sizeof(struct rtmsg) + 3) & ~(size_t)3;
	const char *hops;
	size_t n;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(skip))
		return;
	see_via(context, (const char *)NLMSG_DATA(message) + skip, message->nlmsg_len - NLMSG_LENGTH(skip));
	hops = netlink_attribute(message, skip, RTA_MULTIPATH, &n);
	while (hops && n >= sizeof(struct rtnexthop)) {
		struct rtnexthop hop;
		size_t whole;

		memcpy(&hop, hops, sizeof(hop));
		whole = ((size_t)hop.rtnh_len + 3) & ~(size_t)3;
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > n)
			return;
		see_via(context, hops + sizeof(hop), hop.rtnh_len - sizeof(hop));
		if (whole >= n)
			return;
		hops += whole;
		n -= whole;
	}
}

static int dump(uint16_t type, netlink_each each, const struct list *before, struct list *l, struct err *err) {
	int fd = netlink_open(NETLINK_ROUTE, err);
	int found = 0;

	if (fd < 0)
		return -1;
	for (int i = 0; i < ATTEMPTS && found == 0; i++) {
		struct {
			struct nlmsghdr header;
			struct rtmsg message; /* as large as any; zero is any family */
		} question = {.header = {.nlmsg_len = sizeof(question), .nlmsg_type = type, .nlmsg_seq = (uint32_t)i + 1}};

		*l = *before;
		found = netlink_dump(fd, &question.header, each, l, err);
	}
	(void)close(fd);
	return found == 0 ? err_set(err, ERR_SYSTEM, "addresses of this host: they change too often to be read") : found;
}

static void see_resolvers(const char *path, struct list *l) {
	FILE *file = fopen(path, "re");
	char line[LINE_MAX], word[64];
	struct addr ip;

	if (!file)
		return; /* the C library asks 127.0.0.1 then */
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "nameserver %63s", word) == 1 && addr_parse(word, strlen(word), &ip))
			add(l, ip, RESOLVER);
	(void)fclose(file);
}

static int compare(const void *a, const void *b) {
	const struct member *x = a, *y = b;

	return addr_compare(x->ip, y->ip);
}

/* Routes last: of those there may be many. */
static int gather(const struct host *h, struct list *out, struct err *err) {
	static const struct list none;
	struct list own;

	if (dump(RTM_GETADDR, see_address, &none, &own, err) < 0)
		return -1;
	see_resolvers(h->resolvers, &own);
	if (dump(RTM_GETROUTE, see_route, &own, out, err) < 0)
		return -1;
	qsort(out->at, out->n, sizeof(out->at[0]), compare);
	return 0;
}

/* ---- the public calls ---- */

int host_open(struct host **out, const char *resolvers, struct err *err) {
	static const unsigned groups[] = {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return err_errno(err, "addresses of this host");
	h->resolvers = strdup(resolvers);
	h->fd = h->resolvers ? netlink_open(NETLINK_ROUTE, err) : err_errno(err, "addresses of this host");
	if (h->fd < 0)
		goto fail;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (netlink_group(h->fd, groups[i], true, err) < 0)
			goto fail;
	if (gather(h, &h->list, err) < 0)
		goto fail;
	*out = h;
	return 0;
fail:
	host_close(&h);
	return err_prefix(err, "addresses of this host");
}

void host_close(struct host **host) {
	if (!*host)
		return;
	if ((*host)->fd >= 0)
		(void)close((*host)->fd);
	free((*host)->resolvers);
	free(*host);
	*host = NULL;
}

int host_fd(const struct host *h) {
	return h->fd;
}

static void ignore(void *context, const struct nlmsghdr *message) {
	(void)context;
	(void)message;
}

void host_hear(struct host *h) {
	(void)netlink_hear(h->fd, ignore, NULL);
	if (h->due == 0)
		h->due = monotonic_ms() + SETTLE;
}

int host_wait(const struct host *h) {
	int64_t left = h->due - monotonic_ms();

	return h->due == 0 ? -1 : left > 0 ? (int)left : 0;
}

int host_read(struct host *h, struct err *err) {
	struct list now;
	bool same;

	if (gather(h, &now, err) < 0) {
		h->due = monotonic_ms() + RETRY;
		return -1;
	}
	h->due = 0;
	same = now.n == h->list.n;
	for (uint32_t i = 0; same && i < now.n; i++)
		same = addr_same(now.at[i].ip, h->list.at[i].ip) && now.at[i].role == h->list.at[i].role;
	h->list = now;
	return same ? 0 : 1;
}

bool host_at(const struct host *h, uint32_t i, struct addr *out) {
	if (i >= h->list.n)
		return false;
	*out = h->list.at[i].ip;
	return true;
}

const char *host_why(const struct host *h, struct prefix p) {
	for (uint32_t i = 0; i < h->list.n; i++)
		if (prefix_has(p, h->list.at[i].ip))
			return roles[h->list.at[i].role];
	return NULL;
}
