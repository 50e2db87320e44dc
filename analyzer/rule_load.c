/* From YAML to rules. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/rule_private.h"

#define ID_MAX EVENT_WORD_MAX

struct loading {
	struct rules *rules;
	struct conf_faults *faults;
	struct err first;
	unsigned count;
};

static void loading_fault(struct loading *l, const struct err *err) {
	if (l->count++ == 0)
		l->first = *err;
	if (l->faults) {
		l->faults->count++;
		if (l->faults->report)
			l->faults->report(l->faults->context, err->text);
	}
}

/* A format's slot by the name that a rule uses. */
static int slot_read(const struct yamldoc_node *node, unsigned *out, struct err *err) {
	const char *names[FORMAT_KINDS + 1] = {NULL};
	unsigned n = 0;

	while (format_names()[n]) {
		names[n] = format_names()[n];
		n++;
	}
	names[n] = "own";
	return yamldoc_choice(node, names, out, err);
}

int pattern_read(const struct yamldoc_node *node, struct pattern **out, struct err *err) {
	const char *text;
	struct err why;

	if (yamldoc_text(node, &text, err))
		return -1;
	if (pattern_new(out, node->text, &why))
		return yamldoc_cause(node, err, &why);
	return 0;
}

void pattern_shape(const struct pattern *p, struct slice text, struct shape *out) {
	if (pattern_is_anchored(p))
		shape_of_pattern(out, text);
	else
		shape_any(out);
}

const struct yamldoc_node *samples_read(const struct yamldoc_node *owner, struct err *err) {
	const struct yamldoc_node *samples = yamldoc_get(owner, "samples");

	if (!samples || (samples->kind == YAMLDOC_SEQUENCE && samples->count == 0)) {
		(void)yamldoc_fault(owner, err, "has no samples; give lines that it takes, and some that it must not");
		return NULL;
	}
	return yamldoc_sequence(samples, err) ? NULL : samples;
}

static int field_read(struct rules *rules, const struct yamldoc_node *node, struct slice name, int *out,
                      struct err *err) {
	int field = field_number(rules->names, name);

	if (field < 0)
		return yamldoc_fault(node, err, "field name too long, or more than %d field names in all", FIELDS_MAX);
	*out = field;
	return 0;
}

static int value_read(const struct yamldoc_node *node, int field, struct value *out, struct err *err) {
	const char *text;
	const char *dash;

	if (yamldoc_text(node, &text, err))
		return -1;
	*out = (struct value){.text = node->text};
	dash = field == FIELD_STATUS || field == FIELD_BYTES ? memchr(text, '-', node->text.n) : NULL;
	if (!dash)
		return 0;
	out->range = true;
	if (!slice_number((struct slice){text, (size_t)(dash - text)}, UINT32_MAX, &out->first) ||
	    !slice_number(slice_of(dash + 1), UINT32_MAX, &out->last) || out->first > out->last)
		return yamldoc_fault(node, err, "not a range of numbers such as 400-499");
	return 0;
}

static void value_shape(struct shape *s, const struct value *v) {
	static const char digits[] = "0123456789";

	if (!v->range) {
		shape_add_text(s, v->text);
		return;
	}
	for (size_t i = 0; i < sizeof(digits) - 1; i++) {
		char number[GATE_DEPTH];

		memset(number, digits[i], sizeof(number));
		for (size_t n = 1; n <= sizeof(number); n++)
			shape_add_text(s, (struct slice){number, n});
	}
}

const struct shape *condition_shape(struct condition *c) {
	if (c->shape)
		return c->shape;
	c->shape = malloc(sizeof(*c->shape));
	if (!c->shape)
		return NULL;
	if (c->pattern) {
		pattern_shape(c->pattern, c->node->text, c->shape);
		return c->shape;
	}
	shape_none(c->shape);
	for (uint32_t i = 0; i < c->nvalues; i++)
		value_shape(c->shape, &c->values[i]);
	return c->shape;
}

