/* judging: a judge with the shipped triggers on an empty state in memory, for tests of what events and orders lead to. Included behind
 * cmocka.h. */
#ifndef PROVCTL_TESTS_JUDGING_H
#define PROVCTL_TESTS_JUDGING_H

#include "common/conf.h"
#include "common/timefmt.h"
#include "enforcer/judge.h"
#include "enforcer/store.h"

#define START ((int64_t)1795000020) /* a full minute */

struct judging {
	struct conf *conf;
	struct store *store;
	struct judge *judge;
	struct err err;
};

/* extra: more lines for the configuration. */
void judging_begin(struct judging *g, const char *extra);
void judging_end(struct judging *g);
/* As if the process had been killed after a commit and started again. */
void judging_restart(struct judging *g);

struct addr addr_of(const char *text);
struct prefix prefix_of_text(const char *text);
uint64_t mac_of(unsigned n); /* 0015650000NN and on */

/* A locked device with a home that a poll backs, served first 30 days before START. */
void judging_device(struct judging *g, uint64_t mac, const char *account, const char *home);
void judging_user(struct judging *g, uint64_t mac, const char *user);

/* Sees the event (its rule and log are filled in); n times, a second apart. */
void judging_event(struct judging *g, struct event e);
void judging_events(struct judging *g, struct event e, unsigned n);

bool is_banned(struct judging *g, const char *address, int64_t time);
/* The ban of exactly that prefix that ends last. */
struct ban ban_of(struct judging *g, const char *prefix, int64_t time);
/* Records of that word (NULL any) and rule (NULL any). */
unsigned recorded(struct judging *g, const char *what, const char *rule);

#endif
