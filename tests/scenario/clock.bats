# The machine's clock is moved by hours, ahead and back, as a bad time server does: nothing is lost, nothing opens, and it comes right again.

load setup

# in_force: the addresses that are banned by the clock as it is.
in_force() {
	provctl bans --json | jq -r .ip | sort | xargs
}

@test "a clock that goes back: phones stay locked, commands hold, lines count" {
	at 10h
	fetch 203.0.113.7 001565abcdef 200
	fetch 203.0.113.8 001565abcdf0 200
	pass
	at 2h
	pass
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	# What is fetched now bears an older stamp than what is known: it opens nothing and moves no lock.
	fetch 198.51.100.9 001565abcdef 403
	fetch 203.0.113.7 001565abcdef 200
	pass
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	same "$(json .sums.lines status)" 4
	# An admin's order is carried out, whatever the clock says.
	provctl unlock 001565abcdef
	same "$(provctl verdict 001565abcdef 198.51.100.9 --json | jq -r .verdict)" served
	provctl lock 001565abcdef
	fails 1 provctl verdict 001565abcdef 198.51.100.9
	at 11h
	fetch 203.0.113.9 001565abcdf1 200
	pass
	wants 001565abcdf1 "locked - 203.0.113.9 provisioned acct1"
	wants 001565abcdef "locked - 203.0.113.7 manual acct1"
}

@test "a log that is ahead of the clock waits for it, and then decides what it would have" {
	fetch 203.0.113.7 001565abcdef 200
	pass
	at 5h
	for n in {10..24}; do fetch 198.51.100.7 0004f20000$n 404; done
	fetch 203.0.113.9 001565abcdf1 200
	at 0s
	pass
	same "$(banned)" ""
	same "$(device 001565abcdf1)" ""
	at 5h
	pass
	same "$(banned)" 198.51.100.7
	wants 001565abcdf1 "locked - 203.0.113.9 provisioned acct1"
	same "$(json .sums.lines status)" 17
}

@test "a clock that jumps ahead and comes back: bans end in their time, and new ones are made" {
	for n in {10..24}; do fetch 198.51.100.7 0004f20000$n 404; done
	pass
	same "$(in_force)" 198.51.100.7
	at 30d
	pass
	same "$(in_force)" ""
	at 10m
	for n in {10..24}; do fetch 198.51.100.8 0004f20001$n 404; done
	pass
	same "$(in_force)" "198.51.100.7 198.51.100.8"
	at 3h
	pass
	same "$(in_force)" ""
}

# begins: a pass that begins, in the background; its pid is in $pass.
begins() {
	"$bin/provctl" -c provctl.yaml analyze >waiting.out 2>&1 3>&- &
	pass=$!
	for _ in {1..500}; do
		pgrep -P $pass -x prov-analyzer >/dev/null && return
		kill -0 $pass 2>/dev/null || return 0
		sleep 0.01
	done
}

@test "the enforcer is stopped for a while, then the analyzer: each waits for the other" {
	start_daemon
	fetch 203.0.113.7 001565abcdef 200
	kill -STOP "$daemon"
	begins
	kill -CONT "$daemon"
	wait $pass
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	fetch 203.0.113.8 001565abcdf0 200
	begins
	pkill -STOP -P $pass -x prov-analyzer || true
	provctl unlock 001565abcdef
	pkill -CONT -P $pass -x prov-analyzer || true
	wait $pass
	wants 001565abcdf0 "locked - 203.0.113.8 provisioned acct1"
	stop
}
