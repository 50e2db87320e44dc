/* A line of an access log is made ready to be looked up. Nearly every line goes through here and no further, so that it is looked at 16 bytes at a time, and its
 * stamp is compared before it is decoded. */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "analyzer/block.h"
#include "analyzer/format_private.h"
#include "analyzer/recall.h"
#include "analyzer/rule_private.h"

#define WINDOW      64 /* bytes whose digits are told together */
#define MAC_BARE    12
#define MAC_SPELLED 17
#define FOLDER_MIN  16 /* digits of a folder that is secret; fewer may be a MAC */

static_assert(REQUEST_ROOM >= REQUEST_MAX + WINDOW + BLOCK, "what is looked at behind the text is there");

/* ---- MACs ---- */

/* A bit for each byte from p, of n or more, WINDOW at most: whether it is a hex digit. */
static uint64_t digits_at(const char *p, size_t n) {
	uint64_t bits = 0;

	for (size_t i = 0; i < n && i < WINDOW; i += BLOCK) {
		block at = block_load(p + i);

		bits |= (uint64_t)block_bits((block)((at - '0' <= 9) | ((at | 0x20) - 'a' <= 5))) << i;
	}
	return bits;
}

/* The same: whether it may stand between two digits of a MAC and the next two. */
static uint64_t separators_at(const char *p, size_t n) {
	uint64_t bits = 0;

	for (size_t i = 0; i < n && i < WINDOW; i += BLOCK) {
		block at = block_load(p + i);

		bits |= (uint64_t)block_bits((block)((at == ':') | (at == '-'))) << i;
	}
	return bits;
}

/* Where twelve digits begin, no more and no fewer. */
static uint64_t bare_macs(uint64_t digits) {
	uint64_t two = digits & digits >> 1;
	uint64_t four = two & two >> 2;
	uint64_t eight = four & four >> 4;

	return eight & four >> 8 & ~(digits << 1) & ~(digits >> MAC_BARE);
}

/* Where six pairs of digits begin that are separated, no more and no fewer. */
static uint64_t spelled_macs(uint64_t digits, uint64_t separators) {
	uint64_t pair = digits & digits >> 1;
	uint64_t one = pair & separators >> 2;
	uint64_t two = one & one >> 3;
	uint64_t four = two & two >> 6;

	return four & one >> 12 & pair >> 15 & ~(digits << 1) & ~((digits | separators) >> MAC_SPELLED);
}

static inline uint64_t pair_at(const char *p) {
	uint16_t pair;

	memcpy(&pair, p, sizeof(pair));
	return le16toh(pair);
}

/* Half a MAC, `step` bytes from one pair of digits to the next: the first digit in the lowest byte. */
static inline uint64_t half_at(const char *p, size_t step) {
	return pair_at(p) | pair_at(p + step) << 16 | pair_at(p + 2 * step) << 32;
}

/* The lower half of a MAC is marked, and its number told. False: it is of no use. */
static bool low_mark(struct request *q, size_t at, size_t step, uint32_t *low) {
	const uint64_t each = 0x010101010101;
	char *p = q->masked + at;
	uint64_t half = half_at(p, step);
	uint64_t letters = half >> 1 & each * 0x20;
	bool small = letters & half, large = letters & ~half;
	uint64_t value;
	int mark;

	/* Without an upper half the lower decides whether it is a MAC at all. */
	if ((small && large) || half_at(p - 3 * step, step) == each * '0')
		return false;
	value = (half & each * 0x0f) + (letters >> 5) * 9;
	value = value << 4 | value >> 8; /* two digits in each second byte */
	*low = (uint32_t)((value & 0xff) << 16 | (value >> 8 & 0xff00) | (value >> 32 & 0xff));
	mark = large ? MARK_UPPER : MARK_LOWER;
	if (q->file_at > 0 && *low != q->file_low)
		mark |= MARK_OTHER;
	memset(p, mark, 2);
	memset(p + step, mark, 2);
	memset(p + 2 * step, mark, 2);
	return true;
}

/* ---- what may differ ---- */

/* In the request: where it begins, its last segment does, and it ends. */
struct path {
	size_t begin, file, end;
	bool odd; /* it has escapes, or a query */
};

