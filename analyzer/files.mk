libanalyzer_a_SOURCES = \
	analyzer/format.c analyzer/format.h analyzer/format_private.h \
	analyzer/format_asterisk.c analyzer/format_combined.c analyzer/format_freeswitch.c \
	analyzer/format_json.c analyzer/format_own.c analyzer/format_syslog.c \
	analyzer/format_text.c analyzer/format_time.c \
	analyzer/pass.h \
	analyzer/pcre.c analyzer/pcre.h \
	analyzer/evidence.c analyzer/explain.c analyzer/geo.c analyzer/geo.h analyzer/phone.c \
	analyzer/rule.h analyzer/rule_private.h analyzer/rule_event.c analyzer/rule_load.c \
	analyzer/rule_load_phone.c analyzer/rule_match.c analyzer/samples.c \
	analyzer/source.h \
	analyzer/tz.c analyzer/tz.h
