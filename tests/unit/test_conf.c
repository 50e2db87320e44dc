#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "tests/unit/place.h"

static void what_the_file_leaves_out_has_its_default(void **state) {
	struct conf *conf = place_load_sound(*state, "");

	assert_int_equal(conf->mode, MODE_ENFORCE);
	assert_string_equal(conf->state, "/var/lib/provctl");
	assert_string_equal(conf->lockstate.path, "/var/lib/provctl/publish/lockstate");
	assert_int_equal(conf->lockstate.shards, 1);
	assert_int_equal(conf->lockstate.mode, 0640);
	assert_string_equal(conf->lockstate.group, "www-data");
	assert_int_equal(conf->nsources, 0);
	assert_int_equal(conf->urls.nsecret, 0);
	assert_int_equal(conf->urls.authenticated, CLAIM_PROVISION);
	assert_int_equal(conf->urls.certificate, CLAIM_PROVISION);
	assert_string_equal(conf->urls.account, "");
	assert_int_equal(conf->ntrusted_proxies, 0);
	assert_true(conf->devices.learn);
	assert_true(conf->devices.unlisted_open);
	assert_int_equal(conf->devices.max_devices, 1000000);
	assert_int_equal(conf->devices.new_for, 24 * HOUR);
	assert_int_equal(conf->devices.unlock_for, 24 * HOUR);
	assert_true(conf->devices.follow_polls);
	assert_false(conf->devices.follow_registrations);
	assert_true(conf->devices.cascade);
	assert_int_equal(conf->devices.same_network.bits4, 128);
	assert_int_equal(conf->devices.same_network.bits6, 64);
	assert_false(conf->devices.same_network.asn);
	assert_string_equal(conf->geoip.asn, "");
	assert_string_equal(conf->geoip.country, "");
	assert_int_equal(conf->ntriggers, 0);
	assert_int_equal(conf->spare_homes, 3);
	assert_int_equal(conf->workers, 0);
	assert_int_equal(conf->firewall.backend, BACKEND_NFTABLES);
	assert_string_equal(conf->firewall.table, "provctl");
	assert_false(conf->firewall.all_ports);
	assert_int_equal(conf->firewall.ntcp, 7);
	assert_int_equal(conf->firewall.tcp[2].first, 5060);
	assert_int_equal(conf->firewall.tcp[2].last, 5091);
	assert_int_equal(conf->firewall.tcp[6].last, 8667);
	assert_int_equal(conf->firewall.nudp, 3);
	assert_int_equal(conf->firewall.udp[0].first, 69);
	assert_int_equal(conf->firewall.nnever, 0);
	assert_int_equal(conf->firewall.npeers, 0);
	assert_int_equal(conf->firewall.bans_per_minute, 600);
	assert_int_equal(conf->firewall.unproven_bans_per_minute, 60);
	assert_int_equal(conf->firewall.max_bans, 200000);
	assert_int_equal(conf->firewall.max_pending, 10000);
	assert_int_equal(conf->portal.port, 8443);
	assert_int_equal(conf->record.keep, 90 * DAY);
	assert_int_equal(conf->record.max, 1 << 30);
	assert_string_equal(conf->hook, "");
	conf_free(&conf);
	assert_null(conf);
}

