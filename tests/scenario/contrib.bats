# What stands beside the programs: hooks, units, log formats, completion. Each does with the real programs what it says.

load setup

top=${top_srcdir:-$BATS_TEST_DIRNAME/../..}
hooks=$top/contrib/hooks

setup_file() {
	unset PROVCTL_HOOKS_CONF
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	cd /
	rm -rf "$folder"
}

# stand_in NAME [BODY]: a command of that name that notes its arguments, one a line, and its standard input
stand_in() {
	mkdir -p bin
	cat >"bin/$1" <<END
#!/bin/bash
printf '%s\n' "\$@" >>$folder/$1.arguments
[ -t 0 ] || cat >>$folder/$1.input
${2:-}
END
	chmod +x "bin/$1"
}

# run_hook NAME DOCUMENT
run_hook() {
	PATH=$folder/bin:$PATH PROVCTL_HOOKS_CONF=$folder/hooks.conf "$hooks/$1" <<<"$2"
}

held='{"id":7,"try":1,"what":"held","mac":"001565abcdef","ip":"192.0.2.80","detail":"held","disable_sip":true,"users":[{"user":"100","realm":"pbx.example"},{"user":"101","realm":null}]}'
banned='{"id":8,"try":1,"what":"banned","ip":"198.51.100.66","detail":"for 1h","until":"2026-11-22T11:00:00Z"}'
hostile='{"id":9,"what":"banned\r\nBcc: a@evil.example","ip":"198.51.100.66","detail":"$(touch pwned) `touch pwned`; \u001b[31m","evidence":"\n.\nDATA é \" '"'"' \\"}'

@test "hooks: mail makes one message, and no header or escape of an attacker's" {
	stand_in sendmail
	echo 'mail_to=noc@example.com' >hooks.conf
	run_hook mail "$banned"
	same "$(cat sendmail.arguments)" "-i
-f
provctl
--
noc@example.com"
	grep -qx 'Subject: provctl: banned 198.51.100.66' sendmail.input
	grep -qx 'until: 2026-11-22T11:00:00Z' sendmail.input
	rm sendmail.input
	run_hook mail "$hostile"
	fails 1 grep -q '^Bcc' sendmail.input
	fails 1 grep -qP '[\x00-\x09\x0b-\x1f]' sendmail.input
	fails 1 grep -qx '\.' sendmail.input
	grep -qF 'detail: $(touch pwned) `touch pwned`; ?[31m' sendmail.input
	[ ! -e pwned ]
}

@test "hooks: mail by curl where a server is named" {
	stand_in curl
	printf '%s\n' 'mail_to=noc@example.com' 'mail_url=smtp://localhost' >hooks.conf
	run_hook mail "$banned"
	same "$(tail -n 2 curl.arguments)" "--
smtp://localhost"
	grep -qx 'noc@example.com' curl.arguments
	grep -qx 'To: noc@example.com' curl.input
}

@test "hooks: a setting that is missing is told, and is a failure" {
	: >hooks.conf
	for name in mail webhook; do
		fails 2 run_hook $name "$banned"
		has "is not set in $folder/hooks.conf"
	done
}

@test "hooks: webhook posts the document, or what a filter makes of it, and keeps the secret out of the arguments" {
	stand_in curl
	printf 'Authorization: Bearer sesame\n' >headers
	printf '%s\n' 'webhook_url=https://hook.example/x' "webhook_headers=$folder/headers" >hooks.conf
	run_hook webhook "$hostile"
	same "$(jq -c . curl.input)" "$(jq -c . <<<"$hostile")"
	same "$(tail -n 1 curl.arguments)" https://hook.example/x
	grep -qx -- '--fail' curl.arguments
	grep -qx "@$folder/headers" curl.arguments
	fails 1 grep -q sesame curl.arguments
	rm curl.input
	echo "webhook_filter='{text: \"\\(.what) \\(.mac // .ip): \\(.detail)\"}'" >>hooks.conf
	run_hook webhook "$banned"
	same "$(cat curl.input)" '{"text":"banned 198.51.100.66: for 1h"}'
	stand_in curl 'exit 22'
	fails 22 run_hook webhook "$banned"
}

