libanalyzer_a_SOURCES = \
	analyzer/block.h analyzer/format.c analyzer/format.h analyzer/format_private.h \
	analyzer/format_asterisk.c analyzer/format_combined.c analyzer/format_freeswitch.c \
	analyzer/format_error.c analyzer/format_haproxy.c analyzer/format_json.c analyzer/format_memo.c analyzer/format_own.c analyzer/format_syslog.c analyzer/format_tftp.c \
	analyzer/format_text.c analyzer/format_time.c \
	analyzer/gate.c analyzer/gate.h analyzer/gate_private.h analyzer/gate_blind.c analyzer/gate_graph.c analyzer/gate_shape.c \
	analyzer/gz.c analyzer/gz.h \
	analyzer/journal.c analyzer/journal.h \
	analyzer/guess.c analyzer/guess.h \
	analyzer/pass.c analyzer/pass.h analyzer/pass_private.h \
	analyzer/pass_batch.c analyzer/pass_feed.c analyzer/pass_follow.c analyzer/pass_worker.c \
	analyzer/lane.c analyzer/lane.h analyzer/worker.c analyzer/worker.h \
	analyzer/pcre.c analyzer/pcre.h \
	analyzer/evidence.c analyzer/explain.c analyzer/forge.c analyzer/forge.h analyzer/geo.c analyzer/geo.h analyzer/phone.c \
	analyzer/recall.c analyzer/recall.h analyzer/recall_proof.c analyzer/recall_request.c analyzer/rule.h analyzer/rule_private.h analyzer/rule_dispatch.c analyzer/rule_event.c analyzer/rule_load.c \
	analyzer/rule_load_phone.c analyzer/lint.c analyzer/rule_match.c analyzer/samples.c \
	analyzer/sieve.c analyzer/sieve.h \
	analyzer/source.c analyzer/source.h analyzer/source_private.h \
	analyzer/source_journal.c analyzer/source_match.c analyzer/source_path.c analyzer/source_search.c analyzer/source_set.c \
	analyzer/uplink.c analyzer/uplink.h \
	analyzer/tz.c analyzer/tz.h \
	analyzer/watch.c analyzer/watch.h
