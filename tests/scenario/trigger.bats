# Who is banned, and who never is: every trigger of provctl(8) by name, by a story in the logs.

load setup

scanner=192.0.2.66 office=203.0.113.7 away=198.51.100.4

mac() { # NUMBER: a MAC
	printf '0015650%05x' "$1"
}

# office N ADDRESS: N phones of acct1 that have lived at ADDRESS for two days.
office_of() {
	local n
	{
		echo mac,account,home,user
		for n in $(seq "$1"); do echo "$(mac "$n"),acct1,$2,$((1000 + n))"; done
	} >phones.csv
	at 0s
	provctl import phones.csv >/dev/null
	at 2d
}

@test "provisioning scan: ten unknown MACs ban for an hour, nine do not" {
	for n in $(seq 9); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(banned)" ""
	fetch $scanner "$(mac 10)" 404
	pass
	same "$(banned)" $scanner
	same "$(json .until bans)" 2026-11-22T11:00:00Z
	same "$(json .trigger bans)" provisioning-scan
}

@test "provisioning scan: the same nine MACs a hundred times are nine" {
	for n in $(seq 9); do
		for again in 1 2; do
			at "$((n + again * 10))m"
			fetch $scanner "$(mac "$n")" 404
		done
	done
	pass
	same "$(banned)" ""
}

@test "provisioning scan: an hour after the first they no longer count" {
	for n in $(seq 9); do fetch $scanner "$(mac "$n")" 404; done
	at 61m
	fetch $scanner "$(mac 10)" 404
	pass
	same "$(banned)" ""
}

@test "provisioning scan: bans of the same address grow longer, 1h, 4h, 24h, 7d, by those that ended within 7d" {
	local from=0 hours
	for hours in 1 4 24 168 4; do
		at "${from}h"
		for n in $(seq 10); do fetch $scanner "$(mac "$n")" 404; done
		pass
		same "$(json '(.until | fromdate) - (.start | fromdate)' bans)" $((hours * 3600))
		from=$((from + hours + 1))
	done
}

@test "an office of 60 phones that reboots behind one address: nobody is banned" {
	office_of 60 $office
	for n in $(seq 60); do
		web $office "GET /y000000000000.boot" 404
		web $office "GET /$(mac "$n").boot" 404
		fetch $office "$(mac "$n")" 401
		fetch $office "$(mac "$n")" 200
		web $office "GET /$(mac "$n")-local.cfg" 404
	done
	pass
	same "$(banned)" ""
}

@test "an office of 60 phones that is provisioned for the first time behind one address: nobody is banned" {
	for n in $(seq 60); do
		fetch $office "$(mac "$n")" 401
		fetch $office "$(mac "$n")" 200
	done
	pass
	same "$(banned)" ""
	wants "$(mac 60)" "locked - $office provisioned acct1"
}

@test "an office of 30 phones that moved to a new address: nobody is banned, and list --moved names them" {
	office_of 30 $office
	for again in 1 2 3; do
		at "2d ${again}m"
		for n in $(seq 30); do fetch $away "$(mac "$n")" 403; done
	done
	pass
	same "$(banned)" ""
	same "$(provctl list --moved --json | grep -c .)" 30
}

@test "provisioning scan: phones of many homes that refuse one address are a scan" {
	{
		echo mac,account,home
		for n in $(seq 10); do echo "$(mac "$n"),acct$n,203.0.113.$n"; done
	} >phones.csv
	provctl import phones.csv
	at 2d
	for n in $(seq 10); do fetch $scanner "$(mac "$n")" 403; done
	pass
	same "$(banned)" $scanner
}

@test "provisioning hammer: 20 failures for one unknown MAC within a minute ban, 19 do not" {
	for n in $(seq 19); do fetch $scanner "$(mac 1)" 404; done
	pass
	same "$(banned)" ""
	fetch $scanner "$(mac 1)" 404
	pass
	same "$(json .trigger bans)" provisioning-hammer
}

