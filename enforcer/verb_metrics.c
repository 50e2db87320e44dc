#include "enforcer/metrics.h"
#include "enforcer/verb.h"

/* No arguments. One row: content_type, text. */
int verb_metrics(struct request *r, struct err *err) {
	struct buf text, *b;
	int result = -1;

	buf_init(&text, METRICS_TEXT_MAX);
	if (metrics_text(r, &text, err) < 0)
		goto out;
	b = control_row(r);
	js_begin(b, '{');
	js_put_string(b, "content_type", METRICS_CONTENT_TYPE);
	js_put_text(b, "text", (struct slice){text.p, text.n});
	js_end(b, '}');
	control_row_end(r);
	result = 0;
out:
	buf_release(&text);
	return result;
}
