# portal: all but the program's door is a library, for its tests.
noinst_LIBRARIES += libportal.a
libportal_a_SOURCES = \
	portal/caller.c portal/caller.h \
	portal/files.c portal/files.h \
	portal/http.c portal/http.h \
	portal/listen.c portal/listen.h \
	portal/lockfile.c portal/lockfile.h \
	portal/problem.c portal/problem.h \
	portal/replica.c portal/replica.h \
	portal/reply.c portal/reply.h \
	portal/route.c portal/route.h portal/route_table.c \
	portal/serve.c portal/portal.h \
	portal/throttle.c portal/throttle.h \
	portal/upstream.c portal/upstream.h \
	portal/verdict.c \
	portal/verdict_token.c portal/verdict_token.h

pkglibexec_PROGRAMS += prov-portal
prov_portal_SOURCES = portal/prov_portal.c
prov_portal_LDADD = $(PORTAL_LIBS)

portaldatadir = $(datadir)/provctl
dist_portaldata_DATA = portal/openapi.json
include portal/page/files.mk
