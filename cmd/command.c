#include <stdarg.h>
#include <string.h>

#include "common/mac.h"
#include "common/timefmt.h"

#include "cmd/cells.h"
#include "cmd/command.h"
#include "cmd/program.h"
#include "enforcer/control.h"

#define CELL_MAX (1U << 20)

int command_conf(struct command *c, struct err *err) {
	return c->conf ? 0 : conf_load(&c->conf, c->conf_file, NULL, err);
}

int command_connect(struct command *c, struct err *err) {
	if (c->client)
		return 0;
	if (command_conf(c, err) < 0)
		return -1;
	return client_open(&c->client, c->conf_file, c->conf, c->client_flags, err);
}

void command_release(struct command *c) {
	client_close(&c->client);
	conf_free(&c->conf);
}

/* Words of the command line stand in messages: what would steer a terminal is shown as its code. */
void command_warn(const char *format, ...) {
	char text[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)fflush(stdout);
	(void)fputs("provctl: ", stderr);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			(void)fprintf(stderr, "\\x%02x", *p);
		else
			(void)fputc(*p, stderr);
	}
	(void)fputc('\n', stderr);
}

void request_begin(struct buf *b, const struct command *c, const char *verb) {
	buf_init(b, CONTROL_REQUEST_MAX);
	js_begin(b, '{');
	js_put_string(b, "verb", verb);
	if (c->actor)
		js_put_string(b, "actor", c->actor);
	if (c->reason)
		js_put_string(b, "reason", c->reason);
}

struct answer {
	struct command *c;
	show_row show;
	void *context;
	struct listing *plain; /* of which rows are read without making a document of each, NULL: none */
};

static int listing_text(struct listing *l, struct slice text, bool *read, struct err *err);

static int answer_row(void *context, struct slice text, struct err *err) {
	struct answer *a = context;
	struct json *row = NULL;
	bool read = false;
	int result;

	if (a->c->json) {
		(void)fwrite(text.p, 1, text.n, stdout);
		(void)fputc('\n', stdout);
		return 0;
	}
	if (!a->show)
		return 0;
	if (a->plain && (listing_text(a->plain, text, &read, err) < 0 || read))
		return read ? 0 : -1;
	if (program_json(text, "the enforcer's answer", &row, err) < 0)
		return -1;
	result = a->show(a->c, a->context, row, err);
	js_free(&row);
	return result;
}

static int command_send(struct command *c, struct buf *request, show_row show, void *context, int *exit,
                        struct err *err) {
	struct listing *l = show == listing_row ? context : NULL;
	struct answer answer = {.c = c, .show = show, .context = context, .plain = l && l->plain ? l : NULL};
	struct client_reader reader = {.row = answer_row, .context = &answer};

	js_end(request, '}');
	if (request->failed)
		return err_set(err, ERR_INPUT, "%s: more than fits into one request", c->verb->name);
	if (command_connect(c, err) < 0)
		return -1;
	return client_request(c->client, (struct slice){request->p, request->n}, &reader, exit, err);
}

int command_ask(struct command *c, struct buf *request, show_row show, void *context, struct err *err) {
	int exit = 0;
	int result = command_send(c, request, show, context, &exit, err);

	buf_release(request);
	return result < 0 ? -1 : exit;
}

int word_mac(const char *text, uint64_t *mac, struct err *err) {
	if (!mac_parse(text, strlen(text), mac))
		return err_set(err, ERR_INPUT, "%s: not the MAC of a device", text);
	return 0;
}

int word_prefix(const char *text, struct prefix *at, struct err *err) {
	if (!prefix_parse(text, strlen(text), at))
		return err_set(err, ERR_INPUT, "%s: neither an address nor a prefix (whose host bits must be zero)", text);
	return 0;
}

int word_ip(const char *text, struct addr *ip, struct err *err) {
	if (!addr_parse(text, strlen(text), ip))
		return err_set(err, ERR_INPUT, "%s: not an address", text);
	return 0;
}

int put_account(struct buf *b, const struct command *c, struct err *err) {
	const char *account = options_value(&c->options, "account");

	if (!account)
		return 0;
	if (!account_is_sound(slice_of(account)))
		return err_set(err, ERR_INPUT, "--account: not 1 to %d of A-Za-z0-9._@-", EVENT_ACCOUNT_MAX);
	js_put_string(b, "account", account);
	return 0;
}

int put_duration(struct buf *b, const struct command *c, struct err *err) {
	const char *text = options_value(&c->options, "for");
	int64_t seconds;

	if (!text)
		return 0;
	if (!duration_parse(slice_of(text), &seconds) || seconds < 1)
		return err_set(err, ERR_INPUT, "--for %s: not a duration such as 90s, 15m, 24h or 7d", text);
	js_put_number(b, "for", seconds);
	return 0;
}

void put_mac(struct buf *b, uint64_t mac) {
	char text[MAC_TEXT];

	mac_print(mac, text);
	js_put_string(b, "mac", text);
}

void put_prefix(struct buf *b, const char *key, struct prefix at) {
	char text[PREFIX_TEXT];

	prefix_print(at, text);
	js_put_string(b, key, text);
}

