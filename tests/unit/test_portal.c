/* The portal's socket: what each role may ask, of what is its own and what is not; pages; what an address may for itself; wrong tokens; metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "enforcer/census.h"
#include "enforcer/control.h"
#include "enforcer/enforcer.h"
#include "enforcer/metrics.h"
#include "enforcer/portal_right.h"
#include "enforcer/stream.h"

#include "tests/unit/asking.h"
#include "tests/unit/place.h"

#define NOW     ((int64_t)1795341600) /* 2026-11-22T10:00:00Z */
#define OWN     "001565000001"        /* of acct1 */
#define FOREIGN "001565000002"        /* of acct2 */
#define NOBODY  "001565000003"        /* no device */

struct bench {
	struct place *place;
	struct enforcer *e;
	struct control *control, *portal;
	int fds[2];
	char tokens[ROLES][TOKEN_LENGTH + 1];
	char rows[ASKING_ROWS], end[ASKING_END]; /* of the last answer */
	unsigned nrows;
	bool drop_rows;
};

static void say(void *context, const char *text) {
	(void)context;
	(void)text;
}

static void set_clock(int64_t now) {
	char text[32];

	(void)snprintf(text, sizeof(text), "@%lld", (long long)now);
	assert_int_equal(setenv("PROVCTL_CLOCK", text, 1), 0);
}

static void send_request(struct bench *b, struct control *c, const char *body) {
	b->nrows = control_ask(c, body, b->drop_rows ? NULL : b->rows, b->end);
}

/* As the one who keeps the machine. */
static void order(struct bench *b, const char *body) {
	send_request(b, b->control, body);
	if (!strstr(b->end, "\"exit\":0"))
		fail_msg("%s: %s", body, b->end);
}

/* "" for well. */
static const char *code(const struct bench *b) {
	static char word[32];
	const char *at = strstr(b->end, "\"code\":");

	assert_non_null(at);
	(void)snprintf(word, sizeof(word), "%s", at + 7);
	word[strcspn(word, "}")] = '\0';
	if (strcmp(word, "null") == 0)
		return "";
	memmove(word, word + 1, strlen(word));
	word[strlen(word) - 1] = '\0';
	return word;
}

static const char *ask_token(struct bench *b, const char *token, const char *members) {
	char body[4096];

	(void)snprintf(body, sizeof(body), "{\"token\":\"%s\",\"peer\":\"198.51.100.200\",%s}", token, members);
	send_request(b, b->portal, body);
	return code(b);
}

static const char *ask(struct bench *b, enum token_role role, const char *members) {
	return ask_token(b, b->tokens[role], members);
}

static const char *ask_self(struct bench *b, const char *ip, const char *members) {
	char body[4096];

	(void)snprintf(body, sizeof(body), "{\"self\":\"%s\",%s}", ip, members);
	send_request(b, b->portal, body);
	return code(b);
}

