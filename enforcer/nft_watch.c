#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "enforcer/netlink.h"
#include "enforcer/nft_watch.h"

/* Whatever it is of - table, chain, set, rule, element - a message's first attribute is the table's name. */
#define ATTRIBUTE_TABLE 1
static_assert(NFTA_TABLE_NAME == ATTRIBUTE_TABLE && NFTA_CHAIN_TABLE == ATTRIBUTE_TABLE &&
                  NFTA_RULE_TABLE == ATTRIBUTE_TABLE && NFTA_SET_TABLE == ATTRIBUTE_TABLE &&
                  NFTA_SET_ELEM_LIST_TABLE == ATTRIBUTE_TABLE,
              "the table of a message");

struct nft_watch {
	int fd;
	uint32_t own;
	char *table;
	bool touched;
	uint32_t number;
	bool numbered;
};

int nft_watch_open(struct nft_watch **out, const char *table, uint32_t own, struct err *err) {
	struct nft_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_errno(err, "firewall");
	w->own = own;
	w->table = strdup(table);
	w->fd = w->table ? netlink_open(NETLINK_NETFILTER, err) : err_errno(err, "firewall");
	if (w->fd < 0) {
		nft_watch_close(&w);
		return -1;
	}
	*out = w;
	return 0;
}

void nft_watch_close(struct nft_watch **w) {
	if (!*w)
		return;
	if ((*w)->fd >= 0)
		(void)close((*w)->fd);
	free((*w)->table);
	free(*w);
	*w = NULL;
}

int nft_watch_fd(const struct nft_watch *w) {
	return w->fd;
}

int nft_watch_listen(struct nft_watch *w, bool on, struct err *err) {
	return netlink_group(w->fd, NFNLGRP_NFTABLES, on, err);
}

static void hear(void *context, const struct nlmsghdr *message) {
	struct nft_watch *w = context;
	const struct nfgenmsg *general = NLMSG_DATA(message);
	const char *name;
	uint32_t number;
	size_t n;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*general)) || message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		const void *value = netlink_attribute(message, sizeof(*general), NFTA_GEN_ID, &n);

		if (value && n == sizeof(number)) {
			memcpy(&number, value, sizeof(number));
			w->number = ntohl(number);
			w->numbered = true;
		}
		return;
	}
	if (message->nlmsg_pid == w->own)
		return;
	name = netlink_attribute(message, sizeof(*general), ATTRIBUTE_TABLE, &n);
	if (general->nfgen_family == NFPROTO_INET && name && n == strlen(w->table) + 1 && memcmp(name, w->table, n) == 0)
		w->touched = true;
}

enum nft_heard nft_watch_hear(struct nft_watch *w, uint32_t *number) {
	w->touched = w->numbered = false;
	if (netlink_hear(w->fd, hear, w) < 0)
		return NFT_HEARD_LOST;
	if (w->numbered)
		*number = w->number;
	return w->touched ? NFT_HEARD_TOUCHED : NFT_HEARD_NOTHING;
}