/* Every key at once, each with another value than its default. */
static const char everything[] =
	"mode: watch\n"
	"state: state\n"
	"lockstate: {path: /srv/lock \xc3\xa4, shards: 256, mode: \"0644\", group: \"\"}\n"
	"sources:\n"
	"  - {path: \"logs/*.log\", format: combined}\n"
	"  - {path: /var/log/full, format: asterisk, timezone: Europe/Berlin, account: acct1}\n"
	"  - path: api.log\n"
	"    pattern: '^(?<time>\\S+) \"(?<user>[^\"]*)\" # x'\n"
	"    inventory: true\n"
	"  - {journal: {directory: j, match: ['B=\"x y\"', A=1]}, format: syslog}\n"
	"urls: {secret: ['^/[0-9a-f]{32}/', \"a\\\\b\"], authenticated: poll, certificate: poll, account: "
	"'^(?<account>\\w+)'}\n"
	"trusted_proxies: [192.0.2.10, \"2001:db8::/64\"]\n"
	"devices:\n"
	"  unknown: ignore\n"
	"  unlisted: locked\n"
	"  max_devices: 5\n"
	"  new_for: 1h30m15s\n"
	"  unlock_for: 2d\n"
	"  follow_polls: false\n"
	"  follow_registrations: true\n"
	"  account_cascade: none\n"
	"  same_network: {ipv4: 24, ipv6: 48, asn: true}\n"
	"geoip: {asn: geo/asn.mmdb, country: /geo/country.mmdb}\n"
	"triggers:\n"
	"  - id: all-of-it\n"
	"    on: [provision.served, poll.unknown]\n"
	"    by: [net, device, user, account]\n"
	"    count: distinct mac\n"
	"    mac: unknown\n"
	"    limit: 7\n"
	"    within: 90s\n"
	"    reset: sip.registered\n"
	"    when: {known: false, imposter: true, home: false, abroad: true, alone: false, proof: [handshake, nonce],\n"
	"           country: [DE, NO], asn: [64500, 4294967295], agent: [curl, \"a \\\"b\\\"\"]}\n"
	"    do: {ban: [1h, 24h, 7d], suspect: true, report: true}\n"
	"  - {id: plain, on: sip.scan, by: ip, limit: 1, within: 1s, do: report, when: {agent: x}}\n"
	"spare_homes: 4\n"
	"workers: 3\n"
	"firewall:\n"
	"  backend: none\n"
	"  table: other_1\n"
	"  ports: {tcp: [1, \"3-4\"], udp: []}\n"
	"  never: [198.51.100.0/24, \"fe00::/9\"]\n"
	"  peers: [203.0.113.5]\n"
	"  bans_per_minute: 1\n"
	"  unproven_bans_per_minute: 0\n"
	"  max_bans: 2\n"
	"  max_pending: 3\n"
	"portal:\n"
	"  listen: [\"[2001:db8::1]:80\", \"*:81\", \"0.0.0.0:82\", \"unix:/run/a b.sock\"]\n"
	"  port: 9443\n"
	"  trusted_proxies: [192.0.2.7]\n"
	"  forwarded: X-Real-IP\n"
	"  group: portal\n"
	"  brand: brand\n"
	"  self_service: {lifts_per_day: 0}\n"
	"record: {keep: 25h, max: 1500K}\n"
	"users: {portal: nobody}\n"
	"hook: bin/hook\n";

