#!/usr/bin/env bash
# make bench [LINES=1000000] [PHONES=100000] [ROUNDS=200]: what a pass costs, beside yardsticks over the same files in the same run, and how
# long a line takes to drop a packet. Never a pass or a fail: these are figures, for this machine, at this hour.
set -eu
top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${top_builddir:-.}" && pwd)
lines=${LINES:-1000000} phones=${PHONES:-100000} rounds=${ROUNDS:-200}
folder=$(mktemp -d "${TMPDIR:-/var/tmp}/provctl-bench.XXXXXX")
pids=()
clean_up() {
	set +e
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	ip netns delete "bench-server-$$" 2>/dev/null
	ip netns delete "bench-client-$$" 2>/dev/null
	rm -rf "$folder"
}
trap clean_up EXIT

configure() { # BACKEND LOG FORMAT
	cat >"$folder/provctl.yaml" <<-YAML
	state: $folder/state
	lockstate: {path: $folder/publish/lockstate, group: "", shards: 256}
	rules: [$top/rules]
	firewall: {backend: $1}
	sources: [{path: $2, format: $3, account: acct1}]
	YAML
}

# timed COMMAND...: wall seconds
timed() {
	local begin end
	begin=$EPOCHREALTIME
	# Not /dev/null: grep would stop at its first match.
	"$@" >"$folder/out" 2>"$folder/err" || [ $? = 1 ] || cat "$folder/err" >&2
	end=$EPOCHREALTIME
	awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f", b - a }'
}

row() { # NAME SECONDS BASE
	awk -v name="$1" -v s="$2" -v base="$3" -v n="$lines" \
		'BEGIN { printf "  %-44s %8.3f s %12.0f lines/s %8.3f us/line %8.2f x grep\n", name, s, n / s, s * 1e6 / n, s / base }'
}

throughput() { # KIND FORMAT PATTERN
	local grep pass
	perl "$top/tests/bench/logs.pl" "$1" "$lines" "$phones" >"$folder/$1.log"
	configure none "$folder/$1.log" "$2"
	rm -rf "$folder/state" "$folder/publish"
	echo "$1 log, $lines lines, $phones phones:"
	cat "$folder/$1.log" >/dev/null
	grep=$(timed grep -cP "$3" "$folder/$1.log")
	row "wc -l" "$(timed wc -l "$folder/$1.log")" "$grep"
	row "grep -cP" "$grep" "$grep"
	pass=$(timed env PROVCTL_CLOCK=@1797000000 "$bin/provctl" -c "$folder/provctl.yaml" analyze)
	row "provctl analyze, every phone new" "$pass" "$grep"
	perl "$top/tests/bench/logs.pl" "$1" "$lines" "$phones" 1 | sed 's/22\/Nov/23\/Nov/; s/^\[2026-11-22/[2026-11-23/' >"$folder/$1.log"
	row "provctl analyze, phones known" "$(timed env PROVCTL_CLOCK=@1797000000 "$bin/provctl" -c "$folder/provctl.yaml" analyze)" "$grep"
	printf '  %-44s %8.3f s\n' "provctl analyze, nothing new" \
		"$(timed env PROVCTL_CLOCK=@1797000000 "$bin/provctl" -c "$folder/provctl.yaml" analyze)"
}

throughput web combined '^\S+ - \S+ \[[^]]+\] "GET /\S*/([0-9a-f]{12})\.cfg HTTP/[\d.]+" (?:200|206|403|404) '
throughput sip asterisk 'SecurityEvent="(?:InvalidAccountID|InvalidPassword|ChallengeResponseFailed)"'

# ---- from a line to a dropped packet ----

if [ "$(id -u)" != 0 ]; then
	echo "line to dropped packet: not measured, needs root"
	exit 0
fi
server=bench-server-$$ client=bench-client-$$
ip netns add "$server"
ip netns add "$client"
ip -n "$server" link add outside type veth peer name wire netns "$client"
ip -n "$server" address add 192.0.2.1/24 dev outside
ip -n "$server" link set outside up
ip -n "$server" link set lo up
ip -n "$client" address add 192.0.2.2/24 dev wire
ip -n "$client" link set wire up
addresses=()
for n in $(seq "$rounds"); do
	addresses+=("198.18.$((n / 250)).$((n % 250 + 1))")
	ip -n "$client" address add "${addresses[-1]}/32" dev wire
done
ip -n "$server" route add 198.18.0.0/16 dev outside
rm -rf "$folder/state" "$folder/publish"
: >"$folder/kamailio.log"
configure nftables "$folder/kamailio.log" syslog
ip netns exec "$server" perl "$top/tests/bench/latency.pl" serve 192.0.2.1 5060 &
pids+=($!)
ip netns exec "$server" "$bin/provctl" -c "$folder/provctl.yaml" analyze --follow >"$folder/follow.out" 2>&1 &
pids+=($!)
sleep 2
ip netns exec "$client" perl "$top/tests/bench/latency.pl" probe "$folder/kamailio.log" 192.0.2.1 5060 "${addresses[@]}" |
	sort -n >"$folder/latency"
awk '{ v[NR] = $1 } END { printf "line to dropped packet, %d bans: p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n", NR, v[int((NR + 1) / 2)],
	v[int(NR * 0.99 + 0.5)], v[NR] }' "$folder/latency"
