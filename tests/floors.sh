#!/usr/bin/env bash
# The floors of the house: who may include whom, and one wrapper per library. Speaks TAP.
set -u
cd "${top_srcdir:-.}" || exit 1

number=0
check() { # NAME OFFENDING-LINES
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		sed 's/^/# /' <<<"$2"
	fi
}

own_includes() { # FOLDER: its includes of own headers, as file:line:text
	grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1"/*.[ch]
}

libraries=(yaml.h jansson.h pcre2.h maxminddb.h zlib.h sqlite3.h nettle/ microhttpd.h systemd/ seccomp.h cap-ng.h sys/inotify.h)

echo "1..$((10 + ${#libraries[@]}))"
check "common includes nothing above it" "$(own_includes common | grep -vE '"common/')"
check "analyzer includes common and itself alone" "$(own_includes analyzer | grep -vE '"(common|analyzer)/')"
check "enforcer includes common and itself alone" "$(own_includes enforcer | grep -vE '"(common|enforcer)/')"
check "portal includes common and itself alone" "$(own_includes portal | grep -vE '"(common|portal)/')"
check "cmd includes our own floors alone" "$(own_includes cmd | grep -vE '"(common|analyzer|enforcer|cmd)/')"

judge_files() { # the judge's phases are those that know its private header
	grep -lE '"enforcer/judge_private.h"' enforcer/*.[ch]
}
check "only phases of the judge see its private header" \
	"$(judge_files | grep -vE '^enforcer/(judge|quiet|lock|home|admin|facts|standing|verdict|trigger|counter|ban)[a-z_]*\.[ch]$')"

wrappers() { # PATTERN: the files that include such a header
	grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<$1" -r common analyzer enforcer portal cmd --include='*.[ch]'
}
for library in "${libraries[@]}"; do
	users=$(wrappers "$library")
	[ "$(grep -c . <<<"$users")" -gt 1 ] || users=$(grep '\.h$' <<<"$users")
	check "${library%/} has one wrapper, a .c file" "$users"
done
for library in libnftnl libmnl; do
	check "$library is seen by the phases of nft alone" \
		"$({ wrappers "$library/"; grep -l 'enforcer/nft_private.h"' -r enforcer cmd; } | grep -vxE 'enforcer/nft(_ask)?\.c')"
done

# The judge is a pure function: no clock, no file, no socket, no process.
impure='clock_now|clock_gettime|gettimeofday|[^_a-z](time|open|socket|read|write|send|recv|fork|getenv)\('
impure="$impure"'|#include <(time|fcntl|unistd|sys/[a-z]+)\.h>'
# shellcheck disable=SC2046 # a list of files
check "the judge reads no clock, no file and no socket" \
	"$(grep -nHE "$impure" $(judge_files) enforcer/judge.h enforcer/judge_private.h)"

split=
if [ -x "${top_builddir:-.}/prov-analyzer" ]; then
	split=$(ldd "${top_builddir:-.}/prov-analyzer" | grep -E 'sqlite|nftnl|mnl|nettle'
		ldd "${top_builddir:-.}/prov-enforcer" | grep -E 'pcre|maxmind|libz\.|microhttpd'
		ldd "${top_builddir:-.}/prov-portal" | grep -E 'sqlite|nftnl|mnl|pcre|maxmind')
fi
check "ldd shows the privilege split: no SQLite, netlink or tokens in the analyzer, no patterns in the enforcer, neither in the portal" "$split"
