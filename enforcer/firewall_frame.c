#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "enforcer/firewall_private.h"

/* The table: chain `prerouting` (the hook) sends packets to firewall.ports on to chain `address`, and that by family to `address4` or `address6`.
 * These ask the sets in the order of the lists; a set is named by list, family and prefix length: ban4_32, never6_64. The set `generation`
 * holds one element: the generation of the state that the table was made from. */
/* No name is a word of nft's own: what `nft list` shows can be loaded again. */
static const struct {
	const char *name;
	enum nft_verdict verdict;
} lists[FIREWALL_LISTS] = {
	[FIREWALL_NEVER] = {"never", NFT_DO_RETURN}, [FIREWALL_ALLOW] = {"allow", NFT_DO_RETURN},
	[FIREWALL_BLOCK] = {"block", NFT_DO_DROP},   [FIREWALL_WINDOW] = {"window", NFT_DO_RETURN},
	[FIREWALL_BAN] = {"ban", NFT_DO_DROP},
};

/* ---- sets ---- */

struct set_at firewall_set_of(enum firewall_list list, struct prefix p) {
	return (struct set_at){list, !(p.bits >= 96 && addr_is_v4(p.base)), prefix_length(p)};
}

struct nft_set firewall_set(struct set_at at, char name[SET_NAME]) {
	uint32_t id = 1 + (uint32_t)at.list * 2 * LENGTHS + (at.v6 ? LENGTHS : 0) + at.length;

	(void)snprintf(name, SET_NAME, "%s%c_%u", lists[at.list].name, at.v6 ? '6' : '4', at.length % LENGTHS);
	return (struct nft_set){
		.name = name,
		.id = id,
		.key = at.v6 ? NFT_KEY_V6 : NFT_KEY_V4,
		.expires = at.list != FIREWALL_NEVER,
	};
}

struct nft_element firewall_element(const struct firewall_entry *entry, struct set_at at) {
	return (struct nft_element){
		.key = at.v6 ? entry->at.base.b : entry->at.base.b + 12,
		.timeout = entry->left > 0 ? (uint64_t)entry->left * 1000 : 0,
		.packets = entry->packets,
		.bytes = entry->bytes,
	};
}

bool firewall_set_parse(const char *name, struct set_at *at) {
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

const struct nft_set firewall_generation_set = {.name = "generation", .id = GENERATION_ID, .key = NFT_KEY_MARK};

void firewall_put_generation(struct nft *nft, uint64_t generation) {
	uint32_t mark = htonl((uint32_t)generation); /* as nft(8) prints it */

	nft_add_element(nft, &firewall_generation_set, &(struct nft_element){.key = &mark});
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

		if (port < 65536 && on[port] != before)
			nft_add_element(nft, set, &(struct nft_element){.key = &key, .end = before});
		before = on[port];
	}
	free(on);
}

void firewall_add_frame(struct firewall *fw, uint64_t generation) {
	const struct conf *conf = fw->conf;
	const struct {
		struct nft_set set;
		uint8_t l4proto;
		const struct port_range *ranges;
		uint32_t n;
		uint16_t spare; /* the portal's */
	} ports[] = {
		{{.name = "ports_tcp", .id = PORTS_TCP_ID, .key = NFT_KEY_PORT, .ports = true},
	     IPPROTO_TCP,
	     conf->firewall.tcp,
	     conf->firewall.ntcp,
	     conf->portal.port},
		{{.name = "ports_udp", .id = PORTS_UDP_ID, .key = NFT_KEY_PORT, .ports = true},
	     IPPROTO_UDP,
	     conf->firewall.udp,
	     conf->firewall.nudp,
	     0},
	};

	nft_add_chain(fw->nft, "prerouting", true);
	nft_add_chain(fw->nft, "address", false);
	nft_add_chain(fw->nft, "address4", false);
	nft_add_chain(fw->nft, "address6", false);
	nft_add_set(fw->nft, &firewall_generation_set);
	firewall_put_generation(fw->nft, generation);
	if (conf->firewall.all_ports) {
		nft_add_rule(fw->nft, &(struct nft_rule){.chain = "prerouting",
		                                         .l4proto = IPPROTO_TCP,
		                                         .port = conf->portal.port,
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

/* Those that triggers fill are there from the start, so that the first ban of a kind need not make the whole table anew. */
void firewall_add_sets(struct firewall *fw) {
	static const struct set_at always[] = {{FIREWALL_BAN, false, 32}, {FIREWALL_BAN, true, 64}};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		char name[SET_NAME];
		struct nft_set set = firewall_set(always[i], name);

		nft_add_set(fw->nft, &set);
		fw->has[always[i].list][always[i].v6][always[i].length] = true;
	}
}

/* The rules that ask the sets in use, in the order of the lists. */
void firewall_add_lookups(struct firewall *fw) {
	for (int list = 0; list < FIREWALL_LISTS; list++)
		for (int v6 = 0; v6 < 2; v6++)
			for (unsigned length = 0; length < LENGTHS; length++) {
				char name[SET_NAME];
				struct nft_set set;

				if (!fw->has[list][v6][length])
					continue;
				set = firewall_set((struct set_at){(enum firewall_list)list, v6, length}, name);
				nft_add_rule(fw->nft, &(struct nft_rule){.chain = v6 ? "address6" : "address4",
				                                         .family = v6 ? AF_INET6 : AF_INET,
				                                         .set = &set,
				                                         .bits = length,
				                                         .verdict = lists[list].verdict});
			}
}

uint64_t firewall_shape(const struct conf *conf, uint64_t seed) {
	uint64_t hash = hash_bytes(seed, &conf->firewall.all_ports, sizeof(conf->firewall.all_ports));

	hash = hash_bytes(hash, &conf->portal.port, sizeof(conf->portal.port));
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
