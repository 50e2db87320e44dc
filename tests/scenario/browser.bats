# The portal's page in a real browser: nginx asks the portal before it serves a phone and hands the page on, packets really pass or die. What people
# do is in tests/browser/cases.mjs. Pictures of every state are left in tests/browser/shots of the build folder.

load setup
load network

mac=001565abcdef new=001565abcdf1 held=001565abcdf2 exposed=001565abce03 other=001565aaaaaa
home=203.0.113.10 elsewhere=198.51.100.20 office=203.0.113.7 stranger=198.51.100.66
browser=${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/browser

setup() {
	without_sanitizers "the page and the browser are the same there"
	needs_network nginx chromium node openssl jq
	[ -d "$bin/tests/browser/node_modules" ] || skip "needs Playwright and axe: tests/browser/install tests/browser in the build folder"
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	mkdir log files brand
	: >log/sip.log
	unset PROVCTL_CLOCK # the servers' log has the present
	space web
	space world
	join "$web" 192.0.2.1/24 "$world" 192.0.2.2/24
	lives "$world" $home $elsewhere $office
	within "$web" ip route add default via 192.0.2.2
	configure "firewall: {backend: nftables}
users: {enforcer: root, analyzer: root, portal: root}
portal: {listen: ['127.0.0.1:8444'], trusted_proxies: [127.0.0.1], self_service: {lifts_per_day: 1}, brand: $folder/brand}
sources: [{path: $folder/nginx/access.log, format: combined, account: acct1}, {path: $folder/log/sip.log, format: asterisk}]"
	scripts
	phones
	servers
	story
}

# What the cases call.
scripts() {
	cat >provctl <<-END
		#!/bin/bash
		folder=$folder
		$(declare -f until_done asleep logged)
		[ "\$1" != analyze ] || logged $folder/nginx || exit
		exec nsenter -t $web -n $bin/provctl -c $folder/provctl.yaml "\$@"
	END
	cat >enforcer <<-END
		#!/bin/sh
		case \$1 in
		start)
			rm -f $folder/state/portal.sock
			nsenter -t $web -n $bin/prov-enforcer -c $folder/provctl.yaml >>$folder/background.log 2>&1 3>&- &
			echo \$! >$folder/enforcer.pid
			for i in \$(seq 500); do
				[ ! -S $folder/state/portal.sock ] || exit 0
				sleep 0.02
			done
			exit 1 ;;
		end)
			kill \$(cat $folder/enforcer.pid)
			while kill -0 \$(cat $folder/enforcer.pid) 2>/dev/null; do sleep 0.02; done ;;
		esac
	END
	chmod +x provctl enforcer
}

verb() {
	./provctl "$@"
}

# Two accounts, and one whose every word is as long as it may be. What becomes of the phones is told below.
phones() {
	cat >devices.csv <<-END
		mac,account,home,user,realm
		$mac,acct1,,1001,pbx.example.net
		$held,acct1,203.0.113.11,1002,pbx.example.net
		001565abce01,acct1,203.0.113.11,1003,pbx.example.net
		001565abce02,acct1,203.0.113.11 2001:db8:7::/64,1004,pbx.example.net
		$exposed,acct1,192.0.2.77,,
		$other,acct2,192.0.2.99,2001,pbx.example.net
	END
	printf '0015659900%s,a-name-of-64-letters-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,2001:db8:1234:5678:9abc:def0:1234:5678,,\n' {10..69} >>devices.csv
	for phone_ in $mac $new $held $other; do
		echo "a configuration" >"files/$phone_.cfg"
	done
	verb import devices.csv
}

