# import, list, show: what they print and how they end, to the letter.

load setup
load golden

teardown() {
	[ -z "${daemon:-}" ] || kill -KILL "$daemon" || true
	cd /
	rm -rf "$folder"
}

@test "an import says what it did, and the second changes nothing" {
	inventory
	same "$(cat import.out)" "4 added, 0 changed, 0 same, 0 pruned
1 would be stale: created longer than devices.new_for ago and never fetched; with --adopt
the first fetch of each sets its home, however late"
	shows import devices.csv --json <<'END'
{"added":0,"changed":0,"same":4,"pruned":0,"stale":1}
exit 0
END
	shows list <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565abcdef  new       new          acct1             2026-11-23T09:00:00Z  -                     -                     -
001565abcdf0  locked    stale        acct1             -                     -                     -                     -
001565abcdf1  locked    provisioned  acct1             -                     203.0.113.7, 2001:db8:1::/64  -                     -
001565abcdf2  locked    provisioned  acct2             -                     203.0.113.9           -                     -
exit 0
END
	shows list --json <<'END'
{"mac":"001565abcdef","account":"acct1","state":"new","reason":"new","until":"2026-11-23T09:00:00Z","home":[],"custom":false,"exposed":null,"moved":[]}
{"mac":"001565abcdf0","account":"acct1","state":"locked","reason":"stale","until":null,"home":[],"custom":false,"exposed":null,"moved":[]}
{"mac":"001565abcdf1","account":"acct1","state":"locked","reason":"provisioned","until":null,"home":["203.0.113.7","2001:db8:1::/64"],"custom":false,"exposed":null,"moved":[]}
{"mac":"001565abcdf2","account":"acct2","state":"locked","reason":"provisioned","until":null,"home":["203.0.113.9"],"custom":true,"exposed":null,"moved":[]}
exit 0
END
	shows list --account acct2 <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565abcdf2  locked    provisioned  acct2             -                     203.0.113.9           -                     -
exit 0
END
	shows list --state new <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565abcdef  new       new          acct1             2026-11-23T09:00:00Z  -                     -                     -
exit 0
END
	shows list --state locked --json <<'END'
{"mac":"001565abcdf0","account":"acct1","state":"locked","reason":"stale","until":null,"home":[],"custom":false,"exposed":null,"moved":[]}
{"mac":"001565abcdf1","account":"acct1","state":"locked","reason":"provisioned","until":null,"home":["203.0.113.7","2001:db8:1::/64"],"custom":false,"exposed":null,"moved":[]}
{"mac":"001565abcdf2","account":"acct2","state":"locked","reason":"provisioned","until":null,"home":["203.0.113.9"],"custom":true,"exposed":null,"moved":[]}
exit 0
END
	shows list --exposed <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
exit 0
END
	shows list --moved --json <<'END'
exit 0
END
	shows list --registered <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
exit 0
END
	shows show 00-15-65-AB-CD-F1 <<'END'
device:       001565abcdf1
account:      acct1
state:        locked
reason:       provisioned
home:         203.0.113.7, 2001:db8:1::/64
created:      2026-11-22T10:00:00Z
user:         1003
user:         1004
exit 0
END
	shows show 001565abcdef --json <<'END'
{"mac":"001565abcdef","account":"acct1","state":"new","reason":"new","until":"2026-11-23T09:00:00Z","home":[],"custom":false,"exposed":null,"moved":[],"created":"2026-11-22T09:00:00Z","changed":null,"seen":null,"unlocked":null,"removed":null,"learned":false,"adopt":false,"exposed_to":null,"exposed_as":null,"moved_count":0,"secret_path":false,"device_version":"V","vendor":null,"model":null,"version":null,"users":[{"user":"1001","realm":"sip.example.net"}],"registered":null,"registered_at":null}
exit 0
END
}

