/* What an analyzer that was taken over may say. Each row is a lie told to a real enforcer; after each the enforcer still serves, and the state is what the honest
 * events alone made. */
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

#include "enforcer/server.h"

#include "tests/unit/liar.h"

static struct liar liar;

/* What comes of a lie. QUIET: no answer, and none is waited for. */
enum { QUIET = -1, GONE = 0 };

/* ---- whole frames ---- */

struct frame_lie {
	const char *what;
	bool greet;
	int type;
	uint32_t length; /* as told */
	const char *body;
	size_t n; /* of the body, as sent */
	int wanted;
};

#define BODY(text) (text), sizeof(text) - 1

/* clang-format off */
static const struct frame_lie frame_lies[] = {
	/* what                                   greet  type           length              body               wanted */
	{"a type that nobody knows",              true,  0,             0,                  BODY(""),          LINK_REFUSED},
	{"another",                               true,  200,           0,                  BODY(""),          LINK_REFUSED},
	{"a frame of 4 GiB",                      true,  LINK_BATCH,    UINT32_MAX,         BODY("x"),         LINK_REFUSED},
	{"a frame one byte too long",             true,  LINK_BATCH,    LINK_FRAME_MAX + 1, BODY("x"),         LINK_REFUSED},
	{"cursors, as if it were the enforcer",   true,  LINK_CURSORS,  4,                  BODY("\1\0\0\0"),  LINK_REFUSED},
	{"ready, as if it were the enforcer",     true,  LINK_READY,    0,                  BODY(""),          LINK_REFUSED},
	{"an acknowledgement of its own",         true,  LINK_ACK,      8,                  BODY("\1\0\0\0\0\0\0\0"), LINK_REFUSED},
	{"stale, as if it were the enforcer",     true,  LINK_STALE,    8,                  BODY("\1\0\0\0\0\0\0\0"), LINK_REFUSED},
	{"a refusal of its own",                  true,  LINK_REFUSED,  2,                  BODY("no"),        LINK_REFUSED},
	{"a wish for texts of its own",           true,  LINK_WANT,     8,                  BODY("\1\0\0\0\0\0\0\0"), LINK_REFUSED},
	{"texts that nobody wanted",              true,  LINK_TEXTS,    12,                 BODY("\1\0\0\0\0\0\0\0\0\0\0\0"), LINK_REFUSED},
	{"a batch before the greeting",           false, LINK_BATCH,    8,                  BODY("\1\0\0\0\0\0\0\0"), LINK_REFUSED},
	{"a notice before the greeting",          false, LINK_NOTICE,   4,                  BODY("\0\0\0\0"),  LINK_REFUSED},
	{"the end of a pass before the greeting", false, LINK_DONE,     0,                  BODY(""),          LINK_REFUSED},
	{"a greeting of an older release",        false, LINK_HELLO,    4,                  BODY("\0\0\0\0"),  LINK_REFUSED},
	{"a greeting of a release to come",       false, LINK_HELLO,    4,                  BODY("\xff\xff\xff\xff"), LINK_REFUSED},
	{"a greeting that is cut short",          false, LINK_HELLO,    2,                  BODY("\3\0"),      LINK_REFUSED},
	{"a greeting with more behind it",        false, LINK_HELLO,    6,                  BODY("\3\0\0\0\0\0"), LINK_REFUSED},
	{"an end of a pass with more in it",      true,  LINK_DONE,     1,                  BODY("x"),         LINK_REFUSED},
	{"a batch without anything",              true,  LINK_BATCH,    0,                  BODY(""),          LINK_REFUSED},
	{"a notice that is cut short",            true,  LINK_NOTICE,   4,                  BODY("\377\1ab"),  LINK_REFUSED},
	{"a notice with a name beyond all bounds", true, LINK_NOTICE,   6,                  BODY("\xff\xff" "abcd"), LINK_REFUSED},
	{"a frame that never ends",               true,  LINK_BATCH,    1000,               BODY("begun"),     QUIET},
	{"half a header",                         true,  LINK_BATCH,    0,                  NULL, 3,           QUIET},
};
/* clang-format on */

static void tell_frame(const struct frame_lie *lie) {
	struct buf f;

	buf_init(&f, 1U << 20);
	put_u32(&f, lie->length);
	put_u8(&f, (uint8_t)lie->type);
	if (lie->body)
		buf_add(&f, lie->body, lie->n);
	liar_connect(&liar, lie->greet);
	liar_send(&liar, f.p, lie->body ? f.n : lie->n);
	buf_release(&f);
}

