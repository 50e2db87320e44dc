dist_man_MANS += man/provctl.yaml.5
dist_man_MANS += man/provctl.8
dist_man_MANS += man/provctl-lockstate.5
dist_man_MANS += man/provctl-rules.5
dist_man_MANS += man/provctl-hook.5
dist_man_MANS += man/provctl-performance.7
dist_man_MANS += man/provctl-security.7
dist_man_MANS += man/prov-portal.8
