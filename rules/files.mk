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
	rules/phones/akuvox.yaml \
	rules/phones/alcatel.yaml \
	rules/phones/algo.yaml \
	rules/phones/audiocodes.yaml \
	rules/phones/avaya.yaml \
	rules/phones/cisco.yaml \
	rules/phones/escene.yaml \
	rules/phones/fanvil.yaml \
	rules/phones/gigaset.yaml \
	rules/phones/grandstream.yaml \
	rules/phones/htek.yaml \
	rules/phones/imposters.yaml \
	rules/phones/konftel.yaml \
	rules/phones/mitel.yaml \
	rules/phones/obihai.yaml \
	rules/phones/others.yaml \
	rules/phones/panasonic.yaml \
	rules/phones/patton.yaml \
	rules/phones/polycom.yaml \
	rules/phones/sangoma.yaml \
	rules/phones/snom.yaml \
	rules/phones/softphones.yaml \
	rules/phones/technicolor.yaml \
	rules/phones/unify.yaml \
	rules/phones/vtech.yaml \
	rules/phones/yealink.yaml \
	rules/phones/yeastar.yaml \
	rules/phones/zenitel.yaml
