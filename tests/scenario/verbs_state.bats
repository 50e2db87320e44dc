# status, pause, resume, sync, verdict, and what is mistyped: what they print and how they end, to the letter.

load setup
load golden

@test "a verdict is an exit status" {
	inventory
	shows verdict 001565abcdf1 203.0.113.7 <<'END'
served: its home
exit 0
END
	shows verdict 001565abcdf1 198.51.100.1 <<'END'
refused: locked (provisioned), and not its home (203.0.113.7,2001:db8:1::/64)
exit 1
END
	shows verdict 001565abcdf1 198.51.100.1 --json <<'END'
{"mac":"001565abcdf1","ip":"198.51.100.1","time":"2026-11-22T10:00:00Z","verdict":"refused","why":"locked (provisioned), and not its home (203.0.113.7,2001:db8:1::/64)"}
exit 1
END
	shows verdict 001565abcdf1 198.51.100.1 --at 2020-01-01T00:00:00Z <<'END'
forgotten: before the record begins
exit 5
END
	shows verdict 001565abcdef 198.51.100.1 --at 2026-12-22T10:00:00Z <<'END'
refused: no longer open (new), and not its home (-)
exit 1
END
	shows verdict 001565999999 198.51.100.1 <<'END'
served: not listed, and devices.unlisted is open
exit 0
END
	shows verdict 001565abcdf1 198.51.100.1 --at noon <<'END'
provctl: --at noon: not a time such as 2026-11-22T10:00:00Z
exit 2
END
	shows verdict 001565abcdf1 <<'END'
provctl: verdict: too few words; usage: provctl verdict MAC IP [--at TIME]
exit 2
END
}

@test "status tells sources, counts and what needs a person" {
	inventory
	fetch 203.0.113.7 $mac 200 "$phone"
	pass
	shows status <<'END'
mode:         enforce
state time:   2026-11-22T10:00:00Z
devices:      4: 0 new, 4 locked, 0 unlocked, 0 held; 1 stale; 1 custom
bans:         0 in force, 0 pending; 0 leaks

SOURCE                                LAG       LAST EVENT            LINES       EVENTS      UNREADABLE  SKIPPED
FOLDER/log/web.log  0         2026-11-22T10:00:00Z  1           1           0           0

nothing needs a person
exit 0
END
	shows status --json <<'END'
{"mode":"enforce","paused":false,"locks_paused":false,"pause_until":null,"now":"2026-11-22T10:00:00Z","time":"2026-11-22T10:00:00Z","devices":{"all":4,"new":0,"locked":4,"unlocked":0,"held":0,"stale":1,"exposed":0,"moved":0,"custom":1},"bans":0,"pending":0,"leaks":0,"drift":0,"record_bytes":N,"record_max":1073741824,"landlock":L,"sources":[{"source":"FOLDER/log/web.log","file":"FOLDER/log/web.log","offset":138,"lag":0,"time":"2026-11-22T10:00:00Z","lines":1,"events":1,"unreadable":0,"skipped":0,"lost":0,"sample":""}],"sums":{"events.provision.served":1,"lines":1},"problems":[]}
exit 0
END
	shows pause --locks --for 30m <<'END'
paused: no address is banned and no device is locked until 2026-11-22T10:30:00Z (30m)
exit 0
END
	shows status <<'END'
mode:         enforce
state time:   2026-11-22T10:00:00Z
devices:      4: 0 new, 4 locked, 0 unlocked, 0 held; 1 stale; 1 custom
bans:         0 in force, 0 pending; 0 leaks

SOURCE                                LAG       LAST EVENT            LINES       EVENTS      UNREADABLE  SKIPPED
FOLDER/log/web.log  0         2026-11-22T10:00:00Z  1           1           0           0

needs a person:
  pause: until 2026-11-22T10:30:00Z no address is banned and no device is locked; `provctl resume` ends it
exit 1
END
	shows resume <<'END'
not paused: bans and locks are in force
exit 0
END
	shows pause --json <<'END'
{"paused":true,"locks":false,"until":"2026-11-22T11:00:00Z"}
exit 0
END
	shows resume --json <<'END'
{"paused":false,"locks":false,"until":null}
exit 0
END
	shows sync <<'END'
lock state:   FOLDER/publish/lockstate
exit 0
END
	shows sync --json <<'END'
{"synced":true,"lockstate":"FOLDER/publish/lockstate","firewall":null}
exit 0
END
}

@test "what is mistyped is answered with the nearest name" {
	shows unlok 001565abcdef <<'END'
provctl: unlok: no such verb; did you mean unlock?
exit 2
END
	shows <<'END'
provctl: a verb is missing; `provctl --help` lists them
exit 2
END
	shows list --acount acct1 <<'END'
provctl: list: --acount: no such option; did you mean --account?
exit 2
END
	shows list --json=1 <<'END'
provctl: list: --json=1: takes no value
exit 2
END
	shows list extra <<'END'
provctl: list: too many words; usage: provctl list [--account NAME] [--state STATE] [--exposed] [--moved] [--registered]
exit 2
END
	shows --versoin <<'END'
provctl: --versoin: no such option; did you mean --version?
exit 2
END
}

@test "a hostile line is shown escaped, and once" {
	printf "no line of \\\\ nginx \\033[2J\\n" >log/web.log
	pass
	shows status <<'END'
mode:         enforce
devices:      0: 0 new, 0 locked, 0 unlocked, 0 held
bans:         0 in force, 0 pending; 0 leaks

SOURCE                                LAG       LAST EVENT            LINES       EVENTS      UNREADABLE  SKIPPED
FOLDER/log/web.log  0         -                     1           0           1           0
FOLDER/log/web.log: unreadable, for example: no line of \\ nginx \x1b[2J

needs a person:
  FOLDER/log/web.log: none of its lines could be read: is `format` right?
exit 1
END
}
