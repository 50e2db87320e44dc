/* projection: keeps the published files and the kernel's bans as the state says. Both can be written anew at any time from the
 * state alone. A projection that fails is kept as a problem for `status` and tried again, first after a second, then at
 * doubled intervals up to a minute; the state is never held up by it, nor changed.
 *
 * The kernel's table carries a stamp, made of the number "firewall.generation" of the state and of all configuration that shapes the table.
 * The number changes in the transaction that changes a ban, so that a table with the present stamp is what the state says, whoever died when.
 */
#ifndef PROVCTL_PROJECTION_H
#define PROVCTL_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "enforcer/enforcer.h"

/* A dry run has a projection that writes nothing. */
int projection_new(struct projection **out, struct err *err);
void projection_free(struct projection **p);

/* Inside a transaction that changes the portal's tokens. */
void projection_tokens_changed(struct enforcer *e);
/* Inside a transaction, before its commit: moves the generation on where it changes what the firewall must hold. */
int projection_prepare(struct enforcer *e, struct err *err);
/* After a commit. The firewall follows at once, the files at once too where `now`, else at most every second. -1 with the reason
 * where something could not be written: it stays due. Retries that are waiting are not waited for: a call with `now` tries at once. */
int projection_follow(struct enforcer *e, bool now, struct err *err);
/* After the commit of a command: what that transaction changed is in force when this returns; what batches left for later stays for later. */
int projection_answer(struct enforcer *e, struct err *err);
/* After the commit of a command that another one of its kind follows. */
void projection_later(struct enforcer *e);
/* Makes both agree with the state: only where they do not, or whatever they hold with `everything`. */
int projection_sync(struct enforcer *e, bool everything, struct err *err);
/* Milliseconds until projection_tick has something to do; -1 for never. */
int projection_wait(const struct enforcer *e);
void projection_tick(struct enforcer *e);
/* Readable where the kernel tells of a change to nftables, -1 where it is not asked; then, and after whatever else was done, projection_heard:
 * what others did to the table is undone within half a second. */
int projection_fd(const struct enforcer *e);
void projection_heard(struct enforcer *e);
/* The addresses of the host are others now. */
void projection_host_changed(struct enforcer *e);
/* Takes the kernel's counters into the state, where that has not just been done. Not within a transaction. */
void projection_counts(struct enforcer *e);
/* Of one ban, as it is told to somebody: what the kernel counted up to now. */
void projection_look(struct enforcer *e, struct ban *ban);
/* At the end: notes how the kernel is left, for the next enforcer to know whether others changed it. */
int projection_leave(struct enforcer *e, struct err *err);
/* Before the configuration is replaced: lets go of what borrows it. A projection_sync must follow. */
void projection_release(struct projection *p);

/* Standing problems, "" for none, and since when. */
struct projection_problems {
	const char *firewall, *files, *tokens;
	int64_t firewall_since, files_since, tokens_since;
};
void projection_problems(const struct projection *p, struct projection_problems *out);

/* Is the event one that the firewall should have stopped: from an address 5 s or more after its ban was installed? */
int projection_leak(struct enforcer *e, const struct event *event, bool *leak, struct err *err);

#endif
