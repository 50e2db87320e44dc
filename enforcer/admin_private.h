/* admin_private: what the files of commands share: admin.c, inventory.c. */
#ifndef PROVCTL_ADMIN_PRIVATE_H
#define PROVCTL_ADMIN_PRIVATE_H

#include "enforcer/judge_private.h"

/* Homes and networks narrower than this are taken: a slip of the pen must not open a device to a continent. */
#define ADMIN_BITS4 8
#define ADMIN_BITS6 16

/* Moves state time on and reads a device that is there and not removed; ERR_NEGATIVE otherwise. */
int admin_device(struct judge *j, const struct order *o, uint64_t mac, struct device *d, struct err *err);
int admin_store(struct judge *j, const struct order *o, const struct device *d, const char *what, const char *detail,
                struct err *err);
int admin_prefix(struct prefix at, unsigned bits4, unsigned bits6, struct err *err);
int admin_account(const char *account, struct err *err);

#endif
