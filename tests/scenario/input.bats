# Bad input: a clear error, or a counted and reported skip; never a crash, a half-written file or a silent loss.

load setup

home=203.0.113.7 mac=001565abcdef

sums() { # the counts of the web log: lines, events, unreadable, skipped
	provctl status --json | jq -c '.sources[] | select(.source | endswith("web.log")) | [.lines, .events, .unreadable, .skipped]'
}

@test "a line of a megabyte is skipped and counted, those around it are not" {
	fetch $home 001565000001 200
	head -c 1000000 /dev/zero | tr '\0' x >>log/web.log
	echo >>log/web.log
	fetch $home 001565000002 200
	pass
	same "$(grep -c '^device' publish/lockstate)" 2
	same "$(sums)" "[2,2,0,1]"
}

@test "NUL, invalid UTF-8 and control bytes in a line: skipped or read, shown escaped" {
	printf '%s - - [22/Nov/2026:10:00:00 +0000] "GET /001565000001.cfg HTTP/1.1" 200 5 "-" "a\0b"\n' $home >>log/web.log
	printf '%s - - [22/Nov/2026:10:00:00 +0000] "GET /001565000002.cfg HTTP/1.1" 200 5 "-" "\xff\xfe\x1b[31m"\n' $home >>log/web.log
	pass
	wants 001565000001 ""
	wants 001565000002 "locked - $home provisioned acct1"
	provctl explain 001565000002 >out
	provctl log >>out
	provctl log --json >>out
	run ! grep -q $'\x1b' out
	run ! grep -aq $'\xff' out
}

@test "CR LF line ends are line ends" {
	fetch $home $mac 200
	sed -i 's/$/\r/' log/web.log
	pass
	wants $mac "locked - $home provisioned acct1"
}

@test "an unfinished last line waits until it is whole" {
	fetch $home $mac 200
	local whole
	whole=$(cat log/web.log)
	printf %s "${whole:0:60}" >log/web.log
	pass
	wants $mac ""
	printf '%s\n' "${whole:60}" >>log/web.log
	pass
	wants $mac "locked - $home provisioned acct1"
}

@test "a line that the format cannot read is counted and sampled, never guessed at" {
	echo "this is no line of nginx" >>log/web.log
	echo '203.0.113.7 - - [99/Nov/2026:10:00:00 +0000] "GET /001565abcdef.cfg HTTP/1.1" 200 5 "-" "-"' >>log/web.log
	pass
	wants $mac ""
	same "$(sums)" "[2,0,2,0]"
	fails 1 provctl status
	has "this is no line of nginx"
}

@test "a log that is a folder, a FIFO or a device is reported, and the others are read" {
	mkdir log/folder.log
	mkfifo log/fifo.log
	configure "sources:
  - {path: $folder/log/folder.log, format: combined}
  - {path: $folder/log/fifo.log, format: combined}
  - {path: /dev/null, format: combined}
  - {path: $folder/log/web.log, format: combined}"
	fetch $home $mac 200
	timeout 10 "$bin/provctl" -c provctl.yaml analyze >out 2>&1 || true
	wants $mac "locked - $home provisioned -"
	fails 1 provctl status
	has folder.log
	has fifo.log
	has /dev/null
}