@test "hooks: webhook fails where nobody answers" {
	configure
	echo 'webhook_url=http://127.0.0.1:1/none' >hooks.conf
	fails 7 run_hook webhook "$banned"
}

@test "hooks: kamailio takes out the registrations of a held device, and of no other" {
	stand_in kamcmd
	: >hooks.conf
	run_hook kamailio "$banned"
	run_hook kamailio "${held/true/false}"
	[ ! -e kamcmd.arguments ]
	run_hook kamailio "$held"
	same "$(cat kamcmd.arguments)" "ul.rm
s:location
s:100
ul.rm
s:location
s:101"
	rm kamcmd.arguments
	echo 'kamailio_domain=yes' >hooks.conf
	run_hook kamailio "$held"
	same "$(grep 100 kamcmd.arguments)" "s:100@pbx.example"
}

@test "hooks: kamailio: who is not registered is no failure; another error is" {
	: >hooks.conf
	stand_in kamcmd 'echo "error: 404 - AOR not found"; exit 255'
	run_hook kamailio "$held"
	stand_in kamcmd 'echo "error: 500 - Domain table not found"'
	fails 1 run_hook kamailio "$held"
	has "100: error: 500"
	stand_in kamcmd 'exit 1'
	fails 1 run_hook kamailio "$held"
}

@test "hooks: a real Kamailio forgets the registrations of a held device, keeps others, and a table that it has not is told" {
	command -v kamailio >/dev/null && command -v kamcmd >/dev/null || skip "needs kamailio"
	unshare -n true 2>/dev/null || skip "needs a network namespace"
	cat >kamailio.cfg <<-END
		debug=1
		log_stderror=yes
		children=1
		auto_aliases=no
		listen=udp:127.0.0.1:5060
		loadmodule "tm.so"
		loadmodule "sl.so"
		loadmodule "ctl.so"
		loadmodule "usrloc.so"
		loadmodule "registrar.so"
		modparam("ctl", "binrpc", "unix:$folder/ctl")
		request_route { save("location"); }
	END
	echo "kamailio_socket=unix:$folder/ctl" >hooks.conf
	unshare -n sh -c 'ip link set lo up && exec kamailio -f kamailio.cfg -DD -E -m 16 -M 4 -Y "$1"' - "$folder" >kamailio.log 2>&1 3>&- &
	server=$!
	until [ -S ctl ]; do kill -0 "$server" && sleep 0.05 || { cat kamailio.log; false; }; done
	for user in 100 101 102; do
		kamcmd -s "unix:$folder/ctl" ul.add s:location "s:$user" "s:sip:$user@127.0.0.1:5070" 3600 1.0 "s: " 0 0 0
	done
	run_hook kamailio "$held"
	run_hook kamailio "$held"
	same "$(kamcmd -s "unix:$folder/ctl" ul.dump | sed -n 's/^.*AoR: //p')" 102
	echo "kamailio_table=nowhere" >>hooks.conf
	fails 1 run_hook kamailio "$held"
	has "100: error: 500 - Domain table not found"
	kill "$server"
	wait "$server" || true
	fails 1 run_hook kamailio "$held"
}

@test "hooks: freeswitch flushes the registrations of a held device" {
	stand_in fs_cli 'echo "+OK flushing all registrations matching specified string"'
	echo 'freeswitch_domain=other.example' >hooks.conf
	run_hook freeswitch "$banned"
	[ ! -e fs_cli.arguments ]
	run_hook freeswitch "$held"
	same "$(grep sofia fs_cli.arguments)" "sofia profile internal flush_inbound_reg 100@pbx.example
sofia profile internal flush_inbound_reg 101@other.example"
	stand_in fs_cli 'echo "-ERR no such profile"'
	fails 1 run_hook freeswitch "$held"
	has "no such profile"
}

