# What hostile clients do to an HTTP server: the portal's memory stays bounded, and it still answers everybody else.

load setup
load network
load portal

setup() {
	needs_network perl
	folder=$(mktemp -d "${BATS_TMPDIR:-/tmp}/provctl.XXXXXX")
	cd "$folder"
	chmod 755 .
	mkdir log
	: >log/web.log
	: >log/sip.log
}

@test "ten thousand silent connections, slow requests, floods and nonsense: memory is bounded, and others are answered" {
	local megabytes=160
	# The sanitizers keep what was freed for a while.
	! ldd "$bin/prov-portal" | grep -q libasan || megabytes=1500
	[ "$(ulimit -Hn)" -ge 11000 ] || skip "needs 11000 descriptors"
	ulimit -n 11000
	portal_world
	portal_start
	within "$world" ip route add local 10.0.0.0/16 dev lo
	ip route add 10.0.0.0/16 via 192.0.2.2
	within "$world" perl "$BATS_TEST_DIRNAME/portal_attack.pl" "${site#http://}" "$portal" 10.0 $megabytes
	kill -0 "$portal"
	calls 200 operator GET /v1/devices
}
