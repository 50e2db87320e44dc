#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforcer/firewall.h"
#include "enforcer/nft.h"

/* nft_commit as the kernel does it, after something has happened in between (`meanwhile`, a command of the shell), or instead of it. */
static const char *meanwhile;
static int refusals; /* of so many commits to come */
static int refused_with;
static bool done_though; /* it is done, and the answer lost */

/* A kernel before 6.12: what is there already and is added again, without being deleted first and without NLM_F_EXCL, keeps its old end, and
 * nobody is told. Done by putting the old end back behind the transaction. */
static bool old_kernel;
static struct kept {
	struct nft_set set;
	char name[32];
	uint8_t key[16];
	bool deleted, there;
	uint64_t timeout;
} kept[16];
static size_t nkept;
static bool afresh; /* the batch makes the table: nothing is there already */

int __real_nft_commit(struct nft *nft, int *why, struct err *err);
int __wrap_nft_commit(struct nft *nft, int *why, struct err *err);
void __real_nft_begin(struct nft *nft);
void __wrap_nft_begin(struct nft *nft);
void __real_nft_add_table(struct nft *nft, const char *comment);
void __wrap_nft_add_table(struct nft *nft, const char *comment);
void __real_nft_add_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
void __wrap_nft_add_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
void __real_nft_delete_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);
void __wrap_nft_delete_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element);

void __wrap_nft_begin(struct nft *nft) {
	nkept = 0;
	afresh = false;
	__real_nft_begin(nft);
}

void __wrap_nft_add_table(struct nft *nft, const char *comment) {
	afresh = true;
	__real_nft_add_table(nft, comment);
}

static struct kept *kept_of(const struct nft_set *set, const struct nft_element *element) {
	struct kept *k = kept;

	while (k < kept + nkept &&
	       (strcmp(k->name, set->name) != 0 || memcmp(k->key, element->key, set->key == NFT_KEY_V6 ? 16 : 4) != 0))
		k++;
	if (k < kept + nkept)
		return k;
	assert_true(nkept < sizeof(kept) / sizeof(kept[0]));
	nkept++;
	*k = (struct kept){.set = *set};
	(void)snprintf(k->name, sizeof(k->name), "%s", set->name);
	k->set.name = k->name;
	memcpy(k->key, element->key, set->key == NFT_KEY_V6 ? 16 : 4);
	return k;
}

void __wrap_nft_add_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element) {
	if (old_kernel && set->expires && !afresh)
		(void)kept_of(set, element);
	__real_nft_add_element(nft, set, element);
}

void __wrap_nft_delete_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element) {
	if (old_kernel && set->expires)
		kept_of(set, element)->deleted = true;
	__real_nft_delete_element(nft, set, element);
}

static int keep(void *context, const struct nft_element *element, size_t key_size) {
	struct kept *k = context;

	(void)key_size;
	k->there = true;
	k->timeout = element->timeout;
	return 0;
}

static int commit_as_before_6_12(struct nft *nft, int *why, struct err *err) {
	struct nft *other = NULL;

	if (nft_open(&other, "provctl", err) < 0)
		return -1;
	for (struct kept *k = kept; k < kept + nkept; k++)
		if (!k->deleted)
			assert_true(nft_element(other, &k->set, &(struct nft_element){.key = k->key}, keep, k, err) >= 0);
	if (__real_nft_commit(nft, why, err) < 0) {
		nft_close(&other);
		return -1;
	}
	__real_nft_begin(other);
	for (struct kept *k = kept; k < kept + nkept; k++)
		if (k->there) {
			struct nft_element element = {.key = k->key, .timeout = k->timeout};

			__real_nft_delete_element(other, &k->set, &element);
			__real_nft_add_element(other, &k->set, &element);
		}
	assert_int_equal(__real_nft_commit(other, why, err), 0);
	nft_close(&other);
	return 0;
}

int __wrap_nft_commit(struct nft *nft, int *why, struct err *err) {
	int result;

	if (meanwhile)
		assert_int_equal(system(meanwhile), 0);
	meanwhile = NULL;
	if (refusals == 0)
		return old_kernel ? commit_as_before_6_12(nft, why, err) : __real_nft_commit(nft, why, err);
	refusals--;
	result = done_though ? __real_nft_commit(nft, why, err) : 0;
	assert_int_equal(result, 0);
	*why = refused_with;
	return err_set(err, ERR_SYSTEM, "refused");
}

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