static void every_key_is_read(void **state) {
	struct place *p = *state;
	struct conf *conf = place_load_sound(p, everything);
	const struct trigger *t;
	char path[160];

	assert_int_equal(conf->mode, MODE_WATCH);
	(void)snprintf(path, sizeof(path), "%s/state", p->folder);
	assert_string_equal(conf->state, path);
	assert_int_equal(conf->nrules, 1);
	assert_string_equal(conf->rules[0], p->rules);
	assert_string_equal(conf->lockstate.path, "/srv/lock \xc3\xa4");
	assert_int_equal(conf->lockstate.shards, 256);
	assert_int_equal(conf->lockstate.mode, 0644);
	assert_string_equal(conf->lockstate.group, "");
	assert_int_equal(conf->nsources, 4);
	(void)snprintf(path, sizeof(path), "journal:%s/j A=1 B=\"x y\"", p->folder);
	assert_string_equal(conf->sources[3].path, path);
	assert_int_equal(conf->sources[3].journal->nmatch, 2);
	assert_string_equal(conf->sources[3].journal->match[0], "A=1");
	assert_string_equal(conf->sources[3].journal->directory + strlen(p->folder), "/j");
	(void)snprintf(path, sizeof(path), "%s/logs/*.log", p->folder);
	assert_string_equal(conf->sources[0].path, path);
	assert_string_equal(conf->sources[0].format, "combined");
	assert_null(conf->sources[0].pattern);
	assert_null(conf->sources[0].timezone);
	assert_null(conf->sources[0].account);
	assert_false(conf->sources[0].inventory);
	assert_int_equal(conf->sources[0].line, 6);
	assert_string_equal(conf->sources[1].timezone, "Europe/Berlin");
	assert_string_equal(conf->sources[1].account, "acct1");
	assert_null(conf->sources[2].format);
	assert_string_equal(conf->sources[2].pattern, "^(?<time>\\S+) \"(?<user>[^\"]*)\" # x");
	assert_true(conf->sources[2].inventory);
	assert_int_equal(conf->urls.nsecret, 2);
	assert_string_equal(conf->urls.secret[1], "a\\b");
	assert_int_equal(conf->urls.authenticated, CLAIM_POLL);
	assert_int_equal(conf->urls.certificate, CLAIM_POLL);
	assert_string_equal(conf->urls.account, "^(?<account>\\w+)");
	assert_int_equal(conf->ntrusted_proxies, 2);
	assert_int_equal(conf->trusted_proxies[1].bits, 64);
	assert_false(conf->devices.learn);
	assert_false(conf->devices.unlisted_open);
	assert_int_equal(conf->devices.max_devices, 5);
	assert_int_equal(conf->devices.new_for, 5415);
	assert_int_equal(conf->devices.unlock_for, 2 * DAY);
	assert_false(conf->devices.follow_polls);
	assert_true(conf->devices.follow_registrations);
	assert_false(conf->devices.cascade);
	assert_int_equal(conf->devices.same_network.bits4, 120);
	assert_int_equal(conf->devices.same_network.bits6, 48);
	assert_true(conf->devices.same_network.asn);
	(void)snprintf(path, sizeof(path), "%s/geo/asn.mmdb", p->folder);
	assert_string_equal(conf->geoip.asn, path);
	assert_string_equal(conf->geoip.country, "/geo/country.mmdb");
	assert_int_equal(conf->spare_homes, 4);
	assert_int_equal(conf->workers, 3);
	assert_int_equal(conf->firewall.backend, BACKEND_NONE);
	assert_string_equal(conf->firewall.table, "other_1");
	assert_int_equal(conf->firewall.ntcp, 2);
	assert_int_equal(conf->firewall.tcp[0].first, 1);
	assert_int_equal(conf->firewall.tcp[0].last, 1);
	assert_int_equal(conf->firewall.tcp[1].last, 4);
	assert_int_equal(conf->firewall.nudp, 0);
	assert_int_equal(conf->firewall.nnever, 2);
	assert_int_equal(conf->firewall.npeers, 1);
	assert_int_equal(conf->firewall.bans_per_minute, 1);
	assert_int_equal(conf->firewall.unproven_bans_per_minute, 0);
	assert_int_equal(conf->firewall.max_bans, 2);
	assert_int_equal(conf->firewall.max_pending, 3);
	assert_int_equal(conf->portal.port, 9443);
	assert_int_equal(conf->portal.nlisten, 4);
	assert_int_equal(conf->portal.listen[0].everywhere, LISTEN_ADDRESS);
	assert_int_equal(conf->portal.listen[0].port, 80);
	assert_int_equal(conf->portal.listen[1].everywhere, LISTEN_ALL);
	assert_int_equal(conf->portal.listen[2].everywhere, LISTEN_IPV4);
	assert_null(conf->portal.listen[2].path);
	assert_string_equal(conf->portal.listen[3].path, "/run/a b.sock");
	assert_int_equal(conf->portal.ntrusted_proxies, 1);
	assert_string_equal(conf->users.portal, "nobody");
	assert_string_equal(conf->portal.forwarded, "X-Real-IP");
	assert_string_equal(conf->portal.group, "portal");
	assert_string_equal(strrchr(conf->portal.brand, '/'), "/brand");
	assert_int_equal(conf->portal.lifts_per_day, 0);
	assert_int_equal(conf->record.keep, 25 * HOUR);
	assert_int_equal(conf->record.max, 1500 << 10);
	(void)snprintf(path, sizeof(path), "%s/bin/hook", p->folder);
	assert_string_equal(conf->hook, path);

	assert_int_equal(conf->ntriggers, 2);
	t = &conf->triggers[0];
	assert_string_equal(t->id, "all-of-it");
	assert_int_equal(t->on, 1U << EVENT_PROVISION_SERVED | 1U << EVENT_POLL_UNKNOWN);
	assert_int_equal(t->by, BY_NET | BY_DEVICE | BY_USER | BY_ACCOUNT);
	assert_int_equal(t->count, COUNT_DISTINCT_MAC);
	assert_int_equal(t->mac, TRIGGER_MAC_UNKNOWN);
	assert_int_equal(t->limit, 7);
	assert_int_equal(t->within, 90);
	assert_int_equal(t->reset, 1U << EVENT_SIP_REGISTERED);
	assert_int_equal(t->known, TRI_NO);
	assert_int_equal(t->imposter, TRI_YES);
	assert_int_equal(t->at_home, TRI_NO);
	assert_int_equal(t->abroad, TRI_YES);
	assert_int_equal(t->alone, TRI_NO);
	assert_int_equal(t->proofs, 1U << PROOF_HANDSHAKE | 1U << PROOF_NONCE);
	assert_int_equal(t->ncountries, 2);
	assert_memory_equal(t->countries[1], "NO", 2);
	assert_int_equal(t->nasns, 2);
	assert_int_equal(t->asns[1], UINT32_MAX);
	assert_int_equal(t->nagents, 2);
	assert_string_equal(t->agents[1], "a \"b\"");
	assert_int_equal(t->act, DO_BAN | DO_SUSPECT | DO_REPORT);
	assert_int_equal(t->ntimes, 3);
	assert_int_equal(t->times[1], DAY);
	assert_string_equal(t->file, p->file);
	assert_int_equal(t->line, 26);
	t = &conf->triggers[1];
	assert_int_equal(t->on, 1U << EVENT_SIP_SCAN);
	assert_int_equal(t->count, COUNT_EVENTS);
	assert_int_equal(t->mac, TRIGGER_MAC_ANY);
	assert_int_equal(t->known, TRI_UNKNOWN);
	assert_int_equal(t->proofs, 1U << PROOF_NONE | 1U << PROOF_HANDSHAKE | 1U << PROOF_NONCE);
	assert_int_equal(t->act, DO_REPORT);
	assert_int_equal(t->ntimes, 0);
	conf_free(&conf);
}

