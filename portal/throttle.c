#include <assert.h>
#include <stdlib.h>

#include "portal/throttle.h"

#define MINUTE_MS 60000

struct entry {
	struct addr ip;
	bool used;
	int64_t begun; /* its minute */
	int64_t last;
	unsigned failures, selfs, waiting;
};

struct throttle {
	struct entry at[THROTTLE_ADDRESSES];
};

struct throttle *throttle_new(void) {
	return calloc(1, sizeof(struct throttle));
}

void throttle_free(struct throttle **t) {
	free(*t);
	*t = NULL;
}

static struct entry *known(struct throttle *t, struct addr ip) {
	for (size_t i = 0; i < THROTTLE_ADDRESSES; i++)
		if (t->at[i].used && addr_same(t->at[i].ip, ip))
			return &t->at[i];
	return NULL;
}

/* As many can wait as requests are taken, which are fewer than the addresses here. */
static struct entry *entry_of(struct throttle *t, struct addr ip, int64_t now) {
	struct entry *e = known(t, ip), *oldest = NULL;

	for (size_t i = 0; !e && i < THROTTLE_ADDRESSES; i++) {
		struct entry *other = &t->at[i];

		if (other->waiting == 0 && (!oldest || !other->used || (oldest->used && other->last < oldest->last)))
			oldest = other;
	}
	if (!e) {
		assert(oldest);
		e = oldest;
		*e = (struct entry){.ip = ip, .used = true, .begun = now};
	}
	if (now - e->begun >= MINUTE_MS) {
		e->begun = now;
		e->failures = e->selfs = 0;
	}
	e->last = now;
	return e;
}

static unsigned left(const struct entry *e, int64_t now) {
	return (unsigned)((e->begun + MINUTE_MS - now + 999) / 1000);
}

unsigned throttle_wrong(struct throttle *t, struct addr ip, int64_t now) {
	const struct entry *e = known(t, ip);

	return e && now - e->begun < MINUTE_MS && e->failures >= THROTTLE_FAILURES ? left(e, now) : 0;
}

void throttle_failed(struct throttle *t, struct addr ip, int64_t now) {
	entry_of(t, ip, now)->failures++;
}

unsigned throttle_self(struct throttle *t, struct addr ip, int64_t now) {
	struct entry *e = entry_of(t, ip, now);

	if (e->selfs >= THROTTLE_SELF)
		return left(e, now);
	e->selfs++;
	return 0;
}

bool throttle_wait(struct throttle *t, struct addr ip, int64_t now) {
	struct entry *e = entry_of(t, ip, now);

	if (e->waiting >= THROTTLE_WAITING)
		return false;
	e->waiting++;
	return true;
}

void throttle_done(struct throttle *t, struct addr ip) {
	struct entry *e = known(t, ip);

	assert(e && e->waiting > 0);
	e->waiting--;
}
