libenforcer_a_SOURCES = \
	enforcer/control.h \
	enforcer/explain.c \
	enforcer/db.c enforcer/db.h \
	enforcer/firewall.c enforcer/firewall.h \
	enforcer/judge.h \
	enforcer/judge_private.h \
	enforcer/nft.c enforcer/nft.h \
	enforcer/publish.h \
	enforcer/store.c enforcer/store.h \
	enforcer/store_ban.c \
	enforcer/store_device.c \
	enforcer/store_device_code.c \
	enforcer/store_home.c \
	enforcer/store_place.c \
	enforcer/store_private.h \
	enforcer/store_record.c \
	enforcer/store_schema.c \
	enforcer/store_shelf.c \
	enforcer/store_source.c \
	enforcer/store_tally.c \
	enforcer/verb.c enforcer/verb.h \
	enforcer/verb_address.c \
	enforcer/verb_device.c \
	enforcer/verb_inventory.c \
	enforcer/verb_place.c \
	enforcer/verb_state.c \
	enforcer/verb_status.c