#define CODE(got, wanted)                                                                                              \
	do {                                                                                                               \
		const char *got_code = (got);                                                                                  \
                                                                                                                       \
		if (strcmp(got_code, wanted) != 0)                                                                             \
			fail_msg("%s: got %s, wanted %s: %s", #got, got_code, wanted, b->end);                                     \
	} while (0)

static void has(const struct bench *b, const char *text) {
	if (!strstr(b->rows, text))
		fail_msg("wanted %s in %s", text, b->rows);
}

static void has_not(const struct bench *b, const char *text) {
	if (strstr(b->rows, text))
		fail_msg("found %s in %s", text, b->rows);
}

static void add_token(struct bench *b, const char *role, const char *more, char out[TOKEN_LENGTH + 1]) {
	const char *at;
	char body[512];

	(void)snprintf(body, sizeof(body), "{\"verb\":\"token\",\"do\":\"add\",\"role\":\"%s\"%s}", role, more);
	order(b, body);
	at = strstr(b->rows, "\"token\":\"");
	assert_non_null(at);
	(void)slice_copy((struct slice){at + 9, TOKEN_LENGTH}, out, TOKEN_LENGTH + 1);
}

static struct control *connect_one(struct bench *b, int fd, bool portal) {
	struct control *c = NULL;
	struct err err;

	if (control_new(&c, b->e, fd, portal, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void start(struct bench *b, const char *conf_text) {
	static const char *const more[ROLES] = {
		[ROLE_OPERATOR] = "",
		[ROLE_SUPPORT] = ",\"comment\":\"of a test\"",
		[ROLE_ACCOUNT] = ",\"account\":\"acct1\"",
		[ROLE_USER] = ",\"macs\":[\"" OWN "\"]",
		[ROLE_VERDICT] = "",
		[ROLE_METRICS] = "",
	};
	struct enforcer_options options = {.dry_run = true, .control_fd = -1, .events_fd = -1, .say = say};
	struct err err;
	char text[1024];
	bool busy;

	set_clock(NOW);
	(void)snprintf(text, sizeof(text), "state: nowhere\nfirewall: {backend: none}\n%s", conf_text);
	if (enforcer_open(&b->e, place_load_sound(b->place, text), &options, &busy, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b->fds), 0);
	b->control = connect_one(b, b->fds[0], false);
	b->portal = connect_one(b, b->fds[1], true);
	order(b, "{\"verb\":\"add\",\"mac\":\"" OWN "\",\"account\":\"acct1\"}");
	order(b, "{\"verb\":\"add\",\"mac\":\"" FOREIGN "\",\"account\":\"acct2\"}");
	for (enum token_role role = ROLE_OPERATOR; role < ROLES; role++)
		add_token(b, token_role_name(role), more[role], b->tokens[role]);
}

static void stop(struct bench *b) {
	control_free(&b->control);
	control_free(&b->portal);
	enforcer_close(&b->e);
}

static int setup(void **state) {
	struct bench *b = calloc(1, sizeof(*b));
	void *place;

	assert_non_null(b);
	(void)place_new(&place);
	b->place = place;
	*state = b;
	return 0;
}

static int teardown(void **state) {
	struct bench *b = *state;
	void *place = b->place;

	(void)place_remove(&place);
	free(b);
	return unsetenv("PROVCTL_CLOCK");
}

/* ---- who may what ---- */

/* Of each role its answer: . well, F forbidden, U unknown, R refused, I bad input, N a negative answer. */
struct asked {
	const char *what;
	const char *members;
	const char *answers; /* operator, support, account, user, verdict, metrics */
};

#define D_OWN     "\"mac\":\"" OWN "\""
#define D_FOREIGN "\"mac\":\"" FOREIGN "\""
#define D_NOBODY  "\"mac\":\"" NOBODY "\""

/* clang-format off */
static const struct asked asked[] = {
	{"who it is", "\"verb\":\"session\"",                                                     "....F."},
	{"a list of all", "\"verb\":\"list\"",                                                    "....FF"},
	{"a list of an account", "\"verb\":\"list\",\"account\":\"acct2\"",                       "....FF"},
	{"one's own device", "\"verb\":\"show\"," D_OWN,                                          "....FF"},
	{"another's device", "\"verb\":\"show\"," D_FOREIGN,                                      "..UUFF"},
	{"no device", "\"verb\":\"show\"," D_NOBODY,                                              "UUUUFF"},
	{"why, of one's own", "\"verb\":\"explain\"," D_OWN,                                      "...FFF"},
	{"why, of another's", "\"verb\":\"explain\"," D_FOREIGN,                                  "..UFFF"},
	{"why, of none", "\"verb\":\"explain\"," D_NOBODY,                                        "UUUFFF"},
	{"why, of an address", "\"verb\":\"explain\",\"ip\":\"203.0.113.7\"",                     "..FFFF"},
	{"the record", "\"verb\":\"log\"",                                                        "....FF"},
	{"the record of one's own", "\"verb\":\"log\"," D_OWN,                                    "....FF"},
	{"the record of another's", "\"verb\":\"log\"," D_FOREIGN,                                "..UUFF"},
	{"the record of none", "\"verb\":\"log\"," D_NOBODY,                                      "..UUFF"},
	{"unlock one's own", "\"verb\":\"unlock\",\"reason\":\"moved\",\"for\":3600," D_OWN,      "....FF"},
	{"unlock another's", "\"verb\":\"unlock\"," D_FOREIGN,                                    "..UUFF"},
	{"unlock none", "\"verb\":\"unlock\"," D_NOBODY,                                          "UUUUFF"},
	{"unlock as support", "\"verb\":\"unlock\",\"support\":true," D_OWN,                      "..FFFF"},
	{"unlock one's account", "\"verb\":\"unlock\",\"account\":\"acct1\"",                     "...FFF"},
	{"unlock another account", "\"verb\":\"unlock\",\"account\":\"acct2\"",                   "..UFFF"},
	{"unlock an account that is none", "\"verb\":\"unlock\",\"account\":\"acct3\"",           "UUUFFF"},
	{"see what would be opened", "\"verb\":\"unlock\",\"preview\":true,\"account\":\"acct1\"", "...FFF"},
	{"hide another account behind a device", "\"verb\":\"unlock\",\"account\":\"acct2\"," D_OWN, "..IFFF"},
	{"unlock a device of its account", "\"verb\":\"unlock\",\"account_of\":\"acct1\"," D_OWN, "....FF"},
	{"unlock it as another account's", "\"verb\":\"unlock\",\"account_of\":\"acct2\"," D_OWN, "UUUUFF"},
	{"unlock another account's", "\"verb\":\"unlock\",\"account_of\":\"acct2\"," D_FOREIGN, "..UUFF"},
	{"unlock nobody of an account", "\"verb\":\"unlock\",\"account_of\":\"acct2\"," D_NOBODY, "UUUUFF"},
	{"unlock an account of an account", "\"verb\":\"unlock\",\"account_of\":\"acct1\",\"account\":\"acct1\"", "IIIFFF"},
	{"lock one's own", "\"verb\":\"lock\",\"no_home\":true," D_OWN,                           "...FFF"},
	{"lock another's", "\"verb\":\"lock\"," D_FOREIGN,                                        "..UFFF"},
	{"lock none", "\"verb\":\"lock\"," D_NOBODY,                                              "UUUFFF"},
	{"homes of one's own", "\"verb\":\"home\",\"do\":\"list\"," D_OWN,                        "...FFF"},
	{"homes of another's", "\"verb\":\"home\",\"do\":\"list\"," D_FOREIGN,                    "..UFFF"},
	{"add a home", "\"verb\":\"home\",\"do\":\"add\",\"home\":\"203.0.113.7\"," D_OWN,        ".FFFFF"},
	{"remove a home", "\"verb\":\"home\",\"do\":\"remove\",\"home\":\"203.0.113.7\"," D_OWN,  "UFFFFF"},
	{"clear what is exposed", "\"verb\":\"clear-exposed\"," D_OWN,                            "UFFFFF"},
	{"add a device", "\"verb\":\"add\",\"account\":\"acct1\"," D_NOBODY,                      ".FFFFF"},
	{"remove a device", "\"verb\":\"remove\"," D_OWN,                                         ".FFFFF"},
	{"windows", "\"verb\":\"window\",\"do\":\"list\"",                                        "...FFF"},
	{"windows of another account", "\"verb\":\"window\",\"do\":\"list\",\"account\":\"acct2\"", "..UFFF"},
	{"open a window", "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.7\",\"account\":\"acct1\",\"hours\":4", "...FFF"},
	{"open another's window", "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.7\",\"account\":\"acct2\",\"hours\":4", "..UFFF"},
	{"open a window for any account", "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.7\",\"any_account\":true,\"hours\":4", "..FFFF"},
	{"open a wide window", "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.0/24\",\"account\":\"acct1\",\"hours\":4", "..RFFF"},
	{"close a window that is none", "\"verb\":\"window\",\"do\":\"close\",\"window\":\"203.0.113.7\",\"account\":\"acct1\"", "UUUFFF"},
	{"close another's window", "\"verb\":\"window\",\"do\":\"close\",\"window\":\"203.0.113.7\",\"account\":\"acct2\"", "UUUFFF"},
	{"networks", "\"verb\":\"network\",\"do\":\"list\"",                                      "...FFF"},
	{"networks of another account", "\"verb\":\"network\",\"do\":\"list\",\"account\":\"acct2\"", "..UFFF"},
	{"add a network", "\"verb\":\"network\",\"do\":\"add\",\"network\":\"192.0.2.0/28\",\"account\":\"acct1\"", ".FFFFF"},
	{"remove a network", "\"verb\":\"network\",\"do\":\"remove\",\"network\":\"192.0.2.0/28\",\"account\":\"acct1\"", "UFFFFF"},
	{"bans", "\"verb\":\"bans\"",                                                             "..FFFF"},
	{"an address", "\"verb\":\"ip\",\"ip\":\"203.0.113.7\"",                                  "..FFFF"},
	{"ban", "\"verb\":\"ban\",\"ip\":\"203.0.113.7\",\"for\":3600",                           ".FFFFF"},
	{"block", "\"verb\":\"block\",\"ip\":\"203.0.113.7\"",                                    ".FFFFF"},
	{"allow", "\"verb\":\"allow\",\"ip\":\"203.0.113.7\"",                                    ".FFFFF"},
	{"unban who is not banned", "\"verb\":\"unban\",\"ip\":\"203.0.113.7\"",                  "UUFFFF"},
	{"unban all", "\"verb\":\"unban\",\"all\":true",                                          "IIFFFF"},
	{"status", "\"verb\":\"status\"",                                                         "..FFFF"},
	{"a verdict", "\"verb\":\"verdict\",\"ip\":\"203.0.113.7\"," D_OWN,                       "..FFFF"},
	{"metrics", "\"verb\":\"metrics\"",                                                       ".FFFF."},
	{"me, with a token", "\"verb\":\"me\"",                                                   "FFFFFF"},
	{"me-unban, with a token", "\"verb\":\"me-unban\"",                                       "FFFFFF"},
	{"a token", "\"verb\":\"token\",\"do\":\"add\",\"role\":\"operator\"",                    "FFFFFF"},
	{"an import", "\"verb\":\"import\",\"rows\":[]",                                          "FFFFFF"},
	{"a sync", "\"verb\":\"sync\"",                                                           "FFFFFF"},
	{"a pause", "\"verb\":\"pause\"",                                                         "FFFFFF"},
	{"its end", "\"verb\":\"resume\"",                                                        "FFFFFF"},
	{"a summary", "\"verb\":\"summary\"",                                                     "FFFFFF"},
	{"no verb", "\"verb\":\"\"",                                                              "FFFFFF"},
	{"another verb", "\"verb\":\"list \"",                                                    "FFFFFF"},
	{"nothing", "\"mac\":\"" OWN "\"",                                                        "FFFFFF"},
	{"what a verb does without a word for it", "\"verb\":\"home\"," D_OWN,                    "FFFFFF"},
	{"a word that does not belong", "\"verb\":\"list\",\"do\":\"add\"",                       "FFFFFF"},
	{"an actor", "\"verb\":\"unlock\",\"actor\":\"root\"," D_OWN,                             "IIIIFF"},
	{"a session", "\"verb\":\"ban\",\"session\":\"192.0.2.1\",\"ip\":\"203.0.113.7\",\"for\":60", "IFFFFF"},
	{"force", "\"verb\":\"ban\",\"force\":true,\"ip\":\"203.0.113.7\",\"for\":60",            "IFFFFF"},
	{"more", "\"verb\":\"unlock\",\"more\":true," D_OWN,                                      "IIIIFF"},
	{"a list where a word is wanted", "\"verb\":\"show\",\"mac\":[\"" OWN "\"]",              "IIIIFF"},
	{"two words as one", "\"verb\":\"unlock\",\"mac account\":\"x\"," D_OWN,                  "IIIIFF"},
};
/* clang-format on */

static char letter(const char *word) {
	static const struct {
		const char *word;
		char letter;
	} letters[] = {
		{"", '.'}, {"forbidden", 'F'}, {"unknown", 'U'}, {"refused", 'R'}, {"input", 'I'}, {"negative", '.'},
	};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (strcmp(word, letters[i].word) == 0)
			return letters[i].letter;
	return '?';
}

/* All that a request could change: `used` of tokens and the fixed clock apart. */
static uint64_t digest_of_state(struct bench *b) {
	static const char *const looks[] = {"\"verb\":\"list\"", "\"verb\":\"bans\"", "\"verb\":\"window\",\"do\":\"list\"",
	                                    "\"verb\":\"network\",\"do\":\"list\"", "\"verb\":\"log\""};
	uint64_t hash = 0;
	char body[128];

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		(void)snprintf(body, sizeof(body), "{%s}", looks[i]);
		order(b, body);
		hash = hash_bytes(hash, b->rows, strlen(b->rows));
	}
	return hash;
}

static void foreign_version(struct bench *b, char out[DEVICE_VERSION]) {
	const char *at;

	order(b, "{\"verb\":\"show\"," D_FOREIGN "}");
	at = strstr(b->rows, "\"device_version\":\"");
	assert_non_null(at);
	(void)slice_copy((struct slice){at + 18, DEVICE_VERSION - 1}, out, DEVICE_VERSION);
}

/* The weakest first, so that what the strong do is not there yet. */
static void each_role_gets_what_the_table_says_and_what_is_refused_changes_nothing(void **state) {
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char before[DEVICE_VERSION], after[DEVICE_VERSION];

		start(b, "");
		foreign_version(b, before);
		for (int role = ROLES - 1; role >= 0; role--) {
			uint64_t had = digest_of_state(b);
			char got = letter(ask(b, (enum token_role)role, asked[i].members));

			if (got != asked[i].answers[role])
				fail_msg("%s, %s: got %c, wanted %c: %s", token_role_name((enum token_role)role), asked[i].what, got,
				         asked[i].answers[role], b->end);
			if (role >= ROLE_ACCOUNT)
				has_not(b, FOREIGN);
			if (got != '.' && digest_of_state(b) != had)
				fail_msg("%s, %s: refused, and yet something changed", token_role_name((enum token_role)role),
				         asked[i].what);
			foreign_version(b, after);
			if (role >= ROLE_ACCOUNT && strcmp(before, after) != 0)
				fail_msg("%s, %s: another's device changed", token_role_name((enum token_role)role), asked[i].what);
		}
		stop(b);
	}
}

static bool asks_for(const struct asked *row, const char *verb, const char *what) {
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), "\"verb\":\"%s\"", verb);
	if (!strstr(row->members, wanted))
		return false;
	(void)snprintf(wanted, sizeof(wanted), "\"do\":\"%s\"", what ? what : "");
	return what ? strstr(row->members, wanted) != NULL : strstr(row->members, "\"do\":") == NULL;
}

