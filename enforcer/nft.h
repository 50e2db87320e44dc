/* nft: the one wrapper of libnftnl and libmnl: a netlink socket, and batches in which everything is done or nothing.
 *
 * A batch is begun, filled by the nft_add and nft_delete functions, and committed. What does not fit in memory shows at the commit. One
 * table of family inet is spoken of; its name is given at nft_open. Names of sets and chains are at most 31 bytes (NFT_NAME_MAXLEN of
 * older kernels).
 */
#ifndef PROVCTL_NFT_H
#define PROVCTL_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct nft;

int nft_open(struct nft **out, const char *table, struct err *err);
void nft_close(struct nft **nft);
uint32_t nft_port(const struct nft *nft); /* the netlink port by which the kernel knows this socket */

void nft_begin(struct nft *nft);
/* Sends the batch; the kernel answers before the call returns. -1: nothing of it was done, and *why is the errno; but with ENOBUFS the
 * answer was lost, and it may have been done. EAGAIN, EBUSY, EINTR: it may be tried again as it is. */
int nft_commit(struct nft *nft, int *why, struct err *err);

/* Questions are answered by 1, by 0 where what is asked about is not there, by -1, or by this: the kernel was busy or changed while it was
 * read, so that what each() was told is void and must be asked again. */
#define NFT_AGAIN 2

/* Whether the table is there; comment gets its comment ("" for none). */
int nft_table(struct nft *nft, char *comment, size_t size, struct err *err);
void nft_add_table(struct nft *nft, const char *comment);
void nft_delete_table(struct nft *nft); /* fails where it is not there */

/* A chain without hook, or the one at prerouting before conntrack (priority raw). */
void nft_add_chain(struct nft *nft, const char *name, bool prerouting);

enum nft_key { NFT_KEY_V4, NFT_KEY_V6, NFT_KEY_PORT, NFT_KEY_MARK };

struct nft_set {
	const char *name;
	uint32_t id; /* unique in the batch, from 1 */
	enum nft_key key;
	bool ports;   /* intervals, never changed */
	bool expires; /* elements may time out, and count packets */
};
void nft_add_set(struct nft *nft, const struct nft_set *set);
/* Calls each() with every set's name. */
int nft_sets(struct nft *nft, int (*each)(void *context, const char *name), void *context, struct err *err);

struct nft_element {
	const void *key;  /* bytes in network order, as long as the set's key */
	bool end;         /* of an interval: the first key behind it */
	uint64_t timeout; /* milliseconds, 0: none */
	uint64_t packets, bytes;
};
/* Elements are gathered into as few messages as they fit into; a change of set or of verb starts another. Adding what is there already does
 * nothing to it; or, by the second, fails the batch (EEXIST), as to delete what is not there does (ENOENT). */
void nft_add_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
void nft_add_new_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
void nft_delete_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
/* Deletes all elements of a set that is there. */
void nft_flush_set(struct nft *nft, const char *name);
/* Reads the elements of a set: timeout is what is left. */
int nft_elements(struct nft *nft, const char *set,
                 int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                 struct err *err);

/* Reads those of n keys that are there, in their order; a fraction of the cost of reading the set where they are not most of it,
 * and less even then: the kernel begins a long answer anew, and passes over what it told, with every 32 KiB. */
int nft_elements_of(struct nft *nft, const struct nft_set *set, const void *const *keys, size_t n,
                    int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                    struct err *err);
/* Reads one: each() is told of it where it is there. */
int nft_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element,
                int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                struct err *err);

/* The number of the kernel's rule set: every transaction, of whatever table, makes it grow by one. */
int nft_number(struct nft *nft, uint32_t *number, struct err *err);
/* All of the table but its elements, as a digest: equal as long as nobody changed chains, rules or sets. */
int nft_digest(struct nft *nft, uint64_t *digest, struct err *err);

enum nft_verdict { NFT_DO_RETURN, NFT_DO_DROP, NFT_DO_GOTO };

/* A rule at the end of a chain: what it looks at, then what it does. */
struct nft_rule {
	const char *chain;
	uint8_t family;  /* AF_INET or AF_INET6, 0 any */
	uint8_t l4proto; /* IPPROTO_TCP or IPPROTO_UDP, 0 any */
	uint16_t port;   /* destination, 0 any */
	const struct nft_set
		*set;      /* NULL: none; ports: of the destination port; addresses: of the source, masked to bits */
	unsigned bits; /* prefix length of the family */
	enum nft_verdict verdict;
	const char *target; /* of NFT_DO_GOTO */
};
void nft_add_rule(struct nft *nft, const struct nft_rule *rule);

#endif