static int condition_read(struct rules *rules, const struct yamldoc_node *node, struct condition *c, struct err *err) {
	uint32_t n = 0;

	c->node = node;
	if (field_read(rules, node, node->key, &c->field, err))
		return -1;
	if (node->kind == YAMLDOC_SEQUENCE) {
		if (node->count == 0)
			return yamldoc_fault(node, err, "an empty list matches nothing");
		c->values = calloc(node->count, sizeof(*c->values));
		if (!c->values)
			return err_errno(err, "rules");
		for (const struct yamldoc_node *i = node->first; i; i = i->next)
			if (value_read(i, c->field, &c->values[n++], err))
				return -1;
		c->nvalues = n;
		return 0;
	}
	if (pattern_read(node, &c->pattern, err))
		return -1;
	c->groups = calloc(pattern_groups(c->pattern) + 1, sizeof(*c->groups));
	if (!c->groups)
		return err_errno(err, "rules");
	for (; n < pattern_groups(c->pattern); n++)
		if (field_read(rules, node, slice_of(pattern_group_name(c->pattern, n)), &c->groups[n], err))
			return -1;
	return 0;
}

static int where_read(struct rules *rules, const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	if (yamldoc_mapping(node, err))
		return -1;
	if (node->count == 0 || node->count > CONDITIONS_MAX)
		return yamldoc_fault(node, err, "takes 1 to %d fields", CONDITIONS_MAX);
	rule->conditions = calloc(node->count, sizeof(*rule->conditions));
	if (!rule->conditions)
		return err_errno(err, "rules");
	/* Lists first: they cost least. */
	for (int patterns = 0; patterns < 2; patterns++)
		for (const struct yamldoc_node *m = node->first; m; m = m->next)
			if ((m->kind != YAMLDOC_SEQUENCE) == patterns &&
			    condition_read(rules, m, &rule->conditions[rule->nconditions++], err))
				return -1;
	return 0;
}

static int formats_read(const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	unsigned slot;

	if (node->kind == YAMLDOC_SCALAR) {
		if (slot_read(node, &rule->first_format, err))
			return -1;
		rule->formats = 1U << rule->first_format;
		return 0;
	}
	if (yamldoc_sequence(node, err))
		return -1;
	if (node->count == 0)
		return yamldoc_fault(node, err, "names no format");
	for (const struct yamldoc_node *i = node->first; i; i = i->next) {
		if (slot_read(i, &slot, err))
			return -1;
		if (i == node->first)
			rule->first_format = slot;
		rule->formats |= 1U << slot;
	}
	return 0;
}

static int act_read(const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	const char *names[EVENT_KINDS + 3] = {"none", "provision"};
	unsigned choice;
	unsigned n = 2;

	for (unsigned kind = EVENT_SIP_REGISTERED; kind < EVENT_LINK_KINDS; kind++)
		names[n++] = event_kind_name((enum event_kind)kind);
	if (yamldoc_choice(node, names, &choice, err))
		return -1;
	rule->act = choice == 0 ? RULE_NOTHING : choice == 1 ? RULE_PROVISION : RULE_KIND;
	if (choice > 1)
		rule->kind = (enum event_kind)(EVENT_SIP_REGISTERED + choice - 2);
	return 0;
}

static int proof_word(const struct yamldoc_node *node, enum proof *out, struct err *err) {
	const char *names[PROOFS + 1] = {NULL};
	unsigned choice;

	for (unsigned i = 0; i < PROOFS; i++)
		names[i] = proof_name((enum proof)i);
	if (yamldoc_choice(node, names, &choice, err))
		return -1;
	*out = (enum proof)choice;
	return 0;
}

static int proof_read(struct rules *rules, const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	const struct yamldoc_node *field;
	const char *text;

	rule->proof.given = true;
	rule->proof.field = -1;
	if (node->kind == YAMLDOC_SCALAR)
		return proof_word(node, &rule->proof.always, err);
	if (yamldoc_mapping(node, err))
		return -1;
	field = yamldoc_get(node, "field");
	if (!field || node->count > PROOFS_MAX)
		return yamldoc_fault(node, err, "takes `field` and up to %d of its values", PROOFS_MAX - 1);
	if (yamldoc_text(field, &text, err) || field_read(rules, field, field->text, &rule->proof.field, err))
		return -1;
	for (const struct yamldoc_node *m = node->first; m; m = m->next) {
		if (m == field)
			continue;
		rule->proof.by[rule->proof.n].text = m->key;
		if (proof_word(m, &rule->proof.by[rule->proof.n++].proof, err))
			return -1;
	}
	return 0;
}

