# What every scenario needs: a folder of its own, a configuration, logs that are written as a story goes, and the programs of the build
# tree. A story has a clock: `at 25h` is 25 hours after it began, for the lines that follow and for provctl alike.

bats_require_minimum_version 1.5.0
export LC_ALL=C TZ=UTC
start=1795341600 # 2026-11-22T10:00:00Z

# The programs under test; valgrind or another wrapper may be named in PROVCTL_RUN.
bin=${top_builddir:-$BATS_TEST_DIRNAME/../..}

setup() {
	new_story
}

# new_story: the folder, empty logs, the configuration. For a setup of a file's own, behind what it needs: bats takes a skip in setup_file for a failure.
new_story() {
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	mkdir log
	: >log/web.log
	: >log/sip.log
	configure
	at 0s
}

teardown() {
	cd /
	rm -rf "$folder"
}

# configure [YAML]: the configuration, with more lines at its end. Keys given there replace the same top-level keys here.
configure() {
	local more=${1:-} key
	: >provctl.yaml
	for key in "state: $folder/state" \
		"lockstate: {path: $folder/publish/lockstate, group: \"\"}" \
		"rules: [${top_srcdir:-$BATS_TEST_DIRNAME/../..}/rules]" \
		"firewall: {backend: none}" \
		"sources: [{path: $folder/log/web.log, format: combined, account: acct1}, {path: $folder/log/sip.log, format: asterisk}]"; do
		grep -q "^${key%%:*}:" <<<"$more" || echo "$key" >>provctl.yaml
	done
	[ -z "$more" ] || echo "$more" >>provctl.yaml
	# Nobody else can read what a test of root's makes. At the end: faults are told with their line.
	grep -q "^users:" <<<"$more" || echo "users: {enforcer: root, analyzer: root}" >>provctl.yaml
}

# at DURATION: the story's clock, counted from its start. Several units may be added: "25h 30s".
at() {
	local part seconds=0
	for part in $1; do
		case $part in
		*d) seconds=$((seconds + ${part%d} * 86400)) ;;
		*h) seconds=$((seconds + ${part%h} * 3600)) ;;
		*m) seconds=$((seconds + ${part%m} * 60)) ;;
		*s) seconds=$((seconds + ${part%s})) ;;
		esac
	done
	now=$((start + seconds))
	export PROVCTL_CLOCK=@$now
}

# web ADDRESS REQUEST STATUS [AGENT [USER]]: a line in the web server's log; REQUEST is "GET /x".
web() {
	printf '%s - %s [%(%d/%b/%Y:%H:%M:%S +0000)T] "%s HTTP/1.1" %s 512 "-" "%s"\n' \
		"$1" "${5:--}" "$now" "$2" "$3" "${4:--}" >>log/web.log
}

# fetch ADDRESS MAC STATUS [AGENT]: a phone's request for its configuration.
fetch() {
	web "$1" "GET /$2.cfg" "$3" "${4:--}"
}

# sip EVENT ADDRESS USER [TRANSPORT [SESSION]]: a security event of Asterisk. EVENT is InvalidPassword, InvalidAccountID,
# SuccessfulAuth or FailedACL; an InvalidPassword shows the nonce that was sent.
sip() {
	local transport=${4:-UDP} session=${5:-session-$RANDOM$RANDOM} tail=
	case $1 in
	InvalidPassword) tail=',Challenge="41d26de5",ReceivedChallenge="41d26de5",ReceivedHash="5e44"' ;;
	SuccessfulAuth) tail=',UsingPassword="1"' ;;
	esac
	printf '[%(%Y-%m-%d %H:%M:%S)T] SECURITY[100] res_security_log.c: SecurityEvent="%s",EventTV="%(%Y-%m-%dT%H:%M:%S)T.000+0000",' \
		"$now" "$1" "$now" >>log/sip.log
	printf 'Severity="%s",Service="PJSIP",EventVersion="1",AccountID="%s",SessionID="%s",LocalAddress="IPV4/%s/192.0.2.1/5060",' \
		"$([ "$1" = SuccessfulAuth ] && echo Informational || echo Error)" "$3" "$session" "$transport" >>log/sip.log
	printf 'RemoteAddress="IPV4/%s/%s/5060"%s\n' "$transport" "$2" "$tail" >>log/sip.log
}

