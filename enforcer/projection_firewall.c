#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/timefmt.h"

#include "enforcer/host.h"
#include "enforcer/projection_private.h"
#include "enforcer/stream.h"

#define LEAK_AFTER    5   /* seconds */
#define COUNT_AT_ONCE 256 /* entries */

/* ---- what the firewall must hold ---- */

struct counted {
	enum ban_kind kind;
	struct prefix at;
	uint64_t packets, bytes;
};

struct entries {
	struct firewall_entry *at;
	size_t n, room, next;
	int64_t *fresh; /* bans in force, and not yet noted as installed */
	size_t nfresh, fresh_room;
	struct counted *counts; /* what the kernel counted, to be kept */
	size_t ncounts, counts_room;
	int64_t now;
	int64_t installed_min;
	bool bans_off;
	bool gap; /* a ban that had been installed was not in the kernel */
	bool failed;
};

static void entries_release(struct entries *l) {
	free(l->at);
	free(l->fresh);
	free(l->counts);
}

static bool more_room(void **at, size_t n, size_t *room, size_t size) {
	size_t wanted = *room ? *room * 2 : 64;
	void *more;

	if (n < *room)
		return true;
	more = reallocarray(*at, wanted, size);
	if (!more)
		return false;
	*at = more;
	*room = wanted;
	return true;
}

static void add_entry(struct entries *l, struct firewall_entry entry) {
	void *at = l->at;

	l->failed = l->failed || !more_room(&at, l->n, &l->room, sizeof(*l->at));
	l->at = at;
	if (!l->failed)
		l->at[l->n++] = entry;
}

static void add_fresh(struct entries *l, const struct ban *b) {
	void *at = l->fresh;

	l->failed = l->failed || !more_room(&at, l->nfresh, &l->fresh_room, sizeof(*l->fresh));
	l->fresh = at;
	if (!l->failed)
		l->fresh[l->nfresh++] = b->id;
}

/* Only bans and blocks are told with counts. */
static void add_count(struct entries *l, const struct firewall_entry *had) {
	void *at = l->counts;

	if (had->packets == 0 || (had->list != FIREWALL_BAN && had->list != FIREWALL_BLOCK))
		return;
	l->failed = l->failed || !more_room(&at, l->ncounts, &l->counts_room, sizeof(*l->counts));
	l->counts = at;
	if (!l->failed)
		l->counts[l->ncounts++] =
			(struct counted){had->list == FIREWALL_BAN ? BAN_BAN : BAN_BLOCK, had->at, had->packets, had->bytes};
}

static int64_t left_of(int64_t until, int64_t now) {
	return until == TIME_NONE ? 0 : until - now;
}

static void add_ban(struct entries *l, const struct ban *b) {
	static const enum firewall_list lists[] = {
		[BAN_BAN] = FIREWALL_BAN, [BAN_BLOCK] = FIREWALL_BLOCK, [BAN_ALLOW] = FIREWALL_ALLOW};

	add_entry(l, (struct firewall_entry){lists[b->kind], b->at, left_of(b->until, l->now), b->packets, b->bytes});
	if (b->kind != BAN_BAN)
		return;
	if (b->installed == 0)
		add_fresh(l, b);
	else if (b->installed < l->installed_min)
		l->installed_min = b->installed;
}

/* A ban begins when it is decided, though the clock of who wrote the log may be ahead of ours, or ours was put back since. */
static bool in_force(const struct entries *l, const struct ban *b) {
	return !b->pending && b->lifted == TIME_NONE && (b->until == TIME_NONE || b->until > l->now) &&
	       !(b->kind == BAN_BAN && l->bans_off);
}

static int see_ban(void *context, const struct ban *b, struct err *err) {
	struct entries *l = context;

	if (in_force(l, b))
		add_ban(l, b);
	return l->failed ? err_set(err, ERR_SYSTEM, "firewall: out of memory") : 0;
}

static int see_window(void *context, const struct window *w) {
	struct entries *l = context;

	if (w->start <= l->now && w->until > l->now)
		add_entry(l, (struct firewall_entry){.list = FIREWALL_WINDOW, .at = w->at, .left = w->until - l->now});
	return l->failed ? -1 : 0;
}

