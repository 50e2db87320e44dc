/* hook: tells a program of the operator's, `hook` in the configuration, what the judge put into the queue of the state (store_hook_add):
 * one process for each document, one at a time and in order. A document leaves the queue when the program ended with status 0; a failure
 * is tried again at doubled intervals, and set aside after HOOK_TRIES; a program that cannot be started holds the queue up.
 *
 * The program gets the document on standard input, what it prints is kept for `status`, and it has nothing else of ours: no other
 * descriptor, no environment but PATH, no capability, and no way to gain one. It is in a process group of its own, which is killed when
 * the program ends, takes too long, or the enforcer ends. Nothing here waits: the server polls hook_poll's descriptors and calls
 * hook_step.
 */
#ifndef PROVCTL_HOOK_H
#define PROVCTL_HOOK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "enforcer/enforcer.h"

#define HOOK_TRIES   8
#define HOOK_TIME    10000 /* milliseconds for one run */
#define HOOK_GAP     100   /* milliseconds from one start to the next at least */
#define HOOK_LINGERS 30000 /* milliseconds for which a single pass works the queue off before it ends */
#define HOOK_POLLS   2

/* Makes the process that starts the program (starter.h): before the sandbox. program NULL: nothing is ever told. */
int hook_new(struct hook **out, const char *conf_file, const char *program, struct err *err);
/* The configuration was read again. */
void hook_reload(const struct hook *h);
/* Kills what runs: its document is told again. */
void hook_free(struct hook **hook);

/* Fills HOOK_POLLS entries; -1 stands where there is nothing to wait for. */
void hook_poll(const struct hook *h, struct pollfd *fds);
/* Milliseconds until hook_step has something to do, -1 for never. */
int64_t hook_wait(struct enforcer *e);
/* Reads, notices the end, starts the next; outside of transactions. */
void hook_step(struct enforcer *e);
/* Is a single pass to go on for the hook alone? */
bool hook_lingers(struct enforcer *e);
/* What was set aside is tried again, and what waits is tried now. */
int hook_retry(struct enforcer *e, struct err *err);

/* Calls each() for what needs a person. */
void hook_problems(const struct enforcer *e,
                   void (*each)(void *context, const char *what, const char *text, int64_t since), void *context);

#endif