static int sets_read(struct rules *rules, const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	const char *text;

	if (yamldoc_mapping(node, err))
		return -1;
	if (node->count > SETS_MAX)
		return yamldoc_fault(node, err, "more than %d fields", SETS_MAX);
	for (const struct yamldoc_node *m = node->first; m; m = m->next) {
		if (yamldoc_text(m, &text, err) || field_read(rules, m, m->key, &rule->sets[rule->nsets].field, err))
			return -1;
		/* The address and the time are the server's word, never a rule's. */
		if (rule->sets[rule->nsets].field == FIELD_IP || rule->sets[rule->nsets].field == FIELD_TIME)
			return yamldoc_fault(m, err, "cannot be set");
		rule->sets[rule->nsets++].text = m->text;
	}
	return 0;
}

static int id_read(const struct yamldoc_node *node, struct rule *rule, struct err *err) {
	const char *text;

	if (yamldoc_text(node, &text, err))
		return -1;
	for (const char *p = text; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("._-", *p)))
			return yamldoc_fault(node, err, "an id is made of A-Za-z0-9._-");
	if (node->text.n == 0 || node->text.n > ID_MAX)
		return yamldoc_fault(node, err, "an id has 1 to %d characters", ID_MAX);
	rule->id = node->text;
	return 0;
}

static int member_read(struct rules *rules, const struct yamldoc_node *m, struct rule *rule, struct err *err) {
	static const char *const keys[] = {"id",   "format", "message", "where",   "event", "proof",
	                                   "once", "set",    "phone",   "samples", NULL};
	enum { ID, FORMAT, MESSAGE, WHERE, EVENT, PROOF, ONCE, SET, PHONE, SAMPLES } key;
	unsigned choice, slot;
	const char *text;

	if (yamldoc_key(m, keys, &choice, err))
		return -1;
	key = choice;
	switch (key) {
	case ID:
		return id_read(m, rule, err);
	case FORMAT:
		return formats_read(m, rule, err);
	case MESSAGE:
		if (yamldoc_choice(m, format_names(), &slot, err))
			return -1;
		rule->message = format_find(slice_of(format_names()[slot]));
		return 0;
	case WHERE:
		return where_read(rules, m, rule, err);
	case EVENT:
		return act_read(m, rule, err);
	case PROOF:
		return proof_read(rules, m, rule, err);
	case ONCE:
		return yamldoc_text(m, &text, err) ? -1 : field_read(rules, m, m->text, &rule->once, err);
	case SET:
		return sets_read(rules, m, rule, err);
	case PHONE:
		return yamldoc_bool(m, &rule->phone, err);
	case SAMPLES:
		break;
	}
	return 0;
}

static void rule_free(struct rule **rule) {
	struct rule *r = *rule;

	if (!r)
		return;
	for (uint32_t i = 0; i < r->nconditions; i++) {
		pattern_free(&r->conditions[i].pattern);
		free(r->conditions[i].shape);
		free(r->conditions[i].groups);
		free(r->conditions[i].values);
	}
	free(r->conditions);
	free(r);
	*rule = NULL;
}

static int rule_read(struct rules *rules, const struct yamldoc_node *node, struct rule **out, struct err *err) {
	static const char *const needed[] = {"id", "format", "where", "event"};
	struct rule *rule;

	if (yamldoc_mapping(node, err))
		return -1;
	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return err_errno(err, "rules");
	rule->node = node;
	rule->once = -1;
	for (const struct yamldoc_node *m = node->first; m; m = m->next)
		if (member_read(rules, m, rule, err))
			goto fail;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!yamldoc_get(node, needed[i])) {
			(void)yamldoc_fault(node, err, "a rule needs `%s`", needed[i]);
			goto fail;
		}
	rule->samples = samples_read(node, err);
	if (!rule->samples)
		goto fail;
	*out = rule;
	return 0;
fail:
	rule_free(&rule);
	return -1;
}

