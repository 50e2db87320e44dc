libenforcer_a_SOURCES = \
	enforcer/control.h \
	enforcer/firewall.h \
	enforcer/judge.h \
	enforcer/judge_private.h \
	enforcer/publish.h \
	enforcer/store.h
