#include <string.h>

#include "enforcer/home.h"

static bool home_holds(const struct home *h, const struct conf *conf, struct addr ip) {
	if (h->kind == HOME_GIVEN)
		return prefix_has(h->at, ip);
	return prefix_same(conf_home_of(conf, h->at.base), conf_home_of(conf, ip));
}

int home_find(const struct homes *homes, const struct conf *conf, struct addr ip) {
	for (uint32_t i = 0; i < homes->n; i++)
		if (home_holds(&homes->at[i], conf, ip))
			return (int)i;
	return -1;
}

struct home home_of_event(const struct event *e, enum home_kind kind, bool backed) {
	return (struct home){
		.at = prefix_of(e->ip, 128),
		.kind = kind,
		.backed = backed,
		.added = e->time,
		.used = e->time,
		.country = {e->country[0], e->country[1]},
		.asn = e->asn,
	};
}

void home_set(struct homes *homes, const struct home *home) {
	memset(homes, 0, sizeof(*homes));
	homes->n = 1;
	homes->at[0] = *home;
}

static void home_drop_at(struct homes *homes, uint32_t i) {
	memmove(&homes->at[i], &homes->at[i + 1], (homes->n - i - 1) * sizeof(homes->at[0]));
	homes->n--;
	memset(&homes->at[homes->n], 0, sizeof(homes->at[0]));
}

static uint32_t home_count(const struct homes *homes, enum home_kind kind) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < homes->n; i++)
		n += homes->at[i].kind == kind;
	return n;
}

/* An address that only claims to be the same provider's must not push out one whose phone has proved itself. */
static bool home_may_go(const struct home *old, const struct home *new) {
	return old->kind == HOME_POLL && (new->backed || !old->backed);
}

bool home_add_polled(struct homes *homes, const struct home *home, struct prefix *dropped) {
	uint32_t oldest = DEVICE_HOMES_MAX;

	*dropped = (struct prefix){0};
	if (home_count(homes, HOME_POLL) >= HOME_POLLS_MAX) {
		for (uint32_t i = 0; i < homes->n; i++)
			if (home_may_go(&homes->at[i], home) &&
			    (oldest == DEVICE_HOMES_MAX || homes->at[i].used < homes->at[oldest].used))
				oldest = i;
		if (oldest == DEVICE_HOMES_MAX)
			return false;
		*dropped = homes->at[oldest].at;
		home_drop_at(homes, oldest);
	}
	homes->at[homes->n++] = *home;
	return true;
}

bool home_add_given(struct homes *homes, const struct home *home) {
	uint32_t i = 0;

	while (i < homes->n && !prefix_same(homes->at[i].at, home->at))
		i++;
	if (i < homes->n && homes->at[i].kind == HOME_GIVEN)
		return true;
	if (home_count(homes, HOME_GIVEN) >= HOME_GIVEN_MAX)
		return false;
	if (i == homes->n)
		homes->n++;
	homes->at[i] = *home;
	return true;
}

bool home_remove(struct homes *homes, const struct conf *conf, struct prefix at) {
	uint32_t before = homes->n;

	for (uint32_t i = homes->n; i-- > 0;)
		if (prefix_same(homes->at[i].at, at) ||
		    (homes->at[i].kind != HOME_GIVEN && prefix_same(conf_home_of(conf, homes->at[i].at.base), at)))
			home_drop_at(homes, i);
	return homes->n < before;
}

uint32_t home_drop(struct homes *homes, bool (*drop)(const void *context, const struct home *home),
                   const void *context) {
	uint32_t before = homes->n;

	for (uint32_t i = homes->n; i-- > 0;)
		if (drop(context, &homes->at[i]))
			home_drop_at(homes, i);
	return before - homes->n;
}

static bool homes_have(const struct homes *homes, struct prefix at) {
	for (uint32_t i = 0; i < homes->n; i++)
		if (prefix_same(homes->at[i].at, at))
			return true;
	return false;
}

bool homes_same(const struct homes *a, const struct homes *b) {
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!homes_have(b, a->at[i].at))
			return false;
	return true;
}

void device_changing(struct device *d, int64_t time) {
	d->before.state = d->state;
	d->before.reason = d->reason;
	d->before.unlock_start = d->unlock_start;
	d->before.unlock_end = d->unlock_end;
	d->before.homes = d->homes;
	if (time > d->changed)
		d->changed = time;
}
