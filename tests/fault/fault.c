/* fault: loaded before libc (LD_PRELOAD) into a program under test, it makes one call fail, cut short, or end the program; or only counts
 * the calls.
 *
 *   FAULT=PROGRAM:GROUP:N[+]:WHAT   the Nth call of the group (from 1; 0: none; with +, all from there on) in processes of that name
 *   FAULT_COUNTS=FILE               where the calls of each group are counted, and hits: as many u64 as there are groups, and one more
 *
 * WHAT is the name of an error, `short` (half of what was asked for is read or written), `kill` or `stop` (the signal). A group is a row of
 * groups[]; `PROGRAM` is a process's name as the kernel has it at its start. Memory of the loader and of libc itself is not counted,
 * nor libseccomp's, which leaves out of its lists without a word what it finds no memory for, or never ends: our programs make sure of it before.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum group { WRITE, GROW, SYNC, READ, OPEN, RENAME, SEND, RECEIVE, MEMORY, MAP, GROUPS };

static const char *const groups[GROUPS] = {"write",  "grow", "sync",    "read",   "open",
                                           "rename", "send", "receive", "memory", "map"};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EMFILE", EMFILE}, {"ENFILE", ENFILE},
	{"ENOMEM", ENOMEM}, {"EINTR", EINTR},   {"EPERM", EPERM},   {"EBUSY", EBUSY},
	{"EROFS", EROFS},   {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"ENOBUFS", ENOBUFS},
};

enum { SHORT = -1, KILL = -2, STOP = -3 };

static struct { const char *from, *to; } spared; /* libseccomp's code */
static enum group at = GROUPS;
static uint64_t nth;
static bool onwards, ready;
static int what;
static _Atomic uint64_t *counts; /* shared; behind the last group: hits */

static void fail(const char *why) {
	fprintf(stderr, "fault: %s\n", why);
	_exit(99);
}

static int what_of(const char *name) {
	if (strcmp(name, "short") == 0)
		return SHORT;
	if (strcmp(name, "kill") == 0)
		return KILL;
	if (strcmp(name, "stop") == 0)
		return STOP;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(name, errors[i].name) == 0)
			return errors[i].number;
	fail("no such error");
	return 0;
}

static int spare(struct dl_phdr_info *object, size_t size, void *unused) {
	(void)size, (void)unused;
	if (!strstr(object->dlpi_name, "libseccomp"))
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_LOAD && (object->dlpi_phdr[i].p_flags & PF_X)) {
			spared.from = (const char *)object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
			spared.to = spared.from + object->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

__attribute__((constructor)) static void begin(void) {
	const char *order = getenv("FAULT"), *file = getenv("FAULT_COUNTS");
	char copy[256], *next = copy, *program, *group, *number, *name;
	int fd;

	if (!order || !file || strlen(order) >= sizeof(copy))
		return;
	strcpy(copy, order);
	program = strsep(&next, ":");
	group = strsep(&next, ":");
	number = strsep(&next, ":");
	name = next;
	if (!group || !number || !name)
		fail("FAULT is not PROGRAM:GROUP:N:WHAT");
	if (strcmp(program, program_invocation_short_name) != 0)
		return;
	for (enum group g = 0; g < GROUPS; g++)
		if (strcmp(group, groups[g]) == 0)
			at = g;
	if (at == GROUPS)
		fail("no such group");
	nth = strtoull(number, &number, 10);
	onwards = *number == '+';
	what = what_of(name);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (GROUPS + 1) * sizeof(*counts)) < 0)
		fail("FAULT_COUNTS cannot be written");
	counts = mmap(NULL, (GROUPS + 1) * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		fail("FAULT_COUNTS cannot be mapped");
	close(fd);
	dl_iterate_phdr(spare, NULL);
	ready = true;
}

/* True where this call is to fail, errno set; or to be cut short, where it can be. */
static bool faulty(enum group g, bool *cut) {
	uint64_t n;

	if (!ready)
		return false;
	n = ++counts[g];
	if (g != at || nth == 0 || (onwards ? n < nth : n != nth) || (what == SHORT && !cut))
		return false;
	counts[GROUPS]++;
	switch (what) {
	case SHORT:
		*cut = true;
		return false;
	case KILL:
		raise(SIGKILL);
		return false;
	case STOP:
		raise(SIGSTOP);
		return false;
	default:
		errno = what;
		return true;
	}
}

