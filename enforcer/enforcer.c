#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/timefmt.h"

#include "enforcer/enforcer.h"
#include "enforcer/hook.h"
#include "enforcer/host.h"
#include "enforcer/projection.h"
#include "enforcer/server.h"

#define LOCK_WAIT                                                                                                      \
	30000 /* milliseconds, for a daemon: whoever became the enforcer for one command will be gone by then */
#define CURSOR_TEXTS ((size_t)4 * CURSOR_NAME_MAX) /* name, file and sample of one */
#define DUE_MAX      4096                          /* early events judged in one transaction */

static int see_record(void *context, const struct record *r, struct err *err) {
	int64_t *last = context;

	(void)err;
	if (r->id > *last)
		*last = r->id;
	return 0;
}

struct early {
	struct store *store;
	int64_t count;
	struct err *err;
};

static int count_early(void *context, const struct cursor *c) {
	struct early *early = context;
	int64_t n;

	if (store_early_count(early->store, c->id, &n, early->err) < 0)
		return -1;
	early->count += n;
	return 0;
}

static int look_for_early(struct enforcer *e, struct err *err) {
	struct early early = {.store = e->store, .err = err};
	int64_t input;

	if (store_early_count(e->store, 0, &input, err) < 0 || store_cursors(e->store, count_early, &early, err) != 0)
		return -1;
	e->early = early.count + input > 0;
	return 0;
}

/* ---- the host ---- */

static const char *why_never(void *context, struct prefix p) {
	const struct enforcer *e = context;

	return e->host ? host_why(e->host, p) : NULL;
}

void enforcer_read_host(struct enforcer *e) {
	struct err err;
	int changed = e->host ? host_read(e->host, &err) : host_open(&e->host, HOST_RESOLVERS, &err);

	e->never = (struct never){why_never, e};
	if (changed < 0) {
		if (!e->host_problem[0])
			e->host_problem_since = clock_now();
		(void)slice_copy(slice_of(err.text), e->host_problem, sizeof(e->host_problem));
		e->options.say(e->options.context, err.text);
		return;
	}
	e->host_problem[0] = '\0';
	if (changed > 0 && e->projection)
		projection_host_changed(e);
}

static int open_state(struct enforcer *e, bool *busy, struct err *err) {
	enum store_mode mode = e->options.dry_run ? STORE_COPY : STORE_OWN;
	const struct record_filter all = {0};

	if (store_open(&e->store, e->conf->state, mode, e->options.once ? 0 : LOCK_WAIT, busy, err) < 0)
		return -1;
	store_set_conf(e->store, e->conf);
	enforcer_read_host(e);
	if (judge_new(&e->judge, e->store, e->conf, &e->never, err) < 0 || look_for_early(e, err) < 0)
		return -1;
	return e->options.dry_run ? store_records(e->store, &all, see_record, &e->last_record, err) : 0;
}

int enforcer_open(struct enforcer **out, struct conf *conf, const struct enforcer_options *options, bool *busy,
                  struct err *err) {
	struct enforcer *e = calloc(1, sizeof(*e));
	struct err later;

	*busy = false;
	if (!e) {
		conf_free(&conf);
		return err_errno(err, "enforcer");
	}
	e->conf = conf;
	e->options = *options;
	e->started = clock_now();
	if (open_state(e, busy, err) < 0 || projection_new(&e->projection, err) < 0 ||
	    hook_new(&e->hook, options->conf_file, options->dry_run ? NULL : e->conf->hook, err) < 0) {
		if (options->control_fd >= 0)
			(void)close(options->control_fd);
		if (options->events_fd >= 0)
			(void)close(options->events_fd);
		enforcer_close(&e);
		return -1;
	}
	if (server_new(&e->server, e, err) < 0) {
		enforcer_close(&e);
		return -1;
	}
	if (projection_sync(e, false, &later) < 0)
		e->options.say(e->options.context, later.text);
	*out = e;
	return 0;
}

void enforcer_close(struct enforcer **e) {
	struct enforcer *old = *e;
	struct err last;

	if (!old)
		return;
	/* What a batch left for the next second. */
	if (old->projection && old->server && projection_follow(old, true, &last) < 0)
		old->options.say(old->options.context, last.text);
	if (old->projection && old->server && projection_leave(old, &last) < 0)
		old->options.say(old->options.context, last.text);
	server_free(&old->server);
	projection_free(&old->projection);
	hook_free(&old->hook);
	host_close(&old->host);
	if (old->judge)
		judge_free(&old->judge);
	if (old->store)
		store_close(&old->store);
	conf_free(&old->conf);
	free(old);
	*e = NULL;
}

/* ---- transactions ---- */

void enforcer_rollback(struct enforcer *e) {
	store_rollback(e->store);
	judge_forget(e->judge);
}

int enforcer_commit(struct enforcer *e, struct err *err) {
	if (judge_flush(e->judge, err) < 0 || projection_prepare(e, err) < 0 || store_commit(e->store, err) < 0) {
		enforcer_rollback(e);
		return -1;
	}
	return 0;
}

static int take_event(void *context, struct slice event, struct err *err) {
	struct buf *taken = context;

	put_u32(taken, (uint32_t)event.n);
	buf_add(taken, event.p, event.n);
	return taken->failed ? err_set(err, ERR_SYSTEM, "early events: out of memory") : 0;
}

