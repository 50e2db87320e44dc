/* Registrations. Each is a row, written when somebody registers from somewhere for the first time. What a further one needs is in memory, and stands
 * by the number of the row in two tables of blobs, a page each, which are read at the first question: whose it is (`registrant`) and when it was made
 * last (`renewed`). A phone registers again and again, and nothing but four bytes change then; they are written with the batch: where they are all over
 * `renewed`, as numbers and times in as few pages as hold them (`renewal`), which are taken over when there are many. */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/digest.h"
#include "enforcer/store_private.h"

#define REGISTERED_KEPT DAY
#define REGISTERED_MAX  200000
#define TIMES           1000 /* in a blob of times */
#define OWNERS          250  /* in a blob of owners */
#define RENEWALS        500  /* in a blob of renewals */
#define RENEWALS_MAX    256  /* such blobs */
#define RENEWALS_SHARE  4    /* one stands for so many blobs of times, or it is not worth it */
#define ROOM            (REGISTERED_MAX + TIMES)
#define CHAINS          262144U

struct registrations {
	uint32_t n;
	uint32_t end;  /* no number from here on is taken */
	uint32_t free; /* none below is free */
	bool dirty, dirty_owners[ROOM / OWNERS];
	bool behind[ROOM / TIMES];                 /* blobs of times that lack something */
	uint32_t blobs;                            /* of renewals */
	uint32_t nchanged;                         /* since the last save, as many as are told: */
	uint32_t changed[RENEWALS * RENEWALS_MAX]; /* their numbers, */
	uint64_t is_changed[ROOM / 64 + 1];        /* each once */
	uint32_t chains[CHAINS];                   /* by digest */
	struct registration at[ROOM];              /* by number; there is no row 0 */
};

void store_registered_forget(struct store *s) {
	free(s->registrations);
	s->registrations = NULL;
}

uint64_t store_registered_digest(const struct store *s, struct slice user, struct slice realm, struct addr ip) {
	uint8_t bytes[sizeof(ip.b) + 1 + EVENT_USER_MAX + EVENT_REALM_MAX], *p = bytes;

	assert(user.n <= EVENT_USER_MAX && realm.n <= EVENT_REALM_MAX);
	memcpy(p, ip.b, sizeof(ip.b));
	p += sizeof(ip.b);
	*p++ = (uint8_t)user.n;
	if (user.n > 0)
		memcpy(p, user.p, user.n);
	p += user.n;
	if (realm.n > 0)
		memcpy(p, realm.p, realm.n);
	p += realm.n;
	return digest_bytes(s->key, bytes, (size_t)(p - bytes));
}

static uint32_t short_time(int64_t time) {
	return time < 1 ? 1 : time > UINT32_MAX ? UINT32_MAX : (uint32_t)time;
}

/* ---- in memory ---- */

static uint32_t *chain_of(struct registrations *r, uint64_t digest) {
	return &r->chains[digest % CHAINS];
}

static uint32_t find(struct registrations *r, uint64_t digest) {
	uint32_t number = *chain_of(r, digest);

	while (number != 0 && r->at[number].digest != digest)
		number = r->at[number].next;
	return number;
}

static void chain(struct registrations *r, uint32_t number) {
	uint32_t *first = chain_of(r, r->at[number].digest);

	r->at[number].next = *first;
	*first = number;
	r->n++;
}

static void unchain(struct registrations *r, uint32_t number) {
	uint32_t *link = chain_of(r, r->at[number].digest);

	while (*link != number)
		link = &r->at[*link].next;
	*link = r->at[number].next;
	r->n--;
}

static void set_time(struct registrations *r, uint32_t number, uint32_t time) {
	uint64_t bit = 1ULL << (number % 64);

	r->at[number].time = time;
	r->behind[number / TIMES] = r->dirty = true;
	if (r->nchanged == RENEWALS * RENEWALS_MAX || r->is_changed[number / 64] & bit)
		return;
	r->is_changed[number / 64] |= bit;
	r->changed[r->nchanged++] = number;
}

