/* What agents and paths tell of their phones: requests of real phones, each vendor's rule and samples, and how few patterns are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/js.h"

#include "analyzer/rule_private.h"

#define CORPUS "/../shared/corpora/"

static const char *top(void) {
	const char *dir = getenv("top_srcdir");

	return dir ? dir : ".";
}

/* ---- the shipped rules ---- */

static struct conf *conf;
static struct rules *rules;
static struct line_context ctx;

static int rules_set(void **state) {
	char path[] = "/tmp/test_phones.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	struct err err;
	int result = -1;

	(void)state;
	if (!file)
		return -1;
	(void)fprintf(file, "rules: [%s/rules]\n", top());
	if (fclose(file) == 0 && conf_load(&conf, path, NULL, &err) == 0 && rules_load(&rules, conf, NULL, &err) == 0)
		result = line_context_init(&ctx, conf, rules, NULL, format_find(slice_of("combined")), "UTC", NULL, &err);
	if (result < 0)
		print_message("%s\n", err.text);
	(void)unlink(path);
	return result;
}

static int rules_release(void **state) {
	(void)state;
	line_context_release(&ctx);
	rules_free(&rules);
	conf_free(&conf);
	return 0;
}

/* ---- requests ---- */

struct told {
	char vendor[64], model[64], version[64], mac[32];
};

static void told_take(const struct json *phone, const char *key, char *out, size_t size) {
	const char *text = phone ? js_text(phone, key) : NULL;

	(void)snprintf(out, size, "%s", text ? text : "");
}

/* As `explain --line --json` tells it. */
static void explained(const char *agent, const char *path, struct told *out) {
	char line[4096];
	struct buf json;
	struct json *j;
	const struct json *phone;
	struct err err;

	(void)snprintf(line, sizeof(line),
	               "203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET %s HTTP/1.1\" 200 5 \"-\" \"%s\"",
	               *path ? path : "/", *agent ? agent : "-");
	buf_init(&json, 1U << 20);
	assert_int_equal(rules_explain(&ctx, slice_of(line), &json, &err), 0);
	if (js_parse((struct slice){json.p, json.n}, &j, &err))
		fail_msg("%s: %s", line, err.text);
	phone = js_get(j, "phone");
	told_take(phone, "vendor", out->vendor, sizeof(out->vendor));
	told_take(phone, "model", out->model, sizeof(out->model));
	told_take(phone, "version", out->version, sizeof(out->version));
	told_take(phone, "mac", out->mac, sizeof(out->mac));
	js_free(&j);
	buf_release(&json);
}

/* Rows of provision_requests.tsv that are wrong: in which column, what it says, what is told instead, and why. */
enum { C_AGENT, C_PATH, C_VENDOR, C_MODEL, C_VERSION, C_MAC, COLUMNS };

static const struct exception {
	const char *agent, *path;
	int column;
	const char *row, *told, *why;
} exceptions[] = {
	{"PolycomVVX-VVX_450-UA/6.4", "", C_MODEL, "VVX_450", "VVX450",
     "the same file calls VVX_400 a VVX400; a maker's models are spelled in one way"},
	{"PolycomSoundPointIPPhone/VVX_411-UA/6.4.7.1181", "", C_MODEL, "VVX_411", "VVX411", "as VVX_450"},
	{"FileTransport PolycomSoundStationIP-SSIP_6000-UA/3.2.0.0157", "", C_MODEL, "SSIP_6000", "SSIP6000",
     "two other rows call the same model SSIP6000"},
	{"FileTransport PolycomSoundPointIP-SPIP_601-UA/3.1.3.0439", "", C_MODEL, "SPIP_601", "SPIP601",
     "the same file calls SPIP_335 a SPIP335"},
	{"", "/?mac=24-9a-d8-6e-9d-88", C_VENDOR, "", "Yealink",
     "the prefix is Yealink's, as the row of /249ad8123456.cfg says"},
	{"Mitel-5320-SIP-Phone 06.05.00.11 010203040506", "", C_MAC, "010203040506", "",
     "the lowest bit of its first byte is set: a group's address is no device's"},
};

/* Puts right what the row says. */
static bool row_correct(char *column[COLUMNS]) {
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		const struct exception *x = &exceptions[i];

		if (strcmp(x->agent, column[C_AGENT]) != 0 || strcmp(x->path, column[C_PATH]) != 0)
			continue;
		assert_string_equal(column[x->column], x->row);
		print_message("row is wrong: %s%s: \"%s\", not \"%s\": %s\n", x->agent, x->path, x->told, x->row, x->why);
		column[x->column] = (char *)(uintptr_t)x->told;
		return true;
	}
	return false;
}

