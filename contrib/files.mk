# Readers of the lock-state file for generators, and the C library with its header and pkg-config file.
readersdir = $(datadir)/provctl/readers
dist_readers_DATA = contrib/readers/Lockstate.pm contrib/readers/lockstate.lua contrib/readers/lockstate.php
dist_readers_SCRIPTS = contrib/readers/lockstate.py contrib/readers/lockstate.sh
lib_LIBRARIES = libprovctl-lockstate.a
libprovctl_lockstate_a_SOURCES = common/lockstate.c
provctlincludedir = $(includedir)/provctl
provctlinclude_HEADERS = common/lockstate.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = contrib/provctl-lockstate.pc

EXTRA_DIST += contrib/build.bash contrib/check contrib/quickstart contrib/demo/generator.pl

# For machines that only enforce what another one publishes.
systemdunitdir = $(prefix)/lib/systemd/system
dist_systemdunit_DATA = contrib/systemd/provctl-apply.path contrib/systemd/provctl-apply.service contrib/systemd/provctl-apply.timer
recipesdir = $(docdir)/recipes
dist_recipes_DATA = contrib/recipes/two-servers.md
