/* The event link's words: frames, events, cursors. What is taken is written again as the same bytes. */
#include <string.h>

#include "common/batch.h"

#include "tests/fuzz/fuzz.h"

static void same(const struct buf *b, const char *from, size_t n) {
	fuzz_want(!b->failed && b->n == n && memcmp(b->p, from, n) == 0, "what is read is written the same");
}

/* What is taken is sound, and written again it is as many events. */
static void read_batch(struct slice in) {
	struct batch_view view = {0}, again = {0};
	struct batch_writer writer;
	struct batch_walk walk;
	struct buf b;
	struct err err;

	buf_init(&b, 1U << 21);
	batch_writer_init(&writer);
	if (batch_read(&view, in, &err) == 0) {
		batch_walk_begin(&walk, &view);
		while (batch_next(&walk)) {
			fuzz_want(event_is_sound(&walk.e, &err), "an event that is taken is sound");
			if (walk.e.cursor < LINK_LOGS_MAX)
				batch_writer_add(&writer, &walk.e, walk.with_texts);
		}
		batch_writer_put(&writer, &b);
		fuzz_want(batch_read(&again, (struct slice){b.p, b.n}, &err) == 0 && again.n <= view.n,
		          "what is taken is written so that it is taken");
	}
	batch_view_release(&view);
	batch_view_release(&again);
	batch_writer_release(&writer);
	buf_release(&b);
	(void)batch_texts_check(in, LINK_EVENTS_MAX, &err);
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
	read_batch((struct slice){(const char *)data, size});
	return 0;
}