static void value_text(struct buf *b, const struct json *value) {
	const char *text = js_string(value);

	if (text)
		buf_escaped(b, slice_of(text), CELL_MAX / 4);
	else if (js_is_number(value))
		buf_printf(b, "%lld", (long long)js_integer(value));
	else if (js_is_true(value))
		buf_text(b, "yes");
	else if (value && !js_is_null(value) && !js_is_array(value) && !js_is_object(value))
		buf_text(b, "no");
}

void member_text(struct buf *b, const struct json *row, const char *key) {
	const struct json *value = js_get(row, key);
	size_t start = b->n;

	if (!js_is_array(value))
		value_text(b, value);
	for (size_t i = 0; js_is_array(value) && i < js_length(value); i++) {
		buf_text(b, i > 0 ? ", " : "");
		value_text(b, js_at(value, i));
	}
	if (b->n == start)
		buf_byte(b, '-');
}

void member_line(struct buf *b, const struct json *row, const char *key) {
	struct slice text = slice_of(js_text(row, key));

	while (text.n > 0) {
		const char *backslash = memchr(text.p, '\\', text.n);
		size_t n = backslash ? (size_t)(backslash - text.p) : text.n;

		buf_escaped(b, (struct slice){text.p, n}, CELL_MAX / 4);
		if (backslash)
			buf_byte(b, '\\');
		n += backslash != NULL;
		text = (struct slice){text.p + n, text.n - n};
	}
}

/* As member_text, but not escaped: the table does that. */
static struct slice plain_cell(struct buf *b, const struct json *row, const char *key) {
	const char *text = js_text(row, key);
	size_t start = b->n;

	if (text)
		return slice_of(text);
	member_text(b, row, key);
	return (struct slice){b->p ? b->p + start : NULL, b->p ? b->n - start : 0};
}

static int listing_open(struct listing *l, struct err *err) {
	if (l->table)
		return 0;
	buf_init(&l->own, CELL_MAX);
	return table_new(&l->table, l->columns, stdout, terminal_width(stdout), err);
}

/* *read: it was such a row, and is shown. */
static int listing_text(struct listing *l, struct slice text, bool *read, struct err *err) {
	struct slice cells[TABLE_COLUMNS_MAX];
	unsigned n = 0;

	while (l->columns[n].title)
		n++;
	*read = false;
	if (listing_open(l, err) < 0)
		return -1;
	if (!cells_read(text, l->keys, n, cells, &l->own))
		return 0;
	for (unsigned i = 0; l->none.key && i < n; i++)
		if (cells[i].n == 0 && strcmp(l->keys[i], l->none.key) == 0)
			cells[i] = slice_of(l->none.text);
	if (table_row(l->table, cells, err) < 0)
		return -1;
	*read = true;
	return 0;
}

int listing_row(struct command *c, void *listing, const struct json *row, struct err *err) {
	struct listing *l = listing;
	struct slice cells[TABLE_COLUMNS_MAX] = {{0}};
	struct buf own[TABLE_COLUMNS_MAX];
	size_t n = 0;
	int result = -1;

	(void)c;
	if (listing_open(l, err) < 0)
		return -1;
	for (; l->columns[n].title; n++) {
		buf_init(&own[n], CELL_MAX);
		if (l->cell && l->cell(&own[n], row, l->keys[n]))
			cells[n] = (struct slice){own[n].p, own[n].n};
		else
			cells[n] = plain_cell(&own[n], row, l->keys[n]);
	}
	result = table_row(l->table, cells, err);
	while (n > 0)
		buf_release(&own[--n]);
	return result;
}

int command_list(struct command *c, struct buf *request, struct listing *l, struct err *err) {
	int result = command_ask(c, request, listing_row, l, err);

	if (result >= 0 && !c->json && (listing_open(l, err) < 0 || table_end(&l->table, err) < 0))
		result = -1;
	table_free(&l->table);
	buf_release(&l->own);
	return result;
}

void show_line(const char *label, const char *text) {
	char with_colon[32];

	(void)snprintf(with_colon, sizeof(with_colon), "%s%s", label, label[0] ? ":" : "");
	(void)printf("%-13s %s\n", with_colon, text);
}

void show_lines(const struct json *row, const struct line_row *lines) {
	struct buf b;

	buf_init(&b, CELL_MAX);
	for (; lines->key; lines++) {
		buf_clear(&b);
		member_text(&b, row, lines->key);
		buf_byte(&b, '\0');
		if (!b.failed && strcmp(b.p, "-") != 0)
			show_line(lines->label, b.p);
	}
	buf_release(&b);
}

void until_text(struct buf *b, const struct command *c, const char *until) {
	char left[TIME_TEXT];
	int64_t time;

	if (!until) {
		buf_text(b, "without end");
		return;
	}
	buf_text(b, "until ");
	buf_escaped(b, slice_of(until), TIME_TEXT);
	if (time_parse(slice_of(until), &time)) {
		duration_print(time - c->now, left);
		buf_printf(b, " (%s)", left);
	}
}
