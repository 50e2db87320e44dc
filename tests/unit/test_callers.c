/* What a caller on the socket for commands may send: a real enforcer answers all of it, changes nothing for what is no order, and serves the others meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforcer/control.h"
#include "enforcer/server.h"

#include "tests/unit/liar.h"

#define NOBODY 65534

static struct liar liar;

static void check_state(const char *before, const char *what, bool record) {
	char *after = liar_state(&liar, record);

	if (strcmp(before, after) != 0)
		fail_msg("%s: before:\n%s\nafter:\n%s", what, before, after);
	free(after);
}

/* ---- requests that are none ---- */

struct bad_request {
	const char *what, *start, *middle;
	unsigned times; /* the middle stands */
	const char *end;
	int wanted;
};

/* clang-format off */
static const struct bad_request bad_requests[] = {
	/* what                            start                          middle      times    end      wanted */
	{"nothing",                        "",                            "",         0,       "",      2},
	{"no JSON",                        "unlock",                      "",         0,       "",      2},
	{"half of an object",              "{\"verb\":",                  "",         0,       "",      2},
	{"two objects",                    "{\"verb\":\"status\"}",       "{}",       1,       "",      2},
	{"a list",                         "[\"status\"]",                "",         0,       "",      2},
	{"a text",                         "\"status\"",                  "",         0,       "",      2},
	{"no verb",                        "{}",                          "",         0,       "",      2},
	{"a verb that is a number",        "{\"verb\":7}",                "",         0,       "",      2},
	{"a verb that is a list",          "{\"verb\":[\"status\"]}",     "",         0,       "",      2},
	{"a verb that there is none of",   "{\"verb\":\"format-disk\"}",  "",         0,       "",      2},
	{"a verb with a path in it",       "{\"verb\":\"../status\"}",    "",         0,       "",      2},
	{"a verb of a million letters",    "{\"verb\":\"",                "a",        1000000, "\"}",   2},
	{"a million open lists",           "",                            "[",        1000000, "",      2},
	{"a million open objects",         "",                            "{\"a\":",  1000000, "",      2},
	{"lists that are closed, too deep", "{\"verb\":\"status\",\"a\":", "[",       100000,  "",      2},
	{"the same key twice",             "{\"verb\":\"status\",\"verb\":\"unban\"}", "", 0,  "",      2},
	{"bytes that are no UTF-8",        "{\"verb\":\"\xff\xfe\"}",     "",         0,       "",      2},
	{"a verb that ends early",         "{\"verb\":\"status\\u0000x\"}", "",       0,       "",      2},
	{"a number beyond all numbers",    "{\"verb\":\"log\",\"since\":1", "0",      400,     "}",     2},
	{"half of a surrogate",            "{\"verb\":\"\\ud800\"}",      "",         0,       "",      2},
};
/* clang-format on */

static void what_is_no_request_is_answered_and_does_nothing(void **state) {
	char *before = liar_state(&liar, true);

	(void)state;
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		const struct bad_request *bad = &bad_requests[i];
		struct buf b;
		int status;

		buf_init(&b, CONTROL_REQUEST_MAX);
		buf_text(&b, bad->start);
		for (unsigned k = 0; k < bad->times; k++)
			buf_text(&b, bad->middle);
		buf_text(&b, bad->end);
		assert_false(b.failed);
		liar_command(&liar);
		liar_ask(&liar, (uint32_t)b.n, (struct slice){b.p ? b.p : "", b.n});
		status = liar_status(&liar);
		if (status != bad->wanted)
			fail_msg("%s: status %d", bad->what, status);
		/* The connection is as good as before. */
		liar_ask(&liar, 18, slice_of("{\"verb\":\"summary\"}"));
		assert_int_equal(liar_status(&liar), 0);
		buf_release(&b);
		check_state(before, bad->what, true);
	}
	free(before);
}

/* ---- verbs with arguments of all kinds ---- */

static const char *const verbs[] = {"unlock", "lock",    "home",  "clear-exposed", "add",     "remove",
                                    "import", "list",    "show",  "network",       "window",  "ban",
                                    "block",  "allow",   "unban", "bans",          "ip",      "status",
                                    "log",    "verdict", "sync",  "explain",       "summary", "token"};
static const char *const arguments[] = {"mac",   "account", "for",   "do",      "address", "prefix",  "ip",
                                        "time",  "reason",  "rows",  "limit",   "state",   "since",   "until",
                                        "user",  "role",    "id",    "after",   "home",    "trigger", "comment",
                                        "actor", "session", "force", "support", "more",    "custom",  "all"};
static const char *const values[] = {
	"[]", "{}", "-1", "9223372036854775807", "1e308", "\"\"", "\"\\u001b[2J\"", "null", "[[[[]]]]", "[{}]", "[null]"};

