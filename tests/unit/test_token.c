/* Tokens: what they are made of, and how the state keeps them and what addresses lifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "storing.h"

static struct token token(enum token_role role, const char *account, uint32_t nmacs) {
	struct token t = {.role = role, .created = NOW, .nmacs = nmacs};
	char text[TOKEN_LENGTH + 1];

	OK(token_make(text, &err));
	assert_true(token_parse(slice_of(text), t.id));
	token_hash(slice_of(text), &t.hash);
	(void)snprintf(t.account, sizeof(t.account), "%s", account);
	(void)snprintf(t.comment, sizeof(t.comment), "of a test");
	for (uint32_t i = 0; i < nmacs; i++)
		t.macs[i] = 0x001565000000 + i;
	return t;
}

static void a_token_is_what_it_is_shaped_as(void **state) {
	static const struct {
		const char *what, *text;
		bool sound;
	} rows[] = {
		{"a token", "pvt_abcdefgh_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
		{"all digits of base32", "pvt_234567az_abcdefghijklmnopqrstuvwxyz234567aaaaaaaaaaaaaaaaaaaa", true},
		{"nothing", "", false},
		{"its head alone", "pvt_", false},
		{"another head", "pwt_abcdefgh_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"too short", "pvt_abcdefgh_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"too long", "pvt_abcdefgh_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"capitals", "pvt_ABCDEFGH_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"a digit that base32 has not", "pvt_abcdefg1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"no second line", "pvt_abcdefghaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"SQL", "pvt_' OR 1=1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};
	char id[TOKEN_ID + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (token_parse(slice_of(rows[i].text), id) != rows[i].sound)
			fail_msg("%s", rows[i].what);
	assert_false(token_parse((struct slice){NULL, 0}, id));
}

static void tokens_differ_in_id_and_secret(void **state) {
	char a[TOKEN_LENGTH + 1], b[TOKEN_LENGTH + 1];

	(void)state;
	OK(token_make(a, &err));
	OK(token_make(b, &err));
	assert_int_equal(strlen(a), TOKEN_LENGTH);
	assert_memory_not_equal(a + 4, b + 4, TOKEN_ID);
	assert_memory_not_equal(a + 5 + TOKEN_ID, b + 5 + TOKEN_ID, TOKEN_SECRET);
}

/* FIPS 180-2, appendix B. */
static void the_hash_is_sha256(void **state) {
	struct token_hash hash, other;
	char hex[TOKEN_HEX];

	(void)state;
	token_hash(slice_of("abc"), &hash);
	token_print(&hash, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	other = hash;
	assert_true(token_same(&hash, &other));
	for (size_t i = 0; i < TOKEN_HASH; i++) {
		other = hash;
		other.b[i] ^= 1;
		assert_false(token_same(&hash, &other));
	}
}

static void a_token_is_read_as_it_was_added_and_gone_when_it_is_revoked(void **state) {
	struct token t = token(ROLE_USER, "", 3), got;

	(void)state;
	t.until = NOW + DAY;
	OK(store_token_add(store, &t, &err));
	assert_int_equal(store_token(store, t.id, &got, &err), 1);
	assert_true(got.role == ROLE_USER && got.created == NOW && got.until == NOW + DAY && got.used == TIME_NONE);
	assert_true(token_same(&t.hash, &got.hash));
	assert_string_equal(got.comment, "of a test");
	assert_int_equal(got.nmacs, 3);
	assert_memory_equal(got.macs, t.macs, sizeof(t.macs));
	OK(store_token_used(store, t.id, NOW + 5, &err));
	assert_int_equal(store_token(store, t.id, &got, &err), 1);
	assert_int_equal(got.used, NOW + 5);
	assert_int_equal(store_token_revoke(store, t.id, &err), 1);
	assert_int_equal(store_token(store, t.id, &got, &err), 0);
	assert_int_equal(store_token_revoke(store, t.id, &err), 0);
}

static void a_token_without_a_use_is_found_by_its_whole_id_alone(void **state) {
	struct token t = token(ROLE_ACCOUNT, "acct1", 0), got;

	(void)state;
	OK(store_token_add(store, &t, &err));
	assert_int_equal(store_token(store, "", &got, &err), 0);
	assert_int_equal(store_token(store, "%", &got, &err), 0);
	assert_int_equal(store_token(store, t.id, &got, &err), 1);
	assert_string_equal(got.account, "acct1");
	assert_int_equal(got.nmacs, 0);
}

struct seen {
	unsigned n;
	char last[TOKEN_ID + 1];
};

static int see(void *context, const struct token *t, struct err *e) {
	struct seen *seen = context;

	(void)e;
	assert_true(strcmp(t->id, seen->last) > 0);
	(void)snprintf(seen->last, sizeof(seen->last), "%s", t->id);
	seen->n++;
	return 0;
}

static void tokens_are_listed_in_order_and_counted_by_role(void **state) {
	int64_t counts[ROLES];
	struct seen seen = {0};

	(void)state;
	for (enum token_role role = ROLE_OPERATOR; role < ROLES; role++)
		for (unsigned i = 0; i <= role; i++) {
			struct token t = token(role, "", 0);

			OK(store_token_add(store, &t, &err));
		}
	OK(store_tokens(store, see, &seen, &err));
	assert_int_equal(seen.n, ROLES * (ROLES + 1) / 2);
	OK(store_token_counts(store, counts, &err));
	for (enum token_role role = ROLE_OPERATOR; role < ROLES; role++)
		assert_int_equal(counts[role], role + 1);
}

static void every_role_has_its_name(void **state) {
	enum token_role role;

	(void)state;
	for (enum token_role i = ROLE_OPERATOR; i < ROLES; i++) {
		assert_true(token_role_parse(token_role_name(i), &role));
		assert_int_equal(role, i);
	}
	assert_false(token_role_parse("root", &role));
}

static void an_account_has_its_own_devices_that_are_not_removed(void **state) {
	struct device d = device(0x001565000001, "acct1", DEVICE_LOCKED);
	struct device gone = device(0x001565000002, "acct1", DEVICE_LOCKED);

	(void)state;
	gone.removed = NOW;
	OK(store_device_put(store, &d, &err));
	OK(store_device_put(store, &gone, &err));
	assert_int_equal(store_account_has(store, "acct1", 0x001565000001, &err), 1);
	assert_int_equal(store_account_has(store, "acct2", 0x001565000001, &err), 0);
	assert_int_equal(store_account_has(store, "", 0x001565000001, &err), 0);
	assert_int_equal(store_account_has(store, "acct1", 0x001565000002, &err), 0);
	assert_int_equal(store_account_has(store, "acct1", 0x001565000003, &err), 0);
}

static void an_address_has_its_lifts_of_a_day(void **state) {
	struct addr a = address("203.0.113.7"), b = address("203.0.113.8");
	const int64_t day = NOW / DAY;
	uint32_t lifts;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		OK(store_lifts(store, a, day, &lifts, &err));
		assert_int_equal(lifts, i);
		assert_int_equal(store_lift_add(store, a, day, 3, &err), 1);
	}
	assert_int_equal(store_lift_add(store, a, day, 3, &err), 0);
	assert_int_equal(store_lift_add(store, b, day, 3, &err), 1);
	assert_int_equal(store_lift_add(store, b, day, 0, &err), 0);
	OK(store_lifts(store, a, day + 1, &lifts, &err));
	assert_int_equal(lifts, 0);
	assert_int_equal(store_lift_add(store, a, day + 1, 3, &err), 1);
	/* What a day before was is forgotten. */
	OK(store_lifts(store, b, day, &lifts, &err));
	assert_int_equal(lifts, 0);
}