/* What is between the first two blanks, unless a quote or a backslash is there. */
static bool path_find(const struct request *q, struct path *out) {
	unsigned blanks = block_bits((block)(block_load(q->masked) == ' '));

	if (!blanks)
		return false;
	out->begin = out->file = (size_t)__builtin_ctz(blanks) + 1;
	out->odd = false;
	/* There are blanks behind the text. */
	for (size_t at = out->file;; at += BLOCK) {
		block b = block_load(q->masked + at);
		unsigned ends = block_bits((block)((b == ' ') | (b == '"') | (b == '\\')));
		unsigned before = (ends & -ends) - 1;
		unsigned slashes = before & block_bits((block)(b == '/'));
		unsigned odd = before & block_bits((block)((b == '%') | (b == '?') | (b == '#')));

		if (slashes)
			out->file = at + (32 - (unsigned)__builtin_clz(slashes));
		out->odd = out->odd || odd;
		if (ends) {
			out->end = at + (unsigned)__builtin_ctz(ends);
			return q->masked[out->end] == ' ';
		}
	}
}

/* The last folder that is a long number of digits of one case. */
static void folder_mark(struct request *q, const struct path *path) {
	size_t begin = path->begin;
	bool digits = true, small = false, large = false;

	for (size_t at = path->begin; at < path->file; at++) {
		char c = q->masked[at];

		if (c != '/') {
			digits = digits && hex_value[(unsigned char)c] >= 0;
			small = small || c >= 'a';
			large = large || (c >= 'A' && c < 'a');
			continue;
		}
		if (digits && !(small && large) && at - begin >= FOLDER_MIN) {
			q->folder_at = (uint16_t)begin;
			q->folder_n = (uint16_t)(at - begin);
			q->folder_upper = large;
		}
		begin = at + 1;
		digits = true;
		small = large = false;
	}
	memset(q->masked + q->folder_at, q->folder_upper ? MARK_UPPER : MARK_LOWER, q->folder_n);
}

static void file_mark(struct request *q, const struct path *path) {
	uint64_t macs = bare_macs(digits_at(q->masked + path->file, path->end - path->file));
	size_t at = path->file + MAC_BARE / 2;
	uint32_t low;

	if (!macs || (at += (unsigned)__builtin_ctzll(macs)) + MAC_BARE / 2 > path->end || !low_mark(q, at, 2, &low))
		return;
	q->file_at = (uint16_t)at;
	q->file_low = low;
}

/* The first MAC behind `begin`. */
static void agent_mark(struct request *q, size_t begin) {
	const size_t last = WINDOW - MAC_SPELLED - 1; /* where one can begin and be seen whole, with what is behind it */

	for (size_t at = begin; at < q->text.n; at += last) {
		uint64_t digits = digits_at(q->masked + at, q->text.n - at);
		uint64_t spelled = spelled_macs(digits, separators_at(q->masked + at, q->text.n - at));
		/* The first byte was the last window's last, or is a blank. */
		uint64_t macs = (spelled | bare_macs(digits)) & ((1ULL << last) - 1) << 1;

		if (macs) {
			unsigned place = (unsigned)__builtin_ctzll(macs);
			size_t step = spelled >> place & 1 ? 3 : 2;

			if (low_mark(q, at + place + 3 * step, step, &q->agent_low)) {
				q->agent_at = (uint16_t)(at + place + 3 * step);
				q->agent_step = (uint8_t)step;
			}
			return;
		}
	}
}

/* Marks what may differ in a request such as `"GET /p/001565abcdef.cfg HTTP/1.1" 200 5123 "-" "Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"`. */
static void request_mark(struct request *q, const struct request_kind *kind) {
	static const char version[] = " HTTP/";
	struct path path;
	char *behind;

	if (!path_find(q, &path))
		return;
	/* ` HTTP/1.1" 200 5123 ` */
	behind = q->masked + path.end;
	if (memcmp(behind, version, sizeof(version) - 1) != 0 || behind[9] != '"' || behind[10] != ' ' || behind[14] != ' ')
		return;
	if (!path.odd)
		file_mark(q, &path);
	if (kind->folders && !path.odd)
		folder_mark(q, &path);
	for (behind += 15; *behind >= '0' && *behind <= '9'; behind++)
		if (kind->bytes)
			*behind = MARK_BYTES;
	if (*behind == ' ')
		agent_mark(q, (size_t)(behind - q->masked));
}

/* ---- a line ---- */

/* The text to be marked, with blanks behind it. False where a byte of it could be taken for a mark. */
static bool text_copy(struct request *q) {
	block low = {0};

	memcpy(q->masked, q->text.p, q->text.n);
	memset(q->masked + q->text.n, ' ', REQUEST_ROOM - REQUEST_MAX);
	for (size_t i = 0; i < q->text.n; i += BLOCK)
		low |= (block)(block_load(q->masked + i) < MARKS);
	return block_bits(low) == 0;
}

#ifdef __SIZEOF_INT128__
typedef unsigned __int128 sum;

