#include <endian.h>
#include <string.h>

#include "common/event.h"
#include "common/timefmt.h"

static const char *const event_names[EVENT_KINDS] = {
	"provision.served",   "provision.refused", "provision.unauthorised",
	"provision.unknown",  "poll.served",       "poll.refused",
	"poll.unauthorised",  "poll.unknown",      "sip.registered",
	"sip.auth_failed",    "sip.unknown_user",  "sip.refused",
	"sip.scan",           "sip.malformed",     "sip.flood",
	"device.created",     "device.deleted",    "device.customised",
	"portal.auth_failed",
};

static const char *const proof_names[PROOFS] = {"none", "nonce", "handshake"};

const char *event_kind_name(enum event_kind kind) {
	return event_names[kind];
}

bool event_kind_parse(struct slice name, enum event_kind *kind) {
	for (int i = 0; i < EVENT_KINDS; i++)
		if (slice_is(name, event_names[i])) {
			*kind = (enum event_kind)i;
			return true;
		}
	return false;
}

const char *proof_name(enum proof proof) {
	return proof_names[proof];
}

void put_u8(struct buf *out, uint8_t v) {
	buf_add(out, &v, sizeof(v));
}

void put_u16(struct buf *out, uint16_t v) {
	v = htole16(v);
	buf_add(out, &v, sizeof(v));
}

void put_u32(struct buf *out, uint32_t v) {
	v = htole32(v);
	buf_add(out, &v, sizeof(v));
}

void put_u64(struct buf *out, uint64_t v) {
	v = htole64(v);
	buf_add(out, &v, sizeof(v));
}

void put_text(struct buf *out, struct slice s) {
	uint16_t n = (uint16_t)(s.n > UINT16_MAX ? UINT16_MAX : s.n);

	put_u16(out, n);
	buf_add(out, s.p, n);
}

/* Takes n bytes, or NULL. */
static const char *get_taken(struct slice *in, size_t n) {
	const char *p = in->p;

	if (in->n < n)
		return NULL;
	in->p += n;
	in->n -= n;
	return p;
}

int get_u8(struct slice *in, uint8_t *v) {
	const char *p = get_taken(in, sizeof(*v));

	if (!p)
		return -1;
	*v = (uint8_t)*p;
	return 0;
}

int get_u16(struct slice *in, uint16_t *v) {
	const char *p = get_taken(in, sizeof(*v));

	if (!p)
		return -1;
	memcpy(v, p, sizeof(*v));
	*v = le16toh(*v);
	return 0;
}

int get_u32(struct slice *in, uint32_t *v) {
	const char *p = get_taken(in, sizeof(*v));

	if (!p)
		return -1;
	memcpy(v, p, sizeof(*v));
	*v = le32toh(*v);
	return 0;
}

int get_u64(struct slice *in, uint64_t *v) {
	const char *p = get_taken(in, sizeof(*v));

	if (!p)
		return -1;
	memcpy(v, p, sizeof(*v));
	*v = le64toh(*v);
	return 0;
}

int get_text(struct slice *in, size_t max, struct slice *v) {
	struct slice rest = *in;
	uint16_t n;

	if (get_u16(&rest, &n) < 0 || n > rest.n || n > max)
		return -1;
	*v = (struct slice){rest.p, n};
	in->p = rest.p + n;
	in->n = rest.n - n;
	return 0;
}

void event_encode(struct buf *out, const struct event *e) {
	put_u8(out, (uint8_t)e->kind);
	put_u8(out, (uint8_t)((unsigned)e->proof | (unsigned)e->imposter << 2 | (unsigned)e->agent_mac_differs << 4));
	put_u32(out, e->cursor);
	put_u64(out, e->offset);
	put_u64(out, (uint64_t)e->time);
	buf_add(out, e->ip.b, sizeof(e->ip.b));
	put_u64(out, e->mac);
	put_u64(out, e->once);
	put_u32(out, e->asn);
	put_u16(out, e->status);
	buf_add(out, e->country, sizeof(e->country));
	put_text(out, e->user);
	put_text(out, e->realm);
	put_text(out, e->account);
	put_text(out, e->agent);
	put_text(out, e->folder);
	put_text(out, e->vendor);
	put_text(out, e->model);
	put_text(out, e->version);
	put_text(out, e->rule);
	put_text(out, e->line);
}

