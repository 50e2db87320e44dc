/* The error logs of nginx and Apache httpd, as far as they tell of a request that was refused: it becomes what an access log would have said of it, with the
 * status that the message stands for. Other lines have no status, and so make no event.
 *
 * What a client wrote stands on both sides of what is looked for. A line in which the words around the client's address, or around what it
 * asked for, come twice therefore tells nothing. nginx writes a user's name as it came, line breaks included: a client can make whole lines of its log,
 * so what that log says of an address proves nothing (struct format, unproven). Apache escapes; its lines tell no method, and are taken as GET. */
#include <string.h>

#include "analyzer/format_private.h"

static bool slice_ends(struct slice s, const char *text) {
	size_t n = strlen(text);

	return s.n >= n && memcmp(s.p + s.n - n, text, n) == 0;
}

/* What stands before and behind text, where it stands exactly once. */
static bool once_split(struct slice s, const char *text, struct slice *before, struct slice *behind) {
	const char *at = slice_find(s, text);
	struct slice rest = s;

	if (!at)
		return false;
	*before = slice_take(&rest, (size_t)(at - s.p));
	(void)slice_take(&rest, strlen(text));
	if (slice_find(rest, text))
		return false;
	*behind = rest;
	return true;
}

/* The text up to `end`, or all of it. */
static struct slice up_to(struct slice s, const char *end) {
	const char *at = slice_find(s, end);

	return slice_take(&s, at ? (size_t)(at - s.p) : s.n);
}

/* The line behind the head of a syslog line, where it has one of that program. */
static struct slice behind_head(struct slice line, const char *const programs[2], struct syslog_head *head) {
	struct slice s = line;

	*head = (struct syslog_head){0};
	if (!syslog_head_take(&s, head))
		return line;
	for (size_t i = 0; i < 2; i++)
		if (slice_is(head->program, programs[i]))
			return s;
	*head = (struct syslog_head){0};
	return line;
}

/* ---- nginx: time [level] pid#tid: *connection message, client: ip, server: name, request: "...", host: "..." ---- */

static const char *nginx_status(struct slice message, struct slice *user) {
	struct slice behind;

	if (slice_is(message, "access forbidden by rule"))
		return "403";
	if (slice_starts(message, "open() \"") && slice_ends(message, "\" failed (13: Permission denied)"))
		return "403";
	if (slice_is(message, "no user/password was provided for basic authentication"))
		return "401";
	if (slice_starts(message, "PAM: user '")) {
		(void)slice_take(&message, 11);
		return once_split(message, "' - not authenticated: ", user, &behind) ? "401" : NULL;
	}
	if (!slice_starts(message, "user \""))
		return NULL;
	(void)slice_take(&message, 6);
	if (once_split(message, "\" was not found in \"", user, &behind) && slice_ends(behind, "\""))
		return "401";
	if (once_split(message, "\": password mismatch", user, &behind) && behind.n == 0)
		return "401";
	return NULL;
}

/* `", host: "` and the like end the request: it may itself hold quotes. */
static struct slice nginx_quoted(struct slice s) {
	static const char *const ends[] = {"\", subrequest: \"", "\", upstream: \"", "\", host: \"", "\", referrer: \""};
	struct slice value = s;

	if (slice_ends(value, "\""))
		value.n--;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		value = up_to(value, ends[i]);
	return value;
}

static void nginx_client(struct slice message, struct slice behind, struct line_fields *out) {
	struct slice user = {0};
	struct slice client = up_to(behind, ", ");
	const char *status = nginx_status(message, &user);
	const char *request = slice_find(behind, ", request: \"");
	const char *host;
	struct slice value;
	struct addr ip;

	if (!addr_parse_endpoint(client.p, client.n, &ip))
		return;
	out->at[FIELD_IP] = client;
	if (user.n > 0)
		out->at[FIELD_USER] = user;
	if (!request)
		return;
	(void)slice_take(&behind, (size_t)(request - behind.p) + 12);
	value = nginx_quoted(behind);
	(void)slice_take(&behind, value.n);
	/* Cut short, or of a client that only pretends that it ends here. */
	if (!slice_find(value, " HTTP/") || !request_split(value, out) || !status)
		return;
	out->at[FIELD_STATUS] = slice_of(status);
	host = slice_find(behind, "\", host: \"");
	if (host) {
		(void)slice_take(&behind, (size_t)(host - behind.p) + 10);
		out->at[FIELD_HOST] = nginx_quoted(behind);
	}
}

bool nginx_error_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                       struct slice line, struct line_fields *out) {
	static const char *const programs[2] = {"nginx", "nginx"};
	struct syslog_head head;
	struct slice s = behind_head(line, programs, &head);
	struct slice stamp, level, pid, message, behind;

	(void)f;
	(void)names;
	if (s.n < 22 || s.p[4] != '/' || s.p[19] != ' ')
		return false;
	stamp = slice_take(&s, 19);
	if (!slice_skip(&s, ' ') || !slice_skip(&s, '['))
		return false;
	level = slice_take_letters(&s);
	if (level.n == 0 || !slice_skip(&s, ']') || !slice_skip(&s, ' '))
		return false;
	pid = slice_take_digits(&s);
	if (pid.n == 0 || !slice_skip(&s, '#') || slice_take_digits(&s).n == 0 || !slice_skip(&s, ':') ||
	    !slice_skip(&s, ' ') || !stamp_set(tc, stamp, out))
		return false;
	if (slice_skip(&s, '*') && (slice_take_digits(&s).n == 0 || !slice_skip(&s, ' ')))
		return false;
	out->at[FIELD_LEVEL] = level;
	out->at[FIELD_PID] = pid;
	out->at[FIELD_MESSAGE] = s;
	if (once_split(s, ", client: ", &message, &behind))
		nginx_client(message, behind, out);
	return true;
}

