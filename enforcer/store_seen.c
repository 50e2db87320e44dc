/* When devices were seen last. The memo knows it to the minute; what is a day behind goes to the strips (store_glance.c), of all devices at once: their
 * rows stay as they are. Nothing of it is needed to go on, so what a kill takes is lost. */
#include <stdlib.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define FIRST_ROOM 1024
#define AT_ONCE    4096
#define HINT_AHEAD 16 /* devices between asking memory for one and looking at it */
#define MAC_BYTES  6

struct sightings {
	uint64_t *macs;
	uint32_t n, room;
};

static int gather(void *context, struct memo_entry *e) {
	struct sightings *all = context;

	if ((int64_t)e->seen < (int64_t)e->stored + DAY)
		return 0;
	if (all->n == all->room) {
		uint32_t room = all->room ? 2 * all->room : FIRST_ROOM;
		uint64_t *more = realloc(all->macs, room * sizeof(*more));

		if (!more)
			return 1; /* the rest another time */
		all->macs = more;
		all->room = room;
	}
	all->macs[all->n++] = memo_mac(e);
	e->stored = e->seen;
	return 0;
}

/* Byte by byte, the last first: they may be a million. */
static int sort(struct sightings *all) {
	uint64_t *from = all->macs, *to = malloc((all->n ? all->n : 1) * sizeof(*to)), *swap;

	if (!to)
		return -1;
	for (unsigned shift = 0; shift < 8 * MAC_BYTES; shift += 8) {
		uint32_t at[256] = {0}, sum = 0, n;

		for (uint32_t i = 0; i < all->n; i++)
			at[from[i] >> shift & 0xff]++;
		for (unsigned k = 0; k < 256; k++) {
			n = at[k];
			at[k] = sum;
			sum += n;
		}
		for (uint32_t i = 0; i < all->n; i++)
			to[at[from[i] >> shift & 0xff]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	all->macs = from;
	free(to);
	return 0;
}

/* In order, and each once. */
static int write_down(struct store *s, const struct sightings *all, struct err *err) {
	struct sighting seen[AT_ONCE];
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->n; i++) {
		if (i + HINT_AHEAD < all->n)
			memo_hint(s->memo, all->macs[i + HINT_AHEAD]);
		if (i == 0 || all->macs[i] != all->macs[i - 1])
			seen[n++] = (struct sighting){all->macs[i], memo_seen(s->memo, all->macs[i])};
		if (n == AT_ONCE && store_glances_see(s, seen, n, err) < 0)
			return -1;
		n %= AT_ONCE;
	}
	return store_glances_see(s, seen, n, err);
}

int store_seen(struct store *s, struct err *err) {
	struct sightings all = {.n = 0};
	int done = 0;

	(void)memo_each(s->memo, gather, &all);
	if (all.n > 0) {
		done = sort(&all) < 0 ? err_set(err, ERR_SYSTEM, "out of memory") : write_down(s, &all, err);
	}
	free(all.macs);
	return done;
}
