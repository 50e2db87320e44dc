#!/usr/bin/perl
# Writes a log of a seeded provisioning server (95 % polls, 4 % common files, 1 % scanners) or SIP server (10 % failures), 20 lines a second.
#
#   logs.pl web|sip LINES PHONES [SEED] >LOG
use strict;
use warnings;
use POSIX qw(strftime);

my ($kind, $lines, $phones, $seed) = @ARGV;
srand($seed // 1);
my $time = 1795341600; # 2026-11-22T10:00:00Z
my @home = map { join '.', 203, int rand 100, int rand 256, 1 + int rand 254 } 1 .. $phones;
my $stamp = '';
for my $i (0 .. $lines - 1) {
	$stamp = strftime($kind eq 'web' ? '%d/%b/%Y:%H:%M:%S +0000' : '%Y-%m-%d %H:%M:%S', gmtime $time + $i / 20) if $i % 20 == 0;
	my $n = int rand $phones;
	my $what = rand 100;
	if ($kind eq 'web') {
		my $mac = sprintf '001565%06x', $n;
		my $agent = 'Yealink SIP-T46S 66.86.0.15 ' . join ':', $mac =~ /../g;
		my ($ip, $file, $status) = $what < 95 ? ($home[$n], "$mac.cfg", 200)
			: $what < 99 ? ($home[$n], 'y000000000028.cfg', 200)
			: ('192.0.2.' . (1 + int rand 250), sprintf('0004f2%06x.cfg', rand 1 << 24), 404);
		print "$ip - - [$stamp] \"GET /p/$file HTTP/1.1\" $status 5123 \"-\" \"", $what < 99 ? $agent : '-', "\"\n";
	} else {
		my $bad = $what < 10;
		my $ip = $bad ? '192.0.2.' . (1 + int rand 250) : $home[$n];
		printf "[%s] SECURITY[100] res_security_log.c: SecurityEvent=\"%s\",EventTV=\"2026-11-22T10:00:00.000+0000\",Severity=\"%s\"," .
			"Service=\"PJSIP\",EventVersion=\"1\",AccountID=\"%d\",SessionID=\"s%d\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\"," .
			"RemoteAddress=\"IPV4/UDP/%s/5060\"%s\n", $stamp, $bad ? 'InvalidAccountID' : 'ChallengeSent',
			$bad ? 'Error' : 'Informational', $n, $i, $ip, $bad ? '' : ',Challenge="41d26de5"';
	}
}
