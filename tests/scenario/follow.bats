# Following: what the logs get is judged at once, through every kind of rotation, and whoever dies.

load setup

setup() {
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log
	: >log/web.log
	: >log/sip.log
	configure
	at 0s
}

teardown() {
	for process in ${follower:-} ${daemon:-} ${listener:-}; do
		kill -TERM "$process" 2>/dev/null || continue
		wait "$process" || true
	done
	cd /
	rm -rf "$folder"
}

# soon COMMAND...: it succeeds within SECONDS (5), or three times as long in a build with sanitizers, which is so much slower.
soon() {
	local till limit=${seconds:-5}
	! ldd "$bin/provctl" | grep -q libasan || limit=$((3 * limit))
	till=$((${EPOCHREALTIME/./} + limit * 1000000))
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$till" ] || {
			echo "not within $limit s: $*"
			cat follow.err
			return 1
		}
		sleep 0.02
	done
}

child() { # NAME: the follower's
	pgrep -P "$follower" -x "$1"
}

follow() { # [VERB-ARGUMENT...]
	"$bin/provctl" -c provctl.yaml analyze --follow "$@" >follow.out 2>follow.err 3>&- &
	follower=$!
	soon child prov-analyzer
}

finish() {
	local status=0
	kill -TERM "$follower"
	wait "$follower" || status=$?
	follower=
	same "$status" 0
}

known() { # MAC...
	local mac
	for mac; do provctl show "$mac" || return 1; done
}

# The lines that were counted are those: none is lost, none counted twice.
counted() {
	[ "$(json .sums.lines status)" = "$1" ]
}

@test "a line is judged within a second, and then its source has no lag" {
	follow
	fetch 203.0.113.7 001565abcd00 200
	soon known 001565abcd00
	for i in 1 2 3 4 5; do
		fetch 203.0.113.7 "001565abcd0$i" 200
		seconds=1 soon known "001565abcd0$i"
	done
	same "$(json '[.sources[].lag] | unique | join(" ")' status)" 0
	soon wants 001565abcd00 "locked - 203.0.113.7 provisioned acct1"
	finish
	counted 6
}

@test "half a line waits for its rest" {
	fetch 203.0.113.7 001565abcd00 200
	mv log/web.log whole
	: >log/web.log
	follow
	head -c 40 whole >>log/web.log
	sleep 0.3
	tail -c +41 whole >>log/web.log
	soon known 001565abcd00
	counted 1
}

@test "a renamed log is followed until its writer lets go, and so is its successor" {
	fetch 203.0.113.7 001565abcd00 200
	follow
	soon known 001565abcd00
	exec 7>>log/web.log
	mv log/web.log log/web.log.1
	fetch 203.0.113.7 001565abcd01 200
	soon known 001565abcd01
	sed s/001565abcd01/001565abcd02/ log/web.log >&7
	soon known 001565abcd02
	exec 7>&-
	gzip log/web.log.1
	mv log/web.log.1.gz log/web.log.2.gz
	mv log/web.log log/web.log.1
	fetch 203.0.113.7 001565abcd03 200
	soon known 001565abcd03
	finish
	counted 4
	provctl analyze
	counted 4
}

@test "a log that is copied and cut is followed, though it outgrows its old length at once" {
	fetch 203.0.113.7 001565abcd00 200
	follow
	soon known 001565abcd00
	for round in 1 2 3 4 5 6; do
		cp log/web.log log/web.log.$round
		: >log/web.log
		for i in 1 2 3 4; do fetch 203.0.113.7 "001565abcd$round$i" 200; done
		soon known "001565abcd${round}1" "001565abcd${round}4"
	done
	finish
	counted 25
}

@test "a backlog that is renamed and compressed before it is read is read to its end" {
	perl -e 'printf qq(203.0.113.7 - - [%s] "GET /001565%06x.cfg HTTP/1.1" 200 512 "-" "-"\n), $ARGV[0], $_ % 50 for 1 .. 60000' \
		"$(printf '%(%d/%b/%Y:%H:%M:%S +0000)T' "$now")" >log/web.log
	follow
	soon known 001565000031
	mv log/web.log log/web.log.1
	fetch 203.0.113.7 001565abcd01 200
	gzip log/web.log.1
	soon known 001565abcd01
	seconds=30 soon counted 60001
	finish
}

@test "a new file among a thousand is followed at once, and a source that comes late with its folder" {
	configure "sources: [{path: $folder/log/many-*.log, format: combined}, {path: $folder/late/log/*.log, format: combined}]"
	fetch 203.0.113.7 001565abcd00 200
	for i in {1..1000}; do
		echo "a log of its own: $i"
		cat log/web.log
	done | awk '/^a log/ { n++ } { print >("log/many-" n ".log") } !/^a log/ { close("log/many-" n ".log") }'
	follow
	seconds=20 soon counted 2000
	rm log/web.log
	fetch 203.0.113.7 001565abcd01 200
	mv log/web.log log/many-new.log
	seconds=1 soon known 001565abcd01
	fetch 203.0.113.7 001565abcd02 200
	cat log/web.log >>log/many-500.log
	seconds=1 soon known 001565abcd02
	mkdir late
	sleep 0.1
	mkdir late/log
	sleep 0.1
	mv log/web.log late/log/
	soon known 001565abcd02
	seconds=2 soon counted 2003
	finish
}

