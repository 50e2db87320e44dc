#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/timefmt.h"

#include "enforcer/control.h"
#include "enforcer/enforcer.h"
#include "enforcer/portal.h"
#include "enforcer/projection.h"
#include "enforcer/stream.h"
#include "enforcer/verb.h"

#define OUT_MAX   (64U << 20) /* the longest single answer that is not paged: `status` of LINK_LOGS_MAX logs */
#define WORDS_MAX 256         /* of actor and reason */
#define SLOW_FOR  600000      /* milliseconds for which it is remembered who did not read his answer ... */
#define SLOW_WAIT 200         /* ... and is waited for no longer than that */

static const struct control_verb verbs[] = {
	{"unlock", verb_unlock, true},    {"lock", verb_lock, true},
	{"home", verb_home, true},        {"clear-exposed", verb_clear_exposed, true},
	{"add", verb_add, true},          {"remove", verb_remove, true},
	{"import", verb_import, true},    {"list", verb_list, false},
	{"show", verb_show, false},       {"network", verb_network, true},
	{"window", verb_window, true},    {"ban", verb_ban, true},
	{"block", verb_block, true},      {"allow", verb_allow, true},
	{"unban", verb_unban, true},      {"bans", verb_bans, false},
	{"ip", verb_ip, false},           {"status", verb_status, false},
	{"log", verb_log, false},         {"verdict", verb_verdict, false},
	{"sync", verb_sync, false}, /* projects by itself, in transactions of its own */
	{"pause", verb_pause, true},      {"resume", verb_resume, true},
	{"explain", verb_explain, false}, {"summary", verb_summary, false},
	{"token", verb_token, true},      {"metrics", verb_metrics, false},
};

struct control {
	struct enforcer *e;
	struct stream s;
	int64_t uid;
	bool portal;
};

