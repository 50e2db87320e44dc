#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/timefmt.h"

#include "enforcer/projection_private.h"
#include "enforcer/publish.h"
#include "enforcer/publish_tokens.h"
#include "enforcer/stream.h"

#define RETRY_FIRST  1000 /* milliseconds */
#define RETRY_LAST   60000
#define FILES_EVERY  1000   /* milliseconds between two writes of the files for batches, at least, */
#define FILES_LAST   10000  /* and at most: */
#define FILES_SHARE  4      /* a backlog that changes every file spends no more than a fifth of the time on them */
#define BANS_SHARE   100    /* the same for the list of bans, which others wait for while it is written */
#define FILES_SLICE  5      /* milliseconds of writing before others have their turn */
#define REPAIR_EVERY 500    /* milliseconds: who changes the table all the time does not keep us from all else */
#define COUNT_EVERY  300000 /* milliseconds between two looks at what the kernel counted, if nobody asks */
#define COUNT_SHARE  20     /* reading counters takes no more than a 20th of the time, however often somebody asks */

#define SHAPE "lockstate.shape" /* a number of the state */

int projection_new(struct projection **out, struct err *err) {
	struct projection *p = calloc(1, sizeof(*p));

	if (!p)
		return err_errno(err, "projection");
	p->replace = true;
	*out = p;
	return 0;
}

void projection_release(struct projection *p) {
	if (p->fw) {
		p->noted = firewall_note(p->fw);
		p->has_noted = true;
	}
	firewall_close(&p->fw);
	p->replace = true;
}

void projection_free(struct projection **p) {
	if (!*p)
		return;
	firewall_close(&(*p)->fw);
	free(*p);
	*p = NULL;
}

static int failed(struct half *h, const struct err *err) {
	if (!h->text[0])
		h->since = clock_now();
	(void)slice_copy(slice_of(err->text), h->text, sizeof(h->text));
	h->due = true;
	h->wait = h->wait == 0 ? RETRY_FIRST : h->wait * 2 > RETRY_LAST ? RETRY_LAST : h->wait * 2;
	h->at = monotonic_ms() + h->wait;
	return -1;
}

static int done(struct half *h) {
	*h = (struct half){0};
	return 0;
}

static bool waits(const struct half *h) {
	return h->at && monotonic_ms() < h->at;
}

void projection_problems(const struct projection *p, struct projection_problems *out) {
	*out = (struct projection_problems){p->firewall.text,  p->files.text,  p->tokens.text,
	                                    p->firewall.since, p->files.since, p->tokens.since};
}

static bool has_firewall(const struct enforcer *e) {
	return !e->options.dry_run && e->conf->firewall.backend == BACKEND_NFTABLES;
}

/* Watching and pausing lift every ban, and their end brings them back. */
static int see_mode(struct enforcer *e, bool *locks_off, struct err *err) {
	struct projection *p = e->projection;
	bool bans, locks, off;
	int64_t now = clock_now();

	if (judge_paused(e->judge, now, &bans, &locks, err) < 0 ||
	    store_number(e->store, "pause.until", &p->pause_until, err) < 0)
		return -1;
	if (!bans || p->pause_until <= now)
		p->pause_until = 0;
	off = bans || e->conf->mode == MODE_WATCH;
	if (off != p->bans_off) {
		p->bans_off = off;
		p->replace = p->firewall.due = true;
	}
	*locks_off = locks;
	return 0;
}

/* Somebody else is making the table other than the state says. Once, until it is mended. */
static void note_drift(struct enforcer *e) {
	struct projection *p = e->projection;
	int64_t next = p->repaired + REPAIR_EVERY;

	if (!p->replace && !p->firewall.text[0]) {
		p->drift++;
		e->options.say(e->options.context, "firewall: somebody else changed the table: it is made anew");
	}
	p->replace = p->hurry = p->firewall.due = true;
	p->firewall.at = p->repaired && next > monotonic_ms() ? next : 0;
}

