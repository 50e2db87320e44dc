# unlock, lock, home, add, remove, clear-exposed: what they print and how they end, to the letter.

load setup
load golden

@test "unlock says until when and that anyone may fetch; several are each on its own" {
	inventory
	shows unlock 001565abcdf1 --for 2h <<'END'
001565abcdf1: unlocked until 2026-11-22T12:00:00Z (2h): anyone who knows the MAC may fetch its configuration;
the first fetch from outside its old home makes that address its home
exit 0
END
	shows unlock 001565abcdf1 --json --reason moved --actor support <<'END'
{"mac":"001565abcdf1","account":"acct1","state":"unlocked","reason":"unlocked","until":"2026-11-23T10:00:00Z","home":["203.0.113.7","2001:db8:1::/64"],"custom":false,"exposed":null,"moved":[],"home_banned":null,"banned_by":null}
exit 0
END
	shows unlock 001565abcdf2 001565abcdf0 001565abcdf9 <<'END'
provctl: 001565abcdf2: its config file was replaced by a custom one, which an unlock cannot open; `provctl add 001565abcdf2 --custom no` brings it back
001565abcdf0: unlocked until 2026-11-23T10:00:00Z (1d): anyone who knows the MAC may fetch its configuration;
the first fetch from outside its old home makes that address its home
provctl: 001565abcdf9: no device has this MAC
exit 3
END
	shows unlock 001565abcdf0 --for 5 <<'END'
provctl: --for 5: not a duration such as 90s, 15m, 24h or 7d
exit 2
END
	shows unlock xyz <<'END'
provctl: xyz: not the MAC of a device
exit 2
END
	shows unlock <<'END'
provctl: unlock: either MACs or --account
exit 2
END
	shows unlock --for <<'END'
provctl: unlock: --for: T is missing
exit 2
END
}

@test "unlocking an account lists, asks, and skips" {
	inventory
	shows unlock --account acct1 <<'END'
MAC           STATE     HOME                  UNLOCK
001565abcdef  new       -                     skipped: open already
001565abcdf0  locked    -                     yes
001565abcdf1  locked    203.0.113.7, 2001:db8:1::/64  yes
provctl: unlock: nothing was changed: there is no terminal to ask on; --yes opens them
exit 2
END
	shows unlock --account acct1 --yes <<'END'
MAC           STATE     HOME                  UNLOCK
001565abcdef  new       -                     skipped: open already
001565abcdf0  unlocked  -                     yes
001565abcdf1  unlocked  203.0.113.7, 2001:db8:1::/64  yes
2 opened, 1 skipped
anyone who knows a MAC may fetch its configuration until the first fetch from outside its old home
exit 0
END
	shows unlock --account acct2 --yes <<'END'
MAC           STATE     HOME                  UNLOCK
001565abcdf2  locked    203.0.113.9           skipped: custom
0 opened, 1 skipped
exit 0
END
	shows unlock --account nobody --yes <<'END'
provctl: nobody: no device belongs to this account
exit 1
END
	shows unlock --account acct1 --yes --for 41h <<'END'
provctl: unlock: an account is opened for 1h to 40h, or until used
exit 2
END
	shows unlock --account acct1 001565abcdf0 <<'END'
provctl: unlock: either MACs or --account
exit 2
END
}

@test "an unlock warns of a home that is banned" {
	inventory
	provctl ban 203.0.113.7 --for 1h >/dev/null
	shows unlock 001565abcdf1 <<'END'
001565abcdf1: unlocked until 2026-11-23T10:00:00Z (1d): anyone who knows the MAC may fetch its configuration;
the first fetch from outside its old home makes that address its home
provctl: 001565abcdf1: 203.0.113.7, its home or where it asked from last, is banned and gets no answer; `provctl unban 203.0.113.7` lifts that
exit 0
END
}

