#include <stdio.h>

#include "common/timefmt.h"
#include "enforcer/judge_private.h"

/* Bans are decided and recorded alike in `mode: watch` and while paused: what is installed of them is the projection's to say, so
 * that the state does not depend on it. */

#define REMEMBERED     ((int64_t)7 * DAY) /* a ban counts for the next one's level so long after its end */
#define CARRIER        3                  /* an address with devices of so many accounts is nobody's alone */
#define PAGE           64
#define NUMBER_MINUTE  "bans.minute"
#define NUMBER_MADE    "bans.made"          /* proven ones, in that minute */
#define NUMBER_FORGED  "bans.made.unproven" /* unproven ones, in that minute */
#define NUMBER_WAITING "bans.waiting"       /* not 0: some are pending */
#define NUMBER_DROPPED "bans.dropped"       /* minute in which a dropped ban was reported last */
#define NUMBER_DAY     "bans.day"           /* day on which old bans were forgotten last */

/* ---- who is never banned ---- */

const char *judge_never(const struct judge *j, struct prefix p) {
	const char *why = conf_never_why(j->conf, p);

	return why || !j->never ? why : j->never->why(j->never->context, p);
}

static bool is_peer(const struct conf *conf, struct prefix p) {
	for (uint32_t i = 0; i < conf->firewall.npeers; i++)
		if (prefix_overlaps(conf->firewall.peers[i], p))
			return true;
	return false;
}

struct overlap {
	struct prefix at;
	int64_t time;
	bool found;
};

static int window_overlaps(void *context, const struct window *w) {
	struct overlap *o = context;

	o->found = o->found || (w->start <= o->time && prefix_overlaps(w->at, o->at));
	return 0;
}

static int network_overlaps(void *context, const struct network *n) {
	struct overlap *o = context;

	o->found = o->found || prefix_overlaps(n->at, o->at);
	return 0;
}

static int is_window(struct judge *j, struct prefix at, int64_t time, bool *open, struct err *err) {
	struct overlap o = {at, time, false};

	if (store_windows(j->store, time, false, window_overlaps, &o, err) < 0)
		return -1;
	*open = o.found;
	return 0;
}

int ban_is_inhabited(struct judge *j, struct prefix p, int64_t time, bool *inhabited, struct err *err) {
	struct overlap o = {p, time, false};
	struct residents residents;
	int registered = store_registered_within(j->store, p, time, err);

	if (registered < 0 || store_residents_within(j->store, p, time, &residents, err) < 0 ||
	    store_windows(j->store, time, false, window_overlaps, &o, err) < 0 ||
	    store_networks(j->store, NULL, false, network_overlaps, &o, err) < 0)
		return -1;
	*inhabited = o.found || registered || residents.devices > 0 || judge_never(j, p) || is_peer(j->conf, p);
	return 0;
}

/* Who lives there: all homes that are compared as equal to the address, and all within the prefix that the ban would drop. */
static int residents_of(struct judge *j, struct prefix at, int64_t time, struct residents *out, struct err *err) {
	struct residents within;

	if (store_residents(j->store, j->conf, at.base, time, out, err) < 0)
		return -1;
	if (at.bits == 128)
		return 0;
	if (store_residents_within(j->store, at, time, &within, err) < 0)
		return -1;
	if (within.devices > out->devices)
		out->devices = within.devices;
	if (within.counted > out->counted)
		out->counted = within.counted;
	if (within.accounts > out->accounts)
		out->accounts = within.accounts;
	return 0;
}

/* Why no trigger may ban the address, NULL where it may. */
static int ban_spared(struct judge *j, struct prefix at, const struct facts *f, bool one_device, const char **why,
                      struct err *err) {
	int64_t time = f->e->time;
	struct residents residents;
	struct ban allow;
	int allowed = store_ban_of(j->store, BAN_ALLOW, prefix_has(at, f->e->ip) ? f->e->ip : at.base, time, &allow, err);
	bool open, inhabited;

	if (allowed < 0 || is_window(j, at, time, &open, err) < 0 || residents_of(j, at, time, &residents, err) < 0)
		return -1;
	*why = NULL;
	if (judge_never(j, at))
		*why = "is never banned";
	else if (is_peer(j->conf, at))
		*why = "is one of firewall.peers";
	else if (allowed)
		*why = "is allowed";
	else if (open)
		*why = "has an open window";
	else if (residents.accounts >= CARRIER)
		*why = "is home to devices of 3 or more accounts: proxy or carrier NAT?";
	else if (one_device && residents.counted >= j->conf->spare_homes)
		*why = "is home to other devices than the one that failed: proxy or carrier NAT?";
	if (*why || f->e->proof != PROOF_NONE)
		return 0;
	/* Whoever forges addresses must not choose who is cut off. */
	if (ban_is_inhabited(j, at, time, &inhabited, err) < 0)
		return -1;
	if (inhabited || residents.devices > 0)
		*why = "is somebody's, and nothing proves that it was them";
	return 0;
}

