/* From a pattern to its graph: a subset of PCRE2's language. */
#include "analyzer/gate_private.h"

#define NESTED_MAX 32

/* A part of the graph: `end` is a NODE_GO that leads nowhere yet. */
struct part {
	unsigned begin, end;
};

static unsigned node_add(struct graph *g, enum kind kind, unsigned a, unsigned b) {
	if (g->n == NODES_MAX) {
		g->unknown = true;
		return 0;
	}
	g->nodes[g->n] = (struct node){.kind = kind, .a = a, .b = b};
	return g->n++;
}

static struct part part_empty(struct graph *g) {
	unsigned n = node_add(g, NODE_GO, 0, 0);

	return (struct part){n, n};
}

static struct part part_of(struct graph *g, enum kind kind, const struct byte_set *set) {
	struct part p = part_empty(g);

	p.begin = node_add(g, kind, p.end, 0);
	if (set)
		g->nodes[p.begin].set = *set;
	return p;
}

static void part_join(struct graph *g, struct part *p, struct part behind) {
	g->nodes[p->end].a = behind.begin;
	p->end = behind.end;
}

static void set_fold(struct byte_set *set) {
	for (unsigned b = 'a'; b <= 'z'; b++)
		if ((set->bits[b / 64] >> b % 64 | set->bits[(b ^ 0x20) / 64] >> (b ^ 0x20) % 64) & 1) {
			set_add(set, b, b);
			set_add(set, b ^ 0x20, b ^ 0x20);
		}
}

/* The byte at `at` behind what is read; NUL where there is none. */
static char peek(const struct graph *g, size_t at) {
	return at < g->left.n ? g->left.p[at] : '\0';
}

static void skip(struct graph *g, size_t n) {
	n = n < g->left.n ? n : g->left.n;
	g->left.p += n;
	g->left.n -= n;
}

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What \d, \w and \s stand for, in capitals what they do not. False for another letter. */
static bool letter_set(char c, struct byte_set *set) {
	struct byte_set is = {{0}};
	char small = (char)(c | 0x20);

	if (small == 'd' || small == 'w')
		set_add(&is, '0', '9');
	if (small == 'w') {
		set_add(&is, 'a', 'z');
		set_add(&is, 'A', 'Z');
		set_add(&is, '_', '_');
	}
	if (small == 's') {
		set_add(&is, '\t', '\r');
		set_add(&is, ' ', ' ');
	}
	for (unsigned w = 0; w < 4; w++)
		set->bits[w] |= c == small ? is.bits[w] : ~is.bits[w];
	return small == 'd' || small == 'w' || small == 's';
}

/* Behind a backslash: what stands for bytes, in a [class] or outside. False where it is something else. *single: it is this one byte, else -1. */
static bool escape_set(struct graph *g, struct byte_set *set, int *single) {
	static const char names[] = "nrtfea";
	static const char bytes[] = "\n\r\t\f\033\a";
	char c = peek(g, 0);
	const char *name = c ? strchr(names, c) : NULL;

	*single = -1;
	if (c == '\0')
		return false;
	if (!is_digit(c) && !is_alpha(c))
		*single = (unsigned char)c;
	else if (name)
		*single = bytes[name - names];
	else if (!letter_set(c, set))
		return false;
	if (*single >= 0)
		set_add(set, (unsigned)*single, (unsigned)*single);
	skip(g, 1);
	return true;
}

/* Behind the bracket. */
static struct part class_read(struct graph *g) {
	struct byte_set set = {{0}};
	bool negated = peek(g, 0) == '^';
	bool first = true;

	if (negated)
		skip(g, 1);
	while (g->left.n > 0 && !g->unknown && (first || peek(g, 0) != ']')) {
		int from = (unsigned char)peek(g, 0);

		first = false;
		if (from == '[' && memchr(":.=", peek(g, 1), 3)) {
			g->unknown = true;
			break;
		}
		skip(g, 1);
		if (from == '\\' && !escape_set(g, &set, &from))
			g->unknown = true;
		if (from < 0)
			continue;
		set_add(&set, (unsigned)from, (unsigned)from);
		if (peek(g, 0) == '-' && peek(g, 1) != ']' && g->left.n > 1) {
			int to = (unsigned char)peek(g, 1);

			skip(g, 2);
			if (to == '\\' && !escape_set(g, &set, &to))
				g->unknown = true;
			/* A class such as \d ends no range. */
			if (to >= from)
				set_add(&set, (unsigned)from, (unsigned)to);
			else
				set_add(&set, '-', '-');
		}
	}
	if (g->left.n == 0)
		g->unknown = true;
	skip(g, 1);
	if (g->nocase)
		set_fold(&set);
	for (unsigned w = 0; negated && w < 4; w++)
		set.bits[w] = ~set.bits[w];
	return part_of(g, NODE_SET, &set);
}

static struct part alternatives_read(struct graph *g);

