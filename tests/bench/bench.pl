#!/usr/bin/perl
# The scenarios of `make bench`: one for each target. See provctl-performance(7) for what they mean, Bench.pm for how they are measured.
use strict;
use warnings;
use File::Path qw(remove_tree);
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time sleep);

use Bench;

# What a rule needs of a line: address, time, method, the MAC in the file's name, status.
my $web_pattern = '^(\S+) \S+ \S+ \[([^]]+)\] "(GET) \S*/(?:\w+-)?(?:cfg)?([0-9A-Fa-f]{12})[^ /]* HTTP/[\d.]+" (\d{3}) ';
my $sip_pattern = 'SecurityEvent="(?:InvalidAccountID|InvalidPassword|ChallengeResponseFailed)"';

# provctl_cost NAME ID MEASURED LINES GREP: what a pass took, by part.
sub provctl_cost {
	my ($name, $id, $m, $lines, $grep) = @_;
	if ($grep) {
		figure("$id.grep", "$name, x grep -cP", $m->{wall} / $grep->{wall}, 'x', 'at most', 1);
	}
	figure("$id.wall", "$name, wall time", $m->{wall}, 's');
	figure("$id.rate", "$name, lines a second", rate($m, $lines), 'lines/s');
	figure("$id.cpu", "$name, CPU time a line", cpu_us($m, $lines), 'us');
	for my $part ('analyzer', 'enforcer') {
		my $p = $m->{processes}{"prov-$part"};
		figure("$id.$part", "  of it prov-$part", ($p->{user} + $p->{system}) * 1e6 / $lines, 'us');
	}
	figure("$id.analyzer.peak", '  prov-analyzer, peak memory', peak_mib($m, 'prov-analyzer'), 'MiB', 'under', 16);
	figure("$id.enforcer.peak", '  prov-enforcer, peak memory', peak_mib($m, 'prov-enforcer'), 'MiB');
}

# A log read again and again by the same state: the runs of grep and provctl take turns, so that both see the same machine. A state that is put back
# finds published files that are not those it wrote, and would write all of them within the pass that is measured: that is done before.
sub throughput { # ID LOG FORMAT PATTERN STATE
	my ($id, $log, $format, $pattern, $state, %more) = @_;
	my @greps;
	warm($log);
	configure(sources => [[$log, $format]], firewall => $is{network} ? 'nftables' : 'none', %more);
	my $m = timed_median($is{runs}, sub { put_back($state); provctl('sync'); push @greps, yardstick('grep', '-cP', $pattern, $log) if $pattern },
		sub { provctl('analyze') });
	my $grep = @greps ? (sort { $a->{wall} <=> $b->{wall} } @greps)[int(@greps / 2)] : undef;
	return ($m, $grep);
}

# ---- fail2ban ----

# fail2ban-server as it runs, but for actions: its own database, its backend that asks the file, and a filter of ours that looks for what the grep looks
# for. From its log: from the line of the log's adding, some milliseconds before it is read, to the sentinel, which is the last line. Its start-up does not
# count. That the jail has started is told by another thread than the reading one, often when much of the log is read, or all of it.
sub fail2ban { # LOG FILTER PATTERN-OF-DATE SENTINEL
	my ($log, $regex, $date, $sentinel) = @_;
	my $f = "$folder/fail2ban";
	remove_tree($f);
	mkdir $_ for $f, "$f/filter.d", "$f/action.d", "$f/jail.d";
	spit("$f/fail2ban.conf", <<~END);
		[Definition]
		loglevel = INFO
		logtarget = $f/log
		syslogsocket = auto
		socket = $f/socket
		pidfile = $f/pid
		dbfile = $f/db
		dbpurgeage = 1d
		dbmaxmatches = 10
		END
	spit("$f/jail.conf", <<~END);
		[bench]
		enabled = true
		filter = bench
		logpath = $log
		backend = polling
		usedns = no
		maxretry = 10
		findtime = 3650d
		bantime = 3600
		action =
		END
	spit("$f/filter.d/bench.conf", "[Definition]\nfailregex = $regex\ndatepattern = $date\n");
	my $pid = spawn('fail2ban-server', '-f', '-c', $f, '-s', "$f/socket", '-p', "$f/pid", 'start');
	my ($begin, $end);
	wait_for('fail2ban', 180, sub {
		my $said = -e "$f/log" ? slurp("$f/log") : '';
		($begin) = $said =~ /^\S+ ([\d:,]+) .*Added logfile: /m;
		($end) = $said =~ /^\S+ ([\d:,]+) .*Found \Q$sentinel\E /m;
		return $end;
	});
	end_process($pid);
	return (seconds($end) - seconds($begin)) + ($end lt $begin ? 86400 : 0);
}

