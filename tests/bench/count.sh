#!/usr/bin/env bash
# Instructions that a line costs either program, by valgrind: what time cannot tell on a busy machine. The difference of two passes, one over more lines
# than the other, so that the start does not count. Speaks TAP.
#
# `make counts` counts anew and writes tests/bench/counts, as is needed when a line may cost more than it did, or when it has become so much cheaper that
# the former count would hide a relapse; the commit says why. A count may be exceeded by a tenth.
set -eu
top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${top_builddir:-.}" && pwd)
counts=$top/tests/bench/counts
slack=10 # percent
export LC_ALL=C TZ=UTC PROVCTL_CLOCK=@1797000000

# What is counted: the kind of log (tests/bench/logs), its format, the phones that are known before, and the lines of the two passes.
inputs=(
	"web combined 500 2000 12000 a line of a phone at home"
	"asterisk asterisk 500 2000 12000 a line of a SIP server"
	"kamailio syslog 500 2000 12000 a line of another SIP server"
	"first combined 0 1000 4000 the first line of a phone"
)

number=0
tell() { # ok|not-ok NAME
	number=$((number + 1))
	echo "${1/-/ } $number - $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

compiler() {
	echo "gcc $(sed -n 's/^CC = //p' "$bin/Makefile" | xargs -I{} sh -c '{} -dumpversion' | cut -d. -f1) $(uname -m)"
}

command -v valgrind >/dev/null || skip_all "no valgrind here"
flags=$(sed -n 's/^\(PROVCTL_\)\{0,1\}CFLAGS = //p' "$bin/Makefile")
case $flags in
*sanitize* | *--coverage*) skip_all "a build with sanitizers or for coverage costs what it costs" ;;
*-O2*) ;;
*) skip_all "counted for builds with -O2" ;;
esac
if [ "${1:-}" != renew ] && ! grep -qx "# $(compiler)" "$counts"; then
	skip_all "counted with another compiler than $(compiler)"
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/provctl-count.XXXXXX")
trap 'rm -rf "$folder"' EXIT
# valgrind knows no seccomp: these are the same programs without it.
mkdir "$folder/bin"
cp "$bin/provctl" "$bin"/tests/open/prov-{analyzer,enforcer} "$folder/bin"

configure() { # FORMAT
	cat >"$folder/provctl.yaml" <<-END
	state: $folder/state
	lockstate: {path: $folder/publish/lockstate, group: ""}
	rules: [$top/rules]
	firewall: {backend: none}
	sources: [{path: $folder/log, format: $1, account: acct1}]
	users: {enforcer: root, analyzer: root}
	END
	[ "$(id -u)" = 0 ] || sed -i '/^users:/d' "$folder/provctl.yaml"
}

exec 3>&1
fail() {
	echo "Bail out! $1" >&3
	exit 1
}

# pass KIND PHONES LINES PROGRAM: its instructions. The other one is not slowed down, so that batches end where they are full, and not by the clock.
pass() {
	local other
	case $4 in
	prov-analyzer) other=prov-enforcer ;;
	*) other=prov-analyzer ;;
	esac
	rm -rf "$folder"/{state,publish,count.*}
	: >"$folder/log"
	if [ "$2" -gt 0 ]; then
		"$bin/tests/bench/logs" csv "$2" >"$folder/phones.csv"
		"$folder/bin/provctl" -c "$folder/provctl.yaml" import "$folder/phones.csv" >"$folder/out" 2>&1 || fail "import: $(cat "$folder/out")"
	fi
	"$bin/tests/bench/logs" "$1" "$3" "$(($2 > 0 ? $2 : $3))" 2 >"$folder/log"
	valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null --trace-children=yes --trace-children-skip="*/$other" \
		--child-silent-after-fork=yes --log-file="$folder/count.%p" "$folder/bin/provctl" -c "$folder/provctl.yaml" analyze >"$folder/out" 2>&1 ||
		fail "analyze: $(cat "$folder/out")"
	sed -n 's/^==[0-9]*== I *refs: *//p' $(grep -l "^==[0-9]*== Command: [^ ]*$4" "$folder"/count.*) | tr -d ,
}

counted() { # KIND PROGRAM: what was counted before
	sed -n "s/^$1 $2 //p" "$counts"
}

# measure KIND PHONES FEW MANY PROGRAM: what a line costs it
measure() {
	echo $((($(pass "$1" "$2" "$4" "$5") - $(pass "$1" "$2" "$3" "$5")) / ($4 - $3)))
}

[ "${1:-}" = renew ] || echo "1..$((2 * ${#inputs[@]}))"
renewed=()
for input in "${inputs[@]}"; do
	read -r kind format phones few many name <<<"$input"
	configure "$format"
	for program in prov-analyzer prov-enforcer; do
		cost=$(measure "$kind" "$phones" "$few" "$many" $program)
		if [ "${1:-}" = renew ]; then
			renewed+=("$kind $program $cost")
			continue
		fi
		before=$(counted "$kind" $program)
		if [ -n "$before" ] && [ "$cost" -gt 0 ] && [ $((cost * 100)) -le $((before * (100 + slack))) ]; then
			tell ok "$name costs $program no more instructions than it did"
		else
			tell not-ok "$name costs $program no more instructions than it did"
		fi
		echo "# $cost instructions, $before were counted before; tests/bench/count.sh says how to renew the counts"
	done
done
if [ "${1:-}" = renew ]; then
	{
		echo "# Instructions a line, as tests/bench/count.sh counts them: KIND PROGRAM COUNT. Written by \`make counts\`."
		echo "# $(compiler)"
		printf '%s\n' "${renewed[@]}"
	} >"$counts"
	cat "$counts"
fi
