#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/timefmt.h"

#include "common/conf_private.h"

/* ---- numbers and words ---- */

static int read_bool(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	(void)r;
	return yamldoc_bool(n, CONF_FIELD(bool, row, base), err);
}

static void print_bool(const struct conf_row *row, const void *base, FILE *out) {
	fputs(*CONF_FIELD_IN(bool, row, base) ? "true" : "false", out);
}

static int read_choice(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                       struct err *err) {
	(void)r;
	return yamldoc_choice(n, row->choices, CONF_FIELD(unsigned, row, base), err);
}

static void print_choice(const struct conf_row *row, const void *base, FILE *out) {
	fputs(row->choices[*CONF_FIELD_IN(unsigned, row, base)], out);
}

/* A choice of two words kept as bool. */
static int read_switch(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                       struct err *err) {
	unsigned which;

	(void)r;
	if (yamldoc_choice(n, row->choices, &which, err) != 0)
		return -1;
	*CONF_FIELD(bool, row, base) = which == 1;
	return 0;
}

static void print_switch(const struct conf_row *row, const void *base, FILE *out) {
	fputs(row->choices[*CONF_FIELD_IN(bool, row, base)], out);
}

static int read_number_choice(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n,
                              void *base, struct err *err) {
	uint64_t value = 0;
	unsigned which;

	(void)r;
	if (yamldoc_choice(n, row->choices, &which, err) != 0)
		return -1;
	(void)slice_number(slice_of(row->choices[which]), UINT32_MAX, &value);
	*CONF_FIELD(uint32_t, row, base) = (uint32_t)value;
	return 0;
}

static int read_count(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      struct err *err) {
	int64_t value;

	(void)r;
	if (yamldoc_integer(n, row->min, row->max, &value, err) != 0)
		return -1;
	*CONF_FIELD(uint32_t, row, base) = (uint32_t)value;
	return 0;
}

static void print_count(const struct conf_row *row, const void *base, FILE *out) {
	(void)fprintf(out, "%u", *CONF_FIELD_IN(uint32_t, row, base));
}

static int read_number(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                       struct err *err) {
	(void)r;
	return yamldoc_integer(n, row->min, row->max, CONF_FIELD(int64_t, row, base), err);
}

static void print_number(const struct conf_row *row, const void *base, FILE *out) {
	(void)fprintf(out, "%lld", (long long)*CONF_FIELD_IN(int64_t, row, base));
}

static int read_duration(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                         struct err *err) {
	(void)r;
	return yamldoc_duration(n, row->min, row->max, CONF_FIELD(int64_t, row, base), err);
}

static void print_duration(const struct conf_row *row, const void *base, FILE *out) {
	conf_print_duration(*CONF_FIELD_IN(int64_t, row, base), out);
}

static int read_size(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	(void)r;
	return yamldoc_size(n, row->min, row->max, CONF_FIELD(int64_t, row, base), err);
}

static void print_size(const struct conf_row *row, const void *base, FILE *out) {
	char text[YAMLDOC_SIZE_TEXT];

	yamldoc_size_print(*CONF_FIELD_IN(int64_t, row, base), text);
	fputs(text, out);
}

static int read_port(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	int64_t value;

	(void)r;
	if (yamldoc_integer(n, row->min, row->max, &value, err) != 0)
		return -1;
	*CONF_FIELD(uint16_t, row, base) = (uint16_t)value;
	return 0;
}

static void print_port(const struct conf_row *row, const void *base, FILE *out) {
	(void)fprintf(out, "%u", *CONF_FIELD_IN(uint16_t, row, base));
}

/* IPv4 prefix lengths are kept as those of the 16 bytes. */
static int read_length(const struct conf_row *row, const struct yamldoc_node *n, void *base, unsigned shift,
                       struct err *err) {
	int64_t value;

	if (yamldoc_integer(n, row->min, row->max, &value, err) != 0)
		return -1;
	*CONF_FIELD(unsigned, row, base) = (unsigned)value + shift;
	return 0;
}

static int read_length4(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	(void)r;
	return read_length(row, n, base, 96, err);
}

static int read_length6(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	(void)r;
	return read_length(row, n, base, 0, err);
}

