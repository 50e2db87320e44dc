/* The portal's HTTP: any bytes of a client. The first tells whether they come by a web server that may speak for others; the rest is sent. Whatever the
 * enforcer would be asked is JSON that it knows, and names no other caller than the connection's, or the one that the web server told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/js.h"

#include "portal/portal.h"

#include "tests/fuzz/fuzz.h"

#define TURNS 8

static struct portal portal;
static struct addr peer;
static char peer_text[ADDR_TEXT];
static bool proxy;

bool __wrap_upstream_ask(struct upstream *u, struct slice request, void *who);

/* In the place of the enforcer, which is not there. */
bool __wrap_upstream_ask(struct upstream *u, struct slice request, void *who) {
	const char *self, *of;
	struct addr ip;
	struct json *j;
	struct err err;

	(void)u;
	(void)who;
	fuzz_want(js_parse(request, &j, &err) == 0 && js_text(j, "verb"), "a request is JSON with a verb");
	self = js_text(j, "self");
	of = self ? self : js_text(j, "peer");
	fuzz_want(!self != !js_text(j, "token"), "who asks has a token or is themselves");
	fuzz_want(!of || addr_parse(of, strlen(of), &ip), "the caller is an address");
	fuzz_want(proxy || (of && strcmp(of, peer_text) == 0), "the caller is the connection's");
	js_free(&j);
	return false;
}

static void say(const char *text) {
	(void)text;
}

static void begin(void) {
	static const char text[] =
		"state: /proc/self/nowhere\nrules: []\nlockstate: {path: /proc/self/nowhere/lockstate, group: \"\"}\n";
	const char *top = getenv("top_srcdir");
	struct conf *conf;
	struct err err;
	char data[4096];

	(void)snprintf(data, sizeof(data), "%s/portal", top ? top : ".");
	fuzz_want(conf_load(&conf, fuzz_file(0, (const uint8_t *)text, sizeof(text) - 1), NULL, &err) == 0, err.text);
	fuzz_want(portal_init(&portal, conf, data, say, &err) == 0, err.text);
}

/* Each input has an address of its own: none is held back for what another did. */
static void next_peer(void) {
	static unsigned n;

	n++;
	(void)snprintf(peer_text, sizeof(peer_text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	fuzz_want(addr_parse(peer_text, strlen(peer_text), &peer), "an address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char heard[65536];
	int fds[2];

	if (size < 1 || size > 60000)
		return 0;
	if (!portal.http)
		begin();
	next_peer();
	proxy = data[0] & 1;
	fuzz_want(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "sockets");
	http_take(portal.http, fds[0], peer, proxy);
	fuzz_want(send(fds[1], data + 1, size - 1, MSG_NOSIGNAL) == (ssize_t)(size - 1), "all is sent");
	for (int i = 0; i < TURNS; i++)
		http_run(portal.http);
	(void)shutdown(fds[1], SHUT_WR);
	for (int i = 0; i < TURNS; i++) {
		http_run(portal.http);
		(void)recv(fds[1], heard, sizeof(heard), 0);
	}
	(void)close(fds[1]);
	for (int i = 0; i < TURNS && http_connections(portal.http) > 0; i++)
		http_run(portal.http);
	fuzz_want(http_connections(portal.http) == 0, "a connection ends with its client");
	return 0;
}
