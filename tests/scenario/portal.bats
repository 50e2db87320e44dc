# prov-portal by real requests: what the roles of tokens do with devices, windows and addresses; self-service; verdicts, whether or not the enforcer
# runs; and each route as openapi.json describes it.

load setup
load network
load portal

banned=203.0.113.7

setup() {
	needs_network jq perl
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	mkdir log
	: >log/web.log
	: >log/sip.log
	portal_world $banned 203.0.113.8
}

# verdict MAC IP: the status of it.
verdict() {
	call verdict GET "/v1/verdict?mac=$1&ip=$2"
	echo "$status"
}

@test "an account's token sees and unlocks its phones, and the change is in force when it is answered" {
	portal_start
	provctl home add $mine $banned >/dev/null
	provctl lock $mine >/dev/null
	same "$(verdict $mine 198.51.100.1)" 403
	calls 200 account GET /v1/devices
	same "$(of '.items[].mac')" $mine
	calls 200 account GET /v1/devices/$mine
	version=$(header ETag)
	calls 200 account POST /v1/devices/$mine/unlock '{"for":"2h","reason":"moved"}' -H "If-Match: $version"
	same "$(of .state)" unlocked
	same "$(verdict $mine 198.51.100.1)" 204
	# It is another device now than the one that was read.
	calls 412 account POST /v1/devices/$mine/lock '' -H "If-Match: $version"
	calls 200 account POST /v1/devices/$mine/lock
	same "$(verdict $mine 198.51.100.1)" 403
	calls 200 account GET "/v1/devices/$mine/record?limit=1"
	same "$(of '.items[0].what')" locked
	calls 200 account GET "/v1/devices/$mine/record?limit=1&before=$(of .next)"
	same "$(of '.items[0].what + " " + .items[0].reason')" "unlocked moved"
}

@test "all phones of an account are shown before they are opened" {
	portal_start
	provctl lock $mine >/dev/null
	calls 200 account POST /v1/accounts/acct1/unlock '{"preview":true,"for":"8h"}'
	same "$(of '.items | length')" 1
	same "$(verdict $mine 198.51.100.1)" 403
	calls 200 account POST /v1/accounts/acct1/unlock '{"for":"8h"}'
	same "$(verdict $mine 198.51.100.1)" 204
}

@test "windows and networks are opened, listed and closed" {
	portal_start
	provctl lock $mine >/dev/null
	calls 200 account POST /v1/windows '{"window":"198.51.100.1","account":"acct1","for":"4h"}'
	same "$(verdict $mine 198.51.100.1)" 204
	calls 200 account GET /v1/windows
	same "$(of '.items[].window')" 198.51.100.1
	calls 200 account DELETE /v1/windows/acct1/198.51.100.1
	same "$(verdict $mine 198.51.100.1)" 403
	calls 200 operator POST /v1/networks '{"network":"198.51.100.0/28","account":"acct1"}'
	same "$(verdict $mine 198.51.100.1)" 204
	calls 200 operator DELETE /v1/networks/acct1/198.51.100.0%2F28
	same "$(verdict $mine 198.51.100.1)" 403
	calls 404 operator DELETE /v1/networks/acct1/198.51.100.0%2F28
	calls 400 account POST /v1/windows '{"window":"198.51.100.1","account":"acct1","for":"41h"}'
}

@test "addresses are banned, blocked and allowed by their names" {
	portal_start
	calls 200 operator PUT /v1/addresses/$banned/ban '{"for":"1h","comment":"test"}'
	calls 200 operator GET /v1/addresses/$banned
	same "$(of '.status[]')" banned
	calls 200 operator GET /v1/bans
	same "$(of '.items[].ip')" $banned
	calls 200 support DELETE /v1/addresses/$banned/ban
	calls 404 support DELETE /v1/addresses/$banned/ban
	for entry in block allow; do
		calls 200 operator PUT /v1/addresses/203.0.113.0%2F24/$entry '{}'
		calls 403 support PUT /v1/addresses/203.0.113.0%2F24/$entry '{}'
		calls 200 operator DELETE /v1/addresses/203.0.113.0%2F24/$entry
	done
	calls 409 operator PUT /v1/addresses/127.0.0.1/ban '{"for":"1h"}'
}