provctl() {
	# shellcheck disable=SC2086 # a wrapper may have options
	${PROVCTL_RUN:-} "$bin/provctl" -c "$folder/provctl.yaml" "$@"
}

pass() {
	provctl analyze "$@" >"$folder/pass.out" 2>"$folder/pass.err" || {
		local status=$?
		cat "$folder/pass.out" "$folder/pass.err"
		return "$status"
	}
}

# device MAC: its line in the lock-state file, without the first two words; empty where it has none.
device() {
	sed -n "s/^device $1 //p" "$folder/publish/lockstate"
}

same() { # GOT WANTED
	if [ "$1" != "$2" ]; then
		printf 'wanted: %s\ngot:    %s\n' "$2" "$1"
		return 1
	fi
}

# wants MAC LINE: the device's line is that.
wants() {
	same "$(device "$1")" "$2"
}

# banned: the addresses that are banned now, one a line, sorted; from the list that is published.
banned() {
	sed -n 's/^ban \([^ ]*\) .*/\1/p' "$folder/publish/bans" | sort
}

# All that a user can see of the state: devices, bans, the record, what is published, how far the logs were read.
dump() {
	provctl list --json
	provctl bans --all --json
	provctl log --json
	cat publish/lockstate publish/bans
	provctl status --json | jq '.sources[] | {source, lines, events, unreadable, lag}'
}

# forget: as if nothing had been read yet.
forget() {
	rm -rf state publish
}

# problem_of ABOUT: what status tells of that; empty where all is well.
problem_of() {
	provctl status --json | jq -r --arg about "$1" '.problems[] | select(.about == $about) | .problem'
}

# Two such dumps are the same.
alike() { # A B
	cmp "$1" "$2" || {
		diff "$1" "$2" | head -20
		return 1
	}
}

# is_over PID: there is no such process, or nothing but its end to be told to its parent
is_over() {
	! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# soon COMMAND...: it succeeds within 20 s
soon() {
	for _ in {1..400}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	echo "not within 20 s: $*"
	return 1
}

# fails STATUS COMMAND...: it ends with that status; its output is in $output.
fails() {
	local status=0 wanted=$1
	shift
	output=$("$@" 2>&1) || status=$?
	[ "$status" = "$wanted" ] || {
		printf 'wanted exit %s, got %s: %s\n' "$wanted" "$status" "$output"
		return 1
	}
}

# has TEXT: the last output holds it.
has() {
	grep -qF -- "$1" <<<"$output" || {
		printf 'wanted: %s\nin:     %s\n' "$1" "$output"
		return 1
	}
}

# json FILTER VERB...: what jq makes of a verb's JSON.
json() {
	local filter=$1
	shift
	provctl "$@" --json | jq -r "$filter"
}

# recorded WORD: how often the record holds it.
recorded() {
	provctl log --json | jq -r 'select(.what == "'"$1"'") | .time' | grep -c . || true
}

# without_sanitizers WHY: skips the test in a build with sanitizers.
without_sanitizers() {
	if ldd "$bin/provctl" | grep -q libasan; then
		skip "$1"
	fi
}

# A build for coverage counts in the programs themselves.
without_coverage() {
	if grep -qa __gcov_dump "$bin/provctl"; then
		skip "$1"
	fi
}

# for_nobody: programs and rules that nobody, too, may read: the tree may stand below a folder that is root's alone.
for_nobody() {
	mkdir bin
	cp "$bin"/provctl "$bin"/prov-analyzer "$bin"/prov-enforcer bin
	cp -r "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/rules" .
	chmod -R a+rX bin rules
	configure "rules: [$folder/rules]"
}

as_nobody() { # VERB...: as user nobody, behind for_nobody
	setpriv --reuid nobody --regid nogroup --clear-groups "$folder/bin/provctl" -c "$folder/provctl.yaml" "$@"
}

# start_daemon, stop: a running enforcer, and its end, whose status is given.
start_daemon() {
	"$bin/prov-enforcer" -c provctl.yaml >enforcer.out 2>enforcer.err 3>&- &
	daemon=$!
	for _ in {1..100}; do
		[ ! -S state/events.sock ] || return 0
		sleep 0.05
	done
	cat enforcer.err
	return 1
}

stop() {
	local status=0
	kill -TERM "$daemon"
	wait "$daemon" || status=$?
	daemon=
	return $status
}
