#!/usr/bin/env bash
# make bench [LINES=1000000] [FULL=1] [ONLY=REGEX] [OUT=FOLDER] ...: what provctl costs, beside yardsticks over the same files in the same run;
# provctl-performance(7) explains it. Never a pass or a fail on time: these are figures, for this machine, at this hour.
#
# In a network and a mount namespace of its own where that is possible; without, nothing is measured that needs a firewall.
set -eu
top_srcdir=$(cd "${top_srcdir:-.}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)
export top_srcdir top_builddir
run=(perl -I "$top_srcdir/tests/bench" "$top_srcdir/tests/bench/bench.pl")
if [ "$(id -u)" = 0 ] && command -v nft >/dev/null && unshare --net --mount true 2>/dev/null; then
	exec unshare --net --mount bash -c '
		mount --bind /dev/null /etc/resolv.conf
		ip link set lo up
		NETWORK=1 exec "$@"' bench "${run[@]}"
fi
exec "${run[@]}"
