/* publish_private: what the phases of publishing share: publish.c places files, publish_text.c writes what stands in them, publish_copy.c takes
 * over the lines that stand in the former file.
 */
#ifndef PROVCTL_PUBLISH_PRIVATE_H
#define PROVCTL_PUBLISH_PRIVATE_H

#include "enforcer/newfile.h"
#include "enforcer/publish.h"

#define PUBLISH_LINE 4096 /* bytes of a device's line; twenty homes fill a third of it */

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
/* The same, from the device lines of the former file (an open descriptor) and the devices that are not published yet, which costs
 * a fraction where few are. 1; 0: cannot be made of that file; -1. */
int publish_lockstate_copy(struct publication *p, struct newfile *f, int shard, int former, struct err *err);

/* What both begin and end with. */
int publish_head(struct publication *p, struct newfile *f, int shard, struct err *err);
int publish_tail(struct publication *p, struct newfile *f, uint64_t devices, struct err *err);
/* A device's line, without the line break. */
int publish_device(struct publication *p, const struct device *d, struct buf *line, struct err *err);
int publish_bans(struct publication *p, struct newfile *f, struct err *err);

#endif