@test "password guessing: 30 unauthorised for one MAC ban; a served one between them starts anew" {
	for n in $(seq 29); do fetch $scanner "$(mac 1)" 401; done
	fetch $scanner "$(mac 1)" 200
	fetch $scanner "$(mac 1)" 401
	pass
	same "$(banned)" ""
	for n in $(seq 29); do fetch $scanner "$(mac 1)" 401; done
	pass
	same "$(json .trigger bans)" password-guessing
}

@test "imposter: three MACs asked for by curl ban; from a known address it is reported" {
	office_of 3 $office
	for n in 1 2 3; do fetch $office "$(mac "$n")" 200 curl/8.0; done
	for n in 11 12 13; do fetch $scanner "$(mac "$n")" 404 curl/8.0; done
	pass
	same "$(banned)" $scanner
	same "$(recorded reported)" 1
}

@test "SIP brute force: 20 failures from an unknown address ban, 19 do not" {
	for n in $(seq 19); do sip InvalidPassword $scanner 100; done
	pass
	same "$(banned)" ""
	sip InvalidPassword $scanner 100
	pass
	same "$(banned)" $scanner
	same "$(json .trigger bans)" sip-brute-force
}

@test "SIP brute force: a registration of that user from that address starts its count anew" {
	for n in $(seq 19); do sip InvalidPassword $scanner 100 TCP; done
	sip SuccessfulAuth $scanner 100 TCP
	for n in $(seq 19); do sip InvalidPassword $scanner 100 TCP; done
	pass
	same "$(banned)" ""
}

@test "SIP brute force: ten users from any address ban" {
	for n in $(seq 10); do sip InvalidPassword $scanner $((100 + n)); done
	pass
	same "$(json .trigger bans)" sip-brute-force-users
}

@test "one phone with a stale password in an office of 50: reported, not banned" {
	office_of 50 $office
	for n in $(seq 150); do
		at "2d $((n * 4))s"
		sip InvalidPassword $office 1007
	done
	pass
	same "$(banned)" ""
	[ "$(recorded reported)" -ge 1 ]
}

# kamailio WORD ADDRESS [USER [PROTO]]: the line that we recommend to Kamailio's users.
kamailio() {
	printf '%(%b %d %H:%M:%S)T sbc kamailio[7]: NOTICE: <script>: provctl: %s src=%s proto=%s user=%s realm=example.com callid=c%s\n' \
		"$now" "$1" "$2" "${4:-tls}" "${3:-100}" "$RANDOM$RANDOM" >>log/kamailio.log
}

with_kamailio() {
	configure "sources: [{path: $folder/log/kamailio.log, format: syslog, account: acct1}]"
}

@test "SIP scan: one from an unknown address bans for a day; from a known one it is reported" {
	with_kamailio
	office_of 3 $office
	kamailio scan $scanner
	kamailio scan $office
	touch -d "@$now" log/kamailio.log
	pass
	same "$(banned)" $scanner
	same "$(json '(.until | fromdate) - (.start | fromdate)' bans)" 86400
	same "$(json .trigger bans)" sip-scan
	same "$(recorded reported)" 1
}

@test "SIP flood: three within ten minutes from an unknown address ban, two do not; from a known one they are reported" {
	with_kamailio
	office_of 3 $office
	for n in 1 2 3; do kamailio flood $office; done
	for n in 1 2; do kamailio flood $scanner; done
	touch -d "@$now" log/kamailio.log
	pass
	same "$(banned)" ""
	same "$(recorded reported)" 1
	kamailio flood $scanner
	touch -d "@$now" log/kamailio.log
	pass
	same "$(banned)" $scanner
	same "$(json .trigger bans)" sip-flood
}

