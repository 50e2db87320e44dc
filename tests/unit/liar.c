#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
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

#include "common/js.h"

#include "enforcer/control.h"

#include "cmd/client.h"

#include "tests/unit/liar.h"

#define PATIENCE 60 /* seconds, for a loaded machine */
#define LOG      "/log/web"

static const char yaml[] =
	"state: state\nlockstate: {path: publish/lockstate, group: \"\"}\nfirewall: {backend: none, never: [192.0.2.99]}\n"
	"users: {enforcer: root, analyzer: root}\nrules: [%s/rules]\n"
	"sources:\n  - {path: " LOG ", format: combined, account: acct1}\n  - {path: /log/api, format: json, "
	"inventory: true}\n";

static void connect_to(struct liar *l, const char *name) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval patience = {PATIENCE, 0};

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/state/%s", l->folder, name);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(l->fd >= 0);
	assert_int_equal(setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(l->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	buf_clear(&l->in);
	l->taken = 0;
}

static void wait_until_served(const struct liar *l) {
	static const struct timespec moment = {.tv_nsec = 10000000};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/state/events.sock", l->folder);
	for (int i = 0; i < PATIENCE * 100 && access(path, F_OK) < 0; i++)
		(void)nanosleep(&moment, NULL);
	assert_int_equal(access(path, F_OK), 0);
}

void liar_start(struct liar *l) {
	char program[512];
	struct err err;
	FILE *f;

	*l = (struct liar){.fd = -1};
	(void)snprintf(l->folder, sizeof(l->folder), "/tmp/provctl-liar-XXXXXX");
	assert_non_null(mkdtemp(l->folder));
	(void)snprintf(l->file, sizeof(l->file), "%s/c.yaml", l->folder);
	f = fopen(l->file, "w");
	assert_non_null(f);
	(void)fprintf(f, yaml, getenv("top_srcdir"));
	assert_int_equal(fclose(f), 0);
	(void)setenv("PROVCTL_CLOCK", "@1795428000", 1);
	if (conf_load(&l->conf, l->file, NULL, &err) < 0)
		fail_msg("%s", err.text);
	buf_init(&l->in, 64U << 20);
	(void)snprintf(program, sizeof(program), "%s/prov-enforcer", getenv("top_builddir") ? getenv("top_builddir") : ".");
	l->enforcer = fork();
	assert_true(l->enforcer >= 0);
	if (l->enforcer == 0) {
		/* What it says of lies is not for the test's own output. */
		(void)!freopen("/dev/null", "w", stderr);
		(void)execl(program, "prov-enforcer", "-c", l->file, (char *)NULL);
		_exit(127);
	}
	wait_until_served(l);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void liar_stop(struct liar *l) {
	int status;

	liar_hang_up(l);
	assert_int_equal(kill(l->enforcer, SIGTERM), 0);
	assert_int_equal(waitpid(l->enforcer, &status, 0), l->enforcer);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	buf_release(&l->in);
	conf_free(&l->conf);
	(void)nftw(l->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the link ---- */

void liar_hang_up(struct liar *l) {
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

void liar_send(struct liar *l, const void *bytes, size_t n) {
	const char *p = bytes;

	while (n > 0) {
		ssize_t sent = send(l->fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* Nobody has to listen to a liar to the end. */
		if (sent < 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
}

/* More of what the enforcer says; false where it has hung up. */
static bool hear(struct liar *l) {
	char *to = buf_reserve(&l->in, 65536);
	ssize_t n;

	assert_non_null(to);
	n = recv(l->fd, to, 65536, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		fail_msg("no answer within %d s", PATIENCE);
	if (n <= 0)
		return false;
	l->in.n += (size_t)n;
	return true;
}

/* The frame's body stays in l->in until the next call. */
static int next_frame(struct liar *l, struct slice *body) {
	enum link_type type;
	struct err err;

	buf_consume(&l->in, l->taken);
	l->taken = 0;
	for (;;) {
		struct slice in = {l->in.p, l->in.n};

		if (in.n > 0 && frame_take(&in, &type, body, &err) > 0) {
			l->taken = l->in.n - in.n;
			return (int)type;
		}
		if (!hear(l))
			return 0;
	}
}

int liar_answer(struct liar *l) {
	struct slice body;

	return next_frame(l, &body);
}

static void see_cursors(struct liar *l, struct slice body) {
	struct cursor c;
	struct err err;
	uint32_t n;

	assert_int_equal(get_u32(&body, &n), 0);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(cursor_decode(&body, &c, &err), 0);
		l->told = c.id > l->told ? c.id : l->told;
		if (slice_is(c.name, LOG)) {
			l->log = c.id;
			l->offset = c.offset;
		}
	}
}

void liar_connect(struct liar *l, bool greet) {
	struct slice body;
	struct buf f;
	size_t begin;
	int type;

	liar_hang_up(l);
	connect_to(l, "events.sock");
	if (!greet)
		return;
	buf_init(&f, 64);
	begin = frame_begin(&f, LINK_HELLO);
	put_u32(&f, LINK_VERSION);
	frame_end(&f, begin);
	liar_send(l, f.p, f.n);
	buf_release(&f);
	while ((type = next_frame(l, &body)) == LINK_CURSORS)
		see_cursors(l, body);
	assert_int_equal(type, LINK_READY);
}

struct story liar_story(const struct liar *l) {
	static const char home[] = "203.0.113.7";
	struct story s = {
		.nlogs = 1,
		.logs = 1,
		.from = l->offset,
		.log = {.id = l->log ? l->log : CURSOR_NEW,
	            .head_hash = 77,
	            .head_len = 10,
	            .offset = l->offset + 100,
	            .lines = l->offset / 100 + 1,
	            .size = (int64_t)l->offset + 100,
	            .name = slice_of(LOG),
	            .file = slice_of(LOG)},
		.event = {.kind = EVENT_PROVISION_SERVED,
	              .proof = PROOF_HANDSHAKE,
	              .imposter = TRI_NO,
	              .offset = l->offset,
	              .time = LIAR_NOW - 600 + (int64_t)(l->offset / 100),
	              .mac = 0x001565abcdefULL,
	              .status = 200,
	              .account = slice_of("acct1"),
	              .rule = slice_of("web.config"),
	              .line = slice_of("GET /001565abcdef.cfg")},
		.nevents = 1,
	};

	assert_true(addr_parse(home, strlen(home), &s.event.ip));
	return s;
}

void liar_encode(struct liar *l, const struct story *s, struct buf *frame) {
	struct batch_writer events;
	size_t begin;

	buf_init(frame, 64U << 20);
	begin = frame_begin(frame, LINK_BATCH);
	put_u64(frame, ++l->seq);
	put_u32(frame, s->nlogs);
	for (uint32_t i = 0; i < s->logs; i++) {
		put_u64(frame, s->from);
		cursor_encode(frame, &s->log);
	}
	batch_writer_init(&events);
	for (uint32_t i = 0; i < s->nevents; i++)
		batch_writer_add(&events, &s->event, true);
	batch_writer_put(&events, frame);
	batch_writer_release(&events);
	frame_end(frame, begin);
}

int liar_tell(struct liar *l, const struct story *s) {
	struct buf frame;

	liar_encode(l, s, &frame);
	liar_send(l, frame.p, frame.n);
	buf_release(&frame);
	return liar_answer(l);
}

/* ---- commands ---- */

/* A frame as both sockets have it, its tag kept apart; 0 where the other side hung up. */
static int next_answer(struct liar *l, struct slice *body) {
	buf_consume(&l->in, l->taken);
	l->taken = 0;
	for (;;) {
		struct slice in = {l->in.p, l->in.n};
		uint32_t size;
		uint8_t tag;

		if (in.n > 0 && get_u32(&in, &size) == 0 && get_u8(&in, &tag) == 0 && in.n >= size) {
			*body = (struct slice){in.p, size};
			l->taken = CONTROL_HEADER + size;
			return tag;
		}
		if (!hear(l))
			return 0;
	}
}

void liar_command(struct liar *l) {
	struct slice body;

	liar_hang_up(l);
	connect_to(l, "control.sock");
	assert_int_equal(next_answer(l, &body), 'h');
}

void liar_ask(struct liar *l, uint32_t length, struct slice body) {
	struct buf f;

	buf_init(&f, 64U << 20);
	put_u32(&f, length);
	put_u8(&f, 'q');
	buf_add(&f, body.p, body.n);
	assert_false(f.failed);
	liar_send(l, f.p, f.n);
	buf_release(&f);
}

int liar_status(struct liar *l) {
	struct json *end;
	struct slice body;
	struct err err;
	int tag, status;

	do
		tag = next_answer(l, &body);
	while (tag == 'r' || tag == 'n');
	if (tag != 'e')
		return -1;
	assert_int_equal(js_parse(body, &end, &err), 0);
	status = (int)js_number(end, "exit", -1);
	js_free(&end);
	return status;
}

/* ---- what came of it ---- */

static int add_row(void *context, struct slice json, struct err *err) {
	struct buf *b = context;

	(void)err;
	buf_add(b, json.p, json.n);
	buf_byte(b, '\n');
	return 0;
}

char *liar_state(const struct liar *l, bool record) {
	static const char *const requests[] = {"{\"verb\":\"list\"}", "{\"verb\":\"bans\",\"all\":true}",
	                                       "{\"verb\":\"network\",\"do\":\"list\"}", "{\"verb\":\"log\"}"};
	struct client *client = NULL;
	struct client_reader reader = {.row = add_row};
	struct buf b;
	struct err err;
	char *text;
	int exit;

	buf_init(&b, 64U << 20);
	reader.context = &b;
	if (client_open(&client, l->file, l->conf, CLIENT_REACH, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) - !record; i++)
		if (client_request(client, slice_of(requests[i]), &reader, &exit, &err) < 0)
			fail_msg("%s: %s", requests[i], err.text);
	client_close(&client);
	buf_byte(&b, '\0');
	assert_false(b.failed);
	text = strdup(b.p);
	buf_release(&b);
	assert_non_null(text);
	return text;
}