static void each_fault_is_told_with_its_place_and_the_nearest_name(void **state) {
	/* The text is that behind the line `rules: [rules]`, so that its first line is line 2. */
	static const struct {
		const char *text, *fault;
	} rows[] = {
		{"moed: watch\n", "2:1: moed: unknown key, did you mean mode?"},
		{"completely: 1\n", "2:1: completely: unknown key"},
		{"firewall.table: x\n", "2:1: firewall.table: unknown key"},
		{"\"\": 1\n", "2:1: unknown key"},
		{"firewall: {max_ban: 1}\n", "2:12: firewall.max_ban: unknown key, did you mean max_bans?"},
		{"firewall:\n  prots: all\n", "3:3: firewall.prots: unknown key, did you mean ports?"},
		{"firewall: {ports: {tpc: [1]}}\n", "2:20: firewall.ports.tpc: unknown key, did you mean tcp?"},
		{"devices: {same_network: {ipv5: 1}}\n", "2:26: devices.same_network.ipv5: unknown key, did you mean ipv4?"},
		{"- a\n", "2:1: not valid YAML: did not find expected key"},
		{"firewall: 1\n", "2:11: firewall: must be a mapping (key: value)"},
		{"firewall:\n", "2:10: firewall: must be a mapping (key: value)"},
		{"mode: wacth\n", "2:7: mode: \"wacth\" is not known, did you mean watch?"},
		{"mode: off\n", "2:7: mode: \"off\" is not known, must be enforce or watch"},
		{"mode: [watch]\n", "2:7: mode: is a list, must be one of enforce or watch"},
		{"mode:\n", "2:6: mode: has no value, must be one of enforce or watch"},
		{"mode: watch\nmode: watch\n", "3:1: mode: given twice, first in line 2"},
		{"state: ''\n", "2:8: state: must not be empty"},
		{"state: \"a\\nb\"\n", "2:8: state: must not hold control characters or line breaks"},
		{"lockstate: {shards: 2}\n", "2:21: lockstate.shards: \"2\" is not known, must be 1 or 256"},
		{"lockstate: {mode: 0646}\n", "2:19: lockstate.mode: must be readable by its owner, and never writable by all"},
		{"lockstate: {mode: rw}\n", "2:19: lockstate.mode: must be octal permissions such as \"0640\""},
		{"lockstate: {group: \"a b\"}\n", "2:20: lockstate.group: must be the name of a group"},
		{"sources: {}\n", "2:10: sources: must be a list"},
		{"sources: [a]\n", "2:11: sources: must be a mapping (key: value)"},
		{"sources: [{format: json}]\n", "2:11: sources: one of path and journal is needed, and only one"},
		{"sources: [{path: a}]\n", "2:11: sources: one of format and pattern is needed, and only one"},
		{"sources: [{path: a, format: b, pattern: c}]\n",
	     "2:11: sources: one of format and pattern is needed, and only one"},
		{"sources: [{path: a, fromat: json, format: json}]\n",
	     "2:21: sources.fromat: unknown key, did you mean format?"},
		{"sources: [{path: a, format: b, journal: {}}]\n",
	     "2:11: sources: one of path and journal is needed, and only one"},
		{"sources: [{journal: {match: [a=b]}, format: b}]\n",
	     "2:30: sources.journal.match: must be a field of the journal in capitals and its value: FIELD=value"},
		{"sources: [{journal: {unit: b}, format: b}]\n", "2:22: sources.journal.unit: unknown key"},
		{"sources: [{journal: {match: [A=b, A=c]}, format: b}, {journal: {match: [A=c, A=b]}, format: b}]\n",
	     "2:54: sources: journal: A=b A=c is a source already, in line 2"},
		{"sources: [{path: a, format: JSON}]\n", "2:29: sources.format: must be a word in small letters"},
		{"sources: [{path: a, format: b, timezone: Europe/Berlim}]\n",
	     "2:42: sources.timezone: \"Europe/Berlim\" is no time zone of this system, must be a name such as "
	     "Europe/Berlin"},
		{"sources: [{path: a, format: b, timezone: ../../../etc/passwd}]\n",
	     "2:42: sources.timezone: \"../../../etc/passwd\" is no time zone of this system, must be a name such as "
	     "Europe/Berlin"},
		{"sources: [{path: a, format: b, account: a b}]\n",
	     "2:41: sources.account: must be an account: 1 to 64 of A-Za-z0-9._@-"},
		{"sources: [{path: a, format: b, inventory: yes}]\n", "2:43: sources.inventory: \"yes\" must be true or false"},
		{"sources:\n  - {path: a, format: b}\n  - {path: ./a, format: b}\n  - {path: a, format: b}\n",
	     "5:5: sources: FOLDER/a is a source already, in line 3"},
		{"urls: {secret: [a, '']}\n", "2:20: urls.secret: must not be empty"},
		{"urls: {authenticated: pol}\n", "2:23: urls.authenticated: \"pol\" is not known, did you mean poll?"},
		{"trusted_proxies: [0.0.0.0/0]\n", "2:19: trusted_proxies: 0.0.0.0/0 would trust everyone"},
		{"trusted_proxies: 192.0.2.1\n", "2:18: trusted_proxies: must be a list"},
		{"firewall: {never: [192.0.2.1/24]}\n", "2:20: firewall.never: \"192.0.2.1/24\" must be an address or a prefix "
	                                            "without host bits, such as 192.0.2.0/24"},
		{"firewall: {peers: [example.org]}\n", "2:20: firewall.peers: \"example.org\" must be an address or a prefix "
	                                           "without host bits, such as 192.0.2.0/24"},
		{"firewall: {ports: every}\n", "2:19: firewall.ports: must be all, or a mapping of tcp and udp"},
		{"firewall: {ports: [80]}\n", "2:19: firewall.ports: must be all, or a mapping of tcp and udp"},
		{"firewall: {ports: {tcp: [0]}}\n",
	     "2:26: firewall.ports.tcp: must be a port, 1 to 65535, or a range such as \"5060-5091\""},
		{"firewall: {ports: {tcp: [65536]}}\n",
	     "2:26: firewall.ports.tcp: must be a port, 1 to 65535, or a range such as \"5060-5091\""},
		{"firewall: {ports: {udp: [\"9-8\"]}}\n",
	     "2:26: firewall.ports.udp: must be a port, 1 to 65535, or a range such as \"5060-5091\""},
		{"firewall: {table: a-b}\n", "2:19: firewall.table: must be a name of letters, digits and _, at most 31"},
		{"firewall: {bans_per_minute: 0}\n", "2:29: firewall.bans_per_minute: \"0\" is out of range, 1 to 1000000"},
		{"firewall: {max_bans: \"5\"}\n",
	     "2:22: firewall.max_bans: \"5\" is text, must be a whole number without quotes"},
		{"firewall: {max_pending: many}\n", "2:25: firewall.max_pending: \"many\" must be a whole number"},
		{"portal: {port: 65536}\n", "2:16: portal.port: \"65536\" is out of range, 1 to 65535"},
		{"portal: {listen: [\"127.0.0.1\"]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: [8443]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: [\"127.0.0.1:0\"]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: [\"unix:x\"]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: [\"localhost:80\"]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: [\"[::1]\"]}\n",
	     "2:19: portal.listen: must be ADDRESS:PORT, *:PORT or unix:/PATH (at most 107 bytes)"},
		{"portal: {listen: []}\n", "2:18: portal.listen: from 1 to 16 places are needed"},
		{"portal: {forwarded: \"X Y\"}\n", "2:21: portal.forwarded: must be the name of an HTTP header"},
		{"portal: {trusted_proxies: [0.0.0.0/0]}\n", "2:28: portal.trusted_proxies: 0.0.0.0/0 would trust everyone"},
		{"devices: {new_for: 24}\n", "2:20: devices.new_for: \"24\" must be a duration such as 90s, 15m, 24h or 7d"},
		{"devices: {unlock_for: 366d}\n", "2:23: devices.unlock_for: \"366d\" is out of range, 1s to 365d"},
		{"devices: {same_network: {ipv4: 8}}\n", "2:32: devices.same_network.ipv4: \"8\" is out of range, 16 to 32"},
		{"record: {keep: 10m}\n", "2:16: record.keep: \"10m\" is out of range, 1h to 36500d"},
		{"record: {max: 1GB}\n", "2:15: record.max: \"1GB\" must be a size such as 500M or 1G"},
		{"workers: 5\n", "2:10: workers: \"5\" is out of range, 0 to 4"},
		{"spare_homes: 3.5\n", "2:14: spare_homes: \"3.5\" must be a whole number"},
		{"state: &a x\n", "2:8: anchor: not allowed here, write the value out where it is needed"},
		{"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
	     "2:4: anchor: not allowed here, write the value out where it is needed"},
		{"mode: !!str watch\n", "2:7: tag: not allowed here, types are known by the key"},
		{"mode: watch\n---\nmode: watch\n", "3:1: file: more than one document, only one is read"},
		{"mode: \"\xff\"\n", "2:8: not valid YAML: invalid leading UTF-8 octet"},
		{"triggers: {}\n", "2:11: triggers: must be a list"},
		{"triggers: [x]\n", "2:12: triggers: must be a mapping (key: value)"},
	};
	struct place *p = *state;
	struct told told;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[1024];
		const char *mark = strstr(rows[i].fault, "FOLDER");

		assert_null(place_load(p, rows[i].text, &told));
		(void)snprintf(expected, sizeof(expected), "%s:%.*s%s%s", p->file,
		               (int)(mark ? mark - rows[i].fault : (ptrdiff_t)strlen(rows[i].fault)), rows[i].fault,
		               mark ? p->folder : "", mark ? mark + 6 : "");
		assert_string_equal(told.text[0], expected);
		assert_int_equal(told.n, 1);
	}
}

