#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/digest.h"
#include "enforcer/store_private.h"

/* ---- users ---- */

int store_users_add(struct store *s, uint64_t mac, const struct device_user *users, uint32_t n, struct err *err) {
	static const char add[] = "INSERT OR IGNORE INTO user (user, realm, mac) VALUES (?, ?, ?)";

	store_owners_forget(s);
	for (uint32_t i = 0; i < n; i++) {
		struct query *q = db_query(s->db, add, err);

		db_bind_text(q, slice_of(users[i].user));
		db_bind_text(q, slice_of(users[i].realm));
		db_bind(q, (int64_t)mac);
		if (db_run(q, err) != 0)
			return -1;
	}
	return 0;
}

int store_users_put(struct store *s, uint64_t mac, const struct device_user *users, uint32_t n, struct err *err) {
	struct query *q = db_query(s->db, "DELETE FROM user WHERE mac = ?", err);

	db_bind(q, (int64_t)mac);
	return db_run(q, err) != 0 ? -1 : store_users_add(s, mac, users, n, err);
}

int store_users(struct store *s, uint64_t mac, int (*each)(void *context, const struct device_user *user),
                void *context, struct err *err) {
	static const char sql[] = "SELECT user, realm FROM user WHERE mac = ? ORDER BY user, realm";
	struct query *q = db_query(s->db, sql, err);
	struct device_user user;
	int step;

	db_bind(q, (int64_t)mac);
	while ((step = db_step(q, err)) == 1) {
		db_copy_text(q, 0, user.user, sizeof(user.user));
		db_copy_text(q, 1, user.realm, sizeof(user.realm));
		step = each(context, &user);
		if (step != 0)
			break;
	}
	db_end(q);
	return step;
}

/* How many devices the query names, at most 2, and one of them; any_realm: one of its rows has no realm. Rows of one device may come apart, so
 * that those of one are gone through to the end. */
static int owners(struct query *q, int *n, uint64_t *mac, bool *any_realm, struct err *err) {
	int step;

	*n = 0;
	while (*n < 2 && (step = db_step(q, err)) == 1) {
		uint64_t one = (uint64_t)db_int(q, 0);

		*any_realm = *any_realm || db_text(q, 1).n == 0;
		*n += *n == 0 || one != *mac;
		*mac = one;
	}
	db_end(q);
	return *n == 2 ? 0 : step;
}

static int find_owner(struct store *s, struct slice user, struct slice realm, uint64_t *mac, struct err *err) {
	uint64_t owner = MAC_NONE;
	bool any_realm = false;
	struct query *q;
	int n = 0;

	if (realm.n > 0) {
		q = db_query(s->db, "SELECT mac, realm FROM user WHERE user = ? AND realm = ?", err);
		db_bind_text(q, user);
		db_bind_text(q, realm);
		if (owners(q, &n, &owner, &any_realm, err) != 0)
			return -1;
	}
	if (n == 0) {
		q = db_query(s->db, "SELECT mac, realm FROM user WHERE user = ?", err);
		db_bind_text(q, user);
		if (owners(q, &n, &owner, &any_realm, err) != 0)
			return -1;
		if (realm.n > 0 && !any_realm)
			n = 0;
	}
	*mac = n == 1 ? owner : MAC_NONE;
	return 0;
}

/* A phone registers again and again: whose users are stands by a keyed digest of what was asked, what was asked for least lately goes first. Where many are
 * asked for, all users are read, a part at a time: those of one row, which is nearly all, stand by the digest of that. */
#define OWNER_SETS  65536U
#define OWNER_WAYS  4            /* a line of the processor's cache */
#define OWNER_ONLY  (1ULL << 63) /* beside the MAC: of a user of one row; without realm it is of any */
#define OWNERS_MOST (OWNER_SETS * OWNER_WAYS * 5 / 8) /* devices: of more not all would find room */
#define SCAN_MIN    256                               /* misses before it may pay to read all */
#define SCAN_SHARE  64                                /* one of so many devices' users was missed */
#define SCAN_EVERY  64                                /* misses between two parts: nobody waits for all of it */
#define SCAN_ROWS   2048                              /* in one part */

struct owner {
	uint64_t digest; /* 0: nothing is here */
	uint64_t mac;
};

struct owners {
	struct owner sets[OWNER_SETS][OWNER_WAYS]; /* of each the one asked for last first */
	uint64_t missed;
	bool scanned;              /* all users were read */
	char from[EVENT_USER_MAX]; /* users before this one were */
	size_t nfrom;
};

void store_owners_forget(struct store *s) {
	free(s->owners);
	s->owners = NULL;
	s->users_version++;
}

uint32_t store_users_version(const struct store *s) {
	return s->users_version + 1;
}

static uint64_t owner_digest(const struct store *s, struct slice user, struct slice realm) {
	uint8_t bytes[1 + EVENT_USER_MAX + EVENT_REALM_MAX];
	uint64_t digest;

	assert(user.n <= EVENT_USER_MAX && realm.n <= EVENT_REALM_MAX);
	bytes[0] = (uint8_t)user.n;
	if (user.n > 0)
		memcpy(bytes + 1, user.p, user.n);
	if (realm.n > 0)
		memcpy(bytes + 1 + user.n, realm.p, realm.n);
	digest = digest_bytes(s->key, bytes, 1 + user.n + realm.n);
	return digest ? digest : 1;
}

