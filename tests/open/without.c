/* without CALL[:FIRST]... -- PROGRAM [ARGUMENT...]: runs a program on a kernel that does not have these system calls, or not with that first argument, as
 * it is told. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1;

	if (!filter)
		return 1;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *name = strtok(argv[i], ":"), *first = strtok(NULL, "");
		struct scmp_arg_cmp is_first = SCMP_A0(SCMP_CMP_EQ, first ? strtoul(first, NULL, 10) : 0);

		if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(name), first ? 1 : 0,
		                           &is_first) < 0)
			return 1;
	}
	if (i + 1 >= argc || seccomp_load(filter) < 0)
		return 1;
	seccomp_release(filter);
	(void)execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 1;
}
