#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/batch.h"
#include "common/timefmt.h"
#include "enforcer/link.h"
#include "enforcer/projection.h"

#include "tests/unit/failing.h"

#define NOW 1795428000 /* 2026-11-23T10:00:00Z */

/* An enforcer with a state in memory that projects nothing, and a link to it. */
struct bench {
	struct enforcer e;
	struct conf *conf;
	struct conf_source source;
	struct link *link;
	int fd; /* the analyzer's end */
	struct buf in;
	char said[1024];
};

static void say(void *context, const char *text) {
	struct bench *b = context;

	(void)slice_copy(slice_of(text), b->said, sizeof(b->said));
}

static void connect_link(struct bench *b) {
	struct err err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	b->fd = pair[0];
	assert_int_equal(link_new(&b->link, &b->e, pair[1], &err), 0);
	buf_clear(&b->in);
}

static int setup(void **state) {
	struct bench *b = calloc(1, sizeof(*b));
	char path[] = "/tmp/provctl-link-XXXXXX";
	static const char yaml[] = "state: /nonexistent\nrules: []\n"
							   "sources:\n  - {path: /log/api, format: json, inventory: true}\n"
							   "  - {path: /log/web, format: combined}\nfirewall: {backend: none}\n"
							   "triggers:\n  - {id: by-account, on: provision.unauthorised, by: account, count: events,"
							   " limit: 9, within: 1h, reset: provision.served, do: report}\n"
							   "  - {id: unknown, on: provision.unknown, by: ip, count: events, limit: 9, within: 1h, "
							   "do: report}\n";
	struct err err;
	int fd = mkstemp(path);

	assert_true(b && fd >= 0);
	assert_int_equal(write(fd, yaml, sizeof(yaml) - 1), sizeof(yaml) - 1);
	(void)close(fd);
	if (conf_load(&b->conf, path, NULL, &err) < 0)
		fail_msg("%s", err.text);
	(void)unlink(path);
	b->e.conf = b->conf;
	b->e.options =
		(struct enforcer_options){.dry_run = true, .control_fd = -1, .events_fd = -1, .say = say, .context = b};
	assert_int_equal(store_open(&b->e.store, NULL, STORE_OWN, 0, NULL, &err), 0);
	store_set_conf(b->e.store, b->conf);
	assert_int_equal(judge_new(&b->e.judge, b->e.store, b->conf, NULL, &err), 0);
	assert_int_equal(projection_new(&b->e.projection, &err), 0);
	buf_init(&b->in, 64U << 20);
	connect_link(b);
	(void)setenv("PROVCTL_CLOCK", "@1795428000", 1);
	*state = b;
	return 0;
}

static int teardown(void **state) {
	struct bench *b = *state;

	link_free(&b->link);
	(void)close(b->fd);
	projection_free(&b->e.projection);
	judge_free(&b->e.judge);
	store_close(&b->e.store);
	conf_free(&b->conf);
	buf_release(&b->in);
	free(b);
	return 0;
}

