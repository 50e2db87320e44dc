libenforcer_a_SOURCES = \
	enforcer/backup.c enforcer/backup.h \
	enforcer/ban.c \
	enforcer/ban_order.c \
	enforcer/banlist.c enforcer/banlist.h \
	enforcer/apply.c enforcer/apply.h \
	enforcer/admin.c enforcer/admin_private.h \
	enforcer/cascade.c \
	enforcer/control.h \
	enforcer/counter.c enforcer/counter.h \
	enforcer/counter_codec.c \
	enforcer/counter_private.h \
	enforcer/digest.c enforcer/digest.h \
	enforcer/explain.c \
	enforcer/db.c enforcer/db.h \
	enforcer/facts.c \
	enforcer/firewall.c enforcer/firewall.h \
	enforcer/firewall_frame.c enforcer/firewall_private.h \
	enforcer/firewall_read.c \
	enforcer/home.c enforcer/home.h \
	enforcer/host.c enforcer/host.h \
	enforcer/hook.c enforcer/hook.h \
	enforcer/inventory.c \
	enforcer/judge.c \
	enforcer/judge.h \
	enforcer/judge_hook.c \
	enforcer/judge_private.h \
	enforcer/lock.c enforcer/lock_private.h \
	enforcer/lock_change.c \
	enforcer/lock_late.c \
	enforcer/meter.c enforcer/meter.h \
	enforcer/memo.c enforcer/memo.h \
	enforcer/netlink.c enforcer/netlink.h \
	enforcer/nft.c enforcer/nft.h \
	enforcer/nft_ask.c enforcer/nft_private.h \
	enforcer/nft_watch.c enforcer/nft_watch.h \
	enforcer/newfile.c enforcer/newfile.h \
	enforcer/page.c enforcer/page.h \
	enforcer/publish.c enforcer/publish.h \
	enforcer/publish_copy.c enforcer/publish_private.h \
	enforcer/publish_text.c \
	enforcer/quiet.c \
	enforcer/publish_tokens.c enforcer/publish_tokens.h \
	enforcer/standing.c \
	enforcer/starter.c enforcer/starter.h \
	enforcer/store.c enforcer/store.h \
	enforcer/store_backup.c \
	enforcer/store_ban.c \
	enforcer/store_device.c \
	enforcer/store_device_code.c \
	enforcer/store_glance.c \
	enforcer/store_glance_code.c \
	enforcer/store_dwelling.c \
	enforcer/store_hint.c \
	enforcer/store_home.c \
	enforcer/store_hook.c \
	enforcer/store_place.c \
	enforcer/store_private.h \
	enforcer/store_record.c \
	enforcer/store_registered.c \
	enforcer/store_schema.c \
	enforcer/store_seen.c \
	enforcer/store_shelf.c \
	enforcer/store_source.c \
	enforcer/store_standing.c \
	enforcer/store_tally.c \
	enforcer/store_token.c \
	enforcer/verdict.c \
	enforcer/trigger.c \
	enforcer/trigger_match.c enforcer/trigger_match.h \
	enforcer/verb.c enforcer/verb.h \
	enforcer/verb_address.c \
	enforcer/verb_device.c \
	enforcer/verb_inventory.c \
	enforcer/verb_place.c \
	enforcer/verb_state.c \
	enforcer/verb_status.c \
	enforcer/control.c \
	enforcer/portal.c enforcer/portal.h \
	enforcer/portal_right.c enforcer/portal_right.h \
	enforcer/verb_portal.c \
	enforcer/verb_self.c \
	enforcer/verb_metrics.c \
	enforcer/census.c enforcer/census.h \
	enforcer/metrics.c enforcer/metrics.h \
	enforcer/verb_token.c \
	enforcer/enforcer.c enforcer/enforcer.h \
	enforcer/link.c enforcer/link.h \
	enforcer/link_batch.c enforcer/link_private.h \
	enforcer/link_want.c \
	enforcer/projection.c enforcer/projection.h \
	enforcer/projection_firewall.c enforcer/projection_private.h \
	enforcer/server.c enforcer/server.h \
	enforcer/stream.c enforcer/stream.h \
	enforcer/verb_summary.c
