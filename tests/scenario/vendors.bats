# A hundred phones of each vendor that boot at once behind one address raise nothing; every shape that scanners have raises its trigger.

load setup

office=203.0.113.7 scanner=192.0.2.66

# ask METHOD PATH STATUS [USER]: the agent's request from the office.
ask() {
	web $office "$1 $2" "$3" "$agent" "${4:--}"
}

# phone OUI NUMBER: the phone at hand: its MAC in the spellings that vendors use.
phone() {
	printf -v m '%s%06x' "$1" "$2"
	M=${m^^}
	colons=${m:0:2}:${m:2:2}:${m:4:2}:${m:6:2}:${m:8:2}:${m:10:2}
	dashes=${M:0:2}-${M:2:2}-${M:4:2}-${M:6:2}-${M:8:2}-${M:10:2}
}

# ---- what phones of a vendor ask for when they boot: VENDOR STEP for the phone at hand, status 1 behind the last step ----

yealink() {
	agent="Yealink SIP-T46S 66.86.0.15 $colons"
	case $1 in
	1) ask GET /y000000000000.boot 404 ;;
	2) ask GET "/$m.boot" 404 ;;
	3) ask GET /y000000000028.cfg 200 ;;
	4) ask GET "/$m.cfg" 401 ;;
	5) ask GET "/$m.cfg" 200 prov ;;
	6) ask GET "/$m-local.cfg" 404 prov ;;
	7) ask GET "/$m-contact.xml" 404 prov ;;
	8) ask HEAD "/$m.cfg" 200 prov ;;
	9) ask GET "/$m.cfg" 304 prov ;;
	*) return 1 ;;
	esac
}

flyingvoice() {
	agent="Flyingvoice FIP16 V0.7.31 $colons"
	case $1 in
	1) ask GET /y000000000000.boot 404 ;;
	2) ask GET /y000000000000.cfg 404 ;;
	3) ask GET "/$m.cfg" 200 ;;
	*) return 1 ;;
	esac
}

polycom() {
	agent="FileTransport PolycomVVX-VVX_450-UA/6.4.6.2494 (SN:$m) Type/Application"
	case $1 in
	1) ask GET /2345-48450-001.sip.ld 404 ;;
	2) ask HEAD "/$m.cfg" 200 ;;
	3) ask GET "/$m.cfg" 404 ;;
	4) ask GET /000000000000.cfg 200 ;;
	5) ask GET /000000000000-license.cfg 404 ;;
	6) ask GET "/$m-license.cfg" 404 ;;
	7) ask GET "/$m-registration.cfg" 200 ;;
	8) ask GET "/$m-phone.cfg" 404 ;;
	9) ask GET "/$m-web.cfg" 404 ;;
	10) ask GET "/$m-directory.xml" 404 ;;
	11) ask GET /000000000000-directory.xml 404 ;;
	12) ask PUT "/$m-app.log" 201 ;;
	13) ask PUT "/$m-boot.log" 403 ;;
	14) ask GET "/$m-calls.xml" 404 ;;
	*) return 1 ;;
	esac
}

grandstream() {
	agent="Grandstream Model HW GXP2170 SW 1.0.11.79 DevId $m"
	case $1 in
	1) ask GET "/cfg$m" 404 ;;
	2) ask GET "/cfg$m.xml" 404 ;;
	3) ask GET /cfggxp2170.xml 404 ;;
	4) ask GET /cfg.xml 200 ;;
	5) ask GET "/cfg$m.xml" 206 ;;
	6) ask GET /gxp2170fw.bin 404 ;;
	7) ask GET "/$m/phonebook.xml" 404 ;;
	*) return 1 ;;
	esac
}

snom() {
	agent="Mozilla/4.0 (compatible; snomD735-SIP 10.1.64.14 2010.12-00004-gabcdef123456 $M SXM:0 UXM:0)"
	case $1 in
	1) ask GET /snomD735.htm 404 ;;
	2) ask GET "/snomD735-$M.htm" 404 ;;
	3) ask GET "/?mac=$M" 401 ;;
	4) ask GET "/?mac=$M" 200 prov ;;
	5) ask GET "/$m_firmware.xml" 404 prov ;;
	*) return 1 ;;
	esac
}

fanvil() {
	agent="Fanvil X5U-V2 2.12.18.4 $m"
	case $1 in
	1) ask GET /F0V00X5U0000.cfg 404 ;;
	2) ask GET /fanvil_x5u_v2_hwv1_0.txt 404 ;;
	3) ask GET "/$m.cfg" 200 ;;
	*) return 1 ;;
	esac
}

