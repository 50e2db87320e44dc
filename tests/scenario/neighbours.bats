# On a machine whose packet filter others have made - firewalld, ufw, Docker, iptables-nft - neither harms the other: banned addresses are
# dropped, also where their packets are forwarded to a container, also on connections that stand, and all others go where they went.

load setup
load network

program() {
	echo "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/scenario/traffic.pl"
}

# A client with two addresses, the host, and a container behind it.
network() {
	needs_network perl
	unset PROVCTL_CLOCK
	space client
	space host
	space container
	join "$client" 192.0.2.66/24 "$host" 192.0.2.1/24 # wire1
	join "$host" 172.18.0.1/24 "$container" 172.18.0.2/24 # wire2
	within "$client" ip address add 192.0.2.7/24 dev wire1
	within "$client" ip route add 172.18.0.0/24 via 192.0.2.1
	within "$container" ip route add default via 172.18.0.1
	within "$host" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	for port in 80 8443 9000; do serve "$host" perl "$(program)" serve "$port"; done
	serve "$container" perl "$(program)" serve 5060
	configure "firewall: {backend: nftables}"
	until_done reaches 192.0.2.7 192.0.2.1 80
	until_done reaches 192.0.2.7 192.0.2.1 8443
	until_done reaches 192.0.2.7 192.0.2.1 9000
}

verb() {
	within "$host" "$bin/provctl" -c "$folder/provctl.yaml" "$@"
}

# reaches FROM TO PORT
reaches() {
	within "$client" timeout 2 perl "$(program)" ask "$3" "$2" "$1"
}

# What others made: all tables but ours, without counters.
theirs() {
	local table
	within "$host" nft list tables | grep -v '^table inet provctl$' | while read -r table; do
		# shellcheck disable=SC2086 # family and name
		within "$host" nft -s list $table
	done
}

ours() {
	within "$host" nft -s list table inet provctl | sed -E 's/ (timeout|expires) [0-9a-z]+//g'
}

# What must be true whatever others' tables are: they are in $1 as commands of a shell that runs in the host.
stand_beside() {
	local before our
	within "$host" sh -e -c "$1"
	until_done reaches 192.0.2.66 172.18.0.2 5060
	within "$client" perl "$(program)" hold 80 192.0.2.1 192.0.2.66 >held 3>&- &
	within "$client" perl "$(program)" hold 5060 172.18.0.2 192.0.2.66 >held.container 3>&- &
	until_done grep -q 192.0.2.66 held
	until_done grep -q . held.container
	before=$(theirs)
	verb ban 192.0.2.66 --for 1h
	verb block 203.0.113.0/24
	until_done grep -q dead held
	until_done grep -q dead held.container
	run reaches 192.0.2.66 192.0.2.1 80
	[ "$status" -ne 0 ]
	run reaches 192.0.2.66 172.18.0.2 5060
	[ "$status" -ne 0 ]
	reaches 192.0.2.66 192.0.2.1 8443 # the portal's
	reaches 192.0.2.66 192.0.2.1 9000 # not among firewall.ports
	reaches 192.0.2.7 192.0.2.1 80
	reaches 192.0.2.7 172.18.0.2 5060
	same "$(theirs)" "$before"
	our=$(ours)
	# They are loaded again, as their services do at a restart; ours stays.
	within "$host" sh -e -c "${2:-$1}"
	same "$(ours)" "$our"
	same "$(theirs)" "$before"
	run reaches 192.0.2.66 192.0.2.1 80
	[ "$status" -ne 0 ]
	verb unban 192.0.2.66
	reaches 192.0.2.66 192.0.2.1 80
	reaches 192.0.2.66 172.18.0.2 5060
	same "$(theirs)" "$before"
	[ "$(verb status --json | jq .drift)" -eq 0 ]
}