@test "an unlock and a window name the wider ban, or the block, that holds the address, and the command that lifts it" {
	inventory
	provctl ban 203.0.113.0/24 --for 1h >/dev/null
	shows unlock 001565abcdf1 <<'END'
001565abcdf1: unlocked until 2026-11-23T10:00:00Z (1d): anyone who knows the MAC may fetch its configuration;
the first fetch from outside its old home makes that address its home
provctl: 001565abcdf1: 203.0.113.7, its home or where it asked from last, is banned and gets no answer; `provctl unban 203.0.113.0/24` lifts that
exit 0
END
	shows window open 203.0.113.7 --for 1h --account acct1 <<'END'
203.0.113.7: open to every device of account acct1 until 2026-11-22T11:00:00Z (1h); the ban of 203.0.113.0/24 does not hold there meanwhile
exit 0
END
	provctl unban 203.0.113.0/24 >/dev/null
	provctl block 203.0.113.7 >/dev/null
	shows unlock 001565abcdf1 --json <<'END'
{"mac":"001565abcdf1","account":"acct1","state":"unlocked","reason":"unlocked","until":"2026-11-23T10:00:00Z","home":["203.0.113.7","2001:db8:1::/64"],"custom":false,"exposed":null,"moved":[],"home_banned":"203.0.113.7","banned_by":"203.0.113.7"}
exit 0
END
	shows window open 203.0.113.7 --for 1h --account acct1 <<'END'
203.0.113.7: open to every device of account acct1 until 2026-11-22T11:00:00Z (1h)
provctl: 203.0.113.7: is blocked, which goes before a window: it gets no answer; `provctl unban 203.0.113.7` lifts that
exit 0
END
	provctl allow 203.0.113.7 >/dev/null
	shows window open 203.0.113.7 --for 1h --account acct1 <<'END'
203.0.113.7: open to every device of account acct1 until 2026-11-22T11:00:00Z (1h)
exit 0
END
}

@test "lock, home, add, remove and clear-exposed tell how the device stands then" {
	inventory
	shows lock 001565abcdef <<'END'
001565abcdef: locked (manual), no home
exit 0
END
	shows lock 001565abcdf1 --no-home --json <<'END'
{"mac":"001565abcdf1","account":"acct1","state":"locked","reason":"manual","until":null,"home":[],"custom":false,"exposed":null,"moved":[]}
exit 0
END
	shows home add 001565abcdf0 198.51.100.7 <<'END'
001565abcdf0: locked (provisioned), home 198.51.100.7
exit 0
END
	shows home add 001565abcdf0 198.51.100.7/24 <<'END'
provctl: 198.51.100.7/24: neither an address nor a prefix (whose host bits must be zero)
exit 2
END
	shows home list 001565abcdf0 <<'END'
HOME                      KIND         ADDED                 USED
198.51.100.7              given        2026-11-22T10:00:00Z  2026-11-22T10:00:00Z
exit 0
END
	shows home list 001565abcdf0 --json <<'END'
{"mac":"001565abcdf0","home":"198.51.100.7","kind":"given","backed":true,"added":"2026-11-22T10:00:00Z","used":"2026-11-22T10:00:00Z","country":"","asn":0}
exit 0
END
	shows home remove 001565abcdf0 198.51.100.7 <<'END'
001565abcdf0: locked (provisioned), no home
exit 0
END
	shows home remove 001565abcdf0 198.51.100.7 <<'END'
provctl: 001565abcdf0: 198.51.100.7 is not its home; `provctl show 001565abcdf0` lists them
exit 1
END
	shows home change 001565abcdf0 198.51.100.7 <<'END'
provctl: home: usage: provctl home add|remove MAC IP|PREFIX, or list MAC
exit 2
END
	shows add 001565abcdf2 --custom no <<'END'
001565abcdf2: locked (provisioned), home 203.0.113.9
exit 0
END
	shows add 001565000001 --account acct3 <<'END'
001565000001: added: new (new) until 2026-11-23T10:00:00Z (1d), no home
exit 0
END
	shows add 001565000001 --account acct3 <<'END'
001565000001: nothing to change: new (new) until 2026-11-23T10:00:00Z (1d), no home
exit 0
END
	shows add 001565000001 --account 'a b' <<'END'
provctl: --account: not 1 to 64 of A-Za-z0-9._@-
exit 2
END
	shows remove 001565000001 <<'END'
001565000001: removed (manual), no home
exit 0
END
	shows remove 001565000001 --json <<'END'
provctl: 001565000001: no device has this MAC
exit 1
END
	shows show 001565000001 <<'END'
device:       001565000001
account:      acct3
state:        removed
reason:       manual
created:      2026-11-22T10:00:00Z
changed:      2026-11-22T10:00:00Z
removed:      2026-11-22T10:00:00Z
exit 0
END
	shows clear-exposed 001565abcdf0 <<'END'
provctl: 001565abcdf0: is not exposed
exit 1
END
	shows lock 001565999999 <<'END'
provctl: 001565999999: no device has this MAC
exit 1
END
}