static int get_bytes(struct slice *in, void *out, size_t n) {
	if (in->n < n)
		return -1;
	memcpy(out, in->p, n);
	in->p += n;
	in->n -= n;
	return 0;
}

/* A country is two capital letters or nothing. */
static bool country_is_sound(const char c[2]) {
	return (c[0] == '\0' && c[1] == '\0') || (c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z');
}

#define LAST_SECOND 253402300799LL /* 9999-12-31T23:59:59Z */

static bool texts_are_sound(const struct event *e) {
	return e->user.n <= EVENT_USER_MAX && e->realm.n <= EVENT_REALM_MAX && e->account.n <= EVENT_ACCOUNT_MAX &&
	       e->agent.n <= EVENT_AGENT_MAX && e->folder.n <= EVENT_FOLDER_MAX && e->vendor.n <= EVENT_WORD_MAX &&
	       e->model.n <= EVENT_WORD_MAX && e->version.n <= EVENT_WORD_MAX && e->rule.n <= EVENT_WORD_MAX &&
	       (e->raw || e->line.n <= EVENT_LINE_MAX);
}

bool event_is_sound(const struct event *e, struct err *err) {
	const char *problem = NULL;

	if (e->kind >= EVENT_LINK_KINDS || e->proof >= PROOFS || e->imposter >= TRIS)
		problem = "kind, proof or imposter out of range";
	else if (e->time == TIME_NONE || e->time > LAST_SECOND || e->time < 0)
		problem = "time out of range";
	else if (e->mac >> 48 || (e->mac >> 40 & 1))
		problem = "MAC out of range";
	else if (!country_is_sound(e->country))
		problem = "country is not two letters";
	else if (addr_is_none(e->ip) && e->kind < EVENT_DEVICE_CREATED)
		problem = "no address";
	else if (e->mac == MAC_NONE && (e->kind <= EVENT_POLL_UNKNOWN || e->kind >= EVENT_DEVICE_CREATED))
		problem = "no MAC";
	else if (!texts_are_sound(e))
		problem = "a text is too long";
	if (problem)
		(void)err_set(err, ERR_INPUT, "event: %s", problem);
	return !problem;
}

int event_decode(struct slice *in, struct event *e, struct err *err) {
	struct slice rest = *in;
	struct event v = {0};
	uint8_t kind, flags;
	uint64_t time;

	if (get_u8(&rest, &kind) < 0 || get_u8(&rest, &flags) < 0 || get_u32(&rest, &v.cursor) < 0 ||
	    get_u64(&rest, &v.offset) < 0 || get_u64(&rest, &time) < 0 || get_bytes(&rest, v.ip.b, sizeof(v.ip.b)) < 0 ||
	    get_u64(&rest, &v.mac) < 0 || get_u64(&rest, &v.once) < 0 || get_u32(&rest, &v.asn) < 0 ||
	    get_u16(&rest, &v.status) < 0 || get_bytes(&rest, v.country, sizeof(v.country)) < 0)
		return err_set(err, ERR_INPUT, "event: cut short");
	if (get_text(&rest, EVENT_USER_MAX, &v.user) < 0 || get_text(&rest, EVENT_REALM_MAX, &v.realm) < 0 ||
	    get_text(&rest, EVENT_ACCOUNT_MAX, &v.account) < 0 || get_text(&rest, EVENT_AGENT_MAX, &v.agent) < 0 ||
	    get_text(&rest, EVENT_FOLDER_MAX, &v.folder) < 0 || get_text(&rest, EVENT_WORD_MAX, &v.vendor) < 0 ||
	    get_text(&rest, EVENT_WORD_MAX, &v.model) < 0 || get_text(&rest, EVENT_WORD_MAX, &v.version) < 0 ||
	    get_text(&rest, EVENT_WORD_MAX, &v.rule) < 0 || get_text(&rest, EVENT_LINE_MAX, &v.line) < 0)
		return err_set(err, ERR_INPUT, "event: a text is too long or cut short");
	if (kind >= EVENT_KINDS || flags >> 5)
		return err_set(err, ERR_INPUT, "event: kind or flags out of range");
	v.kind = (enum event_kind)kind;
	v.proof = (enum proof)(flags & 3);
	v.imposter = (enum tri)(flags >> 2 & 3);
	v.agent_mac_differs = flags >> 4 & 1;
	v.time = time > LAST_SECOND ? TIME_NONE : (int64_t)time;
	if (!event_is_sound(&v, err))
		return -1;
	*in = rest;
	*e = v;
	return 0;
}

void cursor_encode(struct buf *out, const struct cursor *c) {
	put_u32(out, c->id);
	put_u8(out, c->transient);
	put_u16(out, c->source);
	put_u64(out, c->dev);
	put_u64(out, c->ino);
	put_u64(out, c->head_hash);
	put_u64(out, c->tail_hash);
	put_u32(out, c->head_len);
	put_u32(out, c->tail_len);
	put_u64(out, c->offset);
	put_u64(out, (uint64_t)c->high_time);
	put_u64(out, c->lines);
	put_u64(out, c->events);
	put_u64(out, c->unreadable);
	put_u64(out, c->skipped);
	put_u64(out, c->lost);
	put_u64(out, (uint64_t)c->size);
	put_text(out, c->name);
	put_text(out, c->file);
	put_text(out, c->sample);
	put_text(out, c->mark);
}

int cursor_decode(struct slice *in, struct cursor *c, struct err *err) {
	struct slice rest = *in;
	struct cursor v = {0};
	uint8_t transient;
	uint64_t high_time, size;

	if (get_u32(&rest, &v.id) < 0 || get_u8(&rest, &transient) < 0 || get_u16(&rest, &v.source) < 0 ||
	    get_u64(&rest, &v.dev) < 0 || get_u64(&rest, &v.ino) < 0 || get_u64(&rest, &v.head_hash) < 0 ||
	    get_u64(&rest, &v.tail_hash) < 0 || get_u32(&rest, &v.head_len) < 0 || get_u32(&rest, &v.tail_len) < 0 ||
	    get_u64(&rest, &v.offset) < 0 || get_u64(&rest, &high_time) < 0 || get_u64(&rest, &v.lines) < 0 ||
	    get_u64(&rest, &v.events) < 0 || get_u64(&rest, &v.unreadable) < 0 || get_u64(&rest, &v.skipped) < 0 ||
	    get_u64(&rest, &v.lost) < 0 || get_u64(&rest, &size) < 0 || get_text(&rest, CURSOR_NAME_MAX, &v.name) < 0 ||
	    get_text(&rest, CURSOR_NAME_MAX, &v.file) < 0 || get_text(&rest, EVENT_LINE_MAX, &v.sample) < 0 ||
	    get_text(&rest, CURSOR_MARK_MAX, &v.mark) < 0)
		return err_set(err, ERR_INPUT, "cursor: cut short, or a text is too long");
	if (transient > 1 || v.head_len > CURSOR_HEAD || v.tail_len > CURSOR_TAIL || v.tail_len > v.offset ||
	    v.offset > LINK_OFFSET_MAX || high_time > LAST_SECOND)
		return err_set(err, ERR_INPUT, "cursor: a number is out of range");
	v.transient = transient;
	v.high_time = (int64_t)high_time;
	v.size = (int64_t)size;
	*in = rest;
	*c = v;
	return 0;
}

size_t frame_begin(struct buf *out, enum link_type type) {
	size_t begin = out->n;

	put_u32(out, 0);
	put_u8(out, (uint8_t)type);
	return begin;
}

void frame_end(struct buf *out, size_t begin) {
	uint32_t n;

	if (out->failed)
		return;
	n = (uint32_t)(out->n - begin - LINK_HEADER);
	for (size_t i = 0; i < 4; i++)
		out->p[begin + i] = (char)(n >> (8 * i));
}

int frame_take(struct slice *in, enum link_type *type, struct slice *body, struct err *err) {
	struct slice rest = *in;
	uint32_t n;
	uint8_t t;

	if (get_u32(&rest, &n) < 0 || get_u8(&rest, &t) < 0)
		return 0;
	if (n > LINK_FRAME_MAX || t < LINK_HELLO || t > LINK_TEXTS)
		return err_set(err, ERR_INPUT, "link: a frame of type %u and %u bytes is none of ours", t, n);
	if (rest.n < n)
		return 0;
	*type = (enum link_type)t;
	*body = (struct slice){rest.p, n};
	in->p = rest.p + n;
	in->n = rest.n - n;
	return 1;
}
