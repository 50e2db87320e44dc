AM_TESTS_ENVIRONMENT = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;

# A unit test: tests/unit/test_NAME.c, linked with the libraries of the highest floor that it tests.
#UNIT_TESTS