servers() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=portal -keyout key.pem -out cert.pem 2>/dev/null
	./enforcer start
	verdict=$(verb token add --role verdict --json | jq -r .token)
	portal
	server "$web" nginx "
		server {
			listen 192.0.2.1:80;
			location / { auth_request /verdict; root $folder/files; }
			location = /verdict {
				internal;
				proxy_pass http://127.0.0.1:8444/v1/verdict;
				proxy_pass_request_body off;
				proxy_set_header Content-Length '';
				proxy_set_header Authorization 'Bearer $verdict';
				proxy_set_header X-Original-URI \$request_uri;
				proxy_set_header X-Real-IP \$remote_addr;
			}
		}
		server {
			listen 192.0.2.1:8443 ssl;
			ssl_certificate $folder/cert.pem;
			ssl_certificate_key $folder/key.pem;
			access_log off;
			proxy_set_header X-Forwarded-For \$remote_addr;
			location / { proxy_pass http://127.0.0.1:8444; }
			location /phones/ { proxy_pass http://127.0.0.1:8444/; }
		}"
}

portal() {
	serve "$web" "$bin/prov-portal" -c provctl.yaml --data "${browser%/tests/browser}/portal"
	portal=$!
	until_done within "$web" curl -sf -o /dev/null http://127.0.0.1:8444/v1/openapi.json
}

# The phone was set up at home and registered there; then somebody asked for it elsewhere. Another was attacked after an unlock, a third was
# served to a stranger, and a fourth is new.
story() {
	asks $home $mac 200
	verb analyze
	verb unlock $held
	verb lock $held
	now=$(date +%s)
	sip SuccessfulAuth $home 1001
	sip SuccessfulAuth 203.0.113.11 1003
	for _ in {1..30}; do
		sip InvalidPassword $stranger 1002
	done
	asks $elsewhere $mac 403
	printf '%s - - [%(%d/%b/%Y:%H:%M:%S +0000)T] "GET /%s.cfg HTTP/1.1" 200 512 "-" "%s"\n' $stranger "$now" $exposed "$phone" >>nginx/access.log
	verb analyze
	verb add $new --account acct1
}

asks() {
	same "$1 $2 $(answer "$world" "$1" "http://192.0.2.1/$2.cfg")" "$1 $2 $3"
}

# in_browser CASE
in_browser() {
	within "$world" env CHROMIUM="$(command -v chromium)" MODULES="$bin/tests/browser" PORTAL=https://192.0.2.1:8443 SITE=http://192.0.2.1 SHOTS="$bin/tests/browser/shots" \
		PROVCTL="$folder/provctl" ENFORCER="$folder/enforcer" WIRE=wire1 node "$browser/cases.mjs" "$1" 3>&-
}

teardown() {
	local pid
	[ -n "${folder:-}" ] || return 0
	[ ! -f enforcer.pid ] || kill "$(cat enforcer.pid)" 2>/dev/null || true
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	cd /
	rm -rf "$folder"
}

@test "a banned person opens the page and lifts the ban: the next fetch passes; a block stays" {
	for i in {10..21}; do
		answer "$world" $office "http://192.0.2.1/0015650000$i.cfg" >/dev/null
	done
	verb analyze
	in_browser ban
}

@test "a signed-in person unlocks a phone in the browser: the next fetch passes, from where it was refused" {
	in_browser unlock
}

@test "an account, a user and support see in the browser what is theirs, and no button that they may not press" {
	in_browser roles
}

@test "the page is walked with the keyboard alone, and the focus is seen" {
	in_browser keyboard
}

@test "all phones of an account are unlocked after a preview, and a window is opened and closed" {
	in_browser account
}

@test "a wrong token, a change by somebody else and a revoked token are told, with what to do" {
	in_browser trouble
}

@test "while the enforcer is down the page says so and nothing is lost; when it is back the same button works" {
	in_browser down
}

@test "a provider's own words, name and colour replace all of the page's, and nothing that others write is markup" {
	jq '{name: "Umbrella & <b>Sons</b>", colour: "#ffd54a", logo: "logo.svg", support: "Anna & <i>Bert</i>", support_link: "tel:+49301234567",
		language: "de", texts: {de: .en | walk(if type == "string" then "[\(.)]" else . end)}}' "${browser%/tests/browser}/portal/page/texts.json" >brand/brand.json
	echo '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"><rect width="4" height="1" fill="#d22"/></svg>' >brand/logo.svg
	kill "$portal"
	wait "$portal" || true
	portal
	verb lock $mac --reason '<img src=x onerror=alert(1)>'
	in_browser brand
}
