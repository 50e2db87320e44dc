#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/notify.h"

/* Binds a socket of that name, where "@" is the abstract namespace. */
static int listen_at(const char *name) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && n < sizeof(at.sun_path));
	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	n += offsetof(struct sockaddr_un, sun_path) + (name[0] == '/');
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, (socklen_t)n), 0);
	return fd;
}

static void hears(int fd, const char *expected) {
	char text[4096] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void is_told_at_a_path_and_at_an_abstract_name(void **state) {
	char names[2][64];

	(void)state;
	(void)snprintf(names[0], sizeof(names[0]), "/tmp/test_notify.%d", (int)getpid());
	(void)snprintf(names[1], sizeof(names[1]), "@test_notify.%d", (int)getpid());
	for (int i = 0; i < 2; i++) {
		int fd = listen_at(names[i]);
		struct notify *n;
		char text[64];
		long long since;

		assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		n = notify_new();
		assert_non_null(n);
		/* No child speaks in our name. */
		assert_null(getenv("NOTIFY_SOCKET"));
		notify_tell(n, "READY=1\nSTATUS=%d logs", 3);
		hears(fd, "READY=1\nSTATUS=3 logs");
		notify_reloading(n);
		assert_true(recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0);
		assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &since), 1);
		(void)close(fd);
		/* Nobody listens any more: no harm. */
		notify_tell(n, "READY=1");
		notify_free(&n);
		(void)unlink(names[i]);
	}
}

static void is_silent_where_there_is_nobody_to_tell(void **state) {
	static const char *const names[] = {NULL, "", "@", "/", "relative", "vsock:2:1234"};
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
		const char *name = i < sizeof(names) / sizeof(names[0]) ? names[i] : longest;
		struct notify *n;

		(void)unsetenv("NOTIFY_SOCKET");
		if (name)
			assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
		n = notify_new();
		assert_null(n);
		notify_tell(n, "READY=1");
		notify_reloading(n);
		assert_int_equal(notify_beat(n), 0);
		notify_free(&n);
	}
}

static void beats_at_half_of_the_watchdog_if_it_is_ours(void **state) {
	const struct {
		const char *period;
		long pid; /* 0: not set */
		int64_t beat;
	} rows[] = {
		{NULL, 0, 0},
		{"30000000", 0, 15000},
		{"30000000", (long)getpid(), 15000},
		{"30000000", (long)getpid() + 1, 0},
		{"1", 0, 1},
		{"0", 0, 0},
		{"-5", 0, 0},
		{"soon", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct notify *n;
		char pid[32];

		assert_int_equal(setenv("NOTIFY_SOCKET", "/tmp/test_notify.nobody", 1), 0);
		if (rows[i].period)
			assert_int_equal(setenv("WATCHDOG_USEC", rows[i].period, 1), 0);
		(void)snprintf(pid, sizeof(pid), "%ld", rows[i].pid);
		if (rows[i].pid)
			assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
		n = notify_new();
		assert_non_null(n);
		assert_int_equal(notify_beat(n), rows[i].beat);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		notify_free(&n);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_told_at_a_path_and_at_an_abstract_name),
		cmocka_unit_test(is_silent_where_there_is_nobody_to_tell),
		cmocka_unit_test(beats_at_half_of_the_watchdog_if_it_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