rule() { # EVENT
	cat <<END
rules:
  - id: test.boot
    format: [combined]
    where: {method: [GET], file: '^boot-(?<mac>[0-9a-f]{12})\\.xyz$'}
    event: $1
    samples:
      - line: '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /boot-001565abcdef.xyz HTTP/1.1" 200 5 "-" "-"'
        expect: {event: provision.served, mac: 001565abcdef}
END
}

@test "SIGHUP hands over to new rules; faulty ones are told and the former stay in force" {
	mkdir rules
	configure "rules: [${top_srcdir:-$BATS_TEST_DIRNAME/../..}/rules, $folder/rules]"
	follow
	web 203.0.113.7 "GET /boot-001565abcd01.xyz" 200
	fetch 203.0.113.7 001565abcd02 200
	soon known 001565abcd02
	fails 1 known 001565abcd01
	rule provision >rules/boot.yaml
	former=$(child prov-analyzer)
	kill -HUP "$follower"
	soon test ! -e "/proc/$former"
	web 203.0.113.7 "GET /boot-001565abcd03.xyz" 200
	soon known 001565abcd03
	former=$(child prov-analyzer)
	rule no.such.event >rules/boot.yaml
	kill -HUP "$follower"
	soon grep -q "the former rules and sources stay in force" follow.err
	grep -q "rules/boot.yaml:5:" follow.err
	same "$(child prov-analyzer)" "$former"
	web 203.0.113.7 "GET /boot-001565abcd04.xyz" 200
	soon known 001565abcd04
	fails 1 provctl status
	has "rules/boot.yaml:5:"
	rule provision >rules/boot.yaml
	kill -HUP "$follower"
	soon provctl status
	fetch 203.0.113.7 001565abcd05 200
	soon known 001565abcd05
	finish
	counted 5
}

@test "SIGHUP brings a new configuration to the enforcer too, and a faulty one to neither" {
	follow
	soon test -S state/control.sock
	same "$(json .mode status)" enforce
	configure "mode: watch"
	kill -HUP "$follower"
	watched() { [ "$(json .mode status)" = watch ]; }
	soon watched
	configure "mode: bogus"
	kill -HUP "$follower"
	soon grep -q "the former rules" follow.err
	configure
	watched
	finish
}

@test "an analyzer that is killed again and again is missed for a second at most each time" {
	follow
	for i in {1..9}; do
		fetch 203.0.113.7 00156500000$i 200
		# Doubled for each kill the last wait would be 12.8 s.
		seconds=12 soon known 00156500000$i
		kill -KILL "$(child prov-analyzer)"
	done
	finish
}

# strike NAME: kills it, as soon as it is there again.
strike() {
	seconds=30 soon child "$1" >/dev/null
	kill -KILL "$(child "$1")"
}

@test "an analyzer or an enforcer that is killed is replaced, and the state is that of a batch run" {
	mkdir batch
	for i in {1..400}; do
		at "${i}s"
		fetch "203.0.113.$((i % 7))" "001565abcd$(printf %02x $((i % 23)))" "$((i % 5 ? 200 : 404))"
		[ $((i % 3)) -ne 0 ] || fetch 198.51.100.66 "0015650000$(printf %02x $((i % 30)))" 404 curl/8.0
	done
	mv log/web.log all
	: >log/web.log
	at 500s
	follow
	soon test -S state/control.sock
	while read -r line; do
		echo "$line" >>log/web.log
		case $((++n % 100)) in
		25) strike prov-analyzer ;;
		75) strike prov-enforcer ;;
		esac
		sleep 0.003
	done <all
	seconds=30 soon counted "$(wc -l <all)"
	finish
	[ "$(grep -c "prov-analyzer was ended by signal 9" follow.err)" -ge 5 ]
	provctl list --json >followed
	banned >followed.bans
	mv all log/web.log
	rm -r state publish
	provctl analyze
	provctl list --json >passed
	cmp passed followed
	banned | cmp - followed.bans
	[ -s followed.bans ]
}

start_daemon() {
	"$bin/prov-enforcer" -c provctl.yaml >/dev/null 2>enforcer.err 3>&- &
	daemon=$!
	soon test -S state/control.sock
}

@test "an enforcer that runs by itself is waited for when it is restarted" {
	start_daemon
	follow
	fetch 203.0.113.7 001565abcd01 200
	soon known 001565abcd01
	kill -KILL "$daemon"
	wait "$daemon" || true
	fetch 203.0.113.7 001565abcd02 200
	sleep 0.5
	fails 1 child prov-enforcer
	rm state/control.sock
	start_daemon
	soon known 001565abcd02
	fails 1 child prov-enforcer
	finish
	kill "$daemon"
	wait "$daemon"
	daemon=
	counted 2
}

