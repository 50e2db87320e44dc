# All tests speak TAP, so that every case is counted and what is skipped is skipped by name.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_COMPILER = bash $(top_srcdir)/tests/tap.sh
TEST_EXTENSIONS = .bats .sh
BATS_LOG_DRIVER = $(LOG_DRIVER)
BATS_LOG_COMPILER = bash $(top_srcdir)/tests/bats.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = bash
AM_TESTS_ENVIRONMENT = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CMOCKA_MESSAGE_OUTPUT=TAP; \
	export top_srcdir top_builddir CMOCKA_MESSAGE_OUTPUT;

# Scripts and scenarios. Whatever they need beside themselves is in EXTRA_DIST.
SCRIPT_TESTS =
SCRIPT_TESTS += tests/bench/count.sh
SCRIPT_TESTS += tests/floors.sh
SCRIPT_TESTS += tests/fuzz/seeds.sh
SCRIPT_TESTS += tests/man.sh
SCRIPT_TESTS += tests/promises.sh
SCRIPT_TESTS += tests/page.sh
SCRIPT_TESTS += tests/readers.sh
SCRIPT_TESTS += tests/scenario/apply.bats
SCRIPT_TESTS += tests/scenario/bench.bats
SCRIPT_TESTS += tests/scenario/bounds.bats
SCRIPT_TESTS += tests/scenario/browser.bats
SCRIPT_TESTS += tests/scenario/clock.bats
SCRIPT_TESTS += tests/scenario/contrib.bats
SCRIPT_TESTS += tests/scenario/faults.bats
SCRIPT_TESTS += tests/scenario/hook.bats
SCRIPT_TESTS += tests/scenario/follow.bats
SCRIPT_TESTS += tests/scenario/holding.bats
SCRIPT_TESTS += tests/scenario/input.bats
SCRIPT_TESTS += tests/scenario/kamailio.bats
SCRIPT_TESTS += tests/scenario/kernel.bats
SCRIPT_TESTS += tests/scenario/load.bats
SCRIPT_TESTS += tests/scenario/lock.bats
SCRIPT_TESTS += tests/scenario/neighbours.bats
SCRIPT_TESTS += tests/scenario/never.bats
SCRIPT_TESTS += tests/scenario/nginx.bats
SCRIPT_TESTS += tests/scenario/once.bats
SCRIPT_TESTS += tests/scenario/recover.bats
SCRIPT_TESTS += tests/scenario/rotation.bats
SCRIPT_TESTS += tests/scenario/sandbox.bats
SCRIPT_TESTS += tests/scenario/portal_roles.bats
SCRIPT_TESTS += tests/scenario/portal_attack.bats
SCRIPT_TESTS += tests/scenario/portal.bats
SCRIPT_TESTS += tests/scenario/server.bats tests/scenario/sources.bats
SCRIPT_TESTS += tests/scenario/token.bats
SCRIPT_TESTS += tests/scenario/trigger.bats
SCRIPT_TESTS += tests/scenario/two_servers.bats
SCRIPT_TESTS += tests/scenario/valgrind.bats
SCRIPT_TESTS += tests/scenario/vendors.bats
SCRIPT_TESTS += tests/scenario/verbs_address.bats
SCRIPT_TESTS += tests/scenario/verbs_check.bats
SCRIPT_TESTS += tests/scenario/verbs_device.bats
SCRIPT_TESTS += tests/scenario/verbs_explain.bats
SCRIPT_TESTS += tests/scenario/verbs_help.bats
SCRIPT_TESTS += tests/scenario/verbs_inventory.bats
SCRIPT_TESTS += tests/scenario/verbs_state.bats
SCRIPT_TESTS += tests/scenario/workers.bats
TESTS += $(SCRIPT_TESTS)
EXTRA_DIST += tests/scenario/kamailio/kamailio.cfg tests/scenario/kamailio/options.xml tests/scenario/kamailio/register.xml \
	tests/scenario/kamailio/stale.xml tests/scenario/kamailio/stamp.pl
