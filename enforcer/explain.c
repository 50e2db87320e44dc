/* explain: why a device or an address stands as it does, and the command that changes it. */
#include <string.h>

#include "common/timefmt.h"

#include "enforcer/verb.h"

#define EXPLAIN_RECORDS 10000 /* of the newest, looked through for those that tell why */

/* What explains both kinds: gathered before the row is begun. */
struct grounds {
	const struct request *r;
	bool of_device;      /* else of an address, */
	bool of_entry;       /* that a ban, a block or an allow holds */
	struct buf because;  /* JSON of the newest record that made it stand so */
	struct buf exposure; /* ... that exposed the device */
	struct buf counting;
};

static bool word_in(const char *word, const char *const *words) {
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static int record_each(void *context, const struct record *record, struct err *err) {
	static const char *const entries[] = {"banned", "extended", "pending", "blocked", "allowed", NULL};
	static const char *const reports[] = {"spared", "reported", NULL}; /* of who is not banned */
	/* Notes on a device: its state and its home stay as they were. */
	static const char *const notes[] = {"moved", "exposed", "cleared", "reported", "spared", NULL};
	struct grounds *g = context;
	struct buf *out = NULL;

	(void)err;
	if (g->of_device && strcmp(record->what, "exposed") == 0)
		out = &g->exposure;
	else if (g->of_device ? record->line.n > 0 && !word_in(record->what, notes)
	                      : word_in(record->what, g->of_entry ? entries : reports))
		out = &g->because;
	if (!out)
		return 0;
	buf_clear(out);
	js_begin(out, '{');
	row_record(g->r, out, record);
	js_end(out, '}');
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

static void grounds_init(struct grounds *g, const struct request *r, bool of_device) {
	*g = (struct grounds){.r = r, .of_device = of_device};
	buf_init(&g->because, 64U << 10);
	buf_init(&g->exposure, 64U << 10);
	buf_init(&g->counting, 256U << 10);
}

static void grounds_release(struct grounds *g) {
	buf_release(&g->because);
	buf_release(&g->exposure);
	buf_release(&g->counting);
}

static int grounds_gather(struct request *r, struct addr ip, struct prefix at, uint64_t mac, struct grounds *g,
                          struct err *err) {
	struct record_filter filter = {.mac = mac, .ip = at, .limit = EXPLAIN_RECORDS};

	js_begin(&g->counting, '[');
	if (judge_counting(r->judge, ip, mac, r->now, counting_each, &g->counting, err) < 0 ||
	    store_records(r->store, &filter, record_each, g, err) < 0)
		return -1;
	js_end(&g->counting, ']');
	if (g->counting.failed || g->because.failed || g->exposure.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	return 0;
}

static void record_row(struct buf *b, const char *key, const struct buf *record) {
	js_key(b, key);
	if (record->n > 0)
		buf_add(b, record->p, record->n);
	else
		buf_text(b, "null");
}

static void grounds_row(struct buf *b, const struct grounds *g) {
	record_row(b, "because", &g->because);
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

	grounds_init(&grounds, r, true);
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
	if (details.device.exposed == TIME_NONE)
		buf_clear(&grounds.exposure); /* it was cleared: history */
	record_row(b, "exposure", &grounds.exposure);
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

#define RESIDENTS_NAMED 20

/* macs: the first of the devices that live there. */
static int explain_address(struct request *r, struct err *err) {
	struct address a;
	uint64_t macs[RESIDENTS_NAMED];
	uint32_t nmacs = 0;
	struct grounds grounds;
	struct buf command, *b;
	const struct ban *ban;
	int result = -1;

	grounds_init(&grounds, r, false);
	buf_init(&command, 128);
	if (arg_ip(r, &a.ip, err) < 0 || address_gather(r, &a, err) < 0 ||
	    store_residents_named(r->store, r->conf, a.ip, macs, RESIDENTS_NAMED, &nmacs, err) < 0)
		goto out;
	ban = deciding(&a);
	grounds.of_entry = ban != NULL;
	if (grounds_gather(r, a.ip, ban ? ban->at : prefix_of(a.ip, 128), MAC_NONE, &grounds, err) < 0)
		goto out;
	address_command(&a, &command);
	b = control_row(r);
	js_begin(b, '{');
	row_address(r, b, &a);
	js_key(b, "macs");
	js_begin(b, '[');
	for (uint32_t i = 0; i < nmacs; i++) {
		char text[MAC_TEXT];

		mac_print(macs[i], text);
		js_item(b, slice_of(text));
	}
	js_end(b, ']');
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
