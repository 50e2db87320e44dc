/* RFC 3164 and RFC 5424 lines, and RFC 3164's with an ISO 8601 stamp, as rsyslog and journald's forwarders write them. */
#include "analyzer/format_private.h"

enum part { PART_STAMP, PART_HOST, PART_PROGRAM, PART_PID };

bool syslog_split(const struct format *f, const struct field_names *names, struct time_context *tc, struct slice line,
                  struct line_fields *out) {
	struct head_memo *memo = &names_memo(names)->syslog;
	struct slice parts[HEAD_PARTS] = {{0}};

	(void)f;
	if (!head_again(memo, &line, parts)) {
		struct slice whole = line;
		struct syslog_head head;

		if (!syslog_head_take(&line, &head))
			return false;
		parts[PART_STAMP] = head.stamp;
		parts[PART_HOST] = head.host;
		parts[PART_PROGRAM] = head.program;
		parts[PART_PID] = head.pid;
		/* What stands behind a priority, or where no program is named, is told by what follows, too. */
		if (whole.p[0] != '<' && head.program.n > 0)
			head_keep(memo, whole, line, parts);
	}
	if (!stamp_set(tc, parts[PART_STAMP], out))
		return false;
	out->at[FIELD_HOST] = parts[PART_HOST];
	out->at[FIELD_PROGRAM] = parts[PART_PROGRAM];
	out->at[FIELD_PID] = parts[PART_PID];
	out->at[FIELD_MESSAGE] = line;
	return true;
}