/* So that nobody adds a right, or gives one to a role, without a row above. */
static void every_right_of_every_role_is_tried(void **state) {
	static const char letters[] = {[ROLE_OPERATOR] = 'O', [ROLE_SUPPORT] = 'S', [ROLE_ACCOUNT] = 'A',
	                               [ROLE_USER] = 'U',     [ROLE_VERDICT] = 'V', [ROLE_METRICS] = 'M'};
	const char *top = getenv("top_srcdir");
	char path[4096], line[1024], verb[32], what[32], roles[32];
	FILE *table;
	int rows = 0;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/enforcer/portal_right.c", top ? top : ".");
	table = fopen(path, "re");
	assert_non_null(table);
	while (fgets(line, sizeof(line), table)) {
		bool plain = sscanf(line, " {\"%31[a-z-]\", NULL, %31[A-Z_|], WHOSE", verb, roles) == 2;

		if (!plain && sscanf(line, " {\"%31[a-z-]\", \"%31[a-z]\", %31[A-Z_|], WHOSE", verb, what, roles) != 3)
			continue;
		rows++;
		if (strcmp(roles, "MAY_SELF") == 0)
			continue;
		assert_non_null(control_verb_find(strcmp(verb, "session") == 0 ? "status" : verb));
		for (int role = 0; role < ROLES; role++) {
			bool tried = !strchr(roles, letters[role]);

			for (size_t k = 0; k < sizeof(asked) / sizeof(asked[0]); k++)
				tried = tried || (asks_for(&asked[k], verb, plain ? NULL : what) && asked[k].answers[role] != 'F');
			if (!tried)
				fail_msg("%s %s: not tried as %s", verb, plain ? "" : what, token_role_name((enum token_role)role));
		}
	}
	assert_true(rows > 30);
	assert_int_equal(fclose(table), 0);
}

static void an_address_without_a_token_may_ask_of_itself_alone(void **state) {
	struct bench *b = *state;

	start(b, "");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (!strstr(asked[i].members, "\"verb\":\"me"))
			CODE(ask_self(b, "203.0.113.7", asked[i].members), "forbidden");
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\""), "");
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\",\"ip\":\"203.0.113.8\""), "input");
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\",\"token\":\"x\""), "input");
	CODE(ask_self(b, "203.0.113.0/24", "\"verb\":\"me\""), "input");
	CODE(ask_self(b, "", "\"verb\":\"me\""), "input");
	stop(b);
}

static void what_is_anothers_and_what_is_not_there_are_answered_alike(void **state) {
	static const char *const verbs[] = {"show", "explain", "log", "unlock", "lock"};
	struct bench *b = *state;
	char members[128], foreign[4096];

	start(b, "");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		for (enum token_role role = ROLE_ACCOUNT; role <= ROLE_USER; role++) {
			(void)snprintf(members, sizeof(members), "\"verb\":\"%s\"," D_FOREIGN, verbs[i]);
			(void)ask(b, role, members);
			(void)snprintf(foreign, sizeof(foreign), "%s", b->end);
			assert_int_equal(b->nrows, 0);
			(void)snprintf(members, sizeof(members), "\"verb\":\"%s\"," D_NOBODY, verbs[i]);
			(void)ask(b, role, members);
			assert_string_equal(b->end, foreign);
			assert_int_equal(b->nrows, 0);
		}
	stop(b);
}

static void a_device_that_was_removed_or_given_away_is_nobodys_own_any_more(void **state) {
	struct bench *b = *state;

	start(b, "");
	order(b, "{\"verb\":\"remove\"," D_OWN "}");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"show\"," D_OWN), "unknown");
	CODE(ask(b, ROLE_USER, "\"verb\":\"show\"," D_OWN), "unknown");
	CODE(ask(b, ROLE_USER, "\"verb\":\"list\""), "");
	assert_int_equal(b->nrows, 1);
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"show\"," D_OWN), "");
	order(b, "{\"verb\":\"add\",\"account\":\"acct2\"," D_OWN "}");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"show\"," D_OWN), "unknown");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"log\"," D_OWN), "unknown");
	stop(b);
}

