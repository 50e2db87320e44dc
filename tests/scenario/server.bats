# The enforcer: one owner of the state, whether it stays or is become for one command; nothing lost, nobody left waiting.

load setup

teardown() {
	[ -z "${daemon:-}" ] || kill "$daemon" 2>/dev/null || true
	cd /
	rm -rf "$folder"
}

# wait_for COMMAND...: until it succeeds, 5 s at most
wait_for() {
	for _ in {1..100}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	"$@"
}

@test "a verb does the same with an enforcer running and with none" {
	fetch 203.0.113.7 001565abcdef 200
	provctl analyze
	provctl list --json >alone
	start_daemon
	provctl list --json >beside
	cmp alone beside
	provctl add 001565abcd00
	stop
	[ "$(provctl list --json | wc -l)" -eq 2 ]
	grep -q '^device 001565abcd00 open ' publish/lockstate
}

@test "the sockets are for the owner and the group of the state, and go with the enforcer" {
	start_daemon
	[ "$(stat -c %a state/control.sock)" = 660 ]
	[ "$(stat -c %a state/events.sock)" = 600 ]
	stop
	[ ! -e state/control.sock ]
	[ ! -e state/events.sock ]
}

@test "what a command of root's makes in the folder of another user's is that user's" {
	[ "$(id -u)" = 0 ] || skip "only root can give files away"
	for_nobody
	chmod 755 "$folder"
	mkdir state publish
	chown nobody state publish
	fails 4 provctl add 001565abcdef
	has "state belongs to nobody, and prov-enforcer runs as root: \`chown -R root: $folder/state\`, or set users.enforcer: nobody"
	sed -i "s/enforcer: root/enforcer: nobody/" provctl.yaml
	provctl add 001565abcdef
	same "$(stat -c %U state/lock state/state.db | sort -u)" nobody
	as_nobody add 001565abcd00
	provctl list --json | wc -l | grep -qx 2
}

@test "an enforcer that was killed leaves nothing that stops the next one" {
	start_daemon
	kill -KILL "$daemon"
	wait "$daemon" || true
	[ -S state/control.sock ]
	provctl add 001565abcdef
	start_daemon
	provctl show 001565abcdef
	stop
}

@test "two passes at once both succeed and count every line once" {
	perl -MPOSIX -e 'printf qq(203.0.113.7 - - [%s] "GET /001565%06x.cfg HTTP/1.1" 200 512 "-" "-"\n),
		strftime("%d/%b/%Y:%H:%M:%S +0000", gmtime $ARGV[0]), $_ for 1 .. 8100' "$now" >log/web.log
	provctl analyze >one &
	provctl analyze >two
	wait $!
	[ "$(provctl status --json | jq '.sums["events.provision.served"]')" -eq 8100 ]
	[ "$(provctl status --json | jq .sums.lines)" -eq 8100 ]
}

@test "an unlock reaches the enforcer that a pass became" {
	fetch 203.0.113.7 001565abcdef 200
	provctl analyze
	mkfifo slow
	provctl analyze --format combined - <slow >pass.out &
	pass=$!
	exec 7>slow
	wait_for test -S state/control.sock
	provctl unlock 001565abcdef
	exec 7>&-
	wait $pass
	provctl show 001565abcdef --json | jq -e '.state == "unlocked"'
}

@test "the one who became the enforcer need not wait for those who came to it" {
	mkfifo slow
	provctl list >/dev/null
	provctl analyze --format combined - <slow >pass.out &
	pass=$!
	exec 7>slow
	wait_for test -S state/control.sock
	provctl add 001565abcdef
	kill -KILL $pass
	wait $pass || true
	exec 7>&-
	wait_for test ! -S state/control.sock
	provctl show 001565abcdef
}

@test "a dry run says what would be and leaves no trace" {
	for i in {10..25}; do
		fetch 198.51.100.66 "0015650000$i" 404 curl/8.0
	done
	fetch 203.0.113.7 001565abcdef 200
	run -0 provctl analyze --dry-run
	[[ $output == *"1 would be banned"* ]]
	[[ $output == *"1 would be locked"* ]]
	[[ $output == *"banned"*"198.51.100.66"* ]]
	[ ! -e state ]
	[ ! -e publish ]
	provctl analyze --dry-run --json | jq -e '.dry_run and .banned == 1 and ([.records[].what] | index("locked"))'
}

@test "what cannot be published is decided and kept, told with status 4, and made good later" {
	fetch 203.0.113.7 001565abcdef 200
	: >publish
	run -4 --separate-stderr provctl analyze
	[[ $output == *"1 locked"* ]]
	[[ $stderr == *"not all of it is in force"* ]]
	run -4 --separate-stderr provctl add 001565abcd00
	[[ $stderr == *"decided and kept"* ]]
	rm publish
	provctl sync
	grep -q '^device 001565abcdef locked ' publish/lockstate
	grep -q '^device 001565abcd00 open ' publish/lockstate
}

@test "a running enforcer writes by itself what it could not write before" {
	: >publish
	start_daemon
	run -4 provctl add 001565abcdef
	provctl status --json | jq -e '[.problems[].about] | index("lockstate")'
	rm publish
	wait_for grep -q '^device 001565abcdef' publish/lockstate
	provctl status --json | jq -e '[.problems[].about] | index("lockstate") | not'
	stop
}

@test "a faulty configuration is not taken over, and status says why" {
	start_daemon
	echo "bogus: 1" >>provctl.yaml
	kill -HUP "$daemon"
	wait_for grep -q bogus enforcer.err
	sed -i '$d' provctl.yaml
	run -1 provctl status
	[[ $output == *"former configuration stays in force"*"bogus"* ]]
	kill -HUP "$daemon"
	wait_for provctl status
	stop
}

@test "a reload into mode: watch opens the file" {
	fetch 203.0.113.7 001565abcdef 200
	provctl analyze
	start_daemon
	echo "mode: watch" >>provctl.yaml
	kill -HUP "$daemon"
	wait_for grep -q '^end 0$' publish/lockstate
	grep -q '^default open$' publish/lockstate
	stop
}

@test "events ahead of the clock wait until they are due" {
	at 2h
	fetch 203.0.113.7 001565abcdef 200
	at 0s
	provctl analyze
	run -1 provctl show 001565abcdef
	provctl status --json | jq -e '.sums.early == 1'
	at 2h
	provctl analyze
	provctl show 001565abcdef --json | jq -e '.state == "locked"'
}

@test "a client that asks and does not read holds up nobody" {
	for i in {10..60}; do fetch 203.0.113.7 "001565abcd$i" 200; done
	provctl analyze
	start_daemon
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => "state/control.sock") or die;
		my $q = q({"verb":"list"});
		print $s pack("VA1", length $q, "q"), $q for 1 .. 2000;
		$s->flush; sleep 20' 3>&- &
	stuck=$!
	sleep 0.2
	timeout 3 "$bin/provctl" -c provctl.yaml show 001565abcd10
	kill $stuck
	stop
}

@test "what is no request is answered once and closed" {
	start_daemon
	run -0 perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => "state/control.sock") or die;
		print $s pack("VA1", 0xffffffff, "q"); $s->flush; local $/; print <$s>'
	[[ $output == *"not a request"* ]]
	provctl list
	stop
}