sub seconds {
	my ($h, $m, $s, $ms) = split /[:,]/, $_[0];
	return $h * 3600 + $m * 60 + $s + $ms / 1000;
}

# fail2ban's times must be of today: it forgets older failures.
sub fail2ban_rate { # ID KIND REGEX DATE SENTINEL-LINE PROVCTL-RATE
	my ($id, $kind, $regex, $date, $line, $rate) = @_;
	if (!has_tool('fail2ban-server')) {
		print "  fail2ban is not here\n";
		return;
	}
	my $lines = $is{lines} < 100_000 ? $is{lines} : 100_000;
	my $start = int(time - $lines / 28 - 60);
	my $log = make_log("fail2ban.log", $kind, $lines, $is{phones}, 2, ($start - 1795341600) / 86400);
	open my $file, '>>', $log or die "$log: $!\n";
	print $file $line->($start + int($lines / 28));
	close $file;
	my $took = fail2ban($log, $regex, $date, '45.0.0.1');
	figure("$id.fail2ban", "fail2ban, $lines lines", $lines / $took, 'lines/s');
	figure("$id.x_fail2ban", 'provctl, x fail2ban', $rate * $took / $lines, 'x', 'at least', 150);
}

# ---- scenarios ----

my @scenarios;
sub scenario { push @scenarios, [@_] }

sub web_log {
	my $log = "$folder/kept.web.log";
	return -e $log ? $log : make_log('kept.web.log', 'web', $is{lines}, $is{phones}, 2, 1);
}

# So many phones, locked to their homes, each of which has fetched its configuration the day before: what there is of it the first time is known.
sub settled { # PHONES
	my ($phones) = @_;
	my $import = fresh($phones);
	my $log = make_log('first.log', 'first', $phones, $phones, 1, 0);
	configure(sources => [[$log, 'combined']]);
	provctl('analyze');
	unlink $log;
	return $import;
}

# The state that most scenarios begin with: PHONES phones.
my $known;
sub known {
	return 'known' if $known;
	settled($is{phones});
	keep('known');
	$known = 1;
	return 'known';
}

scenario('web', sub {
	section("Provisioning log, @{[lines_text($is{lines})]} lines, @{[lines_text($is{phones})]} phones known");
	my ($m, $grep) = throughput('web', web_log(), 'combined', $web_pattern, known());
	figure('web.wc', 'wc -l, wall time', yardstick('wc', '-l', web_log())->{wall}, 's');
	figure('web.grep.wall', 'grep -cP, wall time', $grep->{wall}, 's');
	provctl_cost('provctl', 'web', $m, $is{lines}, $grep);
	fail2ban_rate('web', 'web', '^<HOST> \S+ \S+\s+"GET \S*/(?:\w+-)?(?:cfg)?[0-9A-Fa-f]{12}[^ /]* HTTP/[\d.]+" (?:403|404|410) ',
		'\[%%d/%%b/%%Y:%%H:%%M:%%S %%z\]', sub {
			POSIX::strftime("45.0.0.1 - - [%d/%b/%Y:%H:%M:%S +0000] \"GET /p/805ec0000001.cfg HTTP/1.1\" 404 153 \"-\" \"-\"\n", gmtime $_[0])
		}, rate($m, $is{lines}));
});

