#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/home.h"
#include "enforcer/judge_private.h"

#define REMOVED_LISTED (30 * (int64_t)DAY) /* a removed device stays in the lock-state file for so long */
#define DUE_PAGE       64
#define DETAIL_MAX     1024
#define LINE_MAX_BYTES 4096        /* a device's line: 20 homes of up to 50 bytes, account, words */
#define RECORD_ROOM    (256 << 10) /* bytes that are made at once where the record is full */

/* What the record uses for what happened. */
static const char *const record_words[] = {
	"learned",       "locked",        "unlocked",        "moved",         "exposed",  "held",
	"suspected",     "home-added",    "home-dropped",    "stale",         "created",  "changed",
	"removed",       "customised",    "cascaded",        "banned",        "extended", "pending",
	"spared",        "reported",      "unbanned",        "blocked",       "allowed",  "window-opened",
	"window-closed", "network-added", "network-removed", "imported",      "cleared",  "paused",
	"resumed",       "recovered",     "token-added",     "token-revoked", NULL,
};

int judge_new(struct judge **out, struct store *store, const struct conf *conf, const struct never *never,
              struct err *err) {
	struct judge *j = calloc(1, sizeof(*j));

	if (!j)
		return err_set(err, ERR_SYSTEM, "out of memory");
	j->store = store;
	j->conf = conf;
	j->never = never;
	store_set_conf(store, conf);
	if (store_number(store, "time", &j->now, err) < 0 || trigger_init(j, err) < 0) {
		free(j);
		return -1;
	}
	*out = j;
	return 0;
}

void judge_free(struct judge **judge) {
	if (!judge || !*judge)
		return;
	trigger_release(*judge);
	free(*judge);
	*judge = NULL;
}

int64_t judge_time(const struct judge *j) {
	return j->now;
}

const struct judge_sums *judge_sums(const struct judge *j) {
	return &j->sums;
}

static bool home_is_unused(const void *context, const struct home *home) {
	const int64_t *before = context;

	return home->kind == HOME_POLL && home->used < *before;
}

/* From here on the MAC is not listed: the record says so, for verdicts about the past. */
static int device_forget(struct judge *j, const struct device *d, struct err *err) {
	struct record r = {
		.time = j->now,
		.what = "removed",
		.mac = d->mac,
		.account = slice_of(d->account),
		.detail = slice_of("no longer listed"),
		.line = slice_of(RECORD_UNLISTED),
		.uid = -1,
	};

	if (store_device_delete(j->store, d->mac, err) < 0)
		return -1;
	return store_record_add(j->store, &r, err);
}

/* What time alone does to one device. Disuse is no change of state: an event that comes late is judged by what is left. */
static int device_due(struct judge *j, uint64_t mac, int64_t time, struct err *err) {
	int64_t before = time - HOME_UNUSED;
	struct device d;
	uint32_t dropped;
	int found = store_device(j->store, mac, &d, err);

	if (found <= 0)
		return found;
	if (d.removed != TIME_NONE)
		return device_forget(j, &d, err);
	dropped = home_drop(&d.homes, home_is_unused, &before);
	if (store_device_put(j->store, &d, err) < 0)
		return -1;
	return judge_record(j, NULL, NULL, "home-dropped", &d, NULL, "9", err, "%u unused for 30d", dropped);
}

static int record_trim(struct judge *j, int64_t max, struct err *err) {
	return store_record_trim(j->store, j->now - j->now % HOUR - j->conf->record.keep, max, err);
}

/* At each full hour of state time, so that what is due depends on the order of events alone and costs one look-up an hour. */
static int judge_hour(struct judge *j, int64_t hour, struct err *err) {
	uint64_t macs[DUE_PAGE];
	uint32_t n;

	do {
		if (store_devices_due(j->store, hour - HOME_UNUSED, hour - REMOVED_LISTED, macs, DUE_PAGE, &n, err) < 0)
			return -1;
		for (uint32_t i = 0; i < n; i++)
			if (device_due(j, macs[i], hour, err) < 0)
				return -1;
	} while (n == DUE_PAGE);
	if (store_seen(j->store, err) < 0)
		return -1;
	return record_trim(j, j->conf->record.max, err);
}

