#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/census.h"
#include "enforcer/enforcer.h"
#include "enforcer/metrics.h"

/* What one source comes to, all of its logs together. */
struct source {
	int64_t lag, lines, unreadable, skipped, lost, high_time;
};

/* Gathered whole before the first line is written, as a text cannot fail half-way. */
struct metrics {
	struct request *r;
	const struct counts *counts; /* NULL: not counted yet */
	struct source *sources;      /* one a configured source, and one for all other logs */
	uint32_t nsources;
	int64_t kinds[EVENT_KINDS];
	int64_t tokens[ROLES];
	struct device_sums devices;
	struct judge_sums sums;
	struct hook_counts hook;
	int64_t lines, early, unbelieved, leaks, drift, hook_lost;
	int64_t bans, pending, database, record, backup, problems, enforcing, paused, locks_paused, started, time;
	int64_t portal_requests, portal_failures, portal_refusals, lifts;
};

/* ---- gathering ---- */

static int gather_sum(void *context, const char *name, int64_t value) {
	static const struct {
		const char *name;
		size_t at;
	} sums[] = {
		{"lines", offsetof(struct metrics, lines)},
		{"early", offsetof(struct metrics, early)},
		{"events.unbelieved", offsetof(struct metrics, unbelieved)},
		{"leaks", offsetof(struct metrics, leaks)},
		{"drift", offsetof(struct metrics, drift)},
		{"hook.lost", offsetof(struct metrics, hook_lost)},
	};
	struct metrics *m = context;
	enum event_kind kind;

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (strcmp(name, sums[i].name) == 0)
			*(int64_t *)(void *)((char *)m + sums[i].at) = value;
	if (strncmp(name, "events.", 7) == 0 && event_kind_parse(slice_of(name + 7), &kind))
		m->kinds[kind] = value;
	return 0;
}

static int gather_cursor(void *context, const struct cursor *c) {
	struct metrics *m = context;
	const struct conf *conf = m->r->conf;
	struct source *s;
	uint32_t i = 0;

	while (i < conf->nsources && !slice_is(c->name, conf->sources[i].path))
		i++;
	s = &m->sources[i];
	s->lag += c->size > (int64_t)c->offset ? c->size - (int64_t)c->offset : 0;
	s->lines += (int64_t)c->lines;
	s->unreadable += (int64_t)c->unreadable;
	s->skipped += (int64_t)c->skipped;
	s->lost += (int64_t)c->lost;
	if (c->high_time > s->high_time)
		s->high_time = c->high_time;
	return 0;
}

static void gather_problem(void *context, const char *what, const char *text, int64_t since) {
	struct metrics *m = context;

	(void)what;
	(void)text;
	(void)since;
	m->problems++;
}

static int gather_notice(void *context, struct slice name, struct slice text, int64_t time) {
	struct metrics *m = context;

	(void)name;
	(void)text;
	(void)time;
	m->problems++;
	return 0;
}

static int gather(struct metrics *m, struct err *err) {
	struct request *r = m->r;
	const struct meter *meter = &r->enforcer->meter;
	bool bans, locks;

	if (census_ask(r->enforcer, &m->counts, err) < 0 || store_device_sums(r->store, r->now, 0, &m->devices, err) < 0 ||
	    store_cursors(r->store, gather_cursor, m, err) < 0 || store_sums(r->store, gather_sum, m, err) < 0 ||
	    store_notices(r->store, gather_notice, m, err) < 0 ||
	    store_ban_counts(r->store, r->now, &m->bans, &m->pending, err) < 0 ||
	    store_token_counts(r->store, m->tokens, err) < 0 || store_hook_counts(r->store, &m->hook, err) < 0 ||
	    store_number(r->store, "record.bytes", &m->record, err) < 0 || store_bytes(r->store, &m->database, err) < 0 ||
	    store_backup_time(r->store, &m->backup, err) < 0 || judge_paused(r->judge, r->now, &bans, &locks, err) < 0)
		return -1;
	enforcer_problems(r->enforcer, gather_problem, m);
	enforcer_sums(r->enforcer, &m->sums);
	m->enforcing = r->conf->mode != MODE_WATCH;
	m->paused = bans;
	m->locks_paused = locks;
	m->started = r->enforcer->started;
	m->time = judge_time(r->judge);
	m->portal_requests = (int64_t)meter->portal_requests;
	m->portal_failures = (int64_t)meter->portal_failures;
	m->portal_refusals = (int64_t)meter->portal_refusals;
	m->lifts = (int64_t)meter->lifts;
	return 0;
}