@test "an enforcer that does not come back is replaced by one of the follower's own" {
	start_daemon
	follow
	fetch 203.0.113.7 001565abcd01 200
	soon known 001565abcd01
	kill "$daemon"
	wait "$daemon"
	daemon=
	seconds=14 soon child prov-enforcer
	fetch 203.0.113.7 001565abcd02 200
	soon known 001565abcd02
	finish
	counted 2
}

# What a process has used: its ticks of the processor, and how often it gave it away.
used() {
	echo "$(cut -d' ' -f14,15 "/proc/$1/stat") $(sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$1/status")"
}

@test "with nothing new nobody wakes up" {
	follow
	fetch 203.0.113.7 001565abcd01 200
	soon known 001565abcd01
	sleep 2.5
	processes="$follower $(child prov-analyzer) $(child prov-enforcer)"
	before=$(for p in $processes; do used "$p"; done)
	sleep 3
	same "$(for p in $processes; do used "$p"; done)" "$before"
	fetch 203.0.113.7 001565abcd02 200
	soon known 001565abcd02
}

# backlog MAC: the lines, and one of that device behind them
backlog() {
	perl -e 'my ($time, $last) = @ARGV;
		printf qq(203.0.113.7 - - [%s] "GET /%s.cfg HTTP/1.1" 200 512 "-" "-"\n), $time, $_ < 300000 ? sprintf "001565%06x", $_ % 500 : $last
			for 1 .. 300000' "$(printf '%(%d/%b/%Y:%H:%M:%S +0000)T' "$now")" "$1"
}

@test "a backlog of 300,000 lines does not delay another source's line beyond a second" {
	configure "sources: [{path: $folder/log/web.log, format: combined}, {path: $folder/log/other.log, format: combined}]"
	fetch 203.0.113.7 001565abcd01 200
	mv log/web.log line
	backlog 001565abcd02 >log/web.log
	: >log/other.log
	follow
	soon known 001565000001
	# However quick the machine is, and however much of that it has read by now: as much is to be read when the line comes.
	kill -STOP "$(child prov-analyzer)"
	backlog 001565abcd03 >>log/web.log
	cat line >>log/other.log
	kill -CONT "$(child prov-analyzer)"
	seconds=1 soon known 001565abcd01
	seconds=60 soon counted 600001
	same "$(provctl log --json | jq -r 'select(.what == "locked") | .mac' | grep -xE '001565abcd0[13]' | xargs)" "001565abcd01 001565abcd03"
	finish
}

# Every datagram as a line, at a path and at a name of the abstract namespace ("@").
listen() {
	perl -MIO::Socket::UNIX -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; my $name = shift; $name =~ s/^@/\0/;
		bind($s, pack_sockaddr_un($name)) or die "$!"; $| = 1; print "bound\n";
		while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\n/ /g; print "$m\n"; }' "$1" >told 3>&- &
	listener=$!
	soon grep -q bound told
}

@test "the service manager is told of readiness, reloads, life and the end, by both programs" {
	listen "@provctl-$BASHPID"
	export NOTIFY_SOCKET="@provctl-$BASHPID" WATCHDOG_USEC=400000
	follow
	soon grep -q "^READY=1" told
	soon grep -q "^WATCHDOG=1" told
	soon grep -q "^STATUS=following: logs 2" told
	kill -STOP "$(child prov-analyzer)"
	sleep 0.3
	alive=$(grep -c "^WATCHDOG=1" told)
	sleep 1
	same "$(grep -c "^WATCHDOG=1" told)" "$alive"
	kill -CONT "$(child prov-analyzer)"
	kill -HUP "$follower"
	soon grep -q "^RELOADING=1 MONOTONIC_USEC=[0-9]*" told
	reloaded() { sed '1,/^RELOADING/d' told | grep -q "^READY=1"; }
	soon reloaded
	finish
	grep -q "^STOPPING=1" told
	kill "$listener"
	listen "$folder/notify"
	export NOTIFY_SOCKET=$folder/notify
	start_daemon
	soon grep -q "^READY=1" told
	soon grep -q "^WATCHDOG=1" told
	kill -HUP "$daemon"
	soon reloaded
	kill "$daemon"
	wait "$daemon"
	daemon=
	grep -q "^STOPPING=1" told
}

@test "SIGTERM ends it after the batch, the enforcer with it, and a pass goes on from there" {
	follow
	fetch 203.0.113.7 001565abcd01 200
	soon known 001565abcd01
	processes="$(child prov-analyzer) $(child prov-enforcer)"
	finish
	for p in $processes; do [ ! -e "/proc/$p" ]; done
	[ ! -e state/control.sock ]
	fetch 203.0.113.7 001565abcd02 200
	provctl analyze
	counted 2
}

@test "what cannot be followed, or not be begun with, is refused at once" {
	fails 2 provctl analyze --follow -
	has "standard input"
	fails 2 provctl analyze --follow --dry-run
	configure "mode: bogus"
	fails 2 provctl analyze --follow
	has "provctl.yaml:"
	mkdir rules
	rule no.such.event >rules/boot.yaml
	configure "rules: [$folder/rules]"
	fails 2 provctl analyze --follow
	has "rules/boot.yaml:5:"
}
