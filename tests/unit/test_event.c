#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/event.h"

static struct event sample(void) {
	return (struct event){
		.kind = EVENT_SIP_AUTH_FAILED,
		.proof = PROOF_NONCE,
		.imposter = TRI_YES,
		.cursor = 3,
		.offset = 1234567890123,
		.time = 1795341600,
		.ip = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		.mac = 0x001565abcdef,
		.once = 77,
		.asn = 64500,
		.status = 403,
		.country = {'D', 'E'},
		.agent_mac_differs = true,
		.user = slice_of("100"),
		.realm = slice_of("example.org"),
		.account = slice_of("acct1"),
		.agent = slice_of("agent"),
		.folder = slice_of("/secret/"),
		.vendor = slice_of("Yealink"),
		.model = slice_of("T46S"),
		.version = slice_of("66.86.0.15"),
		.rule = slice_of("web.config"),
		.line = slice_of("the line"),
	};
}

static void an_event_is_the_same_behind_the_link(void **state) {
	struct event e = sample();
	struct event back;
	struct buf b, again;
	struct err err;
	struct slice in;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&again, 4096);
	event_encode(&b, &e);
	in = (struct slice){b.p, b.n};
	assert_int_equal(event_decode(&in, &back, &err), 0);
	assert_int_equal(in.n, 0);
	event_encode(&again, &back);
	assert_true(slice_same((struct slice){b.p, b.n}, (struct slice){again.p, again.n}));
	assert_true(slice_same(back.line, e.line));
	assert_int_equal(back.offset, e.offset);
	assert_true(back.agent_mac_differs);
	buf_release(&b);
	buf_release(&again);
}

static void an_event_that_is_cut_anywhere_is_refused(void **state) {
	struct event e = sample();
	struct event back = {.status = 999};
	struct buf b;
	struct err err;

	(void)state;
	buf_init(&b, 4096);
	event_encode(&b, &e);
	for (size_t n = 0; n < b.n; n++) {
		struct slice in = {b.p, n};

		assert_int_equal(event_decode(&in, &back, &err), -1);
		assert_int_equal(in.n, n);
		assert_int_equal(back.status, 999);
	}
	buf_release(&b);
}

static char long_text[EVENT_LINE_MAX + 1];

static void lie_kind(struct event *e) {
	e->kind = (enum event_kind)EVENT_KINDS;
}
static void lie_portal(struct event *e) {
	e->kind = EVENT_PORTAL_AUTH_FAILED;
}
static void lie_proof(struct event *e) {
	e->proof = (enum proof)3;
}
static void lie_imposter(struct event *e) {
	e->imposter = (enum tri)3;
}
static void lie_time(struct event *e) {
	e->time = 0;
}
static void lie_far(struct event *e) {
	e->time = INT64_MAX;
}
static void lie_mac(struct event *e) {
	e->mac = 1ULL << 48;
}
static void lie_group(struct event *e) {
	e->mac = 0x010203040506;
}
static void lie_country(struct event *e) {
	e->country[1] = 'e';
}
static void lie_address(struct event *e) {
	memset(&e->ip, 0, sizeof(e->ip));
}
static void lie_no_mac(struct event *e) {
	e->kind = EVENT_PROVISION_SERVED;
	e->mac = MAC_NONE;
}
static void lie_user(struct event *e) {
	e->user = (struct slice){long_text, EVENT_USER_MAX + 1};
}
static void lie_line(struct event *e) {
	e->line = (struct slice){long_text, EVENT_LINE_MAX + 1};
}
static void lie_rule(struct event *e) {
	e->rule = (struct slice){long_text, EVENT_WORD_MAX + 1};
}

static void a_lie_in_any_field_is_refused(void **state) {
	void (*const lies[])(struct event *) = {lie_kind,   lie_portal, lie_proof, lie_imposter, lie_time,
	                                        lie_far,    lie_mac,    lie_group, lie_country,  lie_address,
	                                        lie_no_mac, lie_user,   lie_line,  lie_rule};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct event e = sample();
		struct buf b;
		struct err err;
		struct slice in;

		buf_init(&b, 4096);
		lies[i](&e);
		event_encode(&b, &e);
		in = (struct slice){b.p, b.n};
		if (event_decode(&in, &e, &err) != -1)
			fail_msg("lie %zu was believed", i);
		buf_release(&b);
	}
}

