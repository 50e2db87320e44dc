# What events do to a device: every numbered rule of provctl(8) by a story in the logs, as the lock-state file tells it.

load setup

home=203.0.113.7 away=198.51.100.4 thief=192.0.2.66
mac=001565abcdef other=001565abcdf0

# seconds since the epoch of a time in the story
when() {
	local saved=$now
	at "$1"
	echo "$now"
	now=$saved
	export PROVCTL_CLOCK=@$now
}

@test "rules 1 and 2: the first fetch of an unknown phone locks it to its address" {
	fetch $home $mac 200
	pass
	wants $mac "locked - $home provisioned acct1"
}

@test "rule 1: with unknown: ignore nothing is learned" {
	configure "devices: {unknown: ignore}"
	fetch $home $mac 200
	pass
	wants $mac ""
}

@test "rule 1: past max_devices new phones are only counted, and status warns" {
	configure "devices: {max_devices: 2}"
	fetch $home 001565000001 200
	fetch $home 001565000002 200
	fetch $home 001565000003 200
	pass
	wants 001565000002 "locked - $home provisioned acct1"
	wants 001565000003 ""
	fails 1 provctl status
	has max_devices
}

@test "rule 3: a new phone that asks too late is locked as stale, without home, and exposed if it was served" {
	provctl add $mac --account acct1
	wants $mac "open $(when 24h) - new acct1"
	at 25h
	fetch $thief $mac 200
	pass
	wants $mac "locked - - stale acct1"
	same "$(json .exposed_to show $mac)" $thief
}

@test "rule 4: a fetch at home changes nothing, however often" {
	fetch $home $mac 200
	pass
	cp publish/lockstate before
	at 3d
	fetch $home $mac 200
	fetch $home $mac 200
	pass
	cmp before publish/lockstate
}

@test "rule 4: a network of the account is home, and the first one that a new phone gets" {
	provctl network add 203.0.113.0/24 --account acct1
	fetch $home $mac 200
	pass
	wants $mac "locked - $home provisioned acct1"
	at 1h
	fetch 203.0.113.99 $mac 200
	pass
	wants $mac "locked - $home provisioned acct1"
	same "$(json .verdict verdict $mac 203.0.113.99)" served
	fails 1 provctl verdict $mac $thief
}

@test "rule 5: a refused fetch from elsewhere is a note and nothing else" {
	fetch $home $mac 200
	pass
	cp publish/lockstate before
	at 1h
	fetch $thief $mac 403
	pass
	cmp before publish/lockstate
	output=$(provctl list --moved)
	has $mac
	output=$(provctl show $mac)
	has $thief
}

@test "rule 5: a fetch that was served elsewhere exposes the phone, which stays locked" {
	fetch $home $mac 200
	pass
	at 1h
	fetch $thief $mac 200
	pass
	wants $mac "locked - $home provisioned acct1"
	output=$(provctl list --exposed)
	has $mac
}

@test "rule 6: an unlock is used by the first fetch from another address, which is the new home" {
	fetch $home $mac 200
	pass
	at 1h
	provctl unlock $mac
	wants $mac "open $(when 25h) $home unlocked acct1"
	at 2h
	fetch $away $mac 200
	pass
	wants $mac "locked - $away provisioned acct1"
	at 3h
	fetch $home $mac 403
	pass
	wants $mac "locked - $away provisioned acct1"
}

@test "rule 6: an unlock that nobody used ends by itself after 24 hours" {
	fetch $home $mac 200
	pass
	provctl unlock $mac
	at 23h
	same "$(json .verdict verdict $mac $thief)" served
	at 25h
	fails 1 provctl verdict $mac $thief
	same "$(json .state show $mac)" locked
	fetch $thief $mac 403
	fetch $home $mac 200
	pass
	fails 1 provctl verdict $mac $thief
	same "$(json .verdict verdict $mac $home)" served
}

