#!/usr/bin/perl
# Writes a day at a provisioning server, the same for the same seed: web.log (combined) and sip.log (Asterisk security events).
#
#   story.pl SEED LINES FOLDER
use strict;
use warnings;
use POSIX qw(strftime);

my ($seed, $lines, $folder) = @ARGV;
srand $seed;
my $time = 1795341600; # 2026-11-22T10:00:00Z
my $phones = 300;
my @home = map { sprintf '203.0.%d.%d', 100 + int(rand 8), 1 + int(rand 200) } 1 .. $phones;
my @scanner = map { "192.0.2.$_" } 10 .. 16;
open my $web, '>', "$folder/web.log" or die "$folder/web.log: $!\n";
open my $sip, '>', "$folder/sip.log" or die "$folder/sip.log: $!\n";

sub mac { sprintf '001565%06x', $_[0] }

sub web {
	my ($ip, $file, $status, $agent) = @_;
	printf $web "%s - - [%s +0000] \"GET /%s HTTP/1.1\" %d 512 \"-\" \"%s\"\n", $ip, strftime('%d/%b/%Y:%H:%M:%S', gmtime $time), $file,
		$status, $agent;
}

sub sip {
	my ($event, $ip, $user, $transport) = @_;
	my $tail = $event eq 'SuccessfulAuth' ? ',UsingPassword="1"'
		: $event eq 'InvalidPassword' ? ',Challenge="41d26de5",ReceivedChallenge="41d26de5",ReceivedHash="5e44"' : '';
	printf $sip '[%s] SECURITY[100] res_security_log.c: SecurityEvent="%s",EventTV="%s.000+0000",Severity="%s",Service="PJSIP",' .
		'EventVersion="1",AccountID="%s",SessionID="s%d",LocalAddress="IPV4/%s/192.0.2.1/5060",RemoteAddress="IPV4/%s/%s/5060"%s' . "\n",
		strftime('%Y-%m-%d %H:%M:%S', gmtime $time), $event, strftime('%Y-%m-%dT%H:%M:%S', gmtime $time),
		$event eq 'SuccessfulAuth' ? 'Informational' : 'Error', $user, rand 1e9, $transport, $transport, $ip, $tail;
}

for (1 .. $lines) {
	$time += int rand 4;
	my $n = int rand $phones;
	my $what = rand 100;
	my $agent = 'Yealink SIP-T46S 66.86.0.15 ' . join ':', mac($n) =~ /../g;
	if ($what < 75) { web($home[$n], mac($n) . '.cfg', 200, $agent) }
	elsif ($what < 80) { web($home[$n], 'y000000000028.cfg', 404, $agent) }
	elsif ($what < 85) { web($home[rand @home], mac($n) . '.cfg', 403, $agent) }
	elsif ($what < 86) { web($scanner[rand @scanner], mac($n) . '.cfg', 200, 'curl/8.0') }
	elsif ($what < 91) { web($scanner[rand @scanner], mac(100000 + int rand 5000) . '.cfg', 404, '-') }
	elsif ($what < 94) { sip('InvalidPassword', $scanner[rand @scanner], 1000 + int rand 50, 'UDP') }
	elsif ($what < 96) { sip('InvalidAccountID', $scanner[rand @scanner], 5000 + int rand 50, 'TCP') }
	elsif ($what < 99) { sip('SuccessfulAuth', $home[$n], 1000 + $n, 'UDP') }
	else { print $web "not a line of any format at all $_\n" }
}
close $web or die "$folder/web.log: $!\n";
close $sip or die "$folder/sip.log: $!\n";