@test "who is banned is told so and lifts it, a few times a day; a block stays" {
	portal_start 'self_service: {lifts_per_day: 1}'
	calls 200 - GET /v1/me '' --interface $banned
	same "$(of '.ip + " " + (.banned | tostring)')" "$banned false"
	calls 404 - DELETE /v1/me/ban '' --interface $banned
	provctl ban $banned --for 1h >/dev/null
	calls 200 - GET /v1/me '' --interface $banned
	same "$(of '(.banned | tostring) + " " + (.lifts_left | tostring)')" "true 1"
	calls 200 - DELETE /v1/me/ban '' --interface $banned
	same "$(of '.banned')" false
	same "$(provctl bans --json)" ""
	provctl ban $banned --for 1h >/dev/null
	calls 429 - DELETE /v1/me/ban '' --interface $banned
	provctl block 203.0.113.8 >/dev/null
	calls 409 - DELETE /v1/me/ban '' --interface 203.0.113.8
	same "$(provctl bans --json | jq -r .ip | sort | xargs)" "$banned 203.0.113.8"
}

@test "verdicts go on without the enforcer; changes are answered 503 and nothing is lost" {
	portal_start
	provctl lock $mine >/dev/null
	enforcer_stop
	same "$(verdict $mine 198.51.100.1)" 403
	same "$(verdict 001565ffffff 198.51.100.1)" 204
	calls 503 account POST /v1/devices/$mine/unlock '{}'
	[ "$(header Retry-After)" -gt 0 ]
	calls 503 - GET /v1/me
	calls 200 - GET /
	enforcer_start
	calls 200 account POST /v1/devices/$mine/unlock '{}'
	same "$(verdict $mine 198.51.100.1)" 204
	mv publish/lockstate publish/former
	calls 503 verdict GET "/v1/verdict?mac=$mine&ip=198.51.100.1"
	[ "$(header Retry-After)" -gt 0 ]
	mv publish/former publish/lockstate
	same "$(verdict $mine 198.51.100.1)" 204
}

@test "a verdict finds the device in the original URI as the rules do, and asks for each that it names" {
	portal_start
	provctl lock $mine >/dev/null
	while read -r wanted uri; do
		call verdict GET /v1/verdict '' -H "X-Original-URI: $uri" -H "X-Real-IP: 198.51.100.1"
		same "$uri $status" "$uri $wanted"
	done <<-END
		403 /p/$mine.cfg
		403 /p/$mine.cfg?x=1
		403 /p/00-15-65-AB-CD-EF.xml
		403 /p/%30%301565abcdef.cfg
		403 /a%2F$mine.cfg
		403 /cfg.php?mac=$mine
		403 /cfg.php?x=1&MAC=00%3A15%3A65%3AAB%3ACD%3AEF
		403 /001565000001.cfg?mac=$mine
		403 /$mine.cfg?mac=001565000001
		403 /cfg.php?mac=$mine&mac=001565000001
		403 http://h/$mine.cfg
		204 /001565000001.cfg
		204 /y000000000028.cfg
		204 /000000000000.cfg
		204 /firmware/T46S.rom
		204 /$mine/phonebook.xml
		204 /
	END
	# One source at a time: the other is what the client said.
	calls 403 verdict GET "/v1/verdict?mac=$mine&ip=198.51.100.1" '' -H "X-Original-URI: /x" -H "X-Real-IP: 203.0.113.7"
	calls 400 verdict GET "/v1/verdict?mac=$mine" '' -H "X-Real-IP: 203.0.113.7"
	calls 400 verdict GET "/v1/verdict?ip=203.0.113.7" '' -H "X-Original-URI: /x"
	calls 400 verdict GET /v1/verdict '' -H "X-Original-URI: /x"
	calls 400 verdict GET /v1/verdict '' -H "X-Original-URI: /x" -H "X-Real-IP: 203.0.113.7" -H "X-Real-IP: 203.0.113.8"
}

