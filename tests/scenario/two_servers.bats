# Two web servers and one enforcer, as contrib/recipes/two-servers.md sets them up: the logs come to the enforcer, its published folder
# goes to the servers, and what it decided holds on both.

load setup
load network

mac=001565abcdef
home=203.0.113.10 elsewhere=198.51.100.20 scanner=198.51.100.66

setup() {
	needs_network nginx php jq
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	unset PROVCTL_CLOCK # the servers' logs have the present
	space one
	space two
	space hub
	space world
	join "$one" 192.0.2.1/30 "$world" 192.0.2.2/30
	join "$two" 192.0.2.5/30 "$world" 192.0.2.6/30
	within "$one" ip route add default via 192.0.2.2
	within "$two" ip route add default via 192.0.2.6
	lives "$world" $home $elsewhere $scanner
	mkdir logs # what the enforcer reads
	configure "firewall: {backend: none}
lockstate: {path: $folder/publish/lockstate, mode: \"0644\", group: \"\"}
sources: [{path: $folder/logs/*.log, format: combined, account: acct1}]"
	enforcer sync >/dev/null
}

enforcer() {
	within "$hub" "$bin/provctl" -c provctl.yaml "$@"
}

# web SPACE NAME ADDRESS COPY LOG: a web server that obeys the folder COPY, and writes LOG.
web() {
	printf 'firewall: {backend: nftables}\nstate: %s/%s.state\nrules: []\n' "$folder" "$2" >"$2.yaml"
	server "$1" "$2" "server { listen $3:80; $to_generator }" "$5"
	generator "$1" "$4/lockstate" $mac
}

# Stands for provctl-apply.path.
applies() { # SPACE NAME COPY
	local former= latest
	while :; do
		latest=$(stat -c %i-%z "$3/bans" 2>/dev/null)
		[ "$latest" = "$former" ] || within "$1" "$bin/provctl" -c "$2.yaml" apply "$3"
		former=$latest
		sleep 0.1
	done
}

# asks SERVER ADDRESS MAC STATUS
asks() {
	same "$1 $2 $3 $(answer "$world" "$2" "http://$1/$3.cfg")" "$1 $2 $3 $4"
}

banned_on() { # SPACE...
	local space
	for space; do
		within "$space" nft list ruleset | grep -q "$scanner counter" || return 1
	done
}

locked() {
	wants $mac "locked - $home provisioned acct1"
}

# The story of both: what one server saw, the other obeys; and within two seconds of the last request of a scan it is banned on both.
story() { # LOCKED-TOO: a command that tells that both servers know of the lock
	local i began took
	asks 192.0.2.1 $home $mac 200
	until_done locked
	until_done "$@"
	asks 192.0.2.5 $elsewhere $mac 403
	asks 192.0.2.1 $elsewhere $mac 403
	asks 192.0.2.5 $home $mac 200
	for i in 01 02 03 04 05; do
		agent=python-requests/2.31 asks 192.0.2.1 $scanner 0015650000$i 404
		agent=python-requests/2.31 asks 192.0.2.5 $scanner 0015650001$i 404
	done
	began=$(date +%s%N)
	until_done banned_on "$one" "$two"
	took=$((($(date +%s%N) - began) / 1000000))
	echo "banned on both after $took ms"
	[ "$took" -lt 2000 ]
	asks 192.0.2.1 $scanner $mac 000
	asks 192.0.2.5 $scanner $mac 000
	asks 192.0.2.1 $home $mac 200
	asks 192.0.2.5 $home $mac 200
	enforcer unban $scanner
	until_done not_banned_on "$one" "$two"
	asks 192.0.2.1 $scanner $mac 403
	asks 192.0.2.5 $scanner $mac 403
	enforcer unlock $mac
	until_done answers 192.0.2.5 $elsewhere 200
	until_done answers 192.0.2.1 $elsewhere 200
	until_done answers 192.0.2.1 $home 403
	until_done answers 192.0.2.5 $home 403
}

not_banned_on() {
	local space
	for space; do
		! banned_on "$space" || return 1
	done
}

answers() { # SERVER ADDRESS STATUS
	[ "$(answer "$world" "$2" "http://$1/$mac.cfg")" = "$3" ]
}

@test "a folder that all share: a scan split over two servers is banned on both, and a lock made on one holds on the other" {
	web "$one" one 192.0.2.1 "$folder/publish" "$folder/logs/one.log combined"
	web "$two" two 192.0.2.5 "$folder/publish" "$folder/logs/two.log combined"
	serve "$hub" "$bin/provctl" -c provctl.yaml analyze --follow
	background applies "$one" one "$folder/publish"
	background applies "$two" two "$folder/publish"
	story true
}

# recipe FILE: what the recipe says is to stand in that file, here with the folders of this test.
recipe() {
	awk -v name="\`$1\`" '/^```$/ { if (wanted) inside = !inside; if (wanted && !inside) exit; next }
		inside { print; found = 1 }
		!inside && index($0, name) { wanted = 1 }
		END { exit !found }' "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/contrib/recipes/two-servers.md" |
		sed "s#/var/log/provctl/#$folder/logs/#; s#/var/log/nginx/provisioning.log#$folder/$2.nginx.log#; s#tag=\"web1\"#tag=\"$2\"#
			s#/var/lib/provctl/publish/ \$server:/var/lib/provctl/publish/#$folder/publish/ $folder/copy.\$server/#; s#web1 web2#one two#"
}

# rsyslog SPACE NAME FILE: with the recipe's configuration.
rsyslog() {
	mkdir "$2.work"
	echo "global(workDirectory=\"$folder/$2.work\")" >"$2.rsyslog"
	recipe "$3" "$2" >>"$2.rsyslog"
	serve "$1" rsyslogd -n -f "$folder/$2.rsyslog" -i "$folder/$2.pid"
}

# Stands for the recipe's provctl-copy.path.
copies() {
	recipe /usr/local/sbin/provctl-copy - >copy.sh
	while :; do
		sh copy.sh
		sleep 0.1
	done
}

same_locks() {
	cmp publish/lockstate copy.one/lockstate && cmp publish/lockstate copy.two/lockstate
}

@test "logs by rsyslog and the folder by rsync: a scan split over two servers is banned on both, and a lock made on one holds on the other" {
	command -v rsyslogd >/dev/null && command -v rsync >/dev/null || skip "needs rsyslog and rsync"
	join "$one" 10.0.0.2/24 "$hub" 10.0.0.1/24
	join "$two" 10.0.1.2/24 "$hub" 10.0.1.1/24
	within "$two" ip route add 10.0.0.1 via 10.0.1.1
	rsyslog "$hub" hub /etc/rsyslog.d/provctl-hub.conf
	: >one.nginx.log
	: >two.nginx.log
	rsyslog "$one" one /etc/rsyslog.d/provctl.conf
	rsyslog "$two" two /etc/rsyslog.d/provctl.conf
	background copies
	until_done same_locks
	web "$one" one 192.0.2.1 "$folder/copy.one" "$folder/one.nginx.log combined"
	web "$two" two 192.0.2.5 "$folder/copy.two" "$folder/two.nginx.log combined"
	serve "$hub" "$bin/provctl" -c provctl.yaml analyze --follow
	background applies "$one" one "$folder/copy.one"
	background applies "$two" two "$folder/copy.two"
	story same_locks
}
