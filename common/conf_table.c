#include "common/timefmt.h"

#include "common/conf_private.h"

#define AT(field)        offsetof(struct conf, field)
#define SOURCE_AT(field) offsetof(struct conf_source, field)
#define YEAR             (365LL * DAY)
#define GIB              (1LL << 30)

static const char *const modes[] = {"enforce", "watch", NULL};
static const char *const shards[] = {"1", "256", NULL};
static const char *const claims[] = {"provision", "poll", NULL};
static const char *const learning[] = {"ignore", "learn", NULL};
static const char *const unlisted[] = {"locked", "open", NULL};
static const char *const cascades[] = {"none", "open", NULL};
static const char *const backends[] = {"nftables", "none", NULL};

/* The order of choices is that of the enum, or false and true. */
/* clang-format off */
const struct conf_row conf_rows[] = {
	{"mode", &conf_type_choice, AT(mode), "enforce", 0, 0, "", modes, 0,
	 "enforce, or watch: decide and record everything, ban and lock nothing"},
	{"state", &conf_type_path, AT(state), "/var/lib/provctl", 0, 0, "", NULL, 0,
	 "folder of the state, its lock and the sockets"},
	{"lockstate.path", &conf_type_path, AT(lockstate.path), "/var/lib/provctl/publish/lockstate", 0, 0, "", NULL, 0,
	 "the lock-state file, or with 256 shards the folder of its parts"},
	{"lockstate.shards", &conf_type_number_choice, AT(lockstate.shards), "1", 1, 256, "files", shards, 0,
	 "into how many files the lock-state is split"},
	{"lockstate.mode", &conf_type_mode, AT(lockstate.mode), "\"0640\"", 0, 0, "", NULL, 0,
	 "permissions of the published files"},
	{"lockstate.group", &conf_type_group, AT(lockstate.group), "www-data", 0, 0, "", NULL, 0,
	 "group of the published files, empty for that of the process"},
	{"rules", &conf_type_paths, AT(rules), "[" PROVCTL_DATADIR "/rules, " PROVCTL_SYSCONFDIR "/rules]", 0,
	 CONF_FOLDERS_MAX, "", NULL, AT(nrules), "folders of rules and triggers; a later one of the same id replaces the former"},
	{"sources", &conf_type_sources, AT(sources), "[]", 0, CONF_SOURCES_MAX, "", NULL, AT(nsources), "the logs"},
	{"urls.secret", &conf_type_patterns, AT(urls.secret), "[]", 0, CONF_PATTERNS_MAX, "", NULL, AT(urls.nsecret),
	 "patterns of secret folders"},
	{"urls.authenticated", &conf_type_choice, AT(urls.authenticated), "provision", 0, 0, "", claims, 0,
	 "what a served fetch with an HTTP user is"},
	{"urls.certificate", &conf_type_choice, AT(urls.certificate), "provision", 0, 0, "", claims, 0,
	 "what a served fetch with a client certificate that names the device is"},
	{"urls.account", &conf_type_text, AT(urls.account), "\"\"", 0, CONF_PATTERN_MAX, "", NULL, 0,
	 "pattern on host and path whose group `account` names the account of a device that is learned"},
	{"trusted_proxies", &conf_type_proxies, AT(trusted_proxies), "[]", 0, CONF_PREFIXES_MAX, "", NULL,
	 AT(ntrusted_proxies), "whose forwarded addresses are believed; never banned"},
	{"devices.unknown", &conf_type_switch, AT(devices.learn), "learn", 0, 0, "", learning, 0,
	 "what a served fetch of an unknown device does"},
	{"devices.unlisted", &conf_type_switch, AT(devices.unlisted_open), "open", 0, 0, "", unlisted, 0,
	 "the default line of the lock-state file"},
	{"devices.max_devices", &conf_type_number, AT(devices.max_devices), "1000000", 1, 100000000, "devices", NULL, 0,
	 "past it unknown devices are only counted"},
	{"devices.new_for", &conf_type_duration, AT(devices.new_for), "24h", 1, YEAR, "", NULL, 0,
	 "how long a new device may be provisioned from anywhere"},
	{"devices.unlock_for", &conf_type_duration, AT(devices.unlock_for), "24h", 1, YEAR, "", NULL, 0,
	 "how long an unlock of one device lasts"},
	{"devices.follow_polls", &conf_type_bool, AT(devices.follow_polls), "true", 0, 0, "", NULL, 0,
	 "a poll from a new address adds it to home"},
	{"devices.follow_registrations", &conf_type_bool, AT(devices.follow_registrations), "false", 0, 0, "", NULL, 0,
	 "a proven registration from a new address adds it to home"},
	{"devices.account_cascade", &conf_type_switch, AT(devices.cascade), "open", 0, 0, "", cascades, 0,
	 "which devices of an account are closed when one is exposed"},
	{"devices.same_network.ipv4", &conf_type_length4, AT(devices.same_network.bits4), "32", 16, 32, "bits", NULL, 0,
	 "IPv4 addresses that share so many bits are one home"},
	{"devices.same_network.ipv6", &conf_type_length6, AT(devices.same_network.bits6), "64", 32, 128, "bits", NULL, 0,
	 "IPv6 addresses that share so many bits are one home"},
	{"devices.same_network.asn", &conf_type_bool, AT(devices.same_network.asn), "false", 0, 0, "", NULL, 0,
	 "a refused phone in its home's autonomous system gets a new home"},
	{"geoip.asn", &conf_type_path, AT(geoip.asn), "\"\"", 0, 0, "", NULL, 0, "database of autonomous systems"},
	{"geoip.country", &conf_type_path, AT(geoip.country), "\"\"", 0, 0, "", NULL, 0, "database of countries"},
	{"triggers", &conf_type_triggers, 0, "[]", 0, CONF_TRIGGERS_MAX, "", NULL, 0,
	 "triggers added to the shipped ones, or by id replacing them"},
	{"spare_homes", &conf_type_count, AT(spare_homes), "3", 1, 1000, "devices", NULL, 0,
	 "a home of so many devices is not banned for what one of them does"},
	{"firewall.backend", &conf_type_choice, AT(firewall.backend), "nftables", 0, 0, "", backends, 0,
	 "what installs the bans; none: they are only recorded and published"},
	{"firewall.table", &conf_type_table, AT(firewall.table), "provctl", 0, 0, "", NULL, 0, "name of the nftables table"},
	{"firewall.ports", &conf_type_all_ports, AT(firewall.all_ports), NULL, 0, 0, "", NULL, 0,
	 "all: drop on every port but the portal's, instead of the two lists"},
	{"firewall.ports.tcp", &conf_type_ports, AT(firewall.tcp), "[80, 443, \"5060-5091\", 6970, 7443, \"8088-8089\", 8667]",
	 0, CONF_PORTS_MAX, "", NULL, AT(firewall.ntcp), "TCP ports that a ban closes"},
	{"firewall.ports.udp", &conf_type_ports, AT(firewall.udp), "[69, 4569, \"5060-5091\"]", 0, CONF_PORTS_MAX, "", NULL,
	 AT(firewall.nudp), "UDP ports that a ban closes"},
	{"firewall.never", &conf_type_prefixes, AT(firewall.never), "[]", 0, CONF_PREFIXES_MAX, "", NULL,
	 AT(firewall.nnever), "never banned, whatever a trigger or an admin says"},
	{"firewall.peers", &conf_type_prefixes, AT(firewall.peers), "[]", 0, CONF_PREFIXES_MAX, "", NULL,
	 AT(firewall.npeers), "trunks and carriers: never banned automatically"},
	{"firewall.bans_per_minute", &conf_type_count, AT(firewall.bans_per_minute), "600", 1, 1000000, "bans", NULL, 0,
	 "past it bans wait as pending"},
	{"firewall.unproven_bans_per_minute", &conf_type_count, AT(firewall.unproven_bans_per_minute), "60", 0, 1000000,
	 "bans", NULL, 0, "the same for bans by events without proof"},
	{"firewall.max_bans", &conf_type_number, AT(firewall.max_bans), "200000", 1, 10000000, "bans", NULL, 0,
	 "bans in force, proven ones first"},
	{"firewall.max_pending", &conf_type_number, AT(firewall.max_pending), "10000", 1, 1000000, "bans", NULL, 0,
	 "bans that wait"},
	{"portal.port", &conf_type_port, AT(portal_port), "8443", 1, 65535, "", NULL, 0,
	 "TCP port of the portal, which no ban closes"},
	{"record.keep", &conf_type_duration, AT(record.keep), "90d", HOUR, 100 * YEAR, "", NULL, 0,
	 "how long the record is kept"},
	{"record.max", &conf_type_size, AT(record.max), "1G", 1 << 20, 1024 * GIB, "bytes", NULL, 0,
	 "how large the record may grow"},
	{"hook", &conf_type_path, AT(hook), "\"\"", 0, 0, "", NULL, 0,
	 "program that is told of what happens, run without a shell"},
	{0},
};

const struct conf_row conf_source_rows[] = {
	{"sources.path", &conf_type_path, SOURCE_AT(path), NULL, 0, 0, "", NULL, 0, "the log; * and ? match several"},
	{"sources.journal", &conf_type_journal, SOURCE_AT(journal), NULL, 0, 0, "", NULL, 0,
	 "instead of path: entries of a systemd journal"},
	{"sources.format", &conf_type_word, SOURCE_AT(format), NULL, 0, 0, "", NULL, 0, "its format"},
	{"sources.pattern", &conf_type_pattern, SOURCE_AT(pattern), NULL, 0, CONF_PATTERN_MAX, "", NULL, 0,
	 "instead of format: a pattern with named groups"},
	{"sources.timezone", &conf_type_zone, SOURCE_AT(timezone), NULL, 0, 0, "", NULL, 0,
	 "of its stamps without an offset"},
	{"sources.account", &conf_type_account, SOURCE_AT(account), NULL, 0, 0, "", NULL, 0,
	 "of the devices that are learned from it"},
	{"sources.inventory", &conf_type_bool, SOURCE_AT(inventory), NULL, 0, 0, "", NULL, 0,
	 "its device events are believed"},
	{0},
};
/* clang-format on */
