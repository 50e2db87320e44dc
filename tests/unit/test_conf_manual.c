/* What ships beside the code says what the code does: rules/triggers.yaml and the manual page of the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timefmt.h"

#include "common/conf_private.h"

/* The state is the name of a file for the configuration at hand. */
static int set_up(void **state) {
	char *file = strdup("/tmp/provctl-conf-XXXXXX");
	int fd = file ? mkstemp(file) : -1;

	if (fd < 0)
		return -1;
	*state = file;
	return close(fd);
}

static int tear_down(void **state) {
	int rc = unlink(*state);

	free(*state);
	return rc;
}

static void write_file(const char *path, const char *text, int n) {
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, (size_t)n, f), n);
	assert_int_equal(fclose(f), 0);
}

#define K(kind) (1U << EVENT_##kind)
#define WEB_BAD (K(PROVISION_REFUSED) | K(PROVISION_UNKNOWN) | K(POLL_REFUSED) | K(POLL_UNKNOWN))
#define WEB_401 (K(PROVISION_UNAUTHORISED) | K(POLL_UNAUTHORISED))
#define WEB_200 (K(PROVISION_SERVED) | K(POLL_SERVED))
#define PROVEN  (1U << PROOF_HANDSHAKE | 1U << PROOF_NONCE)
#define ALL     (PROVEN | 1U << PROOF_NONE)