static int compare(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *kernel(void) {
	static const char *const names[] = {"never", "allow", "block", "window", "ban"};
	struct firewall_entry *entries = NULL;
	size_t n = 0;
	struct err err;

	nlines = 0;
	seen[0] = '\0';
	if (firewall_read(fw, &entries, &n, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < n; i++) {
		char at[PREFIX_TEXT];

		prefix_print(entries[i].at, at);
		assert_true(asprintf(&lines[nlines++], "%s %s %lld %llu;", names[entries[i].list], at,
		                     (long long)entries[i].left, (unsigned long long)entries[i].packets) > 0);
	}
	free(entries);
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
		{.entry = entry(FIREWALL_BAN, "203.0.113.7", 5000), .gone = false},
		{.entry = entry(FIREWALL_BAN, "203.0.113.8", 20), .gone = false},
		{.entry = entry(FIREWALL_BAN, "203.0.113.9", 0), .gone = true},
		{.entry = entry(FIREWALL_BAN, "203.0.113.10", 60), .gone = false},
		{.entry = entry(FIREWALL_BAN, "203.0.113.250", 0), .gone = true},   /* was never there */
		{.entry = entry(FIREWALL_ALLOW, "203.0.113.251", 0), .gone = true}, /* nor its set */
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
	struct firewall_change changes[] = {{.entry = entry(FIREWALL_BAN, "203.0.113.8", 100), .gone = false},
	                                    {.entry = entry(FIREWALL_BAN, "203.0.113.0/24", 100), .gone = false}};
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
	assert_int_equal(system("nft flush ruleset && nft add table inet provctl"), 0);
	assert_int_equal(firewall_replace(fw, 1, next, &g, &err), -1);
	assert_int_equal(err.class, ERR_POLICY);
	assert_int_equal(system("nft delete table inet provctl"), 0);
}

static void what_nft_lists_can_be_loaded_again(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_NEVER, "127.0.0.0/8", 0), entry(FIREWALL_BAN, "203.0.113.7", 0),
	                                   entry(FIREWALL_BLOCK, "2001:db8::/32", 0)};

	(void)state;
	replace(1, entries, 3);
	assert_int_equal(system("nft list ruleset > rules.tmp && nft flush ruleset && nft -f rules.tmp && rm rules.tmp"),
	                 0);
	assert_string_equal(kernel(), "ban 203.0.113.7 0 0;block 2001:db8::/32 0 0;never 127.0.0.0/8 0 0;");
}

static void counts_are_read_of_those_that_are_there_and_fall_never(void **state) {
	enum { MANY = 600 };
	static struct firewall_entry all[MANY], there[MANY];
	struct err err;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = i < MANY / 2 ? entry(FIREWALL_BAN, "10.0.0.0", 3600) : entry(FIREWALL_BAN, "2001:db8:0:1::/64", 3600);
		all[i].at.base.b[i < MANY / 2 ? 14 : 6] = (uint8_t)(i >> 8);
		all[i].at.base.b[i < MANY / 2 ? 15 : 7] = (uint8_t)i;
		/* One missing here and there, many missing in a row, all of the first and the last. */
		if (i % 7 == 3 || (i > 100 && i < 190) || i == 0 || i == MANY - 1)
			continue;
		there[n] = all[i];
		there[n].packets = 1000 + i;
		there[n++].bytes = 2000 + i;
	}
	all[50].packets = 5000;
	replace(1, there, n);
	assert_int_equal(firewall_count(fw, all, MANY, &err), 0);
	n = 0;
	for (unsigned i = 0; i < MANY; i++) {
		bool is = i == 50 || firewall_compare(&all[i], &there[n]) != 0;

		assert_int_equal(all[i].packets, i == 50 ? 5000 : is ? 0 : 1000 + i);
		assert_int_equal(all[i].bytes, is ? 0 : 2000 + i);
		n += firewall_compare(&all[i], &there[n]) == 0;
	}
	/* A set that is not there, and no table. */
	all[0] = entry(FIREWALL_BLOCK, "198.51.100.0/24", 0);
	assert_int_equal(firewall_count(fw, all, 1, &err), 0);
	assert_int_equal(system("nft delete table inet provctl"), 0);
	assert_int_equal(firewall_count(fw, all, MANY, &err), 0);
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

	(void)state;
	replace(1, entries, 2);
	assert_int_equal(system("nft list table inet provctl > rules.tmp && "
	                        "grep -q 'elements = { 80, 443, 5060-5084, 5086-5100 }' rules.tmp && "
	                        "grep -q 'type filter hook prerouting priority raw; policy accept;' rules.tmp && "
	                        "grep -q 'tcp dport @ports_tcp goto address' rules.tmp && grep -q 'udp dport @ports_udp "
	                        "goto address' rules.tmp && "
	                        "grep -q 'ip saddr & 255.255.255.0 == @ban4_24 drop' rules.tmp && "
	                        "grep -q 'ip saddr @allow4_32 return' rules.tmp"),
	                 0);
	conf.firewall.all_ports = true;
	replace(2, entries, 2);
	conf.firewall.all_ports = false;
	assert_int_equal(system("nft list table inet provctl > rules.tmp && grep -q 'tcp dport 5085 return' rules.tmp && "
	                        "! grep -q '@ports' rules.tmp && rm rules.tmp"),
	                 0);
	assert_int_equal(system("nft delete table inet provctl"), 0);
}

