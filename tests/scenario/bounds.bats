# Bounds under attack: what attackers send in masses costs so much memory, disk and time as the configuration says, and hides nobody.
# BOUNDS=N is how many addresses and MACs there are (200000); the sprays that hide an attacker, and the storms, are parts of that.

load setup
load network

bounds=${BOUNDS:-200000}

setup() {
	new_story
	daemon=
}

teardown() {
	if [ -n "$daemon" ]; then
		kill -KILL "$daemon"
		wait "$daemon" || true
	fi
	! mountpoint -q state || umount state
	cd /
	rm -rf "$folder"
}

spray() {
	perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/scenario/spray.pl" "$@"
}

# ticks: what the enforcer has used of the processor, in hundredths of a second
ticks() {
	awk '{ print $14 }' "/proc/$daemon/stat"
}

@test "addresses and MACs without number: memory and disk have bounds, and the last line costs what the first did" {
	local tenth=$((bounds / 10)) k from before used=()
	configure "devices: {max_devices: 1000}
record: {max: 1M}"
	at 1h
	start_daemon
	for k in {0..9}; do
		from=$((k * tenth))
		spray web $from $((from + tenth)) $((start + k * 300)) $((tenth / 300)) >log/web.log
		spray forged $from $((from + tenth)) $((start + k * 300)) $((tenth / 300)) >log/sip.log
		before=$(ticks)
		pass
		used+=($(($(ticks) - before)))
		rm log/web.log log/sip.log
	done
	echo "# ${used[*]}; $(grep VmHWM "/proc/$daemon/status" | xargs); state $(du -sb state | cut -f 1)" >&3
	same "$(json .sums.lines status)" $((2 * bounds))
	[ "${used[9]}" -le $((3 * used[1] + 50)) ]
	ldd "$bin/provctl" | grep -q libasan || [ "$(awk '/VmHWM/ { print $2 }' "/proc/$daemon/status")" -lt $((96 * 1024)) ]
	# Counters, what is written ahead (64 MiB at most), and what the configuration says of devices and the record.
	[ "$(stat -c %s state/state.db)" -lt $((16 << 20)) ]
	[ "$(du -sb state | cut -f 1)" -lt $((88 << 20)) ]
	same "$(json .devices.all status)" 1000
}

# hidden KIND: an attacker fails once, then so many others, then he again.
hidden() {
	local n=$((bounds / 16))
	spray "$1" 0 $n "$start" >log/sip.log
	spray guess 0 1 $((start + 1)) >>log/sip.log
	spray "$1" $n $((3 * n)) $((start + 2)) >>log/sip.log
	spray guess 1 10 $((start + 100)) 1 >>log/sip.log
	spray "$1" $((3 * n)) $((4 * n)) $((start + 120)) >>log/sip.log
	spray guess 10 19 $((start + 400)) 1 >>log/sip.log
	at 10m
	pass
	same "$(banned | grep -Fx 192.0.2.66)" ""
	spray guess 19 20 $((start + 500)) 1 >>log/sip.log
	pass
	same "$(banned | grep -Fx 192.0.2.66)" 192.0.2.66
}

@test "an attacker is banned at his limit, however many addresses are forged beside him" {
	hidden forged
}

@test "an attacker is banned at his limit, though a /48 fails from each of its /64s" {
	hidden rotating
}

@test "an attacker is banned at his limit, though all others of his /24 fail too" {
	hidden near
}

@test "an attacker is banned at his limit, though an address that is never banned fails for users without number" {
	provctl allow 198.51.100.99
	hidden users
}

# kernel: how many addresses the kernel drops
kernel() {
	nft -j list set inet provctl ban4_32 | jq '[.nftables[].set.elem? // empty | length] | add // 0'
}

# storm OF-THE-FIREWALL: a trigger that bans at the first failure
storm() {
	needs_network nft
	configure "firewall: {backend: nftables, $1}
triggers: [{id: distributed-scan, off: true}, {id: storm, on: provision.unknown, by: ip, count: events, limit: 1, within: 60s, do: {ban: 1h}}]"
}

@test "a ban storm: so many bans a minute, so many wait, the rest is counted, and status tells it" {
	local n=$((bounds / 20))
	storm "bans_per_minute: 600, max_pending: 1000"
	spray scan 0 $n "$start" >log/web.log
	at 10s
	pass
	same "$(kernel)" 600
	same "$(banned | wc -l)" 600
	same "$(json '[.bans, .pending] | @csv' status)" 600,1000
	same "$(json '.sums["bans.dropped"]' status)" $((n - 1600))
	fails 1 provctl status
	has "1000 pending"
	# One line tells of all that were not banned.
	same "$(provctl log --json | jq -r 'select(.what == "reported") | .detail')" \
		"not banned: firewall.max_pending is reached; others of this minute are only counted"
	spray scan 0 1 $((start + 60)) >>log/web.log
	at 70s
	pass
	same "$(kernel)" 1200
	same "$(json '[.bans, .pending] | @csv' status)" 1200,400
}

@test "more bans than there may be: the kernel and the published list hold so many and no more, and are not written for each" {
	local n=$((bounds / 10)) k
	storm "bans_per_minute: 1000000, max_bans: $((n / 2)), max_pending: 100"
	at 10s
	start_daemon
	for k in {0..9}; do
		spray scan $((k * n / 10)) $(((k + 1) * n / 10)) "$start" >>log/web.log
		pass
	done
	same "$(kernel)" $((n / 2))
	[ "$(provctl status --prometheus | awk '/^provctl_publish_duration_seconds_count/ { print $2 }')" -lt 50 ]
	provctl sync
	same "$(banned | wc -l)" $((n / 2))
	same "$(json '[.bans, .pending] | @csv' status)" $((n / 2)),100
	# Nobody is let out to make room, and what ends makes it.
	spray scan $n $((n + 1)) $((start + 3700)) >>log/web.log
	kill -TERM "$daemon"
	wait "$daemon"
	daemon=
	at 3701s
	pass
	same "$(kernel)" 1
}