/* ---- writing ---- */

struct metric {
	const char *name, *type, *help;
	size_t at; /* of a number in struct metrics, where put is NULL */
	void (*put)(const struct metrics *m, const struct metric *row, struct buf *out);
	int extra; /* for put */
};

static void put_label(struct buf *out, struct slice value) {
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\\' || value.p[i] == '"')
			buf_byte(out, '\\');
		if (value.p[i] == '\n')
			buf_text(out, "\\n");
		else
			buf_byte(out, value.p[i]);
	}
}

static void put_labelled(const struct metric *row, struct buf *out, const char *label, const char *value,
                         int64_t number) {
	buf_printf(out, "%s{%s=\"", row->name, label);
	put_label(out, slice_of(value));
	buf_printf(out, "\"} %lld\n", (long long)number);
}

static void put_info(const struct metrics *m, const struct metric *row, struct buf *out) {
	(void)m;
	put_labelled(row, out, "version", PACKAGE_VERSION, 1);
}

static void put_backup(const struct metrics *m, const struct metric *row, struct buf *out) {
	if (m->backup != TIME_NONE)
		buf_printf(out, "%s %lld\n", row->name, (long long)m->backup);
}

static void put_kinds(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (int i = 0; i < EVENT_KINDS; i++)
		put_labelled(row, out, "kind", event_kind_name((enum event_kind)i), m->kinds[i]);
}

static void put_rules(const struct metrics *m, const struct metric *row, struct buf *out) {
	const struct meter *meter = &m->r->enforcer->meter;

	for (unsigned i = 0; i < METER_RULES; i++)
		if (meter->rules[i].id[0])
			put_labelled(row, out, "rule", meter->rules[i].id, (int64_t)meter->rules[i].events);
	if (meter->other > 0)
		put_labelled(row, out, "rule", "", (int64_t)meter->other);
}

static void put_changes(const struct metrics *m, const struct metric *row, struct buf *out) {
	const struct judge_sums *s = &m->sums;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"learned", s->learned},   {"locked", s->locked},   {"opened", s->opened},       {"moved", s->moved},
		{"exposed", s->exposed},   {"held", s->held},       {"suspected", s->suspected}, {"banned", s->banned},
		{"extended", s->extended}, {"pending", s->pending}, {"spared", s->spared},       {"reported", s->reported},
		{"late", s->late},         {"ignored", s->ignored},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_labelled(row, out, "what", rows[i].name, (int64_t)rows[i].value);
}

static void put_states(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (enum device_state i = DEVICE_NEW; i <= DEVICE_HELD; i++)
		put_labelled(row, out, "state", device_state_name(i), m->devices.by_state[i]);
}

static void put_reasons(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (enum reason i = REASON_PROVISIONED; m->counts && i < REASONS; i++)
		put_labelled(row, out, "reason", reason_name(i), m->counts->reasons[i]);
}

/* A number of the census. */
static void put_count(const struct metrics *m, const struct metric *row, struct buf *out) {
	if (m->counts)
		buf_printf(out, "%s %lld\n", row->name,
		           (long long)*(const int64_t *)(const void *)((const char *)m->counts + row->extra));
}

static void put_triggers(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (unsigned i = 0; m->counts && i < m->counts->ntriggers; i++)
		put_labelled(row, out, "trigger", m->counts->triggers[i].trigger[0] ? m->counts->triggers[i].trigger : "-",
		             m->counts->triggers[i].bans);
	if (m->counts && m->counts->other > 0)
		put_labelled(row, out, "trigger", "", m->counts->other);
}

