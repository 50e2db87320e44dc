/* geo: country and autonomous system of an address: the one wrapper of maxminddb.h. Databases are copied into memory, so that one that is
 * overwritten in place hurts nobody, and reread when replaced. */
#ifndef PROVCTL_GEO_H
#define PROVCTL_GEO_H

#include <stdint.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/err.h"

struct geo;

/* Fails only where memory is out; a database that cannot be read is a problem, told by geo_problem, and looked at again. */
int geo_open(struct geo **out, const struct conf *conf, struct err *err);
void geo_close(struct geo **geo);
/* Rereads what was replaced (another inode, size or time); looks at most once a second. */
void geo_refresh(struct geo *geo);
/* Unknown is two NUL, and 0; so it is for NULL as geo. */
void geo_find(struct geo *geo, struct addr ip, char country[2], uint32_t *asn);
/* "" for none. */
const char *geo_problem(const struct geo *geo);

#endif
