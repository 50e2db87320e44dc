/* publish_private: what the two phases of publishing share: publish.c places files, publish_text.c writes what stands in them. */
#ifndef PROVCTL_PUBLISH_PRIVATE_H
#define PROVCTL_PUBLISH_PRIVATE_H

#include "enforcer/newfile.h"
#include "enforcer/publish.h"

struct publication {
	struct store *s;
	const struct conf *conf;
	int64_t time;      /* of the state */
	int64_t now;       /* the enforcer's clock */
	int64_t until;     /* of a pause, 0 without */
	bool locks;        /* it opens the devices, too */
	struct buf common; /* window and network lines */
	uint64_t ncommon;
};

int publication_init(struct publication *p, struct store *s, const struct conf *conf, int64_t time, int64_t now,
                     struct err *err);
void publication_release(struct publication *p);

/* The lock-state of a shard (-1: of all). */
int publish_lockstate(struct publication *p, struct newfile *f, int shard, struct err *err);
int publish_bans(struct publication *p, struct newfile *f, struct err *err);

#endif
