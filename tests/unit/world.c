#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

#define STORY_MAX 4096

static void world_must(int result, const struct err *err) {
	if (result < 0)
		fail_msg("%s", err->text);
}

void world_open(struct world *w) {
	struct err err;

	memset(w, 0, sizeof(*w));
	w->conf.mode = MODE_ENFORCE;
	w->conf.devices.learn = true;
	w->conf.devices.unlisted_open = true;
	w->conf.devices.max_devices = 1000;
	w->conf.devices.new_for = DAY;
	w->conf.devices.unlock_for = DAY;
	w->conf.devices.follow_polls = true;
	w->conf.devices.cascade = true;
	w->conf.devices.same_network.bits4 = 128;
	w->conf.devices.same_network.bits6 = 64;
	w->conf.spare_homes = 3;
	w->conf.firewall.bans_per_minute = 600;
	w->conf.firewall.unproven_bans_per_minute = 60;
	w->conf.firewall.max_bans = 1000;
	w->conf.firewall.max_pending = 1000;
	w->conf.record.keep = 90 * (int64_t)DAY;
	w->conf.record.max = 1 << 30;
	world_must(store_open(&w->store, NULL, STORE_OWN, 0, NULL, &err), &err);
	world_must(judge_new(&w->judge, w->store, &w->conf, NULL, &err), &err);
}

void world_close(struct world *w) {
	judge_free(&w->judge);
	store_close(&w->store);
}

uint64_t world_mac(char device) {
	return 0x001565abcd00 + (uint64_t)(unsigned char)device - 'A';
}

/* One step, taken apart. */
struct step {
	int64_t time;
	char verb[32];
	char device;
	struct prefix at;
	bool has_at, support, no_home, locks, adopt;
	int64_t lasts, created;
	int fails;
	const char *account;
	char user[2]; /* a device's user is called as the device */
	struct event e;
	struct inventory_row row;
	struct device_user owner;
};

static void step_homes(struct step *s, char *list) {
	char *rest = list;

	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ","))
		assert_true(prefix_parse(word, strlen(word), &s->row.homes.at[s->row.homes.n++].at));
}

static uint64_t number_of(const char *text) {
	uint64_t number;

	assert_true(slice_number(slice_of(text), UINT32_MAX, &number));
	return number;
}

static bool step_setting(struct step *s, char *word) {
	char *value = strchr(word, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(word, "") == 0)
		s->fails = (int)number_of(value);
	else if (strcmp(word, "says") == 0)
		s->e.version = slice_of(value);
	else if (strcmp(word, "asn") == 0)
		s->e.asn = (uint32_t)number_of(value);
	else if (strcmp(word, "country") == 0)
		memcpy(s->e.country, value, 2);
	else if (strcmp(word, "folder") == 0)
		s->e.folder = slice_of(value);
	else if (strcmp(word, "user") == 0)
		s->e.user = slice_of(value);
	else if (strcmp(word, "for") == 0)
		assert_true(duration_parse(slice_of(value), &s->lasts));
	else if (strcmp(word, "account") == 0)
		s->account = value;
	else if (strcmp(word, "homes") == 0)
		step_homes(s, value);
	else if (strcmp(word, "created") == 0)
		assert_true(duration_parse(slice_of(value), &s->created));
	else if (strcmp(word, "custom") == 0)
		s->row.custom = strcmp(value, "yes") == 0 ? TRI_YES : TRI_NO;
	else
		return false;
	return true;
}

static bool step_flag(struct step *s, const char *word) {
	if (word[0] >= 'A' && word[0] <= 'Z' && word[1] == '\0')
		s->device = word[0];
	else if (strcmp(word, "imposter") == 0)
		s->e.imposter = TRI_YES;
	else if (strcmp(word, "phone") == 0)
		s->e.imposter = TRI_NO;
	else if (strcmp(word, "unproven") == 0)
		s->e.proof = PROOF_NONE;
	else if (strcmp(word, "support") == 0)
		s->support = true;
	else if (strcmp(word, "no-home") == 0)
		s->no_home = true;
	else if (strcmp(word, "locks") == 0)
		s->locks = true;
	else if (strcmp(word, "adopt") == 0)
		s->adopt = true;
	else
		return false;
	return true;
}

static void step_read(struct step *s, char *text) {
	char *rest = text;
	unsigned n = 0;

	*s = (struct step){.device = 'A', .account = "acct1", .created = -1};
	s->e.proof = PROOF_HANDSHAKE;
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		if (*word == '\0')
			continue;
		if (n == 0)
			assert_true(duration_parse(slice_of(word), &s->time));
		else if (n == 1)
			assert_true(slice_copy(slice_of(word), s->verb, sizeof(s->verb)));
		else if (prefix_parse(word, strlen(word), &s->at))
			s->has_at = true;
		else if (!step_flag(s, word) && !step_setting(s, word))
			fail_msg("no such word in a story: %s", word);
		n++;
	}
	assert_true(n >= 2);
	s->time += EPOCH;
}