@test "hooks: no user name of an attacker's makes a command" {
	local name
	: >hooks.conf
	stand_in fs_cli 'echo +OK'
	stand_in kamcmd
	for name in '100 reboot' '100\nshutdown' '100\n' '100;x' '' '-x'; do
		fails 5 run_hook freeswitch "$(jq -c --arg name "$(printf '%b.' "$name")" '.users = [{user: ($name | .[:-1]), realm: "r"}]' <<<"$held")"
		[ ! -e fs_cli.arguments ]
	done
	for name in '100 reboot' '100\nshutdown' '100\n' ''; do
		fails 5 run_hook kamailio "$(jq -c --arg name "$(printf '%b.' "$name")" '.users = [{user: ($name | .[:-1]), realm: "r"}]' <<<"$held")"
		[ ! -e kamcmd.arguments ]
	done
}

@test "hooks: each hands the document to all programs, and fails where one does" {
	mkdir hooks.d
	printf '#!/bin/sh\ncat >%s/a\nexit 1\n' "$folder" >hooks.d/10-a
	printf '#!/bin/sh\ncat >%s/b\n' "$folder" >hooks.d/20-b
	printf '#!/bin/sh\ntouch %s/c\n' "$folder" >hooks.d/30-c
	chmod +x hooks.d/10-a hooks.d/20-b
	export PROVCTL_HOOKS_FOLDER=$folder/hooks.d
	fails 1 run_hook each "$hostile"
	has "10-a: status 1"
	same "$(cat b)" "$hostile"
	cmp a b
	[ ! -e c ]
	rm hooks.d/10-a
	run_hook each "$banned"
}

@test "hooks: each of them runs as the enforcer's hook" {
	mkdir hooks.d
	printf '#!/bin/sh\ncat >>%s/told\n' "$folder" >hooks.d/a
	chmod +x hooks.d/a
	# The environment is cleared: a wrapper stands for /etc/provctl/hooks.d.
	printf '#!/bin/sh\nPROVCTL_HOOKS_FOLDER=%s/hooks.d exec %s/each\n' "$folder" "$hooks" >hook
	chmod +x hook
	configure "hook: $folder/hook"
	for i in {10..20}; do fetch 198.51.100.66 "0015650000$i" 404; done
	pass
	same "$(jq -r .what told)" banned
}

# ---- units ----

units() {
	(cd "$bin/contrib/systemd" && ls -- *.service)
	(cd "$top/contrib/systemd" && ls -- *.service)
}

# unit_file NAME: made by configure's paths, or as it stands
unit_file() {
	if [ -e "$bin/contrib/systemd/$1" ]; then
		echo "$bin/contrib/systemd/$1"
	else
		echo "$top/contrib/systemd/$1"
	fi
}

