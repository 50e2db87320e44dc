# Real phones' traffic on a real SIP server: sipp as honest phones, SIPVicious as the attackers, Kamailio between them, and the kernel that drops.

load setup
load network

setup() {
	needs_network jq perl kamailio sipp svwar svcrack
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log run
	: >log/kamailio.log
	here=$BATS_TEST_DIRNAME/kamailio
	unset PROVCTL_CLOCK
	configure "sources: [{path: $folder/log/kamailio.log, format: syslog}]
firewall: {backend: nftables}"
	space registrar
	space office
	space home
	space scanner
	space cracker
	space flooder
	join "$registrar" 203.0.113.9/30 "$office" 203.0.113.10/30
	join "$registrar" 203.0.113.21/30 "$home" 203.0.113.22/30
	join "$registrar" 198.51.100.65/30 "$scanner" 198.51.100.66/30
	join "$registrar" 198.51.100.69/30 "$cracker" 198.51.100.70/30
	join "$registrar" 198.51.100.73/30 "$flooder" 198.51.100.74/30
}

# Every verb is given on the registrar.
provctl() {
	within "$registrar" "$bin/provctl" -c provctl.yaml "$@"
}

# phones SPACE NAME SERVER SCENARIO FIRST-LAST PASSWORD RATE CALLS PORT: those users register in turn, so many a second; $! is theirs.
phones() {
	local n file=run/$2
	echo SEQUENTIAL >"$file.csv"
	for ((n = ${5%-*}; n <= ${5#*-}; n++)); do echo "$n;[authentication username=$n password=$6$n]" >>"$file.csv"; done
	serve "$1" sipp "$3:5060" -sf "$here/$4.xml" -inf "$file.csv" -r "$7" -m "$8" -p "$9" -timeout 50 -nostdin \
		-trace_stat -stf "$file.stat" -fd 1
}

# counted FILE COLUMN: of sipp's last statistics.
counted() {
	awk -F ';' -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i } END { print $column }' "$1"
}

# answered PID NAME CALLS: sipp ended well; each of its calls went as its scenario says.
answered() {
	local status=0
	wait "$1" || status=$?
	same "$2 exit $status" "$2 exit 0"
	same "$(counted "run/$2.stat" 'SuccessfulCall(C)')" "$3"
	same "$(counted "run/$2.stat" 'FailedCall(C)')" 0
}

# Microseconds from the line by which an address crossed its limit, the Nth that holds those words, to the last that the server saw of it.
seen_for() { # ADDRESS WORDS N
	local first last
	first=$(grep -F "$1" log/kamailio.log | grep -F "$2" | sed -n "$3p" | cut -d' ' -f1)
	last=$(grep -F "$1" log/kamailio.log | tail -n 1 | cut -d' ' -f1)
	[ -n "$first" ] && [ -n "$last" ] || return
	echo $(($(date -d "$last" +%s%6N) - $(date -d "$first" +%s%6N)))
}

dropped() { # ADDRESS: packets
	within "$registrar" nft -j list set inet provctl ban4_32 |
		jq --arg ip "$1" '.nftables[].set // empty | .elem[].elem | select(.val == $ip) | .counter.packets'
}

@test "of fifty phones behind one address, one with an old password, none is turned away; who guesses names or passwords, or floods, is banned within a second" {
	mkfifo run/lines
	background perl "$here/stamp.pl" run/lines log/kamailio.log
	serve "$registrar" bash -c 'exec kamailio -f "$1" -DD -E -m 16 -M 4 -Y run 2>run/lines' - "$here/kamailio.cfg"
	until_done eval 'within "$registrar" ss -lun | grep -q :5060'
	serve "$registrar" "$bin/provctl" -c provctl.yaml analyze --follow
	follower=$!
	phones "$office" office 203.0.113.9 register 101-149 secret- 16 256 5060
	office_ends=$!
	phones "$home" home 203.0.113.21 register 150-150 secret- 1 16 5060
	home_ends=$!
	phones "$office" stale 203.0.113.9 stale 100-100 old- 2 32 5070
	stale_ends=$!
	sleep 3
	serve "$scanner" svwar -e 1000-9999 -m REGISTER 198.51.100.65
	serve "$cracker" svcrack -u 101 -r 1-99999 198.51.100.69
	serve "$flooder" sipp 198.51.100.73:5060 -sf "$here/options.xml" -r 300 -m 1500 -timeout 12 -nostdin
	answered "$stale_ends" stale 32
	answered "$home_ends" home 16
	answered "$office_ends" office 256
	kill "$follower"
	wait "$follower"

	same "$(json '.ip + " " + .trigger' bans | sort)" "198.51.100.66 sip-enumeration
198.51.100.70 sip-brute-force
198.51.100.74 sip-flood"
	same "$(json 'select(.what == "reported") | .ip + " " + .rule' log)" "203.0.113.10 sip-brute-force-known"
	same "$(grep -c 'provctl: auth_failed src=203.0.113.10 ' log/kamailio.log)" 32
	for seen in "$(seen_for 198.51.100.66 'provctl: unknown_user' 5)" "$(seen_for 198.51.100.70 'provctl: auth_failed' 20)" \
		"$(seen_for 198.51.100.74 'pike' 3)"; do
		echo "seen for $seen us after the limit"
		[ "$seen" -lt 1000000 ]
	done
	# They went on, and the kernel dropped it.
	[ "$(dropped 198.51.100.66)" -gt 100 ]
	[ "$(dropped 198.51.100.70)" -gt 100 ]
	[ "$(dropped 198.51.100.74)" -gt 100 ]
}
