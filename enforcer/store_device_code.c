#include <string.h>

#include "enforcer/store_private.h"

/* How a device stands in its row and on the shelf. The first byte is the version of this layout. */
#define CODE_VERSION 1

enum { FLAG_ACCOUNT = 1, FLAG_LEARNED = 2, FLAG_ADOPT = 4, FLAG_CUSTOM = 8, FLAG_RACE = 16 };

static void put_time(struct buf *out, int64_t time) {
	put_u64(out, (uint64_t)time);
}

static int get_time(struct slice *in, int64_t *time) {
	uint64_t v;

	if (get_u64(in, &v) != 0)
		return -1;
	*time = (int64_t)v;
	return 0;
}

static int get_addr(struct slice *in, struct addr *a) {
	if (in->n < sizeof(a->b))
		return -1;
	memcpy(a->b, in->p, sizeof(a->b));
	in->p += sizeof(a->b);
	in->n -= sizeof(a->b);
	return 0;
}

/* A small number that must be below a limit. */
static int get_below(struct slice *in, unsigned limit, unsigned *value) {
	uint8_t v;

	if (get_u8(in, &v) != 0 || v >= limit)
		return -1;
	*value = v;
	return 0;
}

static int get_word(struct slice *in, char *out, size_t size) {
	struct slice text;

	if (get_text(in, size - 1, &text) != 0)
		return -1;
	(void)slice_copy(text, out, size);
	return 0;
}

static void put_homes(struct buf *out, const struct homes *homes) {
	put_u8(out, (uint8_t)homes->n);
	for (uint32_t i = 0; i < homes->n; i++) {
		const struct home *h = &homes->at[i];

		buf_add(out, h->at.base.b, sizeof(h->at.base.b));
		put_u8(out, h->at.bits);
		put_u8(out, (uint8_t)((unsigned)h->kind << 1 | h->backed));
		put_time(out, h->added);
		put_time(out, h->used);
		buf_add(out, h->country, sizeof(h->country));
		put_u32(out, h->asn);
	}
}

static int get_homes(struct slice *in, struct homes *homes) {
	unsigned n, bits, kind, first, second;

	if (get_below(in, DEVICE_HOMES_MAX + 1, &n) != 0)
		return -1;
	homes->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct home *h = &homes->at[i];

		if (get_addr(in, &h->at.base) != 0 || get_below(in, 129, &bits) != 0 ||
		    get_below(in, (HOME_GIVEN + 1) << 1, &kind) != 0 || get_time(in, &h->added) != 0 ||
		    get_time(in, &h->used) != 0 || get_below(in, 256, &first) != 0 || get_below(in, 256, &second) != 0 ||
		    get_u32(in, &h->asn) != 0)
			return -1;
		h->at.bits = (uint8_t)bits;
		h->kind = (enum home_kind)(kind >> 1);
		h->backed = (kind & 1) != 0;
		h->country[0] = (char)first;
		h->country[1] = (char)second;
	}
	return 0;
}

void device_encode(const struct device *d, struct buf *out) {
	put_u8(out, CODE_VERSION);
	put_text(out, slice_of(d->account));
	put_u8(out, (uint8_t)d->state);
	put_u8(out, (uint8_t)d->reason);
	put_u8(out, (uint8_t)d->lapsed_reason);
	put_u8(out,
	       (uint8_t)((d->unlock_account ? FLAG_ACCOUNT : 0) | (d->learned ? FLAG_LEARNED : 0) |
	                 (d->adopt ? FLAG_ADOPT : 0) | (d->custom ? FLAG_CUSTOM : 0) | (d->exposed_race ? FLAG_RACE : 0)));
	put_time(out, d->created);
	put_time(out, d->changed);
	put_time(out, d->unlock_start);
	put_time(out, d->unlock_end);
	put_time(out, d->removed);
	put_time(out, d->exposed);
	buf_add(out, d->exposed_to.b, sizeof(d->exposed_to.b));
	put_u64(out, d->folder);
	put_homes(out, &d->homes);
	put_u8(out, (uint8_t)d->nmoved);
	for (uint32_t i = 0; i < d->nmoved; i++) {
		const struct moved *m = &d->moved[i];

		buf_add(out, m->ip.b, sizeof(m->ip.b));
		put_time(out, m->first);
		put_time(out, m->last);
		put_u32(out, m->count);
		put_u8(out, m->served);
	}
	put_u64(out, d->moved_count);
	put_text(out, slice_of(d->vendor));
	put_text(out, slice_of(d->model));
	put_text(out, slice_of(d->version));
	put_u8(out, (uint8_t)d->before.state);
	put_u8(out, (uint8_t)d->before.reason);
	put_time(out, d->before.unlock_start);
	put_time(out, d->before.unlock_end);
	put_homes(out, &d->before.homes);
}

