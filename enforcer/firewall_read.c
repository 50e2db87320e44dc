#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/firewall_private.h"

/* NFT_AGAIN becomes a failure, for what has been asked often enough. */
static int firewall_again(int found, struct err *err) {
	return found == NFT_AGAIN ? err_set(err, ERR_SYSTEM, "firewall: others change nftables too often to look at it")
	                          : found;
}

int firewall_is_ours(struct firewall *fw, bool *there, struct err *err) {
	char comment[sizeof(FIREWALL_APPLY) + 64];
	const char *keeper = "that of `provctl apply`, since this machine enforces a published folder";
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++)
		found = nft_table(fw->nft, comment, sizeof(comment), err);
	found = firewall_again(found, err);
	if (found < 0)
		return -1;
	*there = found == 1;
	if (found != 1 || strcmp(comment, fw->keeper) == 0)
		return 0;
	if (strcmp(comment, FIREWALL_ENFORCER) != 0 && strcmp(comment, FIREWALL_APPLY) != 0)
		keeper = "not provctl's";
	else if (strcmp(comment, FIREWALL_ENFORCER) == 0)
		keeper = "that of this machine's own enforcer, which `provctl apply` leaves alone";
	return err_set(
		err, ERR_POLICY,
		"firewall: table inet %s exists and is %s: set another firewall.table, or remove it (nft delete table inet %s)",
		fw->conf->firewall.table, keeper, fw->conf->firewall.table);
}

struct generation_seen {
	uint32_t mark;
	bool seen;
};

static int see_generation(void *context, const struct nft_element *element, size_t key_size) {
	struct generation_seen *seen = context;

	if (key_size != sizeof(seen->mark))
		return -1;
	memcpy(&seen->mark, element->key, sizeof(seen->mark));
	seen->seen = true;
	return 0;
}

int firewall_is_current(struct firewall *fw, uint64_t generation, struct err *err) {
	struct generation_seen seen = {0};
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++) {
		seen.seen = false;
		found = nft_elements(fw->nft, firewall_generation_set.name, see_generation, &seen, err);
	}
	found = firewall_again(found, err);
	return found < 0 ? -1 : found == 1 && seen.seen && ntohl(seen.mark) == (uint32_t)generation;
}

int firewall_digest(struct firewall *fw, uint64_t *out, struct err *err) {
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++)
		found = nft_digest(fw->nft, out, err);
	*out >>= 1; /* numbers of the state have a sign */
	return firewall_again(found, err);
}

int firewall_number(struct firewall *fw, uint32_t *out, struct err *err) {
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++)
		found = nft_number(fw->nft, out, err);
	return firewall_again(found, err);
}

static int learn_one(void *context, const char *name) {
	struct firewall *fw = context;
	struct set_at at;

	if (firewall_set_parse(name, &at))
		fw->has[at.list][at.v6][at.length] = true;
	return 0;
}

int firewall_learn(struct firewall *fw, struct err *err) {
	int found = NFT_AGAIN;

	if (fw->learnt)
		return 1;
	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++) {
		memset(fw->has, 0, sizeof(fw->has));
		found = nft_sets(fw->nft, learn_one, fw, err);
	}
	fw->learnt = found == 1;
	return firewall_again(found, err);
}

/* ---- elements ---- */

struct walk {
	struct set_at at;
	struct firewall_entry *entries;
	size_t n, room;
};

static int walk_element(void *context, const struct nft_element *element, size_t key_size) {
	static const struct addr v6, v4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	struct walk *w = context;
	struct addr a = w->at.v6 ? v6 : v4;
	size_t want = w->at.v6 ? 16 : 4;

	if (key_size != want)
		return -1;
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 64;
		void *more = reallocarray(w->entries, room, sizeof(*w->entries));

		if (!more)
			return -1;
		w->entries = more;
		w->room = room;
	}
	memcpy(a.b + sizeof(a.b) - want, element->key, want);
	w->entries[w->n++] = (struct firewall_entry){
		.list = w->at.list,
		.at = prefix_of(a, w->at.length + (w->at.v6 ? 0 : 96)),
		.left = (int64_t)((element->timeout + 999) / 1000),
		.packets = element->packets,
		.bytes = element->bytes,
	};
	return 0;
}

