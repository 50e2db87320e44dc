/* lock_private: what the files of rules 1 to 14 share: lock.c (which rule applies), lock_change.c (what each does), lock_late.c (events older
 * than the last change), cascade.c. A struct hand holds one device while the rules work on a copy of it; lock_event stores it at the end.
 */
#ifndef PROVCTL_LOCK_PRIVATE_H
#define PROVCTL_LOCK_PRIVATE_H

#include "enforcer/home.h"
#include "enforcer/judge_private.h"

struct hand {
	struct judge *j;
	const struct facts *f;
	const struct event *e;
	struct device d;
	struct standing standing;
	bool is_home, in_network, in_window;
	bool dirty;    /* d is to be stored */
	bool cascades; /* d became exposed or held */
};

bool hand_is_served(const struct hand *h);

/* Rules 2, 4 (a new device), 6, 7 and 10: locked, with the address of the event as its home. */
int hand_settle(struct hand *h, enum reason reason, const char *rule, struct err *err);
/* Locked (or held) for `reason`, home unchanged; the strongest reason is kept. */
int hand_lock(struct hand *h, enum device_state state, enum reason reason, const char *what, const char *rule,
              struct err *err);
/* Nothing is exposed while locks are paused, nor a second time. */
int hand_expose(struct hand *h, const char *rule, struct err *err);
int hand_note_moved(struct hand *h, struct err *err);
/* Forgets one of the foreign addresses. */
void device_moved_drop(struct device *d, uint32_t i);
/* Adds the address of the event as a polled home: 1; 0 where no other may give way to it. why: for the record. */
int hand_add_home(struct hand *h, bool backed, const char *rule, const char *why, struct err *err);
/* The device was served, or registered, at its home. */
void hand_use_home(struct hand *h, bool backed);

/* Events older than the last change of state or home. */
int lock_late(struct hand *h, struct err *err);

/* The reason that a lock for `reason` has, where `standing` is what stands before: the strongest of both, an unlock's former one counting too. */
enum reason reason_raised(const struct device *d, const struct standing *standing, enum reason reason);

#endif