static struct firewall_change change(const char *at, int64_t left, bool gone) {
	return (struct firewall_change){.entry = entry(FIREWALL_BAN, at, left), .gone = gone};
}

static void counters_go_on_when_a_ban_is_extended_and_are_told_when_it_is_lifted(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100), entry(FIREWALL_BAN, "203.0.113.8", 100),
	                                   entry(FIREWALL_BAN, "203.0.113.9", 100)};
	struct firewall_change changes[] = {change("203.0.113.7", 200, false), change("203.0.113.8", 0, true),
	                                    change("203.0.113.9", 300, false), change("203.0.113.250", 50, false)};
	struct err err;
	bool due;

	(void)state;
	entries[0].packets = 17;
	entries[0].bytes = 1700;
	entries[1].packets = 4;
	entries[2].packets = 3;
	changes[2].entry.packets = 9; /* the state knows of more */
	replace(1, entries, 3);
	if (firewall_change(fw, 2, changes, 4, &due, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(kernel(), "ban 203.0.113.250 50 0;ban 203.0.113.7 200 17;ban 203.0.113.9 300 9;");
	assert_true(changes[0].had && changes[1].had && !changes[3].had);
	assert_int_equal(changes[0].entry.packets, 17);
	assert_int_equal(changes[0].entry.bytes, 1700);
	assert_int_equal(changes[1].entry.packets, 4);
}

/* Between the look at what the kernel has and the transaction an element ends, or somebody adds one. On kernels before 6.12 adding what is there
 * would keep the old end; here it is refused on all kernels. */
static void a_change_that_meets_another_kernel_than_it_looked_at_looks_again(void **state) {
	static const struct {
		const char *meanwhile;
		const char *extends;
	} rows[] = {
		{"nft delete element inet provctl ban4_32 '{ 203.0.113.7 }'", "203.0.113.7"},
		{"nft add element inet provctl ban4_32 '{ 203.0.113.8 timeout 1h }'", "203.0.113.8"},
		{"nft flush set inet provctl ban4_32", "203.0.113.7"},
	};
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	struct err err;
	bool due;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct firewall_change changes[] = {change(rows[i].extends, 500, false), change("203.0.113.20", 60, false)};
		char wanted[64];

		replace(1, entries, 1);
		meanwhile = rows[i].meanwhile;
		if (firewall_change(fw, 2, changes, 2, &due, &err) < 0)
			fail_msg("%s", err.text);
		assert_null(meanwhile);
		(void)snprintf(wanted, sizeof(wanted), "ban %s 500 0;", rows[i].extends);
		assert_non_null(strstr(kernel(), wanted));
		assert_non_null(strstr(seen, "ban 203.0.113.20 60 0;"));
	}
}

/* An element that ends in the moment when it is extended. */
static void a_ban_that_has_just_ended_is_made_again(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 1)};
	struct err err;
	bool due;

	(void)state;
	for (int i = 0; i < 12; i++) {
		struct firewall_change changes[] = {change("203.0.113.7", 500, false)};
		char wait[32];

		replace(1, entries, 1);
		(void)snprintf(wait, sizeof(wait), "sleep %d.%03d", i == 11, i == 11 ? 100 : 960 + i * 8);
		meanwhile = i == 11 ? NULL : wait;
		if (i == 11)
			assert_int_equal(system(wait), 0);
		if (firewall_change(fw, 2, changes, 1, &due, &err) < 0)
			fail_msg("%d: %s", i, err.text);
		assert_string_equal(kernel(), "ban 203.0.113.7 500 0;");
	}
}

