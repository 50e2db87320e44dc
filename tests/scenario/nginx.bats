# The main job by real requests: nginx and a PHP generator with the reader that ships, phones and attackers at addresses of their own, packets that
# really pass or die. What HAProxy changes is at the end.

load setup
load network

mac=001565abcdef other=001565abcdf0
home=203.0.113.10 elsewhere=198.51.100.20 scanner=198.51.100.66

setup() {
	needs_network nginx php jq perl
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	mkdir log
	unset PROVCTL_CLOCK # the servers' log has the present
	space web
	space world
}

# One machine with nginx, the generator and the enforcer; the world is one wire away. The other ports are nginx's too.
one_server() {
	join "$web" 192.0.2.1/24 "$world" 192.0.2.2/24
	lives "$world" $home $elsewhere $scanner
	within "$web" ip route add default via 192.0.2.2
	configure "firewall: {backend: nftables}
sources: [{path: $folder/nginx/access.log, format: combined, account: acct1}]"
	server "$web" nginx "server { listen 192.0.2.1:80; $to_generator }
		server { listen 192.0.2.1:8443; listen 192.0.2.1:2222; access_log off; return 204; }"
	generator "$web" "$folder/publish/lockstate" $mac $other
	site=http://192.0.2.1
	verb sync
	: >nginx/access.log
}

verb() {
	[ "$1" != analyze ] || logged nginx
	within "$web" "$bin/provctl" -c provctl.yaml "$@"
}

# asks ADDRESS MAC STATUS: that is what a phone at that address is answered.
asks() {
	same "$1 $2 $(answer "$world" "$1" "$site/$2.cfg")" "$1 $2 $3"
}

locked_at_home() {
	asks $home $mac 200
	verb analyze
	wants $mac "locked - $home provisioned acct1"
}

# scan N [URL]: the scanner asks for N MACs that nobody has.
scan() {
	local i
	for i in $(seq -w "$1"); do
		agent=python-requests/2.31 answer "$world" $scanner "${2:-$site}/0015650000$i.cfg" >/dev/null
	done
}

@test "the first fetch locks a phone: home is served, another address is refused, and home still is" {
	one_server
	locked_at_home
	asks $home $mac 200
	asks $elsewhere $mac 403
	asks $elsewhere $mac 403
	verb analyze
	asks $home $mac 200
	wants $mac "locked - $home provisioned acct1"
	same "$(verb list --moved --json | jq -r .mac)" $mac
	verb verdict $mac $home
	fails 1 verb verdict $mac $elsewhere
}

@test "an unlock opens a phone to its new address, which is its home then, and the old one is no more" {
	one_server
	locked_at_home
	verb unlock $mac
	asks $home $mac 200
	asks $elsewhere $mac 200
	verb analyze
	wants $mac "locked - $elsewhere provisioned acct1"
	asks $elsewhere $mac 200
	asks $home $mac 403
}

@test "an unlock that nobody used closes by itself, without anybody writing" {
	one_server
	locked_at_home
	verb unlock $mac
	before=$(stat -c %i publish/lockstate)
	echo $(($(date +%s) + 86400 + 60)) >now
	asks $elsewhere $mac 403
	asks $home $mac 200
	echo $(($(date +%s) + 86400 - 60)) >now
	asks $elsewhere $mac 200
	[ "$(stat -c %i publish/lockstate)" = "$before" ]
}

@test "a window opens every phone of the account to one address, for its time" {
	one_server
	asks $home $other 200
	locked_at_home
	verb window open $elsewhere --account acct1 --for 2h
	echo $(($(date +%s) + 7200 + 60)) >now
	asks $elsewhere $mac 403
	rm now
	asks $elsewhere $mac 200
	asks $elsewhere $other 200
	asks $scanner $mac 403
	verb analyze
	wants $mac "locked - $elsewhere provisioned acct1"
	wants $other "locked - $elsewhere provisioned acct1"
	asks $home $mac 403
}

@test "without a whole lock-state file every phone is told to come again" {
	one_server
	locked_at_home
	sed -i '$d' publish/lockstate
	asks $home $mac 503
	rm publish/lockstate
	asks $elsewhere $mac 503
	verb sync
	asks $home $mac 200
}