static int get_moved(struct slice *in, struct device *d) {
	unsigned n, served;

	if (get_below(in, DEVICE_MOVED_MAX + 1, &n) != 0)
		return -1;
	d->nmoved = n;
	for (unsigned i = 0; i < n; i++) {
		struct moved *m = &d->moved[i];

		if (get_addr(in, &m->ip) != 0 || get_time(in, &m->first) != 0 || get_time(in, &m->last) != 0 ||
		    get_u32(in, &m->count) != 0 || get_below(in, 2, &served) != 0)
			return -1;
		m->served = served != 0;
	}
	return get_u64(in, &d->moved_count);
}

static int get_before(struct slice *in, struct device *d) {
	unsigned state, reason;

	if (get_below(in, DEVICE_HELD + 1, &state) != 0 || get_below(in, REASONS, &reason) != 0 ||
	    get_time(in, &d->before.unlock_start) != 0 || get_time(in, &d->before.unlock_end) != 0)
		return -1;
	d->before.state = (enum device_state)state;
	d->before.reason = (enum reason)reason;
	return get_homes(in, &d->before.homes);
}

int device_decode(uint64_t mac, struct slice bytes, struct device *d) {
	struct slice *in = &bytes;
	unsigned version, state, reason, lapsed, flags;

	memset(d, 0, sizeof(*d));
	d->mac = mac;
	if (get_below(in, CODE_VERSION + 1, &version) != 0 || version != CODE_VERSION ||
	    get_word(in, d->account, sizeof(d->account)) != 0 || get_below(in, DEVICE_HELD + 1, &state) != 0 ||
	    get_below(in, REASONS, &reason) != 0 || get_below(in, REASONS, &lapsed) != 0 ||
	    get_below(in, FLAG_RACE << 1, &flags) != 0)
		return -1;
	d->state = (enum device_state)state;
	d->reason = (enum reason)reason;
	d->lapsed_reason = (enum reason)lapsed;
	d->unlock_account = (flags & FLAG_ACCOUNT) != 0;
	d->learned = (flags & FLAG_LEARNED) != 0;
	d->adopt = (flags & FLAG_ADOPT) != 0;
	d->custom = (flags & FLAG_CUSTOM) != 0;
	d->exposed_race = (flags & FLAG_RACE) != 0;
	if (get_time(in, &d->created) != 0 || get_time(in, &d->changed) != 0 || get_time(in, &d->unlock_start) != 0 ||
	    get_time(in, &d->unlock_end) != 0 || get_time(in, &d->removed) != 0 || get_time(in, &d->exposed) != 0 ||
	    get_addr(in, &d->exposed_to) != 0 || get_u64(in, &d->folder) != 0 || get_homes(in, &d->homes) != 0 ||
	    get_moved(in, d) != 0 || get_word(in, d->vendor, sizeof(d->vendor)) != 0 ||
	    get_word(in, d->model, sizeof(d->model)) != 0 || get_word(in, d->version, sizeof(d->version)) != 0 ||
	    get_before(in, d) != 0)
		return -1;
	return in->n == 0 ? 0 : -1;
}
