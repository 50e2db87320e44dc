/* listen: the sockets that people and web servers connect to: those of portal.listen, or those that the service manager gives (LISTEN_FDS). */
#ifndef PROVCTL_LISTEN_H
#define PROVCTL_LISTEN_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/err.h"

#define LISTEN_MAX 16

struct listeners {
	unsigned n;
	int fd[LISTEN_MAX];
};

/* None blocks. The path of a Unix socket stays behind, since who closed the door cannot remove it; the next one to listen there does. */
int listen_all(struct listeners *l, const struct conf *conf, struct err *err);
void listen_end(struct listeners *l);
/* Accepts one: -1 where none is there. peer is none for a Unix socket. */
int listen_accept(int listener, struct addr *peer);

#endif