static void put_roles(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (enum token_role i = ROLE_OPERATOR; i < ROLES; i++)
		put_labelled(row, out, "role", token_role_name(i), m->tokens[i]);
}

static void put_sources(const struct metrics *m, const struct metric *row, struct buf *out) {
	for (uint32_t i = 0; i < m->nsources; i++) {
		const struct source *s = &m->sources[i];
		int64_t value = *(const int64_t *)(const void *)((const char *)s + row->extra);

		if (i < m->r->conf->nsources)
			put_labelled(row, out, "source", m->r->conf->sources[i].path, value);
		else if (s->lines > 0)
			put_labelled(row, out, "source", "", value);
	}
}

static void put_seconds(struct buf *out, int64_t value, int64_t unit) {
	int64_t rest = value % unit;

	buf_printf(out, "%lld", (long long)(value / unit));
	if (rest > 0)
		buf_byte(out, '.');
	for (int64_t digit = unit / 10; rest > 0; digit /= 10) {
		buf_byte(out, (char)('0' + rest / digit));
		rest %= digit;
	}
}

static void put_histogram(const struct metrics *m, const struct metric *row, struct buf *out) {
	const struct meter_scale *scale = &meter_scales[row->extra];
	const struct meter_histogram *h = &m->r->enforcer->meter.of[row->extra];
	uint64_t n = 0;

	for (unsigned i = 0; i < METER_BOUNDS; i++) {
		n += h->buckets[i];
		buf_printf(out, "%s_bucket{le=\"", row->name);
		put_seconds(out, scale->bounds[i], scale->unit);
		buf_printf(out, "\"} %llu\n", (unsigned long long)n);
	}
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", row->name, (unsigned long long)h->n, row->name);
	put_seconds(out, h->sum, scale->unit);
	buf_printf(out, "\n%s_count %llu\n", row->name, (unsigned long long)h->n);
}

#define NUMBER(member) offsetof(struct metrics, member), NULL, 0
#define COUNT(member)  0, put_count, (int)offsetof(struct counts, member)
#define SOURCE(member) 0, put_sources, (int)offsetof(struct source, member)

