#!/bin/sh
# Reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in shell.
#
#   lockstate.sh FILE MAC IP [NOW]      prints 200 (serve), 403 (refuse) or 503 (no file, or not whole: Retry-After)
#
# MAC: 12 lower-case hex digits. NOW: epoch seconds.
file=$1 mac=$2 ip=$3 now=${4:-$(date +%s)}
[ ! -d "$file" ] || file=$file/${mac#??????????}
[ -r "$file" ] || { echo 503; exit; }
awk -v mac="$mac" -v ip="$ip" -v now="$now" '
function hex(text,   i, n) {
	for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return n + 0
}
# An address as groups g[1..n] of 8 bits (IPv4, IPv4-mapped too) or 16 bits (IPv6); gives n.
function groups(text, g,   part, n, m, i, j) {
	text = tolower(text)
	if (text ~ /^::ffff:[0-9]+\./) sub(/^::ffff:/, "", text)
	if (text !~ /:/) return split(text, g, ".") == 4 ? 4 : 0
	sub(/^::/, "0::", text); sub(/::$/, "::0", text)
	n = split(text, part, ":")
	for (i = 1; i <= n; i++)
		if (part[i] == "") for (j = n; j <= 8; j++) g[++m] = 0
		else g[++m] = hex(part[i])
	return m == 8 ? 8 : 0
}
function holds(prefixes, address,   list, n, i, pair, a, b, size, bits, k, unit, same) {
	n = split(prefixes, list, ",")
	for (i = 1; i <= n; i++) {
		bits = split(list[i], pair, "/") == 2 ? pair[2] : 128
		size = groups(pair[1], a)
		if (!size || size != groups(address, b)) continue
		unit = size == 4 ? 8 : 16
		for (same = k = 1; k <= size && bits > 0; k++) {
			shift = bits < unit ? 2 ^ (unit - bits) : 1
			if (int(a[k] / shift) != int(b[k] / shift)) same = 0
			bits -= unit
		}
		if (same) return 1
	}
	return 0
}
NR == 1 { head = $1 " " $2 }
$1 == "device" && $2 == mac { listed = 1; state = $3; till = $4; home = $5; reason = $6; account = $7 }
$1 == "device" || $1 == "window" || $1 == "network" { count++; if ($1 != "device" && holds($2, ip)) kept[++k] = $0 }
$1 == "default" { fallback = $2 }
{ last = $0 }
END {
	if (head != "provctl-lockstate 1" || last != "end " (count + 0) || !fallback) { print 503; exit }
	if (!listed) { state = fallback; till = home = "-"; account = "*" }
	served = state == "open" && (till == "-" || now < till) || holds(home, ip)
	for (i = 1; i <= k; i++) {
		split(kept[i], f, " ")
		if (f[1] == "network" && f[3] == account) served = 1
		if (f[1] == "window" && now < f[3] && (f[4] == "*" || f[4] == account) && reason != "held") served = 1
	}
	print served ? 200 : 403
}' "$file"
