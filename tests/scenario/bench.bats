# `make bench`, tiny: never how long anything took, but that table, JSON and plots are whole and say the same.

load setup

setup_file() {
	export table="$BATS_FILE_TMPDIR/table"
	ldd "$bin/provctl" | grep -q libasan && return
	export OUT="$BATS_FILE_TMPDIR/out"
	top_srcdir=${top_srcdir:-$BATS_TEST_DIRNAME/../..} top_builddir=$bin TMPDIR=/var/tmp LINES=2000 DEVICES=2000 BANS=200 ROUNDS=3 RUNS=1 BACKLOG=2000 \
		bash "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/bench/bench.sh" >"$table" 2>&1 3>&- ||
		echo failed >>"$table"
}

measured() {
	without_sanitizers "its figures would mean nothing"
	! grep -q '^bench: .* keeps nothing' "$table" || skip "/var/tmp is no disk"
}

@test "a bench measures every scenario that this machine can" {
	measured
	cat "$table"
	run ! grep failed "$table"
	same "$(jq -r '.failed | length' "$OUT/bench.json")" 0
	for id in web.grep secret.grep new.wall first.cpu sip.grep kamailio.cpu freeswitch.cpu lines.spread rules.spread devices.spread nothing.wall nothing.peak \
		change.file.max change.bytes attack.enforcer.peak verdict.rate list.wall bans.wall; do
		jq -e --arg id "$id" '.figures[] | select(.id == $id) | .value > 0' "$OUT/bench.json" >out || {
			echo "no figure $id"
			return 1
		}
	done
}

@test "the table and the JSON say the same" {
	measured
	same "$(grep -cE '(at most|at least|under) .* (met|MISSED)$' "$table")" "$(jq '[.figures[] | select(.target)] | length' "$OUT/bench.json")"
	same "$(grep -oE '^[0-9]+ targets met, [0-9]+ missed' "$table")" \
		"$(jq -r '"\([.figures[] | select(.met == true)] | length) targets met, \([.figures[] | select(.met == false)] | length) missed"' "$OUT/bench.json")"
	# Each figure has its line, whose number is the JSON's, rounded; a target is met as its numbers say.
	jq -r '.figures[] | [.name, .value, .unit, .target // "", .limit // "", (if has("met") then .met else "" end)] | @tsv' "$OUT/bench.json" >figures
	perl -CS -ne '
		BEGIN { open my $table, "<", shift or die; @table = <$table>; chomp @table }
		chomp;
		my ($name, $value, $unit, $target, $limit, $met) = split /\t/, $_, -1;
		$table = shift @table until !@table || ($table // "") =~ /^  \Q$name\E {2,}(\S+) \Q$unit\E(?: |$)/;
		my ($shown) = ($table // "") =~ /^  \Q$name\E {2,}(\S+) / or die "$name is not in the table\n";
		$shown =~ tr/,//d;
		die "$name: $shown is not $value\n" if abs($shown - $value) > 0.0006 + abs($value) * 0.001;
		if ($target ne "") {
			my $true = $target =~ /^at most/ ? $value <= $limit : $target =~ /^at least/ ? $value >= $limit : $value < $limit;
			die "$name: $value $target: $met\n" if ($met eq "true") != !!$true;
		}
		undef $table;' "$table" figures
}

@test "the plots draw the points of the JSON" {
	measured
	for plot in $(jq -r '.series | keys[]' "$OUT/bench.json"); do
		xmllint --noout "$OUT/$plot.svg" || return 1
		same "$(grep -o 'data-x="[^"]*" data-y="[^"]*"' "$OUT/$plot.svg" | sed 's/data-[xy]="\([^"]*\)"/\1/g' | sort)" \
			"$(jq -r ".series[\"$plot\"][][] | \"\(.[0]) \(.[1])\"" "$OUT/bench.json" | sort)"
	done
	[ -s "$OUT/lines.svg" ] && [ -s "$OUT/devices.svg" ] && [ -s "$OUT/rules.svg" ]
}

@test "the same seed writes the same log, another one the same phones" {
	for kind in web secret first asterisk kamailio freeswitch attack scan csv; do
		"$bin/tests/bench/logs" $kind 1000 50 7 >a
		"$bin/tests/bench/logs" $kind 1000 50 7 | cmp - a
	done
	"$bin/tests/bench/logs" csv 50 | sed 1d | cut -d, -f1 | sort >known
	for seed in 1 2; do
		"$bin/tests/bench/logs" web 1000 50 $seed >"log/$seed"
		grep ' 200 ' "log/$seed" | grep -oiE '[0-9a-f]{12}[^0-9a-f/"]' | cut -c1-12 | tr A-F a-f | grep -v '^00000000' | sort -u | comm -23 - known >strange
		same "$(cat strange)" ""
	done
	run ! cmp -s log/1 log/2
}

@test "a line of each kind is what provctl takes it for" {
	counted() { # KIND FORMAT FILTER
		"$bin/tests/bench/logs" "$1" 1000 50 3 >log/web.log
		rm -rf state publish
		configure "sources: [{path: $folder/log/web.log, format: $2}]"
		at 1d
		provctl analyze --json | jq -e "$3" >out || {
			provctl analyze --json
			return 1
		}
	}
	counted web combined '.lines == 1000 and .unreadable == 0 and .events["provision.served"] > 900 and .events["provision.unknown"] > 2'
	counted asterisk asterisk '.unreadable == 0 and .events["sip.registered"] > 350 and .events["sip.auth_failed"] > 20 and .events["sip.unknown_user"] > 20'
	counted kamailio syslog '.unreadable == 0 and .events["sip.registered"] > 850 and .events["sip.auth_failed"] > 20 and .events["sip.unknown_user"] > 20'
	counted freeswitch freeswitch '.unreadable == 0 and .events["sip.auth_failed"] > 60'
	counted attack combined '.events["provision.unknown"] == 1000'
	counted scan syslog '.events["sip.scan"] == 1000'
}