/* ---- caps ---- by the minute of event time, kept in the state, so that replays agree. */

struct minute {
	int64_t minute, made, forged;
};

/* The present minute; what comes late is counted in it too. */
static int minute_load(struct judge *j, int64_t time, struct minute *out, struct err *err) {
	struct minute m;

	if (store_number(j->store, NUMBER_MINUTE, &m.minute, err) < 0 ||
	    store_number(j->store, NUMBER_MADE, &m.made, err) < 0 ||
	    store_number(j->store, NUMBER_FORGED, &m.forged, err) < 0)
		return -1;
	if (time / MINUTE > m.minute)
		m = (struct minute){.minute = time / MINUTE};
	*out = m;
	return 0;
}

static int minute_store(struct judge *j, const struct minute *m, struct err *err) {
	if (store_set_number(j->store, NUMBER_MINUTE, m->minute, err) < 0 ||
	    store_set_number(j->store, NUMBER_MADE, m->made, err) < 0)
		return -1;
	return store_set_number(j->store, NUMBER_FORGED, m->forged, err);
}

/* Ends an unproven ban before its time for a proven one. */
static int ban_displace(struct judge *j, bool *room, struct err *err) {
	struct ban weak;
	int found = store_ban_unproven(j->store, j->now, &weak, err);

	*room = found == 1;
	if (found <= 0)
		return found;
	weak.until = j->now;
	if (store_ban_put(j->store, &weak, err) < 0)
		return -1;
	return judge_record(j, NULL, NULL, "unbanned", NULL, &weak.at, weak.trigger, err,
	                    "gives way to a proven ban: firewall.max_bans is reached");
}

/* Is there room under max_bans? A proven ban makes some. */
static int ban_has_room(struct judge *j, bool proven, int64_t bans, bool *room, struct err *err) {
	*room = bans < j->conf->firewall.max_bans;
	return *room || !proven ? 0 : ban_displace(j, room, err);
}

static int ban_drop(struct judge *j, const struct facts *f, const struct ban *ban, struct err *err) {
	int64_t minute, now = j->now / MINUTE;

	if (store_sum_add(j->store, NUMBER_DROPPED, 1, err) < 0 || store_number(j->store, NUMBER_DROPPED, &minute, err) < 0)
		return -1;
	if (minute == now)
		return 0;
	if (store_set_number(j->store, NUMBER_DROPPED, now, err) < 0)
		return -1;
	j->sums.reported++;
	return judge_record(j, f, NULL, "reported", NULL, &ban->at, ban->trigger, err,
	                    "not banned: %s is reached; others of this minute are only counted",
	                    ban->proven ? "firewall.max_pending" : "a cap of unproven bans");
}

/* Decides whether a new ban is made now, waits, or is dropped. Those that nothing proves never wait: they would fill the queue. */
static int ban_admit(struct judge *j, struct ban *ban, enum ban_outcome *outcome, struct err *err) {
	const struct conf *conf = j->conf;
	int64_t bans, pending;
	struct minute m;
	bool room = false;

	if (minute_load(j, j->now, &m, err) < 0 || store_ban_counts(j->store, j->now, &bans, &pending, err) < 0)
		return -1;
	if (ban->proven ? m.made < conf->firewall.bans_per_minute : m.forged < conf->firewall.unproven_bans_per_minute)
		if (ban_has_room(j, ban->proven, bans, &room, err) < 0)
			return -1;
	if (room) {
		*outcome = BAN_DONE;
		m.made += ban->proven;
		m.forged += !ban->proven;
		return minute_store(j, &m, err);
	}
	ban->pending = ban->proven && pending < conf->firewall.max_pending;
	*outcome = ban->pending ? BAN_PENDING : BAN_REFUSED;
	return ban->pending ? store_set_number(j->store, NUMBER_WAITING, 1, err) : 0;
}

/* Makes one pending ban real, where there is room. */
static int ban_promote(struct judge *j, struct ban *ban, int64_t time, bool *room, struct err *err) {
	int64_t bans, pending;

	if (store_ban_counts(j->store, time, &bans, &pending, err) < 0 || ban_has_room(j, true, bans, room, err) < 0)
		return -1;
	if (!*room)
		return 0;
	ban->pending = false;
	j->sums.banned++;
	if (store_ban_put(j->store, ban, err) < 0)
		return -1;
	return judge_record(j, NULL, NULL, "banned", NULL, &ban->at, ban->trigger, err, "was pending");
}

