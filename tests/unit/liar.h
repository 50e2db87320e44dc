/* liar: a real prov-enforcer in a folder of its own, and the two ways to it: the event link, on which tests tell lies, and the commands, by which they see what
 * came of them. The clock of all of it stands at LIAR_NOW.
 */
#ifndef PROVCTL_TESTS_LIAR_H
#define PROVCTL_TESTS_LIAR_H

#include "common/batch.h"
#include "common/conf.h"

#define LIAR_NOW 1795428000 /* 2026-11-23T10:00:00Z */

struct liar {
	char folder[64];
	char file[96];
	struct conf *conf;
	pid_t enforcer;
	int fd; /* the link, or the connection for commands; -1 without one */
	struct buf in;
	size_t taken;    /* of it: the frame that was read last */
	uint32_t log;    /* the cursor of /log/web as it was told at the greeting */
	uint64_t offset; /* of it */
	uint32_t told;   /* the highest cursor */
	uint64_t seq;
};

/* A batch of one log and one event, to be spoilt. */
struct story {
	uint32_t nlogs; /* as told; the logs themselves are made of `log` */
	uint32_t logs;  /* how many there are */
	uint64_t from;
	struct cursor log;
	struct event event;
	uint32_t nevents; /* copies of it */
};

void liar_start(struct liar *l);
void liar_stop(struct liar *l);

/* The socket for commands, behind its greeting, in the place of a link. */
void liar_command(struct liar *l);
/* A request of that length (as told) and body. */
void liar_ask(struct liar *l, uint32_t length, struct slice body);
/* Reads the answer to its end, whose status it is; -1 where the other side hung up before. */
int liar_status(struct liar *l);

/* A link. greet: the greeting too, up to READY. */
void liar_connect(struct liar *l, bool greet);
void liar_hang_up(struct liar *l);
/* All of it, or as much as the other side takes. */
void liar_send(struct liar *l, const void *bytes, size_t n);
/* The type of the next frame, 0 where the other side hung up. */
int liar_answer(struct liar *l);

/* What the honest would say next: the log goes on by 100 bytes, with a served fetch of a device from its home. */
struct story liar_story(const struct liar *l);
void liar_encode(struct liar *l, const struct story *s, struct buf *frame);
/* Sends it; the type of the answer. */
int liar_tell(struct liar *l, const struct story *s);

/* What devices, bans, networks and (record) the record are, as one text to be compared; to be freed. */
char *liar_state(const struct liar *l, bool record);

#endif
