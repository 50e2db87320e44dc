/* Runs a command and measures each process of it, whoever started it:
 *
 *     measure [-c CPUS] [-o OUTPUT] COMMAND [ARGUMENT...]
 *
 * Standard output goes to OUTPUT, a file (grep stops at its first match where it is /dev/null). To standard error, behind what the command says,
 * goes one line of JSON: {"wall": s, "user": s, "system": s, "status": n, "processes": {"NAME": {"peak_kib": n, "user": s, "system": s}}}. Of
 * processes of one name the last counts. CPUs are as in "0" and "0,1".
 *
 * Processes are traced for their beginning and end alone (no system call stops): that costs nothing in between, and nobody's peak is missed.
 * Descendants that outlive the command, or this program, are killed. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 64

struct process {
	pid_t pid;
	bool done;
	char name[16];
	struct rusage used;
};

static struct process processes[PROCESSES_MAX];
static size_t nprocesses;

static void fail(const char *what) {
	perror(what);
	exit(125);
}

static double now(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t) {
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void pin(const char *list) {
	cpu_set_t set;

	CPU_ZERO(&set);
	for (const char *p = list; *p;) {
		char *end;
		unsigned long cpu = strtoul(p, &end, 10);

		if (end == p || cpu >= CPU_SETSIZE || (*end && *end != ',')) {
			(void)fprintf(stderr, "measure: %s: not CPUs such as 0,1\n", list);
			exit(125);
		}
		CPU_SET(cpu, &set);
		p = *end ? end + 1 : end;
	}
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail(list);
}

static struct process *process_of(pid_t pid) {
	for (size_t i = 0; i < nprocesses; i++)
		if (processes[i].pid == pid && !processes[i].done)
			return &processes[i];
	if (nprocesses == PROCESSES_MAX)
		return NULL;
	processes[nprocesses] = (struct process){.pid = pid};
	return &processes[nprocesses++];
}

static void name_read(struct process *p) {
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)p->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(p->name, sizeof(p->name), file))
		p->name[strcspn(p->name, "\n")] = '\0';
	(void)fclose(file);
}

/* Until the command itself has ended; its status. */
static int follow(pid_t command) {
	for (;;) {
		struct rusage used;
		int status;
		pid_t pid = wait4(-1, &status, __WALL, &used);
		struct process *p;
		int event, number = 0;

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			fail("wait4");
		p = process_of(pid);
		if (!WIFSTOPPED(status)) {
			if (p) {
				p->used = used;
				p->done = true;
			}
			if (pid == command)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		event = status >> 16;
		if (event == PTRACE_EVENT_EXEC && p)
			name_read(p);
		else if (event == 0 && WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP)
			number = WSTOPSIG(status);
		(void)ptrace(PTRACE_CONT, pid, NULL, number);
	}
}

static void print(double wall, int status) {
	double user = 0, system = 0;
	const char *comma = "";

	for (size_t i = 0; i < nprocesses; i++) {
		/* What a process used is counted with its children's that it has waited for, and with its own again. */
		if (processes[i].pid == processes[0].pid) {
			user += seconds(processes[i].used.ru_utime);
			system += seconds(processes[i].used.ru_stime);
		}
	}
	(void)fprintf(stderr, "{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"status\": %d, \"processes\": {", wall,
	              user, system, status);
	for (size_t i = 0; i < nprocesses; i++) {
		const struct process *p = &processes[i];
		bool again = !p->done || !p->name[0];

		for (size_t k = i + 1; k < nprocesses; k++)
			again = again || (processes[k].done && strcmp(processes[k].name, p->name) == 0);
		if (again)
			continue;
		(void)fprintf(stderr, "%s\"%s\": {\"peak_kib\": %ld, \"user\": %.6f, \"system\": %.6f}", comma, p->name,
		              p->used.ru_maxrss, seconds(p->used.ru_utime), seconds(p->used.ru_stime));
		comma = ", ";
	}
	(void)fputs("}}\n", stderr);
}

int main(int argc, char **argv) {
	const char *output = NULL;
	double begin, wall;
	pid_t pid;
	int option, status;

	while ((option = getopt(argc, argv, "+c:o:")) != -1) {
		if (option == 'c')
			pin(optarg);
		else if (option == 'o')
			output = optarg;
		else
			return 125;
	}
	if (optind == argc) {
		(void)fputs("usage: measure [-c CPUS] [-o OUTPUT] COMMAND [ARGUMENT...]\n", stderr);
		return 125;
	}
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		if (output) {
			int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

			if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
				fail(output);
		}
		(void)raise(SIGSTOP);
		(void)execvp(argv[optind], argv + optind);
		perror(argv[optind]);
		_exit(127);
	}
	if (waitpid(pid, &status, WUNTRACED) < 0)
		fail("waitpid");
	if (ptrace(PTRACE_SEIZE, pid, NULL,
	           PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		fail("ptrace");
	(void)process_of(pid);
	begin = now();
	(void)kill(pid, SIGCONT);
	status = follow(pid);
	wall = now() - begin;
	print(wall, status);
	return status;
}