static void a_kernel_that_is_busy_is_tried_again_and_what_it_forbids_is_not(void **state) {
	static const struct {
		int why, times, result;
		bool done_though;
	} rows[] = {
		{EBUSY, 1, 0, false},  {EINTR, 2, 0, false},  {EAGAIN, 3, 0, false}, {ENOBUFS, 1, 0, false},
		{ENOBUFS, 1, 0, true}, {EBUSY, 9, -1, false}, {EPERM, 1, -1, false}, {EMSGSIZE, 1, -1, false},
	};
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	struct err err;
	bool due;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct firewall_change changes[] = {change("203.0.113.7", 500, false)};

		replace(1, entries, 1);
		refusals = rows[i].times;
		refused_with = rows[i].why;
		done_though = rows[i].done_though;
		assert_int_equal(firewall_change(fw, 2, changes, 1, &due, &err), rows[i].result);
		refusals = 0;
		assert_false(due);
		assert_string_equal(kernel(), rows[i].result == 0 ? "ban 203.0.113.7 500 0;" : "ban 203.0.113.7 100 0;");
	}
}

/* A batch of which every message is refused, and a socket that keeps few of the refusals. */
static void answers_that_are_lost_are_no_success(void **state) {
	enum { MANY = 4000 };
	struct nft_set set = {.name = "nowhere", .id = 9, .key = NFT_KEY_V4, .expires = true};
	struct nft_set other = {.name = "elsewhere", .id = 8, .key = NFT_KEY_V4, .expires = true};
	struct nft *nft = NULL;
	struct err err;
	int why = 0;

	(void)state;
	assert_int_equal(nft_open(&nft, "provctl", &err), 0);
	nft_begin(nft);
	for (int i = 0; i < MANY; i++)
		nft_add_element(nft, i % 2 ? &set : &other, &(struct nft_element){.key = &i});
	assert_int_equal(nft_commit(nft, &why, &err), -1);
	assert_true(why == ENOENT || why == ENOBUFS);
	/* The socket is as good as new. */
	nft_begin(nft);
	nft_add_table(nft, "provctl");
	if (nft_commit(nft, &why, &err) < 0)
		fail_msg("%s", err.text);
	nft_close(&nft);
}

static void what_others_change_is_heard_and_what_we_change_is_not(void **state) {
	static const struct {
		const char *command;
		enum firewall_heard heard;
		enum firewall_standing standing;
	} rows[] = {
		{"nft add table inet another; nft delete table inet another", FIREWALL_UNTOUCHED, FIREWALL_ELEMENTS},
		{"nft add table ip provctl; nft delete table ip provctl", FIREWALL_UNTOUCHED, FIREWALL_ELEMENTS},
		{"nft delete element inet provctl ban4_32 '{ 203.0.113.7 }'", FIREWALL_TOUCHED, FIREWALL_ELEMENTS},
		{"nft add element inet provctl ban4_32 '{ 203.0.113.77 }'", FIREWALL_TOUCHED, FIREWALL_ELEMENTS},
		{"nft flush chain inet provctl address4", FIREWALL_TOUCHED, FIREWALL_ALTERED},
		{"nft insert rule inet provctl prerouting accept", FIREWALL_TOUCHED, FIREWALL_ALTERED},
		{"nft add set inet provctl mine '{ type mark; }'", FIREWALL_TOUCHED, FIREWALL_ALTERED},
		{"nft 'add table inet provctl { flags dormant; }'", FIREWALL_TOUCHED, FIREWALL_ALTERED},
		{"nft flush chain inet provctl prerouting; nft delete chain inet provctl prerouting", FIREWALL_TOUCHED,
	     FIREWALL_ALTERED},
		{"nft flush set inet provctl generation", FIREWALL_TOUCHED, FIREWALL_STALE},
		{"nft delete table inet provctl", FIREWALL_TOUCHED, FIREWALL_GONE},
		{"nft flush ruleset", FIREWALL_TOUCHED, FIREWALL_GONE},
	};
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	enum firewall_standing standing;
	struct firewall_noted noted;
	struct err err;
	bool due;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct firewall_change changes[] = {change("203.0.113.8", 500, false)};

		replace(1, entries, 1);
		assert_int_equal(firewall_change(fw, 2, changes, 1, &due, &err), 0);
		assert_int_equal(firewall_hear(fw), FIREWALL_UNTOUCHED);
		noted = firewall_note(fw);
		assert_int_equal(firewall_check(fw, 2, &noted, &standing, &err), 0);
		assert_int_equal(standing, FIREWALL_CURRENT);
		assert_int_equal(system(rows[i].command), 0);
		if (firewall_hear(fw) != rows[i].heard)
			fail_msg("not heard: %s", rows[i].command);
		assert_int_equal(firewall_check(fw, 2, &noted, &standing, &err), 0);
		if (standing != rows[i].standing)
			fail_msg("%s: standing %d", rows[i].command, (int)standing);
		/* Said until it was looked at. */
		assert_int_equal(firewall_hear(fw), FIREWALL_UNTOUCHED);
	}
}

