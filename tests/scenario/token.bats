# Tokens of the portal through the command line, and what they open on the enforcer's socket for it, asked by a raw client.

load setup

phone=001565abcdef
other=001565abcdf0
guesser=198.51.100.66

teardown() {
	[ -z "${daemon:-}" ] || stop || true
	[ -z "${space:-}" ] || kill "$space"
	cd /
	rm -rf "$folder"
}

# run_daemon: a running enforcer that answers, so that all of its start is done.
run_daemon() {
	start_daemon
	provctl token list >/dev/null
}

begin() {
	run_daemon
	provctl add $phone --account acct1 >/dev/null
	provctl add $other --account acct2 >/dev/null
}

# token ROLE [OPTION...]: a new one's text.
token() {
	provctl token add --role "$@" 2>/dev/null
}

# ask MEMBERS...: a request each, on one connection; every frame of the answers in $output.
ask() {
	output=$(printf '{%s}\n' "$@" | perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/scenario/ask.pl" state/portal.sock)
}

# as TOKEN MEMBERS: the same with a token.
as() {
	ask "\"token\":\"$1\",\"peer\":\"203.0.113.99\",$2"
}

# code: why the last request was refused, null where it was not.
code() {
	sed -n 's/^e //p' <<<"$output" | tail -n 1 | jq -r .code
}

# rows FILTER: what jq makes of the last answer's rows.
rows() {
	sed -n 's/^r //p' <<<"$output" | jq -r "$1"
}

@test "a token is printed once, listed without its secret, recorded, and at its end at once when it is revoked" {
	begin
	provctl token add --role account --account acct1 --for 30d --comment 'Ann' >text 2>said
	grep -qE '^pvt_[a-z2-7]{8}_[a-z2-7]{52}$' text
	[ "$(wc -l <text)" = 1 ]
	id=$(cut -c5-12 text)
	grep -q "$id: keep it safe" said
	provctl token list --json >list
	same "$(jq -r '[.id, .role, .account, .comment, .used] | @csv' list)" "\"$id\",\"account\",\"acct1\",\"Ann\","
	! grep -q "$(cut -c14- text)" list
	! provctl log --json | grep "$(cut -c14- text)"
	! grep -aq "$(cut -c14- text)" state/state.db state/state.db-wal
	as "$(cat text)" '"verb":"session"'
	same "$(rows '.role + " " + .account')" "account acct1"
	provctl token revoke "$id"
	as "$(cat text)" '"verb":"session"'
	same "$(code)" unauthorised
	fails 1 provctl token revoke "$id"
	same "$(recorded token-added)$(recorded token-revoked)" 11
}

@test "what cannot be a token is bad usage" {
	fails 2 provctl token add
	fails 2 provctl token add --role root
	fails 2 provctl token add --role account
	fails 2 provctl token add --role user
	fails 2 provctl token add --role user --mac nothing
	fails 2 provctl token add --role support --account acct1
	fails 2 provctl token revoke
	fails 2 provctl token revoke "' OR 1"
	fails 2 provctl token steal
}

@test "tokens work without a daemon as with one, and a restart forgets neither tokens nor lifts" {
	provctl add $phone --account acct1 >/dev/null
	account=$(token account --account acct1)
	[ ! -e state/portal.sock ]
	run_daemon
	as "$account" "\"verb\":\"show\",\"mac\":\"$phone\""
	same "$(rows .account)" acct1
	provctl ban 203.0.113.7 --for 1h >/dev/null
	ask '"self":"203.0.113.7","verb":"me-unban"'
	same "$(code)" null
	stop
	[ ! -e state/portal.sock ]
	run_daemon
	as "$account" '"verb":"list"'
	same "$(rows '.mac // .next')" "$phone
null"
	ask '"self":"203.0.113.7","verb":"me"'
	same "$(rows .lifts_left)" 2
}

@test "an account's token unlocks its device for the generator, and no other; a user's token sees what it names" {
	begin
	account=$(token account --account acct1)
	user=$(token user --mac "$phone,00:15:65:AB:CD:F1")
	fetch 203.0.113.7 $phone 200
	pass
	wants $phone "locked - 203.0.113.7 provisioned acct1"
	as "$account" "\"verb\":\"unlock\",\"mac\":\"$phone\",\"reason\":\"moved\""
	same "$(code)" null
	wants $phone "open $((now + 86400)) 203.0.113.7 unlocked acct1"
	same "$(json 'select(.what == "unlocked") | .actor' log)" "token ${account:4:8}"
	before=$(cat publish/lockstate)
	for verb in unlock lock show log explain; do
		as "$account" "\"verb\":\"$verb\",\"mac\":\"$other\""
		foreign=$output
		as "$account" "\"verb\":\"$verb\",\"mac\":\"001565999999\""
		same "$output" "$foreign"
		same "$(code)" unknown
	done
	same "$(cat publish/lockstate)" "$before"
	as "$user" '"verb":"list"'
	same "$(rows '.mac // empty')" $phone
}

@test "a banned address lifts its own ban, three times a day, and the published list agrees" {
	begin
	for _ in 1 2 3; do
		provctl ban 203.0.113.7 --for 1h >/dev/null
		provctl ban 203.0.113.8 --for 1h >/dev/null
		ask '"self":"203.0.113.7","verb":"me"'
		same "$(rows '"\(.banned) \(.seconds) \(.blocked)"')" "true 3600 false"
		ask '"self":"203.0.113.7","verb":"me-unban"'
		same "$(rows '"\(.banned) \(.lifted)"')" "false 1"
		same "$(banned)" 203.0.113.8
	done
	provctl ban 203.0.113.7 --for 1h >/dev/null
	ask '"self":"203.0.113.7","verb":"me-unban"'
	same "$(code)" limited
	same "$(banned)" "203.0.113.7
203.0.113.8"
	provctl block 203.0.113.9 >/dev/null
	ask '"self":"203.0.113.9","verb":"me-unban"'
	same "$(code)" refused
	same "$(json 'select(.what == "unbanned") | .actor' log | sort -u)" self-service
}

@test "who lifts its own ban is out of the kernel when it is told so; neighbours, networks and blocks stay in it" {
	[ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || skip "needs root and network namespaces"
	command -v nft >/dev/null || skip "needs nft"
	unshare -n sleep 300 3>&- &
	space=$!
	for _ in {1..100}; do
		[ "$(readlink /proc/$space/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
		sleep 0.02
	done
	configure "firewall: {backend: nftables}"
	nsenter -t "$space" -n "$bin/prov-enforcer" -c provctl.yaml >enforcer.out 2>enforcer.err 3>&- &
	daemon=$!
	for _ in {1..200}; do
		[ ! -S state/portal.sock ] || break
		sleep 0.05
	done
	held() { nsenter -t "$space" -n nft list ruleset | grep -oE '(203\.0\.113|2001:db8)[0-9a-f.:]*' | sort | xargs; }
	provctl ban 203.0.113.7 --for 1h >/dev/null
	provctl ban 203.0.113.8 --for 1h >/dev/null
	provctl ban 203.0.113.128/25 --for 1h >/dev/null
	provctl block 203.0.113.9 >/dev/null
	provctl ban 2001:db8:1::/64 --for 1h >/dev/null
	provctl ban 2001:db8:2::/64 --for 1h >/dev/null
	same "$(held)" "2001:db8:1:: 2001:db8:2:: 203.0.113.128 203.0.113.7 203.0.113.8 203.0.113.9"
	ask '"self":"203.0.113.7","verb":"me-unban"'
	same "$(held)" "2001:db8:1:: 2001:db8:2:: 203.0.113.128 203.0.113.8 203.0.113.9"
	ask '"self":"2001:db8:2::77","verb":"me-unban"'
	same "$(held)" "2001:db8:1:: 203.0.113.128 203.0.113.8 203.0.113.9"
	ask '"self":"203.0.113.9","verb":"me-unban"' '"self":"203.0.113.200","verb":"me-unban"' '"self":"2001:db8:3::1","verb":"me-unban"'
	same "$(held)" "2001:db8:1:: 203.0.113.128 203.0.113.8 203.0.113.9"
	provctl status --prometheus | grep -qE '^provctl_netlink_duration_seconds_count [1-9]'
}

@test "ten wrong tokens ban an unknown address by the shipped trigger; where phones live they are reported" {
	begin
	provctl network add 192.0.2.0/28 --account acct1 >/dev/null
	for n in {1..10}; do
		same "$(json .ip bans)" ""
		ask "\"token\":\"pvt_aaaaaaaa_wrong$n\",\"peer\":\"$guesser\",\"verb\":\"list\""
		same "$(code)" unauthorised
		ask "\"token\":\"nonsense\",\"peer\":\"192.0.2.7\",\"verb\":\"list\""
	done
	same "$(json '.ip + " " + .trigger' bans)" "$guesser portal-guessing"
	same "$(json 'select(.what == "reported") | .rule' log)" portal-guessing-known
	same "$(provctl status --prometheus | sed -n 's/^provctl_events_total{kind="portal.auth_failed"} //p')" 20
}

@test "hashes of verdict tokens are published for who may read them, and follow every change" {
	begin
	same "$(cat state/publish-portal/tokens)" "provctl-tokens 1
end 0"
	forever=$(token verdict)
	limited=$(token verdict --for 1h)
	support=$(token support)
	same "$(head -n 1 state/publish-portal/tokens) $(tail -n 1 state/publish-portal/tokens)" "provctl-tokens 1 end 2"
	grep -qxF "verdict ${forever:4:8} $(printf %s "$forever" | sha256sum | cut -d' ' -f1) -" state/publish-portal/tokens
	grep -qxF "verdict ${limited:4:8} $(printf %s "$limited" | sha256sum | cut -d' ' -f1) $((now + 3600))" state/publish-portal/tokens
	same "$(stat -c %a state/publish-portal state/publish-portal/tokens)" "750
640"
	as "$forever" '"verb":"list"'
	same "$(code)" forbidden
	provctl token revoke "${forever:4:8}"
	same "$(grep -c ^verdict state/publish-portal/tokens)" 1
	# Whatever others do to it, or a kill before it was written: it is brought back.
	stop
	echo nonsense >state/publish-portal/tokens
	run_daemon
	same "$(tail -n 1 state/publish-portal/tokens)" "end 1"
	[ -n "$support" ]
}

@test "the socket is the portal's group's, and a group that is not there keeps nothing else from working" {
	[ "$(id -u)" = 0 ] || skip "only root may give a socket to another group"
	configure "portal: {group: mail}"
	begin
	same "$(stat -c '%G %a' state/portal.sock)" "mail 660"
	same "$(stat -c '%G %a' state/publish-portal state/publish-portal/tokens)" "mail 750
mail 640"
	same "$(stat -c '%G' state/control.sock)" "$(stat -c %G state)"
	stop
	configure "portal: {group: no-such-group}"
	run_daemon
	grep -q 'portal.group: there is no group no-such-group' enforcer.err
	fails 1 provctl status
	has "portal: portal.group: there is no group no-such-group"
	provctl unlock $phone >/dev/null
}

@test "metrics: the command and the portal give the same names, alerts and dashboard use no other" {
	begin
	metrics=$(token metrics)
	provctl status --prometheus >text
	as "$metrics" '"verb":"metrics"'
	rows .text >portal
	same "$(grep '^# TYPE' portal)" "$(grep '^# TYPE' text)"
	# What Prometheus reads: NAME{LABELS} NUMBER; each name with its help and type before it.
	! grep -vE '^(# (HELP|TYPE) provctl_[a-z_]+ .*|provctl_[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"\})? -?[0-9.]+)$' text
	sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' text | sort >names
	same "$(uniq -d names)" ""
	sed -n 's/^# TYPE \([^ ]*\) histogram/\1_bucket\n\1_sum\n\1_count/p' text | sort - names >known
	cd "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/contrib/metrics"
	jq -e . grafana.json >/dev/null
	for file in alerts.yml grafana.json; do
		same "$(grep -oE 'provctl_[a-z_]+' $file | sort -u | comm -23 - "$folder/known")" ""
		[ "$(grep -oE 'provctl_[a-z_]+' $file | sort -u | wc -l)" -gt 10 ]
	done
}

@test "metrics tell of what happened" {
	begin
	for n in {0..9}; do fetch $guesser "0015659999$n$n" 404; done
	fetch 203.0.113.7 $phone 200
	echo nonsense >>log/web.log
	pass
	provctl status --prometheus >text
	for line in 'provctl_lines_total 12' 'provctl_events_total{kind="provision.unknown"} 10' \
		'provctl_events_total{kind="provision.served"} 1' 'provctl_bans 1' \
		'provctl_bans_by_trigger{trigger="provisioning-scan"} 1' 'provctl_devices{state="locked"} 1' \
		'provctl_devices_locked{reason="provisioned"} 1' "provctl_source_unreadable_lines{source=\"$folder/log/web.log\"} 1" \
		"provctl_source_last_event_time_seconds{source=\"$folder/log/web.log\"} $now" 'provctl_changes_total{what="banned"} 1' \
		'provctl_enforcing 1' 'provctl_decision_lag_seconds_count 11'; do
		grep -qxF "$line" text || {
			echo "missing: $line"
			cat text
			false
		}
	done
	same "$(grep ^provctl_rule_matches_total text | awk '{n += $NF} END {print n}')" 11
	# Sums of the state go on without a daemon; what counts since the start begins anew.
	stop
	provctl status --prometheus >text
	grep -qxF 'provctl_lines_total 12' text
	grep -qxF 'provctl_changes_total{what="banned"} 0' text
}
