/* verb: the enforcer's side of each verb, the rows of control.c's table; and what they share: arguments taken from a request,
 * and the JSON rows that `provctl --json` prints as they are.
 *
 * Every argument is checked here again, as the client is any process with the right uid. Arguments by name are documented at each
 * verb's function. Rows are the words of the manual: mac, ip, time, state, home, reason, until, account ...
 */
#ifndef PROVCTL_VERB_H
#define PROVCTL_VERB_H

#include "enforcer/control.h"

/* verb_device.c */
int verb_unlock(struct request *r, struct err *err);
int verb_lock(struct request *r, struct err *err);
int verb_home(struct request *r, struct err *err);
int verb_clear_exposed(struct request *r, struct err *err);
int verb_add(struct request *r, struct err *err);
int verb_remove(struct request *r, struct err *err);
/* verb_inventory.c */
int verb_import(struct request *r, struct err *err);
int verb_list(struct request *r, struct err *err);
int verb_show(struct request *r, struct err *err);
/* verb_place.c */
int verb_network(struct request *r, struct err *err);
int verb_window(struct request *r, struct err *err);
/* verb_address.c */
int verb_ban(struct request *r, struct err *err);
int verb_block(struct request *r, struct err *err);
int verb_allow(struct request *r, struct err *err);
int verb_unban(struct request *r, struct err *err);
int verb_bans(struct request *r, struct err *err); /* reads only */
int verb_ip(struct request *r, struct err *err);   /* reads only */
/* verb_state.c; status in verb_status.c */
int verb_status(struct request *r, struct err *err);  /* reads only */
int verb_log(struct request *r, struct err *err);     /* reads only */
int verb_verdict(struct request *r, struct err *err); /* reads only */
int verb_sync(struct request *r, struct err *err);
int verb_pause(struct request *r, struct err *err);
int verb_resume(struct request *r, struct err *err);
/* verb_summary.c */
int verb_summary(struct request *r, struct err *err); /* reads only */
/* verb_metrics.c */
int verb_metrics(struct request *r, struct err *err); /* reads only */
/* verb_token.c */
int verb_token(struct request *r, struct err *err);
/* explain.c */
int verb_explain(struct request *r, struct err *err); /* reads only */

/* Arguments. Missing or unreadable: -1, ERR_INPUT, naming the argument. */
int arg_mac(const struct request *r, uint64_t *mac, struct err *err); /* "mac" */
int arg_prefix(const struct request *r, const char *key, struct prefix *at, struct err *err);
int arg_ip(const struct request *r, struct addr *ip, struct err *err);           /* "ip" */
int arg_account(const struct request *r, const char **account, struct err *err); /* "account"; NULL where missing */
/* "for", seconds: *lasts is `otherwise` where missing. */
int arg_lasts(const struct request *r, int64_t otherwise, int64_t *lasts, struct err *err);

/* The device of "mac": -1 with ERR_NEGATIVE where it is unknown. A removed one only where `removed`. */
int verb_device(struct request *r, uint64_t mac, bool removed, struct device *d, struct err *err);
/* A listing sends what it has when that has grown enough. */
int verb_page(struct request *r, struct err *err);

/* Members of an object that is open in b. */
void row_prefix(struct buf *b, const char *key, struct prefix p);
void row_prefix_of(struct buf *b, const char *key, const struct prefix *p); /* null for NULL */
void row_addr(struct buf *b, const char *key, struct addr ip);              /* null for none */
void row_mac(struct buf *b, const char *key, uint64_t mac);                 /* null for none */
/* mac, account, state, reason, until, home, custom, exposed, moved: a line of `list`, at r->now. */
void row_device(struct request *r, struct buf *b, const struct device *d);
/* On the portal's socket: device_version, which row_details always has. */
void row_version(struct request *r, struct buf *b, const struct device *d);
void row_ban(struct request *r, struct buf *b, const struct ban *ban);
/* Who may see some devices alone is not told where it stood in which log, nor who of the provider's users did it. */
/* id, role, account, macs: who a token is for. */
void row_token(struct buf *b, const struct token *t);
void row_record(const struct request *r, struct buf *b, const struct record *record);

/* What `ip` and `explain` tell of an address: gathered whole before its row is begun, as a row cannot fail half-way. */
struct address {
	struct addr ip; /* in */
	unsigned status, nbans;
	const char *never; /* why, NULL where it may be banned */
	struct residents residents;
	struct ban bans[3]; /* the allow, the block, the ban that holds it */
};
int address_gather(struct request *r, struct address *a, struct err *err);
void row_address(struct request *r, struct buf *b, const struct address *a);

/* What `show` and `explain` tell of a device. details_release even where gathering failed. */
struct details {
	struct device device;
	struct buf users; /* JSON */
	int64_t registered;
	struct addr registered_at;
};
int details_gather(struct request *r, uint64_t mac, bool removed, struct details *d, struct err *err);
void details_release(struct details *d);
void row_details(struct request *r, struct buf *b, const struct details *details);

#endif
