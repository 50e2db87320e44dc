#include <stdlib.h>
#include <string.h>

#include "analyzer/guess.h"

static bool format_reads(const struct format *f, const struct field_names *names, struct time_context *time,
                         struct slice start, struct line_fields *fields) {
	bool first = true;

	for (unsigned i = 0; i < GUESS_LINES && start.n > 0; i++) {
		const char *feed = memchr(start.p, '\n', start.n);
		struct slice line = {start.p, feed ? (size_t)(feed - start.p) : start.n};

		if (!feed && !first)
			break;
		first = false;
		if (!format_split(f, names, time, line, fields))
			return false;
		start.p += line.n + (feed ? 1 : 0);
		start.n -= line.n + (feed ? 1 : 0);
	}
	return true;
}

int format_guess(const char **out, struct slice start, const struct field_names *names, struct err *err) {
	const char *const *all = format_names();
	struct time_context *time = NULL;
	struct line_fields *fields = malloc(sizeof(*fields));
	struct buf readers, known;
	const char *found = NULL;
	unsigned n = 0;
	int result = -1;

	buf_init(&readers, 512);
	buf_init(&known, 512);
	if (!fields) {
		(void)err_set(err, ERR_SYSTEM, "format: out of memory");
		goto out;
	}
	if (time_context_new(&time, "UTC", err) < 0)
		goto out;
	for (unsigned i = 0; all[i]; i++) {
		buf_printf(&known, "%s%s", i ? ", " : "", all[i]);
		if (!format_reads(format_find(slice_of(all[i])), names, time, start, fields))
			continue;
		buf_printf(&readers, "%s%s", n ? ", " : "", all[i]);
		found = n++ ? found : all[i];
	}
	if (n == 0)
		(void)err_set(err, ERR_INPUT, "no format reads its first lines; name one by --format: %.*s", (int)known.n,
		              known.p);
	else if (n > 1 && start.n > 0)
		(void)err_set(err, ERR_INPUT, "its first lines may be of several formats; name one by --format: %.*s",
		              (int)readers.n, readers.p);
	else {
		*out = found;
		result = 0;
	}
out:
	time_context_free(&time);
	free(fields);
	buf_release(&readers);
	buf_release(&known);
	return result;
}
