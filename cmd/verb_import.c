/* provctl import: the inventory from CSV. The whole file is read and checked before anything is changed; devices then go to the
 * enforcer in the order of their MACs, in chunks that are a transaction each, so that --prune of a chunk is about the MACs
 * from the chunk before to its last. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mac.h"
#include "common/timefmt.h"

#include "cmd/command.h"
#include "cmd/csv.h"
#include "enforcer/store.h"

#define FILE_MAX    (1UL << 30)
#define CHUNK_ROWS  20000      /* devices of one request: fewer write the same places of the indexes more often */
#define CHUNK_BYTES (4U << 20) /* of one request, far below what is allowed: one device more always fits */
#define FAULTS_TOLD 100        /* more are only counted */
#define USERS_MAX   64         /* SIP users of one device */
#define HIGHEST_MAC 0xfeffffffffffULL

enum column {
	COLUMN_MAC,
	COLUMN_ACCOUNT,
	COLUMN_CREATED,
	COLUMN_HOME,
	COLUMN_USER,
	COLUMN_REALM,
	COLUMN_CUSTOM,
	COLUMNS
};

static const char *const column_names[COLUMNS + 1] = {"mac",  "account", "created", "home",
                                                      "user", "realm",   "custom",  NULL};

struct row {
	uint64_t mac;
	const char *field[COLUMNS]; /* "" where the file has no such column; COLUMN_MAC is unused */
	uint32_t line;
};

struct inventory {
	const char *name; /* of the file */
	char *text;
	int at[COLUMNS]; /* which field of a record holds it, -1 none */
	unsigned ncolumns;
	struct row *rows;
	size_t n, room;
	unsigned faults;
};

static void fault(struct inventory *inv, uint32_t line, uint32_t column, const char *what, const char *why) {
	if (inv->faults++ < FAULTS_TOLD)
		command_warn("%s:%u:%u: %s%s%s", inv->name, line, column, what, what[0] ? ": " : "", why);
}