/* Not all was heard: the table itself tells. */
static void look_again(struct enforcer *e) {
	struct projection *p = e->projection;
	enum firewall_standing standing = FIREWALL_GONE;
	bool same = false;
	struct err ignored;
	uint64_t mark;

	if (projection_stamp(e, &mark, &ignored) < 0 || firewall_check(p->fw, mark, NULL, &standing, &ignored) < 0)
		return;
	if (standing == FIREWALL_ELEMENTS && (projection_count(e, &same, &ignored) < 0 || same))
		return;
	note_drift(e);
}

static int follow_firewall(struct enforcer *e, bool now, struct err *err) {
	struct projection *p = e->projection;
	int64_t begin;
	int result;

	if (!has_firewall(e)) {
		p->replace = false;
		return done(&p->firewall);
	}
	if (!p->firewall.due || (!now && waits(&p->firewall)))
		return 0;
	if (!p->fw && firewall_open(&p->fw, e->conf, err) < 0)
		return failed(&p->firewall, err);
	if (p->drift > 0 && p->replace)
		p->repaired = monotonic_ms();
	begin = meter_clock();
	result = p->replace ? projection_replace(e, err) : projection_change(e, err);
	meter_add(&e->meter, METER_NETLINK, meter_clock() - begin, 1);
	if (result < 0)
		return failed(&p->firewall, err);
	(void)done(&p->firewall);
	if (firewall_hear(p->fw) == FIREWALL_UNSURE)
		look_again(e);
	return 0;
}

/* ---- the files follow ---- */

/* All of the configuration and the mode that shapes every line of the files. */
static int64_t shape_of(const struct conf *conf, bool locks_off) {
	uint64_t hash = hash_bytes(0, conf->lockstate.path, strlen(conf->lockstate.path) + 1);

	hash = hash_bytes(hash, conf->lockstate.group, strlen(conf->lockstate.group) + 1);
	hash = hash_bytes(hash, &conf->lockstate.mode, sizeof(conf->lockstate.mode));
	hash = hash_bytes(hash, &conf->lockstate.shards, sizeof(conf->lockstate.shards));
	hash = hash_bytes(hash, &conf->mode, sizeof(conf->mode));
	hash = hash_bytes(hash, &conf->devices.unlisted_open, sizeof(conf->devices.unlisted_open));
	hash = hash_bytes(hash, &conf->devices.new_for, sizeof(conf->devices.new_for));
	hash = hash_bytes(hash, &conf->devices.same_network.bits4, sizeof(conf->devices.same_network.bits4));
	hash = hash_bytes(hash, &conf->devices.same_network.bits6, sizeof(conf->devices.same_network.bits6));
	hash = hash_bytes(hash, &locks_off, sizeof(locks_off));
	return (int64_t)(hash >> 1); /* numbers of the state are compared by difference */
}