@test "a log that may not be read is reported, and read when it may" {
	[ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
	for_nobody
	fetch $home $mac 200
	chmod 000 log/web.log
	chown -R nobody: .
	chmod 755 .
	as_nobody analyze >out 2>&1 || true
	run as_nobody status
	[ "$status" = 1 ]
	grep -qi 'permission' <<<"$output"
	chmod 644 log/web.log
	as_nobody analyze >out
	wants $mac "locked - $home provisioned acct1"
}

@test "a source that appears late is read from its start; one that vanishes is no error for the others" {
	configure "sources: [{path: $folder/log/late.log, format: combined}, {path: $folder/log/web.log, format: combined}]"
	fetch $home $mac 200
	pass
	wants $mac "locked - $home provisioned -"
	sed 's/001565abcdef/001565abcd02/' log/web.log >log/late.log
	rm log/web.log
	pass
	wants 001565abcd02 "locked - $home provisioned -"
}

@test "a state folder on a read-only file system, in whole or in part: a clear error, and nothing is half done" {
	[ "$(id -u)" = 0 ] || skip "needs root to mount"
	fetch $home $mac 200
	pass
	cp publish/lockstate before
	fetch 192.0.2.66 001565000001 200
	fails 4 unshare -m bash -c "mount --bind '$folder/state' '$folder/state' && mount -o remount,ro,bind '$folder/state' &&
		'$bin/provctl' -c provctl.yaml analyze"
	[[ ${output,,} == *read-only* ]]
	same "$(grep -c . <<<"$output")" 1
	cmp before publish/lockstate
	pass
	wants 001565000001 "locked - 192.0.2.66 provisioned acct1"
}

@test "a full disk at any write: a clear error, nothing lost when there is room again" {
	[ "$(id -u)" = 0 ] || skip "needs root to mount"
	for n in $(seq 400); do fetch 203.0.113.$((n % 200)) "$(printf '001565%06x' "$n")" 200; done
	pass
	cp publish/lockstate whole
	provctl list --json >whole.list
	rm -rf state publish
	mkdir state publish
	# Each size leaves less room: some fail at once, some midway, the last not at all.
	unshare -m bash -c '
		for size in 16k 64k 128k 200k 256k 300k 400k 500k 700k 1m 20m; do
			mount -t tmpfs -o size=$size tmpfs "$1/state" && mkdir -p "$1/state/publish" || exit 9
			sed "s#path: $1/publish#path: $1/state/publish#" provctl.yaml >full.yaml
			status=0
			"$2/provctl" -c full.yaml analyze >out.$size 2>&1 || status=$?
			echo "$size $status" >>statuses
			case $status in 0 | 4) ;; *) exit 8 ;; esac
			# Whatever was published is whole.
			if [ -e "$1/state/publish/lockstate" ]; then
				tail -n 1 "$1/state/publish/lockstate" | grep -q "^end " || exit 7
			fi
			mount -o remount,size=64m "$1/state"
			"$2/provctl" -c full.yaml analyze >again 2>&1 || { cat again; exit 6; }
			cmp whole "$1/state/publish/lockstate" || exit 5
			"$2/provctl" -c full.yaml list --json | cmp - whole.list || exit 4
			umount "$1/state"
		done' full "$folder" "$bin"
	cat statuses
	grep -q ' 4$' statuses
	grep -q ' 0$' statuses
	grep -h . out.16k | grep -qi 'full\|space'
}

# seal FILE: its first page gets the sum that a program would have given it (see enforcer/page.h).
seal() {
	perl -e 'open my $f, "+<", $ARGV[0] or die; read $f, my $page, 4096;
		my ($one, $two) = (0, 0);
		my @words = unpack "V*", substr $page, 0, 4088;
		while (my ($x, $y) = splice @words, 0, 2) { $one = ($one + $x + $two) & 0xffffffff; $two = ($two + $y + $one) & 0xffffffff }
		seek $f, 4088, 0; print $f pack "VV", $one, $two' "$1"
}

@test "a foreign database, a newer one, a corrupt one: refused with what to do, and left as they are" {
	fetch $home $mac 200
	pass
	local db=state/state.db
	rm -f state/state.db-wal state/state.db-shm
	cp $db good
	# newer: user_version at byte 60
	printf '\0\0\0\143' | dd of=$db bs=1 seek=60 conv=notrunc status=none
	seal $db
	cp $db newer
	fails 4 provctl status
	has newer
	cmp newer $db
	# foreign: application_id at byte 68
	cp good $db
	printf 'abcd' | dd of=$db bs=1 seek=68 conv=notrunc status=none
	seal $db
	fails 4 provctl status
	has "not a state of provctl"
	# no database at all
	head -c 50000 /dev/urandom >$db
	fails 4 provctl status
	# cut
	head -c 9000 good >$db
	fails 4 provctl list
	cp good $db
	same "$(json .state show $mac)" locked
}