/* ---- batches: what is honest but for one thing ---- */

static char long_text[2048];

static void goes_back(struct story *s) {
	s->log.offset = s->from - 1;
	s->nevents = 0; /* whose places would betray it */
}

static void moved_back(struct story *s) {
	s->from -= 50;
	s->event.offset = s->from;
}

static void moved_ahead(struct story *s) {
	s->from += 1000;
	s->log.offset += 1000;
	s->event.offset = s->from;
}

static void from_the_beginning(struct story *s) {
	s->from = s->event.offset = 0;
}

static void never_told(struct story *s) {
	s->log.id = liar.told + 1;
}

static void far_cursor(struct story *s) {
	s->log.id = CURSOR_NEW - 1;
}

static void no_cursor(struct story *s) {
	s->log.id = 0;
}

static void passing_cursor(struct story *s) {
	s->log.transient = true;
}

static void new_in_its_middle(struct story *s) {
	s->log.id = CURSOR_NEW;
}

static void own_number_beyond(struct story *s) {
	s->log.id = CURSOR_NEW | LINK_LOGS_MAX;
	s->from = s->event.offset = 0;
}

static void twice(struct story *s) {
	s->nlogs = s->logs = 2;
}

static void no_logs(struct story *s) {
	s->nlogs = s->logs = 0;
}

static void too_many_logs(struct story *s) {
	s->nlogs = LINK_LOGS_MAX + 1;
}

static void billions_of_logs(struct story *s) {
	s->nlogs = UINT32_MAX;
}

static void more_logs_than_there_are(struct story *s) {
	s->nlogs = 5;
}

static void long_name(struct story *s) {
	s->log.name = (struct slice){long_text, sizeof(long_text)};
}

static void long_mark(struct story *s) {
	s->log.mark = (struct slice){long_text, sizeof(long_text)};
}

static void other_log(struct story *s) {
	s->event.cursor = 7;
}

static void before_the_part(struct story *s) {
	s->event.offset = s->from - 1;
}

static void behind_the_part(struct story *s) {
	s->event.offset = s->log.offset;
}

static void no_kind(struct story *s) {
	s->event.kind = EVENT_KINDS;
}

static void far_kind(struct story *s) {
	s->event.kind = (enum event_kind)250;
}

static void enforcers_kind(struct story *s) {
	s->event.kind = EVENT_PORTAL_AUTH_FAILED;
}

static void no_proof(struct story *s) {
	s->event.proof = PROOFS;
}

static void no_imposter(struct story *s) {
	s->event.imposter = TRIS;
}

static void no_time(struct story *s) {
	s->event.time = TIME_NONE & ((1LL << 40) - 1);
}

static void year_ten_thousand(struct story *s) {
	s->event.time = (1LL << 40) - 1;
}

static void no_address(struct story *s) {
	s->event.ip = (struct addr){{0}};
}

static void no_mac(struct story *s) {
	s->event.mac = MAC_NONE & ((1ULL << 48) - 1);
}

static void group_mac(struct story *s) {
	s->event.mac = 0x01005e000001ULL;
}

static void country_of_bytes(struct story *s) {
	memcpy(s->event.country, "\33[", 2);
}

static void long_user(struct story *s) {
	s->event.user = (struct slice){long_text, EVENT_USER_MAX + 1};
}

static void long_realm(struct story *s) {
	s->event.realm = (struct slice){long_text, EVENT_REALM_MAX + 1};
}

static void long_folder(struct story *s) {
	s->event.folder = (struct slice){long_text, EVENT_FOLDER_MAX + 1};
}

static void long_vendor(struct story *s) {
	s->event.vendor = (struct slice){long_text, EVENT_WORD_MAX + 1};
}

static void long_account(struct story *s) {
	s->event.account = (struct slice){long_text, EVENT_ACCOUNT_MAX + 1};
}

static void long_rule(struct story *s) {
	s->event.rule = (struct slice){long_text, EVENT_WORD_MAX + 1};
}

static void long_evidence(struct story *s) {
	s->event.line = (struct slice){long_text, EVENT_LINE_MAX + 1};
}

static void long_agent(struct story *s) {
	s->event.agent = (struct slice){long_text, EVENT_AGENT_MAX + 1};
}

