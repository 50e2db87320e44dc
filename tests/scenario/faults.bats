# One call fails, is cut short, or is a program's last, at any step of a pass or of a command: what was said to be done is done, the rest is done
# by the next pass, and nothing counts twice. FAULTS=N tries N calls of each kind (FAULTS=all: each); PROVCTL_SEED chooses which.

load setup
load network

setup() {
	without_sanitizers "their allocator cannot be failed"
	command -v cc >/dev/null || skip "needs cc"
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log
	: >log/web.log
	: >log/sip.log
	configure
	at 0s
	cc -O1 -shared -fPIC -o fault.so "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/fault/fault.c" -ldl
}

# A small day: three phones, one that moves, a scanner and a guesser of passwords.
story() {
	local n
	at 0s
	for n in 1 2 3; do
		fetch 203.0.113.$n 00156500000$n 200
	done
	fetch 198.51.100.9 001565000001 403
	for n in {10..24}; do
		fetch 198.51.100.7 0004f20000$n 404
	done
	for n in {1..22}; do
		sip InvalidPassword 198.51.100.8 10$n TCP
	done
	at 30m
}

# faulty PROGRAM:GROUP:N:WHAT VERB...: the verb, with that fault; its status is in $status, 0 hits mean that there was no such call.
faulty() {
	local order=$1
	shift
	rm -f counts
	status=0
	FAULT=$order FAULT_COUNTS=$folder/counts LD_PRELOAD=$folder/fault.so timeout 60 \
		"$bin/provctl" -c "$folder/provctl.yaml" "$@" >faulty.out 2>faulty.err || status=$?
}

counted() { # GROUP: how many calls of it there were; `hits`: how often the fault struck
	local groups=(write grow sync read open rename send receive memory map hits) n
	[ -s counts ] || { echo 0; return; }
	for n in "${!groups[@]}"; do
		[ "${groups[n]}" != "$1" ] || od -An -t u8 -j $((n * 8)) -N 8 counts | tr -d ' '
	done
}

# What a fault may end with: done, or a system's failure that is told in words. Nothing else, and never a signal of its own making.
is_told() { # ORDER
	case $status in
	0) ;;
	4) grep -q '^provctl: ' faulty.err ;;
	*) [[ $1 == provctl:* && $1 == *:kill ]] && [ "$status" = 137 ] ;;
	esac || {
		echo "$1: exit $status: $(cat faulty.out faulty.err)"
		return 1
	}
}

# samples N: some numbers from 1 to N
samples() {
	local n=$1 most=${FAULTS:-3} i
	[ "$most" != all ] && [ "$n" -gt "$most" ] || { seq "$n"; return; }
	for ((i = 0; i < most; i++)); do
		echo $((1 + (i * n + RANDOM % n) / most))
	done
}

forget() {
	rm -rf state publish
	[ ! -e firewall ] || nft delete table inet provctl 2>/dev/null || true
}

# faults_of PASS|UNLOCK PROGRAM GROUP WHAT...: that fault at calls of that group
faults_of() {
	local story=$1 program=$2 group=$3 what order n total
	shift 3
	begin_"$story"
	faulty "$program:$group:0:kill" "${verb[@]}"
	same "$status" 0
	total=$(counted "$group")
	for what in "$@"; do
		for n in $(samples "$total"); do
			case $what in
			*+) order=$program:$group:$n+:${what%+} ;;
			*) order=$program:$group:$n:$what ;;
			esac
			begin_"$story"
			faulty "$order" "${verb[@]}"
			tried=$((tried + 1))
			is_told "$order"
			end_"$story" "$order" || {
				echo "after $order (exit $status: $(cat faulty.err))"
				return 1
			}
		done
	done
}

begin_pass() {
	verb=(analyze)
	forget
}

end_pass() { # ORDER
	# What is said to be done is done. A log that could not be read is told, and read by the next pass: behind what was read of the others.
	if [ "$status" = 0 ] && ! grep -q '^problem: ' faulty.out; then
		cmp publish/lockstate undisturbed.lockstate || return 1
	fi
	pass || return 1
	dump >resumed
	if grep -q '^problem: ' faulty.out; then
		alike <(sort undisturbed) <(sort resumed) || return 1
	else
		alike undisturbed resumed || return 1
	fi
	same "$(ls -A publish | xargs)" "bans lockstate" || return 1
	[ ! -e firewall ] || same "$(nft -j list set inet provctl ban4_32 | jq -r '.nftables[].set.elem? // empty | .[].elem.val' | sort | xargs)" \
		"198.51.100.7 198.51.100.8"
}

begin_unlock() {
	verb=(unlock 001565000002)
	rm -rf state publish
	cp -a before/state before/publish .
}

end_unlock() {
	local opened
	opened=$(provctl show 001565000002 --json | jq -r .state) || return 1
	if [ "$status" = 0 ]; then
		same "$opened" unlocked || return 1
		output=$(device 001565000002)
		has "open " || return 1
	fi
	provctl unlock 001565000002 >/dev/null || return 1
	output=$(device 001565000002)
	has "open " || return 1
	same "$(provctl log 001565000002 --json | jq -r .what | grep -c unlocked)" "$([ "$opened" = unlocked ] && echo 2 || echo 1)"
}

undisturbed() {
	RANDOM=${PROVCTL_SEED:=$RANDOM}
	echo "# seed $PROVCTL_SEED" >&3
	tried=0
	story
	pass
	dump >undisturbed
	cp publish/lockstate undisturbed.lockstate
}

