/* Lines of a log differ little from each other: what stands in front of a message, and the order of a security event's keys, is compared with what it was in a
 * line before, and taken apart where it differs. The outcome is the same. */
#include "analyzer/format_private.h"

bool head_again(const struct head_memo *memo, struct slice *line, struct slice parts[HEAD_PARTS]) {
	if (memo->n == 0 || line->n <= memo->n || line->p[memo->n] == ' ' ||
	    memcmp(line->p, memo->text, memo->fraction) != 0 ||
	    memcmp(line->p + memo->behind, memo->text + memo->behind, memo->n - memo->behind) != 0)
		return false;
	for (size_t i = memo->fraction; i < memo->behind; i++)
		if (line->p[i] < '0' || line->p[i] > '9')
			return false;
	for (size_t i = 0; i < HEAD_PARTS; i++)
		parts[i] =
			memo->parts[i].there ? (struct slice){line->p + memo->parts[i].at, memo->parts[i].n} : (struct slice){0};
	(void)slice_take(line, memo->n);
	return true;
}

void head_keep(struct head_memo *memo, struct slice line, struct slice message, const struct slice parts[HEAD_PARTS]) {
	size_t n = line.n - message.n;
	struct slice stamp = parts[0];

	if (n == 0 || n > HEAD_AGAIN_MAX || message.n == 0 || line.p[n - 1] != ' ' || memchr(line.p, '\033', n))
		return;
	for (size_t i = 0; i < HEAD_PARTS; i++) {
		memo->parts[i].there = parts[i].p;
		memo->parts[i].at = parts[i].p ? (uint8_t)(parts[i].p - line.p) : 0;
		memo->parts[i].n = (uint8_t)parts[i].n;
	}
	memo->fraction = memo->behind = 0;
	while (stamp.n > 0 && !slice_skip(&stamp, '.') && !slice_skip(&stamp, ','))
		(void)slice_take(&stamp, 1);
	if (stamp.n > 0) {
		memo->fraction = (uint8_t)(stamp.p - line.p);
		(void)slice_take_digits(&stamp);
		memo->behind = (uint8_t)(stamp.p - line.p);
	}
	memcpy(memo->text, line.p, n);
	memo->n = (uint8_t)n;
}

/* Key=" at s: the length of the key, or 0. */
static size_t key_length(struct slice s) {
	struct slice at = s;
	size_t n = slice_take_letters(&at).n;

	return n > 0 && n <= KEY_MAX && slice_starts(at, "=\"") ? n : 0;
}

bool key_read(const struct field_names *names, struct slice s, struct key_memo *out) {
	const size_t address = sizeof(ADDRESS_KEY) - 1;
	struct slice key = {s.p, key_length(s)};

	if (key.n == 0)
		return false;
	*out = (struct key_memo){.n = (uint8_t)key.n, .field = (int16_t)field_find(names, key)};
	out->is_account = slice_is(key, "AccountID");
	out->ends_as_address = key.n >= address && memcmp(key.p + key.n - address, ADDRESS_KEY, address) == 0;
	out->is_address = out->ends_as_address && key.n == address;
	memcpy(out->text, s.p, key.n + 2);
	return true;
}