/* While the table is made nobody listens: that others were at work shows by the count of changes. */
static void a_change_by_others_while_the_table_is_made_is_not_missed(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	enum firewall_standing standing;
	struct err err;

	(void)state;
	meanwhile = "nft add table inet another";
	replace(1, entries, 1);
	assert_int_equal(firewall_hear(fw), FIREWALL_UNSURE);
	assert_int_equal(firewall_note(fw).number, 0);
	assert_int_equal(firewall_check(fw, 1, NULL, &standing, &err), 0);
	assert_int_equal(standing, FIREWALL_ELEMENTS);
	assert_int_equal(firewall_hear(fw), FIREWALL_UNTOUCHED);
	assert_int_not_equal(firewall_note(fw).number, 0);
	assert_int_equal(system("nft delete table inet another"), 0);
}

/* What the rows "before Linux 6.12" stand on. */
static void added_again_an_element_keeps_its_old_end_there(void **state) {
	struct firewall_entry entries[] = {entry(FIREWALL_BAN, "203.0.113.7", 100)};
	const struct nft_set set = {.name = "ban4_32", .id = 1, .key = NFT_KEY_V4, .expires = true};
	const uint8_t key[] = {203, 0, 113, 7};
	const struct nft_element longer = {.key = key, .timeout = 500000};
	struct nft *nft = NULL;
	struct err err;
	int why;

	(void)state;
	replace(1, entries, 1);
	assert_int_equal(nft_open(&nft, "provctl", &err), 0);
	nft_begin(nft);
	nft_add_element(nft, &set, &longer);
	assert_int_equal(nft_commit(nft, &why, &err), 0);
	assert_string_equal(kernel(), "ban 203.0.113.7 100 0;");
	nft_begin(nft);
	nft_delete_element(nft, &set, &longer);
	nft_add_element(nft, &set, &longer);
	assert_int_equal(nft_commit(nft, &why, &err), 0);
	assert_string_equal(kernel(), "ban 203.0.113.7 500 0;");
	nft_close(&nft);
}

static int open_firewall(void **state) {
	struct err err;

	(void)state;
	return firewall_open(&fw, &conf, &err);
}

static int open_on_an_old_kernel(void **state) {
	old_kernel = true;
	return open_firewall(state);
}

static int close_firewall(void **state) {
	(void)state;
	firewall_close(&fw);
	old_kernel = false;
	return 0;
}

/* A test that is run again on a kernel of the old kind. */
#define BEFORE_6_12(test)                                                                                              \
	{ #test ", before Linux 6.12", test, open_on_an_old_kernel, close_firewall, NULL }

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_given_is_what_the_kernel_has, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(a_change_adds_lengthens_shortens_and_removes_at_once, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_change_that_lacks_its_table_or_set_asks_for_a_replacement, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_foreign_table_of_our_name_is_left_alone, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(what_nft_lists_can_be_loaded_again, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(counts_are_read_of_those_that_are_there_and_fall_never, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_bans_go_in_one_transaction, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(counters_go_on_when_a_ban_is_extended_and_are_told_when_it_is_lifted,
	                                    open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(a_change_that_meets_another_kernel_than_it_looked_at_looks_again, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_ban_that_has_just_ended_is_made_again, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(a_kernel_that_is_busy_is_tried_again_and_what_it_forbids_is_not, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(answers_that_are_lost_are_no_success, open_firewall, close_firewall),
		cmocka_unit_test_setup_teardown(what_others_change_is_heard_and_what_we_change_is_not, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(a_change_by_others_while_the_table_is_made_is_not_missed, open_firewall,
	                                    close_firewall),
		cmocka_unit_test_setup_teardown(the_rule_set_reads_as_the_manual_says, open_firewall, close_firewall),
		BEFORE_6_12(added_again_an_element_keeps_its_old_end_there),
		BEFORE_6_12(a_change_adds_lengthens_shortens_and_removes_at_once),
		BEFORE_6_12(counters_go_on_when_a_ban_is_extended_and_are_told_when_it_is_lifted),
		BEFORE_6_12(a_change_that_meets_another_kernel_than_it_looked_at_looks_again),
		BEFORE_6_12(a_ban_that_has_just_ended_is_made_again),
		BEFORE_6_12(a_kernel_that_is_busy_is_tried_again_and_what_it_forbids_is_not),
	};

	conf.firewall.table = (char[]){"provctl"};
	conf.firewall.tcp = tcp;
	conf.firewall.ntcp = 4;
	conf.firewall.udp = udp;
	conf.firewall.nudp = 1;
	conf.portal.port = 5085;
	if (unshare(CLONE_NEWNET) < 0) {
		(void)printf("1..0 # SKIP no network namespace may be made here\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
