/* Databases: whole, broken, missing, replaced. The corpora's are read where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/geo.h"

#define CORPUS "/../shared/corpora/mmdb/"

static char *corpus_path(const char *name) {
	static char path[512];
	const char *top = getenv("top_srcdir");

	(void)snprintf(path, sizeof(path), "%s" CORPUS "%s", top ? top : ".", name);
	if (access(path, R_OK) != 0) {
		print_message("corpora: %s is not here\n", name);
		skip();
	}
	return path;
}

static struct addr ip_of(const char *text) {
	struct addr ip;

	assert_true(addr_parse(text, strlen(text), &ip));
	return ip;
}

static struct geo *opened(char *country, char *asn) {
	struct conf conf = {0};
	struct geo *geo;
	struct err err;

	conf.geoip.country = country;
	conf.geoip.asn = asn;
	assert_int_equal(geo_open(&geo, &conf, &err), 0);
	return geo;
}

static void without_databases_nothing_is_known(void **state) {
	struct geo *geo = opened("", "");
	char country[2] = {'X', 'X'};
	uint32_t asn = 1;

	(void)state;
	geo_find(geo, ip_of("203.0.113.7"), country, &asn);
	assert_int_equal(country[0], '\0');
	assert_int_equal(asn, 0);
	assert_string_equal(geo_problem(geo), "");
	geo_close(&geo);
	country[0] = 'X';
	geo_find(NULL, ip_of("203.0.113.7"), country, &asn);
	assert_int_equal(country[0], '\0');
}

static void a_file_that_is_none_is_a_problem_and_no_more(void **state) {
	char name[] = "/tmp/test_geo.XXXXXX";
	int fd = mkstemp(name);
	const char *why;
	struct geo *geo;
	char country[2];
	uint32_t asn;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "not a database", 14), 14);
	assert_int_equal(close(fd), 0);
	geo = opened(name, "/nonexistent.mmdb");
	why = geo_problem(geo);
	assert_non_null(strstr(why, name));
	geo_find(geo, ip_of("203.0.113.7"), country, &asn);
	assert_int_equal(country[0], '\0');
	geo_close(&geo);
	geo = opened("", "/nonexistent.mmdb");
	assert_non_null(strstr(geo_problem(geo), "/nonexistent.mmdb"));
	geo_close(&geo);
	geo = opened("/tmp", "");
	assert_non_null(strstr(geo_problem(geo), "regular"));
	geo_close(&geo);
	assert_int_equal(unlink(name), 0);
}

static void country_and_system_of_both_families_are_found(void **state) {
	char *country_db = strdup(corpus_path("GeoLite2-Country-Test.mmdb"));
	struct geo *geo = opened(country_db, corpus_path("GeoLite2-ASN-Test.mmdb"));
	char country[2];
	uint32_t asn;

	(void)state;
	assert_string_equal(geo_problem(geo), "");
	geo_find(geo, ip_of("2.125.160.216"), country, &asn);
	assert_memory_equal(country, "GB", 2);
	geo_find(geo, ip_of("1.128.0.1"), country, &asn);
	assert_int_equal(asn, 1221);
	geo_find(geo, ip_of("2001:218::1"), country, &asn);
	assert_memory_equal(country, "JP", 2);
	geo_find(geo, ip_of("127.0.0.1"), country, &asn);
	assert_int_equal(country[0], '\0');
	assert_int_equal(asn, 0);
	geo_close(&geo);
	free(country_db);
}

static void broken_databases_tell_nothing_and_hurt_nobody(void **state) {
	static const char *const names[] = {
		"MaxMind-DB-test-broken-pointers-24.mmdb",
		"MaxMind-DB-test-broken-search-tree-24.mmdb",
		"GeoIP2-City-Test-Invalid-Node-Count.mmdb",
	};
	char country[2];
	uint32_t asn;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = strdup(corpus_path(names[i]));
		struct geo *geo = opened(path, path);

		for (unsigned a = 1; a < 224; a++)
			for (unsigned b = 0; b < 256; b += 5) {
				char text[32];

				(void)snprintf(text, sizeof(text), "%u.%u.1.1", a, b);
				geo_find(geo, ip_of(text), country, &asn);
				assert_true(country[0] == '\0' || (country[0] >= 'A' && country[0] <= 'Z'));
			}
		geo_find(geo, ip_of("2001:db8::1"), country, &asn);
		geo_close(&geo);
		free(path);
	}
}

static void copy(const char *from, const char *to) {
	char bytes[4096];
	size_t n;
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

static void a_replaced_database_is_reread_and_a_cut_one_hurts_nobody(void **state) {
	char name[] = "/tmp/test_geo.XXXXXX";
	int fd = mkstemp(name);
	struct geo *geo;
	char country[2];
	uint32_t asn;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	copy(corpus_path("GeoLite2-Country-Test.mmdb"), name);
	geo = opened(name, "");
	geo_find(geo, ip_of("2.125.160.216"), country, &asn);
	assert_memory_equal(country, "GB", 2);
	assert_int_equal(truncate(name, 0), 0);
	geo_find(geo, ip_of("2.125.160.216"), country, &asn);
	assert_memory_equal(country, "GB", 2);
	sleep(2);
	geo_refresh(geo);
	assert_non_null(strstr(geo_problem(geo), name));
	geo_find(geo, ip_of("2.125.160.216"), country, &asn);
	assert_memory_equal(country, "GB", 2);
	copy(corpus_path("GeoLite2-Country-Test.mmdb"), name);
	sleep(2);
	geo_refresh(geo);
	assert_string_equal(geo_problem(geo), "");
	geo_close(&geo);
	assert_int_equal(unlink(name), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_databases_nothing_is_known),
		cmocka_unit_test(a_file_that_is_none_is_a_problem_and_no_more),
		cmocka_unit_test(country_and_system_of_both_families_are_found),
		cmocka_unit_test(broken_databases_tell_nothing_and_hurt_nobody),
		cmocka_unit_test(a_replaced_database_is_reread_and_a_cut_one_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
