# Logs that are rotated every few milliseconds while they are followed. ROTATE=60 goes on for so many seconds; PROVCTL_SEED tells the seed.

load setup

setup() {
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log
	configure "sources: [{path: $folder/log/*.log, format: combined, account: acct1}]"
	at 1h
}

teardown() {
	if [ -n "${follower:-}" ]; then
		kill -TERM "$follower" 2>/dev/null && wait "$follower"
	fi
	cd /
	rm -rf "$folder"
}

# rotated METHOD FILES: follows what rotate.pl does; then $lines were written, $doomed of them cut before anybody could read them; $counted are the lines that were
# counted, $lost the bytes that are reported as lost.
rotated() {
	local seed=${PROVCTL_SEED:-$RANDOM} till last=-1
	echo "# seed $seed" >&3
	"$bin/provctl" -c provctl.yaml analyze --follow >follow.out 2>follow.err 3>&- &
	follower=$!
	till=$((SECONDS + 30))
	until [ -S state/control.sock ]; do [ $SECONDS -lt $till ] && sleep 0.05 || { cat follow.err; return 1; }; done
	coproc perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/rotate.pl" "$1" "$2" "${ROTATE:-3}" "$seed" log
	read -r -u "${COPROC[0]}" _
	until [ "$(json .sums.lines status)" = "$2" ]; do [ $SECONDS -lt $till ] && sleep 0.05 || { cat follow.err; return 1; }; done
	echo >&"${COPROC[1]}"
	read -r -u "${COPROC[0]}" lines doomed rotations
	echo "# $lines lines, $rotations rotations" >&3
	[ "$rotations" -gt 100 ]
	# What rests when nothing more comes is the end. The last line of a rotated log may wait for its rest for some seconds.
	till=$((SECONDS + 60))
	while counted=$(json .sums.lines status) && [ "$counted" != "$lines" ] && [ $SECONDS -lt $till ]; do
		[ "$counted" != "$last" ] || [ "$1" != copytruncate ] || [ $SECONDS -lt $((till - 45)) ] || break
		last=$counted
		sleep 0.5
	done
	lost=$(json '.sums.lost // 0' status)
	kill -TERM "$follower"
	wait "$follower"
	follower=
	cat follow.err
}

@test "renamed: each line counts once" {
	rotated rename 1
	same "$counted" "$lines"
	same "$lost" 0
}

@test "renamed and compressed: each line counts once" {
	rotated compress 1
	same "$counted" "$lines"
	same "$lost" 0
}

@test "a thousand logs of a glob, renamed and compressed: each line counts once" {
	rotated compress 1000
	same "$counted" "$lines"
	same "$lost" 0
}

@test "copied and truncated: no line counts twice, and what nobody could read is reported" {
	rotated copytruncate 1
	echo "# $counted of $lines counted, $doomed could not be read, $lost bytes reported as lost" >&3
	[ "$counted" -le "$lines" ]
	if [ "$counted" -lt $((lines - doomed)) ]; then
		[ "$lost" -gt 0 ]
	fi
}
