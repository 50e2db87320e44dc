# The hook: a program of the operator's is told what happened, at least once each and in order, and has nothing of ours.

load setup

teardown() {
	[ -z "${daemon:-}" ] || kill -KILL "$daemon" 2>/dev/null || true
	cd /
	rm -rf "$folder"
}

# hook SCRIPT [YAML]: a hook whose body that is, run by sh. $folder stands for the test's.
hook() {
	printf '#!/bin/sh\nfolder=%s\n%s\n' "$folder" "$1" >hook.new
	chmod +x hook.new
	mv hook.new hook
	configure "hook: $folder/hook
${2:-}"
}

# Each document is a line of `told`.
tells='cat >>$folder/told'

# wait_for COMMAND...: until it succeeds, 20 s at most
wait_for() {
	for _ in {1..400}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	"$@"
}

# told FILTER: what jq makes of each document
told() {
	jq -r "$1" told
}

count_told() {
	[ "$(wc -l <told)" -ge "$1" ]
}

# scan ADDRESS: enough for a ban
scan() {
	local i
	for i in {10..20}; do fetch "$1" "0015650000$i" 404; done
}

problems() {
	problem_of hook
}

problem() {
	problems | grep -qF "$1"
}

no_hook_runs() {
	[ -z "$(pgrep -f "$folder/hook" || true)" ]
}

no_problem() {
	[ -z "$(problems)" ]
}

home=203.0.113.7
away=198.51.100.4
mac=001565abcdef

# attack_on_unlocked: the device of user 100 is unlocked, locked again and then attacked, which makes it held
attack_on_unlocked() {
	printf 'mac,account,user,realm,home\n%s,acct1,100,pbx.example,%s\n' $mac $home >phones.csv
	provctl import phones.csv
	at 1h
	provctl unlock $mac --for 1h
	at 3h
	for n in {1..30}; do sip InvalidPassword 192.0.2.$((n + 50)) 100; done
	pass
}

@test "exposed, held and banned are told in the order in which they happened" {
	hook "$tells"
	fetch $home $mac 200
	fetch $away $mac 200
	scan 198.51.100.66
	pass
	same "$(told .what)" "exposed
banned"
	same "$(told .id)" "1
2"
	same "$(jq -r 'select(.what == "exposed") | "\(.mac) \(.account) \(.state) \(.reason) \(.home[0]) \(.ip) \(.rule) \(.disable_sip)"' told)" \
		"$mac acct1 locked provisioned $home $away rule 5 false"
	[[ $(jq -r 'select(.what == "exposed") | .evidence' told) == *001565abcdef.cfg* ]]
	same "$(jq -r 'select(.what == "banned") | "\(.ip) \(.rule) \(.until) \(.level)"' told)" \
		"198.51.100.66 provisioning-scan 2026-11-22T11:00:00Z 0"
}

@test "rule 13: a held device is told with disable_sip and its users" {
	hook "$tells"
	attack_on_unlocked
	same "$(jq -c 'select(.what == "held") | [.mac, .state, .disable_sip, .users]' told)" \
		'["001565abcdef","held",true,[{"user":"100","realm":"pbx.example"}]]'
	same "$(jq -c 'select(.what != "held" and .disable_sip == true)' told)" ""
}

@test "a device that is locked as suspicious is told" {
	hook "$tells"
	printf 'mac,account,user\n%s,acct1,100\n' $mac >phones.csv
	provctl import phones.csv
	for n in {1..30}; do sip InvalidPassword 192.0.2.$((n + 50)) 100; done
	pass
	same "$(jq -r 'select(.what == "suspected") | "\(.reason) \(.disable_sip)"' told)" "suspicious false"
}

@test "what an admin orders is not told" {
	hook "$tells"
	provctl add $mac
	provctl ban 198.51.100.66 --for 1h
	provctl lock $mac
	pass
	[ ! -e told ]
}

@test "mode: watch and pause --locks tell nothing" {
	hook "$tells" "mode: watch"
	scan 198.51.100.66
	fetch $home $mac 200
	fetch $away $mac 200
	pass
	[ ! -e told ]
	hook "$tells"
	provctl pause --locks
	scan 198.51.100.67
	pass
	provctl resume
	pass
	[ ! -e told ]
}

@test "what waits when the locks are paused is told after the resume" {
	hook 'exit 1'
	scan 198.51.100.66
	pass
	hook "$tells"
	provctl pause --locks
	pass
	[ ! -e told ]
	provctl resume
	pass
	same "$(told .what)" banned
}

@test "without a hook nothing is kept for one" {
	hook 'exit 1'
	scan 198.51.100.66
	pass
	configure
	pass
	hook "$tells"
	pass
	[ ! -e told ]
}

@test "every document is told at least once and in order, over SIGKILL at random points" {
	local wanted=0 kills=0 rounds=0
	hook "$tells; sleep 0.0\$((\$(od -An -N1 -tu1 /dev/urandom) % 10))"
	# However quick a pass is.
	while [ $kills -lt 10 ] || [ $rounds -lt 25 ]; do
		[ $((++rounds)) -le 80 ]
		for _ in 1 2 3; do scan 198.51.100.$((wanted += 1)); done
		provctl analyze >/dev/null 2>&1 &
		local analyze=$!
		sleep "0.$(printf %03d $((RANDOM % 600)))"
		for pid in $(pgrep -f "^[^ ]*prov-enforcer .*$folder" || true); do
			kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1))
		done
		wait $analyze || true
	done
	echo "# $kills kills" >&3
	[ $kills -ge 10 ]
	pass
	# Repeats come next to each other; without them all are there, in order.
	told .id | uniq >ids
	seq $wanted | cmp - ids
	same "$(told '"\(.id) \(.ip)"' | uniq | wc -l)" $wanted
	same "$(told .ip | uniq)" "$(for i in $(seq $wanted); do echo 198.51.100.$i; done)"
}

