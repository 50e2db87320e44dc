/* Records that go through a lane come out whole and in order, however long they are and however slow either side is. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/lane.h"

#define RECORDS 200000

static struct lane lane;

static int set_up(void **state) {
	(void)state;
	memset(&lane, 0, sizeof(lane));
	return 0;
}

static uint32_t spin(uint32_t *seed) {
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* Nearly all are short, some are as long as any may be, some are empty. */
static size_t length_of(uint32_t *seed) {
	uint32_t kind = spin(seed) % 100;

	return kind == 0 ? LANE_RECORD_MAX : kind == 1 ? 0 : kind < 10 ? spin(seed) % LANE_RECORD_MAX : spin(seed) % 600;
}

static void fill(unsigned char *to, size_t n, uint32_t number) {
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(number * 31 + i);
}

static bool is_filled(const unsigned char *p, size_t n, uint32_t number) {
	for (size_t i = 0; i < n; i++)
		if (p[i] != (unsigned char)(number * 31 + i))
			return false;
	return true;
}

static void *write_all(void *unused) {
	uint32_t seed = 11;

	(void)unused;
	for (uint32_t i = 0; i < RECORDS;) {
		unsigned char *to = lane_room(&lane);
		size_t n;

		if (!to) {
			(void)sched_yield();
			continue;
		}
		n = length_of(&seed);
		fill(to, n, i++);
		lane_put(&lane, n);
	}
	return NULL;
}

static void test_order(void **state) {
	struct lane_end end;
	pthread_t writer;
	uint32_t seed = 11, number = 0;

	(void)state;
	lane_end_init(&end, &lane);
	assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
	while (number < RECORDS) {
		const void *record;
		size_t n;
		int taken = lane_take(&end, &record, &n);

		if (taken == 0) {
			(void)sched_yield();
			continue;
		}
		assert_int_equal(taken, 1);
		assert_int_equal(n, length_of(&seed));
		assert_true(is_filled(record, n, number++));
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
}

/* Fills the lane; how many records that are. */
static uint32_t fill_up(size_t n) {
	uint32_t put = 0;
	void *to;

	while ((to = lane_room(&lane)) != NULL) {
		fill(to, n, put++);
		lane_put(&lane, n);
	}
	return put;
}

static void test_held(void **state) {
	static const size_t lengths[] = {0, 1, 500, 4000, LANE_RECORD_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct lane_end end;
		const void *record, *none = &none;
		size_t n;
		uint32_t put;

		(void)set_up(NULL);
		lane_end_init(&end, &lane);
		assert_true(lane_is_taken(&lane));
		put = fill_up(lengths[i]);
		assert_in_range(put, 2, LANE_SIZE);
		assert_false(lane_has_room(&lane));
		assert_int_equal(lane_take(&end, &record, &n), 1);
		/* What is held is not free: nothing more can be put, and it stays as it is. */
		assert_null(lane_room(&lane));
		assert_int_equal(n, lengths[i]);
		assert_true(is_filled(record, n, 0));
		for (uint32_t k = 1; k < put; k++) {
			assert_false(lane_is_taken(&lane));
			assert_int_equal(lane_take(&end, &record, &n), 1);
			assert_true(is_filled(record, n, k));
		}
		assert_true(lane_is_taken(&lane));
		none = record;
		assert_int_equal(lane_take(&end, &none, &n), 0);
		assert_ptr_equal(none, record);
		/* With nothing but the record that is held there is room, wherever it stands. */
		assert_true(lane_has_room(&lane));
		assert_true(fill_up(lengths[i]) > 0);
		assert_true(is_filled(record, n, put - 1));
	}
}

static void test_anew(void **state) {
	struct lane_end end;
	const void *record;
	size_t n;

	(void)state;
	lane_end_init(&end, &lane);
	(void)fill_up(300);
	lane_end_init(&end, &lane);
	assert_int_equal(lane_take(&end, &record, &n), 0);
	memcpy(lane_room(&lane), "anew", 4);
	lane_put(&lane, 4);
	assert_int_equal(lane_take(&end, &record, &n), 1);
	assert_int_equal(n, 4);
	assert_memory_equal(record, "anew", 4);
}

/* What a writer that lost its mind may have left there. */
static void test_no_record(void **state) {
	static const struct {
		const char *label;
		uint64_t place, written, size, bytes;
	} rows[] = {
		{"a size that is no multiple", 0, 4096, 100, 10},
		{"shorter than what it holds", 0, 4096, 128, 500},
		{"longer than what it holds", 0, 4096, 1024, 10},
		{"longer than any", 0, 65536, 32768 + 64, 32768},
		{"past the ring's end", LANE_SIZE - 128, 4096, 192, 128},
		{"a size that wraps", 0, 4096, 0, UINT64_MAX},
		{"nothing but what is left out", 0, 4096, 0, 0},
		{"more than the ring holds", 0, LANE_SIZE + 64, 128, 64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lane_end end;
		const void *record;
		size_t n;

		(void)set_up(NULL);
		atomic_store(&lane.written, rows[i].place);
		lane_end_init(&end, &lane);
		memcpy(lane.bytes + rows[i].place, &rows[i].size, sizeof(uint64_t));
		memcpy(lane.bytes + rows[i].place + sizeof(uint64_t), &rows[i].bytes, sizeof(uint64_t));
		atomic_store(&lane.written, rows[i].place + rows[i].written);
		if (lane_take(&end, &record, &n) != -1)
			fail_msg("%s", rows[i].label);
	}
}

#define TEST(title, function)                                                                                          \
	{ title, function, set_up, NULL, NULL }

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST("records of any length come in order and whole", test_order),
		TEST("the record that is held is not written over", test_held),
		TEST("a lane that is lent anew is empty", test_anew),
		TEST("what is no record is told from one", test_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
