#include <stdio.h>

#include "common/js.h"
#include "common/timefmt.h"
#include "enforcer/store.h"
#include "enforcer/verb.h"

#include "cmd/recover.h"

#define ROW_MAX 65536

struct rows {
	struct buf tokens, commands;
};

static int add_token(void *context, const struct token *t, bool revoked, struct err *err) {
	struct buf *b = &((struct rows *)context)->tokens;

	js_begin(b, '{');
	js_put_string(b, "token", t->id);
	js_put_string(b, "role", token_role_name(t->role));
	js_put_string(b, "account", t->account[0] ? t->account : NULL);
	js_put_bool(b, "revoked", revoked);
	js_end(b, '}');
	buf_byte(b, '\n');
	return b->failed ? err_set(err, ERR_SYSTEM, "recover: out of memory") : 0;
}

static int add_command(void *context, const struct record *r, struct err *err) {
	struct buf *b = &((struct rows *)context)->commands;

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
	struct buf head;
	struct rows rows;
	struct recovery_listener listener = {add_command, add_token, &rows};
	struct recovery r;
	int result;

	buf_init(&head, ROW_MAX);
	buf_init(&rows.tokens, 16U << 20);
	buf_init(&rows.commands, 64U << 20);
	result = store_recover(&r, conf->state, preview, clock_now(), busy, &listener, err);
	if (result == 0) {
		add_state(&head, conf, &r);
		result = print(&head, err);
	}
	if (result == 0 && rows.tokens.n > 0)
		result = print(&rows.tokens, err);
	if (result == 0 && rows.commands.n > 0)
		result = print(&rows.commands, err);
	buf_release(&rows.commands);
	buf_release(&rows.tokens);
	buf_release(&head);
	return result;
}
