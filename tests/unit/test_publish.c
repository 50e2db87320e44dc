/* What readers find: the exact text, in both layouts, and an old file rather than a half one. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"
#include "enforcer/publish_private.h"

#define TIME ((int64_t)1795341600) /* 2026-11-22T10:00:00Z */

/* All that publishing asks of a judge is the time. */
struct judge {
	int64_t now;
};

int64_t judge_time(const struct judge *j) {
	return j->now;
}

static char folder[64], path[128];
static struct conf conf;
static struct store *store;
static struct judge judge;
static struct err err;
static unsigned files, copied;

#define OK(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s", #call, err.text);                                                                       \
	} while (0)

static int start(void **state) {
	static char none[] = "";

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test_publish.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/publish/lockstate", folder);
	memset(&conf, 0, sizeof(conf));
	conf.devices.same_network.bits4 = 128;
	conf.devices.same_network.bits6 = 64;
	conf.devices.new_for = DAY;
	conf.devices.unlisted_open = true;
	conf.lockstate.path = path;
	conf.lockstate.shards = 1;
	conf.lockstate.mode = 0640;
	conf.lockstate.group = none;
	judge.now = TIME;
	OK(store_open(&store, NULL, STORE_OWN, 0, NULL, &err));
	store_set_conf(store, &conf);
	return 0;
}

