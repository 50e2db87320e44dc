/* storing: each test is one transaction on a state in memory. Included behind cmocka.h. */
#ifndef PROVCTL_TESTS_STORING_H
#define PROVCTL_TESTS_STORING_H

#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"
#include "enforcer/store_private.h"

#define NOW ((int64_t)1795400000)

static struct conf conf;
static struct store *store;
static struct err err;

#define OK(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s", #call, err.text);                                                                       \
	} while (0)

static inline int begin(void **state) {
	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.devices.same_network.bits4 = 128;
	conf.devices.same_network.bits6 = 64;
	conf.devices.new_for = DAY;
	OK(store_open(&store, NULL, STORE_OWN, 0, NULL, &err));
	store_set_conf(store, &conf);
	OK(store_begin(store, &err));
	store_set_time(store, NOW);
	return 0;
}

static inline int end(void **state) {
	(void)state;
	OK(store_commit(store, &err));
	store_close(&store);
	return 0;
}

static inline struct addr address(const char *text) {
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static inline struct prefix network(const char *text) {
	struct prefix p;

	assert_true(prefix_parse(text, strlen(text), &p));
	return p;
}

static inline void add_home(struct device *d, const char *at, enum home_kind kind, bool backed, int64_t added) {
	d->homes.at[d->homes.n++] =
		(struct home){.at = network(at), .kind = kind, .backed = backed, .added = added, .used = added};
}

static inline struct device device(uint64_t mac, const char *account, enum device_state state) {
	struct device d = {.mac = mac, .state = state, .reason = REASON_PROVISIONED, .created = NOW};

	(void)snprintf(d.account, sizeof(d.account), "%s", account);
	return d;
}

static inline void clear_marks(int64_t now) {
	struct unpublished all;

	memset(&all, true, sizeof(all));
	OK(store_published(store, &all, now, &err));
}

static inline bool is_marked(unsigned shard) {
	struct unpublished u;

	OK(store_unpublished(store, &u, &err));
	return u.shard[shard];
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