static void a_verb_with_senseless_arguments_does_nothing(void **state) {
	char *before = liar_state(&liar, false);

	(void)state;
	for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		liar_command(&liar);
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			struct buf b;
			int status;

			buf_init(&b, 65536);
			buf_printf(&b, "{\"verb\":\"%s\"", verbs[v]);
			for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
				buf_printf(&b, ",\"%s\":%s", arguments[i], values[k]);
			buf_byte(&b, '}');
			liar_ask(&liar, (uint32_t)b.n, (struct slice){b.p, b.n});
			buf_release(&b);
			status = liar_status(&liar);
			if (status < 0 || status > ERR_FORGOTTEN)
				fail_msg("%s with %s: status %d", verbs[v], values[k], status);
		}
		check_state(before, verbs[v], false);
	}
	free(before);
}

/* ---- frames ---- */

static void a_frame_that_is_no_request_ends_its_connection_alone(void **state) {
	static const char tags[] = {'h', 'r', 'n', 'e', 's', '\0', '\xff'};
	char *before = liar_state(&liar, true);
	struct slice nothing = slice_of("");

	(void)state;
	for (size_t i = 0; i < sizeof(tags); i++) {
		char frame[] = {0, 0, 0, 0, tags[i]};

		liar_command(&liar);
		liar_send(&liar, frame, sizeof(frame));
		assert_int_equal(liar_status(&liar), 2);
		assert_int_equal(liar_status(&liar), -1);
	}
	for (uint32_t n = CONTROL_REQUEST_MAX + 1; n != 0; n = n == UINT32_MAX ? 0 : UINT32_MAX) {
		liar_command(&liar);
		liar_ask(&liar, n, nothing);
		assert_int_equal(liar_status(&liar), 2);
		assert_int_equal(liar_status(&liar), -1);
	}
	check_state(before, "frames that are no requests", true);
	free(before);
}

