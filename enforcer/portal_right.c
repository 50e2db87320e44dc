#include <string.h>

#include "enforcer/portal_right.h"
#include "enforcer/verb.h"

/* What narrow callers must name. Others may name anything. */
enum whose {
	WHOSE_ALL,         /* nothing that is anybody's, or the verb leaves out what is not its caller's */
	WHOSE_DEVICE,      /* a device of theirs */
	WHOSE_DEVICE_IF,   /* the same, or none: the verb leaves out what is not its caller's */
	WHOSE_ACCOUNT,     /* their account, which is filled in */
	WHOSE_DEVICE_ELSE, /* a device of theirs, or else their account */
	WHOSE_WINDOW       /* their account, and one address */
};

struct right {
	const char *verb, *what; /* what: the argument "do", NULL where it has none */
	unsigned roles;
	enum whose whose;
	const char *arguments;                          /* separated by blanks */
	int (*run)(struct request *r, struct err *err); /* NULL: as on the control socket */
	bool changes;                                   /* with `run` */
};

#define O MAY(ROLE_OPERATOR)
#define S MAY(ROLE_SUPPORT)
#define A MAY(ROLE_ACCOUNT)
#define U MAY(ROLE_USER)
#define M MAY(ROLE_METRICS)

/* Left out on purpose: `token` (a stolen token makes no others), `import`, `sync`, `pause`, `resume` and `summary`, which are for who keeps the machine. Of
 * several rows of a verb the first with the caller's role counts. */
/* clang-format off */
static const struct right rights[] = {
	{"session",       NULL,     O|S|A|U|M, WHOSE_ALL,         "", verb_session, false},
	{"me",            NULL,     MAY_SELF,  WHOSE_ALL,         "", verb_me, false},
	{"me-unban",      NULL,     MAY_SELF,  WHOSE_ALL,         "reason", verb_me_unban, true},
	{"list",          NULL,     O|S|A|U,   WHOSE_ALL,         "account state exposed moved registered q after limit", verb_devices, false},
	{"show",          NULL,     O|S|A|U,   WHOSE_DEVICE,      "mac", NULL, false},
	{"explain",       NULL,     O|S,       WHOSE_ALL,         "mac ip", NULL, false},
	{"explain",       NULL,     A,         WHOSE_DEVICE,      "mac", NULL, false},
	{"log",           NULL,     O|S|A|U,   WHOSE_DEVICE_IF,   "mac ip since before limit", verb_recent, false},
	{"unlock",        NULL,     O|S,       WHOSE_ALL,         "mac account for support preview reason if_version account_of", NULL, false},
	{"unlock",        NULL,     A,         WHOSE_DEVICE_ELSE, "mac account for preview reason if_version account_of", NULL, false},
	{"unlock",        NULL,     U,         WHOSE_DEVICE,      "mac for reason if_version account_of", NULL, false},
	{"lock",          NULL,     O|S|A,     WHOSE_DEVICE,      "mac no_home reason if_version", NULL, false},
	{"home",          "list",   O|S|A,     WHOSE_DEVICE,      "mac", NULL, false},
	{"home",          "add",    O,         WHOSE_ALL,         "mac home reason if_version", NULL, false},
	{"home",          "remove", O,         WHOSE_ALL,         "mac home reason if_version", NULL, false},
	{"clear-exposed", NULL,     O,         WHOSE_ALL,         "mac reason if_version", NULL, false},
	{"add",           NULL,     O,         WHOSE_ALL,         "mac account custom reason if_version", NULL, false},
	{"remove",        NULL,     O,         WHOSE_ALL,         "mac reason if_version", NULL, false},
	{"window",        "list",   O|S|A,     WHOSE_ACCOUNT,     "account", NULL, false},
	{"window",        "open",   O|S,       WHOSE_ALL,         "window account any_account hours reason", NULL, false},
	{"window",        "open",   A,         WHOSE_WINDOW,      "window account hours reason", NULL, false},
	{"window",        "close",  O|S,       WHOSE_ALL,         "window account any_account reason", NULL, false},
	{"window",        "close",  A,         WHOSE_ACCOUNT,     "window account reason", NULL, false},
	{"network",       "list",   O|S|A,     WHOSE_ACCOUNT,     "account", NULL, false},
	{"network",       "add",    O,         WHOSE_ALL,         "network account reason", NULL, false},
	{"network",       "remove", O,         WHOSE_ALL,         "network account reason", NULL, false},
	{"bans",          NULL,     O|S,       WHOSE_ALL,         "all after limit", verb_ban_page, false},
	{"ip",            NULL,     O|S,       WHOSE_ALL,         "ip", NULL, false},
	{"ban",           NULL,     O,         WHOSE_ALL,         "ip for comment reason", NULL, false},
	{"block",         NULL,     O,         WHOSE_ALL,         "ip for comment remove reason", NULL, false},
	{"allow",         NULL,     O,         WHOSE_ALL,         "ip for comment remove reason", NULL, false},
	{"unban",         NULL,     O|S,       WHOSE_ALL,         "ip reason", NULL, false},
	{"status",        NULL,     O|S,       WHOSE_ALL,         "", NULL, false},
	{"verdict",       NULL,     O|S,       WHOSE_ALL,         "mac ip time", NULL, false},
	{"metrics",       NULL,     O|M,       WHOSE_ALL,         "", NULL, false},
};
/* clang-format on */
#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

/* Members of a request that are no arguments. */
static const char frame_words[] = "verb token self peer do";

