# Who the programs are and what they may do, looked at from outside while they run: as root starts them from cron, and as their users.

load setup

# Users of this test alone: in the mount namespace that tests/bats.sh made.
with_users() {
	[ "$(id -u)" = 0 ] || skip "only root becomes another user"
	[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] || skip "no mount namespace here"
	cp /etc/passwd /etc/group .
	sed -i '/^provctl/d' passwd group
	printf '%s\n' provctl:x:64101:64101::/:/bin/false provctl-analyzer:x:64102:64102::/:/bin/false >>passwd
	sed -i 's/^\(adm:.*\)/\1,provctl-analyzer/; s/:,/:/' group
	printf '%s\n' provctl:x:64101: provctl-analyzer:x:64102:provctl >>group
	mount --bind passwd /etc/passwd
	mount --bind group /etc/group
	bound=1
	for_nobody
	configure "rules: [$folder/rules]
users: {enforcer: provctl, analyzer: provctl-analyzer}"
	chmod 755 "$folder" log
	chmod 644 log/*
}

teardown() {
	local pid
	for pid in ${pids:-}; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	[ -z "${bound:-}" ] || umount /etc/passwd /etc/group
	cd /
	rm -rf "$folder"
}

child() { # PARENT NAME: its child of that name
	pgrep -P "$1" -x "$2"
}

# of PID FIELD: a line of its status in /proc, blanks made single
of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '\t ' ' ' | sed 's/ $//'
}

# confined PID UID CAPABILITIES: it is that user, and has nothing else
confined() {
	same "$(of "$1" Uid)" "$2 $2 $2 $2"
	same "$(of "$1" Gid)" "$2 $2 $2 $2"
	same "$(of "$1" CapPrm) $(of "$1" CapEff)" "$3 $3"
	same "$(of "$1" CapInh) $(of "$1" CapAmb)" "0000000000000000 0000000000000000"
	same "$(of "$1" NoNewPrivs)" 1
	same "$(sed -n 's/^Max core file size *\([0-9]*\) .*/\1/p' "/proc/$1/limits")" 0
}

none=0000000000000000 net_admin=0000000000001000 read_all=0000000000000004

follow() {
	"$bin/provctl" -c provctl.yaml analyze --follow >follow.out 2>follow.err 3>&- &
	follower=$!
	pids="${pids:-} $follower"
	soon child "$follower" prov-analyzer
	analyzer=$(child "$follower" prov-analyzer)
	soon door_closed "$analyzer"
}

door_closed() {
	[ "$(of "$1" Seccomp)" = 2 ]
}

@test "started by root, each program is a user of its own, without capabilities but one, behind a closed door" {
	with_users
	ulimit -c unlimited # so that who leaves none gave it up
	start_daemon
	pids=$daemon
	follow
	soon child "$daemon" prov-hook
	soon door_closed "$daemon"
	confined "$daemon" 64101 $net_admin
	confined "$analyzer" 64102 $none
	confined "$(child "$daemon" prov-hook)" 64101 $none
	# Nor can any capability come back, from a file or from root.
	same "$(of "$daemon" CapBnd) $(of "$analyzer" CapBnd)" "$net_admin $none"
	same "$(sed -n 's/^Max open files *\([0-9]*\) .*/\1/p' "/proc/$analyzer/limits")" 16384
	same "$(of "$analyzer" Seccomp_filters)" 2 # the second forbids executable memory
	same "$(of "$analyzer" Groups)" "$(getent group adm | cut -d: -f3) $(getent group systemd-journal | cut -d: -f3) 64102" ||
		same "$(of "$analyzer" Groups)" "$(getent group adm | cut -d: -f3) 64102"
	# What came in meanwhile was read.
	fetch 203.0.113.7 001565abcdef 200
	soon grep -q '^device 001565abcdef locked' publish/lockstate
	kill "$follower"
	wait "$follower"
	stop
}