/* Sends a frame and lets the link deal with it; what link_step says. */
static int send_frame(struct bench *b, struct buf *frame) {
	struct stream *stream = link_stream(b->link);
	size_t sent = 0, before;
	int step;

	assert_false(frame->failed);
	while (sent < frame->n) {
		ssize_t n = send(b->fd, frame->p + sent, frame->n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(stream_read(link_stream(b->link)), 0);
	}
	do {
		before = stream->in.n;
		assert_int_equal(stream_read(stream), 0);
	} while (stream->in.n != before);
	step = link_step(b->link);
	assert_int_equal(stream_write(link_stream(b->link)), 0);
	buf_release(frame);
	return step;
}

static int send_hello(struct bench *b, uint32_t version) {
	struct buf f;
	size_t begin;

	buf_init(&f, 64);
	begin = frame_begin(&f, LINK_HELLO);
	put_u32(&f, version);
	frame_end(&f, begin);
	return send_frame(b, &f);
}

/* The next frame of the enforcer; its body is copied out of the way. 0: none. */
static int next_frame(struct bench *b, struct slice *body) {
	static char copy[LINK_FRAME_MAX];
	enum link_type type = 0;
	struct slice in, got;
	struct err err;
	char *to = buf_reserve(&b->in, 1 << 20);
	ssize_t n = recv(b->fd, to, 1 << 20, MSG_DONTWAIT);

	b->in.n += n > 0 ? (size_t)n : 0;
	in = (struct slice){b->in.p, b->in.n};
	if (in.n == 0 || frame_take(&in, &type, &got, &err) <= 0)
		return 0;
	memcpy(copy, got.p, got.n);
	*body = (struct slice){copy, got.n};
	buf_consume(&b->in, b->in.n - in.n);
	return (int)type;
}

/* Reads cursors up to READY; how many, the last of them in *c. */
static unsigned read_cursors(struct bench *b, struct cursor *c) {
	struct slice body;
	struct err err;
	uint32_t n, all = 0;
	int type;

	while ((type = next_frame(b, &body)) == LINK_CURSORS) {
		assert_int_equal(get_u32(&body, &n), 0);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(cursor_decode(&body, c, &err), 0);
		all += n;
	}
	assert_int_equal(type, LINK_READY);
	return all;
}

static void greet(struct bench *b) {
	struct cursor c;

	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	(void)read_cursors(b, &c);
}

/* ---- batches ---- */

struct made {
	struct batch_cursor at[3];
	unsigned n;
	struct event events[4];
	unsigned nevents;
	bool without_texts;
};

static struct event event_at(uint32_t cursor, uint64_t offset, int64_t time, uint64_t mac, const char *ip) {
	struct event v = {
		.kind = EVENT_PROVISION_SERVED,
		.proof = PROOF_HANDSHAKE,
		.cursor = cursor,
		.offset = offset,
		.time = time,
		.mac = mac,
		.status = 200,
		.rule = slice_of("web.config"),
		.line = slice_of("GET /001565abcdef.cfg"),
	};

	assert_true(addr_parse(ip, strlen(ip), &v.ip));
	return v;
}

static struct made one_log(uint32_t id, uint64_t from, uint64_t to) {
	return (struct made){
		.at = {{from,
	            {.id = id,
	             .source = 1,
	             .head_hash = 77,
	             .head_len = 10,
	             .offset = to,
	             .lines = to / 10,
	             .size = (int64_t)to,
	             .name = slice_of("/log/web"),
	             .file = slice_of("/log/web")}}},
		.n = 1,
		.events = {event_at(0, from, NOW - 600, 0x001565abcdef, "203.0.113.7")},
		.nevents = 1,
	};
}

static void encode(struct buf *f, uint64_t seq, const struct made *m) {
	struct batch_writer events;
	size_t begin;

	buf_init(f, 4U << 20);
	begin = frame_begin(f, LINK_BATCH);
	put_u64(f, seq);
	put_u32(f, m->n);
	for (unsigned i = 0; i < m->n; i++) {
		put_u64(f, m->at[i].from);
		cursor_encode(f, &m->at[i].to);
	}
	batch_writer_init(&events);
	for (unsigned i = 0; i < m->nevents; i++)
		batch_writer_add(&events, &m->events[i], !m->without_texts);
	batch_writer_put(&events, f);
	batch_writer_release(&events);
	frame_end(f, begin);
}

/* Sends the batch; the type of the answer, whose number must be seq. */
static int send_batch(struct bench *b, uint64_t seq, const struct made *m) {
	struct slice body;
	struct buf f;
	uint64_t answered;
	int type;

	encode(&f, seq, m);
	(void)send_frame(b, &f);
	type = next_frame(b, &body);
	if (type == LINK_ACK || type == LINK_STALE) {
		assert_int_equal(get_u64(&body, &answered), 0);
		assert_int_equal(answered, seq);
	}
	return type;
}

static uint64_t judged(struct bench *b) {
	const struct judge_sums *sums = judge_sums(b->e.judge);
	uint64_t n = 0;

	for (int i = 0; i < EVENT_KINDS; i++)
		n += sums->events[i];
	return n;
}

static int see_sum(void *context, const char *name, int64_t value) {
	struct {
		const char *name;
		int64_t value;
	} *looked = context;

	if (strcmp(looked->name, name) == 0)
		looked->value = value;
	return 0;
}

static int64_t sum(struct bench *b, const char *name) {
	struct {
		const char *name;
		int64_t value;
	} looked = {name, 0};
	struct err err;

	assert_int_equal(store_sums(b->e.store, see_sum, &looked, &err), 0);
	return looked.value;
}

/* ---- tests ---- */

static void a_batch_is_applied_once_however_often_it_comes(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct device d;
	struct cursor c;
	struct err err;

	greet(b);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	assert_int_equal(store_device(b->e.store, 0x001565abcdef, &d, &err), 1);
	assert_int_equal(d.state, DEVICE_LOCKED);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	assert_int_equal(judged(b), 1);
	assert_int_equal(sum(b, "lines"), 10);
	assert_int_equal(sum(b, "events.provision.served"), 1);
	m = one_log(CURSOR_NEW, 100, 200);
	assert_int_equal(send_batch(b, 2, &m), LINK_ACK);
	assert_int_equal(judged(b), 2);
	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	assert_int_equal(read_cursors(b, &c), 1);
	assert_int_equal(c.offset, 200);
}

static void a_batch_that_builds_on_another_offset_is_stale_and_so_is_all_behind_it(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct slice body;
	struct cursor c;
	struct buf f;

	greet(b);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	m = one_log(CURSOR_NEW, 50, 150);
	assert_int_equal(send_batch(b, 2, &m), LINK_STALE);
	assert_int_equal(read_cursors(b, &c), 1);
	assert_int_equal(c.offset, 100);
	/* This one would fit, but was sent before the analyzer knew. */
	m = one_log(CURSOR_NEW, 100, 200);
	encode(&f, 3, &m);
	assert_int_equal(send_frame(b, &f), 1);
	assert_int_equal(next_frame(b, &body), 0);
	assert_int_equal(judged(b), 1);
	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	assert_int_equal(next_frame(b, &body), 0);
	m = one_log(c.id, 100, 200);
	assert_int_equal(send_batch(b, 4, &m), LINK_ACK);
	assert_int_equal(judged(b), 2);
}

static void numbers_of_its_own_begin_anew_with_each_greeting(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct cursor c;

	greet(b);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	assert_int_equal(read_cursors(b, &c), 1);
	/* The same number, and another log. */
	m = one_log(CURSOR_NEW, 0, 50);
	m.at[0].to.head_hash = 78;
	m.at[0].to.file = slice_of("/log/web.1");
	assert_int_equal(send_batch(b, 2, &m), LINK_ACK);
	assert_int_equal(judged(b), 2);
	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	assert_int_equal(read_cursors(b, &c), 2);
}

static void a_log_that_another_analyzer_brought_meanwhile_is_stale(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct link *first = b->link;
	int fd = b->fd;
	struct cursor c;

	greet(b);
	connect_link(b);
	greet(b);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	{
		struct link *second = b->link;
		int second_fd = b->fd;

		b->link = first;
		b->fd = fd;
		assert_int_equal(send_batch(b, 1, &m), LINK_STALE);
		assert_int_equal(read_cursors(b, &c), 1);
		link_free(&second);
		(void)close(second_fd);
	}
	assert_int_equal(judged(b), 1);
}

static void an_offset_of_a_batch_partly_covered_is_stale(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);

	greet(b);
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	m.at[1] = m.at[0];
	m.at[1].to.id = CURSOR_NEW | 1;
	m.at[1].to.head_hash = 78;
	m.n = 2;
	assert_int_equal(send_batch(b, 2, &m), LINK_STALE);
	assert_int_equal(judged(b), 1);
}

