# cmd
bin_PROGRAMS += provctl
provctl_SOURCES = \
	cmd/analyze.c cmd/analyze.h \
	cmd/analyzer.c cmd/analyzer.h \
	cmd/cells.c cmd/cells.h \
	cmd/client.c cmd/client.h cmd/client_child.c cmd/client_private.h cmd/client_request.c \
	cmd/command.c cmd/command.h \
	cmd/csv.c cmd/csv.h \
	cmd/follow.c cmd/follow.h \
	cmd/notify.c cmd/notify.h \
	cmd/option.c cmd/option.h \
	cmd/program.c cmd/program.h \
	cmd/readable.c cmd/readable.h \
	cmd/provctl.c \
	cmd/session.c cmd/session.h \
	cmd/table.c cmd/table.h \
	cmd/verb_address.c \
	cmd/verb_analyze.c \
	cmd/verb_apply.c \
	cmd/verb_check.c \
	cmd/verb_device.c \
	cmd/verb_explain.c \
	cmd/verb_import.c \
	cmd/verb_list.c \
	cmd/verb_place.c \
	cmd/verb_recover.c \
	cmd/verb_state.c \
	cmd/verb_status.c \
	cmd/verb_token.c \
	cmd/verb_unlock.c
provctl_LDADD = $(ANALYZER_LIBS)

pkglibexec_PROGRAMS += prov-enforcer
prov_enforcer_SOURCES = cmd/prov_enforcer.c cmd/adopt.c cmd/adopt.h cmd/confine.h cmd/confine_enforcer.c cmd/confine_paths.c cmd/confine_private.h cmd/notify.c cmd/notify.h cmd/recover.c cmd/recover.h
prov_enforcer_LDADD = $(ENFORCER_LIBS)

pkglibexec_PROGRAMS += prov-analyzer
prov_analyzer_SOURCES = cmd/prov_analyzer.c cmd/confine.h cmd/confine_analyzer.c cmd/confine_paths.c cmd/confine_private.h
prov_analyzer_LDADD = $(ANALYZER_LIBS)
