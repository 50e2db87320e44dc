/* sandbox: how a program gives up what it does not need, before it reads the first byte of somebody else's.
 *
 * Order of calls, in main():
 *   sandbox_become   another user, no capabilities but those kept, no new privileges, no core dumps
 *   ...              whatever must be opened, bound, mapped, compiled or forked: nothing of it can be done later
 *   sandbox_enter    Landlock and a list of allowed system calls, as the visible last line of initialisation
 *   sandbox_seal     only behind SANDBOX_COMPILE: no executable memory from here on
 *
 * Each does all that it says or fails, and then the program must end: nothing goes on unconfined. Only Landlock is allowed to be missing, as older
 * kernels have none: sandbox_landlock says so. A forbidden system call ends the process with SIGSYS, and the kernel logs its number; a path that
 * is not in the lists is refused with EACCES. There is no way back, and no setting, variable or option that leaves any of it out.
 */
#ifndef PROVCTL_SANDBOX_H
#define PROVCTL_SANDBOX_H

#include <stdint.h>

#include "common/err.h"

/* Capabilities that sandbox_become may keep. */
enum {
	SANDBOX_NET_ADMIN = 1,
	SANDBOX_READ_ALL = 2, /* files can be read whoever owns them */
	SANDBOX_WRITE_ALL = 4 /* and written, and given away */
};

/* Becomes `user` where the caller is root; anybody else stays who he is, and whose programs run then is his business. Of root's groups nothing stays:
 * there are the user's own and those of `groups` (names, NULL-terminated; who is not there is left out). NULL as user: stays root, without the
 * capabilities. A user that does not exist is an error that tells how to make it; `setting` is named in it ("users.enforcer"). Of the caller's
 * capabilities only those in `keep` are left, in no set that survives exec. A parent-death signal that was set stays set. */
int sandbox_become(const char *user, const char *setting, unsigned keep, const char *const *groups, struct err *err);

/* Groups of system calls. Every program has these: memory that is never executable, time, waiting, reading and writing what is open already, its own
 * signals, its end. */
enum {
	SANDBOX_READ = 1,     /* files can be opened for reading, folders listed */
	SANDBOX_WRITE = 2,    /* files can be made, changed, renamed, removed, given other modes and groups */
	SANDBOX_WATCH = 4,    /* inotify */
	SANDBOX_ACCEPT = 8,   /* connections on sockets that listen already; epoll */
	SANDBOX_CONNECT = 16, /* AF_UNIX sockets can be made and connected */
	SANDBOX_NETLINK = 32, /* AF_NETLINK sockets can be made, bound and asked */
	SANDBOX_THREADS = 64, /* threads, never processes */
	SANDBOX_COMPILE = 128 /* executable memory, until sandbox_seal */
};

struct sandbox_profile {
	unsigned calls;
	/* Names of further system calls, a blank between two, or NULL; what this machine does not know is left out. */
	const char *more;
	/* Files, and folders with all that is below them, NULL-terminated, or NULL. What does not exist is left out. Everything else cannot be opened,
	 * where the kernel has Landlock; what is open stays open. */
	const char *const *readable;
	const char *const *writable;
	uint64_t memory; /* RLIMIT_DATA in bytes, 0: as it is */
	uint64_t files;  /* RLIMIT_NOFILE, 0: as it is */
};

int sandbox_enter(const struct sandbox_profile *p, struct err *err);
int sandbox_seal(struct err *err);

/* Why this kernel has no Landlock; NULL where it has. */
const char *sandbox_landlock(void);

#endif