static void skip_past(struct graph *g, char c) {
	const char *end = g->left.n ? memchr(g->left.p, c, g->left.n) : NULL;

	if (!end)
		g->unknown = true;
	else
		skip(g, (size_t)(end + 1 - g->left.p));
}

/* Behind "(?", of what changes how letters match: "i)", "i:", "-i)", "-i:". */
static bool option_read(struct graph *g, bool *group) {
	bool off = peek(g, 0) == '-';
	char end = peek(g, off ? 2 : 1);

	if (peek(g, off) != 'i' || (end != ')' && end != ':'))
		return false;
	g->nocase = !off;
	*group = end == ':';
	skip(g, off ? 3U : 2U);
	return true;
}

/* All or none of the hex digits of either case are among the bytes. */
static bool takes_digits_alike(const struct byte_set *set) {
	struct byte_set cases[2] = {{{0}}, {{0}}};
	bool alike = true;

	for (unsigned c = 0; c < 2; c++) {
		bool all = true, some = false;

		set_add(&cases[c], '0', '9');
		set_add(&cases[c], c ? 'A' : 'a', c ? 'F' : 'f');
		for (unsigned w = 0; w < 4; w++) {
			some = some || (set->bits[w] & cases[c].bits[w]);
			all = all && (set->bits[w] & cases[c].bits[w]) == cases[c].bits[w];
		}
		alike = alike && (all || !some);
	}
	return alike;
}

/* Behind "(". */
static struct part group_read(struct graph *g) {
	unsigned first = g->n;
	bool nocase = g->nocase;
	bool around = false;
	struct part p;

	if (peek(g, 0) == '*')
		g->unknown = true;
	if (peek(g, 0) == '?') {
		char c = peek(g, 1);
		char then = peek(g, 2);

		skip(g, 2);
		if (c == '=' || c == '!') {
			around = true;
		} else if (c == '<' && (then == '=' || then == '!')) {
			around = true;
			skip(g, 1);
		} else if (c == '<' || c == '\'') {
			skip_past(g, c == '<' ? '>' : '\'');
		} else if (c == 'P' && then == '<') {
			skip_past(g, '>');
		} else if (c == 'i' || c == '-') {
			bool group = true;

			g->left.p--;
			g->left.n++;
			if (!option_read(g, &group))
				g->unknown = true;
			if (!group)
				return part_empty(g); /* until the group around it ends */
		} else if (c != ':' && c != '>' && c != '|') {
			g->unknown = true;
		}
		g->commits = g->commits || c == '>';
	}
	if (g->unknown || ++g->nested > NESTED_MAX) {
		g->unknown = true;
		return part_empty(g);
	}
	p = alternatives_read(g);
	g->nested--;
	if (peek(g, 0) != ')')
		g->unknown = true;
	skip(g, 1);
	g->nocase = nocase;
	/* A look-around is not followed: what it sees must be the same whatever digits stand there. */
	for (unsigned i = first; around && i < g->n; i++)
		g->vague = g->vague || (g->nodes[i].kind == NODE_SET && !takes_digits_alike(&g->nodes[i].set));
	return around ? part_empty(g) : p;
}

/* Behind a backslash. */
static struct part escape_read(struct graph *g) {
	struct byte_set set = {{0}};
	char c = peek(g, 0);
	int single;

	if (escape_set(g, &set, &single)) {
		if (g->nocase)
			set_fold(&set);
		return part_of(g, NODE_SET, &set);
	}
	skip(g, 1);
	g->vague = g->vague || c != 'z';
	if (c == 'b' || c == 'B' || c == 'A' || c == 'G' || c == 'K')
		return part_empty(g);
	if (c == 'z')
		return part_of(g, NODE_END, NULL);
	if (memchr("hHvVN", c, 5) && peek(g, 0) != '{') {
		set_add(&set, 0, 255);
		return part_of(g, NODE_SET, &set);
	}
	if (c == 'k' && (peek(g, 0) == '<' || peek(g, 0) == '{')) {
		skip_past(g, peek(g, 0) == '<' ? '>' : '}');
		return part_of(g, NODE_REST, NULL);
	}
	g->unknown = true;
	return part_empty(g);
}

#define FIRST_NODES 2 /* that there are when a pattern's first atom is read */

static struct part atom_read(struct graph *g) {
	struct byte_set set = {{0}};
	char c = peek(g, 0);

	skip(g, 1);
	switch (c) {
	case '\\':
		return escape_read(g);
	case '[':
		return class_read(g);
	case '(':
		return group_read(g);
	case '^':
		g->vague = g->vague || g->n > FIRST_NODES;
		return part_empty(g);
	case '$':
		return part_of(g, NODE_END, NULL);
	case '.':
		set_add(&set, 0, 255);
		break;
	case '*':
	case '+':
	case '?':
	case '{': /* newer versions know {,3} too */
		g->unknown = true;
		break;
	default:
		set_add(&set, (unsigned char)c, (unsigned char)c);
	}
	if (g->nocase)
		set_fold(&set);
	return part_of(g, NODE_SET, &set);
}

