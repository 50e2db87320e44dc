/* Which system calls a program may still make: the only file that knows libseccomp. What is not named here ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/sandbox_private.h"

#define NAME_MAX_LEN 32
#define ROOM         (1U << 20) /* a list takes some 200 KiB while it is made */
#define NONE         "seccomp: this machine has none, or no memory is left: nothing is read without it"

/* Whatever their arguments are. Names of other machines and of older and newer C libraries stand beside each other. */
static const struct {
	unsigned calls; /* 0: everybody's */
	const char *names;
} groups[] = {
	/* Memory, time, waiting, what is open, signals of one's own, oneself, the end. */
	{0, "brk munmap mremap madvise membarrier futex futex_time64 set_robust_list rseq restart_syscall"},
	{0, "clock_gettime clock_gettime64 clock_getres clock_getres_time64 gettimeofday time nanosleep clock_nanosleep "
        "clock_nanosleep_time64 poll ppoll ppoll_time64 eventfd2 sched_yield"},
	{0, "read readv pread64 write writev pwrite64 lseek _llseek close fstat fstat64 newfstatat fstatat64 statx fcntl "
        "fcntl64 "
        "dup sendto sendmsg recvfrom recvmsg"},
	{0, "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack exit exit_group"},
	{0, "getpid gettid getppid getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getcwd uname"},
	/* The C library's sorting, its heap and its random numbers ask for these. */
	{0, "sysinfo getrusage sched_getaffinity getcpu getrandom"},
	{SANDBOX_READ,
     "stat stat64 lstat lstat64 access faccessat faccessat2 readlink readlinkat getdents getdents64 statfs statfs64 "
     "fstatfs fstatfs64 fadvise64 fadvise64_64 memfd_create ftruncate ftruncate64"},
	{SANDBOX_WRITE,
     "open openat creat mkdir mkdirat rmdir rename renameat renameat2 unlink unlinkat link linkat fsync fdatasync "
     "fallocate chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 lchown fchownat flock utimensat "
     "umask copy_file_range sendfile sendfile64"},
	{SANDBOX_WATCH, "inotify_init1 inotify_add_watch inotify_rm_watch"},
	{SANDBOX_ACCEPT,
     "accept accept4 shutdown getsockopt setsockopt getsockname getpeername epoll_create1 epoll_ctl epoll_wait "
     "epoll_pwait epoll_pwait2"},
	{SANDBOX_CONNECT, "connect shutdown getsockopt setsockopt"},
	{SANDBOX_NETLINK, "bind getsockname getsockopt setsockopt"},
#if SANDBOX_SANITIZED
	{0,
     "ptrace clone clone3 wait4 prctl open readlink prlimit64 mmap mprotect getdents64 tgkill stat access ioctl pipe2 "
     "process_vm_readv"},
#endif
#if SANDBOX_COUNTED
	{0, "open openat mkdir access ftruncate prctl"},
#endif
};

static int failed(const char *name, int code, struct err *err) {
	errno = -code;
	return err_errno(err, "seccomp: %s", name);
}

/* A name that libseccomp or this machine does not know needs no rule: what has no name here is forbidden. */
static int allow(scmp_filter_ctx filter, const char *name, struct err *err) {
	int call = seccomp_syscall_resolve_name(name);
	int code = call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);

	return code < 0 && code != -EDOM && code != -EEXIST ? failed(name, code, err) : 0;
}

static int allow_if(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp argument, struct err *err) {
	int call = seccomp_syscall_resolve_name(name);
	int code = call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &argument);

	return code < 0 && code != -EDOM && code != -EEXIST ? failed(name, code, err) : 0;
}

static int allow_names(scmp_filter_ctx filter, const char *names, struct err *err) {
	char name[NAME_MAX_LEN];

	for (size_t n; *names; names += n + strspn(names + n, " ")) {
		n = strcspn(names, " ");
		(void)snprintf(name, sizeof(name), "%.*s", (int)n, names);
		if (allow(filter, name, err) < 0)
			return -1;
	}
	return 0;
}

static int allow_groups(scmp_filter_ctx filter, const struct sandbox_profile *p, struct err *err) {
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if ((groups[i].calls & p->calls) == groups[i].calls && allow_names(filter, groups[i].names, err) < 0)
			return -1;
	return p->more ? allow_names(filter, p->more, err) : 0;
}

