# A disk that gives back other bytes than were written: noticed at once, and the state comes back from its backup and the logs.

load setup

# damage FILE: bytes in the middle of its later half are other bytes.
damage() {
	local at=$(($(stat -c %s "$1") * 3 / 4))
	head -c 64 /dev/zero | tr '\0' 'x' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

dump() {
	provctl list --json
	provctl bans --all --json
	cat publish/lockstate publish/bans
	provctl status --json | jq '.sources[] | {source, lines, events, unreadable, lag}'
}

story() {
	local n
	for n in {1..60}; do
		fetch 203.0.113.$n 0015650000$((n + 10)) 200
	done
	for n in {10..24}; do
		fetch 198.51.100.7 0004f20000$n 404
	done
}

@test "a pass leaves a backup, a day later another, and keeps the one before it" {
	story
	pass
	[ -f state/backup.db ] && [ ! -e state/backup.1.db ]
	cp state/backup.db first
	at 23h
	pass
	cmp first state/backup.db
	at 25h
	fetch 203.0.113.1 001565000011 200
	pass
	cmp first state/backup.1.db
	! cmp -s first state/backup.db
	same "$(stat -c %a state/backup.db)" "$(stat -c %a state/state.db)"
	[ ! -e state/backup.db.tmp ]
}

@test "backup.every: 0s makes none; a backup that fails is told, and stops nothing" {
	configure "backup: {every: 0s}"
	story
	pass
	[ ! -e state/backup.db ]
	configure
	mkdir -p state/backup.db.tmp/in
	fetch 203.0.113.99 001565000099 200
	pass
	wants 001565000099 "locked - 203.0.113.99 provisioned acct1"
	[ ! -e state/backup.db ]
	fails 1 provctl status
	has "backup"
	rm -r state/backup.db.tmp
	at 2h
	pass
	[ -f state/backup.db ]
	same "$(json '.problems | length' status)" 0
}

@test "a backup is made while others are served" {
	story
	start_daemon
	pass
	provctl unlock 001565000012
	for _ in {1..200}; do
		[ ! -e state/backup.db ] || break
		sleep 0.05
	done
	stop
	[ -f state/backup.db ]
}

@test "whichever page is damaged: it is noticed, and the state comes back; commands since the backup are named, and who was shut out stays out" {
	local pages page id noticed=0 named=0 out=0
	story
	provctl token add --role operator >/dev/null
	id=$(provctl token list --json | jq -r .id)
	pass
	provctl unlock 001565000012
	provctl token revoke "$id"
	fetch 203.0.113.99 001565000099 200
	pass
	dump >before
	cp -a state whole
	pages=$(($(stat -c %s state/state.db) / 4096))
	for ((page = RANDOM % 4; page < pages; page += 4)); do
		rm -rf state
		cp -a whole state
		printf x | dd of=state/state.db bs=1 seek=$((page * 4096 + 2000)) conv=notrunc status=none
		fails 2 provctl recover
		has "--yes"
		run -0 provctl recover --yes
		[[ $output != *"given since"*"unlocked 001565000012"* ]] || named=$((named + 1))
		[[ $output != *'\x'* ]]
		if [[ $output == *"token $id, operator: it stays revoked"* ]]; then
			out=$((out + 1))
			same "$(provctl token list --json)" ""
		else
			has "perhaps back: token $id, operator"
			has "provctl token revoke $id"
			provctl token revoke "$id"
		fi
		same "$(cd state && ls -d backup* recover* 2>/dev/null)" backup.db
		ls state/state.db.*
		pass
		# All but the command is as it was.
		provctl unlock 001565000012 >/dev/null
		dump >after
		diff before after
		same "$(recorded recovered)" 1
		noticed=$((noticed + 1))
	done
	[ $noticed -gt 10 ] && [ $named -gt 5 ] && [ $out -gt 5 ]
	run -0 provctl recover
	[[ $output == *"nothing to recover"* ]]
}

@test "a verb that meets a damaged page says what to do" {
	story
	pass
	for page in {1..20}; do
		printf x | dd of=state/state.db bs=1 seek=$((page * 4096 + 2000)) conv=notrunc status=none
	done
	fails 4 provctl list
	has "corrupt"
	has "provctl recover"
	fails 4 provctl analyze
	has "provctl recover"
}

@test "the newest backup that is whole is taken; without one nothing is touched" {
	story
	pass
	at 25h
	fetch 203.0.113.99 001565000099 200
	pass
	damage state/backup.db
	damage state/state.db
	run -0 provctl recover --yes --json
	same "$(head -n 1 <<<"$output" | jq -r .backup)" "$folder/state/backup.1.db"
	pass
	wants 001565000099 "locked - 203.0.113.99 provisioned acct1"
	damage state/state.db
	damage state/backup.db
	damage state/backup.1.db
	sha256sum state/*.db >sums
	fails 4 provctl recover --yes
	has "no backup that is whole"
	sha256sum -c --quiet sums
}

@test "a running enforcer keeps its state: recover waits for nobody" {
	story
	pass
	start_daemon
	fails 4 provctl recover --yes
	has "in use"
	stop
}

@test "killed at any call while it recovers, a recovery can be begun again" {
	local n group
	without_sanitizers "calls are counted by a library loaded before libc"
	command -v cc >/dev/null || skip "needs cc"
	cc -O1 -shared -fPIC -o fault.so "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/fault/fault.c" -ldl
	story
	pass
	provctl list --json >before
	damage state/state.db
	cp -a state damaged
	for group in rename sync; do
		for ((n = 1; n <= 12; n++)); do
			rm -rf state counts
			cp -a damaged state
			FAULT=prov-enforcer:$group:$n:kill FAULT_COUNTS=$folder/counts LD_PRELOAD=$folder/fault.so provctl recover --yes >/dev/null 2>&1 || true
			provctl recover --yes >/dev/null
			provctl list --json >after
			diff before after
		done
	done
}