/* "00:15:65:AB:CD:EF" as it is printed; what is no MAC stays as it is. */
static void mac_spell(char *text) {
	size_t n = 0;

	for (const char *p = text; *p; p++)
		if (*p != ':')
			text[n++] = *p >= 'A' && *p <= 'F' ? (char)(*p | 0x20) : *p;
	text[n] = '\0';
}

static FILE *corpus_open(const char *name) {
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s" CORPUS "%s", top(), name);
	file = fopen(path, "r");
	if (!file) {
		print_message("corpora: %s is not here\n", name);
		skip();
	}
	return file;
}

static void every_request_of_a_real_phone_tells_what_its_row_says(void **state) {
	FILE *file = corpus_open("provision_requests.tsv");
	unsigned rows = 0, wrong = 0, corrected = 0;
	char line[4096];

	(void)state;
	assert_non_null(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file)) {
		char *column[COLUMNS] = {0};
		char *rest = line;
		struct told told;

		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < COLUMNS; i++)
			column[i] = strsep(&rest, "\t");
		assert_non_null(column[C_MAC]);
		rows++;
		mac_spell(column[C_MAC]);
		explained(column[C_AGENT], column[C_PATH], &told);
		corrected += row_correct(column);
		if (strcmp(told.vendor, column[C_VENDOR]) == 0 && strcmp(told.model, column[C_MODEL]) == 0 &&
		    strcmp(told.version, column[C_VERSION]) == 0 && strcmp(told.mac, column[C_MAC]) == 0)
			continue;
		print_message("%s %s: wanted %s|%s|%s|%s, came %s|%s|%s|%s\n", column[C_AGENT], column[C_PATH],
		              column[C_VENDOR], column[C_MODEL], column[C_VERSION], column[C_MAC], told.vendor, told.model,
		              told.version, told.mac);
		wrong++;
	}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rows, 262);
	assert_int_equal(wrong, 0);
	assert_int_equal(corrected, sizeof(exceptions) / sizeof(exceptions[0]));
}