static void an_event_ahead_of_the_clock_waits_until_it_is_due(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct device d;
	struct err err;

	greet(b);
	m.events[0].time = NOW + 61;
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	assert_int_equal(store_device(b->e.store, 0x001565abcdef, &d, &err), 0);
	assert_int_equal(sum(b, "early"), 1);
	(void)setenv("PROVCTL_CLOCK", "@1795428060", 1);
	assert_int_equal(enforcer_take_due(&b->e, &err), 0);
	assert_int_equal(store_device(b->e.store, 0x001565abcdef, &d, &err), 0);
	(void)setenv("PROVCTL_CLOCK", "@1795428061", 1);
	assert_int_equal(enforcer_take_due(&b->e, &err), 0);
	assert_int_equal(store_device(b->e.store, 0x001565abcdef, &d, &err), 1);
	assert_false(b->e.early);
}

static void of_one_log_ten_thousand_early_events_are_kept_and_the_rest_counted(void **state) {
	enum { BATCHES = 3, EVENTS = 4000 };
	struct bench *b = *state;
	int64_t kept;
	struct err err;

	greet(b);
	for (unsigned i = 0; i < BATCHES; i++) {
		struct made m = one_log(CURSOR_NEW, i * 100, (i + 1) * 100);
		struct batch_writer events;
		struct slice body;
		struct buf f;
		size_t begin;

		m.events[0].time = NOW + HOUR;
		buf_init(&f, 4U << 20);
		begin = frame_begin(&f, LINK_BATCH);
		put_u64(&f, i);
		put_u32(&f, 1);
		put_u64(&f, m.at[0].from);
		cursor_encode(&f, &m.at[0].to);
		batch_writer_init(&events);
		for (unsigned j = 0; j < EVENTS; j++)
			batch_writer_add(&events, &m.events[0], true);
		batch_writer_put(&events, &f);
		batch_writer_release(&events);
		frame_end(&f, begin);
		assert_int_equal(send_frame(b, &f), 1);
		assert_int_equal(next_frame(b, &body), LINK_ACK);
	}
	assert_int_equal(store_early_count(b->e.store, 1, &kept, &err), 0);
	assert_int_equal(kept, LINK_EARLY_MAX);
	assert_int_equal(sum(b, "early"), BATCHES * EVENTS);
	assert_int_equal(sum(b, "early.dropped"), BATCHES * EVENTS - LINK_EARLY_MAX);
	assert_int_equal(judged(b), 0);
	/* All of them at once, in transactions of a bounded size. */
	(void)setenv("PROVCTL_CLOCK", "@1795431600", 1);
	assert_int_equal(enforcer_take_due(&b->e, &err), 0);
	assert_int_equal(judged(b), LINK_EARLY_MAX);
	assert_false(b->e.early);
}