scenario('secret', sub {
	section("The same where phones poll through secret folders");
	my %secret = (more => "urls: {secret: ['/p/([0-9a-f]{16})/']}");
	my $log = make_log('secret.log', 'secret', $is{lines}, $is{phones}, 1, 0);
	put_back(known());
	configure(sources => [[$log, 'combined']], %secret);
	provctl('analyze'); # the folders are learnt
	keep('secret');
	$log = make_log('secret.log', 'secret', $is{lines}, $is{phones}, 2, 1);
	my ($m, $grep) = throughput('secret', $log, 'combined', $web_pattern, 'secret', %secret);
	provctl_cost('provctl', 'secret', $m, $is{lines}, $grep);
	unlink $log;
	remove_tree("$folder/kept.secret");
});

scenario('new', sub {
	section("The same where all phones are new");
	fresh();
	mkdir "$folder/$_" for 'state', 'publish';
	keep('empty');
	my ($m, $grep) = throughput('new', web_log(), 'combined', $web_pattern, 'empty');
	provctl_cost('provctl', 'new', $m, $is{lines});
	figure('new.x_grep', 'provctl, x grep -cP', $m->{wall} / $grep->{wall}, 'x');
	my $log = make_log('first.log', 'first', $is{phones}, $is{phones}, 1, 1);
	($m) = throughput('first', $log, 'combined', '', 'empty');
	figure('first.cpu', 'every line a new phone, CPU time a line', cpu_us($m, $is{phones}), 'us');
	figure('first.rate', 'every line a new phone', rate($m, $is{phones}), 'lines/s');
	unlink $log;
});

scenario('sip', sub {
	section("SIP logs, @{[lines_text($is{lines})]} lines, 10 % failures");
	my $log = make_log('sip.log', 'asterisk', $is{lines}, $is{phones}, 1, 0);
	put_back(known());
	configure(sources => [[$log, 'asterisk']]);
	provctl('analyze'); # all have registered
	keep('sip');
	$log = make_log('sip.log', 'asterisk', $is{lines}, $is{phones}, 2, 1);
	my ($m, $grep) = throughput('sip', $log, 'asterisk', $sip_pattern, 'sip');
	figure('sip.wc', 'wc -l, wall time', yardstick('wc', '-l', $log)->{wall}, 's');
	figure('sip.grep.wall', 'grep -cP of three alternatives, wall time', $grep->{wall}, 's');
	provctl_cost('Asterisk', 'sip', $m, $is{lines}, $grep);
	fail2ban_rate('sip', 'asterisk', "$sip_pattern.*RemoteAddress=\"IPV[46]/[A-Z]+/<HOST>/\\d+\"", '^\[%%Y-%%m-%%d %%H:%%M:%%S\]', sub {
		POSIX::strftime("[%Y-%m-%d %H:%M:%S] SECURITY[1] res_security_log.c: SecurityEvent=\"InvalidAccountID\",RemoteAddress=\"IPV4/UDP/45.0.0.1/5060\"\n",
			gmtime $_[0])
	}, rate($m, $is{lines}));
	for (['kamailio', 'syslog', 'Kamailio'], ['freeswitch', 'freeswitch', 'FreeSWITCH']) {
		my ($kind, $format, $name) = @$_;
		$log = make_log('sip.log', $kind, $is{lines}, $is{phones}, 2, 1);
		($m) = throughput($kind, $log, $format, '', 'sip');
		figure("$kind.rate", "$name, lines a second", rate($m, $is{lines}), 'lines/s');
		figure("$kind.cpu", "$name, CPU time a line", cpu_us($m, $is{lines}), 'us');
	}
	unlink $log;
	remove_tree("$folder/kept.sip");
});

sub spread {
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[-1] / $sorted[0];
}