static void set_owner(struct registrations *r, uint32_t number, uint64_t mac) {
	r->at[number].mac = mac;
	r->at[number].users = r->at[number].who = 0;
	r->dirty_owners[number / OWNERS] = r->dirty = true;
}

static void take_number(struct registrations *r, uint32_t number, uint64_t digest, uint64_t mac, int64_t time) {
	r->at[number].digest = digest;
	set_owner(r, number, mac);
	set_time(r, number, short_time(time));
	chain(r, number);
	if (number >= r->end)
		r->end = number + 1;
}

/* ---- as it is stored ---- */

static bool is_number(int64_t number) {
	return number > 0 && number < ROOM;
}

static int load_times(struct store *s, struct registrations *r, struct err *err) {
	struct query *q = db_query(s->db, "SELECT part, times FROM renewed WHERE part BETWEEN 0 AND ?", err);
	int step;

	db_bind(q, ROOM / TIMES - 1);
	while ((step = db_step(q, err)) == 1) {
		uint32_t number = (uint32_t)db_int(q, 0) * TIMES, end = number + TIMES;
		struct slice times = db_text(q, 1);

		for (; number < end && get_u32(&times, &r->at[number].time) == 0; number++)
			if (r->at[number].time != 0 && number >= r->end)
				r->end = number + 1;
	}
	db_end(q);
	return step;
}

/* What is no number of one is nothing. */
static int load_renewals(struct store *s, struct registrations *r, struct err *err) {
	struct query *q = db_query(s->db, "SELECT id, times FROM renewal ORDER BY id", err);
	int step;

	while ((step = db_step(q, err)) == 1) {
		struct slice times = db_text(q, 1);
		int64_t id = db_int(q, 0);
		uint32_t number, time;

		r->blobs = id > 0 && id < RENEWALS_MAX ? (uint32_t)id : RENEWALS_MAX;
		while (get_u32(&times, &number) == 0 && get_u32(&times, &time) == 0 && is_number(number)) {
			r->at[number].time = time;
			r->behind[number / TIMES] = true;
			if (time != 0 && number >= r->end)
				r->end = number + 1;
		}
	}
	db_end(q);
	return step;
}

static int load_owners(struct store *s, struct registrations *r, struct err *err) {
	struct query *q = db_query(s->db, "SELECT part, owners FROM registrant WHERE part BETWEEN 0 AND ?", err);
	int step;

	db_bind(q, ROOM / OWNERS - 1);
	while ((step = db_step(q, err)) == 1) {
		uint32_t number = (uint32_t)db_int(q, 0) * OWNERS, end = number + OWNERS;
		struct slice owners = db_text(q, 1);

		for (; number < end && number < r->end; number++) {
			struct registration *one = &r->at[number];

			if (get_u64(&owners, &one->digest) < 0 || get_u64(&owners, &one->mac) < 0)
				break;
			if (one->time != 0)
				chain(r, number);
		}
	}
	db_end(q);
	return step;
}

/* Of a state from before there were such blobs. */
static int load_rows(struct store *s, struct registrations *r, struct err *err) {
	struct query *q = db_query(s->db, "SELECT id, user, realm, base, mac, time FROM registration", err);
	int step;

	while ((step = db_step(q, err)) == 1) {
		struct slice user = db_text(q, 1), realm = db_text(q, 2);

		if (is_number(db_int(q, 0)) && user.n <= EVENT_USER_MAX && realm.n <= EVENT_REALM_MAX)
			take_number(r, (uint32_t)db_int(q, 0), store_registered_digest(s, user, realm, db_addr(q, 3)),
			            (uint64_t)db_int(q, 4), db_int(q, 5));
	}
	db_end(q);
	return step;
}

