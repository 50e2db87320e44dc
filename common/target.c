#include <string.h>

#include "common/mac.h"
#include "common/target.h"

static int hex(char c) {
	return hex_value[(unsigned char)c];
}

static bool is_letter(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool begins(struct slice s, const char *with) {
	size_t n = strlen(with);

	return s.n >= n && memcmp(s.p, with, n) == 0;
}

static struct slice behind(struct slice s, size_t n) {
	return (struct slice){s.p + n, s.n - n};
}

static struct slice behind_last(struct slice s, char c) {
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

	return at ? behind(s, (size_t)(at + 1 - s.p)) : s;
}

void target_split(struct slice text, struct target *out) {
	struct slice path = text;

	*out = (struct target){0};
	if (path.n > 0 && path.p[0] == 'h' && (begins(path, "http://") || begins(path, "https://"))) {
		const char *end;

		path = behind(path, path.p[4] == 's' ? 8 : 7);
		end = path.n ? memchr(path.p, '/', path.n) : NULL;
		out->host = (struct slice){path.p, end ? (size_t)(end - path.p) : path.n};
		path = behind(path, out->host.n);
	}
	/* Servers end the path at a "#" too: without this, one in the request would hide the file's name. */
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '?' && path.p[i] != '#')
			continue;
		if (path.p[i] == '?')
			out->query = behind(path, i + 1);
		path.n = i;
	}
	out->path = path;
}

struct slice percent_decode(struct slice s, char *to) {
	size_t n = 0;

	if (s.n == 0 || !memchr(s.p, '%', s.n))
		return s;
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex(s.p[i + 2]) : -1;

		if (low >= 0) {
			to[n++] = (char)(high * 16 + low);
			i += 2;
		} else {
			to[n++] = s.p[i];
		}
	}
	return (struct slice){to, n};
}

struct slice target_file(struct slice path, char *to) {
	struct slice file = behind_last(percent_decode(behind_last(path, '/'), to), '/');

	while (file.n > 0 && file.p[0] == ' ')
		file = behind(file, 1);
	while (file.n > 0 && file.p[file.n - 1] == ' ')
		file.n--;
	return file;
}

bool query_take(struct slice *query, struct slice *name, struct slice *value) {
	const char *end, *equal;
	struct slice pair;

	if (query->n == 0)
		return false;
	end = memchr(query->p, '&', query->n);
	pair = (struct slice){query->p, end ? (size_t)(end - query->p) : query->n};
	*query = behind(*query, pair.n + (end != NULL));
	equal = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	*name = (struct slice){pair.p, equal ? (size_t)(equal - pair.p) : pair.n};
	*value = equal ? behind(pair, name->n + 1) : (struct slice){0};
	return true;
}

uint64_t mac_in_file(struct slice file) {
	for (size_t i = 0; i < file.n; i++) {
		size_t run = 0;
		size_t length = 12;
		uint64_t mac;

		while (i + run < file.n && hex(file.p[i + run]) >= 0)
			run++;
		if (run == 0)
			continue;
		if (run == 2)
			length = 17;
		else if (run == 4)
			length = 14;
		/* The spelled forms end where no digit follows, as the bare one does by being a whole run. */
		if ((run == 12 || run == 2 || run == 4) && file.n - i >= length &&
		    (file.n - i == length || hex(file.p[i + length]) < 0) && mac_parse(file.p + i, length, &mac) &&
		    /* y0000000000NN names a model of Yealink's, r0000000000NN one of Akuvox's. */
		    !(i > 0 && is_letter(file.p[i - 1]) && mac <= 0xff))
			return mac;
		i += run - 1;
	}
	return MAC_NONE;
}

uint64_t mac_in_parameter(struct slice name, struct slice value, char *to) {
	uint64_t mac;

	if (!value.p || !slice_same_nocase(percent_decode(name, to), slice_of("mac")))
		return MAC_NONE;
	value = percent_decode(value, to);
	return mac_parse(value.p, value.n, &mac) ? mac : MAC_NONE;
}