static inline void product_add(sum *io, uint64_t a, uint64_t b) {
	*io += (sum)a * b;
}
#else
typedef struct {
	uint64_t low, high;
} sum;

/* By halves, where the compiler has no number of 128 bits. */
static inline void product_add(sum *io, uint64_t a, uint64_t b) {
	uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
	uint64_t middle = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
	uint64_t other = (a & UINT32_MAX) * (b >> 32) + (middle & UINT32_MAX);

	low = other << 32 | (low & UINT32_MAX);
	io->low += low;
	io->high += (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32) + (io->low < low);
}
#endif

/* Two of NH's sums (Black, Halevi and others 1999, UMAC), the second with the key moved by a pair of words. */
static void request_hash(const uint64_t *key, struct request *q) {
	sum sums[2] = {0};

	for (size_t i = 0; i < q->text.n; i += 2 * sizeof(*key), key += 2) {
		uint64_t words[2];

		memcpy(words, q->masked + i, sizeof(words));
		product_add(&sums[0], words[0] + key[0], words[1] + key[1]);
		product_add(&sums[1], words[0] + key[2], words[1] + key[3]);
	}
	memcpy(q->key.sums, sums, sizeof(sums));
	q->key.n = q->text.n;
	q->key.user = q->user.n > 0;
}

/* The address that *rest begins with, and the blank behind it. */
static bool address_take(struct slice *rest, struct addr *ip) {
	size_t n = addr_parse_v4(rest->p, rest->n, ip);

	if (n == 0 || n == rest->n || rest->p[n] != ' ') {
		const char *blank = rest->n ? memchr(rest->p, ' ', rest->n < HEAD_MAX ? rest->n : HEAD_MAX) : NULL;

		if (!blank || !addr_parse_endpoint(rest->p, (size_t)(blank - rest->p), ip))
			return false;
		n = (size_t)(blank - rest->p);
	}
	(void)slice_take(rest, n + 1);
	return true;
}

/* The stamp that *rest begins with, and the bracket behind it. */
static bool stamp_take(struct time_context *time, struct slice *rest, int64_t *out) {
	size_t n = stamp_again(time, *rest, out);

	if (n == 0) {
		const char *end = rest->n ? memchr(rest->p, ']', rest->n < HEAD_MAX ? rest->n : HEAD_MAX) : NULL;

		n = end ? (size_t)(end - rest->p) : 0;
		if (!end || !stamp_decode(time, (struct slice){rest->p, n}, out))
			return false;
	}
	(void)slice_take(rest, n);
	return slice_skip(rest, ']');
}

/* `203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] `, as nearly all begin: false where *rest, which is the line, does not. */
static bool plain_head(struct line_context *ctx, struct slice *rest, struct request *out) {
	static const char between[] = "- - [";

	out->user = (struct slice){0};
	if (!address_take(rest, &out->ip) || !slice_starts(*rest, between))
		return false;
	(void)slice_take(rest, sizeof(between) - 1);
	return stamp_take(ctx->time, rest, &out->time) && slice_skip(rest, ' ');
}

/* With a host, or a user. */
static bool other_head(struct line_context *ctx, struct slice *rest, struct request *out) {
	struct line_fields *fields = ctx->fields;
	const char *begin = rest->p;

	fields->at[FIELD_HOST] = fields->at[FIELD_USER] = fields->parsed = (struct slice){0};
	if (!combined_head(ctx->time, fields, rest) || rest->p - begin > REQUEST_HEAD ||
	    !endpoint_read(fields, fields->at[FIELD_IP], &out->ip))
		return false;
	out->time = fields->time;
	out->user = slice_cut(fields->at[FIELD_USER], EVENT_USER_MAX);
	/* One of whom the cut leaves nothing is a user for a rule, and none for an event. */
	return out->user.n > 0 || fields->at[FIELD_USER].n == 0;
}

bool request_read(const struct request_kind *kind, struct line_context *ctx, struct slice line, struct request *out) {
	struct slice rest;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	rest = line;
	if (!plain_head(ctx, &rest, out)) {
		rest = line;
		if (!kind->heads || !other_head(ctx, &rest, out))
			return false;
	}
	if (conf_is_proxy(ctx->conf, out->ip) || rest.n < 2 || rest.n > REQUEST_MAX || rest.p[0] != '"')
		return false;
	out->line = line;
	out->text = rest;
	if (!text_copy(out))
		return false;
	out->file_at = out->agent_at = out->folder_at = out->folder_n = 0;
	out->agent_step = 0;
	out->folder_upper = false;
	out->file_low = out->agent_low = 0;
	request_mark(out, kind);
	request_hash(kind->key, out);
	return true;
}
