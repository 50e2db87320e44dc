# explain, log, check, test: what they print and how they end, to the letter.

load setup
load golden

@test "explain shows the rule, the line and the command that changes it" {
	fetch 203.0.113.7 $mac 200 "$phone"
	at 1h
	fetch 198.51.100.4 $mac 403 "$phone"
	pass
	shows explain 001565abcdef <<'END'
device:       001565abcdef
account:      acct1
state:        locked
reason:       provisioned
home:         203.0.113.7
created:      2026-11-22T10:00:00Z
changed:      2026-11-22T10:00:00Z
seen:         2026-11-22T10:00:00Z
vendor:       Yealink
model:        T46S
version:      66.86.0.15
learned:      yes: from a log, it is not in the inventory
moved:        198.51.100.4, 1 time since 2026-11-22T11:00:00Z, last 2026-11-22T11:00:00Z
why:          its configuration was fetched: it is served at its home alone
since:        2026-11-22T10:00:00Z
what:         locked
rule:         rule 2
detail:       this address is its home now
log:          FOLDER/log/web.log, offset 0
line:         203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /001565abcdef.cfg HTTP/1.1" 200 512 "-" "Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"
to change it: provctl unlock 001565abcdef
exit 0
END
	shows explain 001565abcdef --json <<'END'
{"mac":"001565abcdef","account":"acct1","state":"locked","reason":"provisioned","until":null,"home":["203.0.113.7"],"custom":false,"exposed":null,"moved":[{"ip":"198.51.100.4","count":1,"first":"2026-11-22T11:00:00Z","last":"2026-11-22T11:00:00Z","served":false}],"created":"2026-11-22T10:00:00Z","changed":"2026-11-22T10:00:00Z","seen":"2026-11-22T10:00:00Z","unlocked":null,"removed":null,"learned":true,"adopt":false,"exposed_to":null,"exposed_as":null,"moved_count":1,"secret_path":false,"device_version":"V","vendor":"Yealink","model":"T46S","version":"66.86.0.15","users":[],"registered":null,"registered_at":null,"left":null,"because":{"time":"2026-11-22T10:00:00Z","what":"locked","mac":"001565abcdef","ip":"203.0.113.7","account":"acct1","rule":"rule 2","detail":"this address is its home now","line":"locked - 203.0.113.7 provisioned acct1","uid":null,"actor":"","reason":"","log":"FOLDER/log/web.log","offset":0,"evidence":"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 512 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef\""},"counting":[],"exposure":null,"command":"provctl unlock 001565abcdef"}
exit 0
END
	shows list --moved <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565abcdef  locked    provisioned  acct1             -                     203.0.113.7           -                     198.51.100.4
exit 0
END
	shows log 001565abcdef <<'END'
TIME                  WHAT             MAC           ADDRESS               BY                    DETAIL
2026-11-22T10:00:00Z  learned          001565abcdef  203.0.113.7           rule 1                -
2026-11-22T10:00:00Z  locked           001565abcdef  203.0.113.7           rule 2                this address is its home now
2026-11-22T11:00:00Z  moved            001565abcdef  198.51.100.4          rule 5                asked from elsewhere, refused
exit 0
END
	shows log --json <<'END'
{"time":"2026-11-22T10:00:00Z","what":"learned","mac":"001565abcdef","ip":"203.0.113.7","account":"acct1","rule":"rule 1","detail":"","line":"open 1795428000 - new acct1","uid":null,"actor":"","reason":"","log":"FOLDER/log/web.log","offset":0,"evidence":"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 512 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef\""}
{"time":"2026-11-22T10:00:00Z","what":"locked","mac":"001565abcdef","ip":"203.0.113.7","account":"acct1","rule":"rule 2","detail":"this address is its home now","line":"locked - 203.0.113.7 provisioned acct1","uid":null,"actor":"","reason":"","log":"FOLDER/log/web.log","offset":0,"evidence":"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 200 512 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef\""}
{"time":"2026-11-22T11:00:00Z","what":"moved","mac":"001565abcdef","ip":"198.51.100.4","account":"acct1","rule":"rule 5","detail":"asked from elsewhere, refused","line":"locked - 203.0.113.7 provisioned acct1","uid":null,"actor":"","reason":"","log":"FOLDER/log/web.log","offset":138,"evidence":"198.51.100.4 - - [22/Nov/2026:11:00:00 +0000] \"GET /001565abcdef.cfg HTTP/1.1\" 403 512 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef\""}
exit 0
END
}