static int note_shape(struct enforcer *e, int64_t shape, struct err *err) {
	if (store_begin(e->store, err) < 0)
		return -1;
	if (store_set_number(e->store, SHAPE, shape, err) < 0 || store_commit(e->store, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	return 0;
}

/* till 0 and only NULL: all of it. What is left is taken up by projection_tick. */
static int write_files(struct enforcer *e, bool locks_off, const struct unpublished *only, int64_t till,
                       struct err *err) {
	struct projection *p = e->projection;
	int64_t shape = shape_of(e->conf, locks_off), former, begin;
	struct publish_order order = {.all = p->all, .only = only, .till = till, .now = clock_now()};
	struct published sum;

	if (store_number(e->store, SHAPE, &former, err) < 0)
		return failed(&p->files, err);
	order.all = order.all || former != shape;
	begin = meter_clock();
	if (publish(e->store, e->judge, e->conf, &order, &sum, err) < 0 ||
	    (former != shape && note_shape(e, shape, err) < 0))
		return failed(&p->files, err);
	if (sum.files > 0)
		meter_add(&e->meter, METER_PUBLISH, meter_clock() - begin, 1);
	p->all = false;
	if (!sum.left)
		return done(&p->files);
	p->files.due = true; /* a problem stands until all is written */
	return 0;
}

/* When to write again, after so many milliseconds were spent. */
static int64_t next_after(int64_t spent, int64_t share) {
	int64_t rest = spent * share;

	return monotonic_ms() + (rest < FILES_EVERY ? FILES_EVERY : rest > FILES_LAST ? FILES_LAST : rest);
}

static bool has_lines(const struct unpublished *u) {
	return u->common || memchr(u->shard, 1, sizeof(u->shard));
}

/* The list of bans is one file however many they are, and cannot be written in slices. */
static int follow_bans(struct enforcer *e, bool locks_off, struct err *err) {
	static const struct unpublished bans = {.bans = true};
	int64_t begin = monotonic_ms();
	int result = write_files(e, locks_off, &bans, 0, err);

	e->projection->bans_next = next_after(monotonic_ms() - begin, BANS_SHARE);
	return result;
}

static int follow_lines(struct enforcer *e, bool locks_off, const struct unpublished *due, struct err *err) {
	struct projection *p = e->projection;
	int64_t begin = monotonic_ms();
	struct unpublished lines = *due, left;
	int result;

	lines.bans = false;
	/* With nothing due it is looked whether the files are there. */
	result = write_files(e, locks_off, has_lines(due) || due->bans ? &lines : NULL, begin + FILES_SLICE, err);
	p->files_spent += monotonic_ms() - begin;
	if (result < 0 || store_unpublished(e->store, &left, err) < 0)
		return -1;
	if (!has_lines(&left)) {
		p->files_next = next_after(p->files_spent, FILES_SHARE);
		p->files_spent = 0;
	}
	return 0;
}

/* For batches: now and then, and never for so long that a command waits for it. */
static int follow_files(struct enforcer *e, bool locks_off, struct err *err) {
	struct projection *p = e->projection;
	int64_t now = monotonic_ms();
	struct unpublished due;
	int result = 0;

	if (store_unpublished(e->store, &due, err) < 0)
		return failed(&p->files, err);
	if (!waits(&p->files) && now >= p->files_next)
		result =
			due.bans && now >= p->bans_next ? follow_bans(e, locks_off, err) : follow_lines(e, locks_off, &due, err);
	if (result < 0 || store_unpublished(e->store, &due, err) < 0)
		return -1;
	p->files.due = p->files.due || has_lines(&due) || due.bans;
	p->files_wake = has_lines(&due) || p->bans_next < p->files_next ? p->files_next : p->bans_next;
	return 0;
}

/* ---- the tokens follow ---- */

void projection_tokens_changed(struct enforcer *e) {
	e->projection->tokens.due = e->projection->tokens_asked = true;
}

static int follow_tokens(struct enforcer *e, bool now, struct err *err) {
	struct projection *p = e->projection;

	if (!p->tokens.due || (!now && waits(&p->tokens)))
		return 0;
	return publish_tokens(e->store, e->conf, clock_now(), err) < 0 ? failed(&p->tokens, err) : done(&p->tokens);
}

/* ---- what an enforcer leaves to the next ---- */

/* Numbers of a rule set compare within one life of the machine and one network namespace alone. */
static int64_t this_place(void) {
	char boot[64] = "";
	struct stat space = {.st_ino = 0};
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	uint64_t hash;

	if (file) {
		if (!fgets(boot, sizeof(boot), file))
			boot[0] = '\0';
		(void)fclose(file);
	}
	(void)stat("/proc/self/ns/net", &space);
	hash = hash_bytes(0, boot, strlen(boot));
	return (int64_t)(hash_bytes(hash, &space.st_ino, sizeof(space.st_ino)) >> 1);
}

/* What the former left, and whether it was here. */
static int recall(struct enforcer *e, struct firewall_noted *out, bool *here, struct err *err) {
	struct projection *p = e->projection;
	int64_t number, digest, place;

	if (store_number(e->store, PROJECTION_NUMBER, &number, err) < 0 ||
	    store_number(e->store, PROJECTION_DIGEST, &digest, err) < 0 ||
	    store_number(e->store, PROJECTION_PLACE, &place, err) < 0)
		return -1;
	*here = place == this_place();
	*out = (struct firewall_noted){*here ? (uint32_t)number : 0, *here ? (uint64_t)digest : 0};
	if (p->has_noted)
		*out = p->noted;
	p->has_noted = false;
	return 0;
}

static int leave(struct enforcer *e, struct err *err) {
	int64_t number = firewall_note(e->projection->fw).number, place = this_place(), former, former_place;

	if (store_number(e->store, PROJECTION_NUMBER, &former, err) < 0 ||
	    store_number(e->store, PROJECTION_PLACE, &former_place, err) < 0)
		return -1;
	if (former == number && former_place == place)
		return 0;
	if (store_begin(e->store, err) < 0)
		return -1;
	if (store_set_number(e->store, PROJECTION_NUMBER, number, err) < 0 ||
	    store_set_number(e->store, PROJECTION_PLACE, place, err) < 0 || store_commit(e->store, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	return 0;
}

/* ---- the public calls ---- */

/* Is the kernel's table what the state says? 1, 0, -1. */
static int see_firewall(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	enum firewall_standing standing;
	struct firewall_noted noted;
	bool here, same = true;
	uint64_t mark;

	if ((!p->fw && firewall_open(&p->fw, e->conf, err) < 0) || projection_stamp(e, &mark, err) < 0 ||
	    recall(e, &noted, &here, err) < 0 || firewall_check(p->fw, mark, &noted, &standing, err) < 0)
		return -1;
	if (standing == FIREWALL_ELEMENTS && projection_count(e, &same, err) < 0)
		return -1;
	if ((standing == FIREWALL_ALTERED || standing == FIREWALL_GONE) && here && noted.digest != 0)
		p->drift++;
	return standing == FIREWALL_CURRENT || (standing == FIREWALL_ELEMENTS && same);
}

void projection_heard(struct enforcer *e) {
	struct projection *p = e->projection;
	enum firewall_heard heard = p->fw ? firewall_hear(p->fw) : FIREWALL_UNTOUCHED;

	if (heard == FIREWALL_TOUCHED && !(p->replace && p->firewall.due && p->firewall.at == 0))
		note_drift(e);
	else if (heard == FIREWALL_UNSURE && !p->firewall.due)
		look_again(e);
}

int projection_fd(const struct enforcer *e) {
	return e->projection->fw ? firewall_fd(e->projection->fw) : -1;
}

void projection_host_changed(struct enforcer *e) {
	if (has_firewall(e))
		e->projection->replace = e->projection->firewall.due = true;
}

static bool may_count(const struct enforcer *e, int64_t every) {
	const struct projection *p = e->projection;
	int64_t rest = p->count_cost * COUNT_SHARE;

	return has_firewall(e) && p->fw && !p->replace && !p->firewall.due &&
	       (p->counted == 0 || monotonic_ms() >= p->counted + (rest > every ? rest : every));
}

void projection_counts(struct enforcer *e) {
	struct err ignored; /* then the counts are older */

	if (may_count(e, 0))
		(void)projection_count(e, NULL, &ignored);
}

void projection_look(struct enforcer *e, struct ban *ban) {
	struct firewall_entry had;
	struct err ignored;

	if (has_firewall(e) && e->projection->fw && !ban->pending && ban->kind != BAN_ALLOW &&
	    firewall_look(e->projection->fw, ban->kind == BAN_BAN ? FIREWALL_BAN : FIREWALL_BLOCK, ban->at, &had,
	                  &ignored) == 1 &&
	    had.packets > ban->packets) {
		ban->packets = had.packets;
		ban->bytes = had.bytes;
	}
}

int projection_leave(struct enforcer *e, struct err *err) {
	if (!has_firewall(e) || !e->projection->fw)
		return 0;
	if (!e->options.once && may_count(e, 0) && projection_count(e, NULL, err) < 0)
		return -1;
	return leave(e, err);
}

int projection_prepare(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct unpublished u;
	int64_t generation;

	p->asked = false;
	if (!has_firewall(e))
		return 0;
	if (store_unpublished(e->store, &u, err) < 0)
		return -1;
	if (!u.bans)
		return 0;
	if (store_number(e->store, PROJECTION_GENERATION, &generation, err) < 0 ||
	    store_set_number(e->store, PROJECTION_GENERATION, generation + 1, err) < 0)
		return -1;
	p->asked = p->firewall.due = true;
	return 0;
}

/* touched: of the files these parts alone, at once; NULL: all that is due, at once or, without `now`, when it is time. */
static int follow(struct enforcer *e, bool now, const struct unpublished *touched, struct err *err) {
	struct projection *p = e->projection;
	bool asked = p->asked, tokens_asked = p->tokens_asked, locks_off;
	struct err files, tokens;
	int result, written = 0, shown;

	if (e->options.dry_run)
		return 0;
	p->asked = p->tokens_asked = false;
	if (see_mode(e, &locks_off, err) < 0)
		return failed(&p->files, err);
	/* The firewall first: the files clear the mark by which a kill between the two would be noticed. */
	result = follow_firewall(e, now, err);
	if (now)
		written = write_files(e, locks_off, touched, 0, &files);
	else
		written = follow_files(e, locks_off, &files);
	shown = follow_tokens(e, now, &tokens);
	if (written < 0 || (tokens_asked && shown < 0)) {
		*err = written < 0 ? files : tokens;
		return -1;
	}
	/* A firewall that failed before fails those commands only that need it. */
	return asked ? result : 0;
}

int projection_follow(struct enforcer *e, bool now, struct err *err) {
	return follow(e, now, NULL, err);
}

void projection_later(struct enforcer *e) {
	struct projection *p = e->projection;
	int64_t at = monotonic_ms() + FILES_LAST;

	if (e->options.dry_run)
		return;
	p->files.due = true;
	p->files_next = p->files_wake = p->files_next < at ? at : p->files_next;
}

int projection_answer(struct enforcer *e, struct err *err) {
	struct unpublished touched;

	store_touched(e->store, &touched);
	return follow(e, true, &touched, err);
}

int projection_sync(struct enforcer *e, bool everything, struct err *err) {
	struct projection *p = e->projection;
	struct unpublished u;
	bool locks_off;
	int current = 0;

	if (e->options.dry_run)
		return 0;
	if (see_mode(e, &locks_off, err) < 0 || store_unpublished(e->store, &u, err) < 0)
		return failed(&p->files, err);
	if (has_firewall(e) && !everything && !u.bans)
		current = see_firewall(e, err);
	p->replace = p->firewall.due = p->asked = has_firewall(e) && current != 1;
	p->all = everything || !publish_is_current(e->store, e->conf);
	p->tokens.due = true;
	return projection_follow(e, true, err);
}

int projection_wait(const struct enforcer *e) {
	const struct projection *p = e->projection;
	int64_t now = monotonic_ms(), wait = INT64_MAX;

	if (e->options.dry_run)
		return -1;
	if (p->counted && has_firewall(e) && !e->options.once)
		wait = p->counted + COUNT_EVERY;
	if (p->firewall.due && p->firewall.at < wait)
		wait = p->firewall.at;
	if (p->files.due) {
		int64_t at = p->files.at ? p->files.at : p->files_wake;

		wait = at < wait ? at : wait;
	}
	if (p->tokens.due && p->tokens.at < wait)
		wait = p->tokens.at;
	if (wait != INT64_MAX)
		wait = wait > now ? wait - now : 0;
	if (p->pause_until) {
		int64_t left = p->pause_until - clock_now();

		left = left > 0 ? left * 1000 : 0;
		wait = left < wait ? left : wait;
	}
	return wait == INT64_MAX ? -1 : wait > INT32_MAX ? INT32_MAX : (int)wait;
}

void projection_tick(struct enforcer *e) {
	struct projection *p = e->projection;
	struct err ignored; /* kept in the halves */

	if (p->counted && !e->options.once && may_count(e, COUNT_EVERY))
		(void)projection_count(e, NULL, &ignored);
	else if (p->counted && monotonic_ms() >= p->counted + COUNT_EVERY)
		p->counted = monotonic_ms(); /* another time */
	(void)projection_follow(e, false, &ignored);
}