/* What no list of the state may drop: the host's own talk, and what the configuration says. */
static void add_never(struct entries *l, const struct enforcer *e) {
	static const char *const own[] = {"127.0.0.0/8", "169.254.0.0/16", "::1", "fe80::/10"};
	struct firewall_entry entry = {.list = FIREWALL_NEVER};
	const struct conf *conf = e->conf;
	struct addr ip;

	for (uint32_t i = 0; e->host && host_at(e->host, i, &ip); i++) {
		entry.at = prefix_of(ip, 128);
		add_entry(l, entry);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (prefix_parse(own[i], strlen(own[i]), &entry.at))
			add_entry(l, entry);
	for (uint32_t i = 0; i < conf->firewall.nnever; i++) {
		entry.at = conf->firewall.never[i];
		add_entry(l, entry);
	}
	for (uint32_t i = 0; i < conf->ntrusted_proxies; i++) {
		entry.at = conf->trusted_proxies[i];
		add_entry(l, entry);
	}
}

static bool ends_later(int64_t a, int64_t b) {
	return b != 0 && (a == 0 || a > b);
}

static int compare_entries(const void *a, const void *b) {
	const struct firewall_entry *x = a, *y = b;
	int order = firewall_compare(x, y);

	return order != 0 ? order : ends_later(x->left, y->left) ? -1 : ends_later(y->left, x->left);
}

/* The kernel holds a prefix once in a list: the entry that ends last stands for all. */
static void keep_one_each(struct entries *l) {
	size_t kept = 0;

	if (l->n > 0)
		qsort(l->at, l->n, sizeof(*l->at), compare_entries);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || firewall_compare(&l->at[kept - 1], &l->at[i]) != 0)
			l->at[kept++] = l->at[i];
	l->n = kept;
}

static int next_entry(void *context, struct firewall_entry *entry, struct err *err) {
	struct entries *l = context;

	(void)err;
	if (l->next == l->n)
		return 0;
	*entry = l->at[l->next++];
	return 1;
}

static int gather(struct enforcer *e, struct entries *l, struct err *err) {
	add_never(l, e);
	if (store_bans_brief(e->store, l->now, see_ban, l, err) != 0)
		return -1;
	if (store_windows(e->store, l->now, false, see_window, l, err) != 0 && !l->failed)
		return -1;
	if (l->failed)
		return err_set(err, ERR_SYSTEM, "firewall: out of memory");
	keep_one_each(l);
	return 0;
}

int projection_stamp(struct enforcer *e, uint64_t *out, struct err *err) {
	struct addr ip;
	int64_t generation;
	uint64_t hash;

	if (store_number(e->store, PROJECTION_GENERATION, &generation, err) < 0)
		return -1;
	hash = hash_bytes(0, &generation, sizeof(generation));
	hash = hash_bytes(hash, &e->projection->bans_off, sizeof(e->projection->bans_off));
	hash = firewall_shape(e->conf, hash);
	for (uint32_t i = 0; e->host && host_at(e->host, i, &ip); i++)
		hash = hash_bytes(hash, ip.b, sizeof(ip.b));
	*out = (hash ^ hash >> 32) & UINT32_MAX;
	return 0;
}

/* ---- what the firewall holds ---- */

#define SLACK 5 /* seconds by which the ends of one entry may differ, in the state and in the kernel */

/* What came of comparing the kernel's elements with those that must be. */
struct comparison {
	bool same;
	bool foreign; /* some are missing, or there that nobody ordered */
};

static bool ends_alike(int64_t a, int64_t b) {
	return (a == 0) == (b == 0) && (a > b ? a - b : b - a) <= SLACK;
}

/* Both in the order of firewall_compare. What the kernel counted goes on in l, and is to be kept. */
static struct comparison compare_with(struct entries *l, const struct firewall_entry *had, size_t nhad) {
	struct comparison c = {true, false};
	size_t i = 0, j = 0;

	while (i < l->n || j < nhad) {
		int order = i == l->n ? 1 : j == nhad ? -1 : firewall_compare(&l->at[i], &had[j]);

		if (order < 0) {
			bool over = l->at[i].left > 0 && l->at[i].left <= SLACK;

			l->gap = l->gap || l->at[i].list == FIREWALL_BAN;
			c.foreign = c.foreign || !over;
			c.same = c.same && over;
			i++;
			continue;
		}
		if (had[j].packets > 0 && (order > 0 || had[j].packets > l->at[i].packets))
			add_count(l, &had[j]);
		if (order > 0) {
			bool over = had[j].left > 0 && had[j].left <= SLACK;

			c.foreign = c.foreign || !over;
			c.same = c.same && over;
			j++;
			continue;
		}
		if (had[j].packets > l->at[i].packets) {
			l->at[i].packets = had[j].packets;
			l->at[i].bytes = had[j].bytes;
		}
		c.same = c.same && ends_alike(l->at[i].left, had[j].left);
		i++;
		j++;
	}
	return c;
}

static int put_number(struct enforcer *e, const char *name, int64_t value, struct err *err) {
	int64_t former;

	if (store_number(e->store, name, &former, err) < 0)
		return -1;
	return former == value ? 0 : store_set_number(e->store, name, value, err);
}