@test "rule 6: the old home's reboot does not use an unlock up" {
	fetch $home $mac 200
	pass
	at 1h
	provctl unlock $mac
	at 2h
	fetch $home $mac 200
	pass
	wants $mac "open $(when 25h) $home unlocked acct1"
	at 3h
	fetch $away $mac 200
	pass
	wants $mac "locked - $away provisioned acct1"
}

@test "rule 7: a window opens one address for its account, and the phone's home moves there" {
	fetch $home $mac 200
	pass
	provctl window open $away --account acct1 --for 4h
	grep -qx "window $away $(when 4h) acct1" publish/lockstate
	at 1h
	fetch $away $mac 200
	pass
	wants $mac "locked - $away provisioned acct1"
}

@test "rule 7: a window is for its account alone, and for its time alone" {
	fetch $home $mac 200
	pass
	provctl window open $away --account acct2 --for 1h
	fails 1 provctl verdict $mac $away
	provctl window open $away --account acct1 --for 1h
	same "$(json .verdict verdict $mac $away)" served
	at 1h
	fails 1 provctl verdict $mac $away
}

@test "a window takes 1 to 40 hours; 0 and 41 are refused and change nothing" {
	provctl window open $away --account acct1 --for 1h
	provctl window close $away --account acct1
	provctl window open $away --account acct1 --for 40h
	grep -qx "window $away $(when 40h) acct1" publish/lockstate
	provctl window close $away --account acct1
	for hours in 0h 41h -1h x 1.5h 90m; do
		fails 2 provctl window open $away --account acct1 --for $hours
	done
	run ! grep -q '^window' publish/lockstate
	fails 2 provctl window open 198.51.0.0/16 --account acct1 --for 4h
}

@test "rule 8: an imposter that is served in an open phone locks it as suspicious and exposed, home unchanged" {
	fetch $home $mac 200
	pass
	provctl unlock $mac
	at 1h
	fetch $thief $mac 200 "curl/8.0"
	pass
	wants $mac "locked - $home suspicious acct1"
	output=$(provctl list --exposed)
	has $mac
}

@test "rule 9: authenticated polls from new addresses are added to home, four at most, the provisioned one never goes" {
	configure "urls: {authenticated: poll}"
	fetch $home $mac 200
	pass
	for n in 1 2 3 4; do
		at "${n}h"
		web 198.51.100.$n "GET /$mac.cfg" 200 - phone
	done
	pass
	wants $mac "locked - $home,198.51.100.2,198.51.100.3,198.51.100.4 provisioned acct1"
}

@test "a one-URL server whose phones poll from dynamic addresses: without authenticated: poll the phone is refused, with it it is followed" {
	web $home "GET /$mac.cfg" 200 - phone
	pass
	at 1h
	web $away "GET /$mac.cfg" 403 - phone
	pass
	wants $mac "locked - $home provisioned acct1"
	configure "urls: {authenticated: poll}"
	at 2h
	web $away "GET /$mac.cfg" 200 - phone
	pass
	wants $mac "locked - $home,$away provisioned acct1"
}

@test "follow_registrations: a proven registration of the phone's user adds its address to home; without it nothing does" {
	printf 'mac,account,user\n%s,acct1,100\n' $mac >phones.csv
	provctl import phones.csv
	fetch $home $mac 200
	pass
	at 1h
	sip SuccessfulAuth $away 100
	pass
	wants $mac "locked - $home provisioned acct1"
	configure "devices: {follow_registrations: true}"
	at 2h
	sip SuccessfulAuth $away 100
	pass
	wants $mac "locked - $home,$away provisioned acct1"
}

@test "an invented secret-looking folder is a provision, not a poll" {
	configure "urls: {secret: ['^/[0-9a-f]{32}/\$']}"
	web $home "GET /$mac.cfg" 200
	pass
	at 1h
	web $thief "GET /0123456789abcdef0123456789abcdef/$mac.cfg" 403
	pass
	wants $mac "locked - $home provisioned acct1"
	at 2h
	web $thief "GET /0123456789abcdef0123456789abcdef/$mac.cfg" 200
	pass
	wants $mac "locked - $home provisioned acct1"
	output=$(provctl list --exposed)
	has $mac
}

