AM_TESTS_ENVIRONMENT = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;

# A unit test is tests/unit/test_NAME.c, linked with the libraries of the highest floor that it tests.
UNIT_TESTS =
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

UNIT_TESTS += tests/unit/test_addr
tests_unit_test_addr_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_buf
tests_unit_test_buf_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_event
tests_unit_test_event_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_firewall
tests_unit_test_firewall_LDADD = $(ENFORCER_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_js
tests_unit_test_js_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mac
tests_unit_test_mac_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_timefmt
tests_unit_test_timefmt_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
