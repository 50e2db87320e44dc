#!/usr/bin/env bash
# provctl-security(7) is held to the tests that it names: each is there, is run, and stands below a promise. Speaks TAP.
set -u
cd "${top_srcdir:-.}" || exit 1
page=man/provctl-security.7

# PROMISE|FILE|TITLE a line, in the order of the page.
named() {
	awk '/^\.It Sy / && section { promise = substr($0, 9, length($0) - 9); file = ""; next }
		/^\.Sh / { section = $0 == ".Sh PROMISES"; next }
		section && /^\.Pa tests\// { file = $2; next }
		section && /^\.Ql / && file != "" {
			title = substr($0, 5)
			gsub(/^"|"$/, "", title)
			print promise "|" file "|" title
		}' "$page"
}

promises() {
	awk '/^\.Sh / { section = $0 == ".Sh PROMISES" } section && /^\.It Sy / { print substr($0, 9, length($0) - 9) }' "$page"
}

is_there() { # FILE TITLE
	case $1 in
	*.bats) grep -qF "@test \"$2\" {" "$1" && grep -qE "^SCRIPT_TESTS \+=.* $1( |$)" tests/files.mk ;;
	*.c) grep -qE "(cmocka_unit_test[a-z_]*|CASE)\($2[,)]" "$1" && grep -qE "^UNIT_TESTS \+= ${1%.c}$" tests/files.mk ;;
	*) false ;;
	esac 2>/dev/null
}

number=0
tell() { # OK NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
	fi
}

all=$(named)
echo "1..$(($(grep -c . <<<"$all") + $(promises | grep -c .)))"
while IFS='|' read -r _ file title; do
	is_there "$file" "$title"
	tell $? "$file has the test: $title"
done <<<"$all"
while read -r promise; do
	grep -qF "$promise|" <<<"$all"
	tell $? "a test shows: $promise"
done < <(promises)