static int stop(void **state) {
	char command[128];

	(void)state;
	store_close(&store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return 0;
}

/* NAME is below the folder; the text lives until the next call. */
static const char *text_of(const char *name) {
	static char text[65536];
	char full[256];
	ssize_t n;
	int fd;

	(void)snprintf(full, sizeof(full), "%s/publish/%s", folder, name);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return "(missing)";
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(fd);
	return text;
}

static bool is_there(const char *name) {
	char full[256];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s/publish/%s", folder, name);
	return lstat(full, &st) == 0;
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...) {
	char command[512];
	size_t n = (size_t)snprintf(command, sizeof(command), "cd %s/publish && ", folder);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command + n, sizeof(command) - n, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static struct prefix network(const char *text) {
	struct prefix p;

	assert_true(prefix_parse(text, strlen(text), &p));
	return p;
}

static void put_device(uint64_t mac, enum device_state state, enum reason reason, const char *home,
                       const char *other_home, const char *account) {
	struct device d = {.mac = mac, .state = state, .reason = reason, .created = 1795478400 - DAY};
	const char *const homes[] = {home, other_home};

	d.unlock_end = state == DEVICE_UNLOCKED ? 1795478400 : TIME_NONE;
	(void)snprintf(d.account, sizeof(d.account), "%s", account);
	for (unsigned i = 0; i < 2 && homes[i]; i++)
		d.homes.at[d.homes.n++] =
			(struct home){.at = network(homes[i]), .kind = i == 0 ? HOME_PROVISIONED : HOME_POLL, .added = TIME};
	OK(store_device_put(store, &d, &err));
}

/* The state of the manual's example. */
static void example(void) {
	struct window w = {.at = network("203.0.113.9"), .account = "acct1", .start = TIME, .until = 1795400000};
	struct network n = {.at = network("192.0.2.0/28"), .account = "acct1", .added = TIME};

	OK(store_begin(store, &err));
	store_set_time(store, TIME);
	put_device(0x001565abcdf2, DEVICE_HELD, REASON_HELD, "203.0.113.9", NULL, "acct2");
	put_device(0x001565abcdf1, DEVICE_UNLOCKED, REASON_UNLOCKED, "198.51.100.4", NULL, "acct2");
	put_device(0x001565abcdf0, DEVICE_LOCKED, REASON_PROVISIONED, "203.0.113.7", "2001:db8:1:2::77", "acct1");
	put_device(0x001565abcdef, DEVICE_NEW, REASON_NEW, NULL, NULL, "acct1");
	OK(store_window_put(store, &w, &err));
	OK(store_network_put(store, &n, &err));
	OK(store_commit(store, &err));
}

static const char example_text[] = "provctl-lockstate 1 2026-11-22T10:00:00Z\n"
								   "device 001565abcdef open 1795478400 - new acct1\n"
								   "device 001565abcdf0 locked - 203.0.113.7,2001:db8:1:2::/64 provisioned acct1\n"
								   "device 001565abcdf1 open 1795478400 198.51.100.4 unlocked acct2\n"
								   "device 001565abcdf2 locked - 203.0.113.9 held acct2\n"
								   "window 203.0.113.9 1795400000 acct1\n"
								   "network 192.0.2.0/28 acct1\n"
								   "default open\n"
								   "end 6\n";

static void publish_all(bool all) {
	struct published sum;

	OK(publish(store, &judge, &conf, &(struct publish_order){.all = all, .now = TIME + 5}, &sum, &err));
	assert_false(sum.left);
	files = sum.files;
	copied = sum.copied;
}

static void one_file_is_the_manuals_example_to_the_byte(void **state) {
	(void)state;
	example();
	publish_all(false);
	assert_int_equal(files, 2);
	assert_string_equal(text_of("lockstate"), example_text);
	assert_string_equal(text_of("bans"), "provctl-bans 1 2026-11-22T10:00:00Z\nend 0\n");
}

static void a_shard_repeats_what_is_common_and_every_shard_is_there(void **state) {
	char name[32];

	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	assert_int_equal(files, SHARDS + 1);
	assert_string_equal(text_of("lockstate/ef"), "provctl-lockstate 1 2026-11-22T10:00:00Z\n"
	                                             "device 001565abcdef open 1795478400 - new acct1\n"
	                                             "window 203.0.113.9 1795400000 acct1\n"
	                                             "network 192.0.2.0/28 acct1\n"
	                                             "default open\n"
	                                             "end 3\n");
	for (unsigned i = 0; i < SHARDS; i++) {
		(void)snprintf(name, sizeof(name), "lockstate/%02x", i);
		if (i != 0xef && (i & 0xfc) != 0xf0)
			assert_string_equal(text_of(name), "provctl-lockstate 1 2026-11-22T10:00:00Z\n"
			                                   "window 203.0.113.9 1795400000 acct1\n"
			                                   "network 192.0.2.0/28 acct1\n"
			                                   "default open\n"
			                                   "end 2\n");
	}
	assert_string_equal(text_of("lockstate/bans"), "provctl-bans 1 2026-11-22T10:00:00Z\nend 0\n");
	assert_false(is_there("bans"));
}

static void a_change_rewrites_one_shard_and_stamps_that_alone(void **state) {
	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	publish_all(false);
	assert_int_equal(files, 0);
	OK(store_begin(store, &err));
	store_set_time(store, TIME + 60);
	put_device(0x001565000001, DEVICE_LOCKED, REASON_STALE, NULL, NULL, "-");
	OK(store_commit(store, &err));
	publish_all(false);
	assert_int_equal(files, 1);
	assert_non_null(
		strstr(text_of("lockstate/01"), "1 2026-11-22T10:01:00Z\ndevice 001565000001 locked - - stale -\n"));
	assert_non_null(strstr(text_of("lockstate/ef"), "1 2026-11-22T10:00:00Z\n"));
	publish_all(true);
	assert_int_equal(files, SHARDS + 1);
}

static void a_device_knows_when_its_line_was_published(void **state) {
	struct device d;

	(void)state;
	example();
	publish_all(false);
	assert_int_equal(store_device(store, 0x001565abcdef, &d, &err), 1);
	assert_int_equal(d.published, TIME + 5);
}

static void what_is_watched_is_all_open(void **state) {
	struct device d;

	(void)state;
	conf.mode = MODE_WATCH;
	conf.devices.unlisted_open = false;
	example();
	publish_all(false);
	assert_string_equal(text_of("lockstate"), "provctl-lockstate 1 2026-11-22T10:00:00Z\ndefault open\nend 0\n");
	assert_int_equal(store_device(store, 0x001565abcdef, &d, &err), 1);
	assert_int_equal(d.published, 0);
}

static void unlisted_devices_are_as_configured(void **state) {
	(void)state;
	conf.devices.unlisted_open = false;
	publish_all(false);
	assert_string_equal(text_of("lockstate"), "provctl-lockstate 1 1970-01-01T00:00:00Z\ndefault locked\nend 0\n");
}

static void a_pause_with_locks_opens_every_device_until_its_end(void **state) {
	struct ban ban = {.kind = BAN_BAN, .at = network("198.51.100.7"), .start = TIME, .until = TIME + DAY};
	struct ban block = {.kind = BAN_BLOCK, .at = network("198.51.100.8"), .start = TIME};
	const char *text;

	(void)state;
	example();
	OK(store_begin(store, &err));
	put_device(1, DEVICE_UNLOCKED, REASON_UNLOCKED, NULL, NULL, "a");
	OK(store_ban_put(store, &ban, &err));
	OK(store_ban_put(store, &block, &err));
	OK(store_set_number(store, "pause.until", 1795478401, &err));
	OK(store_set_number(store, "pause.locks", 1, &err));
	OK(store_commit(store, &err));
	publish_all(true);
	text = text_of("lockstate");
	assert_non_null(strstr(text, "device 001565abcdef open 1795478401 - new acct1\n"));
	assert_non_null(
		strstr(text, "device 001565abcdf0 open 1795478401 203.0.113.7,2001:db8:1:2::/64 provisioned acct1\n"));
	assert_non_null(strstr(text, "device 001565abcdf2 open 1795478401 203.0.113.9 held acct2\n"));
	assert_string_equal(text_of("bans"), "provctl-bans 1 2026-11-22T10:00:00Z\nban 198.51.100.8 -\nend 1\n");
	/* An unlock that lasts longer stays; a pause that is over changes nothing. */
	OK(store_begin(store, &err));
	OK(store_set_number(store, "pause.until", TIME + 10, &err));
	OK(store_commit(store, &err));
	publish_all(true);
	assert_non_null(strstr(text_of("lockstate"), "device 000000000001 open 1795478400 - unlocked a\n"));
	OK(publish(store, &judge, &conf, &(struct publish_order){.all = true, .now = TIME + 10}, NULL, &err));
	assert_non_null(strstr(text_of("lockstate"), "device 001565abcdf2 locked - 203.0.113.9 held acct2\n"));
	assert_non_null(strstr(text_of("bans"), "ban 198.51.100.7 "));
}

static void windows_that_are_over_are_left_out(void **state) {
	(void)state;
	example();
	judge.now = 1795400000;
	publish_all(true);
	assert_null(strstr(text_of("lockstate"), "window"));
	assert_non_null(strstr(text_of("lockstate"), "end 5\n"));
}

static void bans_are_those_in_force_sorted_as_text(void **state) {
	static const struct {
		enum ban_kind kind;
		const char *at;
		int64_t until;
		bool pending, lifted;
	} rows[] = {
		{BAN_BAN, "203.0.113.9", TIME + 100, false, false},   {BAN_BAN, "2001:db8::/64", TIME + 100, false, false},
		{BAN_BLOCK, "10.0.0.0/8", TIME_NONE, false, false},   {BAN_BAN, "203.0.113.10", TIME + 5, false, false},
		{BAN_BAN, "203.0.113.11", TIME + 100, true, false},   {BAN_BAN, "203.0.113.12", TIME + 100, false, true},
		{BAN_ALLOW, "192.0.2.0/24", TIME_NONE, false, false}, {BAN_BAN, "192.0.2.7", TIME + 100, false, false},
	};

	(void)state;
	OK(store_begin(store, &err));
	store_set_time(store, TIME);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ban b = {.kind = rows[i].kind, .at = network(rows[i].at), .start = TIME, .until = rows[i].until};

		b.pending = rows[i].pending;
		b.lifted = rows[i].lifted ? TIME : TIME_NONE;
		OK(store_ban_put(store, &b, &err));
	}
	OK(store_commit(store, &err));
	publish_all(false);
	assert_string_equal(text_of("bans"), "provctl-bans 1 2026-11-22T10:00:00Z\n"
	                                     "ban 10.0.0.0/8 -\n"
	                                     "ban 2001:db8::/64 1795341700\n"
	                                     "ban 203.0.113.9 1795341700\n"
	                                     "end 3\n");
}

static void a_large_state_is_written_whole(void **state) {
	struct stat st;
	char full[256];

	(void)state;
	OK(store_begin(store, &err));
	for (unsigned i = 0; i < 5000; i++) {
		struct network n = {.account = "acct1", .added = TIME};

		put_device(0x001565000000 + i, DEVICE_LOCKED, REASON_PROVISIONED, "203.0.113.7", NULL, "acct1");
		n.at = network("10.0.0.0");
		n.at.base.b[14] = (uint8_t)(i >> 8);
		n.at.base.b[15] = (uint8_t)i;
		OK(store_network_put(store, &n, &err));
	}
	OK(store_commit(store, &err));
	publish_all(false);
	(void)snprintf(full, sizeof(full), "%s/publish/lockstate", folder);
	assert_int_equal(stat(full, &st), 0);
	assert_true(st.st_size > 400000);
	shell("test \"$(tail -n 1 lockstate)\" = 'end 10000' && test \"$(grep -c '^device ' lockstate)\" = 5000");
	shell("grep '^network' lockstate | LC_ALL=C sort -c && grep '^device' lockstate | LC_ALL=C sort -c");
}

/* ---- what is taken over from the former file ---- */

static void commit_device(uint64_t mac, enum device_state state, const char *home) {
	OK(store_begin(store, &err));
	store_set_time(store, ++judge.now);
	put_device(mac, state, REASON_PROVISIONED, home, NULL, "a");
	OK(store_commit(store, &err));
}

/* Writes what is due, at most so many files and all from former ones, and then all from the state: nothing differs. How many it were. */
static unsigned copies_equal_the_state(unsigned most) {
	unsigned written;

	publish_all(false);
	written = files;
	assert_true(written <= most);
	assert_int_equal(copied, written);
	shell("rm -rf ../former && cp -r . ../former");
	publish_all(true);
	assert_int_equal(copied, 0);
	shell("diff -r . ../former");
	return written;
}

static void what_changed_is_put_among_the_lines_of_the_former_file(void **state) {
	static const unsigned layouts[] = {1, SHARDS};
	unsigned random = 7, written = 0;

	(void)state;
	example();
	for (unsigned l = 0; l < 2; l++) {
		conf.lockstate.shards = layouts[l];
		publish_all(false);
		for (unsigned i = 0; i < (l == 0 ? 60 : 5); i++) {
			random = random * 1103515245 + 12345;
			/* Before, between and behind those that are there, and some of them again. */
			commit_device((uint64_t)(random >> 8 & 0xf) << 40 | (random >> 12 & 0x3) << 8 | 0xef,
			              random >> 16 & 1 ? DEVICE_LOCKED : DEVICE_UNLOCKED, random >> 17 & 1 ? "203.0.113.7" : NULL);
			if (random >> 20 & 1)
				commit_device(0x001565abcdef, DEVICE_LOCKED, random >> 21 & 1 ? "203.0.113.8" : NULL);
			written += copies_equal_the_state(1);
		}
	}
	assert_true(written > 40);
}

static void a_device_that_is_gone_is_gone_from_the_file(void **state) {
	(void)state;
	example();
	publish_all(false);
	OK(store_begin(store, &err));
	OK(store_device_delete(store, 0x001565abcdf0, &err));
	OK(store_commit(store, &err));
	commit_device(0x001565abcdf1, DEVICE_LOCKED, NULL);
	publish_all(false);
	assert_int_equal(copied, 0);
	assert_null(strstr(text_of("lockstate"), "001565abcdf0"));
	assert_non_null(strstr(text_of("lockstate"), "device 001565abcdf1 locked - - provisioned a\n"));
}

static void what_is_common_is_changed_in_every_file_without_asking_for_a_device(void **state) {
	struct network n = {.at = network("198.51.100.0/24"), .account = "acct2", .added = TIME};

	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	OK(store_begin(store, &err));
	store_set_time(store, ++judge.now);
	OK(store_network_put(store, &n, &err));
	OK(store_commit(store, &err));
	assert_int_equal(copies_equal_the_state(SHARDS), SHARDS);
	assert_non_null(strstr(text_of("lockstate/00"), "network 198.51.100.0/24 acct2\n"));
}

/* What others did to a file lasts until the next write of any, not until that of this one. */
static void a_file_that_others_changed_is_not_taken_over(void **state) {
	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	shell("sed -i 's/locked/open/' lockstate/f0");
	commit_device(0x001565000001, DEVICE_LOCKED, NULL);
	publish_all(false);
	assert_int_equal(files, SHARDS + 1);
	assert_int_equal(copied, 0);
	assert_non_null(strstr(text_of("lockstate/f0"), "device 001565abcdf0 locked "));
}

static void a_former_file_that_is_not_whole_and_in_order_is_not_taken_over(void **state) {
#define HEAD "provctl-lockstate 1 2026-11-22T10:00:00Z\n"
#define A    "device 00000000000a locked - - stale -\n"
#define B    "device 00000000000b locked - - stale -\n"
	static const struct {
		const char *text;
		int taken;
	} rows[] = {
		{HEAD A B "default open\nend 2\n", 1},
		{HEAD "default open\nend 0\n", 1},
		{HEAD A "window 192.0.2.1 1795400000 *\nnetwork 192.0.2.0/28 a\ndefault locked\nend 3\n", 1},
		{"", 0},
		{HEAD, 0},
		{A B "default open\nend 2\n", 0},
		{"provctl-lockstate 2 2026-11-22T10:00:00Z\n" A "default open\nend 1\n", 0},
		{HEAD A B "default open\n", 0},
		{HEAD A B "default open\nend 3\n", 0},
		{HEAD A B "default open\nend x\n", 0},
		{HEAD A B "default open\nend 2", 0},
		{HEAD A B "default open\nend 2\n" A, 0},
		{HEAD B A "default open\nend 2\n", 0},
		{HEAD A A "default open\nend 2\n", 0},
		{HEAD A "device 0b\ndefault open\nend 2\n", 0},
		{HEAD A "other\ndefault open\nend 2\n", 0},
	};

	(void)state;
	publish_all(false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct publication p;
		struct newfile f;
		FILE *former = tmpfile();
		char full[128];
		int place;

		assert_non_null(former);
		assert_true(fputs(rows[i].text, former) >= 0 && fflush(former) == 0 && fseek(former, 0, SEEK_SET) == 0);
		(void)snprintf(full, sizeof(full), "%s/publish", folder);
		place = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		OK(publication_init(&p, store, &conf, TIME, TIME, &err));
		OK(newfile_begin(&f, place, full, "x", &err));
		if (publish_lockstate_copy(&p, &f, -1, fileno(former), &err) != rows[i].taken)
			fail_msg("row %zu is %staken over", i, rows[i].taken ? "not " : "");
		newfile_drop(&f);
		publication_release(&p);
		(void)close(place);
		(void)fclose(former);
	}
}

/* ---- a part of what is due ---- */

static struct published publish_some(const struct unpublished *only, int64_t till) {
	struct published sum;

	OK(publish(store, &judge, &conf, &(struct publish_order){.only = only, .till = till, .now = TIME + 5}, &sum, &err));
	return sum;
}

static void what_is_ordered_is_written_and_the_rest_stays_due(void **state) {
	struct unpublished touched;
	struct published sum;

	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	commit_device(0x001565000001, DEVICE_LOCKED, NULL);
	commit_device(0x001565000002, DEVICE_LOCKED, NULL);
	store_touched(store, &touched);
	sum = publish_some(&touched, 0);
	assert_int_equal(sum.files, 1);
	assert_true(sum.left);
	assert_non_null(strstr(text_of("lockstate/02"), "device 001565000002"));
	assert_null(strstr(text_of("lockstate/01"), "device 001565000001"));
	/* Marked before, and now again. */
	commit_device(0x001565000101, DEVICE_LOCKED, NULL);
	store_touched(store, &touched);
	sum = publish_some(&touched, 0);
	assert_int_equal(sum.files, 1);
	assert_false(sum.left);
	assert_non_null(strstr(text_of("lockstate/01"), "device 001565000001"));
	sum = publish_some(&touched, 0);
	assert_int_equal(sum.files, 0);
}

static void what_is_due_is_written_in_slices_and_nothing_is_forgotten(void **state) {
	struct network n = {.at = network("198.51.100.0/24"), .account = "acct2", .added = TIME};
	unsigned written = 0, calls = 0;
	struct published sum;

	(void)state;
	conf.lockstate.shards = SHARDS;
	example();
	publish_all(false);
	OK(store_begin(store, &err));
	store_set_time(store, TIME + 60);
	judge.now = TIME + 60;
	OK(store_network_put(store, &n, &err));
	OK(store_commit(store, &err));
	do {
		sum = publish_some(NULL, 1); /* a time that has passed: one file a call */
		assert_int_equal(sum.files, 1);
		written += sum.files;
		if (++calls == 100)
			commit_device(0x001565000001, DEVICE_LOCKED, NULL);
	} while (sum.left);
	/* The one that changed behind the first hundred was written again. */
	assert_int_equal(written, SHARDS + 1);
	assert_non_null(strstr(text_of("lockstate/01"), "device 001565000001"));
	shell("test \"$(grep -lx 'network 198.51.100.0/24 acct2' lockstate/?? | wc -l)\" = 256");
	shell("test \"$(head -qn 1 lockstate/?? | sort | uniq -c | awk '{print $1, $4}' | xargs)\" = "
	      "'255 2026-11-22T10:01:00Z 1 2026-11-22T10:01:01Z'");
	assert_true(publish_is_current(store, &conf));
}

/* ---- what can go wrong ---- */

static void refused(enum err_class class, const char *because) {
	assert_int_equal(publish(store, &judge, &conf, &(struct publish_order){.all = true, .now = TIME + 5}, NULL, &err),
	                 -1);
	assert_int_equal(err.class, class);
	if (!strstr(err.text, because))
		fail_msg("\"%s\" does not say \"%s\"", err.text, because);
}

static void a_write_that_fails_leaves_the_old_file_and_is_tried_again(void **state) {
	(void)state;
	example();
	publish_all(false);
	shell("mkdir -p .lockstate.tmp/not-ours");
	OK(store_begin(store, &err));
	store_set_time(store, TIME + 60);
	put_device(1, DEVICE_LOCKED, REASON_STALE, NULL, NULL, "-");
	OK(store_commit(store, &err));
	refused(ERR_SYSTEM, "not-ours");
	assert_string_equal(text_of("lockstate"), example_text);
	shell("rmdir .lockstate.tmp/not-ours .lockstate.tmp");
	publish_all(false);
	assert_int_equal(files, 1);
	assert_non_null(strstr(text_of("lockstate"), "device 000000000001 locked - - stale -\n"));
}

/* Part of it is written: the limit is one of the kernel's, and none of the state's own files is as short. */
static void a_file_for_which_there_is_no_room_is_not_put_in_place(void **state) {
	const struct rlimit few = {64, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};

	(void)state;
	example();
	publish_all(false);
	OK(store_begin(store, &err));
	store_set_time(store, TIME + 60);
	put_device(1, DEVICE_LOCKED, REASON_STALE, NULL, NULL, "-");
	OK(store_commit(store, &err));
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	refused(ERR_SYSTEM, "cannot be written");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_string_equal(text_of("lockstate"), example_text);
	publish_all(false);
	assert_non_null(strstr(text_of("lockstate"), "device 000000000001 locked - - stale -\n"));
}

static void an_unknown_group_is_named_with_what_to_do(void **state) {
	static char group[] = "no-such-group";

	(void)state;
	conf.lockstate.group = group;
	refused(ERR_INPUT, "there is no group no-such-group; make it, or set another");
}

static void mode_and_group_are_set(void **state) {
	static char group[] = "daemon";
	struct stat st;

	(void)state;
	if (getuid() != 0)
		skip();
	conf.lockstate.group = group;
	conf.lockstate.mode = 0644;
	publish_all(false);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(st.st_gid, 1);
	conf.lockstate.mode = 0440;
	conf.lockstate.shards = SHARDS;
	publish_all(false);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0550);
	assert_int_equal(st.st_gid, 1);
}