static void a_cursor_is_the_same_behind_the_link_and_its_bounds_hold(void **state) {
	struct cursor c = {.id = 5,
	                   .source = 2,
	                   .dev = 1,
	                   .ino = 2,
	                   .head_hash = 3,
	                   .tail_hash = 4,
	                   .head_len = 4096,
	                   .tail_len = 64,
	                   .offset = 5000,
	                   .high_time = 1795341600,
	                   .lines = 6,
	                   .events = 7,
	                   .unreadable = 8,
	                   .skipped = 9,
	                   .lost = 10,
	                   .size = 6000,
	                   .name = slice_of("/log/*.log"),
	                   .file = slice_of("/log/a.log"),
	                   .sample = slice_of("?"),
	                   .mark = slice_of("s=1;i=2")};
	char long_mark[CURSOR_MARK_MAX + 1];
	struct cursor back;
	struct buf b;
	struct err err;
	struct slice in;

	(void)state;
	buf_init(&b, 4096);
	cursor_encode(&b, &c);
	in = (struct slice){b.p, b.n};
	assert_int_equal(cursor_decode(&in, &back, &err), 0);
	assert_int_equal(back.offset, 5000);
	assert_int_equal(back.size, 6000);
	assert_true(slice_is(back.file, "/log/a.log"));
	assert_true(slice_is(back.mark, "s=1;i=2"));
	for (size_t n = 0; n < b.n; n++) {
		in = (struct slice){b.p, n};
		assert_int_equal(cursor_decode(&in, &back, &err), -1);
	}
	buf_clear(&b);
	memset(long_mark, 'x', sizeof(long_mark));
	c.mark = (struct slice){long_mark, sizeof(long_mark)};
	cursor_encode(&b, &c);
	in = (struct slice){b.p, b.n};
	assert_int_equal(cursor_decode(&in, &back, &err), -1);
	buf_clear(&b);
	c.mark = (struct slice){0};
	c.offset = 63;
	cursor_encode(&b, &c);
	in = (struct slice){b.p, b.n};
	assert_int_equal(cursor_decode(&in, &back, &err), -1);
	buf_release(&b);
}

static void frames_are_taken_whole_and_never_too_large(void **state) {
	struct buf b;
	struct err err;
	struct slice in, body;
	enum link_type type;
	size_t begin;

	(void)state;
	buf_init(&b, 4096);
	begin = frame_begin(&b, LINK_ACK);
	put_u64(&b, 42);
	frame_end(&b, begin);
	for (size_t n = 0; n < b.n; n++) {
		in = (struct slice){b.p, n};
		assert_int_equal(frame_take(&in, &type, &body, &err), 0);
	}
	in = (struct slice){b.p, b.n};
	assert_int_equal(frame_take(&in, &type, &body, &err), 1);
	assert_int_equal(type, LINK_ACK);
	assert_int_equal(body.n, 8);
	b.p[4] = 0;
	in = (struct slice){b.p, b.n};
	assert_int_equal(frame_take(&in, &type, &body, &err), -1);
	b.p[4] = LINK_ACK;
	b.p[3] = 1;
	in = (struct slice){b.p, b.n};
	assert_int_equal(frame_take(&in, &type, &body, &err), -1);
	buf_release(&b);
}

static void every_kind_has_its_name(void **state) {
	(void)state;
	for (int i = 0; i < EVENT_KINDS; i++) {
		enum event_kind kind;

		assert_true(event_kind_parse(slice_of(event_kind_name((enum event_kind)i)), &kind));
		assert_int_equal(kind, i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_the_same_behind_the_link),
		cmocka_unit_test(an_event_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_lie_in_any_field_is_refused),
		cmocka_unit_test(a_cursor_is_the_same_behind_the_link_and_its_bounds_hold),
		cmocka_unit_test(frames_are_taken_whole_and_never_too_large),
		cmocka_unit_test(every_kind_has_its_name),
	};

	memset(long_text, 'x', sizeof(long_text));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
