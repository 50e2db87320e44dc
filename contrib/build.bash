# Sourced by quickstart and check: installs what Debian packages, and builds. Says what it does; keeps quiet about how.

packages_build="gcc make autoconf automake pkg-config libjansson-dev libyaml-dev libpcre2-dev libmaxminddb-dev zlib1g-dev
	libsqlite3-dev nettle-dev libmnl-dev libnftnl-dev libseccomp-dev libmicrohttpd-dev libsystemd-dev tzdata"

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# install_packages PACKAGE...: those that are missing, without starting the services that they bring.
install_packages() {
	local missing=() package log
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "provctl: not a Debian system: install these by hand: ${missing[*]}" >&2
		return 1
	fi
	echo "installing ${#missing[@]} packages: ${missing[*]}"
	log=$(mktemp)
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
		as_root chmod +x /usr/sbin/policy-rc.d
		trap 'as_root rm -f /usr/sbin/policy-rc.d' RETURN
	fi
	if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
		cat "$log" >&2
		echo "provctl: the packages could not be installed" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

# build FOLDER CONFIGURE-OPTION...: configures and makes out of tree; shows the output only where it fails.
build() {
	local folder=$1 log
	shift
	mkdir -p "$folder"
	log=$folder/build.log
	echo "building in ${folder#"$root"/} (its output: ${log#"$root"/})"
	if ! (
		[ -x "$root/configure" ] && [ "$root/configure" -nt "$root/configure.ac" ] || (cd "$root" && autoreconf -fi)
		cd "$folder"
		[ -f Makefile ] || "$root/configure" -q "$@"
		make -j"$(nproc)"
	) >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		echo "provctl: the build failed; all of its output: $log" >&2
		return 1
	fi
}