static void a_flood_of_requests_is_answered_and_others_are_served_between_them(void **state) {
	char *before = liar_state(&liar, true);
	struct buf b;

	(void)state;
	buf_init(&b, 16U << 20);
	for (int i = 0; i < 5000; i++) {
		put_u32(&b, 18);
		buf_text(&b, "q{\"verb\":\"summary\"}");
	}
	liar_command(&liar);
	/* As much as it takes without being read from. */
	assert_true(send(liar.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
	check_state(before, "a flood of requests", true);
	buf_release(&b);
	free(before);
}

static void the_longest_request_that_may_be_is_taken(void **state) {
	struct buf b;

	(void)state;
	buf_init(&b, CONTROL_REQUEST_MAX);
	buf_text(&b, "{\"verb\":\"summary\",\"reason\":\"");
	while (b.n < CONTROL_REQUEST_MAX - 2)
		buf_byte(&b, 'x');
	buf_text(&b, "\"}");
	assert_false(b.failed);
	liar_command(&liar);
	liar_ask(&liar, (uint32_t)b.n, (struct slice){b.p, b.n});
	assert_int_equal(liar_status(&liar), 0);
	buf_release(&b);
}

/* More than the socket holds beside what is gathered before all wait for one. */
static void import_devices(unsigned n) {
	struct buf b;

	buf_init(&b, CONTROL_REQUEST_MAX);
	buf_text(&b, "{\"verb\":\"import\",\"adopt\":false,\"users\":false,\"rows\":[");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "%s{\"mac\":\"0004f2%06x\",\"home\":[]}", i > 0 ? "," : "", i);
	buf_text(&b, "],\"more\":false}");
	assert_false(b.failed);
	liar_command(&liar);
	liar_ask(&liar, (uint32_t)b.n, (struct slice){b.p, b.n});
	assert_int_equal(liar_status(&liar), 0);
	buf_release(&b);
}

#define SILENT 14

static void who_reads_no_answer_makes_all_wait_once_and_not_again(void **state) {
	struct liar silent[SILENT];

	(void)state;
	import_devices(4000);
	for (int i = 0; i < SILENT; i++) {
		silent[i] = liar;
		silent[i].fd = -1;
		silent[i].in = (struct buf){0};
		buf_init(&silent[i].in, 1U << 20);
		liar_command(&silent[i]);
	}
	for (int i = 0; i < SILENT; i++)
		liar_ask(&silent[i], 15, slice_of("{\"verb\":\"list\"}"));
	/* Were each waited for as long as the first, this would take longer than an answer may. */
	liar_command(&liar);
	liar_ask(&liar, 18, slice_of("{\"verb\":\"summary\"}"));
	assert_int_equal(liar_status(&liar), 0);
	for (int i = 0; i < SILENT; i++) {
		liar_hang_up(&silent[i]);
		buf_release(&silent[i].in);
	}
}

/* ---- other users ---- */

static void open_to_all(mode_t folder, mode_t socket) {
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/state/control.sock", liar.folder);
	assert_int_equal(chmod(path, socket), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(chmod(path, folder), 0);
	assert_int_equal(chmod(liar.folder, folder), 0);
}

static int raw_connection(void) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/state/control.sock", liar.folder);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? fd : -1;
}

/* A process of another user, which does its part, says so by a byte, and stays until it is told. */
struct other {
	pid_t pid;
	int said, go;
};

static struct other as_nobody(void (*part)(void)) {
	struct other o;
	int out[2], in[2];
	char byte;

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(in), 0);
	o.pid = fork();
	assert_true(o.pid >= 0);
	if (o.pid == 0) {
		(void)close(in[1]);
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(1);
		part();
		if (write(out[1], "x", 1) != 1 || read(in[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	(void)close(out[1]);
	(void)close(in[0]);
	o.said = out[0];
	o.go = in[1];
	assert_int_equal(read(o.said, &byte, 1), 1);
	return o;
}

static void end_of(struct other o) {
	int status;

	(void)close(o.go);
	(void)close(o.said);
	assert_int_equal(waitpid(o.pid, &status, 0), o.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void cannot_connect(void) {
	if (raw_connection() >= 0)
		_exit(1);
}

static void begin_a_hundred_requests(void) {
	for (int i = 0; i < 100; i++) {
		int fd = raw_connection();

		/* Begun, and never finished, where it was not refused already. */
		if (fd >= 0 && send(fd, "\377\0\0\0q{", 6, MSG_NOSIGNAL) != 6)
			(void)close(fd);
	}
}

static void order_as_root(void) {
	static const char order[] = "{\"verb\":\"add\",\"mac\":\"001565dddddd\",\"uid\":0,\"actor\":\"root\"}";
	struct liar own = liar;

	own.fd = -1;
	own.in = (struct buf){0};
	buf_init(&own.in, 1U << 20);
	liar_command(&own);
	liar_ask(&own, sizeof(order) - 1, slice_of(order));
	if (liar_status(&own) != 0)
		_exit(1);
	liar_hang_up(&own);
	buf_release(&own.in);
}

static void who_is_not_in_its_group_cannot_reach_the_socket(void **state) {

	(void)state;
	if (geteuid() != 0)
		skip();
	open_to_all(0755, 0660);
	end_of(as_nobody(cannot_connect));
}

static void the_record_has_the_uid_that_the_kernel_tells(void **state) {
	char *record;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_to_all(0755, 0666);
	end_of(as_nobody(order_as_root));
	record = liar_state(&liar, true);
	assert_non_null(strstr(record, "\"mac\":\"001565dddddd\""));
	assert_non_null(strstr(record, "\"uid\":65534"));
	free(record);
}

static void one_user_cannot_keep_out_another(void **state) {
	static char *before; /* the other process has it too */
	struct other other;

	(void)state;
	if (geteuid() != 0)
		skip();
	before = liar_state(&liar, true);
	open_to_all(0755, 0666);
	/* With a connection of its own left, which could give way, root would need no other's. */
	liar_hang_up(&liar);
	other = as_nobody(begin_a_hundred_requests);
	for (int i = 0; i < 20; i++) {
		liar_command(&liar);
		liar_ask(&liar, 18, slice_of("{\"verb\":\"summary\"}"));
		assert_int_equal(liar_status(&liar), 0);
	}
	check_state(before, "a hundred requests that were begun", true);
	end_of(other);
	free(before);
}

static int start(void **state) {
	(void)state;
	liar_start(&liar);
	liar_command(&liar);
	liar_ask(&liar, 37, slice_of("{\"verb\":\"add\",\"mac\":\"001565abcdef\"}  "));
	assert_int_equal(liar_status(&liar), 0);
	return 0;
}

static int stop(void **state) {
	(void)state;
	liar_stop(&liar);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_request_is_answered_and_does_nothing),
		cmocka_unit_test(a_verb_with_senseless_arguments_does_nothing),
		cmocka_unit_test(a_frame_that_is_no_request_ends_its_connection_alone),
		cmocka_unit_test(a_flood_of_requests_is_answered_and_others_are_served_between_them),
		cmocka_unit_test(the_longest_request_that_may_be_is_taken),
		cmocka_unit_test(who_is_not_in_its_group_cannot_reach_the_socket),
		cmocka_unit_test(one_user_cannot_keep_out_another),
		cmocka_unit_test(the_record_has_the_uid_that_the_kernel_tells),
		cmocka_unit_test(who_reads_no_answer_makes_all_wait_once_and_not_again),
	};

	return cmocka_run_group_tests_name("callers", tests, start, stop);
}