/* Each that has a time has an owner, or it could not be taken out again. */
static int check(const struct registrations *r, struct err *err) {
	uint32_t n = 0;

	for (uint32_t i = 1; i < r->end; i++)
		n += r->at[i].time != 0;
	return n == r->n && r->at[0].time == 0 ? 0
	                                       : err_set(err, ERR_SYSTEM,
	                                                 "the state is corrupt: rows of `renewed` and `registrant` do not "
	                                                 "fit each other; `provctl recover` "
	                                                 "brings back the last backup");
}

static int load(struct store *s, struct err *err) {
	struct registrations *r;

	if (s->registrations)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ERR_SYSTEM, "out of memory");
	r->free = r->end = 1;
	if (load_times(s, r, err) != 0 || load_renewals(s, r, err) != 0 || load_owners(s, r, err) != 0 ||
	    check(r, err) != 0 || (r->n == 0 && load_rows(s, r, err) != 0)) {
		free(r);
		return -1;
	}
	s->registrations = r;
	return 0;
}

static int save_blob(struct store *s, const char *sql, uint32_t part, const void *bytes, size_t n, struct err *err) {
	struct query *q = db_query(s->db, sql, err);

	db_bind(q, part);
	db_bind_bytes(q, bytes, n);
	return db_run(q, err);
}

static int save_times(struct store *s, const struct registrations *r, uint32_t part, struct err *err) {
	uint32_t times[TIMES];

	for (uint32_t i = 0; i < TIMES; i++)
		times[i] = htole32(r->at[part * TIMES + i].time);
	return save_blob(s, "INSERT OR REPLACE INTO renewed (part, times) VALUES (?, ?)", part, times, sizeof(times), err);
}

static int save_owners(struct store *s, const struct registrations *r, uint32_t part, struct err *err) {
	uint64_t owners[OWNERS][2];

	for (uint32_t i = 0; i < OWNERS; i++) {
		owners[i][0] = htole64(r->at[part * OWNERS + i].digest);
		owners[i][1] = htole64(r->at[part * OWNERS + i].mac);
	}
	return save_blob(s, "INSERT OR REPLACE INTO registrant (part, owners) VALUES (?, ?)", part, owners, sizeof(owners),
	                 err);
}

static int save_renewals(struct store *s, struct registrations *r, struct err *err) {
	uint32_t bytes[RENEWALS][2];

	for (uint32_t first = 0; first < r->nchanged; first += RENEWALS) {
		uint32_t n = r->nchanged - first < RENEWALS ? r->nchanged - first : RENEWALS;

		for (uint32_t i = 0; i < n; i++) {
			bytes[i][0] = htole32(r->changed[first + i]);
			bytes[i][1] = htole32(r->at[r->changed[first + i]].time);
		}
		if (save_blob(s, "INSERT INTO renewal (id, times) VALUES (?, ?)", ++r->blobs, bytes, n * sizeof(*bytes), err) !=
		    0)
			return -1;
	}
	return 0;
}

static int save_all_times(struct store *s, struct registrations *r, struct err *err) {
	if (r->blobs > 0 && db_run(db_query(s->db, "DELETE FROM renewal", err), err) != 0)
		return -1;
	for (uint32_t part = 0; part < ROOM / TIMES; part++)
		if (r->behind[part] && save_times(s, r, part, err) != 0)
			return -1;
	memset(r->behind, 0, sizeof(r->behind));
	r->blobs = 0;
	return 0;
}

static bool are_worth_it(const struct registrations *r) {
	uint32_t blobs = (r->nchanged + RENEWALS - 1) / RENEWALS, behind = 0;

	for (uint32_t part = 0; part < ROOM / TIMES; part++)
		behind += r->behind[part];
	return blobs * RENEWALS_SHARE < behind && r->blobs + blobs < RENEWALS_MAX;
}

int store_registered_save(struct store *s, struct err *err) {
	struct registrations *r = s->registrations;

	if (!r || !r->dirty)
		return 0;
	if ((are_worth_it(r) ? save_renewals(s, r, err) : save_all_times(s, r, err)) != 0)
		return -1;
	for (uint32_t part = 0; part < ROOM / OWNERS; part++)
		if (r->dirty_owners[part] && save_owners(s, r, part, err) != 0)
			return -1;
	for (uint32_t i = 0; i < r->nchanged; i++)
		r->is_changed[r->changed[i] / 64] = 0;
	memset(r->dirty_owners, 0, sizeof(r->dirty_owners));
	r->nchanged = 0;
	r->dirty = false;
	return 0;
}