static int put_notes(struct enforcer *e, struct entries *l, struct err *err) {
	struct projection *p = e->projection;

	for (size_t i = 0; i < l->nfresh; i++)
		if (store_ban_installed(e->store, l->fresh[i], l->now, err) < 0)
			return -1;
	for (size_t i = 0; i < l->ncounts; i++)
		if (store_ban_count(e->store, l->counts[i].kind, l->counts[i].at, l->now, l->counts[i].packets,
		                    l->counts[i].bytes, err) < 0)
			return -1;
	if (p->drift > 0 && store_sum_add(e->store, "drift", p->drift, err) < 0)
		return -1;
	if (l->gap && put_number(e, PROJECTION_SINCE, l->now, err) < 0)
		return -1;
	return p->made ? put_number(e, PROJECTION_DIGEST, (int64_t)firewall_note(p->fw).digest, err) : 0;
}

/* When bans were in the kernel first, for leaks, and what it counted; no part of what replays reproduce. */
static int note(struct enforcer *e, struct entries *l, struct err *err) {
	struct projection *p = e->projection;

	if (l->nfresh + l->ncounts == 0 && p->drift == 0 && !l->gap && !p->made)
		return 0;
	if (store_begin(e->store, err) < 0)
		return -1;
	if (put_notes(e, l, err) < 0 || store_commit(e->store, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	p->drift = 0;
	p->made = false;
	if (l->gap)
		p->since = l->now;
	if (l->nfresh > 0 && l->now < l->installed_min)
		l->installed_min = l->now;
	return 0;
}

/* ---- the firewall follows ---- */

static int drain_one(void *context, struct prefix at) {
	(void)context;
	(void)at;
	return 0;
}

static int drain_changes(struct enforcer *e, struct err *err) {
	bool all;

	return store_ban_changes(e->store, &all, drain_one, NULL, err);
}

#define HURRY_MAX 50000 /* elements that are read in less than half a second */

int projection_replace(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct entries l = {.now = clock_now(), .bans_off = p->bans_off, .installed_min = INT64_MAX};
	struct firewall_entry *had = NULL;
	struct err ignored;
	uint64_t mark;
	size_t nhad = 0;
	int result = -1;

	if (projection_stamp(e, &mark, err) < 0 || drain_changes(e, err) < 0 || gather(e, &l, err) < 0)
		goto out;
	/* Reading what was counted may take longer than making the table: not while what was banned comes through. */
	if (!p->hurry || l.n <= HURRY_MAX)
		(void)firewall_read(p->fw, &had, &nhad, &ignored);
	(void)compare_with(&l, had, nhad);
	if (l.failed) {
		(void)err_set(err, ERR_SYSTEM, "firewall: out of memory");
		goto out;
	}
	if (firewall_replace(p->fw, mark, next_entry, &l, err) < 0)
		goto out;
	p->replace = p->hurry = false;
	p->made = true;
	result = note(e, &l, err);
	p->installed_min = l.installed_min;
	p->installed_known = true;
	if (result == 0)
		result = drain_changes(e, err);
out:
	free(had);
	entries_release(&l);
	return result;
}

struct changes {
	struct enforcer *e;
	struct entries l; /* what is in force of the prefixes that changed */
	struct firewall_change *at;
	size_t n, room;
	struct prefix prefix; /* the one being looked at */
	struct err *err;
};

static int see_prefix_window(void *context, const struct window *w) {
	struct changes *c = context;

	return prefix_same(c->prefix, w->at) ? see_window(&c->l, w) : 0;
}

static int see_prefix_ban(void *context, const struct ban *b) {
	struct changes *c = context;

	if (in_force(&c->l, b))
		add_ban(&c->l, b);
	return c->l.failed ? -1 : 0;
}

/* Each list is told what it is to hold of that prefix now: an entry, or nothing. */
static int see_change(void *context, struct prefix at) {
	static const enum firewall_list told[] = {FIREWALL_ALLOW, FIREWALL_BLOCK, FIREWALL_WINDOW, FIREWALL_BAN};
	struct changes *c = context;
	struct store *store = c->e->store;
	size_t before = c->l.n;

	c->prefix = at;
	if (store_bans_at(store, at, c->l.now, see_prefix_ban, c, c->err) != 0 ||
	    store_windows(store, c->l.now, false, see_prefix_window, c, c->err) != 0)
		return c->l.failed ? err_set(c->err, ERR_SYSTEM, "firewall: out of memory") : -1;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct firewall_change *change;
		void *room = c->at;

		if (!more_room(&room, c->n, &c->room, sizeof(*c->at)))
			return err_set(c->err, ERR_SYSTEM, "firewall: out of memory");
		c->at = room;
		change = &c->at[c->n++];
		*change = (struct firewall_change){.entry = {.list = told[i], .at = at}, .gone = true};
		for (size_t j = before; j < c->l.n; j++) {
			if (c->l.at[j].list == told[i] && (change->gone || ends_later(c->l.at[j].left, change->entry.left)))
				change->entry = c->l.at[j];
			change->gone = change->gone && c->l.at[j].list != told[i];
		}
	}
	return 0;
}

int projection_change(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct changes c = {
		.e = e,
		.l = {.now = clock_now(), .bans_off = p->bans_off, .installed_min = p->installed_min},
		.err = err,
	};
	uint64_t mark;
	bool all = false;
	int result = -1;

	if (projection_stamp(e, &mark, err) < 0 || store_ban_changes(e->store, &all, see_change, &c, err) != 0) {
		p->replace = true; /* what was handed out will not be handed out again */
		goto out;
	}
	if (!all && firewall_change(p->fw, mark, c.at, (uint32_t)c.n, &all, err) < 0 && !all) {
		p->replace = true;
		goto out;
	}
	if (all) {
		result = projection_replace(e, err);
		p->replace = p->replace || result < 0;
		goto out;
	}
	for (size_t i = 0; i < c.n; i++)
		if (c.at[i].had)
			add_count(&c.l, &c.at[i].entry);
	result = note(e, &c.l, err);
	p->installed_min = c.l.installed_min;
	if (result == 0)
		result = drain_changes(e, err);
out:
	entries_release(&c.l);
	free(c.at);
	return result;
}

/* What is not told of a list comes with no count. */
static int add_counts(struct firewall *fw, struct entries *l, struct err *err) {
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].list == FIREWALL_BAN || l->at[i].list == FIREWALL_BLOCK)
			l->at[kept++] = l->at[i];
	l->n = kept;
	for (size_t i = 0; i < l->n;) {
		struct firewall_entry before[COUNT_AT_ONCE];
		size_t n = l->n - i < COUNT_AT_ONCE ? l->n - i : COUNT_AT_ONCE;

		memcpy(before, l->at + i, n * sizeof(before[0]));
		if (firewall_count(fw, l->at + i, n, err) < 0)
			return -1;
		for (size_t k = 0; k < n; k++, i++)
			if (l->at[i].packets > before[k].packets)
				add_count(l, &l->at[i]);
	}
	return l->failed ? err_set(err, ERR_SYSTEM, "firewall: out of memory") : 0;
}

