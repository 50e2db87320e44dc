# apply: the bans that an enforcer elsewhere publishes, in this machine's firewall and in the files of its web server or balancer.

load setup
load network

setup() {
	needs_network jq
	new_story
}

# A machine that enforces what stands in the folder `copy`.
edge() {
	space machine
	configure "firewall: {backend: nftables${1:-}}"
	mkdir -p copy
}

# list LINE...: what the enforcer elsewhere publishes; a time +N is N seconds from now.
list() {
	local line
	{
		echo "provctl-bans 1 2026-11-22T10:00:00Z"
		for line in "$@"; do
			case $line in
			*+*) echo "${line%+*}$((now + ${line##*+}))" ;;
			*) echo "$line" ;;
			esac
		done
		echo "end $#"
	} >copy/bans.new
	mv copy/bans.new copy/bans
}

verb() {
	within "$machine" "$bin/provctl" -c provctl.yaml "$@"
}

elements() { # SET [TABLE]: its addresses, sorted
	within "$machine" nft -j list set inet "${2:-provctl}" "$1" 2>/dev/null |
		jq -r '.nftables[] | .set // empty | .elem[]? | if type == "object" then .elem.val else . end' | sort | xargs
}

ruleset() {
	within "$machine" nft list ruleset | sed 's/ expires [^ ,]*//g'
}

@test "the bans of a folder are in the kernel, each until its own end, and what is over is not" {
	edge
	list "ban 192.0.2.0/24 -" "ban 198.51.100.66 +600" "ban 198.51.100.67 +0" "ban 2001:db8::/64 +7200"
	same "$(verb apply copy)" "table inet provctl: 3 bans, as of 2026-11-22T10:00:00Z"
	same "$(elements ban4_32)" 198.51.100.66
	same "$(elements ban6_64)" 2001:db8::
	same "$(elements block4_24)" 192.0.2.0
	within "$machine" nft list set inet provctl ban4_32 | grep -Eq 'timeout 10m expires (10m|9m)'
	within "$machine" nft list set inet provctl ban6_64 | grep -Eq 'timeout 2h expires (2h|1h59m)'
}

@test "an old list is obeyed as a new one is, and its times end" {
	edge
	list "ban 198.51.100.66 +600"
	at 9m
	verb apply copy
	same "$(elements ban4_32)" 198.51.100.66
	within "$machine" nft list set inet provctl ban4_32 | grep -Eq 'timeout 1m '
	at 10m
	within "$machine" nft delete table inet provctl
	same "$(verb apply copy --json)" \
		'{"place":"table inet provctl","bans":0,"time":"2026-11-22T10:00:00Z","changed":true}'
	same "$(elements ban4_32)" ""
}

@test "the end of a ban comes in the kernel, without anybody" {
	edge
	list "ban 198.51.100.66 +3" "ban 198.51.100.67 +600"
	verb apply copy
	same "$(elements ban4_32)" "198.51.100.66 198.51.100.67"
	sleep 3
	same "$(elements ban4_32)" 198.51.100.67
}

@test "applying again touches nothing, a new list replaces the old one, and a flush is mended" {
	edge
	list "ban 198.51.100.66 +600" "ban 198.51.100.67 +600"
	verb apply copy
	within "$machine" nft add element inet provctl ban4_32 '{ 192.0.2.77 timeout 1h }'
	same "$(verb apply copy)" "table inet provctl: 2 bans, as of 2026-11-22T10:00:00Z; nothing to change"
	same "$(elements ban4_32)" "192.0.2.77 198.51.100.66 198.51.100.67"
	list "ban 198.51.100.67 +600" "ban 198.51.100.68 +600"
	verb apply copy
	same "$(elements ban4_32)" "198.51.100.67 198.51.100.68"
	within "$machine" nft flush ruleset
	verb apply copy
	same "$(elements ban4_32)" "198.51.100.67 198.51.100.68"
	list
	same "$(verb apply copy --json | jq -c '[.bans, .changed]')" "[0,true]"
	same "$(elements ban4_32)" ""
}

