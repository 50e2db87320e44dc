#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/table.h"

#define PAGE_ROWS    100 /* looked at before widths are settled */
#define NARROWEST    12  /* a column is not cut below that: a MAC always fits */
#define USUAL_SCREEN 80

struct table {
	const struct table_column *columns;
	unsigned ncolumns;
	unsigned shown; /* the first so many columns; fewer where a terminal is too narrow for all */
	FILE *file;
	unsigned screen;
	bool settled;
	unsigned width[TABLE_COLUMNS_MAX];
	/* The waiting rows: cells one after the other, each ended by NUL. */
	struct buf waiting;
	unsigned nwaiting;
};

unsigned terminal_width(FILE *stream) {
	struct winsize size;
	int fd = fileno(stream);

	if (fd < 0 || !isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return USUAL_SCREEN;
	return size.ws_col;
}

/* Characters; those of double width count as one. */
static unsigned text_width(const char *text) {
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static unsigned larger(unsigned a, unsigned b) {
	return a > b ? a : b;
}

int table_new(struct table **out, const struct table_column *columns, FILE *file, unsigned width, struct err *err) {
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(err, ERR_SYSTEM, "out of memory");
	t->columns = columns;
	t->file = file;
	t->screen = width;
	buf_init(&t->waiting, (size_t)(PAGE_ROWS + 1) * TABLE_COLUMNS_MAX * (TABLE_CELL_MAX * 4 + 4));
	while (columns[t->ncolumns].title) {
		assert(t->ncolumns < TABLE_COLUMNS_MAX);
		t->width[t->ncolumns] = larger(text_width(columns[t->ncolumns].title), width ? 0 : columns[t->ncolumns].width);
		t->ncolumns++;
	}
	t->shown = t->ncolumns;
	*out = t;
	return 0;
}

void table_free(struct table **t) {
	if (*t)
		buf_release(&(*t)->waiting);
	free(*t);
	*t = NULL;
}

/* Writes at most width characters of text, the last an ellipsis where it was cut; how many were written. */
static unsigned write_cut(struct table *t, const char *text, unsigned width) {
	unsigned whole = text_width(text);
	const char *end = text;

	if (whole <= width) {
		(void)fputs(text, t->file);
		return whole;
	}
	for (unsigned n = 1; n < width; n++) {
		do
			end++;
		while (((unsigned char)*end & 0xc0) == 0x80);
	}
	(void)fwrite(text, 1, (size_t)(end - text), t->file);
	(void)fputs("…", t->file);
	return width;
}

/* One row, its cells from *p on, which moves behind them. */
static void write_row(struct table *t, const char **p) {
	unsigned behind = 0; /* blanks that are due before the next cell */

	for (unsigned i = 0; i < t->ncolumns; i++) {
		unsigned written;

		if (i < t->shown) {
			(void)fprintf(t->file, "%*s", (int)behind, "");
			written = write_cut(t, *p, t->screen ? t->width[i] : TABLE_CELL_MAX * 4);
			behind = (written < t->width[i] ? t->width[i] - written : 0) + 2;
		}
		*p += strlen(*p) + 1;
	}
	(void)fputc('\n', t->file);
}

/* On a terminal: the widest column gives way until the line fits, and at last the last columns do. */
static void fit(struct table *t) {
	for (;;) {
		unsigned sum = 2 * (t->shown - 1), widest = 0;

		for (unsigned i = 0; i < t->shown; i++) {
			sum += t->width[i];
			if (t->width[i] > t->width[widest])
				widest = i;
		}
		if (sum <= t->screen)
			return;
		if (t->width[widest] > NARROWEST)
			t->width[widest]--;
		else if (t->shown > 1)
			t->shown--;
		else
			return;
	}
}

static void tell_hidden(struct table *t) {
	if (t->shown == t->ncolumns)
		return;
	(void)fprintf(t->file, "(too narrow for ");
	for (unsigned i = t->shown; i < t->ncolumns; i++)
		(void)fprintf(t->file, "%s%s", t->columns[i].title, i + 1 < t->ncolumns ? ", " : "");
	(void)fprintf(t->file, ": a wider terminal or --json shows all)\n");
}

static int settle(struct table *t, struct err *err) {
	const char *p;

	if (t->waiting.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (t->screen)
		fit(t);
	for (unsigned i = 0; i < t->shown; i++) {
		const char *title = t->columns[i].title;

		if (i + 1 < t->shown)
			(void)fprintf(t->file, "%-*s  ", (int)t->width[i], title);
		else
			(void)fprintf(t->file, "%s\n", title);
	}
	p = t->waiting.p;
	for (unsigned i = 0; i < t->nwaiting; i++)
		write_row(t, &p);
	t->settled = true;
	t->nwaiting = 0;
	buf_clear(&t->waiting);
	return 0;
}

int table_row(struct table *t, const struct slice *cells, struct err *err) {
	if (!t->screen && !t->settled && settle(t, err) < 0)
		return -1;
	for (unsigned i = 0; i < t->ncolumns; i++) {
		size_t start = t->waiting.n;

		if (cells[i].n > 0)
			buf_escaped(&t->waiting, cells[i], TABLE_CELL_MAX);
		else
			buf_text(&t->waiting, "-");
		buf_byte(&t->waiting, '\0');
		if (!t->waiting.failed && t->screen && !t->settled)
			t->width[i] = larger(t->width[i], text_width(t->waiting.p + start));
	}
	if (t->waiting.failed)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (t->settled) {
		const char *p = t->waiting.p;

		write_row(t, &p);
		buf_clear(&t->waiting);
	} else if (++t->nwaiting == PAGE_ROWS) {
		return settle(t, err);
	}
	return 0;
}

int table_end(struct table **t, struct err *err) {
	int result = 0;

	if (!(*t)->settled)
		result = settle(*t, err);
	if (result == 0)
		tell_hidden(*t);
	table_free(t);
	return result;
}