scenario('lines', sub {
	section('Cost against lines');
	my @sizes = map { int($is{lines} * $_) } 0.1, 0.3, 1, 3, $is{full} ? (10, 20) : ();
	my (%cost, %beyond, $log);
	for my $n (@sizes) {
		$log = make_log('lines.log', 'web', $n, $is{phones}, 3, 1);
		my ($m, $grep) = throughput("lines", $log, 'combined', $web_pattern, known());
		my $nothing = timed_median($is{runs}, undef, sub { provctl('analyze') });
		$cost{$n} = $m->{wall} * 1e6 / $n;
		$beyond{$n} = ($m->{wall} - $nothing->{wall}) * 1e6 / $n;
		figure("lines.$n", lines_text($n) . ' lines, wall time a line', $cost{$n}, 'us');
		figure("lines.beyond.$n", '  without that of a pass over nothing new', $beyond{$n}, 'us');
		point('lines', 'provctl', $n, $cost{$n});
		point('lines', 'grep -cP', $n, $grep->{wall} * 1e6 / $n);
	}
	unlink $log;
	figure('lines.spread', 'dearest to cheapest line, x', spread(values %cost), 'x', 'at most', 1.1);
	# Logs so short that noise is all they take have no ratio.
	figure('lines.beyond', '  without passes over nothing new, x', spread(values %beyond), 'x', 'at most', 1.1) unless grep { $_ <= 0 } values %beyond;
});

# Rules as somebody adds them for phones that provctl does not know: most look at the file's name, some at the path or the agent; some are for SIP servers.
sub more_rules { # N
	my ($n) = @_;
	my $yaml = "rules:\n";
	for my $i (1 .. $n) {
		my @where = (
			"{method: [GET], file: '^brand$i-(?<mac>[0-9A-Fa-f]{12})\\.(?:cfg|xml)\$'}",
			"{method: [GET], file: '^(?<mac>[0-9A-Fa-f]{12})-b$i\\.dat\$'}",
			"{method: [GET], path: '^/brand$i/', file: '^(?<mac>[0-9A-Fa-f]{12})\\.bin\$'}",
			"{method: [GET], agent: '^Brand$i [0-9.]+ (?<mac>[0-9A-Fa-f]{12})\$', file: '^settings\\.json\$'}",
		);
		$yaml .= $i % 5
			? "  - {id: bench.$i, format: [combined], event: provision, where: $where[$i % 5 - 1], samples: [{line: '-', expect: none}]}\n"
			: "  - {id: bench.$i, format: [asterisk], event: sip.refused, where: {level: [NOTICE], message: '^Brand$i: (?<ip>[0-9.]+) refused\$'}, samples: [{line: '-', expect: none}]}\n";
	}
	spit("$folder/more.yaml", $yaml);
	return "$folder/more.yaml";
}

scenario('rules', sub {
	section('Cost against rules');
	my %cost;
	for my $n (0, 50, 100, 200) {
		my ($m) = throughput('rules', web_log(), 'combined', '', known(), rules => ["$is{top}/rules", $n ? more_rules($n) : ()]);
		$cost{$n} = $m->{wall} * 1e6 / $is{lines};
		figure("rules.$n", $n ? "$n rules more, wall time a line" : 'shipped rules, wall time a line', $cost{$n}, 'us');
		point('rules', 'provctl', $n, $cost{$n});
	}
	figure('rules.spread', 'with 200 more, x', $cost{200} / $cost{0}, 'x', 'at most', 1.2);
});

# Leaves a state of DEVICES devices behind, which the next scenarios take up.
scenario('devices', sub {
	section('Cost against devices');
	my %cost;
	my @sizes = map { int($is{devices} / $_) || 1 } 1000, 100, 10, 1;
	for my $n (@sizes) {
		my $import = settled($n);
		keep('devices');
		my $log = make_log('devices.log', 'web', $is{lines}, $n, 4, 1);
		my ($m) = throughput('devices', $log, 'combined', '', 'devices');
		$cost{$n} = $m->{wall} * 1e6 / $is{lines};
		figure("devices.$n", lines_text($n) . ' devices, wall time a line', $cost{$n}, 'us');
		point('devices', 'provctl', $n, $cost{$n});
		if ($n == $is{devices}) {
			figure('devices.peak', '  prov-enforcer, peak memory', peak_mib($m, 'prov-enforcer'), 'MiB', 'under', 96);
			figure('import.rate', '  provctl import', $n / $import->{wall}, 'devices/s');
			figure('import.peak', '  provctl import, peak memory of prov-enforcer', peak_mib($import, 'prov-enforcer'), 'MiB');
		}
		unlink $log;
	}
	figure('devices.spread', 'most to least devices, x', $cost{$sizes[-1]} / $cost{$sizes[0]}, 'x', 'at most', 2);
});

