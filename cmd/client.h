/* client: how provctl reaches the enforcer, or becomes it for one command. client_open connects to the socket of the running
 * enforcer; where none runs it starts `prov-enforcer --once` on a pair of sockets (the lock on the state decides who it is; where
 * another one was quicker, that one is connected to). The child ends when the client is closed, and when its parent dies.
 */
#ifndef PROVCTL_CLIENT_H
#define PROVCTL_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"

struct client;

enum {
	CLIENT_EVENTS = 1, /* the event link too: client_events */
	CLIENT_COPY = 2,   /* a copy of the state in memory: nothing stays of what is done there */
	CLIENT_REACH = 4,  /* only one that runs, now: none is become */
	/* For long: what the terminal's ^C means is told to the child by its parent. Who may only bring events has a client without a connection for
	 * commands (client_fd is -1): client_link serves it. */
	CLIENT_STAY = 8
};

/* conf_file: as given by -c, NULL for the default; conf is what was read from it. */
int client_open(struct client **out, const char *conf_file, const struct conf *conf, unsigned flags, struct err *err);
/* Waits for a child to end. */
void client_close(struct client **c);

/* The event link, CLOEXEC, owned by the client; a child that is to have it gets it by dup. client_events_done closes it here. */
int client_events(const struct client *c);
void client_events_done(struct client *c);

/* Another event link, to the same enforcer or its successor; the caller's. */
int client_link(const struct conf *conf, int *fd, struct err *err);
/* The connection for commands: between requests it can be read only when the enforcer has ended or let us go. */
int client_fd(const struct client *c);
/* Of an enforcer that we became: its process, 0 for another's; and its standard error, which must not be waited for, -1 for another's. */
pid_t client_child(const struct client *c);
int client_errors(const struct client *c);

/* What a signal that ended one of our programs says: "signal 9", or of SIGSYS that its sandbox was violated, and where to look. */
#define CLIENT_SIGNAL_TEXT 192
void client_signal(int number, char out[CLIENT_SIGNAL_TEXT]);

/* row: one JSON object, without a line break; -1 ends the request with err. May be NULL. */
struct client_reader {
	int (*row)(void *context, struct slice json, struct err *err);
	void *context;
};
/* Sends one request ({"verb": ...}) and reads its answer. 0 with *exit as the enforcer said; -1 where it failed, with the class and the text of
 * what went wrong (the class is the exit status). */
int client_request(struct client *c, struct slice request, const struct client_reader *reader, int *exit,
                   struct err *err);

/* The path of one of our own programs ("prov-enforcer"): beside provctl where it is run from a build tree, else in the libexec folder. */
int client_program(const char *name, char *out, size_t size, struct err *err);

#endif
