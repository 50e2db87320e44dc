libanalyzer_a_SOURCES = \
	analyzer/format.c analyzer/format.h analyzer/format_private.h \
	analyzer/format_asterisk.c analyzer/format_combined.c analyzer/format_freeswitch.c \
	analyzer/format_json.c analyzer/format_own.c analyzer/format_syslog.c \
	analyzer/format_text.c analyzer/format_time.c \
	analyzer/pass.h \
	analyzer/pcre.c analyzer/pcre.h \
	analyzer/rule.h \
	analyzer/source.h \
	analyzer/tz.c analyzer/tz.h