@test "the secret folder that the phone was served at home before is a poll from anywhere" {
	configure "urls: {secret: ['^/[0-9a-f]{32}/\$']}"
	web $home "GET /$mac.cfg" 200
	at 1m
	web $home "GET /aaaabbbbccccddddeeeeffff00001111/$mac.cfg" 200
	pass
	at 1h
	web $away "GET /aaaabbbbccccddddeeeeffff00001111/$mac.cfg" 200
	pass
	wants $mac "locked - $home,$away provisioned acct1"
	run ! grep -rq aaaabbbbccccddddeeeeffff00001111 state/state.db
}

@test "rule 10: a phone that is registered before it was ever provisioned is no new phone: locked as reused" {
	printf 'mac,account,user\n%s,acct1,100\n' $mac >phones.csv
	provctl import phones.csv
	wants $mac "open $(when 24h) - new acct1"
	at 1h
	sip SuccessfulAuth $home 100
	pass
	wants $mac "locked - $home reused acct1"
}

@test "rule 11: an attack on an open phone's user locks it as suspicious; a locked one that was unlocked lately is held" {
	printf 'mac,account,user\n%s,acct1,100\n%s,acct1,101\n' $mac $other >phones.csv
	provctl import phones.csv
	for n in $(seq 30); do sip InvalidPassword 192.0.2.$((n + 50)) 100; done
	pass
	wants $mac "locked - - suspicious acct1"
	fetch $home $other 200
	pass
	provctl unlock $other
	at 1m
	fetch $away $other 200
	for n in $(seq 30); do sip InvalidPassword 192.0.2.$((n + 90)) 101; done
	pass
	wants $other "locked - $away held acct1"
}

@test "rule 12: any number of accounts may become exposed" {
	{
		echo mac,account,home
		printf '%s\n' 001565{100..699}abc | awk -v home=$home '{ print $0 ",acct" NR "," home; print "001566" substr($0, 7) ",acct" NR "," }'
	} >phones.csv
	provctl import phones.csv
	at 1h
	for n in {100..699}; do fetch $away "001565${n}abc" 200; done
	pass
	same "$(recorded cascaded)" 600
}

@test "held: windows do not apply, unlock is refused with the reason, unlock --support opens it" {
	printf 'mac,account,user\n%s,acct1,100\n' $mac >phones.csv
	provctl import phones.csv
	fetch $home $mac 200
	pass
	provctl unlock $mac
	provctl lock $mac
	at 1m
	for n in $(seq 30); do sip InvalidPassword 192.0.2.$((n + 50)) 100; done
	pass
	wants $mac "locked - $home held acct1"
	provctl window open $away --account acct1 --for 4h
	fails 1 provctl verdict $mac $away
	fails 3 provctl unlock $mac
	has held
	has --support
	provctl unlock $mac --support
	wants $mac "open $(when '24h 1m') $home unlocked acct1"
}

@test "rule 12: an exposure closes the open phones of its account, 20 an hour at most, in MAC order, never for account -" {
	{
		echo mac,account
		for n in $(seq 100 124); do echo "001565000$n,acct1"; done
		echo 001565000999,acct2
	} >phones.csv
	provctl import phones.csv
	fetch $home $mac 200
	pass
	at 1h
	fetch $thief $mac 200
	pass
	wants 001565000100 "locked - - account acct1"
	wants 001565000119 "locked - - account acct1"
	wants 001565000120 "open $(when 24h) - new acct1"
	wants 001565000999 "open $(when 24h) - new acct2"
}

@test "rule 12: with account_cascade: none nothing else is closed" {
	configure "devices: {account_cascade: none}"
	provctl add $other --account acct1
	fetch $home $mac 200
	pass
	at 1h
	fetch $thief $mac 200
	pass
	wants $other "open $(when 24h) - new acct1"
}