static void print_length4(const struct conf_row *row, const void *base, FILE *out) {
	(void)fprintf(out, "%u", *CONF_FIELD_IN(unsigned, row, base) - 96);
}

static int read_mode(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	const char *text;
	uint32_t mode = 0;

	(void)r;
	if (yamldoc_text(n, &text, err) != 0)
		return -1;
	if (n->text.n < 3 || n->text.n > 4 || strspn(text, "01234567") != n->text.n)
		return yamldoc_fault(n, err, "must be octal permissions such as \"0640\"");
	for (; *text; text++)
		mode = mode * 8 + (uint32_t)(*text - '0');
	if (mode > 0777 || (mode & 0400) == 0 || (mode & 02) != 0)
		return yamldoc_fault(n, err, "must be readable by its owner, and never writable by all");
	*CONF_FIELD(uint32_t, row, base) = mode;
	return 0;
}

static void print_mode(const struct conf_row *row, const void *base, FILE *out) {
	(void)fprintf(out, "\"%04o\"", *CONF_FIELD_IN(uint32_t, row, base));
}

/* ---- text ---- */

bool conf_is_printable(struct slice s) {
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char *p = (const unsigned char *)s.p + i;

		if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
		    (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) ||
		    (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
			return false;
	}
	return true;
}

char *conf_read_text(const struct yamldoc_node *n, size_t max, struct err *err) {
	const char *text;
	char *copy = NULL;

	if (yamldoc_text(n, &text, err) != 0)
		return NULL;
	if (n->text.n > max)
		yamldoc_fault(n, err, "too long, at most %zu bytes", max);
	else if (!conf_is_printable(n->text))
		yamldoc_fault(n, err, "must not hold control characters or line breaks");
	else if (!(copy = strdup(text)))
		err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
	return copy;
}

/* Into a field that is yet NULL. */
static int keep(const struct conf_row *row, void *base, char *text) {
	*CONF_FIELD(char *, row, base) = text;
	return text ? 0 : -1;
}

static int read_text(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	(void)r;
	return keep(row, base, conf_read_text(n, (size_t)row->max, err));
}

static void print_text(const struct conf_row *row, const void *base, FILE *out) {
	conf_print_text(*CONF_FIELD_IN(char *, row, base), out);
}

static void release_text(const struct conf_row *row, void *base) {
	free(*CONF_FIELD(char *, row, base));
}

static int read_pattern(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	if (n->text.n == 0 && n->quoted)
		return yamldoc_fault(n, err, "must not be empty");
	return read_text(r, row, n, base, err);
}

char *conf_read_path(struct conf_reader *r, const struct yamldoc_node *n, bool may_be_empty, struct err *err) {
	char *text = conf_read_text(n, CONF_PATH_MAX, err);
	char *path = NULL;

	if (!text || text[0] == '/' || (text[0] == '\0' && may_be_empty))
		return text;
	if (text[0] == '\0') {
		yamldoc_fault(n, err, "must not be empty");
	} else if (asprintf(&path, "%s/%s", strcmp(r->folder, "/") == 0 ? "" : r->folder, text) < 0) {
		err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
		path = NULL;
	}
	free(text);
	return path;
}

/* A row whose default is empty may be empty. */
static int read_path(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	return keep(row, base, conf_read_path(r, n, row->standard && strcmp(row->standard, "\"\"") == 0, err));
}

static int read_word_of(const struct conf_row *row, const struct yamldoc_node *n, void *base, const char *letters,
                        bool may_be_empty, size_t max, const char *why, struct err *err) {
	char *text = conf_read_text(n, max, err);

	if (!text)
		return -1;
	if ((text[0] == '\0' && !may_be_empty) || strspn(text, letters) != strlen(text) ||
	    (text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '.') {
		free(text);
		return yamldoc_fault(n, err, "%s", why);
	}
	return keep(row, base, text);
}

#define SMALL  "abcdefghijklmnopqrstuvwxyz"
#define LARGE  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int read_word(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	(void)r;
	return read_word_of(row, n, base, SMALL DIGITS "_.-", false, CONF_WORD_MAX, "must be a word in small letters", err);
}

