/* nft_private: what nft.c (the socket, batches and what fills them) and nft_ask.c (reading the kernel's tables back) share. Nobody else
 * includes it, and nobody but these two sees libnftnl and libmnl.
 */
#ifndef PROVCTL_NFT_PRIVATE_H
#define PROVCTL_NFT_PRIVATE_H

#include <linux/netlink.h>

#include "common/buf.h"
#include "enforcer/nft.h"

#define NFT_ANSWER_MAX (64U << 10)

struct mnl_socket;
struct nftnl_set;

struct nft {
	struct mnl_socket *socket;
	uint32_t portid;
	uint32_t seq;
	char *table;
	struct buf batch;
	uint32_t first_seq; /* of the batch */
	uint32_t last_seq;  /* of the newest message; it asks for an answer */
	size_t last_at;
	bool failed; /* out of memory while the batch was filled */
	/* Elements being gathered. */
	struct nftnl_set *gathered;
	uint32_t ngathered;
	uint16_t gathered_verb, gathered_flags;
	char gathered_name[32];
	_Alignas(struct nlmsghdr) char answer[NFT_ANSWER_MAX];
};

/* "firewall: WHAT: " and what errno says, with what to do about it where that is known. Always -1. */
int nft_failed(const char *what, struct err *err);
uint32_t nft_key_size(enum nft_key key);

#endif
