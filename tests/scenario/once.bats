# Every line counts exactly once, whatever is killed, cut, repeated or run at the same time.

load setup

story() { # SEED LINES: writes the logs of that day, and puts the clock behind it
	perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/story.pl" "$1" "$2" log
	at 2d
}

# children NAME: pids of that program that belong to this test's folder
children() {
	pgrep -f "^[^ ]*$1 .*$folder" || true
}

@test "SIGKILL of either program at 200 random points changes nothing" {
	local seed=${PROVCTL_SEED:-$RANDOM} kills=0 victim round=0 began took
	echo "# seed $seed" >&3
	RANDOM=$seed
	story "$seed" 20000
	began=${EPOCHREALTIME/./}
	pass
	# Early enough that most are killed while they read, and the next has much to read yet.
	took=$(((${EPOCHREALTIME/./} - began) / 3000))
	took=$((took < 30 ? 30 : took > 150 ? 150 : took))
	dump >undisturbed
	while [ $kills -lt 200 ]; do
		forget
		round=$((round + 1))
		local left=40
		while [ $left -gt 0 ]; do
			provctl analyze >/dev/null 2>&1 &
			local analyze=$!
			sleep "0.$(printf %03d $((RANDOM % took)))"
			victim=$([ $((RANDOM % 2)) = 0 ] && echo prov-analyzer || echo prov-enforcer)
			for pid in $(children $victim); do
				kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1))
			done
			wait $analyze || true
			left=$((left - 1))
		done
		pass
		dump >resumed
		alike undisturbed resumed
	done
	echo "# $kills kills in $round replays" >&3
	[ -z "$(children prov-)" ]
}

@test "reading everything twice changes nothing" {
	story 7 5000
	pass
	dump >once
	pass
	touch log/web.log
	pass
	dump >twice
	alike once twice
}

@test "a log that comes in pieces, each with a pass of its own, gives what one pass gives" {
	story 8 3000
	pass
	dump >whole
	forget
	mv log all
	mkdir log
	: >log/web.log
	: >log/sip.log
	# One log, cut at any byte: the unfinished line waits.
	local size from=0 piece
	size=$(stat -c %s all/web.log)
	mv all/web.log web.whole
	while [ $from -lt "$size" ]; do
		piece=$((RANDOM % 60000 + 1))
		tail -c +$((from + 1)) web.whole | head -c $piece >>log/web.log
		from=$((from + piece))
		pass
	done
	configure "sources: [{path: $folder/log/web.log, format: combined, account: acct1}]"
	cmp log/web.log web.whole
	dump | grep -v sip.log >pieces
	forget
	pass
	dump | grep -v sip.log >one
	alike one pieces
}

@test "two analyze at once count every line once" {
	story 9 20000
	pass
	dump >one
	for again in 1 2 3; do
		forget
		provctl analyze >first.out 2>&1 &
		local first=$!
		provctl analyze >second.out 2>&1 &
		local second=$!
		wait $first
		wait $second
		dump >two
		alike one two
	done
}

@test "unlock during a pass is neither lost nor in its way" {
	story 10 30000
	provctl add 0015650f0001 --account acct9
	provctl lock 0015650f0001
	provctl analyze >pass.out 2>&1 &
	local analyze=$!
	provctl unlock 0015650f0001
	wait $analyze
	output=$(device 0015650f0001)
	has open
	same "$(provctl status --json | jq '[.sources[].lag] | add')" 0
}

@test "analyze with a running enforcer does the same as without" {
	story 11 5000
	pass
	dump >alone
	forget
	"$bin/prov-enforcer" -c "$folder/provctl.yaml" &
	local enforcer=$!
	for _ in $(seq 100); do
		[ ! -S state/control.sock ] || break
		sleep 0.05
	done
	pass
	dump >served
	kill -TERM $enforcer
	wait $enforcer
	alike alone served
}

@test "a dry run tells and changes nothing" {
	story 12 3000
	provctl sync
	dump >before
	provctl analyze --dry-run >dry.out
	grep -qi lock dry.out
	dump >after
	alike before after
	pass
	[ "$(grep -c '^device' publish/lockstate)" -gt 100 ]
}

@test "standard input and .gz are read like files" {
	story 13 2000
	pass
	grep '^device' publish/lockstate >plain
	forget
	gzip -k log/web.log
	provctl analyze --format combined log/web.log.gz
	provctl analyze --format asterisk - <log/sip.log
	grep '^device' publish/lockstate | sed 's/ -$/ acct1/' >other
	alike plain other
}
