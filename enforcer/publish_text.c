#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mac.h"
#include "common/timefmt.h"
#include "enforcer/publish_private.h"

#define LINES_MAX (256U << 20) /* bytes of lines that are sorted in memory */

/* Lines that come in another order than they are to stand in. Each ends in NUL until they are sorted. */
struct lines {
	struct buf text;
	const char **at;
	size_t n;
};

static int compare_lines(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort_lines(struct lines *l, struct err *err) {
	const char *p = l->text.p;

	if (l->text.failed)
		return err_set(err, ERR_SYSTEM, "out of memory for %zu lines", l->n);
	l->at = calloc(l->n + 1, sizeof(*l->at));
	if (!l->at)
		return err_set(err, ERR_SYSTEM, "out of memory for %zu lines", l->n);
	for (size_t i = 0; i < l->n; i++) {
		l->at[i] = p;
		p += strlen(p) + 1;
	}
	qsort(l->at, l->n, sizeof(*l->at), compare_lines);
	return 0;
}

static void release_lines(struct lines *l) {
	buf_release(&l->text);
	free(l->at);
}

static void add_line(struct lines *l, const char *line) {
	buf_add(&l->text, line, strlen(line) + 1);
	l->n++;
}

/* ---- what stands in every file ---- */

static int add_window(void *context, const struct window *w) {
	char line[PREFIX_TEXT + EVENT_ACCOUNT_MAX + 64], at[PREFIX_TEXT];

	prefix_print(w->at, at);
	(void)snprintf(line, sizeof(line), "window %s %" PRId64 " %s", at, w->until, w->account);
	add_line(context, line);
	return 0;
}

static int add_network(void *context, const struct network *n) {
	char line[PREFIX_TEXT + EVENT_ACCOUNT_MAX + 64], at[PREFIX_TEXT];

	prefix_print(n->at, at);
	(void)snprintf(line, sizeof(line), "network %s %s", at, n->account);
	add_line(context, line);
	return 0;
}

static int add_sorted(struct publication *p, struct lines *l, struct err *err) {
	if (sort_lines(l, err) != 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		buf_text(&p->common, l->at[i]);
		buf_byte(&p->common, '\n');
	}
	p->ncommon += l->n;
	return p->common.failed ? err_set(err, ERR_SYSTEM, "out of memory for %zu lines", l->n) : 0;
}

int publication_init(struct publication *p, struct store *s, const struct conf *conf, int64_t time, int64_t now,
                     struct err *err) {
	struct lines windows = {.n = 0}, networks = {.n = 0};
	int64_t locks = 0;
	int done = -1;

	*p = (struct publication){.s = s, .conf = conf, .time = time, .now = now};
	buf_init(&p->common, LINES_MAX);
	buf_init(&windows.text, LINES_MAX);
	buf_init(&networks.text, LINES_MAX);
	if (store_number(s, "pause.until", &p->until, err) != 0 || store_number(s, "pause.locks", &locks, err) != 0)
		goto end;
	if (p->until <= now)
		p->until = 0;
	p->locks = p->until > 0 && locks != 0;
	if (store_windows(s, time, false, add_window, &windows, err) != 0 ||
	    store_networks(s, NULL, false, add_network, &networks, err) != 0 || add_sorted(p, &windows, err) != 0 ||
	    add_sorted(p, &networks, err) != 0)
		goto end;
	done = 0;
end:
	release_lines(&windows);
	release_lines(&networks);
	return done;
}

void publication_release(struct publication *p) {
	buf_release(&p->common);
}

/* ---- the lock-state ---- */

static int put_head(struct newfile *f, const char *kind, int64_t time, struct err *err) {
	char line[128], text[TIME_TEXT];

	time_print(time, text);
	(void)snprintf(line, sizeof(line), "%s 1 %s\n", kind, text);
	return newfile_text(f, line, err);
}

static int put_end(struct newfile *f, uint64_t n, struct err *err) {
	char line[64];

	(void)snprintf(line, sizeof(line), "end %" PRIu64 "\n", n);
	return newfile_text(f, line, err);
}

int publish_head(struct publication *p, struct newfile *f, int shard, struct err *err) {
	return put_head(f, "provctl-lockstate", store_lines_changed(p->s, shard), err);
}

int publish_tail(struct publication *p, struct newfile *f, uint64_t devices, struct err *err) {
	bool watch = p->conf->mode == MODE_WATCH;
	bool open = watch || p->conf->devices.unlisted_open;

	if (!watch && newfile_add(f, (struct slice){p->common.p, p->common.n}, err) != 0)
		return -1;
	if (newfile_text(f, open ? "default open\n" : "default locked\n", err) != 0)
		return -1;
	return put_end(f, watch ? 0 : devices + p->ncommon, err);
}

/* A pause opens what is locked, and what would be locked again before its end. The state stands in the line from `at` on. */
static void open_state(const struct publication *p, struct buf *line, size_t at) {
	char head[64], rest[PUBLISH_LINE];
	const char *state = line->p + at, *behind;
	int64_t until = 0;

	if (strncmp(state, "open - ", 7) == 0)
		return;
	if (strncmp(state, "open ", 5) == 0)
		until = strtoll(state + 5, NULL, 10);
	/* Behind the second word. */
	behind = strchr(state, ' ');
	behind = behind ? strchr(behind + 1, ' ') : NULL;
	if (!behind)
		return;
	(void)snprintf(head, sizeof(head), "open %" PRId64, until > p->until ? until : p->until);
	(void)slice_copy(slice_of(behind), rest, sizeof(rest));
	line->n = at;
	buf_text(line, head);
	buf_text(line, rest);
	buf_byte(line, '\0');
}

int publish_device(struct publication *p, const struct device *d, struct buf *line, struct err *err) {
	char mac[MAC_TEXT];
	size_t at;

	mac_print(d->mac, mac);
	buf_clear(line);
	buf_text(line, "device ");
	buf_text(line, mac);
	buf_byte(line, ' ');
	at = line->n;
	device_line(d, p->conf, line);
	buf_byte(line, '\0');
	if (!line->failed && p->locks)
		open_state(p, line, at);
	if (line->failed)
		return err_set(err, ERR_SYSTEM, "device %s: its line is too long", mac);
	line->n--;
	return 0;
}

struct devices {
	struct publication *p;
	struct newfile *f;
	struct buf line;
	uint64_t n;
};

static int put_device(void *context, const struct device *d, struct err *err) {
	struct devices *l = context;

	if (publish_device(l->p, d, &l->line, err) != 0)
		return -1;
	l->n++;
	buf_byte(&l->line, '\n');
	return newfile_add(l->f, (struct slice){l->line.p, l->line.n}, err);
}

int publish_lockstate(struct publication *p, struct newfile *f, int shard, struct err *err) {
	struct device_filter filter = {.shard = shard, .removed = true};
	struct devices l = {.p = p, .f = f};
	int done = -1;

	buf_init(&l.line, PUBLISH_LINE);
	if (publish_head(p, f, shard, err) == 0 &&
	    (p->conf->mode == MODE_WATCH || store_devices(p->s, &filter, put_device, &l, err) == 0))
		done = publish_tail(p, f, l.n, err);
	buf_release(&l.line);
	return done;
}

/* ---- the bans ---- */

struct bans {
	struct publication *p;
	struct lines lines;
	bool off;   /* watched or paused: what an admin blocks stays */
	int allows; /* something is allowed */
};

/* Machines that only enforce have no list of what is allowed, so nothing of that is told them as banned. */
static int is_allowed(const struct bans *l, const struct ban *b, struct err *err) {
	struct ban allow;
	int found = l->allows ? store_ban_of(l->p->s, BAN_ALLOW, b->at.base, l->p->now, &allow, err) : 0;

	return found == 1 ? allow.at.bits <= b->at.bits : found;
}

static void put_until(struct buf *b, int64_t until) {
	char digits[20];
	size_t n = sizeof(digits);

	for (; until > 0 && n > 0; until /= 10)
		digits[--n] = (char)('0' + until % 10);
	if (n == sizeof(digits))
		digits[--n] = '-';
	buf_add(b, digits + n, sizeof(digits) - n);
}

static int add_ban(void *context, const struct ban *b, struct err *err) {
	struct bans *l = context;
	char at[PREFIX_TEXT];
	int allowed;

	if (b->kind == BAN_ALLOW || b->pending || (b->kind == BAN_BAN && l->off))
		return 0;
	allowed = is_allowed(l, b, err);
	if (allowed != 0)
		return allowed < 0 ? -1 : 0;
	prefix_print(b->at, at);
	buf_text(&l->lines.text, "ban ");
	buf_text(&l->lines.text, at);
	buf_byte(&l->lines.text, ' ');
	put_until(&l->lines.text, b->until);
	buf_byte(&l->lines.text, '\0');
	l->lines.n++;
	return 0;
}

int publish_bans(struct publication *p, struct newfile *f, struct err *err) {
	struct bans l = {.p = p, .off = p->conf->mode == MODE_WATCH || p->until > 0};
	int done = -1;

	buf_init(&l.lines.text, LINES_MAX);
	l.allows = store_ban_any(p->s, BAN_ALLOW, p->now, err);
	if (l.allows < 0 || store_bans_brief(p->s, p->now, add_ban, &l, err) != 0)
		goto end;
	if (sort_lines(&l.lines, err) != 0 || put_head(f, "provctl-bans", store_bans_changed(p->s), err) != 0)
		goto end;
	for (size_t i = 0; i < l.lines.n; i++)
		if (newfile_text(f, l.lines.at[i], err) != 0 || newfile_text(f, "\n", err) != 0)
			goto end;
	done = put_end(f, l.lines.n, err);
end:
	release_lines(&l.lines);
	return done;
}