static void an_event_within_a_minute_of_the_clock_is_judged_at_once(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);

	greet(b);
	m.events[0].time = NOW + 60;
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	assert_int_equal(judged(b), 1);
}

static void the_inventory_is_believed_of_its_own_source_only(void **state) {
	static const struct {
		const char *what, *name;
		int found;
		uint16_t source;
	} rows[] = {
		/* what, name, device found, source */
		{"another source", "/log/web", 0, 1},
		{"a FILE of the command line", "/log/api", 0, UINT16_MAX},
		{"its index under another name", "/log/web", 0, 0},
		{"the source that is marked", "/log/api", 1, 0},
	};
	struct bench *b = *state;
	struct err err;

	greet(b);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made m = one_log(CURSOR_NEW | i, 0, 100);
		struct device d;

		m.at[0].to.source = rows[i].source;
		m.at[0].to.name = slice_of(rows[i].name);
		m.at[0].to.head_hash = 1000 + i;
		m.events[0].kind = EVENT_DEVICE_CREATED;
		if (send_batch(b, i, &m) != LINK_ACK)
			fail_msg("%s: %s", rows[i].what, b->said);
		if (store_device(b->e.store, 0x001565abcdef, &d, &err) != rows[i].found)
			fail_msg("%s", rows[i].what);
	}
	assert_int_equal(sum(b, "events.unbelieved"), 3);
}

static void standard_input_is_counted_and_not_kept(void **state) {
	struct bench *b = *state;
	struct made m = one_log(0, 0, 100);
	struct cursor c;

	greet(b);
	m.at[0].to.transient = true;
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	m = one_log(0, 100, 250);
	m.at[0].to.transient = true;
	assert_int_equal(send_batch(b, 2, &m), LINK_ACK);
	assert_int_equal(judged(b), 2);
	assert_int_equal(sum(b, "lines"), 25);
	assert_int_equal(send_hello(b, LINK_VERSION), 1);
	assert_int_equal(read_cursors(b, &c), 0);
}

static int see_notice(void *context, struct slice name, struct slice text, int64_t time) {
	struct buf *seen = context;

	(void)time;
	buf_add(seen, name.p, name.n);
	buf_text(seen, "=");
	buf_add(seen, text.p, text.n);
	buf_text(seen, ";");
	return 0;
}

static void a_notice_is_kept_until_it_is_solved(void **state) {
	static const struct {
		const char *text, *kept;
	} rows[] = {
		{"", ""},
		{"no \x1b[31mpermission", "/log/web=no \\x1b[31mpermission;"},
		{"", ""},
	};
	struct bench *b = *state;
	struct err err;

	greet(b);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf f, seen;
		size_t begin;

		buf_init(&f, 4096);
		buf_init(&seen, 4096);
		begin = frame_begin(&f, LINK_NOTICE);
		put_text(&f, slice_of("/log/web"));
		put_text(&f, slice_of(rows[i].text));
		frame_end(&f, begin);
		assert_int_equal(send_frame(b, &f), 1);
		assert_int_equal(store_notices(b->e.store, see_notice, &seen, &err), 0);
		buf_byte(&seen, '\0');
		assert_string_equal(seen.p, rows[i].kept);
		buf_release(&seen);
	}
}

static void the_end_of_a_pass_is_answered(void **state) {
	struct bench *b = *state;
	struct slice body;
	struct buf f;
	size_t begin;

	greet(b);
	buf_init(&f, 64);
	begin = frame_begin(&f, LINK_DONE);
	frame_end(&f, begin);
	assert_int_equal(send_frame(b, &f), 1);
	assert_int_equal(next_frame(b, &body), LINK_ACK);
}

/* ---- texts that are told when they are wanted ---- */

#define PHONE  0x001565abcdef
#define PHONE2 0x001565abcd02

static void encode_texts(struct buf *f, uint64_t seq, const char *line, unsigned n) {
	size_t begin;

	buf_init(f, 65536);
	begin = frame_begin(f, LINK_TEXTS);
	put_u64(f, seq);
	for (unsigned i = 0; i < n; i++)
		batch_text_put(f, slice_of(line), slice_of("agent"));
	frame_end(f, begin);
}