@test "SIP brute force: a hundred failures for one user ban from any address, but not an office where three phones live" {
	with_kamailio
	office_of 3 $office
	printf 'mac,account,home,user\n%s,acct1,%s,7000\n' "$(mac 900)" $away >one.csv
	provctl import one.csv --json >/dev/null
	at 4d
	for n in $(seq 99); do
		kamailio auth_failed $office 1001
		kamailio auth_failed $away 7000
	done
	touch -d "@$now" log/kamailio.log
	pass
	same "$(banned)" ""
	kamailio auth_failed $office 1001
	kamailio auth_failed $away 7000
	touch -d "@$now" log/kamailio.log
	pass
	same "$(banned)" $away
	same "$(json .trigger bans)" sip-brute-force-user
}

@test "SIP enumeration: five unknown users from one address ban, four do not" {
	for n in $(seq 4); do sip InvalidAccountID $scanner $((100 + n)) TCP; done
	pass
	same "$(banned)" ""
	sip InvalidAccountID $scanner 105 TCP
	pass
	same "$(json .trigger bans)" sip-enumeration
}

@test "attack on a device: 30 proven failures for its user from outside its home suspect it; 29 do not" {
	printf 'mac,account,user\n%s,acct1,100\n' "$(mac 1)" >phones.csv
	provctl import phones.csv
	for n in $(seq 29); do sip InvalidPassword 192.0.2.$((n + 50)) 100; done
	pass
	output=$(device "$(mac 1)")
	has "new acct1"
	sip InvalidPassword 192.0.2.99 100
	pass
	wants "$(mac 1)" "locked - - suspicious acct1"
}

@test "distributed scan: ten unknown MACs from one /24 ban the prefix" {
	for n in $(seq 10); do fetch 192.0.2.$n "$(mac "$n")" 404; done
	pass
	same "$(banned)" 192.0.2.0/24
}

@test "distributed scan: where a customer lives in that prefix the contributors are banned instead" {
	printf 'mac,account,home\n%s,acct1,192.0.2.200\n' "$(mac 999)" >phones.csv
	provctl import phones.csv
	at 2d
	for n in $(seq 10); do fetch 192.0.2.$n "$(mac "$n")" 404; done
	pass
	same "$(banned)" "$(for n in $(seq 10); do echo 192.0.2.$n; done | sort)"
}

@test "spoofed UDP from a customer's address and from a trunk's: nobody is cut off" {
	configure "firewall: {backend: none, peers: [198.51.100.0/24]}"
	office_of 1 $office
	for n in $(seq 200); do
		sip InvalidAccountID $office $((5000 + n)) UDP
		sip InvalidAccountID $away $((5000 + n)) UDP
		sip FailedACL $office $((5000 + n)) UDP
	done
	pass
	same "$(banned)" ""
	output=$(device "$(mac 1)")
	has "$office provisioned"
}

@test "a trusted proxy, firewall.never, loopback and a peer are never banned" {
	configure "trusted_proxies: [10.0.0.1]
firewall: {backend: none, never: [192.0.2.77], peers: [198.51.100.0/24]}"
	for n in $(seq 40); do
		fetch 10.0.0.1 "$(mac "$n")" 404
		fetch 192.0.2.77 "$(mac "$n")" 404
		fetch 127.0.0.1 "$(mac "$n")" 404
		fetch 198.51.100.9 "$(mac "$n")" 404
	done
	pass
	same "$(banned)" ""
	fails 3 provctl ban 192.0.2.77 --for 1h
	fails 3 provctl ban 127.0.0.1 --for 1h
}

@test "an address that is home to three accounts is reported as a carrier's, not banned" {
	{
		echo mac,account,home
		for n in 1 2 3; do echo "$(mac "$n"),acct$n,$office"; done
	} >phones.csv
	provctl import phones.csv
	at 2d
	for n in $(seq 20); do fetch $office "$(mac $((100 + n)))" 404; done
	pass
	same "$(banned)" ""
	output=$(provctl log)
	has "carrier"
}

