#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "enforcer/firewall.h"
#include "enforcer/nft.h"

/* The table: chain `prerouting` (the hook) sends packets to firewall.ports on to chain `address`, and that by family to `address4` or `address6`.
 * These ask the sets in the order of the lists; a set is named by list, family and prefix length: ban4_32, never6_64. The set `generation`
 * holds one element: the generation of the state that the table was made from. */
static const struct {
	const char *name;
	enum nft_verdict verdict;
} lists[FIREWALL_LISTS] = {
	[FIREWALL_NEVER] = {"never", NFT_DO_RETURN}, [FIREWALL_ALLOW] = {"allow", NFT_DO_RETURN},
	[FIREWALL_BLOCK] = {"block", NFT_DO_DROP},   [FIREWALL_WINDOW] = {"window", NFT_DO_RETURN},
	[FIREWALL_BAN] = {"ban", NFT_DO_DROP},
};

#define LENGTHS  129 /* 0 to 128 */
#define SET_NAME 20

struct firewall {
	struct nft *nft;
	const struct conf *conf;
	const char *keeper; /* the table's comment */
	/* Which sets the kernel has, as far as this process knows; used only where learnt. */
	bool learnt;
	bool has[FIREWALL_LISTS][2][LENGTHS];
};

int firewall_open(struct firewall **out, const struct conf *conf, struct err *err) {
	struct firewall *fw = calloc(1, sizeof(*fw));

	if (!fw)
		return err_errno(err, "firewall");
	fw->conf = conf;
	fw->keeper = FIREWALL_ENFORCER;
	if (nft_open(&fw->nft, conf->firewall.table, err) < 0) {
		free(fw);
		return -1;
	}
	*out = fw;
	return 0;
}

void firewall_close(struct firewall **fw) {
	if (!*fw)
		return;
	nft_close(&(*fw)->nft);
	free(*fw);
	*fw = NULL;
}

void firewall_set_keeper(struct firewall *fw, const char *keeper) {
	fw->keeper = keeper;
}

uint64_t firewall_shape(const struct conf *conf, uint64_t seed) {
	uint64_t hash = hash_bytes(seed, &conf->firewall.all_ports, sizeof(conf->firewall.all_ports));

	hash = hash_bytes(hash, &conf->portal_port, sizeof(conf->portal_port));
	for (uint32_t i = 0; i < conf->firewall.ntcp; i++)
		hash = hash_bytes(hash, &conf->firewall.tcp[i], sizeof(conf->firewall.tcp[i]));
	hash = hash_bytes(hash, "udp", 3);
	for (uint32_t i = 0; i < conf->firewall.nudp; i++)
		hash = hash_bytes(hash, &conf->firewall.udp[i], sizeof(conf->firewall.udp[i]));
	for (uint32_t i = 0; i < conf->firewall.nnever; i++)
		hash = hash_bytes(hash, &conf->firewall.never[i], sizeof(conf->firewall.never[i]));
	for (uint32_t i = 0; i < conf->ntrusted_proxies; i++)
		hash = hash_bytes(hash, &conf->trusted_proxies[i], sizeof(conf->trusted_proxies[i]));
	return hash;
}

/* ---- sets ---- */

struct set_at {
	enum firewall_list list;
	bool v6;
	unsigned length; /* as users write it */
};

static struct set_at set_of(enum firewall_list list, struct prefix p) {
	return (struct set_at){list, !(p.bits >= 96 && addr_is_v4(p.base)), prefix_length(p)};
}

static struct nft_set set_describe(struct set_at at, char name[SET_NAME]) {
	uint32_t id = 1 + (uint32_t)at.list * 2 * LENGTHS + (at.v6 ? LENGTHS : 0) + at.length;

	(void)snprintf(name, SET_NAME, "%s%c_%u", lists[at.list].name, at.v6 ? '6' : '4', at.length % LENGTHS);
	return (struct nft_set){
		.name = name,
		.id = id,
		.key = at.v6 ? NFT_KEY_V6 : NFT_KEY_V4,
		.expires = at.list != FIREWALL_NEVER,
	};
}