static int send_texts(struct bench *b, uint64_t seq, const char *line, unsigned n) {
	struct buf f;

	encode_texts(&f, seq, line, n);
	return send_frame(b, &f);
}

/* The numbers that are wanted of batch seq, as "0 2". */
static const char *wanted(struct bench *b, uint64_t seq) {
	static char text[256];
	struct slice body;
	uint64_t of;
	uint32_t number;
	size_t n = 0;

	assert_int_equal(next_frame(b, &body), LINK_WANT);
	assert_int_equal(get_u64(&body, &of), 0);
	assert_int_equal(of, seq);
	text[0] = '\0';
	while (get_u32(&body, &number) == 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", n ? " " : "", number);
	return text;
}

static int find_evidence(void *context, const struct record *r, struct err *err) {
	(void)err;
	return slice_is(r->evidence, context);
}

static bool is_recorded(struct bench *b, const char *evidence) {
	const struct record_filter all = {0};
	struct err err;

	return store_records(b->e.store, &all, find_evidence, (void *)(uintptr_t)evidence, &err) == 1;
}

static void evidence_is_asked_for_where_it_is_needed_and_only_there(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct slice body;

	greet(b);
	m.without_texts = true;
	assert_int_equal(send_batch(b, 1, &m), LINK_WANT);
	assert_int_equal(judged(b), 0);
	assert_int_equal(send_texts(b, 1, "the line", 1), 1);
	assert_int_equal(link_step(b->link), 1);
	assert_int_equal(stream_write(link_stream(b->link)), 0);
	assert_int_equal(next_frame(b, &body), LINK_ACK);
	assert_int_equal(judged(b), 1);
	assert_true(is_recorded(b, "the line"));
	/* From its home: nobody needs to see the line. */
	m = one_log(CURSOR_NEW, 100, 200);
	m.without_texts = true;
	assert_int_equal(send_batch(b, 2, &m), LINK_ACK);
	assert_int_equal(judged(b), 2);
}

static void what_was_sent_behind_a_batch_that_waits_for_texts_is_judged_behind_it(void **state) {
	struct bench *b = *state;
	struct made first = one_log(CURSOR_NEW, 0, 100), second = one_log(CURSOR_NEW, 100, 200);
	struct slice body;
	struct buf f, texts;
	uint64_t seq;

	greet(b);
	first.without_texts = true;
	encode(&f, 1, &first);
	assert_int_equal(send_frame(b, &f), 0);
	assert_string_equal(wanted(b, 1), "0");
	encode(&f, 2, &second);
	encode_texts(&texts, 1, "the line", 1);
	buf_add(&f, texts.p, texts.n);
	buf_release(&texts);
	assert_int_equal(send_frame(b, &f), 1);
	while (link_step(b->link) == 1)
		;
	assert_int_equal(stream_write(link_stream(b->link)), 0);
	for (uint64_t i = 1; i <= 2; i++) {
		assert_int_equal(next_frame(b, &body), LINK_ACK);
		assert_int_equal(get_u64(&body, &seq), 0);
		assert_int_equal(seq, i);
	}
	assert_int_equal(judged(b), 2);
}

static void texts_that_are_not_those_wanted_are_refused(void **state) {
	static const struct {
		const char *what;
		bool asked;
		uint64_t seq;
		const char *line;
		unsigned n;
	} rows[] = {
		/* what, batch before, its number, line, how many */
		{"nothing was asked", false, 1, "the line", 1}, {"another batch", true, 2, "the line", 1},
		{"too many", true, 1, "the line", 2},           {"none", true, 1, "", 0},
		{"control bytes", true, 1, "\x1b[2J", 1},
	};
	struct bench *b = *state;
	struct device d;
	struct err err;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made m = one_log(CURSOR_NEW, 0, 100);
		int step;

		link_free(&b->link);
		(void)close(b->fd);
		connect_link(b);
		greet(b);
		m.without_texts = true;
		if (rows[i].asked)
			assert_int_equal(send_batch(b, 1, &m), LINK_WANT);
		step = send_texts(b, rows[i].seq, rows[i].line, rows[i].n);
		while (step == 1)
			step = link_step(b->link);
		if (step != -1 || store_device(b->e.store, PHONE, &d, &err) != 0)
			fail_msg("%s: %d", rows[i].what, step);
	}
}

