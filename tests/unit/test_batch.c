#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/batch.h"

static unsigned below(uint64_t *random, unsigned n) {
	*random = *random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*random >> 33) % n;
}

static struct event any_event(uint64_t *random) {
	static const char *const words[] = {"", "Yealink", "T46S", "66.86.0.15", "66.86.0.16", "a longer version 1.2.3"};
	struct event e = {
		.kind = (enum event_kind)below(random, EVENT_DEVICE_CREATED),
		.proof = (enum proof)below(random, PROOFS),
		.imposter = (enum tri)below(random, TRIS),
		.cursor = below(random, LINK_LOGS_MAX),
		.offset = below(random, 2) ? LINK_OFFSET_MAX : below(random, 1000000),
		.time = below(random, 2) ? 253402300799LL : 1 + (int64_t)below(random, 1U << 30),
		.mac = 0x001565000000 + below(random, 1U << 24),
		.once = below(random, 2) ? UINT64_MAX : 0,
		.asn = below(random, 2) ? UINT32_MAX : 0,
		.status = (uint16_t)below(random, 1000),
		.agent_mac_differs = below(random, 2),
		.rule = slice_of("web.config"),
		.line = slice_of("the line"),
	};

	for (size_t i = 0; i < sizeof(e.ip.b); i++)
		e.ip.b[i] = (uint8_t)(1 + below(random, 255));
	if (below(random, 2))
		memcpy(e.country, "DE", 2);
	for (size_t i = 0; i < 3; i++) {
		unsigned word = below(random, 6);

		*(struct slice *[]){&e.vendor, &e.model, &e.version}[i] = slice_of(words[word]);
		e.alike = 6 * e.alike + word;
	}
	/* Of those that have numbers many come after others that are kept in the same place. */
	e.alike = below(random, 4) ? 1 + e.alike * (BATCH_ALIKE / 8) : 0;
	e.account = slice_of(e.alike % 3 ? "acct1" : "");
	e.user = slice_of(below(random, 4) ? "" : "100");
	e.realm = slice_of(below(random, 4) ? "" : "example.org");
	e.folder = slice_of(below(random, 4) ? "" : "/secret/");
	e.agent = slice_of(below(random, 2) ? "agent" : "");
	return e;
}

static void same_event(const struct event *a, const struct event *b) {
	struct buf x, y;

	buf_init(&x, 8192);
	buf_init(&y, 8192);
	event_encode(&x, a);
	event_encode(&y, b);
	assert_true(slice_same((struct slice){x.p, x.n}, (struct slice){y.p, y.n}));
	buf_release(&x);
	buf_release(&y);
}

enum { MANY = 2000 };

static void write_many(struct buf *out, uint64_t random, bool with_texts) {
	struct batch_writer w;

	batch_writer_init(&w);
	for (unsigned i = 0; i < MANY; i++) {
		struct event e = any_event(&random);
		size_t before = batch_writer_size(&w);

		batch_writer_add(&w, &e, with_texts);
		assert_true(batch_writer_size(&w) <= before + batch_event_size(&e));
	}
	batch_writer_put(&w, out);
	assert_int_equal(out->n, batch_writer_size(&w));
	assert_false(w.failed || out->failed);
	batch_writer_clear(&w);
	assert_int_equal(w.n, 0);
	batch_writer_release(&w);
}

static void events_are_the_same_behind_the_link(void **state) {
	struct batch_view view = {0};
	struct batch_walk walk;
	uint64_t random = 1;
	unsigned n = 0;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1U << 20);
	write_many(&b, random, true);
	assert_int_equal(batch_read(&view, (struct slice){b.p, b.n}, &err), 0);
	batch_walk_begin(&walk, &view);
	while (batch_next(&walk)) {
		struct event e = any_event(&random);

		n++;
		assert_true(walk.with_texts);
		same_event(&e, &walk.e);
	}
	assert_int_equal(n, MANY);
	assert_true(view.nrows <= 2 * 6 * 6 * 6 + 64);
	batch_view_release(&view);
	buf_release(&b);
}

