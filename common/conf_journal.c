/* `journal` of a source: which entries of which journal. Its canonical form is the source's path, "journal:[DIRECTORY] FIELD=VALUE ...", sorted, by
 * which it is known everywhere that a log is known by its path. */
#include <stdlib.h>
#include <string.h>

#include "common/conf_private.h"

#define MATCHES_MAX 32
#define FIELD_BYTES 64

static const char *const keys[] = {"match", "directory", NULL};

static int by_bytes(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool match_is_sound(const char *text) {
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n > 0 && n <= FIELD_BYTES && (text[0] < '0' || text[0] > '9') && text[n] == '=' && text[n + 1] != '\0';
}

static void read_matches(struct conf_reader *r, const struct yamldoc_node *n, struct conf_journal *journal) {
	struct err why;

	if (yamldoc_sequence(n, &why) != 0) {
		conf_complain(r, &why);
		return;
	}
	if (n->count > MATCHES_MAX) {
		yamldoc_fault(n, &why, "too many, at most %d", MATCHES_MAX);
		conf_complain(r, &why);
		return;
	}
	journal->match = calloc(n->count + 1, sizeof(char *));
	if (!journal->match) {
		err_set(&why, ERR_SYSTEM, "%s: out of memory", n->file);
		conf_complain(r, &why);
		return;
	}
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		char *text = conf_read_text(i, CONF_PATH_MAX, &why);

		if (text && match_is_sound(text)) {
			journal->match[journal->nmatch++] = text;
			continue;
		}
		if (text)
			yamldoc_fault(i, &why, "must be a field of the journal in capitals and its value: FIELD=value");
		free(text);
		conf_complain(r, &why);
	}
	if (journal->nmatch > 0)
		qsort(journal->match, journal->nmatch, sizeof(char *), by_bytes);
}

static void journal_free(struct conf_journal *journal) {
	if (!journal)
		return;
	for (uint32_t i = 0; i < journal->nmatch; i++)
		free(journal->match[i]);
	free(journal->match);
	free(journal->directory);
	free(journal);
}

static int read_journal(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	struct conf_journal *journal;
	struct err why;

	if (yamldoc_mapping(n, err) != 0)
		return -1;
	journal = calloc(1, sizeof(*journal));
	if (!journal)
		return err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
	*CONF_FIELD(struct conf_journal *, row, base) = journal;
	for (const struct yamldoc_node *m = n->first; m; m = m->next) {
		unsigned which;

		if (yamldoc_key(m, keys, &which, &why) != 0)
			conf_complain(r, &why);
		else if (which == 0)
			read_matches(r, m, journal);
		else if (!(journal->directory = conf_read_path(r, m, false, &why)))
			conf_complain(r, &why);
	}
	return 0;
}

int conf_journal_name(const struct conf_journal *journal, const struct yamldoc_node *n, char **out, struct err *err) {
	struct buf name;

	buf_init(&name, CONF_PATH_MAX);
	buf_text(&name, "journal:");
	if (journal->directory)
		buf_text(&name, journal->directory);
	for (uint32_t i = 0; i < journal->nmatch; i++) {
		buf_byte(&name, ' ');
		buf_text(&name, journal->match[i]);
	}
	buf_byte(&name, '\0');
	if (name.failed) {
		buf_release(&name);
		return yamldoc_fault(n, err, "directory and matches are longer than %d bytes", CONF_PATH_MAX);
	}
	*out = name.p;
	return 0;
}

static void print_journal(const struct conf_row *row, const void *base, FILE *out) {
	const struct conf_journal *journal = *CONF_FIELD_IN(struct conf_journal *, row, base);

	fputs("{match: [", out);
	for (uint32_t i = 0; i < journal->nmatch; i++) {
		fputs(i > 0 ? ", " : "", out);
		conf_print_text(journal->match[i], out);
	}
	fputc(']', out);
	if (journal->directory) {
		fputs(", directory: ", out);
		conf_print_text(journal->directory, out);
	}
	fputc('}', out);
}

static void release_journal(const struct conf_row *row, void *base) {
	journal_free(*CONF_FIELD(struct conf_journal *, row, base));
}

const struct conf_type conf_type_journal = {"mapping", read_journal, print_journal, release_journal};
