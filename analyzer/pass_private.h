/* What the phases of a pass share. pass.c opens the logs and merges; pass_follow.c waits for more; pass_feed.c turns the lines of one log into one event at a time; pass_worker.c lets another
 * process do so; pass_batch.c packs events and cursors into batches, sends them and hears what became of them.
 */
#ifndef PROVCTL_PASS_PRIVATE_H
#define PROVCTL_PASS_PRIVATE_H

#include <poll.h>

#include "analyzer/pass.h"
#include "analyzer/recall.h"
#include "analyzer/uplink.h"
#include "analyzer/watch.h"
#include "analyzer/worker.h"
#include "common/batch.h"

#define PENDING_MAX 8192 /* the texts of one event */

/* What logs of equal format, zone and account share: a line_context is too large to have one for each of a thousand logs. */
struct setting {
	const struct conf_source *conf; /* the first that has it */
	struct line_context context;
	struct format *own;
	struct recall *recall;
	struct time_context *time; /* the context's own; each log lends it another */
};

/* DONE: at the end of the log, as far as was looked. */
enum feed_state { FEED_READING, FEED_PENDING, FEED_DONE };

/* What a worker tells of a log that it reads, once it has an event, came to the end, or read a good many lines. The texts of the event, the sample and the problem
 * stand behind it. */
struct told {
	enum feed_state state;
	int64_t high, before;                        /* as in struct feed */
	uint64_t lines, events, unreadable, skipped; /* sums of all that was read, the event's line included */
	struct source_stand front, behind;           /* of the event's line; `behind` of what was read without one */
	struct event event;                          /* where FEED_PENDING */
	struct slice sample;                         /* the first unreadable line since it told the last time, or empty */
	struct slice problem;                        /* why it cannot be read any further, or empty */
};

/* One log of the merge. */
struct feed {
	struct source *source;
	struct setting *setting;
	struct time_context *time;
	uint32_t order; /* ties of the merge */
	enum feed_state state;
	struct event event; /* the pending one. Its texts borrow the line until another log is read, then `texts` */
	struct buf texts;
	int64_t key;        /* of the pending event: highest time so far, its own included */
	int64_t high;       /* highest time so far */
	int64_t before;     /* the same in front of the pending event's line */
	struct cursor read; /* sums of all that was read, the pending event's line included */
	struct cursor sent; /* as it was sent last */
	uint64_t from;      /* what the next batch builds on */
	uint32_t id;
	uint32_t slot;  /* in the batch at hand, or SLOT_NONE */
	uint64_t until; /* the sum of lines at which its turn in this round ends */
	bool due;       /* it takes part in the next round */
	bool behind;    /* its last turn ended before the log did */
	bool touched;   /* read since it was sent last */
	bool sampled;   /* `sample` is newer than what was sent */
	bool input;
	struct buf sample;
	/* Of a log that a worker reads. */
	struct worker *worker;
	struct lane_end lane;
	const struct told *told; /* what it told last, once it did */
	/* Standard input alone, for it cannot be read twice: what was committed, and events to be sent again. */
	struct cursor acked;
	int64_t acked_high;
	bool retold;        /* the pending event is one of those */
	struct cursor mark; /* in front of it */
	struct buf again;
	size_t again_taken;
};

#define SLOT_NONE UINT32_MAX

struct batch {
	uint64_t seq;
	struct buf frame; /* as it was sent; its events stand at `events` */
	size_t events;
	struct buf kept;   /* of events that go without their texts: what these are made of when they are wanted */
	uint32_t *kept_at; /* by event: where in it, or KEPT_NOT */
	uint32_t nevents;
	uint32_t *slots; /* feeds, by index */
	uint32_t nslots;
	size_t size; /* of the cursors, at most */
	struct pass_sums sums;
	bool has_input;
	uint32_t input_slot;
	struct cursor input; /* of standard input, behind this batch */
};

#define KEPT_NOT UINT32_MAX

#define UNANSWERED_MAX 2
#define BATCHES        (UNANSWERED_MAX + 1)                       /* one at hand */
#define AGAIN_MAX      ((size_t)BATCHES * LINK_EVENTS_MAX * 2048) /* their events, encoded whole */