static int compare_all(struct projection *p, struct entries *l, bool *same, struct err *err) {
	struct firewall_entry *had = NULL;
	struct comparison c;
	size_t nhad = 0;

	if (firewall_read(p->fw, &had, &nhad, err) < 0)
		return -1;
	c = compare_with(l, had, nhad);
	free(had);
	l->gap = false;
	p->drift += c.foreign;
	*same = c.same;
	return 0;
}

int projection_count(struct enforcer *e, bool *same, struct err *err) {
	struct projection *p = e->projection;
	struct entries l = {.now = clock_now(), .bans_off = p->bans_off, .installed_min = INT64_MAX};
	int64_t from = monotonic_ms();
	int result = -1;

	if (gather(e, &l, err) < 0 || (same ? compare_all(p, &l, same, err) : add_counts(p->fw, &l, err)) < 0)
		goto out;
	l.nfresh = 0;
	result = note(e, &l, err);
	p->counted = monotonic_ms();
	p->count_cost = p->counted - from;
out:
	entries_release(&l);
	return result;
}

/* ---- leaks ---- */

static int look_for_installed(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct entries l = {.now = clock_now(), .installed_min = INT64_MAX};
	int result = store_number(e->store, PROJECTION_SINCE, &p->since, err);

	if (result == 0)
		result = gather(e, &l, err);
	if (result == 0) {
		p->installed_min = l.installed_min;
		p->installed_known = true;
	}
	entries_release(&l);
	return result;
}

int projection_leak(struct enforcer *e, const struct event *event, bool *leak, struct err *err) {
	const struct projection *p = e->projection;
	struct ban b;
	int found;

	*leak = false;
	if (e->options.dry_run || e->conf->firewall.backend == BACKEND_NONE)
		return 0;
	if (!p->installed_known && look_for_installed(e, err) < 0)
		return -1;
	if (p->bans_off || p->installed_min == INT64_MAX || event->time < p->installed_min + LEAK_AFTER ||
	    event->time < p->since + LEAK_AFTER || addr_is_none(event->ip))
		return 0;
	found = store_ban_of(e->store, BAN_BAN, event->ip, event->time, &b, err);
	if (found < 0)
		return -1;
	/* By both clocks: that of the log may be ahead. */
	*leak = found == 1 && !b.pending && b.installed != 0 && event->time >= b.installed + LEAK_AFTER &&
	        event->time >= b.start + LEAK_AFTER;
	return 0;
}
