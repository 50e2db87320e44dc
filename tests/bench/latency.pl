#!/usr/bin/perl
# From a line written to a packet dropped: for each address in turn writes a line that bans it, and asks an echo server from that address
# every half millisecond until there is no answer any more.
#
#   latency.pl serve ADDRESS PORT               the echo server
#   latency.pl probe LOG SERVER PORT ADDRESS... prints the milliseconds of each, one a line
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(strftime);
use Time::HiRes qw(time sleep);

my $what = shift;
if ($what eq 'serve') {
	my ($address, $port) = @ARGV;
	my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Proto => 'udp') or die "serve: $!\n";
	while (1) {
		my $from = $socket->recv(my $packet, 64) // next;
		$socket->send($packet, 0, $from);
	}
}
my ($log, $server, $port, @addresses) = @ARGV;
open my $file, '>>', $log or die "$log: $!\n";
$file->autoflush(1);
for my $address (@addresses) {
	my $socket = IO::Socket::INET->new(LocalAddr => $address, PeerAddr => $server, PeerPort => $port, Proto => 'udp', Blocking => 0)
		or die "probe $address: $!\n";
	my ($sent, $answered, $last) = (0, 0, time);
	while ($answered == 0) { # the way there is learnt first
		$socket->send('0 0');
		sleep 0.001;
		$answered++ if defined $socket->recv(my $packet, 64);
		die "probe $address: no answer from $server\n" if time - $last > 5;
	}
	my $written = time;
	printf $file "%s sbc kamailio[7]: NOTICE: <script>: provctl: scan src=%s proto=tls user=x realm=x callid=x\n",
		strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), $address;
	$last = $written;
	my $alive = $written;
	while (time - $alive < 0.1 && time - $written < 5) {
		$socket->send('1 ' . time);
		sleep 0.0005;
		while (defined $socket->recv(my $packet, 64)) {
			my ($round, $then) = split / /, $packet;
			$alive = $then if $round && $then > $alive;
		}
	}
	printf "%.3f\n", 1000 * ($alive - $written);
}