@test "rule 14: the inventory's own log creates, customises and removes devices, and no other log does" {
	local line='{"time":"2026-11-22T10:00:00Z","event":"device.created","mac":"001565abcdef","account":"acct7"}'
	mkdir rules
	cat >rules/inventory.yaml <<-'YAML'
	rules:
	  - id: api.created
	    format: [json]
	    where: {event: [device.created], mac: '^(?<mac>[0-9a-f]{12})$', account: '^(?<account>[a-z0-9]+)$'}
	    event: device.created
	    samples:
	      - {line: '{"time":"2026-11-22T10:00:00Z","event":"device.created","mac":"001565abcdef","account":"acct7"}', expect: {event: device.created, mac: 001565abcdef}}
	YAML
	echo "$line" >log/api.log
	configure "sources: [{path: $folder/log/api.log, format: json}]
rules: [$folder/rules]"
	pass
	wants $mac ""
	echo "${line/10:00:00/10:00:05}" >>log/api.log
	at 1m
	configure "sources: [{path: $folder/log/api.log, format: json, inventory: true}]
rules: [$folder/rules]"
	pass
	wants $mac "open $(when '24h 5s') - new acct7"
}

@test "unlock of an account opens every phone until its first fetch elsewhere; held and custom ones are skipped" {
	fetch $home $mac 200
	fetch $home $other 200
	fetch $home 001565abcdf1 200
	pass
	provctl add 001565abcdf1 --custom yes
	fails 2 provctl unlock --account acct1
	output=$(provctl unlock --account acct1 --yes)
	has $mac
	has custom
	wants $mac "open - $home unlocked acct1"
	wants 001565abcdf1 "locked - $home provisioned acct1"
	at 3d
	fetch $away $mac 200
	pass
	wants $mac "locked - $away provisioned acct1"
	wants $other "open - $home unlocked acct1"
	at 8d
	fails 1 provctl status
	has 7d
}

@test "a custom device cannot be unlocked, and says how it could" {
	fetch $home $mac 200
	pass
	provctl add $mac --custom yes
	fails 3 provctl unlock $mac
	has "--custom no"
	provctl add $mac --custom no
	provctl unlock $mac
}

@test "cron reads an attack from before an unlock after it: the unlock stands" {
	fetch $home $mac 200
	pass
	at 1h
	fetch $thief $mac 403
	at 2h
	provctl unlock $mac
	pass
	wants $mac "open $(when 26h) $home unlocked acct1"
	at 3h
	fetch $away $mac 200
	pass
	wants $mac "locked - $away provisioned acct1"
}

@test "cron reads a served fetch from before an unlock after it: exposed, and the unlock stands" {
	fetch $home $mac 200
	pass
	at 1h
	fetch $thief $mac 200
	at 2h
	provctl unlock $mac
	pass
	wants $mac "open $(when 26h) $home unlocked acct1"
	output=$(provctl list --exposed)
	has $mac
}

@test "lock ends an open state and keeps the home; --no-home clears it" {
	fetch $home $mac 200
	pass
	provctl unlock $mac
	provctl lock $mac
	wants $mac "locked - $home manual acct1"
	provctl lock $mac --no-home
	wants $mac "locked - - manual acct1"
}

@test "clear-exposed drops every home but the provisioned one" {
	configure "urls: {authenticated: poll}"
	fetch $home $mac 200
	at 1h
	web $away "GET /$mac.cfg" 200 - phone
	at 2h
	fetch $thief $mac 200
	pass
	wants $mac "locked - $home,$away provisioned acct1"
	provctl clear-exposed $mac
	wants $mac "locked - $home provisioned acct1"
	output=$(provctl list --exposed)
	run ! has $mac
}

