# What the scenarios of bench.pl share: where things are, commands that are measured, configurations, states that are kept and put back, and the
# figures that become a table, bench.json and plots.
package Bench;
use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(strftime);
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(%is $folder section figure target point measure yardstick provctl timed_median configure fresh keep put_back make_log
	warm slurp spit has_tool spawn daemon end_process wait_for tidy peak_mib cpu_us rate median percentile scaled lines_text finish);

$ENV{LC_ALL} = 'C';
my $top = $ENV{top_srcdir} // '.';
my $bin = $ENV{top_builddir} // '.';

sub number_of { # NAME DEFAULT
	my ($name, $default) = @_;
	my $value = $ENV{$name} // '';
	return $default if $value eq '';
	die "$name=$value: not a number above 0\n" if $value !~ /^[1-9][0-9]{0,9}$/;
	return 0 + $value;
}

# The size of everything follows from LINES, so that a tiny run is tiny in all.
our %is = (lines => number_of('LINES', 1_000_000), full => ($ENV{FULL} // '') ne '', network => ($ENV{NETWORK} // '') ne ''); # network: we are in namespaces of our own, as root
my $scale = $is{lines} < 1_000_000 ? $is{lines} / 1_000_000 : 1;

sub scaled { # NUMBER LEAST: of a number for a million lines and more
	my ($number, $least) = @_;
	my $n = int($number * $scale);
	return $n < $least ? $least : $n;
}
%is = (
	%is,
	phones => number_of('PHONES', scaled(100_000, 100)),
	devices => number_of('DEVICES', scaled(1_000_000, 1000)),
	bans => number_of('BANS', scaled(100_000, 100)),
	backlog => number_of('BACKLOG', scaled(10_000_000, 10_000)),
	attack => number_of('ATTACK', scaled($is{full} ? 10_000_000 : 1_000_000, 1000)),
	rounds => number_of('ROUNDS', scaled(200, 10)),
	runs => number_of('RUNS', 3),
	top => $top,
	bin => $bin,
	clock => 1797000000, # behind all logs
);
# Two cores for provctl's two programs, one for a yardstick.
my @cpus = do {
	my ($list) = slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\S+)/m;
	map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list;
};
$is{cpus} = join ',', @cpus > 1 ? @cpus[0, 1] : @cpus;
$is{cpu} = $cpus[-1];

my %children; # that are ended with us

# Beside the state, so that it is on a disk as the state of an installation is.
our $folder = tempdir('provctl-bench.XXXXXX', DIR => $ENV{TMPDIR} // '/var/tmp', CLEANUP => 1);
($is{system}) = `df --output=fstype '$folder'` =~ /\n(\S+)/ or die "bench: what is $folder on?\n";
die "bench: $folder is on $is{system}, which keeps nothing: a state costs nothing there. Set TMPDIR to a folder on a disk\n"
	if $is{system} =~ /^(?:tmpfs|ramfs)$/;
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

# The largest log, the states of the most devices (as they are, and as they are kept for the next scenario), and some room. A byte count is what
# was measured, and half as much again.
sub bytes_needed {
	my ($most) = sort { $b <=> $a } $is{lines} * ($is{full} ? 20 : 3), $is{backlog}, $is{attack};
	return 250 * ($most + $is{lines}) + 3 * 2000 * $is{devices} + (512 << 20);
}

{
	my ($free) = `df --output=avail -B1 '$folder'` =~ /\n\s*(\d+)/ or die "bench: how much room is in $folder?\n";
	die sprintf "bench: %.1f GB are free in %s, and %.1f GB may be needed: set TMPDIR to a folder with more room, or LINES lower\n", $free / 1e9, $folder, bytes_needed() / 1e9
		if $free < bytes_needed();
}

# ---- files ----

# What a scenario leaves behind, for itself or because it failed, is nobody else's: programs that run, files, a table. Only what was kept stays.
sub tidy {
	end_process($_) for keys %children;
	remove_tree(grep { !m{/kept\.[^/]*$} } glob "$folder/* $folder/.[!.]*");
	flush_firewall();
}

sub slurp {
	my ($path) = @_;
	open my $file, '<', $path or die "$path: $!\n";
	local $/;
	my $text = <$file>;
	return $text // '';
}

sub spit { # PATH TEXT
	my ($path, $text) = @_;
	open my $file, '>', $path or die "$path: $!\n";
	print $file $text or die "$path: $!\n";
	close $file or die "$path: $!\n";
}

sub warm { # FILE...: into the page cache
	for (@_) {
		open my $file, '<', $_ or die "$_: $!\n";
		1 while sysread $file, my $bytes, 1 << 20;
	}
}

sub has_tool {
	my ($name) = @_;
	return scalar grep { -x "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
}

# A log of tests/bench/logs: its path.
sub make_log { # NAME KIND LINES [PHONES [SEED [DAY]]]
	my ($name, $kind, $lines, $phones, $seed, $day) = @_;
	my $start = 1795341600 + ($day // 0) * 86400;
	$phones //= $is{phones};
	$seed //= 1;
	system("$bin/tests/bench/logs $kind $lines $phones $seed $start >'$folder/$name'") == 0 or die "bench: logs $kind $lines failed\n";
	return "$folder/$name";
}

# ---- commands ----

# What tests/bench/measure tells of a command, whose output goes to $folder/out.
sub measure { # CPUS COMMAND...
	my ($cpus, @command) = @_;
	open my $err, '>', "$folder/err" or die "err: $!\n";
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0) {
		open STDERR, '>&', $err;
		exec "$bin/tests/bench/measure", '-c', $cpus, '-o', "$folder/out", @command;
		die "measure: $!\n";
	}
	$children{$pid} = 1;
	waitpid $pid, 0;
	delete $children{$pid};
	my @said = split /\n/, slurp("$folder/err");
	my $told = pop @said // '';
	my $m = eval { decode_json($told) } or die "bench: @command: @said $told\n";
	$m->{cpu} = $m->{user} + $m->{system};
	$m->{said} = join "\n", @said;
	return $m;
}

sub yardstick { # COMMAND...: pinned to one core; 1 is grep's "nothing found"
	my $m = measure($is{cpu}, @_);
	die "bench: @_: $m->{said}\n" if $m->{status} > 1;
	return $m;
}

sub provctl { # VERB...
	local $ENV{PROVCTL_CLOCK} = "\@$is{clock}";
	my $m = measure($is{cpus}, "$bin/provctl", '-c', "$folder/provctl.yaml", @_);
	die "bench: provctl @_: exit $m->{status}: $m->{said}\n" if $m->{status} > 1;
	return $m;
}

sub spawn { # COMMAND...: in the background, pinned; its pid
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0) {
		$ENV{PROVCTL_CLOCK} = "\@$is{clock}" if $_[0] =~ /prov/;
		open STDOUT, '>>', "$folder/background";
		open STDERR, '>&', \*STDOUT;
		exec 'taskset', '-c', $is{cpus}, @_;
		die "$_[0]: $!\n";
	}
	$children{$pid} = 1;
	return $pid;
}

sub daemon { # COMMAND...: as a service manager starts it, until it says that it is ready; its pid
	unlink "$folder/notify";
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$folder/notify") or die "notify: $!\n";
	local $ENV{NOTIFY_SOCKET} = "$folder/notify";
	my $pid = spawn(@_);
	$socket->blocking(0);
	wait_for("$_[0] @_[3 .. $#_]", 120, sub {
		my $said;
		return defined $socket->recv($said, 4096) && $said =~ /READY=1/;
	});
	return $pid;
}

sub end_process { # PID
	my ($pid) = @_;
	return if !delete $children{$pid};
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

sub wait_for { # WHAT SECONDS CODE: until it is true
	my ($what, $seconds, $code) = @_;
	my $end = time + $seconds;
	until ($code->()) {
		die "bench: $what: not within $seconds s: ", substr(slurp("$folder/background"), -500), "\n" if time > $end;
		sleep 0.001;
	}
}

END {
	my $status = $?;
	end_process($_) for keys %children;
	$? = $status;
}

# The run whose wall time is in the middle; BEFORE is done before each, unmeasured.
sub timed_median { # RUNS BEFORE CODE
	my ($runs, $before, $code) = @_;
	my @runs;
	for (1 .. $runs) {
		$before->() if $before;
		push @runs, $code->();
	}
	return (sort { $a->{wall} <=> $b->{wall} } @runs)[int(@runs / 2)];
}

# ---- configurations and states ----

# The configuration as shipped but for where things are, and for who runs: nobody else can read what root makes here; LOG and FORMAT of one source, or a list of them.
sub configure { # {sources => [[LOG, FORMAT]...], rules => [...], firewall => nftables|none, more => YAML}
	my %c = (rules => ["$top/rules"], firewall => 'none', more => '', sources => [], @_);
	my $sources = join ', ', map { "{path: $_->[0], format: $_->[1], account: acct1}" } @{$c{sources}};
	spit("$folder/provctl.yaml", <<~YAML);
		state: $folder/state
		lockstate: {path: $folder/publish/lockstate, group: "", shards: 256}
		rules: [@{[join ', ', @{$c{rules}}]}]
		firewall: {backend: $c{firewall}, bans_per_minute: 1000000}
		sources: [$sources]
		@{[$> == 0 ? 'users: {enforcer: root, analyzer: root, portal: root}' : '']}
		$c{more}
		YAML
}

sub flush_firewall {
	system('nft', 'flush', 'ruleset') if $is{network};
}

# An empty state, with the first so many phones of tests/bench/logs in it.
sub fresh { # PHONES
	my ($phones) = @_;
	remove_tree("$folder/state", "$folder/publish");
	flush_firewall();
	return if !$phones;
	make_log('phones.csv', 'csv', $phones);
	configure();
	my $m = provctl('import', "$folder/phones.csv");
	unlink "$folder/phones.csv";
	return $m;
}

sub keep { # NAME
	my ($name) = @_;
	remove_tree("$folder/kept.$name");
	make_path("$folder/kept.$name");
	system('cp', '-a', "$folder/state", "$folder/publish", "$folder/kept.$name") == 0 or die "bench: no room for a copy of the state\n";
}

sub put_back { # NAME
	my ($name) = @_;
	remove_tree("$folder/state", "$folder/publish");
	flush_firewall();
	system('cp', '-a', "$folder/kept.$name/state", "$folder/kept.$name/publish", $folder) == 0 or die "bench: no room for a state\n";
	system('sync', '-f', $folder);
}

# ---- figures ----

my $title = '';
my @figures;
my %series;
my %counts = (met => 0, missed => 0);

sub section {
	($title) = @_;
	print "\n$title\n";
}

sub number_text {
	my ($value) = @_;
	return '-' if !defined $value;
	my $text = abs($value) >= 1000 ? sprintf('%.0f', $value) : abs($value) >= 100 ? sprintf('%.1f', $value) : sprintf('%.3f', $value);
	1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
	return $text;
}

sub lines_text {
	my ($n) = @_;
	return $n >= 1_000_000 ? $n / 1_000_000 . ' million' : $n >= 1000 ? $n / 1000 . ' thousand' : $n;
}

# A figure is printed, and kept for bench.json, as it was measured. One with a limit says whether it is met.
sub figure { # ID NAME VALUE UNIT [at most|at least|under|over LIMIT]
	my ($id, $name, $value, $unit, $how, $limit) = @_;
	my %figure = (id => $id, section => $title, name => $name, value => 0 + $value, unit => $unit);
	my $verdict = '';
	if ($how) {
		my $met = $how eq 'at most' ? $value <= $limit : $how eq 'under' ? $value < $limit : $how eq 'at least' ? $value >= $limit : die "$how\n";
		$figure{target} = "$how " . number_text($limit);
		$figure{limit} = 0 + $limit;
		$figure{met} = $met ? JSON::PP::true : JSON::PP::false;
		$counts{$met ? 'met' : 'missed'}++;
		$verdict = sprintf '  %-18s %s', $figure{target}, $met ? 'met' : 'MISSED';
	}
	push @figures, \%figure;
	printf "  %-52s %12s %-10s%s\n", $name, number_text($value), $unit, $verdict;
}

*target = \&figure;

sub point { # PLOT SERIES X Y
	my ($plot, $name, $x, $y) = @_;
	push @{$series{$plot}{$name}}, [0 + $x, 0 + $y];
}

sub peak_mib { # MEASURED NAME
	my ($m, $name) = @_;
	return ($m->{processes}{$name}{peak_kib} // 0) / 1024;
}

sub cpu_us { # MEASURED LINES
	return $_[0]{cpu} * 1e6 / $_[1];
}

sub rate { # MEASURED LINES
	return $_[1] / $_[0]{wall};
}

sub median {
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[int(@sorted / 2)];
}

sub percentile { # P VALUES...
	my $p = shift;
	my @sorted = sort { $a <=> $b } @_;
	my $at = int(@sorted * $p / 100 + 0.5);
	return $sorted[$at < 1 ? 0 : $at > @sorted ? -1 : $at - 1];
}

# Prints the end of the table, writes bench.json; what failed is told again.
sub finish { # FAILED...
	my @failed = @_;
	my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
	my $out = $ENV{OUT} // "$bin/bench";
	my ($kernel) = (POSIX::uname())[2];
	my %report = (
		date => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
		machine => {cpu => $model // 'unknown', cores => 0 + @cpus, kernel => $kernel, state_on => $is{system}},
		settings => {map { $_ => 0 + $is{$_} } qw(lines phones devices bans backlog attack rounds runs)},
		figures => \@figures,
		series => \%series,
		failed => \@failed,
	);
	make_path($out);
	spit("$out/bench.json", JSON::PP->new->canonical->pretty->encode(\%report));
	printf "\n%d targets met, %d missed%s; in %s: bench.json", $counts{met}, $counts{missed}, @failed ? ', not measured: ' . join(', ', @failed) : '', $out;
	system($^X, "$top/tests/bench/plot.pl", "$out/bench.json") == 0 or die "bench: no plots\n";
	print "\n";
	return @failed ? 1 : 0;
}

1;
