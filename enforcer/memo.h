/* memo: what the judge worked out of devices and their homes, in few bytes, so that a fetch from home is looked up and not judged. Held in
 * memory alone, bounded, and never the truth: whatever is not here is in the rows. quiet.c fills it and asks it; the store drops what it has of
 * a device whose row changes, and all of it after a rollback.
 *
 * An entry is one place of one device. It tells from when until when a served fetch from there changes nothing but `seen`.
 */
#ifndef PROVCTL_MEMO_H
#define PROVCTL_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

/* 45 MB; a million devices at one home each. Where there are more they push each other out. */
#define MEMO_SLOTS 1400000U

struct memo_entry {
	uint64_t mac;   /* 48 bits of it, above MEMO_BACKED and the number of its words; 0: a free slot */
	uint64_t place; /* as quiet.c tells places apart, never 0 */
	uint32_t from, until;
	uint32_t seen;   /* last served fetch */
	uint32_t stored; /* the same as it stands in the state */
};

#define MEMO_BACKED   0x8000U
#define MEMO_WORDS    0x7fffU /* mask; 0 is none */
#define MEMO_MAC_BITS 16

static inline uint64_t memo_mac(const struct memo_entry *e) {
	return e->mac >> MEMO_MAC_BITS;
}

struct memo;

struct memo *memo_new(void); /* NULL: out of memory */
void memo_free(struct memo **m);
/* Forgets everything, words too. */
void memo_clear(struct memo *m);
void memo_drop(struct memo *m, uint64_t mac);

/* NULL where there is none. Valid until the next memo_put or memo_drop. */
struct memo_entry *memo_find(struct memo *m, uint64_t mac, uint64_t place);
void memo_put(struct memo *m, const struct memo_entry *entry);
/* Puts those of n entries that are not there: of many at once memory is not waited for one by one. */
void memo_fill(struct memo *m, const struct memo_entry *entries, uint32_t n);
/* So many there will be: room for them at once, rather than by growing, which for a moment takes both. */
void memo_expect(struct memo *m, uint64_t entries);
/* While it stays the same an entry that was found is where it was, and what it was but for `seen`. */
uint32_t memo_version(const struct memo *m);
uint32_t memo_count(const struct memo *m);
bool memo_has_room(const struct memo *m); /* nothing gives way yet to what is put */
/* The newest `seen` of its entries, 0 without. */
uint32_t memo_seen(const struct memo *m, uint64_t mac);
/* Calls each() for all entries, which it may change but for mac and place. Stops at the first non-zero and returns it. */
int memo_each(struct memo *m, int (*each)(void *context, struct memo_entry *entry), void *context);
/* Asks the processor for the slots of a MAC. */
void memo_hint(const struct memo *m, uint64_t mac);

/* The words of phones have numbers, by vendor, model and version. They hold until memo_clear, which memo_era tells. */
struct memo_words {
	struct slice vendor, model, version;
};
uint32_t memo_era(const struct memo *m);
/* Makes a number where there is none yet; that may clear all else. 0 where memory is out. */
uint32_t memo_words_put(struct memo *m, const struct memo_words *words);
/* A phone that says `said` has nothing new to tell of one that has `has`: an empty word tells nothing. */
bool memo_words_fit(const struct memo *m, const struct memo_words *said, uint32_t has);

#endif