static void who_ordered_and_why_is_in_the_record(void **state) {
	struct bench *b = *state;

	start(b, "");
	CODE(ask(b, ROLE_SUPPORT, "\"verb\":\"unlock\",\"reason\":\"called\"," D_OWN), "");
	order(b, "{\"verb\":\"log\"," D_OWN "}");
	has(b, "\"what\":\"unlocked\"");
	has(b, "\"reason\":\"called\"");
	has(b, " (of a test)\"");
	/* Whoever sees some devices alone is not told of the provider's files and users. */
	CODE(ask(b, ROLE_USER, "\"verb\":\"log\"," D_OWN), "");
	has(b, "\"uid\":null");
	has(b, "\"evidence\":null");
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"log\"," D_OWN), "");
	has_not(b, "\"uid\":null");
	stop(b);
}

static void a_held_device_is_opened_by_support_and_refused_to_others(void **state) {
	struct device d;
	struct bench *b = *state;
	struct err err;

	start(b, "");
	assert_int_equal(store_device(b->e->store, 0x001565000001, &d, &err), 1);
	d.state = DEVICE_HELD;
	d.reason = REASON_HELD;
	assert_int_equal(store_begin(b->e->store, &err), 0);
	assert_int_equal(store_device_put(b->e->store, &d, &err), 0);
	assert_int_equal(store_commit(b->e->store, &err), 0);
	CODE(ask(b, ROLE_USER, "\"verb\":\"unlock\"," D_OWN), "refused");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"unlock\"," D_OWN), "refused");
	CODE(ask(b, ROLE_SUPPORT, "\"verb\":\"unlock\"," D_OWN), "refused");
	CODE(ask(b, ROLE_SUPPORT, "\"verb\":\"unlock\",\"support\":true," D_OWN), "");
	stop(b);
}

static void an_account_opens_windows_for_single_places_and_not_many(void **state) {
	struct bench *b = *state;
	char members[256];

	start(b, "");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"window\",\"do\":\"open\",\"window\":\"2001:db8::/63\",\"hours\":1"),
	     "refused");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"window\",\"do\":\"open\",\"window\":\"2001:db8::/64\",\"hours\":1"), "");
	has(b, "\"account\":\"acct1\"");
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.7\",\"hours\":41"), "input");
	for (unsigned i = 1; i <= PORTAL_WINDOWS_MAX; i++) {
		(void)snprintf(members, sizeof(members),
		               "\"verb\":\"window\",\"do\":\"open\",\"window\":\"203.0.113.%u\",\"hours\":1", i);
		CODE(ask(b, ROLE_ACCOUNT, members), i < PORTAL_WINDOWS_MAX ? "" : "refused");
	}
	CODE(ask(b, ROLE_ACCOUNT, "\"verb\":\"window\",\"do\":\"close\",\"window\":\"203.0.113.1\""), "");
	CODE(ask(b, ROLE_ACCOUNT, members), "");
	stop(b);
}

static void who_looked_at_another_state_changes_nothing(void **state) {
	struct bench *b = *state;
	char version[DEVICE_VERSION], members[256];
	const char *at;

	start(b, "");
	CODE(ask(b, ROLE_USER, "\"verb\":\"show\"," D_OWN), "");
	at = strstr(b->rows, "\"device_version\":\"");
	assert_non_null(at);
	(void)slice_copy((struct slice){at + 18, DEVICE_VERSION - 1}, version, sizeof(version));
	(void)snprintf(members, sizeof(members), "\"verb\":\"unlock\",\"if_version\":\"%s\"," D_OWN, version);
	CODE(ask(b, ROLE_USER, members), "");
	has(b, "\"device_version\":\"");
	has_not(b, version);
	CODE(ask(b, ROLE_USER, members), "changed");
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"lock\",\"if_version\":\"\"," D_OWN), "changed");
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"lock\",\"if_version\":7," D_OWN), "changed");
	CODE(ask(b, ROLE_USER, "\"verb\":\"unlock\",\"if_version\":\"0\"," D_FOREIGN), "unknown");
	/* By time alone, too: the unlock is over. */
	CODE(ask(b, ROLE_USER, "\"verb\":\"show\"," D_OWN), "");
	(void)slice_copy((struct slice){strstr(b->rows, "\"device_version\":\"") + 18, DEVICE_VERSION - 1}, version,
	                 sizeof(version));
	set_clock(NOW + 2 * DAY);
	(void)snprintf(members, sizeof(members), "\"verb\":\"unlock\",\"if_version\":\"%s\"," D_OWN, version);
	CODE(ask(b, ROLE_USER, members), "changed");
	stop(b);
}

/* ---- tokens ---- */

static void a_token_ends_when_it_is_revoked_or_over(void **state) {
	struct bench *b = *state;
	char token[TOKEN_LENGTH + 1], body[128], wrong[TOKEN_LENGTH + 1];

	start(b, "");
	add_token(b, "operator", ",\"for\":3600", token);
	CODE(ask_token(b, token, "\"verb\":\"session\""), "");
	set_clock(NOW + 3599);
	CODE(ask_token(b, token, "\"verb\":\"session\""), "");
	set_clock(NOW + 3600);
	CODE(ask_token(b, token, "\"verb\":\"session\""), "unauthorised");
	/* The id of one, the secret of another. */
	(void)snprintf(wrong, sizeof(wrong), "%.13s%s", b->tokens[ROLE_OPERATOR], b->tokens[ROLE_USER] + 13);
	CODE(ask_token(b, wrong, "\"verb\":\"session\""), "unauthorised");
	(void)snprintf(body, sizeof(body), "{\"verb\":\"token\",\"do\":\"revoke\",\"id\":\"%.8s\"}",
	               b->tokens[ROLE_USER] + 4);
	order(b, body);
	CODE(ask(b, ROLE_USER, "\"verb\":\"session\""), "unauthorised");
	send_request(b, b->control, body);
	assert_non_null(strstr(b->end, "\"exit\":1"));
	send_request(b, b->portal, "{\"verb\":\"session\"}");
	CODE(code(b), "unauthorised");
	send_request(b, b->portal, "{\"verb\":\"session\",\"token\":7}");
	CODE(code(b), "unauthorised");
	stop(b);
}

static void a_use_is_noted_once_an_hour(void **state) {
	struct bench *b = *state;

	start(b, "");
	order(b, "{\"verb\":\"token\",\"do\":\"list\"}");
	has(b, "\"used\":null");
	for (int64_t at = 0; at < 2 * HOUR; at += HOUR / 2) {
		set_clock(NOW + at);
		for (enum token_role role = ROLE_OPERATOR; role < ROLES; role++)
			(void)ask(b, role, "\"verb\":\"session\"");
		order(b, "{\"verb\":\"token\",\"do\":\"list\"}");
		has_not(b, "\"used\":null");
		has(b, at < HOUR ? "\"used\":\"2026-11-22T10:00:00Z\"" : "\"used\":\"2026-11-22T11:00:00Z\"");
	}
	stop(b);
}