/* ---- rows ---- */

/* It gets the lowest number that is free: the same whenever the same is done again. */
static int add_row(struct store *s, struct slice user, struct slice realm, uint64_t mac, struct addr ip, int64_t time,
                   uint32_t *number, struct err *err) {
	/* A row of no time is none: nothing is lost with it. */
	static const char sql[] =
		"INSERT OR REPLACE INTO registration (id, user, realm, base, mac, time) VALUES (?, ?, ?, ?, ?, ?)";
	struct registrations *r = s->registrations;
	struct query *q;

	while (r->free < ROOM && r->at[r->free].time != 0)
		r->free++;
	if (r->free == ROOM)
		return err_set(err, ERR_SYSTEM, "state: no room for one more registration");
	*number = r->free;
	store_dwell(s, ip);
	q = db_query(s->db, sql, err);
	db_bind(q, *number);
	db_bind_text(q, user);
	db_bind_text(q, realm);
	db_bind_addr(q, ip);
	db_bind(q, (int64_t)mac);
	db_bind(q, time);
	return db_run(q, err);
}

static int change_row(struct store *s, uint32_t number, uint64_t mac, struct err *err) {
	struct query *q = db_query(s->db, "UPDATE registration SET mac = ? WHERE id = ?", err);

	db_bind(q, (int64_t)mac);
	db_bind(q, number);
	return db_run(q, err);
}

static int drop_row(struct store *s, uint32_t number, struct err *err) {
	struct registrations *r = s->registrations;
	struct query *q = db_query(s->db, "DELETE FROM registration WHERE id = ?", err);

	db_bind(q, number);
	if (db_run(q, err) != 0)
		return -1;
	unchain(r, number);
	set_time(r, number, 0);
	if (number < r->free)
		r->free = number;
	return 0;
}