# A connection that stays open: connected, one request answered, and again whenever `again` appears.
hold_connection() {
	cat >hold.pl <<-'END'
		use strict; use warnings; use IO::Socket::INET; use IO::Select;
		my ($from, $to) = @ARGV;
		$| = 1;
		my $s = IO::Socket::INET->new(LocalAddr => $from, PeerAddr => $to, PeerPort => 80) or die "connect: $!";
		sub ask {
			print $s "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
			my $n = IO::Select->new($s)->can_read(2) ? sysread($s, my $answer, 65536) : undef;
			print $n ? "answered\n" : "dead\n";
		}
		ask();
		for (1 .. 2) {
			select(undef, undef, undef, 0.02) until -e "again$_";
			ask();
		}
	END
	serve "$world" sh -c "exec perl hold.pl $1 192.0.2.1 >held"
	until_done grep -q answered held
}

@test "a scanner is banned and its open connection dies; the portal and all other ports stay, and unban lets it in" {
	one_server
	locked_at_home
	hold_connection $scanner
	scan 12
	touch again1
	until_done grep -qz 'answered.answered' held
	verb analyze
	same "$(banned | uniq)" $scanner
	asks $scanner $mac 000
	touch again2
	until_done grep -q dead held
	same "$(answer "$world" $scanner $site:8443/)" 204
	same "$(answer "$world" $scanner $site:2222/)" 204
	asks $home $mac 200
	asks $elsewhere $mac 403
	verb unban $scanner
	asks $scanner $mac 403
}

@test "over IPv6 a phone is at home in its /64, and a scanner is banned by its own" {
	join "$web" 2001:db8:0:1::1/64 "$world" 2001:db8:0:1::2/64
	within "$web" ip route add default via 2001:db8:0:1::2
	home=2001:db8:10::10 elsewhere=2001:db8:20::20 scanner=2001:db8:66::1
	lives "$world" $home 2001:db8:10::11 $elsewhere $scanner 2001:db8:66::2
	configure "firewall: {backend: nftables}
sources: [{path: $folder/nginx/access.log, format: combined, account: acct1}]"
	server "$web" nginx "server { listen [2001:db8:0:1::1]:80; $to_generator }"
	generator "$web" "$folder/publish/lockstate" $mac
	site=http://[2001:db8:0:1::1]
	verb sync
	until_done reaches_generator
	asks $home $mac 200
	verb analyze
	wants $mac "locked - 2001:db8:10::/64 provisioned acct1"
	asks 2001:db8:10::11 $mac 200
	asks $elsewhere $mac 403
	scan 12
	verb analyze
	same "$(banned | uniq)" 2001:db8:66::/64
	asks $scanner $mac 000
	asks 2001:db8:66::2 $mac 000
	asks $home $mac 200
}

@test "nginx honours a map that apply wrote, once it has read it" {
	one_server
	locked_at_home
	verb ban $elsewhere --for 1h
	mkdir maps
	verb apply publish --nginx maps/banned.geo
	within "$web" nft delete table inet provctl # the map alone is to be seen
	server "$web" second "geo \$banned { default 0; include $folder/maps/banned.geo; }
		server { listen 192.0.2.1:8081; if (\$banned) { return 403; } $to_generator }"
	same "$(answer "$world" $elsewhere $site:8081/nothing)" 403
	same "$(answer "$world" $home $site:8081/nothing)" 404
	verb unban $elsewhere
	verb apply publish --nginx maps/banned.geo
	within "$web" nginx -s reload -c "$folder/second/nginx.conf" -e "$folder/second/error.log"
	until_done served_again
}

served_again() {
	[ "$(answer "$world" $elsewhere $site:8081/nothing)" = 404 ]
}

# ---- behind HAProxy ----