/* True with *mac where it is kept, as it was put. It comes to the front. */
static bool owner_get(struct owners *o, uint64_t digest, uint64_t *mac) {
	struct owner *set = o->sets[digest % OWNER_SETS];

	for (unsigned i = 0; i < OWNER_WAYS; i++)
		if (set[i].digest == digest) {
			struct owner found = set[i];

			memmove(set + 1, set, i * sizeof(*set));
			set[0] = found;
			*mac = found.mac;
			return true;
		}
	return false;
}

static void owner_put(struct owners *o, uint64_t digest, uint64_t mac) {
	struct owner *set = o->sets[digest % OWNER_SETS];

	memmove(set + 1, set, (OWNER_WAYS - 1) * sizeof(*set));
	set[0] = (struct owner){digest, mac};
}

/* A user's rows stand together. */
struct reading {
	char user[EVENT_USER_MAX];
	size_t n;
	uint64_t digest, mac; /* of his first row */
	unsigned rows;
};

static bool is_same_user(const struct reading *r, struct slice user) {
	return r->rows > 0 && slice_same(user, (struct slice){r->user, r->n});
}

static void reading_put(struct owners *o, const struct reading *r) {
	if (r->rows == 1)
		owner_put(o, r->digest, r->mac | OWNER_ONLY);
}

/* One who cannot be asked for is none: he has rows enough. */
static void reading_begin(const struct store *s, struct reading *r, struct slice user, struct slice realm,
                          uint64_t mac) {
	bool sound = user.n <= EVENT_USER_MAX && realm.n <= EVENT_REALM_MAX;

	r->n = sound ? user.n : 0;
	if (r->n > 0)
		memcpy(r->user, user.p, r->n);
	r->digest = sound ? owner_digest(s, user, realm) : 0;
	r->mac = mac;
	r->rows = sound ? 1 : 2;
}

static int scan_part(struct store *s, struct owners *o, struct err *err) {
	struct query *q = db_query(s->db, "SELECT user, realm, mac FROM user WHERE user >= ? ORDER BY user", err);
	struct reading r = {.rows = 0};
	int step = 1;

	db_bind_text(q, (struct slice){o->from, o->nfrom});
	for (unsigned n = 0; n < SCAN_ROWS && (step = db_step(q, err)) == 1; n++) {
		struct slice user = db_text(q, 0);

		if (is_same_user(&r, user)) {
			r.rows++;
			continue;
		}
		reading_put(o, &r);
		reading_begin(s, &r, user, db_text(q, 1), (uint64_t)db_int(q, 2));
	}
	db_end(q);
	if (step == 0)
		reading_put(o, &r);
	/* The last user of a part may have more rows: he is the first of the next part. One who fills a part ends it. */
	o->scanned = step == 0 || r.n == 0 || is_same_user(&r, (struct slice){o->from, o->nfrom});
	memcpy(o->from, r.user, r.n);
	o->nfrom = r.n;
	return step < 0 ? -1 : 0;
}

/* 1 with *mac, 0, -1. */
static int owner_known(struct store *s, struct slice user, struct slice realm, uint64_t digest, uint64_t *mac,
                       struct err *err) {
	struct owners *o = s->owners;
	uint64_t devices = (uint64_t)store_device_count(s);

	if (owner_get(o, digest, mac) ||
	    (realm.n > 0 && owner_get(o, owner_digest(s, user, slice_of("")), mac) && *mac & OWNER_ONLY)) {
		*mac &= ~OWNER_ONLY;
		return 1;
	}
	if (!o->scanned && ++o->missed >= SCAN_MIN && o->missed % SCAN_EVERY == 0 && o->missed >= devices / SCAN_SHARE &&
	    devices <= OWNERS_MOST)
		return scan_part(s, o, err);
	return 0;
}

int store_device_of_user(struct store *s, struct slice user, struct slice realm, uint64_t *mac, struct err *err) {
	uint64_t digest = owner_digest(s, user, realm);
	int known;

	if (!s->owners && !(s->owners = calloc(1, sizeof(*s->owners))))
		return find_owner(s, user, realm, mac, err);
	known = owner_known(s, user, realm, digest, mac, err);
	if (known != 0)
		return known < 0 ? -1 : 0;
	if (find_owner(s, user, realm, mac, err) < 0)
		return -1;
	owner_put(s->owners, digest, *mac);
	return 0;
}

/* ---- residents ---- */

/* Of the rows h, by device: does one of its homes count? Then how many devices, counted devices, and accounts of these. */
#define SELECT_RESIDENTS                                                                                               \
	"SELECT count(*), total(r.counts), count(DISTINCT CASE WHEN r.counts AND d.account <> '-' THEN d.account END)"     \
	" FROM (SELECT mac, max(backed OR added <= ?1) AS counts FROM h GROUP BY mac) r JOIN device d ON d.mac = r.mac"