spa() {
	agent="Cisco/SPA504G-7.6.2b ($M)(CCQ160102AB)"
	case $1 in
	1) ask GET /spa504G.cfg 404 ;;
	2) ask GET "/spa$m.xml" 404 ;;
	3) ask GET "/$m.xml" 200 ;;
	4) ask POST /report 200 ;;
	5) ask GET "/directory-$m.xml" 404 ;;
	*) return 1 ;;
	esac
}

callmanager() {
	agent=-
	case $1 in
	1) ask GET "/CTLSEP$M.tlv" 404 ;;
	2) ask GET "/ITLSEP$M.tlv" 404 ;;
	3) ask GET /ITLFile.tlv 404 ;;
	4) ask GET "/ SEP$M.cnf.xml" 200 ;;
	5) ask GET /English_United_States/gp-sip.jar 404 ;;
	6) ask GET /RINGLIST.XML 404 ;;
	7) ask GET /dialplan.xml 404 ;;
	*) return 1 ;;
	esac
}

panasonic() {
	agent="Panasonic_KX-UT136/01.302 ($m)"
	case $1 in
	1) ask GET /KX-UT136.cfg 404 ;;
	2) ask GET "/Config$M.cfg" 200 ;;
	*) return 1 ;;
	esac
}

mitel() {
	agent="Mitel6930 MAC:$dashes V:6.3.1.20-SIP"
	case $1 in
	1) ask GET /aastra.cfg 404 ;;
	2) ask GET /6930.cfg 404 ;;
	3) ask GET "/$M.tuz" 404 ;;
	4) ask GET "/$M.cfg" 200 ;;
	*) return 1 ;;
	esac
}

avaya() {
	agent='AVAYA/SIP12x0\x17/04.04.21.00'
	case $1 in
	1) ask GET /1220SIP.cfg 404 ;;
	2) ask GET /1220.cfg 404 ;;
	3) ask GET "/SIP$M.cfg" 200 ;;
	*) return 1 ;;
	esac
}

avaya_j100() {
	agent="Mozilla/4.0 (compatible; MSIE 6.0) AVAYA/J169-4.0.8.0.8 (MAC:$m)"
	case $1 in
	1) ask GET /J100Supgrade.txt 404 ;;
	2) ask GET /46xxsettings.txt 404 ;;
	3) ask GET "/$m.txt" 200 ;;
	*) return 1 ;;
	esac
}

audiocodes() {
	agent="AUDC-IPPhone/2.2.16.310 (450HD-Rev1; $M)"
	case $1 in
	1) ask GET "/$m.cfg" 404 ;;
	2) ask GET "/$m.ini" 200 ;;
	*) return 1 ;;
	esac
}

gigaset() {
	agent="Gigaset N870 IP PRO/83.V2.48.0+build.1a2b3c4;$M"
	case $1 in
	1) ask GET "/$m.xml" 401 ;;
	2) ask GET "/$m.xml" 200 prov ;;
	*) return 1 ;;
	esac
}

htek() {
	agent="Htek UC926 2.0.4.4 $colons"
	case $1 in
	1) ask GET "/cfg$m.xml" 404 ;;
	2) ask GET "/$m.xml" 404 ;;
	3) ask GET /cfg.xml 200 ;;
	*) return 1 ;;
	esac
}

alcatel() {
	agent="ALE M3-CE 2.13.33.2420 $m"
	case $1 in
	1) ask GET /config.M3.xml 404 ;;
	2) ask GET "/config.$m.xml" 200 ;;
	*) return 1 ;;
	esac
}

technicolor() {
	agent="THOMSON ST2030 hw5 fw2.75 $dashes"
	case $1 in
	1) ask GET /st2030s.inf 404 ;;
	2) ask GET "/ST2030S_$M.txt" 200 ;;
	3) ask GET /ComConf2030SG.100318.2.72.4.txt 404 ;;
	*) return 1 ;;
	esac
}

digium() {
	agent=-
	case $1 in
	1) ask GET "/Digium/$m.cfg" 200 ;;
	2) ask GET "/Digium/$m-contacts.xml" 404 ;;
	3) ask GET "/Digium/$m-smartblf.cfg" 404 ;;
	*) return 1 ;;
	esac
}

konftel() {
	agent=-
	case $1 in
	1) ask GET /kt300ip.xml 404 ;;
	2) ask GET "/kt300ip-$m.xml" 404 ;;
	*) return 1 ;;
	esac
}

dect() {
	agent="IPDECT/04.60.0001 (MAC=$M; SER= 00000; HW=1)"
	case $1 in
	1) ask GET "/$m.xml" 200 ;;
	2) ask GET "/$m.xml" 304 ;;
	*) return 1 ;;
	esac
}