# behind SEND ACCEPT: the world reaches HAProxy, a machine of its own at 192.0.2.1; nginx, the generator and the enforcer stand behind it,
# and see its address, 10.0.0.1. HAProxy tells the client's by SEND, and nginx takes it by ACCEPT.
behind() {
	command -v haproxy >/dev/null || skip "needs haproxy"
	space balancer
	join "$balancer" 192.0.2.1/24 "$world" 192.0.2.2/24
	join "$balancer" 10.0.0.1/24 "$web" 10.0.0.2/24
	lives "$world" $home $elsewhere $scanner
	within "$balancer" ip route add default via 192.0.2.2
	configure "firewall: {backend: none}
trusted_proxies: [10.0.0.1]
sources: [{path: $folder/nginx/access.log, format: combined, account: acct1}]"
	# The peer that nginx saw, and behind the agent who it is asked for; to the generator nginx tells the latter.
	server "$web" nginx "log_format behind '\$realip_remote_addr - \$remote_user [\$time_local] \"\$request\" \$status \$body_bytes_sent '
			'\"\$http_referer\" \"\$http_user_agent\" \"$3\"';
		server { listen 10.0.0.2:80 $4; set_real_ip_from 10.0.0.1; real_ip_header $2; real_ip_recursive on; $to_generator }" \
		"$folder/nginx/access.log behind"
	generator "$web" "$folder/publish/lockstate" $mac $other
	verb sync
	: >banned.acl
	cat >haproxy.cfg <<-END
		global
			stats socket $folder/haproxy.sock mode 600 level admin
		defaults
			mode http
			timeout connect 2s
			timeout client 10s
			timeout server 10s
		frontend portal
			bind 192.0.2.1:8443
			http-request return status 204
		frontend world
			bind 192.0.2.1:80
			http-request deny deny_status 429 if { src -f $folder/banned.acl }
			default_backend web
		backend web
			$( [ "$1" != forwardfor ] || echo "option forwardfor" )
			server web 10.0.0.2:80 $( [ "$1" != send-proxy ] || echo send-proxy )
	END
	serve "$balancer" haproxy -W -f haproxy.cfg -p haproxy.pid
	site=http://192.0.2.1
	until_done reaches_generator
	: >nginx/access.log
}

reaches_generator() {
	[ "$(answer "$world" $home $site/nothing)" = 404 ]
}

# The story of the main job, and its end on the balancer: who is banned reaches nothing, by the firewall there or by its ACL.
story_behind() {
	locked_at_home
	asks $elsewhere $mac 403
	# What a client claims of itself is the client's.
	same "$(answer "$world" $elsewhere $site/$mac.cfg -H "X-Forwarded-For: $home")" 403
	same "$(answer "$world" $elsewhere $site/$mac.cfg -H "X-Real-IP: $home")" 403
	asks $home $mac 200
	verb unlock $mac
	echo $(($(date +%s) + 86400 + 60)) >now
	asks $elsewhere $mac 403
	asks $home $mac 200
	rm now
	asks $elsewhere $mac 200
	verb analyze
	wants $mac "locked - $elsewhere provisioned acct1"
	asks $home $mac 403
	verb window open $home --account acct1 --for 1h
	echo $(($(date +%s) + 3600 + 60)) >now
	asks $home $mac 403
	rm now
	asks $home $mac 200
	verb analyze
	wants $mac "locked - $home provisioned acct1"
	verb window close $home --account acct1
	asks $elsewhere $mac 403
	hold_connection $scanner
	touch again1
	scan 12
	until_done grep -qz 'answered.answered' held
	verb analyze
	same "$(banned | uniq)" $scanner
	fails 3 verb ban 10.0.0.1 --for 1h
	# The balancer takes the list over into its firewall ...
	sed 's/backend: none/backend: nftables/' provctl.yaml >balancer.yaml
	within "$balancer" "$bin/provctl" -c balancer.yaml apply publish
	asks $scanner $mac 000
	touch again2
	until_done grep -q dead held
	same "$(answer "$world" $scanner $site:8443/)" 204
	asks $home $mac 200
	# ... or into an ACL, where it is behind another one.
	within "$balancer" nft delete table inet provctl
	asks $scanner $mac 403
	verb apply publish --haproxy banned.acl
	kill -USR2 "$(head -n 1 haproxy.pid)"
	until_done is_denied
	asks $home $mac 200
	verb unban $scanner
	verb apply publish --haproxy banned.acl
	kill -USR2 "$(head -n 1 haproxy.pid)"
	until_done is_refused
}

is_refused() {
	[ "$(answer "$world" $scanner "$site/$mac.cfg")" = 403 ]
}

is_denied() {
	[ "$(answer "$world" $scanner "$site/$mac.cfg")" = 429 ]
}

@test "behind HAProxy with X-Forwarded-For the client is locked and banned, never the balancer" {
	behind forwardfor X-Forwarded-For '$http_x_forwarded_for'
	story_behind
}

@test "behind HAProxy with the PROXY protocol the client is locked and banned, never the balancer" {
	behind send-proxy proxy_protocol '$proxy_protocol_addr' proxy_protocol
	story_behind
}