static void faults_of_a_new_token_are_told(void **state) {
	static const struct {
		const char *what, *members, *said;
	} rows[] = {
		{"no role", "\"do\":\"add\"", "role"},
		{"another role", "\"do\":\"add\",\"role\":\"root\"", "role"},
		{"no account", "\"do\":\"add\",\"role\":\"account\"", "account"},
		{"an account too many", "\"do\":\"add\",\"role\":\"support\",\"account\":\"a\"", "account"},
		{"the account of none", "\"do\":\"add\",\"role\":\"account\",\"account\":\"-\"", "account"},
		{"no device", "\"do\":\"add\",\"role\":\"user\"", "mac"},
		{"a device too many", "\"do\":\"add\",\"role\":\"verdict\",\"macs\":[\"" OWN "\"]", "mac"},
		{"no MAC", "\"do\":\"add\",\"role\":\"user\",\"macs\":[\"x\"]", "macs"},
		{"control characters", "\"do\":\"add\",\"role\":\"support\",\"comment\":\"a\\nb\"", "comment"},
		{"another end", "\"do\":\"add\",\"role\":\"support\",\"for\":0", "for"},
		{"no id", "\"do\":\"revoke\"", "id"},
		{"nothing to do", "\"do\":\"steal\"", "add, list or revoke"},
	};
	struct bench *b = *state;
	char body[256];

	start(b, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(body, sizeof(body), "{\"verb\":\"token\",%s}", rows[i].members);
		send_request(b, b->control, body);
		if (!strstr(b->end, "\"exit\":2") || !strstr(b->end, rows[i].said))
			fail_msg("%s: %s", rows[i].what, b->end);
	}
	stop(b);
}

static void there_are_as_many_verdict_tokens_as_the_portal_reads(void **state) {
	struct token t = {.role = ROLE_VERDICT, .created = NOW};
	struct bench *b = *state;
	char text[TOKEN_LENGTH + 1];
	struct err err;

	start(b, "");
	assert_int_equal(store_begin(b->e->store, &err), 0);
	for (unsigned i = 2; i < TOKEN_VERDICTS_MAX; i++) {
		assert_int_equal(token_make(text, &err), 0);
		assert_true(token_parse(slice_of(text), t.id));
		assert_int_equal(store_token_add(b->e->store, &t, &err), 0);
	}
	assert_int_equal(store_commit(b->e->store, &err), 0);
	add_token(b, "verdict", "", text);
	send_request(b, b->control, "{\"verb\":\"token\",\"do\":\"add\",\"role\":\"verdict\"}");
	assert_non_null(strstr(b->end, "revoke some"));
	add_token(b, "user", ",\"macs\":[\"" OWN "\"]", text);
	stop(b);
}

/* ---- pages ---- */

static void fill(struct bench *b, unsigned first, unsigned n, const char *account) {
	char body[128];

	for (unsigned i = first; i < first + n; i++) {
		(void)snprintf(body, sizeof(body), "{\"verb\":\"add\",\"mac\":\"0015650001%02x\",\"account\":\"%s\"}", i,
		               account);
		order(b, body);
	}
}

/* The value of the last row's next; "" for null. */
static const char *next_of(const struct bench *b) {
	static char next[128];
	const char *at = strstr(b->rows, "{\"next\":\"");

	next[0] = '\0';
	if (!at)
		has(b, "{\"next\":null}");
	else
		(void)slice_copy((struct slice){at + 9, strcspn(at + 9, "\"")}, next, sizeof(next));
	return next;
}

static void lists_come_in_pages_without_gaps_and_repeats(void **state) {
	static const struct {
		enum token_role role;
		const char *members, *key;
		unsigned rows;
	} lists[] = {
		{ROLE_OPERATOR, "\"verb\":\"list\"", "after", 12},
		{ROLE_SUPPORT, "\"verb\":\"list\",\"account\":\"acct1\"", "after", 6},
		{ROLE_ACCOUNT, "\"verb\":\"list\"", "after", 6},
		{ROLE_ACCOUNT, "\"verb\":\"list\",\"account\":\"acct2\"", "after", 0},
		{ROLE_USER, "\"verb\":\"list\"", "after", 1},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"q\":\"0015650001\"", "after", 10},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"q\":\"00:15:65:00:01:0\"", "after", 10},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"q\":\"ACCT2\"", "after", 6},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"q\":\"none such\"", "after", 0},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"registered\":true", "after", 0},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"registered\":false", "after", 12},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"state\":\"new\"", "after", 12},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"state\":\"held\"", "after", 0},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"exposed\":true", "after", 0},
		{ROLE_OPERATOR, "\"verb\":\"list\",\"moved\":true", "after", 0},
		{ROLE_OPERATOR, "\"verb\":\"bans\"", "after", 9},
		{ROLE_OPERATOR, "\"verb\":\"bans\",\"all\":true", "after", 9},
		{ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"203.0.113.0/24\"", "before", 8},
		{ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"203.0.0.0/16\"", "before", 8},
		{ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"203.0.113.200\"", "before", 1},
		{ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"2001:db8::7\"", "before", 1},
		{ROLE_USER, "\"verb\":\"log\",\"ip\":\"203.0.113.200\"", "before", 0},
		{ROLE_OPERATOR, "\"verb\":\"log\"," D_OWN, "before", 1},
		{ROLE_ACCOUNT, "\"verb\":\"log\"," D_OWN, "before", 1},
		{ROLE_USER, "\"verb\":\"log\"", "before", 1},
	};
	struct bench *b = *state;
	char body[256];

	start(b, "");
	fill(b, 0, 5, "acct1");
	fill(b, 5, 5, "acct2");
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(body, sizeof(body), "{\"verb\":\"ban\",\"ip\":\"203.0.113.%u\",\"for\":%u}", 200 - i, 100 + i);
		order(b, body);
	}
	order(b, "{\"verb\":\"block\",\"ip\":\"2001:db8::/64\"}");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (unsigned limit = 1; limit < 14; limit += 2) {
			static char seen[1U << 20];
			char cursor[160] = "", next[128];
			unsigned rows = 0, pages = 0;

			seen[0] = '\0';
			do {
				(void)snprintf(body, sizeof(body), "%s,\"limit\":%u%s", lists[i].members, limit, cursor);
				CODE(ask(b, lists[i].role, body), "");
				assert_true(b->nrows - 1 <= limit);
				(void)snprintf(next, sizeof(next), "%s", next_of(b));
				(void)snprintf(cursor, sizeof(cursor), ",\"%s\":\"%s\"", lists[i].key, next);
				for (char *row = strtok(b->rows, "\n"); row && strncmp(row, "{\"next\"", 7) != 0;
				     row = strtok(NULL, "\n")) {
					if (strstr(seen, row))
						fail_msg("twice: %s", row);
					(void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s\n", row);
					rows++;
				}
			} while (next[0] && pages++ < 100);
			if (rows != lists[i].rows)
				fail_msg("%s by %u: %u rows, wanted %u", lists[i].members, limit, rows, lists[i].rows);
		}
	stop(b);
}

/* n records of what others did at the address. */
static void others(struct bench *b, const char *ip, unsigned n) {
	struct record record = {.time = NOW, .what = "reported", .uid = -1};
	struct addr at;
	struct err err;

	assert_true(addr_parse(ip, strlen(ip), &at));
	record.ip = prefix_of(at, 128);
	assert_int_equal(store_begin(b->e->store, &err), 0);
	while (n-- > 0)
		assert_int_equal(store_record_add(b->e->store, &record, &err), 0);
	assert_int_equal(store_commit(b->e->store, &err), 0);
}

