/* home: the addresses that a device is served from, as data of one struct device; nothing here is stored. Learned homes keep the full
 * address and are compared masked by `same_network`; homes that were given are compared as given.
 */
#ifndef PROVCTL_HOME_H
#define PROVCTL_HOME_H

#include "enforcer/store.h"

#define HOME_POLLS_MAX (DEVICE_LEARNED_HOMES - 1)
#define HOME_GIVEN_MAX (DEVICE_HOMES_MAX - DEVICE_LEARNED_HOMES)
#define HOME_UNUSED    (30 * (int64_t)DAY) /* a polled home that is not used for so long drops out */

/* Index of the home that holds ip, or -1. */
int home_find(const struct homes *homes, const struct conf *conf, struct addr ip);
/* A home at the address of the event. */
struct home home_of_event(const struct event *e, enum home_kind kind, bool backed);

/* `home` alone. */
void home_set(struct homes *homes, const struct home *home);
/* Adds a polled home. In a full set the longest unused one gives way, but never one that is backed to one that is not. Returns false where
 * none may give way; dropped (bits 0: none) is what went. */
bool home_add_polled(struct homes *homes, const struct home *home, struct prefix *dropped);
/* Adds a given home, or makes a learned one of the same address given. False where there are HOME_GIVEN_MAX. */
bool home_add_given(struct homes *homes, const struct home *home);
/* Removes what is exactly `at`, or is shown so (a learned address, masked). False where nothing was. */
bool home_remove(struct homes *homes, const struct conf *conf, struct prefix at);
/* Drops every home of the kinds for which drop() says so; returns how many. */
uint32_t home_drop(struct homes *homes, bool (*drop)(const void *context, const struct home *home),
                   const void *context);
bool homes_same(const struct homes *a, const struct homes *b); /* the same places, whatever their order, use and kind */

/* Before a change of state or home by an event or command of that time: keeps what was, for late events. */
void device_changing(struct device *d, int64_t time);

#endif
