/* publish_tokens: the hashes of verdict tokens, for the portal, which answers those while no enforcer runs: STATE/publish-portal/tokens. A projection as
 * those of publish.h are: a function of the state, written beside itself, synced and renamed, and only where it is another.
 *
 *   provctl-tokens 1
 *   verdict ID HASH UNTIL
 *   end N
 *
 * HASH is common/token.h's, in hex; UNTIL is seconds since the epoch, or "-"; N is how many verdict lines there are: a file without it is not whole.
 * The file (0640) and its folder (0750) are of the group portal.group.
 */
#ifndef PROVCTL_PUBLISH_TOKENS_H
#define PROVCTL_PUBLISH_TOKENS_H

#include "common/conf.h"
#include "common/err.h"
#include "enforcer/store.h"

int publish_tokens(struct store *s, const struct conf *conf, int64_t now, struct err *err);

#endif