static int judge_taken(struct enforcer *e, struct slice in, unsigned *n, struct err *err) {
	struct buf texts;
	uint32_t size;
	int result = 0;

	buf_init(&texts, CURSOR_TEXTS);
	while (result == 0 && get_u32(&in, &size) == 0) {
		struct slice one = {in.p, size};
		struct slice log = slice_of("-");
		struct event v;
		struct cursor c;
		int found;

		in.p += size;
		in.n -= size;
		result = event_decode(&one, &v, err);
		if (result < 0)
			break;
		buf_clear(&texts);
		found = store_cursor(e->store, v.cursor, &c, &texts, err);
		if (found > 0)
			log = c.file.n > 0 ? c.file : c.name;
		result = found < 0 ? -1 : judge_event(e->judge, &v, log, err);
		(*n)++;
	}
	buf_release(&texts);
	return result;
}

int enforcer_take_due(struct enforcer *e, struct err *err) {
	unsigned n = DUE_MAX;

	while (e->early && n == DUE_MAX) {
		struct buf taken;
		int result;

		n = 0;
		if (store_begin(e->store, err) < 0)
			return -1;
		buf_init(&taken, DUE_MAX * (size_t)4096);
		result = store_early_take(e->store, clock_now(), DUE_MAX, take_event, &taken, err);
		if (result == 0)
			result = judge_taken(e, (struct slice){taken.p, taken.n}, &n, err);
		buf_release(&taken);
		if (result < 0) {
			enforcer_rollback(e);
			return -1;
		}
		if (enforcer_commit(e, err) < 0)
			return -1;
	}
	return e->early ? look_for_early(e, err) : 0;
}

/* ---- what verbs ask ---- */

void enforcer_problems(const struct enforcer *e,
                       void (*each)(void *context, const char *what, const char *text, int64_t since), void *context) {
	struct projection_problems p;

	projection_problems(e->projection, &p);
	if (e->reload_problem[0])
		each(context, "configuration", e->reload_problem, e->reload_time);
	if (e->state_problem[0])
		each(context, "state", e->state_problem, e->state_problem_since);
	if (e->host_problem[0])
		each(context, "host", e->host_problem, e->host_problem_since);
	if (p.firewall[0])
		each(context, "firewall", p.firewall, p.firewall_since);
	if (p.files[0])
		each(context, "lockstate", p.files, p.files_since);
	if (p.tokens[0])
		each(context, "portal", p.tokens, p.tokens_since);
	hook_problems(e, each, context);
}

static void sums_add(struct judge_sums *to, const struct judge_sums *more) {
	for (int i = 0; i < EVENT_KINDS; i++)
		to->events[i] += more->events[i];
	to->learned += more->learned;
	to->locked += more->locked;
	to->opened += more->opened;
	to->moved += more->moved;
	to->exposed += more->exposed;
	to->held += more->held;
	to->suspected += more->suspected;
	to->banned += more->banned;
	to->extended += more->extended;
	to->pending += more->pending;
	to->spared += more->spared;
	to->reported += more->reported;
	to->late += more->late;
	to->ignored += more->ignored;
}

void enforcer_sums(const struct enforcer *e, struct judge_sums *out) {
	*out = e->former;
	sums_add(out, judge_sums(e->judge));
}

/* ---- reading the configuration again ---- */

static int load_again(struct enforcer *e, struct err *err) {
	struct conf *conf = NULL;
	struct judge *judge = NULL;

	if (conf_load(&conf, e->options.conf_file, NULL, err) < 0)
		return -1;
	if (strcmp(conf->state, e->conf->state) != 0) {
		(void)err_set(err, ERR_INPUT, "state: %s needs a restart: this enforcer owns %s", conf->state, e->conf->state);
		goto fail;
	}
	if (judge_new(&judge, e->store, conf, &e->never, err) < 0)
		goto fail;
	sums_add(&e->former, judge_sums(e->judge));
	judge_free(&e->judge);
	e->judge = judge;
	projection_release(e->projection);
	store_set_conf(e->store, conf);
	conf_free(&e->conf);
	e->conf = conf;
	return 0;
fail:
	conf_free(&conf);
	return -1;
}

static void tell(const struct enforcer *e, enum enforcer_news news) {
	if (e->options.tell)
		e->options.tell(e->options.context, news);
}

static void reload(struct enforcer *e) {
	struct err err;

	e->reload_problem[0] = '\0';
	if (load_again(e, &err) < 0) {
		(void)err_prefix(&err, "the former configuration stays in force");
		(void)slice_copy(slice_of(err.text), e->reload_problem, sizeof(e->reload_problem));
		e->reload_time = clock_now();
		e->options.say(e->options.context, err.text);
		return;
	}
	hook_reload(e->hook);
	enforcer_read_host(e);
	if (projection_sync(e, false, &err) < 0)
		e->options.say(e->options.context, err.text);
}

int enforcer_run(struct enforcer *e, struct err *err) {
	enum server_call call = SERVER_RELOAD;

	tell(e, ENFORCER_READY);
	while (server_run(e->server, &call, err) == 0) {
		if (call == SERVER_END) {
			tell(e, ENFORCER_STOPPING);
			return 0;
		}
		tell(e, ENFORCER_RELOADING);
		reload(e);
		tell(e, ENFORCER_READY);
	}
	return -1;
}
