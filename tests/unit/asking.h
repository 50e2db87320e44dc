/* asking: a request to a connection for commands that is in the test itself, and its answer taken apart. Included behind cmocka.h. */
#ifndef PROVCTL_TESTS_ASKING_H
#define PROVCTL_TESTS_ASKING_H

#include <string.h>

#include "enforcer/control.h"
#include "enforcer/stream.h"

#define ASKING_ROWS ((size_t)1 << 20)
#define ASKING_END  4096

/* The number of rows, which are a line each in `rows` (NULL: they are counted only). */
static inline unsigned control_ask(struct control *c, const char *body, char rows[ASKING_ROWS], char end[ASKING_END]) {
	struct stream *s = control_stream(c);
	struct slice in;
	size_t used = 0;
	unsigned nrows = 0;

	buf_clear(&s->out);
	put_u32(&s->in, (uint32_t)strlen(body));
	put_u8(&s->in, 'q');
	buf_text(&s->in, body);
	assert_int_equal(control_step(c), 1);
	in = (struct slice){s->out.p, s->out.n};
	end[0] = '\0';
	while (in.n > 0) {
		uint32_t n;
		uint8_t tag;

		assert_int_equal(get_u32(&in, &n), 0);
		assert_int_equal(get_u8(&in, &tag), 0);
		assert_true(n <= in.n);
		nrows += tag == 'r';
		if (tag == 'r' && rows) {
			assert_true(used + n + 2 < ASKING_ROWS);
			memcpy(rows + used, in.p, n);
			used += n;
			rows[used++] = '\n';
		} else if (tag == 'e') {
			(void)slice_copy((struct slice){in.p, n}, end, ASKING_END);
		}
		in.p += n;
		in.n -= n;
	}
	if (rows)
		rows[used] = '\0';
	return nrows;
}

#endif