static void what_looks_like_a_mac_and_is_none_is_not_taken(void **state) {
	static const struct {
		const char *label, *agent, *path, *vendor, *model, *version, *mac;
	} rows[] = {
		{"a board's name with a hex digit", "Mozilla/4.0 (compatible; snom870-SIP 8.7.5.17 SPEAr300 SNOM 1.4)", "/",
	     "Snom", "870", "8.7.5.17", ""},
		{"a build hash of 12 digits",
	     "Mozilla/4.0 (compatible; snomD765-SIP 10.1.54.13 2010.12-00004-gabcdefabcdef SXM:0)", "/", "Snom", "D765",
	     "10.1.54.13", ""},
		{"a serial number of 12 hex digits", "Linksys/SPA-962-6.1.5(a) (88019FB11223)", "/", "Linksys", "SPA962",
	     "6.1.5(a)", ""},
		{"an adapter's serial number", "Cisco/ATA191-MPP-11-2-4 (ABCDEF112233)", "/", "Cisco", "ATA191", "11-2-4", ""},
		{"y and 12 digits", "-", "/prov/y000000000044.cfg", "Yealink", "", "", ""},
		{"r and 12 digits", "-", "/r000000000028.cfg", "Akuvox", "", "", ""},
		{"zeros", "-", "/000000000000.cfg", "Polycom", "", "", ""},
		{"folders", "-", "/05ba94c0fe6f/ac438d0d3c39/", "", "", "", ""},
		{"folders before a name", "-", "/05ba94c0fe6f/ac438d0d3c39/0013cb112233.cfg", "Zenitel", "", "",
	     "0013cb112233"},
		{"13 digits", "-", "/0013cb1122334.cfg", "", "", "", ""},
		{"a broadcast address", "-", "/ffffffffffff.cfg", "", "", "", ""},
		{"a common file of nearly 12 digits", "-", "/f0C00640000.cfg", "Fanvil", "C64", "", ""},
		{"a control byte as it is", "AVAYA/SIP12x0\x17/04.04.28.00", "/", "Avaya", "", "04.04.28.00", ""},
		{"a control byte as nginx writes it", "AVAYA/SIP12x0\\x1F/04.04.28.00", "/SIPC81FEA112233.cfg", "Avaya", "",
	     "04.04.28.00", "c81fea112233"},
		{"a blank before the file", "-", "/ SEP0021A0112233.cnf.xml", "Cisco", "", "", "0021a0112233"},
		{"a blank within the model", "Fanvil X7 Pro 2.12.18.4 0c383e112233", "/", "Fanvil", "X7-Pro", "2.12.18.4",
	     "0c383e112233"},
		{"another maker's prefix in a name of one's own", "-", "/spa805ec0112233.xml", "Cisco", "", "", "805ec0112233"},
		{"a shared name, told by its prefix", "-", "/cfgf4b549112233.xml", "Yeastar", "", "", "f4b549112233"},
		{"a shared name of an unknown prefix", "-", "/cfg001122334455.xml", "Grandstream", "", "", "001122334455"},
		{"macros that no phone filled in", "-", "/tftpphone/$MA.cfg", "", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;

		explained(rows[i].agent, rows[i].path, &told);
		if (strcmp(told.vendor, rows[i].vendor) || strcmp(told.model, rows[i].model) ||
		    strcmp(told.version, rows[i].version) || strcmp(told.mac, rows[i].mac))
			fail_msg("%s: came %s|%s|%s|%s", rows[i].label, told.vendor, told.model, told.version, told.mac);
	}
}

/* ---- vendors ---- */

/* As vendors.md calls them, and as the rules do; then those beyond it. */
static const struct {
	const char *listed;
	const char *vendors[11];
} known[] = {
	{"Yealink", {"Yealink"}},
	{"Polycom / Poly", {"Polycom", "Poly"}},
	{"Cisco SPA / Linksys", {"Cisco", "Linksys"}},
	{"Cisco ATA19x MPP", {"Cisco"}},
	{"Cisco MPP 68xx/78xx/88xx", {"Cisco"}},
	{"Cisco 79xx/89xx/99xx (CUCM)", {"Cisco"}},
	{"Grandstream", {"Grandstream"}},
	{"Snom (desk)", {"Snom"}},
	{"Snom M-series DECT", {"Snom"}},
	{"Panasonic", {"Panasonic"}},
	{"Fanvil", {"Fanvil"}},
	{"Aastra / Mitel 67xx-69xx", {"Aastra", "Mitel"}},
	{"Mitel 53xx", {"Mitel"}},
	{"Avaya 12x0 / J100", {"Avaya"}},
	{"AudioCodes", {"AudioCodes"}},
	{"Digium / Sangoma D", {"Digium"}},
	{"Sangoma S", {"Sangoma"}},
	{"Obihai", {"Obihai"}},
	{"Poly Rove / Konftel DECT", {"RTX", "Konftel"}},
	{"Algo", {"Algo"}},
	{"VTech", {"VTech"}},
	{"Flyingvoice", {"Flyingvoice"}},
	{"Zenitel", {"Zenitel"}},
	{"Swissvoice/CloudTC/Unidata/Yeastar/Atcom/Escene/Xorcom/Intelbras/2N/Telekonnectors",
     {"Swissvoice", "CloudTC", "Unidata", "Yeastar", "Atcom", "Escene", "Xorcom", "Intelbras", "2N", "Telekonnectors"}},
	/* Groundwire is a model of Acrobits's; MicroSIP asks for no configuration: an imposter. */
	{"Zoiper / Acrobits / Linphone / Groundwire / MicroSIP", {"Zoiper", "Acrobits", "Linphone"}},
	{"Akuvox", {"Akuvox"}},
	{NULL, {"Gigaset", "Htek", "Alcatel-Lucent Enterprise", "Technicolor", "Patton", "Nortel", "Unify", "Bittel"}},
};

/* Samples that expect something, of all entries of that vendor. */
static unsigned samples_of(const char *vendor) {
	unsigned n = 0;

	for (uint32_t i = 0; i < rules->nphones; i++) {
		if (!slice_is(rules->phones[i].vendor, vendor))
			continue;
		for (const struct yamldoc_node *s = rules->phones[i].samples->first; s; s = s->next)
			n += yamldoc_get(s, "expect")->kind == YAMLDOC_MAPPING;
	}
	return n;
}

static void every_vendor_has_a_rule_with_two_samples_or_more(void **state) {
	unsigned imposters = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (const char *const *vendor = known[i].vendors; vendor < known[i].vendors + 11 && *vendor; vendor++)
			if (samples_of(*vendor) < 2)
				fail_msg("%s: %u samples", *vendor, samples_of(*vendor));
	for (uint32_t i = 0; i < rules->nimposters; i++)
		for (const struct yamldoc_node *s = rules->imposters[i].samples->first; s; s = s->next)
			imposters += strncmp(s->text.p, "MicroSIP", 8) == 0;
	assert_true(imposters >= 2);
}

static void the_list_of_vendors_holds_none_that_the_rules_do_not(void **state) {
	FILE *file = corpus_open("provisioning/vendors.md");
	unsigned vendors = 0;
	char line[8192];

	(void)state;
	while (fgets(line, sizeof(line), file)) {
		size_t n = strncmp(line, "| ", 2) == 0 ? strcspn(line + 2, "|") : 0;
		bool found = false;

		while (n > 0 && line[2 + n - 1] == ' ')
			n--;
		line[2 + n] = '\0';
		if (n == 0 || strcmp(line + 2, "vendor") == 0)
			continue;
		vendors++;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= known[i].listed && strcmp(known[i].listed, line + 2) == 0;
		if (!found)
			fail_msg("%s: no rule", line + 2);
	}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(vendors, sizeof(known) / sizeof(known[0]) - 1);
}

/* ---- the index ---- */

/* How many patterns a text is tried on; each that takes it is among them. */
static unsigned clues_hold(const struct phone_clues *clues, struct slice subject) {
	uint64_t set[GATE_WORDS(CLUES_MAX)];
	unsigned n = 0;

	memset(set, 0xff, sizeof(set));
	gate_narrow(clues->gate, subject, set);
	for (uint32_t i = 0; i < clues->n; i++) {
		bool tried = set[i / 64] >> i % 64 & 1;

		n += tried;
		if (!tried && pattern_match(clues->at[i].with->pattern, subject, NULL) == PATTERN_YES)
			fail_msg("%.*s: a pattern that takes it is not tried", (int)subject.n, subject.p);
	}
	return n;
}

static void of_all_patterns_a_few_are_tried_those_that_take_it_among_them(void **state) {
	(void)state;
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (const struct yamldoc_node *s = rules->phones[i].samples->first; s; s = s->next) {
			const struct yamldoc_node *agent = yamldoc_get(s, "agent");
			const struct yamldoc_node *path = yamldoc_get(s, "path");

			if (agent)
				assert_true(clues_hold(&rules->agents, agent->text) <= 8);
			if (path)
				assert_true(clues_hold(&rules->paths, slice_of(strrchr(path->text.p, '/') + 1)) <= 8);
		}
}

/* ---- patterns of one's own, and hostile agents ---- */

/* The fault of rules that hold this pattern, or "" with what an agent tells by them. */
static void phone_loaded(const char *pattern, const char *agent, char fault[256], struct told *told) {
	char folder[] = "/tmp/test_phones.XXXXXX";
	char names[2][64];
	struct conf *own_conf = NULL;
	struct rules *own = NULL;
	struct asker asker;
	struct err err = {0};
	FILE *file;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(names[0], sizeof(names[0]), "%s/a.yaml", folder);
	(void)snprintf(names[1], sizeof(names[1]), "%s/c.conf", folder);
	assert_non_null(file = fopen(names[0], "w"));
	(void)fprintf(file, "phones:\n  - vendor: X\n    agent: %s\n    samples: [{agent: x, expect: none}]\n", pattern);
	assert_int_equal(fclose(file), 0);
	assert_non_null(file = fopen(names[1], "w"));
	(void)fprintf(file, "rules: [%s]\n", folder);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(conf_load(&own_conf, names[1], NULL, &err), 0);
	fault[0] = '\0';
	if (rules_load(&own, own_conf, NULL, &err) < 0)
		(void)slice_copy(slice_of(err.text), fault, 256);
	else {
		phone_tell(own, slice_of(agent), (struct slice){0}, MAC_NONE, &asker);
		(void)slice_copy(asker.model, told->model, sizeof(told->model));
		(void)slice_copy(asker.version, told->version, sizeof(told->version));
	}
	rules_free(&own);
	conf_free(&own_conf);
	(void)unlink(names[0]);
	(void)unlink(names[1]);
	assert_int_equal(rmdir(folder), 0);
}

static void a_model_is_put_together_from_groups(void **state) {
	static const struct {
		const char *pattern, *agent, *model;
	} rows[] = {
		{"{match: '^x(?<a>[a-z]+)-(?<b>[0-9]+)', model: '<a><b>'}", "xspa-504", "spa504"},
		{"{match: '^x(?<a>[a-z]+)-(?<b>[0-9]+)', model: '<A> <b>!'}", "xspa-504", "SPA 504!"},
		{"{match: '^x(?<a>[a-z]+)?', model: 'Z<a>'}", "x", "Z"},
		{"{match: '^x', model: fixed}", "x1", "fixed"},
		{"['^y', {match: '^x(?<model>.)', model: '<MODEL>'}]", "xa", "A"},
		/* More than a word is cut. */
		{"{match: '^x(?<a>.*)', model: '<a><A><a>'}", "x234567890123456789012345678901",
	     "234567890123456789012345678901234567890123456789012345678901234"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;
		char fault[256];

		phone_loaded(rows[i].pattern, rows[i].agent, fault, &told);
		assert_string_equal(fault, "");
		assert_string_equal(told.model, rows[i].model);
	}
}

static void a_model_that_cannot_be_put_together_is_a_fault(void **state) {
	static const struct {
		const char *pattern, *fault;
	} rows[] = {
		{"{match: '^x'}", "needs `match` and `model`"},
		{"{model: x}", "needs `match` and `model`"},
		{"{match: '^x', model: '<b>'}", "no group `b`"},
		{"{match: '^(?<b>x)', model: '<b'}", "takes text and up to"},
		{"{match: '^(?<b>x)', model: '<b>1<b>2<b>3<b>'}", "takes text and up to"},
		{"{match: '^(?<b>x)', model: [x]}", "must be text"},
		{"{match: '^(', model: x}", "pattern"},
		{"{match: '^x', modle: x}", "did you mean model"},
		{"[]", "takes a pattern"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;
		char fault[256];

		phone_loaded(rows[i].pattern, "x", fault, &told);
		if (!strstr(fault, rows[i].fault))
			fail_msg("%s: wanted \"%s\", came \"%s\"", rows[i].pattern, rows[i].fault, fault);
	}
}

static void an_agent_that_is_too_long_is_no_phones(void **state) {
	static const char begin[] = "Yealink SIP-T46S 66.86.0.15 ";
	char agent[PHONE_TEXT_MAX + 1];
	struct asker asker;

	(void)state;
	memset(agent, 'x', sizeof(agent));
	memcpy(agent, begin, sizeof(begin) - 1);
	phone_tell(rules, (struct slice){agent, sizeof(agent) - 1}, (struct slice){0}, MAC_NONE, &asker);
	assert_true(asker.known);
	phone_tell(rules, (struct slice){agent, sizeof(agent)}, (struct slice){0}, MAC_NONE, &asker);
	assert_false(asker.known);
	assert_int_equal(asker.imposter, TRI_UNKNOWN);
}

static void no_agent_or_name_however_long_takes_more_than_its_share(void **state) {
	static const char *const tails[] = {"a ", "0", "0.", "-", " (", "aA0", "00:", ";", " 1.1"};
	static char text[PHONE_TEXT_MAX];

	(void)state;
	for (uint32_t i = 0; i < rules->nphones; i++)
		for (const struct yamldoc_node *s = rules->phones[i].samples->first; s; s = s->next) {
			const struct yamldoc_node *from = yamldoc_get(s, "agent");
			const struct phone *phone = &rules->phones[i];
			bool path = from == NULL;

			if (path)
				from = yamldoc_get(s, "path");
			/* Of each sample some beginnings, and then what fits the classes of its pattern. */
			for (size_t n = path ? 1 : 0; n <= from->text.n && n < 256; n += 3)
				for (size_t t = 0; t < sizeof(tails) / sizeof(tails[0]); t++) {
					size_t length = n - path;

					memcpy(text, from->text.p + path, length);
					while (length + strlen(tails[t]) < sizeof(text)) {
						memcpy(text + length, tails[t], strlen(tails[t]));
						length += strlen(tails[t]);
					}
					for (uint32_t p = 0; p < (path ? phone->npaths : phone->nagents); p++)
						if (pattern_match((path ? phone->paths : phone->agents)[p].pattern,
						                  (struct slice){text, length}, NULL) == PATTERN_LIMIT)
							fail_msg("%s, %zu bytes, then \"%s\"", from->text.p, n, tails[t]);
				}
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_of_a_real_phone_tells_what_its_row_says),
		cmocka_unit_test(what_looks_like_a_mac_and_is_none_is_not_taken),
		cmocka_unit_test(every_vendor_has_a_rule_with_two_samples_or_more),
		cmocka_unit_test(the_list_of_vendors_holds_none_that_the_rules_do_not),
		cmocka_unit_test(of_all_patterns_a_few_are_tried_those_that_take_it_among_them),
		cmocka_unit_test(a_model_is_put_together_from_groups),
		cmocka_unit_test(a_model_that_cannot_be_put_together_is_a_fault),
		cmocka_unit_test(an_agent_that_is_too_long_is_no_phones),
		cmocka_unit_test(no_agent_or_name_however_long_takes_more_than_its_share),
	};

	return cmocka_run_group_tests(tests, rules_set, rules_release);
}
