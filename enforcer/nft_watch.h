/* nft_watch: hears who changes nftables, so that what others do to our table is known at once.
 *
 * The kernel tells of every transaction: the objects that it changed, then the number of the rule set, which grows by one with each.
 * With it comes the netlink port of who did it, so that our own doing is not taken for somebody else's.
 */
#ifndef PROVCTL_NFT_WATCH_H
#define PROVCTL_NFT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct nft_watch;

/* own: the port whose changes are ours. Does not listen yet. */
int nft_watch_open(struct nft_watch **out, const char *table, uint32_t own, struct err *err);
void nft_watch_close(struct nft_watch **w);
/* Readable where there is something to hear. */
int nft_watch_fd(const struct nft_watch *w);
int nft_watch_listen(struct nft_watch *w, bool on, struct err *err);

enum nft_heard {
	NFT_HEARD_NOTHING, /* of our table */
	NFT_HEARD_TOUCHED, /* somebody changed something of the table */
	NFT_HEARD_LOST     /* the kernel told more than could be kept: it is not known */
};
/* Takes in what was told since the last call. *number becomes that of the newest rule set, where there was one. */
enum nft_heard nft_watch_hear(struct nft_watch *w, uint32_t *number);

#endif
