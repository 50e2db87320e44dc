/* Writes a log of a made-up provider to standard output, the same bytes for the same arguments, some ten million lines a second or two:
 *
 *     logs KIND LINES [PHONES [SEED [START]]]
 *
 * KIND     web          a provisioning server, combined format: 95 % phones that fetch what is theirs, 4 % model-wide files and base fetches,
 *                       1 % scanners; seven makes of phones
 *          secret       the same where each phone's configuration lies in a secret folder of its own, so that its fetches are polls
 *          first        each phone asks once, in order
 *          asterisk, kamailio, freeswitch
 *                       a SIP server: 10 % failures, most of them of attackers, else registrations and challenges
 *          attack       a provisioning server asked by LINES addresses for LINES MACs that nobody has
 *          scan         an SBC's log with one line for each of LINES addresses that bans it
 *          csv          the phones as `provctl import` takes them; LINES is how many
 * PHONES   which phones there are, 100,000; a phone's MAC, make, folder and home depend on its number alone, so that logs of other seeds know the
 *          same phones
 * SEED     of what they do, 1
 * START    the first line's time, seconds since the epoch; 28 lines are of one second
 *
 * Attackers come and go: each makes 5 to 60 attempts, since real ones are banned by then. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_SIZE     (1U << 20)
#define LINE_MAX_BYTES  2048 /* longer than any line below */
#define LINES_A_SECOND  28
#define ATTACKERS       64
#define SITE_PHONES     4 /* share one address */
#define FIRST_USER      100000
#define DEFAULT_START   1795341600
#define PHONE_ADDRESSES 0x14000000U /* 20.0.0.0/8 */
#define ENEMY_ADDRESSES 0x2d000000U /* 45.0.0.0/8 */

struct make {
	const char *oui;
	/* %m the MAC, %M in capitals, %c with colons, %h in capitals with hyphens. */
	const char *file, *common, *agent;
	unsigned share; /* of a hundred */
};

static const struct make makes[] = {
	{"001565", "%m.cfg", "y000000000028.cfg", "Yealink SIP-T46S 66.86.0.15 %c", 40},
	{"0004f2", "%m.cfg", "000000000000.cfg", "FileTransport PolycomVVX-VVX_411-UA/5.9.7.4477 (SN:%m) Type/Application",
     20},
	{"c074ad", "cfg%m.xml", "cfg.xml", "Grandstream Model HW GXP2170 SW 1.0.11.79 DevId %m", 15},
	{"000413", "snomD735-%M.htm", "snomD735.htm",
     "Mozilla/4.0 (compatible; snomD735-SIP 10.1.64.14 2010.12-00004-g9ba52f5 %M SXM:0 UXM:0)", 10},
	{"00562b", "%m.cfg", "spa508g.cfg", "Cisco-CP-8851-3PCC/11.3.7 (%m)", 5},
	{"0c383e", "%m.cfg", "F0V00X5U0000.cfg", "Fanvil X5U-V2 2.12.18.4 %m", 5},
	{"00085d", "%M.tuz", "aastra.cfg", "Aastra6737i MAC:%h V:3.3.1.8106-SIP", 5},
};

static const char *const scanners[] = {"-", "curl/8.5.0", "python-requests/2.31.0", "Yealink SIP-T46S 66.86.0.15"};

struct attacker {
	uint32_t address;
	unsigned left;
};

static struct {
	char at[BUFFER_SIZE + LINE_MAX_BYTES];
	size_t n;
} out;

static uint64_t random_state;
static uint64_t phones = 100000;
static struct attacker attackers[ATTACKERS];
static uint32_t attackers_born;

/* ---- what is random ---- */

static uint64_t mix(uint64_t x) { /* splitmix64 */
	x += 0x9e3779b97f4a7c15U;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

static uint32_t chance(uint32_t below) {
	random_state++;
	return (uint32_t)((mix(random_state) >> 32) * below >> 32);
}

/* Different numbers have different results. */
static uint32_t scatter(uint64_t number) {
	return (uint32_t)(number * 0x9e3779b1U) & 0xffffffU;
}

/* ---- what is written ---- */

static void flush(void) {
	if (fwrite(out.at, 1, out.n, stdout) != out.n) {
		perror("logs");
		exit(1);
	}
	out.n = 0;
}

static void put_bytes(const char *p, size_t n) {
	memcpy(out.at + out.n, p, n);
	out.n += n;
}

static void put(const char *text) {
	put_bytes(text, strlen(text));
}

static void put_number(uint64_t number) {
	char digits[20];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + number % 10);
	while (number /= 10);
	put_bytes(digits + n, sizeof(digits) - n);
}

static void put_hex(uint64_t number, unsigned digits) {
	for (unsigned i = digits; i-- > 0;)
		out.at[out.n++] = "0123456789abcdef"[number >> 4 * i & 15];
}

