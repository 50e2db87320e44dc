/* http: requests in, answers out; the one wrapper of libmicrohttpd, which parses them. One thread: whoever waits for descriptors calls http_run when
 * http_fd can be read or http_timeout is over, and nothing here runs otherwise.
 *
 * All of it is bounded: so many connections, so many of one address, so many bytes of headers and of a body, so long from the beginning of a
 * connection (or the end of the request before) to a request, so long from its first line to the end of its answer. Where connections are all in use, the one
 * that rests for the longest makes room: who opens thousands and says nothing keeps nobody out.
 */
#ifndef PROVCTL_HTTP_H
#define PROVCTL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/err.h"

#define HTTP_CONNECTIONS 2048
#define HTTP_PER_ADDRESS 64 /* not of a proxy's */
#define HTTP_HEADERS_MAX (16U << 10)
#define HTTP_POOL        (24U << 10) /* of one connection: its headers, and what is sent of an answer */
#define HTTP_BODY_MAX    (64U << 10) /* more is answered 413 */
#define HTTP_BODY_READ   (16U << 20) /* that much of it is read and dropped before, so that the answer arrives */
#define HTTP_OWED_MAX    (64U << 20) /* bytes of answers that are not read yet */
#define HTTP_PATIENCE    30000       /* milliseconds for a request to come, or an answer to be read */
#define HTTP_REST        120000      /* the same for a proxy, which keeps connections open */
#define HTTP_FILES       (HTTP_CONNECTIONS + 256) /* descriptors that the program needs */

struct http;
struct exchange; /* one request that is not answered yet */

/* Slices live until the answer is given. p NULL: there is no such header. */
struct http_request {
	const char *method;
	struct slice target;
	struct slice authorization, content_type, if_match, original_uri, real_ip;
	struct slice forwarded; /* all lines of the configured header in their order, joined by commas */
	struct slice body;
	struct addr peer; /* none for a Unix socket */
	bool proxy;       /* as http_take was told */
};

#define HTTP_ETAG 80

struct http_answer {
	unsigned status;
	const char *type; /* of the body; NULL: there is none */
	struct buf body;  /* taken */
	const char *allow;
	char etag[HTTP_ETAG]; /* "" for none */
	unsigned retry;       /* seconds; 0: none */
	bool challenge;       /* WWW-Authenticate */
	bool page;            /* may load what stands beside it */
};

/* An answer that is given often: made once. The body is taken. */
struct http_ready;
int http_ready_new(struct http_ready **out, struct http_answer *answer, struct err *err);
void http_ready_free(struct http_ready **ready);

/* Each request is given to serve() once it is whole; it calls one of http_answer, http_answer_ready and http_wait. A request that cannot be taken
 * at all is given to refuse() instead, with the status and the reason, which answers at once. */
struct http_options {
	const char *forwarded; /* name of the header */
	void (*serve)(void *context, struct exchange *x, const struct http_request *q);
	void (*refuse)(void *context, struct exchange *x, unsigned status, const char *why);
	void *context;
};

int http_new(struct http **out, const struct http_options *options, struct err *err);
/* Every exchange must have been answered. */
void http_free(struct http **h);

/* A connection: fd is taken. */
void http_take(struct http *h, int fd, struct addr peer, bool proxy);
/* Takes what is in the answer, and the exchange. */
void http_answer(struct exchange *x, struct http_answer *answer);
void http_answer_ready(struct exchange *x, struct http_ready *ready);
/* It will be answered later. */
void http_wait(struct exchange *x);

int http_fd(const struct http *h);
int64_t http_timeout(const struct http *h); /* milliseconds; -1: none */
void http_run(struct http *h);
/* Ends connections that take too long at `now`, of http_clock: once a second is enough. */
void http_sweep(struct http *h, int64_t now);
/* So many bytes are on their way that no more should be made. */
bool http_is_owing(const struct http *h);
unsigned http_connections(const struct http *h);
uint64_t http_answered(const struct http *h, unsigned hundred); /* 2 for 2xx */

/* A clock that only goes forward, in milliseconds. */
int64_t http_clock(void);

#endif