@test "a full or broken disk at any write, growth, sync, rename or read of the enforcer" {
	undisturbed
	faults_of pass prov-enforcer write ENOSPC ENOSPC+ EIO short
	faults_of pass prov-enforcer grow ENOSPC EIO
	faults_of pass prov-enforcer sync EIO EIO+
	faults_of pass prov-enforcer rename EIO ENOSPC+
	faults_of pass prov-enforcer read EIO short
	echo "# $tried faults" >&3
}

@test "no descriptors or no memory at any step of any of the programs" {
	without_coverage "who counts lines does not bear a lack of memory"
	undisturbed
	for program in prov-enforcer prov-analyzer provctl; do
		faults_of pass $program open EMFILE EMFILE+
		faults_of pass $program memory ENOMEM ENOMEM+
		faults_of pass $program map ENOMEM
	done
	echo "# $tried faults" >&3
}

@test "an analyzer that cannot read, or whose words are cut" {
	undisturbed
	faults_of pass prov-analyzer read EIO short
	faults_of pass prov-analyzer write EIO
	faults_of pass prov-analyzer send EINTR short
	faults_of pass prov-analyzer receive EINTR EIO short
	faults_of pass prov-enforcer send EINTR short
	faults_of pass prov-enforcer receive EINTR short
	faults_of pass provctl read EINTR short
	echo "# $tried faults" >&3
}

@test "SIGKILL at any step of any of the programs" {
	undisturbed
	for group in write sync rename send receive open; do
		faults_of pass prov-enforcer $group kill
		faults_of pass prov-analyzer $group kill
	done
	faults_of pass provctl read kill
	faults_of pass provctl open kill
	echo "# $tried faults" >&3
}

@test "an unlock under any fault is done where it says so, and can be given again" {
	undisturbed
	mkdir before
	cp -a state publish before
	faults_of unlock prov-enforcer write ENOSPC+ EIO short kill
	faults_of unlock prov-enforcer sync EIO kill
	faults_of unlock prov-enforcer rename EIO kill
	faults_of unlock prov-enforcer open EMFILE
	faults_of unlock prov-enforcer memory ENOMEM ENOMEM+
	faults_of unlock provctl memory ENOMEM
	echo "# $tried faults" >&3
}

@test "a kernel that refuses, loses or interrupts netlink messages" {
	needs_network
	: >firewall
	configure "firewall: {backend: nftables}"
	undisturbed
	faults_of pass prov-enforcer send ENOBUFS EPERM EPERM+ EINTR
	faults_of pass prov-enforcer receive ENOBUFS EINTR EIO
	faults_of pass prov-enforcer open EMFILE
	faults_of pass prov-enforcer send kill
	echo "# $tried faults" >&3
}

# counted_all N: so many lines are counted, by whichever enforcer there is
counted_all() {
	[ "$(provctl status --json 2>/dev/null | jq .sums.lines)" = "$1" ]
}

# agree: the kernel drops whom the state has banned, and for as long but for a few seconds
agree() {
	provctl bans --json | jq -s -r '[.[] | select(.status == "banned")] | group_by(.ip)[] | [.[0].ip, (map(.until | fromdate) | max)] | @tsv' >state.bans
	nft -j list set inet provctl ban4_32 |
		jq -r '.nftables[].set.elem? // empty | .[].elem | [.val, (now | floor) + .expires] | @tsv' | sort >kernel.bans
	join -a 1 -a 2 state.bans kernel.bans | awk 'NF != 3 || $2 - $3 > 5 || $3 - $2 > 5 { exit 1 }'
}

# follow_through ORDER: two scanners, one of whom guesses passwords too, and a guesser, read as they come, with that fault: by a service that is started
# again when it ends.
follow_through() {
	local n
	rm -f counts
	: >log/web.log
	: >log/sip.log
	forget
	(
		until FAULT=$1 FAULT_COUNTS=$folder/counts LD_PRELOAD=$folder/fault.so "$bin/provctl" -c provctl.yaml analyze --follow; do
			sleep 0.1
		done
	) >>follow.out 2>&1 3>&- &
	pids=($!)
	now=$(date +%s)
	for n in {10..24}; do fetch 198.51.100.7 0004f20000$n 404; done
	until_done counted_all 15 || return 1
	for n in {10..24}; do fetch 198.51.100.8 0004f20000$n 404; done
	for n in {1..22}; do sip InvalidPassword 198.51.100.9 10$n TCP; done
	until_done counted_all 52 || return 1
	for n in {1..22}; do sip InvalidPassword 198.51.100.7 10$n TCP; done
	until_done counted_all 74 || return 1
	until_done agree || {
		diff state.bans kernel.bans
		return 1
	}
	same "$(cut -f 1 kernel.bans | xargs)" "198.51.100.7 198.51.100.8 198.51.100.9" || return 1
	pkill -TERM -P "${pids[0]}" -x provctl
	wait "${pids[0]}"
	pids=()
}

@test "SIGKILL at any send or sync of an enforcer that follows: the kernel holds what the state says" {
	local group n total
	needs_network nft
	unset PROVCTL_CLOCK
	: >firewall
	configure "firewall: {backend: nftables}"
	RANDOM=${PROVCTL_SEED:=$RANDOM}
	echo "# seed $PROVCTL_SEED" >&3
	for group in ${FAULT_GROUPS:-send sync}; do
		follow_through "prov-enforcer:$group:0:kill"
		total=$(counted "$group")
		echo "# $total of $group" >&3
		for n in $(samples "$total"); do
			follow_through "prov-enforcer:$group:$n:kill" || {
				echo "after a kill at $group $n of $total: $(tail follow.out)"
				return 1
			}
		done
	done
}