static void a_search_by_address_tells_nothing_of_others(void **state) {
	struct bench *b = *state;
	char *rows;

	start(b, "");
	others(b, "203.0.113.7", 2500);
	for (enum token_role role = ROLE_ACCOUNT; role <= ROLE_USER; role++) {
		CODE(ask(b, role, "\"verb\":\"log\",\"ip\":\"203.0.113.7\""), "");
		rows = strdup(b->rows);
		assert_non_null(rows);
		CODE(ask(b, role, "\"verb\":\"log\",\"ip\":\"203.0.113.8\""), "");
		assert_string_equal(rows, b->rows);
		free(rows);
	}
	stop(b);
}

static void a_search_of_a_wide_prefix_looks_at_so_much_and_goes_on_in_the_next_page(void **state) {
	struct bench *b = *state;
	char body[256];

	start(b, "");
	others(b, "198.51.100.1", 1);
	others(b, "203.0.113.7", 2500);
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"198.51.0.0/16\""), "");
	assert_int_equal(b->nrows, 1);
	(void)snprintf(body, sizeof(body), "\"verb\":\"log\",\"ip\":\"198.51.0.0/16\",\"before\":\"%s\"", next_of(b));
	CODE(ask(b, ROLE_OPERATOR, body), "");
	has(b, "198.51.100.1");
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"log\",\"ip\":\"198.51.100.0/24\""), "");
	has(b, "198.51.100.1");
	stop(b);
}

static void a_page_that_cannot_be_is_bad_input(void **state) {
	static const char *const rows[] = {
		"\"verb\":\"list\",\"limit\":0",
		"\"verb\":\"list\",\"limit\":501",
		"\"verb\":\"list\",\"limit\":\"x\"",
		"\"verb\":\"list\",\"after\":\"x\"",
		"\"verb\":\"list\",\"state\":\"open\"",
		"\"verb\":\"list\",\"account\":\"a b\"",
		"\"verb\":\"log\",\"before\":\"x\"",
		"\"verb\":\"log\",\"before\":\"1-\"",
		"\"verb\":\"log\",\"before\":\"-1-1\"",
		"\"verb\":\"bans\",\"after\":\"1@\"",
		"\"verb\":\"bans\",\"after\":\"@::1\"",
		"\"verb\":\"bans\",\"after\":\"1\"",
		"\"verb\":\"log\",\"ip\":\"203.0.113\"",
		"\"verb\":\"show\",\"mac\":\"\"",
		"\"verb\":\"show\"",
	};
	struct bench *b = *state;

	start(b, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CODE(ask(b, ROLE_OPERATOR, rows[i]), "input");
	stop(b);
}

static void import(struct bench *b, unsigned n) {
	struct buf body;

	buf_init(&body, CONTROL_REQUEST_MAX);
	buf_text(&body, "{\"verb\":\"import\",\"rows\":[");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&body, "%s{\"mac\":\"001566%06x\",\"account\":\"acct2\"}", i ? "," : "", i);
	buf_text(&body, "]}");
	buf_byte(&body, '\0');
	assert_false(body.failed);
	order(b, body.p);
	buf_release(&body);
}

/* Nobody waits for a search through all devices. */
static void a_search_goes_on_in_the_next_page_where_it_looked_at_enough(void **state) {
	struct bench *b = *state;
	char members[128] = "\"verb\":\"list\",\"q\":\"001566001387\"";
	unsigned pages = 1, found = 0;

	start(b, "");
	import(b, 5000);
	do {
		CODE(ask(b, ROLE_OPERATOR, members), "");
		found += b->nrows - 1;
		(void)snprintf(members, sizeof(members), "\"verb\":\"list\",\"q\":\"001566001387\",\"after\":\"%s\"",
		               next_of(b));
	} while (next_of(b)[0] && pages++ < 100);
	assert_int_equal(found, 1);
	assert_int_equal(pages, 3);
	stop(b);
}

/* Nobody waits for a portal that does not read. */
static void an_answer_that_is_too_long_is_refused_and_undone(void **state) {
	struct bench *b = *state;
	char before[DEVICE_VERSION], after[DEVICE_VERSION];

	start(b, "");
	foreign_version(b, before);
	import(b, 30000);
	b->drop_rows = true;
	CODE(ask(b, ROLE_OPERATOR, "\"verb\":\"unlock\",\"account\":\"acct2\""), "refused");
	assert_non_null(strstr(b->end, "too much for one answer"));
	b->drop_rows = false;
	foreign_version(b, after);
	assert_string_equal(before, after);
	stop(b);
}

/* ---- an address for itself ---- */

#define BAN(ip)   "{\"verb\":\"ban\",\"ip\":\"" ip "\",\"for\":3600}"
#define BLOCK(ip) "{\"verb\":\"block\",\"ip\":\"" ip "\"}"
#define ALLOW(ip) "{\"verb\":\"allow\",\"ip\":\"" ip "\"}"

static void an_address_lifts_what_holds_it_alone_and_nothing_else(void **state) {
	static const struct {
		const char *what, *conf, *before[3], *ip;
		bool banned, shared, blocked;
		const char *code;
		unsigned left; /* bans, blocks and allows in force afterwards */
	} rows[] = {
		/* clang-format off */
		{"not banned", "", {NULL}, "203.0.113.7", false, false, false, "unknown", 0},
		{"banned", "", {BAN("203.0.113.7")}, "203.0.113.7", true, false, false, "", 0},
		{"banned, and a neighbour too", "", {BAN("203.0.113.7"), BAN("203.0.113.8")}, "203.0.113.7", true, false, false, "", 1},
		{"only a neighbour", "", {BAN("203.0.113.8")}, "203.0.113.7", false, false, false, "unknown", 1},
		{"its network", "", {BAN("203.0.113.0/24")}, "203.0.113.7", true, true, false, "refused", 1},
		{"it and its network", "", {BAN("203.0.113.7"), BAN("203.0.113.0/24")}, "203.0.113.7", true, false, false, "", 1},
		{"half of its network", "", {BAN("203.0.113.6/31")}, "203.0.113.7", true, true, false, "refused", 1},
		{"blocked", "", {BLOCK("203.0.113.7")}, "203.0.113.7", false, false, true, "refused", 1},
		{"blocked by its network", "", {BLOCK("203.0.113.0/24")}, "203.0.113.7", false, false, true, "refused", 1},
		{"blocked and banned", "", {BLOCK("203.0.113.7"), BAN("203.0.113.7")}, "203.0.113.7", false, false, true, "refused", 2},
		{"allowed and banned", "", {ALLOW("203.0.113.7"), BAN("203.0.113.7")}, "203.0.113.7", false, false, false, "", 1},
		{"by its IPv6 address", "", {BAN("2001:db8::7")}, "2001:db8::7", true, false, false, "", 0},
		{"by its /64", "", {BAN("2001:db8::/64")}, "2001:db8::7", true, false, false, "", 0},
		{"by both", "", {BAN("2001:db8::7"), BAN("2001:db8::/64")}, "2001:db8::7", true, false, false, "", 0},
		{"a neighbour in its /64", "", {BAN("2001:db8::8")}, "2001:db8::7", false, false, false, "unknown", 1},
		{"a part of its /64", "", {BAN("2001:db8::/96")}, "2001:db8::7", true, true, false, "refused", 1},
		{"its /48", "", {BAN("2001:db8::/48")}, "2001:db8::7", true, true, false, "refused", 1},
		{"mapped into IPv6", "", {BAN("203.0.113.7")}, "::ffff:203.0.113.7", true, false, false, "", 0},
		{"where nothing is enforced", "mode: watch\n", {BAN("203.0.113.7")}, "203.0.113.7", false, false, false, "", 0},
		/* clang-format on */
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got;

		start(b, rows[i].conf);
		for (unsigned k = 0; k < 3 && rows[i].before[k]; k++)
			order(b, rows[i].before[k]);
		CODE(ask_self(b, rows[i].ip, "\"verb\":\"me\""), "");
		has(b, rows[i].banned ? "\"banned\":true" : "\"banned\":false");
		has(b, rows[i].banned ? "\"seconds\":3600" : "\"seconds\":null");
		has(b, rows[i].shared ? "\"shared\":true" : "\"shared\":false");
		has(b, rows[i].blocked ? "\"blocked\":true" : "\"blocked\":false");
		has(b, "\"lifts_left\":3");
		has_not(b, "mac");
		got = ask_self(b, rows[i].ip, "\"verb\":\"me-unban\"");
		if (strcmp(got, rows[i].code) != 0)
			fail_msg("%s: got %s, wanted %s: %s", rows[i].what, got, rows[i].code, b->end);
		if (!rows[i].code[0])
			has(b, "\"lifts_left\":2");
		order(b, "{\"verb\":\"bans\"}");
		if (b->nrows != rows[i].left)
			fail_msg("%s: %u left, wanted %u", rows[i].what, b->nrows, rows[i].left);
		stop(b);
	}
}

