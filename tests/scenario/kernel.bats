# The bans in the kernel are what the state says: at once, after a kill, a flush, a change of the configuration, and never in another
# network namespace than a test's own.

load setup

setup() {
	[ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || skip "needs root and network namespaces"
	command -v nft >/dev/null || skip "needs nft"
	new_story
}

# A network namespace that lives as long as the test.
namespace() {
	unshare -n sleep 300 3>&- &
	space=$!
	for _ in {1..100}; do
		[ "$(readlink /proc/$space/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
		sleep 0.02
	done
	configure "firewall: {backend: nftables, never: [$1]}"
}

teardown() {
	[ -z "${space:-}" ] || kill "$space"
	cd /
	rm -rf "$folder"
}

inside() {
	nsenter -t "$space" -n "$@"
}

verb() {
	inside "$bin/provctl" -c provctl.yaml "$@"
}

elements() { # SET: its addresses, sorted
	inside nft -j list set inet provctl "$1" 2>/dev/null |
		jq -r '.nftables[] | .set // empty | .elem[]? | if type == "object" then .elem.val else . end' | sort | xargs
}

@test "a ban is in the kernel when its command returns, and gone when that of its end does" {
	namespace 192.0.2.9
	verb ban 203.0.113.66 --for 1h
	verb ban 2001:db8::/64 --for 1h
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	[ "$(elements ban6_64)" = 2001:db8:: ]
	verb unban 203.0.113.66
	[ "$(elements ban4_32)" = "" ]
	verb block 198.51.100.1
	verb allow 198.51.100.2
	[ "$(elements block4_32)" = 198.51.100.1 ]
	[ "$(elements allow4_32)" = 198.51.100.2 ]
	[[ " $(elements never4_32) " == *" 192.0.2.9 "* ]]
}

@test "an attacker in the log is banned for what is left of the time" {
	namespace
	for i in {10..25}; do fetch 198.51.100.66 "0015650000$i" 404 curl/8.0; done
	at 30m
	verb analyze
	[ "$(elements ban4_32)" = 198.51.100.66 ]
	inside nft list set inet provctl ban4_32 | grep -Eq 'expires (29|30)m'
	at 2h
	verb sync
	[ "$(elements ban4_32)" = "" ]
}

handle() {
	inside nft -a list tables | sed -n 's/^table inet provctl # handle //p'
}

@test "a ban by a log whose clock is ahead of ours is in the kernel at once, and what comes with it is no leak" {
	namespace
	at 40s
	for i in {10..25}; do fetch 198.51.100.66 "0015650000$i" 404 curl/8.0; done
	at 0s
	verb analyze
	[ "$(elements ban4_32)" = 198.51.100.66 ]
	at 44s
	fetch 198.51.100.66 001565000011 404
	at 5s
	verb analyze
	[ "$(elements ban4_32)" = 198.51.100.66 ]
	[ "$(verb status --json | jq .leaks)" -eq 0 ]
	at 45s
	fetch 198.51.100.66 001565000011 404
	verb analyze
	[ "$(verb status --json | jq .leaks)" -eq 1 ]
}

@test "a table that others changed is restored at the next command, and one that is as it should be is left alone" {
	local made
	namespace
	verb ban 203.0.113.66 --for 1h
	made=$(handle)
	verb list
	inside nft add table inet another
	verb list
	[ "$(handle)" = "$made" ]
	[ "$(verb status --json | jq .drift)" -eq 0 ]
	inside nft add element inet provctl ban4_32 '{ 192.0.2.77 timeout 1h }'
	verb list
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	inside nft delete element inet provctl ban4_32 '{ 203.0.113.66 }'
	verb list
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	inside nft flush chain inet provctl address4
	verb sync
	inside nft list chain inet provctl address4 | grep -q '@ban4_32 drop'
	inside nft flush ruleset
	verb list
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	[ "$(verb status --json | jq .drift)" -eq 4 ]
	verb status | grep -q 'made anew 4 times after others changed it'
	configure "firewall: {backend: nftables, never: [192.0.2.9]}"
	verb list
	[[ " $(elements never4_32) " == *" 192.0.2.9 "* ]]
	[ "$(verb status --json | jq .drift)" -eq 4 ]
}

@test "a foreign table of our name is refused with what to do, and stays as it is" {
	namespace
	inside nft add table inet provctl
	inside nft add chain inet provctl mine
	run -3 verb ban 203.0.113.66 --for 1h
	[[ $output == *"table inet provctl exists and is not provctl's: set another firewall.table, or remove it (nft delete table inet provctl)"* ]]
	run -1 verb status
	[[ $output == *"table inet provctl exists and is not provctl's"* ]]
	inside nft list table inet provctl | grep -q 'chain mine'
	inside nft delete table inet provctl
	verb sync
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	verb status
}

@test "a pending ban that ends later does not keep the one in force out of the kernel" {
	namespace
	configure "firewall: {backend: nftables, bans_per_minute: 1}"
	for i in {10..25}; do fetch 198.51.100.1 "0015650000$i" 404; done
	for i in {10..25}; do fetch 198.51.100.66 "0015650000$i" 404; done
	verb analyze
	[ "$(elements ban4_32)" = 198.51.100.1 ]
	[ "$(verb status --json | jq .pending)" -eq 1 ]
	verb ban 198.51.100.66 --for 30m
	[ "$(elements ban4_32)" = "198.51.100.1 198.51.100.66" ]
}

@test "a window goes before a ban, and pause lifts every ban but no block" {
	namespace
	verb ban 203.0.113.66 --for 1h
	verb block 198.51.100.1
	verb window open 198.51.100.7 --any-account --for 2h
	[ "$(elements window4_32)" = 198.51.100.7 ]
	verb pause
	[ "$(elements ban4_32)" = "" ]
	[ "$(elements block4_32)" = 198.51.100.1 ]
	verb resume
	[ "$(elements ban4_32)" = 203.0.113.66 ]
	echo "mode: watch" >>provctl.yaml
	verb sync
	[ "$(elements ban4_32)" = "" ]
}

@test "an address that still comes 5 s after its ban was installed is a leak, told with its source" {
	namespace
	verb ban 203.0.113.66 --for 1h
	at 4s
	fetch 203.0.113.66 001565abcdef 404
	verb analyze
	[ "$(verb status --json | jq .leaks)" -eq 0 ]
	at 5s
	fetch 203.0.113.66 001565abcdef 404
	verb analyze
	[ "$(verb status --json | jq .leaks)" -eq 1 ]
	run -1 verb status
	[[ $output == *"leak $folder/log/web.log"*"203.0.113.66"* ]]
}

@test "without the right to change the firewall a ban is kept and told so; what needs no firewall is done" {
	namespace
	powerless() { inside setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$bin/provctl" -c provctl.yaml "$@"; }
	run -4 powerless ban 203.0.113.66 --for 1h
	[[ $output == *"decided and kept"* ]]
	powerless add 001565abcdef
	powerless bans --json | jq -e '.ip == "203.0.113.66"'
	verb list
	[ "$(elements ban4_32)" = 203.0.113.66 ]
}
