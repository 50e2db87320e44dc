/* session: from which address the person at the keyboard came here.
 */
#ifndef PROVCTL_SESSION_H
#define PROVCTL_SESSION_H

#include <stdbool.h>

#include "common/addr.h"

/* The peer of the ssh session that this process runs in, also behind sudo, which hides it from the environment. False where there is none. */
bool session_peer(struct addr *out);

#endif