const struct control_verb *control_verb_find(const char *name) {
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* ---- frames ---- */

static size_t begin(struct buf *out, char tag) {
	size_t at = out->n;

	buf_add(out, "\0\0\0\0", 4);
	buf_byte(out, tag);
	return at;
}

static void end(struct buf *out, size_t at) {
	uint32_t n;

	if (out->failed)
		return;
	n = (uint32_t)(out->n - at - CONTROL_HEADER);
	for (size_t i = 0; i < 4; i++)
		out->p[at + i] = (char)(n >> (8 * i));
}

struct buf *control_row(struct request *r) {
	buf_clear(r->row);
	return r->row;
}

void control_row_end(struct request *r) {
	size_t at = begin(r->out, 'r');

	buf_add(r->out, r->row->p, r->row->n);
	r->out->failed = r->out->failed || r->row->failed;
	end(r->out, at);
}

int control_flush(struct request *r, struct err *err) {
	if (r->caller)
		return r->out->n <= PORTAL_ANSWER_MAX ? 0
		                                      : err_set(err, ERR_POLICY, "too much for one answer: ask for less of it");
	if (stream_drain(r->stream, &r->patience) == 0)
		return 0;
	/* All others waited for it. They shall not do so again for the next. */
	r->enforcer->slow.uid = r->uid;
	r->enforcer->slow.until = monotonic_ms() + SLOW_FOR;
	return err_set(err, ERR_SYSTEM, "control: the client does not read its answer");
}

/* code: of the portal's socket, "" elsewhere. */
static void put_end(struct buf *out, int status, const char *error, const char *code) {
	struct buf b;
	size_t at;

	buf_init(&b, 8192);
	js_begin(&b, '{');
	js_put_number(&b, "exit", status);
	js_put_string(&b, "error", error);
	if (!code || code[0])
		js_put_string(&b, "code", code);
	js_end(&b, '}');
	at = begin(out, 'e');
	buf_add(out, b.p, b.n);
	out->failed = out->failed || b.failed;
	end(out, at);
	buf_release(&b);
}

/* ---- sessions ---- */

static size_t request_max(bool portal) {
	return portal ? PORTAL_REQUEST_MAX : CONTROL_REQUEST_MAX;
}

int control_new(struct control **out, struct enforcer *e, int fd, bool portal, struct err *err) {
	struct control *c = calloc(1, sizeof(*c));
	struct stream s;
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (stream_init(&s, fd, request_max(portal) + CONTROL_HEADER, portal ? 2 * (size_t)PORTAL_ANSWER_MAX : OUT_MAX,
	                err) < 0) {
		free(c);
		return -1;
	}
	if (!c)
		(void)err_set(err, ERR_SYSTEM, "control: out of memory");
	else if (getsockopt(s.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		(void)err_errno(err, "control: who is it?");
	else {
		c->e = e;
		c->s = s;
		c->uid = peer.uid;
		c->portal = portal;
		end(&c->s.out, begin(&c->s.out, 'h'));
		*out = c;
		return 0;
	}
	stream_release(&s);
	free(c);
	return -1;
}

void control_free(struct control **c) {
	if (!*c)
		return;
	stream_release(&(*c)->s);
	free(*c);
	*c = NULL;
}

struct stream *control_stream(struct control *c) {
	return &c->s;
}

static struct slice words(const struct json *args, const char *key) {
	struct slice s = slice_of(js_text(args, key));

	return (struct slice){s.p, s.n < WORDS_MAX ? s.n : WORDS_MAX};
}

struct order control_order(const struct request *r) {
	const char *session = js_text(r->args, "session");
	struct addr from = {{0}};

	if (session)
		(void)addr_parse(session, strlen(session), &from); /* a word, which only ever protects more */
	return (struct order){
		.session = r->caller ? r->caller->ip : from,
		.force = js_true(r->args, "force"),
		.time = r->now,
		.uid = r->uid,
		.actor = r->caller ? slice_of(r->caller->actor) : words(r->args, "actor"),
		.reason = words(r->args, "reason"),
	};
}

/* Of an import that came in several requests the last one answers for all. */
static int follow(struct enforcer *e, const struct control_verb *verb, bool more, struct err *err) {
	if (more) {
		projection_later(e);
		return 0;
	}
	return verb->run == verb_import ? projection_follow(e, true, err) : projection_answer(e, err);
}

/* The state stands as soon as it is committed; what follows of it outside may still fail, and the caller must know. */
static int change(struct request *r, const struct control_verb *verb, struct err *err) {
	struct enforcer *e = r->enforcer;
	bool more = js_true(r->args, "more");

	if (store_bulk(r->store, more, err) < 0 || store_begin(r->store, err) < 0)
		return -1;
	if (verb->run(r, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	if (enforcer_commit(e, err) < 0)
		return -1;
	if (follow(e, verb, more, err) < 0)
		return err_prefix(err, "it is decided and kept, but not in force yet and will be tried again");
	return 0;
}

int control_perform(struct request *r, const struct control_verb *verb, struct err *err) {
	return verb->changes ? change(r, verb, err) : verb->run(r, err);
}

static int run_verb(struct request *r, struct err *err) {
	const char *name = js_text(r->args, "verb");
	const struct control_verb *verb = name ? control_verb_find(name) : NULL;

	if (!verb)
		return err_set(err, ERR_INPUT, "no such verb: are provctl and prov-enforcer of one release?");
	return control_perform(r, verb, err);
}

static void run(struct control *c, const struct json *args) {
	struct caller caller = {.role = 0};
	int64_t begin = meter_clock();
	struct buf row;
	struct request r = {
		.enforcer = c->e,
		.store = c->e->store,
		.judge = c->e->judge,
		.conf = c->e->conf,
		.args = args,
		.now = clock_now(),
		.uid = c->uid,
		.caller = c->portal ? &caller : NULL,
		.stream = &c->s,
		.patience = c->uid == c->e->slow.uid && monotonic_ms() < c->e->slow.until ? SLOW_WAIT : STREAM_WAIT,
		.out = &c->s.out,
		.row = &row,
	};
	struct err err;
	int result;

	buf_init(&row, OUT_MAX);
	result = c->portal ? portal_run(&r, &err) : run_verb(&r, &err);
	buf_release(&row);
	put_end(&c->s.out, result < 0 ? (int)err.class : r.exit, result < 0 ? err.text : NULL,
	        c->portal ? portal_code(&r, result < 0, &err) : "");
	meter_add(&c->e->meter, METER_COMMAND, meter_clock() - begin, 1);
}

static int take(struct control *c, struct slice body) {
	struct json *args;
	struct err err;

	if (js_parse(body, &args, &err) < 0) {
		put_end(&c->s.out, (int)err.class, err.text, !c->portal ? "" : err.class == ERR_INPUT ? "input" : "failed");
		return 0;
	}
	run(c, args);
	js_free(&args);
	return c->s.out.failed ? -1 : 0;
}

int control_step(struct control *c) {
	struct slice in = {c->s.in.p, c->s.in.n};
	uint32_t n;
	uint8_t tag;

	if (get_u32(&in, &n) < 0 || get_u8(&in, &tag) < 0)
		return 0;
	if (tag != 'q' || n > request_max(c->portal)) {
		put_end(&c->s.out, ERR_INPUT, "not a request", c->portal ? "input" : "");
		return -1;
	}
	if (in.n < n)
		return 0;
	if (take(c, (struct slice){in.p, n}) < 0)
		return -1;
	stream_taken(&c->s, CONTROL_HEADER + n);
	return 1;
}
