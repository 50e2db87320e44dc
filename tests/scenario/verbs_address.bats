# network, window, ban, unban, block, allow, bans, ip: what they print and how they end, to the letter.

load setup
load golden

@test "networks and windows" {
	shows network add 192.0.2.0/28 --account acct1 <<'END'
192.0.2.0/28: home to all devices of account acct1
exit 0
END
	shows network list <<'END'
NETWORK                   ACCOUNT           ADDED
192.0.2.0/28              acct1             2026-11-22T10:00:00Z
exit 0
END
	shows network remove 192.0.2.0/28 --account acct1 --json <<'END'
{"network":"192.0.2.0/28","account":"acct1","added":"2026-11-22T10:00:00Z","in_force":false}
exit 0
END
	shows network list --json <<'END'
exit 0
END
	shows network add 192.0.2.1/28 --account acct1 <<'END'
provctl: 192.0.2.1/28: neither an address nor a prefix (whose host bits must be zero)
exit 2
END
	shows network add 192.0.2.0/28 <<'END'
provctl: network add: --account is missing
exit 2
END
	shows window open 203.0.113.9 --account acct1 --for 4h <<'END'
203.0.113.9: open to every device of account acct1 until 2026-11-22T14:00:00Z (4h)
exit 0
END
	shows window open 203.0.113.0/24 --any-account --for 40h --json <<'END'
{"window":"203.0.113.0/24","account":"*","start":"2026-11-22T10:00:00Z","until":"2026-11-24T02:00:00Z","open":true,"ban_lifted":false,"banned_by":null,"blocked_by":null}
exit 0
END
	shows window list <<'END'
WINDOW                    ACCOUNT           START                 UNTIL
203.0.113.9               acct1             2026-11-22T10:00:00Z  2026-11-22T14:00:00Z
203.0.113.0/24            *                 2026-11-22T10:00:00Z  2026-11-24T02:00:00Z
exit 0
END
	shows window close 203.0.113.9 --account acct1 <<'END'
203.0.113.9: closed to every device of account acct1
exit 0
END
	shows window list --json <<'END'
{"window":"203.0.113.0/24","account":"*","start":"2026-11-22T10:00:00Z","until":"2026-11-24T02:00:00Z","open":true,"ban_lifted":false,"banned_by":null,"blocked_by":null}
exit 0
END
	shows window open 203.0.113.9 --account acct1 --for 41h <<'END'
provctl: --for 41h: not 1h to 40h, in whole hours
exit 2
END
	shows window open 203.0.113.9 --account acct1 --for 0h <<'END'
provctl: --for 0h: not 1h to 40h, in whole hours
exit 2
END
	shows window open 203.0.0.0/16 --account acct1 --for 1h <<'END'
provctl: 203.0.0.0/16: too wide, at least /24 is wanted
exit 2
END
	shows window open 203.0.113.9 --for 1h <<'END'
provctl: window open: either --account or --any-account
exit 2
END
}

@test "a ban that drops nothing yet says why" {
	provctl window open 198.51.100.4 --any-account --for 1h >/dev/null
	shows ban 198.51.100.4 --for 1h <<'END'
198.51.100.4: banned until 2026-11-22T11:00:00Z (1h)
provctl: 198.51.100.4: recorded, but nothing is dropped: a window is open there; `provctl window list` has it
exit 0
END
	provctl allow 198.51.100.5 >/dev/null
	same "$(json .held_back ban 198.51.100.5 --for 1h)" allow
	provctl pause >/dev/null
	same "$(json .held_back ban 198.51.100.6 --for 1h)" pause
	provctl resume >/dev/null
	same "$(json .held_back ban 198.51.100.6 --for 1h)" null
	configure "mode: watch"
	shows ban 198.51.100.7 --for 1h <<'END'
198.51.100.7: banned until 2026-11-22T11:00:00Z (1h)
provctl: 198.51.100.7: recorded, but nothing is dropped: mode is watch
exit 0
END
}