static bool event_of_verb(const char *verb, enum event_kind *kind) {
	char name[64];

	if (event_kind_parse(slice_of(verb), kind))
		return true;
	(void)snprintf(name, sizeof(name), "provision.%s", verb);
	return event_kind_parse(slice_of(name), kind);
}

static int see_event(struct world *w, const struct event *e, struct err *err) {
	struct quiet_row row = {0};
	struct quiet_found found = {0};
	int quiet = w->quiet ? judge_quiet(w->judge, e, &row, &found, false, err) : 0;

	w->hushed += quiet > 0;
	if (quiet != 0)
		return quiet < 0 ? -1 : 0;
	return judge_event(w->judge, e, slice_of("test.log"), err);
}

static int step_event(struct world *w, struct step *s, enum event_kind kind, struct err *err) {
	struct event *e = &s->e;

	e->kind = kind;
	e->time = s->time;
	e->ip = s->has_at ? s->at.base : (struct addr){0};
	e->offset = w->offset++;
	e->rule = slice_of("test");
	e->line = slice_of("a line");
	e->account = slice_of(s->account);
	s->user[0] = s->device;
	if (kind >= EVENT_SIP_REGISTERED && kind <= EVENT_SIP_FLOOD)
		e->user = e->user.n ? e->user : slice_of(s->user);
	else
		e->mac = world_mac(s->device);
	if (strcmp(s->verb, "suspect") == 0)
		return lock_suspect(w->judge, world_mac(s->device), e, "attack on a device", err);
	return see_event(w, e, err);
}

static int unlock_told(void *context, const struct device *d, const char *skipped) {
	(void)context;
	(void)d;
	(void)skipped;
	return 0;
}

static int step_inventory(struct world *w, struct step *s, const struct order *o, bool import, struct err *err) {
	enum inventory_change change;
	bool stale;

	s->owner.user[0] = s->device;
	s->row.mac = world_mac(s->device);
	(void)slice_copy(slice_of(s->account), s->row.account, sizeof(s->row.account));
	s->row.created = s->created >= 0 ? s->time - s->created : TIME_NONE;
	s->row.users = &s->owner;
	s->row.nusers = 1;
	s->row.has_users = true;
	return judge_inventory(w->judge, o, &s->row, s->adopt, import, &change, &stale, err);
}

/* When a generator can have read the file with the device's present line. */
static int step_published(struct world *w, const struct step *s, struct err *err) {
	struct device d;
	int found = store_device(w->store, world_mac(s->device), &d, err);

	assert_int_equal(found, 1);
	d.published = s->time;
	return store_device_put(w->store, &d, err);
}

static int step_command(struct world *w, struct step *s, struct err *err) {
	struct order o = {.time = s->time, .uid = 1000, .actor = slice_of("anna"), .reason = slice_of("because")};
	struct judge *j = w->judge;
	uint64_t mac = world_mac(s->device);
	struct unlock_result result;
	struct window window;
	bool lifted;

	if (strcmp(s->verb, "unlock") == 0)
		return judge_unlock(j, &o, mac, s->lasts, s->support, &result, err);
	if (strcmp(s->verb, "unlock-account") == 0)
		return judge_unlock_account(j, &o, s->account, s->lasts, false, unlock_told, NULL, err);
	if (strcmp(s->verb, "lock") == 0)
		return judge_lock(j, &o, mac, s->no_home, err);
	if (strcmp(s->verb, "home-add") == 0 || strcmp(s->verb, "home-remove") == 0)
		return judge_home(j, &o, mac, s->at, s->verb[5] == 'a', err);
	if (strcmp(s->verb, "network-add") == 0 || strcmp(s->verb, "network-remove") == 0)
		return judge_network(j, &o, s->at, s->account, s->verb[8] == 'a', err);
	if (strcmp(s->verb, "window-open") == 0)
		return judge_window_open(j, &o, s->at, s->account, s->lasts / HOUR, &window, &lifted, err);
	if (strcmp(s->verb, "window-close") == 0)
		return judge_window_close(j, &o, s->at, s->account, err);
	if (strcmp(s->verb, "clear-exposed") == 0)
		return judge_clear_exposed(j, &o, mac, err);
	if (strcmp(s->verb, "add") == 0 || strcmp(s->verb, "import") == 0)
		return step_inventory(w, s, &o, s->verb[0] == 'i', err);
	if (strcmp(s->verb, "remove") == 0)
		return judge_remove(j, &o, mac, err);
	if (strcmp(s->verb, "pause") == 0)
		return judge_pause(j, &o, s->lasts, s->locks, err);
	if (strcmp(s->verb, "resume") == 0)
		return judge_resume(j, &o, err);
	if (strcmp(s->verb, "published") == 0)
		return step_published(w, s, err);
	if (strcmp(s->verb, "watch") == 0 || strcmp(s->verb, "enforce") == 0)
		w->conf.mode = s->verb[0] == 'w' ? MODE_WATCH : MODE_ENFORCE;
	else
		fail_msg("no such step: %s", s->verb);
	return 0;
}

void world_commit(struct world *w) {
	struct err err;

	world_must(judge_flush(w->judge, &err), &err);
	world_must(store_commit(w->store, &err), &err);
}

