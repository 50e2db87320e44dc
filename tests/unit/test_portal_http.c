/* The layer of HTTP by itself, over connections that this test holds both ends of: what is refused before it is a request, who is cut for whom, and
 * that nobody can hold a place by silence. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "portal/http.h"

#define FILES (2 * HTTP_FILES + 64)

static struct http *h;
static struct exchange *waiting; /* the last one that was told to wait */
static bool wait_for_it;
static char told[2048]; /* "METHOD TARGET|FORWARDED|BODY " of each request */

static void answer(struct exchange *x, unsigned status) {
	struct http_answer a = {.status = status, .type = "text/plain"};

	buf_init(&a.body, 64);
	buf_text(&a.body, "ok");
	http_answer(x, &a);
}

static void serve(void *context, struct exchange *x, const struct http_request *q) {
	size_t n = strlen(told);

	assert_null(context);
	(void)snprintf(told + n, sizeof(told) - n, "%s %.*s|%.*s|%.*s ", q->method, (int)q->target.n, q->target.p,
	               (int)q->forwarded.n, q->forwarded.p ? q->forwarded.p : "", q->body.n < 100 ? (int)q->body.n : 100,
	               q->body.p ? q->body.p : "");
	if (wait_for_it) {
		waiting = x;
		http_wait(x);
	} else {
		answer(x, 200);
	}
}

static void refuse(void *context, struct exchange *x, unsigned status, const char *why) {
	(void)context;
	(void)why;
	answer(x, status);
}

static int begin(void **state) {
	static const struct http_options options = {.forwarded = "X-Forwarded-For", .serve = serve, .refuse = refuse};
	struct err err;

	(void)state;
	told[0] = '\0';
	wait_for_it = false;
	return http_new(&h, &options, &err);
}

static int end(void **state) {
	(void)state;
	http_free(&h);
	return 0;
}

static struct addr number(unsigned n) {
	char text[ADDR_TEXT];
	struct addr a;

	(void)snprintf(text, sizeof(text), "10.0.%u.%u", n >> 8 & 255, n & 255);
	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* A connection's client side. */
static int join(struct addr peer, bool proxy) {
	int fds[2], ours;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	/* The low numbers are the server's. */
	ours = fcntl(fds[1], F_DUPFD, HTTP_FILES);
	assert_true(ours >= 0);
	(void)close(fds[1]);
	http_take(h, fds[0], peer, proxy);
	return ours;
}

static void run(void) {
	for (int i = 0; i < 20; i++)
		http_run(h);
}

static void say(int fd, const char *text) {
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	run();
}

/* The status of the answer that is there; 0: none yet, -1: the connection has ended. */
static int hear(int fd) {
	char text[65536];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? -1 : 0;
	text[n] = '\0';
	return strncmp(text, "HTTP/1.", 7) == 0 ? atoi(text + 9) : 0;
}

#define HOST "Host: p\r\n"

static void what_can_be_read_in_two_ways_is_no_request(void **state) {
	static const struct {
		const char *text;
		int status;
		const char *told;
	} rows[] = {
		{"GET /a?b HTTP/1.1\r\n" HOST "\r\n", 200, "GET /a?b|| "},
		{"GET /%2F%00 HTTP/1.1\r\n" HOST "\r\n", 200, "GET /%2F%00|| "},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", 200, "POST /||hi "},
		{"GET / HTTP/1.1\r\n" HOST "X-Forwarded-For: a\r\nX-Other: b\r\nx-forwarded-for: c\r\n\r\n", 200,
	     "GET /|a,c| "},
		{"GET / HTTP/1.0\r\n\r\n", 200, "GET /|| "},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, ""},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, ""},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, ""},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\n", 413, ""},
		{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, ""},
		{"GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nauthorization: b\r\n\r\n", 400, ""},
		{"GET / HTTP/1.1\r\n" HOST "If-Match: a\r\nIf-Match: b\r\n\r\n", 400, ""},
		{"GET / HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = join(number(1), false), status;

		told[0] = '\0';
		say(fd, rows[i].text);
		status = hear(fd);
		if (status != rows[i].status || strcmp(told, rows[i].told) != 0)
			fail_msg("%s: %d, %s", rows[i].text, status, told);
		(void)close(fd);
		run();
	}
}

