#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/firewall_private.h"

int firewall_open(struct firewall **out, const struct conf *conf, struct err *err) {
	struct firewall *fw = calloc(1, sizeof(*fw));

	if (!fw)
		return err_errno(err, "firewall");
	fw->conf = conf;
	fw->keeper = FIREWALL_ENFORCER;
	fw->unsure = true;
	if (nft_open(&fw->nft, conf->firewall.table, err) < 0 ||
	    nft_watch_open(&fw->watch, conf->firewall.table, nft_port(fw->nft), err) < 0 ||
	    nft_watch_listen(fw->watch, true, err) < 0) {
		firewall_close(&fw);
		return -1;
	}
	*out = fw;
	return 0;
}

void firewall_close(struct firewall **fw) {
	if (!*fw)
		return;
	nft_watch_close(&(*fw)->watch);
	nft_close(&(*fw)->nft);
	free(*fw);
	*fw = NULL;
}

void firewall_set_keeper(struct firewall *fw, const char *keeper) {
	fw->keeper = keeper;
}

/* ---- who changed it ---- */

int firewall_fd(const struct firewall *fw) {
	return nft_watch_fd(fw->watch);
}

enum firewall_heard firewall_hear(struct firewall *fw) {
	enum nft_heard heard = nft_watch_hear(fw->watch, &fw->number);

	fw->learnt = fw->learnt && heard == NFT_HEARD_NOTHING;
	fw->touched = fw->touched || heard == NFT_HEARD_TOUCHED;
	fw->unsure = fw->unsure || heard == NFT_HEARD_LOST;
	return fw->touched ? FIREWALL_TOUCHED : fw->unsure ? FIREWALL_UNSURE : FIREWALL_UNTOUCHED;
}

int firewall_check(struct firewall *fw, uint64_t generation, const struct firewall_noted *noted,
                   enum firewall_standing *out, struct err *err) {
	uint64_t before = noted ? noted->digest : fw->digest, now;
	uint32_t number;
	bool there;
	int stamped;

	(void)firewall_hear(fw); /* what is heard from here on came after this look */
	if (firewall_is_ours(fw, &there, err) < 0 || firewall_number(fw, &number, err) < 0)
		return -1;
	stamped = there ? firewall_is_current(fw, generation, err) : 0;
	if (stamped < 0 || (stamped && firewall_digest(fw, &now, err) < 0))
		return -1;
	fw->touched = fw->unsure = false;
	fw->number = number;
	if (!there || !stamped)
		*out = there ? FIREWALL_STALE : FIREWALL_GONE;
	else if (before == 0 || now != before)
		*out = FIREWALL_ALTERED;
	else
		*out = noted && noted->number != 0 && noted->number == number ? FIREWALL_CURRENT : FIREWALL_ELEMENTS;
	fw->digest = stamped ? before : 0;
	return 0;
}

struct firewall_noted firewall_note(struct firewall *fw) {
	if (firewall_hear(fw) != FIREWALL_UNTOUCHED)
		return (struct firewall_noted){0, fw->digest};
	return (struct firewall_noted){fw->number, fw->digest};
}

/* ---- transactions ---- */

/* With an answer that was lost only the stamp tells whether it was done. */
static int commit(struct firewall *fw, uint64_t generation, int *why, struct err *err) {
	struct err lost;

	if (nft_commit(fw->nft, why, err) == 0)
		return 0;
	return *why == ENOBUFS && firewall_is_current(fw, generation, &lost) == 1 ? 0 : -1;
}

/* Others were at work, and nothing was done: it may be tried again. */
static bool is_passing(int why) {
	return why == EAGAIN || why == EBUSY || why == EINTR || why == ENOBUFS;
}

/* Nobody listens while the table is made, as the kernel would tell us of every element. Others may have changed it in the meantime where more
 * than our own transaction was counted. */
static int commit_table(struct firewall *fw, uint64_t generation, int *why, struct err *err) {
	struct err ignored;
	uint32_t before = 0, after = 0;
	bool counted = firewall_number(fw, &before, &ignored) == 1;
	int result;

	*why = 0;
	if (nft_watch_listen(fw->watch, false, err) < 0)
		return -1;
	(void)firewall_hear(fw);
	result = commit(fw, generation, why, err);
	if (nft_watch_listen(fw->watch, true, result < 0 ? &ignored : err) < 0 || result < 0)
		return -1;
	counted = counted && firewall_number(fw, &after, &ignored) == 1;
	fw->number = after;
	fw->touched = false;
	fw->unsure = !counted || after != before + 1;
	if (firewall_digest(fw, &fw->digest, &ignored) != 1)
		fw->digest = 0;
	return 0;
}

