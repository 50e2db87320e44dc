/* A format of the operator's own: one PCRE2 pattern whose named groups are fields. `request` and `path` are taken apart as in
 * the combined format. */
#include <stdlib.h>

#include "analyzer/format_private.h"
#include "analyzer/pcre.h"

static bool own_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                      struct slice line, struct line_fields *out) {
	struct slice request = {0};
	struct slice path;
	int request_field = field_find(names, slice_of("request"));

	if (pattern_match(f->pattern, line, NULL) != PATTERN_YES)
		return false;
	for (uint32_t i = 0; i < pattern_groups(f->pattern); i++) {
		struct slice value = pattern_group(f->pattern, i, line);

		if (value.p && !slice_is(value, "-"))
			out->at[f->groups[i]] = value;
		if (f->groups[i] == request_field)
			request = value;
	}
	path = out->at[FIELD_PATH];
	if (path.p)
		target_fields(path, out);
	else if (request.p)
		(void)request_split(request, out);
	return out->at[FIELD_TIME].p && stamp_set(tc, out->at[FIELD_TIME], out);
}

int format_own_new(struct format **out, const char *pattern, struct field_names *names, struct err *err) {
	struct format *f = calloc(1, sizeof(*f));
	bool timed = false;

	if (!f)
		return err_errno(err, "format");
	*f = (struct format){.name = "own", .split = own_split};
	if (pattern_new(&f->pattern, slice_of(pattern), err))
		goto fail;
	f->groups = calloc(pattern_groups(f->pattern) + 1, sizeof(*f->groups));
	if (!f->groups) {
		(void)err_errno(err, "format");
		goto fail;
	}
	for (uint32_t i = 0; i < pattern_groups(f->pattern); i++) {
		f->groups[i] = field_number(names, slice_of(pattern_group_name(f->pattern, i)));
		if (f->groups[i] < 0) {
			(void)err_set(err, ERR_INPUT, "pattern: too many field names in all, at group %s",
			              pattern_group_name(f->pattern, i));
			goto fail;
		}
		timed = timed || f->groups[i] == FIELD_TIME;
	}
	if (!timed) {
		(void)err_set(err, ERR_INPUT, "pattern: needs a group (?<time>...)");
		goto fail;
	}
	*out = f;
	return 0;
fail:
	format_own_free(&f);
	return -1;
}

void format_own_free(struct format **f) {
	if (!*f)
		return;
	pattern_free(&(*f)->pattern);
	free((*f)->groups);
	free(*f);
	*f = NULL;
}
