/* conf: the configuration in force: one YAML file (provctl.yaml(5)), defaults for all it leaves out, and the triggers
 * of the rules' folders. Settings are rows of one table in conf_table.c (name, type, default, minimum, maximum, unit, description), which
 * `check --print` and the manual's test read too.
 *
 * conf_load builds everything or fails and leaves nothing; conf_free ends it. What the struct points to it owns.
 */
#ifndef PROVCTL_CONF_H
#define PROVCTL_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/event.h"

#define CONF_DEFAULT_FILE "/etc/provctl/provctl.yaml"

/* Which account names are taken, wherever they come from: 1 to 64 of A-Za-z0-9._@- */
bool account_is_sound(struct slice name);
#define ACCOUNT_NONE "-"

struct conf_journal {
	char **match; /* FIELD=value, sorted: of one field any of its values, of each field one */
	uint32_t nmatch;
	char *directory; /* absolute, or NULL for this machine's journal */
};

struct conf_source {
	char *path; /* absolute; may hold a glob. Of a journal its name: "journal:[DIRECTORY] MATCH ..." */
	struct conf_journal *journal; /* NULL for files */
	char *format;                 /* name of a format, NULL where `pattern` is given */
	char *pattern;                /* PCRE2 with named groups, or NULL */
	char *timezone;               /* IANA name, or NULL for the system's */
	char *account;                /* account of devices learned from it, or NULL */
	bool inventory;               /* its device.* events are believed */
	unsigned line, column;        /* where it stands in the file, for messages */
};

enum trigger_count { COUNT_EVENTS, COUNT_DISTINCT_MAC, COUNT_DISTINCT_USER };

/* What a trigger counts by; several may be joined (`by: [ip, device]`). A ban needs one of IP and NET. */
enum { BY_IP = 1, BY_NET = 2, BY_DEVICE = 4, BY_USER = 8, BY_ACCOUNT = 16 };

/* Which MACs count: any; those no device has (`mac: unknown`); or these and those of devices that refused the asker,
 * once for each distinct home and once per account where they have none (`mac: foreign`). */
enum trigger_mac { TRIGGER_MAC_ANY, TRIGGER_MAC_UNKNOWN, TRIGGER_MAC_FOREIGN };

enum { DO_BAN = 1, DO_SUSPECT = 2, DO_REPORT = 4 };

#define TRIGGER_TIMES_MAX 8
#define TRIGGER_LIMIT_MAX 1000
#define TRIGGER_LIST_MAX  64

struct trigger {
	char id[EVENT_WORD_MAX + 1];
	uint32_t on; /* bit 1 << event_kind */
	uint32_t
		reset; /* events of these kinds take what their own MAC or user added out of the count with the same `by` */
	unsigned by;
	enum trigger_count count;
	uint32_t limit;    /* 1 to TRIGGER_LIMIT_MAX */
	int64_t within;    /* seconds */
	enum tri known;    /* asker's address is known (YES), is not (NO), either (UNKNOWN) */
	enum tri imposter; /* YES: only imposters; NO: only who is none for sure; UNKNOWN: all */
	enum tri at_home;  /* asker is at the home of the event's device, or not */
	enum tri abroad;   /* asker's country is another than the device's home's */
	enum tri alone;    /* NO (for by: net): contributors are at least two addresses that no ban of their own holds */
	enum trigger_mac mac;
	unsigned proofs;      /* bit 1 << proof; default all; proven and unproven are counted apart */
	char (*countries)[2]; /* any of these; none: all */
	uint32_t ncountries;
	uint32_t *asns;
	uint32_t nasns;
	char **agents; /* any of these stands in the agent, case ignored */
	uint32_t nagents;
	unsigned act;                     /* DO_ */
	int64_t times[TRIGGER_TIMES_MAX]; /* seconds, by level */
	uint32_t ntimes;
	char *file; /* where it was read */
	unsigned line;
};

struct conf_place {
	unsigned line, column; /* 0 for a default */
};

enum listen_at { LISTEN_ADDRESS, LISTEN_IPV4, LISTEN_ALL };

/* Where the portal listens: at a Unix socket, at one address, or at all of a family. */
struct conf_listen {
	char *text;       /* as configured */
	const char *path; /* in text, or NULL */
	enum listen_at everywhere;
	struct addr ip; /* of LISTEN_ADDRESS */
	uint16_t port;
};

enum conf_mode { MODE_ENFORCE, MODE_WATCH };
enum conf_backend { BACKEND_NFTABLES, BACKEND_NONE };
enum claim { CLAIM_PROVISION, CLAIM_POLL };

struct port_range {
	uint16_t first, last;
};

#define CONF_WORKERS_MAX 4

