/* link_private: what link.c (the session and its frames), link_batch.c (one batch: checked, compared with what is committed, applied) and
 * link_want.c (its events, and the texts that they need) share.
 */
#ifndef PROVCTL_LINK_PRIVATE_H
#define PROVCTL_LINK_PRIVATE_H

#include "common/batch.h"
#include "enforcer/link.h"

struct link {
	struct enforcer *e;
	struct stream s;
	bool greeted;
	bool stale;                /* batches are dropped until the analyzer begins anew */
	uint32_t told;             /* the highest cursor that the analyzer was told of */
	uint32_t cursors;          /* how many there were */
	uint64_t seq;              /* of the last batch that was answered */
	int64_t began, took;       /* microseconds: when its events were taken up last, and how long that took until now */
	uint64_t inputs;           /* lines of standard input so far */
	uint32_t *own;             /* LINK_LOGS_MAX: cursors made for the session's own numbers, 0 none */
	uint64_t made;             /* of the enforcer's count of cursors made: those that were told of or made here */
	struct place *at;          /* the table of the batch at hand */
	uint32_t room, n;          /* of it */
	struct batch_view view;    /* its events */
	struct quiet_row *quiet;   /* LINK_EVENTS_MAX: by row of the view */
	struct quiet_found *found; /* LINK_EVENTS_MAX: what link_want found for each event */
	struct {
		bool asked; /* texts of the batch `seq` */
		bool all;   /* of every event that came without */
		uint64_t seq;
		uint32_t *at;    /* LINK_EVENTS_MAX: numbers of the events that were asked for */
		uint32_t n, got; /* how many; and how many texts came */
		struct buf texts;
	} want;
};

/* One log of a batch. */
struct place {
	uint64_t from;
	struct cursor to;
	uint32_t own;          /* the session's number, or UINT32_MAX */
	uint32_t id;           /* of the stored cursor, 0: there is none yet */
	uint64_t stored;       /* offset */
	uint64_t lines;        /* of the stored cursor */
	bool believed;         /* its device.* events */
	int64_t early;         /* events of it that are kept aside; -1 not counted yet */
	uint64_t newly, leaks; /* put aside, leaked in this batch */
	int64_t ahead;         /* the most that one was */
	struct addr leaked;
};

/* Queue a frame: LINK_ACK for the last batch, with how long it took; one whose body is a number. */
void link_acknowledge(struct link *l);
void link_answer(struct link *l, enum link_type type, uint64_t seq);
/* Tells every cursor. The session's own numbers stay what they are until the next greeting. */
int link_tell(struct link *l, struct err *err);

/* LINK_BATCH: 1 it is answered; 0 it must come again when link_texts has all that is wanted; -1 failed, and nothing of it is applied. */
int link_batch(struct link *l, struct slice body, struct err *err);

/* link_want.c */
int link_check_rows(const struct link *l, struct err *err);
/* Walks over the events, with what texts are there. */
void link_walk(const struct link *l, struct batch_walk *w);
/* Checks the events of batch seq, and where they lie, and asks for texts where some are needed that are not there: 1 asked, 0 none, -1. */
int link_want(struct link *l, uint64_t seq, struct err *err);
/* The batch is answered. */
void link_want_nothing(struct link *l);
/* Those that were told are not enough: then all. What changes within a batch can make an event stand out that did not before. */
void link_want_all(struct link *l);
/* LINK_TEXTS */
int link_texts(struct link *l, struct slice body, struct err *err);
bool link_wants(const struct link *l);

#endif
