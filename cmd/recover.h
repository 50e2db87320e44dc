/* recover: what `prov-enforcer --recover` does and prints, for `provctl recover`: a JSON object of the state (state, sound, problem, backup,
 * time, aside), then one of each command that is to be given again (time, what, mac, ip, account, actor, reason, detail).
 */
#ifndef PROVCTL_RECOVER_H
#define PROVCTL_RECOVER_H

#include <stdbool.h>

#include "common/conf.h"
#include "common/err.h"

int recover(const struct conf *conf, bool preview, bool *busy, struct err *err);

#endif
