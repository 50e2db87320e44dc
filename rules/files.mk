rulesdir = $(datadir)/provctl/rules
dist_rules_DATA = \
	rules/triggers.yaml