@test "tokens that are not good are answered 401, and after a few 429 for a while; the enforcer hears of them" {
	portal_start
	for i in {1..9}; do
		calls 401 - GET /v1/session '' -H "Authorization: Bearer pvt_abcd2345_$i"
	done
	calls 401 - GET "/v1/verdict?mac=$mine&ip=198.51.100.1" '' -H "Authorization: Bearer x"
	has "a verdict token is needed"
	calls 429 operator GET /v1/session
	[ "$(header Retry-After)" -le 60 ]
	calls 429 - GET "/v1/verdict?mac=$mine&ip=198.51.100.1" '' -H "Authorization: Bearer x"
	# Nobody shuts out the web server whose address he shares.
	calls 204 verdict GET "/v1/verdict?mac=$mine&ip=198.51.100.1"
	calls 200 operator GET /v1/session '' --interface 203.0.113.8
	calls 401 - GET /v1/session '' --interface 203.0.113.8
	calls 200 operator GET /v1/session '' --interface 203.0.113.8
	same "$(provctl status --json | jq '.sums | to_entries[] | select(.key | test("portal.auth_failed")) | .value > 0')" true
}

@test "behind a web server that tells no address nobody shuts out others, and nobody is spoken for" {
	listen="\"192.0.2.1:8443\", \"unix:$folder/http.sock\"" portal_start
	provctl ban $banned --for 1h >/dev/null
	local_status() { curl -s -o body -w '%{http_code}' --unix-socket http.sock "$@"; }
	for n in {1..12}; do
		same "$(local_status http://p/v1/session -H "Authorization: Bearer pvt_abcd2345_$n")" 401
	done
	same "$(local_status http://p/v1/session -H "Authorization: Bearer $(cat token.operator)")" 200
	same "$(local_status -X DELETE http://p/v1/me/ban)" 400
	same "$(local_status -X DELETE http://p/v1/me/ban -H "X-Real-IP: $banned")" 400
	same "$(provctl bans --json | jq -r .ip)" $banned
}

@test "the enforcer ends and begins anew under the portal, which asks the new one" {
	portal_start
	for i in 1 2 3; do
		calls 200 operator GET /v1/status
		kill -9 "$enforcer"
		wait "$enforcer" || true
		rm -f state/portal.sock
		enforcer_start
	done
	calls 200 operator GET /v1/status
}

@test "it ends when it is told to, and begins anew at the same places" {
	listen="\"192.0.2.1:8443\", \"unix:$folder/http.sock\"" portal_start
	calls 200 operator GET /v1/session
	"$bin/prov-portal" -c provctl.yaml -n --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	portal_run
	calls 200 operator GET /v1/session
	same "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket http.sock http://p/)" 200
	# Nobody takes its place.
	fails 4 timeout 10 "$bin/prov-portal" -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	has "Address already in use"
	calls 200 operator GET /v1/session
}

@test "who waits when it ends is answered" {
	portal_start
	enforcer_stop
	rm -f state/portal.sock
	# Another takes every connection and says nothing.
	background perl -MIO::Socket::UNIX -e '
		$l = IO::Socket::UNIX->new(Local => "state/portal.sock", Listen => 1); push(@c, $l->accept) && open($f, ">", "asked") while 1'
	until_done test -S state/portal.sock
	background nsenter -t "$world" -n curl -s -o late -w '%{http_code}' -X DELETE $site/v1/me/ban
	client=$!
	until_done test -e asked
	kill "$portal"
	wait "$portal"
	wait $client
	same "$(jq -r .status late)" 503
}

@test "each route answers as openapi.json says, and there is none beside those" {
	portal_start
	within "$world" perl "$BATS_TEST_DIRNAME/portal_routes.pl" "${site#http://}" . $mine
}

