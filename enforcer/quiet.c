/* A served fetch from home, and a registration from there, are nearly all events, and change nothing but when the phone was seen. What is worked out of a device once, by the
 * same rules that lock.c goes by, is kept in mind (memo.h); what is found there needs no look at its row. Everything that might be otherwise
 * is left to judge_event: a wrong no costs time, a wrong yes would be a wrong state.
 */
#include <endian.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/home.h"
#include "enforcer/judge_private.h"
#include "enforcer/memo.h"

#define READ_MIN     64  /* misses before it may pay to read a device's neighbours with it */
#define READ_SHARE   256 /* one of so many devices was missed */
#define READ_AT_ONCE 256 /* entries */

#define PLACE_OF_NEIGHBOURS UINT64_MAX /* IPv6 that is nobody's */

/* Which place an address is, as learned homes are compared; 0 where that cannot be told in 64 bits. */
static uint64_t place_of(const struct conf *conf, struct addr ip) {
	unsigned bits4 = conf->devices.same_network.bits4, bits6 = conf->devices.same_network.bits6;
	uint64_t half;

	if (addr_is_v4(ip)) {
		memcpy(&half, ip.b + 8, sizeof(half));
		return bits4 > 96 ? be64toh(half) & UINT32_MAX << (128 - bits4) & UINT32_MAX : 0;
	}
	memcpy(&half, ip.b, sizeof(half));
	half = be64toh(half);
	/* Below 2^32 it would read as IPv4: ::/32 is nobody's. So is the last /64, which stands for neighbours. */
	return bits6 > 0 && bits6 <= 64 && half >> 32 && half != UINT64_MAX ? half & UINT64_MAX << (64 - bits6) : 0;
}

static unsigned bits_of_home(const struct conf *conf, struct addr ip) {
	return addr_is_v4(ip) ? conf->devices.same_network.bits4 : conf->devices.same_network.bits6;
}

/* The home that the whole place is in, or NULL: one that was given may hold a part of the place only. */
static const struct home *home_of_place(const struct homes *homes, const struct conf *conf, struct addr ip) {
	unsigned bits = bits_of_home(conf, ip);
	int i = home_find(homes, conf, ip);

	for (uint32_t k = 0; i >= 0 && k < homes->n; k++)
		if (homes->at[k].kind == HOME_GIVEN && homes->at[k].at.bits > bits)
			return NULL;
	return i < 0 ? NULL : &homes->at[i];
}

/* Is one of them that of its own place? Most devices have one home. */
static bool is_of_its_place(const struct homes *homes, const struct home *home, const struct conf *conf) {
	if (homes->n == 1)
		return home->kind != HOME_GIVEN || home->at.bits <= bits_of_home(conf, home->at.base);
	return home_of_place(homes, conf, home->at.base) == home;
}

static uint32_t short_time(int64_t time) {
	return time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : (uint32_t)time;
}

/* What is to be kept in mind of a device that has its home there; false: nothing. `words` is the number of its words, never 0. */
static bool entry_of(const struct glance *g, uint32_t words, const struct home *home, uint64_t place,
                     struct memo_entry *out) {
	*out = (struct memo_entry){
		.mac = g->mac << MEMO_MAC_BITS | (home->backed ? MEMO_BACKED : 0) | words,
		.place = place,
		.from = short_time(g->changed),
		.until = home->kind == HOME_POLL ? short_time(home->used + HOUR) : UINT32_MAX,
		.seen = short_time(g->seen),
		.stored = short_time(g->seen),
	};
	return place != 0 && g->changed < UINT32_MAX;
}

/* While neighbours are read: what is to be kept in mind of them, and the numbers of their words, 0 where there is none yet. */
struct reading {
	const struct conf *conf;
	struct memo *memo;
	uint64_t devices; /* that there are */
	uint32_t n, era;
	struct memo_entry entries[READ_AT_ONCE];
	uint16_t numbers[UINT8_MAX + 1];
};

/* That neighbours were read is kept in mind beside them, as a place of the MAC that they begin with at which nobody ever is. */
static bool neighbours_wanted(void *context, uint64_t first) {
	struct reading *r = context;
	const struct memo_entry mark = {.mac = first << MEMO_MAC_BITS | MEMO_WORDS, .place = PLACE_OF_NEIGHBOURS};

	if (memo_find(r->memo, first, PLACE_OF_NEIGHBOURS))
		return false;
	memo_expect(r->memo, r->devices);
	memo_put(r->memo, &mark);
	memset(r->numbers, 0, sizeof(r->numbers));
	r->era = memo_era(r->memo);
	return true;
}

