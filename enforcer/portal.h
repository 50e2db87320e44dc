/* portal: commands of people and programs without a shell, from the enforcer's third socket (portal.sock, of the group portal.group), on
 * which prov-portal speaks for them. It reads what strangers send it, so nothing that it says is believed: each request shows a token, whose
 * hash is compared here, and gets what the token's role allows (portal_right.c) and nothing beside.
 *
 * A request is one of control.h with `token` and `peer` (the person's address), or with `self`, an address that asks for itself without a
 * token; then the arguments of the verb. The end frame has `code`, one word for why, or null. Long lists come in pages: no answer is
 * longer than PORTAL_ANSWER_MAX, and none is waited for, so that a portal that does not read holds up nobody.
 *
 * A broken portal gains the tokens that it is shown while it is broken, and what needs no token: it may ask for the ban of any address and
 * lift it as the address could itself (PORTAL_LIFTS a minute); and by telling made-up addresses of wrong tokens it may have unknown
 * addresses banned, ten failures each, PORTAL_FAILURES a minute. Who is known, in a home or a network, is only reported by the trigger that ships.
 */
#ifndef PROVCTL_PORTAL_H
#define PROVCTL_PORTAL_H

#include "enforcer/control.h"

#define PORTAL_REQUEST_MAX (64U << 10)
#define PORTAL_ANSWER_MAX  (4U << 20)
#define PORTAL_FAILURES    60 /* wrong tokens a minute that are judged; others are only counted */
#define PORTAL_LIFTS       60 /* bans a minute that addresses lift themselves */
#define PORTAL_WINDOWS_MAX 20 /* that an account's tokens may have open */

/* Who asks. The bits of roles, and one for an address that asks for itself. */
#define MAY(role) (1U << (role))
#define MAY_SELF  (1U << ROLES)

struct caller {
	unsigned role;      /* one bit */
	struct token token; /* but for MAY_SELF */
	struct addr ip;     /* the person's address, or none */
	char actor[128];    /* as the record names it */
	const char *code;   /* why it is refused, NULL: as the class of the error says */
};

/* True where only some devices are its own: what does not concern them is not told. */
bool caller_is_narrow(const struct caller *c);
/* Whether a device is its own: 1, 0 (or there is none), -1. */
int caller_owns(struct request *r, uint64_t mac, struct err *err);

/* One request, whose r->caller is empty: finds out who asks, and runs what they may. As a verb's function. */
int portal_run(struct request *r, struct err *err);
/* The word for how it ended; failed: err tells why. NULL: well. */
const char *portal_code(const struct request *r, bool failed, const struct err *err);

/* Which device it is that a person decided on: 16 hex digits, others as soon as what is served where, or why, becomes another. Who asks from elsewhere
 * changes nothing of it: a stranger must not keep people from deciding. */
#define DEVICE_VERSION 17
void device_version(const struct request *r, const struct device *d, char out[DEVICE_VERSION]);

/* May one more address lift its ban in this minute? */
bool portal_may_lift(struct request *r);
void portal_lifted(struct request *r);

/* Verbs of the portal alone (verb_portal.c, verb_self.c). */
int verb_session(struct request *r, struct err *err);
int verb_devices(struct request *r, struct err *err);
int verb_recent(struct request *r, struct err *err);
int verb_ban_page(struct request *r, struct err *err);
int verb_me(struct request *r, struct err *err);
int verb_me_unban(struct request *r, struct err *err);

#endif