static void all_faults_are_told_and_the_first_is_the_reason(void **state) {
	struct place *p = *state;
	struct told told;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/x.yaml", p->rules);
	place_write(path, "rule: []\ntriggers: [{id: a}]\n");
	assert_null(place_load(p, "moed: x\nspare_homes: 0\nfirewall: {never: [a, b], prots: 1}\n", &told));
	assert_int_equal(told.n, 11);
	assert_non_null(strstr(told.text[0], ":2:1: moed"));
	assert_non_null(strstr(told.text[1], ":3:14: spare_homes"));
	assert_non_null(strstr(told.text[2], ":4:20: firewall.never"));
	assert_non_null(strstr(told.text[3], ":4:23: firewall.never"));
	assert_non_null(strstr(told.text[4], ":4:27: firewall.prots"));
	assert_non_null(strstr(told.text[5], "/rules/x.yaml:1:1: rule: unknown key, did you mean rules?"));
	assert_non_null(strstr(told.text[6], "/rules/x.yaml:2:12: triggers: on is missing"));
}

static void a_file_that_cannot_be_read_is_a_fault(void **state) {
	struct place *p = *state;
	struct conf *conf = NULL;
	struct told told = {.n = 0};
	struct conf_faults faults = {told_add, &told, 0};
	struct err err;
	FILE *f;

	assert_int_equal(conf_load(&conf, p->file, &faults, &err), -1);
	assert_non_null(strstr(err.text, "/c.yaml:1:1: cannot be read: No such file or directory"));
	assert_int_equal(conf_load(&conf, p->folder, NULL, &err), -1);
	assert_non_null(strstr(err.text, ":1:1: cannot be read: it is a folder"));
	assert_int_equal(mkfifo(p->file, 0600), 0);
	assert_int_equal(conf_load(&conf, p->file, NULL, &err), -1);
	assert_non_null(strstr(err.text, "/c.yaml:1:1: cannot be read: it is no regular file"));
	assert_int_equal(unlink(p->file), 0);
	f = fopen(p->file, "w");
	assert_non_null(f);
	for (int i = 0; i < 10 << 20; i++)
		fputc('#', f);
	(void)fclose(f);
	assert_int_equal(conf_load(&conf, p->file, NULL, &err), -1);
	assert_non_null(strstr(err.text, "/c.yaml:1:1: file: too large, at most 4 MiB"));
	place_write(p->file, "rules: [missing]\n");
	assert_int_equal(conf_load(&conf, p->file, NULL, &err), -1);
	assert_non_null(strstr(err.text, "/c.yaml:1:8: rules: "));
	assert_non_null(strstr(err.text, "/missing: No such file or directory"));
	place_write(p->file, "[]\n");
	assert_int_equal(conf_load(&conf, p->file, NULL, &err), -1);
	assert_non_null(strstr(err.text, "/c.yaml:1:1: file: must be a mapping (key: value)"));
	assert_null(conf);
	assert_int_equal(told.n, 1);
}

