#include <stdio.h>

#include "common/js.h"
#include "common/timefmt.h"
#include "enforcer/store.h"
#include "enforcer/verb.h"

#include "cmd/recover.h"

#define ROW_MAX 65536

static int add_command(void *context, const struct record *r, struct err *err) {
	struct buf *b = context;

	js_begin(b, '{');
	js_put_time(b, "time", r->time);
	js_put_string(b, "what", r->what);
	row_mac(b, "mac", r->mac);
	row_prefix_of(b, "ip", r->ip.bits > 0 ? &r->ip : NULL);
	js_put_text(b, "account", r->account);
	js_put_text(b, "actor", r->actor);
	js_put_text(b, "reason", r->reason);
	js_put_text(b, "detail", r->detail);
	js_end(b, '}');
	buf_byte(b, '\n');
	return b->failed ? err_set(err, ERR_SYSTEM, "recover: out of memory") : 0;
}

static void add_state(struct buf *b, const struct conf *conf, const struct recovery *r) {
	js_begin(b, '{');
	js_put_string(b, "state", conf->state);
	js_put_bool(b, "sound", r->sound);
	js_put_string(b, "problem", r->sound ? NULL : r->problem);
	js_put_string(b, "backup", r->sound ? NULL : r->backup);
	js_put_time(b, "time", r->sound ? TIME_NONE : r->time);
	js_put_string(b, "aside", r->sound ? NULL : r->aside);
	js_end(b, '}');
	buf_byte(b, '\n');
}

static int print(const struct buf *b, struct err *err) {
	if (b->failed)
		return err_set(err, ERR_SYSTEM, "recover: out of memory");
	return fwrite(b->p, 1, b->n, stdout) != b->n || fflush(stdout) != 0 ? err_errno(err, "standard output") : 0;
}

int recover(const struct conf *conf, bool preview, bool *busy, struct err *err) {
	struct buf head, commands;
	struct recovery r;
	int result;

	buf_init(&head, ROW_MAX);
	buf_init(&commands, 64U << 20);
	result = store_recover(&r, conf->state, preview, clock_now(), busy, add_command, &commands, err);
	if (result == 0) {
		add_state(&head, conf, &r);
		result = print(&head, err);
	}
	if (result == 0 && commands.n > 0)
		result = print(&commands, err);
	buf_release(&commands);
	buf_release(&head);
	return result;
}