/* Those that are allowed with some arguments only. */
static int allow_arguments(scmp_filter_ctx filter, unsigned calls, struct err *err) {
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC;
	const scmp_datum_t thread = CLONE_VM | CLONE_THREAD;
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct {
		unsigned calls; /* 0: everybody's */
		const char *name;
		struct scmp_arg_cmp argument;
	} rows[] = {
		{0, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{0, "mmap2", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{0, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		/* Of a stream: is it a terminal? */
		{0, "ioctl", SCMP_A1(SCMP_CMP_EQ, TCGETS)},
		/* abort(), and nobody else's end. */
		{0, "tgkill", SCMP_A0(SCMP_CMP_EQ, self)},
		/* Limits can be asked for, not changed. */
		{0, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0)},
		{SANDBOX_READ, "open", SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY)},
		{SANDBOX_READ, "openat", SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY)},
		{SANDBOX_CONNECT, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX)},
		{SANDBOX_NETLINK, "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK)},
		{SANDBOX_THREADS, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread)},
		{SANDBOX_COMPILE, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
		{SANDBOX_COMPILE, "mmap2", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
		{SANDBOX_COMPILE, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
		/* One more filter can only forbid more. */
		{SANDBOX_COMPILE, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].calls & calls) == rows[i].calls && allow_if(filter, rows[i].name, rows[i].argument, err) < 0)
			return -1;
	return (calls & SANDBOX_COMPILE) ? allow(filter, "seccomp", err) : 0;
}

/* clone3 hides its flags in memory, where no filter looks: the C library then takes clone. */
static int refuse(scmp_filter_ctx filter, const char *name, int number, struct err *err) {
	int call = seccomp_syscall_resolve_name(name);
	int code = call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)number), call, 0);

	return code < 0 && code != -EDOM ? failed(name, code, err) : 0;
}

/* Takes filter. Where a thread cannot be given it, nobody is. */
static int load(scmp_filter_ctx filter, struct err *err) {
	int code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	/* It is set already, and may not be asked for behind the first filter. */
	if (code == 0)
		code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (code == 0)
		code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (code == 0)
		code = seccomp_load(filter);
	seccomp_release(filter);
	return code < 0
	           ? failed("the kernel does not take the list of system calls, without which nothing is read", code, err)
	           : 0;
}

/* A new list, with room for all of it: where libseccomp finds no memory for a rule it leaves it out without a word, or never ends. */
static scmp_filter_ctx list_new(uint32_t otherwise, struct err *err) {
	void *volatile room = malloc(ROOM); /* a compiler may not take it for granted */
	scmp_filter_ctx filter = NULL;

	free(room);
	if (room)
		filter = seccomp_init(otherwise);
	if (!filter)
		(void)err_set(err, ERR_SYSTEM, NONE);
	return filter;
}

int sandbox_calls(const struct sandbox_profile *p, struct err *err) {
	scmp_filter_ctx filter = list_new(SCMP_ACT_KILL_PROCESS, err);

	if (!filter)
		return -1;
	if (allow_groups(filter, p, err) < 0 || allow_arguments(filter, p->calls, err) < 0 ||
	    ((p->calls & SANDBOX_THREADS) && !SANDBOX_SANITIZED && refuse(filter, "clone3", ENOSYS, err) < 0)) {
		seccomp_release(filter);
		return -1;
	}
	return load(filter, err);
}

int sandbox_seal(struct err *err) {
	static const char *const names[] = {"mmap", "mmap2", "mprotect"};
	static const char *const never[] = {"pkey_mprotect", "seccomp", "prctl"};
	const struct scmp_arg_cmp executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	scmp_filter_ctx filter = list_new(SCMP_ACT_ALLOW, err);
	int code = 0;

	if (!filter)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && code == 0; i++) {
		code = seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, seccomp_syscall_resolve_name(names[i]), 1,
		                              &executable);
		code = code == -EDOM ? 0 : code;
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]) && code == 0 && !SANDBOX_SANITIZED; i++) {
		code = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, seccomp_syscall_resolve_name(never[i]), 0);
		code = code == -EDOM ? 0 : code;
	}
	if (code < 0) {
		seccomp_release(filter);
		return failed("executable memory", code, err);
	}
	return load(filter, err);
}
