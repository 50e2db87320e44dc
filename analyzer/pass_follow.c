#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "analyzer/pass_private.h"

#define TURN_MIN 32 /* lines of one log in a round */
#define TURN_BESIDE                                                                                                    \
	2048 /* of all logs that are behind, while others are not: what comes there waits until these are read */
#define AIM_BESIDE   5000  /* microseconds that the enforcer takes for a batch then */
#define AIM_ALONE    10000 /* the same where nothing but commands waits for it */
#define MOVED_EVERY  1000  /* milliseconds: lines without an event only move a cursor, which is no haste */
#define LOOK_EVERY   30000 /* milliseconds: what inotify does not see, on network file systems */
#define LOOK_BLIND   2000  /* the same where something cannot be watched at all */
#define ANEW_SHARE   4 /* opening anew takes at most one part in so many and one of the time: a folder may be in motion */
#define ANEW_LONGEST 1000 /* milliseconds that it is put off at most */

int follow_places(struct run *r, struct err *err) {
	if (watch_begin(r->watch, err) < 0)
		return -1;
	for (uint32_t i = 0; i < r->p->nsources; i++)
		if (watch_place(r->watch, r->p->sources[i].path, err) < 0)
			return -1;
	return 0;
}

enum { WAIT_LINK, WAIT_WATCH, WAIT_SIGNAL, WAIT_JOURNALS };

static int waits_set(struct run *r, struct err *err) {
	struct pollfd *fds = reallocarray(r->fds, r->nfeeds + WAIT_JOURNALS, sizeof(*fds));
	uint32_t *feeds;

	if (fds)
		r->fds = fds;
	feeds = reallocarray(r->fd_feeds, r->nfeeds + 1, sizeof(*feeds));
	if (feeds)
		r->fd_feeds = feeds;
	if (!fds || !feeds)
		return err_set(err, ERR_SYSTEM, "pass: out of memory");
	fds[WAIT_LINK] = (struct pollfd){.fd = r->up.fd, .events = POLLIN};
	fds[WAIT_WATCH] = (struct pollfd){.fd = watch_fd(r->watch), .events = POLLIN};
	fds[WAIT_SIGNAL] = (struct pollfd){.fd = r->p->wake, .events = POLLIN}; /* -1 is left out by poll */
	r->nfds = WAIT_JOURNALS;
	for (uint32_t i = 0; i < r->nfeeds; i++)
		if (source_fd(r->feeds[i].source) >= 0) {
			feeds[r->nfds - WAIT_JOURNALS] = i;
			fds[r->nfds++] = (struct pollfd){.fd = source_fd(r->feeds[i].source), .events = POLLIN};
		}
	return 0;
}

int follow_logs(struct run *r, struct err *err) {
	if (waits_set(r, err) < 0)
		return -1;
	for (uint32_t i = 0; i < r->nfeeds; i++)
		if (source_fd(r->feeds[i].source) < 0 && watch_log(r->watch, source_path(r->feeds[i].source), i, err) < 0)
			return -1;
	watch_end(r->watch);
	return 0;
}

void follow_beat(struct run *r) {
	const struct pass *p = r->p;
	int64_t now = milliseconds();

	if (!p->alive || p->beat == 0 || now < r->alive + p->beat || (r->unanswered > 0 && r->heard < r->alive))
		return;
	r->alive = now;
	p->alive(p->context);
}

static void is_due(void *context, uint32_t number) {
	struct run *r = context;

	if (number < r->nfeeds)
		r->feeds[number].due = true;
}

static void all_due(struct run *r) {
	for (uint32_t i = 0; i < r->nfeeds; i++)
		r->feeds[i].due = true;
}

/* Logs that have more to read: those that were read to their end before, and those that are behind; and how many are not behind. */
struct due {
	uint32_t live, behind, beside;
};

/* Looks at the logs that are due. */
static struct due look(struct run *r, bool *anew) {
	struct due n = {0};

	for (uint32_t i = 0; i < r->nfeeds; i++) {
		struct feed *f = &r->feeds[i];
		int again;

		n.beside += !f->behind;
		if (!f->due)
			continue;
		again = source_again(f->source);
		*anew = *anew || again < 0;
		/* What was seen of it before is read in any case, but where it is not that log any more. */
		if (again < 0 || (again == 0 && f->state == FEED_DONE))
			f->due = false;
		n.live += f->due && !f->behind;
		n.behind += f->due && f->behind;
	}
	return n;
}

static bool has_moved(const struct run *r) {
	for (uint32_t i = 0; i < r->nfeeds; i++)
		if (r->feeds[i].touched)
			return true;
	return false;
}

/* Nothing is unanswered: does the enforcer still answer? */
static int ask(struct run *r, struct err *err) {
	enum link_type type;
	uint64_t seq;

	if (uplink_done(&r->up, err) < 0 || uplink_answer(&r->up, &type, &seq, err) < 0)
		return -1;
	return type == LINK_ACK ? 0 : err_set(err, ERR_INPUT, "link: an answer to nothing that was asked");
}

/* Sends what there is, now or, where it only moves cursors, within MOVED_EVERY. */
static int send_round(struct run *r, struct err *err) {
	if (!batch_has_events(r) && milliseconds() < r->flushed + MOVED_EVERY)
		return 0;
	return batch_flush(r, err);
}

