#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "portal/http.h"

#define TARGET_KEPT 1024 /* bytes of memory that a connection keeps between requests */
#define CUT_MAX     64   /* connections that are on their way out */

#define PAGE_POLICY                                                                                                    \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors "    \
	"'none'; base-uri 'none'; form-action 'none'"

/* A connection, and the request on it that is being read or answered. */
struct exchange {
	struct http *http;
	int fd;
	struct MHD_Connection *connection; /* NULL: the slot is free */
	struct addr peer;
	bool proxy;
	/* In the list of those that can be cut, by when they last did something as a whole. */
	bool listed;
	int64_t since;
	struct exchange *older, *newer;

	bool begun; /* its headers were looked at */
	bool waiting;
	bool too_long;
	size_t head; /* bytes of its headers */
	struct buf target, body, forwarded;
	struct http_request q;
	unsigned twice; /* headers of which there may be one */
	unsigned fault; /* the status for a request that is refused */
	const char *why;
	struct MHD_Response *response; /* given, not queued yet */
	bool ready;                    /* it is another's */
	unsigned status;
};

struct http_ready {
	struct MHD_Response *response;
	unsigned status;
};

struct http {
	struct http_options options;
	struct MHD_Daemon *daemon;
	int fd;
	unsigned n; /* connections */
	struct exchange *oldest, *newest;
	size_t owed;
	uint64_t answered[6];
	struct exchange at[HTTP_FILES]; /* by descriptor */
};

int64_t http_clock(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- who can be cut ---- */

static void unlist(struct exchange *x) {
	struct http *h = x->http;

	if (!x->listed)
		return;
	*(x->older ? &x->older->newer : &h->oldest) = x->newer;
	*(x->newer ? &x->newer->older : &h->newest) = x->older;
	x->older = x->newer = NULL;
	x->listed = false;
}

static void list(struct exchange *x) {
	struct http *h = x->http;

	unlist(x);
	x->since = http_clock();
	x->older = h->newest;
	*(h->newest ? &h->newest->newer : &h->oldest) = x;
	h->newest = x;
	x->listed = true;
}

/* The library finds it ended, and frees it. */
static void cut(struct exchange *x) {
	unlist(x);
	(void)shutdown(x->fd, SHUT_RDWR);
}

void http_sweep(struct http *h, int64_t now) {
	for (struct exchange *x = h->oldest, *next; x && x->since + HTTP_PATIENCE <= now; x = next) {
		next = x->newer;
		if (!x->proxy || x->since + HTTP_REST <= now)
			cut(x);
	}
}

/* Makes room for one more of this address; false: there is none. */
static bool room(struct http *h, struct addr peer, bool proxy) {
	struct addr counted = addr_is_v4(peer) ? peer : addr_masked(peer, 64);
	struct exchange *oldest = NULL;
	unsigned n = 0;

	for (struct exchange *x = proxy ? NULL : h->oldest; x; x = x->newer) {
		if (x->proxy || !addr_same(addr_is_v4(x->peer) ? x->peer : addr_masked(x->peer, 64), counted))
			continue;
		n++;
		oldest = oldest ? oldest : x;
	}
	if (n >= HTTP_PER_ADDRESS)
		cut(oldest);
	else if (h->n >= HTTP_CONNECTIONS && h->oldest)
		cut(h->oldest);
	return h->n < HTTP_CONNECTIONS + CUT_MAX;
}

void http_take(struct http *h, int fd, struct addr peer, bool proxy) {
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct exchange *x = fd < HTTP_FILES ? &h->at[fd] : NULL;

	if (!x || !room(h, peer, proxy)) {
		(void)close(fd);
		return;
	}
	x->http = h;
	x->fd = fd;
	x->peer = peer;
	x->proxy = proxy;
	/* The address is ours to know: to the library all are the same. */
	(void)MHD_add_connection(h->daemon, fd, (const struct sockaddr *)&any, sizeof(any));
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
	struct http *h = context;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct exchange *x = &h->at[info->connect_fd];

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = x;
		x->connection = connection;
		buf_init(&x->target, HTTP_POOL);
		buf_init(&x->body, HTTP_BODY_MAX);
		buf_init(&x->forwarded, HTTP_POOL);
		h->n++;
		list(x);
	} else {
		unlist(x);
		buf_release(&x->target);
		buf_release(&x->body);
		buf_release(&x->forwarded);
		h->n--;
		*x = (struct exchange){0};
	}
}

/* ---- a request ---- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *x = info->socket_context;

	(void)context;
	/* The library takes its own copy to pieces later. */
	buf_text(&x->target, target);
	if (x->listed)
		list(x);
	return x;
}

static void fault(struct exchange *x, unsigned status, const char *why) {
	if (x->fault != 0)
		return;
	x->fault = status;
	x->why = why;
}

enum { ONCE_HOST = 1, ONCE_LENGTH = 2, ONCE_OTHER = 4 };

