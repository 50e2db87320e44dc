#include <string.h>

#include "cmd/csv.h"

void csv_init(struct csv *csv, char *text, size_t n) {
	text[n] = '\0';
	*csv = (struct csv){.p = text, .end = text + n, .line = 1};
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		csv->p += 3;
}

static void skip_line(struct csv *csv) {
	char *end = memchr(csv->p, '\n', (size_t)(csv->end - csv->p));

	csv->p = end ? end + 1 : csv->end;
	csv->line++;
}

/* Reads one field from csv->p on. Moves it behind the field's end: a comma, a line break or the end of the text. */
static const char *field_read(struct csv *csv, char **out) {
	char *from = csv->p, *to = csv->p;
	bool quoted = csv->p < csv->end && *csv->p == '"';

	if (quoted)
		from++;
	*out = to;
	for (;; from++) {
		if (from == csv->end) {
			csv->p = from;
			csv->delimited_last = '\0';
			if (quoted)
				return "the quoted field is not closed";
			break;
		}
		if (*from == '\0') {
			csv->p = from;
			return "a NUL byte";
		}
		if (quoted && *from == '"' && from + 1 < csv->end && from[1] == '"') {
			*to++ = *from++;
			continue;
		}
		if (quoted && *from == '"') {
			quoted = false;
			csv->p = from + 1;
			if (csv->p < csv->end && *csv->p == '\r')
				csv->p++;
			if (csv->p < csv->end && *csv->p != ',' && *csv->p != '\n')
				return "something follows the closing quote";
			from = csv->p - 1;
			continue;
		}
		if (quoted && *from == '\n')
			return "a line break inside a field: no value here has one";
		if (!quoted && *from == '"')
			return "a quote inside a field that does not begin with one";
		if (!quoted && (*from == ',' || *from == '\n')) {
			csv->delimited_last = *from;
			csv->p = from + 1;
			break;
		}
		*to++ = *from;
	}
	if (to > *out && to[-1] == '\r' && csv->delimited_last != ',')
		to--;
	*to = '\0';
	return NULL;
}

int csv_next(struct csv *csv, struct csv_record *record, uint32_t *column, const char **why) {
	char *start;

	while (csv->p < csv->end && (*csv->p == '\n' || (*csv->p == '\r' && csv->p + 1 < csv->end && csv->p[1] == '\n'))) {
		csv->p += *csv->p == '\r' ? 2 : 1;
		csv->line++;
	}
	if (csv->p >= csv->end)
		return 0;
	start = csv->p;
	record->n = 0;
	record->line = csv->line;
	do {
		*column = (uint32_t)(csv->p - start) + 1;
		if (record->n == CSV_COLUMNS_MAX) {
			*why = "too many columns";
			skip_line(csv);
			return -1;
		}
		record->column[record->n] = *column;
		*why = field_read(csv, &record->field[record->n]);
		if (*why) {
			skip_line(csv);
			return -1;
		}
		record->n++;
	} while (csv->delimited_last == ',');
	csv->line++;
	return 1;
}