static void put_address(uint32_t address) {
	for (int shift = 24; shift >= 0; shift -= 8) {
		put_number(address >> shift & 255);
		if (shift > 0)
			put(".");
	}
}

static void put_mac(const char *mac, char spelling) {
	for (unsigned i = 0; i < 12; i++) {
		bool capitals = spelling == 'M' || spelling == 'h';

		if ((spelling == 'c' || spelling == 'h') && i > 0 && i % 2 == 0)
			put(spelling == 'c' ? ":" : "-");
		out.at[out.n++] = (char)(capitals && mac[i] >= 'a' ? mac[i] - 'a' + 'A' : mac[i]);
	}
}

static void put_template(const char *template, const char *mac) {
	for (const char *p = template; *p; p++) {
		if (*p == '%')
			put_mac(mac, *++p);
		else
			out.at[out.n++] = *p;
	}
}

/* The stamps are made when the second changes. */
static struct {
	uint64_t second;
	char web[40], sip[40], syslog[40];
} stamp;

static void stamp_set(uint64_t second) {
	time_t time = (time_t)second;
	struct tm tm;

	if (second == stamp.second)
		return;
	stamp.second = second;
	(void)gmtime_r(&time, &tm);
	(void)strftime(stamp.web, sizeof(stamp.web), "%d/%b/%Y:%H:%M:%S +0000", &tm);
	(void)strftime(stamp.sip, sizeof(stamp.sip), "%Y-%m-%d %H:%M:%S", &tm);
	(void)strftime(stamp.syslog, sizeof(stamp.syslog), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
}

/* ---- phones and attackers ---- */

static const struct make *phone_make(uint64_t phone) {
	unsigned at = (unsigned)(mix(phone) % 100);
	const struct make *make = makes;

	while (at >= make->share)
		at -= make++->share;
	return make;
}

static void phone_mac(uint64_t phone, char mac[13]) {
	(void)memcpy(mac, phone_make(phone)->oui, 6);
	for (int i = 0; i < 6; i++)
		mac[6 + i] = "0123456789abcdef"[scatter(phone + 1) >> 4 * (5 - i) & 15];
	mac[12] = '\0';
}

static uint32_t phone_home(uint64_t phone) {
	return PHONE_ADDRESSES | scatter(phone / SITE_PHONES + 1);
}

static uint32_t attacker_address(void) {
	struct attacker *a = &attackers[chance(ATTACKERS)];

	if (a->left == 0) {
		a->address = ENEMY_ADDRESSES | scatter(++attackers_born + (mix(random_state) & 0xff0000));
		a->left = 5 + chance(56);
	}
	a->left--;
	return a->address;
}

/* ---- web servers ---- */

static void put_request(uint32_t address) {
	put_address(address);
	put(" - - [");
	put(stamp.web);
	put("] \"GET /p/");
}

static void put_answer(unsigned status, unsigned bytes) {
	put(" HTTP/1.1\" ");
	put_number(status);
	put(" ");
	put_number(bytes);
	put(" \"-\" \"");
}

static void scanner_line(uint32_t address, uint32_t number) {
	put_request(address);
	put("805ec0");
	put_hex(number & 0xffffff, 6);
	put(".cfg");
	put_answer(404, 153);
	put(scanners[address >> 3 & 3]);
	put("\"\n");
}

static void fetch_line(uint64_t phone, bool common, bool secret) {
	const struct make *make = phone_make(phone);
	char mac[13];

	phone_mac(phone, mac);
	put_request(phone_home(phone));
	if (secret) {
		put_hex(mix(phone ^ 0x5ec4e7), 16);
		put("/");
	}
	put_template(common ? make->common : make->file, mac);
	put_answer(200, 4000 + (unsigned)(phone & 4095));
	put_template(make->agent, mac);
	put("\"\n");
}

static void web_line(uint64_t i) {
	uint32_t what = chance(1000);

	(void)i;
	if (what < 10)
		scanner_line(attacker_address(), chance(UINT32_MAX));
	else
		fetch_line(chance((uint32_t)phones), what < 40, false);
}

static void secret_line(uint64_t i) {
	uint32_t what = chance(1000);

	(void)i;
	if (what < 10)
		scanner_line(attacker_address(), chance(UINT32_MAX));
	else
		fetch_line(chance((uint32_t)phones), what < 40, what >= 50);
}

static void first_line(uint64_t i) {
	fetch_line(i % phones, false, false);
}

static void attack_line(uint64_t i) {
	scanner_line(ENEMY_ADDRESSES | scatter(i + 1), scatter(i + 1));
}

/* ---- SIP servers ---- */

/* Who a line is about: mostly a phone at its home, else an attacker and a name that he tries, or a phone with an old password. */
struct caller {
	bool failed, enemy;
	uint64_t user;
	uint32_t address;
};

static struct caller caller_choose(void) {
	uint32_t what = chance(100);
	struct caller c = {.failed = what < 10, .enemy = what < 9};

	c.user = c.enemy ? chance(1000) : chance((uint32_t)phones);
	c.address = c.enemy ? attacker_address() : phone_home(c.user);
	return c;
}

static void security_line(uint64_t i) {
	struct caller c = caller_choose();
	bool challenge = !c.failed && chance(2);
	const char *event = !c.failed    ? challenge ? "ChallengeSent" : "SuccessfulAuth"
	                    : c.user & 1 ? "ChallengeResponseFailed"
	                                 : "InvalidAccountID";

	put("[");
	put(stamp.sip);
	put("] SECURITY[1310] res_security_log.c: SecurityEvent=\"");
	put(event);
	put("\",EventTV=\"");
	put_bytes(stamp.syslog, 19);
	put(".151+0000\",Severity=\"");
	put(c.failed ? "Error" : "Informational");
	put("\",Service=\"PJSIP\",EventVersion=\"1\",AccountID=\"");
	put_number(FIRST_USER + c.user);
	put("\",SessionID=\"");
	put_hex(mix(i), 16);
	put("\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/");
	put_address(c.address);
	put("/5060\"");
	if (challenge) {
		put(",Challenge=\"\"");
	} else if (!c.failed) {
		put(",UsingPassword=\"1\"");
	} else if (c.user & 1) {
		put(",Challenge=\"1640091422/edc27724b23967f2cb58e348c3a5b1d0\",Response=\"");
		put_hex(mix(i + 1), 16);
		put_hex(mix(i + 2), 16);
		put("\",ExpectedResponse=\"\"");
	}
	put("\n");
}

static void kamailio_put(const char *what, uint32_t address, const char *transport, uint64_t user, uint64_t i) {
	put(stamp.syslog);
	put(" sbc kamailio[1234]: NOTICE: <script>: provctl: ");
	put(what);
	put(" src=");
	put_address(address);
	put(" proto=");
	put(transport);
	put(" user=");
	put_number(FIRST_USER + user);
	put(" realm=sip.example.net callid=");
	put_hex(mix(i), 16);
	put("\n");
}

static void kamailio_line(uint64_t i) {
	struct caller c = caller_choose();

	kamailio_put(!c.failed ? "registered" : c.user & 1 ? "auth_failed" : "unknown_user", c.address, "udp", c.user, i);
}

static void scan_line(uint64_t i) {
	kamailio_put("scan", ENEMY_ADDRESSES | scatter(i + 1), "tls", i % 1000, i);
}

static void freeswitch_line(uint64_t i) {
	struct caller c = caller_choose();

	put(stamp.sip);
	put(".");
	put_number(100000 + i % 900000);
	put(" 98.13% [WARNING] sofia_reg.c:");
	put(c.failed ? "1478 SIP auth failure" : "1533 SIP auth challenge");
	put(" (REGISTER) on sofia profile 'internal' for [");
	put_number(FIRST_USER + c.user);
	put("@sip.example.net] from ip ");
	put_address(c.address);
	put("\n");
}

/* ---- an inventory ---- */

static void csv_line(uint64_t i) {
	char mac[13];

	phone_mac(i, mac);
	put_mac(mac, 'm');
	put(",acct");
	put_number(i / 100 + 1);
	put(",");
	put_address(phone_home(i));
	put(",");
	put_number(FIRST_USER + i);
	put("\n");
}

static const struct kind {
	const char *name;
	void (*line)(uint64_t i);
} kinds[] = {
	{"web", web_line},           {"secret", secret_line},     {"first", first_line},           {"attack", attack_line},
	{"asterisk", security_line}, {"kamailio", kamailio_line}, {"freeswitch", freeswitch_line}, {"scan", scan_line},
	{"csv", csv_line},
};

static const struct kind *kind_find(const char *name) {
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static bool number_read(const char *text, uint64_t max, uint64_t *number) {
	char *end;

	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *number <= max;
}

int main(int argc, char **argv) {
	const struct kind *kind = argc > 1 ? kind_find(argv[1]) : NULL;
	uint64_t lines, seed = 1, start = DEFAULT_START;

	if (!kind || argc < 3 || argc > 6 || !number_read(argv[2], UINT32_MAX, &lines) ||
	    (argc > 3 && (!number_read(argv[3], UINT32_MAX, &phones) || phones == 0)) ||
	    (argc > 4 && !number_read(argv[4], UINT32_MAX, &seed)) ||
	    (argc > 5 && !number_read(argv[5], UINT32_MAX, &start))) {
		(void)fputs("usage: logs KIND LINES [PHONES [SEED [START]]]\n", stderr);
		return 2;
	}
	random_state = mix(seed);
	if (kind->line == csv_line)
		put("mac,account,home,user\n");
	for (uint64_t i = 0; i < lines; i++) {
		stamp_set(start + i / LINES_A_SECOND);
		kind->line(i);
		if (out.n >= BUFFER_SIZE)
			flush();
	}
	flush();
	return fclose(stdout) == 0 ? 0 : 1;
}