struct conf {
	char *file; /* as given to conf_load */
	enum conf_mode mode;
	char *state; /* folder */
	struct {
		char *path;
		uint32_t shards; /* 1 or 256 */
		uint32_t mode;   /* permission bits */
		char *group;     /* "" keeps the process's */
	} lockstate;
	char **rules; /* folders, in order */
	uint32_t nrules;
	struct conf_source *sources;
	uint32_t nsources;
	uint32_t workers; /* 0 to CONF_WORKERS_MAX; see the manual */
	struct {
		char **secret; /* patterns of secret folders, PCRE2, matched on the path's folder part */
		uint32_t nsecret;
		enum claim authenticated;
		enum claim certificate;
		char *account; /* pattern on host and path with a group `account`, or "" */
	} urls;
	struct prefix *trusted_proxies;
	uint32_t ntrusted_proxies;
	struct {
		bool learn;         /* unknown: learn */
		bool unlisted_open; /* unlisted: open */
		int64_t max_devices;
		int64_t new_for, unlock_for; /* seconds */
		bool follow_polls, follow_registrations;
		bool cascade; /* account_cascade: open */
		struct {
			unsigned bits4, bits6; /* of the 16 bytes: ipv4: 32 is 128 */
			bool asn;
		} same_network;
	} devices;
	struct {
		char *asn, *country; /* .mmdb files, "" for none */
	} geoip;
	struct trigger *triggers; /* in force: shipped, replaced, added; without those that are off */
	uint32_t ntriggers;
	uint32_t spare_homes;
	struct {
		enum conf_backend backend;
		char *table;
		bool all_ports;
		struct port_range *tcp, *udp;
		uint32_t ntcp, nudp;
		struct prefix *never, *peers;
		uint32_t nnever, npeers;
		uint32_t bans_per_minute, unproven_bans_per_minute;
		int64_t max_bans, max_pending;
	} firewall;
	struct {
		struct conf_listen *listen;
		uint32_t nlisten;
		uint16_t port;
		struct prefix *trusted_proxies; /* beside the trusted_proxies of all */
		uint32_t ntrusted_proxies;
		char *forwarded;        /* name of the header that they put the caller's address in */
		char *brand;            /* folder, "" for none */
		char *group;            /* of the enforcer's socket for it; "" keeps the process's */
		uint32_t lifts_per_day; /* of its own ban by an address */
	} portal;
	struct {
		int64_t keep; /* seconds */
		int64_t max;  /* bytes */
	} record;
	struct {
		int64_t every; /* seconds; 0: never */
	} backup;
	struct {
		char *enforcer, *analyzer, *portal;
	} users;    /* whom root's programs become */
	char *hook; /* program, absolute, "" for none */

	/* For messages and conf_print. */
	struct conf_place *places; /* where each row of the table was set; line 0: it has its default */
	char **triggers_off;       /* ids taken out by `off: true` */
	uint32_t ntriggers_off;
};

/* Collects faults. Each call gives one line "file:line:column: what: why". */
struct conf_faults {
	void (*report)(void *context, const char *text); /* NULL: they are only counted */
	void *context;
	unsigned count;
};
/* Reports one fault and counts it. faults may be NULL. */
void conf_fault(struct conf_faults *faults, const char *text);

/* Reads `file` and the triggers of its rules' folders. NULL as `file` means CONF_DEFAULT_FILE, which may be
 * missing (all defaults); a named one may not. Every fault is reported; -1 when there was any, with err the first. faults may be NULL. */
int conf_load(struct conf **out, const char *file, struct conf_faults *faults, struct err *err);
void conf_free(struct conf **conf);
/* Where a setting was given, such as "urls.secret"; line 0: nowhere. */
struct conf_place conf_place_of(const struct conf *conf, const char *name);

/* The whole configuration in force as YAML, each value followed by "# default", "# FILE:LINE". Valid input again. */
void conf_print(const struct conf *conf, FILE *out);

/* The rule files of the folders in the order in which they are read: folders in order, names sorted (bytes) within; *.yaml only,
 * subfolders included; a file in the place of a folder is taken as it is. Calls each(context, path); stops at the first non-zero and returns it. A missing folder is an error unless it
 * is the default one. */
int conf_rule_files(const struct conf *conf, int (*each)(void *context, const char *path, struct err *err),
                    void *context, struct err *err);

/* p touches loopback, link-local, firewall.never, or a trusted proxy. (The enforcer adds the host's own addresses.) */
bool conf_never_overlaps(const struct conf *conf, struct prefix p);
/* The same, in words: "one of firewall.never"; NULL for none. */
const char *conf_never_why(const struct conf *conf, struct prefix p);
/* The same as a list: its i-th prefix, from 0; false past the last. */
bool conf_never_at(const struct conf *conf, uint32_t i, struct prefix *out);
bool conf_is_proxy(const struct conf *conf, struct addr ip);
/* The address as homes are compared: masked by same_network. */
struct prefix conf_home_of(const struct conf *conf, struct addr ip);

#endif
