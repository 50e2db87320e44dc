#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/enforcer.h"
#include "enforcer/verb.h"

#define UNLOCK_OPEN_LONG (7 * DAY) /* an account-wide unlock that is open for longer is a problem */

static void name_devices(const struct device_named *devices, char *names, size_t size) {
	size_t used = 0;

	names[0] = '\0';
	for (int i = 0; i < devices->n && i < DEVICE_NAMED; i++) {
		char text[MAC_TEXT];

		mac_print(devices->first[i], text);
		used += (size_t)snprintf(names + used, size - used, " %s", text);
	}
}

/* The parts of the answer, gathered whole before the row is begun. */
struct status {
	struct request *r;
	struct device_sums devices;
	struct buf sources, problems, sums;
	int64_t bans, pending, leaks, drift;
	unsigned nproblems;
	bool paused, locks;
	int64_t pause_until, record_bytes;
};

static void problem(struct status *s, const char *about, int64_t since, const char *text) {
	js_begin(&s->problems, '{');
	js_put_string(&s->problems, "about", about);
	js_put_string(&s->problems, "problem", text);
	js_put_time(&s->problems, "since", since);
	js_end(&s->problems, '}');
	s->nproblems++;
}

static void problem_counted(struct status *s, const char *about, int64_t count, const char *names, const char *what) {
	char text[512];

	if (count == 0)
		return;
	(void)snprintf(text, sizeof(text), "%lld %s%s%s%s", (long long)count, what, names[0] ? ":" : "", names,
	               names[0] && count > DEVICE_NAMED ? " ..." : "");
	problem(s, about, TIME_NONE, text);
}

static int source_each(void *context, const struct cursor *c) {
	struct status *s = context;
	struct buf *b = &s->sources;
	int64_t lag = c->size < 0 ? -1 : c->size - (int64_t)c->offset;

	js_begin(b, '{');
	js_put_text(b, "source", c->name);
	js_put_text(b, "file", c->file);
	js_put_number(b, "offset", (int64_t)c->offset);
	js_key(b, "lag");
	if (lag < 0)
		buf_text(b, "null");
	else
		buf_printf(b, "%lld", (long long)lag);
	js_put_time(b, "time", c->high_time);
	js_put_number(b, "lines", (int64_t)c->lines);
	js_put_number(b, "events", (int64_t)c->events);
	js_put_number(b, "unreadable", (int64_t)c->unreadable);
	js_put_number(b, "skipped", (int64_t)c->skipped);
	js_put_number(b, "lost", (int64_t)c->lost);
	js_put_text(b, "sample", c->sample);
	js_end(b, '}');
	if (c->lines > 0 && c->unreadable == c->lines) {
		char name[256];

		(void)slice_copy(c->name, name, sizeof(name));
		problem(s, name, TIME_NONE, "none of its lines could be read: is `format` right?");
	}
	return 0;
}

static int notice_each(void *context, struct slice name, struct slice text, int64_t time) {
	struct status *s = context;
	char about[256], what[1024];

	(void)slice_copy(name, about, sizeof(about));
	(void)slice_copy(text, what, sizeof(what));
	problem(s, about, time, what);
	return 0;
}

static int sum_each(void *context, const char *name, int64_t value) {
	struct status *s = context;

	if (strcmp(name, "leaks") == 0)
		s->leaks = value;
	if (strcmp(name, "drift") == 0)
		s->drift = value;
	js_put_number(&s->sums, name, value);
	return 0;
}

static void own_each(void *context, const char *what, const char *text, int64_t since) {
	problem(context, what, since, text);
}