static void evidence_for_a_terminal(struct story *s) {
	s->event.line = slice_of("\33[2J nothing to see");
}

static void evidence_of_two_lines(struct story *s) {
	s->event.line = slice_of("one\ntwo");
}

static void rule_for_a_terminal(struct story *s) {
	s->event.rule = slice_of("web\33[2J");
}

struct batch_lie {
	const char *what;
	void (*spoil)(struct story *s);
	int wanted;
};

static const struct batch_lie batch_lies[] = {
	{"a log that goes back within a batch", goes_back, LINK_REFUSED},
	{"a cursor that was moved back", moved_back, LINK_STALE},
	{"a cursor that was moved ahead", moved_ahead, LINK_STALE},
	{"a log from its beginning, once more", from_the_beginning, LINK_STALE},
	{"a cursor that was never told", never_told, LINK_REFUSED},
	{"a cursor far from any", far_cursor, LINK_REFUSED},
	{"no cursor, and no standard input", no_cursor, LINK_REFUSED},
	{"standard input with a cursor", passing_cursor, LINK_REFUSED},
	{"a new log that begins in its middle", new_in_its_middle, LINK_REFUSED},
	{"a number of its own beyond all bounds", own_number_beyond, LINK_REFUSED},
	{"one log twice in a batch", twice, LINK_REFUSED},
	{"a batch of no log", no_logs, LINK_REFUSED},
	{"more logs than there may be", too_many_logs, LINK_REFUSED},
	{"billions of logs", billions_of_logs, LINK_REFUSED},
	{"more logs than are told of", more_logs_than_there_are, LINK_REFUSED},
	{"a log's name beyond all bounds", long_name, LINK_REFUSED},
	{"a journal's mark beyond all bounds", long_mark, LINK_REFUSED},
	{"an event of a log that is not in the batch", other_log, LINK_REFUSED},
	{"an event from before what was read", before_the_part, LINK_REFUSED},
	{"an event from behind what was read", behind_the_part, LINK_REFUSED},
	{"a kind of event that there is none of", no_kind, LINK_REFUSED},
	{"a kind far from any", far_kind, LINK_REFUSED},
	{"an event that only the enforcer makes", enforcers_kind, LINK_REFUSED},
	{"a proof that there is none of", no_proof, LINK_REFUSED},
	{"an imposter who is neither", no_imposter, LINK_REFUSED},
	{"a time that is none", no_time, LINK_REFUSED},
	{"a time beyond all years", year_ten_thousand, LINK_REFUSED},
	{"a fetch from no address", no_address, LINK_REFUSED},
	{"a fetch of no device", no_mac, LINK_REFUSED},
	{"a MAC that no device can have", group_mac, LINK_REFUSED},
	{"a country of control bytes", country_of_bytes, LINK_REFUSED},
	{"a user beyond all bounds", long_user, LINK_REFUSED},
	{"a realm beyond all bounds", long_realm, LINK_REFUSED},
	{"a folder beyond all bounds", long_folder, LINK_REFUSED},
	{"a vendor beyond all bounds", long_vendor, LINK_REFUSED},
	{"an account beyond all bounds", long_account, LINK_REFUSED},
	{"a rule beyond all bounds", long_rule, LINK_REFUSED},
	{"evidence beyond all bounds", long_evidence, LINK_REFUSED},
	{"an agent beyond all bounds", long_agent, LINK_REFUSED},
	{"evidence that a terminal would act on", evidence_for_a_terminal, LINK_REFUSED},
	{"evidence of two lines", evidence_of_two_lines, LINK_REFUSED},
	{"a rule that a terminal would act on", rule_for_a_terminal, LINK_REFUSED},
};

/* ---- batches whose bytes are spoilt: counts and lengths of the packed events, which no writer of ours would write ---- */

struct byte_lie {
	const char *what;
	size_t at; /* u32 of the packed events' head */
	uint32_t value;
};

static const struct byte_lie byte_lies[] = {
	{"more events than may be", 0, LINK_EVENTS_MAX + 1},
	{"billions of events", 0, UINT32_MAX},
	{"events that are not there", 0, 2},
	{"no events, with one behind", 0, 0},
	{"more rows than events", 4, 2},
	{"no row for the event", 4, 0},
	{"rows that are longer than the batch", 8, 1U << 30},
	{"rows that end within a word", 8, 3},
	{"extras that are not there", 12, 8},
	{"texts that are longer than the batch", 16, UINT32_MAX},
	{"no texts, with some behind", 16, 0},
};