static bool word_in(const char *word, const char *words) {
	size_t n = strlen(word);

	for (const char *at = words; n > 0 && (at = strstr(at, word)) != NULL; at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0') && !strchr(word, ' '))
			return true;
	return false;
}

static bool is_for(const struct right *right, const struct json *args) {
	const char *verb = js_text(args, "verb"), *what = js_text(args, "do");

	return verb && strcmp(verb, right->verb) == 0 &&
	       (right->what ? what && strcmp(what, right->what) == 0 : js_get(args, "do") == NULL);
}

const struct right *right_find(const struct request *r) {
	for (size_t i = 0; i < RIGHTS; i++)
		if ((rights[i].roles & r->caller->role) && is_for(&rights[i], r->args))
			return &rights[i];
	return NULL;
}

struct control_verb right_verb(const struct right *right) {
	if (right->run)
		return (struct control_verb){right->verb, right->run, right->changes};
	return *control_verb_find(right->verb);
}

/* ---- arguments ---- */

static bool another_may(const struct json *args, const char *key) {
	for (size_t i = 0; i < RIGHTS; i++)
		if (is_for(&rights[i], args) && word_in(key, rights[i].arguments))
			return true;
	return false;
}

static int copy_member(struct buf *b, const char *key, const struct json *value, struct err *err) {
	if (js_is_text(value))
		js_put_string(b, key, js_string(value));
	else if (js_is_number(value))
		js_put_number(b, key, js_integer(value));
	else if (js_is_bool(value))
		js_put_bool(b, key, js_is_true(value));
	else
		return err_set(err, ERR_INPUT, "%.32s: neither text, nor a whole number, true or false", key);
	return 0;
}

static bool is_bound(const struct right *right, const struct request *r) {
	if (r->caller->role != A)
		return false;
	return right->whose == WHOSE_ACCOUNT || right->whose == WHOSE_WINDOW ||
	       (right->whose == WHOSE_DEVICE_ELSE && !js_get(r->args, "mac"));
}

int right_arguments(const struct right *right, const struct request *r, struct json **args, struct err *err) {
	const struct json *value;
	const char *key;
	void *iter = NULL;
	struct buf b;
	int result = -1;

	buf_init(&b, 2 * (size_t)PORTAL_REQUEST_MAX);
	js_begin(&b, '{');
	if (right->what)
		js_put_string(&b, "do", right->what);
	while (js_next(r->args, &iter, &key, &value)) {
		if (word_in(key, frame_words))
			continue;
		if (!word_in(key, right->arguments)) {
			if (another_may(r->args, key)) {
				r->caller->code = "forbidden";
				(void)err_set(err, ERR_POLICY, "%.32s: this token may not ask for that", key);
			} else {
				(void)err_set(err, ERR_INPUT, "%.32s: not an argument of %s", key, right->verb);
			}
			goto out;
		}
		if (copy_member(&b, key, value, err) < 0)
			goto out;
	}
	if (is_bound(right, r) && !js_get(r->args, "account"))
		js_put_string(&b, "account", r->caller->token.account);
	js_end(&b, '}');
	if (b.failed)
		(void)err_set(err, ERR_SYSTEM, "out of memory");
	else
		result = js_parse((struct slice){b.p, b.n}, args, err);
out:
	buf_release(&b);
	return result;
}

/* ---- whose ---- */

static int unknown(struct err *err) {
	return err_set(err, ERR_NEGATIVE, "there is no such device or account, or it is not yours");
}

static int check_device(struct request *r, struct err *err) {
	uint64_t mac;
	int owns;

	if (arg_mac(r, &mac, err) < 0)
		return -1;
	owns = caller_owns(r, mac, err);
	if (owns < 0)
		return -1;
	return owns ? 0 : unknown(err);
}

static int check_account(struct request *r, struct err *err) {
	const char *account;

	if (arg_account(r, &account, err) < 0)
		return -1;
	return account && strcmp(account, r->caller->token.account) == 0 ? 0 : unknown(err);
}

struct count {
	const char *account;
	unsigned n;
};

static int count_window(void *context, const struct window *w) {
	struct count *count = context;

	count->n += strcmp(w->account, count->account) == 0;
	return 0;
}

/* A window lifts bans: an account's manager opens it for one place, and not for as many as there are. */
static int check_window(struct request *r, struct err *err) {
	struct count count = {r->caller->token.account, 0};
	struct prefix at;

	if (check_account(r, err) < 0 || arg_prefix(r, "window", &at, err) < 0)
		return -1;
	if (at.bits < (addr_is_v4(at.base) ? 128 : 64))
		return err_set(err, ERR_POLICY, "window: this token opens single addresses, or an IPv6 /64");
	if (store_windows(r->store, r->now, false, count_window, &count, err) < 0)
		return -1;
	if (count.n >= PORTAL_WINDOWS_MAX)
		return err_set(err, ERR_POLICY, "window: the account has %d open already; close one", PORTAL_WINDOWS_MAX);
	return 0;
}

int right_check(const struct right *right, struct request *r, struct err *err) {
	if (!caller_is_narrow(r->caller))
		return 0;
	switch (right->whose) {
	case WHOSE_ALL:
		return 0;
	case WHOSE_DEVICE:
		return check_device(r, err);
	case WHOSE_DEVICE_IF:
		return js_get(r->args, "mac") ? check_device(r, err) : 0;
	case WHOSE_ACCOUNT:
		return check_account(r, err);
	case WHOSE_DEVICE_ELSE:
		/* The verb goes by the account where both are given. */
		if (js_get(r->args, "mac") && js_get(r->args, "account"))
			return err_set(err, ERR_INPUT, "unlock: either a device or an account");
		return js_get(r->args, "mac") ? check_device(r, err) : check_account(r, err);
	case WHOSE_WINDOW:
		return check_window(r, err);
	}
	return unknown(err);
}
