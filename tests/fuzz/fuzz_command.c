/* Both sockets of the enforcer: commands, and the event link. The first byte chooses; the rest is what a client sends. The state is a copy
 * in memory, made anew now and then. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/timefmt.h"

#include "enforcer/control.h"
#include "enforcer/enforcer.h"
#include "enforcer/link.h"
#include "enforcer/stream.h"

#include "tests/fuzz/fuzz.h"

#define INPUTS_MAX 500 /* of one state */

static struct enforcer *e;

static void say(void *context, const char *text) {
	(void)context;
	(void)text;
}

static void open_enforcer(void) {
	static const char text[] = "state: /proc/self/nowhere\nrules: []\nfirewall: {backend: none}\n";
	struct enforcer_options options = {.dry_run = true, .control_fd = -1, .events_fd = -1, .say = say};
	struct conf *conf = NULL;
	bool busy;
	struct err err;

	enforcer_close(&e);
	fuzz_want(conf_load(&conf, fuzz_file(0, (const uint8_t *)text, sizeof(text) - 1), NULL, &err) == 0, err.text);
	fuzz_want(enforcer_open(&e, conf, &options, &busy, &err) == 0, err.text);
}

static int step(struct control *c, struct link *l) {
	return c ? control_step(c) : link_step(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static unsigned inputs;
	struct control *c = NULL;
	struct link *l = NULL;
	struct stream *s;
	struct err err;
	int fds[2];

	if (size < 1)
		return 0;
	if (!e || inputs++ % INPUTS_MAX == 0)
		open_enforcer();
	fuzz_want(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "sockets");
	if (data[0] % 2)
		fuzz_want(control_new(&c, e, fds[0], false, &err) == 0, err.text);
	else
		fuzz_want(link_new(&l, e, fds[0], &err) == 0, err.text);
	s = c ? control_stream(c) : link_stream(l);
	buf_add(&s->in, data + 1, size - 1);
	while (step(c, l) > 0)
		buf_clear(&s->out);
	control_free(&c);
	link_free(&l);
	(void)close(fds[1]);
	return 0;
}