/* clang-format off */
static const struct metric table[] = {
	{"provctl_info", "gauge", "The release that runs.", 0, put_info, 0},
	{"provctl_start_time_seconds", "gauge", "When the enforcer started.", NUMBER(started)},
	{"provctl_state_time_seconds", "gauge", "Time of the newest event or command that was applied.", NUMBER(time)},
	{"provctl_enforcing", "gauge", "1: bans and locks are in force; 0: mode watch.", NUMBER(enforcing)},
	{"provctl_paused", "gauge", "1: no address is banned, by pause.", NUMBER(paused)},
	{"provctl_locks_paused", "gauge", "1: no device is locked, by pause --locks.", NUMBER(locks_paused)},
	{"provctl_problems", "gauge", "Standing problems of the enforcer and of sources; provctl status names them.", NUMBER(problems)},
	{"provctl_database_bytes", "gauge", "Size of the state's file.", NUMBER(database)},
	{"provctl_record_bytes", "gauge", "Size of the record of changes.", NUMBER(record)},
	{"provctl_backup_time_seconds", "gauge", "When the newest backup of the state was made; absent where there is none.", 0, put_backup, 0},

	{"provctl_lines_total", "counter", "Log lines read.", NUMBER(lines)},
	{"provctl_events_total", "counter", "Events by kind.", 0, put_kinds, 0},
	{"provctl_events_early_total", "counter", "Events kept aside as they were ahead of the clock.", NUMBER(early)},
	{"provctl_events_unbelieved_total", "counter", "Inventory events of sources that are not marked inventory.", NUMBER(unbelieved)},
	{"provctl_rule_matches_total", "counter", "Events by the rule that made them.", 0, put_rules, 0},
	{"provctl_source_lag_bytes", "gauge", "Bytes of a source that are yet to be read.", SOURCE(lag)},
	{"provctl_source_last_event_time_seconds", "gauge", "Time of the newest event of a source; 0: none yet.", SOURCE(high_time)},
	{"provctl_source_lines", "gauge", "Lines read of the logs of a source that are known still.", SOURCE(lines)},
	{"provctl_source_unreadable_lines", "gauge", "Those of them that the format cannot read.", SOURCE(unreadable)},
	{"provctl_source_skipped_lines", "gauge", "Those that were too long, or that a pattern spent too much on.", SOURCE(skipped)},
	{"provctl_source_lost_bytes", "gauge", "Bytes that were gone before they were read.", SOURCE(lost)},
	{"provctl_decision_lag_seconds", "histogram", "From the stamp of a line, a whole second, to its decision.", 0, put_histogram, METER_LAG},
	{"provctl_changes_total", "counter", "What events and commands came to.", 0, put_changes, 0},

	{"provctl_devices", "gauge", "Devices by state.", 0, put_states, 0},
	{"provctl_devices_locked", "gauge", "Locked devices by the reason of the lock.", 0, put_reasons, 0},
	{"provctl_devices_exposed", "gauge", "Devices that were served to an address while locked to another.", NUMBER(devices.exposed.n)},
	{"provctl_devices_moved", "gauge", "Devices that were asked for from elsewhere.", NUMBER(devices.moved)},
	{"provctl_devices_custom", "gauge", "Devices with a custom config file.", NUMBER(devices.custom)},

	{"provctl_bans", "gauge", "Bans in force.", NUMBER(bans)},
	{"provctl_bans_pending", "gauge", "Bans that wait for a cap.", NUMBER(pending)},
	{"provctl_bans_by_trigger", "gauge", "Bans in force by trigger; - is by hand.", 0, put_triggers, 0},
	{"provctl_blocks", "gauge", "Blocks in force.", COUNT(blocks)},
	{"provctl_allows", "gauge", "Allows in force.", COUNT(allows)},
	{"provctl_leaks_total", "counter", "Events from addresses that the firewall should have stopped.", NUMBER(leaks)},
	{"provctl_firewall_drift_total", "counter", "How often others changed the table, which was made anew.", NUMBER(drift)},

	{"provctl_command_duration_seconds", "histogram", "Time of a command or a request of the portal.", 0, put_histogram, METER_COMMAND},
	{"provctl_publish_duration_seconds", "histogram", "Time to write the published files.", 0, put_histogram, METER_PUBLISH},
	{"provctl_netlink_duration_seconds", "histogram", "Time of a transaction of the firewall.", 0, put_histogram, METER_NETLINK},

	{"provctl_hook_waiting", "gauge", "Documents that the hook is yet to be told.", NUMBER(hook.waiting)},
	{"provctl_hook_aside", "gauge", "Documents that the hook failed on for good.", NUMBER(hook.aside)},
	{"provctl_hook_lost_total", "counter", "Documents that found no room.", NUMBER(hook_lost)},

	{"provctl_tokens", "gauge", "Tokens of the portal by role.", 0, put_roles, 0},
	{"provctl_portal_requests_total", "counter", "Requests of the portal.", NUMBER(portal_requests)},
	{"provctl_portal_failures_total", "counter", "Those with a wrong token.", NUMBER(portal_failures)},
	{"provctl_portal_refusals_total", "counter", "Those that the token's role does not allow.", NUMBER(portal_refusals)},
	{"provctl_portal_lifts_total", "counter", "Addresses that lifted their own ban.", NUMBER(lifts)},
};
/* clang-format on */

int metrics_text(struct request *r, struct buf *out, struct err *err) {
	struct metrics m = {.r = r, .nsources = r->conf->nsources + 1};
	int result = -1;

	m.sources = calloc(m.nsources, sizeof(*m.sources));
	if (!m.sources)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (gather(&m, err) < 0)
		goto out;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct metric *row = &table[i];

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, row->type);
		if (row->put)
			row->put(&m, row, out);
		else
			buf_printf(out, "%s %lld\n", row->name,
			           (long long)*(const int64_t *)(const void *)((const char *)&m + row->at));
	}
	result = out->failed ? err_set(err, ERR_SYSTEM, "metrics: out of memory") : 0;
out:
	free(m.sources);
	return result;
}
