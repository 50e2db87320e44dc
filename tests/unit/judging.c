#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/judging.h"

#define LOG "/var/log/phones.log"

static void judging_check(const struct judging *g, int result) {
	if (result < 0)
		fail_msg("%s", g->err.text);
}

static void conf_begin(struct judging *g, const char *extra) {
	const char *source = getenv("top_srcdir");
	char path[] = "/tmp/provctl-judging-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	int result;

	assert_non_null(file);
	assert_true(fprintf(file, "rules: [%s/rules]\n%s", source ? source : ".", extra) > 0);
	assert_int_equal(fclose(file), 0);
	result = conf_load(&g->conf, path, NULL, &g->err);
	unlink(path);
	judging_check(g, result);
}

void judging_begin(struct judging *g, const char *extra) {
	memset(g, 0, sizeof *g);
	conf_begin(g, extra);
	judging_check(g, store_open(&g->store, NULL, STORE_OWN, 0, NULL, &g->err));
	judging_check(g, judge_new(&g->judge, g->store, g->conf, NULL, &g->err));
	judging_check(g, store_begin(g->store, &g->err));
}

void judging_end(struct judging *g) {
	judge_free(&g->judge);
	store_close(&g->store);
	conf_free(&g->conf);
}

void judging_restart(struct judging *g) {
	judging_check(g, judge_flush(g->judge, &g->err));
	judging_check(g, store_commit(g->store, &g->err));
	judge_free(&g->judge);
	judging_check(g, judge_new(&g->judge, g->store, g->conf, NULL, &g->err));
	judging_check(g, store_begin(g->store, &g->err));
}

struct addr addr_of(const char *text) {
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

struct prefix prefix_of_text(const char *text) {
	struct prefix p;

	assert_true(prefix_parse(text, strlen(text), &p));
	return p;
}

uint64_t mac_of(unsigned n) {
	return 0x001565000000 + n;
}

void judging_device(struct judging *g, uint64_t mac, const char *account, const char *home) {
	struct device d = {.mac = mac, .state = DEVICE_LOCKED, .reason = REASON_PROVISIONED, .created = START - 30 * DAY};

	d.changed = START - 30 * DAY;
	snprintf(d.account, sizeof d.account, "%s", account);
	if (home) {
		d.homes.n = 1;
		d.homes.at[0] = (struct home){.at = prefix_of(addr_of(home), 128),
		                              .kind = HOME_PROVISIONED,
		                              .backed = true,
		                              .added = START - 30 * DAY,
		                              .used = START - HOUR,
		                              .country = {'D', 'E'}};
	}
	judging_check(g, store_device_put(g->store, &d, &g->err));
}

void judging_user(struct judging *g, uint64_t mac, const char *user) {
	struct device_user u = {.realm = ""};

	snprintf(u.user, sizeof u.user, "%s", user);
	judging_check(g, store_users_put(g->store, mac, &u, 1, &g->err));
}

void judging_event(struct judging *g, struct event e) {
	e.rule = slice_of("test.rule");
	e.line = slice_of("the line");
	judging_check(g, judge_event(g->judge, &e, slice_of(LOG), &g->err));
}

void judging_events(struct judging *g, struct event e, unsigned n) {
	for (unsigned i = 0; i < n; i++, e.time++)
		judging_event(g, e);
}

bool is_banned(struct judging *g, const char *address, int64_t time) {
	struct ban ban;
	int found = store_ban_of(g->store, BAN_BAN, addr_of(address), time, &ban, &g->err);

	judging_check(g, found);
	return found == 1 && !ban.pending;
}

struct ban ban_of(struct judging *g, const char *prefix, int64_t time) {
	struct ban ban;
	int found = store_ban(g->store, BAN_BAN, prefix_of_text(prefix), NULL, time, &ban, &g->err);

	judging_check(g, found);
	if (!found)
		fail_msg("%s is not banned", prefix);
	return ban;
}

struct wanted {
	const char *what, *rule;
	unsigned n;
};

static int count_record(void *context, const struct record *r, struct err *err) {
	struct wanted *w = context;

	(void)err;
	w->n += (!w->what || strcmp(r->what, w->what) == 0) && (!w->rule || slice_is(r->rule, w->rule));
	return 0;
}

unsigned recorded(struct judging *g, const char *what, const char *rule) {
	struct record_filter all = {.mac = MAC_NONE};
	struct wanted w = {what, rule, 0};

	judging_check(g, store_records(g->store, &all, count_record, &w, &g->err));
	return w.n;
}
