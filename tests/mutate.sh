#!/usr/bin/env bash
# make mutate [ONLY=REGEX]: takes the guards out, one by one, and expects the tests to notice. A guard is a line of tests/mutations:
#
#	NAME | FILE | PERL SUBSTITUTION | TESTS
#
# TESTS are names of tests/unit/ and tests/scenario/ (x.bats, or x.bats:REGEX), separated by blanks: at least one must fail. A
# substitution that changes nothing, and a guard that nobody misses, are failures. Works on a copy of the tree.
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${top_builddir:-.}" && pwd)/mutate
only=${ONLY:-.}
missed=0 noticed=0
mkdir -p "$bin/tree" "$bin/build"
rm -rf "$bin/tree"
cp -a "$top" "$bin/tree" || exit 1
rm -rf "$bin/tree/build" "$bin/tree/.git"
[ -x "$bin/tree/configure" ] || (cd "$bin/tree" && autoreconf -fi) >"$bin/log" 2>&1 || { tail "$bin/log"; exit 1; }
cd "$bin/build" || exit 1
"$bin/tree/configure" -q CFLAGS="-O1 -g" >"$bin/log" 2>&1 && make -j"$(nproc)" >>"$bin/log" 2>&1 || { tail "$bin/log"; exit 1; }
export top_srcdir=$bin/tree top_builddir=$bin/build CMOCKA_MESSAGE_OUTPUT=TAP

# runs TEST: whether it passes
runs() {
	case $1 in
	*.bats:*) timeout 300 bash "$top_srcdir/tests/bats.sh" -f "${1#*:}" "$top_srcdir/tests/scenario/${1%%:*}" ;;
	*.sh) timeout 300 bash "$top_srcdir/tests/$1" ;;
	*.bats) timeout 300 bash "$top_srcdir/tests/bats.sh" "$top_srcdir/tests/scenario/$1" ;;
	*) make "tests/unit/$1" && timeout 300 "tests/unit/$1" ;;
	esac >"$bin/test.log" 2>&1 && ! grep -q '^not ok' "$bin/test.log"
}

while IFS='|' read -r name file substitution tests; do
	name=$(xargs <<<"$name") file=$(xargs <<<"$file")
	substitution=${substitution# } substitution=${substitution% }
	case $name in '' | \#*) continue ;; esac
	[[ $name =~ $only ]] || continue
	cp -p "$top_srcdir/$file" "$bin/whole"
	perl -0pi -e "$substitution" "$top_srcdir/$file"
	if cmp -s "$bin/whole" "$top_srcdir/$file"; then
		echo "not there: $name: $file has no such guard any more: mend tests/mutations"
		missed=$((missed + 1))
		continue
	fi
	survived=yes
	if ! make -j"$(nproc)" >"$bin/log" 2>&1; then
		echo "not built: $name: $(grep -m1 error "$bin/log")"
	else
		for test in $tests; do
			runs "$test" || { survived=; break; }
		done
		if [ -n "$survived" ]; then
			echo "NOT MISSED: $name ($file; $tests)"
		else
			echo "missed, as it should be: $name ($test)"
		fi
	fi
	if [ -n "$survived" ]; then missed=$((missed + 1)); else noticed=$((noticed + 1)); fi
	cp -p "$bin/whole" "$top_srcdir/$file"
	touch "$top_srcdir/$file"
done <"$top/tests/mutations"
echo "$noticed guards are missed when they are taken out, $missed are not"
[ "$missed" = 0 ]