/* What conf_print writes, to be freed. */
static char *printed(const struct conf *conf) {
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	conf_print(conf, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* Cuts the comments that tell where a value is from. */
static void cut_places(char *text) {
	char *to = text;

	while (*text) {
		size_t line = strcspn(text, "\n");
		char *mark = memmem(text, line, "  # ", 4);

		/* The last mark of the line: a pattern may hold one too. */
		for (char *next = mark; next; next = memmem(next + 1, line - (size_t)(next + 1 - text), "  # ", 4))
			mark = next;
		memmove(to, text, mark ? (size_t)(mark - text) : line);
		to += mark ? (size_t)(mark - text) : line;
		text += line;
		if (*text)
			*to++ = *text++;
	}
	*to = '\0';
}

static void what_is_printed_is_the_same_configuration_again(void **state) {
	static const char *const texts[] = {
		"", everything, "firewall: {ports: all}\ntriggers: [{id: kept-out, off: true}]\n",
		"triggers: [{id: shipped, on: sip.scan, by: ip, limit: 2, within: 1h, do: report}]\n"};
	struct place *p = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/t.yaml", p->rules);
	place_write(path, "triggers:\n"
	                  "- {id: kept-out, on: sip.scan, by: ip, limit: 1, within: 1h, do: report}\n"
	                  "- {id: shipped, on: sip.scan, by: ip, limit: 1, within: 1h, do: {ban: [1h, 1d]}}\n");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct conf *conf = place_load_sound(p, texts[i]);
		struct conf *again = NULL;
		struct err err = {0};
		char *first = printed(conf);
		char *second;

		(void)snprintf(path, sizeof(path), "%s/again.yaml", p->folder);
		place_write(path, first);
		if (conf_load(&again, path, NULL, &err) != 0)
			fail_msg("%s", err.text);
		second = printed(again);
		assert_int_equal(again->ntriggers, conf->ntriggers);
		cut_places(first);
		cut_places(second);
		assert_string_equal(first, second);
		free(first);
		free(second);
		conf_free(&conf);
		conf_free(&again);
	}
}

static void each_printed_value_tells_where_it_is_from(void **state) {
	struct place *p = *state;
	struct conf *conf = place_load_sound(p, "spare_homes: 5\nfirewall:\n  never: [192.0.2.1]\n");
	char *text = printed(conf);
	char expected[160];

	assert_non_null(strstr(text, "mode: enforce  # default\n"));
	(void)snprintf(expected, sizeof(expected), "\nspare_homes: 5  # %s:2\n", p->file);
	assert_non_null(strstr(text, expected));
	(void)snprintf(expected, sizeof(expected), "\n  never: [\"192.0.2.1\"]  # %s:4\n", p->file);
	assert_non_null(strstr(text, expected));
	free(text);
	conf_free(&conf);
}

static int collect(void *context, const char *path, struct err *err) {
	struct told *told = context;

	(void)err;
	told_add(told, strrchr(path, '/') + 1);
	return 0;
}

static int stop(void *context, const char *path, struct err *err) {
	(void)context;
	(void)path;
	return err_set(err, ERR_INPUT, "enough");
}

static void rule_files_come_sorted_by_folder_and_name(void **state) {
	static const char *const names[] = {"rules/20-b.yaml", "rules/10-a.yaml", "rules/sub/x.yaml", "rules/.hidden.yaml",
	                                    "rules/a.yml",     "rules/B.yaml",    "local/00.yaml",    "rules/README"};
	static const char *const expected[] = {"10-a.yaml", "20-b.yaml", "B.yaml", "x.yaml", "00.yaml"};
	struct place *p = *state;
	struct told told = {.n = 0};
	struct err err = {0};
	struct conf *conf = NULL;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/sub", p->rules);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/local", p->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
		place_write(path, "");
	}
	place_write(p->file, "rules: [rules, local]\n");
	assert_int_equal(conf_load(&conf, p->file, NULL, &err), 0);
	assert_int_equal(conf_rule_files(conf, collect, &told, &err), 0);
	assert_int_equal(told.n, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < told.n; i++)
		assert_string_equal(told.text[i], expected[i]);
	assert_int_equal(conf_rule_files(conf, stop, NULL, &err), -1);
	assert_string_equal(err.text, "enough");
	conf_free(&conf);
}