zenitel() {
	agent=-
	case $1 in
	1) ask GET /ipst_config.cfg 404 ;;
	2) ask GET "/ipst_config_${m:0:2}_${m:2:2}_${m:4:2}_${m:6:2}_${m:8:2}_${m:10:2}.cfg" 200 ;;
	*) return 1 ;;
	esac
}

# Vendors that ask for one file: Algo, VTech, Obihai, Patton, Akuvox, 2N, Swissvoice, CloudTC, Unidata, Escene. A tenth of the phones each.
single() {
	local n=$((16#${m:6:6} % 10))
	local -a files=("algom$m.conf" "VSP726_$M.cfg" "obi$m.xml" "$m.cfg" "$m.cfg" "hipve-$m.xml" "C520-WiMi_$m.cfg" "voip-$m.xml"
		"e1_$m.ini" "$m.xml")
	agent=-
	case $1 in
	1) ask GET "/${files[n]}" 404 ;;
	2) ask GET "/${files[n]}" 200 ;;
	*) return 1 ;;
	esac
}

# ---- a hundred at once ----

# reboot OUI STORY: a hundred phones that have lived in the office for two days take each step together.
reboot() {
	local n step
	{
		echo mac,account,home
		for n in $(seq 100); do printf '%s%06x,acct1,%s\n' "$1" "$n" $office; done
	} >phones.csv
	at 0s
	provctl import phones.csv >/dev/null
	cp publish/lockstate before
	at 2d
	for ((step = 1; ; step++)); do
		at "2d ${step}s"
		for n in $(seq 100); do
			phone "$1" "$n"
			"$2" "$step" || break 2
		done
	done
	[ "$step" -gt 2 ]
	pass
	quiet
	same "$(grep -c '^device .* locked - 203.0.113.7 provisioned acct1$' publish/lockstate)" 100
	same "$(grep '^device' publish/lockstate)" "$(grep '^device' before)"
	honest
}

# honest: what one phone asked for made events, and no line of it is an imposter's.
honest() {
	local line
	grep -Eq '^events: .*[1-9]' pass.out
	awk 'NR % 100 == 1' log/web.log >one.log
	while IFS= read -r line; do
		output=$(provctl explain --line "$line" --json)
		same "$(jq '.event.imposter == true' <<<"$output")" false
	done <one.log
}

quiet() {
	same "$(banned)" ""
	same "$(provctl bans --json)" ""
	same "$(recorded reported)" 0
	same "$(provctl list --moved --json)" ""
	same "$(provctl list --exposed --json)" ""
}

@test "100 Yealink phones that reboot at once behind one address raise nothing" { reboot 805ec0 yealink; }
@test "100 Flyingvoice phones that reboot at once behind one address raise nothing" { reboot 0021f2 flyingvoice; }
@test "100 Polycom phones that reboot at once behind one address raise nothing" { reboot 0004f2 polycom; }
@test "100 Grandstream phones that reboot at once behind one address raise nothing" { reboot c074ad grandstream; }
@test "100 Snom phones that reboot at once behind one address raise nothing" { reboot 000413 snom; }
@test "100 Fanvil phones that reboot at once behind one address raise nothing" { reboot 0c383e fanvil; }
@test "100 Cisco SPA phones that reboot at once behind one address raise nothing" { reboot 649ef3 spa; }
@test "100 Cisco phones of a call manager that reboot at once behind one address raise nothing" { reboot 002155 callmanager; }
@test "100 Panasonic phones that reboot at once behind one address raise nothing" { reboot 0080f0 panasonic; }
@test "100 Mitel phones that reboot at once behind one address raise nothing" { reboot 1400e9 mitel; }
@test "100 Avaya 1220 phones that reboot at once behind one address raise nothing" { reboot c81fea avaya; }
@test "100 Avaya J169 phones that reboot at once behind one address raise nothing" { reboot c81fea avaya_j100; }
@test "100 AudioCodes phones that reboot at once behind one address raise nothing" { reboot 00908f audiocodes; }
@test "100 Gigaset bases that reboot at once behind one address raise nothing" { reboot 7c2f80 gigaset; }
@test "100 Htek phones that reboot at once behind one address raise nothing" { reboot 001fc1 htek; }
@test "100 Alcatel-Lucent phones that reboot at once behind one address raise nothing" { reboot 3c28a6 alcatel; }
@test "100 Technicolor phones that reboot at once behind one address raise nothing" { reboot 00147f technicolor; }
@test "100 Digium phones that reboot at once behind one address raise nothing" { reboot 000fd3 digium; }
@test "100 Konftel phones that reboot at once behind one address raise nothing" { reboot 00177d konftel; }
@test "100 DECT bases that reboot at once behind one address raise nothing" { reboot 00087b dect; }
@test "100 Zenitel stations that reboot at once behind one address raise nothing" { reboot 0013cb zenitel; }
@test "100 phones of ten vendors with one file each that reboot at once behind one address raise nothing" { reboot 001122 single; }