static int fill_table(struct firewall *fw, uint64_t generation,
                      int (*next)(void *context, struct firewall_entry *entry, struct err *err), void *context,
                      struct err *err) {
	struct firewall_entry entry;
	int more;

	memset(fw->has, 0, sizeof(fw->has));
	nft_add_table(fw->nft, fw->keeper);
	firewall_add_frame(fw, generation);
	firewall_add_sets(fw);
	while ((more = next(context, &entry, err)) > 0) {
		struct set_at at = firewall_set_of(entry.list, entry.at);
		char name[SET_NAME];
		struct nft_set set = firewall_set(at, name);
		struct nft_element element = firewall_element(&entry, at);

		if (!fw->has[at.list][at.v6][at.length])
			nft_add_set(fw->nft, &set);
		fw->has[at.list][at.v6][at.length] = true;
		nft_add_element(fw->nft, &set, &element);
	}
	firewall_add_lookups(fw);
	return more;
}

int firewall_replace(struct firewall *fw, uint64_t generation,
                     int (*next)(void *context, struct firewall_entry *entry, struct err *err), void *context,
                     struct err *err) {
	bool there;
	int why;

	if (firewall_is_ours(fw, &there, err) < 0)
		return -1;
	fw->learnt = false;
	nft_begin(fw->nft);
	if (there)
		nft_delete_table(fw->nft);
	if (fill_table(fw, generation, next, context, err) < 0 || commit_table(fw, generation, &why, err) < 0)
		return -1;
	fw->learnt = true;
	return 0;
}

/* What the kernel has of what changes: whether there is something to delete, and what it counted. */
static int look_before(struct firewall *fw, struct firewall_change *changes, uint32_t n, struct err *err) {
	for (uint32_t i = 0; i < n; i++) {
		struct set_at at = firewall_set_of(changes[i].entry.list, changes[i].entry.at);
		struct firewall_entry had;
		int found = 0;

		if (fw->has[at.list][at.v6][at.length])
			found = firewall_look(fw, at.list, changes[i].entry.at, &had, err);
		if (found < 0)
			return -1;
		changes[i].had = found == 1;
		if (found == 1 && had.packets > changes[i].entry.packets) {
			changes[i].entry.packets = had.packets;
			changes[i].entry.bytes = had.bytes;
		}
	}
	return 0;
}

/* Deletes what is there, then adds: an element that is added again would keep its old end before Linux 6.12, and for one that is not there a
 * deletion fails. Both happens only where the kernel is not as it was looked at, and then fails the batch, whatever the kernel's age. */
static void put_changes(struct firewall *fw, uint64_t generation, const struct firewall_change *changes, uint32_t n) {
	nft_begin(fw->nft);
	for (int adding = 0; adding < 2; adding++)
		for (uint32_t i = 0; i < n; i++) {
			struct set_at at = firewall_set_of(changes[i].entry.list, changes[i].entry.at);
			char name[SET_NAME];
			struct nft_set set = firewall_set(at, name);
			struct nft_element element = firewall_element(&changes[i].entry, at);

			if (adding && !changes[i].gone)
				nft_add_new_element(fw->nft, &set, &element);
			if (!adding && changes[i].had)
				nft_delete_element(fw->nft, &set, &element);
		}
	nft_flush_set(fw->nft, firewall_generation_set.name);
	firewall_put_generation(fw->nft, generation);
}

/* 1 where each has its set; 0 where one is missing: a first ban of that length, whose set and rule are made by replacing. */
static int has_sets(struct firewall *fw, const struct firewall_change *changes, uint32_t n, struct err *err) {
	int known = firewall_learn(fw, err);

	for (uint32_t i = 0; i < n && known == 1; i++) {
		struct set_at at = firewall_set_of(changes[i].entry.list, changes[i].entry.at);

		known = changes[i].gone || fw->has[at.list][at.v6][at.length];
	}
	return known;
}

int firewall_change(struct firewall *fw, uint64_t generation, struct firewall_change *changes, uint32_t n,
                    bool *replace, struct err *err) {
	int why = 0;

	*replace = false;
	for (int i = 0; i < FIREWALL_ATTEMPTS; i++) {
		int known = has_sets(fw, changes, n, err);

		if (known < 0)
			return -1;
		if (known == 0) {
			*replace = true;
			return err_set(err, ERR_SYSTEM, "firewall: the kernel's table lacks what a change needs");
		}
		if (look_before(fw, changes, n, err) < 0)
			return -1;
		put_changes(fw, generation, changes, n);
		if (commit(fw, generation, &why, err) == 0)
			return 0;
		fw->learnt = false;
		/* One that has just ended, or that somebody else added or deleted: looked at again. */
		if (why != ENOENT && why != EEXIST && !is_passing(why))
			return -1;
	}
	*replace = why == ENOENT || why == EEXIST;
	return -1;
}