@test "bans, blocks and allows, and what an address is" {
	shows ban 198.51.100.4 --for 1h --comment 'ticket 4711' <<'END'
198.51.100.4: banned until 2026-11-22T11:00:00Z (1h)
exit 0
END
	shows block 198.51.100.0/24 <<'END'
198.51.100.0/24: blocked without end
exit 0
END
	shows allow 203.0.113.77 --for 7d --json <<'END'
{"ip":"203.0.113.77","status":"allowed","kind":"allow","trigger":null,"start":"2026-11-22T10:00:00Z","until":"2026-11-29T10:00:00Z","level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":""}
exit 0
END
	shows bans <<'END'
ADDRESS               STATUS   UNTIL                 BY                      START                 PACKETS  COMMENT
198.51.100.0/24       blocked  -                     (by hand)               2026-11-22T10:00:00Z  0        -
198.51.100.4          banned   2026-11-22T11:00:00Z  (by hand)               2026-11-22T10:00:00Z  0        ticket 4711
203.0.113.77          allowed  2026-11-29T10:00:00Z  (by hand)               2026-11-22T10:00:00Z  0        -
exit 0
END
	shows bans --json <<'END'
{"ip":"198.51.100.0/24","status":"blocked","kind":"block","trigger":null,"start":"2026-11-22T10:00:00Z","until":null,"level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":""}
{"ip":"198.51.100.4","status":"banned","kind":"ban","trigger":null,"start":"2026-11-22T10:00:00Z","until":"2026-11-22T11:00:00Z","level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":"ticket 4711"}
{"ip":"203.0.113.77","status":"allowed","kind":"allow","trigger":null,"start":"2026-11-22T10:00:00Z","until":"2026-11-29T10:00:00Z","level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":""}
exit 0
END
	shows ip 198.51.100.4 <<'END'
address:      198.51.100.4
status:       blocked, banned
devices:      0
accounts:     0
block:        198.51.100.0/24: blocked without end
ban:          198.51.100.4: banned until 2026-11-22T11:00:00Z (1h)
exit 0
END
	shows ip 198.51.100.4 --json <<'END'
{"ip":"198.51.100.4","status":["blocked","banned"],"never":null,"devices":0,"accounts":0,"bans":[{"ip":"198.51.100.0/24","status":"blocked","kind":"block","trigger":null,"start":"2026-11-22T10:00:00Z","until":null,"level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":""},{"ip":"198.51.100.4","status":"banned","kind":"ban","trigger":null,"start":"2026-11-22T10:00:00Z","until":"2026-11-22T11:00:00Z","level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":"ticket 4711"}]}
exit 0
END
	shows ip 127.0.0.1 <<'END'
address:      127.0.0.1
status:       never
never banned: loopback or link-local
devices:      0
accounts:     0
exit 0
END
	shows explain 198.51.100.4 <<'END'
address:      198.51.100.4
status:       blocked, banned
devices:      0
accounts:     0
block:        198.51.100.0/24: blocked without end
ban:          198.51.100.4: banned until 2026-11-22T11:00:00Z (1h)
since:        2026-11-22T10:00:00Z
what:         blocked
detail:       without end
by uid:       N
to change it: provctl unban 198.51.100.0/24
exit 0
END
	shows explain 203.0.113.77 --json <<'END'
{"ip":"203.0.113.77","status":["allowed"],"never":null,"devices":0,"accounts":0,"bans":[{"ip":"203.0.113.77","status":"allowed","kind":"allow","trigger":null,"start":"2026-11-22T10:00:00Z","until":"2026-11-29T10:00:00Z","level":0,"proven":true,"lifted":null,"packets":0,"bytes":0,"comment":""}],"macs":[],"left":"7d","because":{"time":"2026-11-22T10:00:00Z","what":"allowed","mac":null,"ip":"203.0.113.77","account":"","rule":"","detail":"until 2026-11-29T10:00:00Z","line":"","uid":N,"actor":"","reason":"","log":"","offset":0,"evidence":""},"counting":[],"command":"provctl allow 203.0.113.77 --remove"}
exit 0
END
	shows unban 198.51.100.9 <<'END'
provctl: 198.51.100.9: is held by the block of 198.51.100.0/24; `provctl unban 198.51.100.0/24` lifts that
exit 1
END
	shows unban 198.51.100.0/24 <<'END'
198.51.100.0/24: 1 lifted
exit 0
END
	shows unban --all --json <<'END'
{"lifted":1}
exit 0
END
	shows allow 203.0.113.77 --remove <<'END'
203.0.113.77: 1 lifted
exit 0
END
	shows allow 203.0.113.77 --remove <<'END'
provctl: 203.0.113.77: no allow of exactly that address or prefix; `provctl bans` lists them
exit 1
END
	shows bans --all <<'END'
ADDRESS               STATUS   UNTIL                 BY                      START                 PACKETS  COMMENT
203.0.113.77          lifted   2026-11-29T10:00:00Z  (by hand)               2026-11-22T10:00:00Z  0        -
198.51.100.0/24       lifted   -                     (by hand)               2026-11-22T10:00:00Z  0        -
198.51.100.4          lifted   2026-11-22T11:00:00Z  (by hand)               2026-11-22T10:00:00Z  0        ticket 4711
exit 0
END
	shows ban 127.0.0.1 --for 1h <<'END'
provctl: 127.0.0.1: never banned: it is loopback or link-local
exit 3
END
	shows ban 198.51.100.5 <<'END'
provctl: ban: --for is missing; what has no end is `provctl block`
exit 2
END
	shows unban <<'END'
provctl: unban: either an address or --all
exit 2
END
	shows ip 198.51.100 <<'END'
provctl: 198.51.100: not an address
exit 2
END
}

@test "an address that is home to devices names them, of many the first twenty" {
	at 1h
	awk 'BEGIN { print "mac,account,home"
		for (i = 1; i <= 22; i++) printf "0015650000%02x,acct1,203.0.113.0/28\n", i
		print "001565000001,acct1,203.0.113.0/28" }' | awk '!seen[$0]++' >devices.csv
	"$bin/provctl" -c provctl.yaml import devices.csv
	same "$("$bin/provctl" -c provctl.yaml explain 203.0.113.9 --json | jq -c '[.devices, (.macs | length), .macs[0], .macs[19]]')" \
		'[22,20,"001565000001","001565000014"]'
	"$bin/provctl" -c provctl.yaml explain 203.0.113.9 | grep -qx 'macs: *001565000001, .*, 001565000014 and 2 more'
	"$bin/provctl" -c provctl.yaml home add 001565000016 198.51.100.7
	"$bin/provctl" -c provctl.yaml explain 198.51.100.7 | grep -qx 'macs: *001565000016'
	same "$("$bin/provctl" -c provctl.yaml explain 198.51.100.8 --json | jq -c .macs)" '[]'
}