@test "a device that is held is opened by support alone" {
	inventory
	provctl unlock 001565abcdf1 >unlock.out
	at 1h
	for i in $(seq 30); do sip InvalidPassword 198.51.100.4 1003 TCP session-$i; done
	pass
	shows explain 001565abcdf1 <<'END'
device:       001565abcdf1
account:      acct1
state:        locked
reason:       suspicious
home:         203.0.113.7, 2001:db8:1::/64
created:      2026-11-22T10:00:00Z
changed:      2026-11-22T11:00:00Z
user:         1003
user:         1004
why:          somebody who is no phone fetched it, or it was attacked
since:        2026-11-22T11:00:00Z
what:         suspected
rule:         device-attack
detail:       suspicious
log:          FOLDER/log/sip.log, offset 10692
line:         [2026-11-22 11:00:00] SECURITY[100] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="2026-11-22T11:00:00.000+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="1003",SessionID="session-30",LocalAddress="IPV4/TCP/192.0.2.1/5060",RemoteAddress="IPV4/TCP/198.51.100.4/5060",Challenge="41d26de5",ReceivedChallenge="41d26de5",ReceivedHash="5e44"
to change it: provctl unlock 001565abcdf1
exit 0
END
	at 2h
	for i in $(seq 30); do sip InvalidPassword 198.51.100.4 1003 TCP again-$i; done
	pass
	shows list --state held <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565abcdf1  held      held         acct1             -                     203.0.113.7, 2001:db8:1::/64  -                     -
exit 0
END
	shows explain 001565abcdf1 <<'END'
device:       001565abcdf1
account:      acct1
state:        held
reason:       held
home:         203.0.113.7, 2001:db8:1::/64
created:      2026-11-22T10:00:00Z
changed:      2026-11-22T12:00:00Z
user:         1003
user:         1004
why:          it was attacked after an unlock or an exposure; only support opens it
since:        2026-11-22T12:00:00Z
what:         held
rule:         device-attack
detail:       held
log:          FOLDER/log/sip.log, offset 21695
line:         [2026-11-22 12:00:00] SECURITY[100] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="2026-11-22T12:00:00.000+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="1003",SessionID="again-30",LocalAddress="IPV4/TCP/192.0.2.1/5060",RemoteAddress="IPV4/TCP/198.51.100.4/5060",Challenge="41d26de5",ReceivedChallenge="41d26de5",ReceivedHash="5e44"
to change it: provctl unlock 001565abcdf1 --support
exit 0
END
	shows unlock 001565abcdf1 <<'END'
provctl: 001565abcdf1: held, because its credentials were attacked after an unlock or exposure; once that is understood, `provctl unlock 001565abcdf1 --support` opens it
exit 3
END
	shows unlock --account acct1 --yes <<'END'
MAC           STATE     HOME                  UNLOCK
001565abcdef  unlocked  -                     yes
001565abcdf0  unlocked  -                     yes
001565abcdf1  held      203.0.113.7, 2001:db8:1::/64  skipped: held
2 opened, 1 skipped
anyone who knows a MAC may fetch its configuration until the first fetch from outside its old home
exit 0
END
	shows status <<'END'
mode:         enforce
state time:   2026-11-22T12:00:00Z
devices:      4: 0 new, 1 locked, 2 unlocked, 1 held; 1 custom
bans:         1 in force, 0 pending; 0 leaks

SOURCE                                LAG       LAST EVENT            LINES       EVENTS      UNREADABLE  SKIPPED
FOLDER/log/sip.log  0         2026-11-22T12:00:00Z  60          60          0           0

needs a person:
  held: 1 held: `provctl list --state held`; only `provctl unlock --support` opens them
exit 1
END
	shows unlock 001565abcdf1 --support <<'END'
001565abcdf1: unlocked until 2026-11-23T12:00:00Z (1d): anyone who knows the MAC may fetch its configuration;
the first fetch from outside its old home makes that address its home
exit 0
END
}

# on_terminal INPUT COMMAND: standard input, output and error are a terminal of 80 columns, at which INPUT is typed.
on_terminal() {
	output=$(printf '%s\n' "$1" | script -qec "$2" /dev/null | tr -d '\r')
}

@test "on a terminal, an account is opened only after a yes" {
	inventory
	on_terminal n "stty -echo; $bin/provctl -c $folder/provctl.yaml unlock --account acct1"
	has "Open 2 devices of account acct1 to any address? [y/N]"
	has "unlock: nothing was changed"
	same "$(json .state show 001565abcdf0)" locked
	on_terminal y "stty -echo; $bin/provctl -c $folder/provctl.yaml unlock --account acct1"
	has "2 opened, 1 skipped"
	same "$(json .state show 001565abcdf0)" unlocked
}

@test "a table fits the terminal" {
	inventory
	on_terminal "" "stty -echo cols 80; $bin/provctl -c $folder/provctl.yaml list"
	has "001565abcdf1"
	has "203.0.113.7…"
	same "$(awk 'length > 92' <<<"$output")" ""
}