@test "the record holds what record.max says within the hour, too, and keeps the newest" {
	local n=$((bounds / 20))
	configure "record: {max: 1M}"
	spray web 0 $n "$start" | sed 's/ 40[14] / 200 /' >log/web.log
	at 10s
	pass
	same "$(json .sums.lines status)" $n
	# A row is 200 bytes, and its texts.
	provctl log --json >log.json
	[ "$(wc -l <log.json)" -gt 1000 ]
	[ "$(wc -l <log.json)" -lt $(((1 << 20) / 200)) ]
	grep -q "$(printf '02%010x' $((n - 1)))" log.json
	run ! grep -q "$(printf '02%010x' 0)" log.json
}

@test "a full disk: it is told, bans stay in the kernel, and all of it is done when there is room" {
	local n=$((bounds / 5))
	needs_network nft
	mkdir state
	mount -t tmpfs -o size=8M tmpfs state
	configure "firewall: {backend: nftables}"
	at 10s
	start_daemon
	spray scan 7 8 "$start" >log/web.log
	for k in {10..24}; do fetch 198.51.100.7 0004f20000$k 404; done
	pass
	same "$(kernel)" 1
	spray web 0 $n "$start" | sed 's/ 40[14] / 200 /' >>log/web.log
	for k in {10..24}; do fetch 198.51.100.8 0004f20000$k 404; done
	fails 4 provctl analyze
	has "the disk is full"
	same "$(kernel)" 1
	same "$(provctl bans --json | jq -r .ip)" 198.51.100.7
	fails 1 provctl status
	has "the disk is full"
	mount -o remount,size=256M state
	pass
	same "$(kernel)" 2
	same "$(json .sums.lines status)" $((n + 31))
	same "$(json .devices.all status)" "$(grep -c ' 200 ' log/web.log)"
	kill -TERM "$daemon"
	wait "$daemon"
	daemon=
}

# bounded COMMAND...: with 512 MiB of address space for each program.
bounded() {
	if ldd "$bin/provctl" | grep -q libasan; then
		"$@"
	else
		(ulimit -v $((512 << 10)) && "$@")
	fi
}

@test "lines that a pattern backtracks on are skipped and counted, each in a bounded time, and check warns of the pattern" {
	local hostile n used
	cp -r "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/rules" .
	cat >rules/site.yaml <<-'END'
		rules:
		  - id: site.backtracks
		    format: [combined]
		    where: {file: '^(a+)+(?=-)'}
		    event: sip.scan
		    samples:
		      - line: '203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /aaa- HTTP/1.1" 200 5 "-" "-"'
		        expect: {event: sip.scan, ip: 203.0.113.7, time: 2026-11-22T10:00:00Z}
	END
	configure "rules: [$folder/rules]"
	output=$(provctl check 2>&1)
	has "site.backtracks"
	has "backtracks"
	hostile=$(printf 'a%.0s' {1..3000})
	for n in {1..500}; do web 198.51.100.9 "GET /${hostile}" 404; done
	for n in {10..24}; do fetch 198.51.100.7 0004f20000$n 404; done
	TIMEFORMAT=%U
	{ time pass; } 2>used
	used=$(tail -n 1 used)
	same "$(banned)" 198.51.100.7
	same "$(provctl status --json | jq -c '.sources[] | select(.source | endswith("web.log")) | [.lines, .events, .skipped]')" "[515,15,500]"
	# 20 ms a line, where it takes one.
	[ "${used%.*}" -lt 10 ]
}

@test "a line without an end, JSON without a bottom, and a .gz that is 1000 times as large as it looks" {
	configure "sources: [{path: $folder/log/web.log*, format: combined, account: acct1}, {path: $folder/log/json.log, format: json}]"
	head -c $((64 << 20)) /dev/zero | tr '\0' x | gzip -1 >log/web.log.2.gz
	for n in {10..17}; do fetch 198.51.100.7 0004f20000$n 404; done
	head -c $((8 << 20)) /dev/zero | tr '\0' '"' >>log/web.log
	echo >>log/web.log
	for n in {18..24}; do fetch 198.51.100.7 0004f20000$n 404; done
	for n in {1..20}; do head -c 60000 /dev/zero | tr '\0' '['; echo; done >log/json.log
	for n in {1..20}; do printf '{"a":%.0s' {1..9000}; echo; done >>log/json.log
	bounded pass
	same "$(banned)" 198.51.100.7
	same "$(provctl status --json | jq -c '.sources[] | [(.file | split("/") | last), .lines, .events, .unreadable, .skipped]' | sort | xargs)" \
		"[json.log,40,0,40,0] [web.log,15,15,0,1] [web.log.2.gz,0,0,0,1]"
}

@test "a log whose lines go back and forth by years: who fails in it is banned, and what is of tomorrow waits" {
	local n
	for n in {10..24}; do
		at 1h
		fetch 198.51.100.7 0004f20000$n 404
		at -9000d
		fetch 198.51.100.8 0004f20000$n 404
		at 9000d
		fetch 198.51.100.9 0004f20000$n 404
	done
	at 1h
	pass
	same "$(banned)" 198.51.100.7
	same "$(provctl bans --all --json | jq -r .ip | sort | xargs)" "198.51.100.7 198.51.100.8"
	same "$(json '[.sums.lines, .sums.early] | @csv' status)" 45,15
	same "$(json .time status)" 2026-11-22T11:00:00Z
}
