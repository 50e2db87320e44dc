# A running enforcer and portal with tokens of each role; who asks them lives one wire away, in $world. Loaded after setup and network.

site=http://192.0.2.1:8443 # the portal itself
mine=001565abcdef other=001565abcdf0

# portal_world ADDRESS...: addresses that can ask.
portal_world() {
	space world
	echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad # nobody has our addresses
	join $$ 192.0.2.1/24 "$world" 192.0.2.2/24
	join $$ 2001:db8:ffff::1/64 "$world" 2001:db8:ffff::2/64
	lives "$world" "$@"
	ip route replace default via 192.0.2.2
	ip -6 route replace default via 2001:db8:ffff::2
}

# portal_start [YAML]: more of the portal's configuration; where it listens may be in $listen, whom the programs become in $users, and more settings in
# $more. Tokens are in the files token.ROLE.
portal_start() {
	unset PROVCTL_CLOCK
	configure "users: {${users-enforcer: root, analyzer: root, portal: root}}
portal: {listen: [${listen:-\"192.0.2.1:8443\"}]${1:+, $1}}${more:+
$more}"
	enforcer_start
	provctl add $mine --account acct1 >/dev/null
	provctl add $other --account acct2 >/dev/null
	provctl token add --role operator >token.operator 2>/dev/null
	provctl token add --role support >token.support 2>/dev/null
	provctl token add --role account --account acct1 >token.account 2>/dev/null
	provctl token add --role user --mac $mine >token.user 2>/dev/null
	provctl token add --role verdict >token.verdict 2>/dev/null
	provctl token add --role metrics >token.metrics 2>/dev/null
	portal_run
}

portal_run() {
	background "$bin/prov-portal" -c provctl.yaml --data "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/portal"
	portal=$!
	until_done within "$world" curl -sf -o /dev/null $site/v1/openapi.json
}

enforcer_start() {
	background "$bin/prov-enforcer" -c provctl.yaml
	enforcer=$!
	until_done test -S state/portal.sock
}

enforcer_stop() {
	kill "$enforcer"
	wait "$enforcer" || true
}

# call ROLE METHOD PATH [BODY] [CURL-OPTION...]: the status is in $status, the body in $output, the headers in the file headers. ROLE `-`: no token.
call() {
	local role=$1 method=$2 path=$3 options=()
	shift 3
	[ "$role" = - ] || options+=(-H "Authorization: Bearer $(cat "token.$role")")
	if [ $# -gt 0 ] && [ -n "$1" ]; then
		options+=(-H "Content-Type: application/json" -d "$1")
	fi
	[ $# -eq 0 ] || shift
	[ "$method" = HEAD ] && options+=(-I) || options+=(-X "$method")
	status=$(within "$world" curl -s --max-time 20 --path-as-is -o body -D headers -w '%{http_code}' "${options[@]}" "$@" "$site$path") || true
	output=$(cat body)
}

# calls STATUS ROLE METHOD PATH ...: that is what comes of it.
calls() {
	local wanted=$1
	shift
	call "$@"
	same "$* $status" "$* $wanted" || { echo "$output"; return 1; }
}

# of FILTER: of the last body.
of() {
	jq -r "$1" body
}

# header NAME: of the last answer.
header() {
	sed -n "s/^$1: \(.*\)\r\$/\1/Ip" headers
}
