#include <assert.h>
#include <stdlib.h>

#include "portal/throttle.h"

#define MINUTE_MS 60000

struct entry {
	struct addr ip;
	int64_t begun; /* its minute */
	int64_t last;
	unsigned failures, selfs, waiting;
};

struct throttle {
	size_t n;
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
	for (size_t i = 0; i < t->n; i++)
		if (addr_same(t->at[i].ip, ip))
			return &t->at[i];
	return NULL;
}

/* As many can wait as the enforcer is asked, which are fewer than the addresses here. */
static struct entry *quietest(struct throttle *t) {
	struct entry *e = NULL;

	if (t->n < THROTTLE_ADDRESSES)
		return &t->at[t->n++];
	for (size_t i = 0; i < t->n; i++)
		if (t->at[i].waiting == 0 && (!e || t->at[i].last < e->last))
			e = &t->at[i];
	assert(e);
	return e;
}

static struct entry *entry_of(struct throttle *t, struct addr ip, int64_t now) {
	struct entry *e = known(t, ip);

	if (!e) {
		e = quietest(t);
		*e = (struct entry){.ip = ip, .begun = now};
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