static void whose_evidence_is_needed_only_by_what_came_before_it_is_asked_for_then(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct slice body;

	greet(b);
	/* Two phones, and failures that have been counted, but none by account. */
	m.events[1] = event_at(0, 10, NOW - 590, PHONE2, "203.0.113.8");
	m.events[2] = event_at(0, 20, NOW - 580, 0x001565000001, "203.0.113.9");
	m.events[2].kind = EVENT_PROVISION_UNKNOWN;
	m.events[0].account = m.events[1].account = slice_of("acct1");
	m.nevents = 3;
	assert_int_equal(send_batch(b, 1, &m), LINK_ACK);
	m = one_log(CURSOR_NEW, 100, 200);
	m.events[0].kind = EVENT_PROVISION_UNAUTHORISED;
	m.events[1] = event_at(0, 110, NOW - 500, PHONE2, "203.0.113.8");
	m.nevents = 2;
	m.without_texts = true;
	assert_int_equal(send_batch(b, 2, &m), LINK_WANT);
	assert_int_equal(send_texts(b, 2, "the line", 1), 1);
	assert_int_equal(link_step(b->link), 0);
	assert_int_equal(stream_write(link_stream(b->link)), 0);
	assert_string_equal(wanted(b, 2), "0 1");
	assert_int_equal(judged(b), 3);
	assert_int_equal(send_texts(b, 2, "the line", 2), 1);
	assert_int_equal(link_step(b->link), 1);
	assert_int_equal(stream_write(link_stream(b->link)), 0);
	assert_int_equal(next_frame(b, &body), LINK_ACK);
	assert_int_equal(judged(b), 5);
}

/* ---- lies ---- each is refused as a whole: nothing of its batch stays, and the session is over. */

static void lie_offset_back(struct made *m) {
	m->at[0].from = 100;
	m->at[0].to.offset = 99;
}
static void lie_event_cursor(struct made *m) {
	m->events[1].cursor = 1;
}
static void lie_event_before(struct made *m) {
	m->at[0] = one_log(1, 100, 200).at[0];
	m->events[0].offset = 100;
	m->events[1].offset = 99;
}
static void lie_event_behind(struct made *m) {
	m->events[1].offset = 200;
}
static void lie_foreign_id(struct made *m) {
	m->at[0].to.id = 4711;
}
static void lie_own_number(struct made *m) {
	m->at[0].to.id = CURSOR_NEW | LINK_LOGS_MAX;
}
static void lie_twice(struct made *m) {
	m->at[1] = m->at[0];
	m->n = 2;
}
static void lie_twice_by_both_names(struct made *m) {
	m->at[1] = m->at[0];
	m->at[0].to.id = CURSOR_NEW | 5;
	m->at[1].to.id = CURSOR_NEW | 5;
	m->n = 2;
}
static void lie_new_not_at_its_beginning(struct made *m) {
	m->at[0].to.id = CURSOR_NEW | 9;
}
static void lie_no_id(struct made *m) {
	m->at[0].to.id = 0;
}
static void lie_transient_with_id(struct made *m) {
	m->at[0].to.transient = true;
}
static void lie_kind(struct made *m) {
	m->events[1].kind = EVENT_KINDS;
}
static void lie_portal(struct made *m) {
	m->events[1].kind = EVENT_PORTAL_AUTH_FAILED;
}
static void lie_proof(struct made *m) {
	m->events[1].proof = PROOFS;
}
static void lie_country(struct made *m) {
	memcpy(m->events[1].country, "d\x1b", 2);
}
static void lie_time(struct made *m) {
	m->events[1].time = -1;
}
static void lie_time_zero(struct made *m) {
	m->events[1].time = 0;
}
static void lie_mac(struct made *m) {
	m->events[1].mac = 0xffffffffffffffff;
}
static void lie_group_mac(struct made *m) {
	m->events[1].mac = 0x010000000001;
}
static void lie_no_mac(struct made *m) {
	m->events[1].mac = MAC_NONE;
}
static void lie_no_address(struct made *m) {
	memset(&m->events[1].ip, 0, sizeof(m->events[1].ip));
}
static char oversize[70000];
static void lie_oversize(struct made *m) {
	memset(oversize, 'a', sizeof(oversize));
	m->events[1].agent = (struct slice){oversize, EVENT_AGENT_MAX + 1};
}
static void lie_name(struct made *m) {
	memset(oversize, 'a', sizeof(oversize));
	m->at[0].to.name = (struct slice){oversize, CURSOR_NAME_MAX + 1};
}
static void lie_control_bytes(struct made *m) {
	m->events[1].line = slice_of("GET /\x1b[2J");
}
static void lie_tail(struct made *m) {
	m->at[0].to.tail_len = CURSOR_TAIL + 1;
}
static void lie_no_logs(struct made *m) {
	m->n = 0;
	m->nevents = 0;
}

