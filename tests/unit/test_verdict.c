#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

/* Each row: what is shown, a story, the address that asks for device A, how long after EPOCH, and the answer. */
struct row {
	const char *title;
	const char *story;
	const char *ip;
	int64_t at;
	enum verdict verdict;
};

#define S VERDICT_SERVED
#define R VERDICT_REFUSED
#define F VERDICT_FORGOTTEN

static const struct row rows[] = {
	/* Now and ahead. */
	{"its home is served", "0s served 203.0.113.7", "203.0.113.7", HOUR, S},
	{"elsewhere is refused", "0s served 203.0.113.7", "198.51.100.4", HOUR, R},
	{"an IPv6 neighbour in its /64 is served", "0s served 2001:db8:1:2::7", "2001:db8:1:2::8", HOUR, S},
	{"a new device is served to anyone", "0s add", "198.51.100.4", DAY - 1, S},
	{"a new device is refused past its limit", "0s add", "198.51.100.4", DAY, R},
	{"an unlocked device is served to anyone", "0s served 203.0.113.7; 1h unlock", "198.51.100.4", 2 * HOUR, S},
	{"an unlock that lapsed serves its home", "0s served 203.0.113.7; 1h unlock", "203.0.113.7", 25 * HOUR, S},
	{"an unlock that lapsed refuses others", "0s served 203.0.113.7; 1h unlock", "198.51.100.4", 25 * HOUR, R},
	{"an account-wide unlock has no end", "0s served 203.0.113.7; 1h unlock-account", "198.51.100.4", 99 * DAY, S},
	{"a window serves its address", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h", "198.51.100.4",
     2 * HOUR, S},
	{"a window serves nobody else", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h", "198.51.100.5",
     2 * HOUR, R},
	{"a window that is over serves nobody", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h", "198.51.100.4",
     3 * HOUR, R},
	{"another account's window serves nobody",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h account=acct2", "198.51.100.4", 2 * HOUR, R},
	{"a window for any account serves", "0s served 203.0.113.7; 1h window-open 198.51.100.0/24 for=2h account=*",
     "198.51.100.4", 2 * HOUR, S},
	{"a held device has no windows",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h window-open 198.51.100.4 for=2h",
     "198.51.100.4", 5 * HOUR, R},
	{"a network of its account serves", "0s served 203.0.113.7; 1h network-add 192.0.2.0/28", "192.0.2.3", 2 * HOUR, S},
	{"another account's network does not", "0s served 203.0.113.7; 1h network-add 192.0.2.0/28 account=acct2",
     "192.0.2.3", 2 * HOUR, R},
	{"a removed device is refused at its former home", "0s served 203.0.113.7; 1h remove", "203.0.113.7", 2 * HOUR, R},
	{"an unlisted MAC is served by default", "0s served 203.0.113.7 B", "198.51.100.4", HOUR, S},
	{"while locks are paused all are served", "0s served 203.0.113.7; 1h pause for=1h locks", "198.51.100.4", HOUR, S},
	{"when the pause is over no longer", "0s served 203.0.113.7; 1h pause for=1h locks", "198.51.100.4", 2 * HOUR, R},
	{"a pause of bans alone opens nothing", "0s served 203.0.113.7; 1h pause for=1h", "198.51.100.4", HOUR, R},
	{"in watch mode all are served", "0s served 203.0.113.7; 1h watch", "198.51.100.4", HOUR, S},

	/* The past, by event time. */
	{"before an unlock it was locked", "0s served 203.0.113.7; 2h unlock", "198.51.100.4", HOUR, R},
	{"between unlock and use it was open", "0s served 203.0.113.7; 2h unlock; 4h served 198.51.100.4", "192.0.2.1",
     3 * HOUR, S},
	{"its old home was its home then", "0s served 203.0.113.7; 2h unlock; 4h served 198.51.100.4", "203.0.113.7", HOUR,
     S},
	{"its new home was not its home then", "0s served 203.0.113.7; 2h unlock; 4h served 198.51.100.4", "198.51.100.4",
     HOUR, R},
	{"a window that is over now served then",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=1h; 9h served 192.0.2.9 B", "198.51.100.4", 5400, S},
	{"a window that was not yet open did not serve",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=1h; 9h served 192.0.2.9 B", "198.51.100.4", 1800, R},
	{"a network that is gone served then",
     "0s served 203.0.113.7; 1h network-add 192.0.2.0/28; 2h network-remove 192.0.2.0/28; 9h served 192.0.2.99 B",
     "192.0.2.3", 5400, S},
	{"a network that is gone does not serve later",
     "0s served 203.0.113.7; 1h network-add 192.0.2.0/28; 2h network-remove 192.0.2.0/28; 9h served 192.0.2.99 B",
     "192.0.2.3", 3 * HOUR, R},
	{"while locks were paused all were served", "0s served 203.0.113.7; 1h pause for=1h locks; 9h served 192.0.2.9 B",
     "198.51.100.4", 5400, S},
	{"before that pause not", "0s served 203.0.113.7; 1h pause for=1h locks; 9h served 192.0.2.9 B", "198.51.100.4",
     1800, R},
	{"since that pause not", "0s served 203.0.113.7; 1h pause for=9h locks; 2h resume; 9h served 192.0.2.9 B",
     "198.51.100.4", 2 * HOUR, R},
	{"a newer pause does not hide an older one",
     "0s served 203.0.113.7; 1h pause for=1h locks; 5h pause for=1h; 9h served 192.0.2.9 B", "198.51.100.4", 5400, S},
	{"a pause that a newer one replaced ended then",
     "0s served 203.0.113.7; 1h pause for=9h locks; 2h pause for=1h; 9h served 192.0.2.9 B", "198.51.100.4", 3 * HOUR,
     R},
	{"before it was learned a MAC was unlisted", "0s served 192.0.2.9 B; 2h served 203.0.113.7", "198.51.100.4", HOUR,
     S},
	{"before it was removed it was served at home", "0s served 203.0.113.7; 2h remove; 3h served 192.0.2.9 B",
     "203.0.113.7", HOUR, S},
	{"while it was listed as removed it was refused",
     "0s served 203.0.113.7; 1h remove; 40d served 192.0.2.9 B; 42d served 192.0.2.9 B", "203.0.113.7", 20 * DAY, R},
	{"since it is no longer listed the default holds",
     "0s served 203.0.113.7; 1h remove; 40d served 192.0.2.9 B; 42d served 192.0.2.9 B", "203.0.113.7", 41 * DAY, S},
	{"before the record begins nothing is known", "1h served 203.0.113.7; 2h served 203.0.113.7", "203.0.113.7", 0, F},
	{"what the record forgot is not known", "0s served 203.0.113.7; 95d lock; 95d served 192.0.2.9 B", "203.0.113.7",
     HOUR, F},
	{"a device that did not change since before the record begins is as it is now",
     "0s served 203.0.113.7; 91d served 192.0.2.9 B; 95d served 192.0.2.9 C", "198.51.100.4", 93 * DAY, R},
	{"a device that changed later, and whose former line is forgotten, is not known",
     "0s served 203.0.113.7; 91d served 192.0.2.9 B; 95d lock; 96d served 192.0.2.9 C", "203.0.113.7", 93 * DAY, F},
};

static void each_verdict_is_what_a_generator_answers(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct buf why;
		struct err err;
		struct addr ip;
		enum verdict verdict;

		world_open(&w);
		world_tell(&w, rows[i].story);
		buf_init(&why, 4096);
		assert_true(addr_parse(rows[i].ip, strlen(rows[i].ip), &ip));
		if (judge_verdict(w.judge, world_mac('A'), ip, EPOCH + rows[i].at, &verdict, &why, &err) < 0)
			fail_msg("%s: %s", rows[i].title, err.text);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %d, %.*s", rows[i].title, verdict, (int)why.n, why.p);
		assert_true(why.n > 0);
		buf_release(&why);
		world_close(&w);
	}
}

static void an_unlisted_mac_is_refused_where_unlisted_is_locked(void **state) {
	struct world w;
	struct buf why;
	struct err err;
	struct addr ip;
	enum verdict verdict;

	(void)state;
	world_open(&w);
	w.conf.devices.unlisted_open = false;
	world_tell(&w, "0s served 203.0.113.7 B; 0s window-open 192.0.2.1 for=1h account=*");
	buf_init(&why, 4096);
	assert_true(addr_parse("198.51.100.4", 12, &ip));
	assert_int_equal(judge_verdict(w.judge, world_mac('A'), ip, EPOCH, &verdict, &why, &err), 0);
	assert_int_equal(verdict, R);
	assert_true(addr_parse("192.0.2.1", 9, &ip)); /* a window for any account holds it, too */
	assert_int_equal(judge_verdict(w.judge, world_mac('A'), ip, EPOCH, &verdict, &why, &err), 0);
	assert_int_equal(verdict, S);
	buf_release(&why);
	world_close(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verdict_is_what_a_generator_answers),
		cmocka_unit_test(an_unlisted_mac_is_refused_where_unlisted_is_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