static bool world_is_due(const struct world *w, unsigned every) {
	return every != 0 && w->steps % every == 0;
}

static void world_step(struct world *w, char *text) {
	struct err err = {.text = "went well"};
	enum event_kind kind = EVENT_SIP_AUTH_FAILED; /* what a suspicion comes from */
	unsigned batch = w->batch ? w->batch : 1;
	struct step s;
	int result;

	step_read(&s, text);
	if (world_is_due(w, batch))
		world_must(store_begin(w->store, &err), &err);
	if (strcmp(s.verb, "suspect") == 0 || event_of_verb(s.verb, &kind))
		result = step_event(w, &s, kind, &err);
	else
		result = step_command(w, &s, &err);
	if (s.fails ? result == 0 || (int)err.class != s.fails : result != 0)
		fail_msg("%s: %s", s.verb, err.text);
	w->steps++;
	if (result != 0) {
		assert_int_equal(batch, 1);
		store_rollback(w->store);
		judge_forget(w->judge);
	} else if (world_is_due(w, batch)) {
		world_commit(w);
	}
	if (world_is_due(w, w->restarts)) {
		judge_free(&w->judge);
		world_must(judge_new(&w->judge, w->store, &w->conf, NULL, &err), &err);
	}
}

void world_tell(struct world *w, const char *story) {
	char text[STORY_MAX];
	char *rest = text;

	assert_true(slice_copy(slice_of(story), text, sizeof(text)));
	for (char *step = strsep(&rest, ";"); step; step = strsep(&rest, ";"))
		if (strspn(step, " ") < strlen(step))
			world_step(w, step);
}

static void device_text(const struct world *w, const struct device *d, struct buf *out) {
	char ip[ADDR_TEXT];

	device_line(d, &w->conf, out);
	if (d->exposed != TIME_NONE) {
		addr_print(d->exposed_to, ip);
		buf_printf(out, " exposed %s", ip);
	}
	if (d->nmoved > 0)
		buf_text(out, " moved");
	for (uint32_t i = 0; i < d->nmoved; i++) {
		addr_print(d->moved[i].ip, ip);
		buf_printf(out, " %s", ip);
	}
	if (d->custom)
		buf_text(out, " custom");
}

void world_device(struct world *w, char device, char *out, size_t size) {
	struct device d;
	struct buf text;
	struct err err;
	int found = store_device(w->store, world_mac(device), &d, &err);

	world_must(found, &err);
	buf_init(&text, 4096);
	if (found == 0)
		buf_text(&text, "unknown");
	else
		device_text(w, &d, &text);
	assert_true(slice_copy((struct slice){text.p, text.n}, out, size));
	buf_release(&text);
}

static int dump_device(void *context, const struct device *d, struct err *err) {
	struct buf *out = context;

	(void)err;
	buf_printf(out,
	           "%012llx %d %d %d created %lld changed %lld unlock %lld %lld %d lapsed %d flags %d%d%d exposed %lld ",
	           (unsigned long long)d->mac, d->state, d->reason, d->removed != TIME_NONE, (long long)d->created,
	           (long long)d->changed, (long long)d->unlock_start, (long long)d->unlock_end, d->unlock_account,
	           d->lapsed_reason, d->learned, d->adopt, d->custom, (long long)d->exposed);
	buf_printf(out, "%d before %d %d says %s moved %llu homes", d->folder != 0, d->before.state, d->before.reason,
	           d->version, (unsigned long long)d->moved_count);
	for (uint32_t i = 0; i < d->homes.n; i++) {
		const struct home *h = &d->homes.at[i];
		char at[PREFIX_TEXT];

		prefix_print(h->at, at);
		buf_printf(out, " %s/%d/%d/%lld/%lld", at, h->kind, h->backed, (long long)h->added, (long long)h->used);
	}
	for (uint32_t i = 0; i < d->nmoved; i++) {
		char ip[ADDR_TEXT];

		addr_print(d->moved[i].ip, ip);
		buf_printf(out, " %s %lld %lld %u %d", ip, (long long)d->moved[i].first, (long long)d->moved[i].last,
		           d->moved[i].count, d->moved[i].served);
	}
	buf_byte(out, '\n');
	return 0;
}

static int dump_record(void *context, const struct record *r, struct err *err) {
	struct buf *out = context;

	(void)err;
	buf_printf(out, "%lld %s %012llx %.*s | %.*s | %.*s\n", (long long)r->time, r->what, (unsigned long long)r->mac,
	           (int)r->rule.n, r->rule.p, (int)r->detail.n, r->detail.p, (int)r->line.n, r->line.p);
	return 0;
}

char *world_dump(struct world *w) {
	struct device_filter filter = {.shard = -1, .removed = true};
	struct record_filter all = {.mac = MAC_NONE};
	struct buf out;
	struct err err;

	buf_init(&out, 16 << 20);
	world_must(store_devices(w->store, &filter, dump_device, &out, &err), &err);
	world_must(store_records(w->store, &all, dump_record, &out, &err), &err);
	buf_printf(&out, "%lld\n", (long long)judge_time(w->judge));
	buf_byte(&out, '\0');
	assert_false(out.failed);
	return out.p;
}