@test "faults of an import are told by place and nothing is changed" {
	printf 'mac,foo,account\nxx,1,a b\n' >bad.csv
	shows import bad.csv <<'END'
provctl: bad.csv:1:5: foo: no such column; there are mac, account, created, home, user, realm, custom
provctl: bad.csv:2:1: xx: not the MAC of a device
provctl: bad.csv:2:6: a b: not 1 to 64 of A-Za-z0-9._@-
provctl: import: bad.csv: 3 faults; nothing was changed
exit 2
END
	printf 'mac,account,home\n001565abcdef,acct1,10.0.0.1/8\n001565abcdf0,acct1\n001565abcdf1,acct1,\n001565abcdf1,acct2,\n' >bad.csv
	shows import bad.csv <<'END'
provctl: bad.csv:2:20: 10.0.0.1/8: not addresses or prefixes (whose host bits must be zero) separated by blanks
provctl: bad.csv:3:1: another number of fields than the header has
provctl: import: bad.csv: 2 faults; nothing was changed
exit 2
END
	printf 'mac,account,home\n001565abcdef,acct1,\n001565abcdf1,acct1,\n001565abcdf1,acct2,\n' >bad.csv
	shows import bad.csv <<'END'
provctl: bad.csv:4:1: 001565abcdf1: another account than the row of the same MAC in line 3 has
provctl: import: bad.csv: 1 fault; nothing was changed
exit 2
END
	printf 'mac,created\n001565abcdef,2026-11-23T10:00:00Z\n001565abcdf0,2027-11-22T10:00:00Z\n' >bad.csv
	shows import bad.csv <<'END'
provctl: bad.csv:3:14: 2027-11-22T10:00:00Z: more than a day ahead
provctl: import: bad.csv: 1 fault; nothing was changed
exit 2
END
	mkdir folder.csv
	shows import folder.csv <<'END'
provctl: import: folder.csv: Is a directory
exit 2
END
	printf 'mac,account\n' >bad.csv
	shows import bad.csv --prune <<'END'
provctl: import: bad.csv: no device in it: --prune would remove all of them
exit 2
END
	shows import none.csv <<'END'
provctl: import: none.csv: No such file or directory
exit 2
END
	shows list --json <<'END'
exit 0
END
}

@test "--prune removes what the file does not name, and spares learned devices" {
	inventory
	fetch 198.51.100.9 001565000001 200
	pass
	printf 'mac\n001565abcdf0\n' >few.csv
	shows import few.csv --prune <<'END'
0 added, 0 changed, 1 same, 3 pruned
1 would be stale: created longer than devices.new_for ago and never fetched; with --adopt
the first fetch of each sets its home, however late
exit 0
END
	shows list <<'END'
MAC           STATE     REASON       ACCOUNT           UNTIL                 HOME                  EXPOSED               MOVED
001565000001  locked    provisioned  acct1             -                     198.51.100.9          -                     -
001565abcdf0  locked    stale        acct1             -                     -                     -                     -
exit 0
END
}

@test "an import of many requests stands in the files when it ends, with a running enforcer and without" {
	configure "lockstate: {path: $folder/publish/lockstate, shards: 256, group: \"\"}"
	# More than fit into one request (CHUNK_ROWS).
	awk 'BEGIN { print "mac,account,home"; for (i = 0; i < 20010; i++) printf "0015651%05x,acct1,192.0.2.1\n", i }' >many.csv
	same "$("$bin/provctl" -c provctl.yaml import many.csv | head -n 1)" "20010 added, 0 changed, 0 same, 0 pruned"
	same "$(cat publish/lockstate/?? | grep -c ' locked - 192.0.2.1 provisioned acct1$')" 20010
	sed 's/^0015651/0015652/; s/acct1/acct2/' many.csv >others.csv
	start_daemon
	same "$("$bin/provctl" -c provctl.yaml import others.csv | head -n 1)" "20010 added, 0 changed, 0 same, 0 pruned"
	same "$(cat publish/lockstate/?? | grep -c ' locked - 192.0.2.1 provisioned acct2$')" 20010
	same "$(cat publish/lockstate/?? | grep -c '^device ')" 40020
	stop
}
