#include <string.h>

#include "common/timefmt.h"

#include "common/conf_private.h"

void conf_print_text(const char *text, FILE *out) {
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void conf_print_duration(int64_t seconds, FILE *out) {
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {{'d', DAY}, {'h', HOUR}, {'m', MINUTE}, {'s', 1}};
	bool any = false;

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		int64_t n = seconds / units[u].seconds;

		seconds %= units[u].seconds;
		/* 24h reads better than 1d, and is what the manual says. */
		if (u == 0 && n == 1) {
			seconds += DAY;
			n = 0;
		}
		if (n > 0) {
			(void)fprintf(out, "%lld%c", (long long)n, units[u].letter);
			any = true;
		}
	}
	if (!any)
		fputs("0s", out);
}

/* A file's name as part of a comment: whatever it holds, it must not end the line. */
static void print_place(const char *file, unsigned line, FILE *out) {
	struct buf name;

	if (line == 0) {
		fputs("  # default\n", out);
		return;
	}
	buf_init(&name, (size_t)4 * CONF_PATH_MAX);
	buf_escaped(&name, slice_of(file), CONF_PATH_MAX);
	(void)fprintf(out, "  # %.*s:%u\n", (int)name.n, name.p ? name.p : "", line);
	buf_release(&name);
}

static void print_sources(const struct conf *conf, FILE *out) {
	for (uint32_t i = 0; i < conf->nsources; i++) {
		const char *lead = "  - ";

		for (const struct conf_row *row = conf_source_rows; row->name; row++) {
			const void *field = (const char *)&conf->sources[i] + row->offset;

			if (row->type != &conf_type_bool && !*(void *const *)field)
				continue;
			if (row->type == &conf_type_path && conf->sources[i].journal)
				continue;
			(void)fprintf(out, "%s%s: ", lead, strrchr(row->name, '.') + 1);
			row->type->print(row, &conf->sources[i], out);
			print_place(conf->file, conf->sources[i].line, out);
			lead = "    ";
		}
	}
}

/* "[a, b]" of the names whose bit is set. */
static void print_bits(const char *key, uint32_t bits, const char *(*name)(unsigned), FILE *out) {
	const char *comma = "";

	(void)fprintf(out, "%s: [", key);
	for (unsigned i = 0; i < 32; i++) {
		if ((bits & 1U << i) == 0)
			continue;
		(void)fprintf(out, "%s%s", comma, name(i));
		comma = ", ";
	}
	fputc(']', out);
}

static const char *kind_of_bit(unsigned bit) {
	return event_kind_name((enum event_kind)bit);
}

static const char *proof_of_bit(unsigned bit) {
	return proof_name((enum proof)bit);
}

static const char *by_of_bit(unsigned bit) {
	return conf_trigger_by[bit];
}

static void print_when(const struct trigger *t, FILE *out) {
	const struct {
		const char *key;
		enum tri value;
	} tris[] = {{"known", t->known},
	            {"imposter", t->imposter},
	            {"home", t->at_home},
	            {"abroad", t->abroad},
	            {"alone", t->alone}};
	const char *comma = "";

	fputs("    when: {", out);
	for (size_t i = 0; i < sizeof(tris) / sizeof(tris[0]); i++) {
		if (tris[i].value == TRI_UNKNOWN)
			continue;
		(void)fprintf(out, "%s%s: %s", comma, tris[i].key, tris[i].value == TRI_YES ? "true" : "false");
		comma = ", ";
	}
	if (t->proofs != CONF_PROOFS_ALL) {
		fputs(comma, out);
		print_bits("proof", t->proofs, proof_of_bit, out);
		comma = ", ";
	}
	for (uint32_t i = 0; i < t->ncountries; i++)
		(void)fprintf(out, "%s\"%.2s\"", i == 0 ? (*comma ? ", country: [" : "country: [") : ", ", t->countries[i]);
	if (t->ncountries > 0) {
		fputc(']', out);
		comma = ", ";
	}
	for (uint32_t i = 0; i < t->nasns; i++)
		(void)fprintf(out, "%s%u", i == 0 ? (*comma ? ", asn: [" : "asn: [") : ", ", t->asns[i]);
	if (t->nasns > 0) {
		fputc(']', out);
		comma = ", ";
	}
	for (uint32_t i = 0; i < t->nagents; i++) {
		fputs(i == 0 ? (*comma ? ", agent: [" : "agent: [") : ", ", out);
		conf_print_text(t->agents[i], out);
	}
	fputs(t->nagents > 0 ? "]}\n" : "}\n", out);
}