int judge_advance(struct judge *j, int64_t time, struct err *err) {
	int64_t hour = time - time % HOUR;
	bool passed = hour > j->now;

	if (time <= j->now)
		return 0;
	j->now = time;
	store_set_time(j->store, time); /* what changes from here on is stamped with it */
	if (passed && judge_hour(j, hour, err) < 0)
		return -1;
	return ban_advance(j, time, err);
}

int judge_event(struct judge *j, const struct event *e, struct slice log, struct err *err) {
	struct event own = *e;
	struct facts f;

	j->log = log;
	if (judge_advance(j, e->time, err) < 0 || facts_gather(j, &own, &f, err) < 0)
		return -1;
	own.kind = facts_claim(j, &f);
	j->sums.events[own.kind]++;
	if (lock_event(j, &f, err) < 0 || trigger_event(j, &f, err) < 0)
		return -1;
	/* Last: triggers ask who was known before the event. */
	if (own.kind == EVENT_SIP_REGISTERED && own.proof != PROOF_NONE &&
	    store_registered_put(j->store, own.user, own.realm, f.has_device ? f.device.mac : MAC_NONE, own.ip, own.time,
	                         err) < 0)
		return -1;
	return 0;
}

int judge_flush(struct judge *j, struct err *err) {
	if (trigger_flush(j, err) < 0 || store_set_number(j->store, "time", j->now, err) < 0)
		return -1;
	j->flushed = j->sums;
	return 0;
}

void judge_forget(struct judge *j) {
	struct err ignored;

	j->sums = j->flushed;
	j->quiet.missed = 0;
	/* A store that cannot even be read fails the next event in turn. */
	if (store_number(j->store, "time", &j->now, &ignored) < 0)
		j->now = 0;
	trigger_forget(j);
}

static bool record_word(const char *what) {
	for (const char *const *word = record_words; *word; word++)
		if (strcmp(*word, what) == 0)
			return true;
	return false;
}

static void record_cause(const struct judge *j, const struct facts *f, const struct order *o, struct record *r) {
	r->time = j->now;
	r->uid = -1;
	if (f) {
		r->time = f->e->time;
		r->log = j->log;
		r->offset = f->e->offset;
		r->evidence = f->e->line;
	} else if (o) {
		r->time = o->time;
		r->uid = o->uid;
		r->actor = o->actor;
		r->reason = o->reason;
	}
}

/* An hour of events may tell of more than the record may hold. */
static int record_add(struct judge *j, const struct record *r, struct err *err) {
	int64_t bytes;

	if (store_record_add(j->store, r, err) < 0 || store_number(j->store, "record.bytes", &bytes, err) < 0)
		return -1;
	return bytes > j->conf->record.max ? record_trim(j, j->conf->record.max - RECORD_ROOM, err) : 0;
}

int judge_record(struct judge *j, const struct facts *f, const struct order *o, const char *what,
                 const struct device *d, const struct prefix *ip, const char *rule, struct err *err, const char *detail,
                 ...) {
	struct record r = {.what = what, .mac = MAC_NONE, .rule = slice_of(rule)};
	char text[DETAIL_MAX];
	struct buf line;
	va_list arguments;
	int result;

	assert(record_word(what));
	va_start(arguments, detail);
	(void)vsnprintf(text, sizeof(text), detail, arguments);
	va_end(arguments);
	r.detail = slice_of(text);
	record_cause(j, f, o, &r);
	if (ip)
		r.ip = *ip;
	buf_init(&line, LINE_MAX_BYTES);
	if (d) {
		r.mac = d->mac;
		r.account = slice_of(d->account);
		device_line(d, j->conf, &line);
		r.line = (struct slice){line.p, line.n};
	}
	result = line.failed ? err_set(err, ERR_SYSTEM, "out of memory") : record_add(j, &r, err);
	if (result == 0 && !o)
		result = judge_hook(j, &r, d, err);
	buf_release(&line);
	return result;
}
