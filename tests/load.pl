#!/usr/bin/perl
# A bad hour, by a seed: logs are written at a steady rate and followed, while they are rotated, programs are killed, rules reloaded, the firewall
# flushed by others, and phones unlocked and locked. Then everything must agree.
#
#   load.pl PROVCTL CONFIGURATION SECONDS LINES-PER-SECOND SEED FOLDER
#
# Writes FOLDER/web.log and FOLDER/sip.log (rotated ones beside them, none is removed) and prints one JSON object: what was written, what was done, and
# the follower's memory and descriptors on the way.
use strict;
use warnings;
use IO::Handle;
use JSON::PP;
use POSIX qw(strftime :sys_wait_h);
use Time::HiRes qw(time sleep);

my ($provctl, $conf, $seconds, $rate, $seed, $folder) = @ARGV;
srand $seed;
my $phones = 5000;
my @home = map { sprintf '203.%d.%d.%d', 1 + int $_ / 62500, $_ / 250 % 250, 1 + $_ % 250 } 0 .. $phones - 1;
my @macs = map { sprintf '0015650f%04x', $_ } 1 .. 8; # not in the logs: only commands move these
my (%done, @sizes, $lines, $rotations);
$lines = 0;
my %log = map { $_ => undef } qw(web sip);

sub begin { my ($name) = @_; open $log{$name}, '>>', "$folder/$name.log" or die; $log{$name}->autoflush(1); }

sub batch {
	my ($n) = @_;
	my %text = (web => '', sip => '');
	my $now = time;
	my $web = strftime '%d/%b/%Y:%H:%M:%S +0000', gmtime $now;
	my $sip = strftime '%Y-%m-%d %H:%M:%S', gmtime $now;
	for (1 .. $n) {
		my ($k, $what) = (int rand $phones, rand 100);
		$lines++;
		if ($what < 95) {
			$text{web} .= sprintf "%s - - [%s] \"GET /p/001565%06x.cfg HTTP/1.1\" 200 5123 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:%s\"\n",
				$home[$k], $web, $k, join ':', sprintf('%06x', $k) =~ /../g;
		} elsif ($what < 96) {
			$text{web} .= sprintf "192.0.2.%d - - [%s] \"GET /0004f2%06x.cfg HTTP/1.1\" 404 153 \"-\" \"-\"\n", 1 + int rand 200, $web, rand 1 << 24;
		} else {
			$text{sip} .= sprintf '[%s] SECURITY[1] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="%s",Severity="Error",Service="PJSIP",' .
				"EventVersion=\"1\",AccountID=\"%d\",SessionID=\"s%d\",LocalAddress=\"IPV4/TCP/10.9.9.1/5060\",RemoteAddress=\"IPV4/TCP/198.51.100.%d/5060\"," .
				"Challenge=\"1\",ReceivedChallenge=\"1\",ReceivedHash=\"1\"\n", $sip, strftime('%Y-%m-%dT%H:%M:%S.000+0000', gmtime $now), rand 1000, $lines, 1 + int rand 200;
		}
	}
	syswrite $log{$_}, $text{$_} for keys %text;
}

sub run { system("$provctl -c $conf @_ >>$folder/commands.out 2>&1") == 0 }

my $follower = fork // die;
if ($follower == 0) {
	open STDOUT, '>', "$folder/follow.out";
	open STDERR, '>', "$folder/follow.err";
	exec $provctl, '-c', $conf, 'analyze', '--follow' or die;
}

sub first_line {
	my ($path) = @_;
	open my $f, '<', $path or return '';
	return scalar(<$f>) // '';
}

sub children {
	my ($name) = @_;
	return grep { first_line("/proc/$_/comm") =~ /^$name/ } split ' ', first_line("/proc/$follower/task/$follower/children");
}

# Resident kilobytes and descriptors of all three.
sub sizes {
	my %size;
	for my $name ('provctl', 'prov-enforcer', 'prov-analyzer') {
		my ($pid) = $name eq 'provctl' ? ($follower) : children($name);
		next unless $pid;
		open my $f, '<', "/proc/$pid/status" or next;
		my ($rss) = grep { /^VmRSS/ } <$f>;
		next unless $rss;
		opendir my $d, "/proc/$pid/fd" or next;
		$size{$name} = {rss => 0 + ($rss =~ /(\d+)/)[0], fds => scalar(grep { !/^\./ } readdir $d)};
	}
	return \%size;
}

begin($_) for keys %log;
for (1 .. 200) { last if -S "$folder/../state/control.sock"; sleep 0.05 }
# Every phone is known before the hour begins: from here on nothing new is kept but what attackers do.
for my $k (0 .. $phones - 1) {
	$lines++;
	my $at = strftime '%d/%b/%Y:%H:%M:%S +0000', gmtime time;
	syswrite $log{web}, sprintf "%s - - [%s] \"GET /p/001565%06x.cfg HTTP/1.1\" 200 5123 \"-\" \"Yealink SIP-T46S 66.86.0.15 00:15:65:%s\"\n",
		$home[$k], $at, $k, join ':', sprintf('%06x', $k) =~ /../g;
}
run('add', $_, '--account', 'acct9') or die "add" for @macs;

my %actions = (
	rotate => sub {
		my $name = (keys %log)[rand 2];
		rename "$folder/$name.log", sprintf '%s/%s.log-20261122%06d', $folder, $name, ++$rotations;
		begin($name);
	},
	unlock => sub { run('unlock', $macs[rand @macs]) },
	lock => sub { run('lock', $macs[rand @macs]) },
	reload => sub { kill HUP => $follower },
	flush => sub { system 'nft flush ruleset' },
	'kill-analyzer' => sub { kill KILL => children('prov-analyzer') },
	'kill-enforcer' => sub { kill KILL => children('prov-enforcer') },
	'stop-analyzer' => sub { my @p = children('prov-analyzer'); kill STOP => @p; sleep 0.3; kill CONT => @p },
	'stop-enforcer' => sub { my @p = children('prov-enforcer'); kill STOP => @p; sleep 0.3; kill CONT => @p },
);
my $calm = $seconds < 60 ? 1 : $seconds < 600 ? $seconds / 60 : 10; # in an hour something happens every five seconds
my ($start, $written, $next_action, $next_size) = (time, 0, 0.5, $seconds / 4);
while ((my $at = time - $start) < $seconds) {
	my $due = int($at * $rate) - $written;
	$due = 2000 if $due > 2000;
	batch($due), $written += $due if $due > 0;
	if ($at >= $next_action) {
		my @names = sort keys %actions;
		my $name = $names[rand @names];
		$done{$name}++;
		$actions{$name}->();
		$next_action = $at + (0.1 + rand 0.8) * $calm;
	}
	if ($at >= $next_size) {
		push @sizes, sizes();
		$next_size += $seconds / 20;
	}
	sleep 0.005;
}
# All is read when it was counted; the file and the kernel follow within a second or two.
my $counted = 0;
my $patience = time + 60 + $seconds / 10;
while (time < $patience) {
	my $status = eval { decode_json(scalar `$provctl -c $conf status --json 2>/dev/null`) };
	$counted = $status->{sums}{lines} // 0 if $status;
	last if $counted >= $lines && $status;
	sleep 0.3;
}
sleep 3;
push @sizes, sizes();
print JSON::PP->new->canonical->encode({lines => $lines, counted => $counted, rotations => $rotations // 0, done => \%done, sizes => \@sizes}), "\n";
STDOUT->flush;
<STDIN>; # somebody looks at the kernel
kill TERM => $follower;
waitpid $follower, 0;
exit($? >> 8);
