#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/timefmt.h"

#include "enforcer/projection_private.h"
#include "enforcer/publish.h"
#include "enforcer/stream.h"

#define RETRY_FIRST 1000 /* milliseconds */
#define RETRY_LAST  60000
#define FILES_EVERY 1000 /* milliseconds between two writes of the files for batches */

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
	*out = (struct projection_problems){p->firewall.text, p->files.text, p->firewall.since, p->files.since};
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

static int follow_firewall(struct enforcer *e, bool now, struct err *err) {
	struct projection *p = e->projection;
	int result;

	if (!has_firewall(e)) {
		p->replace = false;
		return done(&p->firewall);
	}
	if (!p->firewall.due || (!now && waits(&p->firewall)))
		return 0;
	if (!p->fw && firewall_open(&p->fw, e->conf, err) < 0)
		return failed(&p->firewall, err);
	result = p->replace ? projection_replace(e, err) : projection_change(e, err);
	return result < 0 ? failed(&p->firewall, err) : done(&p->firewall);
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

static int follow_files(struct enforcer *e, bool now, bool locks_off, struct err *err) {
	struct projection *p = e->projection;
	int64_t shape = shape_of(e->conf, locks_off), former;

	if (!now && (waits(&p->files) || monotonic_ms() < p->files_at + FILES_EVERY)) {
		p->files.due = true;
		return 0;
	}
	if (store_number(e->store, SHAPE, &former, err) < 0)
		return failed(&p->files, err);
	if (publish(e->store, e->judge, e->conf, p->all || former != shape, clock_now(), NULL, err) < 0 ||
	    (former != shape && note_shape(e, shape, err) < 0))
		return failed(&p->files, err);
	p->all = false;
	p->files_at = monotonic_ms();
	return done(&p->files);
}

/* ---- the public calls ---- */

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

int projection_follow(struct enforcer *e, bool now, struct err *err) {
	struct projection *p = e->projection;
	bool asked = p->asked, locks_off;
	struct err files;
	int result;

	if (e->options.dry_run)
		return 0;
	p->asked = false;
	if (see_mode(e, &locks_off, err) < 0)
		return failed(&p->files, err);
	/* The firewall first: the files clear the mark by which a kill between the two would be noticed. */
	result = follow_firewall(e, now, err);
	if (follow_files(e, now, locks_off, &files) < 0) {
		*err = files;
		return -1;
	}
	/* A firewall that failed before fails those commands only that need it. */
	return asked ? result : 0;
}

int projection_sync(struct enforcer *e, bool everything, struct err *err) {
	struct projection *p = e->projection;
	struct unpublished u;
	bool locks_off;
	uint64_t mark;
	int current = 0;

	if (e->options.dry_run)
		return 0;
	if (see_mode(e, &locks_off, err) < 0 || store_unpublished(e->store, &u, err) < 0 ||
	    projection_stamp(e, &mark, err) < 0)
		return failed(&p->files, err);
	if (has_firewall(e) && !everything && !u.bans && (p->fw || firewall_open(&p->fw, e->conf, err) == 0))
		current = firewall_is_current(p->fw, mark, err);
	p->replace = p->firewall.due = p->asked = has_firewall(e) && current != 1;
	p->all = everything || !publish_is_current(e->store, e->conf);
	return projection_follow(e, true, err);
}

int projection_wait(const struct enforcer *e) {
	const struct projection *p = e->projection;
	int64_t now = monotonic_ms(), wait = INT64_MAX;

	if (e->options.dry_run)
		return -1;
	if (p->firewall.due)
		wait = p->firewall.at;
	if (p->files.due) {
		int64_t at = p->files.at ? p->files.at : p->files_at + FILES_EVERY;

		wait = at < wait ? at : wait;
	}
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
	struct err ignored; /* kept in the halves */

	(void)projection_follow(e, false, &ignored);
}
