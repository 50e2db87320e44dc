/* The portal's own verbs: who somebody is, and lists in pages, with what is not theirs left out. A page ends with the row {"next": CURSOR}, null where
 * there is no more. How much is looked through for one page is bounded, so that a page may be short, or empty, and still have a next. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/timefmt.h"

#include "enforcer/portal.h"
#include "enforcer/projection.h"
#include "enforcer/verb.h"

#define PAGE_LIMIT     100 /* rows, unless told */
#define PAGE_LIMIT_MAX 500
#define LOOK_MAX       2000 /* devices or records that one page looks at: 20 ms in which nobody else is served */
#define CURSOR_SIZE    128
#define PAGE_BITS_V4   120 /* shorter prefixes are not looked up in the record, but looked for */
#define PAGE_BITS_V6   48

/* No arguments. */
int verb_session(struct request *r, struct err *err) {
	const struct token *t = &r->caller->token;
	struct buf *b = control_row(r);

	(void)err;
	js_begin(b, '{');
	row_token(b, t);
	js_put_time(b, "until", t->until);
	js_put_string(b, "comment", t->comment);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

/* ---- pages ---- */

struct page {
	struct request *r;
	int64_t limit, rows, looked;
	char next[CURSOR_SIZE]; /* "" for the end */
};

static int page_begin(struct page *p, struct request *r, struct err *err) {
	*p = (struct page){.r = r, .limit = PAGE_LIMIT};
	if (!js_get(r->args, "limit"))
		return 0;
	p->limit = js_number(r->args, "limit", 0);
	if (p->limit < 1 || p->limit > PAGE_LIMIT_MAX)
		return err_set(err, ERR_INPUT, "limit: not 1 to %d", PAGE_LIMIT_MAX);
	return 0;
}

/* Nothing more is looked at for this page. */
static bool page_is_full(struct page *p) {
	return p->rows == p->limit || p->looked++ == LOOK_MAX;
}

static int page_end(struct page *p) {
	struct buf *b = control_row(p->r);

	js_begin(b, '{');
	js_put_string(b, "next", p->next[0] ? p->next : NULL);
	js_end(b, '}');
	control_row_end(p->r);
	return 0;
}

static int bad_cursor(const char *key, struct err *err) {
	return err_set(err, ERR_INPUT, "%s: not what a page gave as next", key);
}

/* ---- devices ---- */

struct devices {
	struct page page;
	const char *state; /* NULL any */
	bool exposed, moved;
	enum tri registered;
	struct slice q;  /* empty: any */
	char digits[16]; /* q as the digits of a MAC; "" where it is none */
	uint64_t last;   /* looked at */
	const char *account;
};

static bool text_has(struct slice text, struct slice word) {
	for (size_t i = 0; i + word.n <= text.n; i++)
		if (strncasecmp(text.p + i, word.p, word.n) == 0)
			return true;
	return false;
}

static int user_has(void *context, const struct device_user *user) {
	const struct devices *l = context;

	return text_has(slice_of(user->user), l->q);
}

/* 1, 0, -1. */
static int device_matches(struct devices *l, const struct device *d, struct err *err) {
	char text[PREFIX_TEXT];

	if (l->q.n == 0)
		return 1;
	mac_print(d->mac, text);
	if ((l->digits[0] && strstr(text, l->digits)) || text_has(slice_of(d->account), l->q) ||
	    text_has(slice_of(d->vendor), l->q) || text_has(slice_of(d->model), l->q))
		return 1;
	for (uint32_t i = 0; i < d->homes.n; i++) {
		prefix_print(d->homes.at[i].at, text);
		if (text_has(slice_of(text), l->q))
			return 1;
	}
	return store_users(l->page.r->store, d->mac, user_has, l, err);
}

static int device_row(struct devices *l, const struct device *d, struct err *err) {
	struct request *r = l->page.r;
	char version[DEVICE_VERSION];
	struct standing standing;
	int64_t registered;
	struct addr at;
	struct buf *b;
	int matches;

	device_standing(d, r->conf, r->now, &standing);
	if ((l->exposed && d->exposed == TIME_NONE) || (l->moved && d->nmoved == 0) ||
	    (l->state && strcmp(l->state, device_state_name(standing.state)) != 0) ||
	    (l->account && strcmp(l->account, d->account) != 0))
		return 0;
	matches = device_matches(l, d, err);
	if (matches <= 0)
		return matches;
	if (store_registered_device(r->store, d->mac, &at, &registered, err) < 0)
		return -1;
	if (l->registered != TRI_UNKNOWN && (registered != TIME_NONE) != (l->registered == TRI_YES))
		return 0;
	device_version(r, d, version);
	b = control_row(r);
	js_begin(b, '{');
	row_device(r, b, d);
	js_put_string(b, "vendor", d->vendor[0] ? d->vendor : NULL);
	js_put_string(b, "model", d->model[0] ? d->model : NULL);
	js_put_time(b, "seen", d->seen);
	js_put_time(b, "registered", registered);
	row_addr(b, "registered_at", at);
	js_put_string(b, "device_version", version);
	js_end(b, '}');
	control_row_end(r);
	l->page.rows++;
	return verb_page(r, err);
}

static int device_each(void *context, const struct device *d, struct err *err) {
	struct devices *l = context;

	if (page_is_full(&l->page)) {
		mac_print(l->last, l->page.next);
		return 1;
	}
	l->last = d->mac;
	return device_row(l, d, err);
}

/* The devices that a token names. */
static int devices_named(struct devices *l, uint64_t from, struct err *err) {
	const struct token *t = &l->page.r->caller->token;
	int stop = 0;

	for (uint32_t i = 0; i < t->nmacs && stop == 0; i++) {
		struct device d;
		int found = t->macs[i] < from ? 0 : store_device(l->page.r->store, t->macs[i], &d, err);

		stop = found == 1 && d.removed == TIME_NONE ? device_each(l, &d, err) : found < 0 ? -1 : 0;
	}
	return stop;
}

static int devices_ask(struct devices *l, uint64_t *from, struct err *err) {
	const struct json *args = l->page.r->args;
	const char *after = js_text(args, "after");
	enum device_state state = DEVICE_NEW;
	size_t n = 0;

	l->state = js_text(args, "state");
	while (l->state && state <= DEVICE_HELD && strcmp(l->state, device_state_name(state)) != 0)
		state++;
	if (state > DEVICE_HELD)
		return err_set(err, ERR_INPUT, "state: new, locked, unlocked or held");
	if (after && !mac_parse(after, strlen(after), from))
		return bad_cursor("after", err);
	*from += after != NULL;
	l->exposed = js_true(args, "exposed");
	l->moved = js_true(args, "moved");
	if (js_is_bool(js_get(args, "registered")))
		l->registered = js_true(args, "registered") ? TRI_YES : TRI_NO;
	l->q = slice_of(js_text(args, "q"));
	for (size_t i = 0; i < l->q.n; i++) {
		char c = l->q.p[i];

		if (strchr(":-. ", c))
			continue;
		if (!strchr("0123456789abcdefABCDEF", c) || n == 12) {
			n = 0;
			break;
		}
		l->digits[n++] = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
	}
	l->digits[n] = '\0';
	return arg_account(l->page.r, &l->account, err);
}

/* account, state, exposed, moved, registered (true or false), q (part of a MAC, account, home, vendor, model or user): each narrows the list. after (a
 * MAC), limit. */
int verb_devices(struct request *r, struct err *err) {
	struct device_filter filter = {.shard = -1};
	struct devices l = {.state = NULL};
	int done;

	if (page_begin(&l.page, r, err) < 0 || devices_ask(&l, &filter.from, err) < 0)
		return -1;
	if (r->caller->role == MAY(ROLE_USER)) {
		done = devices_named(&l, filter.from, err);
	} else {
		/* Another account's devices, for one who is bound to an account, are none of both. */
		filter.account = r->caller->role == MAY(ROLE_ACCOUNT) ? r->caller->token.account : l.account;
		done = store_devices(r->store, &filter, device_each, &l, err);
	}
	return done < 0 ? -1 : page_end(&l.page);
}

/* ---- the record ---- */

struct recent {
	struct page page;
	struct prefix at; /* bits 0: any */
	int64_t time, id; /* looked at last */
};

/* May the store look for what concerns the prefix? It sorts all of that before the first row: what is asked for by few addresses only. To who sees
 * only some of it the page's end would tell how much there is. */
static bool is_looked_up(const struct caller *c, struct prefix at) {
	return !caller_is_narrow(c) && at.bits >= (addr_is_v4(at.base) ? PAGE_BITS_V4 : PAGE_BITS_V6);
}

static bool record_concerns(const struct record *record, struct prefix at) {
	return at.bits == 0 || (record->ip.bits > 0 && prefix_overlaps(at, record->ip));
}

static bool record_is_theirs(const struct caller *c, const struct record *record) {
	if (!caller_is_narrow(c))
		return true;
	if (c->role == MAY(ROLE_ACCOUNT))
		return slice_is(record->account, c->token.account);
	for (uint32_t i = 0; i < c->token.nmacs; i++)
		if (record->mac == c->token.macs[i])
			return true;
	return false;
}

static int recent_each(void *context, const struct record *record, struct err *err) {
	struct recent *l = context;
	struct request *r = l->page.r;
	struct buf *b;

	if (page_is_full(&l->page)) {
		(void)snprintf(l->page.next, sizeof(l->page.next), "%lld-%lld", (long long)l->time, (long long)l->id);
		return 1;
	}
	l->time = record->time;
	l->id = record->id;
	if (!record_is_theirs(r->caller, record) || !record_concerns(record, l->at))
		return 0;
	b = control_row(r);
	js_begin(b, '{');
	row_record(r, b, record);
	js_end(b, '}');
	control_row_end(r);
	l->page.rows++;
	return verb_page(r, err);
}

/* Two numbers with a mark between them. */
static bool cursor_read(const char *text, char mark, int64_t *first, int64_t *second) {
	const char *at = strchr(text, mark);
	uint64_t a, b;

	if (!at || !slice_number((struct slice){text, (size_t)(at - text)}, INT64_MAX, &a) ||
	    !slice_number(slice_of(at + 1), INT64_MAX, &b))
		return false;
	*first = (int64_t)a;
	*second = (int64_t)b;
	return true;
}

/* mac, ip (address or prefix), since (seconds since the epoch), before, limit: newest first. */
int verb_recent(struct request *r, struct err *err) {
	struct record_filter filter = {.since = js_number(r->args, "since", 0)};
	struct recent l = {.time = INT64_MAX, .id = INT64_MAX};
	const char *before = js_text(r->args, "before");

	if (page_begin(&l.page, r, err) < 0 || (js_get(r->args, "mac") && arg_mac(r, &filter.mac, err) < 0) ||
	    (js_get(r->args, "ip") && arg_prefix(r, "ip", &l.at, err) < 0))
		return -1;
	if (is_looked_up(r->caller, l.at))
		filter.ip = l.at;
	if (before && !cursor_read(before, '-', &l.time, &l.id))
		return bad_cursor("before", err);
	if (store_records_back(r->store, &filter, l.time, l.id, recent_each, &l, err) < 0)
		return -1;
	return page_end(&l.page);
}

/* ---- bans ---- */

struct ban_page {
	struct page page;
	struct ban last;
};

static int ban_each(void *context, const struct ban *ban, struct err *err) {
	struct ban_page *l = context;
	struct request *r = l->page.r;
	struct buf *b;

	if (page_is_full(&l->page)) {
		char text[PREFIX_TEXT];

		prefix_print(l->last.at, text);
		(void)snprintf(l->page.next, sizeof(l->page.next), "%lld@%s", (long long)l->last.id, text);
		return 1;
	}
	l->last = *ban;
	b = control_row(r);
	js_begin(b, '{');
	row_ban(r, b, ban);
	js_end(b, '}');
	control_row_end(r);
	l->page.rows++;
	return verb_page(r, err);
}

/* all: those that are over too, newest first. after, limit. */
int verb_ban_page(struct request *r, struct err *err) {
	const char *after = js_text(r->args, "after"), *at = after ? strchr(after, '@') : NULL;
	struct ban_page l = {.last = {.id = 0}};
	struct ban from = {.id = 0};
	uint64_t id;

	if (page_begin(&l.page, r, err) < 0)
		return -1;
	if (after) {
		if (!at || !slice_number((struct slice){after, (size_t)(at - after)}, INT64_MAX, &id) ||
		    !prefix_parse(at + 1, strlen(at + 1), &from.at))
			return bad_cursor("after", err);
		from.id = (int64_t)id;
	}
	projection_counts(r->enforcer);
	if (store_bans_from(r->store, r->now, js_true(r->args, "all"), &from, ban_each, &l, err) < 0)
		return -1;
	return page_end(&l.page);
}