static void links_are_replaced_and_never_followed(void **state) {
	(void)state;
	publish_all(false);
	shell("echo kept >victim && rm lockstate && ln -s victim lockstate && ln -s victim .lockstate.tmp && "
	      "ln -s victim .bans.tmp");
	publish_all(false);
	assert_string_equal(text_of("victim"), "kept\n");
	assert_non_null(strstr(text_of("lockstate"), "end 0\n"));
	shell("test ! -L lockstate && test ! -L bans && test ! -e .lockstate.tmp && test ! -e .bans.tmp");
}

static void one_layout_becomes_the_other_and_back(void **state) {
	(void)state;
	example();
	publish_all(false);
	conf.lockstate.shards = SHARDS;
	publish_all(false);
	assert_int_equal(files, SHARDS + 1);
	assert_non_null(strstr(text_of("lockstate/ef"), "end 3\n"));
	assert_true(is_there("lockstate/bans"));
	assert_false(is_there("bans"));
	assert_false(is_there(".lockstate.tmp"));
	shell("cp lockstate/ef lockstate/.ef.tmp"); /* left by a kill */
	conf.lockstate.shards = 1;
	publish_all(false);
	assert_int_equal(files, 2);
	assert_string_equal(text_of("lockstate"), example_text);
	assert_true(is_there("bans"));
	assert_false(is_there(".lockstate.tmp"));
}

