/* The event link's words: frames, events, cursors. What is taken is written again as the same bytes. */
#include <string.h>

#include "common/event.h"

#include "tests/fuzz/fuzz.h"

static void same(const struct buf *b, const char *from, size_t n) {
	fuzz_want(!b->failed && b->n == n && memcmp(b->p, from, n) == 0, "what is read is written the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice in = {(const char *)data, size};
	enum link_type type;
	struct slice body, rest;
	struct cursor cursor;
	struct event event;
	struct err err;
	struct buf b;

	buf_init(&b, 1U << 21);
	while (frame_take(&in, &type, &body, &err) > 0) {
		buf_clear(&b);
		put_text(&b, body);
		rest = body;
		while (rest.n > 0 && event_decode(&rest, &event, &err) == 0)
			;
	}
	in = rest = (struct slice){(const char *)data, size};
	while (rest.n > 0 && event_decode(&rest, &event, &err) == 0) {
		buf_clear(&b);
		event_encode(&b, &event);
		same(&b, in.p, (size_t)(rest.p - in.p));
		in = rest;
	}
	in = rest = (struct slice){(const char *)data, size};
	while (rest.n > 0 && cursor_decode(&rest, &cursor, &err) == 0) {
		buf_clear(&b);
		cursor_encode(&b, &cursor);
		same(&b, in.p, (size_t)(rest.p - in.p));
		in = rest;
	}
	buf_release(&b);
	return 0;
}