static void an_address_lifts_its_ban_a_few_times_a_day(void **state) {
	struct bench *b = *state;

	start(b, "portal: {self_service: {lifts_per_day: 2}}\n");
	for (unsigned day = 0; day < 2; day++) {
		set_clock(NOW + day * DAY);
		for (unsigned i = 0; i < 3; i++) {
			order(b, BAN("2001:db8::/64"));
			/* Another address of the same /64 is the same one. */
			CODE(ask_self(b, i ? "2001:db8::8" : "2001:db8::7", "\"verb\":\"me-unban\""), i < 2 ? "" : "limited");
		}
		CODE(ask_self(b, "2001:db8::7", "\"verb\":\"me\""), "");
		has(b, "\"banned\":true");
		has(b, "\"lifts_left\":0");
	}
	stop(b);
}

static void addresses_lift_so_many_bans_a_minute(void **state) {
	struct bench *b = *state;
	char text[128];

	start(b, "");
	for (unsigned i = 0; i <= PORTAL_LIFTS; i++) {
		(void)snprintf(text, sizeof(text), "{\"verb\":\"ban\",\"ip\":\"203.0.113.%u\",\"for\":3600}", i);
		order(b, text);
	}
	for (unsigned i = 0; i <= PORTAL_LIFTS; i++) {
		(void)snprintf(text, sizeof(text), "203.0.113.%u", i);
		CODE(ask_self(b, text, "\"verb\":\"me-unban\""), i < PORTAL_LIFTS ? "" : "limited");
	}
	/* What was refused took nothing, neither of the address nor of the ban. */
	CODE(ask_self(b, text, "\"verb\":\"me\""), "");
	has(b, "\"banned\":true");
	has(b, "\"lifts_left\":3");
	set_clock(NOW + MINUTE);
	CODE(ask_self(b, text, "\"verb\":\"me-unban\""), "");
	stop(b);
}

#define GUESSING                                                                                                       \
	"triggers: [{id: guessing, on: portal.auth_failed, by: ip, limit: 3, within: 10m, when: {known: false},"           \
	" do: {ban: [1h, 4h]}}, {id: guessing-known, on: portal.auth_failed, by: ip, limit: 3, within: 10m,"               \
	" when: {known: true}, do: report}]\n"

static void guess(struct bench *b, const char *peer, unsigned n) {
	char body[256];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(body, sizeof(body), "{\"verb\":\"session\",\"token\":\"wrong\",\"peer\":\"%s\"}", peer);
		send_request(b, b->portal, body);
		CODE(code(b), "unauthorised");
	}
}

/* Who lifts his own is banned for longer the next time, as if he had waited. */
static void a_ban_that_was_lifted_by_its_address_is_remembered(void **state) {
	struct bench *b = *state;

	start(b, GUESSING);
	guess(b, "203.0.113.7", 3);
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\""), "");
	has(b, "\"seconds\":3600,\"trigger\":\"guessing\"");
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me-unban\""), "");
	has(b, "\"banned\":false");
	has(b, "\"lifted\":1");
	guess(b, "203.0.113.7", 3);
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\""), "");
	has(b, "\"seconds\":14400");
	/* A person who lifts it says that it was wrong. */
	CODE(ask(b, ROLE_SUPPORT, "\"verb\":\"unban\",\"ip\":\"203.0.113.7\""), "");
	guess(b, "203.0.113.7", 3);
	CODE(ask_self(b, "203.0.113.7", "\"verb\":\"me\""), "");
	has(b, "\"seconds\":14400");
	stop(b);
}

static int64_t banned_addresses(struct bench *b) {
	int64_t bans, pending;
	struct err err;

	assert_int_equal(store_ban_counts(b->e->store, NOW, &bans, &pending, &err), 0);
	return bans;
}

static void wrong_tokens_are_judged_by_address_within_a_cap(void **state) {
	struct bench *b = *state;
	char peer[32];

	start(b, GUESSING);
	guess(b, "203.0.113.7", 2);
	assert_int_equal(banned_addresses(b), 0);
	guess(b, "203.0.113.7", 1);
	assert_int_equal(banned_addresses(b), 1);
	order(b, "{\"verb\":\"log\"}");
	has(b, "\"evidence\":\"not a token\"");
	/* Who is banned takes no place from others; without an address none is banned. */
	guess(b, "203.0.113.7", 2 * PORTAL_FAILURES);
	for (unsigned i = 0; i < PORTAL_FAILURES; i++) {
		send_request(b, b->portal, "{\"verb\":\"session\",\"token\":\"wrong\"}");
		send_request(b, b->portal, "{\"verb\":\"session\",\"peer\":\"203.0.113.9\"}");
		send_request(b, b->portal, "{\"verb\":\"session\",\"token\":\"\",\"peer\":\"203.0.113.9\"}");
	}
	for (unsigned i = 0; i < PORTAL_FAILURES; i++) {
		(void)snprintf(peer, sizeof(peer), "198.51.100.%u", i);
		guess(b, peer, 3);
	}
	assert_int_equal(banned_addresses(b), PORTAL_FAILURES / 3);
	set_clock(NOW + MINUTE);
	guess(b, "192.0.2.200", 3);
	assert_int_equal(banned_addresses(b), PORTAL_FAILURES / 3 + 1);
	stop(b);
}

/* A portal that lies about who showed a wrong token. */
static void a_made_up_address_bans_nobody_who_is_known(void **state) {
	struct bench *b = *state;

	start(b, GUESSING);
	order(b, "{\"verb\":\"network\",\"do\":\"add\",\"network\":\"192.0.2.0/28\",\"account\":\"acct1\"}");
	guess(b, "192.0.2.7", 9);
	guess(b, "127.0.0.1", 9);
	assert_int_equal(banned_addresses(b), 0);
	order(b, "{\"verb\":\"log\",\"ip\":\"192.0.2.7\"}");
	has(b, "\"what\":\"reported\"");
	stop(b);
}

/* ---- frames ---- */

static void what_is_no_request_ends_the_connection_or_is_told(void **state) {
	static const char *const bodies[] = {
		"", "{", "[]", "7", "{\"verb\":\"list\",\"verb\":\"list\"}", "{\"verb\":[]}", "{\"peer\":\"x\"}"};
	struct bench *b = *state;
	struct stream *s;

	start(b, "");
	s = control_stream(b->portal);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		send_request(b, b->portal, bodies[i]);
		if (strcmp(code(b), "input") != 0 && strcmp(code(b), "unauthorised") != 0)
			fail_msg("%s: %s", bodies[i], b->end);
	}
	buf_clear(&s->out);
	put_u32(&s->in, PORTAL_REQUEST_MAX + 1);
	put_u8(&s->in, 'q');
	assert_int_equal(control_step(b->portal), -1);
	stop(b);
}