static void a_folder_with_other_files_is_never_removed(void **state) {
	(void)state;
	conf.lockstate.shards = SHARDS;
	publish_all(false);
	shell("echo kept >lockstate/notes");
	conf.lockstate.shards = 1;
	refused(ERR_SYSTEM, "holds notes, which is not provctl's");
	assert_string_equal(text_of("lockstate/notes"), "kept\n");
	assert_non_null(strstr(text_of("lockstate/00"), "end 0\n"));
}

static void what_a_kill_left_of_a_change_of_layout_is_cleared(void **state) {
	(void)state;
	publish_all(false);
	shell("mkdir .lockstate.tmp && cp lockstate .lockstate.tmp/00 && cp lockstate .lockstate.tmp/.01.tmp");
	conf.lockstate.shards = SHARDS;
	publish_all(false);
	assert_non_null(strstr(text_of("lockstate/01"), "end 0\n"));
	assert_false(is_there(".lockstate.tmp"));
	shell("test ! -e lockstate/.01.tmp");
}

static void names_that_would_clash_are_refused(void **state) {
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/publish/bans", folder);
	refused(ERR_INPUT, "cannot be the name");
	(void)snprintf(path, sizeof(path), "%s/publish/", folder);
	refused(ERR_INPUT, "cannot be the name");
	(void)snprintf(path, sizeof(path), "%s/none/none/lockstate", folder);
	refused(ERR_SYSTEM, "cannot be made");
}

