#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforcer/firewall.h"

/* Each test has a network namespace of its own: the first thing that main does. */

static struct conf conf;
static struct port_range tcp[] = {{80, 80}, {5060, 5091}, {443, 443}, {5080, 5100}};
static struct port_range udp[] = {{69, 69}};
static struct firewall *fw;

static struct firewall_entry entry(enum firewall_list list, const char *at, int64_t left) {
	struct firewall_entry e = {.list = list, .left = left};

	assert_true(prefix_parse(at, strlen(at), &e.at));
	return e;
}

struct given {
	const struct firewall_entry *entries;
	size_t n, i;
};

static int next(void *context, struct firewall_entry *e, struct err *err) {
	struct given *g = context;

	(void)err;
	if (g->i == g->n)
		return 0;
	*e = g->entries[g->i++];
	return 1;
}

static void replace(uint64_t generation, const struct firewall_entry *entries, size_t n) {
	struct given g = {entries, n, 0};
	struct err err;

	if (firewall_replace(fw, generation, next, &g, &err) < 0)
		fail_msg("%s", err.text);
}

/* What the kernel has, as sorted text "LIST PREFIX LEFT PACKETS". */
static char seen[4096];
static char *lines[64];
static int nlines;

static int see(void *context, const struct firewall_entry *e, struct err *err) {
	static const char *const names[] = {"never", "allow", "block", "window", "ban"};
	char at[PREFIX_TEXT];

	(void)context;
	(void)err;
	prefix_print(e->at, at);
	assert_true(asprintf(&lines[nlines++], "%s %s %lld %llu;", names[e->list], at, (long long)e->left,
	                     (unsigned long long)e->packets) > 0);
	return 0;
}

