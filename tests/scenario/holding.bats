# The bans stay in the kernel, whatever becomes of the kernel's table and of the enforcer, and lose none of what was counted.

load setup
load network

traffic() { # the program, for nsenter
	echo "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/scenario/traffic.pl"
}

# Two spaces: the host to protect, and all others.
network() {
	unset PROVCTL_CLOCK
	space host
	space outside
	join "$host" 192.0.2.1/24 "$outside" 192.0.2.7/24
	within "$outside" ip address add 192.0.2.66/24 dev wire1
}

verb() {
	within "$host" "$bin/provctl" -c "$folder/provctl.yaml" "$@"
}

launch() {
	serve "$host" "$bin/prov-enforcer" -c "$folder/provctl.yaml"
	enforcer=$!
	until_done test -S state/events.sock
}

end() { # SIGNAL
	kill "-$1" "$enforcer"
	wait "$enforcer" 2>/dev/null || true
	rm -f state/*.sock # of a killed one
}

holds() {
	within "$host" nft get element inet provctl ban4_32 '{ 192.0.2.66 }'
}

elements() { # SET
	within "$host" nft -j list set inet provctl "$1" | jq -r '.nftables[].set.elem? // empty | .[] | .elem.val' | sort | xargs
}

# State, published file and kernel say the same.
agrees() {
	same "$(verb bans --json | jq -r .ip | sort | xargs)" "$1" && same "$(banned | xargs)" "$1" && same "$(elements ban4_32)" "$1"
}

# hear, then send from both addresses all the time
start_traffic() {
	nsenter -t "$host" -n perl "$(traffic)" hear 5060 >>heard 3>&- &
	pids=($! "${pids[@]}")
	serve "$outside" perl "$(traffic)" send 5060 192.0.2.1 192.0.2.66 192.0.2.7
}

end_traffic() {
	kill "${pids[@]:0:2}"
	wait "${pids[@]:0:2}" 2>/dev/null || true
	pids=("${pids[@]:2}")
}

# Nothing banned came for more than a second on end, and the honest were always heard.
never_long() {
	same "$(perl "$(traffic)" worst 192.0.2.66 <heard | awk '{ print ($1 > 1000 ? $1 " ms" : "short") }')" short
	[ "$(grep -c ' 192.0.2.7$' heard)" -gt 200 ]
}

begin_following() {
	serve "$host" "$bin/provctl" -c "$folder/provctl.yaml" analyze --follow
	follower=$!
}

end_following() { # SIGNAL
	kill "-$1" "$follower"
	wait "$follower" 2>/dev/null || true
}

# phone_fetches N: the Nth phone fetches its configuration.
phone_fetches() {
	printf '203.0.113.7 - - [%(%d/%b/%Y:%H:%M:%S +0000)T] "GET /001565%06x.cfg HTTP/1.1" 200 512 "-" "-"\n' -1 "$1" >>log/web.log
}

# Every line was read once, and none is missing.
has_counted() {
	[ "$(verb status --json | jq .sums.lines)" -eq "$1" ] && [ "$(grep -c '^device .* locked' publish/lockstate)" -eq "$1" ]
}

# Each fault so often: a hundred times with ROUNDS=100.
rounds=${ROUNDS:-10}

@test "flushed, deleted, altered, and either program restarted or killed, over and over: nothing banned comes through for a second" {
	local i faults=9
	needs_network perl
	network
	configure "firewall: {backend: nftables}"
	launch
	begin_following
	verb ban 192.0.2.66 --for 1h
	start_traffic
	for ((i = 1; i <= faults * rounds; i++)); do
		phone_fetches "$i"
		case $((i % faults)) in
		0) within "$host" nft flush ruleset ;;
		1) within "$host" nft delete table inet provctl ;;
		2) within "$host" nft delete element inet provctl ban4_32 '{ 192.0.2.66 }' ;;
		3) within "$host" nft flush chain inet provctl prerouting ;;
		4) end TERM && within "$host" nft flush ruleset && launch ;;
		5) end KILL && launch ;;
		6) end KILL && within "$host" nft flush ruleset && launch ;;
		7) end_following TERM && begin_following ;;
		8) end_following KILL && begin_following ;;
		esac
		until_done holds || { echo "round $i"; verb status; within "$host" nft list ruleset; false; }
		sleep 0.15 # for a pause between what comes through now and what does the next time
	done
	until_done has_counted $((faults * rounds)) || { verb status; false; }
	never_long
	agrees 192.0.2.66
	[ "$(verb status --json | jq .drift)" -ge $((5 * rounds)) ]
	end_following TERM
	end TERM
}

@test "a machine that starts anew bans what was banned, time and again" {
	needs_network perl
	network
	configure "firewall: {backend: nftables}"
	verb ban 192.0.2.66 --for 1h
	for ((i = 1; i <= rounds; i++)); do
		space host
		space outside
		join "$host" 192.0.2.1/24 "$outside" 192.0.2.7/24
		within "$outside" ip address add 192.0.2.66/24 dev "wire$wires"
		launch
		until_done holds
		start_traffic
		until_done grep -q ' 192.0.2.7$' heard
		[ "$(grep -c ' 192.0.2.66$' heard)" -eq 0 ]
		agrees 192.0.2.66
		end TERM
		end_traffic
		rm heard
	done
	[ "$(verb status --json | jq .drift)" -eq 0 ]
}

packets() {
	verb bans --all --json | jq -s 'map(.packets) | max'
}

has_packets() { # N, or more
	[ "$(packets)" -ge "$1" ]
}

has_drifted() { # N times
	[ "$(verb status --json | jq .drift)" -eq "$1" ]
}

is_empty() { # SET
	[ -z "$(elements "$1")" ]
}

@test "what the firewall counted goes on when a ban is extended, made anew or lifted" {
	local before
	needs_network perl
	network
	configure "firewall: {backend: nftables}"
	launch
	verb ban 192.0.2.66 --for 1h
	start_traffic
	until_done has_packets 10
	before=$(packets)
	verb ban 192.0.2.66 --for 2h
	[ "$(packets)" -ge "$before" ]
	[ "$(verb ip 192.0.2.66 --json | jq '.bans[0].packets')" -ge "$before" ]
	within "$host" nft list set inet provctl ban4_32 | grep -Eq 'expires 1h59m5'
	before=$(packets)
	within "$host" nft flush chain inet provctl address4
	until_done has_drifted 1
	[ "$(packets)" -ge "$before" ]
	before=$(packets)
	verb block 198.51.100.1 # makes a set, and with it the whole table
	[ "$(packets)" -ge "$before" ]
	verb pause
	until_done is_empty ban4_32
	before=$(packets)
	verb resume
	[ "$(packets)" -ge "$before" ]
	verb unban 192.0.2.66
	before=$(packets)
	[ "$before" -ge 10 ]
	end TERM
	[ "$(packets)" -eq "$before" ]
}

@test "what comes while the bans are paused is no leak, and what comes 5 s after is one" {
	needs_network
	space host
	configure "firewall: {backend: nftables}"
	verb ban 203.0.113.66 --for 1h
	at 10m
	verb pause
	at 20m
	fetch 203.0.113.66 001565abcdef 404
	verb resume
	verb analyze
	[ "$(verb status --json | jq .leaks)" -eq 0 ]
	at "20m 6s"
	fetch 203.0.113.66 001565abcdef 404
	verb analyze
	[ "$(verb status --json | jq .leaks)" -eq 1 ]
}