@test "an enforcer that is killed while the hook runs takes it along, and tells again" {
	hook "$tells; sleep 60; echo survived >\$folder/survived"
	scan 198.51.100.66
	start_daemon
	pass
	wait_for count_told 1
	kill -KILL "$daemon"
	wait "$daemon" || true
	wait_for no_hook_runs
	hook "$tells"
	start_daemon
	wait_for count_told 2
	same "$(told .id)" "1
1"
	stop
}

@test "a slow hook holds up nobody; after 10 s it is killed with its children and tried again" {
	hook "$tells; [ -e \$folder/quick ] || { touch \$folder/quick; sleep 600 & echo \$! >\$folder/grandchild; wait; }"
	scan 198.51.100.66
	start_daemon
	pass
	wait_for test -s grandchild
	for _ in 1 2 3; do timeout 2 "$bin/provctl" -c provctl.yaml list >/dev/null; done
	fetch $home $mac 200
	timeout 3 "$bin/provctl" -c provctl.yaml analyze
	wait_for count_told 2
	same "$(told '"\(.id) \(.try)"')" "1 1
1 2"
	wait_for is_over "$(cat grandchild)"
	[ -z "$(problems)" ]
	stop
}

@test "a hook that fails is tried again before the next document is told" {
	hook "$tells; echo x >>\$folder/tries; [ \$(wc -l <\$folder/tries) -ge 3 ]"
	scan 198.51.100.66
	scan 198.51.100.67
	start_daemon
	pass
	wait_for count_told 4
	same "$(told '"\(.id) \(.try)"')" "1 1
1 2
1 3
2 1"
	stop
}

@test "after 8 tries a document is set aside, status says why, and sync tries it again" {
	hook "$tells; echo 'no route to the pager' >&2; exit 3"
	scan 198.51.100.66
	for _ in {1..8}; do pass; done
	same "$(told .try | tail -n 1)" 8
	[[ $(problems) == *"1 set aside after 8 tries"*"ended with status 3: no route to the pager"* ]]
	fails 1 provctl status
	pass
	same "$(wc -l <told)" 8
	hook "$tells"
	provctl sync
	pass
	same "$(told '"\(.id) \(.try)"' | tail -n 1)" "1 1"
	[ -z "$(problems)" ]
}

@test "a program that is missing is no fault of the document: it waits, and status says so" {
	configure "hook: $folder/hook"
	scan 198.51.100.66
	for _ in {1..10}; do pass; done
	start_daemon
	wait_for problem 'cannot be started: No such file'
	[[ $(problems) == *"1 to be told"* ]]
	[[ $(problems) != *"set aside"* ]]
	hook "$tells"
	wait_for count_told 1
	same "$(told .try)" 1
	wait_for no_problem
	stop
}

@test "huge output is taken and bounded, and its end is shown escaped" {
	hook "head -c 20000000 /dev/zero; printf '\\033[31mlast words'; $tells; exit 1"
	scan 198.51.100.66
	start_daemon
	pass
	wait_for count_told 1
	wait_for problem 'last words'
	[ "$(problems | wc -c)" -lt 1200 ]
	[[ $(problems) == *'\x1b[31mlast words'* ]]
	stop
}

@test "the hook has no capability, no descriptor, no environment and no signal mask of ours" {
	# shellcheck disable=SC2016
	hook 'grep -E "^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|SigBlk|SigIgn):" /proc/self/status >$folder/status
		perl -e "opendir D, q(/proc/self/fd); print map { \$_ . q( -> ) . readlink(qq(/proc/self/fd/\$_)) . qq(\n) } grep !/^\\./, readdir D" >$folder/fds
		tr "\0" "\n" </proc/$$/environ >$folder/environ
		pwd >$folder/pwd
		cut -d" " -f5 /proc/$$/stat >$folder/group; echo $$ >$folder/pid
		cat >>$folder/told'
	scan 198.51.100.66
	start_daemon
	pass
	wait_for count_told 1
	# Signals 32 and 33 are the C library's own: nobody can set them, and whoever starts the tests may ignore them.
	same "$(sed '/^SigIgn/s/0000000180000000/0000000000000000/' status | awk '/^(Cap|Sig)/ { print $2 }' | sort -u)" 0000000000000000
	same "$(awk '/^NoNewPrivs/ { print $2 }' status)" 1
	same "$(cut -d= -f1 environ)" PATH
	same "$(cat pwd)" /
	same "$(cat group)" "$(cat pid)"
	# The document, our redirection, what it prints, and the folder that is being read.
	cat fds
	same "$(grep -vE -- '^(0 -> /memfd:provctl-hook .*|1 -> .*/fds|2 -> pipe:.*|3 -> /proc/[0-9]+/fd)$' fds)" ""
	stop
}

@test "a pass ends when what is left must wait, and no command waits for the hook" {
	hook "sleep 2; exit 1"
	for i in {1..5}; do scan 198.51.100.$i; done
	SECONDS=0
	pass
	timeout 1.9 "$bin/provctl" -c provctl.yaml list >/dev/null # the hook takes longer
	[ $SECONDS -lt 8 ]
}

@test "analyze --follow tells while it follows" {
	hook "$tells"
	"$bin/provctl" -c provctl.yaml analyze --follow >follow.out 2>follow.err 3>&- &
	daemon=$!
	scan 198.51.100.66
	wait_for count_told 1
	scan 198.51.100.67
	wait_for count_told 2
	stop
}

@test "a dry run tells nobody" {
	hook "$tells"
	scan 198.51.100.66
	provctl analyze --dry-run
	[ ! -e told ]
}
