# Who may what: every role's token over every route and method, with what is its own, another's and nobody's; and whose ban anyone lifts.

load setup
load network
load portal

setup() {
	needs_network jq perl nginx
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	mkdir log
	: >log/web.log
	: >log/sip.log
}

@test "a token does what its role may with what is its own, and learns nothing of anything else" {
	addresses=(203.0.113.{1..7})
	portal_world "${addresses[@]}"
	portal_start
	provctl ban 203.0.113.98 --for 1h >/dev/null
	before=$(provctl show $other --json)
	within "$world" env ROLES="- verdict metrics user account" perl "$BATS_TEST_DIRNAME/portal_roles.pl" "${site#http://}" . $mine $other 001565aaaaaa "${addresses[@]}"
	same "$(provctl show $other --json)" "$before"
	same "$(provctl bans --json | jq -r .ip)" 203.0.113.98
	provctl ban 203.0.113.97 --for 1h >/dev/null
	within "$world" env ROLES="support operator" perl "$BATS_TEST_DIRNAME/portal_roles.pl" "${site#http://}" . $mine $other 001565aaaaaa "${addresses[@]}"
}

victim4=203.0.113.7 victim6=2001:db8:7::7

# tries PORT: all of them, and none lifts a ban. Then the victims lift their own.
tries() {
	local victim
	within "$world" ip route add local 198.51.100.0/24 dev lo
	for victim in $victim4 $victim6; do
		provctl ban $victim --for 1h >/dev/null
	done
	within "$world" perl "$BATS_TEST_DIRNAME/portal_lift.pl" "192.0.2.1:$1" "$(cat token.operator)" $victim4 $victim6 198.51.100
	for victim in "$victim4 192.0.2.1" "$victim6 [2001:db8:ffff::1]"; do
		within "$world" curl -s --interface "${victim% *}" -X DELETE -o body "http://${victim#* }:$1/v1/me/ban"
		same "$(of '.ip + " " + (.banned | tostring)')" "${victim% *} false"
	done
	same "$(provctl bans --json)" ""
}

@test "no header, parameter, path, method or body lifts another's ban at the portal itself" {
	portal_world $victim4 $victim6
	listen='"*:8443"' portal_start
	tries 8443
}

@test "nor does any at nginx before it, which adds its word to what its client said" {
	portal_world $victim4 $victim6
	listen="\"192.0.2.1:8443\", \"unix:$folder/http.sock\"" portal_start
	server $$ nginx "upstream portal { server unix:$folder/http.sock; keepalive 4; }
		server {
			listen 192.0.2.1:80;
			listen [2001:db8:ffff::1]:80;
			underscores_in_headers on;
			location / {
				proxy_pass http://portal;
				proxy_http_version 1.1;
				proxy_set_header Connection '';
				proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
			}
		}"
	tries 80
}
