#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

static unsigned below(uint64_t *random, unsigned n) {
	*random = *random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*random >> 33) % n;
}

/* One of many events: some devices, some addresses, times that mostly go forward. */
static void tell_anything(struct world *w, uint64_t *random, int64_t *time) {
	static const char *const verbs[] = {"served",      "refused",        "poll.served",    "poll.refused",
	                                    "served",      "sip.registered", "suspect",        "unauthorised",
	                                    "poll.served", "device.created", "device.deleted", "device.customised"};
	static const char *const words[] = {"",           "imposter",   "unproven", "phone asn=64500",
	                                    "folder=/a/", "folder=/b/", "says=1",   "says=2"};
	static const char *const addresses[] = {"203.0.113.1", "203.0.113.2",   "198.51.100.1", "198.51.100.2",
	                                        "192.0.2.1",   "2001:db8::1:1", "2001:db8::1:2"};
	unsigned verb = below(random, sizeof(verbs) / sizeof(verbs[0]));
	unsigned back = below(random, 10) == 0 ? below(random, 5000) : 0;
	char story[160];

	if (verb > 8 && below(random, 10) > 0)
		verb = 0;
	*time += below(random, 60) == 0 ? below(random, 3000000) : below(random, 900);
	(void)snprintf(story, sizeof(story), "%llds %s %s %c %s", (long long)(*time > back ? *time - back : *time),
	               verbs[verb], addresses[below(random, sizeof(addresses) / sizeof(addresses[0]))],
	               (char)('A' + below(random, 6)), words[below(random, sizeof(words) / sizeof(words[0]))]);
	world_tell(w, story);
}

struct run {
	unsigned batch, restarts;
	uint64_t random;
	bool quiet;
	unsigned hushed;
	struct judge_sums sums;
};

static char *dump_of_anything(struct run *run) {
	uint64_t random = run->random;
	struct world w;
	int64_t time = 0;
	char *dump;

	world_open(&w);
	w.conf.devices.same_network.asn = true;
	w.conf.record.keep = 9000 * (int64_t)DAY; /* all that happened is compared */
	world_tell(&w, "0s network-add 192.0.2.0/28; 0s window-open 198.51.100.2 for=40h; 0s add A; 0s add B; "
	               "0s import C homes=203.0.113.1; 0s unlock C");
	w.batch = run->batch;
	w.restarts = run->restarts;
	w.steps = 0;
	w.quiet = run->quiet;
	for (unsigned i = 0; i < 2520; i++)
		tell_anything(&w, &random, &time);
	run->hushed = w.hushed;
	run->sums = *judge_sums(w.judge);
	dump = world_dump(&w);
	world_close(&w);
	return dump;
}

static void replays_agree_whatever_the_batches_and_restarts(void **state) {
	/* events in a transaction, events between restarts */
	struct run runs[] = {{1, 0, .random = 2},
	                     {7, 0, .random = 2},
	                     {360, 0, .random = 2},
	                     {2520, 0, .random = 2},
	                     {1, 1, .random = 2},
	                     {1, 60, .random = 2},
	                     {12, 120, .random = 2},
	                     {1, 0, .random = 2, .quiet = true},
	                     {12, 120, .random = 2, .quiet = true}};
	char *first = dump_of_anything(&runs[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		char *again = dump_of_anything(&runs[i]);

		assert_string_equal(first, again);
		free(again);
	}
	assert_non_null(strstr(first, "held")); /* the story had all of it in it */
	assert_non_null(strstr(first, "home-dropped"));
	assert_non_null(strstr(first, "exposed"));
	assert_non_null(strstr(first, "cascaded"));
	free(first);
}

static void what_is_looked_up_is_what_the_rules_would_have_said(void **state) {
	(void)state;
	for (uint64_t random = 1; random <= 12; random++) {
		struct run run = {.batch = 360, .random = random}, quick = {.batch = 360, .random = random, .quiet = true};
		char *slow_dump = dump_of_anything(&run), *quick_dump = dump_of_anything(&quick);

		assert_string_equal(slow_dump, quick_dump);
		assert_memory_equal(&run.sums, &quick.sums, sizeof(run.sums));
		if (quick.hushed < 50)
			fail_msg("only %u events were looked up", quick.hushed);
		free(slow_dump);
		free(quick_dump);
	}
}

static void state_time_never_goes_back(void **state) {
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "2h served 203.0.113.7; 1h served 203.0.113.7 B; 0s lock");
	assert_int_equal(judge_time(w.judge), EPOCH + 2 * HOUR);
	world_close(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_agree_whatever_the_batches_and_restarts),
		cmocka_unit_test(what_is_looked_up_is_what_the_rules_would_have_said),
		cmocka_unit_test(state_time_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
