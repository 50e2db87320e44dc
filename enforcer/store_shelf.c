#include <stdlib.h>
#include <string.h>

#include "enforcer/store_private.h"

int shelf_init(struct shelf *shelf) {
	shelf->sets = calloc(SHELF_SETS, sizeof(*shelf->sets));
	return shelf->sets ? 0 : -1;
}

void shelf_clear(struct shelf *shelf) {
	if (!shelf->sets)
		return;
	for (unsigned i = 0; i < SHELF_SETS; i++)
		for (unsigned k = 0; k < SHELF_WAYS; k++)
			free(shelf->sets[i][k]);
	memset(shelf->sets, 0, SHELF_SETS * sizeof(*shelf->sets));
}

void shelf_release(struct shelf *shelf) {
	shelf_clear(shelf);
	free(shelf->sets);
	shelf->sets = NULL;
}

static struct shelved **set_of(struct shelf *shelf, uint64_t mac) {
	return shelf->sets[((mac * 0x9e3779b97f4a7c15ULL) >> 40) % SHELF_SETS];
}

struct shelved *shelf_get(struct shelf *shelf, uint64_t mac) {
	struct shelved **set = set_of(shelf, mac);

	for (unsigned k = 0; k < SHELF_WAYS && set[k]; k++) {
		struct shelved *found = set[k];

		if (found->mac != mac)
			continue;
		memmove(set + 1, set, k * sizeof(struct shelved *));
		set[0] = found;
		return found;
	}
	return NULL;
}

void shelf_published(struct shelf *shelf, const bool shards[SHARDS], int64_t now) {
	for (unsigned i = 0; i < SHELF_SETS; i++)
		for (unsigned k = 0; k < SHELF_WAYS && shelf->sets[i][k]; k++) {
			struct shelved *on = shelf->sets[i][k];

			if (on->published == 0 && shards[on->mac & (SHARDS - 1)])
				on->published = now;
		}
}

void shelf_drop(struct shelf *shelf, uint64_t mac) {
	struct shelved **set = set_of(shelf, mac);

	if (!shelf_get(shelf, mac))
		return;
	free(set[0]);
	memmove(set, set + 1, (SHELF_WAYS - 1) * sizeof(struct shelved *));
	set[SHELF_WAYS - 1] = NULL;
}

struct shelved *shelf_put(struct shelf *shelf, uint64_t mac, struct slice bytes) {
	struct shelved **set = set_of(shelf, mac);
	struct shelved *new = malloc(sizeof(*new) + bytes.n);

	shelf_drop(shelf, mac);
	if (!new)
		return NULL;
	*new = (struct shelved){.mac = mac, .n = bytes.n};
	if (bytes.n > 0)
		memcpy(new->bytes, bytes.p, bytes.n);
	free(set[SHELF_WAYS - 1]);
	memmove(set + 1, set, (SHELF_WAYS - 1) * sizeof(struct shelved *));
	set[0] = new;
	return new;
}