EXTRA_DIST += tests/browser/browser.mjs tests/browser/cases.mjs tests/browser/install tests/browser/package.json tests/browser/package-lock.json
EXTRA_DIST += tests/scenario/spray.pl tests/scenario/traffic.pl tests/fault/fault.c tests/load.pl tests/rotate.pl
EXTRA_DIST += tests/bench/Bench.pm tests/bench/bench.pl tests/bench/bench.sh tests/bench/counts tests/bench/latency.pl tests/bench/plot.pl tests/bench/verdict.pl
EXTRA_DIST += tests/scenario/portal.bash tests/scenario/portal_attack.pl tests/scenario/portal_lift.pl tests/scenario/portal_roles.pl \
	tests/scenario/portal_routes.pl
EXTRA_DIST += tests/coverage.h tests/coverage.sh tests/lint.sh tests/mutate.sh tests/mutations \
	tests/valgrind.sh tests/valgrind.supp
EXTRA_DIST += tests/bats.sh tests/tap.sh $(SCRIPT_TESTS) tests/story.pl tests/scenario/setup.bash tests/scenario/golden.bash
EXTRA_DIST += tests/scenario/ask.pl tests/scenario/network.bash tests/scenario/generator.php

# What `make bench` and the tests of it are built of.
BENCH_TOOLS = tests/bench/logs tests/bench/measure
check_PROGRAMS += $(BENCH_TOOLS)

check_PROGRAMS += tests/unit/try_lockstate
tests_unit_try_lockstate_LDADD = libprovctl-lockstate.a

# A unit test is tests/unit/test_NAME.c, linked with the libraries of the highest floor that it tests.
UNIT_TESTS =
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

UNIT_TESTS += tests/unit/test_addr
tests_unit_test_addr_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_ban
tests_unit_test_ban_SOURCES = tests/unit/test_ban.c tests/unit/judging.c tests/unit/judging.h
tests_unit_test_ban_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_buf
tests_unit_test_buf_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_counter
tests_unit_test_counter_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_counter_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free

UNIT_TESTS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c tests/unit/place.c tests/unit/place.h
tests_unit_test_conf_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_conf_manual
tests_unit_test_conf_manual_SOURCES = tests/unit/test_conf_manual.c tests/unit/place.c tests/unit/place.h
tests_unit_test_conf_manual_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_conf_trigger
tests_unit_test_conf_trigger_SOURCES = tests/unit/test_conf_trigger.c tests/unit/place.c tests/unit/place.h
tests_unit_test_conf_trigger_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_event
tests_unit_test_event_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_fast
tests_unit_test_fast_SOURCES = tests/unit/test_fast.c tests/unit/bench.c tests/unit/bench.h
tests_unit_test_fast_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

# Asked at one step after the other, the state fails.
FAILING = -Wl,--wrap=db_step -Wl,--wrap=db_run -Wl,--wrap=store_rollback -Wl,--wrap=store_looked

UNIT_TESTS += tests/unit/test_failing
tests_unit_test_failing_SOURCES = tests/unit/test_failing.c tests/unit/asking.h tests/unit/failing.h tests/unit/place.c tests/unit/place.h
tests_unit_test_failing_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_failing_LDFLAGS = $(AM_LDFLAGS) $(FAILING)

UNIT_TESTS += tests/unit/test_firewall
tests_unit_test_firewall_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_firewall_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=nft_commit -Wl,--wrap=nft_begin -Wl,--wrap=nft_add_table \
	-Wl,--wrap=nft_add_element -Wl,--wrap=nft_delete_element

