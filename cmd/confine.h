/* confine: what prov-analyzer and prov-enforcer give up before they hear of anybody, as provctl-security(7) promises it. Each becomes its user as soon as
 * the configuration tells who that is, and closes the door (common/sandbox.h) as the last line of its initialisation.
 */
#ifndef PROVCTL_CONFINE_H
#define PROVCTL_CONFINE_H

#include <sys/types.h>

#include "common/conf.h"
#include "common/err.h"

/* The user of the state and CAP_NET_ADMIN. Where root starts it the state is given to that user first, if it was root's. *link_group is the group that may
 * reach the event link beside that user, 0 for none. make: the folders are to be made where they are missing. */
int confine_enforcer_user(const struct conf *conf, bool make, gid_t *link_group, struct err *err);
/* Behind it: the folders of the state and of the lock-state file, and nothing else, can be written; no program can be started. */
int confine_enforcer(const struct conf *conf, struct err *err);
/* For `--apply`, whose caller stays who he is, as he says which maps are written (NULL: none): the published folder can be read, those of the maps written. */
int confine_apply(const char *published, const char *const *maps, unsigned nmaps, struct err *err);

int confine_analyzer_user(const struct conf *conf, struct err *err);
/* Behind it: the folders of the logs can be read, and nothing can be written. Executable memory can still be made: sandbox_seal ends that. */
int confine_analyzer(const struct conf *conf, const struct conf_source *sources, uint32_t nsources, struct err *err);

#endif