# Two of them, and a running enforcer.
with_workers() {
	with_users
	configure "rules: [$folder/rules]
users: {enforcer: provctl, analyzer: provctl-analyzer}
workers: 2"
	start_daemon
	pids=$daemon
}

@test "workers of an analyzer are confined as it is, without its link to the enforcer" {
	local worker
	with_workers
	# Before it answers, nothing is lent to them.
	kill -STOP "$daemon"
	"$bin/provctl" -c provctl.yaml analyze >pass.out 2>pass.err 3>&- &
	follower=$!
	pids="$pids $follower"
	soon child "$follower" prov-analyzer
	analyzer=$(child "$follower" prov-analyzer)
	soon eval '[ "$(child "$analyzer" prov-analyzer | wc -l)" = 2 ]'
	for worker in $(child "$analyzer" prov-analyzer); do
		pids="$pids $worker"
		soon eval '[ "$(of "$worker" Seccomp_filters)" = 2 ]'
		confined "$worker" 64102 $none
		same "$(of "$worker" CapBnd)" $none
		same "$(of "$worker" Groups)" "$(of "$analyzer" Groups)"
		# Of sockets there is the one to the pass alone.
		same "$(find "/proc/$worker/fd" -lname 'socket:*' | wc -l)" 1
	done
	kill -CONT "$daemon"
	wait "$follower"
	stop
}

@test "where no process can be made a pass reads without workers, and says so" {
	with_workers
	fetch 203.0.113.7 001565abcdef 200
	# Who looks for leaks makes a process of its own for it.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 prlimit --nproc=1 "$bin/provctl" -c provctl.yaml analyze >pass.out
	grep -q '^device 001565abcdef locked' publish/lockstate
	same "$(problem_of workers)" \
		"0 of 2 processes to read logs beside each other could be started: Resource temporarily unavailable"
	"$bin/provctl" -c provctl.yaml analyze >pass.out
	same "$(problem_of workers)" ""
	stop
}

@test "the state is the enforcer's alone; what is published and the sockets are open to whom they are for" {
	with_users
	start_daemon
	pids=$daemon
	provctl add 001565abcdef
	same "$(stat -c '%a %U %G' state)" "751 provctl provctl"
	same "$(stat -c '%a %U %G' state/lock state/state.db | sort -u)" "640 provctl provctl"
	same "$(stat -c '%a %U %G' state/control.sock)" "660 provctl provctl"
	same "$(stat -c '%a %U %G' state/events.sock)" "660 provctl provctl-analyzer"
	same "$(stat -c '%a %U' publish)" "755 provctl"
	same "$(stat -c '%a %U' publish/lockstate publish/bans | sort -u)" "640 provctl"
	stop
}

@test "passes of root's, the service and its user's commands work on one state" {
	with_users
	fetch 203.0.113.7 001565abcdef 200
	pass
	# As systemd starts it.
	setpriv --reuid provctl --regid provctl --init-groups "$bin/prov-enforcer" -c provctl.yaml 2>enforcer.err 3>&- &
	daemon=$!
	pids=$daemon
	soon test -S state/events.sock
	setpriv --reuid provctl --regid provctl --init-groups "$folder/bin/provctl" -c provctl.yaml unlock 001565abcdef
	provctl lock 001565abcdef
	stop
	fetch 203.0.113.8 001565abcdf0 200
	pass
	wants 001565abcdf0 "locked - 203.0.113.8 provisioned acct1"
	same "$(find state publish ! -user provctl)" ""
}

@test "what root made before there were such users is given to them, and no link is followed" {
	with_users
	local users="users: {enforcer: provctl, analyzer: provctl-analyzer}"
	sed -i 's/^users:.*/users: {enforcer: root, analyzer: root}/' provctl.yaml
	fetch 203.0.113.7 001565abcdef 200
	pass
	same "$(stat -c %U state/state.db)" root
	echo secret >secret
	ln -s "$folder/secret" state/link
	ln secret state/second
	sed -i "s/^users:.*/$users/" provctl.yaml
	chown -R provctl: publish
	provctl show 001565abcdef | grep -q locked
	same "$(stat -c %U state state/state.db state/lock | sort -u)" provctl
	same "$(stat -c %U secret)" root
	fetch 203.0.113.8 001565abcdf0 200
	pass
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	wants 001565abcdf0 "locked - 203.0.113.8 provisioned acct1"
}