static int file_read(struct inventory *inv, size_t *n, struct err *err) {
	bool is_stdin = strcmp(inv->name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(inv->name, "re");
	size_t room = 0;
	int result = -1;

	*n = 0;
	if (!file) {
		(void)err_errno(err, "import: %s", inv->name);
		err->class = errno == ENOENT ? ERR_INPUT : ERR_SYSTEM;
		return -1;
	}
	do {
		if (*n + 1 >= room) {
			char *text;

			room = room ? room * 2 : 1U << 20;
			text = room <= FILE_MAX ? realloc(inv->text, room) : NULL;
			if (!text) {
				(void)err_set(err, ERR_INPUT, "import: %s: too large", inv->name);
				goto out;
			}
			inv->text = text;
		}
		*n += fread(inv->text + *n, 1, room - *n - 1, file);
	} while (!feof(file) && !ferror(file));
	if (ferror(file)) {
		bool is_folder = errno == EISDIR;

		(void)err_errno(err, "import: %s", inv->name);
		err->class = is_folder ? ERR_INPUT : ERR_SYSTEM;
		goto out;
	}
	result = 0;
out:
	if (!is_stdin)
		(void)fclose(file);
	return result;
}

static void header_read(struct inventory *inv, const struct csv_record *header) {
	inv->ncolumns = header->n;
	for (size_t c = 0; c < COLUMNS; c++)
		inv->at[c] = -1;
	for (unsigned i = 0; i < header->n; i++) {
		size_t c = 0;

		while (c < COLUMNS && strcmp(header->field[i], column_names[c]) != 0)
			c++;
		if (c == COLUMNS)
			fault(inv, header->line, header->column[i], header->field[i],
			      "no such column; there are mac, account, created, home, user, realm, custom");
		else if (inv->at[c] >= 0)
			fault(inv, header->line, header->column[i], header->field[i], "the column is there twice");
		else
			inv->at[c] = (int)i;
	}
	if (inv->at[COLUMN_MAC] < 0)
		fault(inv, header->line, 1, "mac", "the column is missing; the first line names the columns");
	if (inv->at[COLUMN_REALM] >= 0 && inv->at[COLUMN_USER] < 0)
		fault(inv, header->line, 1, "realm", "needs a column user");
}

/* The next word of a field of homes, from *p on; false at the end. */
static bool home_next(const char **p, struct slice *word) {
	*p += strspn(*p, " \t");
	*word = (struct slice){*p, strcspn(*p, " \t")};
	*p += word->n;
	return word->n > 0;
}

static const char *homes_fault(const char *field) {
	struct slice word;
	struct prefix at;
	unsigned n = 0;

	while (home_next(&field, &word)) {
		if (!prefix_parse(word.p, word.n, &at))
			return "not addresses or prefixes (whose host bits must be zero) separated by blanks";
		if (++n > DEVICE_HOMES_MAX)
			return "too many homes";
	}
	return NULL;
}

/* A device is open to anyone until some time after it was created: a slip in the year must not open it for so long. */
static const char *created_fault(const char *field) {
	int64_t time;

	if (!field[0])
		return NULL;
	if (!time_parse(slice_of(field), &time))
		return "not a time such as 2026-11-22T10:00:00Z or @SECONDS";
	return time > clock_now() + DAY ? "more than a day ahead" : NULL;
}

/* Why a field is refused, or NULL. */
static const char *field_fault(enum column column, const char *text) {
	uint64_t mac;

	switch (column) {
	case COLUMN_MAC:
		return mac_parse(text, strlen(text), &mac) ? NULL : "not the MAC of a device";
	case COLUMN_ACCOUNT:
		return !text[0] || account_is_sound(slice_of(text)) ? NULL : "not 1 to 64 of A-Za-z0-9._@-";
	case COLUMN_CREATED:
		return created_fault(text);
	case COLUMN_HOME:
		return homes_fault(text);
	case COLUMN_USER:
		return strlen(text) <= EVENT_USER_MAX ? NULL : "longer than 128 bytes";
	case COLUMN_REALM:
		return strlen(text) <= EVENT_REALM_MAX ? NULL : "longer than 128 bytes";
	case COLUMN_CUSTOM:
		return !text[0] || strcmp(text, "yes") == 0 || strcmp(text, "no") == 0 ? NULL : "neither yes nor no";
	case COLUMNS:
		break;
	}
	return NULL;
}

static int row_add(struct inventory *inv, const struct csv_record *record, struct err *err) {
	struct row row = {.line = record->line};

	if (record->n != inv->ncolumns) {
		fault(inv, record->line, 1, "", "another number of fields than the header has");
		return 0;
	}
	for (size_t c = 0; c < COLUMNS; c++) {
		int at = inv->at[c];
		const char *why;

		row.field[c] = at < 0 ? "" : record->field[at];
		why = at < 0 ? NULL : field_fault((enum column)c, row.field[c]);
		if (why)
			fault(inv, record->line, record->column[at], row.field[c], why);
	}
	if (row.field[COLUMN_REALM][0] && !row.field[COLUMN_USER][0])
		fault(inv, record->line, record->column[inv->at[COLUMN_REALM]], "realm", "without a user");
	(void)mac_parse(row.field[COLUMN_MAC], strlen(row.field[COLUMN_MAC]), &row.mac);
	if (inv->n == inv->room) {
		size_t room = inv->room ? inv->room * 2 : 4096;
		struct row *rows = realloc(inv->rows, room * sizeof(*rows));

		if (!rows)
			return err_set(err, ERR_SYSTEM, "import: out of memory");
		inv->rows = rows;
		inv->room = room;
	}
	inv->rows[inv->n++] = row;
	return 0;
}

static int row_compare(const void *a, const void *b) {
	const struct row *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Rows of one MAC from i on. */
static size_t group_end(const struct inventory *inv, size_t i) {
	size_t end = i + 1;

	while (end < inv->n && inv->rows[end].mac == inv->rows[i].mac)
		end++;
	return end;
}

/* Several rows of one MAC differ in their users alone. */
static void groups_check(struct inventory *inv) {
	static const enum column same[] = {COLUMN_ACCOUNT, COLUMN_CREATED, COLUMN_HOME, COLUMN_CUSTOM};

	for (size_t i = 0; i < inv->n;) {
		size_t end = group_end(inv, i);

		if (end - i > USERS_MAX)
			fault(inv, inv->rows[i].line, 1, inv->rows[i].field[COLUMN_MAC], "more than 64 rows of one MAC");
		for (size_t k = i + 1; k < end; k++) {
			for (size_t s = 0; s < sizeof(same) / sizeof(same[0]); s++) {
				char why[128];

				if (strcmp(inv->rows[k].field[same[s]], inv->rows[i].field[same[s]]) == 0)
					continue;
				(void)snprintf(why, sizeof(why), "another %s than the row of the same MAC in line %u has",
				               column_names[same[s]], inv->rows[i].line);
				fault(inv, inv->rows[k].line, 1, inv->rows[k].field[COLUMN_MAC], why);
			}
		}
		i = end;
	}
}

static int inventory_read(struct inventory *inv, struct err *err) {
	struct csv csv;
	struct csv_record record;
	uint32_t column;
	const char *why;
	bool has_header = false;
	size_t n;
	int got;

	if (file_read(inv, &n, err) < 0)
		return -1;
	csv_init(&csv, inv->text, n);
	while ((got = csv_next(&csv, &record, &column, &why)) != 0) {
		if (got < 0)
			fault(inv, record.line, column, "", why);
		else if (has_header && row_add(inv, &record, err) < 0)
			return -1;
		else if (!has_header)
			header_read(inv, &record);
		has_header = true;
		if (inv->faults > 0 && inv->ncolumns == 0)
			break;
	}
	if (!has_header)
		fault(inv, 1, 1, "",
		      "empty; the first line names the columns, such as mac,account,created,home,user,realm,custom");
	if (inv->faults == 0) {
		if (inv->n > 0)
			qsort(inv->rows, inv->n, sizeof(*inv->rows), row_compare);
		groups_check(inv);
	}
	if (inv->faults > 0)
		return err_set(err, ERR_INPUT, "import: %s: %u fault%s; nothing was changed", inv->name, inv->faults,
		               inv->faults == 1 ? "" : "s");
	return 0;
}

static void put_users(struct buf *b, const struct inventory *inv, size_t from, size_t end) {
	js_key(b, "users");
	js_begin(b, '[');
	for (size_t i = from; i < end; i++) {
		const char *user = inv->rows[i].field[COLUMN_USER], *realm = inv->rows[i].field[COLUMN_REALM];
		size_t k = from;

		while (k < i && (strcmp(inv->rows[k].field[COLUMN_USER], user) != 0 ||
		                 strcmp(inv->rows[k].field[COLUMN_REALM], realm) != 0))
			k++;
		if (k < i || !user[0])
			continue;
		js_begin(b, '{');
		js_put_string(b, "user", user);
		js_put_string(b, "realm", realm);
		js_end(b, '}');
	}
	js_end(b, ']');
}

static void put_device(struct buf *b, const struct inventory *inv, size_t from, size_t end) {
	const struct row *row = &inv->rows[from];
	const char *homes = row->field[COLUMN_HOME];
	struct slice word;
	int64_t created;

	js_begin(b, '{');
	put_mac(b, row->mac);
	if (row->field[COLUMN_ACCOUNT][0])
		js_put_string(b, "account", row->field[COLUMN_ACCOUNT]);
	if (time_parse(slice_of(row->field[COLUMN_CREATED]), &created))
		js_put_number(b, "created", created);
	js_key(b, "home");
	js_begin(b, '[');
	while (home_next(&homes, &word))
		js_item(b, word);
	js_end(b, ']');
	if (row->field[COLUMN_CUSTOM][0])
		js_put_bool(b, "custom", strcmp(row->field[COLUMN_CUSTOM], "yes") == 0);
	if (inv->at[COLUMN_USER] >= 0)
		put_users(b, inv, from, end);
	js_end(b, '}');
}

struct sums {
	int64_t added, changed, same, pruned, stale;
};

static int sums_add(struct command *c, void *context, const struct json *row, struct err *err) {
	struct sums *sums = context;

	(void)c;
	(void)err;
	sums->added += js_number(row, "added", 0);
	sums->changed += js_number(row, "changed", 0);
	sums->same += js_number(row, "same", 0);
	sums->pruned += js_number(row, "pruned", 0);
	sums->stale += js_number(row, "stale", 0);
	return 0;
}

static void put_range(struct buf *b, uint64_t first, uint64_t last) {
	char text[MAC_TEXT];

	js_key(b, "prune");
	js_begin(b, '{');
	mac_print(first, text);
	js_put_string(b, "first", text);
	mac_print(last, text);
	js_put_string(b, "last", text);
	js_end(b, '}');
}

/* Sends the devices from *i on that fit into one request. */
static int chunk_send(struct command *c, const struct inventory *inv, size_t *i, uint64_t first, struct sums *sums,
                      struct err *err) {
	struct buf b;
	unsigned devices = 0;
	int exit;

	request_begin(&b, c, "import");
	js_put_bool(&b, "adopt", options_given(&c->options, "adopt"));
	js_put_bool(&b, "users", inv->at[COLUMN_USER] >= 0);
	js_key(&b, "rows");
	js_begin(&b, '[');
	while (*i < inv->n && devices < CHUNK_ROWS && b.n < CHUNK_BYTES) {
		size_t end = group_end(inv, *i);

		put_device(&b, inv, *i, end);
		devices++;
		*i = end;
	}
	js_end(&b, ']');
	if (options_given(&c->options, "prune"))
		put_range(&b, first, *i < inv->n ? inv->rows[*i - 1].mac : HIGHEST_MAC);
	js_put_bool(&b, "more", *i < inv->n);
	exit = command_ask(c, &b, sums_add, sums, err);
	return exit > 0 ? err_set(err, (enum err_class)exit, "import: refused") : exit;
}

static int inventory_send(struct command *c, const struct inventory *inv, struct sums *sums, struct err *err) {
	bool json = c->json, terminal = isatty(STDERR_FILENO);
	uint64_t first = 1;
	size_t i = 0;
	int result = 0;

	c->json = false; /* the rows of the chunks are added up to one answer */
	while (result == 0 && i < inv->n) {
		result = chunk_send(c, inv, &i, first, sums, err);
		first = inv->rows[i - 1].mac + 1;
		if (terminal && inv->n > CHUNK_ROWS)
			(void)fprintf(stderr, "\rimport: %zu of %zu rows%s", i, inv->n, i < inv->n && result == 0 ? "" : "\n");
	}
	c->json = json;
	if (result < 0)
		return err_prefix(err, "import: stopped before line %u (importing again goes on)",
		                  i < inv->n ? inv->rows[i].line : inv->rows[inv->n - 1].line);
	return 0;
}

static void print_sums(const struct command *c, const struct sums *sums) {
	struct buf b;

	if (!c->json) {
		(void)printf("%lld added, %lld changed, %lld same, %lld pruned\n", (long long)sums->added,
		             (long long)sums->changed, (long long)sums->same, (long long)sums->pruned);
		if (sums->stale > 0)
			(void)printf(
				"%lld would be stale: created longer than devices.new_for ago and never fetched; with --adopt\n"
				"the first fetch of each sets its home, however late\n",
				(long long)sums->stale);
		return;
	}
	buf_init(&b, 4096);
	js_begin(&b, '{');
	js_put_number(&b, "added", sums->added);
	js_put_number(&b, "changed", sums->changed);
	js_put_number(&b, "same", sums->same);
	js_put_number(&b, "pruned", sums->pruned);
	js_put_number(&b, "stale", sums->stale);
	js_end(&b, '}');
	(void)printf("%.*s\n", (int)b.n, b.p ? b.p : "");
	buf_release(&b);
}

static int run(struct command *c, struct err *err) {
	struct inventory inv = {.name = c->options.words[0]};
	struct sums sums = {0};
	int result = -1;

	if (inventory_read(&inv, err) < 0)
		goto out;
	if (inv.n == 0 && options_given(&c->options, "prune")) {
		(void)err_set(err, ERR_INPUT, "import: %s: no device in it: --prune would remove all of them", inv.name);
		goto out;
	}
	if (inventory_send(c, &inv, &sums, err) < 0)
		goto out;
	print_sums(c, &sums);
	result = 0;
out:
	free(inv.rows);
	free(inv.text);
	return result;
}

static const struct option_row options[] = {
	{"adopt", NULL, "the first fetch of a device that would be stale sets its home", 0},
	{"prune", NULL, "remove devices that the file does not name, but for learned ones", 0},
	{0},
};

const struct verb verb_import = {
	.name = "import",
	.usage = "FILE [--adopt] [--prune]",
	.summary = "take the inventory from a CSV file",
	.text = "The first line names the columns, in any order: mac,account,created,home,user,realm,custom.\n"
			"Homes are separated by blanks and make the device locked. A MAC may have several rows, one\n"
			"for each SIP user. Nothing is changed if any line has a fault. - is standard input.\n"
			"Importing again changes nothing that events have decided.",
	.options = options,
	.example = "provctl import devices.csv --adopt",
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
