libenforcer_a_SOURCES = \
	enforcer/control.h \
	enforcer/explain.c \
	enforcer/firewall.c enforcer/firewall.h \
	enforcer/judge.h \
	enforcer/judge_private.h \
	enforcer/nft.c enforcer/nft.h \
	enforcer/publish.h \
	enforcer/store.h \
	enforcer/verb.c enforcer/verb.h \
	enforcer/verb_address.c \
	enforcer/verb_device.c \
	enforcer/verb_inventory.c \
	enforcer/verb_place.c \
	enforcer/verb_state.c \
	enforcer/verb_status.c
