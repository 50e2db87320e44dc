# Logs that several processes read beside each other: the same as by one, whatever becomes of them.

load setup

teardown() {
	local pid
	for pid in $(pgrep -f "^[^ ]*prov-[a-z]* .*$folder" || true); do
		kill -KILL "$pid"
	done
	cd /
	rm -rf "$folder"
}

# A day of phones and attackers in four logs, each long enough to be lent; one is compressed.
story() { # SEED
	perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/story.pl" "$1" 70000 log
	mv log/web.log whole
	awk '{ print >"log/web" NR % 3 ".log" }' whole
	gzip log/web2.log
	rm whole
	at 2d
}

# with_workers N: the same logs, read by so many.
with_workers() {
	configure "workers: $1
sources:
  - {path: $folder/log/sip.log, format: asterisk}
  - {path: \"$folder/log/web[01].log\", format: combined, account: acct1}
  - {path: $folder/log/web2.log.gz, format: combined, account: acct1}"
}

# are N: there is an analyzer with so many workers. Its pid is in $analyzer, theirs in $workers.
are() {
	analyzer=$(pgrep -o -f "^[^ ]*prov-analyzer .*$folder") && workers=$(pgrep -P "$analyzer") && [ "$(wc -w <<<"$workers")" = "$1" ]
}

# held N: a pass is begun with N workers, which are held before any log is lent to them.
held() {
	start_daemon
	kill -STOP "$daemon"
	provctl analyze >pass.out 2>pass.err 3>&- &
	analyze=$!
	soon are "$1"
	# shellcheck disable=SC2086 # pids
	kill -STOP $workers
	kill -CONT "$daemon"
}

@test "workers: any number of them decides what one process decides, from logs of each kind" {
	local seed=${PROVCTL_SEED:-$RANDOM} n
	echo "# seed $seed" >&3
	story "$seed"
	with_workers 1
	pass
	dump >alone
	[ "$(wc -l <alone)" -gt 1000 ]
	for n in 2 3 4; do
		forget
		with_workers "$n"
		pass
		dump >beside
		alike alone beside
		same "$(problem_of workers)" ""
	done
	# What comes later is read from where they were.
	fetch 203.0.113.99 001565abcdef 200
	mv log/web.log log/web0.part
	cat log/web0.part >>log/web0.log
	pass
	same "$(provctl status --json | jq '[.sources[] | .lag] | add')" 0
	device 001565abcdef | grep -q 203.0.113.99
}

@test "workers: one that is killed is told, and nothing is lost or twice" {
	local one
	story 11
	with_workers 1
	pass
	dump >alone
	forget
	with_workers 2
	held 2
	one=${workers%%$'\n'*}
	# By now logs are lent, and it is waited for.
	sleep 0.5
	kill -KILL "$one"
	kill -CONT "${workers##*$'\n'}"
	wait "$analyze"
	grep -q "ended too early: one alone read what was left" <<<"$(problem_of workers)"
	stop
	dump >beside
	alike alone beside
	# The next pass has its workers again.
	pass
	same "$(problem_of workers)" ""
}

@test "workers: they end with the pass, however it ends" {
	story 12
	with_workers 3
	pass
	run ! pgrep -f "^[^ ]*prov-analyzer .*$folder"
	forget
	held 3
	kill -KILL "$analyzer"
	# shellcheck disable=SC2086 # pids
	kill -CONT $workers
	wait "$analyze" || true
	soon eval "! pgrep -f '^[^ ]*prov-analyzer .*$folder'"
	stop
	pass
	dump >after
	forget
	with_workers 1
	pass
	dump >alone
	alike alone after
}

@test "workers: one that hangs does not hold the pass that is over, nor one that is to end" {
	local late
	story 14
	with_workers 2
	pass
	# Nothing is new, and both hang.
	held 2
	soon eval "! kill -0 $analyze"
	wait "$analyze"
	stop
	# shellcheck disable=SC2086 # pids
	kill -KILL $workers
	# All is new, and what was lent to them does not come.
	forget
	held 2
	sleep 0.5
	late=$SECONDS
	kill -TERM "$analyzer"
	wait "$analyze" || true
	[ $((SECONDS - late)) -lt 10 ]
	# shellcheck disable=SC2086 # pids
	kill -KILL $workers
	stop
}

@test "workers: none are started where one log is all, where standard input is read, or by who follows" {
	local calls
	without_sanitizers "they do not run under strace"
	command -v strace >/dev/null || skip "needs strace"
	strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	story 13
	# How many processes the analyzer makes.
	made() {
		PROVCTL_RUN="strace -f -e trace=clone,clone3,fork,vfork,execve -o calls" pass "$@" <log/sip.log
		calls=$(awk '/execve\(.*prov-analyzer/ { a = $1 } $2 ~ /^(clone|clone3|fork|vfork)\(/ && a && $1 == a { n++ } END { print n + 0 }' calls)
	}
	with_workers 2
	made
	same "$calls" 2
	forget
	made log/sip.log
	same "$calls" 0
	forget
	made log/web0.log log/web1.log
	same "$calls" 2
	forget
	made log/web0.log -
	same "$calls" 0
	forget
	with_workers 1
	made
	same "$calls" 0
}