static unsigned number_read(struct graph *g) {
	unsigned n = 0;

	while (is_digit(peek(g, 0)) && n < 65536) {
		n = n * 10 + (unsigned)(peek(g, 0) - '0');
		skip(g, 1);
	}
	return n;
}

#define MANY 65536U

/* How often what stands before is repeated. */
static void repeat_read(struct graph *g, unsigned *least, unsigned *most) {
	char c = peek(g, 0);

	*least = *most = 1;
	if (c == '?' || c == '*' || c == '+') {
		*least = c == '+';
		*most = c == '?' ? 1 : MANY;
		skip(g, 1);
	} else if (c == '{') {
		if (!is_digit(peek(g, 1))) {
			g->unknown = true;
			return;
		}
		skip(g, 1);
		*least = *most = number_read(g);
		if (peek(g, 0) == ',') {
			skip(g, 1);
			*most = is_digit(peek(g, 0)) ? number_read(g) : MANY;
		}
		if (peek(g, 0) != '}')
			g->unknown = true;
		skip(g, 1);
	} else
		return;
	/* Lazy or possessive. */
	g->commits = g->commits || peek(g, 0) == '+';
	if (peek(g, 0) == '?' || peek(g, 0) == '+')
		skip(g, 1);
}

/* An atom with what repeats it: a copy for each time that it may stand there, at most as many as a gate is deep, and a loop for any number more. */
static struct part repeated_read(struct graph *g) {
	struct slice begin = g->left;
	bool nocase = g->nocase;
	struct part whole = part_empty(g);
	struct part p = atom_read(g);
	unsigned least, most, end;
	struct slice behind;

	repeat_read(g, &least, &most);
	behind = g->left;
	if (least == 1 && most == 1) {
		part_join(g, &whole, p);
		return whole;
	}
	/* So many are any number. */
	if (most > GATE_DEPTH) {
		g->vague = g->vague || most != MANY || least > GATE_DEPTH;
		most = MANY;
	}
	/* An option changes nothing that repeats. */
	if (g->nocase != nocase)
		g->unknown = true;
	end = node_add(g, NODE_GO, 0, 0);
	for (unsigned i = 0; i < most && i <= GATE_DEPTH && whole.end != end && !g->unknown; i++) {
		unsigned split = node_add(g, NODE_SPLIT, 0, end);

		if (i >= least)
			part_join(g, &whole, (struct part){split, split});
		if (i > 0) {
			g->left = begin;
			p = atom_read(g);
		}
		part_join(g, &whole, p);
		if (i >= least && most == MANY) {
			g->nodes[whole.end].a = split;
			whole.end = end;
		}
	}
	g->left = behind;
	/* Behind as many as this nothing is looked at. */
	if (least > GATE_DEPTH)
		part_join(g, &whole, part_of(g, NODE_REST, NULL));
	if (whole.end != end)
		part_join(g, &whole, (struct part){end, end});
	return whole;
}

static struct part alternatives_read(struct graph *g) {
	struct part all = {0, 0};
	bool first = true;

	for (;;) {
		struct part one = part_empty(g);

		while (g->left.n > 0 && peek(g, 0) != '|' && peek(g, 0) != ')' && !g->unknown)
			part_join(g, &one, repeated_read(g));
		if (first) {
			all = one;
			first = false;
		} else {
			unsigned end = node_add(g, NODE_GO, 0, 0);

			g->nodes[all.end].a = end;
			g->nodes[one.end].a = end;
			all = (struct part){node_add(g, NODE_SPLIT, all.begin, one.begin), end};
		}
		if (g->unknown || peek(g, 0) != '|' || g->left.n == 0)
			return all;
		skip(g, 1);
	}
}

bool graph_read(struct graph *g, struct slice pattern, unsigned *begin) {
	struct part all;

	g->left = pattern;
	g->nocase = g->unknown = g->vague = g->commits = false;
	g->nested = g->n = 0;
	all = alternatives_read(g);
	/* What no "$" ends may go on. */
	g->nodes[all.end].kind = NODE_REST;
	*begin = all.begin;
	return !g->unknown && g->left.n == 0;
}

unsigned graph_reach(const struct graph *g, unsigned node, bool *seen, unsigned out[NODES_MAX]) {
	unsigned n = 0;

	seen[node] = true;
	out[n++] = node;
	for (unsigned k = 0; k < n; k++) {
		const struct node *at = &g->nodes[out[k]];
		unsigned to[2] = {at->a, at->b};
		unsigned count = at->kind == NODE_GO ? 1 : at->kind == NODE_SPLIT ? 2 : 0;

		for (unsigned i = 0; i < count; i++)
			if (!seen[to[i]]) {
				seen[to[i]] = true;
				out[n++] = to[i];
			}
	}
	return n;
}