static void sooner(int64_t *at, int64_t other) {
	*at = other < *at ? other : *at;
}

/* Waits for something to happen, or for `at`. 1: the enforcer says something. */
static int wait(struct run *r, int64_t at, struct err *err) {
	int64_t left = at - milliseconds();

	if (poll(r->fds, r->nfds, left > 0 ? (int)left : 0) < 0)
		return errno == EINTR ? 0 : err_errno(err, "poll");
	for (uint32_t i = WAIT_JOURNALS; i < r->nfds; i++)
		if (r->fds[i].revents)
			r->feeds[r->fd_feeds[i - WAIT_JOURNALS]].due = true;
	return r->fds[WAIT_LINK].revents != 0;
}

/* Nothing is unanswered, and it says something: that it ends, or why it will not go on. */
static int hear_unasked(struct run *r, struct err *err) {
	enum link_type type;
	uint64_t seq;

	return uplink_answer(&r->up, &type, &seq, err) < 0
	           ? -1
	           : err_set(err, ERR_INPUT, "link: an answer to nothing that was asked");
}

/* Rests until there may be something to read, or to send. */
static int rest(struct run *r, int64_t look_at, int64_t anew_at, struct err *err) {
	bool moved = has_moved(r) && !batch_has_events(r);
	int64_t at = look_at, now;
	int result;

	if (moved)
		sooner(&at, r->flushed + MOVED_EVERY);
	if (r->p->beat)
		sooner(&at, r->alive + r->p->beat);
	sooner(&at, anew_at);
	result = wait(r, at, err);
	if (result > 0)
		return r->unanswered > 0 ? batch_listen(r, err) : hear_unasked(r, err);
	now = milliseconds();
	if (result == 0 && moved && now >= r->flushed + MOVED_EVERY)
		result = send_round(r, err);
	if (result == 0 && r->p->beat && now >= r->alive + r->p->beat) {
		result = batch_settle(r, err);
		if (result == 0 && !batch_has_events(r))
			result = ask(r, err);
		if (result == 0)
			follow_beat(r);
	}
	return result;
}

static int64_t anew_at(const struct run *r) {
	int64_t pause = r->opening * ANEW_SHARE;

	return r->opened + (pause < ANEW_LONGEST ? pause : ANEW_LONGEST);
}

/* Is there nothing to do before something happens? */
static bool is_idle(struct run *r) {
	if (batch_has_events(r))
		return r->unanswered >= r->most_unanswered;
	for (uint32_t i = 0; i < r->nfeeds; i++)
		if (r->feeds[i].due)
			return false;
	return true;
}

/* Rounded up: together no fewer than those by which the pace is told. */
static uint64_t turn_of(uint64_t lines, uint32_t logs) {
	uint64_t turn = (lines + logs - 1) / logs;

	return turn > TURN_MIN ? turn : TURN_MIN;
}

/* Reads what is due into the batch at hand, and sends it. What came in a log that is not behind goes first; the lines of those that are behind are read
 * while the enforcer is busy, and wait for their turn in the batch at hand: with what comes meanwhile. */
static int advance(struct run *r, struct due due, struct err *err) {
	bool beside = due.behind > 0 && due.beside > 0;
	uint64_t pace = beside && r->pace > TURN_BESIDE ? TURN_BESIDE : r->pace;
	int result = 0;

	r->pace_aim = beside ? AIM_BESIDE : AIM_ALONE;
	r->most_unanswered = beside ? 1 : UNANSWERED_MAX;
	if (due.live > 0)
		result = run_round(r, false, turn_of(pace, due.live), err);
	if (result == 0)
		result = batch_listen(r, err);
	if (result == 0 && r->unanswered < r->most_unanswered)
		result = send_round(r, err);
	if (result == 0 && due.behind > 0 && !batch_has_events(r))
		result = run_round(r, true, turn_of(pace, due.behind), err);
	return result;
}

int run_follow(struct run *r, struct err *err) {
	int64_t every = watch_is_blind(r->watch) ? LOOK_BLIND : LOOK_EVERY;
	int64_t look_at = milliseconds() + every;
	bool anew = false, places = false;
	int result = 0;

	while (result == 0 && !run_stopped(r)) {
		struct due due = look(r, &anew);

		run_show(r);
		result = advance(r, due, err);
		/* Before it is let go, each log was read on: what is open can be read though its name is gone. */
		if (result == 0 && anew && milliseconds() >= anew_at(r)) {
			result = batch_flush(r, err);
			if (result == 0)
				result = batch_settle(r, err);
			return result == 0 ? RUN_ANEW : result;
		}
		if (result == 0 && is_idle(r) && !run_stopped(r))
			result = rest(r, look_at, anew ? anew_at(r) : INT64_MAX, err);
		if (result == 0)
			result = watch_take(r->watch, is_due, r, &places, err);
		if (result == 0 && (places || milliseconds() >= look_at)) {
			look_at = milliseconds() + every;
			all_due(r);
			/* A folder may have come that is to be watched, and the log in it may come later. */
			if (follow_places(r, err) < 0 || follow_logs(r, err) < 0)
				result = -1;
			anew = anew || source_set_differs(r->set);
		}
	}
	if (result == 0)
		result = batch_flush(r, err);
	return result == 0 ? batch_settle(r, err) : result;
}