static struct addr address(const char *text) {
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void addresses_are_sorted_by_the_lists_that_hold_them(void **state) {
	static const struct {
		const char *ip;
		bool never, proxy;
		const char *home;
	} rows[] = {
		{"127.0.0.1", true, false, "127.0.0.0/24"},
		{"127.255.0.9", true, false, "127.255.0.0/24"},
		{"128.0.0.1", false, false, "128.0.0.0/24"},
		{"::1", true, false, "::/56"},
		{"::2", false, false, "::/56"},
		{"169.254.3.4", true, false, "169.254.3.0/24"},
		{"169.255.3.4", false, false, "169.255.3.0/24"},
		{"fe80::1", true, false, "fe80::/56"},
		{"febf::1", true, false, "febf::/56"},
		{"fec0::1", false, false, "fec0::/56"},
		{"192.0.2.10", true, true, "192.0.2.0/24"},
		{"192.0.2.11", false, false, "192.0.2.0/24"},
		{"2001:db8::9", true, true, "2001:db8::/56"},
		{"198.51.100.77", true, false, "198.51.100.0/24"},
		{"203.0.113.5", false, false, "203.0.113.0/24"},
		{"203.0.113.6", false, false, "203.0.113.0/24"},
		{"2001:db8:1:2345::1", false, false, "2001:db8:1:2300::/56"},
	};
	struct conf *conf = place_load_sound(*state, "trusted_proxies: [192.0.2.10, \"2001:db8::/64\"]\n"
	                                             "firewall: {never: [198.51.100.0/24]}\n"
	                                             "devices: {same_network: {ipv4: 24, ipv6: 56}}\n");
	struct prefix p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr ip = address(rows[i].ip);
		char home[PREFIX_TEXT];

		assert_int_equal(conf_never_overlaps(conf, prefix_of(ip, 128)), rows[i].never);
		assert_int_equal(conf_is_proxy(conf, ip), rows[i].proxy);
		prefix_print(conf_home_of(conf, ip), home);
		assert_string_equal(home, rows[i].home);
	}
	assert_true(prefix_parse("192.0.2.0/24", 12, &p));
	assert_true(conf_never_overlaps(conf, p));
	assert_true(prefix_parse("192.0.3.0/24", 12, &p));
	assert_false(conf_never_overlaps(conf, p));
	assert_true(prefix_parse("0.0.0.0/0", 9, &p));
	assert_true(conf_never_overlaps(conf, p));
	conf_free(&conf);
}