@test "a user that does not exist is told with what makes him, and nothing is done as root" {
	[ "$(id -u)" = 0 ] || skip "only root becomes another user"
	configure "users: {enforcer: no-such-user, analyzer: root}"
	fails 4 provctl status
	has "user no-such-user does not exist: \`systemd-sysusers\` or \`useradd --system no-such-user\` makes it; or set users.enforcer to another one"
	[ ! -e state ]
	configure "users: {enforcer: root, analyzer: no-such-user}"
	fetch 203.0.113.7 001565abcdef 200
	fails 4 provctl analyze
	has "user no-such-user does not exist"
	fails 1 provctl show 001565abcdef
}

@test "named in the configuration root stays root, and keeps of it what it needs" {
	[ "$(id -u)" = 0 ] || skip "only root stays root"
	start_daemon
	pids=$daemon
	follow
	soon door_closed "$daemon"
	confined "$daemon" 0 $net_admin
	confined "$analyzer" 0 $read_all
	kill "$follower"
	wait "$follower"
	stop
}

@test "who is not root stays who he is, behind the same closed door" {
	[ "$(id -u)" = 0 ] || skip "only root becomes another user"
	for_nobody
	chmod 755 "$folder" log
	chmod 644 log/*
	mkdir state publish
	chown nobody:nogroup state publish
	setpriv --reuid nobody --regid nogroup --clear-groups "$folder/bin/provctl" -c provctl.yaml analyze --follow 2>follow.err 3>&- &
	follower=$!
	pids=$follower
	soon child "$follower" prov-analyzer
	soon door_closed "$(child "$follower" prov-analyzer)"
	soon door_closed "$(child "$follower" prov-enforcer)"
	confined "$(child "$follower" prov-analyzer)" 65534 $none
	confined "$(child "$follower" prov-enforcer)" 65534 $none
	# What cannot be looked into by its own user belongs to root; a sanitizer looks.
	ldd "$bin/provctl" | grep -q libasan ||
		same "$(stat -c %U "/proc/$(child "$follower" prov-analyzer)/mem" "/proc/$(child "$follower" prov-enforcer)/mem" | sort -u)" root
	kill "$follower"
	wait "$follower"
}

@test "the analyzer's user may bring events, and give no commands" {
	with_users
	local as_analyzer=(setpriv --reuid provctl-analyzer --regid provctl-analyzer --init-groups "$folder/bin/provctl" -c provctl.yaml)
	start_daemon
	pids=$daemon
	fails 4 "${as_analyzer[@]}" unlock 001565abcdef
	has "no permission to give commands"
	fails 4 "${as_analyzer[@]}" analyze
	"${as_analyzer[@]}" analyze --follow 2>follow.err 3>&- &
	follower=$!
	pids="$pids $follower"
	fetch 203.0.113.7 001565abcdef 200
	soon grep -q '^device 001565abcdef locked' publish/lockstate
	# The enforcer comes and goes.
	stop
	start_daemon
	pids="$pids $daemon"
	fetch 203.0.113.8 001565abcdf0 200
	soon grep -q '^device 001565abcdf0 locked' publish/lockstate
	kill "$follower"
	wait "$follower"
	stop
}

@test "a log that the analyzer's user may not read is told with the command that opens it" {
	with_users
	echo voip:x:64103: >>group
	chgrp voip log/web.log
	chmod 640 log/web.log
	fetch 203.0.113.7 001565abcdef 200
	output=$(provctl check 2>&1)
	has "$folder/log/web.log: provctl-analyzer may not read it: \`usermod -aG voip provctl-analyzer\` lets it"
	output=$(provctl analyze 2>&1)
	has "usermod -aG voip provctl-analyzer"
	output=$(provctl status || true)
	has "; provctl-analyzer may not read it: \`usermod -aG voip provctl-analyzer\` lets it"
	# In its place: another file would not be what is mounted.
	sed 's/^voip:.*/&provctl-analyzer/' group >group.new
	cat group.new >group
	pass
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	chgrp root log/web.log
	output=$(provctl check 2>&1)
	has "setfacl -R -m u:provctl-analyzer:rX -m d:u:provctl-analyzer:rX $folder/log"
	chmod 700 log
	output=$(provctl check 2>&1)
	has "setfacl -R -m u:provctl-analyzer:rX -m d:u:provctl-analyzer:rX $folder/log"
}

