/* caller: whose request this is. The address of the connection; or, only where that is a trusted proxy's, the rightmost forwarded one that is no
 * trusted proxy. Whatever else a request says of addresses is nobody's.
 */
#ifndef PROVCTL_CALLER_H
#define PROVCTL_CALLER_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"

bool caller_is_proxy(const struct conf *conf, struct addr ip);

/* peer: of the connection, none for a Unix socket. forwarded: the values of the one header in the order of their lines, joined by commas; p NULL where
 * there is none. False where the address is not known: a proxy that did not tell it, or not in words of an address. */
bool caller_address(const struct conf *conf, struct addr peer, bool is_proxy, struct slice forwarded, struct addr *out);

/* As addresses are counted by: of IPv6 the /64. */
struct addr caller_counted(struct addr ip);

#endif
