/* RFC 3164 and RFC 5424 lines, and RFC 3164's with an ISO 8601 stamp, as rsyslog and journald's forwarders write them. */
#include "analyzer/format_private.h"

bool syslog_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out) {
	struct syslog_head head;

	(void)f;
	(void)names;
	if (!syslog_head_take(&line, &head) || !stamp_set(tc, head.stamp, out))
		return false;
	out->at[FIELD_HOST] = head.host;
	out->at[FIELD_PROGRAM] = head.program;
	out->at[FIELD_PID] = head.pid;
	out->at[FIELD_MESSAGE] = line;
	return true;
}