# nginx' question is refused, whomever the phone names as its asker.
refused_by_portal() {
	[ "$(answer "$world" 203.0.113.8 http://192.0.2.1/$mine.cfg -H "X-Forwarded-For: 198.51.100.77")" = 500 ]
}

@test "nginx asks before it serves, by the snippet that ships: a phone fetches at its home, and elsewhere once it is unlocked" {
	command -v nginx >/dev/null && command -v openssl >/dev/null || skip "needs nginx and openssl"
	listen="\"192.0.2.1:8443\", \"unix:$folder/http.sock\"" portal_start
	snippet=${top_srcdir:-$BATS_TEST_DIRNAME/../..}/contrib/web/nginx.conf
	mkdir -p files tls
	echo secret | tee files/$mine.cfg >files/$other.cfg
	echo common >files/y000000000028.cfg
	echo "proxy_set_header Authorization \"Bearer $(cat token.verdict)\";" >verdict.token
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=p -keyout tls/key -out tls/pem 2>/dev/null
	# What it says to uncomment, and the paths of this test.
	uncommented=$(sed -n '/^# 2\./,/^# \/etc/s/^#   //p' "$snippet" | sed "s|\.\.\. what serves it|root $folder/files;|; s|/etc/nginx/provctl-verdict.token|$folder/verdict.token|")
	server $$ nginx "$(sed -e "s|/etc/ssl/phones.example.net.pem|$folder/tls/pem|; s|/etc/ssl/phones.example.net.key|$folder/tls/key|; s|/run/provctl-portal/http.sock|$folder/http.sock|; s|8443 ssl|443 ssl|; /^#/d" "$snippet")
		server { listen 192.0.2.1:80; $uncommented location / { root $folder/files; } }
		server { listen 192.0.2.1:81; location ~ [.]cfg\$ { auth_request /provctl-verdict; root $folder/files; }
			location = /provctl-verdict { internal; proxy_pass http://provctl_portal/v1/verdict; proxy_pass_request_body off;
				proxy_set_header Content-Length ''; proxy_set_header X-Original-URI \$request_uri; proxy_set_header X-Real-IP \$remote_addr;
				include $folder/verdict.token; } }"
	provctl home add $mine $banned >/dev/null
	provctl lock $mine >/dev/null
	for port in 80 81; do
		same "$(answer "$world" $banned http://192.0.2.1:$port/$mine.cfg)" 200
		same "$(answer "$world" 203.0.113.8 http://192.0.2.1:$port/$mine.cfg)" 403
		same "$(answer "$world" 203.0.113.8 http://192.0.2.1:$port/$mine.cfg -H "X-Real-IP: $banned" -H "X-Original-URI: /x" -H "Authorization: Bearer x")" 403
		same "$(answer "$world" 203.0.113.8 http://192.0.2.1:$port/y000000000028.cfg)" 200
	done
	calls 200 account POST /v1/devices/$mine/unlock '{}'
	for port in 80 81; do
		same "$(answer "$world" 203.0.113.8 http://192.0.2.1:$port/$mine.cfg)" 200
	done
	# Where nginx' own token is not good nobody is an attacker for it, least of all whom a phone names.
	sed -i 's/pvt_......../pvt_aaaaaaaa/' verdict.token
	former=$(pgrep -P "$(cat nginx/nginx.pid)")
	kill -HUP "$(cat nginx/nginx.pid)"
	until_done test ! -e "/proc/$former" # until then it answers too
	until_done refused_by_portal
	for n in {1..12}; do
		refused_by_portal
	done
	same "$(provctl bans --json)" ""
	# The page is there by TLS, and verdicts are not.
	same "$(answer "$world" 203.0.113.8 https://192.0.2.1/ -k)" 200
	same "$(answer "$world" 203.0.113.8 "https://192.0.2.1/v1/verdict?mac=$mine&ip=$banned" -k -H "Authorization: Bearer $(cat token.verdict)")" 404
	within "$world" curl -sk --interface 203.0.113.8 -H "X-Forwarded-For: $banned" -o body https://192.0.2.1/v1/me
	same "$(of .ip)" 203.0.113.8
}

