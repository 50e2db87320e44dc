#include <ftw.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "common/event.h"
#include "common/js.h"

#include "enforcer/enforcer.h"

#include "cmd/client.h"

/* A state of its own, and a configuration that names it. */
struct place {
	char folder[64];
	char file[128];
	struct conf *conf;
};

static int setup(void **state) {
	struct place *p = calloc(1, sizeof(*p));
	struct err err;
	FILE *f;

	assert_non_null(p);
	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/provctl-client-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->file, sizeof(p->file), "%s/c.yaml", p->folder);
	f = fopen(p->file, "w");
	assert_non_null(f);
	(void)fprintf(
		f,
		"state: %s/state\nlockstate: {path: %s/lockstate, group: \"\"}\nrules: []\nfirewall: {backend: none}\n"
		"users: {enforcer: root, analyzer: root}\n",
		p->folder, p->folder);
	assert_int_equal(fclose(f), 0);
	if (conf_load(&p->conf, p->file, NULL, &err) < 0)
		fail_msg("%s", err.text);
	*state = p;
	return 0;
}

static bool is_there(const struct place *p, const char *name) {
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	return stat(path, &st) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int teardown(void **state) {
	struct place *p = *state;

	/* An enforcer that outlived who started it may still be removing its sockets. */
	for (unsigned i = 0; i < 100 && is_there(p, ""); i++)
		if (nftw(p->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
			(void)usleep(20000);
	assert_false(is_there(p, ""));
	conf_free(&p->conf);
	free(p);
	return 0;
}

static struct client *open_client(struct place *p, unsigned flags) {
	struct client *c = NULL;
	struct err err;

	if (client_open(&c, p->file, p->conf, flags, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static int count_row(void *context, struct slice json, struct err *err) {
	unsigned *rows = context;
	struct json *row;

	assert_int_equal(js_parse(json, &row, err), 0);
	js_free(&row);
	(*rows)++;
	return 0;
}

/* The exit status; -1 with the class in *class. */
static int ask(struct client *c, const char *request, unsigned *rows, struct err *err) {
	struct client_reader reader = {.row = count_row, .context = rows};
	int exit = -1;

	*rows = 0;
	return client_request(c, slice_of(request), &reader, &exit, err) < 0 ? -1 : exit;
}

static bool has_children(void) {
	return waitpid(-1, NULL, WNOHANG) >= 0;
}

static void it_becomes_the_enforcer_where_none_runs(void **state) {
	struct place *p = *state;
	struct client *c = open_client(p, 0);
	struct err err;
	unsigned rows;

	assert_true(is_there(p, "state/" ENFORCER_CONTROL_SOCKET));
	assert_int_equal(ask(c, "{\"verb\":\"add\",\"mac\":\"001565abcdef\"}", &rows, &err), 0);
	assert_int_equal(ask(c, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, 1);
	client_close(&c);
	assert_null(c);
	assert_false(has_children());
	assert_false(is_there(p, "state/" ENFORCER_CONTROL_SOCKET));
	assert_true(is_there(p, "lockstate"));
	/* What it did stays. */
	c = open_client(p, 0);
	assert_int_equal(ask(c, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, 1);
	client_close(&c);
}

static void a_second_one_reaches_the_first_and_outlives_it(void **state) {
	struct place *p = *state;
	struct client *first = open_client(p, 0), *second = open_client(p, 0);
	struct err err;
	unsigned rows;

	client_close(&first);
	assert_int_equal(ask(second, "{\"verb\":\"add\",\"mac\":\"001565abcdef\"}", &rows, &err), 0);
	assert_int_equal(ask(second, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, 1);
	client_close(&second);
	/* The first was told not to wait for its child, which ends with the second. */
	assert_true(waitpid(-1, NULL, 0) > 0);
	assert_false(has_children());
}

static void many_at_once_all_get_their_answer(void **state) {
	enum { MANY = 12 };
	struct place *p = *state;
	pid_t pids[MANY];
	struct client *c;
	struct err err;
	unsigned rows;

	for (unsigned i = 0; i < MANY; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char request[64];
			struct client *mine = NULL;
			struct client_reader reader = {0};
			int exit = -1;

			(void)snprintf(request, sizeof(request), "{\"verb\":\"add\",\"mac\":\"001565ab00%02x\"}", i);
			if (client_open(&mine, p->file, p->conf, 0, &err) < 0 ||
			    client_request(mine, slice_of(request), &reader, &exit, &err) < 0) {
				(void)fprintf(stderr, "%s\n", err.text);
				_exit(99);
			}
			client_close(&mine);
			_exit(exit);
		}
	}
	for (unsigned i = 0; i < MANY; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	c = open_client(p, 0);
	assert_int_equal(ask(c, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, MANY);
	client_close(&c);
}

static void a_failure_brings_its_class_and_its_reason(void **state) {
	static const struct {
		const char *request;
		enum err_class class;
		const char *why;
	} rows[] = {
		{"{\"verb\":\"show\",\"mac\":\"001565abcdef\"}", ERR_NEGATIVE, "001565abcdef"},
		{"{\"verb\":\"show\",\"mac\":\"frog\"}", ERR_INPUT, "mac"},
		{"{\"verb\":\"frobnicate\"}", ERR_INPUT, "no such verb"},
		{"{}", ERR_INPUT, "no such verb"},
		{"[1,", ERR_INPUT, "JSON"},
	};
	struct place *p = *state;
	struct client *c = open_client(p, 0);
	struct err err;
	unsigned n;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ask(c, rows[i].request, &n, &err) != -1)
			fail_msg("%s: was done", rows[i].request);
		if (err.class != rows[i].class || !strstr(err.text, rows[i].why))
			fail_msg("%s: %d %s", rows[i].request, (int)err.class, err.text);
	}
	client_close(&c);
}

/* An enforcer that greets, reads a request, and says this. */
static pid_t say(const struct place *p, const char *bytes, size_t n) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char folder[72], request[4096];
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	(void)snprintf(folder, sizeof(folder), "%s/state", p->folder);
	assert_true(mkdir(folder, 0700) == 0 || is_there(p, "state"));
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" ENFORCER_CONTROL_SOCKET, folder);
	(void)unlink(at.sun_path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0) {
		int fd = accept(listener, NULL, NULL);

		_exit(write(fd, "\0\0\0\0h", 5) == 5 && read(fd, request, sizeof(request)) > 0 &&
		              write(fd, bytes, n) == (ssize_t)n
		          ? 0
		          : 1);
	}
	assert_int_equal(close(listener), 0);
	return pid;
}

static void an_answer_that_is_none_is_not_the_fault_of_who_asked(void **state) {
	static const struct {
		const char bytes[16];
		size_t n;
		const char *why;
	} rows[] = {
		{"\0\0\0\0e", 5, "the enforcer's answer: JSON: 1:"},
		{"\2\0\0\0e[1", 7, "the enforcer's answer: JSON: 1:"},
		{"\377\377\377\377e", 5, "the enforcer's answer is malformed"},
		{"\2\0\0\0e", 5, "the enforcer ended before it answered"},
		{"", 0, "the enforcer ended before it answered"},
	};
	struct place *p = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = say(p, rows[i].bytes, rows[i].n);
		struct client *c = open_client(p, 0);
		struct err err;
		unsigned n;
		int status;

		assert_int_equal(ask(c, "{\"verb\":\"list\"}", &n, &err), -1);
		assert_int_equal(err.class, ERR_SYSTEM);
		if (!strstr(err.text, rows[i].why))
			fail_msg("%u: %s", i, err.text);
		client_close(&c);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void a_copy_changes_nothing(void **state) {
	struct place *p = *state;
	struct client *c = open_client(p, CLIENT_COPY);
	struct err err;
	unsigned rows;

	assert_int_equal(ask(c, "{\"verb\":\"add\",\"mac\":\"001565abcdef\"}", &rows, &err), 0);
	assert_int_equal(ask(c, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, 1);
	client_close(&c);
	assert_false(is_there(p, "state"));
	assert_false(is_there(p, "lockstate"));
}

static void the_event_link_is_served_beside_the_commands(void **state) {
	struct place *p = *state;
	unsigned became = 0;

	/* Once as the enforcer, once beside one. */
	struct client *other = NULL;

	for (; became < 2; became++) {
		struct client *c = open_client(p, CLIENT_EVENTS);
		struct buf f;
		size_t begin;
		char answer[LINK_HEADER];

		buf_init(&f, 64);
		begin = frame_begin(&f, LINK_HELLO);
		put_u32(&f, LINK_VERSION);
		frame_end(&f, begin);
		assert_int_equal(write(client_events(c), f.p, f.n), (int)f.n);
		assert_int_equal(read(client_events(c), answer, sizeof(answer)), (int)sizeof(answer));
		assert_int_equal(answer[4], LINK_READY);
		buf_release(&f);
		client_events_done(c);
		client_close(&c);
		if (!other)
			other = open_client(p, 0);
	}
	client_close(&other);
	assert_false(has_children());
}

static void a_state_that_cannot_be_is_told_in_one_line(void **state) {
	struct place *p = *state;
	struct client *c = NULL;
	char path[128];
	struct err err;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/state", p->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(client_open(&c, p->file, p->conf, 0, &err), -1);
	assert_null(c);
	assert_int_equal(err.class, ERR_SYSTEM);
	assert_non_null(strstr(err.text, path));
	assert_null(strchr(err.text, '\n'));
	assert_false(has_children());
}

static void a_long_answer_comes_whole(void **state) {
	enum { DEVICES = 3000 };
	struct place *p = *state;
	struct client *c = open_client(p, 0);
	struct err err;
	unsigned rows;

	for (unsigned i = 0; i < DEVICES; i++) {
		char request[128];

		(void)snprintf(request, sizeof(request), "{\"verb\":\"add\",\"mac\":\"001565%06x\",\"more\":true}", i);
		assert_int_equal(ask(c, request, &rows, &err), 0);
	}
	assert_int_equal(ask(c, "{\"verb\":\"list\"}", &rows, &err), 0);
	assert_int_equal(rows, DEVICES);
	client_close(&c);
}

/* The client looks for prov-enforcer beside the program that runs: here beside this test. */
int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(it_becomes_the_enforcer_where_none_runs),
		CASE(a_second_one_reaches_the_first_and_outlives_it),
		CASE(many_at_once_all_get_their_answer),
		CASE(a_failure_brings_its_class_and_its_reason),
		CASE(an_answer_that_is_none_is_not_the_fault_of_who_asked),
		CASE(a_copy_changes_nothing),
		CASE(the_event_link_is_served_beside_the_commands),
		CASE(a_state_that_cannot_be_is_told_in_one_line),
		CASE(a_long_answer_comes_whole),
	};
	const char *top = getenv("top_builddir");
	char self[4096], beside[4200], target[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int failed;

	if (n <= 0)
		return 1;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(beside, sizeof(beside), "%s/prov-enforcer", self);
	if (top)
		(void)snprintf(target, sizeof(target), "%s/prov-enforcer", top);
	else
		(void)snprintf(target, sizeof(target), "%s/../../prov-enforcer", self);
	(void)unlink(beside);
	if (symlink(target, beside) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(beside);
	return failed;
}