@test "100 phones that reboot at once behind a trusted proxy raise nothing, and the proxy is not banned" {
	configure "trusted_proxies: [10.0.0.246]"
	{
		echo mac,account,home
		for n in $(seq 100); do printf '805ec0%06x,acct1,%s\n' "$n" $office; done
	} >phones.csv
	provctl import phones.csv >/dev/null
	at 2d
	for n in $(seq 100); do
		phone 805ec0 "$n"
		for status in 401 404 200; do
			printf '10.0.0.246 - - [%(%d/%b/%Y:%H:%M:%S +0000)T] "GET /%s.cfg HTTP/1.1" %s 9 "-" "Yealink SIP-T46S 66.86.0.15 %s" "198.51.100.99, %s"\n' \
				"$now" "$m" "$status" "$colons" $office >>log/web.log
		done
	done
	pass
	quiet
}

@test "100 new phones that are provisioned at once behind one address raise nothing" {
	for step in 3 4 5; do
		at "${step}s"
		for n in $(seq 100); do
			phone 805ec0 "$n"
			yealink "$step"
		done
	done
	pass
	quiet
	same "$(grep -c '^device .* locked - 203.0.113.7 provisioned acct1$' publish/lockstate)" 100
}

# ---- scanners ----

# triggered NAME: the scanner is banned, by that trigger.
triggered() {
	pass
	same "$(banned)" $scanner
	same "$(json .trigger bans)" "$1"
}

@test "a scanner that counts through the end of one vendor's MACs is a provisioning scan" {
	for n in $(seq 10); do web $scanner "GET $(printf '/0004f2%06x.cfg' "$n")" 404; done
	triggered provisioning-scan
}

@test "a scanner with a phone's agent that never changes is a provisioning scan" {
	for n in $(seq 10); do
		web $scanner "GET $(printf '/0004f2%06x.cfg' "$n")" 404 'FileTransport PolycomSoundPointIP-SPIP_450-UA/4.0.8.1608'
	done
	triggered provisioning-scan
}

@test "a scanner that asks for the files of several vendors is a provisioning scan" {
	n=0
	for file in %s.cfg %s.xml cfg%s cfg%s.xml spa%s.xml SEP%s.cnf.xml Config%s.cfg MN_%s.cfg SIP%s.cfg algom%s.conf; do
		n=$((n + 1))
		# shellcheck disable=SC2059 # the file's name is the format
		web $scanner "GET /$(printf "$file" "$(printf '001565%06x' "$n")")" 404
	done
	triggered provisioning-scan
}

@test "a scanner that tries every vendor's name for one MAC is a provisioning hammer" {
	m=0015650000ab
	for again in 1 2; do
		for file in $m.cfg $m.xml cfg$m cfg$m.xml spa$m.xml SEP$m.cnf.xml Config$m.cfg MN_$m.cfg SIP$m.cfg algom$m.conf; do
			web $scanner "GET /$file" 404
		done
	done
	triggered provisioning-hammer
}

@test "a thief that asks a call manager for random phones with a script's agent is an imposter" {
	web $scanner "GET /ConfigFileCacheList.txt" 404 python-requests/2.31.0
	web $scanner "GET /SEPTEST00000000.cnf.xml" 404 python-requests/2.31.0
	for m in 0021A0F1C203 0021A00A11E9 0021A07712B0; do
		web $scanner "GET /SEP$m.cnf.xml" 404 python-requests/2.31.0
	done
	triggered imposter
}

@test "a thief that is served each phone's file is an imposter by the third" {
	web $scanner "GET /XMLDefault.cnf.xml" 200 python-requests/2.31.0
	for n in 1 2 3; do web $scanner "GET $(printf '/SEP0021A0%06X.cnf.xml' "$n")" 200 python-requests/2.31.0; done
	triggered imposter
}

@test "a thief with one vendor's agent that asks for another's files is an imposter" {
	for n in 1 2 3; do
		web $scanner "GET $(printf '/001565%06x.cfg' "$n")" 200 'FileTransport PolycomSoundPointIP-SPIP_450-UA/4.0.8.1608'
	done
	triggered imposter
}

