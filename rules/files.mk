rulesdir = $(datadir)/provctl/rules
dist_rules_DATA = \
	rules/asterisk.yaml \
	rules/freeswitch.yaml \
	rules/fusionpbx.yaml \
	rules/kamailio.yaml \
	rules/opensips.yaml \
	rules/triggers.yaml \
	rules/web.yaml \
	rules/xlog.yaml

phonesdir = $(rulesdir)/phones
dist_phones_DATA = \
	rules/phones/cisco.yaml \
	rules/phones/fanvil.yaml \
	rules/phones/gigaset.yaml \
	rules/phones/grandstream.yaml \
	rules/phones/imposters.yaml \
	rules/phones/mitel.yaml \
	rules/phones/panasonic.yaml \
	rules/phones/polycom.yaml \
	rules/phones/snom.yaml \
	rules/phones/yealink.yaml