@test "units: exposure of each service is below 2.0" {
	local unit level
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
	[ "$(units | sort -u | wc -l)" -ge 4 ]
	for unit in $(units | sort -u); do
		level=$(systemd-analyze security --offline=true --no-pager "$(unit_file "$unit")" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
		echo "$unit $level"
		[ -n "$level" ]
		awk -v level="$level" 'BEGIN { exit !(level < 2.0) }'
	done
}

@test "units: systemd finds no fault in any" {
	local unit
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
	mkdir unit
	for unit in $(units | sort -u) $(cd "$top/contrib/systemd" && ls -- *.timer *.path *.socket); do
		# The programs need not be installed here; nor the manual.
		sed -E -e 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' -e '/^Documentation=/d' "$(unit_file "$unit")" >"unit/$unit"
	done
	run systemd-analyze verify unit/*
	[ -z "$output" ]
	[ "$status" -eq 0 ]
}

@test "units: the enforcer alone has a capability where the two are apart, and the analyzer writes nowhere" {
	grep -qx 'AmbientCapabilities=CAP_NET_ADMIN' "$bin/contrib/systemd/prov-enforcer.service"
	grep -qx 'CapabilityBoundingSet=' "$bin/contrib/systemd/prov-analyzer.service"
	fails 1 grep -qE '^(AmbientCapabilities|ReadWritePaths|StateDirectory)=' "$bin/contrib/systemd/prov-analyzer.service"
	grep -qx 'ProtectSystem=strict' "$bin/contrib/systemd/prov-analyzer.service"
	grep -qx 'PrivateNetwork=yes' "$bin/contrib/systemd/prov-analyzer.service"
}

@test "units: both services that stay say when they are ready, and are watched" {
	local unit
	for unit in prov-enforcer prov-analyzer; do
		grep -qx 'Type=notify' "$bin/contrib/systemd/$unit.service"
		grep -qE '^WatchdogSec=[0-9]+$' "$bin/contrib/systemd/$unit.service"
	done
}

@test "units: sysusers and tmpfiles are taken" {
	command -v systemd-tmpfiles >/dev/null && command -v systemd-sysusers >/dev/null || skip "no systemd-tmpfiles and systemd-sysusers here"
	[ "$(id -u)" = 0 ] || skip "only root can give files away"
	mkdir -p root/etc root/var/lib
	printf 'root:x:0:0::/root:/bin/sh\n' >root/etc/passwd
	printf 'root:x:0:\n' >root/etc/group
	systemd-sysusers --root="$folder/root" "$top/contrib/systemd/sysusers.conf"
	grep -q '^provctl:' root/etc/passwd
	grep -q '^provctl-analyzer:' root/etc/passwd
	grep -q '^provctl-portal:' root/etc/passwd
	grep -qE '^www-data:.*[:,]provctl(,|$)' root/etc/group
	grep -qE '^www-data:.*[:,]provctl-portal(,|$)' root/etc/group
	grep -q '^provctl-portal:.*:provctl$' root/etc/group
	grep -q '^provctl-analyzer:.*:provctl$' root/etc/group
	grep -q '^adm:.*:provctl-analyzer$' root/etc/group
	systemd-tmpfiles --root="$folder/root" --create "$top/contrib/systemd/tmpfiles.conf"
	same "$(stat -c %a root/var/lib/provctl root/var/lib/provctl/publish)" "751
751"
}

@test "units: what systemd lets the programs call holds what they call" {
	local called allowed
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
	command -v strace >/dev/null || skip "no strace here"
	strace -qq -o /dev/null true 2>/dev/null || skip "no ptrace here"
	without_sanitizers "they do not run under strace, and make calls of their own"
	printf '#!/bin/sh\ncat >>%s/told\n' "$folder" >hook
	chmod +x hook
	configure "hook: $folder/hook
workers: 2"
	for i in {10..20}; do fetch 198.51.100.66 "0015650000$i" 404; done
	fetch 203.0.113.7 001565abcdef 200
	strace -f -qq -o trace "$bin/provctl" -c provctl.yaml analyze
	[ -s told ]
	called=$(sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' trace | sort -u)
	# As systemd reads it: a list of what is allowed, less what follows ~, and more.
	allowed=$(sed -n 's/^SystemCallFilter=//p' "$bin/contrib/systemd/provctl-analyze.service" | filter_of)
	# Root's calls to become another user are not made there: systemd has done that.
	same "$(comm -23 <(echo "$called") <(echo "$allowed") | grep -vE '^(setgroups|setresuid|setresgid)$')" ""
}

# group_of WORD: the calls of a group, or the call
group_of() {
	local word
	case $1 in
	@*)
		for word in $(systemd-analyze syscall-filter "$1" 2>/dev/null | sed -n 's/^    \([@a-z0-9_-]*\)$/\1/p'); do
			group_of "$word"
		done
		;;
	*) echo "$1" ;;
	esac
}

filter_of() {
	local line word
	: >allowed
	group_of @default | sort -u >allowed
	while read -r line; do
		for word in ${line#\~}; do group_of "$word"; done | sort -u >group
		if [[ $line == ~* ]]; then
			comm -23 allowed group >next
		else
			sort -u allowed group >next
		fi
		mv next allowed
	done
	cat allowed
}

# ---- log formats ----

formats=$top/contrib/log-formats

# source_of FILE: the sources that its comment says, for a log here
source_of() {
	sed -n "s|^[#;]* *sources: \[{path: [^,]*, \(.*\)}\]\$|sources: [{path: $folder/log/it.log, \1}]|p" "$formats/$1"
}

# event_of FIELD LINE
event_of() {
	provctl explain --json --line "$2" | jq -r ".event | $1"
}

@test "log formats: nginx's line tells peer, forwarded address, user and verified certificate" {
	local line format
	configure "$(source_of nginx.conf)
urls: {certificate: poll}
trusted_proxies: [192.0.2.10]"
	format=$(sed -n "/^log_format/,\$s/^\t'\(.*\)';*\$/\1/p" "$formats/nginx.conf" | tr -d '\n')
	made_of() { # CERTIFICATE IP FORWARDED
		sed -e 's|$time_iso8601|2026-11-22T10:00:00+00:00|' -e "s|\$realip_remote_addr|$2|" -e "s|\$http_x_forwarded_for|$3|" \
			-e 's|$remote_user|acct1|' -e "s|\$provctl_certificate|$1|" -e 's|$scheme|https|' -e 's|$host|prov.example|' \
			-e 's|$request_method|GET|' -e 's|$request_uri|/001565abcdef.cfg|' -e 's|$status|200|' -e 's|$body_bytes_sent|512|' \
			-e 's|$http_referer||' -e 's|$http_user_agent|Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef|' <<<"$format"
	}
	line=$(made_of "CN=001565abcdef,O=Yealink" 203.0.113.7 "")
	[[ $line != *'$'* ]]
	same "$(event_of '"\(.event) \(.ip) \(.mac) \(.time) \(.model)"' "$line")" \
		"poll.served 203.0.113.7 001565abcdef 2026-11-22T10:00:00Z T46S"
	same "$(event_of .event "$(made_of "" 203.0.113.7 "")")" provision.served
	same "$(event_of .ip "$(made_of "" 192.0.2.10 "198.51.100.1, 203.0.113.8")")" 203.0.113.8
	same "$(event_of .ip "$(made_of "" 203.0.113.7 198.51.100.1)")" 203.0.113.7
}

@test "log formats: a real nginx writes it, also for a hostile agent" {
	command -v nginx >/dev/null || skip "no nginx here"
	mkdir www
	chmod 755 "$folder" www
	echo secret >www/001565abcdef.cfg
	cat >nginx.conf <<END
daemon off; pid $folder/nginx.pid; error_log $folder/error.log;
events {}
http {
	include $formats/nginx.conf;
	client_body_temp_path $folder/t1; proxy_temp_path $folder/t2; fastcgi_temp_path $folder/t3; uwsgi_temp_path $folder/t4; scgi_temp_path $folder/t5;
	server { listen unix:$folder/web.sock; listen 127.0.0.1:18473; root $folder/www; access_log $folder/log/it.log provctl; }
}
END
	nginx -c "$folder/nginx.conf" -e "$folder/error.log" 3>&- &
	local nginx=$!
	for _ in {1..50}; do [ -S web.sock ] && break; sleep 0.1; done
	curl -s -o /dev/null -A $'x","ip":"198.51.100.9\\","status":"403\x01\xff' http://127.0.0.1:18473/001565abcdef.cfg || {
		kill $nginx
		cat error.log
		return 1
	}
	for _ in {1..50}; do [ -s log/it.log ] && break; sleep 0.1; done
	kill $nginx
	wait $nginx || true
	configure "$(source_of nginx.conf)"
	same "$(event_of '"\(.event) \(.ip) \(.mac)"' "$(cat log/it.log)")" "provision.served 127.0.0.1 001565abcdef"
}

@test "log formats: Apache's line tells peer, forwarded address, user and certificate" {
	local line format
	format=$(sed -n 's/^LogFormat "\(.*\)" provctl$/\1/p' "$formats/apache.conf" | sed 's/\\"/"/g')
	made_of() { # CERTIFICATE IP FORWARDED USER
		sed -e 's|%v|prov.example|' -e "s|%{c}a|$2|" -e "s|%u|$4|" -e 's|%{%d/%b/%Y:%H:%M:%S %z}t|22/Nov/2026:10:00:00 +0000|' \
			-e 's|%r|GET /001565abcdef.cfg HTTP/1.1|' -e 's|%>s|200|' -e 's|%B|512|' -e 's|%{Referer}i|-|' \
			-e 's|%{User-Agent}i|Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef|' -e "s|%{X-Forwarded-For}i|$3|" \
			-e "s|%{SSL_CLIENT_S_DN}x|$1|" <<<"$format"
	}
	line=$(made_of "CN=001565abcdef,O=Yealink" 203.0.113.7 - -)
	[[ $line != *%* ]]
	configure "sources: [{path: $folder/log/it.log, format: combined}]
trusted_proxies: [192.0.2.10]"
	same "$(event_of '"\(.event) \(.ip) \(.mac) \(.time) \(.model)"' "$line")" \
		"provision.served 203.0.113.7 001565abcdef 2026-11-22T10:00:00Z T46S"
	same "$(event_of .ip "$(made_of - 192.0.2.10 "198.51.100.1, 203.0.113.8" -)")" 203.0.113.8
	# A user that looks like what follows it; Apache escapes the quote.
	same "$(event_of .ip "$(made_of - 203.0.113.7 - 'x [22/Nov/2026:10:00:00 +0000] \\"GET')")" 203.0.113.7
	# The pattern reads the certificate too: what it names may poll from elsewhere, and nothing else may.
	configure "$(source_of apache.conf)
urls: {certificate: poll}
trusted_proxies: [192.0.2.10]"
	grep -q 'pattern: ' provctl.yaml
	{
		made_of - 203.0.113.7 - -
		made_of - 203.0.113.9 - 'x [22/Nov/2026:10:00:00 +0000] \\"GET'
		made_of "CN=001565abcdf0,O=Yealink" 203.0.113.10 - -
		made_of "CN=001565abcdef,O=Yealink" 192.0.2.10 "198.51.100.1, 203.0.113.8" -
	} >log/it.log
	pass
	same "$(json '.sources[0] | "\(.lines) \(.events) \(.unreadable)"' status || true)" "4 4 0"
	wants 001565abcdef "locked - 203.0.113.7,203.0.113.8 provisioned -"
}

@test "log formats: each of Kamailio's lines makes its event, behind the log_prefix that is advised" {
	local line n=0 word prefix
	configure "$(source_of kamailio.cfg)"
	prefix=$(sed -n 's/^log_prefix="\(.*\)"$/\1/p' "$formats/kamailio.cfg" | sed -e 's/$mt/1/' -e 's/$cs/2/' -e 's/$rm/REGISTER/')
	while IFS= read -r line; do
		word=$(sed 's/^provctl: \([a-z_]*\) .*/\1/' <<<"$line")
		line=$(sed -e 's/$si/203.0.113.7/' -e 's/$pr/tls/' -e 's/$au/100/' -e 's/$ar/pbx.example/' -e 's/$ci/a84b4c76e66710/' <<<"$line")
		[[ $line != *'$'* ]]
		same "$(event_of '"\(.event) \(.ip) \(.user) \(.realm) \(.proof)"' "Nov 22 10:00:00 sbc kamailio[1234]: NOTICE: $prefix<script>: $line")" \
			"sip.$word 203.0.113.7 100 pbx.example handshake"
		n=$((n + 1))
	done < <(sed -n 's/^\txlog("L_NOTICE", "\(.*\)\\n");$/\1/p' "$formats/kamailio.cfg")
	[ $n -eq 8 ]
	same "$(event_of .proof "Nov 22 10:00:00 sbc kamailio[1234]: NOTICE: $prefix<script>: provctl: auth_failed src=203.0.113.7 proto=udp proof=nonce user=100 realm=r callid=x")" nonce
	same "$(event_of .proof "Nov 22 10:00:00 sbc kamailio[1234]: NOTICE: $prefix<script>: provctl: auth_failed src=203.0.113.7 proto=udp user=100 realm=r callid=x")" none
}

@test "log formats: Kamailio takes its lines" {
	command -v kamailio >/dev/null || skip "no kamailio here"
	{
		printf '#!KAMAILIO\nlisten=udp:127.0.0.1:5060\nloadmodule "pv.so"\nloadmodule "xlog.so"\nloadmodule "textops.so"\n'
		cat "$formats/kamailio.cfg"
		echo 'request_route {'
		sed -n 's/^route\[\(.*\)\] {$/\troute(\1);/p' "$formats/kamailio.cfg"
		echo '}'
	} >kamailio.cfg
	kamailio -c -f kamailio.cfg 2>kamailio.err || {
		cat kamailio.err
		return 1
	}
}

@test "log formats: Asterisk's security events are read with the date that its logger.conf asks for" {
	local date
	configure "$(source_of asterisk-logger.conf | sed 's/}\]/, timezone: UTC}]/')"
	date=$(sed -n 's/^dateformat = //p' "$formats/asterisk-logger.conf")
	same "$date" '%F %T.%3q'
	same "$(event_of '"\(.event) \(.ip) \(.user) \(.time) \(.proof)"' '[2026-11-22 10:00:00.123] SECURITY[100] res_security_log.c: SecurityEvent="ChallengeResponseFailed",EventTV="2026-11-22T10:00:00.123+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="100",SessionID="s",LocalAddress="IPV4/TLS/192.0.2.1/5061",RemoteAddress="IPV4/TLS/203.0.113.7/40000",Challenge="1/2"')" \
		"sip.auth_failed 203.0.113.7 100 2026-11-22T10:00:00Z handshake"
}

# ---- completion ----

verbs() {
	provctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

# words_of_bash WORD...: what completion offers behind these words; the last is begun
words_of_bash() {
	bash -c '
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_provctl "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' - "$top/contrib/completion/provctl.bash" "$bin/provctl" "$@" | sort -u
}

@test "completion: bash offers every verb, and every option of each" {
	local verb
	[ "$(verbs | wc -l)" -ge 27 ]
	same "$(words_of_bash '')" "$(verbs | sort -u)"
	same "$(words_of_bash unl)" unlock
	for verb in $(verbs); do
		# Every word of its help that looks like an option and begins a line there.
		same "$(words_of_bash "$verb" -)" "$(provctl "$verb" --help | sed -nE 's/^  +(-[a-z], )?(--[a-z-]+)[ ].*/\1\2/p' | sed 's/, /\n/' | sort -u)"
		words_of_bash "$verb" - | grep -qx -- --json
	done
	words_of_bash analyze - | grep -qx -- --follow
	words_of_bash unlock - | grep -qx -- --support
}

@test "completion: bash offers what may follow an option or a verb" {
	local verb
	same "$(words_of_bash list --state l)" locked
	# What the help of those verbs names, in the order of the alphabet.
	for verb in home network window; do
		same "$(words_of_bash "$verb" '' | xargs)" "$(provctl "$verb" --help | head -n 1 | grep -oE '\b(add|remove|open|close|list)\b' | sort | xargs)"
		grep -qF "$verb) _arguments \$options '2:action:($(sed -nE "s/.*$verb,$verb\).*-W '([a-z ]*)'.*/\1/p" "$top/contrib/completion/provctl.bash"))'" "$top/contrib/completion/_provctl"
	done
	same "$(words_of_bash network l)" list
	same "$(words_of_bash -c provctl.y)" provctl.yaml
	same "$(words_of_bash -c provctl.yaml unl)" unlock
	same "$(words_of_bash import provctl.y)" provctl.yaml
	same "$(words_of_bash ban 203.0.113.7 --for x)" ""
}

@test "completion: zsh knows every verb and every option of each" {
	local verb
	command -v zsh >/dev/null || skip "no zsh here"
	zsh -n "$top/contrib/completion/_provctl"
	of_zsh() { # FUNCTION [VERB]
		zsh -f -c '. "$1"; "$2" "$3" $4' - "$top/contrib/completion/_provctl" "$1" "$bin/provctl" "${2:-}"
	}
	same "$(of_zsh _provctl_verbs | cut -d: -f1)" "$(verbs)"
	for verb in $(verbs); do
		same "$(of_zsh _provctl_options "$verb" | sed -E 's/=?\[.*//' | sort -u)" "$(words_of_bash "$verb" - | sort -u)"
	done
	same "$(of_zsh _provctl_options list | grep -- '^--state')" "--state=[new, locked, unlocked or held]:STATE:(new locked unlocked held)"
}

@test "completion: zsh completes at a prompt" {
	command -v zsh >/dev/null || skip "no zsh here"
	zsh -f -c 'zmodload zsh/zpty' 2>/dev/null || skip "no zsh/zpty here"
	# What is waited for is a prompt that its own command line does not spell: the terminal echoes that line, broken wherever
	# the host's name and the folders end.
	cat >complete.zsh <<'END'
zmodload zsh/zpty
zpty it zsh -f -i
zpty -w it "fpath=($1 \$fpath); path=($2 \$path); autoload -U compinit; compinit -u -D; PS1='here''after> '"
zpty -r -m it seen '*hereafter> *'
zpty -n -w it $'provctl clear-e\t'
zpty -r -m it seen '*clear-exposed*'
print -r -- $seen
END
	timeout 120 zsh -f complete.zsh "$top/contrib/completion" "$bin" >seen || true
	grep -qa clear-exposed seen
}

# ---- what is installed ----

@test "installed: rules, readers, hooks and completion are whole, and a C generator finds the library by pkg-config" {
	local tool data
	for tool in make cc pkg-config; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	without_sanitizers "a library with them is of no use to a program without"
	without_coverage "a library that counts is of no use to a program that does not"
	env -u MAKEFLAGS -u MAKELEVEL make -C "$bin" -s install DESTDIR="$folder/root" >install.log 2>&1 || { cat install.log; false; }
	data=$(dirname "$(find root -name Lockstate.pm)")/..
	same "$(cd "$data/rules" && find . -type f | sort)" "$(cd "$top/rules" && find . -name '*.yaml' | sort)"
	same "$(ls "$data/readers")" "$(ls "$top/contrib/readers")"
	[ -x "$data/hooks/each" ]
	[ -s "$data/../bash-completion/completions/provctl" ]
	configure "rules: [$data/rules]"
	fetch 203.0.113.7 001565abcdef 200
	pass
	cat >generator.c <<-'END'
		#include <provctl/lockstate.h>
		#include <stdio.h>

		int main(int n, char **words) {
			return n == 4 && printf("%d\n", (int)lockstate_verdict(words[1], words[2], words[3], 1795341600)) > 0 ? 0 : 2;
		}
	END
	export PKG_CONFIG_SYSROOT_DIR=$folder/root PKG_CONFIG_PATH
	PKG_CONFIG_PATH=$(dirname "$(find "$folder/root" -name provctl-lockstate.pc)")
	# shellcheck disable=SC2046 # a list of words
	cc -Wall -Werror -o generator generator.c $(pkg-config --cflags --libs provctl-lockstate)
	same "$(./generator publish/lockstate 001565abcdef 203.0.113.7)" 200
	same "$(./generator publish/lockstate 001565abcdef 203.0.113.8)" 403
	same "$("$data/readers/lockstate.sh" publish/lockstate 001565abcdef 203.0.113.8)" 403
}
