#!/usr/bin/env bash
# make valgrind [ONLY=REGEX]: the unit tests under valgrind's memcheck, each in a network namespace of its own where that is possible. No error and no leak
# is expected. What is not ours stands in valgrind.supp; what cannot run here stands below. Children of a test that end in the middle of something leave
# memory, so only the test itself is looked at.
set -u
cd "${top_builddir:-.}" || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP
alone=
if [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
	alone='unshare --net'
fi
clean=0 faulty=0 left_out=0

# Why it cannot.
cannot() { # TEST
	case $1 in
	test_hook) echo "valgrind 3.19 knows no pidfd_open, by which the end of a hook is waited for" ;;
	test_sandbox) echo "valgrind knows no seccomp" ;;
	esac
}

command -v valgrind >/dev/null || { echo "make valgrind: no valgrind here"; exit 1; }
mkdir -p valgrind
for test in "$@"; do
	name=${test##*/} status=0
	[[ $name =~ ${ONLY:-.} ]] || continue
	why=$(cannot "$name")
	if [ "$why" ]; then
		echo "$name: left out: $why"
		left_out=$((left_out + 1))
		continue
	fi
	found=valgrind/$name.found
	$alone bash -c 'ip link set lo up 2>/dev/null; exec "$@"' bash timeout "${LIMIT:-1200}" valgrind -q --leak-check=full --child-silent-after-fork=yes \
		--suppressions="$top_srcdir/tests/valgrind.supp" --log-file="$found" "$test" >"valgrind/$name.log" 2>&1 </dev/null || status=$?
	if [ "$status" = 0 ] && [ ! -s "$found" ]; then
		clean=$((clean + 1))
		continue
	fi
	faulty=$((faulty + 1))
	echo "$name: exit status $status"
	grep '^not ok' "valgrind/$name.log" | grep -v '# SKIP'
	head -40 "$found"
done
echo "$clean unit tests are clean under valgrind, $faulty are not, $left_out are left out"
[ "$faulty" = 0 ] && [ "$clean" -gt 0 ]
