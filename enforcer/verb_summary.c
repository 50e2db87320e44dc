/* The verb `summary`: what the enforcer did since it started, for the end of a pass. A client of a running enforcer asks before and
 * after and shows the difference. */
#include "enforcer/enforcer.h"
#include "enforcer/verb.h"

static void put_problem(void *context, const char *what, const char *text, int64_t since) {
	struct buf *b = context;

	js_begin(b, '{');
	js_put_string(b, "about", what);
	js_put_string(b, "problem", text);
	js_put_time(b, "since", since);
	js_end(b, '}');
}

static int put_notice(void *context, struct slice name, struct slice text, int64_t time) {
	struct buf *b = context;

	js_begin(b, '{');
	js_put_text(b, "about", name);
	js_put_text(b, "problem", text);
	js_put_time(b, "since", time);
	js_end(b, '}');
	return 0;
}

static void put_sums(struct buf *b, const struct judge_sums *sums) {
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"learned", sums->learned},     {"locked", sums->locked},   {"opened", sums->opened},
		{"moved", sums->moved},         {"exposed", sums->exposed}, {"held", sums->held},
		{"suspected", sums->suspected}, {"banned", sums->banned},   {"extended", sums->extended},
		{"pending", sums->pending},     {"spared", sums->spared},   {"reported", sums->reported},
		{"late", sums->late},           {"ignored", sums->ignored},
	};

	js_key(b, "events");
	js_begin(b, '{');
	for (int i = 0; i < EVENT_KINDS; i++)
		js_put_number(b, event_kind_name((enum event_kind)i), (int64_t)sums->events[i]);
	js_end(b, '}');
	js_key(b, "did");
	js_begin(b, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		js_put_number(b, rows[i].name, (int64_t)rows[i].value);
	js_end(b, '}');
}

struct fresh {
	struct request *r;
	int64_t after;
};

static int put_record(void *context, const struct record *record, struct err *err) {
	struct fresh *f = context;
	struct buf *b;

	if (record->id <= f->after)
		return 0;
	b = control_row(f->r);
	js_begin(b, '{');
	js_key(b, "record");
	js_begin(b, '{');
	row_record(f->r, b, record);
	js_end(b, '}');
	js_end(b, '}');
	control_row_end(f->r);
	return verb_page(f->r, err);
}

/* No arguments. One row: mode, events, did, problems (each about, problem, since). Of a dry run, whose state dies with it, what would have
 * been recorded follows, a row each. */
int verb_summary(struct request *r, struct err *err) {
	const struct enforcer *e = r->enforcer;
	const struct record_filter all = {0};
	struct fresh fresh = {.r = r, .after = e->last_record};
	struct buf *b = control_row(r);
	struct judge_sums sums;

	enforcer_sums(e, &sums);
	js_begin(b, '{');
	js_put_string(b, "mode", e->conf->mode == MODE_WATCH ? "watch" : "enforce");
	put_sums(b, &sums);
	js_key(b, "problems");
	js_begin(b, '[');
	enforcer_problems(e, put_problem, b);
	if (store_notices(r->store, put_notice, b, err) != 0)
		return -1;
	js_end(b, ']');
	js_end(b, '}');
	control_row_end(r);
	return e->options.dry_run ? store_records(r->store, &all, put_record, &fresh, err) : 0;
}