@test "a thief whose agent names one MAC while it asks for others is an imposter" {
	for n in 1 2 3; do
		web $scanner "GET $(printf '/805ec0%06x.cfg' "$n")" 404 'Yealink SIP-T46S 66.86.0.15 80:5e:c0:aa:bb:cc'
	done
	triggered imposter
}

@test "a thief that reads a polycom's file and then the one it names gets the device exposed" {
	printf 'mac,account,home\n0004f2112233,acct1,%s\n' $office >phones.csv
	provctl import phones.csv >/dev/null
	at 2d
	web $scanner "GET /0004f2112233.cfg" 200 'FileTransport PolycomSoundPointIP-SPIP_450-UA/4.0.8.1608'
	web $scanner "GET /0004f2112233-registration.cfg" 200 'FileTransport PolycomSoundPointIP-SPIP_450-UA/4.0.8.1608'
	pass
	same "$(json .mac list --exposed)" 0004f2112233
	wants 0004f2112233 "locked - $office provisioned acct1"
}

@test "a name list of a port scanner is an imposter's, by its agent" {
	agent='Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)'
	for file in 000000000000.cfg sip.cfg SIPDefault.cnf ../../etc/passwd; do web $scanner "GET /$file" 404 "$agent"; done
	for n in 1 2 3; do web $scanner "GET $(printf '/SEP0021A0%06X.cnf' "$n")" 404 "$agent"; done
	for n in 1 2 3; do web $scanner "GET $(printf '/0004f2%06x.cfg' "$n")" 404 "$agent"; done
	triggered imposter
}

@test "addresses of one network that share a scan are a distributed scan" {
	for n in $(seq 10); do web "198.51.100.$((n % 5 + 1))" "GET $(printf '/0004f2%06x.cfg' "$((n * 77))")" 404; done
	pass
	same "$(banned)" 198.51.100.0/24
	same "$(json .trigger bans)" distributed-scan
}

@test "single probes for common files, macros that nobody filled in, and HEAD raise nothing" {
	for n in $(seq 30); do
		web $scanner "GET /000000000000.cfg" 404
		web $scanner "GET /vvx/000000000000.cfg" 404
		web $scanner "GET /tftpphone/\$MA.cfg" 404
		web $scanner "GET /{mac}.cfg" 404
		web $scanner "HEAD $(printf '/0004f2%06x.cfg' "$n")" 404
		web $scanner "GET $(printf '/y0000000000%02d.cfg' "$n")" 404
		web $scanner "GET $(printf '/r0000000000%02d.cfg' "$n")" 404
	done
	pass
	quiet
}

@test "a scanner that looks for extensions is an enumeration, one that tries passwords is a brute force" {
	for n in 100 101 102 103 104; do sip InvalidAccountID $scanner "$n" TCP; done
	for n in $(seq 20); do sip InvalidPassword 192.0.2.99 100 TCP; done
	pass
	same "$(banned)" "192.0.2.66
192.0.2.99"
	same "$(json '.ip + " " + .trigger' bans | sort)" "192.0.2.66 sip-enumeration
192.0.2.99 sip-brute-force"
}

@test "a scanner that reads names off a list from a TFTP server is a provisioning scan, though its address is not proven" {
	configure "sources: [{path: $folder/log/tftp.log, format: tftp}]"
	for file in 000000000000.cfg SIPDefault.cnf ../../etc/passwd; do
		printf '%(%b %d %H:%M:%S)T pbx dnsmasq-tftp[7]: file /srv/tftp/%s not found for %s\n' "$now" "$file" $scanner >>log/tftp.log
	done
	for n in $(seq 10); do
		printf '%(%b %d %H:%M:%S)T pbx dnsmasq-tftp[7]: file /srv/tftp/0004f2%06x.cfg not found for %s\n' "$now" "$n" $scanner >>log/tftp.log
	done
	touch -d "@$now" log/tftp.log
	triggered provisioning-scan
	same "$(json .proven bans)" false
}

@test "a SIP scanner that gives its name is a SIP scan" {
	configure "sources: [{path: $folder/log/kamailio.log, format: syslog}]"
	printf '%(%b %d %H:%M:%S)T sbc kamailio[7]: ALERT: <script>: INVITE from %s blocked because UserAgent %sfriendly-scanner%s is blacklisted\n' \
		"$now" $scanner "'" "'" >>log/kamailio.log
	touch -d "@$now" log/kamailio.log
	triggered sip-scan
}

@test "the samples of all shipped rules pass, and provctl test ends with how many" {
	provctl test >out
	grep -Eq '[^0-9][0-9]{3,} passed, 0 failed$' out
}
