/* The portal's way to the enforcer, with an enforcer that misbehaves: what was not asked was certainly not done, and of what was asked without an answer
 * nobody is told that it was not. */
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

#include "common/event.h"

#include "portal/http.h"
#include "portal/upstream.h"

#define LATER (UPSTREAM_PATIENCE + 1)

static char folder[64];
static int listener = -1, peer = -1;
static struct upstream *u;
static char told[1024]; /* "WHO:OUTCOME[:CODE:ROWS] " of each answer */

static void done(void *context, void *who, const struct upstream_answer *a) {
	static const char *const words[] = {"answered", "unasked", "unknown"};
	size_t n = strlen(told);
	struct slice rows = a->rows, row;

	assert_ptr_equal(context, &told);
	n += (size_t)snprintf(told + n, sizeof(told) - n, "%s:%s", (const char *)who, words[a->outcome]);
	if (a->outcome == UPSTREAM_ANSWERED) {
		n += (size_t)snprintf(told + n, sizeof(told) - n, ":%d:%s", a->exit, a->code ? a->code : "-");
		while (upstream_row(&rows, &row))
			n += (size_t)snprintf(told + n, sizeof(told) - n, ":%.*s", (int)row.n, row.p);
	}
	(void)snprintf(told + n, sizeof(told) - n, " ");
}

static int begin(void **state) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct err err;

	(void)state;
	told[0] = '\0';
	(void)snprintf(folder, sizeof(folder), "/tmp/test_portal.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" UPSTREAM_SOCKET, folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(upstream_new(&u, folder, done, &told, &err), 0);
	return 0;
}

static int end(void **state) {
	char command[128];

	(void)state;
	upstream_free(&u);
	if (peer >= 0)
		(void)close(peer);
	if (listener >= 0)
		(void)close(listener);
	peer = listener = -1;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void run(int64_t later) {
	upstream_run(u, http_clock() + later);
}

static void ask(const char *who) {
	assert_true(upstream_ask(u, slice_of("{}"), (void *)(uintptr_t)who));
}

static void say(char tag, const char *body) {
	struct buf b;

	buf_init(&b, 1 << 20);
	put_u32(&b, (uint32_t)strlen(body));
	put_u8(&b, (uint8_t)tag);
	buf_text(&b, body);
	assert_int_equal(write(peer, b.p, b.n), b.n);
	buf_release(&b);
}

static void greet(void) {
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	say('h', "");
	run(0);
}

/* How many requests came. */
static unsigned heard(void) {
	char bytes[4096];
	ssize_t n = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n > 0 ? (unsigned)n / 7 : 0;
}

#define GOOD "{\"exit\":0,\"error\":null,\"code\":null}"

static void requests_are_answered_in_their_order_one_at_a_time(void **state) {
	(void)state;
	ask("a");
	ask("b");
	run(0);
	greet();
	assert_int_equal(heard(), 1);
	say('r', "{1}");
	say('n', "a note");
	say('r', "{2}");
	say('e', GOOD);
	run(0);
	assert_string_equal(told, "a:answered:0:-:{1}:{2} ");
	assert_int_equal(heard(), 1);
	say('e', "{\"exit\":3,\"error\":\"no\",\"code\":\"forbidden\"}");
	run(0);
	assert_string_equal(told, "a:answered:0:-:{1}:{2} b:answered:3:forbidden ");
	assert_int_equal(upstream_timeout(u, http_clock()), -1);
}

static void where_nobody_listens_nothing_is_done(void **state) {
	(void)state;
	(void)close(listener);
	listener = -1;
	ask("a");
	ask("b");
	assert_int_equal(upstream_timeout(u, http_clock()), 0);
	run(0);
	assert_string_equal(told, "a:unasked b:unasked ");
}

static void who_does_not_greet_in_time_was_not_asked(void **state) {
	(void)state;
	ask("a");
	run(0);
	assert_string_equal(told, "");
	run(LATER);
	assert_string_equal(told, "a:unasked ");
}

static void what_was_asked_when_it_ended_may_be_done_and_the_rest_is_not(void **state) {
	(void)state;
	ask("a");
	ask("b");
	run(0);
	greet();
	assert_int_equal(heard(), 1);
	(void)close(peer);
	peer = -1;
	run(0);
	assert_string_equal(told, "a:unknown b:unasked ");
	/* The next is asked anew. */
	ask("c");
	run(0);
	greet();
	say('e', GOOD);
	run(0);
	assert_string_equal(told, "a:unknown b:unasked c:answered:0:- ");
}

static void a_late_answer_is_nobodys_and_the_next_one_is_the_next_ones(void **state) {
	(void)state;
	ask("a");
	run(0);
	greet();
	run(LATER);
	assert_string_equal(told, "a:unknown ");
	ask("b");
	say('r', "{late}");
	say('e', GOOD);
	run(0);
	assert_string_equal(told, "a:unknown ");
	say('r', "{b}");
	say('e', GOOD);
	run(0);
	assert_string_equal(told, "a:unknown b:answered:0:-:{b} ");
}

static void an_enforcer_that_is_stuck_is_left(void **state) {
	(void)state;
	ask("a");
	run(0);
	greet();
	run(LATER);
	run(LATER + UPSTREAM_LOST + 1);
	assert_int_equal(upstream_wait(u).fd, -1);
	assert_string_equal(told, "a:unknown ");
}

static void what_is_no_answer_ends_the_connection(void **state) {
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"\xff\xff\xff\xff\x72", 5}, /* longer than any */
		{"\x02\0\0\0e{}", 6},        /* cut, then the end */
		{"\x01\0\0\0e{", 6},         /* no JSON */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		told[0] = '\0';
		ask("a");
		run(0);
		greet();
		assert_int_equal(write(peer, rows[i].bytes, rows[i].n), rows[i].n);
		(void)close(peer);
		peer = -1;
		run(0);
		assert_string_equal(told, "a:unknown ");
	}
}

static void so_many_wait_and_no_more(void **state) {
	(void)state;
	for (int i = 0; i < UPSTREAM_WAITING; i++)
		ask("a");
	assert_false(upstream_ask(u, slice_of("{}"), NULL));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_are_answered_in_their_order_one_at_a_time, begin, end),
		cmocka_unit_test_setup_teardown(where_nobody_listens_nothing_is_done, begin, end),
		cmocka_unit_test_setup_teardown(who_does_not_greet_in_time_was_not_asked, begin, end),
		cmocka_unit_test_setup_teardown(what_was_asked_when_it_ended_may_be_done_and_the_rest_is_not, begin, end),
		cmocka_unit_test_setup_teardown(a_late_answer_is_nobodys_and_the_next_one_is_the_next_ones, begin, end),
		cmocka_unit_test_setup_teardown(an_enforcer_that_is_stuck_is_left, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_answer_ends_the_connection, begin, end),
		cmocka_unit_test_setup_teardown(so_many_wait_and_no_more, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