static struct nft_element element_of(const struct firewall_entry *entry, struct set_at at) {
	return (struct nft_element){
		.key = at.v6 ? entry->at.base.b : entry->at.base.b + 12,
		.timeout = entry->left > 0 ? (uint64_t)entry->left * 1000 : 0,
		.packets = entry->packets,
		.bytes = entry->bytes,
	};
}

static bool set_parse(const char *name, struct set_at *at) {
	for (int list = 0; list < FIREWALL_LISTS; list++) {
		size_t n = strlen(lists[list].name);
		uint64_t length;

		if (strncmp(name, lists[list].name, n) != 0 || (name[n] != '4' && name[n] != '6') || name[n + 1] != '_' ||
		    !slice_number(slice_of(name + n + 2), name[n] == '6' ? 128 : 32, &length))
			continue;
		*at = (struct set_at){(enum firewall_list)list, name[n] == '6', (unsigned)length};
		return true;
	}
	return false;
}

/* ---- the frame: ports, chains, rules ---- */

#define PORTS_TCP_ID  2000
#define PORTS_UDP_ID  2001
#define GENERATION_ID 2002

static const struct nft_set generation_set = {.name = "generation", .id = GENERATION_ID, .key = NFT_KEY_MARK};

static void put_generation(struct nft *nft, uint64_t generation) {
	uint32_t mark = htonl((uint32_t)generation); /* as nft(8) prints it */

	nft_add_element(nft, &generation_set, &(struct nft_element){.key = &mark});
}

/* Marks in a map of 65536 ports what to drop on, then adds the runs: so ranges may touch, overlap and come in any order. */
static void add_ports(struct nft *nft, const struct nft_set *set, const struct port_range *ranges, uint32_t n,
                      uint16_t spare) {
	static const uint16_t zero;
	bool *on = calloc(65537, sizeof(*on));
	bool before = false;

	if (!on)
		return; /* the set stays undefined, and the batch fails for it */
	nft_add_set(nft, set);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t port = ranges[i].first; port <= ranges[i].last; port++)
			on[port] = port != spare;
	/* An interval set starts with the end of what lies before its first element, as nft(8) writes it. */
	if (!on[0])
		nft_add_element(nft, set, &(struct nft_element){.key = &zero, .end = true});
	for (uint32_t port = 0; port <= 65536; port++) {
		uint16_t key = htons((uint16_t)port);

		if (on[port] != before && port < 65536)
			nft_add_element(nft, set, &(struct nft_element){.key = &key, .end = before});
		before = on[port];
	}
	free(on);
}

static void add_frame(struct firewall *fw, uint64_t generation) {
	const struct conf *conf = fw->conf;
	const struct {
		struct nft_set set;
		uint8_t l4proto;
		const struct port_range *ranges;
		uint32_t n;
		uint16_t spare; /* the portal's */
	} ports[] = {
		{{.name = "tcp", .id = PORTS_TCP_ID, .key = NFT_KEY_PORT, .ports = true},
	     IPPROTO_TCP,
	     conf->firewall.tcp,
	     conf->firewall.ntcp,
	     conf->portal_port},
		{{.name = "udp", .id = PORTS_UDP_ID, .key = NFT_KEY_PORT, .ports = true},
	     IPPROTO_UDP,
	     conf->firewall.udp,
	     conf->firewall.nudp,
	     0},
	};

	nft_add_chain(fw->nft, "prerouting", true);
	nft_add_chain(fw->nft, "address", false);
	nft_add_chain(fw->nft, "address4", false);
	nft_add_chain(fw->nft, "address6", false);
	nft_add_set(fw->nft, &generation_set);
	put_generation(fw->nft, generation);
	if (conf->firewall.all_ports) {
		nft_add_rule(fw->nft, &(struct nft_rule){.chain = "prerouting",
		                                         .l4proto = IPPROTO_TCP,
		                                         .port = conf->portal_port,
		                                         .verdict = NFT_DO_RETURN});
		nft_add_rule(fw->nft, &(struct nft_rule){.chain = "prerouting", .verdict = NFT_DO_GOTO, .target = "address"});
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && !conf->firewall.all_ports; i++) {
		if (ports[i].n == 0)
			continue;
		add_ports(fw->nft, &ports[i].set, ports[i].ranges, ports[i].n, ports[i].spare);
		nft_add_rule(fw->nft, &(struct nft_rule){.chain = "prerouting",
		                                         .l4proto = ports[i].l4proto,
		                                         .set = &ports[i].set,
		                                         .verdict = NFT_DO_GOTO,
		                                         .target = "address"});
	}
	nft_add_rule(fw->nft, &(struct nft_rule){
							  .chain = "address", .family = AF_INET, .verdict = NFT_DO_GOTO, .target = "address4"});
	nft_add_rule(fw->nft, &(struct nft_rule){
							  .chain = "address", .family = AF_INET6, .verdict = NFT_DO_GOTO, .target = "address6"});
}