@test "an analyzer ends with the command that started it, whoever it has become" {
	with_users
	mkfifo input
	"$bin/provctl" -c provctl.yaml analyze --format combined - <input >out 2>err 3>&- &
	local command=$!
	pids=$command
	exec 7>input
	soon child $command prov-analyzer
	analyzer=$(child $command prov-analyzer)
	# It was told to begin, and waits for nobody but its input, when it takes more than a pipe holds.
	timeout 60 perl -e 'print "no line\n" x 30000' >&7
	kill -KILL $command
	wait $command || true
	soon is_over "$analyzer" || {
		cat "/proc/$analyzer/status"
		false
	}
	exec 7>&-
}

@test "a forbidden system call ends the program, and whoever started it says so" {
	mkfifo input
	"$bin/provctl" -c provctl.yaml analyze --format combined - <input >out 2>err 3>&- &
	local command=$!
	pids=$command
	exec 7>input
	soon child $command prov-analyzer
	soon door_closed "$(child $command prov-analyzer)"
	kill -SYS "$(child $command prov-analyzer)"
	exec 7>&-
	local status=0
	wait $command || status=$?
	same $status 4
	output=$(cat err)
	has "prov-analyzer was ended by the kernel for a system call that its sandbox forbids"
}

@test "without seccomp nothing is read and nothing is served" {
	local without=$bin/tests/open/without
	without_sanitizers "they make calls of their own"
	[ -x "$without" ] || skip "tests/open/without is not built"
	start_daemon
	pids=$daemon
	fetch 203.0.113.7 001565abcdef 200
	# All of it, and only what takes a filter (SECCOMP_SET_MODE_FILTER).
	fails 4 "$without" seccomp -- "$bin/provctl" -c provctl.yaml analyze
	has "seccomp"
	fails 4 "$without" seccomp:1 -- "$bin/provctl" -c provctl.yaml analyze
	has "seccomp: the kernel does not take the list of system calls"
	fails 1 provctl show 001565abcdef
	stop
	fails 4 "$without" seccomp -- "$bin/prov-enforcer" -c provctl.yaml
	has "seccomp"
	fails 4 "$without" seccomp:1 -- "$bin/prov-enforcer" -c provctl.yaml
	has "seccomp: the kernel does not take the list of system calls"
}

@test "without Landlock the rest of the door is closed, and status says what is missing" {
	local without=$bin/tests/open/without
	without_sanitizers "they make calls of their own"
	[ -x "$without" ] || skip "tests/open/without is not built"
	fetch 203.0.113.7 001565abcdef 200
	"$without" landlock_create_ruleset -- "$bin/provctl" -c provctl.yaml analyze
	wants 001565abcdef "locked - 203.0.113.7 provisioned acct1"
	output=$("$without" landlock_create_ruleset -- "$bin/provctl" -c provctl.yaml status)
	has "without Landlock, as this kernel has none: owners and modes alone keep files closed"
	same "$("$without" landlock_create_ruleset -- "$bin/provctl" -c provctl.yaml status --json | jq -r .landlock)" "this kernel has none"
}