static int ban_promote_all(struct judge *j, int64_t time, struct err *err) {
	int64_t cap = j->conf->firewall.bans_per_minute;
	struct ban page[PAGE];
	struct minute m;
	bool room = true;

	if (minute_load(j, time, &m, err) < 0)
		return -1;
	while (room && m.made < cap) {
		uint32_t max = cap - m.made < PAGE ? (uint32_t)(cap - m.made) : PAGE, n;

		if (store_bans_pending(j->store, time, max, page, &n, err) < 0)
			return -1;
		if (n == 0 && store_set_number(j->store, NUMBER_WAITING, 0, err) < 0)
			return -1;
		if (n == 0)
			break;
		for (uint32_t i = 0; i < n && room; i++) {
			if (ban_promote(j, &page[i], time, &room, err) < 0)
				return -1;
			m.made += room;
		}
	}
	return minute_store(j, &m, err);
}

int ban_advance(struct judge *j, int64_t time, struct err *err) {
	int64_t waiting, minute, day;

	if (store_number(j->store, NUMBER_WAITING, &waiting, err) < 0 ||
	    store_number(j->store, NUMBER_MINUTE, &minute, err) < 0 || store_number(j->store, NUMBER_DAY, &day, err) < 0)
		return -1;
	if (time / DAY > day) {
		int64_t keep = j->conf->record.keep > REMEMBERED ? j->conf->record.keep : REMEMBERED;

		if (store_set_number(j->store, NUMBER_DAY, time / DAY, err) < 0 ||
		    store_ban_forget(j->store, time - keep, err) < 0)
			return -1;
	}
	return waiting && time / MINUTE > minute ? ban_promote_all(j, time, err) : 0;
}

/* ---- firing ---- */

static int ban_record(struct judge *j, const struct trigger *t, const struct ban *ban, const struct facts *f,
                      enum ban_outcome outcome, struct err *err) {
	static const char *const words[] = {[BAN_DONE] = "banned", [BAN_EXTENDED] = "extended", [BAN_PENDING] = "pending"};
	char text[TRIGGER_TEXT], lasts[TIME_TEXT], until[TIME_TEXT];

	trigger_text(t, text);
	duration_print(ban->until - ban->start, lasts);
	time_print(ban->until, until);
	j->sums.banned += outcome == BAN_DONE;
	j->sums.extended += outcome == BAN_EXTENDED;
	j->sums.pending += outcome == BAN_PENDING;
	return judge_record(j, f, NULL, words[outcome], NULL, &ban->at, t->id, err, "%s: for %s, until %s%s", text, lasts,
	                    until, ban->until <= j->now ? ", which is over" : "");
}

static int ban_spare(struct judge *j, const struct trigger *t, struct prefix at, const struct facts *f, bool told,
                     const char *why, struct err *err) {
	char text[TRIGGER_TEXT];

	if (told)
		return 0;
	trigger_text(t, text);
	j->sums.spared++;
	return judge_record(j, f, NULL, "spared", NULL, &at, t->id, err, "%s: not banned: the address %s", text, why);
}

int ban_fire(struct judge *j, const struct trigger *t, struct prefix at, struct facts *f, bool one_device, bool told,
             enum ban_outcome *outcome, struct err *err) {
	struct ban running, ban = {.kind = BAN_BAN, .at = at, .start = f->e->time, .proven = f->e->proof != PROOF_NONE};
	const char *why;
	int found;

	if (ban_spared(j, at, f, one_device, &why, err) < 0)
		return -1;
	if (why) {
		*outcome = BAN_SPARED;
		return ban_spare(j, t, at, f, told, why, err);
	}
	(void)snprintf(ban.trigger, sizeof ban.trigger, "%s", t->id);
	if (store_ban_level(j->store, t->id, at, ban.start - REMEMBERED, &ban.level, err) < 0)
		return -1;
	ban.until = ban.start + t->times[ban.level < t->ntimes ? ban.level : t->ntimes - 1];
	found = store_ban(j->store, BAN_BAN, at, NULL, ban.start, &running, err);
	if (found < 0)
		return -1;
	*outcome = BAN_DONE;
	if (found == 1 && !running.pending)
		*outcome = BAN_EXTENDED; /* one address more or less: no cap asks about it */
	else if (ban.until > j->now && ban_admit(j, &ban, outcome, err) < 0)
		return -1;
	if (*outcome == BAN_REFUSED)
		return ban_drop(j, f, &ban, err);
	if (store_ban_put(j->store, &ban, err) < 0)
		return -1;
	return ban_record(j, t, &ban, f, *outcome, err);
}
