# check: what it warns of, to the letter. A warning is no fault.

load setup
load golden

@test "check warns of what weakens the lock" {
	mkdir rules
	cat >rules/tftp.yaml <<'END'
rules:
  - id: own.tftp
    format: [syslog]
    where:
      program: [tftpd]
      message: '^sent /(?<mac>[0-9a-f]{12})\.cfg to (?<ip>[0-9.]+)$'
    event: provision
    set: {method: GET, status: "200"}
    proof: none
    samples:
      - line: 'Nov 22 10:00:00 pbx tftpd[1]: sent /001565abcdef.cfg to 203.0.113.7'
        expect: {event: provision.served, proof: none, time: 2026-11-22T10:00:00Z}
      - line: 'Nov 22 10:00:00 pbx tftpd[1]: sent /y000000000028.cfg to 203.0.113.7'
        expect: none
END
	configure 'rules: [rules]
devices: {unknown: ignore}
sources: [{path: log/web.log, format: combined}, {path: log/sip.log, format: syslog}, {path: log/none.log, format: syslog}]'
	touch log/sip.log log/web.log
	shows check <<'END'
provctl: warning: FOLDER/log/sip.log: fetches that rule own.tftp finds there prove no address: they lock no device
provctl: warning: FOLDER/log/none.log: fetches that rule own.tftp finds there prove no address: they lock no device
provctl: warning: devices.unknown: ignore: a MAC that is not imported is never locked
provctl: warning: FOLDER/log/none.log: cannot be seen (yet?): its source on line 6 gives nothing
configuration OK: 3 sources, N triggers, N rules
exit 0
END
}

@test "check warns root of users that are not there" {
	[ "$(id -u)" = 0 ] || skip "only root becomes somebody else"
	configure "users: {enforcer: nobody-has-this, analyzer: nor-this}
sources: [{path: log/web.log, format: combined}]"
	shows check <<'END'
provctl: warning: users.enforcer: there is no user nobody-has-this here for root's programs to become: `systemd-sysusers` or `useradd --system nobody-has-this` makes it
provctl: warning: users.analyzer: there is no user nor-this here for root's programs to become: `systemd-sysusers` or `useradd --system nor-this` makes it
configuration OK: 1 source, N triggers, N rules
exit 0
END
}

@test "check warns of a group and of a hook that are not there" {
	configure "lockstate: {path: $folder/publish/lockstate, group: nobody-has-this}
hook: none/such"
	shows check <<'END'
provctl: warning: lockstate.group: there is no group nobody-has-this here: the lock-state file cannot be written
provctl: warning: hook: FOLDER/none/such cannot be run here: nobody is told
configuration OK: 2 sources, N triggers, N rules
exit 0
END
}

@test "a fault in a pattern of urls, or in a source, is told with file:line:column" {
	configure 'urls:
  secret:
    - "^/x/"
    - "("
  account: "["'
	shows check <<'END'
provctl: FOLDER/provctl.yaml:8:5: urls.secret: pattern: missing closing parenthesis at byte 2
provctl: FOLDER/provctl.yaml:10:12: urls.account: pattern: missing terminating ] for character class at byte 2
exit 2
END
	configure 'sources:
  - {path: log/web.log, format: combined}
  - {path: log/sip.log, format: asterix}'
	fails 2 provctl check
	has "provctl.yaml:7:5: sources: unknown format asterix"
}

@test "check warns of rules that deserve a look, on standard error, and ends well" {
	mkdir rules
	cat >rules/own.yaml <<'END'
rules:
  - id: own.all
    format: [syslog]
    where: {message: '^Wrong (?:name|password) for .* from (?<ip>[0-9.]+)$'}
    event: sip.auth_failed
    samples:
      - {line: 'Nov 22 10:00:00 pbx p[1]: Wrong name for x from 203.0.113.7', expect: {event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}
  - id: own.shadowed
    format: [syslog]
    where: {message: '^Wrong password for .* from (?<ip>[0-9.]+)$'}
    event: sip.auth_failed
    samples:
      - {line: 'Nov 22 10:00:00 pbx p[1]: Wrong password for x from 203.0.113.7', expect: {event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}
  - id: own.never
    format: [syslog]
    where: {message: '^Wrong pasword from (?<ip>[0-9.]+)$'}
    event: sip.auth_failed
    samples:
      - {line: 'Nov 22 10:00:00 pbx p[1]: Wrong password from 203.0.113.7', expect: none}
  - id: own.loose
    format: [syslog]
    where: {message: 'Failed login of .*? from (?<ip>[0-9.]+)'}
    event: sip.auth_failed
    samples:
      - {line: 'Nov 22 10:00:00 pbx p[1]: Failed login of x from 203.0.113.7', expect: {event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}
  - id: own.slow
    format: [syslog]
    where: {message: '^Failed (?:\w+ ?)+: (?<ip>[0-9.]+)$'}
    event: sip.auth_failed
    samples:
      - {line: 'Nov 22 10:00:00 pbx p[1]: Failed call: 203.0.113.7', expect: {event: sip.auth_failed, time: 2026-11-22T10:00:00Z}}
END
	configure "rules: [rules]"
	shows check <<'END'
provctl: warning: FOLDER/rules/own.yaml:13:16: rules.samples.line: own.shadowed: is shadowed by an earlier rule, which takes this sample: own.all
provctl: warning: FOLDER/rules/own.yaml:14:5: rules: own.never: can never match, as far as its samples tell: it takes none of them
provctl: warning: FOLDER/rules/own.yaml:25:16: rules.samples.line: own.loose: is not anchored: a client's words in this sample would be taken for the server's: Nov 22 10:00:00 pbx p[1]: xFailed login of x from 198.51.100.254Failed login of x from 203.0.113.7
provctl: warning: FOLDER/rules/own.yaml:26:5: rules: own.slow: backtracks: more than 524288 steps on 2048 bytes (a match may take 400000) that repeat: call
configuration OK: 2 sources, N triggers, N rules
exit 0
END
	same "$(provctl check --json 2>check.err | jq -r .ok)" true
	same "$(grep -c warning check.err)" 4
}

@test "test runs every sample that ships, and all pass" {
	local last
	last=$(provctl test "$BATS_TEST_DIRNAME/../../rules" | tail -n 1)
	[[ $last =~ ^[0-9]+\ rules:\ ([0-9]+)\ passed,\ 0\ failed$ ]]
	# As many as there are lines of samples, at least.
	[ "${BASH_REMATCH[1]}" -ge "$(grep -hcE '^ +- line: ' "$BATS_TEST_DIRNAME"/../../rules/*.yaml | awk '{ n += $1 } END { print n }')" ]
}