static void a_look_tells_whether_the_files_are_as_they_were_written(void **state) {
	(void)state;
	assert_false(publish_is_current(store, &conf));
	example();
	publish_all(false);
	assert_true(publish_is_current(store, &conf));
	shell("rm bans");
	assert_false(publish_is_current(store, &conf));
	publish_all(false);
	assert_true(publish_is_current(store, &conf));
	shell("echo x >>lockstate");
	assert_false(publish_is_current(store, &conf));
	publish_all(true);
	assert_string_equal(text_of("lockstate"), example_text);
	conf.lockstate.shards = SHARDS;
	assert_false(publish_is_current(store, &conf));
	publish_all(false);
	assert_true(publish_is_current(store, &conf));
	shell("rm lockstate/7f");
	assert_false(publish_is_current(store, &conf));
	publish_all(false);
	assert_true(is_there("lockstate/7f"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(one_file_is_the_manuals_example_to_the_byte),
		CASE(a_shard_repeats_what_is_common_and_every_shard_is_there),
		CASE(a_change_rewrites_one_shard_and_stamps_that_alone),
		CASE(a_device_knows_when_its_line_was_published),
		CASE(what_is_watched_is_all_open),
		CASE(unlisted_devices_are_as_configured),
		CASE(a_pause_with_locks_opens_every_device_until_its_end),
		CASE(windows_that_are_over_are_left_out),
		CASE(bans_are_those_in_force_sorted_as_text),
		CASE(a_large_state_is_written_whole),
		CASE(what_changed_is_put_among_the_lines_of_the_former_file),
		CASE(a_device_that_is_gone_is_gone_from_the_file),
		CASE(what_is_common_is_changed_in_every_file_without_asking_for_a_device),
		CASE(a_file_that_others_changed_is_not_taken_over),
		CASE(a_former_file_that_is_not_whole_and_in_order_is_not_taken_over),
		CASE(what_is_ordered_is_written_and_the_rest_stays_due),
		CASE(what_is_due_is_written_in_slices_and_nothing_is_forgotten),
		CASE(a_write_that_fails_leaves_the_old_file_and_is_tried_again),
		CASE(a_file_for_which_there_is_no_room_is_not_put_in_place),
		CASE(an_unknown_group_is_named_with_what_to_do),
		CASE(mode_and_group_are_set),
		CASE(links_are_replaced_and_never_followed),
		CASE(one_layout_becomes_the_other_and_back),
		CASE(a_folder_with_other_files_is_never_removed),
		CASE(what_a_kill_left_of_a_change_of_layout_is_cleared),
		CASE(names_that_would_clash_are_refused),
		CASE(a_look_tells_whether_the_files_are_as_they_were_written),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