/* ---- Apache: [Sun Nov 22 10:00:00.123456 2026] [module:level] [pid 1:tid 2] [client ip:port] AH01234: message, referer: ... ---- */

/* How a message begins, the words that come once, and the words behind what was asked for: "user NAME not found: PATH" is {"user ", " not found: ", NULL}. */
static const struct {
	const char *begin, *words, *end, *status;
} apache_messages[] = {
	{"client denied by server configuration: ", NULL, NULL, "403"},
	{"file permissions deny server access: ", NULL, NULL, "403"},
	{"access to ", NULL, " denied", "403"},
	{"client used wrong authentication scheme: ", NULL, NULL, "401"},
	{"user ", " not found: ", NULL, "401"},
	{"user ", ": password mismatch: ", NULL, "401"},
	{"user ", ": authentication failure for \"", "\": ", "401"},
	{"user ", ": authorization failure for \"", "\":", "401"},
	{"Authorization of user ", " to access ", " failed, reason: ", "401"},
};

/* `name' in realm `x', as digest authentication writes it, or name. */
static struct slice apache_user(struct slice user) {
	if (slice_skip(&user, '`'))
		user = up_to(user, "'");
	return user;
}

static void apache_message(struct slice message, struct line_fields *out) {
	for (size_t i = 0; i < sizeof(apache_messages) / sizeof(apache_messages[0]); i++) {
		struct slice user = {0};
		struct slice asked = message;

		if (!slice_starts(message, apache_messages[i].begin))
			continue;
		(void)slice_take(&asked, strlen(apache_messages[i].begin));
		if (apache_messages[i].words && !once_split(asked, apache_messages[i].words, &user, &asked))
			continue;
		asked = up_to(asked, ", referer: ");
		if (apache_messages[i].end && !slice_find(asked, apache_messages[i].end))
			continue;
		if (apache_messages[i].end)
			asked = up_to(asked, apache_messages[i].end);
		if (user.n > 0)
			out->at[FIELD_USER] = apache_user(user);
		target_fields(asked, out);
		out->at[FIELD_METHOD] = slice_of("GET");
		out->at[FIELD_STATUS] = slice_of(apache_messages[i].status);
		return;
	}
}

/* [text] and the blank behind it; the text may hold an IPv6 address in brackets of its own. */
static bool group_take(struct slice *s, struct slice *out) {
	struct slice at = *s;
	const char *end;

	if (!slice_skip(&at, '['))
		return false;
	end = slice_find(at, "] ");
	if (!end)
		return false;
	*out = slice_take(&at, (size_t)(end - at.p));
	(void)slice_take(&at, 2);
	*s = at;
	return true;
}

/* Sun Nov 22 10:00:00.123456 2026: the year stands behind. */
static bool apache_stamp(struct time_context *tc, struct slice text, struct line_fields *out) {
	struct slice s = text;
	char *to = scratch_take(out, text.n);
	size_t n;

	if (!to || slice_take_letters(&s).n != 3 || !slice_skip(&s, ' ') || s.n < 20 || s.p[6] != ' ' ||
	    s.p[s.n - 5] != ' ')
		return false;
	n = s.n;
	memcpy(to, s.p, 7);
	memcpy(to + 7, s.p + n - 4, 4);
	to[11] = ' ';
	memcpy(to + 12, s.p + 7, n - 12);
	return stamp_set(tc, (struct slice){to, n}, out);
}

bool apache_error_split(const struct format *f, const struct field_names *names, struct time_context *tc,
                        struct slice line, struct line_fields *out) {
	static const char *const programs[2] = {"httpd", "apache2"};
	struct syslog_head head;
	struct slice s = behind_head(line, programs, &head);
	struct slice stamp, level, group;
	const char *colon;
	struct addr ip;

	(void)f;
	(void)names;
	/* To syslog it writes no stamp of its own. */
	if (!group_take(&s, &level))
		return false;
	stamp = level;
	if (apache_stamp(tc, stamp, out)) {
		if (!group_take(&s, &level))
			return false;
	} else if (!head.stamp.p || !stamp_set(tc, head.stamp, out))
		return false;
	colon = memchr(level.p, ':', level.n);
	if (colon)
		(void)slice_take(&level, (size_t)(colon + 1 - level.p));
	out->at[FIELD_LEVEL] = level;
	out->at[FIELD_MESSAGE] = s;
	if (slice_starts(s, "[pid "))
		(void)group_take(&s, &group);
	/* (13)Permission denied: */
	if (slice_starts(s, "(")) {
		const char *behind = slice_find(s, ": [");

		if (!behind)
			return true;
		(void)slice_take(&s, (size_t)(behind - s.p) + 2);
	}
	/* "remote" where it tells of the connection, as in HTTP/2. */
	if ((!slice_starts(s, "[client ") && !slice_starts(s, "[remote ")) || !group_take(&s, &group))
		return true;
	(void)slice_take(&group, 7);
	if (!addr_parse_endpoint(group.p, group.n, &ip))
		return true;
	out->at[FIELD_IP] = group;
	out->at[FIELD_MESSAGE] = s;
	if (slice_starts(s, "AH")) {
		(void)slice_take(&s, 2);
		if (slice_take_digits(&s).n == 0 || !slice_skip(&s, ':') || !slice_skip(&s, ' '))
			return true;
	}
	/* Before 2.4 digest authentication named itself. */
	if (slice_starts(s, "Digest: "))
		(void)slice_take(&s, 8);
	apache_message(s, out);
	return true;
}