static void account_names_are_those_of_the_manual(void **state) {
	static const struct {
		const char *name;
		bool sound;
	} rows[] = {
		{"a", true},
		{"A-1_x.y@z", true},
		{"1234567890123456789012345678901234567890123456789012345678901234", true},
		{"12345678901234567890123456789012345678901234567890123456789012345", false},
		{"", false},
		{"a b", false},
		{"a/b", false},
		{"*", false},
		{"\xc3\xa4", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(account_is_sound(slice_of(rows[i].name)), rows[i].sound);
	assert_false(account_is_sound((struct slice){"a\0b", 3}));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_file_leaves_out_has_its_default, place_new, place_remove),
		cmocka_unit_test_setup_teardown(every_key_is_read, place_new, place_remove),
		cmocka_unit_test_setup_teardown(each_fault_is_told_with_its_place_and_the_nearest_name, place_new,
	                                    place_remove),
		cmocka_unit_test_setup_teardown(all_faults_are_told_and_the_first_is_the_reason, place_new, place_remove),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_a_fault, place_new, place_remove),
		cmocka_unit_test_setup_teardown(what_is_printed_is_the_same_configuration_again, place_new, place_remove),
		cmocka_unit_test_setup_teardown(each_printed_value_tells_where_it_is_from, place_new, place_remove),
		cmocka_unit_test_setup_teardown(rule_files_come_sorted_by_folder_and_name, place_new, place_remove),
		cmocka_unit_test_setup_teardown(addresses_are_sorted_by_the_lists_that_hold_them, place_new, place_remove),
		cmocka_unit_test(account_names_are_those_of_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
