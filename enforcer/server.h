/* server: who is connected to the enforcer, and the loop that serves them: one thread, which waits for all of them at once and deals with one
 * batch or one command at a time.
 */
#ifndef PROVCTL_SERVER_H
#define PROVCTL_SERVER_H

#include "enforcer/enforcer.h"

#define SERVER_CONTROLS 64
#define SERVER_LINKS    16
#define SERVER_PORTALS  16

/* Blocks the signals that it waits for, binds the sockets (but for a dry run) and takes the given descriptors. */
int server_new(struct server **out, struct enforcer *e, struct err *err);
/* Unbinds the sockets: only while the lock on the state is held. */
void server_free(struct server **s);

enum server_call { SERVER_END, SERVER_RELOAD };
/* Serves until there is something that the enforcer itself must do. */
int server_run(struct server *s, enum server_call *call, struct err *err);

#endif