static size_t head_of_events(const struct story *s) {
	struct buf b;
	size_t n;

	buf_init(&b, 65536);
	cursor_encode(&b, &s->log);
	n = LINK_HEADER + 8 + 4 + 8 + b.n;
	buf_release(&b);
	return n;
}

static int tell_bytes(const struct byte_lie *lie) {
	struct story s = liar_story(&liar);
	size_t at = head_of_events(&s) + lie->at;
	struct buf f;

	liar_encode(&liar, &s, &f);
	for (size_t i = 0; i < 4; i++)
		f.p[at + i] = (char)(lie->value >> (8 * i));
	liar_send(&liar, f.p, f.n);
	buf_release(&f);
	return liar_answer(&liar);
}

/* ---- lies that are sound, and may do no more than such an event may ---- */

static void from_the_inventory(struct story *s) {
	s->event.kind = EVENT_DEVICE_DELETED;
}

static void as_the_inventory(struct story *s) {
	s->log.source = 1; /* of the source that is believed; but the name is another's */
	s->event.kind = EVENT_DEVICE_DELETED;
}

static void new_device_of_the_inventory(struct story *s) {
	s->event.kind = EVENT_DEVICE_CREATED;
	s->event.mac = 0x001565aaaaaaULL;
}

static void scan_from(struct story *s, const char *ip) {
	s->event.kind = EVENT_SIP_SCAN;
	s->event.mac = MAC_NONE & ((1ULL << 48) - 1);
	s->event.mac = MAC_NONE;
	assert_true(addr_parse(ip, strlen(ip), &s->event.ip));
}

static void scan_of_loopback(struct story *s) {
	scan_from(s, "127.0.0.1");
}

static void scan_of_never(struct story *s) {
	scan_from(s, "192.0.2.99");
}

static void scan_of_home(struct story *s) {
	scan_from(s, "203.0.113.7");
	s->event.proof = PROOF_NONE;
}

static void unproven(struct story *s) {
	static const char elsewhere[] = "198.51.100.4";

	s->event.proof = PROOF_NONE;
	assert_true(addr_parse(elsewhere, strlen(elsewhere), &s->event.ip));
}

static void unproven_stranger(struct story *s) {
	s->event.proof = PROOF_NONE;
	s->event.mac = 0x001565bbbbbbULL;
}

static void tomorrow(struct story *s) {
	static const char elsewhere[] = "198.51.100.4";

	s->event.time = LIAR_NOW + 86400;
	assert_true(addr_parse(elsewhere, strlen(elsewhere), &s->event.ip));
}

static void long_ago(struct story *s) {
	static const char elsewhere[] = "198.51.100.4";

	s->event.kind = EVENT_POLL_SERVED;
	s->event.time = 86400;
	assert_true(addr_parse(elsewhere, strlen(elsewhere), &s->event.ip));
}

struct sound_lie {
	const char *what;
	void (*spoil)(struct story *s);
};

static const struct sound_lie sound_lies[] = {
	{"a deletion from a log that is no inventory", from_the_inventory},
	{"a deletion from a log that says it is the inventory", as_the_inventory},
	{"a new device from a log that is no inventory", new_device_of_the_inventory},
	{"a scan from this machine", scan_of_loopback},
	{"a scan from an address that is never banned", scan_of_never},
	{"a scan without proof from a device's home", scan_of_home},
	{"a fetch without proof from elsewhere", unproven},
	{"a fetch without proof of a device that nobody knows", unproven_stranger},
	{"a fetch of tomorrow", tomorrow},
	{"a poll of long ago from elsewhere", long_ago},
};

/* ---- tests ---- */

static void check_state(const char *before, const char *what, bool record) {
	char *after = liar_state(&liar, record);

	if (strcmp(before, after) != 0)
		fail_msg("%s: before:\n%s\nafter:\n%s", what, before, after);
	free(after);
}

static void tell_honestly(unsigned times) {
	for (unsigned i = 0; i < times; i++) {
		struct story s = liar_story(&liar);

		assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
		liar_connect(&liar, true);
	}
}