/* In its place where it replaces one of the same id. */
static int rule_add(struct rules *rules, struct rule *rule, struct err *err) {
	assert(rule);
	for (uint32_t i = 0; i < rules->nrules; i++)
		if (slice_same(rules->rules[i]->id, rule->id)) {
			if (rules->rules[i]->node->parent == rule->node->parent)
				return yamldoc_fault(rule->node, err, "the id %s is there twice", rule->id.p);
			rule_free(&rules->rules[i]);
			rules->rules[i] = rule;
			return 0;
		}
	if (rules->nrules == RULES_MAX)
		return yamldoc_fault(rule->node, err, "more than %d rules", RULES_MAX);
	rules->rules[rules->nrules++] = rule;
	return 0;
}

static void list_read(struct loading *l, const struct yamldoc_node *list,
                      int (*read)(struct rules *rules, const struct yamldoc_node *node, struct err *err)) {
	struct err err;

	if (yamldoc_is_null(list))
		return;
	if (yamldoc_sequence(list, &err)) {
		loading_fault(l, &err);
		return;
	}
	for (const struct yamldoc_node *i = list->first; i; i = i->next)
		if (read(l->rules, i, &err))
			loading_fault(l, &err);
}

static int rule_take(struct rules *rules, const struct yamldoc_node *node, struct err *err) {
	struct rule *rule = NULL;

	if (rule_read(rules, node, &rule, err))
		return -1;
	if (rule_add(rules, rule, err)) {
		rule_free(&rule);
		return -1;
	}
	return 0;
}

static int file_load(void *context, const char *path, struct err *unused) {
	/* Triggers are read by common/conf.c. */
	static const char *const keys[] = {"rules", "phones", "imposters", "triggers", NULL};
	struct loading *l = context;
	const struct yamldoc_node *root;
	struct err err;
	unsigned key;

	(void)unused;
	if (l->rules->ndocs == RULE_FILES_MAX) {
		(void)err_set(&err, ERR_INPUT, "%s: more than %d rule files", path, RULE_FILES_MAX);
		loading_fault(l, &err);
		return 0;
	}
	if (yamldoc_read(&l->rules->docs[l->rules->ndocs], path, &err)) {
		loading_fault(l, &err);
		return 0;
	}
	root = yamldoc_root(l->rules->docs[l->rules->ndocs++]);
	if (!root)
		return 0;
	if (yamldoc_mapping(root, &err)) {
		loading_fault(l, &err);
		return 0;
	}
	for (const struct yamldoc_node *m = root->first; m; m = m->next) {
		if (yamldoc_key(m, keys, &key, &err))
			loading_fault(l, &err);
		else if (key == 0)
			list_read(l, m, rule_take);
		else if (key == 1)
			list_read(l, m, phone_read);
		else if (key == 2)
			list_read(l, m, imposter_read);
	}
	return 0;
}

static void urls_fault(struct loading *l, const struct conf *conf, const char *setting, struct err *err) {
	struct conf_place at = conf_place_of(conf, setting);

	(void)(at.line > 0 ? err_prefix(err, "%s:%u:%u: %s", conf->file, at.line, at.column, setting)
	                   : err_prefix(err, "%s", setting));
	loading_fault(l, err);
}

/* The patterns of the configuration's `urls`. */
static void urls_load(struct loading *l, const struct conf *conf) {
	struct rules *rules = l->rules;
	struct err err;

	rules->secret = calloc(conf->urls.nsecret + 1, sizeof(struct pattern *));
	if (!rules->secret) {
		(void)err_errno(&err, "rules");
		loading_fault(l, &err);
		return;
	}
	for (uint32_t i = 0; i < conf->urls.nsecret; i++) {
		if (pattern_new(&rules->secret[rules->nsecret], slice_of(conf->urls.secret[i]), &err))
			urls_fault(l, conf, "urls.secret", &err);
		else
			rules->nsecret++;
	}
	if (conf->urls.account && *conf->urls.account && pattern_new(&rules->account, slice_of(conf->urls.account), &err))
		urls_fault(l, conf, "urls.account", &err);
}

