/* starter: the process that starts the hook. It is made before the enforcer closes its doors (common/sandbox.h), holds nothing of the enforcer's
 * but one end of a socket, has no capability and no way to gain one, and starts no other program than the one that the configuration names:
 * it reads that by itself, so that nobody who has taken over the enforcer can name another.
 *
 * It ends, and kills what runs, when the enforcer does.
 */
#ifndef PROVCTL_STARTER_H
#define PROVCTL_STARTER_H

#include <stdbool.h>

#include "common/err.h"

struct starter;

/* Forks. conf_file as given to conf_load; program is the hook that was read from it. */
int starter_new(struct starter **out, const char *conf_file, const char *program, struct err *err);
void starter_free(struct starter **s);

/* Readable when a program has ended: starter_ended then tells its status, as waitpid(2) does. */
int starter_fd(const struct starter *s);
/* 1: it ended; 0: it runs; -1: the starter itself is gone. */
int starter_ended(const struct starter *s, int *status);

/* One at a time: standard input, standard output and error, and where to write the errno (an int) of a failure to start it. They stay the caller's. */
int starter_run(const struct starter *s, int in, int out, int failure, struct err *err);
/* Kills what runs, with its children. */
void starter_kill(const struct starter *s);
/* The configuration was read again: so does the starter. */
void starter_reload(const struct starter *s);

#endif