static void a_long_body_is_dropped_and_answered(void **state) {
	static char piece[1 << 16];
	int fd = join(number(1), false), sent = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	say(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 10485760\r\n\r\n");
	while (sent < 10485760) {
		ssize_t n = send(fd, piece, 10485760 - sent < (int)sizeof(piece) ? (size_t)(10485760 - sent) : sizeof(piece),
		                 MSG_NOSIGNAL);

		sent += n > 0 ? (int)n : 0;
		run();
	}
	assert_int_equal(hear(fd), 413);
	assert_string_equal(told, "");
	/* It is not the end of the connection. */
	say(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(hear(fd), 200);
	(void)close(fd);
}

static void a_request_that_does_not_come_to_an_end_ends_the_connection(void **state) {
	int silent = join(number(1), false), slow = join(number(2), false), body = join(number(3), false);
	int rests = join(number(4), false), proxy = join(number(5), true), asked = join(number(6), false);

	(void)state;
	say(slow, "GET / HTTP/1.1\r\nX-");
	say(slow, "Y: z\r\nX-");
	say(body, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nh");
	say(rests, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(hear(rests), 200);
	wait_for_it = true;
	say(asked, "GET / HTTP/1.1\r\n" HOST "\r\n");
	http_sweep(h, http_clock() + HTTP_PATIENCE / 2);
	run();
	assert_int_equal(http_connections(h), 6);
	http_sweep(h, http_clock() + HTTP_PATIENCE + 1);
	run();
	assert_int_equal(hear(silent), -1);
	assert_int_equal(hear(slow), -1);
	assert_int_equal(hear(body), -1);
	assert_int_equal(hear(rests), -1);
	/* A web server's connection rests for longer; and who waits for us is never blamed for it. */
	assert_int_equal(http_connections(h), 2);
	answer(waiting, 200);
	run();
	assert_int_equal(hear(asked), 200);
	http_sweep(h, http_clock() + HTTP_REST + 1);
	run();
	assert_int_equal(http_connections(h), 0);
	(void)close(silent);
	(void)close(slow);
	(void)close(body);
	(void)close(rests);
	(void)close(proxy);
	(void)close(asked);
}

static void of_one_address_the_oldest_makes_room_for_the_newest(void **state) {
	int fds[HTTP_PER_ADDRESS + 8], other = join(number(2), false);

	(void)state;
	for (int i = 0; i < HTTP_PER_ADDRESS + 8; i++) {
		fds[i] = join(number(1), false);
		run();
	}
	assert_int_equal(http_connections(h), HTTP_PER_ADDRESS + 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(hear(fds[i]), -1);
	assert_int_equal(hear(fds[8]), 0);
	say(other, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(hear(other), 200);
	for (int i = 0; i < HTTP_PER_ADDRESS + 8; i++)
		(void)close(fds[i]);
	(void)close(other);
}

static void of_all_the_oldest_that_rests_makes_room_and_who_waits_stays(void **state) {
	static int fds[HTTP_CONNECTIONS + 100];
	int fresh;

	(void)state;
	wait_for_it = true;
	fds[0] = join(number(0), false);
	say(fds[0], "GET / HTTP/1.1\r\n" HOST "\r\n");
	wait_for_it = false;
	for (unsigned i = 1; i < HTTP_CONNECTIONS + 100; i++) {
		fds[i] = join(number(i), false);
		http_run(h);
	}
	run();
	assert_int_equal(http_connections(h), HTTP_CONNECTIONS);
	assert_int_equal(hear(fds[1]), -1);
	assert_int_equal(hear(fds[HTTP_CONNECTIONS + 99]), 0);
	fresh = join(number(60000), false);
	say(fresh, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(hear(fresh), 200);
	answer(waiting, 200);
	run();
	assert_int_equal(hear(fds[0]), 200);
	for (unsigned i = 0; i < HTTP_CONNECTIONS + 100; i++)
		(void)close(fds[i]);
	(void)close(fresh);
}

static void sixteen_kilobytes_of_headers_are_taken_and_no_more(void **state) {
	static char text[HTTP_HEADERS_MAX + 64], value[HTTP_HEADERS_MAX];
	static const struct { int n, status; } rows[] = {{HTTP_HEADERS_MAX - 100, 200}, {HTTP_HEADERS_MAX - 1, 431}};

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < 2; i++) {
		int fd = join(number(1), false);

		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "X: %.*s\r\n\r\n", rows[i].n, value);
		say(fd, text);
		assert_int_equal(hear(fd), rows[i].status);
		(void)close(fd);
		run();
	}
}

static void headers_are_bounded(void **state) {
	static char text[256 << 10];
	static const char *const heads[] = {"GET / HTTP/1.1\r\n" HOST "X: ", "GET /"};
	static const char *const pieces[] = {"x", "\r\nX: x", "\r\n x"};

	(void)state;
	for (size_t head = 0; head < 2; head++)
		for (size_t piece = 0; piece < (head == 0 ? 3 : 1); piece++) {
			int fd = join(number(1), false), status = 0;
			size_t n = (size_t)snprintf(text, sizeof(text), "%s", heads[head]);

			told[0] = '\0';
			while (n < sizeof(text) - 16)
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", pieces[piece]);
			for (size_t sent = 0; sent < n && status == 0;) {
				ssize_t some = send(fd, text + sent, n - sent, MSG_NOSIGNAL);

				run();
				status = hear(fd);
				sent += some > 0 ? (size_t)some : 0;
			}
			assert_true(status >= 400 || status == -1);
			assert_string_equal(told, "");
			(void)close(fd);
			run();
		}
	assert_int_equal(http_connections(h), 0);
}

int main(void) {
	struct rlimit files = {0};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_can_be_read_in_two_ways_is_no_request, begin, end),
		cmocka_unit_test_setup_teardown(a_long_body_is_dropped_and_answered, begin, end),
		cmocka_unit_test_setup_teardown(a_request_that_does_not_come_to_an_end_ends_the_connection, begin, end),
		cmocka_unit_test_setup_teardown(of_one_address_the_oldest_makes_room_for_the_newest, begin, end),
		cmocka_unit_test_setup_teardown(of_all_the_oldest_that_rests_makes_room_and_who_waits_stays, begin, end),
		cmocka_unit_test_setup_teardown(sixteen_kilobytes_of_headers_are_taken_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(headers_are_bounded, begin, end),
	};

	/* Both ends of all connections. */
	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = FILES;
	if (files.rlim_max < FILES)
		files.rlim_max = FILES;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
		perror("RLIMIT_NOFILE");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
