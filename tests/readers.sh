#!/usr/bin/env bash
# Every reader of the lock-state file gives the same answers to one table. Speaks TAP; a language that is not here is skipped by name.
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

cat >one <<'FILE'
provctl-lockstate 1 2026-11-22T10:00:00Z
device 001565000001 open 1000 - new acct1
device 001565000002 locked - 203.0.113.7,2001:db8:1:2::/64 provisioned acct1
device 001565000003 open 1000 198.51.100.4 unlocked acct2
device 001565000004 locked - 203.0.113.9 held acct2
device 001565000005 open - 203.0.113.9 unlocked acct2
device 001565000006 locked - - stale -
device 001565000007 locked - 10.0.0.0/8,2001:db8:ffff::/48,::1 provisioned acct3
window 192.0.2.128/25 2000 acct2
window 192.0.2.66 2000 *
window 2001:db8:77::/48 2000 acct1
network 192.0.2.0/28 acct1
network 2001:db8:5::/127 acct1
default open
end 12
FILE
mkdir shards
for n in 0 1 2 3 4 5 6 7 8; do
	{
		head -n 1 one
		grep "^device 00156500000$n" one
		grep -E '^(window|network)' one
		echo "default open"
		echo "end $(($(grep -c "^device 00156500000$n" one) + 5))"
	} >"shards/0$n"
done
sed 's/^default open/default locked/' one >locked
grep -v '^end' one >endless
sed 's/^end 12/end 13/' one >short
sed '1s/.*/provctl-lockstate 2 2026-11-22T10:00:00Z/' one >newer
sed '1d' one >headless
: >empty
head -c 300 one >cut
printf 'provctl-lockstate 1 2026-11-22T10:00:00Z\ndefault open\nend 0\n' >bare
printf 'provctl-lockstate 1 2026-11-22T10:00:00Z\ndefault locked\nend 0\n' >shut
head -n 2 bare >nothing

# file  MAC           address                  now   answer
cat >table <<'TABLE'
one     001565000001  198.51.100.1             0     200
one     001565000001  198.51.100.1             999   200
one     001565000001  198.51.100.1             1000  403
one     001565000001  198.51.100.1             1001  403
one     001565000001  2001:db8::1              999   200
one     001565000002  203.0.113.7              5     200
one     001565000002  203.0.113.8              5     403
one     001565000002  203.0.113.70             5     403
one     001565000002  ::ffff:203.0.113.7       5     200
one     001565000002  2001:db8:1:2::           5     200
one     001565000002  2001:db8:1:2:ffff::9     5     200
one     001565000002  2001:DB8:1:2::A          5     200
one     001565000002  2001:db8:1:2:3:4:5:6     5     200
one     001565000002  2001:db8:1:3::           5     403
one     001565000002  2001:db8:1:1:ffff::1     5     403
one     001565000002  192.0.2.0                5     200
one     001565000002  192.0.2.15               5     200
one     001565000002  192.0.2.16               5     403
one     001565000002  2001:db8:5::             5     200
one     001565000002  2001:db8:5::1            5     200
one     001565000002  2001:db8:5::2            5     403
one     001565000002  2001:db8:77:1::1         5     200
one     001565000002  2001:db8:77:1::1         1999  200
one     001565000002  2001:db8:77:1::1         2000  403
one     001565000002  192.0.2.128              5     403
one     001565000002  192.0.2.66               5     200
one     001565000002  192.0.2.66               2000  403
one     001565000003  198.51.100.4             5000  200
one     001565000003  198.51.100.5             999   200
one     001565000003  198.51.100.5             1000  403
one     001565000003  192.0.2.127              1000  403
one     001565000003  192.0.2.128              1000  200
one     001565000003  192.0.2.255              1999  200
one     001565000003  192.0.2.255              2000  403
one     001565000003  192.0.2.3                1000  403
one     001565000004  203.0.113.9              5     200
one     001565000004  192.0.2.200              5     403
one     001565000004  192.0.2.66               5     403
one     001565000005  198.51.100.1             9999  200
one     001565000006  198.51.100.1             5     403
one     001565000006  192.0.2.66               5     200
one     001565000006  192.0.2.3                5     403
one     001565000007  10.255.255.255           5     200
one     001565000007  11.0.0.0                 5     403
one     001565000007  ::1                      5     200
one     001565000007  ::2                      5     403
one     001565000007  2001:db8:ffff:8000::     5     200
one     001565000007  0.0.0.1                  5     403
one     001565000008  198.51.100.1             5     200
locked  001565000008  198.51.100.1             5     403
locked  001565000008  192.0.2.66               5     200
locked  001565000008  192.0.2.200              5     403
locked  001565000008  192.0.2.3                5     403
shards  001565000001  198.51.100.1             999   200
shards  001565000001  198.51.100.1             1000  403
shards  001565000002  203.0.113.7              5     200
shards  001565000002  203.0.113.8              5     403
shards  001565000003  192.0.2.128              1000  200
shards  001565000004  192.0.2.66               5     403
shards  001565000008  198.51.100.1             5     200
shards  001565000099  198.51.100.1             5     503
missing 001565000001  198.51.100.1             5     503
empty   001565000001  198.51.100.1             5     503
endless 001565000001  198.51.100.1             5     503
short   001565000001  198.51.100.1             5     503
newer   001565000001  198.51.100.1             5     503
headless 001565000001 198.51.100.1             5     503
cut     001565000001  198.51.100.1             5     503
nothing 001565000001  198.51.100.1             5     503
bare    001565000001  198.51.100.1             5     200
shut    001565000001  198.51.100.1             5     403
TABLE

readers=$top/contrib/readers
# LANGUAGE INTERPRETER COMMAND...: the command gets FILE MAC ADDRESS NOW and prints the answer.
languages() {
	echo "shell sh sh $readers/lockstate.sh"
	echo "Python python3 python3 $readers/lockstate.py"
	echo "PHP php php -r require'$readers/lockstate.php';echo(lockstate_verdict(\$argv[1],\$argv[2],\$argv[3],(int)\$argv[4]).PHP_EOL); --"
	echo "Perl perl perl -I$readers -MLockstate -eprint(Lockstate::verdict(@ARGV),qq(\n))"
	echo "Lua lua5.4 lua5.4 try.lua"
	echo "LuaJIT luajit luajit try.lua" # as in OpenResty
	echo "C ${top_builddir:-.}/tests/unit/try_lockstate ${top_builddir:-.}/tests/unit/try_lockstate"
}

printf 'package.path = "%s/?.lua"\nlocal a = arg\nprint(require("lockstate")(a[1], a[2], a[3], tonumber(a[4])))\n' "$readers" >try.lua

number=0
echo "1..$(languages | grep -c .)"
while read -r language interpreter command; do
	number=$((number + 1))
	if ! command -v "$interpreter" >/dev/null; then
		echo "ok $number - $language # SKIP no $interpreter here"
		continue
	fi
	wrong=
	rows=0
	while read -r file mac ip now answer; do
		rows=$((rows + 1))
		# shellcheck disable=SC2086 # a command and its arguments
		got=$($command "$file" "$mac" "$ip" "$now" 2>&1 </dev/null)
		[ "$got" = "$answer" ] || wrong="$wrong# $file $mac $ip $now: wanted $answer, got $got
"
	done <table
	if [ -n "$wrong" ]; then
		echo "not ok $number - the reader in $language gives the table's $rows answers"
		printf %s "$wrong"
	else
		echo "ok $number - the reader in $language gives the table's $rows answers"
	fi
done < <(languages)