/* The rules that ask the sets in use, in the order of the lists. */
static void add_lookups(struct firewall *fw) {
	for (int list = 0; list < FIREWALL_LISTS; list++)
		for (int v6 = 0; v6 < 2; v6++)
			for (unsigned length = 0; length < LENGTHS; length++) {
				char name[SET_NAME];
				struct nft_set set;

				if (!fw->has[list][v6][length])
					continue;
				set = set_describe((struct set_at){(enum firewall_list)list, v6, length}, name);
				nft_add_rule(fw->nft, &(struct nft_rule){.chain = v6 ? "address6" : "address4",
				                                         .family = v6 ? AF_INET6 : AF_INET,
				                                         .set = &set,
				                                         .bits = length,
				                                         .verdict = lists[list].verdict});
			}
}

/* ---- the public calls ---- */

/* A table of our name that does not say it is ours belongs to somebody else, and is left alone. */
static int table_is_ours(struct firewall *fw, bool *there, struct err *err) {
	char comment[sizeof(FIREWALL_APPLY) + 64];
	const char *keeper = "that of `provctl apply`, since this machine enforces a published folder";
	int found = nft_table(fw->nft, comment, sizeof(comment), err);

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

int firewall_replace(struct firewall *fw, uint64_t generation,
                     int (*next)(void *context, struct firewall_entry *entry, struct err *err), void *context,
                     struct err *err) {
	struct firewall_entry entry;
	bool there;
	int why;
	int more;

	if (table_is_ours(fw, &there, err) < 0)
		return -1;
	fw->learnt = false;
	memset(fw->has, 0, sizeof(fw->has));
	nft_begin(fw->nft);
	if (there)
		nft_delete_table(fw->nft);
	nft_add_table(fw->nft, fw->keeper);
	add_frame(fw, generation);
	while ((more = next(context, &entry, err)) > 0) {
		struct set_at at = set_of(entry.list, entry.at);
		char name[SET_NAME];
		struct nft_set set = set_describe(at, name);
		struct nft_element element = element_of(&entry, at);

		if (!fw->has[at.list][at.v6][at.length])
			nft_add_set(fw->nft, &set);
		fw->has[at.list][at.v6][at.length] = true;
		nft_add_element(fw->nft, &set, &element);
	}
	if (more < 0)
		return -1;
	add_lookups(fw);
	if (nft_commit(fw->nft, &why, err) < 0)
		return -1;
	fw->learnt = true;
	return 0;
}

static int learn_one(void *context, const char *name) {
	struct firewall *fw = context;
	struct set_at at;

	if (set_parse(name, &at))
		fw->has[at.list][at.v6][at.length] = true;
	return 0;
}

static int learn(struct firewall *fw, struct err *err) {
	int found;

	if (fw->learnt)
		return 1;
	memset(fw->has, 0, sizeof(fw->has));
	found = nft_sets(fw->nft, learn_one, fw, err);
	fw->learnt = found == 1;
	return found;
}

int firewall_change(struct firewall *fw, uint64_t generation, const struct firewall_change *changes, uint32_t n,
                    bool *replace, struct err *err) {
	int why;
	int known = learn(fw, err);

	*replace = false;
	if (known < 0)
		return -1;
	nft_begin(fw->nft);
	for (uint32_t i = 0; i < n && known == 1; i++) {
		struct set_at at = set_of(changes[i].entry.list, changes[i].entry.at);
		char name[SET_NAME];
		struct nft_set set = set_describe(at, name);
		struct nft_element element = element_of(&changes[i].entry, at);

		if (!fw->has[at.list][at.v6][at.length]) {
			if (changes[i].gone)
				continue;
			known = 0; /* a first ban of that length: its set and its rule are made by replacing */
			break;
		}
		/* Adding first makes the deletion right whether the element is there, has just expired, or never was. Before Linux 6.12 adding
		 * again would keep the old timeout. */
		nft_add_element(fw->nft, &set, &element);
		nft_delete_element(fw->nft, &set, &element);
		if (!changes[i].gone)
			nft_add_element(fw->nft, &set, &element);
	}
	if (known != 1) {
		*replace = true;
		return err_set(err, ERR_SYSTEM, "firewall: the kernel's table lacks what a change needs");
	}
	nft_flush_set(fw->nft, generation_set.name);
	put_generation(fw->nft, generation);
	if (nft_commit(fw->nft, &why, err) < 0) {
		fw->learnt = false;
		/* The table, a set or the generation went away under us: replacing mends it. Other refusals it does not. */
		*replace = why == ENOENT;
		return -1;
	}
	return 0;
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
	int found = nft_elements(fw->nft, generation_set.name, see_generation, &seen, err);

	if (found < 0)
		return -1;
	return found == 1 && seen.seen && ntohl(seen.mark) == (uint32_t)generation;
}

struct walk {
	struct firewall *fw;
	struct set_at at;
	int (*each)(void *context, const struct firewall_entry *entry, struct err *err);
	void *context;
	struct err *err;
};

static int walk_element(void *context, const struct nft_element *element, size_t key_size) {
	struct walk *w = context;
	struct firewall_entry entry = {.list = w->at.list, .packets = element->packets, .bytes = element->bytes};
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	size_t want = w->at.v6 ? 16 : 4;

	if (key_size != want)
		return -1;
	memcpy(a.b + sizeof(a.b) - want, element->key, want);
	entry.at = prefix_of(a, w->at.length + (w->at.v6 ? 0 : 96));
	entry.left = (int64_t)((element->timeout + 999) / 1000);
	return w->each(w->context, &entry, w->err);
}

int firewall_each(struct firewall *fw, int (*each)(void *context, const struct firewall_entry *entry, struct err *err),
                  void *context, struct err *err) {
	struct walk w = {.fw = fw, .each = each, .context = context, .err = err};
	int known;

	fw->learnt = false; /* somebody else may have changed the table */
	known = learn(fw, err);
	if (known <= 0)
		return known;
	for (int list = 0; list < FIREWALL_LISTS; list++)
		for (int v6 = 0; v6 < 2; v6++)
			for (unsigned length = 0; length < LENGTHS; length++) {
				char name[SET_NAME];

				if (!fw->has[list][v6][length])
					continue;
				w.at = (struct set_at){(enum firewall_list)list, v6, length};
				(void)set_describe(w.at, name);
				if (nft_elements(fw->nft, name, walk_element, &w, err) < 0)
					return -1;
			}
	return 1;
}

int firewall_remove(struct firewall *fw, struct err *err) {
	bool there;
	int why;

	if (table_is_ours(fw, &there, err) < 0)
		return -1;
	if (!there)
		return 0;
	fw->learnt = false;
	nft_begin(fw->nft);
	nft_delete_table(fw->nft);
	return nft_commit(fw->nft, &why, err);
}