@test "a served stranger makes a device exposed, and only a person ends that" {
	fetch 203.0.113.7 $mac 200 "$phone"
	at 1h
	fetch 198.51.100.4 $mac 200 "$phone"
	pass
	shows explain 001565abcdef <<'END'
device:       001565abcdef
account:      acct1
state:        locked
reason:       provisioned
home:         203.0.113.7
created:      2026-11-22T10:00:00Z
changed:      2026-11-22T10:00:00Z
seen:         2026-11-22T10:00:00Z
vendor:       Yealink
model:        T46S
version:      66.86.0.15
exposed:      2026-11-22T11:00:00Z
exposed to:   198.51.100.4
learned:      yes: from a log, it is not in the inventory
moved:        198.51.100.4, 1 time since 2026-11-22T11:00:00Z, last 2026-11-22T11:00:00Z, served
why:          its configuration was fetched: it is served at its home alone
since:        2026-11-22T10:00:00Z
what:         locked
rule:         rule 2
detail:       this address is its home now
log:          FOLDER/log/web.log, offset 0
line:         203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /001565abcdef.cfg HTTP/1.1" 200 512 "-" "Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"
to change it: provctl unlock 001565abcdef
exposure:     2026-11-22T11:00:00Z
log:          FOLDER/log/web.log, offset 138
line:         198.51.100.4 - - [22/Nov/2026:11:00:00 +0000] "GET /001565abcdef.cfg HTTP/1.1" 200 512 "-" "Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"
new password: provctl clear-exposed 001565abcdef
exit 0
END
	shows status <<'END'
mode:         enforce
state time:   2026-11-22T11:00:00Z
devices:      1: 0 new, 1 locked, 0 unlocked, 0 held; 1 moved; 1 exposed
bans:         0 in force, 0 pending; 0 leaks

SOURCE                                LAG       LAST EVENT            LINES       EVENTS      UNREADABLE  SKIPPED
FOLDER/log/web.log  0         2026-11-22T11:00:00Z  2           2           0           0

needs a person:
  exposed: 1 exposed: change the SIP password, then `provctl clear-exposed`: 001565abcdef
exit 1
END
	shows clear-exposed 001565abcdef --reason 'new password' <<'END'
001565abcdef: locked (provisioned), home 203.0.113.7
exit 0
END
	shows log 001565abcdef --since 2026-11-22T11:00:00Z <<'END'
TIME                  WHAT             MAC           ADDRESS               BY                    DETAIL
2026-11-22T11:00:00Z  moved            001565abcdef  198.51.100.4          rule 5                asked from elsewhere, served
2026-11-22T11:00:00Z  exposed          001565abcdef  198.51.100.4          rule 5                served while locked to another address
2026-11-22T11:00:00Z  cleared          001565abcdef  -                     uid N                 no longer exposed; polled homes and the secret path are forgotten (new password)
exit 0
END
	shows log --since soon <<'END'
provctl: --since soon: neither a duration such as 24h nor a time such as 2026-11-22T10:00:00Z
exit 2
END
}

