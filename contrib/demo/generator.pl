#!/usr/bin/perl
# A config generator as small as can be, for the quick start: serves MAC.cfg of the phones that it knows, where the lock-state file
# allows. Behind a web server that tells the client's address in X-Real-IP.
#
#   generator.pl PORT LOCKSTATE MAC...
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../readers";
use IO::Socket::INET;
use Lockstate;

my ($port, $lockstate, @macs) = @ARGV;
my %phone = map { $_ => 1 } @macs;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1)
	or die "generator: port $port: $!\n";
$SIG{PIPE} = 'IGNORE';
while (1) {
	my $client = $listener->accept or next;
	local $/ = "\r\n";
	my ($request, $ip) = ('', '');
	while (defined(my $line = <$client>)) {
		chomp $line;
		last if $line eq '';
		$request ||= $line;
		$ip = $1 if $line =~ /^X-Real-IP: *(\S+)/i;
	}
	my $mac = $request =~ m{^GET /([0-9a-f]{12})\.cfg } ? $1 : '';
	my $status = $phone{$mac} ? Lockstate::verdict($lockstate, $mac, $ip, time) : 404;
	my $body = $status == 200 ? "account.1.user_name = $mac\naccount.1.password = secret\n" : "$status\n";
	print $client "HTTP/1.0 $status\r\nContent-Type: text/plain\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	close $client;
}