static void print_trigger(const struct trigger *t, FILE *out) {
	const char *comma = "";

	(void)fprintf(out, "  - id: %s", t->id);
	print_place(t->file, t->line, out);
	fputs("    ", out);
	print_bits("on", t->on, kind_of_bit, out);
	fputs("\n    ", out);
	print_bits("by", t->by, by_of_bit, out);
	(void)fprintf(out, "\n    count: %s\n", conf_trigger_counts[t->count]);
	if (t->mac != TRIGGER_MAC_ANY)
		(void)fprintf(out, "    mac: %s\n", conf_trigger_macs[t->mac]);
	(void)fprintf(out, "    limit: %u\n    within: ", t->limit);
	conf_print_duration(t->within, out);
	fputc('\n', out);
	if (t->reset) {
		fputs("    ", out);
		print_bits("reset", t->reset, kind_of_bit, out);
		fputc('\n', out);
	}
	print_when(t, out);
	fputs("    do: {", out);
	for (uint32_t i = 0; i < t->ntimes; i++) {
		fputs(i == 0 ? "ban: [" : ", ", out);
		conf_print_duration(t->times[i], out);
	}
	if (t->act & DO_BAN) {
		fputc(']', out);
		comma = ", ";
	}
	if (t->act & DO_SUSPECT) {
		(void)fprintf(out, "%ssuspect: true", comma);
		comma = ", ";
	}
	if (t->act & DO_REPORT)
		(void)fprintf(out, "%sreport: true", comma);
	fputs("}\n", out);
}

static void print_triggers(const struct conf *conf, FILE *out) {
	for (uint32_t i = 0; i < conf->ntriggers; i++)
		print_trigger(&conf->triggers[i], out);
	for (uint32_t i = 0; i < conf->ntriggers_off; i++)
		(void)fprintf(out, "  - {id: %s, off: true}\n", conf->triggers_off[i]);
}

/* Opens the groups of row that the row before has not, and returns the last part of its name. */
static const char *print_groups(const struct conf_row *row, const char *before, FILE *out) {
	const char *key = row->name;
	int depth = 0;

	for (const char *dot = strchr(key, '.'); dot; dot = strchr(key, '.')) {
		size_t n = (size_t)(dot + 1 - row->name);

		if (strncmp(before, row->name, n) != 0)
			(void)fprintf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - key), key);
		key = dot + 1;
		depth++;
	}
	(void)fprintf(out, "%*s%s:", 2 * depth, "", key);
	return key;
}

void conf_print(const struct conf *conf, FILE *out) {
	const char *before = "";

	for (size_t i = 0; conf_rows[i].name; i++) {
		const struct conf_row *row = &conf_rows[i];
		bool list = row->type == &conf_type_ports;

		if ((row->type == &conf_type_all_ports && !conf->firewall.all_ports) || (list && conf->firewall.all_ports))
			continue;
		print_groups(row, before, out);
		before = row->name;
		if (row->type == &conf_type_sources || row->type == &conf_type_triggers) {
			bool any = row->type == &conf_type_sources ? conf->nsources > 0 : conf->ntriggers + conf->ntriggers_off > 0;

			fputs(any ? "" : " []", out);
			print_place(conf->file, conf->places[i].line, out);
			if (row->type == &conf_type_sources)
				print_sources(conf, out);
			else
				print_triggers(conf, out);
			continue;
		}
		fputc(' ', out);
		row->type->print(row, conf, out);
		print_place(conf->file, conf->places[i].line, out);
	}
}