@test "a list that is not whole, or not understood, changes nothing" {
	edge
	list "ban 198.51.100.66 +600"
	verb apply copy
	before=$(ruleset)
	head="provctl-bans 1 2026-11-22T10:00:00Z"
	while IFS='|' read -r why text; do
		printf "$text" >copy/bans
		fails 2 verb apply copy
		has "$why"
		same "$(ruleset)" "$before"
		fails 2 verb apply copy --nginx map
		[ ! -e map ]
	done <<END
not a list of bans|
not a list of bans|provctl-lockstate 1 2026-11-22T10:00:00Z\ndefault open\nend 0\n
bans:1: of a version|provctl-bans 2 2026-11-22T10:00:00Z\nend 0\n
bans:1: not a time|provctl-bans 1 today\nend 0\n
not whole: its last line|$head\n
not whole: its last line|$head\nban 198.51.100.67 -\n
not whole: its last line|$head\nban 198.51.100.67 -\nend 1
bans:3: not whole|$head\nban 198.51.100.67 -\nend 2\n
bans:2: not whole|$head\nend 1\n
bans:2: not whole|$head\nend 0\nban 198.51.100.67 -\n
bans:2: not whole|$head\nend x\n
bans:2: not a prefix|$head\nban 198.51.100.300 -\nend 1\n
bans:2: not a prefix|$head\nban 198.51.100.1/24 -\nend 1\n
bans:2: not a prefix|$head\nban  -\nend 1\n
bans:2: not a time|$head\nban 198.51.100.67 soon\nend 1\n
bans:2: not a time|$head\nban 198.51.100.67 -5\nend 1\n
bans:2: not a time|$head\nban 198.51.100.67 99999999999999999999\nend 1\n
bans:2: not understood|$head\nban 198.51.100.67\nend 1\n
bans:2: not understood|$head\nban 198.51.100.67 - -\nend 1\n
bans:2: not understood|$head\nallow 198.51.100.67 -\nend 1\n
bans:2: not understood|$head\n\nend 0\n
END
	rm copy/bans
	fails 2 verb apply copy
	has "copy/bans: No such file"
	mkfifo copy/bans
	fails 2 verb apply copy
	has "not a file"
	same "$(ruleset)" "$before"
}

@test "what this machine never bans goes before the list, and nobody takes the table of another" {
	edge ", never: [198.51.100.0/25, 192.0.2.9]"
	list "ban 198.51.100.66 +600" "ban 192.0.2.0/24 -"
	verb apply copy
	same "$(elements never4_25)" 198.51.100.0
	elements never4_32 | grep -qw 192.0.2.9
	# A look at a state that is not there must not take the bans away.
	fails 3 verb ban 203.0.113.9 --for 1h
	has "that of \`provctl apply\`"
	verb bans
	same "$(elements block4_24)" 192.0.2.0
	within "$machine" nft delete table inet provctl
	verb ban 203.0.113.9 --for 1h
	same "$(elements ban4_32)" 203.0.113.9
	fails 3 verb apply copy
	has "that of this machine's own enforcer"
	same "$(elements ban4_32)" 203.0.113.9
	# Both, each in a table of its own.
	sed 's/backend: nftables/&, table: elsewhere/' provctl.yaml >elsewhere.yaml
	within "$machine" "$bin/provctl" -c elsewhere.yaml apply copy
	same "$(elements ban4_32)" 203.0.113.9
	same "$(elements ban4_32 elsewhere)" 198.51.100.66
	within "$machine" nft add table inet foreign
	sed 's/backend: nftables/&, table: foreign/' provctl.yaml >foreign.yaml
	fails 3 within "$machine" "$bin/provctl" -c foreign.yaml apply copy
	has "not provctl's"
}

@test "the machine's own addresses and its gateway are never banned, and are learned anew" {
	edge
	space world
	join "$machine" 192.0.2.1/24 "$world" 192.0.2.2/24
	list "ban 192.0.2.0/24 -"
	verb apply copy
	elements never4_32 | grep -qw 192.0.2.1
	fails 28 within "$world" curl -s --max-time 1 http://192.0.2.1/
	within "$machine" ip route add default via 192.0.2.2
	same "$(verb apply copy --json | jq .changed)" true
	elements never4_32 | grep -qw 192.0.2.2
	fails 7 within "$world" curl -s --max-time 1 http://192.0.2.1/
	same "$(verb apply copy --json | jq .changed)" false
}