@test "home add and remove; a given prefix is home as it was given" {
	fetch $home $mac 200
	pass
	provctl home add $mac 198.51.100.0/24
	wants $mac "locked - $home,198.51.100.0/24 provisioned acct1"
	same "$(json .verdict verdict $mac 198.51.100.200)" served
	provctl home remove $mac 198.51.100.0/24
	wants $mac "locked - $home provisioned acct1"
}

@test "a removed device stays listed as locked, its fetches are only counted, and add makes it new" {
	fetch $home $mac 200
	pass
	provctl remove $mac
	wants $mac "locked - - manual acct1"
	at 1h
	fetch $home $mac 200
	pass
	wants $mac "locked - - manual acct1"
	at 2h
	provctl add $mac
	wants $mac "open $(when 26h) - new acct1"
}

@test "same_network: an IPv6 home is its /64, and ipv4: 24 makes a /24 one home" {
	fetch 2001:db8:1:2::5 $mac 200
	pass
	wants $mac "locked - 2001:db8:1:2::/64 provisioned acct1"
	configure "devices: {same_network: {ipv4: 24}}"
	fetch $home $other 200
	pass
	wants $other "locked - 203.0.113.0/24 provisioned acct1"
	same "$(json .verdict verdict $other 203.0.113.250)" served
}

@test "mode: watch publishes default open alone, and a foreign served fetch is only moved" {
	configure "mode: watch"
	fetch $home $mac 200
	at 1h
	fetch $thief $mac 200
	pass
	same "$(tail -n +2 publish/lockstate)" "default open
end 0"
	output=$(provctl list --exposed)
	run ! has $mac
	output=$(provctl list --moved)
	has $mac
}

@test "pause --locks publishes every device as open until it ends, and resume closes them again" {
	fetch $home $mac 200
	pass
	provctl pause --for 2h --locks
	wants $mac "open $(when 2h) $home provisioned acct1"
	fails 1 provctl status
	has pause
	provctl resume
	wants $mac "locked - $home provisioned acct1"
}

@test "HEAD, PUT and POST make no provision, nor do common files, nor folder names that look like MACs" {
	web $home "HEAD /$mac.cfg" 200
	web $home "PUT /$mac.cfg" 200
	web $home "POST /$mac.cfg" 200
	web $home "GET /000000000000.cfg" 200
	web $home "GET /y000000000028.cfg" 200
	web $home "GET /$mac/phonebook.xml" 200
	pass
	same "$(grep -c '^device' publish/lockstate || true)" 0
}

@test "behind a trusted proxy the forwarded address counts, and a line without one is no event" {
	configure "trusted_proxies: [10.0.0.1]"
	printf '10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /%s.cfg HTTP/1.1" 200 5 "-" "-" "192.0.2.9, %s"\n' $mac $home >>log/web.log
	printf '10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /%s.cfg HTTP/1.1" 200 5 "-" "-"\n' $other >>log/web.log
	printf '%s - - [22/Nov/2026:10:00:00 +0000] "GET /001565abcdf1.cfg HTTP/1.1" 200 5 "-" "-" "192.0.2.9"\n' $away >>log/web.log
	pass
	wants $mac "locked - $home provisioned acct1"
	wants $other ""
	wants 001565abcdf1 "locked - $away provisioned acct1"
}

@test "an event from more than a minute ahead is kept aside and applied when due" {
	at 1h
	fetch $home $mac 200
	at 0s
	pass
	wants $mac ""
	at 1h
	pass
	wants $mac "locked - $home provisioned acct1"
}

@test "a verdict about the past is what the file said then" {
	fetch $home $mac 200
	pass
	at 1h
	provctl unlock $mac
	at 2h
	fetch $away $mac 200
	pass
	fails 1 provctl verdict $mac $away --at "@$(when 30m)"
	same "$(json .verdict verdict $mac $thief --at "@$(when 90m)")" served
	fails 1 provctl verdict $mac $home --at "@$(when 2h)"
	fails 5 provctl verdict $mac $home --at 2020-01-01T00:00:00Z
}