@test "an address that was banned by a trigger shows why" {
	for i in 1 2 3 4 5 6 7 8 9 a; do fetch 198.51.100.4 00156500000$i 404; done
	pass
	shows bans <<'END'
ADDRESS               STATUS   UNTIL                 BY                      START                 PACKETS  COMMENT
198.51.100.4          banned   2026-11-22T11:00:00Z  provisioning-scan       2026-11-22T10:00:00Z  0        -
exit 0
END
	shows ip 198.51.100.4 <<'END'
address:      198.51.100.4
status:       banned, failed
devices:      0
accounts:     0
ban:          198.51.100.4: banned until 2026-11-22T11:00:00Z (1h), trigger provisioning-scan
exit 0
END
	shows explain 198.51.100.4 <<'END'
address:      198.51.100.4
status:       banned, failed
devices:      0
accounts:     0
ban:          198.51.100.4: banned until 2026-11-22T11:00:00Z (1h), trigger provisioning-scan
time left:    1h
since:        2026-11-22T10:00:00Z
what:         banned
rule:         provisioning-scan
detail:       10 distinct MACs within 1h: for 1h, until 2026-11-22T11:00:00Z
log:          FOLDER/log/web.log, offset 855
line:         198.51.100.4 - - [22/Nov/2026:10:00:00 +0000] "GET /00156500000a.cfg HTTP/1.1" 404 512 "-" "-"
counting:     provisioning-hammer, 10 of 20, since 2026-11-22T10:00:00Z
counting:     distributed-scan, 9 of 10, since 2026-11-22T10:00:00Z
to change it: provctl unban 198.51.100.4
exit 0
END
	shows log 198.51.100.4 <<'END'
TIME                  WHAT             MAC           ADDRESS               BY                    DETAIL
2026-11-22T10:00:00Z  banned           -             198.51.100.4          provisioning-scan     10 distinct MACs within 1h: for 1h, until 2026-11-22T11:00:00Z
exit 0
END
	at 10m
	for i in 1 2 3; do fetch 198.51.100.9 00156500001$i 404; done
	pass
	shows explain 198.51.100.9 <<'END'
address:      198.51.100.9
status:       failed
devices:      0
accounts:     0
counting:     provisioning-scan, 3 of 10, since 2026-11-22T10:10:00Z
counting:     distributed-scan, 3 of 10, since 2026-11-22T10:10:00Z
counting:     provisioning-hammer, 3 of 20, since 2026-11-22T10:10:00Z
exit 0
END
	shows explain 198.51.100.9 --json <<'END'
{"ip":"198.51.100.9","status":["failed"],"never":null,"devices":0,"accounts":0,"bans":[],"macs":[],"left":null,"because":null,"counting":[{"trigger":"provisioning-scan","count":3,"limit":10,"first":"2026-11-22T10:10:00Z","last":"2026-11-22T10:10:00Z","proven":true},{"trigger":"distributed-scan","count":3,"limit":10,"first":"2026-11-22T10:10:00Z","last":"2026-11-22T10:10:00Z","proven":true},{"trigger":"provisioning-hammer","count":3,"limit":20,"first":"2026-11-22T10:10:00Z","last":"2026-11-22T10:10:00Z","proven":true}],"command":null}
exit 0
END
}

