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
dist_systemdunit_DATA = contrib/systemd/provctl-apply.path contrib/systemd/provctl-apply.timer
recipesdir = $(docdir)/recipes
dist_recipes_DATA = contrib/recipes/two-servers.md

# Units: a daemon and what follows the logs, or a timer. Their paths are configure's.
systemd_made = contrib/systemd/prov-enforcer.service contrib/systemd/prov-analyzer.service contrib/systemd/provctl-analyze.service \
	contrib/systemd/provctl-apply.service contrib/systemd/prov-portal.service
systemd_templates = contrib/systemd/prov-enforcer.service.in contrib/systemd/prov-analyzer.service.in contrib/systemd/provctl-analyze.service.in \
	contrib/systemd/provctl-apply.service.in contrib/systemd/prov-portal.service.in
nodist_systemdunit_DATA = $(systemd_made)
dist_systemdunit_DATA += contrib/systemd/provctl-analyze.timer contrib/systemd/prov-portal.socket
EXTRA_DIST += $(systemd_templates) contrib/systemd/sysusers.conf contrib/systemd/tmpfiles.conf
CLEANFILES = $(systemd_made)
$(systemd_made): $(systemd_templates) Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && sed -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' $(srcdir)/$@.in >$@.new && mv $@.new $@

hooksdir = $(datadir)/provctl/hooks
dist_hooks_SCRIPTS = contrib/hooks/each contrib/hooks/freeswitch contrib/hooks/kamailio contrib/hooks/mail contrib/hooks/webhook
examplesdir = $(docdir)/examples
dist_examples_DATA = contrib/hooks/hooks.conf
formatsdir = $(docdir)/examples/log-formats
dist_formats_DATA = contrib/log-formats/README.md contrib/log-formats/apache.conf contrib/log-formats/asterisk-logger.conf \
	contrib/log-formats/kamailio.cfg contrib/log-formats/nginx.conf
webdir = $(docdir)/examples/web
dist_web_DATA = contrib/web/apache.conf contrib/web/nginx.conf
metricsdir = $(docdir)/examples/metrics
dist_metrics_DATA = contrib/metrics/alerts.yml contrib/metrics/grafana.json
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/_provctl

# Names that others already have here, or that differ where they are installed.
EXTRA_DIST += contrib/completion/provctl.bash contrib/cron/provctl contrib/logrotate/provctl
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/sysusers.d' '$(DESTDIR)$(prefix)/lib/tmpfiles.d' \
		'$(DESTDIR)$(datadir)/bash-completion/completions' '$(DESTDIR)$(docdir)/examples' '$(DESTDIR)$(sysconfdir)/provctl/rules'
	$(INSTALL_DATA) '$(srcdir)/contrib/systemd/sysusers.conf' '$(DESTDIR)$(prefix)/lib/sysusers.d/provctl.conf'
	$(INSTALL_DATA) '$(srcdir)/contrib/systemd/tmpfiles.conf' '$(DESTDIR)$(prefix)/lib/tmpfiles.d/provctl.conf'
	$(INSTALL_DATA) '$(srcdir)/contrib/completion/provctl.bash' '$(DESTDIR)$(datadir)/bash-completion/completions/provctl'
	$(INSTALL_DATA) '$(srcdir)/contrib/cron/provctl' '$(DESTDIR)$(docdir)/examples/cron'
	$(INSTALL_DATA) '$(srcdir)/contrib/logrotate/provctl' '$(DESTDIR)$(docdir)/examples/logrotate'
uninstall-local:
	rm -f '$(DESTDIR)$(prefix)/lib/sysusers.d/provctl.conf' '$(DESTDIR)$(prefix)/lib/tmpfiles.d/provctl.conf' \
		'$(DESTDIR)$(datadir)/bash-completion/completions/provctl' '$(DESTDIR)$(docdir)/examples/cron' \
		'$(DESTDIR)$(docdir)/examples/logrotate'
