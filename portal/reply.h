/* reply: the enforcer's answer as one of HTTP. */
#ifndef PROVCTL_REPLY_H
#define PROVCTL_REPLY_H

#include "portal/http.h"
#include "portal/route.h"
#include "portal/upstream.h"

/* True where the token was not good. */
bool reply_is_unauthorised(const struct upstream_answer *from);
/* `more` is appended to SHAPE_TEXT. Returns what only the operator should read, or NULL. */
const char *reply_answer(struct http_answer *a, const struct route *route, const struct upstream_answer *from,
                         struct slice more);

#endif