@test "beside firewalld, with zones, accepting what is established" {
	network
	stand_beside 'nft -f - <<-END
		table inet firewalld
		delete table inet firewalld
		table inet firewalld {
			ct helper helper-sip-udp { type "sip" protocol udp; l3proto ip; }
			set zone_office { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.0-198.51.100.9 }; }
			chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; jump mangle_zones; }
			chain mangle_zones { iifname "wire9" return; }
			chain filter_PREROUTING { type filter hook prerouting priority filter + 10; policy accept; meta nfproto ipv6 fib saddr . mark oif missing drop; }
			chain filter_INPUT { type filter hook input priority filter + 10; policy accept; ct state { established, related } accept; iifname "lo" accept; jump filter_zones; ct state invalid drop; reject with icmpx admin-prohibited; }
			chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state { established, related } accept; jump filter_zones; reject with icmpx admin-prohibited; }
			chain filter_OUTPUT { type filter hook output priority filter + 10; policy accept; oifname "lo" accept; }
			chain filter_zones { ip saddr @zone_office tcp dport { 22, 80, 443, 5060, 8443, 9000 } ct state new accept; udp dport 5060 accept; }
			chain nat_POSTROUTING { type nat hook postrouting priority srcnat + 10; policy accept; oifname "wire9" masquerade; }
		}
	END'
}

@test "beside a rule set of one's own in inet filter, that drops by default" {
	network
	stand_beside 'nft -f - <<-END
		table inet filter
		delete table inet filter
		table inet filter {
			set allowed { type inet_service; elements = { 22, 80, 5060, 8443, 9000 }; }
			chain raw { type filter hook prerouting priority raw; policy accept; udp dport 69 notrack; }
			chain input { type filter hook input priority filter; policy drop; iif lo accept; ct state established,related accept; tcp dport @allowed accept; icmp type echo-request accept; }
			chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; tcp dport @allowed accept; }
		}
	END'
}

has_iptables() {
	command -v iptables-nft >/dev/null && command -v iptables-nft-restore >/dev/null || skip "needs iptables-nft"
}

@test "beside ufw, whose chains iptables-nft loads" {
	has_iptables
	network
	stand_beside 'iptables-nft-restore <<-END
		*filter
		:INPUT DROP [0:0]
		:FORWARD DROP [0:0]
		:OUTPUT ACCEPT [0:0]
		:ufw-before-input - [0:0]
		:ufw-user-input - [0:0]
		:ufw-before-forward - [0:0]
		:ufw-user-limit - [0:0]
		-A INPUT -j ufw-before-input
		-A INPUT -j ufw-user-input
		-A FORWARD -j ufw-before-forward
		-A ufw-before-input -i lo -j ACCEPT
		-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
		-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A ufw-before-forward -p tcp --dport 5060 -j ACCEPT
		-A ufw-user-input -p tcp -m multiport --dports 22,80,8443,9000 -j ACCEPT
		-A ufw-user-input -p udp --dport 5060 -j ACCEPT
		-A ufw-user-limit -j REJECT
		COMMIT
	END'
}

@test "beside Docker, which publishes a container's port" {
	has_iptables
	network
	stand_beside 'iptables-nft-restore <<-END
		*nat
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		:DOCKER - [0:0]
		-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
		-A POSTROUTING -s 172.18.0.0/24 ! -o wire2 -j MASQUERADE
		-A DOCKER -i wire2 -j RETURN
		-A DOCKER ! -i wire2 -p tcp -m tcp --dport 5061 -j DNAT --to-destination 172.18.0.2:5060
		COMMIT
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD DROP [0:0]
		:OUTPUT ACCEPT [0:0]
		:DOCKER - [0:0]
		:DOCKER-USER - [0:0]
		-A FORWARD -j DOCKER-USER
		-A FORWARD -o wire2 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -o wire2 -j DOCKER
		-A FORWARD -i wire2 ! -o wire2 -j ACCEPT
		-A DOCKER -d 172.18.0.2/32 ! -i wire2 -o wire2 -p tcp -m tcp --dport 5060 -j ACCEPT
		-A DOCKER-USER -j RETURN
		COMMIT
	END'
	# By the published port, which is among firewall.ports, and which no chain behind the destination's change could know.
	reaches 192.0.2.66 192.0.2.1 5061
	verb ban 192.0.2.66 --for 1h
	run reaches 192.0.2.66 192.0.2.1 5061
	[ "$status" -ne 0 ]
	reaches 192.0.2.7 192.0.2.1 5061
}

@test "ports: all leaves the portal's port alone, and nothing else" {
	network
	configure "firewall: {backend: nftables, ports: all}"
	verb ban 192.0.2.66 --for 1h
	for port in 80 9000; do
		run reaches 192.0.2.66 192.0.2.1 "$port"
		[ "$status" -ne 0 ]
	done
	reaches 192.0.2.66 192.0.2.1 8443
	reaches 192.0.2.7 192.0.2.1 9000
}