static void no_malformed_frame_is_believed(void **state) {
	char *before = liar_state(&liar, true);

	(void)state;
	for (size_t i = 0; i < sizeof(frame_lies) / sizeof(frame_lies[0]); i++) {
		const struct frame_lie *lie = &frame_lies[i];
		int answer;

		tell_frame(lie);
		answer = lie->wanted == QUIET ? QUIET : liar_answer(&liar);
		if (answer != lie->wanted)
			fail_msg("%s: answer %d", lie->what, answer);
		/* A refusal is the last word. */
		if (answer == LINK_REFUSED && liar_answer(&liar) != GONE)
			fail_msg("%s: the link stays", lie->what);
		check_state(before, lie->what, true);
	}
	free(before);
}

static void no_malformed_batch_is_believed(void **state) {
	char *before = liar_state(&liar, true);

	(void)state;
	for (size_t i = 0; i < sizeof(batch_lies) / sizeof(batch_lies[0]); i++) {
		const struct batch_lie *lie = &batch_lies[i];
		struct story s;
		int answer;

		liar_connect(&liar, true);
		s = liar_story(&liar);
		lie->spoil(&s);
		answer = liar_tell(&liar, &s);
		if (answer != lie->wanted)
			fail_msg("%s: answer %d", lie->what, answer);
		check_state(before, lie->what, true);
	}
	for (size_t i = 0; i < sizeof(byte_lies) / sizeof(byte_lies[0]); i++) {
		int answer;

		liar_connect(&liar, true);
		answer = tell_bytes(&byte_lies[i]);
		if (answer != LINK_REFUSED)
			fail_msg("%s: answer %d", byte_lies[i].what, answer);
		check_state(before, byte_lies[i].what, true);
	}
	free(before);
}

static void no_byte_of_a_batch_can_be_turned_to_harm(void **state) {
	struct story s;
	struct buf f;

	(void)state;
	liar_connect(&liar, true);
	s = liar_story(&liar);
	liar_encode(&liar, &s, &f);
	/* The head of the frame tells its length: who changes that is waited for. */
	for (size_t at = LINK_HEADER - 1; at < f.n; at++) {
		char kept = f.p[at];
		int answer;

		f.p[at] = (char)(kept ^ (1 << (at % 8)));
		liar_connect(&liar, true);
		liar_send(&liar, f.p, f.n);
		if (shutdown(liar.fd, SHUT_WR) < 0)
			continue;
		answer = liar_answer(&liar);
		if (answer != LINK_REFUSED && answer != LINK_STALE && answer != LINK_ACK && answer != LINK_WANT &&
		    answer != GONE && answer != LINK_CURSORS)
			fail_msg("byte %zu: answer %d", at, answer);
		f.p[at] = kept;
	}
	buf_release(&f);
	free(liar_state(&liar, true));
	liar_connect(&liar, true);
}

static void what_is_sound_does_no_more_than_such_an_event_may(void **state) {
	char *before = liar_state(&liar, false);

	(void)state;
	for (size_t i = 0; i < sizeof(sound_lies) / sizeof(sound_lies[0]); i++) {
		struct story s;
		int answer;

		liar_connect(&liar, true);
		s = liar_story(&liar);
		sound_lies[i].spoil(&s);
		answer = liar_tell(&liar, &s);
		if (answer == LINK_WANT)
			fail_msg("%s: its texts are wanted once more", sound_lies[i].what);
		if (answer != LINK_ACK)
			fail_msg("%s: answer %d", sound_lies[i].what, answer);
		check_state(before, sound_lies[i].what, false);
	}
	free(before);
}

static void texts_are_clean_wherever_they_are_shown(void **state) {
	char published[128], line[512];
	struct story s;
	FILE *f;

	(void)state;
	liar_connect(&liar, true);
	s = liar_story(&liar);
	s.event.mac = 0x001565cccccCULL;
	s.event.account = slice_of("a\ndefault open");
	s.event.vendor = slice_of("Yea\33[2Jlink");
	s.event.user = slice_of("\"},{\"mac\":\"");
	s.event.agent = slice_of("\xff\xfe\0 agent");
	assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
	liar_connect(&liar, true);
	free(liar_state(&liar, true));
	(void)snprintf(published, sizeof(published), "%s/publish/lockstate", liar.folder);
	f = fopen(published, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "001565cccccc"))
			assert_string_equal(strchr(line, '\n') - 2, " -\n");
		assert_null(strchr(line, '\33'));
	}
	assert_int_equal(fclose(f), 0);
}

