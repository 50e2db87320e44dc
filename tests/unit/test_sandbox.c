/* What a program that was taken over could still try, from inside the very profiles that prov-analyzer and prov-enforcer close themselves in with: each row is a
 * process of its own that enters one and makes one attempt. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conf.h"
#include "common/sandbox_private.h"

#include "cmd/confine.h"

static char folder[64];
static int theirs; /* a log, opened for reading before the door closed */

/* ---- attempts: 0 where it worked, else -1 with errno ---- */

static const char *at(const char *name) {
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int opened(int fd) {
	return fd < 0 ? -1 : close(fd);
}

static int read_log(void) {
	return opened(open(at("log/web.log"), O_RDONLY));
}

static int write_log(void) {
	return opened(open(at("log/web.log"), O_WRONLY | O_APPEND));
}

static int truncate_log(void) {
	return opened(open(at("log/web.log"), O_RDONLY | O_TRUNC));
}

static int make_file_there(void) {
	return opened(open(at("log/other"), O_RDONLY | O_CREAT, 0600));
}

static int unlink_log(void) {
	return unlink(at("log/web.log"));
}

static int write_descriptor(void) {
	return write(theirs, "x", 1) == 1 ? 0 : -1;
}

static int read_foreign(void) {
	return opened(open(at("foreign"), O_RDONLY));
}

static int read_passwd(void) {
	return opened(open("/etc/passwd", O_RDONLY));
}

static int list_root(void) {
	return opened(open("/", O_RDONLY | O_DIRECTORY));
}

static int read_memory(void) {
	return opened(open("/proc/self/mem", O_RDONLY));
}

static int read_by_handle(void) {
	return opened((int)syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static int write_state(void) {
	return opened(open(at("state/new"), O_WRONLY | O_CREAT, 0600));
}

static int write_published(void) {
	return opened(open(at("publish/new"), O_WRONLY | O_CREAT, 0600));
}

static int write_foreign(void) {
	return opened(open(at("foreign"), O_WRONLY));
}

static int write_etc(void) {
	return opened(open(at("etc/c.yaml"), O_WRONLY));
}

static int make_foreign(void) {
	return opened(open(at("another"), O_WRONLY | O_CREAT, 0600));
}

static int rename_out(void) {
	return rename(at("state/here"), "/tmp/provctl-out");
}

static int execute(void) {
	char *const arguments[] = {"true", NULL};

	return execve("/bin/true", arguments, NULL);
}

static int execute_descriptor(void) {
	return (int)syscall(SYS_execveat, theirs, "", NULL, NULL, AT_EMPTY_PATH);
}

static int make_process(void) {
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int clone_process(void) {
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) < 0 ? -1 : 0;
}

static void *idle(void *context) {
	return context;
}

static int make_thread(void) {
	pthread_t thread;
	int error = pthread_create(&thread, NULL, idle, NULL);

	if (error == 0)
		error = pthread_join(thread, NULL);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int trace_parent(void) {
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? -1 : 0;
}

static int write_parent(void) {
	return syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0) < 0 ? -1 : 0;
}

static int signal_parent(void) {
	return kill(getppid(), SIGCONT);
}

static int map_code(void) {
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int make_code(void) {
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int key_code(void) {
	return (int)syscall(SYS_pkey_mprotect, NULL, 4096, PROT_READ | PROT_EXEC, -1);
}

static int internet(void) {
	return opened(socket(AF_INET, SOCK_STREAM, 0));
}

static int internet_udp(void) {
	return opened(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int local_socket(void) {
	return opened(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int raw_socket(void) {
	return opened(socket(AF_PACKET, SOCK_RAW, 0));
}

static int netlink_socket(void) {
	return opened(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

static int connect_descriptor(void) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	return connect(theirs, (struct sockaddr *)&to, sizeof(to));
}

static int other_user(void) {
	return setuid(0);
}

static int other_group(void) {
	return setgroups(0, NULL);
}

static int own_namespace(void) {
	return unshare(CLONE_NEWUSER);
}

static int mount_something(void) {
	return mount("none", folder, "tmpfs", 0, NULL);
}

static int ring(void) {
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int load_program(void) {
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int filter_calls(void) {
	return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, NULL);
}

static int more_capabilities(void) {
	return (int)syscall(SYS_capset, NULL, NULL);
}

static int more_memory(void) {
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_DATA, &all);
}

static int fill_memory(void) {
	return mmap(NULL, 3UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int device_control(void) {
	return ioctl(theirs, 0x5412, "x"); /* TIOCSTI: a character typed into somebody's terminal */
}

static int watch_log(void) {
	int fd = inotify_init1(IN_CLOEXEC);

	return fd < 0 ? -1 : inotify_add_watch(fd, at("log"), IN_MODIFY) < 0 ? -1 : close(fd);
}

static int reopen_memory(void) {
	char path[64];
	int fd = memfd_create("copy", MFD_CLOEXEC);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : opened(open(path, O_RDONLY));
}

static int give_up(void) {
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* ---- the table ---- */

enum who { ANALYZER, ENFORCER };
enum outcome {
	WORKS,
	KILLED,  /* by SIGSYS */
	REFUSED, /* with EACCES, by Landlock */
	DENIED   /* with any error */
};

struct attempt {
	const char *what;
	int (*try)(void);
	enum outcome wanted[2]; /* analyzer, enforcer */
	bool widened;           /* in a build that watches itself */
};

/* clang-format off */
static const struct attempt attempts[] = {
	/* what                                     try                 analyzer  enforcer widened */
	{"read a log",                              read_log,           {WORKS,   REFUSED}, false},
	{"watch the folder of a log",               watch_log,          {WORKS,   KILLED},  false},
	{"write to a log",                          write_log,          {KILLED,  REFUSED}, false},
	{"empty a log while opening it",            truncate_log,       {KILLED,  REFUSED}, false},
	{"make a file beside a log",                make_file_there,    {KILLED,  REFUSED}, false},
	{"remove a log",                            unlink_log,         {KILLED,  REFUSED}, false},
	{"write to a log that is open for reading", write_descriptor,   {DENIED,  DENIED},  false},
	{"read a file that is none of the logs",    read_foreign,       {REFUSED, REFUSED}, false},
	{"read /etc/passwd",                        read_passwd,        {REFUSED, WORKS},   false},
	{"list the root folder",                    list_root,          {REFUSED, REFUSED}, false},
	{"read its memory as a file",               read_memory,        {REFUSED, REFUSED}, true},
	{"open a file by its number",               read_by_handle,     {KILLED,  KILLED},  false},
	{"make a file in the state",                write_state,        {KILLED,  WORKS},   false},
	{"make a file beside the lock-state file",  write_published,    {KILLED,  WORKS},   false},
	{"write to a foreign file",                 write_foreign,      {KILLED,  REFUSED}, false},
	{"write to its configuration",              write_etc,          {KILLED,  REFUSED}, false},
	{"make a file elsewhere",                   make_foreign,       {KILLED,  REFUSED}, false},
	{"move the state elsewhere",                rename_out,         {KILLED,  DENIED},  false},
	{"start a program",                         execute,            {KILLED,  KILLED},  false},
	{"start a program by its descriptor",       execute_descriptor, {KILLED,  KILLED},  false},
	{"make a process",                          make_process,       {KILLED,  KILLED},  true},
	{"make a process by a plain clone",         clone_process,      {KILLED,  KILLED},  true},
	{"make a thread",                           make_thread,        {WORKS,   KILLED},  true},
	{"trace a process",                         trace_parent,       {KILLED,  KILLED},  true},
	{"write into another process",              write_parent,       {KILLED,  KILLED},  false},
	{"signal another process",                  signal_parent,      {KILLED,  KILLED},  false},
	{"map executable memory",                   map_code,           {KILLED,  KILLED},  true},
	{"make memory executable",                  make_code,          {KILLED,  KILLED},  true},
	{"make memory executable with a key",       key_code,           {KILLED,  KILLED},  false},
	{"make a TCP socket",                       internet,           {KILLED,  KILLED},  false},
	{"make a UDP socket",                       internet_udp,       {KILLED,  KILLED},  false},
	{"make a Unix socket",                      local_socket,       {KILLED,  KILLED},  false},
	{"make a packet socket",                    raw_socket,         {KILLED,  KILLED},  false},
	{"make a netlink socket",                   netlink_socket,     {KILLED,  WORKS},   false},
	{"connect a descriptor",                    connect_descriptor, {KILLED,  KILLED},  false},
	{"become another user",                     other_user,         {KILLED,  KILLED},  false},
	{"take other groups",                       other_group,        {KILLED,  KILLED},  false},
	{"make a namespace of its own",             own_namespace,      {KILLED,  KILLED},  false},
	{"mount a file system",                     mount_something,    {KILLED,  KILLED},  false},
	{"use io_uring",                            ring,               {KILLED,  KILLED},  false},
	{"load a program into the kernel",          load_program,       {KILLED,  KILLED},  false},
	{"forbid itself a system call",             filter_calls,       {KILLED,  KILLED},  true},
	{"take capabilities",                       more_capabilities,  {KILLED,  KILLED},  false},
	{"raise its limits",                        more_memory,        {KILLED,  KILLED},  true},
	{"take more memory than it may",            fill_memory,        {DENIED,  WORKS},   true},
	{"type into a terminal",                    device_control,     {KILLED,  KILLED},  true},
	{"open a copy in memory anew",              reopen_memory,      {WORKS,   WORKS},   false},
	{"let itself be traced",                    give_up,            {KILLED,  KILLED},  true},
};
/* clang-format on */

/* ---- the process that tries ---- */

enum { WORKED = 10, FAILED, FAILED_ACCESS, BROKEN };

static int enter(enum who who, const struct conf *conf, struct err *err) {
	gid_t group;

	if (who == ENFORCER)
		return confine_enforcer_user(conf, true, &group, err) < 0 ? -1 : confine_enforcer(conf, err);
	return confine_analyzer_user(conf, err) < 0 || confine_analyzer(conf, conf->sources, conf->nsources, err) < 0
	           ? -1
	           : sandbox_seal(err);
}

static _Noreturn void attempt(enum who who, const struct attempt *a, const struct conf *conf) {
	struct err err;

	if (enter(who, conf, &err) < 0) {
		(void)!write(STDERR_FILENO, err.text, strlen(err.text));
		_exit(BROKEN);
	}
	if (a->try() == 0)
		_exit(WORKED);
	_exit(errno == EACCES ? FAILED_ACCESS : FAILED);
}

static const char *outcome_of(int status) {
	static char text[64];

	if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text), "ended by signal %d", WTERMSIG(status));
	else
		(void)snprintf(text, sizeof(text), "%s",
		               WEXITSTATUS(status) == WORKED          ? "worked"
		               : WEXITSTATUS(status) == FAILED        ? "failed"
		               : WEXITSTATUS(status) == FAILED_ACCESS ? "was refused"
		                                                      : "could not be tried");
	return text;
}

static bool as_wanted(enum outcome wanted, int status) {
	bool ended = WIFEXITED(status);

	switch (wanted) {
	case WORKS:
		return ended && WEXITSTATUS(status) == WORKED;
	case KILLED:
		/* What counts must be able to open its files for writing. */
		if (SANDBOX_COUNTED && ended && WEXITSTATUS(status) == FAILED_ACCESS)
			return true;
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	case REFUSED:
		return ended && WEXITSTATUS(status) == FAILED_ACCESS;
	case DENIED:
		return ended && (WEXITSTATUS(status) == FAILED || WEXITSTATUS(status) == FAILED_ACCESS);
	}
	return false;
}

/* What only Landlock refuses is not to be had without it. */
static bool can_tell(const struct attempt *a, enum who who) {
	return (!a->widened || !(SANDBOX_SANITIZED || SANDBOX_COUNTED)) &&
	       (a->wanted[who] != REFUSED || !sandbox_landlock());
}

static void try_all(enum who who) {
	struct conf *conf;
	struct err err;
	unsigned wrong = 0;

	if (conf_load(&conf, at("etc/c.yaml"), NULL, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		int status;
		pid_t pid;

		if (!can_tell(a, who)) {
			print_message("not told here: %s\n", a->what);
			continue;
		}
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			attempt(who, a, conf);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!as_wanted(a->wanted[who], status)) {
			print_error("to %s: %s\n", a->what, outcome_of(status));
			wrong++;
		}
	}
	conf_free(&conf);
	assert_int_equal(wrong, 0);
}

static void the_analyzer_can_do_nothing_but_read_its_logs(void **state) {
	(void)state;
	try_all(ANALYZER);
}

static void the_enforcer_can_write_its_own_folders_and_ask_the_kernel_for_its_firewall(void **state) {
	(void)state;
	try_all(ENFORCER);
}

/* ---- the folder ---- */

static void make_text(const char *name, const char *text) {
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state) {
	static const char *const folders[] = {"etc", "log", "state", "publish"};
	char yaml[512];

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/provctl-sandbox-XXXXXX");
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(mkdir(at(folders[i]), 0700), 0);
	make_text("log/web.log", "a line\n");
	make_text("foreign", "not yours\n");
	make_text("state/here", "");
	(void)snprintf(yaml, sizeof(yaml),
	               "state: ../state\nlockstate: {path: ../publish/lockstate, group: \"\"}\nrules: [%s/rules]\n"
	               "users: {enforcer: root, analyzer: root}\nsources: [{path: ../log/*.log, format: combined}]\n",
	               getenv("top_srcdir"));
	make_text("etc/c.yaml", yaml);
	theirs = open(at("log/web.log"), O_RDONLY | O_CLOEXEC);
	assert_true(theirs >= 0);
	return 0;
}

static int clean_up(void **state) {
	static const char *const names[] = {"log/web.log", "log/other",  "log",        "foreign",
	                                    "another",     "state/here", "state/new",  "state",
	                                    "publish/new", "publish",    "etc/c.yaml", "etc"};

	(void)state;
	(void)close(theirs);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(at(names[i]));
	return rmdir(folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_analyzer_can_do_nothing_but_read_its_logs),
		cmocka_unit_test(the_enforcer_can_write_its_own_folders_and_ask_the_kernel_for_its_firewall),
	};

	return cmocka_run_group_tests_name("sandbox", tests, set_up, clean_up);
}
