/* without CALL... -- PROGRAM [ARGUMENT...]: runs a program on a kernel that does not have these system calls, as it is told. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1;

	if (!filter)
		return 1;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(argv[i]), 0) < 0)
			return 1;
	if (i + 1 >= argc || seccomp_load(filter) < 0)
		return 1;
	seccomp_release(filter);
	(void)execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 1;
}