@test "as a user of its own it reads the lock-state file and asks the enforcer, without a privilege" {
	local user
	# The users are those of this test alone.
	[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] || skip "not in a mount namespace of its own"
	cp /etc/passwd /etc/group .
	for user in provctl:30001 provctl-analyzer:30002 provctl-portal:30003; do
		sed -i "/^${user%:*}:/d" passwd group
		echo "${user%:*}:x:${user#*:}:${user#*:}::/:/bin/false" >>passwd
		echo "${user%:*}:x:${user#*:}:provctl" >>group
	done
	mount --bind passwd /etc/passwd
	mount --bind group /etc/group
	mkdir bin state publish
	cp "$bin"/provctl "$bin"/prov-analyzer "$bin"/prov-enforcer "$bin"/prov-portal bin
	cp -r "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/rules" "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal" .
	chmod -R a+rX bin rules portal
	chown provctl:provctl state publish
	chmod 751 state
	bin=$folder/bin top_srcdir=$folder users= more="lockstate: {path: $folder/publish/lockstate, group: provctl-portal}" portal_start "group: provctl-portal"
	for line in "Uid:	30003" "CapPrm:	0000000000000000" "NoNewPrivs:	1" "Seccomp:	2"; do
		grep -q "^$line" "/proc/$portal/status" || { cat "/proc/$portal/status"; false; }
	done
	calls 200 operator GET /v1/devices
	calls 204 verdict GET "/v1/verdict?mac=$mine&ip=198.51.100.1"
	fails 1 setpriv --reuid 30003 --regid 30003 --clear-groups cat state/state.db
	# Nor does what root orders without a daemon become root's.
	enforcer_stop
	"$folder/bin/provctl" -c provctl.yaml token add --role verdict >token.verdict 2>/dev/null
	calls 204 verdict GET "/v1/verdict?mac=$mine&ip=198.51.100.1"
	same "$(stat -c '%U %G %a' state/publish-portal state/publish-portal/tokens)" "provctl provctl-portal 750
provctl provctl-portal 640"
	umount /etc/passwd /etc/group
}

@test "without seccomp nothing is served" {
	local without=$bin/tests/open/without
	! ldd "$bin/prov-portal" | grep -q libasan || skip "sanitizers make calls of their own"
	[ -x "$without" ] || skip "tests/open/without is not built"
	portal_start
	kill "$portal"
	wait "$portal"
	fails 4 "$without" seccomp -- "$bin/prov-portal" -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	has "seccomp"
	fails 4 "$without" seccomp:1 -- "$bin/prov-portal" -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	has "seccomp: the kernel does not take the list of system calls"
}

@test "a provider's own files stand for those that ship; a name that the page has not is told" {
	mkdir brand
	echo '/* ours */' >brand/page.css
	echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >brand/logo.svg
	portal_start "brand: $folder/brand"
	calls 200 - GET /page.css
	same "$output" '/* ours */'
	calls 200 - GET /logo.svg
	same "$(header Content-Type)" image/svg+xml
	calls 200 - GET /
	# No script but the page's own, and nobody lays it under a page of theirs.
	[[ "$(header Content-Security-Policy)" == "default-src 'none'; script-src 'self';"*"; frame-ancestors 'none'; base-uri 'none'; form-action 'none'" ]]
	same "$(header X-Content-Type-Options)" nosniff
	calls 404 - GET /x.css
	: >brand/pages.css
	fails 2 "$bin/prov-portal" -n -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	has "the page has no file of that name"
}

@test "sockets that a service manager gives stand for those of the configuration" {
	command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate here"
	portal_start
	background systemd-socket-activate -l 192.0.2.1:8444 -l "$folder/given.sock" \
		"$bin/prov-portal" -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	until_done test -S given.sock
	site=http://192.0.2.1:8444 calls 200 operator GET /v1/session
	same "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket given.sock http://p/)" 200
}
