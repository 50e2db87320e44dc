/* firewall_private: what firewall.c (transactions), firewall_read.c (questions) and firewall_frame.c (what the table is made of) share.
 */
#ifndef PROVCTL_FIREWALL_PRIVATE_H
#define PROVCTL_FIREWALL_PRIVATE_H

#include "enforcer/firewall.h"
#include "enforcer/nft.h"
#include "enforcer/nft_watch.h"

#define LENGTHS  129 /* 0 to 128 */
#define SET_NAME 20

#define FIREWALL_ATTEMPTS 4 /* at a transaction, or at a look at a rule set that others change meanwhile */

struct firewall {
	struct nft *nft;
	struct nft_watch *watch;
	const struct conf *conf;
	const char *keeper; /* the table's comment */
	bool touched;       /* somebody changed the table */
	bool unsure;        /* somebody may have changed the table while nobody listened */
	uint32_t
		number; /* of the kernel's rule set: up to it all changes to the table were ours, where not unsure; 0 not known */
	uint64_t digest; /* of the table as we made it, 0 not known */
	/* Which sets the kernel has, as far as this process knows; used only where learnt. */
	bool learnt;
	bool has[FIREWALL_LISTS][2][LENGTHS];
};

struct set_at {
	enum firewall_list list;
	bool v6;
	unsigned length; /* as users write it */
};

struct set_at firewall_set_of(enum firewall_list list, struct prefix p);
struct nft_set firewall_set(struct set_at at, char name[SET_NAME]);
bool firewall_set_parse(const char *name, struct set_at *at);
/* Borrows the entry's address. */
struct nft_element firewall_element(const struct firewall_entry *entry, struct set_at at);

extern const struct nft_set firewall_generation_set;
void firewall_put_generation(struct nft *nft, uint64_t generation);

/* Into a batch that makes the table: chains, ports and generation; then the sets, and at last the rules that ask them. */
void firewall_add_frame(struct firewall *fw, uint64_t generation);
void firewall_add_sets(struct firewall *fw);
void firewall_add_lookups(struct firewall *fw);

/* Which sets the kernel has. 1, 0 where there is no table, -1. */
int firewall_learn(struct firewall *fw, struct err *err);
int firewall_digest(struct firewall *fw, uint64_t *out, struct err *err);
int firewall_number(struct firewall *fw, uint32_t *out, struct err *err);
/* A table of our name that does not say it is ours belongs to somebody else, and is left alone: -1. */
int firewall_is_ours(struct firewall *fw, bool *there, struct err *err);

#endif