int firewall_compare(const struct firewall_entry *a, const struct firewall_entry *b) {
	int order;

	if (a->list != b->list)
		return a->list < b->list ? -1 : 1;
	order = addr_compare(a->at.base, b->at.base);
	return order != 0 ? order : a->at.bits - b->at.bits;
}

static int compare(const void *a, const void *b) {
	return firewall_compare(a, b);
}

static int read_all(struct firewall *fw, struct walk *w, struct err *err) {
	int found;

	fw->learnt = false; /* somebody else may have changed the table */
	found = firewall_learn(fw, err);
	for (int list = 0; list < FIREWALL_LISTS; list++)
		for (int v6 = 0; v6 < 2; v6++)
			for (unsigned length = 0; length < LENGTHS && found == 1; length++) {
				char name[SET_NAME];

				if (!fw->has[list][v6][length])
					continue;
				w->at = (struct set_at){(enum firewall_list)list, v6, length};
				(void)firewall_set(w->at, name);
				found = nft_elements(fw->nft, name, walk_element, w, err);
			}
	return found;
}

int firewall_read(struct firewall *fw, struct firewall_entry **out, size_t *n, struct err *err) {
	struct walk w = {.room = 0};
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++) {
		w.n = 0;
		found = read_all(fw, &w, err);
	}
	found = firewall_again(found, err);
	if (found <= 0) {
		free(w.entries);
		return found;
	}
	if (w.n > 0)
		qsort(w.entries, w.n, sizeof(*w.entries), compare);
	*out = w.entries;
	*n = w.n;
	return 1;
}

#define COUNT_RUN 256 /* entries of one set that are asked for at a time */

struct count {
	struct firewall_entry *entries;
	const void *keys[COUNT_RUN];
	size_t n, next;
};

static int count_element(void *context, const struct nft_element *element, size_t key_size) {
	struct count *c = context;

	while (c->next < c->n && memcmp(c->keys[c->next], element->key, key_size) != 0)
		c->next++;
	if (c->next < c->n && element->packets > c->entries[c->next].packets) {
		c->entries[c->next].packets = element->packets;
		c->entries[c->next].bytes = element->bytes;
	}
	return 0;
}

static bool same_set(struct set_at a, struct set_at b) {
	return a.list == b.list && a.v6 == b.v6 && a.length == b.length;
}

int firewall_count(struct firewall *fw, struct firewall_entry *entries, size_t n, struct err *err) {
	struct count c;
	int found = firewall_learn(fw, err);

	for (size_t i = 0; i < n && found >= 0; i += c.n) {
		struct set_at at = firewall_set_of(entries[i].list, entries[i].at);
		char name[SET_NAME];
		struct nft_set set = firewall_set(at, name);

		c.entries = entries + i;
		for (c.n = 0; i + c.n < n && c.n < COUNT_RUN; c.n++) {
			struct firewall_entry *entry = &entries[i + c.n];

			if (!same_set(at, firewall_set_of(entry->list, entry->at)))
				break;
			c.keys[c.n] = firewall_element(entry, at).key;
		}
		found = fw->has[at.list][at.v6][at.length] ? NFT_AGAIN : 1;
		for (int k = 0; k < FIREWALL_ATTEMPTS && found == NFT_AGAIN; k++) {
			c.next = 0;
			found = nft_elements_of(fw->nft, &set, c.keys, c.n, count_element, &c, err);
		}
		found = firewall_again(found, err);
	}
	return found < 0 ? -1 : 0;
}

int firewall_look(struct firewall *fw, enum firewall_list list, struct prefix at, struct firewall_entry *out,
                  struct err *err) {
	struct firewall_entry key = {.list = list, .at = at};
	struct walk w = {.at = firewall_set_of(list, at)};
	struct nft_element element = firewall_element(&key, w.at);
	char name[SET_NAME];
	struct nft_set set = firewall_set(w.at, name);
	int found = NFT_AGAIN;

	for (int i = 0; i < FIREWALL_ATTEMPTS && found == NFT_AGAIN; i++) {
		w.n = 0;
		found = nft_element(fw->nft, &set, &element, walk_element, &w, err);
	}
	found = firewall_again(found, err);
	if (found == 1 && w.n > 0)
		*out = w.entries[0];
	else if (found == 1)
		found = 0;
	free(w.entries);
	return found;
}
