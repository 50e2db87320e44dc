# Networks of a test's own: namespaces joined by veth, with real web servers in them. Loaded after setup; teardown ends all of it.

needs_network() {
	local tool
	[ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || skip "needs root and network namespaces"
	for tool in ip nft curl "$@"; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
}

pids=() # what teardown ends, the newest first

# background COMMAND...: runs until the teardown; its pid is in $!.
background() {
	"$@" >>"$folder/background.log" 2>&1 3>&- &
	pids=($! "${pids[@]}")
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	cd /
	rm -rf "$folder"
}

# space NAME: a network namespace; what stands for it is in $NAME.
space() {
	background unshare -n sleep 600
	printf -v "$1" %s "$!"
	until [ "$(readlink "/proc/$!/ns/net")" != "$(readlink "/proc/$$/ns/net")" ]; do sleep 0.01; done
	within "$!" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad' # nobody has our addresses
	within "$!" ip link set lo up
}

# within SPACE COMMAND...
within() {
	nsenter -t "$1" -n "${@:2}"
}

# serve SPACE COMMAND...: in the background there. Not by `within`: the teardown would end the shell that runs it, and leave the server.
serve() {
	background nsenter -t "$1" -n "${@:2}"
}

# join SPACE ADDRESS SPACE ADDRESS: a wire between two spaces; addresses with their prefix length.
wires=0
join() {
	wires=$((wires + 1))
	ip link add "wire$wires" netns "$1" type veth peer name "wire$wires" netns "$3"
	within "$1" ip address add "$2" dev "wire$wires"
	within "$3" ip address add "$4" dev "wire$wires"
	within "$1" ip link set "wire$wires" up
	within "$3" ip link set "wire$wires" up
}

# lives SPACE ADDRESS...: addresses that clients in this space ask from.
lives() {
	local address
	for address in "${@:2}"; do
		within "$1" ip address add "$address" dev lo
	done
}

# until_done COMMAND...: tries it for ten seconds.
until_done() {
	local i
	for i in {1..500}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.02
	done
	echo "never came true: $*"
	cat "$folder/background.log"
	return 1
}

# server SPACE NAME CONFIGURATION [ACCESS-LOG]: nginx in that space; CONFIGURATION is what stands in its http block. Its folder is
# $folder/NAME. Log lines go to $folder/NAME/access.log, as log format `combined`.
server() {
	local at=$folder/$2
	mkdir -p "$at"
	cat >"$at/nginx.conf" <<-END
		daemon off;
		user root;
		worker_processes 1;
		pid $at/nginx.pid;
		error_log $at/error.log;
		events {}
		http {
			client_body_temp_path $at/body;
			proxy_temp_path $at/proxy;
			fastcgi_temp_path $at/fastcgi;
			uwsgi_temp_path $at/uwsgi;
			scgi_temp_path $at/scgi;
			$3
			access_log ${4:-$at/access.log combined};
		}
	END
	within "$1" nginx -t -q -c "$at/nginx.conf" -e "$at/error.log"
	serve "$1" nginx -c "$at/nginx.conf" -e "$at/error.log"
	until_done test -s "$at/nginx.pid"
}

# logged FOLDER: the nginx of that folder has written a line of all that it answered. A client has its answer before the line is there; then the
# worker sleeps.
logged() {
	until_done asleep "$1"
}

asleep() {
	local worker
	for worker in $(pgrep -P "$(cat "$1/nginx.pid")"); do
		grep -q '^State:[[:space:]]*S' "/proc/$worker/status" || return 1
	done
}

# The block by which nginx asks the generator.
to_generator='location / { proxy_pass http://127.0.0.1:8090; proxy_set_header X-Real-IP $remote_addr; }'

# generator SPACE LOCKSTATE MAC...: serves these phones on port 8090 of the space.
generator() {
	local top=${top_srcdir:-$BATS_TEST_DIRNAME/../..}
	serve "$1" env READERS="$top/contrib/readers" LOCKSTATE="$2" PHONES="${*:3}" NOW="$folder/now" \
		php -d opcache.enable=0 -S 127.0.0.1:8090 "$top/tests/scenario/generator.php"
	until_done within "$1" curl -s -o /dev/null http://127.0.0.1:8090/
}

# answer SPACE ADDRESS URL [CURL-OPTION...]: the status that a client at that address gets; 000 is none.
answer() {
	within "$1" curl -s -o /dev/null -w '%{http_code}' --connect-timeout 1 --max-time 20 --interface "$2" -A "${agent:-$phone}" "${@:4}" "$3" || true
}

phone="Yealink SIP-T46S 66.86.0.15"