static const struct lie {
	const char *what;
	void (*tell)(struct made *m);
	const char *answer; /* part of it */
} lies[] = {
	{"its offset goes back", lie_offset_back, "goes back"},
	{"an event of a log that is not in it", lie_event_cursor, "of log 1 of 1"},
	{"an event from before the part read", lie_event_before, "outside"},
	{"an event from behind the part read", lie_event_behind, "outside"},
	{"a cursor that it was never told", lie_foreign_id, "never told"},
	{"too many logs of its own", lie_own_number, "more than"},
	{"one log twice", lie_twice, "twice"},
	{"one new log twice", lie_twice_by_both_names, ""},
	{"a new log from its middle", lie_new_not_at_its_beginning, "beginning"},
	{"a log without a number", lie_no_id, "standard input"},
	{"standard input with a number", lie_transient_with_id, "standard input"},
	{"an unknown kind", lie_kind, "kind"},
	{"a kind that only the enforcer makes", lie_portal, "kind"},
	{"an unknown proof", lie_proof, "kind, proof"},
	{"a forged country", lie_country, "country"},
	{"a time before 1970", lie_time, "malformed"},
	{"no time", lie_time_zero, "time"},
	{"a MAC of more than 48 bits", lie_mac, "malformed"},
	{"a group address", lie_group_mac, "MAC"},
	{"no MAC where one must be", lie_no_mac, "MAC"},
	{"no address where one must be", lie_no_address, "address"},
	{"an agent that is too long", lie_oversize, "texts"},
	{"a name that is too long", lie_name, "too long"},
	{"control bytes in the evidence", lie_control_bytes, "control bytes"},
	{"a tail that is too long", lie_tail, "out of range"},
	{"no logs at all", lie_no_logs, "malformed"},
};

static void a_lie_is_refused_and_leaves_nothing(void **state) {
	struct bench *b = *state;
	struct err err;

	greet(b);
	assert_int_equal(send_batch(b, 1, &(struct made){.at = {one_log(CURSOR_NEW, 0, 100).at[0]}, .n = 1}), LINK_ACK);
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct made m = one_log(1, 100, 200);
		struct slice body = {0};
		struct device d;
		struct buf f, text;

		/* The first event is true, and would lock a device. */
		m.events[1] = event_at(0, 150, NOW - 500, 0x001565abcd00, "203.0.113.8");
		m.nevents = 2;
		link_free(&b->link);
		(void)close(b->fd);
		connect_link(b);
		greet(b);
		b->said[0] = '\0';
		lies[i].tell(&m);
		encode(&f, 2, &m);
		if (send_frame(b, &f) != -1)
			fail_msg("%s: was taken", lies[i].what);
		if (next_frame(b, &body) != LINK_REFUSED)
			fail_msg("%s: was not refused", lies[i].what);
		buf_init(&text, 4096);
		buf_add(&text, body.p, body.n);
		buf_byte(&text, '\0');
		if (!strstr(text.p, lies[i].answer))
			fail_msg("%s: %s", lies[i].what, text.p);
		assert_string_equal(text.p, b->said);
		buf_release(&text);
		if (judged(b) != 0 || store_device(b->e.store, 0x001565abcdef, &d, &err) != 0)
			fail_msg("%s: something of it stays", lies[i].what);
	}
}

static void a_frame_that_is_cut_or_too_long_is_refused(void **state) {
	static const struct {
		const char *what;
		uint32_t claimed; /* length */
		uint8_t type;
		const char *bytes;
		int step;
	} rows[] = {
		/* what                    claimed              type          bytes   step */
		{"a frame of 1 MB and 1", LINK_FRAME_MAX + 1, LINK_BATCH, "", -1},
		{"a type that is none", 0, 200, "", -1},
		{"a type of the enforcer", 0, LINK_READY, "", -1},
		{"a batch without a head", 3, LINK_BATCH, "abc", -1},
		{"a notice cut short", 3, LINK_NOTICE, "abc", -1},
		{"an end with a body", 1, LINK_DONE, "x", -1},
		{"a greeting cut short", 1, LINK_HELLO, "x", -1},
		{"half a frame", 100, LINK_BATCH, "abc", 0},
	};
	struct bench *b = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf f;
		int step;

		link_free(&b->link);
		(void)close(b->fd);
		connect_link(b);
		greet(b);
		buf_init(&f, 64);
		put_u32(&f, rows[i].claimed);
		put_u8(&f, rows[i].type);
		buf_text(&f, rows[i].bytes);
		assert_int_equal(send(b->fd, f.p, f.n, 0), (int)f.n);
		buf_release(&f);
		assert_int_equal(stream_read(link_stream(b->link)), 0);
		step = link_step(b->link);
		if (step != rows[i].step)
			fail_msg("%s: %d", rows[i].what, step);
	}
}

