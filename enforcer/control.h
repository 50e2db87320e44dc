/* control: commands on the enforcer's second socket. A client sends one request and reads until the end frame.
 *
 * Frames, both ways: u32 length (little-endian) of what follows, u8 tag, body. Tags:
 *   'h' greeting of the enforcer: it will answer. A connection that ends before it was never looked at and may be tried anew
 *   'q' request: a JSON object {"verb": "unlock", ...arguments by name as each verb_*.c documents}
 *   'r' row: a JSON object, the same that `provctl --json` prints on a line
 *   'e' end: {"exit": 0, "error": null}
 * The caller's uid comes from the kernel (SO_PEERCRED); "actor" and "reason" in the request are only words. A request is at most
 * CONTROL_REQUEST_MAX long. A verb runs whole before the next request or batch is looked at; long listings are
 * produced in pages as the client reads.
 *
 * Verbs are rows of one table in control.c: name, function (verb.h), whether it changes anything (a transaction is opened, committed and
 * projected around it, before the end frame is sent; where "more" is true another request of the same kind follows, and the files need not be
 * written for this one).
 */
#ifndef PROVCTL_CONTROL_H
#define PROVCTL_CONTROL_H

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/js.h"
#include "enforcer/judge.h"
#include "enforcer/store.h"

#define CONTROL_REQUEST_MAX (8U << 20) /* an import of a million devices comes in several requests */
#define CONTROL_HEADER      5

struct enforcer; /* enforcer.h */
struct stream;   /* stream.h */
struct caller;   /* portal.h */

/* What a verb gets. Rows go to `out`; when it grows past CONTROL_FLUSH bytes a listing calls control_flush, which writes it to the client
 * (with a time limit: a client that does not read is dropped, -1). */
#define CONTROL_FLUSH (256U << 10)
struct request {
	struct enforcer *enforcer;
	struct store *store;
	struct judge *judge;
	const struct conf *conf;
	const struct json *args;
	int64_t now; /* the enforcer's clock */
	int64_t uid; /* of the caller */
	struct caller *
		caller; /* who it speaks for on the portal's socket; NULL on the control socket: whoever reaches that may all */
	struct stream *stream;
	int64_t patience; /* milliseconds for which control_flush may still wait for the client */
	struct buf *out;  /* of the stream */
	struct buf *row;  /* being built */
	int exit;         /* what the end frame says; 0 at the start */
};

int control_flush(struct request *r, struct err *err);
/* A row is built in place: b = control_row(r); js_begin(b, '{'); ...; js_end(b, '}'); control_row_end(r); */
struct buf *control_row(struct request *r);
void control_row_end(struct request *r);

struct control_verb {
	const char *name;
	int (*run)(struct request *r, struct err *err); /* -1: the end frame gets err's class and text; r->exit otherwise */
	bool changes;
};
/* ---- the server's side ---- one session with a client, on the control socket or the portal's. control_new takes fd, even on failure. */
struct control;
int control_new(struct control **out, struct enforcer *e, int fd, bool portal, struct err *err);
void control_free(struct control **c);
struct stream *control_stream(struct control *c);
/* Runs one whole request where there is one: 1 did, 0 there was none, -1 the session is over. */
int control_step(struct control *c);

/* NULL where there is none of that name. */
const struct control_verb *control_verb_find(const char *name);
/* Runs it, in a transaction where it changes anything. */
int control_perform(struct request *r, const struct control_verb *verb, struct err *err);

/* The order that the judge wants, of the request: time now, uid, actor, reason. */
struct order control_order(const struct request *r);

#endif