static void texts_that_come_later_find_their_events(void **state) {
	struct batch_view view = {0};
	struct batch_walk walk;
	uint64_t random = 2;
	uint32_t wanted[MANY], n = 0;
	struct buf b, texts;
	struct err err;

	(void)state;
	buf_init(&b, 1U << 20);
	buf_init(&texts, 1U << 20);
	write_many(&b, random, false);
	assert_int_equal(batch_read(&view, (struct slice){b.p, b.n}, &err), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct event e = any_event(&random);

		if (i % 3 == 1) {
			wanted[n++] = i;
			batch_text_put(&texts, e.line, e.agent);
		}
	}
	assert_int_equal(batch_texts_check((struct slice){texts.p, texts.n}, n, &err), n);
	assert_int_equal(batch_texts_check((struct slice){texts.p, texts.n}, n - 1, &err), -1);
	assert_int_equal(batch_texts_check((struct slice){texts.p, texts.n - 1}, n, &err), -1);
	batch_walk_begin(&walk, &view);
	batch_walk_wanted(&walk, wanted, n, (struct slice){texts.p, texts.n});
	random = 2;
	while (batch_next(&walk)) {
		struct event e = any_event(&random);

		assert_int_equal(walk.with_texts, (walk.next - 1) % 3 == 1);
		if (!walk.with_texts)
			e.line = e.agent = (struct slice){0};
		same_event(&e, &walk.e);
	}
	batch_view_release(&view);
	buf_release(&b);
	buf_release(&texts);
}

static void a_batch_that_is_cut_or_longer_is_refused(void **state) {
	struct batch_view view = {0};
	struct batch_writer w;
	uint64_t random = 3;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1U << 20);
	batch_writer_init(&w);
	for (unsigned i = 0; i < 5; i++) {
		struct event e = any_event(&random);

		batch_writer_add(&w, &e, i % 2);
	}
	batch_writer_put(&w, &b);
	for (size_t n = 0; n < b.n; n++)
		if (batch_read(&view, (struct slice){b.p, n}, &err) != -1)
			fail_msg("cut to %zu bytes", n);
	buf_byte(&b, 'x');
	assert_int_equal(batch_read(&view, (struct slice){b.p, b.n}, &err), -1);
	batch_writer_release(&w);
	batch_view_release(&view);
	buf_release(&b);
}

/* Whatever a byte is changed to: it is refused, or what is read is sound. */
static void a_byte_that_is_forged_does_no_harm(void **state) {
	struct batch_view view = {0};
	struct batch_writer w;
	uint64_t random = 4;
	unsigned taken = 0;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1U << 20);
	batch_writer_init(&w);
	for (unsigned i = 0; i < 3; i++) {
		struct event e = any_event(&random);

		batch_writer_add(&w, &e, true);
	}
	batch_writer_put(&w, &b);
	for (size_t i = 0; i < b.n; i++)
		for (unsigned v = 1; v < 256; v += 6) {
			struct batch_walk walk;

			b.p[i] = (char)(b.p[i] ^ (char)v);
			if (batch_read(&view, (struct slice){b.p, b.n}, &err) == 0) {
				taken++;
				batch_walk_begin(&walk, &view);
				while (batch_next(&walk))
					assert_true(event_is_sound(&walk.e, &err));
			}
			b.p[i] = (char)(b.p[i] ^ (char)v);
		}
	assert_true(taken > 0);
	batch_writer_release(&w);
	batch_view_release(&view);
	buf_release(&b);
}

static void a_batch_that_found_no_memory_says_so_however_many_come_yet(void **state) {
	struct batch_writer w;
	uint64_t random = 4;

	(void)state;
	batch_writer_init(&w);
	w.rows.max = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct event e = any_event(&random);

		batch_writer_add(&w, &e, true);
		assert_true(w.failed);
	}
	batch_writer_clear(&w);
	batch_writer_release(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_the_same_behind_the_link),
		cmocka_unit_test(texts_that_come_later_find_their_events),
		cmocka_unit_test(a_batch_that_is_cut_or_longer_is_refused),
		cmocka_unit_test(a_byte_that_is_forged_does_no_harm),
		cmocka_unit_test(a_batch_that_found_no_memory_says_so_however_many_come_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