@test "a broken .mmdb is reported, and events are made without it" {
	printf 'not a database' >broken.mmdb
	configure "geoip: {country: $folder/broken.mmdb}"
	fetch $home $mac 200
	pass
	wants $mac "locked - $home provisioned acct1"
	output=$(provctl status || true)
	has broken.mmdb
}

@test "the broken .mmdb files of others do no harm" {
	local corpora
	corpora=$(cd "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/.." && pwd)/shared/corpora/mmdb
	[ -d "$corpora" ] || skip "the corpora are not here"
	for file in "$corpora"/*.mmdb; do
		rm -rf state publish
		configure "geoip: {country: $file, asn: $file}"
		: >log/web.log
		for n in 1 2 3 4 5 6 7 8 9; do fetch "$n.$((n * 20)).$n.1" "00156500000$n" 200; done
		pass
		same "$(grep -c '^device' publish/lockstate)" 9
	done
}

@test "one log by two paths is an error that status names, and is read once" {
	ln -s web.log log/alias.log
	configure "sources: [{path: $folder/log/web.log, format: combined}, {path: $folder/log/alias.log, format: combined}]"
	for n in $(seq 9); do fetch 192.0.2.66 "00156500000$n" 404; done
	pass || true
	fails 1 provctl status
	has alias.log
	same "$(provctl status --json | jq '[.sources[].lines] | add')" 9
}

@test "files that are given instead of sources: the format is found, or asked for" {
	fetch $home $mac 200
	provctl analyze log/web.log >out
	wants $mac "locked - $home provisioned acct1"
	cp log/web.log elsewhere.log
	sed -i 's/001565abcdef/001565abcd09/' elsewhere.log
	provctl analyze elsewhere.log >out
	wants 001565abcd09 "locked - $home provisioned -"
	echo nonsense >nonsense.log
	fails 2 provctl analyze nonsense.log
	has --format
	fails 2 provctl analyze missing.log
	fails 2 provctl analyze --format nonsense log/web.log
	has combined
}

@test "what keeps analyze from reading anything is told in one line, and nothing else" {
	echo nonsense >nonsense.log
	for words in nonsense.log missing.log . "--format nonsense log/web.log" "--year-at yesterday log/web.log" "--timezone Mars/Phobos log/web.log"; do
		# shellcheck disable=SC2086 # several words
		fails 2 provctl analyze $words
		same "$(grep -c . <<<"$output")" 1
		has "provctl: "
	done
}

@test "a clean rotation by rename, by copytruncate and by compression loses nothing" {
	fetch $home 001565000001 200
	pass
	fetch $home 001565000002 200
	mv log/web.log log/web.log.1
	fetch $home 001565000003 200
	pass
	fetch $home 001565000004 200
	cp log/web.log log/web.log.2
	: >log/web.log
	fetch $home 001565000005 200
	pass
	fetch $home 001565000006 200
	gzip -c log/web.log >log/web.log.3.gz
	rm log/web.log
	fetch $home 001565000007 200
	pass
	same "$(grep -c '^device' publish/lockstate)" 7
	same "$(provctl status --json | jq '[.sources[].lines] | add')" 7
}

@test "DST's double hour and a year-less stamp over New Year are read as they were written" {
	configure "sources: [{path: $folder/log/sip.log, format: asterisk, timezone: Europe/Berlin}]"
	# 25 October 2026: 03:00 CEST becomes 02:00 CET.
	for stamp in '2026-10-25 01:59:00' '2026-10-25 02:30:00' '2026-10-25 02:59:59' '2026-10-25 02:10:00' '2026-10-25 03:00:00'; do
		echo "[$stamp] NOTICE[1] chan_sip.c: Registration from '<sip:100@example.org>' failed for '192.0.2.66:5060' - Wrong password" >>log/sip.log
	done
	at 0s
	provctl analyze --json >out
	same "$(jq -r '.events["sip.auth_failed"]' out)" 5
	output=$(provctl explain --line "[2026-10-25 03:00:00] NOTICE[1] chan_sip.c: Registration from '<sip:100@example.org>' failed for '192.0.2.66:5060' - Wrong password" --format asterisk --json)
	has sip.auth_failed
}