@test "a thief buys no immunity by fetching: a home of less than a day counts for nothing" {
	for n in 1 2 3; do fetch $scanner "$(mac "$n")" 200; done
	for n in $(seq 11 20); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(banned)" $scanner
}

@test "an open window exempts its address, and opening one lifts the ban" {
	for n in $(seq 10); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(banned)" $scanner
	at 1m
	provctl window open $scanner --account acct1 --for 1h
	same "$(banned)" ""
	for n in $(seq 10); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(banned)" ""
}

@test "the cap: past bans_per_minute bans wait as pending, and are made a minute later" {
	configure "firewall: {backend: none, bans_per_minute: 2}"
	for host in 1 2 3; do
		for n in $(seq 10); do fetch 192.0.$host.1 "$(mac $((host * 100 + n)))" 404; done
	done
	pass
	same "$(banned | grep -c .)" 2
	output=$(provctl ip 192.0.3.1)
	has pending
	at 2m
	fetch $office "$(mac 1)" 200
	pass
	same "$(banned | grep -c .)" 3
}

@test "off: a trigger that is off does nothing; one of the same id replaces" {
	configure "triggers: [{id: provisioning-scan, off: true}, {id: distributed-scan, off: true}]"
	for n in $(seq 15); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(banned)" ""
	configure "triggers: [{id: provisioning-scan, on: [provision.unknown], by: ip, count: distinct mac, limit: 3, within: 1h, do: {ban: 10m}}]"
	at 5m
	for n in $(seq 21 23); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(json '(.until | fromdate) - (.start | fromdate)' bans)" 600
}

@test "mode: watch records the ban and publishes none" {
	configure "mode: watch"
	for n in $(seq 10); do fetch $scanner "$(mac "$n")" 404; done
	pass
	same "$(recorded banned)" 1
	same "$(banned)" ""
}

@test "pause lifts every ban at once, resume puts them back" {
	for n in $(seq 10); do fetch $scanner "$(mac "$n")" 404; done
	pass
	provctl pause
	same "$(banned)" ""
	provctl resume
	same "$(banned)" $scanner
}

@test "ban, block, allow and unban, by hand" {
	provctl ban $scanner --for 1h --comment "seen in the firewall log"
	same "$(banned)" $scanner
	provctl unban $scanner
	same "$(banned)" ""
	provctl block 192.0.2.0/24
	grep -qx "ban 192.0.2.0/24 -" publish/bans
	output=$(provctl ip $scanner)
	has blocked
	provctl allow $away
	for n in $(seq 10); do fetch $away "$(mac "$n")" 404; done
	pass
	run ! grep -q $away publish/bans
	fails 2 provctl ban not-an-address --for 1h
	fails 2 provctl ban $scanner
}

@test "foreign registration: another country than home's is reported" {
	command -v perl >/dev/null && perl -MMaxMind::DB::Writer::Tree -e1 2>/dev/null || skip "no MaxMind::DB::Writer here"
	perl -MMaxMind::DB::Writer::Tree -e '
		my $t = MaxMind::DB::Writer::Tree->new(ip_version => 6, record_size => 24, database_type => "Country",
			languages => ["en"], description => { en => "test" }, remove_reserved_networks => 0,
			map_key_type_callback => sub { $_[0] eq "country" ? "map" : "utf8_string" });
		$t->insert_network("203.0.113.0/24", { country => { iso_code => "DE" } });
		$t->insert_network("198.51.100.0/24", { country => { iso_code => "FR" } });
		open my $f, ">", "country.mmdb"; $t->write_tree($f);'
	configure "geoip: {country: $folder/country.mmdb}"
	printf 'mac,account,user\n%s,acct1,100\n' "$(mac 1)" >phones.csv
	provctl import phones.csv
	fetch $office "$(mac 1)" 200
	pass
	at 1m
	sip SuccessfulAuth $office 100 TCP
	pass
	same "$(recorded reported)" 0
	sip SuccessfulAuth $away 100 TCP
	pass
	same "$(recorded reported)" 1
}