static uint32_t number_of(struct reading *r, const struct glance *g) {
	uint32_t number = r->numbers[g->same];

	if (number != 0)
		return number;
	number = memo_words_put(r->memo, &g->words);
	/* All numbers began anew with this one. */
	if (r->era != memo_era(r->memo)) {
		memset(r->numbers, 0, sizeof(r->numbers));
		r->n = 0;
		r->era = memo_era(r->memo);
	}
	r->numbers[g->same] = (uint16_t)number;
	return number;
}

static void neighbours_keep(struct reading *r) {
	memo_fill(r->memo, r->entries, r->n);
	r->n = 0;
}

/* A phone that polls through a secret folder is looked for with it. */
static void neighbour_add(void *context, const struct glance *g) {
	struct reading *r = context;

	for (uint32_t i = 0; i < g->homes.n; i++) {
		const struct home *home = &g->homes.at[i];
		uint64_t place = is_of_its_place(&g->homes, home, r->conf) ? place_of(r->conf, home->at.base) : 0;
		uint32_t words = place != 0 ? number_of(r, g) : 0;

		if (words == 0 || !entry_of(g, words, home, place ^ g->folder, &r->entries[r->n]))
			continue;
		if (++r->n == READ_AT_ONCE)
			neighbours_keep(r);
	}
}

/* Where so much is missing that the neighbours of what is missing will be, too. */
static int look_at(struct judge *j, uint64_t mac, struct glance *out, struct err *err) {
	struct reading r;
	const struct neighbours others = {neighbours_wanted, neighbour_add, &r};
	int found;

	r.conf = j->conf;
	r.memo = store_memo(j->store);
	r.devices = (uint64_t)store_device_count(j->store);
	r.n = 0;
	if (++j->quiet.missed < READ_MIN || j->quiet.missed < r.devices / READ_SHARE || !memo_has_room(r.memo))
		return store_glance(j->store, mac, NULL, out, err);
	found = store_glance(j->store, mac, &others, out, err);
	neighbours_keep(&r);
	return found;
}

/* 1 with *out, 0, -1. */
static int remembered(struct judge *j, uint64_t mac, struct addr ip, uint64_t place, uint64_t folder,
                      struct memo_entry **out, struct err *err) {
	struct memo *memo = store_memo(j->store);
	const struct home *home;
	struct memo_entry entry;
	struct glance g;
	uint32_t words;
	int found;

	*out = memo_find(memo, mac, place);
	if (*out)
		return 1;
	found = look_at(j, mac, &g, err);
	if (found <= 0)
		return found;
	*out = memo_find(memo, mac, place);
	if (*out)
		return 1;
	home = folder == 0 || g.folder == folder ? home_of_place(&g.homes, j->conf, ip) : NULL;
	words = home ? memo_words_put(memo, &g.words) : 0;
	if (words != 0 && entry_of(&g, words, home, place, &entry))
		memo_put(memo, &entry);
	*out = memo_find(memo, mac, place);
	return *out != NULL;
}

/* Does it say something of its phone that the device has not got? */
static bool has_news(struct judge *j, const struct event *e, const struct memo_entry *entry, struct quiet_row *row) {
	const struct memo *memo = store_memo(j->store);
	uint32_t has = entry->mac & MEMO_WORDS;

	if (row->era == memo_era(memo) && row->fits == has)
		return false;
	if (!memo_words_fit(memo, &(struct memo_words){e->vendor, e->model, e->version}, has))
		return true;
	*row = (struct quiet_row){memo_era(memo), has};
	return false;
}

/* What is in mind of the place that it comes from: 1 with *out, and it says nothing new of its phone; 0; -1. */
static int quiet_place(struct judge *j, const struct event *e, struct quiet_row *row, struct memo_entry **out,
                       struct err *err) {
	uint64_t place = place_of(j->conf, e->ip), folder = 0;
	int found;

	if (e->imposter == TRI_YES || place == 0)
		return 0;
	if (e->kind == EVENT_POLL_SERVED && e->folder.n > 0) {
		folder = facts_folder(j, e->folder);
		place ^= folder;
	}
	*out = memo_find(store_memo(j->store), e->mac, place);
	found = *out ? 1 : remembered(j, e->mac, e->ip, place, folder, out, err);
	return found <= 0 ? found : !has_news(j, e, *out, row);
}

/* What was found before is there yet, and of the device that is asked for now: a user may have become another's since. */
static bool is_there_yet(const struct quiet_found *known, const struct memo *memo, uint64_t mac) {
	return known->entry && known->version == memo_version(memo) && memo_mac(known->entry) == mac;
}

static void note_found(struct quiet_found *known, const struct memo *memo, struct memo_entry *entry) {
	known->entry = entry;
	known->version = memo_version(memo);
}

