libcommon_a_SOURCES = \
	common/addr.c common/addr.h \
	common/batch.c common/batch.h \
	common/buf.c common/buf.h \
	common/conf.c common/conf.h common/conf_private.h \
	common/conf_journal.c common/conf_list.c common/conf_listen.c common/conf_print.c common/conf_table.c common/conf_trigger.c common/conf_value.c \
	common/err.c common/err.h \
	common/event.c common/event.h \
	common/js.c common/js.h \
	common/mac.c common/mac.h \
	common/sandbox.c common/sandbox.h common/sandbox_calls.c common/sandbox_limits.c common/sandbox_paths.c common/sandbox_private.h \
	common/target.c common/target.h \
	common/timefmt.c common/timefmt.h \
	common/token.c common/token.h \
	common/yamldoc.c common/yamldoc.h common/yamldoc_value.c
