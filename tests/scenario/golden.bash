# Golden outputs: FOLDER stands for the story's folder, N for the uid of who runs it and for numbers that other tests are about.

mac=001565abcdef
phone="Yealink SIP-T46S 66.86.0.15 00:15:65:ab:cd:ef"

plain() {
	sed -E "s#$folder#FOLDER#g; s#(FOLDER[^ ]*)  +#\1  #; s/uid $(id -u)\b/uid N/; s/\"uid\":$(id -u)\b/\"uid\":N/; \
		s/by uid:( +)$(id -u)\$/by uid:\1N/; s/[0-9]+ triggers, [0-9]+ rules/N triggers, N rules/; \
		s/(\"triggers|\"rules|record_bytes)\":[0-9]+/\1\":N/; s/(\"device_version\":\")[0-9a-f]{16}\"/\1V\"/; \
		s/\"landlock\":(null|\"[^\"]*\")/\"landlock\":L/" | grep -v "^sandbox:  "
}

# shows VERB...: its output, errors and exit status are what standard input says.
shows() {
	local wanted
	wanted=$(cat)
	same "$(
		{
			provctl "$@" 2>&1 </dev/null
			echo "exit $?"
		} | plain
	)" "$wanted"
}

# Four devices: a new one, a stale one, one with a home and two users, a custom one.
inventory() {
	cat >devices.csv <<'END'
mac,account,created,home,user,realm,custom
00:15:65:ab:cd:ef,acct1,2026-11-22T09:00:00Z,,1001,sip.example.net,
001565abcdf0,acct1,2026-11-20T09:00:00Z,,1002,,
0015.65ab.cdf1,acct1,,203.0.113.7 2001:db8:1::/64,1003,,no
0015.65ab.cdf1,acct1,,203.0.113.7 2001:db8:1::/64,1004,,no
001565abcdf2,acct2,,203.0.113.9,,,yes
END
	provctl import devices.csv >import.out
}