static void a_batch_that_comes_again_counts_once(void **state) {
	struct story s = liar_story(&liar);
	char *after;

	(void)state;
	assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
	after = liar_state(&liar, true);
	for (int i = 0; i < 100; i++)
		assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
	check_state(after, "the same batch a hundred times", true);
	free(after);
	liar_connect(&liar, true);
}

static void batches_out_of_order_are_not_taken(void **state) {
	struct story first = liar_story(&liar), second = first;
	char *before = liar_state(&liar, true);

	(void)state;
	second.from += 100;
	second.log.offset += 100;
	second.event.offset += 100;
	assert_int_equal(liar_tell(&liar, &second), LINK_STALE);
	check_state(before, "the second batch before the first", true);
	free(before);
	liar_connect(&liar, true);
}

static void a_flood_of_frames_makes_nobody_wait_for_long(void **state) {
	char *before = liar_state(&liar, true);
	struct buf f;
	size_t begin;

	(void)state;
	buf_init(&f, 16U << 20);
	for (int i = 0; i < 20000; i++) {
		begin = frame_begin(&f, LINK_HELLO);
		put_u32(&f, LINK_VERSION);
		frame_end(&f, begin);
	}
	liar_connect(&liar, true);
	/* It asks for all cursors over and over, and reads none: what would be sent has a bound, and then it is let go. */
	(void)send(liar.fd, f.p, f.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	check_state(before, "a flood of greetings", true);
	buf_clear(&f);
	for (int i = 0; i < 20000; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "log %d", i);
		begin = frame_begin(&f, LINK_NOTICE);
		put_text(&f, slice_of(name));
		put_text(&f, slice_of("a problem of my own"));
		frame_end(&f, begin);
	}
	liar_connect(&liar, true);
	(void)send(liar.fd, f.p, f.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	check_state(before, "a flood of notices", true);
	buf_release(&f);
	free(before);
	liar_connect(&liar, true);
}

static void links_beyond_the_bound_are_refused_and_the_others_served(void **state) {
	struct liar many[SERVER_LINKS + 4];
	struct story s;
	char *before, byte;

	(void)state;
	/* The oldest of them, which would be the first to go. */
	liar_connect(&liar, true);
	before = liar_state(&liar, true);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		many[i] = liar;
		many[i].fd = -1;
		many[i].in = (struct buf){0};
		liar_connect(&many[i], false);
	}
	check_state(before, "too many links", true);
	assert_int_equal(recv(many[SERVER_LINKS + 3].fd, &byte, 1, 0), 0);
	s = liar_story(&liar);
	assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		liar_hang_up(&many[i]);
	free(before);
	liar_connect(&liar, true);
}

/* So that what was compared above can differ at all. */
static void the_honest_are_heard_behind_all_of_it(void **state) {
	char *before = liar_state(&liar, true), *after;
	struct story s;

	(void)state;
	liar_connect(&liar, true);
	s = liar_story(&liar);
	s.event.mac = 0x001565abcd77ULL;
	assert_int_equal(liar_tell(&liar, &s), LINK_ACK);
	after = liar_state(&liar, true);
	assert_null(strstr(before, "001565abcd77"));
	assert_non_null(strstr(after, "001565abcd77"));
	free(before);
	free(after);
}

static int start(void **state) {
	(void)state;
	memset(long_text, 'a', sizeof(long_text));
	liar_start(&liar);
	liar_connect(&liar, true);
	tell_honestly(3);
	return 0;
}

static int stop(void **state) {
	(void)state;
	liar_stop(&liar);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_malformed_frame_is_believed),
		cmocka_unit_test(no_malformed_batch_is_believed),
		cmocka_unit_test(what_is_sound_does_no_more_than_such_an_event_may),
		cmocka_unit_test(a_batch_that_comes_again_counts_once),
		cmocka_unit_test(batches_out_of_order_are_not_taken),
		cmocka_unit_test(a_flood_of_frames_makes_nobody_wait_for_long),
		cmocka_unit_test(links_beyond_the_bound_are_refused_and_the_others_served),
		cmocka_unit_test(the_honest_are_heard_behind_all_of_it),
		cmocka_unit_test(texts_are_clean_wherever_they_are_shown),
		cmocka_unit_test(no_byte_of_a_batch_can_be_turned_to_harm),
	};

	return cmocka_run_group_tests_name("lies", tests, start, stop);
}