static int expire(struct store *s, int64_t before, struct err *err) {
	const struct registrations *r = s->registrations;

	for (uint32_t i = 1; i < r->end; i++)
		if (r->at[i].time != 0 && (int64_t)r->at[i].time < before && drop_row(s, i, err) != 0)
			return -1;
	return 0;
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The oldest; of those of one second the ones with the lowest numbers. */
static int drop_oldest(struct store *s, uint32_t drop, struct err *err) {
	const struct registrations *r = s->registrations;
	uint64_t *all = calloc(r->end, sizeof(*all));
	uint32_t n = 0;
	int done = 0;

	if (!all)
		return err_set(err, ERR_SYSTEM, "out of memory");
	for (uint32_t i = 1; i < r->end; i++)
		if (r->at[i].time != 0)
			all[n++] = (uint64_t)r->at[i].time << 32 | i;
	qsort(all, n, sizeof(*all), compare);
	for (uint32_t i = 0; i < drop && done == 0; i++)
		done = drop_row(s, (uint32_t)all[i], err);
	free(all);
	return done;
}

/* By the hour, and many at once: each looks at all of them. */
static int trim(struct store *s, int64_t time, struct err *err) {
	int64_t hour = time - time % HOUR, last;

	if (store_number(s, "registrations.hour", &last, err) != 0)
		return -1;
	if (hour > last &&
	    (expire(s, hour - REGISTERED_KEPT, err) != 0 || store_set_number(s, "registrations.hour", hour, err) != 0))
		return -1;
	if (s->registrations->n <= REGISTERED_MAX)
		return 0;
	return drop_oldest(s, s->registrations->n - REGISTERED_MAX + REGISTERED_MAX / 16, err);
}

static void renew(struct registrations *r, uint32_t number, int64_t time) {
	if (short_time(time) > r->at[number].time)
		set_time(r, number, short_time(time));
}

int store_registration(struct store *s, uint64_t digest, uint32_t *number, struct registration **out, struct err *err) {
	struct registration *one;

	if (load(s, err) != 0)
		return -1;
	one = &s->registrations->at[*number];
	if (one->digest != digest || one->time == 0) {
		*number = find(s->registrations, digest);
		one = &s->registrations->at[*number];
	}
	*out = one;
	return *number != 0;
}

uint64_t store_registration_hint(const struct store *s, uint64_t digest, int step) {
	const struct registrations *r = s->registrations;
	const uint32_t *first = r ? &r->chains[digest % CHAINS] : NULL;

	if (step == 0)
		__builtin_prefetch(first);
	if (!r || step == 0)
		return MAC_NONE;
	if (step == 1)
		__builtin_prefetch(&r->at[*first]);
	return step == 1 ? MAC_NONE : r->at[*first].mac;
}

void store_registration_hint_at(const struct store *s, uint32_t number) {
	if (s->registrations)
		__builtin_prefetch(&s->registrations->at[number]);
}

void store_registration_renew(struct store *s, struct registration *r, int64_t time) {
	r->users = store_users_version(s);
	renew(s->registrations, (uint32_t)(r - s->registrations->at), time);
}

int store_registered_put(struct store *s, struct slice user, struct slice realm, uint64_t mac, struct addr ip,
                         int64_t time, struct err *err) {
	uint64_t digest = store_registered_digest(s, user, realm, ip);
	uint32_t number;

	if (load(s, err) != 0)
		return -1;
	number = find(s->registrations, digest);
	if (number == 0) {
		if (add_row(s, user, realm, mac, ip, time, &number, err) != 0)
			return -1;
		take_number(s->registrations, number, digest, mac, time);
		return trim(s, time, err);
	}
	if (s->registrations->at[number].mac != mac) {
		if (change_row(s, number, mac, err) != 0)
			return -1;
		set_owner(s->registrations, number, mac);
	}
	renew(s->registrations, number, time);
	return 0;
}

/* ---- asking ---- */

static int64_t time_of(const struct registrations *r, int64_t id) {
	return is_number(id) ? r->at[id].time : 0;
}

int store_registered_within(struct store *s, struct prefix p, int64_t time, struct err *err) {
	static const char sql[] = "SELECT id FROM registration WHERE base BETWEEN ? AND ?";
	int may = store_may_dwell(s, p, err), step, found = 0;
	struct query *q;

	if (may <= 0)
		return may;
	if (load(s, err) != 0)
		return -1;
	q = db_query(s->db, sql, err);
	db_bind_addr(q, p.base);
	db_bind_addr(q, prefix_last(p));
	/* Only the newest is kept, so one that is newer than `time` stands for those before it. */
	while (!found && (step = db_step(q, err)) == 1)
		found = time_of(s->registrations, db_int(q, 0)) > time - REGISTERED_KEPT;
	db_end(q);
	return found ? 1 : step;
}

int store_registered_at(struct store *s, struct addr ip, int64_t time, struct err *err) {
	return store_registered_within(s, prefix_of(ip, addr_is_v4(ip) ? 128 : 64), time, err);
}

int store_registered_device(struct store *s, uint64_t mac, struct addr *ip, int64_t *time, struct err *err) {
	static const char sql[] = "SELECT id, base FROM registration WHERE mac = ?1 AND mac <> 0 ORDER BY base";
	struct addr newest_ip = {{0}};
	int64_t newest = TIME_NONE;
	struct query *q;
	int step;

	if (load(s, err) != 0)
		return -1;
	q = db_query(s->db, sql, err);
	db_bind(q, (int64_t)mac);
	while ((step = db_step(q, err)) == 1) {
		int64_t one = time_of(s->registrations, db_int(q, 0));

		if (one > newest) {
			newest = one;
			newest_ip = db_addr(q, 1);
		}
	}
	db_end(q);
	if (step < 0)
		return -1;
	*ip = newest_ip;
	*time = newest;
	return 0;
}
