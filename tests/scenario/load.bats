# A bad hour in short: LOAD seconds (8) of LOAD_RATE lines a second (5000), followed, with rotations, kills, reloads, flushes and commands among them by a
# seed (PROVCTL_SEED). LOAD=3600 LOAD_RATE=50000 is the hour itself.

load setup
load network

setup() {
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log
	unset PROVCTL_CLOCK
	configure "firewall: {backend: nftables, bans_per_minute: 100000}"
	seed=${PROVCTL_SEED:-$RANDOM}
}

# What the logs decided; not what commands did, and not how far kernel and clock are.
decided() {
	provctl list --account acct1 --json | jq -c '{mac, state, reason, home}'
	provctl bans --all --json | jq -c 'select(.kind == "ban") | {ip, trigger, start, until, level}' | sort
}

@test "nothing is lost, state, file and kernel agree, memory and descriptors stay" {
	local rate=${LOAD_RATE:-5000}
	needs_network
	echo "# seed $seed" >&3
	coproc perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/load.pl" "$bin/provctl" provctl.yaml "${LOAD:-8}" "$rate" "$seed" log
	read -r -u "${COPROC[0]}" report
	echo "# $(jq -c '{lines, rotations, done}' <<<"$report")" >&3
	# Each line counted once, whoever died.
	same "$(jq .counted <<<"$report")" "$(jq .lines <<<"$report")"
	# The file is what the state says: written anew it does not change.
	tail -n +2 publish/lockstate >file
	# An address may be banned by several triggers: the kernel has it once, until the last of them ends.
	provctl bans --json | jq -r 'select(.kind == "ban" and .status == "banned") | "\(.ip) \(.until | fromdate)"' |
		sort -k1,1 -k2,2nr | sort -u -k1,1 >state.bans
	[ -s state.bans ]
	nft -j list table inet provctl | jq -r --argjson now "$(date +%s)" '.nftables[].set? // empty | select(.name | startswith("ban4_"))
		| .name[5:] as $bits | .elem[]?.elem | "\(.val)\(if $bits == "32" then "" else "/\($bits)" end) \($now + .expires)"' | sort -k1,1 >kernel.bans
	command join -a 1 -a 2 -e none -o 0,1.2,2.2 state.bans kernel.bans |
		awk '$2 == "none" || $3 == "none" || $2 - $3 > 5 || $3 - $2 > 5 { print "the state says", $1, $2 ", the kernel", $3 }' >differ
	[ ! -s differ ] || {
		cat differ log/follow.err
		provctl explain "$(awk 'NR == 1 { print $4 }' differ)" || true
		provctl status || true
		false
	}
	provctl sync >/dev/null
	tail -n +2 publish/lockstate | diff file -
	# As many descriptors after a thousand kills as after one, and no memory that grows with lines.
	jq -e '[.sizes[] | .["prov-enforcer"] // empty | .fds] | max <= 32' <<<"$report"
	jq -e '[.sizes[] | .["prov-analyzer"] // empty | .fds] | max <= 32' <<<"$report"
	jq -e '[.sizes[] | .provctl.fds] | max <= 16' <<<"$report"
	# A sanitizer remembers much of what is free.
	ldd "$bin/provctl" | grep -q libasan || jq -e '[.sizes[][] | .rss] | max < 96 * 1024' <<<"$report"
	decided >followed
	echo >&"${COPROC[1]}"
	wait "$COPROC_PID"
	# One undisturbed pass over the same lines decides the same.
	rm -rf state publish
	nft flush ruleset
	for name in web sip; do
		# One after the other: an hour's logs fill a disk once, not twice.
		for part in $(ls log/$name.log-* 2>/dev/null | sort) log/$name.log; do
			cat "$part" >>log/$name.whole
			rm "$part"
		done
	done
	configure "sources: [{path: $folder/log/web.whole, format: combined, account: acct1}, {path: $folder/log/sip.whole, format: asterisk}]
firewall: {backend: none, bans_per_minute: 100000}"
	provctl analyze >/dev/null
	decided >passed
	diff followed passed
}
