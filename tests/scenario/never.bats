# What nothing may ban: the addresses on which the machine itself depends, and the one from which the order comes.

load setup
load network

network() {
	needs_network
	space host
	space outside
	join "$host" 192.0.2.1/24 "$outside" 192.0.2.250/24
	within "$host" ip -6 address add 2001:db8::1/64 dev wire1
	within "$host" ip route add default via 192.0.2.254
	within "$host" ip route add 198.51.100.0/24 nexthop via 192.0.2.252 nexthop via 192.0.2.253
	echo "nameserver 203.0.113.53" >resolv.conf
	configure "firewall: {backend: nftables, never: [203.0.113.9], max_bans: 1000}"
}

# With the resolvers of the test's own file.
verb() {
	within "$host" unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh "$folder/resolv.conf" \
		"$bin/provctl" -c "$folder/provctl.yaml" "$@"
}

never() {
	within "$host" nft -j list set inet provctl "$1" | jq -r '.nftables[].set.elem? // empty | .[] | if type == "object" then .elem.val else . end' |
		sort | xargs
}

@test "the host's own addresses, its gateways and its resolvers are never banned, and it is said why" {
	network
	while read -r address why; do
		run -3 verb ban "$address" --for 1h
		[[ $output == *"$address: never banned: it is $why"* ]]
		run -3 verb block "$address"
		[ "$(verb ip "$address" --json | jq -r .never)" = "$why" ]
		[ "$(verb ip "$address" --json | jq -c .status)" = '["never"]' ]
		verb allow "$address"
		verb allow "$address" --remove
	done <<-END
		192.0.2.1 an address of this host
		2001:db8::1 an address of this host
		192.0.2.254 a gateway of this host
		192.0.2.252 a gateway of this host
		192.0.2.253 a gateway of this host
		203.0.113.53 a resolver of this host
		203.0.113.9 one of firewall.never
		127.0.0.1 loopback or link-local
	END
	run -3 verb ban 192.0.2.0/24 --for 1h
	[[ $output == *"it holds"* ]]
	verb ban 192.0.2.2 --for 1h
	[ "$(never never4_32)" = "192.0.2.1 192.0.2.252 192.0.2.253 192.0.2.254 203.0.113.53 203.0.113.9" ]
	[[ " $(never never6_128) " == *" 2001:db8::1 "* ]]
}

@test "no trigger bans the gateway, and it is told" {
	network
	for i in {10..25}; do fetch 192.0.2.254 "0015650000$i" 404; done
	for i in {10..25}; do fetch 192.0.2.2 "0015650000$i" 404; done
	verb analyze
	[ "$(verb bans --json | jq -r .ip | sort -u)" = 192.0.2.2 ]
	verb log 192.0.2.254 | grep -q "spared"
}

@test "an address that the host gets while the enforcer runs is protected within a second" {
	network
	serve "$host" unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh "$folder/resolv.conf" \
		"$bin/prov-enforcer" -c "$folder/provctl.yaml"
	until_done test -S state/events.sock
	verb ban 192.0.2.77 --for 1h
	within "$host" ip address add 192.0.2.77/24 dev wire1
	sleep 1
	[[ " $(never never4_32) " == *" 192.0.2.77 "* ]]
	run -3 verb ban 192.0.2.77 --for 1h
	within "$host" ip address del 192.0.2.77/24 dev wire1
	sleep 1
	[[ " $(never never4_32) " != *" 192.0.2.77 "* ]]
	verb ban 192.0.2.77 --for 2h
}

@test "the address of one's own ssh session is banned only by force, also behind sudo" {
	network
	export SSH_CONNECTION="203.0.113.7 50022 192.0.2.1 22"
	run -3 verb ban 203.0.113.7 --for 1h
	[[ $output == *"203.0.113.7: your own session comes from there, and would end: --force bans it all the same"* ]]
	run -3 verb block 203.0.113.0/25
	run -3 verb block ::/1
	run -3 env -u SSH_CONNECTION SSH_CLIENT="203.0.113.8 50022 22" nsenter -t "$host" -n "$bin/provctl" -c "$folder/provctl.yaml" ban 203.0.113.8 --for 1h
	run -3 env sh -c 'env -u SSH_CONNECTION nsenter -t "$0" -n "$@"; exit $?' "$host" "$bin/provctl" -c "$folder/provctl.yaml" ban 203.0.113.7 --for 1h
	verb allow 203.0.113.7
	verb ban 203.0.113.6 --for 1h
	verb ban 203.0.113.7 --for 1h --force
	[ "$(verb bans --json | jq -r 'select(.status == "banned").ip' | xargs)" = "203.0.113.6 203.0.113.7" ]
}