/* The formats for whose rules a slot's lines are, one bit each. */
static unsigned formats_of(unsigned slot) {
	const char *const *names = format_names();
	const struct format *like = NULL;
	unsigned n = 0;

	while (names[n])
		n++;
	if (slot < n)
		like = format_like(format_find(slice_of(names[slot])));
	return 1U << slot | (like ? 1U << format_slot(like) : 0);
}

/* That of a former slot with the same rules, none of which reads its message by a second format. */
static struct dispatch *dispatch_shared(const struct rules *rules, unsigned slot) {
	uint32_t n = rules->nby[slot];

	for (unsigned k = 0; k < slot; k++) {
		uint32_t i = 0;

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as many as are counted are there. */
		while (n == rules->nby[k] && i < n && rules->by[k][i] == rules->by[slot][i] && !rules->by[k][i]->message)
			i++;
		if (n == rules->nby[k] && i == n)
			return rules->dispatch[k];
	}
	return NULL;
}

static int dispatch_build(struct rules *rules, struct err *err) {
	for (uint32_t i = 0; i < rules->nrules; i++)
		rules->rules[i]->number = i;
	for (unsigned slot = 0; slot < FORMAT_KINDS; slot++) {
		unsigned formats = formats_of(slot);

		rules->by[slot] = calloc(rules->nrules + 1, sizeof(struct rule *));
		if (!rules->by[slot])
			return err_errno(err, "rules");
		for (uint32_t i = 0; i < rules->nrules; i++)
			if (rules->rules[i]->formats & formats)
				rules->by[slot][rules->nby[slot]++] = rules->rules[i];
		rules->dispatch[slot] = dispatch_shared(rules, slot);
		if (!rules->dispatch[slot] &&
		    dispatch_new(&rules->dispatch[slot], rules->by[slot], rules->nby[slot], slot, err))
			return -1;
	}
	/* Not cleared: what a line does not touch costs no memory. */
	for (uint32_t i = 0; i < rules->nrules; i++) {
		unsigned slot = rules->rules[i]->message ? format_slot(rules->rules[i]->message) : FORMAT_KINDS;

		if (slot == FORMAT_KINDS || rules->second[slot])
			continue;
		rules->second[slot] = malloc(sizeof(struct line_fields));
		if (!rules->second[slot])
			return err_errno(err, "rules");
	}
	return 0;
}

int rules_load(struct rules **out, const struct conf *conf, struct conf_faults *faults, struct err *err) {
	struct rules *rules = calloc(1, sizeof(*rules));
	struct loading l = {.rules = rules, .faults = faults};

	if (!rules || !(rules->names = field_names_new())) {
		(void)err_errno(err, "rules");
		goto fail;
	}
	if (conf_rule_files(conf, file_load, &l, err))
		goto fail;
	urls_load(&l, conf);
	if (l.count > 0) {
		*err = l.first;
		goto fail;
	}
	if (dispatch_build(rules, err) || phones_index(rules, err))
		goto fail;
	*out = rules;
	return 0;
fail:
	rules_free(&rules);
	return -1;
}

void rules_free(struct rules **rules) {
	struct rules *r = *rules;

	if (!r)
		return;
	for (uint32_t i = 0; i < r->nrules; i++)
		rule_free(&r->rules[i]);
	phones_free(r);
	for (uint32_t i = 0; i < r->nsecret; i++)
		pattern_free(&r->secret[i]);
	free(r->secret);
	pattern_free(&r->account);
	for (unsigned slot = 0; slot < FORMAT_KINDS; slot++) {
		for (unsigned k = slot + 1; k < FORMAT_KINDS; k++)
			if (r->dispatch[k] == r->dispatch[slot])
				r->dispatch[k] = NULL;
		dispatch_free(&r->dispatch[slot]);
		free(r->by[slot]);
		free(r->second[slot]);
	}
	for (uint32_t i = 0; i < r->ndocs; i++)
		yamldoc_free(&r->docs[i]);
	field_names_free(&r->names);
	free(r);
	*rules = NULL;
}

const struct field_names *rules_names(const struct rules *rules) {
	return rules->names;
}

unsigned rules_count(const struct rules *rules) {
	return rules->nrules;
}
