# Where lines come from, beside files of web servers: journals, TFTP servers, balancers. The journals are written by systemd-journal-remote, the servers are
# real ones in a network namespace of their own.

load setup

mac=001565abcdef

remote=/usr/lib/systemd/systemd-journal-remote

needs_journal() {
	[ -x "$remote" ] || skip "needs systemd-journal-remote"
	ldd "$bin/prov-analyzer" | grep -q libsystemd || skip "built without libsystemd"
}

needs() { # PROGRAM
	command -v "$1" >/dev/null || skip "needs $1"
	unshare -n true 2>/dev/null || skip "needs a network namespace"
}

# entries FROM N: N entries to a journal; each is another phone's fetch in a syslog line of a web server's own.
entries() {
	perl -e '
		my ($from, $n, $start) = @ARGV;
		for my $i ($from .. $from + $n - 1) {
			printf "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n", ($start + $i) * 1000000, $i + 1;
			print "_BOOT_ID=11111111111111111111111111111111\n_HOSTNAME=pbx\n_PID=7\nSYSLOG_IDENTIFIER=dnsmasq-tftp\n";
			printf "MESSAGE=file /srv/%012x.cfg not found for 203.0.113.%d\n\n", 0x001565000000 + $i, $i % 200 + 1;
		}' "$1" "$2" "$start"
}

collect() { # FILE FROM N
	entries "$2" "$3" | "$remote" -o "$1" - >/dev/null 2>&1
}

follow_journal() {
	mkdir -p journal
	configure "sources: [{journal: {directory: $folder/journal, match: [SYSLOG_IDENTIFIER=dnsmasq-tftp]}, format: tftp}]"
}

# events: how many were counted in all
events() {
	json '.sources[] | [.lines, .events, .unreadable, .skipped, .lost] | @csv' status
}

dump() {
	provctl list --json
	provctl bans --all --json
	provctl log --json
	cat publish/lockstate publish/bans
	events
}

@test "a journal is read on where the last pass ended, and each entry counts once" {
	needs_journal
	follow_journal
	at 2d
	collect journal/a.journal 0 700
	pass
	same "$(events)" 700,700,0,0,0
	pass
	same "$(events)" 700,700,0,0,0
	collect journal/a.journal 700 5
	pass
	same "$(events)" 705,705,0,0,0
	provctl status --json | jq -e '.sources[0].source == "journal:'"$folder"'/journal SYSLOG_IDENTIFIER=dnsmasq-tftp"'
}

@test "a journal is read exactly once, whoever is killed when" {
	needs_journal
	follow_journal
	at 2d
	collect journal/a.journal 0 6000
	pass
	dump >undisturbed
	rm -rf state publish
	local kills=0 rounds=0
	# However quick a pass is.
	while [ $kills -lt 10 ] && [ $((rounds++)) -lt 1000 ]; do
		provctl analyze >/dev/null 2>&1 &
		local analyze=$!
		sleep "0.0$(printf %02d $((RANDOM % 99)))"
		for pid in $(pgrep -f "^[^ ]*prov-(analyzer|enforcer) .*$folder"); do
			kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1)) || true
		done
		wait $analyze || true
	done
	pass
	dump >resumed
	cmp undisturbed resumed || {
		diff undisturbed resumed | head
		return 1
	}
	same "$(events)" 6000,6000,0,0,0
	echo "# $kills kills" >&3
	[ $kills -ge 10 ]
}

@test "two analyze at once count every entry of a journal once" {
	needs_journal
	follow_journal
	at 2d
	collect journal/a.journal 0 3000
	for _ in 1 2 3; do
		rm -rf state publish
		provctl analyze >first.out 2>&1 &
		local first=$!
		provctl analyze >second.out 2>&1 &
		local second=$!
		wait $first
		wait $second
		same "$(events)" 3000,3000,0,0,0
	done
}

@test "a journal that is not there is a problem of its source, told once and gone when it is there" {
	needs_journal
	follow_journal
	rmdir journal
	at 2d
	pass
	provctl status --json | jq -e '[.problems[].problem] | any(test("journal: No such file"))'
	mkdir journal
	collect journal/a.journal 0 3
	pass
	same "$(events)" 3,3,0,0,0
	provctl status --json | jq -e '.problems == []'
}