UNIT_TESTS += tests/unit/test_hook
tests_unit_test_hook_SOURCES = tests/unit/test_hook.c tests/unit/world.c tests/unit/world.h tests/unit/storing.h
tests_unit_test_hook_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_js
tests_unit_test_js_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mac
tests_unit_test_mac_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal_caller
tests_unit_test_portal_caller_LDADD = $(PORTAL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal_http
tests_unit_test_portal_http_LDADD = $(PORTAL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal_lockfile
tests_unit_test_portal_lockfile_LDADD = $(PORTAL_LIBS) libprovctl-lockstate.a $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal_route
tests_unit_test_portal_route_LDADD = $(PORTAL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal_upstream
tests_unit_test_portal_upstream_LDADD = $(PORTAL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_target
tests_unit_test_target_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

CLIENT_SOURCES = cmd/client.c cmd/client_child.c cmd/client_request.c cmd/program.c
UNIT_TESTS += tests/unit/test_callers
tests_unit_test_callers_SOURCES = tests/unit/test_callers.c tests/unit/liar.c tests/unit/liar.h $(CLIENT_SOURCES)
tests_unit_test_callers_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_lies
tests_unit_test_lies_SOURCES = tests/unit/test_lies.c tests/unit/liar.c tests/unit/liar.h $(CLIENT_SOURCES)
tests_unit_test_lies_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c cmd/adopt.c cmd/confine_analyzer.c cmd/confine_enforcer.c cmd/confine_paths.c
tests_unit_test_sandbox_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_timefmt
tests_unit_test_timefmt_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_csv
tests_unit_test_csv_SOURCES = tests/unit/test_csv.c cmd/csv.c
tests_unit_test_csv_LDADD = $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_option
tests_unit_test_option_SOURCES = tests/unit/test_option.c cmd/option.c
tests_unit_test_option_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_cells
tests_unit_test_cells_SOURCES = tests/unit/test_cells.c cmd/cells.c
tests_unit_test_cells_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_table
tests_unit_test_table_SOURCES = tests/unit/test_table.c cmd/table.c
tests_unit_test_table_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c tests/unit/failing.h
tests_unit_test_link_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_link_LDFLAGS = $(AM_LDFLAGS) $(FAILING)

UNIT_TESTS += tests/unit/test_token
tests_unit_test_token_SOURCES = tests/unit/test_token.c tests/unit/storing.h
tests_unit_test_token_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_batch
tests_unit_test_batch_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_memo
tests_unit_test_memo_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_quiet
tests_unit_test_quiet_SOURCES = tests/unit/test_quiet.c tests/unit/judging.c tests/unit/judging.h
tests_unit_test_quiet_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_trigger
tests_unit_test_trigger_SOURCES = tests/unit/test_trigger.c tests/unit/judging.c tests/unit/judging.h
tests_unit_test_trigger_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_yamldoc
tests_unit_test_yamldoc_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_lock
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c tests/unit/world.c tests/unit/world.h
tests_unit_test_lock_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_admin
tests_unit_test_admin_SOURCES = tests/unit/test_admin.c tests/unit/world.c tests/unit/world.h
tests_unit_test_admin_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_verdict
tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c tests/unit/world.c tests/unit/world.h
tests_unit_test_verdict_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_portal
tests_unit_test_portal_SOURCES = tests/unit/test_portal.c tests/unit/asking.h tests/unit/place.c tests/unit/place.h
tests_unit_test_portal_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_publish
tests_unit_test_publish_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_page
tests_unit_test_page_SOURCES = tests/unit/test_page.c tests/unit/storing.h
tests_unit_test_page_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_store
tests_unit_test_store_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_store_device
tests_unit_test_store_device_SOURCES = tests/unit/test_store_device.c tests/unit/storing.h
tests_unit_test_store_device_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_store_registered
tests_unit_test_store_registered_SOURCES = tests/unit/test_store_registered.c tests/unit/storing.h
tests_unit_test_store_registered_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_dwelling
tests_unit_test_dwelling_SOURCES = tests/unit/test_dwelling.c tests/unit/storing.h
tests_unit_test_dwelling_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_store_rows
tests_unit_test_store_rows_SOURCES = tests/unit/test_store_rows.c tests/unit/storing.h
tests_unit_test_store_rows_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client
tests_unit_test_client_SOURCES = tests/unit/test_client.c $(CLIENT_SOURCES)
tests_unit_test_client_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_migration
EXTRA_DIST += tests/unit/state-8.sql
tests_unit_test_migration_SOURCES = tests/unit/test_migration.c tests/unit/judging.c tests/unit/judging.h
tests_unit_test_migration_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_glance
tests_unit_test_glance_SOURCES = tests/unit/test_glance.c tests/unit/storing.h
tests_unit_test_glance_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_guess
tests_unit_test_guess_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_notify
tests_unit_test_notify_SOURCES = tests/unit/test_notify.c cmd/notify.c
tests_unit_test_notify_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_lane
tests_unit_test_lane_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_pass
tests_unit_test_pass_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_journal
tests_unit_test_journal_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_phones
tests_unit_test_phones_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_source
tests_unit_test_source_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_home
tests_unit_test_home_SOURCES = tests/unit/test_home.c tests/unit/world.c tests/unit/world.h
tests_unit_test_home_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_replay
tests_unit_test_replay_SOURCES = tests/unit/test_replay.c tests/unit/world.c tests/unit/world.h
tests_unit_test_replay_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_forgery
tests_unit_test_forgery_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_lint
tests_unit_test_lint_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_format
tests_unit_test_format_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_format_web
tests_unit_test_format_web_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_gate
tests_unit_test_gate_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_geo
tests_unit_test_geo_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_corpora
tests_unit_test_corpora_SOURCES = tests/unit/test_corpora.c tests/unit/bench.c tests/unit/bench.h
tests_unit_test_corpora_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_recall
tests_unit_test_recall_SOURCES = tests/unit/test_recall.c tests/unit/bench.c tests/unit/bench.h
tests_unit_test_recall_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_rule
tests_unit_test_rule_SOURCES = tests/unit/test_rule.c tests/unit/bench.c tests/unit/bench.h
tests_unit_test_rule_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_time_context
tests_unit_test_time_context_LDADD = $(ANALYZER_LIBS) $(CMOCKA_LIBS)

# The programs without their closed door, for tools that watch from inside.
check_PROGRAMS += tests/open/prov-analyzer tests/open/prov-enforcer
check_PROGRAMS += tests/open/without
tests_open_without_LDADD = $(SECCOMP_LIBS)
tests_open_prov_analyzer_SOURCES = $(prov_analyzer_SOURCES) tests/open/door.c
tests_open_prov_analyzer_LDADD = $(prov_analyzer_LDADD)
tests_open_prov_enforcer_SOURCES = $(prov_enforcer_SOURCES) tests/open/door.c
tests_open_prov_enforcer_LDADD = $(prov_enforcer_LDADD)

# Fuzz targets: read their seeds as a test; `make fuzz SECONDS=60` looks for more, with clang.
FUZZ_TARGETS = tests/fuzz/fuzz_line tests/fuzz/fuzz_yaml tests/fuzz/fuzz_event tests/fuzz/fuzz_command \
	tests/fuzz/fuzz_lockstate tests/fuzz/fuzz_csv tests/fuzz/fuzz_bans tests/fuzz/fuzz_portal
check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/run.bash tests/fuzz/seeds
FUZZ_COMMON = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_line_SOURCES = tests/fuzz/fuzz_line.c $(FUZZ_COMMON)
tests_fuzz_fuzz_line_LDADD = $(ANALYZER_LIBS)
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c $(FUZZ_COMMON)
tests_fuzz_fuzz_yaml_LDADD = $(ANALYZER_LIBS)
tests_fuzz_fuzz_event_SOURCES = tests/fuzz/fuzz_event.c $(FUZZ_COMMON)
tests_fuzz_fuzz_event_LDADD = $(COMMON_LIBS)
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c $(FUZZ_COMMON)
tests_fuzz_fuzz_command_LDADD = $(ENFORCER_LIBS)
tests_fuzz_fuzz_lockstate_SOURCES = tests/fuzz/fuzz_lockstate.c $(FUZZ_COMMON)
tests_fuzz_fuzz_lockstate_LDADD = libprovctl-lockstate.a
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c $(FUZZ_COMMON) cmd/csv.c
tests_fuzz_fuzz_csv_LDADD =
tests_fuzz_fuzz_bans_SOURCES = tests/fuzz/fuzz_bans.c $(FUZZ_COMMON)
tests_fuzz_fuzz_bans_LDADD = $(ENFORCER_LIBS)
tests_fuzz_fuzz_portal_SOURCES = tests/fuzz/fuzz_portal.c $(FUZZ_COMMON)
tests_fuzz_fuzz_portal_LDADD = $(PORTAL_LIBS)
tests_fuzz_fuzz_portal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=upstream_ask

SECONDS = 60
fuzz:
	bash $(top_srcdir)/tests/fuzz/run.bash $(top_srcdir) $(SECONDS)
.PHONY: fuzz

# Takes the guards of tests/mutations out one by one, to see that the tests miss each: `make mutate ONLY=REGEX` for some.
ONLY = .
mutate:
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' ONLY='$(ONLY)' bash $(top_srcdir)/tests/mutate.sh

# What the tests run of analyzer, enforcer and common: see tests/coverage.sh.
coverage:
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' bash $(top_srcdir)/tests/coverage.sh

# The unit tests under valgrind, `make valgrind ONLY=REGEX` for some: see tests/valgrind.sh.
valgrind: all $(UNIT_TESTS)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' ONLY='$(ONLY)' bash $(top_srcdir)/tests/valgrind.sh $(UNIT_TESTS)
.PHONY: coverage mutate valgrind
