#!/usr/bin/env bash
# make mutate [ONLY=REGEX]: takes the guards out, one by one, and expects the tests to notice. A guard is a line of tests/mutations:
#
#	NAME | FILE | PERL SUBSTITUTION | TESTS
#
# TESTS are names of tests/unit/ (test_x), of tests/ (x.sh) and of tests/scenario/ (x.bats, or x.bats:REGEX, a dot for each blank), separated by blanks:
# each passes as the program is, and at least one fails without the guard. A substitution that changes nothing or does not build, and a guard that nobody
# misses, are failures; a test that comes to no end within LIMIT seconds has missed nothing. Works on a copy of what is distributed, in the folder
# `mutate` of the build.
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${top_builddir:-.}" && pwd)/mutate
only=${ONLY:-.}
limit=${LIMIT:-300}
missed=0 noticed=0
# Nothing of a former run: objects without a guard are newer than the files that are copied.
rm -rf "$bin"
mkdir -p "$bin/build"
{ make -C "$bin/.." distdir distdir="$bin/tree" && cd "$bin/build" &&
	"$bin/tree/configure" -q CFLAGS=-O1 && make -j"$(nproc)" all tests/open/without; } >"$bin/log" 2>&1 || {
	tail "$bin/log"
	exit 1
}
export top_srcdir=$bin/tree top_builddir=$bin/build CMOCKA_MESSAGE_OUTPUT=TAP

# What a test needs of the programs.
build() { # TEST
	case $1 in
	test_*) make -j"$(nproc)" all "tests/unit/$1" ;;
	*) make -j"$(nproc)" all tests/unit/try_lockstate ;;
	esac >"$bin/log" 2>&1 </dev/null
}

# 0 where it passes, 124 where it comes to no end.
passes() { # TEST
	case $1 in
	*.bats:*) timeout "$limit" bash "$top_srcdir/tests/bats.sh" -f "${1#*:}" "$top_srcdir/tests/scenario/${1%%:*}" ;;
	*.bats) timeout "$limit" bash "$top_srcdir/tests/bats.sh" "$top_srcdir/tests/scenario/$1" ;;
	*.sh) timeout "$limit" bash "$top_srcdir/tests/$1" ;;
	*) timeout "$limit" "tests/unit/$1" ;;
	esac >"$bin/test.log" 2>&1 </dev/null || return
	grep -q '^ok' "$bin/test.log" && ! grep '^not ok' "$bin/test.log" | grep -qv '# SKIP'
}

# guards: the lines of the table that are asked for, NAME|FILE|SUBSTITUTION|TESTS, without the blanks between
guards() {
	sed -n 's/[[:space:]]*$//; /^#/d; s/ *| \([^| ]*\) *| \(.*\) | \([^|]*\)$/|\1|\2|\3/p' "$top/tests/mutations" |
		awk -F'|' -v only="$only" '$1 ~ only'
}

declare -A as_it_is=()
# Does it pass as the program is? Asked before its first guard is taken out.
is_sound() { # TEST
	if [ ! "${as_it_is[$1]:-}" ]; then
		as_it_is[$1]=no
		{ build "$1" && passes "$1" && as_it_is[$1]=yes; } || tail "$bin/test.log"
	fi
	[ "${as_it_is[$1]}" = yes ]
}

while IFS= read -r guard; do
	name=${guard%%|*} guard=${guard#*|}
	file=${guard%%|*} guard=${guard#*|}
	tests=${guard##*|} substitution=${guard%|*}
	outcome="NOT MISSED ($tests)"
	for test in $tests; do
		is_sound "$test" || outcome="fails as it is, comes to no end or has no such case: $test"
	done
	cp -p "$top_srcdir/$file" "$bin/whole"
	perl -0pi -e "$substitution" "$top_srcdir/$file"
	if cmp -s "$bin/whole" "$top_srcdir/$file"; then
		outcome="not there any more"
	elif [[ $outcome = NOT* ]]; then
		for test in $tests; do
			build "$test" || { outcome="does not build without: $(grep -m1 error "$bin/log")"; break; }
			passes "$test"
			case $? in
			0) ;;
			124) outcome="NOT MISSED: $test comes to no end in $limit s" ;;
			*) outcome="missed ($test): $(grep -m1 '^not ok' "$bin/test.log" || tail -1 "$bin/test.log")"; break ;;
			esac
		done
	fi
	# As it was, and newer than what was built without.
	cat "$bin/whole" >"$top_srcdir/$file"
	case $outcome in
	missed*) noticed=$((noticed + 1)) ;;
	*) missed=$((missed + 1)) ;;
	esac
	echo "$file: $name: $outcome"
done < <(guards)
echo "$noticed guards are missed when they are taken out, $missed are not"
[ "$missed" = 0 ] && [ "$noticed" -gt 0 ]
