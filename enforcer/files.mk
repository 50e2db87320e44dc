libenforcer_a_SOURCES = \
	enforcer/control.h \
	enforcer/firewall.c enforcer/firewall.h \
	enforcer/judge.h \
	enforcer/judge_private.h \
	enforcer/nft.c enforcer/nft.h \
	enforcer/publish.h \
	enforcer/store.h
