/* Verdicts from a copy in memory: as the library for generators reads the same file, at once when it is replaced, and never from one that is not
 * whole. The tokens for them come by a file in the same way. */
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

#include "common/lockstate.h"
#include "common/mac.h"
#include "common/token.h"

#include "portal/lockfile.h"
#include "portal/verdict_token.h"

#define NOW     1795400000
#define DEVICES 300

static char folder[64], path[128];

static int make_folder(void **state) {
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test_portal.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/lockstate", folder);
	return 0;
}

static int remove_folder(void **state) {
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* Replaces the file as the enforcer does. */
static void put(const char *text) {
	char fresh[160];
	FILE *f;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static struct addr ip(const char *text) {
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static unsigned pick(unsigned *seed, unsigned n) {
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

/* A random file: devices of all kinds, windows and networks, all in few addresses and accounts. */
static void make(char *text, size_t size, unsigned *seed) {
	static const char *const homes[] = {"-", "203.0.113.1", "203.0.113.1,2001:db8:1::/64", "203.0.112.0/23"};
	static const char *const reasons[] = {"provisioned", "held", "unlocked", "stale"};
	static const char *const places[] = {"203.0.113.2", "198.51.100.0/24", "2001:db8:2::/64", "192.0.2.9"};
	size_t n = (size_t)snprintf(text, size, "provctl-lockstate 1 2026-11-22T10:00:00Z\n");
	unsigned counted = 0;

	for (unsigned i = 0; i < DEVICES; i++) {
		char until[24] = "-";

		if (pick(seed, 3) == 0)
			continue;
		if (pick(seed, 2))
			(void)snprintf(until, sizeof(until), "%d", NOW - 1 + (int)pick(seed, 3));
		n += (size_t)snprintf(text + n, size - n, "device 0015650%05x %s %s %s %s acct%u\n", i * 7,
		                      pick(seed, 2) ? "open" : "locked", until, homes[pick(seed, 4)], reasons[pick(seed, 4)],
		                      pick(seed, 3));
		counted++;
	}
	for (unsigned i = 0; i < 6; i++) {
		const char *place = places[pick(seed, 4)];

		if (pick(seed, 2))
			n += (size_t)snprintf(text + n, size - n, "window %s %d %s%u\n", place, NOW - 1 + (int)pick(seed, 3),
			                      "acct", pick(seed, 3));
		else if (pick(seed, 4) == 0)
			n += (size_t)snprintf(text + n, size - n, "window %s %d *\n", place, NOW + 1);
		else
			n += (size_t)snprintf(text + n, size - n, "network %s acct%u\n", place, pick(seed, 3));
		counted++;
	}
	n += (size_t)snprintf(text + n, size - n, "default %s\nend %u\n", pick(seed, 2) ? "open" : "locked", counted);
	assert_true(n < size);
}

static void verdicts_are_those_of_the_reader_for_generators(void **state) {
	static const char *const askers[] = {"203.0.113.1",   "203.0.112.9",   "203.0.113.2", "198.51.100.7",
	                                     "2001:db8:1::9", "2001:db8:2::9", "192.0.2.9",   "192.0.2.10"};
	static const struct {
		enum lockstate_answer theirs;
		enum answer ours;
	} same[] = {{LOCKSTATE_SERVE, ANSWER_SERVE}, {LOCKSTATE_REFUSE, ANSWER_REFUSE}};
	static char text[64 << 10];
	struct lockfile *l;
	struct err err;
	unsigned seed = 7, of[2] = {0, 0};

	(void)state;
	assert_int_equal(lockfile_new(&l, path, 1, &err), 0);
	for (int file = 0; file < 20; file++) {
		make(text, sizeof(text), &seed);
		put(text);
		for (unsigned i = 0; i < DEVICES; i++) {
			const char *asker = askers[pick(&seed, 8)];
			uint64_t mac = 0x001565000000 + i * 7ULL;
			char name[MAC_TEXT];
			enum answer got = lockfile_verdict(l, mac, ip(asker), NOW);
			unsigned which = got == ANSWER_REFUSE;

			mac_print(mac, name);
			if (got == ANSWER_UNAVAILABLE || lockstate_verdict(path, name, asker, NOW) != same[which].theirs)
				fail_msg("%s at %s: not %d", name, asker, (int)got);
			of[which]++;
		}
	}
	assert_true(of[0] > 500 && of[1] > 500);
	lockfile_free(&l);
	assert_int_equal(unlink(path), 0);
}

#define HEAD   "provctl-lockstate 1 2026-11-22T10:00:00Z\n"
#define A      "device 001565abcdef locked - 203.0.113.1 provisioned acct1\n"
#define B      "device 001565abcdf0 locked - 203.0.113.1 provisioned acct1\n"
#define SERVED "device 001565abcdef open - - unlocked acct1\n"

static void a_file_that_is_not_whole_says_nothing(void **state) {
	static const char *const rows[] = {
		"",
		HEAD,
		HEAD A,
		HEAD A "default open\n",
		HEAD A "default open\nend 2\n",
		HEAD A "default open\nend 0\n",
		HEAD A "default open\nend 1",
		HEAD A "default open\nend 1\nx\n",
		HEAD A "default maybe\nend 1\n",
		HEAD B A "default open\nend 2\n",
		HEAD A A "default open\nend 2\n",
		HEAD "device \ndefault open\nend 1\n",
		HEAD "window 1.2.3.4 x acct1\ndefault open\nend 1\n",
		"provctl-lockstate 2 2026-11-22T10:00:00Z\n" A "default open\nend 1\n",
		A "default open\nend 1\n",
	};
	struct lockfile *l;
	struct err err;

	(void)state;
	assert_int_equal(lockfile_new(&l, path, 1, &err), 0);
	assert_int_equal(lockfile_verdict(l, 0x001565abcdef, ip("203.0.113.1"), NOW), ANSWER_UNAVAILABLE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(rows[i]);
		if (lockfile_verdict(l, 0x001565abcdef, ip("203.0.113.1"), NOW) != ANSWER_UNAVAILABLE)
			fail_msg("row %zu", i);
	}
	put(HEAD A B "default open\nend 2\n");
	assert_int_equal(lockfile_verdict(l, 0x001565abcdef, ip("203.0.113.1"), NOW), ANSWER_SERVE);
	lockfile_free(&l);
	assert_int_equal(unlink(path), 0);
}

static void a_file_that_was_replaced_is_obeyed_at_once(void **state) {
	struct lockfile *l;
	struct err err;

	(void)state;
	assert_int_equal(lockfile_new(&l, path, 1, &err), 0);
	for (int i = 0; i < 50; i++) {
		put(i % 2 ? HEAD SERVED "default open\nend 1\n" : HEAD A "default open\nend 1\n");
		assert_int_equal(lockfile_verdict(l, 0x001565abcdef, ip("198.51.100.1"), NOW),
		                 i % 2 ? ANSWER_SERVE : ANSWER_REFUSE);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lockfile_verdict(l, 0x001565abcdef, ip("198.51.100.1"), NOW), ANSWER_UNAVAILABLE);
	lockfile_free(&l);
}

static void of_shards_the_one_by_the_last_digits_is_asked(void **state) {
	struct lockfile *l;
	struct err err;
	char shards[96];

	(void)state;
	(void)snprintf(shards, sizeof(shards), "%s/shards", folder);
	assert_int_equal(mkdir(shards, 0700), 0);
	assert_int_equal(lockfile_new(&l, shards, 256, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/ef", shards);
	put(HEAD A "default open\nend 1\n");
	assert_int_equal(lockfile_verdict(l, 0x001565abcdef, ip("198.51.100.1"), NOW), ANSWER_REFUSE);
	assert_int_equal(lockfile_verdict(l, 0x001565abceef, ip("198.51.100.1"), NOW), ANSWER_SERVE);
	assert_int_equal(lockfile_verdict(l, 0x001565abcdf0, ip("198.51.100.1"), NOW), ANSWER_UNAVAILABLE);
	lockfile_free(&l);
	(void)snprintf(path, sizeof(path), "%s/lockstate", folder);
}

static void a_verdict_token_is_good_while_its_hash_is_published_and_its_time_runs(void **state) {
	static const char heading[] = TOKEN_HEADING "\n";
	char token[TOKEN_LENGTH + 1], other[TOKEN_LENGTH + 1], hex[TOKEN_HEX], text[512];
	struct verdict_tokens *t;
	struct token_hash hash;
	struct err err;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/" TOKEN_FOLDER, folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/" TOKEN_FOLDER "/" TOKEN_FILE, folder);
	assert_int_equal(token_make(token, &err), 0);
	assert_int_equal(token_make(other, &err), 0);
	token_hash(slice_of(token), &hash);
	token_print(&hash, hex);
	assert_int_equal(verdict_tokens_new(&t, folder, &err), 0);
	/* Nobody made one. */
	assert_int_equal(verdict_token(t, slice_of(token), NOW), TOKEN_BAD);
	(void)snprintf(text, sizeof(text), "%sverdict %.8s %s %d\nend 1\n", heading, token + 4, hex, NOW + 1);
	put(text);
	assert_int_equal(verdict_token(t, slice_of(token), NOW), TOKEN_GOOD);
	assert_int_equal(verdict_token(t, slice_of(token), NOW + 1), TOKEN_BAD);
	assert_int_equal(verdict_token(t, slice_of(other), NOW), TOKEN_BAD);
	assert_int_equal(verdict_token(t, slice_of(hex), NOW), TOKEN_BAD);
	assert_int_equal(verdict_token(t, (struct slice){0}, NOW), TOKEN_BAD);
	(void)snprintf(text, sizeof(text), "%sverdict %.8s %s -\n", heading, token + 4, hex);
	put(text);
	assert_int_equal(verdict_token(t, slice_of(token), NOW), TOKEN_UNAVAILABLE);
	(void)snprintf(text, sizeof(text), "%sverdict %.8s %s -\nend 2\n", heading, token + 4, hex);
	put(text);
	assert_int_equal(verdict_token(t, slice_of(token), NOW), TOKEN_UNAVAILABLE);
	(void)snprintf(text, sizeof(text), "%send 0\n", heading);
	put(text);
	assert_int_equal(verdict_token(t, slice_of(token), NOW), TOKEN_BAD);
	verdict_tokens_free(&t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_those_of_the_reader_for_generators),
		cmocka_unit_test(a_file_that_is_not_whole_says_nothing),
		cmocka_unit_test(a_file_that_was_replaced_is_obeyed_at_once),
		cmocka_unit_test(of_shards_the_one_by_the_last_digits_is_asked),
		cmocka_unit_test(a_verdict_token_is_good_while_its_hash_is_published_and_its_time_runs),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