static int status_gather(struct status *s, struct err *err) {
	struct request *r = s->r;
	char exposed[DEVICE_NAMED * (MAC_TEXT + 1)], open[DEVICE_NAMED * (MAC_TEXT + 1)];
	char text[256];

	if (judge_paused(r->judge, r->now, &s->paused, &s->locks, err) < 0 ||
	    store_number(r->store, "pause.until", &s->pause_until, err) < 0 ||
	    store_number(r->store, "record.bytes", &s->record_bytes, err) < 0)
		return -1;
	if (s->paused) {
		char until[TIME_TEXT];

		time_print(s->pause_until, until);
		(void)snprintf(text, sizeof(text), "until %s no address is banned%s; `provctl resume` ends it", until,
		               s->locks ? " and no device is locked" : "");
		problem(s, "pause", TIME_NONE, text);
	}
	enforcer_problems(r->enforcer, own_each, s);
	js_begin(&s->sources, '[');
	js_begin(&s->sums, '{');
	if (store_cursors(r->store, source_each, s, err) < 0 || store_notices(r->store, notice_each, s, err) < 0 ||
	    store_sums(r->store, sum_each, s, err) < 0 ||
	    store_device_sums(r->store, r->now, UNLOCK_OPEN_LONG, &s->devices, err) < 0 ||
	    store_ban_counts(r->store, r->now, &s->bans, &s->pending, err) < 0)
		return -1;
	js_end(&s->sources, ']');
	js_end(&s->sums, '}');
	name_devices(&s->devices.exposed, exposed, sizeof(exposed));
	name_devices(&s->devices.long_open, open, sizeof(open));
	problem_counted(s, "exposed", s->devices.exposed.n, exposed,
	                "exposed: change the SIP password, then `provctl clear-exposed`");
	problem_counted(s, "held", s->devices.by_state[DEVICE_HELD], "",
	                "held: `provctl list --state held`; only `provctl unlock --support` opens them");
	problem_counted(s, "unlock", s->devices.long_open.n, open,
	                "open for more than 7d by an account-wide unlock; `provctl lock` closes them");
	problem_counted(s, "bans", s->pending, "", "pending: more than firewall.bans_per_minute or max_bans allow");
	if (s->devices.devices >= r->conf->devices.max_devices)
		problem(s, "devices", TIME_NONE, "devices.max_devices is reached: new MACs are only counted");
	return 0;
}

static void status_row(struct status *s) {
	struct request *r = s->r;
	struct buf *b = control_row(r);

	js_begin(b, '{');
	js_put_string(b, "mode", r->conf->mode == MODE_WATCH ? "watch" : "enforce");
	js_put_bool(b, "paused", s->paused);
	js_put_bool(b, "locks_paused", s->locks);
	js_put_time(b, "pause_until", s->paused ? s->pause_until : TIME_NONE);
	js_put_time(b, "now", r->now);
	js_put_time(b, "time", judge_time(r->judge));
	js_key(b, "devices");
	js_begin(b, '{');
	js_put_number(b, "all", s->devices.devices);
	for (enum device_state state = DEVICE_NEW; state <= DEVICE_HELD; state++)
		js_put_number(b, device_state_name(state), s->devices.by_state[state]);
	js_put_number(b, "stale", s->devices.stale);
	js_put_number(b, "exposed", s->devices.exposed.n);
	js_put_number(b, "moved", s->devices.moved);
	js_put_number(b, "custom", s->devices.custom);
	js_end(b, '}');
	js_put_number(b, "bans", s->bans);
	js_put_number(b, "pending", s->pending);
	js_put_number(b, "leaks", s->leaks);
	js_put_number(b, "drift", s->drift);
	js_put_number(b, "record_bytes", s->record_bytes);
	js_put_number(b, "record_max", r->conf->record.max);
	js_put_string(b, "landlock", r->enforcer->options.landlock);
	js_key(b, "sources");
	buf_add(b, s->sources.p, s->sources.n);
	js_key(b, "sums");
	buf_add(b, s->sums.p, s->sums.n);
	js_key(b, "problems");
	js_begin(b, '[');
	buf_add(b, s->problems.p ? s->problems.p : "", s->problems.n);
	js_end(b, ']');
	js_end(b, '}');
	control_row_end(r);
}

/* No arguments. Exit 1 where anything needs a person. */
int verb_status(struct request *r, struct err *err) {
	struct status s = {.r = r};
	int result = -1;

	buf_init(&s.sources, 16U << 20);
	buf_init(&s.problems, 4U << 20);
	buf_init(&s.sums, 64U << 10);
	if (status_gather(&s, err) < 0)
		goto out;
	if (s.sources.failed || s.problems.failed || s.sums.failed) {
		(void)err_set(err, ERR_SYSTEM, "status: out of memory");
		goto out;
	}
	status_row(&s);
	r->exit = s.nproblems > 0 ? ERR_NEGATIVE : 0;
	result = 0;
out:
	buf_release(&s.sums);
	buf_release(&s.problems);
	buf_release(&s.sources);
	return result;
}
