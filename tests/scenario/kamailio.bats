# Real phones' traffic on a real SIP server: sipp as honest phones, SIPVicious as the attackers, Kamailio between them, and the kernel that drops.
# Everything lives in network namespaces of the test's own.

load setup

setup_file() {
	[ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || skip "needs root and network namespaces"
	local tool
	for tool in nft ip jq perl kamailio sipp svwar svcrack; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
}

setup() {
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log run
	: >log/kamailio.log
	here=$BATS_TEST_DIRNAME/kamailio
	unset PROVCTL_CLOCK
	started=()
	declare -gA space=()
	configure "sources: [{path: $folder/log/kamailio.log, format: syslog}]
firewall: {backend: nftables}"
	place server
	inside server ip link add lan type bridge
	inside server ip address add 203.0.113.1/24 dev lan
	inside server ip link set lan up
	joined office 203.0.113.10
	joined home 203.0.113.20
	joined scanner 203.0.113.66
	joined cracker 203.0.113.67
}

teardown() {
	local pid
	touch stop
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	[ -z "${passing:-}" ] || wait "$passing" || true
	cd /
	rm -rf "$folder"
}

# begin COMMAND...: a program in the background, ended with the test at the latest.
begin() {
	"$@" 3>&- &
	started+=($!)
}

# place NAME: a network namespace.
place() {
	begin unshare -n sleep 120
	space[$1]=$!
	for _ in {1..100}; do
		[ "$(readlink "/proc/$!/ns/net")" = "$(readlink /proc/$$/ns/net)" ] || break
		sleep 0.02
	done
	inside "$1" ip link set lo up
}

# joined NAME ADDRESS: a namespace with that address on the server's network.
joined() {
	place "$1"
	inside server ip link add "to-$1" type veth peer name eth0 netns "${space[$1]}"
	inside server ip link set "to-$1" master lan up
	inside "$1" ip address add "$2/24" dev eth0
	inside "$1" ip link set eth0 up
}

inside() { # NAME COMMAND...
	nsenter -t "${space[$1]}" -n "${@:2}"
}

# All of its verbs in the server's namespace.
provctl() {
	inside server "$bin/provctl" -c provctl.yaml "$@"
}

# One pass behind the other, until the folder has a file "stop".
passes() {
	until [ -e stop ]; do
		provctl analyze >run/pass.out 2>>run/pass.err || echo "exit $?" >>run/pass.err
	done
}

registrar() {
	begin nsenter -t "${space[server]}" -n kamailio -f "$here/kamailio.cfg" -DD -E -m 16 -M 4 -Y "$folder/run" \
		>run/kamailio.out 2> >(exec perl "$here/stamp.pl" >>log/kamailio.log)
	for _ in {1..100}; do
		! inside server ss -lun | grep -q 203.0.113.1:5060 || return 0
		sleep 0.05
	done
	cat run/kamailio.out log/kamailio.log
	return 1
}

# phones NAME SCENARIO FIRST-LAST PASSWORD RATE CALLS PORT: those users register in turn, so many a second; $! is theirs.
phones() {
	local n file=run/$1-$2
	echo SEQUENTIAL >"$file.csv"
	for ((n = ${3%-*}; n <= ${3#*-}; n++)); do echo "$n;[authentication username=$n password=$4$n]" >>"$file.csv"; done
	begin nsenter -t "${space[$1]}" -n sipp 203.0.113.1:5060 -sf "$here/$2.xml" -inf "$file.csv" -r "$5" -m "$6" -p "$7" \
		-timeout 50 -nostdin -trace_stat -stf "$file.stat" -fd 1 >"$file.out" 2>&1
}

# counted FILE COLUMN: of sipp's last statistics.
counted() {
	awk -F ';' -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i } END { print $column }' "$1"
}

# answered PID FILE CALLS: sipp ended well; each of its calls went as its scenario says, and none needed a second try.
answered() {
	wait "$1" || {
		tail -n 50 "$2.out"
		return 1
	}
	same "$(counted "$2.stat" 'SuccessfulCall(C)')" "$3"
	same "$(counted "$2.stat" 'FailedCall(C)')" 0
	same "$(counted "$2.stat" 'Retransmissions(C)')" 0
}

# Microseconds from the line by which an address crossed its limit, the Nth of that kind, to the last that the server saw of it.
seen_for() { # ADDRESS KIND N
	local first last
	first=$(grep -F "provctl: $2 src=$1 " log/kamailio.log | sed -n "$3p" | cut -d' ' -f1)
	last=$(grep -F "$1" log/kamailio.log | tail -n 1 | cut -d' ' -f1)
	[ -n "$first" ] && [ -n "$last" ] || return
	echo $(($(date -d "$last" +%s%6N) - $(date -d "$first" +%s%6N)))
}

dropped() { # ADDRESS: packets
	inside server nft -j list set inet provctl ban4_32 |
		jq --arg ip "$1" '.nftables[].set // empty | .elem[].elem | select(.val == $ip) | .counter.packets'
}

@test "of fifty phones behind one address, one with an old password, none is turned away; who guesses names or passwords is banned within a second" {
	registrar
	passes 3>&- &
	passing=$!
	phones office register 101-149 secret- 16 256 5060
	office=$!
	phones home register 150-150 secret- 1 16 5060
	home=$!
	phones office stale 100-100 old- 2 32 5070
	stale=$!
	sleep 3
	begin nsenter -t "${space[scanner]}" -n svwar -e 1000-9999 -m REGISTER 203.0.113.1 >run/svwar.out 2>&1
	begin nsenter -t "${space[cracker]}" -n svcrack -u 101 -r 1-99999 203.0.113.1 >run/svcrack.out 2>&1
	answered "$stale" run/office-stale 32
	answered "$home" run/home-register 16
	answered "$office" run/office-register 256
	touch stop
	wait "$passing"
	passing=
	same "$(cat run/pass.err)" ""

	same "$(json '.ip + " " + .trigger' bans | sort)" "203.0.113.66 sip-enumeration
203.0.113.67 sip-brute-force"
	same "$(json 'select(.what == "reported") | .ip + " " + .rule' log)" "203.0.113.10 sip-brute-force-known"
	for seen in "$(seen_for 203.0.113.66 unknown_user 5)" "$(seen_for 203.0.113.67 auth_failed 20)"; do
		echo "seen for $seen us after the limit"
		[ "$seen" -lt 1000000 ]
	done
	# They went on, and the kernel dropped it.
	[ "$(dropped 203.0.113.66)" -gt 100 ]
	[ "$(dropped 203.0.113.67)" -gt 100 ]
	[ "$(grep -c 'provctl: auth_failed src=203.0.113.10 ' log/kamailio.log)" = 32 ]
}
