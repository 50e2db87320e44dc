#include <string.h>

#include "common/timefmt.h"
#include "enforcer/digest.h"
#include "enforcer/judge_private.h"

/* Which device an event is about. What an agent says of itself names no device: a SIP event is its user's. */
static int facts_mac(struct judge *j, const struct event *e, uint64_t *mac, struct err *err) {
	*mac = e->mac;
	if (e->kind < EVENT_SIP_REGISTERED || e->kind > EVENT_SIP_FLOOD)
		return 0;
	*mac = MAC_NONE;
	return e->user.n == 0 ? 0 : store_device_of_user(j->store, e->user, e->realm, mac, err);
}

static int facts_places(struct judge *j, struct facts *f, struct err *err) {
	const struct event *e = f->e;
	int network, window;

	if (addr_is_none(e->ip))
		return 0;
	f->is_home = device_is_home(&f->device, j->conf, e->ip);
	if (f->is_home)
		return 0; /* nearly every event ends here; nobody asks more of it */
	network = store_network_has(j->store, f->device.account, e->ip, err);
	if (network < 0)
		return -1;
	window = store_window_has(j->store, f->device.account, e->ip, e->time, err);
	if (window < 0)
		return -1;
	f->in_network = network == 1;
	f->in_window = window == 1;
	return 0;
}

int facts_gather(struct judge *j, const struct event *e, struct facts *f, struct err *err) {
	uint64_t mac;
	int found = 0;

	memset(f, 0, sizeof(*f));
	f->e = e;
	if (facts_mac(j, e, &mac, err) < 0)
		return -1;
	if (mac != MAC_NONE)
		found = store_device(j->store, mac, &f->device, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return 0;
	f->removed = f->device.removed != TIME_NONE;
	f->has_device = !f->removed;
	device_standing(&f->device, j->conf, e->time, &f->standing);
	return f->has_device ? facts_places(j, f, err) : 0;
}

uint64_t facts_folder(const struct judge *j, struct slice folder) {
	uint64_t digest = digest_bytes(store_key(j->store), folder.p, folder.n);

	return digest ? digest : 1; /* 0 says that there is none */
}

enum event_kind facts_claim(const struct judge *j, struct facts *f) {
	const struct event *e = f->e;

	f->folder = 0;
	if (e->kind < EVENT_POLL_SERVED || e->kind > EVENT_POLL_UNKNOWN || e->folder.n == 0)
		return e->kind;
	f->folder = facts_folder(j, e->folder);
	if (f->has_device && f->device.folder == f->folder)
		return e->kind;
	f->first_folder = f->has_device && f->device.folder == 0 && (f->is_home || f->in_network);
	if (f->first_folder)
		return e->kind;
	return (enum event_kind)(e->kind - EVENT_POLL_SERVED + EVENT_PROVISION_SERVED);
}

/* What costs least is asked first. */
int facts_known(struct judge *j, struct facts *f, struct err *err) {
	struct residents residents = {0};
	int known;

	if (f->known_done)
		return 0;
	known = store_registered_at(j->store, f->e->ip, f->e->time, err);
	if (known == 0)
		known = store_network_has(j->store, NULL, f->e->ip, err);
	if (known < 0 || (known == 0 && store_residents(j->store, j->conf, f->e->ip, f->e->time, &residents, err) < 0))
		return -1;
	f->known = known == 1 || residents.counted > 0;
	f->known_done = true;
	return 0;
}

int address_known(struct judge *j, struct addr ip, int64_t time, bool *known, struct err *err) {
	struct event e = {.ip = ip, .time = time};
	struct facts f = {.e = &e};

	if (facts_known(j, &f, err) < 0)
		return -1;
	*known = f.known;
	return 0;
}