static int quiet_fetch(struct judge *j, const struct event *e, struct quiet_row *row, struct quiet_found *known,
                       bool look, struct err *err) {
	const struct memo *memo = store_memo(j->store);
	struct memo_entry *entry = known->entry;

	if (look || !is_there_yet(known, memo, e->mac)) {
		int found = quiet_place(j, e, row, &entry, err);

		if (found <= 0)
			return found;
		note_found(known, memo, entry);
	}
	if (e->time < entry->from || e->time >= entry->until ||
	    (e->kind == EVENT_POLL_SERVED && !(entry->mac & MEMO_BACKED)))
		return 0;
	if (!look && e->time >= (int64_t)entry->seen + MINUTE)
		entry->seen = (uint32_t)e->time;
	return 1;
}

/* Whose it is, as far as users know; *r: the one that was made before, or NULL. */
static int owner_of(struct judge *j, const struct event *e, struct quiet_found *known, struct registration **r,
                    uint64_t *mac, struct err *err) {
	int found;

	if (known->digest == 0)
		known->digest = store_registered_digest(j->store, e->user, e->realm, e->ip);
	found = store_registration(j->store, known->digest, &known->registration, r, err);
	if (found < 0)
		return -1;
	if (!found)
		*r = NULL;
	if (found && (*r)->users == store_users_version(j->store))
		*mac = (*r)->mac;
	else if (e->user.n > 0)
		return store_device_of_user(j->store, e->user, e->realm, mac, err);
	return 0;
}

/* From a home that something backs already. */
static int is_backed(struct judge *j, const struct event *e, uint64_t mac, struct quiet_found *known, struct err *err) {
	uint64_t place = place_of(j->conf, e->ip);
	const struct memo *memo = store_memo(j->store);
	struct memo_entry *entry = known->entry;

	if (!is_there_yet(known, memo, mac)) {
		int found = place == 0 ? 0 : remembered(j, mac, e->ip, place, 0, &entry, err);

		if (found <= 0)
			return found;
		note_found(known, memo, entry);
	}
	return e->time >= entry->from && e->time < entry->until && entry->mac & MEMO_BACKED;
}

/* Of a user of no device, or from a home that something backs already. */
static int quiet_registration(struct judge *j, const struct event *e, struct quiet_found *known, bool look,
                              struct err *err) {
	struct registration *r;
	uint64_t mac = MAC_NONE;
	int quiet;

	if (owner_of(j, e, known, &r, &mac, err) < 0)
		return -1;
	quiet = mac == MAC_NONE ? 1 : is_backed(j, e, mac, known, err);
	if (quiet <= 0 || look)
		return quiet;
	j->sums.events[e->kind]++;
	if (r && r->mac != mac)
		r = NULL;
	if (trigger_quiet(j, e, mac, r ? &r->who : NULL, err) < 0)
		return -1;
	/* Last, as in judge_event. */
	if (r)
		store_registration_renew(j->store, r, e->time);
	else if (store_registered_put(j->store, e->user, e->realm, mac, e->ip, e->time, err) < 0)
		return -1;
	return 1;
}

int judge_quiet(struct judge *j, const struct event *e, struct quiet_row *row, struct quiet_found *found, bool look,
                struct err *err) {
	bool registered = e->kind == EVENT_SIP_REGISTERED;
	int quiet;

	if ((!registered && e->kind != EVENT_PROVISION_SERVED && e->kind != EVENT_POLL_SERVED) || e->proof == PROOF_NONE ||
	    e->time > UINT32_MAX)
		return 0;
	if (!look && judge_advance(j, e->time, err) < 0)
		return -1;
	if (trigger_is_stirred(j, e))
		return 0;
	if (registered)
		return quiet_registration(j, e, found, look, err);
	quiet = quiet_fetch(j, e, row, found, look, err);
	if (quiet <= 0 || look)
		return quiet;
	j->sums.events[e->kind]++;
	return trigger_quiet(j, e, e->mac, NULL, err) < 0 ? -1 : 1;
}

void judge_hint(const struct judge *j, const struct event *e, struct quiet_found *found, int step) {
	uint64_t mac = e->mac;

	if (e->kind == EVENT_SIP_REGISTERED && e->proof != PROOF_NONE) {
		if (step == 0)
			found->digest = store_registered_digest(j->store, e->user, e->realm, e->ip);
		mac = store_registration_hint(j->store, found->digest, step);
	} else if (step > 0) {
		return;
	}
	if (mac != MAC_NONE)
		memo_hint(store_memo(j->store), mac);
}

void judge_hint_found(const struct judge *j, const struct quiet_found *found) {
	__builtin_prefetch(found->entry);
	store_registration_hint_at(j->store, found->registration);
}