static void once(struct exchange *x, struct slice *to, struct slice value) {
	if (to->p)
		fault(x, 400, "a header stands twice that may stand once");
	*to = value;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *key, size_t nkey,
                                 const char *value, size_t n) {
	struct exchange *x = context;
	struct http_request *q = &x->q;
	const struct {
		const char *name;
		struct slice *to;
	} wanted[] = {
		{"Authorization", &q->authorization}, {"Content-Type", &q->content_type}, {"If-Match", &q->if_match},
		{"X-Original-URI", &q->original_uri}, {"X-Real-IP", &q->real_ip},
	};
	struct slice name = {key, nkey};
	struct slice text = {value ? value : "", value ? n : 0};
	uint64_t length;

	(void)kind;
	x->head += nkey + text.n + strlen(": \r\n");
	if (x->head > HTTP_HEADERS_MAX)
		fault(x, 431, "the headers are too long");
	/* What names a length or an end in two ways is read in two ways by two servers. */
	if (slice_same_nocase(name, slice_of("Transfer-Encoding")))
		fault(x, 411, "a body needs a Content-Length; no transfer coding is taken");
	if (slice_same_nocase(name, slice_of("Content-Length"))) {
		if (x->twice & ONCE_LENGTH)
			fault(x, 400, "there is more than one Content-Length");
		x->twice |= ONCE_LENGTH;
		if (!slice_number(text, INT64_MAX, &length))
			fault(x, 400, "Content-Length is no number");
		else if (length > HTTP_BODY_READ)
			fault(x, 413, "the body is longer than 64 KiB");
	}
	if (slice_same_nocase(name, slice_of("Host"))) {
		if (x->twice & ONCE_HOST)
			fault(x, 400, "there is more than one Host");
		x->twice |= ONCE_HOST;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (slice_same_nocase(name, slice_of(wanted[i].name)))
			once(x, wanted[i].to, text);
	if (slice_same_nocase(name, slice_of(x->http->options.forwarded))) {
		if (x->forwarded.n > 0)
			buf_byte(&x->forwarded, ',');
		buf_add(&x->forwarded, text.p, text.n);
		q->forwarded = (struct slice){x->forwarded.p ? x->forwarded.p : "", x->forwarded.n};
	}
	return MHD_YES;
}

static void begin(struct exchange *x, const char *method) {
	x->begun = true;
	x->head = x->target.n;
	x->q = (struct http_request){
		.method = method, .target = {x->target.p, x->target.n}, .peer = x->peer, .proxy = x->proxy};
	(void)MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, on_header, x);
	if (x->target.failed || x->forwarded.failed)
		fault(x, 503, "out of memory");
}

static enum MHD_Result queue(struct exchange *x) {
	enum MHD_Result result = MHD_queue_response(x->connection, x->status, x->response);