static int count_residents(struct query *q, struct residents *out, struct err *err) {
	int step = db_step(q, err);

	if (step == 1) {
		*out = (struct residents){
			.devices = (uint32_t)db_int(q, 0), .counted = (uint32_t)db_int(q, 1), .accounts = (uint32_t)db_int(q, 2)};
		step = 0;
	}
	db_end(q);
	return step;
}

/* Under an attack nearly every address is nobody's, which a filter tells, else one look into the table: counting takes ten times as long. 1 where no
 * home can hold an address of the prefix, 0 where one may, -1. */
static int is_nobodys(struct store *s, struct prefix p, struct err *err) {
#define SELECT_WITHIN "SELECT 1 FROM home WHERE base BETWEEN ?1 AND ?2"
	static const char within[] = SELECT_WITHIN " LIMIT 1";
	static const char around[] = SQL_LENGTHS("home", "bits < 128") SELECT_WITHIN
		" UNION ALL SELECT 1 FROM l CROSS JOIN home g INDEXED BY home_given"
		" ON g.bits = l.bits AND g.base = masked(?1, l.bits)"
		" WHERE g.bits < 128 LIMIT 1";
	struct query *q;
	int step;

	if (store_places(s, err) < 0)
		return -1;
	if (!s->places.wide_homes) {
		int may = store_may_dwell(s, p, err);

		if (may <= 0)
			return may < 0 ? -1 : 1;
	}
	q = db_query(s->db, s->places.wide_homes ? around : within, err);
	db_bind_addr(q, p.base);
	db_bind_addr(q, prefix_last(p));
	step = db_step(q, err);
	db_end(q);
	return step < 0 ? -1 : step == 0;
}

/* As is_nobodys; and *out is of nobody then. */
static int has_none(struct store *s, struct prefix p, struct residents *out, struct err *err) {
	int nobodys = is_nobodys(s, p, err);

	if (nobodys == 1)
		*out = (struct residents){0};
	return nobodys;
}

/* The rows of home that hold an address: a learned home is the same where the mask makes it so, a given one as it was given. */
#define SELECT_HOMES                                                                                                   \
	SQL_LENGTHS("home", "bits < 128")                                                                                  \
	", h AS (SELECT mac, backed, added FROM home WHERE base BETWEEN ?2 AND ?3 AND bits = 128"                          \
	" AND (given = 0 OR base = ?4) UNION ALL"                                                                          \
	" SELECT mac, backed, added FROM l CROSS JOIN home g INDEXED BY home_given"                                        \
	" ON g.bits = l.bits AND g.base = masked(?4, l.bits) WHERE g.bits < 128) "

static void bind_homes(struct query *q, const struct conf *conf, struct addr ip) {
	struct prefix at = conf_home_of(conf, ip);

	db_bind_addr(q, at.base);
	db_bind_addr(q, prefix_last(at));
	db_bind_addr(q, ip);
}

int store_residents(struct store *s, const struct conf *conf, struct addr ip, int64_t time, struct residents *out,
                    struct err *err) {
	static const char sql[] = SELECT_HOMES SELECT_RESIDENTS;
	int nobodys = has_none(s, conf_home_of(conf, ip), out, err);
	struct query *q;

	if (nobodys != 0)
		return nobodys < 0 ? -1 : 0;
	q = db_query(s->db, sql, err);
	db_bind(q, time - DAY);
	bind_homes(q, conf, ip);
	return count_residents(q, out, err);
}

int store_residents_named(struct store *s, const struct conf *conf, struct addr ip, uint64_t *macs, uint32_t max,
                          uint32_t *n, struct err *err) {
	static const char sql[] = SELECT_HOMES "SELECT DISTINCT mac FROM h ORDER BY mac LIMIT ?1";
	struct query *q = db_query(s->db, sql, err);
	uint32_t found = 0;
	int step;

	db_bind(q, max);
	bind_homes(q, conf, ip);
	while ((step = db_step(q, err)) == 1)
		macs[found++] = (uint64_t)db_int(q, 0);
	db_end(q);
	if (step == 0)
		*n = found;
	return step;
}

int store_residents_within(struct store *s, struct prefix p, int64_t time, struct residents *out, struct err *err) {
	static const char sql[] = SQL_LENGTHS(
		"home", "bits < 128") ", h AS (SELECT mac, backed, added FROM home WHERE base BETWEEN ?2 AND ?3 UNION ALL"
							  " SELECT mac, backed, added FROM l CROSS JOIN home g INDEXED BY home_given"
							  " ON g.bits = l.bits AND g.base = masked(?2, l.bits)"
							  " WHERE g.bits < 128 AND l.bits < ?4) " SELECT_RESIDENTS;
	int nobodys = has_none(s, p, out, err);
	struct query *q;

	if (nobodys != 0)
		return nobodys < 0 ? -1 : 0;
	q = db_query(s->db, sql, err);
	db_bind(q, time - DAY);
	db_bind_addr(q, p.base);
	db_bind_addr(q, prefix_last(p));
	db_bind(q, p.bits);
	return count_residents(q, out, err);
}
