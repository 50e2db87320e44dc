/* client, between its phases: client.c finds an enforcer, client_child.c becomes one, client_request.c asks it. */
#ifndef PROVCTL_CLIENT_PRIVATE_H
#define PROVCTL_CLIENT_PRIVATE_H

#include "cmd/client.h"

struct client {
	int fd;     /* commands */
	int events; /* -1 without */
	int errors; /* the child's standard error, -1 without a child */
	pid_t child;
	struct buf in;
	size_t at; /* where the next frame begins in it */
};

/* client.c */
int64_t client_now(void); /* milliseconds of a clock that nobody sets */
void client_close_fd(int *fd);

/* client_child.c. Starts a child on a pair of sockets. */
int client_become(struct client *c, const char *conf_file, unsigned flags, struct err *err);
/* The child ended before it greeted: 0 busy, -1 it cannot, and why. */
int client_refused(struct client *c, struct err *err);
/* The last line of what the child said, without its name. "" where it said nothing. */
void client_last_words(struct client *c, char *out, size_t size);
/* Ends what is left of an attempt, and waits for the child. */
void client_let_go(struct client *c);

/* client_request.c. 1 a frame, its body borrowed until the next call; 0 the other side has ended; -1 it broke, or took longer than till (0: no
 * limit). */
#define CLIENT_FRAME_MAX (64U << 20) /* of an answer */
int client_read_frame(struct client *c, int64_t till, char *tag, struct slice *body, size_t *whole, struct err *err);

#endif