static void a_state_of_the_schema_before_tokens_is_raised_and_keeps_what_it_has(void **state) {
	char folder[] = "/tmp/test_token.XXXXXX", path[64], command[64];
	struct store *old;
	struct token t, got;
	struct query *q;
	struct db *db;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/state.db", folder);
	OK(db_open(&db, path, DB_WRITE, &err));
	OK(store_migrate(db, folder, store_steps, 5, &err));
	OK(db_script(db, "INSERT INTO number VALUES ('time', 77)", &err));
	db_close(&db);
	OK(store_open(&old, folder, STORE_OWN, 0, NULL, &err));
	assert_int_equal(store_time(old), 77);
	t = token(ROLE_OPERATOR, "", 0);
	OK(store_begin(old, &err));
	OK(store_token_add(old, &t, &err));
	OK(store_commit(old, &err));
	store_close(&old);
	OK(store_open(&old, folder, STORE_OWN, 0, NULL, &err));
	assert_int_equal(store_token(old, t.id, &got, &err), 1);
	store_close(&old);
	(void)snprintf(path, sizeof(path), "%s/state.db.schema-5.bak", folder);
	OK(db_open(&db, path, DB_READ, &err));
	q = db_query(db, "SELECT 1 FROM sqlite_master WHERE name = 'token'", &err);
	assert_int_equal(db_step(q, &err), 0);
	db_end(q);
	db_close(&db);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_what_it_is_shaped_as),
		cmocka_unit_test(tokens_differ_in_id_and_secret),
		cmocka_unit_test(the_hash_is_sha256),
		CASE(a_token_is_read_as_it_was_added_and_gone_when_it_is_revoked),
		CASE(a_token_without_a_use_is_found_by_its_whole_id_alone),
		CASE(tokens_are_listed_in_order_and_counted_by_role),
		cmocka_unit_test(every_role_has_its_name),
		CASE(an_account_has_its_own_devices_that_are_not_removed),
		CASE(an_address_has_its_lifts_of_a_day),
		cmocka_unit_test(a_state_of_the_schema_before_tokens_is_raised_and_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