# DEVICES devices and BANS bans: by a line of an SBC each, a day that still lasts.
my $crowded;
sub crowded {
	return 'crowded' if $crowded;
	if (-d "$folder/kept.devices") {
		put_back('devices');
		remove_tree("$folder/kept.devices");
	} else {
		fresh($is{devices});
	}
	scan_bans($is{bans});
	keep('crowded');
	$crowded = 1;
	return 'crowded';
}

sub scan_bans { # N
	my ($n) = @_;
	my $log = make_log('scan.log', 'scan', $n, $is{phones}, 1, 18.9);
	configure(sources => [[$log, 'syslog']]);
	my $m = provctl('analyze');
	unlink $log;
	return $m;
}

scenario('nothing', sub {
	section("Nothing new, @{[lines_text($is{devices})]} devices, @{[lines_text($is{bans})]} bans");
	put_back(crowded());
	configure(sources => [[web_log(), 'combined']], firewall => $is{network} ? 'nftables' : 'none');
	provctl('analyze');
	my $m = timed_median(2 * $is{runs} + 1, undef, sub { provctl('analyze') });
	figure('nothing.wall', 'provctl analyze, wall time', $m->{wall} * 1000, 'ms', 'under', 50);
	my $sum = 0;
	for my $name ('provctl', 'prov-analyzer', 'prov-enforcer') {
		my $p = $m->{processes}{$name};
		# provctl's own peak is not told apart from its children's: it is the least of the three.
		figure("nothing.$name.peak", "  $name, peak memory", peak_mib($m, $name), 'MiB', 'under', 32) if $name ne 'provctl';
		figure("nothing.$name.cpu", "  $name, CPU time", ($p->{user} + $p->{system}) * 1000, 'ms') if $name ne 'provctl';
		$sum += peak_mib($m, $name) if $name ne 'provctl';
	}
	figure('nothing.peak', '  both together, peak memory', $sum, 'MiB', 'under', 32);
});