@test "check, test and explain --line tell what rules do" {
	mkdir rules
	cat >rules/own.yaml <<'END'
rules:
  - id: own.config
    format: [combined]
    where:
      method: [GET]
      file: '^(?<mac>[0-9a-f]{12})[.]cfg$'
    event: provision
    samples:
      - line: '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /001565abcdef.cfg HTTP/1.1" 200 5123 "-" "-"'
        expect: {event: provision.served, mac: 001565abcdef, ip: 203.0.113.7, time: 2026-11-22T10:00:00Z}
      - line: '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /y000000000028.cfg HTTP/1.1" 200 99 "-" "-"'
        expect: none
END
	configure "rules: [rules]"
	shows check <<'END'
configuration OK: 2 sources, N triggers, N rules
exit 0
END
	shows check --json <<'END'
{"ok":true,"file":"FOLDER/provctl.yaml","sources":2,"triggers":N,"rules":1}
exit 0
END
	shows test <<'END'
1 rules: 2 passed, 0 failed
exit 0
END
	shows test rules/own.yaml --json <<'END'
{"rules":N,"passed":2,"failed":0}
exit 0
END
	shows explain --line '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/001565abcdef.cfg?x=1 HTTP/1.1" 403 12 "-" "curl/8"' <<'END'
format:       combined
fields:       ip = 203.0.113.7
              time = 2026-11-22T10:00:00Z
              method = GET
              path = /p/001565abcdef.cfg
              file = 001565abcdef.cfg
              query = x=1
              status = 403
              bytes = 12
              agent = curl/8
phone:        vendor = -
              model = -
              version = -
              mac = 001565abcdef
rules:        own.config: matched
line:         203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/001565abcdef.cfg?x=1 HTTP/1.1" 403 12 "-" "curl/8"
                                                            ^^^    ^^^^^^^^^^^^^^^^  own.config
event:        event = provision.refused
              time = 2026-11-22T10:00:00Z
              ip = 203.0.113.7
              mac = 001565abcdef
              proof = handshake
              imposter = unknown
              status = 403
              agent = curl/8
              rule = own.config
              line = 203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/001565abcdef.cfg?x=1 HTTP/1.1" 403 12 "-" "curl/8"
exit 0
END
	shows explain --line '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/001565abcdef.cfg?x=1 HTTP/1.1" 403 12 "-" "curl/8"' --json <<'END'
{"format":"combined","fields":{"ip":"203.0.113.7","time":"2026-11-22T10:00:00Z","method":"GET","path":"/p/001565abcdef.cfg","file":"001565abcdef.cfg","query":"x=1","status":"403","bytes":"12","agent":"curl/8"},"phone":{"vendor":null,"model":null,"version":null,"mac":"001565abcdef"},"rules":[{"rule":"own.config","result":"matched","marks":[{"at":46,"n":3},{"at":53,"n":16}]}],"event":{"event":"provision.refused","time":"2026-11-22T10:00:00Z","ip":"203.0.113.7","mac":"001565abcdef","proof":"handshake","imposter":"unknown","status":403,"agent":"curl/8","rule":"own.config","line":"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /p/001565abcdef.cfg?x=1 HTTP/1.1\" 403 12 \"-\" \"curl/8\""}}
exit 0
END
	shows explain --line '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/logo.png HTTP/1.1" 200 12 "-" "-"' --format combined <<'END'
format:       combined
fields:       ip = 203.0.113.7
              time = 2026-11-22T10:00:00Z
              method = GET
              path = /p/logo.png
              file = logo.png
              status = 200
              bytes = 12
              agent = -
rules:        own.config: no literal, field file
line:         203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /p/logo.png HTTP/1.1" 200 12 "-" "-"
                                                            ^^^    !  own.config
event:        none
exit 0
END
	shows explain --line $'203.0.113.7 - \033\303\274 [22/Nov/2026:10:00:00 +0000] "GET /p/0015abpng HTTP/1.1" 200 12' <<'END'
format:       combined
fields:       ip = 203.0.113.7
              time = 2026-11-22T10:00:00Z
              user = \x1bü
              method = GET
              path = /p/0015abpng
              file = 0015abpng
              status = 200
              bytes = 12
rules:        own.config: no literal, field file
line:         203.0.113.7 - \x1bü [22/Nov/2026:10:00:00 +0000] "GET /p/0015abpng HTTP/1.1" 200 12
                                                                ^^^    ^^^^^^!  own.config
event:        none
exit 0
END
	shows explain --line 'no log at all' <<'END'
provctl: explain: no format reads this line; --format names one
exit 1
END
	shows explain --line x --format own <<'END'
provctl: --format: unknown format own; there are combined, asterisk, freeswitch, syslog, json, haproxy, tftp, nginx_error, apache_error
exit 2
END
	sed -i 's/provision.served/provision.refused/' rules/own.yaml
	shows test <<'END'
provctl: FOLDER/rules/own.yaml:10:25: rules.samples.expect.event: expected "provision.refused", came "provision.served"
1 rules: 1 passed, 1 failed
exit 1
END
	sed -i 's/event: provision$/evnt: provision/' rules/own.yaml
	shows check <<'END'
provctl: FOLDER/rules/own.yaml:7:5: rules.evnt: unknown key, did you mean event?
exit 2
END
	shows test rules/none.yaml <<'END'
provctl: test: rules/none.yaml: No such file or directory
exit 2
END
	configure 'sources: [{path: log/web.log, pattern: "(?<ip>x"}, {path: log/sip.log, format: asterix}]'
	shows check <<'END'
provctl: FOLDER/provctl.yaml:5:11: sources: pattern: missing closing parenthesis at byte 8
provctl: FOLDER/provctl.yaml:5:52: sources: unknown format asterix; there are combined, asterisk, freeswitch, syslog, json, haproxy, tftp, nginx_error, apache_error
exit 2
END
	configure "geoip: {country: none.mmdb}"
	shows check <<'END'
provctl: warning: geoip: FOLDER/none.mmdb: No such file or directory
configuration OK: 2 sources, N triggers, N rules
exit 0
END
	configure "mode: watsh"
	shows check <<'END'
provctl: FOLDER/provctl.yaml:6:7: mode: "watsh" is not known, did you mean watch?
exit 2
END
	shows list <<'END'
provctl: FOLDER/provctl.yaml:6:7: mode: "watsh" is not known, did you mean watch?
exit 2
END
	configure "nonsense: 1"
	shows check <<'END'
provctl: FOLDER/provctl.yaml:6:1: nonsense: unknown key
exit 2
END
	configure "rules: [rules]
mode: watch"
	sed -i 's/evnt/event/' rules/own.yaml
	shows check <<'END'
provctl: warning: mode: watch: nothing is banned, and every device is published as open
configuration OK: 2 sources, N triggers, N rules
exit 0
END
}