static void the_shipped_triggers_are_those_of_the_manual(void **state) {
	static const struct {
		const char *id;
		uint32_t on;
		unsigned by;
		enum trigger_count count;
		enum trigger_mac mac;
		uint32_t limit;
		int64_t within;
		uint32_t reset;
		enum tri known, imposter, home, abroad, alone;
		unsigned proofs, act;
		int64_t times[4];
	} rows[] = {
		/* clang-format off */
		{"provisioning-scan", WEB_BAD, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_FOREIGN, 10, HOUR, 0, 0, 0, 0, 0, 0, ALL,
		 DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"provisioning-hammer", WEB_BAD | WEB_401, BY_IP, COUNT_EVENTS, TRIGGER_MAC_UNKNOWN, 20, 60, 0, 0, 0, 0, 0, 0,
		 ALL, DO_BAN, {HOUR}},
		{"password-guessing", WEB_401, BY_IP | BY_DEVICE, COUNT_EVENTS, TRIGGER_MAC_ANY, 30, 600, WEB_200, 0, 0, 0, 0,
		 0, ALL, DO_BAN, {HOUR}},
		{"imposter", WEB_BAD | WEB_401 | WEB_200, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_ANY, 3, HOUR, 0, TRI_NO,
		 TRI_YES, 0, 0, 0, ALL, DO_BAN, {HOUR}},
		{"imposter-known", WEB_BAD | WEB_401 | WEB_200, BY_IP, COUNT_DISTINCT_MAC, TRIGGER_MAC_ANY, 3, HOUR, 0, TRI_YES,
		 TRI_YES, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"distributed-scan", WEB_BAD, BY_NET, COUNT_DISTINCT_MAC, TRIGGER_MAC_UNKNOWN, 10, HOUR, 0, 0, 0, 0, 0, TRI_NO,
		 ALL, DO_BAN, {HOUR}},
		{"sip-brute-force", K(SIP_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 20, 600, K(SIP_REGISTERED), TRI_NO, 0, 0, 0, 0,
		 ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-users", K(SIP_AUTH_FAILED), BY_IP, COUNT_DISTINCT_USER, 0, 10, 600, K(SIP_REGISTERED), 0, 0,
		 0, 0, 0, ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-user", K(SIP_AUTH_FAILED), BY_IP | BY_USER, COUNT_EVENTS, 0, 100, 600, K(SIP_REGISTERED), 0,
		 0, 0, 0, 0, ALL, DO_BAN, {HOUR, 4 * HOUR, DAY, 7 * DAY}},
		{"sip-brute-force-known", K(SIP_AUTH_FAILED), BY_IP, COUNT_EVENTS, 0, 20, 600, K(SIP_REGISTERED), TRI_YES, 0, 0,
		 0, 0, ALL, DO_REPORT, {0}},
		{"sip-enumeration", K(SIP_UNKNOWN_USER), BY_IP, COUNT_DISTINCT_USER, 0, 5, 600, 0, 0, 0, 0, 0, 0, ALL, DO_BAN,
		 {HOUR}},
		{"sip-scan", K(SIP_SCAN), BY_IP, COUNT_EVENTS, 0, 1, 600, 0, TRI_NO, 0, 0, 0, 0, ALL, DO_BAN, {DAY}},
		{"sip-scan-known", K(SIP_SCAN), BY_IP, COUNT_EVENTS, 0, 1, 600, 0, TRI_YES, 0, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"sip-flood", K(SIP_FLOOD), BY_IP, COUNT_EVENTS, 0, 3, 600, 0, TRI_NO, 0, 0, 0, 0, ALL, DO_BAN, {HOUR}},
		{"sip-flood-known", K(SIP_FLOOD), BY_IP, COUNT_EVENTS, 0, 3, 600, 0, TRI_YES, 0, 0, 0, 0, ALL, DO_REPORT, {0}},
		{"device-attack", K(SIP_AUTH_FAILED), BY_DEVICE, COUNT_EVENTS, 0, 30, 600, 0, 0, 0, TRI_NO, 0, 0, PROVEN,
		 DO_SUSPECT | DO_REPORT, {0}},
		{"foreign-registration", K(SIP_REGISTERED), BY_IP | BY_USER, COUNT_EVENTS, 0, 1, DAY, 0, 0, 0, 0, TRI_YES, 0,
		 PROVEN, DO_REPORT, {0}},
		/* clang-format on */
	};
	const char *file = *state;
	const char *top = getenv("top_srcdir");
	struct conf *conf = NULL;
	struct err err = {0};
	char text[512];

	assert_non_null(top);
	(void)snprintf(text, sizeof(text), "rules: [\"%s/rules\"]\n", top);
	write_file(file, text, (int)strlen(text));
	if (conf_load(&conf, file, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(conf->ntriggers, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct trigger *t = &conf->triggers[i];
		uint32_t ntimes = 0;

		assert_string_equal(t->id, rows[i].id);
		assert_int_equal(t->on, rows[i].on);
		assert_int_equal(t->by, rows[i].by);
		assert_int_equal(t->count, rows[i].count);
		assert_int_equal(t->mac, rows[i].mac);
		assert_int_equal(t->limit, rows[i].limit);
		assert_int_equal(t->within, rows[i].within);
		assert_int_equal(t->reset, rows[i].reset);
		assert_int_equal(t->known, rows[i].known);
		assert_int_equal(t->imposter, rows[i].imposter);
		assert_int_equal(t->at_home, rows[i].home);
		assert_int_equal(t->abroad, rows[i].abroad);
		assert_int_equal(t->alone, rows[i].alone);
		assert_int_equal(t->proofs, rows[i].proofs);
		assert_int_equal(t->act, rows[i].act);
		while (ntimes < 4 && rows[i].times[ntimes] > 0) {
			assert_int_equal(t->times[ntimes], rows[i].times[ntimes]);
			ntimes++;
		}
		assert_int_equal(t->ntimes, ntimes);
	}
	conf_free(&conf);
}

static char *manual(void) {
	const char *top = getenv("top_srcdir");
	char path[512];
	char *text;
	FILE *f;
	size_t n;

	assert_non_null(top);
	(void)snprintf(path, sizeof(path), "%s/man/provctl.yaml.5", top);
	f = fopen(path, "r");
	assert_non_null(f);
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	n = fread(text, 1, (1 << 20) - 1, f);
	assert_true(n > 0 && feof(f));
	(void)fclose(f);
	return text;
}

/* As mdoc has it: quotes are \(dq; and the manual tells of the folders of a packaged build. */
static void as_in_manual(const char *standard, char out[512]) {
	static const struct {
		const char *ours, *theirs;
	} words[] = {{"\"", "\\(dq"},
	             {PROVCTL_DATADIR "/rules", "/usr/share/provctl/rules"},
	             {PROVCTL_SYSCONFDIR "/rules", "/etc/provctl/rules"}};
	size_t n = 0;

	while (*standard) {
		size_t w = 0;

		while (w < 3 && strncmp(standard, words[w].ours, strlen(words[w].ours)) != 0)
			w++;
		if (w == 3) {
			out[n++] = *standard++;
			continue;
		}
		n += (size_t)snprintf(out + n, 512 - n, "%s", words[w].theirs);
		standard += strlen(words[w].ours);
	}
	out[n] = '\0';
}

/* The entry of a name: from its .It to the next. Exactly one is there. */
static void entry_of(const char *man, const char *name, char *out, size_t size) {
	char head[96];
	const char *at;
	const char *end;

	(void)snprintf(head, sizeof(head), "\n.It Ic %s\n", name);
	at = strstr(man, head);
	if (!at) {
		fail_msg("the manual says nothing of %s", name);
		return;
	}
	assert_null(strstr(at + 1, head));
	end = strstr(at + 1, "\n.It ");
	if (!end || (strstr(at, "\n.El") && strstr(at, "\n.El") < end))
		end = strstr(at, "\n.El");
	assert_non_null(end);
	assert_true((size_t)(end - at) < size);
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
}

static void check_row(const char *man, const struct conf_row *row) {
	char entry[4096];
	char standard[512];
	char expected[600];

	entry_of(man, row->name, entry, sizeof(entry));
	if (row->standard) {
		as_in_manual(row->standard, standard);
		(void)snprintf(expected, sizeof(expected), "The default is\n.Ql %s .", standard);
		if (!strstr(entry, expected))
			fail_msg("the manual has another default of %s than %s", row->name, row->standard);
	}
	if (row->type == &conf_type_count || row->type == &conf_type_number || row->type == &conf_type_port ||
	    row->type == &conf_type_length4 || row->type == &conf_type_length6) {
		(void)snprintf(expected, sizeof(expected), "\n.Pq %lld to %lld", (long long)row->min, (long long)row->max);
		if (!strstr(entry, expected))
			fail_msg("the manual has another range of %s than%s", row->name, expected + 4);
	}
	for (size_t i = 0; row->choices && row->choices[i]; i++) {
		(void)snprintf(expected, sizeof(expected), "\n.Cm %s", row->choices[i]);
		if (!strstr(entry, expected))
			fail_msg("the manual does not tell of %s: %s", row->name, row->choices[i]);
	}
}

static void the_manual_documents_every_setting_and_nothing_else(void **state) {
	static const struct {
		const char *group;
		const char *const *keys;
	} groups[] = {{"triggers", conf_trigger_keys},
	              {"triggers.when", conf_trigger_when_keys},
	              {"triggers.do", conf_trigger_do_keys}};
	char *man = manual();
	char entry[4096];
	char name[96];
	size_t count = 0;
	size_t entries = 0;

	(void)state;
	for (const struct conf_row *row = conf_rows; row->name; row++, count++)
		check_row(man, row);
	for (const struct conf_row *row = conf_source_rows; row->name; row++, count++)
		check_row(man, row);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (size_t i = 0; groups[g].keys[i]; i++, count++) {
			(void)snprintf(name, sizeof(name), "%s.%s", groups[g].group, groups[g].keys[i]);
			entry_of(man, name, entry, sizeof(entry));
		}
	}
	for (const char *at = man; (at = strstr(at, "\n.It Ic ")); at++)
		entries++;
	assert_int_equal(entries, count);
	free(man);
}

static void the_examples_of_the_manual_are_sound(void **state) {
	const char *file = *state;
	const char *top = getenv("top_srcdir");
	char *man = manual();
	const char *at = strstr(man, "\n.Sh EXAMPLES");
	unsigned count = 0;

	assert_non_null(at);
	while ((at = strstr(at, "\n.Bd -literal"))) {
		const char *end = strstr(at, "\n.Ed");
		struct conf *conf = NULL;
		struct err err = {0};
		char text[4096];
		int n;

		at = strchr(at + 1, '\n');
		n = snprintf(text, sizeof(text), "rules: [\"%s/rules\"]%.*s\n", top, (int)(end - at), at);
		write_file(file, text, n);
		if (conf_load(&conf, file, NULL, &err) != 0)
			fail_msg("%s", err.text);
		conf_free(&conf);
		count++;
	}
	assert_int_equal(count, 3);
	free(man);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_shipped_triggers_are_those_of_the_manual, set_up, tear_down),
		cmocka_unit_test(the_manual_documents_every_setting_and_nothing_else),
		cmocka_unit_test_setup_teardown(the_examples_of_the_manual_are_sound, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