static void bytes_behind_the_last_event_are_refused(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);
	struct buf f;

	greet(b);
	encode(&f, 1, &m);
	buf_byte(&f, 'x');
	frame_end(&f, 0);
	assert_int_equal(send_frame(b, &f), -1);
	assert_int_equal(judged(b), 0);
}

static void nobody_is_served_before_the_greeting(void **state) {
	struct bench *b = *state;
	struct made m = one_log(CURSOR_NEW, 0, 100);

	assert_int_equal(send_batch(b, 1, &m), LINK_REFUSED);
	assert_int_equal(judged(b), 0);
}

static void another_version_is_told_so(void **state) {
	struct bench *b = *state;
	struct slice body;

	assert_int_equal(send_hello(b, LINK_VERSION + 1), -1);
	assert_int_equal(next_frame(b, &body), LINK_REFUSED);
	assert_non_null(strstr(b->said, "one release"));
}

/* The analyzer comes again with what was not acknowledged. */
static void a_batch_that_the_state_fails_on_leaves_nothing_and_is_applied_once_when_it_comes_again(void **state) {
	struct bench *b = *state;
	struct made batches[3] = {one_log(CURSOR_NEW, 0, 100), one_log(CURSOR_NEW, 100, 200),
	                          one_log(CURSOR_NEW, 200, 300)};
	unsigned total = 0;

	batches[1].events[0] = event_at(0, 100, NOW + 600, 0x001565abcdef, "203.0.113.8"); /* is kept aside */
	batches[2].events[0] = event_at(0, 200, NOW - 500, 0x001565abcdef, "203.0.113.9"); /* is exposed */
	for (unsigned i = 0; i < 3; i++)
		for (unsigned n = 1;; n++) {
			struct cursor c;
			int type;

			link_free(&b->link);
			(void)close(b->fd);
			connect_link(b);
			assert_int_equal(send_hello(b, LINK_VERSION), 1);
			if (read_cursors(b, &c) > 0)
				batches[i].at[0].to.id = c.id;
			assert_true(n < 400);
			b->e.state_problem[0] = '\0';
			fail_from_now(n);
			type = send_batch(b, 1, &batches[i]);
			if (!has_failed()) {
				if (type != LINK_ACK || b->e.state_problem[0])
					fail_msg("batch %u: answer %d, said: %s", i, type, b->said);
				assert_int_equal(sum(b, "lines"), (i + 1) * 10);
				total += n - 1;
				break;
			}
			if (type != LINK_REFUSED || !strstr(b->said, FAILING) || !strstr(b->e.state_problem, FAILING))
				fail_msg("at question %u: answer %d, said: %s", n, type, b->said);
			assert_int_equal(sum(b, "lines"), i * 10);
			assert_int_equal(sum(b, "early"), i > 1);
		}
	assert_int_equal(sum(b, "events.provision.served"), 3);
	assert_true(total > 50);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_batch_is_applied_once_however_often_it_comes),
		CASE(a_batch_that_builds_on_another_offset_is_stale_and_so_is_all_behind_it),
		CASE(numbers_of_its_own_begin_anew_with_each_greeting),
		CASE(a_log_that_another_analyzer_brought_meanwhile_is_stale),
		CASE(an_offset_of_a_batch_partly_covered_is_stale),
		CASE(an_event_ahead_of_the_clock_waits_until_it_is_due),
		CASE(of_one_log_ten_thousand_early_events_are_kept_and_the_rest_counted),
		CASE(an_event_within_a_minute_of_the_clock_is_judged_at_once),
		CASE(the_inventory_is_believed_of_its_own_source_only),
		CASE(standard_input_is_counted_and_not_kept),
		CASE(a_notice_is_kept_until_it_is_solved),
		CASE(the_end_of_a_pass_is_answered),
		CASE(evidence_is_asked_for_where_it_is_needed_and_only_there),
		CASE(what_was_sent_behind_a_batch_that_waits_for_texts_is_judged_behind_it),
		CASE(texts_that_are_not_those_wanted_are_refused),
		CASE(whose_evidence_is_needed_only_by_what_came_before_it_is_asked_for_then),
		CASE(a_lie_is_refused_and_leaves_nothing),
		CASE(a_frame_that_is_cut_or_too_long_is_refused),
		CASE(bytes_behind_the_last_event_are_refused),
		CASE(nobody_is_served_before_the_greeting),
		CASE(another_version_is_told_so),
		CASE(a_batch_that_the_state_fails_on_leaves_nothing_and_is_applied_once_when_it_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