@test "the ports of the configuration shape the table, and watching lifts the bans but no block" {
	edge
	list "ban 198.51.100.66 +600" "ban 192.0.2.0/24 -"
	verb apply copy
	configure "firewall: {backend: nftables, ports: {tcp: [81], udp: []}}"
	same "$(verb apply copy --json | jq .changed)" true
	ruleset | grep -q 'elements = { 81 }'
	echo "mode: watch" >>provctl.yaml
	verb apply copy
	same "$(elements ban4_32)" ""
	same "$(elements block4_24)" 192.0.2.0
	configure "firewall: {backend: none}"
	fails 3 verb apply copy
	has "firewall.backend is none"
}

@test "without the right to change the firewall nothing is done, and it is said" {
	edge
	list "ban 198.51.100.66 +600"
	fails 4 within "$machine" setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$bin/provctl" -c provctl.yaml apply copy
	has "provctl: "
	same "$(ruleset)" ""
}

@test "maps for nginx and HAProxy hold what is banned now, without what never is, the same each time" {
	configure "firewall: {backend: none, never: [198.51.100.128/26, 203.0.113.0/24]}"
	mkdir copy
	list "ban 198.51.100.0/24 -" "ban 192.0.2.66 +600" "ban 192.0.2.67 +60" "ban 203.0.113.7 -" "ban 192.0.2.66 +300" \
		"ban 2001:db8::/64 +600"
	same "$(provctl apply copy --nginx banned.geo --haproxy banned.acl)" \
		"banned.geo: 5 bans, as of 2026-11-22T10:00:00Z
banned.acl: 5 bans, as of 2026-11-22T10:00:00Z"
	same "$(sed 1d banned.geo)" "192.0.2.66 1;
192.0.2.67 1;
198.51.100.0/25 1;
198.51.100.192/26 1;
2001:db8::/64 1;"
	same "$(sed 1d banned.acl)" "$(sed '1d; s/ 1;//' banned.geo)"
	[ "$(stat -c %a banned.geo)" = 644 ]
	first=$(stat -c %i banned.geo)
	same "$(provctl apply copy --nginx banned.geo --json)" \
		'{"place":"banned.geo","bans":5,"time":"2026-11-22T10:00:00Z","changed":false}'
	[ "$(stat -c %i banned.geo)" = "$first" ]
	at 1m
	same "$(provctl apply copy --nginx banned.geo --json | jq .changed)" true
	[ "$(grep -c 192.0.2.67 banned.geo)" = 0 ]
	fails 2 provctl apply copy --nginx nowhere/banned.geo
	has "nowhere"
	[ "$(find . -name '*.tmp')" = "" ]
}

@test "a block of all of IPv6 holds none of IPv4, and one around an address that is never banned holds the rest" {
	configure "firewall: {backend: none, never: [2001:db8::1, 192.0.2.1]}"
	mkdir copy
	list "ban ::/2 -" "ban 192.0.2.0/30 -"
	provctl apply copy --haproxy banned.acl
	same "$(grep -c '^[0-9.]*\(/[0-9]*\)\?$' banned.acl)" 2
	grep -qx 192.0.2.0 banned.acl
	grep -qx 192.0.2.2/31 banned.acl
	[ "$(grep -cx '2001:db8::1' banned.acl)" = 0 ]
	grep -qx '2001:db8::' banned.acl
}

@test "the units that run apply are sound, and may do little else" {
	command -v systemd-analyze >/dev/null || skip "needs systemd-analyze"
	units=${top_srcdir:-$BATS_TEST_DIRNAME/../..}/contrib/systemd
	cp "$units"/provctl-apply.{path,timer} .
	sed "s#@bindir@#$bin#" "$units/provctl-apply.service.in" >provctl-apply.service
	same "$(systemd-analyze verify --man=no ./provctl-apply.{service,path,timer} 2>&1)" ""
	systemd-analyze security --offline=true --threshold=20 ./provctl-apply.service >security.out || {
		tail -n 1 security.out
		return 1
	}
}