@test "check knows journals, and prints them as they were" {
	follow_journal
	rmdir journal
	if ldd "$bin/prov-analyzer" | grep -q libsystemd; then
		provctl check --print >printed
		grep -qF "  - journal: {match: [\"SYSLOG_IDENTIFIER=dnsmasq-tftp\"], directory: \"$folder/journal\"}" printed
		provctl check >warned 2>&1
		grep -q "journal:$folder/journal .*: its source on line [0-9]* gives nothing: .*No such file" warned
		grep -q "prove no address: they lock no device" warned
		cp printed provctl.yaml
		provctl check --print | sed 's/  # .*//' >again
		cmp again <(sed 's/  # .*//' printed)
	else
		fails 2 provctl check
		has "built without libsystemd"
	fi
}

@test "what a TFTP server completes is served, but proves no address and teaches nothing" {
	needs dnsmasq
	curl --version | grep -qw tftp || skip "needs a curl that speaks TFTP"
	configure "sources: [{path: $folder/log/tftp.log, format: tftp}]"
	mkdir srv
	echo secret >srv/$mac.cfg
	cat >serve.sh <<-END
		ip link set lo up
		ip address add 203.0.113.7/32 dev lo
		dnsmasq -k --port=0 --bind-interfaces --listen-address=127.0.0.1 --enable-tftp --tftp-root=$folder/srv --user=root \
			--log-facility=$folder/log/tftp.log --pid-file=$folder/pid &
		server=\$!
		for _ in \$(seq 50); do [ -s log/tftp.log ] && break; sleep 0.1; done
		curl -s --interface 203.0.113.7 tftp://127.0.0.1/$mac.cfg
		curl -s --interface 203.0.113.7 tftp://127.0.0.1/0004f2000001.cfg
		for _ in \$(seq 50); do grep -q ' sent ' log/tftp.log && break; sleep 0.1; done
		kill \$server
		wait \$server || true
	END
	same "$(unshare -n bash serve.sh)" secret
	unset PROVCTL_CLOCK
	pass
	same "$(json '.sources[] | [.events, .unreadable] | @csv' status)" 2,0
	same "$(provctl list --json)" ""
}

@test "HAProxy's log locks the phone to who was connected, in both of its forms" {
	needs haproxy
	configure "sources: [{path: $folder/log/haproxy.log, format: haproxy, account: acct1}]"
	cat >haproxy.cfg <<-END
		global
		  log stdout format rfc3164 local0
		defaults
		  mode http
		  timeout client 5s
		  timeout server 5s
		  timeout connect 5s
		  log global
		  option httplog
		frontend plain
		  bind 127.0.0.1:8001
		  capture request header User-Agent len 64
		  http-request return status 200
		frontend clf
		  bind 127.0.0.1:8002
		  option httplog clf
		  capture request header User-Agent len 64
		  capture request header X-Forwarded-For len 64
		  http-request return status 200
	END
	cat >serve.sh <<-END
		ip link set lo up
		ip address add 203.0.113.7/32 dev lo
		haproxy -db -f haproxy.cfg >log/haproxy.log 2>haproxy.err &
		server=\$!
		for _ in \$(seq 50); do curl -s -o /dev/null http://127.0.0.1:8001/ && break; sleep 0.1; done
		curl -s --interface 203.0.113.7 -A 'Yealink SIP-T46S 66.86.0.15 "|}' http://127.0.0.1:8001/0015650f0001.cfg?x=y
		curl -s --interface 203.0.113.7 -A 'Yealink SIP-T46S 66.86.0.15' -H 'X-Forwarded-For: 198.51.100.1' http://127.0.0.1:8002/0015650f0002.cfg
		# An answer is there before its line.
		for _ in \$(seq 50); do [ "\$(grep -c 0015650f000 log/haproxy.log)" = 2 ] && break; sleep 0.1; done
		kill \$server
		wait \$server || true
	END
	unshare -n bash serve.sh
	unset PROVCTL_CLOCK
	pass
	wants 0015650f0001 "locked - 203.0.113.7 provisioned acct1"
	wants 0015650f0002 "locked - 203.0.113.7 provisioned acct1"
	same "$(json '.sources[].unreadable' status)" 0
}
