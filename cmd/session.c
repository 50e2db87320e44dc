#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/session.h"

#define ANCESTORS       32
#define ENVIRONMENT_MAX (256U << 10)

/* "203.0.113.9 50022 192.0.2.1 22", as sshd(8) sets SSH_CONNECTION, and the first three words as SSH_CLIENT. */
static bool read_peer(const char *value, struct addr *out) {
	return value && addr_parse(value, strcspn(value, " "), out);
}

/* The environment that a process was started with. */
static bool find_peer(long pid, struct addr *out) {
	static char text[ENVIRONMENT_MAX + 1];
	char path[64];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/environ", pid);
	file = fopen(path, "re");
	if (!file)
		return false; /* somebody else's */
	n = fread(text, 1, ENVIRONMENT_MAX, file);
	(void)fclose(file);
	text[n] = '\0';
	for (size_t at = 0; at < n; at += strlen(text + at) + 1)
		if ((strncmp(text + at, "SSH_CONNECTION=", 15) == 0 && read_peer(text + at + 15, out)) ||
		    (strncmp(text + at, "SSH_CLIENT=", 11) == 0 && read_peer(text + at + 11, out)))
			return true;
	return false;
}

static long parent_of(long pid) {
	char path[64], line[256];
	long parent = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (parent == 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, "PPid:", 5) == 0)
			parent = strtol(line + 5, NULL, 10);
	(void)fclose(file);
	return parent;
}

bool session_peer(struct addr *out) {
	long pid = (long)getpid();
	bool found = read_peer(getenv("SSH_CONNECTION"), out) || read_peer(getenv("SSH_CLIENT"), out);

	for (int i = 0; i < ANCESTORS && !found && pid > 1; i++) {
		pid = parent_of(pid);
		found = pid > 1 && find_peer(pid, out);
	}
	return found;
}