#define NEXT(name)                                                                                                     \
	static __typeof__(&name) next;                                                                                     \
	if (!next) {                                                                                                       \
		void *found = dlsym(RTLD_NEXT, #name);                                                                         \
		memcpy(&next, &found, sizeof(next));                                                                           \
	}

static size_t half(size_t n, bool cut) {
	return cut && n > 1 ? n / 2 : n;
}

/* What is said on standard error tells of the fault: it gets through. */
ssize_t write(int fd, const void *p, size_t n) {
	bool cut = false;
	NEXT(write)

	return fd != STDERR_FILENO && faulty(WRITE, &cut) ? -1 : next(fd, p, half(n, cut));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset) {
	bool cut = false;
	NEXT(pwrite)

	return faulty(WRITE, &cut) ? -1 : next(fd, p, half(n, cut), offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t offset) {
	bool cut = false;
	NEXT(pwrite64)

	return faulty(WRITE, &cut) ? -1 : next(fd, p, half(n, cut), offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
	NEXT(writev)

	return fd != STDERR_FILENO && faulty(WRITE, NULL) ? -1 : next(fd, parts, n);
}

int ftruncate(int fd, off_t size) {
	NEXT(ftruncate)

	return faulty(GROW, NULL) ? -1 : next(fd, size);
}

int ftruncate64(int fd, off64_t size) {
	NEXT(ftruncate64)

	return faulty(GROW, NULL) ? -1 : next(fd, size);
}

int posix_fallocate(int fd, off_t from, off_t n) {
	NEXT(posix_fallocate)

	return faulty(GROW, NULL) ? errno : next(fd, from, n);
}

int fallocate(int fd, int mode, off_t from, off_t n) {
	NEXT(fallocate)

	return faulty(GROW, NULL) ? -1 : next(fd, mode, from, n);
}

int fsync(int fd) {
	NEXT(fsync)

	return faulty(SYNC, NULL) ? -1 : next(fd);
}

int fdatasync(int fd) {
	NEXT(fdatasync)

	return faulty(SYNC, NULL) ? -1 : next(fd);
}

ssize_t read(int fd, void *p, size_t n) {
	bool cut = false;
	NEXT(read)

	return faulty(READ, &cut) ? -1 : next(fd, p, half(n, cut));
}

ssize_t pread(int fd, void *p, size_t n, off_t offset) {
	bool cut = false;
	NEXT(pread)

	return faulty(READ, &cut) ? -1 : next(fd, p, half(n, cut), offset);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t offset) {
	bool cut = false;
	NEXT(pread64)

	return faulty(READ, &cut) ? -1 : next(fd, p, half(n, cut), offset);
}

#define OPEN_LIKE(name, parameters, arguments)                                                                         \
	int name parameters {                                                                                              \
		mode_t mode = 0;                                                                                               \
		va_list list;                                                                                                  \
		NEXT(name)                                                                                                     \
                                                                                                                       \
		va_start(list, flags);                                                                                         \
		if (flags & (O_CREAT | O_TMPFILE))                                                                             \
			mode = va_arg(list, mode_t);                                                                               \
		va_end(list);                                                                                                  \
		return faulty(OPEN, NULL) ? -1 : next arguments;                                                               \
	}
OPEN_LIKE(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN_LIKE(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN_LIKE(openat, (int fd, const char *path, int flags, ...), (fd, path, flags, mode))
OPEN_LIKE(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode))

FILE *fopen(const char *path, const char *mode) {
	NEXT(fopen)

	return faulty(OPEN, NULL) ? NULL : next(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
	NEXT(fopen64)

	return faulty(OPEN, NULL) ? NULL : next(path, mode);
}

DIR *opendir(const char *path) {
	NEXT(opendir)

	return faulty(OPEN, NULL) ? NULL : next(path);
}

int socket(int domain, int type, int protocol) {
	NEXT(socket)

	return faulty(OPEN, NULL) ? -1 : next(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2]) {
	NEXT(socketpair)

	return faulty(OPEN, NULL) ? -1 : next(domain, type, protocol, fds);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
	NEXT(accept4)

	return faulty(OPEN, NULL) ? -1 : next(fd, address, size, flags);
}

int pipe2(int fds[2], int flags) {
	NEXT(pipe2)

	return faulty(OPEN, NULL) ? -1 : next(fds, flags);
}

int rename(const char *from, const char *to) {
	NEXT(rename)

	return faulty(RENAME, NULL) ? -1 : next(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
	NEXT(renameat)

	return faulty(RENAME, NULL) ? -1 : next(from_fd, from, to_fd, to);
}

int unlink(const char *path) {
	NEXT(unlink)

	return faulty(RENAME, NULL) ? -1 : next(path);
}

int unlinkat(int fd, const char *path, int flags) {
	NEXT(unlinkat)

	return faulty(RENAME, NULL) ? -1 : next(fd, path, flags);
}

int mkdir(const char *path, mode_t mode) {
	NEXT(mkdir)

	return faulty(RENAME, NULL) ? -1 : next(path, mode);
}

int mkdirat(int fd, const char *path, mode_t mode) {
	NEXT(mkdirat)

	return faulty(RENAME, NULL) ? -1 : next(fd, path, mode);
}

ssize_t send(int fd, const void *p, size_t n, int flags) {
	bool cut = false;
	NEXT(send)

	return faulty(SEND, &cut) ? -1 : next(fd, p, half(n, cut), flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t size) {
	NEXT(sendto)

	return faulty(SEND, NULL) ? -1 : next(fd, p, n, flags, to, size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
	NEXT(sendmsg)

	return faulty(SEND, NULL) ? -1 : next(fd, message, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags) {
	bool cut = false;
	NEXT(recv)

	return faulty(RECEIVE, &cut) ? -1 : next(fd, p, half(n, cut), flags);
}

ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *size) {
	NEXT(recvfrom)

	return faulty(RECEIVE, NULL) ? -1 : next(fd, p, n, flags, from, size);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
	NEXT(recvmsg)

	return faulty(RECEIVE, NULL) ? -1 : next(fd, message, flags);
}

void *mmap(void *address, size_t n, int protection, int flags, int fd, off_t offset) {
	NEXT(mmap)

	return faulty(MAP, NULL) ? MAP_FAILED : next(address, n, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t n, int protection, int flags, int fd, off64_t offset) {
	NEXT(mmap64)

	return faulty(MAP, NULL) ? MAP_FAILED : next(address, n, protection, flags, fd, offset);
}

/* dlsym allocates: libc's own names are called instead. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static bool starved(const char *caller) {
	return !(spared.from <= caller && caller < spared.to) && faulty(MEMORY, NULL);
}

void *malloc(size_t n) {
	return starved(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
	return starved(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
	return starved(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
