#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/timefmt.h"

#include "enforcer/projection_private.h"

#define LEAK_AFTER 5 /* seconds */

/* ---- what the firewall must hold ---- */

struct entries {
	struct firewall_entry *at;
	size_t n, room, next;
	struct ban *fresh; /* in force, and not yet noted as installed */
	size_t nfresh, fresh_room;
	int64_t now;
	int64_t installed_min;
	bool bans_off;
	bool failed;
};

static void entries_release(struct entries *l) {
	free(l->at);
	free(l->fresh);
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
		l->fresh[l->nfresh++] = *b;
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

static bool in_force(const struct entries *l, const struct ban *b) {
	return !b->pending && b->lifted == TIME_NONE && b->start <= l->now &&
	       (b->until == TIME_NONE || b->until > l->now) && !(b->kind == BAN_BAN && l->bans_off);
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
static void add_never(struct entries *l, const struct conf *conf) {
	static const char *const own[] = {"127.0.0.0/8", "169.254.0.0/16", "::1", "fe80::/10"};
	struct firewall_entry entry = {.list = FIREWALL_NEVER};

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
	int order;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	order = addr_compare(x->at.base, y->at.base);
	if (order != 0)
		return order;
	if (x->at.bits != y->at.bits)
		return x->at.bits < y->at.bits ? -1 : 1;
	return ends_later(x->left, y->left) ? -1 : ends_later(y->left, x->left);
}

/* The kernel holds a prefix once in a list: the entry that ends last stands for all. */
static void keep_one_each(struct entries *l) {
	size_t kept = 0;

	if (l->n > 0)
		qsort(l->at, l->n, sizeof(*l->at), compare_entries);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || l->at[kept - 1].list != l->at[i].list || !prefix_same(l->at[kept - 1].at, l->at[i].at))
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
	add_never(l, e->conf);
	if (store_bans(e->store, l->now, false, see_ban, l, err) != 0)
		return -1;
	if (store_windows(e->store, l->now, false, see_window, l, err) != 0 && !l->failed)
		return -1;
	if (l->failed)
		return err_set(err, ERR_SYSTEM, "firewall: out of memory");
	keep_one_each(l);
	return 0;
}

int projection_stamp(struct enforcer *e, uint64_t *out, struct err *err) {
	int64_t generation;
	uint64_t hash;

	if (store_number(e->store, PROJECTION_GENERATION, &generation, err) < 0)
		return -1;
	hash = hash_bytes(0, &generation, sizeof(generation));
	hash = hash_bytes(hash, &e->projection->bans_off, sizeof(e->projection->bans_off));
	hash = firewall_shape(e->conf, hash);
	*out = (hash ^ hash >> 32) & UINT32_MAX;
	return 0;
}

/* When they were in the kernel first, for leaks; no part of what replays reproduce. */
static int note_installed(struct enforcer *e, struct entries *l, struct err *err) {
	if (l->nfresh == 0)
		return 0;
	if (store_begin(e->store, err) < 0)
		return -1;
	for (size_t i = 0; i < l->nfresh; i++) {
		l->fresh[i].installed = l->now;
		if (store_ban_put(e->store, &l->fresh[i], err) < 0)
			goto fail;
	}
	if (store_commit(e->store, err) < 0)
		goto fail;
	if (l->now < l->installed_min)
		l->installed_min = l->now;
	return 0;
fail:
	enforcer_rollback(e);
	return -1;
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

int projection_replace(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct entries l = {.now = clock_now(), .bans_off = p->bans_off, .installed_min = INT64_MAX};
	uint64_t mark;
	int result = -1;

	if (projection_stamp(e, &mark, err) < 0 || drain_changes(e, err) < 0 || gather(e, &l, err) < 0 ||
	    firewall_replace(p->fw, mark, next_entry, &l, err) < 0)
		goto out;
	p->replace = false;
	result = note_installed(e, &l, err);
	p->installed_min = l.installed_min;
	p->installed_known = true;
	if (result == 0)
		result = drain_changes(e, err);
out:
	entries_release(&l);
	return result;
}

struct changes {
	struct enforcer *e;
	struct entries l; /* what is in force of the prefixes that changed */
	struct firewall_change *at;
	size_t n, room;
	struct err *err;
};

static int see_prefix_window(void *context, const struct window *w) {
	struct changes *c = context;

	if (prefix_same(c->at[c->n - 1].entry.at, w->at))
		return see_window(&c->l, w);
	return 0;
}

/* Each list is told what it is to hold of that prefix now: an entry, or nothing. */
static int see_change(void *context, struct prefix at) {
	static const struct {
		enum firewall_list list;
		enum ban_kind kind;
	} rows[] = {{FIREWALL_ALLOW, BAN_ALLOW}, {FIREWALL_BLOCK, BAN_BLOCK}, {FIREWALL_BAN, BAN_BAN}};
	struct changes *c = context;
	struct store *store = c->e->store;
	size_t before;

	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
		bool window = i == sizeof(rows) / sizeof(rows[0]);
		struct firewall_change *change;
		void *room = c->at;
		struct ban b;
		int found = 0;

		if (!more_room(&room, c->n, &c->room, sizeof(*c->at)))
			return err_set(c->err, ERR_SYSTEM, "firewall: out of memory");
		c->at = room;
		change = &c->at[c->n++];
		*change = (struct firewall_change){.entry = {.list = window ? FIREWALL_WINDOW : rows[i].list, .at = at}};
		before = c->l.n;
		if (window)
			found = store_windows(store, c->l.now, false, see_prefix_window, c, c->err);
		else if ((found = store_ban(store, rows[i].kind, at, NULL, c->l.now, &b, c->err)) > 0 && in_force(&c->l, &b))
			add_ban(&c->l, &b);
		if (found < 0 || c->l.failed)
			return c->l.failed ? err_set(c->err, ERR_SYSTEM, "firewall: out of memory") : -1;
		change->gone = c->l.n == before;
		for (size_t j = before; j < c->l.n; j++)
			if (j == before || ends_later(c->l.at[j].left, change->entry.left))
				change->entry = c->l.at[j];
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
	result = note_installed(e, &c.l, err);
	p->installed_min = c.l.installed_min;
	if (result == 0)
		result = drain_changes(e, err);
out:
	entries_release(&c.l);
	free(c.at);
	return result;
}

/* ---- leaks ---- */

static int look_for_installed(struct enforcer *e, struct err *err) {
	struct projection *p = e->projection;
	struct entries l = {.now = clock_now(), .installed_min = INT64_MAX};
	int result = gather(e, &l, err);

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
	    addr_is_none(event->ip))
		return 0;
	found = store_ban_of(e->store, BAN_BAN, event->ip, event->time, &b, err);
	if (found < 0)
		return -1;
	*leak = found == 1 && !b.pending && b.installed != 0 && event->time >= b.installed + LEAK_AFTER;
	return 0;
}
