/* The sockets of the enforcer: commands, the portal's, and the event link. The first byte chooses; the rest is what a client sends. The state is a copy
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

/* Tokens that the seeds know: of the operator "a"s, of account acct1 "b"s. */
static void add_token(enum token_role role, const char *account, char letter) {
	struct token t = {.role = role, .created = 1};
	char text[TOKEN_LENGTH + 1] = "pvt_";
	struct err err;

	memset(text + 4, letter, TOKEN_LENGTH - 4);
	text[4 + TOKEN_ID] = '_';
	fuzz_want(token_parse(slice_of(text), t.id), "a token");
	token_hash(slice_of(text), &t.hash);
	(void)slice_copy(slice_of(account), t.account, sizeof(t.account));
	fuzz_want(store_begin(e->store, &err) == 0 && store_token_add(e->store, &t, &err) == 0 &&
	              store_commit(e->store, &err) == 0,
	          err.text);
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
	add_token(ROLE_OPERATOR, "", 'a');
	add_token(ROLE_ACCOUNT, "acct1", 'b');
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
		fuzz_want(control_new(&c, e, fds[0], data[0] & 2, &err) == 0, err.text);
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