/* ---- metrics ---- */

static void metrics_are_text_that_prometheus_reads(void **state) {
	struct bench *b = *state;
	struct json *row;
	struct err err;
	const char *text;
	const char *name = "";
	size_t n = 0, names = 0, samples = 0;

	start(b, GUESSING);
	order(b, BAN("203.0.113.7"));
	meter_rule(&b->e->meter, slice_of("web.\"config\"\\"), 3);
	meter_add(&b->e->meter, METER_LAG, 2, 5);
	CODE(ask(b, ROLE_METRICS, "\"verb\":\"metrics\""), "");
	assert_int_equal(js_parse(slice_of(b->rows), &row, &err), 0);
	text = js_text(row, "text");
	assert_non_null(text);
	assert_non_null(strstr(text, "\nprovctl_devices{state=\"new\"} 2\n"));
	assert_non_null(strstr(text, "\nprovctl_bans_by_trigger{trigger=\"-\"} 1\n"));
	assert_non_null(strstr(text, "\nprovctl_tokens{role=\"metrics\"} 1\n"));
	assert_non_null(strstr(text, "\nprovctl_rule_matches_total{rule=\"web.\\\"config\\\"\\\\\"} 3\n"));
	assert_non_null(strstr(text, "\nprovctl_decision_lag_seconds_bucket{le=\"1\"} 0\n"));
	assert_non_null(strstr(text, "\nprovctl_decision_lag_seconds_bucket{le=\"2\"} 5\n"));
	assert_non_null(strstr(text, "\nprovctl_decision_lag_seconds_sum 10\n"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		char wanted[128];

		assert_int_equal(strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0 ||
		                     strncmp(line, "provctl_", 8) == 0,
		                 true);
		/* Each name is told of once, and its samples follow. */
		if (line[0] == '#' && line[2] == 'H') {
			n = strcspn(line + 7, " ");
			name = line + 7;
			(void)snprintf(wanted, sizeof(wanted), "# HELP %.*s ", (int)n, name);
			if (strstr(line + 7, wanted))
				fail_msg("told of twice: %.64s", line);
			names++;
		} else if (strncmp(line[0] == '#' ? line + 7 : line, name, n) != 0) {
			fail_msg("under another name: %.64s", line);
		}
		samples += line[0] != '#';
	}
	assert_true(samples > names);
	js_free(&row);
	stop(b);
}

static void many_devices_and_bans_are_counted_in_slices(void **state) {
	struct bench *b = *state;
	const struct counts *counts;
	struct err err;
	unsigned slices = 0;

	start(b, "");
	import(b, 5000);
	order(b, BAN("203.0.113.7"));
	order(b, BAN("203.0.113.8"));
	order(b, BLOCK("203.0.113.9"));
	order(b, "{\"verb\":\"lock\"," D_OWN "}");
	assert_int_equal(census_wait(b->e), -1);
	b->e->options.dry_run = false; /* as a daemon, which others are waiting for */
	assert_int_equal(census_ask(b->e, &counts, &err), 0);
	assert_null(counts);
	for (; !counts && slices < 100; slices++) {
		assert_true(census_wait(b->e) >= 0);
		census_tick(b->e);
		assert_int_equal(census_ask(b->e, &counts, &err), 0);
	}
	assert_int_equal(slices, 3);
	assert_int_equal(counts->reasons[REASON_MANUAL], 1);
	assert_int_equal(counts->ntriggers, 1);
	assert_int_equal(counts->triggers[0].bans, 2);
	assert_int_equal(counts->blocks, 1);
	/* It stands for a while. */
	assert_true(census_wait(b->e) > 1000);
	b->e->options.dry_run = true;
	stop(b);
}

static void rules_beyond_the_table_are_counted_together(void **state) {
	static struct meter meter;
	uint64_t n = 0;
	char id[32];

	(void)state;
	memset(&meter, 0, sizeof(meter));
	for (unsigned i = 0; i < 2 * METER_RULES; i++) {
		(void)snprintf(id, sizeof(id), "rule.%u", i);
		meter_rule(&meter, slice_of(id), 2);
		meter_rule(&meter, slice_of("rule.0"), 1);
	}
	meter_rule(&meter, (struct slice){NULL, 0}, 1);
	for (unsigned i = 0; i < METER_RULES; i++)
		n += meter.rules[i].events;
	assert_int_equal(n + meter.other, 6 * METER_RULES + 1);
	assert_int_equal(meter.nrules, METER_RULES - 1);
}

static void a_histogram_counts_each_once(void **state) {
	static struct meter meter;
	uint64_t n = 0;

	(void)state;
	memset(&meter, 0, sizeof(meter));
	for (int64_t took = -5; took < 200000; took += 777)
		meter_add(&meter, METER_LAG, took, 1);
	for (unsigned i = 0; i <= METER_BOUNDS; i++)
		n += meter.of[METER_LAG].buckets[i];
	assert_int_equal(n, meter.of[METER_LAG].n);
	assert_int_equal(meter.of[METER_LAG].buckets[0], 1);
	assert_true(meter.of[METER_LAG].buckets[METER_BOUNDS] > 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(each_role_gets_what_the_table_says_and_what_is_refused_changes_nothing),
		CASE(every_right_of_every_role_is_tried),
		CASE(an_address_without_a_token_may_ask_of_itself_alone),
		CASE(what_is_anothers_and_what_is_not_there_are_answered_alike),
		CASE(a_device_that_was_removed_or_given_away_is_nobodys_own_any_more),
		CASE(who_ordered_and_why_is_in_the_record),
		CASE(a_held_device_is_opened_by_support_and_refused_to_others),
		CASE(an_account_opens_windows_for_single_places_and_not_many),
		CASE(who_looked_at_another_state_changes_nothing),
		CASE(a_token_ends_when_it_is_revoked_or_over),
		CASE(a_use_is_noted_once_an_hour),
		CASE(faults_of_a_new_token_are_told),
		CASE(there_are_as_many_verdict_tokens_as_the_portal_reads),
		CASE(lists_come_in_pages_without_gaps_and_repeats),
		CASE(a_search_by_address_tells_nothing_of_others),
		CASE(a_search_of_a_wide_prefix_looks_at_so_much_and_goes_on_in_the_next_page),
		CASE(a_page_that_cannot_be_is_bad_input),
		CASE(a_search_goes_on_in_the_next_page_where_it_looked_at_enough),
		CASE(an_answer_that_is_too_long_is_refused_and_undone),
		CASE(an_address_lifts_what_holds_it_alone_and_nothing_else),
		CASE(an_address_lifts_its_ban_a_few_times_a_day),
		CASE(addresses_lift_so_many_bans_a_minute),
		CASE(a_ban_that_was_lifted_by_its_address_is_remembered),
		CASE(wrong_tokens_are_judged_by_address_within_a_cap),
		CASE(a_made_up_address_bans_nobody_who_is_known),
		CASE(what_is_no_request_ends_the_connection_or_is_told),
		CASE(metrics_are_text_that_prometheus_reads),
		CASE(many_devices_and_bans_are_counted_in_slices),
		CASE(rules_beyond_the_table_are_counted_together),
		CASE(a_histogram_counts_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