	if (!x->ready)
		MHD_destroy_response(x->response);
	x->response = NULL;
	x->http->answered[x->status / 100 % 6]++;
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **request) {
	struct http *h = context;
	struct exchange *x = *request;

	(void)connection;
	(void)url;
	(void)version;
	if (!x)
		return MHD_NO;
	if (!x->begun) {
		begin(x, method);
		if (x->fault == 0)
			return MHD_YES;
		/* Before its body is read: the connection ends with the answer. */
		h->options.refuse(h->options.context, x, x->fault, x->why);
		return queue(x);
	}
	if (*n > 0) {
		if (x->body.n + *n > HTTP_BODY_MAX)
			x->too_long = true;
		if (!x->too_long)
			buf_add(&x->body, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (!x->response && !x->waiting) {
		x->q.body = (struct slice){x->body.p, x->body.n};
		if (x->too_long)
			h->options.refuse(h->options.context, x, 413, "the body is longer than 64 KiB");
		else if (x->body.failed)
			h->options.refuse(h->options.context, x, 503, "out of memory");
		else
			h->options.serve(h->options.context, x, &x->q);
	}
	if (x->response)
		return queue(x);
	assert(x->waiting);
	(void)MHD_suspend_connection(x->connection);
	return MHD_YES;
}

static void drop(struct buf *b) {
	if (b->room > TARGET_KEPT)
		buf_release(b);
	else
		buf_clear(b);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code) {
	struct exchange *x = *request;

	(void)context;
	(void)connection;
	(void)code;
	if (!x)
		return;
	assert(!x->waiting);
	x->begun = x->too_long = false;
	x->twice = x->fault = 0;
	drop(&x->target);
	drop(&x->body);
	drop(&x->forwarded);
	if (x->listed)
		list(x);
	*request = NULL;
}

/* ---- answers ---- */

struct body {
	struct http *http;
	struct buf bytes;
};

static void body_free(void *context) {
	struct body *b = context;

	if (b->http)
		b->http->owed -= b->bytes.room;
	buf_release(&b->bytes);
	free(b);
}

static bool header(struct MHD_Response *r, const char *name, const char *value) {
	return MHD_add_response_header(r, name, value) == MHD_YES;
}

static bool headers(struct MHD_Response *r, const struct http_answer *a) {
	char retry[16];

	(void)snprintf(retry, sizeof(retry), "%u", a->retry);
	return header(r, "Cache-Control", a->page ? "no-cache" : "no-store") &&
	       (!a->type ||
	        (header(r, "Content-Type", a->type) && header(r, "X-Content-Type-Options", "nosniff") &&
	         header(r, "Referrer-Policy", "no-referrer") && header(r, "Cross-Origin-Resource-Policy", "same-origin") &&
	         header(r, "Content-Security-Policy",
	                a->page ? PAGE_POLICY : "default-src 'none'; frame-ancestors 'none'"))) &&
	       (!a->allow || header(r, "Allow", a->allow)) && (!a->etag[0] || header(r, "ETag", a->etag)) &&
	       (a->retry == 0 || header(r, "Retry-After", retry)) &&
	       (!a->challenge || header(r, "WWW-Authenticate", "Bearer realm=\"provctl\""));
}

/* NULL: no memory. http NULL: its bytes are not counted. */
static struct MHD_Response *response_of(struct http *h, struct http_answer *a) {
	struct body *b = calloc(1, sizeof(*b));
	struct MHD_Response *r = NULL;

	if (b) {
		b->http = h;
		b->bytes = a->body;
		if (h)
			h->owed += b->bytes.room;
		a->body = (struct buf){0};
		r = b->bytes.failed
		        ? NULL
		        : MHD_create_response_from_buffer_with_free_callback_cls(b->bytes.n, b->bytes.p, body_free, b);
		if (!r)
			body_free(b);
	}
	if (r && !headers(r, a)) {
		MHD_destroy_response(r);
		r = NULL;
	}
	buf_release(&a->body);
	return r;
}

static void give(struct exchange *x, struct MHD_Response *r, bool ready, unsigned status) {
	assert(!x->response);
	x->response = r;
	x->status = status;
	x->ready = ready;
	if (!x->waiting)
		return;
	x->waiting = false;
	list(x);
	MHD_resume_connection(x->connection);
}

void http_answer(struct exchange *x, struct http_answer *answer) {
	struct MHD_Response *r = response_of(x->http, answer);

	/* Without memory for an answer there is still one without any. */
	give(x, r ? r : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), false, r ? answer->status : 503);
}

void http_answer_ready(struct exchange *x, struct http_ready *ready) {
	give(x, ready->response, true, ready->status);
}

void http_wait(struct exchange *x) {
	x->waiting = true;
	unlist(x);
}

int http_ready_new(struct http_ready **out, struct http_answer *answer, struct err *err) {
	struct http_ready *ready = calloc(1, sizeof(*ready));

	if (ready)
		ready->response = response_of(NULL, answer);
	if (!ready || !ready->response) {
		free(ready);
		return err_set(err, ERR_SYSTEM, "out of memory");
	}
	ready->status = answer->status;
	*out = ready;
	return 0;
}

void http_ready_free(struct http_ready **ready) {
	if (*ready)
		MHD_destroy_response((*ready)->response);
	free(*ready);
	*ready = NULL;
}

/* ---- the daemon ---- */

/* Escapes are ours to read: a slash that is written as one is no slash of the path. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
	(void)context;
	(void)connection;
	return strlen(text);
}

static void quiet(void *context, const char *format, va_list args) {
	(void)context;
	(void)format;
	(void)args;
}

int http_new(struct http **out, const struct http_options *options, struct err *err) {
	struct http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;

	if (!h)
		return err_set(err, ERR_SYSTEM, "out of memory");
	h->options = *options;
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		on_request, h, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(HTTP_CONNECTIONS + CUT_MAX), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, h, MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_END);
	info = h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		http_free(&h);
		return err_set(err, ERR_SYSTEM, "libmicrohttpd cannot be started");
	}
	h->fd = info->epoll_fd;
	*out = h;
	return 0;
}

void http_free(struct http **h) {
	if (!*h)
		return;
	if ((*h)->daemon)
		MHD_stop_daemon((*h)->daemon);
	free(*h);
	*h = NULL;
}

int http_fd(const struct http *h) {
	return h->fd;
}

int64_t http_timeout(const struct http *h) {
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(h->daemon, &ms) == MHD_YES ? (int64_t)ms : -1;
}

void http_run(struct http *h) {
	(void)MHD_run(h->daemon);
}

bool http_is_owing(const struct http *h) {
	return h->owed > HTTP_OWED_MAX;
}

unsigned http_connections(const struct http *h) {
	return h->n;
}

uint64_t http_answered(const struct http *h, unsigned hundred) {
	return hundred < 6 ? h->answered[hundred] : 0;
}
