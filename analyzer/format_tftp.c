/* TFTP servers in syslog, as if it were an access log. Only dnsmasq tells of a transfer that was completed, and to whom ("sent FILE to IP"), and of files
 * that are not there. tftpd-hpa and atftpd tell of requests, which anybody can send in another's name, and of the end of transfers
 * without a name: read, and of no use. Whatever is told, UDP proves no address (struct format, unproven).
 *
 * A client writes the file's name; the address stands behind its last word. Names are taken as they are: nothing is decoded. */
#include <string.h>

#include "analyzer/format_private.h"

/* "BEGIN name END ip": the name may hold END too, the address cannot. */
static bool transfer_split(struct slice message, const char *begin, const char *end, const char *status,
                           struct line_fields *out) {
	struct slice rest = message;
	const char *at = NULL, *slash;
	struct addr ip;
	size_t n;

	if (!slice_starts(rest, begin))
		return false;
	(void)slice_take(&rest, strlen(begin));
	for (const char *next = rest.p; (next = memmem(next, (size_t)(rest.p + rest.n - next), end, strlen(end))) != NULL;
	     next++)
		at = next;
	if (!at)
		return false;
	n = (size_t)(at - rest.p);
	out->at[FIELD_PATH] = slice_take(&rest, n);
	(void)slice_take(&rest, strlen(end));
	if (!addr_parse(rest.p, rest.n, &ip))
		return false;
	slash = n ? memrchr(out->at[FIELD_PATH].p, '/', n) : NULL;
	out->at[FIELD_FILE] = out->at[FIELD_PATH];
	if (slash)
		(void)slice_take(&out->at[FIELD_FILE], (size_t)(slash + 1 - out->at[FIELD_PATH].p));
	out->at[FIELD_IP] = rest;
	out->at[FIELD_METHOD] = slice_of("GET");
	out->at[FIELD_STATUS] = slice_of(status);
	return true;
}

bool tftp_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                struct line_fields *out) {
	static const char *const programs[] = {"dnsmasq-tftp", "dnsmasq", "dnsmasq-dhcp", "in.tftpd", "tftpd", "atftpd"};
	struct slice s = line;
	struct syslog_head head;
	size_t i = 0;

	(void)f;
	(void)names;
	if (!syslog_head_take(&s, &head))
		return false;
	while (i < sizeof(programs) / sizeof(programs[0]) && !slice_is(head.program, programs[i]))
		i++;
	if (i == sizeof(programs) / sizeof(programs[0]) || !stamp_set(tc, head.stamp, out))
		return false;
	out->at[FIELD_PROGRAM] = head.program;
	out->at[FIELD_PID] = head.pid;
	out->at[FIELD_MESSAGE] = s;
	if (i > 0 || transfer_split(s, "sent ", " to ", "200", out) ||
	    transfer_split(s, "file ", " not found for ", "404", out))
		return true;
	out->at[FIELD_PATH] = (struct slice){0};
	return true;
}