scenario('change', sub {
	section("One device's change, @{[lines_text($is{devices})]} devices in 256 files");
	put_back(crowded());
	configure();
	my $pid = daemon("$is{bin}/prov-enforcer", '-c', "$folder/provctl.yaml");
	my @macs = some_macs($is{devices}, 20);
	my (@file, @verb, @bytes);
	provctl('unlock', shift @macs);
	for my $mac (@macs) {
		my $shard = "$folder/publish/lockstate/" . substr $mac, -2;
		my $before = (stat $shard)[1];
		my $written = bytes_written($pid);
		my $begin = time;
		my $child = fork // die "fork: $!\n";
		if ($child == 0) {
			$ENV{PROVCTL_CLOCK} = "\@$is{clock}";
			open STDOUT, '>', '/dev/null';
			exec "$is{bin}/provctl", '-c', "$folder/provctl.yaml", 'unlock', $mac;
		}
		wait_for("$mac in its file", 30, sub { ((stat $shard)[1] // 0) != $before });
		push @file, (time - $begin) * 1000;
		waitpid $child, 0;
		die "bench: unlock $mac failed\n" if $?;
		push @verb, (time - $begin) * 1000;
		push @bytes, (bytes_written($pid) - $written) / 1e6;
	}
	end_process($pid);
	figure('change.file', 'to the file, median of ' . @file, median(@file), 'ms');
	figure('change.file.max', 'to the file, longest', percentile(100, @file), 'ms', 'under', 50);
	figure('change.verb', 'the whole of provctl unlock, median', median(@verb), 'ms');
	figure('change.bytes', 'written for it, all files, most', percentile(100, @bytes), 'MB', 'under', 1);
});

# What a process handed to write calls: the state's journal, the files, the sockets.
sub bytes_written {
	my ($pid) = @_;
	return slurp("/proc/$pid/io") =~ /^wchar: (\d+)$/m ? $1 : die "no /proc/$pid/io\n";
}

sub some_macs { # PHONES N
	my ($phones, $n) = @_;
	my @macs;
	open my $csv, '-|', "$is{bin}/tests/bench/logs", 'csv', $phones or die "logs: $!\n";
	<$csv>;
	my $step = int($phones / $n) || 1;
	while (<$csv>) {
		push @macs, (split /,/)[0] if $. % $step == 1 % $step && @macs < $n;
	}
	close $csv;
	return @macs;
}

scenario('attack', sub {
	section("An attack of @{[lines_text($is{attack})]} addresses on as many MACs, @{[lines_text($is{devices})]} devices, @{[lines_text($is{bans})]} bans");
	put_back(crowded());
	my $log = make_log('attack.log', 'attack', $is{attack}, $is{phones}, 1, 2);
	configure(sources => [[$log, 'combined']], firewall => $is{network} ? 'nftables' : 'none');
	my $m = provctl('analyze');
	unlink $log;
	figure('attack.rate', 'lines a second', rate($m, $is{attack}), 'lines/s');
	figure('attack.analyzer.peak', 'prov-analyzer, peak memory', peak_mib($m, 'prov-analyzer'), 'MiB', 'under', 16);
	figure('attack.enforcer.peak', 'prov-enforcer, peak memory', peak_mib($m, 'prov-enforcer'), 'MiB', 'under', 96);
});

# User and system time of a process so far, seconds.
sub cpu_of { # PID
	my ($pid) = @_;
	my ($user, $system) = slurp("/proc/$pid/stat") =~ /\) (?:\S+ ){11}(\d+) (\d+)/ or die "no /proc/$pid/stat\n";
	return ($user + $system) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

scenario('verdict', sub {
	section("Verdicts for a web server's auth_request, @{[lines_text($is{phones})]} devices in 256 files");
	put_back(known());
	configure(more => 'portal: {listen: ["127.0.0.1:8443"]}');
	my $enforcer = daemon("$is{bin}/prov-enforcer", '-c', "$folder/provctl.yaml");
	provctl('token', 'add', '--role', 'verdict');
	rename "$folder/out", "$folder/token" or die "token: $!\n";
	my $portal = spawn("$is{bin}/prov-portal", '-c', "$folder/provctl.yaml", '--data', "$is{top}/portal");
	wait_for('the portal', 30, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 8443) });
	my $begun = cpu_of($portal);
	my $seconds = scaled(5, 1);
	open my $client, '-|', $^X, "$is{top}/tests/bench/verdict.pl", '127.0.0.1', 8443, 16, $seconds, "$folder/token", some_macs($is{phones}, 1000)
		or die "verdict.pl: $!\n";
	my @took = map { chomp; $_ } <$client>;
	close $client or die "bench: verdict.pl failed\n";
	my $spent = cpu_of($portal) - $begun;
	end_process($_) for $portal, $enforcer;
	figure('verdict.rate', 'verdicts a second, 16 connections', @took / $seconds, '1/s');
	figure('verdict.p50', '  median', percentile(50, @took), 'ms');
	figure('verdict.p99', '  p99', percentile(99, @took), 'ms');
	figure('verdict.cpu', '  CPU time of prov-portal', $spent * 1e6 / @took, 'us');
});

scenario('listing', sub {
	section("Lists of @{[lines_text($is{phones})]} devices and @{[lines_text($is{bans})]} bans");
	remove_tree("$folder/kept.crowded");
	$crowded = 0;
	put_back(known());
	scan_bans($is{bans});
	for my $verb ('list', 'bans') {
		my $m = timed_median($is{runs}, undef, sub { provctl($verb) });
		my $count = () = slurp("$folder/out") =~ /\n/g;
		figure("$verb.wall", "provctl $verb, $count lines, wall time", $m->{wall}, 's', 'under', 0.5);
		figure("$verb.peak", '  peak memory of the larger process', peak_mib($m, 'provctl'), 'MiB');
	}
});

scenario('bans', sub {
	section('Bans from the state into the kernel');
	if (!$is{network}) {
		print "  not measured: needs root, nft and network namespaces\n";
		return;
	}
	my ($m, $nft);
	for my $n (map { int($is{bans} / $_) || 1 } 100, 10, 1) {
		fresh();
		my $scan = scan_bans($n);
		figure("bans.decided.$n", lines_text($n) . ' bans decided and kept, bans a second', $n / $scan->{wall}, 'bans/s');
		# What a reboot leaves: the table is gone, a pass over nothing new brings it back.
		spit("$folder/empty.log", '');
		configure(sources => [["$folder/empty.log", 'combined']], firewall => 'nftables');
		$m = timed_median($is{runs}, sub { system 'nft', 'flush', 'ruleset' }, sub { provctl('analyze') });
		system("nft list ruleset >'$folder/ruleset'") == 0 or die "nft list ruleset failed\n";
		my $there = () = slurp("$folder/ruleset") =~ /expires/g;
		die "bench: $there of $n bans are in the kernel\n" if $there < $n;
		$nft = timed_median($is{runs}, sub { system 'nft', 'flush', 'ruleset' }, sub { yardstick('nft', '-f', "$folder/ruleset") });
		figure("bans.$n", '  provctl analyze, wall time', $m->{wall}, 's');
		figure("bans.nft.$n", '  nft -f, wall time', $nft->{wall}, 's');
		point('bans', 'provctl analyze', $n, $m->{wall});
		point('bans', 'nft -f', $n, $nft->{wall});
	}
	figure('bans.wall', 'the most, wall time', $m->{wall}, 's', 'under', 0.5);
	figure('bans.x_nft', 'the most, x nft -f', $m->{wall} / $nft->{wall}, 'x', 'under', 1);
	system 'nft', 'flush', 'ruleset';
});

# ---- following ----

sub analyzer_of { # PID: of the analyzer that a process has started
	my ($pid) = @_;
	my $found;
	wait_for('prov-analyzer', 60, sub {
		for (split ' ', slurp("/proc/$pid/task/$pid/children")) {
			$found = $_ if slurp("/proc/$_/comm") eq "prov-analyzer\n";
		}
		return $found;
	});
	return $found;
}

sub bytes_read {
	my ($pid) = @_;
	open my $file, '<', "/proc/$pid/io" or return;
	local $/;
	return <$file> =~ /^rchar: (\d+)$/m ? $1 : undef;
}

# A client in a namespace of its own, joined to ours by a wire: the pid that stands for it.
sub client {
	my (@addresses) = @_;
	my $pid = spawn('unshare', '-n', 'sleep', '3600');
	my $ours = readlink "/proc/$$/ns/net";
	wait_for('a namespace', 10, sub { (readlink("/proc/$pid/ns/net") // $ours) ne $ours });
	my @ip = ('nsenter', '-t', $pid, '-n', 'ip');
	system('ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', $pid) == 0 or die "bench: no veth\n";
	system('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'wire');
	system('ip', 'link', 'set', 'wire', 'up');
	system(@ip, 'address', 'add', '192.0.2.2/24', 'dev', 'wire');
	system(@ip, 'link', 'set', 'wire', 'up');
	spit("$folder/addresses", join '', map { "address add $_/32 dev wire\n" } @addresses);
	system(@ip, '-batch', "$folder/addresses");
	system('ip', 'route', 'add', '198.18.0.0/15', 'dev', 'wire');
	return $pid;
}

sub latency { # ID NAME LOG CLIENT QUIET PID SIZE ADDRESSES
	my ($id, $name, $log, $client, $quiet, $pid, $size, @addresses) = @_;
	open my $probe, '-|', 'nsenter', '-t', $client, '-n', $^X, "$is{top}/tests/bench/latency.pl", 'probe', $log, $is{clock}, '192.0.2.1', 5060, $quiet, $pid, $size,
		@addresses or die "latency.pl: $!\n";
	my @took = map { chomp; $_ } <$probe>;
	close $probe or die "bench: latency.pl failed\n";
	if (!@took) {
		print "  $name: the backlog was read before a line could be tried: give a larger BACKLOG\n";
		return;
	}
	figure("$id.p50", "$name, median of " . @took, percentile(50, @took), 'ms');
	figure("$id.p99", "$name, p99", percentile(99, @took), 'ms', 'under', 20);
}

scenario('follow', sub {
	section("One line to a dropped packet, @{[lines_text($is{phones})]} devices");
	if (!$is{network}) {
		print "  not measured: needs root, nft and network namespaces\n";
		return;
	}
	my @addresses = map { sprintf '198.%d.%d.%d', 18 + int($_ / 50000), $_ / 200 % 250, $_ % 200 + 1 } 1 .. 2 * $is{rounds};
	my $client = client(@addresses);
	my $server = spawn($^X, "$is{top}/tests/bench/latency.pl", 'serve', '192.0.2.1', 5060);
	put_back(known());
	spit("$folder/kamailio.log", '');
	spit("$folder/backlog.log", '');
	configure(sources => [["$folder/backlog.log", 'combined'], ["$folder/kamailio.log", 'syslog']], firewall => 'nftables');
	my $follow = daemon("$is{bin}/provctl", '-c', "$folder/provctl.yaml", 'analyze', '--follow');
	my $analyzer = analyzer_of($follow);
	latency('idle', 'idle', "$folder/kamailio.log", $client, 0.1, 0, 0, @addresses[0 .. $is{rounds} - 1]);

	# The backlog appears whole. Tried until it is read.
	make_log('backlog.new', 'web', $is{backlog}, $is{phones}, 5, 1);
	warm("$folder/backlog.new");
	my $size = -s "$folder/backlog.new";
	my $began = bytes_read($analyzer) // 0;
	rename "$folder/backlog.new", "$folder/backlog.log" or die "backlog.log: $!\n";
	wait_for('the backlog is being read', 60, sub { (bytes_read($analyzer) // 0) > $began });
	latency('backlog', 'while ' . lines_text($is{backlog}) . ' lines are read', "$folder/kamailio.log", $client, 0.25, $analyzer, $began + $size,
		@addresses[$is{rounds} .. $#addresses]);
	end_process($_) for $follow, $server, $client;
	system 'nft', 'flush', 'ruleset';

	section("unlock while @{[lines_text($is{backlog})]} lines are read");
	put_back(known());
	$follow = daemon("$is{bin}/provctl", '-c', "$folder/provctl.yaml", 'analyze', '--follow');
	$analyzer = analyzer_of($follow);
	# Configuration and rules are less than a million bytes; a tiny backlog is not waited for.
	wait_for('the backlog is being read', 60, sub { $size < 4e6 || (bytes_read($analyzer) // 0) > 1e6 });
	my @took;
	for my $mac (some_macs($is{phones}, $is{rounds})) {
		my $m = provctl('unlock', $mac);
		last if (bytes_read($analyzer) // $size) >= $size;
		push @took, $m->{wall} * 1000;
	}
	end_process($follow);
	unlink "$folder/backlog.log";
	if (!@took) {
		print "  the backlog was read before one could be measured: give a larger BACKLOG\n";
		return;
	}
	figure('unlock.p50', 'provctl unlock, median of ' . @took, percentile(50, @took), 'ms');
	figure('unlock.p99', 'provctl unlock, p99', percentile(99, @took), 'ms', 'under', 20);
});

# ---- all of them ----

my $only = $ENV{ONLY} // '';
my @failed;
$| = 1;
print 'provctl bench: ', join(', ', map { "$_ $is{$_}" } qw(lines phones devices bans backlog attack rounds runs)), "; state on $is{system}\n";
for (@scenarios) {
	my ($name, $code) = @$_;
	next if $name !~ /$only/;
	tidy();
	next if eval { $code->(); 1 };
	print "  failed: $@";
	push @failed, $name;
}
exit finish(@failed);
