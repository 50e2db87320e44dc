/* explain: why a device or an address stands as it does, and the command that changes it. */
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/verb.h"

#define EXPLAIN_RECORDS 200 /* of the newest, looked through for the one that tells why */

struct because {
	struct buf json;         /* the newest record that fits */
	const char *const *what; /* words that fit, NULL-terminated; NULL: any that left a line for the lock-state file */
};

static int because_each(void *context, const struct record *record, struct err *err) {
	struct because *because = context;
	bool fits = !because->what && record->line.n > 0;

	(void)err;
	for (size_t i = 0; because->what && because->what[i]; i++)
		fits = fits || strcmp(because->what[i], record->what) == 0;
	if (!fits)
		return 0;
	buf_clear(&because->json);
	js_begin(&because->json, '{');
	row_record(&because->json, record);
	js_end(&because->json, '}');
	return 0;
}

static int counting_each(void *context, const struct counting *c) {
	struct buf *b = context;

	js_begin(b, '{');
	js_put_string(b, "trigger", c->trigger);
	js_put_number(b, "count", c->count);
	js_put_number(b, "limit", c->limit);
	js_put_time(b, "first", c->first);
	js_put_time(b, "last", c->last);
	js_put_bool(b, "proven", c->proven);
	js_end(b, '}');
	return 0;
}

/* What explains both kinds: gathered before the row is begun. */
struct grounds {
	struct because because;
	struct buf counting;
};

static void grounds_init(struct grounds *g) {
	*g = (struct grounds){0};
	buf_init(&g->because.json, 64U << 10);
	buf_init(&g->counting, 256U << 10);
}

static void grounds_release(struct grounds *g) {
	buf_release(&g->because.json);
	buf_release(&g->counting);
}

static int grounds_gather(struct request *r, struct addr ip, struct prefix at, uint64_t mac, struct grounds *g,
                          struct err *err) {
	struct record_filter filter = {.mac = mac, .ip = at, .limit = EXPLAIN_RECORDS};

	js_begin(&g->counting, '[');
	if (judge_counting(r->judge, ip, mac, r->now, counting_each, &g->counting, err) < 0 ||
	    store_records(r->store, &filter, because_each, &g->because, err) < 0)
		return -1;
	js_end(&g->counting, ']');
	if (g->counting.failed || g->because.json.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	return 0;
}

static void grounds_row(struct buf *b, const struct grounds *g) {
	js_key(b, "because");
	if (g->because.json.n > 0)
		buf_add(b, g->because.json.p, g->because.json.n);
	else
		buf_text(b, "null");
	js_key(b, "counting");
	buf_add(b, g->counting.p, g->counting.n);
}

static void left_row(struct request *r, struct buf *b, int64_t until) {
	char text[TIME_TEXT];

	if (until != TIME_NONE)
		duration_print(until - r->now, text);
	js_put_string(b, "left", until == TIME_NONE ? NULL : text);
}

static void device_command(const struct device *d, const struct standing *standing, struct buf *command) {
	char mac[MAC_TEXT];

	mac_print(d->mac, mac);
	if (d->removed != TIME_NONE)
		buf_printf(command, "provctl add %s", mac);
	else if (d->custom)
		buf_printf(command, "provctl add %s --custom no", mac);
	else if (standing->state == DEVICE_HELD)
		buf_printf(command, "provctl unlock %s --support", mac);
	else
		buf_printf(command, "provctl %s %s", standing->open ? "lock" : "unlock", mac);
}

static int explain_device(struct request *r, struct err *err) {
	struct details details = {.registered = TIME_NONE};
	struct grounds grounds;
	struct standing standing;
	struct buf command, *b;
	uint64_t mac;
	int result = -1;

	grounds_init(&grounds);
	buf_init(&command, 128);
	if (arg_mac(r, &mac, err) < 0 || details_gather(r, mac, true, &details, err) < 0 ||
	    grounds_gather(r, (struct addr){{0}}, (struct prefix){.bits = 0}, mac, &grounds, err) < 0)
		goto out;
	device_standing(&details.device, r->conf, r->now, &standing);
	device_command(&details.device, &standing, &command);
	b = control_row(r);
	js_begin(b, '{');
	row_details(r, b, &details);
	left_row(r, b, standing.open ? standing.until : TIME_NONE);
	grounds_row(b, &grounds);
	js_put_text(b, "command", (struct slice){command.p, command.n});
	js_end(b, '}');
	control_row_end(r);
	result = 0;
out:
	buf_release(&command);
	grounds_release(&grounds);
	details_release(&details);
	return result;
}

/* Of the entries that hold the address: the one that decides, as the firewall asks them. */
static const struct ban *deciding(const struct address *a) {
	return a->nbans > 0 ? &a->bans[0] : NULL;
}

static void address_command(const struct address *a, struct buf *command) {
	const struct ban *ban = deciding(a);
	char at[PREFIX_TEXT];

	if ((a->status & IP_NEVER) || !ban)
		return;
	prefix_print(ban->at, at);
	if (ban->kind == BAN_ALLOW)
		buf_printf(command, "provctl allow %s --remove", at);
	else
		buf_printf(command, "provctl unban %s", at);
}

static int explain_address(struct request *r, struct err *err) {
	static const char *const what[] = {"banned",  "extended", "pending",  "blocked",
	                                   "allowed", "spared",   "reported", NULL};
	struct address a;
	struct grounds grounds;
	struct buf command, *b;
	const struct ban *ban;
	int result = -1;

	grounds_init(&grounds);
	grounds.because.what = what;
	buf_init(&command, 128);
	if (arg_ip(r, &a.ip, err) < 0 || address_gather(r, &a, err) < 0)
		goto out;
	ban = deciding(&a);
	if (grounds_gather(r, a.ip, ban ? ban->at : prefix_of(a.ip, 128), MAC_NONE, &grounds, err) < 0)
		goto out;
	address_command(&a, &command);
	b = control_row(r);
	js_begin(b, '{');
	row_address(r, b, &a);
	left_row(r, b, ban ? ban->until : TIME_NONE);
	grounds_row(b, &grounds);
	if (command.n > 0)
		js_put_text(b, "command", (struct slice){command.p, command.n});
	else
		js_put_string(b, "command", NULL);
	js_end(b, '}');
	control_row_end(r);
	result = 0;
out:
	buf_release(&command);
	grounds_release(&grounds);
	return result;
}

/* mac or ip */
int verb_explain(struct request *r, struct err *err) {
	return js_get(r->args, "mac") ? explain_device(r, err) : explain_address(r, err);
}