static int read_group(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      struct err *err) {
	(void)r;
	return read_word_of(row, n, base, SMALL LARGE DIGITS "_-", true, 32, "must be the name of a group", err);
}

static int read_user(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	(void)r;
	return read_word_of(row, n, base, SMALL LARGE DIGITS "_-.", false, 32, "must be the name of a user", err);
}

static int read_table(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                      struct err *err) {
	(void)r;
	return read_word_of(row, n, base, SMALL LARGE DIGITS "_", false, 31,
	                    "must be a name of letters, digits and _, at most 31", err);
}

static int read_header(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                       struct err *err) {
	(void)r;
	return read_word_of(row, n, base, SMALL LARGE DIGITS "-", false, CONF_WORD_MAX,
	                    "must be the name of an HTTP header", err);
}

/* The C library takes an unknown zone for UTC without a word, so the name is looked up here. */
static int read_zone(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                     struct err *err) {
	char path[CONF_PATH_MAX];
	char *text = conf_read_text(n, CONF_WORD_MAX, err);
	struct stat st;

	(void)r;
	if (!text)
		return -1;
	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", text);
	if (strcmp(text, "UTC") != 0 &&
	    (text[0] == '\0' || text[0] == '/' || strstr(text, "..") ||
	     strspn(text, SMALL LARGE DIGITS "_+-/") != strlen(text) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))) {
		yamldoc_fault(n, err, "\"%s\" is no time zone of this system, must be a name such as Europe/Berlin", text);
		free(text);
		return -1;
	}
	return keep(row, base, text);
}

bool account_is_sound(struct slice name) {
	if (name.n == 0 || name.n > EVENT_ACCOUNT_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '\0' || !strchr(SMALL LARGE DIGITS "._@-", name.p[i]))
			return false;
	}
	return true;
}

static int read_account(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	(void)r;
	if (n->kind == YAMLDOC_SCALAR && n->text.n > 0 && !account_is_sound(n->text))
		return yamldoc_fault(n, err, "must be an account: 1 to 64 of A-Za-z0-9._@-");
	if (n->kind == YAMLDOC_SCALAR && n->quoted && n->text.n == 0)
		return yamldoc_fault(n, err, "must not be empty");
	return keep(row, base, conf_read_text(n, EVENT_ACCOUNT_MAX, err));
}

const struct conf_type conf_type_bool = {"true or false", read_bool, print_bool, NULL};
const struct conf_type conf_type_choice = {"word", read_choice, print_choice, NULL};
const struct conf_type conf_type_switch = {"word", read_switch, print_switch, NULL};
const struct conf_type conf_type_number_choice = {"number", read_number_choice, print_count, NULL};
const struct conf_type conf_type_count = {"number", read_count, print_count, NULL};
const struct conf_type conf_type_number = {"number", read_number, print_number, NULL};
const struct conf_type conf_type_duration = {"duration", read_duration, print_duration, NULL};
const struct conf_type conf_type_size = {"size", read_size, print_size, NULL};
const struct conf_type conf_type_port = {"number", read_port, print_port, NULL};
const struct conf_type conf_type_length4 = {"number", read_length4, print_length4, NULL};
const struct conf_type conf_type_length6 = {"number", read_length6, print_count, NULL};
const struct conf_type conf_type_mode = {"permissions", read_mode, print_mode, NULL};
const struct conf_type conf_type_text = {"text", read_text, print_text, release_text};
const struct conf_type conf_type_pattern = {"pattern", read_pattern, print_text, release_text};
const struct conf_type conf_type_path = {"path", read_path, print_text, release_text};
const struct conf_type conf_type_word = {"word", read_word, print_text, release_text};
const struct conf_type conf_type_header = {"header", read_header, print_text, release_text};
const struct conf_type conf_type_group = {"group", read_group, print_text, release_text};
const struct conf_type conf_type_user = {"user", read_user, print_text, release_text};
const struct conf_type conf_type_table = {"name", read_table, print_text, release_text};
const struct conf_type conf_type_zone = {"time zone", read_zone, print_text, release_text};
const struct conf_type conf_type_account = {"account", read_account, print_text, release_text};