struct run {
	struct pass *p;
	struct uplink up;
	struct setting *settings;
	uint32_t nsettings;
	uint32_t *setting_of; /* by source */
	struct source_set *set;
	struct source *input;
	struct feed *feeds;
	uint32_t nfeeds;
	struct feed input_feed; /* kept across LINK_STALE */
	bool input_known;
	uint32_t *heap;
	uint32_t nheap;
	struct batch batches[BATCHES]; /* a ring */
	uint32_t first, unanswered;
	uint32_t most_unanswered;   /* before another is sent */
	uint64_t pace;              /* lines that the enforcer deals with in the time that it may take for one batch */
	int64_t pace_aim;           /* that time, microseconds */
	struct batch_writer writer; /* the events of the batch at hand */
	struct buf texts;           /* frames of LINK_TEXTS */
	struct buf evidence;
	uint64_t seq;
	uint32_t next_id;
	int64_t flushed, shown; /* milliseconds */
	struct watch *watch;    /* of a pass that follows */
	struct pollfd *fds;     /* what it waits for: the link, the watch, the signal, and journals */
	uint32_t *fd_feeds;     /* whose journals, behind WAIT_JOURNALS */
	uint32_t nfds;
	int64_t opened, opening; /* when the session was opened, and how long that took */
	int64_t alive, heard;    /* when alive() was called last, and when a batch was answered */
	bool alone;              /* a worker was lost: all is read by this process */
};

#define PACE_FIRST 2048
#define PACE_MIN   128 /* below that a commit costs more than the events */
#define PACE_MAX   LINK_EVENTS_MAX

/* What a step ends with: 0 well; RUN_STALE, and RUN_ANEW of a pass that follows, or that lost a worker: everything must be opened anew; -1 failed. */
#define RUN_STALE 1
#define RUN_ANEW  2

/* pass.c */
int64_t milliseconds(void);
bool run_stopped(const struct run *r);
/* Tells how far it is, and that it goes on, where that is due. */
void run_show(struct run *r);
/* For the formats, patterns and zones of the sources. */
int settings_init(struct run *r, struct err *err);
void settings_release(struct run *r);
/* One round of the feeds that are due and are behind, or of those that are not; `turn` lines of each. What it gives is in the batch at hand, or was
 * sent. */
int run_round(struct run *r, bool behind, uint64_t turn, struct err *err);

/* pass_follow.c: rounds and waiting, in a session that is open. */
int run_follow(struct run *r, struct err *err);
/* All that is to be watched: before the logs are looked for, and when they were found. */
int follow_places(struct run *r, struct err *err);
int follow_logs(struct run *r, struct err *err);
/* Calls alive() where it is due. */
void follow_beat(struct run *r);

/* pass_feed.c */
int feed_init(struct feed *f, struct run *r, struct source *source, uint32_t order, struct err *err);
void feed_release(struct feed *f);
/* Reads on, some lines at most: a log without events must not hold up what is due. -1: it cannot be read any further, and is done. */
int feed_read(struct feed *f, struct err *err);
/* Makes the pending event its own: before another log is read. */
int feed_keep(struct feed *f, struct err *err);
/* Of all texts of an event, at most; and copies them to `to`, where the event has them then. What is behind them. */
size_t event_texts_size(const struct event *e);
char *event_texts_move(struct event *e, char *to);
/* Where the log stands: in front of the pending event, or behind all that was read. */
void feed_cursor(const struct feed *f, struct cursor *out);
void run_notice(struct run *r, struct slice name, struct slice problem);

/* pass_worker.c */
/* Of what was lent in a session before, nothing is read any more. */
void workers_halt(struct run *r);
/* Lends the longest logs to the workers, where there are two that are worth it. */
void workers_lend(struct run *r);
/* What the worker tells next of a log that was lent: as feed_read; or, where it tells nothing for a while, the log stays as it is. RUN_ANEW: the worker is
 * gone. */
int feed_hear(struct run *r, struct feed *f, struct err *err);

/* pass_batch.c */
int batches_init(struct run *r, struct err *err);
void batches_release(struct run *r);
/* For the feeds of this session. */
int batch_reset(struct run *r, struct err *err);
/* e borrows for the call; its cursor is set, and its line made evidence where that is sent. */
int batch_add(struct run *r, struct feed *f, struct event *e, struct err *err);
bool batch_has_events(struct run *r);
/* Sends what is at hand, and cursors that moved. */
int batch_flush(struct run *r, struct err *err);
/* Hears what was said meanwhile: 0, RUN_STALE, -1. */
int batch_listen(struct run *r, struct err *err);
/* Waits until all is answered. */
int batch_settle(struct run *r, struct err *err);
/* After LINK_STALE: what standard input said in batches that were not taken is to be said again. */
void batch_recall(struct run *r, struct feed *input);

#endif