static int compare(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *kernel(void) {
	struct err err;

	nlines = 0;
	seen[0] = '\0';
	if (firewall_each(fw, see, NULL, &err) < 0)
		fail_msg("%s", err.text);
	qsort(lines, (size_t)nlines, sizeof(lines[0]), compare);
	for (int i = 0; i < nlines; i++) {
		strcat(seen, lines[i]);
		free(lines[i]);
	}
	return seen;
}

static void what_is_given_is_what_the_kernel_has(void **state) {
	struct firewall_entry entries[] = {
		entry(FIREWALL_NEVER, "127.0.0.0/8", 0),     entry(FIREWALL_ALLOW, "192.0.2.1", 0),
		entry(FIREWALL_BLOCK, "198.51.100.0/24", 0), entry(FIREWALL_WINDOW, "203.0.113.0/28", 3600),
		entry(FIREWALL_BAN, "203.0.113.7", 3600),    entry(FIREWALL_BAN, "2001:db8:1:2::/64", 7200),
	};
	struct err err;

	(void)state;
	entries[4].packets = 17;
	entries[4].bytes = 1700;
	replace(1, entries, 6);
	assert_string_equal(
		kernel(), "allow 192.0.2.1 0 0;ban 2001:db8:1:2::/64 7200 0;ban 203.0.113.7 3600 17;block 198.51.100.0/24 0 0;"
				  "never 127.0.0.0/8 0 0;window 203.0.113.0/28 3600 0;");
	replace(2, entries + 4, 1);
	assert_string_equal(kernel(), "ban 203.0.113.7 3600 17;");
	assert_int_equal(firewall_is_current(fw, 2, &err), 1);
	assert_int_equal(firewall_is_current(fw, 1, &err), 0);
}

static void a_change_adds_lengthens_shortens_and_removes_at_once(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100), entry(FIREWALL_BAN, "203.0.113.8", 100),
	                                   entry(FIREWALL_BAN, "203.0.113.9", 100)};
	struct firewall_change changes[] = {
		{entry(FIREWALL_BAN, "203.0.113.7", 5000), false}, {entry(FIREWALL_BAN, "203.0.113.8", 20), false},
		{entry(FIREWALL_BAN, "203.0.113.9", 0), true},     {entry(FIREWALL_BAN, "203.0.113.10", 60), false},
		{entry(FIREWALL_BAN, "203.0.113.250", 0), true},   /* was never there */
		{entry(FIREWALL_ALLOW, "203.0.113.251", 0), true}, /* nor its set */
	};
	struct err err;
	bool due;

	(void)state;
	replace(5, entries, 3);
	if (firewall_change(fw, 6, changes, 6, &due, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(kernel(), "ban 203.0.113.10 60 0;ban 203.0.113.7 5000 0;ban 203.0.113.8 20 0;");
	assert_int_equal(firewall_is_current(fw, 6, &err), 1);
}

static void a_change_that_lacks_its_table_or_set_asks_for_a_replacement(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	struct firewall_change changes[] = {{entry(FIREWALL_BAN, "203.0.113.8", 100), false},
	                                    {entry(FIREWALL_BAN, "203.0.113.0/24", 100), false}};
	struct err err;
	bool due;

	(void)state;
	replace(1, entries, 1);
	due = false;
	assert_int_equal(firewall_change(fw, 2, changes, 2, &due, &err), -1);
	assert_true(due);
	assert_string_equal(kernel(), "ban 203.0.113.7 100 0;");
	assert_int_equal(system("nft delete table inet provctl"), 0);
	due = false;
	assert_int_equal(firewall_change(fw, 2, changes, 1, &due, &err), -1);
	assert_true(due);
	assert_int_equal(firewall_is_current(fw, 1, &err), 0);
}

static void a_foreign_table_of_our_name_is_left_alone(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	struct given g = {entries, 1, 0};
	struct err err;

	(void)state;
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(system("nft add table inet provctl"), 0);
	assert_int_equal(firewall_replace(fw, 1, next, &g, &err), -1);
	assert_int_equal(err.class, ERR_POLICY);
	assert_int_equal(firewall_remove(fw, &err), -1);
	assert_int_equal(system("nft delete table inet provctl"), 0);
}

static void a_hundred_thousand_bans_go_in_one_transaction(void **state) {
	enum { MANY = 100000 };
	struct firewall_entry *entries = calloc(MANY, sizeof(*entries));
	struct firewall_entry first = entry(FIREWALL_BAN, "10.0.0.0", 3600);

	(void)state;
	assert_non_null(entries);
	for (int i = 0; i < MANY; i++) {
		entries[i] = first;
		entries[i].at.base.b[13] = (uint8_t)(i >> 16);
		entries[i].at.base.b[14] = (uint8_t)(i >> 8);
		entries[i].at.base.b[15] = (uint8_t)i;
	}
	replace(9, entries, MANY);
	free(entries);
	assert_int_equal(system("test $(nft list set inet provctl ban4_32 | grep -o 'expires' | wc -l) = 100000"), 0);
}

/* Ports that overlap and touch become one range; the portal's is never dropped on. */
static void the_rule_set_reads_as_the_manual_says(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.0/24", 100),
	                                   entry(FIREWALL_ALLOW, "203.0.113.7", 0)};
	struct err err;

	(void)state;
	replace(1, entries, 2);
	assert_int_equal(
		system("nft list table inet provctl > rules.tmp && "
	           "grep -q 'elements = { 80, 443, 5060-5084, 5086-5100 }' rules.tmp && "
	           "grep -q 'type filter hook prerouting priority raw; policy accept;' rules.tmp && "
	           "grep -q 'tcp dport @tcp goto address' rules.tmp && grep -q 'udp dport @udp goto address' rules.tmp && "
	           "grep -q 'ip saddr & 255.255.255.0 == @ban4_24 drop' rules.tmp && "
	           "grep -q 'ip saddr @allow4_32 return' rules.tmp"),
		0);
	conf.firewall.all_ports = true;
	replace(2, entries, 2);
	conf.firewall.all_ports = false;
	assert_int_equal(system("nft list table inet provctl > rules.tmp && grep -q 'tcp dport 5085 return' rules.tmp && "
	                        "! grep -q '@tcp' rules.tmp && rm rules.tmp"),
	                 0);
	assert_int_equal(firewall_remove(fw, &err), 0);
}

static int open_firewall(void **state) {
	struct err err;

	(void)state;
	return firewall_open(&fw, &conf, &err);
}

static int close_firewall(void **state) {
	(void)state;
	firewall_close(&fw);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_given_is_what_the_kernel_has, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(a_change_adds_lengthens_shortens_and_removes_at_once, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_change_that_lacks_its_table_or_set_asks_for_a_replacement, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_foreign_table_of_our_name_is_left_alone, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_bans_go_in_one_transaction, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(the_rule_set_reads_as_the_manual_says, open_firewall, close_firewall),
	};

	conf.firewall.table = (char[]){"provctl"};
	conf.firewall.tcp = tcp;
	conf.firewall.ntcp = 4;
	conf.firewall.udp = udp;
	conf.firewall.nudp = 1;
	conf.portal_port = 5085;
	if (unshare(CLONE_NEWNET) < 0) {
		(void)printf("1..0 # SKIP no network namespace may be made here\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
