/* portal_right: which role may ask what of the enforcer through the portal: one table. What stands in no row is refused. */
#ifndef PROVCTL_PORTAL_RIGHT_H
#define PROVCTL_PORTAL_RIGHT_H

#include "enforcer/portal.h"

struct right;

/* The row for the verb (and "do") of the request, NULL where its caller's role has none. */
const struct right *right_find(const struct request *r);
/* The arguments that the verb gets: those of the request that the row names, and the account of a token that is bound to one. Others are
 * refused: ERR_POLICY where another role may give them. js_free ends it. */
int right_arguments(const struct right *right, const struct request *r, struct json **args, struct err *err);
/* Is all that the arguments (r->args) name the caller's own? What is not is "unknown", whether it exists or not. */
int right_check(const struct right *right, struct request *r, struct err *err);
struct control_verb right_verb(const struct right *right);

#endif
